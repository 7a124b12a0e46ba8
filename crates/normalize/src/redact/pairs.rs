//! Keys and values in text: `key=value`, `key: value`, headers, elements of XML, options of commands, and a name whose value
//! stands under another key.
//!
//! It refuses to hide prose: what follows `token` or `Authorization` in a sentence is no secret. Where a value ends is said
//! at [`word_end`] and [`clause_end`].

use super::Redactor;
use super::keys::{self, Meaning, Rule};
use super::views::escape;

/// How far a value may stand behind its name, or a name behind its value.
const NAME_TO_VALUE_BYTES_MAX: usize = 256;

/// Bytes of a name whose value stands under another key.
pub(crate) const NAME_BYTES_MAX: usize = 128;

/// A quote within text within text is escaped fifteen times at the fourth nesting; more is no quote.
const QUOTE_ESCAPES_MAX: usize = 15;

/// Where a value was found.
struct Value {
    start: usize,
    end: usize,
    is_quoted: bool,
    /// Whether blanks stand between separator and value, as in prose.
    is_spaced: bool,
}

/// How far a search went: from where, to where it found its end.
type Memo = (usize, usize);

/// A text and how far it was looked at: the ends of values that overlap are found once, whatever the text.
struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    word: Memo,
    clauses: [Memo; 4],
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

