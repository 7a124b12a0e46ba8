//! One document in, its records out: what stands around the events, what each message says, what is hidden, and what is
//! cut because no Firehose record could hold it.
//!
//! It refuses to do I/O, to read a clock and to drop an event: a message that nothing understands is a record with a body.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::sync::LazyLock;
use std::sync::Mutex;

use memchr::memmem::Finder;
use transect_schema::{Record, SCHEMA_VERSION, disown_sample_rate};

use crate::attributes::{Writer, mark_mixed, mark_secrets};
use crate::decode::{Document, Event};
use crate::draft::{Authority, Draft, INNER_RANK, Layer, RECORD_RANK, RUNTIME_RANK};
use crate::json::{Kind, Tape, unescape_into};
use crate::keys::{KeyFacts, Keys, Roles, Slot};
use crate::limits::{CARRIERS_MAX, OBJECT_BYTES, OBJECTS_MAX, OBJECTS_MIN};
use crate::memo::Memo;
use crate::object::{
    Shape, aws_record, is_bare_record, is_event, is_of_a_logger, is_pythons_report, is_runtimes_report, is_thrown,
    own_places, span, walk, walk_wrapper,
};
use crate::redact::{Pattern, Redactor, redact_columns};
use crate::{carrier, colours, exception, ids, metric, oversize, platform, severity, text};

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
    /// What the last document's lines said of keys, which the next one's have as well. Who finds it taken works it out anew.
    roles: Mutex<Memo<KeyFacts>>,
}

/// Buffers that are reused from event to event.
#[derive(Default)]
struct Scratch {
    inner: String,
    tape: Tape,
    inner_tape: Tape,
    fields_tape: Tape,
    attributes: String,
    /// See [`Draft::extras`].
    extras: String,
    /// A text line without its colours, and the pairs of a line as the JSON object that they are.
    plain: String,
    pairs: String,
    /// What the lines before said of the keys that this one has as well, and what is said of those of its tapes.
    roles: Memo<KeyFacts>,
    facts: Vec<KeyFacts>,
    inner_facts: Vec<KeyFacts>,
}

/// What a document says of all of its events.
struct Context<'d> {
    origin: &'d Origin<'d>,
    document: Document<'d>,
    faas_name: Option<&'d str>,
    faas_version: Option<&'d str>,
    is_lambda: bool,
}

/// A line of an event, and what is known of it beside what it says.
struct Line<'e> {
    event: Event<'e>,
    text: &'e str,
    carried: &'e Opened,
    /// Rows of the event that were handed out before.
    rows: usize,
}

/// What carried a message, all carriers together.
#[derive(Default)]
struct Opened {
    /// The line within, where something carried it.
    line: Option<String>,
    /// When the outermost took it.
    time_unix_nano: Option<i64>,
    /// The level that one says of whatever it carries.
    level: Option<&'static str>,
    /// What else they say, as entries of the attributes.
    entries: String,
}

/// What came of a line.
struct Outcome<'e> {
    stats: Stats,
    rows: usize,
    /// A further object behind the one that was read.
    rest: Option<&'e str>,
}

/// How the JSON of a line stands in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the line, perhaps with a text behind it.
    Whole,
    /// It is the line, cut off.
    Cut,
    /// Behind what a runtime or a logger writes before a record.
    Record,
    /// Behind a runtime's own words about an error that nobody caught.
    Raised,
    /// The line is made of pairs, which are an object.
    Pairs,
    /// As `Pairs`, with words among them: a sentence that somebody put pairs into.
    Sentence,
    /// Behind free text: data of the message.
    Data,
}

impl Normalizer {
    /// Builds the tables of `options`.
    pub fn new(options: &Options) -> Normalizer {
        Normalizer {
            keys: Keys::new(&options.correlation_keys, &options.release_keys),
            redactor: options.redact.then(|| Redactor::new(&options.redact_keys, &options.redact_patterns)),
            roles: Mutex::default(),
        }
    }

