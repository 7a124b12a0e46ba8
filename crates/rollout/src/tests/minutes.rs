//! Which minutes are judged, and by whom: none is nobody's, none is judged twice, and no pause, kill or clock makes one so.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::fake::*;
use crate::*;

const MINUTE: i64 = 60;

/// From when until when each series of looks has judged, by its wave and number.
type Series = BTreeMap<(usize, u32), (i64, i64)>;

/// Minutes since the beginning that a look has judged, where they are over for so long when they are counted.
fn seen(question: &Question, seconds: i64, settle_minutes: i64) -> std::ops::Range<i64> {
    let minute = |moment: Moment| (moment.0 - BEGIN).div_euclid(MINUTE);
    let over = seconds.div_euclid(MINUTE) - settle_minutes;
    minute(question.since)..question.until.map_or(over, |until| minute(until).min(over))
}

/// A judge of a canary that fails in these minutes of a region, and tells it as soon as one of them is judged.
fn fails_in(region: &'static str, bad: Vec<i64>, settle_minutes: i64, block: i64) -> Judging {
    Rc::new(move |question, seconds| {
        let seen = seen(question, seconds, settle_minutes);
        let is_whole = question.until.is_some_and(|until| (until.0 - BEGIN) / MINUTE == seen.end);
        let open = if is_whole { 0 } else { (seen.end - seen.start).rem_euclid(block) };
        let judged = seen.start..seen.end - open;
        let is_asked = question.regions.iter().any(|of| of.region == region);
        let said = match () {
            () if is_asked && bad.iter().any(|minute| judged.contains(minute)) => Said::Fail,
            () if seen.is_empty() => Said::NoData,
            () if judged.is_empty() => Said::Inconclusive,
            () => Said::Pass,
        };
        let roll_back = if said == Said::Fail { vec![region.to_owned()] } else { Vec::new() };
        Ok(Verdict { roll_back, ..says(said, question) })
    })
}

fn world(judge: Judging, settle_minutes: i64) -> Hold {
    let world = Hold::new(Fake::new(judge));
    world.0.borrow_mut().settle_seconds = settle_minutes * MINUTE;
    world
}

fn rollback(deadline_seconds: u64) -> Options {
    Options {
        on_inconclusive: OnInconclusive::Rollback,
        deadline_seconds: Some(deadline_seconds),
        ..Options::default()
    }
}

const ONE_WAVE: &str = r#"[{"name": "only", "regions": ["us-east-2"], "weight": 50, "bake": "40m"}]"#;
const TWO_WAVES: &str = r#"[{"name": "first", "regions": ["us-east-2"], "weight": 10, "bake": "10m"},
    {"name": "second", "regions": ["us-west-2"], "weight": 10, "bake": "20m"}]"#;

#[test]
fn another_series_begins_where_the_one_before_has_judged() {
    // Minutes of settling; when a series was first asked, and from which minute on it counts.
    for (settle, expected) in [
        (0, [(2, 0, 2), (11, 1, 10), (21, 2, 20), (31, 3, 30)]),
        (5, [(2, 0, 2), (11, 1, 5), (21, 2, 15), (31, 3, 25)]),
        (8, [(2, 0, 2), (12, 1, 3), (21, 2, 12), (31, 3, 22)]),
    ] {
        let world = world(fails_in("us-east-2", Vec::new(), settle, 1), settle);
        assert_eq!(world.run(&plan(ONE_WAVE), rollback(300)), Outcome::Promoted, "{settle}");
        let mut first: BTreeMap<u32, (i64, u32, i64)> = BTreeMap::new();
        for (at, of) in &world.0.borrow().questions {
            let minutes = |seconds: i64| (seconds - BEGIN) / MINUTE;
            first.entry(of.series).or_insert((minutes(*at), of.series, minutes(of.since.0)));
        }
        assert_eq!(first.into_values().collect::<Vec<_>>(), expected, "{settle}");
    }
}

