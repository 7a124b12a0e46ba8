use clap::CommandFactory;
use transect_query::{DoubtCell, ServiceUnits, UnitCell};

use super::service::Doubt;
use super::*;
use crate::arguments::Arguments;

#[test]
fn the_help_says_how_much_is_counted_again() {
    let mut command = Arguments::command();
    let canary = command.find_subcommand_mut("canary").unwrap();
    let help = canary.render_long_help().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&format!("The last {RECOUNT_MINUTES} minutes of it are looked through again")), "{help}");
}

/// A service of which this was counted at looks that ended at minutes 20 and 40: region, minute, look, units of baseline and
/// canary, each with failed and slow ones.
fn service(counted: &[(&str, i64, i64, Sides)]) -> Service {
    let of = |(region, minute, look, [baseline, canary]): &(&str, i64, i64, Sides)| Counted {
        region: (*region).to_owned(),
        function: String::new(),
        minute: *minute,
        look: *look,
        baseline: *baseline,
        canary: *canary,
    };
    Service {
        service: "pay".to_owned(),
        baseline: Some("1".to_owned()),
        canary: "2".to_owned(),
        counted: counted.iter().map(of).collect(),
        traces: Vec::new(),
        by_function: true,
        units: Vec::new(),
        unit_why: String::new(),
        is_unit_sure: false,
        groups: BTreeSet::new(),
        records_from_elsewhere: 0,
        is_sampled: false,
        doubts: Vec::new(),
        late: Vec::new(),
    }
}

#[test]
fn what_is_held_against_nobody_is_found_again_and_each_kind_stands_by_itself() {
    let mut of = service(&[("us", 10, 0, [[100, 2, 0], [100, 2, 0]]), ("us", 30, 1, [[100, 2, 0], [100, 2, 0]])]);
    let doubt = |minute: i64, excused, untied| {
        (minute, DoubtCell { region: "us".to_owned(), excused, untied, ..DoubtCell::default() })
    };
    let told = |of: &Service| -> Vec<(i64, i64, [u64; 2], [u64; 2])> {
        of.doubts.iter().map(|one| (one.minute, one.look, one.excused, one.untied)).collect()
    };
    let mut read = |since: i64, is_whole: bool, found: &[(i64, DoubtCell)]| {
        let recount = Recount { looks: &[20, 40], since, is_whole };
        recount.doubt(&mut of, found.iter().map(|(minute, cell)| (*minute, cell)), 2);
        told(&of)
    };
    assert_eq!(read(0, true, &[doubt(10, [0, 3], [0, 0])]), [(10, 0, [0, 3], [0, 0])]);
    // What came later is of the look that had counted the minute; minutes that were not read again stay.
    let late = doubt(30, [0, 0], [0, 40]);
    assert_eq!(read(25, true, std::slice::from_ref(&late)), [(10, 0, [0, 3], [0, 0]), (30, 1, [0, 0], [0, 40])]);
    // Where something was not read the most that was found stays, and else what is found now.
    assert_eq!(read(0, false, &[doubt(30, [0, 0], [0, 7])]), [(10, 0, [0, 3], [0, 0]), (30, 1, [0, 0], [0, 40])]);
    assert_eq!(read(0, true, &[doubt(30, [50, 0], [0, 40])]), [(30, 1, [50, 0], [0, 40])]);

    // Excused failures of the baseline do not outweigh the canary's failures without a request.
    let at = |worst: Worst| {
        let cells = of.cells_at_worst(false, worst)?;
        cells.into_iter().find(|(.., minute, _, _)| *minute == 30).map(|(.., cell)| (cell.x_a, cell.n_b, cell.x_b))
    };
    assert_eq!(Worst::EACH.map(at), [None, Some((52, 100, 2)), Some((2, 140, 42)), Some((52, 140, 42))]);
    assert!(of.cells_at_worst(true, Worst::All).is_none());
}

