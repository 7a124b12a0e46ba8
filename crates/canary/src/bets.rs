//! Evidence that no single burst can decide: a bet a block on the canary's share of what failed, whose stake bounds what a
//! block may be worth. For services whose failures come in bursts, which land on a release by its share of the traffic.
//!
//! It refuses to bet where the share is not the canary's own: the larger of two means is what a failure must exceed.

use crate::hypergeometric::Likelihood;
use crate::special::ln_mean_exp;

/// Parts of the evidence that are put on a block: evidence is the mean over these.
const STAKES: [f64; 4] = [0.1, 0.25, 0.5, 0.75];

/// ln of the evidence at each stake: that the canary is worse, that it is not worse by the margin, and that it is not by
/// the margin of a region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bets {
    fail: [f64; STAKES.len()],
    pass: [f64; STAKES.len()],
    region_pass: [f64; STAKES.len()],
}

impl Bets {
    /// The bets on one block, at the tolerance and the two margins.
    pub(crate) fn of(likelihood: &Likelihood, tolerance: f64, margin: f64, region_margin: f64) -> Bets {
        let found = likelihood.share_of_failed();
        let stake = |ratio: f64| STAKES.map(|stake| (stake * (ratio - 1.0)).ln_1p());
        let (one, other) = likelihood.expected_shares(tolerance);
        let fail = stake(found / one.max(other));
        let pass = |margin: f64| {
            let (one, other) = likelihood.expected_shares(margin);
            stake((1.0 - found) / (1.0 - one.min(other)))
        };
        Bets { fail, pass: pass(margin), region_pass: pass(region_margin) }
    }

    pub(crate) fn add(&mut self, other: &Bets) {
        let sum = |sum: &mut [f64; STAKES.len()], values: [f64; STAKES.len()]| {
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        };
        sum(&mut self.fail, other.fail);
        sum(&mut self.pass, other.pass);
        sum(&mut self.region_pass, other.region_pass);
    }

    /// As if everything had been counted so many times.
    pub(crate) fn times(&self, factor: f64) -> Bets {
        let times = |values: [f64; STAKES.len()]| values.map(|value| value * factor);
        Bets { fail: times(self.fail), pass: times(self.pass), region_pass: times(self.region_pass) }
    }

    pub(crate) fn ln_fail(&self) -> f64 {
        ln_mean_exp(&self.fail)
    }

    pub(crate) fn ln_pass(&self) -> f64 {
        ln_mean_exp(&self.pass)
    }

    pub(crate) fn ln_region_pass(&self) -> f64 {
        ln_mean_exp(&self.region_pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    #[test]
    fn a_bet_is_fair_and_a_burst_is_worth_little() {
        let bets = |x_b: u64| {
            let cell = Cell { n_a: 900, x_a: 40 - x_b, n_b: 100, x_b };
            Bets::of(&Likelihood::of(&cell), 1.0, 2.0, 4.0)
        };
        // Under equal releases the mean is at most 1.
        let probability = |x_b: u64| crate::special::ln_hypergeometric(x_b as f64, 40.0, 100.0, 900.0).exp();
        let mean: f64 = (0..=40).map(|x_b| probability(x_b) * bets(x_b).ln_fail().exp()).sum();
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        // Ten times its share of a burst is worth less than ten.
        assert!(bets(40).ln_fail() < 10.0_f64.ln() && bets(6).ln_fail() > 0.0 && bets(0).ln_fail() < 0.0);
        assert!(bets(0).ln_pass() > 0.0 && bets(30).ln_pass() < 0.0 && bets(8).ln_region_pass() > bets(8).ln_pass());
    }
}
