//! A JSON text as a flat list of tokens that point into it: validated once, walked as often as needed, nothing copied
//! and nothing lost (numbers of any size, duplicate keys and white space stand in the text as they came).
//!
//! It refuses to know what keys mean, and to recurse: depth is bounded by a counter, not by the stack.

use std::borrow::Cow;
use std::ops::Range;

use transect_schema::json_special_marks;

use crate::limits::JSON_DEPTH_MAX;

/// What a token is. A key is followed by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Key,
    String,
    Number,
    /// `NaN`, `Infinity` or `-Infinity`, which Python and others print and JSON does not know.
    NotFinite,
    True,
    False,
    Null,
}

/// What was decided about a token after parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Mark {
    /// Can be copied as it stands.
    #[default]
    Plain,
    /// Something below it is taken or marked, so it cannot be copied as one piece.
    Mixed,
    /// No JSON: written as a string, so that what holds it is.
    Bare,
    /// Replaced by the text for this kind of secret.
    Secret(&'static str),
    /// A string in which something that looks like a secret stands.
    Suspect,
}

/// One token. For strings and keys, `start..end` is what stands between the quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub kind: Kind,
    pub escaped: bool,
    pub mark: Mark,
    /// Whether its value is in a column already, so that `attributes` leaves it out.
    pub taken: bool,
    pub start: u32,
    pub end: u32,
    /// Index of the first token behind this one and all that is inside it.
    pub next: u32,
}

/// Why a text is not JSON that can be understood here, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson {
    pub at: usize,
}

/// A parsed text. The token list is reused from text to text.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub tokens: Vec<Token>,
    open: Vec<u32>,
    /// See [`Tape::join_strings`].
    pub strings: Vec<u8>,
}

impl Tape {
    /// Parses the whole of `text` as one JSON value with white space around it.
    pub fn parse(&mut self, text: &str) -> Result<(), NotJson> {
        let at = self.parse_prefix(text.as_bytes(), 0)?;
        match skip_space(text.as_bytes(), at) {
            end if end == text.len() => Ok(()),
            at => Err(NotJson { at }),
        }
    }

    /// Parses one JSON value of a text that begins at byte `from`, white space before it allowed; returns the byte
    /// behind it.
    pub fn parse_prefix(&mut self, bytes: &[u8], from: usize) -> Result<usize, NotJson> {
        self.parse_as::<false>(bytes, from)
    }

    /// The same for a value that nobody looks into: no more tokens are kept than it has levels, whatever it holds.
    pub fn skip_prefix(&mut self, bytes: &[u8], from: usize) -> Result<usize, NotJson> {
        self.parse_as::<true>(bytes, from)
    }

