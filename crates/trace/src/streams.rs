//! The lines of a trace's calls that do not name them: what stands in the stream of a call between its START and REPORT
//! is the call's. And the other way: the call around a line that was found by what it names. Pure but for the [`Source`]
//! that looks lines up. It refuses to follow what the lines of a call name, if nothing else does: they are records of the
//! trace, and lead nowhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::calls::{CALL_NANO_MAX, LineKind, SHARED_VERSION, StreamLine, calls_of};
use crate::closure::{Event, Found, IdKind, Key, Source, TraceBounds, Window};

/// So far from the records of a call its other lines are looked for: a line's own time may have whole seconds.
const EDGE_NANO: i64 = 5_000_000_000;

/// The events of a stream by CloudWatch's time and event id, and whether each is one that was looked for.
type EventsInOrder = BTreeMap<(i64, String), (Event, bool)>;

/// Region, log group and log stream.
pub type StreamName = [String; 3];

/// The times of a stream in which calls of the trace ran, as [`merged`].
pub type StreamWindows = BTreeMap<StreamName, Vec<Window>>;

/// Returns windows that hold the same times, in order and apart from each other.
pub fn merged(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable_by_key(|window| window.since_unix_nano);
    let mut apart: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows {
        match apart.last_mut() {
            Some(last) if window.since_unix_nano <= last.until_unix_nano => {
                last.until_unix_nano = last.until_unix_nano.max(window.until_unix_nano);
            }
            _ => apart.push(window),
        }
    }
    apart
}

/// Returns whether one of the windows, which are [`merged`], holds a time.
pub fn one_holds(windows: &[Window], time: i64) -> bool {
    let after = windows.partition_point(|window| window.since_unix_nano <= time);
    after > 0 && windows[after - 1].holds(time)
}

fn name(event: &Event) -> StreamName {
    let record = &event.record;
    [&record.cloud_region, &record.aws_log_group, &record.aws_log_stream]
        .map(|text| text.as_deref().unwrap_or_default().to_owned())
}

fn kind(event: &Event) -> LineKind {
    LineKind::of(event.record.event_name.as_deref().unwrap_or_default())
}

fn invocation(event: &Event) -> Option<&str> {
    event.record.faas_invocation_id.as_deref().filter(|id| !id.is_empty())
}

fn is_line(event: &Event) -> bool {
    event.record.signal == "log"
}

/// As [`calls_of`] sees a line.
fn stream_line(event: &Event) -> StreamLine<&str> {
    StreamLine {
        kind: kind(event),
        invocation: invocation(event),
        observed_unix_nano: event.record.observed_time_unix_nano,
        is_shared: event.record.faas_version.as_deref() == Some(SHARED_VERSION),
    }
}

/// A line of a function of which no call was found.
pub(crate) struct Loose {
    stream: StreamName,
    time: i64,
}

/// The lines of functions that belong to none of the calls that were found, but for those of which that is known.
pub(crate) fn without_call(events: &BTreeMap<Key, Event>, known: &BTreeSet<Key>) -> BTreeMap<Key, Loose> {
    let marks: BTreeSet<(StreamName, &str)> = events
        .values()
        .filter(|event| kind(event) != LineKind::Other)
        .filter_map(|event| Some((name(event), invocation(event)?)))
        .collect();
    let found = windows(events.values());
    let is_loose = |event: &Event| {
        let record = &event.record;
        let is_of_function = record.faas_name.is_some() && record.faas_version.as_deref() != Some(SHARED_VERSION);
        let is_candidate = is_line(event) && is_of_function && kind(event) == LineKind::Other;
        is_candidate
            && match invocation(event) {
                Some(id) => !marks.contains(&(name(event), id)),
                None => !found.get(&name(event)).is_some_and(|windows| one_holds(windows, record.time_unix_nano)),
            }
    };
    let loose = events.iter().filter(|(key, event)| !known.contains(key) && is_loose(event));
    loose.map(|(key, event)| (key.clone(), Loose { stream: name(event), time: event.record.time_unix_nano })).collect()
}

/// The calls that these lines stand in and do not name.
pub(crate) async fn calls_around<S: Source>(
    source: &mut S,
    loose: &BTreeMap<Key, Loose>,
    truncated: &mut Vec<String>,
    bounds: &TraceBounds,
) -> Result<Vec<(Key, String)>, S::Error> {
    let mut streams = StreamWindows::new();
    for line in loose.values() {
        let moment = Window { since_unix_nano: line.time, until_unix_nano: line.time };
        streams.entry(line.stream.clone()).or_default().push(moment.widen(CALL_NANO_MAX));
    }
    let streams = streams.into_iter().map(|(stream, windows)| (stream, merged(windows))).collect();
    let mut rows = source.lines(&streams).await?;
    if rows.len() > bounds.records_max {
        rows.truncate(bounds.records_max);
        truncated.push(format!(
            "the streams of its lines hold more than {} lines around them: not all calls that they stand in were looked \
             for (--max-records)",
            bounds.records_max
        ));
    }
    let mut by_stream: BTreeMap<StreamName, BTreeMap<(i64, String), Event>> = BTreeMap::new();
    for (_, event) in source.fetch(&rows).await? {
        let key = (event.record.observed_time_unix_nano, event.record.event_id.clone().into_owned());
        by_stream.entry(name(&event)).or_default().entry(key).or_insert(event);
    }
    let mut calls = Vec::new();
    for lines in by_stream.values() {
        let stream_lines: Vec<StreamLine<&str>> = lines.values().map(stream_line).collect();
        for (event, call) in lines.values().zip(calls_of(&stream_lines)) {
            let key = event.key();
            if let Some(call) = call.filter(|call| loose.contains_key(&key) && invocation(event) != Some(call)) {
                calls.push((key, call.to_owned()));
            }
        }
    }
    Ok(calls)
}

