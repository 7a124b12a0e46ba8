//! Which log groups pipelines write themselves: ours by its names, those of other deployments in the region by looking, and
//! those of whatever functions get what ours writes. To forward them is a loop: each line that a forwarder writes would make
//! it, or another, write the next.
//!
//! It refuses to guess from one name alone: a deployment is known by the two groups that it writes, or by an alias that
//! somebody delivers to.

use std::collections::{BTreeMap, BTreeSet};

use crate::Names;

/// Whose a log group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This deployment's.
    Ours,
    /// Another deployment's of this name.
    Other(String),
    /// The function's that was named as a destination.
    Destination(String),
    /// The function's that somebody's filter or policy hands what the pipeline writes, whoever made it.
    Fed(String),
}

/// A filter or a policy as it is: what it covers, and where it delivers to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription<'s> {
    /// The log groups.
    pub(crate) covers: Covers<'s>,
    /// The ARN.
    pub(crate) destination: &'s str,
}

/// The log groups of a subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Covers<'s> {
    /// This one.
    Group(&'s str),
    /// All but these, those to come among them.
    AllBut(&'s [String]),
}

impl Covers<'_> {
    fn includes(&self, group: &str) -> bool {
        match self {
            Covers::Group(name) => *name == group,
            Covers::AllBut(names) => names.iter().all(|name| name != group),
        }
    }
}

/// The log groups that must never be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnGroups(BTreeMap<String, Owner>);

impl OwnGroups {
    /// Those of a deployment, of every other one that is known by the names of its groups or by an alias among the
    /// destinations of subscriptions, that of the function which `destination` is, and those of all functions that get what
    /// any of the deployment's writes.
    pub(crate) fn find<'g>(
        names: &Names,
        groups: impl Iterator<Item = &'g str>,
        subscriptions: &[Subscription<'_>],
        destination: Option<&str>,
    ) -> OwnGroups {
        let mut found = BTreeMap::new();
        let groups: BTreeSet<&str> = groups.collect();
        let by_groups = groups.iter().filter_map(|group| {
            let other = Names::of_function(group.strip_prefix(LAMBDA_GROUPS)?)?;
            other.own_groups().iter().all(|own| groups.contains(own.as_str())).then_some(other)
        });
        let by_alias = subscriptions.iter().filter_map(|subscription| {
            let (function, alias) = function_of(subscription.destination)?;
            Names::of_function(function).filter(|other| alias == Some(other.alias()))
        });
        if let Some((function, _)) = destination.and_then(function_of) {
            found.insert(format!("{LAMBDA_GROUPS}{function}"), Owner::Destination(function.to_owned()));
        }
        for (group, function) in fed(names.own_groups().into_iter().chain(found.keys().cloned()), subscriptions) {
            found.entry(group).or_insert(Owner::Fed(function));
        }
        for other in by_groups.chain(by_alias) {
            for group in other.own_groups() {
                found.insert(group, Owner::Other(other.name().to_owned()));
            }
        }
        for group in names.own_groups() {
            found.insert(group, Owner::Ours);
        }
        OwnGroups(found)
    }

    /// Whether a group is among them.
    pub(crate) fn contains(&self, group: &str) -> bool {
        self.0.contains_key(group)
    }

    /// Whose it is, if it is among them.
    pub(crate) fn owner(&self, group: &str) -> Option<&Owner> {
        self.0.get(group)
    }

    /// All of them, ours first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Owner)> {
        let of = |ours: bool| self.0.iter().filter(move |(_, owner)| (**owner == Owner::Ours) == ours);
        of(true).rev().chain(of(false)).map(|(group, owner)| (group.as_str(), owner))
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Owner::Ours => formatter.write_str("the pipeline itself"),
            Owner::Other(name) => write!(formatter, "the deployment `{name}`"),
            Owner::Destination(function) => write!(formatter, "the function `{function}` that it is delivered to"),
            Owner::Fed(function) => write!(formatter, "the function `{function}`, which gets what the pipeline writes"),
        }
    }
}

/// Where Lambda's log groups lie, unless somebody says otherwise.
const LAMBDA_GROUPS: &str = "/aws/lambda/";

