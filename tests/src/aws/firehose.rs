//! Firehose as far as the command line knows it: what a stream is set to, and records that go in. It refuses batches that
//! the service refuses; it delivers nothing.

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::account::Region;
use super::answer::Refusal;

const CALL_RECORDS_MAX: usize = 500;
const CALL_BYTES_MAX: usize = 4 * 1024 * 1024;
const RECORD_BYTES_MAX: usize = 1_000 * 1024;

pub(super) fn answer(region: &mut Region, operation: &str, body: &Value) -> Result<Value, Refusal> {
    let name = body["DeliveryStreamName"].as_str().unwrap_or_default();
    let not_found = format!("Firehose {name} under account {} not found.", super::ACCOUNT);
    let stream =
        region.streams.get_mut(name).ok_or_else(|| Refusal::new(400, "ResourceNotFoundException", &not_found))?;
    match operation {
        "DescribeDeliveryStream" => Ok(json!({ "DeliveryStreamDescription": stream.description })),
        "PutRecordBatch" => {
            let invalid = |message: &str| Refusal::new(400, "InvalidArgumentException", message);
            let records = body["Records"].as_array().filter(|records| !records.is_empty());
            let records = records.ok_or_else(|| invalid("no records"))?;
            let records: Option<Vec<Vec<u8>>> =
                records.iter().map(|record| STANDARD.decode_to_vec(record["Data"].as_str()?).ok()).collect();
            let records = records.ok_or_else(|| Refusal::new(400, "SerializationException", "not base64"))?;
            if records.len() > CALL_RECORDS_MAX {
                return Err(invalid("more than 500 records"));
            }
            if records.iter().any(|record| record.len() > RECORD_BYTES_MAX) {
                return Err(invalid("a record of more than 1000 KiB"));
            }
            if records.iter().map(Vec::len).sum::<usize>() > CALL_BYTES_MAX {
                return Err(invalid("more than 4 MiB"));
            }
            let mut answers = Vec::new();
            for record in records {
                answers.push(json!({ "RecordId": format!("record-{}", stream.taken.len()) }));
                stream.taken.push(String::from_utf8_lossy(&record).into_owned());
            }
            Ok(json!({ "FailedPutCount": 0, "Encrypted": false, "RequestResponses": answers }))
        }
        _ => Err(Refusal::new(400, "UnknownOperationException", "")),
    }
}
