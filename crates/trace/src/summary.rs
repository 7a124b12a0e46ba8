//! What is said of a request besides its tree: where its time went, which releases met in it, where its first error
//! began, and how far the clocks of its regions are apart. Pure, over a finished tree.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::assemble::{is_counted_error, is_error, sort};
use crate::closure::Event;
use crate::span::{Span, SpanSource, Status, Tree};

/// Clocks that differ by less than this are taken as equal: Lambda's own times are whole milliseconds.
const SKEW_NANO_MIN: i64 = 2_000_000;

/// A release of a service in a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseSeen {
    /// The service.
    pub service_name: String,
    /// The region.
    pub cloud_region: String,
    /// The release.
    pub release: String,
}

/// A service of which several releases took part in one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The service.
    pub service_name: String,
    /// Its releases, and where each ran.
    pub releases: Vec<ReleaseSeen>,
}

/// Where things began to go wrong: an error below which there is no other, and the earliest of those.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstError {
    /// The span.
    pub span: usize,
    /// The record that tells, if it is not the span itself.
    pub record: Option<usize>,
    /// When; nanoseconds since 1970.
    pub time_unix_nano: i64,
    /// The exception.
    pub exception_type: Option<String>,
    /// What the exception said, else what the record or the status says.
    pub message: Option<String>,
}

/// Time of the critical path that was spent in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionTime {
    /// The region; none for time between spans, and in spans of which no region is known.
    pub cloud_region: Option<String>,
    /// Nanoseconds.
    pub critical_nano: i64,
}

/// A clock that differs from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockSkew {
    /// The region whose clock it is.
    pub cloud_region: String,
    /// The region that it differs from.
    pub reference_region: String,
    /// How far it is ahead at least, in nanoseconds; behind if negative.
    pub offset_nano: i64,
    /// Calls between the two that cannot have been as their times say.
    pub calls: usize,
}

/// What is said of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// When it began.
    pub start_unix_nano: Option<i64>,
    /// From its first moment to its last one, in nanoseconds.
    pub duration_nano: Option<i64>,
    /// Regions of its records.
    pub regions: BTreeSet<String>,
    /// Releases of its spans.
    pub releases: BTreeSet<ReleaseSeen>,
    /// Services of its spans.
    pub services: BTreeSet<String>,
    /// Records that tell of a failure, as the view `traces` counts them.
    pub error_count: u64,
    /// Services with several releases.
    pub crossings: Vec<Crossing>,
    /// Where things began to go wrong.
    pub first_error: Option<FirstError>,
    /// Where the time went, the most first.
    pub region_time: Vec<RegionTime>,
    /// Clocks that differ.
    pub clock_skew: Vec<ClockSkew>,
    /// How far the times of each region were moved, in nanoseconds: by how much its clock is ahead of the first one.
    pub corrected_nano: BTreeMap<String, i64>,
}

/// Sums a request up, and puts the critical path into its spans. With `correct_skew` the spans of regions whose clocks
/// differ are moved first.
pub(crate) fn summarise(events: &[Event], tree: &mut Tree, correct_skew: bool) -> Summary {
    let clock_skew = clock_skew(tree);
    let corrected_nano = if correct_skew { shift(tree, &clock_skew) } else { BTreeMap::new() };
    // Of spans alone: the time of an access log may be a whole second.
    let start = tree.spans.iter().map(|span| span.start_unix_nano).min();
    let end = tree.spans.iter().map(|span| span.last_unix_nano(events)).max();
    let mut summary = Summary {
        start_unix_nano: start,
        duration_nano: start.zip(end).map(|(start, end)| end.saturating_sub(start)),
        clock_skew,
        ..Summary::default()
    };
    for event in events {
        summary.regions.extend(event.record.cloud_region.as_deref().map(str::to_owned));
    }
    for span in &tree.spans {
        summary.services.extend(span.service_name.clone());
        if let (Some(service), Some(region), Some(release)) = (&span.service_name, &span.cloud_region, &span.release) {
            summary.releases.insert(ReleaseSeen {
                service_name: service.clone(),
                cloud_region: region.clone(),
                release: release.clone(),
            });
        }
        let failed = span.source == SpanSource::Span
            && span.records.iter().any(|index| events[*index].record.signal == "span" && is_error(&events[*index]));
        summary.error_count += u64::from(failed);
    }
    let logs = events.iter().filter(|event| event.record.signal == "log" && is_counted_error(event));
    summary.error_count += logs.count() as u64;
    summary.crossings = crossings(events, tree);
    summary.first_error = first_error(events, tree);
    summary.region_time = match start.zip(end) {
        Some((start, end)) => critical_path(events, tree, start, end),
        None => Vec::new(),
    };
    summary.corrected_nano = corrected_nano;
    summary
}

