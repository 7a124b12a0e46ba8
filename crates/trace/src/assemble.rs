//! Puts the records of a request together into a tree of spans. Pure: records in, tree out.
//!
//! Each record stands at one span, and each span at one place. It refuses to guess a parent: what names one that nothing
//! else tells of hangs below a span that says so.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use transect_schema::{SEVERITY_ERROR, SPAN_IN_PROGRESS};

use crate::closure::{Event, Window};
use crate::links::links_of;
use crate::span::{Mark, Span, SpanSource, Status, Tree};

/// No Lambda invocation runs longer.
const INVOCATION_NANO_MAX: i64 = 900 * 1_000_000_000;
/// What has no end and has told of itself since its start, but not for so long, was cut off: who waits says so every half hour.
const SILENCE_NANO_MAX: i64 = 2_700 * 1_000_000_000;
/// What X-Ray calls the service of spans below the first of a service.
const UNKNOWN_SERVICE: &str = "UnknownService";
const END_TIME: &str = "endTimeUnixNano";

/// What stands around the records.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// The clock; nanoseconds since 1970.
    pub now_unix_nano: i64,
    /// Whether a region did not answer.
    pub is_region_missing: bool,
    /// Whether a bound cut records off: what has no end may have lost it to that.
    pub is_truncated: bool,
    /// The times that were looked at; all if there are none.
    pub looked: Vec<Window>,
}

impl Circumstances {
    /// Until when anything that came after this time would have been seen.
    pub(crate) fn seen_until(&self, time: i64) -> i64 {
        let around = self.looked.iter().find(|window| window.holds(time));
        around.map_or(self.now_unix_nano, |window| window.until_unix_nano.min(self.now_unix_nano))
    }
}

/// Where each of the records belongs, and the tree of it.
pub(crate) fn assemble(events: &[Event], circumstances: &Circumstances) -> Tree {
    let mut assembly = Assembly { events, ..Assembly::default() };
    assembly.take_spans();
    assembly.take_invocations();
    assembly.take_unrecorded_spans();
    assembly.find_parents();
    assembly.take_the_rest();
    assembly.break_cycles();
    assembly.finish(circumstances)
}

type SpanKey<'e> = (&'e str, &'e str);

#[derive(Default)]
struct Assembly<'e> {
    events: &'e [Event],
    spans: Vec<Span>,
    notes: Vec<String>,
    /// By trace and span id; an invocation may go by several. Of several spans with one id the one that was called.
    by_id: HashMap<SpanKey<'e>, usize>,
    /// All spans of an id that several share.
    sharing: HashMap<SpanKey<'e>, Vec<usize>>,
    /// The spans of each invocation: one for each attempt.
    by_invocation: HashMap<&'e str, Vec<usize>>,
    /// What each span's own release is stated as: a mapping or a version is outdone by an application's statement.
    is_release_stated: HashSet<usize>,
    /// The span of each record.
    place: Vec<Option<usize>>,
}

fn text<'e>(value: &'e Option<Cow<'static, str>>) -> Option<&'e str> {
    value.as_deref().filter(|value| !value.is_empty())
}

fn owned(value: &Option<Cow<'static, str>>) -> Option<String> {
    text(value).map(str::to_owned)
}

fn is_span(event: &Event) -> bool {
    event.record.signal == "span"
}

/// A record of Lambda's own on one invocation.
fn platform(event: &Event) -> Option<&str> {
    event.record.event_name.as_deref().and_then(|name| name.strip_prefix("platform."))
}

/// Whether a record tells of a failure. A log below a span counts, and so do Lambda's own words.
pub(crate) fn is_error(event: &Event) -> bool {
    let failed = event.record.status_code.as_deref() == Some("ERROR");
    match is_span(event) {
        true => failed,
        false => {
            event.record.severity_number.is_some_and(|number| number >= SEVERITY_ERROR)
                || failed && platform(event).is_some()
        }
    }
}

/// Whether a log record is counted as an error, as the view `traces` does it: of Lambda's own records the report alone,
/// because others say the same.
pub(crate) fn is_counted_error(event: &Event) -> bool {
    is_error(event) && platform(event).is_none_or(|name| name == "report" || event.record.severity_number.is_some())
}

fn status(code: Option<&str>) -> Status {
    match code {
        Some("ERROR") => Status::Error,
        Some("OK") => Status::Ok,
        _ => Status::Unset,
    }
}

