//! CloudWatch Logs but for live sessions: groups, filters, retention, account policies, events. It refuses what the service
//! refuses, in its words where they are known, and holds to its paging.

use serde_json::{Value, json};

use super::account::{Event, Filter, Group, MADE_UNIX_MILLI, Policy, Region};
use super::answer::{Refusal, empty};

const PAGE_ITEMS_MAX: usize = 50;
const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
const SELECTION_CRITERIA_BYTES_MAX: usize = 25 * 1024;
const SUBSCRIPTION_POLICY: &str = "SUBSCRIPTION_FILTER_POLICY";

type Answer = Result<Value, Refusal>;

pub(super) fn answer(region: &mut Region, operation: &str, body: &Value) -> Answer {
    match operation {
        "DescribeLogGroups" => describe_log_groups(region, body),
        "DescribeSubscriptionFilters" => describe_subscription_filters(region, body),
        "PutSubscriptionFilter" => put_subscription_filter(region, body),
        "DeleteSubscriptionFilter" => delete_subscription_filter(region, body),
        "PutRetentionPolicy" => put_retention_policy(region, body),
        "DescribeAccountPolicies" => describe_account_policies(region, body),
        "PutAccountPolicy" => put_account_policy(region, body),
        "DeleteAccountPolicy" => delete_account_policy(region, body),
        "FilterLogEvents" => filter_log_events(region, body),
        _ => Err(Refusal::new(400, "UnknownOperationException", "")),
    }
}

pub(super) fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterException", message)
}

fn no_group() -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", "The specified log group does not exist.")
}

fn text<'a>(body: &'a Value, key: &str) -> Result<&'a str, Refusal> {
    let null =
        format!("1 validation error detected: Value at '{key}' failed to satisfy constraint: Member must not be null");
    body[key].as_str().ok_or_else(|| invalid(&null))
}

fn group<'a>(region: &'a mut Region, body: &Value) -> Result<&'a mut Group, Refusal> {
    let name = text(body, "logGroupName")?;
    region.groups.get_mut(name).ok_or_else(no_group)
}

/// Which of so many items a page holds, and the token of the next. A token is good for the question that it came from.
fn page(body: &Value, count: usize, items_max: usize) -> Result<(std::ops::Range<usize>, Option<String>), Refusal> {
    let mut question = body.clone();
    if let Some(question) = question.as_object_mut() {
        question.remove("nextToken");
        question.remove("limit");
    }
    let question = question.to_string();
    let start = match body["nextToken"].as_str() {
        None => 0,
        Some(token) => token
            .split_once('/')
            .filter(|(_, of)| *of == question)
            .and_then(|(start, _)| start.parse().ok())
            .ok_or_else(|| invalid("The specified nextToken is invalid."))?,
    };
    let limit = match body["limit"].as_u64() {
        None => items_max,
        Some(0) => {
            return Err(invalid("1 validation error detected: Value '0' at 'limit' failed to satisfy constraint"));
        }
        Some(limit) => (limit as usize).min(items_max),
    };
    let end = (start + limit).min(count);
    let next = (end < count).then(|| format!("{end}/{question}"));
    Ok((start.min(end)..end, next))
}

fn limited(body: &Value) -> Result<(), Refusal> {
    match body["limit"].as_u64() {
        Some(limit) if limit > PAGE_ITEMS_MAX as u64 => Err(invalid(
            "Value at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50",
        )),
        _ => Ok(()),
    }
}

