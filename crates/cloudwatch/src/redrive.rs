//! What the pipeline could not deliver, into the lake after all: the events that Lambda kept because the forwarder failed, and
//! the records that Firehose could not convert. They go through the normaliser again, lie under the hour in which they were
//! observed, and their objects are moved to `redriven/` only after that.
//!
//! It refuses to deliver anything twice: what an object holds goes into files of its own, under a name made of its key and its
//! content, so that a run that was killed, and two runs at once, write the same files. It refuses, too, to move what it could
//! not read: that stays, with its reason.

mod parse;

use std::collections::{BTreeMap, HashSet};
use std::path::Path as Folder;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta};
use transect_lake::{Batch, Bucket, LakeError, Listed, OddKey, Place, RegionLocation, RegionStore, Serving};
use transect_normalize::Normalizer;
use transect_schema::Record;
use twox_hash::XxHash3_128;

use crate::{Names, Progress};
use parse::{Parsed, cause_of_errors, cause_of_failed, parse_errors, parse_failed};

/// Folders of a region's place.
const FAILED: &str = "failed";
const ERRORS: &str = "errors";
const REDRIVEN: &str = "redriven";
/// How the files begin that are made of objects.
pub(crate) const FILE_PREFIX: &str = "redrive-";
/// What could not be read of an object is called as the object with this behind.
const LEFT: &str = ".left";

/// Objects that are under way at the same time, and their bytes together, but for one that is larger alone. An event that
/// Lambda kept has up to 1 MB, a file of Firehose's up to 128.
const OBJECTS_AT_ONCE: usize = 16;
const BYTES_AT_ONCE: u64 = 64 << 20;
/// A larger object is no file of Lambda's or Firehose's.
const OBJECT_BYTES_MAX: u64 = 512 << 20;
/// Objects that are read at the same time.
const READS_AT_ONCE: usize = 8;
/// Objects that `failed` opens to learn their cause; the newest. The others are counted by folder.
const CAUSES_READ_MAX: usize = 1_000;

/// Where something was left undelivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The forwarder failed and Lambda kept the event.
    Failed,
    /// Firehose could not convert the record.
    Errors,
}

impl Source {
    /// As it is written on the command line, in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Source::Failed => "failed",
            Source::Errors => "errors",
        }
    }
}

/// Where a region's objects lie.
pub struct Stores {
    /// The region's place in the lake, without its replica: nothing is written there.
    lake: RegionStore,
    /// The bucket's root, where the place is a folder in it: Lambda's folder does not move with it.
    root: Option<RegionStore>,
    region: String,
    names: Names,
}

/// One object that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    source: Source,
    is_at_root: bool,
    meta: ObjectMeta,
}

/// Everything that was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllLeft {
    /// What can be read, the oldest key of each folder first.
    pub objects: Vec<Left>,
    /// What cannot be read under its key.
    pub odd: Vec<(Source, OddKey)>,
}

/// A row of `transect failed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRow {
    /// Where it was left.
    pub source: Source,
    /// Why it was left: an error type of the forwarder, or an error code of Firehose.
    pub cause: String,
    /// Objects.
    pub objects: u64,
    /// Log events, or records of Firehose's, in those that were opened.
    pub events: u64,
    /// Bytes of the objects.
    pub bytes: u64,
    /// When the first and the last was written, in nanoseconds since 1970; `None` where that is not known of any.
    pub oldest_unix_nano: Option<i64>,
    /// See above.
    pub newest_unix_nano: Option<i64>,
    /// One of them, its path in the region's place.
    pub example: String,
}

/// A row of `transect redrive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveRow {
    /// Where it was left.
    pub source: Source,
    /// Why it is left still; empty for what was delivered.
    pub reason: String,
    /// Objects.
    pub objects: u64,
    /// Log events in them, or records of Firehose's.
    pub events: u64,
    /// Rows that were written to the lake.
    pub records: u64,
}

/// What a redrive did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// By source and reason; what was delivered first.
    pub rows: Vec<RedriveRow>,
}

impl Redriven {
    /// Objects that stay where they are.
    pub fn left(&self) -> u64 {
        self.rows.iter().filter(|row| !row.reason.is_empty()).map(|row| row.objects).sum()
    }
}

