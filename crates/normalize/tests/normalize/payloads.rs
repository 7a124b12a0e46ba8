//! Whole payloads: the fixtures, every wrapping that a payload may come in, and what is wrong with a broken one.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use transect_normalize::{DecodeError, decode_within};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn event(bytes: &[u8]) -> Vec<u8> {
    let data = base64_simd::STANDARD.encode_to_string(bytes);
    serde_json::json!({"awslogs": {"data": data, "future": [1]}, "beside": {"x": null}}).to_string().into_bytes()
}

fn messages(payload: &[u8]) -> Vec<String> {
    records_of(payload, &Options::default()).0.iter().map(|record| record.body.clone().unwrap().into_owned()).collect()
}

#[test]
fn every_wrapping_gives_the_same_records() {
    let (a, b) = (document("g", "s", &["one"]), document("g", "s", &["two", "three"]));
    let both = format!("{a}\n{b}");
    let members = [gzip(a.as_bytes()), gzip(b.as_bytes())].concat();
    let expected = ["one", "two", "three"];
    assert_eq!(messages(both.as_bytes()), expected);
    assert_eq!(messages(format!("{a}{b}").as_bytes()), expected);
    assert_eq!(messages(format!("\u{feff} {a} {b} ").as_bytes()), expected);
    assert_eq!(messages(&gzip(both.as_bytes())), expected);
    assert_eq!(messages(&members), expected);
    assert_eq!(messages(&event(&gzip(both.as_bytes()))), expected);
    assert_eq!(messages(&event(&members)), expected);
    assert_eq!(messages(&event(both.as_bytes())), expected);
    assert_eq!(messages(&gzip(&event(&members))), expected);
    assert_eq!(messages(&[event(&gzip(a.as_bytes())), b.clone().into_bytes()].concat()), expected);
    assert_eq!(messages(&[a.clone().into_bytes(), event(&gzip(b.as_bytes()))].concat()), expected);
    let escaped = String::from_utf8(event(&gzip(both.as_bytes()))).unwrap().replace('/', "\\/");
    assert_eq!(messages(escaped.as_bytes()), expected);
}

fn error(payload: &[u8]) -> String {
    decode(payload).unwrap_err().to_string()
}

