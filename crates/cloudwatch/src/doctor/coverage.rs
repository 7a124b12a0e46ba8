//! Which log groups are forwarded, by the same comparison as `transect subscribe`, and what must never be: the groups that the
//! pipeline writes itself. It refuses to know of a filter pattern that it is better than another.

use std::collections::BTreeMap;

use super::observed::Observed;
use super::{Check, Expected, Finding, Rows, words};
use crate::subscribe::{self, Group, Mode, Policy, Row, State, Survey, Wish};
use crate::{Names, OwnGroups, Owner, own};

/// Retention that the fix proposes: long enough for a region that was down and `transect backfill`.
const RETENTION_DAYS: i32 = 30;

pub(super) fn coverage(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Coverage);
    let survey = match &observed.survey {
        Ok(survey) => survey,
        Err(fault) => {
            rows.fault(fault);
            return rows.found;
        }
    };
    let Ok(account) = &observed.account else {
        rows.unknown("not looked at: whose forwarder it would be is not known", "what the row `credentials` says");
        return rows.found;
    };
    let destination = expected.names.destination(account, &observed.region);
    let policy = policy_of(survey, &expected.names, &destination);
    let own = survey.own_groups(&expected.names, Some(&destination));
    // What the account's policy leaves out is left out on purpose.
    let excluded_by_policy =
        policy.into_iter().flat_map(|policy| &policy.excluded).filter(|name| !own.contains(name.as_str()));
    let exclude: Vec<String> = expected.exclude.iter().chain(excluded_by_policy).cloned().collect();
    let pattern = usual_pattern(survey, policy, &destination);
    let wish = Wish {
        names: expected.names.clone(),
        mode: Mode::Groups,
        include: expected.include.clone(),
        exclude,
        retention_days: None,
        filter_pattern: pattern,
        destination: None,
    };
    let plan = subscribe::plan(survey, &wish, account, &observed.region);
    let rule = Rule { observed, wish: &wish, survey, policy, own: &own, destination: &destination };
    rule.loops(&mut rows);
    rule.not_known(&mut rows, &plan.rows);
    let of_state = |state: State| plan.rows.iter().filter(move |row| row.state == state);
    let count = |state: State| of_state(state).count();
    let wished = plan.rows.len() - count(State::Own) - count(State::Excluded);
    rule.gaps(&mut rows, &plan.rows, count(State::Covered), wished);
    rule.twice(&mut rows);
    rule.retention(&mut rows, &plan.rows);
    let by = policy.map(|policy| format!(", by the account's policy `{}`", policy.name)).unwrap_or_default();
    let with = match wish.filter_pattern.as_str() {
        "" => String::new(),
        pattern => format!(", of them what `{pattern}` lets through"),
    };
    rows.or_ok(format!(
        "{} of {} forwarded{by}{with}; {} of the pipeline's own and {} excluded",
        count(State::Covered),
        words::count(wished, "log group"),
        count(State::Own),
        count(State::Excluded)
    ))
}

/// The account's policy that is meant for this deployment: the one that delivers to it, else the one that delivers to another
/// alias of its forwarder, else the one of its name, wherever that delivers. A region has one, and what puts it right is to put it.
fn policy_of<'s>(survey: &'s Survey, names: &Names, destination: &str) -> Option<&'s Policy> {
    let delivers = |policy: &&Policy| policy.document.destination == destination;
    let beside = |policy: &&Policy| own::other_alias(&policy.document.destination, destination).is_some();
    let policies = || survey.policies.iter();
    let named = || policies().find(|policy| policy.name == names.name());
    policies().find(delivers).or_else(|| policies().find(beside)).or_else(named)
}

/// The pattern of the account's policy, else the one that most filters to the forwarder have: one that differs is an
/// exception, and a deployment that filters is not.
fn usual_pattern(survey: &Survey, policy: Option<&Policy>, destination: &str) -> String {
    if let Some(policy) = policy {
        return policy.document.pattern.clone();
    }
    let mut patterns: BTreeMap<&str, usize> = BTreeMap::new();
    let filters = survey.groups.iter().flat_map(|group| &group.filters);
    for filter in filters.filter(|filter| filter.destination == destination) {
        *patterns.entry(&filter.pattern).or_default() += 1;
    }
    let usual = patterns.into_iter().max_by(|one, other| (one.1, other.0).cmp(&(other.1, one.0)));
    usual.map(|(pattern, _)| pattern.to_owned()).unwrap_or_default()
}

