//! Which log groups are forwarded and which are not: survey a region, compare with what is wished, put right what differs.
//! The comparison is a pure function; run twice, the second time has nothing to do.
//!
//! It refuses to touch filters of others, and to subscribe the log groups that the pipeline itself writes, or another one in
//! the region.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatchlogs::config::interceptors::InterceptorContext;
use aws_sdk_cloudwatchlogs::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_cloudwatchlogs::operation::put_subscription_filter::PutSubscriptionFilterError;
use aws_sdk_cloudwatchlogs::types::{Distribution, LogGroupClass, PolicyType, Scope};
use futures::StreamExt;
use futures::stream;
use wildmatch::WildMatch;

use crate::own::{self, Covers, Subscription};
use crate::pages::Pages;
use crate::{Account, Fault, Names, OwnGroups, Owner, Pace, Progress, Region};

/// Calls a second of each kind, below what the service allows in all regions (CloudWatch Logs quotas: PutSubscriptionFilter and
/// PutRetentionPolicy 5, DescribeLogGroups and DescribeSubscriptionFilters 10).
const READS_PER_SECOND: u32 = 10;
const WRITES_PER_SECOND: u32 = 5;
/// Answers that may be awaited at the same time: slow ones are not to lower the pace.
const CALLS_IN_FLIGHT_MAX: usize = 10;
/// Log groups on a page (DescribeLogGroups).
const PAGE_GROUPS_MAX: i32 = 50;
/// Subscription filters that a group takes unless the account has asked for more (CloudWatch Logs quotas).
const FILTERS_PER_GROUP: usize = 2;
/// What the exclusion list of an account policy may hold (PutAccountPolicy).
const SELECTION_BYTES_MAX: usize = 25 << 10;
/// Storage in us-east-1, by the price list of 2026. Other regions differ by some percent, and what is stored is compressed
/// first, so that this is at most what is billed.
const USD_PER_GB_MONTH: f64 = 0.03;
/// Days that PutRetentionPolicy takes.
pub const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// How log groups are to be subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A filter in each group.
    Groups,
    /// One policy for all groups of the account and region, those to come among them.
    Account,
}

/// What is wished.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The names of the deployment.
    pub names: Names,
    /// One by one, or by the account's policy.
    pub mode: Mode,
    /// Patterns of groups to subscribe, with `*` and `?`; all, where there is none.
    pub include: Vec<String>,
    /// Patterns of groups to leave alone.
    pub exclude: Vec<String>,
    /// Retention for groups that never expire; `None` leaves them.
    pub retention_days: Option<i32>,
    /// CloudWatch's filter pattern; empty for everything.
    pub filter_pattern: String,
    /// Where to deliver, instead of the deployment's forwarder.
    pub destination: Option<String>,
}

/// A log group as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Days that events stay; `None` for ever.
    pub retention_days: Option<i32>,
    /// Bytes that it holds.
    pub stored_bytes: i64,
    /// Whether its class takes subscription filters: that of infrequent access does not.
    pub takes_filters: bool,
    /// Its subscription filters.
    pub filters: Vec<Filter>,
    /// Why its filters are not known.
    pub fault: Option<Fault>,
}

/// A subscription filter as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// What it lets through.
    pub pattern: String,
    /// Where to.
    pub destination: String,
}

/// A subscription policy of the account as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it lets through and where to.
    pub document: PolicyDocument,
    /// Groups that it leaves out.
    pub excluded: Vec<String>,
}

/// The document of an account's subscription policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct PolicyDocument {
    /// Where to.
    #[serde(rename = "DestinationArn", default)]
    pub destination: String,
    /// What it lets through.
    #[serde(rename = "FilterPattern", default)]
    pub pattern: String,
    /// How it is spread over a stream's shards; a function has none.
    #[serde(rename = "Distribution", default)]
    pub distribution: String,
}

/// What a region holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Every log group, in the order of names.
    pub groups: Vec<Group>,
    /// The account's subscription policies.
    pub policies: Vec<Policy>,
}

