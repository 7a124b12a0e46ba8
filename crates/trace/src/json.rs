//! A request as one JSON object: the form of the design, and of the published schema in `tests/schemas/trace.json`.
//! 64-bit integers are strings. It refuses to nest deeper than common readers follow: what lies deeper stands beside its
//! parent, whose id it keeps.

use std::io::{self, Write};

use transect_schema::{COLUMNS, Value, write_json_string};

use crate::Trace;
use crate::closure::{Event, IdKind};
use crate::links::Link;
use crate::span::Span;
use crate::summary::ReleaseSeen;

/// Levels of spans. Each takes two of the 128 that serde_json, for one, reads.
const LEVELS_MAX: usize = 60;

/// Writes the object and a line feed.
pub fn render_trace_json(trace: &Trace, out: &mut (dyn Write + Send)) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, out);
    write(trace, true, &mut out)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// One object. Columns without a value are left out of records unless `with_nulls`.
pub(crate) fn write(trace: &Trace, with_nulls: bool, out: &mut dyn Write) -> io::Result<()> {
    let summary = &trace.summary;
    let mut head = Object::new();
    head.text("query", Some(&trace.query));
    head.value(
        "looked_at",
        &list(trace.looked_at.iter().map(|looked| {
            let mut object = Object::new();
            object.number("since_unix_nano", Some(looked.since_unix_nano));
            object.number("until_unix_nano", looked.until_unix_nano);
            object.finish()
        })),
    );
    head.raw(&trace.completeness.json_members_if(trace.is_complete()));
    let truncated = trace.truncated.join("; ");
    head.text("truncated", (!truncated.is_empty()).then_some(&truncated));
    let of_kind = |kind: IdKind| strings(trace.ids.iter().filter(|id| id.kind == kind).map(|id| id.value.as_str()));
    let mut ids = Object::new();
    for kind in [IdKind::Trace, IdKind::Correlation, IdKind::Invocation] {
        ids.value(kind.column(), &of_kind(kind));
    }
    head.value("ids", &ids.finish());
    head.number("start_unix_nano", summary.start_unix_nano);
    head.number("duration_nano", summary.duration_nano);
    head.value("regions", &strings(summary.regions.iter().map(String::as_str)));
    head.value("releases", &list(summary.releases.iter().map(release)));
    head.value("services", &strings(summary.services.iter().map(String::as_str)));
    head.value("error_count", &summary.error_count.to_string());
    head.value(
        "hubs",
        &list(trace.hubs.iter().map(|hub| {
            let mut object = Object::new();
            object.text("id", Some(&hub.id.value));
            object.text("kind", Some(hub.id.kind.column()));
            object.value("traces", &hub.traces.to_string());
            object.finish()
        })),
    );
    head.value(
        "crossings",
        &list(summary.crossings.iter().map(|crossing| {
            let mut object = Object::new();
            object.text("service_name", Some(&crossing.service_name));
            object.value("releases", &list(crossing.releases.iter().map(release)));
            object.finish()
        })),
    );
    let order = trace.tree.in_order();
    let mut numbers = vec![0; trace.tree.spans.len()];
    for (number, (index, _)) in order.iter().enumerate() {
        numbers[*index] = number;
    }
    let first_error = summary.first_error.as_ref().map_or("null".to_owned(), |error| {
        let span = &trace.tree.spans[error.span];
        let mut object = Object::new();
        object.value("node", &numbers[error.span].to_string());
        object.text("service_name", span.service_name.as_deref());
        object.text("release", span.release.as_deref());
        object.text("cloud_region", span.cloud_region.as_deref());
        object.number("time_unix_nano", Some(error.time_unix_nano));
        object.text("exception_type", error.exception_type.as_deref());
        object.text("exception_message", error.message.as_deref());
        object.value("record", &error.record.map_or("null".to_owned(), |record| record.to_string()));
        object.finish()
    });
    head.value("first_error", &first_error);
    head.value(
        "region_time",
        &list(summary.region_time.iter().map(|time| {
            let mut object = Object::new();
            object.text("cloud_region", time.cloud_region.as_deref());
            object.number("critical_nano", Some(time.critical_nano));
            object.finish()
        })),
    );
    head.value(
        "clock_skew",
        &list(summary.clock_skew.iter().map(|skew| {
            let mut object = Object::new();
            object.text("cloud_region", Some(&skew.cloud_region));
            object.text("reference_region", Some(&skew.reference_region));
            object.number("offset_nano", Some(skew.offset_nano));
            object.value("calls", &skew.calls.to_string());
            object.value("corrected", if !summary.corrected_nano.is_empty() { "true" } else { "false" });
            object.finish()
        })),
    );
    head.value("notes", &strings(trace.tree.notes.iter().map(String::as_str)));
    let mut head = head.finish();
    head.pop();
    out.write_all(head.as_bytes())?;
    out.write_all(b",\n\"spans\":[")?;
    write_spans(trace, &order, &numbers, out)?;
    out.write_all(b"],\n\"records\":[")?;
    let mut line = Vec::new();
    for (index, event) in trace.events.iter().enumerate() {
        line.clear();
        line.extend_from_slice(if index > 0 { b",\n" } else { b"\n" });
        write_record(event, with_nulls, &mut line);
        out.write_all(&line)?;
    }
    out.write_all(b"\n]}")
}

