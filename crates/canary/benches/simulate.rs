//! How often verdicts are wrong, and how soon they are right, in rollouts that are simulated from fixed seeds: the figures of
//! `tests/bench/README.md`. It measures no time, and asserts nothing: the bounds are proven, and tests look at samples.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what is simulated is well formed, and is to be seen")]

use transect_canary::{Cell, Counts, Plan, Policy, Random, Verdict, judge};

/// How many of so many units fail, from failure to failure.
fn failures(random: &mut Random, units: u64, rate: f64) -> u64 {
    let ln_good = (-rate).ln_1p();
    let (mut at, mut failed) = (0.0, 0);
    loop {
        at += (random.unit().ln() / ln_good).floor() + 1.0;
        if at > units as f64 {
            return failed;
        }
        failed += 1;
    }
}

struct Region {
    name: &'static str,
    a_minute: u64,
    rate: f64,
    /// The odds of a failure of the canary over those of the baseline.
    odds: f64,
}

fn worse(rate: f64, odds: f64) -> f64 {
    let worse = odds * rate / (1.0 - rate);
    worse / (1.0 + worse)
}

/// How failures of a minute hang together.
#[derive(Clone, Copy, PartialEq)]
enum Failures {
    Alone,
    /// Every twentieth minute both releases fail ten times as often.
    Outages,
    /// Five at once, all of one release.
    Bursts,
}

/// Counts of a rollout: the canary's share goes up from 1 % to 50 %.
fn rollout(regions: &[Region], looks: i64, hang: Failures, random: &mut Random) -> Counts {
    let mut cells = Vec::new();
    for minute in 0..looks {
        let share = 0.01 + 0.49 * minute as f64 / looks as f64;
        for region in regions {
            // Traffic goes up and down.
            let units = (region.a_minute as f64 * (1.0 + 0.5 * (minute as f64 / 40.0).sin())) as u64;
            let n_b = (units as f64 * share).round() as u64;
            let n_a = units - n_b;
            let times = if hang == Failures::Outages && minute % 20 == 7 { 10.0 } else { 1.0 };
            let rate = region.rate * times;
            let (x_a, x_b) = match hang {
                Failures::Bursts => {
                    let bursts = failures(random, units, rate / 5.0);
                    let of_canary = (0..bursts).filter(|_| random.unit() < share).count() as u64;
                    ((5 * (bursts - of_canary)).min(n_a), (5 * of_canary).min(n_b))
                }
                _ => (failures(random, n_a, rate), failures(random, n_b, worse(rate, region.odds))),
            };
            cells.push((region.name, minute, Cell { n_a, x_a, n_b, x_b }));
        }
    }
    Counts::new(cells).unwrap()
}

/// Three that differ in traffic and in failure rate.
fn unequal(odds: f64) -> Vec<Region> {
    [("a", 600, 0.001), ("b", 200, 0.005), ("c", 60, 0.02)]
        .map(|(name, a_minute, rate)| Region { name, a_minute, rate, odds })
        .into()
}

fn share(found: usize, trials: usize) -> String {
    let share = found as f64 / trials as f64;
    format!("{:.1} % of {trials}", 100.0 * share)
}

fn main() {
    const TRIALS: usize = 1000;
    const LOOKS: i64 = 480;
    let verdicts = |odds: f64, failures: Failures, policy: &Policy| {
        let mut random = Random::new(7);
        (0..TRIALS)
            .map(|_| judge(&rollout(&unequal(odds), LOOKS, failures, &mut random), policy, false))
            .map(|report| report.first_crossing.map(|crossing| crossing.verdict))
            .collect::<Vec<_>>()
    };
    let count = |verdicts: &[Option<Verdict>], verdict: Verdict| {
        share(verdicts.iter().filter(|found| **found == Some(verdict)).count(), TRIALS)
    };
    let plain = Policy::default();
    let robust = Policy { robust: true, ..plain };
    println!("three unequal regions, a ramping share, {LOOKS} looks, alpha = beta = 0.05");
    for (name, odds, failures, policy) in [
        ("equal releases", 1.0, Failures::Alone, &plain),
        ("equal releases, outages of both", 1.0, Failures::Outages, &plain),
        ("equal releases, bursts of five", 1.0, Failures::Bursts, &plain),
        ("equal releases, --robust", 1.0, Failures::Alone, &robust),
        ("equal releases, bursts of five, --robust", 1.0, Failures::Bursts, &robust),
        ("worse by the margin (odds ratio 2)", 2.0, Failures::Alone, &plain),
        ("odds ratio 3", 3.0, Failures::Alone, &plain),
        ("odds ratio 3, --robust", 3.0, Failures::Alone, &robust),
    ] {
        let found = verdicts(odds, failures, policy);
        println!("  {name}: FAIL in {}, PASS in {}", count(&found, Verdict::Fail), count(&found, Verdict::Pass));
    }

    println!("one bad region of six (odds ratio 5), 120 looks, {TRIALS} rollouts");
    let six = |bad: f64| -> Vec<Region> {
        ["a", "b", "c", "d", "e", "f"]
            .iter()
            .enumerate()
            .map(|(place, name)| Region {
                name,
                a_minute: 100 + 60 * place as u64,
                rate: 0.004,
                odds: if place == 3 { bad } else { 1.0 },
            })
            .collect()
    };
    let mut random = Random::new(7);
    let (mut failed, mut exactly, mut others) = (0, 0, 0);
    for _ in 0..TRIALS {
        let report = judge(&rollout(&six(5.0), 120, Failures::Alone, &mut random), &plain, false);
        failed += usize::from(report.verdict == Verdict::Fail);
        let rolled_back: Vec<&str> =
            report.regions.iter().filter(|region| region.roll_back).map(|region| region.region.as_str()).collect();
        exactly += usize::from(rolled_back == ["d"]);
        others += usize::from(rolled_back.iter().any(|name| *name != "d"));
    }
    println!(
        "  FAIL in {}, rolled back exactly it in {}, another one in {}",
        share(failed, TRIALS),
        share(exactly, TRIALS),
        share(others, TRIALS)
    );

    println!("power for .1 % to .5 % at a share of 10 %, requests of the canary, 2000 rollouts");
    for alpha in [0.05, 0.1, 0.01] {
        let policy = Policy { alpha, ..plain };
        let plan = Plan { rate: 0.001, detect: 0.005, share: 0.1, policy, trials: 2000, seed: 7 };
        let planned = plan.simulate();
        println!(
            "  alpha {alpha}: median {:?}, four fifths {:?}; found {:.1} %; looked at once {}",
            planned.fails.median,
            planned.fails.most,
            100.0 * planned.fails.share,
            planned.fixed_canary_requests
        );
    }
}
