//! From one id to everything that happened for its request: the records that carry it, the ids of those records, and so
//! on until nothing new is found. Pure but for the [`Source`] that looks rows up: tests give it rows in memory.
//!
//! It refuses to guess: what a bound cut off is said, and an id that too many traces share is named and not followed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use transect_schema::Record;

use super::streams::StreamWindows;
use crate::Result;

/// A request's records lie around those that are found already, and further out only if some are found at the edge.
pub(super) const EDGE_NANO: i64 = 15 * 60 * SECOND_NANO;
/// So much more is looked at, on both sides, than is asked for: a few seconds more need no further look then.
const SPARE_NANO: i64 = 5 * 60 * SECOND_NANO;
const SECOND_NANO: i64 = 1_000_000_000;
/// Looks at the lake for one request. Beyond it, records keep turning up further and further out.
const LOOKS_MAX: usize = 64;
/// Rows kept of a look for each record that is wanted: as many copies of a record may have been delivered.
const COPIES_MAX: usize = 4;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    /// A trace.
    Trace,
    /// A request of the application's, by the application's own id.
    Correlation,
    /// A Lambda invocation.
    Invocation,
    /// One log event.
    Event,
    /// A span of any trace.
    Span,
}

impl IdKind {
    /// All of them. The first three lead on: a row's ids of these kinds are looked for next.
    pub const ALL: [IdKind; 5] = [IdKind::Trace, IdKind::Correlation, IdKind::Invocation, IdKind::Event, IdKind::Span];
    /// How many lead on.
    pub(super) const LEADING: usize = 3;

    /// The column that holds ids of this kind.
    pub const fn column(self) -> &'static str {
        match self {
            IdKind::Trace => "trace_id",
            IdKind::Correlation => "correlation_id",
            IdKind::Invocation => "faas_invocation_id",
            IdKind::Event => "event_id",
            IdKind::Span => "span_id",
        }
    }
}

/// An id, as its column holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// What it names.
    pub kind: IdKind,
    /// Its text.
    pub value: String,
}

/// Times, both ends included; nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub since_unix_nano: i64,
    /// The last.
    pub until_unix_nano: i64,
}

impl Window {
    pub(super) fn holds(&self, time: i64) -> bool {
        (self.since_unix_nano..=self.until_unix_nano).contains(&time)
    }

    fn covers(&self, other: &Window) -> bool {
        self.since_unix_nano <= other.since_unix_nano && other.until_unix_nano <= self.until_unix_nano
    }

    pub(super) fn widen(&self, nanos: i64) -> Window {
        Window {
            since_unix_nano: self.since_unix_nano.saturating_sub(nanos),
            until_unix_nano: self.until_unix_nano.saturating_add(nanos),
        }
    }
}

/// Where a request is looked for first.
#[derive(Clone, Debug)]
pub struct TraceStart {
    /// The id as it was given.
    pub text: String,
    /// What it may be.
    pub ids: Vec<Id>,
    /// Times to look at, one after the other until something is found.
    pub windows: Vec<Window>,
}

/// How far a request is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceBounds {
    /// Steps from the first id to others.
    pub hops_max: usize,
    /// Records.
    pub records_max: usize,
    /// Traces that may share an id which is followed.
    pub hub_traces_max: usize,
    /// Whether an id is followed that more traces share.
    pub follow_hubs: bool,
}

impl Default for TraceBounds {
    fn default() -> TraceBounds {
        TraceBounds { hops_max: 8, records_max: 50_000, hub_traces_max: 200, follow_hubs: false }
    }
}

/// An id that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// The id.
    pub id: Id,
    /// Traces that share it, where they were looked for.
    pub traces: u64,
}

/// A record of the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The row of `telemetry`.
    pub record: Record<'static>,
    /// The column `release`.
    pub release: Option<String>,
}

impl Event {
    /// The ids that it carries and that lead on.
    pub(super) fn ids(&self) -> impl Iterator<Item = (IdKind, &str)> {
        let record = &self.record;
        [
            (IdKind::Trace, record.trace_id.as_deref()),
            (IdKind::Correlation, record.correlation_id.as_deref()),
            (IdKind::Invocation, record.faas_invocation_id.as_deref()),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value.filter(|value| !value.is_empty())?)))
    }

    /// Which event it is, however often it was delivered, in the order of time.
    pub(super) fn key(&self) -> Key {
        let record = &self.record;
        let text = |text: &Option<std::borrow::Cow<'static, str>>| text.as_deref().unwrap_or_default().to_owned();
        let place = [text(&record.cloud_region), text(&record.aws_log_group), text(&record.aws_log_stream)];
        (record.time_unix_nano, record.event_id.clone().into_owned(), place)
    }
}

