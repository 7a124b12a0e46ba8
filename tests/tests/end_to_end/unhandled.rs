//! A canary whose handler raises and whose runtime says so as that runtime does: without an id, without a level, and with
//! a REPORT that knows nothing of it. Each managed runtime in text mode, and in JSON mode: the canary fails.
//!
//! The lines are as the runtimes print them; what is made of a line is the normaliser's, and whose it is the reader's.

use std::io::Write;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::*;

/// 2026-11-21T08:00:00Z, in milliseconds.
const BEGIN_MS: u64 = 1_795_248_000_000;
const CALLS: u64 = 3_000;
/// Of ten calls of the canary three raise, of a thousand of the baseline one.
const CANARY_RAISES: fn(u64) -> bool = |call| call % 10 < 3;
const BASELINE_RAISES: fn(u64) -> bool = |call| call % 1000 == 500;
const SANDBOXES: u64 = 20;

/// A call that raises, as far as its runtime's line depends on it.
struct Raised<'a> {
    id: &'a str,
    /// `2026-11-21T08:42:53.429Z`.
    time: &'a str,
    /// `2026/11/21 08:42:53`.
    go_time: &'a str,
}

type LineOf = fn(&Raised<'_>) -> String;

fn python(_: &Raised<'_>) -> String {
    "[ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n\u{a0}\u{a0}File \"/var/task/app.py\", line 9, in \
     handler\n\u{a0}\u{a0}\u{a0}\u{a0}return stock['sku']\n"
        .to_owned()
}

fn python_joined(_: &Raised<'_>) -> String {
    "[ERROR] KeyError: 'sku'\rTraceback (most recent call last):\r\u{a0}\u{a0}File \"/var/task/app.py\", line 9, in \
     handler\r\u{a0}\u{a0}\u{a0}\u{a0}return stock['sku']"
        .to_owned()
}

fn node(raised: &Raised<'_>) -> String {
    format!(
        "{}\t{}\tERROR\tInvoke Error \t{}\n",
        raised.time,
        raised.id,
        json!({
            "errorType": "TypeError", "errorMessage": "card is expired",
            "stack": ["TypeError: card is expired", "    at Runtime.handler (/var/task/index.js:9:11)"],
        })
    )
}

fn go(raised: &Raised<'_>) -> String {
    format!("{} {}\n", raised.go_time, json!({"errorMessage": "charge refused", "errorType": "errorString"}))
}

fn go_panics(raised: &Raised<'_>) -> String {
    let stack = json!([{"path": "main.go", "line": 31, "label": "handle"}]);
    let what = json!({"errorMessage": "index out of range", "errorType": "boundsError", "stackTrace": stack});
    format!("{} {what}\n", raised.go_time)
}

fn java(_: &Raised<'_>) -> String {
    "card is expired: java.lang.IllegalStateException\njava.lang.IllegalStateException: card is expired\n\tat \
     com.acme.Pay.handleRequest(Pay.java:31)\nCaused by: java.io.IOException: no bank\n\tat com.acme.Bank.ask(Bank.java:7)\n"
        .to_owned()
}

fn dotnet(raised: &Raised<'_>) -> String {
    format!(
        "{}\t{}\tfail\tSystem.InvalidOperationException: card is expired\n ---> System.IO.IOException: no bank\n   at \
         Pay.Function.Handle() in /src/Function.cs:line 9\n",
        raised.time, raised.id
    )
}

fn ruby(_: &Raised<'_>) -> String {
    "Error raised from handler method\n{\n  \"errorMessage\": \"card is expired\",\n  \"errorType\": \
     \"Function<CardExpired>\",\n  \"stackTrace\": [\n    \"/var/task/app.rb:9:in `charge'\"\n  ]\n}\n"
        .to_owned()
}

fn rust(raised: &Raised<'_>) -> String {
    format!(
        "\u{1b}[2m{}\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m \u{1b}[1mLambda runtime invoke\u{1b}[0m\u{1b}[1m{{\u{1b}[0m\
         \u{1b}[3mrequestId\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"{}\"\u{1b}[1m}}\u{1b}[0m\u{1b}[2m:\u{1b}[0m \
         \u{1b}[2mlambda_runtime::layers::trace\u{1b}[0m\u{1b}[2m:\u{1b}[0m card is expired\n",
        raised.time, raised.id
    )
}

fn php(_: &Raised<'_>) -> String {
    "PHP Fatal error:  Uncaught RuntimeException: card is expired in /var/task/index.php:9\nStack trace:\n#0 \
     /var/task/index.php(31): charge()\n#1 {main}\n  thrown in /var/task/index.php on line 9\n"
        .to_owned()
}

fn bref(raised: &Raised<'_>) -> String {
    format!(
        "{}\tInvoke Error\t{}\n",
        raised.id,
        json!({"errorType": "RuntimeException", "errorMessage": "card is expired", "stack": ["#0 /var/task/index.php(31)"]})
    )
}

/// What the runtimes write in JSON mode.
fn in_json(raised: &Raised<'_>) -> String {
    json!({
        "timestamp": raised.time, "level": "ERROR", "requestId": raised.id, "message": "card is expired",
        "errorType": "CardExpired", "errorMessage": "card is expired", "stackTrace": ["app:9"],
    })
    .to_string()
}

fn rfc3339(ms: u64) -> String {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
    format!("{time:.3}")
}

/// The lines of a call, each with the milliseconds from its beginning.
fn call(id: &str, version: &str, at: u64, is_text: bool, raises: Option<LineOf>) -> Vec<(u64, String)> {
    let (time, end) = (rfc3339(at + 3), rfc3339(at + 5));
    let go_time = time[..19].replace('-', "/").replace('T', " ");
    let line = raises.map(|line| line(&Raised { id, time: &time, go_time: &go_time }));
    let line = line.into_iter().map(|line| (3, line));
    if is_text {
        // Where a handler raises REPORT has no status.
        let report = format!(
            "REPORT RequestId: {id}\tDuration: 4.02 ms\tBilled Duration: 5 ms\tMemory Size: 512 MB\tMax Memory Used: 43 MB\t\n"
        );
        let start = (0, format!("START RequestId: {id} Version: {version}\n"));
        return [start].into_iter().chain(line).chain([(5, format!("END RequestId: {id}\n")), (5, report)]).collect();
    }
    let of = |kind: &str, time: &str, more: Value| {
        let mut record = json!({"requestId": id});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"time": time, "type": kind, "record": record}).to_string()
    };
    let metrics = json!({"durationMs": 4.02, "billedDurationMs": 5, "memorySizeMB": 512, "maxMemoryUsedMB": 43});
    let status = "success";
    let start = (0, of("platform.start", &rfc3339(at), json!({"version": version})));
    let done = (5, of("platform.runtimeDone", &end, json!({"status": status, "metrics": {"durationMs": 4.0}})));
    let report = (5, of("platform.report", &end, json!({"status": status, "metrics": metrics})));
    [start].into_iter().chain(line).chain([done, report]).collect()
}

