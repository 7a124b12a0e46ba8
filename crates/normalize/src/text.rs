//! Text lines of applications: what Node's and Python's runtimes put before a message, levels and times at the start
//! of a line.
//!
//! It refuses to change a body: what a column holds besides is read from it, not cut out, unless every part of the
//! runtime's prefix is in a column.

use std::borrow::Cow;

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
