//! A JSON object as a log line: the keys that every structured logger uses, wherever they nest; spans of Transaction
//! Search and OpenTelemetry; what embedded metrics declare.
//!
//! It refuses to write anything out: it offers values to the draft and says where metrics stand.

use std::borrow::Cow;

use crate::draft::{Draft, Layer, OUTER_RANK};
use crate::json::Kind;
use crate::keys::{Folded, Keys, Role, Slot};
use crate::{metric, severity};

/// How deep objects are looked into for known keys.
const WALK_DEPTH_MAX: usize = 5;

/// Keys that make a line something else than a log line.
pub(crate) struct Shape {
    /// `platform.…` of a Lambda system line: tokens of its type and record.
    pub platform: Option<(usize, usize)>,
    /// The array of embedded-metric directives.
    pub metric_directives: Option<usize>,
    pub is_span: bool,
}

impl Shape {
    pub fn of(layer: Layer<'_, '_>) -> Shape {
        let (mut kind, mut record, mut metadata, mut metrics, mut ids) = (None, None, None, None, 0);
        for (key, value) in layer.tape.entries(0) {
            match layer.raw(key) {
                "type" if layer.kind(value) == Kind::String && layer.raw(value).starts_with("platform.") => {
                    kind = Some(value)
                }
                "record" if layer.kind(value) == Kind::Object => record = Some(value),
                "_aws" => metadata = Some(value),
                "CloudWatchMetrics" => metrics = Some(value),
                "traceId" | "spanId" | "startTimeUnixNano" => ids += 1,
                _ => {}
            }
        }
        let metric_directives = metric::directives(layer.text, layer.tape, metadata, metrics);
        Shape { platform: kind.zip(record), metric_directives, is_span: ids == 3 }
    }
}

/// Walks the object at `root` and offers everything that a table of keys knows.
pub(crate) fn walk<'m>(draft: &mut Draft<'m>, keys: &Keys, layer: Layer<'m, '_>, root: usize) {
    let base = if layer.number == 0 && root == 0 { OUTER_RANK } else { 0 };
    Walk { draft, keys, layer, base }.object(root, Folded::EMPTY, 0);
}

struct Walk<'d, 'm, 't> {
    draft: &'d mut Draft<'m>,
    keys: &'d Keys,
    layer: Layer<'m, 't>,
    base: u16,
}

impl<'m> Walk<'_, 'm, '_> {
    fn object(&mut self, object: usize, prefix: Folded, depth: usize) {
        if depth > WALK_DEPTH_MAX {
            return;
        }
        for (key, value) in self.layer.tape.entries(object) {
            let mut name = prefix;
            name.append(self.layer.raw(key).as_bytes());
            if let Some(role) = self.keys.role(name.as_bytes()) {
                self.entry(role, name, prefix, value, value, depth);
            }
        }
    }

    fn entry(&mut self, role: Role, name: Folded, prefix: Folded, value: usize, holder: usize, depth: usize) {
        let kind = self.layer.kind(value);
        match role {
            Role::Fill(slot, rank) | Role::PrefixOrFill(slot, rank) => {
                let rank = self.base + u16::from(rank);
                match (slot, kind) {
                    (Slot::Body, Kind::Object) => self.body_object(value, rank),
                    (_, Kind::Object) if matches!(role, Role::PrefixOrFill(..)) => self.object(value, name, depth + 1),
                    _ => self.draft.offer(slot, rank, self.layer, value, holder),
                }
                if slot == Slot::Body && kind == Kind::String && self.layer.raw(value).starts_with('{') {
                    self.body_value(value, rank);
                }
            }
            Role::PythonLevel => {
                let level = (kind == Kind::Number).then(|| self.layer.raw(value).parse().ok()).flatten();
                if let (Some(number), false) =
                    (level.and_then(severity::from_python), self.draft.is_filled(Slot::Level))
                {
                    self.draft.record.severity_number = Some(number);
                }
            }
            Role::RequestId if self.draft.is_lambda => {
                self.draft.offer(Slot::InvocationId, self.base + 150, self.layer, value, holder);
            }
            Role::RequestId => {}
            Role::Instant => self.instant(value),
            Role::Exception => self.exception(value, name, depth),
            Role::Prefix if kind == Kind::Object => self.object(value, name, depth + 1),
            Role::Transparent if kind == Kind::Object => self.object(value, prefix, depth + 1),
            // OTLP writes attributes as `[{"key":…,"value":{"stringValue":…}}]`.
            Role::Transparent if kind == Kind::Array => self.key_values(value, prefix, depth),
            Role::Prefix | Role::Transparent => {}
        }
    }

    fn key_values(&mut self, array: usize, prefix: Folded, depth: usize) {
        for element in self.layer.tape.elements(array) {
            let (Some(key), Some(any)) = (self.layer.get(element, "key"), self.layer.get(element, "value")) else {
                continue;
            };
            let Some((_, value)) = self.layer.tape.entries(any).next() else { continue };
            let mut name = prefix;
            name.append(self.layer.raw(key).as_bytes());
            if let Some(role) = self.keys.role(name.as_bytes()) {
                self.entry(role, name, prefix, value, element, depth + 1);
            }
        }
    }

    /// An object where a message is expected: OTLP's `{"stringValue": …}`, or one that is understood as a line of its own.
    fn body_object(&mut self, value: usize, rank: u16) {
        match self.layer.get(value, "stringValue") {
            Some(text) => self.draft.offer(Slot::Body, rank, self.layer, text, value),
            // An object under `event` is what a function was called with, not its message.
            None if self.layer.raw(value - 1) != "event" => self.body_value(value, rank),
            None => {}
        }
    }

