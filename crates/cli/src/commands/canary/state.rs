//! What was counted at the looks of a pipeline, one after the other, and whether that was a failure: minutes are counted
//! once and never revised. It refuses a state that was begun with another question, or by another version's statistics.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;
use transect_canary::{Cell, Counts, RecordSource, STATISTICS_VERSION, UNITS_MAX, Verdict, compared_functions};
use transect_query::{
    DoubtCell, MixedCell, ServiceUnits, UnitCell, UnitKind, UnitQuestion, Units, WINDOW_NANO, visible,
};
use twox_hash::XxHash3_64;

use super::counting::Counting;
use crate::failure::{Failure, USAGE};
use crate::output;
use crate::range::duration_nano;

const VERSION: u32 = STATISTICS_VERSION;
/// So many minutes before what is kept are counted again at each look: twice the longest buffer that is usual for delivery
/// (5 min), and half as much once more.
pub const RECOUNT_MINUTES: i64 = 15;
/// Parts of a question that are the same however they are written.
const DURATIONS: [&str; 5] = ["since", "settle", "slow", "exclude_first", "lateness"];
/// A state goes on for a year at most.
const MINUTES_MAX: i64 = 366 * 24 * 60;
/// A month of minutes in thirty regions is a tenth of this.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// What a look found besides counts.
#[derive(Clone, Debug)]
pub struct Look {
    pub is_complete: bool,
    pub missing_regions: Vec<String>,
    /// Regions and files, and why.
    pub missing: Vec<(String, String)>,
    pub warnings: Vec<String>,
    pub hints: Vec<String>,
}

impl Default for Look {
    fn default() -> Look {
        Look {
            is_complete: true,
            missing_regions: Vec::new(),
            missing: Vec::new(),
            warnings: Vec::new(),
            hints: Vec::new(),
        }
    }
}

/// What was counted in a region, function and minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counted {
    region: String,
    /// Empty where it is none's, and where functions are not told apart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    function: String,
    /// Minutes since the series began.
    minute: i64,
    /// The look that it was counted at.
    look: i64,
    /// Units, failed and slow ones, of baseline and canary.
    baseline: [u64; 3],
    canary: [u64; 3],
}

/// Failures of a minute that are held against nobody, of baseline and canary.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Doubt {
    region: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    function: String,
    minute: i64,
    look: i64,
    /// Units that failed because something else had.
    excused: [u64; 2],
    /// Failed records of nobody's unit.
    untied: [u64; 2],
}

/// Units, failed and slow ones, of baseline and canary.
type Sides = [[u64; 3]; 2];

/// Region, function and minute.
type Place = (String, String, i64);

/// Region, part of it that is compared by itself, minute, look and what was counted.
pub type Row = (String, String, i64, i64, Cell);

impl Counted {
    fn place(&self) -> Place {
        (self.region.clone(), self.function.clone(), self.minute)
    }

    fn row(&self, slow: bool) -> Row {
        let cell = cell([self.baseline, self.canary], slow);
        (self.region.clone(), self.function.clone(), self.minute, self.look, cell)
    }
}

/// Traces of a minute with so many calls: how many, and how many of them failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Traces {
    minute: i64,
    look: i64,
    /// 0 where they were not told apart by it.
    #[serde(default, skip_serializing_if = "is_none")]
    calls: u32,
    baseline: [u64; 2],
    canary: [u64; 2],
    mixed: [u64; 2],
}

/// A service of the series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    pub service: String,
    pub baseline: Option<String>,
    pub canary: String,
    counted: Vec<Counted>,
    traces: Vec<Traces>,
    /// Whether functions are told apart: a series goes on as it began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_function: bool,
    /// What units were, `trace` or `call`, in the order in which they came to be that: one, where enough was known at first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    units: Vec<String>,
    /// Why they are what they are, at the last look.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    unit_why: String,
    /// Whether enough was known to keep to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_unit_sure: bool,
    /// Log groups that were counted.
    #[serde(default)]
    groups: BTreeSet<String>,
    /// Records that named the service from other groups: at the look that saw most of them, for looks overlap.
    #[serde(default)]
    records_from_elsewhere: u64,
    /// Whether a sample rate kept a share of its units.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_sampled: bool,
    /// Failures that are held against nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Doubt>,
    /// Minutes of which more is known than was counted, as they were found last; the look is that which counted them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    late: Vec<Counted>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    transect_canary_state: u32,
    asked: Value,
    since_unix_nano: i64,
    /// Ends of the looks, as minutes since the series began.
    looks: Vec<i64>,
    /// Looks at which a region did not answer, by their numbers.
    #[serde(default)]
    incomplete: BTreeSet<i64>,
    /// Regions that did not answer, and from which minute on they are to be counted.
    behind: BTreeMap<String, i64>,
    /// Files that could not be read: nothing passes until they can, and all is read at each look.
    unreadable: BTreeSet<String>,
    services: Vec<Service>,
    decided: Option<Decided>,
    /// Of all that was counted and decided, as it was written.
    #[serde(default, skip_serializing)]
    digest: Option<String>,
}

/// A state as it is written.
#[derive(Serialize)]
struct Written<'k> {
    #[serde(flatten)]
    kept: &'k Kept,
    digest: String,
}

/// What tells of a state that this version does not read: its version, and since when it counts.
#[derive(Debug, Deserialize)]
struct Outline {
    transect_canary_state: u32,
    #[serde(default)]
    since_unix_nano: i64,
    #[serde(default)]
    looks: Vec<i64>,
    #[serde(default)]
    asked: Value,
}

impl Kept {
    /// Tells a state that was written from one that was damaged, or changed by hand; it protects none from whoever means it.
    fn digest(&self) -> String {
        let Kept { since_unix_nano, looks, incomplete, behind, unreadable, services, decided, .. } = self;
        let all = (since_unix_nano, looks, incomplete, behind, unreadable, services, decided);
        // Texts and whole numbers alone: nothing in it can fail to be written.
        fingerprint(&serde_json::to_vec(&all).unwrap_or_default())
    }

