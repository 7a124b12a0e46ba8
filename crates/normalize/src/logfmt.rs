//! logfmt, lines of `key=value` as Heroku, logrus, slog, Grafana's and HashiCorp's programs write them.
//!
//! It refuses a line that is not all of it: a sentence with a pair in it, an address with a query, a connection string.
//! What it takes costs one pass; nothing is copied but values with escapes.

use std::borrow::Cow;

/// Pairs that make a line logfmt. One pair is in many a sentence.
const PAIRS_MIN: usize = 2;

/// Pairs that are read; a line with more is data, not a log record.
const PAIRS_MAX: usize = 256;

/// Bytes of a key. Longer ones are text.
const KEY_BYTES_MAX: usize = 128;

/// A key and its value.
pub(crate) type Pair<'t> = (&'t str, Cow<'t, str>);

/// The pairs of a line that is logfmt as a whole: at least two pairs, keys of letters, digits and `_.@/-`, values bare
/// or in double quotes with escapes. A key alone is a flag, with an empty value; among pairs there may be as many
/// flags as there are pairs. `None` for anything else. With them it says whether there are flags, which may be words of a
/// sentence.
pub(crate) fn pairs(text: &str) -> Option<(Vec<Pair<'_>>, bool)> {
    let bytes = text.as_bytes();
    let mut at = blanks(bytes, 0);
    // The line is most often something else: look at the first pair before anything is kept.
    let first = key(bytes, at)?;
    if bytes.get(first) != Some(&b'=') {
        return None;
    }
    let mut out = Vec::new();
    let mut flags = 0;
    while at < bytes.len() {
        let end = key(bytes, at)?;
        let name = text.get(at..end)?;
        if bytes.get(end) == Some(&b'=') {
            let (value, end) = value(text, end + 1)?;
            out.push((name, value));
            at = end;
        } else {
            flags += 1;
            out.push((name, Cow::Borrowed("")));
            at = end;
        }
        let next = blanks(bytes, at);
        if next == at && at < bytes.len() {
            return None;
        }
        at = next;
        if out.len() > PAIRS_MAX {
            return None;
        }
    }
    (out.len() - flags >= PAIRS_MIN && flags * 2 <= out.len()).then_some((out, flags > 0))
}

/// The byte behind blanks; a line feed is one only at the end of the text.
fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let count = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match rest.get(count..) {
        Some(tail) if tail.iter().take(3).all(|byte| matches!(byte, b'\r' | b'\n')) && tail.len() <= 2 => bytes.len(),
        _ => at + count,
    }
}

/// The byte behind a key.
fn key(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'@');
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@' | b'/' | b'-');
    let length = rest.iter().take(KEY_BYTES_MAX + 1).take_while(|byte| fits(byte)).count();
    (rest.first().is_some_and(is_first) && length <= KEY_BYTES_MAX).then_some(at + length)
}

/// A value and the byte behind it.
fn value(text: &str, at: usize) -> Option<(Cow<'_, str>, usize)> {
    let rest = text.get(at..)?;
    if !rest.starts_with('"') {
        let end = rest.bytes().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(rest.len());
        // A quote within a bare value is another format's.
        let bare = rest.get(..end)?;
        return (!bare.contains('"')).then_some((Cow::Borrowed(bare), at + end));
    }
    let inside = rest.get(1..)?;
    let mut escaped = false;
    let mut any = false;
    let end = inside.bytes().position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        any |= escaped;
        is_end
    })?;
    let quoted = inside.get(..end)?;
    let value = if any { Cow::Owned(unescaped(quoted)) } else { Cow::Borrowed(quoted) };
    Some((value, at + end + 2))
}