/// How a redrive works.
pub struct Redrive<'r> {
    /// What is redriven.
    pub sources: &'r [Source],
    /// How messages are read, as in the forwarder.
    pub normalizer: &'r Normalizer,
    /// Where files are made before they are delivered.
    pub scratch: &'r Folder,
    /// The time that events without one have, in nanoseconds since 1970.
    pub now_unix_nano: i64,
    /// Objects, and the events of those that were delivered.
    pub progress: &'r Progress,
}

impl Stores {
    /// The stores of a region of a lake; `access` as for reading it.
    ///
    /// # Errors
    /// The region's name cannot be part of a path.
    pub fn new(
        location: &RegionLocation,
        region: &str,
        names: &Names,
        access: &transect_lake::Access,
    ) -> Result<Stores, LakeError> {
        let alone = |place: Place| RegionLocation::new(Some(region.to_owned()), place, None);
        let root = match location.place() {
            Place::Bucket(bucket) if !bucket.prefix().is_empty() => Some(alone(root_of(bucket)?)?),
            _ => None,
        };
        Ok(Stores {
            lake: RegionStore::new(alone(location.place().clone())?, access.clone()),
            root: root.map(|root| RegionStore::new(root, access.clone())),
            region: region.to_owned(),
            names: names.clone(),
        })
    }

    fn store(&self, is_at_root: bool) -> &RegionStore {
        self.root.as_ref().filter(|_| is_at_root).unwrap_or(&self.lake)
    }

    /// Every object that was left, the oldest key first.
    ///
    /// # Errors
    /// The region's place does not answer.
    pub async fn left(&self, sources: &[Source]) -> Result<AllLeft, LakeError> {
        let mut left = AllLeft::default();
        for source in sources {
            let folders = match source {
                Source::Failed => {
                    vec![(false, format!("{FAILED}/region={}", self.region)), (true, self.names.on_failure_folder())]
                }
                Source::Errors => vec![(false, format!("{ERRORS}/region={}", self.region))],
            };
            for (is_at_root, folder) in folders {
                let store = self.store(is_at_root);
                let folder = Path::from(folder);
                let listed = store.list_all(&folder, None).await;
                let Listed { mut objects, odd } = listed.map_err(|error| store.explain("list", error))?;
                left.odd.extend(odd.into_iter().map(|odd| (*source, odd)));
                objects.sort_by(|one, other| one.location.cmp(&other.location));
                let folders = folders_of(&objects);
                // The console of S3 marks folders by empty objects, whose names end where the folder's does.
                objects.retain(|object| {
                    object.size > 0 || (object.location != folder && !folders.contains(object.location.as_ref()))
                });
                left.objects.extend(objects.into_iter().map(|meta| Left { source: *source, is_at_root, meta }));
            }
        }
        Ok(left)
    }