    /// What nobody has written: it would be counted all the same.
    fn check(&self) -> Result<(), &'static str> {
        let last = self.looks.last().copied().unwrap_or(0);
        let is_look = |look: i64| usize::try_from(look).is_ok_and(|look| look < self.looks.len());
        let cells = || self.services.iter().flat_map(|of| &of.counted);
        let late = || self.services.iter().flat_map(|of| &of.late);
        let traces = || self.services.iter().flat_map(|of| &of.traces);
        let sides = || {
            let counted = cells().flat_map(|cell| [cell.baseline, cell.canary]);
            counted.chain(late().flat_map(|of| [of.baseline, of.canary]))
        };
        let mut places = cells()
            .map(|of| (of.look, of.minute))
            .chain(late().map(|of| (of.look, of.minute)))
            .chain(traces().map(|of| (of.look, of.minute)));
        // A look counts what lies before its end.
        let is_outside = |(look, minute): (i64, i64)| {
            let end = usize::try_from(look).ok().and_then(|look| self.looks.get(look));
            end.is_none_or(|end| !(0..*end).contains(&minute))
        };
        let is_twice = |of: &Service| {
            let mut seen = BTreeSet::new();
            of.counted.iter().any(|cell| !seen.insert((&cell.region, &cell.function, cell.minute)))
        };
        let checks = [
            (self.services.is_empty(), "it has no service"),
            (!is_beginning(self.since_unix_nano), "it begins at no time"),
            (
                !self.looks.is_sorted() || self.looks.iter().any(|end| !(0..=MINUTES_MAX).contains(end)),
                "its looks are in no order",
            ),
            (self.incomplete.iter().any(|look| !is_look(*look)), "a look that was none lacked a region"),
            (self.behind.values().any(|from| !(0..=last).contains(from)), "a region waits for a minute outside of it"),
            (places.any(is_outside), "a minute lies outside of it"),
            (self.services.iter().any(is_twice), "a minute was counted twice"),
            (sides().any(|[units, failed, slow]| failed > units || slow > units), "more failed than there were"),
            (
                traces().any(|of| [of.baseline, of.canary, of.mixed].iter().any(|[units, failed]| failed > units)),
                "more traces failed than there were",
            ),
            (
                sides()
                    .map(|[units, ..]| units)
                    .chain(traces().map(|of| of.baseline[0].max(of.canary[0]).max(of.mixed[0])))
                    .any(|units| units > UNITS_MAX),
                "a minute has more units than can be counted",
            ),
            (
                self.decided.as_ref().is_some_and(|decided| decided.verdict != Verdict::Fail.name()),
                "it keeps a decision that is never kept",
            ),
            (
                self.digest.as_ref().is_none_or(|digest| *digest != self.digest()),
                "what it holds is not what was written",
            ),
        ];
        match checks.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, what)) => Err(what),
            None => Ok(()),
        }
    }

    /// In what it is of another question: a sentence.
    fn other_than(&self, new: &Kept) -> Option<String> {
        let (was, is) = (&self.asked, &new.asked);
        let keys = was.as_object().into_iter().chain(is.as_object()).flat_map(|object| object.keys());
        let nano = |value: &Value| value.as_str().and_then(duration_nano);
        let is_same_time = |was: &Value, is: &Value| nano(was).is_some_and(|was| nano(is) == Some(was));
        let differs = |key: &&String| {
            let (was, is) = (&was[key.as_str()], &is[key.as_str()]);
            was != is && !(DURATIONS.contains(&key.as_str()) && is_same_time(was, is))
        };
        let (key, was, is) = keys.into_iter().find(differs).map(|key| (key, &was[key], &is[key]))?;
        if key != "lake" {
            return Some(format!("it was begun with {key} {was}, and this asks with {is}"));
        }
        let places = |of: &Value| -> BTreeSet<String> {
            of.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (was, is) = (places(was), places(is));
        let name = |place: &String| match place.split_once(' ') {
            Some(("*", _)) | None => "a place without a region".to_owned(),
            Some((region, _)) => region.to_owned(),
        };
        let others: BTreeSet<String> = was.symmetric_difference(&is).map(name).collect();
        let others: Vec<String> = others.into_iter().collect();
        Some(format!("it was begun with another lake, which differs in {}", others.join(", ")))
    }
}

/// Whether a state may begin then.
fn is_beginning(unix_nano: i64) -> bool {
    let last = i64::MAX - MINUTES_MAX * WINDOW_NANO;
    (0..last).contains(&unix_nano) && unix_nano % WINDOW_NANO == 0
}

/// Tells one thing from another, and protects nothing.
pub fn fingerprint(bytes: &[u8]) -> String {
    format!("{:016x}", XxHash3_64::oneshot(bytes))
}

/// A decision, and what was known then.
#[derive(Debug, Serialize, Deserialize)]
struct Decided {
    verdict: String,
    is_complete: bool,
    missing_regions: Vec<String>,
    warnings: Vec<String>,
}

/// The looks so far.
pub struct Series {
    path: Option<PathBuf>,
    kept: Kept,
    is_begun: bool,
    /// Whether the last look has read all minutes, and not the last ones alone.
    is_all_read: bool,
    /// Of each service, whether of many units of the last look nobody knows how long they took.
    are_untimed: Vec<bool>,
    /// Where a state is counted anew: since when.
    recounted_since: Option<i64>,
}

