//! Requests that a queue, a redrive or a link carries on, that B3 writes, or of which a line alone tells: from every id of
//! them to the whole, and what was not looked at is said.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::*;

/// Lakes are made of what happened lately: the program's own clock says where it looks.
fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn trace_id(made: i64, number: u32) -> String {
    format!("{made:08x}{number:024x}")
}

/// A span as CloudWatch's log group of spans has it, 300 ms long; `change` says what is special about it.
fn span(trace: &str, id: char, parent: Option<char>, service: &str, at: i64, change: Value) -> (i64, Value) {
    let span_id = |id: char| id.to_string().repeat(16);
    let mut told = json!({
        "resource": {"attributes": {"service.name": service, "cloud.region": "us-east-2"}},
        "traceId": trace, "spanId": span_id(id), "name": service, "kind": "SERVER",
        "startTimeUnixNano": at * 1_000_000_000, "endTimeUnixNano": at * 1_000_000_000 + 300_000_000,
        "durationNano": 300_000_000, "attributes": {}, "status": {"code": "OK"},
    });
    if let Some(parent) = parent {
        told["parentSpanId"] = json!(span_id(parent));
    }
    for (key, value) in change.as_object().into_iter().flatten() {
        told[key] = value.clone();
    }
    (at, told)
}

/// A lake of events of one region: each is a log group, a stream, seconds and what is written.
struct Lake(TempDir);

impl Lake {
    fn of(events: &[(&str, &str, i64, String)]) -> Lake {
        let folder = tempfile::tempdir().unwrap();
        for (number, (group, stream, at, message)) in events.iter().enumerate() {
            let event = json!({"id": format!("{number:056}"), "timestamp": at * 1000, "message": message});
            let payload = json!({
                "messageType": "DATA_MESSAGE", "owner": "210987654321", "logGroup": group, "logStream": stream,
                "subscriptionFilters": ["f"], "logEvents": [event],
            });
            std::fs::write(folder.path().join(format!("{number}.json")), payload.to_string()).unwrap();
        }
        let lake = folder.path().join("lake");
        let payloads: Vec<PathBuf> =
            (0..events.len()).map(|number| folder.path().join(format!("{number}.json"))).collect();
        let mut arguments = vec!["ingest", "-q", "--lake", text(&lake), "--region", "us-east-2"];
        arguments.extend(payloads.iter().map(|path| text(path)));
        let answer = run(&arguments);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        Lake(folder)
    }

    fn of_spans(spans: &[(i64, Value)]) -> Lake {
        let events = spans.iter().map(|(at, span)| ("aws/spans", "default", *at, span.to_string()));
        Lake::of(&events.collect::<Vec<_>>())
    }

    fn ask(&self, id: &str, further: &[&str]) -> Answer {
        let lake = self.0.path().join("lake");
        let answer = run(&[&["trace", id, "--utc", "--lake", text(&lake)], further].concat());
        assert_eq!(answer.code, 0, "{id} {further:?}: {}", answer.stderr);
        answer
    }

    fn trace(&self, id: &str, further: &[&str]) -> Value {
        serde_json::from_str(&self.ask(id, &[further, &["--format", "json"]].concat()).stdout).unwrap()
    }
}

