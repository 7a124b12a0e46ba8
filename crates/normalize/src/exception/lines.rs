//! Lines of a text whatever parts them, and a text without the colours of a terminal.
//!
//! It refuses to judge what a line says.

use memchr::{memchr, memchr2, memrchr2};

/// A line without its end and without blanks behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    pub text: &'t str,
    /// The byte where the line begins in the whole text.
    pub start: usize,
    /// The byte where the next one begins.
    pub next: usize,
}

impl<'t> Line<'t> {
    /// Returns the line without the blanks before it: blanks, tabs and Lambda's no-break blanks.
    pub fn trimmed(&self) -> &'t str {
        self.text.trim_start()
    }

    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    pub fn is_indented(&self) -> bool {
        self.text.starts_with(char::is_whitespace)
    }
}

/// Lines that end with a line feed, with both characters, or with a carriage return alone: Lambda's Python runtime
/// joins what belongs to one event with the latter.
pub(super) struct Lines<'t> {
    text: &'t str,
    at: usize,
}

/// Returns the lines of `text` from the byte `at` on.
pub(super) fn lines(text: &str, at: usize) -> Lines<'_> {
    Lines { text, at }
}

impl<'t> Iterator for Lines<'t> {
    type Item = Line<'t>;

    fn next(&mut self) -> Option<Line<'t>> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let (end, next) = match memchr2(b'\n', b'\r', rest.as_bytes()) {
            Some(end) => (end, end + if rest[end..].starts_with("\r\n") { 2 } else { 1 }),
            None => (rest.len(), rest.len()),
        };
        self.at = start + next;
        Some(Line { text: rest[..end].trim_end(), start, next: start + next })
    }
}

/// Returns the line that ends where the line at the byte `next` begins.
pub(super) fn line_before(text: &str, next: usize) -> Option<Line<'_>> {
    let before = text.get(..next).filter(|before| !before.is_empty())?;
    let body = before.strip_suffix("\r\n").or_else(|| before.strip_suffix(['\n', '\r'])).unwrap_or(before);
    let start = memrchr2(b'\n', b'\r', body.as_bytes()).map_or(0, |end| end + 1);
    Some(Line { text: body[start..].trim_end(), start, next })
}

/// Returns the byte of `text` where `part`, a slice of it, begins.
pub(super) fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize).min(text.len())
}

const ESCAPE: u8 = 0x1b;

/// Says whether a text may hold colours.
pub(super) fn has_colours(text: &str) -> bool {
    memchr(ESCAPE, text.as_bytes()).is_some()
}

/// The pieces of a text between its control sequences (ECMA-48: escape, bracket, parameters, one final letter), each
/// with the byte where it begins.
pub(super) struct PlainPieces<'t> {
    text: &'t str,
    at: usize,
}

/// Returns the pieces of `text` without its colours.
pub(super) fn plain_pieces(text: &str) -> PlainPieces<'_> {
    PlainPieces { text, at: 0 }
}

impl<'t> Iterator for PlainPieces<'t> {
    type Item = (usize, &'t str);

    fn next(&mut self) -> Option<(usize, &'t str)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = memchr(ESCAPE, rest.as_bytes()).unwrap_or(rest.len());
        let mut next = end + 1;
        if let Some(parameters) = rest.get(next..).and_then(|rest| rest.strip_prefix('[')) {
            let bytes = parameters.as_bytes();
            let length = bytes.iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            let has_final = bytes.get(length).is_some_and(|byte| matches!(byte, 0x40..=0x7e));
            next += 1 + length + usize::from(has_final);
        }
        self.at = start + next.min(rest.len());
        Some((start, &rest[..end]))
    }
}
