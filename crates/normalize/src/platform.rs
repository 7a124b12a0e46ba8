//! Lambda's own lines, as text and as JSON, to the same columns: start, end, report, init, restore, extension, and the
//! sentences that a timeout or a crash leaves.
//!
//! It refuses to invent what a line does not say; what it says and no column holds goes to `attributes`, shaped as the
//! JSON form is.

use std::borrow::Cow;

use transect_schema::{Record, write_json_string};

use crate::draft::{Draft, Layer};
use crate::json::Kind;
use crate::keys::Slot;
use crate::{ids, json, severity, time};

/// Fills the columns from a JSON system line; returns the tokens that are in columns now.
pub(crate) fn json_line<'m>(draft: &mut Draft<'m>, layer: Layer<'m, '_>, kind: usize, object: usize) -> Vec<usize> {
    let mut taken = vec![kind];
    draft.record.event_name = Some(Cow::Borrowed(layer.raw(kind)));
    // Web functions write `timestamp` and `level` where others write `time` alone.
    if let Some(time) = layer.get(0, "time").or_else(|| layer.get(0, "timestamp")) {
        draft.offer(Slot::Time, 0, layer, time, time);
    }
    if let Some(level) = layer.get(0, "level") {
        draft.offer(Slot::Level, 0, layer, level, level);
    }
    if let Some(sentence) = layer.string(object) {
        fault(draft, &sentence);
        return taken;
    }
    for (key, value) in layer.tape.entries(object) {
        match layer.raw(key) {
            "requestId" => draft.offer(Slot::InvocationId, 0, layer, value, value),
            "version" | "functionVersion" => draft.offer(Slot::FunctionVersion, 0, layer, value, value),
            "functionName" => draft.offer(Slot::FunctionName, 0, layer, value, value),
            "errorType" => draft.offer(Slot::ExceptionType, 0, layer, value, value),
            "status" if layer.kind(value) == Kind::String => {
                set_status(&mut draft.record, layer.string(value));
                taken.push(value);
            }
            "metrics" => {
                if let Some(duration) = layer.get(value, "durationMs").or_else(|| layer.get(value, "initDurationMs"))
                    && let Some(nano) = time::parse_milliseconds(layer.raw(duration))
                {
                    draft.record.duration_nano = Some(nano);
                    if layer.raw(duration - 1) == "durationMs" {
                        taken.push(duration);
                    }
                }
                if layer.raw(kind) == REPORT {
                    // A sandbox that was restored from a snapshot began cold as well.
                    let began = ["initDurationMs", "restoreDurationMs"];
                    draft.record.faas_coldstart = Some(began.into_iter().any(|name| layer.get(value, name).is_some()));
                }
            }
            "tracing" => {
                if let Some(header) = layer.get(value, "value") {
                    draft.offer(Slot::TraceHeader, 0, layer, header, header);
                }
                if let Some(span) = layer.get(value, "spanId") {
                    draft.offer(Slot::SpanId, 0, layer, span, span);
                }
            }
            _ => {}
        }
    }
    taken
}

/// `platform.fault`, whose record is a sentence: `RequestId: <id> Process exited before completing request`.
fn fault(draft: &mut Draft<'_>, sentence: &str) {
    if draft.record.event_name.as_deref() != Some("platform.fault") {
        return;
    }
    let told = sentence.strip_prefix("RequestId:").map(str::trim_start).and_then(|rest| rest.split_once(' '));
    let (id, message) = match told {
        Some((id, message)) if ids::uuid(id).is_some() => (ids::uuid(id), message),
        _ => (None, sentence),
    };
    if let Some(id) = id {
        draft.record.faas_invocation_id = Some(Cow::Owned(id.into_owned()));
    }
    let (kind, message) = crash(message);
    draft.is_unhandled = true;
    let own = |text: &str| Cow::Owned(text.to_owned());
    draft.record.severity_number = Some(severity::ERROR);
    draft.record.status_code = Some(Cow::Borrowed("ERROR"));
    draft.record.exception_type = Some(own(kind));
    draft.record.exception_message = Some(own(message.strip_prefix("Error: ").unwrap_or(message)));
}

