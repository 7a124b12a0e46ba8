//! A record while it is being filled: which key has filled which column, and what takes precedence.
//!
//! It refuses to walk a line: `object`, `platform` and `text` do, and offer what they find.

use std::borrow::Cow;

use transect_schema::Record;

use crate::json::{Kind, Tape};
use crate::keys::{SLOT_COUNT, Slot};
use crate::limits::{CLOCK_AHEAD_NANO_MAX, CLOCK_BEHIND_NANO_MAX};
use crate::{ids, severity, time};

/// A JSON text that is part of the message. Layer 0 is the message (or its tail), layer 1 JSON text within a string.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'m, 't> {
    pub text: &'m str,
    pub tape: &'t Tape,
    pub number: u8,
}

impl<'m> Layer<'m, '_> {
    pub fn kind(&self, index: usize) -> Kind {
        self.tape.tokens[index].kind
    }

    pub fn raw(&self, index: usize) -> &'m str {
        self.tape.raw(self.text, index)
    }

    pub fn string(&self, index: usize) -> Option<Cow<'m, str>> {
        self.tape.string(self.text, index)
    }

    pub fn get(&self, object: usize, name: &str) -> Option<usize> {
        self.tape.get(self.text, object, name)
    }

    /// The text of a string that is not empty, or the digits of a number.
    fn word(&self, index: usize) -> Option<Cow<'m, str>> {
        match self.kind(index) {
            Kind::String => self.string(index).filter(|text| !text.is_empty()),
            Kind::Number => Some(Cow::Borrowed(self.raw(index))),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> Option<i64> {
        match self.kind(index) {
            Kind::Number | Kind::String => self.raw(index).parse().ok(),
            _ => None,
        }
    }
}

/// Added to the rank of what the outer layer says: what the application itself wrote is nearer to the truth than what
/// the runtime wrapped around it.
pub(crate) const OUTER_RANK: u16 = 256;

const NO_TOKEN: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Claim {
    rank: u16,
    layer: u8,
    token: u32,
}

/// See the module.
pub(crate) struct Draft<'m> {
    pub record: Record<'m>,
    claims: [Claim; SLOT_COUNT],
    /// Whether the group or stream is a Lambda function's, so that `requestId` is an invocation's.
    pub is_lambda: bool,
    /// An object, or a string that begins like one, where a message is expected: its token in layer 0 and its rank.
    body_value: Option<(usize, u16)>,
    /// Entries for `attributes` that stand in no JSON layer, each `"key":value` with a comma behind.
    pub extras: String,
}

