//! What a rollout does when something happens.

use std::rc::Rc;

use super::fake::*;
use crate::*;

fn check(judge: Judging, options: Options, outcome: Outcome, aliases: [&str; 4]) -> Hold {
    let world = Hold::new(Fake::new(judge));
    assert_eq!(world.run(&plan(THREE_WAVES), options), outcome);
    assert_eq!(world.shows(), aliases);
    world
}

fn policy(on_inconclusive: OnInconclusive) -> Options {
    Options { on_inconclusive, ..Options::default() }
}

fn routing(version: &str) -> Routing {
    Routing { function_version: version.to_owned(), additional: None }
}

fn forced(reason: &str) -> Override {
    Override { reason: reason.to_owned(), by: "ada@example.com".to_owned(), ..Override::default() }
}

const UNTOUCHED: [&str; 4] = ["us-east-2 6", "us-west-2 11", "eu-west-2 3", "ap-south-1 1"];
const PROMOTED: [&str; 4] = ["us-east-2 7", "us-west-2 12", "eu-west-2 5", "ap-south-1 2"];
const FIRST_HELD: [&str; 4] = ["us-east-2 6 and 10 % to 7", "us-west-2 11", "eu-west-2 3", "ap-south-1 1"];
const SECOND_HELD: [&str; 4] =
    ["us-east-2 6 and 10 % to 7", "us-west-2 11 and 20 % to 12", "eu-west-2 3 and 20 % to 5", "ap-south-1 1"];

#[test]
fn a_good_canary_is_promoted_wave_by_wave() {
    let world = check(always(Said::Pass), Options::default(), Outcome::Promoted, PROMOTED);
    let journal: Vec<String> =
        world.0.borrow().journal.iter().map(|(region, routing)| format!("{region} {routing}")).collect();
    assert_eq!(
        journal,
        [
            "us-east-2 6 and 10 % to 7",
            "eu-west-2 3 and 20 % to 5",
            "us-west-2 11 and 20 % to 12",
            "ap-south-1 1 and 50 % to 2",
            "us-east-2 6 and 50 % to 7",
            "ap-south-1 2",
            "eu-west-2 5",
            "us-east-2 7",
            "us-west-2 12",
        ]
    );
    // Fifteen minutes of baking, and nothing else takes time.
    assert_eq!(world.0.borrow().now - BEGIN, 15 * 60);
    // Run once more, it says the same and does nothing.
    let saves = world.0.borrow().saves;
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    assert_eq!((world.0.borrow().journal.len(), world.0.borrow().saves), (9, saves));
}

#[test]
fn the_judge_is_asked_about_every_region_that_has_the_canary() {
    let world = check(always(Said::Pass), Options::default(), Outcome::Promoted, PROMOTED);
    let fake = world.0.borrow();
    let (_, second) = fake.questions.iter().find(|(_, question)| question.wave == 1).unwrap();
    let of = |region: &str, weight, is_of_wave| RegionAsked { region: region.to_owned(), weight, is_of_wave };
    assert_eq!(second.regions, [of("eu-west-2", 20, true), of("us-east-2", 10, false), of("us-west-2", 20, true)]);
    assert_eq!((second.name.as_str(), second.min_requests, second.weight()), ("second", 100, None));
    let (at, first) = &fake.questions[0];
    assert_eq!((*at - BEGIN, first.weight()), (120, Some(10)));
    // A whole minute, after the one in which weights were set and the one in which aliases are followed.
    assert_eq!((first.since.0 % 60, first.since.0 > BEGIN + 60), (0, true));
}

#[test]
fn a_failure_in_wave_two_sets_its_failing_region_back_and_stops_wave_three() {
    let fails = |question: &Question| Verdict { roll_back: vec!["us-west-2".to_owned()], ..says(Said::Fail, question) };
    let world = check(
        in_wave(1, fails),
        Options::default(),
        Outcome::Failed,
        ["us-east-2 6 and 10 % to 7", "us-west-2 11", "eu-west-2 3 and 20 % to 5", "ap-south-1 1"],
    );
    assert!(world.0.borrow().questions.iter().all(|(_, question)| question.wave < 2));
    let state = world.state();
    assert_eq!(
        state.waves.iter().map(|wave| wave.state).collect::<Vec<_>>(),
        [WaveState::Passed, WaveState::Failed, WaveState::Pending]
    );
    // It fails at the first look, not when the bake is over.
    assert_eq!(world.0.borrow().now - BEGIN, 7 * 60);
    // Run once more, it stays failed.
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Failed);
    assert_eq!(Outcome::Failed.exit_code(), 1);
}

#[test]
fn a_failure_that_names_no_region_sets_the_canary_back_wherever_it_runs() {
    let world =
        check(in_wave(1, |question| says(Said::Fail, question)), Options::default(), Outcome::Failed, UNTOUCHED);
    assert_eq!(world.state().waves[1].state, WaveState::Failed);
    // Names that mean nothing here are none: the report of mixed traces has a row for all regions together.
    let named = |question: &Question| Verdict {
        roll_back: vec!["all".to_owned(), "ap-south-1".to_owned()],
        ..says(Said::Fail, question)
    };
    check(in_wave(1, named), Options::default(), Outcome::Failed, UNTOUCHED);
}

