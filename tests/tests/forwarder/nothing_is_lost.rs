//! The promise: whatever Firehose and the network do, every event is in the lake or in what Lambda kept.

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use transect_tests::{files_below, program};

use crate::firehose::Fault;
use crate::world::{World, event_ids_of};

const REGIONS: [&str; 3] = ["us-east-2", "us-west-2", "eu-west-2"];
const INVOCATIONS_MIN: usize = 2_000;

/// A small generator of its own, so that a run can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn fault(chance: &mut Chance, records: usize) -> Fault {
    match chance.below(1_000) {
        0..40 => Fault::Some((0..records).filter(|_| chance.below(2) == 0).collect(), "ServiceUnavailableException"),
        40..70 => Fault::Error(500, "ServiceUnavailableException"),
        70..90 => Fault::Error(400, "ThrottlingException"),
        90..110 => Fault::Error(500, "InternalFailure"),
        110..130 => Fault::CutBefore,
        130..150 => Fault::CutAfter,
        150..153 => Fault::Hang,
        _ => Fault::None,
    }
}

#[test]
fn every_event_of_two_thousand_invocations_is_in_the_lake_or_was_kept() {
    let sample = tempfile::tempdir().unwrap();
    let output = Command::new(program("transect"))
        .args(["demo", "--quiet", "--payloads-only", "--invocations", "3000", "--events-per-payload", "16", "--dir"])
        .arg(sample.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A little more than a second for each try.
    let world = World::new(&REGIONS, Duration::from_millis(3_200), &[]);

    let mut sent = HashSet::new();
    let mut payloads_by_region = [0; REGIONS.len()];
    for (seed, name) in REGIONS.into_iter().enumerate() {
        let region = world.region(name);
        let mut chance = Chance(seed as u64);
        // Now and then the service is down for a while; and some calls can never succeed, whoever tries.
        let mut outage = 0;
        region.firehose.plan(move |call| {
            if call.records.iter().any(|record| record.contains("777\",\"signal\"")) {
                return Fault::Error(400, "AccessDeniedException");
            }
            if outage == 0 && chance.below(400) == 0 {
                outage = 10;
            }
            if outage > 0 {
                outage -= 1;
                return Fault::Error(500, "ServiceUnavailableException");
            }
            fault(&mut chance, call.records.len())
        });
        for file in files_below(&sample.path().join("payloads").join(name)) {
            for payload in std::fs::read_to_string(file).unwrap().lines() {
                let ids = event_ids_of(&serde_json::from_str::<Value>(payload).unwrap());
                sent.extend(ids.into_iter().map(|id| format!("{name}|{id}")));
                region.enqueue(payload.as_bytes().to_vec());
                payloads_by_region[seed] += 1;
            }
        }
    }
    let invocations: usize = payloads_by_region.iter().sum();
    assert!(invocations >= INVOCATIONS_MIN, "only {invocations} payloads");

    let mut ended_well = 0;
    let mut tries = 0;
    for (name, payloads) in REGIONS.into_iter().zip(payloads_by_region) {
        let region = world.region(name);
        for _ in 0..payloads {
            let ended = region.ended();
            tries += ended.tries.len();
            ended_well += usize::from(ended.tries.last().unwrap().error.is_none());
            for attempt in &ended.tries {
                assert!(attempt.milliseconds_left > 0, "{ended:?}");
                if let Some((kind, _)) = &attempt.error {
                    assert_eq!(kind, "Transect.Undelivered");
                }
            }
        }
        region.firehose.flush();
    }

    let stored: HashSet<String> = world
        .sql(
            "SELECT DISTINCT cloud_region, aws_log_group, aws_log_stream, split_part(event_id, '/', 1) AS id FROM telemetry",
        )
        .into_iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            format!("{}|{}|{}|{}", text("cloud_region"), text("aws_log_group"), text("aws_log_stream"), text("id"))
        })
        .collect();
    let mut kept = HashSet::new();
    for name in REGIONS {
        for payload in world.region(name).failed_payloads() {
            kept.extend(event_ids_of(&payload).into_iter().map(|id| format!("{name}|{id}")));
        }
    }
    let lost: Vec<&String> = sent.iter().filter(|id| !stored.contains(*id) && !kept.contains(*id)).collect();
    let calls: usize = REGIONS.iter().map(|name| world.region(name).firehose.calls()).sum();
    println!(
        "{invocations} invocations in {tries} tries and {calls} calls, {ended_well} ended well; {} events: {} in the lake, \
         {} kept, {} in both, {} in neither",
        sent.len(),
        stored.len(),
        kept.len(),
        stored.intersection(&kept).count(),
        lost.len(),
    );
    assert_eq!(lost, Vec::<&String>::new());
    let strange: Vec<&String> = stored.iter().filter(|id| !sent.contains(*id)).collect();
    assert_eq!(strange, Vec::<&String>::new());
    // The run is worth something only if both ways were taken.
    assert!(ended_well < invocations && !kept.is_empty() && tries > invocations && calls > tries);
}
