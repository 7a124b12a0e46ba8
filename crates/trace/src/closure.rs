//! From one id to everything that happened for its request: the records that carry it, the ids of those records, and so
//! on until nothing new is found. Pure but for the [`Source`] that looks rows up: tests give it rows in memory.
//!
//! Every id is looked for in all of the time that is looked at, and links between traces are followed one way each: to what
//! caused what was asked for, and to what came of it. It refuses to guess: what a bound cut off is said, and an id that too
//! many traces share is named and not followed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use transect_schema::Record;

use crate::links::links_of;
use crate::streams::{self, StreamWindows, merged};

/// Beyond the time that is asked for, records are looked for around those that are found already, and further out only if
/// some are found at the edge.
pub(crate) const EDGE_NANO: i64 = 15 * 60 * SECOND_NANO;
/// So much more is looked at, on both sides, than is asked for: a few seconds more need no further look then.
const SPARE_NANO: i64 = 5 * 60 * SECOND_NANO;
const SECOND_NANO: i64 = 1_000_000_000;
/// Looks at the lake for one request. Beyond it, records keep turning up further and further out.
const LOOKS_MAX: usize = 64;
/// Where nobody chose a time and something is found so near its ends, or beyond them, more is looked at around that.
const NEAR_END_NANO: i64 = 3_600 * SECOND_NANO;
/// How much more before it: Lambda keeps an event for six hours before it gives up.
const BEFORE_NANO: i64 = 6 * 3_600 * SECOND_NANO;
/// And after it: queues, redrives and workflows go on hours later.
const AFTER_NANO: i64 = 24 * 3_600 * SECOND_NANO;
/// A trace id of X-Ray is made when its request comes in, by a clock that may be a little off.
pub const MADE_BEFORE_NANO: i64 = 20 * 60 * SECOND_NANO;
/// Most requests are over so long after.
pub const MADE_AFTER_NANO: i64 = 35 * 60 * SECOND_NANO;
/// X-Ray began in 2016; an id from before does not hold a time.
const MADE_UNIX_SECONDS_MIN: i64 = 1_451_606_400;
/// Traces that links lead to: a batch of SQS has 10,000 messages at most, each of a trace of its own, and nobody looks at those.
const LINKED_TRACES_MAX: usize = 100;
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
    pub const LEADING: usize = 3;

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
    /// Whether the time lies within, both ends included.
    pub fn holds(&self, time: i64) -> bool {
        (self.since_unix_nano..=self.until_unix_nano).contains(&time)
    }

    fn covers(&self, other: &Window) -> bool {
        self.since_unix_nano <= other.since_unix_nano && other.until_unix_nano <= self.until_unix_nano
    }

    /// With the time before and after in which a request may have begun and gone on.
    pub fn with_surroundings(&self) -> Window {
        Window {
            since_unix_nano: self.since_unix_nano.saturating_sub(BEFORE_NANO),
            until_unix_nano: self.until_unix_nano.saturating_add(AFTER_NANO),
        }
    }

    /// The same and so much more at both ends.
    pub fn widen(&self, nanos: i64) -> Window {
        Window {
            since_unix_nano: self.since_unix_nano.saturating_sub(nanos),
            until_unix_nano: self.until_unix_nano.saturating_add(nanos),
        }
    }
}

/// Whether windows, which are [`merged`], cover others.
fn cover(windows: &[Window], others: &[Window]) -> bool {
    others.iter().all(|other| windows.iter().any(|window| window.covers(other)))
}

