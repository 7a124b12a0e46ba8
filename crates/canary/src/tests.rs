//! The oracle values of the specification, and what must hold whatever was counted.

use proptest::prelude::*;

use crate::described::Strata;
use crate::*;

fn cell(x_a: u64, n_a: u64, x_b: u64, n_b: u64) -> Cell {
    Cell { n_a, x_a, n_b, x_b }
}

fn report(cells: &[(&str, i64, Cell)], policy: &Policy) -> Report {
    judge(&Counts::new(cells.iter().map(|(region, window, cell)| (*region, *window, *cell))).unwrap(), policy, false)
}

fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 5e-9, "{found} is not {expected}");
}

#[test]
fn one_cell() {
    let one = [("us", 0, cell(10, 10_000, 5, 1000))];
    let found = report(&one, &Policy::default());
    near(found.totals.ln_e_fail.exp(), 12.940_900_8);
    near(found.odds_ratio.lower.unwrap(), 0.745_123_796);
    near(found.odds_ratio.upper.unwrap(), 24.548_206_4);
    near(found.totals.rate_b.lower.unwrap(), 0.002_137_535_53);
    near(found.totals.rate_b.upper.unwrap(), 0.011_650_955_4);
    let difference = found.regions[0].risk_difference;
    near(difference.lower.unwrap(), 0.001_016_845_72);
    near(difference.upper.unwrap(), 0.010_666_618_0);
    let tolerant = report(&one, &Policy { tolerance: 1.5, ..Policy::default() });
    near(tolerant.totals.ln_e_fail.exp(), 4.034_237_64);
    let zero = report(&[("us", 0, cell(0, 9000, 6, 1000))], &Policy::default());
    near(zero.totals.ln_e_fail.exp(), 3_948.321_69);
    assert_eq!((zero.verdict, zero.odds_ratio.upper), (Verdict::Fail, None));
}

#[test]
fn unequal_regions_do_not_turn_the_answer_round() {
    let found =
        report(&[("us", 0, cell(100, 10_000, 9, 1000)), ("ap", 0, cell(50, 1000, 450, 10_000))], &Policy::default());
    let ratio = found.totals.risk_ratio;
    near(ratio.estimate.unwrap(), 0.9);
    near(ratio.lower.unwrap(), 0.691_888_264);
    near(ratio.upper.unwrap(), 1.170_709_26);
    near(found.cmh_chi2.unwrap(), 0.615_126_114);
    near(found.ln_e_fail_product.exp(), 0.015_821_815_2);
    near(found.ln_e_fail_mean.exp(), 0.095_225_665_0);
    near(found.totals.ln_e_fail.exp(), 0.055_523_740_1);
    near(found.totals.ln_e_pass.exp(), 853_488.323);
    near(found.regions[1].totals.ln_e_pass.exp(), 530_037.584);
    near(found.risk_difference.estimate.unwrap(), -0.003);
    let mut strata = Strata::default();
    strata.add(&cell(100, 10_000, 9, 1000));
    strata.add(&cell(50, 1000, 450, 10_000));
    near(strata.sato_variance(), 1.500_337_50e-5);
}

fn trace() -> Vec<(&'static str, i64, Cell)> {
    let windows = [
        [(2, 900, 0, 100), (1, 450, 0, 50)],
        [(1, 905, 1, 98), (0, 440, 0, 55)],
        [(3, 890, 2, 110), (1, 455, 1, 45)],
        [(1, 910, 3, 102), (0, 460, 2, 52)],
        [(2, 895, 4, 99), (1, 445, 2, 48)],
    ];
    let mut cells = Vec::new();
    for (window, [us, eu]) in (0..).zip(windows) {
        cells.push(("us", window, cell(us.0, us.1, us.2, us.3)));
        cells.push(("eu", window, cell(eu.0, eu.1, eu.2, eu.3)));
    }
    cells
}

#[test]
fn evidence_grows_window_by_window() {
    let mut cells = trace();
    let found = report(&cells, &Policy::default());
    let product = [0.605_577_965, 1.017_417_72, 5.478_140_08, 2_297.015_89, 5_508_977.61];
    let fail = [0.681_087_275, 1.017_885_59, 3.951_623_37, 1_171.418_31, 2_757_041.61];
    for ((window, product), fail) in found.windows.iter().zip(product).zip(fail) {
        near(window.ln_e_fail_product.exp(), product);
        near(window.ln_e_fail.exp(), fail);
    }
    assert_eq!(found.verdict, Verdict::Fail);
    let crossing = found.first_crossing.unwrap();
    assert_eq!((crossing.verdict, crossing.window), (Verdict::Fail, 3));
    near(found.p_always_valid, 1.0 / 2_757_041.61);
    near(report(&cells, &Policy { robust: true, ..Policy::default() }).totals.ln_e_fail.exp(), 825.630_180);
    // In any order.
    cells.reverse();
    assert_eq!(report(&cells, &Policy::default()), found);
}

/// Two regions with a unit a few minutes: baseline and canary by minute.
fn example() -> Vec<(&'static str, i64, Cell)> {
    let us = [
        (0, 9, 1, 0, 0),
        (1, 7, 0, 0, 0),
        (2, 6, 0, 2, 1),
        (3, 7, 1, 1, 0),
        (4, 5, 0, 3, 1),
        (5, 6, 0, 2, 0),
        (6, 8, 0, 1, 1),
        (7, 6, 0, 2, 0),
        (8, 7, 0, 3, 2),
        (9, 5, 0, 2, 0),
        (10, 9, 0, 0, 0),
    ];
    let eu = [(0, 2, 0, 1, 0), (3, 2, 0, 1, 1), (8, 1, 1, 1, 0), (10, 2, 0, 1, 0)];
    let of = |region, (minute, n_a, x_a, n_b, x_b)| (region, minute, Cell { n_a, x_a, n_b, x_b });
    us.into_iter().map(|one| of("us", one)).chain(eu.into_iter().map(|one| of("eu", one))).collect()
}

