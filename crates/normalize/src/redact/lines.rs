//! Values that stand on other lines than their keys: blocks and lists of YAML, what stands below a key, heredocs, the rows
//! of a list, and headers that go on.
//!
//! It refuses to take what stands below for a value where it is a mapping, a text of several lines or prose: keys within
//! are looked at by themselves.

use super::values::SCHEMES;
use super::views::KEY_END;

/// Blanks that may stand before a row.
const INDENTATION_BYTES_MAX: usize = 64;

fn indentation(line: &[u8]) -> usize {
    line.iter().take(INDENTATION_BYTES_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Where the line begins on which the separator at `at` stands. It is asked of the last separator of a line alone.
fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr2(b'\n', KEY_END as u8, &bytes[..at]).map_or(0, |line| line + 1)
}

/// Where the next line begins behind a line that ends at `end`.
fn next_line(bytes: &[u8], end: usize) -> Option<usize> {
    match bytes.get(end..)? {
        [b'\n', ..] => Some(end + 1),
        [b'\r', b'\n', ..] => Some(end + 2),
        _ => None,
    }
}

/// The end of the line, without what ends it.
fn line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr3(b'\r', b'\n', KEY_END as u8, &bytes[start..]).map_or(bytes.len(), |length| start + length)
}

/// Where the value begins behind a tag of YAML, `!!str x`; none where the tag says that the value is made or encrypted.
pub(super) fn behind_tag(bytes: &[u8], at: usize, start: usize) -> Option<usize> {
    const PLAIN: &[&[u8]] = &[b"!", b"!!str", b"!!binary", b"!binary", b"!str"];
    #[rustfmt::skip]
    const MADE: &[&[u8]] = &[
        b"!Ref", b"!Sub", b"!GetAtt", b"!ImportValue", b"!Join", b"!Select", b"!If", b"!FindInMap", b"!Split",
        b"!Base64", b"!vault", b"!reference", b"!secret", b"!env",
    ];
    let rest = &bytes[start.min(bytes.len())..];
    if bytes[at] != b':' || rest.first() != Some(&b'!') {
        return Some(start);
    }
    let length = rest.iter().take(16).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'!').count();
    if rest.get(length) != Some(&b' ') {
        return Some(start);
    }
    if MADE.contains(&&rest[..length]) {
        return None;
    }
    Some(if PLAIN.contains(&&rest[..length]) { start + length + 1 } else { start })
}

/// Where the line ends of which only a comment of YAML's stands at `start`, behind the separator at `at`.
pub(super) fn behind_comment(bytes: &[u8], at: usize, start: usize) -> Option<usize> {
    const COMMENT_BYTES_MAX: usize = 256;
    let comment = &bytes[start..bytes.len().min(start + COMMENT_BYTES_MAX)];
    let is_comment = bytes[at] == b':' && start > at + 1 && comment.starts_with(b"# ");
    memchr::memchr2(b'\r', b'\n', comment).filter(|_| is_comment).map(|length| start + length)
}

/// The lines of YAML's block scalar whose sign, `|` or `>`, stands at `start`: those that stand deeper than the key before
/// the separator at `at`. A heredoc is one as well.
pub(super) fn block(bytes: &[u8], at: usize, start: usize) -> Option<(usize, usize)> {
    if bytes[start.min(bytes.len())..].starts_with(b"<<") {
        return heredoc(bytes, start);
    }
    let sign = bytes.get(start)?;
    if !matches!(sign, b'|' | b'>') || bytes[at] != b':' {
        return None;
    }
    let marks = bytes[start + 1..].iter().take(2).take_while(|byte| matches!(byte, b'-' | b'+' | b'1'..=b'9')).count();
    let line_end = start + 1 + marks;
    let from = next_line(bytes, line_end)?;
    let depth = indentation(&bytes[line_start(bytes, at)..at]);
    let first = indentation(&bytes[from..]);
    if first <= depth {
        return Some((from, from));
    }
    let mut end = from;
    while end < bytes.len() {
        let next = memchr::memchr2(b'\n', KEY_END as u8, &bytes[end..]).map_or(bytes.len(), |length| end + length + 1);
        let line = &bytes[end..next];
        let is_key = line.ends_with(&[KEY_END as u8]);
        if is_key || indentation(line) <= depth && !line.iter().all(u8::is_ascii_whitespace) {
            break;
        }
        end = next;
    }
    let trailing = bytes[from..end].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    Some((from + first, (end - trailing).max(from + first)))
}