    fn parse_as<const SKIPS: bool>(&mut self, bytes: &[u8], from: usize) -> Result<usize, NotJson> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(NotJson { at: 0 });
        }
        self.tokens.clear();
        self.open.clear();
        let mut at = skip_space(bytes, from);
        loop {
            // Here a value is expected, or the end of an empty container that was opened just now.
            let byte = *bytes.get(at).ok_or(NotJson { at })?;
            match byte {
                b'{' | b'[' => {
                    if self.open.len() == JSON_DEPTH_MAX {
                        return Err(NotJson { at });
                    }
                    self.open.push(self.tokens.len() as u32);
                    self.push(if byte == b'{' { Kind::Object } else { Kind::Array }, false, at, at);
                    at = skip_space(bytes, at + 1);
                    match bytes.get(at) {
                        Some(b'}') if byte == b'{' => {}
                        Some(b']') if byte == b'[' => {}
                        Some(_) if byte == b'{' => {
                            at = self.key(bytes, at)?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                b'"' => {
                    let (end, escaped) = string_end(bytes, at + 1)?;
                    self.push(Kind::String, escaped, at + 1, end);
                    at = end + 1;
                }
                b't' => at = self.literal(bytes, at, b"true", Kind::True)?,
                b'f' => at = self.literal(bytes, at, b"false", Kind::False)?,
                b'n' => at = self.literal(bytes, at, b"null", Kind::Null)?,
                b'N' | b'I' => at = self.not_finite(bytes, at)?,
                b'-' if bytes.get(at + 1) == Some(&b'I') => at = self.not_finite(bytes, at)?,
                _ => {
                    let end = number_end(bytes, at)?;
                    self.push(Kind::Number, false, at, end);
                    at = end;
                }
            }
            // Here a value has ended; close what ends with it.
            loop {
                let Some(&container) = self.open.last() else { return Ok(at) };
                if SKIPS {
                    self.tokens.truncate(container as usize + 1);
                }
                let is_object = self.tokens[container as usize].kind == Kind::Object;
                at = skip_space(bytes, at);
                match (bytes.get(at), is_object) {
                    (Some(b','), true) => {
                        at = self.key(bytes, skip_space(bytes, at + 1))?;
                        break;
                    }
                    (Some(b','), false) => {
                        at = skip_space(bytes, at + 1);
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        at += 1;
                        let next = self.tokens.len() as u32;
                        let token = &mut self.tokens[container as usize];
                        token.end = at as u32;
                        token.next = next;
                        self.open.pop();
                    }
                    _ => return Err(NotJson { at }),
                }
            }
        }
    }

    /// Appends a token without anything inside it.
    #[inline]
    pub fn push(&mut self, kind: Kind, escaped: bool, start: usize, end: usize) {
        let next = self.tokens.len() as u32 + 1;
        self.tokens.push(Token {
            kind,
            escaped,
            mark: Mark::Plain,
            taken: false,
            start: start as u32,
            end: end as u32,
            next,
        });
    }

    /// Reads a key and its colon; returns where the value begins.
    #[inline(always)]
    fn key(&mut self, bytes: &[u8], at: usize) -> Result<usize, NotJson> {
        if bytes.get(at) != Some(&b'"') {
            return Err(NotJson { at });
        }
        let (end, escaped) = string_end(bytes, at + 1)?;
        self.push(Kind::Key, escaped, at + 1, end);
        let colon = skip_space(bytes, end + 1);
        if bytes.get(colon) != Some(&b':') {
            return Err(NotJson { at: colon });
        }
        Ok(skip_space(bytes, colon + 1))
    }

    fn literal(&mut self, bytes: &[u8], at: usize, word: &[u8], kind: Kind) -> Result<usize, NotJson> {
        if !bytes[at..].starts_with(word) {
            return Err(NotJson { at });
        }
        self.push(kind, false, at, at + word.len());
        Ok(at + word.len())
    }

    /// Python's `json.dumps` and JavaScript's careless printers write these.
    fn not_finite(&mut self, bytes: &[u8], at: usize) -> Result<usize, NotJson> {
        let known = [&b"NaN"[..], b"Infinity", b"-Infinity"].into_iter().find(|word| bytes[at..].starts_with(word));
        let end = self.literal(bytes, at, known.ok_or(NotJson { at })?, Kind::NotFinite)?;
        if let Some(token) = self.tokens.last_mut() {
            token.mark = Mark::Bare;
        }
        Ok(end)
    }

    /// Parses an object that was cut off somewhere: what stands whole before the cut counts, as if the object ended
    /// there. Returns whether anything does.
    pub fn parse_cut(&mut self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let Err(fault) = self.parse_prefix(bytes, 0) else { return false };
        // A cut is where the text ends, or within the literal or escape that it ends with; elsewhere it is no JSON.
        const LONGEST_PIECE: usize = "-Infinit".len();
        if self.open.is_empty() || fault.at + LONGEST_PIECE < bytes.len() || self.tokens[0].kind != Kind::Object {
            return false;
        }
        if self.tokens.last().is_some_and(|token| token.kind == Kind::Key) {
            self.tokens.pop();
        }
        let next = self.tokens.len() as u32;
        for container in std::mem::take(&mut self.open) {
            let token = &mut self.tokens[container as usize];
            (token.end, token.next) = (bytes.len() as u32, next);
        }
        self.tokens.len() > 1
    }

    /// The entries of an object as (index of the key, index of the value); nothing for anything else.
    pub fn entries(&self, object: usize) -> Entries<'_> {
        let token = self.tokens[object];
        let (at, end) = if token.kind == Kind::Object { (object + 1, token.next as usize) } else { (object, object) };
        Entries { tokens: &self.tokens, at, end }
    }

    /// The elements of an array; nothing for anything else.
    pub fn elements(&self, array: usize) -> Elements<'_> {
        let token = self.tokens[array];
        let (at, end) = if token.kind == Kind::Array { (array + 1, token.next as usize) } else { (array, array) };
        Elements { tokens: &self.tokens, at, end }
    }

    /// Writes all strings behind each other, a line feed behind each, so that one search goes through them and not through
    /// the keys as well, which in most messages are longer.
    pub fn join_strings(&mut self, text: &str) {
        const STEP: usize = 32;
        let bytes = text.as_bytes();
        self.strings.clear();
        for token in self.tokens.iter().filter(|token| token.kind == Kind::String) {
            let (start, end) = (token.start as usize, token.end as usize);
            // Most are short, and a copy of a fixed length that is too long costs less than one of the right length.
            match bytes.get(start..).and_then(<[u8]>::first_chunk::<STEP>).filter(|_| end - start <= STEP) {
                Some(step) => {
                    let length = self.strings.len() + end - start;
                    self.strings.extend_from_slice(step);
                    self.strings.truncate(length);
                }
                None => self.strings.extend_from_slice(&bytes[start..end]),
            }
            self.strings.push(b'\n');
        }
    }

    /// The value of the first entry whose key is exactly `name`.
    pub fn get(&self, text: &str, object: usize, name: &str) -> Option<usize> {
        let (bytes, name) = (text.as_bytes(), name.as_bytes());
        // The lengths first: they tell most keys apart, and stand in the tokens.
        let is_it = |key: usize| {
            let (start, end) = (self.tokens[key].start as usize, self.tokens[key].end as usize);
            end - start == name.len() && bytes[start..end] == *name
        };
        self.entries(object).find(|(key, _)| is_it(*key)).map(|(_, value)| value)
    }

    /// What stands in the text: for strings and keys without the quotes, for everything else as it is.
    #[inline]
    pub fn raw<'t>(&self, text: &'t str, index: usize) -> &'t str {
        let token = self.tokens[index];
        &text[token.start as usize..token.end as usize]
    }

    /// What stands in the text, quotes included.
    #[inline]
    pub fn source<'t>(&self, text: &'t str, index: usize) -> &'t str {
        let token = self.tokens[index];
        match token.kind {
            Kind::String | Kind::Key => &text[token.start as usize - 1..token.end as usize + 1],
            _ => &text[token.start as usize..token.end as usize],
        }
    }

    /// The text of a string or key, escapes resolved; of a number or literal, as written.
    #[inline]
    pub fn text<'t>(&self, text: &'t str, index: usize) -> Cow<'t, str> {
        let raw = self.raw(text, index);
        if self.tokens[index].escaped { Cow::Owned(unescaped(raw)) } else { Cow::Borrowed(raw) }
    }

    /// The text of a string; `None` for every other kind.
    #[inline]
    pub fn string<'t>(&self, text: &'t str, index: usize) -> Option<Cow<'t, str>> {
        (self.tokens[index].kind == Kind::String).then(|| self.text(text, index))
    }
}

