//! Reads the payloads of a sample back, without any code of the crate, and compares what stands in them with the truth
//! that came with them. It refuses to know how a sample is made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;

use serde_json::Value;
use transect_sample::{Invocations, Options, Payload, Truth, generate};

/// What is found in the payloads.
#[derive(Default)]
struct Found {
    payloads: u64,
    control_messages: u64,
    redelivered_payloads: u64,
    redelivered_events: u64,
    events_delivered: u64,
    late_events: u64,
    cold_starts: u64,
    events_by_region: BTreeMap<String, u64>,
    /// By request id.
    invocations: BTreeMap<String, Invocation>,
    /// Distinct messages, with region and log group.
    messages: Vec<(String, String, String)>,
    /// For each message the request id of the invocation that ran in its stream, if one did.
    running: Vec<Option<String>>,
}

#[derive(Default)]
struct Invocation {
    log_group: String,
    region: String,
    version: String,
    failed: bool,
    starts: u64,
}

fn sample(options: &Options) -> (Vec<Payload>, Truth) {
    let mut payloads = Vec::new();
    let truth = generate(options, &mut |payload| payloads.push(payload));
    (payloads, truth)
}

fn read(payloads: &[Payload]) -> Found {
    let mut found = Found::default();
    let (mut documents, mut ids) = (HashSet::new(), HashSet::new());
    let mut streams: BTreeMap<(&str, String), Option<String>> = BTreeMap::new();
    for payload in payloads {
        found.payloads += 1;
        let document: Value = serde_json::from_slice(&payload.document).unwrap();
        let events = document["logEvents"].as_array().unwrap();
        if document["messageType"] == "CONTROL_MESSAGE" {
            found.control_messages += 1;
            continue;
        }
        found.events_delivered += events.len() as u64;
        if !documents.insert((payload.region, &payload.document)) {
            found.redelivered_payloads += 1;
            found.redelivered_events += events.len() as u64;
            continue;
        }
        for event in events {
            let (group, message) = (document["logGroup"].as_str().unwrap(), event["message"].as_str().unwrap());
            assert!(ids.insert(event["id"].as_str().unwrap().to_owned()), "an event id appears twice");
            *found.events_by_region.entry(payload.region.to_owned()).or_default() += 1;
            found.read_message(payload.region, group, message, event["timestamp"].as_i64().unwrap());
            found.messages.push((payload.region.to_owned(), group.to_owned(), message.to_owned()));
            let stream = (payload.region, format!("{group} {}", document["logStream"]));
            let running = streams.entry(stream).or_default();
            let id = mark(message, &["START", "platform.start"]);
            *running = id.or_else(|| running.take());
            found.running.push(running.clone());
            if mark(message, &["REPORT", "platform.report"]).is_some() {
                *running = None;
            }
        }
    }
    found
}

/// The request id of a line of Lambda's, if it is one of this kind, as text or JSON.
fn mark(message: &str, [text, json]: &[&str; 2]) -> Option<String> {
    if let Some(rest) = message.strip_prefix(&format!("{text} RequestId: ")) {
        return Some(rest[..36].to_owned());
    }
    let line: Value = serde_json::from_str(message).ok().filter(|line: &Value| line["type"] == *json)?;
    line["record"]["requestId"].as_str().map(str::to_owned)
}

impl Found {
    fn read_message(&mut self, region: &str, group: &str, message: &str, timestamp_ms: i64) {
        if let Ok(line) = serde_json::from_str::<Value>(message) {
            let record = &line["record"];
            match line["type"].as_str() {
                Some("platform.start") => {
                    self.start(region, group, text(&record["requestId"]), text(&record["version"]))
                }
                Some("platform.report") => {
                    self.cold_starts += u64::from(record["metrics"]["initDurationMs"].is_number());
                    self.fail(text(&record["requestId"]), ["error", "timeout"].contains(&text(&record["status"])));
                }
                _ => {}
            }
            for key in ["function_request_id", "requestId"] {
                if let Some(request_id) = line[key].as_str() {
                    self.fail(request_id, line["level"] == "ERROR");
                }
            }
            if group == "/ecs/inventory" {
                let delay_ms = timestamp_ms - millisecond_of_day(text(&line["timestamp"])) - midnight_ms(timestamp_ms);
                assert!(delay_ms == 0 || (20 * 60_000..50 * 60_000).contains(&delay_ms), "{delay_ms}");
                self.late_events += u64::from(delay_ms > 0);
            }
        } else if let Some(rest) = message.strip_prefix("START RequestId: ") {
            let (request_id, version) = rest.trim_end().split_once(" Version: ").unwrap();
            self.start(region, group, request_id, version);
        } else if let Some(rest) = message.strip_prefix("REPORT RequestId: ") {
            self.cold_starts += u64::from(rest.contains("\tInit Duration: "));
            self.fail(&rest[..36], rest.contains("Status: error") || rest.contains("Status: timeout"));
        } else if let [_, request_id, "ERROR", ..] = message.split('\t').collect::<Vec<_>>()[..] {
            self.fail(request_id, true);
        }
    }

