//! `transect doctor`: a sound installation has no findings, everything that is broken is one, with what to do about it, and
//! what cannot be looked at is no finding but unknown.

use serde_json::{Value, json};
use transect_tests::aws::{Delivery, Fault, Region, When};
use transect_tests::files_below;

use crate::world::{FORWARDER, NAME, REGIONS, Rows, World, bucket, own_filter};

const CHECKS: [&str; 10] = [
    "bucket",
    "clock",
    "coverage",
    "credentials",
    "delivery",
    "failed",
    "firehose",
    "forwarder",
    "skipped",
    "unconverted",
];

/// Three regions in which all is well: groups are subscribed, and something was delivered a moment ago.
fn sound() -> World {
    let world = World::new();
    let payload = json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/lambda/orders",
        "logStream": "2026/11/21/[7]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": [NAME],
        "logEvents": [{ "id": format!("{:056}", 1), "timestamp": jiff::Timestamp::now().as_millisecond(), "message": "hello" }],
    });
    let file = world.folder.path().join("payload.json");
    std::fs::write(&file, payload.to_string()).unwrap();
    for name in REGIONS {
        // Files as Firehose leaves them.
        let local = world.folder.path().join("local").join(name);
        std::fs::create_dir_all(&local).unwrap();
        let (local_text, file_text) = (local.to_str().unwrap(), file.to_str().unwrap());
        let ingested = world.run(&["ingest", "-q", "--lake", local_text, "--region", name, file_text]);
        assert_eq!(ingested.code, 0, "{}", ingested.stderr);
        for from in files_below(&local.join("landing")) {
            let hour = from.parent().unwrap().strip_prefix(&local).unwrap();
            let named = format!("{NAME}-1-2026-11-21-08-00-00-0b6a1c2d-1111-2222-3333-444455556666.parquet");
            let target = world.aws.bucket(name, &bucket(name)).join(hour).join(named);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(&from, target).unwrap();
        }
        world.aws.region(name, |region| {
            let group = region.group("/aws/lambda/orders");
            (group.filters, group.retention_days) = (vec![own_filter(name)], Some(30));
        });
    }
    world
}

fn doctor(world: &World) -> Rows {
    world.rows(&["doctor"])
}

/// The rows of a check.
fn of<'a>(rows: &'a Rows, region: &str, check: &str) -> Vec<&'a Value> {
    rows.rows.iter().filter(|row| row["cloud_region"] == region && row["check"] == check).collect()
}

fn is_finding(row: &Value) -> bool {
    row["state"] == "warn" || row["state"] == "fail"
}

/// Breaks something in one region of a sound account: a finding of this check there, with a word of what it is about and a
/// fix, and none elsewhere.
fn check(check: &str, word: &str, break_it: impl FnOnce(&World)) {
    let world = sound();
    break_it(&world);
    let rows = doctor(&world);
    assert_eq!((rows.code, rows.complete), (1, true), "{check}: {:#?}{}", rows.rows, rows.stderr);
    let found: Vec<&Value> = of(&rows, "us-west-2", check).into_iter().filter(|row| is_finding(row)).collect();
    let is_told = found.iter().any(|row| row["detail"].as_str().is_some_and(|detail| detail.contains(word)));
    assert!(is_told, "{check} does not tell {word:?}: {:#?}", rows.rows);
    assert!(found.iter().all(|row| row["fix"].as_str().is_some_and(|fix| !fix.is_empty())), "{found:#?}");
    let elsewhere: Vec<&Value> =
        rows.rows.iter().filter(|row| is_finding(row) && row["cloud_region"] != "us-west-2").collect();
    assert_eq!(elsewhere, Vec::<&Value>::new());
}

/// As [`check`], in the account's region.
fn check_region(name: &str, word: &str, break_it: impl FnOnce(&mut Region)) {
    check(name, word, |world| world.aws.region("us-west-2", break_it));
}

/// As [`check`], in what the stream is set to.
fn check_stream(word: &str, pointer: &str, value: Value) {
    check_region("firehose", word, |region| {
        let stream = region.streams.get_mut(NAME).unwrap();
        *stream.description.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    });
}

