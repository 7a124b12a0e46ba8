//! `transect rollout` before real aliases: what it does between being started and being ended, whoever ends it. Bakes and
//! verdicts are the rollout room's own tests; here nobody waits for a minute.

use serde_json::{Value, json};
use transect_tests::Answer;
use transect_tests::aws::{Fault, Region, When};

use crate::world::{REGIONS, World, changes};

const FUNCTION: &str = "pay-fn";

/// A function with two versions in each region, of different numbers, and the alias on the first.
fn world() -> World {
    let world = World::new();
    let mut map = json!({ "1.4.1": {}, "1.4.2": {} });
    for (number, region) in REGIONS.into_iter().enumerate() {
        let (old, new) = (number + 1, number + 2);
        world.aws.region(region, |region| {
            let function = region.function(FUNCTION);
            let version = function.versions.values().next().cloned().unwrap();
            function.versions.insert(old as u64, version.clone());
            function.versions.insert(new as u64, version);
            let alias = function.aliases.get_mut("live").unwrap();
            alias.version = old.to_string();
        });
        map["1.4.1"][region] = json!({ FUNCTION: { "version": old.to_string() } });
        map["1.4.2"][region] = json!({ FUNCTION: { "version": new.to_string() } });
    }
    let waves = json!([
        { "name": "one box", "regions": [REGIONS[0]], "weight": 10, "bake": "30m", "min_requests": 100 },
        { "name": "the rest", "regions": REGIONS, "weight": 50, "bake": "30m", "min_requests": 100 },
    ]);
    std::fs::write(world.folder.path().join("release-map.json"), map.to_string()).unwrap();
    std::fs::write(world.folder.path().join("waves.json"), waves.to_string()).unwrap();
    world
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["rollout", "--function", FUNCTION, "--service", "payments", "--baseline", "1.4.1"];
    arguments.extend(["--canary", "1.4.2", "--release-map", "release-map.json", "--waves", "waves.json"]);
    arguments.extend(more);
    arguments
}

/// Where the alias of a region sends invocations: its version, and the weights beside it.
fn alias(world: &World, region: &str) -> (String, Vec<(String, f64)>) {
    world.aws.region(region, |region| {
        let alias = &region.function(FUNCTION).aliases["live"];
        (alias.version.clone(), alias.weights.iter().map(|(version, weight)| (version.clone(), *weight)).collect())
    })
}

fn report(answer: &Answer) -> Value {
    serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}{}", answer.stdout, answer.stderr))
}

/// Starts, and is killed when the first wave bakes.
fn killed_while_it_bakes(world: &World, more: &[&str], until: &str) {
    let running = world.start(&arguments(more));
    running.said_until(until);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let world = world();
    let answer = world.run(&arguments(&["--dry-run", "--format", "json"]));
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let rows = report(&answer)["rows"].as_array().unwrap().clone();
    let actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["shift", "shift", "shift", "shift", "promote", "promote", "promote"]);
    assert_eq!(changes(&world.aws.calls()).len(), 0);
}

