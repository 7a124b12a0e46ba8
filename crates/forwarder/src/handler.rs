//! One invocation: a payload is decoded and normalised on a thread of its own while full calls are already on their way
//! to Firehose; what could not be delivered in time makes the invocation fail.
//!
//! It refuses to succeed with anything undelivered, and to hold more than a few calls in memory.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_firehose::Client;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use transect_normalize::{Normalizer, Origin, decode_within};

use crate::config::Config;
use crate::deliver::{CALLS_IN_FLIGHT_MAX, Outcome, deliver};
use crate::pack::{Call, Packer};
use crate::report::Report;
use crate::sampling::{Judge, Sampling, Verdict};

/// Everything of an invocation ends this long before Lambda would end it, so that it can say what happened.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// How long an invocation may take whose deadline is none: emulators send one in 1970.
const TIME_MAX_WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

/// A question with the default lateness does not look for what came later than this after it happened.
const LATE_NANO: i64 = 24 * 3600 * 1_000_000_000;

/// Said once a sandbox.
const OWN_GROUP_LINE: &str = "{\"level\":\"WARN\",\"message\":\"events that a forwarder wrote, this one or another, were \
                              dropped; exclude its log group from the subscription\"}";

/// Why an invocation failed. Lambda invokes again, twice, and then hands the event to the on-failure destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stable name: one of this type's constants.
    pub kind: &'static str,
    /// Counts and codes, nothing of the payload.
    pub reason: String,
}

impl Failure {
    /// The payload is not what CloudWatch Logs sends.
    pub const UNDECODABLE: &'static str = "Transect.Undecodable";
    /// Records could not be delivered before the deadline.
    pub const UNDELIVERED: &'static str = "Transect.Undelivered";
    /// Firehose refuses records for what they are; all others were delivered.
    pub const REFUSED: &'static str = "Transect.Refused";
    /// A bug of ours.
    pub const INTERNAL: &'static str = "Transect.Internal";
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        Diagnostic { error_type: failure.kind.to_owned(), error_message: failure.reason }
    }
}

/// What lives as long as the sandbox.
pub struct Forwarder {
    client: Client,
    rules: Arc<Rules>,
    is_warm: AtomicBool,
    has_told_of_own: AtomicBool,
}

/// What an invocation's thread needs.
struct Rules {
    config: Config,
    normalizer: Normalizer,
    sampling: Sampling,
}

/// What an invocation's thread did.
#[derive(Debug, Default)]
struct Work {
    /// Its part of the report.
    report: Report,
    /// Documents that no Firehose record can hold.
    too_large: u64,
}

impl Forwarder {
    /// A forwarder that sends with `client`.
    pub fn new(config: Config, client: Client) -> Forwarder {
        let rules = Rules { normalizer: Normalizer::new(&config.normalize), sampling: Sampling::new(&config), config };
        Forwarder {
            client,
            rules: Arc::new(rules),
            is_warm: AtomicBool::new(false),
            has_told_of_own: AtomicBool::new(false),
        }
    }

