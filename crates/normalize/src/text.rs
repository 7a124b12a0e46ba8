//! Text lines: what stands before the message, and the record, data or pairs that stand behind it.
//!
//! It refuses to believe a message: JSON behind free text is data of the message, kept under its keys and in no column,
//! because whoever gets a text logged writes it. A record stands only behind what a runtime or a logger itself writes.

use std::borrow::Cow;

use transect_schema::write_json_string;

use crate::draft::{Draft, RECORD_RANK, RUNTIME_RANK};
use crate::json::{Tape, is_number};
use crate::keys::Slot;
use crate::normalize::Place;
use crate::object::is_runtimes_report;
use crate::prefix::{self, Form, Head};
use crate::{access, exception, ids, logfmt, platform, severity, time};

/// What Node's runtime writes before the JSON of an error that nobody caught.
const NODE_SENTENCES: [&str; 5] =
    ["Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection", "Unhandled Error", "Init Error"];
/// What Ruby's runtime writes on the line before the JSON of an error that nobody caught.
const RUBY_SENTENCES: [&str; 5] = [
    "Error raised from handler method",
    "Critical exception from handler",
    "Init error when loading handler",
    "Init error when handling request",
    "Error raised from runtime",
];
/// Where the data of a message may begin: the first few braces, so that a text full of them is read a few times at most.
const BRACES_TRIED_MAX: usize = 4;

/// Fills the columns from a text line. Returns the JSON that stands in it, parsed, and how it stands there.
pub(crate) fn line<'m>(
    draft: &mut Draft<'m>,
    text: &'m str,
    tape: &mut Tape,
    pairs: &'m mut String,
) -> Option<(&'m str, Place)> {
    let message = text.trim_end_matches(['\n', '\r']);
    draft.record.body = Some(Cow::Borrowed(message));
    if draft.is_lambda && exception::is_javas_report(message) {
        // The body tells all of it.
        draft.record.severity_number = Some(severity::ERROR);
        draft.is_unhandled = true;
        return None;
    }
    let may_be_platforms = draft.is_lambda && !draft.is_carried;
    if may_be_platforms && platform::text_line(draft, message) {
        return None;
    }
    // Elixir's default begins with a line feed.
    let lead = message.len() - message.trim_start_matches(['\n', '\r']).len();
    let head = prefix::head(&message[lead..])
        .filter(|head| is_believed(draft, head, &message[lead..]))
        // The word before timbre's level may be anybody's there; its time is the line's all the same.
        .map(|head| match head.form == Form::Timbre && draft.is_lambda {
            true => {
                let bare = Head { form: Form::Time, level: None, severity_number: None, ..head };
                Head { opens_json: false, message_at: 0, ..bare }
            }
            false => head,
        })
        .map(|head| Head { message_at: head.message_at + lead, ..head });
    let (rest, is_whole) = match &head {
        Some(head) => (message.get(head.message_at..).unwrap_or_default(), state(draft, head)),
        None => (message, false),
    };
    // Exports write the time before every line. Behind more than that it is a message.
    if may_be_platforms && head.as_ref().is_some_and(|head| head.form == Form::Time) && platform::text_line(draft, rest)
    {
        return None;
    }
    // Ruby's runtime writes its sentence and the JSON of the error as two events.
    if draft.is_lambda && is_rubys(message) {
        draft.record.severity_number = Some(severity::ERROR);
        draft.record.event_name = Some(Cow::Borrowed("exception"));
        draft.is_unhandled = true;
        return None;
    }
    if is_whole {
        draft.is_behind_prefix = true;
        draft.record.body = Some(Cow::Borrowed(rest));
    }
    if let Some((at, place)) = json_in(draft, head.as_ref(), message, rest, tape) {
        let at = message.len() - rest.len() + at;
        let before = if is_whole { &rest[..at - (message.len() - rest.len())] } else { &message[..at] }.trim();
        draft.record.body = (!before.is_empty()).then_some(Cow::Borrowed(before));
        return Some((&message[at..], place));
    }
    if !draft.is_lambda {
        // Rails writes by Ruby's logger or by none: behind anybody else's head its words are a message.
        let of_rails = head.as_ref().is_none_or(|head| head.form == Form::Ruby).then_some(rest);
        request(draft, message, rest, of_rails);
    }
    let (found, has_flags) = logfmt::pairs(rest)?;
    object_of(&found, pairs);
    tape.parse(pairs).ok()?;
    Some((pairs, if has_flags { Place::Sentence } else { Place::Pairs }))
}

