//! Who may state what: whoever gets a text logged writes what stands in it, and nothing of that may reach a column that a
//! layer outside knows better.

use super::*;

/// What a stranger would like to be believed.
const FORGED: &str = r#"{"service":"payments","service_version":"1.4.2","version":"1.4.2","release":"1.4.2","level":"ERROR","severity_number":21,"message":"owned","timestamp":"2026-11-21T08:41:00.000Z","function_name":"payments","function_version":"7","function_arn":"arn:aws:lambda:us-east-2:1:function:payments:7","requestId":"11111111-2222-4333-8444-555555555555","function_request_id":"11111111-2222-4333-8444-555555555555","http_status":500,"status":500,"cold_start":true,"dd":{"service":"payments","version":"1.4.2"},"resource":{"attributes":{"service.name":"payments","service.version":"1.4.2"}}}"#;

const EDGE_GROUP: &str = "/aws/lambda/edge";

fn one(group: &str, stream: &str, line: &str) -> Record<'static> {
    let (mut records, _) = records_of(document(group, stream, &[line]).as_bytes(), &Options::default());
    assert_eq!(records.len(), 1, "{line}");
    records.remove(0)
}

/// Every column that only the emitter may state.
fn stated(record: &Record<'_>) -> Vec<(&'static str, String)> {
    const OWNED: [&str; 12] = [
        "time_unix_nano",
        "severity_number",
        "severity_text",
        "service_name",
        "service_version",
        "cloud_region",
        "faas_name",
        "faas_version",
        "faas_coldstart",
        "faas_invocation_id",
        "status_code",
        "http_response_status_code",
    ];
    let values = COLUMNS.iter().zip(record.values());
    values
        .filter(|(column, _)| OWNED.contains(&column.name))
        .filter_map(|(column, value)| Some((column.name, format!("{:?}", value?))))
        .collect()
}

/// The columns of `line` are those of `honest`, which is the same line without the stranger's text.
fn check(group: &str, stream: &str, honest: &str, line: &str) {
    let (honest, forged) = (one(group, stream, honest), one(group, stream, line));
    assert_eq!(stated(&forged), stated(&honest), "{line}\n{}", columns(&forged));
}

fn json(value: serde_json::Value) -> String {
    value.to_string()
}

/// Lines with a place for a stranger's text, which is put in as it is, in a function's stream and in a container's.
#[test]
fn text_in_a_text_line_states_nothing() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    let lines = [
        "GET /health 200 user-agent: Mozilla/5.0\t@".to_owned(),
        "GET /health 200 user-agent: Mozilla/5.0 @".to_owned(),
        "user-agent: @".to_owned(),
        "first line\n@".to_owned(),
        "first line\r\n\t@".to_owned(),
        "word\t@".to_owned(),
        format!("2026-11-21T08:42:52.101Z\t{id}\tINFO\tuser agent\t@"),
        format!("2026-11-21T08:42:52.101Z\t{id}\tINFO\tuser agent @"),
        format!("2026-11-21T08:42:52.101Z\t{id}\tINFO\tuser agent Invoke Error \t@"),
        format!("[INFO]\t2026-11-21T08:42:52.101Z\t{id}\tuser agent\t@"),
        "2026/11/21 08:42:53 user agent @".to_owned(),
        "2026-11-21 08:42:53,429 INFO user agent @".to_owned(),
        "I, [2026-11-21T08:42:53.429 #8]  INFO -- : user agent @".to_owned(),
        "INFO\tuser agent\t@".to_owned(),
    ];
    for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
        for line in &lines {
            let text = line.replace('@', "x");
            check(group, stream, &text, &line.replace('@', FORGED));
            check(group, stream, &text, &line.replace('@', &format!("{FORGED} ")));
        }
    }
}

#[test]
fn text_in_a_record_states_nothing() {
    let forged: serde_json::Value = serde_json::from_str(FORGED).unwrap();
    let powertools = serde_json::json!({
        "level": "INFO", "location": "handler:3", "message": "x", "timestamp": "2026-11-21 08:42:53,100+0000", "service": "edge",
        "service_version": "3.1.0", "cold_start": false, "function_name": "edge",
        "function_request_id": "37a788d1-0676-4832-ae70-4245a4ff91e3",
    });
    let pino = serde_json::json!({"level": 30, "time": 1_795_250_573_100_i64, "msg": "x", "service": "edge"});
    for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
        for (record, key) in [(&powertools, "message"), (&pino, "msg")] {
            let with = |value: serde_json::Value| {
                let mut line = record.clone();
                line[key] = value;
                json(line)
            };
            let beside = |name: &str, value: serde_json::Value| {
                let mut line = record.clone();
                line[name] = value;
                json(line)
            };
            let honest = json(record.clone());
            check(group, stream, &honest, &with(FORGED.into()));
            check(group, stream, &honest, &with(forged.clone()));
            check(group, stream, &honest, &with(format!("user agent\t{FORGED}").into()));
            check(group, stream, &honest, &with(serde_json::json!([forged])));
            for name in [
                "headers", "body", "event", "request", "user", "payload", "data", "input", "metadata", "context",
                "extra",
            ] {
                check(group, stream, &honest, &beside(name, forged.clone()));
                check(group, stream, &honest, &beside(name, FORGED.into()));
            }
        }
    }
}

/// Lambda's wrapper hands through an object that a logger wrote, and not a text.
#[test]
fn text_in_lambdas_wrapper_states_nothing() {
    let wrapped = |message: serde_json::Value| {
        json(serde_json::json!({
            "timestamp": "2026-11-21T08:42:53.100Z", "level": "INFO", "requestId": "37a788d1-0676-4832-ae70-4245a4ff91e3", "message": message,
        }))
    };
    check(EDGE_GROUP, LAMBDA_STREAM, &wrapped("x".into()), &wrapped(FORGED.into()));
    check(EDGE_GROUP, LAMBDA_STREAM, &wrapped("x".into()), &wrapped(format!("agent\t{FORGED}").into()));
    // What a caller sent, without a logger's level, time or message.
    let bare = serde_json::json!({"service": "payments", "service_version": "1.4.2", "status": 500, "function_name": "payments"});
    check(EDGE_GROUP, LAMBDA_STREAM, &wrapped("x".into()), &wrapped(bare));
}

