//! What is asked besides: whether the canary's own rate can be above a limit, and whether it got the traffic that it was
//! meant to get. Both hold at every look.

use crate::special::ln_beta;

/// Evidence of another share of traffic than was meant, from which on a comparison is invalid.
pub const SAMPLE_RATIO_MAX: f64 = 1000.0;
/// How sure of its share a rollout is taken to be before anything was counted, in units.
const SAMPLE_RATIO_PRIOR: f64 = 100.0;
const STEPS_MAX: usize = 200;

/// The highest rate that is not ruled out at a level after `x` failures of `n`, however often it was asked before: 1 if
/// nothing was counted. Beta-binomial mixture with Jeffreys' prior.
pub fn rate_upper(x: u64, n: u64, alpha: f64) -> f64 {
    if x == n {
        return 1.0;
    }
    let (x, n) = (x as f64, n as f64);
    let limit = ln_beta(0.5 + x, 0.5 + n - x) - ln_beta(0.5, 0.5) + alpha.ln();
    let ln_likelihood = |p: f64, q: f64| if x == 0.0 { n * q.ln() } else { x * p.ln() + (n - x) * q.ln() };
    // On the scale of log-odds, on which rates near 0 and near 1 are equally fine.
    let logistic = |z: f64| (1.0 / (1.0 + (-z).exp()), 1.0 / (1.0 + z.exp()));
    let (mut from, mut to) = if x == 0.0 { (-745.0, 745.0) } else { ((x / (n - x)).ln(), 745.0) };
    for _ in 0..STEPS_MAX {
        let middle = 0.5 * (from + to);
        let (p, q) = logistic(middle);
        if ln_likelihood(p, q) > limit {
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

/// ln of the evidence that the canary does not get the share `weight` of units.
pub fn sample_ratio(n_a: u64, n_b: u64, weight: f64) -> f64 {
    let (n_a, n_b, k) = (n_a as f64, n_b as f64, SAMPLE_RATIO_PRIOR);
    ln_beta(k * weight + n_b, k * (1.0 - weight) + n_a)
        - ln_beta(k * weight, k * (1.0 - weight))
        - n_b * weight.ln()
        - n_a * (-weight).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

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