#[test]
fn what_is_held_against_nobody_is_told_and_counted_where_its_function_is_compared() {
    let mut of = service(&[("us", 5, 0, [[50, 0, 0], [0; 3]]), ("us", 10, 0, [[100, 2, 0], [100, 2, 0]])]);
    let mut worker = of.counted[1].clone();
    (worker.function, worker.baseline, worker.canary) = ("worker".to_owned(), [900, 0, 0], [50, 0, 0]);
    of.counted.iter_mut().for_each(|of| of.function = "api".to_owned());
    // A function of which the canary has none is compared with nothing.
    let alone = Counted { function: "cron".to_owned(), canary: [0; 3], ..worker.clone() };
    of.counted.extend([worker, alone]);
    let doubt = |function: &str, minute: i64, untied: [u64; 2]| Doubt {
        region: "us".to_owned(),
        function: function.to_owned(),
        minute,
        look: 0,
        excused: [0; 2],
        untied,
    };
    of.doubts =
        vec![doubt("api", 4, [9, 0]), doubt("api", 10, [0, 1]), doubt("", 10, [0, 2]), doubt("cron", 11, [0, 4])];
    let worst: BTreeMap<(String, i64), (u64, u64)> = of
        .cells_at_worst(false, Worst::Untied)
        .unwrap()
        .into_iter()
        .map(|(_, function, minute, _, cell)| ((function, minute), (cell.n_b, cell.x_b)))
        .collect();
    let at = |function: &str, minute: i64| worst[&(function.to_owned(), minute)];
    assert_eq!((at("api", 10), at("worker", 10), at("worker", 11)), ((101, 3), (52, 2), (4, 4)));
    // What was before the canary, or is left out of its beginning, is not told.
    assert_eq!([0, 1, 2].map(|minutes| of.doubts(minutes)[1]), [[0, 7], [0, 4], [0, 0]]);
    let sentence = of.functions_sentence();
    assert_eq!(
        sentence.as_deref(),
        Some(
            "pay is compared function by function (api, worker): the rates of all together may differ where no function's do"
        )
    );
}

#[test]
fn a_series_keeps_to_its_unit_once_that_is_known_and_tells_a_change() {
    let found = |n_b: u64, unit: UnitKind, mixed: u64, expected: f64| ServiceUnits {
        cells: vec![UnitCell { n_b, ..UnitCell::default() }],
        has_traces: true,
        unit,
        sending: transect_query::Sending { mixed, expected },
        ..ServiceUnits::default()
    };
    let begun = || service(&[("us", 30, 1, [[90, 1, 0], [10, 0, 0]])]);
    let look = |of: &mut Service, found: ServiceUnits| {
        of.take_unit(&found, UnitKind::Auto);
        (of.units.join(", "), of.is_unit_sure, of.unit_sentence(&found).unwrap_or_default())
    };
    // Before the canary has come nothing is compared, and with few traces it may turn out to be otherwise.
    let mut of = service(&[]);
    assert_eq!(look(&mut of, found(0, UnitKind::Auto, 0, 90.0)), ("trace".to_owned(), false, String::new()));
    assert_eq!(look(&mut of, found(9, UnitKind::Invocation, 1, 3.0)), ("call".to_owned(), false, String::new()));
    let mut of = begun();
    assert_eq!(look(&mut of, found(9, UnitKind::Auto, 0, 3.0)), ("trace".to_owned(), false, String::new()));
    let (units, is_sure, told) = look(&mut of, found(9, UnitKind::Invocation, 3, 4.0));
    assert_eq!((units.as_str(), is_sure), ("trace, call", false));
    assert!(told.starts_with("units of pay were traces at first, and are calls since: the calls of a trace"), "{told}");
    assert!(look(&mut of, found(9, UnitKind::Invocation, 30, 40.0)).1);
    // A look that saw no canary says nothing of it.
    assert_eq!(look(&mut of, found(0, UnitKind::Auto, 0, 0.0)).0, "trace, call");
    let mut of = begun();
    assert_eq!(look(&mut of, found(9, UnitKind::Auto, 1, 40.0)), ("trace".to_owned(), true, String::new()));
    let why =
        "traces go to releases as a whole: 1 traces of several calls met several releases, and 40.0 would by chance";
    assert_eq!(of.unit_why, why);
    // What is kept to is asked with, and would be otherwise by now.
    assert_eq!(
        (unit_of("trace"), unit_of("call"), unit_of("-")),
        (Some(UnitKind::Auto), Some(UnitKind::Invocation), None)
    );
    let told = of.unit_sentence(&found(9, UnitKind::Auto, 30, 40.0)).unwrap();
    assert!(told.contains("are traces, as when its count began") && told.contains("--recount"), "{told}");
}