pub(super) type Key = (i64, String, [String; 3]);

/// Looks rows up by their ids.
pub(super) trait Source {
    /// Names a row until the end of the search.
    type Row: Copy + Eq + Hash + Ord + fmt::Debug;

    /// The rows of a time that carry one of the ids.
    async fn look(&mut self, sought: &Sought<'_>) -> Result<Look<Self::Row>>;

    /// The log records of some streams and times, in the order of their own time.
    async fn lines(&mut self, streams: &StreamWindows) -> Result<Vec<Self::Row>>;

    /// What these rows hold, in any order.
    async fn fetch(&mut self, rows: &[Self::Row]) -> Result<Vec<(Self::Row, Event)>>;
}

/// What a look is for.
pub(super) struct Sought<'s> {
    pub(super) ids: &'s [Id],
    /// For each id, whether its rows are wanted even if it is a hub: because it is what was asked for.
    pub(super) are_asked_for: &'s [bool],
    pub(super) window: Window,
    /// An id that more traces share is a hub.
    pub(super) hub_traces_max: Option<usize>,
    pub(super) rows_max: usize,
}

/// What a look has found.
#[derive(Debug)]
pub(super) struct Look<R> {
    pub(super) hits: Vec<Hit<R>>,
    /// For each id, how many traces share it.
    pub(super) traces: Vec<u64>,
    /// Whether there were more rows than wanted: those returned are the earliest.
    pub(super) is_cut: bool,
}

/// A row that carries an id which was looked for.
#[derive(Clone, Debug)]
pub(super) struct Hit<R> {
    pub(super) row: R,
    pub(super) time: i64,
    /// The places of these ids among those looked for, one for each kind.
    pub(super) places: [Option<u32>; IdKind::ALL.len()],
    /// All its ids that lead on: trace, correlation and invocation.
    pub(super) ids: [Option<Arc<str>>; IdKind::LEADING],
}

impl<R> Hit<R> {
    fn ids(&self) -> impl Iterator<Item = Id> {
        let of = |(kind, value): (IdKind, &Option<Arc<str>>)| {
            let value = value.as_deref().filter(|value| !value.is_empty())?;
            Some(Id { kind, value: value.to_owned() })
        };
        IdKind::ALL.into_iter().zip(&self.ids).filter_map(of)
    }
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// In the order of time, each once.
    pub(super) events: Vec<Event>,
    /// Ids that were followed, and stand in a record.
    pub(super) ids: BTreeSet<Id>,
    pub(super) hubs: Vec<Hub>,
    /// What a bound cut off.
    pub(super) truncated: Vec<String>,
}

struct Known {
    hop: usize,
    looked: Option<Window>,
    hub_traces: Option<u64>,
}

/// Follows a request from its first id.
pub(super) async fn follow<S: Source>(source: &mut S, start: &TraceStart, bounds: &TraceBounds) -> Result<Found> {
    let mut search = Search {
        known: start.ids.iter().map(|id| (id.clone(), Known { hop: 0, looked: None, hub_traces: None })).collect(),
        rows: HashMap::new(),
        followed: BTreeSet::new(),
        events: BTreeMap::new(),
        extent: None,
        truncated: Vec::new(),
        bounds: *bounds,
    };
    let mut windows = start.windows.iter();
    let mut first = windows.next().copied();
    let mut looks = 0;
    loop {
        // What must have been looked at, and what is looked at if it has not been.
        let (needed, window) = match search.extent {
            Some(extent) => (extent.widen(EDGE_NANO), extent.widen(EDGE_NANO + SPARE_NANO)),
            None => match first {
                Some(window) => (window, window),
                None => break,
            },
        };
        let pending = search.pending(&needed);
        if pending.is_empty() {
            if !search.rows.is_empty() {
                break;
            }
            first = windows.next().copied();
            continue;
        }
        if looks == LOOKS_MAX {
            search.truncated.push(format!(
                "records keep turning up further out; the search ended after {LOOKS_MAX} looks at the lake"
            ));
            break;
        }
        looks += 1;
        if search.look(source, &pending, window).await? {
            break;
        }
    }
    search.fetch(source).await?;
    Ok(search.finish())
}

/// Rows are found by their ids alone, and read when all are known: a store that is far away is asked for them once.
struct Search<R> {
    known: BTreeMap<Id, Known>,
    /// Whether each row was read.
    rows: HashMap<R, bool>,
    /// Ids of the rows that lead on.
    followed: BTreeSet<Id>,
    /// What was read, copies once.
    events: BTreeMap<Key, Event>,
    /// The time of what was found.
    extent: Option<Window>,
    truncated: Vec<String>,
    bounds: TraceBounds,
}