impl Survey {
    /// The log groups that must not be forwarded: our own, those of other deployments in the region, that of the function that
    /// is the destination, and those of functions that get what any of ours writes.
    pub(crate) fn own_groups(&self, names: &Names, destination: Option<&str>) -> OwnGroups {
        let filters = self.groups.iter().flat_map(|group| {
            let covers = Covers::Group(&group.name);
            group.filters.iter().map(move |filter| Subscription { covers, destination: &filter.destination })
        });
        let policies = self.policies.iter().map(|policy| Subscription {
            covers: Covers::AllBut(&policy.excluded),
            destination: &policy.document.destination,
        });
        let subscriptions: Vec<Subscription<'_>> = filters.chain(policies).collect();
        OwnGroups::find(names, self.groups.iter().map(|group| group.name.as_str()), &subscriptions, destination)
    }
}

/// How a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything that is wished reaches the destination.
    Covered,
    /// Nothing does.
    Missing,
    /// Our filter or policy is there and says something else.
    Differs,
    /// It is wished, and something stands in the way.
    Blocked,
    /// It is wished, and how it stands could not be found out.
    Unknown,
    /// Written by a forwarder, ours or another's, and never to be forwarded.
    Own,
    /// Not wished.
    Excluded,
}

impl State {
    /// As it is written in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Covered => "covered",
            State::Missing => "missing",
            State::Differs => "differs",
            State::Blocked => "blocked",
            State::Unknown => "unknown",
            State::Own => "own",
            State::Excluded => "excluded",
        }
    }
}

/// What is to be done to a group, or was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Put our filter.
    pub filter: bool,
    /// Put a retention of so many days.
    pub retention_days: Option<i32>,
    /// Put the account's policy.
    pub policy: bool,
}

impl Change {
    /// As it is written in tables and JSON.
    pub fn name(self) -> &'static str {
        match (self.policy, self.filter, self.retention_days.is_some()) {
            (true, ..) => "put_policy",
            (_, true, true) => "put_filter+put_retention",
            (_, true, false) => "put_filter",
            (_, false, true) => "put_retention",
            (_, false, false) => "none",
        }
    }

    /// Whether there is anything to do.
    pub fn is_any(self) -> bool {
        self != Change::default()
    }
}

/// One row of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The log group; `*` for the account's policy.
    pub group: String,
    /// How it stands.
    pub state: State,
    /// What is to be done.
    pub change: Change,
    /// Why, or what stands in the way.
    pub detail: String,
    /// Days that events stay; `None` for ever.
    pub retention_days: Option<i32>,
    /// Bytes that it holds.
    pub stored_bytes: i64,
    /// What the bytes of a group that never expires cost a month, at most, in US dollars.
    pub monthly_usd: Option<f64>,
}

/// What a region is to become.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The policy first, where there is one, and every group in the order of names.
    pub rows: Vec<Row>,
    /// Where everything goes.
    pub destination: String,
    /// The account's policy, where it is wished.
    policy: Option<Put>,
    filter_pattern: String,
    name: String,
}

/// A policy as it is put, and how every group stands then.
#[derive(Clone, Debug, PartialEq)]
struct Put {
    document: PolicyDocument,
    selection: String,
    afterwards: Vec<Row>,
}

/// Everything that a region holds, over all pages. Its progress is in calls: with a thousand groups there are as many. A group
/// that does not tell its filters is one that is not known, and hides no other.
///
/// # Errors
/// The first call that came to nothing; of those about one group each, where none was answered.
pub async fn survey(region: &Region, progress: &Progress) -> Result<Survey, Fault> {
    let pace = Pace::per_second(READS_PER_SECOND);
    let groups = groups(region, &pace).await?;
    progress.find(groups.len());
    let described = stream::iter(groups).map(|group| async {
        let described = describe(region, &pace, group).await;
        progress.end(1, 0);
        described
    });
    let described = described.buffered(CALLS_IN_FLIGHT_MAX);
    let groups: Vec<Group> = described.collect().await;
    let is_asked = |group: &&Group| group.takes_filters;
    if let Some(fault) = groups.iter().find_map(|group| group.fault.clone())
        && groups.iter().filter(is_asked).all(|group| group.fault.is_some())
    {
        return Err(fault);
    }
    Ok(Survey { groups, policies: policies(region, &pace).await? })
}

