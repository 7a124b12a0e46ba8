//! Embedded metrics: which rows the directives of every emitter give, and what the rows repeat.
//!
//! It refuses to test how much they may take: `bounds` does.

use serde_json::{Value as Json, json};

use super::*;

/// The rows of one event: the log row first.
fn rows(message: &Json) -> Vec<Record<'static>> {
    rows_of_text(&message.to_string())
}

fn rows_of_text(message: &str) -> Vec<Record<'static>> {
    records_of(document("/aws/application-signals/data", "default", &[message]).as_bytes(), &Options::default()).0
}

/// The metric rows of one event, a line each: namespace, name, unit, value, attributes.
fn metrics(message: &Json) -> Vec<String> {
    metrics_of_text(&message.to_string())
}

fn metrics_of_text(message: &str) -> Vec<String> {
    let rows = rows_of_text(message);
    assert_eq!((&*rows[0].event_id, &*rows[0].signal), ("e0", "log"));
    for (index, row) in rows.iter().enumerate().skip(1) {
        assert_eq!((&*row.event_id, &*row.signal), (&*format!("e0/{index}"), "metric"));
        assert_eq!(row.event_name.as_deref(), Some("aws.emf"));
    }
    rows[1..]
        .iter()
        .map(|row| {
            let text = |column: &Option<std::borrow::Cow<'_, str>>| column.as_deref().unwrap_or("-").to_owned();
            let value = row.metric_value.map_or("-".to_owned(), |value| value.to_string());
            [text(&row.metric_namespace), text(&row.metric_name), text(&row.metric_unit), value, text(&row.attributes)]
                .join(" ")
        })
        .collect()
}

fn event(directives: Json, members: Json) -> Json {
    let mut event = json!({"_aws": {"Timestamp": OBSERVED_MS, "CloudWatchMetrics": directives}});
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}

fn directive(metrics: Json) -> Json {
    json!([{"Namespace": "N", "Dimensions": [["d"]], "Metrics": metrics}])
}

#[test]
fn application_signals_give_one_row_a_histogram() {
    let latency = r#"{"Values":[12.5,30],"Counts":[1,2],"Max":30,"Min":12.5,"Count":3,"Sum":72.5}"#;
    let fault = r#"{"Values":[0],"Counts":[3],"Max":0,"Min":0,"Count":3,"Sum":0}"#;
    let line = format!(
        r#"{{"Environment":"lambda:default","Service":"payments","Operation":"POST /pay","Version":"1","_aws":{{"Timestamp":{OBSERVED_MS},"CloudWatchMetrics":[{{"Namespace":"ApplicationSignals","Dimensions":[["Environment","Operation","Service"]],"Metrics":[{{"Name":"Latency","Unit":"Milliseconds"}},{{"Name":"Fault","Unit":""}}]}}]}},"Latency":{latency},"Fault":{fault}}}"#
    );
    let dimensions = r#"{"Environment":"lambda:default","Operation":"POST /pay","Service":"payments""#;
    assert_eq!(
        metrics_of_text(&line),
        [
            format!(
                r#"ApplicationSignals Latency Milliseconds 24.166666666666668 {dimensions},"count":3,"sum":72.5,"min":12.5,"max":30,"values":[12.5,30],"counts":[1,2]}}"#
            ),
            format!(
                r#"ApplicationSignals Fault - 0 {dimensions},"count":3,"sum":0,"min":0,"max":0,"values":[0],"counts":[3]}}"#
            ),
        ]
    );
    // The log row holds what it is made of.
    let log = rows_of_text(&line).swap_remove(0);
    let attributes: Json = serde_json::from_str(log.attributes.as_deref().unwrap()).unwrap();
    assert_eq!(attributes["Latency"], serde_json::from_str::<Json>(latency).unwrap());
}

