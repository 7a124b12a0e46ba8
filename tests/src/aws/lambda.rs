//! Lambda's control plane as far as rollouts and checks need it. It refuses an update that was made for another revision, and
//! weights that the service refuses.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

use super::account::{Alias, Function, MADE_UNIX_MILLI, Region};
use super::answer::{Refusal, empty};
use super::{ACCOUNT, Asked, Call};

/// The call that a path is. The names in it, and what the query asks, stand in the body beside what was sent.
pub(super) fn call(asked: &Asked, parts: &Parts, body: &Bytes) -> Call {
    let mut body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    for pair in parts.uri.query().unwrap_or_default().split('&') {
        if let Some((key, value)) = pair.split_once('=') {
            body.insert(key.to_owned(), decode(value).into());
        }
    }
    let path: Vec<String> = parts.uri.path().trim_start_matches('/').split('/').map(decode).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (operation, function, alias) = match (parts.method.as_str(), &path[..]) {
        ("GET", ["2015-03-31", "functions", function]) => ("GetFunction", *function, None),
        ("GET", ["2015-03-31", "functions", function, "configuration"]) => {
            ("GetFunctionConfiguration", *function, None)
        }
        ("GET", ["2015-03-31", "functions", function, "versions"]) => ("ListVersionsByFunction", *function, None),
        ("GET", ["2015-03-31", "functions", function, "aliases", alias]) => ("GetAlias", *function, Some(*alias)),
        ("PUT", ["2015-03-31", "functions", function, "aliases", alias]) => ("UpdateAlias", *function, Some(*alias)),
        ("GET", ["2015-03-31", "functions", function, "policy"]) => ("GetPolicy", *function, None),
        ("GET", ["2019-09-25", "functions", function, "event-invoke-config"]) => {
            ("GetFunctionEventInvokeConfig", *function, None)
        }
        ("GET", ["2019-09-30", "functions", function, "concurrency"]) => ("GetFunctionConcurrency", *function, None),
        _ => ("", "", None),
    };
    body.insert("FunctionName".to_owned(), function.into());
    if let Some(alias) = alias {
        body.insert("Name".to_owned(), alias.into());
    }
    let operation =
        if operation.is_empty() { format!("{} {}", parts.method, parts.uri.path()) } else { operation.into() };
    Call { region: asked.region.clone(), service: asked.service.clone(), operation, body: body.into(), status: 0 }
}

/// `%3A` and the like.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match code {
            Some(code) if *first == b'%' => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn not_found(arn: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", &format!("Function not found: {arn}"))
}

pub(super) fn answer(region: &mut Region, operation: &str, body: &Value) -> Result<Value, Refusal> {
    // A name, an ARN, or either with what follows the last colon for a qualifier.
    let given = body["FunctionName"].as_str().unwrap_or_default();
    let given = given.rsplit_once(":function:").map_or(given, |(_, name)| name);
    let (name, qualifier) = match given.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (given.to_owned(), body["Qualifier"].as_str().map(str::to_owned)),
    };
    let arn = region.arn("lambda", &format!("function:{name}"));
    let groups = region.arn("logs", "log-group:*");
    region.revisions += 1;
    let revision = format!("revision-{}", region.revisions);
    let function = region.functions.get_mut(&name).ok_or_else(|| not_found(&arn))?;
    match operation {
        "GetFunctionConfiguration" => configuration(function, &arn, qualifier.as_deref()),
        "GetFunction" => {
            let mut answer = json!({
                "Configuration": configuration(function, &arn, qualifier.as_deref())?,
                "Code": { "RepositoryType": "S3", "Location": "https://awslambda.invalid/code.zip" },
            });
            if let Some(reserved) = function.reserved_concurrency {
                answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
            }
            Ok(answer)
        }
        "ListVersionsByFunction" => {
            let numbers = function.versions.keys().map(u64::to_string);
            let versions: Result<Vec<Value>, Refusal> = std::iter::once("$LATEST".to_owned())
                .chain(numbers)
                .map(|version| configuration(function, &arn, Some(&version)))
                .collect();
            Ok(json!({ "Versions": versions? }))
        }
        "GetFunctionConcurrency" => Ok(match function.reserved_concurrency {
            Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
            None => empty(),
        }),
        "GetFunctionEventInvokeConfig" => event_invoke_config(function, &arn, &qualifier.unwrap_or_default()),
        "GetPolicy" => policy(function, &arn, &qualifier.unwrap_or_default(), &groups),
        "GetAlias" => {
            let name = body["Name"].as_str().unwrap_or_default();
            let alias = function.aliases.get(name).ok_or_else(|| no_alias(&arn, name))?;
            Ok(alias_answer(&arn, name, alias))
        }
        "UpdateAlias" => update_alias(function, &arn, body, revision),
        _ => Err(Refusal::new(404, "UnknownOperationException", operation)),
    }
}