/// Type and message of what Lambda says of a crash: the message in the first line, its type perhaps in the last.
fn crash(text: &str) -> (&str, &str) {
    let mut lines = text.trim_end().lines();
    let message = lines.next().unwrap_or_default();
    (lines.next_back().filter(|line| is_error_type(line)).unwrap_or("Runtime.ExitError"), message)
}

const REPORT: &str = "platform.report";

fn set_status<'m>(record: &mut Record<'m>, status: Option<Cow<'m, str>>) {
    match status.as_deref() {
        None | Some("success") => record.status_code = Some(Cow::Borrowed("OK")),
        Some(_) => {
            record.status_code = Some(Cow::Borrowed("ERROR"));
            record.status_message = status;
        }
    }
}

/// What the first words of a text line say it is. A line that fits none is the application's.
pub(crate) fn text_line<'m>(draft: &mut Draft<'m>, text: &'m str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    match first {
        _ if text.starts_with(|first: char| first.is_ascii_digit()) => return timeout(draft, text),
        "START" | "END" | "REPORT" => {
            let Some(rest) = text[first.len()..].strip_prefix(" RequestId: ") else { return false };
            let id_end =
                rest.find(|character: char| !character.is_ascii_hexdigit() && character != '-').unwrap_or(rest.len());
            let Some(id) = ids::uuid(&rest[..id_end]) else { return false };
            draft.record.faas_invocation_id = Some(id);
            let rest = &rest[id_end..];
            match first {
                "START" => {
                    name(draft, "platform.start");
                    if let Some(version) = rest
                        .trim_start()
                        .strip_prefix("Version: ")
                        .map(str::trim_end)
                        .filter(|version| ids::is_lambda_version(version))
                    {
                        draft.record.faas_version = Some(Cow::Borrowed(version));
                    }
                }
                "END" => name(draft, "platform.end"),
                _ => {
                    name(draft, REPORT);
                    draft.record.faas_coldstart = Some(false);
                    set_status(&mut draft.record, None);
                    fields(draft, rest);
                }
            }
        }
        "INIT_START" | "RESTORE_START" => {
            name(draft, if first == "INIT_START" { "platform.initStart" } else { "platform.restoreStart" });
            fields(draft, text[first.len()..].trim_start());
        }
        "INIT_REPORT" | "RESTORE_REPORT" => {
            name(draft, if first == "INIT_REPORT" { "platform.initReport" } else { "platform.restoreReport" });
            set_status(&mut draft.record, None);
            fields(draft, text[first.len()..].trim_start());
        }
        "RequestId:" => return crash_line(draft, &text["RequestId:".len()..]),
        "Unknown" => return unknown(draft, text),
        // Of most lines the first letter says that they are none of these.
        _ if !text.starts_with(['E', 'T', 'L']) => return false,
        _ => {
            let word = text.split('\t').next().unwrap_or_default().trim_end();
            let event = match word {
                "EXTENSION" => "platform.extension",
                "TELEMETRY" => "platform.telemetrySubscription",
                "LOGS" => "platform.logsSubscription",
                _ => return false,
            };
            if !text.contains("\tName: ") {
                return false;
            }
            name(draft, event);
            fields(draft, text[word.len()..].trim_start());
        }
    }
    true
}

fn name(draft: &mut Draft<'_>, event: &'static str) {
    draft.record.event_name = Some(Cow::Borrowed(event));
}