impl<'m> Draft<'m> {
    /// A draft that begins with what the document says. It is a kilobyte, so it is made where it stays.
    #[inline(always)]
    pub fn new(record: Record<'m>, is_lambda: bool) -> Draft<'m> {
        let free = Claim { rank: u16::MAX, layer: 0, token: NO_TOKEN };
        Draft { record, claims: [free; SLOT_COUNT], is_lambda, body_value: None, extras: String::new() }
    }

    /// Whether nothing of this rank or a better one has filled the slot.
    #[inline]
    pub fn is_open(&self, slot: Slot, rank: u16) -> bool {
        rank < self.claims[slot as usize].rank
    }

    #[inline]
    pub fn is_filled(&self, slot: Slot) -> bool {
        self.claims[slot as usize].rank != u16::MAX
    }

    /// Notes that a slot was filled by something that is not a token, or is one that `attributes` keeps.
    pub fn fill(&mut self, slot: Slot, rank: u16) {
        self.claims[slot as usize] = Claim { rank, layer: 0, token: NO_TOKEN };
    }

    /// Notes an object or a string with one where a message is expected.
    pub fn offer_body_value(&mut self, rank: u16, value: usize) {
        if self.body_value.is_none_or(|(_, earlier)| rank < earlier) {
            self.body_value = Some((value, rank));
        }
    }

    /// The token of the object that stands for the message, unless a better key states one.
    pub fn body_value(&self) -> Option<usize> {
        let (value, rank) = self.body_value?;
        (rank <= self.claims[Slot::Body as usize].rank).then_some(value)
    }

    /// The tokens of a layer whose values are in a column.
    pub fn taken(&self, layer: u8) -> impl Iterator<Item = usize> {
        self.claims
            .iter()
            .filter(move |claim| claim.layer == layer && claim.token != NO_TOKEN)
            .map(|claim| claim.token as usize)
    }

    /// Takes a time as the record's own if CloudWatch's clock makes it believable.
    pub fn offer_time(&mut self, rank: u16, time_unix_nano: Option<i64>) -> bool {
        let observed = self.record.observed_time_unix_nano;
        let (Some(time), true) = (time_unix_nano, self.is_open(Slot::Time, rank)) else { return false };
        let earliest = observed.saturating_sub(CLOCK_BEHIND_NANO_MAX);
        let latest = observed.saturating_add(CLOCK_AHEAD_NANO_MAX);
        if !(earliest..=latest).contains(&time) {
            return false;
        }
        self.record.time_unix_nano = time;
        self.fill(Slot::Time, rank);
        true
    }

    /// Offers the value of a token for a slot. `holder` is the token that `attributes` leaves out if it is taken.
    pub fn offer(&mut self, slot: Slot, rank: u16, layer: Layer<'m, '_>, value: usize, holder: usize) {
        if !self.is_open(slot, rank) {
            return;
        }
        let Some(whole) = self.convert(slot, rank, layer, value) else { return };
        let token = if whole { holder as u32 } else { NO_TOKEN };
        self.claims[slot as usize] = Claim { rank, layer: layer.number, token };
    }

    /// Fills the slot's column. `Some(true)`: the column holds all that the value says; `Some(false)`: only a part,
    /// so the value stays in `attributes`; `None`: the value does not fit.
    fn convert(&mut self, slot: Slot, rank: u16, layer: Layer<'m, '_>, value: usize) -> Option<bool> {
        let record = &mut self.record;
        match slot {
            Slot::Time => {
                let time = match layer.kind(value) {
                    Kind::Number => time::parse_number(layer.raw(value)),
                    Kind::String => time::parse_text(layer.raw(value)),
                    _ => None,
                };
                self.offer_time(rank, time).then_some(true)
            }
            Slot::Body => {
                record.body = Some(match layer.kind(value) {
                    Kind::String => layer.string(value)?,
                    Kind::Number | Kind::True | Kind::False => Cow::Borrowed(layer.raw(value)),
                    _ => return None,
                });
                Some(true)
            }
            Slot::Level => {
                const LEVEL_BYTES_MAX: usize = 64;
                let text = layer.word(value).filter(|text| text.len() <= LEVEL_BYTES_MAX)?;
                let number = match text.parse() {
                    Ok(level) => severity::from_pino(level),
                    Err(_) => severity::from_name(&text),
                };
                record.severity_text = Some(text);
                if !self.is_filled(Slot::SeverityNumber) {
                    self.record.severity_number = number;
                }
                Some(true)
            }
            Slot::SeverityNumber => {
                record.severity_number = Some(layer.number(value).filter(|number| (1..=24).contains(number))? as i32);
                Some(true)
            }
            Slot::TraceId => {
                record.trace_id = Some(canonical(layer.string(value)?, ids::trace_id)?);
                // A whole header under this key says more than the id.
                const UUID_BYTES: usize = 36;
                Some(layer.raw(value).len() <= UUID_BYTES)
            }
            Slot::TraceHeader => {
                let text = layer.string(value)?;
                let (trace, span, parent) = match ids::traceparent(&text) {
                    Some((trace, span)) => (trace, Some(span), None),
                    None => (ids::trace_id(&text)?, None, ids::header_field(&text, "Parent").and_then(ids::span_id)),
                };
                let own = |id: Cow<'_, str>| Cow::Owned(id.into_owned());
                if !self.is_filled(Slot::TraceId) {
                    self.record.trace_id = Some(own(trace));
                }
                if let (Some(span), false) = (span, self.is_filled(Slot::SpanId)) {
                    self.record.span_id = Some(own(span));
                }
                if let (Some(parent), false) = (parent, self.is_filled(Slot::ParentSpanId)) {
                    self.record.parent_span_id = Some(own(parent));
                }
                Some(false)
            }
            Slot::SpanId => {
                record.span_id = Some(canonical(layer.string(value)?, ids::span_id)?);
                Some(true)
            }
            Slot::ParentSpanId => {
                record.parent_span_id = Some(canonical(layer.string(value)?, ids::span_id)?);
                Some(true)
            }
            Slot::CorrelationId => {
                const CORRELATION_BYTES_MAX: usize = 512;
                record.correlation_id = Some(layer.word(value).filter(|id| id.len() <= CORRELATION_BYTES_MAX)?);
                Some(true)
            }
            Slot::InvocationId => {
                record.faas_invocation_id = Some(canonical(layer.string(value)?, ids::uuid)?);
                Some(true)
            }
            Slot::ServiceName => {
                record.service_name = Some(layer.string(value).filter(|name| !name.is_empty())?);
                Some(true)
            }
            Slot::ServiceVersion => {
                const VERSION_BYTES_MAX: usize = 256;
                record.service_version = Some(layer.word(value).filter(|version| version.len() <= VERSION_BYTES_MAX)?);
                Some(true)
            }
            Slot::FunctionName => {
                record.faas_name = Some(layer.string(value).filter(|name| !name.is_empty())?);
                Some(true)
            }
            Slot::FunctionVersion => {
                record.faas_version = Some(layer.word(value).filter(|version| ids::is_lambda_version(version))?);
                Some(true)
            }
            Slot::FunctionArn => {
                let text = layer.string(value)?;
                let (name, version) = ids::lambda_arn(&text)?;
                if record.faas_name.is_none() {
                    record.faas_name = Some(Cow::Owned(name.to_owned()));
                }
                if record.faas_version.is_none() {
                    record.faas_version = version.map(|version| Cow::Owned(version.to_owned()));
                }
                Some(false)
            }
            Slot::ColdStart => {
                record.faas_coldstart = Some(match layer.kind(value) {
                    Kind::True => true,
                    Kind::False => false,
                    _ => return None,
                });
                Some(true)
            }
            Slot::ExceptionType => {
                record.exception_type = Some(layer.string(value).filter(|name| !name.is_empty())?);
                Some(true)
            }
            Slot::ExceptionMessage => {
                record.exception_message = Some(layer.string(value)?);
                Some(true)
            }
            Slot::ExceptionStack => {
                record.exception_stacktrace = Some(match layer.kind(value) {
                    Kind::Array => Cow::Owned(joined_lines(layer, value)?),
                    _ => layer.string(value).filter(|stack| !stack.is_empty())?,
                });
                Some(true)
            }
            Slot::HttpMethod => {
                let method = http_method(&layer.string(value)?)?;
                record.http_request_method = Some(Cow::Borrowed(method));
                Some(method == layer.raw(value))
            }
            Slot::HttpRoute => {
                let route = layer.string(value)?;
                if route.starts_with('/') {
                    record.http_route = Some(route);
                    return Some(true);
                }
                // API Gateway's route key: `GET /orders/{id}`.
                let (method, path) = route.split_once(' ').filter(|(_, path)| path.starts_with('/'))?;
                let (method, path) = (http_method(method)?, path.to_owned());
                record.http_route = Some(Cow::Owned(path));
                if record.http_request_method.is_none() {
                    record.http_request_method = Some(Cow::Borrowed(method));
                }
                Some(false)
            }
            Slot::UrlPath => {
                let text = layer.string(value)?;
                let path = url_path(&text)?;
                if path.len() == text.len() {
                    record.url_path = Some(text);
                    return Some(true);
                }
                record.url_path = Some(Cow::Owned(path.to_owned()));
                Some(false)
            }
            Slot::HttpStatus => {
                let status = layer.number(value).filter(|status| (100..=599).contains(status))?;
                record.http_response_status_code = Some(status as i32);
                Some(true)
            }
        }
    }
}

/// The canonical form of an id, borrowed from the message where it stands there like that.
fn canonical<'m>(text: Cow<'m, str>, parse: fn(&str) -> Option<Cow<'_, str>>) -> Option<Cow<'m, str>> {
    match text {
        Cow::Borrowed(text) => parse(text),
        Cow::Owned(text) => parse(&text).map(|id| Cow::Owned(id.into_owned())),
    }
}

/// The elements of an array of strings as lines; `None` if there is anything else in it.
fn joined_lines(layer: Layer<'_, '_>, array: usize) -> Option<String> {
    let mut lines = String::new();
    for (index, element) in layer.tape.elements(array).enumerate() {
        if index > 0 {
            lines.push('\n');
        }
        lines.push_str(&layer.string(element)?);
    }
    (!lines.is_empty()).then_some(lines)
}

pub(crate) fn http_method(text: &str) -> Option<&'static str> {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"]
        .into_iter()
        .find(|method| method.eq_ignore_ascii_case(text))
}

/// The path of a URL or of a request target, without its query.
fn url_path(text: &str) -> Option<&str> {
    let target = match text.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => text,
    };
    let end = target.find(['?', '#']).unwrap_or(target.len());
    target.starts_with('/').then(|| &target[..end])
}
