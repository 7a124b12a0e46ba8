//! Keys and values in text: `key=value`, `key: value`, headers, elements of XML, tuples, and a name whose value stands under
//! another key.
//!
//! It refuses to hide prose: what follows `token` or `Authorization` in a sentence is no secret. Where a value ends is said
//! at [`word_end`] and [`clause_end`].

use super::constructors::inside_of_constructors;
use super::keys::{self, Meaning, Rule};
use super::lines::{self, Below, Lists};
use super::values::{
    ABOUT_PASSWORDS, SCHEMES, are_credentials, beginning, is_dense, is_secret_list, is_secret_text, is_sentence,
    is_short_and_plain, is_told_in_brackets,
};
use super::views::{KEY_END, escape};
use super::{CONFIGURED, Redactor, separators};

/// How far a value may stand behind its name, or a name behind its value.
const NAME_TO_VALUE_BYTES_MAX: usize = 256;

/// Bytes of a name whose value stands under another key.
pub(crate) const NAME_BYTES_MAX: usize = 128;

/// Bytes of an element's opening tag.
pub(super) const TAG_BYTES_MAX: usize = 512;

/// A quote within text within text is escaped fifteen times at the fourth nesting; more is no quote.
pub(super) const QUOTE_ESCAPES_MAX: usize = 15;

/// Where a value was found.
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_quoted: bool,
    /// Whether blanks stand between separator and value, as in prose.
    is_spaced: bool,
    /// Whether it is what stands between brackets: a list, or what a constructor was given.
    is_list: bool,
    /// Whether it stands on the line below its key.
    is_below: bool,
}

impl Value {
    pub(super) fn quoted(start: usize, end: usize, is_spaced: bool) -> Value {
        Value { start, end, is_quoted: true, is_spaced, is_list: false, is_below: false }
    }

    fn word(start: usize, end: usize, is_spaced: bool) -> Value {
        Value { is_quoted: false, ..Value::quoted(start, end, is_spaced) }
    }

    fn list(start: usize, end: usize, is_spaced: bool) -> Value {
        Value { is_list: true, ..Value::word(start, end, is_spaced) }
    }
}

/// How far a search went: from where, to where it found its end.
type Memo = (usize, usize);

/// A text and how far it was looked at: the ends of values that overlap are found once, whatever the text.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    word: Memo,
    clauses: [Memo; 4],
    /// Where prose stops within a clause.
    stops: [Memo; 2],
    line: Memo,
    element: Memo,
    brackets: [Memo; 3],
    rows: [Memo; 3],
    lists: Lists,
    quotes: [[Memo; QUOTE_ESCAPES_MAX + 1]; 3],
}

const NOT_LOOKED_AT: Memo = (usize::MAX, 0);

/// The end that was found from another place before, or a new one.
fn remembered(memo: &mut Memo, start: usize, find: impl FnOnce() -> usize) -> usize {
    if !(memo.0 <= start && start <= memo.1) {
        *memo = (start, find());
    }
    memo.1
}

fn kind_of_bracket(bracket: u8) -> usize {
    match bracket {
        b']' => 0,
        b')' => 1,
        _ => 2,
    }
}

/// Calls `hit` with the range and kind of every value of a pair that is a secret.
pub(crate) fn find(text: &str, redactor: &Redactor, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let mut reader = Reader::new(text);
    let bytes = text.as_bytes();
    let mut covered = 0;
    let mut pending: Option<(Meaning, usize)> = None;
    let mut stray: Option<(usize, usize)> = None;
    if !text.is_ascii() {
        wide(text, redactor, &mut reader, hit);
    }
    for at in memchr::memchr3_iter(b'=', b':', b'>', bytes) {
        if at < covered {
            continue;
        }
        // Scala writes maps as `key -> value`.
        let is_arrow = bytes[at] == b'>' && at.checked_sub(1).is_some_and(|before| bytes[before] == b'-');
        if bytes[at] == b'>' && !is_arrow {
            if let Some((start, end, kind)) = reader.element(at, redactor, &mut pending) {
                covered = end;
                hit(start, end, kind);
            }
            continue;
        }
        let (key_start, key_end) = key_before(bytes, at - usize::from(is_arrow));
        if key_start == key_end || matches!(bytes[key_end..at], [.., b' ']) && bytes[at] == b':' {
            // Clojure's `:password "x"`.
            if let Some((start, end, kind)) = reader.keyword(at, redactor) {
                covered = end;
                hit(start, end, kind);
                continue;
            }
        }
        if key_start == key_end {
            continue;
        }
        let key = &text[key_start..key_end];
        // What stands between the colons of a resource's name is no pair.
        if key == "arn" && bytes[at..].starts_with(b":aws") {
            covered = at + bytes[at..].iter().take_while(|byte| is_of_arn(**byte)).count();
            continue;
        }
        // PHP writes `s:8:"password";s:7:"hunter2";`, and `password|s:7:"hunter2";` in its sessions.
        if bytes[..key_start].ends_with(b"s:") && key.bytes().all(|byte| byte.is_ascii_digit()) {
            if let Some((start, end, kind)) = reader.serialized(key_start, at, redactor) {
                covered = end;
                hit(start, end, kind);
            }
            continue;
        }
        // `at login (/src/password.js:12:34)`, `Password.cs:line 12`: a place in a file.
        if names_source_file(key) && is_place(&bytes[at + 1..]) {
            continue;
        }
        // `/password/:token`, `/password -> users#password`: a route.
        if key.ends_with('/')
            || is_arrow && key.starts_with('/')
            || bytes[at] == b':' && is_address(bytes, key_start, key, at)
        {
            continue;
        }
        if let Some(meaning) = redactor.meaning(key).or_else(|| several_words(text, key_start, key_end, redactor)) {
            let is_asked_for = meaning.kind == CONFIGURED;
            if !is_asked_for && separators::is_none(bytes, key_start, key_end, at) {
                continue;
            }
            let separator = separators::before_value(bytes, at);
            // What stands before it is a type.
            covered = covered.max(separator);
            let mut found = reader.secret_value(key_start, separator, meaning);
            while let Some((start, end)) = found {
                covered = end;
                hit(start, end, meaning.kind);
                found = reader.changed(end, meaning);
            }
        } else if keys::is_name(key) {
            let Some(value) = reader.any_value(at).filter(|value| value.end - value.start <= NAME_BYTES_MAX) else {
                continue;
            };
            let name = &text[value.start..value.end];
            let meaning = redactor.meaning(name).filter(|meaning| {
                // Where a patch is one is seen by the shape of its JSON.
                keys::may_name(key, name, *meaning) && !keys::names_page(key, name)
            });
            let Some(meaning) = meaning.filter(|_| !names_source_file(name)) else { continue };
            if let Some((start, end)) = part_of_form(bytes, key_start, &value) {
                covered = end;
                hit(start, end, meaning.kind);
                continue;
            }
            match stray.take().filter(|(_, end)| is_near(bytes, *end, key_start, b'{')) {
                Some((start, end)) => hit(start, end, meaning.kind),
                None => pending = Some((meaning, value.end)),
            }
        } else if keys::is_value(key)
            && let Some(value) = reader.any_value(at)
        {
            match pending.filter(|(_, end)| is_near(bytes, *end, key_start, b'}')) {
                Some((meaning, _)) if is_secret_text(&text[value.start..value.end], meaning, true) => {
                    pending = None;
                    covered = value.end;
                    hit(value.start, value.end, meaning.kind);
                }
                _ => stray = Some((value.start, value.end)),
            }
        }
    }
}

