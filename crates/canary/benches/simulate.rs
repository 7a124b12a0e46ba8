//! How often verdicts are wrong, and how soon they are right, in rollouts that are simulated from fixed seeds: the figures of
//! `tests/bench/README.md`. It measures no time, and asserts nothing: the bounds are proven, and tests look at samples.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what is simulated is well formed, and is to be seen")]

use transect_canary::{
    Cell, Counts, History, Hypothesis, Looks, Metric, Plan, Policy, Random, Report, Verdict, judge, judge_all,
};

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

/// What is said by whoever looks after each window, and stays with a failure.
fn looked_at_always(counts: &Counts, policy: &Policy) -> Report {
    let looks = Looks { history: History::Decides, ..Looks::default() };
    judge_all(&[Hypothesis::of(counts, policy, Metric::Errors)], looks).1.swap_remove(0)
}

/// A few units a minute and arm: a whole number around the mean, by chance.
fn few(random: &mut Random, mean: f64) -> u64 {
    let whole = mean.floor();
    // Now none, now twice as many.
    let times = if random.unit() < 0.5 { 0.5 } else { 1.5 };
    let part = mean * times;
    (part.floor() as u64 + u64::from(random.unit() < part.fract())).min(whole as u64 + 4)
}

/// Regions with little traffic: units a minute of the baseline and of the canary, and the rates of both.
fn thin(regions: &[(&'static str, f64, f64)], rates: (f64, f64), minutes: i64, random: &mut Random) -> Counts {
    let mut cells = Vec::new();
    for minute in 0..minutes {
        for (name, baseline, canary) in regions {
            let (n_a, n_b) = (few(random, *baseline), few(random, *canary));
            let (x_a, x_b) = (failures(random, n_a, rates.0), failures(random, n_b, rates.1));
            cells.push((*name, minute, Cell { n_a, x_a, n_b, x_b }));
        }
    }
    Counts::new(cells).unwrap()
}

/// The share of one region steps between 5 and 95 %, and the rate of both releases steps with it.
fn stepping(random: &mut Random) -> Counts {
    let mut cells = Vec::new();
    for minute in 0..160 {
        let is_high = minute / 10 % 2 == 1;
        let (share, rate) = if is_high { (0.95, 0.30) } else { (0.05, 0.01) };
        let mut cell = Cell::default();
        for _ in 0..8 {
            let failed = u64::from(random.unit() < rate);
            if random.unit() < share {
                (cell.n_b, cell.x_b) = (cell.n_b + 1, cell.x_b + failed);
            } else {
                (cell.n_a, cell.x_a) = (cell.n_a + 1, cell.x_a + failed);
            }
        }
        cells.push(("a", minute, cell));
    }
    Counts::new(cells).unwrap()
}

/// Units of the canary until a verdict, in the middle of those rollouts that came to it.
fn median_units(reports: &[Report], verdict: Verdict) -> String {
    let of =
        |report: &Report| report.first_crossing.filter(|crossing| crossing.verdict == verdict).map(|at| at.counts.n_b);
    let mut units: Vec<u64> = reports.iter().filter_map(of).collect();
    units.sort_unstable();
    match units.get(units.len() / 2) {
        Some(median) => format!("median {median} units of the canary, {}", share(units.len(), reports.len())),
        None => "never".to_owned(),
    }
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
            .map(|_| looked_at_always(&rollout(&unequal(odds), LOOKS, failures, &mut random), policy).verdict)
            .map(Some)
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

    println!("little traffic, {LOOKS} looks, alpha 0.05, {TRIALS} rollouts");
    let mut random = Random::new(7);
    let three = [("a", 0.5, 0.5), ("b", 1.5, 1.5), ("c", 3.0, 3.0)];
    let mut of =
        |rates: (f64, f64), regions: &[(&'static str, f64, f64)], minutes: i64, policy: &Policy| -> Vec<Report> {
            (0..TRIALS).map(|_| looked_at_always(&thin(regions, rates, minutes, &mut random), policy)).collect()
        };
    let failing =
        |reports: &[Report]| share(reports.iter().filter(|report| report.verdict == Verdict::Fail).count(), TRIALS);
    println!(
        "  equal releases, three regions of 0.5 to 3 units a minute and arm: FAIL in {}",
        failing(&of((0.02, 0.02), &three, LOOKS, &plain))
    );
    println!("  the same, --robust: FAIL in {}", failing(&of((0.02, 0.02), &three, LOOKS, &robust)));
    for (name, one) in [("half of two", [("a", 1.0, 1.0)]), ("a tenth of twenty", [("a", 18.0, 2.0)])] {
        let found = of((0.02, 0.20), &one, LOOKS, &plain);
        println!("  2 % to 20 %, {name} units a minute: {}", median_units(&found, Verdict::Fail));
        let found = of((0.01, 0.05), &one, 4 * LOOKS, &plain);
        println!("  1 % to 5 %, {name} units a minute: {}", median_units(&found, Verdict::Fail));
    }
    for (name, baseline, canary) in [("half", 10.0, 10.0), ("a tenth", 90.0, 10.0)] {
        let equal = ["a", "b", "c"].map(|region| (region, baseline, canary));
        let found = of((0.01, 0.01), &equal, LOOKS, &plain);
        println!(
            "  equal releases at 1 %, {name} of three equal regions: passed after {}",
            median_units(&found, Verdict::Pass)
        );
    }
    let mut random = Random::new(7);
    let stepped: Vec<Report> = (0..TRIALS).map(|_| looked_at_always(&stepping(&mut random), &plain)).collect();
    println!("  15 steps of share 5 to 95 % with the rate 1 to 30 %, equal releases: FAIL in {}", failing(&stepped));

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