    /// Calls `each` with every record of the document's events, in their order; each event gives at least one, whose
    /// `event_id` is the event's. Records derived from the same event follow it with `/1`, `/2`, … behind the id.
    pub fn normalize(&self, document: Document<'_>, origin: &Origin<'_>, each: &mut dyn FnMut(&Record<'_>)) -> Stats {
        let mut stats = Stats::default();
        let roles = self.roles.try_lock().map(|mut roles| std::mem::take(&mut *roles)).unwrap_or_default();
        let mut scratch = Scratch { roles, ..Scratch::default() };
        let stream = ids::lambda_stream(document.log_stream());
        let group_function = ids::lambda_group(document.log_group());
        let context = Context {
            origin,
            document,
            faas_name: stream.and_then(|(function, _)| function).or(group_function),
            faas_version: stream.map(|(_, version)| version),
            is_lambda: stream.is_some() || group_function.is_some(),
        };
        for event in document.events() {
            let mut counted = |record: &Record<'_>| {
                stats.records += 1;
                each(record);
            };
            let of_event = self.event(&context, event, &mut scratch, &mut counted);
            stats += of_event;
        }
        if let Ok(mut roles) = self.roles.try_lock() {
            *roles = scratch.roles;
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
        let mut stats = Stats { events: 1, ..Stats::default() };
        let marked = event.message.strip_prefix('\u{feff}').filter(|rest| rest.trim_start().starts_with('{'));
        let message = marked.unwrap_or(event.message);
        // In a function's stream only what begins so may be carried.
        let carried = match context.is_lambda && !message.starts_with('[') {
            true => Opened::default(),
            false => self.open(message, context.is_lambda, &mut scratch.tape, &mut stats.redacted),
        };
        let text = carried.line.as_deref().unwrap_or(message);
        // Rows are many times as long as the shortest object: what a line holds of them is bounded by its length.
        let objects_max = (text.len() / OBJECT_BYTES).clamp(OBJECTS_MIN, OBJECTS_MAX);
        let (mut rest, mut rows, mut objects) = (Some(text), 0, 0);
        while let Some(text) = rest {
            objects += 1;
            let line = Line { event, text, carried: &carried, rows };
            let outcome = self.line(context, &line, objects < objects_max, scratch, each);
            stats += outcome.stats;
            rows += outcome.rows;
            rest = outcome.rest;
        }
        stats
    }

    /// Opens what carries a message. In a function's stream that is PHP's process manager alone, once.
    fn open(&self, message: &str, is_lambda: bool, tape: &mut Tape, redacted: &mut u64) -> Opened {
        let mut opened = Opened::default();
        for _ in 0..if is_lambda { 1 } else { CARRIERS_MAX } {
            let text = opened.line.as_deref().unwrap_or(message);
            let carried = match is_lambda {
                true => carrier::process_manager(text),
                false => carrier::open(text, tape),
            };
            let Some(carried) = carried else { break };
            if let Some(token) = carried.token {
                tape.tokens[token].taken = true;
                self.entries(text, tape, &mut opened.entries, redacted);
            } else if tape.parse(&carried.object).is_ok() {
                self.entries(&carried.object, tape, &mut opened.entries, redacted);
            }
            opened.time_unix_nano = opened.time_unix_nano.or(carried.time_unix_nano);
            opened.level = opened.level.or(carried.level);
            opened.line = Some(carried.line);
        }
        if !is_lambda && let Some(decoded) = carrier::decoded(opened.line.as_deref().unwrap_or(message), tape) {
            opened.line = Some(decoded);
        }
        opened
    }

    /// Reads one line and hands out its rows. `is_open` says whether a further object behind the first is a line of its own.
    fn line<'e>(
        &self,
        context: &Context<'_>,
        line: &Line<'e>,
        is_open: bool,
        scratch: &mut Scratch,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Outcome<'e> {
        let Scratch {
            inner,
            tape,
            inner_tape,
            fields_tape,
            attributes,
            extras,
            plain,
            pairs,
            roles,
            facts,
            inner_facts,
        } = scratch;
        let roles = &mut Roles { keys: &self.keys, redactor: self.redactor.as_ref(), memo: roles };
        inner.clear();
        attributes.clear();
        attributes.push('{');
        let mut draft = Draft::new(base_record(context, line), context.is_lambda);
        draft.is_carried = line.carried.line.is_some();
        extras.clear();
        draft.extras = std::mem::take(extras);
        draft.offer_time(RUNTIME_RANK, line.carried.time_unix_nano);
        let mut stats = Stats::default();
        let redacted = &mut stats.redacted;
        let mut extracted = String::new();
        if let Some(fields) = line.event.extracted_fields {
            self.extracted_fields(fields, fields_tape, &mut draft, &mut extracted, redacted);
        }

        let object = object_at_start(roles, line.text, context.is_lambda, tape, facts);
        let (mut json, behind) = match object {
            Some((json, place, behind)) => (Some((json, place)), behind),
            None => (None, ""),
        };
        let is_alone = line.rows == 0 && behind.is_empty();
        let (rest, behind) = if is_open && behind.starts_with('{') { (Some(behind), "") } else { (None, behind) };
        if json.is_none() {
            let colourless: &str = match colours::strip_colours(line.text) {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => {
                    *plain = text;
                    plain
                }
            };
            json = text::line(&mut draft, colourless, tape, pairs);
            if let Some((json, _)) = json {
                roles.look_up(tape, json, facts);
            }
        }

        let redactor = self.redactor.as_ref();
        // Looked at once, and only if that is asked.
        let may_hold_line = LazyCell::new(|| redactor.is_some_and(|redactor| redactor.may_hold(line.text)));
        let mut directives = None;
        let mut suspect = false;
        if let Some((json, place)) = json {
            let layer = Layer { text: json, tape, facts, number: 0, authority: Authority::RECORD };
            let prefix_level = draft.record.severity_text.clone();
            let shape = Shape::of(layer, roles);
            let layer = Layer { authority: authority(&draft, roles, &shape, layer, place), ..layer };
            let mut taken = Vec::new();
            draft.version_is_release = shape.version_is_release && !shape.is_span;
            draft.status_is_level = shape.status_is_level;
            draft.priority_is_level = shape.priority_is_level;
            draft.at_is_level = place == Place::Pairs && first_key(layer) == Some("at");
            draft.form = shape.form;
            draft.is_unhandled |= context.is_lambda && place == Place::Whole && is_pythons_report(layer);
            match shape.platform {
                Some((kind, record)) if context.is_lambda && !draft.is_carried && place == Place::Whole => {
                    let own = Layer { authority: Authority::RECORD, ..layer };
                    taken = platform::json_line(&mut draft, own, kind, record);
                }
                _ if place == Place::Data => {}
                _ => {
                    if shape.metric_directives.is_some() && matches!(place, Place::Whole | Place::Record) {
                        directives = shape.metric_directives;
                        metric::mark_log(&mut draft, layer);
                    }
                    if shape.is_lambda_wrapper && context.is_lambda {
                        walk_wrapper(&mut draft, roles, layer);
                    } else {
                        walk(&mut draft, roles, layer, 0, RECORD_RANK);
                    }
                    if shape.has_own_places {
                        own_places(&mut draft, layer);
                    }
                    if !context.is_lambda {
                        aws_record(&mut draft, layer);
                    }
                    if shape.is_span {
                        taken.extend(span(&mut draft, roles, layer));
                    }
                }
            }
            let inner_value = if place == Place::Cut { None } else { draft.body_value() };
            let inner_kind = inner_value.map(|value| layer.kind(value));
            let mut has_inner_text = false;
            match inner_value {
                Some(value) if inner_kind == Some(Kind::Object) => {
                    let is_record = shape.is_lambda_wrapper && context.is_lambda;
                    let authority = authority_within(&draft, roles, layer, value, is_record);
                    walk(&mut draft, roles, Layer { authority, ..layer }, value, INNER_RANK);
                }
                Some(value) => {
                    unescape_into(layer.raw(value), inner);
                    if inner_tape.parse(inner).is_ok() {
                        has_inner_text = true;
                        roles.look_up(inner_tape, inner, inner_facts);
                        let authority = Authority::CARRIED;
                        let within = Layer { text: inner, tape: inner_tape, facts: inner_facts, number: 1, authority };
                        let authority = authority_within(&draft, roles, within, 0, false);
                        let outer_body = draft.take_body();
                        walk(&mut draft, roles, Layer { authority, ..within }, 0, INNER_RANK);
                        if !draft.is_filled(Slot::Body) {
                            draft.put_back(outer_body);
                        }
                        // Go's runtime writes by the `log` package, which a program may lead into a logger of its own.
                        if context.is_lambda
                            && matches!(draft.record.severity_number, None | Some(severity::INFO))
                            && is_runtimes_report(inner_tape, inner)
                            && is_bare_record(roles, layer)
                        {
                            draft.record.severity_number = Some(severity::ERROR);
                            draft.is_unhandled = true;
                        }
                    }
                }
                None => {}
            }
            draft.doubt_path();
            if layer.authority == Authority::ACCESS {
                draft.doubt_request();
            }
            // The level of a runtime's prefix gives way to the message's own, but is not lost.
            if let Some(level) = prefix_level
                && draft.record.severity_text.as_ref() != Some(&level)
            {
                platform::push_text(&mut draft.extras, "level", &level);
            }
            // Whether a message within the message was found, which then is the body.
            let inner_has_body = draft.body_is_inner();
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
                let mut mark = |tape: &mut Tape, text: &str, facts: &[KeyFacts]| {
                    let (replaced, any) = mark_secrets(tape, text, redactor, Some(facts));
                    *redacted += replaced;
                    suspect |= any;
                    replaced > 0 || any
                };
                mark(tape, json, facts);
                if has_inner_text && mark(inner_tape, inner, inner_facts) && !inner_has_body {
                    mark_mixed(inner_tape);
                    let body = self.whole(inner, inner_tape, 0, redacted);
                    draft.record.body = Some(Cow::Owned(body));
                }
            }
            mark_mixed(tape);
            if let Some(value) = inner_value
                && inner_kind == Some(Kind::Object)
                && !inner_has_body
            {
                draft.record.body = Some(Cow::Owned(self.whole(json, tape, value, redacted)));
            }
            if place == Place::Cut {
                // What was lost with the end of the line may have been said in what is left of it: all of that stays.
                draft.record.body = Some(Cow::Borrowed(json));
                suspect = true;
            }
            // Nobody caught an error that a runtime reports, and no level is in it.
            let is_raised = context.is_lambda
                && (place == Place::Record || place == Place::Whole && is_alone)
                && is_runtimes_report(tape, json);
            draft.is_behind_prefix = true;
            draft.is_unhandled |= is_raised;
            note_exception(&mut draft, behind);
            attributes.push_str(&self.extras(&draft, &may_hold_line, redacted));
            if place != Place::Cut {
                let writer = Writer { text: json, tape, redactor: self.redactor.as_ref(), whole: false };
                writer.entries(0, attributes, redacted);
            }
            if let (Some(value), true, true) = (inner_value, has_inner_text, inner_has_body) {
                mark_mixed(inner_tape);
                let start = attributes.len();
                let outer = Writer { text: json, tape, redactor: self.redactor.as_ref(), whole: false };
                outer.key(value - 1, attributes, redacted);
                attributes.push_str(":{");
                let entries = attributes.len();
                let writer = Writer { text: inner, tape: inner_tape, redactor: self.redactor.as_ref(), whole: false };
                writer.entries(0, attributes, redacted);
                if attributes.len() == entries {
                    attributes.truncate(start);
                } else {
                    attributes.pop();
                    attributes.push_str("},");
                }
            }
        } else {
            note_exception(&mut draft, "");
            attributes.push_str(&self.extras(&draft, &may_hold_line, redacted));
        }
        if let (Some(level), None, "log") =
            (line.carried.level, draft.record.severity_number, draft.record.signal.as_ref())
        {
            draft.record.severity_number = severity::from_name(level);
            draft.record.severity_text = Some(Cow::Borrowed(level));
        }
        *extras = std::mem::take(&mut draft.extras);
        attributes.push_str(&line.carried.entries);
        attributes.push_str(&extracted);
        if attributes.len() > 1 {
            attributes.pop();
            attributes.push('}');
            disown_sample_rate(attributes);
            draft.record.attributes = Some(Cow::Borrowed(attributes));
        }