/// Pairs whose separator is a full-width colon or equals sign, as Chinese and Japanese texts have.
fn wide(text: &str, redactor: &Redactor, reader: &mut Reader<'_>, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let bytes = text.as_bytes();
    let mut covered = 0;
    for at in memchr::memmem::find_iter(bytes, b"\xef\xbc") {
        // The last byte of the character stands where a separator does.
        let last = at + 2;
        if at < covered || !matches!(bytes.get(last), Some(0x9a | 0x9d)) {
            continue;
        }
        let end = at - bytes[..at].iter().rev().take(8).take_while(|byte| matches!(byte, b' ' | b'"' | b'\'')).count();
        let length = bytes[..end].iter().rev().take(NAME_BYTES_MAX).take_while(|byte| is_of_key(**byte)).count();
        let Some(key) = text.get(end - length..end) else { continue };
        let Some(meaning) = redactor.meaning(key) else { continue };
        if let Some((start, end)) = reader.secret_value(end - length, last, meaning) {
            covered = end;
            hit(start, end, meaning.kind);
        }
    }
}

/// What stands in the part of a form (RFC 7578) whose header has this name: behind an empty line, up to the boundary.
fn part_of_form(bytes: &[u8], key_start: usize, name: &Value) -> Option<(usize, usize)> {
    const HEADERS_BYTES_MAX: usize = 256;
    const DISPOSITION: &[u8] = b"form-data; ";
    if !bytes[..key_start].ends_with(DISPOSITION) {
        return None;
    }
    let headers = &bytes[name.end..bytes.len().min(name.end + HEADERS_BYTES_MAX)];
    let (blank, length) = memchr::memmem::find(headers, b"\r\n\r\n")
        .map(|at| (at, 4))
        .or_else(|| memchr::memmem::find(headers, b"\n\n").map(|at| (at, 2)))?;
    let start = name.end + blank + length;
    let end = memchr::memmem::find(&bytes[start..], b"\n--").map_or(bytes.len(), |length| start + length);
    let end = end - usize::from(bytes[start..end].ends_with(b"\r"));
    (start < end).then_some((start, end))
}

/// Whether a key is the name of a file of source code.
pub(crate) fn names_source_file(key: &str) -> bool {
    const SUFFIXES: [&str; 26] = [
        "java", "kt", "scala", "groovy", "clj", "js", "mjs", "cjs", "ts", "tsx", "jsx", "py", "rb", "go", "rs", "cs",
        "fs", "php", "ex", "exs", "swift", "cpp", "html", "css", "vue", "md",
    ];
    key.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix))
}

/// Whether what stands behind a file's name is a place in it: a line, or a line by name.
fn is_place(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    const LINE_DIGITS_MAX: usize = 7;
    let ends = bytes.get(digits).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (1..=LINE_DIGITS_MAX).contains(&digits) && ends || bytes.starts_with(b"line ")
}

/// Whether the key is a host whose port stands behind it, `password-db:5432`, or a class whose line does, `Password:31 -`.
fn is_address(bytes: &[u8], key_start: usize, key: &str, at: usize) -> bool {
    const PORT_DIGITS: std::ops::RangeInclusive<usize> = 1..=5;
    let digits = bytes[at + 1..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let behind = &bytes[at + 1 + digits..];
    let ends =
        behind.first().is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b',' | b')' | b']'));
    if !PORT_DIGITS.contains(&digits) || !ends {
        return false;
    }
    const BEFORE_HOSTS: &[&[u8]] = &[
        b"host",
        b"service",
        b"server",
        b"upstream",
        b"to",
        b"at",
        b"on",
        b"connect",
        b"connecting",
        b"from",
        b"dial",
        b"tcp",
    ];
    let before = bytes[..key_start].trim_ascii_end();
    let word = before.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = before[before.len() - word..].to_ascii_lowercase();
    let is_host = BEFORE_HOSTS.contains(&&*word) || before.ends_with(b"//") || before.ends_with(b"@");
    // Loggers write a class and its line, and a sign before the message.
    let is_class =
        key.rsplit('.').next().is_some_and(|class| class.starts_with(|first: char| first.is_ascii_uppercase()))
            && key.bytes().any(|byte| byte.is_ascii_lowercase())
            && (behind.starts_with(b" - ") || behind.starts_with(b")") || behind.starts_with(b"]"));
    is_host || is_class
}

