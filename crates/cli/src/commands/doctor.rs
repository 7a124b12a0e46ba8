//! `transect doctor`: whether what is installed is sound. It refuses to judge; the rules are `transect-cloudwatch`'s.

use transect_cloudwatch::Progress;
use transect_cloudwatch::doctor::{Expected, Finding, Scope, State, examine_all, gather};
use transect_lake::{CACHE_BYTES_MAX, DiskCache, RegionLocation, RegionStore};
use transect_query::{Completeness, RegionNote};

use crate::arguments::{Doctor, Global};
use crate::config::cache_directory;
use crate::failure::Failure;
use crate::rows::Rows;
use crate::{aws, clock, cloud, config, output};

/// Something is to be mended.
const FINDINGS: u8 = 1;

pub fn run(own: &Doctor, global: &Global) -> Result<(), Failure> {
    output::row_format(global)?;
    let configured = match config::configured(global) {
        Ok(configured) => Some(configured),
        // Named regions can be looked at without a lake; that there is none is a finding.
        Err(_) if !global.region.is_empty() => None,
        Err(failure) => return Err(failure),
    };
    let regions = cloud::regions(global)?;
    let names = cloud::names(&own.deployment)?;
    let expected = Expected { names: names.clone(), include: own.include.clone(), exclude: own.exclude.clone() };
    let cache = cache_directory().map(|directory| DiskCache::new(directory.join("objects"), CACHE_BYTES_MAX));
    let progress = Progress::default();
    let watch = cloud::watch(global, "log groups", &progress);
    let diagnosis = output::block_on(Some(&watch), async {
        let scope = Scope {
            names: &names,
            functions: &own.function,
            cache: cache.as_ref(),
            now: clock::now(),
            progress: &progress,
        };
        let clients = cloud::connect(&regions).await;
        let access = match &configured {
            Some(configured) => Some(aws::access(&configured.lake, configured.region_timeout).await),
            None => None,
        };
        let stores: Vec<Option<RegionStore>> = regions
            .iter()
            .map(|region| {
                let configured = configured.as_ref()?;
                let location = configured.lake.location_of(region).ok()?;
                let named =
                    RegionLocation::new(Some(region.clone()), location.place().clone(), location.replica().cloned());
                Some(RegionStore::new(named.ok()?, access.clone()?))
            })
            .collect();
        let scope = &scope;
        let asked = clients.iter().zip(&stores).map(|(region, store)| gather(region, store.as_ref(), scope));
        let observed = futures::future::join_all(asked).await;
        examine_all(&observed, &expected)
    })?;
    let completeness = Completeness {
        missing_regions: diagnosis
            .missing
            .iter()
            .map(|missing| RegionNote { region: missing.region.clone(), reason: missing.reason.clone() })
            .collect(),
        ..Completeness::default()
    };
    let findings: &[Finding] = &diagnosis.findings;
    Rows::new()
        .text("cloud_region", findings.iter().map(|finding| finding.region.as_str()))
        .text("check", findings.iter().map(|finding| finding.check.name()))
        .text("state", findings.iter().map(|finding| finding.state.name()))
        .text("detail", findings.iter().map(|finding| finding.detail.as_str()))
        .text("fix", findings.iter().map(|finding| finding.fix.as_deref().unwrap_or_default()))
        .print(global, &completeness)?;
    if diagnosis.has_findings() {
        return Err(Failure::Verdict(FINDINGS));
    }
    // What nobody could look at is not sound, either.
    match findings.iter().filter(|finding| finding.state == State::Unknown).count() {
        0 => Ok(()),
        unknown => {
            Err(Failure::incomplete(anyhow::anyhow!("{unknown} checks could not be made; `fix` says what they lack")))
        }
    }
}
