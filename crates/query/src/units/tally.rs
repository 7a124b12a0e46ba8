//! Records into calls, calls into units, units into counts. Pure. Every step gives the same whatever comes in which order
//! and however often. It refuses to count what tells no release, or no id.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use transect_lake::LATEST;
use twox_hash::XxHash3_128;

use super::origin::{Failing, Parents, UNKNOWN, came_from_elsewhere};
use super::survey::{Name, Survey, Version};
use super::{
    DoubtCell, MixedCell, Sending, ServiceQuestion, ServiceUnits, Shift, TRACE_CALLS_MAX, UnitCell, UnitKind,
    UnitQuestion, WINDOW_NANO,
};
use crate::release_map::ReleaseMap;
use transect_trace::calls::LineKind;

/// Parts of a table, so that several threads can fill it.
const SHARDS: usize = 64;
/// Of so many units one at most may not say how long it took, for latencies to be compared.
const UNTIMED_TIMES: u64 = 10;
/// Never: what has not failed.
const NEVER: i64 = i64::MAX;

/// A hasher of numbers that are hashes, or random, already.
#[derive(Default)]
pub(super) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(29) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u128(&mut self, number: u128) {
        let bytes = number.to_le_bytes();
        for half in bytes.chunks_exact(8) {
            self.write_u64(half.try_into().map_or(0, u64::from_le_bytes));
        }
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(u64::from_ne_bytes(number.to_ne_bytes()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }
}

pub(super) type PlainHash = BuildHasherDefault<Plain>;
pub(super) type PlainMap<K, V> = HashMap<K, V, PlainHash>;
pub(super) type PlainSet<K> = std::collections::HashSet<K, PlainHash>;

/// An id as a number, never 0: 32 hex digits, or a UUID, as what they are, and any other text as its hash. Trace ids are
/// in the order of their texts.
pub(super) fn id_number(text: &str) -> u128 {
    let bytes = text.as_bytes();
    let digits = |part: &[u8]| -> Option<u128> {
        part.iter().try_fold(0_u128, |number, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            Some(number << 4 | u128::from(digit))
        })
    };
    let is_uuid = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|place| bytes[*place] == b'-');
    let number = match bytes.len() {
        32 => digits(bytes),
        36 if is_uuid => [0..8, 9..13, 14..18, 19..23, 24..36]
            .into_iter()
            .try_fold(0_u128, |number, part| Some(number << (4 * part.len()) | digits(&bytes[part])?)),
        _ => None,
    };
    number.unwrap_or_else(|| XxHash3_128::oneshot(bytes)).max(1)
}

/// A span's id as a number; 0 where there is none.
pub(super) fn span_number(text: &str) -> u64 {
    match text.len() {
        0 => 0,
        16 => u64::from_str_radix(text, 16).unwrap_or_else(|_| hashed(text)),
        _ => hashed(text),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "half of a hash is one")]
fn hashed(text: &str) -> u64 {
    XxHash3_128::oneshot(text.as_bytes()) as u64
}

/// One record of a service that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) emitter: u32,
    pub(super) time_unix_nano: i64,
    /// 0 if it names none.
    pub(super) trace: u128,
    /// 0 if it names none.
    pub(super) invocation: u128,
    pub(super) span: u64,
    /// When it had failed; none if it did not.
    pub(super) failed_unix_nano: Option<i64>,
    /// When it had been slow; none if it was not.
    pub(super) slow_unix_nano: Option<i64>,
    /// Whether it says how long its call took.
    pub(super) is_timed: bool,
    /// What it is of its call, if it is one of its marks.
    pub(super) mark: Option<LineKind>,
}

/// What is known of a call: an attempt of an invocation, or what a trace without one did in a service.
#[derive(Clone, Copy, Debug)]
struct Call {
    region: Name,
    service: Name,
    function: Name,
    version: Name,
    release: Name,
    first_unix_nano: i64,
    /// The one that Lambda's own lines name, else the greatest that any line does.
    trace: (bool, u128),
    invocation: u128,
    failed_unix_nano: i64,
    failed_span: u64,
    slow_unix_nano: i64,
    is_timed: bool,
    /// Whether one of its marks was seen, and whether that was its START.
    is_marked: bool,
    is_started: bool,
}

impl Call {
    /// What one record tells of its call.
    fn of(row: &Row, survey: &Survey) -> Call {
        let emitter = survey.emitter(row.emitter);
        Call {
            region: emitter.region,
            service: survey.service(row.emitter),
            function: emitter.function,
            version: emitter.version,
            release: survey.stated_release(row.emitter),
            first_unix_nano: row.time_unix_nano,
            trace: (row.trace != 0 && row.mark.is_some(), row.trace),
            invocation: row.invocation,
            failed_unix_nano: row.failed_unix_nano.unwrap_or(NEVER),
            failed_span: row.span,
            slow_unix_nano: row.slow_unix_nano.unwrap_or(NEVER),
            is_timed: row.is_timed,
            is_marked: row.mark.is_some(),
            is_started: row.mark == Some(LineKind::Start),
        }
    }

    fn of_version(&self) -> Version {
        (self.region, self.function, self.version)
    }