#[test]
fn no_series_begins_that_would_find_nothing_before_it_is_asked() {
    // It passes at the eighteenth minute and at the thirty-fifth, and a series that began where the clock stands would find
    // nothing until the forty-sixth. At the thirty-ninth none begins at all.
    for (bad, outcome) in [(Vec::new(), Outcome::Promoted), (vec![27], Outcome::Failed)] {
        for passes_at in [35, 39] {
            let inner = fails_in("us-east-2", bad.clone(), 10, 1);
            let judge: Judging = Rc::new(move |question, seconds| {
                let minute = seconds / MINUTE;
                let is_undecided = minute < 18 || question.series > 0 && minute < passes_at;
                let verdict = inner(question, seconds)?;
                let said = if verdict.said == Said::Pass && is_undecided { Said::Inconclusive } else { verdict.said };
                Ok(Verdict { said, ..verdict })
            });
            let world = world(judge, 10);
            assert_eq!(world.run(&plan(ONE_WAVE), rollback(180)), outcome, "{passes_at}");
            let last = world.0.borrow().questions.iter().map(|(_, of)| of.series).max();
            assert_eq!(last, Some(if passes_at == 39 { 1 } else { 2 }), "{passes_at}");
        }
    }
}

#[test]
fn what_an_earlier_region_does_between_two_waves_is_judged() {
    // The first wave passes after ten minutes, five of them not counted, and the second counts from its own second on.
    for bad in 2..=28 {
        let world = world(fails_in("us-east-2", vec![bad], 5, 1), 5);
        let outcome = world.run(&plan(TWO_WAVES), rollback(600));
        // What comes in the last five minutes of the last wave is told to be nobody's.
        assert_eq!(outcome, if bad < 25 { Outcome::Failed } else { Outcome::Promoted }, "{bad}");
        let state = world.state();
        let passed = state.events.iter().rfind(|event| event.what == What::Passed).map(|event| event.why.as_str());
        match outcome {
            Outcome::Failed => assert_eq!(world.shows()[0], "us-east-2 6", "{bad}"),
            _ => {
                let until = "2026-11-21T09:25:00Z";
                assert_eq!(
                    passed,
                    Some(&*format!("after 20m, of which was judged what came before {until}: as written"))
                );
            }
        }
    }
}

#[test]
fn a_wave_does_not_pass_before_the_minutes_before_it_are_judged() {
    let policy = |on_inconclusive| Options { on_inconclusive, ..Options::default() };
    let silent = |until_minute: i64| -> Judging {
        Rc::new(move |question, seconds| match question.until {
            Some(_) if seconds / MINUTE < until_minute => Err(JudgeError::Unanswered("exit code 3".to_owned())),
            _ => Ok(says(Said::Pass, question)),
        })
    };
    let world = world(silent(i64::MAX), 1);
    assert_eq!(world.run(&plan(TWO_WAVES), policy(OnInconclusive::Promote)), Outcome::Held);
    assert!(report(&world.state(), &[]).reason.contains("the minutes before the wave are not judged yet"));
    // Once they are, it goes on.
    world.0.borrow_mut().judge = silent(0);
    assert_eq!(world.run(&plan(TWO_WAVES), policy(OnInconclusive::Promote)), Outcome::Promoted);
    // What somebody has let pass is not asked about.
    let forced = Override { reason: "a fix".to_owned(), ..Override::default() };
    let world = self::world(fails_in("us-east-2", vec![3], 1, 1), 1);
    assert_eq!(world.run(&plan(TWO_WAVES), Options::default()), Outcome::Failed);
    let mut rollout = world.rollout(&plan(TWO_WAVES), Options::default(), Some(&forced)).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Promoted));
    assert!(world.0.borrow().questions.iter().all(|(_, question)| question.until.is_none()));
}