/// `<request id> Error: Runtime exited with error: signal: killed\nRuntime.ExitError` and
/// `<request id> Process exited before completing request`.
fn crash_line<'m>(draft: &mut Draft<'m>, text: &'m str) -> bool {
    let text = text.trim_start();
    let Some((id, rest)) = text.split_once(' ').and_then(|(id, rest)| Some((ids::uuid(id)?, rest))) else {
        return false;
    };
    let (kind, first) = crash(rest);
    let message = match first.strip_prefix("Error: ") {
        Some(message) => message,
        None if first.starts_with("Process exited") => first,
        None => return false,
    };
    draft.record.faas_invocation_id = Some(id);
    fail(draft, kind, message);
    true
}

/// `Unknown application error occurred\nRuntime.ImportModuleError`: what Lambda wrote of a start that failed before there
/// were reports of it.
fn unknown<'m>(draft: &mut Draft<'m>, text: &'m str) -> bool {
    const SENTENCE: &str = "Unknown application error occurred";
    let Some(rest) = text.strip_prefix(SENTENCE) else { return false };
    let kind = rest.trim();
    let kind = match kind {
        "" => "Runtime.Unknown",
        kind if rest.starts_with(['\r', '\n']) && is_error_type(kind) => kind,
        _ => return false,
    };
    fail(draft, kind, SENTENCE);
    true
}

/// `Runtime.ExitError`, `Extension.Crash`: two names with a point between.
fn is_error_type(line: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    line.split_once('.').is_some_and(|(kind, name)| is_name(kind) && is_name(name))
}

fn fail<'m>(draft: &mut Draft<'m>, kind: &'m str, message: &'m str) {
    draft.is_unhandled = true;
    let record = &mut draft.record;
    record.severity_number = Some(severity::ERROR);
    record.status_code = Some(Cow::Borrowed("ERROR"));
    record.exception_type = Some(Cow::Borrowed(kind));
    record.exception_message = Some(Cow::Borrowed(message));
}

/// `<time> <request id> Task timed out after 3.00 seconds`. The type is the one that Lambda's invoke API gives for it.
fn timeout<'m>(draft: &mut Draft<'m>, text: &'m str) -> bool {
    let Some((time, end)) = time::parse_iso_prefix(text) else { return false };
    let Some((id, message)) = text[end..].trim_start().split_once(' ') else { return false };
    let Some(id) = ids::uuid(id).filter(|_| message.starts_with("Task timed out after ")) else { return false };
    draft.offer_time(0, Some(time));
    draft.record.faas_invocation_id = Some(id);
    fail(draft, "Sandbox.Timedout", message.trim_end());
    true
}

/// `Name: value` fields between tabs and line feeds. Those of a report become columns and `record.metrics`; whatever
/// is not known stays under its own name.
fn fields<'m>(draft: &mut Draft<'m>, text: &'m str) {
    let mut metrics = String::new();
    let mut others = String::new();
    for (key, value) in labelled(text) {
        let milliseconds = value.strip_suffix(" ms");
        match key {
            "Duration" => draft.record.duration_nano = milliseconds.and_then(time::parse_milliseconds),
            "Init Duration" | "Restore Duration" => {
                let nano = milliseconds.and_then(time::parse_milliseconds);
                // A report's own duration comes first; an init or restore report has no other.
                if draft.record.event_name.as_deref() != Some(REPORT) {
                    draft.record.duration_nano = nano;
                }
                // A sandbox that was restored from a snapshot began cold as well.
                if draft.record.faas_coldstart == Some(false) {
                    draft.record.faas_coldstart = Some(true);
                }
                let key = if key == "Init Duration" { "initDurationMs" } else { "restoreDurationMs" };
                push_number(&mut metrics, key, milliseconds);
            }
            "Billed Duration" => push_number(&mut metrics, "billedDurationMs", milliseconds),
            "Billed Restore Duration" => push_number(&mut metrics, "billedRestoreDurationMs", milliseconds),
            "Memory Size" => push_number(&mut metrics, "memorySizeMB", value.strip_suffix(" MB")),
            "Max Memory Used" => push_number(&mut metrics, "maxMemoryUsedMB", value.strip_suffix(" MB")),
            "Status" => set_status(&mut draft.record, Some(Cow::Borrowed(value))),
            "Error Type" => draft.record.exception_type = Some(Cow::Borrowed(value)),
            "XRAY TraceId" => match ids::trace_id(value) {
                Some(id) => draft.record.trace_id = Some(id),
                None => push_text(&mut others, "xrayTraceId", value),
            },
            "SegmentId" => match ids::span_id(value) {
                Some(id) => draft.record.span_id = Some(id),
                None => push_text(&mut others, "segmentId", value),
            },
            _ => push_text(&mut others, &camel_case(key), value),
        }
    }
    if metrics.is_empty() && others.is_empty() {
        return;
    }
    draft.extras.push_str("\"record\":{");
    if !metrics.is_empty() {
        metrics.pop();
        draft.extras.push_str("\"metrics\":{");
        draft.extras.push_str(&metrics);
        draft.extras.push_str("},");
    }
    draft.extras.push_str(&others);
    draft.extras.pop();
    draft.extras.push_str("},");
}

