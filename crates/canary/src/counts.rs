//! Counts of units and failed units of two releases, cell by cell. It refuses to take a count that cannot be.

use std::collections::BTreeMap;

/// Units that a cell may hold in each arm: beyond it, integers and doubles are no longer the same numbers.
pub const UNITS_MAX: u64 = 1 << 50;

/// What was counted in one region and one window. A unit is a trace, else an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Units of the baseline.
    pub n_a: u64,
    /// Failed units of the baseline.
    pub x_a: u64,
    /// Units of the canary.
    pub n_b: u64,
    /// Failed units of the canary.
    pub x_b: u64,
}

impl Cell {
    /// Failed units of both.
    pub fn failed(&self) -> u64 {
        self.x_a + self.x_b
    }

    /// Units of both.
    pub fn units(&self) -> u64 {
        self.n_a + self.n_b
    }

    /// Whether both ran.
    pub(crate) fn has_both(&self) -> bool {
        self.n_a > 0 && self.n_b > 0
    }

    /// Whether it tells anything of the one compared with the other.
    pub(crate) fn compares(&self) -> bool {
        self.has_both() && self.failed() > 0
    }
}

impl std::ops::Add for Cell {
    type Output = Cell;

    fn add(mut self, other: Cell) -> Cell {
        self += other;
        self
    }
}

impl std::ops::AddAssign for Cell {
    fn add_assign(&mut self, other: Cell) {
        self.n_a += other.n_a;
        self.x_a += other.x_a;
        self.n_b += other.n_b;
        self.x_b += other.x_b;
    }
}

/// Why counts are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CountsError {
    /// More failed units than units.
    #[error("{failed} failed of {units} units in region {region}, window {window}: more than there are")]
    MoreFailed {
        /// The region.
        region: String,
        /// The window, by its number or its name.
        window: String,
        /// Failed units.
        failed: u64,
        /// Units.
        units: u64,
    },
    /// More units than this can count.
    #[error("{units} units in region {region}, window {window}: more than {UNITS_MAX}, the most that can be counted")]
    TooMany {
        /// The region.
        region: String,
        /// The window, by its number or its name.
        window: String,
        /// Units.
        units: u64,
    },
}

impl CountsError {
    /// With the name of the window in place of its number.
    pub(crate) fn with_windows(mut self, names: &[String]) -> CountsError {
        let (CountsError::MoreFailed { window, .. } | CountsError::TooMany { window, .. }) = &mut self;
        if let Some(name) = window.parse::<usize>().ok().and_then(|number| names.get(number)) {
            *window = name.clone();
        }
        self
    }
}

/// What of some counts tells of the two side by side: in each region the windows from the canary's first unit on, less so
/// many of them. All windows of a region that the canary has not come to stay, and everything does where the two never
/// ran together, so that it can be described.
pub fn side_by_side(cells: Vec<(String, i64, Cell)>, exclude_first: i64) -> Vec<(String, i64, Cell)> {
    let mut began: BTreeMap<String, i64> = BTreeMap::new();
    for (region, window, _) in cells.iter().filter(|(.., cell)| cell.n_b > 0) {
        let first = began.entry(region.clone()).or_insert(*window);
        *first = (*first).min(*window);
    }
    let is_since = |region: &str, window: i64, after: i64| {
        began.get(region).is_none_or(|began| window >= began.saturating_add(after))
    };
    let is_overlap = cells
        .iter()
        .any(|(region, window, cell)| cell.n_a > 0 && began.contains_key(region) && is_since(region, *window, 0));
    match is_overlap {
        true => cells.into_iter().filter(|(region, window, _)| is_since(region, *window, exclude_first)).collect(),
        false => cells,
    }
}

/// The cells of a comparison, by window and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(crate) regions: Vec<String>,
    /// In the order of windows, and of regions by name.
    pub(crate) cells: Vec<(i64, u32, Cell)>,
    /// Whether the regions are those that were asked for, rather than those in which something ran.
    pub(crate) are_named: bool,
    /// When the windows were, and how far the clocks have come.
    pub(crate) clock: Clock,
    /// Windows before which the canary's share was set anew.
    pub(crate) steps: Vec<i64>,
    /// Minutes of the canary's beginning in each region that count for nothing.
    pub(crate) exclude_first: i64,
}