/// Calls `hit` with the range and kind of every value of a pair that is a secret.
pub(crate) fn find(text: &str, redactor: &Redactor, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let mut reader = Reader::new(text);
    let bytes = text.as_bytes();
    let mut covered = 0;
    let mut pending: Option<(Meaning, usize)> = None;
    let mut stray: Option<(usize, usize)> = None;
    for at in memchr::memchr3_iter(b'=', b':', b'>', bytes) {
        if at < covered {
            continue;
        }
        // Scala writes maps as `key -> value`.
        let is_arrow = bytes[at] == b'>' && at.checked_sub(1).is_some_and(|before| bytes[before] == b'-');
        if bytes[at] == b'>' && !is_arrow {
            if let Some((start, end, kind)) = element(text, at, redactor, &mut pending) {
                covered = end;
                hit(start, end, kind);
            }
            continue;
        }
        let (key_start, key_end) = key_before(bytes, at - usize::from(is_arrow));
        if key_start == key_end {
            continue;
        }
        let key = &text[key_start..key_end];
        // What stands between the colons of a resource's name is no pair.
        if key == "arn" && bytes[at..].starts_with(b":aws") {
            covered = at + bytes[at..].iter().take_while(|byte| is_of_arn(**byte)).count();
            continue;
        }
        // `at login (/src/password.js:12:34)`, `Password.cs:line 12`: a place in a file.
        if names_source_file(key) && is_place(&bytes[at + 1..]) {
            continue;
        }
        if let Some(meaning) = redactor.meaning(key).or_else(|| several_words(text, key_start, key_end, redactor)) {
            if let Some((start, end)) = reader.secret_value(key_start, at, meaning) {
                covered = end;
                hit(start, end, meaning.kind);
            }
        } else if keys::is_name(key) {
            let Some(value) = reader.any_value(at).filter(|value| value.end - value.start <= NAME_BYTES_MAX) else {
                continue;
            };
            let Some(meaning) = redactor.meaning(&text[value.start..value.end]) else { continue };
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

/// Whether a key is the name of a file of source code.
fn names_source_file(key: &str) -> bool {
    const SUFFIXES: [&str; 22] = [
        "java", "kt", "scala", "groovy", "clj", "js", "mjs", "cjs", "ts", "tsx", "jsx", "py", "rb", "go", "rs", "cs",
        "fs", "php", "ex", "exs", "swift", "cpp",
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

/// Whether name and value stand near each other and `brace` does not part them.
fn is_near(bytes: &[u8], from: usize, to: usize, brace: u8) -> bool {
    from <= to && to - from <= NAME_TO_VALUE_BYTES_MAX && memchr::memchr(brace, &bytes[from..to]).is_none()
}

/// The word before the separator at `at`, without the quotes, backslashes, brackets and blanks between. No separator stands
/// between, so that no byte is looked at for two of them.
pub(crate) fn key_before(bytes: &[u8], at: usize) -> (usize, usize) {
    let between = |byte: &&u8| matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b' ' | b'\t' | b']');
    let end = at - bytes[..at].iter().rev().take_while(between).count();
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
    fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            bytes: text.as_bytes(),
            word: NOT_LOOKED_AT,
            clauses: [NOT_LOOKED_AT; 4],
            quotes: [[NOT_LOOKED_AT; QUOTE_ESCAPES_MAX + 1]; 3],
        }
    }

    /// Where the value behind the separator at `at` stands, if one does on its line.
    fn any_value(&mut self, at: usize) -> Option<Value> {
        let bytes = self.bytes;
        let mut start = at + 1;
        // `=>` and `:=` separate too; `::` parts the names of a path.
        match bytes.get(start) {
            Some(b'>' | b'=') => start += 1,
            Some(b':') => return None,
            _ => {}
        }
        let spaces = bytes[start.min(bytes.len())..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        start += spaces;
        // Python writes bytes and raw text with letters before the quote.
        let letters =
            bytes.get(start..)?.iter().take(2).take_while(|byte| matches!(**byte | 0x20, b'b' | b'r' | b'u')).count();
        for skipped in [letters, 0] {
            let from = start + skipped;
            let escapes = bytes.get(from..)?.iter().take_while(|byte| **byte == b'\\').count();
            let quote = bytes.get(from + escapes).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
            if let Some(quote) = quote
                && escapes <= QUOTE_ESCAPES_MAX
            {
                let start = from + escapes + 1;
                let end = self.closing_quote(start, quote, escapes);
                return Some(Value { start, end, is_quoted: true, is_spaced: spaces > 0 });
            }
        }
        let end = match bytes.get(start) {
            // A list of values.
            Some(b'[') => {
                memchr::memchr2(b']', b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length + 1)
            }
            Some(b'{' | b'(') => return None,
            _ => self.word_end(start),
        };
        (end > start).then_some(Value { start, end: end.min(bytes.len()), is_quoted: false, is_spaced: spaces > 0 })
    }

    /// The quote that is escaped as often as the opening one, or the end of the text.
    fn closing_quote(&mut self, start: usize, quote: u8, escapes: usize) -> usize {
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
                    bytes[start..*at].iter().rev().take(most).take_while(|byte| **byte == b'\\').count() == escapes
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
        let end = remembered(memo, start, || clause_end(bytes, start, separator, semicolon_ends));
        end - bytes[start..end].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    /// The range to hide behind the separator at `at`.
    fn secret_value(&mut self, key_start: usize, at: usize, meaning: Meaning) -> Option<(usize, usize)> {
        let (text, bytes) = (self.text, self.bytes);
        let value = self.any_value(at)?;
        if value.is_quoted {
            let is_secret = is_secret_text(&text[value.start..value.end], meaning, true);
            return is_secret.then_some((value.start, value.end));
        }
        if bytes[value.start] == b'[' {
            // Lists of text are the structure's; here is prose or a place holder.
            return None;
        }
        let (start, end) = match meaning.kind {
            "authorization" => self.authorization(value.start, bytes[at])?,
            "cookie" => self.cookie(value.start, value.end, bytes[at]),
            _ if value.is_spaced => self.prose(key_start, &value, bytes[at], meaning)?,
            _ => (value.start, value.end),
        };
        let word = &text[start..end];
        let is_prose =
            matches!(meaning.kind, "token" | "cookie" | "credential" | "signature" | "secret" | "session" | "jwt");
        let is_plain = word.len() < 16 && !word.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=');
        let is_name = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if is_prose && is_plain && (value.is_spaced || is_name) {
            return None;
        }
        if meaning.kind == "password" && meaning.rule == Rule::Text && value.is_spaced && is_plain {
            return None;
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
        let mut end = self.clause_end(value.start, separator, true);
        // A comma parts clauses of prose; a further pair or sentence ends them as well.
        let clause = &bytes[value.start..end];
        let stop = (0..clause.len()).find(|at| match clause[*at] {
            b',' | b';' => matches!(clause.get(at + 1), None | Some(b' ')),
            b'.' | b'!' => matches!(clause.get(at + 1), Some(b' ')),
            b' ' => {
                let rest = &clause[at + 1..];
                let length = rest.iter().take(64).take_while(|byte| is_of_key(**byte)).count();
                length > 0 && matches!(rest.get(length), Some(b'=' | b':'))
            }
            _ => false,
        });
        if let Some(stop) = stop {
            end = value.start + stop;
        }
        end = end.max(value.end.min(end.max(value.start + 1)));
        let words = text[value.start..end].split_whitespace().count();
        let line_start = bytes[..key_start]
            .iter()
            .rev()
            .take_while(|byte| !matches!(byte, b'\n' | b'\r'))
            .take(16)
            .all(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'' | b'{'));
        let is_plain = word.bytes().all(|byte| byte.is_ascii_alphabetic());
        match words {
            0..=2 => Some((value.start, end)),
            _ if line_start => Some((value.start, end)),
            _ if is_plain => None,
            _ => Some((value.start, value.end.min(end))),
        }
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

/// Whether a text under a key of this meaning is to be hidden.
pub(crate) fn is_secret_text(text: &str, meaning: Meaning, is_quoted: bool) -> bool {
    let text = text.trim();
    let is_nothing = matches!(
        text.trim_end_matches(','),
        "" | "null" | "none" | "None" | "nil" | "true" | "false" | "True" | "False" | "undefined" | "{" | "[" | "("
    );
    // What was hidden before, here or elsewhere, and what stands for a value.
    let is_hidden = text.starts_with("[redacted:")
        || text.bytes().all(|byte| matches!(byte, b'*' | b'.' | b'-'))
        || text.strip_prefix("${").is_some_and(is_place_holder)
        || ["[redacted]", "[filtered]", "<redacted>", "redacted", "[secret]"]
            .iter()
            .any(|mask| text.eq_ignore_ascii_case(mask));
    if is_nothing || is_hidden || is_arn(text) {
        return false;
    }
    let is_number = || text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    match meaning.rule {
        Rule::All => true,
        Rule::Text => !is_number(),
        Rule::Token => !is_number() || is_long_number(text),
        Rule::Credentials => !is_quoted || are_credentials(beginning(text)),
        Rule::Dense => {
            const DENSE_BYTES_MIN: usize = 16;
            let text = beginning(text);
            text.len() >= DENSE_BYTES_MIN
                && text.bytes().any(|byte| byte.is_ascii_digit())
                && !text.bytes().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b'<' | b'{'))
        }
        Rule::Digits => {
            const DIGITS: std::ops::RangeInclusive<usize> = 3..=19;
            const WRITTEN_BYTES_MAX: usize = 32;
            text.len() <= WRITTEN_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
                && DIGITS.contains(&text.bytes().filter(u8::is_ascii_digit).count())
        }
        Rule::NoPath => {
            !matches!(text.as_bytes(), [b'/' | b'~', ..] | [_, b':', b'\\' | b'/', ..]) && !text.starts_with("./")
        }
    }
}

/// Whether the rest behind `${` is a name, which stands for a value.
fn is_place_holder(rest: &str) -> bool {
    beginning(rest.trim_end_matches('}'))
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':'))
}

/// As much of a value as is looked at to tell what it is. What is hidden is always all of it.
const BEGINNING_BYTES_MAX: usize = 256;

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(BEGINNING_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The shortest number under `token` that is none that counts: codes that are sent to people have six digits.
const CODE_DIGITS_MIN: usize = 6;

/// Whether a number under `token` is too long to count or to point into a text.
pub(crate) fn is_long_number(text: &str) -> bool {
    text.len() >= CODE_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text is the name of a resource of AWS, which is no secret.
fn is_arn(text: &str) -> bool {
    const ARN_BYTES_MAX: usize = 2048;
    text.starts_with("arn:aws")
        && text.len() <= ARN_BYTES_MAX
        && !text.bytes().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'&' | b'"' | b'\''))
}

/// Whether the value of a header `Authorization` is credentials, and not the name of a method or a sentence.
fn are_credentials(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    if SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme)) && second.is_some() {
        return true;
    }
    let is_plain = |word: &str| {
        word.len() < 20
            && word.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b',' | b'\''))
    };
    match (second, words.next()) {
        // A sentence.
        (Some(_), Some(_)) => text.split_whitespace().any(is_dense),
        _ => !text.split_whitespace().all(is_plain),
    }
}