const S3: &str = "/Destinations/0/ExtendedS3DestinationDescription";

#[test]
fn a_sound_installation_has_no_findings() {
    let world = sound();
    let rows = doctor(&world);
    assert_eq!((rows.code, rows.complete), (0, true), "{:#?}{}", rows.rows, rows.stderr);
    for region in REGIONS {
        for check in CHECKS {
            let found = of(&rows, region, check);
            assert!(!found.is_empty(), "{region} {check} is not looked at");
            assert!(found.iter().all(|row| row["state"] == "ok" && row["detail"].is_string()), "{found:#?}");
        }
    }
    // It changes nothing, and repeats nothing that is nobody's business.
    assert_eq!(crate::world::changes(&world.aws.calls()).len(), 0);
    let text = world.run(&["doctor"]).stdout;
    assert!(text.contains("eu-west-2") && !text.contains(&bucket("eu-west-2")), "{text}");
}

#[test]
fn a_stream_that_is_gone_or_not_ready() {
    check_region("firehose", "no stream", |region| region.streams.clear());
    check_stream("CREATING", "/DeliveryStreamStatus", json!("CREATING"));
}

#[test]
fn a_stream_whose_settings_lose_records() {
    check_stream("conver", &format!("{S3}/DataFormatConversionConfiguration/Enabled"), json!(false));
    check_stream("GZIP", &format!("{S3}/CompressionFormat"), json!("GZIP"));
    check_stream("landing/", &format!("{S3}/Prefix"), json!("landing/!{timestamp:yyyy/MM/dd}/"));
    check_stream("error prefix", &format!("{S3}/ErrorOutputPrefix"), json!("errors/"));
    check_stream("bucket", &format!("{S3}/BucketARN"), json!("arn:aws:s3:::somebody-elses"));
    check_stream(
        "other",
        &format!("{S3}/DataFormatConversionConfiguration/SchemaConfiguration/TableName"),
        json!("other"),
    );
    check_stream("logged", &format!("{S3}/CloudWatchLoggingOptions/Enabled"), json!(false));
}

#[test]
fn a_forwarder_that_cannot_work() {
    check_region("forwarder", "no function", |region| region.functions.clear());
    check_region("forwarder", "live", |region| region.function(FORWARDER).aliases.clear());
    check_region("forwarder", "invoke", |region| {
        region.function(FORWARDER).aliases.get_mut("live").unwrap().is_invoked_by_logs = false;
    });
    check_region("forwarder", "TRANSECT_DELIVERY_STREAM", |region| {
        region.function(FORWARDER).variables.insert("TRANSECT_DELIVERY_STREAM".to_owned(), "other".to_owned());
    });
}

#[test]
fn a_forwarder_that_loses_what_it_cannot_deliver() {
    check_region("forwarder", "on-failure", |region| region.function(FORWARDER).on_failure = None);
    check_region("forwarder", "concurrency", |region| region.function(FORWARDER).reserved_concurrency = Some(0));
}

#[test]
fn groups_that_nobody_forwards() {
    check_region("coverage", "/aws/lambda/forgotten", |region| {
        region.group("/aws/lambda/forgotten");
    });
    check_region("coverage", "/aws/lambda/orders", |region| region.group("/aws/lambda/orders").filters.clear());
    check_region("coverage", "retention", |region| region.group("/aws/lambda/orders").retention_days = None);
    check_region("coverage", "/aws/lambda/transect-forwarder", |region| {
        let filter = own_filter("us-west-2");
        region.group("/aws/lambda/transect-forwarder").filters = vec![filter];
    });
}

