//! The e-process: evidence that may be looked at as often as one likes. Turner and Grünwald 2023 (stratified counts),
//! Lindon and Malek 2022, Vovk and Wang 2021 (e-BH).

use crate::hypergeometric::Likelihood;
use crate::special::{ln_mean_exp, ln_sum_exp};

/// How much worse than the tolerance a canary is taken to be: evidence is the mean over these.
pub(crate) const EFFECTS: [f64; 6] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0];
/// What a canary that passes is taken to be: as good as the baseline, worse by half of the margin, or better by all of it;
/// and the weight of each.
const PASS_WEIGHTS: [f64; 3] = [0.5, 0.25, 0.25];
/// Odds ratios that the confidence sequence is mixed over.
const MIXED_OVER: [f64; 12] = [0.1, 0.2, 1.0 / 3.0, 0.5, 1.0 / 1.5, 0.8, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0];

const FAIL: usize = 0;
const PASS: usize = FAIL + 1 + EFFECTS.len();
const MARGIN: usize = PASS + PASS_WEIGHTS.len();
const REGION_MARGIN: usize = MARGIN + 1;
const MIXED: usize = REGION_MARGIN + 1;
pub(crate) const GRID: usize = MIXED + MIXED_OVER.len();

/// The odds ratios whose likelihood is followed: the tolerance and worse, those of a pass and the two margins, and those of
/// the confidence sequence.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// Logarithms and odds ratios, each once: many are in more than one of the three.
    distinct: Vec<(f64, f64)>,
    places: [usize; GRID],
}

impl Grid {
    pub(crate) fn new(tolerance: f64, margin: f64, region_margin: f64) -> Grid {
        let worse = std::iter::once(1.0).chain(EFFECTS).map(|effect| (tolerance * effect).ln());
        let passing = [0.0, 0.5 * margin.ln(), -margin.ln(), margin.ln(), region_margin.ln()];
        let all = worse.chain(passing).chain(MIXED_OVER.map(f64::ln));
        let (mut distinct, mut places): (Vec<(f64, f64)>, _) = (Vec::new(), [0; GRID]);
        for (place, ln_odds) in places.iter_mut().zip(all) {
            let known = distinct.iter().position(|(other, _)| *other == ln_odds);
            *place = known.unwrap_or_else(|| {
                distinct.push((ln_odds, ln_odds.exp()));
                distinct.len() - 1
            });
        }
        Grid { distinct, places }
    }
}

/// ln of the likelihood at the odds ratios of a grid, summed over blocks.
#[derive(Clone, Debug)]
pub(crate) struct LnLikelihoods([f64; GRID]);

impl Default for LnLikelihoods {
    fn default() -> LnLikelihoods {
        LnLikelihoods([0.0; GRID])
    }
}

impl LnLikelihoods {
    pub(crate) fn of(likelihood: &Likelihood, grid: &Grid) -> LnLikelihoods {
        let mut values = [0.0; GRID];
        for (value, (ln_odds, odds)) in values.iter_mut().zip(&grid.distinct) {
            *value = likelihood.ln_at(*ln_odds, *odds);
        }
        LnLikelihoods(grid.places.map(|place| values[place]))
    }

    pub(crate) fn add(&mut self, other: &LnLikelihoods) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, value)| *sum += value);
    }

    /// As if everything had been counted so many times.
    pub(crate) fn times(&self, factor: f64) -> LnLikelihoods {
        LnLikelihoods(self.0.map(|value| value * factor))
    }

    /// ln of the evidence that the odds ratio is above the tolerance.
    pub(crate) fn ln_fail(&self) -> f64 {
        let mut effects = [0.0; EFFECTS.len()];
        effects.iter_mut().zip(&self.0[FAIL + 1..PASS]).for_each(|(effect, value)| *effect = value - self.0[FAIL]);
        ln_mean_exp(&effects)
    }

    /// ln of the evidence that the odds ratio is below the margin.
    pub(crate) fn ln_pass(&self) -> f64 {
        self.ln_better(self.0[MARGIN])
    }

    /// ln of the evidence that it is below the margin of a region.
    pub(crate) fn ln_region_pass(&self) -> f64 {
        self.ln_better(self.0[REGION_MARGIN])
    }

    fn ln_better(&self, base: f64) -> f64 {
        let mut weighed = [0.0; PASS_WEIGHTS.len()];
        for ((sum, value), weight) in weighed.iter_mut().zip(&self.0[PASS..MARGIN]).zip(PASS_WEIGHTS) {
            *sum = weight.ln() + value - base;
        }
        ln_sum_exp(&weighed)
    }

    /// Logarithms of odds ratios, in order, and the logarithm of the likelihood of each: where to look for what lies between.
    fn known(&self) -> Vec<(f64, f64)> {
        let mixed = MIXED_OVER.iter().zip(&self.0[MIXED..]).map(|(odds, ln)| (odds.ln(), *ln));
        let mut known: Vec<(f64, f64)> = mixed.chain([(0.0, 0.0)]).collect();
        known.sort_by(|one, other| one.0.total_cmp(&other.0));
        known
    }

    /// What the likelihood of an odds ratio must stay below for it to be ruled out.
    pub(crate) fn ln_excluded_below(&self, alpha: f64) -> f64 {
        ln_mean_exp(&self.0[MIXED..]) + alpha.ln()
    }
}