/// The log groups of a region, without their filters, in the order of names.
///
/// # Errors
/// The first call that came to nothing.
pub async fn groups(region: &Region, pace: &Pace) -> Result<Vec<Group>, Fault> {
    const ACTION: &str = "logs:DescribeLogGroups";
    let (mut groups, mut token, mut pages) = (Vec::new(), None, Pages::default());
    loop {
        pace.permit().await;
        let call = region.logs.describe_log_groups().limit(PAGE_GROUPS_MAX).set_next_token(token);
        let page = call.send().await.map_err(|error| Fault::of(ACTION, error))?;
        for group in page.log_groups() {
            groups.push(Group {
                name: group.log_group_name().unwrap_or_default().to_owned(),
                retention_days: group.retention_in_days(),
                stored_bytes: group.stored_bytes().unwrap_or_default(),
                takes_filters: group.log_group_class().is_none_or(|class| *class == LogGroupClass::Standard),
                ..Group::default()
            });
        }
        token = pages.turn(ACTION, page.next_token())?;
        if token.is_none() {
            break;
        }
    }
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    groups.dedup_by(|one, other| one.name == other.name);
    Ok(groups)
}

async fn describe(region: &Region, pace: &Pace, mut group: Group) -> Group {
    if !group.takes_filters {
        return group;
    }
    pace.permit().await;
    let call = region.logs.describe_subscription_filters().log_group_name(&group.name);
    let found = match call.send().await.map_err(|error| Fault::of("logs:DescribeSubscriptionFilters", error)) {
        Ok(found) => found,
        // Deleted a moment ago.
        Err(fault) if fault.is("ResourceNotFoundException") => return group,
        Err(fault) => {
            group.fault = Some(fault);
            return group;
        }
    };
    group.filters = found
        .subscription_filters()
        .iter()
        .map(|filter| Filter {
            name: filter.filter_name().unwrap_or_default().to_owned(),
            pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
            destination: filter.destination_arn().unwrap_or_default().to_owned(),
        })
        .collect();
    group
}

async fn policies(region: &Region, pace: &Pace) -> Result<Vec<Policy>, Fault> {
    pace.permit().await;
    let call = region.logs.describe_account_policies().policy_type(PolicyType::SubscriptionFilterPolicy);
    let found = call.send().await.map_err(|error| Fault::of("logs:DescribeAccountPolicies", error))?;
    Ok(found
        .account_policies()
        .iter()
        .map(|policy| Policy {
            name: policy.policy_name().unwrap_or_default().to_owned(),
            document: policy.policy_document().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            excluded: policy.selection_criteria().map(parse_selection).unwrap_or_default(),
        })
        .collect())
}

/// The groups of `LogGroupName NOT IN ["a", "b"]`.
fn parse_selection(text: &str) -> Vec<String> {
    let list = text.find('[').and_then(|start| text.get(start..));
    list.and_then(|list| serde_json::from_str(list.trim()).ok()).unwrap_or_default()
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// What is to be done so that a region is as wished. Pure.
pub fn plan(survey: &Survey, wish: &Wish, account: &Account, region: &str) -> Plan {
    let destination = wish.destination.clone().unwrap_or_else(|| wish.names.destination(account, region));
    let included: Vec<WildMatch> = wish.include.iter().map(|pattern| WildMatch::new(pattern)).collect();
    let excluded: Vec<WildMatch> = wish.exclude.iter().map(|pattern| WildMatch::new(pattern)).collect();
    let own = survey.own_groups(&wish.names, Some(&destination));
    let is_wished = |group: &Group| {
        (included.is_empty() || included.iter().any(|pattern| pattern.matches(&group.name)))
            && !excluded.iter().any(|pattern| pattern.matches(&group.name))
    };
    let view = View { wish, own: &own, destination: &destination, policies: &survey.policies };
    let mut rows = Vec::with_capacity(survey.groups.len() + 1);
    let mut policy = None;
    if wish.mode == Mode::Account {
        let mut left_out: Vec<&str> = own.iter().map(|(group, _)| group).collect();
        let unwished = survey.groups.iter().filter(|group| !is_wished(group) && !own.contains(&group.name));
        left_out.extend(unwished.map(|group| group.name.as_str()));
        // What is named whole stays out before it is there, and after it was gone for a while.
        let known: BTreeSet<&str> = left_out.iter().copied().collect();
        let named: BTreeSet<&str> = wish.exclude.iter().map(String::as_str).filter(|name| !is_pattern(name)).collect();
        left_out.extend(named.difference(&known));
        let (row, document, selection) = view.policy_row(&left_out);
        rows.push(row);
        let excluded = left_out.into_iter().map(str::to_owned).collect();
        let put = [Policy { name: wish.names.name().to_owned(), document: document.clone(), excluded }];
        let afterwards = View { policies: &put, ..view };
        let afterwards = survey.groups.iter().map(|group| afterwards.row(group, is_wished(group))).collect();
        policy = Some(Put { document, selection, afterwards });
    }
    rows.extend(survey.groups.iter().map(|group| view.row(group, is_wished(group))));
    Plan { rows, destination, policy, filter_pattern: wish.filter_pattern.clone(), name: wish.names.name().to_owned() }
}

/// What the rows are compared with.
#[derive(Clone, Copy)]
struct View<'v> {
    wish: &'v Wish,
    own: &'v OwnGroups,
    destination: &'v str,
    policies: &'v [Policy],
}