/// Whether name and value stand near each other and `brace` does not part them.
fn is_near(bytes: &[u8], from: usize, to: usize, brace: u8) -> bool {
    from <= to && to - from <= NAME_TO_VALUE_BYTES_MAX && memchr::memchr(brace, &bytes[from..to]).is_none()
}

/// The word before the separator at `at`, without the quotes, backslashes, brackets and blanks between. No separator stands
/// between, so that no byte is looked at for two of them.
pub(crate) fn key_before(bytes: &[u8], at: usize) -> (usize, usize) {
    let between = |byte: &&u8| matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b' ' | b'\t' | b']');
    let mut end = at - bytes[..at].iter().rev().take_while(between).count();
    // Erlang's `<<"key">>`.
    if bytes[..end].ends_with(b"\">>") {
        end -= 2;
        end -= bytes[..end].iter().rev().take_while(between).count();
    }
    (end - bytes[..end].iter().rev().take_while(|byte| is_of_key(**byte)).count(), end)
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'/' | b'$' | b'@')
}

fn is_of_arn(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-' | b'.' | b'*' | b'+' | b'@' | b'$')
}

/// The meaning of `api key`, `card number` and the like, written as words.
fn several_words(text: &str, start: usize, end: usize, redactor: &Redactor) -> Option<Meaning> {
    const HEADS: &[&str] = &["key", "number", "string", "id", "code", "signature"];
    const WORDS_MAX: usize = 2;
    if !HEADS.iter().any(|head| text[start..end].eq_ignore_ascii_case(head)) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut start = start;
    for _ in 0..WORDS_MAX {
        let blank = start.checked_sub(1).filter(|blank| bytes[*blank] == b' ')?;
        let length = bytes[..blank]
            .iter()
            .rev()
            .take(32)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
            .count();
        if length == 0 {
            return None;
        }
        start = blank - length;
        if let Some(meaning) = redactor.meaning(&text[start..end]) {
            return Some(meaning);
        }
    }
    None
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            bytes: text.as_bytes(),
            word: NOT_LOOKED_AT,
            clauses: [NOT_LOOKED_AT; 4],
            stops: [NOT_LOOKED_AT; 2],
            line: NOT_LOOKED_AT,
            element: NOT_LOOKED_AT,
            brackets: [NOT_LOOKED_AT; 3],
            rows: [NOT_LOOKED_AT; 3],
            lists: Lists::default(),
            quotes: [[NOT_LOOKED_AT; QUOTE_ESCAPES_MAX + 1]; 3],
        }
    }

    /// Where the value behind the separator at `at` stands: on its line, or below it where the shape says so.
    pub(super) fn any_value(&mut self, at: usize) -> Option<Value> {
        let bytes = self.bytes;
        let (mut start, is_spaced) = self.value_start(at)?;
        if let Some((start, end)) = lines::block(bytes, at, start) {
            return (end > start).then_some(Value::quoted(start, end, is_spaced));
        }
        if let Some(line_end) = lines::behind_comment(bytes, at, start)
            && let Some(value) = self.below(at, line_end)
        {
            return Some(value);
        }
        if matches!(bytes.get(start), Some(b'\n' | b'\r')) {
            // PHP writes the value on a line of its own: var_dump whatever it is, var_export only what it quotes.
            if !bytes[at..].starts_with(b"=>") {
                return self.below(at, start);
            }
            start += 1 + bytes[start + 1..].iter().take(64).take_while(|byte| **byte == b' ').count();
            let is_exported =
                bytes.get(start..).is_some_and(|rest| rest.starts_with(b"'") || rest.starts_with(b"array ("));
            if is_spaced && !is_exported {
                return None;
            }
        }
        let (inside, bracket) = inside_of_constructors(bytes, start);
        if let Some((start, end)) = self.quoted(inside) {
            let escapes = bytes[end..].iter().take_while(|byte| **byte == b'\\').count();
            let behind = (end + escapes + 1).min(bytes.len());
            if self.is_closing_quote(start, end) {
                return None;
            }
            // Of a list of several texts, and of a map, all go.
            let goes_on = bracket.is_some() && matches!(bytes[behind..].trim_ascii_start(), [b',' | b':' | b'=', ..]);
            if !goes_on {
                return Some(Value { is_list: bracket == Some(b']'), ..Value::quoted(start, end, is_spaced) });
            }
        }
        match (bracket, bytes.get(inside)) {
            (Some(bracket), _) => self.in_brackets(inside, bracket, is_spaced),
            // A set of Python's has no colon behind its first text.
            (None, Some(b'{')) => {
                let (_, end) = self.quoted(inside + 1)?;
                let is_set = matches!(bytes.get(end + 1), Some(b',' | b'}'));
                is_set.then(|| Value::list(inside + 1, self.closing_bracket(inside + 1, b'}'), is_spaced))
            }
            (None, Some(b'(')) => None,
            _ => {
                let end = self.word_end(inside).min(bytes.len());
                (end > inside).then_some(Value::word(inside, end, is_spaced))
            }
        }
    }

    /// Where what stands behind the separator at `at` begins, and whether blanks stand before it; none where that is no value.
    fn value_start(&self, at: usize) -> Option<(usize, bool)> {
        let bytes = self.bytes;
        let mut start = at + 1;
        // `=>`, `:=`, `==` and `===` separate too; `::` parts the names of a path.
        match bytes.get(start) {
            Some(b'>') => start += 1,
            Some(b'=') => start += bytes[start..].iter().take(2).take_while(|byte| **byte == b'=').count(),
            Some(b':') => return None,
            _ => {}
        }
        let from = start;
        start += bytes[start.min(bytes.len())..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let is_spaced = start > from;
        // Spring says what it found in a field.
        const REJECTED: &[u8] = b"rejected value ";
        if bytes.get(start..)?.starts_with(REJECTED) {
            start += REJECTED.len();
        }
        if bytes[start..].starts_with(b"[redacted:") || bytes[start..].starts_with(b"(*") {
            return None;
        }
        Some((lines::behind_tag(bytes, at, start)?, is_spaced))
    }

    /// What stands from `start` up to the bracket that closes it, on its line or over rows.
    fn in_brackets(&mut self, start: usize, bracket: u8, is_spaced: bool) -> Option<Value> {
        let bytes = self.bytes;
        // What an escape stands for is seen at the next nesting.
        let is_escaped = bytes.get(start) == Some(&b'\\')
            && escape(bytes, start).is_some_and(|(character, _)| character.is_whitespace());
        if is_escaped {
            return None;
        }
        let (start, end) = match lines::first_row(bytes, start) {
            Some(first) => (first, self.rows_end(first, bracket)),
            None => (start, self.closing_bracket(start, bracket)),
        };
        (end > start).then_some(Value::list(start, end, is_spaced))
    }

    /// What stands below a key that is alone on its line, which ends at `line_end`.
    fn below(&mut self, at: usize, line_end: usize) -> Option<Value> {
        match lines::below(self.bytes, at, line_end)? {
            Below::List(start, depth) => {
                let (start, end) = self.lists.entries(self.bytes, start, depth)?;
                Some(Value::list(start, end, true))
            }
            Below::Line(start, end) => {
                let value = match self.quoted(start) {
                    Some((start, end)) => Value::quoted(start, end, true),
                    None => Value::word(start, end, true),
                };
                Some(Value { is_below: true, ..value })
            }
        }
    }

    /// Whether the quote before `start` closes a text in which the key stands: `"msg":"Password:"}`.
    fn is_closing_quote(&self, start: usize, end: usize) -> bool {
        let is_open = end == self.bytes.len();
        match &self.bytes[start..end] {
            [b' ' | b',' | b';' | b'}' | b']' | b')', ..] if is_open => true,
            [b'}' | b']' | b')'] | [b'}' | b']' | b')' | b';', b' ' | b',' | b'}' | b']' | b')' | b'\n', ..] => true,
            _ => false,
        }
    }

    /// Where the rows of a list end whose bracket stands on a line of its own.
    fn rows_end(&mut self, start: usize, bracket: u8) -> usize {
        let bytes = self.bytes;
        remembered(&mut self.rows[kind_of_bracket(bracket)], start, || {
            let end = lines::rows_end(bytes, start, bracket);
            start + bytes[start..end].trim_ascii_end().len()
        })
    }

    /// What a value that ends at `end` was changed to: Terraform's `"old" -> "new"`.
    fn changed(&mut self, end: usize, meaning: Meaning) -> Option<(usize, usize)> {
        let rest = &self.bytes[end..];
        let quotes = rest.iter().take(QUOTE_ESCAPES_MAX + 1).take_while(|byte| matches!(byte, b'"' | b'\\')).count();
        const ARROW: &[u8] = b" -> ";
        if quotes == 0 || !rest[quotes..].starts_with(ARROW) {
            return None;
        }
        let (start, end) = self.quoted(end + quotes + ARROW.len())?;
        is_secret_text(&self.text[start..end], meaning, true).then_some((start, end))
    }

    /// The text in quotes behind the keyword that the colon at `at` begins.
    fn keyword(&mut self, at: usize, redactor: &Redactor) -> Option<(usize, usize, &'static str)> {
        let (text, bytes) = (self.text, self.bytes);
        let name = at + 1;
        let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
        let length = bytes[name..].iter().take(NAME_BYTES_MAX).take_while(of_name).count();
        let blank = name + length;
        if bytes[at] != b':' || length == 0 || bytes.get(blank) != Some(&b' ') {
            return None;
        }
        let meaning = redactor.meaning(text.get(name..blank)?)?;
        let (start, end) = self.quoted(blank + 1)?;
        is_secret_text(&text[start..end], meaning, true).then_some((start, end, meaning.kind))
    }

    /// The text behind a name in what PHP serializes. The length of the name, or of the text where a session's name stands
    /// before it, stands between `length_start` and the separator at `at`.
    fn serialized(
        &mut self,
        length_start: usize,
        at: usize,
        redactor: &Redactor,
    ) -> Option<(usize, usize, &'static str)> {
        let (text, bytes) = (self.text, self.bytes);
        if let Some(before) = bytes[..length_start].strip_suffix(b"|s:") {
            let length = before.iter().rev().take(NAME_BYTES_MAX).take_while(|byte| is_of_key(**byte)).count();
            let meaning = redactor.meaning(text.get(before.len() - length..before.len())?)?;
            let (start, end) = self.quoted(at + 1)?;
            return is_secret_text(&text[start..end], meaning, true).then_some((start, end, meaning.kind));
        }
        let (name, name_end) = self.quoted(at + 1).filter(|(start, end)| end - start <= NAME_BYTES_MAX)?;
        let meaning = redactor.meaning(&text[name..name_end])?;
        let escapes = bytes[name_end..].iter().take_while(|byte| **byte == b'\\').count();
        let length = name_end + escapes + 1;
        let rest = bytes.get(length..)?.strip_prefix(b";s:")?;
        let digits = rest.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        let (start, end) = self.quoted(length + 3 + digits + 1)?;
        is_secret_text(&text[start..end], meaning, true).then_some((start, end, meaning.kind))
    }

    /// What stands between the quotes at `start`, if there are any: one or three, escaped or doubled, behind the letters
    /// with which languages mark bytes and raw text.
    pub(super) fn quoted(&mut self, start: usize) -> Option<(usize, usize)> {
        const LETTERS: &[u8] = b"bBrRuUfFcCsS@$~";
        let bytes = self.bytes;
        let letters = bytes.get(start..)?.iter().take(2).take_while(|byte| LETTERS.contains(byte)).count();
        for skipped in [letters, 0] {
            let from = start + skipped;
            let escapes = bytes.get(from..)?.iter().take_while(|byte| **byte == b'\\').count();
            let quote = bytes.get(from + escapes).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
            let Some(quote) = quote.filter(|_| escapes <= QUOTE_ESCAPES_MAX) else { continue };
            let mark = &bytes[from..from + escapes + 1];
            let mut start = from + mark.len();
            // Python's three quotes, and a quote that CSV doubles: what is empty ends here, and no letter follows it.
            let more = bytes[start..].chunks(mark.len()).take(2).take_while(|chunk| *chunk == mark).count();
            let behind = start + more * mark.len();
            if more > 0 && bytes.get(behind).is_some_and(|next| next.is_ascii_graphic() && !b",;)]}&<".contains(next)) {
                start = behind;
            }
            return Some((start, self.closing_quote(start, quote, escapes)));
        }
        None
    }

    /// The bracket that closes what begins at `start`, or the end of the line.
    fn closing_bracket(&mut self, start: usize, bracket: u8) -> usize {
        let bytes = self.bytes;
        remembered(&mut self.brackets[kind_of_bracket(bracket)], start, || {
            memchr::memchr2_iter(bracket, b'\n', &bytes[start..])
                .map(|ahead| start + ahead)
                .find(|at| bytes[*at] == b'\n' || !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric))
                .unwrap_or(bytes.len())
        })
    }

    /// The quote that is escaped as often as the opening one, or the end of the text.
    pub(super) fn closing_quote(&mut self, start: usize, quote: u8, escapes: usize) -> usize {
        let bytes = self.bytes;
        let kind = match quote {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        remembered(&mut self.quotes[kind][escapes], start, || {
            memchr::memchr_iter(quote, &bytes[start..])
                .map(|ahead| start + ahead)
                .find(|at| {
                    let most = escapes + 1;
                    !is_doubled(bytes, start, *at)
                        && bytes[start..*at].iter().rev().take(most).take_while(|byte| **byte == b'\\').count()
                            == escapes
                })
                .map_or(bytes.len(), |at| at - escapes)
        })
    }

    fn word_end(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        remembered(&mut self.word, start, || word_end(bytes, start))
    }

    fn clause_end(&mut self, start: usize, separator: u8, semicolon_ends: bool) -> usize {
        let bytes = self.bytes;
        let memo = &mut self.clauses[usize::from(separator == b'=') * 2 + usize::from(semicolon_ends)];
        remembered(memo, start, || {
            let end = clause_end(bytes, start, separator, semicolon_ends);
            end - bytes[start..end].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
        })
    }

    /// Where prose stops in the clause that goes on from `start` to `end`: at a comma that parts clauses, before a further pair
    /// or sentence.
    fn prose_end(&mut self, start: usize, end: usize, separator: u8) -> usize {
        let clause = &self.bytes[..end];
        remembered(&mut self.stops[usize::from(separator == b'=')], start, || {
            (start..end)
                .find(|at| match clause[*at] {
                    b',' | b';' => matches!(clause.get(at + 1), None | Some(b' ')),
                    b'.' | b'!' => matches!(clause.get(at + 1), Some(b' ')),
                    b' ' => {
                        let rest = &clause[at + 1..];
                        let length = rest.iter().take(64).take_while(|byte| is_of_key(**byte)).count();
                        length > 0 && matches!(rest.get(length), Some(b'=' | b':'))
                    }
                    _ => false,
                })
                .unwrap_or(end)
        })
    }

    /// What stands behind the opening sign of a CDATA section, which ends at `start`.
    fn cdata_end(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        remembered(&mut self.element, start, || {
            memchr::memmem::find(&bytes[start..], b"]]>").map_or(bytes.len(), |length| start + length)
        })
    }

    /// The end of the line, or of the text in which it stands.
    pub(super) fn line_end(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        remembered(&mut self.line, start, || {
            memchr::memchr3(b'\n', b'\r', b'"', &bytes[start..]).map_or(bytes.len(), |length| start + length)
        })
    }

    /// The range to hide behind the separator at `at`.
    fn secret_value(&mut self, key_start: usize, at: usize, meaning: Meaning) -> Option<(usize, usize)> {
        let (text, bytes) = (self.text, self.bytes);
        let value = self.any_value(at)?;
        let whole = &text[value.start..value.end];
        if meaning.kind == "token" && separators::is_of_parser(bytes, key_start) && is_short_and_plain(whole) {
            return None;
        }
        let is_header = matches!(meaning.kind, "authorization" | "cookie");
        if value.is_below && !value.is_quoted && !is_header && whole.contains(' ') {
            return None;
        }
        if value.is_quoted {
            // What validators say of a field stands in lists.
            let is_said = value.is_list && meaning.rule == Rule::All && is_sentence(whole);
            return (!is_said && is_secret_text(whole, meaning, true)).then_some((value.start, value.end));
        }
        if let Some(default) = code(text, value.start) {
            return default;
        }
        if value.is_list {
            let is_told = is_told_in_brackets(&bytes[..value.start], whole);
            return (!is_told && is_secret_list(whole, meaning)).then_some((value.start, value.end));
        }
        let (start, end) = match meaning.kind {
            "authorization" => {
                let (start, end) = self.authorization(value.start, bytes[at])?;
                (start, lines::folded(bytes, start, end))
            }
            "cookie" => {
                let (start, end) = self.cookie(value.start, value.end, bytes[at]);
                (start, lines::folded(bytes, start, end))
            }
            _ if value.is_spaced => self.prose(key_start, &value, bytes[at], meaning)?,
            _ => (value.start, value.end),
        };
        let word = &text[start..end];
        let is_prose =
            matches!(meaning.kind, "token" | "cookie" | "credential" | "signature" | "secret" | "session" | "jwt");
        let is_plain = is_short_and_plain(word);
        let is_name = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if is_prose && is_plain && (value.is_spaced || is_name) {
            return None;
        }
        // `login: password -> confirm` goes from one state to another.
        if bytes[at] == b'>' && is_plain && matches!(bytes.get(end), None | Some(b' ' | b'\n' | b'\r' | b'"' | b'\\')) {
            return None;
        }
        let key = text.get(key_start..at).unwrap_or_default();
        // `this.password = password;`
        if value.is_spaced && key.trim_end().strip_suffix(word).is_some_and(|object| object.ends_with('.')) {
            return None;
        }
        if meaning.kind == "password" && meaning.rule == Rule::Text && value.is_spaced {
            // `first pass: 120ms`.
            let unit =
                word.trim_start_matches(|first: char| first.is_ascii_digit() || matches!(first, '.' | ',' | '/'));
            let is_measured =
                unit.len() < word.len() && matches!(unit, "" | "ms" | "s" | "us" | "ns" | "m" | "h" | "%" | "x");
            if is_plain || is_measured && key.trim_end().eq_ignore_ascii_case("pass") {
                return None;
            }
        }
        is_secret_text(word, meaning, false).then_some((start, end))
    }

    /// Credentials end at the line, or before another header on the same one.
    fn authorization(&mut self, start: usize, separator: u8) -> Option<(usize, usize)> {
        let (text, bytes) = (self.text, self.bytes);
        let first = self.word_end(start);
        let is_scheme = SCHEMES.iter().any(|scheme| text[start..first].eq_ignore_ascii_case(scheme));
        if is_scheme && bytes.get(first).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            let blanks = bytes[first..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let mut end = self.parameter_end(first + blanks);
            // `Credential=…, SignedHeaders=…, Signature=…`
            while let Some(b',') = bytes.get(end) {
                let blanks = bytes[end + 1..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let name = end + 1 + blanks;
                let length = bytes[name..]
                    .iter()
                    .take(32)
                    .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                    .count();
                let word = &text[name..name + length];
                let is_parameter = bytes.get(name + length) == Some(&b'=')
                    && (PARAMETERS.iter().any(|known| word.eq_ignore_ascii_case(known)) || word.starts_with("oauth_"));
                if !is_parameter {
                    break;
                }
                end = self.parameter_end(name);
            }
            return Some((start, end));
        }
        let end = self.clause_end(start, separator, false);
        // What follows the scheme may stand on the next line.
        if is_scheme && end == first && lines::folded(bytes, start, end) > end {
            return Some((start, end));
        }
        // `auth=success user=bob`: what follows a plain word is another pair.
        let is_pair = bytes.get(first) == Some(&b' ') && another_pair(bytes, first + 1);
        let end = if is_pair { first } else { end };
        let clause = beginning(&text[start..end]);
        if !are_credentials(clause) {
            return None;
        }
        if clause.split_whitespace().count() <= 2 {
            return Some((start, end));
        }
        // Within a sentence only what is too dense for a word.
        let word = clause.split_whitespace().find(|word| is_dense(word))?;
        let at = start + clause.find(word)?;
        Some((at, at + word.len()))
    }

    /// The end of `name=value`, `name="value"` or of a word.
    fn parameter_end(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        let name =
            bytes[start..].iter().take(32).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if bytes.get(start + name) == Some(&b'=')
            && let Some(value) = self.any_value(start + name).filter(|value| value.is_quoted)
        {
            // The closing quote may be escaped.
            let escapes = bytes[value.end..].iter().take_while(|byte| **byte == b'\\').count();
            return (value.end + escapes + 1).min(bytes.len());
        }
        self.word_end(start)
    }

    /// Cookies end at the line, or before another header on the same one.
    fn cookie(&mut self, start: usize, word_end: usize, separator: u8) -> (usize, usize) {
        match memchr::memchr(b'=', &self.bytes[start..word_end]) {
            Some(_) => (start, self.clause_end(start, separator, false)),
            None => (start, word_end),
        }
    }

    /// The value behind `password: `. In a line that begins with the key it is the rest of the line; within a line it is what
    /// stands before a comma, a semicolon or a further pair, if that is a word or two; of more words only one that is no plain
    /// word is taken for it. A sentence about passwords holds none.
    fn prose(&mut self, key_start: usize, value: &Value, separator: u8, meaning: Meaning) -> Option<(usize, usize)> {
        if meaning.rule != Rule::All {
            return Some((value.start, value.end));
        }
        let (text, bytes) = (self.text, self.bytes);
        let word = &text[value.start..value.end];
        let plain = word.trim_end_matches(['.', ',', '!', '?', ';']);
        if ABOUT_PASSWORDS.iter().any(|about| plain.eq_ignore_ascii_case(about)) {
            return None;
        }
        let end = self.clause_end(value.start, separator, true);
        let end = self.prose_end(value.start, end, separator);
        let end = end.max(value.end.min(end.max(value.start + 1)));
        let words = text[value.start..end].split_whitespace().take(4).count();
        let line_start = bytes[..key_start]
            .iter()
            .rev()
            .take_while(|byte| !matches!(**byte, b'\n' | b'\r') && **byte != KEY_END as u8)
            .take(16)
            .all(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'' | b'{'));
        let is_plain = word.bytes().all(|byte| byte.is_ascii_alphabetic());
        // What a validator says: "Path `password` is required."
        let clause = beginning(&text[value.start..end]);
        if words > 3
            && is_plain
            && ["is required", "must be", "must have", "is invalid", "should be"]
                .iter()
                .any(|says| clause.contains(says))
        {
            return None;
        }
        match words {
            0..=2 => Some((value.start, end)),
            _ if line_start => Some((value.start, end)),
            _ if is_plain => None,
            _ => Some((value.start, value.end.min(end))),
        }
    }

    /// The text of the element whose opening tag ends at `at`.
    fn element(
        &mut self,
        at: usize,
        redactor: &Redactor,
        pending: &mut Option<(Meaning, usize)>,
    ) -> Option<(usize, usize, &'static str)> {
        let (text, bytes) = (self.text, self.bytes);
        let from = at.saturating_sub(TAG_BYTES_MAX);
        let open = from + memchr::memrchr2(b'<', b'>', &bytes[from..at]).filter(|open| bytes[from + open] == b'<')?;
        let length = bytes[open + 1..at].iter().take_while(|byte| is_of_key(**byte) || **byte == b':').count();
        let tag = text.get(open + 1..open + 1 + length)?;
        if tag.is_empty() || tag.starts_with('/') || bytes[at - 1] == b'/' {
            return None;
        }
        let local = tag.rsplit(':').next().unwrap_or(tag);
        // `<property name="password">`, `<name>password</name><value>…</value>`, and plists' `<key>` and `<string>`.
        let is_of_name = keys::is_value(local) || matches!(local, "string" | "data");
        let named =
            pending.take().filter(|(_, name)| *name > open || (is_of_name && is_near(bytes, *name, open, b'=')));
        let is_empty = || bytes[at + 1..].trim_ascii_start().starts_with(b"<") && !bytes[at + 1..].starts_with(b"<!");
        if redactor.meaning(local).is_none() && named.is_some() && is_empty() {
            // `<property name="password"><value>…`: the value stands further in.
            *pending = named.map(|(meaning, _)| (meaning, at));
            return None;
        }
        let Some(meaning) = redactor.meaning(local).or(named.map(|(meaning, _)| meaning)) else {
            if keys::is_name(local) {
                let name = &bytes[at + 1..bytes.len().min(at + 1 + NAME_BYTES_MAX)];
                let end = at + 1 + memchr::memchr(b'<', name)?;
                *pending = redactor.meaning(text.get(at + 1..end)?.trim()).map(|meaning| (meaning, end));
            }
            return None;
        };
        let (mut start, mut end);
        start = at + 1;
        const CDATA: &[u8] = b"<![CDATA[";
        if bytes[start..].starts_with(CDATA) {
            start += CDATA.len();
            end = self.cdata_end(start);
        } else {
            end = memchr::memchr(b'<', &bytes[start..]).map_or(bytes.len(), |length| start + length);
            // A cut element ends with its line.
            if end == bytes.len() {
                end = memchr::memchr(b'\n', &bytes[start..]).map_or(end, |length| start + length);
            }
        }
        // `password: <your-password>` is a place holder, no element.
        let before = bytes[..open].iter().rev().take(8).find(|byte| !matches!(byte, b' ' | b'\t'));
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b')' | b'"' | b'\'');
        if matches!(before, Some(b':' | b'=')) && bytes.get(at + 1).is_none_or(is_end) {
            return None;
        }
        is_secret_text(&text[start..end], meaning, true).then_some((start, end, meaning.kind))
    }
}

