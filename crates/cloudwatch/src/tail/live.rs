//! One live tail session after the other for a few log groups; and polling, where CloudWatch refuses them.
//!
//! It refuses to hide the seconds between two sessions, and to show twice what two of them tell.

use std::error::Error;
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::config::{self, ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::start_live_tail::StartLiveTailOutput;
use aws_sdk_cloudwatchlogs::types::error::StartLiveTailResponseStreamError;
use aws_sdk_cloudwatchlogs::types::{
    LiveTailSessionLogEvent, LiveTailSessionUpdate, StartLiveTailResponseStream as Told,
};
use tokio::time::{Instant, sleep, timeout};

use super::poll::{self, OVERLAP_MS};
use super::read::{Event, Source};
use super::seen::{self, Seen};
use super::{Arrival, Watch, backoff};
use crate::Fault;

/// As IAM calls it.
const ACTION: &str = "logs:StartLiveTail";
/// Tries of one start. If it comes to nothing there is polling, and whoever looks wants to see something.
const ATTEMPTS_MAX: u32 = 3;
/// A session tells every second what came, and be it nothing (StartLiveTail). One that says nothing for so long has lost its
/// connection, though nobody said so.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// Sessions in a row that come to nothing, before it is polled.
const FAILURES_MAX: u32 = 5;
/// A session that lasted so long was sound: what ends it is no reason to wait longer than the last time.
const SOUND_AFTER: Duration = Duration::from_secs(60);
/// Events of a session that are known again in the next one and in polling: more than 500 a second for the overlap.
const SHOWN_MAX: usize = 20_000;

/// What is said when there were more than 500 in a second (LiveTailSessionMetadata).
const SAMPLED: &str = "CloudWatch left events out: more than 500 a second in one session \
    (fewer match a narrower FILTER or --group)";

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its three hours are over.
    TimedOut,
    /// CloudWatch would not have it again.
    Refused(String),
    /// Anything else.
    Broken(String),
}

/// What comes after a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another one, after this wait.
    Begin(Duration),
    /// Polling.
    Poll,
}

/// How often sessions came to nothing.
#[derive(Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// What comes after a session that ended like this; `lasted` is none where it never began. Pure.
    pub(super) fn next(&mut self, end: &End, lasted: Option<Duration>) -> Next {
        let is_sound = lasted.is_some_and(|lasted| lasted >= SOUND_AFTER);
        if is_sound {
            self.0 = 0;
        }
        match end {
            End::Refused(_) => Next::Poll,
            End::TimedOut if is_sound => Next::Begin(Duration::ZERO),
            End::TimedOut | End::Broken(_) => {
                self.0 += 1;
                if self.0 > FAILURES_MAX { Next::Poll } else { Next::Begin(backoff(self.0)) }
            }
        }
    }
}

/// What was shown of a few log groups.
struct Shown {
    /// By the sessions before.
    earlier: Seen,
    /// By this one, in which equal events are different ones.
    now: Seen,
}

/// Follows the log groups of a session.
pub(super) async fn follow(watch: &Watch<'_>, groups: Vec<String>, arns: Vec<String>, since_ms: i64) {
    let mut shown = Shown { earlier: Seen::of_at_most(SHOWN_MAX), now: Seen::of_at_most(SHOWN_MAX) };
    let mut failures = Failures::default();
    // When something was last heard, by either clock.
    let mut heard: Option<(Instant, i64)> = None;
    let mut why = String::new();
    loop {
        let (end, lasted) = match start(&watch.region.logs, &watch.shared.request.pattern, &arns).await {
            Ok(session) => {
                if let Some((at, _)) = heard {
                    let seconds = at.elapsed().as_secs_f64().ceil();
                    watch.note(format!("{why}; begun again, what came within {seconds} s may be missing")).await;
                }
                if let Some(text) = watch.standing.follow(&groups) {
                    watch.note(text).await;
                }
                let begun = Instant::now();
                let end = hear(watch, session, &mut shown, &mut heard).await;
                (end, Some(begun.elapsed()))
            }
            // Whoever has seen nothing yet is not to wait for what may never come.
            Err(fault) if heard.is_none() || fault.is_refusal() => (End::Refused(fault.to_string()), None),
            Err(fault) => {
                if let Some(text) = watch.standing.failing(&groups, &fault.to_string()) {
                    watch.note(text).await;
                }
                (End::Broken(fault.to_string()), None)
            }
        };
        let next = failures.next(&end, lasted);
        why = match end {
            End::TimedOut => "a live tail session was over".to_owned(),
            End::Refused(reason) => reason,
            End::Broken(reason) => format!("live tail broke off: {reason}"),
        };
        match next {
            Next::Begin(wait) => {
                watch.standing.interrupted(&groups, &why);
                if lasted.is_some() {
                    shown.earlier = std::mem::replace(&mut shown.now, Seen::of_at_most(SHOWN_MAX));
                }
                sleep(wait).await;
            }
            Next::Poll => break,
        }
    }
    watch.note_once(format!("polled instead of live tail: {why}")).await;
    let since_ms = heard.map_or(since_ms, |(_, at_ms)| at_ms.saturating_sub(OVERLAP_MS));
    shown.earlier.extend(shown.now);
    poll::follow(watch, groups, since_ms, shown.earlier).await;
}

