//! What a head is made of: words, groups in brackets, fields and pairs, times, and the ids that stand in them.
//!
//! It refuses to know the order of a layout.

use super::Head;
use crate::severity;
use crate::{ids, time};

/// Bytes of one part of a head: a group in brackets, a logger's name. X-Ray's header within one has up to 256.
pub(super) const PART_BYTES_MAX: usize = 512;

/// The byte behind blanks and tabs.
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The bytes from `at` on.
pub(super) fn rest(text: &str, at: usize) -> &[u8] {
    text.as_bytes().get(at..).unwrap_or_default()
}

/// The text up to the first byte that ends it, and where that is. `None` if it is longer than a part of a head.
pub(super) fn until(text: &str, at: usize, mut ends: impl FnMut(u8) -> bool) -> Option<(&str, usize)> {
    let rest = rest(text, at);
    let length = rest.iter().take(PART_BYTES_MAX).position(|byte| ends(*byte));
    let length = length.or_else(|| (rest.len() <= PART_BYTES_MAX).then_some(rest.len()))?;
    Some((text.get(at..at + length)?, at + length))
}

/// The inside of a group that opens at `at`, and the byte behind it. It ends in the same line.
pub(super) fn group(text: &str, at: usize) -> Option<(&str, usize)> {
    let close = match text.as_bytes().get(at)? {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        b'<' => b'>',
        _ => return None,
    };
    let (inside, end) = until(text, at + 1, |byte| byte == close || byte == b'\n')?;
    (text.as_bytes().get(end) == Some(&close)).then_some((inside, end + 1))
}

/// Where in a text quotes are open, byte by byte.
#[derive(Default)]
pub(super) struct Quotes {
    is_open: bool,
    is_escaped: bool,
}

impl Quotes {
    /// Whether the next byte stands in no quotes.
    pub fn is_outside(&mut self, byte: u8) -> bool {
        let is_outside = !self.is_open;
        self.is_open ^= byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        is_outside
    }
}

/// The fields of a span in braces that open at `at`, and the byte behind them. What stands in quotes ends nothing.
pub(super) fn fields(text: &str, at: usize) -> Option<(&str, usize)> {
    let mut quotes = Quotes::default();
    let (inside, end) = until(text, at + 1, |byte| {
        let is_outside = quotes.is_outside(byte);
        byte == b'\n' || byte == b'}' && is_outside
    })?;
    (text.as_bytes().get(end) == Some(&b'}')).then_some((inside, end + 1))
}

/// A word: up to a blank, a tab, a pipe or the end of the line.
pub(super) fn word(text: &str, at: usize) -> Option<(&str, usize)> {
    until(text, at, |byte| matches!(byte, b' ' | b'\t' | b'|' | b'\n' | b'\r')).filter(|(word, _)| !word.is_empty())
}

pub(super) fn is_capital(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A time at `at`, whole or in part, and where it ends.
pub(super) fn stamp<'t>(head: &mut Head<'t>, text: &'t str, at: usize) -> Option<usize> {
    let from = text.get(at..)?;
    if let Some((time, length)) = time::parse_prefix(from) {
        head.time_unix_nano = Some(time);
        return Some(at + length);
    }
    let length = time::near_length(from)?;
    head.partial_time = from.get(..length);
    Some(at + length)
}

/// What a group of a head is.
pub(super) enum Group<'t> {
    Level(&'t str, i32),
    Application,
    Other,
}

/// Words that name a part of a program in brackets as often as a level.
pub(super) const COMPONENTS: [&str; 4] = ["http", "config", "log", "audit"];

