//! The lines of a trace's calls that do not name them: what stands in the stream of a call between its START and REPORT
//! is the call's. Pure but for the [`Source`] that looks lines up. It refuses to follow what such a line names: it is a
//! record of the trace, and leads nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::closure::{Event, Found, Source, TraceBounds, Window};
use crate::Result;
use crate::calls::{LineKind, SHARED_VERSION, StreamLine, calls_of};

/// So far from the records of a call its other lines are looked for: a line's own time may have whole seconds.
const EDGE_NANO: i64 = 5_000_000_000;

/// The events of a stream by CloudWatch's time and event id, and whether each is one that was looked for.
type EventsInOrder = BTreeMap<(i64, String), (Event, bool)>;

/// Region, log group and log stream.
pub(super) type StreamName = [String; 3];

/// The times of a stream in which calls of the trace ran, as [`merged`].
pub(super) type StreamWindows = BTreeMap<StreamName, Vec<Window>>;

/// Returns windows that hold the same times, in order and apart from each other.
pub(super) fn merged(mut windows: Vec<Window>) -> Vec<Window> {
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
pub(super) fn one_holds(windows: &[Window], time: i64) -> bool {
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

/// Where and when the calls ran of which something is known, each attempt by itself.
fn windows(events: &[Event]) -> StreamWindows {
    // In the order of time, as the events are.
    let mut attempts: BTreeMap<(StreamName, &str), Vec<Window>> = BTreeMap::new();
    let mut is_over: BTreeSet<(StreamName, &str)> = BTreeSet::new();
    for event in events.iter().filter(|event| event.record.signal == "log") {
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
    let marked: BTreeSet<StreamName> = events.iter().filter(|event| kind(event) != LineKind::Other).map(name).collect();
    let mut streams = StreamWindows::new();
    for ((stream, _), windows) in attempts {
        if marked.contains(&stream) {
            streams.entry(stream).or_default().extend(windows.iter().map(|window| window.widen(EDGE_NANO)));
        }
    }
    streams.into_iter().map(|(stream, windows)| (stream, merged(windows))).collect()
}

/// Adds what stands between START and REPORT of the calls that were found, and takes out marks that are none.
pub(super) async fn tie<S: Source>(source: &mut S, found: &mut Found, bounds: &TraceBounds) -> Result<()> {
    let streams = windows(&found.events);
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
    let is_of_stream = |event: &Event| event.record.signal == "log" && streams.contains_key(&name(event));
    for event in found.events.extract_if(.., |event| is_of_stream(event)) {
        add(event, true);
    }
    for (_, event) in source.fetch(&rows).await? {
        add(event, false);
    }
    let mut more = 0;
    for lines in by_stream.into_values() {
        let lines: Vec<(Event, bool)> = lines.into_values().collect();
        let stream_lines: Vec<StreamLine<&str>> = lines
            .iter()
            .map(|(event, _)| StreamLine {
                kind: kind(event),
                invocation: invocation(event),
                observed_unix_nano: event.record.observed_time_unix_nano,
                is_shared: event.record.faas_version.as_deref() == Some(SHARED_VERSION),
            })
            .collect();
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
    Ok(())
}