impl<'e> Assembly<'e> {
    /// Recorded spans. Two copies of one are one, and the one that has ended counts.
    fn take_spans(&mut self) {
        let events = self.events;
        self.place = vec![None; events.len()];
        let mut copies: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, event) in events.iter().enumerate().filter(|(_, event)| is_span(event)) {
            let record = &event.record;
            let key = (text(&record.trace_id).unwrap_or_default(), text(&record.span_id).unwrap_or(&record.event_id));
            copies.entry(key).or_default().push(index);
        }
        for (key, copies) in copies {
            let told_apart = told_apart(events, &copies);
            let numbers: Vec<usize> = told_apart.into_iter().map(|copies| self.take_span(copies)).collect();
            let called =
                numbers.iter().find(|number| side(self.spans[**number].span_kind.as_deref()) == Some(Side::Called));
            if let Some(number) = called.or(numbers.first()) {
                self.by_id.insert(key, *number);
            }
            if numbers.len() > 1 {
                self.sharing.insert(key, numbers);
            }
        }
        if !self.sharing.is_empty() {
            let count = self.sharing.len();
            let ids = if count == 1 { "1 id names".to_owned() } else { format!("{count} ids name") };
            self.notes.push(format!(
                "{ids} more than one span: what was called stands below its caller, as B3 has it, and others stand side by side"
            ));
        }
    }

    /// A span of which these are copies; its place.
    fn take_span(&mut self, mut copies: Vec<usize>) -> usize {
        let events = self.events;
        // The best one first: it has ended, and was written last.
        let is_open = |index: &usize| events[*index].record.event_name.as_deref() == Some(SPAN_IN_PROGRESS);
        copies.sort_by_key(|index| {
            let record = &events[*index].record;
            (is_open(index), std::cmp::Reverse((record.observed_time_unix_nano, record.event_id.as_ref())))
        });
        let number = self.spans.len();
        let mut span = Span { source: SpanSource::Span, ..Span::default() };
        let (best, others) = (&events[copies[0]], &copies[1..]);
        span.start_unix_nano = best.record.time_unix_nano;
        if !is_open(&copies[0]) {
            let duration = best.record.duration_nano.unwrap_or(0);
            if duration < 0 || duration == 0 && ends_before(best) {
                span.mark(Mark::DurationClamped);
            }
            span.end_unix_nano = Some(span.start_unix_nano.saturating_add(duration.max(0)));
        }
        for copy in std::iter::once(best).chain(others.iter().map(|index| &events[*index])) {
            fill(&mut span, copy);
            if span.links.is_empty() {
                span.links = links_of(copy);
            }
        }
        span.status = status(best.record.status_code.as_deref());
        if best.record.service_version.is_some() {
            self.is_release_stated.insert(number);
        }
        copies.iter().for_each(|index| self.place[*index] = Some(number));
        self.spans.push(span);
        number
    }

    /// The span of an id: of several the one of this service.
    fn of_id(&self, key: &(&str, &str), service: Option<&str>) -> Option<usize> {
        let same = |number: &&usize| service.is_some() && self.spans[**number].service_name.as_deref() == service;
        let of_service = self.sharing.get(key).and_then(|numbers| numbers.iter().find(same));
        of_service.or(self.by_id.get(key)).copied()
    }

    /// What called a span that has the id of its caller.
    fn caller_of(&self, number: usize) -> Option<usize> {
        let span = &self.spans[number];
        let key = (span.trace_id.as_deref()?, span.span_id.as_deref()?);
        let numbers = self.sharing.get(&key).filter(|_| side(span.span_kind.as_deref()) == Some(Side::Called))?;
        let calls = |other: &&usize| side(self.spans[**other].span_kind.as_deref()) == Some(Side::Calling);
        numbers.iter().find(calls).copied()
    }

    /// Invocations: a recorded span covers each attempt, or the attempt becomes a span.
    fn take_invocations(&mut self) {
        let events = self.events;
        let mut invocations: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            if let Some(id) = text(&event.record.faas_invocation_id) {
                let (records, spans) = invocations.entry(id).or_default();
                if is_span(event) { spans.push(index) } else { records.push(index) }
            }
        }
        for (id, (records, spans)) in invocations {
            let mut recorded: Vec<usize> = spans.iter().filter_map(|index| self.place[*index]).collect();
            recorded.sort_unstable();
            recorded.dedup();
            let attempts = attempts(events, &records);
            let outermost = self.outermost(&recorded);
            if attempts.is_empty() {
                self.by_invocation.insert(id, outermost);
                continue;
            }
            let mut free: Vec<usize> = outermost;
            let count = attempts.len();
            let mut numbers = Vec::with_capacity(count);
            for (attempt, records) in (1_u32..).zip(attempts) {
                let covering = self.covering(&records, &mut free, count);
                let number = self.take_attempt(id, &records, covering);
                if count > 1 {
                    self.spans[number].attempt = Some((attempt, u32::try_from(count).unwrap_or(u32::MAX)));
                }
                numbers.push(number);
            }
            self.by_invocation.insert(id, numbers);
        }
    }

    /// Those of an invocation's spans that are below none of the others, in the order of their start.
    fn outermost(&self, spans: &[usize]) -> Vec<usize> {
        let ids: HashSet<(Option<&str>, Option<&str>)> = spans
            .iter()
            .map(|number| (self.spans[*number].trace_id.as_deref(), self.spans[*number].span_id.as_deref()))
            .collect();
        let is_inner = |number: &&usize| {
            let span = &self.spans[**number];
            span.parent_span_id.is_some()
                && span.parent_span_id != span.span_id
                && ids.contains(&(span.trace_id.as_deref(), span.parent_span_id.as_deref()))
        };
        let mut outer: Vec<usize> = spans.iter().filter(|number| !is_inner(number)).copied().collect();
        if outer.is_empty() {
            outer = spans.to_vec();
        }
        outer.sort_by_key(|number| (self.spans[*number].start_unix_nano, *number));
        outer
    }

    /// The recorded span of an attempt: the one that Lambda's own records name, else the next one of the invocation.
    fn covering(&self, records: &[usize], free: &mut Vec<usize>, attempts: usize) -> Option<usize> {
        let named = records.iter().filter(|index| platform(&self.events[**index]).is_some()).find_map(|index| {
            let record = &self.events[*index].record;
            let key = (text(&record.trace_id)?, text(&record.span_id)?);
            self.by_id.get(&key).copied().filter(|number| self.spans[*number].source == SpanSource::Span)
        });
        let found = named.or_else(|| {
            let times = records.iter().map(|index| self.events[*index].record.time_unix_nano);
            let (first, last) = (times.clone().min()?, times.max()?);
            let overlaps = |number: &&usize| {
                let span = &self.spans[**number];
                span.start_unix_nano <= last && span.end_unix_nano.is_none_or(|end| end >= first)
            };
            // With one attempt there is no doubt which one it is, whatever the clocks say.
            free.iter().find(|number| attempts == 1 || overlaps(number)).copied()
        });
        if let Some(number) = found {
            free.retain(|other| *other != number);
        }
        found
    }

    fn take_attempt(&mut self, id: &'e str, records: &[usize], covering: Option<usize>) -> usize {
        let events = self.events;
        let of = |index: &usize| &events[*index];
        let is = |index: &&usize, names: &[&str]| platform(of(index)).is_some_and(|name| names.contains(&name));
        let start = records.iter().find(|index| is(index, &["start"])).map(of);
        let ends: Vec<&Event> =
            records.iter().filter(|index| is(index, &["report", "end", "runtimeDone"])).map(of).collect();
        let report = ends.iter().copied().find(|event| platform(event) == Some("report"));

        let number = covering.unwrap_or(self.spans.len());
        let mut span = match covering {
            Some(number) => std::mem::take(&mut self.spans[number]),
            None => Span { source: SpanSource::Invocation, ..Span::default() },
        };
        if covering.is_none() {
            let duration = report.and_then(|event| event.record.duration_nano);
            let first = records.first().map_or(0, |index| of(index).record.time_unix_nano);
            span.start_unix_nano = match (start, report, duration) {
                (Some(start), ..) => start.record.time_unix_nano,
                (None, Some(report), Some(duration)) => {
                    first.min(report.record.time_unix_nano.saturating_sub(duration))
                }
                _ => first,
            };
            span.end_unix_nano = match duration {
                Some(duration) if duration < 0 => {
                    span.mark(Mark::DurationClamped);
                    Some(span.start_unix_nano)
                }
                Some(duration) => Some(span.start_unix_nano.saturating_add(duration)),
                None => ends.iter().map(|event| event.record.time_unix_nano.max(span.start_unix_nano)).max(),
            };
        }
        // Lambda's own records tell the ids of the span and of the one above; those of the application may be of spans
        // within.
        let own: Vec<&usize> = records.iter().filter(|index| platform(of(index)).is_some()).collect();
        for event in own.iter().map(|index| of(index)) {
            let record = &event.record;
            span.trace_id = span.trace_id.or_else(|| owned(&record.trace_id));
            span.span_id = span.span_id.or_else(|| owned(&record.span_id));
            span.parent_span_id = span.parent_span_id.or_else(|| owned(&record.parent_span_id));
            span.faas_name = span.faas_name.or_else(|| owned(&record.faas_name));
            span.faas_version = span.faas_version.or_else(|| owned(&record.faas_version));
            span.faas_coldstart = span.faas_coldstart.or(record.faas_coldstart);
            span.cloud_region = span.cloud_region.or_else(|| owned(&record.cloud_region));
        }
        for event in records.iter().map(of) {
            let record = &event.record;
            span.trace_id = span.trace_id.or_else(|| owned(&record.trace_id));
            span.faas_name = span.faas_name.or_else(|| owned(&record.faas_name));
            span.faas_version = span.faas_version.or_else(|| owned(&record.faas_version));
            span.faas_coldstart = span.faas_coldstart.or(record.faas_coldstart);
            span.cloud_region = span.cloud_region.or_else(|| owned(&record.cloud_region));
            if platform(event).is_some() && record.status_code.as_deref() == Some("ERROR") {
                span.status = Status::Error;
                span.status_message = span.status_message.or_else(|| owned(&record.status_message));
            }
        }
        span.faas_invocation_id = Some(id.to_owned());
        span.span_name = span.span_name.or_else(|| span.faas_name.clone());
        // Of most records: one may be on another service that was called.
        let stated = most_frequent(records.iter().filter_map(|index| service(of(index))));
        span.service_name = span.service_name.or(stated).or_else(|| span.faas_name.clone());
        let of_service = |event: &&Event| service(event).is_none_or(|name| Some(name) == span.service_name.as_deref());
        let release = most_frequent(
            records.iter().map(of).filter(of_service).filter_map(|event| text(&event.record.service_version)),
        );
        if !self.is_release_stated.contains(&number) {
            let mapped = || most_frequent(own.iter().filter_map(|index| of(index).release.as_deref()));
            let any = || most_frequent(records.iter().filter_map(|index| of(index).release.as_deref()));
            if release.is_some() {
                self.is_release_stated.insert(number);
            }
            span.release = release.or_else(mapped).or(span.release).or_else(any);
        }
        // A trace in which nothing but another id of the segment is named as a parent still hangs together.
        for index in own {
            let record = &of(index).record;
            if let (Some(trace), Some(id)) = (text(&record.trace_id), text(&record.span_id)) {
                self.by_id.entry((trace, id)).or_insert(number);
            }
        }
        match covering {
            Some(number) => self.spans[number] = span,
            None => self.spans.push(span),
        }
        for index in records {
            self.place[*index] = self.place[*index].or(Some(number));
        }
        number
    }

    /// Spans that were not recorded, but that records carry the id of. A record of an invocation stays with it.
    fn take_unrecorded_spans(&mut self) {
        let events = self.events;
        let covers: HashSet<usize> = self.by_invocation.values().flatten().copied().collect();
        for (index, event) in events.iter().enumerate().filter(|(_, event)| !is_span(event)) {
            let record = &event.record;
            let (Some(trace), Some(id)) = (text(&record.trace_id), text(&record.span_id)) else { continue };
            match (self.of_id(&(trace, id), service(event)), self.place[index]) {
                (Some(number), None) => self.place[index] = Some(number),
                // Of a span within the invocation; what covers an invocation is no nearer than the record's own.
                (Some(number), Some(_)) if platform(event).is_none() && !covers.contains(&number) => {
                    self.place[index] = Some(number);
                }
                (Some(_), Some(_)) | (None, Some(_)) => {}
                (None, None) => {
                    let number = self.spans.len();
                    self.by_id.insert((trace, id), number);
                    self.place[index] = Some(number);
                    self.spans.push(of_record(event));
                }
            }
        }
    }

    fn find_parents(&mut self) {
        let events = self.events;
        let mut missing: HashMap<(String, String), usize> = HashMap::new();
        for number in 0..self.spans.len() {
            if let Some(caller) = self.caller_of(number) {
                self.spans[number].parent = Some(caller);
                continue;
            }
            let span = &self.spans[number];
            let named = span.trace_id.as_deref().zip(span.parent_span_id.as_deref());
            let above = named.and_then(|key| self.of_id(&key, span.service_name.as_deref()));
            if let Some(above) = above.filter(|above| *above != number) {
                self.spans[number].parent = Some(above);
                continue;
            }
            let names_itself = above == Some(number);
            // An invocation that begins a trace does that; of another span it is a circle of one.
            if names_itself && span.source == SpanSource::Span && span.faas_invocation_id.is_none() {
                let name = span.span_id.as_deref().unwrap_or_default();
                self.notes.push(format!("span {name} names itself as its parent; it was put on top"));
                self.spans[number].mark(Mark::CycleBroken);
                continue;
            }
            // Within an invocation: below what covers it.
            let span = &self.spans[number];
            let of_invocation = span.faas_invocation_id.as_deref().and_then(|id| self.by_invocation.get(id));
            let start = span.start_unix_nano;
            let around = of_invocation.filter(|numbers| !numbers.contains(&number)).and_then(|numbers| {
                let begun = numbers.iter().rev().find(|other| self.spans[**other].start_unix_nano <= start);
                begun.or(numbers.first()).copied()
            });
            if around.is_some() || names_itself {
                self.spans[number].parent = around;
                continue;
            }
            let Some((trace, id)) = named.map(|(trace, id)| (trace.to_owned(), id.to_owned())) else { continue };
            let fresh = self.spans.len();
            let above = *missing.entry((trace.clone(), id.clone())).or_insert(fresh);
            if above == fresh {
                let mut span = Span {
                    source: SpanSource::Missing,
                    trace_id: Some(trace),
                    span_id: Some(id),
                    start_unix_nano: i64::MAX,
                    end_unix_nano: Some(i64::MIN),
                    ..Span::default()
                };
                span.mark(Mark::ParentNotSeen);
                self.spans.push(span);
            }
            self.spans[number].parent = Some(above);
            let last = self.spans[number].last_unix_nano(events);
            let above = &mut self.spans[above];
            above.start_unix_nano = above.start_unix_nano.min(start);
            above.end_unix_nano = above.end_unix_nano.max(Some(last));
        }
        // Attempts stand side by side, wherever one of them belongs.
        for numbers in self.by_invocation.values().filter(|numbers| numbers.len() > 1) {
            let above = numbers.iter().find_map(|number| self.spans[*number].parent);
            for number in numbers {
                if self.spans[*number].parent.is_none() && above != Some(*number) {
                    self.spans[*number].parent = above;
                }
            }
        }
    }

    /// Records that have a trace or a correlation, and nothing else.
    fn take_the_rest(&mut self) {
        let events = self.events;
        let mut first_of_trace: HashMap<String, usize> = HashMap::new();
        let mut first_of_region: HashMap<(String, String), usize> = HashMap::new();
        let mut of_service: HashMap<(String, String, String), Vec<usize>> = HashMap::new();
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_by_key(|number| {
            let span = &self.spans[*number];
            // A recorded span before one that nothing tells of.
            (span.parent.is_some(), span.source == SpanSource::Missing, span.start_unix_nano, *number)
        });
        for number in order {
            let span = &self.spans[number];
            let Some(trace) = span.trace_id.clone() else { continue };
            first_of_trace.entry(trace.clone()).or_insert(number);
            if let Some(region) = &span.cloud_region {
                first_of_region.entry((trace.clone(), region.clone())).or_insert(number);
            }
            if let (Some(service), Some(region)) = (&span.service_name, &span.cloud_region) {
                of_service.entry((trace, region.clone(), service.clone())).or_default().push(number);
            }
        }
        let mut loose: BTreeMap<[&str; 4], usize> = BTreeMap::new();
        for (index, event) in
            events.iter().enumerate().filter(|(index, _)| self.place[*index].is_none()).collect::<Vec<_>>()
        {
            let record = &event.record;
            let trace = text(&record.trace_id);
            let region = text(&record.cloud_region).unwrap_or_default();
            let service = service(event).or(text(&record.faas_name));
            let time = record.time_unix_nano;
            let root = trace.and_then(|trace| {
                let of_region = first_of_region.get(&(trace.to_owned(), region.to_owned()));
                of_region.or_else(|| first_of_trace.get(trace)).copied()
            });
            let found = match (trace, service) {
                (Some(trace), Some(service)) => {
                    let same = of_service.get(&(trace.to_owned(), region.to_owned(), service.to_owned()));
                    same.and_then(|numbers| {
                        let around = |number: &&usize| {
                            let span = &self.spans[**number];
                            span.start_unix_nano <= time && span.last_unix_nano(events) >= time
                        };
                        numbers.iter().find(around).or(numbers.first()).copied()
                    })
                }
                // Nobody says whose it is: a record of an API in front, for one.
                (Some(_), None) => root,
                (None, _) => None,
            };
            let number = found.unwrap_or_else(|| {
                let correlation = if trace.is_none() { text(&record.correlation_id).unwrap_or_default() } else { "" };
                let group = text(&record.aws_log_group).unwrap_or_default();
                let key = [trace.unwrap_or_default(), correlation, region, service.unwrap_or(group)];
                let fresh = self.spans.len();
                let number = *loose.entry(key).or_insert(fresh);
                if number == fresh {
                    let mut span = of_record(event);
                    span.span_id = None;
                    span.parent_span_id = None;
                    span.parent = root;
                    span.service_name = service.map(str::to_owned);
                    self.spans.push(span);
                }
                number
            });
            self.place[index] = Some(number);
        }
    }

    fn break_cycles(&mut self) {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Not,
            Now,
            Before,
        }
        let mut seen = vec![Seen::Not; self.spans.len()];
        for first in 0..self.spans.len() {
            let mut path = Vec::new();
            let mut at = Some(first);
            while let Some(number) = at {
                match seen[number] {
                    Seen::Not => {
                        seen[number] = Seen::Now;
                        path.push(number);
                        at = self.spans[number].parent;
                    }
                    Seen::Now => {
                        // The part of the path from here on goes round; the span that began first is on top.
                        let from = path.iter().position(|other| *other == number).unwrap_or(0);
                        let round = &path[from..];
                        let top =
                            round.iter().copied().min_by_key(|other| (self.spans[*other].start_unix_nano, *other));
                        if let Some(top) = top {
                            let names: Vec<&str> = round
                                .iter()
                                .map(|other| self.spans[*other].span_id.as_deref().unwrap_or("-"))
                                .collect();
                            self.notes.push(format!(
                                "spans {} name each other as parents in a circle; the one that began first was put on top",
                                names.join(", ")
                            ));
                            self.spans[top].parent = None;
                            self.spans[top].mark(Mark::CycleBroken);
                        }
                        break;
                    }
                    Seen::Before => break,
                }
            }
            path.into_iter().for_each(|number| seen[number] = Seen::Before);
        }
    }

    fn finish(mut self, circumstances: &Circumstances) -> Tree {
        let events = self.events;
        for (index, place) in self.place.iter().enumerate() {
            if let Some(span) = place.and_then(|number| self.spans.get_mut(number)) {
                span.records.push(index);
            }
        }
        for span in &mut self.spans {
            if span.source == SpanSource::Records {
                for index in span.records.clone() {
                    let event = &events[index];
                    let record = &event.record;
                    span.start_unix_nano = span.start_unix_nano.min(record.time_unix_nano);
                    span.end_unix_nano = span.end_unix_nano.max(Some(record.time_unix_nano));
                    fill(span, event);
                }
            }
            let is_report = |index: &usize| platform(&events[*index]) == Some("report");
            if span.status == Status::Unset && span.records.iter().any(|index| is_error(&events[*index])) {
                span.status = Status::Error;
            } else if span.status == Status::Unset
                && span.source == SpanSource::Invocation
                && span.records.iter().any(is_report)
            {
                span.status = Status::Ok;
            }
            if span.exception_type.is_none() {
                let records = span.records.iter().map(|index| &events[*index].record);
                if let Some(record) = records.into_iter().find(|record| text(&record.exception_type).is_some()) {
                    span.exception_type = owned(&record.exception_type);
                    span.exception_message = owned(&record.exception_message);
                }
            }
            if span.source == SpanSource::Missing && circumstances.is_region_missing {
                span.mark(Mark::RegionMayBeMissing);
            }
        }
        let mut tree = Tree { spans: self.spans, roots: Vec::new(), notes: self.notes };
        for number in 0..tree.spans.len() {
            match tree.spans[number].parent {
                Some(above) => tree.spans[above].children.push(number),
                None => tree.roots.push(number),
            }
        }
        sort(&mut tree);
        inherit(&mut tree);
        if !circumstances.is_truncated {
            mark_ends(events, &mut tree, circumstances);
        }
        for link in tree.spans.iter_mut().flat_map(|span| &mut span.links) {
            link.span = link.span_id.as_deref().and_then(|id| self.by_id.get(&(link.trace_id.as_str(), id)).copied());
        }
        tree
    }
}

