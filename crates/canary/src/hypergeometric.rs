//! The likelihood of an odds ratio, given the margins of a cell: Fisher's noncentral hypergeometric distribution. Sums over
//! its support are exact: all of it where it is narrow, and where it is wide all that is not below the last bit.

use crate::counts::Cell;
use crate::special::ln_hypergeometric;

/// Supports up to so many values are kept as a polynomial in the odds ratio.
const NARROW_MAX: usize = 64;
/// A polynomial is evaluated as it is where the logarithm of its largest power stays below this.
const LN_POWER_MAX: f64 = 600.0;
/// Deviations to each side of the likeliest value that a sum with strides needs within the support, and so many strides to
/// a deviation: the sum over a lattice of a smooth bell is its integral, but for exp(−2π² · 2.5²) of it, whatever the lattice.
const STRIDED_DEVIATIONS: f64 = 12.0;
const STRIDES_PER_DEVIATION: f64 = 2.5;
/// Narrower bells are summed value by value.
const STRIDED_DEVIATION_MIN: f64 = 40.0;
/// What is left out of a wide sum, as a share of it: less than a bit.
const LEFT_OUT_MAX: f64 = 1e-17;

/// A cell, made ready to be asked for many odds ratios.
#[derive(Clone, Debug)]
pub(crate) struct Likelihood {
    n_a: f64,
    n_b: f64,
    m: f64,
    x_b: f64,
    lowest: f64,
    highest: f64,
    /// Probabilities under an odds ratio of 1, from the lowest value on; none where the support is wide.
    weights: Weights,
}

/// A likelihood as a power of the odds ratio by a polynomial in it, which lies within e^±600, and two derivatives of its
/// logarithm by that of the odds ratio.
pub(crate) struct Factor {
    pub(crate) power: f64,
    pub(crate) divisor: f64,
    pub(crate) slope: f64,
    pub(crate) curvature: f64,
}

/// So many stand in the likelihood itself: most minutes have a failure or two, and there are a million of them.
const FEW: usize = 4;

#[derive(Clone, Debug)]
enum Weights {
    Few([f64; FEW], usize),
    Many(Vec<f64>),
}

impl Weights {
    fn all(&self) -> &[f64] {
        match self {
            Weights::Few(values, count) => &values[..*count],
            Weights::Many(values) => values,
        }
    }
}

impl Likelihood {
    /// Of a cell in which both releases ran and something failed.
    pub(crate) fn of(cell: &Cell) -> Likelihood {
        let (n_a, n_b, m, x_b) = (cell.n_a as f64, cell.n_b as f64, cell.failed() as f64, cell.x_b as f64);
        let (lowest, highest) = ((m - n_a).max(0.0), m.min(n_b));
        let mut likelihood = Likelihood { n_a, n_b, m, x_b, lowest, highest, weights: Weights::Few([0.0; FEW], 0) };
        let count = highest - lowest + 1.0;
        if count <= NARROW_MAX as f64 {
            likelihood.weights = likelihood.narrow(count as usize);
        }
        likelihood
    }

    /// How much likelier the next value is, under an odds ratio of 1.
    fn ratio(&self, value: f64) -> f64 {
        (self.n_b - value) * (self.m - value) / ((value + 1.0) * (self.n_a - self.m + value + 1.0))
    }