impl View<'_> {
    fn row(&self, group: &Group, is_wished: bool) -> Row {
        let (state, filter, detail) = match self.own.owner(&group.name) {
            Some(owner) => self.own(group, owner),
            None if !is_wished => (State::Excluded, false, self.notes(group)),
            None => self.group(group),
        };
        let retention = match state {
            State::Own | State::Excluded => None,
            _ => self.wish.retention_days.filter(|_| group.retention_days.is_none()),
        };
        Row {
            group: group.name.clone(),
            state,
            change: Change { filter, retention_days: retention, policy: false },
            detail,
            retention_days: group.retention_days,
            stored_bytes: group.stored_bytes,
            monthly_usd: group.retention_days.is_none().then(|| group.stored_bytes as f64 / 1e9 * USD_PER_GB_MONTH),
        }
    }

    /// The policy that delivers a group to the destination already.
    fn covering_policy(&self, group: &Group) -> Option<&Policy> {
        self.policies
            .iter()
            .find(|policy| policy.document.destination == self.destination && !policy.excluded.contains(&group.name))
    }

    /// The policy that delivers a group to the destination's function and not to its alias, and to what instead. With a filter
    /// beside it every event would come twice.
    fn policy_beside(&self, group: &Group) -> Option<(&Policy, String)> {
        self.policies
            .iter()
            .filter(|policy| !policy.excluded.contains(&group.name))
            .find_map(|policy| Some((policy, own::other_alias(&policy.document.destination, self.destination)?)))
    }

    fn own_filter<'g>(&self, group: &'g Group) -> Option<&'g Filter> {
        group.filters.iter().find(|filter| filter.name == self.wish.names.name())
    }

    fn own(&self, group: &Group, owner: &Owner) -> (State, bool, String) {
        let is_loop = group.filters.iter().any(|filter| filter.destination == self.destination)
            || self.covering_policy(group).is_some();
        let detail = match (is_loop, owner) {
            (true, Owner::Other(name)) => format!(
                "forwarded, and `{name}` writes it, which is another forwarder of this region: a loop as soon as it forwards \
                 ours; take it out of the subscription"
            ),
            (true, Owner::Fed(function)) => format!(
                "forwarded, and `{function}` writes it, which gets what the forwarder writes: a loop; take it out of the \
                 subscription"
            ),
            (true, _) => {
                "forwarded to the forwarder that writes it: a loop; take it out of the subscription".to_owned()
            }
            (false, owner) => format!("written by {owner}"),
        };
        (State::Own, false, detail)
    }

    /// What is to be known of a group that is left alone.
    fn notes(&self, group: &Group) -> String {
        match group.filters.iter().any(|filter| filter.destination == self.destination) {
            true => "not wished, and subscribed".to_owned(),
            false => String::new(),
        }
    }

    fn group(&self, group: &Group) -> (State, bool, String) {
        if !group.takes_filters {
            return (State::Blocked, false, "its log group class takes no subscriptions".to_owned());
        }
        let own = self.own_filter(group);
        if let Some((policy, alias)) = self.policy_beside(group) {
            let detail = format!("by the account's policy `{}`, to {alias} of the same function", policy.name);
            return (State::Differs, false, detail);
        }
        if let Some(policy) = self.covering_policy(group) {
            let twice = own.is_some_and(|filter| filter.destination == self.destination);
            let is_same = policy.document.pattern == self.wish.filter_pattern;
            let detail = match (twice, is_same) {
                (true, _) => {
                    format!("by the account's policy `{}` and by a filter of its own: delivered twice", policy.name)
                }
                (false, true) => format!("by the account's policy `{}`", policy.name),
                (false, false) => format!("by the account's policy `{}`, with another filter pattern", policy.name),
            };
            return (if is_same { State::Covered } else { State::Differs }, false, detail);
        }
        if self.wish.mode == Mode::Account {
            return (State::Missing, false, "comes with the account's policy".to_owned());
        }
        if let Some(fault) = &group.fault {
            // A filter that is put blindly may be the second of the same events.
            return (State::Unknown, false, fault.to_string());
        }
        match own {
            Some(filter) if filter.destination == self.destination && filter.pattern == self.wish.filter_pattern => {
                (State::Covered, false, String::new())
            }
            Some(filter) => {
                let what = match filter.destination == self.destination {
                    true => "another filter pattern",
                    false => "another destination",
                };
                (State::Differs, true, what.to_owned())
            }
            // Somebody has subscribed the same destination under another name.
            None if group
                .filters
                .iter()
                .any(|filter| filter.destination == self.destination && filter.pattern == self.wish.filter_pattern) =>
            {
                (State::Covered, false, "by a filter of another name".to_owned())
            }
            None if group.filters.len() >= FILTERS_PER_GROUP => {
                let names: Vec<&str> = group.filters.iter().map(|filter| filter.name.as_str()).collect();
                (State::Blocked, true, format!("filters of others fill the group: {}", names.join(", ")))
            }
            None => (State::Missing, true, String::new()),
        }
    }

    /// The row of the account's policy, and what is put: document and selection.
    fn policy_row(&self, left_out: &[&str]) -> (Row, PolicyDocument, String) {
        let document = PolicyDocument {
            destination: self.destination.to_owned(),
            pattern: self.wish.filter_pattern.clone(),
            distribution: "Random".to_owned(),
        };
        let list = serde_json::to_string(left_out).unwrap_or_default();
        let selection = format!("LogGroupName NOT IN {list}");
        let own = self.policies.iter().find(|policy| policy.name == self.wish.names.name());
        let other = self.policies.iter().find(|policy| policy.name != self.wish.names.name());
        let is_same = |policy: &Policy| {
            let sorted = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
            policy.document.destination == document.destination
                && policy.document.pattern == document.pattern
                && sorted(policy.excluded.clone()) == sorted(left_out.iter().map(|name| (*name).to_owned()).collect())
        };
        let (state, put, detail) = match (own, other) {
            _ if selection.len() > SELECTION_BYTES_MAX => {
                let detail = format!(
                    "the groups to leave out take {} bytes, and a policy holds {SELECTION_BYTES_MAX}",
                    selection.len()
                );
                (State::Blocked, false, detail)
            }
            (Some(own), _) if is_same(own) => (State::Covered, false, String::new()),
            (Some(own), _) if own.document.destination != document.destination => {
                (State::Differs, true, "another destination".to_owned())
            }
            (Some(own), _) if own.document.pattern != document.pattern => {
                (State::Differs, true, "another filter pattern".to_owned())
            }
            (Some(_), _) => (State::Differs, true, "leaves other groups out".to_owned()),
            (None, Some(other)) => {
                let is_it = format!("a region has one subscription policy, and `{}` is it", other.name);
                let detail = match own::other_alias(&other.document.destination, self.destination) {
                    Some(alias) => format!("{is_it}, to {alias} of the same function: delete it first"),
                    None => format!("{is_it}: use --policy groups"),
                };
                (State::Blocked, false, detail)
            }
            (None, None) => (State::Missing, true, format!("leaves out {} groups", left_out.len())),
        };
        let row = Row {
            group: "*".to_owned(),
            state,
            change: Change { policy: put, ..Change::default() },
            detail,
            retention_days: None,
            stored_bytes: 0,
            monthly_usd: None,
        };
        (row, document, selection)
    }
}

