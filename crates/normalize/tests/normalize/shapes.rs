//! Lines that are nearly JSON, lines that something else carries, and records of AWS's own services: a table of line and
//! what its columns hold.

use super::*;

const FUNCTION: (&str, &str) = (LAMBDA_GROUP, LAMBDA_STREAM);
const CONTAINER: (&str, &str) = ("/ecs/app", "app/1");

fn all(place: (&str, &str), line: &str) -> Vec<Record<'static>> {
    records_of(document(place.0, place.1, &[line]).as_bytes(), &Options::default()).0
}

/// Every line of `expected` is a line of the record's columns; `-name` says that the column is empty.
fn check(place: (&str, &str), line: &str, expected: &[&str]) {
    let record = all(place, line).remove(0);
    let columns = columns(&record);
    for wanted in expected {
        let holds = match wanted.strip_prefix('-') {
            Some(absent) => !columns.lines().any(|column| column.starts_with(&format!("{absent} = "))),
            None => columns.lines().any(|column| column == *wanted),
        };
        assert!(holds, "{wanted:?} of\n{line}\n{columns}");
    }
}

#[test]
fn json_that_is_nearly_json() {
    check(
        FUNCTION,
        r#"{"level":"ERROR","message":"drift","service":"payments","score":NaN,"limit":-Infinity,"deep":{"a":[NaN]}}"#,
        &[
            "severity_number = 17",
            "body = drift",
            "service_name = payments",
            r#"attributes = {"score":"NaN","limit":"-Infinity","deep":{"a":["NaN"]}}"#,
        ],
    );
    check(CONTAINER, "\u{feff}{\"level\":\"error\",\"message\":\"x\"}", &["severity_number = 17", "body = x"]);
    check(CONTAINER, " \t{\"level\":\"error\",\"message\":\"x\"} \n", &["severity_number = 17", "body = x"]);
    // Cut off: what stands whole before the cut counts, and all of it stays.
    check(
        CONTAINER,
        r#"{"level":"error","correlation_id":"c-1","message":"charge ref"#,
        &[
            "severity_number = 17",
            "correlation_id = c-1",
            r#"body = {"level":"error","correlation_id":"c-1","message":"charge ref"#,
        ],
    );
    // Encoded twice.
    check(
        CONTAINER,
        r#""{\"level\":\"error\",\"message\":\"x\",\"n\":1}""#,
        &["severity_number = 17", "body = x", r#"attributes = {"n":1}"#],
    );
    // An object and a stack.
    check(
        CONTAINER,
        "{\"level\":\"error\",\"message\":\"x\"}\nSystem.InvalidOperationException: card is expired\n   at Pay.Worker.Run()\n",
        &[
            "severity_number = 17",
            "body = x",
            "exception_type = System.InvalidOperationException",
            "exception_message = card is expired",
            "event_name = exception",
        ],
    );
    check(
        CONTAINER,
        r#"{"level":"info","message":"x"} trailing words"#,
        &[r#"body = {"level":"info","message":"x"} trailing words"#, "-severity_number", "-attributes"],
    );
    check(CONTAINER, "{} of 3 done", &["body = {} of 3 done"]);
    check(CONTAINER, "{0} is no object", &["body = {0} is no object"]);
}

#[test]
fn two_objects_on_a_line_are_two_rows() {
    for between in ["", " ", "\n", ","] {
        let line = format!(r#"{{"level":"info","message":"a"}}{between}{{"level":"error","message":"b"}}"#);
        let records = all(CONTAINER, &line);
        if between == "," {
            assert_eq!(records.len(), 1);
            continue;
        }
        let told: Vec<_> =
            records.iter().map(|record| (&*record.event_id, record.body.as_deref(), record.severity_number)).collect();
        assert_eq!(told, [("e0", Some("a"), Some(9)), ("e0/1", Some("b"), Some(17))], "{line}");
    }
    // Rows stay a small multiple of the line.
    let many = all(CONTAINER, &r#"{"msg":""}"#.repeat(100_000));
    assert!(many.len() <= 70);
    let kept: usize = many
        .iter()
        .map(|record| record.body.as_deref().map_or(0, str::len) + record.attributes.as_deref().map_or(0, str::len))
        .sum();
    assert!(kept > 900_000, "{kept}");
}

#[test]
fn what_only_carries_a_line() {
    let inner = r#"{"level":"error","msg":"x","service":"payments","time":"2026-11-21T08:42:53.429Z"}"#;
    let quoted = serde_json::json!(format!("{inner}\n")).to_string();
    let expected = ["severity_number = 17", "body = x", "service_name = payments", "time_unix_nano = +429000000"];
    for line in [
        format!(r#"{{"log":{quoted},"stream":"stdout","time":"2026-11-21T08:42:53.500Z"}}"#),
        format!(
            r#"{{"source":"stdout","log":{quoted},"container_id":"1a","container_name":"app","ecs_cluster":"shop","ecs_task_arn":"arn:aws:ecs:us-east-2:1:task/1","ecs_task_definition":"app:3"}}"#
        ),
        format!(r#"{{"log":{quoted},"stream":"stderr","kubernetes":{{"pod_name":"p","labels":{{"app":"a"}}}}}}"#),
        format!(r#"{{"log":{inner},"kubernetes":{{"pod_name":"p"}}}}"#),
        format!(r#"{{"message":{quoted},"kubernetes":{{"pod_name":"p"}},"timestamp":"2026-11-21T08:42:53.500Z"}}"#),
        // Vector's docker_logs, Fluentd with the metadata of Docker, Filebeat, Promtail's JSON stage.
        format!(
            r#"{{"container_id":"1a","container_name":"app","image":"app:3","message":{quoted},"stream":"stderr","timestamp":"2026-11-21T08:42:53.500Z","source_type":"docker_logs"}}"#
        ),
        format!(r#"{{"message":{quoted},"stream":"stdout","docker":{{"container_id":"1a"}}}}"#),
        format!(
            r#"{{"@timestamp":"2026-11-21T08:42:53.500Z","stream":"stdout","message":{quoted},"log":{{"file":{{"path":"/var/log/containers/a.log"}},"offset":3}},"container":{{"id":"1a"}}}}"#
        ),
        format!(r#"{{"stream":"stderr","_p":"F","message":{quoted}}}"#),
        format!("2026-11-21T08:42:53.500000001Z stdout F {inner}"),
        format!("2026-11-21T08:42:53.500000001Z stderr P {inner}"),
    ] {
        check(CONTAINER, &line, &expected);
        if line.contains("pod_name") {
            assert!(all(CONTAINER, &line)[0].attributes.as_deref().unwrap().contains(r#""pod_name":"p""#), "{line}");
        }
    }
    // The carrier's time fills what the record leaves open.
    check(
        CONTAINER,
        r#"{"log":"plain words\n","stream":"stdout","time":"2026-11-21T08:42:53.500Z"}"#,
        &["body = plain words", "time_unix_nano = +500000000"],
    );
    check(CONTAINER, "2026-11-21T08:42:53.500Z stderr F ERROR no stock", &["severity_number = 17"]);
    check(
        CONTAINER,
        r#"{"message":"2026-11-21 08:42:53,429 ERROR no stock","stream":"stdout","docker":{"container_id":"1a"}}"#,
        &["severity_number = 17"],
    );
    // PHP's process manager, in functions too, whose level counts where the line has none.
    let fpm = |line: &str| format!("[21-Nov-2026 08:42:53] WARNING: [pool www] child 7 said into stderr: \"{line}\"\n");
    for place in [CONTAINER, FUNCTION] {
        check(place, &fpm(inner), &expected);
        check(
            place,
            &fpm("NOTICE: PHP message: PHP Fatal error:  Uncaught RuntimeException: boom in /app/index.php:9"),
            &["severity_number = 17", "exception_type = RuntimeException", "exception_message = boom"],
        );
        check(
            place,
            &fpm("hello"),
            &[
                "severity_number = 13",
                "severity_text = WARNING",
                "body = hello",
                r#"attributes = {"pool":"www","child":7,"stream":"stderr"}"#,
            ],
        );
        check(
            place,
            &fpm("INFO hello").replace("\"\n", "\", pipe is closed"),
            &["severity_number = 9", "body = INFO hello"],
        );
        let secret = fpm("x").replace("www", "AKIAIOSFODNN7EXAMPLE");
        assert!(!columns(&all(place, &secret)[0]).contains("AKIAIOSFODNN7EXAMPLE"), "{secret}");
        let report = fpm("REPORT RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 Duration: 1.00 ms Status: timeout");
        check(place, &report, &["-event_name", "-status_code", "-faas_invocation_id"]);
        for line in [
            "[21-Nov-2026 08:42:53] NOTICE: ready to handle connections",
            "[21-Nov-2026 08:42:53] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 3.2 seconds from start",
            "[21-Nov-2026 08:42:53] ALERT: [pool www] child 7 said into stderr: \"x\"",
            "[21-Nov-2026 08:42:53] WARNING: [pool a b] child 7 said into stderr: \"x\"",
            "[21-Nov-2026 08:42:53] WARNING: [pool www] child x said into stderr: \"x\"",
            "[21-Nov-2026 08:42:53] WARNING: [pool www] child 7 said into stderr: \"x",
            "[é] WARNING: [pool www] child 7 said into stderr: \"x\"",
        ] {
            check(
                place,
                line,
                &[&format!("body = {}", line.escape_debug().to_string().replace("\\\"", "\"")), "-attributes"],
            );
        }
    }
    // A logger's record carries nothing, whatever it calls its fields.
    for beside in [r#""level":"info""#, r#""msg":"saved""#, r#""message":"saved""#, r#""lvl":"info","docker":{}"#] {
        let line = format!(r#"{{{beside},"stream":"stdout","log":{quoted}}}"#);
        let record = &all(CONTAINER, &line)[0];
        assert_ne!(record.severity_number, Some(17), "{line}");
        assert_eq!(record.service_name, None, "{line}");
    }
    check(
        CONTAINER,
        r#"{"log":{"level":"error"},"message":"no stock","stream":"stdout"}"#,
        &["severity_number = 17", "body = no stock"],
    );
    let line = format!(r#"{{"message":{quoted},"container_id":"1a"}}"#);
    check(CONTAINER, &line, &["-severity_number", "-service_name"]);
    // No carrier stands before a function's stream.
    let line = format!(r#"{{"log":{quoted},"stream":"stdout"}}"#);
    check(FUNCTION, &line, &["-severity_number", "-service_name"]);
}

#[test]
fn levels_by_number_and_by_name() {
    for (line, number) in [
        (
            r#"{"message":"m","level":400,"level_name":"ERROR","channel":"app","datetime":"2026-11-21T08:42:53+00:00"}"#,
            17,
        ),
        (r#"{"message":"m","level":300,"channel":"app","datetime":"2026-11-21T08:42:53+00:00"}"#, 13),
        (r#"{"version":"1.1","host":"h","short_message":"m","level":3}"#, 17),
        (r#"{"level":50,"time":1795250573429,"pid":8,"hostname":"h","msg":"m"}"#, 17),
        (r#"{"levelno":40,"message":"m"}"#, 17),
        // A word that is no level gives way to one, whichever stands first.
        (r#"{"status":"error","level":"high","dd":{"a":1},"message":"m"}"#, 17),
        (r#"{"level":"high","status":"error","dd":{"a":1},"message":"m"}"#, 17),
        (
            r#"{"text":"t","record":{"level":{"icon":"x","name":"WARNING","no":30},"message":"m","time":{"repr":"2026-11-21 08:42:53.429000+00:00","timestamp":1795250573.429}}}"#,
            13,
        ),
        (r#"{"@t":"2026-11-21T08:42:53.4290000Z","@mt":"Order {OrderId}","OrderId":"o-7"}"#, 9),
        (r#"{"@t":"2026-11-21T08:42:53.4290000Z","@mt":"Order {OrderId}","@l":"Fatal"}"#, 21),
        ("{\"level\":\"\\u001b[31merror\\u001b[39m\",\"message\":\"m\"}", 17),
        (r#"{"log":{"level":"warn","logger":"a"},"message":"m"}"#, 13),
        (r#"{"status":"error","message":"m","ddsource":"java"}"#, 17),
        (r#"{"status":"error","message":"m","service":"payments"}"#, 17),
        (r#"{"message":"m","status":"error","dd.trace_id":"1"}"#, 17),
        (r#"{"MESSAGE":"m","PRIORITY":"3","SYSLOG_IDENTIFIER":"sshd"}"#, 17),
        (r#"{"PRIORITY":"6","__REALTIME_TIMESTAMP":"1795250573429000","MESSAGE":"m"}"#, 9),
        // CockroachDB's JSON, absl's `levelname`.
        (r#"{"severity":"E","timestamp":"1795250573.429000000","message":"m"}"#, 17),
        (r#"{"levelname":"W","message":"m"}"#, 13),
        (r#"{"level":"A","message":"m","severity":"info"}"#, 9),
    ] {
        check(CONTAINER, line, &[&format!("severity_number = {number}")]);
    }
}

/// Loggers that have keys of their own for level, time and message.
#[test]
fn loggers_with_places_of_their_own() {
    for (line, number, body) in [
        // hclog (Vault, Consul, Nomad, Terraform).
        (
            r#"{"@level":"error","@message":"boom","@module":"vault.core","@timestamp":"2026-11-21T08:42:53.429000Z"}"#,
            17,
            "boom",
        ),
        (
            r#"{"@level":"warn","@message":"boom","@module":"terraform.ui","@timestamp":"2026-11-21T08:42:53.429000Z","type":"diagnostic"}"#,
            13,
            "boom",
        ),
        // tslog.
        (
            r#"{"0":"boom","_meta":{"runtime":"Nodejs","hostname":"h","date":"2026-11-21T08:42:53.429Z","logLevelId":5,"logLevelName":"ERROR","path":{}}}"#,
            17,
            "boom",
        ),
        // log4js.
        (
            r#"{"startTime":"2026-11-21T08:42:53.429Z","categoryName":"default","data":["boom","o-7"],"level":{"level":40000,"levelStr":"ERROR","colour":"red"},"context":{},"pid":8}"#,
            17,
            "boom o-7",
        ),
        // Roarr.
        (
            r#"{"context":{"logLevel":50,"package":"pay"},"message":"boom","sequence":"0","time":1795250573429,"version":"2.0.0"}"#,
            17,
            "boom",
        ),
        // MongoDB.
        (
            r#"{"t":{"$date":"2026-11-21T08:42:53.429+00:00"},"s":"E","c":"NETWORK","id":22943,"ctx":"listener","msg":"boom"}"#,
            17,
            "boom",
        ),
        (r#"{"t":{"$date":"2026-11-21T08:42:53.429Z"},"s":"D1","c":"NETWORK","id":1,"ctx":"conn1","msg":"x"}"#, 5, "x"),
        // log15 and go-ethereum.
        (r#"{"t":"2026-11-21T08:42:53.429Z","lvl":"eror","msg":"boom"}"#, 17, "boom"),
        // Kibana, whose level stands among its tags.
        (
            r#"{"type":"log","@timestamp":"2026-11-21T08:42:53.429Z","tags":["error","elasticsearch"],"pid":8,"message":"boom"}"#,
            17,
            "boom",
        ),
        (
            r#"{"type":"log","@timestamp":"2026-11-21T08:42:53.429Z","tags":["listening","info"],"pid":8,"message":"boom"}"#,
            9,
            "boom",
        ),
        (
            r#"{"type":"error","@timestamp":"2026-11-21T08:42:53.429Z","tags":["error"],"pid":8,"level":"fatal","message":"boom"}"#,
            21,
            "boom",
        ),
        // Google's fields for its logging agent.
        (r#"{"severity":"ERROR","timestamp":{"seconds":1795250573,"nanos":429000000},"message":"boom"}"#, 17, "boom"),
        // .NET's older serialisers.
        (r#"{"level":"error","message":"boom","timestamp":"\/Date(1795250573429)\/"}"#, 17, "boom"),
    ] {
        let (number, body) = (format!("severity_number = {number}"), format!("body = {body}"));
        check(CONTAINER, line, &[&number, &body, "time_unix_nano = +429000000"]);
    }
    // Airflow 3, structlog's tracebacks as dictionaries.
    check(
        CONTAINER,
        r#"{"level":"error","event":"Task failed","error_detail":[{"exc_type":"KeyError","exc_value":"'sku'","frames":[]}]}"#,
        &["exception_type = KeyError", "exception_message = 'sku'"],
    );
    // logfmter and Heroku begin with the level.
    for (line, number) in [
        (r#"at=ERROR msg="charge refused" order=o-7"#, 17),
        (r#"at=error code=H12 desc="Request timeout" method=GET path="/pets/7" status=503"#, 17),
        (r#"at=info method=GET path="/pets/7" status=200"#, 9),
    ] {
        check(CONTAINER, line, &[&format!("severity_number = {number}")]);
    }
}

/// Access logs as JSON, whatever each server calls its fields.
#[test]
fn access_logs_as_json() {
    for line in [
        // Envoy and Istio.
        r#"{"start_time":"2026-11-21T08:42:53.429Z","method":"GET","path":"/pets/7","response_code":502,"response_flags":"UF"}"#,
        // VPC Lattice.
        r#"{"eventTimestamp":"2026-11-21T08:42:53.429Z","requestMethod":"GET","requestPath":"/pets/7","responseCode":502}"#,
        // Traefik.
        r#"{"ClientAddr":"10.0.1.5:1","DownstreamStatus":502,"OriginStatus":200,"RequestMethod":"GET","RequestPath":"/pets/7","level":"info","msg":"","time":"2026-11-21T08:42:53.429Z"}"#,
        // Caddy.
        r#"{"level":"error","ts":1795250573.429,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.0.1.5","method":"GET","uri":"/pets/7"},"status":502}"#,
        // nginx, as people set it up.
        r#"{"time":"2026-11-21T08:42:53.429Z","remote_addr":"10.0.1.5","request":"GET /pets/7?x=1 HTTP/1.1","status":"502"}"#,
        r#"{"time":"2026-11-21T08:42:53.429Z","method":"GET","request":"/pets/7","protocol":"HTTP/1.1","status":"502"}"#,
        // Kong and APISIX.
        r#"{"request":{"method":"GET","uri":"/pets/7","url":"http://acme.com/pets/7"},"response":{"status":502},"latencies":{"request":12},"started_at":1795250573429}"#,
        r#"{"route_id":"1","request":{"method":"GET","uri":"/pets/7?x=1"},"response":{"status":502},"start_time":1795250573429}"#,
        // OpenTelemetry's attributes before they were renamed.
        r#"{"time":"2026-11-21T08:42:53.429Z","http":{"method":"GET","url":"https://acme.com/pets/7?x=1","status_code":502}}"#,
        // Akamai's DataStream.
        r#"{"timestamp":"1795250573.429","cliIP":"10.0.1.5","reqMethod":"GET","reqPath":"/pets/7","statusCode":"502"}"#,
    ] {
        check(
            CONTAINER,
            line,
            &[
                "http_request_method = GET",
                "url_path = /pets/7",
                "http_response_status_code = 502",
                "time_unix_nano = +429000000",
            ],
        );
    }
    for line in [
        // CloudFront's standard logs of the second version.
        r#"{"date":"2026-11-21","time":"08:42:53","c-ip":"10.0.1.5","cs-method":"GET","cs-uri-stem":"/pets/7","sc-status":"502"}"#,
        // Cloudflare's Logpush.
        r#"{"ClientIP":"10.0.1.5","ClientRequestMethod":"GET","ClientRequestPath":"/pets/7","EdgeResponseStatus":502}"#,
    ] {
        check(CONTAINER, line, &["http_request_method = GET", "url_path = /pets/7", "http_response_status_code = 502"]);
    }
    // What a program says of a call of its own is no answer of its own.
    for line in [
        r#"{"level":"info","msg":"upstream answered","response":{"status":503,"statusCode":503}}"#,
        r#"{"level":"info","msg":"x","request":"/pets/7"}"#,
        r#"{"level":"info","msg":"x","request":"GET me a coffee"}"#,
    ] {
        check(CONTAINER, line, &["-http_response_status_code", "-http_request_method", "-url_path"]);
    }
}

/// Rails says of a request what was asked when it begins, and what was answered when it ends.
#[test]
fn lines_that_tell_of_a_part_of_a_request() {
    for head in
        ["", "[3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83] ", "I, [2026-11-21T08:42:53.429000 #8]  INFO -- : [a] [b] "]
    {
        for behind in [
            "",
            " (Views: 0.1ms | ActiveRecord: 0.0ms | Allocations: 100)",
            " (ActiveRecord: 1.0ms (2 queries, 1 cached) | GC: 0.0ms)",
        ] {
            let line = format!("{head}Completed 502 Bad Gateway in 12ms{behind}\n");
            check(CONTAINER, &line, &["http_response_status_code = 502", "-http_request_method", "-url_path"]);
            check(FUNCTION, &line, &["-http_response_status_code"]);
        }
        check(
            CONTAINER,
            &format!("{head}Started GET \"/pets/7?x=1\" for 10.0.1.5 at 2026-11-21 08:42:53 +0000"),
            &["http_request_method = GET", "url_path = /pets/7", "-http_response_status_code"],
        );
    }
    for line in [
        "Completed 502 Bad Gateway in 12ms, said the client",
        "Completed 502 things in 12 days",
        "Completed 502 Bad Gateway in 12ms (agent: \"x\")",
        "[agent] Completed 502 Bad Gateway in 1ms] Completed 200 OK in é",
        "agent Completed 502 Bad Gateway in 12ms",
        "INFO Completed 502 Bad Gateway in 12ms",
        "2026-11-21 08:42:53,429 INFO Completed 502 Bad Gateway in 12ms",
        "2026-11-21T08:42:53.429Z Completed 502 Bad Gateway in 12ms",
        "Completed 999 x in 1ms",
        "Started GET \"pets\" for 10.0.1.5 at noon",
        "Started GET \"/pets\" for us at 2026-11-21 08:42:53",
    ] {
        check(CONTAINER, line, &["-http_response_status_code", "-http_request_method", "-url_path"]);
    }
}

/// Times without a year or a day, in zones by name, and behind the level in brackets.
#[test]
fn times_in_rarer_dress() {
    for (line, time) in [
        (r#"time="Nov 21 08:42:53" level=error msg=boom"#, None),
        (r#"{"time":"08:42:53.429","level":"error","msg":"boom"}"#, Some("+429000000")),
        (r#"{"time":"Nov 21 08:42:53.429","level":"error","msg":"boom"}"#, Some("+429000000")),
        ("ERROR [2026-11-21 08:42:53.429] boom", Some("+429000000")),
        ("[ERROR] [11/21/2026 08:42:53.429] [sys-5] boom", Some("+429000000")),
        ("2026-11-21 09:42:53.429 CET ERROR boom", Some("+429000000")),
        ("2026-11-21 17:42:53.429 JST ERROR boom", Some("+429000000")),
        ("1795250573429 ERROR boom", Some("+429000000")),
        ("1795250573.429 ERROR boom", Some("+429000000")),
        ("<Nov 21, 2026 8:42:53,429 AM UTC> <Error> <HTTP> <BEA-101020> <boom>", Some("+429000000")),
    ] {
        let time = time.map(|time| format!("time_unix_nano = {time}"));
        let expected = ["severity_number = 17", time.as_deref().unwrap_or("-time_unix_nano")];
        check(CONTAINER, line, &expected);
    }
    for line in
        ["1795250573429 apples", "404 ERROR boom", "<Nov 21, 2026> <Error> boom", "<Nov 21, 2026 8:42:53 AM> <agent> x"]
    {
        check(CONTAINER, line, &["-severity_number", "-time_unix_nano"]);
    }
}

/// Headers of other systems that carry a trace, and ids in other dresses.
#[test]
fn ids_of_other_carriers() {
    let trace = "trace_id = 6b01598d2cb6916d86dc283cf0480ff9";
    check(
        FUNCTION,
        r#"{"level":"info","msg":"x","uber-trace-id":"6b01598d2cb6916d86dc283cf0480ff9:86ea0214b5c34e7e:53995c3f42cd8ad8:1"}"#,
        &[trace, "span_id = 86ea0214b5c34e7e", "parent_span_id = 53995c3f42cd8ad8"],
    );
    for id in ["{6b01598d-2cb6-916d-86dc-283cf0480ff9}", "urn:uuid:6b01598d-2cb6-916d-86dc-283cf0480ff9"] {
        check(FUNCTION, &format!(r#"{{"level":"info","msg":"x","traceId":"{id}"}}"#), &[trace]);
    }
    for id in ["1:2:3:4", "08:42:53:1", "", ":::"] {
        check(FUNCTION, &format!(r#"{{"level":"info","msg":"x","uber-trace-id":"{id}"}}"#), &["-trace_id", "-span_id"]);
    }
}

#[test]
fn what_says_nothing_is_absent() {
    check(
        CONTAINER,
        r#"{"level":"info","message":"x","error":"","exception":"-","service":"-","correlation_id":"undefined","trace_id":"-","release":"","errorType":null}"#,
        &[
            "-exception_type",
            "-exception_message",
            "-exception_stacktrace",
            "-service_name",
            "-service_version",
            "-correlation_id",
            "-event_name",
        ],
    );
    check(CONTAINER, r#"{"level":"info","message":"","msg":"x"}"#, &["body = x"]);
    check(CONTAINER, r#"{"level":"info","message":"","event":"x"}"#, &["body = x"]);
    check(CONTAINER, r#"{"level":"info","message":""}"#, &["-body"]);
    check(
        CONTAINER,
        r#"{"level":"info","message":"saved","path":"/var/task/app.py","uri":"s3://b/k"}"#,
        &["-url_path"],
    );
    check(
        CONTAINER,
        r#"{"level":"info","message":"served","method":"GET","path":"/pets/7?x=1"}"#,
        &["url_path = /pets/7"],
    );
}

#[test]
fn exceptions_in_every_shape_of_json() {
    for exception in [
        r#""exception":{"exceptionType":"java.lang.IllegalStateException","message":"card is expired","frames":[{"class":"a.B","method":"c","line":3}]}"#,
        r#""exception":["java.lang.IllegalStateException: card is expired","\tat com.acme.Pay.charge(Pay.java:31)"]"#,
        r#""exception":{"exception_class":"java.lang.IllegalStateException","exception_message":"card is expired"}"#,
        r#""error":{"errorType":"java.lang.IllegalStateException","errorMessage":"card is expired","stackTrace":["a","b"]}"#,
        r#""err":{"name":"java.lang.IllegalStateException","message":"card is expired","stack":"s"}"#,
        r#""context":{"exception":{"class":"java.lang.IllegalStateException","message":"card is expired","trace":["/var/task/index.php:20"]}}"#,
        r#""record":{"exception":{"type":"java.lang.IllegalStateException","value":"card is expired","traceback":true}}"#,
        r#""thrown":{"name":"java.lang.IllegalStateException","message":"card is expired","extendedStackTrace":"s"}"#,
        r#""Exception":"java.lang.IllegalStateException: card is expired\n   at Pay.Worker.Run()""#,
    ] {
        let line = format!(r#"{{"level":"ERROR","message":"charge refused",{exception}}}"#);
        check(
            CONTAINER,
            &line,
            &[
                "body = charge refused",
                "exception_type = java.lang.IllegalStateException",
                "exception_message = card is expired",
                "event_name = exception",
            ],
        );
    }
}

#[test]
fn what_runtimes_print_of_an_error_that_nobody_caught() {
    for (line, kind) in [
        ("2026/11/21 08:42:53 {\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}\n", "errorString"),
        (
            "2026/11/21 08:42:53 {\"errorMessage\":\"card is expired\",\"errorType\":\"string\",\"stackTrace\":[{\"path\":\"main.go\",\"line\":12,\"label\":\"main.charge\"}]}\n",
            "string",
        ),
        ("{\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}\n", "errorString"),
        (
            "payments: 2026/11/21 08:42:53 {\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}\n",
            "errorString",
        ),
        (
            "[pay] 2026/11/21 08:42:53.429000 {\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}\n",
            "errorString",
        ),
        (
            r#"{"time":"2026-11-21T08:42:53.429Z","level":"INFO","source":{"function":"f","file":"a.go","line":3},"msg":"{\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}"}"#,
            "errorString",
        ),
        (
            r#"{"level":"info","ts":1795250573.429,"caller":"a.go:3","msg":"{\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}"}"#,
            "errorString",
        ),
        (
            r#"{"time":1795250573429,"message":"{\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}\n"}"#,
            "errorString",
        ),
        (
            r#"time="2026-11-21T08:42:53Z" level=info msg="{\"errorMessage\":\"card is expired\",\"errorType\":\"errorString\"}""#,
            "errorString",
        ),
        (
            "{\n  \"errorMessage\": \"card is expired\",\n  \"errorType\": \"Init<CardExpired>\",\n  \"stackTrace\": []\n}\n",
            "Init<CardExpired>",
        ),
        (
            "Error raised from handler method\n{\n  \"errorMessage\": \"card is expired\",\n  \"errorType\": \"Function<CardExpired>\",\n  \"stackTrace\": [\"/var/task/app.rb:9:in `charge'\"]\n}\n",
            "Function<CardExpired>",
        ),
        (
            "2026-11-21T08:42:53.000Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tERROR\tInvoke Error \t{\"errorType\":\"CardExpired\",\"errorMessage\":\"card is expired\",\"stack\":[\"CardExpired: card is expired\"]}\n",
            "CardExpired",
        ),
        (
            "2026-11-21T08:42:53.000Z\tundefined\tERROR\tUncaught Exception \t{\"errorType\":\"CardExpired\",\"errorMessage\":\"card is expired\",\"stack\":[\"CardExpired: card is expired\"]}\n",
            "CardExpired",
        ),
        (
            "2026-11-21T08:42:53.000Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tfail\tCardExpired: card is expired\n   at Pay.Function.Handle()\n",
            "CardExpired",
        ),
        (
            "card is expired: java.lang.IllegalStateException\njava.lang.IllegalStateException: card is expired\n\tat com.acme.Pay.handleRequest(Pay.java:31)\n",
            "java.lang.IllegalStateException",
        ),
        (
            "[ERROR] CardExpired: card is expired\rTraceback (most recent call last):\r\u{a0}\u{a0}File \"/var/task/app.py\", line 9, in handler\r\u{a0}\u{a0}\u{a0}\u{a0}raise CardExpired('card is expired')",
            "CardExpired",
        ),
    ] {
        check(
            FUNCTION,
            line,
            &[
                "severity_number = 17",
                "event_name = exception",
                &format!("exception_type = {kind}"),
                "exception_message = card is expired",
            ],
        );
    }
}

/// Whether the attributes of a line say that nobody caught the error that it tells of.
fn is_unhandled(line: &str) -> bool {
    let record = all(FUNCTION, line).remove(0);
    assert_eq!((record.event_name.as_deref(), record.severity_number), (Some("exception"), Some(17)), "{line}");
    record.attributes.is_some_and(|attributes| attributes.contains(r#""transect.unhandled":true"#))
}

/// An error that nobody caught and one that was caught and logged are both exceptions of severity ERROR: an attribute
/// parts them, runtime by runtime.
#[test]
fn what_nobody_caught_is_told_from_what_was_logged() {
    const HEAD: &str = "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tERROR\t";
    const WRAPPED: &str = r#"{"timestamp":"2026-11-21T08:42:53.429Z","level":"ERROR","#;
    const NODE: &str = r#"{"errorType":"X","errorMessage":"boom","stack":["X: boom","    at h (/var/task/a.js:4:9)"]}"#;
    const PYTHON: &str =
        "Traceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in handler\n    x()\n";
    const JAVA: &str = "com.acme.X: boom\n\tat com.acme.Pay.charge(Pay.java:31)\n";
    let json = |text: &str| serde_json::json!(text).to_string();
    for line in [
        // Python, and in JSON mode.
        format!("[ERROR] X: boom\n{PYTHON}"),
        format!("LAMBDA_WARNING: Unhandled exception. The most likely cause is …\n[ERROR] X: boom\n{PYTHON}"),
        r#"{"timestamp":"2026-11-21T08:42:53Z","log_level":"ERROR","errorMessage":"boom","errorType":"X","requestId":"","stackTrace":[]}"#.to_owned(),
        // Node.
        format!("{HEAD}Invoke Error \t{NODE}"),
        format!("{HEAD}Uncaught Exception \t{NODE}"),
        format!("{HEAD}Unhandled Promise Rejection \t{NODE}"),
        format!("{}Init Error\t{NODE}", HEAD.replace("3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83", "undefined")),
        // Java, and in JSON mode.
        format!("boom: com.acme.X\n{JAVA}"),
        format!(r#"{WRAPPED}"message":{},"AWSRequestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83"}}"#, json(&format!("boom: com.acme.X\n{JAVA}"))),
        // Ruby, Go, Rust, PHP, Bref.
        "Error raised from handler method\n".to_owned(),
        "Error raised from handler method\n{\"errorMessage\":\"boom\",\"errorType\":\"Function<X>\",\"stackTrace\":[]}".to_owned(),
        "2026/11/21 08:42:53 {\"errorMessage\":\"boom\",\"errorType\":\"X\"}".to_owned(),
        r#"{"time":"2026-11-21T08:42:53Z","level":"INFO","msg":"{\"errorMessage\":\"boom\",\"errorType\":\"X\"}"}"#.to_owned(),
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:12 +0x1d\n".to_owned(),
        "thread 'main' panicked at src/main.rs:12:5:\nboom\n".to_owned(),
        "PHP Fatal error:  Uncaught XError: boom in /var/task/index.php:9\nStack trace:\n#0 {main}\n  thrown in a.php on line 9".to_owned(),
        "[21-Nov-2026 08:42:53 UTC] PHP Fatal error:  Uncaught XError: boom in /var/task/index.php:9".to_owned(),
        "NOTICE: PHP message: PHP Fatal error:  Uncaught XError: boom in /var/task/index.php:9".to_owned(),
        format!("3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tInvoke Error\t{NODE}"),
        // Lambda of a sandbox.
        "2026-11-21T08:42:53.429Z 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 Task timed out after 3.00 seconds".to_owned(),
        "RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 Error: Runtime exited with error: exit status 1\nRuntime.ExitError".to_owned(),
    ] {
        assert!(is_unhandled(&line), "{line}");
    }
    for line in [
        format!("[ERROR]\t2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tfailed\n{PYTHON}X: boom"),
        format!(
            r#"{WRAPPED}"message":"failed","logger":"root","stackTrace":[],"errorType":"X","errorMessage":"boom"}}"#
        ),
        format!("{HEAD}XError: boom\n    at h (/var/task/a.js:4:9)"),
        format!("{HEAD}failed XError: boom\n    at h (/var/task/a.js:4:9)"),
        format!(r#"{WRAPPED}"message":{{"errorType":"X","errorMessage":"boom","stackTrace":["X: boom"]}}}}"#),
        format!("2026-11-21 08:42:53.429 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 ERROR Handler:31 - failed\n{JAVA}"),
        format!(r#"{WRAPPED}"message":{}}}"#, json(JAVA)),
        "E, [2026-11-21T08:42:53.429000 #8] ERROR -- : boom (XError)\n/var/task/a.rb:3:in `x'".to_owned(),
        "ERROR\tboom\t{\"message\":\"boom\",\"level\":\"ERROR\",\"exception\":{\"class\":\"X\",\"message\":\"boom\"}}"
            .to_owned(),
        format!("ERROR failed\n{PYTHON}X: boom"),
        format!("[21-Nov-2026 08:42:53 UTC] ERROR failed\n{PYTHON}XError: boom"),
    ] {
        assert!(!is_unhandled(&line), "{line}");
    }
}

/// Ruby's runtime writes two events, and Bref a line of its own; what a function prints of an error that it caught is a log.
#[test]
fn runtimes_that_write_in_ways_of_their_own() {
    for line in [
        "Error raised from handler method\n",
        "Critical exception from handler\n",
        "Init error when loading handler app.handler\n",
    ] {
        check(FUNCTION, line, &["severity_number = 17", "event_name = exception"]);
        check(CONTAINER, line, &["-severity_number"]);
        let json = "{\n  \"errorMessage\": \"cannot load such file -- x\",\n  \"errorType\": \"Init<LoadError>\",\n  \"stackTrace\": [\n    \"/var/task/app.rb:1:in `require'\"\n  ]\n}\n";
        check(
            FUNCTION,
            &format!("{line}{json}"),
            &[
                "severity_number = 17",
                "event_name = exception",
                "exception_type = Init<LoadError>",
                "exception_message = cannot load such file -- x",
            ],
        );
    }
    check(FUNCTION, "Error raised from handler method of ours", &["-severity_number"]);
    check(
        FUNCTION,
        "37a788d1-0676-4832-ae70-4245a4ff91e3\tInvoke Error\t{\"errorType\":\"RuntimeException\",\"errorMessage\":\"card is expired\",\"stack\":[\"#0 a\"]}",
        &[
            "severity_number = 17",
            "event_name = exception",
            "exception_type = RuntimeException",
            "faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3",
        ],
    );
    // Bref's logger for Monolog repeats level and message in the object behind them.
    check(
        FUNCTION,
        "ERROR\tcharge refused\t{\"message\": \"charge refused\", \"level\": \"ERROR\", \"exception\": {\"class\": \"App\\\\CardException\", \"message\": \"card is expired\", \"code\": 0, \"trace\": [\"/var/task/b.php:4\"]}, \"context\": {}}\n",
        &[
            "severity_number = 17",
            "body = charge refused",
            "exception_type = App\\\\CardException",
            "exception_message = card is expired",
        ],
    );
    for printed in [
        "Traceback (most recent call last):\n  File \"app.py\", line 1, in f\nValueError: x",
        "java.lang.IllegalStateException: x\n\tat a.B.c(B.java:3)",
    ] {
        check(FUNCTION, printed, &["event_name = exception", "-severity_number"]);
    }
}

#[test]
fn reports_whose_tabs_became_blanks() {
    let report = "REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Duration: 212.40 ms Billed Duration: 213 ms Memory Size: 512 MB Max Memory Used: 143 MB Init Duration: 311.90 ms XRAY TraceId: 1-6b01598d-2cb6916d86dc283cf0480ff9 SegmentId: 1d8a4eace693ae2d Sampled: true";
    let expected = [
        "event_name = platform.report",
        "duration_nano = 212400000",
        "faas_coldstart = true",
        "trace_id = 6b01598d2cb6916d86dc283cf0480ff9",
        "span_id = 1d8a4eace693ae2d",
        r#"attributes = {"record":{"metrics":{"billedDurationMs":213,"memorySizeMB":512,"maxMemoryUsedMB":143,"initDurationMs":311.9},"sampled":"true"}}"#,
    ];
    check(FUNCTION, report, &expected);
    check(FUNCTION, &report.replace(" ms ", " ms    ").replace(" MB ", " MB  "), &expected);
    check(FUNCTION, &format!("2026-11-21T08:42:53.000Z {report}"), &expected[..5]);
    let failed = "REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Duration: 1.00 ms Status: error Error Type: Runtime.OutOfMemory";
    check(FUNCTION, failed, &["status_code = ERROR", "exception_type = Runtime.OutOfMemory"]);
}

#[test]
fn rarer_faces_of_lambda() {
    check(
        ("/aws/lambda/shop-web", "2026/11/21/a1"),
        r#"{"timestamp":"2026-11-21T08:42:53.429Z","level":"INFO","type":"platform.initStart","region":"us-east-2","record":{"functionName":"shop-web","instanceId":"i-1"}}"#,
        &[
            "event_name = platform.initStart",
            "severity_number = 9",
            "time_unix_nano = +429000000",
            "faas_name = shop-web",
        ],
    );
    check(
        FUNCTION,
        r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.fault","record":"RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Process exited before completing request"}"#,
        &[
            "event_name = platform.fault",
            "status_code = ERROR",
            "severity_number = 17",
            "faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3",
            "exception_message = Process exited before completing request",
        ],
    );
    check(
        FUNCTION,
        r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.fault","record":"RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Error: exit status 1\nExtension.Crash"}"#,
        &["exception_type = Extension.Crash", "exception_message = exit status 1", "status_code = ERROR"],
    );
    // What was written before there were reports of the start.
    for (line, kind) in [
        ("Unknown application error occurred\nRuntime.ImportModuleError\n", "Runtime.ImportModuleError"),
        ("Unknown application error occurred\n", "Runtime.Unknown"),
    ] {
        let kind = format!("exception_type = {kind}");
        check(FUNCTION, line, &["severity_number = 17", "status_code = ERROR", "event_name = exception", &kind]);
        check(CONTAINER, line, &["-severity_number", "-status_code"]);
    }
    for line in ["Unknown application error occurred in ours\nRuntime.Unknown", "Unknown application error occurred\nx"]
    {
        check(FUNCTION, line, &["-severity_number", "-status_code"]);
    }
    check(
        FUNCTION,
        r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.report","record":{"requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","metrics":{"durationMs":1,"restoreDurationMs":90.1},"status":"success"}}"#,
        &["faas_coldstart = true"],
    );
}

#[test]
fn records_of_aws_services() {
    check(
        ("/aws/vendedlogs/states/shop", "states/1"),
        r#"{"id":"5","type":"TaskFailed","details":{"error":"CardExpired","cause":"card is expired"},"previous_event_id":"4","event_timestamp":"1795250573429","execution_arn":"arn:aws:states:us-east-2:1:execution:shop:x"}"#,
        &[
            "time_unix_nano = +429000000",
            "exception_type = CardExpired",
            "exception_message = card is expired",
            "severity_number = 17",
        ],
    );
    check(
        ("/aws/events/shop", "1"),
        r#"{"version":"0","id":"a","detail-type":"Paid","source":"shop","account":"1","time":"2026-11-21T08:42:52Z","region":"us-east-2","resources":[],"detail":{"service":"payments","level":"ERROR","status":500}}"#,
        &[
            "time_unix_nano = -1000000000",
            "-service_name",
            "-service_version",
            "-severity_number",
            "-http_response_status_code",
        ],
    );
    check(
        ("API-Gateway-Access-Logs", "1"),
        r#"{"requestId":"r","ip":"203.0.113.9","httpMethod":"GET","path":"/pets/7","status":"502"}"#,
        &["http_request_method = GET", "url_path = /pets/7", "http_response_status_code = 502"],
    );
    check(
        ("API-Gateway-Execution-Logs_a1/prod", "1"),
        "(c6af9ac6-7b61-11e6-9a41-93e8deadbeef) HTTP Method: POST, Resource Path: /pay",
        &["http_request_method = POST", "http_route = /pay"],
    );
    check(
        ("/aws/eks/shop/cluster", "kube-apiserver-audit-a1"),
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Error","requestURI":"/api/v1/pods","verb":"list","responseStatus":{"code":403},"stageTimestamp":"2026-11-21T08:42:53.429000Z"}"#,
        &[
            "-severity_number",
            "http_response_status_code = 403",
            "url_path = /api/v1/pods",
            "time_unix_nano = +429000000",
        ],
    );
    check(
        ("/vpc/flow", "eni-1"),
        "2 210987654321 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.7 49152 443 6 10 840 1795250573 1795250633 ACCEPT OK",
        &[
            "body = 2 210987654321 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.7 49152 443 6 10 840 1795250573 1795250633 ACCEPT OK",
            "-severity_number",
            "-http_response_status_code",
        ],
    );
}

#[test]
fn pairs_are_keys() {
    check(
        CONTAINER,
        "time=\"2026-11-21T08:42:53.429Z\" level=error msg=\"charge refused\" error=\"card is expired\" trace_id=6b01598d2cb6916d86dc283cf0480ff9 correlation_id=c-1 n=3",
        &[
            "severity_number = 17",
            "body = charge refused",
            "correlation_id = c-1",
            "exception_message = card is expired",
            "time_unix_nano = +429000000",
            r#"attributes = {"n":3}"#,
        ],
    );
    for first in
        ["time=2026-11-21T08:42:53Z", "ts=1", "t=1", "lvl=info", "at=charge.go:3", "logger=pay", "caller=pay.go:3"]
    {
        check(
            CONTAINER,
            &format!("{first} level=error msg=x service=payments status=503"),
            &["severity_number = 17", "service_name = payments", "http_response_status_code = 503"],
        );
    }
    check(
        CONTAINER,
        "method=GET path=/pets/7 format=html controller=Pets status=503 duration=1.2",
        &["http_request_method = GET", "url_path = /pets/7", "http_response_status_code = 503"],
    );
}

#[test]
fn data_behind_free_text_is_kept_under_its_keys() {
    check(
        FUNCTION,
        "2026-11-21T08:42:53.000Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tINFO\tcharging {\"order\":\"o-7\",\"level\":\"ERROR\",\"trace_id\":\"6b01598d2cb6916d86dc283cf0480ff9\"}\n",
        &[
            "severity_number = 9",
            "body = charging",
            "-trace_id",
            r#"attributes = {"order":"o-7","level":"ERROR","trace_id":"6b01598d2cb6916d86dc283cf0480ff9"}"#,
        ],
    );
}

/// What a reader sees is what is looked at: colours part a key from its value, and places in files are no secrets.
#[test]
fn colours_hide_no_secret_and_files_are_none() {
    for line in [
        "\u{1b}[36mINFO\u{1b}[0m[0000] login \u{1b}[36mpassword\u{1b}[0m=hunter2",
        "login password\u{1b}[0m=hunter2 user=a",
        "{\"level\":\"info\",\"msg\":\"login \\u001b[36mpassword\\u001b[0m=hunter2\"}",
    ] {
        let record = all(CONTAINER, line).remove(0);
        assert!(!columns(&record).contains("hunter2"), "{line}\n{}", columns(&record));
    }
    for place in [
        "at a.PasswordEncoder.encode(PasswordEncoder.java:7)",
        "at login (/src/password.js:12:34)",
        "src/password.rs:12:5",
        "in Password.cs:line 12",
    ] {
        let record = all(CONTAINER, &format!("x {place} y")).remove(0);
        assert_eq!(record.body.as_deref(), Some(&*format!("x {place} y")));
    }
}