/// The lines of a heredoc of Terraform or a shell, `<<EOT`, up to the one that has its word alone.
fn heredoc(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    const HEREDOC_BYTES_MAX: usize = 4096;
    let sign = start + 2 + usize::from(matches!(bytes.get(start + 2), Some(b'-' | b'~')));
    let quote = usize::from(matches!(bytes.get(sign), Some(b'\'' | b'"')));
    let length = bytes.get(sign + quote..)?.iter().take(32).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let word = &bytes[sign + quote..sign + quote + length];
    let from = next_line(bytes, sign + length + 2 * quote).filter(|_| length > 0)?;
    let until = bytes.len().min(from + HEREDOC_BYTES_MAX);
    let (mut line, mut end) = (from, from);
    while line < until {
        let stop = line_end(bytes, line);
        if bytes[line..stop].trim_ascii() == word {
            break;
        }
        end = stop;
        line = stop + 1;
    }
    let inside = &bytes[from..end];
    let blanks = inside.len() - inside.trim_ascii_start().len();
    Some((from + blanks, (from + inside.trim_ascii_end().len()).max(from + blanks)))
}

/// What stands below a key.
pub(super) enum Below {
    /// One line that is no mapping.
    Line(usize, usize),
    /// A list whose first entry stands there, so many blanks deep.
    List(usize, usize),
}

/// What stands below a key that is alone on its line, which ends at `end` with nothing but blanks behind the separator at
/// `at`: one line that stands deeper and is followed by none that does, or the entries of a list. Mappings have keys of
/// their own.
pub(super) fn below(bytes: &[u8], at: usize, end: usize) -> Option<Below> {
    if bytes[at] != b':' {
        return None;
    }
    let start = line_start(bytes, at);
    let mut depth = indentation(&bytes[start..at]);
    while bytes[start + depth..at].starts_with(b"- ") {
        depth += 2;
    }
    // Behind a further word it is prose; `body=password:` may come from a form.
    let key = bytes[start + depth..at].trim_ascii_end().rsplit(|byte| *byte == b'=').next()?;
    if memchr::memchr(b' ', key).is_some() {
        return None;
    }
    let line = next_line(bytes, end)?;
    let first = indentation(&bytes[line..]);
    let value = line + first;
    if bytes[value..].starts_with(b"- ") {
        return (first >= depth).then_some(Below::List(value, first));
    }
    let end = line_end(bytes, value);
    let text = bytes[value..end].trim_ascii_end();
    let is_folded = matches!(text.last(), Some(b';' | b',')) || is_scheme(text);
    let text = text.strip_suffix(b",").unwrap_or(text);
    if first <= depth || text.is_empty() || is_mapping(text) {
        return None;
    }
    let goes_on = next_line(bytes, end).is_some_and(|next| indentation(&bytes[next..]) > depth && next < bytes.len());
    (!goes_on || is_folded).then_some(Below::Line(value, value + text.len()))
}