    /// Adds what else is known of it. Whoever wrote that, the function of a call that has marks is the one that wrote those.
    fn unite(&mut self, other: &Call, survey: &Survey) {
        if self.is_marked == other.is_marked {
            self.function = survey.greater(self.function, other.function);
            self.version = survey.greater(self.version, other.version);
        } else if other.is_marked {
            (self.function, self.version) = (other.function, other.version);
        }
        self.release = survey.greater(self.release, other.release);
        self.first_unix_nano = self.first_unix_nano.min(other.first_unix_nano);
        self.trace = self.trace.max(other.trace);
        // The earliest; of several at that time the one with the lowest span that has one.
        let order = |call: &Call| (call.failed_unix_nano, call.failed_span == 0, call.failed_span);
        if order(other) < order(self) {
            (self.failed_unix_nano, self.failed_span) = (other.failed_unix_nano, other.failed_span);
        }
        self.slow_unix_nano = self.slow_unix_nano.min(other.slow_unix_nano);
        self.is_timed |= other.is_timed;
        self.is_marked |= other.is_marked;
        self.is_started |= other.is_started;
    }
}

/// The records of one invocation by the function's version that wrote them: Lambda repeats an asynchronous call under its
/// id, and an alias may send each attempt to another version.
#[derive(Debug)]
struct Parts {
    first: Call,
    others: Vec<Call>,
}

impl Parts {
    fn add(&mut self, call: &Call, survey: &Survey) {
        let is_same = |other: &Call| (other.function, other.version) == (call.function, call.version);
        // What names no invocation is one call, whoever wrote of it.
        if call.invocation == 0 || is_same(&self.first) {
            return self.first.unite(call, survey);
        }
        match self.others.iter_mut().find(|other| is_same(other)) {
            Some(other) => other.unite(call, survey),
            None => self.others.push(*call),
        }
    }

    /// The attempts: a part with marks is one, and what else names the invocation belongs to the last one that had begun by
    /// then, else to the first.
    fn attempts(self, survey: &Survey) -> Vec<Call> {
        let all = std::iter::once(self.first).chain(self.others);
        let (mut attempts, others): (Vec<Call>, Vec<Call>) = all.partition(|call| call.is_marked);
        attempts.sort_by_key(|call| (call.first_unix_nano, survey.rank(call.function), survey.rank(call.version)));
        let began: Vec<i64> = attempts.iter().map(|call| call.first_unix_nano).collect();
        for other in others {
            let place = began.partition_point(|began| *began <= other.first_unix_nano).saturating_sub(1);
            match attempts.get_mut(place) {
                Some(attempt) => attempt.unite(&other, survey),
                None => attempts.push(other),
            }
        }
        attempts
    }
}

/// A failure of any service in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FailureKey {
    pub(super) service: Name,
    pub(super) function: Name,
    pub(super) trace: u128,
    pub(super) invocation: u128,
    pub(super) span: u64,
}

/// What one location of the lake holds.
pub(super) struct Tally {
    calls: Vec<Mutex<PlainMap<u128, Parts>>>,
    failures: Mutex<PlainMap<FailureKey, i64>>,
    without_id: Mutex<BTreeSet<Name>>,
    /// Failures without an id, each once: who wrote them, and when.
    untied: Mutex<Vec<(u32, i64)>>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            calls: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            failures: Mutex::default(),
            without_id: Mutex::default(),
            untied: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key of a call.
fn key(row: &Row, survey: &Survey) -> Option<u128> {
    let emitter = survey.emitter(row.emitter);
    let mixed = |id: u128, more: [u32; 3]| {
        let spread = u128::from(more[0]) << 96 | u128::from(more[1]) << 64 | u128::from(more[2]) << 32;
        id.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
            ^ spread.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    };
    if row.invocation != 0 {
        return Some(mixed(row.invocation, [emitter.region, survey.service(row.emitter), 0]));
    }
    // Without an invocation it is one call for each release that a trace met.
    let version = emitter.of_version();
    let release = survey.release_of(version, survey.stated_release(row.emitter), || None);
    (row.trace != 0).then(|| mixed(row.trace, [emitter.region, survey.service(row.emitter), release | 1 << 31]))
}

impl Tally {
    /// Adds records of the services that are asked for.
    pub(super) fn add(&self, rows: &[Row], survey: &Survey) {
        let mut by_shard: Vec<Vec<(u128, usize)>> = vec![Vec::new(); SHARDS];
        for (index, row) in rows.iter().enumerate() {
            match key(row, survey) {
                Some(key) => by_shard[(key >> 64) as usize % SHARDS].push((key, index)),
                None => {
                    lock(&self.without_id).insert(survey.service(row.emitter));
                }
            }
        }
        for (shard, keys) in self.calls.iter().zip(by_shard) {
            if keys.is_empty() {
                continue;
            }
            let mut calls = lock(shard);
            for (key, index) in keys {
                let call = Call::of(&rows[index], survey);
                match calls.entry(key) {
                    Entry::Occupied(mut parts) => parts.get_mut().add(&call, survey),
                    Entry::Vacant(none) => {
                        none.insert(Parts { first: call, others: Vec::new() });
                    }
                }
            }
        }
    }

    /// Adds a failure of nobody's unit.
    pub(super) fn add_untied(&self, emitter: u32, at_unix_nano: i64) {
        lock(&self.untied).push((emitter, at_unix_nano));
    }