/// How far a record's time was moved.
pub(crate) fn ahead(event: &Event, corrected_nano: &BTreeMap<String, i64>) -> i64 {
    event.record.cloud_region.as_deref().and_then(|region| corrected_nano.get(region)).copied().unwrap_or_default()
}

/// Services of which several releases took part. A version of a function counts for each region by itself, so two of them
/// are two releases only within one region.
fn crossings(events: &[Event], tree: &Tree) -> Vec<Crossing> {
    let mut services: BTreeMap<&str, BTreeSet<(bool, ReleaseSeen)>> = BTreeMap::new();
    for span in &tree.spans {
        let (Some(service), Some(region), Some(release)) = (&span.service_name, &span.cloud_region, &span.release)
        else {
            continue;
        };
        // A release that is a version of the function, and that no record states or maps.
        let is_version = span.faas_version.as_ref() == Some(release)
            && span.records.iter().all(|index| events[*index].record.service_version.is_none());
        let seen =
            ReleaseSeen { service_name: service.clone(), cloud_region: region.clone(), release: release.clone() };
        services.entry(service).or_default().insert((is_version, seen));
    }
    let mut crossings = Vec::new();
    for (service, seen) in services {
        let names: BTreeSet<(bool, &str, Option<&str>)> = seen
            .iter()
            .map(|(is_version, seen)| {
                (*is_version, seen.release.as_str(), is_version.then_some(seen.cloud_region.as_str()))
            })
            .collect();
        let stated = names.iter().filter(|(is_version, ..)| !is_version).count();
        let versions = names.len() - stated;
        let regions: BTreeSet<_> = names.iter().filter_map(|(_, _, region)| *region).collect();
        if stated > 1 || versions > regions.len() {
            let mut releases: Vec<ReleaseSeen> = seen.into_iter().map(|(_, seen)| seen).collect();
            releases.sort_by(|one, two| (&one.release, &one.cloud_region).cmp(&(&two.release, &two.cloud_region)));
            releases.dedup();
            crossings.push(Crossing { service_name: service.to_owned(), releases });
        }
    }
    crossings
}

/// The earliest of the errors below which there is no other.
fn first_error(events: &[Event], tree: &Tree) -> Option<FirstError> {
    let mut has_error_below = vec![false; tree.spans.len()];
    let order = tree.in_order();
    for (number, _) in order.iter().rev() {
        let span = &tree.spans[*number];
        let is_error = is_failed(events, span);
        if let Some(above) = span.parent {
            has_error_below[above] |= is_error || has_error_below[*number];
        }
    }
    let origins = order.iter().map(|(number, _)| *number);
    let origins = origins.filter(|number| !has_error_below[*number] && is_failed(events, &tree.spans[*number]));
    let told = origins.map(|number| {
        let span = &tree.spans[number];
        let records = || span.records.iter().copied().filter(|index| is_error(&events[*index]));
        // Of the records at the same span, the one with an exception says most.
        let of_logs = || records().filter(|index| events[*index].record.signal != "span");
        let record = of_logs()
            .find(|index| events[*index].record.exception_type.is_some())
            .or_else(|| of_logs().next())
            .or_else(|| records().next());
        let first = of_logs().next().map(|index| events[index].record.time_unix_nano);
        let row = record.map(|index| &events[index].record);
        let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
        FirstError {
            span: number,
            record,
            time_unix_nano: first.unwrap_or_else(|| span.last_unix_nano(events)),
            exception_type: row
                .and_then(|row| text(row.exception_type.as_deref()))
                .or_else(|| span.exception_type.clone()),
            message: row
                .and_then(|row| text(row.exception_message.as_deref()).or_else(|| text(row.body.as_deref())))
                .or_else(|| span.exception_message.clone())
                .or_else(|| span.status_message.clone()),
        }
    });
    told.min_by_key(|error| (error.time_unix_nano, error.span))
}

