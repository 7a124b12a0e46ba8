//! The parts of a trace together, over records in memory: against an oracle that knows nothing of rounds, windows and
//! bounds, and with what logs bring: copies, missing parents, circles, clocks that differ.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use transect_schema::Record;

use super::assemble::{Circumstances, assemble};
use super::closure::{
    Event, Found, Hit, Id, IdKind, Linkers, LinkersSought, Look, Sought, Source, Tally, TraceBounds, TraceStart,
    Window, follow, is_short, low_digits, places, trace_number,
};
use super::links::links_of;
use super::span::{Mark, SpanSource, Status, Tree};
use super::summary::summarise;
use super::*;

/// 2026-11-21T08:00:00Z, in nanoseconds.
const HOUR_8: i64 = 1_795_248_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const MS: i64 = 1_000_000;

/// Rows in memory.
struct Memory {
    rows: Vec<Event>,
    looks: usize,
}

impl Source for Memory {
    type Row = usize;
    type Error = std::convert::Infallible;

    async fn look(&mut self, sought: &Sought<'_>) -> Result<Look<usize>, Self::Error> {
        self.looks += 1;
        let places = places(sought.ids);
        let mut tally = Tally::new(sought);
        for (row, event) in self.rows.iter().enumerate() {
            let record = &event.record;
            if !sought.windows.iter().any(|window| window.holds(record.time_unix_nano)) {
                continue;
            }
            let trace = record.trace_id.as_deref().unwrap_or_default();
            let is_alike = |id: &&Id| id.value != trace && low_digits(&id.value) == low_digits(trace);
            let alike = sought.ids.iter().filter(|id| id.kind == IdKind::Trace).find(is_alike);
            if alike.is_some_and(|id| is_short(&id.value) || is_short(trace)) {
                tally.alike.insert(trace.to_owned());
            }
            let mut found = [None; 5];
            for (place, kind) in found.iter_mut().zip(IdKind::ALL) {
                let value = match kind {
                    IdKind::Trace => record.trace_id.as_deref(),
                    IdKind::Correlation => record.correlation_id.as_deref(),
                    IdKind::Invocation => record.faas_invocation_id.as_deref(),
                    IdKind::Event => Some(record.event_id.as_ref()),
                    IdKind::Span => record.span_id.as_deref(),
                };
                *place = value.and_then(|value| places.get(&kind)?.get(value).copied());
            }
            if found.iter().any(Option::is_some) {
                let hit = Hit { row, time: record.time_unix_nano, places: found, ids: hit_ids(event) };
                tally.add(hit, record.trace_id.as_deref().map(trace_number));
            }
        }
        Ok(tally.finish())
    }

    async fn lines(&mut self, streams: &streams::StreamWindows) -> Result<Vec<usize>, Self::Error> {
        let is_line = |event: &Event| {
            let record = &event.record;
            let name = [&record.cloud_region, &record.aws_log_group, &record.aws_log_stream];
            let windows = streams.get(&name.map(|text| text.as_deref().unwrap_or_default().to_owned()));
            let is_within = windows.into_iter().flatten().any(|window| window.holds(record.time_unix_nano));
            record.signal == "log" && is_within
        };
        let mut rows: Vec<usize> = (0..self.rows.len()).filter(|row| is_line(&self.rows[*row])).collect();
        rows.sort_by_key(|row| self.rows[*row].record.time_unix_nano);
        Ok(rows)
    }

    async fn fetch(&self, rows: &[usize]) -> Result<Vec<(usize, Event)>, Self::Error> {
        Ok(rows.iter().map(|row| (*row, self.rows[*row].clone())).collect())
    }

    async fn linkers(&self, sought: &LinkersSought<'_>) -> Result<Linkers<usize>, Self::Error> {
        let mut found = Linkers::default();
        for (row, event) in self.rows.iter().enumerate() {
            let time = event.record.time_unix_nano;
            if !sought.windows.iter().any(|window| window.holds(time)) {
                continue;
            }
            let ids = hit_ids(event);
            for link in links_of(event) {
                let places = sought.traces.iter().enumerate().filter(|(_, trace)| **trace == link.trace_id);
                found
                    .hits
                    .extend(places.map(|(place, _)| (place, Hit { row, time, places: [None; 5], ids: ids.clone() })));
            }
        }
        Ok(found)
    }
}

