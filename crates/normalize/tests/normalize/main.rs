//! The normaliser as its callers see it: payload in, records out. Formats as a table of line and columns, real payloads,
//! and properties that hold for any input.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is the message")]

mod authority;
mod bounds;
mod exceptions;
mod formats;
mod metrics;
mod pages;
mod payloads;
mod properties;
mod redaction;
mod shapes;
mod situations;

use transect_normalize::{Normalizer, Options, Origin, Stats, decode};
use transect_schema::{COLUMNS, Record, Value};

/// CloudWatch's time of every event made here: 2026-11-21T08:42:53Z.
const OBSERVED_MS: i64 = 1_795_250_573_000;
const OBSERVED_NANO: i64 = OBSERVED_MS * 1_000_000;

const ORIGIN: Origin<'static> = Origin { region: "us-east-2", account: None, now_unix_nano: 1 };

const LAMBDA_GROUP: &str = "/aws/lambda/cart";
const LAMBDA_STREAM: &str = "2026/11/21/[8]9ec04ece4350cc1721e52f212cd552a0";

fn document(group: &str, stream: &str, messages: &[&str]) -> String {
    let events: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| serde_json::json!({"id": format!("e{index}"), "timestamp": OBSERVED_MS, "message": message}))
        .collect();
    serde_json::json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group, "logStream": stream,
        "subscriptionFilters": ["transect"], "logEvents": events,
    })
    .to_string()
}

fn records_of(payload: &[u8], options: &Options) -> (Vec<Record<'static>>, Stats) {
    let payload = decode(payload).unwrap();
    let normalizer = Normalizer::new(options);
    let mut records = Vec::new();
    let mut stats = Stats::default();
    for document in payload.documents() {
        stats += normalizer.normalize(document, &ORIGIN, &mut |record| records.push(record.clone().into_owned()));
    }
    (records, stats)
}

/// The columns of a record that say something of the line: what is the same for every event here is left out, times are
/// relative to CloudWatch's.
fn columns(record: &Record<'_>) -> String {
    let mut lines = Vec::new();
    for (column, value) in COLUMNS.iter().zip(record.values()) {
        let text = match (column.name, value) {
            (_, None) => continue,
            ("time_unix_nano", Some(Value::BigInt(time))) if time == OBSERVED_NANO => continue,
            ("time_unix_nano", Some(Value::BigInt(time))) => format!("{:+}", time - OBSERVED_NANO),
            (
                "observed_time_unix_nano"
                | "schema_version"
                | "cloud_account_id"
                | "cloud_region"
                | "aws_log_group"
                | "aws_log_stream",
                _,
            ) => continue,
            ("signal", Some(Value::String("log"))) => continue,
            ("event_id", Some(Value::String("e0"))) => continue,
            (_, Some(Value::String(text))) => text.to_owned(),
            (_, Some(Value::BigInt(number))) => number.to_string(),
            (_, Some(Value::Int(number))) => number.to_string(),
            (_, Some(Value::Double(number))) => number.to_string(),
            (_, Some(Value::Boolean(truth))) => truth.to_string(),
        };
        lines.push(format!(
            "{} = {}",
            column.name,
            text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
        ));
    }
    lines.join("\n")
}