/// A side of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Calling,
    Called,
}

fn side(kind: Option<&str>) -> Option<Side> {
    match kind {
        Some("CLIENT" | "PRODUCER") => Some(Side::Calling),
        Some("SERVER" | "CONSUMER") => Some(Side::Called),
        _ => None,
    }
}

/// The copies of each of the spans that have one id: copies of one are of one service and one side of a call, as far as
/// they say.
fn told_apart(events: &[Event], copies: &[usize]) -> Vec<Vec<usize>> {
    let said = |index: &usize| (side(text(&events[*index].record.span_kind)), service(&events[*index]));
    let mut sorted = copies.to_vec();
    // What says most comes first: what says less is like it.
    sorted.sort_by_key(|index| {
        let (side, service) = said(index);
        (side.is_none(), service.is_none(), *index)
    });
    let mut spans: Vec<(Option<Side>, Option<&str>, Vec<usize>)> = Vec::new();
    for index in sorted {
        let (side, service) = said(&index);
        let is_same = |known: &(Option<Side>, Option<&str>, Vec<usize>)| {
            (known.0.is_none() || side.is_none() || known.0 == side)
                && (known.1.is_none() || service.is_none() || known.1 == service)
        };
        match spans.iter_mut().find(|known| is_same(known)) {
            Some((known_side, known_service, copies)) => {
                *known_side = known_side.or(side);
                *known_service = known_service.or(service);
                copies.push(index);
            }
            None => spans.push((side, service, vec![index])),
        }
    }
    let mut spans: Vec<Vec<usize>> = spans.into_iter().map(|(_, _, copies)| copies).collect();
    spans.sort_by_key(|copies| copies.iter().min().copied());
    spans
}