    fn body_value(&mut self, value: usize, rank: u16) {
        // Only the outer layer has an inner one: text within text within text is text.
        if self.base == OUTER_RANK {
            self.draft.offer_body_value(rank, value);
        }
    }

    /// Log4j's `{"epochSecond":…,"nanoOfSecond":…}`.
    fn instant(&mut self, value: usize) {
        let part = |name| self.layer.get(value, name).and_then(|part| self.layer.raw(part).parse::<i64>().ok());
        if let (Some(second), Some(nano)) = (part("epochSecond"), part("nanoOfSecond")) {
            let time = second.checked_mul(1_000_000_000).and_then(|time| time.checked_add(nano));
            self.draft.offer_time(self.base + 100, time);
        }
    }

    /// What loggers write under `exception`, `error` or `err`.
    fn exception(&mut self, value: usize, name: Folded, depth: usize) {
        match self.layer.kind(value) {
            Kind::Object => self.object(value, name, depth + 1),
            // structlog writes the chain of exceptions, the one that was raised last first.
            Kind::Array => {
                if let Some(first) = self.layer.tape.elements(value).next() {
                    self.object(first, name, depth + 1);
                }
            }
            Kind::String if self.layer.raw(value).contains("\\n") => {
                self.draft.offer(Slot::ExceptionStack, self.base + 101, self.layer, value, value);
            }
            Kind::String => self.draft.offer(Slot::ExceptionMessage, self.base + 110, self.layer, value, value),
            _ => {}
        }
    }
}

/// Fills the columns of a span from the object at the root of `layer`; ids, resource and attributes are the walk's.
/// Returns the tokens that are in columns now.
pub(crate) fn span<'m>(draft: &mut Draft<'m>, keys: &Keys, layer: Layer<'m, '_>) -> Vec<usize> {
    let mut taken = Vec::new();
    draft.record.signal = Cow::Borrowed("span");
    let unsigned = |value: Option<usize>| value.and_then(|value| layer.raw(value).parse::<u64>().ok());
    let (start, end) = (layer.get(0, "startTimeUnixNano"), layer.get(0, "endTimeUnixNano"));
    let start_nano = unsigned(start).and_then(|nano| i64::try_from(nano).ok());
    let has_time = draft.offer_time(0, start_nano);
    taken.extend(start.filter(|_| has_time));
    let stated = layer.get(0, "durationNano");
    let stated_nano = unsigned(stated).and_then(|nano| i64::try_from(nano).ok());
    let end_nano = unsigned(end).and_then(|nano| i64::try_from(nano).ok());
    let measured_nano = end_nano.zip(start_nano).and_then(|(end, start)| end.checked_sub(start));
    draft.record.duration_nano = stated_nano.or(measured_nano.map(|nano| nano.max(0)));
    taken.extend(stated.filter(|_| stated_nano.is_some()));
    // The end is start and duration again; it is kept where it says something else.
    taken.extend(end.filter(|_| has_time && measured_nano.is_some() && measured_nano == draft.record.duration_nano));

    let name = layer.get(0, "name").filter(|name| layer.kind(*name) == Kind::String);
    taken.extend(name);
    draft.record.span_name = name.and_then(|name| layer.string(name)).filter(|name| !name.is_empty()).or_else(|| {
        let xray = layer.get(layer.get(0, "_aws")?, "xray")?;
        layer.string(layer.get(xray, "name")?).filter(|name| !name.is_empty())
    });
    if let Some(kind) = layer.get(0, "kind")
        && let Some(known) = span_kind(layer.raw(kind))
    {
        draft.record.span_kind = Some(Cow::Borrowed(known));
        taken.push(kind);
    }
    if let Some(status) = layer.get(0, "status") {
        if let Some(code) = layer.get(status, "code")
            && let Some(known) = status_code(layer.raw(code))
        {
            draft.record.status_code = Some(Cow::Borrowed(known));
            taken.push(code);
        }
        if let Some(message) = layer.get(status, "message")
            && let Some(text) = layer.string(message)
        {
            draft.record.status_message = Some(text);
            taken.push(message);
        }
    }
    // The first exception is the one that the columns tell; all others stay in `events`.
    let exception = layer
        .get(0, "events")
        .into_iter()
        .flat_map(|events| layer.tape.elements(events))
        .find(|event| layer.get(*event, "name").is_some_and(|name| layer.raw(name) == "exception"));
    if let Some(attributes) = exception.and_then(|event| layer.get(event, "attributes")) {
        walk(draft, keys, layer, attributes);
    }
    let in_progress = layer.get(0, "attributes").and_then(|attributes| layer.get(attributes, "aws.xray.inprogress"));
    let is_open = end.is_some_and(|end| layer.kind(end) == Kind::Null);
    if is_open || in_progress.is_some_and(|mark| layer.raw(mark) == "true") {
        draft.record.event_name = Some(Cow::Borrowed("span.in_progress"));
    }
    taken
}

fn span_kind(text: &str) -> Option<&'static str> {
    let name = text.strip_prefix("SPAN_KIND_").unwrap_or(text);
    match name {
        "INTERNAL" | "1" => Some("INTERNAL"),
        "SERVER" | "2" => Some("SERVER"),
        "CLIENT" | "3" => Some("CLIENT"),
        "PRODUCER" | "4" => Some("PRODUCER"),
        "CONSUMER" | "5" => Some("CONSUMER"),
        _ => None,
    }
}

fn status_code(text: &str) -> Option<&'static str> {
    let name = text.strip_prefix("STATUS_CODE_").unwrap_or(text);
    match name {
        "UNSET" | "0" => Some("UNSET"),
        "OK" | "1" => Some("OK"),
        "ERROR" | "2" => Some("ERROR"),
        _ => None,
    }
}