    /// Adds failures of any service.
    pub(super) fn add_failures(&self, found: &[(FailureKey, i64)]) {
        if found.is_empty() {
            return;
        }
        let mut failures = lock(&self.failures);
        for (key, at_unix_nano) in found {
            let earliest = failures.entry(*key).or_insert(*at_unix_nano);
            *earliest = (*earliest).min(*at_unix_nano);
        }
    }
}

/// What the rows of a trace tell of how its parts hang together.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) parents: Parents,
    /// The span of an invocation: Lambda's own records tell it best.
    pub(super) span_of: PlainMap<u128, (bool, u64)>,
    /// The trace of an invocation: that of its marks, else the greatest.
    pub(super) trace_of: PlainMap<u128, (bool, u128)>,
    /// When an invocation began.
    pub(super) began: PlainMap<u128, i64>,
}

impl Links {
    pub(super) fn merge(&mut self, other: Links) {
        for (key, parent) in other.parents {
            let least = self.parents.entry(key).or_insert(parent);
            *least = (*least).min(parent);
        }
        for (invocation, span) in other.span_of {
            let least = self.span_of.entry(invocation).or_insert(span);
            *least = (*least).min(span);
        }
        for (invocation, trace) in other.trace_of {
            let greatest = self.trace_of.entry(invocation).or_insert(trace);
            *greatest = (*greatest).max(trace);
        }
        for (invocation, began) in other.began {
            let earliest = self.began.entry(invocation).or_insert(began);
            *earliest = (*earliest).min(began);
        }
    }
}

/// One call with its release known.
#[derive(Clone, Copy)]
struct Told {
    key: u128,
    call: Call,
    release: Name,
}

/// Which of the two releases a unit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Baseline,
    Canary,
    /// Neither: it is not counted, but what failed in it tells where other failures came from.
    Other,
}

/// What makes calls one unit: a trace, or a call; and its region and release.
type UnitKey = (u128, u64);

/// A unit.
#[derive(Clone, Copy, Debug)]
struct Unit {
    region: Name,
    /// The function of its first call that names one, and when that began.
    function: (Name, i64),
    side: Side,
    trace: u128,
    /// An invocation that failed first, and its failure.
    failed: Option<(u128, Failing)>,
    first_unix_nano: i64,
    slow_unix_nano: i64,
    is_timed: bool,
    /// Whether the marks of a call show it, which are kept whatever the sample rate is.
    is_marked: bool,
    calls: u32,
}

impl Unit {
    fn of(call: &Call, side: Side) -> Unit {
        // The first record of an invocation is that of its beginning; of other calls nobody knows.
        let since_unix_nano = if call.invocation == 0 { UNKNOWN } else { call.first_unix_nano };
        let failing = Failing { span: call.failed_span, at_unix_nano: call.failed_unix_nano, since_unix_nano };
        let function = (call.function, if call.function == 0 { NEVER } else { call.first_unix_nano });
        Unit {
            region: call.region,
            function,
            side,
            trace: call.trace.1,
            failed: (call.failed_unix_nano != NEVER).then_some((call.invocation, failing)),
            first_unix_nano: call.first_unix_nano,
            slow_unix_nano: call.slow_unix_nano,
            is_timed: call.is_timed,
            is_marked: call.is_marked,
            calls: 1,
        }
    }

    /// The same as a part of calls that are there: which function they are of, and how many, is known without it.
    fn part(self) -> Unit {
        Unit { function: (0, NEVER), calls: 0, ..self }
    }

    fn unite(&mut self, other: &Unit, survey: &Survey) {
        let began = |unit: &Unit| (unit.function.1, survey.rank(unit.function.0));
        if began(other) < began(self) {
            self.function = other.function;
        }
        self.calls += other.calls;
        self.first_unix_nano = self.first_unix_nano.min(other.first_unix_nano);
        self.slow_unix_nano = self.slow_unix_nano.min(other.slow_unix_nano);
        self.is_timed |= other.is_timed;
        self.is_marked |= other.is_marked;
        let order = |failed: &Option<(u128, Failing)>| {
            let (invocation, failing) =
                failed.unwrap_or((0, Failing { span: 0, at_unix_nano: NEVER, since_unix_nano: UNKNOWN }));
            (failing.at_unix_nano, failing.span == 0, failing.span, invocation)
        };
        if order(&other.failed) < order(&self.failed) {
            self.failed = other.failed;
        }
    }
}

/// What the calls of a service in a trace and region were of.
#[derive(Clone, Copy, Debug)]
struct Met {
    /// The release, where all that state one are of the same; 0 where they are not.
    only: Name,
    /// How many calls Lambda shows.
    calls: u32,
    /// Of them those that are compared: how many, and the release of all; 0 where they are of several.
    sent: (u32, Name),
}

