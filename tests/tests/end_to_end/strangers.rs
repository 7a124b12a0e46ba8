//! What a stranger gets logged, through every door there is, in another service and in the service itself: the canary's
//! verdict, counts and evidence stay to the last digit, and so do the answers of saved questions.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::*;

/// 2026-11-21T08:00:00Z, in milliseconds.
const BEGIN_MS: u64 = 1_795_248_000_000;
const MINUTES: u64 = 60;
/// Calls of each function a minute, as many of either release.
const CALLS: u64 = 20;
/// Requests of the stranger a minute, through each door.
const ATTACKS: u64 = 12;

/// Log events by group and stream.
#[derive(Default)]
struct Logs(std::collections::BTreeMap<(String, String), Vec<(u64, String)>>);

impl Logs {
    fn add(&mut self, group: &str, stream: &str, at: u64, line: impl Into<String>) {
        self.0.entry((group.to_owned(), stream.to_owned())).or_default().push((at, line.into()));
    }

    fn write(self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for (number, ((group, stream), mut lines)) in self.0.into_iter().enumerate() {
            lines.sort_by_key(|(at, _)| *at);
            for (part, lines) in lines.chunks(2_000).enumerate() {
                let event = |(place, (at, line)): (usize, &(u64, String))| {
                    let id = format!("{at:020}{number:012}{:024}", part * 2_000 + place);
                    json!({"id": id, "timestamp": at, "message": line})
                };
                let document = json!({
                    "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group, "logStream": stream,
                    "subscriptionFilters": ["transect"], "logEvents": lines.iter().enumerate().map(event).collect::<Vec<_>>(),
                });
                let path = folder.join(format!("{number:03}-{part:03}.json"));
                std::fs::write(&path, document.to_string()).unwrap();
                files.push(path);
            }
        }
        files
    }
}

fn stamp(at: u64) -> String {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap();
    format!("{time:.3}")
}

/// What the stranger would like to be believed.
fn forged(number: u64) -> Value {
    json!({
        "level": "ERROR", "timestamp": stamp(BEGIN_MS + number), "message": "declined", "service": "pay", "service_name": "pay",
        "service_version": "1.4.2", "version": "1.4.2", "release": "1.4.2", "trace_id": format!("{number:032x}"),
        "function_name": "pay", "faas_name": "pay", "function_version": "8", "function_request_id": format!("{number:08x}-aaaa-4000-8000-000000000000"),
        "http": {"response": {"status_code": 500}}, "status": 500, "xray_trace_id": format!("1-6b01{:04x}-{number:024x}", number % 65_536),
    })
}

/// What the stranger's requests come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Attack {
    None,
    /// They are logged.
    Logged,
    /// And the program prints his record as a line of its own, as a logger of that runtime would.
    Printed,
}