        let record = &mut draft.record;
        // A stream that is named after a version is not shared by calls, whatever a line in it says.
        if record.faas_version.as_deref() == Some(ids::SHARED_VERSION) && context.faas_version.is_some() {
            record.faas_version = context.faas_version.map(Cow::Borrowed);
        }
        // What stands around the JSON of a line is text as well.
        let around = match json {
            Some((_, Place::Whole)) => behind,
            Some((json, Place::Record | Place::Raised | Place::Data)) => {
                line.text.trim_end().strip_suffix(json).unwrap_or(line.text)
            }
            _ => line.text,
        };
        if let Some(redactor) = &self.redactor
            && (suspect
                || has_colours(line.text.as_bytes())
                || if around.len() == line.text.len() { *may_hold_line } else { redactor.may_hold(around) }
                || record.exception_type.as_deref().is_some_and(|name| redactor.meaning(name).is_some()))
        {
            redact_columns(record, redactor, redacted);
        }

        let (mut rows, mut parts) = (0, 0);
        let each = &mut |record: &Record<'_>| {
            rows += 1;
            each(record);
        };
        let writer = json.map(|(json, _)| Writer { text: json, tape, redactor: self.redactor.as_ref(), whole: true });
        let metrics = directives
            .zip(writer.as_ref())
            .map(|(directives, writer)| metric::Plan::new(record, writer, directives, line.text.len()));
        let left = metrics.as_ref().map(metric::Plan::left_entry).unwrap_or_default();
        if !left.is_empty() {
            let entries = record.attributes.as_deref().and_then(|text| text.strip_prefix('{')).unwrap_or("}");
            let left = if entries == "}" { left.trim_end_matches(',') } else { &left };
            record.attributes = Some(Cow::Owned(format!("{{{left}{entries}")));
        }
        if oversize::may_be(record) && oversize::is(record) {
            // Of an object that was cut off, the marks do not reach the end.
            let marked = json.filter(|(_, place)| *place != Place::Cut).map(|(json, _)| (json, &*tape));
            let original = oversize::original(line.event.message, marked, self.redactor.as_ref());
            parts = oversize::split(record, &original, &(left + &extracted), each);
            stats.oversize = 1;
        } else {
            each(record);
        }
        if let Some(metrics) = metrics {
            metrics.rows(record, parts, each);
        }
        Outcome { stats, rows, rest }
    }

    /// Appends the entries of an object that are not taken, secrets replaced.
    fn entries(&self, text: &str, tape: &mut Tape, out: &mut String, redacted: &mut u64) {
        if let Some(redactor) = &self.redactor {
            *redacted += mark_secrets(tape, text, redactor, None).0;
        }
        mark_mixed(tape);
        Writer { text, tape, redactor: self.redactor.as_ref(), whole: false }.entries(0, out, redacted);
    }

    /// The entries that stand in no JSON of the message, secrets replaced.
    fn extras<'e>(
        &self,
        draft: &'e Draft<'_>,
        may_hold: &LazyCell<bool, impl FnOnce() -> bool>,
        redacted: &mut u64,
    ) -> Cow<'e, str> {
        let extras = &draft.extras;
        let Some(redactor) = self.redactor.as_ref().filter(|_| !extras.is_empty() && **may_hold) else {
            return Cow::Borrowed(extras);
        };
        let text = format!("{{{}}}", extras.trim_end_matches(','));
        let mut tape = Tape::default();
        if tape.parse(&text).is_err() {
            return Cow::Borrowed(extras);
        }
        *redacted += mark_secrets(&mut tape, &text, redactor, None).0;
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
            *redacted += mark_secrets(tape, fields, redactor, None).0;
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