/// How the calls of traces that met these releases were sent to them, given how many calls each release had.
fn sending(met: &PlainMap<(u128, u32), Met>, calls: &BTreeMap<Name, u64>) -> Sending {
    let mut traces: BTreeMap<u32, u64> = BTreeMap::new();
    let mut mixed = 0_u64;
    for (count, release) in met.values().map(|met| met.sent).filter(|(count, _)| *count > 1) {
        *traces.entry(count).or_default() += 1;
        mixed += u64::from(release == 0);
    }
    let all: u64 = calls.values().sum();
    let one_release = |count: u32| -> f64 {
        calls.values().map(|of_release| (*of_release as f64 / all as f64).powf(f64::from(count))).sum()
    };
    let expected: f64 = traces.iter().map(|(count, traces)| *traces as f64 * (1.0 - one_release(*count))).sum();
    // A sum of nothing is -0.
    Sending { mixed, expected: expected + 0.0 }
}

/// Which units of a service there are.
struct Choice {
    service: Name,
    baseline: Name,
    canary: Name,
    /// The functions that ran the canary, if the baseline ran in one of them: others are not part of the release. 0 is
    /// what is of no function.
    functions: Option<BTreeSet<Name>>,
    /// Versions whose calls have STARTs. An id that no mark has is another's there, such as API Gateway's, and what names a
    /// trace alone is part of a call. A function that lets Lambda write failures alone has none, and nothing follows for it.
    marked: BTreeSet<Version>,
    met: PlainMap<(u128, u32), Met>,
    sending: Sending,
    kind: UnitKind,
    /// Whether the canary is named by its version.
    is_by_version: bool,
}

impl Choice {
    fn side_of(&self, release: Name) -> Side {
        match release {
            0 => Side::Other,
            release if release == self.canary => Side::Canary,
            release if release == self.baseline => Side::Baseline,
            _ => Side::Other,
        }
    }

    /// Whether nobody has said which release it is.
    fn may_be_canary(&self, release: Name, version: Version, survey: &Survey) -> bool {
        survey.is_unnamed(release, version) && !self.is_by_version
    }

    fn is_compared(&self, call: &Call) -> bool {
        self.functions.as_ref().is_none_or(|functions| functions.contains(&call.function))
    }

    /// Whether it is no call of its own, but part of one: so is what names a trace alone of which Lambda shows calls.
    fn is_phantom(&self, call: &Call, survey: &Survey) -> bool {
        let shows_calls = || self.met.get(&(call.trace.1, call.region)).is_some_and(|met| met.calls > 0);
        let is_of_calls = call.invocation == 0 && shows_calls();
        is_of_calls
            || call.function != 0 && !call.is_marked && self.marked.contains(&survey.published(call.of_version()))
    }
}

/// What a trace met, whatever regions it crossed.
struct Trace {
    window: i64,
    /// The baseline, and the canary.
    met: [bool; 2],
    has_failed: bool,
    calls: u32,
}

/// What is left to be looked up before the units of a service can be counted.
pub(super) struct Draft<'q> {
    question: &'q ServiceQuestion,
    service: Name,
    baseline: Name,
    units: PlainMap<UnitKey, Unit>,
    releases: BTreeMap<String, u64>,
    has_records_without_id: bool,
    unit: UnitKind,
    sending: Sending,
    untied: Vec<Unknown>,
}

/// A failure of nobody's unit.
struct Unknown {
    region: Name,
    function: Name,
    side: Side,
    at_unix_nano: i64,
}

/// What has to be looked up.
#[derive(Default)]
pub(super) struct ToLookUp {
    /// Traces of which has to be known what called what.
    pub(super) traces: PlainSet<u128>,
    /// Invocations of which the trace has to be known.
    pub(super) invocations: PlainSet<u128>,
    /// Invocations of which has to be known when they began.
    pub(super) began: PlainSet<u128>,
}

/// All failures, by trace, and those whose trace is not known.
#[derive(Default)]
pub(super) struct Failures {
    by_trace: PlainMap<u128, Vec<(Name, u128, Failing)>>,
    /// With the function.
    of_invocations: Vec<(Name, u128, Failing, Name)>,
}

/// Calls and failures of all locations.
pub(super) struct Gathered<'s> {
    survey: &'s Survey,
    records: &'s ReleaseMap,
    calls: Vec<Vec<(u128, Call)>>,
    failures: Failures,
    without_id: BTreeSet<Name>,
    untied: Vec<(u32, i64)>,
}

pub(super) fn gather<'s, 't>(
    tallies: impl Iterator<Item = &'t Tally>,
    survey: &'s Survey,
    records: &'s ReleaseMap,
) -> Gathered<'s> {
    let mut calls = Vec::new();
    let mut failures = Failures::default();
    let mut without_id = BTreeSet::new();
    let mut untied = Vec::new();
    for tally in tallies {
        calls.extend(tally.calls.iter().map(|shard| {
            let parts = std::mem::take(&mut *lock(shard));
            let mut attempts = Vec::with_capacity(parts.len());
            for (key, parts) in parts {
                match parts.others.is_empty() {
                    true => attempts.push((key, parts.first)),
                    false => attempts.extend(parts.attempts(survey).into_iter().map(|call| (key, call))),
                }
            }
            attempts
        }));
        for (key, at_unix_nano) in lock(&tally.failures).iter() {
            let failing = Failing { span: key.span, at_unix_nano: *at_unix_nano, since_unix_nano: UNKNOWN };
            match key.trace {
                0 => failures.of_invocations.push((key.service, key.invocation, failing, key.function)),
                trace => failures.by_trace.entry(trace).or_default().push((key.service, key.invocation, failing)),
            }
        }
        without_id.extend(lock(&tally.without_id).iter().copied());
        untied.append(&mut lock(&tally.untied));
    }
    Gathered { survey, records, calls, failures, without_id, untied }
}