fn hit_ids(event: &Event) -> [Option<std::sync::Arc<str>>; 3] {
    let record = &event.record;
    let text = |value: &Option<std::borrow::Cow<'static, str>>| value.as_deref().map(std::sync::Arc::from);
    [text(&record.trace_id), text(&record.correlation_id), text(&record.faas_invocation_id)]
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn id(kind: IdKind, value: &str) -> Id {
    Id { kind, value: value.to_owned() }
}

fn start(ids: &[Id]) -> TraceStart {
    let window = Window { since_unix_nano: HOUR_8 - HOUR, until_unix_nano: HOUR_8 + 2 * HOUR };
    TraceStart { text: "asked".to_owned(), ids: ids.to_vec(), windows: vec![window], made: None, is_time_chosen: true }
}

/// What was found without having been looked for.
fn found_as(events: Vec<Event>) -> Found {
    let (ids, hubs, truncated, looked, notes) = Default::default();
    Found { events, ids, hubs, truncated, looked, notes }
}

fn found_of(rows: &[Event], start: &TraceStart, bounds: &TraceBounds) -> Found {
    let mut memory = Memory { rows: rows.to_vec(), looks: 0 };
    block_on(follow(&mut memory, start, bounds)).unwrap()
}

fn picture(found: Found, circumstances: &Circumstances) -> Trace {
    Trace::of("asked", found, Completeness::default(), circumstances, false)
}

fn json(trace: &Trace) -> String {
    let mut out = Vec::new();
    render_trace_json(trace, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn event_ids(events: &[Event]) -> BTreeSet<String> {
    events.iter().map(|event| event.record.event_id.to_string()).collect()
}

/// Made as `splitmix64` does: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

fn trace_id(number: usize) -> String {
    format!("6b0155d4{number:024x}")
}

fn span_id(number: usize) -> String {
    format!("{:016x}", number + 1)
}

fn linking_to(number: usize) -> String {
    format!("{{\"traceId\":\"{}\",\"spanId\":\"{}\"}}", trace_id(number), span_id(number))
}

/// A record of any kind, with ids of small pools so that they meet.
fn any_event(random: &mut Random, number: usize, pool: usize) -> Event {
    let regions = ["eu-west-2", "us-east-2", "us-west-2"];
    let text = |random: &mut Random, of: &dyn Fn(usize) -> String, share: usize| {
        (random.below(100) < share).then(|| of(random.below(pool)).into())
    };
    let time = HOUR_8 + random.below(600_000) as i64 * MS;
    let is_span = random.below(3) == 0;
    let names = ["platform.start", "platform.report", "platform.end", "exception", "aws.emf"];
    let record = Record {
        time_unix_nano: time,
        observed_time_unix_nano: time + random.below(1000) as i64,
        event_id: format!("{number:08}").into(),
        signal: if is_span { "span" } else { ["log", "log", "metric"][random.below(3)] }.into(),
        event_name: match is_span {
            true => (random.below(4) == 0).then_some("span.in_progress".into()),
            false => (random.below(2) == 0).then(|| names[random.below(names.len())].into()),
        },
        trace_id: text(random, &trace_id, if is_span { 97 } else { 40 }),
        span_id: text(random, &span_id, if is_span { 97 } else { 25 }),
        parent_span_id: text(random, &span_id, 60),
        correlation_id: text(random, &|number| format!("ord-{number}"), 15),
        faas_invocation_id: text(random, &|number| format!("inv-{number}"), 40),
        severity_number: (random.below(2) == 0).then(|| 1 + random.below(24) as i32),
        service_name: text(random, &|number| format!("service-{}", number % 4), 30),
        service_version: text(random, &|number| format!("1.{}", number % 3), 20),
        cloud_region: Some(regions[random.below(3)].into()),
        aws_log_group: Some("/aws/lambda/f".into()),
        aws_log_stream: Some(format!("stream-{}", random.below(3)).into()),
        status_code: (random.below(4) == 0).then_some("ERROR".into()),
        span_kind: if is_span { text(random, &|number| ["CLIENT", "SERVER"][number % 2].to_owned(), 40) } else { None },
        attributes: (is_span && random.below(5) == 0).then(|| {
            let links: Vec<String> = (0..1 + random.below(2)).map(|_| linking_to(random.below(pool))).collect();
            format!("{{\"links\":[{}]}}", links.join(",")).into()
        }),
        // Some end before they begin.
        duration_nano: (random.below(3) > 0).then(|| random.below(5_000_000) as i64 * 1_000 - 500_000_000),
        schema_version: 1,
        ..Record::default()
    };
    let release = record.service_version.as_deref().map(str::to_owned);
    Event { record, release }
}

/// No two spans of a trace have one id, and each is below one that is on top.
fn check_otlp(line: &str) {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let resources = line["resourceSpans"].as_array().unwrap().iter();
    let spans: Vec<_> = resources.flat_map(|of| of["scopeSpans"][0]["spans"].as_array().unwrap()).collect();
    let above: HashMap<_, _> = spans
        .iter()
        .map(|span| ((span["traceId"].as_str(), span["spanId"].as_str()), span["parentSpanId"].as_str()))
        .collect();
    assert_eq!(above.len(), spans.len(), "{line}");
    for (trace, span) in above.keys() {
        let parent = |span: &Option<&str>| above.get(&(*trace, *span)).copied().filter(Option::is_some);
        let way = std::iter::successors(Some(*span), parent).take(spans.len() + 2);
        assert!(way.count() <= spans.len() + 1, "{line}");
    }
}

/// What must be found, by another way than the search goes: all records are put into sets that share an id, but for ids
/// that too many traces share; and of those sets the ones are taken that links lead to one after the other, and those that
/// links lead from.
fn oracle(rows: &[Event], asked: &Id, hub_traces_max: usize) -> BTreeSet<String> {
    let mut traces: HashMap<Id, HashSet<String>> = HashMap::new();
    let ids_of = |event: &Event| -> Vec<Id> { event.ids().map(|(kind, value)| id(kind, value)).collect() };
    for event in rows {
        for id in ids_of(event) {
            traces.entry(id).or_default().extend(event.record.trace_id.as_deref().map(str::to_owned));
        }
    }
    let is_hub = |id: &Id| traces.get(id).is_some_and(|traces| traces.len() > hub_traces_max);
    let mut above: Vec<usize> = (0..rows.len()).collect();
    fn top(above: &mut [usize], mut of: usize) -> usize {
        while above[of] != of {
            above[of] = above[above[of]];
            of = above[of];
        }
        of
    }
    let mut first: HashMap<Id, usize> = HashMap::new();
    for (row, event) in rows.iter().enumerate() {
        for id in ids_of(event).into_iter().filter(|id| !is_hub(id)) {
            let other = *first.entry(id).or_insert(row);
            let (one, two) = (top(&mut above, row), top(&mut above, other));
            above[one] = two;
        }
    }
    let carries = |event: &Event| match asked.kind {
        IdKind::Event => event.record.event_id == asked.value.as_str(),
        IdKind::Span => event.record.span_id.as_deref() == Some(&asked.value),
        _ => ids_of(event).contains(asked),
    };
    let direct: Vec<usize> = (0..rows.len()).filter(|row| carries(&rows[*row])).collect();
    let shared: HashSet<_> = direct.iter().filter_map(|row| rows[*row].record.trace_id.as_deref()).collect();
    if shared.len() > hub_traces_max {
        return direct.iter().map(|row| rows[*row].record.event_id.to_string()).collect();
    }
    let tops: Vec<usize> = (0..rows.len()).map(|row| top(&mut above, row)).collect();
    let traces_of = |sets: &HashSet<usize>| -> HashSet<String> {
        let within = (0..rows.len()).filter(|row| sets.contains(&tops[*row]));
        within.filter_map(|row| rows[row].record.trace_id.as_deref().map(str::to_owned)).collect()
    };
    let targets = |row: usize| links_of(&rows[row]).into_iter().map(|link| link.trace_id);
    let asked_for: HashSet<usize> = direct.iter().map(|row| tops[*row]).collect();
    let (mut causes, mut consequences) = (asked_for.clone(), asked_for.clone());
    loop {
        let linked: HashSet<String> =
            (0..rows.len()).filter(|row| causes.contains(&tops[*row])).flat_map(targets).collect();
        let is_linked = |row: &usize| rows[*row].record.trace_id.as_deref().is_some_and(|trace| linked.contains(trace));
        let more: Vec<usize> = (0..rows.len()).filter(is_linked).map(|row| tops[row]).collect();
        let before = causes.len();
        causes.extend(more);
        if causes.len() == before {
            break;
        }
    }
    loop {
        let ends = traces_of(&consequences);
        let links_there =
            |row: &usize| !causes.contains(&tops[*row]) && targets(*row).any(|trace| ends.contains(&trace));
        let more: Vec<usize> = (0..rows.len()).filter(links_there).map(|row| tops[row]).collect();
        let before = consequences.len();
        consequences.extend(more);
        if consequences.len() == before {
            break;
        }
    }
    let is_found =
        |row: &usize| direct.contains(row) || causes.contains(&tops[*row]) || consequences.contains(&tops[*row]);
    (0..rows.len()).filter(is_found).map(|row| rows[row].record.event_id.to_string()).collect()
}

/// Every record stands at one span, every span at one place.
fn check_tree(events: &[Event], tree: &Tree) {
    let mut seen = vec![0; events.len()];
    for span in &tree.spans {
        span.records.iter().for_each(|record| seen[*record] += 1);
        assert!(span.records.is_sorted());
        assert!(span.end_unix_nano.is_none_or(|end| end >= span.start_unix_nano), "{span:?}");
        assert!(!span.records.is_empty() || span.source == SpanSource::Missing && !span.children.is_empty());
    }
    assert!(seen.iter().all(|count| *count == 1), "{seen:?}");
    let order = tree.in_order();
    assert_eq!(order.len(), tree.spans.len());
    assert_eq!(order.iter().map(|(number, _)| *number).collect::<HashSet<_>>().len(), tree.spans.len());
    for (number, span) in tree.spans.iter().enumerate() {
        assert_eq!(span.parent.is_none(), tree.roots.contains(&number));
        assert!(span.parent.is_none_or(|above| tree.spans[above].children.contains(&number)));
        assert!(span.children.iter().all(|child| tree.spans[*child].parent == Some(number)));
    }
    assert!(!events.is_empty() || tree.spans.is_empty());
}

#[test]
fn what_is_found_is_what_an_oracle_finds_and_stands_in_a_tree_once() {
    let bounds = TraceBounds { hops_max: 1000, hub_traces_max: 3, ..TraceBounds::default() };
    let circumstances = Circumstances { now_unix_nano: HOUR_8 + HOUR, ..Circumstances::default() };
    let (mut hubs, mut largest, mut broken, mut missing, mut linked, mut shared) = (0, 0, 0, 0, 0, 0);
    for seed in 0..400 {
        let mut random = Random(seed);
        let pool = 3 + random.below(30);
        let count = random.below(120);
        let rows: Vec<Event> = (0..count).map(|number| any_event(&mut random, number, pool)).collect();
        let asked = match random.below(5) {
            0 => id(IdKind::Trace, &trace_id(random.below(pool))),
            1 => id(IdKind::Correlation, &format!("ord-{}", random.below(pool))),
            2 => id(IdKind::Invocation, &format!("inv-{}", random.below(pool))),
            3 => id(IdKind::Event, &format!("{:08}", random.below(count))),
            _ => id(IdKind::Span, &span_id(random.below(pool))),
        };
        let found = found_of(&rows, &start(std::slice::from_ref(&asked)), &bounds);
        assert_eq!(event_ids(&found.events), oracle(&rows, &asked, bounds.hub_traces_max), "seed {seed}: {asked:?}");
        // Hubs alone cut anything off, and all of them say so.
        assert_eq!(found.truncated.len(), found.hubs.len(), "{:?}", found.truncated);
        hubs += usize::from(!found.hubs.is_empty());
        let trace = picture(found, &circumstances);
        check_tree(&trace.events, &trace.tree);
        largest = largest.max(trace.tree.spans.len());
        let marked = |mark: Mark| trace.tree.spans.iter().filter(|span| span.marks.contains(&mark)).count();
        broken += marked(Mark::CycleBroken);
        missing += marked(Mark::ParentNotSeen);
        linked += trace.tree.spans.iter().flat_map(|span| &span.links).filter(|link| link.span.is_some()).count();
        shared += usize::from(trace.tree.notes.iter().any(|note| note.contains("more than one span")));
        let mut otlp = Vec::new();
        render_trace_otlp(&trace, &mut otlp).unwrap();
        let otlp = String::from_utf8(otlp).unwrap();
        check_otlp(otlp.lines().next().unwrap_or_default());
        let own: i64 = trace.tree.spans.iter().map(|span| span.critical_nano).sum();
        assert!(trace.tree.spans.iter().all(|span| span.critical_nano >= 0));
        assert!(trace.summary.duration_nano.is_none_or(|duration| own <= duration), "seed {seed}");

        // Every record again, in another order: the same answer to the letter.
        let mut again: Vec<Event> = rows.iter().chain(&rows).cloned().collect();
        random.shuffle(&mut again);
        let copies = picture(found_of(&again, &start(std::slice::from_ref(&asked)), &bounds), &circumstances);
        assert_eq!(json(&copies), json(&trace), "seed {seed}");
        serde_json::from_str::<serde_json::Value>(&json(&trace)).unwrap();
        let mut out = Vec::new();
        let style = WaterfallStyle {
            width: Some(80),
            color: false,
            time_zone: jiff::tz::TimeZone::UTC,
            logs: LogsShown::All,
            depth: None,
            collapse: 10,
        };
        render_waterfall(&trace, &style, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 80), "seed {seed}:\n{text}");
    }
    // The generator makes what the test is about.
    assert!(hubs > 20 && largest > 30 && broken > 20 && missing > 100, "{hubs} {largest} {broken} {missing}");
    assert!(linked > 100 && shared > 20, "{linked} {shared}");
}

/// A log line with ids: trace, correlation and invocation, each left out if empty.
fn line(number: usize, time: i64, [trace, correlation, invocation]: [&str; 3]) -> Event {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned().into());
    let record = Record {
        event_id: format!("{number:08}").into(),
        trace_id: some(trace),
        correlation_id: some(correlation),
        faas_invocation_id: some(invocation),
        time_unix_nano: time,
        observed_time_unix_nano: time,
        signal: "log".into(),
        cloud_region: Some("us-east-2".into()),
        cloud_account_id: Some("111122223333".into()),
        aws_log_group: Some("/aws/lambda/cart".into()),
        aws_log_stream: Some("2026/11/21/[7]aa".into()),
        faas_name: Some("cart".into()),
        faas_version: Some("7".into()),
        schema_version: 1,
        ..Record::default()
    };
    Event { record, release: None }
}

#[test]
fn bounds_cut_off_and_say_so() {
    // A chain: each record leads to the next one.
    let rows: Vec<Event> = (0..30_usize)
        .map(|number| {
            let (one, two) = (format!("ord-{number}"), trace_id(number.div_ceil(2)));
            line(number, HOUR_8 + number as i64 * SECOND, [&two, &one, &format!("inv-{}", number / 2)])
        })
        .collect();
    let asked = start(&[id(IdKind::Correlation, "ord-0")]);
    let all = found_of(&rows, &asked, &TraceBounds { hops_max: 100, ..TraceBounds::default() });
    assert_eq!((all.events.len(), all.truncated.len()), (30, 0));
    let near = found_of(&rows, &asked, &TraceBounds { hops_max: 3, ..TraceBounds::default() });
    assert!(near.events.len() < 30 && near.truncated[0].contains("--max-hops"), "{:?}", near.truncated);
    let few = found_of(&rows, &asked, &TraceBounds { records_max: 5, hops_max: 100, ..TraceBounds::default() });
    assert_eq!(event_ids(&few.events), (0..5).map(|number| format!("{number:08}")).collect());
    assert!(few.truncated[0].contains("more than 5 records"), "{:?}", few.truncated);
    let text = json(&picture(few, &Circumstances::default()));
    assert!(text.contains("\"complete\":false") && text.contains("\"truncated\":\"there are more than 5"), "{text}");
}

#[test]
fn a_hub_is_named_and_counted_and_followed_on_request() {
    let mut rows: Vec<Event> = (0..300)
        .map(|number| line(number, HOUR_8 + number as i64 * MS, [&trace_id(number), "cron", &format!("inv-{number}")]))
        .collect();
    rows.push(line(900, HOUR_8, [&trace_id(7), "ord-7", ""]));
    let asked = start(&[id(IdKind::Correlation, "ord-7")]);
    let found = found_of(&rows, &asked, &TraceBounds::default());
    assert_eq!(event_ids(&found.events), BTreeSet::from(["00000007".to_owned(), "00000900".to_owned()]));
    assert_eq!(found.hubs, [Hub { id: id(IdKind::Correlation, "cron"), traces: 300 }]);
    assert!(!found.ids.contains(&id(IdKind::Correlation, "cron")));
    assert_eq!(
        found.truncated,
        ["correlation_id cron is shared by at least 300 traces and was not followed (--follow-hub)"]
    );
    let all = found_of(&rows, &asked, &TraceBounds { follow_hubs: true, ..TraceBounds::default() });
    assert_eq!((all.events.len(), all.hubs.len()), (301, 0));
    // What was asked for is shown, and still leads nowhere.
    let own = found_of(&rows, &start(&[id(IdKind::Correlation, "cron")]), &TraceBounds::default());
    assert_eq!((own.events.len(), own.ids.len()), (300, 0));
    assert!(!event_ids(&own.events).contains("00000900"));
}

#[test]
fn the_search_goes_on_as_long_as_it_finds_more_at_the_edge() {
    let trace = trace_id(1);
    let at = |minutes: i64| HOUR_8 + minutes * MINUTE;
    // Each within a quarter of an hour of the one before, and one that is not.
    let times = [0, 14, 28, 42, 56, 70, 84, 110];
    let rows: Vec<Event> =
        times.iter().enumerate().map(|(number, minutes)| line(number, at(*minutes), [&trace, "", ""])).collect();
    let asked = TraceStart {
        windows: vec![Window { since_unix_nano: at(-20), until_unix_nano: at(35) }],
        ..start(&[id(IdKind::Trace, &trace)])
    };
    let found = found_of(&rows, &asked, &TraceBounds::default());
    assert_eq!(found.events.len(), 7);
    assert_eq!(found.looked, [Window { since_unix_nano: at(-20), until_unix_nano: at(84 + 15) }]);
    // All the times are looked at, whatever was found in one of them.
    let elsewhere = |second: Window| TraceStart {
        windows: vec![Window { since_unix_nano: at(-20), until_unix_nano: at(0) }, second],
        ..asked.clone()
    };
    let second = Window { since_unix_nano: at(100), until_unix_nano: at(600) };
    let found = found_of(&rows, &elsewhere(second), &TraceBounds::default());
    assert_eq!((found.events.len(), found.looked.len()), (8, 1));
    // Where nobody chose them, what is found at their ends leads on for as long as a queue keeps it.
    let late: Vec<Event> = [0, 3 * 60, 20 * 60, 25 * 60 + 30]
        .iter()
        .enumerate()
        .map(|(number, minutes)| line(number, at(*minutes), [&trace, "", ""]))
        .collect();
    let chosen = found_of(&late, &asked, &TraceBounds::default());
    assert_eq!(chosen.events.len(), 1);
    let asked = TraceStart { is_time_chosen: false, ..asked };
    let not_chosen = found_of(&late, &asked, &TraceBounds::default());
    assert_eq!(not_chosen.events.len(), 3);
    assert_eq!(not_chosen.looked, [Window { since_unix_nano: at(-6 * 60), until_unix_nano: at(24 * 60) }]);
    // What is found at once, and leads nowhere, costs one look.
    let mut memory = Memory { rows: vec![line(0, at(0), [&trace, "", ""])], looks: 0 };
    let asked = TraceStart { is_time_chosen: true, ..asked };
    block_on(follow(&mut memory, &asked, &TraceBounds::default())).unwrap();
    assert_eq!(memory.looks, 1);
}

#[test]
fn links_lead_to_causes_and_consequences_and_to_no_further_ones() {
    // A batch of three messages, each of a trace of its own; and one more consumer after it.
    let linking = |number: usize, of: usize, to: &[usize]| {
        with(span(number, number, 0, number as i64, number as i64 + 1), |record| {
            record.trace_id = Some(trace_id(of).into());
            let links: Vec<String> = to.iter().map(|to| linking_to(*to)).collect();
            record.attributes = Some(format!("{{\"links\":[{}]}}", links.join(",")).into());
        })
    };
    let rows = vec![
        linking(1, 1, &[]),
        linking(2, 2, &[]),
        linking(3, 3, &[]),
        linking(9, 9, &[1, 2, 3]),
        linking(10, 10, &[9]),
    ];
    let found = |number: usize| {
        let found = found_of(&rows, &start(&[id(IdKind::Trace, &trace_id(number))]), &TraceBounds::default());
        assert_eq!(found.truncated, Vec::<String>::new());
        found.events.iter().map(|event| event.record.event_id.trim_start_matches('0').to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(1), ["1", "9", "10"]);
    assert_eq!(found(2), ["2", "9", "10"]);
    assert_eq!(found(9), ["1", "2", "3", "9", "10"]);
    assert_eq!(found(10), ["1", "2", "3", "9", "10"]);
    // As many as a batch may have are not followed, and that is said.
    let many: Vec<usize> = (100..300).collect();
    let mut rows: Vec<Event> = many.iter().map(|number| linking(*number, *number, &[])).collect();
    rows.push(linking(1, 1, &many));
    let found = found_of(&rows, &start(&[id(IdKind::Trace, &trace_id(1))]), &TraceBounds::default());
    assert_eq!(found.events.len(), 101);
    assert!(found.truncated[0].starts_with("links lead to more than 100 further traces"), "{:?}", found.truncated);
    let text = json(&picture(found, &Circumstances::default()));
    assert!(text.contains("\"complete\":false") && text.matches("\"node\":null}").count() == 100, "{text}");
}

#[test]
fn spans_that_link_back_are_found_in_all_the_time_that_is_said_to_be_looked_at() {
    // Ids that tell no time.
    let trace = |number: usize| format!("eeeeeeee{number:024x}");
    let at = |number: usize, of: usize, minutes: i64, to: &[usize]| {
        with(span(number, number, 0, 0, 1), |record| {
            record.time_unix_nano = HOUR_8 + minutes * MINUTE;
            record.trace_id = Some(trace(of).into());
            let links =
                to.iter().map(|to| format!("{{\"traceId\":\"{}\",\"spanId\":\"{}\"}}", trace(*to), span_id(*to)));
            record.attributes = Some(format!("{{\"links\":[{}]}}", links.collect::<Vec<_>>().join(",")).into());
        })
    };
    let kin = |event: Event| with(event, |record| record.correlation_id = Some("ord-1".into()));
    for (case, rows, expected) in [
        // A consequence goes on further out, where another one lies.
        ("consequence", vec![at(1, 1, 0, &[]), at(2, 2, 13, &[1]), at(3, 2, 20, &[]), at(4, 4, 30, &[1])], "1 2 3 4"),
        // So does a cause; what that caused besides is another request, wherever it lies.
        (
            "cause",
            vec![at(1, 1, 0, &[2]), at(2, 2, 13, &[]), at(3, 2, 20, &[]), at(4, 4, 30, &[1]), at(5, 5, 30, &[2])],
            "1 2 3 4",
        ),
        // What of the request itself is found in that time is no cause.
        (
            "kin",
            vec![
                kin(at(1, 1, 0, &[2])),
                at(2, 2, 13, &[]),
                at(3, 2, 20, &[]),
                kin(at(4, 4, 25, &[])),
                at(5, 5, 33, &[4]),
                at(6, 6, 33, &[2]),
            ],
            "1 2 3 4 5",
        ),
        // And what lies further out goes on again.
        (
            "chain",
            vec![at(1, 1, 0, &[]), at(2, 2, 14, &[1]), at(3, 3, 28, &[1]), at(4, 4, 42, &[2]), at(5, 5, 56, &[1])],
            "1 2 3 4 5",
        ),
        // Further than is looked at.
        ("beyond", vec![at(1, 1, 0, &[]), at(2, 2, 13, &[1]), at(3, 3, 29, &[1])], "1 2"),
    ] {
        let asked = TraceStart {
            windows: vec![Window { since_unix_nano: HOUR_8 - MINUTE, until_unix_nano: HOUR_8 + 2 * MINUTE }],
            ..start(&[id(IdKind::Trace, &trace(1))])
        };
        let found = found_of(&rows, &asked, &TraceBounds::default());
        let events = found.events.iter().map(|event| event.record.event_id.trim_start_matches('0'));
        assert_eq!(events.collect::<Vec<_>>().join(" "), expected, "{case}: {:?}", found.looked);
        assert_eq!(found.truncated, Vec::<String>::new(), "{case}");
    }
}

#[test]
fn an_id_whose_last_half_alone_is_the_same_is_told() {
    let (long, short) = (trace_id(0x0701), format!("{:032x}", 0x0701));
    let rows = vec![
        line(1, HOUR_8, [&long, "", ""]),
        line(2, HOUR_8, [&short, "", ""]),
        line(3, HOUR_8, [&trace_id(7), "", ""]),
    ];
    for (asked, other) in [(&long, &short), (&short, &long)] {
        let found = found_of(&rows, &start(&[id(IdKind::Trace, asked)]), &TraceBounds::default());
        assert_eq!((found.events.len(), found.notes.len()), (1, 1));
        assert!(found.notes[0].contains(other.as_str()), "{:?}", found.notes);
        // Also if it is all that there is.
        let found = found_of(
            &rows[usize::from(asked == &long)..][..1],
            &start(&[id(IdKind::Trace, asked)]),
            &TraceBounds::default(),
        );
        assert_eq!((found.events.len(), found.notes.len()), (0, 1));
    }
}

#[test]
fn a_line_that_names_a_strangers_id_leads_to_the_call_around_it() {
    let rows = vec![
        lambda(1, "start", "inv-a", 0, 0),
        line(2, HOUR_8 + 10 * MS, ["", "", "stranger"]),
        line(3, HOUR_8 + 20 * MS, ["", "ord-1", ""]),
        lambda(4, "report", "inv-a", 500, 500),
        // Another call, of which nothing is asked.
        lambda(5, "start", "inv-b", 1000, 0),
        line(6, HOUR_8 + 1010 * MS, ["", "ord-2", "inv-b"]),
        lambda(7, "report", "inv-b", 1500, 500),
        // Of no call.
        line(8, HOUR_8 + 2000 * MS, ["", "ord-3", ""]),
    ];
    let found = |asked: Id| {
        let mut memory = Memory { rows: rows.clone(), looks: 0 };
        let bounds = TraceBounds::default();
        let mut found = block_on(follow(&mut memory, &start(&[asked]), &bounds)).unwrap();
        block_on(streams::tie(&mut memory, &mut found, &bounds)).unwrap();
        let events = found.events.iter().map(|event| event.record.event_id.trim_start_matches('0')).collect::<Vec<_>>();
        let ids: Vec<&str> = found.ids.iter().map(|id| id.value.as_str()).collect();
        format!("{} | {}", events.join(" "), ids.join(" "))
    };
    assert_eq!(found(id(IdKind::Invocation, "stranger")), "1 2 3 4 | inv-a");
    assert_eq!(found(id(IdKind::Correlation, "ord-1")), "1 2 3 4 | ord-1 inv-a");
    assert_eq!(found(id(IdKind::Event, "00000002")), "1 2 3 4 | inv-a");
    assert_eq!(found(id(IdKind::Correlation, "ord-2")), "5 6 7 | ord-2 inv-b");
    assert_eq!(found(id(IdKind::Correlation, "ord-3")), "8 | ord-3");
}

#[test]
fn an_end_is_missed_only_where_it_was_looked_for() {
    let spans = |looked: &[(i64, i64)], rows: Vec<Event>, now: i64| {
        let looked = looked.iter().map(|(since, until)| Window {
            since_unix_nano: HOUR_8 + since * MINUTE,
            until_unix_nano: HOUR_8 + until * MINUTE,
        });
        let found = Found { looked: looked.collect(), ..found_as(rows) };
        let circumstances = Circumstances { now_unix_nano: HOUR_8 + now * MINUTE, ..Circumstances::default() };
        let trace = picture(found, &circumstances);
        let marks: Vec<&str> = trace.tree.spans[0].marks.iter().map(|mark| mark.name()).collect();
        (marks.join(" "), trace.truncated.join(" "))
    };
    let told = |minutes: i64| line(2, HOUR_8 + minutes * MINUTE, [&trace_id(1), "", ""]);
    let open = || span(1, 1, 0, 0, -1);
    let of_span = |event: Event| with(event, |record| record.span_id = Some(span_id(1).into()));
    let nothing = String::new();
    // It says something now and then, for as long as it likes.
    assert_eq!(
        spans(&[(-60, 3000)], vec![open(), of_span(told(1540))], 1570),
        ("still_running".into(), nothing.clone())
    );
    assert_eq!(spans(&[(-60, 3000)], vec![open(), of_span(told(1540))], 1590), ("cut_off".into(), nothing.clone()));
    // An invocation has fifteen minutes.
    assert_eq!(
        spans(&[(-60, 3000)], vec![lambda(1, "start", "inv-a", 0, 0)], 14),
        ("still_running".into(), nothing.clone())
    );
    assert_eq!(spans(&[(-60, 3000)], vec![lambda(1, "start", "inv-a", 0, 0)], 16), ("cut_off".into(), nothing.clone()));
    // Nobody looked any further.
    let (marks, truncated) = spans(&[(-60, 10)], vec![open()], 3000);
    assert_eq!(marks, "");
    assert!(
        truncated.starts_with("1 span has no end in the time that was looked at, which ended at 2026-11-21T08:10:00Z"),
        "{truncated}"
    );
    let (marks, truncated) = spans(&[(-60, 60)], vec![open(), of_span(told(20))], 3000);
    assert!(marks.is_empty() && truncated.contains("(--until)"), "{marks} {truncated}");
    assert_eq!(spans(&[(-60, 60)], vec![open()], 3000), ("cut_off".into(), nothing));
}

#[test]
fn a_call_whose_sides_share_an_id_is_two_spans() {
    let of = |event: Event, service: &'static str, kind: &'static str| {
        with(event, |record| {
            record.service_name = Some(service.into());
            record.span_kind = Some(kind.into());
        })
    };
    check(
        vec![
            of(span(1, 1, 0, 0, 100), "gw", "SERVER"),
            of(span(2, 2, 1, 10, 90), "gw", "CLIENT"),
            of(span(3, 2, 1, 20, -1), "pay", "SERVER"),
            of(span(4, 2, 1, 20, 80), "pay", "SERVER"),
            // Delivered twice, and from before its end.
            of(span(4, 2, 1, 20, 80), "pay", "SERVER"),
            of(span(5, 3, 2, 30, 40), "pay", "INTERNAL"),
            with(line(6, HOUR_8 + 35 * MS, [&trace_id(1), "", ""]), |record| {
                record.service_name = Some("gw".into());
                record.span_id = Some(span_id(2).into());
            }),
        ],
        "
        span gw s1 - 0..100 UNSET [] 1
          span gw s2 - 10..90 UNSET [] 2
            span pay s2 - 20..80 UNSET [] 3
              span pay s3 - 30..40 UNSET [] 1
        note: 1 id names more than one span: what was called stands below its caller, as B3 has it, and others stand side by side
        ",
    );
}

#[test]
fn a_link_to_a_call_whose_sides_share_an_id_leads_to_the_same_side_in_every_form() {
    let of = |event: Event, service: &'static str, kind: &'static str| {
        with(event, |record| {
            record.service_name = Some(service.into());
            record.span_kind = Some(kind.into());
        })
    };
    let linking = |event: Event| {
        with(of(event, "worker", "CONSUMER"), |record| {
            record.trace_id = Some(trace_id(2).into());
            record.attributes = Some(
                format!("{{\"links\":[{{\"traceId\":\"{}\",\"spanId\":\"{}\"}}]}}", trace_id(1), span_id(2)).into(),
            );
        })
    };
    let events = vec![
        of(span(1, 2, 0, 0, 100), "gw", "CLIENT"),
        of(span(2, 2, 0, 10, 90), "pay", "SERVER"),
        linking(span(3, 3, 0, 200, 300)),
    ];
    let trace = picture(found_as(events), &Circumstances::default());
    let node = trace.tree.spans.iter().flat_map(|span| &span.links).find_map(|link| link.span).unwrap();
    assert_eq!(trace.tree.spans[node].service_name.as_deref(), Some("pay"));
    let mut otlp = Vec::new();
    render_trace_otlp(&trace, &mut otlp).unwrap();
    let otlp: serde_json::Value = serde_json::from_slice(otlp.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let resources = otlp["resourceSpans"].as_array().unwrap();
    let spans: Vec<&serde_json::Value> = resources.iter().map(|of| &of["scopeSpans"][0]["spans"][0]).collect();
    let of_kind = |kind: i64| spans.iter().find(|span| span["kind"] == kind).unwrap();
    let (server, client, worker) = (of_kind(2), of_kind(3), of_kind(5));
    assert_eq!(worker["links"][0]["spanId"], server["spanId"]);
    assert_eq!((&server["parentSpanId"], client["spanId"].as_str()), (&client["spanId"], Some(span_id(2).as_str())));
}

/// The tree as lines: depth, source, name, region, release, status, attempt, marks and number of records.
fn drawn(events: &[Event]) -> String {
    let tree = assemble(
        events,
        &Circumstances { now_unix_nano: HOUR_8 + HOUR, is_region_missing: true, ..Circumstances::default() },
    );
    check_tree(events, &tree);
    let mut text = String::new();
    for (number, depth) in tree.in_order() {
        let span = &tree.spans[number];
        let or = |value: &Option<String>| value.clone().unwrap_or("-".into());
        let marks: Vec<&str> = span.marks.iter().map(|mark| mark.name()).collect();
        let end = span.end_unix_nano.map_or("…".to_owned(), |end| ((end - HOUR_8) / MS).to_string());
        text.push_str(&format!(
            "{}{} {} {} {} {}..{end} {}{} [{}] {}\n",
            "  ".repeat(depth),
            span.source.name(),
            or(&span.service_name),
            or(&span.span_name),
            or(&span.release),
            (span.start_unix_nano - HOUR_8) / MS,
            span.status.name(),
            span.attempt.map_or(String::new(), |(attempt, of)| format!(" {attempt}/{of}")),
            marks.join(" "),
            span.records.len(),
        ));
    }
    for note in tree.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

fn check(events: Vec<Event>, expected: &str) {
    let mut events = events;
    events.sort_by_key(|event| (event.record.time_unix_nano, event.record.event_id.clone()));
    let drawn = drawn(&events);
    let trimmed: String = expected
        .lines()
        .map(|line| line.strip_prefix("        ").unwrap_or(line))
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(drawn, trimmed.trim_end().to_owned() + "\n", "\n{drawn}");
}

/// A span: its own id, its parent's (0 for none), from and until in milliseconds; -1 while it is in progress.
fn span(number: usize, id: usize, parent: usize, from: i64, until: i64) -> Event {
    let mut event = line(number, HOUR_8 + from * MS, [&trace_id(1), "", ""]);
    event.record.signal = "span".into();
    event.record.span_id = Some(span_id(id).into());
    event.record.parent_span_id = (parent > 0).then(|| span_id(parent).into());
    event.record.span_name = Some(format!("s{id}").into());
    event.record.status_code = Some("UNSET".into());
    match until {
        -1 => event.record.event_name = Some("span.in_progress".into()),
        _ => event.record.duration_nano = Some((until - from) * MS),
    }
    event.record.faas_name = None;
    event.record.faas_version = None;
    event
}

/// A record of Lambda's own.
fn lambda(number: usize, name: &str, invocation: &str, at: i64, duration: i64) -> Event {
    let mut event = line(number, HOUR_8 + at * MS, ["", "", invocation]);
    event.record.event_name = Some(format!("platform.{name}").into());
    event.record.duration_nano = (duration > 0).then_some(duration * MS);
    event.release = Some("7".into());
    event
}

fn with(mut event: Event, change: impl FnOnce(&mut Record<'static>)) -> Event {
    change(&mut event.record);
    event.release = event.record.service_version.as_deref().map(str::to_owned).or(event.release);
    event
}

#[test]
fn of_two_copies_of_a_span_the_completed_one_counts() {
    check(
        vec![
            with(span(1, 1, 0, 0, -1), |record| record.service_name = Some("edge".into())),
            span(2, 1, 0, 0, 100),
            span(3, 2, 1, 10, -1),
        ],
        "
        span edge s1 - 0..100 UNSET [] 2
          span edge s2 - 10..… UNSET [cut_off] 1
        ",
    );
}

#[test]
fn an_invocation_without_a_span_becomes_one_and_records_join_it() {
    check(
        vec![
            span(1, 1, 0, 0, 500),
            with(lambda(2, "start", "inv-a", 10, 0), |record| {
                record.trace_id = Some(trace_id(1).into());
                record.span_id = Some(span_id(9).into());
                record.parent_span_id = Some(span_id(1).into());
            }),
            with(line(3, HOUR_8 + 20 * MS, ["", "", "inv-a"]), |record| {
                record.service_name = Some("payments".into());
                record.service_version = Some("1.4.2".into());
            }),
            with(lambda(4, "report", "inv-a", 110, 100), |record| {
                record.trace_id = Some(trace_id(1).into());
                record.span_id = Some(span_id(8).into());
                record.status_code = Some("ERROR".into());
            }),
            // A span within, of which only the parent's other id is known.
            span(5, 5, 8, 30, 60),
            // Another one that is still running, or was cut off.
            lambda(6, "start", "inv-b", 200, 0),
        ],
        "
        span - s1 - 0..500 UNSET [] 1
          invocation payments cart 1.4.2 10..110 ERROR [] 3
            span payments s5 1.4.2 30..60 UNSET [] 1
        invocation cart cart 7 200..… UNSET [cut_off] 1
        ",
    );
}

#[test]
fn a_recorded_span_covers_its_invocation() {
    check(
        vec![
            with(span(1, 1, 0, 0, 500), |record| {
                record.faas_invocation_id = Some("inv-a".into());
                record.service_name = Some("UnknownService".into());
            }),
            // Within the invocation, with a parent that was not recorded.
            with(span(2, 2, 77, 20, 60), |record| record.faas_invocation_id = Some("inv-a".into())),
            lambda(3, "start", "inv-a", 1, 0),
            with(line(4, HOUR_8 + 25 * MS, [&trace_id(1), "", "inv-a"]), |record| {
                record.span_id = Some(span_id(2).into());
                record.service_name = Some("cart".into());
                record.severity_number = Some(17);
            }),
            lambda(5, "report", "inv-a", 500, 500),
        ],
        "
        span cart s1 7 0..500 UNSET [] 3
          span cart s2 7 20..60 ERROR [] 2
        ",
    );
}

#[test]
fn retries_of_an_invocation_stand_side_by_side() {
    let parent = |record: &mut Record<'static>| {
        record.trace_id = Some(trace_id(1).into());
        record.parent_span_id = Some(span_id(1).into());
    };
    let elsewhere = |record: &mut Record<'static>| record.aws_log_stream = Some("2026/11/21/[7]bb".into());
    check(
        vec![
            span(1, 1, 0, 0, 50),
            with(lambda(2, "start", "inv-a", 100, 0), parent),
            with(line(3, HOUR_8 + 120 * MS, ["", "", "inv-a"]), |record| record.severity_number = Some(17)),
            lambda(4, "report", "inv-a", 150, 50),
            lambda(5, "start", "inv-a", 60_000, 0),
            lambda(6, "report", "inv-a", 60_080, 80),
            with(lambda(7, "start", "inv-a", 180_000, 0), elsewhere),
            with(line(8, HOUR_8 + 180_010 * MS, ["", "", "inv-a"]), elsewhere),
            with(lambda(9, "report", "inv-a", 180_030, 30), elsewhere),
        ],
        "
        span - s1 - 0..50 UNSET [] 1
          invocation cart cart 7 100..150 ERROR 1/3 [] 3
          invocation cart cart 7 60000..60080 OK 2/3 [] 2
          invocation cart cart 7 180000..180030 OK 3/3 [] 3
        ",
    );
}

#[test]
fn orphans_share_a_parent_that_was_not_seen_and_circles_are_broken_by_name() {
    check(
        vec![
            span(1, 1, 42, 10, 30),
            span(2, 2, 42, 20, 90),
            // Each names the other.
            span(3, 5, 6, 100, 150),
            span(4, 6, 5, 101, 140),
            span(5, 7, 7, 200, 210),
            // It ended before it began; the normaliser leaves the end that was stated.
            with(span(6, 8, 1, 15, 15), |record| {
                record.attributes = Some(format!("{{\"endTimeUnixNano\":{}}}", HOUR_8 + 5 * MS).into());
            }),
        ],
        "
        missing - - - 10..90 UNSET [parent_not_seen region_may_be_missing] 0
          span - s1 - 10..30 UNSET [] 1
            span - s8 - 15..15 UNSET [duration_clamped] 1
          span - s2 - 20..90 UNSET [] 1
        span - s5 - 100..150 UNSET [cycle_broken] 1
          span - s6 - 101..140 UNSET [] 1
        span - s7 - 200..210 UNSET [cycle_broken] 1
        note: span 0000000000000008 names itself as its parent; it was put on top
        note: spans 0000000000000006, 0000000000000007 name each other as parents in a circle; the one that began first was put on top
        ",
    );
}

#[test]
fn records_with_little_to_go_by_find_a_place() {
    check(
        vec![
            with(span(1, 1, 0, 0, 100), |record| record.service_name = Some("edge".into())),
            // Of an API in front: a trace, and nobody says whose.
            with(line(2, HOUR_8 - MS, [&trace_id(1), "", ""]), |record| record.faas_name = None),
            // Of the same service.
            with(line(3, HOUR_8 + 50 * MS, [&trace_id(1), "", ""]), |record| record.service_name = Some("edge".into())),
            // Of another one.
            with(line(4, HOUR_8 + 60 * MS, [&trace_id(1), "", ""]), |record| {
                record.service_name = Some("prices".into())
            }),
            // Of a span that was not recorded.
            with(line(5, HOUR_8 + 70 * MS, [&trace_id(1), "", ""]), |record| {
                record.service_name = Some("stock".into());
                record.span_id = Some(span_id(30).into());
            }),
            // Nothing but the application's own id.
            with(line(6, HOUR_8 + 200 * MS, ["", "ord-1", ""]), |record| record.service_name = Some("mail".into())),
        ],
        "
        span edge s1 - 0..100 UNSET [] 3
          records prices - - 60..60 UNSET [] 1
        records stock - - 70..70 UNSET [] 1
        records mail - - 200..200 UNSET [] 1
        ",
    );
}

/// A call from one region to another: the caller's span and the one below it.
fn call(number: usize, caller: (i64, i64), callee: (i64, i64)) -> Vec<Event> {
    let of = |event: Event, region: &'static str, kind: &'static str| {
        with(event, |record| {
            record.cloud_region = Some(region.into());
            record.span_kind = Some(kind.into());
        })
    };
    vec![
        of(span(number, number, 0, caller.0, caller.1), "eu-west-2", "CLIENT"),
        of(span(number + 1, number + 1, number, callee.0, callee.1), "us-west-2", "SERVER"),
    ]
}

#[test]
fn clocks_that_differ_are_shown_and_corrected_on_request() {
    let skew = |events: &[Event], correct: bool| {
        let mut tree = assemble(events, &Circumstances::default());
        let summary = summarise(events, &mut tree, correct);
        (summary.clock_skew.clone(), tree, summary)
    };
    // Begins 120 ms before its caller, and another one 80 ms.
    let behind = [call(1, (1000, 1500), (880, 1300)), call(11, (3000, 3400), (2920, 3200))].concat();
    let (found, tree, _) = skew(&behind, false);
    let expected = ClockSkew {
        cloud_region: "us-west-2".into(),
        reference_region: "eu-west-2".into(),
        offset_nano: -120 * MS,
        calls: 2,
    };
    assert_eq!(found, [expected]);
    assert_eq!(tree.spans.iter().map(|span| span.start_unix_nano).min(), Some(HOUR_8 + 880 * MS));
    let (_, tree, summary) = skew(&behind, true);
    assert_eq!(summary.corrected_nano, BTreeMap::from([("eu-west-2".into(), 0), ("us-west-2".into(), -120 * MS)]));
    assert_eq!((summary.start_unix_nano, summary.duration_nano), (Some(HOUR_8 + 1000 * MS), Some(2400 * MS)));
    for span in &tree.spans {
        assert!(span.parent.is_none_or(|above| tree.spans[above].start_unix_nano <= span.start_unix_nano));
    }
    // Ends 200 ms after the caller that waited for it.
    let (found, ..) = skew(&call(1, (1000, 1500), (1300, 1700)), false);
    assert_eq!((found[0].offset_nano, found[0].calls), (200 * MS, 1));
    // Longer than its caller: nobody waited for it. And a caller that gave up proves nothing.
    assert_eq!(skew(&call(1, (1000, 1100), (1050, 1700)), false).0, []);
    let mut gave_up = call(1, (1000, 1500), (1300, 1700));
    gave_up[0].record.status_code = Some("ERROR".into());
    assert_eq!(skew(&gave_up, false).0, []);
    // Milliseconds against nanoseconds are no skew, and neither is a pair of calls that no one offset explains.
    assert_eq!(skew(&call(1, (1000, 1500), (999, 1300)), false).0, []);
    let both = [call(1, (1000, 1500), (880, 1300)), call(11, (3000, 3500), (3300, 3700))].concat();
    assert_eq!(skew(&both, false).0, []);
}

#[test]
fn the_critical_path_is_what_the_end_waited_for() {
    // Two calls at once, of which the second was waited for; then the parent's own work.
    let events = vec![span(1, 1, 0, 0, 100), span(2, 2, 1, 10, 40), span(3, 3, 1, 20, 80), span(4, 4, 0, 300, 320)];
    let mut tree = assemble(&events, &Circumstances::default());
    let summary = summarise(&events, &mut tree, false);
    let of = |id: usize| tree.spans.iter().find(|span| span.span_id == Some(span_id(id))).unwrap().critical_nano / MS;
    assert_eq!([of(1), of(2), of(3), of(4)], [30, 10, 60, 20]);
    let between = summary.region_time.iter().find(|time| time.cloud_region.is_none()).unwrap();
    assert_eq!((between.critical_nano / MS, summary.duration_nano), (200, Some(320 * MS)));
    // What was started and not waited for goes on after its parent, and is not the parent's time.
    let events = vec![span(1, 1, 0, 0, 50), span(2, 2, 1, 40, 200)];
    let mut tree = assemble(&events, &Circumstances::default());
    summarise(&events, &mut tree, false);
    let of = |id: usize| tree.spans.iter().find(|span| span.span_id == Some(span_id(id))).unwrap().critical_nano / MS;
    assert_eq!([of(1), of(2)], [40, 160]);
}

#[test]
fn the_first_error_is_the_one_that_no_other_lies_below() {
    let failed = |event: Event, region: &'static str| {
        with(event, |record| {
            record.status_code = Some("ERROR".into());
            record.cloud_region = Some(region.into());
        })
    };
    let events = vec![
        failed(span(1, 1, 0, 0, 100), "eu-west-2"),
        failed(span(2, 2, 1, 10, 90), "us-east-2"),
        with(line(3, HOUR_8 + 50 * MS, [&trace_id(1), "", ""]), |record| {
            record.span_id = Some(span_id(2).into());
            record.severity_number = Some(17);
            record.exception_type = Some("KeyError".into());
            record.exception_message = Some("'card'".into());
        }),
        // The caller's own log of it is earlier by its clock.
        with(line(4, HOUR_8 + 5 * MS, [&trace_id(1), "", ""]), |record| {
            record.span_id = Some(span_id(1).into());
            record.severity_number = Some(17);
        }),
    ];
    let mut events = events;
    events.sort_by_key(|event| event.record.time_unix_nano);
    let mut tree = assemble(&events, &Circumstances::default());
    let first = summarise(&events, &mut tree, false).first_error.unwrap();
    assert_eq!(tree.spans[first.span].cloud_region.as_deref(), Some("us-east-2"));
    assert_eq!((first.exception_type.as_deref(), first.message.as_deref()), (Some("KeyError"), Some("'card'")));
    assert_eq!(first.time_unix_nano, HOUR_8 + 50 * MS);
    assert_eq!(tree.spans[first.span].status, Status::Error);
}

#[test]
fn a_long_chain_is_written_without_falling_over_it() {
    let events: Vec<Event> =
        (1..20_000).map(|number| span(number, number, number - 1, number as i64, 20_000)).collect();
    let trace = picture(found_as(events), &Circumstances::default());
    let text = json(&trace);
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    fn count(spans: &serde_json::Value) -> usize {
        spans.as_array().unwrap().iter().map(|span| 1 + count(&span["children"])).sum()
    }
    assert_eq!(count(&parsed["spans"]), 19_999);
    let mut out = Vec::new();
    let style = WaterfallStyle {
        width: Some(100),
        color: true,
        time_zone: jiff::tz::TimeZone::UTC,
        logs: LogsShown::All,
        depth: Some(50),
        collapse: 10,
    };
    render_waterfall(&trace, &style, &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("(+19949)"));
    // Where nothing bounds the width, neither a line nor their number grows with the chain, and what is left out is counted.
    let mut out = Vec::new();
    render_waterfall(&trace, &WaterfallStyle { width: None, color: false, depth: None, ..style }, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().all(|line| line.chars().count() < 500), "a line is wide");
    assert!(text.len() < 4 << 20 && text.contains("9999 further spans are not shown"), "{} bytes", text.len());
    render_trace_otlp(&trace, &mut Vec::new()).unwrap();
}

#[test]
fn a_page_folds_what_a_browser_cannot_hold_and_says_so() {
    let long = "é".repeat(100_000);
    let long_attributes = format!("{{\"k\":\"{long}\"}}");
    let page = |count: usize| {
        let events = (1..=count).map(|number| {
            with(span(number, number, 0, number as i64, 20_000), |record| {
                record.body = Some(long.clone().into());
                record.attributes = Some(long_attributes.clone().into());
            })
        });
        let events = events.collect();
        let trace = picture(found_as(events), &Circumstances::default());
        let mut out = Vec::new();
        render_trace_html(&trace, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let small = page(10);
    assert!(small.contains(&long) && !small.contains("are folded here"));
    let large = page(300);
    assert!(large.len() < 40 << 20, "{} bytes", large.len());
    assert!(
        !large.contains(&long) && large.contains("600 texts longer than") && large.contains("transect.folded_bytes")
    );
}

#[test]
fn children_that_are_alike_are_one_line_and_failures_are_not() {
    let mut events = vec![span(1, 1, 0, 0, 1000)];
    events.extend((0..40).map(|index| {
        let event = span(2 + index, 2 + index, 1, 10 + index as i64, 20 + index as i64);
        with(event, |record| {
            record.span_name = Some("GetItem".into());
            if index == 20 {
                record.status_code = Some("ERROR".into());
            }
        })
    }));
    let trace = picture(found_as(events), &Circumstances::default());
    let lines = |trace: &Trace, collapse: usize| {
        let style = WaterfallStyle {
            width: None,
            color: false,
            time_zone: jiff::tz::TimeZone::UTC,
            logs: LogsShown::Errors,
            depth: None,
            collapse,
        };
        let mut out = Vec::new();
        render_waterfall(trace, &style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let collapsed = lines(&trace, 10);
    assert_eq!(collapsed.matches("GetItem").count(), 2, "{collapsed}");
    assert!(collapsed.contains("GetItem ×39") && collapsed.contains("ERROR"), "{collapsed}");
    assert_eq!(lines(&trace, 0).matches("GetItem").count(), 40);
    // What links to all of them is told once.
    let sent = |number: usize| with(span(number, number, 90, 10, 20), |record| record.span_name = Some("send".into()));
    let mut events: Vec<Event> = (0..40).map(sent).collect();
    events.push(with(span(99, 99, 0, 30, 40), |record| {
        record.trace_id = Some(trace_id(2).into());
        let to = (0..40).map(|to| format!("{{\"traceId\":\"{}\",\"spanId\":\"{}\"}}", trace_id(1), span_id(to)));
        record.attributes = Some(format!("{{\"links\":[{}]}}", to.collect::<Vec<_>>().join(",")).into());
    }));
    let linked = lines(&picture(found_as(events), &Circumstances::default()), 10);
    assert!(linked.contains(" ×40 "), "{linked}");
    assert_eq!((linked.matches("linked from").count(), linked.matches("links to").count()), (1, 1), "{linked}");
}

#[test]
fn a_failure_is_told_in_words_however_narrow_the_terminal_is_and_however_long_the_names_are() {
    let long = "n".repeat(60_000);
    let events = (0..50).map(|number| {
        with(span(number, number, 90, number as i64, number as i64 + 60), |record| {
            record.service_name = Some(format!("service-of-a-long-name-{number}").into());
            record.cloud_region = Some("ap-southeast-2".into());
            record.service_version = Some("2026.11.21-1.4.2".into());
            match number {
                7 => record.service_name = Some(long.clone().into()),
                8 => record.status_message = Some(long.clone().into()),
                _ => record.status_code = Some("ERROR".into()),
            }
        })
    });
    let trace = picture(found_as(events.collect()), &Circumstances::default());
    for width in [40, 50, 60, 70, 80, 100, 200].map(Some).into_iter().chain([None]) {
        let style = WaterfallStyle {
            width,
            color: false,
            time_zone: jiff::tz::TimeZone::UTC,
            logs: LogsShown::All,
            depth: None,
            collapse: 10,
        };
        let mut out = Vec::new();
        render_waterfall(&trace, &style, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (_, rows) = text.split_once("\n\n").unwrap();
        let widest = rows.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= width.unwrap_or(600), "{width:?}: {widest}\n{rows}");
        assert_eq!(rows.matches("ERROR").count(), 48, "{width:?}:\n{rows}");
    }
}