#[test]
fn a_failure_in_a_region_of_an_earlier_wave_sets_it_back_there() {
    let fails = |question: &Question| Verdict { roll_back: vec!["us-east-2".to_owned()], ..says(Said::Fail, question) };
    check(
        in_wave(1, fails),
        Options::default(),
        Outcome::Failed,
        ["us-east-2 6", "us-west-2 11 and 20 % to 12", "eu-west-2 3 and 20 % to 5", "ap-south-1 1"],
    );
}

#[test]
fn what_is_undecided_at_the_deadline_follows_the_policy() {
    // What nobody has seen, or what a share that is off deceives about, is promoted by no policy.
    for (said, is_seen) in [(Said::Inconclusive, true), (Said::NoData, false), (Said::Invalid, false)] {
        let judge = || in_wave(1, move |question| says(said, question));
        let world = check(judge(), policy(OnInconclusive::Hold), Outcome::Held, SECOND_HELD);
        // Five minutes of the first wave, five of the second, and five until the deadline.
        assert_eq!(world.0.borrow().now - BEGIN, 15 * 60);
        check(judge(), policy(OnInconclusive::Rollback), Outcome::Failed, FIRST_HELD);
        let promoted = if is_seen { (Outcome::Promoted, PROMOTED) } else { (Outcome::Held, SECOND_HELD) };
        let world = check(judge(), policy(OnInconclusive::Promote), promoted.0, promoted.1);
        assert_eq!(world.state().waves[1].by, Some(Decider::Policy));
        let options = Options { deadline_seconds: Some(3600), ..policy(OnInconclusive::Hold) };
        let world = check(judge(), options, Outcome::Held, SECOND_HELD);
        assert_eq!(world.0.borrow().now - BEGIN, 10 * 60 + 3600);
    }
    assert_eq!(Outcome::Held.exit_code(), 4);
}

#[test]
fn what_a_policy_promotes_rests_on_everything_there_is() {
    // What came later than each look reads again is seen by one that reads all.
    let judge = |is_late: bool| {
        in_wave(1, move |question| match is_late && question.reads_all {
            true => Verdict { is_hindered: true, ..says(Said::Inconclusive, question) },
            false => says(Said::Inconclusive, question),
        })
    };
    for (is_late, look_seconds, outcome) in [
        (true, 0, Outcome::Held),
        (true, 40, Outcome::Held),
        (false, 0, Outcome::Promoted),
        (false, 40, Outcome::Promoted),
    ] {
        let mut fake = Fake::new(judge(is_late));
        fake.look_seconds = look_seconds;
        let world = Hold::new(fake);
        assert_eq!(world.run(&plan(THREE_WAVES), policy(OnInconclusive::Promote)), outcome, "{is_late} {look_seconds}");
        let fake = world.0.borrow();
        let wave: Vec<_> = fake.questions.iter().filter(|(_, question)| question.wave == 1).collect();
        let all: Vec<i64> = wave.iter().filter(|(_, question)| question.reads_all).map(|(at, _)| at - BEGIN).collect();
        // Once, and the last one: a look that the deadline overtook is done once more.
        assert_eq!(all.len(), 1, "{is_late} {look_seconds}: {all:?}");
        assert!(wave.iter().rfind(|(_, question)| question.until.is_none()).unwrap().1.reads_all);
    }
    // Where the policy promotes nothing, nothing is read for it.
    for other in [OnInconclusive::Hold, OnInconclusive::Rollback] {
        let world = Hold::new(Fake::new(judge(true)));
        world.run(&plan(THREE_WAVES), policy(other));
        assert!(world.0.borrow().questions.iter().all(|(_, question)| !question.reads_all));
    }
}

#[test]
fn what_is_held_can_be_gone_on_with() {
    let later: Judging = Rc::new(|question, seconds| {
        let said = if question.wave == 1 && seconds < 18 * 60 { Said::Inconclusive } else { Said::Pass };
        Ok(says(said, question))
    });
    let world = check(later, Options::default(), Outcome::Held, SECOND_HELD);
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    assert_eq!(world.shows(), PROMOTED);
}

#[test]
fn a_judge_that_never_answers_promotes_nothing() {
    let silent: Judging = Rc::new(|_, _| Err(JudgeError::Unanswered("exit code 70".to_owned())));
    check(silent.clone(), policy(OnInconclusive::Promote), Outcome::Held, FIRST_HELD);
    check(silent, policy(OnInconclusive::Rollback), Outcome::Failed, UNTOUCHED);
}

