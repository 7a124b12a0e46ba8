//! Which hours of a lake hold files. It refuses to list a day or an hour outside the range asked for: what a question
//! costs follows from the time it is about.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore};

use crate::odd::OddKey;
use crate::partition::{HourUtc, LANDING, Partition, parse_day, render_day};
use crate::store::{Listed, RegionStore};

/// Listings under way at once. An object store answers one in some 50 ms.
const LISTINGS_AT_ONCE: usize = 16;

/// Up to so many days are asked for by name; of more it is first looked up which there are.
const DAYS_BY_NAME_MAX: i64 = 62;

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

/// What was found of the hours asked for.
#[derive(Clone, Debug, Default)]
pub struct ListedHours {
    /// The hours that hold files.
    pub hours: Vec<HourFiles>,
    /// Files that cannot be read under their names, and folders that cannot be listed.
    pub odd: Vec<OddKey>,
}

/// The hours within `range` that hold Parquet files, by region and hour. `regions` are those wanted, all if empty;
/// `now` is the hour that nothing has arrived after. Names that begin with `.` or `_` are work in progress, and other
/// endings are not data.
///
/// A day is one listing where all of it that can hold files is wanted, and one an hour otherwise.
pub async fn list_hours(
    store: &RegionStore,
    regions: &[String],
    range: &HourRange,
    now: HourUtc,
) -> object_store::Result<ListedHours> {
    if range.is_empty() {
        return Ok(ListedHours::default());
    }
    let wanted = |region: &str| regions.is_empty() || regions.iter().any(|wanted| wanted == region);
    // Of a place whose name is known no siblings are listed.
    let regions = list_regions(store).await?.into_iter().filter(|region| wanted(region));
    let (mut listings, mut odd) = (Vec::new(), Vec::new());
    for region in regions {
        let folder = format!("{LANDING}/region={region}");
        let days = match days(store, &folder, range).await {
            Ok(days) => days,
            Err(error) => {
                odd.push(OddKey::of(error)?);
                continue;
            }
        };
        for day in days {
            listings.extend(listings_of(&format!("{folder}/date={}", render_day(day)), day, range, now));
        }
    }
    let listed: Vec<Listed> = stream::iter(listings)
        .map(|listing| async move { store.list_all(&listing.folder, listing.offset.as_ref()).await })
        .buffer_unordered(LISTINGS_AT_ONCE)
        .try_collect()
        .await?;

    let mut hours: BTreeMap<Partition, Vec<ObjectMeta>> = BTreeMap::new();
    for file in listed.into_iter().flat_map(|Listed { objects, odd: of_listing }| {
        odd.extend(of_listing.into_iter().filter(|odd| may_hide_rows(odd, range)));
        objects
    }) {
        let Some((folder, name)) = file.location.as_ref().rsplit_once('/') else { continue };
        let Some(partition) = Partition::parse(folder).filter(|_| is_data_file(name)) else { continue };
        if range.contains(partition.hour()) {
            hours.entry(partition).or_default().push(file);
        }
    }
    let sorted = |(partition, mut files): (Partition, Vec<ObjectMeta>)| {
        files.sort_by(|one, two| one.location.cmp(&two.location));
        HourFiles { partition, files }
    };
    odd.sort();
    odd.dedup();
    Ok(ListedHours { hours: hours.into_iter().map(sorted).collect(), odd })
}

/// Whether rows of an hour within the range may be missing because of it.
fn may_hide_rows(odd: &OddKey, range: &HourRange) -> bool {
    const HOUR_PARTS: [&str; 4] = ["", "region=", "date=", "hour="];
    let parts: Vec<&str> = odd.key.split('/').collect();
    let hour = parts.get(..HOUR_PARTS.len()).and_then(|hour| Partition::parse(&hour.join("/")));
    let is_on_the_way = || {
        parts.len() <= HOUR_PARTS.len() && parts.iter().zip(HOUR_PARTS).all(|(part, begins)| part.starts_with(begins))
    };
    let name = parts.last().copied().unwrap_or_default();
    (odd.is_folder && is_on_the_way() || is_data_file(name))
        && hour.is_none_or(|partition| range.contains(partition.hour()))
}

/// The regions that a place holds: its own where it has a name, else those of its folders.
pub async fn list_regions(store: &RegionStore) -> object_store::Result<Vec<String>> {
    match store.location().name() {
        Some(name) => Ok(vec![name.to_owned()]),
        None => values(store, LANDING, "region=").await,
    }
}

/// One request of a listing, and its further pages.
struct Listing {
    folder: StorePath,
    /// Keys up to here are left out.
    offset: Option<StorePath>,
}

