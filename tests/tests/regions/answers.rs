//! What is answered when all regions answer, and when some do not.

use std::time::{Duration, Instant};

use serde_json::json;
use transect_tests::Answer;

use crate::world::{BUCKET, IMPATIENT, Json, PATIENT, REGIONS, World};
use transect_tests::store::{Fault, SECRET_KEY};

const COUNT: &str = "select cloud_region, count(*) as n from telemetry group by 1 order by 1";

/// Asks for counts by region; all regions but those named must be there, with all their rows.
fn check_without(world: &World, missing: &[&str]) -> String {
    let expected: Vec<_> = world
        .local(&["sql", "--format", "json", COUNT])
        .rows()
        .into_iter()
        .filter(|row| !missing.contains(&row["cloud_region"].as_str().unwrap()))
        .collect();
    let answer = world.sql(COUNT);
    assert_eq!(answer.rows(), expected, "{}", answer.stderr);
    let json = answer.json();
    assert_eq!(json["complete"], json!(missing.is_empty()));
    assert_eq!(json["missing_regions"], json!(missing));
    assert_eq!(answer.code, if missing.is_empty() { 0 } else { 3 }, "{}", answer.stderr);
    for region in missing {
        assert!(answer.stderr.contains(&format!("incomplete without {region}: ")), "{}", answer.stderr);
    }
    for secret in [BUCKET, SECRET_KEY] {
        assert!(!answer.stderr.contains(secret), "{}", answer.stderr);
    }
    answer.stderr
}

#[test]
fn buckets_answer_as_directories_do() {
    let world = World::new();
    for question in [
        &["query", "error-rate-by-release"][..],
        &["query", "region-traffic"],
        &["query", "traces-across-regions"],
        &["query", "late-deliveries", "--lateness", "30d"],
        &["sql", "select * from telemetry order by cloud_region, event_id, aws_log_stream, aws_log_group limit 50"],
        &["sql", "select * from traces order by trace_id limit 20"],
        &["releases"],
        &["logs", "--utc", "--limit", "30"],
    ] {
        let question = [question, &["--format", "json"]].concat();
        let (found, expected) = (world.run(&question), world.local(&question));
        assert_eq!(found.code, 0, "{question:?}: {}", found.stderr);
        assert_eq!(found.stdout, expected.stdout, "{question:?}");
        assert!(expected.rows().len() > 2, "{question:?}");
    }
}

#[test]
fn a_canary_is_judged_the_same_from_buckets_and_does_not_pass_without_a_region() {
    let world = World::new();
    // So small a sample passes by the limit alone.
    let question = [
        &["canary", "--service", "payments", "--baseline", "1.4.2", "--canary", "1.4.1"][..],
        &[
            "--since",
            "2026-11-21T08:00:00Z",
            "--until",
            "2026-11-21T10:00:00Z",
            "--slo",
            "60%",
            "--min-requests",
            "1",
            "--format",
            "json",
        ],
    ]
    .concat();
    let (found, expected) = (world.run(&question), world.local(&question));
    assert_eq!((found.code, found.stdout.as_str()), (0, expected.stdout.as_str()), "{}", found.stderr);
    world.configure("", IMPATIENT);
    // Faults that pass change nothing.
    for fault in [Fault::Unavailable(5), Fault::Cut(7)] {
        world.stores.iter().for_each(|store| store.fail(fault));
        let _ = std::fs::remove_dir_all(world.cache());
        let answer = world.run(&question);
        assert!(answer.stdout == expected.stdout, "{fault:?}: {}", answer.stderr);
    }
    world.stores.iter().for_each(|store| store.fail(Fault::None));
    // A region that never answers, or stops answering when its files are listed already, is left out as a whole.
    world.configure("", IMPATIENT);
    let elsewhere = world.local(&[&question[..], &["--region", REGIONS[1], "--region", REGIONS[2]]].concat()).json();
    for fault in [Fault::BlackHole, Fault::BlackHoleForObjects, Fault::Denied] {
        world.stores[0].fail(fault);
        let _ = std::fs::remove_dir_all(world.cache());
        let answer = world.run(&question);
        assert_eq!(answer.code, 4, "{fault:?}: {}", answer.stderr);
        let report = answer.json();
        assert_eq!((&report["complete"], &report["missing_regions"]), (&json!(false), &json!([REGIONS[0]])));
        // What was counted is the same, and no region passes without the other.
        let [found, expected] = [&report, &elsewhere].map(|report| {
            let mut regions = report["regions"].clone();
            let verdicts: Vec<serde_json::Value> =
                regions.as_array_mut().unwrap().iter_mut().map(|region| region["verdict"].take()).collect();
            (regions, verdicts)
        });
        assert_eq!((found.0, found.1.contains(&json!("PASS"))), (expected.0, false), "{fault:?}");
        assert!(answer.stderr.contains(&format!("incomplete without {}: ", REGIONS[0])), "{}", answer.stderr);
        for secret in [BUCKET, SECRET_KEY] {
            assert!(!answer.stderr.contains(secret), "{}", answer.stderr);
        }
    }
}

