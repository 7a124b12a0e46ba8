//! What CloudWatch Logs still holds, into the lake: events of the time before the subscription, or of an hour in which it was
//! switched off. They go through the same normaliser under the same event ids, so that what the forwarder has sent as well
//! counts once.
//!
//! It refuses to leave half a window visible, and to deliver a window twice under two names.

use std::collections::{BTreeMap, HashSet};
use std::path::Path as Folder;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use serde_json::json;
use transect_lake::{Batch, LakeError, Place, RegionStore};
use transect_normalize::{Normalizer, Origin, decode};
use twox_hash::XxHash3_128;
use wildmatch::WildMatch;

use crate::pages::Pages;
use crate::{Account, Fault, Names, OwnGroups, Pace, Progress, Region, subscribe};

/// A window of time that is fetched and delivered as one, unless it holds too much; and what it is divided into then.
const WINDOW_MS: i64 = 24 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
/// How its files begin.
pub(crate) const FILE_PREFIX: &str = "backfill-";
/// Pages of a whole window. Each has up to 1 MB (FilterLogEvents); a window with more is fetched by the hour, so that a run
/// that is killed has little to fetch again.
const WINDOW_PAGES_MAX: usize = 20;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Patterns of log groups, with `*` and `?`.
    pub groups: Vec<String>,
    /// Patterns of those that are left out.
    pub exclude: Vec<String>,
    /// From when on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Until when, not included.
    pub until_ms: i64,
}

/// How a backfill works.
pub struct Backfill<'b> {
    /// Whose log groups these are.
    pub account: &'b Account,
    /// The deployment, whose own log groups are left out.
    pub names: &'b Names,
    /// How messages are read, as in the forwarder.
    pub normalizer: &'b Normalizer,
    /// Where files are made before they are delivered.
    pub scratch: &'b Folder,
    /// The time that events without one have, in nanoseconds since 1970.
    pub now_unix_nano: i64,
    /// FilterLogEvents at this pace.
    pub pace: &'b Pace,
    /// Windows, and the events that were brought.
    pub progress: &'b Progress,
}

/// What was brought, of one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Log groups that match.
    pub groups: u64,
    /// Windows that were fetched, and those that an earlier run had brought.
    pub windows: u64,
    /// See above.
    pub windows_done_before: u64,
    /// Log events.
    pub events: u64,
    /// Of these, what a forwarder wrote of its own work, which is left out.
    pub own: u64,
    /// Rows that were written.
    pub records: u64,
    /// Parquet files, and their bytes.
    pub files: u64,
    /// See above.
    pub bytes: u64,
    /// Secrets that were replaced.
    pub redacted: u64,
    /// Log groups that CloudWatch Logs does not search, or not to the end, and why: of a class without that, without permission.
    pub refused: Vec<(String, Fault)>,
}

/// Why a backfill ended early.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// CloudWatch Logs does not give the events.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The lake does not take them.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// What was done could not be written down.
    #[error("write down what is done")]
    State(#[source] std::io::Error),
}

/// A piece of one log group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    group: String,
    since_ms: i64,
    until_ms: i64,
}

impl Window {
    /// What is written down when it is done: in another lake nothing is.
    fn key(&self, region: &str, place: u128) -> String {
        format!("{region} {place:032x} {} {} {}", self.since_ms, self.until_ms, self.group)
    }

    /// The same window of the same group always has the same name.
    fn file_name(&self, account: &Account, region: &str) -> String {
        let mut hasher = XxHash3_128::with_seed(0);
        for text in [account.id.as_str(), region, &self.group] {
            hasher.write(text.as_bytes());
            hasher.write(&[0]);
        }
        hasher.write(&self.since_ms.to_le_bytes());
        hasher.write(&self.until_ms.to_le_bytes());
        format!("{FILE_PREFIX}{:032x}", hasher.finish_128())
    }

    /// The hours that it is made of.
    fn hours(&self) -> Vec<Window> {
        windows(&self.group, self.since_ms, self.until_ms, HOUR_MS)
    }
}

/// The windows of a group, which begin where days or hours of UTC begin, whatever range is asked for.
fn windows(group: &str, since_ms: i64, until_ms: i64, length_ms: i64) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut start = since_ms;
    while start < until_ms {
        let end = ((start.div_euclid(length_ms) + 1) * length_ms).min(until_ms);
        windows.push(Window { group: group.to_owned(), since_ms: start, until_ms: end });
        start = end;
    }
    windows
}