#[test]
fn killed_and_taken_up_it_goes_on_where_it_was_and_an_override_rolls_back() {
    let world = world();
    killed_while_it_bakes(&world, &["--state", "s.json"], "baking");
    assert_eq!(alias(&world, REGIONS[0]), ("1".to_owned(), vec![("2".to_owned(), 0.1)]));
    assert_eq!(alias(&world, REGIONS[1]), ("2".to_owned(), vec![]));
    // The first wave passes by decision of a person, and the second begins.
    world.aws.take_calls();
    killed_while_it_bakes(&world, &["--state", "s.json", "--override", "checked by hand"], "baking 50 %");
    for (number, region) in REGIONS.into_iter().enumerate() {
        let expected = ((number + 1).to_string(), vec![((number + 2).to_string(), 0.5)]);
        assert_eq!(alias(&world, region), expected, "{region}");
    }
    assert_eq!(changes(&world.aws.take_calls()).len(), REGIONS.len());
    // Another one sets it back, everywhere.
    let answer =
        world.run(&arguments(&["--state", "s.json", "--override", "it was not", "--roll-back", "--format", "json"]));
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    let told = report(&answer);
    assert_eq!(told["outcome"], "failed");
    let reasons: Vec<&str> =
        told["overrides"].as_array().unwrap().iter().map(|own| own["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["checked by hand", "it was not"]);
    for (number, region) in REGIONS.into_iter().enumerate() {
        assert_eq!(alias(&world, region), ((number + 1).to_string(), vec![]), "{region}");
    }
    // What has ended stays ended.
    world.aws.take_calls();
    assert_eq!(world.run(&arguments(&["--state", "s.json"])).code, 1);
    assert_eq!(changes(&world.aws.take_calls()).len(), 0);
}

#[test]
fn an_alias_that_somebody_else_has_moved_is_never_overwritten() {
    let world = world();
    world.aws.region(REGIONS[0], |region| {
        region.function(FUNCTION).aliases.get_mut("live").unwrap().weights.insert("2".to_owned(), 0.25);
    });
    let answer = world.run(&arguments(&["--state", "s.json", "--format", "json"]));
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert_eq!(report(&answer)["outcome"], "conflict");
    assert_eq!(alias(&world, REGIONS[0]), ("1".to_owned(), vec![("2".to_owned(), 0.25)]));
    assert_eq!(changes(&world.aws.calls()).len(), 0);
}

#[test]
fn an_alias_or_a_function_that_is_not_there_and_one_that_nobody_may_read_are_told_as_that() {
    let told = |break_it: &dyn Fn(&World), reason: &str| {
        let world = world();
        break_it(&world);
        let answer = world.run(&arguments(&["--dry-run", "--format", "json"]));
        assert_eq!(answer.code, 3, "{}", answer.stderr);
        let report = report(&answer);
        let row = report["rows"].as_array().unwrap().iter().find(|row| row["cloud_region"] == REGIONS[0]).unwrap();
        assert!(row["action"] == "refused" && row["detail"].as_str().unwrap().contains(reason), "{reason}: {row}");
        assert_eq!(report["missing_regions"], json!([REGIONS[0]]));
        // A run says so, too, and does nothing.
        let answer = world.run(&arguments(&["--state", "s.json", "--format", "json"]));
        assert!(answer.code == 3 && answer.stdout.contains(reason), "{}{}", answer.stdout, answer.stderr);
        assert_eq!(changes(&world.aws.calls()).len(), 0);
    };
    let region = |edit: fn(&mut Region)| move |world: &World| world.aws.region(REGIONS[0], edit);
    let no_alias = region(|region| drop(region.function(FUNCTION).aliases.remove("live")));
    told(&no_alias, "no alias `live` of `pay-fn` here");
    told(&region(|region| drop(region.functions.remove(FUNCTION))), "no function `pay-fn` here");
    told(&|world| world.aws.fail(REGIONS[0], "GetAlias", When::Always, Fault::Denied), "not allowed");
}

#[test]
fn a_service_that_throttles_or_loses_an_answer_is_asked_again() {
    let world = world();
    for fault in [Fault::Throttled, Fault::CutAfter] {
        world.aws.fail(REGIONS[0], "UpdateAlias", When::First(2), fault);
    }
    killed_while_it_bakes(&world, &["--state", "s.json"], "baking");
    assert_eq!(alias(&world, REGIONS[0]), ("1".to_owned(), vec![("2".to_owned(), 0.1)]));
}

#[test]
fn two_runs_of_one_state_and_a_state_of_another_plan_are_refused() {
    let world = world();
    let running = world.start(&arguments(&["--state", "s.json"]));
    running.said_until("baking");
    let second = world.run(&arguments(&["--state", "s.json"]));
    assert_eq!(second.code, 2, "{}", second.stderr);
    assert!(second.stderr.contains("in use"), "{}", second.stderr);
    drop(running);
    #[cfg(unix)]
    {
        // By whatever name: a link stays one, and what it leads to is the state.
        let link = world.folder.path().join("link.json");
        std::os::unix::fs::symlink("s.json", &link).unwrap();
        let running = world.start(&arguments(&["--state", "link.json"]));
        running.said_until("resumed");
        let answer = world.run(&arguments(&["--state", "s.json"]));
        assert!(answer.code == 2 && answer.stderr.contains("in use"), "{}", answer.stderr);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(std::fs::read_to_string(world.folder.path().join("s.json")).unwrap().contains("\"resumed\""));
    }
    // What is no file is not replaced by one.
    let answer = world.run(&arguments(&["--state", "."]));
    assert!(answer.code == 2 && answer.stderr.contains("is no file"), "{}", answer.stderr);
    let mut other = arguments(&["--state", "s.json"]);
    other[2] = "ship-fn";
    let map = std::fs::read_to_string(world.folder.path().join("release-map.json")).unwrap();
    std::fs::write(world.folder.path().join("release-map.json"), map.replace(FUNCTION, "ship-fn")).unwrap();
    let answer = world.run(&other);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
    assert!(answer.stderr.contains("begun with"), "{}", answer.stderr);
}

#[test]
fn a_wave_in_which_no_minute_can_be_counted_is_refused() {
    let world = world();
    let waves = json!([{ "name": "hasty", "regions": [REGIONS[0]], "weight": 10, "bake": "2m" }]);
    std::fs::write(world.folder.path().join("waves.json"), waves.to_string()).unwrap();
    let answer = world.run(&arguments(&["--state", "s.json"]));
    assert_eq!(answer.code, 2, "{}", answer.stdout);
    assert!(
        answer.stderr.contains("wave \"hasty\" is over after 4m at most") && answer.stderr.contains("that takes 8m"),
        "{}",
        answer.stderr
    );
    assert_eq!(changes(&world.aws.calls()).len(), 0);
    // A policy that waits less lets it begin.
    std::fs::write(world.folder.path().join("policy.toml"), "settle = \"30s\"\n").unwrap();
    let answer = world.run(&arguments(&["--dry-run", "--policy", "policy.toml"]));
    assert_eq!(answer.code, 0, "{}", answer.stderr);
}
