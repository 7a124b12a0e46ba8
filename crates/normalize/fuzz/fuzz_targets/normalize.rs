//! Any text as a message: at least one record, valid JSON attributes, no record larger than Firehose takes, and the
//! same answer twice.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use transect_normalize::{Normalizer, Options, Origin, decode, limits};

/// Made once, as the forwarder does: its tables take longer than most inputs.
static NORMALIZER: LazyLock<Normalizer> = LazyLock::new(|| Normalizer::new(&Options::default()));

fuzz_target!(|message: &str| {
    let document = serde_json::json!({
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/lambda/f", "logStream": "s",
        "logEvents": [{"id": "7", "timestamp": 1_795_250_573_000_i64, "message": message}],
    });
    let payload = decode(document.to_string().as_bytes()).expect("a document made here decodes");
    let origin = Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
    let lines = || {
        let mut lines = Vec::new();
        for document in payload.documents() {
            NORMALIZER.normalize(document, &origin, &mut |record| {
                let mut line = Vec::new();
                record.write_json(&mut line);
                assert!(line.len() <= limits::RECORD_BYTES_MAX);
                if let Some(attributes) = &record.attributes {
                    let parsed: Result<std::collections::BTreeMap<String, &serde_json::value::RawValue>, _> = serde_json::from_str(attributes);
                    // serde_json refuses lone surrogates in keys, which JSON's grammar allows.
                    assert!(parsed.is_ok() || attributes.contains("\\u"), "{attributes}");
                }
                lines.push(line);
            });
        }
        lines
    };
    let first = lines();
    assert!(!first.is_empty());
    assert_eq!(first, lines());
});
