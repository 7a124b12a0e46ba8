//! A Firehose of one region on loopback: the real protocol and limits, the JSON of OpenX's reader, Parquet as the service
//! writes it, and faults where a test asks for them.
//!
//! It refuses to be kinder than the service: what the service would drop in silence (a key that the Glue list lacks) is
//! an error here.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use base64_simd::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use transect_tests::server::serve;

const CALL_RECORDS_MAX: usize = 500;
const CALL_BYTES_MAX: usize = 4 * 1024 * 1024;
const RECORD_BYTES_MAX: usize = 1_000 * 1024;

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// The records of these places fail, with this code.
    Some(Vec<usize>, &'static str),
    /// An error of the service: status and code.
    Error(u16, &'static str),
    /// The connection ends before anything was taken.
    CutBefore,
    /// Everything is taken, and the connection ends before the answer.
    CutAfter,
    /// No answer ever comes.
    Hang,
}

/// A call as a test sees it: the records as text.
pub struct Call {
    pub number: usize,
    pub records: Vec<String>,
}

type Plan = Box<dyn FnMut(&Call) -> Fault + Send>;

pub struct Firehose {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    region: String,
    stream: String,
    lake: PathBuf,
    columns: Vec<(String, String)>,
    plan: Plan,
    calls: usize,
    /// Every record that was ever taken.
    taken: Vec<String>,
    buffered_rows: Vec<BTreeMap<String, Value>>,
    files: usize,
    /// What the conversion to Parquet would have refused or dropped.
    unconverted: Vec<String>,
    /// Requests that the service would have refused before looking at a record.
    rejected: Vec<String>,
}

impl Firehose {
    pub fn start(runtime: &tokio::runtime::Runtime, region: &str, stream: &str, lake: &Path) -> Firehose {
        let glue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/generated/glue-columns.json");
        let glue: Vec<Value> = serde_json::from_slice(&std::fs::read(glue).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let state = Arc::new(Mutex::new(State {
            region: region.to_owned(),
            stream: stream.to_owned(),
            lake: lake.to_owned(),
            columns: glue.iter().map(|column| (text(&column["Name"]), text(&column["Type"]))).collect(),
            plan: Box::new(|_| Fault::None),
            calls: 0,
            taken: Vec::new(),
            buffered_rows: Vec::new(),
            files: 0,
            unconverted: Vec::new(),
            rejected: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let address = serve(runtime, move |request| answer(Arc::clone(&shared), request));
        Firehose { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is to become of the calls from now on.
    pub fn plan(&self, plan: impl FnMut(&Call) -> Fault + Send + 'static) {
        self.state.lock().unwrap().plan = Box::new(plan);
    }

    pub fn calls(&self) -> usize {
        self.state.lock().unwrap().calls
    }

    pub fn taken(&self) -> Vec<String> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Writes what is buffered to the lake, and returns how many rows there were.
    pub fn flush(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        assert_eq!(state.unconverted, Vec::<String>::new());
        assert_eq!(state.rejected, Vec::<String>::new());
        state.flush()
    }

    /// What the service would have refused, which a flush would complain about.
    pub fn take_rejected(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().rejected)
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let (fault, reply) = {
        let mut state = state.lock().unwrap();
        match state.read(&head, &body) {
            Err((code, message)) => {
                state.rejected.push(format!("{code}: {message}"));
                return Ok(error(400, code, &message));
            }
            Ok(records) => {
                let texts = records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
                let call = Call { number: state.calls, records: texts };
                state.calls += 1;
                let fault = (state.plan)(&call);
                let reply = match &fault {
                    Fault::None | Fault::CutAfter => Some(state.take(&call.records, &[], "")),
                    Fault::Some(failed, code) => Some(state.take(&call.records, failed, code)),
                    _ => None,
                };
                (fault, reply)
            }
        }
    };
    match (fault, reply) {
        (Fault::None | Fault::Some(..), Some(reply)) => Ok(json_response(200, &reply)),
        // A message like the service's own, which names what must not be repeated in a log.
        (Fault::Error(status, code), _) => {
            Ok(error(status, code, "Firehose acme-secret-stream under account 123456789012"))
        }
        (Fault::Hang, _) => std::future::pending().await,
        _ => Err(std::io::Error::other("cut")),
    }
}

fn json_response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

fn error(status: u16, code: &str, message: &str) -> Response<Full<Bytes>> {
    json_response(status, &json!({ "__type": code, "message": message }))
}

impl State {
    /// Checks a request as the service does and returns the records' bytes.
    fn read(&self, head: &hyper::http::request::Parts, body: &[u8]) -> Result<Vec<Vec<u8>>, (&'static str, String)> {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if header("x-amz-target") != "Firehose_20150804.PutRecordBatch" || head.method != "POST" {
            return Err(("UnknownOperationException", header("x-amz-target").to_owned()));
        }
        let signed = format!("/{}/firehose/aws4_request", self.region);
        if !header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=")
            || !header("authorization").contains(&signed)
        {
            return Err(("IncompleteSignatureException", "not signed for this region".to_owned()));
        }
        let invalid = |message: &str| ("InvalidArgumentException", message.to_owned());
        let body: Value = serde_json::from_slice(body).map_err(|_| ("SerializationException", String::new()))?;
        if body["DeliveryStreamName"] != *self.stream {
            return Err(("ResourceNotFoundException", "no such stream".to_owned()));
        }
        let records = body["Records"].as_array().filter(|records| !records.is_empty()).ok_or(invalid("no records"))?;
        if records.len() > CALL_RECORDS_MAX {
            return Err(invalid("more than 500 records"));
        }
        let records: Option<Vec<Vec<u8>>> =
            records.iter().map(|record| STANDARD.decode_to_vec(record["Data"].as_str()?).ok()).collect();
        let records = records.ok_or(("SerializationException", "not base64".to_owned()))?;
        if records.iter().any(|record| record.len() > RECORD_BYTES_MAX) {
            return Err(invalid("a record of more than 1000 KiB"));
        }
        if records.iter().map(Vec::len).sum::<usize>() > CALL_BYTES_MAX {
            return Err(invalid("more than 4 MiB"));
        }
        Ok(records)
    }

    /// Takes all records but those of the places given; returns the answer.
    fn take(&mut self, records: &[String], failed: &[usize], code: &str) -> Value {
        let mut responses = Vec::new();
        for (place, record) in records.iter().enumerate() {
            if failed.contains(&place) {
                responses.push(json!({ "ErrorCode": code, "ErrorMessage": "Slow down." }));
                continue;
            }
            responses.push(json!({ "RecordId": format!("{}-{place}", self.calls) }));
            self.taken.push(record.clone());
            for document in record.split_terminator('\n') {
                match self.convert(document) {
                    Ok(row) => self.buffered_rows.push(row),
                    Err(fault) => self.unconverted.push(fault),
                }
            }
        }
        json!({ "FailedPutCount": failed.len(), "Encrypted": false, "RequestResponses": responses })
    }

    /// One document as OpenX reads it: keys of every depth in lower case, columns by name, other types refused.
    fn convert(&self, document: &str) -> Result<BTreeMap<String, Value>, String> {
        let Ok(Value::Object(object)) = serde_json::from_str(document) else {
            return Err(format!("not an object: {document:.200}"));
        };
        let mut row = BTreeMap::new();
        for (key, value) in object {
            let key = key.to_lowercase();
            let Some((_, kind)) = self.columns.iter().find(|(name, _)| *name == key) else {
                return Err(format!("Glue has no column {key}"));
            };
            let fits = match kind.as_str() {
                "bigint" => value.is_i64(),
                "int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                "double" => value.is_number() || value.is_null(),
                "boolean" => value.is_boolean(),
                "string" => value.is_string(),
                other => panic!("a type that this stand-in does not know: {other}"),
            };
            if !fits {
                return Err(format!("{key} is not a {kind}"));
            }
            row.insert(key, value);
        }
        Ok(row)
    }

    fn flush(&mut self) -> usize {
        let rows = std::mem::take(&mut self.buffered_rows);
        if rows.is_empty() {
            return 0;
        }
        let columns = self.columns.iter().map(|(name, kind)| {
            let values = rows.iter().map(|row| row.get(name));
            let array: ArrayRef = match kind.as_str() {
                "bigint" => Arc::new(values.map(|value| value.and_then(Value::as_i64)).collect::<Int64Array>()),
                "int" => Arc::new(
                    values
                        .map(|value| value.and_then(Value::as_i64).map(|number| number as i32))
                        .collect::<Int32Array>(),
                ),
                "double" => Arc::new(values.map(|value| value.and_then(Value::as_f64)).collect::<Float64Array>()),
                "boolean" => Arc::new(values.map(|value| value.and_then(Value::as_bool)).collect::<BooleanArray>()),
                _ => Arc::new(values.map(|value| value.and_then(Value::as_str)).collect::<StringArray>()),
            };
            (name.clone(), array, true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
        let folder = self.lake.join(format!(
            "landing/region={}/date={}/hour={}",
            self.region,
            now.strftime("%Y-%m-%d"),
            now.strftime("%H")
        ));
        std::fs::create_dir_all(&folder).unwrap();
        self.files += 1;
        let name = format!("{}-1-{}-{}.parquet", self.stream, now.strftime("%Y-%m-%d-%H-%M-%S"), self.files);
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let properties =
            WriterProperties::builder().set_compression(Compression::SNAPPY).set_bloom_filter_enabled(false).build();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        rows.len()
    }
}

/// Counts of every document that was taken, by event id.
pub fn event_ids(taken: &[String]) -> HashMap<String, usize> {
    let mut ids = HashMap::new();
    for document in taken.iter().flat_map(|record| record.split_terminator('\n')) {
        let document: Value = serde_json::from_str(document).unwrap();
        *ids.entry(document["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    ids
}
