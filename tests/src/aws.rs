//! An account of AWS on one loopback port, all its regions together: CloudWatch Logs, CloudWatch, STS, Lambda, Firehose and S3, each in
//! its own protocol, so that the real SDK talks to them. Which region is meant is what a request is signed for. Faults come
//! where a test puts them, by count.
//!
//! It refuses to be kinder than the services: their limits, paging and errors hold. It fails nothing by chance and waits for
//! nothing. Signatures are read, and checked for buckets alone, by `s3s`.

#![allow(clippy::unwrap_used, reason = "a stand-in that is asked what it does not know must be seen to fail")]

mod account;
mod answer;
mod buckets;
mod faults;
mod firehose;
mod lambda;
mod live_tail;
mod logs;
mod monitoring;
mod sts;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use serde_json::Value;

pub use account::{Alias, Delivery, Event, Filter, Function, Group, Policy, Region, Stream, Version};
pub use faults::{Fault, When};
pub use live_tail::{LiveTail, Tailed};

use crate::server::serve;
use answer::{AnswerBody, Protocol, Refusal};
use buckets::Buckets;
use faults::{Rule, strike};

/// The account that everything belongs to.
pub const ACCOUNT: &str = "123456789012";
/// Of the key pair that buckets know. The other services take any.
pub const ACCESS_KEY: &str = "AKIATRANSECTTEST0002";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "secret-of-an-account";

/// Longer than this a test waits for nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call that came in, whatever became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The region that it was signed for.
    pub region: String,
    /// As in the signature: `logs`, `sts`, `lambda`, `firehose`, `s3`.
    pub service: String,
    /// As the service's reference names it, such as `PutSubscriptionFilter`.
    pub operation: String,
    /// What was sent. For REST, what the path and the query name stands beside it; an object's content is left out.
    pub body: Value,
    /// Of the answer; 0 if there was none.
    pub status: u16,
}

/// The account.
pub struct Aws {
    address: SocketAddr,
    shared: Arc<Shared>,
    sessions: Mutex<Receiver<LiveTail>>,
}

struct Shared {
    state: Mutex<State>,
    /// A call came in.
    called: Condvar,
    buckets: Buckets,
}

struct State {
    regions: BTreeMap<String, Region>,
    rules: Vec<Rule>,
    calls: Vec<Call>,
    /// Those that tests have taken away.
    calls_taken: usize,
    sessions: Sender<LiveTail>,
    /// Regions whose clock goes ahead, in seconds.
    clocks_ahead: HashMap<String, i64>,
}

impl Aws {
    /// Regions of these names, with nothing in them.
    pub fn start(runtime: &tokio::runtime::Runtime, regions: &[&str]) -> Aws {
        let (sessions, receiver) = std::sync::mpsc::channel();
        let regions = regions.iter().map(|name| ((*name).to_owned(), Region::new(name))).collect();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                regions,
                rules: Vec::new(),
                calls: Vec::new(),
                calls_taken: 0,
                sessions,
                clocks_ahead: HashMap::new(),
            }),
            called: Condvar::new(),
            buckets: Buckets::new(),
        });
        let state = Arc::clone(&shared);
        let address = serve(runtime, move |request| answer(Arc::clone(&state), request));
        Aws { address, shared, sessions: Mutex::new(receiver) }
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at a region, or changes what is in it.
    ///
    /// # Panics
    /// If there is no such region.
    pub fn region<T>(&self, name: &str, edit: impl FnOnce(&mut Region) -> T) -> T {
        edit(self.state().regions.get_mut(name).expect("a region of the account"))
    }

    /// The folder of a bucket, made if it is not there; it lies in this region alone.
    pub fn bucket(&self, region: &str, name: &str) -> PathBuf {
        self.shared.buckets.folder(region, name)
    }

    /// Takes a bucket away, with what is in it.
    pub fn remove_bucket(&self, name: &str) {
        self.shared.buckets.remove(name);
    }

    /// What becomes of calls of an operation in a region from now on. `*` stands for every region or operation, and at the
    /// end of one for how it may go on. Of several rules that strike, the one that was given first does.
    pub fn fail(&self, region: &str, operation: &str, when: When, fault: Fault) {
        self.state().rules.push(Rule::new(region, operation, when, fault));
    }

    /// Nobody answers in this region.
    pub fn fail_region(&self, region: &str) {
        self.fail(region, "*", When::Always, Fault::Cut);
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        self.state().rules.clear();
    }

    /// Sets a region's clock ahead, as its answers' `date` tells it.
    pub fn set_clock_ahead(&self, region: &str, seconds: i64) {
        self.state().clocks_ahead.insert(region.to_owned(), seconds);
    }

    /// All calls so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The calls since this was last asked.
    pub fn take_calls(&self) -> Vec<Call> {
        let mut state = self.state();
        state.calls_taken += state.calls.len();
        std::mem::take(&mut state.calls)
    }

    /// Waits until the calls so far are as a test wants them.
    ///
    /// # Panics
    /// If a minute goes by.
    pub fn wait_for_calls(&self, mut wanted: impl FnMut(&[Call]) -> bool) {
        let waited = self
            .shared
            .called
            .wait_timeout_while(self.state(), PATIENCE, |state| !wanted(&state.calls))
            .expect("no test panicked here");
        assert!(!waited.1.timed_out(), "the calls that were waited for do not come: {:#?}", waited.0.calls);
    }

    /// The next session that somebody starts with `StartLiveTail`, in whatever region.
    ///
    /// # Panics
    /// If a minute goes by.
    pub fn live_tail(&self) -> LiveTail {
        let sessions = self.sessions.lock().expect("no test panicked here");
        sessions.recv_timeout(PATIENCE).expect("nobody starts a session")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed with the lock in its hand has said why.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes a call and says what is to become of it, and the how-manieth it is.
    fn note(&self, call: Call) -> (Option<Fault>, usize) {
        let mut state = self.state();
        let fault = strike(&mut state.rules, &call);
        state.calls.push(call);
        let number = state.calls_taken + state.calls.len() - 1;
        self.called.notify_all();
        (fault, number)
    }

    /// Notes how a call was answered, unless a test has taken it away meanwhile.
    fn note_status(&self, number: usize, status: u16) {
        let mut state = self.state();
        let place = number.checked_sub(state.calls_taken);
        if let Some(call) = place.and_then(|place| state.calls.get_mut(place)) {
            call.status = status;
        }
    }

    /// Does what is asked for, as the service does.
    async fn serve(
        &self,
        protocol: Protocol,
        call: &Call,
        object: Option<Request<Incoming>>,
    ) -> Result<Response<AnswerBody>, std::io::Error> {
        match object {
            Some(request) => self.buckets.answer(call, request).await,
            None => {
                let answer = self.state().answer(protocol, call);
                Ok(answer.unwrap_or_else(|refusal| protocol.refuse(&refusal)))
            }
        }
    }
}