fn is_failed(events: &[Event], span: &Span) -> bool {
    span.status == Status::Error || span.records.iter().any(|index| is_error(&events[*index]))
}

/// Gives every moment of the request to the one span that the end waited for: going back from the end, the child that
/// ended last, and the time between children to their parent. Returns where the time went.
fn critical_path(events: &[Event], tree: &mut Tree, first: i64, last: i64) -> Vec<RegionTime> {
    /// A stretch of time whose owner is looked for: from and until, below one span, or below none.
    struct Stretch {
        owner: Option<usize>,
        from: i64,
        until: i64,
    }
    let ends: Vec<i64> = tree.spans.iter().map(|span| span.last_unix_nano(events)).collect();
    // What was started and not waited for goes on after its parent.
    let mut ends_below = ends.clone();
    for (number, _) in tree.in_order().iter().rev() {
        if let Some(above) = tree.spans[*number].parent {
            ends_below[above] = ends_below[above].max(ends_below[*number]);
        }
    }
    let mut own: Vec<Vec<(i64, i64)>> = vec![Vec::new(); tree.spans.len()];
    let mut between = 0_i64;
    // Time of nobody below: the owner's, as long as it ran.
    let mut give = |owner: Option<usize>, from: i64, until: i64| {
        let all = (until - from).max(0);
        let running = owner.map_or(0, |number| (until.min(ends[number]) - from).clamp(0, all));
        if let Some(number) = owner.filter(|_| running > 0) {
            own[number].push((from, from + running));
        }
        between += all - running;
    };
    let mut stretches = vec![Stretch { owner: None, from: first, until: last }];
    while let Some(Stretch { owner, from, until }) = stretches.pop() {
        let children = owner.map_or(&tree.roots, |number| &tree.spans[number].children);
        let mut by_end: Vec<usize> = children.clone();
        by_end.sort_by_key(|child| std::cmp::Reverse((ends_below[*child], tree.spans[*child].start_unix_nano)));
        let mut at = until;
        for child in by_end {
            let (start, end) = (tree.spans[child].start_unix_nano.max(from), ends_below[child].min(at));
            // It was over before, or another one was waited for all the time that it took.
            if end <= start || start >= at {
                continue;
            }
            give(owner, end, at);
            stretches.push(Stretch { owner: Some(child), from: start, until: end });
            at = start;
        }
        give(owner, from, at);
    }
    let mut by_region: BTreeMap<Option<String>, i64> = BTreeMap::new();
    for (span, mut own) in tree.spans.iter_mut().zip(own) {
        own.sort_unstable();
        span.critical_nano = own.iter().map(|(from, until)| until - from).sum();
        span.critical = own;
        if span.critical_nano > 0 {
            *by_region.entry(span.cloud_region.clone()).or_default() += span.critical_nano;
        }
    }
    if between > 0 {
        *by_region.entry(None).or_default() += between;
    }
    let mut times: Vec<RegionTime> =
        by_region.into_iter().map(|(cloud_region, critical_nano)| RegionTime { cloud_region, critical_nano }).collect();
    times.sort_by(|one, two| {
        two.critical_nano.cmp(&one.critical_nano).then_with(|| one.cloud_region.cmp(&two.cloud_region))
    });
    times
}