/// Reads the inside of a group in brackets: a level, a request id, ids of a trace, or something else.
pub(super) fn read_group<'t>(head: &mut Head<'t>, inside: &'t str) -> Group<'t> {
    let inside = inside.trim();
    let level = |word: &'t str| severity::from_name(word).filter(|_| !COMPONENTS.contains(&word)).map(|n| (word, n));
    if let Some((word, number)) = level(inside) {
        return Group::Level(word, number);
    }
    if ids::uuid(inside).is_some() {
        head.invocation_id = Some(inside);
        return Group::Other;
    }
    if inside.contains('=') {
        read_pairs(head, inside);
        return Group::Other;
    }
    // A logger's time behind its level.
    if inside.starts_with(|first: char| first.is_ascii_digit()) && head.time_unix_nano.is_none() {
        head.time_unix_nano = time::parse_prefix(inside).filter(|(_, end)| *end == inside.len()).map(|(time, _)| time);
    }
    let commas = inside.bytes().filter(|byte| *byte == b',').count();
    if matches!(commas, 2 | 3) {
        let mut parts = inside.split(',').map(str::trim);
        let (name, trace, span) = (parts.next(), parts.next(), parts.next());
        if let (Some(name), Some(trace), Some(span)) = (name, trace, span)
            && (trace.is_empty() || ids::trace_id(trace).is_some())
            && (span.is_empty() || ids::span_id(span).is_some())
        {
            head.service = Some(name).filter(|name| !name.is_empty() && *name != "-");
            head.trace = Some(trace).filter(|trace| !trace.is_empty());
            head.span = Some(span).filter(|span| !span.is_empty());
            return Group::Application;
        }
        return Group::Other;
    }
    // Micrometer since Spring Boot 3: `[trace-span]`.
    if let Some((trace, span)) = inside.split_once('-')
        && trace.len() >= 16
        && ids::span_id(span).is_some()
        && ids::trace_id(trace).is_some()
    {
        head.trace = Some(trace);
        head.span = Some(span);
        return Group::Application;
    }
    // Chromium's `[ERROR:base/files.cc(41)]`, Flutter's too.
    if let Some((word, place)) = inside.split_once(':')
        && is_capital(word)
        && place.strip_suffix(')').and_then(|place| place.rsplit_once('(')).is_some_and(|(_, line)| is_number(line))
        && let Some((word, number)) = level(word)
    {
        return Group::Level(word, number);
    }
    // Apache's `[core:error]`, Python's `[ERROR/MainProcess]`, Minecraft's `[Server thread/ERROR]`.
    if let Some((first, second)) = inside.split_once([':', '/'])
        && is_name(second)
        && (is_name(first) || is_capital(second) && first.split(' ').all(is_name))
        && let Some((word, number)) = level(second).or_else(|| level(first).filter(|_| is_capital(first)))
    {
        return Group::Level(word, number);
    }
    Group::Other
}

/// Whether the text is one word that a part of a program may be called.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_name_byte)
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

/// Reads the ids that a logger's own fields state: `traceId=…, spanId=…`, `requestId="…"`. A value without quotes may be
/// anybody's text, in which further fields stand: none behind it says whose call it is.
pub(super) fn read_pairs<'t>(head: &mut Head<'t>, inside: &'t str) {
    let mut is_sure = true;
    for pair in (Pairs { rest: inside }) {
        let Some((key, written)) = pair.split_once('=') else {
            is_sure = false;
            continue;
        };
        let value = written.trim_matches(['"', '\'']);
        let fold = |name: &str| {
            let letters = key.bytes().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| byte.to_ascii_lowercase());
            letters.eq(name.bytes())
        };
        if fold("traceid") || fold("xraytraceid") {
            head.trace = ids::trace_id(value).is_some().then_some(value).or(head.trace);
        } else if fold("spanid") {
            head.span = ids::span_id(value).is_some().then_some(value).or(head.span);
        } else if fold("requestid") || fold("awsrequestid") {
            head.invocation_id = head.invocation_id.or((is_sure && ids::uuid(value).is_some()).then_some(value));
        } else if fold("resourceservicename") || fold("servicename") {
            head.service = Some(value).filter(|value| !value.is_empty()).or(head.service);
        }
        is_sure &= written.starts_with('"') || ids::uuid(value).is_some() || ids::trace_id(value).is_some();
    }
}

/// The pairs of a group, parted by blanks and commas outside of quotes.
pub(super) struct Pairs<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Pairs<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        self.rest = self.rest.trim_start_matches([' ', ',']);
        let mut quotes = Quotes::default();
        let end = self.rest.bytes().position(|byte| quotes.is_outside(byte) && matches!(byte, b' ' | b','));
        let (pair, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!pair.is_empty()).then_some(pair)
    }
}

/// Whether the text is digits and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
