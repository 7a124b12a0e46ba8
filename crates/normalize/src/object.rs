//! A JSON object as a log line: the keys that every structured logger uses, wherever they nest; spans of Transaction
//! Search and OpenTelemetry; what embedded metrics declare.
//!
//! It refuses to write anything out: it offers values to the draft and says where metrics stand.

use std::borrow::Cow;

use crate::access;
use crate::draft::{Draft, Layer, RECORD_RANK, RUNTIME_RANK};
use crate::json::{Kind, Tape};
use crate::keys::{DOUBTFUL_PATH_RANK, Folded, RecordForm, Role, Roles, Slot, exception_member};
use crate::metric;
use crate::severity::{self, Scale, Weight};

/// How deep objects are looked into for known keys.
const WALK_DEPTH_MAX: usize = 5;

/// What the keys of an object make of it.
pub(crate) struct Shape {
    /// `platform.…` of a Lambda system line: tokens of its type and record.
    pub platform: Option<(usize, usize)>,
    /// The array of embedded-metric directives.
    pub metric_directives: Option<usize>,
    pub is_span: bool,
    /// Whether it is an event that a service hands to a function, or such an event written down.
    pub is_event: bool,
    /// Whether it is exactly what Lambda itself wraps around what a function writes in JSON mode.
    pub is_lambda_wrapper: bool,
    /// Whether a level in it speaks of how much is told, not of how bad it is.
    pub has_no_severity: bool,
    /// The form of record, where it is one that keeps what it states in an object of its own.
    pub form: Option<RecordForm>,
    /// Whether a bare `version` in it may be a release.
    pub version_is_release: bool,
    /// Whether `status` in it may be a level, as in Datadog's records.
    pub status_is_level: bool,
    /// Whether `PRIORITY` in it is a level, as in journald's records.
    pub priority_is_level: bool,
    /// Whether a logger may have written it that has places of its own, see [`OWN_PLACES`].
    pub has_own_places: bool,
}

/// What a key makes of the object that it stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Member {
    /// Lambda, "Advanced logging controls": the keys that its JSON application logs always have.
    Wrapper,
    /// As `Wrapper`, and a time.
    WrapperTime,
    /// What these logs have besides.
    WrapperMore,
    /// As `WrapperMore`, and of a span.
    TraceId,
    OfSpan,
    Type,
    Record,
    Metadata,
    Metrics,
    /// What an event of a service has, if its value is of this kind.
    OfEvent(Option<Kind>),
    OpenTelemetry,
    Serilog,
    Target,
    Text,
    Time,
    /// Of GELF, whose `version` is its own.
    Gelf,
    /// What names the service that writes.
    Service,
    /// Of Datadog, whose `status` is a level.
    Datadog,
    /// Of journald, whose `PRIORITY` is one.
    Journald,
    ApiVersion,
    /// Of a logger that has places of its own.
    OwnPlace,
    #[default]
    Other,
}

impl Member {
    pub fn of(name: &str) -> Member {
        match name {
            "level" | "message" | "requestId" | "AWSRequestId" => Member::Wrapper,
            "timestamp" => Member::WrapperTime,
            "tenantId" | "errorType" | "errorMessage" | "stackTrace" | "location" | "logger" => Member::WrapperMore,
            "traceId" => Member::TraceId,
            "spanId" | "startTimeUnixNano" => Member::OfSpan,
            "type" => Member::Type,
            "record" => Member::Record,
            "_aws" => Member::Metadata,
            "CloudWatchMetrics" => Member::Metrics,
            "requestContext" | "Records" | "detail-type" | "TopicArn" | "eventSourceARN" => {
                of_event(name).map_or(Member::Other, Member::OfEvent)
            }
            "severityNumber"
            | "severity_number"
            | "SeverityNumber"
            | "severityText"
            | "severity_text"
            | "SeverityText"
            | "timeUnixNano"
            | "observedTimeUnixNano" => Member::OpenTelemetry,
            // The collector's own log.
            name if name.starts_with("otelcol.") => Member::OpenTelemetry,
            "MessageTemplate" | "RenderedMessage" => Member::Serilog,
            "target" => Member::Target,
            "text" => Member::Text,
            "time" => Member::Time,
            "short_message" | "full_message" => Member::Gelf,
            "dd" | "ddsource" | "ddtags" => Member::Datadog,
            name if name.starts_with("dd.") => Member::Datadog,
            "MESSAGE" | "SYSLOG_IDENTIFIER" | "__REALTIME_TIMESTAMP" => Member::Journald,
            "apiVersion" => Member::ApiVersion,
            name if SERILOGS_MESSAGES.contains(&name) || is_of_own_places(name) => Member::OwnPlace,
            _ => Member::Other,
        }
    }
}