/// The log groups of the functions that get what is written to some groups, of those that get what these write in turn, and so
/// on, each with its function.
fn fed(groups: impl Iterator<Item = String>, subscriptions: &[Subscription<'_>]) -> BTreeMap<String, String> {
    let mut fed = BTreeMap::new();
    let mut waiting: Vec<String> = groups.collect();
    while let Some(group) = waiting.pop() {
        for subscription in subscriptions.iter().filter(|subscription| subscription.covers.includes(&group)) {
            let Some((function, _)) = function_of(subscription.destination) else { continue };
            let of_function = format!("{LAMBDA_GROUPS}{function}");
            if fed.insert(of_function.clone(), function.to_owned()).is_none() {
                waiting.push(of_function);
            }
        }
    }
    fed
}

/// The name of a function, and its alias or version, of an ARN such as `arn:aws:lambda:us-east-2:123456789012:function:f:live`.
fn function_of(arn: &str) -> Option<(&str, Option<&str>)> {
    let mut parts = arn.splitn(8, ':');
    let is_lambda = parts.next() == Some("arn") && parts.nth(1) == Some("lambda");
    let is_function = is_lambda && parts.nth(2) == Some("function");
    let name = parts.next().filter(|name| is_function && !name.is_empty())?;
    Some((name, parts.next()))
}

/// Where a destination leads of the same function as another one, if that is elsewhere: the alias or the version.
pub(crate) fn other_alias(destination: &str, wished: &str) -> Option<String> {
    let (function, alias) = function_of(destination)?;
    let is_same_function = function_of(wished)?.0 == function && destination != wished;
    let is_same_place = |arn: &str| arn.split(':').take(5).map(str::to_owned).collect::<Vec<_>>();
    (is_same_function && is_same_place(destination) == is_same_place(wished))
        .then(|| alias.map_or("no alias".to_owned(), |alias| format!("`{alias}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARDER: &str = "arn:aws:lambda:us-east-2:123456789012:function:green-forwarder:live";

    #[test]
    fn others_are_known_by_both_groups_or_by_their_alias() {
        let groups = [
            "/aws/lambda/acme-forwarder",
            "/aws/lambda/blue-forwarder",
            "/aws/kinesisfirehose/blue",
            // A function of that name without the stream's group is anybody's, and a stream without the function.
            "/aws/lambda/mail-forwarder",
            "/aws/kinesisfirehose/clicks",
            "/aws/lambda/-forwarder",
            "/aws/lambda/green-forwarder",
        ];
        let subscriptions = [
            FORWARDER,
            "arn:aws:lambda:us-east-2:123456789012:function:mail-forwarder",
            "arn:aws:lambda:us-east-2:123456789012:function:mail-forwarder:prod",
            "arn:aws:firehose:us-east-2:123456789012:deliverystream/siem",
            "",
            "arn:aws:lambda:us-east-2:123456789012:function:",
        ]
        .map(|destination| Subscription { covers: Covers::Group("/aws/lambda/pay"), destination });
        let names = Names::new("acme").unwrap();
        let custom = "arn:aws:lambda:us-east-2:123456789012:function:router:live";
        let own = OwnGroups::find(&names, groups.into_iter(), &subscriptions, Some(custom));
        let found: Vec<String> = own.iter().map(|(group, owner)| format!("{group} of {owner}")).collect();
        assert_eq!(
            found,
            [
                "/aws/lambda/acme-forwarder of the pipeline itself",
                "/aws/kinesisfirehose/acme of the pipeline itself",
                "/aws/kinesisfirehose/blue of the deployment `blue`",
                "/aws/kinesisfirehose/green of the deployment `green`",
                "/aws/lambda/blue-forwarder of the deployment `blue`",
                "/aws/lambda/green-forwarder of the deployment `green`",
                "/aws/lambda/router of the function `router` that it is delivered to",
            ]
        );
        assert!(own.contains("/aws/lambda/blue-forwarder") && !own.contains("/aws/lambda/mail-forwarder"));
    }

    #[test]
    fn ours_stay_ours_whoever_delivers_to_us() {
        let names = Names::new("green").unwrap();
        let to_us = [Subscription { covers: Covers::AllBut(&[]), destination: FORWARDER }];
        let own = OwnGroups::find(&names, std::iter::empty(), &to_us, Some(FORWARDER));
        assert_eq!(own.iter().map(|(_, owner)| owner.clone()).collect::<Vec<_>>(), [Owner::Ours, Owner::Ours]);
    }

    /// Whoever gets what we write writes what we must not get, at whatever number of functions between.
    #[test]
    fn functions_that_get_what_the_pipeline_writes_are_known_by_it() {
        const ACME: &str = "/aws/lambda/acme-forwarder";
        let arn = |function: &str| format!("arn:aws:lambda:us-east-2:123456789012:function:{function}");
        let left_out = [ACME, "/aws/kinesisfirehose/acme", "/aws/lambda/router"].map(str::to_owned);
        let filters = |filters: &[(&'static str, &str)]| -> Vec<(Covers<'static>, String)> {
            filters.iter().map(|(group, function)| (Covers::Group(group), arn(function))).collect()
        };
        let cases = [
            (filters(&[(ACME, "datadog-forwarder"), ("/aws/lambda/pay", "splunk")]), vec!["datadog-forwarder"]),
            (filters(&[("/aws/kinesisfirehose/acme", "dd:prod")]), vec!["dd"]),
            // What the fed one writes goes on, round about and back.
            (filters(&[(ACME, "a"), ("/aws/lambda/a", "b"), ("/aws/lambda/b", "a"), ("/c", "c")]), vec!["a", "b"]),
            (vec![(Covers::AllBut(&[]), arn("vendor"))], vec!["vendor"]),
            // Its policy leaves ours out, and what it then gets of others is nothing of ours.
            (vec![(Covers::AllBut(&left_out), arn("vendor"))], vec![]),
            (vec![(Covers::AllBut(&left_out), arn("vendor")), (Covers::Group(ACME), arn("a"))], vec!["a", "vendor"]),
            // The destination by wish forwards in our place.
            (filters(&[("/aws/lambda/router", "dd")]), vec!["dd"]),
            (
                vec![(Covers::Group(ACME), "arn:aws:firehose:us-east-2:123456789012:deliverystream/siem".to_owned())],
                vec![],
            ),
        ];
        let names = Names::new("acme").unwrap();
        for (subscriptions, expected) in cases {
            let subscriptions: Vec<Subscription<'_>> = subscriptions
                .iter()
                .map(|(covers, destination)| Subscription { covers: *covers, destination })
                .collect();
            let own = OwnGroups::find(&names, std::iter::empty(), &subscriptions, Some(&arn("router")));
            let fed: Vec<&str> = own
                .iter()
                .filter_map(|(_, owner)| match owner {
                    Owner::Fed(function) => Some(function.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(fed, expected, "{subscriptions:?}");
        }
    }
}
