//! Asks log groups again and again for what is new, at the pace that FilterLogEvents allows, and for what arrives late, up to
//! a bound. What is asked for overlaps, and each event is shown once, by its id, when it arrives.
//!
//! It refuses to read from a log group more than a page before the others had their turn.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use super::read::{Event, Source};
use super::seen::{self, Seen};
use super::{Arrival, Watch, backoff};
use crate::Fault;
use crate::pages::Pages;

const ACTION: &str = "logs:FilterLogEvents";
/// How far each reading reaches back behind the newest event: streams of a group are written to at the same time, and what
/// is written is found some seconds later.
pub(super) const OVERLAP_MS: i64 = 15_000;
/// A log group that was read to its end is not asked again before.
const ROUND: Duration = Duration::from_secs(2);
/// A reading may reach back as far as events may be late while that many events, on that many pages, are all that comes: what
/// is read again costs no more than a call that is made anyway.
const WIDE_EVENTS_MAX: usize = 2_000;
const WIDE_PAGES_MAX: usize = 10;
/// Where more comes, what is late is looked for beside the readings of what is new, and as long after the last time.
const LATE_ROUND: Duration = Duration::from_secs(15);

/// How far a log group was read.
#[derive(Debug)]
pub(super) struct Cursor {
    /// How long an event may take until it is found.
    lateness_ms: i64,
    /// Where a reading of what is new begins.
    since_ms: i64,
    /// Where the present reading began to read, and when.
    from_ms: i64,
    begun_ms: i64,
    newest_ms: i64,
    /// Whether readings reach back as far as events may be late.
    is_wide: bool,
    events: usize,
    pages: usize,
    /// Where it goes on, and where it went on before.
    token: Option<String>,
    read: Pages,
}

impl Cursor {
    /// Nothing was read; everything from then on is to be, and what comes later by no more than that.
    pub(super) fn new(since_ms: i64, lateness: Duration) -> Cursor {
        Cursor {
            lateness_ms: i64::try_from(lateness.as_millis()).unwrap_or(i64::MAX),
            since_ms,
            from_ms: since_ms,
            begun_ms: since_ms,
            newest_ms: i64::MIN,
            is_wide: true,
            events: 0,
            pages: 0,
            token: None,
            read: Pages::default(),
        }
    }

    /// What to ask for at this time: from when on, and which page.
    pub(super) fn next(&mut self, now_ms: i64) -> (i64, Option<String>) {
        if self.token.is_none() {
            (self.begun_ms, self.events, self.pages, self.read) = (now_ms, 0, 0, Pages::default());
            let late_ms = now_ms.saturating_sub(self.lateness_ms);
            // An event may be older than the beginning and arrive after it.
            self.from_ms = if self.is_wide { self.since_ms.min(late_ms) } else { self.since_ms };
        }
        (self.from_ms, self.token.clone())
    }

    /// A page was read: how many events, the newest, and the next page. Tells whether it was the last one.
    pub(super) fn page(&mut self, events: usize, newest_ms: Option<i64>, token: Option<String>) -> bool {
        self.newest_ms = self.newest_ms.max(newest_ms.unwrap_or(i64::MIN));
        self.events += events;
        self.pages += 1;
        // Where pages lead in a circle the reading has come to its end.
        self.token = self.read.turn(ACTION, token.as_deref()).unwrap_or_default();
        if self.is_wide && (self.events > WIDE_EVENTS_MAX || self.token.is_some() && self.pages >= WIDE_PAGES_MAX) {
            // Too much to be read every time: what is new is not to wait for it. The reading begins again.
            self.is_wide = false;
            if self.token.take().is_some() {
                return false;
            }
        }
        if self.token.is_some() {
            return false;
        }
        // An event may be dated up to two hours ahead (PutLogEvents): that is no reason to leave out what comes until then.
        let seen_ms = self.newest_ms.min(self.begun_ms).saturating_sub(OVERLAP_MS);
        // Where nothing comes the range does not grow beyond what may be late.
        let since_ms = self.since_ms.max(seen_ms).max(self.begun_ms.saturating_sub(self.lateness_ms.max(OVERLAP_MS)));
        // Where the clock was ahead and was put right, nothing would be read until it is there again.
        self.since_ms = since_ms.min(self.begun_ms.saturating_sub(OVERLAP_MS));
        true
    }

    /// What is late is few enough again to be read every time.
    pub(super) fn widen(&mut self) {
        self.is_wide = true;
    }