    /// What was left, by cause.
    ///
    /// # Errors
    /// The region's place does not answer.
    pub async fn failed(&self, sources: &[Source]) -> Result<Vec<FailedRow>, LakeError> {
        let AllLeft { objects: mut left, odd } = self.left(sources).await?;
        left.sort_by_key(|object| std::cmp::Reverse(object.meta.last_modified));
        let causes: Vec<(Left, String, u64)> = stream::iter(left.into_iter().enumerate())
            .map(|(index, object)| async move {
                if index >= CAUSES_READ_MAX || object.meta.size > OBJECT_BYTES_MAX {
                    return Ok((object, "not opened".to_owned(), 0));
                }
                let store = self.store(object.is_at_root);
                match store.read(&object.meta.location).await {
                    Ok(bytes) => {
                        let (cause, events) = match object.source {
                            Source::Failed => cause_of_failed(&bytes),
                            Source::Errors => cause_of_errors(&bytes),
                        };
                        Ok((object, cause, events))
                    }
                    // Redriven by somebody else meanwhile.
                    Err(StoreError::NotFound { .. }) => Ok((object, "gone".to_owned(), 0)),
                    Err(_) if store.serving() == Serving::Primary => Ok((object, "not readable".to_owned(), 0)),
                    Err(error) => Err(store.explain("read", error)),
                }
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut rows: BTreeMap<(Source, String), FailedRow> = BTreeMap::new();
        for (object, cause, events) in causes {
            // A store that keeps no times says 1970.
            let unix_nano = object.meta.last_modified.timestamp_nanos_opt().filter(|unix_nano| *unix_nano > 0);
            let row = rows.entry((object.source, cause.clone())).or_insert_with(|| FailedRow {
                source: object.source,
                cause,
                objects: 0,
                events: 0,
                bytes: 0,
                oldest_unix_nano: unix_nano,
                newest_unix_nano: unix_nano,
                example: object.meta.location.to_string(),
            });
            row.objects += 1;
            row.events += events;
            row.bytes += object.meta.size;
            row.oldest_unix_nano = row.oldest_unix_nano.into_iter().chain(unix_nano).min();
            row.newest_unix_nano = row.newest_unix_nano.max(unix_nano);
        }
        for (source, odd) in odd {
            let cause = "not readable under its key".to_owned();
            let row = rows.entry((source, cause.clone())).or_insert_with(|| FailedRow {
                source,
                cause,
                objects: 0,
                events: 0,
                bytes: 0,
                // A listing that takes no such key tells nothing else of it.
                oldest_unix_nano: None,
                newest_unix_nano: None,
                example: odd.key,
            });
            row.objects += 1;
        }
        Ok(rows.into_values().collect())
    }

    /// Delivers what was left, and moves it to `redriven/`.
    ///
    /// # Errors
    /// The region's place does not answer, or this machine has no room: what was delivered until then stays delivered, and the
    /// next run goes on from there.
    pub async fn redrive(&self, how: &Redrive<'_>) -> Result<Redriven, LakeError> {
        let mut tally = Tally::default();
        let AllLeft { mut objects, odd } = self.left(how.sources).await?;
        // What a run that was killed has left of an object is written anew with the object.
        let keys: HashSet<String> = objects.iter().map(|object| object.meta.location.to_string()).collect();
        objects.retain(|object| {
            object.meta.location.as_ref().strip_suffix(LEFT).is_none_or(|whole| !keys.contains(whole))
        });
        for (source, odd) in odd {
            tally.add(source, odd.reason, 0, 0);
        }
        how.progress.find(objects.len());
        for together in together(objects) {
            let outcomes: Vec<(Source, Outcome)> = stream::iter(together)
                .map(|object| async move {
                    let outcome = self.redrive_object(&object, how).await?;
                    how.progress.end(1, outcome.events());
                    Ok::<_, LakeError>((object.source, outcome))
                })
                .buffered(OBJECTS_AT_ONCE)
                .try_collect()
                .await?;
            for (source, outcome) in outcomes {
                match outcome {
                    Outcome::Delivered(parsed) => {
                        if parsed.rest.is_some() {
                            tally.add(source, parsed.rest_reason, 0, 0);
                        }
                        tally.add(source, String::new(), parsed.events, parsed.records);
                    }
                    Outcome::Left(reason) => tally.add(source, reason, 0, 0),
                    Outcome::Gone => {}
                }
            }
        }
        Ok(tally.into())
    }

    /// Reads, delivers and moves an object. Every step may be the last one of a run that is killed, and another run may be at
    /// the same step: reading and delivering again writes the same files, and an object that is gone has been delivered.
    async fn redrive_object(&self, object: &Left, how: &Redrive<'_>) -> Result<Outcome, LakeError> {
        if object.meta.size > OBJECT_BYTES_MAX {
            return Ok(Outcome::Left(format!("larger than {} MiB", OBJECT_BYTES_MAX >> 20)));
        }
        let store = self.store(object.is_at_root);
        let bytes = match store.read(&object.meta.location).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(Outcome::Gone),
            // It is the object that is shut, and the others are not.
            Err(error) if store.serving() == Serving::Primary => return Ok(Outcome::Left(store.reason(&error))),
            Err(error) => return Err(store.explain("read", error)),
        };
        let mut batch = Batch::new(how.scratch)?;
        let mut append = |record: &Record<'_>| batch.append(&self.region, record);
        let parsed = match object.source {
            Source::Failed => parse_failed(&bytes, self, how, &mut append)?,
            Source::Errors => parse_errors(&bytes, self, how, &mut append)?,
        };
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(reason) => return Ok(Outcome::Left(reason)),
        };
        let id = id_of(&object.meta.location, &bytes);
        batch.deliver(&self.lake, &format!("{FILE_PREFIX}{id}")).await?;
        self.put_away(object, parsed.rest.as_deref(), &id).await?;
        Ok(Outcome::Delivered(parsed))
    }

