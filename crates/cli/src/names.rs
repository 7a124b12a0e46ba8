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
    let mut file = tempfile::NamedTempFile::new_in(&directory)?;
    file.write_all(&serde_json::to_vec(names)?)?;
    file.persist(directory.join(FILE_NAME)).map(drop).map_err(|error| error.error)
}

/// Whether a shell takes a name as it is, for a name: logs may hold any text, and what is completed is run.
fn is_plain(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte);
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_letter)
}

fn candidates(names: BTreeSet<String>) -> Vec<CompletionCandidate> {
    names.into_iter().filter(|name| is_plain(name)).map(CompletionCandidate::new).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_offered() {
        for plain in ["payments", "1.4.2", "us-east-2", "team/pay@2:live"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in
            ["", "x;touch pwned", "$(id)", "`id`", "--lake=/etc", "-q", "a b", "a\nb", "é", "a'b", "~", "x=y", "*"]
        {
            assert!(!is_plain(other), "{other}");
        }
    }
}