/// What the calls between two regions say of how far the second one's clock is ahead.
#[derive(Clone, Debug, Default)]
struct Offsets {
    /// A child cannot begin before its parent.
    most: Option<i64>,
    /// The end of a call that was waited for cannot be later than the caller's.
    least: Option<i64>,
    impossible: usize,
}

/// How far clocks are apart, by calls that begin before their callers or end after them.
fn clock_skew(tree: &Tree) -> Vec<ClockSkew> {
    let mut pairs: BTreeMap<(String, String), Offsets> = BTreeMap::new();
    for span in &tree.spans {
        let Some(above) = span.parent.map(|number| &tree.spans[number]) else { continue };
        let (Some(caller), Some(callee)) = (&above.cloud_region, &span.cloud_region) else { continue };
        let is_measured = |span: &Span| matches!(span.source, SpanSource::Span | SpanSource::Invocation);
        if caller == callee || !is_measured(span) || !is_measured(above) {
            continue;
        }
        let offsets = pairs.entry((caller.clone(), callee.clone())).or_default();
        let ahead_at_most = span.start_unix_nano.saturating_sub(above.start_unix_nano);
        offsets.most = Some(offsets.most.map_or(ahead_at_most, |most| most.min(ahead_at_most)));
        let mut impossible = ahead_at_most < -SKEW_NANO_MIN;
        // Only a caller that waited, and got its answer, ends after the call.
        if let (Some(above_end), Some(end)) = (above.end_unix_nano, span.end_unix_nano)
            && above.span_kind.as_deref() == Some("CLIENT")
            && above.status != Status::Error
            && end.saturating_sub(span.start_unix_nano) <= above_end.saturating_sub(above.start_unix_nano)
        {
            let ahead_at_least = end.saturating_sub(above_end);
            offsets.least = Some(offsets.least.map_or(ahead_at_least, |least| least.max(ahead_at_least)));
            impossible |= ahead_at_least > SKEW_NANO_MIN;
        }
        offsets.impossible += usize::from(impossible);
    }
    let mut skews = Vec::new();
    for ((caller, callee), offsets) in pairs {
        let offset_nano = match (offsets.least, offsets.most) {
            // They contradict each other: no one offset makes all calls possible.
            (Some(least), Some(most)) if least > most => continue,
            (_, Some(most)) if most < -SKEW_NANO_MIN => most,
            (Some(least), _) if least > SKEW_NANO_MIN => least,
            _ => continue,
        };
        skews.push(ClockSkew {
            cloud_region: callee,
            reference_region: caller,
            offset_nano,
            calls: offsets.impossible,
        });
    }
    skews
}

/// Moves the spans of regions by how far their clocks are ahead of the region in which the request began.
fn shift(tree: &mut Tree, skews: &[ClockSkew]) -> BTreeMap<String, i64> {
    let first = tree.roots.iter().find_map(|root| tree.spans[*root].cloud_region.clone());
    let Some(first) = first.filter(|_| !skews.is_empty()) else { return BTreeMap::new() };
    let mut ahead: BTreeMap<String, i64> = BTreeMap::from([(first.clone(), 0)]);
    let mut queue = VecDeque::from([first]);
    while let Some(region) = queue.pop_front() {
        let of_region = ahead.get(&region).copied().unwrap_or_default();
        for skew in skews {
            let (other, offset) = match (skew.reference_region == region, skew.cloud_region == region) {
                (true, _) => (&skew.cloud_region, skew.offset_nano),
                (_, true) => (&skew.reference_region, -skew.offset_nano),
                _ => continue,
            };
            if !ahead.contains_key(other) {
                ahead.insert(other.clone(), of_region + offset);
                queue.push_back(other.clone());
            }
        }
    }
    for span in &mut tree.spans {
        let offset = span.cloud_region.as_ref().and_then(|region| ahead.get(region)).copied().unwrap_or_default();
        span.start_unix_nano -= offset;
        span.end_unix_nano = span.end_unix_nano.map(|end| end - offset);
    }
    sort(tree);
    ahead
}
