//! A request as OTLP/JSON, for tools that speak OpenTelemetry: one line with the spans and one with the log records, as
//! the collector's file exporter writes them. It refuses to make a span of a parent that nobody saw.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::Trace;
use crate::closure::Event;
use crate::links::Link;
use crate::span::{Mark, Span, SpanSource, Status};

/// Writes the two lines.
pub fn render_trace_otlp(trace: &Trace, out: &mut (dyn Write + Send)) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, out);
    let ids = span_ids(trace);
    let mut resources: BTreeMap<Resource<'_>, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    let mut span_of: Vec<Option<usize>> = vec![None; trace.events.len()];
    for (number, span) in trace.tree.spans.iter().enumerate() {
        for record in &span.records {
            span_of[*record] = Some(number);
        }
        let (Some(trace_id), Some(id)) = (span.trace_id.as_deref().filter(|id| is_hex(id, 32)), &ids[number]) else {
            continue;
        };
        if span.source == SpanSource::Missing {
            continue;
        }
        // A span that was put on top keeps the name of its parent, which would lead round in a circle.
        let named = span.parent_span_id.as_deref().filter(|_| !span.marks.contains(&Mark::CycleBroken));
        let above = span.parent.and_then(|above| ids[above].as_deref()).or(named);
        let of_same_trace = span.parent.is_none_or(|above| trace.tree.spans[above].trace_id == span.trace_id);
        let above = above.filter(|above| of_same_trace && is_hex(above, 16) && *above != id);
        let links = span.links.iter().filter_map(|link| link_value(link, &ids)).collect();
        let value = span_value(trace, span, trace_id, id, above, links);
        resources.entry(Resource::of_span(span)).or_default().0.push(value);
    }
    for (event, number) in trace.events.iter().zip(&span_of).filter(|(event, _)| event.record.signal == "log") {
        let span = number.map(|number| (&trace.tree.spans[number], ids[number].as_deref()));
        resources.entry(Resource::of_event(event)).or_default().1.push(log_value(event, span));
    }
    let scope = scope(trace);
    let mut spans = Vec::new();
    let mut logs = Vec::new();
    for (resource, (of_spans, of_logs)) in resources {
        let resource = json!({"attributes": resource.attributes()});
        if !of_spans.is_empty() {
            spans.push(json!({"resource": resource, "scopeSpans": [{"scope": scope, "spans": of_spans}]}));
        }
        if !of_logs.is_empty() {
            logs.push(json!({"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": of_logs}]}));
        }
    }
    writeln!(out, "{}", json!({"resourceSpans": spans}))?;
    writeln!(out, "{}", json!({"resourceLogs": logs}))?;
    out.flush()
}

/// The id of each span, which no other one of its trace has: B3's spans share one with their caller, and OTLP's may not.
fn span_ids(trace: &Trace) -> Vec<Option<String>> {
    let spans = &trace.tree.spans;
    let mut ids = vec![None; spans.len()];
    let mut taken: HashSet<(Option<&str>, &str)> = HashSet::new();
    // Callers come first, and keep theirs.
    for (number, _) in trace.tree.in_order() {
        let span = &spans[number];
        ids[number] = match (&span.span_id, span.source) {
            (Some(id), _) if is_hex(id, 16) && taken.insert((span.trace_id.as_deref(), id)) => Some(id.clone()),
            (_, SpanSource::Missing) => None,
            // Made up, and the same every time.
            _ => Some(format!("{:016x}", made_up(span, number))),
        };
    }
    ids
}

/// Who writes this, and what there is to know of the whole: from when to when was looked, and whether anything is missing.
fn scope(trace: &Trace) -> Value {
    let time = |nanos: i64| jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default().to_string();
    // ISO 8601-2 writes an interval without an end so.
    let until = |until: Option<i64>| until.map_or("..".to_owned(), time);
    let looked = trace.looked_at.iter().map(|looked| (time(looked.since_unix_nano), until(looked.until_unix_nano)));
    let looked: Vec<Value> = looked.map(|(since, until)| text(&format!("{since}/{until}"))).collect();
    let attributes = [
        attribute("transect.looked_at", json!({"arrayValue": {"values": looked}})),
        attribute("transect.complete", json!({"boolValue": trace.is_complete()})),
    ];
    json!({"name": "transect", "version": env!("CARGO_PKG_VERSION"), "attributes": attributes})
}

