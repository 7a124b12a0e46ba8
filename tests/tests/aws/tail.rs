//! `transect tail`: what CloudWatch Logs tells live, in all regions, in the order of time, as people read logs; and what is
//! done where it tells nothing live.

use jiff::Timestamp;
use serde_json::json;
use transect_tests::aws::{Fault, LiveTail, Tailed, When};

use crate::world::{REGIONS, Running, World, of_operation};

const ORDERS: &str = "/aws/lambda/orders";
const STREAM: &str = "2026/11/21/[7]0123456789abcdef0123456789abcdef";

fn world() -> World {
    let world = World::new();
    for region in REGIONS {
        world.aws.region(region, |region| {
            region.group(ORDERS);
            region.group("/aws/lambda/carts");
            region.group("/ecs/other");
        });
    }
    world
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn line(service: &str, level: &str, message: &str) -> String {
    json!({ "level": level, "service": service, "message": message }).to_string()
}

fn event(timestamp_unix_milli: i64, message: &str) -> Tailed<'_> {
    Tailed { group: ORDERS, stream: STREAM, timestamp_unix_milli, message }
}

/// Starts a tail, and waits for a session in each of these regions.
fn tail(world: &World, regions: &[&str], more: &[&str]) -> (Running, Vec<LiveTail>) {
    let mut arguments = vec!["tail", "--utc"];
    for region in regions {
        arguments.extend(["--region", region]);
    }
    arguments.extend(more);
    let running = world.start(&arguments);
    let mut sessions: Vec<LiveTail> = regions.iter().map(|_| world.aws.live_tail()).collect();
    sessions.sort_by_key(|session| regions.iter().position(|region| *region == session.region));
    assert_eq!(sessions.iter().map(|session| session.region.as_str()).collect::<Vec<_>>(), regions);
    (running, sessions)
}