/// Whether the quote at `at` is one of two that stand for one within a text of YAML or SQL: `'it''s'`.
fn is_doubled(bytes: &[u8], start: usize, at: usize) -> bool {
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let is_quote = |at: usize| bytes.get(at) == Some(&b'\'');
    is_quote(at)
        && at > start
        && (is_quote(at + 1) && is_letter(at + 2) && is_letter(at - 1) || is_quote(at - 1) && is_letter(at + 1))
}

/// Where an unquoted value is code that says where the value comes from: `os.getenv("X")`, `process.env.X`, `config.token`.
/// Within may be what is used otherwise, which is returned.
fn code(text: &str, start: usize) -> Option<Option<(usize, usize)>> {
    const CODE_BYTES_MAX: usize = 128;
    let bytes = text.as_bytes();
    let rest = &bytes[start..bytes.len().min(start + CODE_BYTES_MAX)];
    let of_path = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'$' | b'?' | b'!');
    if !rest.first().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'_' | b'$')) {
        return None;
    }
    let length = rest.iter().take_while(of_path).count();
    let path = &rest[..length];
    let is_path = memchr::memchr2(b'.', b':', path).is_some();
    const VERBS: &[&[u8]] = &[b"get", b"read", b"load", b"fetch", b"env", b"decrypt", b"require", b"find", b"input"];
    let is_verb = VERBS.iter().any(|verb| path.starts_with(verb)) || path.eq_ignore_ascii_case(b"env");
    let names_secret = |name: &[u8]| {
        name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && std::str::from_utf8(name).is_ok_and(|name| keys::meaning(name).is_some())
    };
    let bracket = rest.get(length).copied();
    match bracket {
        Some(b'(' | b'[') => {
            let escapes = rest[length + 1..].iter().take(4).take_while(|byte| **byte == b'\\').count();
            let inside = &rest[length + 1 + escapes..];
            let is_index = bracket == Some(b'[') && !path.iter().any(u8::is_ascii_digit);
            let is_call = is_path || is_verb;
            match inside.first().copied() {
                Some(quote @ (b'"' | b'\'')) if is_call || is_index => {
                    let closing = memchr::memchr(quote, &inside[1..])? + 2;
                    let comma = inside[closing..].iter().take_while(|byte| matches!(byte, b' ' | b',')).count();
                    let default = closing + comma;
                    if comma > 0 && inside.get(default) == Some(&quote) {
                        let from = start + length + 1 + default + 1;
                        let end = memchr::memchr(quote, &inside[default + 1..])?;
                        return Some(Some((from, from + end)));
                    }
                    // What is escaped here is looked at again, and its default with it.
                    (escapes > 0 || matches!(inside.get(closing), Some(b')' | b']'))).then_some(None)
                }
                Some(b')' | b':') if is_call || is_index => Some(None),
                Some(byte) if byte.is_ascii_alphabetic() => {
                    let name = inside.iter().take_while(of_path).count();
                    let is_type = |name: &[u8]| name.first().is_some_and(u8::is_ascii_uppercase);
                    match inside.get(name) {
                        // `CharField(max_length=128)`, `Column(String(64))`, `bcrypt(password)`.
                        Some(b')' | b']' | b',' | b'=') if is_call => Some(None),
                        Some(b'(') if is_type(path) && is_type(inside) => Some(None),
                        Some(b')' | b',') if names_secret(&inside[..name]) => Some(None),
                        _ => None,
                    }
                }
                // `tokens[0]`.
                Some(byte) if byte.is_ascii_digit() && is_index && names_secret(path) => Some(None),
                _ => None,
            }
        }
        behind
            if is_path
                && behind.is_none_or(|byte| {
                    matches!(byte, b' ' | b';' | b',' | b')' | b'}' | b'\n' | b'\r' | b'"' | b'\'' | b'\\')
                }) =>
        {
            let is_env = path.starts_with(b"process.env.") || path.starts_with(b"import.meta.env.");
            let mut names = path.split(|byte| matches!(byte, b'.' | b':'));
            // `random_password.db.result`
            let last = names.next_back().unwrap_or_default();
            let is_name = names_secret(last) || last == b"result" && names.next().is_some_and(names_secret);
            (is_env || is_name).then_some(None)
        }
        _ => None,
    }
}

