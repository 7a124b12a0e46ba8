//! Killed anywhere and run again, it ends the same: before each step, after an effect and before it is written down, and
//! twice.

use std::rc::Rc;

use super::fake::*;
use crate::*;

struct Story {
    name: &'static str,
    judge: Judging,
    options: Options,
    forced: Option<Override>,
    setting: fn(&mut Fake),
    outcome: Outcome,
}

fn stories() -> Vec<Story> {
    let story = |name, judge, outcome| Story {
        name,
        judge,
        options: Options::default(),
        forced: None,
        setting: |_| {},
        outcome,
    };
    let policy = |on_inconclusive| Options { on_inconclusive, ..Options::default() };
    // From the first look of the second wave on, so that a look that comes earlier, after a kill, finds nothing yet.
    let fails_then: Judging = Rc::new(|question, seconds| {
        let fails = question.wave == 1 && seconds >= 7 * 60;
        let said = if fails {
            Said::Fail
        } else if question.wave == 1 {
            Said::NoData
        } else {
            Said::Pass
        };
        Ok(says(said, question))
    });
    let undecided = || in_wave(1, |question| says(Said::Inconclusive, question));
    let fails =
        || in_wave(1, |question| Verdict { roll_back: vec!["us-west-2".to_owned()], ..says(Said::Fail, question) });
    let forced = |decision| Some(Override { decision, reason: "a reason".to_owned(), by: String::new() });
    vec![
        story("good", always(Said::Pass), Outcome::Promoted),
        story("fails in one region", fails(), Outcome::Failed),
        story("fails as a whole", in_wave(1, |question| says(Said::Fail, question)), Outcome::Failed),
        story(
            "fails late",
            Rc::new(|question, seconds| Ok(says(if seconds >= 9 * 60 { Said::Fail } else { Said::Pass }, question))),
            Outcome::Failed,
        ),
        story("held", undecided(), Outcome::Held),
        Story {
            options: policy(OnInconclusive::Rollback),
            ..story("set back by policy", undecided(), Outcome::Failed)
        },
        Story {
            options: policy(OnInconclusive::Promote),
            ..story("promoted by policy", undecided(), Outcome::Promoted)
        },
        Story {
            forced: forced(Decision::Promote),
            ..story("forced", in_wave(0, |question| says(Said::Fail, question)), Outcome::Promoted)
        },
        Story {
            setting: |fake| {
                let faults = vec![Fault::Throttled, Fault::LostAnswer, Fault::Throttled];
                fake.set_faults = VERSIONS.iter().map(|(region, ..)| ((*region).to_owned(), faults.clone())).collect();
            },
            ..story("lost answers", always(Said::Pass), Outcome::Promoted)
        },
        Story {
            setting: |fake| fake.down.push(("us-west-2".to_owned(), BEGIN + 310, i64::MAX)),
            ..story("down while it is set back", fails_then.clone(), Outcome::Unreachable)
        },
        Story {
            setting: |fake| drop(fake.set_faults.insert("us-west-2".to_owned(), vec![Fault::Denied; 1000])),
            ..story("a wave that cannot begin", always(Said::Pass), Outcome::Unreachable)
        },
        Story {
            setting: |fake| {
                let routing = Routing { function_version: "99".to_owned(), additional: None };
                fake.foreign.push((BEGIN + 310, "eu-west-2".to_owned(), routing));
            },
            ..story("a foreign change", fails_then, Outcome::Conflict)
        },
    ]
}

fn run(story: &Story, is_killed: &mut dyn FnMut() -> bool) -> (Outcome, Hold) {
    let world = Hold::new(Fake::new(story.judge.clone()));
    (story.setting)(&mut world.0.borrow_mut());
    let outcome = world.run_killed(&plan(THREE_WAVES), story.options, story.forced.as_ref(), is_killed);
    (outcome, world)
}

/// What is to be the same however often it was killed.
#[derive(Debug, PartialEq)]
struct Ends {
    outcome: Outcome,
    aliases: Vec<String>,
    /// What was set in each region, in order: every change is made once.
    journal: Vec<(String, Vec<String>)>,
    waves: Vec<(WaveState, Option<Decider>)>,
    overrides: Vec<Overridden>,
}

fn ends(outcome: Outcome, world: &Hold) -> Ends {
    let (fake, state) = (world.0.borrow(), world.state());
    let of = |region: &str| fake.journal.iter().filter(|(of, _)| of == region).map(|(_, to)| to.clone()).collect();
    Ends {
        outcome,
        aliases: fake.shows(),
        journal: VERSIONS.iter().map(|(region, ..)| ((*region).to_owned(), of(region))).collect(),
        waves: state.waves.iter().map(|wave| (wave.state, wave.by)).collect(),
        overrides: state.overrides,
    }
}

/// How it ends when nobody disturbs it, and the points at which it can be killed.
fn undisturbed(story: &Story) -> (Ends, usize) {
    let mut points = 0;
    let (outcome, world) = run(story, &mut || {
        points += 1;
        false
    });
    assert_eq!(outcome, story.outcome, "{}", story.name);
    assert!(points > 40, "{}: {points} points", story.name);
    (ends(outcome, &world), points)
}

fn check(story: &Story, expected: &Ends, told: &str, is_killed_at: impl Fn(usize) -> bool) {
    let mut point = 0;
    let (outcome, world) = run(story, &mut || {
        point += 1;
        is_killed_at(point)
    });
    assert_eq!(&ends(outcome, &world), expected, "{}, killed {told}", story.name);
}

#[test]
fn killed_once_at_every_step_it_ends_the_same() {
    for story in stories() {
        let (expected, points) = undisturbed(&story);
        // Killed when all is written, it has ended; and what stopped tries once more when it is run again.
        let is_over = matches!(story.outcome, Outcome::Promoted | Outcome::Failed);
        for kill in 1..points + usize::from(is_over) {
            check(&story, &expected, &format!("at {kill}"), |point| point == kill);
        }
    }
}

#[test]
fn killed_twice_at_any_two_steps_it_ends_the_same() {
    for story in stories().into_iter().filter(|story| matches!(story.name, "fails in one region" | "lost answers")) {
        let (expected, points) = undisturbed(&story);
        for first in 1..=points {
            // Soon after the first, where it has just begun again, and later.
            for second in [1, 2, 3, 4, 5, 7, 12, 40].map(|after| first + after) {
                check(&story, &expected, &format!("at {first} and {second}"), |point| {
                    point == first || point == second
                });
            }
        }
    }
}

#[test]
fn killed_again_and_again_it_ends_the_same() {
    for story in stories() {
        let (expected, _) = undisturbed(&story);
        for every in [7, 11, 29] {
            // Forty times: one that is killed for ever before it has read all aliases gets nowhere.
            check(&story, &expected, &format!("every {every}"), |point| point % every == 0 && point <= 40 * every);
        }
    }
}