    fn narrow(&self, count: usize) -> Weights {
        let mut kept = if count <= FEW { Weights::Few([0.0; FEW], count) } else { Weights::Many(vec![0.0; count]) };
        let weights = match &mut kept {
            Weights::Few(values, _) => &mut values[..count],
            Weights::Many(values) => values,
        };
        // From the likeliest value outwards nothing grows.
        let top = (self.mode(1.0) - self.lowest) as usize;
        weights[top] = 1.0;
        for place in top..count - 1 {
            weights[place + 1] = weights[place] * self.ratio(self.lowest + place as f64);
        }
        for place in (0..top).rev() {
            weights[place] = weights[place + 1] / self.ratio(self.lowest + place as f64);
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        kept
    }

    /// The likeliest value under an odds ratio (A. Fog, "Calculation methods for Wallenius' noncentral hypergeometric
    /// distribution", 2008, for Fisher's).
    fn mode(&self, odds: f64) -> f64 {
        // Divided by the odds ratio where that is large, so that nothing overflows.
        let (scale, odds_scaled) = if odds > 1.0 { (1.0 / odds, 1.0) } else { (1.0, odds) };
        let a = odds_scaled - scale;
        let b = (self.n_a - self.m) * scale - (self.n_b + self.m + 2.0) * odds_scaled;
        let c = (self.n_b + 1.0) * (self.m + 1.0) * odds_scaled;
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        // Of the two ways to write it, the one that subtracts nothing.
        let guess = if b <= 0.0 { -2.0 * c / (b - root) } else { -(b + root) / (2.0 * a) };
        // It is the first value that the next one is not likelier than. Rounding may put the guess a little off.
        let (mut from, mut to) = (self.lowest, self.highest);
        let mut narrow = |middle: f64| {
            if from <= middle && middle < to {
                if self.ratio(middle) * odds > 1.0 { from = middle + 1.0 } else { to = middle }
            }
            (from < to).then(|| (from + (to - from) / 2.0).floor())
        };
        narrow(guess.floor() - 2.0);
        let mut middle = narrow(guess.floor() + 2.0);
        while let Some(next) = middle {
            middle = narrow(next);
        }
        from
    }

    /// ln of the likelihood of an odds ratio over that of 1, given the odds ratio and its logarithm.
    pub(crate) fn ln_at(&self, ln_odds: f64, odds: f64) -> f64 {
        match self.is_plain(ln_odds) {
            true => (self.x_b - self.lowest) * ln_odds - self.polynomial(odds).ln(),
            false => self.wide(ln_odds).0,
        }
    }

    /// That, and its derivative by the logarithm of the odds ratio.
    pub(crate) fn ln_and_slope(&self, ln_odds: f64) -> (f64, f64) {
        match self.factor(ln_odds, ln_odds.exp()) {
            Some(factor) => (factor.power * ln_odds - factor.divisor.ln(), factor.slope),
            None => {
                let (ln, mean) = self.wide(ln_odds);
                (ln, self.x_b - mean)
            }
        }
    }

    /// The same with its logarithm left to whoever takes that of many; none where the support is wide.
    pub(crate) fn factor(&self, ln_odds: f64, odds: f64) -> Option<Factor> {
        if !self.is_plain(ln_odds) {
            return None;
        }
        // The polynomial, and its first and half of its second derivative by the odds ratio.
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for weight in self.weights.all().iter().rev() {
            second = second * odds + first;
            first = first * odds + sum;
            sum = sum * odds + weight;
        }
        let power = self.x_b - self.lowest;
        let mean = first * odds / sum;
        let square = (2.0 * second * odds * odds + first * odds) / sum;
        Some(Factor { power, divisor: sum, slope: power - mean, curvature: mean * mean - square })
    }

    /// The derivative of the slope.
    pub(crate) fn curvature(&self, ln_odds: f64) -> f64 {
        const STEP: f64 = 1e-4;
        match self.factor(ln_odds, ln_odds.exp()) {
            Some(factor) => factor.curvature,
            None => (self.wide(ln_odds).1 - self.wide(ln_odds + STEP).1) / STEP,
        }
    }

    fn is_plain(&self, ln_odds: f64) -> bool {
        let count = self.weights.all().len();
        count > 0 && ln_odds.abs() * (count as f64) < LN_POWER_MAX
    }

    fn polynomial(&self, odds: f64) -> f64 {
        self.weights.all().iter().rev().fold(0.0, |sum, weight| sum * odds + weight)
    }

    /// ln of the likelihood, and the mean value.
    fn wide(&self, ln_odds: f64) -> (f64, f64) {
        let odds = ln_odds.exp();
        let mode = self.mode(odds);
        let (sum, moment) = match self.stride(mode) {
            Some(stride) => self.strided(mode, ln_odds, stride),
            None => self.stepwise(mode, odds),
        };
        let at_mode = self.ln_probability(mode);
        ((self.x_b - mode) * ln_odds - at_mode - sum.ln(), mode + moment / sum)
    }

    fn ln_probability(&self, value: f64) -> f64 {
        ln_hypergeometric(value, self.m, self.n_b, self.n_a)
    }

    /// How far apart values may be taken, where the bell around the mode is wide and well within the support.
    fn stride(&self, mode: f64) -> Option<f64> {
        let curvature = 1.0 / mode + 1.0 / (self.n_b - mode) + 1.0 / (self.m - mode) + 1.0 / (self.n_a - self.m + mode);
        let deviation = curvature.sqrt().recip();
        let room = (mode - self.lowest).min(self.highest - mode);
        (deviation > STRIDED_DEVIATION_MIN && room > STRIDED_DEVIATIONS * deviation)
            .then(|| (deviation / STRIDES_PER_DEVIATION).floor())
    }

    /// The sum over the support in units of the term at the mode, and that of distances from the mode: of every so many-th
    /// term, times as many.
    fn strided(&self, mode: f64, ln_odds: f64, stride: f64) -> (f64, f64) {
        let (below, above) = (self.strided_side(mode, ln_odds, -stride), self.strided_side(mode, ln_odds, stride));
        ((below.0 + 1.0 + above.0) * stride, (below.1 + above.1) * stride)
    }

    /// The same of one side of the mode alone, without the strides' length.
    fn strided_side(&self, mode: f64, ln_odds: f64, side: f64) -> (f64, f64) {
        let at_mode = self.ln_probability(mode);
        let (mut sum, mut moment) = (0.0, 0.0);
        let mut distance = side;
        loop {
            let value = mode + distance;
            if value < self.lowest || value > self.highest {
                break;
            }
            let term = (self.ln_probability(value) - at_mode + distance * ln_odds).exp();
            sum += term;
            moment += term * distance;
            if term < LEFT_OUT_MAX {
                break;
            }
            distance += side;
        }
        (sum, moment)
    }

    /// The same term by term, outwards from the mode. Terms fall faster and faster, so what is left out is bounded by a
    /// geometric series.
    fn stepwise(&self, mode: f64, odds: f64) -> (f64, f64) {
        let (below, above) = (self.stepwise_below(mode, odds), self.stepwise_above(mode, odds));
        (below.0 + 1.0 + above.0, below.1 + above.1)
    }

    fn stepwise_above(&self, mode: f64, odds: f64) -> (f64, f64) {
        let (mut sum, mut moment, mut term, mut value) = (0.0, 0.0, 1.0, mode);
        while value < self.highest {
            let ratio = self.ratio(value) * odds;
            if ratio < 1.0 && term * ratio < LEFT_OUT_MAX * (1.0 - ratio) * (1.0 + sum) {
                break;
            }
            term *= ratio;
            value += 1.0;
            sum += term;
            moment += term * (value - mode);
        }
        (sum, moment)
    }

    fn stepwise_below(&self, mode: f64, odds: f64) -> (f64, f64) {
        let (mut sum, mut moment, mut term, mut value) = (0.0, 0.0, 1.0, mode);
        while value > self.lowest {
            let ratio = 1.0 / (self.ratio(value - 1.0) * odds);
            if ratio < 1.0 && term * ratio < LEFT_OUT_MAX * (1.0 - ratio) * (1.0 + sum) {
                break;
            }
            term *= ratio;
            value -= 1.0;
            sum += term;
            moment += term * (value - mode);
        }
        (sum, moment)
    }

    /// The canary's part of what failed.
    pub(crate) fn share_of_failed(&self) -> f64 {
        self.x_b / self.m
    }

    /// What that part is to be under an odds ratio: of one unit that fails, and on the average of this block.
    pub(crate) fn expected_shares(&self, odds: f64) -> (f64, f64) {
        let share = self.n_b / (self.n_a + self.n_b);
        let mean = self.x_b - self.ln_and_slope(odds.ln()).1;
        (share * odds / (1.0 - share + share * odds), mean / self.m)
    }

    /// Whether the value is at the low and at the high end of its support.
    pub(crate) fn ends(&self) -> (bool, bool) {
        (self.x_b == self.lowest, self.x_b == self.highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(n_a: u64, x_a: u64, n_b: u64, x_b: u64) -> Cell {
        Cell { n_a, x_a, n_b, x_b }
    }

    impl Likelihood {
        fn ln(&self, ln_odds: f64) -> f64 {
            self.ln_at(ln_odds, ln_odds.exp())
        }
    }

    #[test]
    fn a_wide_sum_and_a_polynomial_agree() {
        for cell in [cell(10_000, 10, 1000, 5), cell(60, 30, 50, 33), cell(7, 7, 9, 0), cell(1000, 0, 2, 2)] {
            let likelihood = Likelihood::of(&cell);
            for ln_odds in [-8.0, -1.5, 0.0, 0.2, 2.3, 8.0_f64] {
                let (narrow, slope) = likelihood.ln_and_slope(ln_odds);
                let (wide, mean) = likelihood.wide(ln_odds);
                assert!((narrow - wide).abs() < 1e-11 * wide.abs().max(1.0), "{cell:?} {ln_odds}: {narrow} {wide}");
                assert!((cell.x_b as f64 - mean - slope).abs() < 1e-9, "{cell:?} {ln_odds}");
                assert_eq!(narrow, likelihood.ln(ln_odds));
                let ahead = likelihood.ln_and_slope(ln_odds + 1e-5).1;
                let before = likelihood.ln_and_slope(ln_odds - 1e-5).1;
                let (curvature, expected) = (likelihood.curvature(ln_odds), (ahead - before) / 2e-5);
                assert!((curvature - expected).abs() < 1e-6 * expected.abs().max(1.0), "{curvature} {expected}");
            }
        }
    }

    #[test]
    fn strides_leave_nothing_out() {
        for cell in [
            cell(60_000, 9000, 50_000, 8000),
            cell(2_000_000, 70_000, 300_000, 9000),
            cell(1_000_000, 500_000, 1_000_000, 500_000),
        ] {
            let likelihood = Likelihood::of(&cell);
            for ln_odds in [-0.7, 0.0, 1.1, 2.3_f64] {
                let mode = likelihood.mode(ln_odds.exp());
                let stride = likelihood.stride(mode).unwrap();
                let (strided, far) = likelihood.strided(mode, ln_odds, stride);
                let (stepwise, moment) = likelihood.stepwise(mode, ln_odds.exp());
                assert!((strided / stepwise - 1.0).abs() < 1e-10, "{cell:?} {ln_odds}: {strided} {stepwise}");
                assert!((far - moment).abs() < 1e-7 * stepwise, "{cell:?} {ln_odds}: {far} {moment}");
            }
        }
    }

    #[test]
    fn the_factor_has_mean_one_at_its_own_odds_ratio() {
        // By enumeration: Σ_x P(x | ψ0) L(ψ)/L(ψ0) = 1 for every ψ.
        for (n_a, n_b, m) in [(5, 7, 4), (30, 3, 9), (4, 4, 8), (100, 90, 80)] {
            for (one, other) in [(0.0, 0.7), (0.4, -1.1), (2.0, 2.3_f64)] {
                let (from, to) = (m - m.min(n_a), m.min(n_b));
                let mean: f64 = (from..=to)
                    .map(|x_b| {
                        let likelihood = Likelihood::of(&cell(n_a, m - x_b, n_b, x_b));
                        let at_one = ln_hypergeometric(x_b as f64, m as f64, n_b as f64, n_a as f64);
                        (at_one + likelihood.ln(one) + likelihood.ln(other) - likelihood.ln(one)).exp()
                    })
                    .sum();
                assert!((mean - 1.0).abs() < 1e-12, "{n_a} {n_b} {m}: {mean}");
            }
        }
    }

    #[test]
    fn exchanging_the_arms_inverts_the_odds_ratio() {
        for one in
            [cell(1000, 3, 100, 4), cell(900, 400, 700, 390), cell(1_000_000_000, 5_000_000, 300_000_000, 1_600_000)]
        {
            let other = cell(one.n_b, one.x_b, one.n_a, one.x_a);
            for ln_odds in [-2.0, 0.3, 1.7_f64] {
                let (left, right) = (Likelihood::of(&one).ln(ln_odds), Likelihood::of(&other).ln(-ln_odds));
                assert!((left - right).abs() < 1e-9 * left.abs().max(1.0), "{one:?} {ln_odds}: {left} {right}");
            }
        }
    }

    #[test]
    fn nothing_overflows() {
        for cell in [
            cell(1_000_000_000, 0, 1_000_000_000, 1_000_000_000),
            cell(1_000_000_000, 1_000_000_000, 1_000_000_000, 0),
            cell(1_000_000_000, 500_000_000, 1_000_000_000, 500_000_000),
            cell(1, 1, 1_000_000_000, 1),
            cell(1 << 50, 1, 1 << 50, 1),
        ] {
            for ln_odds in [-700.0, -2.3, 0.0, 2.3, 700.0] {
                let (ln, slope) = Likelihood::of(&cell).ln_and_slope(ln_odds);
                assert!(ln.is_finite() && slope.is_finite(), "{cell:?} {ln_odds}: {ln} {slope}");
            }
        }
    }
}