/// Payloads of a function, whose versions 7 and 8 run side by side for an hour.
fn payloads(folder: &Path, is_text: bool, line: LineOf) -> Vec<PathBuf> {
    let mut streams: std::collections::BTreeMap<String, Vec<(u64, String)>> = Default::default();
    for (version, raises) in [("7", BASELINE_RAISES), ("8", CANARY_RAISES)] {
        for number in 0..CALLS {
            let sandbox = number % SANDBOXES;
            let at = BEGIN_MS + number * 3_600_000 / CALLS;
            let id = format!("{version:0>8}-0000-4000-8000-{number:012x}");
            let stream = format!("2026/11/21/[{version}]{sandbox:032x}");
            let lines = call(&id, version, at, is_text, raises(number).then_some(line));
            streams.entry(stream).or_default().extend(lines.into_iter().map(|(after, line)| (at + after, line)));
        }
    }
    let mut files = Vec::new();
    for (number, (stream, lines)) in streams.into_iter().enumerate() {
        // Cut anywhere, so that a failure and its START often came in different payloads.
        for (part, lines) in lines.chunks(997).enumerate() {
            let events: Vec<Value> = lines
                .iter()
                .enumerate()
                .map(|(place, (at, line))| {
                    let id = format!("{at:020}{number:012}{:024}", part * 997 + place);
                    json!({"id": id, "timestamp": at, "message": line})
                })
                .collect();
            let document = json!({
                "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/pay", "logStream": stream,
                "subscriptionFilters": ["transect"], "logEvents": events,
            });
            let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            zip.write_all(document.to_string().as_bytes()).unwrap();
            let data = base64_simd::STANDARD.encode_to_string(zip.finish().unwrap());
            let path = folder.join(format!("{number:03}-{part:03}.json"));
            std::fs::write(&path, json!({"awslogs": {"data": data}}).to_string()).unwrap();
            files.push(path);
        }
    }
    // The last comes first.
    files.reverse();
    files
}

#[track_caller]
fn check(is_text: bool, line: LineOf, names_type: bool) {
    let folder = TempDir::new().unwrap();
    let lake = folder.path().join("lake");
    let payloads = payloads(folder.path(), is_text, line);
    let paths: Vec<&str> = payloads.iter().map(|path| text(path)).collect();
    let options = ["ingest", "--quiet", "--region", "us-east-2", "--lake", text(&lake)];
    let loaded = run(&[&options[..], &paths].concat());
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);

    let raised = (0..CALLS).filter(|call| CANARY_RAISES(*call)).count();
    let of_baseline = (0..CALLS).filter(|call| BASELINE_RAISES(*call)).count();
    let asked = ["canary", "--lake", text(&lake), "--service", "pay", "--baseline", "7", "--canary", "8"];
    let time = ["--since", "2026-11-21T08:00:00Z", "--until", "2026-11-21T09:10:00Z", "--format", "json"];
    let answer = run(&[&asked[..], &time].concat());
    let report: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr));
    let counts = ["n_a", "x_a", "n_b", "x_b"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [CALLS, of_baseline as u64, CALLS, raised as u64], "{}", report["reason"]);
    assert_eq!((answer.code, &report["verdict"]), (1, &json!("FAIL")), "{}", report["reason"]);
    assert_eq!(
        (&report["groups"], &report["records_from_elsewhere"]),
        (&json!(["/aws/lambda/pay"]), &json!(0)),
        "{report}"
    );

    let rates = rows(&["query", "error-rate-by-release", "--lake", text(&lake)]);
    let rate = |release: &str| {
        let row = rates.iter().find(|row| row["release"] == release).unwrap_or_else(|| panic!("{rates:?}"));
        (row["invocations"].clone(), row["failed"].clone())
    };
    assert_eq!((rate("7"), rate("8")), ((json!(CALLS), json!(of_baseline)), (json!(CALLS), json!(raised))));
    let failed = "SELECT count(*) AS n FROM invocations WHERE status_code = 'ERROR' AND exception_type IS NOT NULL";
    // Rust's line of `tracing` names no type.
    let failed = if names_type { failed } else { failed.trim_end_matches(" AND exception_type IS NOT NULL") };
    let failed = rows(&["sql", "--lake", text(&lake), failed]);
    assert_eq!(failed[0]["n"], raised + of_baseline);
}