/// Whether a key is one that services' events have, and the kind of value that it has there if one alone tells: API
/// Gateway's, load balancers' and function URLs'; EventBridge's; SNS's; those of what lists records of services.
fn of_event(name: &str) -> Option<Option<Kind>> {
    match name {
        "requestContext" => Some(Some(Kind::Object)),
        "Records" => Some(Some(Kind::Array)),
        "detail-type" | "TopicArn" | "eventSourceARN" => Some(None),
        _ => None,
    }
}

impl Shape {
    pub fn of(layer: Layer<'_, '_>, roles: &Roles<'_>) -> Shape {
        let (mut kind, mut record, mut metadata, mut ids, mut metrics) = (None, None, None, 0, None);
        let (mut is_format, mut is_event, mut is_audit, mut has_time) = (false, false, false, false);
        let mut form = None;
        let (mut has_service, mut is_datadogs, mut is_journalds, mut has_own_places) = (false, false, false, false);
        let (mut key_count, mut wrapper_keys, mut wrapper_needs) = (0, 0, 0);
        for (key, value) in layer.tape.entries(0) {
            key_count += 1;
            let value_kind = layer.kind(value);
            match roles.member(layer, key) {
                member @ (Member::Wrapper | Member::WrapperTime) => {
                    has_time |= member == Member::WrapperTime;
                    wrapper_keys += 1;
                    wrapper_needs += 1;
                }
                Member::WrapperMore => wrapper_keys += 1,
                Member::TraceId => {
                    wrapper_keys += 1;
                    ids += 1;
                }
                Member::OfSpan => ids += 1,
                Member::Type if value_kind == Kind::String && layer.raw(value).starts_with("platform.") => {
                    kind = Some(value)
                }
                Member::Record => record = Some(value),
                Member::Metadata => metadata = Some(value),
                Member::Metrics => metrics = Some(value),
                Member::OfEvent(own) => is_event |= own.is_none_or(|own| own == value_kind),
                Member::OpenTelemetry => form = Some(RecordForm::OpenTelemetry),
                Member::Serilog => form = form.or(Some(RecordForm::Serilog)),
                Member::Target if value_kind == Kind::String => form = form.or(Some(RecordForm::Tracing)),
                Member::Text if value_kind == Kind::String => form = form.or(Some(RecordForm::Loguru)),
                Member::Time => has_time = true,
                Member::Gelf => is_format = true,
                Member::Service => has_service = true,
                Member::Datadog => is_datadogs = true,
                Member::Journald => is_journalds = true,
                Member::OwnPlace => has_own_places = true,
                Member::ApiVersion if layer.raw(value).starts_with("audit.k8s.io/") => is_audit = true,
                Member::Type | Member::Target | Member::Text | Member::ApiVersion | Member::Other => {}
            }
        }
        // One key alone makes no form: a form on a page has a `target` too, and what was saved a `text`.
        if form == Some(RecordForm::Tracing) && !is_tracings(layer)
            || form == Some(RecordForm::Loguru) && !is_logurus(layer, key_count)
        {
            form = None;
        }
        let metric_directives = metric::directives(layer.text, layer.tape, metadata, metrics);
        Shape {
            // Lambda always says when.
            platform: kind.zip(record).filter(|_| has_time),
            metric_directives,
            is_span: ids == 3,
            form: if ids == 3 { Some(RecordForm::OpenTelemetry) } else { form },
            is_event,
            is_lambda_wrapper: wrapper_needs == 4 && wrapper_keys == key_count,
            has_no_severity: is_audit,
            version_is_release: has_service && !is_format && metric_directives.is_none() && metadata.is_none(),
            status_is_level: has_service || is_datadogs,
            priority_is_level: is_journalds,
            has_own_places,
        }
    }
}

