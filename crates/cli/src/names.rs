//! The services, releases and regions of the last answers, kept so that the shell can complete them. It refuses to fail:
//! without them nothing is completed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use clap_complete::CompletionCandidate;
use serde::{Deserialize, Serialize};
use transect_query::NamesSeen;

use crate::config::cache_directory;

const FILE_NAME: &str = "names.json";

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Names {
    services: BTreeSet<String>,
    releases: BTreeSet<String>,
    regions: BTreeSet<String>,
}

fn read() -> Names {
    let text = cache_directory().and_then(|directory| fs::read(directory.join(FILE_NAME)).ok());
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Keeps the names of an answer. A kind that it has none of stays as it was.
pub fn keep(seen: &NamesSeen) {
    if *seen == NamesSeen::default() {
        return;
    }
    let kept = read();
    let newer = |seen: &BTreeSet<String>, kept: &BTreeSet<String>| if seen.is_empty() { kept } else { seen }.clone();
    let names = Names {
        services: newer(&seen.services, &kept.services),
        releases: newer(&seen.releases, &kept.releases),
        regions: newer(&seen.regions, &kept.regions),
    };
    if names != kept {
        let _ = write(&names);
    }
}

fn write(names: &Names) -> std::io::Result<()> {
    let Some(directory) = cache_directory() else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&directory)?;
    let mut file = tempfile::NamedTempFile::new_in(&directory)?;
    file.write_all(&serde_json::to_vec(names)?)?;
    file.persist(directory.join(FILE_NAME)).map(drop).map_err(|error| error.error)
}

fn candidates(names: BTreeSet<String>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Completions of `--service`.
pub fn services() -> Vec<CompletionCandidate> {
    candidates(read().services)
}

/// Completions of `--release`.
pub fn releases() -> Vec<CompletionCandidate> {
    candidates(read().releases)
}

/// Completions of `--region`.
pub fn regions() -> Vec<CompletionCandidate> {
    candidates(read().regions)
}

/// Completions of the names of saved queries.
pub fn queries() -> Vec<CompletionCandidate> {
    let candidate =
        |query: &transect_query::SavedQuery| CompletionCandidate::new(query.name).help(Some(query.summary.into()));
    transect_query::saved_queries().iter().map(candidate).collect()
}
