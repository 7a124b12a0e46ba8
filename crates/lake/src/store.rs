//! The object store of one region, as one question uses it: its place and, where that does not answer, its replica. Every
//! request is bounded: a region that stalls is given up for the question, by name and with the reason. What is open, and how
//! it has answered, is shared by all questions of a process.
//!
//! It refuses to hide: what was read from a replica, and what was not read at all, can be asked for afterwards.

use std::fmt;
use std::future::Future;
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider, S3ConditionalPut, resolve_bucket_region};
use object_store::client::{HttpClient, HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ClientOptions, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RetryConfig, coalesce_ranges,
};
use tokio::sync::{OnceCell, watch};

use crate::directory::Directory;
use crate::health::Health;
use crate::location::{Bucket, Place};
use crate::odd::OddKey;
use crate::pages::Pages;
use crate::partition::LANDING;
use crate::requests::{Connector, Requests};
use crate::writer::create_private_directory;
use crate::{LakeError, RegionLocation};

type StoreResult<T> = object_store::Result<T>;

/// How buckets are reached. Whoever calls has it from the environment; this crate reads none.
#[derive(Clone, Debug)]
pub struct Access {
    /// Signs requests; without one no bucket can be read.
    pub credentials: Option<AwsCredentialProvider>,
    /// The region of buckets that no region's name tells of.
    pub region: Option<String>,
    /// The URL of the store, where it is not AWS's own and the place names none.
    pub endpoint: Option<String>,
    /// How long a region may be silent before it counts as one that does not answer.
    pub region_timeout: Duration,
    client: Arc<OnceLock<HttpClient>>,
}

impl Access {
    /// Access to directories alone, of regions that may be silent for so long.
    pub fn within(region_timeout: Duration) -> Access {
        Access { region_timeout, ..Access::default() }
    }
}

/// As the design has it.
pub const REGION_TIMEOUT: Duration = Duration::from_secs(10);

impl Default for Access {
    fn default() -> Access {
        Access {
            credentials: None,
            region: None,
            endpoint: None,
            region_timeout: REGION_TIMEOUT,
            client: Arc::default(),
        }
    }
}

/// A connection that takes longer than this is not going to come.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(3);
/// A part of the region's time: what a single attempt may take to be answered, so that there is a second and a third.
const ATTEMPTS: u32 = 3;
/// Slower than this a region counts as not answering: each request has the region's timeout and this on top.
const BYTES_PER_SECOND_MIN: u64 = 64 << 10;
/// Two wanted parts of an object with less than this between them are one request: its price is a round trip.
const GAP_BYTES_MAX: u64 = 1 << 20;
/// Objects of a place that may be refused before it is the place that refuses: a key or an archive keeps a few files shut, a
/// missing permission all of them.
const DENIED_OBJECTS_MAX: usize = 32;
/// Attempts come after waits of full jitter, at first up to 50 ms and at most a second.
const BACKOFF: BackoffConfig =
    BackoffConfig { init_backoff: Duration::from_millis(50), max_backoff: Duration::from_secs(1), base: 2. };

/// Signs with the SDK's credentials, or says why there are none.
#[derive(Debug, thiserror::Error)]
#[error("no AWS credentials: {0}")]
pub struct CredentialsError(pub String);

/// From where a region's files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// From its own place.
    Primary,
    /// From its replica, because of this.
    Replica(String),
    /// Not at all, because of this.
    Nothing(String),
}

/// The store of one region, for one question. Paths are those of the design: `landing/region=…`.
pub struct RegionStore {
    region: Arc<Region>,
    serving: watch::Sender<Serving>,
    /// Whether the question has found out that the place, and its replica, may be asked.
    is_admitted: [AtomicBool; 2],
    requests: Arc<Requests>,
    /// Whether a listing was answered, so that the place may be read at all.
    has_listed: AtomicBool,
    denied_objects: AtomicUsize,
}

/// What all questions share of a region.
struct Region {
    location: RegionLocation,
    access: Access,
    primary: OnceCell<Arc<dyn ObjectStore>>,
    replica: OnceCell<Arc<dyn ObjectStore>>,
    /// Of the place, and of its replica.
    health: [Arc<Health>; 2],
}

/// What is in a folder.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// What can be read.
    pub objects: Vec<ObjectMeta>,
    /// What cannot, because of its name or what stands under it.
    pub odd: Vec<OddKey>,
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject<'p> {
    /// An object that is to be read.
    Object(&'p Path),
    /// What lies in a folder.
    Listing,
    /// Something that is to be changed.
    Change,
}

