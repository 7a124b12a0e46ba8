//! What is asked besides: whether the canary's own rate can be above a limit, whether it got the traffic that it was
//! meant to get, and by how much the rate would have had to rise for what came once the baseline was gone. The first two
//! hold at every look. The third is of one look; it convicts nobody, and where it finds a rise nothing passes.

use crate::evidence::EFFECTS;
use crate::special::{ln_beta, ln_binomial, ln_mean_exp};

/// Evidence of another share of traffic than was meant, from which on a comparison is invalid.
pub const SAMPLE_RATIO_MAX: f64 = 1000.0;
/// How sure of its share a rollout is taken to be before anything was counted, in units.
const SAMPLE_RATIO_PRIOR: f64 = 100.0;
const STEPS_MAX: usize = 200;
/// No drift explains more than this.
const DRIFT_MAX: f64 = 1e300;

/// The highest rate that is not ruled out, above `x` failures of `n`: what is asked of a rate and of what it lacks of 1
/// holds up to it and no further.
fn highest_rate(x: f64, n: f64, holds: impl Fn(f64, f64) -> bool) -> f64 {
    // On the scale of log-odds, on which rates near 0 and near 1 are equally fine.
    let logistic = |z: f64| (1.0 / (1.0 + (-z).exp()), 1.0 / (1.0 + z.exp()));
    let (mut from, mut to) = if x == 0.0 { (-745.0, 745.0) } else { ((x / (n - x)).ln(), 745.0) };
    for _ in 0..STEPS_MAX {
        let middle = 0.5 * (from + to);
        let (p, q) = logistic(middle);
        if holds(p, q) {
            from = middle
        } else {
            to = middle
        }
        if (to - from).abs() <= 1e-15 * from.abs() {
            break;
        }
    }
    logistic(0.5 * (from + to)).0
}

/// The highest rate that is not ruled out at a level after `x` failures of `n`, however often it was asked before: 1 if
/// nothing was counted. Beta-binomial mixture with Jeffreys' prior.
pub fn rate_upper(x: u64, n: u64, alpha: f64) -> f64 {
    if x == n {
        return 1.0;
    }
    let (x, n) = (x as f64, n as f64);
    let limit = ln_beta(0.5 + x, 0.5 + n - x) - ln_beta(0.5, 0.5) + alpha.ln();
    let ln_likelihood = |p: f64, q: f64| if x == 0.0 { n * q.ln() } else { x * p.ln() + (n - x) * q.ln() };
    highest_rate(x, n, |p, q| ln_likelihood(p, q) > limit)
}

/// The lowest rate that is not ruled out, likewise: 0 if nothing was counted.
pub fn rate_lower(x: u64, n: u64, alpha: f64) -> f64 {
    1.0 - rate_upper(n - x, n, alpha)
}

/// ln of the evidence that the canary does not get the share `weight` of units.
pub fn sample_ratio(n_a: u64, n_b: u64, weight: f64) -> f64 {
    let (n_a, n_b, k) = (n_a as f64, n_b as f64, SAMPLE_RATIO_PRIOR);
    ln_beta(k * weight + n_b, k * (1.0 - weight) + n_a)
        - ln_beta(k * weight, k * (1.0 - weight))
        - n_b * weight.ln()
        - n_a * (-weight).ln_1p()
}

