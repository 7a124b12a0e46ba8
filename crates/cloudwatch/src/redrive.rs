//! What the pipeline could not deliver, into the lake after all: the events that Lambda kept because the forwarder failed, and
//! the records that Firehose could not convert. They go through the normaliser again, lie under the hour in which they were
//! observed, and their objects are moved to `redriven/` only after that.
//!
//! It refuses to deliver anything twice: what goes together is written down first, under a name made of its content, so that a
//! run that was killed is taken up where it ended and writes the same files again. It refuses, too, to move what it could not
//! read: that stays, with its reason.

mod parse;

use std::collections::{BTreeMap, HashSet};
use std::path::Path as Folder;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta};
use serde::{Deserialize, Serialize};
use transect_lake::{Batch, Bucket, LakeError, Place, RegionLocation, RegionStore};
use transect_normalize::Normalizer;
use twox_hash::XxHash3_128;

use crate::Names;
use parse::{Parsed, cause_of_errors, cause_of_failed, parse_errors, parse_failed};

/// Folders of a region's place.
const FAILED: &str = "failed";
const ERRORS: &str = "errors";
const REDRIVEN: &str = "redriven";
/// Below `redriven/`: what goes together and is under way.
const BATCHES: &str = "redriven/batches";

/// Objects that go together, at most, and their bytes. An event that Lambda kept has up to 1 MB, a file of Firehose's up to 128.
const BATCH_OBJECTS_MAX: usize = 500;
const BATCH_BYTES_MAX: u64 = 64 << 20;
/// A larger object is no file of Lambda's or Firehose's.
const OBJECT_BYTES_MAX: u64 = 512 << 20;
/// Objects that are read at the same time.
const READS_AT_ONCE: usize = 8;
/// Objects that are moved at the same time: each takes two requests, one after the other.
const MOVES_AT_ONCE: usize = 16;
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
    /// When the first and the last was written, in nanoseconds since 1970.
    pub oldest_unix_nano: i64,
    /// See above.
    pub newest_unix_nano: i64,
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
}

/// What goes together, written down before anything of it is delivered.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    id: String,
    objects: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    #[serde(default)]
    is_at_root: bool,
    source: String,
}

