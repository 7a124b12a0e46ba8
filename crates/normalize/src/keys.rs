//! Which key of a log line means which column: one table for every logger, by the key's folded name (lower case, no
//! `_`, `-`, `.` or space), so that `trace_id`, `traceId`, `TraceID` and `trace.id` are one entry.
//!
//! It refuses to look at values; whether a value fits its column is decided where it is converted.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use crate::draft::Layer;
use crate::json::{Kind, Tape};
use crate::memo::Memo;
use crate::object::Member;
use crate::redact::{KeyLook, Redactor};

/// What a value can be used for. One slot is filled once, by the key with the lowest rank whose value fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Slot {
    Time,
    Body,
    Level,
    SeverityNumber,
    TraceId,
    /// A `traceparent` or `X-Amzn-Trace-Id` header: trace id and span id, itself kept.
    TraceHeader,
    SpanId,
    ParentSpanId,
    CorrelationId,
    InvocationId,
    ServiceName,
    ServiceVersion,
    FunctionName,
    FunctionVersion,
    FunctionArn,
    ColdStart,
    ExceptionType,
    ExceptionMessage,
    ExceptionStack,
    HttpMethod,
    HttpRoute,
    UrlPath,
    HttpStatus,
    /// The longer text beside a short message, in which an exception may be told. It has no column.
    FullText,
}

pub(crate) const SLOT_COUNT: usize = Slot::FullText as usize + 1;

/// A form of record that keeps what it states in an object of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordForm {
    /// OpenTelemetry's data model: `resource` and `attributes`.
    OpenTelemetry,
    /// Serilog: `Properties`.
    Serilog,
    /// Loguru: `record`.
    Loguru,
    /// Rust's `tracing`: `fields`.
    Tracing,
}

/// What to do with a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Convert it for a slot; of several keys the one of the lowest rank wins.
    Fill(Slot, u8),
    /// A level counted as Python does.
    PythonLevel,
    /// journald's level, and in anybody else's record the priority of something.
    Priority,
    /// Lambda's `requestId`, an invocation id only in a function's log group.
    RequestId,
    /// Log4j's `{epochSecond, nanoOfSecond}`.
    Instant,
    /// `exception`, `error`, `err`: text of a stack or message, or an object to look into.
    Exception,
    /// `request`: in an access log the method and the path, as an object or as the request's first line.
    Request,
    /// `at`, a level among pairs that begin with it, of anything else anywhere else.
    LevelOfPairs,
    /// A bare `version`: the release beside a service in a logger's own record, of anything else anywhere else.
    Version,
    /// An object whose keys mean what they mean together with this one: `http.request.method`.
    Prefix,
    /// An object whose keys mean what they would mean outside of it.
    Transparent,
    /// As `Transparent` in a record of this form, as `Carried` in any other.
    TransparentOf(RecordForm),
    /// As `Transparent`, but an object that often holds what a request brought: it may state what a request carries.
    Carried,
    /// As `Transparent`, but what a thread carries from whoever put it there: it names no service and no release.
    OfThread,
    /// As `Prefix` where it is an object, as `Fill` where it is not.
    PrefixOrFill(Slot, u8),
}

/// Rank of the first built-in name; names from the configuration stand before.
const BUILT_IN: u8 = 100;

/// Places from here on are names that loggers use for a message and other programs for other things: they make no record
/// of an object.
const NO_LOGGERS_WORD: u8 = 40;

/// Times from here on are of other things as well (`date`, `created`), and levels: they make no record either.
const PERHAPS_A_LOGGERS_TIME: u8 = 4;
/// See [`PERHAPS_A_LOGGERS_TIME`].
const PERHAPS_A_LEVEL: u8 = 4;

/// Places from here on name a path of a request only beside a method or a status: `path` is a file's as often.
const PERHAPS_A_PATH: u8 = 40;

/// The rank of a path under a key that has no role of its own, behind all that have.
pub(crate) const DOUBTFUL_PATH_RANK: u8 = BUILT_IN + PERHAPS_A_PATH + 2;

impl Role {
    /// Whether a key with this role makes an object a logger's record: its level, its time or its message.
    pub fn is_of_a_logger(self) -> bool {
        match self {
            Role::Fill(Slot::Level, rank) => rank < BUILT_IN + PERHAPS_A_LEVEL,
            Role::Fill(Slot::Time, rank) => rank < BUILT_IN + PERHAPS_A_LOGGERS_TIME,
            Role::Fill(Slot::SeverityNumber, _) | Role::PythonLevel | Role::Instant => true,
            Role::Fill(Slot::Body, rank) => rank < BUILT_IN + NO_LOGGERS_WORD,
            _ => false,
        }
    }
}