/// A place has the same number wherever it is named from.
fn number_of(place: &Place) -> u128 {
    let text = match place {
        Place::Bucket(bucket) => format!("{:?}", (bucket.name(), bucket.prefix(), bucket.endpoint())),
        Place::Directory(directory) => {
            format!("{:?}", std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned()))
        }
    };
    XxHash3_128::oneshot(text.as_bytes())
}

impl std::ops::AddAssign for Brought {
    fn add_assign(&mut self, other: Brought) {
        self.groups += other.groups;
        self.windows += other.windows;
        self.windows_done_before += other.windows_done_before;
        self.events += other.events;
        self.own += other.own;
        self.records += other.records;
        self.files += other.files;
        self.bytes += other.bytes;
        self.redacted += other.redacted;
        self.refused.extend(other.refused);
    }
}

/// Brings what is wanted of one region. `done` are the windows that an earlier run has brought, `on_done` writes one down, and
/// `brought` tells what came, however it ends.
///
/// # Errors
/// The region or the lake does not answer; windows that are done stay done.
pub async fn backfill(
    region: &Region,
    store: &RegionStore,
    wanted: &Wanted,
    how: &Backfill<'_>,
    done: &HashSet<String>,
    on_done: &(dyn Fn(&str) -> std::io::Result<()> + Sync),
    brought: &mut Brought,
) -> Result<(), BackfillError> {
    let patterns = |texts: &[String]| -> Vec<WildMatch> { texts.iter().map(|text| WildMatch::new(text)).collect() };
    let (included, excluded) = (patterns(&wanted.groups), patterns(&wanted.exclude));
    let is_any = |patterns: &[WildMatch], group: &str| patterns.iter().any(|pattern| pattern.matches(group));
    let place = number_of(store.location().place());
    let groups = subscribe::groups(region, how.pace).await?;
    // What forwarders write stays out, as `subscribe` leaves it out.
    let names = groups.iter().map(|group| group.name.as_str());
    let own = OwnGroups::find(how.names, names, &[], None);
    let groups: Vec<String> = groups
        .into_iter()
        .map(|group| group.name)
        .filter(|group| !own.contains(group) && is_any(&included, group) && !is_any(&excluded, group))
        .collect();
    // All groups have the same ones, and those of one at a time are held.
    let windows_of = |group: &str| windows(group, wanted.since_ms, wanted.until_ms, WINDOW_MS);
    how.progress.find(groups.len() * windows_of("").len());
    for group in groups {
        brought.groups += 1;
        // The last one is taken first.
        let mut windows = windows_of(&group);
        windows.reverse();
        while let Some(window) = windows.pop() {
            let key = window.key(&region.name, place);
            if done.contains(&key) {
                brought.windows_done_before += 1;
                how.progress.end(1, 0);
                continue;
            }
            let is_whole = window.until_ms - window.since_ms <= HOUR_MS;
            let pages_max = if is_whole { usize::MAX } else { WINDOW_PAGES_MAX };
            let events_before = brought.events;
            match bring(region, store, &window, how, pages_max, brought).await? {
                Came::Whole => {
                    brought.windows += 1;
                    on_done(&key).map_err(BackfillError::State)?;
                    how.progress.end(1, brought.events - events_before);
                }
                Came::TooMuch => {
                    let hours = window.hours();
                    how.progress.find(hours.len() - 1);
                    windows.extend(hours.into_iter().rev());
                }
                Came::Refused(fault) => {
                    brought.refused.push((group, fault));
                    how.progress.end(1 + windows.len(), 0);
                    break;
                }
            }
        }
    }
    Ok(())
}

/// What came of a window.
enum Came {
    Whole,
    /// Nothing: it has more pages than it may have.
    TooMuch,
    /// Nothing: it is this group that cannot be searched, or not to the end; the others can.
    Refused(Fault),
}