/// Where a request is looked for first.
#[derive(Clone, Debug)]
pub struct TraceStart {
    /// The id as it was given.
    pub text: String,
    /// What it may be.
    pub ids: Vec<Id>,
    /// Times to look at; the last of them is what was asked for, or is looked at if nothing is asked for.
    pub windows: Vec<Window>,
    /// When it was made, if it tells: most of the request lies there.
    pub made: Option<Window>,
    /// Whether somebody chose the times: then what is found at their ends leads no further than its surroundings.
    pub is_time_chosen: bool,
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
    pub(crate) fn ids(&self) -> impl Iterator<Item = (IdKind, &str)> {
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
    pub(crate) fn key(&self) -> Key {
        let record = &self.record;
        let text = |text: &Option<std::borrow::Cow<'static, str>>| text.as_deref().unwrap_or_default().to_owned();
        let place = [text(&record.cloud_region), text(&record.aws_log_group), text(&record.aws_log_stream)];
        (record.time_unix_nano, record.event_id.clone().into_owned(), place)
    }
}

pub type Key = (i64, String, [String; 3]);

/// Looks rows up by their ids.
pub trait Source {
    /// Names a row until the end of the search.
    type Row: Copy + Eq + Hash + Ord + fmt::Debug;

    /// What can go wrong with it.
    type Error;

    /// The rows of a time that carry one of the ids.
    fn look(&mut self, sought: &Sought<'_>) -> impl Future<Output = Result<Look<Self::Row>, Self::Error>> + Send;

    /// The log records of some streams and times, in the order of their own time.
    fn lines(&mut self, streams: &StreamWindows) -> impl Future<Output = Result<Vec<Self::Row>, Self::Error>> + Send;

    /// What these rows hold, in any order.
    fn fetch(&self, rows: &[Self::Row]) -> impl Future<Output = Result<Vec<(Self::Row, Event)>, Self::Error>> + Send;

    /// The spans that link to one of some traces.
    fn linkers(
        &self,
        sought: &LinkersSought<'_>,
    ) -> impl Future<Output = Result<Linkers<Self::Row>, Self::Error>> + Send;
}

/// What a look is for.
pub struct Sought<'s> {
    /// The ids.
    pub ids: &'s [Id],
    /// For each id, whether its rows are wanted even if it is a hub: because it is what was asked for.
    pub are_asked_for: &'s [bool],
    /// [`merged`].
    pub windows: &'s [Window],
    /// The part of them that holds most of the request.
    pub near: &'s [Window],
    /// An id that more traces share is a hub.
    pub hub_traces_max: Option<usize>,
    /// The most rows that are wanted.
    pub rows_max: usize,
}

/// What a look has found.
#[derive(Debug)]
pub struct Look<R> {
    /// The rows.
    pub hits: Vec<Hit<R>>,
    /// For each id, how many traces share it.
    pub traces: Vec<u64>,
    /// Whether there were more rows than wanted: those returned are the earliest.
    pub is_cut: bool,
    /// Traces that share the last 64 bits of one that was looked for, where one of the two has no others.
    pub alike: BTreeSet<String>,
}

/// What spans are looked for by what they link to.
pub struct LinkersSought<'s> {
    /// The traces.
    pub traces: &'s [String],
    /// The times to look at.
    pub windows: &'s [Window],
    /// The part of them that holds most of the request.
    pub near: &'s [Window],
}

/// The spans that link to a trace.
#[derive(Debug)]
pub struct Linkers<R> {
    /// By the place of the trace among those that were asked for.
    pub hits: Vec<(usize, Hit<R>)>,
    /// Whether all spans near the request were looked at.
    pub is_near_whole: bool,
    /// Whether all were.
    pub is_whole: bool,
}

impl<R> Default for Linkers<R> {
    fn default() -> Linkers<R> {
        Linkers { hits: Vec::new(), is_near_whole: true, is_whole: true }
    }
}

