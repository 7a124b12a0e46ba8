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

/// The cells of a comparison, by window and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(crate) regions: Vec<String>,
    /// In the order of windows, and of regions by name.
    pub(crate) cells: Vec<(i64, u32, Cell)>,
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
        Ok(Counts { regions: places.into_keys().collect(), cells })
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