#[test]
fn a_question_is_refused_once_or_never() {
    // From which second on it refuses, until when, and what becomes of it by each policy, after how many looks.
    for (from, until, rollback, hold, looks) in [
        // Never answered: waiting would not help.
        (0, i64::MAX, (Outcome::Failed, UNTOUCHED), (Outcome::Held, FIRST_HELD), Some(1)),
        // A lake that was away for a look, or a clock that was set: whoever answers asks and is asked rightly.
        (180, 181, (Outcome::Promoted, PROMOTED), (Outcome::Promoted, PROMOTED), None),
        // At the first look of a later wave.
        (420, 421, (Outcome::Promoted, PROMOTED), (Outcome::Promoted, PROMOTED), None),
        // For good: it is undecided at the deadline.
        (180, i64::MAX, (Outcome::Failed, UNTOUCHED), (Outcome::Held, FIRST_HELD), Some(9)),
    ] {
        for (on_inconclusive, (outcome, shows)) in
            [(OnInconclusive::Rollback, rollback), (OnInconclusive::Promote, hold), (OnInconclusive::Hold, hold)]
        {
            let judge: Judging = Rc::new(move |question, seconds| match (from..until).contains(&seconds) {
                true => Err(JudgeError::Refused("no lake at lake".to_owned())),
                false => Ok(says(Said::Pass, question)),
            });
            let world = check(judge, policy(on_inconclusive), outcome, shows);
            let asked = world.0.borrow().questions.len();
            assert_eq!(asked, looks.unwrap_or(asked), "{from} {until} {on_inconclusive:?}");
        }
    }
}

#[test]
fn a_region_of_the_wave_in_which_nobody_has_seen_the_canary_is_promoted_by_no_policy() {
    for said in [Said::Pass, Said::Inconclusive] {
        let silent = move |question: &Question| {
            let mut verdict = says(said, question);
            verdict.requests.insert("eu-west-2".to_owned(), 0);
            verdict
        };
        for (on_inconclusive, outcome, shows) in [
            (OnInconclusive::Promote, Outcome::Held, SECOND_HELD),
            (OnInconclusive::Hold, Outcome::Held, SECOND_HELD),
            (OnInconclusive::Rollback, Outcome::Failed, FIRST_HELD),
        ] {
            let world = check(in_wave(1, silent), policy(on_inconclusive), outcome, shows);
            let told = report(&world.state(), &[]).reason;
            assert!(told.contains("eu-west-2 has 0 of 100 requests"), "{told}");
        }
    }
}

#[test]
fn what_hinders_is_told_only_where_it_does() {
    // Before a minute is over nothing was counted, and that is all.
    for (said, is_hindered, expected) in [
        (Said::NoData, true, None),
        (Said::Invalid, true, None),
        (Said::Inconclusive, false, None),
        (Said::Inconclusive, true, Some("INCONCLUSIVE does not pass: not everything was seen")),
    ] {
        let hindered = move |question: &Question| Verdict { is_hindered, ..says(said, question) };
        for on_inconclusive in [OnInconclusive::Promote, OnInconclusive::Hold] {
            let world = Hold::new(Fake::new(in_wave(0, hindered)));
            let is_held = is_hindered || on_inconclusive == OnInconclusive::Hold;
            let outcome = if is_held { Outcome::Held } else { Outcome::Promoted };
            assert_eq!(world.run(&plan(THREE_WAVES), policy(on_inconclusive)), outcome, "{said:?}");
            let state = world.state();
            let told = state.events.iter().find(|event| event.what == What::HeldBack).map(|event| event.why.as_str());
            assert_eq!(told, expected, "{said:?} {is_hindered}");
        }
    }
}

#[test]
fn a_judge_that_answers_again_is_listened_to() {
    let stutters: Judging = Rc::new(|question, seconds| match seconds % 120 {
        0 => Err(JudgeError::Unanswered("exit code 3".to_owned())),
        _ => Ok(says(Said::Pass, question)),
    });
    check(stutters, Options::default(), Outcome::Promoted, PROMOTED);
}

#[test]
fn a_missing_region_never_passes() {
    let missing =
        |question: &Question| Verdict { missing_regions: vec!["eu-west-2".to_owned()], ..says(Said::Pass, question) };
    check(in_wave(1, missing), Options::default(), Outcome::Held, SECOND_HELD);
    // Nor does one that is not listed at all.
    let unlisted = |question: &Question| {
        let mut verdict = says(Said::Pass, question);
        verdict.requests.remove("eu-west-2");
        verdict
    };
    check(in_wave(1, unlisted), Options::default(), Outcome::Held, SECOND_HELD);
    // Not even if it passed before it went missing.
    let goes: Judging = Rc::new(|question, seconds| {
        let missing_regions = if seconds > 7 * 60 { vec!["us-west-2".to_owned()] } else { Vec::new() };
        Ok(Verdict { missing_regions, ..says(Said::Pass, question) })
    });
    check(goes, Options::default(), Outcome::Held, SECOND_HELD);
}

