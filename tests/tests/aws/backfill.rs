//! `transect backfill`: what CloudWatch Logs holds comes into the lake, whole, under the ids that the forwarder gives, and
//! once, however often it is run and wherever it was killed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use transect_tests::aws::{Fault, When};

use crate::world::{REGIONS, World, of_operation};

/// 2026-11-21T08:00:00Z.
const BEGIN_UNIX_MILLI: i64 = 1_795_248_000_000;
const SINCE: &str = "2026-11-21T08:00:00Z";
const UNTIL: &str = "2026-11-21T11:00:00Z";
const GROUPS: [&str; 3] = ["/aws/lambda/carts", "/aws/lambda/orders", "/aws/lambda/payments"];
const EVENTS: i64 = 40;

fn message(service: &str, number: i64) -> String {
    let level = if number % 7 == 0 { "ERROR" } else { "INFO" };
    json!({ "level": level, "message": format!("{service} said {number}"), "service": service }).to_string()
}

/// Every group of every region has said something over three hours, two streams at a time, and something before and after.
fn filled() -> World {
    let world = World::new();
    for region in REGIONS {
        world.aws.region(region, |region| {
            region.page_events_max = 10;
            for group in GROUPS {
                let service = group.rsplit('/').next().unwrap();
                for number in 0..EVENTS {
                    let stream = format!("2026/11/21/[7]{:032x}", number % 2);
                    region.log(group, &stream, BEGIN_UNIX_MILLI + number * 4 * 60_000, &message(service, number));
                }
                region.log(group, "2026/11/21/[7]before", BEGIN_UNIX_MILLI - 1, "before the range");
                region.log(group, "2026/11/21/[7]after", BEGIN_UNIX_MILLI + 3 * 3_600_000, "after the range");
            }
            region.log("/ecs/other", "task", BEGIN_UNIX_MILLI, "not wished");
            region.log("/aws/lambda/transect-forwarder", "2026/11/21/[1]own", BEGIN_UNIX_MILLI, "the pipeline's own");
        });
    }
    world
}

/// What must be there then.
const ALL: i64 = (REGIONS.len() * GROUPS.len()) as i64 * EVENTS;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn arguments<'a>(lake: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "backfill",
        "--group",
        "/aws/lambda/*",
        "--since",
        SINCE,
        "--until",
        UNTIL,
        "--rate",
        "100",
        "--lake",
        text(lake),
    ];
    for region in REGIONS {
        arguments.extend(["--region", region]);
    }
    arguments.extend(more);
    arguments
}

fn lake(world: &World, name: &str) -> PathBuf {
    let lake = world.folder.path().join(name);
    std::fs::create_dir_all(&lake).unwrap();
    lake
}

/// Runs a statement over the lake.
fn sql(world: &World, lake: &Path, statement: &str) -> Vec<Value> {
    world.rows(&["sql", "--lake", text(lake), statement]).well().rows
}

fn count(world: &World, lake: &Path) -> i64 {
    sql(world, lake, "SELECT count(*) AS n FROM logs")[0]["n"].as_i64().unwrap()
}

/// Everything is there, and nothing else.
fn assert_whole(world: &World, lake: &Path) {
    let rows = sql(
        world,
        lake,
        "SELECT cloud_region, aws_log_group, count(*) AS n, count(DISTINCT event_id) AS ids, \
         count(DISTINCT aws_log_stream) AS streams, sum(CASE WHEN severity_text = 'ERROR' THEN 1 ELSE 0 END) AS errors \
         FROM logs GROUP BY 1, 2 ORDER BY 1, 2",
    );
    let mut expected = Vec::new();
    let mut regions = REGIONS;
    regions.sort();
    for region in regions {
        for group in GROUPS {
            let row = json!({ "cloud_region": region, "aws_log_group": group, "n": EVENTS, "ids": EVENTS, "streams": 2, "errors": 6 });
            expected.push(row);
        }
    }
    assert_eq!(rows, expected);
}