/// Which columns the JSON of a line may fill.
fn authority(draft: &Draft<'_>, roles: &Roles<'_>, shape: &Shape, layer: Layer<'_, '_>, place: Place) -> Authority {
    let authority = match place {
        Place::Data => Authority::NOTHING,
        // The properties of an error are whatever a program or a service gave it.
        Place::Raised | Place::Sentence => Authority::CARRIED,
        Place::Record if draft.is_lambda && is_thrown(layer, 0) => Authority::CARRIED,
        // Spans are AWS's own in a group of their own; what looks like one elsewhere may be anybody's.
        _ if shape.is_span && draft.record.aws_log_group.as_deref() == Some(SPANS_GROUP) => Authority::RECORD,
        _ if shape.is_span => Authority::CARRIED,
        _ if shape.is_event && draft.is_lambda => Authority::EVENT,
        _ if shape.is_event => Authority::OWN_EVENT,
        // Pairs behind a level are a message, and so are those that begin with a key that no logger begins with.
        Place::Pairs if draft.is_filled(Slot::Level) => Authority::CARRIED,
        // Rails writes requests like that.
        Place::Pairs if first_key(layer) == Some("method") && !draft.is_lambda => Authority::ACCESS,
        Place::Pairs if !begins_as_a_logger(layer) => Authority::CARRIED,
        Place::Pairs if begins_with_a_level(layer) && !draft.is_lambda => Authority::RECORD,
        _ if shape.metric_directives.is_some() || is_of_a_logger(roles, layer, 0) => Authority::RECORD,
        Place::Whole | Place::Cut | Place::Pairs if !draft.is_lambda => Authority::ACCESS,
        _ => Authority::CARRIED,
    };
    if shape.has_no_severity { authority.without(&[Slot::Level, Slot::SeverityNumber]) } else { authority }
}