impl RegionStore {
    /// A store that nothing has been asked of yet.
    pub fn new(location: RegionLocation, access: Access) -> RegionStore {
        RegionStore::of(Arc::new(Region {
            location,
            access,
            primary: OnceCell::new(),
            replica: OnceCell::new(),
            health: Default::default(),
        }))
    }

    /// A store over others that are open already.
    pub fn over(
        location: RegionLocation,
        access: Access,
        primary: Arc<dyn ObjectStore>,
        replica: Option<Arc<dyn ObjectStore>>,
    ) -> RegionStore {
        let (primary, replica) = (OnceCell::new_with(Some(primary)), OnceCell::new_with(replica));
        RegionStore::of(Arc::new(Region { location, access, primary, replica, health: Default::default() }))
    }

    /// The same region for another question, which is asked anew whether it answers, and has counts of its own.
    pub fn for_question(&self) -> RegionStore {
        RegionStore::of(Arc::clone(&self.region))
    }

    fn of(region: Arc<Region>) -> RegionStore {
        RegionStore {
            region,
            serving: watch::Sender::new(Serving::Primary),
            is_admitted: Default::default(),
            requests: Arc::default(),
            has_listed: AtomicBool::new(false),
            denied_objects: AtomicUsize::new(0),
        }
    }

    /// Whose store it is.
    pub fn location(&self) -> &RegionLocation {
        &self.region.location
    }

    /// From where files are read since the last request.
    pub fn serving(&self) -> Serving {
        self.serving.borrow().clone()
    }

    /// What was asked of buckets for the question so far.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Whether a file lies on this machine, so that reading it again costs nothing.
    pub fn is_local(&self) -> bool {
        self.location().place().directory().is_some()
    }

    /// Whether a directory is there and may be listed. A bucket is not asked.
    pub fn check(&self) -> crate::Result<()> {
        self.location().place().directory().map_or(Ok(()), check)
    }
}

impl Region {
    /// The place, or its replica if it has one.
    fn place(&self, is_replica: bool) -> Option<(&Place, &OnceCell<Arc<dyn ObjectStore>>)> {
        match is_replica {
            false => Some((self.location.place(), &self.primary)),
            true => Some((self.location.replica()?, &self.replica)),
        }
    }

    async fn store(&self, is_replica: bool) -> StoreResult<&Arc<dyn ObjectStore>> {
        let (place, cell) = self.place(is_replica).ok_or_else(|| generic("there is no replica".into()))?;
        cell.get_or_try_init(|| self.open(place, is_replica)).await
    }

    /// Whether the place answers: its listing, and the object that it did not answer for.
    async fn probe(self: Arc<Region>, is_replica: bool, object: Option<Path>) -> Result<(), String> {
        let asked = async {
            let store = self.store(is_replica).await?;
            let Some(object) = object else {
                // No more than questions list, who may not be allowed to list more.
                let folder = match self.location.name() {
                    Some(name) => format!("{LANDING}/region={name}"),
                    None => LANDING.to_owned(),
                };
                return store.list_with_delimiter(Some(&Path::from(folder))).await.map(drop);
            };
            let first = GetOptions { range: Some(object_store::GetRange::Bounded(0..1)), ..GetOptions::default() };
            store.get_opts(&object, first).await?.bytes().await.map(drop)
        };
        match tokio::time::timeout(self.access.region_timeout, asked).await {
            Ok(Err(error)) if !is_about_object(&error) && !is_refusal(&error) => Err(reason(&error)),
            Ok(_) => Ok(()),
            Err(_) => Err(no_answer_within(self.access.region_timeout)),
        }
    }

    async fn open(&self, place: &Place, is_replica: bool) -> StoreResult<Arc<dyn ObjectStore>> {
        match place {
            Place::Directory(directory) => {
                check(directory).map_err(|error| generic(Box::new(error)))?;
                Ok(Arc::new(Directory::new(directory)?))
            }
            Place::Bucket(bucket) => self.open_bucket(bucket, is_replica).await,
        }
    }