#[test]
fn events_of_all_groups_and_regions_come_whole_and_once() {
    let world = filled();
    let lake = lake(&world, "lake");
    let answer = world.run(&arguments(&lake, &["--format", "json"]));
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let summary: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(summary["events"], ALL, "{summary}");
    assert_whole(&world, &lake);
    // Ids are those of CloudWatch Logs, which are those of a subscription.
    let ids = world.aws.region("us-east-2", |region| {
        let mut ids: Vec<String> =
            region.groups["/aws/lambda/orders"].events.iter().map(|event| event.id.clone()).collect();
        ids.truncate(EVENTS as usize);
        ids
    });
    let found = sql(
        &world,
        &lake,
        "SELECT event_id FROM logs WHERE cloud_region = 'us-east-2' AND aws_log_group = '/aws/lambda/orders' ORDER BY event_id",
    );
    assert_eq!(found, ids.iter().map(|id| json!({ "event_id": id })).collect::<Vec<_>>());

    let again = world.run(&arguments(&lake, &[]));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_whole(&world, &lake);
    assert_eq!(count(&world, &lake), ALL);
}

#[test]
fn a_service_that_throttles_or_loses_answers_is_asked_again() {
    let world = filled();
    let lake = lake(&world, "lake");
    world.aws.fail("*", "*", When::Every(3), Fault::Throttled);
    world.aws.fail("*", "FilterLogEvents", When::Every(7), Fault::CutAfter);
    world.aws.fail("*", "FilterLogEvents", When::Every(11), Fault::Unavailable);
    let answer = world.run(&arguments(&lake, &[]));
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(world.aws.calls().iter().filter(|call| call.status != 200).count() > 20);
    assert_whole(&world, &lake);
}

#[test]
fn killed_and_taken_up_again_it_ends_the_same_and_does_not_begin_anew() {
    let world = filled();
    let whole = lake(&world, "whole");
    assert_eq!(world.run(&arguments(&whole, &[])).code, 0);
    let calls_of_all = of_operation(&world.aws.take_calls(), "FilterLogEvents").len();

    for calls_until_killed in [1, calls_of_all / 2, calls_of_all - 1] {
        let lake = lake(&world, &format!("killed-{calls_until_killed}"));
        let state = world.folder.path().join(format!("state-{calls_until_killed}"));
        world.aws.fail("*", "FilterLogEvents", When::After(calls_until_killed), Fault::Hang);
        let mut running = world.start(&arguments(&lake, &["--state", text(&state)]));
        // All that may be answered was, and somebody waits for what never comes.
        world.aws.wait_for_calls(|calls| of_operation(calls, "FilterLogEvents").len() > calls_until_killed);
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        world.aws.heal();
        world.aws.take_calls();

        let answer = world.run(&arguments(&lake, &["--state", text(&state)]));
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let calls = of_operation(&world.aws.take_calls(), "FilterLogEvents").len();
        assert!(calls_until_killed < calls_of_all / 2 || calls < calls_of_all, "all {calls} calls were made again");
        assert_whole(&world, &lake);
        // What is done is not asked for again.
        assert_eq!(world.run(&arguments(&lake, &["--state", text(&state)])).code, 0);
        assert_eq!(of_operation(&world.aws.take_calls(), "FilterLogEvents").len(), 0);
    }
}