/// What is said of the spans without an end. Where the end may lie beyond what was looked at, nothing is.
fn mark_ends(events: &[Event], tree: &mut Tree, circumstances: &Circumstances) {
    let mut last: Vec<i64> = tree.spans.iter().map(|span| span.last_unix_nano(events)).collect();
    for (number, _) in tree.in_order().into_iter().rev() {
        let span = &mut tree.spans[number];
        if let Some(above) = span.parent {
            last[above] = last[above].max(last[number]);
        }
        if span.end_unix_nano.is_some() {
            continue;
        }
        let is_invocation = span.source == SpanSource::Invocation || span.faas_invocation_id.is_some();
        let over = match is_invocation || last[number] <= span.start_unix_nano {
            true => span.start_unix_nano.saturating_add(INVOCATION_NANO_MAX),
            false => last[number].saturating_add(SILENCE_NANO_MAX),
        };
        let seen_until = circumstances.seen_until(last[number]);
        if over < seen_until {
            span.mark(Mark::CutOff);
        } else if seen_until >= circumstances.now_unix_nano {
            span.mark(Mark::StillRunning);
        }
    }
}

/// Siblings in the order of their start.
pub(crate) fn sort(tree: &mut Tree) {
    let keys: Vec<(i64, Option<String>, usize)> = tree
        .spans
        .iter()
        .enumerate()
        .map(|(number, span)| (span.start_unix_nano, span.span_id.clone(), number))
        .collect();
    let by_key = |one: &usize, two: &usize| keys[*one].cmp(&keys[*two]);
    for span in &mut tree.spans {
        span.children.sort_by(by_key);
    }
    tree.roots.sort_by(by_key);
}