impl Series {
    /// What a file holds, or a new series; also where what it holds is to be counted anew.
    pub fn open(path: Option<&Path>, is_recount: bool, counting: &Counting) -> Result<Series, Failure> {
        let services = counting.services.iter().map(|asked| Service {
            service: asked.service.clone(),
            baseline: asked.baseline.clone(),
            canary: asked.canary.clone(),
            counted: Vec::new(),
            traces: Vec::new(),
            by_function: true,
            units: Vec::new(),
            unit_why: String::new(),
            is_unit_sure: false,
            groups: BTreeSet::new(),
            records_from_elsewhere: 0,
            is_sampled: false,
            doubts: Vec::new(),
            late: Vec::new(),
        });
        let mut new = Kept {
            transect_canary_state: VERSION,
            asked: counting.asked.clone(),
            since_unix_nano: 0,
            looks: Vec::new(),
            incomplete: BTreeSet::new(),
            behind: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            services: services.collect(),
            decided: None,
            digest: None,
        };
        let begun = |path: Option<&Path>, kept, recounted_since| {
            let path = path.map(Path::to_owned);
            Ok(Series { path, kept, is_begun: false, is_all_read: false, are_untimed: Vec::new(), recounted_since })
        };
        let Some(path) = path else { return begun(None, new, None) };
        let refuse = |error: anyhow::Error, hint: &str| Failure::Because {
            code: USAGE,
            error: error.context(format!("state {}", path.display())),
            hint: Some(hint.to_owned()),
        };
        let text = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return begun(Some(path), new, None);
            }
            Ok(found) if found.len() > FILE_BYTES_MAX => {
                Err(anyhow!("it has {} bytes, which no state has", found.len()))
            }
            _ => std::fs::read(path).context("read"),
        };
        let other = "name another file, or remove this one to begin anew";
        let none = "it is no state of `transect canary`";
        let text = text.map_err(|error| refuse(error, other))?;
        let outline: Result<Outline, Failure> =
            serde_json::from_slice(&text).context(none).map_err(|error| refuse(error, other));
        // No other file is overwritten.
        let is_state = text.is_empty() || text.starts_with(b"{\"transect_canary_state\"") || outline.is_ok();
        if is_recount && is_state {
            // What cannot be read begins where this is asked from, and so does what began elsewhere than is asked for.
            let is_same = |asked: &Value| match (asked.get("since"), &new.asked["since"]) {
                (None, _) | (_, Value::Null) => true,
                (Some(was), is) => was == is,
            };
            let begun_at = outline.ok().filter(|outline| {
                !outline.looks.is_empty() && is_beginning(outline.since_unix_nano) && is_same(&outline.asked)
            });
            if let Some(since) = begun_at.as_ref().and_then(|outline| outline.asked.get("since")) {
                new.asked["since"] = since.clone();
            }
            return begun(Some(path), new, begun_at.map(|outline| outline.since_unix_nano));
        }
        let outline = outline?;
        let version = outline.transect_canary_state;
        if version != VERSION {
            let error = anyhow!(
                "it is of version {version}, whose verdicts followed other rules, and this program judges by version {VERSION}"
            );
            return Err(refuse(
                error,
                "go on with the program that began it until the canary is decided, or count anew from the lake with --recount",
            ));
        }
        let kept: Kept = serde_json::from_slice(&text).context(none).map_err(|error| refuse(error, other))?;
        if let Some(what) = kept.other_than(&new) {
            let hint =
                "a running canary keeps its question: name another file for another one, or count anew with --recount";
            return Err(refuse(anyhow!(what), hint));
        }
        let is_of = |(was, is): (&Service, &Service)| {
            was.service == is.service
                && was.canary == is.canary
                && (is.baseline.is_none() || was.baseline == is.baseline)
        };
        let are_of = kept.services.len() == new.services.len() && kept.services.iter().zip(&new.services).all(is_of);
        let is_other = (!are_of).then_some("it counts other releases than it was begun with");
        let damage = is_other.or(kept.check().err());
        if let Some(what) = damage {
            return Err(damaged(path, what));
        }
        let is_begun = !kept.looks.is_empty();
        Ok(Series {
            path: Some(path.to_owned()),
            kept,
            is_begun,
            is_all_read: false,
            are_untimed: Vec::new(),
            recounted_since: None,
        })
    }

    /// Refuses minutes that had not been when they were counted: none that follow would be counted until the clock came there.
    pub fn check_clock(&self, now_unix_nano: i64) -> Result<(), Failure> {
        let (Some(path), Some(until)) = (&self.path, self.until_unix_nano()) else { return Ok(()) };
        // Clocks that are kept differ by less than a minute.
        if until <= now_unix_nano.saturating_add(WINDOW_NANO) {
            return Ok(());
        }
        let [until, now] = [until, now_unix_nano].map(time_name);
        Err(Failure::Because {
            code: USAGE,
            error: anyhow!("it has counted until {until}, and by this machine's clock it is {now}")
                .context(format!("state {}", path.display())),
            hint: Some(
                "put the clock right that is wrong, and count anew with --recount if it was the other one".into(),
            ),
        })
    }

    /// Refuses what it keeps where that is not what follows from its counts.
    pub fn check_decision(&self, verdict: Verdict) -> Result<(), Failure> {
        match (&self.path, &self.kept.decided) {
            (Some(path), Some(decided)) if decided.verdict != verdict.name() => {
                Err(damaged(path, "the decision that it keeps does not follow from what it has counted"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is kept between calls.
    pub fn is_kept(&self) -> bool {
        self.path.is_some()
    }

    /// What was found at the look at which a decision was made, if it has been.
    pub fn decided(&self) -> Option<Look> {
        let decided = self.kept.decided.as_ref()?;
        Some(Look {
            is_complete: decided.is_complete,
            missing_regions: decided.missing_regions.clone(),
            warnings: decided.warnings.clone(),
            ..Look::default()
        })
    }

    /// Whether the last look has read all minutes.
    pub fn is_all_read(&self) -> bool {
        self.is_all_read
    }

    /// Whether all files could be read.
    pub fn is_whole(&self) -> bool {
        self.kept.unreadable.is_empty()
    }

    /// The files that could not be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &String> {
        self.kept.unreadable.iter()
    }

    pub fn services(&self) -> &[Service] {
        &self.kept.services
    }

    /// From when on a look reads: what is new, and a little before; or all of it.
    pub fn since_unix_nano(&self, is_all: bool, first: impl FnOnce() -> i64) -> i64 {
        if !self.is_begun {
            return self.recounted_since.unwrap_or_else(first);
        }
        if is_all || !self.is_whole() {
            return self.kept.since_unix_nano;
        }
        let recounted = self.next_minute() - RECOUNT_MINUTES;
        let next = self.kept.behind.values().copied().chain([recounted]).min().unwrap_or(0).max(0);
        self.kept.since_unix_nano + next * WINDOW_NANO
    }

    /// Until when minutes were counted.
    pub fn until_unix_nano(&self) -> Option<i64> {
        self.is_begun.then(|| self.kept.since_unix_nano + self.next_minute() * WINDOW_NANO)
    }

    fn next_minute(&self) -> i64 {
        self.kept.looks.last().copied().unwrap_or(0)
    }

    /// What is known of a service.
    pub fn of(&self, service: &str) -> Option<&Service> {
        self.kept.services.iter().find(|of| of.service == service)
    }

    /// The release before, where it was found at an earlier look.
    pub fn baseline(&self, service: &str) -> Option<String> {
        self.of(service)?.baseline.clone()
    }

    /// What a unit of a service is, where that was found at an earlier look.
    pub fn unit(&self, service: &str) -> Option<UnitKind> {
        let of = self.of(service).filter(|of| of.is_unit_sure)?;
        unit_of(of.units.last()?)
    }

    /// Whether a canary has done anything.
    pub fn has_canary(&self, service: &str) -> bool {
        self.of(service).is_some_and(|of| of.counted.iter().any(|cell| cell.canary[0] > 0))
    }

    /// Whether a sample rate kept a share of the units of any service.
    pub fn is_sampled(&self) -> bool {
        self.kept.services.iter().any(|of| of.is_sampled)
    }

    /// Whether of many units of a service nobody knows how long they took.
    pub fn is_untimed(&self, service: usize) -> bool {
        self.are_untimed.get(service).is_some_and(|is_untimed| *is_untimed)
    }

    /// About how many records named a service from where it does not write.
    pub fn records_from_elsewhere(&self, service: &str) -> u64 {
        self.of(service).map_or(0, |of| of.records_from_elsewhere)
    }

    /// Adds what a look has counted.
    pub fn add(&mut self, question: &UnitQuestion, units: &Units) {
        let kept = &mut self.kept;
        if !self.is_begun {
            kept.since_unix_nano = question.since_unix_nano;
            self.is_begun = true;
        }
        let minute = |time: i64| (time - kept.since_unix_nano).div_euclid(WINDOW_NANO);
        let look = i64::try_from(kept.looks.len()).unwrap_or(i64::MAX);
        let (counted, until) = (kept.looks.last().copied().unwrap_or(0), minute(question.until_unix_nano));
        let since = minute(question.since_unix_nano);
        self.is_all_read = since <= 0;
        self.are_untimed = units.services.iter().map(|found| found.is_untimed).collect();
        let missing: BTreeSet<&str> =
            units.completeness.missing_regions.iter().map(|missing| missing.region.as_str()).collect();
        let recount = Recount { looks: &kept.looks, since, is_whole: units.completeness.is_complete() };
        for (of, found) in kept.services.iter_mut().zip(&units.services) {
            let had_baseline = of.baseline.is_some();
            // Without a canary there is nothing before which a release could have been the one with most traffic.
            if of.baseline.is_none() && found.cells.iter().any(|cell| cell.n_b > 0) {
                of.baseline.clone_from(&found.baseline);
            }
            of.take_unit(found, question.unit);
            of.is_sampled |= found.sample_rate_min.is_some();
            of.groups.extend(found.groups.iter().cloned());
            of.records_from_elsewhere = of.records_from_elsewhere.max(found.records_from_elsewhere);
            let seen: BTreeSet<String> = of.counted.iter().map(|cell| cell.region.clone()).collect();
            let mut again: BTreeMap<Place, Sides> = BTreeMap::new();
            let (cells, doubts) = match of.by_function {
                true => (Cow::Borrowed(&found.cells[..]), Cow::Borrowed(&found.doubts[..])),
                false => as_one(found),
            };
            for cell in cells.iter() {
                let at = minute(cell.window_unix_nano);
                // A place that is not called by its region hides those of which nothing was heard before.
                let hidden = || kept.behind.values().min().filter(|_| !seen.contains(&cell.region));
                let from = kept.behind.get(&cell.region).or_else(hidden);
                let is_new = at >= counted || from.is_some_and(|from| at >= *from);
                let (baseline, canary) = ([cell.n_a, cell.x_a, cell.slow_a], [cell.n_b, cell.x_b, cell.slow_b]);
                let (region, function) = (cell.region.clone(), cell.function.clone());
                let counted = Counted { region, function, minute: at, look, baseline, canary };
                let place = counted.place();
                if is_new {
                    of.counted.push(counted);
                }
                let with = |counts: [u64; 3], late: [u64; 2]| [counts[0], counts[1] + late[0], counts[2] + late[1]];
                let known = [with(baseline, cell.late_a), with(canary, cell.late_b)];
                if !is_new || known != [baseline, canary] {
                    again.insert(place, known);
                }
            }
            recount.compare(of, again, had_baseline, look);
            recount.doubt(of, doubts.iter().map(|doubt| (minute(doubt.window_unix_nano), doubt)), look);
            for traces in &found.mixed {
                let at = minute(traces.window_unix_nano);
                if at >= counted {
                    let MixedCell { calls, baseline, canary, mixed, .. } = *traces;
                    of.traces.push(Traces { minute: at, look, calls, baseline, canary, mixed });
                }
            }
        }
        kept.behind.retain(|region, _| missing.contains(region.as_str()));
        for region in missing {
            kept.behind.entry(region.to_owned()).or_insert(counted.max(since));
        }
        if !units.completeness.is_complete() {
            kept.incomplete.insert(look);
        }
        if self.is_all_read && units.completeness.missing_regions.is_empty() {
            kept.unreadable.clear();
        }
        kept.unreadable.extend(units.completeness.unreadable_files.iter().map(|file| file.path.clone()));
        kept.looks.push(until.max(counted));
    }

    /// Keeps what was decided.
    pub fn decide(&mut self, verdict: Verdict, look: &Look) -> Result<(), Failure> {
        if self.kept.decided.is_none() {
            self.kept.decided = Some(Decided {
                verdict: verdict.name().to_owned(),
                is_complete: look.is_complete,
                missing_regions: look.missing_regions.clone(),
                warnings: look.warnings.clone(),
            });
            self.save()?;
        }
        Ok(())
    }

    /// Writes the file, whole or not at all.
    pub fn save(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        let write = || {
            let path = output::replaced(path)?.ok_or_else(|| std::io::Error::other("it is no file"))?;
            let mut file = NamedTempFile::new_in(output::folder_of(&path))?;
            serde_json::to_writer(&mut file, &Written { kept: &self.kept, digest: self.kept.digest() })?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        write().with_context(|| format!("write state {}", path.display())).map_err(Failure::incomplete)
    }

    /// The order in which minutes were counted: look by look, and in each by time.
    pub fn steps(&self) -> Steps {
        let mut steps = Steps {
            places: HashMap::new(),
            minutes: Vec::new(),
            incomplete: Vec::new(),
            // From the minute on from which a region is to be counted.
            behind: self.kept.behind.iter().map(|(region, from)| (region.clone(), from - 1)).collect(),
            since_unix_nano: self.kept.since_unix_nano,
        };
        let mut from = 0;
        for (look, until) in (0..).zip(&self.kept.looks) {
            let all = self.kept.services.iter().flat_map(|of| &of.counted);
            let late: BTreeSet<i64> =
                all.filter(|cell| cell.look == look && cell.minute < from).map(|cell| cell.minute).collect();
            for minute in late.into_iter().chain(from..*until) {
                let place = i64::try_from(steps.minutes.len()).unwrap_or(i64::MAX);
                steps.places.insert((look, minute), place);
                steps.minutes.push(minute);
                if self.kept.incomplete.contains(&look) {
                    steps.incomplete.push(place);
                }
            }
            from = *until;
        }
        steps
    }
}

impl Service {
    /// Where its records came from, where so many minutes of the canary's beginning are left out.
    pub fn source(&self, slow: bool, exclude_first: i64) -> RecordSource {
        let groups = self.groups.iter().cloned().collect();
        let [excused, untied] = if slow { [[0; 2]; 2] } else { self.doubts(exclude_first) };
        let (records_from_elsewhere, late) = (self.records_from_elsewhere, self.late(slow));
        let (unit, unit_why) = (self.units.last().cloned().unwrap_or_default(), self.unit_why.clone());
        RecordSource { groups, records_from_elsewhere, late, excused, untied, unit, unit_why }
    }

    /// Notes what units were at a look, as they were asked for. Once the canary has come, and enough is known of how calls go
    /// to releases, it is kept to.
    fn take_unit(&mut self, found: &ServiceUnits, asked: UnitKind) {
        let has_canary = found.cells.iter().any(|cell| cell.n_b > 0);
        match self.counted.iter().any(|of| of.canary[0] > 0) {
            // Nothing was compared yet.
            false => self.units.clear(),
            true if !has_canary => return,
            true => {}
        }
        let name = unit_name(found);
        if self.units.last().is_none_or(|last| *last != name) {
            self.units.push(name.to_owned());
        }
        self.unit_why = unit_why(found, asked);
        self.is_unit_sure |= has_canary && found.sending.is_sure();
    }

    /// That units are not what they were, or would not be what they are, in a sentence.
    pub fn unit_sentence(&self, found: &ServiceUnits) -> Option<String> {
        let name = &self.service;
        if let [first, .., last] = &self.units[..] {
            return Some(format!(
                "units of {name} were {first}s at first, and are {last}s since: {}; --recount counts all of it as {last}s",
                self.unit_why
            ));
        }
        let is_kept = self.is_unit_sure && found.sending.is_sure() && found.unit == UnitKind::Auto;
        (is_kept && found.sending.is_by_call()).then(|| {
            format!(
                "units of {name} are traces, as when its count began, and its calls go to releases each by itself now ({}): \
                 --recount counts all of it as calls",
                by_what(found)
            )
        })
    }

    /// What was counted.
    pub fn cells(&self, slow: bool) -> Vec<Row> {
        self.counted.iter().map(|of| of.row(slow)).collect()
    }

    /// The same as it would be if all counted that is held against nobody: what came after its minute had been counted,
    /// failures that something else excuses, and those of nobody's unit. None if there is nothing.
    pub fn cells_at_worst(&self, slow: bool, worst: Worst) -> Option<Vec<Row>> {
        let has = |of: fn(&Doubt) -> [u64; 2]| !slow && self.doubts.iter().any(|doubt| of(doubt) != [0; 2]);
        let [has_late, has_excused, has_untied] =
            [!self.late.is_empty(), has(|doubt| doubt.excused), has(|doubt| doubt.untied)];
        let is_there = match worst {
            Worst::Late => has_late,
            Worst::Excused => has_excused,
            Worst::Untied => has_untied,
            Worst::All => has_late || has_excused || has_untied,
        };
        if !is_there {
            return None;
        }
        let mut cells = self.cells(slow);
        if matches!(worst, Worst::Late | Worst::All) {
            let late: BTreeSet<(&str, &str, i64)> =
                self.late.iter().map(|of| (of.region.as_str(), of.function.as_str(), of.minute)).collect();
            cells.retain(|(region, function, minute, ..)| {
                !late.contains(&(region.as_str(), function.as_str(), *minute))
            });
            cells.extend(self.late.iter().map(|of| of.row(slow)));
        }
        if !slow && worst != Worst::Late {
            let excuses = u64::from(worst != Worst::Untied);
            let unties = u64::from(worst != Worst::Excused);
            let of = |(at, row): (usize, &Row)| ((row.0.clone(), row.1.clone(), row.2), at);
            let mut places: HashMap<Place, usize> = cells.iter().enumerate().map(of).collect();
            let compared = self.compared();
            for doubt in &self.doubts {
                let (region, function) = compared.place_of(doubt);
                let place = *places.entry((region.clone(), function.clone(), doubt.minute)).or_insert(cells.len());
                if place == cells.len() {
                    cells.push((region, function, doubt.minute, doubt.look, Cell::default()));
                }
                let cell = &mut cells[place].4;
                let add = |n: &mut u64, x: &mut u64, side: usize| {
                    *n += unties * doubt.untied[side];
                    *x = (*x + excuses * doubt.excused[side] + unties * doubt.untied[side]).min(*n);
                };
                add(&mut cell.n_a, &mut cell.x_a, 0);
                add(&mut cell.n_b, &mut cell.x_b, 1);
            }
        }
        Some(cells)
    }

    /// The functions that are compared.
    fn compared(&self) -> Compared<'_> {
        let units =
            self.counted.iter().map(|of| (of.region.as_str(), of.function.as_str(), [of.baseline[0], of.canary[0]]));
        Compared(compared_functions(units))
    }

    /// That functions are compared each by itself, in a sentence, where there are several.
    pub fn functions_sentence(&self) -> Option<String> {
        let compared = self.compared();
        let functions: BTreeSet<&str> = compared.0.keys().map(|(_, function)| *function).collect();
        let name = |name: &&str| if name.is_empty() { "none".to_owned() } else { visible(name) };
        (functions.len() > 1).then(|| {
            format!(
                "{} is compared function by function ({}): the rates of all together may differ where no function's do",
                self.service,
                super::counting::list(functions.iter().map(name))
            )
        })
    }

    /// Failures that something else excuses, and those of nobody's unit, of baseline and canary: from the minute on from which
    /// a region counts, where so many of its beginning are left out.
    pub fn doubts(&self, exclude_first: i64) -> [[u64; 2]; 2] {
        let mut begins: HashMap<&str, i64> = HashMap::new();
        let units = self.counted.iter().map(|of| (&of.region, of.minute, of.canary[0]));
        for (region, minute, of_canary) in
            units.chain(self.doubts.iter().map(|of| (&of.region, of.minute, of.untied[1])))
        {
            if of_canary > 0 {
                let first = begins.entry(region).or_insert(minute);
                *first = minute.min(*first);
            }
        }
        let is_counted = |of: &&Doubt| {
            let begins = begins.get(of.region.as_str());
            begins.is_some_and(|begins| of.minute >= begins.saturating_add(exclude_first))
        };
        self.doubts.iter().filter(is_counted).fold([[0; 2]; 2], |[excused, untied], of| {
            let sum = |one: [u64; 2], other: [u64; 2]| [one[0] + other[0], one[1] + other[1]];
            [sum(excused, of.excused), sum(untied, of.untied)]
        })
    }

    /// How many units came after their minutes had been counted, and how many failures.
    fn late(&self, slow: bool) -> Cell {
        let counted: HashMap<Place, Sides> =
            self.counted.iter().map(|of| (of.place(), [of.baseline, of.canary])).collect();
        self.late.iter().fold(Cell::default(), |sum, of| {
            let was = counted.get(&of.place()).copied().unwrap_or_default();
            let (was, is) = (cell(was, slow), cell([of.baseline, of.canary], slow));
            Cell {
                n_a: sum.n_a + is.n_a.saturating_sub(was.n_a),
                x_a: sum.x_a + is.x_a.saturating_sub(was.x_a),
                n_b: sum.n_b + is.n_b.saturating_sub(was.n_b),
                x_b: sum.x_b + is.x_b.saturating_sub(was.x_b),
            }
        })
    }

    /// What came after its minute had been counted, in a sentence.
    pub fn late_sentence(&self, is_slow_asked: bool) -> Option<String> {
        let (failed, slow) = (self.late(false), self.late(true));
        let of = |units: u64, failed: u64, slow: u64| {
            let slow = if is_slow_asked { format!(", {slow} slow") } else { String::new() };
            format!("{units} requests and {failed} failures{slow}")
        };
        (!self.late.is_empty()).then(|| {
            format!(
                "of {}, {} of the canary came after their minutes had been counted, and {} of the baseline: they count for \
                 nothing, and the canary passes only if it would with them, too; a longer --settle waits for them, and \
                 --recount counts them",
                self.service,
                of(failed.n_b, failed.x_b, slow.x_b),
                of(failed.n_a, failed.x_a, slow.x_a)
            )
        })
    }

    /// What is said of failures that are held against nobody.
    pub fn doubt_sentences(&self, exclude_first: i64) -> Vec<String> {
        let [excused, untied] = self.doubts(exclude_first);
        let mut sentences = Vec::new();
        let of = |[baseline, canary]: [u64; 2]| format!("{canary} of the canary and {baseline} of the baseline");
        if excused != [0; 2] {
            sentences.push(format!(
                "requests of {} failed because something that they called had: {}; they count as good, and the canary \
                 passes only if it would with them as failures, too",
                self.service,
                of(excused)
            ));
        }
        if untied != [0; 2] {
            sentences.push(format!(
                "failures of {} name no request, or no release, that is known: {}; they count for nothing, and the canary \
                 passes only if it would with each of them as a failed request, too",
                self.service,
                of(untied)
            ));
        }
        sentences
    }

    /// Traces from the canary's first minute on, less so many: those of the baseline alone, of the canary alone and of
    /// both; and those of both beside all others with as many calls, minute by minute.
    pub fn mixed(&self, exclude_first: i64) -> ([[u64; 2]; 3], Vec<Row>) {
        let first = self.counted.iter().filter(|of| of.canary[0] > 0).map(|of| of.minute).min();
        let from = first.map_or(i64::MAX, |first| first.saturating_add(exclude_first));
        let mut sums = [[0; 2]; 3];
        let mut cells = Vec::new();
        for of in self.traces.iter().filter(|of| of.minute >= from) {
            for (sum, counts) in sums.iter_mut().zip([of.baseline, of.canary, of.mixed]) {
                sum[0] += counts[0];
                sum[1] += counts[1];
            }
            let pure = [of.baseline[0] + of.canary[0], of.baseline[1] + of.canary[1]];
            let cell = Cell { n_a: pure[0], x_a: pure[1], n_b: of.mixed[0], x_b: of.mixed[1] };
            cells.push(("all".to_owned(), of.calls.to_string(), of.minute, of.look, cell));
        }
        (sums, cells)
    }
}

/// Regions and functions that are compared each with itself, and their units.
struct Compared<'s>(BTreeMap<(&'s str, &'s str), [u64; 2]>);

impl Compared<'_> {
    /// Where a failure would count that is held against nobody: with its function, else with the one that has most units in
    /// its region, for alone it would tell nothing.
    fn place_of(&self, doubt: &Doubt) -> (String, String) {
        let (region, function) = (doubt.region.as_str(), doubt.function.as_str());
        let in_region = self.0.iter().filter(|((of, _), _)| *of == region);
        let largest = || in_region.max_by_key(|(_, [baseline, canary])| baseline + canary).map(|((_, name), _)| *name);
        let function = match self.0.contains_key(&(region, function)) {
            true => function,
            false => largest().unwrap_or(function),
        };
        (region.to_owned(), function.to_owned())
    }
}

/// What a unit of a service was.
fn unit_name(found: &ServiceUnits) -> &'static str {
    match found.unit {
        UnitKind::Invocation => "call",
        // Where no call names a trace, each is one.
        UnitKind::Auto if !found.has_traces => "call",
        UnitKind::Auto | UnitKind::Trace => "trace",
    }
}

fn unit_of(name: &str) -> Option<UnitKind> {
    match name {
        "call" => Some(UnitKind::Invocation),
        "trace" => Some(UnitKind::Auto),
        _ => None,
    }
}

/// Why a unit was what it was, in words.
fn unit_why(found: &ServiceUnits, asked: UnitKind) -> String {
    match (asked, found.unit) {
        (UnitKind::Trace | UnitKind::Invocation, _) => "as --unit asks".to_owned(),
        (UnitKind::Auto, _) if !found.has_traces => "no call names a trace".to_owned(),
        (UnitKind::Auto, UnitKind::Invocation) => {
            format!("the calls of a trace go to releases each by itself: {}", by_what(found))
        }
        (UnitKind::Auto, _) => format!("traces go to releases as a whole: {}", by_what(found)),
    }
}

/// How many traces tell of how calls go to releases, in words.
fn by_what(found: &ServiceUnits) -> String {
    format!(
        "{} traces of several calls met several releases, and {:.1} would by chance",
        found.sending.mixed, found.sending.expected
    )
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(calls: &u32) -> bool {
    *calls == 0
}

/// What was found, as a series counts that was begun before functions were told apart.
fn as_one<'f>(found: &ServiceUnits) -> (Cow<'f, [UnitCell]>, Cow<'f, [DoubtCell]>) {
    let mut cells: BTreeMap<(i64, &str), UnitCell> = BTreeMap::new();
    for cell in &found.cells {
        let (region, window_unix_nano) = (cell.region.clone(), cell.window_unix_nano);
        let new = || UnitCell { region, window_unix_nano, ..UnitCell::default() };
        cells.entry((window_unix_nano, &cell.region)).or_insert_with(new).add(cell);
    }
    let mut doubts: BTreeMap<(i64, &str), DoubtCell> = BTreeMap::new();
    for doubt in &found.doubts {
        let (region, window_unix_nano) = (doubt.region.clone(), doubt.window_unix_nano);
        let new = || DoubtCell { region, window_unix_nano, ..DoubtCell::default() };
        doubts.entry((window_unix_nano, &doubt.region)).or_insert_with(new).add(doubt);
    }
    (Cow::Owned(cells.into_values().collect()), Cow::Owned(doubts.into_values().collect()))
}

fn cell([baseline, canary]: Sides, slow: bool) -> Cell {
    let failed = if slow { 2 } else { 1 };
    Cell { n_a: baseline[0], x_a: baseline[failed], n_b: canary[0], x_b: canary[failed] }
}

/// What of that which is held against nobody is taken to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worst {
    Late,
    Excused,
    Untied,
    All,
}

