//! Which hours of a lake hold files. It refuses to list or open a day or an hour outside the range asked for: what a
//! question costs follows from the time it is about.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore};

use crate::partition::{HourUtc, LANDING, Partition, parse_day};
use crate::{LakeError, RegionLocation, Result};

/// Listings under way at once. An object store answers one in some 50 ms, so a day of one region takes two rounds.
const LISTINGS_AT_ONCE: usize = 16;

/// Hours of arrival, both ends included; an end that is absent is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HourRange {
    /// The first hour to be listed.
    pub first: Option<HourUtc>,
    /// The last hour to be listed.
    pub last: Option<HourUtc>,
}

impl HourRange {
    /// Whether the hour lies within.
    pub fn contains(&self, hour: HourUtc) -> bool {
        self.first.is_none_or(|first| first <= hour) && self.last.is_none_or(|last| hour <= last)
    }

    /// Whether no hour lies within.
    pub fn is_empty(&self) -> bool {
        matches!((self.first, self.last), (Some(first), Some(last)) if first > last)
    }

    /// The hours that lie within both.
    pub fn intersect(&self, other: &HourRange) -> HourRange {
        let first = self.first.max(other.first);
        let last = match (self.last, other.last) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        HourRange { first, last }
    }

    fn days(&self) -> RangeInclusive<i64> {
        self.first.map_or(i64::MIN, HourUtc::day)..=self.last.map_or(i64::MAX, HourUtc::day)
    }
}

/// The files of one hour of one region.
#[derive(Clone, Debug)]
pub struct HourFiles {
    /// The region and the hour.
    pub partition: Partition,
    /// In the order of their names; paths are relative to the location.
    pub files: Vec<ObjectMeta>,
}

/// The hours within `range` that hold Parquet files, by region and hour. `store` is the location's own; `regions` are
/// those wanted, all if empty. Names that begin with `.` or `_` are work in progress, and other endings are not data.
pub async fn list_hours(
    store: &dyn ObjectStore,
    location: &RegionLocation,
    regions: &[String],
    range: &HourRange,
) -> Result<Vec<HourFiles>> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = |region: &str| {
        location.name().is_none_or(|name| name == region) && (regions.is_empty() || regions.iter().any(|r| r == region))
    };
    let lister = Lister { store, directory: location.directory() };
    let region_folders = match location.name() {
        // The name is known, so its siblings need not be listed.
        Some(name) if wanted(name) => vec![StorePath::from(format!("{LANDING}/region={name}"))],
        Some(_) => Vec::new(),
        None => lister.folders(StorePath::from(LANDING)).await?,
    };
    let days = range.days();
    let day_folders = region_folders.into_iter().filter(|folder| value(folder, "region=").is_some_and(wanted));
    let day_folders = lister.folders_of_each(day_folders).await?;
    let hour_folders = day_folders
        .into_iter()
        .filter(|folder| value(folder, "date=").and_then(parse_day).is_some_and(|day| days.contains(&day)));
    let hour_folders = lister.folders_of_each(hour_folders).await?;
    let partitions = hour_folders
        .into_iter()
        .filter_map(|folder| Some((Partition::parse(folder.as_ref())?, folder)))
        .filter(|(partition, _)| range.contains(partition.hour()));
    let mut hours: Vec<HourFiles> = stream::iter(partitions)
        .map(|(partition, folder)| lister.files(partition, folder))
        .buffer_unordered(LISTINGS_AT_ONCE)
        .try_filter(|hour| std::future::ready(!hour.files.is_empty()))
        .try_collect()
        .await?;
    hours.sort_by(|one, two| one.partition.cmp(&two.partition));
    Ok(hours)
}

struct Lister<'l> {
    store: &'l dyn ObjectStore,
    directory: &'l Path,
}

