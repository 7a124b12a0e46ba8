//! What holds of any plan, whatever is said, whatever fails, whoever interferes, and wherever it is killed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;

use super::fake::*;
use crate::*;

/// Numbers that follow from a seed and a place, so that the same question gets the same answer after a kill.
fn random(seed: u64, places: &[u64]) -> u64 {
    places.iter().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |hash, place| {
        let mixed = (hash ^ place.wrapping_mul(0xbf58_476d_1ce4_e5b9)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 29)
    })
}

fn waves() -> impl Strategy<Value = Vec<(u8, u8, u8, u64)>> {
    // Regions as bits, weight, minutes of baking, requests.
    let wave = (1_u8..16, 1_u8..=100, 0_u8..8, prop_oneof![Just(1_u64), Just(100), Just(5000)]);
    proptest::collection::vec(wave, 1..5).prop_map(|mut waves| {
        let mut weights: Vec<u8> = waves.iter().map(|(_, weight, ..)| *weight).collect();
        weights.sort_unstable();
        for (wave, weight) in waves.iter_mut().zip(weights) {
            wave.1 = weight;
        }
        waves
    })
}

fn written(waves: &[(u8, u8, u8, u64)]) -> String {
    let wave = |(index, (regions, weight, bake, requests)): (usize, &(u8, u8, u8, u64))| {
        let regions = VERSIONS.iter().enumerate().filter(|(place, _)| regions & (1 << place) != 0);
        let regions: Vec<String> = regions.map(|(_, (region, ..))| format!("\"{region}\"")).collect();
        format!(
            "{{\"name\":\"{index}\",\"regions\":[{}],\"weight\":{weight},\"bake\":\"{bake}m\",\"min_requests\":{requests}}}",
            regions.join(",")
        )
    };
    format!("[{}]", waves.iter().enumerate().map(wave).collect::<Vec<String>>().join(","))
}

/// What a judge says in a minute of a wave, and which regions are good enough by it.
fn verdict(seed: u64, kindness: u64, question: &Question, seconds: i64) -> Result<Verdict, JudgeError> {
    let minute = u64::try_from(seconds / 60).unwrap();
    let number = |what: u64| random(seed, &[question.wave as u64, minute, what]);
    let said = match number(0) % 100 {
        luck if luck < kindness => Said::Pass,
        luck => [Said::Inconclusive, Said::NoData, Said::Invalid, Said::Fail][usize::try_from(luck % 4).unwrap()],
    };
    if number(1) % 12 == 0 {
        return Err(JudgeError::Unanswered("out of memory".to_owned()));
    }
    let some = |what: u64, one_in: u64| {
        let all = question.regions.iter().enumerate();
        all.filter(|(place, _)| number(what + *place as u64) % one_in == 0).map(|(_, of)| of.region.clone()).collect()
    };
    let mut found = Verdict { roll_back: some(10, 3), missing_regions: some(20, 16), ..says(said, question) };
    for (place, requests) in found.requests.values_mut().enumerate() {
        *requests = [50, 5000, 10_000, 20_000][usize::try_from(number(30 + place as u64) % 4).unwrap()];
    }
    Ok(found)
}

