//! What holds for any input: no panic, no event lost, no leaf of a message lost, the same answer twice, no record that
//! Firehose would refuse.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::Value as Json;
use transect_normalize::limits::RECORD_BYTES_MAX;

use super::*;

/// Keys that mean something and keys that do not.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "message", "msg", "event", "level", "severity", "timestamp", "time", "ts", "trace_id", "traceId", "spanId", "traceparent", "xray_trace_id", "correlation_id",
            "requestId", "function_request_id", "service", "version", "service.version", "exception", "error", "err", "stack", "stack_trace", "errorType", "errorMessage",
            "http", "method", "path", "status", "url", "req", "res", "attributes", "resource", "fields", "dd", "type", "record", "_aws", "name", "kind", "events",
            "startTimeUnixNano", "endTimeUnixNano", "cold_start", "function_arn", "instant", "contextMap", "trace", "span", "log", "body", "CloudWatchMetrics",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Zé_.\\-]{0,12}",
    ]
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<i32>().prop_map(|eighths| Json::from(f64::from(eighths) / 8.0)),
        prop::sample::select(vec![
            "INFO",
            "error",
            "6b01598d3e7fb97bfcc1c0c8b0cdf20a",
            "1-6b01598d-2cb6916d86dc283cf0480ff9",
            "86ea0214b5c34e7e",
            "00-6b01598d3e7fb97bfcc1c0c8b0cdf20a-86ea0214b5c34e7e-01",
            "2026-11-21T08:42:53.429Z",
            "1999-01-01T00:00:00Z",
            "12e1bc76-5667-4b14-9509-bb0a9bf13331",
            "GET",
            "/orders/7",
            "/orders/7?x=1",
            "https://a/b",
            "200",
            "TypeError: x\n    at y",
            "arn:aws:lambda:eu-west-2:1:function:f:7",
            "platform.report",
            "Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=86ea0214b5c34e7e;Sampled=1",
            "{\"message\":\"in\",\"n\":1}",
            "{\"n\":1}",
            "",
        ])
        .prop_map(Json::from),
        "\\PC{0,20}".prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((key(), inner), 0..6).prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Json> {
    prop::collection::vec((key(), json()), 0..10).prop_map(|entries| Json::Object(entries.into_iter().collect()))
}

/// Adds every leaf as text; strings that hold JSON are looked into as well.
fn leaves(value: &Json, found: &mut HashSet<String>) {
    match value {
        Json::Object(entries) => entries.values().for_each(|value| leaves(value, found)),
        Json::Array(elements) => elements.iter().for_each(|value| leaves(value, found)),
        Json::String(text) => {
            found.insert(text.clone());
            if let Ok(inner @ (Json::Object(_) | Json::Array(_))) = serde_json::from_str(text) {
                leaves(&inner, found);
            }
        }
        other => {
            found.insert(other.to_string());
        }
    }
}