/// A row that carries an id which was looked for.
#[derive(Clone, Debug)]
pub struct Hit<R> {
    /// Its name.
    pub row: R,
    /// Its time, in nanoseconds since 1970.
    pub time: i64,
    /// The places of these ids among those looked for, one for each kind.
    pub places: [Option<u32>; IdKind::ALL.len()],
    /// All its ids that lead on: trace, correlation and invocation.
    pub ids: [Option<Arc<str>>; IdKind::LEADING],
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
pub struct Found {
    /// In the order of time, each once.
    pub events: Vec<Event>,
    /// Ids that were followed, and stand in a record.
    pub ids: BTreeSet<Id>,
    /// Ids that were not, because too many requests share them.
    pub hubs: Vec<Hub>,
    /// What a bound cut off.
    pub truncated: Vec<String>,
    /// The times in which every id was looked for, in order and apart from each other.
    pub looked: Vec<Window>,
    /// What else is to be known, in sentences.
    pub notes: Vec<String>,
}

struct Known {
    hop: usize,
    /// As [`merged`].
    looked: Vec<Window>,
    hub_traces: Option<u64>,
}

impl Known {
    fn new(hop: usize) -> Known {
        Known { hop, looked: Vec::new(), hub_traces: None }
    }
}

/// Follows a request from its first id.
pub(crate) async fn follow<S: Source>(
    source: &mut S,
    start: &TraceStart,
    bounds: &TraceBounds,
) -> Result<Found, S::Error> {
    let mut search = Search {
        known: start.ids.iter().map(|id| (id.clone(), Known::new(0))).collect(),
        start,
        rows: HashMap::new(),
        followed: BTreeSet::new(),
        events: BTreeMap::new(),
        clusters: Vec::new(),
        around: Vec::new(),
        alike: BTreeSet::new(),
        links: Links::default(),
        led: BTreeSet::new(),
        looks: 0,
        is_over: false,
        truncated: Vec::new(),
        bounds: *bounds,
    };
    search.settle(source).await?;
    search.follow_links(source).await?;
    Ok(search.finish())
}

/// How far links were followed.
struct Links<R> {
    /// Whether it is causes that are followed: what these caused otherwise is not looked for, neither now nor later.
    is_to_causes: bool,
    /// Their traces.
    barred: BTreeSet<String>,
    /// Where the spans that link to each of the other traces were looked for, as [`merged`].
    asked: BTreeMap<String, Vec<Window>>,
    /// Those that were found, with the steps to what they link to.
    hits: Vec<(usize, Hit<R>)>,
    followed: BTreeSet<String>,
    is_near_cut: bool,
    is_cut: bool,
}

impl<R> Default for Links<R> {
    fn default() -> Links<R> {
        Links {
            is_to_causes: false,
            barred: BTreeSet::new(),
            asked: BTreeMap::new(),
            hits: Vec::new(),
            followed: BTreeSet::new(),
            is_near_cut: false,
            is_cut: false,
        }
    }
}

/// Rows are found by their ids alone, and read when all are known: a store that is far away is asked for them once.
struct Search<'s, R> {
    start: &'s TraceStart,
    known: BTreeMap<Id, Known>,
    /// Whether each row was read.
    rows: HashMap<R, bool>,
    /// Ids of the rows that lead on.
    followed: BTreeSet<Id>,
    /// What was read, copies once.
    events: BTreeMap<Key, Event>,
    /// The times of what was found, apart from each other by more than is looked at around them.
    clusters: Vec<Window>,
    /// What is looked at besides, because something was found at the ends of the time that nobody chose.
    around: Vec<Window>,
    alike: BTreeSet<String>,
    links: Links<R>,
    /// Lines whose call was looked for.
    led: BTreeSet<Key>,
    looks: usize,
    /// Whether a bound ended the search.
    is_over: bool,
    truncated: Vec<String>,
    bounds: TraceBounds,
}