/// What a span does not say of itself, the nearest one above says: spans below the first of a service do not know its name.
fn inherit(tree: &mut Tree) {
    for (number, _) in tree.in_order() {
        let Some(above) = tree.spans[number].parent else { continue };
        let above = &tree.spans[above];
        let (service, release, region) =
            (above.service_name.clone(), above.release.clone(), above.cloud_region.clone());
        let span = &mut tree.spans[number];
        if matches!(span.source, SpanSource::Missing | SpanSource::Invocation) {
            continue;
        }
        if span.service_name.is_none() && !(span.source == SpanSource::Records && span.span_id.is_none()) {
            span.service_name = service.clone();
        }
        if span.release.is_none() && span.service_name == service && span.cloud_region == region {
            span.release = release;
        }
    }
}

/// Whether a span's own record gives an end before its start: its duration is none then, and the end as it was is kept
/// among the attributes.
fn ends_before(event: &Event) -> bool {
    let Some(attributes) = event.record.attributes.as_deref().filter(|text| text.contains(END_TIME)) else {
        return false;
    };
    let attributes = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(attributes);
    let end = attributes.ok().and_then(|attributes| attributes.get(END_TIME)?.as_i64());
    end.is_some_and(|end| end < event.record.time_unix_nano)
}

/// The service that a record states.
fn service(event: &Event) -> Option<&str> {
    text(&event.record.service_name).filter(|name| *name != UNKNOWN_SERVICE)
}