/// The end of an unquoted value that is one word. A blank ends it. A comma, a semicolon or `&` does where a blank, the end
/// or another pair follows, and a quote or bracket where no letter or digit does; else they are part of the secret. An
/// escape ends it as well: what it stands for is seen at the next nesting.
fn word_end(bytes: &[u8], start: usize) -> usize {
    (start..bytes.len())
        .find(|at| match bytes[*at] {
            b' ' | b'\t' | b'\n' | b'\r' => true,
            b'&' => escape(bytes, *at).is_some() || another_pair(bytes, *at + 1),
            b',' | b';' => another_pair(bytes, *at + 1),
            b'"' | b'\'' | b'`' | b')' | b'}' | b']' | b'>' => {
                !bytes.get(*at + 1).is_some_and(|next| next.is_ascii_alphanumeric() || *next >= 0x80)
            }
            b'<' => bytes.get(*at + 1) == Some(&b'/'),
            b'\\' => escape(bytes, *at).is_some(),
            _ => false,
        })
        .unwrap_or(bytes.len())
}

/// Whether nothing, a blank or another key with its separator stands at `at`.
fn another_pair(bytes: &[u8], at: usize) -> bool {
    const KEY_BYTES_MAX: usize = 64;
    let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { return true };
    if rest[0].is_ascii_whitespace() || matches!(rest[0], b'"' | b'\'' | b'}' | b']' | b')' | b'{') {
        return true;
    }
    let length = rest.iter().take(KEY_BYTES_MAX).take_while(|byte| is_of_key(**byte) || **byte == b'%').count();
    length > 0 && matches!(rest.get(length), Some(b'=' | b':'))
}