fn is_dense(word: &str) -> bool {
    word.len() >= 16
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && !word.starts_with("arn:")
        && !word.contains("://")
}

/// Schemes of `Authorization`: IANA's registry, AWS, Azure and what is common beside.
#[rustfmt::skip]
const SCHEMES: &[&str] = &[
    "basic", "bearer", "digest", "token", "apikey", "api-key", "negotiate", "ntlm", "oauth", "hawk", "hmac",
    "hmac-sha256", "signature", "sharedkey", "sharedkeylite", "sharedaccesssignature", "aws4-hmac-sha256",
    "aws4-ecdsa-p256-sha256", "aws", "dpop", "gnap", "hoba", "mutual", "scram-sha-1", "scram-sha-256", "vapid",
    "privatetoken", "mac", "key", "jwt", "splunk", "googlelogin", "genie-key", "genieKey", "bot", "password",
];

/// The parameters that credentials of several parts have, which a comma does not end.
#[rustfmt::skip]
const PARAMETERS: &[&str] = &[
    "credential", "signedheaders", "signature", "username", "realm", "nonce", "uri", "response", "qop", "nc",
    "cnonce", "opaque", "algorithm", "userhash", "keyid", "headers", "created", "expires", "id", "ts", "mac", "ext",
    "hash", "app", "dlg",
];