#[test]
fn too_few_requests_hold_a_pass_back() {
    let waves =
        r#"[{"name": "only", "regions": ["us-east-2", "us-west-2"], "weight": 10, "bake": "5m", "min_requests": 500}]"#;
    let grows: Judging = Rc::new(|question, seconds| {
        let mut verdict = says(Said::Pass, question);
        verdict.requests.insert("us-west-2".to_owned(), u64::try_from(seconds).unwrap());
        Ok(verdict)
    });
    let world = Hold::new(Fake::new(grows));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Promoted);
    // 480 requests after eight minutes are not enough, and 540 after nine are.
    assert_eq!(world.0.borrow().now - BEGIN, 9 * 60);
    // A pass that is held back is asked for again by the same series.
    let fake = world.0.borrow();
    let series: Vec<u32> = fake.questions.iter().map(|(_, question)| question.series).collect();
    assert_eq!(series, [0; 8]);
    drop(fake);
    // With more asked for than ever comes it is undecided.
    let world = Hold::new(Fake::new(Rc::new(|question, _| {
        let mut verdict = says(Said::Pass, question);
        verdict.requests.insert("us-west-2".to_owned(), 499);
        Ok(verdict)
    })));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Held);
    assert!(world.state().events.iter().any(|event| event.why.contains("us-west-2 has 499 of 500 requests")));
}

#[test]
fn a_pass_before_the_bake_is_over_bakes_on_and_a_later_failure_counts() {
    let breaks: Judging = Rc::new(|question, seconds| {
        // A verdict stays in its own series; the failure is seen by the one that began after it.
        let fails = question.series > 0 && seconds >= 4 * 60;
        Ok(says(if fails { Said::Fail } else { Said::Pass }, question))
    });
    check(breaks, Options::default(), Outcome::Failed, UNTOUCHED);
}

#[test]
fn what_passed_stays_passed_while_a_later_series_is_too_young() {
    let later = |said: Said| -> Judging {
        Rc::new(move |question, _| Ok(says(if question.series > 0 { said } else { Said::Pass }, question)))
    };
    check(later(Said::Inconclusive), Options::default(), Outcome::Promoted, PROMOTED);
    // Something speaks against it: it has not stayed as it was.
    let doubtful: Judging = Rc::new(|question, _| {
        let said = if question.series > 0 { Said::Inconclusive } else { Said::Pass };
        Ok(Verdict { is_fine: question.series == 0, ..says(said, question) })
    });
    check(doubtful, policy(OnInconclusive::Hold), Outcome::Held, FIRST_HELD);
    // A canary that answers nobody any more, or whose share is off, has not stayed as it was.
    check(later(Said::NoData), policy(OnInconclusive::Promote), Outcome::Held, FIRST_HELD);
    check(later(Said::Invalid), policy(OnInconclusive::Promote), Outcome::Held, FIRST_HELD);
}

#[test]
fn a_region_that_a_report_names_is_rolled_back_whatever_the_report_is_called() {
    for said in [Said::Invalid, Said::Inconclusive, Said::Pass, Said::NoData] {
        let names =
            in_wave(1, move |question| Verdict { roll_back: vec!["us-west-2".to_owned()], ..says(said, question) });
        let world = Hold::new(Fake::new(names));
        assert_eq!(world.run(&plan(THREE_WAVES), policy(OnInconclusive::Promote)), Outcome::Failed);
        assert_eq!(world.shows()[1], "us-west-2 11");
    }
}

#[test]
fn a_broken_baseline_does_not_block_its_fix() {
    // A judge that sees the baseline fail everywhere and says PASS of the canary, as by --slo or because the baseline is
    // worse. Nothing else about the baseline comes in here, and so nothing else can stop it.
    let fix = |question: &Question| Verdict {
        reason: "the canary is not worse: 0 of 900 canary units failed, 9000 of 9000 of the baseline".to_owned(),
        ..says(Said::Pass, question)
    };
    check(Rc::new(move |question, _| Ok(fix(question))), Options::default(), Outcome::Promoted, PROMOTED);
    // Where even the comparison cannot be had, somebody says so.
    let world = Hold::new(Fake::new(always(Said::Invalid)));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Held);
    let mut rollout = world.rollout(&plan(THREE_WAVES), Options::default(), Some(&forced("1.4.1 is down"))).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Held));
    assert_eq!(world.shows(), SECOND_HELD);
}

#[test]
fn a_wave_of_everything_keeps_a_baseline_until_all_have_passed() {
    let waves = r#"[{"name": "half", "regions": ["us-east-2"], "weight": 50, "bake": "5m"},
        {"name": "all", "regions": ["us-east-2", "us-west-2"], "weight": 100, "bake": "5m"}]"#;
    let world = Hold::new(Fake::new(always(Said::Pass)));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Promoted);
    assert_eq!(world.shows(), ["us-east-2 7", "us-west-2 12", "eu-west-2 3", "ap-south-1 1"]);
    // Half, then most of both regions, then everything.
    let shown: Vec<String> = world.0.borrow().journal.iter().map(|entry| format!("{entry:?}")).collect();
    assert_eq!(shown.len(), 5, "{shown:?}");
    let world = Hold::new(Fake::new(in_wave(1, |question| says(Said::Inconclusive, question))));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Held);
    assert_eq!(world.shows()[..2], ["us-east-2 6 and 90 % to 7", "us-west-2 11 and 90 % to 12"]);
    let world = Hold::new(Fake::new(in_wave(1, |question| says(Said::Fail, question))));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Failed);
    assert_eq!(world.shows(), UNTOUCHED);
}

