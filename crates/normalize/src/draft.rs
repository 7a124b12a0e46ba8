//! A record while it is being filled: which key has filled which column, and what takes precedence.
//!
//! It refuses to walk a line: `object`, `platform` and `text` do, and offer what they find.

use std::borrow::Cow;

use transect_schema::Record;

use crate::json::{Kind, Tape};
use crate::keys::{Folded, KeyFacts, RecordForm, SLOT_COUNT, Slot, is_perhaps_a_path};
use crate::limits::{CLOCK_AHEAD_NANO_MAX, CLOCK_BEHIND_NANO_MAX};
use crate::severity::{self, Scale};
use crate::{colours, ids, time};

/// Which columns a text may fill. Whoever gets a text logged writes what stands in it, so a column is stated by the
/// outermost layer that the platform or the logger wrote, and what stands within may fill only what a request carries
/// through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority(u32);

impl Authority {
    /// A logger's own record, and the platform's.
    pub const RECORD: Authority = Authority(u32::MAX);
    /// Text within a message, and an object that no logger wrote: ids that a request carries, the exception that is
    /// told of, the message itself.
    pub const CARRIED: Authority = Authority::of(&[
        Slot::TraceId,
        Slot::TraceHeader,
        Slot::SpanId,
        Slot::ParentSpanId,
        Slot::CorrelationId,
        Slot::ExceptionType,
        Slot::ExceptionMessage,
        Slot::ExceptionStack,
        Slot::Body,
        Slot::FullText,
    ]);
    /// Data behind free text.
    pub const NOTHING: Authority = Authority(0);
    /// An event that a function was called with: the route that its owner configured, and nothing that a caller sent.
    pub const EVENT: Authority = Authority::of(&[Slot::HttpRoute]);
    /// An event in a group of the service that it is of.
    pub const OWN_EVENT: Authority = Authority::EVENT.and(&[Slot::Time]);
    /// An object without a logger's shape where no function writes, such as a line of an access log. Status and invocation
    /// count only if it is one, see [`Draft::doubt_request`].
    pub const ACCESS: Authority = Authority::CARRIED.and(&[
        Slot::HttpMethod,
        Slot::HttpRoute,
        Slot::UrlPath,
        Slot::HttpStatus,
        Slot::InvocationId,
        Slot::Time,
    ]);

    const fn of(slots: &[Slot]) -> Authority {
        Authority(0).and(slots)
    }

    const fn and(self, slots: &[Slot]) -> Authority {
        let (mut bits, mut index) = (self.0, 0);
        while index < slots.len() {
            bits |= 1 << slots[index] as u32;
            index += 1;
        }
        Authority(bits)
    }

    /// This, but for the slots.
    pub const fn without(self, slots: &[Slot]) -> Authority {
        Authority(self.0 & !Authority::of(slots).0)
    }

    /// What an object of a record may fill that often holds what a request brought.
    pub const fn of_data(self) -> Authority {
        Authority(self.0 & Authority::CARRIED.0)
    }

    #[inline]
    pub const fn may_fill(self, slot: Slot) -> bool {
        self.0 & 1 << slot as u32 != 0
    }
}

/// A JSON text that is part of the message. Layer 0 is the message (or its tail), layer 1 JSON text within a string.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'m, 't> {
    pub text: &'m str,
    pub tape: &'t Tape,
    /// What is said of its keys, a place for each token.
    pub facts: &'t [KeyFacts],
    pub number: u8,
    pub authority: Authority,
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

    /// The text of a string that says something, or the digits of a number.
    fn word(&self, index: usize) -> Option<Cow<'m, str>> {
        match self.kind(index) {
            Kind::String => self.said(index),
            Kind::Number => Some(Cow::Borrowed(self.raw(index))),
            _ => None,
        }
    }

    /// The text of a string, unless it is one that loggers print where there is nothing.
    fn said(&self, index: usize) -> Option<Cow<'m, str>> {
        self.string(index).filter(|text| {
            !matches!(text.trim(), "" | "-" | "null" | "(null)" | "nil" | "None" | "undefined" | "[undefined]")
        })
    }

    fn number(&self, index: usize) -> Option<i64> {
        match self.kind(index) {
            Kind::Number | Kind::String => self.raw(index).parse().ok(),
            _ => None,
        }
    }
}

