//! What a reader would see of a text: escapes of JSON, of URLs and of HTML resolved, a nesting at a time, with the place in
//! the source that every byte comes from.
//!
//! It refuses to say what is secret, and to look at a byte more than once a nesting.

/// What stands in a view between a key and its text. Who looks for the start of a line takes it for one; who looks for a key
/// beside its value does not.
pub(crate) const KEY_END: char = '\u{1f}';

/// How often escapes are resolved. Text within text within text is common; beyond this nobody reads it either.
pub(crate) const NESTINGS_MAX: usize = 8;

/// A text and where it comes from.
pub(crate) struct View {
    pub text: String,
    /// The place in the source of every byte, and of the end.
    places: Vec<u32>,
}

impl View {
    /// An empty view. Pieces are appended.
    pub fn new() -> View {
        View { text: String::new(), places: Vec::new() }
    }

    fn push(&mut self, character: char, place: u32) {
        self.text.push(character);
        self.places.resize(self.text.len(), place);
    }

    /// Appends the piece of `from` with its escapes resolved once, and `behind`, which stands for its end.
    pub fn append(&mut self, from: &Source<'_>, start: usize, end: usize, behind: char) {
        let bytes = &from.text.as_bytes()[..end];
        let mut at = start;
        while at < end {
            let plain = memchr::memchr3(b'\\', b'%', b'&', &bytes[at..]).map_or(end, |ahead| at + ahead);
            self.text.push_str(&from.text[at..plain]);
            match from.places {
                Some(places) => self.places.extend_from_slice(&places[at..plain]),
                None => self.places.extend(at as u32..plain as u32),
            }
            at = plain;
            if at < end {
                match escape(bytes, at) {
                    Some((character, length)) => {
                        self.push(character, from.place(at));
                        at += length;
                    }
                    None => {
                        self.push(char::from(bytes[at]), from.place(at));
                        at += 1;
                    }
                }
            }
        }
        self.push(behind, from.place(end));
    }

    /// Notes where the last piece ends, so that a range may reach it.
    pub fn close(&mut self) {
        if let Some(last) = self.places.last() {
            self.places.push(*last);
        }
    }

    pub fn as_source(&self) -> Source<'_> {
        Source { text: &self.text, places: Some(&self.places) }
    }
}

/// A text of which a view is made: the source itself, or a view of it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'s> {
    pub text: &'s str,
    pub places: Option<&'s [u32]>,
}

impl Source<'_> {
    /// The range of the first source that the range comes from.
    pub fn range(&self, start: usize, end: usize) -> (usize, usize) {
        (self.place(start) as usize, self.place(end) as usize)
    }

    fn place(&self, at: usize) -> u32 {
        match self.places {
            Some(places) => places.get(at).or(places.last()).copied().unwrap_or(0),
            None => at as u32,
        }
    }
}

/// Whether escapes may stand in the text.
pub(crate) fn has_escape(bytes: &[u8]) -> bool {
    memchr::memchr3_iter(b'\\', b'%', b'&', bytes).any(|at| escape(bytes, at).is_some())
}

/// The character that the escape at `at` stands for, and the bytes that it takes.
pub(crate) fn escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    match bytes[at] {
        b'\\' => backslash(bytes, at),
        // What JavaScript's `escape` and IIS write.
        b'%' if matches!(bytes.get(at + 1), Some(b'u' | b'U')) => {
            Some((char::from_u32(hex(bytes.get(at + 2..at + 6)?)?)?, 6))
        }
        b'%' => {
            let code = hex(bytes.get(at + 1..at + 3)?)?;
            // Other bytes are parts of characters that no pattern knows.
            (code < 0x80).then_some((char::from_u32(code)?, 3))
        }
        _ => entity(&bytes[at..]),
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, byte| Some(code * 16 + char::from(*byte).to_digit(16)?))
}

/// JSON's escapes, and those of JavaScript, Python, Rust and nginx: `\u003d`, `\u{3d}`, `\x3d`.
fn backslash(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    Some(match bytes.get(at + 1)? {
        simple @ (b'"' | b'\'' | b'\\' | b'/') => (char::from(*simple), 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'b' | b'f' => (' ', 2),
        b'x' => (char::from_u32(hex(bytes.get(at + 2..at + 4)?)?)?, 4),
        b'u' if bytes.get(at + 2) == Some(&b'{') => {
            let length = bytes[at + 3..].iter().take(7).position(|byte| *byte == b'}')?;
            (char::from_u32(hex(&bytes[at + 3..at + 3 + length])?)?, length + 4)
        }
        b'u' => {
            let high = hex(bytes.get(at + 2..at + 6)?)?;
            match char::from_u32(high) {
                Some(character) => (character, 6),
                None => {
                    let low = bytes.get(at + 6..at + 12)?.strip_prefix(b"\\u").and_then(hex)?;
                    let code = 0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
                    (char::from_u32(code)?, 12)
                }
            }
        }
        _ => return None,
    })
}

/// The entities that HTML and XML encoders write.
fn entity(bytes: &[u8]) -> Option<(char, usize)> {
    const NAMED: &[(&[u8], char)] = &[
        (b"&quot;", '"'),
        (b"&amp;", '&'),
        (b"&lt;", '<'),
        (b"&gt;", '>'),
        (b"&apos;", '\''),
        (b"&equals;", '='),
        (b"&colon;", ':'),
    ];
    if let Some((name, character)) = NAMED.iter().find(|(name, _)| bytes.starts_with(name)) {
        return Some((*character, name.len()));
    }
    let number = bytes.strip_prefix(b"&#")?;
    let length = number.iter().take(9).position(|byte| *byte == b';')?;
    let digits = &number[..length];
    let code = match digits.strip_prefix(b"x").or_else(|| digits.strip_prefix(b"X")) {
        Some(digits) if !digits.is_empty() => hex(digits)?,
        None if !digits.is_empty() => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    Some((char::from_u32(code)?, length + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        let mut view = View::new();
        view.append(&Source { text, places: None }, 0, text.len(), '\n');
        view.close();
        view.text.trim_end_matches('\n').to_owned()
    }

    #[test]
    fn every_escape_is_seen() {
        for (text, expected) in [
            (r"a\u003db\u0026\u{3d}\x3d\/", "a=b&==/"),
            (r"\\u003d\\\x22", "\\u003d\\\""),
            (r"\ud83d\ude00é\ud800", "😀é\\ud800"),
            ("%22a%3D%e9%zz%2", "\"a=%e9%zz%2"),
            ("%u0022a%u003d%u00", "\"a=%u00"),
            ("&quot;&#61;&#x3D;&amp;#61;&#;&#x;&nope;&", "\"==&#61;&#;&#x;&nope;&"),
            (r"\u12 \u{110000} \x4 \q \", r"\u12 \u{110000} \x4 \q \"),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_leads_back_to_the_escapes_it_came_from() {
        let text = r"é \\u0061=\\u0062.";
        let mut first = View::new();
        first.append(&Source { text, places: None }, 0, text.len(), '\n');
        first.close();
        let mut second = View::new();
        second.append(&first.as_source(), 0, first.text.len(), '\n');
        second.close();
        let at = second.text.find('b').unwrap_or_default();
        let (start, end) = second.as_source().range(at, at + 1);
        assert_eq!(&text[start..end], r"\\u0062");
        let (start, end) = second.as_source().range(0, second.text.trim_end().len());
        assert_eq!(&text[start..end], text);
    }
}
