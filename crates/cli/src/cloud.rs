//! What the commands against AWS have in common: which regions, whose account, which installation. It refuses to ask a region
//! that nobody named.

use std::future::Future;

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use transect_cloudwatch::{Fault, Names, Region};
use transect_normalize::Options;
use transect_query::{Completeness, RegionNote};

use crate::arguments::{Deployment, Global, Reading};
use crate::aws;
use crate::config::{self, Configured};
use crate::failure::Failure;

/// The regions to ask: those that the arguments name, else those of the lake. The lake is not needed where they are named.
pub fn regions(global: &Global) -> Result<Vec<String>, Failure> {
    if !global.region.is_empty() {
        let mut regions = global.region.clone();
        regions.sort();
        regions.dedup();
        return Ok(regions);
    }
    let no_lake = "name regions with --region, or a lake that has names for them";
    let configured = config::configured(global).map_err(|failure| failure.with_hint(no_lake))?;
    of_lake(&configured)
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

/// Nanoseconds since 1970.
pub fn now_unix_nano() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
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
