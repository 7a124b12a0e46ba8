//! Records that no Firehose record could hold: cut into parts whose bodies join to the message as it came.
//!
//! It refuses to shorten: what no longer stands in a column stands in the bodies.

use std::borrow::Cow;

use transect_schema::Record;

use crate::limits::{RECORD_BYTES_MAX, REPEATED_COLUMN_BYTES_MAX};
use crate::normalize::without_outcome;

/// The most bytes that one byte of text takes in JSON: a control character, `\u0007`.
const ESCAPED_BYTES_MAX: usize = 6;

/// Whether the record's text is long enough to be worth measuring.
pub(crate) fn may_be(record: &Record<'_>) -> bool {
    let texts = [
        &record.body,
        &record.attributes,
        &record.exception_stacktrace,
        &record.exception_message,
        &record.exception_type,
        &record.span_name,
        &record.status_message,
        &record.url_path,
        &record.http_route,
        &record.service_name,
        &record.faas_name,
    ];
    let bytes: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
    bytes * ESCAPED_BYTES_MAX > RECORD_BYTES_MAX / 2
}

/// Whether the record's JSON is larger than the limit.
pub(crate) fn is(record: &Record<'_>) -> bool {
    json_bytes(record) > RECORD_BYTES_MAX
}

fn json_bytes(record: &Record<'_>) -> usize {
    let mut out = Vec::new();
    record.write_json(&mut out);
    out.len()
}

/// Calls `each` with the parts; returns how many follow the first.
pub(crate) fn split(record: &Record<'_>, original: &str, each: &mut dyn FnMut(&Record<'_>)) -> usize {
    let mut first = record.clone();
    first.body = None;
    first.attributes = Some(Cow::Borrowed("{\"transect.part\":0000000,\"transect.parts\":0000000}"));
    for column in [
        &mut first.correlation_id,
        &mut first.severity_text,
        &mut first.service_name,
        &mut first.service_version,
        &mut first.faas_name,
        &mut first.faas_version,
        &mut first.span_name,
        &mut first.status_message,
        &mut first.exception_type,
        &mut first.exception_message,
        &mut first.exception_stacktrace,
        &mut first.http_route,
        &mut first.url_path,
        &mut first.event_name,
    ] {
        if column.as_ref().is_some_and(|text| text.len() > REPEATED_COLUMN_BYTES_MAX) {
            *column = None;
        }
    }
    const ID_SUFFIX_BYTES_MAX: usize = 16;
    const ADDED_KEYS_BYTES: usize = ",\"body\":\"\",\"event_name\":\"continuation\"".len();
    let room = RECORD_BYTES_MAX - json_bytes(&first).min(RECORD_BYTES_MAX / 2) - ID_SUFFIX_BYTES_MAX - ADDED_KEYS_BYTES;
    let pieces = pieces(original, room);
    // The parts carry the ids and where they come from; what is counted or summed stands in the first alone.
    let rest = Record {
        signal: Cow::Borrowed("log"),
        event_name: Some(Cow::Borrowed("continuation")),
        faas_coldstart: None,
        span_name: None,
        span_kind: None,
        ..without_outcome(&first)
    };
    for (index, piece) in pieces.iter().enumerate() {
        let base = if index == 0 { &first } else { &rest };
        let id = if index == 0 { record.event_id.clone() } else { Cow::Owned(format!("{}/{index}", record.event_id)) };
        each(&Record {
            event_id: id,
            body: Some(Cow::Borrowed(piece)),
            attributes: Some(Cow::Owned(format!("{{\"transect.part\":{index},\"transect.parts\":{}}}", pieces.len()))),
            ..base.clone()
        });
    }
    pieces.len().saturating_sub(1)
}

/// The text in pieces of at most `room` bytes of JSON, at least one.
fn pieces(text: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, character) in text.char_indices() {
        let bytes = match character {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            '\0'..' ' => ESCAPED_BYTES_MAX,
            other => other.len_utf8(),
        };
        if used + bytes > room {
            pieces.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += bytes;
    }
    pieces.push(&text[start..]);
    pieces
}
