//! Evidence that no single minute can decide: each cell has one vote, however many units failed in it. For services whose
//! failures come in bursts, where units of a minute do not fail independently of each other.
//!
//! A vote is a fair bet on whether the canary's share of the failures lies above the likeliest one. It refuses to look at
//! by how much.

use crate::hypergeometric::Likelihood;
use crate::special::ln_mean_exp;

/// Parts of the evidence that are put on a cell: evidence is the mean over these.
const STAKES: [f64; 4] = [0.1, 0.25, 0.5, 0.75];

/// ln of the evidence at each stake: that the canary is worse, and that it is not worse by the margin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes {
    fail: [f64; STAKES.len()],
    pass: [f64; STAKES.len()],
}

impl Votes {
    /// The votes of one cell.
    pub(crate) fn of(likelihood: &Likelihood, tolerance: f64, margin: f64) -> Votes {
        let (mode, _, above) = likelihood.around_mode(tolerance.ln());
        let fail = bets(likelihood.value() > mode, above);
        let (mode, below, _) = likelihood.around_mode(margin.ln());
        Votes { fail, pass: bets(likelihood.value() < mode, below) }
    }

    pub(crate) fn add(&mut self, other: &Votes) {
        self.fail.iter_mut().zip(other.fail).for_each(|(sum, value)| *sum += value);
        self.pass.iter_mut().zip(other.pass).for_each(|(sum, value)| *sum += value);
    }

    /// As if everything had been counted so many times.
    pub(crate) fn times(&self, factor: f64) -> Votes {
        Votes { fail: self.fail.map(|value| value * factor), pass: self.pass.map(|value| value * factor) }
    }

    pub(crate) fn ln_fail(&self) -> f64 {
        ln_mean_exp(&self.fail)
    }

    pub(crate) fn ln_pass(&self) -> f64 {
        ln_mean_exp(&self.pass)
    }
}

/// ln of what becomes of each stake on something of this probability.
fn bets(is_won: bool, probability: f64) -> [f64; STAKES.len()] {
    match probability > 0.0 && probability < 1.0 {
        true if is_won => STAKES.map(|stake| (stake * (1.0 / probability - 1.0)).ln_1p()),
        true => STAKES.map(|stake| (-stake).ln_1p()),
        // Nothing else was possible, and nobody takes the bet.
        false => [0.0; STAKES.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    #[test]
    fn a_bet_is_fair_and_a_burst_is_one_vote() {
        let votes = |x_b: u64| {
            let cell = Cell { n_a: 900, x_a: 40 - x_b, n_b: 100, x_b };
            Votes::of(&Likelihood::of(&cell), 1.0, 2.0)
        };
        // Under equal releases the mean is 1.
        let probability = |x_b: u64| crate::special::ln_hypergeometric(x_b as f64, 40.0, 100.0, 900.0).exp();
        let mean: f64 = (0..=40).map(|x_b| probability(x_b) * votes(x_b).ln_fail().exp()).sum();
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        assert_eq!(votes(40).ln_fail(), votes(6).ln_fail());
        assert!(votes(6).ln_fail() > 0.0 && votes(0).ln_fail() < 0.0);
        assert!(votes(0).ln_pass() > 0.0 && votes(30).ln_pass() < 0.0);
    }
}