/// Whether the pairs of a line begin as a logger begins them: what a program prints behind a key of its own is what it was
/// sent (`q=shoes level=error`).
fn begins_as_a_logger(layer: Layer<'_, '_>) -> bool {
    const FIRST: [&str; 14] = [
        "time",
        "ts",
        "t",
        "timestamp",
        "@timestamp",
        "datetime",
        "level",
        "lvl",
        "severity",
        "@level",
        "at",
        "logger",
        "caller",
        "msg",
    ];
    first_key(layer).is_some_and(|key| FIRST.contains(&key))
}

/// Whether the pairs of a line begin with `at` and a level, as Heroku's and logfmter's do.
fn begins_with_a_level(layer: Layer<'_, '_>) -> bool {
    layer
        .tape
        .entries(0)
        .next()
        .is_some_and(|(key, value)| layer.raw(key) == "at" && severity::from_name(layer.raw(value)).is_some())
}

fn first_key<'m>(layer: Layer<'m, '_>) -> Option<&'m str> {
    layer.tape.entries(0).next().map(|(key, _)| layer.raw(key))
}

/// Which columns an object within the message may fill. Lambda's own wrapper hands through what a logger wrote.
fn authority_within(
    draft: &Draft<'_>,
    roles: &Roles<'_>,
    layer: Layer<'_, '_>,
    object: usize,
    is_record: bool,
) -> Authority {
    if is_event(layer, object) {
        return Authority::EVENT;
    }
    let is_record = is_record && !is_thrown(layer, object) && is_of_a_logger(roles, layer, object);
    draft.authority_within(if is_record { Authority::RECORD } else { Authority::CARRIED })
}

