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

    /// Whether it tells anything of the one compared with the other.
    pub(crate) fn compares(&self) -> bool {
        self.n_a > 0 && self.n_b > 0 && self.failed() > 0
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
    /// Regions in which the canary is not meant to get a share.
    pub(crate) unshared: Vec<u32>,
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
                Some((last, of, sum)) if (*last, *of) == (window, region) => *sum += cell,
                _ => cells.push((window, region, cell)),
            }
        }
        Ok(Counts { regions: places.into_keys().collect(), cells, unshared: Vec::new() })
    }

    /// The same, where the canary is meant to get its share only in those regions in which it got anything: a wave has
    /// not come to the others yet.
    pub fn shared_where_seen(mut self) -> Counts {
        let seen = |region: u32| self.cells.iter().any(|(_, of, cell)| *of == region && cell.n_b > 0);
        let regions = 0..u32::try_from(self.regions.len()).unwrap_or(u32::MAX);
        let unshared: Vec<u32> = regions.filter(|region| !seen(*region)).collect();
        // Where it got nothing at all, that is what there is to be told.
        self.unshared = if unshared.len() < self.regions.len() { unshared } else { Vec::new() };
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
        let counts = Counts::new(cells).unwrap();
        assert_eq!(counts.clone().shared_where_seen().unshared, [0]);
        assert_eq!(Counts::new(of(&[("eu", 0, cell(9, 0))])).unwrap().shared_where_seen().unshared, [0_u32; 0]);
    }
}
