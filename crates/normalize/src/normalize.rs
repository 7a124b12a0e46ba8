//! One document in, its records out: what stands around the events, what each message says, what is hidden, and what is
//! cut because no Firehose record could hold it.
//!
//! It refuses to do I/O, to read a clock and to drop an event: a message that nothing understands is a record with a body.

use std::borrow::Cow;

use transect_schema::{Record, SCHEMA_VERSION};

use crate::attributes::{Writer, mark_mixed, mark_secrets};
use crate::decode::{Document, Event};
use crate::draft::{Draft, Layer};
use crate::json::{Kind, Tape, unescape_into};
use crate::keys::{Keys, Slot};
use crate::object::{Shape, span, walk};
use crate::redact::{Pattern, Redactor, redact_columns};
use crate::{ids, metric, oversize, platform, text};

/// The names under which `extractedFields` say where an event comes from.
pub(crate) const EXTRACTED_REGION: &str = "@aws.region";
const EXTRACTED_ACCOUNT: &str = "@aws.account";

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether secrets are replaced. On unless said otherwise.
    pub redact: bool,
    /// Further keys whose values are secrets, in any case and separator.
    pub redact_keys: Vec<String>,
    /// Further shapes of text that are secrets.
    pub redact_patterns: Vec<Pattern>,
    /// Keys that hold the application's own id, looked for before the built-in ones, the first first. A point goes
    /// into an object: `headers.order-id`.
    pub correlation_keys: Vec<String>,
    /// Keys that hold the release, looked for before the built-in ones, the first first.
    pub release_keys: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            redact: true,
            redact_keys: Vec::new(),
            redact_patterns: Vec::new(),
            correlation_keys: Vec::new(),
            release_keys: Vec::new(),
        }
    }
}

/// Where and when a document is read: what it does not say of itself.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'o> {
    /// Region, unless an event's `extractedFields` name one.
    pub region: &'o str,
    /// Account, where neither the document nor `extractedFields` name one.
    pub account: Option<&'o str>,
    /// Stands for the time of an event without a timestamp, in nanoseconds since 1970 UTC.
    pub now_unix_nano: i64,
}

/// What happened to a document's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Log events read.
    pub events: u64,
    /// Records handed out.
    pub records: u64,
    /// Secrets replaced.
    pub redacted: u64,
    /// Events cut into several records for their size.
    pub oversize: u64,
}

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Stats) {
        self.events += other.events;
        self.records += other.records;
        self.redacted += other.redacted;
        self.oversize += other.oversize;
    }
}

/// The tables of a configuration; made once, used for every document.
#[derive(Debug)]
pub struct Normalizer {
    keys: Keys,
    redactor: Option<Redactor>,
}

/// Buffers that are reused from event to event.
#[derive(Default)]
struct Scratch {
    inner: String,
    tape: Tape,
    inner_tape: Tape,
    fields_tape: Tape,
    attributes: String,
}

/// What a document says of all of its events.
struct Context<'d> {
    origin: &'d Origin<'d>,
    document: Document<'d>,
    faas_name: Option<&'d str>,
    faas_version: Option<&'d str>,
    is_lambda: bool,
}

impl Normalizer {
    /// Builds the tables of `options`.
    pub fn new(options: &Options) -> Normalizer {
        Normalizer {
            keys: Keys::new(&options.correlation_keys, &options.release_keys),
            redactor: options.redact.then(|| Redactor::new(&options.redact_keys, &options.redact_patterns)),
        }
    }

    /// Calls `each` with every record of the document's events, in their order; each event gives at least one, whose
    /// `event_id` is the event's. Records derived from the same event follow it with `/1`, `/2`, … behind the id.
    pub fn normalize(&self, document: Document<'_>, origin: &Origin<'_>, each: &mut dyn FnMut(&Record<'_>)) -> Stats {
        let mut stats = Stats::default();
        let mut scratch = Scratch::default();
        let stream = ids::lambda_stream(document.log_stream());
        let group_function = document.log_group().strip_prefix("/aws/lambda/").filter(|name| !name.is_empty());
        let context = Context {
            origin,
            document,
            faas_name: stream.and_then(|(function, _)| function).or(group_function),
            faas_version: stream.map(|(_, version)| version),
            is_lambda: stream.is_some() || group_function.is_some(),
        };
        for event in document.events() {
            stats.events += 1;
            let mut counted = |record: &Record<'_>| {
                stats.records += 1;
                each(record);
            };
            let outcome = self.event(&context, event, &mut scratch, &mut counted);
            stats.redacted += outcome.redacted;
            stats.oversize += outcome.oversize;
        }
        stats
    }

