//! What the forwarder does with what it is handed when nothing goes wrong.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::firehose::event_ids;
use crate::world::{OWN_GROUP, STREAM, World, document, event_ids_of, lambda_event, lambda_event_of, long_document};

const MINUTE: Duration = Duration::from_secs(60);

fn fixtures(region: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/payloads").join(region);
    transect_tests::files_below(&folder)
        .iter()
        .filter(|path| !path.to_string_lossy().ends_with(".decoded.json"))
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn two_regions_side_by_side_stamp_their_own_and_the_command_line_finds_all() {
    let regions = ["us-east-2", "eu-west-2"];
    let world = World::new(&regions, MINUTE, &[]);
    let mut sent = HashSet::new();
    for name in regions {
        for payload in fixtures(name) {
            let ids = event_ids_of(&serde_json::from_slice(&payload).unwrap());
            sent.extend(ids.into_iter().map(|id| format!("{name}|{id}")));
            world.region(name).forward(payload);
        }
        world.region(name).firehose.flush();
    }
    let stored: HashSet<String> = world
        .sql(
            "SELECT cloud_region, aws_log_group, aws_log_stream, event_id FROM telemetry WHERE event_id NOT LIKE '%/%'",
        )
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            [text("cloud_region"), text("aws_log_group"), text("aws_log_stream"), text("event_id")].join("|")
        })
        .collect();
    assert_eq!(stored, sent);
    // The order that crosses regions is there under its ids, and the token that its payloads hold is nowhere.
    let expected: Value = serde_json::from_str(include_str!("../../fixtures/expected.json")).unwrap();
    let order = expected["trace"]["correlation_id"].as_str().unwrap();
    let rows = world.sql(&format!(
        "SELECT DISTINCT cloud_region FROM telemetry WHERE correlation_id = '{order}' ORDER BY cloud_region"
    ));
    assert_eq!(
        rows.iter().map(|row| row["cloud_region"].as_str().unwrap()).collect::<Vec<_>>(),
        ["eu-west-2", "us-east-2"]
    );
    let taken: String = regions.iter().flat_map(|name| world.region(name).firehose.taken()).collect();
    assert!(taken.contains("[redacted:authorization]") && !taken.contains("not-a-real-token"));
}

#[test]
fn a_control_message_is_neither_sent_nor_an_error() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let mut control =
        document("", [("1".to_owned(), "CWL CONTROL MESSAGE: Checking health of destination Firehose.".to_owned())]);
    control["messageType"] = json!("CONTROL_MESSAGE");
    region.forward(lambda_event(&control));
    assert_eq!(region.firehose.calls(), 0);
    assert_eq!(region.reports()[0]["Events"], 0);
}

#[test]
fn one_line_an_invocation_counts_and_says_nothing_of_the_payload() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let events = [
        ("1".to_owned(), "{\"level\":\"info\",\"message\":\"card for Zaphod\",\"password\":\"hunter2\"}".to_owned()),
        ("2".to_owned(), "plain text of Zaphod".to_owned()),
    ];
    for _ in 0..2 {
        region.forward(lambda_event(&document("/aws/lambda/shop", events.clone())));
    }
    let lines = region.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let number = |line: usize, name: &str| lines[line][name].as_f64().unwrap_or_else(|| panic!("{name} is no number"));
    assert_eq!((number(0, "ColdStart"), number(1, "ColdStart")), (1.0, 0.0));
    assert_eq!((number(0, "Events"), number(0, "Records"), number(0, "Redacted")), (2.0, 2.0, 1.0));
    assert_eq!((number(0, "Calls"), number(0, "RetriedRecords"), number(0, "FailedRecords")), (1.0, 0.0, 0.0));
    let sent: usize = region.firehose.taken().iter().take(1).map(String::len).sum();
    assert_eq!(number(0, "BytesOut"), sent as f64);
    assert_eq!(number(0, "BytesBilled"), 5_120.0);
    assert!(number(0, "DecodeTime") >= 0.0 && number(0, "DeliveryTime") > 0.0);
    let metrics = lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    assert!(metrics.iter().all(|metric| lines[0][metric["Name"].as_str().unwrap()].is_number()));
    let text = serde_json::to_string(&lines).unwrap();
    for secret in ["Zaphod", "hunter2", STREAM, "AKIDEXAMPLE", "/aws/lambda/shop"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(region.firehose.taken()[0].contains("[redacted:password]"));
}

