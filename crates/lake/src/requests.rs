//! The way of every request to a bucket: it is counted, and one that nobody answers is given up early enough to be tried
//! again. Of a page of a listing the keys are taken out that cannot be read. It refuses to know more of what a request is about.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};

use crate::odd::take_odd_keys;
use crate::pages::Taken;

/// Requests to one region, failed and repeated ones among them: what the bill counts.
#[derive(Debug, Default)]
pub struct Requests {
    lists: AtomicU64,
    gets: AtomicU64,
    puts: AtomicU64,
    bytes: AtomicU64,
}

/// The numbers of [`Requests`] at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Listings, a page each.
    pub lists: u64,
    /// Objects and parts of objects read, and objects looked at.
    pub gets: u64,
    /// Objects written.
    pub puts: u64,
    /// Bytes of objects received.
    pub bytes: u64,
}

impl std::ops::AddAssign for RequestCounts {
    fn add_assign(&mut self, other: RequestCounts) {
        self.lists += other.lists;
        self.gets += other.gets;
        self.puts += other.puts;
        self.bytes += other.bytes;
    }
}

impl RequestCounts {
    /// What these requests cost in US dollars, at the prices of us-east-1 for S3 Standard in 2026: listings and writes
    /// $0.005 a thousand, reads $0.0004 a thousand. Transfer comes on top and depends on where one reads from.
    pub fn request_dollars(&self) -> f64 {
        ((self.lists + self.puts) as f64 * 0.005 + self.gets as f64 * 0.000_4) / 1000.0
    }

    /// What receiving the bytes costs outside AWS at most: $0.09 a gigabyte. Within the region it is free.
    pub fn transfer_dollars_max(&self) -> f64 {
        self.bytes as f64 / 1e9 * 0.09
    }
}

impl Requests {
    /// The numbers now.
    pub fn counts(&self) -> RequestCounts {
        RequestCounts {
            lists: self.lists.load(Relaxed),
            gets: self.gets.load(Relaxed),
            puts: self.puts.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    /// Counts here what is asked while this work goes on.
    pub(crate) fn counting<F: Future>(requests: &Arc<Requests>, work: F) -> impl Future<Output = F::Output> {
        COUNTED.scope(Arc::clone(requests), work)
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn sent(&self, request: &HttpRequest) {
        let is_list = request.uri().query().is_some_and(|query| query.contains("list-type=2"));
        let counter = match request.method().as_str() {
            "GET" if is_list => &self.lists,
            "GET" | "HEAD" => &self.gets,
            _ => &self.puts,
        };
        counter.fetch_add(1, Relaxed);
    }
}

tokio::task_local! {
    /// Where the requests of a question are counted: all questions share the clients that send them.
    static COUNTED: Arc<Requests>;
}

/// Makes the client of one region; all regions share its connections and the root certificates that it has read.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) client: Arc<OnceLock<HttpClient>>,
    /// Until the head of an answer, and between two parts of its body.
    pub(crate) answer_within: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = match self.client.get() {
            Some(client) => client.clone(),
            None => {
                let client = ReqwestConnector::default().connect(options)?;
                self.client.get_or_init(|| client).clone()
            }
        };
        Ok(HttpClient::new(Counted { client, answer_within: self.answer_within }))
    }
}

#[derive(Debug)]
struct Counted {
    client: HttpClient,
    answer_within: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct NoAnswer(Duration);

#[async_trait]
impl HttpService for Counted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // What nobody counts is a probe, which is no question's.
        let _ = COUNTED.try_with(|requests| requests.sent(&request));
        let taken = request.extensions().get::<Taken>().cloned();
        let answer = tokio::time::timeout(self.answer_within, self.client.execute(request)).await;
        let (head, body) = answer.unwrap_or_else(|_| Err(no_answer(self.answer_within)))?.into_parts();
        let patience = Box::pin(tokio::time::sleep(self.answer_within));
        let body = HttpResponseBody::new(Watched { body, patience, within: self.answer_within });
        let body = match taken {
            Some(taken) if head.status.is_success() => without_odd_keys(body.bytes().await?, &taken),
            _ => body,
        };
        Ok(HttpResponse::from_parts(head, body))
    }
}

/// The page of a listing without the keys that its reader would refuse it for.
fn without_odd_keys(page: Bytes, taken: &Taken) -> HttpResponseBody {
    let (kept, odd) = std::str::from_utf8(&page).map_or((None, Vec::new()), take_odd_keys);
    taken.replace(odd);
    HttpResponseBody::from(kept.map_or(page, Bytes::from))
}

fn no_answer(within: Duration) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, NoAnswer(within))
}

/// A body that fails if nothing comes for so long: the store then asks for the rest.
struct Watched {
    body: HttpResponseBody,
    patience: Pin<Box<tokio::time::Sleep>>,
    within: Duration,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let until = tokio::time::Instant::now() + self.within;
                self.patience.as_mut().reset(until);
                Poll::Ready(frame)
            }
            Poll::Pending => self.patience.as_mut().poll(context).map(|()| Some(Err(no_answer(self.within)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