#[inline(always)]
fn base_record<'r>(context: &Context<'r>, line: &Line<'r>) -> Record<'r> {
    const NANO_PER_MS: i64 = 1_000_000;
    let event = line.event;
    let observed = event.timestamp_ms.map_or(context.origin.now_unix_nano, |ms| ms.saturating_mul(NANO_PER_MS));
    let text = |text: &'r str| (!text.is_empty()).then_some(Cow::Borrowed(text));
    let owner = context.document.owner();
    Record {
        time_unix_nano: observed,
        observed_time_unix_nano: observed,
        event_id: match line.rows {
            0 => Cow::Borrowed(event.id),
            rows => Cow::Owned(format!("{}/{rows}", event.id)),
        },
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

/// The object that a line begins with, how it stands in it, and the text behind it.
fn object_at_start<'e>(
    roles: &mut Roles<'_>,
    text: &'e str,
    is_lambda: bool,
    tape: &mut Tape,
    facts: &mut Vec<KeyFacts>,
) -> Option<(&'e str, Place, &'e str)> {
    let line = text;
    let text = text.trim_start();
    if !text.starts_with('{') || is_lambda && exception::is_javas_report(line) {
        return None;
    }
    match tape.parse_prefix(text.as_bytes(), 0) {
        Ok(end) => {
            let (json, behind) = (&text[..end], text[end..].trim());
            roles.look_up(tape, json, facts);
            let layer = Layer { text: json, tape, facts, number: 0, authority: Authority::RECORD };
            // `{} of 3 done` and `{…} is invalid` are sentences.
            let is_line = behind.is_empty() || (goes_on_as_a_record(behind) && is_of_a_logger(roles, layer, 0));
            is_line.then_some((json, Place::Whole, behind))
        }
        Err(_) if tape.parse_cut(text) => {
            roles.look_up(tape, text, facts);
            Some((text.trim_end(), Place::Cut, ""))
        }
        Err(_) => None,
    }
}

/// Whether what stands behind an object is another one or the exception that it tells of. Behind anything else the object is
/// what somebody put into a sentence.
fn goes_on_as_a_record(behind: &str) -> bool {
    let is_object = behind.strip_prefix('{').is_some_and(|inside| inside.trim_start().starts_with(['"', '}']));
    is_object || !behind.contains(char::is_alphanumeric) || exception::find(behind).is_some()
}

/// Notes the exception that the record states, the text behind it tells of, or its message. Text behind a record that is
/// no exception is kept as it came.
fn note_exception<'m>(draft: &mut Draft<'m>, behind: &'m str) {
    if draft.record.signal != "log" {
        return;
    }
    exception::complete(&mut draft.record);
    let is_open = |record: &Record<'_>| record.exception_type.is_none() && record.exception_stacktrace.is_none();
    let mut origin = None;
    if !behind.is_empty() {
        if is_open(&draft.record) {
            exception::fill(&mut draft.record, behind);
        }
        if draft.record.exception_stacktrace.as_deref() != Some(behind) {
            platform::push_text(&mut draft.extras, REST_ATTRIBUTE, behind);
        }
    }
    if is_open(&draft.record) && draft.record.event_name.is_none() {
        origin = exception::fill_from_body(&mut draft.record);
        if draft.is_lambda && is_printed(&draft.record) {
            origin = origin.map(|_| exception::Origin::Logged);
        }
    }
    if is_open(&draft.record)
        && let Some(text) = draft.full_text.take()
    {
        let mut told = Record { body: Some(text), ..Record::default() };
        exception::fill_from_body(&mut told);
        draft.record.exception_type = told.exception_type;
        draft.record.exception_message = told.exception_message;
        draft.record.exception_stacktrace = told.exception_stacktrace;
    }
    let is_printed = origin == Some(exception::Origin::Unhandled);
    let record = &mut draft.record;
    // In JSON mode Lambda's runtime for Java wraps its report as it wraps a message.
    let is_javas = || draft.is_lambda && record.body.as_deref().is_some_and(exception::is_javas_report);
    let is_unhandled = draft.is_unhandled || is_printed && (!draft.is_behind_prefix || is_javas());
    // What a runtime prints of an error that nobody caught states no level.
    if (is_printed || draft.is_unhandled) && record.severity_number.is_none() {
        record.severity_number = Some(severity::ERROR);
    }
    if is_unhandled {
        draft.extras.push_str(UNHANDLED_ENTRY);
    }
    if (record.exception_type.is_some() || origin.is_some()) && record.event_name.is_none() {
        record.event_name = Some(Cow::Borrowed("exception"));
    }
}