/// Does what the plan says, at the service's pace, and tells for each row how it stands then: what was done has no change
/// left; what could not be done is blocked, with the reason, and hinders nothing else.
pub async fn apply(region: &Region, plan: &Plan, progress: &Progress) -> Vec<Row> {
    let pace = Pace::per_second(WRITES_PER_SECOND);
    let mut rows = plan.rows.clone();
    if let (Some(put), Some(row)) = (&plan.policy, rows.first_mut().filter(|row| row.change.policy)) {
        match put_policy(region, &pace, &plan.name, put).await {
            Ok(()) => {
                (row.state, row.change.policy, row.detail) = (State::Covered, false, "put".to_owned());
                rows.truncate(1);
                rows.extend(put.afterwards.iter().cloned());
            }
            Err(fault) => (row.state, row.detail) = (State::Blocked, because(&[fault], &row.detail)),
        }
    }
    let changed = rows.iter().enumerate().filter(|(_, row)| row.change.filter || row.change.retention_days.is_some());
    let changed: Vec<(usize, &Row)> = changed.collect();
    progress.find(changed.len());
    let mut done: BTreeMap<usize, Row> = stream::iter(changed)
        .map(|(index, row)| {
            let pace = &pace;
            async move {
                let now = apply_row(region, plan, pace, row).await;
                progress.end(1, 0);
                (index, now)
            }
        })
        .buffer_unordered(CALLS_IN_FLIGHT_MAX)
        .collect()
        .await;
    rows.into_iter().enumerate().map(|(index, row)| done.remove(&index).unwrap_or(row)).collect()
}

