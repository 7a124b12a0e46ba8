//! Payloads that are loaded into buckets, and what is loaded twice.

use serde_json::json;

use crate::world::{BUCKET, Json, PATIENT, World};
use transect_tests::store::Fault;

/// A payload of so many events, `name` in their ids, a minute apart from 08:00 on.
fn payload(world: &World, name: &str, events: i64) -> String {
    let event = |number: i64| json!({"id": format!("{name}{number}"), "timestamp": 1_795_248_000_000_i64 + number * 60_000, "message": "m"});
    let payload = json!({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/app", "logStream": name,
        "subscriptionFilters": ["f"], "logEvents": (0..events).map(event).collect::<Vec<_>>(),
    });
    let file = world.folder.path().join(format!("{name}.json"));
    std::fs::write(&file, payload.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn names(world: &World) -> Vec<String> {
    let root = world.stores[0].bucket(BUCKET);
    let files = transect_tests::files_below(&root.join("landing"));
    files.iter().map(|file| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect()
}

fn count(world: &World) -> serde_json::Value {
    world.sql("select count(*) as n from telemetry").rows().remove(0)["n"].clone()
}

#[test]
fn payloads_go_to_buckets_once_under_names_of_their_content() {
    let world = World::empty(1);
    world.stores[0].bucket(BUCKET);
    world.configure("", PATIENT);
    let (a, b) = (payload(&world, "a", 90), payload(&world, "b", 3));
    let load = |arguments: &[&str]| {
        let answer = world.run(&[&["ingest", "--region", "us-east-2", "--format", "json"], arguments].concat());
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let loaded = answer.json();
        (loaded["records"].as_u64().unwrap(), loaded["already_present"].as_u64().unwrap())
    };
    assert_eq!(load(&[&a, &b]), (93, 0));
    let first = names(&world);
    assert_eq!(first.len(), 2);
    assert!(first[0].starts_with("landing/region=us-east-2/date=2026-11-21/hour=08/ingest-"), "{first:?}");
    // In another order, one alone, and once more for good.
    assert_eq!(load(&[&b, &a]), (0, 93));
    assert_eq!(load(&[&b]), (0, 3));
    assert_eq!(load(&["--force", &a, &b]), (93, 0));
    assert_eq!((names(&world), count(&world)), (first.clone(), json!(93)));
    // A run that ended between two files is completed by the next.
    std::fs::remove_file(world.stores[0].bucket(BUCKET).join(&first[1])).unwrap();
    assert_eq!(load(&[&a, &b]), (30, 63));
    assert_eq!(count(&world), json!(93));
    assert_eq!(names(&world)[0], first[0]);
    // A bucket that takes nothing is said, with nothing of it half there.
    world.stores[0].fail(Fault::Denied);
    let answer = world.run(&[
        "ingest",
        "--region",
        "us-east-2",
        "--lake",
        &format!("us-east-2=s3://{BUCKET}"),
        &payload(&world, "c", 1),
    ]);
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(!answer.stderr.contains(BUCKET), "{}", answer.stderr);
}
