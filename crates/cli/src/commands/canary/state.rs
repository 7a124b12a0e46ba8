//! What was counted at the looks of a pipeline, one after the other, and whether that was a failure: minutes are counted
//! once and never revised. It refuses a state that was begun with another question, or by another version's statistics.

mod service;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;
use transect_canary::{Cell, Counts, STATISTICS_VERSION, UNITS_MAX, Verdict};
use transect_query::{MixedCell, UnitKind, UnitQuestion, Units, WINDOW_NANO};
use twox_hash::XxHash3_64;

use self::service::{Counted, Place, Recount, Sides, Traces, as_one, unit_of};
pub use self::service::{Row, Service, Worst};
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
mod tests;