impl Gathered<'_> {
    /// The calls of a service, with their releases.
    fn told(&self, service: Name) -> impl Iterator<Item = Told> {
        let (survey, records) = (self.survey, self.records);
        let all = self.calls.iter().flatten().filter(move |(_, call)| service != 0 && call.service == service);
        all.map(move |(key, call)| {
            let latest = || {
                let [region, function] = [call.region, call.function].map(|name| survey.names.text(name));
                survey.names.find(records.of(region, function, LATEST, call.first_unix_nano)?)
            };
            let version = call.of_version();
            let release = survey.release_of(version, call.release, latest);
            Told { key: *key, call: *call, release }
        })
    }

    /// The release that is compared with the canary: the one with most calls of the functions that run it, from as long
    /// before it appeared as it has been there; strays of older ones are few then.
    fn baseline(&self, service: Name, canary: Name, functions: &BTreeSet<Name>, question: &UnitQuestion) -> Name {
        let survey = self.survey;
        let calls = || self.told(service).filter(|told| told.release != 0 && question.holds(told.call.first_unix_nano));
        let of_canary = || calls().filter(|told| told.release == canary).map(|told| told.call.first_unix_nano);
        let appeared = of_canary().min().unwrap_or(question.since_unix_nano);
        let last = calls().map(|told| told.call.first_unix_nano).max().unwrap_or(appeared);
        let since = appeared.saturating_sub(last - appeared);
        let most = |is_told: &dyn Fn(&Call) -> bool| {
            let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
            for told in calls().filter(|told| told.release != canary && is_told(&told.call)) {
                *counts.entry(told.release).or_default() += 1;
            }
            let most = counts.into_iter().max_by_key(|(name, count)| (*count, survey.rank(*name)));
            most.map(|(name, _)| name)
        };
        let is_near = |call: &Call| call.first_unix_nano >= since && functions.contains(&call.function);
        most(&is_near).or_else(|| most(&|_| true)).unwrap_or(0)
    }

    /// What decides which units of a service there are.
    fn choice(&self, asked: &ServiceQuestion, question: &UnitQuestion) -> Choice {
        let survey = self.survey;
        let name = |text: &str| survey.names.find(text).unwrap_or(0);
        let (service, canary) = (name(&asked.service), name(&asked.canary));
        let of_service = || self.told(service);
        let in_time = |told: &Told| question.holds(told.call.first_unix_nano);
        let is_of = |release: Name| move |told: &Told| release != 0 && told.release == release;
        let of_canary = of_service().filter(is_of(canary)).filter(in_time);
        let functions: BTreeSet<Name> = of_canary.map(|told| told.call.function).collect();
        let baseline = match &asked.baseline {
            Some(baseline) => name(baseline),
            None => self.baseline(service, canary, &functions, question),
        };
        let runs_both = |told: Told| functions.contains(&told.call.function);
        let functions = of_service().filter(is_of(baseline)).filter(in_time).any(runs_both).then_some(functions);
        let marked: BTreeSet<Version> = of_service()
            .filter(|told| told.call.is_started)
            .map(|told| survey.published(told.call.of_version()))
            .collect();
        let mut met: PlainMap<(u128, u32), Met> = PlainMap::default();
        let mut calls: BTreeMap<Name, u64> = BTreeMap::new();
        for told in of_service().filter(|told| told.release != 0 && told.call.trace.1 != 0) {
            let new = Met { only: told.release, calls: 0, sent: (0, told.release) };
            let met = met.entry((told.call.trace.1, told.call.region)).or_insert(new);
            if met.only != told.release {
                met.only = 0;
            }
            if told.call.is_marked && told.call.invocation != 0 {
                met.calls += 1;
                if functions.as_ref().is_none_or(|functions| functions.contains(&told.call.function)) {
                    let release = if met.sent.0 == 0 || met.sent.1 == told.release { told.release } else { 0 };
                    met.sent = (met.sent.0 + 1, release);
                    *calls.entry(told.release).or_default() += 1;
                }
            }
        }
        let sending = sending(&met, &calls);
        let kind = asked.unit.unwrap_or(match question.unit {
            UnitKind::Auto if sending.is_by_call() => UnitKind::Invocation,
            kind => kind,
        });
        let is_by_version = survey.is_version(canary);
        Choice { service, baseline, canary, functions, marked, met, sending, kind, is_by_version }
    }

    /// The units of a service.
    pub(super) fn draft<'q>(&self, asked: &'q ServiceQuestion, question: &UnitQuestion) -> Draft<'q> {
        let survey = self.survey;
        let choice = self.choice(asked, question);
        let service = choice.service;
        let mut releases: BTreeMap<String, u64> = BTreeMap::new();
        let mut untied = self.untied_of(&choice);
        let mut units: PlainMap<UnitKey, Unit> = PlainMap::default();
        let mut phantoms: Vec<(UnitKey, Unit)> = Vec::new();
        // The unit of the only call of a trace; none where there are several.
        let mut sole: PlainMap<UnitKey, Option<UnitKey>> = PlainMap::default();
        for told in self.told(service) {
            let call = &told.call;
            if question.holds(call.first_unix_nano) && told.release != 0 {
                *releases.entry(survey.names.text(told.release).to_owned()).or_default() += 1;
            }
            let release = match told.release {
                0 if call.function == 0 => choice.met.get(&(call.trace.1, call.region)).map_or(0, |met| met.only),
                release => release,
            };
            let side = choice.side_of(release);
            let has_failed = call.failed_unix_nano != NEVER;
            let unknown = |side: Side| Unknown {
                region: call.region,
                function: call.function,
                side,
                at_unix_nano: call.failed_unix_nano,
            };
            if side == Side::Other && !has_failed {
                continue;
            }
            // What fails before it can say which release it is may be the canary.
            if side == Side::Other && choice.may_be_canary(release, call.of_version(), survey) {
                untied.push(unknown(Side::Canary));
            }
            let is_phantom = choice.is_phantom(call, survey);
            if !is_phantom && !choice.is_compared(call) {
                continue;
            }
            let is_trace = match choice.kind {
                UnitKind::Invocation => false,
                UnitKind::Auto | UnitKind::Trace => call.trace.1 != 0,
            };
            if choice.kind == UnitKind::Trace && !is_trace {
                if has_failed {
                    untied.push(unknown(side));
                }
                continue;
            }
            let place = u64::from(call.region) << 33 | u64::from(release) << 1 | u64::from(is_trace);
            let key = (if is_trace { call.trace.1 } else { told.key }, place);
            let unit = Unit::of(call, side);
            if is_phantom {
                phantoms.push(((call.trace.1, place), unit));
                continue;
            }
            units.entry(key).and_modify(|of_trace| of_trace.unite(&unit, survey)).or_insert(unit);
            let found = sole.entry((call.trace.1, place)).or_insert(Some(key));
            *found = found.filter(|found| *found == key);
        }
        for (key, phantom) in phantoms {
            let unit = sole.get(&key).copied().flatten().filter(|_| key.0 != 0);
            match unit.and_then(|unit| units.get_mut(&unit)) {
                Some(unit) => unit.unite(&phantom.part(), survey),
                None => untied.extend(phantom.failed.map(|(_, failing)| Unknown {
                    region: phantom.region,
                    function: phantom.function.0,
                    side: phantom.side,
                    at_unix_nano: failing.at_unix_nano,
                })),
            }
        }
        Draft {
            question: asked,
            service,
            baseline: choice.baseline,
            units,
            releases,
            has_records_without_id: self.without_id.contains(&service),
            unit: choice.kind,
            sending: choice.sending,
            untied,
        }
    }

    /// The failures of a service of which nobody knows the unit.
    fn untied_of(&self, choice: &Choice) -> Vec<Unknown> {
        let (survey, service) = (self.survey, choice.service);
        let its = self.untied.iter().filter(|(emitter, _)| service != 0 && survey.service(*emitter) == service);
        its.map(|(number, at_unix_nano)| {
            let emitter = survey.emitter(*number);
            let version = emitter.of_version();
            let release = survey.release_of(version, survey.stated_release(*number), || None);
            let side = match choice.side_of(release) {
                Side::Other if choice.may_be_canary(release, version, survey) => Side::Canary,
                side => side,
            };
            Unknown { region: emitter.region, function: emitter.function, side, at_unix_nano: *at_unix_nano }
        })
        .collect()
    }

    /// The traces in which a unit failed beside another service, or another unit, so that it has to be known what called
    /// what; and the invocations of which the trace has to be known.
    pub(super) fn to_look_up(&self, drafts: &[Draft<'_>]) -> ToLookUp {
        let mut traces = PlainSet::default();
        let mut failed: PlainMap<u128, u32> = PlainMap::default();
        for draft in drafts {
            let is_in_doubt = |unit: &&Unit| unit.failed.is_some() && unit.trace != 0;
            for unit in draft.units.values().filter(is_in_doubt) {
                let count = failed.entry(unit.trace).or_default();
                *count += 1;
                let others = self.failures.by_trace.get(&unit.trace);
                // One whose trace is not known yet may be of any.
                if !self.failures.of_invocations.is_empty()
                    || *count > 1
                    || others.is_some_and(|others| others.iter().any(|(name, ..)| *name != draft.service))
                {
                    traces.insert(unit.trace);
                }
            }
        }
        let services: BTreeSet<Name> = drafts.iter().map(|draft| draft.service).collect();
        let is_other = |name: &Name| services.len() > 1 || !services.contains(name);
        let invocations = self.failures.of_invocations.iter().filter(|(name, ..)| is_other(name));
        let invocations: PlainSet<u128> = match failed.is_empty() {
            true => PlainSet::default(),
            false => invocations.map(|(_, invocation, ..)| *invocation).collect(),
        };
        let in_doubt = traces.iter().filter_map(|trace| self.failures.by_trace.get(trace)).flatten();
        let began = in_doubt.map(|(_, invocation, _)| *invocation).filter(|invocation| *invocation != 0);
        let began = began.chain(invocations.iter().copied()).collect();
        ToLookUp { traces, invocations, began }
    }
}