/// The continued fraction of the incomplete beta function, by Lentz's method: it converges fast below the mean.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const TERMS_MAX: u32 = 200_000;
    let safe = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / safe(1.0 + even * d);
        c = safe(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / safe(1.0 + odd * d);
        c = safe(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// Clopper and Pearson's upper bound of a rate after `x` failures of `n`, one-sided: 1 if nothing was counted.
fn rate_upper_once(x: u64, n: u64, alpha: f64) -> f64 {
    if x == n {
        return 1.0;
    }
    let (x, n) = (x as f64, n as f64);
    let below = |p: f64, q: f64| (ln_binomial(x, n, p, q).exp() * p * beta_fraction(n - x, x + 1.0, q)).min(1.0);
    highest_rate(x, n, |p, q| below(p, q) > alpha)
}

/// By how much, at least, the rate would have had to rise by itself for `after` (failed units, units) of the canary, once
/// the baseline with `before` was gone: the largest factor of the odds that is ruled out; none where 1 is not.
pub fn drift_explained(before: (u64, u64), after: (u64, u64), alpha: f64) -> Option<f64> {
    if before.1 == 0 || after.1 == 0 {
        return None;
    }
    let upper = rate_upper_once(before.0, before.1, alpha / 2.0);
    if upper >= 1.0 {
        return None;
    }
    let (x, n) = (after.0 as f64, after.1 as f64);
    let line = (2.0 / alpha).ln();
    // It falls with the drift.
    let is_ruled_out = |drift: f64| {
        let odds = drift * upper / (1.0 - upper);
        let ln = EFFECTS.map(|effect| x * effect.ln() + n * (odds.ln_1p() - (effect * odds).ln_1p()));
        ln_mean_exp(&ln) >= line
    };
    if !is_ruled_out(1.0) {
        return None;
    }
    let (mut from, mut to) = (1.0, 2.0);
    while is_ruled_out(to) && to < DRIFT_MAX {
        (from, to) = (to, to * 2.0);
    }
    for _ in 0..STEPS_MAX {
        let middle = 0.5 * (from + to);
        if is_ruled_out(middle) {
            from = middle
        } else {
            to = middle
        }
        if to - from <= 1e-15 * from {
            break;
        }
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_one_look_is_known() {
        // Without a failure it is 1 − α^(1/n).
        assert!((rate_upper_once(0, 50, 0.05) - (1.0 - 0.05_f64.powf(0.02))).abs() < 1e-12);
        // Of the tables of Clopper and Pearson's interval: 5 of 20, two-sided at 95 %.
        assert!((rate_upper_once(5, 20, 0.025) - 0.491_045_9).abs() < 1e-6);
        // With the sum over all values at the bound.
        for (x, n, alpha) in [(3, 100, 0.025), (250, 1000, 0.005), (900, 1000, 0.025)] {
            let p = rate_upper_once(x, n, alpha);
            let sum: f64 = (0..=x).map(|x| ln_binomial(x as f64, n as f64, p, 1.0 - p).exp()).sum();
            assert!((sum / alpha - 1.0).abs() < 1e-9, "{x} of {n}: {sum}");
        }
        assert!(rate_upper_once(500_000_000, 1_000_000_000, 0.025) > 0.5);
    }

    #[test]
    fn a_drift_that_would_explain_it_is_named() {
        let found = drift_explained((2, 129), (18, 100), 0.05).unwrap();
        assert!((found / 1.533_311_17 - 1.0).abs() < 1e-8, "{found}");
        assert_eq!(drift_explained((2, 129), (1, 100), 0.05), None);
        assert_eq!(drift_explained((0, 0), (18, 100), 0.05), None);
        assert_eq!(drift_explained((9, 9), (18, 100), 0.05), None);
        assert!(drift_explained((0, 1_000_000_000), (1_000_000, 1_000_000), 0.05).is_some_and(f64::is_finite));
    }

    #[test]
    fn the_bound_without_failures_is_known() {
        assert!((rate_upper(0, 1000, 0.05) / 0.006_997_502_52 - 1.0).abs() < 1e-8);
        assert!((rate_upper(0, 10_000, 0.05) / 0.000_816_994_069 - 1.0).abs() < 1e-8);
        assert_eq!((rate_upper(0, 0, 0.05), rate_upper(5, 5, 0.05)), (1.0, 1.0));
        let huge = rate_upper(1_000_000, 1_000_000_000, 0.05);
        assert!(huge > 0.001 && huge < 0.001_01, "{huge}");
    }

    #[test]
    fn a_share_that_is_off_is_noticed_and_one_that_is_not_is_not() {
        assert!(sample_ratio(9000, 1000, 0.1) < 0.0);
        assert!(sample_ratio(9000, 1500, 0.1) > SAMPLE_RATIO_MAX.ln());
        assert!(sample_ratio(900_000_000, 100_000_000, 0.1).is_finite());
        assert_eq!(sample_ratio(0, 0, 0.1), 0.0);
    }
}