    fn event(
        &self,
        context: &Context<'_>,
        event: Event<'_>,
        scratch: &mut Scratch,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Stats {
        let Scratch { inner, tape, inner_tape, fields_tape, attributes } = scratch;
        inner.clear();
        attributes.clear();
        attributes.push('{');
        let message = event.message;
        let mut draft = Draft::new(base_record(context, event), context.is_lambda);
        let mut redacted = 0;
        let mut extracted = String::new();
        if let Some(fields) = event.extracted_fields {
            self.extracted_fields(fields, fields_tape, &mut draft, &mut extracted, &mut redacted);
        }

        // Where the JSON of the message stands, if there is any.
        let json = if message.trim_start().starts_with('{') && tape.parse(message).is_ok() {
            Some(message)
        } else {
            text_line(&mut draft, message, tape)
        };
        let mut metric_directives = None;
        let mut suspect = false;
        if let Some(json) = json {
            let layer = Layer { text: json, tape, number: 0 };
            let prefix_level = draft.record.severity_text.clone();
            let shape = Shape::of(layer);
            let mut taken = Vec::new();
            match shape.platform {
                Some((kind, record)) => taken = platform::json_line(&mut draft, layer, kind, record),
                None => {
                    if let Some(directives) = shape.metric_directives {
                        metric_directives = Some(directives);
                        metric::mark_log(&mut draft, layer);
                    }
                    walk(&mut draft, &self.keys, layer, 0);
                }
            }
            if shape.is_span {
                taken.extend(span(&mut draft, &self.keys, layer));
            }
            let inner_value = draft.body_value();
            let inner_kind = inner_value.map(|value| layer.kind(value));
            let mut has_inner_text = false;
            match inner_value {
                Some(value) if inner_kind == Some(Kind::Object) => walk(&mut draft, &self.keys, layer, value),
                Some(value) => {
                    unescape_into(layer.raw(value), inner);
                    if inner_tape.parse(inner).is_ok() {
                        has_inner_text = true;
                        walk(&mut draft, &self.keys, Layer { text: inner, tape: inner_tape, number: 1 }, 0);
                    }
                }
                None => {}
            }
            // The level of a runtime's prefix gives way to the message's own, but is not lost.
            if let Some(level) = prefix_level
                && draft.record.severity_text.as_ref() != Some(&level)
            {
                platform::push_text(&mut draft.extras, "level", &level);
            }
            // Whether a message within the message was found, which then is the body.
            let inner_has_body =
                draft.is_filled(Slot::Body) && !draft.is_open(Slot::Body, crate::draft::OUTER_RANK - 1);

            if inner_kind == Some(Kind::Object) && !inner_has_body {
                // The object itself becomes the body; what was found under a lesser key stays where it is.
                draft.fill(Slot::Body, 0);
            }
            for index in draft.taken(0).chain(taken) {
                tape.tokens[index].taken = true;
            }
            if has_inner_text {
                for index in draft.taken(1) {
                    inner_tape.tokens[index].taken = true;
                }
            }
            if let Some(value) = inner_value
                && (inner_kind == Some(Kind::Object)) != inner_has_body
            {
                // The object itself is the body, or a string of which the rest is written below.
                tape.tokens[value].taken = true;
            }
            if let Some(redactor) = &self.redactor {
                let mut mark = |tape: &mut Tape, text: &str| {
                    let (replaced, any) = mark_secrets(tape, text, redactor);
                    redacted += replaced;
                    suspect |= any;
                    replaced > 0 || any
                };
                mark(tape, json);
                if has_inner_text && mark(inner_tape, inner) && !inner_has_body {
                    mark_mixed(inner_tape);
                    let body = self.whole(inner, inner_tape, 0, &mut redacted);
                    draft.record.body = Some(Cow::Owned(body));
                }
            }
            mark_mixed(tape);
            if let Some(value) = inner_value
                && inner_kind == Some(Kind::Object)
                && !inner_has_body
            {
                draft.record.body = Some(Cow::Owned(self.whole(json, tape, value, &mut redacted)));
            }
            attributes.push_str(&self.extras(&draft, message, &mut redacted));
            let writer = Writer { text: json, tape, redactor: self.redactor.as_ref(), whole: false };
            writer.entries(0, attributes, &mut redacted);
            if let (Some(value), true, true) = (inner_value, has_inner_text, inner_has_body) {
                mark_mixed(inner_tape);
                let start = attributes.len();
                let outer = Writer { text: json, tape, redactor: self.redactor.as_ref(), whole: false };
                outer.key(value - 1, attributes, &mut redacted);
                attributes.push_str(":{");
                let entries = attributes.len();
                let writer = Writer { text: inner, tape: inner_tape, redactor: self.redactor.as_ref(), whole: false };
                writer.entries(0, attributes, &mut redacted);
                if attributes.len() == entries {
                    attributes.truncate(start);
                } else {
                    attributes.pop();
                    attributes.push_str("},");
                }
            }
        } else {
            attributes.push_str(&self.extras(&draft, message, &mut redacted));
        }
        attributes.push_str(&extracted);
        if attributes.len() > 1 {
            attributes.pop();
            attributes.push('}');
            draft.record.attributes = Some(Cow::Borrowed(attributes));
        }

        let record = &mut draft.record;
        if record.signal == "log" {
            text::complete_exception(record);
            if record.exception_type.is_some() && record.event_name.is_none() {
                record.event_name = Some(Cow::Borrowed("exception"));
            }
        }
        // What stands before the JSON of a message is text as well.
        let head = json.map_or(message, |json| message.get(..message.len() - json.len()).unwrap_or(message));
        if let Some(redactor) = &self.redactor
            && (suspect || redactor.may_hold(head))
        {
            redact_columns(record, redactor, &mut redacted);
        }

        let mut derived = 0;
        let mut oversize = 0;
        if oversize::may_be(record) && oversize::is(record) {
            let original = match json {
                // Only all of the message can be rewritten token by token; a prefix before it is text.
                Some(json) if json.len() == message.len() => Cow::Owned(self.whole(json, tape, 0, &mut 0)),
                _ => match &self.redactor {
                    Some(redactor) => redactor.redact_text(message, false, false, &mut 0),
                    None => Cow::Borrowed(message),
                },
            };
            derived = oversize::split(record, &original, each);
            oversize = 1;
        } else {
            each(record);
        }
        if let (Some(directives), Some(json)) = (metric_directives, json) {
            let writer = Writer { text: json, tape, redactor: self.redactor.as_ref(), whole: true };
            metric::samples(record, &writer, directives, derived, each);
        }
        Stats { redacted, oversize, ..Stats::default() }
    }

    /// The entries that stand in no JSON of the message, secrets replaced.
    fn extras<'e>(&self, draft: &'e Draft<'_>, message: &str, redacted: &mut u64) -> Cow<'e, str> {
        let extras = &draft.extras;
        let Some(redactor) = self.redactor.as_ref().filter(|redactor| !extras.is_empty() && redactor.may_hold(message))
        else {
            return Cow::Borrowed(extras);
        };
        let text = format!("{{{}}}", extras.trim_end_matches(','));
        let mut tape = Tape::default();
        if tape.parse(&text).is_err() {
            return Cow::Borrowed(extras);
        }
        *redacted += mark_secrets(&mut tape, &text, redactor).0;
        mark_mixed(&mut tape);
        let mut out = String::new();
        Writer { text: &text, tape: &tape, redactor: Some(redactor), whole: true }.entries(0, &mut out, redacted);
        Cow::Owned(out)
    }

    /// The whole value as JSON text, secrets replaced.
    fn whole(&self, text: &str, tape: &Tape, value: usize, redacted: &mut u64) -> String {
        let mut out = String::new();
        Writer { text, tape, redactor: self.redactor.as_ref(), whole: true }.value(None, value, &mut out, redacted);
        out
    }

    /// Takes account and region from the fields that a subscription extracted and renders the others.
    fn extracted_fields(
        &self,
        fields: &str,
        tape: &mut Tape,
        draft: &mut Draft<'_>,
        out: &mut String,
        redacted: &mut u64,
    ) {
        if tape.parse(fields).is_err() {
            return;
        }
        for (name, column) in [
            (EXTRACTED_ACCOUNT, &mut draft.record.cloud_account_id),
            (EXTRACTED_REGION, &mut draft.record.cloud_region),
        ] {
            if let Some(value) = tape.get(fields, 0, name)
                && let Some(text) = tape.string(fields, value).filter(|text| !text.is_empty())
            {
                *column = Some(Cow::Owned(text.into_owned()));
                tape.tokens[value].taken = true;
            }
        }
        if let Some(redactor) = &self.redactor {
            *redacted += mark_secrets(tape, fields, redactor).0;
        }
        mark_mixed(tape);
        let writer = Writer { text: fields, tape, redactor: self.redactor.as_ref(), whole: false };
        out.push_str("\"extractedFields\":");
        let start = out.len();
        writer.value(None, 0, out, redacted);
        out.push(',');
        if out.len() == start + "{},".len() {
            out.clear();
        }
    }
}

#[inline(always)]
fn base_record<'r>(context: &Context<'r>, event: Event<'r>) -> Record<'r> {
    const NANO_PER_MS: i64 = 1_000_000;
    let observed = event.timestamp_ms.map_or(context.origin.now_unix_nano, |ms| ms.saturating_mul(NANO_PER_MS));
    let text = |text: &'r str| (!text.is_empty()).then_some(Cow::Borrowed(text));
    let owner = context.document.owner();
    Record {
        time_unix_nano: observed,
        observed_time_unix_nano: observed,
        event_id: Cow::Borrowed(event.id),
        signal: Cow::Borrowed("log"),
        cloud_account_id: text(owner).or_else(|| context.origin.account.and_then(text)),
        cloud_region: text(context.origin.region),
        faas_name: context.faas_name.and_then(text),
        faas_version: context.faas_version.and_then(text),
        aws_log_group: text(context.document.log_group()),
        aws_log_stream: text(context.document.log_stream()),
        schema_version: SCHEMA_VERSION,
        ..Record::default()
    }
}

/// The record for a row that is derived from it: what tells of the event's outcome stands once, in the first.
pub(crate) fn without_outcome<'r>(record: &Record<'r>) -> Record<'r> {
    Record {
        severity_number: None,
        severity_text: None,
        status_code: None,
        status_message: None,
        duration_nano: None,
        exception_type: None,
        exception_message: None,
        exception_stacktrace: None,
        http_response_status_code: None,
        ..record.clone()
    }
}

/// Reads a message that is no JSON object. Returns the object that stands at its end, parsed, if there is one.
fn text_line<'m>(draft: &mut Draft<'m>, message: &'m str, tape: &mut Tape) -> Option<&'m str> {
    let rest = text::line(draft, message);
    // Node prints an error as a word, a tab and its JSON: `Invoke Error \t{…}`.
    let start =
        if rest.starts_with('{') { Some(0) } else { memchr::memmem::find(rest.as_bytes(), b"\t{").map(|tab| tab + 1) };
    if let Some(start) = start.filter(|start| *start > 0 || rest.len() < message.len())
        && draft.record.event_name.is_none()
        && tape.parse(&rest[start..]).is_ok()
    {
        let head = rest[..start].trim();
        draft.record.body = (!head.is_empty()).then_some(Cow::Borrowed(head));
        return Some(&rest[start..]);
    }
    text::exception_in(&mut draft.record, rest);
    None
}