/// The services of the spans, each below its parent.
fn drawn(spans: &Value) -> String {
    let one = |span: &Value| {
        let below = drawn(&span["children"]);
        let name = span["service_name"].as_str().unwrap_or("-");
        if below.is_empty() { name.to_owned() } else { format!("{name}({below})") }
    };
    spans.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_goes_on_hours_or_days_later_is_found_and_the_times_looked_at_are_said() {
    let now = seconds_now();
    // By when it was made: lately, and longer ago than is looked at where an id tells no time.
    for made in [now - 5 * 3600, now - 30 * 3600, now - 9 * 86_400] {
        let trace = trace_id(made, 0x701);
        for later in [40 * 60, 2 * 3600, 5 * 3600 - 60] {
            let failed = json!({"status": {"code": "ERROR"}});
            let lake = Lake::of_spans(&[
                span(&trace, 'a', None, "orders", made, json!({})),
                span(&trace, 'b', Some('a'), "billing", made + later, failed),
            ]);
            for further in [&[][..], &["--since", "10d"], &["--since", "10d", "--until", "now"]] {
                let found = lake.trace(&trace, further);
                assert_eq!(drawn(&found["spans"]), "orders(billing)", "{made} {later} {further:?}");
                assert_eq!((&found["error_count"], &found["complete"]), (&json!(1), &json!(true)));
            }
            // A time that somebody chose, and nothing further.
            let until = (made + later - 20 * 60).to_string();
            let part = lake.trace(&trace, &["--since", "10d", "--until", &until]);
            assert_eq!(drawn(&part["spans"]), "orders");
            let ended: i64 = part["looked_at"][0]["until_unix_nano"].as_str().unwrap().parse().unwrap();
            assert!(ended < (made + later) * 1_000_000_000, "{part}");
        }
    }
    // Days later, and looked at today: a redrive.
    let made = now - 3 * 86_400;
    let trace = trace_id(made, 0x702);
    let lake = Lake::of_spans(&[
        span(&trace, 'a', None, "orders", made, json!({})),
        span(&trace, 'b', Some('a'), "redrive", now - 1800, json!({})),
    ]);
    let found = lake.trace(&trace, &[]);
    assert_eq!(drawn(&found["spans"]), "orders(redrive)");
    let looked = found["looked_at"].as_array().unwrap();
    assert!(looked.len() == 2 && looked[1]["until_unix_nano"].is_null(), "{looked:?}");
    for (form, said) in [("table", "looked at "), ("html", "\"looked_at\":[{"), ("otlp", "transect.looked_at")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        lake.ask(&trace, &["--format", form, "--output", text(&file)]);
        assert!(std::fs::read_to_string(file).unwrap().contains(said), "{form}");
    }
}

#[test]
fn a_span_that_is_open_since_yesterday_and_still_tells_of_itself_is_running() {
    let now = seconds_now();
    let begin = now - 26 * 3600;
    for trace in [trace_id(begin, 0x801), "0af7651916cd43dd8448eb211c80319c".to_owned()] {
        let open = json!({"endTimeUnixNano": null, "durationNano": null, "attributes": {"aws.xray.inprogress": true}});
        let (at, told) = span(&trace, 'a', None, "workflow", begin, open);
        let mut events = vec![("aws/spans", "default", at, told.to_string())];
        let line = json!({"level": "INFO", "message": "waiting", "service": "workflow", "trace_id": trace, "span_id": "a".repeat(16)});
        events.extend((0..53).map(|half_hour| ("/ecs/workflow", "one", begin + half_hour * 1800, line.to_string())));
        let lake = Lake::of(&events);
        let found = lake.trace(&trace, &[]);
        assert_eq!(found["records"].as_array().unwrap().len(), 54, "{trace}");
        assert_eq!(found["spans"][0]["marks"], json!(["still_running"]));
        assert_eq!(found["complete"], json!(true));
        let picture = lake.ask(&trace, &[]).stdout;
        assert!(picture.contains("still running") && !picture.contains("cut off"), "{picture}");
        // Nobody looked at the end.
        let until = (now - 20 * 3600).to_string();
        let part = lake.trace(&trace, &["--since", "3d", "--until", &until]);
        assert_eq!((&part["spans"][0]["marks"], &part["complete"]), (&json!([]), &json!(false)));
        assert!(part["truncated"].as_str().unwrap().contains("(--until)"), "{}", part["truncated"]);
    }
}

#[test]
fn links_lead_from_either_end_to_the_other() {
    let now = seconds_now();
    let (made, later) = (now - 5 * 3600, now - 3 * 3600);
    let (producer, consumer) = (trace_id(made, 0x701), trace_id(later, 0x702));
    let attributes = json!({"messaging.message.id": "m-1", "n": 7, "ok": true});
    let link = json!({"traceId": producer, "spanId": "a".repeat(16), "attributes": attributes});
    let gone = json!({"traceId": trace_id(made, 0x999), "spanId": "9".repeat(16)});
    let lake = Lake::of_spans(&[
        span(&producer, 'a', None, "orders", made, json!({"kind": "PRODUCER"})),
        span(&consumer, 'b', None, "billing", later, json!({"kind": "CONSUMER", "links": [link, gone]})),
        span(&trace_id(made, 0x703), 'c', None, "strange", made, json!({})),
    ]);
    for further in [&[][..], &["--since", "24h"]] {
        let (from, to) = (lake.trace(&producer, further), lake.trace(&consumer, further));
        for found in [&from, &to] {
            assert_eq!(drawn(&found["spans"]), "orders billing");
            let links = &found["spans"][1]["links"];
            assert_eq!(links[0]["attributes"], attributes);
            assert_eq!((&links[0]["node"], &links[1]["node"]), (&json!(0), &Value::Null));
            assert_eq!((&found["complete"], &found["ids"]["trace_id"]), (&json!(true), &json!([producer, consumer])));
        }
    }
    let picture = lake.ask(&producer, &[]).stdout;
    assert!(picture.contains(&format!("~ linked from billing in trace {consumer}")), "{picture}");
    assert!(picture.contains(&format!("~ links to orders in trace {producer}")), "{picture}");
    assert!(picture.contains("which is not here"), "{picture}");
    let otlp = lake.ask(&consumer, &["--format", "otlp"]).stdout;
    let spans: Value = serde_json::from_str(otlp.lines().next().unwrap()).unwrap();
    let exported: Vec<&Value> = spans["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|resource| resource["scopeSpans"][0]["spans"][0].get("links"))
        .collect();
    assert_eq!(exported.len(), 1);
    assert_eq!((&exported[0][0]["traceId"], &exported[0][0]["spanId"]), (&json!(producer), &json!("a".repeat(16))));
    assert_eq!(
        exported[0][0]["attributes"][0],
        json!({"key": "messaging.message.id", "value": {"stringValue": "m-1"}})
    );
    assert_eq!(exported[0].as_array().unwrap().len(), 2);
}

#[test]
fn both_sides_of_a_call_are_seen_where_they_share_an_id() {
    let made = seconds_now() - 600;
    let trace = trace_id(made, 0x801);
    let lake = Lake::of_spans(&[
        span(&trace, 'a', None, "edge", made, json!({})),
        span(&trace, 'b', Some('a'), "gw", made + 1, json!({"kind": "CLIENT"})),
        span(&trace, 'b', Some('a'), "pay", made + 2, json!({"kind": "SERVER"})),
        span(&trace, 'c', Some('b'), "pay", made + 3, json!({"kind": "CLIENT"})),
    ]);
    let found = lake.trace(&trace, &[]);
    assert_eq!(drawn(&found["spans"]), "edge(gw(pay(pay)))");
    let picture = lake.ask(&trace, &[]).stdout;
    assert!(picture.contains("4 records, 4 spans") && picture.contains("as B3 has it"), "{picture}");
    let otlp = lake.ask(&trace, &["--format", "otlp"]).stdout;
    let ids: std::collections::BTreeSet<&str> = otlp.split("\"spanId\":\"").skip(1).map(|rest| &rest[..16]).collect();
    assert_eq!(ids.len(), 4, "{otlp}");
}

#[test]
fn a_trace_id_of_64_bits_is_joined_and_half_of_one_is_told() {
    let made = seconds_now() - 600;
    let short = "e457b5a2e4d86bd1";
    let padded = format!("{short:0>32}");
    let log = |id: &str| json!({"level": "INFO", "message": "charged", "service": "pay", "traceId": id}).to_string();
    let (at, told) = span(&padded, 'a', None, "gw", made, json!({}));
    let lake = Lake::of(&[("aws/spans", "default", at, told.to_string()), ("/ecs/pay", "one", made, log(short))]);
    for asked in [short, &padded, "E457B5A2E4D86BD1", &format!("{short}-{}", "a".repeat(16))] {
        let found = lake.trace(asked, &[]);
        assert_eq!(found["records"].as_array().unwrap().len(), 2, "{asked}");
        assert_eq!(found["ids"]["trace_id"], json!([padded]), "{asked}");
    }
    // Of one of 128 bits a service has kept the last 64.
    let whole = format!("463ac35c9f6413ad{short}");
    let (at, told) = span(&whole, 'a', None, "gw", made, json!({}));
    let lake = Lake::of(&[("aws/spans", "default", at, told.to_string()), ("/ecs/pay", "one", made, log(short))]);
    for (asked, other) in [(whole.as_str(), padded.as_str()), (short, &whole)] {
        let found = lake.trace(asked, &[]);
        assert_eq!(found["records"].as_array().unwrap().len(), 1, "{asked}");
        assert!(
            found["notes"][0].as_str().unwrap().contains(&format!("trace {other} has the same last 64 bits")),
            "{found}"
        );
        assert!(lake.ask(asked, &[]).stdout.contains(&format!("`transect trace {other}`")));
    }
    let lake = Lake::of(&[("/ecs/pay", "one", made, log(short))]);
    let nothing = run(&["trace", &whole, "--lake", text(&lake.0.path().join("lake"))]);
    assert_eq!(nothing.code, 5, "{}", nothing.stderr);
    assert!(nothing.stderr.contains(&format!("`transect trace {padded}` shows it")), "{}", nothing.stderr);
}

#[test]
fn a_strangers_id_in_a_line_leads_to_the_call_that_the_line_stands_in() {
    let at = seconds_now() - 600;
    let (call, other, stranger) = (
        "12e1bc76-5667-4b14-9509-bb0a9bf13331",
        "22e1bc76-5667-4b14-9509-bb0a9bf13332",
        "99e1bc76-5667-4b14-9509-bb0a9bf13399",
    );
    let stream = format!("2026/11/21/[7]{}", "a".repeat(32));
    let line = |seconds: i64, text: String| ("/aws/lambda/pay", stream.as_str(), at + seconds, text);
    let report = |id: &str| {
        format!(
            "REPORT RequestId: {id}\tDuration: 50.00 ms\tBilled Duration: 50 ms\tMemory Size: 128 MB\tMax Memory Used: 50 MB\t\n"
        )
    };
    let lake = Lake::of(&[
        line(0, format!("START RequestId: {other} Version: 7\n")),
        line(1, report(other)),
        line(2, format!("START RequestId: {call} Version: 7\n")),
        line(3, json!({"level": "ERROR", "message": "refused", "function_request_id": stranger}).to_string()),
        line(4, "[ERROR] KeyError: 'sku'\n".to_owned()),
        line(5, report(call)),
    ]);
    let found = lake.trace(stranger, &[]);
    assert_eq!(found["ids"]["faas_invocation_id"], json!([call]));
    assert_eq!(found["records"].as_array().unwrap().len(), 4, "{found}");
    assert_eq!(found["spans"][0]["records"], json!([0, 1, 2, 3]));
    assert_eq!(found["records"], lake.trace(call, &[])["records"]);
}