#[test]
fn a_broken_payload_says_what_and_where() {
    let good = document("g", "s", &["one"]);
    let zipped = gzip(good.as_bytes());
    assert_eq!(decode(b" \n").unwrap_err(), DecodeError::Empty);
    assert_eq!(
        error(b"{\"a\":1}"),
        "the payload: neither a Lambda event (`awslogs.data`) nor a subscription document (`logEvents`) at byte 0"
    );
    assert_eq!(
        error(b"[1]"),
        "the payload: neither a Lambda event (`awslogs.data`) nor a subscription document (`logEvents`) at byte 0"
    );
    assert_eq!(error(b"hello"), "the payload: not JSON at byte 0");
    assert_eq!(error(&good.as_bytes()[..good.len() - 2]), format!("the payload: not JSON at byte {}", good.len() - 2));
    assert_eq!(error(&zipped[..zipped.len() - 9]), "the payload: gzip stream is truncated");
    assert_eq!(error(&event(&zipped[..zipped.len() / 2])), "item 1: awslogs.data: gzip stream is truncated");
    assert!(
        error(&event(&[&zipped[..], b"trailing junk, no header"].concat()))
            .starts_with("item 1: awslogs.data: gzip stream is damaged")
    );
    assert_eq!(error(br#"{"awslogs":{"data":"!!"}}"#), "item 1: awslogs.data is not base64");
    assert_eq!(error(br#"{"awslogs":{"data":""}}"#), "item 1: awslogs.data is empty");
    assert_eq!(error(br#"{"logEvents":[{"timestamp":1,"message":""}]}"#), "the payload: logEvents[0].id is missing");
    assert_eq!(error(br#"{"logEvents":[7]}"#), "the payload: logEvents[0] is not an object");
    assert_eq!(error(br#"{"logEvents":{}}"#), "the payload: logEvents is not an array");
    assert_eq!(error(br#"{"logGroup":7,"logEvents":[]}"#), "the payload: logGroup is not a string");
    assert_eq!(
        error(format!("{{\"logGroup\":\"{}\",\"logEvents\":[]}}", "g".repeat(5000)).as_bytes()),
        "the payload: logGroup is longer than CloudWatch allows"
    );
    // Nothing is handed out of a payload of which a part is broken.
    assert!(decode(format!("{good} {{").as_bytes()).is_err());
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = gzip(&vec![b' '; 65 << 20]);
    assert_eq!(decode(&bomb).unwrap_err(), DecodeError::TooLarge { limit_bytes: 64 << 20 });
    assert_eq!(decode(&event(&bomb)).unwrap_err(), DecodeError::TooLarge { limit_bytes: 64 << 20 });
    let two =
        [event(&gzip(document("g", "s", &["x"]).as_bytes())), event(&gzip(document("g", "s", &["y"]).as_bytes()))]
            .concat();
    assert!(decode_within(&two, 400).is_ok());
    assert_eq!(decode_within(&two, 200).unwrap_err(), DecodeError::TooLarge { limit_bytes: 200 });
}

#[test]
fn a_control_message_is_no_error_and_no_record() {
    let control = br#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]}"#;
    let (records, stats) = records_of(control, &Options::default());
    assert_eq!((records.len(), stats.events), (0, 0));
}

#[test]
fn bytes_that_are_no_utf8_are_kept_as_text() {
    let mut payload = document("g", "s", &["bad @ byte"]).into_bytes();
    *payload.iter_mut().find(|byte| **byte == b'@').unwrap() = 0xff;
    assert_eq!(messages(&payload), ["bad \\xff byte"]);
}

#[test]
fn lone_surrogates_do_not_cost_the_event() {
    assert_eq!(messages(br#"{"logEvents":[{"id":"1","timestamp":1,"message":"a\ud800b"}]}"#), ["a\\ud800b"]);
}

#[test]
fn what_the_service_never_sends_is_kept_all_the_same() {
    let (records, _) = records_of(
        br#"{"logEvents":[{"id":7,"message":{"a":1}},{"id":"8","timestamp":"1795250573000","message":null}]}"#,
        &Options::default(),
    );
    assert_eq!(records[0].event_id, "7");
    assert_eq!(records[0].attributes.as_deref(), Some("{\"a\":1}"));
    assert_eq!(records[0].time_unix_nano, ORIGIN.now_unix_nano);
    assert_eq!(records[1].body.as_deref(), Some("null"));
    assert_eq!(records[1].time_unix_nano, OBSERVED_NANO);
}

#[test]
fn extracted_fields_win_over_the_envelope() {
    let payload = br#"{"owner":"1","logEvents":[{"id":"1","timestamp":1,"message":"x","extractedFields":{"@aws.account":"2","@aws.region":"eu-west-2","status":"404"}}]}"#;
    let (records, _) = records_of(payload, &Options::default());
    assert_eq!(records[0].cloud_account_id.as_deref(), Some("2"));
    assert_eq!(records[0].cloud_region.as_deref(), Some("eu-west-2"));
    assert_eq!(records[0].attributes.as_deref(), Some("{\"extractedFields\":{\"status\":\"404\"}}"));
    let decoded = decode(payload).unwrap();
    assert_eq!(decoded.documents().next().unwrap().extracted_region().as_deref(), Some("eu-west-2"));
}

#[test]
fn configured_keys_come_first_and_redaction_can_be_off() {
    let line = r#"{"msg":"x","correlation_id":"built-in","headers":{"order-id":"own"},"build":"b7","version":"1","loyalty":"L1","password":"p"}"#;
    let options = Options {
        correlation_keys: vec!["headers.order-id".into()],
        release_keys: vec!["build".into()],
        redact_keys: vec!["Loyalty".into()],
        ..Options::default()
    };
    let (records, stats) = records_of(document("g", "s", &[line]).as_bytes(), &options);
    assert_eq!(records[0].correlation_id.as_deref(), Some("own"));
    assert_eq!(records[0].service_version.as_deref(), Some("b7"));
    assert_eq!(
        records[0].attributes.as_deref(),
        Some(
            r#"{"correlation_id":"built-in","version":"1","loyalty":"[redacted:configured]","password":"[redacted:password]"}"#
        )
    );
    assert_eq!(stats.redacted, 2);
    let (records, stats) =
        records_of(document("g", "s", &[line]).as_bytes(), &Options { redact: false, ..Options::default() });
    assert!(records[0].attributes.as_deref().unwrap().contains(r#""password":"p""#));
    assert_eq!(stats.redacted, 0);
}

#[test]
fn a_message_too_large_for_a_record_is_cut_into_parts_that_join() {
    let text = format!("{}\u{7}é", "0123456789abcdef\"\n".repeat(120_000));
    let json = serde_json::json!({"level": "error", "trace_id": "6b01598d3e7fb97bfcc1c0c8b0cdf20a", "msg": "big", "rows": vec!["x".repeat(1000); 1500]}).to_string();
    for message in [&text, &json] {
        let (records, stats) =
            records_of(document(LAMBDA_GROUP, LAMBDA_STREAM, &[message]).as_bytes(), &Options::default());
        assert!(records.len() > 1);
        assert_eq!(stats.oversize, 1);
        let joined: String = records.iter().map(|record| record.body.as_deref().unwrap()).collect();
        assert!(joined == **message, "the bodies do not join");
        for (index, record) in records.iter().enumerate() {
            let expected = if index == 0 { "e0".to_owned() } else { format!("e0/{index}") };
            assert_eq!(record.event_id, expected);
            assert_eq!(record.trace_id, records[0].trace_id);
            let mut line = Vec::new();
            record.write_json(&mut line);
            assert!(line.len() <= transect_normalize::limits::RECORD_BYTES_MAX, "{}", line.len());
        }
    }
}

#[test]
fn the_fixtures_lose_no_event_and_show_no_token() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("expected.json")).unwrap()).unwrap();
    let mut events = 0;
    let mut all = Vec::new();
    for (name, count) in expected["payloads"].as_object().unwrap() {
        let wrapped = std::fs::read(root.join("payloads").join(name)).unwrap();
        let plain = std::fs::read(root.join("payloads").join(name.replace(".json", ".decoded.json"))).unwrap();
        let (records, stats) = records_of(&wrapped, &Options::default());
        assert_eq!(stats.events, count.as_u64().unwrap(), "{name}");
        assert_eq!(records, records_of(&plain, &Options::default()).0, "{name}");
        events += stats.events;
        all.extend(records);
    }
    assert_eq!(events, expected["events"].as_u64().unwrap());
    for record in &all {
        let mut line = Vec::new();
        record.write_json(&mut line);
        let line = String::from_utf8(line).unwrap();
        assert!(!line.contains("not-a-real-token"), "{line}");
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
        if let Some(attributes) = &record.attributes {
            serde_json::value::RawValue::from_string(attributes.to_string()).unwrap();
        }
    }
    let trace = &expected["trace"];
    let of_order: Vec<_> =
        all.iter().filter(|record| record.correlation_id.as_deref() == trace["correlation_id"].as_str()).collect();
    let distinct = |value: for<'r> fn(&'r Record<'static>) -> Option<&'r str>| {
        let mut found: Vec<_> = of_order.iter().filter_map(|record| value(record)).collect();
        found.sort_unstable();
        found.dedup();
        serde_json::json!(found)
    };
    assert_eq!(distinct(|record| record.trace_id.as_deref()), trace["trace_id"]);
    assert_eq!(distinct(|record| record.faas_invocation_id.as_deref()), trace["faas_invocation_id"]);
    assert_eq!(distinct(|record| record.service_version.as_deref()), trace["releases"]);
}