/// A product of factors within e^±600 whose logarithm is taken once it leaves e^±this: it stays a number then.
const LN_PRODUCT_MAX: f64 = 90.0;

/// ln of the likelihood of an odds ratio over all blocks, and its slope. One logarithm is taken of many factors.
fn total(likelihoods: &[Likelihood], ln_odds: f64) -> (f64, f64) {
    let (odds, most) = (ln_odds.exp(), LN_PRODUCT_MAX.exp());
    let (mut power, mut ln, mut slope, mut product) = (0.0, 0.0, 0.0, 1.0_f64);
    for likelihood in likelihoods {
        let Some(factor) = likelihood.factor(ln_odds, odds) else {
            let one = likelihood.ln_and_slope(ln_odds);
            (ln, slope) = (ln + one.0, slope + one.1);
            continue;
        };
        power += factor.power;
        slope += factor.slope;
        product *= factor.divisor;
        if !(1.0 / most..most).contains(&product) {
            ln -= product.ln();
            product = 1.0;
        }
    }
    (power * ln_odds + ln - product.ln(), slope)
}

/// The slope, and its derivative.
fn total_slope(likelihoods: &[Likelihood], ln_odds: f64) -> (f64, f64) {
    let odds = ln_odds.exp();
    likelihoods.iter().fold((0.0, 0.0), |sum, likelihood| match likelihood.factor(ln_odds, odds) {
        Some(factor) => (sum.0 + factor.slope, sum.1 + factor.curvature),
        None => (sum.0 + likelihood.ln_and_slope(ln_odds).1, sum.1 + likelihood.curvature(ln_odds)),
    })
}

/// Beyond this, the logarithm of an odds ratio is taken as without a bound.
const LN_ODDS_MAX: f64 = 230.0;
const STEPS_MAX: usize = 200;
/// Relative length of a step after which a root is found.
const PRECISION: f64 = 1e-13;

/// The likeliest odds ratio and the two ends of the confidence sequence; none where there is no bound. `sums` are those of
/// all these likelihoods: a look at a million of them costs, and they say where to begin.
pub(crate) fn odds_ratio(likelihoods: &[Likelihood], sums: &LnLikelihoods, alpha: f64) -> [Option<f64>; 3] {
    if likelihoods.is_empty() {
        return [None, Some(0.0), None];
    }
    let is_lowest = likelihoods.iter().all(|likelihood| likelihood.ends().0);
    let is_highest = likelihoods.iter().all(|likelihood| likelihood.ends().1);
    let (known, line) = (sums.known(), sums.ln_excluded_below(alpha));
    // The likelihood is log-concave: its slope falls.
    let top = match (is_lowest, is_highest) {
        // One value alone was possible, and tells nothing.
        (true, true) => return [None, Some(0.0), None],
        (true, false) => -LN_ODDS_MAX,
        (false, true) => LN_ODDS_MAX,
        (false, false) => {
            let (from, to, guess) = around_top(&known);
            root(from, to, guess, |ln_odds| total_slope(likelihoods, ln_odds))
        }
    };
    let above = |ln_odds: f64| {
        let (ln, slope) = total(likelihoods, ln_odds);
        (ln - line, slope)
    };
    let lower = (!is_lowest).then(|| {
        let below = known.iter().rev().copied().filter(|(at, _)| *at < top).collect::<Vec<_>>();
        let (outside, guess) = beyond(&below, line);
        root(outside.unwrap_or(-LN_ODDS_MAX), top, guess.unwrap_or(top.min(0.0) - 0.5), |ln_odds| {
            let (value, slope) = above(ln_odds);
            (-value, -slope)
        })
    });
    let upper = (!is_highest).then(|| {
        let beyond_top = known.iter().copied().filter(|(at, _)| *at > top).collect::<Vec<_>>();
        let (outside, guess) = beyond(&beyond_top, line);
        root(top, outside.unwrap_or(LN_ODDS_MAX), guess.unwrap_or(top.max(0.0) + 0.5), above)
    });
    // An end that lies at the edge of what is looked at is none; an odds ratio of 0 is one.
    let bounded = |end: Option<f64>| end.filter(|end| end.abs() < LN_ODDS_MAX - 1.0).map(f64::exp);
    let zero = is_lowest.then_some(0.0);
    let estimate = bounded((!is_lowest && !is_highest).then_some(top));
    [estimate.or(zero), bounded(lower).or(zero), bounded(upper)]
}