/// What must hold of every change before it is made, by what was written before it.
fn allowed(fake: &Fake, plan: &Plan, region: &str, routing: &Routing, good: &BTreeSet<usize>, options: Options) {
    let state = State::parse(fake.saved.as_ref().unwrap()).unwrap();
    let intended = state.regions[region].intended.expect("it was not written down before");
    assert_eq!(&plan.routing(region, intended).unwrap(), routing, "something else was written down");
    let now = (0..=100).find(|percent| plan.routing(region, *percent).unwrap() == fake.aliases[region].routing);
    let now = now.expect("a foreign alias is overwritten");
    for (wave, record) in state.waves.iter().enumerate().filter(|(_, record)| record.state == WaveState::Passed) {
        match record.by {
            Some(Decider::Judge) => assert!(good.contains(&wave), "wave {wave} passed without a pass"),
            Some(Decider::Policy) => assert_eq!(options.on_inconclusive, OnInconclusive::Promote),
            by => panic!("wave {wave} passed by {by:?}"),
        }
    }
    let passed = |waves: usize| state.waves.iter().take(waves).all(|record| record.state == WaveState::Passed);
    if intended > now {
        // Up only to what the wave gives that it is at, or to everything after the last; never ahead of earlier waves.
        let is_wave = plan.weight_after(state.wave, region) == Some(intended) && passed(state.wave);
        let is_promotion = intended == 100 && passed(state.waves.len());
        assert!(is_wave || is_promotion, "{region} goes up to {intended} in wave {}", state.wave);
    } else if intended < now {
        let is_failed = intended == 0 && state.waves[state.wave].state == WaveState::Failed;
        let before = state.wave.checked_sub(1).and_then(|before| plan.weight_after(before, region)).unwrap_or(0);
        let is_taken_back = intended == before && state.waves[state.wave].state == WaveState::Shifting;
        assert!(is_failed || is_taken_back, "{region} goes down to {intended} in wave {}", state.wave);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn rollouts_do_what_their_waves_allow(
        waves in waves(),
        seed in any::<u64>(),
        kindness in prop_oneof![Just(100_u64), Just(90), Just(50), Just(10)],
        policy in prop_oneof![Just(OnInconclusive::Hold), Just(OnInconclusive::Rollback), Just(OnInconclusive::Promote)],
        faults in 0_u64..3,
        kills in prop_oneof![Just(0_u64), Just(9), Just(40)],
        foreign in proptest::option::of((0_i64..1800, 0_usize..4)),
    ) {
        let plan = plan(&written(&waves));
        let options = Options { on_inconclusive: policy, ..Options::default() };
        // Waves that were good at some look, by what the judge said.
        let good: Rc<RefCell<BTreeSet<usize>>> = Rc::default();
        let (noted, of) = (good.clone(), plan.clone());
        let judge: Judging = Rc::new(move |question, seconds| {
            let found = verdict(seed, kindness, question, seconds);
            if let Ok(found) = &found {
                let is_enough = |region: &String| found.requests[region] >= question.min_requests;
                let wave = &of.waves[question.wave];
                if found.said == Said::Pass && found.missing_regions.is_empty() && wave.regions.iter().all(is_enough) {
                    noted.borrow_mut().insert(question.wave);
                }
                // Only regions that have the canary are judged, and those of the wave are among them.
                let asked: BTreeSet<&String> = question.regions.iter().map(|of| &of.region).collect();
                assert!(wave.regions.iter().all(|region| asked.contains(region)));
                assert!(question.regions.iter().all(|asked| of.weight_after(question.wave, &asked.region) == Some(asked.weight)));
            }
            found
        });
        let world = Hold::new(Fake::new(judge));
        let other = Routing { function_version: "99".to_owned(), additional: None };
        {
            let mut fake = world.0.borrow_mut();
            let (watched, known) = (plan.clone(), good.clone());
            fake.watch = Some(Rc::new(move |fake, region, routing| {
                allowed(fake, &watched, region, routing, &known.borrow(), options);
            }));
            for (place, (region, ..)) in (0..).zip(VERSIONS) {
                let fault = |call: u64| match random(seed, &[100, place, call]) % 8 {
                    0 => Some(Fault::Throttled),
                    1 => Some(Fault::LostAnswer),
                    2 if faults == 2 => Some(Fault::Denied),
                    _ => None,
                };
                // Faults follow one another, so a run of some is enough to exhaust the retries of a run.
                let some: Vec<Fault> = (0..12).filter_map(fault).collect();
                if faults > 0 {
                    fake.set_faults.insert(region.to_owned(), some.clone());
                    fake.read_faults.insert(region.to_owned(), some);
                }
            }
            if let Some((seconds, place)) = foreign {
                fake.foreign.push((BEGIN + seconds, VERSIONS[place].0.to_owned(), other.clone()));
            }
        }
        let mut points = 0;
        let mut outcome = Outcome::Held;
        // It is run again, as a pipeline would, until it is over.
        for _ in 0..4 {
            outcome = world.run_killed(&plan, options, None, &mut || {
                points += 1;
                kills > 0 && points < 40 * kills && random(seed, &[200, points]).is_multiple_of(kills)
            });
            if matches!(outcome, Outcome::Promoted | Outcome::Failed) {
                break;
            }
        }
        let (fake, state) = (world.0.borrow(), world.state());
        prop_assert_eq!(state.outcome(), Some(outcome));
        let touched = |region: &str| foreign.is_some_and(|(_, place)| VERSIONS[place].0 == region) && fake.foreign.is_empty();
        for (region, baseline, _) in VERSIONS {
            let alias = &fake.aliases[region].routing;
            if touched(region) {
                prop_assert_eq!(alias, &other, "a foreign change was overwritten");
                continue;
            }
            let Some(place) = state.regions.get(region) else {
                // No wave comes here.
                prop_assert_eq!(&alias.function_version, baseline);
                prop_assert!(alias.additional.is_none());
                continue;
            };
            if place.intended.is_none() {
                // What is written is what is so.
                prop_assert_eq!(alias, &plan.routing(region, place.weight).unwrap());
            }
            match outcome {
                Outcome::Promoted => prop_assert_eq!(alias, &plan.routing(region, 100).unwrap()),
                Outcome::Failed | Outcome::Held => {
                    prop_assert!(place.intended.is_none());
                    let held = plan.weight_after(state.wave, region).unwrap_or(0);
                    prop_assert!(place.weight == held || place.weight == 0 && outcome == Outcome::Failed);
                }
                Outcome::Conflict | Outcome::Unreachable => {}
            }
        }
        if outcome == Outcome::Failed {
            prop_assert_eq!(state.waves[state.wave].state, WaveState::Failed);
            prop_assert!(state.regions.values().any(|place| place.is_rolled_back));
        }
        // Later waves have not begun.
        for record in state.waves.iter().skip(state.wave + 1) {
            prop_assert_eq!(record.state, WaveState::Pending);
        }
        prop_assert!(state.events.len() <= EVENTS_MAX);
    }

    #[test]
    fn any_text_is_a_plan_or_a_mistake(text in "\\PC*") {
        let map = release_map();
        let waves = Document { name: "waves.json", text: &text };
        let _ = Plan::parse(&asked(), waves, Document { name: "release-map.json", text: &map });
        let _ = State::parse(&text);
        let _ = read_canary(Some(0), &text, &text);
    }
}