#[test]
fn a_wave_that_changes_no_weight_is_watched_all_the_same() {
    let waves = r#"[{"name": "short", "regions": ["us-east-2"], "weight": 50, "bake": "5m"},
        {"name": "long", "regions": ["us-east-2"], "weight": 50, "bake": "10m"}]"#;
    let world = Hold::new(Fake::new(always(Said::Pass)));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Promoted);
    assert_eq!((world.0.borrow().journal.len(), world.0.borrow().now - BEGIN), (2, 15 * 60));
}

#[test]
fn a_bake_of_nothing_is_decided_by_its_first_look() {
    let waves = r#"[{"name": "now", "regions": ["us-east-2"], "weight": 50, "bake": "0s"}]"#;
    for (said, outcome) in
        [(Said::Pass, Outcome::Promoted), (Said::Inconclusive, Outcome::Held), (Said::Fail, Outcome::Failed)]
    {
        let world = Hold::new(Fake::new(always(said)));
        assert_eq!(world.run(&plan(waves), Options::default()), outcome);
        assert_eq!((world.0.borrow().questions.len(), world.0.borrow().now), (1, BEGIN));
    }
}

// --- what others do ---

#[test]
fn a_foreign_change_is_never_overwritten() {
    // Before anything was done.
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().set_by("us-east-2", routing("5"));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Conflict);
    assert_eq!(world.shows(), ["us-east-2 5", "us-west-2 11", "eu-west-2 3", "ap-south-1 1"]);
    assert!(world.0.borrow().journal.is_empty());
    let state = world.state();
    let why = &state.events.last().unwrap().why;
    assert!(
        why.contains("us-east-2 (alias live sends to 5, and 6 was expected: somebody else has changed it)"),
        "{why}"
    );
    assert_eq!(Outcome::Conflict.exit_code(), 3);
    // Once it is as it was, it goes on.
    world.0.borrow_mut().set_by("us-east-2", routing("6"));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    assert_eq!(world.shows(), PROMOTED);
}

#[test]
fn a_foreign_change_in_an_earlier_wave_stops_the_next() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().foreign.push((BEGIN + 120, "us-east-2".to_owned(), routing("6")));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Conflict);
    // Somebody set it back by hand: no further region gets the canary.
    assert_eq!(world.shows(), UNTOUCHED);
}

#[test]
fn a_change_between_reading_and_setting_is_noticed_and_the_wave_taken_back() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    let waves = r#"[{"name": "both", "regions": ["us-east-2", "us-west-2"], "weight": 10, "bake": "5m"}]"#;
    let plan = plan(waves);
    let mut rollout = world.rollout(&plan, Options::default(), None).unwrap();
    // The check reads both; the change comes after us-west-2 was read to be changed.
    let mut reads = 0;
    let mut observation = Observation::Nothing;
    let (mut cloud, mut judge, mut clock, mut store) = (world.clone(), world.clone(), world.clone(), world.clone());
    let told = &mut |_: &Event| {};
    let mut all = World { cloud: &mut cloud, judge: &mut judge, clock: &mut clock, store: &mut store, told };
    let outcome = loop {
        let now = all.clock.now();
        let action = rollout.step(observation, now);
        if matches!(&action, Action::ReadAlias { region } if region == "us-west-2") {
            reads += 1;
            if reads == 2 {
                world.0.borrow_mut().foreign_after_read = Some(("us-west-2".to_owned(), routing("9")));
            }
        }
        if let Action::Finished(outcome) = action {
            break outcome;
        }
        observation = perform(&action, &mut rollout, &mut all).unwrap();
    };
    assert_eq!(outcome, Outcome::Conflict);
    assert_eq!(world.shows(), ["us-east-2 6", "us-west-2 9", "eu-west-2 3", "ap-south-1 1"]);
    assert_eq!(world.state().waves[0].state, WaveState::Pending);
}

#[test]
fn a_foreign_change_while_setting_back_leaves_that_region_and_sets_the_others_back() {
    let waves = r#"[{"name": "all", "regions": ["us-east-2", "us-west-2", "eu-west-2"], "weight": 10, "bake": "5m"}]"#;
    let world = Hold::new(Fake::new(always(Said::Fail)));
    world.0.borrow_mut().foreign.push((BEGIN + 60, "eu-west-2".to_owned(), routing("4")));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Conflict);
    assert_eq!(world.shows(), ["us-east-2 6", "us-west-2 11", "eu-west-2 4", "ap-south-1 1"]);
    // Somebody cleans up; what is left of the rollback is found done.
    world.0.borrow_mut().set_by("eu-west-2", routing("3"));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Failed);
}

#[test]
fn a_foreign_change_to_what_was_wanted_is_no_conflict() {
    let names = |question: &Question| Verdict {
        roll_back: vec!["us-west-2".to_owned(), "eu-west-2".to_owned()],
        ..says(Said::Fail, question)
    };
    let world = Hold::new(Fake::new(in_wave(1, names)));
    // Somebody is faster than the rollback.
    world.0.borrow_mut().foreign.push((BEGIN + 360, "us-west-2".to_owned(), routing("11")));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Failed);
    assert_eq!(world.shows(), FIRST_HELD);
    assert!(!world.0.borrow().journal.contains(&("us-west-2".to_owned(), "11".to_owned())));
}

