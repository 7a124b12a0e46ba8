//! The release records of a lake: which release a version of a function is, in one region. A record is one small file
//! that is written once. It refuses to overwrite, and to take one region's version for another's.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path as StorePath;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::odd::OddKey;
use crate::partition::is_region_name;
use crate::store::{RegionStore, Serving};
use crate::{DiskCache, LakeError, Result};

/// The folder of a lake that holds the records.
pub const RELEASES: &str = "releases";

/// What Lambda calls the version of a function that was never published. It is another release after every deployment.
pub const LATEST: &str = "$LATEST";

/// A record is a few hundred bytes; a larger file is something else.
const RECORD_BYTES_MAX: u64 = 64 << 10;
const READS_AT_ONCE: usize = 16;
const RECORD_SCHEMA_VERSION: u32 = 1;

/// Which release a version of a function is, in one region. Version numbers count for each function and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mapping {
    /// Region, such as `us-east-2`.
    pub region: String,
    /// The function's name.
    pub function: String,
    /// Its version: a number, or `$LATEST`.
    pub function_version: String,
    /// The release.
    pub release: String,
    /// The service that the function is, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Digest of the deployed zip, as Lambda gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<String>,
    /// When it was recorded, in nanoseconds since 1970: from then on it is what `$LATEST` means.
    pub recorded_unix_nano: i64,
}

#[derive(Serialize, Deserialize)]
struct File {
    schema_version: u32,
    #[serde(flatten)]
    mapping: Mapping,
}

impl Mapping {
    /// The path of the record. The same statement has the same path, whenever it is made for the first time; what `$LATEST`
    /// means is stated anew by every deployment.
    fn path(&self) -> StorePath {
        self.path_at(if self.function_version == LATEST { self.recorded_unix_nano } else { 0 })
    }

    fn path_at(&self, recorded: i64) -> StorePath {
        let text = serde_json::json!([self.function_version, self.release, self.service, self.code_sha256, recorded]);
        let digest = XxHash3_128::oneshot(text.to_string().as_bytes());
        StorePath::from(format!("{}{digest:032x}.json", self.path_prefix()))
    }

    fn folder(&self) -> String {
        format!("{RELEASES}/region={}", self.region)
    }

    /// How the paths of all records of its function begin.
    fn path_prefix(&self) -> String {
        format!("{}/{}.", self.folder(), self.function)
    }

    /// Of the records of a version the one that is greatest counts.
    fn rank(&self) -> (i64, &str) {
        (self.recorded_unix_nano, &self.release)
    }

    fn is_of_same_version(&self, other: &Mapping) -> bool {
        (&self.region, &self.function, &self.function_version)
            == (&other.region, &other.function, &other.function_version)
    }

    fn says_the_same(&self, other: &Mapping) -> bool {
        (&self.release, &self.service, &self.code_sha256) == (&other.release, &other.service, &other.code_sha256)
    }

    /// Whether the names can stand in a path and mean what they say.
    ///
    /// # Errors
    /// They do not, and [`record_mapping`] would refuse it.
    pub fn check(&self) -> Result<()> {
        const VERSION_BYTES_MAX: usize = 20;
        let refuse = |reason: String| Err(LakeError::Release { reason });
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        // Lambda writes no zero in front, and what is written otherwise is found nowhere.
        let is_number = digits(&self.function_version) && !self.function_version.starts_with('0');
        if !is_region_name(&self.region) {
            return Err(LakeError::RegionName(self.region.clone()));
        }
        if !is_region_name(&self.function) {
            return refuse(format!("`{}` is not the name of a function", self.function));
        }
        let version = &self.function_version;
        if version != LATEST && (!is_number || version.is_empty() || version.len() > VERSION_BYTES_MAX) {
            return refuse(format!("`{version}` is not a version: Lambda's are numbers, or {LATEST}"));
        }
        if self.release.trim().is_empty() {
            return refuse("a release has a name".to_owned());
        }
        Ok(())
    }
}

/// Writes a record; false if the very same one is there and is what counts. One that another has corrected meanwhile is
/// written once more, and counts again.
pub async fn record_mapping(store: &RegionStore, mapping: &Mapping) -> Result<bool> {
    Ok(record_mappings(store, &[mapping]).await? > 0)
}

