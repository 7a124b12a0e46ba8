//! Rates and differences with their intervals, for people. They refuse to decide anything: they hold for one look that was
//! planned beforehand.

use crate::counts::Cell;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A value and its interval at 95 %; absent where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The value.
    pub estimate: Option<f64>,
    /// The lower end.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
}

impl Estimate {
    fn of(estimate: f64, lower: f64, upper: f64) -> Estimate {
        let finite = |value: f64| value.is_finite().then_some(value);
        Estimate { estimate: finite(estimate), lower: finite(lower), upper: finite(upper) }
    }
}

/// A rate with Wilson's interval.
pub fn wilson(x: u64, n: u64) -> Estimate {
    if n == 0 {
        return Estimate::default();
    }
    let (x, n) = (x as f64, n as f64);
    let (rate, square) = (x / n, Z * Z);
    let middle = (x + square / 2.0) / (n + square);
    let half = Z / (n + square) * (x * (n - x) / n + square / 4.0).sqrt();
    // The ends of all and of none are known, and rounding must not move them.
    let lower = if x == 0.0 { 0.0 } else { middle - half };
    let upper = if x == n { 1.0 } else { middle + half };
    Estimate::of(rate, lower, upper)
}

/// The canary's rate less the baseline's, with Newcombe's hybrid score interval.
pub fn newcombe(cell: &Cell) -> Estimate {
    let (a, b) = (wilson(cell.x_a, cell.n_a), wilson(cell.x_b, cell.n_b));
    let all = |one: Estimate| Some((one.estimate?, one.lower?, one.upper?));
    let (Some((a, a_lower, a_upper)), Some((b, b_lower, b_upper))) = (all(a), all(b)) else {
        return Estimate::default();
    };
    let difference = b - a;
    let lower = difference - (b - b_lower).hypot(a_upper - a);
    let upper = difference + (b_upper - b).hypot(a - a_lower);
    Estimate::of(difference, lower, upper)
}

/// Sums over cells in which both releases ran.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strata {
    /// Σ x_B n_A / N and Σ x_A n_B / N.
    worse: f64,
    better: f64,
    /// Σ (n_A n_B m − x_A x_B N) / N².
    ratio_variance: f64,
    /// Σ n_A n_B / N.
    weight: f64,
    p: f64,
    q: f64,
    /// Σ x_B − n_B m / N, and its variance.
    excess: f64,
    excess_variance: f64,
}

impl Strata {
    pub(crate) fn add(&mut self, cell: &Cell) {
        if !cell.has_both() {
            return;
        }
        let (n_a, x_a, n_b, x_b) = (cell.n_a as f64, cell.x_a as f64, cell.n_b as f64, cell.x_b as f64);
        let (all, m) = (n_a + n_b, x_a + x_b);
        self.worse += x_b * n_a / all;
        self.better += x_a * n_b / all;
        // n_A n_B m − x_A x_B N, written without a difference that rounding could turn negative.
        self.ratio_variance += (x_a * (n_a / all)) * ((n_b - x_b) / all) + (x_b * (n_b / all)) * ((n_a - x_a) / all);
        self.weight += n_a * n_b / all;
        let (a, b) = (n_a / all, n_b / all);
        self.p += b * b * x_a - a * a * x_b + a * b * (n_a - n_b) / 2.0;
        self.q += (x_b * (n_a - x_a) + x_a * (n_b - x_b)) / (2.0 * all);
        // x_B − n_B m / N, without loss where the rates are near each other.
        self.excess += (x_b * n_a - x_a * n_b) / all;
        if all > 1.0 {
            self.excess_variance += a * b * m * (all - m) / (all - 1.0);
        }
    }

    /// The risk ratio of Mantel and Haenszel, with the variance of Greenland and Robins.
    pub(crate) fn risk_ratio(&self) -> Estimate {
        let ratio = self.worse / self.better;
        let spread = Z * (self.ratio_variance / (self.worse * self.better)).sqrt();
        Estimate::of(ratio, ratio * (-spread).exp(), ratio * spread.exp())
    }

    /// The risk difference of Mantel and Haenszel, with Sato's variance.
    pub(crate) fn risk_difference(&self) -> Estimate {
        let difference = (self.worse - self.better) / self.weight;
        let spread = Z * self.sato_variance().sqrt();
        Estimate::of(difference, difference - spread, difference + spread)
    }

    pub(crate) fn sato_variance(&self) -> f64 {
        let difference = (self.worse - self.better) / self.weight;
        ((difference * self.p + self.q) / (self.weight * self.weight)).max(0.0)
    }

    /// The statistic of Cochran, Mantel and Haenszel, without correction for continuity.
    pub(crate) fn cmh_chi2(&self) -> Option<f64> {
        let chi2 = self.excess * self.excess / self.excess_variance;
        chi2.is_finite().then_some(chi2)
    }
}