#[test]
fn little_traffic_is_pooled() {
    let cells = example();
    let found = report(&cells, &Policy::default());
    let blocks: Vec<_> = found
        .blocks
        .iter()
        .map(|block| {
            (
                block.region,
                block.first,
                block.last,
                block.counts.n_a,
                block.counts.x_a,
                block.counts.n_b,
                block.counts.x_b,
            )
        })
        .collect();
    assert_eq!(
        blocks,
        [(0, 0, 8, 5, 1, 3, 1), (1, 2, 4, 18, 1, 6, 2), (1, 5, 7, 20, 0, 5, 1), (1, 8, 10, 21, 0, 5, 2)]
    );
    assert_eq!((found.open_blocks.len(), found.open_blocks[0].first), (1, 10));
    near(found.regions[1].totals.ln_e_fail.exp(), 50.990_787_6);
    near(found.regions[0].totals.ln_e_fail.exp(), 0.950_300_273);
    near(found.ln_e_fail_product.exp(), 37.753_825_8);
    near(found.ln_e_fail_mean.exp(), 25.970_544_0);
    near(found.totals.ln_e_fail.exp(), 31.862_184_9);
    near(found.totals.ln_e_pass.exp(), 0.132_990_557);
    near(found.regions[1].totals.ln_e_pass.exp(), 0.025_618_994_8);
    let tolerant = Policy { tolerance: 1.5, ..Policy::default() };
    near(report(&cells, &tolerant).totals.ln_e_fail.exp(), 11.260_539_6);
    near(report(&cells, &Policy { robust: true, ..Policy::default() }).totals.ln_e_fail.exp(), 13.599_834_0);
    // It fails without a hundred requests of the canary: those are asked of a pass.
    assert_eq!((found.verdict, found.totals.counts.n_b), (Verdict::Fail, 20));
    assert_eq!(found.regions.iter().map(|region| region.roll_back).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_region_that_was_asked_for_is_one_of_them() {
    let counts = Counts::new(trace()).unwrap();
    let among = counts.clone().of_regions(&["ap".to_owned(), "eu".to_owned(), "us".to_owned()]);
    let (two, three) = (judge(&counts, &Policy::default(), false), judge(&among, &Policy::default(), false));
    near(two.ln_e_fail_mean.exp() * 2.0 + 1.0, three.ln_e_fail_mean.exp() * 3.0);
    assert_eq!(two.ln_e_fail_product, three.ln_e_fail_product);
    assert_eq!(three.regions.iter().map(|region| region.region.as_str()).collect::<Vec<_>>(), ["ap", "eu", "us"]);
    assert_eq!(three.regions[0].verdict, RegionVerdict::Uncovered);
}

#[test]
fn nothing_passes_beside_what_nobody_has_seen() {
    let policy = Policy::default();
    let fine = |region| (0..30).map(move |minute| (region, minute, cell(5, 1000, 5, 1000))).collect::<Vec<_>>();
    let counts = Counts::new(fine("us")).unwrap();
    assert_eq!(judge(&counts, &policy, false).verdict, Verdict::Pass);
    // A region that was asked for, and of which nothing was heard.
    let named = counts.clone().of_regions(&["eu".to_owned(), "us".to_owned()]);
    let found = judge(&named, &policy, false);
    assert_eq!(found.verdict, Verdict::Inconclusive);
    assert!(found.reason.starts_with("nothing was heard of eu"), "{}", found.reason);
    // Nothing is missed of it before the canary has come anywhere.
    let nowhere = Counts::new([("us", 0, cell(5, 1000, 0, 0))]).unwrap();
    let found = judge(&nowhere.of_regions(&["eu".to_owned(), "us".to_owned()]), &policy, false);
    assert_eq!((found.verdict, found.is_hindered), (Verdict::NoData, false));
    // A canary that vanishes from the only region, whose baseline goes on.
    let mut cells: Vec<_> = (0..90).map(|minute| ("us", minute, cell(9, 900, 1, 100))).collect();
    cells[30..].iter_mut().for_each(|(.., cell)| (cell.n_b, cell.x_b) = (0, 0));
    let passed = judge(&Counts::new(cells[..45].to_vec()).unwrap(), &policy, false);
    let found = judge(&Counts::new(cells).unwrap(), &policy, false);
    assert_eq!((passed.verdict, passed.regions[0].verdict), (Verdict::Pass, RegionVerdict::Pass), "{}", passed.reason);
    assert_eq!((found.verdict, found.is_hindered, found.needs), (Verdict::Inconclusive, true, None));
    assert!(found.reason.starts_with("in us nothing more is heard of the canary"), "{}", found.reason);
    assert_eq!(found.regions[0].verdict, RegionVerdict::Inconclusive);
    // Its share is off for that, and it is said.
    let mut cells = fine("us");
    cells.extend((30..60).map(|minute| ("us", minute, cell(5, 1000, 0, 0))));
    let found = judge(&Counts::new(cells).unwrap(), &Policy { weight: Some(0.5), ..policy }, false);
    assert_eq!((found.verdict, found.is_hindered), (Verdict::Invalid, true));
    let sentence = "; in us nothing more is heard of the canary, while the baseline goes on there";
    assert!(found.reason.ends_with(sentence), "{}", found.reason);
    // A canary that fails once its baseline is gone.
    let mut cells = fine("us");
    cells.extend((30..50).map(|minute| ("us", minute, cell(0, 0, 90, 90))));
    let found = judge(&Counts::new(cells).unwrap(), &policy, false);
    assert!(found.regions[0].drift_explained.is_some() && !found.regions[0].roll_back);
    assert_eq!((found.regions[0].verdict, found.needs, found.is_hindered), (RegionVerdict::Inconclusive, None, true));
    let gone = "in us the canary has failed more often since its baseline is gone";
    let alone = "in eu the canary fails more often than a baseline does";
    let silent = "nothing more is heard of eu";
    let vanished = "in eu nothing more is heard of the canary, while the baseline goes on there";
    // What came besides: region, from which minute on, for how long, every which minute, and what.
    type More = (&'static str, i64, i64, usize, Cell);
    for (name, more, sentence) in [
        ("gone", &[("us", 30, 60, 1, cell(0, 0, 40, 100))][..], gone),
        ("a stray at the end", &[("us", 30, 60, 1, cell(0, 0, 40, 100)), ("us", 90, 1, 1, cell(0, 1, 40, 100))], gone),
        ("strays", &[("us", 30, 60, 1, cell(0, 1, 400, 1000))], gone),
        ("strays that fail", &[("us", 30, 60, 1, cell(1, 1, 400, 1000))], gone),
        ("strays now and then", &[("us", 30, 60, 1, cell(0, 0, 5, 5)), ("us", 39, 51, 10, cell(0, 1, 0, 0))], gone),
        ("as often as before", &[("us", 30, 60, 1, cell(0, 0, 1, 200))], ""),
        // A share that is small and fair is no stray.
        ("a tenth of both fails", &[("us", 30, 60, 1, cell(10, 100, 90, 900))], ""),
        (
            "gone before the canary came",
            &[("eu", 0, 20, 1, cell(2, 1000, 0, 0)), ("eu", 20, 10, 1, cell(0, 0, 3, 3))],
            "in eu the canary has failed",
        ),
        ("no baseline at all", &[("eu", 0, 30, 1, cell(0, 0, 1, 1))], alone),
        ("a stray and no baseline", &[("eu", 0, 30, 1, cell(0, 0, 1, 1)), ("eu", 0, 1, 1, cell(0, 1, 0, 0))], alone),
        ("no baseline, and little to say", &[("eu", 0, 30, 1, cell(0, 0, 0, 1))], ""),
        ("heard to the end", &[("eu", 0, 30, 1, cell(5, 1000, 5, 1000))], ""),
        ("silent for a quarter", &[("eu", 0, 15, 1, cell(5, 1000, 5, 1000))], ""),
        ("silent for more", &[("eu", 0, 14, 1, cell(5, 1000, 5, 1000))], silent),
        (
            "rows that hold nothing",
            &[("eu", 0, 14, 1, cell(5, 1000, 5, 1000)), ("eu", 14, 16, 1, cell(0, 0, 0, 0))],
            silent,
        ),
        // Twice as long as ever before.
        (
            "seldom heard",
            &[("eu", 0, 11, 10, cell(500, 100_000, 500, 100_000)), ("us", 30, 1, 1, cell(0, 1, 0, 1))],
            "",
        ),
        (
            "seldom heard, and no more",
            &[("eu", 0, 11, 10, cell(500, 100_000, 500, 100_000)), ("us", 31, 1, 1, cell(0, 1, 0, 1))],
            silent,
        ),
        // The canary alone, by the same rule.
        (
            "a canary that vanishes",
            &[("eu", 0, 14, 1, cell(5, 1000, 5, 1000)), ("eu", 14, 16, 1, cell(5, 1000, 0, 0))],
            vanished,
        ),
        (
            "a canary that is away for a quarter",
            &[("eu", 0, 15, 1, cell(5, 1000, 5, 1000)), ("eu", 15, 15, 1, cell(5, 1000, 0, 0))],
            "",
        ),
        ("a canary that came once", &[("eu", 0, 1, 1, cell(0, 9, 0, 1)), ("eu", 1, 29, 1, cell(0, 9, 0, 0))], vanished),
        (
            "a canary that comes back",
            &[
                ("eu", 0, 3, 1, cell(5, 1000, 5, 1000)),
                ("eu", 3, 26, 1, cell(5, 1000, 0, 0)),
                ("eu", 29, 1, 1, cell(5, 1000, 5, 1000)),
            ],
            "",
        ),
        (
            "a canary that seldom comes",
            &[("eu", 0, 30, 1, cell(5, 1000, 0, 0)), ("eu", 1, 11, 10, cell(0, 0, 50, 10_000))],
            "",
        ),
        // Nobody waits for a region that the canary has not come to.
        ("silent without a canary", &[("eu", 0, 2, 1, cell(5, 1000, 0, 0))], ""),
    ] as [(&str, &[More], &str); 23]
    {
        let mut cells = fine("us");
        for (region, from, minutes, every, cell) in more {
            cells.extend((*from..from + minutes).step_by(*every).map(|minute| (*region, minute, *cell)));
        }
        let counts = Counts::new(cells).unwrap();
        let found = judge(&counts, &policy, false);
        let expected = if sentence.is_empty() { Verdict::Pass } else { Verdict::Inconclusive };
        assert_eq!((found.verdict, found.is_hindered), (expected, !sentence.is_empty()), "{name}: {}", found.reason);
        assert!(sentence.is_empty() || found.reason.starts_with(sentence), "{name}: {}", found.reason);
        // A pass that stays does not stay then.
        let one = Hypothesis::of(&counts, &policy, Metric::Errors);
        let kept = judge_all(&[one], Looks { history: History::Decides, ..Looks::default() }).0;
        assert_eq!(kept, expected, "{name}");
    }
}

#[test]
fn what_came_late_is_not_counted_and_forbids_a_pass_that_would_not_be_one_with_it() {
    let policy = Policy::default();
    let fine = |last: Cell| {
        let cells = (0..30).map(|minute| ("us", minute, if minute < 29 { cell(5, 1000, 5, 1000) } else { last }));
        Counts::new(cells.collect::<Vec<_>>()).unwrap()
    };
    let counts = fine(cell(5, 1000, 5, 1000));
    for (late, expected) in [
        (cell(5, 1000, 5, 1000), Verdict::Pass),
        // Some failures of the canary change nothing, and many do; they convict nobody.
        (cell(5, 1000, 7, 1000), Verdict::Pass),
        (cell(5, 1000, 400, 1000), Verdict::Inconclusive),
        // Where both fail alike there is nothing against the canary.
        (cell(400, 1000, 400, 1000), Verdict::Pass),
        (cell(400, 1000, 5, 1000), Verdict::Pass),
    ] {
        let late = fine(late);
        // A kind of which there is nothing stands beside it.
        let at_worst = [None, Some(late.clone())];
        for history in [History::Told, History::Decides] {
            let looks = Looks { history, ..Looks::default() };
            let one = Hypothesis { at_worst: &at_worst, ..Hypothesis::of(&counts, &policy, Metric::Errors) };
            let (verdict, reports) = judge_all(&[one], looks);
            // A pass that stays has crossed before, with what came late as well.
            let expected = if history == History::Told {
                expected
            } else {
                judge_all(&[Hypothesis { counts: &late, at_worst: &[], ..one }], looks).0
            };
            let expected = if expected == Verdict::Fail { Verdict::Inconclusive } else { expected };
            assert_eq!((verdict, reports[0].is_hindered), (expected, expected != Verdict::Pass), "{late:?}");
            assert_eq!(reports[0].totals.counts, judge(&counts, &policy, false).totals.counts);
            assert!(reports[0].regions.iter().all(|region| !region.roll_back));
            if expected != Verdict::Pass {
                let reason = &reports[0].reason;
                assert!(
                    reason.starts_with("some failed requests are not counted, because they came too late"),
                    "{reason}"
                );
            }
        }
    }
}

/// What is described beside the comparisons that must pass hides nothing that is held against them.
#[test]
fn what_is_held_against_one_counts_beside_another_that_cannot_pass() {
    let fine = Counts::new([("us", 0, cell(100, 10_000, 100, 10_000))]).unwrap();
    let worse = Counts::new([("us", 0, cell(100, 10_000, 900, 10_000))]).unwrap();
    let mixed = Counts::new([("us", 0, cell(0, 0, 3, 100))]).unwrap();
    let policy = Policy::default();
    let at_worst = [None, Some(worse)];
    let judged = |at_worst| {
        let errors = Hypothesis { counts: &fine, at_worst, policy: &policy, metric: Metric::Errors, is_untimed: false };
        judge_all(&[errors, Hypothesis::of(&mixed, &policy, Metric::Mixed)], Looks::default()).0
    };
    assert_eq!((judged(&[]), judged(&at_worst)), (Verdict::Pass, Verdict::Inconclusive));
}

#[test]
fn what_came_late_and_would_fail_leaves_nothing_to_a_policy() {
    let policy = Policy::default();
    let counts = Counts::new([("us", 0, cell(2, 200, 1, 200))]).unwrap();
    let with = |region, late| Counts::new([("us", 0, cell(2, 200, 1, 200)), (region, 1, late)]).unwrap();
    for (late, expected) in [
        (with("eu", cell(20, 1200, 173, 1200)), true),
        (with("us", cell(0, 200, 60, 200)), true),
        (with("us", cell(2, 200, 3, 200)), false),
        (with("eu", cell(100, 10_000, 100, 10_000)), false),
    ] {
        let at_worst = [Some(late.clone())];
        let one = Hypothesis { at_worst: &at_worst, ..Hypothesis::of(&counts, &policy, Metric::Errors) };
        let (verdict, reports) = judge_all(&[one], Looks::default());
        assert_eq!((verdict, reports[0].is_hindered), (Verdict::Inconclusive, expected), "{late:?}");
    }
}

#[test]
fn where_no_region_is_named_all_are_and_that_is_said() {
    let alike = ["ap", "eu", "us"].map(|region| (region, 0, cell(10, 10_000, 5, 1000)));
    let found = report(&alike, &Policy::default());
    assert_eq!((found.verdict, found.is_roll_back_of_all), (Verdict::Fail, true));
    assert!(found.regions.iter().all(|region| region.roll_back));
    let bad = report(&[alike[0], alike[1], ("us", 0, cell(10, 10_000, 50, 1000))], &Policy::default());
    assert_eq!((bad.verdict, bad.is_roll_back_of_all), (Verdict::Fail, false));
    // Of one region there is nothing to be chosen.
    assert!(!report(&[("us", 0, cell(10, 10_000, 50, 1000))], &Policy::default()).is_roll_back_of_all);
}

#[test]
fn a_limit_is_of_all_regions_and_where_one_alone_does_not_show_it_that_is_said() {
    let slo = Policy { slo: Some(0.007), ..Policy::default() };
    let most = ("us", 0, cell(0, 10_000, 0, 5000));
    let alone = report(&[most], &slo);
    assert_eq!(alone.verdict, Verdict::Pass);
    assert!(!alone.reason.contains("alone"), "{}", alone.reason);
    let found = report(&[most, ("eu", 0, cell(0, 100, 1, 50))], &slo);
    assert_eq!(found.verdict, Verdict::Pass);
    let sentence = "alone it is not shown in eu (1 of 50 (2 %) failed, and up to 16 % is not ruled out)";
    assert!(found.reason.ends_with(sentence), "{}", found.reason);
    assert_eq!(found.regions.iter().map(|region| region.rate_upper > 0.007).collect::<Vec<_>>(), [true, false]);
    // Where one of them is above it for sure, it is disproved; what passes by comparison passes all the same.
    let (many, slo) = (("a", 0, cell(0, 0, 1200, 6_000_000)), Policy { slo: Some(0.01), ..Policy::default() });
    let found = report(&[many, ("b", 0, cell(0, 0, 3000, 3000))], &slo);
    assert_eq!((found.verdict, found.is_hindered), (Verdict::Inconclusive, true));
    let sentence =
        "less often than 1 % in all regions together, and more often for sure in b (3,000 of 3,000 (100 %) failed)";
    assert!(found.reason.contains(sentence), "{}", found.reason);
    assert_eq!(report(&[many, ("b", 0, cell(0, 0, 40, 3000))], &slo).verdict, Verdict::Pass);
    let both = report(&[("a", 0, cell(1200, 6_000_000, 1200, 6_000_000)), ("b", 0, cell(900, 3000, 900, 3000))], &slo);
    assert_eq!((both.verdict, both.is_hindered), (Verdict::Pass, false));
}

#[test]
fn a_canary_without_a_baseline_is_not_undecided() {
    let slo = |slo| Policy { slo, ..Policy::default() };
    let after = [("us", 0, cell(0, 1000, 0, 0)), ("us", 1, cell(0, 0, 1, 500))];
    for (cells, policy, expected) in [
        (&[("us", 0, cell(0, 0, 100, 100))][..], slo(None), true),
        (&[("us", 0, cell(0, 0, 0, 100))], slo(None), true),
        (&after, slo(None), true),
        (&[("us", 0, cell(0, 0, 100, 100))], slo(Some(0.01)), true),
        // It may yet be below the limit.
        (&[("us", 0, cell(0, 0, 0, 100))], slo(Some(0.01)), false),
        (&[("us", 0, cell(1, 1, 0, 1))], slo(None), false),
    ] {
        let found = report(cells, &policy);
        assert_eq!((found.verdict, found.is_hindered), (Verdict::Inconclusive, expected), "{cells:?}");
    }
}

#[test]
fn a_pass_names_what_it_says_nothing_of_and_a_share_that_is_off_passes_nowhere() {
    let cells = [("eu", 0, cell(2, 200, 0, 20)), ("us", 0, cell(100, 10_000, 100, 10_000))];
    let of = |policy: Policy| {
        let report = report(&cells, &policy);
        let comparisons = [Comparison::of(Metric::Errors, &report)];
        let told = Told::of(report.verdict, &policy, &comparisons);
        (told.action(), render_junit(&told), report.regions.iter().map(|region| region.verdict).collect::<Vec<_>>())
    };
    let (action, _, verdicts) = of(Policy::default());
    assert!(action.ends_with("too few requests came to the canary in eu to say anything of it there"), "{action}");
    assert_eq!(verdicts, [RegionVerdict::Uncovered, RegionVerdict::Pass]);
    let (_, junit, verdicts) = of(Policy { weight: Some(0.1), ..Policy::default() });
    assert_eq!(verdicts, [RegionVerdict::Uncovered, RegionVerdict::Inconclusive]);
    assert!(junit.contains("INVALID: ") && !junit.contains("PASS: "), "{junit}");
}

#[test]
fn what_would_decide_knows_what_is_judged_beside_it() {
    let policy = Policy::default();
    let many = |count: i64| Counts::new((0..count).map(|window| ("us", window, cell(10, 10_000, 5, 1000)))).unwrap();
    let other = Counts::new([("us", 0, cell(3, 10_000, 1, 1000))]).unwrap();
    let judged = |count: i64, others: usize| {
        let counts = many(count);
        let of = |counts| Hypothesis::of(counts, &policy, Metric::Errors);
        let all: Vec<Hypothesis<'_>> =
            std::iter::once(of(&counts)).chain(std::iter::repeat_n(of(&other), others)).collect();
        judge_all(&all, Looks::default()).1.swap_remove(0)
    };
    let mut before = 0;
    for others in [0, 1, 5] {
        let needs = judged(1, others).needs.unwrap();
        assert_eq!(needs.verdict, Verdict::Fail);
        // It fails when so many have come, and no sooner.
        let fails = (2..).find(|count| judged(*count, others).verdict == Verdict::Fail).unwrap();
        assert_eq!(needs.canary_requests.div_ceil(1000) + 1, fails.unsigned_abs(), "{others}: {needs:?}");
        assert!(needs.canary_requests > before);
        before = needs.canary_requests;
    }
}

#[test]
fn the_comparison_that_a_verdict_rests_on_is_one() {
    use Metric::{Errors, Latency, Mixed};
    use Verdict::{Fail, Inconclusive, Invalid, NoData, Pass};
    for (verdict, of_each, expected) in [
        (Pass, &[(Errors, Pass), (Errors, Pass)][..], 0),
        (Fail, &[(Errors, Pass), (Errors, Fail)], 1),
        (Inconclusive, &[(Errors, Pass), (Latency, Inconclusive)], 1),
        (NoData, &[(Errors, Pass), (Latency, NoData)], 1),
        (Invalid, &[(Errors, NoData), (Errors, Invalid)], 1),
        // Mixed traces hinder no pass.
        (NoData, &[(Errors, Pass), (Mixed, NoData), (Errors, NoData)], 2),
        (Inconclusive, &[(Errors, Pass), (Mixed, Inconclusive), (Errors, Inconclusive)], 2),
        (Fail, &[(Errors, Pass), (Mixed, Fail)], 1),
        (Pass, &[], 0),
    ] {
        assert_eq!(decisive(verdict, of_each.iter().copied()), expected, "{verdict:?} {of_each:?}");
    }
}

/// Of several that must pass one was never seen: no policy takes that for undecided.
#[test]
fn what_was_never_seen_of_one_service_or_metric_is_no_data_of_all() {
    let policy = Policy::default();
    let of = |cell: Cell| Counts::new([("us", 0, cell)]).unwrap();
    let (fine, bad) = (of(cell(100, 10_000, 100, 10_000)), of(cell(1, 9000, 60, 1000)));
    let (unseen, nothing) = (of(cell(100, 10_000, 0, 0)), of(Cell::default()));
    let (errors, latency) = (Metric::Errors, Metric::Latency);
    for (of_each, expected, sentence) in [
        (&[(&fine, errors), (&fine, errors)][..], Verdict::Pass, ""),
        (
            &[(&fine, errors), (&unseen, errors)],
            Verdict::NoData,
            "pay-1, errors: no request of the canary was counted, beside 10,000 of the baseline",
        ),
        (&[(&unseen, errors), (&fine, errors)], Verdict::NoData, "pay-0, errors: no request of the canary was counted"),
        (
            &[(&fine, errors), (&unseen, latency)],
            Verdict::NoData,
            "pay-1, latency: no request of the canary was counted, beside 10,000 of the baseline",
        ),
        (
            &[(&fine, errors), (&nothing, latency)],
            Verdict::NoData,
            "pay-1, latency: no request was counted, neither of the canary nor of the baseline",
        ),
        // Traces that met both there need not be.
        (&[(&fine, errors), (&unseen, Metric::Mixed)], Verdict::Pass, ""),
        // A failure is one all the same.
        (&[(&bad, errors), (&unseen, errors)], Verdict::Fail, "pay-0, errors: the canary fails more often"),
    ] {
        let each = of_each.iter().map(|(counts, metric)| Hypothesis::of(counts, &policy, *metric));
        let (verdict, reports) = judge_all(&each.collect::<Vec<_>>(), Looks::default());
        assert_eq!(verdict, expected, "{of_each:?}");
        let names = ["pay-0", "pay-1"];
        let named = of_each.iter().zip(&reports).zip(names);
        let comparisons: Vec<Comparison<'_>> = named
            .map(|(((_, metric), report), name)| Comparison { service: Some(name), ..Comparison::of(*metric, report) })
            .collect();
        let text = render_text(&Told::of(verdict, &policy, &comparisons));
        assert!(text.contains(sentence), "{text}");
    }
}

/// What had crossed a line once.
#[test]
fn what_crossed_and_faded_is_history_unless_a_state_is_kept() {
    let mut cells: Vec<(&str, i64, Cell)> =
        (0..60).map(|minute| ("us", minute, cell(37 * u64::from(minute > 30), 3600, 0, 3600))).collect();
    for (minute, failed) in [(3, 4), (6, 6), (9, 7)] {
        cells[minute].2.x_b = failed;
    }
    let counts = Counts::new(cells).unwrap();
    let policy = Policy::default();
    let now = judge(&counts, &policy, false);
    assert_eq!((now.verdict, now.first_crossing.unwrap().verdict), (Verdict::Pass, Verdict::Fail));
    assert!(now.regions.iter().all(|region| !region.roll_back));
    let hypothesis = [Hypothesis::of(&counts, &policy, Metric::Errors)];
    let looks = Looks { history: History::Decides, ..Looks::default() };
    let (kept, reports) = judge_all(&hypothesis, looks);
    assert_eq!(kept, Verdict::Fail);
    let reason = &reports[0].reason;
    assert!(reason.contains("up to an earlier minute, and that decision stays: 10 of 25,200"), "{reason}");
    assert!(reports[0].regions[0].roll_back);
    // A pass stays until there is a failure.
    let mut cells: Vec<(&str, i64, Cell)> =
        (0..60).map(|minute| ("us", minute, cell(20, 1000, 20 + 20 * u64::from(minute > 20), 1000))).collect();
    let passed = Counts::new(cells[..20].to_vec()).unwrap();
    assert_eq!(judge(&passed, &policy, false).verdict, Verdict::Pass);
    let kept = |cells: &[(&'static str, i64, Cell)]| {
        let counts = Counts::new(cells.to_vec()).unwrap();
        judge_all(&[Hypothesis::of(&counts, &policy, Metric::Errors)], looks).0
    };
    assert_eq!(kept(&cells[..23]), Verdict::Pass);
    assert_eq!(kept(&cells), Verdict::Fail);
    // A pass that stays names what had been compared by then, and not what one of them had served alone.
    let mut faded = vec![("eu", 0, cell(0, 0, 0, 40))];
    let first_pass = (0..20).find(|minute| {
        faded.push(("us", *minute, cell(20, 1000, 20, 1000)));
        kept(&faded) == Verdict::Pass
    });
    faded.push(("us", first_pass.unwrap() + 1, cell(20, 1000, 36, 1000)));
    let counts = Counts::new(faded).unwrap();
    let (_, reports) = judge_all(&[Hypothesis::of(&counts, &policy, Metric::Errors)], looks);
    let (reason, crossing) = (&reports[0].reason, reports[0].first_crossing.unwrap());
    assert!(reason.contains("an earlier minute, which stays: side by side"), "{reason}");
    assert_eq!(crossing.counts.n_b, crossing.compared.n_b + 40);
    assert!(reason.contains(&format!("of {} ", words::grouped(crossing.compared.n_b))), "{reason}");
    // A share that is off hides a pass while it lasts, and no failure.
    let weight = Policy { weight: Some(0.1), ..policy };
    let judged = |cells: &[(&'static str, i64, Cell)]| {
        let counts = Counts::new(cells.to_vec()).unwrap();
        judge_all(&[Hypothesis::of(&counts, &weight, Metric::Errors)], looks).0
    };
    assert_eq!(judged(&cells[..20]), Verdict::Invalid);
    assert_eq!(judged(&cells), Verdict::Fail);
    cells.truncate(0);
    assert_eq!(judged(&cells), Verdict::NoData);
}

#[test]
fn what_is_not_known_never_passes() {
    let fine = [("us", 0, cell(100, 10_000, 100, 10_000)), ("eu", 0, cell(100, 10_000, 90, 10_000))];
    let policy = Policy::default();
    assert_eq!(report(&fine, &policy).verdict, Verdict::Pass);
    let counts = Counts::new(fine).unwrap();
    assert_eq!(judge(&counts, &policy, true).verdict, Verdict::Inconclusive);
    let one = Hypothesis::of(&counts, &policy, Metric::Errors);
    let (verdict, reports) = judge_all(&[one], Looks { is_sampled: true, ..Looks::default() });
    assert_eq!((verdict, reports[0].is_hindered), (Verdict::Inconclusive, true));
    assert!(reports[0].reason.starts_with("a sample rate kept a share of the requests"), "{}", reports[0].reason);
    // One region proves nothing of another.
    let other = report(&[fine[0], ("eu", 0, cell(2, 200, 2, 150))], &policy);
    assert_eq!(other.verdict, Verdict::Inconclusive);
    assert!(other.needs.unwrap().canary_requests > 1000);
    // A region with next to no traffic is named, and decides nothing.
    let small = report(&[fine[0], ("eu", 0, cell(2, 200, 0, 20))], &policy);
    assert_eq!((small.verdict, small.regions[0].verdict), (Verdict::Pass, RegionVerdict::Uncovered));
    assert_eq!(report(&[], &policy).verdict, Verdict::NoData);
    assert_eq!(report(&[("us", 0, cell(5, 100, 0, 0))], &policy).verdict, Verdict::NoData);
    // A region in which the canary ran alone is not compared, and nothing passes by comparison.
    assert_eq!(report(&[fine[0], ("eu", 0, cell(0, 0, 0, 5000))], &policy).verdict, Verdict::Inconclusive);
    // Without a baseline at the same time and place nothing fails.
    assert_eq!(report(&[("us", 0, cell(0, 0, 500, 500))], &policy).verdict, Verdict::Inconclusive);
    assert_eq!(
        report(&[("us", 0, cell(0, 1000, 0, 0)), ("us", 1, cell(0, 0, 500, 500))], &policy).verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn gates_decide_where_evidence_cannot() {
    let silent = [("us", 0, cell(0, 10_000, 0, 1000))];
    let slo = |rate| Policy { slo: Some(rate), ..Policy::default() };
    assert_eq!(report(&silent, &Policy::default()).verdict, Verdict::Inconclusive);
    assert_eq!(report(&silent, &slo(0.007)).verdict, Verdict::Pass);
    assert_eq!(report(&silent, &slo(0.0069)).verdict, Verdict::Inconclusive);
    // The limit is the canary's own, and needs no baseline.
    assert_eq!(report(&[("us", 0, cell(0, 0, 0, 1000))], &slo(0.007)).verdict, Verdict::Pass);
    // Where all fail in both, there is no doubt about the ratio.
    let all =
        report(&[("us", 0, cell(7, 7, 9, 9)), ("us", 1, cell(3, 3, 11, 11))], &Policy::default()).totals.risk_ratio;
    assert_eq!((all.estimate, all.lower, all.upper), (Some(1.0), Some(1.0), Some(1.0)));
    let weight = |weight| Policy { weight: Some(weight), ..Policy::default() };
    let bad = [("us", 0, cell(1, 9000, 60, 1000))];
    assert_eq!(report(&bad, &weight(0.1)).verdict, Verdict::Fail);
    // Of two things that are wrong the failure comes first: a share that is off forbids a pass, and hides nothing.
    let found = report(&bad, &weight(0.5));
    assert_eq!((found.verdict, found.regions[0].roll_back), (Verdict::Fail, true));
    let alike = [("us", 0, cell(90, 9000, 10, 1000))];
    assert_eq!(
        (report(&alike, &weight(0.1)).verdict, report(&alike, &weight(0.5)).verdict),
        (Verdict::Inconclusive, Verdict::Invalid)
    );
    // Worse, and by too little to mind; or by too few.
    assert_eq!(report(&bad, &Policy { min_effect: Some(0.1), ..Policy::default() }).verdict, Verdict::Inconclusive);
    assert_eq!(report(&[("us", 0, cell(0, 90_000, 2, 150))], &Policy::default()).verdict, Verdict::Inconclusive);
    assert_eq!(report(&[("us", 0, cell(0, 90_000, 50, 50))], &Policy::default()).verdict, Verdict::Fail);
    // A fix of a broken baseline.
    assert_eq!(report(&[("us", 0, cell(900, 9000, 1, 1000))], &Policy::default()).verdict, Verdict::Pass);
}

/// Regions that are fine hide none in which the difference is as large as a failure takes.
#[test]
fn a_difference_that_matters_in_one_region_is_one() {
    let fine = |region| (region, 0, cell(540, 54_000, 60, 6000));
    let least = |least| Policy { min_effect: Some(least), ..Policy::default() };
    let bad = [fine("ap"), fine("us"), ("eu", 0, cell(35, 2700, 139, 300))];
    let found = report(&bad, &least(0.02));
    assert_eq!(found.verdict, Verdict::Fail, "{}", found.reason);
    let rolled_back: Vec<&str> =
        found.regions.iter().filter(|region| region.roll_back).map(|region| region.region.as_str()).collect();
    assert_eq!(rolled_back, ["eu"]);
    // As large a difference that may be chance is none.
    let chance = [fine("ap"), fine("us"), ("eu", 0, cell(2, 20, 2, 8))];
    assert_ne!(report(&chance, &least(0.02)).verdict, Verdict::Fail);
    // Of what is smaller everywhere it is said that it is sure, and by how little.
    let little = [fine("ap"), ("us", 0, cell(54, 54_000, 24, 6000))];
    let found = report(&little, &least(0.01));
    assert_eq!((found.verdict, found.is_hindered, found.is_worse_by_little), (Verdict::Inconclusive, false, true));
    assert!(
        found.reason.starts_with(
            "the canary fails more often than the baseline for sure, by less than the 1 % of requests that a failure takes \
             (--min-effect), in all regions together and in each that is worse for sure: "
        ),
        "{}",
        found.reason
    );
    // It passes where twice as often is ruled out.
    let found = report(&[("us", 0, cell(54_000, 5_400_000, 7800, 600_000))], &least(0.01));
    let sentence =
        "; it fails more often for sure, by less than the 1 % of requests that a failure takes (--min-effect)";
    assert!(found.verdict == Verdict::Pass && found.reason.ends_with(sentence), "{}", found.reason);
    // What was a failure, and is a smaller difference since, has not faded.
    let since = [("us", 0, cell(9, 9000, 60, 1000)), ("us", 1, cell(900, 900_000, 100, 100_000))];
    let policy = least(0.01);
    let found = report(&since, &policy);
    assert!(found.is_worse_by_little && found.first_crossing.unwrap().verdict == Verdict::Fail, "{}", found.reason);
    let comparisons = [Comparison::of(Metric::Errors, &found)];
    let text = render_text(&Told::of(found.verdict, &policy, &comparisons));
    assert!(
        text.contains("and the difference has become smaller than one that a failure takes")
            && !text.contains("bear that out"),
        "{text}"
    );
}

/// Where nobody failed or was slow there is nothing to compare, and a limit of its own passes each.
#[test]
fn a_limit_is_of_one_metric_and_says_how_much_it_takes() {
    let counts = |minutes: i64| Counts::new((0..minutes).map(|minute| ("us", minute, cell(0, 900, 0, 100)))).unwrap();
    let judged = |policy: &Policy, minutes, metrics: &[Metric]| {
        let counts = counts(minutes);
        let each = metrics.iter().map(|metric| Hypothesis::of(&counts, policy, *metric));
        judge_all(&each.collect::<Vec<_>>(), Looks::default())
    };
    let both = [Metric::Errors, Metric::Latency];
    let (errors, slow) = (Some(0.01), Some(0.02));
    for (slo, slow_slo, expected) in [
        (errors, slow, [Verdict::Pass; 3]),
        (errors, None, [Verdict::Inconclusive, Verdict::Pass, Verdict::Inconclusive]),
        (None, slow, [Verdict::Inconclusive, Verdict::Inconclusive, Verdict::Pass]),
    ] {
        let (verdict, reports) = judged(&Policy { slo, slow_slo, ..Policy::default() }, 60, &both);
        assert_eq!([verdict, reports[0].verdict, reports[1].verdict], expected, "{slo:?} {slow_slo:?}");
    }
    let policy = Policy { slo: errors, slow_slo: slow, weight: Some(0.5), ..Policy::default() };
    let passed = judged(&Policy { weight: None, ..policy }, 60, &both).1.swap_remove(1).reason;
    let sentence = "the canary is slow less often than 2 %, whatever the baseline does: 0 of 6,000 (0 %) of the canary's requests were slow";
    assert!(passed.starts_with(sentence), "{passed}");
    // Traces that met both releases have neither a limit nor a share.
    assert_eq!(judged(&policy, 60, &[Metric::Mixed]).1[0].verdict, Verdict::Inconclusive);
    assert_eq!(Policy { slow_slo: Some(1.0), ..policy }.check().unwrap_err().name, "slow_slo");
    // So long as it is not below it for sure, what that takes is told, and no less is enough.
    for (metric, flag, limit) in [(Metric::Errors, "--slo", "1 %"), (Metric::Latency, "--slow-slo", "2 %")] {
        let policy = Policy { weight: None, ..policy };
        let of = |minutes| judged(&policy, minutes, &[metric]).1.swap_remove(0);
        let found = of(1);
        let needs = found.needs.unwrap();
        assert_eq!((found.verdict, needs.verdict), (Verdict::Inconclusive, Verdict::Pass));
        let sentence = format!(
            "; below its limit of {limit} ({flag}) it passes all the same, and up to 5.7 % is not ruled out yet"
        );
        assert!(found.reason.ends_with(&sentence), "{}", found.reason);
        let passes = (2..).find(|minutes| of(*minutes).verdict == Verdict::Pass).unwrap();
        assert_eq!(needs.canary_requests.div_ceil(100) + 1, passes.unsigned_abs(), "{needs:?}");
    }
    // It takes no baseline, and no more of a canary that is above it ever helps.
    let policy = Policy { weight: None, ..policy };
    assert_eq!(report(&[("us", 0, cell(0, 0, 0, 100))], &policy).needs.unwrap().verdict, Verdict::Pass);
    assert_eq!(report(&[("us", 0, cell(0, 0, 2, 100))], &policy).needs, None);
    let apart = [("a", 0, cell(0, 0, 0, 200)), ("b", 0, cell(0, 0, 1, 2))];
    assert_eq!(report(&apart, &policy).needs, None);
}

/// The evidence is there, and so few failed that it is no failure.
#[test]
fn too_few_failures_are_told() {
    let found = report(&[("us", 0, cell(0, 4000, 4, 4))], &Policy::default());
    assert_eq!(found.verdict, Verdict::Inconclusive);
    let sentence = "so few requests failed that it is no failure yet, although the evidence for one is there: that takes 5, 3 of \
                    them the canary's, and side by side there are 4, 4 of them the canary's: 4 of 4 (100 %) of";
    assert!(found.reason.starts_with(sentence), "{}", found.reason);
    assert_eq!(found.needs.unwrap().verdict, Verdict::Fail);
}

#[test]
fn one_bad_region_of_six_is_found_and_named() {
    let cells: Vec<(String, i64, Cell)> = (0..6)
        .flat_map(|region| {
            (0..30).map(move |window| {
                let failed = if region == 4 { 6 } else { u64::from(window % 3 == 0) };
                (format!("r{region}"), window, cell(window as u64 % 2, 900, failed, 100))
            })
        })
        .collect();
    let found = judge(&Counts::new(cells).unwrap(), &Policy::default(), false);
    assert_eq!(found.verdict, Verdict::Fail);
    let named: Vec<&str> =
        found.regions.iter().filter(|region| region.roll_back).map(|region| region.region.as_str()).collect();
    assert!(named.contains(&"r4"), "{named:?}");
}

/// How many of so many canaries fail at any of their looks.
fn failing(trials: u64, counts: impl Fn(&mut Random) -> Counts) -> u64 {
    let looks = Looks { history: History::Decides, ..Looks::default() };
    let policy = Policy::default();
    let fails = |trial: &u64| {
        let counts = counts(&mut Random::new(trial.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        let metric = Metric::Errors;
        let one = Hypothesis::of(&counts, &policy, metric);
        judge_all(&[one], looks).0 == Verdict::Fail
    };
    (0..trials).filter(fails).count() as u64
}

type Rows = Vec<(String, String, i64, Cell)>;

/// An hour of functions: name, units a minute, the canary's share, and the failure rates of baseline and canary.
fn hour_of(functions: &[(&str, u32, f64, [f64; 2])], random: &mut Random) -> Rows {
    let mut rows = Rows::new();
    for minute in 0..60 {
        for (name, units, share, [baseline, canary]) in functions {
            let mut cell = Cell::default();
            for _ in 0..*units {
                let is_canary = random.unit() <= *share;
                let has_failed = u64::from(random.unit() <= if is_canary { *canary } else { *baseline });
                match is_canary {
                    true => (cell.n_b, cell.x_b) = (cell.n_b + 1, cell.x_b + has_failed),
                    false => (cell.n_a, cell.x_a) = (cell.n_a + 1, cell.x_a + has_failed),
                }
            }
            rows.push(("us".to_owned(), (*name).to_owned(), minute, cell));
        }
    }
    rows
}

/// The same rows without their parts.
fn as_one(rows: Rows) -> Counts {
    Counts::new(rows.into_iter().map(|(region, _, minute, cell)| (region, minute, cell))).unwrap()
}

#[test]
fn functions_of_unlike_rates_and_shares_convict_and_acquit_nobody() {
    let by_function = |random: &mut Random, functions: &[_]| Counts::by_function(hour_of(functions, random)).unwrap();
    // The releases are alike, and the canary has more of what fails more.
    let alike = [("api", 40, 0.05, [0.01, 0.01]), ("worker", 20, 0.5, [0.2, 0.2])];
    let found = failing(200, |random| by_function(random, &alike));
    assert!(found <= 10, "{found}");
    let found = failing(200, |random| as_one(hour_of(&alike, random)));
    assert!(found > 190, "{found}");
    // So are they where functions come one after the other, each of which changes how many there are.
    let names: Vec<String> = (0..10).map(|function| format!("f{function}")).collect();
    let arriving = |random: &mut Random| {
        let of = |(place, name): (usize, &String)| (name.clone(), 6 + 2 * place as u32, 0.02 * (1 + place) as f64);
        let functions: Vec<(String, u32, f64)> = names.iter().enumerate().map(of).collect();
        let functions: Vec<(&str, u32, f64, [f64; 2])> =
            functions.iter().map(|(name, units, rate)| (name.as_str(), *units, 0.5 - rate, [*rate, *rate])).collect();
        let mut rows = hour_of(&functions, random);
        rows.retain(|(_, name, minute, _)| {
            names.iter().position(|other| other == name) <= usize::try_from(minute / 6).ok()
        });
        Counts::by_function(rows).unwrap()
    };
    let found = failing(200, arriving);
    assert!(found <= 10, "{found}");
    // It is worse in each of them, and has more of what fails less.
    let worse = [("api", 40, 0.5, [0.02, 0.06]), ("worker", 20, 0.05, [0.2, 0.45])];
    let found = failing(50, |random| by_function(random, &worse));
    assert!(found > 45, "{found}");
    let found = failing(50, |random| as_one(hour_of(&worse, random)));
    assert!(found < 5, "{found}");
}

#[test]
fn a_function_that_is_broken_is_not_hidden_by_one_that_is_fine() {
    let found = |rows: Rows| judge(&Counts::by_function(rows).unwrap(), &Policy::default(), false);
    // It has one call in fifty.
    let broken = hour_of(&[("api", 340, 0.2, [0.05, 0.05]), ("worker", 7, 0.2, [0.02, 1.0])], &mut Random::new(11));
    let report = found(broken);
    assert_eq!(report.verdict, Verdict::Fail, "{}", report.reason);
    // It is called every eleven minutes, so that hardly ten minutes have both releases.
    let mut rows = hour_of(&[("api", 50, 0.1, [0.02, 0.02])], &mut Random::new(12));
    for call in 0..60 {
        let is_canary = u64::from(call % 3 == 0);
        let of_call = cell(0, 1 - is_canary, is_canary, is_canary);
        rows.extend((0..5).map(|cron| ("us".to_owned(), format!("cron{cron}"), call * 11 + cron, of_call)));
    }
    let report = found(rows);
    assert_eq!(report.verdict, Verdict::Fail, "{}", report.reason);
    // Where its blocks have one release alone, all of both still forbid a pass.
    let mut rows = hour_of(&[("api", 340, 0.2, [0.05, 0.05])], &mut Random::new(13));
    for minute in 0..60 {
        let of_minute = if minute % 2 == 0 { cell(0, 20, 0, 0) } else { cell(0, 0, 2, 20) };
        rows.push(("us".to_owned(), "worker".to_owned(), minute, of_minute));
    }
    let report = found(rows);
    assert_eq!((report.verdict, report.is_hindered), (Verdict::Inconclusive, true), "{}", report.reason);
    let told = "in us, of worker alone, the canary fails 60 of 600 (10 %) and its baseline 0 of 600 (0 %), which is more often \
                for sure, and nothing passes then: ";
    assert!(report.reason.starts_with(told), "{}", report.reason);
}

#[test]
fn strays_change_nothing_of_what_is_compared() {
    let rows = |strays: &[(&str, Cell)]| {
        let mut rows = Rows::new();
        for minute in 0..30 {
            rows.push(("us".to_owned(), "blue".to_owned(), minute, cell(3, 160, 0, 0)));
            rows.push(("us".to_owned(), "green".to_owned(), minute, cell(0, 0, 8, 40)));
        }
        rows.extend(strays.iter().map(|(function, cell)| ("us".to_owned(), (*function).to_owned(), 7, *cell)));
        Counts::by_function(rows).unwrap()
    };
    for strays in [&[][..], &[("green", cell(0, 1, 0, 0))], &[("cron", cell(0, 1, 0, 1)), ("blue", cell(0, 0, 1, 2))]] {
        let report = judge(&rows(strays), &Policy::default(), false);
        assert_eq!((report.verdict, report.parts.as_slice()), (Verdict::Fail, &[String::new()][..]), "{strays:?}");
    }
    // A baseline of next to nothing tells nothing, and nothing passes for it.
    let few = Counts::new([("us", 0, cell(0, 1, 0, 0)), ("us", 1, cell(0, 0, 196, 1023))]).unwrap();
    let report = judge(&few, &Policy::default(), false);
    assert_eq!((report.verdict, report.is_hindered), (Verdict::Inconclusive, true), "{}", report.reason);
    // Functions of which one has moved and another one has not are no releases, where a region shows that both run both.
    let mut rows = Rows::new();
    for minute in 0..60 {
        for function in [("api", cell(4, 80, 1, 20)), ("worker", cell(0, 80, 0, 20))] {
            rows.push(("eu".to_owned(), function.0.to_owned(), minute, function.1));
        }
        rows.push(("us".to_owned(), "api".to_owned(), minute, cell(0, 0, 5, 100)));
        rows.push(("us".to_owned(), "worker".to_owned(), minute, cell(0, 100, 0, 0)));
    }
    let report = judge(&Counts::by_function(rows).unwrap(), &Policy::default(), false);
    assert_ne!(report.verdict, Verdict::Fail, "{}", report.reason);
}

#[test]
fn a_function_without_a_baseline_is_compared_with_none_and_forbids_a_pass_where_it_fails() {
    let fine = [("api", 200, 0.5, [0.01, 0.01]), ("worker", 100, 0.5, [0.1, 0.1])];
    let judged = |more: &[(&str, u32, f64, [f64; 2])], edit: &dyn Fn(&mut Rows)| {
        let mut rows = hour_of(&[&fine[..], more].concat(), &mut Random::new(7));
        edit(&mut rows);
        let counts = Counts::by_function(rows).unwrap();
        judge(&counts, &Policy::default(), false)
    };
    let whole = judged(&[], &|_| ());
    assert_eq!((whole.verdict, whole.parts.len()), (Verdict::Pass, 2), "{}", whole.reason);
    assert_eq!(judged(&[("new", 5, 1.0, [0.0, 0.01])], &|_| ()).verdict, Verdict::Pass);
    let alone = judged(&[("new", 5, 1.0, [0.0, 0.4])], &|_| ());
    assert_eq!((alone.verdict, alone.is_hindered), (Verdict::Inconclusive, true));
    assert!(alone.reason.starts_with("in us the canary fails more often than a baseline does"), "{}", alone.reason);
    // The baseline leaves one function, while it goes on in the other.
    let leaves = |rows: &mut Rows| {
        for (_, function, minute, cell) in rows.iter_mut() {
            if function == "worker" && *minute >= 30 {
                *cell = Cell { n_a: 0, x_a: 0, n_b: cell.n_b, x_b: cell.n_b / 2 };
            }
        }
    };
    let left = judged(&[], &leaves);
    assert_eq!((left.verdict, left.told_drift.as_deref()), (Verdict::Inconclusive, Some("us")), "{}", left.reason);
    // Releases that are functions of their own are compared as one.
    let apart = [("us", "blue", cell(5, 1000, 0, 0)), ("us", "green", cell(0, 0, 5, 1000))];
    let apart = apart.map(|(region, function, cell)| (region.to_owned(), function.to_owned(), 0, cell));
    let counts = Counts::by_function(apart.to_vec()).unwrap();
    assert_eq!(counts.cells().collect::<Vec<_>>(), [(0, "us", cell(5, 1000, 5, 1000))]);
    assert_eq!(judge(&counts, &Policy::default(), false).totals.counts, cell(5, 1000, 5, 1000));
    assert!(judge(&counts, &Policy::default(), false).blocks.iter().all(|block| block.counts.has_both()));
}

#[test]
fn traces_of_many_calls_that_fail_more_and_meet_both_more_convict_nobody() {
    // Each call goes to a release by itself and fails by itself; a trace that met both may fail because of that.
    let rows = |random: &mut Random, harm: f64| {
        let mut rows = Rows::new();
        for minute in 0..30 {
            for calls in [1, 2, 8] {
                let mut cell = Cell::default();
                for _ in 0..20 {
                    let of_canary = (0..calls).filter(|_| random.unit() <= 0.5).count();
                    let is_mixed = (1..calls).contains(&of_canary);
                    let has_failed = (0..calls).filter(|_| random.unit() <= 0.03).count() > 0;
                    let has_failed = u64::from(has_failed || is_mixed && random.unit() <= harm);
                    match is_mixed {
                        true => (cell.n_b, cell.x_b) = (cell.n_b + 1, cell.x_b + has_failed),
                        false => (cell.n_a, cell.x_a) = (cell.n_a + 1, cell.x_a + has_failed),
                    }
                }
                rows.push(("all".to_owned(), calls.to_string(), minute, cell));
            }
        }
        rows
    };
    let found = failing(200, |random| Counts::of_parts(rows(random, 0.0)).unwrap());
    assert!(found <= 10, "{found}");
    let found = failing(200, |random| as_one(rows(random, 0.0)));
    assert!(found > 150, "{found}");
    let found = failing(50, |random| Counts::of_parts(rows(random, 0.3)).unwrap());
    assert!(found > 45, "{found}");
}

#[test]
fn counts_come_as_comma_separated_values() {
    let text = "region,window,n_a,x_a,n_b,x_b\r\nus,10,900,2,100,1\nus,9,800,1,90,0\n\"eu\",10,5,0,5,0\n";
    let (counts, windows) = parse_csv(text.as_bytes()).unwrap();
    assert_eq!(windows, ["9", "10"]);
    let cells: Vec<_> = counts.cells().collect();
    assert_eq!(cells[0], (0, "us", cell(1, 800, 0, 90)));
    assert_eq!((cells.len(), cells[1].1, cells[2].1), (3, "eu", "us"));
    // Columns in any order, and times as texts.
    let (_, windows) =
        parse_csv("x_b,n_b,x_a,n_a,window,region\n0,1,0,1,2026-11-21T09:00:00Z,us\n".as_bytes()).unwrap();
    assert_eq!(windows, ["2026-11-21T09:00:00Z"]);
    let refused = |text: &str| parse_csv(text.as_bytes()).unwrap_err().to_string();
    let without = |name: &str| {
        format!(
            "there is no column {name}: the first line names region, window, n_a, x_a, n_b and x_b, with a comma, a \
             semicolon or a tab between them"
        )
    };
    assert_eq!(refused(""), without("region"));
    assert_eq!(refused("region,window,n_a,x_a,n_b\n"), without("x_b"));
    let line = |line: &str| refused(&format!("region,window,n_a,x_a,n_b,x_b\nus,1,1,0,1,0\n{line}\n"));
    assert_eq!(line("us,2,many,0,1,0"), "line 3: n_a is `many`, not a whole number");
    assert_eq!(line("us,2,-1,0,1,0"), "line 3: n_a is `-1`, not a whole number");
    assert!(
        line("us,noon,1,0,1,0").starts_with("line 3: window is `noon`: windows are all whole numbers"),
        "{}",
        line("us,noon,1,0,1,0")
    );
    assert!(line("us,2026-11-21T09:00:00Z,1,0,1,0").starts_with("line 3: window is "));
    assert!(line("us,2,1,0,1").starts_with("line 3: "), "{}", line("us,2,1,0,1"));
    assert_eq!(line("us,2,1,2,1,0"), "2 failed of 1 units in region us, window 2: more than there are");
}

#[test]
fn policies_and_counts_that_cannot_be_are_refused() {
    let refused = |policy: Policy| policy.check().unwrap_err().name;
    assert_eq!(refused(Policy { alpha: 0.0, ..Policy::default() }), "alpha");
    assert_eq!(refused(Policy { beta: f64::NAN, ..Policy::default() }), "beta");
    assert_eq!(refused(Policy { tolerance: 0.5, ..Policy::default() }), "tolerance");
    assert_eq!(refused(Policy { margin: 1.0, ..Policy::default() }), "margin");
    assert_eq!(refused(Policy { weight: Some(1.0), ..Policy::default() }), "weight");
    assert_eq!(refused(Policy { slo: Some(2.0), ..Policy::default() }), "slo");
    Policy::default().check().unwrap();
    assert!(
        Counts::new([("us", 0, cell(2, 1, 0, 0))])
            .unwrap_err()
            .to_string()
            .contains("2 failed of 1 units in region us")
    );
    assert!(Counts::new([("us", 0, cell(0, u64::MAX, 0, 0))]).is_err());
}

fn any_cell() -> impl Strategy<Value = Cell> {
    let arm = prop_oneof![0_u64..20, 0_u64..5000, 0_u64..1_000_000_000];
    (arm.clone(), arm, 0.0..1.0_f64, 0.0..1.0_f64, 0..4_u8).prop_map(|(n_a, n_b, a, b, shape)| {
        let part = |n: u64, share: f64| match shape {
            0 => (n as f64 * share * 0.01) as u64,
            1 => (n as f64 * share) as u64,
            2 => n,
            _ => 0,
        };
        Cell { n_a, x_a: part(n_a, a), n_b, x_b: part(n_b, b) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_counted(cells in proptest::collection::vec((0..4_u8, 0..4_i64, any_cell()), 0..12)) {
        let named = || cells.iter().map(|(region, window, cell)| (format!("r{region}"), *window, *cell));
        let policy = Policy { slo: Some(0.01), weight: Some(0.3), ..Policy::default() };
        let found = judge(&Counts::new(named()).unwrap(), &policy, false);
        for ln in [found.totals.ln_e_fail, found.totals.ln_e_pass] {
            prop_assert!(ln.is_finite());
        }
        prop_assert!((0.0..=1.0).contains(&found.p_always_valid));
        if let (Some(lower), Some(upper)) = (found.odds_ratio.lower, found.odds_ratio.upper) {
            prop_assert!(lower <= upper);
            prop_assert!(found.odds_ratio.estimate.is_none_or(|estimate| lower <= estimate && estimate <= upper));
        }
        // The order of cells plays no part.
        let again = judge(&Counts::new(named().collect::<Vec<_>>().into_iter().rev()).unwrap(), &policy, false);
        prop_assert_eq!(again.totals.ln_e_fail, found.totals.ln_e_fail);
        prop_assert_eq!(again.odds_ratio, found.odds_ratio);
        // What is counted stands in one block, or came before the canary.
        let pooled: u64 = found.blocks.iter().chain(&found.open_blocks).map(|block| block.counts.units()).sum();
        prop_assert!(pooled <= found.totals.counts.units());
        // Failures move no block.
        let sound = named().map(|(region, window, one)| (region, window, cell(0, one.n_a, 0, one.n_b)));
        let sound = judge(&Counts::new(sound).unwrap(), &policy, false);
        let edges = |report: &Report| report.blocks.iter().map(|block| (block.region, block.first, block.last)).collect::<Vec<_>>();
        prop_assert_eq!(edges(&sound), edges(&found));
        // Exchanging the arms inverts the odds ratio, but for the mixture of the sequence, which is its own inverse.
        let swapped = named().map(|(region, window, one)| (region, window, cell(one.x_b, one.n_b, one.x_a, one.n_a)));
        let swapped = judge(&Counts::new(swapped).unwrap(), &Policy { weight: None, ..policy }, false);
        // A region begins with its canary, so both need it from the first minute on.
        if let (Some(lower), Some(upper)) = (found.odds_ratio.lower, swapped.odds_ratio.upper)
            && lower > 0.0
            && edges(&swapped) == edges(&found)
        {
            prop_assert!((lower * upper - 1.0).abs() < 1e-6, "{} {}", lower, upper);
        }
    }
}

/// A region passes for itself only where nothing that holds of all regions keeps the canary from it.
#[test]
fn no_region_passes_where_nothing_is_decided_and_each_that_keeps_the_limit_does() {
    use RegionVerdict::{Fail, Inconclusive, Pass, Uncovered};
    let policy = Policy::default();
    let limit = Policy { slo: Some(0.01), ..policy };
    let fine = ("us", 0, cell(100, 10_000, 100, 10_000));
    for (cells, policy, looks, verdict, expected) in [
        // It is not four times worse, and may be twice: with more requests it would fail.
        (
            &[("us", 0, cell(100, 10_000, 180, 10_000))][..],
            &Policy { alpha: 1e-9, ..policy },
            Looks::default(),
            Verdict::Inconclusive,
            &[Inconclusive][..],
        ),
        (&[fine], &policy, Looks::default(), Verdict::Pass, &[Pass]),
        (&[fine], &policy, Looks { is_sampled: true, ..Looks::default() }, Verdict::Inconclusive, &[Inconclusive]),
        // What hinders elsewhere hinders elsewhere.
        (
            &[fine, ("eu", 0, cell(2, 200, 2, 150))],
            &policy,
            Looks::default(),
            Verdict::Inconclusive,
            &[Inconclusive, Pass],
        ),
        (&[fine, ("eu", 0, cell(2, 200, 1, 20))], &policy, Looks::default(), Verdict::Pass, &[Uncovered, Pass]),
        (&[fine, ("eu", 0, cell(9, 900, 90, 100))], &policy, Looks::default(), Verdict::Fail, &[Fail, Pass]),
        // By the limit, where it is shown there.
        (
            &[("us", 0, cell(0, 9000, 0, 5000)), ("eu", 0, cell(0, 900, 1, 200))],
            &limit,
            Looks::default(),
            Verdict::Pass,
            &[Inconclusive, Pass],
        ),
    ] {
        let counts = Counts::new(cells.iter().copied()).unwrap();
        let one = Hypothesis::of(&counts, policy, Metric::Errors);
        let (found, reports) = judge_all(&[one], looks);
        let regions: Vec<RegionVerdict> = reports[0].regions.iter().map(|region| region.verdict).collect();
        assert_eq!((found, &regions[..]), (verdict, expected), "{cells:?} {}", reports[0].reason);
        let comparisons = [Comparison::of(Metric::Errors, &reports[0])];
        let junit = render_junit(&Told::of(found, policy, &comparisons));
        assert_eq!(
            junit.matches("<system-out>").count(),
            regions.iter().filter(|one| **one == Pass).count() + usize::from(found == Verdict::Pass)
        );
    }
}

/// What to do where waiting changes nothing.
#[test]
fn who_waits_in_vain_is_told_what_to_do() {
    let policy = Policy::default();
    let cells = |region, from: i64, until: i64, cell| (from..until).map(move |minute| (region, minute, cell));
    let (fine, alone) = (cell(5, 1000, 5, 1000), cell(0, 0, 40, 100));
    let us = || cells("us", 0, 30, fine);
    let check =
        |cells: Vec<(&'static str, i64, Cell)>, named: &[&str], policy: &Policy, looks, at_worst: Option<Cell>| {
            let names: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            let counts = Counts::new(cells).unwrap().of_regions(&names);
            let at_worst = [at_worst.map(|cell| Counts::new([("us", 0, cell)]).unwrap())];
            let one = Hypothesis { at_worst: &at_worst, ..Hypothesis::of(&counts, policy, Metric::Errors) };
            let (verdict, reports) = judge_all(&[one], looks);
            assert_eq!(verdict, Verdict::Inconclusive, "{}", reports[0].reason);
            let comparisons = [Comparison::of(Metric::Errors, &reports[0])];
            let told = Told::of(verdict, policy, &comparisons);
            (told.action(), render_text(&told))
        };
    let usual = Looks::default();
    let least = Policy { min_effect: Some(0.2), ..policy };
    let limit = Policy { slo: Some(0.01), ..policy };
    for (cells, named, policy, looks, at_worst, action) in [
        (
            us().collect(),
            &[][..],
            &policy,
            Looks { is_region_missing: true, ..usual },
            None,
            "See what does not answer or cannot be read (`transect doctor`)",
        ),
        (
            us().collect(),
            &[],
            &policy,
            Looks { is_sampled: true, ..usual },
            None,
            "Set TRANSECT_SAMPLE_RATE of the forwarder to 1",
        ),
        (
            us().collect(),
            &[],
            &policy,
            usual,
            Some(cell(0, 900, 90, 100)),
            "Look at what is not counted: at the service that was called",
        ),
        (
            us().collect(),
            &["eu", "us"],
            &policy,
            usual,
            None,
            "See whether eu is called so in the lake and its logs arrive",
        ),
        (
            us().chain(cells("eu", 0, 9, fine)).collect(),
            &[],
            &policy,
            usual,
            None,
            "See whether the logs of eu still arrive (`transect doctor`)",
        ),
        (
            us().chain(cells("eu", 0, 9, fine)).chain(cells("eu", 9, 30, cell(5, 1000, 0, 0))).collect(),
            &[],
            &policy,
            usual,
            None,
            "See whether the canary still gets traffic in eu (the weight of its alias)",
        ),
        (
            us().chain(cells("us", 30, 60, alone)).collect(),
            &[],
            &policy,
            usual,
            None,
            "Bring the baseline back beside the canary in us",
        ),
        (
            cells("us", 0, 30, cell(0, 0, 0, 9)).collect(),
            &[],
            &policy,
            usual,
            None,
            "Bring the baseline back beside the canary, or decide by hand",
        ),
        (
            cells("us", 0, 3, cell(0, 0, 0, 9)).collect(),
            &[],
            &limit,
            usual,
            None,
            "Bring the baseline back beside the canary, or ask again: its own limit may yet decide; about ",
        ),
        (
            vec![("us", 0, cell(9, 9000, 60, 1000))],
            &[],
            &least,
            usual,
            None,
            "Decide whether so little matters: without --min-effect",
        ),
        (
            vec![("us", 0, cell(0, 900, 0, 100))],
            &[],
            &policy,
            usual,
            None,
            "Say with --slo below what rate it passes by itself",
        ),
        (
            vec![("us", 0, cell(0, 900, 0, 100))],
            &[],
            &limit,
            usual,
            None,
            "Keep canary and baseline as they are, and ask again: about ",
        ),
        (
            vec![("us", 0, cell(0, 900, 4, 4))],
            &[],
            &policy,
            usual,
            None,
            "Keep canary and baseline as they are, and ask again: about 2 more requests",
        ),
    ] {
        let (found, _) = check(cells, named, policy, looks, at_worst);
        assert!(found.starts_with(action), "{found}");
    }
    // What the canary did without its baseline is told once.
    let (_, text) = check(us().chain(cells("us", 30, 60, alone)).collect(), &[], &policy, usual, None);
    let sentence = "in us the canary has failed more often since its baseline is gone, or all but gone, than the baseline did before: \
                    to do the same, a baseline would have to fail at least ";
    assert!(text.contains(sentence) && text.matches("its baseline is gone").count() == 1, "{text}");
    let both = us().chain(cells("us", 30, 60, alone)).chain(cells("eu", 0, 30, fine)).chain(cells("eu", 30, 60, alone));
    let (_, text) = check(both.collect(), &[], &policy, usual, None);
    assert!(
        text.contains("\nIn us the canary has failed") && text.matches("its baseline is gone").count() == 2,
        "{text}"
    );
}

#[test]
fn what_was_counted_is_called_what_it_is() {
    let policy = Policy::default();
    let bad = Counts::new([("us", 0, Cell { n_a: 1800, x_a: 1, n_b: 200, x_b: 16 })]).unwrap();
    let fine = Counts::new([("us", 0, Cell { n_a: 1800, x_a: 0, n_b: 200, x_b: 0 })]).unwrap();
    let of = |counts, metric| {
        let one = Hypothesis::of(counts, &policy, metric);
        judge_all(&[one], Looks::default()).1.swap_remove(0).reason
    };
    for (counts, metric, expected) in [
        (
            &bad,
            Metric::Errors,
            "the canary fails more often than the baseline: side by side, 16 of 200 (8 %) of the canary's requests failed, and 1 of \
             1,800 (0.056 %) of the baseline's",
        ),
        (
            &bad,
            Metric::Latency,
            "the canary is slow more often than the baseline: side by side, 16 of 200 (8 %) of the canary's requests were slow, and \
             1 of 1,800 (0.056 %) of the baseline's",
        ),
        (
            &bad,
            Metric::Mixed,
            "what met both releases fails more often than what met one alone: side by side, 16 of 200 (8 %) of the traces that met \
             both releases failed, and 1 of 1,800 (0.056 %) of the others",
        ),
        (
            &fine,
            Metric::Errors,
            "nothing has failed, neither of 200 requests of the canary nor of 1,800 of the baseline, so the two cannot be told \
             apart; a limit of its own (--slo) passes a canary that hardly fails",
        ),
        (
            &fine,
            Metric::Latency,
            "nothing has been slow, neither of 200 requests of the canary nor of 1,800 of the baseline, so the two cannot be told \
             apart; a limit of its own (--slow-slo) passes a canary that is hardly ever slow",
        ),
        (
            &fine,
            Metric::Mixed,
            "nothing has failed, neither of 200 requests of the canary nor of 1,800 of the baseline, so the two cannot be told apart",
        ),
    ] {
        assert_eq!(of(counts, metric), expected);
    }
}

#[test]
fn latency_does_not_pass_where_nobody_knows_how_long_many_took() {
    let policy = Policy::default();
    let counts = Counts::new([("us", 0, cell(100, 10_000, 90, 10_000))]).unwrap();
    let of = |metric, is_untimed| {
        let one = Hypothesis { counts: &counts, at_worst: &[], policy: &policy, metric, is_untimed };
        judge_all(&[one], Looks::default()).1.swap_remove(0)
    };
    assert_eq!(of(Metric::Latency, false).verdict, Verdict::Pass);
    assert_eq!(of(Metric::Errors, true).verdict, Verdict::Pass);
    let untimed = of(Metric::Latency, true);
    assert_eq!((untimed.verdict, untimed.is_hindered), (Verdict::Inconclusive, true));
    assert!(untimed.reason.contains("nobody knows how long they took"), "{}", untimed.reason);
}

#[test]
fn what_is_held_against_nobody_is_told_of_what_it_speaks_against() {
    let policy = Policy::default();
    let fine = Counts::new([("us", 0, cell(100, 10_000, 90, 10_000))]).unwrap();
    let late = [Counts::new([("us", 0, cell(100, 10_000, 900, 10_000))]).ok()];
    let errors = Hypothesis::of(&fine, &policy, Metric::Errors);
    let latency = Hypothesis { at_worst: &late, metric: Metric::Latency, ..errors };
    let (verdict, reports) = judge_all(&[errors, latency], Looks::default());
    let found: Vec<(Verdict, bool)> = reports.iter().map(|report| (report.verdict, report.is_hindered)).collect();
    assert_eq!((verdict, found), (Verdict::Inconclusive, vec![(Verdict::Pass, false), (Verdict::Inconclusive, true)]));
}
