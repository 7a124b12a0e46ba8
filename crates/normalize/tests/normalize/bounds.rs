//! Bounds that hold for any input: what a record may take, and that the parts of a record that was cut join to the
//! message.
//!
//! It refuses to measure time: the bench `adversarial` does.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use transect_normalize::limits::RECORD_BYTES_MAX;

use super::*;

fn rows(message: &str, options: &Options) -> Vec<Record<'static>> {
    records_of(document(LAMBDA_GROUP, LAMBDA_STREAM, &[message]).as_bytes(), options).0
}

fn json_bytes(row: &Record<'_>) -> usize {
    let mut line = Vec::new();
    row.write_json(&mut line);
    line.len()
}

#[test]
fn every_text_column_may_be_the_long_one() {
    let long = "v".repeat(950_000);
    let members = [
        "service",
        "function_name",
        "errorType",
        "errorMessage",
        "stack_trace",
        "message",
        "resourcePath",
        "path",
        "anything",
    ];
    for key in members {
        let value = if key.ends_with("ath") { format!("/{long}") } else { long.clone() };
        let message = json!({"level": "error", key: value}).to_string();
        let rows = rows(&message, &Options::default());
        assert_eq!(rows.len(), 2, "{key}");
        let joined: String = rows.iter().map(|row| row.body.as_deref().unwrap()).collect();
        assert!(joined == message && rows.iter().all(|row| json_bytes(row) <= RECORD_BYTES_MAX), "{key}");
    }
    // A metric's name is no column of the log row, and a report's fields are its own.
    let report = format!(
        "REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 1 ms\tStatus: {long}\tError Type: {long}"
    );
    for row in rows(&report, &Options::default()) {
        assert!(json_bytes(&row) <= RECORD_BYTES_MAX);
    }
}

#[test]
fn a_field_that_the_subscription_extracted_is_in_the_first_part() {
    let event = |extracted: Json| {
        let message = json!({"level": "info", "pad": "y".repeat(1_000_000)}).to_string();
        let event = json!({"id": "e0", "timestamp": OBSERVED_MS, "message": message, "extractedFields": extracted});
        let document = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": [event]});
        records_of(document.to_string().as_bytes(), &Options::default()).0
    };
    let rows = event(json!({"@aws.region": "eu-west-2", "tenant": "a"}));
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0].attributes.as_deref(),
        Some(r#"{"extractedFields":{"tenant":"a"},"transect.part":0,"transect.parts":2}"#)
    );
    assert_eq!(rows[1].attributes.as_deref(), Some(r#"{"transect.part":1,"transect.parts":2}"#));
    assert_eq!(rows[1].cloud_region.as_deref(), Some("eu-west-2"));
    for row in event(json!({"@aws.region": "r".repeat(300_000), "tenant": "a".repeat(300_000)})) {
        assert!(json_bytes(&row) <= RECORD_BYTES_MAX);
    }
}

#[test]
fn secrets_are_replaced_where_they_stand_and_nothing_else_changes() {
    let pad = "y".repeat(1_000_000);
    let of = |message: &str| {
        let rows = rows(message, &Options::default());
        assert!(rows.len() > 1);
        rows.iter().map(|row| row.body.as_deref().unwrap()).collect::<String>()
    };
    let json = |password: &str, note: &str, pin: &str| {
        format!(
            "{{ \"password\" :\t{password} ,\r\n \"a\" : [ 1.50 , {{ \"a\" : {note} }} ] , \"a\":{{}}, \"pin_secret\" : {pin} , \"pad\":\"{pad}\" }}"
        )
    };
    let clear = json("\"p\\u0041\"", "\"see password=hunter2 \\u00e9\"", "{ \"x\" : [ \"deep\" ] }");
    let hidden = json("\"[redacted:password]\"", "\"see password=[redacted:password] é\"", "\"[redacted:secret]\"");
    assert!(of(&clear) == hidden);
    // Behind a runtime's prefix the JSON is looked at by its keys as well.
    let prefix = "2026-11-21T08:42:53.000Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tINFO\t";
    assert!(of(&format!("{prefix}{clear}\n")) == format!("{prefix}{hidden}\n"));
    assert!(of(&format!("password=hunter2 {pad}\n")) == format!("password=[redacted:password] {pad}\n"));
}

/// JSON text with white space, duplicate keys and spellings that no library writes.
fn odd_json() -> impl Strategy<Value = String> {
    let space = || "[ \t\r\n]{0,3}";
    let key = prop::sample::select(vec![
        "a",
        "message",
        "level",
        "service",
        "m\\u0065ssage",
        "",
        "stack_trace",
        "_aws",
        "time",
    ]);
    let scalar = prop::sample::select(vec![
        "1.50",
        "-0",
        "1e5",
        "null",
        "true",
        "\"x\"",
        "\"\\u0041\\/\"",
        "\"INFO\"",
        "\"{\\\"b\\\" : 1}\"",
        "12345678901234567890",
        "\"é\\ud83d\"",
    ]);
    let leaf = scalar.prop_map(str::to_owned).boxed();
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let element = (space(), inner.clone(), space()).prop_map(|(before, value, after)| before + &value + &after);
        let entry = (space(), key.clone(), space(), inner, space())
            .prop_map(|(before, key, middle, value, after)| format!("{before}\"{key}\"{middle}:{value}{after}"));
        prop_oneof![
            prop::collection::vec(element, 1..4).prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec(entry, 1..4).prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn parts_join_to_the_message_whatever_its_white_space(
        json in odd_json(),
        before in prop::sample::select(vec!["", " ", "\n\t", "[INFO]\t2026-11-21T08:42:53.000Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\t", "Invoke Error \t", "words "]),
        after in "[ \r\n]{0,3}",
        redact in any::<bool>(),
    ) {
        let pad = "pad ".repeat(240_000);
        let message = format!("{before}{{ \"first\" :{json} , \"pad\" : \"{pad}\"\n}}{after}");
        let rows = rows(&message, &Options { redact, ..Options::default() });
        prop_assert!(rows.len() > 1);
        let logs = rows.iter().filter(|row| row.signal != "metric");
        let joined: String = logs.map(|row| row.body.as_deref().unwrap_or_default()).collect();
        prop_assert!(joined == message, "{before:?} {json} {after:?}");
        for row in &rows {
            prop_assert!(json_bytes(row) <= RECORD_BYTES_MAX);
        }
    }
}