impl Draft<'_> {
    pub(super) fn service(&self) -> Name {
        self.service
    }

    /// The service, if units of it may be missing where a share of the records was kept.
    pub(super) fn may_be_sampled(&self) -> Option<Name> {
        self.units.values().any(|unit| unit.side != Side::Other && !unit.is_marked).then_some(self.service)
    }

    /// Counts the units, given how the traces in question hang together.
    pub(super) fn count(
        self,
        question: &UnitQuestion,
        failures: &PlainMap<u128, Vec<(Name, Failing)>>,
        links: &Links,
        survey: &Survey,
    ) -> ServiceUnits {
        // A failure without a span happened in that of its invocation.
        let placed = |(invocation, failing): (u128, Failing)| match (failing.span, links.span_of.get(&invocation)) {
            (0, Some((_, span))) => Failing { span: *span, ..failing },
            _ => failing,
        };
        let mut by_unit: PlainMap<u128, Vec<(UnitKey, Failing)>> = PlainMap::default();
        for (key, unit) in self.units.iter().filter(|(_, unit)| unit.trace != 0) {
            if let Some(failed) = unit.failed {
                by_unit.entry(unit.trace).or_default().push((*key, placed(failed)));
            }
        }
        let window = |at: i64| {
            let passed = at - question.since_unix_nano;
            question.since_unix_nano + passed.div_euclid(WINDOW_NANO) * WINDOW_NANO
        };
        let mut cells: HashMap<(i64, Name, Name), UnitCell> = HashMap::new();
        let mut doubts: BTreeMap<(i64, Name, Name), [[u64; 2]; 2]> = BTreeMap::new();
        const EXCUSED: usize = 0;
        const UNTIED: usize = 1;
        for unknown in self.untied.iter().filter(|unknown| unknown.side != Side::Other) {
            if question.holds(unknown.at_unix_nano) {
                let of = doubts.entry((window(unknown.at_unix_nano), unknown.region, unknown.function)).or_default();
                of[UNTIED][usize::from(unknown.side == Side::Canary)] += 1;
            }
        }
        let mut traces: PlainMap<u128, Trace> = PlainMap::default();
        let is_counted = |unit: &Unit| unit.side != Side::Other && question.holds(unit.first_unix_nano);
        let mut untimed = [[0_u64; 2]; 2];
        for (key, unit) in self.units.iter().filter(|(_, unit)| is_counted(unit)) {
            let of_side = &mut untimed[usize::from(unit.side == Side::Canary)];
            *of_side = [of_side[0] + u64::from(!unit.is_timed), of_side[1] + 1];
            let window = window(unit.first_unix_nano);
            let in_time = |at: i64| at < window.saturating_add(WINDOW_NANO).saturating_add(question.settle_nano);
            let in_time_and_late =
                |at: Option<i64>| [true, false].map(|is| u64::from(at.is_some_and(|at| in_time(at) == is)));
            let own = unit.failed.map(placed);
            let failed = own.filter(|failing| {
                let in_trace = failures.get(&unit.trace).map_or(&[][..], Vec::as_slice);
                let of = |is_own: bool| {
                    let some = in_trace.iter().filter(move |(service, _)| (*service == self.service) == is_own);
                    some.map(|(_, failing)| *failing)
                };
                // What a unit fails by is not looked at for longer than the unit itself.
                let of_others: Vec<Failing> = of(false).filter(|other| in_time(other.at_unix_nano)).collect();
                let of_units = by_unit.get(&unit.trace).map_or(&[][..], Vec::as_slice);
                // Those whose trace only their call tells are among those of the units.
                let of_own: Vec<Failing> = of(true).chain(of_units.iter().map(|(_, failing)| *failing)).collect();
                let of_units = of_units.iter().filter(|(other, failing)| other != key && in_time(failing.at_unix_nano));
                let of_units: Vec<Failing> = of_units.map(|(_, failing)| *failing).collect();
                unit.trace == 0
                    || !came_from_elsewhere(unit.trace, failing, &of_others, &of_own, &of_units, &links.parents)
            });
            if failed.is_none() && own.is_some() {
                let of = doubts.entry((window, unit.region, unit.function.0)).or_default();
                of[EXCUSED][usize::from(unit.side == Side::Canary)] += 1;
            }
            let is_slow = unit.slow_unix_nano != NEVER;
            let [failed, failed_late] = in_time_and_late(failed.map(|failing| failing.at_unix_nano));
            let [slow, slow_late] = in_time_and_late(is_slow.then_some(unit.slow_unix_nano));
            let cell = cells.entry((window, unit.region, unit.function.0)).or_insert_with(|| UnitCell {
                region: survey.names.text(unit.region).to_owned(),
                function: survey.names.text(unit.function.0).to_owned(),
                window_unix_nano: window,
                ..UnitCell::default()
            });
            let late = match unit.side != Side::Baseline {
                false => {
                    (cell.n_a, cell.x_a, cell.slow_a) = (cell.n_a + 1, cell.x_a + failed, cell.slow_a + slow);
                    &mut cell.late_a
                }
                true => {
                    (cell.n_b, cell.x_b, cell.slow_b) = (cell.n_b + 1, cell.x_b + failed, cell.slow_b + slow);
                    &mut cell.late_b
                }
            };
            *late = [late[0] + failed_late, late[1] + slow_late];
            if unit.trace != 0 {
                let new = Trace { window, met: [false; 2], has_failed: false, calls: 0 };
                let trace = traces.entry(unit.trace).or_insert(new);
                trace.window = trace.window.min(window);
                trace.met[usize::from(unit.side == Side::Canary)] = true;
                trace.has_failed |= failed > 0;
                trace.calls = trace.calls.saturating_add(unit.calls).min(TRACE_CALLS_MAX);
            }
        }
        let mut cells: Vec<UnitCell> = cells.into_values().collect();
        let place = |cell: &UnitCell| (cell.window_unix_nano, cell.region.clone(), cell.function.clone());
        cells.sort_by_cached_key(place);
        let mut began: BTreeMap<&str, i64> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| cell.n_b > 0) {
            began.entry(&cell.region).or_insert(cell.window_unix_nano);
        }
        let mut mixed: BTreeMap<(i64, u32), MixedCell> = BTreeMap::new();
        for Trace { window, met, has_failed, calls } in traces.into_values() {
            let new = MixedCell { window_unix_nano: window, calls, ..MixedCell::default() };
            let cell = mixed.entry((window, calls)).or_insert(new);
            let counts = match met {
                [true, true] => &mut cell.mixed,
                [false, true] => &mut cell.canary,
                _ => &mut cell.baseline,
            };
            counts[0] += 1;
            counts[1] += u64::from(has_failed);
        }
        let mut shifts = Vec::new();
        for (region, from) in &began {
            let number = survey.names.find(region).unwrap_or(0);
            for (service, releases) in survey.shifts(number, self.service, *from, question.until_unix_nano) {
                let (region, service) = ((*region).to_owned(), survey.names.text(service).to_owned());
                shifts.push(Shift { region, service, releases });
            }
        }
        let name = |name: Name| (name != 0).then(|| survey.names.text(name).to_owned());
        ServiceUnits {
            service: self.question.service.clone(),
            baseline: self.question.baseline.clone().or_else(|| name(self.baseline)),
            canary: self.question.canary.clone(),
            cells,
            doubts: doubts
                .into_iter()
                .map(|((window_unix_nano, region, function), [excused, untied])| DoubtCell {
                    region: survey.names.text(region).to_owned(),
                    function: survey.names.text(function).to_owned(),
                    window_unix_nano,
                    excused,
                    untied,
                })
                .collect(),
            mixed: mixed.into_values().collect(),
            has_records_without_id: self.has_records_without_id,
            sample_rate_min: None,
            unit: self.unit,
            sending: self.sending,
            has_traces: self.units.values().any(|unit| unit.side != Side::Other && unit.trace != 0),
            is_untimed: untimed.iter().any(|[untimed, all]| UNTIMED_TIMES * untimed > *all),
            releases: self.releases,
            shifts,
            groups: survey.groups(self.service),
            records_from_elsewhere: survey.times_from_elsewhere(
                self.service,
                question.since_unix_nano,
                question.until_unix_nano,
            ),
        }
    }
}