/// Where a stack has put the policy, its next update of it takes back what a command has changed.
fn of_stack(group: &str, owner: &Owner) -> String {
    let parameter = match owner {
        // A stack leaves out its own by itself.
        Owner::Ours => return String::new(),
        Owner::Other(name) => format!("`{name}` into `OtherNames`"),
        Owner::Destination(_) | Owner::Fed(_) => format!("`{group}` into `ExcludedLogGroups`"),
    };
    format!(
        "; where the stack has the policy (Subscribe=policy), put {parameter} instead, or its next update undoes this"
    )
}

struct Rule<'r> {
    observed: &'r Observed,
    wish: &'r Wish,
    survey: &'r Survey,
    policy: Option<&'r Policy>,
    own: &'r OwnGroups,
    destination: &'r str,
}

impl Rule<'_> {
    /// What puts filters, or the policy, as they should be.
    fn subscribe(&self, more: &str) -> String {
        let command = self.command(more);
        // One of another name is no policy of ours to put, and a region has one.
        let theirs = self.policy.filter(|policy| policy.name != self.wish.names.name() && !self.delivers(policy));
        let Some(policy) = theirs else { return command };
        format!(
            "`aws logs delete-account-policy --region {}{} --policy-type SUBSCRIPTION_FILTER_POLICY`, then {command}",
            self.observed.region,
            words::option("--policy-name", &policy.name)
        )
    }

    fn delivers(&self, policy: &Policy) -> bool {
        policy.document.destination == self.destination
    }

    /// The policy that hands the forwarder what it covers, by whichever alias.
    fn policy_to_us(&self) -> Option<&Policy> {
        self.policy.filter(|policy| {
            self.delivers(policy) || own::other_alias(&policy.document.destination, self.destination).is_some()
        })
    }

    fn command(&self, more: &str) -> String {
        let mut command = format!(
            "transect subscribe --apply --region {} --name {} --policy {}",
            self.observed.region,
            self.wish.names.name(),
            if self.policy.is_some() { "account" } else { "groups" }
        );
        // A policy only leaves out.
        for pattern in self.wish.include.iter().filter(|_| self.policy.is_none()) {
            command.push_str(&words::option("--match", pattern));
        }
        // All of them, however many: what the command does not name it would forward.
        for pattern in &self.wish.exclude {
            command.push_str(&words::option("--exclude", pattern));
        }
        if !self.wish.filter_pattern.is_empty() {
            command.push_str(&words::option("--filter", &self.wish.filter_pattern));
        }
        format!("`{command}{more}`")
    }

    /// Each line that the forwarder writes would make it write another.
    fn loops(&self, rows: &mut Rows<'_>) {
        for (name, owner) in self.own.iter() {
            if self.policy_to_us().is_some_and(|policy| policy.excluded.iter().all(|excluded| excluded != name)) {
                rows.fail(
                    format!("the account's policy forwards `{name}`, written by {owner}: a loop"),
                    format!("{}{}", self.subscribe(""), of_stack(name, owner)),
                );
            }
            let group = self.survey.groups.iter().find(|group| group.name == name);
            for filter in group.into_iter().flat_map(|group| self.filters_to_us(group)) {
                rows.fail(
                    format!("filter `{filter}` forwards `{name}`, written by {owner}: a loop"),
                    self.delete(name, filter),
                );
            }
        }
    }

    fn filters_to_us<'g>(&self, group: &'g Group) -> impl Iterator<Item = &'g str> {
        let to_us = group.filters.iter().filter(|filter| filter.destination == self.destination);
        to_us.map(|filter| filter.name.as_str())
    }

    fn delete(&self, group: &str, filter: &str) -> String {
        format!(
            "`aws logs delete-subscription-filter --region {}{}{}`",
            self.observed.region,
            words::option("--log-group-name", group),
            words::option("--filter-name", filter)
        )
    }

    /// Groups that do not tell their filters, our own among them, where a filter would be a loop.
    fn not_known(&self, rows: &mut Rows<'_>, plan: &[Row]) {
        let is_known = |name: &str| {
            plan.iter().any(|row| row.group == name && matches!(row.state, State::Covered | State::Excluded))
        };
        let unknown: Vec<&Group> =
            self.survey.groups.iter().filter(|group| group.fault.is_some() && !is_known(&group.name)).collect();
        if let Some(fault) = unknown.first().and_then(|group| group.fault.as_ref()) {
            rows.fault_of(fault, &words::names(unknown.iter().map(|group| group.name.as_str())), unknown.len());
        }
    }

    /// What is wished and not forwarded as it should be.
    fn gaps(&self, rows: &mut Rows<'_>, plan: &[Row], covered: usize, wished: usize) {
        let names = |state: State| -> Vec<&str> {
            plan.iter().filter(|row| row.state == state).map(|row| row.group.as_str()).collect()
        };
        let said = |groups: Vec<&str>| words::names(groups.into_iter());
        let missing = names(State::Missing);
        let of = words::count(wished, "log group");
        if covered == 0 && !missing.is_empty() {
            rows.fail(format!("none of {of} is forwarded: {}", said(missing)), self.subscribe(""));
        } else if !missing.is_empty() {
            rows.warn(format!("{} of {of} not forwarded: {}", missing.len(), said(missing)), self.subscribe(""));
        }
        let differs = names(State::Differs);
        if !differs.is_empty() {
            let first = plan.iter().find(|row| row.state == State::Differs).map_or("", |row| row.detail.as_str());
            rows.warn(
                format!("{} of {of} otherwise than the rest ({first}): {}", differs.len(), said(differs)),
                self.subscribe(""),
            );
        }
        for row in plan.iter().filter(|row| row.state == State::Blocked).take(1) {
            let blocked = names(State::Blocked);
            let fix = match row.change.filter {
                true => format!(
                    "`aws logs describe-subscription-filters --region {}{}`, and delete one of them",
                    self.observed.region,
                    words::option("--log-group-name", &row.group)
                ),
                false => format!(
                    "`{}`, or a new group of class STANDARD",
                    words::option("--exclude", &row.group).trim_start()
                ),
            };
            let count = blocked.len();
            rows.warn(format!("{count} of {of} cannot be forwarded ({}): {}", row.detail, said(blocked)), fix);
        }
    }

    /// By the policy and by a filter: every event arrives and is paid for twice.
    fn twice(&self, rows: &mut Rows<'_>) {
        let Some(policy) = self.policy_to_us() else { return };
        let twice: Vec<(&Group, &str)> = self
            .survey
            .groups
            .iter()
            .filter(|group| !policy.excluded.contains(&group.name) && !self.own.contains(&group.name))
            .filter_map(|group| Some((group, self.filters_to_us(group).next()?)))
            .collect();
        if let Some((group, filter)) = twice.first() {
            let fix = self.delete(&group.name, filter);
            rows.warn(
                format!(
                    "{} forwarded twice, by the account's policy and by a filter: {}",
                    words::count(twice.len(), "log group"),
                    words::names(twice.iter().map(|(group, _)| group.name.as_str()))
                ),
                if twice.len() > 1 { format!("{fix}, and the same for the others") } else { fix },
            );
        }
    }

    /// Groups that never expire cost more every month.
    fn retention(&self, rows: &mut Rows<'_>, plan: &[Row]) {
        let forever = |row: &&Row| row.retention_days.is_none();
        let others: Vec<&Row> =
            plan.iter().filter(|row| !matches!(row.state, State::Own | State::Excluded)).filter(forever).collect();
        if !others.is_empty() {
            let bytes: u64 = others.iter().map(|row| u64::try_from(row.stored_bytes).unwrap_or_default()).sum();
            let usd: f64 = others.iter().filter_map(|row| row.monthly_usd).sum();
            rows.warn(
                format!(
                    "{} without retention: {}, at most ${usd:.2} a month and growing",
                    words::count(others.len(), "log group"),
                    words::bytes(bytes)
                ),
                self.subscribe(&format!(" --retention {RETENTION_DAYS}")),
            );
        }
        let is_ours = |row: &&Row| self.own.owner(&row.group) == Some(&Owner::Ours);
        for row in plan.iter().filter(is_ours).filter(forever) {
            rows.warn(
                format!("`{}`, which the pipeline writes itself, has no retention", row.group),
                format!(
                    "`aws logs put-retention-policy --region {} --log-group-name {} --retention-in-days {RETENTION_DAYS}` (parameter \
                     LogRetentionDays)",
                    self.observed.region,
                    words::quote(&row.group)
                ),
            );
        }
    }
}