/// Whether an object with a `target` is a record of Rust's `tracing`, which has its message in `fields`.
fn is_tracings(layer: Layer<'_, '_>) -> bool {
    let has = |name| layer.get(0, name).is_some();
    has("level") && !["message", "msg", "body", "event"].into_iter().any(has)
}

/// Whether an object with a `text` is a record of Loguru: that and the record, with its level and its time.
fn is_logurus(layer: Layer<'_, '_>, key_count: usize) -> bool {
    let within = |object: usize, name: &str| layer.get(object, name).filter(|value| layer.kind(*value) == Kind::Object);
    key_count == 2
        && within(0, "record").is_some_and(|record| {
            within(record, "time").is_some()
                && within(record, "level").is_some_and(|level| layer.get(level, "name").is_some())
        })
}

/// Whether an object within a message is an event that a service hands to a function.
pub(crate) fn is_event(layer: Layer<'_, '_>, object: usize) -> bool {
    layer
        .tape
        .entries(object)
        .any(|(key, value)| of_event(layer.raw(key)).is_some_and(|own| own.is_none_or(|own| own == layer.kind(value))))
}

/// Whether a text, which is one object, is what Lambda's runtimes for Go and Ruby write of an error that nobody caught:
/// message, type and perhaps a stack in this order, and nothing else.
pub(crate) fn is_runtimes_report(tape: &Tape, text: &str) -> bool {
    let mut entries = tape.entries(0).map(|(key, value)| (tape.raw(text, key), tape.tokens[value].kind));
    entries.next() == Some(("errorMessage", Kind::String))
        && entries.next() == Some(("errorType", Kind::String))
        && matches!(entries.next(), None | Some(("stackTrace", Kind::Array | Kind::Null)))
        && entries.next().is_none()
}

/// Whether a record is what Lambda's runtime for Python writes in JSON mode of an error that nobody caught: these keys in this
/// order and no message, which whatever is logged has.
pub(crate) fn is_pythons_report(layer: Layer<'_, '_>) -> bool {
    const KEYS: [&[&str]; 6] =
        [&["timestamp"], &["log_level", "level"], &["errorMessage"], &["errorType"], &["requestId"], &["stackTrace"]];
    let mut keys = layer.tape.entries(0).map(|(key, _)| layer.raw(key));
    KEYS.iter().all(|names| keys.next().is_some_and(|key| names.contains(&key))) && keys.next().is_none()
}

/// Whether an object is an error as Node's runtime writes it: its type first, its stack, and whatever properties it has, of
/// which one may be called `level`.
pub(crate) fn is_thrown(layer: Layer<'_, '_>, object: usize) -> bool {
    let mut entries = layer.tape.entries(object);
    entries.next().is_some_and(|(key, _)| layer.raw(key) == "errorType")
        && entries.any(|(key, _)| matches!(layer.raw(key), "stackTrace" | "stack" | "trace"))
}

/// Whether a record has no key but those that a logger writes of itself.
pub(crate) fn is_bare_record(roles: &Roles<'_>, layer: Layer<'_, '_>) -> bool {
    layer.tape.entries(0).all(|(key, _)| {
        matches!(layer.raw(key), "source" | "caller" | "logger" | "file" | "func")
            || roles.of(&Folded::EMPTY, layer, key).is_some_and(Role::is_of_a_logger)
    })
}

/// Whether an object has a logger's shape: a level, a time or a message beside the rest.
pub(crate) fn is_of_a_logger(roles: &Roles<'_>, layer: Layer<'_, '_>, object: usize) -> bool {
    let tells = |key: usize| roles.of(&Folded::EMPTY, layer, key).is_some_and(Role::is_of_a_logger);
    layer.tape.entries(object).any(|(key, value)| {
        tells(key)
            // Loguru, Rust's `tracing` and tslog keep what they state in an object of its own.
            || (layer.kind(value) == Kind::Object
                && matches!(layer.raw(key), "record" | "fields" | "log" | "_meta")
                && layer.tape.entries(value).any(|(key, _)| tells(key)))
    })
}

/// Walks the object at `root` and offers everything that a table of keys knows, at `base` and the key's own rank.
pub(crate) fn walk<'m>(draft: &mut Draft<'m>, roles: &Roles<'_>, layer: Layer<'m, '_>, root: usize, base: u16) {
    Walk { draft, roles, layer, base }.object(root, &Folded::EMPTY, 0);
}