/// Everything that a record says, in every spelling that a leaf may have had.
fn said(records: &[Record<'_>]) -> HashSet<String> {
    let mut found = HashSet::new();
    for record in records {
        for (column, value) in COLUMNS.iter().zip(record.values()) {
            match value {
                Some(Value::String(text)) => {
                    found.insert(text.to_owned());
                    if let Ok(json) = serde_json::from_str::<Json>(text) {
                        leaves(&json, &mut found);
                    }
                    // An array of lines became one text.
                    for line in text.split('\n') {
                        found.insert(line.to_owned());
                        if let Ok(json) = serde_json::from_str::<Json>(line) {
                            leaves(&json, &mut found);
                        }
                    }
                }
                Some(Value::BigInt(number)) if column.name.ends_with("nano") => {
                    found.extend([
                        number.to_string(),
                        (number / 1_000).to_string(),
                        (number / 1_000_000).to_string(),
                        (number / 1_000_000_000).to_string(),
                    ]);
                }
                Some(Value::BigInt(number)) => drop(found.insert(number.to_string())),
                Some(Value::Int(number)) => drop(found.insert(number.to_string())),
                Some(Value::Double(number)) => drop(found.insert(number.to_string())),
                Some(Value::Boolean(truth)) => drop(found.insert(truth.to_string())),
                None => {}
            }
        }
    }
    found
}

/// Whether a leaf is in a column under its canonical spelling.
fn is_said_otherwise(leaf: &str, record: &Record<'_>) -> bool {
    let lower = leaf.trim().to_lowercase();
    let bare = lower.replace('-', "");
    let id = bare.strip_prefix('1').unwrap_or(&bare);
    let has_id = [&record.trace_id, &record.span_id, &record.faas_invocation_id]
        .into_iter()
        .flatten()
        .any(|column| **column == lower || **column == bare || **column == *id)
        // A trace id of 64 bits is padded.
        || record.trace_id.as_deref().is_some_and(|trace| bare.len() == 16 && *trace == format!("{bare:0>32}"));
    let is_time = leaf == "2026-11-21T08:42:53.429Z" && record.time_unix_nano == OBSERVED_NANO + 429_000_000;
    // A number of seconds with a fraction, or an end that start and duration give again.
    let number = leaf.parse::<f64>().ok();
    let is_number_time = number.is_some_and(|number| {
        [1.0, 1e3, 1e6, 1e9].iter().any(|unit| (number * unit - record.time_unix_nano as f64).abs() < 1e3)
    });
    let is_duration =
        number.is_some_and(|number| record.duration_nano.is_some_and(|nano| (number * 1e6 - nano as f64).abs() < 1.0));
    let is_end = leaf
        .parse::<i64>()
        .ok()
        .zip(record.duration_nano)
        .is_some_and(|(end, nano)| end == record.time_unix_nano + nano);
    let is_status = leaf == "success" && record.status_code.as_deref() == Some("OK");
    // The span's name may be empty, and then says nothing.
    let is_empty_name = leaf.is_empty() && record.signal == "span";
    let is_method = record.http_request_method.as_deref() == Some(&leaf.to_uppercase());
    let is_prefixed = [&record.span_kind, &record.status_code]
        .into_iter()
        .flatten()
        .any(|column| leaf.ends_with(&**column) || matches!(leaf, "0" | "1" | "2" | "3" | "4" | "5"));
    has_id
        || is_time
        || is_number_time
        || is_duration
        || is_end
        || is_status
        || is_empty_name
        || is_method
        || is_prefixed
}

fn off() -> Options {
    Options { redact: false, ..Options::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn decode_and_normalize_never_panic_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(payload) = decode(&bytes) {
            let normalizer = Normalizer::new(&Options::default());
            for document in payload.documents() {
                normalizer.normalize(document, &ORIGIN, &mut |_| {});
            }
        }
    }

    #[test]
    fn no_event_is_lost_whatever_the_messages(messages in prop::collection::vec(any::<String>(), 0..8), stream in any::<String>()) {
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        let text = document(LAMBDA_GROUP, &stream, &messages);
        let (records, stats) = records_of(text.as_bytes(), &Options::default());
        let ids: Vec<_> = records.iter().filter(|record| !record.event_id.contains('/')).map(|record| record.event_id.clone()).collect();
        let expected: Vec<_> = (0..messages.len()).map(|index| format!("e{index}")).collect();
        prop_assert_eq!(ids, expected);
        prop_assert_eq!(stats.events, messages.len() as u64);
        prop_assert_eq!(stats.records, records.len() as u64);
        prop_assert_eq!(&records, &records_of(text.as_bytes(), &Options::default()).0);
    }

    #[test]
    fn a_text_is_kept_but_for_line_feeds_at_its_end(message in "[^{\\[\u{1b}\u{9b}\u{feff}]\\PC{0,60}\n?") {
        let record = records_of(document("/ecs/app", "app/1", &[&message]).as_bytes(), &off()).0.swap_remove(0);
        prop_assert_eq!(record.body.as_deref().unwrap(), message.trim_end_matches(['\n', '\r']));
    }

    #[test]
    fn every_leaf_of_a_json_message_is_found_again(message in object()) {
        let (records, _) = records_of(document(LAMBDA_GROUP, LAMBDA_STREAM, &[&message.to_string()]).as_bytes(), &off());
        let found = said(&records);
        let mut wanted = HashSet::new();
        leaves(&message, &mut wanted);
        for leaf in wanted {
            // JSON text that was understood is found as its parts, which are wanted as well.
            if serde_json::from_str::<Json>(&leaf).is_ok_and(|inner| inner.is_object()) {
                continue;
            }
            prop_assert!(found.contains(&leaf) || is_said_otherwise(&leaf, &records[0]) || leaf.split('\n').all(|line| found.contains(line)), "lost {leaf:?}\n{message}\n{}", columns(&records[0]));
        }
    }

    #[test]
    fn attributes_are_json_with_and_without_redaction(message in object(), redact in any::<bool>()) {
        let options = Options { redact, ..Options::default() };
        for record in records_of(document(LAMBDA_GROUP, LAMBDA_STREAM, &[&message.to_string()]).as_bytes(), &options).0 {
            if let Some(attributes) = &record.attributes {
                prop_assert!(serde_json::from_str::<serde_json::Map<String, Json>>(attributes).is_ok(), "{attributes}");
            }
            let mut line = Vec::new();
            record.write_json(&mut line);
            prop_assert!(serde_json::from_slice::<Json>(&line).is_ok());
        }
    }

    #[test]
    fn a_secret_under_a_key_is_nowhere(message in object(), key in prop::sample::select(vec!["password", "Authorization", "x-api-key", "accessToken"]), nested in any::<bool>()) {
        const SECRET: &str = "s3cr3t-value";
        let secret = serde_json::json!({ key: { "inner": [SECRET] } });
        let mut message = message;
        message["holder"] = if nested { secret } else { serde_json::json!({ key: SECRET }) };
        for text in [message.to_string(), serde_json::json!({ "message": message.to_string() }).to_string(), serde_json::json!({ "message": message }).to_string()] {
            for record in records_of(document("g", "s", &[&text]).as_bytes(), &Options::default()).0 {
                let mut line = Vec::new();
                record.write_json(&mut line);
                prop_assert!(!String::from_utf8(line).unwrap().contains(SECRET), "{text}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_record_is_larger_than_firehose_takes(unit in "\\PC{1,40}|[\u{0}-\u{1f}\"\\\\]{1,10}", bytes in 100_000_usize..1_000_000, as_json in any::<bool>(), key in key()) {
        let text = unit.repeat(bytes / unit.len() + 1);
        let message = if as_json { serde_json::json!({ key: text, "level": "info" }).to_string() } else { text };
        for record in records_of(document(LAMBDA_GROUP, LAMBDA_STREAM, &[&message]).as_bytes(), &Options::default()).0 {
            let mut line = Vec::new();
            record.write_json(&mut line);
            prop_assert!(line.len() <= RECORD_BYTES_MAX);
        }
    }
}