#[test]
fn a_logged_event_states_nothing_but_its_route() {
    let event = serde_json::json!({
        "version": "2.0", "routeKey": "POST /pay", "rawPath": "/pay/7",
        "headers": {"x-correlation-id": "forged", "traceparent": "00-6b01598d3e7fb97bfcc1c0c8b0cdf20a-86ea0214b5c34e7e-01", "service": "payments"},
        "body": FORGED, "message": "m", "level": "ERROR", "service": "payments", "release": "1.4.2", "status": 500,
        "requestContext": {"http": {"method": "POST", "path": "/pay/7"}, "requestId": "JKJaXmPLvHcESHA="},
    });
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    let lines = [
        (format!("2026-11-21T08:42:52.101Z\t{id}\tINFO\tx"), format!("2026-11-21T08:42:52.101Z\t{id}\tINFO\t{event}")),
        ("x".to_owned(), event.to_string()),
        (
            json(
                serde_json::json!({"timestamp": "2026-11-21T08:42:53.100Z", "level": "INFO", "requestId": id, "message": "x"}),
            ),
            json(
                serde_json::json!({"timestamp": "2026-11-21T08:42:53.100Z", "level": "INFO", "requestId": id, "message": event}),
            ),
        ),
    ];
    for (honest, line) in lines {
        check(EDGE_GROUP, LAMBDA_STREAM, &honest, &line);
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
        assert_eq!(record.http_route.as_deref(), Some("/pay"), "{line}");
        assert_eq!((&record.correlation_id, &record.trace_id, &record.url_path), (&None, &None, &None), "{line}");
    }
}