/// A logger or server that has places of its own for what it states, one within another behind a `/`.
struct OwnPlaces {
    /// The rarest of the keys that its records have: no object without one is held against the table.
    key: &'static str,
    /// The others. All must be there, because they mean something else anywhere else.
    needs: &'static [&'static str],
    /// What stands in which place. `*` is the first element of a list that is a level's name.
    places: &'static [(Slot, &'static str)],
}

const fn own(key: &'static str, needs: &'static [&'static str], places: &'static [(Slot, &'static str)]) -> OwnPlaces {
    OwnPlaces { key, needs, places }
}

/// How Serilog's compact form calls its message and the template of it.
const SERILOGS_MESSAGES: [&str; 2] = ["@m", "@mt"];

/// Whether a key leads to [`OWN_PLACES`].
fn is_of_own_places(name: &str) -> bool {
    OWN_PLACES.iter().any(|own| own.key == name)
}

const OWN_PLACES: &[OwnPlaces] = &[
    // MongoDB since 4.4.
    own("ctx", &["t/$date", "c"], &[(Slot::Level, "s"), (Slot::Time, "t/$date")]),
    // log15, go-ethereum.
    own("lvl", &["t", "msg"], &[(Slot::Time, "t")]),
    // Roarr.
    own("sequence", &["context", "message", "time", "version"], &[(Slot::Level, "context/logLevel")]),
    // log4js' JSON layout.
    own("categoryName", &["startTime", "data", "level"], &[(Slot::Time, "startTime"), (Slot::Body, "data")]),
    // tslog.
    own(
        "_meta",
        &["_meta/logLevelId", "_meta/runtime"],
        &[(Slot::Level, "_meta/logLevelName"), (Slot::Time, "_meta/date"), (Slot::Body, "0")],
    ),
    // Kibana before version 8.
    own("tags", &["type", "@timestamp", "pid", "message"], &[(Slot::Level, "tags/*")]),
    // Envoy's and Istio's access log.
    own("start_time", &["response_code"], &[(Slot::Time, "start_time")]),
    // Kong and APISIX.
    own(
        "latencies",
        &["latencies/request", "request/method", "response/status"],
        &[(Slot::HttpStatus, "response/status"), (Slot::Time, "started_at")],
    ),
    own(
        "route_id",
        &["request/method", "response/status"],
        &[(Slot::HttpStatus, "response/status"), (Slot::Time, "start_time")],
    ),
];

/// Takes what a logger states in places of its own, where nothing else has stated it.
pub(crate) fn own_places<'m>(draft: &mut Draft<'m>, layer: Layer<'m, '_>) {
    /// Behind every key of the table.
    const RANK: u16 = RECORD_RANK - 1 + RECORD_RANK;
    let at = |path: &str| match path.split_once('/') {
        Some((outer, "*")) => {
            let mut elements = layer.get(0, outer).into_iter().flat_map(|list| layer.tape.elements(list));
            elements.find(|element| {
                severity::weighted(layer.raw(*element)).is_some_and(|(_, weight)| weight == Weight::Strong)
            })
        }
        Some((outer, inner)) => layer.get(0, outer).and_then(|object| layer.get(object, inner)),
        None => layer.get(0, path),
    };
    for own in OWN_PLACES {
        if layer.get(0, own.key).is_some() && own.needs.iter().all(|path| at(path).is_some()) {
            for (slot, path) in own.places {
                if let Some(value) = at(path).filter(|_| !draft.is_filled(*slot)) {
                    draft.offer(*slot, RANK, layer, value, value);
                    if path.ends_with('*') && draft.is_filled(*slot) {
                        // A list stays whole.
                        draft.fill(*slot, RANK);
                    }
                }
            }
        }
    }
    // Serilog's compact form leaves out the level of information.
    let is_serilogs = SERILOGS_MESSAGES.iter().any(|name| layer.get(0, name).is_some());
    if is_serilogs
        && layer.get(0, "@t").is_some()
        && !draft.is_filled(Slot::Level)
        && layer.authority.may_fill(Slot::Level)
    {
        draft.record.severity_number = Some(severity::INFO);
    }
}

/// Walks what Lambda wraps around what a function writes: its level and its time are of the writing, not of the message.
pub(crate) fn walk_wrapper<'m>(draft: &mut Draft<'m>, roles: &Roles<'_>, layer: Layer<'m, '_>) {
    walk(draft, roles, layer, 0, RECORD_RANK);
    draft.weaken(Slot::Level, RUNTIME_RANK);
    draft.weaken(Slot::Time, RUNTIME_RANK);
}

struct Walk<'d, 'k, 'm, 't> {
    draft: &'d mut Draft<'m>,
    roles: &'d Roles<'k>,
    layer: Layer<'m, 't>,
    base: u16,
}

impl<'m> Walk<'_, '_, 'm, '_> {
    fn object(&mut self, object: usize, prefix: &Folded, depth: usize) {
        if depth > WALK_DEPTH_MAX {
            return;
        }
        for (key, value) in self.layer.tape.entries(object) {
            if let Some(role) = self.roles.of(prefix, self.layer, key) {
                self.entry(role, prefix, self.layer.raw(key), value, value, depth);
            }
        }
    }

    fn entry(&mut self, role: Role, prefix: &Folded, key: &str, value: usize, holder: usize, depth: usize) {
        let kind = self.layer.kind(value);
        match role {
            Role::Fill(slot, rank) | Role::PrefixOrFill(slot, rank) => {
                let rank = self.base + u16::from(rank);
                match (slot, kind) {
                    (Slot::Body, Kind::Object) => self.body_object(value, rank),
                    (_, Kind::Object) if matches!(role, Role::PrefixOrFill(..)) => {
                        self.object(value, &prefix.with(key), depth + 1)
                    }
                    // Loguru's `{"name":"ERROR","no":40}` and times such as `{"$date":…}`.
                    (Slot::Level, Kind::Object) => {
                        self.member(slot, rank, value, &["name", "levelStr", "level", "text"])
                    }
                    (Slot::Time, Kind::Object) => {
                        self.member(slot, rank, value, &["$date", "timestamp", "iso", "repr"]);
                        self.instant(value);
                    }
                    (Slot::HttpStatus, Kind::String) if severity::from_name(self.layer.raw(value)).is_some() => {
                        if self.draft.status_is_level && depth == 0 && key.eq_ignore_ascii_case("status") {
                            self.other_level(value);
                        }
                    }
                    _ => self.draft.offer(slot, rank, self.layer, value, holder),
                }
                if slot == Slot::Body && kind == Kind::String && self.layer.raw(value).starts_with('{') {
                    self.body_value(value, rank);
                }
            }
            Role::PythonLevel => {
                let level = (kind == Kind::Number).then(|| self.layer.raw(value).parse().ok()).flatten();
                if let (Some(number), false, true) = (
                    level.and_then(|level| severity::from_number(Scale::Python, level)),
                    self.draft.record.severity_number.is_some(),
                    self.layer.authority.may_fill(Slot::Level),
                ) {
                    self.draft.record.severity_number = Some(number);
                }
            }
            Role::Priority if self.draft.priority_is_level && depth == 0 => {
                if matches!(self.layer.raw(value).parse::<u8>(), Ok(0..=7)) {
                    self.other_level(value);
                }
            }
            Role::Priority => {}
            Role::LevelOfPairs if self.draft.at_is_level => self.other_level(value),
            Role::LevelOfPairs => {}
            Role::Request if depth == 0 && !self.draft.is_lambda => self.request(value),
            Role::Request => {}
            Role::RequestId if self.draft.is_lambda => {
                self.draft.offer(Slot::InvocationId, self.base + 150, self.layer, value, holder);
            }
            Role::RequestId => {}
            Role::Version if self.draft.version_is_release && depth == 0 && !is_protocols(self.layer.raw(value)) => {
                const RANK: u16 = 104;
                self.draft.offer(Slot::ServiceVersion, self.base + RANK, self.layer, value, holder);
            }
            Role::Version => {}
            Role::Instant => self.instant(value),
            Role::Exception => self.exception(value, &prefix.with(key), depth),
            Role::Prefix if kind == Kind::Object => self.object(value, &prefix.with(key), depth + 1),
            Role::Transparent | Role::TransparentOf(_) | Role::Carried | Role::OfThread
                if matches!(kind, Kind::Object | Kind::Array) =>
            {
                let (base, authority) = (self.base, self.layer.authority);
                // What stands beside such an object states first.
                if self.base & (RESOURCE_RANK | NESTED_RANK) == 0 {
                    self.base |= if key.eq_ignore_ascii_case("resource") { RESOURCE_RANK } else { NESTED_RANK };
                }
                self.layer.authority = match role {
                    Role::Transparent => authority,
                    Role::TransparentOf(form) if self.draft.form == Some(form) => authority,
                    Role::OfThread => authority.without(&[Slot::ServiceName, Slot::ServiceVersion]),
                    _ => authority.of_data(),
                };
                match kind {
                    Kind::Object => self.object(value, prefix, depth + 1),
                    // OTLP writes attributes as `[{"key":…,"value":{"stringValue":…}}]`.
                    _ => self.key_values(value, prefix, depth),
                }
                (self.base, self.layer.authority) = (base, authority);
            }
            Role::Prefix | Role::Transparent | Role::TransparentOf(_) | Role::Carried | Role::OfThread => {}
        }
    }

    /// Offers a level under a name that is a level's in one format alone: a task has a `status` and a `priority` too. It
    /// never takes the place of one that a runtime or a logger stated, but of a word that is none.
    fn other_level(&mut self, value: usize) {
        if self.draft.record.severity_number.is_none() {
            self.draft.offer(Slot::Level, self.base + OTHER_LEVEL_RANK, self.layer, value, value);
        }
    }

    /// Offers the first member of the names that an object has.
    fn member(&mut self, slot: Slot, rank: u16, object: usize, names: &[&str]) {
        let found = names.iter().find_map(|name| self.layer.get(object, name));
        if let Some(value) = found {
            self.draft.offer(slot, rank, self.layer, value, value);
        }
    }

    fn key_values(&mut self, array: usize, prefix: &Folded, depth: usize) {
        for element in self.layer.tape.elements(array) {
            let (Some(key), Some(any)) = (self.layer.get(element, "key"), self.layer.get(element, "value")) else {
                // .NET's scopes are objects as they are.
                self.object(element, prefix, depth + 1);
                continue;
            };
            let Some((_, value)) = self.layer.tape.entries(any).next() else { continue };
            let key = self.layer.raw(key);
            if let Some(role) = self.roles.of_name(prefix, key) {
                self.entry(role, prefix, key, value, element, depth + 1);
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
        if self.base & !(RESOURCE_RANK | NESTED_RANK) == RECORD_RANK {
            self.draft.offer_body_value(rank, value);
        }
    }

    /// The request of an access log: an object, as Caddy's and Kong's, or its first line.
    fn request(&mut self, value: usize) {
        const RANK: u16 = 103;
        if self.layer.kind(value) == Kind::Object {
            self.member(Slot::HttpMethod, self.base + RANK, value, &["method"]);
            self.member(Slot::UrlPath, self.base + RANK, value, &["uri", "path", "url"]);
        } else if self.layer.raw(value).starts_with('/') {
            // As doubtful as a `path`.
            self.draft.offer(Slot::UrlPath, self.base + u16::from(DOUBTFUL_PATH_RANK), self.layer, value, value);
        } else if let Some((method, path)) = access::request(self.layer.raw(value))
            && self.layer.authority.may_fill(Slot::HttpMethod)
            && !self.draft.is_filled(Slot::HttpMethod)
            && !self.draft.is_filled(Slot::UrlPath)
        {
            self.draft.record.http_request_method = Some(Cow::Borrowed(method));
            self.draft.record.url_path = Some(Cow::Borrowed(path));
            self.draft.fill(Slot::HttpMethod, self.base + RANK);
            self.draft.fill(Slot::UrlPath, self.base + RANK);
        }
    }

    /// Log4j's `{"epochSecond":…,"nanoOfSecond":…}`, Google's `{"seconds":…,"nanos":…}`.
    fn instant(&mut self, value: usize) {
        let part = |name| self.layer.get(value, name).and_then(|part| self.layer.raw(part).parse::<i64>().ok());
        if let (Some(second), Some(nano), true) = (
            part("epochSecond").or_else(|| part("seconds")),
            part("nanoOfSecond").or_else(|| part("nanos")),
            self.layer.authority.may_fill(Slot::Time),
        ) {
            let time = second.checked_mul(1_000_000_000).and_then(|time| time.checked_add(nano));
            self.draft.offer_time(self.base + 100, time);
        }
    }

    /// What loggers write under `exception`, `error`, `err` or `thrown`.
    fn exception(&mut self, value: usize, name: &Folded, depth: usize) {
        const STACK_RANK: u16 = 101;
        const MESSAGE_RANK: u16 = 110;
        match self.layer.kind(value) {
            Kind::Object => self.exception_object(value, name, depth),
            Kind::Array => match self.layer.tape.elements(value).next() {
                // The lines of a stack.
                Some(first) if self.layer.kind(first) == Kind::String => {
                    self.draft.offer(Slot::ExceptionStack, self.base + STACK_RANK, self.layer, value, value);
                }
                // structlog writes the chain of exceptions, the one that was raised last first.
                Some(first) => self.exception_object(first, name, depth),
                None => {}
            },
            Kind::String if self.layer.raw(value).contains("\\n") => {
                self.draft.offer(Slot::ExceptionStack, self.base + STACK_RANK, self.layer, value, value);
            }
            Kind::String => {
                self.draft.offer(Slot::ExceptionMessage, self.base + MESSAGE_RANK, self.layer, value, value)
            }
            _ => {}
        }
    }

    fn exception_object(&mut self, object: usize, name: &Folded, depth: usize) {
        if depth >= WALK_DEPTH_MAX {
            return;
        }
        for (key, value) in self.layer.tape.entries(object) {
            let role = self.roles.of(name, self.layer, key);
            let key = self.layer.raw(key);
            match (role, exception_member(Folded::new(key).as_bytes())) {
                (Some(role), None) => self.entry(role, name, key, value, value, depth + 1),
                (_, Some((slot, rank))) => {
                    self.draft.offer(slot, self.base + u16::from(rank), self.layer, value, value);
                }
                (None, None) => {}
            }
        }
    }
}

/// Whether a version is that of a protocol of the web.
fn is_protocols(version: &str) -> bool {
    ["HTTP/", "TLS", "SSL", "QUIC"].into_iter().any(|name| version.starts_with(name))
}

/// Added to the rank of a key in an object whose keys mean what they would outside of it.
const NESTED_RANK: u16 = 64;

/// As [`NESTED_RANK`], for OpenTelemetry's `resource`: what writes is stated there, and not in the attributes of what it tells of.
const RESOURCE_RANK: u16 = 32;

/// The rank of a level that stands under `status` or `PRIORITY`.
const OTHER_LEVEL_RANK: u16 = 105;

/// Takes what AWS's own records state in ways of their own: the failure of a step of a state machine, the error code of a
/// call that CloudTrail tells of. It refuses to look at anything in a stream of a function.
pub(crate) fn aws_record<'m>(draft: &mut Draft<'m>, layer: Layer<'m, '_>) {
    let text = |object: usize, name: &str| {
        layer
            .get(object, name)
            .filter(|value| layer.kind(*value) == Kind::String)
            .map(|value| (value, layer.raw(value)))
    };
    if text(0, "execution_arn").is_some() {
        let is_failure = text(0, "type")
            .is_some_and(|(_, kind)| ["Failed", "TimedOut", "Aborted"].iter().any(|end| kind.ends_with(end)));
        if let (true, Some(details)) = (is_failure, layer.get(0, "details")) {
            draft.record.severity_number = Some(severity::ERROR);
            for (name, slot) in [("error", Slot::ExceptionType), ("cause", Slot::ExceptionMessage)] {
                if let Some((value, _)) = text(details, name) {
                    draft.offer(slot, RECORD_RANK, layer, value, value);
                }
            }
        }
    } else if text(0, "eventSource").is_some_and(|(_, source)| source.ends_with(".amazonaws.com"))
        && let Some((code, _)) = text(0, "errorCode")
    {
        draft.offer(Slot::ExceptionType, RECORD_RANK, layer, code, code);
    }
}

/// Fills the columns of a span from the object at the root of `layer`; ids, resource and attributes are the walk's.
/// Returns the tokens that are in columns now.
pub(crate) fn span<'m>(draft: &mut Draft<'m>, roles: &Roles<'_>, layer: Layer<'m, '_>) -> Vec<usize> {
    let states_outcome = layer.authority.may_fill(Slot::HttpStatus);
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
    if let Some(status) = layer.get(0, "status").filter(|_| states_outcome) {
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
        walk(draft, roles, layer, attributes, RECORD_RANK | NESTED_RANK);
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