/// What spans and records of one process have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Resource<'t>([(&'static str, Option<&'t str>); 6]);

impl<'t> Resource<'t> {
    fn of_span(span: &'t Span) -> Resource<'t> {
        Resource([
            ("service.name", span.service_name.as_deref()),
            ("service.version", span.release.as_deref()),
            ("cloud.region", span.cloud_region.as_deref()),
            ("cloud.account.id", None),
            ("faas.name", span.faas_name.as_deref()),
            ("faas.version", span.faas_version.as_deref()),
        ])
    }

    fn of_event(event: &'t Event) -> Resource<'t> {
        let record = &event.record;
        Resource([
            ("service.name", record.service_name.as_deref().or(record.faas_name.as_deref())),
            ("service.version", event.release.as_deref()),
            ("cloud.region", record.cloud_region.as_deref()),
            ("cloud.account.id", record.cloud_account_id.as_deref()),
            ("faas.name", record.faas_name.as_deref()),
            ("faas.version", record.faas_version.as_deref()),
        ])
    }

    fn attributes(&self) -> Value {
        let known = self.0.iter().filter_map(|(key, value)| Some(attribute(key, text((*value)?))));
        Value::Array(std::iter::once(attribute("cloud.provider", text("aws"))).chain(known).collect())
    }
}

fn span_value(trace: &Trace, span: &Span, trace_id: &str, id: &str, above: Option<&str>, links: Vec<Value>) -> Value {
    let kind = match span.span_kind.as_deref() {
        Some("INTERNAL") => 1,
        Some("SERVER") => 2,
        Some("CLIENT") => 3,
        Some("PRODUCER") => 4,
        Some("CONSUMER") => 5,
        _ if span.source == SpanSource::Invocation => 2,
        _ => 0,
    };
    let status = match span.status {
        Status::Unset => 0,
        Status::Ok => 1,
        Status::Error => 2,
    };
    let mut attributes = vec![attribute("transect.source", text(span.source.name()))];
    let mut add = |key: &str, value: Option<Value>| attributes.extend(value.map(|value| attribute(key, value)));
    add("faas.invocation_id", span.faas_invocation_id.as_deref().map(text));
    add("faas.coldstart", span.faas_coldstart.map(|cold| json!({"boolValue": cold})));
    add("http.request.method", span.http_request_method.as_deref().map(text));
    add("http.route", span.http_route.as_deref().map(text));
    add("http.response.status_code", span.http_response_status_code.map(|code| json!({"intValue": code.to_string()})));
    add("transect.attempt", span.attempt.map(|(attempt, _)| json!({"intValue": attempt.to_string()})));
    for mark in &span.marks {
        add(&format!("transect.{}", mark.name()), Some(json!({"boolValue": true})));
    }
    let mut value = json!({
        "traceId": trace_id,
        "spanId": id,
        "name": span.span_name.as_deref().or(span.service_name.as_deref()).unwrap_or_default(),
        "kind": kind,
        "startTimeUnixNano": span.start_unix_nano.max(0).to_string(),
        "endTimeUnixNano": span.last_unix_nano(&trace.events).max(0).to_string(),
        "attributes": attributes,
        "status": {"code": status, "message": span.status_message.as_deref().unwrap_or_default()},
    });
    if let (Some(above), Some(object)) = (above, value.as_object_mut()) {
        object.insert("parentSpanId".to_owned(), above.into());
    }
    if let (false, Some(object)) = (links.is_empty(), value.as_object_mut()) {
        object.insert("links".to_owned(), links.into());
    }
    if let (Some(kind), Some(object)) = (&span.exception_type, value.as_object_mut()) {
        let mut attributes = vec![attribute("exception.type", text(kind))];
        attributes.extend(span.exception_message.as_deref().map(|said| attribute("exception.message", text(said))));
        let event = json!({
            "timeUnixNano": span.last_unix_nano(&trace.events).max(0).to_string(),
            "name": "exception",
            "attributes": attributes,
        });
        object.insert("events".to_owned(), json!([event]));
    }
    value
}

/// A link, to the span that it leads to by the id that this has here; OTLP has none without a span.
fn link_value(link: &Link, ids: &[Option<String>]) -> Option<Value> {
    let id = link.span.and_then(|span| ids[span].as_deref()).or(link.span_id.as_deref())?;
    let attributes = link.attributes.iter().flatten().map(|(key, value)| attribute(key, any_value(value)));
    let attributes: Vec<Value> = attributes.collect();
    Some(json!({"traceId": link.trace_id, "spanId": id, "attributes": attributes}))
}

fn log_value(event: &Event, span: Option<(&Span, Option<&str>)>) -> Value {
    let record = &event.record;
    let mut attributes = Vec::new();
    let mut add = |key: &str, value: Option<&str>| attributes.extend(value.map(|value| attribute(key, text(value))));
    add("aws.log.group.names", record.aws_log_group.as_deref());
    add("aws.log.stream.names", record.aws_log_stream.as_deref());
    add("aws.log.event_id", Some(&record.event_id));
    add("faas.invocation_id", record.faas_invocation_id.as_deref());
    add("correlation_id", record.correlation_id.as_deref());
    add("exception.type", record.exception_type.as_deref());
    add("exception.message", record.exception_message.as_deref());
    add("exception.stacktrace", record.exception_stacktrace.as_deref());
    add("http.request.method", record.http_request_method.as_deref());
    add("http.route", record.http_route.as_deref());
    add("url.path", record.url_path.as_deref());
    let others = record.attributes.as_deref().map(serde_json::from_str::<Map<String, Value>>);
    match (others, record.attributes.as_deref()) {
        (Some(Ok(others)), _) => attributes.extend(others.iter().map(|(key, value)| attribute(key, any_value(value)))),
        (_, Some(unparsed)) => attributes.push(attribute("attributes", text(unparsed))),
        (_, None) => {}
    }
    let mut value = json!({
        "timeUnixNano": record.time_unix_nano.max(0).to_string(),
        "observedTimeUnixNano": record.observed_time_unix_nano.max(0).to_string(),
        "severityNumber": record.severity_number.unwrap_or(0),
        "severityText": record.severity_text.as_deref().unwrap_or_default(),
        "attributes": attributes,
    });
    let Some(object) = value.as_object_mut() else { return value };
    let mut put = |key: &str, value: Option<Value>| object.extend(value.map(|value| (key.to_owned(), value)));
    put("body", record.body.as_deref().map(text));
    put("eventName", record.event_name.as_deref().map(Value::from));
    let trace_id = record.trace_id.as_deref().or(span.and_then(|(span, _)| span.trace_id.as_deref()));
    let trace_id = trace_id.filter(|id| is_hex(id, 32));
    put("traceId", trace_id.map(Value::from));
    let same_trace = span.is_some_and(|(span, _)| span.trace_id.as_deref() == trace_id);
    put("spanId", span.and_then(|(_, id)| id).filter(|_| same_trace && trace_id.is_some()).map(Value::from));
    value
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(value: &str) -> Value {
    json!({"stringValue": value})
}

/// A JSON value as OTLP's `AnyValue`.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(truth) => json!({"boolValue": truth}),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => json!({"intValue": whole.to_string()}),
            (None, Some(broken)) if broken.is_finite() && !number.is_u64() => json!({"doubleValue": broken}),
            // Beyond what either can carry without loss.
            _ => text(&number.to_string()),
        },
        Value::String(value) => text(value),
        Value::Array(items) => json!({"arrayValue": {"values": items.iter().map(any_value).collect::<Vec<_>>()}}),
        Value::Object(members) => {
            let values: Vec<Value> = members.iter().map(|(key, value)| attribute(key, any_value(value))).collect();
            json!({"kvlistValue": {"values": values}})
        }
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A number for a span without an id (FNV-1a), never 0.
fn made_up(span: &Span, number: usize) -> u64 {
    let ids = [span.trace_id.as_deref(), span.span_id.as_deref(), span.faas_invocation_id.as_deref()];
    let parts = ids.into_iter().chain([span.service_name.as_deref()]);
    let attempt = span.attempt.map_or(0, |(attempt, _)| attempt).to_le_bytes();
    let number = if span.faas_invocation_id.is_some() { [0; 8] } else { number.to_le_bytes() };
    let bytes = parts.flatten().flat_map(str::bytes).chain(attempt).chain(number);
    bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
        .max(1)
}