#[test]
fn a_statistic_set_is_one_row_with_its_mean() {
    let of = |value: Json| metrics(&event(directive(json!([{"Name": "m"}])), json!({"m": value})));
    let check = |value: Json, expected: &str| assert_eq!(of(value), [expected]);
    check(json!({"Max": 9, "Min": 1, "Count": 4, "Sum": 20}), r#"N m - 5 {"count":4,"sum":20,"min":1,"max":9}"#);
    check(json!({"Count": 2, "Sum": 3}), r#"N m - 1.5 {"count":2,"sum":3}"#);
    // Nothing was measured: a row that says so.
    check(json!({"Max": 0, "Min": 0, "Count": 0, "Sum": 0}), r#"N m - - {"count":0,"sum":0,"min":0,"max":0}"#);
    check(json!({"Values": [1, 4], "Counts": [2, 1]}), r#"N m - 2 {"values":[1,4],"counts":[2,1]}"#);
    check(json!({"Values": [1, 4]}), r#"N m - 2.5 {"values":[1,4]}"#);
    // What does not match is no mean, and is still there.
    check(json!({"Values": [1, 4], "Counts": [2]}), r#"N m - - {"values":[1,4],"counts":[2]}"#);
    check(json!({"Values": [1, 4], "Counts": [2, 1, 1]}), r#"N m - - {"values":[1,4],"counts":[2,1,1]}"#);
    check(json!({"Values": [1, 4], "Counts": [-2, 1]}), r#"N m - - {"values":[1,4],"counts":[-2,1]}"#);
    check(json!({"Values": [1, "x"], "Counts": [1, 1]}), r#"N m - - {"values":[1,"x"],"counts":[1,1]}"#);
    check(json!({"Count": "2", "Sum": 3, "Values": [7]}), r#"N m - 7 {"sum":3,"values":[7]}"#);
    for none in [json!({}), json!({"Count": 2}), json!({"Values": []}), json!({"Values": ["a"]}), json!({"a": 1})] {
        assert_eq!(of(none), [""; 0]);
    }
}

#[test]
fn a_mean_that_no_double_holds_is_absent() {
    let line = |value: &str| {
        format!(r#"{{"_aws":{{"CloudWatchMetrics":[{{"Namespace":"N","Metrics":[{{"Name":"m"}}]}}]}},"m":{value}}}"#)
    };
    assert_eq!(metrics_of_text(&line("1e400")), ["N m - - -"]);
    assert_eq!(metrics_of_text(&line(r#"{"Sum":1e308,"Count":1e-308}"#)), [r#"N m - - {"count":1e-308,"sum":1e308}"#]);
    assert_eq!(
        metrics_of_text(&line(r#"{"Sum":1e999,"Count":2,"Values":[3]}"#)),
        [r#"N m - 3 {"count":2,"sum":1e999,"values":[3]}"#]
    );
}

#[test]
fn an_array_is_a_row_a_number() {
    let event =
        event(directive(json!([{"Name": "m", "Unit": "Count"}])), json!({"m": [1, "x", 2.5, null, [3]], "d": "a"}));
    assert_eq!(metrics(&event), [r#"N m Count 1 {"d":"a"}"#, r#"N m Count 2.5 {"d":"a"}"#]);
}

/// The OpenTelemetry collector and the agent of Container Insights still write version 0.
#[test]
fn directives_at_the_top_are_the_formats_version_0() {
    let line = json!({
        "CloudWatchMetrics": [
            {"Namespace": "ContainerInsights", "Dimensions": [["NodeName", "ClusterName"]], "Metrics": [
                {"Unit": "Percent", "Name": "node_cpu_utilization"}, {"Unit": "Count", "Name": "node_number_of_running_pods"}]},
            {"Namespace": "ContainerInsights", "Dimensions": [["ClusterName"], []], "Metrics": [
                {"Unit": "Percent", "Name": "node_cpu_utilization"}]},
        ],
        "ClusterName": "c", "NodeName": "n", "Type": "Node", "Version": "0",
        "Timestamp": (OBSERVED_MS - 60_000).to_string(), "Sources": ["cadvisor"],
        "node_cpu_utilization": 2.5, "node_number_of_running_pods": 7,
    });
    assert_eq!(
        metrics(&line),
        [
            r#"ContainerInsights node_cpu_utilization Percent 2.5 {"NodeName":"n","ClusterName":"c"}"#,
            r#"ContainerInsights node_number_of_running_pods Count 7 {"NodeName":"n","ClusterName":"c"}"#,
        ]
    );
    for row in rows(&line) {
        assert_eq!(row.time_unix_nano, OBSERVED_NANO - 60_000_000_000);
        assert_eq!(row.event_name.as_deref(), Some("aws.emf"));
    }
    // The key alone is anybody's.
    for other in [json!([1, "a"]), json!([{"Metrics": 1}]), json!({"Metrics": []}), json!([]), json!("x")] {
        let rows = rows(&json!({"CloudWatchMetrics": other, "a": 1}));
        assert_eq!((rows.len(), rows[0].event_name.as_deref()), (1, None));
    }
}

#[test]
fn a_metric_in_several_directives_is_one_row_with_the_dimensions_of_all() {
    let members = json!({"m": 1, "a": "A", "b": "B", "c": "C"});
    let of = |directives: Json| metrics(&event(directives, members.clone()));
    let metric = json!([{"Name": "m", "Unit": "Count"}]);
    assert_eq!(
        of(json!([
            {"Namespace": "N", "Dimensions": [["a"], ["a", "b"]], "Metrics": metric},
            {"Namespace": "N", "Dimensions": [["c", "b"]], "Metrics": metric},
            {"Namespace": "N", "Dimensions": [["a"]], "Metrics": metric},
        ])),
        [r#"N m Count 1 {"a":"A","b":"B","c":"C"}"#]
    );
    // In another namespace it is another metric, and its dimensions are its own.
    assert_eq!(
        of(json!([
            {"Namespace": "N", "Dimensions": [["a"]], "Metrics": metric},
            {"Namespace": "O", "Dimensions": [["b"]], "Metrics": metric},
            {"Dimensions": [["c"]], "Metrics": metric},
        ])),
        [r#"N m Count 1 {"a":"A"}"#, r#"O m Count 1 {"b":"B"}"#, r#"- m Count 1 {"c":"C"}"#]
    );
}

#[test]
fn directives_that_are_not_as_the_format_has_them_lose_nothing_and_panic_nowhere() {
    let members = json!({"m": 1, "a": "A", "b": "B"});
    let check = |directives: Json, expected: &[&str]| {
        let event = event(directives.clone(), members.clone());
        assert_eq!(metrics(&event), expected, "{directives}");
        let log = rows(&event).swap_remove(0);
        let attributes: Json = serde_json::from_str(log.attributes.as_deref().unwrap()).unwrap();
        assert_eq!((&attributes["_aws"]["CloudWatchMetrics"], &attributes["m"]), (&directives, &json!(1)));
    };
    let metric = || json!([{"Name": "m"}]);
    check(json!([{"Metrics": metric()}]), &["- m - 1 -"]);
    check(json!([{"Namespace": null, "Dimensions": null, "Metrics": metric()}]), &["- m - 1 -"]);
    check(json!([{"Namespace": 7, "Dimensions": [[]], "Metrics": metric()}]), &["- m - 1 -"]);
    check(
        json!([{"Namespace": "N", "Dimensions": ["a", "b"], "Metrics": metric()}]),
        &[r#"N m - 1 {"a":"A","b":"B"}"#],
    );
    check(json!([{"Namespace": "N", "Dimensions": "a", "Metrics": metric()}]), &["N m - 1 -"]);
    check(
        json!([{"Namespace": "N", "Dimensions": [["a", "a"], [["b"]], [7, "absent"], {"a": 1}], "Metrics": metric()}]),
        &[r#"N m - 1 {"a":"A"}"#],
    );
    for unit in [json!(""), json!(null), json!(7), json!({})] {
        check(json!([{"Namespace": "N", "Metrics": [{"Name": "m", "Unit": unit}]}]), &["N m - 1 -"]);
    }
    check(json!([{"Namespace": "N", "Metrics": ["m"]}]), &["N m - 1 -"]);
    for metrics in
        [json!([["m"]]), json!([{"Name": ["m"]}]), json!([{}]), json!([null, 1]), json!("m"), json!({"Name": "m"})]
    {
        check(json!([{"Namespace": "N", "Metrics": metrics}]), &[]);
    }
    check(json!([null, 1, "x", [], {}]), &[]);
    check(json!([[{"Namespace": "N", "Metrics": metric()}]]), &[]);
}

/// Each is an event of one row, or of so many metrics as stand beside it; none panics.
#[test]
fn odd_events_give_the_metrics_that_they_declare() {
    let metrics = r#""Metrics":[{"Name":"m"}]"#;
    let top = format!(r#""CloudWatchMetrics":[{{"Namespace":"top",{metrics}}}]"#);
    let inner = format!(r#""_aws":{{"CloudWatchMetrics":[{{"Namespace":"in",{metrics}}}]}}"#);
    let named = |name: &str| {
        format!(r#"{{"_aws":{{"CloudWatchMetrics":[{{"Metrics":[{{"Name":"{name}"}}],"Dimensions":[["{name}"]]}}]}}"#)
    };
    for (line, expected) in [
        (format!(r#"{{{inner},{top},"m":1}}"#), &["in m - 1 -"][..]),
        (format!(r#"{{"_aws":null,{top},"m":1}}"#), &["top m - 1 -"]),
        (format!(r#"{{"_aws":{{"CloudWatchMetrics":{{}}}},{top},"m":1}}"#), &["top m - 1 -"]),
        (r#"{"_aws":"x","m":1}"#.to_owned(), &[]),
        (format!(r#"{{{inner}}}"#), &[]),
        (format!(r#"{{{inner},"m":"1"}}"#), &[]),
        (format!(r#"{{{inner},"m":true}}"#), &[]),
        (format!(r#"{{{inner},"m":[[1]]}}"#), &[]),
        (format!(r#"{{{inner},"m":-0}}"#), &["in m - -0 -"]),
        (format!(r#"{{{inner},"m":1e-400}}"#), &["in m - 0 -"]),
        (format!(r#"{{{inner},"m":123456789012345678901234567890}}"#), &["in m - 123456789012345680000000000000 -"]),
        (
            format!(r#"{{{inner},"m":{{"Values":[1e400],"Sum":4,"Sum":5,"Count":2}}}}"#),
            &[r#"in m - 2 {"count":2,"sum":4,"values":[1e400]}"#],
        ),
        (format!(r#"{},"":1}}"#, named("")), &[r#"-  - 1 {"":1}"#]),
        (format!("{}}}", named("_aws")), &[]),
        (format!(r#"{},"é\"":2}}"#, named(r#"é\""#)), &["- é\" - 2 {\"é\\\"\":2}"]),
        (
            format!("[INFO]\t2026-11-21T08:42:53.000Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\t{{{inner},\"m\":1}}\n"),
            &["in m - 1 -"],
        ),
        (format!(" \n{{ {inner} , \"m\" : [ 1 , 2 ] }}\n"), &["in m - 1 -", "in m - 2 -"]),
    ] {
        assert_eq!(metrics_of_text(&line), expected, "{line}");
    }
}

#[test]
fn a_member_that_stands_twice_is_its_first() {
    let line = r#"{"_aws":{"CloudWatchMetrics":[{"Namespace":"N","Metrics":[{"Name":"m"}]}]},"m":1,"m":[2,3]}"#;
    assert_eq!(metrics_of_text(line), ["N m - 1 -"]);
    let escaped = r#"{"_aws":{"CloudWatchMetrics":[{"Namespace":"N","Metrics":[{"Name":"m\u006d"}]}]},"\u006dm":1}"#;
    assert_eq!(metrics_of_text(escaped), ["N mm - 1 -"]);
}

#[test]
fn a_dimension_named_as_a_statistic_keeps_its_name() {
    let directives = json!([{"Namespace": "N", "Dimensions": [["count"]], "Metrics": [{"Name": "m"}]}]);
    let event = event(directives, json!({"count": "many", "m": {"Count": 2, "Sum": 3}}));
    assert_eq!(metrics(&event), [r#"N m - 1.5 {"count":"many","sum":3}"#]);
}

#[test]
fn rows_say_when_where_and_in_which_request_but_not_what_happened() {
    let directives = directive(json!([{"Name": "m"}]));
    let event = event(
        directives,
        json!({
            "m": 1, "level": "error", "message": "no", "service": "payments", "service.version": "1.4.2",
            "trace_id": "6b01598d3e7fb97bfcc1c0c8b0cdf20a", "correlation_id": "order-7", "cold_start": true,
            "errorType": "E", "errorMessage": "no", "path": "/pay", "method": "POST", "status": 500,
            "function_request_id": "37a788d1-0676-4832-ae70-4245a4ff91e3",
        }),
    );
    let row = rows(&event).swap_remove(1);
    insta::assert_snapshot!(columns(&row), @r"
    event_id = e0/1
    signal = metric
    event_name = aws.emf
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    correlation_id = order-7
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    service_name = payments
    service_version = 1.4.2
    faas_coldstart = true
    metric_namespace = N
    metric_name = m
    metric_value = 1
    ");
}

#[test]
fn a_secret_is_in_no_metric_row() {
    const SECRETS: [&str; 4] = ["AKIAIOSFODNN7EXAMPLE", "hunter2", "4242", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"];
    let [key, password, pin, token] = SECRETS;
    let name = format!("calls {key}");
    let mut members =
        json!({"password": password, "pwd": 4242, "note": format!("password={password}"), "holder": {"token": token}});
    members[&name] = json!(1);
    let directives = json!([{
        "Namespace": format!("N {key}"), "Dimensions": [["password", "note", "holder"]],
        "Metrics": [{"Name": name, "Unit": key}, {"Name": "pwd"}],
    }]);
    let rows = rows(&event(directives, members));
    assert_eq!(rows.len(), 2);
    for row in rows.iter().skip(1) {
        let mut line = Vec::new();
        row.write_json(&mut line);
        let line = String::from_utf8(line).unwrap();
        for secret in SECRETS {
            assert!(!line.contains(secret) || secret == pin && !line.contains(":4242"), "{secret} in {line}");
        }
    }
    let row = &rows[1];
    assert_eq!(row.metric_name.as_deref(), Some("calls [redacted:aws-access-key]"));
    assert_eq!(row.metric_namespace.as_deref(), Some("N [redacted:aws-access-key]"));
    assert_eq!(row.metric_unit.as_deref(), Some("[redacted:aws-access-key]"));
    assert_eq!(
        row.attributes.as_deref(),
        Some(
            r#"{"password":"[redacted:password]","note":"password=[redacted:password]","holder":{"token":"[redacted:token]"}}"#
        )
    );
}