fn describe_log_groups(region: &mut Region, body: &Value) -> Answer {
    limited(body)?;
    let (prefix, pattern) = (body["logGroupNamePrefix"].as_str(), body["logGroupNamePattern"].as_str());
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let class = body["logGroupClass"].as_str();
    let groups: Vec<&Group> = region
        .groups
        .values()
        .filter(|group| {
            group.name.starts_with(prefix.unwrap_or_default())
                && group.name.contains(pattern.unwrap_or_default())
                && class.is_none_or(|class| group.class == class)
        })
        .collect();
    let (range, next) = page(body, groups.len(), PAGE_ITEMS_MAX)?;
    let next = if region.is_circular { page(body, groups.len(), 0)?.1 } else { next };
    let groups: Vec<Value> = groups[range]
        .iter()
        .map(|group| {
            let arn = region.arn("logs", &format!("log-group:{}", group.name));
            // A question with a pattern is answered with these alone.
            let mut answer =
                json!({ "logGroupName": group.name, "creationTime": MADE_UNIX_MILLI, "arn": format!("{arn}:*") });
            if pattern.is_none() {
                answer["logGroupArn"] = json!(arn);
                answer["storedBytes"] = json!(group.stored_bytes);
                answer["metricFilterCount"] = json!(0);
                answer["logGroupClass"] = json!(group.class);
                if let Some(days) = group.retention_days {
                    answer["retentionInDays"] = json!(days);
                }
            }
            answer
        })
        .collect();
    Ok(with_token(json!({ "logGroups": groups }), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(token) = next {
        answer["nextToken"] = json!(token);
    }
    answer
}

fn standard_class(group: &Group) -> Result<(), Refusal> {
    if group.class == "STANDARD" {
        return Ok(());
    }
    Err(Refusal::new(400, "ValidationException", "This operation is only supported on the Standard log class."))
}

fn describe_subscription_filters(region: &mut Region, body: &Value) -> Answer {
    limited(body)?;
    let group = group(region, body)?;
    standard_class(group)?;
    let prefix = body["filterNamePrefix"].as_str().unwrap_or_default();
    let filters: Vec<&Filter> = group.filters.iter().filter(|filter| filter.name.starts_with(prefix)).collect();
    let (range, next) = page(body, filters.len(), PAGE_ITEMS_MAX)?;
    let filters: Vec<Value> = filters[range]
        .iter()
        .map(|filter| {
            json!({
                "filterName": filter.name,
                "logGroupName": group.name,
                "filterPattern": filter.pattern,
                "destinationArn": filter.destination,
                "distribution": "ByLogStream",
                "applyOnTransformedLogs": false,
                "creationTime": MADE_UNIX_MILLI,
            })
        })
        .collect();
    Ok(with_token(json!({ "subscriptionFilters": filters }), next))
}

/// The service tries to invoke a function before it takes it for a destination.
fn invocable(region: &Region, destination: &str) -> Result<(), Refusal> {
    let no = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.";
    let resource = destination.strip_prefix(&region.arn("lambda", "function:")).ok_or_else(|| invalid(no))?;
    let (function, alias) = resource.split_once(':').ok_or_else(|| invalid(no))?;
    let alias = region.functions.get(function).and_then(|function| function.aliases.get(alias));
    if alias.is_some_and(|alias| alias.is_invoked_by_logs) { Ok(()) } else { Err(invalid(no)) }
}

fn put_subscription_filter(region: &mut Region, body: &Value) -> Answer {
    let name = text(body, "filterName")?.to_owned();
    let pattern = text(body, "filterPattern")?.to_owned();
    let destination = text(body, "destinationArn")?.to_owned();
    let filters_max = region.filters_per_group_max;
    standard_class(group(region, body)?)?;
    invocable(region, &destination)?;
    let group = group(region, body)?;
    let filter = Filter { name, pattern, destination };
    if let Some(old) = group.filters.iter_mut().find(|old| old.name == filter.name) {
        *old = filter;
    } else if group.filters.len() >= filters_max {
        return Err(Refusal::new(400, "LimitExceededException", "Resource limit exceeded."));
    } else {
        group.filters.push(filter);
    }
    Ok(empty())
}

fn delete_subscription_filter(region: &mut Region, body: &Value) -> Answer {
    let name = text(body, "filterName")?;
    let group = group(region, body)?;
    let place = group.filters.iter().position(|filter| filter.name == name);
    let no_filter =
        || Refusal::new(400, "ResourceNotFoundException", "The specified subscription filter does not exist.");
    group.filters.remove(place.ok_or_else(no_filter)?);
    Ok(empty())
}

fn put_retention_policy(region: &mut Region, body: &Value) -> Answer {
    let group = group(region, body)?;
    let days = body["retentionInDays"].as_i64().unwrap_or_default();
    if !RETENTION_DAYS.contains(&days) {
        return Err(invalid("1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint"));
    }
    group.retention_days = Some(days);
    Ok(empty())
}

fn describe_account_policies(region: &mut Region, body: &Value) -> Answer {
    let kind = text(body, "policyType")?;
    let name = body["policyName"].as_str();
    let policies: Vec<Value> = region
        .policies
        .values()
        .filter(|policy| policy.kind == kind && name.is_none_or(|name| policy.name == name))
        .map(|policy| {
            let mut answer = json!({
                "policyName": policy.name,
                "policyDocument": policy.document,
                "policyType": policy.kind,
                "scope": "ALL",
                "accountId": super::ACCOUNT,
                "lastUpdatedTime": MADE_UNIX_MILLI,
            });
            if !policy.selection_criteria.is_empty() {
                answer["selectionCriteria"] = json!(policy.selection_criteria);
            }
            answer
        })
        .collect();
    if name.is_some() && policies.is_empty() {
        return Err(Refusal::new(400, "ResourceNotFoundException", "Account policy does not exist."));
    }
    Ok(json!({ "accountPolicies": policies }))
}

/// The names that `LogGroupName NOT IN ["a","b"]` leaves out; none if it is not of this form.
pub(super) fn left_out(selection_criteria: &str) -> Option<Vec<String>> {
    let list = selection_criteria.trim().strip_prefix("LogGroupName NOT IN")?.trim_start();
    serde_json::from_str(list).ok()
}

fn put_account_policy(region: &mut Region, body: &Value) -> Answer {
    let (name, kind) = (text(body, "policyName")?.to_owned(), text(body, "policyType")?.to_owned());
    let document = text(body, "policyDocument")?.to_owned();
    let selection_criteria = body["selectionCriteria"].as_str().unwrap_or_default().to_owned();
    if kind == SUBSCRIPTION_POLICY {
        if body["scope"].as_str().is_some_and(|scope| scope != "ALL") {
            return Err(invalid("scope must be ALL"));
        }
        let fields: Value = serde_json::from_str(&document).map_err(|_| invalid("policyDocument is not JSON"))?;
        let destination = fields["DestinationArn"].as_str().ok_or_else(|| invalid("DestinationArn is missing"))?;
        if !fields["FilterPattern"].is_string() {
            return Err(invalid("FilterPattern is missing"));
        }
        if !matches!(fields["Distribution"].as_str(), None | Some("Random" | "ByLogStream")) {
            return Err(invalid("Distribution must be Random or ByLogStream"));
        }
        if selection_criteria.len() > SELECTION_CRITERIA_BYTES_MAX {
            return Err(invalid("selectionCriteria is longer than 25 KB"));
        }
        if !selection_criteria.is_empty() && left_out(&selection_criteria).is_none() {
            return Err(invalid("selectionCriteria must be LogGroupName NOT IN []"));
        }
        invocable(region, destination)?;
        if region.policies.values().any(|policy| policy.kind == kind && policy.name != name) {
            return Err(Refusal::new(400, "LimitExceededException", "Resource limit exceeded."));
        }
    }
    let policy = Policy { name: name.clone(), kind: kind.clone(), document, selection_criteria };
    let answer = json!({ "accountPolicy": {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "policyType": policy.kind,
        "scope": "ALL",
        "selectionCriteria": policy.selection_criteria,
        "accountId": super::ACCOUNT,
        "lastUpdatedTime": MADE_UNIX_MILLI,
    }});
    region.policies.insert((kind, name), policy);
    Ok(answer)
}

fn delete_account_policy(region: &mut Region, body: &Value) -> Answer {
    let key = (text(body, "policyType")?.to_owned(), text(body, "policyName")?.to_owned());
    let none = Refusal::new(400, "ResourceNotFoundException", "Account policy does not exist.");
    region.policies.remove(&key).map(|_| empty()).ok_or(none)
}

/// A group's name from its name or ARN.
pub(super) fn group_name(identifier: &str) -> &str {
    // Names hold no colon.
    identifier.trim_end_matches(":*").rsplit(':').next().unwrap_or_default()
}

fn filter_log_events(region: &mut Region, body: &Value) -> Answer {
    let identifier = match (body["logGroupName"].as_str(), body["logGroupIdentifier"].as_str()) {
        (Some(name), None) => name,
        (None, Some(identifier)) => group_name(identifier),
        _ => return Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")),
    };
    let group = region.groups.get(identifier).ok_or_else(no_group)?;
    if group.class != "STANDARD" {
        let message = format!(
            "The log group {} is of log-group-class {}. FilterLogEvents is not supported for this log class.",
            group.name, group.class
        );
        return Err(Refusal::new(400, "InvalidOperationException", &message));
    }
    let events = found_events(group, body)?;
    let step = match body["limit"].as_u64() {
        Some(limit) if limit > 10_000 => {
            return Err(invalid("Value at 'limit' failed to satisfy constraint: Member must be at most 10000"));
        }
        Some(limit) => region.page_events_max.min(limit as usize),
        None => region.page_events_max,
    };
    // Before each page with events and after the last there is one with none: the service searches stream by stream, and
    // says so far without telling whether there is more.
    let pages = events.len().div_ceil(step.max(1)) * 2 + 1;
    let mut question = body.clone();
    question["limit"] = json!(1);
    let (range, next) = page(&question, pages, 1)?;
    let next = if group.is_circular { page(&question, pages, 0)?.1 } else { next };
    let place = range.start / 2;
    let shown = if range.start.is_multiple_of(2) { 0..0 } else { place * step..((place + 1) * step).min(events.len()) };
    let shown: Vec<Value> = events[shown]
        .iter()
        .map(|event| {
            json!({
                "eventId": event.id,
                "logStreamName": event.stream,
                "timestamp": event.timestamp_unix_milli,
                "ingestionTime": event.ingested_unix_milli,
                "message": event.message,
            })
        })
        .collect();
    Ok(with_token(json!({ "events": shown, "searchedLogStreams": [] }), next))
}

/// The events that are asked for, oldest first unless it is asked otherwise.
fn found_events<'a>(group: &'a Group, body: &Value) -> Result<Vec<&'a Event>, Refusal> {
    let (streams, prefix) = (body["logStreamNames"].as_array(), body["logStreamNamePrefix"].as_str());
    if streams.is_some() && prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix must not both be given."));
    }
    let (from, until) = (body["startTime"].as_i64(), body["endTime"].as_i64());
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        return Err(invalid("End time should not be less than the start time."));
    }
    let pattern = body["filterPattern"].as_str().unwrap_or_default();
    let mut events: Vec<&Event> = group
        .events
        .iter()
        // Both ends are in the range.
        .filter(|event| from.is_none_or(|from| event.timestamp_unix_milli >= from))
        .filter(|event| until.is_none_or(|until| event.timestamp_unix_milli <= until))
        .filter(|event| streams.is_none_or(|streams| streams.iter().any(|stream| *stream == event.stream)))
        .filter(|event| event.stream.starts_with(prefix.unwrap_or_default()))
        .filter(|event| matches_pattern(pattern, &event.message))
        .collect();
    events.sort_by_key(|event| (event.timestamp_unix_milli, &event.id));
    if body["startFromHead"] == false {
        events.reverse();
    }
    Ok(events)
}

/// Filter patterns of terms: all of them, one of those with `?`, none of those with `-`; a term may be quoted.
///
/// # Panics
/// If the pattern is of JSON properties or regular expressions: this stand-in does not know them.
pub(super) fn matches_pattern(pattern: &str, message: &str) -> bool {
    assert!(!pattern.contains(['{', '%', '[']), "a pattern that this stand-in does not know: {pattern}");
    let mut terms = Vec::new();
    let mut rest = pattern.trim();
    while !rest.is_empty() {
        let sign = rest.chars().next().filter(|first| matches!(first, '?' | '-'));
        rest = rest.trim_start_matches(['?', '-']);
        let (term, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        terms.push((sign, term));
        rest = after.trim_start();
    }
    let mut optional = terms.iter().filter(|(sign, _)| *sign == Some('?')).peekable();
    let any = optional.peek().is_none() || optional.any(|(_, term)| message.contains(term));
    any && terms.iter().all(|(sign, term)| match sign {
        Some('?') => true,
        Some(_) => !message.contains(term),
        None => message.contains(term),
    })
}