/// See [`Tape::entries`].
pub(crate) struct Entries<'t> {
    tokens: &'t [Token],
    at: usize,
    end: usize,
}

impl Iterator for Entries<'_> {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        if self.at >= self.end {
            return None;
        }
        let key = self.at;
        self.at = self.tokens[key + 1].next as usize;
        Some((key, key + 1))
    }
}

/// See [`Tape::elements`].
pub(crate) struct Elements<'t> {
    tokens: &'t [Token],
    at: usize,
    end: usize,
}

impl Iterator for Elements<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.at >= self.end {
            return None;
        }
        let element = self.at;
        self.at = self.tokens[element].next as usize;
        Some(element)
    }
}

#[inline]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The byte of the closing quote of a string whose content begins at `at`, and whether there are escapes in it.
#[inline]
pub(crate) fn string_end(bytes: &[u8], at: usize) -> Result<(usize, bool), NotJson> {
    match scan_string(bytes, at) {
        (end, Scan::Plain) => Ok((end, false)),
        (end, Scan::Escaped) => Ok((end, true)),
        (at, Scan::Fault) => Err(NotJson { at }),
    }
}

/// How a scan of a string ended.
#[derive(Clone, Copy)]
enum Scan {
    Plain,
    Escaped,
    Fault,
}

/// As [`string_end`], in what two registers hold: a result as large as that would go through memory for every string.
fn scan_string(bytes: &[u8], mut at: usize) -> (usize, Scan) {
    let mut scan = Scan::Plain;
    loop {
        // Messages that are JSON themselves have an escape every few bytes, so the step is one word, not a search.
        let special = match bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            Some(word) => {
                let marks = json_special_marks(u64::from_le_bytes(*word));
                if marks == 0 {
                    at += 8;
                    continue;
                }
                at += marks.trailing_zeros() as usize / 8;
                bytes[at]
            }
            None => match bytes.get(at) {
                Some(byte @ (b'"' | b'\\' | ..0x20)) => *byte,
                Some(_) => {
                    at += 1;
                    continue;
                }
                None => return (at, Scan::Fault),
            },
        };
        match (special, bytes.get(at + 1)) {
            (b'"', _) => return (at, scan),
            (b'\\', Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => at += 2,
            (b'\\', Some(b'u')) if hex4(bytes, at + 2).is_some() => at += 6,
            _ => return (at, Scan::Fault),
        }
        scan = Scan::Escaped;
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |code, byte| Some(code * 16 + char::from(*byte).to_digit(16)?))
}