    /// Whether readings reach back as far as events may be late.
    pub(super) fn is_wide(&self) -> bool {
        self.is_wide
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
    let once = Once { since_ms, shown, ids: Mutex::default() };
    join_all(groups.into_iter().map(|group| follow_group(watch, group, since_ms, &once))).await;
}

/// Shows every event once that came since polling began.
#[derive(Default)]
pub(super) struct Once {
    /// [`OVERLAP_MS`] before it began.
    pub since_ms: i64,
    /// By content, before polling began.
    pub shown: Seen,
    /// By id.
    pub ids: Mutex<Seen>,
}

impl Once {
    /// Whether an event was not there before. Equal lines with different ids are different events.
    pub(super) fn is_first(&self, group: &str, event: &FilteredLogEvent) -> bool {
        // What is older than the overlap is late only if it arrived after the beginning itself.
        let arrived_ms = event.ingestion_time().map(|arrived_ms| arrived_ms.saturating_sub(OVERLAP_MS));
        let came_ms = event.timestamp().max(arrived_ms);
        if came_ms.is_some_and(|came_ms| came_ms < self.since_ms) {
            return false;
        }
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

/// What is new in a log group and, where that is too much for one reading, what is late beside it.
async fn follow_group(watch: &Watch<'_>, group: String, since_ms: i64, once: &Once) {
    let cursor = Mutex::new(Cursor::new(since_ms, watch.shared.request.lateness));
    tokio::select! {
        () = follow_new(watch, &group, &cursor, once) => {}
        () = follow_late(watch, &group, &cursor, once) => {}
    }
}

fn held(cursor: &Mutex<Cursor>) -> MutexGuard<'_, Cursor> {
    cursor.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow_new(watch: &Watch<'_>, group: &String, cursor: &Mutex<Cursor>, once: &Once) {
    let names = std::slice::from_ref(group);
    let mut failures = 0;
    while !watch.standing.is_hopeless() {
        let begun = Instant::now();
        let asked = ask(watch, group, |now_ms| {
            let (from_ms, token) = held(cursor).next(now_ms);
            (from_ms, None, token)
        });
        match asked.await {
            Ok((events, token)) => {
                failures = 0;
                if let Some(text) = watch.standing.follow(names) {
                    watch.note(text).await;
                }
                show(watch, group, &events, once).await;
                let newest = events.iter().filter_map(FilteredLogEvent::timestamp).max();
                let is_last = held(cursor).page(events.len(), newest, token);
                if is_last {
                    sleep_until(begun + ROUND).await;
                }
            }
            Err(fault) if fault.is("ResourceNotFoundException") => {
                watch.standing.forget(group);
                watch.note(format!("log group {group} is gone")).await;
                return;
            }
            // That a reading does not go on is no reason not to begin it again.
            Err(fault) if fault.is_refusal() && held(cursor).is_at_start() => {
                let mut reason = fault.to_string();
                if fault.is("InvalidParameterException") && watch.shared.request.pattern.is_some() {
                    reason.push_str(" (the filter pattern?)");
                }
                watch.standing.lose(group, &reason);
                watch.note_once(format!("log groups are not followed: {reason}")).await;
                return;
            }
            Err(fault) => {
                failures += 1;
                held(cursor).restart();
                if let Some(text) = watch.standing.failing(names, &fault.to_string()) {
                    watch.note(text).await;
                }
                sleep(backoff(failures)).await;
            }
        }
    }
}

/// Looks for what is late while readings of what is new do not reach back so far; never ends. What it cannot read, those
/// cannot either, and they say so.
async fn follow_late(watch: &Watch<'_>, group: &str, cursor: &Mutex<Cursor>, once: &Once) {
    let lateness_ms = i64::try_from(watch.shared.request.lateness.as_millis()).unwrap_or(i64::MAX);
    loop {
        sleep(LATE_ROUND).await;
        if held(cursor).is_wide() {
            continue;
        }
        let until_ms = watch.now_ms().saturating_sub(OVERLAP_MS);
        let from_ms = until_ms.saturating_sub(lateness_ms);
        let (mut token, mut count, mut pages, mut read) = (None::<String>, 0, 0, Pages::default());
        loop {
            let asked = token.clone();
            let Ok((events, next)) = ask(watch, group, |_| (from_ms, Some(until_ms), asked)).await else { break };
            show(watch, group, &events, once).await;
            count += events.len();
            pages += 1;
            token = read.turn(ACTION, next.as_deref()).unwrap_or_default();
            if token.is_none() {
                if count <= WIDE_EVENTS_MAX / 2 && pages <= WIDE_PAGES_MAX / 2 {
                    held(cursor).widen();
                }
                break;
            }
        }
    }
}

/// A page, in turn; `next` tells at that time what is to be asked for: from when on, until when, and which page.
async fn ask(
    watch: &Watch<'_>,
    group: &str,
    next: impl FnOnce(i64) -> (i64, Option<i64>, Option<String>),
) -> Result<(Vec<FilteredLogEvent>, Option<String>), Fault> {
    // A closed semaphore would be one that nobody closes.
    let _turn = watch.in_flight.acquire().await;
    watch.pace.permit().await;
    let (since_ms, until_ms, token) = next(watch.now_ms());
    let call = watch
        .region
        .logs
        .filter_log_events()
        .log_group_name(group)
        .start_time(since_ms)
        .set_end_time(until_ms)
        .set_filter_pattern(watch.shared.request.pattern.clone())
        .set_next_token(token);
    let page = call.send().await.map_err(|error| Fault::of(ACTION, error))?;
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