/// The days of a region that the range can hold.
async fn days(store: &RegionStore, folder: &str, range: &HourRange) -> object_store::Result<Vec<i64>> {
    let days = range.days();
    if days.end().saturating_sub(*days.start()) < DAYS_BY_NAME_MAX {
        return Ok(days.collect());
    }
    let there = values(store, folder, "date=").await?;
    Ok(there.iter().filter_map(|day| parse_day(day)).filter(|day| days.contains(day)).collect())
}

/// What stands behind `key` in the names of the folders in a folder.
async fn values(store: &RegionStore, folder: &str, key: &str) -> object_store::Result<Vec<String>> {
    let listed = store.list_with_delimiter(Some(&StorePath::from(folder))).await?;
    let value = |folder: &StorePath| Some(folder.filename()?.strip_prefix(key)?.to_owned());
    Ok(listed.common_prefixes.iter().filter_map(value).collect())
}

fn listings_of(folder: &str, day: i64, range: &HourRange, now: HourUtc) -> Vec<Listing> {
    let whole = HourUtc::hours_of_day(day);
    let first = range.first.map_or(*whole.start(), |first| first.max(*whole.start()));
    let last = range.last.map_or(*whole.end(), |last| last.min(*whole.end()));
    let to_the_end = last == *whole.end() || last >= now;
    if to_the_end {
        let offset = (first > *whole.start()).then(|| StorePath::from(format!("{folder}/hour={:02}", first.of_day())));
        return vec![Listing { folder: StorePath::from(folder), offset }];
    }
    let hours = first.of_day()..=last.of_day();
    hours.map(|hour| Listing { folder: StorePath::from(format!("{folder}/hour={hour:02}")), offset: None }).collect()
}

/// Whether a file of this name in an hour folder holds rows.
pub(crate) fn is_data_file(name: &str) -> bool {
    !name.starts_with(['.', '_']) && name.ends_with(".parquet")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::stream::BoxStream;
    use object_store::local::LocalFileSystem;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, PutMultipartOptions, PutOptions, PutPayload,
        PutResult,
    };

    use super::*;
    use crate::{Access, RegionLocation};

    /// Hands listings on and keeps what was listed; nothing else may be asked.
    #[derive(Debug)]
    struct Recorder {
        inner: LocalFileSystem,
        listed: Mutex<Vec<String>>,
    }

    impl Recorder {
        fn note(&self, what: &str, folder: Option<&StorePath>, offset: Option<&StorePath>) {
            let mut text = format!("{what} {}", folder.unwrap());
            if let Some(offset) = offset {
                text.push_str(&format!(" behind {}", offset.filename().unwrap()));
            }
            self.listed.lock().unwrap().push(text);
        }
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
        fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            self.note("all", prefix, None);
            self.inner.list(prefix)
        }
        fn list_with_offset(
            &self,
            prefix: Option<&StorePath>,
            offset: &StorePath,
        ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            self.note("all", prefix, Some(offset));
            self.inner.list_with_offset(prefix, offset)
        }
        async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> object_store::Result<ListResult> {
            self.note("folders", prefix, None);
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
        let inner = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
        let recorder = Arc::new(Recorder { inner, listed: Mutex::default() });
        let store = RegionStore::over(location, Access::default(), Arc::clone(&recorder) as _, None);
        let regions: Vec<String> = regions.iter().map(|region| region.to_string()).collect();
        let listed = list_hours(&store, &regions, &range, hour("date=2026-11-22/hour=05")).await.unwrap();
        let found =
            listed.hours.iter().flat_map(|hour| hour.files.iter().map(|file| file.location.to_string())).collect();
        let mut listed = std::mem::take(&mut *recorder.listed.lock().unwrap());
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
                "all landing/region=us-east-2/date=2026-11-20 behind hour=23",
                "all landing/region=us-east-2/date=2026-11-21/hour=00",
                "all landing/region=us-east-2/date=2026-11-21/hour=01",
                "all landing/region=us-west-2/date=2026-11-20 behind hour=23",
                "all landing/region=us-west-2/date=2026-11-21/hour=00",
                "all landing/region=us-west-2/date=2026-11-21/hour=01",
                "folders landing",
            ]
        );
    }

    #[tokio::test]
    async fn a_day_is_one_listing_if_what_is_not_wanted_of_it_lies_ahead() {
        let range =
            HourRange { first: Some(hour("date=2026-11-21/hour=00")), last: Some(hour("date=2026-11-22/hour=05")) };
        let (found, listed) = check("us-west-2=", &FILES, &[], range).await;
        assert_eq!(found.len(), 2);
        let day = |day| format!("all landing/region=us-west-2/date=2026-11-{day}");
        assert_eq!(listed, [day(21), day(22)]);
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
        assert_eq!(
            listed,
            [
                "all landing/region=us-west-2/date=2026-11-21 behind hour=01",
                "all landing/region=us-west-2/date=2026-11-22",
                "folders landing/region=us-west-2",
            ]
        );
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
