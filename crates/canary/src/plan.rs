//! How long it takes to see a failure rate: by a plan that looks once, and by rollouts that are looked at all the time,
//! simulated. It refuses to use chance: the same seed gives the same rollouts.

use crate::counts::{Cell, Counts};
use crate::special::normal_quantile;
use crate::verdict::{Policy, Verdict, judge};

/// Looks in the time that a plan with one look takes.
const LOOKS: u64 = 100;
/// A rollout that is not decided after so many times as long is given up.
const LENGTHS_MAX: u64 = 64;

/// What is planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Failure rate of the baseline.
    pub rate: f64,
    /// Failure rate of the canary that should be found out.
    pub detect: f64,
    /// Share of requests that the canary gets.
    pub share: f64,
    /// By what it is judged.
    pub policy: Policy,
    /// Rollouts that are simulated.
    pub trials: u32,
    /// The seed of chance.
    pub seed: u64,
}

/// How many requests of the canary rollouts took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// Until half of all rollouts had come to the verdict; none if fewer ever did.
    pub median: Option<u64>,
    /// Until four fifths had.
    pub most: Option<u64>,
    /// Until nineteen twentieths had.
    pub nearly_all: Option<u64>,
    /// The share of rollouts that came to it.
    pub share: f64,
    /// The share that came to the opposite one.
    pub opposite: f64,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// Requests of the canary after which a test that looks once would find it out.
    pub fixed_canary_requests: u64,
    /// How often that test found it out in the rollouts.
    pub fixed_power: f64,
    /// Until a worse canary failed.
    pub fails: Taken,
    /// Until an equal one passed.
    pub passes: Taken,
}

/// Numbers that look like chance (Steele, Lea and Flood, 2014): the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number above 0, up to 1.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// Units of which each fails with the same probability.
struct Arm {
    random: Random,
    ln_good: f64,
    until_failure: u64,
}

impl Arm {
    fn new(seed: u64, rate: f64) -> Arm {
        let mut arm = Arm { random: Random(seed), ln_good: (-rate).ln_1p(), until_failure: 0 };
        arm.until_failure = arm.gap();
        arm
    }

    fn gap(&mut self) -> u64 {
        let gap = self.random.unit().ln() / self.ln_good;
        if gap < 1e18 { gap as u64 } else { u64::MAX / 2 }
    }

    /// How many of the next units fail.
    fn failures(&mut self, mut units: u64) -> u64 {
        let mut failed = 0;
        while self.until_failure < units {
            units -= self.until_failure + 1;
            failed += 1;
            self.until_failure = self.gap();
        }
        self.until_failure -= units;
        failed
    }
}

impl Plan {
    /// Simulates it.
    pub fn simulate(&self) -> Planned {
        let fixed = self.fixed_canary_requests();
        let step = (fixed / LOOKS).max(1);
        let mut found = 0_u32;
        let mut worse = Vec::new();
        let mut equal = Vec::new();
        for trial in 0..u64::from(self.trials) {
            let mut seeds = Random(self.seed ^ trial.wrapping_mul(0xd134_2543_de82_ef95));
            let seeds = [seeds.next(), seeds.next(), seeds.next(), seeds.next()];
            found += u32::from(self.is_found_once(fixed, seeds[0], seeds[1]));
            worse.push(self.rollout(fixed, step, [seeds[0], seeds[1]], self.detect));
            equal.push(self.rollout(fixed, step, [seeds[2], seeds[3]], self.rate));
        }
        Planned {
            fixed_canary_requests: fixed,
            fixed_power: f64::from(found) / f64::from(self.trials.max(1)),
            fails: taken(&worse, Verdict::Fail, Verdict::Pass),
            passes: taken(&equal, Verdict::Pass, Verdict::Fail),
        }
    }

    /// Requests of the canary with which a one-sided test of two proportions that looks once has these risks.
    fn fixed_canary_requests(&self) -> u64 {
        let (a, b, ratio) = (self.rate, self.detect, (1.0 - self.share) / self.share);
        let both = (ratio * a + b) / (ratio + 1.0);
        let under_equal = (both * (1.0 - both) * (1.0 + 1.0 / ratio)).sqrt();
        let under_worse = (b * (1.0 - b) + a * (1.0 - a) / ratio).sqrt();
        let (alpha, beta) = (normal_quantile(1.0 - self.policy.alpha), normal_quantile(1.0 - self.policy.beta));
        ((alpha * under_equal + beta * under_worse) / (b - a)).powi(2).ceil().max(1.0) as u64
    }

