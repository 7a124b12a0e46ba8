//! What is said, before and after.

use std::collections::BTreeMap;

use super::fake::*;
use crate::*;

fn read(world: &Hold) -> BTreeMap<String, Result<Alias, CloudError>> {
    world.0.borrow().aliases.iter().map(|(region, alias)| (region.clone(), Ok(alias.clone()))).collect()
}

#[test]
fn a_dry_run_says_every_change_and_makes_none() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    let before = world.0.borrow().aliases.clone();
    let described = describe(&plan(THREE_WAVES), None, &read(&world));
    assert_eq!(described.exit_code(), 0);
    insta::assert_snapshot!(render_description(&described), @r#"
        wave    region      action   alias now          alias then         bake  requests  detail
        first   us-east-2   shift    6                  6 and 10 % to 7    5m    100
        second  us-west-2   shift    11                 11 and 20 % to 12  5m    100
        second  eu-west-2   shift    3                  3 and 20 % to 5    5m    100
        third   ap-south-1  shift    1                  1 and 50 % to 2    5m    100
        third   us-east-2   shift    6 and 10 % to 7    6 and 50 % to 7    5m    100
        -       ap-south-1  promote  1 and 50 % to 2    2
        -       eu-west-2   promote  3 and 20 % to 5    5
        -       us-east-2   promote  6 and 50 % to 7    7
        -       us-west-2   promote  11 and 20 % to 12  12
    "#);
    assert_eq!(world.0.borrow().aliases, before);
    assert!(world.0.borrow().saved.is_none() && world.0.borrow().questions.is_empty());
    // What is said is what is done then.
    assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), Outcome::Promoted);
    let mut said: Vec<(String, String)> =
        described.rows.iter().map(|row| (row.cloud_region.clone(), row.to.clone())).collect();
    let mut done = world.0.borrow().journal.clone();
    said.sort();
    done.sort();
    assert_eq!(said, done);
}