/// The same of many records of one region, which is listed once at most; returns how many were written.
pub async fn record_mappings(store: &RegionStore, mappings: &[&Mapping]) -> Result<u64> {
    let (mut written, mut there) = (0, Vec::new());
    for mapping in mappings {
        mapping.check()?;
        match write_mapping(store, mapping, &mapping.path()).await? {
            true => written += 1,
            false if mapping.function_version != LATEST => there.push(*mapping),
            false => {}
        }
    }
    let Some(first) = there.first() else { return Ok(written) };
    let of_functions: BTreeSet<String> = there.iter().map(|mapping| mapping.path_prefix()).collect();
    let is_of_function = |path: &str| path.find('.').is_some_and(|dot| of_functions.contains(&path[..=dot]));
    let recorded = read_below(store, None, &first.folder(), is_of_function).await;
    let (recorded, _) = recorded.map_err(|error| store.explain("read the records of", error))?;
    for mapping in there {
        let last = recorded.iter().filter(|other| other.is_of_same_version(mapping)).max_by_key(|other| other.rank());
        if let Some(last) = last.filter(|last| !last.says_the_same(mapping)) {
            // Later than what it corrects, whatever the clock of whoever wrote that.
            let recorded_unix_nano = mapping.recorded_unix_nano.max(last.recorded_unix_nano.saturating_add(1));
            let again = Mapping { recorded_unix_nano, ..mapping.clone() };
            written += u64::from(write_mapping(store, &again, &again.path_at(recorded_unix_nano)).await?);
        }
    }
    Ok(written)
}

async fn write_mapping(store: &RegionStore, mapping: &Mapping, path: &StorePath) -> Result<bool> {
    let file = File { schema_version: RECORD_SCHEMA_VERSION, mapping: mapping.clone() };
    let mut text = serde_json::to_vec(&file).map_err(|error| LakeError::Release { reason: error.to_string() })?;
    text.push(b'\n');
    let payload = PutPayload::from(text);
    let put = |mode| store.put_opts(path, payload.clone(), PutOptions { mode, ..PutOptions::default() });
    let written = match put(PutMode::Create).await {
        // A store without conditional writes. The path is made of the content, so that nothing else can be there, and
        // writing it twice changes nothing.
        Err(error) if !matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            match store.head(path).await {
                Ok(_) => return Ok(false),
                Err(Error::NotFound { .. }) => put(PutMode::Overwrite).await,
                Err(_) => Err(error),
            }
        }
        written => written,
    };
    match written {
        Ok(_) => Ok(true),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
        Err(error) => Err(store.explain("record a release in", error)),
    }
}

/// The records of a region's store, and what lies there and cannot be read as one. An error means that the region does not
/// answer; its store knows why.
pub async fn read_mappings(
    store: &RegionStore,
    cache: Option<&DiskCache>,
) -> object_store::Result<(Vec<Mapping>, Vec<OddKey>)> {
    let folder = match store.location().name() {
        Some(name) => format!("{RELEASES}/region={name}"),
        None => RELEASES.to_owned(),
    };
    read_below(store, cache, &folder, |_| true).await
}