/// Text without the escapes of Go's `%q` and of JSON. An escape that is none stays as it is.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let escape = rest.get(at + 1..).unwrap_or_default();
        let (character, used) = match escape.as_bytes().first() {
            Some(b'n') => (Some('\n'), 1),
            Some(b't') => (Some('\t'), 1),
            Some(b'r') => (Some('\r'), 1),
            Some(b'"') => (Some('"'), 1),
            Some(b'\\') => (Some('\\'), 1),
            Some(b'/') => (Some('/'), 1),
            Some(b'u') => number(escape, 4),
            Some(b'x') => number(escape, 2),
            _ => (None, 0),
        };
        match character {
            Some(character) => out.push(character),
            None => out.push('\\'),
        }
        rest = escape.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// A character by `count` hex digits behind its letter, or by two halves of UTF-16.
fn number(escape: &str, count: usize) -> (Option<char>, usize) {
    let unit = |from: usize| {
        let digits = escape.get(from..from + count)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let Some(first) = unit(1) else { return (None, 0) };
    if let Some(character) = char::from_u32(first) {
        return (Some(character), 1 + count);
    }
    let second = if escape.get(5..7) == Some("\\u") { unit(7) } else { None };
    match second {
        Some(second @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            (char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), 11)
        }
        _ => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = pairs(text);
        let found: Option<Vec<(&str, &str)>> =
            found.as_ref().map(|(pairs, _)| pairs.iter().map(|(key, value)| (*key, value.as_ref())).collect());
        assert_eq!(found.as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn a_line_of_pairs_is_its_keys() {
        check(
            "time=\"2026-11-21T08:42:53.429Z\" level=error msg=\"charge refused\" trace_id=6b01\n",
            &[
                ("time", "2026-11-21T08:42:53.429Z"),
                ("level", "error"),
                ("msg", "charge refused"),
                ("trace_id", "6b01"),
            ],
        );
        check(
            "level=WARN msg=\"a \\\"b\\\" \\\\ \\n\\t\\u00e9 \\ud83d\\ude00 é\"",
            &[("level", "WARN"), ("msg", "a \"b\" \\ \n\té 😀 é")],
        );
        check("a=1 b=2", &[("a", "1"), ("b", "2")]);
        check("  a=1\t b=  \r\n", &[("a", "1"), ("b", "")]);
        check("a= b=\"\" c=x", &[("a", ""), ("b", ""), ("c", "x")]);
        check(
            "at=info dyno=web.1 cached path=/pets/7?x=1",
            &[("at", "info"), ("dyno", "web.1"), ("cached", ""), ("path", "/pets/7?x=1")],
        );
        check("@level=error k8s.io/pod-name=é-1", &[("@level", "error"), ("k8s.io/pod-name", "é-1")]);
        check("msg=\"\\q \\u12 \\ud83d\" b=1", &[("msg", "\\q \\u12 \\ud83d"), ("b", "1")]);
    }

    #[test]
    fn what_is_not_pairs_as_a_whole_is_none() {
        for text in [
            "",
            " ",
            "=",
            "a",
            "a=1",
            "a=1 ",
            "charge refused order=o-7 amount=12",
            "level=error charge of the order was refused twice today amount=1",
            "a=1 b=\"open",
            "a=1 b=\"closed\"x",
            "a=1 b=x\"y\"",
            "a=1, b=2, {c=3}",
            "a=1 b=2\nsecond line c=3",
            "é=1 b=2",
            "a=1 é=2",
            "1a=1 b=2",
            "jdbc:postgresql://h/db?user=u&password=p",
            "{\"a\": 1} b=2 c=3",
            "a b c",
            "password=hunter2",
        ] {
            assert_eq!(pairs(text), None, "{text:?}");
        }
        assert_eq!(pairs(&"a=1 ".repeat(PAIRS_MAX + 1)), None);
        assert_eq!(pairs(&format!("{}=1 b=2", "k".repeat(KEY_BYTES_MAX + 1))), None);
        assert_eq!(pairs(&"a=1 ".repeat(PAIRS_MAX)).map(|(pairs, _)| pairs.len()), Some(PAIRS_MAX));
    }
}