#[test]
fn a_pass_that_is_old_is_made_sure_of_before_the_canary_gets_everything() {
    let later = |said: Said| -> Judging {
        Rc::new(move |question, seconds| Ok(says(if seconds > 3600 { said } else { Said::Pass }, question)))
    };
    let forced = Override { reason: "a fix".to_owned(), ..Override::default() };
    for (said, hours, forced, outcome, looks) in [
        (Said::Fail, 0, None, Outcome::Promoted, 0),
        (Said::Fail, 3, None, Outcome::Failed, 1),
        (Said::Pass, 3, None, Outcome::Promoted, 1),
        // It had passed, and nothing speaks against it.
        (Said::Inconclusive, 3, None, Outcome::Promoted, 1),
        // Nobody answers any more: looked at until its deadline, as long after as it baked.
        (Said::NoData, 3, None, Outcome::Failed, 41),
        (Said::Fail, 3, Some(&forced), Outcome::Promoted, 0),
    ] {
        let world = world(later(said), 1);
        let options = Options { deadline_seconds: None, ..rollback(0) };
        // Its alias cannot be read any more when the wave has passed.
        world.0.borrow_mut().down.push(("us-east-2".to_owned(), BEGIN + 30, BEGIN + 3600));
        let mut rollout = world.rollout(&plan(ONE_WAVE), options, forced).unwrap();
        if forced.is_some() {
            world.0.borrow_mut().down[0].1 = BEGIN;
        }
        assert_eq!(world.drive(&mut rollout), Ok(Outcome::Unreachable));
        let before = world.0.borrow().questions.len();
        world.0.borrow_mut().down.clear();
        world.0.borrow_mut().now += hours * 3600;
        assert_eq!(world.run(&plan(ONE_WAVE), options), outcome, "{said:?} {hours}");
        if forced.is_none() {
            let fake = world.0.borrow();
            assert_eq!(fake.questions.len() - before, looks, "{said:?} {hours}");
            let was = fake.judged[before - 1];
            assert!(fake.questions[before..].iter().all(|(_, of)| Some(of.since.0) == was));
        }
    }
}

#[test]
fn whoever_comes_after_the_deadline_looks_more_than_once() {
    // It is killed in its bake and taken up two hours later; the first look then goes unanswered.
    let failed_once = Rc::new(std::cell::Cell::new(false));
    let judge: Judging = Rc::new(move |question, seconds| match seconds > 7200 && !failed_once.replace(true) {
        true => Err(JudgeError::Unanswered("timeout".to_owned())),
        false => Ok(says(Said::Pass, question)),
    });
    let world = world(judge, 1);
    let (mut steps, held) = (0, world.clone());
    let outcome = world.run_killed(&plan(ONE_WAVE), rollback(300), None, &mut || {
        steps += 1;
        if steps == 30 {
            held.0.borrow_mut().now += 3 * 3600;
        }
        steps == 30
    });
    assert_eq!(outcome, Outcome::Promoted);
}

