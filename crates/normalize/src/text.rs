//! Text lines of applications: what Node's and Python's runtimes put before a message, levels and times at the start
//! of a line, and exceptions in it.
//!
//! It refuses to change a body: what a column holds besides is read from it, not cut out, unless every part of the
//! runtime's prefix is in a column.

use std::borrow::Cow;

use transect_schema::Record;

use crate::draft::{Draft, OUTER_RANK};
use crate::keys::Slot;
use crate::{ids, platform, severity, time};

/// Fills the columns from a text line and returns the part that is the message, in which JSON may stand.
pub(crate) fn line<'m>(draft: &mut Draft<'m>, text: &'m str) -> &'m str {
    let message = text.trim_end_matches(['\n', '\r']);
    let rest = prefix(draft, message).unwrap_or(message);
    draft.record.body = Some(Cow::Borrowed(rest));
    rest
}

/// Reads the runtime's prefix. `Some` is the message behind it, when every part of the prefix is in a column.
fn prefix<'m>(draft: &mut Draft<'m>, text: &'m str) -> Option<&'m str> {
    if platform::text_line(draft, text) {
        return None;
    }
    if let Some((time, end)) = time::parse_iso_prefix(text) {
        let has_time = draft.offer_time(OUTER_RANK, Some(time));
        // Node: time, request id (`undefined` outside of an invocation), level, message.
        if let Some(rest) = text[end..].strip_prefix('\t') {
            let mut parts = rest.splitn(3, '\t');
            let (id, level, message) = (parts.next()?, parts.next()?, parts.next()?);
            let has_id = invocation(draft, id);
            let has_level = set_level(draft, level);
            return (has_time && has_id && has_level).then_some(message);
        }
        let rest = text[end..].trim_start();
        if let Some((id, message)) = rest.split_once(' ')
            && message.starts_with("Task timed out after ")
            && ids::uuid(id).is_some()
        {
            invocation(draft, id);
            platform::timeout(draft, message);
            return None;
        }
        leading_level(draft, rest);
        return None;
    }
    // Python: `[LEVEL]`, time, request id, message; without time and id where the runtime itself reports.
    if let Some((level, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && severity::from_name(level).is_some()
    {
        let has_level = set_level(draft, level);
        if let Some(rest) = rest.strip_prefix('\t') {
            let mut parts = rest.splitn(3, '\t');
            let (stamp, id, message) = (parts.next()?, parts.next()?, parts.next()?);
            let has_time = draft.offer_time(OUTER_RANK, time::parse_text(stamp));
            let has_id = invocation(draft, id);
            return (has_time && has_id && has_level).then_some(message);
        }
        return None;
    }
    leading_level(draft, text);
    None
}

fn invocation<'m>(draft: &mut Draft<'m>, id: &'m str) -> bool {
    match ids::uuid(id) {
        Some(id) => {
            draft.record.faas_invocation_id = Some(id);
            draft.fill(Slot::InvocationId, OUTER_RANK);
            true
        }
        None => false,
    }
}

fn set_level<'m>(draft: &mut Draft<'m>, level: &'m str) -> bool {
    let Some(number) = severity::from_name(level) else { return false };
    draft.record.severity_number = Some(number);
    draft.record.severity_text = Some(Cow::Borrowed(level));
    // `console.log` says INFO of everything: a level that the message itself states is nearer to the truth.
    draft.fill(Slot::Level, OUTER_RANK + 200);
    true
}

/// A level in capitals or in brackets as the first word of a line: `ERROR …`, `[warn] …`, `INFO: …`.
fn leading_level<'m>(draft: &mut Draft<'m>, text: &'m str) {
    let word = text.split([' ', '\t', '\n']).next().unwrap_or_default();
    let bare = word.trim_end_matches(':');
    let level = match bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside,
        None if bare.len() > 2 && bare.bytes().all(|byte| byte.is_ascii_uppercase()) => bare,
        None => return,
    };
    set_level(draft, level);
}

/// Fills the exception columns from a stack trace within a text: Python's from `Traceback`, those with lines of `at …`
/// from the line that names the type.
pub(crate) fn exception_in<'m>(record: &mut Record<'m>, text: &'m str) {
    const PYTHON: &str = "Traceback (most recent call last):";
    // A trace has lines.
    if record.exception_type.is_some() || memchr::memchr(b'\n', text.as_bytes()).is_none() {
        return;
    }
    if let Some(at) = text.find(PYTHON) {
        let stack = text[at..].trim_end();
        let last = stack.lines().rev().find(|line| !line.is_empty() && !line.starts_with(' '));
        // The runtime prints type and message before the trace, everybody else after it.
        let before = text[..at].lines().next_back().map(|line| line.rsplit_once("] ").map_or(line, |(_, rest)| rest));
        if let Some((kind, message)) = last.and_then(kind_and_message).or_else(|| before.and_then(kind_and_message)) {
            record.exception_type = Some(Cow::Borrowed(kind));
            record.exception_message = Some(Cow::Borrowed(message));
        }
        record.exception_stacktrace = Some(Cow::Borrowed(stack));
        return;
    }
    let Some(frames) = ["\n    at ", "\n\tat "].into_iter().filter_map(|frame| text.find(frame)).min() else { return };
    let start = text[..frames].rfind('\n').map_or(0, |feed| feed + 1);
    let line = &text[start..frames];
    // `Exception in thread "main" java.lang.IllegalStateException: …`, `Uncaught TypeError: …`.
    let named = std::iter::successors(Some(line), |rest| rest.split_once(' ').map(|(_, rest)| rest))
        .take(8)
        .find_map(kind_and_message);
    if let Some((kind, message)) = named {
        record.exception_type = Some(Cow::Borrowed(kind));
        record.exception_message = Some(Cow::Borrowed(message));
        record.exception_stacktrace = Some(Cow::Borrowed(text[start..].trim_end()));
    }
}

/// Splits `java.lang.IllegalStateException: closed` or a bare `KeyboardInterrupt`.
fn kind_and_message(line: &str) -> Option<(&str, &str)> {
    let (kind, message) = line.split_once(':').unwrap_or((line, ""));
    let is_path = |kind: &str| {
        kind.len() <= 200
            && kind.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
    };
    let last = kind.rsplit(['.', '$']).next().unwrap_or_default();
    let is_name = last.starts_with(|first: char| first.is_ascii_uppercase())
        && last.bytes().any(|byte| byte.is_ascii_lowercase());
    (is_path(kind) && is_name).then(|| (kind, message.trim()))
}

/// Completes type and message of an exception of which a line states the stack.
pub(crate) fn complete_exception(record: &mut Record<'_>) {
    if record.exception_type.is_some() && record.exception_message.is_some() {
        return;
    }
    let Some(stack) = record.exception_stacktrace.as_deref() else { return };
    let lines = || stack.lines().filter(|line| !line.is_empty());
    let wanted = record.exception_type.as_deref();
    let fits = |line: &str| {
        let (kind, message) = kind_and_message(line)?;
        let is_same = wanted.is_none_or(|wanted| kind == wanted || kind.rsplit('.').next() == Some(wanted));
        is_same.then(|| (kind.to_owned(), message.to_owned()))
    };
    // Python names the exception in the last line, everybody else in the first.
    let found = lines().next_back().and_then(fits).or_else(|| lines().next().and_then(fits));
    if let Some((kind, message)) = found {
        record.exception_type.get_or_insert(Cow::Owned(kind));
        if !message.is_empty() {
            record.exception_message.get_or_insert(Cow::Owned(message));
        }
    }
}