impl Worst {
    /// Each by itself and all together: what one of the two has of one kind must not hide what the other has of another.
    pub const EACH: [Worst; 4] = [Worst::Late, Worst::Excused, Worst::Untied, Worst::All];
}

/// What is seen again of minutes that were counted.
struct Recount<'l> {
    looks: &'l [i64],
    /// The first minute that was read again.
    since: i64,
    /// Whether all regions answered: else what is not there may be there all the same.
    is_whole: bool,
}

impl Recount<'_> {
    /// Notes what is held against nobody: in minutes that were read again it is what was found now, or where something was
    /// not read the most that was found.
    fn doubt<'d>(&self, of: &mut Service, found: impl Iterator<Item = (i64, &'d DoubtCell)>, look: i64) {
        let counted: HashMap<(&str, i64), i64> =
            of.counted.iter().map(|of| ((of.region.as_str(), of.minute), of.look)).collect();
        let mut doubts: BTreeMap<Place, Doubt> = BTreeMap::new();
        for doubt in &of.doubts {
            if doubt.minute < self.since || !self.is_whole {
                doubts.insert((doubt.region.clone(), doubt.function.clone(), doubt.minute), doubt.clone());
            }
        }
        for (minute, cell) in found.filter(|(minute, _)| *minute >= self.since) {
            let at =
                counted.get(&(cell.region.as_str(), minute)).copied().unwrap_or_else(|| self.look_of(minute, look));
            let place = (cell.region.clone(), cell.function.clone(), minute);
            let doubt = doubts.entry(place).or_insert_with(|| Doubt {
                region: cell.region.clone(),
                function: cell.function.clone(),
                minute,
                look: at,
                excused: [0; 2],
                untied: [0; 2],
            });
            let most = |one: [u64; 2], other: [u64; 2]| [one[0].max(other[0]), one[1].max(other[1])];
            (doubt.excused, doubt.untied) = (most(doubt.excused, cell.excused), most(doubt.untied, cell.untied));
        }
        of.doubts = doubts.into_values().collect();
    }

    /// The look at which a minute came by, up to this one.
    fn look_of(&self, minute: i64, look: i64) -> i64 {
        i64::try_from(self.looks.partition_point(|end| *end <= minute)).unwrap_or(look)
    }

    /// Notes what was found of minutes that were counted before `look`, or in it, where it is not what was counted. They are
    /// not revised: a block that has closed stays as it is, and so does what follows from it.
    fn compare(&self, of: &mut Service, mut found: BTreeMap<Place, Sides>, had_baseline: bool, look: i64) {
        let counted: BTreeMap<Place, (i64, Sides)> = of
            .counted
            .iter()
            .filter(|of| of.minute >= self.since)
            .map(|of| (of.place(), (of.look, [of.baseline, of.canary])))
            .collect();
        let mut late: BTreeMap<Place, Counted> =
            std::mem::take(&mut of.late).into_iter().map(|late| (late.place(), late)).collect();
        if self.is_whole {
            // A unit whose first record came late is one of an earlier minute now.
            let known = counted.iter().filter(|(_, (at, _))| *at != look).map(|(place, _)| place);
            for place in known.chain(late.keys().filter(|(.., minute)| *minute >= self.since)) {
                found.entry(place.clone()).or_default();
            }
        }
        for (place, mut known) in found {
            let was = counted.get(&place).map_or([[0; 3]; 2], |(_, was)| *was);
            if !had_baseline && counted.get(&place).is_none_or(|(at, _)| *at != look) {
                // Another release may have been the one before it then.
                known[0] = was[0];
            }
            if !self.is_whole {
                let before = late.get(&place).map_or(was, |late| [late.baseline, late.canary]);
                for (known, before) in known.iter_mut().flatten().zip(before.into_iter().flatten()) {
                    *known = before.max(*known);
                }
            }
            if known == was {
                late.remove(&place);
                continue;
            }
            let at = counted.get(&place).map_or_else(|| self.look_of(place.2, look), |(at, _)| *at);
            let [baseline, canary] = known;
            let (region, function, minute) = place.clone();
            late.insert(place, Counted { region, function, minute, look: at, baseline, canary });
        }
        of.late = late.into_values().collect();
    }
}