/// Between which odds ratios the likeliest one lies, by some that are known, and about where.
fn around_top(known: &[(f64, f64)]) -> (f64, f64, f64) {
    let highest = known.iter().enumerate().max_by(|(_, one), (_, other)| one.1.total_cmp(&other.1));
    let Some((place, (at, top))) = highest.map(|(place, known)| (place, *known)) else {
        return (-LN_ODDS_MAX, LN_ODDS_MAX, 0.0);
    };
    let before = place.checked_sub(1).and_then(|place| known.get(place));
    match (before, known.get(place + 1)) {
        (Some((from, low)), Some((to, high))) => {
            // The vertex of the parabola through the three.
            let (left, right) = ((top - low) / (at - from), (high - top) / (to - at));
            let guess = 0.5 * (from + at) + 0.5 * (to - from) * left / (left - right);
            (*from, *to, guess)
        }
        (None, Some((to, _))) => (-LN_ODDS_MAX, *to, at - 1.0),
        (Some((from, _)), None) => (*from, LN_ODDS_MAX, at + 1.0),
        (None, None) => (-LN_ODDS_MAX, LN_ODDS_MAX, 0.0),
    }
}

/// Going away from the likeliest odds ratio: the first known one whose likelihood is below the line, and about where the line
/// is crossed.
fn beyond(known: &[(f64, f64)], line: f64) -> (Option<f64>, Option<f64>) {
    let Some(place) = known.iter().position(|(_, ln)| *ln < line) else {
        // Beyond all that are known.
        return (None, known.last().map(|(at, _)| at + at.signum()));
    };
    let (outside, low) = known[place];
    let inside = place.checked_sub(1).map(|place| known[place]);
    let guess = inside.map(|(at, high)| at + (outside - at) * (high - line) / (high - low));
    (Some(outside), guess)
}

/// Where a function that falls crosses zero, given its value and slope: Newton's steps, kept between the ends.
fn root(mut from: f64, mut to: f64, guess: f64, value_and_slope: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut at = if from < guess && guess < to { guess } else { 0.5 * (from + to) };
    for _ in 0..STEPS_MAX {
        let (value, slope) = value_and_slope(at);
        if value == 0.0 {
            return at;
        }
        if value > 0.0 {
            from = at
        } else {
            to = at
        }
        let step = at - value / slope;
        let next = if from < step && step < to { step } else { 0.5 * (from + to) };
        if (next - at).abs() <= PRECISION * at.abs().max(1e-3) {
            return next;
        }
        at = next;
    }
    at
}

/// Which of several values of evidence count at a level: the rule of e-BH. The share of false ones among those is at most
/// the level, whatever depends on what.
pub fn e_bh(ln_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..ln_values.len()).collect();
    order.sort_by(|one, other| ln_values[*other].total_cmp(&ln_values[*one]).then(one.cmp(other)));
    let all = ln_values.len() as f64;
    let counts = (1..=order.len()).rev().find(|count| {
        let least = ln_values[order[count - 1]];
        least >= (all / (alpha * *count as f64)).ln()
    });
    let mut chosen = vec![false; ln_values.len()];
    order.iter().take(counts.unwrap_or(0)).for_each(|place| chosen[*place] = true);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_bh_takes_the_largest_that_count_together() {
        let ln = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
        assert_eq!(e_bh(&ln(&[210.0, 60.0, 35.0, 26.0, 0.7]), 0.05), [true, true, true, true, false]);
        assert_eq!(e_bh(&ln(&[0.7, 26.0, 60.0, 35.0, 210.0]), 0.05), [false, true, true, true, true]);
        assert_eq!(e_bh(&ln(&[99.0, 1.0]), 0.05), [true, false]);
        assert_eq!(e_bh(&ln(&[39.0, 1.0]), 0.05), [false, false]);
        assert_eq!(e_bh(&[], 0.05), [false; 0]);
    }
}