/// The end of an unquoted value of several words: the end of its line, a comma or semicolon before another pair, a bracket
/// or quote that closes.
fn clause_end(bytes: &[u8], start: usize, separator: u8, semicolon_ends: bool) -> usize {
    const KEY_BYTES_MAX: usize = 64;
    let names = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let length = rest.iter().take(KEY_BYTES_MAX).take_while(|byte| is_of_key(**byte)).count();
        length > 0 && rest.get(length) == Some(&separator)
    };
    (start..bytes.len())
        .find(|at| match bytes[*at] {
            b'\n' | b'\r' | b'"' => true,
            b',' => names(*at + 1),
            b';' => semicolon_ends && matches!(bytes.get(*at + 1), None | Some(b' ')),
            b'\'' | b'}' | b')' | b']' => {
                !bytes.get(*at + 1).is_some_and(|next| next.is_ascii_alphanumeric() || *next >= 0x80)
            }
            b'<' => bytes.get(*at + 1) == Some(&b'/'),
            b'\\' => escape(bytes, *at).is_some(),
            _ => false,
        })
        .unwrap_or(bytes.len())
}

/// The parameters that credentials of several parts have, which a comma does not end.
#[rustfmt::skip]
const PARAMETERS: &[&str] = &[
    "credential", "signedheaders", "signature", "username", "realm", "nonce", "uri", "response", "qop", "nc",
    "cnonce", "opaque", "algorithm", "userhash", "keyid", "headers", "created", "expires", "id", "ts", "mac", "ext",
    "hash", "app", "dlg",
];