/// The spans, each with those below it, without descending into calls of our own: a chain may be as long as there are
/// records.
fn write_spans(trace: &Trace, order: &[(usize, usize)], numbers: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let mut level = 0;
    for (number, (index, depth)) in order.iter().enumerate() {
        let shown = (*depth).min(LEVELS_MAX - 1);
        if number > 0 {
            // Down to a child, or up past as many as end here.
            if shown <= level {
                out.write_all("]}".repeat(level - shown + 1).as_bytes())?;
                out.write_all(b",\n")?;
            }
        } else {
            out.write_all(b"\n")?;
        }
        level = shown;
        out.write_all(span(&trace.tree.spans[*index], number, *depth, numbers).as_bytes())?;
    }
    if !order.is_empty() {
        out.write_all("]}".repeat(level + 1).as_bytes())?;
    }
    Ok(())
}

/// A span up to where its children stand. Each has its number in `numbers`.
fn span(span: &Span, number: usize, depth: usize, numbers: &[usize]) -> String {
    let mut object = Object::new();
    object.value("node", &number.to_string());
    object.value("depth", &depth.to_string());
    object.text("source", Some(span.source.name()));
    object.text("trace_id", span.trace_id.as_deref());
    object.text("span_id", span.span_id.as_deref());
    object.text("parent_span_id", span.parent_span_id.as_deref());
    object.text("span_name", span.span_name.as_deref());
    object.text("span_kind", span.span_kind.as_deref());
    object.text("service_name", span.service_name.as_deref());
    object.text("release", span.release.as_deref());
    object.text("cloud_region", span.cloud_region.as_deref());
    object.text("faas_name", span.faas_name.as_deref());
    object.text("faas_version", span.faas_version.as_deref());
    object.text("faas_invocation_id", span.faas_invocation_id.as_deref());
    object.value("faas_coldstart", span.faas_coldstart.map_or("null", |cold| if cold { "true" } else { "false" }));
    object.number("start_unix_nano", Some(span.start_unix_nano));
    object.number("end_unix_nano", span.end_unix_nano);
    object.number("duration_nano", span.end_unix_nano.map(|end| end.saturating_sub(span.start_unix_nano)));
    object.text("status_code", Some(span.status.name()));
    object.text("status_message", span.status_message.as_deref());
    object.text("exception_type", span.exception_type.as_deref());
    object.text("exception_message", span.exception_message.as_deref());
    object.text("http_request_method", span.http_request_method.as_deref());
    object.text("http_route", span.http_route.as_deref());
    let status = span.http_response_status_code.map_or("null".to_owned(), |code| code.to_string());
    object.value("http_response_status_code", &status);
    let count = |count: Option<u32>| count.map_or("null".to_owned(), |count| count.to_string());
    object.value("attempt", &count(span.attempt.map(|(attempt, _)| attempt)));
    object.value("attempts", &count(span.attempt.map(|(_, attempts)| attempts)));
    object.number("critical_nano", Some(span.critical_nano));
    let stretches = span.critical.iter().map(|(from, until)| format!("[\"{from}\",\"{until}\"]"));
    object.value("critical", &list(stretches));
    object.value("marks", &strings(span.marks.iter().map(|mark| mark.name())));
    object.value("links", &list(span.links.iter().map(|other| link(other, numbers))));
    object.value("records", &list(span.records.iter().map(usize::to_string)));
    let mut text = object.finish();
    text.pop();
    text.push_str(",\"children\":[");
    text
}