fn digits_end(bytes: &[u8], at: usize) -> Result<usize, NotJson> {
    let count = bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 { Err(NotJson { at }) } else { Ok(at + count) }
}

/// Whether the whole text is a number as JSON writes it.
pub(crate) fn is_number(text: &str) -> bool {
    number_end(text.as_bytes(), 0) == Ok(text.len())
}

fn number_end(bytes: &[u8], start: usize) -> Result<usize, NotJson> {
    let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits_end(bytes, at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits_end(bytes, at)?;
    }
    Ok(at)
}

/// Resolves the escapes of the inside of a JSON string. A surrogate that has no partner is no character; its escape
/// is kept as it is written, so that nothing is lost.
pub(crate) fn unescaped(raw: &str) -> String {
    let mut out = String::new();
    unescape_into(raw, &mut out);
    out
}

/// As [`unescaped`], into `out`, whose content and capacity are used again.
pub(crate) fn unescape_into(raw: &str, out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    bytes.reserve(raw.len() + 1);
    bytes.extend_from_slice(raw.as_bytes());
    bytes.push(b'"');
    let end = unescape_in_place(&mut bytes, 0, 0).map_or(raw.len(), |(text, _)| text.end);
    bytes.truncate(end);
    // Text in, text out: whole characters were moved, so this never loses anything.
    *out = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
}

/// As many bytes as are read at once.
pub(crate) const UNESCAPE_ROOM: usize = 8;

/// Reads the JSON string whose content begins at `start` and resolves its escapes where it stands: what an escape
/// stands for is never longer than the escape. The content moves `room` bytes to the front, over ASCII that nobody reads any
/// more: with [`UNESCAPE_ROOM`] of them whole words can be written from the first escape on. Returns the content, and where
/// the closing quote is; between them are spaces now. Text stays text, and what stands behind the string is not touched.
pub(crate) fn unescape_in_place(bytes: &mut [u8], start: usize, room: usize) -> Result<(Range<usize>, usize), NotJson> {
    const WORD: usize = UNESCAPE_ROOM;
    let begin = start - room;
    let (mut from, mut to) = (start, begin);
    loop {
        if let Some(word) = bytes.get(from..).and_then(<[u8]>::first_chunk::<WORD>).copied() {
            let marks = json_special_marks(u64::from_le_bytes(word));
            let plain = if marks == 0 { WORD } else { marks.trailing_zeros() as usize / 8 };
            // A whole word may only be written where that is behind everything still to be read; else what is to be
            // read is written back as it is.
            if from - to >= WORD {
                bytes[to..to + WORD].copy_from_slice(&word);
            } else if from != to {
                bytes.copy_within(from..from + plain, to);
            }
            from += plain;
            to += plain;
            if marks == 0 {
                continue;
            }
        } else {
            match bytes.get(from) {
                None => return Err(NotJson { at: from }),
                Some(b'"' | b'\\' | ..0x20) => {}
                Some(byte) => {
                    bytes[to] = *byte;
                    from += 1;
                    to += 1;
                    continue;
                }
            }
        }
        if bytes[from] == b'"' {
            bytes[to..from].fill(b' ');
            return Ok((begin..to, from));
        }
        // Where one string of JSON within the message ends and the next begins. Where to go on hangs on what was read, so
        // that each step waits for the one before it: two quotes in one step are nearly twice as quick.
        if let Some([b'\\', b'"', between @ (b':' | b','), b'\\', b'"']) = bytes[from..].first_chunk().copied() {
            bytes[to..to + 3].copy_from_slice(&[b'"', between, b'"']);
            from += 5;
            to += 3;
            continue;
        }
        let (b'\\', Some(escape)) = (bytes[from], bytes.get(from + 1)) else { return Err(NotJson { at: from }) };
        let simple = ESCAPES[usize::from(*escape)];
        if simple != 0 {
            bytes[to] = simple;
            from += 2;
            to += 1;
        } else if *escape == b'u' && hex4(bytes, from + 2).is_some() {
            let (length, taken) = match unicode_escape(bytes, from) {
                Some((character, taken)) => (character.encode_utf8(&mut bytes[to..]).len(), taken),
                // Kept as written.
                None => {
                    bytes[to] = b'\\';
                    (1, 1)
                }
            };
            from += taken;
            to += length;
        } else {
            return Err(NotJson { at: from });
        }
    }
}

/// What the letter behind a backslash stands for; zero where that takes more than a letter, or is nothing.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'/' as usize] = b'/';
    table[b'b' as usize] = 8;
    table[b'f' as usize] = 12;
    table[b'n' as usize] = b'\n';
    table[b'r' as usize] = b'\r';
    table[b't' as usize] = b'\t';
    table
};

