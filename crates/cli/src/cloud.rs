//! What the commands against AWS have in common: which regions, whose account, which installation. It refuses to ask a region
//! that nobody named.

use std::future::Future;

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use transect_cloudwatch::{Fault, Names, Progress, REGION_NAMES, Region};
use transect_normalize::Options;
use transect_query::{Completeness, RegionNote, did_you_mean};

use crate::arguments::{Deployment, Global, Reading};
use crate::aws;
use crate::config::{self, Configured};
use crate::failure::Failure;
use crate::output::{HowFar, Watch};

/// Names of regions that AWS has and this program does not know yet, with commas between.
const FURTHER_REGIONS: &str = "TRANSECT_AWS_REGIONS";
/// Of the SDK: one place for all services, which may call its regions what it likes.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The regions of AWS to ask: those that the arguments name, else those of the lake. The lake is not needed where they are
/// named.
pub fn regions(global: &Global) -> Result<Vec<String>, Failure> {
    if !global.region.is_empty() {
        return known(named(global));
    }
    let no_lake = "name regions with --region, or a lake that has names for them";
    let configured = config::configured(global).map_err(|failure| failure.with_hint(no_lake))?;
    known(of_lake(&configured)?)
}

/// The regions that the arguments name, each once.
pub fn named(global: &Global) -> Vec<String> {
    let mut regions = global.region.clone();
    regions.sort();
    regions.dedup();
    regions
}

/// The same regions, if AWS has all of them: what it does not have nobody answers for, and finding that out takes a while.
pub fn known(regions: Vec<String>) -> Result<Vec<String>, Failure> {
    let is_elsewhere = std::env::var_os(ENDPOINT).is_some_and(|url| !url.is_empty());
    let further = std::env::var(FURTHER_REGIONS).unwrap_or_default();
    match regions.iter().find(|name| !is_elsewhere && !is_known(name, &further)) {
        None => Ok(regions),
        Some(name) => Err(unknown(name)),
    }
}

fn is_known(name: &str, further: &str) -> bool {
    let mut further = further.split(',').map(str::trim).filter(|further| !further.is_empty());
    REGION_NAMES.contains(&name) || further.any(|known| known == name)
}

fn unknown(name: &str) -> Failure {
    let newer = format!("one that is newer than this program passes with {FURTHER_REGIONS}={name}");
    let hint = match did_you_mean(name, REGION_NAMES) {
        Some(meant) => format!("{meant} {newer}"),
        None => newer,
    };
    Failure::usage(format!("region `{name}`: AWS has none of this name"), hint)
}

/// The regions of a lake that has names for them.
pub fn of_lake(configured: &Configured) -> Result<Vec<String>, Failure> {
    let named: Vec<String> =
        configured.lake.locations().iter().filter_map(|location| location.name()).map(str::to_owned).collect();
    if named.is_empty() {
        return Err(Failure::usage(
            "the lake names no regions",
            "name them with --region, or with --lake NAME=URL or [[region]] tables of transect.toml",
        ));
    }
    Ok(named)
}

/// Clients for regions.
pub async fn connect(regions: &[String]) -> Vec<Region> {
    let sdk = aws::sdk(regions.first().map(String::as_str)).await;
    regions.iter().map(|name| Region::new(name, &sdk)).collect()
}

/// The names of an installation.
pub fn names(deployment: &Deployment) -> Result<Names, Failure> {
    Names::new(&deployment.name).ok_or_else(|| {
        Failure::usage(
            format!("--name {}: not the name of an installation", deployment.name),
            "it has 1 to 32 letters, digits and `-`, as the parameter Name of the template",
        )
    })
}

/// How messages are read.
pub fn reading(own: &Reading) -> Options {
    Options {
        redact: !own.no_redact,
        redact_keys: own.redact_key.clone(),
        redact_patterns: own.redact_pattern.clone(),
        correlation_keys: own.correlation_key.clone(),
        release_keys: own.release_key.clone(),
    }
}