#[test]
fn what_the_forwarder_has_sent_counts_once() {
    let world = filled();
    let lake = lake(&world, "lake");
    // The same events as a subscription delivers them.
    let payloads = world.folder.path().join("us-east-2");
    std::fs::create_dir_all(&payloads).unwrap();
    let documents: Vec<Value> = world.aws.region("us-east-2", |region| {
        let groups = GROUPS.iter().map(|group| &region.groups[*group]);
        groups
            .flat_map(|group| {
                group.events.iter().filter(|event| event.stream.ends_with(['0', '1'])).map(|event| {
                    json!({
                        "messageType": "DATA_MESSAGE",
                        "owner": "123456789012",
                        "logGroup": group.name,
                        "logStream": event.stream,
                        "subscriptionFilters": ["transect"],
                        "logEvents": [{ "id": event.id, "timestamp": event.timestamp_unix_milli, "message": event.message }],
                    })
                })
            })
            .collect()
    });
    let file = payloads.join("payloads.json");
    std::fs::write(&file, documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    let ingested = world.run(&["ingest", "--lake", text(&lake), "--region", "us-east-2", text(&file)]);
    assert_eq!(ingested.code, 0, "{}", ingested.stderr);
    let of_one_region = GROUPS.len() as i64 * EVENTS;
    assert_eq!(count(&world, &lake), of_one_region);

    let only = ["backfill", "--group", "/aws/lambda/*", "--since", SINCE, "--until", UNTIL, "--rate", "100"];
    let answer = world.run(&[&only[..], &["--region", "us-east-2", "--lake", text(&lake)]].concat());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(count(&world, &lake), of_one_region);
    // It is the rule for duplicates that counts them once: they are there twice.
    let stored = sql(&world, &lake, "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM telemetry");
    assert_eq!(stored[0]["ids"], of_one_region);
}

#[test]
fn a_region_that_is_down_is_told_and_the_others_come() {
    let world = filled();
    let lake = lake(&world, "lake");
    world.aws.fail_region("us-west-2");
    let answer = world.run(&arguments(&lake, &[]));
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stderr.contains("us-west-2"), "{}", answer.stderr);
    assert_eq!(count(&world, &lake), ALL / 3 * 2);
    world.aws.heal();
    assert_eq!(world.run(&arguments(&lake, &[])).code, 0);
    assert_whole(&world, &lake);
}

#[test]
fn groups_that_cannot_be_searched_are_told_and_the_others_come() {
    let world = filled();
    let lake = lake(&world, "lake");
    world.aws.region("us-east-2", |region| region.group("/aws/lambda/cheap").class = "INFREQUENT_ACCESS".to_owned());
    let answer = world.run(&arguments(&lake, &[]));
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stderr.contains("/aws/lambda/cheap"), "{}", answer.stderr);
    assert_whole(&world, &lake);
}

/// What came of a region stays told, whatever ends: a group whose pages lead in a circle, one that is refused on the way, and
/// the region itself.
#[test]
fn what_ends_early_ends_nothing_else_and_what_came_is_told() {
    let world = filled();
    let circle = lake(&world, "circle");
    world.aws.region("us-east-2", |region| region.group("/aws/lambda/carts").is_circular = true);
    let of_region = |lake, more: &[&'static str]| {
        let only = ["backfill", "--group", "/aws/lambda/*", "--since", SINCE, "--until", UNTIL, "--rate", "100"];
        let where_to = ["--region", "us-east-2", "--format", "json", "--lake", text(lake)];
        let answer = world.run(&[&only[..], &where_to, more].concat());
        let summary: Value = serde_json::from_str(&answer.stdout).unwrap();
        (answer.code, summary["groups"].as_i64().unwrap(), summary["events"].as_i64().unwrap(), answer.stderr)
    };
    let (code, groups, events, stderr) = of_region(&circle, &[]);
    assert_eq!((code, groups, events), (3, 3, 2 * EVENTS), "{stderr}");
    assert!(stderr.contains("/aws/lambda/carts") && stderr.contains("in a circle"), "{stderr}");
    world.aws.region("us-east-2", |region| region.group("/aws/lambda/carts").is_circular = false);

    let refused = lake(&world, "refused");
    let fault = Fault::Error(400, "InvalidParameterException", "The specified nextToken is invalid.");
    world.aws.fail("us-east-2", "FilterLogEvents", When::First(1), fault);
    let (code, groups, events, stderr) = of_region(&refused, &[]);
    assert_eq!((code, groups, events), (3, 3, 2 * EVENTS), "{stderr}");
    assert!(stderr.contains("InvalidParameterException"), "{stderr}");

    // One group has 9 pages: 40 events in tens, with an empty one before each and at the end.
    world.aws.heal();
    let gone = lake(&world, "gone");
    let fault = Fault::Error(400, "ExpiredTokenException", "The security token included in the request is expired");
    world.aws.fail("us-east-2", "FilterLogEvents", When::After(12), fault);
    let (code, groups, events, stderr) = of_region(&gone, &[]);
    assert_eq!((code, groups, events), (3, 2, EVENTS), "{stderr}");
    assert_eq!(count(&world, &gone), EVENTS);
    world.aws.heal();

    // What is excluded is not asked for.
    let without = lake(&world, "without");
    let (code, groups, events, stderr) =
        of_region(&without, &["--exclude", "*/carts", "--exclude", "/aws/lambda/pay*"]);
    assert_eq!((code, groups, events), (0, 1, EVENTS), "{stderr}");
}

