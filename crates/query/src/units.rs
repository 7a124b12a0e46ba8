//! How many units of work two releases of a service had in each region and minute, and how many of them failed: what
//! `transect canary` judges. All regions are read at once, and every record counts as often as it is delivered: once.
//!
//! A unit is a trace, for each release and region by itself, else an invocation; and each invocation is one where those of
//! a trace go to releases by themselves. It belongs to the minute of its first record, by CloudWatch's clock where that is
//! a log, and fails if something of the service failed in it that did not come from elsewhere.

mod origin;
mod scan;
mod streams;
mod survey;
mod tally;

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use transect_lake::Mapping;
use transect_schema::Completeness;

use crate::Result;
use crate::file_set::FileSet;
use crate::question::Question;

/// The length of a window: a minute.
pub const WINDOW_NANO: i64 = 60_000_000_000;

/// A unit's records lie at most so far from its first one; what began earlier than this before the first window may be
/// counted there.
pub const UNIT_NANO_MAX: i64 = 3_600_000_000_000;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnitKind {
    /// A trace where there is one, else an invocation; an invocation where those of a trace go to releases by themselves.
    #[default]
    Auto,
    /// Traces alone.
    Trace,
    /// Invocations, whatever trace they are of.
    Invocation,
}

/// A service whose releases are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceQuestion {
    /// Its name.
    pub service: String,
    /// The release before; none for the one with most calls beside the canary, and as long before it.
    pub baseline: Option<String>,
    /// The release that is judged.
    pub canary: String,
    /// What a unit is where that was found before; else as all are asked.
    pub unit: Option<UnitKind>,
}

/// What is to be counted.
#[derive(Clone, Debug)]
pub struct UnitQuestion {
    /// The services.
    pub services: Vec<ServiceQuestion>,
    /// The beginning of the first window; nanoseconds since 1970.
    pub since_unix_nano: i64,
    /// The end of the last window; nanoseconds since 1970. What happened at it is not counted.
    pub until_unix_nano: i64,
    /// How long after the end of its window a unit may still fail.
    pub settle_nano: i64,
    /// What a unit is.
    pub unit: UnitKind,
    /// What a failed record is, as SQL over the columns of `telemetry`; none for what usually is.
    pub error: Option<String>,
    /// From which duration on a unit is slow.
    pub slow_nano: Option<i64>,
    /// What is known of versions of functions, besides what the lake has recorded; it comes before that.
    pub releases: Vec<Mapping>,
}

impl UnitQuestion {
    /// Whether a time lies in one of the windows.
    fn holds(&self, time_unix_nano: i64) -> bool {
        (self.since_unix_nano..self.until_unix_nano).contains(&time_unix_nano)
    }
}

/// Units of a region, function and window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitCell {
    /// The region.
    pub region: String,
    /// The function: of a trace the one of its first call; empty where it is none's.
    pub function: String,
    /// The beginning of the window; nanoseconds since 1970.
    pub window_unix_nano: i64,
    /// Units of the baseline.
    pub n_a: u64,
    /// Those that failed.
    pub x_a: u64,
    /// Those that were slow.
    pub slow_a: u64,
    /// Units of the canary.
    pub n_b: u64,
    /// Those that failed.
    pub x_b: u64,
    /// Those that were slow.
    pub slow_b: u64,
    /// Units of the baseline that failed, and that were slow, only later than was waited for: they count as good.
    pub late_a: [u64; 2],
    /// Those of the canary.
    pub late_b: [u64; 2],
}

impl UnitCell {
    /// Adds what was counted of another function, or minute.
    pub fn add(&mut self, other: &UnitCell) {
        let sum = [
            (&mut self.n_a, other.n_a),
            (&mut self.x_a, other.x_a),
            (&mut self.slow_a, other.slow_a),
            (&mut self.n_b, other.n_b),
            (&mut self.x_b, other.x_b),
            (&mut self.slow_b, other.slow_b),
        ];
        sum.into_iter().for_each(|(sum, of)| *sum += of);
        let late = self.late_a.iter_mut().chain(&mut self.late_b).zip(other.late_a.iter().chain(&other.late_b));
        late.for_each(|(sum, of)| *sum += of);
    }
}

/// Failures of a region, function and window that are held against nobody, of the baseline and of the canary: what they
/// would be worth is told, and may keep a canary from passing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoubtCell {
    /// The region.
    pub region: String,
    /// The function; empty where it is none's.
    pub function: String,
    /// The beginning of the window; nanoseconds since 1970.
    pub window_unix_nano: i64,
    /// Units that failed because something else had: they count as good.
    pub excused: [u64; 2],
    /// Failed records of which nobody knows the unit: they count for nothing.
    pub untied: [u64; 2],
}

impl DoubtCell {
    /// Adds what is of another function, or minute.
    pub fn add(&mut self, other: &DoubtCell) {
        for side in 0..2 {
            self.excused[side] += other.excused[side];
            self.untied[side] += other.untied[side];
        }
    }
}