/// Whether a rank is that of a key which names a request's path only beside a method or a status.
pub(crate) fn is_perhaps_a_path(rank: u8) -> bool {
    rank >= BUILT_IN + PERHAPS_A_PATH
}

/// What the members of an object under `exception`, `error`, `err` or `thrown` mean, by their folded names.
const EXCEPTION_MEMBERS: &[(&str, Slot, u8)] = &[
    ("type", Slot::ExceptionType, 0),
    ("exceptiontype", Slot::ExceptionType, 0),
    ("errortype", Slot::ExceptionType, 0),
    ("exctype", Slot::ExceptionType, 0),
    ("exceptionclass", Slot::ExceptionType, 0),
    ("class", Slot::ExceptionType, 1),
    ("classname", Slot::ExceptionType, 1),
    ("kind", Slot::ExceptionType, 2),
    ("name", Slot::ExceptionType, 3),
    ("errorname", Slot::ExceptionType, 3),
    ("message", Slot::ExceptionMessage, 0),
    ("exceptionmessage", Slot::ExceptionMessage, 0),
    ("errormessage", Slot::ExceptionMessage, 0),
    ("excvalue", Slot::ExceptionMessage, 0),
    ("value", Slot::ExceptionMessage, 1),
    ("msg", Slot::ExceptionMessage, 2),
    ("detail", Slot::ExceptionMessage, 3),
    ("description", Slot::ExceptionMessage, 3),
    ("stacktrace", Slot::ExceptionStack, 0),
    ("stack", Slot::ExceptionStack, 1),
    ("exceptionstacktrace", Slot::ExceptionStack, 1),
    ("extendedstacktrace", Slot::ExceptionStack, 1),
    ("stackarray", Slot::ExceptionStack, 2),
    ("traceback", Slot::ExceptionStack, 2),
    ("backtrace", Slot::ExceptionStack, 2),
    ("trace", Slot::ExceptionStack, 3),
];

/// What a member of an exception object means, by its folded name.
pub(crate) fn exception_member(folded: &[u8]) -> Option<(Slot, u8)> {
    let (_, slot, place) = EXCEPTION_MEMBERS.iter().find(|(name, ..)| name.as_bytes() == folded)?;
    Some((*slot, BUILT_IN + place))
}

const fn fill(slot: Slot, place: u8) -> Role {
    Role::Fill(slot, BUILT_IN + place)
}