/// Whether a stack was printed by a function itself (`traceback.print_exc()`, `e.printStackTrace()`): Lambda's runtimes write
/// a line of their own before the stacks of Python and Java.
fn is_printed(record: &Record<'_>) -> bool {
    let (Some(body), Some(kind)) = (record.body.as_deref(), record.exception_type.as_deref()) else { return false };
    body.starts_with("Traceback (most recent call last):")
        || kind.contains('.') && body.starts_with(kind) && body.contains("\n\tat ")
}

/// Whether colours stand in the text: they part a key from its value, and are gone from the columns.
fn has_colours(text: &[u8]) -> bool {
    memchr::memchr2(0x1b, b'\\', text)
        .is_some_and(|at| memchr::memchr(0x1b, &text[at..]).is_some() || ESCAPED_COLOUR.find(&text[at..]).is_some())
}

/// How JSON writes the sign that begins a colour. The search is made once, not for every line.
static ESCAPED_COLOUR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u001b"));

/// Where Transaction Search writes the spans of an account.
const SPANS_GROUP: &str = "aws/spans";

/// The entry of the attributes of an error of which its runtime says that nobody caught it.
const UNHANDLED_ENTRY: &str = "\"transect.unhandled\":true,";

/// The attribute that holds what stands behind the record of a line and is none.
const REST_ATTRIBUTE: &str = "transect.rest";