#[test]
fn an_alias_that_changes_all_the_time_is_let_be() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().restless = Some("us-west-2".to_owned());
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Unreachable);
    assert_eq!(world.shows(), FIRST_HELD);
    assert!(report(&world.state(), &[]).reason.contains("us-west-2 (its alias changes all the time)"));
    world.0.borrow_mut().restless = None;
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
}

#[test]
fn what_could_not_be_taken_back_is_told_beside_what_could_not_begin() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    {
        let mut fake = world.0.borrow_mut();
        fake.set_faults.insert("us-west-2".to_owned(), vec![Fault::Denied]);
        // The first change of eu-west-2 is made, and its taking back is not allowed.
        fake.set_faults.insert("eu-west-2".to_owned(), vec![Fault::LostAnswer, Fault::Denied]);
    }
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Unreachable);
    let told = report(&world.state(), &[]);
    assert_eq!(told.missing_regions, ["eu-west-2", "us-west-2"]);
    assert_eq!(world.shows()[2], "eu-west-2 3 and 20 % to 5");
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    assert_eq!(world.shows(), PROMOTED);
}

// --- what fails ---

#[test]
fn throttling_lost_answers_and_short_outages_change_nothing() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    {
        let mut fake = world.0.borrow_mut();
        let faults = vec![Fault::Throttled, Fault::LostAnswer, Fault::Throttled, Fault::LostAnswer];
        fake.set_faults = VERSIONS.iter().map(|(region, ..)| ((*region).to_owned(), faults.clone())).collect();
        fake.read_faults.insert("us-east-2".to_owned(), vec![Fault::Throttled; 3]);
        fake.down.push(("us-west-2".to_owned(), BEGIN + 300, BEGIN + 340));
    }
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    assert_eq!(world.shows(), PROMOTED);
    // What was done without an answer is found done, and not done again.
    assert_eq!(world.0.borrow().journal.len(), 9);
}

#[test]
fn a_wave_that_cannot_begin_everywhere_begins_nowhere() {
    // Known before: nothing is touched.
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().down.push(("us-west-2".to_owned(), BEGIN, BEGIN + 3600));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Unreachable);
    assert_eq!(world.shows(), FIRST_HELD);
    // Known when it is refused: what was set is taken back.
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().set_faults.insert("us-west-2".to_owned(), vec![Fault::Denied]);
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Unreachable);
    assert_eq!(world.shows(), FIRST_HELD);
    let journal = world.0.borrow().journal.clone();
    assert_eq!(
        journal[1..],
        [("eu-west-2".to_owned(), "3 and 20 % to 5".to_owned()), ("eu-west-2".to_owned(), "3".to_owned())]
    );
    // And gone on with when it can.
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    assert_eq!(world.shows(), PROMOTED);
}

#[test]
fn a_permission_that_is_missing_is_said_at_once() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().read_faults.insert("us-east-2".to_owned(), vec![Fault::Denied]);
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Unreachable);
    assert_eq!((world.shows(), world.0.borrow().now), (UNTOUCHED.map(str::to_owned).to_vec(), BEGIN));
    assert_eq!(Outcome::Unreachable.exit_code(), 3);
}

#[test]
fn a_region_that_is_down_does_not_keep_the_others_from_being_set_back() {
    let waves = r#"[{"name": "all", "regions": ["us-east-2", "us-west-2", "eu-west-2"], "weight": 10, "bake": "5m"}]"#;
    let world = Hold::new(Fake::new(always(Said::Fail)));
    world.0.borrow_mut().down.push(("eu-west-2".to_owned(), BEGIN + 30, BEGIN + 3600));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Unreachable);
    assert_eq!(world.shows(), ["us-east-2 6", "us-west-2 11", "eu-west-2 3 and 10 % to 5", "ap-south-1 1"]);
    let state = world.state();
    let told = report(&state, &[]);
    assert_eq!((told.missing_regions.as_slice(), told.complete), (&["eu-west-2".to_owned()][..], false));
    assert_eq!(
        told.rows.iter().map(|row| row.state).collect::<Vec<_>>(),
        ["unreachable", "rolled_back", "rolled_back"]
    );
    // Later it is retried there alone, and it is a failure then.
    let done = world.0.borrow().journal.len();
    world.0.borrow_mut().now = BEGIN + 3600;
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Failed);
    assert_eq!(world.0.borrow().journal[done..], [("eu-west-2".to_owned(), "3".to_owned())]);
    assert_eq!(world.shows(), UNTOUCHED);
}