const TABLE: &[(&str, Role)] = &[
    ("timestamp", fill(Slot::Time, 0)),
    ("@timestamp", fill(Slot::Time, 0)),
    ("time", fill(Slot::Time, 1)),
    ("ts", fill(Slot::Time, 1)),
    ("@t", fill(Slot::Time, 1)),
    ("timeunixnano", fill(Slot::Time, 0)),
    ("datetime", fill(Slot::Time, 2)),
    ("asctime", fill(Slot::Time, 2)),
    ("timestampms", fill(Slot::Time, 2)),
    ("timemillis", fill(Slot::Time, 2)),
    ("logtimestamp", fill(Slot::Time, 2)),
    ("eventtime", fill(Slot::Time, 3)),
    ("eventtimestamp", fill(Slot::Time, 3)),
    ("stagetimestamp", fill(Slot::Time, 3)),
    ("querytimestamp", fill(Slot::Time, 4)),
    ("realtimetimestamp", fill(Slot::Time, 2)),
    ("date", fill(Slot::Time, 4)),
    ("created", fill(Slot::Time, 5)),
    ("requesttimeepoch", fill(Slot::Time, 4)),
    ("requesttime", fill(Slot::Time, 5)),
    ("instant", Role::Instant),
    ("message", fill(Slot::Body, 0)),
    ("@message", fill(Slot::Body, 1)),
    ("msg", fill(Slot::Body, 1)),
    ("@m", fill(Slot::Body, 3)),
    ("logmessage", fill(Slot::Body, 3)),
    ("renderedmessage", fill(Slot::Body, 3)),
    ("shortmessage", fill(Slot::Body, 3)),
    ("@mt", fill(Slot::Body, 4)),
    ("messagetemplate", fill(Slot::Body, 5)),
    ("body", fill(Slot::Body, NO_LOGGERS_WORD)),
    ("event", fill(Slot::Body, NO_LOGGERS_WORD + 1)),
    ("fullmessage", fill(Slot::FullText, 0)),
    ("levelname", fill(Slot::Level, 0)),
    ("severitytext", fill(Slot::Level, 0)),
    ("level", fill(Slot::Level, 1)),
    ("severity", fill(Slot::Level, 2)),
    ("loglevel", fill(Slot::Level, 2)),
    ("@level", fill(Slot::Level, 2)),
    ("loglevelname", fill(Slot::Level, 2)),
    ("lvl", fill(Slot::Level, 3)),
    ("@l", fill(Slot::Level, 3)),
    ("syslogseverity", fill(Slot::Level, 4)),
    ("errorseverity", fill(Slot::Level, 4)),
    ("priority", Role::Priority),
    ("at", Role::LevelOfPairs),
    ("severitynumber", fill(Slot::SeverityNumber, 0)),
    ("levelno", Role::PythonLevel),
    ("traceid", fill(Slot::TraceId, 0)),
    ("xraytraceid", fill(Slot::TraceId, 1)),
    ("awsxraytraceid", fill(Slot::TraceHeader, 1)),
    ("oteltraceid", fill(Slot::TraceId, 1)),
    ("tracetraceid", fill(Slot::TraceId, 1)),
    ("@tr", fill(Slot::TraceId, 1)),
    ("xb3traceid", fill(Slot::TraceId, 3)),
    ("ddtraceid", fill(Slot::TraceId, 4)),
    ("traceparent", fill(Slot::TraceHeader, 0)),
    ("b3", fill(Slot::TraceHeader, 2)),
    ("ubertraceid", fill(Slot::TraceHeader, 2)),
    ("xamzntraceid", fill(Slot::TraceHeader, 1)),
    ("traceheader", fill(Slot::TraceHeader, 1)),
    ("xraytraceheader", fill(Slot::TraceHeader, 1)),
    ("awstraceheader", fill(Slot::TraceHeader, 1)),
    ("spanid", fill(Slot::SpanId, 0)),
    ("otelspanid", fill(Slot::SpanId, 1)),
    ("tracespanid", fill(Slot::SpanId, 1)),
    ("@sp", fill(Slot::SpanId, 1)),
    ("xb3spanid", fill(Slot::SpanId, 3)),
    ("parentspanid", fill(Slot::ParentSpanId, 0)),
    ("parentid", fill(Slot::ParentSpanId, 1)),
    ("traceparentid", fill(Slot::ParentSpanId, 1)),
    ("xb3parentspanid", fill(Slot::ParentSpanId, 3)),
    ("correlationid", fill(Slot::CorrelationId, 0)),
    ("xcorrelationid", fill(Slot::CorrelationId, 1)),
    ("correlation", fill(Slot::CorrelationId, 2)),
    ("xcorrelation", fill(Slot::CorrelationId, 3)),
    ("xrequestid", fill(Slot::CorrelationId, 4)),
    ("functionrequestid", fill(Slot::InvocationId, 0)),
    ("faasinvocationid", fill(Slot::InvocationId, 0)),
    ("faasexecution", fill(Slot::InvocationId, 1)),
    ("awsrequestid", fill(Slot::InvocationId, 1)),
    ("lambdarequestid", fill(Slot::InvocationId, 1)),
    ("integrationrequestid", fill(Slot::InvocationId, 3)),
    ("requestid", Role::RequestId),
    ("spanrequestid", Role::RequestId),
    ("service", Role::PrefixOrFill(Slot::ServiceName, BUILT_IN + 1)),
    ("servicename", fill(Slot::ServiceName, 0)),
    ("otelservicename", fill(Slot::ServiceName, 2)),
    ("ddservice", fill(Slot::ServiceName, 3)),
    ("serviceversion", fill(Slot::ServiceVersion, 0)),
    ("release", fill(Slot::ServiceVersion, 1)),
    ("appversion", fill(Slot::ServiceVersion, 2)),
    ("applicationversion", fill(Slot::ServiceVersion, 2)),
    ("ddversion", fill(Slot::ServiceVersion, 3)),
    ("version", Role::Version),
    ("gitsha", fill(Slot::ServiceVersion, 5)),
    ("gitcommit", fill(Slot::ServiceVersion, 5)),
    ("gitcommitsha", fill(Slot::ServiceVersion, 5)),
    ("commitsha", fill(Slot::ServiceVersion, 5)),
    ("functionname", fill(Slot::FunctionName, 0)),
    ("faasname", fill(Slot::FunctionName, 0)),
    ("functionversion", fill(Slot::FunctionVersion, 0)),
    ("faasversion", fill(Slot::FunctionVersion, 0)),
    ("functionarn", fill(Slot::FunctionArn, 0)),
    ("invokedfunctionarn", fill(Slot::FunctionArn, 1)),
    ("faasarn", fill(Slot::FunctionArn, 1)),
    ("cloudresourceid", fill(Slot::FunctionArn, 2)),
    ("coldstart", fill(Slot::ColdStart, 0)),
    ("faascoldstart", fill(Slot::ColdStart, 0)),
    ("exceptiontype", fill(Slot::ExceptionType, 0)),
    ("exceptionname", fill(Slot::ExceptionType, 0)),
    ("errortype", fill(Slot::ExceptionType, 1)),
    ("errorkind", fill(Slot::ExceptionType, 2)),
    ("errorname", fill(Slot::ExceptionType, 3)),
    ("errtype", fill(Slot::ExceptionType, 2)),
    ("errname", fill(Slot::ExceptionType, 3)),
    ("exctype", fill(Slot::ExceptionType, 2)),
    ("exceptionclass", fill(Slot::ExceptionType, 2)),
    ("stacktracetype", fill(Slot::ExceptionType, 4)),
    ("exceptionmessage", fill(Slot::ExceptionMessage, 0)),
    ("errormessage", fill(Slot::ExceptionMessage, 1)),
    ("errmessage", fill(Slot::ExceptionMessage, 2)),
    ("excvalue", fill(Slot::ExceptionMessage, 2)),
    ("stacktracevalue", fill(Slot::ExceptionMessage, 4)),
    ("exceptionstacktrace", fill(Slot::ExceptionStack, 0)),
    ("stacktrace", Role::PrefixOrFill(Slot::ExceptionStack, BUILT_IN + 2)),
    ("stack", fill(Slot::ExceptionStack, 2)),
    ("errorstack", fill(Slot::ExceptionStack, 1)),
    ("errorstacktrace", fill(Slot::ExceptionStack, 1)),
    ("errstack", fill(Slot::ExceptionStack, 1)),
    ("errstacktrace", fill(Slot::ExceptionStack, 1)),
    ("excinfo", fill(Slot::ExceptionStack, 3)),
    ("exceptionstack", fill(Slot::ExceptionStack, 1)),
    ("@x", fill(Slot::ExceptionStack, 4)),
    ("exception", Role::Exception),
    ("error", Role::Exception),
    ("err", Role::Exception),
    ("thrown", Role::Exception),
    ("throwable", Role::Exception),
    ("errordetail", Role::Exception),
    ("httpmethod", fill(Slot::HttpMethod, 1)),
    ("httprequesthttpmethod", fill(Slot::HttpMethod, 1)),
    ("httprequestmethod", fill(Slot::HttpMethod, 0)),
    ("requestmethod", fill(Slot::HttpMethod, 2)),
    ("reqmethod", fill(Slot::HttpMethod, 2)),
    ("method", fill(Slot::HttpMethod, 3)),
    ("csmethod", fill(Slot::HttpMethod, 2)),
    ("clientrequestmethod", fill(Slot::HttpMethod, 2)),
    ("httproute", fill(Slot::HttpRoute, 0)),
    ("resourcepath", fill(Slot::HttpRoute, 1)),
    ("routekey", fill(Slot::HttpRoute, 2)),
    ("urlpath", fill(Slot::UrlPath, 0)),
    ("httptarget", fill(Slot::UrlPath, 1)),
    ("httppath", fill(Slot::UrlPath, 1)),
    ("httpurl", fill(Slot::UrlPath, 2)),
    ("requestpath", fill(Slot::UrlPath, 1)),
    ("rawpath", fill(Slot::UrlPath, 1)),
    ("csuristem", fill(Slot::UrlPath, 1)),
    ("clientrequestpath", fill(Slot::UrlPath, 1)),
    ("reqpath", fill(Slot::UrlPath, 2)),
    ("path", fill(Slot::UrlPath, PERHAPS_A_PATH)),
    ("requesturi", fill(Slot::UrlPath, 2)),
    ("httprequesturi", fill(Slot::UrlPath, 2)),
    ("requri", fill(Slot::UrlPath, 3)),
    ("requrl", fill(Slot::UrlPath, 3)),
    ("uri", fill(Slot::UrlPath, PERHAPS_A_PATH)),
    ("url", Role::PrefixOrFill(Slot::UrlPath, BUILT_IN + PERHAPS_A_PATH)),
    ("httpresponsestatuscode", fill(Slot::HttpStatus, 0)),
    ("httpstatuscode", fill(Slot::HttpStatus, 1)),
    ("httpstatus", fill(Slot::HttpStatus, 1)),
    ("statuscode", fill(Slot::HttpStatus, 2)),
    ("responsestatuscode", fill(Slot::HttpStatus, 2)),
    ("resstatuscode", fill(Slot::HttpStatus, 2)),
    ("responsestatus", Role::PrefixOrFill(Slot::HttpStatus, BUILT_IN + 3)),
    ("responsecodesent", fill(Slot::HttpStatus, 3)),
    ("responsecode", fill(Slot::HttpStatus, 3)),
    ("downstreamstatus", fill(Slot::HttpStatus, 3)),
    ("edgeresponsestatus", fill(Slot::HttpStatus, 3)),
    ("scstatus", fill(Slot::HttpStatus, 3)),
    ("status", fill(Slot::HttpStatus, 4)),
    ("http", Role::Prefix),
    ("httprequest", Role::Prefix),
    ("httpresponse", Role::Prefix),
    ("req", Role::Prefix),
    ("res", Role::Prefix),
    ("request", Role::Request),
    ("log", Role::Prefix),
    ("trace", Role::Prefix),
    ("span", Role::Prefix),
    ("dd", Role::Prefix),
    ("faas", Role::Prefix),
    ("record", Role::TransparentOf(RecordForm::Loguru)),
    ("fields", Role::TransparentOf(RecordForm::Tracing)),
    ("attributes", Role::TransparentOf(RecordForm::OpenTelemetry)),
    ("resource", Role::TransparentOf(RecordForm::OpenTelemetry)),
    ("contextmap", Role::OfThread),
    ("mdc", Role::OfThread),
    ("context", Role::Carried),
    ("labels", Role::Carried),
    ("extra", Role::Carried),
    ("metadata", Role::Carried),
    ("meta", Role::Carried),
    ("properties", Role::TransparentOf(RecordForm::Serilog)),
    ("correlationids", Role::Transparent),
    ("scopes", Role::Carried),
    ("state", Role::Carried),
];