    /// Moves an object to where what was delivered goes. What could not be read of it stays, where `failed` finds it, in an
    /// object of its own.
    async fn put_away(&self, object: &Left, rest: Option<&[u8]>, id: &str) -> Result<(), LakeError> {
        let store = self.store(object.is_at_root);
        let from = &object.meta.location;
        let written = |error| store.explain("write to", error);
        if let Some(rest) = rest {
            let name = from.as_ref().trim_end_matches(LEFT);
            let left = path_of(&format!("{name}{LEFT}"));
            let kept = if left == *from { path_of(&format!("{name}.{id}{LEFT}")) } else { left };
            store.write(&kept, Bytes::copy_from_slice(rest)).await.map_err(written)?;
        }
        match store.rename(from, &path_of(&format!("{REDRIVEN}/{from}"))).await {
            // Another run has moved it a moment ago.
            Err(StoreError::NotFound { .. }) => Ok(()),
            moved => moved.map_err(written),
        }
    }
}

/// What came of an object.
enum Outcome {
    Delivered(Parsed),
    /// It stays, because of this.
    Left(String),
    /// Another run has delivered it.
    Gone,
}

impl Outcome {
    fn events(&self) -> u64 {
        match self {
            Outcome::Delivered(parsed) => parsed.events,
            Outcome::Left(_) | Outcome::Gone => 0,
        }
    }
}

/// The folders that hold something.
fn folders_of(objects: &[ObjectMeta]) -> HashSet<String> {
    let mut folders = HashSet::new();
    for object in objects {
        let key = object.location.as_ref();
        folders.extend(key.match_indices('/').map(|(end, _)| key.get(..end).unwrap_or_default().to_owned()));
    }
    folders
}

/// A key as the store has named it: it is not to be encoded a second time.
fn path_of(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|_| Path::from(key))
}

fn root_of(bucket: &Bucket) -> Result<Place, LakeError> {
    let spec = format!("s3://{}", bucket.name());
    let failure = |reason| LakeError::Spec { spec: "a bucket's root".to_owned(), reason };
    let place = Place::parse(&spec).map_err(failure)?;
    match bucket.endpoint() {
        Some(endpoint) => place.with_endpoint(endpoint).map_err(failure),
        None => Ok(place),
    }
}

/// Objects that are under way at the same time: neighbours, up to the limits.
fn together(left: Vec<Left>) -> Vec<Vec<Left>> {
    let mut groups: Vec<Vec<Left>> = Vec::new();
    let mut bytes = 0;
    for object in left {
        let size = object.meta.size;
        match groups.last_mut() {
            Some(group) if group.len() < OBJECTS_AT_ONCE && bytes + size <= BYTES_AT_ONCE => {
                bytes += size;
                group.push(object);
            }
            _ => {
                bytes = size;
                groups.push(vec![object]);
            }
        }
    }
    groups
}

/// The same object always has the same name, whoever looks at it: entity tags of a directory are its own machine's.
fn id_of(path: &Path, bytes: &[u8]) -> String {
    let mut hasher = XxHash3_128::with_seed(0);
    hasher.write(path.as_ref().as_bytes());
    hasher.write(&[0]);
    hasher.write(bytes);
    format!("{:032x}", hasher.finish_128())
}

#[derive(Default)]
struct Tally {
    rows: BTreeMap<(Source, String), RedriveRow>,
}

impl Tally {
    fn add(&mut self, source: Source, reason: String, events: u64, records: u64) {
        let row = self.rows.entry((source, reason.clone())).or_insert_with(|| RedriveRow {
            source,
            reason,
            objects: 0,
            events: 0,
            records: 0,
        });
        row.objects += 1;
        row.events += events;
        row.records += records;
    }
}

impl From<Tally> for Redriven {
    fn from(tally: Tally) -> Redriven {
        Redriven { rows: tally.rows.into_values().collect() }
    }
}

#[cfg(test)]
mod tests;