/// The story of the sample that all regions have a part in.
fn story() -> serde_json::Value {
    let truth = std::fs::read(crate::world::sample().join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
    let traces = truth["traces"].as_array().unwrap();
    traces.iter().find(|told| told["regions"].as_array().unwrap().len() == REGIONS.len()).unwrap().clone()
}

#[test]
fn a_trace_is_the_same_from_buckets_and_says_where_it_may_have_a_hole() {
    let world = World::new();
    let told = story();
    let question = ["trace", told["trace_ids"][0].as_str().unwrap(), "--format", "json"];
    let (found, expected) = (world.run(&question), world.local(&question));
    assert_eq!((found.code, found.stdout.as_str()), (0, expected.stdout.as_str()), "{}", found.stderr);
    assert_eq!(found.json()["regions"], told["regions"]);
    world.configure("", IMPATIENT);
    // Faults that pass change nothing.
    for fault in [Fault::Unavailable(5), Fault::Cut(7)] {
        world.stores.iter().for_each(|store| store.fail(fault));
        let _ = std::fs::remove_dir_all(world.cache());
        let answer = world.run(&question);
        assert_eq!(answer.code, 0, "{fault:?}: {}", answer.stderr);
        assert!(answer.stdout == expected.stdout, "{fault:?}");
    }
    world.stores.iter().for_each(|store| store.fail(Fault::None));
    // A region that never answers, or stops answering when its files are listed already.
    for fault in [Fault::BlackHole, Fault::BlackHoleForObjects, Fault::Denied] {
        world.stores[0].fail(fault);
        let _ = std::fs::remove_dir_all(world.cache());
        let started = Instant::now();
        let answer = world.run(&question);
        // Four seconds for the region, and as much for everything else.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(answer.code, 3, "{fault:?}: {}", answer.stderr);
        let json = answer.json();
        assert_eq!((&json["complete"], &json["missing_regions"]), (&json!(false), &json!([REGIONS[0]])));
        let expected = expected.json();
        let left = expected["records"].as_array().unwrap().iter().filter(|row| row["cloud_region"] != REGIONS[0]);
        assert_eq!(json["records"], json!(left.collect::<Vec<_>>()), "{fault:?}");
        assert!(!answer.stderr.contains(BUCKET) && !answer.stdout.contains(SECRET_KEY), "{}", answer.stderr);
    }
}

#[test]
fn a_region_that_never_answers_is_named_and_the_others_answer() {
    let world = World::new();
    world.configure("", IMPATIENT);
    world.stores[1].fail(Fault::BlackHole);
    let started = Instant::now();
    check_without(&world, &[REGIONS[1]]);
    // Two questions and four seconds of patience: far from a client's own three minutes.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_region_that_stalls_in_the_middle_of_a_scan_is_taken_out_as_a_whole() {
    let world = World::new();
    world.configure("", IMPATIENT);
    world.stores[2].fail(Fault::BlackHoleForObjects);
    check_without(&world, &[REGIONS[2]]);
    assert!(world.stores[2].take_seen().iter().any(|seen| seen.is_get()), "it was asked for objects");
}

#[test]
fn two_regions_may_fail_at_once_and_differently() {
    let world = World::new();
    world.configure("", IMPATIENT);
    world.stores[0].fail(Fault::Denied);
    world.stores[2].fail(Fault::BlackHoleForObjects);
    let talk = check_without(&world, &[REGIONS[0], REGIONS[2]]);
    assert!(talk.contains("us-east-2: access denied (AccessDenied)"), "{talk}");
    assert!(talk.contains("eu-west-2: no answer"), "{talk}");
}

#[test]
fn refusals_and_broken_bodies_that_pass_cost_nothing_but_requests() {
    let world = World::new();
    for (fault, store) in
        [(Fault::Unavailable(3), 0), (Fault::Cut(3), 1), (Fault::Latency(Duration::from_millis(20)), 2)]
    {
        world.stores[store].fail(fault);
    }
    check_without(&world, &[]);
    assert!(world.stores[0].take_seen().len() > 3);
}

#[test]
fn a_replica_takes_over_for_a_region_at_listing_and_in_mid_scan() {
    let world = World::new();
    let replica = &world.stores[1];
    // The replica lies in the server of another region, and holds the same keys.
    let region = format!("landing/region={}", REGIONS[0]);
    let from = world.stores[0].bucket(BUCKET).join(&region);
    for file in transect_tests::files_below(&from) {
        let target = replica.bucket("acme-replica").join(&region).join(file.strip_prefix(&from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
    world
        .configure(&format!("replica = \"s3://acme-replica\"\nreplica_endpoint = \"{}\"", replica.endpoint), IMPATIENT);
    for fault in [Fault::BlackHole, Fault::BlackHoleForObjects, Fault::Denied] {
        // Otherwise footers come from the disk.
        let _ = std::fs::remove_dir_all(world.cache());
        world.stores[0].fail(fault);
        let talk = check_without(&world, &[]);
        assert!(talk.contains("us-east-2 was read from its replica"), "{fault:?}: {talk}");
    }
    // A replica that fails, too, is no help, and both reasons are told.
    replica.fail(Fault::Denied);
    let talk = check_without(&world, &[REGIONS[0], REGIONS[1]]);
    assert!(talk.contains("its replica: access denied"), "{talk}");
}

#[test]
fn strict_prints_nothing_unless_everything_is_there() {
    let world = World::new();
    world.stores[1].fail(Fault::Denied);
    for command in [&["sql", COUNT][..], &["logs"], &["query", "region-traffic"]] {
        let answer = world.run(&[command, &["--strict", "--format", "json"]].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (3, ""), "{command:?}");
        assert!(answer.stderr.contains("incomplete without us-west-2"), "{}", answer.stderr);
    }
    let target = world.folder.path().join("answer.csv");
    let answer = world.run(&["sql", "--strict", "--output", target.to_str().unwrap(), COUNT]);
    assert_eq!((answer.code, target.exists()), (3, false));
    world.stores[1].fail(Fault::None);
    assert_eq!(world.run(&["sql", "--strict", COUNT]).code, 0);
}

#[test]
fn no_region_at_all_is_no_answer() {
    let world = World::new();
    world.stores.iter().for_each(|store| store.fail(Fault::Denied));
    let answer = world.sql(COUNT);
    assert_eq!(answer.code, 3);
    assert!(answer.stderr.contains("no region answers"), "{}", answer.stderr);
    // Not a count of nothing.
    assert_eq!(answer.json(), json!({"rows": [], "complete": false, "missing_regions": REGIONS}));
    let answer = world.run(&["sql", "--format", "csv", COUNT]);
    assert_eq!((answer.code, answer.stdout.as_str()), (3, ""));
}

#[test]
fn buckets_with_equal_keys_give_their_own_rows() {
    let world = World::empty(1);
    // The same path and even the same size: only the bucket tells them apart.
    for (bucket, body) in [("one", "the first"), ("two", "the other")] {
        let lake = world.folder.path().join(bucket);
        let payload = json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/app", "logStream": "s",
            "subscriptionFilters": ["f"], "logEvents": [{"id": "1", "timestamp": 1_795_250_573_000_i64, "message": body}]});
        let file = world.folder.path().join("payload.json");
        std::fs::write(&file, payload.to_string()).unwrap();
        let (lake_text, file) = (lake.to_str().unwrap(), file.to_str().unwrap());
        let loaded = world.run(&["ingest", "--region", "us-east-2", "--lake", lake_text, file]);
        assert_eq!(loaded.code, 0, "{}", loaded.stderr);
        let written = transect_tests::files_below(&lake).remove(0);
        let folder = written.strip_prefix(&lake).unwrap().parent().unwrap().to_owned();
        let target = world.stores[0].bucket(bucket).join(folder);
        std::fs::create_dir_all(&target).unwrap();
        std::fs::copy(written, target.join("same.parquet")).unwrap();
    }
    for _ in 0..2 {
        let answer: Answer = world
            .command(&["sql", "--format", "json", "--lake", "s3://one", "--lake", "s3://two"])
            .arg("select body from telemetry where body like 'the%' order by 1")
            .env("AWS_ENDPOINT_URL_S3", &world.stores[0].endpoint)
            .output()
            .unwrap()
            .into();
        assert_eq!(answer.rows(), [json!({"body": "the first"}), json!({"body": "the other"})], "{}", answer.stderr);
    }
}

#[test]
fn credentials_and_endpoints_come_from_profiles_too() {
    let world = World::new();
    let (config, keys) = (world.folder.path().join("config"), world.folder.path().join("credentials"));
    let endpoint = &world.stores[0].endpoint;
    std::fs::write(
        &config,
        format!("[profile oncall]\nregion = us-east-2\nservices = here\n[services here]\ns3 =\n  endpoint_url = {endpoint}\n"),
    )
    .unwrap();
    let key = transect_tests::store::ACCESS_KEY;
    std::fs::write(
        &keys,
        format!(
            "[oncall]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET_KEY}\n\
                 [other]\naws_access_key_id = {key}\naws_secret_access_key = wrong\n"
        ),
    )
    .unwrap();
    let lake = format!("us-east-2=s3://{BUCKET}");
    let run = |profile: Option<&str>, endpoint: Option<&str>| -> Answer {
        let mut command =
            world.command(&["sql", "--lake", &lake, "--format", "json", "select count(*) as n from logs"]);
        command.env("AWS_CONFIG_FILE", &config).env("AWS_SHARED_CREDENTIALS_FILE", &keys);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        for (name, value) in [("AWS_PROFILE", profile), ("AWS_ENDPOINT_URL", endpoint)] {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.output().unwrap().into()
    };
    let answer = run(Some("oncall"), None);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let answer = run(Some("other"), Some(endpoint));
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stderr.contains("access denied (SignatureDoesNotMatch)"), "{}", answer.stderr);
    let answer = run(None, Some(endpoint));
    assert_eq!(answer.code, 3);
    assert!(answer.stderr.contains("no AWS credentials"), "{}", answer.stderr);
    for answer in [run(Some("other"), Some(endpoint)), run(None, Some(endpoint))] {
        assert!(!answer.stderr.contains(BUCKET) && !answer.stderr.contains(SECRET_KEY), "{}", answer.stderr);
    }
}

#[test]
fn a_bucket_without_telemetry_and_one_that_does_not_exist_are_told_apart() {
    let world = World::empty(1);
    world.stores[0].bucket(BUCKET);
    world.configure("", PATIENT);
    let answer = world.sql("select * from logs");
    assert_eq!(answer.code, 5, "{}", answer.stderr);
    assert!(answer.stderr.contains("no telemetry"), "{}", answer.stderr);
    std::fs::remove_dir_all(world.stores[0].bucket(BUCKET)).unwrap();
    let answer = world.sql("select * from logs");
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stderr.contains("the bucket does not exist (NoSuchBucket)"), "{}", answer.stderr);
}

#[test]
fn directories_lie_beside_buckets_and_one_that_is_missing_is_a_missing_region() {
    let world = World::new();
    let east = format!("us-east-2={}", crate::world::sample().display());
    let west = format!("us-west-2=s3://{BUCKET}");
    let ask = |east: &str| -> Answer {
        world
            .command(&["sql", "--format", "json", "--lake", east, "--lake", &west, COUNT])
            .env("AWS_ENDPOINT_URL", &world.stores[1].endpoint)
            .output()
            .unwrap()
            .into()
    };
    let expected = world.local(&["sql", "--format", "json", COUNT]).rows();
    assert_eq!(ask(&east).rows(), expected[1..], "{}", ask(&east).stderr);
    let answer = ask("us-east-2=/nonexistent/lake");
    assert_eq!((answer.code, answer.rows()), (3, expected[2..].to_vec()));
    assert!(answer.stderr.contains("incomplete without us-east-2: no lake at /nonexistent/lake"), "{}", answer.stderr);
}

#[test]
fn what_is_wrong_with_the_configuration_is_said_before_anything_is_asked() {
    let world = World::new();
    for (line, sentence) in [
        ("endpoint = \"nowhere\"", "duplicate key"),
        ("replica_endpoint = \"http://127.0.0.1:1\"", "region us-east-2: replica_endpoint without replica"),
        ("replica = \"ftp://x\"", "region us-east-2, replica: only paths, file:// and s3:// URLs are readable"),
        ("color = \"red\"", "unknown field `color`"),
    ] {
        world.configure(line, PATIENT);
        let answer = world.sql("select 1");
        assert_eq!(answer.code, 2, "{line}: {}", answer.stderr);
        assert!(answer.stderr.contains(sentence), "{line}: {}", answer.stderr);
    }
    world.configure("", "soon");
    let answer = world.sql("select 1");
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("`soon` is not a duration"), "{}", answer.stderr);
}
