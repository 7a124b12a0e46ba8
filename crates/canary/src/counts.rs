//! Counts of units and failed units of two releases, cell by cell. It refuses to take a count that cannot be.

use std::collections::BTreeMap;

/// Units that a cell may hold in each arm: beyond it, integers and doubles are no longer the same numbers.
pub const UNITS_MAX: u64 = 1 << 50;
/// Units that all cells may hold: their sum is one of 64 bits.
const ALL_UNITS_MAX: u64 = 1 << 62;

/// A function that has a release so many times less often than all have it has strays of it, and functions with so many times
/// less units than all do not tell how the others are to be compared.
const STRAY: u128 = 20;

/// What was counted in one region, or a part of it, and one window. A unit is a trace, else an invocation.
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
    /// More units in all than this can add up.
    #[error(
        "more than {ALL_UNITS_MAX} units in all from region {region}, window {window} on: more than can be added up"
    )]
    TooManyOfAll {
        /// The region.
        region: String,
        /// The window, by its number or its name.
        window: String,
    },
}

impl CountsError {
    /// With the name of the window in place of its number.
    pub(crate) fn with_windows(mut self, names: &[String]) -> CountsError {
        let (CountsError::MoreFailed { window, .. }
        | CountsError::TooMany { window, .. }
        | CountsError::TooManyOfAll { window, .. }) = &mut self;
        if let Some(name) = window.parse::<usize>().ok().and_then(|number| names.get(number)) {
            *window = name.clone();
        }
        self
    }
}

/// Where a cell belongs: its region, and the part of it that is compared by itself, by their places among the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) region: u32,
    pub(crate) part: u32,
}

/// Names, and which came as the how manieth.
#[derive(Default)]
struct Numbered(BTreeMap<String, u32>);

impl Numbered {
    fn number(&mut self, name: String) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(name).or_insert(next)
    }

    /// The place by name of each, so that the order in which they come plays no part.
    fn by_name(&self) -> Vec<u32> {
        let mut by_name = vec![0; self.0.len()];
        for (index, place) in (0_u32..).zip(self.0.values()) {
            by_name[*place as usize] = index;
        }
        by_name
    }
}

/// The regions and functions that are compared each with itself, and their units of baseline and canary: those that run both
/// releases, but for strays. None where those are too few to tell how the others are to be compared: then regions are
/// compared as one. Units come as region, function, and how many of each release.
pub fn compared_functions<'n>(
    units: impl IntoIterator<Item = (&'n str, &'n str, [u64; 2])>,
) -> BTreeMap<(&'n str, &'n str), [u64; 2]> {
    let mut ran: BTreeMap<(&str, &str), [u64; 2]> = BTreeMap::new();
    for (region, function, [baseline, canary]) in units {
        let of = ran.entry((region, function)).or_default();
        *of = [of[0] + baseline, of[1] + canary];
    }
    let wide = |of: &[u64; 2]| of.map(u128::from);
    let sum =
        |ran: &BTreeMap<_, [u64; 2]>| ran.values().map(wide).fold([0; 2], |sum, of| [sum[0] + of[0], sum[1] + of[1]]);
    let all = sum(&ran);
    // Of each release at least a part of what would be there if the function had it as often as all do.
    ran.retain(|_, of| {
        let of = wide(of);
        (0..2)
            .all(|release| of[release] > 0 && of[release] * STRAY * (all[0] + all[1]) >= all[release] * (of[0] + of[1]))
    });
    let compared = sum(&ran);
    if (compared[0] + compared[1]) * STRAY < all[0] + all[1] {
        ran.clear();
    }
    ran
}