    async fn open_bucket(&self, bucket: &Bucket, is_replica: bool) -> StoreResult<Arc<dyn ObjectStore>> {
        let access = &self.access;
        let Some(credentials) = &access.credentials else {
            return Err(generic(Box::new(CredentialsError("none were looked for".to_owned()))));
        };
        let timeout = access.region_timeout;
        let answer_within = timeout / ATTEMPTS;
        let endpoint = bucket.endpoint().or(access.endpoint.as_deref());
        let options = ClientOptions::new()
            .with_connect_timeout(answer_within.min(CONNECT_TIMEOUT_MAX))
            // Large parts over slow lines take their time; stalls are noticed below, by progress.
            .with_timeout_disabled()
            .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")));
        let named = self.location.name().filter(|_| !is_replica);
        let region = match named.or(access.region.as_deref().filter(|_| !is_replica)) {
            Some(region) => region.to_owned(),
            // Stores of other makers sign for any region.
            None if endpoint.is_some() => "us-east-1".to_owned(),
            None => resolve_bucket_region(bucket.name(), &options).await?,
        };
        let connector = Connector { client: Arc::clone(&access.client), answer_within };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket.name())
            .with_region(region)
            .with_credentials(Arc::clone(credentials))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .with_http_connector(connector)
            .with_retry(RetryConfig { backoff: BACKOFF, max_retries: usize::MAX, retry_timeout: timeout })
            // A dot in a bucket's name does not fit AWS's certificate.
            .with_virtual_hosted_style_request(endpoint.is_none() && !bucket.name().contains('.'));
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = Pages::of(builder.build()?);
        if bucket.prefix().is_empty() {
            return Ok(Arc::new(store));
        }
        Ok(Arc::new(PrefixStore::new(store, Path::parse(bucket.prefix())?)))
    }
}

impl RegionStore {
    /// Asks the place that serves, within the bound for so many bytes; goes over to the replica, or gives up.
    async fn ask<T, F>(
        &self,
        subject: Subject<'_>,
        bytes: u64,
        call: impl Fn(Arc<dyn ObjectStore>) -> F,
    ) -> StoreResult<T>
    where
        F: Future<Output = StoreResult<T>>,
    {
        let region = &self.region;
        let mut serving = self.serving.subscribe();
        loop {
            let (place, is_replica) = match (&*serving.borrow_and_update(), region.location.replica()) {
                (Serving::Primary, _) => (region.location.place(), false),
                (Serving::Replica(_), Some(replica)) => (replica, true),
                (Serving::Replica(reason) | Serving::Nothing(reason), _) => {
                    return Err(generic(Box::new(GivenUp { reason: reason.clone() })));
                }
            };
            // The primary leaves its replica half of the region's time.
            let share = if region.location.replica().is_some() { 2 } else { 1 };
            let bound = region.access.region_timeout / share + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
            let began = tokio::time::Instant::now();
            let asked = async {
                self.admit(is_replica).await?;
                let store = region.store(is_replica).await.map_err(Refusal::Store)?;
                loop {
                    match call(Arc::clone(store)).await {
                        // The time for many bytes is not for one that sends none.
                        Err(error) if is_silence(&error) && began.elapsed() >= region.access.region_timeout / share => {
                            break Err(Refusal::Store(error));
                        }
                        // The store itself tries again but for the bodies of listings.
                        Err(error) if breaks_off(&error) => tokio::time::sleep(BACKOFF.init_backoff).await,
                        answer => break answer.map_err(Refusal::Store),
                    }
                }
            };
            let asked = Requests::counting(&self.requests, asked);
            let answer = tokio::select! {
                answer = tokio::time::timeout(bound, asked) => answer,
                // Another request has found out; waiting for the same would double the time.
                _ = serving.changed() => continue,
            };
            let health = &region.health[usize::from(is_replica)];
            let reason = match answer {
                Ok(Ok(answer)) => {
                    health.answered(matches!(subject, Subject::Object(_)));
                    self.has_listed.fetch_or(subject == Subject::Listing, Relaxed);
                    return Ok(answer);
                }
                // The place has answered: it is the object that is amiss.
                Ok(Err(Refusal::Store(error)))
                    if is_about_object(&error) || self.is_shut(subject, place, is_replica, &error) =>
                {
                    return Err(error);
                }
                // Its health is known.
                Ok(Err(Refusal::Silent(reason))) => {
                    self.failed(is_replica, reason);
                    continue;
                }
                // It answers at once, and each question finds that out by itself.
                Ok(Err(Refusal::Store(error))) if is_refusal(&error) => {
                    self.failed(is_replica, reason(&error));
                    continue;
                }
                Ok(Err(Refusal::Store(error))) => reason(&error),
                Err(_) => no_answer_within(bound),
            };
            let object = if let Subject::Object(path) = subject { Some(path) } else { None };
            health.failed(&reason, object);
            self.failed(is_replica, reason);
        }
    }

