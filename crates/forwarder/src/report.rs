//! What the forwarder says of itself: one line an invocation, in the embedded metric format, so that CloudWatch makes
//! metrics of it without a call.
//!
//! It refuses to say a word of what was forwarded.

use serde_json::{Map, Value, json};
pub use transect_normalize::forwarder::NAMESPACE;

macro_rules! report {
    ($($field:ident $name:literal $unit:literal $meaning:literal;)+) => {
        /// Counts and times of one invocation, or of a part of it: parts add up.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Report {
            $(#[doc = $meaning] pub $field: f64,)+
        }

        /// Every metric: its name, CloudWatch's unit and what it counts.
        pub const METRICS: &[(&str, &str, &str)] = &[$(($name, $unit, $meaning),)+];

        impl std::ops::AddAssign for Report {
            fn add_assign(&mut self, other: Report) {
                $(self.$field += other.$field;)+
            }
        }

        impl Report {
            fn values(&self) -> impl Iterator<Item = (&'static str, f64)> {
                [$(($name, self.$field),)+].into_iter()
            }
        }
    };
}

report! {
    events "Events" "Count" "log events read";
    records "Records" "Count" "records handed to Firehose's packer";
    bytes_in "BytesIn" "Bytes" "bytes of the Lambda event";
    bytes_decoded "BytesDecoded" "Bytes" "bytes of decoded text";
    bytes_out "BytesOut" "Bytes" "bytes that Firehose took, before base64";
    bytes_billed "BytesBilled" "Bytes" "bytes that Firehose bills: each of its records rounded up to 5 KB";
    calls "Calls" "Count" "PutRecordBatch calls, those that failed among them";
    retried "RetriedRecords" "Count" "Firehose records that were sent again";
    failed "FailedRecords" "Count" "Firehose records that could not be delivered";
    redacted "Redacted" "Count" "secrets replaced";
    sampled_out "SampledOut" "Count" "records left out by sampling or severity";
    oversize "Oversize" "Count" "events cut into several records for their size";
    late "LateEvents" "Count" "events more than 24 h old, which a question with the default lateness does not see";
    own "OwnEvents" "Count" "events of the forwarder's own log group, and what another forwarder wrote: a loop; they are dropped, and the loop goes on";
    decode_ms "DecodeTime" "Milliseconds" "decoding the payload";
    normalize_ms "NormalizeTime" "Milliseconds" "normalising and packing, waits for delivery among it";
    delivery_ms "DeliveryTime" "Milliseconds" "from the first call to the last answer";
    cold_start "ColdStart" "Count" "1 for the first invocation of a sandbox";
}

impl Report {
    /// The line, without a line feed. `failure` is an error type of ours with its reason.
    pub fn render(
        &self,
        function_name: &str,
        request_id: &str,
        now_unix_milli: u64,
        failure: Option<(&str, &str)>,
    ) -> String {
        let metrics: Vec<Value> = METRICS.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now_unix_milli,
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["function_name"]], "Metrics": metrics }],
            }),
        );
        line.insert("level".to_owned(), json!(if failure.is_some() { "ERROR" } else { "INFO" }));
        line.insert("function_name".to_owned(), json!(function_name));
        line.insert("requestId".to_owned(), json!(request_id));
        if let Some((kind, reason)) = failure {
            line.insert("errorType".to_owned(), json!(kind));
            line.insert("errorMessage".to_owned(), json!(reason));
        }
        for (name, value) in self.values() {
            // Counts are whole; a time keeps its microseconds.
            let value = if value.fract() == 0.0 { json!(value as u64) } else { json!((value * 1e3).round() / 1e3) };
            line.insert(name.to_owned(), value);
        }
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use super::*;

    #[test]
    fn every_metric_that_is_declared_has_a_value_and_a_dimension() {
        let report = Report { events: 3.0, decode_ms: 0.123_456, ..Report::default() };
        let line = report.render("forwarder", "id-1", 1_795_250_573_000, Some(("Transect.Undelivered", "12 records")));
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_795_250_573_000_u64);
        assert!(line[directive["Dimensions"][0][0].as_str().unwrap()].is_string());
        let declared = directive["Metrics"].as_array().unwrap();
        assert_eq!(declared.len(), METRICS.len());
        assert!(declared.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()));
        assert_eq!((&line["Events"], &line["DecodeTime"]), (&json!(3), &json!(0.123)));
        assert_eq!(line["errorType"], "Transect.Undelivered");
    }

    /// CloudWatch takes at most 100 metrics a directive, and counts each name once.
    #[test]
    fn names_are_unique_and_few() {
        let mut names: Vec<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() == METRICS.len() && names.len() <= 100);
    }
}