#[test]
fn a_region_that_is_down_does_not_keep_the_others_from_being_promoted() {
    let waves = r#"[{"name": "all", "regions": ["us-east-2", "us-west-2"], "weight": 10, "bake": "5m"}]"#;
    let world = Hold::new(Fake::new(always(Said::Pass)));
    let plan = plan(waves);
    let mut rollout = world.rollout(&plan, Options::default(), None).unwrap();
    // It can be read, and not be changed any more, once the wave has passed.
    let held = world.clone();
    world.0.borrow_mut().judge = Rc::new(move |question, seconds| {
        if seconds >= 300 {
            let mut fake = held.0.borrow_mut();
            fake.set_faults.insert("us-east-2".to_owned(), vec![Fault::Throttled; 50]);
        }
        Ok(says(Said::Pass, question))
    });
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Unreachable));
    assert_eq!(world.shows()[..2], ["us-east-2 6 and 10 % to 7", "us-west-2 12"]);
    world.0.borrow_mut().set_faults.clear();
    assert_eq!(world.run(&plan, Options::default()), Outcome::Promoted);
    assert_eq!(world.shows()[..2], ["us-east-2 7", "us-west-2 12"]);
}

#[test]
fn nothing_is_done_that_could_not_be_written_down() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().disk_is_full = true;
    let mut rollout = world.rollout(&plan(THREE_WAVES), Options::default(), None).unwrap();
    assert_eq!(world.drive(&mut rollout), Err(DriveError::Unsaved("no space left on device".to_owned())));
    assert_eq!(world.shows(), UNTOUCHED);
}

// --- what people decide ---

#[test]
fn an_override_is_logged_with_its_reason_and_decides_one_wave() {
    let world = Hold::new(Fake::new(always(Said::Inconclusive)));
    let plan = plan(THREE_WAVES);
    assert_eq!(world.run(&plan, Options::default()), Outcome::Held);
    let mut rollout = world.rollout(&plan, Options::default(), Some(&forced(" low traffic on Sundays "))).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Held));
    assert_eq!(world.shows(), SECOND_HELD);
    let state = world.state();
    assert_eq!(state.overrides.len(), 1);
    let Overridden { at, wave, reason, by, .. } = &state.overrides[0];
    assert_eq!(
        (at.0, *wave, reason.as_str(), by.as_str()),
        (BEGIN + 600, 0, "low traffic on Sundays", "ada@example.com")
    );
    assert_eq!(state.waves[0].by, Some(Decider::Override));
    let event = state.events.iter().find(|event| event.what == What::Override).unwrap();
    assert_eq!(event.why, "ada@example.com: low traffic on Sundays (passes without the judge)");
    assert_eq!(event.wave.as_deref(), Some("first"));
}

#[test]
fn an_override_skips_the_judge_and_the_bake() {
    let world = Hold::new(Fake::new(in_wave(0, |_| panic!("the judge is asked"))));
    let plan = plan(THREE_WAVES);
    let mut rollout = world.rollout(&plan, Options::default(), Some(&forced("a fix that cannot wait"))).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Promoted));
    assert_eq!(world.0.borrow().now - BEGIN, 10 * 60);
}

#[test]
fn an_override_can_promote_what_failed() {
    let fails = |question: &Question| Verdict { roll_back: vec!["us-west-2".to_owned()], ..says(Said::Fail, question) };
    let world = Hold::new(Fake::new(in_wave(1, fails)));
    let plan = plan(THREE_WAVES);
    assert_eq!(world.run(&plan, Options::default()), Outcome::Failed);
    let mut rollout = world.rollout(&plan, Options::default(), Some(&forced("a partner was down"))).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Promoted));
    assert_eq!(world.shows(), PROMOTED);
}

#[test]
fn an_override_can_set_everything_back() {
    let back = Override { decision: Decision::RollBack, ..forced("checkout is slow") };
    let plan = plan(THREE_WAVES);
    for (judge, outcome) in [
        (always(Said::Pass), Outcome::Promoted),
        (in_wave(1, |question| says(Said::Inconclusive, question)), Outcome::Held),
        (
            in_wave(1, |question| Verdict { roll_back: vec!["us-west-2".to_owned()], ..says(Said::Fail, question) }),
            Outcome::Failed,
        ),
    ] {
        let world = Hold::new(Fake::new(judge));
        assert_eq!(world.run(&plan, Options::default()), outcome);
        let mut rollout = world.rollout(&plan, Options::default(), Some(&back)).unwrap();
        assert_eq!(world.drive(&mut rollout), Ok(Outcome::Failed));
        assert_eq!(world.shows(), UNTOUCHED);
        // There is nothing left to be set back.
        let more = Override { decision: Decision::RollBack, ..forced("checkout is still slow") };
        let again = world.rollout(&plan, Options::default(), Some(&more)).unwrap_err();
        assert!(matches!(again, RolloutError::NothingToOverride(_)), "{again}");
    }
}

#[test]
fn an_override_takes_a_reason_and_something_to_decide() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    let plan = plan(THREE_WAVES);
    for empty in ["", "  \n"] {
        assert_eq!(world.rollout(&plan, Options::default(), Some(&forced(empty))).unwrap_err(), RolloutError::NoReason);
    }
    assert_eq!(world.run(&plan, Options::default()), Outcome::Promoted);
    let error = world.rollout(&plan, Options::default(), Some(&forced("why not"))).unwrap_err();
    assert_eq!(error.to_string(), "nothing to override: the canary is promoted");
}

