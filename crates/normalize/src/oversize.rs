//! Records that no Firehose record could hold: cut into parts whose bodies join to the message as it came.
//!
//! It refuses to shorten: what no longer stands in a column stands in the bodies.

use std::borrow::Cow;

use transect_schema::{COLUMNS, Record, Value};

use crate::attributes::Writer;
use crate::json::Tape;
use crate::limits::{RECORD_BYTES_MAX, REPEATED_COLUMN_BYTES_MAX};
use crate::normalize::without_outcome;
use crate::redact::Redactor;

/// The most bytes that one byte of text takes in JSON: a control character, `\u0007`.
const ESCAPED_BYTES_MAX: usize = 6;

/// Bytes of JSON that the first part may spend on attributes which stand in no body, such as extracted fields.
const KEPT_ATTRIBUTES_BYTES_MAX: usize = RECORD_BYTES_MAX / 8;

/// Bytes that a text takes in a JSON string, quotes left out.
pub(crate) fn escaped_bytes(text: &str) -> usize {
    text.bytes().map(escaped_byte).sum()
}

#[inline]
fn escaped_byte(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        ..b' ' => ESCAPED_BYTES_MAX,
        _ => 1,
    }
}

/// Whether the record's text is long enough to be worth measuring.
pub(crate) fn may_be(record: &Record<'_>) -> bool {
    record.text_bytes() * ESCAPED_BYTES_MAX > RECORD_BYTES_MAX / 2
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

/// The message as it came, secrets replaced: what stands before and behind its JSON as text, the JSON by the marks of
/// its tokens.
pub(crate) fn original<'m>(
    message: &'m str,
    json: Option<(&'m str, &Tape)>,
    redactor: Option<&Redactor>,
) -> Cow<'m, str> {
    let Some(redactor) = redactor else { return Cow::Borrowed(message) };
    // Where the JSON is no longer what the message holds, the marks say nothing of the message.
    let place = json.and_then(|(json, tape)| Some((message.find(json)?, json, tape)));
    let Some((start, json, tape)) = place else { return redactor.redact_text(message, false, false, &mut 0) };
    let (before, behind) = (&message[..start], &message[start + json.len()..]);
    let writer = Writer { text: json, tape, redactor: Some(redactor), whole: true };
    let parts = [
        redactor.redact_text(before, false, false, &mut 0),
        writer.rewritten(&mut 0),
        redactor.redact_text(behind, false, false, &mut 0),
    ];
    Cow::Owned(parts.concat())
}

/// The record without what is too long to be repeated. Ids of the document stay whole: they are the key, and bounded
/// where the document is read.
fn shortened(record: &Record<'_>) -> Record<'static> {
    let values = record.values();
    Record::from_values(|index| match values[index] {
        Some(Value::String(text)) if text.len() > REPEATED_COLUMN_BYTES_MAX => {
            let is_key = matches!(COLUMNS[index].name, "event_id" | "aws_log_group" | "aws_log_stream");
            is_key.then_some(Value::String(text))
        }
        value => value,
    })
}

/// Calls `each` with the parts; returns how many follow the first. `kept` are entries of attributes that stand in no
/// body, each with a comma behind.
pub(crate) fn split(record: &Record<'_>, original: &str, kept: &str, each: &mut dyn FnMut(&Record<'_>)) -> usize {
    let kept = if escaped_bytes(kept) <= KEPT_ATTRIBUTES_BYTES_MAX { kept } else { "" };
    let attributes = |kept: &str, part: usize, parts: usize| {
        Cow::Owned(format!("{{{kept}\"transect.part\":{part},\"transect.parts\":{parts}}}"))
    };
    let first = Record { body: None, attributes: None, ..shortened(record) };
    const ID_SUFFIX_BYTES_MAX: usize = 16;
    const ADDED_KEYS_BYTES: usize = ",\"body\":\"\",\"event_name\":\"continuation\"".len();
    const PART_COUNT_MAX: usize = 9_999_999;
    let widest = Record { attributes: Some(attributes(kept, PART_COUNT_MAX, PART_COUNT_MAX)), ..first.clone() };
    let room =
        RECORD_BYTES_MAX - json_bytes(&widest).min(RECORD_BYTES_MAX / 2) - ID_SUFFIX_BYTES_MAX - ADDED_KEYS_BYTES;
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
        let (base, kept) = if index == 0 { (&first, kept) } else { (&rest, "") };
        let id = if index == 0 { record.event_id.clone() } else { Cow::Owned(format!("{}/{index}", record.event_id)) };
        each(&Record {
            event_id: id,
            body: Some(Cow::Borrowed(piece)),
            attributes: Some(attributes(kept, index, pieces.len())),
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
        let bytes = if character.is_ascii() { escaped_byte(character as u8) } else { character.len_utf8() };
        if used + bytes > room {
            pieces.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += bytes;
    }
    pieces.push(&text[start..]);
    pieces
}
