//! Release records: written once, read everywhere, of one region each.

use serde_json::json;

use crate::world::{BUCKET, Json, PATIENT, REGIONS, World};

/// Two regions in which a function has the same version number, for different releases, and states neither.
fn world() -> World {
    let world = World::empty(2);
    for (store, region) in world.stores.iter().zip(REGIONS) {
        let events: Vec<_> = ["7", "8"]
            .iter()
            .enumerate()
            .map(|(index, version)| {
                let request = format!("00000000-0000-4000-8000-00000000000{index}");
                let message = format!("REPORT RequestId: {request}\tDuration: 10.00 ms\tBilled Duration: 10 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t\n");
                (version, json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/aws/lambda/pay",
                    "logStream": format!("2026/11/21/[{version}]0123456789abcdef0123456789abcdef"), "subscriptionFilters": ["f"],
                    "logEvents": [{"id": index.to_string(), "timestamp": 1_795_250_573_000_i64 + index as i64, "message": message}]}))
            })
            .collect();
        for (version, payload) in events {
            let file = world.folder.path().join(format!("{region}-{version}.json"));
            std::fs::write(&file, payload.to_string()).unwrap();
            let lake = store.bucket(BUCKET);
            let loaded =
                world.run(&["ingest", "--region", region, "--lake", lake.to_str().unwrap(), file.to_str().unwrap()]);
            assert_eq!(loaded.code, 0, "{}", loaded.stderr);
        }
    }
    world.configure("", PATIENT);
    world
}

const RELEASES: &str = "select cloud_region, faas_version, release from invocations order by 1, 2";

fn check(world: &World, expected: [(&str, &str, &str); 4]) {
    let row = |(region, version, release)| json!({"cloud_region": region, "faas_version": version, "release": release});
    for table in ["invocations", "telemetry"] {
        let answer = world.sql(&RELEASES.replace("invocations", table));
        assert_eq!(answer.rows(), expected.map(row), "{table}: {}", answer.stderr);
    }
}

#[test]
fn a_version_is_the_release_that_was_recorded_for_its_region() {
    let world = world();
    check(&world, [("us-east-2", "7", "7"), ("us-east-2", "8", "8"), ("us-west-2", "7", "7"), ("us-west-2", "8", "8")]);
    let record = |region: &str, version: &str, release: &str| {
        world.run(&[
            "releases",
            "record",
            "--service",
            "payments",
            "--function",
            "pay",
            "--release",
            release,
            "--function-version",
            version,
            "--region",
            region,
            "--format",
            "json",
        ])
    };
    let answer = record("us-east-2", "7", "1.4.1");
    assert_eq!((answer.code, answer.json()), (0, json!({"written": 1, "already_present": 0})), "{}", answer.stderr);
    check(
        &world,
        [("us-east-2", "7", "1.4.1"), ("us-east-2", "8", "8"), ("us-west-2", "7", "7"), ("us-west-2", "8", "8")],
    );
    // Again, it is the same file.
    assert_eq!(record("us-east-2", "7", "1.4.1").json(), json!({"written": 0, "already_present": 1}));
    let files = transect_tests::files_below(&world.stores[0].bucket(BUCKET).join("releases"));
    assert_eq!(files.len(), 1, "{files:?}");

    let map = world.folder.path().join("release-map.json");
    std::fs::write(
        &map,
        json!({"1.4.1": {"us-west-2": {"pay": {"version": "8", "codeSha256": "a+b/c="}}},
               "1.4.2": {"us-east-2": {"pay": {"version": 8, "codeSha256": "d"}}, "us-west-2": {"pay": {"version": "7"}}}})
            .to_string(),
    )
    .unwrap();
    let imported = world.run(&["releases", "import", map.to_str().unwrap(), "--format", "json"]);
    assert_eq!(imported.json(), json!({"written": 3, "already_present": 0}), "{}", imported.stderr);
    check(
        &world,
        [
            ("us-east-2", "7", "1.4.1"),
            ("us-east-2", "8", "1.4.2"),
            ("us-west-2", "7", "1.4.2"),
            ("us-west-2", "8", "1.4.1"),
        ],
    );
    // Once more, a region is listed once, however many records it has.
    world.stores.iter().for_each(|store| drop(store.take_seen()));
    let again = world.run(&["releases", "import", map.to_str().unwrap(), "--format", "json"]);
    assert_eq!(again.json(), json!({"written": 0, "already_present": 3}), "{}", again.stderr);
    let lists = world.stores.iter().map(|store| store.take_seen().iter().filter(|seen| seen.is_list()).count());
    assert_eq!(lists.collect::<Vec<_>>(), [1, 1]);
    let rows = world.run(&["releases", "--format", "json"]).rows();
    let found: Vec<_> =
        rows.iter().map(|row| [&row["cloud_region"], &row["release"], &row["release_source"]]).collect();
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|row| row[2] == "record"), "{found:?}");
    // A filter on the release finds what was recorded.
    let answer = world.sql("select cloud_region from logs where release = '1.4.2' order by 1");
    assert_eq!(answer.rows(), [json!({"cloud_region": "us-east-2"}), json!({"cloud_region": "us-west-2"})]);
}

#[test]
fn a_correction_is_another_record_and_counts() {
    let world = world();
    for release in ["1.4.1", "1.4.2"] {
        let answer = world.run(&[
            "releases",
            "record",
            "--service",
            "payments",
            "--function",
            "pay",
            "--release",
            release,
            "--function-version",
            "7",
            "--region",
            "us-east-2",
            "--region",
            "us-west-2",
        ]);
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (0, "2 records written, 0 already there\n"),
            "{}",
            answer.stderr
        );
    }
    check(
        &world,
        [("us-east-2", "7", "1.4.2"), ("us-east-2", "8", "8"), ("us-west-2", "7", "1.4.2"), ("us-west-2", "8", "8")],
    );
}

#[test]
fn what_cannot_be_recorded_is_refused_with_a_reason() {
    let world = world();
    let base = ["releases", "record", "--service", "payments", "--function", "pay", "--release", "1.4.1"];
    for (more, sentence) in [
        (&[][..], "no --region"),
        (&["--region", "eu-west-2"], "no location for region eu-west-2"),
        (&["--region", "us-east-2", "--function-version", "live"], "`live` is not a version"),
        (&["--region", "../x"], "no location for region ../x"),
    ] {
        let answer = world.run(&[&base[..], more].concat());
        assert_eq!(answer.code, 2, "{more:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(sentence), "{more:?}: {}", answer.stderr);
    }
    let map = world.folder.path().join("map.json");
    std::fs::write(&map, "{\"1\": {\"us-east-2\": {\"pay\": {\"versio\": \"8\"}}}}").unwrap();
    let answer = world.run(&["releases", "import", map.to_str().unwrap()]);
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("unknown field `versio`"), "{}", answer.stderr);
    for store in &world.stores {
        assert!(!store.bucket(BUCKET).join("releases").exists(), "nothing is half recorded");
    }
}
