//! Bounds that hold for any input: what an event's rows may take together, what a record may take, and that the parts
//! of a record that was cut join to the message.
//!
//! It refuses to measure time: the bench `adversarial` does.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use transect_normalize::limits::{
    METRIC_BYTES_PER_EVENT_BYTE_MAX, METRIC_BYTES_PER_EVENT_MIN, METRIC_ROWS_PER_EVENT_MAX, RECORD_BYTES_MAX,
    REPEATED_COLUMN_BYTES_MAX,
};

use super::*;

fn rows(message: &str, options: &Options) -> Vec<Record<'static>> {
    records_of(document(LAMBDA_GROUP, LAMBDA_STREAM, &[message]).as_bytes(), options).0
}

fn json_bytes(row: &Record<'_>) -> usize {
    let mut line = Vec::new();
    row.write_json(&mut line);
    line.len()
}

/// What a log row says of the metric rows that were left out.
fn left(log: &Record<'_>) -> u64 {
    let attributes: Json = serde_json::from_str(log.attributes.as_deref().unwrap()).unwrap();
    attributes.get("transect.metrics_left").map_or(0, |left| left.as_u64().unwrap())
}

struct Taken {
    log_rows: usize,
    metric_rows: usize,
    left: u64,
}

/// Asserts every bound of one event, and that nothing of its message is lost.
fn check(name: &str, message: &str) -> Taken {
    let rows = rows(message, &Options { redact: false, ..Options::default() });
    let (metrics, logs): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.signal == "metric");
    let metric_bytes: usize = metrics.iter().map(|row| json_bytes(row)).sum();
    let log_bytes: usize = logs.iter().map(|row| json_bytes(row)).sum();
    let budget = message.len() * METRIC_BYTES_PER_EVENT_BYTE_MAX + METRIC_BYTES_PER_EVENT_MIN;
    assert!(metric_bytes <= budget, "{name}: {metric_bytes} bytes of metric rows for {} of event", message.len());
    // Quotes and backslashes take two bytes, and these messages have nothing that takes more.
    let log_budget = message.len() * 2 + REPEATED_COLUMN_BYTES_MAX * 40;
    assert!(log_bytes <= log_budget, "{name}: {log_bytes} bytes of log rows for {} of event", message.len());
    assert!(metrics.len() <= METRIC_ROWS_PER_EVENT_MAX);
    for row in &rows {
        assert!(json_bytes(row) <= RECORD_BYTES_MAX, "{name}: a record of {} bytes", json_bytes(row));
    }
    for row in &metrics {
        let columns = COLUMNS.iter().zip(row.values());
        for (column, value) in columns.filter(|(column, _)| column.name != "attributes") {
            let bytes = if let Some(Value::String(text)) = value { text.len() } else { 0 };
            assert!(bytes <= REPEATED_COLUMN_BYTES_MAX, "{name}: {bytes} bytes of {} repeated", column.name);
        }
        assert_eq!(row.trace_id, logs[0].trace_id);
    }
    if logs.len() > 1 {
        let joined: String = logs.iter().map(|row| row.body.as_deref().unwrap()).collect();
        assert!(joined == message, "{name}: the bodies do not join");
    }
    Taken { log_rows: logs.len(), metric_rows: metrics.len(), left: left(logs[0]) }
}

/// An event with these directives and members, as text, because maps of this size are slow.
fn event(directives: &str, members: &str) -> String {
    format!("{{\"_aws\":{{\"Timestamp\":{OBSERVED_MS},\"CloudWatchMetrics\":[{directives}]}},{members}}}")
}