/// What a state that cannot be believed is refused with.
fn damaged(path: &Path, what: &'static str) -> Failure {
    Failure::Because {
        code: USAGE,
        error: anyhow!("it is damaged: {what}").context(format!("state {}", path.display())),
        hint: Some("count anew from the lake with --recount, or name another file".to_owned()),
    }
}

fn time_name(unix_nano: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(unix_nano))
        .map_or_else(|_| unix_nano.to_string(), |time| time.to_string())
}

/// Minutes in the order in which they were counted.
pub struct Steps {
    places: HashMap<(i64, i64), i64>,
    minutes: Vec<i64>,
    /// Places of minutes that were counted while a region did not answer.
    incomplete: Vec<i64>,
    /// The last counted minute of regions that did not answer at the last look.
    behind: BTreeMap<String, i64>,
    since_unix_nano: i64,
}

impl Steps {
    /// Region, part of it, step and what was counted.
    pub fn place(&self, rows: Vec<Row>) -> Vec<(String, String, i64, Cell)> {
        let place = |look: i64, minute: i64| self.places.get(&(look, minute)).copied().unwrap_or(i64::MAX);
        rows.into_iter().map(|(region, part, minute, look, cell)| (region, part, place(look, minute), cell)).collect()
    }

    /// The counts with the clocks of their regions.
    pub fn clocked(&self, counts: Counts) -> Counts {
        counts.with_clock(self.minutes.clone(), self.behind.clone()).with_incomplete(self.incomplete.clone())
    }