    fn start(&mut self, region: &str, group: &str, request_id: &str, version: &str) {
        let invocation = self.invocations.entry(request_id.to_owned()).or_default();
        assert!(
            invocation.starts == 0 || invocation.version == version,
            "the truth counts a release once a request id"
        );
        (invocation.region, invocation.log_group) = (region.to_owned(), group.to_owned());
        invocation.version = version.to_owned();
        invocation.starts += 1;
    }

    fn fail(&mut self, request_id: &str, failed: bool) {
        if failed {
            self.invocations.entry(request_id.to_owned()).or_default().failed = true;
        }
    }

    fn count(&self, matches: impl Fn(&Invocation) -> bool) -> Invocations {
        let matching = self.invocations.values().filter(|invocation| matches(invocation));
        matching.fold(Invocations::default(), |sum, invocation| Invocations {
            invocations: sum.invocations + 1,
            failed: sum.failed + u64::from(invocation.failed),
        })
    }

    /// Trace ids that fulfil a condition on the pairs that `pairs` finds in the messages.
    fn traces_with_several<'f, T: Ord>(&'f self, pair: impl Fn(&'f str, &'f str) -> Option<(String, T)>) -> u64 {
        let mut seen: BTreeMap<String, BTreeSet<T>> = BTreeMap::new();
        for (region, _, message) in &self.messages {
            if let Some((trace_id, value)) = pair(region, message) {
                seen.entry(trace_id).or_default().insert(value);
            }
        }
        seen.values().filter(|values| values.len() > 1).count() as u64
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn midnight_ms(at_ms: i64) -> i64 {
    at_ms - at_ms % 86_400_000
}

/// Of `2026-11-21T08:42:53.001234Z`.
fn millisecond_of_day(timestamp: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| timestamp[range].parse::<i64>().unwrap();
    ((number(11..13) * 60 + number(14..16)) * 60 + number(17..19)) * 1_000 + number(20..23)
}

/// The trace id of a message as 32 hex digits, whichever way it is written.
fn trace_id(message: &str) -> Option<String> {
    for marker in ["\"xray_trace_id\":\"1-", "Root=1-", "XRAY TraceId: 1-", "\"xrayTraceId\":\"1-"] {
        if let Some((_, id)) = message.split_once(marker) {
            return Some(id[..33].replace('-', ""));
        }
    }
    for marker in ["\"traceId\":\"", "\"traceparent\": \"00-"] {
        if let Some((_, id)) = message.split_once(marker) {
            return Some(id[..32].to_owned());
        }
    }
    None
}

/// Whether a line names no invocation at all: it belongs to the one that runs.
fn is_without_id(message: &str) -> bool {
    message.starts_with("[ERROR] MemoryError") || message.starts_with("{\"_aws\"") && !message.contains("equest")
}

fn check(options: &Options) {
    let (payloads, truth) = sample(options);
    let found = read(&payloads);
    assert_eq!(found.payloads, truth.payloads);
    assert_eq!(found.control_messages, truth.control_messages);
    assert_eq!(found.redelivered_payloads, truth.redelivered_payloads);
    assert_eq!(found.redelivered_events, truth.redelivered_events);
    assert_eq!(found.events_delivered, truth.events_delivered);
    assert_eq!(found.messages.len() as u64, truth.events);
    assert_eq!(found.late_events, truth.late_events);
    assert_eq!(found.count(|_| true), truth.invocations);
    assert_eq!(truth.invocations.invocations, options.invocations);
    for row in &truth.by_region {
        assert_eq!(found.events_by_region.get(row.region).copied().unwrap_or(0), row.events, "{}", row.region);
        assert_eq!(found.count(|invocation| invocation.region == row.region), row.invocations, "{}", row.region);
    }
    for row in &truth.by_release {
        let function = if row.service == "edge" { "edge-api" } else { row.service };
        let group = format!("/aws/lambda/{function}");
        let counts = found.count(|invocation| {
            invocation.log_group == group
                && invocation.region == row.region
                && invocation.version == row.function_version
        });
        assert_eq!(counts, row.invocations, "{row:?}");
    }
    let regions = found.traces_with_several(|region, message| Some((trace_id(message)?, region)));
    assert_eq!(regions, truth.traces_across_regions);
    let releases = found.traces_with_several(|_, message| {
        let (_, version) = message.split_once("\"service_version\":\"")?;
        let (_, service) = message.split_once("\"service\":\"")?;
        let key = format!("{} {}", trace_id(message)?, service.split('"').next()?);
        Some((key, version.split('"').next()?))
    });
    assert_eq!(releases, truth.traces_across_releases);
    for trace in &truth.traces {
        let events = found.messages.iter().zip(&found.running).filter(|((_, _, message), running)| {
            message.contains(&trace.correlation_id)
                || trace.faas_invocation_ids.iter().any(|id| message.contains(id))
                || trace_id(message).is_some_and(|id| trace.trace_ids.contains(&id))
                || is_without_id(message) && running.as_ref().is_some_and(|id| trace.faas_invocation_ids.contains(id))
        });
        let events: Vec<_> = events.map(|(message, _)| message).collect();
        assert_eq!(events.len() as u64, trace.events, "{}", trace.name);
        let regions: BTreeSet<_> = events.iter().map(|(region, ..)| region.as_str()).collect();
        assert_eq!(regions.into_iter().collect::<Vec<_>>(), trace.regions, "{}", trace.name);
        let ids: BTreeSet<_> = events.iter().filter_map(|(_, _, message)| trace_id(message)).collect();
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), trace.trace_ids, "{}", trace.name);
        for release in &trace.releases {
            let stated = events.iter().any(|(_, _, message)| message.contains(&format!("\"{release}\"")));
            assert!(stated, "{}: {release}", trace.name);
        }
    }
}

