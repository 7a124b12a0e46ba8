//! What CloudWatch Logs hands to a subscription: the document of one log stream's events, and the Lambda event around
//! it. It refuses to know what the messages say.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::json::write_text;
use crate::story::ACCOUNT;

/// One delivery of a subscription filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The region whose log group the events come from. The document does not say it: whoever receives it knows.
    pub region: &'static str,
    /// A file name, unique within the region: `payments-000123.json`.
    pub name: String,
    /// The decoded document: `{"messageType","owner","logGroup","logStream","subscriptionFilters","logEvents"}`.
    pub document: Vec<u8>,
}

impl Payload {
    /// The event that Lambda would be invoked with: `{"awslogs":{"data":"<base64 of gzip of the document>"}}`.
    ///
    /// The document is the same for the same seed, for ever; the compressed bytes are only as constant as the
    /// compression library.
    pub fn lambda_event(&self) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        // Writing into memory does not fail.
        let compressed = encoder.write_all(&self.document).and_then(|()| encoder.finish()).unwrap_or_default();
        let mut event = br#"{"awslogs":{"data":""#.to_vec();
        base64_simd::STANDARD.encode_append(&compressed, &mut event);
        event.extend_from_slice(br#""}}"#);
        event
    }
}

/// One event of a document.
pub(crate) struct Event<'t> {
    pub(crate) at_ms: i64,
    pub(crate) message: &'t str,
}

/// Makes event ids of 56 digits as CloudWatch does: they sort by time and never repeat. Ours are the milliseconds, a
/// number of the seed, and a counter.
pub(crate) struct EventIds {
    seed_digits: u64,
    next: u64,
}

impl EventIds {
    pub(crate) fn new(seed_bits: u64) -> Self {
        EventIds { seed_digits: seed_bits % 1_000_000_000_000, next: 1 }
    }

    fn write_next(&mut self, at_ms: i64, out: &mut String) {
        let _ = write!(out, "{at_ms:014}{:012}{:030}", self.seed_digits, self.next);
        self.next += 1;
    }
}

/// Writes the document of a stream's events.
pub(crate) fn data_document<'t>(
    log_group: &str,
    log_stream: &str,
    events: impl Iterator<Item = Event<'t>>,
    ids: &mut EventIds,
    bytes_guess: usize,
) -> Vec<u8> {
    let mut out = String::with_capacity(bytes_guess);
    let _ = write!(out, r#"{{"messageType":"DATA_MESSAGE","owner":"{ACCOUNT}","logGroup":"{log_group}","logStream":"#);
    write_text(&mut out, log_stream);
    out.push_str(r#","subscriptionFilters":["transect"],"logEvents":["#);
    for (index, event) in events.enumerate() {
        out.push_str(if index == 0 { r#"{"id":""# } else { r#",{"id":""# });
        ids.write_next(event.at_ms, &mut out);
        let _ = write!(out, r#"","timestamp":{},"message":"#, event.at_ms);
        write_text(&mut out, event.message);
        out.push('}');
    }
    out.push_str("]}");
    out.into_bytes()
}

/// The document by which CloudWatch checks that the destination answers. It holds nothing to store.
pub(crate) fn control_document(at_ms: i64, ids: &mut EventIds) -> Vec<u8> {
    let mut out = String::from(
        r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":""#,
    );
    ids.write_next(at_ms, &mut out);
    let _ = write!(
        out,
        r#"","timestamp":{at_ms},"message":"CWL CONTROL MESSAGE: Checking health of destination Lambda."}}]}}"#
    );
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_back_and_its_ids_have_56_digits() {
        let events =
            [Event { at_ms: 1_795_250_573_000, message: "a \"b\"\n" }, Event { at_ms: 1_795_250_573_001, message: "" }];
        let mut ids = EventIds::new(u64::MAX);
        let document = data_document("/ecs/x", "x/y/1", events.into_iter(), &mut ids, 0);
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(document["logEvents"][0]["message"], "a \"b\"\n");
        assert_eq!(document["logEvents"][1]["timestamp"], 1_795_250_573_001_i64);
        let id = document["logEvents"][1]["id"].as_str().unwrap();
        assert!(id.len() == 56 && id.ends_with("0002"), "{id}");
        let control: serde_json::Value = serde_json::from_slice(&control_document(0, &mut ids)).unwrap();
        assert_eq!(control["messageType"], "CONTROL_MESSAGE");
    }
}