/// The character of the `\uXXXX` at `at`, with its low surrogate where it needs one, and the bytes that it takes.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    if bytes.get(at + 1) != Some(&b'u') {
        return None;
    }
    let high = hex4(bytes, at + 2)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    if bytes.get(at + 6..at + 8) != Some(b"\\u") {
        return None;
    }
    let low = hex4(bytes, at + 8)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(text: &str) -> bool {
        Tape::default().parse(text).is_ok()
    }

    #[test]
    fn what_is_skipped_ends_where_it_is_parsed_to_and_takes_no_memory() {
        let wide = format!("[{}{{\"a\":[1,{{}}]}}] rest", "[],{\"k\":\"v\"},1.5,".repeat(100_000));
        let mut tape = Tape::default();
        let end = tape.skip_prefix(wide.as_bytes(), 0);
        assert_eq!(end, Ok(wide.len() - " rest".len()));
        assert!(tape.tokens.capacity() < 64, "{}", tape.tokens.capacity());
        for text in [&wide, "[", "[1,", "{\"a\":}", "[1 2]", "{\"a\":[1,{\"b\":null}],\"a\":2}]", "NaN", "", "\"x\"y"] {
            let parsed = Tape::default().parse_prefix(text.as_bytes(), 0);
            assert_eq!(tape.skip_prefix(text.as_bytes(), 0), parsed, "{:.20}", text);
        }
    }

    #[test]
    fn grammar_is_rfc_8259() {
        for good in [
            "0",
            "-0",
            "1e400",
            "12345678901234567890",
            "-1.5E+3",
            " null ",
            "[]",
            "{}",
            "[[],{}]",
            "\"\\u00e9\\/\"",
            "{\"a\":[1,{\"b\":null}],\"a\":2}",
            "\"\\ud800\"",
            "[ 1 , 2 ]",
            "{ \"a\" : 1 , \"b\" : 2 }",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "nul",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1 2]",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "\"open",
            "[",
            "{\"a\":1",
            "1 1",
            "{]",
            "[}",
            "\"\\",
            "\u{a0}1",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        assert!(accepts(&format!("{}{}", "[".repeat(JSON_DEPTH_MAX), "]".repeat(JSON_DEPTH_MAX))));
        assert!(!accepts(&"[".repeat(1 << 20)));
    }

    #[test]
    fn numbers_that_are_none_are_read_as_python_prints_them() {
        let mut tape = Tape::default();
        tape.parse(r#"{"a":NaN,"b":[-Infinity,Infinity]}"#).unwrap();
        assert_eq!(tape.tokens.iter().filter(|token| token.mark == Mark::Bare).count(), 3);
        for bad in ["nan", "NAN", "Inf", "-Inf", "{\"a\":Na}"] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn what_stands_whole_before_a_cut_counts() {
        let text = r#"{"level":"error","n":1,"deep":{"a":"x","b":["y"]},"last":"end"}"#;
        for cut in 1..text.len() {
            let mut tape = Tape::default();
            let is_cut = tape.parse_cut(&text[..cut]);
            assert_eq!(is_cut, cut > r#"{"level":"error"#.len(), "{}", &text[..cut]);
            if is_cut {
                assert_eq!(tape.string(text, tape.get(text, 0, "level").unwrap()).unwrap(), "error");
            }
        }
        for none in [text, "{not json at all", "{\"a\" 1}", "[1,2", "plain"] {
            assert!(!Tape::default().parse_cut(none), "{none}");
        }
    }

    #[test]
    fn lone_surrogates_stay_as_written() {
        assert_eq!(unescaped("a\\ud83dz\\ud83d\\u0041\\ude00 \\ud83d\\ude80"), "a\\ud83dz\\ud83dA\\ude00 🚀");
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\ 0-9eE.+\-tfn a-fu]{0,24}"#) {
            // serde_json refuses lone surrogates and, without arbitrary precision, 1e400; both are JSON.
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let lenient = theirs.as_ref().is_err_and(|error| error.to_string().contains("surrogate") || error.to_string().contains("out of range") || error.to_string().contains("unexpected end of hex escape") || error.to_string().contains("lone"));
            prop_assert!(lenient || theirs.is_ok() == accepts(&text), "{text:?}: {theirs:?}");
        }

        #[test]
        fn strings_read_back(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let mut tape = Tape::default();
            tape.parse(&json).unwrap();
            prop_assert_eq!(tape.string(&json, 0).unwrap(), text);
        }
    }
}