/// Begins a session.
///
/// The time limit of a try, of [`crate::Region`], ends with the answer's head and leaves the stream alone. The SDK's protection
/// against streams that stall does not: it would cut off a session that is silent for five seconds, and is replaced by
/// [`SILENT_MAX`].
async fn start(logs: &Client, pattern: &Option<String>, arns: &[String]) -> Result<StartLiveTailOutput, Fault> {
    let once = config::Config::builder()
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
    logs.start_live_tail()
        .set_log_group_identifiers(Some(arns.to_vec()))
        .set_log_event_filter_pattern(pattern.clone())
        .customize()
        .config_override(once)
        .interceptor(PlainAddress)
        .send()
        .await
        .map_err(|error| Fault::of(ACTION, error))
}

/// Hands on what a session tells, until it ends.
async fn hear(
    watch: &Watch<'_>,
    mut session: StartLiveTailOutput,
    shown: &mut Shown,
    heard: &mut Option<(Instant, i64)>,
) -> End {
    loop {
        match timeout(SILENT_MAX, session.response_stream.recv()).await {
            Ok(Ok(Some(told))) => {
                *heard = Some((Instant::now(), watch.now_ms()));
                if let Told::SessionUpdate(update) = told {
                    show(watch, &update, shown).await;
                }
            }
            Ok(Ok(None)) => return End::Broken("the connection was closed".to_owned()),
            Ok(Err(error)) => return ended(error),
            Err(_) => return End::Broken(format!("not a word for {} s", SILENT_MAX.as_secs())),
        }
    }
}

/// What an error within a session means. Its name stands before the message and not in it, so that the SDK knows the kind and
/// not the code.
fn ended<R: Debug + 'static>(error: SdkError<StartLiveTailResponseStreamError, R>) -> End {
    match error.as_service_error() {
        Some(error) if error.is_session_timeout_exception() => End::TimedOut,
        Some(error) if error.is_session_streaming_exception() => End::Broken("SessionStreamingException".to_owned()),
        _ if matches!(error, SdkError::DispatchFailure(_)) => End::Broken("the connection was lost".to_owned()),
        _ => End::Broken(Fault::of(ACTION, error).reason),
    }
}

async fn show(watch: &Watch<'_>, update: &LiveTailSessionUpdate, shown: &mut Shown) {
    if update.session_metadata().is_some_and(|metadata| metadata.sampled()) {
        watch.send(Arrival::Sampled).await;
        if watch.standing.is_sampling_news(Instant::now()) {
            watch.note(SAMPLED).await;
        }
    }
    let now = (watch.shared.now_unix_nano)();
    let mut records = Vec::new();
    let place = |event: &LiveTailSessionLogEvent| (event.log_group_identifier.clone(), event.log_stream_name.clone());
    for run in update.session_results().chunk_by(|one, other| place(one) == place(other)) {
        let (owner, group) = parse_group(run[0].log_group_identifier().unwrap_or_default());
        let source = Source {
            region: &watch.region.name,
            owner: owner.unwrap_or(watch.owner()),
            group,
            stream: run[0].log_stream_name().unwrap_or_default(),
        };
        let mut events = Vec::with_capacity(run.len());
        for event in run {
            let message = event.message().unwrap_or_default();
            let content = seen::content(group, source.stream, event.timestamp(), message);
            shown.now.insert(content);
            if !shown.earlier.contains(content) {
                events.push(Event::without_id(&source, event.timestamp(), message));
            }
        }
        if let Err(reason) = watch.shared.reader.read(&source, &events, now, &mut records) {
            watch.note_once(reason).await;
        }
    }
    if !records.is_empty() {
        watch.send(Arrival::Records(records)).await;
    }
}

/// Account and name of a log group: live tail tells `name`, `account:name` or an ARN, with or without `:*` at the end.
pub(super) fn parse_group(identifier: &str) -> (Option<&str>, &str) {
    let whole = identifier.strip_suffix(":*").unwrap_or(identifier);
    let Some((before, name)) = whole.rsplit_once(':') else { return (None, whole) };
    let is_account = |part: &&str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    (before.split(':').find(is_account), name)
}

/// The service's live tail has a host of its own, and the SDK puts its prefix before every host, those that were configured
/// among them. Below an address there are no names: it is asked as it is, so that a stand-in on this machine or behind a
/// tunnel works as for all other calls.
#[derive(Debug)]
struct PlainAddress;

impl Intercept for PlainAddress {
    fn name(&self) -> &'static str {
        "PlainAddress"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        if let Some(uri) = plain_address(context.request().uri()) {
            context.request_mut().set_uri(uri)?;
        }
        Ok(())
    }
}

/// The URI without a prefix before an address; `None` if there is none.
pub(super) fn plain_address(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    // It was the one before it became the other.
    let plain = rest.strip_prefix("stream-").or_else(|| rest.strip_prefix("streaming-"))?;
    let host = plain.split(['/', ':']).next()?;
    (host == "localhost" || host.parse::<IpAddr>().is_ok()).then(|| format!("{scheme}://{plain}"))
}
