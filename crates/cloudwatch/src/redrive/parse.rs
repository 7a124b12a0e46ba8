//! What stands in an object that was left: Lambda's record of an invocation that failed, or Firehose's lines about records that
//! it could not convert. It refuses to guess: what cannot be read has a reason, in words that repeat nothing of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use transect_lake::LakeError;
use transect_normalize::{Origin, decode_within};
use transect_schema::{COLUMNS, Column, ColumnType, Record, SCHEMA_VERSION, Value};

use super::{Redrive, Stores};

/// What a payload may inflate to: more than any forwarder's limit, because whoever redrives has looked at the cause.
const DECODED_BYTES_MAX: usize = 1 << 30;
/// Error types and codes are words; longer texts are somebody's data.
const CAUSE_BYTES_MAX: usize = 64;

/// What an object held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Log events, or records of Firehose's.
    pub events: u64,
    /// Rows.
    pub records: u64,
    /// The lines that cannot be read, as they stood.
    pub rest: Option<Vec<u8>>,
    /// Why not.
    pub rest_reason: String,
}

type Each<'e> = &'e mut dyn FnMut(&Record<'_>) -> Result<(), LakeError>;

/// Lambda's record of an invocation that failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'i> {
    #[serde(borrow, default)]
    request_payload: Option<&'i RawValue>,
    #[serde(default)]
    request_context: Context,
    #[serde(default)]
    response_payload: Json,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    condition: String,
}

/// Reads an event that Lambda kept. The inner error is the object's fault.
pub(super) fn parse_failed(
    bytes: &[u8],
    stores: &Stores,
    how: &Redrive<'_>,
    each: Each<'_>,
) -> Result<Result<Parsed, String>, LakeError> {
    let Ok(invocation) = serde_json::from_slice::<Invocation<'_>>(bytes) else {
        return Ok(Err("not a record of a failed invocation".to_owned()));
    };
    let Some(payload) = invocation.request_payload else {
        return Ok(Err("Lambda has kept no payload".to_owned()));
    };
    normalize(payload.get().as_bytes(), stores, how, each)
}

/// Runs a payload of CloudWatch Logs through the normaliser.
fn normalize(
    payload: &[u8],
    stores: &Stores,
    how: &Redrive<'_>,
    each: Each<'_>,
) -> Result<Result<Parsed, String>, LakeError> {
    let payload = match decode_within(payload, DECODED_BYTES_MAX) {
        Ok(payload) => payload,
        // The message names places in the payload and none of its content.
        Err(error) => return Ok(Err(error.to_string())),
    };
    let origin = Origin { region: &stores.region, account: None, now_unix_nano: how.now_unix_nano };
    let (mut outcome, mut parsed) = (Ok(()), Parsed::default());
    let own = stores.names.own_groups();
    for document in payload.documents() {
        // Whoever subscribed a group of the deployment's own has had its lines kept with all others; they are nobody's telemetry.
        if own.iter().any(|group| group == document.log_group()) {
            parsed.events += document.event_count() as u64;
            continue;
        }
        let (stats, _) = how.normalizer.normalize_others(document, &origin, &mut |record| {
            if outcome.is_ok() {
                outcome = each(record);
                parsed.records += 1;
            }
        });
        parsed.events += stats.events;
    }
    outcome?;
    Ok(Ok(parsed))
}

/// A line of Firehose's about a record that it could not convert. Documentation and service name the error differently.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unconverted<'u> {
    #[serde(borrow, default)]
    raw_data: Cow<'u, str>,
    #[serde(borrow, default)]
    last_error_code: Option<Cow<'u, str>>,
    #[serde(borrow, default)]
    error_code: Option<Cow<'u, str>>,
}