/// Whether a head is its program's, where words of a program look alike and a stranger's text stands behind them:
/// `print(f"search - {q}")`. Such a name is one that its group or stream begins with as well, or one that no word is.
fn is_believed(draft: &Draft<'_>, head: &Head<'_>, text: &str) -> bool {
    const NAME_BYTES_MIN: usize = 3;
    let owners = [&draft.record.aws_log_group, &draft.record.aws_log_stream];
    let mut parts = owners.into_iter().flatten().flat_map(|owner| owner.split('/'));
    match head.form {
        Form::NameLevel => {
            let name = text.trim_start().split(' ').next().unwrap_or_default();
            let is_own = name.len() >= NAME_BYTES_MIN && parts.any(|part| part.starts_with(name));
            is_own || name == "root" || name.contains(['.', '_'])
        }
        Form::OwnNameLevel => {
            let name = text.trim_start().split(':').next().unwrap_or_default();
            !draft.is_lambda && parts.any(|part| part == name)
        }
        _ => true,
    }
}

/// Takes what a head states. Returns whether all of it is in columns, so that the body may do without.
fn state<'m>(draft: &mut Draft<'m>, head: &Head<'m>) -> bool {
    let near = |text| time::parse_near(text, draft.record.observed_time_unix_nano);
    let stated = head.time_unix_nano.or_else(|| head.partial_time.and_then(near));
    let has_time = draft.offer_time(0, stated);
    if let Some(number) = head.severity_number {
        draft.record.severity_number = Some(number);
        draft.record.severity_text = head.level.map(Cow::Borrowed);
        // `console.log` says INFO of everything: a level that a record behind it states is nearer to the truth.
        draft.fill(Slot::Level, if head.form == Form::LambdaTabs { RUNTIME_RANK } else { 0 });
    }
    let mut has_id = false;
    if let (Some(id), true) = (head.invocation_id.and_then(ids::uuid), draft.is_lambda) {
        draft.record.faas_invocation_id = Some(id);
        draft.fill(Slot::InvocationId, 0);
        has_id = true;
    }
    if let Some(trace) = head.trace.and_then(ids::trace_id) {
        draft.record.trace_id = Some(trace);
        draft.fill(Slot::TraceId, 0);
        if let Some(span) = head.span.and_then(ids::span_id) {
            draft.record.span_id = Some(span);
            draft.fill(Slot::SpanId, 0);
        }
    }
    // Elsewhere brackets stand behind the level, where a message may begin.
    if let Some(service) = head.service.filter(|_| head.form == Form::SpringBoot) {
        draft.record.service_name = Some(Cow::Borrowed(service));
        draft.fill(Slot::ServiceName, RECORD_RANK);
    }
    head.is_whole && has_time && has_id
}

/// Where in `rest` JSON begins, parsed, and whether it is a record or data.
fn json_in<'m>(
    draft: &mut Draft<'m>,
    head: Option<&Head<'m>>,
    message: &'m str,
    rest: &'m str,
    tape: &mut Tape,
) -> Option<(usize, Place)> {
    let trimmed = rest.trim_end();
    if !trimmed.ends_with('}') {
        return None;
    }
    let opens_record = head.is_some_and(|head| head.opens_json);
    if opens_record && rest.starts_with('{') && tape.parse(rest).is_ok() {
        return Some((0, Place::Record));
    }
    if draft.is_lambda {
        if rest.len() == message.len()
            && let Some(at) = behind_gos_date(rest)
            && tape.parse(&rest[at..]).is_ok()
            && is_runtimes_report(tape, &rest[at..])
        {
            return Some((at, Place::Record));
        }
        if let Some((id, at)) = brefs(rest)
            && tape.parse(&rest[at..]).is_ok()
        {
            draft.record.severity_number.get_or_insert(severity::ERROR);
            draft.record.faas_invocation_id = Some(id);
            draft.fill(Slot::InvocationId, 0);
            draft.is_unhandled = true;
            return Some((at, Place::Raised));
        }
        if head.is_some_and(|head| head.form == Form::LevelTabs)
            && let Some(at) = repeated(draft, rest, tape)
        {
            return Some((at, Place::Raised));
        }
        let (sentences, separator): (&[&str], _) =
            if opens_record { (&NODE_SENTENCES, '\t') } else { (&RUBY_SENTENCES, '\n') };
        if let Some(at) = rest.find(separator).map(|at| at + 1)
            && (sentences.contains(&rest[..at].trim()) || !opens_record && is_rubys(&rest[..at]))
            && (opens_record || rest.len() == message.len())
            && tape.parse(&rest[at..]).is_ok()
        {
            draft.record.severity_number.get_or_insert(severity::ERROR);
            draft.is_unhandled = true;
            return Some((at, Place::Raised));
        }
    }
    let braces = memchr::memchr_iter(b'{', rest.as_bytes())
        .filter(|at| *at == 0 || matches!(rest.as_bytes()[at - 1], b' ' | b'\t' | b'\n'));
    braces.take(BRACES_TRIED_MAX).find(|at| tape.parse(&rest[*at..]).is_ok()).map(|at| (at, Place::Data))
}