fn directive(dimensions: &str, metrics: &str) -> String {
    format!("{{\"Namespace\":\"N\",\"Dimensions\":[[{dimensions}]],\"Metrics\":[{metrics}]}}")
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn one_line_of_720_kilobytes_does_not_become_gigabytes() {
    let ones = list(10_000, |_| "1".to_owned());
    let message =
        event(&directive("", r#"{"Name":"m"}"#), &format!(r#""service":"{}","m":[{ones}]"#, "x".repeat(700_000)));
    let rows = rows(&message, &Options::default());
    let all_bytes: usize = rows.iter().map(json_bytes).sum();
    assert!(all_bytes < 2 * message.len(), "{all_bytes} bytes of {}", message.len());
    // The log row has the name, which is the event's, and the metric all of its samples.
    assert_eq!(rows[0].service_name.as_deref().map(str::len), Some(700_000));
    let [_, row] = &rows[..] else { panic!("{} rows", rows.len()) };
    assert_eq!((row.service_name.as_deref(), row.metric_value), (None, Some(1.0)));
    assert_eq!(row.attributes.as_deref(), Some(r#"{"count":10000,"sum":10000,"min":1,"max":1}"#));
    assert_eq!(left(&rows[0]), 0);
}

#[test]
fn rows_of_every_shape_of_event_stay_within_a_small_multiple_of_its_bytes() {
    let long = "x".repeat(200_000);
    let metric = r#"{"Name":"m"}"#;
    let keys = list(30, |index| format!("\"k{index}\""));
    let wide = list(30, |index| format!("\"k{index}\":\"{}\"", "v".repeat(4_000)));
    let many = list(8_000, |index| format!("{{\"Name\":\"m{index}\",\"Unit\":\"Count\"}}"));
    let many_values = list(8_000, |index| format!("\"m{index}\":{index}"));
    let ones = list(10_000, |_| "1".to_owned());
    let histogram = format!(r#"{{"Values":[{ones}],"Counts":[{ones}],"Count":10000,"Sum":10000}}"#);
    let quotes = "\\\"".repeat(2_000);
    let shapes = [
        ("long service", event(&directive("", &many), &format!("\"service\":\"{long}\",{many_values}"))),
        ("long function name", event(&directive("", &many), &format!("\"function_name\":\"{long}\",{many_values}"))),
        ("long dimension value", event(&directive("\"d\"", metric), &format!("\"d\":\"{long}\",\"m\":[{ones}]"))),
        (
            "long dimension name",
            event(&directive(&format!("\"{long}\""), metric), &format!("\"{long}\":\"v\",\"m\":[{ones}]")),
        ),
        ("wide dimensions", event(&directive(&keys, &many), &format!("{wide},{many_values}"))),
        ("escaped dimensions", event(&directive("\"d\"", &many), &format!("\"d\":\"{quotes}\",{many_values}"))),
        (
            "many directives with the same dimensions",
            event(
                &list(4_000, |index| directive(&keys, &format!("{{\"Name\":\"m{index}\"}}"))),
                &format!("{wide},{many_values}"),
            ),
        ),
        (
            "many directives with other dimensions",
            event(
                &list(4_000, |index| {
                    directive(
                        &format!("\"k{}\",\"k{}\"", index % 30, index / 30 % 30),
                        &format!("{{\"Name\":\"m{index}\"}}"),
                    )
                }),
                &format!("{wide},{many_values}"),
            ),
        ),
        ("one metric a thousand times", event(&directive("", &list(20_000, |_| metric.to_owned())), "\"m\":1")),
        (
            "one array in a thousand directives",
            event(&list(5_000, |_| directive("", metric)), &format!("\"m\":[{ones}]")),
        ),
        (
            "one array in a thousand namespaces",
            event(
                &list(5_000, |index| format!("{{\"Namespace\":\"N{index}\",\"Metrics\":[{metric}]}}")),
                &format!("\"m\":[{ones}]"),
            ),
        ),
        (
            "long metric name",
            event(&directive("", &format!("{{\"Name\":\"{long}\"}}")), &format!("\"{long}\":[{ones}]")),
        ),
        (
            "long unit and namespace",
            event(
                &format!("{{\"Namespace\":\"{long}\",\"Metrics\":[{{\"Name\":\"m\",\"Unit\":\"{long}\"}}]}}"),
                &format!("\"m\":[{ones}]"),
            ),
        ),
        ("array of numbers", event(&directive("", metric), &format!("\"m\":[{ones}]"))),
        ("arrays of numbers", event(&directive("", &many), &list(8_000, |index| format!("\"m{index}\":[1,2,3]")))),
        ("histogram", event(&directive("", metric), &format!("\"m\":{histogram}"))),
        (
            "histogram in many namespaces",
            event(
                &list(5_000, |index| format!("{{\"Namespace\":\"N{index}\",\"Metrics\":[{metric}]}}")),
                &format!("\"m\":{histogram}"),
            ),
        ),
        (
            "short histograms",
            event(&directive("", &many), &list(8_000, |index| format!("\"m{index}\":{{\"Values\":[1]}}"))),
        ),
        ("names without metrics", event(&directive("", &list(20_000, |_| "\"m\"".to_owned())), "\"n\":1")),
        ("version 0", format!("{{\"CloudWatchMetrics\":[{}],{many_values}}}", directive("", &many))),
        (
            "larger than a record",
            event(&directive(&keys, &many), &format!("\"pad\":\"{}\",{wide},{many_values}", "y".repeat(900_000))),
        ),
        ("a little of everything", event(&directive("\"d\"", metric), "\"m\":1,\"d\":\"a\"")),
    ];
    for (name, message) in &shapes {
        let taken = check(name, message);
        // What has no name that a row could repeat is counted, sample by sample.
        match *name {
            "long metric name" | "long unit and namespace" => assert_eq!((taken.metric_rows, taken.left), (0, 10_000)),
            "names without metrics" => assert_eq!((taken.metric_rows, taken.left), (0, 0)),
            "larger than a record" => assert!(taken.log_rows == 2 && taken.metric_rows > 0),
            _ => assert!(taken.metric_rows > 0, "{name}"),
        }
    }
}

/// Where rows are left out the log row says how many, whether it is cut or not.
#[test]
fn metric_rows_are_written_or_counted() {
    for pad in [0, 700_000] {
        let many = list(9_000, |index| format!("{{\"Name\":\"m{index}\"}}"));
        let values = list(9_000, |index| format!("\"m{index}\":{index}"));
        let (pad, wide) = ("y".repeat(pad), "w".repeat(1_000));
        let message = event(&directive("\"d\"", &many), &format!("\"pad\":\"{pad}\",\"d\":\"{wide}\",{values}"));
        let taken = check("many metrics", &message);
        assert_eq!(taken.metric_rows as u64 + taken.left, 9_000);
        assert!(taken.left > 0 && taken.metric_rows > 500, "{} rows", taken.metric_rows);
        assert_eq!(taken.log_rows, 1 + usize::from(!pad.is_empty()));
    }
}

/// CloudWatch's own limit of metrics in a directive fits whatever the event's length.
#[test]
fn a_hundred_metrics_of_one_sample_are_rows_of_their_own() {
    let many = list(100, |index| format!("{{\"Name\":\"m{index}\"}}"));
    let values = list(100, |index| format!("\"m{index}\":{index}.5"));
    let taken = check("a hundred metrics", &event(&directive("", &many), &values));
    assert_eq!((taken.metric_rows, taken.left), (100, 0));
}

#[test]
fn samples_that_do_not_fit_become_statistics_of_each_metric() {
    let numbers = list(100, |index| (index + 1).to_string());
    let message = event(
        &directive("", &list(60, |index| format!("{{\"Name\":\"m{index}\"}}"))),
        &list(60, |index| format!("\"m{index}\":[{numbers}]")),
    );
    let rows = rows(&message, &Options::default());
    assert_eq!((rows.len(), left(&rows[0])), (61, 0));
    for row in &rows[1..] {
        assert_eq!(row.metric_value, Some(50.5));
        assert_eq!(
            row.attributes.as_deref(),
            Some(&*format!(r#"{{"count":100,"sum":5050,"min":1,"max":100,"values":[{numbers}]}}"#))
        );
    }
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
        let taken = check(key, &message);
        assert_eq!(taken.log_rows, 2, "{key}");
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
    let event = |extracted: Json, pad: &str| {
        let message = json!({"level": "info", "pad": pad}).to_string();
        let event = json!({"id": "e0", "timestamp": OBSERVED_MS, "message": message, "extractedFields": extracted});
        let document = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": [event]});
        records_of(document.to_string().as_bytes(), &Options::default()).0
    };
    let rows = event(json!({"@aws.region": "eu-west-2", "tenant": "a"}), &"y".repeat(1_000_000));
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0].attributes.as_deref(),
        Some(r#"{"extractedFields":{"tenant":"a"},"transect.part":0,"transect.parts":2}"#)
    );
    assert_eq!(rows[1].attributes.as_deref(), Some(r#"{"transect.part":1,"transect.parts":2}"#));
    assert_eq!(rows[1].cloud_region.as_deref(), Some("eu-west-2"));
    // A region as long as a record is in no list of columns that logs are known to fill.
    for extracted in [
        json!({"@aws.region": "r".repeat(300_000), "tenant": "a".repeat(300_000)}),
        json!({"@aws.region": "r".repeat(950_000)}),
    ] {
        for row in event(extracted, "short") {
            assert!(json_bytes(&row) <= RECORD_BYTES_MAX, "{} bytes", json_bytes(&row));
        }
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

    #[test]
    fn no_directive_makes_rows_beyond_the_bound(
        names in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e"]), 1..40),
        dimensions in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e"]), 0..40),
        directives in 1_usize..60,
        bytes in 0_usize..6_000,
        count in 0_usize..400,
    ) {
        let metrics = names.iter().map(|name| format!("{{\"Name\":\"{name}\"}}")).collect::<Vec<_>>().join(",");
        let dimensions = dimensions.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
        let numbers = list(count, |index| index.to_string());
        let members = format!(
            "\"a\":[{numbers}],\"b\":\"{}\",\"c\":{{\"Values\":[{numbers}]}},\"d\":1,\"e\":{{\"Sum\":1,\"Count\":2,\"x\":\"{}\"}}",
            "\\\"".repeat(bytes), "y".repeat(bytes)
        );
        check("any", &event(&list(directives, |index| directive(&dimensions, &metrics).replace("\"N\"", &format!("\"N{}\"", index % 7))), &members));
    }
}