/// What is still unknown of a span, from a record of it.
fn fill(span: &mut Span, event: &Event) {
    let record = &event.record;
    let or = |value: &mut Option<String>, other: Option<&str>| {
        if value.is_none() {
            *value = other.map(str::to_owned);
        }
    };
    or(&mut span.trace_id, text(&record.trace_id));
    or(&mut span.span_id, text(&record.span_id));
    or(&mut span.parent_span_id, text(&record.parent_span_id));
    or(&mut span.span_name, text(&record.span_name));
    or(&mut span.span_kind, text(&record.span_kind));
    or(&mut span.service_name, service(event));
    or(&mut span.release, event.release.as_deref());
    or(&mut span.cloud_region, text(&record.cloud_region));
    or(&mut span.faas_name, text(&record.faas_name));
    or(&mut span.faas_version, text(&record.faas_version));
    or(&mut span.faas_invocation_id, text(&record.faas_invocation_id));
    or(&mut span.status_message, text(&record.status_message));
    or(&mut span.exception_type, text(&record.exception_type));
    or(&mut span.exception_message, text(&record.exception_message));
    or(&mut span.http_request_method, text(&record.http_request_method));
    or(&mut span.http_route, text(&record.http_route));
    span.faas_coldstart = span.faas_coldstart.or(record.faas_coldstart);
    span.http_response_status_code = span.http_response_status_code.or(record.http_response_status_code);
}