impl<R: Copy + Eq + Hash + Ord + fmt::Debug> Search<R> {
    /// The ids that were not looked for in all of this time.
    fn pending(&self, needed: &Window) -> Vec<Id> {
        let is_pending = |known: &Known| {
            known.hub_traces.is_none()
                && known.hop <= self.bounds.hops_max
                && known.looked.is_none_or(|looked| !looked.covers(needed))
        };
        self.known.iter().filter(|(_, known)| is_pending(known)).map(|(id, _)| id.clone()).collect()
    }

    /// Looks for some ids and takes in what is found; whether that is as much as may be.
    async fn look<S: Source<Row = R>>(&mut self, source: &mut S, ids: &[Id], window: Window) -> Result<bool> {
        let hub_traces_max = (!self.bounds.follow_hubs).then_some(self.bounds.hub_traces_max);
        let rows_max = self.bounds.records_max.saturating_mul(COPIES_MAX);
        let are_asked_for: Vec<bool> =
            ids.iter().map(|id| self.known.get(id).is_some_and(|known| known.hop == 0)).collect();
        let sought = Sought { ids, are_asked_for: &are_asked_for, window, hub_traces_max, rows_max };
        let look = source.look(&sought).await?;
        let mut hops = Vec::with_capacity(ids.len());
        for (id, traces) in ids.iter().zip(&look.traces) {
            let Some(known) = self.known.get_mut(id) else { continue };
            known.looked = Some(known.looked.map_or(window, |looked| Window {
                since_unix_nano: looked.since_unix_nano.min(window.since_unix_nano),
                until_unix_nano: looked.until_unix_nano.max(window.until_unix_nano),
            }));
            let is_hub = hub_traces_max.is_some_and(|most| *traces > most as u64);
            known.hub_traces = is_hub.then_some(*traces);
            hops.push((known.hop, is_hub));
        }
        for hit in &look.hits {
            let carried = || hit.places.iter().flatten().filter_map(|place| hops.get(*place as usize));
            let hop = carried().filter(|(_, is_hub)| !is_hub).map(|(hop, _)| *hop).min();
            // What carries nothing but a hub is part of the answer only if the hub is what was asked for.
            if hop.is_none() && !carried().any(|(hop, _)| *hop == 0) {
                continue;
            }
            self.rows.entry(hit.row).or_insert(false);
            let extent = self.extent.get_or_insert(Window { since_unix_nano: hit.time, until_unix_nano: hit.time });
            extent.since_unix_nano = extent.since_unix_nano.min(hit.time);
            extent.until_unix_nano = extent.until_unix_nano.max(hit.time);
            let Some(hop) = hop else { continue };
            for id in hit.ids() {
                self.followed.insert(id.clone());
                let known = self.known.entry(id).or_insert(Known { hop: hop + 1, looked: None, hub_traces: None });
                known.hop = known.hop.min(hop + 1);
            }
        }
        if look.is_cut || self.rows.len() > self.bounds.records_max {
            // Copies are told apart by reading them.
            self.fetch(source).await?;
        }
        let is_full = look.is_cut || self.events.len() > self.bounds.records_max;
        if is_full {
            let most = self.bounds.records_max;
            while self.events.len() > most {
                self.events.pop_last();
            }
            self.truncated.push(format!(
                "there are more than {most} records: the earliest of those found are shown, and what they lead to was not \
                 looked for (--max-records)"
            ));
        }
        Ok(is_full)
    }

    /// Reads the rows that were found and not read yet.
    async fn fetch<S: Source<Row = R>>(&mut self, source: &mut S) -> Result<()> {
        let mut wanted: Vec<R> = self.rows.iter().filter(|(_, is_read)| !**is_read).map(|(row, _)| *row).collect();
        wanted.sort_unstable();
        for (row, event) in source.fetch(&wanted).await? {
            self.rows.insert(row, true);
            self.events.entry(event.key()).or_insert(event);
        }
        Ok(())
    }