/// How events are handled that come by an alias; `$LATEST` has nothing to say about them.
fn event_invoke_config(function: &Function, arn: &str, alias: &str) -> Result<Value, Refusal> {
    let destination = function.on_failure.as_ref().filter(|_| function.aliases.contains_key(alias));
    let none = "The function doesn't have an EventInvokeConfig";
    let destination = destination.ok_or_else(|| Refusal::new(404, "ResourceNotFoundException", none))?;
    Ok(json!({
        "FunctionArn": format!("{arn}:{alias}"),
        "LastModified": MADE_UNIX_MILLI / 1_000,
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 21_600,
        "DestinationConfig": { "OnFailure": { "Destination": destination }, "OnSuccess": {} },
    }))
}

/// Who may invoke an alias: CloudWatch Logs for these groups, or nobody.
fn policy(function: &Function, arn: &str, alias: &str, groups: &str) -> Result<Value, Refusal> {
    if !function.aliases.get(alias).is_some_and(|alias| alias.is_invoked_by_logs) {
        let none = "The resource you requested does not exist.";
        return Err(Refusal::new(404, "ResourceNotFoundException", none));
    }
    let statement = json!({
        "Sid": "logs",
        "Effect": "Allow",
        "Principal": { "Service": "logs.amazonaws.com" },
        "Action": "lambda:InvokeFunction",
        "Resource": format!("{arn}:{alias}"),
        "Condition": {
            "StringEquals": { "AWS:SourceAccount": ACCOUNT },
            "ArnLike": { "AWS:SourceArn": groups },
        },
    });
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": [statement] });
    Ok(json!({ "Policy": policy.to_string(), "RevisionId": "revision-of-policy" }))
}

fn no_alias(arn: &str, name: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", &format!("Cannot find alias arn: {arn}:{name}"))
}

fn alias_answer(arn: &str, name: &str, alias: &Alias) -> Value {
    let mut answer = json!({
        "AliasArn": format!("{arn}:{name}"),
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": "",
        "RevisionId": alias.revision,
    });
    if !alias.weights.is_empty() {
        answer["RoutingConfig"] = json!({ "AdditionalVersionWeights": alias.weights });
    }
    answer
}

fn update_alias(function: &mut Function, arn: &str, body: &Value, revision: String) -> Result<Value, Refusal> {
    let invalid = |message: &str| Refusal::new(400, "InvalidParameterValueException", message);
    let name = body["Name"].as_str().unwrap_or_default();
    let versions: Vec<String> = function.versions.keys().map(u64::to_string).collect();
    let alias = function.aliases.get_mut(name).ok_or_else(|| no_alias(arn, name))?;
    if body["RevisionId"].as_str().is_some_and(|expected| expected != alias.revision) {
        return Err(Refusal::new(
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetAlias API to retrieve the latest Revision Id",
        ));
    }
    // What is not named stays as it is.
    let version = body["FunctionVersion"].as_str().unwrap_or(&alias.version).to_owned();
    let weights: BTreeMap<String, f64> = match &body["RoutingConfig"] {
        Value::Null => alias.weights.clone(),
        routing => match &routing["AdditionalVersionWeights"] {
            Value::Null => BTreeMap::new(),
            weights => serde_json::from_value(weights.clone()).map_err(|_| invalid("weights must be numbers"))?,
        },
    };
    if version != "$LATEST" && !versions.contains(&version) {
        return Err(not_found(&format!("{arn}:{version}")));
    }
    if !weights.is_empty() {
        if version == "$LATEST" {
            return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
        }
        if weights.len() > 1 {
            return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
        }
        for (other, weight) in &weights {
            if *other == version || !versions.contains(other) || !(0.0..=1.0).contains(weight) {
                return Err(invalid(&format!("Invalid version or weight: {other}: {weight}")));
            }
        }
    }
    (alias.version, alias.weights, alias.revision) = (version, weights, revision);
    Ok(alias_answer(arn, name, alias))
}

fn configuration(function: &Function, arn: &str, qualifier: Option<&str>) -> Result<Value, Refusal> {
    let qualifier = qualifier.unwrap_or("$LATEST");
    let version = function.aliases.get(qualifier).map_or(qualifier, |alias| &alias.version);
    let published = match version {
        "$LATEST" => function.versions.values().next_back(),
        number => number.parse().ok().and_then(|number: u64| function.versions.get(&number)),
    };
    let published = published.ok_or_else(|| not_found(&format!("{arn}:{qualifier}")))?;
    Ok(json!({
        "FunctionName": function.name,
        "FunctionArn": format!("{arn}:{qualifier}"),
        "Runtime": "provided.al2023",
        "Architectures": ["arm64"],
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/transect-forwarder"),
        "Handler": "bootstrap",
        "CodeSize": 4_000_000,
        "CodeSha256": published.code_sha256,
        "Description": "",
        "Timeout": function.timeout_seconds,
        "MemorySize": 256,
        "LastModified": "2026-11-01T00:00:00.000+0000",
        "Version": version,
        "Environment": { "Variables": function.variables },
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": format!("revision-of-{version}"),
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
    }))
}