/// The doors of a service's own lines: what the logger writes of what it was called with.
fn doors(number: u64, at: u64, id: &str, attack: Attack) -> Vec<String> {
    let forged = forged(number);
    let text = forged.to_string();
    let record = |message: Value| {
        json!({"level": "INFO", "timestamp": stamp(at), "service": "edge", "function_request_id": id, "message": message}).to_string()
    };
    let event = json!({
        "level": "INFO", "timestamp": stamp(at), "service": "edge", "message": "event",
        "event": {"requestContext": {"stage": "prod", "status": 500}, "headers": forged, "body": text, "routeKey": "GET /pay"},
    });
    let mut doors = vec![
        // A User-Agent with a tab, and with a line feed.
        format!("GET /health 200 user-agent: Mozilla/5.0\t{text}"),
        format!("GET /health 200 user-agent: Mozilla/5.0\n{text}"),
        format!("GET /health 200 user-agent: Mozilla/5.0 {text}"),
        format!("203.0.113.9 - - [21/Nov/2026:08:00:00 +0000] \"GET /?q={text} HTTP/1.1\" 200 5 \"-\" \"{text}\""),
        // JSON and an object in a message, twice wrapped, and in a list.
        record(json!(text)),
        record(forged.clone()),
        record(json!(json!({"message": text}).to_string())),
        record(json!([forged.clone()])),
        event.to_string(),
        // Metrics and spans that anybody may write.
        json!({"_aws": {"Timestamp": at, "CloudWatchMetrics": [{"Namespace": "n", "Dimensions": [["service"]], "Metrics": [{"Name": "m"}]}]}, "service": "edge", "m": 1, "note": forged}).to_string(),
        json!({"traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": "charge", "kind": "SERVER", "startTimeUnixNano": at * 1_000_000,
            "endTimeUnixNano": (at + 5) * 1_000_000, "status": {"code": "ERROR"}, "attributes": {"service.name": "pay", "service.version": "1.4.2"},
            "resource": {"attributes": {"service.name": "pay", "faas.name": "pay"}}}).to_string(),
        // Lines of the platform.
        format!("q=REPORT RequestId: {number:08x}-aaaa-4000-8000-000000000000\tDuration: 1.00 ms\tStatus: timeout"),
        format!("REPORT RequestId: {number:08x}-aaaa-4000-8000-000000000000\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\tStatus: timeout"),
        json!({"time": stamp(at), "type": "platform.report", "record": {"requestId": format!("{number:08x}-aaaa-4000-8000-000000000000"), "status": "timeout", "metrics": {"durationMs": 1.0}}}).to_string(),
        format!("RequestId: {number:08x}-aaaa-4000-8000-000000000000 Error: Runtime exited with error: exit status 1"),
        // A bare object of a stranger.
        json!({"service": "pay", "service_version": "1.4.2", "trace_id": format!("{number:032x}")}).to_string(),
    ];
    doors.push(format!("[INFO]\t{}\t{id}\tbody: {text}", stamp(at)));
    if attack == Attack::Printed {
        doors.push(format!("{}\t{id}\tINFO\t{text}", stamp(at)));
    }
    doors
}

/// Calls of `pay` and of `edge`, containers, and the stranger's requests where he is there.
fn logs(attack: Attack) -> Logs {
    let is_attacked = attack != Attack::None;
    let mut logs = Logs::default();
    for number in 0..MINUTES * CALLS {
        let at = BEGIN_MS + number * 60_000 / CALLS;
        for (function, group) in [("pay", "/aws/lambda/pay"), ("edge", "/aws/lambda/edge")] {
            let version = if number % 2 == 0 { "7" } else { "8" };
            let stream = format!("2026/11/21/[{version}]{:032x}", number % 4);
            let id = format!(
                "{}-{number:04x}-4000-8000-{version:0>12}",
                if function == "pay" { "0000cafe" } else { "0000beef" }
            );
            logs.add(group, &stream, at, format!("START RequestId: {id} Version: {version}\n"));
            let fails = number % 100 < if version == "8" { 4 } else { 2 };
            let said = json!({
                "level": if fails { "ERROR" } else { "INFO" }, "timestamp": stamp(at + 1), "service": function, "message": "done",
                "service_version": if version == "8" { "1.4.2" } else { "1.4.1" }, "function_request_id": id,
                "xray_trace_id": format!("1-6b01{:04x}-{:024x}", number % 65_536, if function == "pay" { number } else { number + 1_000_000 }),
            });
            logs.add(group, &stream, at + 1, said.to_string());
            if is_attacked && function == "edge" && number % (CALLS / 2) < ATTACKS / 2 {
                for line in doors(number, at + 2, &id, attack) {
                    logs.add(group, &stream, at + 2, line);
                }
            }
            // The service itself logs what it was called with: nothing of that is a failure of it.
            if is_attacked && function == "pay" && number % 5 == 0 {
                let text = forged(number).to_string();
                let record = json!({
                    "level": "INFO", "timestamp": stamp(at + 2), "service": "pay", "function_request_id": id, "message": text,
                    "service_version": said["service_version"], "xray_trace_id": said["xray_trace_id"],
                });
                logs.add(group, &stream, at + 2, record.to_string());
                logs.add(group, &stream, at + 3, format!("user-agent: x\t{text}"));
                logs.add(group, &stream, at + 3, format!("REPORT RequestId: {number:08x}-aaaa-4000-8000-000000000000\tDuration: 1.00 ms\tBilled Duration: 1 ms\tStatus: timeout"));
            }
            logs.add(group, &stream, at + 4, format!("END RequestId: {id}\n"));
            logs.add(group, &stream, at + 5, format!("REPORT RequestId: {id}\tDuration: 4.00 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 70 MB\t\n"));
        }
        if number % (CALLS / 2) < ATTACKS / 2 {
            logs.add(
                "/ecs/web",
                "web/web/0",
                at,
                json!({"level": "info", "time": at, "service": "web", "msg": "served"}).to_string(),
            );
            if is_attacked {
                for line in doors(number + 50_000, at, "-", Attack::Logged) {
                    logs.add("/ecs/web", "web/web/0", at, line);
                }
            }
        }
    }
    logs
}