/// When windows were. A window is a place in the order in which minutes were counted: those of a region that did not
/// answer at first come later than they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The minute of each window by its number; where there is none the number is the minute.
    minutes: Vec<i64>,
    /// The last window that is over, and the last minute.
    last: Option<(i64, i64)>,
    /// Regions whose clock stands still, by name, and their last counted minute.
    behind: BTreeMap<String, i64>,
    /// Windows that were counted at a look at which a region did not answer, in order.
    incomplete: Vec<i64>,
}

impl Clock {
    pub(crate) fn minute(&self, window: i64) -> i64 {
        usize::try_from(window).ok().and_then(|place| self.minutes.get(place)).copied().unwrap_or(window)
    }

    /// The last window that is over, where that is known.
    pub(crate) fn last_window(&self) -> Option<i64> {
        self.last.map(|(window, _)| window)
    }

    /// Whether a region did not answer when this window was counted.
    pub(crate) fn is_incomplete(&self, window: i64) -> bool {
        self.incomplete.binary_search(&window).is_ok()
    }

    /// The last minute that was counted in a region; none where that is the last one with a cell.
    pub(crate) fn last_minute(&self, region: &str) -> Option<i64> {
        self.behind.get(region).copied().or(self.last.map(|(_, minute)| minute))
    }
}

impl Counts {
    /// Counts of these regions and windows, in any order; what comes of one cell several times is added up. Windows are
    /// in the order of their numbers.
    pub fn new<R: Into<String>>(cells: impl IntoIterator<Item = (R, i64, Cell)>) -> Result<Counts, CountsError> {
        let mut places: BTreeMap<String, u32> = BTreeMap::new();
        let mut named: Vec<(i64, u32, Cell)> = Vec::new();
        for (region, window, cell) in cells {
            let region = region.into();
            let next = u32::try_from(places.len()).unwrap_or(u32::MAX);
            for (failed, units) in [(cell.x_a, cell.n_a), (cell.x_b, cell.n_b)] {
                if failed > units {
                    return Err(CountsError::MoreFailed { region, window: window.to_string(), failed, units });
                }
                if units > UNITS_MAX {
                    return Err(CountsError::TooMany { region, window: window.to_string(), units });
                }
            }
            let place = *places.entry(region).or_insert(next);
            named.push((window, place, cell));
        }
        // By name, so that the order in which regions come plays no part.
        let mut by_name = vec![0; places.len()];
        for (index, place) in (0_u32..).zip(places.values()) {
            by_name[*place as usize] = index;
        }
        for (_, place, _) in &mut named {
            *place = by_name[*place as usize];
        }
        named.sort_by_key(|(window, region, _)| (*window, *region));
        let mut cells: Vec<(i64, u32, Cell)> = Vec::with_capacity(named.len());
        for (window, region, cell) in named {
            match cells.last_mut() {
                Some((last, of, sum)) if (*last, *of) == (window, region) => {
                    *sum += cell;
                    if let Some(units) = [sum.n_a, sum.n_b].into_iter().find(|units| *units > UNITS_MAX) {
                        let name = places.keys().nth(region as usize).cloned().unwrap_or_default();
                        return Err(CountsError::TooMany { region: name, window: window.to_string(), units });
                    }
                }
                _ => cells.push((window, region, cell)),
            }
        }
        let last = cells.last().map(|(window, ..)| (*window, *window));
        let clock = Clock { last, ..Clock::default() };
        Ok(Counts { regions: places.into_keys().collect(), cells, clock, ..Counts::default() })
    }