#[test]
fn events_of_its_own_log_group_are_dropped_counted_and_told_once() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    for _ in 0..3 {
        region.forward(lambda_event(&document(OWN_GROUP, [("1".to_owned(), "mine".to_owned())])));
    }
    assert_eq!(region.firehose.calls(), 0);
    assert_eq!(region.reports().iter().map(|line| line["OwnEvents"].as_u64().unwrap()).sum::<u64>(), 3);
    assert_eq!(region.lines().len() - region.reports().len(), 1);
}

#[test]
fn several_documents_and_members_in_one_event_all_arrive() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let part = |id: &str| document("/aws/lambda/shop", [(id.to_owned(), "text".to_owned())]).to_string();
    region.forward(lambda_event_of((part("1") + &part("2") + "\n" + &part("3")).as_bytes()));
    assert_eq!(event_ids(&region.firehose.taken()).len(), 3);
}

#[test]
fn large_payloads_fill_records_and_calls_and_stay_within_memory() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    // Zeroes deflate to a thousandth: what Lambda may hand over inflates to the limit.
    let message = |number: usize| format!("event {number} {}", "0".repeat(32_000));
    let count = (64 << 20) / 32_200;
    let events = (0..count).map(|number| (format!("{number:056}"), message(number)));
    let payload = lambda_event(&document("/aws/lambda/shop", events));
    assert!(payload.len() < 1_000_000, "{} bytes", payload.len());
    region.forward(payload);
    let taken = region.firehose.taken();
    assert_eq!(event_ids(&taken).len(), count);
    assert_eq!(region.firehose.calls(), taken.len().div_ceil(4), "calls hold four full records");
    let report = &region.reports()[0];
    let (out, billed) = (report["BytesOut"].as_f64().unwrap(), report["BytesBilled"].as_f64().unwrap());
    assert!(billed / out < 1.02, "{billed} bytes billed for {out}");
    let peak = region.peak_resident_bytes();
    println!("{} bytes decoded, peak of {:.1} MB resident", report["BytesDecoded"], peak as f64 / 1e6);
    assert!(peak < 160_000_000, "{peak} bytes resident");
}

#[test]
fn a_message_too_long_for_a_record_is_cut_and_reads_back_whole() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let long = long_document(1, 1_000_000);
    region.forward(lambda_event(&long));
    region.firehose.flush();
    let rows = world.sql("SELECT event_id, body FROM telemetry ORDER BY length(event_id), event_id");
    let joined: String = rows.iter().map(|row| row["body"].as_str().unwrap()).collect();
    assert!(rows.len() > 1);
    assert_eq!(joined, long["logEvents"][0]["message"].as_str().unwrap());
}

#[test]
fn sampling_keeps_whole_traces_and_all_that_went_wrong_alike_in_every_region() {
    let regions = ["us-east-2", "eu-west-2"];
    let world = World::new(&regions, MINUTE, &[("TRANSECT_SAMPLE_RATE", "0.2")]);
    let message = |trace: usize, level: &str| {
        format!("{{\"level\":\"{level}\",\"message\":\"m\",\"trace_id\":\"{trace:08x}aaaaaaaaaaaaaaaaaaaaaaaa\"}}")
    };
    let events = (1..=200).flat_map(|trace| {
        [
            (format!("{trace}1"), message(trace, "info")),
            (format!("{trace}2"), message(trace, "info")),
            (format!("{trace}3"), message(trace, "error")),
        ]
    });
    let payload = lambda_event(&document("/aws/lambda/shop", events));
    for name in regions {
        world.region(name).forward(payload.clone());
        world.region(name).firehose.flush();
    }
    let rows = world.sql(
        "SELECT cloud_region, trace_id, count(*) AS n, count(*) FILTER (WHERE severity_number >= 17) AS errors, \
         count(*) FILTER (WHERE attributes LIKE '%\"transect.sample_rate\":0.2%') AS samples \
         FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    );
    let of = |name: &str| -> Vec<Vec<Value>> {
        let rows = rows.iter().filter(|row| row["cloud_region"] == name);
        rows.map(|row| ["trace_id", "n", "errors", "samples"].map(|key| row[key].clone()).to_vec()).collect()
    };
    assert_eq!(of("us-east-2"), of("eu-west-2"));
    assert_eq!(of("us-east-2").len(), 200);
    for row in of("us-east-2") {
        assert!(row[1..] == [json!(3), json!(1), json!(2)] || row[1..] == [json!(1), json!(1), json!(0)], "{row:?}");
    }
    let whole = of("us-east-2").iter().filter(|row| row[1] == 3).count();
    assert!((15..70).contains(&whole), "{whole} of 200 traces at a rate of a fifth");
    assert_eq!(world.region("us-east-2").reports()[0]["SampledOut"], 2 * (200 - whole));
}