/// Hashes a name by its length and its first and last eight bytes, which tell the names of the table apart. A log's
/// author can choose keys that collide, not what the table holds, so a look-up is a few comparisons at worst.
#[derive(Debug, Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, name: &[u8]) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        };
        let mixed = u128::from(first ^ ODD) * u128::from(last.rotate_left(32) ^ name.len() as u64 ^ ODD);
        self.0 = mixed as u64 ^ (mixed >> 64) as u64;
    }

    /// The length that comes before the bytes is in the hash already.
    #[inline]
    fn write_usize(&mut self, _: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// The table with the names of a configuration before the built-in ones.
#[derive(Debug)]
pub(crate) struct Keys {
    roles: HashMap<Box<[u8]>, Role, BuildHasherDefault<NameHasher>>,
}

impl Keys {
    pub fn new(correlation_keys: &[String], release_keys: &[String]) -> Keys {
        let mut roles = HashMap::with_capacity_and_hasher(TABLE.len() * 2, BuildHasherDefault::default());
        for (name, role) in TABLE {
            roles.insert(Box::from(name.as_bytes()), *role);
        }
        for (slot, names) in [(Slot::CorrelationId, correlation_keys), (Slot::ServiceVersion, release_keys)] {
            for (place, name) in names.iter().enumerate() {
                // `headers.order-id` stands in an object `headers` or is one key of that name.
                for (dot, _) in name.match_indices('.') {
                    roles.entry(Box::from(Folded::new(&name[..dot]).as_bytes())).or_insert(Role::Prefix);
                }
                let rank = u8::try_from(place).unwrap_or(BUILT_IN).min(BUILT_IN - 1);
                roles.insert(Box::from(Folded::new(name).as_bytes()), Role::Fill(slot, rank));
            }
        }
        Keys { roles }
    }

    #[inline]
    pub fn role(&self, folded: &[u8]) -> Option<Role> {
        self.roles.get(folded).copied()
    }
}

/// What a key is, whatever its value is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFacts {
    /// Its role where it stands in no object with a name.
    role: Option<Role>,
    /// What it makes of the object that it stands in.
    member: Member,
    /// What redaction says of it, where there is any.
    pub look: KeyLook,
}