/// The names of fields, for lines in which the tabs between them became blanks on the way.
const LABELS: [&str; 16] = [
    "Billed Restore Duration",
    "Restore Duration",
    "Billed Duration",
    "Init Duration",
    "Duration",
    "Max Memory Used",
    "Memory Size",
    "Status",
    "Error Type",
    "XRAY TraceId",
    "SegmentId",
    "Sampled",
    "Phase",
    "Runtime Version ARN",
    "Runtime Version",
    "Extension",
];

/// The fields of a line as name and value.
fn labelled(text: &str) -> Vec<(&str, &str)> {
    if text.trim_end().contains('\t') {
        let fields = text.split(['\t', '\n']).filter_map(|field| field.split_once(':'));
        return fields.map(|(key, value)| (key.trim(), value.trim())).collect();
    }
    let mut starts: Vec<(usize, &str)> = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let before = &text[..colon];
        let label = LABELS.into_iter().find(|label| {
            before.strip_suffix(label).is_some_and(|rest| rest.is_empty() || rest.ends_with(char::is_whitespace))
        });
        if let Some(label) = label {
            starts.push((colon - label.len(), label));
        }
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
    let fields =
        starts.iter().zip(ends).map(|((start, label), end)| (*label, text[start + label.len() + 1..end].trim()));
    fields.collect()
}

/// Appends `"key":number,` as JSON writes it: Lambda's text pads to two places.
fn push_number(out: &mut String, key: &str, number: Option<&str>) {
    let Some(number) =
        number.filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
    else {
        return;
    };
    // `1.50` is `1.5` and `1.00` is `1.0`.
    let number = match number.find('.') {
        Some(point) => &number[..number.trim_end_matches('0').len().max(point + 2).min(number.len())],
        None => number,
    };
    // What JSON would refuse (`1.2.3`, `007`, `.5`) is kept as text.
    if json::is_number(number) {
        for part in ["\"", key, "\":", number, ","] {
            out.push_str(part);
        }
    } else {
        push_text(out, key, number);
    }
}

/// Appends `"key":"text",`.
pub(crate) fn push_text(out: &mut String, key: &str, text: &str) {
    let mut bytes = Vec::with_capacity(key.len() + text.len() + 6);
    write_json_string(key, &mut bytes);
    bytes.push(b':');
    write_json_string(text, &mut bytes);
    bytes.push(b',');
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// `Runtime Version ARN` as the JSON lines would write it: `runtimeVersionArn`.
fn camel_case(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for (index, word) in words.split_whitespace().enumerate() {
        let mut characters = word.chars();
        match characters.next() {
            Some(first) if index > 0 => out.extend(first.to_uppercase()),
            Some(first) => out.extend(first.to_lowercase()),
            None => {}
        }
        out.extend(characters.flat_map(char::to_lowercase));
    }
    out
}
