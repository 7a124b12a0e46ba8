//! Lambda's side of a function: the Runtime API with exact deadlines and request ids, and asynchronous invocation around
//! it: two retries, then the on-failure destination.
//!
//! It refuses to wait between tries as Lambda does, and to stop a function that outlives its deadline: a test sees by
//! how much it did.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};

use transect_tests::server::serve;

const RETRIES: usize = 2;

/// How one try ended.
#[derive(Clone, Debug)]
pub struct Try {
    /// Error type and message; none for success.
    pub error: Option<(String, String)>,
    /// Milliseconds from the answer to the deadline.
    pub milliseconds_left: i64,
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub tries: Vec<Try>,
}

impl Ended {
    /// The error of the only try.
    pub fn error(&self) -> (&str, &str) {
        let (kind, message) = self.tries.last().unwrap().error.as_ref().expect("the invocation succeeded");
        (kind, message)
    }
}

struct Invocation {
    request_id: String,
    payload: Bytes,
    deadline_unix_milli: u64,
    tries: Vec<Try>,
}

pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    ended: Mutex<Receiver<Ended>>,
    invocations: Mutex<u64>,
}

struct Shared {
    timeout: Duration,
    failed: PathBuf,
    waiting: tokio::sync::mpsc::UnboundedSender<Invocation>,
    next: tokio::sync::Mutex<tokio::sync::mpsc::UnboundedReceiver<Invocation>>,
    under_way: Mutex<HashMap<String, Invocation>>,
    ended: Mutex<Sender<Ended>>,
    first_next: Mutex<Option<SystemTime>>,
}

fn unix_milli() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

impl RuntimeApi {
    pub fn start(runtime: &tokio::runtime::Runtime, timeout: Duration, failed: &Path) -> RuntimeApi {
        let (waiting, next) = tokio::sync::mpsc::unbounded_channel();
        let (ended, receiver) = std::sync::mpsc::channel();
        let shared = Arc::new(Shared {
            timeout,
            failed: failed.to_owned(),
            waiting,
            next: tokio::sync::Mutex::new(next),
            under_way: Mutex::default(),
            ended: Mutex::new(ended),
            first_next: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let address = serve(runtime, move |request| answer(Arc::clone(&state), request));
        RuntimeApi { address, shared, ended: Mutex::new(receiver), invocations: Mutex::new(0) }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Hands an event over, as Lambda's queue does.
    pub fn enqueue(&self, payload: Vec<u8>) {
        let mut count = self.invocations.lock().unwrap();
        *count += 1;
        let request_id = format!("8f5b6c7d-0000-4000-8000-{:012x}", *count);
        let invocation =
            Invocation { request_id, payload: Bytes::from(payload), deadline_unix_milli: 0, tries: Vec::new() };
        self.shared.waiting.send(invocation).ok().unwrap();
    }

    /// The next invocation to end.
    pub fn ended(&self) -> Ended {
        const PATIENCE: Duration = Duration::from_secs(60);
        self.ended.lock().unwrap().recv_timeout(PATIENCE).expect("the function does not answer")
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let parts: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
    match parts[..] {
        ["invocation", "next"] => {
            shared.first_next.lock().unwrap().get_or_insert_with(SystemTime::now);
            let mut invocation = shared.next.lock().await.recv().await.ok_or(std::io::Error::other("over"))?;
            invocation.deadline_unix_milli = unix_milli() + shared.timeout.as_millis() as u64;
            let response = Response::builder()
                .header("lambda-runtime-aws-request-id", &invocation.request_id)
                .header("lambda-runtime-deadline-ms", invocation.deadline_unix_milli)
                .header(
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-2:123456789012:function:transect-forwarder",
                )
                .header(
                    "lambda-runtime-trace-id",
                    "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
                )
                .header("content-type", "application/json")
                .body(Full::new(invocation.payload.clone()))
                .unwrap();
            shared.under_way.lock().unwrap().insert(invocation.request_id.clone(), invocation);
            Ok(response)
        }
        ["invocation", id, kind @ ("response" | "error")] => {
            let mut invocation =
                shared.under_way.lock().unwrap().remove(id).ok_or(std::io::Error::other("unknown id"))?;
            let error = (kind == "error").then(|| {
                let body: Value = serde_json::from_slice(&body).unwrap();
                let text = |key: &str| body[key].as_str().unwrap().to_owned();
                (text("errorType"), text("errorMessage"))
            });
            let milliseconds_left = invocation.deadline_unix_milli as i64 - unix_milli() as i64;
            invocation.tries.push(Try { error: error.clone(), milliseconds_left });
            if error.is_some() && invocation.tries.len() <= RETRIES {
                shared.waiting.send(invocation).ok().unwrap();
            } else {
                if let Some((kind, message)) = error {
                    shared.keep(&invocation, &kind, &message);
                }
                let ended = Ended { tries: invocation.tries };
                // A test that has seen enough may be gone.
                let _ = shared.ended.lock().unwrap().send(ended);
            }
            Ok(Response::builder().status(202).body(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}"))).unwrap())
        }
        _ => Ok(Response::builder().status(404).body(Full::default()).unwrap()),
    }
}

impl Shared {
    /// Writes the event as Lambda's S3 on-failure destination does.
    fn keep(&self, invocation: &Invocation, kind: &str, message: &str) {
        let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
        let folder = self.failed.join(format!("aws/lambda/async/transect-forwarder/{}", now.strftime("%Y/%m/%d")));
        std::fs::create_dir_all(&folder).unwrap();
        let payload: Value = serde_json::from_slice(&invocation.payload)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&invocation.payload)));
        let record = json!({
            "version": "1.0",
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "requestContext": {
                "requestId": invocation.request_id,
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:transect-forwarder:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": invocation.tries.len(),
            },
            "requestPayload": payload,
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": { "errorType": kind, "errorMessage": message },
        });
        let name = format!("{}-{}", now.strftime("%Y-%m-%dT%H.%M.%S"), invocation.request_id);
        std::fs::write(folder.join(name), record.to_string()).unwrap();
    }
}