/// The tables, and what they said of the keys of the lines before.
pub(crate) struct Roles<'k> {
    pub keys: &'k Keys,
    pub redactor: Option<&'k Redactor>,
    pub memo: &'k mut Memo<KeyFacts>,
}

impl Roles<'_> {
    /// The role of a key behind the names of the objects around it.
    #[inline]
    pub fn of(&self, prefix: &Folded, layer: Layer<'_, '_>, key: usize) -> Option<Role> {
        match prefix.length {
            0 => layer.facts[key].role,
            _ => self.of_name(prefix, layer.raw(key)),
        }
    }

    /// The same of a name that is no key.
    pub fn of_name(&self, prefix: &Folded, name: &str) -> Option<Role> {
        self.keys.role(prefix.with(name).as_bytes())
    }

    /// What the key makes of the object that it stands in.
    #[inline]
    pub fn member(&self, layer: Layer<'_, '_>, key: usize) -> Member {
        layer.facts[key].member
    }

    /// Looks every key of a text up, once for all that ask: what is said of a key stands where its token does.
    pub fn look_up(&mut self, tape: &Tape, text: &str, facts: &mut Vec<KeyFacts>) {
        facts.clear();
        facts.extend(tape.tokens.iter().enumerate().map(|(index, token)| {
            if token.kind != Kind::Key {
                return KeyFacts::default();
            }
            let key = tape.raw(text, index);
            self.memo.get(key.as_bytes(), || {
                let role = self.keys.role(Folded::new(key).as_bytes());
                let is_service =
                    matches!(role, Some(Role::Fill(Slot::ServiceName, _) | Role::PrefixOrFill(Slot::ServiceName, _)));
                KeyFacts {
                    role,
                    member: if is_service { Member::Service } else { Member::of(key) },
                    look: self.redactor.map(|redactor| redactor.look_at_key(key)).unwrap_or_default(),
                }
            })
        }));
    }
}

