//! What is known of one service of a series: what was counted, minute by minute, what came late, and what is held against
//! nobody. It refuses to take a count back: what is seen again later stands beside it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use transect_canary::{Cell, RecordSource, compared_functions};
use transect_query::{DoubtCell, ServiceUnits, UnitCell, UnitKind, visible};

use super::super::counting::list;

/// What was counted in a region, function and minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) region: String,
    /// Empty where it is none's, and where functions are not told apart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) function: String,
    /// Minutes since the series began.
    pub(super) minute: i64,
    /// The look that it was counted at.
    pub(super) look: i64,
    /// Units, failed and slow ones, of baseline and canary.
    pub(super) baseline: [u64; 3],
    pub(super) canary: [u64; 3],
}

/// Failures of a minute that are held against nobody, of baseline and canary.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Doubt {
    pub(super) region: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) function: String,
    pub(super) minute: i64,
    pub(super) look: i64,
    /// Units that failed because something else had.
    pub(super) excused: [u64; 2],
    /// Failed records of nobody's unit.
    pub(super) untied: [u64; 2],
}

/// Units, failed and slow ones, of baseline and canary.
pub(super) type Sides = [[u64; 3]; 2];

/// Region, function and minute.
pub(super) type Place = (String, String, i64);

/// Region, part of it that is compared by itself, minute, look and what was counted.
pub type Row = (String, String, i64, i64, Cell);

impl Counted {
    pub(super) fn place(&self) -> Place {
        (self.region.clone(), self.function.clone(), self.minute)
    }

    pub(super) fn row(&self, slow: bool) -> Row {
        let cell = cell([self.baseline, self.canary], slow);
        (self.region.clone(), self.function.clone(), self.minute, self.look, cell)
    }
}

/// Traces of a minute with so many calls: how many, and how many of them failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Traces {
    pub(super) minute: i64,
    pub(super) look: i64,
    /// 0 where they were not told apart by it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) calls: u32,
    pub(super) baseline: [u64; 2],
    pub(super) canary: [u64; 2],
    pub(super) mixed: [u64; 2],
}

/// A service of the series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    pub service: String,
    pub baseline: Option<String>,
    pub canary: String,
    pub(super) counted: Vec<Counted>,
    pub(super) traces: Vec<Traces>,
    /// Whether functions are told apart: a series goes on as it began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_function: bool,
    /// What units were, `trace` or `call`, in the order in which they came to be that: one, where enough was known at first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) units: Vec<String>,
    /// Why they are what they are, at the last look.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) unit_why: String,
    /// Whether enough was known to keep to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_unit_sure: bool,
    /// Log groups that were counted.
    #[serde(default)]
    pub(super) groups: BTreeSet<String>,
    /// Records that named the service from other groups: at the look that saw most of them, for looks overlap.
    #[serde(default)]
    pub(super) records_from_elsewhere: u64,
    /// Whether a sample rate kept a share of its units.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_sampled: bool,
    /// Failures that are held against nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) doubts: Vec<Doubt>,
    /// Minutes of which more is known than was counted, as they were found last; the look is that which counted them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) late: Vec<Counted>,
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
    pub(super) fn take_unit(&mut self, found: &ServiceUnits, asked: UnitKind) {
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
    pub(super) fn compared(&self) -> Compared<'_> {
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
                list(functions.iter().map(name))
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
    pub(super) fn late(&self, slow: bool) -> Cell {
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
pub(super) struct Compared<'s>(BTreeMap<(&'s str, &'s str), [u64; 2]>);

impl Compared<'_> {
    /// Where a failure would count that is held against nobody: with its function, else with the one that has most units in
    /// its region, for alone it would tell nothing.
    pub(super) fn place_of(&self, doubt: &Doubt) -> (String, String) {
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
pub(super) fn unit_name(found: &ServiceUnits) -> &'static str {
    match found.unit {
        UnitKind::Invocation => "call",
        // Where no call names a trace, each is one.
        UnitKind::Auto if !found.has_traces => "call",
        UnitKind::Auto | UnitKind::Trace => "trace",
    }
}

pub(super) fn unit_of(name: &str) -> Option<UnitKind> {
    match name {
        "call" => Some(UnitKind::Invocation),
        "trace" => Some(UnitKind::Auto),
        _ => None,
    }
}

/// Why a unit was what it was, in words.
pub(super) fn unit_why(found: &ServiceUnits, asked: UnitKind) -> String {
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
pub(super) fn by_what(found: &ServiceUnits) -> String {
    format!(
        "{} traces of several calls met several releases, and {:.1} would by chance",
        found.sending.mixed, found.sending.expected
    )
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) fn is_none(calls: &u32) -> bool {
    *calls == 0
}

/// What was found, as a series counts that was begun before functions were told apart.
pub(super) fn as_one<'f>(found: &ServiceUnits) -> (Cow<'f, [UnitCell]>, Cow<'f, [DoubtCell]>) {
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

pub(super) fn cell([baseline, canary]: Sides, slow: bool) -> Cell {
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
pub(super) struct Recount<'l> {
    pub(super) looks: &'l [i64],
    /// The first minute that was read again.
    pub(super) since: i64,
    /// Whether all regions answered: else what is not there may be there all the same.
    pub(super) is_whole: bool,
}

impl Recount<'_> {
    /// Notes what is held against nobody: in minutes that were read again it is what was found now, or where something was
    /// not read the most that was found.
    pub(super) fn doubt<'d>(&self, of: &mut Service, found: impl Iterator<Item = (i64, &'d DoubtCell)>, look: i64) {
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
    pub(super) fn look_of(&self, minute: i64, look: i64) -> i64 {
        i64::try_from(self.looks.partition_point(|end| *end <= minute)).unwrap_or(look)
    }

    /// Notes what was found of minutes that were counted before `look`, or in it, where it is not what was counted. They are
    /// not revised: a block that has closed stays as it is, and so does what follows from it.
    pub(super) fn compare(&self, of: &mut Service, mut found: BTreeMap<Place, Sides>, had_baseline: bool, look: i64) {
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
