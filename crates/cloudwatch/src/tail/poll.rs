//! Asks log groups again and again for what is new, at the pace that FilterLogEvents allows. What is asked for overlaps, and
//! each event is shown once, by its id.
//!
//! It refuses to read from a log group more than a page before the others had their turn.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use super::read::{Event, Source};
use super::seen::{self, Seen};
use super::{Arrival, Watch, backoff};
use crate::Fault;

/// How far each reading reaches back behind the newest event: streams of a group are written to at the same time, and what
/// is written is found some seconds later.
pub(super) const OVERLAP_MS: i64 = 15_000;
/// How long an event may take until it is found. Where nothing comes, readings begin so long before the last, rather than
/// search a range that grows; what takes longer is not shown.
const LAG_MS: i64 = 60_000;
/// A log group that was read to its end is not asked again before.
const ROUND: Duration = Duration::from_secs(2);

/// How far a log group was read.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Where a reading begins.
    since_ms: i64,
    /// When the present reading began.
    begun_ms: i64,
    newest_ms: i64,
    /// Where it goes on.
    token: Option<String>,
}

impl Cursor {
    /// Nothing was read; everything from then on is to be.
    pub(super) fn new(since_ms: i64) -> Cursor {
        Cursor { since_ms, begun_ms: since_ms, newest_ms: i64::MIN, token: None }
    }

    /// What to ask for at this time: from when on, and which page.
    pub(super) fn next(&mut self, now_ms: i64) -> (i64, Option<String>) {
        if self.token.is_none() {
            self.begun_ms = now_ms;
        }
        (self.since_ms, self.token.clone())
    }

    /// A page was read: its newest event, and the next page. Tells whether it was the last one.
    pub(super) fn page(&mut self, newest_ms: Option<i64>, token: Option<String>) -> bool {
        self.newest_ms = self.newest_ms.max(newest_ms.unwrap_or(i64::MIN));
        // A page that leads to itself would be read for ever.
        self.token = token.filter(|token| self.token.as_ref() != Some(token));
        if self.token.is_some() {
            return false;
        }
        // An event may be dated up to two hours ahead (PutLogEvents): that is no reason to leave out what comes until then.
        let seen_ms = self.newest_ms.min(self.begun_ms).saturating_sub(OVERLAP_MS);
        let since_ms = self.since_ms.max(seen_ms).max(self.begun_ms.saturating_sub(LAG_MS));
        // Where the clock was ahead and was put right, nothing would be read until it is there again.
        self.since_ms = since_ms.min(self.begun_ms.saturating_sub(OVERLAP_MS));
        true
    }

    /// Whether the next page is a reading's first.
    pub(super) fn is_at_start(&self) -> bool {
        self.token.is_none()
    }

    /// A page did not come: the reading begins again.
    pub(super) fn restart(&mut self) {
        self.token = None;
    }
}

/// Polls the log groups until none is left. What was shown of them before is told by its content: live tail knows no ids.
pub(super) async fn follow(watch: &Watch<'_>, groups: Vec<String>, since_ms: i64, shown: Seen) {
    let once = Once { shown, ids: Mutex::default() };
    join_all(groups.into_iter().map(|group| follow_group(watch, group, since_ms, &once))).await;
}

/// Shows every event once.
#[derive(Default)]
pub(super) struct Once {
    /// By content, before polling began.
    pub shown: Seen,
    /// By id.
    pub ids: Mutex<Seen>,
}

impl Once {
    /// Whether an event was not there before. Equal lines with different ids are different events.
    pub(super) fn is_first(&self, group: &str, event: &FilteredLogEvent) -> bool {
        let stream = event.log_stream_name().unwrap_or_default();
        let content = seen::content(group, stream, event.timestamp(), event.message().unwrap_or_default());
        let id = match event.event_id() {
            Some(id) => seen::digest(&[group.as_bytes(), stream.as_bytes(), id.as_bytes()]),
            None => content,
        };
        let is_new = self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        is_new && !self.shown.contains(content)
    }
}