impl Entry {
    fn source(&self) -> Source {
        if self.source == Source::Errors.name() { Source::Errors } else { Source::Failed }
    }
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
    pub async fn left(&self, sources: &[Source]) -> Result<Vec<Left>, LakeError> {
        let mut left = Vec::new();
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
                let listed = store.list_all(&folder, None).await.map(|listed| listed.objects);
                let mut objects = listed.map_err(|error| store.explain("list", error))?;
                objects.sort_by(|one, other| one.location.cmp(&other.location));
                let folders = folders_of(&objects);
                // The console of S3 marks folders by empty objects, whose names end where the folder's does.
                objects.retain(|object| {
                    object.size > 0 || (object.location != folder && !folders.contains(object.location.as_ref()))
                });
                left.extend(objects.into_iter().map(|meta| Left { source: *source, is_at_root, meta }));
            }
        }
        Ok(left)
    }

    /// What was left, by cause.
    ///
    /// # Errors
    /// The region's place does not answer.
    pub async fn failed(&self, sources: &[Source]) -> Result<Vec<FailedRow>, LakeError> {
        let mut left = self.left(sources).await?;
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
                    Err(error) => Err(store.explain("read", error)),
                }
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut rows: BTreeMap<(Source, String), FailedRow> = BTreeMap::new();
        for (object, cause, events) in causes {
            let unix_nano = object.meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
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
            row.oldest_unix_nano = row.oldest_unix_nano.min(unix_nano);
            row.newest_unix_nano = row.newest_unix_nano.max(unix_nano);
        }
        Ok(rows.into_values().collect())
    }

    /// Delivers what was left, and moves it to `redriven/`. What an earlier run has begun is ended first.
    ///
    /// # Errors
    /// The region's place does not answer, or this machine has no room: what was delivered until then stays delivered, and the
    /// next run goes on from there.
    pub async fn redrive(&self, how: &Redrive<'_>) -> Result<Redriven, LakeError> {
        let mut tally = Tally::default();
        for manifest in self.begun().await? {
            // What of it cannot be read is still where it was, and counted below.
            let mut done = Tally::default();
            self.finish(&manifest, how, &mut done).await?;
            done.rows.retain(|(_, reason), _| reason.is_empty());
            tally.add_all(done);
        }
        for objects in batches(self.left(how.sources).await?) {
            let entries: Vec<Entry> = objects
                .iter()
                .map(|object| Entry {
                    path: object.meta.location.to_string(),
                    is_at_root: object.is_at_root,
                    source: object.source.name().to_owned(),
                })
                .collect();
            let manifest = Manifest { id: id_of(&objects), objects: entries };
            self.finish(&manifest, how, &mut tally).await?;
        }
        Ok(tally.into())
    }

    /// What earlier runs have begun and not ended.
    async fn begun(&self) -> Result<Vec<Manifest>, LakeError> {
        let store = &self.lake;
        let listed =
            store.list_all(&self.batches_folder(), None).await.map_err(|error| store.explain("list", error))?;
        let mut manifests = Vec::new();
        for object in listed.objects {
            let bytes = store.read(&object.location).await.map_err(|error| store.explain("read", error))?;
            match serde_json::from_slice(&bytes) {
                Ok(manifest) => manifests.push(manifest),
                // Whatever this is, it names no objects; they are where they were.
                Err(_) => store.remove(&object.location).await.map_err(|error| store.explain("write to", error))?,
            }
        }
        Ok(manifests)
    }

    fn batches_folder(&self) -> Path {
        Path::from(format!("{BATCHES}/region={}", self.region))
    }

    /// Reads, delivers and moves what goes together. Every step may be the last one of a run that is killed: reading and
    /// delivering again changes nothing, and what was moved is read from where it went.
    async fn finish(&self, manifest: &Manifest, how: &Redrive<'_>, tally: &mut Tally) -> Result<(), LakeError> {
        let read: Vec<(usize, Found)> = stream::iter(manifest.objects.iter().enumerate())
            .map(|(index, entry)| async move { Ok((index, self.find(entry).await?)) })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut batch = Batch::new(how.scratch)?;
        let mut good: Vec<(&Entry, bool, Parsed)> = Vec::new();
        for (index, found) in read {
            let Some(entry) = manifest.objects.get(index) else { continue };
            let (bytes, is_moved) = match found {
                Found::Here(bytes) => (bytes, false),
                Found::Moved(bytes) => (bytes, true),
                Found::Gone => continue,
            };
            let parsed = match entry.source() {
                Source::Failed => {
                    parse_failed(&bytes, &self.region, how, &mut |record| batch.append(&self.region, record))?
                }
                Source::Errors => {
                    parse_errors(&bytes, &self.region, how, &mut |record| batch.append(&self.region, record))?
                }
            };
            match parsed {
                Ok(parsed) => good.push((entry, is_moved, parsed)),
                Err(reason) => tally.add(entry.source(), reason, 0, 0),
            }
        }
        let note = self.batches_folder().join(format!("{}.json", manifest.id));
        let store = &self.lake;
        let written = |error| store.explain("write to", error);
        if good.is_empty() {
            return store.remove(&note).await.map_err(written);
        }
        // The intention first.
        let text = serde_json::to_vec(manifest).unwrap_or_default();
        store.write(&note, text.into()).await.map_err(written)?;
        batch.deliver(store, &format!("redrive-{}", manifest.id)).await?;
        let id = manifest.id.as_str();
        let moved: Vec<(&Entry, Parsed)> = stream::iter(good)
            .map(|(entry, is_moved, parsed)| async move {
                if !is_moved {
                    self.put_away(entry, parsed.rest.as_deref(), id).await?;
                }
                Ok::<_, LakeError>((entry, parsed))
            })
            .buffer_unordered(MOVES_AT_ONCE)
            .try_collect()
            .await?;
        for (entry, parsed) in moved {
            if parsed.rest.is_some() {
                tally.add(entry.source(), parsed.rest_reason, 0, 0);
            }
            tally.add(entry.source(), String::new(), parsed.events, parsed.records);
        }
        store.remove(&note).await.map_err(written)
    }

    /// Moves an object to where what was delivered goes. What could not be read of it stays, where `failed` finds it, in an
    /// object of its own.
    async fn put_away(&self, entry: &Entry, rest: Option<&[u8]>, id: &str) -> Result<(), LakeError> {
        let store = self.store(entry.is_at_root);
        let from = path_of(&entry.path);
        let written = |error| store.explain("write to", error);
        if let Some(rest) = rest {
            let name = entry.path.trim_end_matches(".left");
            let left = path_of(&format!("{name}.left"));
            let kept = if left == from { path_of(&format!("{name}.{id}.left")) } else { left };
            store.write(&kept, Bytes::copy_from_slice(rest)).await.map_err(written)?;
        }
        let to = path_of(&format!("{REDRIVEN}/{}", entry.path));
        store.rename(&from, &to).await.map_err(written)
    }

    async fn find(&self, entry: &Entry) -> Result<Found, LakeError> {
        let store = self.store(entry.is_at_root);
        match store.read(&path_of(&entry.path)).await {
            Ok(bytes) => return Ok(Found::Here(bytes)),
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(store.explain("read", error)),
        }
        match store.read(&path_of(&format!("{REDRIVEN}/{}", entry.path))).await {
            Ok(bytes) => Ok(Found::Moved(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(Found::Gone),
            Err(error) => Err(store.explain("read", error)),
        }
    }
}

/// Where an object was found.
enum Found {
    Here(Bytes),
    Moved(Bytes),
    Gone,
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

/// Objects that go together: neighbours, up to the limits.
fn batches(left: Vec<Left>) -> Vec<Vec<Left>> {
    let mut batches: Vec<Vec<Left>> = Vec::new();
    let mut bytes = 0;
    for object in left {
        let size = object.meta.size;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_OBJECTS_MAX && bytes + size <= BATCH_BYTES_MAX => {
                bytes += size;
                batch.push(object);
            }
            _ => {
                bytes = size;
                batches.push(vec![object]);
            }
        }
    }
    batches
}

/// The same objects always have the same name.
fn id_of(objects: &[Left]) -> String {
    let mut hasher = XxHash3_128::with_seed(0);
    for object in objects {
        hasher.write(object.meta.location.as_ref().as_bytes());
        hasher.write(&[0]);
        hasher.write(&object.meta.size.to_le_bytes());
        hasher.write(object.meta.e_tag.as_deref().unwrap_or_default().as_bytes());
    }
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

    fn add_all(&mut self, other: Tally) {
        for (key, more) in other.rows {
            match self.rows.get_mut(&key) {
                Some(row) => {
                    row.objects += more.objects;
                    row.events += more.events;
                    row.records += more.records;
                }
                None => {
                    self.rows.insert(key, more);
                }
            }
        }
    }
}

impl From<Tally> for Redriven {
    fn from(tally: Tally) -> Redriven {
        Redriven { rows: tally.rows.into_values().collect() }
    }
}

#[cfg(test)]
mod tests;