    /// Forwards one event and prints the invocation's line to stdout.
    ///
    /// # Errors
    /// A [`Failure`] if anything in the event may not have been delivered.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<(), Failure> {
        let mut report = Report {
            bytes_in: event.payload.get().len() as f64,
            cold_start: f64::from(u8::from(!self.is_warm.swap(true, Ordering::Relaxed))),
            ..Report::default()
        };
        let limit = Instant::now() + time_left(event.context.deadline, SystemTime::now());
        let result = self.forward(event.payload, limit, &mut report).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let failure = result.as_ref().err().map(|failure| (failure.kind, failure.reason.as_str()));
        print_line(report.render(&self.rules.config.function_name, &event.context.request_id, now, failure));
        result
    }

    async fn forward(&self, payload: Box<RawValue>, limit: Instant, report: &mut Report) -> Result<(), Failure> {
        // One call waits while others are under way.
        let (calls, mut packed) = mpsc::channel::<Call>(1);
        let rules = Arc::clone(&self.rules);
        let worker = tokio::task::spawn_blocking(move || work(&rules, payload, &calls));
        let mut outcome = Outcome::default();
        let mut under_way = JoinSet::new();
        let mut first_call = None;
        let mut is_out_of_time = false;
        loop {
            let has_room = under_way.len() < CALLS_IN_FLIGHT_MAX;
            tokio::select! {
                call = packed.recv(), if has_room => {
                    let Some(call) = call else { break };
                    first_call.get_or_insert_with(Instant::now);
                    let stream = self.rules.config.delivery_stream.clone();
                    under_way.spawn(deliver(self.client.clone(), stream, call, limit));
                }
                Some(delivered) = under_way.join_next() => outcome += delivered.map_err(internal)?,
                () = tokio::time::sleep_until(limit) => {
                    is_out_of_time = true;
                    break;
                }
            }
        }
        // The thread stops at its next call if there is no one left to take it.
        drop(packed);
        while let Some(delivered) = under_way.join_next().await {
            outcome += delivered.map_err(internal)?;
        }
        report.delivery_ms = first_call.map_or(0.0, |start| milliseconds(start.elapsed()));
        report.bytes_out = outcome.bytes_out as f64;
        report.calls = outcome.calls as f64;
        report.retried = outcome.retried as f64;
        report.failed = (outcome.undelivered + outcome.refused) as f64;

        let undelivered = |reason| Err(Failure { kind: Failure::UNDELIVERED, reason });
        let Ok(worked) = tokio::time::timeout_at(limit.max(Instant::now() + Duration::from_millis(1)), worker).await
        else {
            return undelivered("out of time while normalising".to_owned());
        };
        let done = worked.map_err(internal)??;
        if done.report.own > 0.0 && !self.has_told_of_own.swap(true, Ordering::Relaxed) {
            print_line(OWN_GROUP_LINE.to_owned());
        }
        *report += done.report;
        let fault = outcome.fault.as_deref().unwrap_or("unknown");
        if is_out_of_time {
            return undelivered("out of time".to_owned());
        }
        if outcome.undelivered > 0 {
            return undelivered(format!("{} Firehose records, last fault: {fault}", outcome.undelivered));
        }
        if outcome.refused + done.too_large > 0 {
            let reason = format!("{} Firehose records, last fault: {fault}", outcome.refused + done.too_large);
            return Err(Failure { kind: Failure::REFUSED, reason });
        }
        Ok(())
    }
}

/// Decodes, normalises and packs; hands every full call over. Ends early when nobody takes them any more.
fn work(rules: &Rules, payload: Box<RawValue>, calls: &mpsc::Sender<Call>) -> Result<Work, Failure> {
    let start = std::time::Instant::now();
    let decoded = decode_within(payload.get().as_bytes(), rules.config.decoded_bytes_max)
        .map_err(|error| Failure { kind: Failure::UNDECODABLE, reason: error.to_string() })?;
    drop(payload);
    let mut report = Report {
        bytes_decoded: decoded.decoded_bytes() as f64,
        decode_ms: milliseconds(start.elapsed()),
        ..Report::default()
    };
    let mut too_large = 0;
    let start = std::time::Instant::now();
    let now_unix_nano =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().min(i64::MAX as u128) as i64);
    let origin = Origin { region: &rules.config.region, account: None, now_unix_nano };
    let mut judge = Judge::new(&rules.sampling);
    let mut packer = Packer::default();
    let mut is_wanted = true;
    for document in decoded.documents() {
        if rules.config.own_log_group.as_deref() == Some(document.log_group()) {
            report.own += document.event_count() as f64;
            continue;
        }
        let (stats, own) = rules.normalizer.normalize_others(document, &origin, &mut |record| {
            if !is_wanted {
                return;
            }
            // Rows derived from an event have its time; its id alone has no slash.
            let is_late = record.observed_time_unix_nano < now_unix_nano - LATE_NANO && !record.event_id.contains('/');
            report.late += f64::from(u8::from(is_late));
            let sample;
            let record = match judge.verdict(record) {
                Verdict::Keep => record,
                Verdict::KeepAsSample => {
                    let attributes = rules.sampling.attributes(record.attributes.as_deref());
                    sample = transect_schema::Record { attributes: Some(attributes), ..record.clone() };
                    &sample
                }
                Verdict::Drop => {
                    report.sampled_out += 1.0;
                    return;
                }
            };
            match packer.push(|out| record.write_json(out)) {
                Ok(full) => {
                    report.records += 1.0;
                    is_wanted = full.is_none_or(|call| calls.blocking_send(call).is_ok());
                }
                Err(_) => too_large += 1,
            }
        });
        report.events += stats.events as f64;
        report.own += own as f64;
        report.redacted += stats.redacted as f64;
        report.oversize += stats.oversize as f64;
    }
    for call in packer.finish() {
        // Whoever went away has said why.
        let _ = calls.blocking_send(call);
    }
    report.bytes_billed = packer.billed_bytes() as f64;
    report.normalize_ms = milliseconds(start.elapsed());
    Ok(Work { report, too_large })
}

