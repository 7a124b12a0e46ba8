//! Logarithms of factorials, of binomial probabilities and of the beta function, to nearly the last bit for counts of any
//! size: differences of logarithms of gamma functions lose ten digits at a thousand million.
//!
//! After C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.

use std::f64::consts::PI;

/// From here on five terms of Stirling's series are exact to the last bit.
const SERIES_MIN: f64 = 16.0;

/// What Stirling's formula lacks: ln Γ(x) − [(x − ½) ln x − x + ½ ln 2π].
pub(crate) fn stirling_error(x: f64) -> f64 {
    if x >= SERIES_MIN {
        let square = x * x;
        return (1.0 / 12.0
            - (1.0 / 360.0
                - (1.0 / 1260.0 - (1.0 / 1680.0 - (1.0 / 1188.0 - 691.0 / 360_360.0 / square) / square) / square)
                    / square)
                / square)
            / x;
    }
    // Γ(x) from where the series holds.
    let mut product = 1.0;
    let mut shifted = x;
    while shifted < SERIES_MIN {
        product *= shifted;
        shifted += 1.0;
    }
    let ln_gamma = stirling(shifted) + stirling_error(shifted) - product.ln();
    ln_gamma - stirling(x)
}

fn stirling(x: f64) -> f64 {
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln()
}

/// The same for n!: ln n! − [(n + ½) ln n − n + ½ ln 2π]. Of whole numbers, which are all that counts are made of.
fn factorial_error(n: f64) -> f64 {
    if n < SERIES_MIN {
        // Exact factorials, so nothing is lost.
        let factorial: f64 = (2..=n as u64).map(|number| number as f64).product();
        return factorial.ln() - ((n + 0.5) * n.ln() - n + 0.5 * (2.0 * PI).ln());
    }
    // ln n! = ln Γ(n) + ln n, and both formulas differ by exactly that.
    stirling_error(n)
}

/// x ln(x / mean) + mean − x, without loss where the two are near each other.
fn deviance(x: f64, mean: f64) -> f64 {
    let difference = x - mean;
    if difference.abs() < 0.1 * (x + mean) {
        let ratio = difference / (x + mean);
        let mut sum = difference * ratio;
        let mut term = 2.0 * x * ratio;
        let square = ratio * ratio;
        let mut odd = 3.0;
        loop {
            term *= square;
            let next = sum + term / odd;
            if next == sum {
                return next;
            }
            sum = next;
            odd += 2.0;
        }
    }
    x * (x / mean).ln() + mean - x
}

/// ln of the probability of `x` among `n` with probability `p`; `q` is 1 − p.
pub(crate) fn ln_binomial(x: f64, n: f64, p: f64, q: f64) -> f64 {
    if x == 0.0 {
        return if n == 0.0 {
            0.0
        } else if p < 0.1 {
            -deviance(n, n * q) - n * p
        } else {
            n * q.ln()
        };
    }
    if x == n {
        return if q < 0.1 { -deviance(n, n * p) - n * q } else { n * p.ln() };
    }
    factorial_error(n)
        - factorial_error(x)
        - factorial_error(n - x)
        - deviance(x, n * p)
        - deviance(n - x, n * q)
        - 0.5 * (2.0 * PI * x * (n - x) / n).ln()
}

/// ln of the hypergeometric probability of `x` marked ones among `m` drawn, of `marked` and `others`.
pub(crate) fn ln_hypergeometric(x: f64, m: f64, marked: f64, others: f64) -> f64 {
    let all = marked + others;
    if m == 0.0 || m == all {
        return 0.0;
    }
    let (p, q) = (m / all, (all - m) / all);
    ln_binomial(x, marked, p, q) + ln_binomial(m - x, others, p, q) - ln_binomial(m, all, p, q)
}

/// ln B(a, b), for a and b above 0.
pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    let (a, b) = if a < b { (a, b) } else { (b, a) };
    let sum = a + b;
    stirling_error(a) + stirling_error(b) - stirling_error(sum)
        + (a - 0.5) * (a / sum).ln()
        + (b - 0.5) * (-a / sum).ln_1p()
        - 0.5 * sum.ln()
        + 0.5 * (2.0 * PI).ln()
}

/// ln of a sum of exponentials; −∞ for none.
pub(crate) fn ln_sum_exp(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + values.iter().map(|value| (value - most).exp()).sum::<f64>().ln()
}

/// ln of a mean of exponentials.
pub(crate) fn ln_mean_exp(values: &[f64]) -> f64 {
    ln_sum_exp(values) - (values.len() as f64).ln()
}

/// The point of the normal distribution below which this probability lies; nine digits (P. J. Acklam, 2003).
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    /// From here on to the ends the curve is another one.
    const TAIL: f64 = 0.024_25;
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let x = (-2.0 * p.ln()).sqrt();
        polynomial(&C, x) / (polynomial(&D, x) * x + 1.0)
    };
    if probability < TAIL {
        tail(probability)
    } else if probability > 1.0 - TAIL {
        -tail(1.0 - probability)
    } else {
        let x = probability - 0.5;
        let square = x * x;
        polynomial(&A, square) * x / (polynomial(&B, square) * square + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-13 * expected.abs().max(1.0), "{found} {expected}");
    }

    #[test]
    fn known_values() {
        near(ln_beta(0.5, 0.5), PI.ln());
        near(ln_beta(1.0, 1.0), 0.0);
        near(ln_beta(2.0, 3.0), (1.0_f64 / 12.0).ln());
        near(ln_beta(20.0, 30.0), -33.968_820_791_977_386);
        near(ln_hypergeometric(2.0, 5.0, 10.0, 10.0), (45.0 * 120.0 / 15_504.0_f64).ln());
        near(ln_hypergeometric(0.0, 1.0, 1e9, 1e9), 0.5_f64.ln());
        // One of a thousand million, drawn by a hundred: m n_b / N.
        near(ln_hypergeometric(1.0, 1.0, 1e2, 1e9 - 1e2), 1e-7_f64.ln());
        assert_eq!(ln_sum_exp(&[]), f64::NEG_INFINITY);
        near(ln_mean_exp(&[1000.0, 1000.0]), 1000.0);
    }

    #[test]
    fn probabilities_sum_to_one() {
        for (m, marked, others) in [(5, 10, 10), (40, 25, 300), (300, 250, 100), (17, 1_000_000, 3)] {
            let from = if m > others { m - others } else { 0 };
            let all: f64 = (from..=m.min(marked))
                .map(|x| ln_hypergeometric(f64::from(x), f64::from(m), f64::from(marked), f64::from(others)).exp())
                .sum();
            assert!((all - 1.0).abs() < 1e-13, "{m} {marked} {others}: {all}");
        }
    }

    #[test]
    fn points_of_the_normal_distribution() {
        for (probability, point) in [(0.95, 1.644_853_627), (0.975, 1.959_963_985), (0.99, 2.326_347_874), (0.5, 0.0)] {
            assert!((normal_quantile(probability) - point).abs() < 1e-8);
            assert!((normal_quantile(1.0 - probability) + point).abs() < 1e-8);
        }
    }
}