#[test]
fn a_dry_run_names_what_is_in_the_way() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    world.0.borrow_mut().set_by("us-west-2", Routing { function_version: "9".into(), additional: None });
    world.0.borrow_mut().set_by("us-east-2", Routing::of("6", "7", 10));
    let mut aliases = read(&world);
    aliases.insert("ap-south-1".into(), Err(CloudError::Unreachable("timeout".into())));
    let described = describe(&plan(THREE_WAVES), None, &aliases);
    assert_eq!((described.exit_code(), described.complete), (3, false));
    assert_eq!(described.missing_regions, ["ap-south-1"]);
    insta::assert_snapshot!(render_description(&described), @r#"
        wave    region      action       alias now          alias then         bake  requests  detail
        first   us-east-2   none         6 and 10 % to 7    6 and 10 % to 7    5m    100
        second  us-west-2   conflict     9                  11 and 20 % to 12  5m    100       11 was expected: somebody else has changed the alias
        second  eu-west-2   shift        3                  3 and 20 % to 5    5m    100
        third   ap-south-1  unreachable  1                  1 and 50 % to 2    5m    100       timeout
        third   us-east-2   shift        6 and 10 % to 7    6 and 50 % to 7    5m    100
        -       ap-south-1  promote      1 and 50 % to 2    2
        -       eu-west-2   promote      3 and 20 % to 5    5
        -       us-east-2   promote      6 and 50 % to 7    7
        -       us-west-2   promote      11 and 20 % to 12  12
    "#);
    let json: serde_json::Value = serde_json::from_str(&render_description_json(&described)).unwrap();
    insta::assert_snapshot!(json["rows"][1], @r#"{"action":"conflict","bake":"5m","cloud_region":"us-west-2","detail":"11 was expected: somebody else has changed the alias","from":"9","min_requests":100,"to":"11 and 20 % to 12","wave":"second","weight":20}"#);
}

#[test]
fn a_dry_run_of_a_state_says_what_is_left() {
    let check = |judge: Judging, outcome: Outcome, left: &[(&str, &str, &str)]| {
        let world = Hold::new(Fake::new(judge));
        assert_eq!(world.run(&plan(THREE_WAVES), Options::default()), outcome);
        let described = describe(&plan(THREE_WAVES), Some(&world.state()), &read(&world));
        let rows: Vec<(&str, &str, &str)> =
            described.rows.iter().map(|row| (row.action, row.cloud_region.as_str(), row.to.as_str())).collect();
        assert_eq!(rows, left);
        described
    };
    check(
        in_wave(1, |question| says(Said::Inconclusive, question)),
        Outcome::Held,
        &[
            ("shift", "ap-south-1", "1 and 50 % to 2"),
            ("shift", "us-east-2", "6 and 50 % to 7"),
            ("promote", "ap-south-1", "2"),
            ("promote", "eu-west-2", "5"),
            ("promote", "us-east-2", "7"),
            ("promote", "us-west-2", "12"),
        ],
    );
    let over = check(always(Said::Fail), Outcome::Failed, &[]);
    assert!(over.warnings[0].starts_with("it is over (failed): wave \"first\" fails"), "{:?}", over.warnings);
    assert!(render_description(&over).starts_with("Nothing would be done."));
}

#[test]
fn a_report_says_the_outcome_first() {
    let fails = |question: &Question| Verdict {
        roll_back: vec!["us-west-2".to_owned()],
        reason: "the canary fails more often than the baseline".to_owned(),
        ..says(Said::Fail, question)
    };
    let world = Hold::new(Fake::new(in_wave(1, fails)));
    let plan = plan(THREE_WAVES);
    let forced = Override { reason: "no traffic yet".into(), by: "ada".into(), ..Override::default() };
    let mut rollout = world.rollout(&plan, Options::default(), Some(&forced)).unwrap();
    assert_eq!(world.drive(&mut rollout), Ok(Outcome::Failed));
    let told = report(&world.state(), &["no wave comes to eu-north-1: left as it is there".to_owned()]);
    insta::assert_snapshot!(render_report(&told), @r#"
        FAILED  shop-payments 1.4.2 instead of 1.4.1, alias live
        wave "second" fails in us-west-2: the canary fails more often than the baseline; set back in us-west-2.

        region      state        alias            detail
        ap-south-1  baseline     1
        eu-west-2   canary       3 and 20 % to 5
        us-east-2   canary       6 and 10 % to 7
        us-west-2   rolled_back  11

        wave    state    by        weight  bake  looks  last look
        first   passed   override  10 %    5m    0
        second  failed   judge     20 %    5m    1      FAIL: the canary fails more often than the baseline
        third   pending            50 %    5m    0

        overridden at 2026-11-21T09:00:00Z in wave "first" by ada: no traffic yet

        no wave comes to eu-north-1: left as it is there.

        Where it was not set back the canary keeps its share, and gets no more.
    "#);
    let mut json: serde_json::Value = serde_json::from_str(&render_report_json(&told)).unwrap();
    let events = json["events"].take();
    assert_eq!(events.as_array().unwrap().len(), 16);
    insta::assert_snapshot!(events[0], @r#"{"at":"2026-11-21T09:00:00Z","cloud_region":null,"wave":"first","what":"begun","why":"shop-payments 1.4.2 instead of 1.4.1, alias live, 3 waves"}"#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
        {
          "alias": "live",
          "baseline": "1.4.1",
          "begun_at": "2026-11-21T09:00:00Z",
          "canary": "1.4.2",
          "complete": true,
          "ended_at": "2026-11-21T09:02:00Z",
          "events": null,
          "events_dropped": 0,
          "exit_code": 1,
          "function": "shop-payments",
          "missing_regions": [],
          "outcome": "failed",
          "overrides": [
            {
              "at": "2026-11-21T09:00:00Z",
              "by": "ada",
              "decision": "promote",
              "reason": "no traffic yet",
              "wave": "first"
            }
          ],
          "plan": "ccc2568aae08519b",
          "reason": "wave \"second\" fails in us-west-2: the canary fails more often than the baseline; set back in us-west-2",
          "rows": [
            {
              "baseline_version": "1",
              "canary_version": "2",
              "cloud_region": "ap-south-1",
              "detail": null,
              "intended_weight": null,
              "routing": "1",
              "state": "baseline",
              "weight": 0
            },
            {
              "baseline_version": "3",
              "canary_version": "5",
              "cloud_region": "eu-west-2",
              "detail": null,
              "intended_weight": null,
              "routing": "3 and 20 % to 5",
              "state": "canary",
              "weight": 20
            },
            {
              "baseline_version": "6",
              "canary_version": "7",
              "cloud_region": "us-east-2",
              "detail": null,
              "intended_weight": null,
              "routing": "6 and 10 % to 7",
              "state": "canary",
              "weight": 10
            },
            {
              "baseline_version": "11",
              "canary_version": "12",
              "cloud_region": "us-west-2",
              "detail": null,
              "intended_weight": null,
              "routing": "11",
              "state": "rolled_back",
              "weight": 0
            }
          ],
          "service": "payments",
          "warnings": [
            "no wave comes to eu-north-1: left as it is there"
          ],
          "waves": [
            {
              "bake": "5m",
              "began_at": "2026-11-21T09:00:00Z",
              "decided_at": "2026-11-21T09:00:00Z",
              "decided_by": "override",
              "looks": 0,
              "min_requests": 100,
              "reason": null,
              "regions": [
                "us-east-2"
              ],
              "state": "passed",
              "verdict": null,
              "wave": "first",
              "weight": 10
            },
            {
              "bake": "5m",
              "began_at": "2026-11-21T09:00:00Z",
              "decided_at": "2026-11-21T09:02:00Z",
              "decided_by": "judge",
              "looks": 1,
              "min_requests": 100,
              "reason": "the canary fails more often than the baseline",
              "regions": [
                "us-west-2",
                "eu-west-2"
              ],
              "state": "failed",
              "verdict": "FAIL",
              "wave": "second",
              "weight": 20
            },
            {
              "bake": "5m",
              "began_at": null,
              "decided_at": null,
              "decided_by": null,
              "looks": 0,
              "min_requests": 100,
              "reason": null,
              "regions": [
                "ap-south-1",
                "us-east-2"
              ],
              "state": "pending",
              "verdict": null,
              "wave": "third",
              "weight": 50
            }
          ]
        }
    "#);
}

#[test]
fn a_report_says_what_could_not_be_done() {
    let waves = r#"[{"name": "all", "regions": ["us-east-2", "eu-west-2"], "weight": 10, "bake": "5m"}]"#;
    let world = Hold::new(Fake::new(always(Said::Fail)));
    world.0.borrow_mut().down.push(("eu-west-2".to_owned(), BEGIN + 30, BEGIN + 3600));
    assert_eq!(world.run(&plan(waves), Options::default()), Outcome::Unreachable);
    insta::assert_snapshot!(render_report(&report(&world.state(), &[])), @r#"
        UNREACHABLE  shop-payments 1.4.2 instead of 1.4.1, alias live
        wave "all" fails as a whole: as written; not set back in eu-west-2 (timeout).

        region     state        alias            detail
        eu-west-2  unreachable  3 and 10 % to 5  timeout
        us-east-2  rolled_back  6

        wave  state   by     weight  bake  looks  last look
        all   failed  judge  10 %    5m    1      FAIL: as written

        Run it again: it goes on where it stopped.
    "#);
}

#[test]
fn a_report_of_an_interrupted_rollout_says_so() {
    let world = Hold::new(Fake::new(always(Said::Pass)));
    let plan = plan(THREE_WAVES);
    let mut rollout = world.rollout(&plan, Options::default(), None).unwrap();
    assert_eq!(rollout.step(Observation::Nothing, Moment(BEGIN)), Action::Save);
    let told = report(rollout.state(), &[]);
    assert_eq!((told.outcome, told.exit_code, told.complete), ("running", None, false));
    assert_eq!(told.reason, "it was interrupted in wave \"first\"");
}