#[test]
fn the_same_override_is_not_taken_twice() {
    let world = Hold::new(Fake::new(always(Said::Inconclusive)));
    let (plan, reason) = (plan(THREE_WAVES), forced("low traffic"));
    // Killed in the bake of the second wave, and run again with the same words.
    let mut steps = 0;
    let outcome = world.run_killed(&plan, Options::default(), Some(&reason), &mut || {
        steps += 1;
        steps == 60
    });
    assert_eq!((outcome, world.shows()), (Outcome::Held, SECOND_HELD.map(str::to_owned).to_vec()));
    assert_eq!(world.state().overrides.len(), 1);
    // Nor is it one when it has stopped by itself: a pipeline that tries again decides nothing about the next wave.
    let mut rollout = world.rollout(&plan, Options::default(), Some(&reason)).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Held));
    assert_eq!(world.shows(), SECOND_HELD);
    let other = forced("low traffic in the second wave too");
    let mut rollout = world.rollout(&plan, Options::default(), Some(&other)).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Held));
    assert_eq!(world.state().overrides.iter().map(|one| one.wave).collect::<Vec<_>>(), [0, 1]);
    // And one that has done its work is no mistake when it is repeated.
    let world = Hold::new(Fake::new(in_wave(0, |question| says(Said::Fail, question))));
    for _ in 0..2 {
        let mut rollout = world.rollout(&plan, Options::default(), Some(&reason)).unwrap();
        assert_eq!(world.drive(&mut rollout), Ok(Outcome::Promoted));
    }
}

// --- the state ---

#[test]
fn a_state_is_not_gone_on_with_by_another_plan() {
    let world = Hold::new(Fake::new(always(Said::Inconclusive)));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Held);
    let check = |plan: &Plan, expected: &str| {
        let error = world.rollout(plan, Options::default(), None).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        &Plan { canary: "1.4.3".into(), ..plan(THREE_WAVES) },
        "the state was begun with canary 1.4.2, and this asks with 1.4.3",
    );
    check(
        &plan(&THREE_WAVES.replace("\"weight\": 20", "\"weight\": 25")),
        "the state was begun with wave 2 {\"name\":\"second\",\"regions\":[\"us-west-2\",\"eu-west-2\"],\"weight\":20,\"bake_seconds\":300,\"min_requests\":100}, and this asks with {\"name\":\"second\",\"regions\":[\"us-west-2\",\"eu-west-2\"],\"weight\":25,\"bake_seconds\":300,\"min_requests\":100}",
    );
    let mut other = plan(THREE_WAVES);
    other.regions.get_mut("eu-west-2").unwrap().canary = "6".into();
    check(&other, "the state was begun with versions in eu-west-2 3 and 5, and this asks with 3 and 6");
    // How often it looks and what it does at a deadline may change.
    let options = Options { on_inconclusive: OnInconclusive::Rollback, deadline_seconds: Some(0), every_seconds: 5 };
    assert_eq!(world.run(&plan(THREE_WAVES), options), Outcome::Failed);
    assert_eq!(world.shows(), UNTOUCHED);
}

#[test]
fn a_document_that_is_no_state_is_refused() {
    let world = Hold::new(Fake::new(always(Said::Inconclusive)));
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Held);
    let text = world.0.borrow().saved.clone().unwrap();
    assert_eq!(State::parse(&text.replace("state\": 1", "state\": 2")), Err(StateError::OtherVersion(2)));
    // What was written before there was such a thing is gone on with.
    let older: Vec<&str> = text.lines().filter(|line| !line.contains("\"between\"")).collect();
    assert_eq!(State::parse(&older.join("\n")), Ok(world.state()));
    for (wrong, expected) in [
        (String::new(), "EOF"),
        ("[]".to_owned(), "it is no state"),
        ("{\"transect_canary_state\":1}".to_owned(), "missing field"),
        (text[..text.len() / 2].to_owned(), "EOF"),
        (text.replacen("\"weight\": 20", "\"weight\": 90", 1), "its plan was changed by hand"),
        (text.replacen("\"forced\"", "\"farced\"", 1), "unknown field `farced`"),
    ] {
        let error = State::parse(&wrong).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_log_is_bounded_and_keeps_what_is_about_aliases() {
    let waves = r#"[{"name": "long", "regions": ["us-east-2"], "weight": 50, "bake": "2d"}]"#;
    // Every look says something else than the one before.
    let flaps: Judging = Rc::new(|question, seconds| {
        Ok(says(if seconds / 60 % 2 == 0 { Said::Inconclusive } else { Said::NoData }, question))
    });
    let world = Hold::new(Fake::new(flaps));
    assert_eq!(world.run(&plan(waves), Options { deadline_seconds: Some(0), ..Options::default() }), Outcome::Held);
    let state = world.state();
    assert_eq!(state.events.len(), EVENTS_MAX);
    // Every minute of two days, but the first.
    assert_eq!(state.waves[0].looks, 2 * 1440 - 1);
    assert!(state.events_dropped > 1500);
    let kept: Vec<What> = state.events.iter().take(4).map(|event| event.what).collect();
    assert_eq!(kept, [What::Begun, What::Intended, What::Changed, What::Baking]);
    assert!(world.0.borrow().saved.as_ref().unwrap().len() < 1 << 20);
}
