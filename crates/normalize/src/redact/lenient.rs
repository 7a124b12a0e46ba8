//! The tokens of what looks like JSON within a text: cut, with a comma too many, with Python's quotes, words and tuples, with
//! Elixir's and Erlang's.
//!
//! It refuses to say whether a text is JSON; `json` does. What it cannot read ends the region, and the search goes on behind.

use crate::json::{Kind, Tape};
use crate::limits::JSON_DEPTH_MAX;

/// Reads one object or array that begins at `from`, where a brace or bracket stands, as far as it can be read. Returns
/// the byte behind it; what is open there is closed.
pub(crate) fn read(tape: &mut Tape, bytes: &[u8], from: usize) -> usize {
    tape.tokens.clear();
    let mut open = [0_usize; JSON_DEPTH_MAX];
    let mut depth = 0;
    let mut at = from;
    let mut after_key = false;
    while let Some(byte) = bytes.get(at).copied() {
        let in_object = depth > 0 && tape.tokens[open[depth - 1]].kind == Kind::Object;
        let wants_key = in_object && !after_key;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b',' if depth > 0 && !after_key => at += 1,
            // `(b'name', b'value')`, `{<<"name">>, <<"value">>}`.
            b'b' | b'u' if matches!(bytes.get(at + 1), Some(b'"' | b'\'')) => at += 1,
            b'<' | b'>' if depth > 0 && bytes.get(at + 1) == Some(&byte) => at += 2,
            b'{' | b'[' | b'(' if depth < JSON_DEPTH_MAX && !wants_key => {
                open[depth] = tape.tokens.len();
                depth += 1;
                tape.push(if byte == b'{' { Kind::Object } else { Kind::Array }, false, at, at);
                after_key = false;
                at += 1;
            }
            // A tuple or a set in braces is an array here.
            b'}' | b']' | b')' if depth > 0 && !after_key && (byte == b'}' || !in_object) => {
                at += 1;
                depth -= 1;
                close(tape, open[depth], at);
                if depth == 0 {
                    return at;
                }
            }
            b'"' | b'\'' => {
                let end = string_end(bytes, at + 1, byte);
                let kind = if wants_key { Kind::Key } else { Kind::String };
                let escaped = memchr::memchr(b'\\', &bytes[(at + 1).min(end)..end]).is_some();
                tape.push(kind, escaped, at + 1, end);
                let is_cut = end == bytes.len();
                at = (end + 1).min(bytes.len());
                after_key = false;
                if wants_key {
                    let of_gap = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b'>';
                    let colon = at + bytes[at..].iter().take_while(of_gap).count();
                    let is_first = open[depth - 1] + 2 == tape.tokens.len();
                    if is_first && matches!(bytes.get(colon), Some(b',' | b'}')) {
                        tape.tokens[open[depth - 1]].kind = Kind::Array;
                        if let Some(first) = tape.tokens.last_mut() {
                            first.kind = Kind::String;
                        }
                        at = colon;
                        continue;
                    }
                    if bytes.get(colon) != Some(&b':') {
                        tape.tokens.pop();
                        break;
                    }
                    after_key = true;
                    at = colon + 1;
                }
                if is_cut {
                    break;
                }
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if !wants_key => {
                let end = at
                    + bytes[at..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_'))
                        .count();
                let kind = match &bytes[at..end] {
                    b"true" | b"True" => Kind::True,
                    b"false" | b"False" => Kind::False,
                    b"null" | b"None" | b"undefined" | b"NaN" => Kind::Null,
                    word if word.iter().any(u8::is_ascii_digit) && !word[0].is_ascii_alphabetic() => Kind::Number,
                    _ => break,
                };
                tape.push(kind, false, at, end);
                after_key = false;
                at = end;
            }
            _ => break,
        }
    }
    if after_key {
        tape.tokens.pop();
    }
    while depth > 0 {
        depth -= 1;
        close(tape, open[depth], at);
    }
    at.max(from + 1)
}

/// Whether a structure with quotes of its own may stand within a JSON string that has no escapes.
pub(crate) fn may_be_in(bytes: &[u8]) -> bool {
    memchr::memchr(b'\'', bytes).is_some() && memchr::memchr3(b'{', b'[', b'(', bytes).is_some()
}

fn close(tape: &mut Tape, container: usize, end: usize) {
    let next = tape.tokens.len() as u32;
    if let Some(token) = tape.tokens.get_mut(container) {
        token.end = end as u32;
        token.next = next;
    }
}

/// The byte of the closing quote, or the end of the text.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while let Some(ahead) = memchr::memchr2(quote, b'\\', &bytes[at.min(bytes.len())..]) {
        at += ahead;
        if bytes[at] == quote {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut tape = Tape::default();
        let end = read(&mut tape, text.as_bytes(), 0);
        let words: Vec<_> = tape
            .tokens
            .iter()
            .map(|token| format!("{:?} {}", token.kind, &text[token.start as usize..token.end as usize]))
            .collect();
        format!("{} | {}", words.join(", "), &text[end..])
    }

    #[test]
    fn as_much_as_can_be_read_is() {
        assert_eq!(tokens("{\"a\":1,}x"), "Object {\"a\":1,}, Key a, Number 1 | x");
        assert_eq!(
            tokens("{'a': None, 'b': [True]"),
            "Object {'a': None, 'b': [True], Key a, Null None, Key b, Array [True], True True | "
        );
        assert_eq!(tokens("{\"a\":\"b\\\"c"), "Object {\"a\":\"b\\\"c, Key a, String b\\\"c | ");
        assert_eq!(tokens("{\"a\":"), "Object {\"a\": | ");
        assert_eq!(tokens("[INFO] x"), "Array [ | INFO] x");
        assert_eq!(tokens("{\"a\" 1}"), "Object {\"a\" | ".to_owned() + " 1}");
        assert_eq!(
            tokens("{\"a\":{\"b\":\"c"),
            "Object {\"a\":{\"b\":\"c, Key a, Object {\"b\":\"c, Key b, String c | "
        );
        assert_eq!(tokens("[(b'a', 'b')]"), "Array [(b'a', 'b')], Array (b'a', 'b'), String a, String b | ");
        assert_eq!(tokens("{<<\"a\">>, <<\"b\">>}"), "Array {<<\"a\">>, <<\"b\">>}, String a, String b | ");
        assert_eq!(tokens("{'a'}"), "Array {'a'}, String a | ");
        for odd in ["{", "[", "{{", "[[[[", "{\"", "{]", "[}", "[\"\\", "{\"a\":}"] {
            tokens(odd);
        }
    }
}
