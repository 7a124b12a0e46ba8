//! What CloudWatch Logs could not hand over to the forwarder. After a refusal (no such function or alias, no permission) it
//! disables the subscription for up to ten minutes and skips the events of that time (CloudWatch Logs user guide, real-time
//! processing with subscriptions): only `transect backfill` brings them, and for what minutes is said here. It refuses to tell
//! of subscriptions that deliver elsewhere.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::observed::{Observed, Undelivered};
use super::{Check, Expected, Finding, Rows, words};
use crate::subscribe::Policy;

/// How far is looked back. What is older was told before, or is nobody's concern any more.
pub(super) const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24);
/// For so long a subscription is disabled after a refusal.
const DISABLED: SignedDuration = SignedDuration::from_mins(10);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// So many spans have rows of their own: of a destination that fails for hours there may be many.
const SPANS_MAX: usize = 5;
/// CloudWatch Logs skips what arrives in that time, and `backfill` goes by the time of events, which agents and functions hand over
/// later. What was delivered as well counts once.
const ARRIVAL_LATE: SignedDuration = SignedDuration::from_mins(15);

/// What stands for a log group that the metric does not name.
pub(super) const ANY_GROUP: &str = "*";

/// Minutes that belong together, and what came to nothing in them.
struct Span<'o> {
    since: Timestamp,
    until: Timestamp,
    groups: BTreeSet<&'o str>,
    events: f64,
}

pub(super) fn skipped(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Skipped);
    let undelivered = match &observed.undelivered {
        Ok(undelivered) => undelivered,
        Err(fault) => {
            rows.fault(fault);
            return rows.found;
        }
    };
    for is_throttled in [false, true] {
        let ours =
            undelivered.iter().filter(|one| one.is_throttled == is_throttled && is_ours(one, observed, expected));
        let mut spans = spans(ours, observed.time);
        if spans.len() > SPANS_MAX {
            let rest = spans.split_off(SPANS_MAX - 1);
            spans.extend(rest.into_iter().reduce(Span::join));
        }
        for span in &spans {
            let what = format!(
                "{:.0} events of {} between {} and {}",
                span.events,
                words::names(span.groups.iter().copied()),
                words::second(span.since),
                words::second(span.until)
            );
            let backfill = backfill(span, observed, expected);
            match is_throttled {
                false => rows.fail(format!("CloudWatch Logs was refused and skips: {what}"), backfill),
                true => rows.warn(
                    format!("CloudWatch Logs was asked to wait, and tries again for 24 h: {what}"),
                    format!("more `ReservedConcurrency`; where they do not come, {backfill}"),
                ),
            }
        }
    }
    rows.or_ok(format!("nothing in the last {}", words::duration(LOOKED_BACK)))
}

/// Whether it is a subscription to the forwarder, or may be one: the filter of that name, where there is one still, delivers
/// to it.
fn is_ours(undelivered: &Undelivered, observed: &Observed, expected: &Expected) -> bool {
    let (Ok(survey), Ok(account)) = (&observed.survey, &observed.account) else { return true };
    let destination = expected.names.destination(account, &observed.region);
    let has_policy = policies(observed, expected).next().is_some();
    let Some(name) = &undelivered.filter else { return survey.policies.is_empty() || has_policy };
    let mut filters =
        survey.groups.iter().filter(|group| group.name == undelivered.group).flat_map(|group| &group.filters);
    match filters.find(|filter| filter.name == *name) {
        Some(filter) => filter.destination == destination,
        // It is gone, or CloudWatch calls the policy so.
        None => name == expected.names.name() || has_policy,
    }
}

/// The account's policies that deliver to the forwarder; all of them, where whose account it is could not be asked.
fn policies<'o>(observed: &'o Observed, expected: &Expected) -> impl Iterator<Item = &'o Policy> {
    let account = observed.account.as_ref().ok();
    let destination = account.map(|account| expected.names.destination(account, &observed.region));
    let policies = observed.survey.iter().flat_map(|survey| &survey.policies);
    policies.filter(move |policy| destination.as_ref().is_none_or(|ours| policy.document.destination == *ours))
}

/// Minutes with no more between them than a subscription is disabled for are one span, which ends as long after the last.
fn spans<'o>(undelivered: impl Iterator<Item = &'o Undelivered>, now: Timestamp) -> Vec<Span<'o>> {
    let mut minutes: Vec<(Timestamp, &str, f64)> = undelivered
        .flat_map(|one| one.minutes.iter().map(move |(at, events)| (*at, one.group.as_str(), *events)))
        .collect();
    minutes.sort_by_key(|one| one.0);
    let mut spans: Vec<Span<'o>> = Vec::new();
    for (since, group, events) in minutes {
        let until = since.saturating_add(MINUTE + DISABLED).unwrap_or(now).min(now.max(since));
        let span = Span { since, until, groups: BTreeSet::from([group]), events };
        match spans.pop() {
            Some(last) if last.until >= since => spans.push(last.join(span)),
            last => spans.extend(last.into_iter().chain([span])),
        }
    }
    spans
}

impl Span<'_> {
    fn join(mut self, other: Self) -> Self {
        self.since = self.since.min(other.since);
        self.until = self.until.max(other.until);
        self.groups.extend(other.groups);
        self.events += other.events;
        self
    }
}

/// What brings these minutes, and nothing of groups that are left out on purpose.
fn backfill(span: &Span<'_>, observed: &Observed, expected: &Expected) -> String {
    let mut command = format!("transect backfill --region {} --name {}", observed.region, expected.names.name());
    for group in &span.groups {
        command.push_str(&words::option("--group", group));
    }
    // Of a policy CloudWatch may not say which groups they were.
    if span.groups.contains(ANY_GROUP) {
        let excluded = policies(observed, expected).flat_map(|policy| &policy.excluded);
        // `backfill` itself leaves out what the deployment writes.
        let own = expected.names.own_groups();
        let left_out: BTreeSet<&String> = excluded.chain(&expected.exclude).collect();
        for name in left_out.into_iter().filter(|name| !own.contains(name)) {
            command.push_str(&words::option("--exclude", name));
        }
    }
    let since = span.since.saturating_sub(ARRIVAL_LATE).unwrap_or(span.since);
    format!("`{command} --since {} --until {}`", words::second(since), words::second(span.until))
}