/// The rank of what group and stream are named after; Lambda's own lines come before.
const PLATFORM_RANK: u16 = 1;
/// Added to the rank of a key of the outermost JSON object: a runtime's prefix before it states first.
pub(crate) const RECORD_RANK: u16 = 256;
/// Added to the rank of a key within a message: it fills what no layer outside of it has.
pub(crate) const INNER_RANK: u16 = 512;
/// The rank of a level and a time that a runtime states of whatever is written: a record within knows better.
pub(crate) const RUNTIME_RANK: u16 = 1024;
/// The rank of what stands where a level is expected and is none.
const WORST_RANK: u16 = u16::MAX - 1;

const NO_TOKEN: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Claim {
    rank: u16,
    layer: u8,
    token: u32,
}

/// A slot that nothing has filled.
const FREE: Claim = Claim { rank: u16::MAX, layer: 0, token: NO_TOKEN };

/// See the module.
pub(crate) struct Draft<'m> {
    pub record: Record<'m>,
    claims: [Claim; SLOT_COUNT],
    /// Whether the group or stream is a Lambda function's, so that `requestId` is an invocation's.
    pub is_lambda: bool,
    /// Whether something carried the line: then it is not Lambda's own.
    pub is_carried: bool,
    /// An object, or a string that begins like one, where a message is expected: its token in layer 0 and its rank.
    body_value: Option<(usize, u16)>,
    /// The form of the record, where it has one that keeps what it states in an object.
    pub form: Option<RecordForm>,
    /// Whether a bare `version` is the release.
    pub version_is_release: bool,
    /// Whether `status` and `PRIORITY` are levels.
    pub status_is_level: bool,
    pub priority_is_level: bool,
    /// Whether `at` is one: the record is made of pairs that begin with it.
    pub at_is_level: bool,
    /// Whether a runtime itself says that nobody caught the error that is told of.
    pub is_unhandled: bool,
    /// Whether a runtime's or a logger's prefix was cut off before the message, so that what is left was logged.
    pub is_behind_prefix: bool,
    /// The longer text beside a short message.
    pub full_text: Option<Cow<'m, str>>,
    /// Entries for `attributes` that stand in no JSON layer, each `"key":value` with a comma behind.
    pub extras: String,
}

