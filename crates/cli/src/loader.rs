//! Payload files into a lake: read, decode, normalise, write, on every core, in bounded memory.
//!
//! It refuses to print, to load half a file, and to load again what the lake already holds from the same payload. In directories
//! all of a run becomes visible or nothing; in buckets one file after the other does, under names that the same payloads have
//! again, so that a run that was broken off is completed by the next.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use transect_lake::{
    Access, Batch, HourUtc, Lake, LakeError, LakeWriter, Partition, Published, RegionLocation, RegionStore, SourceId,
    WriterOptions, source_events, source_events_in_bucket,
};
use transect_normalize::{DecodeError, Document, Normalizer, Origin, Payload, decode_within};
use transect_schema::Record;
use twox_hash::XxHash3_128;

use crate::aws;
use crate::config::Configured;
use crate::exports::{self, Export, Named};
use crate::failure::Failure;
use crate::inputs;

/// Bytes of one input file, as it lies there and as it decodes. It is held in memory, so that a fault at its end leaves
/// none of it in the lake.
pub const INPUT_BYTES_MAX: usize = 256 << 20;

/// Memory for rows that are not written yet, over all threads.
const WRITER_BYTES_MAX: usize = 96 << 20;

/// How often it is looked whether the run is to end, while an input keeps it waiting.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to load and how.
pub struct Load<'l> {
    pub lake: &'l Lake,
    /// How to reach its buckets, if it has any.
    pub buckets: Option<&'l Buckets>,
    pub files: &'l [PathBuf],
    /// What saved events do not say of themselves.
    pub named: Named<'l>,
    /// The region of every file; else the path or the payload tells.
    pub region: Option<&'l str>,
    pub force: bool,
    pub normalizer: &'l Normalizer,
    pub row_group_rows: Option<usize>,
    pub now_unix_nano: i64,
    pub threads: usize,
    /// Set by Ctrl-C: nothing more is loaded then, and nothing of this run becomes visible.
    pub interrupted: &'l AtomicBool,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Input files that were read.
    pub files: u64,
    /// Log events in them.
    pub events: u64,
    /// Of these, how many the lake already held.
    pub already_present: u64,
    /// Records written.
    pub records: u64,
    /// Log events that a forwarder wrote about its own work, which are left out.
    pub own: u64,
    /// Secrets replaced.
    pub redacted: u64,
    /// Parquet files written, and their bytes.
    pub files_written: u64,
    pub bytes_written: u64,
    /// Files that were left out, in the order given.
    pub rejected: Vec<(PathBuf, Reject)>,
}

/// Why a file was left out.
#[derive(Debug)]
pub enum Reject {
    Read(std::io::Error),
    NoFile,
    EmptyFolder,
    TooLarge,
    Decode(DecodeError),
    Saved(exports::Fault),
    NoRegion,
    Region(LakeError),
}

/// What ends the loading of a file.
enum Stop {
    /// Its own fault: it is left out.
    File(Reject),
    /// The lake's: nothing more is loaded.
    Run(LakeError),
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Stop {
        Stop::File(reject)
    }
}

impl From<exports::Fault> for Stop {
    fn from(fault: exports::Fault) -> Stop {
        Stop::File(Reject::Saved(fault))
    }
}

impl From<LakeError> for Stop {
    fn from(error: LakeError) -> Stop {
        Stop::Run(error)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::Read(error) => write!(f, "{error}"),
            Reject::NoFile => write!(f, "neither a file nor a folder"),
            Reject::EmptyFolder => write!(f, "holds no file"),
            Reject::Saved(fault) => write!(f, "{fault}"),
            Reject::TooLarge => write!(f, "larger than {} MiB; split it", INPUT_BYTES_MAX >> 20),
            Reject::Decode(error) => write!(f, "{error}"),
            Reject::NoRegion => write!(f, "neither path nor payload tells the region; name it with --region"),
            Reject::Region(error) => write!(f, "{error}"),
        }
    }
}