async fn follow_group(watch: &Watch<'_>, group: String, since_ms: i64, once: &Once) {
    let names = std::slice::from_ref(&group);
    let mut cursor = Cursor::new(since_ms);
    let mut failures = 0;
    while !watch.standing.is_hopeless() {
        let begun = Instant::now();
        match ask(watch, &group, &mut cursor).await {
            Ok((events, token)) => {
                failures = 0;
                if let Some(text) = watch.standing.follow(names) {
                    watch.note(text).await;
                }
                show(watch, &group, &events, once).await;
                let newest = events.iter().filter_map(FilteredLogEvent::timestamp).max();
                if cursor.page(newest, token) {
                    sleep_until(begun + ROUND).await;
                }
            }
            Err(fault) if fault.is("ResourceNotFoundException") => {
                watch.standing.forget(&group);
                watch.note(format!("log group {group} is gone")).await;
                return;
            }
            // That a reading does not go on is no reason not to begin it again.
            Err(fault) if is_refusal(&fault) && cursor.is_at_start() => {
                let mut reason = fault.to_string();
                if fault.is("InvalidParameterException") && watch.shared.request.pattern.is_some() {
                    reason.push_str(" (the filter pattern?)");
                }
                watch.standing.lose(&group, &reason);
                watch.note_once(format!("log groups are not followed: {reason}")).await;
                return;
            }
            Err(fault) => {
                failures += 1;
                cursor.restart();
                if let Some(text) = watch.standing.failing(names, &fault.to_string()) {
                    watch.note(text).await;
                }
                sleep(backoff(failures)).await;
            }
        }
    }
}

/// Whether it would be refused again.
pub(super) fn is_refusal(fault: &Fault) -> bool {
    let codes =
        ["InvalidParameterException", "InvalidOperationException", "ValidationException", "ResourceNotFoundException"];
    fault.is_denied() || codes.iter().any(|code| fault.is(code))
}

async fn ask(
    watch: &Watch<'_>,
    group: &str,
    cursor: &mut Cursor,
) -> Result<(Vec<FilteredLogEvent>, Option<String>), Fault> {
    // A closed semaphore would be one that nobody closes.
    let _turn = watch.in_flight.acquire().await;
    watch.pace.permit().await;
    let (since_ms, token) = cursor.next(watch.now_ms());
    let call = watch
        .region
        .logs
        .filter_log_events()
        .log_group_name(group)
        .start_time(since_ms)
        .set_filter_pattern(watch.shared.request.pattern.clone())
        .set_next_token(token);
    let page = call.send().await.map_err(|error| Fault::of("logs:FilterLogEvents", error))?;
    Ok((page.events.unwrap_or_default(), page.next_token))
}

async fn show(watch: &Watch<'_>, group: &str, events: &[FilteredLogEvent], once: &Once) {
    let now = (watch.shared.now_unix_nano)();
    let mut records = Vec::new();
    let new: Vec<&FilteredLogEvent> = events.iter().filter(|event| once.is_first(group, event)).collect();
    for run in new.chunk_by(|one, other| one.log_stream_name == other.log_stream_name) {
        let stream = run[0].log_stream_name().unwrap_or_default();
        let source = Source { region: &watch.region.name, owner: watch.owner(), group, stream };
        let read: Vec<Event<'_>> = run
            .iter()
            .map(|event| {
                let message = event.message().unwrap_or_default();
                match event.event_id() {
                    Some(id) => Event { id: Cow::Borrowed(id), timestamp: event.timestamp(), message },
                    None => Event::without_id(&source, event.timestamp(), message),
                }
            })
            .collect();
        if let Err(reason) = watch.shared.reader.read(&source, &read, now, &mut records) {
            watch.note_once(reason).await;
        }
    }
    if !records.is_empty() {
        watch.send(Arrival::Records(records)).await;
    }
}