#[test]
fn a_series_that_was_begun_without_functions_goes_on_without() {
    let cell = |function: &str, minute: i64, n_b: u64| UnitCell {
        region: "us".to_owned(),
        function: function.to_owned(),
        window_unix_nano: minute * WINDOW_NANO,
        n_a: 90,
        n_b,
        late_b: [1, 0],
        ..UnitCell::default()
    };
    let cells = vec![cell("api", 30, 10), cell("worker", 30, 5), cell("worker", 41, 2)];
    let found = ServiceUnits { service: "pay".to_owned(), canary: "2".to_owned(), cells, ..ServiceUnits::default() };
    for (by_function, expected) in [(false, vec![("", 41, 2)]), (true, vec![("worker", 41, 2)])] {
        let mut series = series(None);
        series.kept.services[0].by_function = by_function;
        let text = serde_json::to_string(&series.kept.services[0]).unwrap();
        assert_eq!(text.contains("function"), by_function, "a state of the version before reads as it was written");
        let question = UnitQuestion {
            services: Vec::new(),
            since_unix_nano: 25 * WINDOW_NANO,
            until_unix_nano: 42 * WINDOW_NANO,
            settle_nano: 0,
            unit: UnitKind::Auto,
            error: None,
            slow_nano: None,
            releases: Vec::new(),
        };
        let units =
            Units { services: vec![found.clone()], services_seen: Vec::new(), completeness: Default::default() };
        series.add(&question, &units);
        let of = &series.kept.services[0];
        let new: Vec<(&str, i64, u64)> = of
            .counted
            .iter()
            .filter(|of| of.look == 2)
            .map(|of| (of.function.as_str(), of.minute, of.canary[0]))
            .collect();
        assert_eq!(new, expected);
        // Both functions of a minute that was counted as one are one.
        let late = of.late.iter().find(|of| of.minute == 30 && of.function.is_empty()).map(|of| of.canary);
        assert_eq!(late, Some(if by_function { [0; 3] } else { [15, 2, 0] }));
    }
}

/// A state that was counted until minute 40 of 1970, with this decision.
fn series(verdict: Option<Verdict>) -> Series {
    let decided = verdict.map(|verdict| Decided {
        verdict: verdict.name().to_owned(),
        is_complete: true,
        missing_regions: Vec::new(),
        warnings: Vec::new(),
    });
    let kept = Kept {
        transect_canary_state: VERSION,
        asked: Value::Null,
        since_unix_nano: 0,
        looks: vec![20, 40],
        incomplete: BTreeSet::new(),
        behind: BTreeMap::new(),
        unreadable: BTreeSet::new(),
        services: vec![service(&[("us", 30, 1, [[90, 1, 0], [10, 0, 0]])])],
        decided,
        digest: None,
    };
    Series {
        path: Some("state".into()),
        kept,
        is_begun: true,
        is_all_read: false,
        are_untimed: Vec::new(),
        recounted_since: None,
    }
}