/// A span of which nothing but this record tells so far.
fn of_record(event: &Event) -> Span {
    let mut span = Span {
        source: SpanSource::Records,
        start_unix_nano: event.record.time_unix_nano,
        end_unix_nano: Some(event.record.time_unix_nano),
        ..Span::default()
    };
    fill(&mut span, event);
    span
}

/// The text that comes most often; of several the first one.
fn most_frequent<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for (index, text) in texts.enumerate() {
        counts.entry(text).or_insert((0, index)).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, (count, first))| (*count, std::cmp::Reverse(*first)));
    most.map(|(text, _)| text.to_owned())
}

/// The records of each attempt of an invocation, in the order of their beginnings. In one stream an attempt begins with
/// Lambda's start line; a stream without any has no attempt of its own, and its records belong to the one that ran then.
fn attempts(events: &[Event], records: &[usize]) -> Vec<Vec<usize>> {
    if records.is_empty() {
        return Vec::new();
    }
    let rank = |index: &usize| match platform(&events[*index]) {
        Some("start") => 0,
        Some("runtimeDone") => 2,
        Some("end") => 3,
        Some("report") => 4,
        _ => 1,
    };
    let mut sorted = records.to_vec();
    sorted.sort_by_key(|index| (events[*index].record.time_unix_nano, rank(index), *index));
    type Stream<'s> = (Option<&'s str>, Option<&'s str>, Option<&'s str>);
    let mut streams: BTreeMap<Stream<'_>, Vec<Vec<usize>>> = BTreeMap::new();
    for index in &sorted {
        let record = &events[*index].record;
        let stream = (text(&record.cloud_region), text(&record.aws_log_group), text(&record.aws_log_stream));
        let parts = streams.entry(stream).or_default();
        let is = |index: &usize, name: &str| platform(&events[*index]) == Some(name);
        let begins = match parts.last() {
            None => true,
            Some(last) if is(index, "start") => last.iter().any(|other| is(other, "start") || is(other, "report")),
            // Without start lines the report is what ends an attempt.
            Some(last) => is(index, "report") && last.iter().any(|other| is(other, "report")),
        };
        match parts.last_mut() {
            Some(last) if !begins => last.push(*index),
            _ => parts.push(vec![*index]),
        }
    }
    let has_platform = |part: &Vec<usize>| part.iter().any(|index| platform(&events[*index]).is_some());
    let (mut attempts, rest): (Vec<_>, Vec<_>) = streams.into_values().flatten().partition(has_platform);
    let first = |part: &Vec<usize>| part.first().map(|index| (events[*index].record.time_unix_nano, *index));
    attempts.sort_by_key(first);
    if attempts.is_empty() {
        return vec![sorted];
    }
    let starts: Vec<i64> = attempts.iter().filter_map(first).map(|(start, _)| start).collect();
    for index in rest.into_iter().flatten() {
        let begun = starts.partition_point(|start| *start <= events[index].record.time_unix_nano);
        attempts[begun.saturating_sub(1)].push(index);
    }
    for part in &mut attempts {
        part.sort_unstable();
    }
    attempts
}