impl Gathered<'_> {
    /// The functions of these invocations.
    pub(super) fn functions_of(&self, invocations: &PlainSet<u128>) -> BTreeSet<Name> {
        let of_these =
            self.failures.of_invocations.iter().filter(|(_, invocation, ..)| invocations.contains(invocation));
        of_these.map(|(.., function)| *function).collect()
    }

    /// All failures by trace, those of invocations whose trace is known by now among them.
    pub(super) fn failures_by_trace(&self, links: &Links) -> PlainMap<u128, Vec<(Name, Failing)>> {
        let mut by_trace: PlainMap<u128, Vec<(Name, Failing)>> = PlainMap::default();
        let mut add = |trace: u128, service: Name, invocation: u128, failing: &Failing| {
            let span = match (failing.span, links.span_of.get(&invocation)) {
                (0, Some((_, span))) => *span,
                (span, _) => span,
            };
            let since_unix_nano = links.began.get(&invocation).copied().unwrap_or(failing.since_unix_nano);
            by_trace.entry(trace).or_default().push((service, Failing { span, since_unix_nano, ..*failing }));
        };
        for (trace, failures) in &self.failures.by_trace {
            failures.iter().for_each(|(service, invocation, failing)| add(*trace, *service, *invocation, failing));
        }
        for (service, invocation, failing, _) in &self.failures.of_invocations {
            if let Some((_, trace)) = links.trace_of.get(invocation) {
                add(*trace, *service, *invocation, failing);
            }
        }
        by_trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_in_the_order_of_their_texts() {
        assert_eq!(id_number("0000000000000000000000000000000a"), 10);
        assert_eq!(id_number("00000000-0000-0000-0000-0000000000ff"), 255);
        assert!(id_number(&"a".repeat(32)) < id_number(&"b".repeat(32)));
        // Anything else is told apart all the same, and nothing is no id.
        assert_ne!(id_number("order-1"), id_number("order-2"));
        assert_ne!(id_number(&"A".repeat(32)), id_number(&"a".repeat(32)));
        assert_eq!(id_number(&"0".repeat(32)), 1);
        assert_eq!((span_number(""), span_number("00000000000000ff")), (0, 255));
        assert_ne!(span_number("one"), span_number("two"));
    }
}