/// Each byte folded; zero for what is left out.
const FOLD: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 1;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'_' | b'-' | b'.' | b' ' => 0,
            other => other.to_ascii_lowercase(),
        };
        byte += 1;
    }
    table
};

/// A key folded on the stack. Longer names than it holds have no role: none of ours is half as long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folded {
    bytes: [u8; Folded::BYTES_MAX],
    length: usize,
}

impl Folded {
    const BYTES_MAX: usize = 72;

    pub const EMPTY: Folded = Folded { bytes: [0; Folded::BYTES_MAX], length: 0 };

    pub fn new(key: &str) -> Folded {
        Folded::EMPTY.with(key)
    }

    /// This with a key behind it.
    pub fn with(&self, key: &str) -> Folded {
        let mut folded = *self;
        folded.append(key.as_bytes());
        folded
    }

    /// Appends a key folded; what does not fit makes the name one that no table holds.
    #[inline]
    fn append(&mut self, key: &[u8]) {
        if self.length + key.len() > Folded::BYTES_MAX {
            self.bytes[0] = 0;
            return;
        }
        // In a register: behind the reference each byte would wait for the length that the one before it wrote.
        let mut length = self.length;
        for byte in key {
            let folded = FOLD[usize::from(*byte)];
            self.bytes[length] = folded;
            length += usize::from(folded != 0);
        }
        self.length = length;
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_unique() {
        for (index, (name, _)) in TABLE.iter().enumerate() {
            assert_eq!(Folded::new(name).as_bytes(), name.as_bytes());
            assert!(TABLE[..index].iter().all(|(earlier, _)| earlier != name), "{name} twice");
        }
    }

    #[test]
    fn configured_names_come_first_and_open_their_objects() {
        let keys = Keys::new(&["headers.order-id".into()], &["build".into()]);
        assert_eq!(keys.role(b"headers"), Some(Role::Prefix));
        assert_eq!(keys.role(b"headersorderid"), Some(Role::Fill(Slot::CorrelationId, 0)));
        assert_eq!(keys.role(b"build"), Some(Role::Fill(Slot::ServiceVersion, 0)));
        assert!(matches!(keys.role(b"correlationid"), Some(Role::Fill(Slot::CorrelationId, BUILT_IN))));
    }

    #[test]
    fn spellings_of_a_key_are_one() {
        for key in ["trace_id", "traceId", "TraceID", "trace.id", "TRACE-ID"] {
            assert_eq!(Folded::new(key).as_bytes(), b"traceid");
        }
        let long = "x".repeat(70);
        assert_eq!(Keys::new(&[], &[]).role(Folded::new(&long).as_bytes()), None);
    }
}