/// Whether a line is what Ruby's runtime writes before the JSON of an error, some with the handler's name behind.
fn is_rubys(message: &str) -> bool {
    let sentence = message.trim_end();
    RUBY_SENTENCES.iter().any(|known| {
        sentence.strip_prefix(known).is_some_and(|rest| {
            rest.is_empty() || known.ends_with("handler") && rest.starts_with(' ') && !rest[1..].contains(' ')
        })
    })
}

/// The call of Bref's line for an error that nobody caught, and where its JSON begins: `<request id>\tInvoke Error\t{…}`.
fn brefs(text: &str) -> Option<(Cow<'_, str>, usize)> {
    const ID_BYTES: usize = 36;
    let id = ids::uuid(text.get(..ID_BYTES)?)?;
    let json = text[ID_BYTES..].strip_prefix("\tInvoke Error\t")?;
    Some((id, text.len() - json.len()))
}

/// Where JSON begins that says again what stands before it, as Bref's logger for Monolog writes: `ERROR\ttext\t{…}`. The text
/// may be a stranger's, who may repeat it: the object states no more than one within a message.
fn repeated<'m>(draft: &mut Draft<'m>, rest: &'m str, tape: &mut Tape) -> Option<usize> {
    let at = memchr::memmem::find(rest.as_bytes(), b"\t{")?;
    let (text, json) = (&rest[..at], &rest[at + 1..]);
    tape.parse(json).ok()?;
    let says = |name| tape.get(json, 0, name).and_then(|value| tape.string(json, value));
    let is_again = says("message").as_deref() == Some(text) && says("level") == draft.record.severity_text;
    is_again.then_some(at + 1)
}

/// Where JSON begins behind a prefix of the program's own and the date of Go's `log` package: `payments: 2026/11/21 08:42:53 {…}`.
fn behind_gos_date(text: &str) -> Option<usize> {
    /// To the second, and to the microsecond.
    const DATES_BYTES: [usize; 2] = ["2026/11/21 08:42:53 ".len(), "2026/11/21 08:42:53.429000 ".len()];
    const PREFIX_BYTES_MAX: usize = 128;
    let longest = PREFIX_BYTES_MAX + DATES_BYTES[1];
    let at = text.bytes().take(longest + 1).take_while(|byte| *byte != b'\n').position(|byte| byte == b'{')?;
    let is_date = |bytes: usize| {
        let date = text.get(at.checked_sub(bytes)?..)?;
        prefix::head(date).filter(|head| head.form == Form::GoLog && head.message_at == bytes)
    };
    DATES_BYTES.into_iter().find_map(is_date).map(|_| at)
}

/// Fills the columns of a request from a line of an access log, from Rails' log and from the execution log of API Gateway.
fn request<'m>(draft: &mut Draft<'m>, message: &'m str, rest: &'m str, of_rails: Option<&'m str>) {
    if let Some(access) = access::parse(message) {
        draft.offer_time(0, access.time_unix_nano);
        let record = &mut draft.record;
        record.http_request_method = Some(Cow::Borrowed(access.method));
        record.url_path = Some(Cow::Borrowed(access.path));
        record.http_response_status_code = i32::try_from(access.status).ok();
        if record.trace_id.is_none() {
            record.trace_id = access.trace.and_then(ids::trace_id);
        }
    } else if let Some(told) = of_rails.and_then(access::rails) {
        let record = &mut draft.record;
        record.http_request_method = told.method.map(Cow::Borrowed);
        record.url_path = told.path.map(Cow::Borrowed);
        record.http_response_status_code = told.status.and_then(|status| i32::try_from(status).ok());
    }
    if draft.record.aws_log_group.as_deref().is_some_and(|group| group.starts_with("API-Gateway-Execution-Logs"))
        && let Some(told) = access::execution(rest)
    {
        let record = &mut draft.record;
        record.trace_id = told.trace.and_then(ids::trace_id);
        record.http_request_method = told.method.map(Cow::Borrowed);
        // API Gateway names the resource here, which is the route.
        record.http_route = told.path.map(Cow::Borrowed);
        record.http_response_status_code = told.status.and_then(|status| i32::try_from(status).ok());
    }
}

/// Writes pairs as the JSON object that they are, numbers as numbers.
fn object_of(pairs: &[logfmt::Pair<'_>], out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    bytes.push(b'{');
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write_json_string(key, &mut bytes);
        bytes.push(b':');
        if is_number(value) || matches!(&**value, "true" | "false") {
            bytes.extend_from_slice(value.as_bytes());
        } else {
            write_json_string(value, &mut bytes);
        }
    }
    bytes.push(b'}');
    *out = String::from_utf8(bytes).unwrap_or_default();
}