/// Calls `hit` with the value of every tuple of a name and a value without quotes: .NET's `[X-Api-Key, x1]`, Scala's
/// `(Cookie,a=1)`, Erlang's `{password,"x"}`. Two plain words are a list of names.
pub(crate) fn tuples(text: &str, redactor: &Redactor, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let mut reader = Reader::new(text);
    for at in memchr::memchr3_iter(b'[', b'(', b'{', text.as_bytes()) {
        if let Some((start, end, kind)) = tuple(&mut reader, at, redactor) {
            hit(start, end, kind);
        }
    }
}

fn tuple(reader: &mut Reader<'_>, at: usize, redactor: &Redactor) -> Option<(usize, usize, &'static str)> {
    const VALUE_BYTES_MAX: usize = 8192;
    let (text, bytes) = (reader.text, reader.bytes);
    // Elixir's names are atoms: `{:password, "x"}`.
    let name = at + 1 + usize::from(bytes.get(at + 1) == Some(&b':'));
    let length = bytes[name..]
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    let comma = name + length;
    if length == 0 || bytes.get(comma) != Some(&b',') {
        return None;
    }
    let meaning = redactor.meaning(&text[name..comma])?;
    let start = comma + 1 + bytes[comma + 1..].iter().take(2).take_while(|byte| **byte == b' ').count();
    if let Some((start, end)) = reader.quoted(start) {
        return is_secret_text(&text[start..end], meaning, true).then_some((start, end, meaning.kind));
    }
    let bracket = match bytes[at] {
        b'[' => b']',
        b'(' => b')',
        _ => b'}',
    };
    let end = reader.closing_bracket(start, bracket);
    if end - start > VALUE_BYTES_MAX {
        return None;
    }
    let value = text[start..end].trim_end();
    let is_plain = || value.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b' '));
    // With more elements it is a list.
    let is_value =
        start < end && (meaning.kind == "cookie" || !value.contains(", ")) && !is_plain() && !is_sentence(value);
    (is_value && is_secret_text(value, meaning, true)).then_some((start, start + value.len(), meaning.kind))
}