fn link(link: &Link, numbers: &[usize]) -> String {
    let mut object = Object::new();
    object.text("trace_id", Some(&link.trace_id));
    object.text("span_id", link.span_id.as_deref());
    let attributes = link.attributes.as_ref().and_then(|attributes| serde_json::to_string(attributes).ok());
    object.value("attributes", attributes.as_deref().unwrap_or("null"));
    let number = link.span.and_then(|span| numbers.get(span));
    object.value("node", &number.map_or("null".to_owned(), usize::to_string));
    object.finish()
}

fn release(seen: &ReleaseSeen) -> String {
    let mut object = Object::new();
    object.text("service_name", Some(&seen.service_name));
    object.text("cloud_region", Some(&seen.cloud_region));
    object.text("release", Some(&seen.release));
    object.finish()
}

/// A row of `telemetry`.
fn write_record(event: &Event, with_nulls: bool, out: &mut Vec<u8>) {
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(event.record.time_unix_nano));
    let timestamp = timestamp.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()).unwrap_or_default();
    out.extend_from_slice(b"{\"timestamp\":");
    write_json_string(&timestamp, out);
    for (column, value) in COLUMNS.iter().zip(event.record.values()) {
        if value.is_none() && !with_nulls {
            continue;
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(column.name.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            None => out.extend_from_slice(b"null"),
            Some(Value::BigInt(number)) => out.extend_from_slice(format!("\"{number}\"").as_bytes()),
            Some(Value::Int(number)) => out.extend_from_slice(number.to_string().as_bytes()),
            Some(Value::Double(number)) if number.is_finite() => out.extend_from_slice(number.to_string().as_bytes()),
            Some(Value::Double(_)) => out.extend_from_slice(b"null"),
            Some(Value::Boolean(truth)) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
            Some(Value::String(text)) => write_json_string(text, out),
        }
    }
    if with_nulls || event.release.is_some() {
        out.extend_from_slice(b",\"release\":");
        match &event.release {
            Some(release) => write_json_string(release, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

/// A JSON object as it grows.
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Object {
        Object { text: "{".to_owned() }
    }

    fn key(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&string(name));
        self.text.push(':');
    }

    /// A value that is JSON already.
    pub(crate) fn value(&mut self, name: &str, json: &str) {
        self.key(name);
        self.text.push_str(json);
    }

    pub(crate) fn text(&mut self, name: &str, value: Option<&str>) {
        self.value(name, &value.map_or("null".to_owned(), string));
    }

    /// A 64-bit integer.
    pub(crate) fn number(&mut self, name: &str, value: Option<i64>) {
        self.value(name, &value.map_or("null".to_owned(), |number| format!("\"{number}\"")));
    }

    /// Members that are JSON already.
    fn raw(&mut self, members: &str) {
        self.text.push(',');
        self.text.push_str(members);
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// A JSON string.
pub(crate) fn string(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_json_string(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// A JSON array of values that are JSON already.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn strings<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    list(texts.map(string))
}