/// Loads every file; `None` if it was interrupted. `progress` is told of each file that is done and its size, from any thread.
///
/// # Errors
/// A [`LakeError`] if the lake cannot be read or written; then nothing of this run is visible.
pub fn load(load: &Load<'_>, progress: &(dyn Fn(u64) + Sync)) -> Result<Option<Loaded>, LakeError> {
    // The names of files in buckets are made of what stands together in them, which is not to depend on who was faster.
    let threads_max = if load.buckets.is_some() { 1 } else { load.threads };
    let threads = threads_max.clamp(1, load.files.len().max(1));
    let shared = Shared {
        load,
        next: AtomicUsize::new(0),
        hours: Mutex::default(),
        memory_bytes_max: WRITER_BYTES_MAX / threads,
    };
    let finished: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| shared.work(progress))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut loaded = Loaded::default();
    let mut rejected = Vec::new();
    let (mut writers, mut batches) = (Vec::new(), Vec::new());
    for worker in finished {
        let worker = worker?;
        if load.interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        loaded.files += worker.loaded.files;
        loaded.events += worker.loaded.events;
        loaded.already_present += worker.loaded.already_present;
        loaded.records += worker.loaded.records;
        loaded.own += worker.loaded.own;
        loaded.redacted += worker.loaded.redacted;
        rejected.extend(worker.rejected);
        writers.push(worker.writer);
        batches.extend(worker.batch);
    }
    // Only when every thread has come through, and all of it has found room, does anything become visible.
    writers.iter_mut().try_for_each(LakeWriter::finish_all)?;
    if load.interrupted.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let mut published = vec![LakeWriter::publish_all(writers)?];
    for batch in batches {
        published.extend(load.buckets.map(|buckets| buckets.deliver(load.lake, batch)).transpose()?);
    }
    for published in published {
        loaded.files_written += published.files;
        loaded.bytes_written += published.bytes;
    }
    rejected.sort_by_key(|(index, _)| *index);
    loaded.rejected = rejected.into_iter().map(|(index, reject)| (load.files[index].clone(), reject)).collect();
    Ok(Some(loaded))
}

/// The buckets of a lake, and the threads that talk to them.
pub struct Buckets {
    runtime: tokio::runtime::Runtime,
    access: Access,
    stores: Mutex<HashMap<String, Arc<RegionStore>>>,
}

impl Buckets {
    /// None where the lake has no bucket: then nobody looks for credentials.
    pub fn of(configured: &Configured) -> Result<Option<Buckets>, Failure> {
        if !configured.lake.has_buckets() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("start threads").map_err(Failure::incomplete)?;
        let access = runtime.block_on(aws::access(&configured.lake, configured.region_timeout));
        Ok(Some(Buckets { runtime, access, stores: Mutex::default() }))
    }

    /// The region's own place: nothing is written to a replica, nor looked up there.
    fn store(&self, lake: &Lake, region: &str) -> Result<Arc<RegionStore>, LakeError> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(region) {
            return Ok(Arc::clone(store));
        }
        let place = lake.location_of(region)?.place().clone();
        let location = RegionLocation::new(Some(region.to_owned()), place, None)?;
        let store = Arc::new(RegionStore::new(location, self.access.clone()));
        stores.insert(region.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    fn sources(&self, lake: &Lake, partition: &Partition) -> Result<HashMap<SourceId, u64>, LakeError> {
        let store = self.store(lake, partition.region())?;
        self.runtime.block_on(source_events_in_bucket(&store, partition))
    }

    fn deliver(&self, lake: &Lake, batch: Batch) -> Result<Published, LakeError> {
        self.runtime.block_on(batch.deliver_by_source(|region| self.store(lake, region)))
    }
}

/// What the lake held of an hour before this run.
type HourSources = Arc<HashMap<SourceId, u64>>;

struct Shared<'l> {
    load: &'l Load<'l>,
    next: AtomicUsize,
    hours: Mutex<HashMap<Partition, HourSources>>,
    memory_bytes_max: usize,
}

struct Worker {
    loaded: Loaded,
    rejected: Vec<(usize, Reject)>,
    writer: LakeWriter,
    /// What goes to buckets.
    batch: Option<Batch>,
}

impl Worker {
    fn note_source(&mut self, hour: &Hour, source: SourceId) {
        match &mut self.batch {
            Some(batch) if hour.is_in_bucket => batch.note_source(&hour.partition, source, hour.events),
            _ => self.writer.note_source(&hour.partition, source, hour.events),
        }
    }

    fn append(&mut self, hour: &Hour, record: &Record<'_>) -> Result<(), LakeError> {
        match &mut self.batch {
            Some(batch) if hour.is_in_bucket => batch.append_to(&hour.partition, record),
            _ => self.writer.append(&hour.partition, record),
        }
    }
}

/// An hour of a document: its partition and where it lies, how many of the document's events lie in it, whether the lake has
/// them.
struct Hour {
    partition: Partition,
    is_in_bucket: bool,
    events: u64,
    is_present: bool,
}