    /// Waits, once a question, until it is known whether the place may be asked.
    async fn admit(&self, is_replica: bool) -> Result<(), Refusal> {
        let is_admitted = &self.is_admitted[usize::from(is_replica)];
        if is_admitted.load(Relaxed) {
            return Ok(());
        }
        // An open directory that is gone lists nothing, as an empty one does.
        if let Some(directory) = self.region.place(is_replica).and_then(|(place, _)| place.directory()) {
            check(directory).map_err(|error| Refusal::Store(generic(Box::new(error))))?;
        }
        let region = Arc::clone(&self.region);
        let probe = move |object| region.probe(is_replica, object);
        self.region.health[usize::from(is_replica)].admits(probe).await.map_err(Refusal::Silent)?;
        is_admitted.store(true, Relaxed);
        Ok(())
    }

    /// Whether it is this object alone that may not be read. A replica may well have it open.
    fn is_shut(&self, subject: Subject<'_>, place: &Place, is_replica: bool, error: &Error) -> bool {
        if !matches!(subject, Subject::Object(_)) {
            return false;
        }
        match place.directory() {
            Some(directory) => check(directory).is_ok(),
            None => {
                (is_replica || self.location().replica().is_none())
                    && matches!(error, Error::PermissionDenied { .. })
                    && self.has_listed.load(Relaxed)
                    && self.denied_objects.fetch_add(1, Relaxed) < DENIED_OBJECTS_MAX
            }
        }
    }

    fn failed(&self, was_replica: bool, reason: String) {
        self.serving.send_if_modified(|serving| {
            let next = match (&*serving, was_replica) {
                (Serving::Primary, false) if self.location().replica().is_some() => Serving::Replica(reason),
                (Serving::Primary, false) => Serving::Nothing(reason),
                (Serving::Replica(primary), true) => Serving::Nothing(format!("{primary}; its replica: {reason}")),
                // Somebody else was faster.
                _ => return false,
            };
            *serving = next;
            true
        });
    }
}

/// Files that hold logs are their owner's alone, and so are the folders above them; a file appears whole.
fn write_private(directory: &std::path::Path, path: &Path, bytes: &[u8]) -> crate::Result<()> {
    let (folder, file) = private_place(directory, path)?;
    let failure = |error| LakeError::from_io("write", &file, error);
    let mut temporary = tempfile::NamedTempFile::new_in(&folder).map_err(failure)?;
    temporary.write_all(bytes).and_then(|()| temporary.as_file().sync_all()).map_err(failure)?;
    temporary.persist(&file).map(drop).map_err(|error| failure(error.error))
}

fn rename_private(directory: &std::path::Path, from: &Path, to: &Path) -> std::io::Result<()> {
    let (_, file) = private_place(directory, to).map_err(std::io::Error::other)?;
    std::fs::rename(directory.join(from.as_ref()), &file)
}

/// The folder of a file, made where it is not there yet, and the file.
fn private_place(directory: &std::path::Path, path: &Path) -> crate::Result<(PathBuf, PathBuf)> {
    let file = directory.join(path.as_ref());
    let folder = file.parent().unwrap_or(directory).to_owned();
    create_private_directory(&folder)?;
    Ok((folder, file))
}

/// Whether a directory is there and may be listed.
fn check(directory: &std::path::Path) -> crate::Result<()> {
    match std::fs::read_dir(directory) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(LakeError::NoSuchDirectory(directory.to_owned()))
        }
        Err(error) => Err(LakeError::from_io("list", directory, error)),
    }
}

/// Why a question was not answered.
enum Refusal {
    /// The place did not answer others either.
    Silent(String),
    Store(Error),
}

fn no_answer_within(bound: Duration) -> String {
    format!("no answer within {bound:?}")
}

/// The region was given up before this request.
#[derive(Debug, thiserror::Error)]
#[error("the region does not answer: {reason}")]
struct GivenUp {
    reason: String,
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Generic { store: "region", source }
}