/// A trace with more calls is taken for one with so many: next to none of them met one release alone.
pub const TRACE_CALLS_MAX: u32 = 64;

/// Traces of a window that had so many calls, whatever regions they crossed, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MixedCell {
    /// The beginning of the window; nanoseconds since 1970.
    pub window_unix_nano: i64,
    /// How many calls each had of the releases that are compared, [`TRACE_CALLS_MAX`] at most: a trace of many is likelier to
    /// have failed, and likelier to have met both.
    pub calls: u32,
    /// Traces that met the baseline alone.
    pub baseline: [u64; 2],
    /// Traces that met the canary alone.
    pub canary: [u64; 2],
    /// Traces that met both.
    pub mixed: [u64; 2],
}

/// Another service that ran several releases in a region while the comparison went on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
    /// Its releases.
    pub releases: Vec<String>,
}

/// How the calls of a trace go to releases.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sending {
    /// Traces of several calls that met several releases.
    pub mixed: u64,
    /// How many would if each call were sent by itself.
    pub expected: f64,
}

/// Traces that met several releases are so many times rarer than if each call were sent by itself, at least, where it is
/// the trace that is sent to a release.
const RARER: f64 = 10.0;
/// From so many expected ones on it is known how calls are sent: were it calls, more than one would have been seen.
const EXPECTED_MIN: f64 = 10.0;

impl Sending {
    /// Whether each call of a trace goes to a release by itself, as those of a weighted alias do, and not the trace as a whole.
    /// Units of traces would not be alike then: the release with more of the traffic has more calls of each.
    pub fn is_by_call(&self) -> bool {
        self.mixed > 0 && RARER * self.mixed as f64 >= self.expected
    }

    /// Whether there were enough traces to tell.
    pub fn is_sure(&self) -> bool {
        self.expected >= EXPECTED_MIN
    }
}

/// What was counted of a service.
#[derive(Clone, Debug, Default)]
pub struct ServiceUnits {
    /// The service.
    pub service: String,
    /// The release before; none if there was no other.
    pub baseline: Option<String>,
    /// The release that is judged.
    pub canary: String,
    /// By window and region.
    pub cells: Vec<UnitCell>,
    /// What is held against nobody, by window and region.
    pub doubts: Vec<DoubtCell>,
    /// Traces by window.
    pub mixed: Vec<MixedCell>,
    /// Whether some records of the service name neither trace nor invocation: they cannot be counted.
    pub has_records_without_id: bool,
    /// Calls by release, whichever it is: what to choose from.
    pub releases: BTreeMap<String, u64>,
    /// Other services that shifted at the same time.
    pub shifts: Vec<Shift>,
    /// The log groups that were counted, in the order of their names: those in which its calls are reported or its spans
    /// stand, and where there are none those that name it.
    pub groups: Vec<String>,
    /// About how many records of the windows named the service from other groups, and were not counted.
    pub records_from_elsewhere: u64,
    /// The least rate by which units were kept that no mark of a call shows: a share of those that went well, and all
    /// that failed. None where every unit was kept.
    pub sample_rate_min: Option<f64>,
    /// What a unit was: a trace where there is one, or a call.
    pub unit: UnitKind,
    /// How the calls of its traces went to releases.
    pub sending: Sending,
    /// Whether any unit is of a trace.
    pub has_traces: bool,
    /// Of many units of the baseline or of the canary nobody knows how long they took: those that were slow are not known.
    pub is_untimed: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Units {
    /// In the order of the question.
    pub services: Vec<ServiceUnits>,
    /// All services that wrote something.
    pub services_seen: Vec<String>,
    /// Whether it rests on everything that it should.
    pub completeness: Completeness,
}

impl Question {
    /// Counts units. The extent of the question plays no part: windows are named by what is asked.
    pub fn units<'q>(&'q self, question: &'q UnitQuestion) -> BoxFuture<'q, Result<Units>> {
        async move {
            let error = std::sync::Arc::new(self.error_rule(question.error.as_deref())?);
            let _turn = self.turn().await?;
            // What is counted once is not counted again: not by records of a minute ago.
            let releases = self.read_release_records().await.with(&question.releases);
            let mut files = FileSet::new(self);
            files
                .list(&[(question.since_unix_nano - UNIT_NANO_MAX, question.until_unix_nano + question.settle_nano)])
                .await?;
            let counted = loop {
                let there = files.there().len();
                let counted = scan::count(&files, question, &error, &releases).await?;
                // A region or file that was lost in between is left out from the beginning, not by halves.
                if files.there().len() == there {
                    break counted;
                }
            };
            let completeness = self.completeness();
            if let Some(error) = self.nothing_answers(&completeness) {
                return Err(error);
            }
            if counted.services_seen.is_empty() {
                self.check_for_telemetry().await?;
            }
            Ok(Units { completeness, ..counted })
        }
        .boxed()
    }
}