impl Shared<'_> {
    fn work(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Worker, LakeError> {
        let mut options = WriterOptions { memory_bytes_max: self.memory_bytes_max, ..WriterOptions::default() };
        if let Some(rows) = self.load.row_group_rows {
            options.row_group_rows = rows;
        }
        let batch = self.load.buckets.map(|_| Batch::with(&std::env::temp_dir(), options.clone())).transpose()?;
        let writer = LakeWriter::new(self.load.lake, options)?;
        let mut worker = Worker { loaded: Loaded::default(), rejected: Vec::new(), writer, batch };
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.load.files.get(index) else { return Ok(worker) };
            if self.load.interrupted.load(Ordering::Relaxed) {
                return Ok(worker);
            }
            let bytes = match read(path, self.load.interrupted) {
                Ok(bytes) => bytes,
                Err(reject) => {
                    worker.rejected.push((index, reject));
                    progress(0);
                    continue;
                }
            };
            match self.file(path, &bytes, &mut worker) {
                Ok(()) => worker.loaded.files += 1,
                Err(Stop::File(reject)) => worker.rejected.push((index, reject)),
                Err(Stop::Run(error)) => return Err(error),
            }
            progress(bytes.len() as u64);
        }
    }

    /// Loads one file. Its own faults come before anything of it is written.
    fn file(&self, path: &Path, bytes: &[u8], worker: &mut Worker) -> Result<(), Stop> {
        let path_region = self.load.region.map(str::to_owned).or_else(|| region_of(path));
        let payload = match decode(bytes, path, self.load.named)? {
            Input::Payload(payload) => payload,
            Input::Saved(export) => return self.saved(&export, path_region, worker),
        };
        let mut documents = Vec::with_capacity(payload.documents().len());
        for document in payload.documents() {
            if document.event_count() == 0 {
                continue;
            }
            let region = self.region(path_region.clone().or_else(|| document.extracted_region()))?;
            documents.push((document, region));
        }
        for (document, region) in documents {
            self.document(document, &region, worker)?;
        }
        Ok(())
    }

    /// The same of what was saved otherwise, some of it at a time.
    fn saved(&self, export: &Export<'_>, region: Option<String>, worker: &mut Worker) -> Result<(), Stop> {
        let checked = export.check().map_err(Reject::Saved)?;
        if checked.events == 0 {
            return Ok(());
        }
        let region = self.region(region)?;
        let mut load = |payload: &Payload| {
            let mut documents = payload.documents();
            documents.try_for_each(|document| self.document(document, &region, worker).map_err(Stop::Run))
        };
        export.each(&checked, &mut load)
    }

    /// A region that the lake has a place for.
    fn region(&self, region: Option<String>) -> Result<String, Reject> {
        let region = region.ok_or(Reject::NoRegion)?;
        Partition::new(region.as_str(), HourUtc::from_unix_nano(0))
            .and_then(|_| self.load.lake.location_of(&region))
            .map_err(Reject::Region)?;
        Ok(region)
    }

    fn document(&self, document: Document<'_>, region: &str, worker: &mut Worker) -> Result<(), LakeError> {
        let source = source_id(document, region);
        let is_in_bucket = self.load.lake.location_of(region)?.place().directory().is_none();
        let mut hours: Vec<Hour> = Vec::new();
        for (_, timestamp_ms) in document.event_keys() {
            let hour = HourUtc::from_unix_nano(self.observed_nano(timestamp_ms));
            match hours.iter_mut().find(|known| known.partition.hour() == hour) {
                Some(known) => known.events += 1,
                None => {
                    let partition = Partition::new(region, hour)?;
                    hours.push(Hour { partition, is_in_bucket, events: 1, is_present: false });
                }
            }
        }
        for hour in &mut hours {
            hour.is_present = !self.load.force && self.sources(hour)?.contains_key(&source);
            worker.loaded.events += hour.events;
            if hour.is_present {
                worker.loaded.already_present += hour.events;
            } else {
                worker.note_source(hour, source);
            }
        }
        if hours.iter().all(|hour| hour.is_present) {
            return Ok(());
        }
        let origin = Origin { region, account: None, now_unix_nano: self.load.now_unix_nano };
        let (mut outcome, mut records) = (Ok(()), 0);
        let (stats, own) = self.load.normalizer.normalize_others(document, &origin, &mut |record| {
            let hour = HourUtc::from_unix_nano(record.observed_time_unix_nano);
            if let Some(known) = hours.iter().find(|known| known.partition.hour() == hour)
                && !known.is_present
                && outcome.is_ok()
            {
                outcome = worker.append(known, record);
                records += 1;
            }
        });
        worker.loaded.records += records;
        worker.loaded.own += own;
        worker.loaded.redacted += stats.redacted;
        outcome
    }

    fn observed_nano(&self, timestamp_ms: Option<i64>) -> i64 {
        timestamp_ms.map_or(self.load.now_unix_nano, |ms| ms.saturating_mul(1_000_000))
    }

    /// The payloads that the lake held of an hour when this run first looked.
    fn sources(&self, hour: &Hour) -> Result<HourSources, LakeError> {
        let partition = &hour.partition;
        let mut hours = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sources) = hours.get(partition) {
            return Ok(Arc::clone(sources));
        }
        let sources = Arc::new(match self.load.buckets {
            Some(buckets) if hour.is_in_bucket => buckets.sources(self.load.lake, partition)?,
            _ => source_events(self.load.lake, partition)?,
        });
        hours.insert(partition.clone(), Arc::clone(&sources));
        Ok(sources)
    }
}