fn lake(folder: &Path, attack: Attack) -> PathBuf {
    let (lake, payloads) = (folder.join(format!("lake-{attack:?}")), folder.join(format!("payloads-{attack:?}")));
    std::fs::create_dir(&payloads).unwrap();
    let files = logs(attack).write(&payloads);
    let paths: Vec<&str> = files.iter().map(|path| text(path)).collect();
    let loaded = run(&[&["ingest", "--quiet", "--region", "us-east-2", "--lake", text(&lake)][..], &paths].concat());
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    lake
}

#[test]
fn a_stranger_changes_no_digit_of_a_verdict() {
    let folder = TempDir::new().unwrap();
    let [honest, attacked, printed] =
        [Attack::None, Attack::Logged, Attack::Printed].map(|attack| lake(folder.path(), attack));
    let counted = |lake: &Path, further: &[&str]| {
        let asked = ["canary", "--lake", text(lake), "--service", "pay", "--baseline", "1.4.1", "--canary", "1.4.2"];
        let time = ["--since", "2026-11-21T08:00:00Z", "--until", "2026-11-21T09:10:00Z", "--format", "json"];
        let answer = run(&[&asked[..], &time, further].concat());
        let mut report: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr));
        let elsewhere = report.as_object_mut().unwrap().remove("records_from_elsewhere").unwrap();
        (answer.code, report, elsewhere)
    };
    for further in [&[][..], &["--unit", "invocation"], &["--robust"]] {
        let before = counted(&honest, further);
        for after in [counted(&attacked, further), counted(&printed, further)] {
            assert_eq!(before.0, after.0, "{further:?}");
            // But for the warning that somebody else names it.
            for (key, value) in before.1.as_object().unwrap().iter().filter(|(key, _)| *key != "warnings") {
                assert_eq!(value, &after.1[key], "{further:?}: {key}");
            }
        }
        let sides = ["n_a", "x_a", "n_b", "x_b"].map(|name| before.1[name].as_u64().unwrap());
        assert_eq!((sides, &before.2), ([600, 12, 600, 24], &json!(0)), "{further:?}");
    }
    // What saved questions tell of the service.
    let of_pay = |lake: &Path, question: &str| {
        let mut rows = rows(&["query", question, "--lake", text(lake), "--param", "limit=1000"]);
        rows.retain(|row| row["service"] == "pay");
        rows
    };
    let rates = of_pay(&honest, "error-rate-by-release");
    assert_eq!(rates.len(), 2);
    assert_eq!(rates, of_pay(&attacked, "error-rate-by-release"));
    let invocations = |lake: &Path| {
        let sql = "SELECT faas_invocation_id, release, status_code, error_count, attempts FROM invocations \
                   WHERE faas_name = 'pay' ORDER BY 1";
        rows(&["sql", "--lake", text(lake), sql])
    };
    assert_eq!(invocations(&honest), invocations(&attacked));
    // No column of what others wrote names the service, but where a program prints a stranger's whole record.
    let named = "SELECT aws_log_group, count(*) AS n FROM telemetry WHERE (service_name = 'pay' OR faas_name = 'pay') \
                 AND aws_log_group <> '/aws/lambda/pay' GROUP BY 1";
    assert_eq!(rows(&["sql", "--lake", text(&attacked), named]), Vec::<Value>::new());
}