/// Words with which a sentence about a password goes on.
#[rustfmt::skip]
const ABOUT_PASSWORDS: &[&str] = &[
    "must", "is", "was", "are", "were", "should", "shall", "may", "can", "cannot", "could", "will", "would", "has",
    "have", "had", "does", "do", "did", "not", "no", "to", "for", "of", "in", "on", "at", "by", "with", "without",
    "and", "or", "but", "if", "when", "the", "a", "an", "this", "that", "your", "their", "expired", "expires",
    "required", "invalid", "incorrect", "wrong", "missing", "missed", "blank", "empty", "too", "field", "reset",
    "changed", "updated", "mismatch", "accepted", "rejected", "denied", "failed", "ok", "set", "unset", "valid",
    "string", "error", "please", "minimum", "maximum", "it", "only", "use", "enter", "successfully", "success",
    "authentication", "auth", "login", "validation", "unauthorized", "optional", "needed", "given", "provided",
    "supplied", "unchanged", "forgotten", "protected", "policy",
    "go", "click", "see", "visit", "follow", "contact", "try", "check",
];

/// The text of the element whose opening tag ends at `at`.
fn element(
    text: &str,
    at: usize,
    redactor: &Redactor,
    pending: &mut Option<(Meaning, usize)>,
) -> Option<(usize, usize, &'static str)> {
    const TAG_BYTES_MAX: usize = 512;
    let bytes = text.as_bytes();
    let from = at.saturating_sub(TAG_BYTES_MAX);
    let open = from + memchr::memrchr2(b'<', b'>', &bytes[from..at]).filter(|open| bytes[from + open] == b'<')?;
    let length = bytes[open + 1..at].iter().take_while(|byte| is_of_key(**byte) || **byte == b':').count();
    let tag = text.get(open + 1..open + 1 + length)?;
    if tag.is_empty() || tag.starts_with('/') || bytes[at - 1] == b'/' {
        return None;
    }
    let local = tag.rsplit(':').next().unwrap_or(tag);
    // `<property name="password">`
    let named = pending.take().filter(|(_, name)| *name > open).map(|(meaning, _)| meaning);
    let meaning = redactor.meaning(local).or(named)?;
    let (mut start, mut end);
    start = at + 1;
    const CDATA: &[u8] = b"<![CDATA[";
    if bytes[start..].starts_with(CDATA) {
        // What is not hidden for certain would be searched again and again.
        if !matches!(meaning.rule, Rule::All | Rule::Text | Rule::Token) {
            return None;
        }
        start += CDATA.len();
        end = memchr::memmem::find(&bytes[start..], b"]]>").map_or(bytes.len(), |length| start + length);
    } else {
        end = memchr::memchr(b'<', &bytes[start..]).map_or(bytes.len(), |length| start + length);
        // A cut element ends with its line.
        if end == bytes.len() {
            end = memchr::memchr(b'\n', &bytes[start..]).map_or(end, |length| start + length);
        }
    }
    is_secret_text(&text[start..end], meaning, true).then_some((start, end, meaning.kind))
}

/// Calls `hit` with the value of every option of a command whose name is a secret's: `--password x`.
pub(crate) fn options(text: &str, redactor: &Redactor, hit: &mut dyn FnMut(usize, usize, &'static str)) {
    let mut reader = Reader::new(text);
    for at in memchr::memmem::find_iter(text.as_bytes(), b"--") {
        if let Some((start, end, kind)) = option(&mut reader, at, redactor) {
            hit(start, end, kind);
        }
    }
}

fn option(reader: &mut Reader<'_>, at: usize, redactor: &Redactor) -> Option<(usize, usize, &'static str)> {
    const OPTION_BYTES_MAX: usize = 64;
    let (text, bytes) = (reader.text, reader.bytes);
    if at.checked_sub(1).is_some_and(|before| bytes[before] == b'-' || bytes[before].is_ascii_alphanumeric()) {
        return None;
    }
    let name = at + 2;
    let length = bytes[name..]
        .iter()
        .take(OPTION_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    let meaning = redactor.meaning(text.get(name..name + length)?)?;
    let blanks = bytes[name + length..].iter().take(8).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if blanks == 0 {
        return None;
    }
    // The separator before the value is the last blank.
    let value = reader.any_value(name + length + blanks - 1)?;
    let word = &text[value.start..value.end];
    let is_prose = !value.is_quoted
        && (ABOUT_PASSWORDS.iter().any(|about| word.eq_ignore_ascii_case(about))
            || ["option", "flag", "argument", "parameter", "instead", "as", "from", "requires"].contains(&word));
    (!word.starts_with('-') && !is_prose && is_secret_text(word, meaning, true)).then_some((
        value.start,
        value.end,
        meaning.kind,
    ))
}