impl Unconverted<'_> {
    fn code(&self) -> String {
        plain(self.last_error_code.as_deref().or(self.error_code.as_deref()).unwrap_or_default(), "no error code")
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// Reads Firehose's lines. Those that cannot be read are handed back as they stood; the inner error is for an object of which
/// nothing can be read.
pub(super) fn parse_errors(
    bytes: &[u8],
    stores: &Stores,
    how: &Redrive<'_>,
    each: Each<'_>,
) -> Result<Result<Parsed, String>, LakeError> {
    let (mut whole, mut rest) = (Parsed::default(), Vec::new());
    for line in lines(bytes) {
        match parse_error_line(line, stores, how)? {
            Ok((events, records)) => {
                for record in &records {
                    each(record)?;
                }
                whole.events += events;
                whole.records += records.len() as u64;
            }
            Err(reason) => {
                rest.extend_from_slice(line);
                rest.push(b'\n');
                whole.rest_reason = reason;
            }
        }
    }
    if whole.events == 0 {
        let reason = std::mem::take(&mut whole.rest_reason);
        return Ok(Err(if reason.is_empty() { "there is nothing in it".to_owned() } else { reason }));
    }
    whole.rest = (!rest.is_empty()).then_some(rest);
    Ok(Ok(whole))
}

/// The records of one of Firehose's: all of them, or none and why.
type Line = Result<(u64, Vec<Record<'static>>), String>;

fn parse_error_line(line: &[u8], stores: &Stores, how: &Redrive<'_>) -> Result<Line, LakeError> {
    let Ok(unconverted) = serde_json::from_slice::<Unconverted<'_>>(line) else {
        return Ok(Err("not a line of Firehose's error output".to_owned()));
    };
    let Ok(raw) = base64_simd::STANDARD.decode_to_vec(unconverted.raw_data.as_bytes()) else {
        return Ok(Err("rawData is not base64".to_owned()));
    };
    let mut records = Vec::new();
    let mut documents = 0;
    for document in lines(&raw) {
        documents += 1;
        let Ok(Json::Object(object)) = serde_json::from_slice::<Json>(document) else {
            return Ok(Err(format!("rawData holds what is not a JSON object ({})", unconverted.code())));
        };
        if object.contains_key("event_id") && object.contains_key("observed_time_unix_nano") {
            match record_of(object) {
                Some(record) => records.push(record),
                None => return Ok(Err("a row without a time".to_owned())),
            }
            continue;
        }
        // Somebody has put a payload of CloudWatch Logs into the stream, without the forwarder.
        let mut push = |record: &Record<'_>| {
            records.push(record.clone().into_owned());
            Ok(())
        };
        if let Err(reason) = normalize(document, stores, how, &mut push)? {
            return Ok(Err(reason));
        }
    }
    Ok(match documents {
        0 => Err("rawData is empty".to_owned()),
        _ => Ok((1, records)),
    })
}

/// A row out of its JSON form. A value that its column cannot hold, which is what Firehose refuses, goes to the attributes,
/// and so does a key that is no column: nothing that came in is dropped.
fn record_of(mut object: Map<String, Json>) -> Option<Record<'static>> {
    object.get("observed_time_unix_nano").and_then(Json::as_i64)?;
    let mut odd = Map::new();
    for column in COLUMNS {
        if let Some(value) = object.get(column.name)
            && !value.is_null()
            && typed(column, value).is_none()
            && let Some(value) = object.remove(column.name)
        {
            odd.insert(column.name.to_owned(), value);
        }
    }
    let foreign: Vec<String> =
        object.keys().filter(|key| COLUMNS.iter().all(|column| column.name != *key)).cloned().collect();
    for key in foreign {
        if let Some(value) = object.remove(&key) {
            odd.insert(key, value);
        }
    }
    if !odd.is_empty() {
        let attributes = object.get("attributes").and_then(Json::as_str);
        let mut all: Map<String, Json> =
            attributes.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        for (key, value) in odd {
            all.insert(format!("transect.unconverted.{key}"), value);
        }
        object.insert("attributes".to_owned(), Json::String(Json::Object(all).to_string()));
    }
    let version = Json::from(SCHEMA_VERSION);
    object.entry("schema_version").or_insert(version);
    let time = object.get("observed_time_unix_nano").cloned()?;
    object.entry("time_unix_nano").or_insert(time);
    Some(Record::from_values(|index| {
        let column = COLUMNS.get(index)?;
        typed(column, object.get(column.name)?)
    }))
}

fn typed<'v>(column: &Column, value: &'v Json) -> Option<Value<'v>> {
    match column.column_type {
        ColumnType::BigInt => value.as_i64().map(Value::BigInt),
        ColumnType::Int => value.as_i64().and_then(|number| i32::try_from(number).ok()).map(Value::Int),
        ColumnType::Double => value.as_f64().map(Value::Double),
        ColumnType::Boolean => value.as_bool().map(Value::Boolean),
        ColumnType::String => value.as_str().map(Value::String),
    }
}

/// Why Lambda kept an event: the forwarder's error type, else Lambda's condition; and its log events, where it can be read.
pub(super) fn cause_of_failed(bytes: &[u8]) -> (String, u64) {
    let Ok(invocation) = serde_json::from_slice::<Invocation<'_>>(bytes) else {
        return ("unreadable".to_owned(), 0);
    };
    let error_type = invocation.response_payload.get("errorType").and_then(Json::as_str);
    let cause = plain(error_type.unwrap_or(&invocation.request_context.condition), "unknown");
    let payload =
        invocation.request_payload.and_then(|payload| decode_within(payload.get().as_bytes(), DECODED_BYTES_MAX).ok());
    let events = payload.map_or(0, |payload| payload.documents().map(|document| document.event_count() as u64).sum());
    (cause, events)
}

/// Why Firehose could not convert: the code of the first line; and how many lines there are.
pub(super) fn cause_of_errors(bytes: &[u8]) -> (String, u64) {
    let mut found = lines(bytes);
    let cause = found
        .next()
        .and_then(|line| serde_json::from_slice::<Unconverted<'_>>(line).ok())
        .map_or("unreadable".to_owned(), |line| line.code());
    (cause, lines(bytes).count() as u64)
}

/// A word of a service, and nothing else.
fn plain(text: &str, otherwise: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let word: String = text.chars().filter(is_plain).take(CAUSE_BYTES_MAX).collect();
    if word.is_empty() { otherwise.to_owned() } else { word }
}