/// The same of the records below a folder whose paths are wanted.
async fn read_below(
    store: &RegionStore,
    cache: Option<&DiskCache>,
    folder: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> object_store::Result<(Vec<Mapping>, Vec<OddKey>)> {
    let listed = store.list_all(&StorePath::from(folder), None).await?;
    let mut unreadable = listed.odd;
    let mut files = listed.objects;
    files.retain(|file| file.location.as_ref().ends_with(".json") && is_wanted(file.location.as_ref()));
    let read: Vec<Result<Mapping, OddKey>> =
        stream::iter(files).map(|file| read(store, cache, file)).buffer_unordered(READS_AT_ONCE).try_collect().await?;
    let mut mappings = Vec::new();
    for mapping in read {
        match mapping {
            Ok(mapping) => mappings.push(mapping),
            Err(odd) => unreadable.push(odd),
        }
    }
    mappings.sort();
    unreadable.sort();
    Ok((mappings, unreadable))
}

async fn read(
    store: &RegionStore,
    cache: Option<&DiskCache>,
    file: ObjectMeta,
) -> object_store::Result<Result<Mapping, OddKey>> {
    let path = file.location.to_string();
    if file.size > RECORD_BYTES_MAX {
        return Ok(Err(OddKey::file(path, format!("it is no release record: it has {} bytes", file.size))));
    }
    let key = DiskCache::key("release", store.location().place(), &file);
    let kept = cache.zip(key.as_deref()).and_then(|(cache, key)| cache.get(key));
    let bytes = match kept {
        Some(bytes) => bytes,
        None => {
            let bytes = match store.get(&file.location).await {
                Ok(found) => found.bytes().await?.to_vec(),
                Err(error) if matches!(store.serving(), Serving::Nothing(_)) => return Err(error),
                Err(error) => return Ok(Err(OddKey::file(path, store.reason(&error)))),
            };
            if let Some((cache, key)) = cache.zip(key.as_deref()) {
                cache.put(key, &bytes);
            }
            bytes
        }
    };
    // The folder says where the record counts: a record copied elsewhere says nothing there.
    let reason = match serde_json::from_slice::<File>(&bytes) {
        Ok(File { mapping, .. }) if path.contains(&format!("/region={}/", mapping.region)) => return Ok(Ok(mapping)),
        Ok(File { mapping, .. }) => format!("it is a release record of {}", mapping.region),
        // What serde says may be somebody's text.
        Err(_) => "it is no release record".to_owned(),
    };
    Ok(Err(OddKey::file(path, reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, RegionLocation};

    fn mapping(function: &str, version: &str, release: &str, recorded_unix_nano: i64) -> Mapping {
        Mapping {
            region: "us-east-2".into(),
            function: function.into(),
            function_version: version.into(),
            release: release.into(),
            service: None,
            code_sha256: None,
            recorded_unix_nano,
        }
    }

    #[tokio::test]
    async fn records_are_written_once_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let store = RegionStore::new(RegionLocation::directory_of(None, directory.path()).unwrap(), Access::default());
        assert_eq!(read_mappings(&store, None).await.unwrap(), (vec![], vec![]));
        let first = mapping("pay", "7", "1.4.1", 1);
        assert!(record_mapping(&store, &first).await.unwrap());
        // The same statement later.
        assert!(!record_mapping(&store, &Mapping { recorded_unix_nano: 2, ..first.clone() }).await.unwrap());
        // What contradicts it does not replace it.
        let correction = mapping("pay", "7", "1.4.2", 3);
        assert!(record_mapping(&store, &correction).await.unwrap());
        let latest = [mapping("pay", LATEST, "1.4.1", 1), mapping("pay", LATEST, "1.4.1", 2)];
        for latest in &latest {
            assert!(record_mapping(&store, latest).await.unwrap());
        }
        let folder = directory.path().join("releases/region=us-east-2");
        std::fs::write(folder.join("other.json"), "{}").unwrap();
        std::fs::create_dir_all(directory.path().join("releases/region=eu-west-2")).unwrap();
        let copied = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
        std::fs::copy(copied, directory.path().join("releases/region=eu-west-2/copied.json")).unwrap();
        let (mut found, unreadable) = read_mappings(&store, None).await.unwrap();
        found.sort_by_key(|mapping| (mapping.function_version.clone(), mapping.recorded_unix_nano));
        assert_eq!(found, [latest[0].clone(), latest[1].clone(), first, correction]);
        let unreadable: Vec<String> = unreadable.iter().map(OddKey::to_string).collect();
        assert_eq!(
            unreadable,
            [
                "releases/region=eu-west-2/copied.json: it is a release record of us-east-2",
                "releases/region=us-east-2/other.json: it is no release record"
            ]
        );
    }

    #[tokio::test]
    async fn a_correction_can_be_corrected_back() {
        let directory = tempfile::tempdir().unwrap();
        let store = RegionStore::new(RegionLocation::directory_of(None, directory.path()).unwrap(), Access::default());
        // Another function's records, whose name begins alike, play no part.
        assert!(record_mapping(&store, &mapping("pay", "8", "x", 90)).await.unwrap());
        assert!(record_mapping(&store, &mapping("pays", "7", "x", 90)).await.unwrap());
        for (release, recorded, is_written) in [
            ("A", 1, true),
            ("A", 2, false),
            ("B", 3, true),
            ("B", 4, false),
            ("A", 5, true),
            ("A", 6, false),
            // A clock that is behind.
            ("B", 2, true),
            ("B", 9, false),
            ("A", 5, true),
        ] {
            let mapping = mapping("pay", "7", release, recorded);
            assert_eq!(record_mapping(&store, &mapping).await.unwrap(), is_written, "{release} at {recorded}");
            let (all, odd) = read_mappings(&store, None).await.unwrap();
            let last = all.iter().filter(|other| other.is_of_same_version(&mapping)).max_by_key(|other| other.rank());
            assert_eq!((last.unwrap().release.as_str(), odd.len()), (release, 0), "{release} at {recorded}");
        }
    }

    #[tokio::test]
    async fn names_that_are_none_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = RegionStore::new(RegionLocation::directory_of(None, directory.path()).unwrap(), Access::default());
        for wrong in [
            mapping("../pay", "7", "1", 1),
            mapping("pay", "seven", "1", 1),
            mapping("pay", "", "1", 1),
            mapping("pay", "07", "1", 1),
            mapping("pay", "0", "1", 1),
            mapping("pay", "7", " ", 1),
            Mapping { region: "a/b".into(), ..mapping("pay", "7", "1", 1) },
        ] {
            record_mapping(&store, &wrong).await.unwrap_err();
        }
    }
}