impl Lister<'_> {
    async fn folders(&self, folder: StorePath) -> Result<Vec<StorePath>> {
        let listed = self.store.list_with_delimiter(Some(&folder)).await.map_err(|error| self.fail(&folder, error))?;
        Ok(listed.common_prefixes)
    }

    async fn folders_of_each(&self, folders: impl Iterator<Item = StorePath>) -> Result<Vec<StorePath>> {
        stream::iter(folders)
            .map(|folder| self.folders(folder))
            .buffered(LISTINGS_AT_ONCE)
            .try_fold(Vec::new(), |mut all, folders| {
                all.extend(folders);
                std::future::ready(Ok(all))
            })
            .await
    }

    async fn files(&self, partition: Partition, folder: StorePath) -> Result<HourFiles> {
        let listed = self.store.list_with_delimiter(Some(&folder)).await.map_err(|error| self.fail(&folder, error))?;
        let mut files = listed.objects;
        files.retain(|file| file.location.filename().is_some_and(is_data_file));
        files.sort_by(|one, two| one.location.cmp(&two.location));
        Ok(HourFiles { partition, files })
    }

    fn fail(&self, folder: &StorePath, error: object_store::Error) -> LakeError {
        let path: PathBuf = self.directory.join(folder.as_ref());
        LakeError::from_error("list", &path, error)
    }
}

/// Whether a file of this name in an hour folder holds rows.
pub(crate) fn is_data_file(name: &str) -> bool {
    !name.starts_with(['.', '_']) && name.ends_with(".parquet")
}