/// Brings one window, or nothing of it.
async fn bring(
    region: &Region,
    store: &RegionStore,
    window: &Window,
    how: &Backfill<'_>,
    pages_max: usize,
    brought: &mut Brought,
) -> Result<Came, BackfillError> {
    let mut batch = Batch::new(how.scratch)?;
    let (mut events, mut own, mut records, mut redacted) = (0, 0, 0, 0);
    let (mut token, mut pages, mut read) = (None, Pages::default(), 0);
    loop {
        if read == pages_max {
            return Ok(Came::TooMuch);
        }
        read += 1;
        how.pace.permit().await;
        let call = region
            .logs
            .filter_log_events()
            .log_group_name(&window.group)
            .start_time(window.since_ms)
            // Included, in contrast to ours.
            .end_time(window.until_ms - 1)
            .set_next_token(token);
        let page = match call.send().await.map_err(|error| Fault::of("logs:FilterLogEvents", error)) {
            Ok(page) => page,
            // Deleted a moment ago.
            Err(fault) if fault.is("ResourceNotFoundException") => break,
            Err(fault) if fault.is_refusal() => return Ok(Came::Refused(fault)),
            Err(fault) => return Err(fault.into()),
        };
        for (stream, of_stream) in by_stream(page.events()) {
            let document = document(&how.account.id, &window.group, stream, &of_stream);
            let payload = decode(document.as_bytes()).map_err(|error| {
                // The document is ours; what stands in it is a text like any other.
                Fault { action: "logs:FilterLogEvents", reason: error.to_string(), code: None }
            })?;
            let origin =
                Origin { region: &region.name, account: Some(&how.account.id), now_unix_nano: how.now_unix_nano };
            for document in payload.documents() {
                let mut outcome = Ok(());
                // As the forwarder does it: what another one writes of itself is nobody's telemetry.
                let (stats, own_events) = how.normalizer.normalize_others(document, &origin, &mut |record| {
                    if outcome.is_ok() {
                        outcome = batch.append(&region.name, record);
                        records += 1;
                    }
                });
                outcome?;
                events += stats.events;
                own += own_events;
                redacted += stats.redacted;
            }
        }
        token = match pages.turn("logs:FilterLogEvents", page.next_token()) {
            Ok(Some(next)) => Some(next),
            Ok(None) => break,
            Err(fault) => return Ok(Came::Refused(fault)),
        };
    }
    if records > 0 {
        let published = batch.deliver(store, &window.file_name(how.account, &region.name)).await?;
        brought.files += published.files;
        brought.bytes += published.bytes;
    }
    brought.events += events;
    brought.own += own;
    brought.records += records;
    brought.redacted += redacted;
    Ok(Came::Whole)
}

/// The events of a page by stream, in their order: a document has one stream.
fn by_stream(events: &[FilteredLogEvent]) -> BTreeMap<&str, Vec<&FilteredLogEvent>> {
    let mut streams: BTreeMap<&str, Vec<&FilteredLogEvent>> = BTreeMap::new();
    for event in events {
        streams.entry(event.log_stream_name().unwrap_or_default()).or_default().push(event);
    }
    streams
}

/// What a subscription would have delivered.
fn document(account: &str, group: &str, stream: &str, events: &[&FilteredLogEvent]) -> String {
    let events: Vec<serde_json::Value> = events
        .iter()
        .map(|event| {
            json!({
                "id": event.event_id().unwrap_or_default(),
                "timestamp": event.timestamp(),
                "message": event.message().unwrap_or_default(),
            })
        })
        .collect();
    json!({
        "messageType": "DATA_MESSAGE",
        "owner": account,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [],
        "logEvents": events,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_where_days_and_hours_do_and_leave_no_gap() {
        let day = WINDOW_MS;
        let found = windows("g", day / 2, 2 * day + 5, day);
        let ranges: Vec<(i64, i64)> = found.iter().map(|window| (window.since_ms, window.until_ms)).collect();
        assert_eq!(ranges, [(day / 2, day), (day, 2 * day), (2 * day, 2 * day + 5)]);
        assert_eq!(found[0].hours().len(), 12);
        assert!(windows("g", 7, 7, day).is_empty());
        assert_eq!(windows("g", -5, 5, day).len(), 2);
    }

    #[test]
    fn what_is_done_in_one_lake_is_not_done_in_another() {
        let here = tempfile::tempdir().unwrap();
        let texts = ["s3://lake", "s3://lake/below", "s3://other"].map(str::to_owned);
        let folder = here.path().to_str().unwrap().to_owned();
        let places: Vec<Place> = texts.iter().chain([&folder]).map(|text| Place::parse(text).unwrap()).collect();
        let window = &windows("g", 0, 5, WINDOW_MS)[0];
        let keys: HashSet<String> = places.iter().map(|place| window.key("us-east-2", number_of(place))).collect();
        assert_eq!(keys.len(), places.len());
        // However a directory is named.
        let round_about = Place::parse(&format!("{folder}/../{}", here.path().file_name().unwrap().to_str().unwrap()));
        assert!(keys.contains(&window.key("us-east-2", number_of(&round_about.unwrap()))));
    }

    #[test]
    fn a_window_has_one_name_and_another_has_another() {
        let account = Account { id: "123456789012".into(), partition: "aws".into() };
        let names: HashSet<String> = windows("g", 0, 3 * WINDOW_MS, WINDOW_MS)
            .iter()
            .chain(&windows("h", 0, WINDOW_MS, WINDOW_MS))
            .map(|window| window.file_name(&account, "us-east-2"))
            .collect();
        assert_eq!(names.len(), 4);
    }
}