    /// The same, where windows are in the order in which they were counted, and these are the minutes that they were.
    /// `behind` are regions that did not answer at the last look, and the last minute that was counted of each.
    pub fn with_clock(mut self, minutes: Vec<i64>, behind: BTreeMap<String, i64>) -> Counts {
        let window = i64::try_from(minutes.len()).unwrap_or(i64::MAX) - 1;
        let last = minutes.iter().copied().max().map(|minute| (window, minute));
        self.clock = Clock { minutes, last, behind, incomplete: Vec::new() };
        self
    }

    /// The same, where a region did not answer when these windows were counted: nothing passes with them.
    pub fn with_incomplete(mut self, mut windows: Vec<i64>) -> Counts {
        windows.sort_unstable();
        self.clock.incomplete = windows;
        self
    }

    /// The same, where these regions were asked for: one in which nothing ran is one of them, and no other counts as one
    /// of those among which one may be bad.
    pub fn of_regions(mut self, names: &[String]) -> Counts {
        if names.is_empty() {
            return self;
        }
        let mut all: Vec<String> = self.regions.iter().chain(names).cloned().collect();
        all.sort_unstable();
        all.dedup();
        let place = |name: &String| u32::try_from(all.partition_point(|other| other < name)).unwrap_or(u32::MAX);
        let places: Vec<u32> = self.regions.iter().map(place).collect();
        let moved = |region: &mut u32| *region = places.get(*region as usize).copied().unwrap_or(*region);
        self.cells.iter_mut().for_each(|(_, region, _)| moved(region));
        self.regions = all;
        self.are_named = true;
        self
    }

    /// Of these regions alone, where any are named.
    pub fn only(mut self, names: &[String]) -> Counts {
        if !names.is_empty() {
            let regions = &self.regions;
            let is_named = |region: u32| regions.get(region as usize).is_some_and(|name| names.contains(name));
            self.cells.retain(|(_, region, _)| is_named(*region));
            let kept: Vec<String> = self.regions.iter().filter(|name| names.contains(name)).cloned().collect();
            let place = |region: u32| {
                let name = self.regions.get(region as usize);
                let place = name.map_or(0, |name| kept.partition_point(|other| other < name));
                u32::try_from(place).unwrap_or(u32::MAX)
            };
            self.cells.iter_mut().for_each(|(_, region, _)| *region = place(*region));
            self.regions = kept;
        }
        self.of_regions(names)
    }

    /// The same, where the canary's share was set anew before each of these windows.
    pub fn with_steps(mut self, mut windows: Vec<i64>) -> Counts {
        windows.sort_unstable();
        self.steps = windows;
        self
    }

    /// The same, without so many minutes of the canary's beginning in each region.
    pub fn excluding(mut self, minutes: i64) -> Counts {
        self.exclude_first = minutes;
        self
    }

    /// The regions, by name.
    pub fn regions(&self) -> &[String] {
        &self.regions
    }

    /// Window, region and counts of each cell, in the order of windows and regions.
    pub fn cells(&self) -> impl Iterator<Item = (i64, &str, &Cell)> {
        self.cells.iter().map(|(window, region, cell)| (*window, self.regions[*region as usize].as_str(), cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_the_canary_is_no_comparison() {
        let cell = |n_a, n_b| Cell { n_a, n_b, ..Cell::default() };
        let of = |cells: &[(&str, i64, Cell)]| -> Vec<(String, i64, Cell)> {
            cells.iter().map(|(region, window, cell)| ((*region).to_owned(), *window, *cell)).collect()
        };
        let cells = of(&[("us", 0, cell(9, 0)), ("us", 1, cell(9, 1)), ("us", 2, cell(9, 0)), ("eu", 0, cell(9, 0))]);
        assert_eq!(side_by_side(cells.clone(), 0), [&cells[1..3], &cells[3..]].concat());
        assert_eq!(side_by_side(cells.clone(), 1), [&cells[2..3], &cells[3..]].concat());
        // One after the other: there is nothing to compare, and all of it to describe.
        let after = of(&[("us", 0, cell(9, 0)), ("us", 1, cell(0, 9))]);
        assert_eq!(side_by_side(after.clone(), 5), after);
    }
}