/// The lines in which these words stand are in this order.
fn assert_order(lines: &[String], words: &[&str]) {
    let places: Vec<Option<usize>> =
        words.iter().map(|word| lines.iter().position(|line| line.contains(word))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{words:?} at {places:?}: {lines:#?}");
}

#[test]
fn regions_are_merged_in_the_order_of_time() {
    let world = world();
    let (running, sessions) = tail(&world, &["us-east-2", "us-west-2"], &["--group", "/aws/lambda/*"]);
    for session in &sessions {
        assert_eq!(session.groups, ["/aws/lambda/carts", ORDERS]);
    }
    let start = now();
    let [first, second, third, fourth] =
        ["first", "second", "third", "fourth"].map(|word| line("orders", "INFO", &format!("the {word} one")));
    sessions[0].update(false, &[event(start, &first), event(start + 200, &third)]);
    sessions[1].update(false, &[event(start + 100, &second), event(start + 300, &fourth)]);
    let lines = running.out_until("the fourth one");
    assert_order(&lines, &["the first one", "the second one", "the third one", "the fourth one"]);
    // Who reads it is told where it comes from.
    assert!(lines.iter().any(|line| line.contains("us-west-2") && line.contains("the second one")), "{lines:#?}");
}

#[test]
fn the_pipelines_own_groups_are_never_tailed_and_ten_groups_make_a_session() {
    let world = World::new();
    world.aws.region("us-east-2", |region| {
        for number in 0..12 {
            region.group(&format!("/aws/lambda/f{number:02}"));
        }
    });
    let running = world.start(&["tail", "--region", "us-east-2"]);
    let (one, other) = (world.aws.live_tail(), world.aws.live_tail());
    let mut groups = [one.groups.clone(), other.groups.clone()].concat();
    groups.sort();
    assert_eq!(groups, (0..12).map(|number| format!("/aws/lambda/f{number:02}")).collect::<Vec<_>>());
    assert_eq!(of_operation(&world.aws.calls(), "FilterLogEvents").len(), 0);
    drop(running);
}

#[test]
fn what_is_asked_for_is_shown_and_nothing_else() {
    let world = world();
    let (running, sessions) =
        tail(&world, &["us-east-2"], &["payment", "--group", ORDERS, "--service", "orders", "--level", "error"]);
    let start = now();
    let lines = [
        line("orders", "INFO", "payment one is too calm"),
        line("carts", "ERROR", "payment two is of another service"),
        line("orders", "ERROR", "delivery three is of another kind"),
        line("orders", "ERROR", "payment four is it"),
    ];
    let events: Vec<Tailed> = lines.iter().zip(start..).map(|(line, time)| event(time, line)).collect();
    sessions[0].update(false, &events);
    let lines = running.out_until("payment four");
    assert_eq!(
        lines.iter().filter(|line| line.contains("payment") || line.contains("delivery")).count(),
        1,
        "{lines:#?}"
    );
}

#[test]
fn it_says_when_cloudwatch_left_something_out() {
    let world = world();
    let (running, sessions) = tail(&world, &["us-east-2"], &["--group", ORDERS]);
    sessions[0].update(true, &[event(now(), &line("orders", "INFO", "one of many"))]);
    let said = running.said_until("left");
    assert!(said.last().unwrap().contains("us-east-2"), "{said:#?}");
    running.out_until("one of many");
}

/// A tail before a region whose live tail fails like this, as soon as it has said that it polls, and why.
fn refused(world: &World, fault: Fault, reason: &str) -> Running {
    world.aws.fail("us-east-2", "StartLiveTail", When::Always, fault);
    let running = world.start(&["tail", "--utc", "--region", "us-east-2", "--group", ORDERS]);
    let said = running.said_until("polled");
    assert!(said.last().unwrap().contains(reason), "{said:#?}");
    world.aws.wait_for_calls(|calls| !of_operation(calls, "FilterLogEvents").is_empty());
    running
}

#[test]
fn where_live_tail_is_refused_it_polls_and_shows_everything_once() {
    let world = world();
    let running = refused(&world, Fault::Denied, "logs:StartLiveTail");
    let start = now();
    world.aws.region("us-east-2", |region| {
        region.log(ORDERS, STREAM, start + 1, &line("orders", "INFO", "the second one"));
        region.log(ORDERS, STREAM, start, &line("orders", "INFO", "the first one"));
    });
    assert_order(&running.out_until("the second one"), &["the first one", "the second one"]);
    // The same seconds are asked for again.
    let asked = of_operation(&world.aws.calls(), "FilterLogEvents").len();
    world.aws.wait_for_calls(|calls| of_operation(calls, "FilterLogEvents").len() > asked + 4);
    world.aws.region("us-east-2", |region| region.log(ORDERS, STREAM, now(), &line("orders", "INFO", "the last one")));
    let lines = running.out_until("the last one");
    assert!(!lines.iter().any(|line| line.contains("the first one")), "{lines:#?}");
}

#[test]
fn it_polls_whatever_the_reason() {
    let limit = Fault::Error(400, "LimitExceededException", "You have too many sessions.");
    for (fault, reason) in [(limit, "LimitExceeded"), (Fault::Cut, "logs:StartLiveTail")] {
        refused(&world(), fault, reason);
    }
}

#[test]
fn who_wants_polling_gets_it() {
    let world = world();
    let running = world.start(&["tail", "--poll", "--region", "us-east-2", "--group", ORDERS]);
    world.aws.wait_for_calls(|calls| !of_operation(calls, "FilterLogEvents").is_empty());
    world
        .aws
        .region("us-east-2", |region| region.log(ORDERS, STREAM, now(), &line("orders", "INFO", "found by asking")));
    running.out_until("found by asking");
    assert_eq!(of_operation(&world.aws.calls(), "StartLiveTail").len(), 0);
}

/// Agents send late: 50 s, 90 s and almost 5 min after the time, while others come in time.
#[test]
fn what_arrives_late_is_shown_once_when_it_arrives() {
    let world = world();
    let start = now();
    world.aws.region("us-east-2", |region| {
        region.log_late(ORDERS, STREAM, start - 120_000, start - 119_000, &line("orders", "INFO", "before it began"));
    });
    let running = world.start(&["tail", "--poll", "--utc", "--region", "us-east-2", "--group", ORDERS]);
    world.aws.wait_for_calls(|calls| !of_operation(calls, "FilterLogEvents").is_empty());
    let log = |age: i64, message: &str| {
        world.aws.region("us-east-2", |region| {
            region.log_late(ORDERS, STREAM, now() - age, now(), &line("orders", "INFO", message));
        });
    };
    log(0, "in time");
    let first = running.out_until("in time");
    log(50_000, "late by 50 s");
    log(90_000, "late by 90 s");
    let second = running.out_until("late by 50 s");
    log(290_000, "late by 290 s");
    log(0, "the last one");
    let third = running.out_until("the last one");
    let all = [first, second, third].concat();
    assert_order(&all, &["in time", "late by 90 s", "late by 50 s", "late by 290 s", "the last one"]);
    assert!(!all.iter().any(|line| line.contains("before it began")), "{all:#?}");
    assert_eq!(all.iter().filter(|line| line.contains("late by")).count(), 3, "{all:#?}");
}

/// What arrives is dated by AWS: before a machine whose clock is ahead it would be of the time before it began.
#[test]
fn a_machine_whose_clock_is_ahead_is_shown_what_comes() {
    let world = world();
    world.aws.set_clock_ahead("us-east-2", -120);
    let running = world.start(&["tail", "--poll", "--utc", "--region", "us-east-2", "--group", ORDERS]);
    world.aws.wait_for_calls(|calls| !of_operation(calls, "FilterLogEvents").is_empty());
    world.aws.region("us-east-2", |region| {
        region.log(ORDERS, STREAM, now() - 119_000, &line("orders", "INFO", "of this moment"));
    });
    running.out_until("of this moment");
}

#[test]
fn log_groups_that_are_made_meanwhile_are_followed() {
    let world = world();
    let (running, _sessions) = tail(&world, &["us-east-2"], &["--group", "/aws/lambda/*"]);
    world.aws.region("us-east-2", |region| {
        region.log("/aws/lambda/new", STREAM, now(), &line("new", "INFO", "made meanwhile"));
        region.log("/ecs/new", STREAM, now(), &line("new", "INFO", "not asked for"));
    });
    running.said_until("/aws/lambda/new");
    let lines = running.out_until("made meanwhile");
    assert!(!lines.iter().any(|line| line.contains("not asked for")), "{lines:#?}");
}

#[test]
fn a_session_that_ends_is_followed_by_another() {
    let world = world();
    let (running, sessions) = tail(&world, &REGIONS, &["--group", ORDERS]);
    type End = fn(LiveTail);
    let ends: [End; REGIONS.len()] = [LiveTail::time_out, LiveTail::end, LiveTail::cut];
    for (session, end) in sessions.into_iter().zip(ends) {
        end(session);
    }
    let mut again: Vec<LiveTail> = REGIONS.iter().map(|_| world.aws.live_tail()).collect();
    again.sort_by_key(|session| REGIONS.iter().position(|region| *region == session.region));
    let begun = now();
    for (after, session) in (0..).zip(&again) {
        let line = line("orders", "INFO", &format!("afterwards in {}", session.region));
        session.update(false, &[event(begun + after, &line)]);
    }
    // What nobody heard in between may be lost, and each region says so.
    for _ in REGIONS {
        running.said_until("may be missing");
    }
    let lines = running.out_until(&format!("afterwards in {}", REGIONS[2]));
    assert_eq!(lines.iter().filter(|line| line.contains("afterwards in")).count(), REGIONS.len(), "{lines:#?}");
    again.remove(0).fail();
    let third = world.aws.live_tail();
    assert_eq!(third.region, REGIONS[0]);
    third.update(false, &[event(now(), &line("orders", "INFO", "at last"))]);
    running.out_until("at last");
}

#[test]
fn a_region_that_is_down_is_told_and_the_others_are_followed() {
    let world = world();
    world.aws.fail_region("us-west-2");
    let running = world.start(&["tail", "--region", "us-west-2", "--region", "us-east-2", "--group", ORDERS]);
    let session = world.aws.live_tail();
    assert_eq!(session.region, "us-east-2");
    session.update(false, &[event(now(), &line("orders", "INFO", "still there"))]);
    running.out_until("still there");
    running.said_until("us-west-2");
}

#[test]
fn it_ends_when_its_time_is_over_and_leaves_no_session_behind() {
    let world = world();
    let (running, sessions) = tail(&world, &["us-east-2"], &["--group", ORDERS, "--for", "5s"]);
    // What came is shown, even if it comes at the end.
    sessions[0].update(false, &[event(now(), &line("orders", "INFO", "just in time"))]);
    sessions[0].wait_for_end();
    let answer = running.end();
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("just in time"), "{}", answer.stdout);
}

#[test]
fn nothing_that_matches_is_told() {
    let world = world();
    let answer = world.run(&["tail", "--group", "/nothing/*"]);
    assert_eq!(answer.code, 5, "{}", answer.stderr);
    assert!(of_operation(&world.aws.calls(), "StartLiveTail").is_empty());
}

#[test]
fn records_come_as_json_too() {
    let world = world();
    let (running, sessions) = tail(&world, &["us-east-2"], &["--group", ORDERS, "--format", "ndjson"]);
    let timestamp = now();
    sessions[0].update(false, &[event(timestamp, &line("orders", "WARN", "as data"))]);
    let lines = running.out_until("as data");
    let record: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!((&record["cloud_region"], &record["aws_log_group"]), (&json!("us-east-2"), &json!(ORDERS)));
    assert_eq!((&record["service_name"], &record["severity_text"]), (&json!("orders"), &json!("WARN")));
}