/// A canary that crashes in every initialisation says nothing of itself: its release is what is known of its version.
#[test]
fn a_canary_that_crashes_before_its_first_line_fails_where_its_version_is_known() {
    let folder = TempDir::new().unwrap();
    let (lake, map) = (folder.path().join("lake"), folder.path().join("map.json"));
    let paths = ["7", "8"].map(|version| {
        let mut events = Vec::new();
        for number in 0..300_u64 {
            let (id, at) = (format!("{version:0>8}-0000-4000-8000-{number:012x}"), BEGIN_MS + number * 6_000);
            let mut add = |after: u64, message: String| {
                let event = format!("{:020}{version:0>12}{number:024}", at + after);
                events.push(json!({"id": event, "timestamp": at + after, "message": message}));
            };
            let is_canary = version == "8";
            let status = if is_canary { "Status: error\tError Type: Runtime.ExitError\t" } else { "" };
            if is_canary {
                add(0, format!("INIT_REPORT Init Duration: 90.12 ms\tPhase: init\t{status}\n"));
            }
            add(1, format!("START RequestId: {id} Version: {version}\n"));
            match is_canary {
                true => add(2, format!("RequestId: {id} Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n")),
                false => add(2, json!({"service": "pay", "service_version": "1.4.1", "function_request_id": id, "message": "paid"}).to_string()),
            }
            add(3, format!("END RequestId: {id}\n"));
            let used = "Duration: 4.02 ms\tBilled Duration: 5 ms\tMemory Size: 512 MB\tMax Memory Used: 43 MB";
            add(4, format!("REPORT RequestId: {id}\t{used}\t{status}\n"));
        }
        let document = json!({
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/pay",
            "logStream": format!("2026/11/21/[{version}]{version:0>32}"), "subscriptionFilters": ["f"], "logEvents": events,
        });
        let path = folder.path().join(format!("{version}.json"));
        std::fs::write(&path, document.to_string()).unwrap();
        path
    });
    let loaded =
        run(&["ingest", "--quiet", "--region", "us-east-2", "--lake", text(&lake), text(&paths[0]), text(&paths[1])]);
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    let of = |version: &str| json!({"us-east-2": {"pay": {"version": version}}});
    std::fs::write(&map, json!({"1.4.1": of("7"), "1.4.2": of("8")}).to_string()).unwrap();
    let ask = |more: &[&str]| {
        let asked = ["canary", "--lake", text(&lake), "--service", "pay", "--baseline", "1.4.1", "--canary", "1.4.2"];
        let time = ["--since", "2026-11-21T08:00:00Z", "--until", "2026-11-21T09:10:00Z", "--format", "json"];
        let answer = run(&[&asked[..], &time, more].concat());
        (answer.code, serde_json::from_str::<Value>(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr)))
    };
    let (code, report) = ask(&[]);
    assert_eq!((code, &report["verdict"]), (5, &json!("NO_DATA")), "{report}");
    let (code, report) = ask(&["--release-map", text(&map)]);
    assert_eq!((code, &report["verdict"]), (1, &json!("FAIL")), "{report}");
    let counts = ["n_a", "x_a", "n_b", "x_b"].map(|name| report[name].as_u64().unwrap());
    assert_eq!((counts, &report["roll_back"]), ([300, 0, 300, 300], &json!(["us-east-2"])));
    // What is no map is refused before anything is read.
    std::fs::write(&map, "{\"1.4.1\": 7}").unwrap();
    let asked = ["canary", "--lake", text(&lake), "--service", "pay", "--baseline", "1.4.1", "--canary", "1.4.2"];
    assert_eq!(run(&[&asked[..], &["--release-map", text(&map)]].concat()).code, 2);
}

macro_rules! runtimes {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            check(true, super::$name, stringify!($name) != "rust");
        })+
    };
}

mod text_mode {
    use super::check;

    runtimes! { python python_joined node go go_panics java dotnet ruby rust php bref }
}

#[test]
fn json_mode() {
    check(false, in_json, true);
}