/// Whether the error is about the one object asked for, which some other place would not have either.
fn is_about_object(error: &Error) -> bool {
    match error {
        // A bucket that does not exist is not found either.
        Error::NotFound { .. } => s3_code(error).is_none_or(|code| code != "NoSuchBucket"),
        Error::AlreadyExists { .. }
        | Error::Precondition { .. }
        | Error::NotModified { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::InvalidPath { .. } => true,
        _ if OddKey::is(error) => true,
        _ => matches!(http_status(error), Some(416 | 501)),
    }
}

/// Whether the place has answered that it will not.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
        || http_status(error).is_some_and(|status| (400..500).contains(&status) && !matches!(status, 408 | 429))
}

/// Whether nothing came for too long.
fn is_silence(error: &Error) -> bool {
    find::<HttpError>(error).is_some_and(|error| matches!(error.kind(), HttpErrorKind::Timeout))
}

/// Whether an answer began and did not end.
fn breaks_off(error: &Error) -> bool {
    find::<HttpError>(error).is_some_and(|error| {
        matches!(error.kind(), HttpErrorKind::Interrupted | HttpErrorKind::Request | HttpErrorKind::Timeout)
    })
}

/// Why a place does not serve, in words that name neither bucket nor key: the messages of the store hold both.
fn reason(error: &Error) -> String {
    if let Some(error) = find::<CredentialsError>(error) {
        return error.to_string();
    }
    if let Some(error) = find::<LakeError>(error) {
        return error.to_string();
    }
    if let Some(odd) = find::<OddKey>(error) {
        return odd.to_string();
    }
    if let Some(http) = find::<HttpError>(error) {
        return match http.kind() {
            HttpErrorKind::Connect => "cannot connect",
            HttpErrorKind::Timeout => "no answer",
            HttpErrorKind::Request | HttpErrorKind::Interrupted => "connections break off",
            _ => "answers are no HTTP",
        }
        .to_owned();
    }
    let code = s3_code(error);
    let described = match (error, http_status(error), code.as_deref()) {
        (_, _, Some("NoSuchBucket")) => "the bucket does not exist".to_owned(),
        (Error::PermissionDenied { .. }, ..) | (_, Some(403), _) => "access denied".to_owned(),
        (Error::Unauthenticated { .. }, ..) | (_, Some(401), _) => "the credentials are not accepted".to_owned(),
        (_, Some(301 | 307 | 400), _) => "the bucket lies in another region, or refuses the request".to_owned(),
        (_, Some(status), _) => format!("HTTP status {status}"),
        _ => match find::<std::io::Error>(error) {
            Some(error) => error.to_string(),
            None => "answers cannot be read".to_owned(),
        },
    };
    match code {
        Some(code) => format!("{described} ({code})"),
        None => described,
    }
}

/// The first error of a type among an error and its causes.
fn find<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The store's types for this are its own, so it is read from their text.
fn http_status(error: &Error) -> Option<u16> {
    let text = chain(error);
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// S3's word for what is wrong, such as `SlowDown`.
fn s3_code(error: &Error) -> Option<String> {
    const CODE_BYTES_MAX: usize = 64;
    let text = chain(error);
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_code = code.len() <= CODE_BYTES_MAX && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then(|| code.to_owned())
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push('\n');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Debug for RegionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionStore({})", self.location().label())
    }
}

impl fmt::Display for RegionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location().label())
    }
}

/// How many bytes a part of an object has at most.
fn requested_bytes(options: &GetOptions) -> u64 {
    match &options.range {
        Some(object_store::GetRange::Bounded(range)) => range.end.saturating_sub(range.start),
        Some(object_store::GetRange::Suffix(bytes)) => *bytes,
        _ => 0,
    }
}