/// Where and when the calls ran of which something is known, each attempt by itself.
fn windows<'e>(events: impl Iterator<Item = &'e Event> + Clone) -> StreamWindows {
    // In the order of time, as the events are.
    let mut attempts: BTreeMap<(StreamName, &str), Vec<Window>> = BTreeMap::new();
    let mut is_over: BTreeSet<(StreamName, &str)> = BTreeSet::new();
    for event in events.clone().filter(|event| is_line(event)) {
        let Some(id) = invocation(event) else { continue };
        let (key, time) = ((name(event), id), event.record.time_unix_nano);
        let windows = attempts.entry(key.clone()).or_default();
        match windows.last_mut() {
            Some(window) if !is_over.contains(&key) => window.until_unix_nano = time,
            _ => windows.push(Window { since_unix_nano: time, until_unix_nano: time }),
        }
        if kind(event) == LineKind::Report {
            is_over.insert(key);
        } else {
            is_over.remove(&key);
        }
    }
    // A stream without marks is none of a function.
    let marked: BTreeSet<StreamName> = events.filter(|event| kind(event) != LineKind::Other).map(name).collect();
    let mut streams = StreamWindows::new();
    for ((stream, _), windows) in attempts {
        if marked.contains(&stream) {
            streams.entry(stream).or_default().extend(windows.iter().map(|window| window.widen(EDGE_NANO)));
        }
    }
    streams.into_iter().map(|(stream, windows)| (stream, merged(windows))).collect()
}

/// Adds what stands between START and REPORT of the calls that were found, and takes out marks that are none.
pub(crate) async fn tie<S: Source>(source: &mut S, found: &mut Found, bounds: &TraceBounds) -> Result<(), S::Error> {
    let streams = windows(found.events.iter());
    let left = bounds.records_max.saturating_sub(found.events.len());
    if streams.is_empty() || left == 0 {
        return Ok(());
    }
    let mut rows = source.lines(&streams).await?;
    // Those in the windows may be of other calls, and copies of what is there.
    let rows_max = bounds.records_max.saturating_mul(2);
    if rows.len() > rows_max {
        rows.truncate(rows_max);
        found.truncated.push(format!(
            "the streams of its calls hold more than {rows_max} lines meanwhile: not all of those that do not name a \
             call were looked at (--max-records)"
        ));
    }
    let mut by_stream: BTreeMap<StreamName, EventsInOrder> = BTreeMap::new();
    let mut add = |event: Event, is_found: bool| {
        let record = &event.record;
        let key = (record.observed_time_unix_nano, record.event_id.clone().into_owned());
        by_stream.entry(name(&event)).or_default().entry(key).or_insert((event, is_found));
    };
    let is_of_stream = |event: &Event| is_line(event) && streams.contains_key(&name(event));
    for event in found.events.extract_if(.., |event| is_of_stream(event)) {
        add(event, true);
    }
    for (_, event) in source.fetch(&rows).await? {
        add(event, false);
    }
    let mut more = 0;
    for lines in by_stream.into_values() {
        let lines: Vec<(Event, bool)> = lines.into_values().collect();
        let stream_lines: Vec<StreamLine<&str>> = lines.iter().map(|(event, _)| stream_line(event)).collect();
        let calls = calls_of(&stream_lines);
        // A line that names an invocation says so of the call that it stands in.
        let names_one = |(event, is_found): &(Event, bool)| *is_found && invocation(event).is_some();
        let of_trace = lines.iter().zip(&calls).filter(|(line, _)| names_one(line)).filter_map(|(_, call)| *call);
        let of_trace: BTreeSet<&str> = of_trace.collect();
        let calls: Vec<Option<String>> =
            calls.iter().map(|call| call.filter(|id| of_trace.contains(id)).map(str::to_owned)).collect();
        for ((mut event, is_found), call) in lines.into_iter().zip(calls) {
            let is_mark = kind(&event) != LineKind::Other;
            if is_found && is_mark && invocation(&event).is_some() && call.is_none() {
                continue;
            }
            let is_tied = !is_mark && call.is_some() && invocation(&event) != call.as_deref();
            if is_tied {
                event.record.faas_invocation_id = call.map(Into::into);
            }
            if is_found || is_tied && more < left {
                more += usize::from(!is_found);
                found.events.push(event);
            }
        }
    }
    found.events.sort_by_cached_key(Event::key);
    // An id that a line names, and that is no call's, is no id of the request where the line is its call's.
    let told: BTreeSet<(IdKind, &str)> = found.events.iter().flat_map(Event::ids).collect();
    found.ids.retain(|id| told.contains(&(id.kind, id.value.as_str())));
    Ok(())
}