/// The cells of a comparison, by window, region and part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(crate) regions: Vec<String>,
    /// What is compared by itself within a region, by name: one without a name, functions, or how many calls traces have.
    pub(crate) parts: Vec<String>,
    /// In the order of windows, and of regions and parts by name.
    pub(crate) cells: Vec<(i64, Place, Cell)>,
    /// Whether the regions are those that were asked for, rather than those in which something ran.
    pub(crate) are_named: bool,
    /// When the windows were, and how far the clocks have come.
    pub(crate) clock: Clock,
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
        Counts::of_parts(cells.into_iter().map(|(region, window, cell)| (region, "", window, cell)))
    }

    /// The same of regions, functions and windows: a function is compared with itself alone, for functions fail at rates of
    /// their own and need not have the same share of the canary. Where none is left by
    /// [`compared_functions`], a release is one of a function of its own, and all of a region are compared as one.
    pub fn by_function(cells: Vec<(String, String, i64, Cell)>) -> Result<Counts, CountsError> {
        let units =
            cells.iter().map(|(region, function, _, cell)| (region.as_str(), function.as_str(), [cell.n_a, cell.n_b]));
        let is_by_function = !compared_functions(units).is_empty();
        Counts::of_parts(cells.into_iter().map(|(region, function, window, cell)| {
            (region, if is_by_function { function } else { String::new() }, window, cell)
        }))
    }

    /// The same of regions, parts of them and windows: only what is of one part is compared.
    pub fn of_parts<R: Into<String>, P: Into<String>>(
        cells: impl IntoIterator<Item = (R, P, i64, Cell)>,
    ) -> Result<Counts, CountsError> {
        let (mut regions, mut parts) = (Numbered::default(), Numbered::default());
        let mut named: Vec<(i64, Place, Cell)> = Vec::new();
        let mut all: u64 = 0;
        for (region, part, window, cell) in cells {
            let region = region.into();
            for (failed, units) in [(cell.x_a, cell.n_a), (cell.x_b, cell.n_b)] {
                if failed > units {
                    return Err(CountsError::MoreFailed { region, window: window.to_string(), failed, units });
                }
                if units > UNITS_MAX {
                    return Err(CountsError::TooMany { region, window: window.to_string(), units });
                }
                // They are added up.
                all += units;
                if all > ALL_UNITS_MAX {
                    return Err(CountsError::TooManyOfAll { region, window: window.to_string() });
                }
            }
            let place = Place { region: regions.number(region), part: parts.number(part.into()) };
            named.push((window, place, cell));
        }
        let (region_places, part_places) = (regions.by_name(), parts.by_name());
        for (_, place, _) in &mut named {
            *place = Place { region: region_places[place.region as usize], part: part_places[place.part as usize] };
        }
        named.sort_by_key(|(window, place, _)| (*window, *place));
        let mut cells: Vec<(i64, Place, Cell)> = Vec::with_capacity(named.len());
        for (window, place, cell) in named {
            match cells.last_mut() {
                Some((last, of, sum)) if (*last, *of) == (window, place) => {
                    *sum += cell;
                    if let Some(units) = [sum.n_a, sum.n_b].into_iter().find(|units| *units > UNITS_MAX) {
                        let name = regions.0.keys().nth(place.region as usize).cloned().unwrap_or_default();
                        return Err(CountsError::TooMany { region: name, window: window.to_string(), units });
                    }
                }
                _ => cells.push((window, place, cell)),
            }
        }
        let last = cells.last().map(|(window, ..)| (*window, *window));
        let clock = Clock { last, ..Clock::default() };
        let [regions, parts] = [regions, parts].map(|names| names.0.into_keys().collect());
        Ok(Counts { regions, parts, cells, clock, ..Counts::default() })
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
        let all = self.regions.iter().chain(names).cloned().collect();
        self.move_to(all);
        self.are_named = true;
        self
    }

    /// Of these regions alone, where any are named.
    pub fn only(mut self, names: &[String]) -> Counts {
        if names.is_empty() {
            return self;
        }
        self.move_to(names.to_vec());
        self.are_named = true;
        self
    }

    /// Gives each cell the place that its region has among these; cells of others go.
    fn move_to(&mut self, mut names: Vec<String>) {
        names.sort_unstable();
        names.dedup();
        let place = |name: &String| names.binary_search(name).ok().and_then(|place| u32::try_from(place).ok());
        let places: Vec<Option<u32>> = self.regions.iter().map(place).collect();
        self.cells.retain_mut(|(_, Place { region, .. }, _)| {
            let place = places.get(*region as usize).copied().flatten();
            *region = place.unwrap_or(*region);
            place.is_some()
        });
        self.regions = names;
    }

    /// The minute in which the canary came to each region.
    pub(crate) fn begins(&self) -> Vec<Option<i64>> {
        let mut begins = vec![None; self.regions.len()];
        for (window, place, _) in self.cells.iter().filter(|(.., cell)| cell.n_b > 0) {
            begins[place.region as usize].get_or_insert_with(|| self.clock.minute(*window));
        }
        begins
    }

    /// What of them tells of the two side by side: in each region the minutes from the canary's first one on, less those that
    /// are left out. All minutes of a region that the canary has not come to stay, and everything does where the two never ran
    /// together, so that it can be described.
    pub fn side_by_side(mut self) -> Counts {
        let (begins, clock) = (self.begins(), &self.clock);
        let is_since = |window: i64, region: u32, after: i64| {
            begins[region as usize].is_none_or(|begins| clock.minute(window) >= begins.saturating_add(after))
        };
        let is_overlap = self.cells.iter().any(|(window, Place { region, .. }, cell)| {
            cell.n_a > 0 && begins[*region as usize].is_some() && is_since(*window, *region, 0)
        });
        if is_overlap {
            self.cells.retain(|(window, Place { region, .. }, _)| is_since(*window, *region, self.exclude_first));
        }
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

    /// Window, region and counts of all parts of it, in the order of windows and regions.
    pub fn cells(&self) -> impl Iterator<Item = (i64, &str, Cell)> {
        self.cells.chunk_by(|one, other| (one.0, one.1.region) == (other.0, other.1.region)).filter_map(|parts| {
            let (window, place, _) = parts.first()?;
            let sum = parts.iter().fold(Cell::default(), |sum, (.., cell)| sum + *cell);
            Some((*window, self.regions[place.region as usize].as_str(), sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_the_canary_is_no_comparison() {
        let cell = |n_a, n_b| Cell { n_a, n_b, ..Cell::default() };
        let check = |cells: &[(&str, i64, Cell)], exclude_first: i64, expected: &[usize]| {
            let counts = Counts::new(cells.iter().copied()).unwrap().excluding(exclude_first).side_by_side();
            let found: Vec<_> = counts.cells().map(|(window, region, cell)| (region, window, cell)).collect();
            assert_eq!(found, expected.iter().map(|place| cells[*place]).collect::<Vec<_>>());
        };
        let cells = [("eu", 0, cell(9, 0)), ("us", 0, cell(9, 0)), ("us", 1, cell(9, 1)), ("us", 2, cell(9, 0))];
        check(&cells, 0, &[0, 2, 3]);
        check(&cells, 1, &[0, 3]);
        // One after the other: there is nothing to compare, and all of it to describe.
        check(&[("us", 0, cell(9, 0)), ("us", 1, cell(0, 9))], 5, &[0, 1]);
    }

    #[test]
    fn regions_are_moved_to_their_places() {
        let cell = |n_a| Cell { n_a, ..Cell::default() };
        let counts = Counts::new([("us", 0, cell(1)), ("eu", 0, cell(2)), ("ap", 1, cell(3))]).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let of = |counts: Counts| {
            let cells = counts.cells().map(|(_, region, cell)| (region.to_owned(), cell.n_a)).collect::<Vec<_>>();
            (counts.regions().to_vec(), cells)
        };
        let (regions, cells) = of(counts.clone().only(&names(&["us", "me", "ap", "us"])));
        assert_eq!(regions, ["ap", "me", "us"]);
        assert_eq!(cells, [("us".to_owned(), 1), ("ap".to_owned(), 3)]);
        let (regions, cells) = of(counts.of_regions(&names(&["me"])));
        assert_eq!(regions, ["ap", "eu", "me", "us"]);
        assert_eq!(cells, [("eu".to_owned(), 2), ("us".to_owned(), 1), ("ap".to_owned(), 3)]);
    }

    #[test]
    fn more_than_can_be_added_up_is_refused() {
        let cell = |n_a| Cell { n_a, ..Cell::default() };
        let windows = |count: i64| Counts::new((0..count).map(|window| ("us", window, cell(UNITS_MAX))));
        assert!(windows(4096).is_ok());
        let error = windows(5000).unwrap_err();
        assert!(matches!(error, CountsError::TooManyOfAll { window, .. } if window == "4096"));
    }
}