/// Recognises a batch in whatever wrapping it comes: stream, event ids and times are the same on every delivery.
fn source_id(document: Document<'_>, region: &str) -> SourceId {
    let mut hasher = XxHash3_128::with_seed(0);
    for text in [region, document.owner(), document.log_group(), document.log_stream()] {
        hasher.write(text.as_bytes());
        hasher.write(&[0]);
    }
    for (id, timestamp_ms) in document.event_keys() {
        hasher.write(id.as_bytes());
        hasher.write(&timestamp_ms.unwrap_or(i64::MIN).to_le_bytes());
    }
    hasher.finish_128().to_be_bytes()
}

/// What a file may hold.
enum Input<'i> {
    Payload(Payload),
    Saved(Export<'i>),
}

/// What a subscription has sent, or what was saved of its events otherwise.
fn decode<'i>(bytes: &'i [u8], path: &Path, named: Named<'i>) -> Result<Input<'i>, Reject> {
    use DecodeError::{Field, NotCloudWatch, NotJson};

    match decode_within(bytes, INPUT_BYTES_MAX) {
        Err(error @ (NotJson { .. } | NotCloudWatch { .. } | Field { .. })) => {
            Export::of(bytes, path, named, INPUT_BYTES_MAX).map(Input::Saved).ok_or(Reject::Decode(error))
        }
        decoded => decoded.map(Input::Payload).map_err(Reject::Decode),
    }
}

/// The bytes of an input. A pipe may keep whoever reads it waiting for ever, but not beyond the signal that ends the run.
fn read(path: &Path, interrupted: &AtomicBool) -> Result<Vec<u8>, Reject> {
    let bounded = |path: &Path| match inputs::read(path, INPUT_BYTES_MAX as u64) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Reject::TooLarge),
        Err(error) => Err(Reject::Read(error)),
    };
    let may_wait = path == Path::new("-") || std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if !may_wait {
        return bounded(path);
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let input = path.to_owned();
    // If it is still reading at the end, it ends with the program.
    std::thread::spawn(move || sender.send(bounded(&input)));
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(read) => return read,
            Err(RecvTimeoutError::Timeout) if !interrupted.load(Ordering::Relaxed) => {}
            Err(_) => return Err(Reject::Read(std::io::ErrorKind::Interrupted.into())),
        }
    }
}

/// The region that a folder of the path names: `us-east-2`, `us-gov-west-1` or `region=us-east-2`, the innermost first.
fn region_of(path: &Path) -> Option<String> {
    let folders = path.parent()?.components().rev();
    folders
        .filter_map(|folder| folder.as_os_str().to_str())
        .map(|name| name.strip_prefix("region=").unwrap_or(name))
        .find(|name| is_region(name))
        .map(str::to_owned)
}

/// Two letters, a partition's word where there is one, a direction, a digit: what all of AWS's regions are called.
fn is_region(name: &str) -> bool {
    const DIRECTIONS: [&str; 9] =
        ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];
    let is_letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match name.split('-').collect::<Vec<_>>()[..] {
        [area, ref partition @ .., direction, number] => {
            area.len() == 2
                && is_letters(area)
                && partition.len() <= 1
                && partition.iter().all(|part| is_letters(part))
                && DIRECTIONS.contains(&direction)
                && matches!(number.as_bytes(), [b'0'..=b'9'])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_region_by_a_folder() {
        for (path, region) in [
            ("payloads/us-east-2/a.json", Some("us-east-2")),
            ("lake/region=eu-west-2/x/a.json", Some("eu-west-2")),
            ("us-east-2/us-gov-west-1/a.json", Some("us-gov-west-1")),
            ("us-east-2.json", None),
            ("my-app-1/a.json", None),
            ("a-b-c-d-1/x", None),
            ("-", None),
        ] {
            assert_eq!(region_of(Path::new(path)).as_deref(), region, "{path}");
        }
    }
}