impl<'m> Draft<'m> {
    /// A draft that begins with what the document says. It is a kilobyte, so it is made where it stays.
    #[inline(always)]
    pub fn new(record: Record<'m>, is_lambda: bool) -> Draft<'m> {
        let mut claims = [FREE; SLOT_COUNT];
        // A group and a stream are named by the platform: it may correct itself, and a line may not.
        if record.faas_name.is_some() {
            claims[Slot::FunctionName as usize].rank = PLATFORM_RANK;
        }
        if record.faas_version.is_some() {
            claims[Slot::FunctionVersion as usize].rank = PLATFORM_RANK;
        }
        Draft {
            record,
            claims,
            is_lambda,
            is_carried: false,
            body_value: None,
            form: None,
            version_is_release: false,
            status_is_level: false,
            priority_is_level: false,
            at_is_level: false,
            is_unhandled: false,
            is_behind_prefix: false,
            full_text: None,
            extras: String::new(),
        }
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

    /// What a text within the message may fill: of what belongs together, all or nothing, so that no span stands under
    /// another's trace and no message under another's type.
    pub fn authority_within(&self, authority: Authority) -> Authority {
        const TRACE: [Slot; 4] = [Slot::TraceId, Slot::TraceHeader, Slot::SpanId, Slot::ParentSpanId];
        const EXCEPTION: [Slot; 3] = [Slot::ExceptionType, Slot::ExceptionMessage, Slot::ExceptionStack];
        let mut authority = authority;
        if TRACE.into_iter().any(|slot| self.is_filled(slot)) {
            authority = authority.without(&TRACE);
        }
        if EXCEPTION.into_iter().any(|slot| self.is_filled(slot)) {
            authority = authority.without(&EXCEPTION);
        }
        authority
    }

    /// Whether the body was stated within the message.
    pub fn body_is_inner(&self) -> bool {
        (INNER_RANK..RUNTIME_RANK).contains(&self.claims[Slot::Body as usize].rank)
    }

    /// Makes what fills a slot give way to a better rank.
    pub fn weaken(&mut self, slot: Slot, rank: u16) {
        let claim = &mut self.claims[slot as usize];
        if claim.rank != u16::MAX {
            claim.rank = rank;
        }
    }

    /// Takes the body back, so that a text within it may state one; [`Draft::put_back`] undoes that.
    pub fn take_body(&mut self) -> (Option<Cow<'m, str>>, u16, u32) {
        let claim = &mut self.claims[Slot::Body as usize];
        let taken = (self.record.body.take(), claim.rank, claim.token);
        *claim = FREE;
        taken
    }

    /// See [`Draft::take_body`].
    pub fn put_back(&mut self, (body, rank, token): (Option<Cow<'m, str>>, u16, u32)) {
        self.record.body = body;
        self.claims[Slot::Body as usize] = Claim { rank, layer: 0, token };
    }

    /// Gives back a path that only a key such as `path` states, where nothing says that it is a request's.
    pub fn doubt_path(&mut self) {
        let claim = &mut self.claims[Slot::UrlPath as usize];
        let is_doubtful = claim.rank != u16::MAX && is_perhaps_a_path((claim.rank % RECORD_RANK) as u8);
        if is_doubtful && self.record.http_request_method.is_none() && self.record.http_response_status_code.is_none() {
            *claim = FREE;
            self.record.url_path = None;
        }
    }

    /// Gives back an HTTP status and an invocation of an object that no logger wrote, where no method, route or path says
    /// that it is a request's.
    pub fn doubt_request(&mut self) {
        let record = &self.record;
        if record.http_request_method.is_some() || record.http_route.is_some() || record.url_path.is_some() {
            return;
        }
        if self.is_filled(Slot::HttpStatus) {
            self.record.http_response_status_code = None;
            self.claims[Slot::HttpStatus as usize] = FREE;
        }
        if self.is_filled(Slot::InvocationId) {
            self.record.faas_invocation_id = None;
            self.claims[Slot::InvocationId as usize] = FREE;
        }
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
        if !layer.authority.may_fill(slot) {
            return;
        }
        if !self.is_open(slot, rank) {
            self.confirm(slot, layer, value, holder);
            return;
        }
        let Some(whole) = self.convert(slot, rank, layer, value) else { return };
        // Any other level says more than a word that is none.
        let is_no_level = slot == Slot::Level && self.record.severity_number.is_none();
        let rank = if is_no_level { WORST_RANK } else { rank };
        let token = if whole { holder as u32 } else { NO_TOKEN };
        self.claims[slot as usize] = Claim { rank, layer: layer.number, token };
    }

    /// Takes a value that says what a group or a stream has said already.
    fn confirm(&mut self, slot: Slot, layer: Layer<'m, '_>, value: usize, holder: usize) {
        let known = match slot {
            Slot::FunctionName => &self.record.faas_name,
            Slot::FunctionVersion => &self.record.faas_version,
            _ => return,
        };
        let claim = &mut self.claims[slot as usize];
        if claim.token == NO_TOKEN && layer.kind(value) == Kind::String && known.as_deref() == Some(layer.raw(value)) {
            (claim.layer, claim.token) = (layer.number, holder as u32);
        }
    }

    /// Fills the slot's column. `Some(true)`: the column holds all that the value says; `Some(false)`: only a part,
    /// so the value stays in `attributes`; `None`: the value does not fit.
    fn convert(&mut self, slot: Slot, rank: u16, layer: Layer<'m, '_>, value: usize) -> Option<bool> {
        let record = &mut self.record;
        match slot {
            Slot::Time => {
                let observed = record.observed_time_unix_nano;
                // A logger may leave out the year or the day.
                let text = |text: &str| time::parse_text(text).or_else(|| time::parse_near(text, observed));
                let time = match layer.kind(value) {
                    Kind::Number => time::parse_number(layer.raw(value)),
                    Kind::String if layer.raw(value).starts_with('\\') => text(&layer.string(value)?),
                    Kind::String => text(layer.raw(value)),
                    _ => None,
                };
                self.offer_time(rank, time).then_some(true)
            }
            Slot::Body => {
                let body = match layer.kind(value) {
                    Kind::String => layer.string(value)?,
                    Kind::Number | Kind::True | Kind::False => Cow::Borrowed(layer.raw(value)),
                    // Several arguments of one call: the texts, if they are texts.
                    Kind::Array => Cow::Owned(joined_words(layer, value)?),
                    _ => return None,
                };
                if body.is_empty() {
                    return None;
                }
                record.body = Some(without_colours(body));
                Some(layer.kind(value) != Kind::Array)
            }
            Slot::FullText => {
                self.full_text = layer.said(value);
                Some(false)
            }
            Slot::Level => {
                const LEVEL_BYTES_MAX: usize = 64;
                // MongoDB counts how deep it debugs: D1 to D5.
                const MONGODBS_DEPTHS: [char; 5] = ['1', '2', '3', '4', '5'];
                let text = layer.word(value).map(without_colours).filter(|text| text.len() <= LEVEL_BYTES_MAX)?;
                let number = match text.parse() {
                    Ok(level @ 0..=7) if self.priority_is_level => severity::from_number(Scale::Syslog, level),
                    Ok(level) => scale(layer, level).and_then(|scale| severity::from_number(scale, level)),
                    Err(_) => severity::from_name(&text)
                        .or_else(|| severity::from_letter(text.trim_end_matches(MONGODBS_DEPTHS))),
                };
                // Names such as `status` and `PRIORITY` are a level's only if they hold one.
                const SURE_RANKS: u16 = 104;
                if number.is_none() && (rank % RECORD_RANK >= SURE_RANKS || self.is_filled(Slot::Level)) {
                    return None;
                }
                self.record.severity_text = Some(text);
                if number.is_some() && !self.is_filled(Slot::SeverityNumber) {
                    self.record.severity_number = number;
                }
                Some(true)
            }
            // A nested number says nothing where a level stands beside the message.
            Slot::SeverityNumber if self.claims[Slot::Level as usize].rank < rank => None,
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
                let (trace, span, parent) = ids::trace_header(&text)?;
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
                record.service_name = Some(layer.said(value)?);
                Some(true)
            }
            Slot::ServiceVersion => {
                const VERSION_BYTES_MAX: usize = 256;
                record.service_version = Some(layer.word(value).filter(|version| version.len() <= VERSION_BYTES_MAX)?);
                Some(true)
            }
            Slot::FunctionName => {
                record.faas_name = Some(layer.said(value)?);
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
                record.exception_type = Some(layer.said(value)?);
                Some(true)
            }
            Slot::ExceptionMessage => {
                record.exception_message = Some(layer.said(value)?);
                Some(true)
            }
            Slot::ExceptionStack => {
                record.exception_stacktrace = Some(match layer.kind(value) {
                    Kind::Array => Cow::Owned(joined_lines(layer, value)?),
                    _ => layer.said(value)?,
                });
                // Of frames that are objects a line tells a part.
                Some(layer.tape.elements(value).all(|frame| layer.kind(frame) == Kind::String))
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

/// The elements of an array as lines: texts as they are, frames that are objects as place and name; `None` if there is
/// anything else in it.
fn joined_lines(layer: Layer<'_, '_>, array: usize) -> Option<String> {
    let mut lines = String::new();
    for (index, element) in layer.tape.elements(array).enumerate() {
        if index > 0 {
            lines.push('\n');
        }
        match layer.kind(element) {
            Kind::String => lines.push_str(&layer.string(element)?),
            Kind::Object => push_frame(layer, element, &mut lines),
            _ => return None,
        }
    }
    (!lines.is_empty()).then_some(lines)
}

/// Appends a frame as Java writes it: `at class.method(file:line)`, of what it tells.
fn push_frame(layer: Layer<'_, '_>, frame: usize, out: &mut String) {
    let (mut class, mut name, mut file, mut line) = (None, None, None, None);
    for (key, value) in layer.tape.entries(frame) {
        let part = match layer.raw(key) {
            "class" | "className" | "declaringClass" | "module" => &mut class,
            "method" | "methodName" | "function" | "functionName" | "label" | "name" => &mut name,
            "file" | "fileName" | "filename" | "path" => &mut file,
            "line" | "lineNumber" | "lineno" => &mut line,
            _ => continue,
        };
        *part = layer.word(value);
    }
    out.push_str("    at ");
    out.push_str(&[class, name].into_iter().flatten().collect::<Vec<_>>().join("."));
    let place = [file, line].into_iter().flatten().collect::<Vec<_>>().join(":");
    if !place.is_empty() {
        for part in [" (", &place, ")"] {
            out.push_str(part);
        }
    }
}

/// The words of an array of texts and numbers, with a blank between; `None` if there is anything else in it.
fn joined_words(layer: Layer<'_, '_>, array: usize) -> Option<String> {
    let mut words = String::new();
    for (index, element) in layer.tape.elements(array).enumerate() {
        if index > 0 {
            words.push(' ');
        }
        match layer.kind(element) {
            Kind::String => words.push_str(&layer.string(element)?),
            Kind::Number | Kind::True | Kind::False | Kind::Null => words.push_str(layer.raw(element)),
            _ => return None,
        }
    }
    (!words.is_empty()).then_some(words)
}

/// How the record counts a level that is a number, by what stands beside it.
fn scale(layer: Layer<'_, '_>, level: i64) -> Option<Scale> {
    const NAMES: [&str; 15] = [
        "shortmessage",
        "fullmessage",
        "syslogseverity",
        "levelname",
        "channel",
        "datetime",
        "levelno",
        "lineno",
        "asctime",
        "hostname",
        "pid",
        "facility",
        "host",
        "version",
        "realtimetimestamp",
    ];
    let mut found = [false; NAMES.len()];
    for (key, _) in layer.tape.entries(0) {
        let name = Folded::new(layer.raw(key));
        if let Some(index) = NAMES.iter().position(|known| known.as_bytes() == name.as_bytes()) {
            found[index] = true;
        }
    }
    Scale::beside(level, |name| NAMES.iter().zip(found).any(|(known, found)| found && *known == name))
}

fn without_colours(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => colours::strip_colours(text),
        Cow::Owned(text) => match colours::strip_colours(&text) {
            Cow::Owned(clean) => Cow::Owned(clean),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

pub(crate) fn http_method(text: &str) -> Option<&'static str> {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"]
        .into_iter()
        .find(|method| method.eq_ignore_ascii_case(text))
}

/// The path of a URL or of a request target, without its query.
fn url_path(text: &str) -> Option<&str> {
    let target = match text.split_once("://") {
        Some(("http" | "https" | "ws" | "wss" | "HTTP" | "HTTPS", rest)) => &rest[rest.find('/')?..],
        Some(_) => return None,
        None => text,
    };
    let end = target.find(['?', '#']).unwrap_or(target.len());
    target.starts_with('/').then(|| &target[..end])
}