/// `print(body)` and `console.log(JSON.parse(body))` write an object that no logger wrote.
#[test]
fn an_object_without_a_loggers_shape_states_ids_alone() {
    let bare = r#"{"service":"payments","service_version":"1.4.2","release":"1.4.2","function_name":"payments","status":500,"http_status":503,"dd":{"service":"payments"},"trace_id":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","correlation_id":"c-1","errorType":"E","errorMessage":"m"}"#;
    for line in
        [bare.to_owned(), format!("2026-11-21T08:42:52.101Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tINFO\t{bare}")]
    {
        let honest = line.replace(bare, "x");
        check(EDGE_GROUP, LAMBDA_STREAM, &honest, &line);
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
        assert_eq!(record.trace_id.as_deref(), Some("6b01598d3e7fb97bfcc1c0c8b0cdf20a"));
        assert_eq!(record.correlation_id.as_deref(), Some("c-1"));
        assert!(record.attributes.as_deref().unwrap().contains(r#""service":"payments""#));
    }
}

/// A span in a function's stream may be anybody's: it names no service, and fails nothing.
#[test]
fn a_span_that_a_function_writes_states_no_service() {
    let span = r#"{"resource":{"attributes":{"service.name":"payments","service.version":"1.4.2"}},"traceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","spanId":"77ca4499e07cb579","name":"charge","kind":"SERVER","startTimeUnixNano":1795250573001234567,"endTimeUnixNano":1795250573201234569,"attributes":{"http.response.status_code":500},"status":{"code":"ERROR"}}"#;
    let record = one(EDGE_GROUP, LAMBDA_STREAM, span);
    assert_eq!((&*record.signal, record.span_name.as_deref()), ("span", Some("charge")));
    assert_eq!((&record.service_name, &record.service_version, &record.status_code), (&None, &None, &None));
    assert_eq!(record.http_response_status_code, None);
    // In a container's group as well, however it is written there.
    let carried = serde_json::json!({"log": span, "stream": "stdout", "container_name": "app"}).to_string();
    for line in [span.to_owned(), format!("2026-11-21 08:42:53.429 [main] INFO com.acme.Edge - {span}"), carried] {
        let record = one("/ecs/edge", "edge/app/0123456789", &line);
        assert_eq!(
            (&record.service_name, &record.service_version, &record.status_code),
            (&None, &None, &None),
            "{line}"
        );
        assert_eq!(record.http_response_status_code, None, "{line}");
    }
    let own = one("aws/spans", "default", span);
    assert_eq!((own.service_name.as_deref(), own.status_code.as_deref()), (Some("payments"), Some("ERROR")));
}

/// Lambda's own lines are believed in streams of functions alone.
#[test]
fn lines_of_the_platform_count_in_streams_of_functions() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    let lines = [
        format!("REPORT RequestId: {id}\tDuration: 3000.00 ms\tStatus: timeout"),
        format!("START RequestId: {id} Version: 7"),
        format!("2026-11-21T08:42:53.000Z {id} Task timed out after 3.00 seconds"),
        format!("RequestId: {id} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"),
        format!(
            r#"{{"time":"2026-11-21T08:42:53.000Z","type":"platform.report","record":{{"requestId":"{id}","status":"timeout","metrics":{{"durationMs":1}}}}}}"#
        ),
    ];
    for line in &lines {
        let record = one("/ecs/edge", "edge/app/0123456789", line);
        assert_eq!((&record.faas_invocation_id, &record.status_code), (&None, &None), "{line}");
        let own = one(EDGE_GROUP, LAMBDA_STREAM, line);
        assert_eq!(own.faas_invocation_id.as_deref(), Some(id), "{line}");
    }
}

/// The group names the function, whatever a line says.
#[test]
fn a_line_does_not_rename_its_function() {
    let line = r#"{"level":"INFO","message":"x","function_name":"payments","function_version":"7"}"#;
    let record = one(EDGE_GROUP, LAMBDA_STREAM, line);
    assert_eq!((record.faas_name.as_deref(), record.faas_version.as_deref()), (Some("edge"), Some("8")));
    let elsewhere = one("/shop/functions", "any", line);
    assert_eq!(elsewhere.faas_name.as_deref(), Some("payments"));
}

/// `version` is the release beside a service in a logger's record, and not of a format, a protocol, an event or a schema.
#[test]
fn a_version_is_a_release_only_in_a_loggers_record() {
    for (line, expected) in [
        (r#"{"level":"info","msg":"x","service":"edge","version":"1.4.2"}"#, Some("1.4.2")),
        (r#"{"version":"1.4.2","level":"info","msg":"x","service.name":"edge"}"#, Some("1.4.2")),
        (r#"{"level":"info","msg":"x","service":"edge","version":"1.4.2","service.version":"2.0.0"}"#, Some("2.0.0")),
        (r#"{"level":"info","msg":"handshake","version":"TLSv1.3"}"#, None),
        (r#"{"level":"info","msg":"request","version":"HTTP/1.1"}"#, None),
        (r#"{"level":"info","msg":"request","service":"edge","version":"HTTP/1.1"}"#, None),
        (r#"{"level":"info","msg":"handshake","service":"edge","version":"TLSv1.3"}"#, None),
        (r#"{"context":{"logLevel":30},"message":"x","sequence":"0","time":1795250573429,"version":"2.0.0"}"#, None),
        (
            r#"{"EventId":0,"LogLevel":"Information","Category":"Pay","Message":"client 9.9","State":{"Message":"client 9.9","version":"9.9","{OriginalFormat}":"client {version}"}}"#,
            None,
        ),
        (r#"{"level":"info","msg":"x","http":{"service":"edge"},"version":"9.9"}"#, None),
        (r#"{"version":"1.1","host":"h","short_message":"x","level":6,"timestamp":1795250573.4}"#, None),
        (
            r#"{"version":"0","id":"a","detail-type":"Paid","source":"shop","account":"1","time":"2026-11-21T08:42:53Z","region":"us-east-2","resources":[],"detail":{}}"#,
            None,
        ),
        (r#"{"version":"2.0","routeKey":"GET /","requestContext":{"http":{}},"headers":{},"message":"x"}"#, None),
        (r#"{"_aws":{"Timestamp":1795250573000,"CloudWatchMetrics":[]},"Version":"1","service":"edge"}"#, None),
        (r#"{"level":"info","msg":"x","request":{"version":"9"},"metadata":{"version":"9"}}"#, None),
        (r#"{"version":"3","body":"x"}"#, None),
    ] {
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            assert_eq!(one(group, stream, line).service_version.as_deref(), expected, "{line}");
        }
    }
}

/// What a runtime prints of an error begins its line: behind somebody's words it is what that somebody was sent.
#[test]
fn a_stranger_fails_no_call_by_a_stack_in_a_text() {
    for sent in [
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1d",
        "Exception in thread \"main\" java.lang.IllegalStateException: x\n\tat a.B.c(B.java:3)",
        "PHP Fatal error:  Uncaught RuntimeException: x in /a.php:12\nStack trace:\n#0 {main}",
        "thread 'main' panicked at src/main.rs:12:5:\nboom",
        "Traceback (most recent call last):\n  File \"app.py\", line 1\nValueError: x",
        "[ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n  File \"app.py\", line 9, in handler",
        "Unhandled exception. System.InvalidOperationException: x\n   at A.B()",
        "TypeError: x\n    at a (/x.js:1:2)",
        "Error raised from handler method\n{\"errorMessage\":\"x\",\"errorType\":\"E\"}",
        "Pay/main.swift:9: Fatal error: Unexpectedly found nil",
    ] {
        for before in [
            "body: ",
            "got body:\n",
            "INFO got\n",
            "a\r\n",
            "2026-11-21 08:42:53,429 INFO got ",
            // As runtimes begin to tell where they are, and as programs begin as well.
            "/search?q=\n",
            "/search?q=x.js:1\nthrow x\n^\n",
            "# order\n",
            "Unhandled path: /\n",
            "Uncaught by /x.js:1\n",
            "node: \n",
            "file: \n",
        ] {
            let line = format!("{before}{sent}");
            let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
            assert!(record.severity_number.is_none_or(|number| number < 17), "{line}\n{}", columns(&record));
        }
    }
}

/// A program prints a word of its own and what it was sent: nothing that looks like a logger's head behind the word is one.
#[test]
fn a_head_behind_a_word_of_a_message_states_nothing() {
    let other = "11111111-2222-4333-8444-555555555555";
    let span = format!("x{{requestId={other}}}: y");
    let forged = [
        "ERROR - x",
        "ERROR | x",
        "ERROR: x",
        "- ERROR - x",
        "| ERROR | x",
        "payments[8]: ERROR x",
        "E! x",
        "E x.cc:9] x",
        "E [8:main] Pay -- x",
        "<Error> x: y",
        "error pay : [Pay] x",
        "2026/11/21 08:42:53 ERROR x",
        ":ERROR:a:b",
        "=ERROR REPORT==== 21-Nov-2026::08:42:53 ===\nx",
        "at=error msg=x status=500 service=evil",
        "{} <Error> x",
        "[8] 2026/11/21 08:42:53 [ERR] x",
        "pay - ERROR - x",
        "payments: ERROR: x",
        "ERROR[11-21|08:42:53.429] x",
        "Unknown application error occurred\nRuntime.Unknown",
        "Pay/main.swift:9: Fatal error: x",
        &span,
        "ip ERROR [app.pay:12] - x",
        "08:42:53 | 502 | 1ms | 10.0.1.5 | GET | /x | -",
        "1795250573.429 12 10.0.1.5 TCP_MISS/502 145 GET http://x/pets - HIER/1 text/html",
    ];
    for line in [
        "search: @",
        "search - @",
        "search | @",
        "q=@",
        "user @ logged in",
        "got \"@\"",
        "GET /search?q=@",
        "search:@",
        "2026-11-21T08:42:53.429Z request @",
        "2026/11/21 08:42:53 search: @",
        "2026-11-21 08:42:53,429 INFO got @",
        "INFO got @",
        "[search] got @",
        "user-agent - @ - x",
        "Nov 21 08:42:53 ip app[8]: got @",
        "request\n@",
    ] {
        for sent in forged {
            // A host before a level is told from a word by nothing; its layout counts outside of functions alone.
            let is_hosts = sent.starts_with("ip ERROR");
            for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
                let is_functions = group == EDGE_GROUP;
                if is_functions || !is_hosts {
                    check(group, stream, &line.replace('@', "x"), &line.replace('@', sent));
                }
            }
        }
    }
    // Behind pairs at the start of a sentence, too.
    for behind in [" is invalid", " for order=7", " n=1 again"] {
        let line = format!("level=error msg=x status=500 service=evil{behind}");
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            check(group, stream, "x", &line);
        }
    }
    // The name that a head begins with is the program's own, or one that no word is.
    for (group, line, number) in [
        (EDGE_GROUP, "edge - ERROR - x", Some(17)),
        (EDGE_GROUP, "pay.api - ERROR - x", Some(17)),
        (EDGE_GROUP, "search - ERROR - x", None),
        (EDGE_GROUP, "ge - ERROR - x", None),
        (EDGE_GROUP, "a - ERROR - x", None),
        (EDGE_GROUP, "edge: ERROR: x", None),
        ("/ecs/edge", "edge: ERROR: x", Some(17)),
        ("/ecs/edge", "search: ERROR: x", None),
        ("/ecs/edge", "edg: ERROR: x", None),
    ] {
        assert_eq!(one(group, "app/1", line).severity_number, number, "{line}");
    }
}

/// Rust's `tracing` writes the fields of spans before the message, and a request's path is one of them.
#[test]
fn a_field_of_a_span_names_no_call() {
    let (own, other) = ("37a788d1-0676-4832-ae70-4245a4ff91e3", "11111111-2222-4333-8444-555555555555");
    let lambda = format!("Lambda runtime invoke{{requestId=\"{own}\" xrayTraceId=\"Root=1-x\"}}:");
    for sent in [
        format!(r#"{{path="/x requestId={other} service.name=evil status=500"}}"#),
        format!(r#"{{path="/x\\" requestId={other}"}}"#),
        format!(r#"{{ua="x}}: ERROR{{requestId={other}}}: y"}}"#),
        format!("{{path=/x requestId={other}}}"),
        format!("{{path=/x status=500 requestId=\"{other}\"}}"),
        format!("{{path=/x,requestId={other}}}"),
        format!("{{q=a requestId={other}}}: b{{requestId={other}}}"),
    ] {
        let line = |spans: &str| format!("2026-11-21T08:42:53.429Z  INFO {spans}: pay: done");
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &line(&format!("request{sent}")));
        assert_ne!(record.faas_invocation_id.as_deref(), Some(other), "{sent}\n{}", columns(&record));
        assert_eq!(record.severity_number, Some(9), "{sent}");
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &line(&format!("{lambda}request{sent}")));
        assert_eq!(record.faas_invocation_id.as_deref(), Some(own), "{sent}\n{}", columns(&record));
    }
}

/// Lambda's own sentences are its own lines: behind a logger's level they are a message, whatever call they name.
#[test]
fn a_sentence_of_the_platform_behind_a_level_fails_no_call() {
    let (own, other) = ("37a788d1-0676-4832-ae70-4245a4ff91e3", "11111111-2222-4333-8444-555555555555");
    for sentence in [
        format!("RequestId: {other} Error: Runtime exited with error: exit status 1"),
        format!("2026-11-21T08:42:53.000Z {other} Task timed out after 3.00 seconds"),
        format!("REPORT RequestId: {other}\tDuration: 1.00 ms\tStatus: timeout"),
    ] {
        for head in [
            format!("[INFO]\t2026-11-21T08:42:53.000Z\t{own}\t"),
            format!("2026-11-21T08:42:53.000Z\t{own}\tINFO\t"),
            "2026-11-21 08:42:53,429 INFO ".to_owned(),
        ] {
            let record = one(EDGE_GROUP, LAMBDA_STREAM, &format!("{head}{sentence}"));
            assert_ne!(record.faas_invocation_id.as_deref(), Some(other), "{head}{sentence}");
            assert_eq!((&record.status_code, record.severity_number), (&None, Some(9)), "{head}{sentence}");
        }
    }
}

/// A level that a logger states outranks the record, the pairs and the brackets behind it.
#[test]
fn what_stands_behind_a_level_raises_none() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    let pairs = "level=error status=500 service=payments service_version=6.6.6 msg=evil";
    let brackets = "[trace_id=6b01598d3e7fb97bfcc1c0c8b0cdf20a resource.service.name=payments] x";
    let record = r#"{"level":"FATAL","message":"x"}"#;
    for head in [
        format!("[INFO]\t2026-11-21T08:42:53.000Z\t{id}\t"),
        "2026-11-21 08:42:53,429 INFO ".to_owned(),
        "2026-11-21 08:42:53,429 - edge - INFO - ".to_owned(),
        "08:42:53.429 [main] INFO com.acme.Edge - ".to_owned(),
    ] {
        for text in [pairs, brackets, record] {
            for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
                let line = format!("{head}{text}");
                let found = one(group, stream, &line);
                assert_eq!(
                    (found.severity_number, &found.service_name),
                    (Some(9), &None),
                    "{line}\n{}",
                    columns(&found)
                );
                assert_eq!(found.http_response_status_code, None, "{line}");
            }
        }
    }
}

/// Objects that often hold what a client sent state columns only in the forms that keep theirs there.
#[test]
fn an_object_of_data_beside_a_message_states_nothing() {
    let forged: serde_json::Value = serde_json::from_str(FORGED).unwrap();
    for name in ["properties", "Properties", "attributes", "fields", "record", "resource", "labels", "tags", "details"]
    {
        let honest = serde_json::json!({"level": "INFO", "message": "x", "service": "edge", "timestamp": "2026-11-21T08:42:53.100Z"});
        let mut line = honest.clone();
        line[name] = forged.clone();
        line[name]["severityNumber"] = 21.into();
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            check(group, stream, &honest.to_string(), &line.to_string());
        }
    }
}

/// What a thread carries may come from a request: ids are, and a service is not.
#[test]
fn what_a_thread_carries_names_no_service() {
    for name in ["mdc", "contextMap"] {
        let line = serde_json::json!({"level": "INFO", "message": "x", "timestamp": "2026-11-21T08:42:53.100Z", name: {
            "service": "payments", "service_version": "1.4.2", "release": "1.4.2", "correlationId": "c-1",
            "dd.service": "payments", "dd": {"version": "1.4.2"},
        }});
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            let record = one(group, stream, &line.to_string());
            assert_eq!((&record.service_name, &record.service_version), (&None, &None), "{line}");
            assert_eq!(record.correlation_id.as_deref(), Some("c-1"), "{line}");
        }
    }
}

/// A name that holds a request is no request: which of the two is the server's, nobody can tell.
#[test]
fn two_requests_on_an_access_line_are_none() {
    let line = r#"1.2.3.4 - x [21/Nov/2026:08:42:53 +0000] "POST /evil HTTP/1.1" 599 12 [21/Nov/2026:08:42:53 +0000] "GET /x HTTP/1.1" 200 12"#;
    let record = one("/ecs/edge", "edge/app/0123456789", line);
    assert_eq!((record.http_response_status_code, &record.url_path), (None, &None));
}

/// A stream that is named after a version is not shared by several calls because a line says so.
#[test]
fn a_line_does_not_share_its_stream() {
    for line in [
        "START RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Version: $LATEST.PUBLISHED",
        r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.start","record":{"requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","version":"$LATEST.PUBLISHED"}}"#,
    ] {
        assert_eq!(one(EDGE_GROUP, LAMBDA_STREAM, line).faas_version.as_deref(), Some("8"), "{line}");
    }
}

/// A row that says by which rate it was kept counts for as many as it stands for, and only the forwarder knows.
#[test]
fn nobody_logs_a_sample_rate() {
    for line in [
        r#"{"level":"INFO","time":"2026-11-21T08:41:00Z","message":"m","transect.sample_rate":1e-9}"#,
        r#"{"transect.sample_rate":1e-9}"#,
        "level=info msg=m transect.sample_rate=1e-9",
        r#"2026-11-21T08:41:00.000Z	11111111-2222-4333-8444-555555555555	INFO	m {"transect.sample_rate":1e-9}"#,
    ] {
        let attributes = one(EDGE_GROUP, "2026/11/21/[7]abc", line).attributes.unwrap_or_default().into_owned();
        assert_eq!(transect_schema::sample_rate(&attributes), None, "{attributes}");
    }
}

/// Java's runtime writes the message of an error that nobody caught at the start of the line, and a stranger may choose it.
#[test]
fn the_message_of_javas_report_is_read_as_nothing_else() {
    let other = "11111111-2222-4333-8444-555555555555";
    let kind = "java.lang.IllegalArgumentException";
    for sent in [
        FORGED,
        "{\"message\":\"bad\",\"status\":400}",
        "[INFO] fine",
        "DEBUG x",
        "WARN: odd input",
        "[main] DEBUG a.b.C - x",
        "I1121 08:42:53.429000 1 a.go:9] x",
        "2026-11-21T08:42:53.429Z INFO fine",
        &format!("2026-11-21T08:42:53.429Z\t{other}\tINFO\tx"),
        &format!("[INFO]\t2026-11-21T08:42:53.429Z\t{other}\tx"),
        &format!("REPORT RequestId: {other}\tDuration: 1.00 ms\tStatus: success"),
        &format!("START RequestId: {other} Version: 9"),
        &format!("END RequestId: {other}"),
        &format!("RequestId: {other} Error: Runtime exited with error: x"),
        &format!("2026-11-21T08:42:53.429Z {other} Task timed out after 3.00 seconds"),
        "INIT_START Runtime Version: x",
        "EXTENSION\tName: x\tState: Ready",
        r#"{"time":"2026-11-21T08:42:53.429Z","type":"platform.start","record":{"requestId":"11111111-2222-4333-8444-555555555555"}}"#,
        "Traceback (most recent call last):\n  File \"x\", line 1, in y\nKeyError: 1",
        "panic: boom",
        "com.evil.Fake: x\n\tat a.b.C(D.java:1)",
        "a: b.C\nb.C: a",
        "java.lang.IllegalArgumentException",
        "java.lang.IllegalArgumentException: x",
        "level=info msg=x",
        "é ",
        " x",
    ] {
        for stack in ["\n\tat com.acme.Pay.charge(Pay.java:31)\nCaused by: a.B: x\n\t... 2 more\n\n", "\n\n"] {
            let line = format!("{sent}: {kind}\n{kind}: {sent}{stack}");
            let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
            assert_eq!(record.exception_type.as_deref(), Some(kind), "{line}\n{}", columns(&record));
            assert_eq!(record.exception_message.as_deref(), Some(sent.trim()), "{line}");
            assert_eq!(record.event_name.as_deref(), Some("exception"), "{line}");
            let honest = format!("x: {kind}\n{kind}: x{stack}");
            check(EDGE_GROUP, LAMBDA_STREAM, &honest, &line);
        }
    }
    for kind in ["java.lang.NullPointerException", "java.lang.StackOverflowError", "CardException"] {
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &format!("{kind}: {kind}\n{kind}\n\tat a.B.c(B.java:1)\n\n"));
        assert_eq!((record.severity_number, record.exception_type.as_deref()), (Some(17), Some(kind)));
        assert_eq!(record.exception_message, None, "{kind}");
    }
}

/// Another thing that somebody calls `level` erases none that was stated, on whichever side of it it stands.
#[test]
fn a_level_that_is_none_erases_none() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    for none in ["3", "0", "99", "2.5", "\"high\"", "\"gold\"", "\"\"", "null", "[1]", "{\"a\":1}"] {
        let own = format!(r#"{{"message":"refused","level":{none}}}"#);
        for line in [
            format!("2026-11-21T08:42:53.429Z\t{id}\tERROR\t{own}"),
            format!("[ERROR]\t2026-11-21T08:42:53.429Z\t{id}\t{own}"),
            format!(r#"{{"timestamp":"2026-11-21T08:42:53.429Z","level":"ERROR","requestId":"{id}","message":{own}}}"#),
            format!(
                r#"{{"timestamp":"2026-11-21T08:42:53.429Z","level":"ERROR","requestId":"{id}","message":{{"errorType":"XmlError","errorMessage":"bad","stackTrace":["XmlError: bad"],"level":{none}}}}}"#
            ),
            format!(r#"{{"level":{none},"severity":"ERROR","message":"x"}}"#),
            format!(r#"{{"severity":"ERROR","level":{none},"message":"x"}}"#),
            format!(r#"{{"level":{none},"severityNumber":17,"message":"x"}}"#),
            format!(r#"{{"severityNumber":17,"level":{none},"message":"x"}}"#),
            r#"{"levelname":"high","levelno":40,"message":"x"}"#.to_owned(),
            r#"{"levelno":40,"levelname":"high","message":"x"}"#.to_owned(),
        ] {
            let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
            assert_eq!(record.severity_number, Some(17), "{line}\n{}", columns(&record));
        }
    }
    // Where nothing else is one, the word is kept.
    let record = one(EDGE_GROUP, LAMBDA_STREAM, r#"{"level":"high","message":"x"}"#);
    assert_eq!((record.severity_number, record.severity_text.as_deref()), (None, Some("high")));
}

/// A task has a `status` and a ticket a `priority`: they are levels in one format each, and there beside no other level.
#[test]
fn a_status_and_a_priority_are_no_levels() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    for own in [
        r#""status":"error""#,
        r#""status":"critical""#,
        r#""status":"success""#,
        r#""priority":"critical""#,
        r#""priority":"3""#,
        r#""priority":50"#,
        r#""priority":500"#,
        r#""res":{"status":"error"}"#,
        r#""PRIORITY":"critical","MESSAGE":"m""#,
        r#""PRIORITY":50,"MESSAGE":"m""#,
    ] {
        let own = format!(r#"{{"message":"import finished",{own}}}"#);
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            let timed = own.replace('}', r#","timestamp":"2026-11-21T08:42:53.000Z"}"#);
            for line in [&own, &timed] {
                assert_eq!(one(group, stream, line).severity_number, None, "{line}");
            }
        }
        for (level, number) in [("INFO", 9), ("ERROR", 17)] {
            for line in [
                format!("2026-11-21T08:42:53.429Z\t{id}\t{level}\t{own}"),
                format!(
                    r#"{{"timestamp":"2026-11-21T08:42:53.429Z","level":"{level}","requestId":"{id}","message":{own}}}"#
                ),
                own.replacen('{', &format!(r#"{{"level":"{level}","service":"edge","#), 1),
                own.replacen('{', &format!(r#"{{"service":"edge","severity":"{level}","#), 1),
            ] {
                let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
                assert_eq!(record.severity_number, Some(number), "{line}\n{}", columns(&record));
            }
        }
    }
}

/// Places that one logger has for its level and its time mean something else in the record of any other.
#[test]
fn the_places_of_one_logger_are_no_others() {
    for beside in [
        r#""_meta":{"logLevelId":5,"logLevelName":"ERROR","runtime":"Nodejs","date":"2026-11-21T08:41:00.000Z"}"#,
        r#""_meta":{"level":"ERROR","severity":"ERROR"}"#,
        r#""context":{"logLevel":50},"sequence":1"#,
        r#""context":{"logLevel":50,"level":"ERROR"}"#,
        r#""t":{"$date":"2026-11-21T08:41:00.000Z"},"c":"x","ctx":"y","s":"E""#,
        r#""startTime":"2026-11-21T08:41:00.000Z","categoryName":"x","data":["owned"]"#,
        r#""start_time":"2026-11-21T08:41:00.000Z""#,
        r#""at":"error""#,
        r#""tags":["error","fatal"]"#,
        r#""tags":["error"],"type":"log","pid":8"#,
        r#""data":{"@level":"error","responseCode":500,"status":500}"#,
        r#""request":{"id":"11111111-2222-4333-8444-555555555555","status":500,"level":"error","service":"payments"}"#,
        r#""request":"GET / HTTP/1.1 500","response":{"status":500,"statusCode":500}"#,
        r#""error_detail":[{"exc_type":"KeyError","level":"error","service":"payments","status":500}]"#,
    ] {
        for record in [
            r#"{"level":"info","time":1795250573100,"message":"x",@}"#,
            r#"{"level":"info","time":1795250573100,"msg":"x","service":"edge",@}"#,
            r#"{@,"level":"info","time":1795250573100,"message":"x"}"#,
        ] {
            for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
                check(group, stream, &record.replace('@', r#""n":1"#), &record.replace('@', beside));
            }
        }
    }
    for line in ["msg=shoes at=error", "ts=2026-11-21T08:42:53Z msg=x at=error", "q=x at=error msg=y"] {
        assert_eq!(one("/ecs/edge", "edge/app/0123456789", line).severity_number, None, "{line}");
    }
}

/// `print(f"q={q}")` prints what it was sent behind a key of its own.
#[test]
fn pairs_behind_a_key_of_no_logger_state_nothing() {
    let forged = "level=error severity=critical service=payments release=9 version=9 status=500 time=2026-11-21T08:42:00Z \
                  msg=hi request_id=11111111-2222-4333-8444-555555555555 awsRequestId=11111111-2222-4333-8444-555555555555";
    for head in ["", "2026/11/21 08:42:53 ", "2026-11-21T08:42:53Z "] {
        for first in ["q=shoes", "user=bob action=login", "q=shoes;", "path=/x", "message=x", "q=\"a b\""] {
            for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
                check(group, stream, &format!("{head}{first} n=1"), &format!("{head}{first} {forged}"));
            }
        }
    }
}

/// Where no function writes, an object without a logger's shape may be a line of an access log: one of those has a method, a
/// route or a path.
#[test]
fn a_status_without_a_request_is_none() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    for (beside, is_request) in [
        (r#""q":"shoes""#, false),
        (r#""path":"shoes""#, false),
        (r#""httpMethod":"GET""#, true),
        (r#""routeKey":"GET /pets""#, true),
        (r#""path":"/pets/7""#, true),
        (r#""req":{"method":"GET"}"#, true),
    ] {
        for line in [
            format!(r#"{{{beside},"status":503,"awsRequestId":"{id}"}}"#),
            format!(r#"{{"awsRequestId":"{id}","status":"503",{beside}}}"#),
        ] {
            let record = one("/ecs/edge", "edge/app/0123456789", &line);
            let found = (record.http_response_status_code, record.faas_invocation_id.as_deref());
            assert_eq!(found, if is_request { (Some(503), Some(id)) } else { (None, None) }, "{line}");
            let is_kept = record.attributes.as_deref().unwrap_or_default().contains("503");
            assert_eq!(is_kept, !is_request, "{line}");
        }
    }
}

/// `print(f"{body} is invalid")` begins with what a stranger sent.
#[test]
fn an_object_that_begins_a_sentence_states_nothing() {
    for behind in [" is invalid", ": bad input", ", retrying", "\nis invalid", " {is invalid", " [1]", "\r\n\r\nx"] {
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            check(group, stream, &format!("x{behind}"), &format!("{FORGED}{behind}"));
            let record = one(group, stream, &format!("{FORGED}{behind}"));
            assert!(record.body.as_deref().is_some_and(|body| body.starts_with('{')), "{behind:?}");
        }
    }
}

/// `print(json.dumps(event["body"]))` writes a stranger's JSON as a JSON string. Nothing carries a function's lines.
#[test]
fn a_line_that_was_encoded_twice_states_nothing_in_a_functions_stream() {
    let line = serde_json::Value::from(FORGED).to_string();
    check(EDGE_GROUP, LAMBDA_STREAM, "x", &line);
    assert_eq!(one(EDGE_GROUP, LAMBDA_STREAM, &line).body.as_deref(), Some(&*line));
    assert_eq!(one("/ecs/edge", "edge/app/0123456789", &line).body.as_deref(), Some("owned"));
}

/// An error that a program tells of is not one that nobody caught.
#[test]
fn an_error_that_was_handled_fails_no_call() {
    let report = r#"{"errorMessage":"boom","errorType":"errorString"}"#;
    let within = serde_json::Value::from(report).to_string();
    for line in [
        r#"2026/11/21 08:42:53 {"order":"o-7","error":{"type":"Retry","message":"later"}}"#.to_owned(),
        r#"2026/11/21 08:42:53 {"msg":"upstream answered","errorType":"Throttled","attempt":2}"#.to_owned(),
        r#"2026-11-21T08:42:53.429Z {"user":"bob","exception":{"type":"Retry","message":"later"}}"#.to_owned(),
        r#"2026/11/21 08:42:53 {"q":"shoes","errorType":"evil"}"#.to_owned(),
        r#"{"errorMessage":"boom","errorType":"errorString","requestId":"1"}"#.to_owned(),
        r#"{"errorType":"errorString","errorMessage":"boom"}"#.to_owned(),
        r#"{"errorMessage":"boom"}"#.to_owned(),
        format!("downstream said {report}"),
        format!("2026/11/21 08:42:53 downstream said {report}"),
        format!("2026/11/21 08:42:53 q 2026/11/21 08:42:53 {report}"),
        format!("q\n2026/11/21 08:42:53 {report}"),
        format!(r#"{report} came back"#),
        format!(r#"{{"time":"2026-11-21T08:42:53Z","level":"DEBUG","msg":{within}}}"#),
        format!(r#"{{"time":"2026-11-21T08:42:53Z","level":"INFO","order":"o-7","msg":{within}}}"#),
        format!(r#"{{"time":"2026-11-21T08:42:53Z","level":"INFO","msg":"said {}}}"#, &within[1..]),
    ] {
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
        assert!(record.severity_number.is_none_or(|number| number <= 9), "{line}\n{}", columns(&record));
    }
    for line in [report.to_owned(), format!(r#"{{"level":"INFO","msg":{within}}}"#)] {
        let record = one("/ecs/edge", "edge/app/0123456789", &line);
        assert!(record.severity_number.is_none_or(|number| number <= 9), "{line}\n{}", columns(&record));
    }
}

/// An error has the properties that a program or a service gave it, and may be called like a logger's.
#[test]
fn the_properties_of_an_error_state_nothing() {
    let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
    let properties = &FORGED[1..FORGED.len() - 1];
    let with = |more: &str, stack: &str| {
        format!(r#"{{"errorType":"ApiError","errorMessage":"refused",{more}"{stack}":["ApiError: refused"]}}"#)
    };
    let heads = [
        (format!("2026-11-21T08:42:52.101Z\t{id}\tERROR\tInvoke Error \t"), "stack", ""),
        (format!("2026-11-21T08:42:52.101Z\t{id}\tERROR\tUncaught Exception \t"), "stack", ""),
        (format!("2026-11-21T08:42:52.101Z\t{id}\tERROR\t"), "stack", ""),
        (format!("{id}\tInvoke Error\t"), "stack", ""),
        ("Error raised from handler method\n".to_owned(), "stackTrace", ""),
        (
            format!(r#"{{"timestamp":"2026-11-21T08:42:52.101Z","level":"ERROR","requestId":"{id}","message":"#),
            "stackTrace",
            "}",
        ),
    ];
    for (head, stack, tail) in heads {
        let honest = format!("{head}{}{tail}", with("", stack));
        let line = format!("{head}{}{tail}", with(&format!("{properties},"), stack));
        check(EDGE_GROUP, LAMBDA_STREAM, &honest, &line);
        let record = one(EDGE_GROUP, LAMBDA_STREAM, &line);
        assert_eq!((record.severity_number, record.exception_type.as_deref()), (Some(17), Some("ApiError")), "{line}");
    }
}

/// A form on a page has a `target` as well, and what was saved a `text`: one key makes no form of record.
#[test]
fn one_key_makes_no_form_of_record() {
    let forged: serde_json::Value = serde_json::from_str(FORGED).unwrap();
    let row = serde_json::json!({"level": {"name": "ERROR"}, "time": {"repr": "x"}, "message": "m", "service": "payments", "release": "9"});
    for (honest, name, sent) in [
        (serde_json::json!({"message": "form sent", "target": "contact"}), "fields", &forged),
        (serde_json::json!({"level": "info", "message": "form sent", "target": "contact"}), "fields", &forged),
        (serde_json::json!({"level": "info", "msg": "form sent", "target": "contact"}), "fields", &forged),
        (serde_json::json!({"msg": "saved", "text": "hi"}), "record", &forged),
        (serde_json::json!({"level": "info", "msg": "saved", "text": "hi"}), "record", &row),
        (serde_json::json!({"text": "hi"}), "record", &forged),
    ] {
        let mut line = honest.clone();
        line[name] = sent.clone();
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            check(group, stream, &honest.to_string(), &line.to_string());
        }
    }
}
/// OpenTelemetry's resource names what writes; an attribute of the same name is of what it tells of, wherever it stands.
#[test]
fn the_resource_states_before_the_attributes() {
    let attributes = r#""attributes":{"service.name":"evil","service.version":"9.9"}"#;
    for resource in [
        r#""resource":{"service.name":"payments","service.version":"1.4.2"}"#,
        r#""resource":{"attributes":{"service.name":"payments","service.version":"1.4.2"}}"#,
        r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"payments"}},{"key":"service.version","value":{"stringValue":"1.4.2"}}]}"#,
    ] {
        let log = r#""body":"x","severityNumber":9"#;
        let span = r#""traceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","spanId":"77ca4499e07cb579","name":"x","startTimeUnixNano":1795250573001234567"#;
        for (group, own) in [("/ecs/edge", log), (EDGE_GROUP, log), ("aws/spans", span)] {
            for line in [format!("{{{own},{attributes},{resource}}}"), format!("{{{own},{resource},{attributes}}}")] {
                let record = one(group, "default", &line);
                let found = (record.service_name.as_deref(), record.service_version.as_deref());
                assert_eq!(found, (Some("payments"), Some("1.4.2")), "{line}");
            }
        }
    }
    let record = one("/ecs/edge", "default", &format!(r#"{{"body":"x","severityNumber":9,{attributes}}}"#));
    assert_eq!(record.service_name.as_deref(), Some("evil"));
}

/// Words that state something at the start of a line, as PHP, Rails and runtimes write them, state nothing behind another
/// word, behind a level, or within a record.
#[test]
fn words_of_servers_and_runtimes_behind_a_word_state_nothing() {
    for words in [
        "[21-Nov-2026 08:42:53] WARNING: [pool www] child 7 said into stderr: \"ERROR x\"",
        "NOTICE: PHP message: PHP Fatal error:  Uncaught XError: x in /a.php:1",
        "Completed 502 Bad Gateway in 12ms",
        "thread 1 panic: x",
        "Fatal error: exception Failure(\"x\")",
        "Unhandled exception: x (XError)\n  from a.cr:1",
        "<Nov 21, 2026 8:42:53,429 AM UTC> <Error> <HTTP> <BEA-1> <x>",
        "[ERROR:a.cc(41)] x",
        "1795250573429 ERROR x",
    ] {
        for (group, stream) in [(EDGE_GROUP, LAMBDA_STREAM), ("/ecs/edge", "edge/app/0123456789")] {
            for (before, level) in [
                ("agent: ", None),
                ("agent ", None),
                ("INFO agent ", Some(9)),
                ("2026-11-21 08:42:53,429 INFO ", Some(9)),
                ("2026-11-21T08:42:53.429Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tINFO\t", Some(9)),
                ("[INFO]\t2026-11-21T08:42:53.429Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\t", Some(9)),
            ] {
                let record = one(group, stream, &format!("{before}{words}"));
                assert_eq!(record.severity_number, level, "{before}{words}");
                assert_eq!(record.http_response_status_code, None, "{before}{words}");
            }
            let record = one(group, stream, &serde_json::json!({"level": "info", "msg": words}).to_string());
            assert_eq!((record.severity_number, record.http_response_status_code), (Some(9), None), "{words}");
        }
    }
}