/// What did not come about, before what was known of it.
fn because(faults: &[Fault], detail: &str) -> String {
    let mut reasons: Vec<String> = faults.iter().map(ToString::to_string).collect();
    reasons.extend(Some(detail.to_owned()).filter(|detail| !detail.is_empty()));
    reasons.join("; ")
}

async fn apply_row(region: &Region, plan: &Plan, pace: &Pace, row: &Row) -> Row {
    let mut now = row.clone();
    let mut faults = Vec::new();
    if row.change.filter {
        match put_filter(region, pace, plan, &row.group).await {
            Ok(()) => (now.state, now.change.filter, now.detail) = (State::Covered, false, "put".to_owned()),
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(days) = row.change.retention_days {
        match put_retention(region, pace, &row.group, days).await {
            Ok(()) => {
                (now.change.retention_days, now.retention_days, now.monthly_usd) = (None, Some(days), None);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        if now.change.filter {
            now.state = State::Blocked;
        }
        now.detail = because(&faults, &row.detail);
    }
    now
}

/// A group that takes no further filter is not going to, however often it is asked. The SDK takes the name of that error for
/// one of haste.
#[derive(Debug)]
struct FullIsFull;

impl ClassifyRetry for FullIsFull {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(|outcome| outcome.err());
        let error = error.and_then(|error| error.as_operation_error());
        match error.and_then(|error| error.downcast_ref::<PutSubscriptionFilterError>()) {
            Some(error) if error.is_limit_exceeded_exception() => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "a full group is full"
    }
}

async fn put_filter(region: &Region, pace: &Pace, plan: &Plan, group: &str) -> Result<(), Fault> {
    pace.permit().await;
    let call = region
        .logs
        .put_subscription_filter()
        .log_group_name(group)
        .filter_name(&plan.name)
        .filter_pattern(&plan.filter_pattern)
        .destination_arn(&plan.destination);
    let once = aws_sdk_cloudwatchlogs::config::Builder::new().retry_classifier(FullIsFull);
    call.customize()
        .config_override(once)
        .send()
        .await
        .map(drop)
        .map_err(|error| Fault::of("logs:PutSubscriptionFilter", error))
}

async fn put_retention(region: &Region, pace: &Pace, group: &str, days: i32) -> Result<(), Fault> {
    pace.permit().await;
    let call = region.logs.put_retention_policy().log_group_name(group).retention_in_days(days);
    call.send().await.map(drop).map_err(|error| Fault::of("logs:PutRetentionPolicy", error))
}

async fn put_policy(region: &Region, pace: &Pace, name: &str, put: &Put) -> Result<(), Fault> {
    let Put { document, selection, .. } = put;
    pace.permit().await;
    debug_assert_eq!(document.distribution, Distribution::Random.as_str());
    let call = region
        .logs
        .put_account_policy()
        .policy_name(name)
        .policy_type(PolicyType::SubscriptionFilterPolicy)
        .scope(Scope::All)
        .policy_document(serde_json::to_string(document).unwrap_or_default())
        .selection_criteria(selection);
    call.send().await.map(drop).map_err(|error| Fault::of("logs:PutAccountPolicy", error))
}

#[cfg(test)]
mod tests;