fn is_scheme(text: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| text.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// How far a list was read whose first entry stands `from` there, and where its last one ends; none where entries are mappings.
#[derive(Clone, Copy, Default)]
struct List {
    from: usize,
    stop: usize,
    end: Option<usize>,
}

/// The lists that were read, one for each depth: a comment within may end as a key does, and has the rest of its list below.
#[derive(Default)]
pub(super) struct Lists(Vec<List>);

impl Lists {
    /// The entries of the list whose first stands at `start`, so many blanks deep.
    pub fn entries(&mut self, bytes: &[u8], start: usize, depth: usize) -> Option<(usize, usize)> {
        const SIGN: usize = 2;
        self.0.resize(INDENTATION_BYTES_MAX + 1, List::default());
        let known = &mut self.0[depth];
        if !(known.from <= start && start < known.stop) {
            *known = list(bytes, start, depth);
        }
        let end = known.end.filter(|end| *end > start + SIGN)?;
        Some((start + SIGN, end))
    }
}

fn list(bytes: &[u8], start: usize, depth: usize) -> List {
    let (mut line, mut end) = (start - depth, start);
    while line < bytes.len() {
        let from = line + indentation(&bytes[line..]);
        let stop = line_end(bytes, from);
        let is_comment = bytes.get(from) == Some(&b'#');
        if from - line < depth
            || (from - line == depth && !is_comment && !bytes[from..].starts_with(b"- "))
            || from == stop
        {
            break;
        }
        let entry = bytes[from..stop].trim_ascii();
        if !is_comment {
            if is_mapping(entry.strip_prefix(b"- ").unwrap_or(entry)) {
                return List { from: start, stop: line, end: None };
            }
            end = from + entry.len();
        }
        let Some(next) = next_line(bytes, stop) else { break };
        line = next;
    }
    List { from: start, stop: line, end: Some(end) }
}

/// Whether a line is a key with or without its value, or begins a list or mapping.
fn is_mapping(line: &[u8]) -> bool {
    match line.first() {
        Some(b'"' | b'\'') => line.ends_with(b":") || memchr::memmem::find(line, b"\": ").is_some(),
        Some(b'{' | b'[' | b'|' | b'>' | b'-' | b'#') => true,
        _ => line.ends_with(b":") || memchr::memmem::find(line, b": ").is_some(),
    }
}

/// Where the first row of a list begins whose bracket ends its line at `start`; Terraform's signs of a difference are none
/// of it.
pub(super) fn first_row(bytes: &[u8], start: usize) -> Option<usize> {
    let blanks = bytes.get(start..)?.iter().take(4).take_while(|byte| **byte == b' ').count();
    let line = next_line(bytes, start + blanks)?;
    Some(behind_sign(bytes, line))
}

/// Behind the indentation of a line and the sign of a difference.
fn behind_sign(bytes: &[u8], line: usize) -> usize {
    let start = line + indentation(&bytes[line..]);
    match &bytes[start..] {
        [b'+' | b'-' | b'~', b' ', ..] => start + 2,
        _ => start,
    }
}

/// Where the line ends before the one that begins with the bracket, or the text.
pub(super) fn rows_end(bytes: &[u8], start: usize, bracket: u8) -> usize {
    if bytes.get(start) == Some(&bracket) {
        return start;
    }
    memchr::memchr_iter(b'\n', &bytes[start..])
        .map(|ahead| start + ahead)
        .find(|at| bytes.get(behind_sign(bytes, at + 1)) == Some(&bracket))
        .unwrap_or(bytes.len())
}

/// The end of a header that goes on over lines that begin with a blank (RFC 7230, section 3.2.4): what stands before is no
/// end of it, a scheme, a comma or a semicolon.
pub(super) fn folded(bytes: &[u8], start: usize, end: usize) -> usize {
    let mut end = end;
    loop {
        let ahead = bytes[end..].iter().take(2).take_while(|byte| matches!(byte, b';' | b',' | b' ')).count();
        let line = match &bytes[end + ahead..] {
            [b'\r', b'\n', b' ' | b'\t', ..] => end + ahead + 3,
            [b'\n', b' ' | b'\t', ..] => end + ahead + 2,
            _ => return end,
        };
        let is_scheme = !bytes[start..end].iter().any(u8::is_ascii_whitespace) && end - start <= 32;
        let is_open = ahead > 0 || matches!(bytes[end - 1], b';' | b',');
        let rest = &bytes[line..];
        let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let text = rest[..length].trim_ascii();
        if !(is_scheme || is_open) || text.is_empty() || text.starts_with(b"at ") {
            return end;
        }
        end = line + length;
    }
}