#[test]
fn the_truth_is_what_is_read() {
    check(&Options::default());
}

#[test]
fn the_truth_is_what_is_read_in_another_sample_with_larger_payloads() {
    check(&Options { seed: 11, invocations: 9_000, events_per_payload: 500, ..Options::default() });
}

#[test]
fn the_number_of_invocations_is_exact_however_few() {
    for invocations in [0, 1, 2, 7, 8, 9, 49, 50, 51, 200] {
        for seed in 0..5 {
            check(&Options { seed, invocations, ..Options::default() });
        }
    }
}

#[test]
fn a_seed_decides_every_byte() {
    let options = Options { invocations: 500, ..Options::default() };
    let (payloads, truth) = sample(&options);
    assert_eq!((payloads.clone(), truth.clone()), sample(&options));
    let (other_payloads, other_truth) = sample(&Options { seed: 8, ..options });
    assert_ne!(payloads, other_payloads);
    assert_ne!(truth, other_truth);
}

/// A sample must be the same on every machine and with every compiler. If the story or a line was changed on purpose,
/// the number below changes with it.
#[test]
fn the_bytes_of_a_sample_are_known() {
    let (payloads, _) = sample(&Options { invocations: 500, ..Options::default() });
    let mut digest = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a
    for byte in payloads.iter().flat_map(|payload| &payload.document) {
        digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    assert_eq!(format!("{digest:016x}"), "8498ad66cdf6e74c");
}

#[test]
fn the_default_sample_is_of_the_promised_size() {
    let (payloads, truth) = sample(&Options::default());
    assert!((20_000..30_000).contains(&truth.events), "{}", truth.events);
    assert!(truth.redelivered_payloads >= 3, "{}", truth.redelivered_payloads);
    assert!(truth.late_events >= 10, "{}", truth.late_events);
    assert!(truth.control_messages >= 3);
    assert!(truth.shifted_requests >= 3, "{}", truth.shifted_requests);
    assert_eq!(truth.traces.len(), 3);
    let found = read(&payloads);
    let cold_share = found.cold_starts as f64 / truth.invocations.invocations as f64;
    assert!((0.005..0.10).contains(&cold_share), "{cold_share}");
    let retried = found.invocations.values().filter(|invocation| invocation.starts > 1).count();
    assert!(retried >= 5, "{retried} request ids ran more than once");
    for secret in &truth.secrets {
        let lines = found.messages.iter().filter(|(_, _, message)| message.contains(secret)).count();
        assert!(lines >= 3, "{secret} in {lines} lines");
    }
}

#[test]
fn the_canary_is_worse_in_one_region_and_the_other_rollout_is_fine() {
    let (_, truth) = sample(&Options { invocations: 60_000, ..Options::default() });
    let rate = |service, region, release| {
        let counts = truth.release(service, region, release);
        assert!(counts.invocations > 100, "{service} {release} in {region}: {counts:?}");
        counts.failed as f64 / counts.invocations as f64
    };
    let bad = rate("payments", "us-east-2", "1.4.2");
    assert!((0.06..0.10).contains(&bad), "{bad}");
    for (region, release) in
        [("us-east-2", "1.4.1"), ("us-west-2", "1.4.1"), ("us-west-2", "1.4.2"), ("eu-west-2", "1.4.2")]
    {
        let rate = rate("payments", region, release);
        assert!(rate < 0.025, "{release} in {region}: {rate}");
    }
    for region in ["us-east-2", "us-west-2", "eu-west-2"] {
        let (before, after) = (rate("cart", region, "2.7.0"), rate("cart", region, "2.8.0"));
        assert!(after < before + 0.01, "{region}: {before} {after}");
    }
    // The failing minutes of eu-west-2 are all in the baseline's time.
    assert!(rate("payments", "eu-west-2", "1.4.1") > rate("payments", "us-west-2", "1.4.1"));
    assert!(truth.traces_across_releases > 100);
    assert!(truth.traces_across_regions > 100);
}

#[test]
fn timeouts_stay_in_the_failing_region_and_its_minutes() {
    let (payloads, truth) = sample(&Options { invocations: 20_000, ..Options::default() });
    let truth = truth.to_json();
    let bound = |key: &str| text(&truth["region_failure"][key]).parse::<i64>().unwrap() / 1_000_000;
    let (from_ms, until_ms) = (bound("from_unix_nano"), bound("until_unix_nano"));
    let mut timeouts = 0;
    for payload in &payloads {
        let document: Value = serde_json::from_slice(&payload.document).unwrap();
        for event in document["logEvents"].as_array().unwrap() {
            let message = text(&event["message"]);
            if !message.contains("Status: timeout") && !message.contains("\"status\":\"timeout\"") {
                continue;
            }
            timeouts += 1;
            assert_eq!(payload.region, text(&truth["region_failure"]["region"]));
            // An invocation that began in the last minute hangs on for its timeout.
            let at_ms = event["timestamp"].as_i64().unwrap();
            assert!((from_ms..until_ms + 30_000).contains(&at_ms), "{at_ms}");
        }
    }
    assert!(timeouts > 20, "{timeouts}");
}

#[test]
fn every_payload_is_what_cloudwatch_delivers() {
    let (payloads, _) = sample(&Options { invocations: 800, ..Options::default() });
    let (mut names, mut groups) = (HashSet::new(), BTreeSet::new());
    for payload in &payloads {
        assert!(names.insert((payload.region, payload.name.as_str())), "{} twice", payload.name);
        let event: Value = serde_json::from_slice(&payload.lambda_event()).unwrap();
        let compressed = base64_simd::STANDARD.decode_to_vec(text(&event["awslogs"]["data"])).unwrap();
        let mut decoded = Vec::new();
        flate2::read::MultiGzDecoder::new(&compressed[..]).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, payload.document);

        let document: Value = serde_json::from_slice(&decoded).unwrap();
        let events = document["logEvents"].as_array().unwrap();
        assert!((1..=40).contains(&events.len()));
        let mut last = (0, String::new());
        for event in events {
            let id = text(&event["id"]);
            assert!(id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
            let next = (event["timestamp"].as_i64().unwrap(), id.to_owned());
            assert!(last < next, "events are in the order of time and id");
            last = next;
        }
        if document["messageType"] == "DATA_MESSAGE" {
            let (group, stream) = (text(&document["logGroup"]).to_owned(), text(&document["logStream"]));
            let shaped = match group.as_str() {
                "aws/spans" => stream == "default",
                "/aws/apigateway/shop" => stream.len() == 32,
                "/ecs/inventory" => stream.starts_with("inventory/app/") && stream.len() == 46,
                _ => {
                    let (date, rest) = stream.split_once("/[").unwrap();
                    let (version, suffix) = rest.split_once(']').unwrap();
                    date == "2026/11/21" && version.parse::<u32>().is_ok() && suffix.len() == 32
                }
            };
            assert!(shaped, "{group} {stream}");
            assert_eq!(
                (text(&document["owner"]), text(&document["subscriptionFilters"][0])),
                ("123456789012", "transect")
            );
            groups.insert((payload.region, group));
        }
    }
    assert_eq!(groups.len(), 3 * 7, "{groups:?}");
}

#[test]
fn options_out_of_range_are_taken_into_it() {
    for start_unix_ms in [i64::MIN, -1, i64::MAX] {
        for span_ms in [i64::MIN, 0, i64::MAX] {
            let options = Options { seed: u64::MAX, invocations: 60, start_unix_ms, span_ms, events_per_payload: 0 };
            let (payloads, truth) = sample(&options);
            assert_eq!(truth.invocations.invocations, 60);
            assert!(truth.options.events_per_payload == 1 && payloads.len() as u64 >= truth.events);
        }
    }
    let (_, truth) = sample(&Options { invocations: 5, events_per_payload: usize::MAX, ..Options::default() });
    assert_eq!(truth.invocations.invocations, 5);
}