/// What a request says of itself before its body is read.
struct Asked {
    region: String,
    service: String,
}

impl Asked {
    /// From `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`.
    fn read(request: &Request<Incoming>) -> Option<Asked> {
        let header = request.headers().get("authorization")?.to_str().ok()?;
        let scope = header.strip_prefix("AWS4-HMAC-SHA256 Credential=")?.split(',').next()?;
        match scope.split('/').collect::<Vec<_>>()[..] {
            [_, _, region, service, "aws4_request"] => {
                Some(Asked { region: region.to_owned(), service: service.to_owned() })
            }
            _ => None,
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<AnswerBody>, std::io::Error> {
    let Some(asked) = Asked::read(&request) else {
        let refusal = Refusal::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        return Ok(Protocol::Json.refuse(&refusal));
    };
    let protocol = Protocol::of(&asked.service);
    let (call, object) = receive(&asked, protocol, request).await?;
    let (fault, number) = shared.note(call.clone());
    let is_known = shared.state().regions.contains_key(&call.region);
    let mut answer = match fault {
        // A region that the account lacks has no name in the DNS.
        _ if !is_known => return Err(std::io::Error::other("no such region")),
        Some(Fault::Cut) => return Err(std::io::Error::other("cut")),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::CutAfter) => {
            shared.serve(protocol, &call, object).await?;
            return Err(std::io::Error::other("cut after"));
        }
        Some(fault) => protocol.refuse(&Refusal::of(&fault, protocol, &call)),
        None => shared.serve(protocol, &call, object).await?,
    };
    shared.note_status(number, answer.status().as_u16());
    let ahead = shared.state().clocks_ahead.get(&call.region).copied();
    if let Some(seconds) = ahead {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        answer.headers_mut().insert("date", HeaderValue::from_str(&date).unwrap());
    }
    Ok(answer)
}

/// The call that a request is; and the request itself, for S3, whose objects are not read here.
async fn receive(
    asked: &Asked,
    protocol: Protocol,
    request: Request<Incoming>,
) -> Result<(Call, Option<Request<Incoming>>), std::io::Error> {
    if protocol == Protocol::S3 {
        return Ok((buckets::call(asked, &request), Some(request)));
    }
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let call = match protocol {
        Protocol::Json => answer::json_call(asked, &parts, &bytes),
        Protocol::Query => sts::call(asked, &bytes),
        Protocol::Cbor => monitoring::call(asked, &parts),
        _ => lambda::call(asked, &parts, &bytes),
    };
    Ok((call, None))
}

impl State {
    fn answer(&mut self, protocol: Protocol, call: &Call) -> Result<Response<AnswerBody>, Refusal> {
        let region = self.regions.get_mut(&call.region).expect("looked at before");
        let body = match (call.service.as_str(), call.operation.as_str()) {
            ("logs", "StartLiveTail") => return live_tail::start(region, &call.body, &self.sessions),
            ("logs", operation) => logs::answer(region, operation, &call.body)?,
            ("firehose", operation) => firehose::answer(region, operation, &call.body)?,
            ("lambda", operation) => lambda::answer(region, operation, &call.body)?,
            ("sts", operation) => return sts::answer(operation),
            ("monitoring", operation) => monitoring::answer(region, operation)?,
            (service, _) => {
                return Err(Refusal::new(
                    400,
                    "UnknownOperationException",
                    &format!("{service} is not of this stand-in"),
                ));
            }
        };
        Ok(protocol.answer(200, body))
    }
}