/// Of a forwarder that is known by nothing but its name and its lines.
#[test]
fn what_another_forwarder_writes_of_itself_is_not_brought() {
    let world = filled();
    let lake = lake(&world, "lake");
    let report = json!({
        "_aws": { "Timestamp": BEGIN_UNIX_MILLI, "CloudWatchMetrics": [
            { "Namespace": "Transect/Forwarder", "Dimensions": [[]], "Metrics": [{ "Name": "Events" }] },
        ] },
        "Events": 1,
    });
    let lines =
        ["START RequestId: 6bc28136-0f3c-4365-b021-0ce6b2e64ab0 Version: 7", &report.to_string(), "somebody's own"];
    world.aws.region("us-east-2", |region| {
        for line in lines {
            region.log("/aws/lambda/mail-forwarder", "2026/11/21/[7]own", BEGIN_UNIX_MILLI, line);
        }
    });
    let asked = ["backfill", "--group", "*-forwarder", "--since", SINCE, "--until", UNTIL, "--region", "us-east-2"];
    let answer = world.run(&[&asked[..], &["--format", "json", "--lake", text(&lake)]].concat());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let summary: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((&summary["events"], &summary["records"]), (&json!(3), &json!(1)), "{summary}");
    assert_eq!(sql(&world, &lake, "SELECT body FROM logs"), [json!({ "body": "somebody's own" })]);
    assert!(answer.stderr.starts_with("1 of 1 windows, 3 events, in "), "{}", answer.stderr);
}

#[test]
fn what_is_done_in_one_lake_is_brought_into_another() {
    let world = filled();
    let state = world.folder.path().join("state");
    for name in ["one", "two"] {
        let lake = lake(&world, name);
        let answer = world.run(&arguments(&lake, &["--state", text(&state)]));
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        assert_whole(&world, &lake);
    }
}

#[test]
fn what_keeps_nothing_is_no_state() {
    let world = filled();
    let lake = lake(&world, "lake");
    let folder = world.folder.path().to_owned();
    for (state, told) in [("/dev/null", "it is no file"), (text(&folder), "directory")] {
        let answer = world.run(&arguments(&lake, &["--state", state]));
        assert!(answer.code == 2 && answer.stderr.contains(told), "{state}: {} {}", answer.code, answer.stderr);
    }
    assert!(world.aws.calls().is_empty());
}

#[test]
fn nothing_that_matches_is_told() {
    let world = filled();
    let lake = lake(&world, "lake");
    let only = ["backfill", "--group", "/nothing/*", "--since", SINCE, "--until", UNTIL, "--region", "us-east-2"];
    let answer = world.run(&[&only[..], &["--lake", text(&lake)]].concat());
    assert_eq!(answer.code, 5, "{}", answer.stderr);
}
