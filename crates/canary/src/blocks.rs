//! Consecutive minutes of a region, or of a part of it, pooled until they tell something. Which minutes belong together is
//! decided by how many units there were and by nothing that failed, so a block is as fair a draw as a minute.
//!
//! It refuses to pool over a step of the share, which nobody has to announce: the failure rate may have moved with it.

use crate::counts::{Cell, Place};
use crate::special::ln_hypergeometric;

/// Units of both releases with which a block closes.
const UNITS: u64 = 20;
/// Windows of the clock after which it closes, its first one among them.
const WINDOWS: i64 = 10;
/// The same of one of several parts of a region, as long as it has one of the releases alone: a function that is seldom called
/// has both within an hour or is not compared, and what is not compared convicts nobody.
const WINDOWS_OF_PART: i64 = 60;
/// A minute is odd whose share of the canary has a smaller tail than this among those around it.
const ODD_TAIL: f64 = 0.095;
/// A value is a sum of independent ones, so that its tail differs from the normal one by 0.56 of its deviation's inverse at
/// most (Shevtsova, 2010). Above each of these deviations, what lies so many of them or fewer off the mean is never odd.
const NEVER_ODD: [(f64, f64); 3] = [(20.0, 1.0), (6.0, 0.8), (3.0, 0.5)];
/// And above this one, what lies so many of them off is always.
const ALWAYS_ODD: (f64, f64) = (20.0, 1.8);
/// What no longer changes a sum.
const NEGLIGIBLE: f64 = 1e-16;

/// Minutes of one region, or of a part of it, that are compared as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The region, by its place among the names.
    pub region: u32,
    /// The part of it, by its place among the names.
    pub part: u32,
    /// The first window with units.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// What was counted in them.
    pub counts: Cell,
}

/// The blocks of one part of a region while its clock goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    /// The one that is open, and the minute in which it began.
    open: Option<(Block, i64)>,
    /// Units of the block before, unless an odd minute lies between.
    before: Cell,
    /// Whether they are of one of several parts.
    are_of_part: bool,
}

impl Blocks {
    /// Of one of so many parts of a region.
    pub(crate) fn of(parts: usize) -> Blocks {
        Blocks { are_of_part: parts > 1, ..Blocks::default() }
    }

    /// The minute after which the open block closes, if nothing more comes.
    pub(crate) fn due(&self) -> Option<i64> {
        let (block, minute) = self.open.as_ref()?;
        let windows = if self.are_of_part && !block.counts.has_both() { WINDOWS_OF_PART } else { WINDOWS };
        Some(minute.saturating_add(windows - 1))
    }

    /// The block that is open.
    pub(crate) fn open(&self) -> Option<&Block> {
        self.open.as_ref().map(|(block, _)| block)
    }

    /// Closes the open block, if its time is over after this minute.
    pub(crate) fn pass(&mut self, minute: i64) -> Option<Block> {
        if self.due()? > minute { None } else { self.close() }
    }

    fn close(&mut self) -> Option<Block> {
        let (block, _) = self.open.take()?;
        self.before = block.counts;
        Some(block)
    }

    /// Takes in a minute that is later than those before. Up to three blocks close: the one whose time is over, the one before
    /// an odd minute, and that of the minute itself.
    pub(crate) fn add(&mut self, place: Place, window: i64, minute: i64, cell: &Cell, closed: &mut impl FnMut(Block)) {
        if let Some(block) = self.pass(minute.saturating_sub(1)) {
            closed(block);
        }
        if cell.units() == 0 {
            return;
        }
        let around = self.open.map_or(self.before, |(block, _)| block.counts + self.before);
        if is_odd(cell, &around) {
            if let Some(block) = self.close() {
                closed(block);
            }
            self.before = Cell::default();
        }
        let Place { region, part } = place;
        let new = Block { region, part, first: window, last: window, counts: Cell::default() };
        let (block, _) = self.open.get_or_insert((new, minute));
        block.last = window;
        block.counts += *cell;
        if block.counts.units() >= UNITS
            && let Some(block) = self.close()
        {
            closed(block);
        }
        if let Some(block) = self.pass(minute) {
            closed(block);
        }
    }
}