    fn baseline_of(&self, canary: u64) -> u64 {
        (canary as f64 * (1.0 - self.share) / self.share).round() as u64
    }

    fn is_found_once(&self, canary: u64, seed_a: u64, seed_b: u64) -> bool {
        let baseline = self.baseline_of(canary);
        let x_a = Arm::new(seed_a, self.rate).failures(baseline) as f64;
        let x_b = Arm::new(seed_b, self.detect).failures(canary) as f64;
        let (n_a, n_b) = (baseline as f64, canary as f64);
        let both = (x_a + x_b) / (n_a + n_b);
        let deviation = (both * (1.0 - both) * (1.0 / n_a + 1.0 / n_b)).sqrt();
        deviation > 0.0 && (x_b / n_b - x_a / n_a) / deviation > normal_quantile(1.0 - self.policy.alpha)
    }

    /// The verdict of one rollout, and the canary's requests until then.
    fn rollout(&self, fixed: u64, step: u64, seeds: [u64; 2], rate: f64) -> Option<(Verdict, u64)> {
        let mut arms = [Arm::new(seeds[0], self.rate), Arm::new(seeds[1], rate)];
        let mut cells: Vec<(&str, i64, Cell)> = Vec::new();
        let (mut canary, mut length) = (0_u64, 2 * fixed);
        while length <= LENGTHS_MAX.saturating_mul(fixed) {
            while canary < length {
                let (before, after) = (self.baseline_of(canary), self.baseline_of(canary + step));
                let (n_a, n_b) = (after - before, step);
                let (x_a, x_b) = (arms[0].failures(n_a), arms[1].failures(n_b));
                let window = i64::try_from(cells.len()).unwrap_or(i64::MAX);
                cells.push(("all", window, Cell { n_a, x_a, n_b, x_b }));
                canary += step;
            }
            // Counts that were just made are counts that can be.
            let report = judge(&Counts::new(cells.iter().copied()).unwrap_or_default(), &self.policy, false);
            if let Some(crossing) = report.first_crossing {
                return Some((crossing.verdict, crossing.counts.n_b));
            }
            length *= 2;
        }
        None
    }
}

fn taken(rollouts: &[Option<(Verdict, u64)>], wanted: Verdict, opposite: Verdict) -> Taken {
    let mut requests: Vec<u64> =
        rollouts.iter().flatten().filter(|(verdict, _)| *verdict == wanted).map(|(_, requests)| *requests).collect();
    requests.sort_unstable();
    let all = rollouts.len().max(1);
    let quantile = |part: f64| requests.get(((all as f64 * part).ceil() as usize).saturating_sub(1)).copied();
    let against = rollouts.iter().flatten().filter(|(verdict, _)| *verdict == opposite).count();
    Taken {
        median: quantile(0.5),
        most: quantile(0.8),
        nearly_all: quantile(0.95),
        share: requests.len() as f64 / all as f64,
        opposite: against as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_what_simulation_elsewhere_found() {
        let plan = Plan { rate: 0.001, detect: 0.005, share: 0.1, policy: Policy::default(), trials: 200, seed: 7 };
        let planned = plan.simulate();
        assert_eq!(planned, plan.simulate());
        assert_ne!(planned, Plan { seed: 8, ..plan }.simulate());
        let median = planned.fails.median.unwrap();
        // An independent simulation of 300 rollouts in Python: 1,100.
        assert!((900..1250).contains(&median), "{planned:?}");
        assert!(planned.fails.share > 0.95 && planned.passes.opposite < 0.06, "{planned:?}");
        assert!((planned.fixed_power - 0.95).abs() < 0.05, "{planned:?}");
    }

    #[test]
    fn gaps_give_the_rate() {
        let failed = Arm::new(1, 0.01).failures(1_000_000);
        assert!((9_700..10_300).contains(&failed), "{failed}");
        // In parts or at once.
        let mut arm = Arm::new(1, 0.01);
        assert_eq!((0..1000).map(|_| arm.failures(1000)).sum::<u64>(), failed);
    }
}