#[test]
fn what_does_not_follow_from_its_counts_and_what_was_counted_ahead_of_the_clock_is_refused() {
    let refused = |answer: Result<(), Failure>, sentence: &str| {
        let Err(Failure::Because { code, error, hint }) = answer else { panic!("{sentence}") };
        assert_eq!(code, USAGE);
        assert!(format!("{error:#}").contains(sentence), "{error:#}");
        assert!(hint.is_some_and(|hint| hint.contains("--recount")), "{sentence}");
    };
    assert!(series(Some(Verdict::Fail)).check_decision(Verdict::Fail).is_ok());
    assert!(series(None).check_decision(Verdict::Pass).is_ok());
    for verdict in [Verdict::Pass, Verdict::Inconclusive] {
        let answer = series(Some(Verdict::Fail)).check_decision(verdict);
        refused(answer, "the decision that it keeps does not follow from what it has counted");
    }
    // Clocks that are kept differ by less than a minute: nothing would be counted until one that was ahead came there.
    for minute in [39, 40, 50] {
        assert!(series(None).check_clock(minute * WINDOW_NANO).is_ok(), "{minute}");
    }
    refused(series(None).check_clock(38 * WINDOW_NANO), "by this machine's clock it is 1970-01-01T00:38:00Z");
}

#[test]
fn what_came_late_stands_beside_what_was_counted() {
    let was = [[90, 1, 0], [10, 0, 0]];
    let mut of = service(&[("us", 30, 1, was), ("us", 10, 0, was)]);
    let mut look = |is_whole: bool, had_baseline: bool, found: &[(&str, i64, Sides)]| {
        let place = |region: &str, minute: i64| (region.to_owned(), String::new(), minute);
        let found = found.iter().map(|(region, minute, sides)| (place(region, *minute), *sides)).collect();
        Recount { looks: &[20, 40], since: 25, is_whole }.compare(&mut of, found, had_baseline, 2);
        (of.late(false), of.late.iter().map(|late| (late.minute, late.look)).collect::<Vec<_>>(), of.cells(false))
    };
    let cell = |n_a, x_a, n_b, x_b| Cell { n_a, x_a, n_b, x_b };
    let nothing = Cell::default();
    // The same again.
    let (late, places, counted) = look(true, true, &[("us", 30, was)]);
    assert_eq!((late, places.len()), (nothing, 0));
    // More, and in a minute of which nothing was counted: it is of the look whose minutes it is among.
    let more = [("us", 30, [[95, 2, 0], [12, 2, 0]]), ("eu", 39, [[0; 3], [1, 1, 0]])];
    let (late, places, still) = look(true, true, &more);
    assert_eq!((late, places), (cell(5, 1, 3, 3), vec![(39, 1), (30, 1)]));
    // Nothing that was counted is revised.
    assert_eq!(still, counted);
    let (late, ..) = look(true, true, &more);
    assert_eq!(late, cell(5, 1, 3, 3));
    // A region that does not answer takes nothing back.
    let (late, ..) = look(false, true, &[("us", 30, [[96, 1, 0], [0; 3]])]);
    assert_eq!(late, cell(6, 1, 3, 3));
    // Units of a trace whose first record came late are of another minute: there are as many as before.
    let (late, ..) = look(true, true, &[("us", 29, [[0; 3], [1, 1, 0]]), ("us", 30, [[90, 1, 0], [9, 0, 0]])]);
    assert_eq!(late, cell(0, 0, 1, 1));
    // What another release did before the one before was known is not late.
    let (late, ..) = look(true, false, &[("us", 30, [[500, 7, 0], [10, 1, 0]])]);
    assert_eq!(late, cell(0, 0, 0, 1));
    // A minute that was read again no longer stays as it was found last.
    Recount { looks: &[20, 40], since: 35, is_whole: true }.compare(&mut of, BTreeMap::new(), true, 2);
    assert_eq!(of.late(false), cell(0, 0, 0, 1));
    assert!(of.late_sentence(false).unwrap().contains("0 requests and 1 failures of the canary came after"));
}
