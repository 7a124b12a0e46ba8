//! A region is down for two hundred invocations, and comes back: what Lambda kept is redriven, and every event is in the lake
//! once by the rule for duplicates, whenever the redrive is killed and however often it is run.

use std::collections::{HashMap, HashSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use transect_tests::{files_below, program};

use crate::firehose::Fault;
use crate::world::{World, document, event_ids_of, lambda_event};

const DOWN: &str = "us-east-2";
const REGIONS: [&str; 2] = [DOWN, "eu-west-2"];
const INVOCATIONS_DOWN: usize = 200;
/// Sent before the region went down, and delivered again while it was: duplicates.
const DELIVERED_TWICE: usize = 20;
const EVENTS: usize = 5;

fn payload(number: usize) -> Vec<u8> {
    let events = (0..EVENTS).map(|event| {
        let message = format!(r#"{{"level":"ERROR","message":"payment {number} {event}","service":"payments"}}"#);
        (format!("{:056}", number * EVENTS + event), message)
    });
    lambda_event(&document("/aws/lambda/payments", events))
}

fn redrive(world: &World) -> Command {
    let mut command = Command::new(program("transect"));
    command
        .args(["redrive", "--format", "json", "--lake"])
        .arg(world.lake())
        .env_remove("TRANSECT_LAKE")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .current_dir(world.lake());
    command
}

/// Every event of the region by its id, with how often the rule for duplicates leaves it and how often it lies in files.
fn stored(world: &World) -> HashMap<String, (u64, u64)> {
    let count = |table: &str| -> HashMap<String, u64> {
        let statement = format!(
            "SELECT event_id, count(*) AS n FROM {table} WHERE cloud_region = '{DOWN}' AND signal = 'log' GROUP BY event_id"
        );
        let rows = world.sql(&statement);
        rows.into_iter().map(|row| (row["event_id"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap())).collect()
    };
    let (once, raw) = (count("logs"), count("telemetry"));
    raw.into_iter().map(|(id, raw)| (id.clone(), (once.get(&id).copied().unwrap_or_default(), raw))).collect()
}

#[test]
fn a_region_that_was_down_for_two_hundred_invocations_has_every_event_once() {
    let world = World::new(&REGIONS, Duration::from_secs(10), &[]);
    let region = world.region(DOWN);
    let mut sent = HashSet::new();
    let mut send = |number: usize| {
        let payload = payload(number);
        let ids = event_ids_of(&serde_json::from_slice::<Value>(&payload).unwrap());
        sent.extend(ids.into_iter().map(|id| id.rsplit('|').next().unwrap().to_owned()));
        payload
    };
    for number in 0..DELIVERED_TWICE {
        region.forward(send(number));
    }
    // Nothing is taken any more, and no try can change that.
    region.firehose.plan(|_| Fault::Error(400, "AccessDeniedException"));
    for number in 0..INVOCATIONS_DOWN {
        region.enqueue(send(number));
    }
    for _ in 0..INVOCATIONS_DOWN {
        assert_eq!(region.ended().tries.len(), 3);
    }
    region.firehose.plan(|_| Fault::None);
    let after = INVOCATIONS_DOWN;
    region.forward(send(after));
    region.firehose.flush();
    // The other region never noticed.
    world.region("eu-west-2").forward(payload(0));
    world.region("eu-west-2").firehose.flush();
    assert_eq!(region.failed_payloads().len(), INVOCATIONS_DOWN);
    let before = stored(&world);
    assert_eq!(before.len(), (DELIVERED_TWICE + 1) * EVENTS);

    // Listed by cause, before anything is touched.
    let listed = Command::new(program("transect"))
        .args(["failed", "--format", "json", "--lake"])
        .arg(world.lake())
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let row = &listed["rows"][0];
    assert_eq!(
        (row["cloud_region"].as_str(), row["source"].as_str(), row["cause"].as_str()),
        (Some(DOWN), Some("failed"), Some("Transect.Undelivered")),
        "{listed}"
    );
    assert_eq!((row["objects"].as_u64(), row["events"].as_u64()), (Some(200), Some(1_000)), "{listed}");

    // Killed as soon as it has delivered something more, four times over.
    let delivered = || {
        let files = files_below(&world.lake().join("landing"));
        files
            .iter()
            .filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("redrive-")))
            .count()
    };
    let mut kills = 0;
    for _ in 0..4 {
        let before = delivered();
        let mut process = redrive(&world).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while delivered() == before {
            if process.try_wait().unwrap().is_some() {
                break;
            }
        }
        kills += usize::from(process.try_wait().unwrap().is_none());
        let _ = process.kill();
        process.wait().unwrap();
        // However far it came: nothing twice by the rule, and what is there is whole.
        assert!(stored(&world).values().all(|(once, _)| *once == 1));
    }
    assert!(kills > 0, "every run was over before it could be killed");

    for run in 0..2 {
        let output = redrive(&world).output().unwrap();
        let left = files_below(&world.lake().join("failed"));
        assert_eq!(left, Vec::<std::path::PathBuf>::new(), "run {run}: {}", String::from_utf8_lossy(&output.stderr));
        let events = stored(&world);
        let ids: HashSet<String> = events.keys().cloned().collect();
        assert_eq!(ids, sent);
        assert!(events.values().all(|(once, _)| *once == 1), "run {run}");
        // In the files, too, only what was delivered twice to begin with is there twice.
        let doubled = events.values().filter(|(_, raw)| *raw > 1).count();
        assert_eq!(
            (doubled, events.values().map(|(_, raw)| *raw).max()),
            (DELIVERED_TWICE * EVENTS, Some(2)),
            "run {run}"
        );
    }
    assert_eq!(redrive(&world).output().unwrap().status.code(), Some(5));
    assert_eq!(files_below(&world.lake().join("redriven")).len(), INVOCATIONS_DOWN);
}