/// Whether the minute's share of the canary is unlike that of the units around it: the hypergeometric tail of its units as
/// a draw from all of them is small.
fn is_odd(minute: &Cell, around: &Cell) -> bool {
    let (drawn, canary) = (minute.units(), minute.n_b + around.n_b);
    let baseline = minute.n_a + around.n_a;
    if around.units() == 0 || canary == 0 || baseline == 0 {
        return false;
    }
    let (drawn, canary, baseline, found) = (drawn as f64, canary as f64, baseline as f64, minute.n_b as f64);
    let all = canary + baseline;
    let mean = drawn * (canary / all);
    // The median lies next to the mean, so that on the other side at least one half lies.
    let deviation = (mean * (baseline / all) * ((all - drawn) / (all - 1.0))).sqrt();
    let distance = (found - mean).abs();
    if NEVER_ODD.iter().any(|(least, off)| deviation > *least && distance <= off * deviation) {
        return false;
    }
    if deviation > ALWAYS_ODD.0 && distance > ALWAYS_ODD.1 * deviation {
        return true;
    }
    // From the value outwards, each term from the one before.
    let is_low = found <= mean;
    let (lowest, highest) = ((drawn - baseline).max(0.0), drawn.min(canary));
    let mut term = ln_hypergeometric(found, drawn, canary, baseline).exp();
    let (mut tail, mut value) = (0.0, found);
    loop {
        tail += term;
        if tail >= ODD_TAIL {
            return false;
        }
        if is_low {
            if value <= lowest {
                return true;
            }
            term *= value * (baseline - drawn + value) / ((canary - value + 1.0) * (drawn - value + 1.0));
            value -= 1.0;
        } else {
            if value >= highest {
                return true;
            }
            term *= (canary - value) * (drawn - value) / ((value + 1.0) * (baseline - drawn + value + 1.0));
            value += 1.0;
        }
        if term <= NEGLIGIBLE * tail {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(n_a: u64, n_b: u64) -> Cell {
        Cell { n_a, x_a: 0, n_b, x_b: 0 }
    }

    /// First and last minute of a block, and its units.
    type Edges = (i64, i64, u64, u64);

    /// The blocks of these minutes, and the first minute of the one that is open after `clock`.
    fn blocks(minutes: &[(i64, u64, u64)], clock: i64) -> (Vec<Edges>, Option<i64>) {
        let mut blocks = Blocks::default();
        let mut closed = Vec::new();
        for (minute, n_a, n_b) in minutes {
            blocks.add(Place::default(), *minute, *minute, &cell(*n_a, *n_b), &mut |block| closed.push(block));
        }
        closed.extend(blocks.pass(clock));
        let of = |block: &Block| (block.first, block.last, block.counts.n_a, block.counts.n_b);
        (closed.iter().map(of).collect(), blocks.open().map(|block| block.first))
    }

    #[test]
    fn a_block_closes_with_its_units_its_time_or_before_an_odd_minute() {
        let us = [(2, 6, 2), (3, 7, 1), (4, 5, 3), (5, 6, 2), (6, 8, 1), (7, 6, 2)];
        assert_eq!(blocks(&us, 7), (vec![(2, 4, 18, 6), (5, 7, 20, 5)], None));
        // By the clock, whether anything comes or not.
        let eu = [(0, 2, 1), (3, 2, 1), (8, 1, 1), (10, 2, 1)];
        assert_eq!(blocks(&eu, 10), (vec![(0, 8, 5, 3)], Some(10)));
        assert_eq!(blocks(&eu[..3], 8), (vec![], Some(0)));
        assert_eq!(blocks(&eu[..3], 9), (vec![(0, 8, 5, 3)], None));
        // The minute of the ninth window later is in it.
        assert_eq!(blocks(&[(0, 1, 1), (9, 1, 1)], 9), (vec![(0, 9, 2, 2)], None));
        // Where the share moves, and behind that nothing is odd.
        let odd = [(0, 9, 1), (1, 8, 0), (2, 1, 7), (3, 1, 7), (4, 2, 7)];
        assert_eq!(blocks(&odd, 4), (vec![(0, 1, 17, 1), (2, 4, 4, 21)], None));
        // A busy minute is one by itself.
        assert_eq!(blocks(&[(0, 900, 100), (1, 905, 98)], 1).0.len(), 2);
    }

    #[test]
    fn a_part_that_is_seldom_called_waits_for_both_releases() {
        let blocks = |parts: usize, minutes: &[(i64, u64, u64)]| -> Vec<Edges> {
            let (mut blocks, mut closed) = (Blocks::of(parts), Vec::new());
            for (minute, n_a, n_b) in minutes {
                blocks.add(Place::default(), *minute, *minute, &cell(*n_a, *n_b), &mut |block| closed.push(block));
            }
            closed.iter().map(|block: &Block| (block.first, block.last, block.counts.n_a, block.counts.n_b)).collect()
        };
        let rare = [(0, 1, 0), (11, 1, 0), (22, 0, 1), (33, 1, 0), (100, 0, 1)];
        let expected: Vec<Edges> = vec![(0, 22, 2, 1), (33, 33, 1, 0)];
        assert_eq!(blocks(2, &rare), expected);
        let expected: Vec<Edges> = vec![(0, 0, 1, 0), (11, 11, 1, 0), (22, 22, 0, 1), (33, 33, 1, 0)];
        assert_eq!(blocks(1, &rare), expected);
    }

    #[test]
    fn what_is_odd_is_told_by_the_exact_tail() {
        let tail_of = |minute: &Cell, around: &Cell| {
            let (canary, baseline) = ((minute.n_b + around.n_b) as f64, (minute.n_a + around.n_a) as f64);
            let drawn = minute.units() as f64;
            let of = |value: u64| ln_hypergeometric(value as f64, drawn, canary, baseline).exp();
            let lowest = minute.units().saturating_sub(minute.n_a + around.n_a);
            let low: f64 = (lowest..=minute.n_b).map(of).sum();
            let high: f64 = (minute.n_b..=minute.units().min(minute.n_b + around.n_b)).map(of).sum();
            low.min(high)
        };
        let mut odd = 0;
        for n_a in (0..40).chain([900, 4000]) {
            for n_b in (0..40).chain([100, 130, 1000]) {
                for around in [cell(3, 1), cell(18, 2), cell(900, 100), cell(5000, 700), cell(40_000, 40_000)] {
                    let minute = cell(n_a, n_b);
                    if minute.units() == 0 {
                        continue;
                    }
                    let expected = tail_of(&minute, &around) < ODD_TAIL;
                    assert_eq!(is_odd(&minute, &around), expected, "{minute:?} {around:?}");
                    odd += u32::from(expected);
                }
            }
        }
        assert!(odd > 1000);
    }
}