    fn finish(mut self) -> Found {
        let hops_max = self.bounds.hops_max;
        let far = self.known.values().filter(|known| known.hop > hops_max).count();
        if far > 0 {
            self.truncated.push(format!(
                "more than {hops_max} steps away there {}, not followed (--max-hops)",
                if far == 1 { "is 1 more id".to_owned() } else { format!("are {far} more ids") }
            ));
        }
        let is_left = |known: &Known| known.hub_traces.is_some() || known.hop > hops_max;
        let is_left = |id: &Id| self.known.get(id).is_none_or(is_left);
        let hub = |(id, known): (&Id, &Known)| Some(Hub { id: id.clone(), traces: known.hub_traces? });
        let hubs: Vec<Hub> = self.known.iter().filter_map(hub).collect();
        self.truncated.extend(hubs.iter().map(|hub| {
            format!(
                "{} {} is shared by at least {} traces and was not followed (--follow-hub)",
                hub.id.kind.column(),
                hub.id.value,
                hub.traces
            )
        }));
        // Of records that were cut off nothing is told.
        let told = self.events.values().flat_map(|event| event.ids());
        let told: BTreeSet<Id> = told.map(|(kind, value)| Id { kind, value: value.to_owned() }).collect();
        let ids = told.into_iter().filter(|id| self.followed.contains(id) && !is_left(id)).collect();
        Found { hubs, ids, events: self.events.into_values().collect(), truncated: self.truncated }
    }
}

/// Which traces share each id, and which rows carry it: what a look adds up, file by file. Rows of a hub are let go as
/// soon as it is known to be one.
#[derive(Debug)]
pub(super) struct Tally<R> {
    hits: Vec<Hit<R>>,
    traces: Vec<std::collections::HashSet<u128>>,
    is_kept: Vec<bool>,
    hub_traces_max: usize,
    rows_max: usize,
    is_cut: bool,
}

impl<R: Copy + Eq + Hash + Ord> Tally<R> {
    pub(super) fn new(sought: &Sought<'_>) -> Tally<R> {
        Tally {
            hits: Vec::new(),
            traces: vec![Default::default(); sought.ids.len()],
            is_kept: sought.are_asked_for.to_vec(),
            hub_traces_max: sought.hub_traces_max.unwrap_or(usize::MAX),
            rows_max: sought.rows_max,
            is_cut: false,
        }
    }

    /// Takes a row in. `trace` is the row's trace id.
    pub(super) fn add(&mut self, hit: Hit<R>, trace: Option<u128>) {
        for index in hit.places.iter().flatten() {
            if let Some(trace) = trace {
                self.traces[*index as usize].insert(trace);
            }
        }
        self.keep(hit);
    }

    fn keep(&mut self, hit: Hit<R>) {
        let is_hub = |index: &u32| self.traces[*index as usize].len() > self.hub_traces_max;
        if hit.places.iter().flatten().all(|index| is_hub(index) && !self.is_kept[*index as usize]) {
            return;
        }
        self.hits.push(hit);
        if self.hits.len() >= self.rows_max.saturating_mul(2) {
            self.prune();
        }
    }

    /// Puts two together.
    pub(super) fn merge(&mut self, other: Tally<R>) {
        for (mine, theirs) in self.traces.iter_mut().zip(other.traces) {
            mine.extend(theirs);
        }
        self.is_cut |= other.is_cut;
        for hit in other.hits {
            self.keep(hit);
        }
    }

    fn prune(&mut self) {
        let is_hub: Vec<bool> = self.traces.iter().map(|traces| traces.len() > self.hub_traces_max).collect();
        let is_kept = &self.is_kept;
        self.hits.retain(|hit| {
            hit.places.iter().flatten().any(|index| !is_hub[*index as usize] || is_kept[*index as usize])
        });
        if self.hits.len() > self.rows_max {
            self.hits.sort_unstable_by_key(|hit| (hit.time, hit.row));
            self.hits.truncate(self.rows_max);
            self.is_cut = true;
        }
    }

    pub(super) fn finish(mut self) -> Look<R> {
        self.prune();
        Look {
            traces: self.traces.iter().map(|traces| traces.len() as u64).collect(),
            hits: self.hits,
            is_cut: self.is_cut,
        }
    }
}

/// The number that a trace id is; of another text, one that stands for it.
pub(super) fn trace_number(text: &str) -> u128 {
    match u128::from_str_radix(text, 16) {
        Ok(number) if text.len() == 32 => number,
        // FNV-1a.
        _ => text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        }),
    }
}

/// The place of each id among those sought.
pub(super) fn places(ids: &[Id]) -> HashMap<IdKind, HashMap<&str, u32>> {
    let mut places: HashMap<IdKind, HashMap<&str, u32>> = HashMap::new();
    for (place, id) in (0_u32..).zip(ids) {
        if let Entry::Vacant(entry) = places.entry(id.kind).or_default().entry(id.value.as_str()) {
            entry.insert(place);
        }
    }
    places
}