/// Shows how far work of many pieces has come, and the events that it has brought, if it brings any.
pub fn watch<'p>(global: &Global, pieces: &'static str, progress: &'p Progress) -> Watch<'p> {
    Watch::of(global, pieces, || {
        let events = Some(progress.events()).filter(|events| *events > 0);
        let said = events.map(|events| format!("{events} events"));
        HowFar { done: progress.done(), found: progress.found(), said }
    })
}

/// No log group is the one that was meant.
pub fn no_log_group(patterns: &[String]) -> Failure {
    let told = match patterns {
        [] => "there is no log group".to_owned(),
        patterns => format!("no log group is called {}", patterns.join(" or ")),
    };
    Failure::nothing_found(told, Some("`transect subscribe --plan` lists the log groups".to_owned()))
}

/// Asks all regions at once. What came to nothing is a region that the answer is without.
pub async fn in_each<'r, T, E, F>(
    regions: &'r [Region],
    ask: impl Fn(&'r Region) -> F,
) -> (Vec<(&'r Region, T)>, Completeness)
where
    E: ToString,
    F: Future<Output = Result<T, E>>,
{
    let asked: FuturesOrdered<_> = regions
        .iter()
        .map(|region| {
            let answer = ask(region);
            async move { (region, answer.await) }
        })
        .collect();
    let mut found = Vec::new();
    let mut completeness = Completeness::default();
    for (region, answer) in asked.collect::<Vec<_>>().await {
        match answer {
            Ok(answer) => found.push((region, answer)),
            Err(reason) => {
                let note = RegionNote { region: region.name.clone(), reason: reason.to_string() };
                completeness.missing_regions.push(note);
            }
        }
    }
    (found, completeness)
}

/// Whose credentials these are, from the first region that answers.
pub async fn account(regions: &[Region]) -> Result<transect_cloudwatch::Account, Failure> {
    let mut last: Option<Fault> = None;
    for region in regions {
        match transect_cloudwatch::account_of(region).await {
            Ok(account) => return Ok(account),
            Err(fault) => last = Some(fault),
        }
    }
    let error = match last {
        Some(fault) => anyhow::Error::new(fault),
        None => anyhow::anyhow!("no region to ask"),
    };
    Err(Failure::incomplete(error.context("find out whose credentials these are")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_aws_does_not_have_is_told_with_the_nearest() {
        let told = |name: &str| match unknown(name) {
            Failure::Because { code: 2, error, hint: Some(hint) } => {
                assert_eq!(error.to_string(), format!("region `{name}`: AWS has none of this name"));
                let newer = format!("one that is newer than this program passes with TRANSECT_AWS_REGIONS={name}");
                hint.strip_suffix(&newer).unwrap_or_else(|| panic!("{hint}")).trim().to_owned()
            }
            other => panic!("{other:?}"),
        };
        for (name, further, is_there, meant) in [
            ("us-east-2", "", true, ""),
            ("cn-northwest-1", "", true, ""),
            ("us-gov-west-1", "", true, ""),
            ("eusc-de-east-1", "", true, ""),
            ("us-esat-2", "", false, "did you mean `us-east-2`?"),
            ("US-EAST-2", "", false, "did you mean `us-east-2`?"),
            ("useast2", "", false, "did you mean `us-east-2`?"),
            ("us-east-2a", "", false, "did you mean `us-east-2`?"),
            (" us-east-2", "", false, "did you mean `us-east-2`?"),
            ("us-gov-west", "", false, "did you mean `us-gov-west-1`?"),
            ("virginia", "", false, ""),
            ("", "", false, ""),
            ("mars-north-1", "mars-north-1", true, ""),
            ("mars-north-1", "moon-east-1, mars-north-1", true, ""),
            ("mars-north-2", "mars-north-1", false, ""),
        ] {
            assert_eq!(is_known(name, further), is_there, "{name:?} beside {further:?}");
            if !is_there {
                assert_eq!(told(name), meant, "{name:?}");
            }
        }
    }

    #[test]
    fn no_region_is_there_twice() {
        let names: std::collections::BTreeSet<&str> = REGION_NAMES.into();
        assert_eq!(names.len(), REGION_NAMES.len());
    }
}
