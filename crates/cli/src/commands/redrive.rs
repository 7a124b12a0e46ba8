//! `transect redrive` and `transect failed`: what was left undelivered. It refuses to read or move any of it; that is
//! `transect-cloudwatch`'s.

use transect_cloudwatch::Progress;
use transect_cloudwatch::redrive::{FailedRow, Redrive as How, RedriveRow, Source, Stores};
use transect_normalize::Normalizer;
use transect_query::{Completeness, RegionNote};

use crate::arguments::{Deployment, Failed, Global, Redrive, SourceName};
use crate::config::Configured;
use crate::failure::Failure;
use crate::rows::Rows;
use crate::{aws, clock, cloud, config, output};

fn sources(from: Option<SourceName>) -> &'static [Source] {
    match from {
        None => &[Source::Failed, Source::Errors],
        Some(SourceName::Failed) => &[Source::Failed],
        Some(SourceName::Errors) => &[Source::Errors],
    }
}

/// The stores of the regions that are asked, by name.
async fn stores(
    configured: &Configured,
    deployment: &Deployment,
    global: &Global,
) -> Result<Vec<(String, Stores)>, Failure> {
    // Buckets are asked, and no service of a region: the lake's names count.
    let regions = if global.region.is_empty() { named(configured)? } else { cloud::named(global) };
    let names = cloud::names(deployment)?;
    let access = aws::access(&configured.lake, configured.region_timeout).await;
    let mut stores = Vec::new();
    for region in regions {
        let location = configured.lake.location_of(&region)?;
        stores.push((region.clone(), Stores::new(location, &region, &names, &access)?));
    }
    Ok(stores)
}

/// The regions of a lake; those of one directory are the folders that were left in it.
fn named(configured: &Configured) -> Result<Vec<String>, Failure> {
    match cloud::of_lake(configured) {
        Ok(regions) => Ok(regions),
        Err(nameless) => {
            let mut regions = std::collections::BTreeSet::new();
            for directory in configured.lake.locations().iter().filter_map(|location| location.place().directory()) {
                for folder in ["failed", "errors", "landing"] {
                    for entry in std::fs::read_dir(directory.join(folder)).into_iter().flatten().flatten() {
                        let name = entry.file_name();
                        regions.extend(name.to_str().and_then(|name| name.strip_prefix("region=")).map(str::to_owned));
                    }
                }
            }
            if regions.is_empty() { Err(nameless) } else { Ok(regions.into_iter().collect()) }
        }
    }
}

pub fn list(own: &Failed, global: &Global) -> Result<(), Failure> {
    show(sources(own.from), &own.deployment, global)
}

fn show(sources: &[Source], deployment: &Deployment, global: &Global) -> Result<(), Failure> {
    output::row_format(global)?;
    let configured = config::configured(global)?;
    let mut completeness = Completeness::default();
    let mut rows: Vec<(String, FailedRow)> = Vec::new();
    output::block_on(None, async {
        let stores = stores(&configured, deployment, global).await?;
        let asked = stores.iter().map(|(region, stores)| async move { (region, stores.failed(sources).await) });
        for (region, found) in futures::future::join_all(asked).await {
            match found {
                Ok(found) => rows.extend(found.into_iter().map(|row| (region.clone(), row))),
                Err(error) => completeness.missing_regions.push(note(region, &error)),
            }
        }
        Ok::<_, Failure>(())
    })??;
    let is_empty = rows.is_empty();
    let printed = Rows::new()
        .text("cloud_region", rows.iter().map(|(region, _)| region))
        .text("source", rows.iter().map(|(_, row)| row.source.name()))
        .text("cause", rows.iter().map(|(_, row)| row.cause.as_str()))
        .count("objects", rows.iter().map(|(_, row)| row.objects))
        .count("events", rows.iter().map(|(_, row)| row.events))
        .count("bytes", rows.iter().map(|(_, row)| row.bytes))
        .time("oldest", rows.iter().map(|(_, row)| row.oldest_unix_nano))
        .time("newest", rows.iter().map(|(_, row)| row.newest_unix_nano))
        .text("example", rows.iter().map(|(_, row)| row.example.as_str()))
        .print(global, &completeness);
    printed?;
    if is_empty { Err(nothing()) } else { Ok(()) }
}

pub fn run(own: &Redrive, global: &Global) -> Result<(), Failure> {
    let sources = sources(own.from);
    if global.dry_run {
        return show(sources, &own.deployment, global);
    }
    output::row_format(global)?;
    let configured = config::configured(global)?;
    let normalizer = Normalizer::new(&cloud::reading(&own.reading));
    let scratch = std::env::temp_dir();
    let mut completeness = Completeness::default();
    let mut rows: Vec<(String, RedriveRow)> = Vec::new();
    let progress = Progress::default();
    let watch = cloud::watch(global, "objects", &progress);
    let ended = output::block_on(Some(&watch), async {
        let now_unix_nano = clock::now_unix_nano();
        let how = How { sources, normalizer: &normalizer, scratch: &scratch, now_unix_nano, progress: &progress };
        let stores = stores(&configured, &own.deployment, global).await?;
        let asked = stores.iter().map(|(region, stores)| {
            let how = &how;
            async move { (region, stores.redrive(how).await) }
        });
        for (region, done) in futures::future::join_all(asked).await {
            match done {
                Ok(done) => rows.extend(done.rows.into_iter().map(|row| (region.clone(), row))),
                Err(error) => completeness.missing_regions.push(note(region, &error)),
            }
        }
        Ok::<_, Failure>(())
    });
    watch.say();
    ended??;
    let left: u64 = rows.iter().filter(|(_, row)| !row.reason.is_empty()).map(|(_, row)| row.objects).sum();
    let delivered = |row: &RedriveRow| if row.reason.is_empty() { row.objects } else { 0 };
    Rows::new()
        .text("cloud_region", rows.iter().map(|(region, _)| region))
        .text("source", rows.iter().map(|(_, row)| row.source.name()))
        .count("objects", rows.iter().map(|(_, row)| row.objects))
        .count("delivered", rows.iter().map(|(_, row)| delivered(row)))
        .count("events", rows.iter().map(|(_, row)| row.events))
        .count("records", rows.iter().map(|(_, row)| row.records))
        .count("left", rows.iter().map(|(_, row)| row.objects - delivered(row)))
        .text("reason", rows.iter().map(|(_, row)| row.reason.as_str()))
        .print(global, &completeness)?;
    if rows.is_empty() {
        return Err(nothing());
    }
    if left > 0 {
        return Err(Failure::incomplete(anyhow::anyhow!("{left} objects are still left; `reason` says why")));
    }
    Ok(())
}

fn note(region: &str, error: &transect_lake::LakeError) -> RegionNote {
    let reason = match error {
        transect_lake::LakeError::NoAnswer { reason, .. } => reason.clone(),
        error => error.to_string(),
    };
    RegionNote { region: region.to_owned(), reason }
}

fn nothing() -> Failure {
    Failure::nothing_found("nothing was left undelivered", None)
}