/// It is told, the rest is looked at, and nothing is taken for sound.
#[test]
fn a_group_that_does_not_tell_its_filters() {
    let world = sound();
    world.aws.region("us-west-2", |region| {
        region.group("/aws/lambda/secret").retention_days = Some(30);
    });
    let denied = When::Naming("/aws/lambda/secret");
    world.aws.fail("us-west-2", "DescribeSubscriptionFilters", denied, Fault::Denied);
    let rows = doctor(&world);
    assert_eq!((rows.code, rows.complete), (3, true), "{:#?}{}", rows.rows, rows.stderr);
    let found = of(&rows, "us-west-2", "coverage");
    assert_eq!((found.len(), &found[0]["state"]), (1, &json!("unknown")), "{found:#?}");
    let (detail, fix) = (found[0]["detail"].as_str().unwrap(), found[0]["fix"].as_str().unwrap());
    assert!(detail.starts_with("1 log group not looked at") && detail.ends_with(": /aws/lambda/secret"), "{detail}");
    assert!(fix.starts_with("allow `logs:DescribeSubscriptionFilters`"), "{fix}");
}

#[test]
fn what_cloudwatch_logs_skips() {
    let refused = |filter: &str, is_throttled: bool| Delivery {
        group: "/aws/lambda/orders".to_owned(),
        filter: filter.to_owned(),
        minute_unix_milli: jiff::Timestamp::now().as_millisecond() / 60_000 * 60_000 - 3_600_000,
        events: 12.0,
        is_throttled,
    };
    check_region("skipped", "12 events of /aws/lambda/orders", |region| region.deliveries.push(refused(NAME, false)));
    check_region("skipped", "asked to wait", |region| region.deliveries.push(refused(NAME, true)));
}

fn put(world: &World, key: &str, content: &str) {
    let path = world.aws.bucket("us-west-2", &bucket("us-west-2")).join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn what_was_not_delivered() {
    let kept = "2026/11/21/2026-11-21T08.00.00-8f5b6c7d-0000-4000-8000-000000000001";
    check("failed", "1", |world| put(world, &format!("aws/lambda/async/{FORWARDER}/{kept}"), "{}"));
    check("failed", "1", |world| put(world, "failed/region=us-west-2/copied", "{}"));
    let error = "errors/region=us-west-2/format-conversion-failed/date=2026-11-21/hour=08/transect-1";
    check("unconverted", "1", |world| put(world, error, "{}"));
}

#[test]
fn a_bucket_that_is_not_there_and_one_that_nothing_reaches() {
    check("bucket", "bucket", |world| world.aws.remove_bucket(&bucket("us-west-2")));
    check("delivery", "delivered", |world| {
        let landing = world.aws.bucket("us-west-2", &bucket("us-west-2")).join("landing");
        std::fs::remove_dir_all(landing).unwrap();
    });
}

#[test]
fn a_clock_that_is_off() {
    check("clock", "min", |world| world.aws.set_clock_ahead("us-west-2", 900));
}

#[test]
fn a_region_that_does_not_answer_is_no_finding() {
    let world = sound();
    world.aws.fail_region("us-west-2");
    let rows = doctor(&world);
    assert_eq!((rows.code, rows.complete), (3, false), "{:#?}{}", rows.rows, rows.stderr);
    assert_eq!(rows.missing, ["us-west-2"]);
    let down: Vec<&Value> = rows.rows.iter().filter(|row| row["cloud_region"] == "us-west-2").collect();
    assert!(down.iter().all(|row| row["state"] == "unknown"), "{down:#?}");
    for region in ["us-east-2", "eu-west-2"] {
        for check in CHECKS {
            assert!(
                of(&rows, region, check).iter().all(|row| row["state"] == "ok"),
                "{region} {check}: {:#?}",
                rows.rows
            );
        }
    }
}

#[test]
fn what_may_not_be_looked_at_is_unknown_with_the_permission_that_is_lacking() {
    let world = sound();
    world.aws.fail("us-west-2", "DescribeDeliveryStream", When::Always, Fault::Denied);
    let rows = doctor(&world);
    let found = of(&rows, "us-west-2", "firehose");
    assert!(found.iter().all(|row| row["state"] == "unknown"), "{found:#?}");
    let text = found.iter().map(|row| format!("{}{}", row["detail"], row["fix"])).collect::<String>();
    assert!(text.contains("firehose:DescribeDeliveryStream"), "{text}");
    // What nobody could look at is not sound.
    assert_eq!(rows.code, 3, "{}", rows.stderr);
    assert!(of(&rows, "us-west-2", "forwarder").iter().all(|row| row["state"] == "ok"), "{:#?}", rows.rows);
}