#[async_trait]
impl ObjectStore for RegionStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        let bytes = payload.content_length() as u64;
        self.ask(Subject::Change, bytes, |store| {
            let (payload, options) = (payload.clone(), options.clone());
            async move { store.put_opts(path, payload, options).await }
        })
        .await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put in parts".into(), implementer: "RegionStore".into() })
    }

    /// The whole answer, so that a body that breaks off or stalls is noticed here.
    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.ask(Subject::Object(path), requested_bytes(&options), |store| {
            let options = options.clone();
            async move {
                let found = store.get_opts(path, options).await?;
                let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
                let body = found.bytes().await?;
                self.requests.received(body.len() as u64);
                let payload = GetResultPayload::Stream(stream::once(std::future::ready(Ok(body))).boxed());
                Ok(GetResult { payload, meta, range, attributes })
            }
        })
        .await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        let bytes = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        if self.is_local() {
            let get = |store: Arc<dyn ObjectStore>| async move { store.get_ranges(path, ranges).await };
            return self.ask(Subject::Object(path), bytes, get).await;
        }
        let get = |range| async move {
            let options = GetOptions { range: Some(object_store::GetRange::Bounded(range)), ..GetOptions::default() };
            self.get_opts(path, options).await?.bytes().await
        };
        coalesce_ranges(ranges, get, GAP_BYTES_MAX).await
    }

    fn delete_stream(&self, _: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        let error = Error::NotImplemented { operation: "delete".into(), implementer: "RegionStore".into() };
        stream::once(std::future::ready(Err(error))).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let error = Error::NotImplemented { operation: "list as a stream".into(), implementer: "RegionStore".into() };
        stream::once(std::future::ready(Err(error))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.ask(Subject::Listing, 0, |store| async move { store.list_with_delimiter(prefix).await }).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: "RegionStore".into() })
    }
}

impl RegionStore {
    /// An error of this store as people may read it: with the region's name, and without the bucket's.
    pub fn explain(&self, action: &'static str, error: Error) -> LakeError {
        let reason = match (find::<GivenUp>(&error), &error) {
            (Some(given_up), _) => given_up.reason.clone(),
            (None, Error::NotFound { path, .. }) => format!("cannot {action} it: no {path}"),
            (None, Error::NotImplemented { .. } | Error::NotSupported { .. }) => format!("it cannot {action} it"),
            _ => reason(&error),
        };
        LakeError::NoAnswer { region: self.location().label().to_owned(), reason }
    }

    /// The bytes of an object, however many: a large one may take its time, and its size says how much.
    pub async fn read(&self, path: &Path) -> StoreResult<Bytes> {
        let size = self.head(path).await?.size;
        if size == 0 {
            return Ok(Bytes::new());
        }
        let options = GetOptions { range: Some(object_store::GetRange::Bounded(0..size)), ..GetOptions::default() };
        self.get_opts(path, options).await?.bytes().await
    }

    /// Puts an object in the place of what was there under this name.
    pub async fn write(&self, path: &Path, bytes: Bytes) -> StoreResult<()> {
        if let Some(directory) = self.location().place().directory() {
            return write_private(directory, path, &bytes).map_err(|error| generic(Box::new(error)));
        }
        self.put_opts(path, PutPayload::from_bytes(bytes), PutOptions::default()).await.map(drop)
    }