/// The value of a `key=value` folder.
fn value<'p>(folder: &'p StorePath, key: &str) -> Option<&'p str> {
    folder.filename()?.strip_prefix(key)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::stream::BoxStream;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, PutMultipartOptions, PutOptions, PutPayload,
        PutResult,
    };

    use super::*;

    /// Hands everything on and keeps the names of the folders that were listed; nothing else may be asked.
    #[derive(Debug)]
    struct Recorder {
        inner: Arc<dyn ObjectStore>,
        listed: Mutex<Vec<String>>,
    }

    impl std::fmt::Display for Recorder {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.inner.fmt(f)
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Recorder {
        async fn put_opts(&self, _: &StorePath, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
            Err(object_store::Error::NotImplemented { operation: "put".into(), implementer: "Recorder".into() })
        }
        async fn put_multipart_opts(
            &self,
            _: &StorePath,
            _: PutMultipartOptions,
        ) -> object_store::Result<Box<dyn MultipartUpload>> {
            Err(object_store::Error::NotImplemented { operation: "put".into(), implementer: "Recorder".into() })
        }
        async fn get_opts(&self, _: &StorePath, _: GetOptions) -> object_store::Result<GetResult> {
            Err(object_store::Error::NotImplemented { operation: "get".into(), implementer: "Recorder".into() })
        }
        fn delete_stream(
            &self,
            locations: BoxStream<'static, object_store::Result<StorePath>>,
        ) -> BoxStream<'static, object_store::Result<StorePath>> {
            locations
        }
        fn list(&self, _: Option<&StorePath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            let error =
                object_store::Error::NotImplemented { operation: "list".into(), implementer: "Recorder".into() };
            stream::iter([Err(error)]).boxed()
        }
        async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> object_store::Result<ListResult> {
            self.listed.lock().unwrap().push(prefix.map_or_else(String::new, ToString::to_string));
            self.inner.list_with_delimiter(prefix).await
        }
        async fn copy_opts(&self, _: &StorePath, _: &StorePath, _: CopyOptions) -> object_store::Result<()> {
            Err(object_store::Error::NotImplemented { operation: "copy".into(), implementer: "Recorder".into() })
        }
    }

    fn hour(text: &str) -> HourUtc {
        Partition::parse(&format!("landing/region=x/{text}")).unwrap().hour()
    }

    /// Lists a lake of the given files; returns the data files found and the folders listed.
    async fn check(location: &str, files: &[&str], regions: &[&str], range: HourRange) -> (Vec<String>, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let spec = format!("{location}{}", directory.path().display());
        let location: RegionLocation = spec.parse().unwrap();
        let store = Recorder { inner: location.store().unwrap(), listed: Mutex::default() };
        let regions: Vec<String> = regions.iter().map(|region| region.to_string()).collect();
        let hours = list_hours(&store, &location, &regions, &range).await.unwrap();
        let found = hours.iter().flat_map(|hour| hour.files.iter().map(|file| file.location.to_string())).collect();
        let mut listed = store.listed.into_inner().unwrap();
        listed.sort();
        (found, listed)
    }

    const FILES: [&str; 8] = [
        "landing/region=us-east-2/date=2026-11-20/hour=23/a.parquet",
        "landing/region=us-east-2/date=2026-11-21/hour=00/a.parquet",
        "landing/region=us-east-2/date=2026-11-21/hour=01/a.parquet",
        "landing/region=us-east-2/date=2026-11-21/hour=02/a.parquet",
        "landing/region=us-west-2/date=2026-11-21/hour=01/b.parquet",
        "landing/region=us-west-2/date=2026-11-22/hour=01/b.parquet",
        "landing/elsewhere/date=2026-11-21/hour=01/c.parquet",
        "errors/region=us-west-2/date=2026-11-21/hour=01/d.parquet",
    ];

    #[tokio::test]
    async fn only_the_hours_asked_for_are_listed() {
        let range =
            HourRange { first: Some(hour("date=2026-11-20/hour=23")), last: Some(hour("date=2026-11-21/hour=01")) };
        let (found, listed) = check("", &FILES, &[], range).await;
        assert_eq!(
            found,
            [
                "landing/region=us-east-2/date=2026-11-20/hour=23/a.parquet",
                "landing/region=us-east-2/date=2026-11-21/hour=00/a.parquet",
                "landing/region=us-east-2/date=2026-11-21/hour=01/a.parquet",
                "landing/region=us-west-2/date=2026-11-21/hour=01/b.parquet",
            ]
        );
        assert_eq!(
            listed,
            [
                "landing",
                "landing/region=us-east-2",
                "landing/region=us-east-2/date=2026-11-20",
                "landing/region=us-east-2/date=2026-11-20/hour=23",
                "landing/region=us-east-2/date=2026-11-21",
                "landing/region=us-east-2/date=2026-11-21/hour=00",
                "landing/region=us-east-2/date=2026-11-21/hour=01",
                "landing/region=us-west-2",
                "landing/region=us-west-2/date=2026-11-21",
                "landing/region=us-west-2/date=2026-11-21/hour=01",
            ]
        );
    }

    #[tokio::test]
    async fn open_ends_find_everything_that_lies_in_an_hour_folder() {
        let (found, _) = check("", &FILES, &[], HourRange::default()).await;
        assert_eq!(found.len(), 6);
    }

    #[tokio::test]
    async fn an_empty_range_and_an_unwanted_region_are_not_asked_for() {
        let first = Some(hour("date=2026-11-21/hour=01"));
        let range = HourRange { first, last: Some(hour("date=2026-11-21/hour=00")) };
        assert_eq!(check("", &FILES, &[], range).await, (vec![], vec![]));
        assert_eq!(check("us-east-2=", &FILES, &["us-west-2"], HourRange::default()).await, (vec![], vec![]));
        let (found, listed) = check("us-west-2=", &FILES, &[], HourRange { first, last: None }).await;
        assert_eq!(found.len(), 2);
        assert_eq!(listed[0], "landing/region=us-west-2");
    }

    #[tokio::test]
    async fn work_in_progress_and_other_files_are_passed_over() {
        let folder = "landing/region=us-east-2/date=2026-11-21/hour=01/";
        let names =
            [".a.parquet", "_b.parquet", ".ingest-x.tmp", "c.parquet.crc", "d.json", "e.parquet", "f g.parquet"];
        let files: Vec<String> = names.iter().map(|name| format!("{folder}{name}")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let (found, _) = check("", &files, &[], HourRange::default()).await;
        assert_eq!(found, [format!("{folder}e.parquet"), format!("{folder}f g.parquet")]);
    }

    #[tokio::test]
    async fn a_lake_without_landing_is_empty() {
        assert_eq!(check("", &["readme.txt"], &[], HourRange::default()).await.0, Vec::<String>::new());
    }

    #[test]
    fn ranges_meet() {
        let [one, two, three] = [1, 2, 3].map(|hours| HourUtc::from_unix_nano(hours * crate::NANOS_PER_HOUR));
        let open = HourRange::default();
        let from_two = HourRange { first: Some(two), last: None };
        let to_two = HourRange { first: None, last: Some(two) };
        assert_eq!(open.intersect(&from_two), from_two);
        assert_eq!(from_two.intersect(&to_two), HourRange { first: Some(two), last: Some(two) });
        assert!(from_two.intersect(&HourRange { first: None, last: Some(one) }).is_empty());
        assert!(to_two.contains(one) && !to_two.contains(three) && from_two.contains(three));
    }
}