    /// What the minutes are called.
    pub fn names(&self) -> Vec<String> {
        self.minutes.iter().map(|minute| time_name(self.since_unix_nano + minute * WINDOW_NANO)).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn the_help_says_how_much_is_counted_again() {
        let mut command = Arguments::command();
        let canary = command.find_subcommand_mut("canary").unwrap();
        let help = canary.render_long_help().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("The last {RECOUNT_MINUTES} minutes of it are looked through again")), "{help}");
    }

    /// A service of which this was counted at looks that ended at minutes 20 and 40: region, minute, look, units of baseline and
    /// canary, each with failed and slow ones.
    fn service(counted: &[(&str, i64, i64, Sides)]) -> Service {
        let of = |(region, minute, look, [baseline, canary]): &(&str, i64, i64, Sides)| Counted {
            region: (*region).to_owned(),
            function: String::new(),
            minute: *minute,
            look: *look,
            baseline: *baseline,
            canary: *canary,
        };
        Service {
            service: "pay".to_owned(),
            baseline: Some("1".to_owned()),
            canary: "2".to_owned(),
            counted: counted.iter().map(of).collect(),
            traces: Vec::new(),
            by_function: true,
            units: Vec::new(),
            unit_why: String::new(),
            is_unit_sure: false,
            groups: BTreeSet::new(),
            records_from_elsewhere: 0,
            is_sampled: false,
            doubts: Vec::new(),
            late: Vec::new(),
        }
    }

    #[test]
    fn what_is_held_against_nobody_is_found_again_and_each_kind_stands_by_itself() {
        let mut of = service(&[("us", 10, 0, [[100, 2, 0], [100, 2, 0]]), ("us", 30, 1, [[100, 2, 0], [100, 2, 0]])]);
        let doubt = |minute: i64, excused, untied| {
            (minute, DoubtCell { region: "us".to_owned(), excused, untied, ..DoubtCell::default() })
        };
        let told = |of: &Service| -> Vec<(i64, i64, [u64; 2], [u64; 2])> {
            of.doubts.iter().map(|one| (one.minute, one.look, one.excused, one.untied)).collect()
        };
        let mut read = |since: i64, is_whole: bool, found: &[(i64, DoubtCell)]| {
            let recount = Recount { looks: &[20, 40], since, is_whole };
            recount.doubt(&mut of, found.iter().map(|(minute, cell)| (*minute, cell)), 2);
            told(&of)
        };
        assert_eq!(read(0, true, &[doubt(10, [0, 3], [0, 0])]), [(10, 0, [0, 3], [0, 0])]);
        // What came later is of the look that had counted the minute; minutes that were not read again stay.
        let late = doubt(30, [0, 0], [0, 40]);
        assert_eq!(read(25, true, std::slice::from_ref(&late)), [(10, 0, [0, 3], [0, 0]), (30, 1, [0, 0], [0, 40])]);
        // Where something was not read the most that was found stays, and else what is found now.
        assert_eq!(read(0, false, &[doubt(30, [0, 0], [0, 7])]), [(10, 0, [0, 3], [0, 0]), (30, 1, [0, 0], [0, 40])]);
        assert_eq!(read(0, true, &[doubt(30, [50, 0], [0, 40])]), [(30, 1, [50, 0], [0, 40])]);

        // Excused failures of the baseline do not outweigh the canary's failures without a request.
        let at = |worst: Worst| {
            let cells = of.cells_at_worst(false, worst)?;
            cells.into_iter().find(|(.., minute, _, _)| *minute == 30).map(|(.., cell)| (cell.x_a, cell.n_b, cell.x_b))
        };
        assert_eq!(Worst::EACH.map(at), [None, Some((52, 100, 2)), Some((2, 140, 42)), Some((52, 140, 42))]);
        assert!(of.cells_at_worst(true, Worst::All).is_none());
    }

    #[test]
    fn what_is_held_against_nobody_is_told_and_counted_where_its_function_is_compared() {
        let mut of = service(&[("us", 5, 0, [[50, 0, 0], [0; 3]]), ("us", 10, 0, [[100, 2, 0], [100, 2, 0]])]);
        let mut worker = of.counted[1].clone();
        (worker.function, worker.baseline, worker.canary) = ("worker".to_owned(), [900, 0, 0], [50, 0, 0]);
        of.counted.iter_mut().for_each(|of| of.function = "api".to_owned());
        // A function of which the canary has none is compared with nothing.
        let alone = Counted { function: "cron".to_owned(), canary: [0; 3], ..worker.clone() };
        of.counted.extend([worker, alone]);
        let doubt = |function: &str, minute: i64, untied: [u64; 2]| Doubt {
            region: "us".to_owned(),
            function: function.to_owned(),
            minute,
            look: 0,
            excused: [0; 2],
            untied,
        };
        of.doubts =
            vec![doubt("api", 4, [9, 0]), doubt("api", 10, [0, 1]), doubt("", 10, [0, 2]), doubt("cron", 11, [0, 4])];
        let worst: BTreeMap<(String, i64), (u64, u64)> = of
            .cells_at_worst(false, Worst::Untied)
            .unwrap()
            .into_iter()
            .map(|(_, function, minute, _, cell)| ((function, minute), (cell.n_b, cell.x_b)))
            .collect();
        let at = |function: &str, minute: i64| worst[&(function.to_owned(), minute)];
        assert_eq!((at("api", 10), at("worker", 10), at("worker", 11)), ((101, 3), (52, 2), (4, 4)));
        // What was before the canary, or is left out of its beginning, is not told.
        assert_eq!([0, 1, 2].map(|minutes| of.doubts(minutes)[1]), [[0, 7], [0, 4], [0, 0]]);
        let sentence = of.functions_sentence();
        assert_eq!(
            sentence.as_deref(),
            Some(
                "pay is compared function by function (api, worker): the rates of all together may differ where no function's do"
            )
        );
    }

    #[test]
    fn a_series_keeps_to_its_unit_once_that_is_known_and_tells_a_change() {
        let found = |n_b: u64, unit: UnitKind, mixed: u64, expected: f64| ServiceUnits {
            cells: vec![UnitCell { n_b, ..UnitCell::default() }],
            has_traces: true,
            unit,
            sending: transect_query::Sending { mixed, expected },
            ..ServiceUnits::default()
        };
        let begun = || service(&[("us", 30, 1, [[90, 1, 0], [10, 0, 0]])]);
        let look = |of: &mut Service, found: ServiceUnits| {
            of.take_unit(&found, UnitKind::Auto);
            (of.units.join(", "), of.is_unit_sure, of.unit_sentence(&found).unwrap_or_default())
        };
        // Before the canary has come nothing is compared, and with few traces it may turn out to be otherwise.
        let mut of = service(&[]);
        assert_eq!(look(&mut of, found(0, UnitKind::Auto, 0, 90.0)), ("trace".to_owned(), false, String::new()));
        assert_eq!(look(&mut of, found(9, UnitKind::Invocation, 1, 3.0)), ("call".to_owned(), false, String::new()));
        let mut of = begun();
        assert_eq!(look(&mut of, found(9, UnitKind::Auto, 0, 3.0)), ("trace".to_owned(), false, String::new()));
        let (units, is_sure, told) = look(&mut of, found(9, UnitKind::Invocation, 3, 4.0));
        assert_eq!((units.as_str(), is_sure), ("trace, call", false));
        assert!(
            told.starts_with("units of pay were traces at first, and are calls since: the calls of a trace"),
            "{told}"
        );
        assert!(look(&mut of, found(9, UnitKind::Invocation, 30, 40.0)).1);
        // A look that saw no canary says nothing of it.
        assert_eq!(look(&mut of, found(0, UnitKind::Auto, 0, 0.0)).0, "trace, call");
        let mut of = begun();
        assert_eq!(look(&mut of, found(9, UnitKind::Auto, 1, 40.0)), ("trace".to_owned(), true, String::new()));
        let why = "traces go to releases as a whole: 1 traces of several calls met several releases, and 40.0 would by chance";
        assert_eq!(of.unit_why, why);
        // What is kept to is asked with, and would be otherwise by now.
        assert_eq!(
            (unit_of("trace"), unit_of("call"), unit_of("-")),
            (Some(UnitKind::Auto), Some(UnitKind::Invocation), None)
        );
        let told = of.unit_sentence(&found(9, UnitKind::Auto, 30, 40.0)).unwrap();
        assert!(told.contains("are traces, as when its count began") && told.contains("--recount"), "{told}");
    }

    #[test]
    fn a_series_that_was_begun_without_functions_goes_on_without() {
        let cell = |function: &str, minute: i64, n_b: u64| UnitCell {
            region: "us".to_owned(),
            function: function.to_owned(),
            window_unix_nano: minute * WINDOW_NANO,
            n_a: 90,
            n_b,
            late_b: [1, 0],
            ..UnitCell::default()
        };
        let cells = vec![cell("api", 30, 10), cell("worker", 30, 5), cell("worker", 41, 2)];
        let found =
            ServiceUnits { service: "pay".to_owned(), canary: "2".to_owned(), cells, ..ServiceUnits::default() };
        for (by_function, expected) in [(false, vec![("", 41, 2)]), (true, vec![("worker", 41, 2)])] {
            let mut series = series(None);
            series.kept.services[0].by_function = by_function;
            let text = serde_json::to_string(&series.kept.services[0]).unwrap();
            assert_eq!(text.contains("function"), by_function, "a state of the version before reads as it was written");
            let question = UnitQuestion {
                services: Vec::new(),
                since_unix_nano: 25 * WINDOW_NANO,
                until_unix_nano: 42 * WINDOW_NANO,
                settle_nano: 0,
                unit: UnitKind::Auto,
                error: None,
                slow_nano: None,
                releases: Vec::new(),
            };
            let units =
                Units { services: vec![found.clone()], services_seen: Vec::new(), completeness: Default::default() };
            series.add(&question, &units);
            let of = &series.kept.services[0];
            let new: Vec<(&str, i64, u64)> = of
                .counted
                .iter()
                .filter(|of| of.look == 2)
                .map(|of| (of.function.as_str(), of.minute, of.canary[0]))
                .collect();
            assert_eq!(new, expected);
            // Both functions of a minute that was counted as one are one.
            let late = of.late.iter().find(|of| of.minute == 30 && of.function.is_empty()).map(|of| of.canary);
            assert_eq!(late, Some(if by_function { [0; 3] } else { [15, 2, 0] }));
        }
    }

    /// A state that was counted until minute 40 of 1970, with this decision.
    fn series(verdict: Option<Verdict>) -> Series {
        let decided = verdict.map(|verdict| Decided {
            verdict: verdict.name().to_owned(),
            is_complete: true,
            missing_regions: Vec::new(),
            warnings: Vec::new(),
        });
        let kept = Kept {
            transect_canary_state: VERSION,
            asked: Value::Null,
            since_unix_nano: 0,
            looks: vec![20, 40],
            incomplete: BTreeSet::new(),
            behind: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            services: vec![service(&[("us", 30, 1, [[90, 1, 0], [10, 0, 0]])])],
            decided,
            digest: None,
        };
        Series {
            path: Some("state".into()),
            kept,
            is_begun: true,
            is_all_read: false,
            are_untimed: Vec::new(),
            recounted_since: None,
        }
    }

    #[test]
    fn what_does_not_follow_from_its_counts_and_what_was_counted_ahead_of_the_clock_is_refused() {
        let refused = |answer: Result<(), Failure>, sentence: &str| {
            let Err(Failure::Because { code, error, hint }) = answer else { panic!("{sentence}") };
            assert_eq!(code, USAGE);
            assert!(format!("{error:#}").contains(sentence), "{error:#}");
            assert!(hint.is_some_and(|hint| hint.contains("--recount")), "{sentence}");
        };
        assert!(series(Some(Verdict::Fail)).check_decision(Verdict::Fail).is_ok());
        assert!(series(None).check_decision(Verdict::Pass).is_ok());
        for verdict in [Verdict::Pass, Verdict::Inconclusive] {
            let answer = series(Some(Verdict::Fail)).check_decision(verdict);
            refused(answer, "the decision that it keeps does not follow from what it has counted");
        }
        // Clocks that are kept differ by less than a minute: nothing would be counted until one that was ahead came there.
        for minute in [39, 40, 50] {
            assert!(series(None).check_clock(minute * WINDOW_NANO).is_ok(), "{minute}");
        }
        refused(series(None).check_clock(38 * WINDOW_NANO), "by this machine's clock it is 1970-01-01T00:38:00Z");
    }

    #[test]
    fn what_came_late_stands_beside_what_was_counted() {
        let was = [[90, 1, 0], [10, 0, 0]];
        let mut of = service(&[("us", 30, 1, was), ("us", 10, 0, was)]);
        let mut look = |is_whole: bool, had_baseline: bool, found: &[(&str, i64, Sides)]| {
            let place = |region: &str, minute: i64| (region.to_owned(), String::new(), minute);
            let found = found.iter().map(|(region, minute, sides)| (place(region, *minute), *sides)).collect();
            Recount { looks: &[20, 40], since: 25, is_whole }.compare(&mut of, found, had_baseline, 2);
            (of.late(false), of.late.iter().map(|late| (late.minute, late.look)).collect::<Vec<_>>(), of.cells(false))
        };
        let cell = |n_a, x_a, n_b, x_b| Cell { n_a, x_a, n_b, x_b };
        let nothing = Cell::default();
        // The same again.
        let (late, places, counted) = look(true, true, &[("us", 30, was)]);
        assert_eq!((late, places.len()), (nothing, 0));
        // More, and in a minute of which nothing was counted: it is of the look whose minutes it is among.
        let more = [("us", 30, [[95, 2, 0], [12, 2, 0]]), ("eu", 39, [[0; 3], [1, 1, 0]])];
        let (late, places, still) = look(true, true, &more);
        assert_eq!((late, places), (cell(5, 1, 3, 3), vec![(39, 1), (30, 1)]));
        // Nothing that was counted is revised.
        assert_eq!(still, counted);
        let (late, ..) = look(true, true, &more);
        assert_eq!(late, cell(5, 1, 3, 3));
        // A region that does not answer takes nothing back.
        let (late, ..) = look(false, true, &[("us", 30, [[96, 1, 0], [0; 3]])]);
        assert_eq!(late, cell(6, 1, 3, 3));
        // Units of a trace whose first record came late are of another minute: there are as many as before.
        let (late, ..) = look(true, true, &[("us", 29, [[0; 3], [1, 1, 0]]), ("us", 30, [[90, 1, 0], [9, 0, 0]])]);
        assert_eq!(late, cell(0, 0, 1, 1));
        // What another release did before the one before was known is not late.
        let (late, ..) = look(true, false, &[("us", 30, [[500, 7, 0], [10, 1, 0]])]);
        assert_eq!(late, cell(0, 0, 0, 1));
        // A minute that was read again no longer stays as it was found last.
        Recount { looks: &[20, 40], since: 35, is_whole: true }.compare(&mut of, BTreeMap::new(), true, 2);
        assert_eq!(of.late(false), cell(0, 0, 0, 1));
        assert!(of.late_sentence(false).unwrap().contains("0 requests and 1 failures of the canary came after"));
    }
}