#[test]
fn a_clock_that_is_set_back_stops_no_look_and_no_rollback() {
    // Three hours back, while it bakes or while a region that did not answer is waited for.
    for (at, down) in [(300, None), (2400, None), (602, Some(("us-east-2".to_owned(), BEGIN + 600, BEGIN + 660)))] {
        let fails: Judging = Rc::new(|question, seconds| {
            Ok(says(if !(0..600).contains(&seconds) { Said::Fail } else { Said::Pass }, question))
        });
        let world = world(fails, 1);
        world.0.borrow_mut().down.extend(down);
        world.0.borrow_mut().set_back = Some((BEGIN + at, 3 * 3600));
        assert_eq!(world.run(&plan(ONE_WAVE), rollback(300)), Outcome::Failed, "{at}");
        let fake = world.0.borrow();
        assert!(fake.set_back.is_none() || at == 2400, "{at}");
        let last = if fake.set_back.is_none() { BEGIN + at - 3 * 3600 + 180 } else { BEGIN + 660 };
        assert!(fake.now <= last, "{at}: it waited until {}", fake.now - BEGIN);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever minute is bad in whatever region, the rollout fails, unless it lies before the first that counts there or
    /// after the last that was judged anywhere; and each minute is judged by one series.
    #[test]
    fn no_minute_is_nobodys_and_none_is_judged_twice(
        bakes in proptest::collection::vec((0_usize..4, 1_i64..45), 1..4),
        settle in 0_i64..11,
        block in 1_i64..11,
        every in prop_oneof![Just(7_u64), Just(60), Just(150), Just(900)],
        deadline in 0_u64..40,
        bad in proptest::option::of((0_usize..4, 0_i64..150)),
        kills in prop_oneof![Just(usize::MAX), 2_usize..40],
        policy in prop_oneof![Just(OnInconclusive::Promote), Just(OnInconclusive::Rollback)],
    ) {
        let of_wave = |(index, (place, bake)): (usize, &(usize, i64))| {
            let region = VERSIONS[*place].0;
            format!("{{\"name\":\"{index}\",\"regions\":[\"{region}\"],\"weight\":10,\"bake\":\"{bake}m\"}}")
        };
        let waves = bakes.iter().enumerate().map(of_wave).collect::<Vec<String>>().join(",");
        let plan = plan(&format!("[{waves}]"));
        let (region, minutes) = bad.map_or(("nowhere", Vec::new()), |(place, minute)| (VERSIONS[place].0, vec![minute]));
        let world = world(fails_in(region, minutes.clone(), settle, block), settle);
        world.0.borrow_mut().block_minutes = block;
        let options = Options { on_inconclusive: policy, deadline_seconds: Some(deadline * 60), every_seconds: every };
        let mut steps = 0;
        let outcome = world.run_killed(&plan, options, None, &mut || {
            steps += 1;
            steps % kills == 0 && steps < 30 * kills
        });
        let fake = world.0.borrow();
        let state = world.state();
        // By region: who judged from when until when.
        let mut judged: BTreeMap<&str, Series> = BTreeMap::new();
        for ((_, of), until) in fake.questions.iter().zip(&fake.judged) {
            for asked in &of.regions {
                let series = judged.entry(asked.region.as_str()).or_default();
                let since = of.since.0;
                let place = series.entry((of.wave, of.series)).or_insert((since, since));
                prop_assert_eq!(place.0, since, "a series begins once");
                place.1 = place.1.max(until.unwrap_or(since));
            }
        }
        for (name, series) in &judged {
            let all: Vec<(i64, i64)> = series.values().copied().collect();
            for pair in all.windows(2) {
                // While it is decided otherwise, what lies before the last wave may not be judged to its end.
                if outcome == Outcome::Promoted {
                    prop_assert_eq!(pair[0].1, pair[1].0, "{}: {:?}", name, all);
                } else {
                    prop_assert!(pair[0].1 <= pair[1].0, "{}: {:?}", name, all);
                }
            }
            let (Some(first), Some(last)) = (all.first(), all.last()) else { continue };
            let is_judged = |minute: &i64| (first.0..last.1).contains(&(BEGIN + minute * MINUTE));
            if *name == region && minutes.iter().any(is_judged) && outcome == Outcome::Promoted {
                prop_assert!(false, "{:?} of {} was bad, and {:?} was judged: {:?}", minutes, name, all, outcome);
            }
        }
        // Where nothing is bad, nothing but what could not be judged in time is set back.
        let least = bakes.iter().map(|(_, bake)| *bake * 60 + i64::try_from(deadline).unwrap() * 60).min().unwrap();
        if bad.is_none() && least >= (settle + 3 + block) * 60 {
            prop_assert_eq!(outcome, Outcome::Promoted, "{}", report(&state, &[]).reason);
        }
    }
}
