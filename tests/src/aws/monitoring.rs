//! CloudWatch as far as `transect doctor` asks it: what CloudWatch Logs counted of its subscriptions, in RPC v2 CBOR. It refuses
//! to read a question: whoever asks is told both metrics, one after the other.

use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::account::Region;
use super::answer::Refusal;
use super::{Asked, Call};

/// The call that a request is: its path ends in the operation.
pub(super) fn call(asked: &Asked, parts: &Parts) -> Call {
    let operation = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    Call { region: asked.region.clone(), service: asked.service.clone(), operation, body: Value::Null, status: 0 }
}

pub(super) fn answer(region: &Region, operation: &str) -> Result<Value, Refusal> {
    if operation != "GetMetricData" {
        return Err(Refusal::new(400, "UnknownOperationException", operation));
    }
    let results: Vec<Value> = region
        .deliveries
        .iter()
        .map(|delivery| {
            json!({
                "Id": if delivery.is_throttled { "throttled" } else { "refused" },
                "Label": format!("{}:{}", delivery.group, delivery.filter),
                "Timestamps": [{ TIME: delivery.minute_unix_milli / 1_000 }],
                "Values": [delivery.events],
                "StatusCode": "Complete",
            })
        })
        .collect();
    Ok(json!({ "MetricDataResults": results, "Messages": [] }))
}

/// The key of an object that stands for a time, in seconds since 1970.
const TIME: &str = "$time";

/// A value as CBOR (RFC 8949): numbers are doubles.
pub(super) fn encode(value: &Value) -> Bytes {
    let mut out = Vec::new();
    write(value, &mut out);
    Bytes::from(out)
}

fn write(value: &Value, out: &mut Vec<u8>) {
    let (kind_of_text, array, map, tag) = (3, 4, 5, 6);
    match value {
        Value::Object(object) if object.contains_key(TIME) => {
            head(tag, 1, out);
            write(&object[TIME], out);
        }
        Value::Object(object) => {
            head(map, object.len(), out);
            for (key, value) in object {
                write(&Value::from(key.as_str()), out);
                write(value, out);
            }
        }
        Value::Array(values) => {
            head(array, values.len(), out);
            values.iter().for_each(|value| write(value, out));
        }
        Value::String(text) => {
            head(kind_of_text, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => {
            out.push(0xfb);
            out.extend_from_slice(&number.as_f64().unwrap_or_default().to_be_bytes());
        }
        Value::Bool(yes) => out.push(if *yes { 0xf5 } else { 0xf4 }),
        Value::Null => out.push(0xf6),
    }
}

fn head(kind: u8, length: usize, out: &mut Vec<u8>) {
    match length {
        0..24 => out.push(kind << 5 | length as u8),
        _ => {
            out.push(kind << 5 | 26);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}