/// Prints a line at one stroke, so that Lambda sees one event.
fn print_line(mut line: String) {
    line.push('\n');
    // Where nobody takes the line there is nobody to tell.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// The time that work may take, from the deadline in milliseconds since 1970.
fn time_left(deadline_unix_milli: u64, now: SystemTime) -> Duration {
    const YEAR_2001_UNIX_MILLI: u64 = 1_000_000_000_000;
    if deadline_unix_milli < YEAR_2001_UNIX_MILLI {
        return TIME_MAX_WITHOUT_DEADLINE;
    }
    let deadline = UNIX_EPOCH + Duration::from_millis(deadline_unix_milli);
    deadline.duration_since(now).unwrap_or_default().saturating_sub(DEADLINE_MARGIN)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn internal(error: tokio::task::JoinError) -> Failure {
    let reason = if error.is_panic() { "a task panicked" } else { "a task was cancelled" };
    Failure { kind: Failure::INTERNAL, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use super::*;

    fn rules(variables: &[(&str, &str)]) -> Rules {
        let of_lambda = ["RUNTIME_API", "FUNCTION_NAME", "FUNCTION_MEMORY_SIZE", "FUNCTION_VERSION"];
        let environment = of_lambda.map(|name| (format!("AWS_LAMBDA_{name}"), "1".to_owned())).into_iter();
        let own = [("AWS_REGION", "eu-west-2"), ("TRANSECT_DELIVERY_STREAM", "s")];
        let own = own.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::read(environment.chain(own)).unwrap();
        Rules { normalizer: Normalizer::new(&config.normalize), sampling: Sampling::new(&config), config }
    }

    /// The rows that are handed over of a document with these messages, and the report.
    fn worked(rules: &Rules, messages: &[String]) -> (Vec<serde_json::Value>, Report) {
        worked_of("/aws/lambda/shop", rules, messages)
    }

    fn worked_of(group: &str, rules: &Rules, messages: &[String]) -> (Vec<serde_json::Value>, Report) {
        let event =
            |(number, message)| serde_json::json!({ "id": format!("{number}"), "timestamp": 1, "message": message });
        let payload = serde_json::json!({
            "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": group, "logStream": "s",
            "logEvents": messages.iter().enumerate().map(event).collect::<Vec<_>>(),
        });
        let (sender, mut calls) = mpsc::channel(64);
        let work = work(rules, RawValue::from_string(payload.to_string()).unwrap(), &sender).unwrap();
        drop(sender);
        let mut rows = Vec::new();
        while let Ok(call) = calls.try_recv() {
            for record in call {
                let lines = record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                rows.extend(lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap()));
            }
        }
        (rows, work.report)
    }

    #[test]
    fn an_error_arrives_with_all_of_its_parts_and_metrics_whatever_the_rate() {
        let rules = rules(&[("TRANSECT_SAMPLE_RATE", "0.000001")]);
        let message = |level: &str| {
            let head = format!(
                "{{\"level\":\"{level}\",\"_aws\":{{\"Timestamp\":1,\"CloudWatchMetrics\":[{{\"Namespace\":\"N\",\
                 \"Dimensions\":[[]],\"Metrics\":[{{\"Name\":\"a\"}},{{\"Name\":\"b\"}}]}}]}},\"a\":1,\"b\":[2,3],\"message\":\""
            );
            let pad = "x".repeat(940_049 - head.len() - 2);
            head + &pad + "\"}"
        };
        let (error, info) = (message("ERROR"), message("INFO"));
        assert_eq!(error.len(), 940_049);
        let (rows, report) = worked(&rules, &[info, error.clone()]);
        let of_row = |row: &serde_json::Value| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            (text("event_id"), text("signal"), text("metric_name"))
        };
        let own = |id: &str, signal: &str, name: &str| (id.to_owned(), signal.to_owned(), name.to_owned());
        assert_eq!(
            rows.iter().map(of_row).collect::<Vec<_>>(),
            [
                own("1", "log", ""),
                own("1/1", "log", ""),
                own("1/2", "metric", "a"),
                own("1/3", "metric", "b"),
                own("1/4", "metric", "b"),
            ]
        );
        let joined: String = rows.iter().filter_map(|row| row["body"].as_str()).collect();
        assert!(joined == error, "the bodies do not join");
        assert!(rows.iter().all(|row| !row.to_string().contains("transect.sample_rate")));
        assert_eq!((report.events, report.records, report.sampled_out), (2.0, 5.0, 5.0));
    }

    #[test]
    fn every_row_of_a_sampled_event_says_so() {
        let rules = rules(&[("TRANSECT_SAMPLE_RATE", "0.5")]);
        let message = |number: usize| {
            format!(
                "{{\"n\":{number},\"_aws\":{{\"CloudWatchMetrics\":[{{\"Namespace\":\"N\",\"Metrics\":[{{\"Name\":\"n\"}}]}}]}}}}"
            )
        };
        let (rows, report) = worked(&rules, &(0..200).map(message).collect::<Vec<_>>());
        assert_eq!(report.records + report.sampled_out, 400.0);
        assert!((60..340).contains(&rows.len()), "{} rows at a rate of a half", rows.len());
        for pair in rows.chunks(2) {
            assert_eq!(format!("{}/1", pair[0]["event_id"].as_str().unwrap()), pair[1]["event_id"].as_str().unwrap());
            assert!(
                pair.iter().all(|row| row["attributes"].as_str().unwrap().contains("\"transect.sample_rate\":0.5"))
            );
        }
    }

    #[test]
    fn what_another_forwarder_wrote_is_dropped_and_counted_and_nothing_of_anybody_else() {
        let rules = rules(&[]);
        let theirs =
            Report { events: 3.0, ..Report::default() }.render("blue-forwarder", "id-1", 1_795_250_573_000, None);
        let metric = |namespace: &str| {
            format!(
                "{{\"n\":1,\"_aws\":{{\"Timestamp\":1,\"CloudWatchMetrics\":[{{\"Namespace\":{namespace},\"Dimensions\":[[]],\
                 \"Metrics\":[{{\"Name\":\"n\"}}]}}]}}}}"
            )
        };
        let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
        let messages = [
            format!("START RequestId: {id} Version: 7\n"),
            theirs.clone(),
            metric("\"Shop\""),
            theirs.replace("Transect/Forwarder", "Transect\\/Forwarder"),
            // What only speaks of it is somebody's log, and so is what names it elsewhere.
            "Transect/Forwarder failed".to_owned(),
            "{\"level\":\"INFO\",\"message\":\"m\",\"Namespace\":\"Transect/Forwarder\"}".to_owned(),
            metric("7"),
            metric("\"Transect/Forwarders\""),
            format!("END RequestId: {id}\n"),
            format!("REPORT RequestId: {id}\tDuration: 1.00 ms\n"),
        ];
        let ids = |group: &str, messages: &[String]| {
            let (rows, report) = worked_of(group, &rules, messages);
            let mut ids: Vec<String> = rows
                .iter()
                .map(|row| row["event_id"].as_str().unwrap().split('/').next().unwrap().to_owned())
                .collect();
            ids.dedup();
            (ids.join(" "), report.events, report.own)
        };
        let all = "0 1 2 3 4 5 6 7 8 9";
        assert_eq!(ids("/aws/lambda/blue-forwarder", &messages), ("2 4 5 6 7".to_owned(), 10.0, 5.0));
        // Whoever's words a group of another name holds, they stay.
        for group in ["/aws/lambda/pay", "/aws/lambda/blue-forwarder-2", "/ecs/blue-forwarder", ""] {
            assert_eq!(ids(group, &messages), (all.to_owned(), 10.0, 0.0), "{group}");
        }
        // So do the calls of somebody's function that is called as a forwarder.
        let others: Vec<String> = messages.iter().filter(|message| !message.contains("CloudWatch")).cloned().collect();
        assert_eq!(ids("/aws/lambda/mail-forwarder", &others), ("0 1 2 3 4".to_owned(), 5.0, 0.0));
    }

    #[test]
    fn the_marks_of_a_call_are_kept_whatever_the_rate() {
        let rules = rules(&[("TRANSECT_SAMPLE_RATE", "0.000001"), ("TRANSECT_MIN_SEVERITY", "fatal")]);
        let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
        let mark = |kind: &str| {
            format!(
                "{{\"time\":\"2026-11-21T08:42:53Z\",\"type\":\"platform.{kind}\",\"record\":{{\"requestId\":\"{id}\"}}}}"
            )
        };
        let messages = [
            format!("START RequestId: {id} Version: 7\n"),
            "a line of the application".to_owned(),
            format!("END RequestId: {id}\n"),
            format!("REPORT RequestId: {id}\tDuration: 1.00 ms\n"),
            mark("start"),
            mark("runtimeDone"),
            mark("report"),
        ];
        let (rows, _) = worked(&rules, &messages);
        let names: Vec<_> = rows.iter().map(|row| row["event_name"].as_str().unwrap()).collect();
        let marks = ["start", "end", "report", "start", "runtimeDone", "report"];
        assert_eq!(names, marks.map(|mark| format!("platform.{mark}")));
    }

    #[test]
    fn work_ends_two_seconds_before_the_deadline() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_250_573_000);
        let left = |deadline| time_left(deadline, now);
        assert_eq!(left(1_795_250_633_000), Duration::from_secs(58));
        assert_eq!(left(1_795_250_574_000), Duration::ZERO);
        assert_eq!(left(1_795_250_500_000), Duration::ZERO);
        assert_eq!(left(1_542_409_706), TIME_MAX_WITHOUT_DEADLINE);
    }
}