impl<R: Copy + Eq + Hash + Ord + fmt::Debug> Search<'_, R> {
    /// Follows ids, and lines to the calls that they stand in, until nothing new is found.
    async fn settle<S: Source<Row = R>>(&mut self, source: &mut S) -> Result<(), S::Error> {
        loop {
            self.by_ids(source).await?;
            self.fetch(source).await?;
            if self.is_over || !self.by_streams(source).await? {
                return Ok(());
            }
        }
    }

    async fn by_ids<S: Source<Row = R>>(&mut self, source: &mut S) -> Result<(), S::Error> {
        while !self.is_over {
            let pending = self.pending(&self.windows(EDGE_NANO));
            if pending.is_empty() {
                break;
            }
            if self.looks == LOOKS_MAX {
                self.truncated.push(format!(
                    "records keep turning up further out; the search ended after {LOOKS_MAX} looks at the lake"
                ));
                self.is_over = true;
                break;
            }
            self.looks += 1;
            self.look(source, &pending).await?;
        }
        Ok(())
    }

    /// The times that every id is to be looked for in.
    fn windows(&self, edge_nano: i64) -> Vec<Window> {
        let found = self.clusters.iter().map(|cluster| cluster.widen(edge_nano));
        let asked = self.start.windows.iter().filter(|window| !self.is_wrong_guess(window));
        merged(asked.chain(&self.around).copied().chain(found).collect())
    }

    /// Whether a window is where the id says that it was made, and what was found is all elsewhere: a UUID may look like an
    /// id that tells a time.
    fn is_wrong_guess(&self, window: &Window) -> bool {
        let is_of_made = self.start.made.is_some_and(|made| window.covers(&made));
        let is_there = |found: &Window| {
            found.since_unix_nano <= window.until_unix_nano && window.since_unix_nano <= found.until_unix_nano
        };
        let is_asked = self.start.windows.last().is_some_and(|asked| asked.covers(window));
        is_of_made && !is_asked && !self.clusters.is_empty() && !self.clusters.iter().any(is_there)
    }

    /// The part of them that holds most of the request.
    fn near(&self) -> Vec<Window> {
        let found = self.clusters.iter().map(|cluster| cluster.widen(EDGE_NANO + SPARE_NANO));
        let near = merged(self.start.made.into_iter().chain(found).collect());
        if near.is_empty() { self.start.windows.clone() } else { near }
    }

    /// The ids that were not looked for in all of these times.
    fn pending(&self, needed: &[Window]) -> Vec<Id> {
        let is_pending = |known: &Known| {
            known.hub_traces.is_none() && known.hop <= self.bounds.hops_max && !cover(&known.looked, needed)
        };
        self.known.iter().filter(|(_, known)| is_pending(known)).map(|(id, _)| id.clone()).collect()
    }

    /// Looks for some ids and takes in what is found.
    async fn look<S: Source<Row = R>>(&mut self, source: &mut S, ids: &[Id]) -> Result<(), S::Error> {
        let hub_traces_max = (!self.bounds.follow_hubs).then_some(self.bounds.hub_traces_max);
        let rows_max = self.bounds.records_max.saturating_mul(COPIES_MAX);
        let are_asked_for: Vec<bool> =
            ids.iter().map(|id| self.known.get(id).is_some_and(|known| known.hop == 0)).collect();
        let (windows, near) = (self.windows(EDGE_NANO + SPARE_NANO), self.near());
        let sought =
            Sought { ids, are_asked_for: &are_asked_for, windows: &windows, near: &near, hub_traces_max, rows_max };
        let look = source.look(&sought).await?;
        let mut hops = Vec::with_capacity(ids.len());
        for (id, traces) in ids.iter().zip(&look.traces) {
            let Some(known) = self.known.get_mut(id) else { continue };
            known.looked = merged(known.looked.iter().chain(&windows).copied().collect());
            let is_hub = hub_traces_max.is_some_and(|most| *traces > most as u64);
            known.hub_traces = is_hub.then_some(*traces);
            hops.push((known.hop, is_hub));
        }
        self.alike.extend(look.alike);
        let led = look.hits.into_iter().filter_map(|hit| {
            let carried = || hit.places.iter().flatten().filter_map(|place| hops.get(*place as usize));
            let hop = carried().filter(|(_, is_hub)| !is_hub).map(|(hop, _)| *hop).min();
            // What carries nothing but a hub is part of the answer only if the hub is what was asked for.
            (hop.is_some() || carried().any(|(hop, _)| *hop == 0)).then_some((hop, hit))
        });
        self.take(led.collect(), look.is_cut, source).await
    }

    /// Takes rows in, each with the steps to it; without them its ids lead nowhere.
    async fn take<S: Source<Row = R>>(
        &mut self,
        hits: Vec<(Option<usize>, Hit<R>)>,
        is_cut: bool,
        source: &mut S,
    ) -> Result<(), S::Error> {
        let mut times: Vec<Window> = self.clusters.clone();
        for (hop, hit) in hits {
            self.rows.entry(hit.row).or_insert(false);
            times.push(Window { since_unix_nano: hit.time, until_unix_nano: hit.time });
            let Some(hop) = hop else { continue };
            for id in hit.ids() {
                self.followed.insert(id.clone());
                let known = self.known.entry(id).or_insert_with(|| Known::new(hop + 1));
                known.hop = known.hop.min(hop + 1);
            }
        }
        let is_first = self.clusters.is_empty();
        let apart = merged(times.iter().map(|time| time.widen(EDGE_NANO)).collect());
        self.clusters = apart.iter().map(|window| window.widen(-EDGE_NANO)).collect();
        if is_first && !self.start.is_time_chosen {
            let asked = merged(self.start.windows.clone());
            let is_within = |found: &&Window| asked.iter().any(|window| window.covers(&found.widen(NEAR_END_NANO)));
            let at_the_ends = self.clusters.iter().filter(|found| !is_within(found));
            self.around = at_the_ends.map(Window::with_surroundings).collect();
        }
        if is_cut || self.rows.len() > self.bounds.records_max {
            // Copies are told apart by reading them.
            self.is_over = true;
            self.fetch(source).await?;
            self.is_over = is_cut || self.events.len() > self.bounds.records_max;
        }
        if self.is_over {
            let most = self.bounds.records_max;
            while self.events.len() > most {
                self.events.pop_last();
            }
            self.truncated.push(format!(
                "there are more than {most} records: the earliest of those found are shown, and what they lead to was not \
                 looked for (--max-records)"
            ));
        }
        Ok(())
    }

    /// Lines that stand in the stream of a call which was not found lead on to it.
    async fn by_streams<S: Source<Row = R>>(&mut self, source: &mut S) -> Result<bool, S::Error> {
        let lines = streams::without_call(&self.events, &self.led);
        if lines.is_empty() {
            return Ok(false);
        }
        let calls = streams::calls_around(source, &lines, &mut self.truncated, &self.bounds).await?;
        self.led.extend(lines.into_keys());
        let mut is_new = false;
        for (line, invocation) in calls {
            let Some(event) = self.events.get(&line) else { continue };
            let Some(hop) = self.hop_of(event) else { continue };
            let id = Id { kind: IdKind::Invocation, value: invocation };
            if let std::collections::btree_map::Entry::Vacant(entry) = self.known.entry(id) {
                entry.insert(Known::new(hop + 1));
                is_new = true;
            }
        }
        Ok(is_new)
    }

    /// The steps to an event that leads on: what is there for a hub alone does not.
    fn hop_of(&self, event: &Event) -> Option<usize> {
        let known = event.ids().filter_map(|(kind, value)| {
            let id = Id { kind, value: value.to_owned() };
            self.known.get(&id).filter(|_| self.followed.contains(&id))
        });
        let leads = |id: &&Id| self.known.get(id).is_some_and(|known| known.hub_traces.is_none());
        let is_asked_for = self.start.ids.iter().filter(leads).any(|id| match id.kind {
            IdKind::Event => event.record.event_id == id.value.as_str(),
            IdKind::Span => event.record.span_id.as_deref() == Some(&id.value),
            _ => false,
        });
        let hop = known.filter(|known| known.hub_traces.is_none()).map(|known| known.hop).min();
        hop.or(is_asked_for.then_some(0))
    }

    fn traces(&self) -> BTreeSet<String> {
        let traces = self.followed.iter().filter(|id| id.kind == IdKind::Trace);
        let is_followed = |id: &&Id| self.known.get(id).is_some_and(|known| known.hop <= self.bounds.hops_max);
        traces.filter(is_followed).map(|id| id.value.clone()).collect()
    }

    /// Follows links: from the spans that were found to what they link to, and from what was found before that to the spans
    /// that link to it. What a cause has caused besides, and what caused a consequence besides, are other requests.
    async fn follow_links<S: Source<Row = R>>(&mut self, source: &mut S) -> Result<(), S::Error> {
        let own: BTreeSet<Id> = self.known.keys().cloned().collect();
        self.links.is_to_causes = true;
        while !self.is_over && self.take_targets() {
            self.settle(source).await?;
        }
        self.links.is_to_causes = false;
        let own = self.tied(own);
        let is_of_causes = |trace: &String| !own.contains(&Id { kind: IdKind::Trace, value: trace.clone() });
        self.links.barred = self.traces().into_iter().filter(is_of_causes).collect();
        loop {
            // Whatever was found may lie where spans that link to the rest were not looked for yet.
            self.settle(source).await?;
            if self.is_over {
                break;
            }
            let hits = std::mem::take(&mut self.links.hits);
            let hits: Vec<_> = hits
                .into_iter()
                .filter(|(_, hit)| !self.rows.contains_key(&hit.row) && self.may_follow(hit.ids[0].as_deref()))
                .map(|(hop, hit)| (Some(hop), hit))
                .collect();
            if hits.is_empty() {
                break;
            }
            self.take(hits, false, source).await?;
        }
        Ok(())
    }

    /// These ids, and those that records tie to them: what causes had to do with is found in more time, and more of the
    /// request itself with it.
    fn tied(&self, mut ids: BTreeSet<Id>) -> BTreeSet<Id> {
        if ids.len() == self.known.len() {
            return ids;
        }
        let is_followed = |id: &Id| self.known.get(id).is_some_and(|known| known.hub_traces.is_none());
        ids.retain(is_followed);
        loop {
            let count = ids.len();
            for event in self.events.values() {
                let of_event = event.ids().map(|(kind, value)| Id { kind, value: value.to_owned() });
                let of_event: Vec<Id> = of_event.filter(is_followed).collect();
                if of_event.iter().any(|id| ids.contains(id)) {
                    ids.extend(of_event);
                }
            }
            if ids.len() == count {
                return ids;
            }
        }
    }

    /// Whether a link to this trace, or from it, may be followed.
    fn may_follow(&mut self, trace: Option<&str>) -> bool {
        let Some(trace) = trace else { return true };
        let is_there = self.links.followed.contains(trace);
        if !is_there && self.links.followed.len() == LINKED_TRACES_MAX {
            let cut =
                format!("links lead to more than {LINKED_TRACES_MAX} further traces, and the others were not followed");
            if !self.truncated.contains(&cut) {
                self.truncated.push(cut);
            }
            return false;
        }
        self.links.followed.insert(trace.to_owned());
        true
    }

    /// Takes in the traces that the spans link to; whether there are new ones.
    fn take_targets(&mut self) -> bool {
        let mut targets: BTreeMap<String, usize> = BTreeMap::new();
        for event in self.events.values() {
            let links = links_of(event);
            let Some(hop) = self.hop_of(event).filter(|_| !links.is_empty()) else { continue };
            for link in links {
                let least = targets.entry(link.trace_id).or_insert(hop + 1);
                *least = (*least).min(hop + 1);
            }
        }
        let mut is_new = false;
        for (trace, hop) in targets {
            let id = Id { kind: IdKind::Trace, value: trace };
            if self.known.contains_key(&id) || !self.may_follow(Some(&id.value)) {
                continue;
            }
            // It may have been made long before.
            self.clusters = merged(self.clusters.iter().copied().chain(made(&id.value, &self.clusters)).collect());
            self.known.insert(id, Known::new(hop));
            is_new = true;
        }
        is_new
    }

    /// Reads the rows that were found and not read yet, and looks for the spans that link to them meanwhile.
    async fn fetch<S: Source<Row = R>>(&mut self, source: &mut S) -> Result<(), S::Error> {
        let mut wanted: Vec<R> = self.rows.iter().filter(|(_, is_read)| !**is_read).map(|(row, _)| *row).collect();
        wanted.sort_unstable();
        let (windows, near) = (self.windows(EDGE_NANO), self.near());
        let is_pending = |trace: &String| {
            let asked = self.links.asked.get(trace);
            !self.links.barred.contains(trace) && !asked.is_some_and(|asked| cover(asked, &windows))
        };
        let traces: Vec<String> = match self.is_over || self.links.is_to_causes {
            true => Vec::new(),
            false => self.traces().into_iter().filter(is_pending).collect(),
        };
        let sought = LinkersSought { traces: &traces, windows: &windows, near: &near };
        let (read, linkers) = futures::future::join(source.fetch(&wanted), source.linkers(&sought)).await;
        for (row, event) in read? {
            self.rows.insert(row, true);
            self.events.entry(event.key()).or_insert(event);
        }
        let linkers = linkers?;
        self.links.is_near_cut |= !linkers.is_near_whole;
        self.links.is_cut |= !linkers.is_whole;
        let hop =
            |trace: &String| self.known.get(&Id { kind: IdKind::Trace, value: trace.clone() }).map(|known| known.hop);
        let hits = linkers.hits.into_iter();
        let hits = hits.filter_map(|(place, hit)| Some((hop(traces.get(place)?)?, hit))).collect::<Vec<_>>();
        self.links.hits.extend(hits);
        for trace in traces {
            let asked = self.links.asked.entry(trace).or_default();
            *asked = merged(asked.iter().chain(&windows).copied().collect());
        }
        Ok(())
    }

    fn finish(mut self) -> Found {
        let hops_max = self.bounds.hops_max;
        let far = self.known.values().filter(|known| known.hop > hops_max).count();
        if far > 0 {
            self.truncated.push(format!(
                "more than {hops_max} step{} away there {}, not followed (--max-hops)",
                if hops_max == 1 { "" } else { "s" },
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
        if self.links.is_near_cut {
            self.truncated.push("there are more spans around it than are looked through for links to it".to_owned());
        }
        let mut notes = Vec::new();
        if self.links.is_cut && !self.links.is_near_cut {
            notes.push("spans that link to it were looked for around it, and in a part of the other time".to_owned());
        }
        notes.extend(self.alike());
        let looked = self.windows(EDGE_NANO);
        // Of records that were cut off nothing is told.
        let told = self.events.values().flat_map(|event| event.ids());
        let told: BTreeSet<Id> = told.map(|(kind, value)| Id { kind, value: value.to_owned() }).collect();
        let ids = told.into_iter().filter(|id| self.followed.contains(id) && !is_left(id)).collect();
        Found { hubs, ids, events: self.events.into_values().collect(), truncated: self.truncated, looked, notes }
    }

    /// Of traces that may be one with a trace of the request, as a service that keeps 64 bits of an id writes it.
    fn alike(&self) -> Vec<String> {
        let known: Vec<&str> =
            self.known.keys().filter(|id| id.kind == IdKind::Trace).map(|id| id.value.as_str()).collect();
        let mut told = Vec::new();
        for alike in self.alike.iter().filter(|alike| !known.contains(&alike.as_str())).take(ALIKE_TOLD_MAX) {
            let of = known.iter().find(|known| low_digits(known) == low_digits(alike));
            told.extend(of.map(|of| {
                format!(
                    "trace {alike} has the same last 64 bits as {of}, and is not joined to it: a service may have left the \
                     others out; `transect trace {alike}` shows it"
                )
            }));
        }
        told
    }
}

/// Traces told that may be one with a trace of the request.
const ALIKE_TOLD_MAX: usize = 10;
/// Hex digits of 64 bits.
pub const LOW_DIGITS: usize = 16;
/// Hex digits of a whole trace id.
pub const TRACE_DIGITS: usize = 32;

/// The last 64 bits of a trace id, in hex.
pub fn low_digits(trace_id: &str) -> Option<&str> {
    trace_id.get(trace_id.len().checked_sub(LOW_DIGITS)?..)
}

/// Whether a trace id has no more than 64 bits.
pub fn is_short(trace_id: &str) -> bool {
    trace_id.len() == TRACE_DIGITS && trace_id.bytes().take(TRACE_DIGITS - LOW_DIGITS).all(|digit| digit == b'0')
}

/// When a trace that a link names was made, if its id tells a time before what was found.
fn made(trace_id: &str, found: &[Window]) -> Option<Window> {
    let seconds =
        i64::from_str_radix(trace_id.get(..8)?, 16).ok().filter(|seconds| *seconds >= MADE_UNIX_SECONDS_MIN)?;
    let made = seconds.checked_mul(SECOND_NANO)?;
    let last = found.last()?.until_unix_nano;
    let until_unix_nano = made.saturating_add(MADE_AFTER_NANO - EDGE_NANO).min(last);
    (made <= last).then_some(Window { since_unix_nano: made, until_unix_nano })
}

/// Which traces share each id, and which rows carry it: what a look adds up, file by file. Rows of a hub are let go as
/// soon as it is known to be one.
#[derive(Debug)]
pub struct Tally<R> {
    hits: Vec<Hit<R>>,
    traces: Vec<std::collections::HashSet<u128>>,
    is_kept: Vec<bool>,
    hub_traces_max: usize,
    rows_max: usize,
    is_cut: bool,
    /// Traces that share the last 64 bits of one that is looked for, where one of the two has no others.
    pub alike: BTreeSet<String>,
}

impl<R: Copy + Eq + Hash + Ord> Tally<R> {
    /// Nothing has been added up yet.
    pub fn new(sought: &Sought<'_>) -> Tally<R> {
        Tally {
            hits: Vec::new(),
            traces: vec![Default::default(); sought.ids.len()],
            is_kept: sought.are_asked_for.to_vec(),
            hub_traces_max: sought.hub_traces_max.unwrap_or(usize::MAX),
            rows_max: sought.rows_max,
            is_cut: false,
            alike: BTreeSet::new(),
        }
    }

    /// Takes a row in. `trace` is the row's trace id.
    pub fn add(&mut self, hit: Hit<R>, trace: Option<u128>) {
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
    pub fn merge(&mut self, other: Tally<R>) {
        for (mine, theirs) in self.traces.iter_mut().zip(other.traces) {
            mine.extend(theirs);
        }
        self.is_cut |= other.is_cut;
        self.alike.extend(other.alike);
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

    /// What the look has found.
    pub fn finish(mut self) -> Look<R> {
        self.prune();
        Look {
            traces: self.traces.iter().map(|traces| traces.len() as u64).collect(),
            hits: self.hits,
            is_cut: self.is_cut,
            alike: self.alike,
        }
    }
}

/// The number that a trace id is; of another text, one that stands for it.
pub fn trace_number(text: &str) -> u128 {
    match u128::from_str_radix(text, 16) {
        Ok(number) if text.len() == 32 => number,
        // FNV-1a.
        _ => text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        }),
    }
}

/// The place of each id among those sought.
pub fn places(ids: &[Id]) -> HashMap<IdKind, HashMap<&str, u32>> {
    let mut places: HashMap<IdKind, HashMap<&str, u32>> = HashMap::new();
    for (place, id) in (0_u32..).zip(ids) {
        if let Entry::Vacant(entry) = places.entry(id.kind).or_default().entry(id.value.as_str()) {
            entry.insert(place);
        }
    }
    places
}