    /// Removes an object; one that is not there is as good as removed.
    pub async fn remove(&self, path: &Path) -> StoreResult<()> {
        match self.ask(Subject::Change, 0, |store| async move { store.delete(path).await }).await {
            Err(Error::NotFound { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// Gives an object another name: first it has both, then only the new one.
    pub async fn rename(&self, from: &Path, to: &Path) -> StoreResult<()> {
        if let Some(directory) = self.location().place().directory() {
            return rename_private(directory, from, to).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Error::NotFound { path: from.to_string(), source: Box::new(error) },
                _ => generic(Box::new(LakeError::from_io("write", &directory.join(to.as_ref()), error))),
            });
        }
        self.ask(Subject::Change, 0, |store| async move { store.copy(from, to).await }).await?;
        self.remove(from).await
    }

    /// Why an object of this store cannot be read, in words that name neither bucket nor key.
    pub fn reason(&self, error: &Error) -> String {
        reason(error)
    }

    /// Every object below a folder, behind `offset` in the order of keys where one is given, and what is odd there.
    pub async fn list_all(&self, folder: &Path, offset: Option<&Path>) -> StoreResult<Listed> {
        let mut all = self
            .ask(Subject::Listing, 0, |store| {
                let mut entries = match offset {
                    Some(offset) => store.list_with_offset(Some(folder), offset),
                    None => store.list(Some(folder)),
                };
                let mut listed = Listed::default();
                async move {
                    while let Some(entry) = entries.next().await {
                        match entry {
                            Ok(object) => listed.objects.push(object),
                            Err(error) => listed.odd.push(OddKey::of(error)?),
                        }
                    }
                    Ok(listed)
                }
                .boxed()
            })
            .await?;
        // Keys are told from the place's root on, which need not be the bucket's.
        if let Place::Bucket(bucket) = self.serving_place()
            && !bucket.prefix().is_empty()
        {
            let prefix = format!("{}/", bucket.prefix().trim_matches('/'));
            for odd in &mut all.odd {
                if let Some(within) = odd.key.strip_prefix(&prefix) {
                    odd.key = within.to_owned();
                }
            }
        }
        Ok(all)
    }

    fn serving_place(&self) -> &Place {
        match (&*self.serving.borrow(), self.location().replica()) {
            (Serving::Replica(_), Some(replica)) => replica,
            _ => self.location().place(),
        }
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    /// A place in which some objects may not be read.
    #[derive(Debug)]
    struct Shut {
        objects: InMemory,
        error: fn(&Path) -> Error,
    }

    impl fmt::Display for Shut {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Shut")
        }
    }

    #[async_trait]
    impl ObjectStore for Shut {
        async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
            self.objects.put_opts(path, payload, options).await
        }
        async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
            unreachable!("objects are put whole")
        }
        async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
            if path.as_ref().contains("shut") {
                return Err((self.error)(path));
            }
            self.objects.get_opts(path, options).await
        }
        fn delete_stream(&self, paths: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
            self.objects.delete_stream(paths)
        }
        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
            self.objects.list(prefix)
        }
        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
            self.objects.list_with_delimiter(prefix).await
        }
        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
            self.objects.copy_opts(from, to, options).await
        }
    }

    fn refused(path: &Path) -> Error {
        Error::PermissionDenied { path: path.to_string(), source: "403".into() }
    }

    fn unopened(_: &Path) -> Error {
        Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(std::io::Error::from(std::io::ErrorKind::PermissionDenied)),
        }
    }

    fn store(place: &str, error: fn(&Path) -> Error) -> RegionStore {
        let location = format!("us-east-2={place}").parse().unwrap();
        RegionStore::over(location, Access::default(), Arc::new(Shut { objects: InMemory::new(), error }), None)
    }

    #[tokio::test]
    async fn an_object_that_may_not_be_read_is_not_the_region() {
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().to_str().unwrap();
        for (place, error, serves) in [
            (there, unopened as fn(&Path) -> Error, true),
            ("s3://bucket", refused, true),
            // A directory that is gone is all of its files.
            ("/nonexistent/lake", unopened, false),
            // A bucket that says nothing of why.
            ("s3://bucket", unopened, false),
        ] {
            let store = store(place, error);
            store.objects_put("open").await;
            // A directory that is gone is found out here.
            drop(store.list_all(&Path::from("a"), None).await);
            store.read(&Path::from("shut")).await.unwrap_err();
            assert_eq!(store.serving() == Serving::Primary, serves, "{place}: {:?}", store.serving());
            assert_eq!(store.read(&Path::from("open")).await.is_ok(), serves, "{place}");
        }
        // Nothing has been listed, so that nobody knows whether the bucket may be read at all.
        let unlisted = store("s3://bucket", refused);
        unlisted.read(&Path::from("shut")).await.unwrap_err();
        assert_eq!(unlisted.serving(), Serving::Nothing("access denied".to_owned()));
        // And where nothing may be read, it is the bucket.
        let all = store("s3://bucket", refused);
        all.list_all(&Path::from("a"), None).await.unwrap();
        for number in 0..=DENIED_OBJECTS_MAX {
            assert_eq!(all.serving(), Serving::Primary, "{number}");
            all.read(&Path::from(format!("shut-{number}"))).await.unwrap_err();
        }
        assert_eq!(all.serving(), Serving::Nothing("access denied".to_owned()));
    }

    #[tokio::test]
    async fn what_refuses_is_asked_again_by_the_next_question() {
        let store = store("s3://bucket", refused);
        store.objects_put("open").await;
        // Nothing has been listed, so that it is the place that refuses.
        store.read(&Path::from("shut")).await.unwrap_err();
        assert_eq!(store.serving(), Serving::Nothing("access denied".to_owned()));
        let next = store.for_question();
        assert!(next.read(&Path::from("open")).await.is_ok());
        assert_eq!((next.serving(), store.serving()), (Serving::Primary, Serving::Nothing("access denied".to_owned())));
        // A place that was silent answers by refusing what it was asked for then.
        store.region.health[0].failed("no answer", Some(&Path::from("shut")));
        assert!(store.for_question().read(&Path::from("open")).await.is_ok());
    }

    impl RegionStore {
        async fn objects_put(&self, path: &str) {
            let store = self.region.primary.get().unwrap();
            store.put(&Path::from(path), "x".into()).await.unwrap();
        }
    }
}
