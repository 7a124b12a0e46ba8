//! An S3 server with faults on request. Signatures are checked, by `s3s`, and so are paths and preconditions. It refuses
//! to fail by chance: the n-th request of a kind fails, every time.

#![allow(clippy::unwrap_used, missing_docs, reason = "a failure here is the message")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use crate::server::serve;

pub const ACCESS_KEY: &str = "AKIATRANSECTTEST0001";
pub const SECRET_KEY: &str = "secret-of-a-test";

/// What a server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every answer takes so long.
    Latency(Duration),
    /// Every so many-th request is answered with 503.
    Unavailable(usize),
    /// Every so many-th body breaks off in the middle.
    Cut(usize),
    /// Nothing is answered, ever.
    BlackHole,
    /// So many listings are answered, and objects never.
    BlackHoleForObjects,
    /// Every request is refused.
    Denied,
    /// Objects of this name are refused, and everything else is answered.
    DeniedObject(&'static str),
    /// A listing of the sample's day, or of what failed, has two keys more: one with an empty part, one with a control character.
    OddKeys,
}

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub query: String,
    pub from: Instant,
    /// When it was answered; none if it never was.
    pub until: Option<Instant>,
}

impl Seen {
    pub fn is_list(&self) -> bool {
        self.query.contains("list-type=2")
    }

    pub fn is_get(&self) -> bool {
        !self.is_list() && (self.method == "GET" || self.method == "HEAD")
    }

    /// The prefix that a listing is about, as it was sent.
    pub fn prefix(&self) -> Option<String> {
        let prefix = self.query.split('&').find_map(|pair| pair.strip_prefix("prefix="))?;
        Some(prefix.replace("%2F", "/").replace("%3D", "="))
    }
}

/// The most requests of which each began after the one before was answered: as often as the store was waited for.
pub fn rounds(seen: &[Seen]) -> usize {
    let mut answered: Vec<(Instant, Instant)> = seen.iter().filter_map(|seen| Some((seen.until?, seen.from))).collect();
    answered.sort_unstable();
    let mut last = None;
    let mut count = 0;
    for (until, from) in answered {
        if last.is_none_or(|last| from >= last) {
            last = Some(until);
            count += 1;
        }
    }
    count
}

pub struct Store {
    root: TempDir,
    pub endpoint: String,
    fault: Arc<Mutex<Fault>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Store {
    pub fn start(runtime: &tokio::runtime::Runtime) -> Store {
        let root = tempfile::tempdir().unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = Arc::new(builder.build());
        let (fault, seen) = (Arc::new(Mutex::new(Fault::None)), Arc::<Mutex<Vec<Seen>>>::default());
        let state = (Arc::clone(&fault), Arc::clone(&seen));
        let address = serve(runtime, move |request| {
            let (fault, seen, service) = (Arc::clone(&state.0), Arc::clone(&state.1), Arc::clone(&service));
            async move { answer(&service, &fault, &seen, request).await }
        });
        Store { root, endpoint: format!("http://{address}"), fault, seen }
    }

    pub fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// What came in since this was last asked.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// The folder of a bucket; it is there afterwards.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.root.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}

async fn answer(
    service: &S3Service,
    fault: &Mutex<Fault>,
    seen: &Mutex<Vec<Seen>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let noted = Seen {
        method: request.method().to_string(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        from: Instant::now(),
        until: None,
    };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(noted.clone());
        seen.len()
    };
    let fault = *fault.lock().unwrap();
    let path = request.uri().path().to_owned();
    match fault {
        Fault::DeniedObject(name) if noted.is_get() && path.ends_with(name) => {
            return Ok(error(StatusCode::FORBIDDEN, "AccessDenied"));
        }
        Fault::BlackHole => std::future::pending().await,
        Fault::BlackHoleForObjects if !noted.is_list() => std::future::pending().await,
        Fault::Latency(latency) => tokio::time::sleep(latency).await,
        Fault::Unavailable(every) if number.is_multiple_of(every) => {
            return Ok(error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"));
        }
        Fault::Denied => return Ok(error(StatusCode::FORBIDDEN, "AccessDenied")),
        _ => {}
    }
    let answer = service
        .call(request.map(s3s::Body::from))
        .await
        .map_err(|error| std::io::Error::other(format!("{error:?}")))?;
    let (mut head, body) = answer.into_parts();
    let mut body = body.collect().await.map_err(|error| std::io::Error::other(error.to_string()))?.to_bytes();
    if matches!(fault, Fault::Cut(every) if number.is_multiple_of(every)) && body.len() > 1 {
        // As long as the head says, but for half of it.
        head.headers.insert("content-length", body.len().to_string().parse().unwrap());
        body.truncate(body.len() / 2);
    }
    if let (Fault::OddKeys, Some(prefix)) = (fault, noted.prefix().filter(|_| noted.is_list())) {
        let is_day = prefix.ends_with("date=2026-11-21/");
        if is_day || prefix.starts_with("failed/") {
            let hour = if is_day { "hour=08/" } else { "" };
            let entry = |name: &str| {
                format!(
                    "<Contents><Key>{prefix}{hour}{name}</Key><LastModified>2026-11-21T08:00:00.000Z</LastModified>\
                     <ETag>&quot;1&quot;</ETag><Size>7</Size></Contents>"
                )
            };
            let odd = entry("/odd.parquet") + &entry("&#x1b;odd.parquet");
            let page = String::from_utf8(body.to_vec()).unwrap();
            body = page.replace("</ListBucketResult>", &format!("{odd}</ListBucketResult>")).into();
            head.headers.remove("content-length");
        }
    }
    if let Some(seen) = seen.lock().unwrap().get_mut(number - 1) {
        seen.until = Some(Instant::now());
    }
    Ok(Response::from_parts(head, Full::new(body)))
}

fn error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>of a bucket named secret</Message></Error>");
    Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
}
