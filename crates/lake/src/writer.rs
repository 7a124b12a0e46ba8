//! Writes rows into the hours of a lake. A file becomes visible whole or not at all; until [`LakeWriter::publish`]
//! there are only hidden temporary files, and dropping the writer removes them. Memory and open files are bounded. It
//! refuses to overwrite: a name that is taken is left alone and another one chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use tempfile::TempPath;
use transect_schema::{Record, SCHEMA_VERSION};
use twox_hash::XxHash3_64;

use crate::columns::{Rows, write_schema};
use crate::living::{Living, TEMPORARY_SUFFIX};
use crate::properties::writer_properties;
use crate::sources::{INGEST_PREFIX, SCHEMA_VERSION_KEY, SOURCES_KEY, SourceId, WRITER_KEY, render_sources};
use crate::{LANDING, Lake, LakeError, Partition, Result, create_private};

/// Rows handed to the encoder at once: enough that the cost of a call does not matter, few enough to stay in cache.
const BATCH_ROWS: usize = 4096;
/// Text handed to the encoder at once, at most about: a batch of megabyte log lines stays far below Arrow's 2 GiB.
const BATCH_BYTES: usize = 8 << 20;

/// What a flushed row leaves in memory until its file is finished: its share of three bloom filters, which stand at
/// the end of the file and take up to 2.4 bytes a value, and of the page index.
const FOOTER_BYTES_PER_ROW: usize = 8;
/// What a flushed row group leaves in memory besides: metadata of every column chunk.
const FOOTER_BYTES_PER_ROW_GROUP: usize = 32 << 10;

/// Names tried until one is free. Two hours never share a folder, so a name is taken only if the same payload was
/// loaded before.
const NAMES_TRIED_MAX: u64 = 1000;

/// Limits and measures of a [`LakeWriter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Rows of a row group: what a look-up by id reads at least, and what each bloom filter and statistic stands for.
    pub row_group_rows: usize,
    /// Bytes of rows and encoded pages held in memory, over all hours. Beyond it the largest row group is written early.
    pub memory_bytes_max: usize,
    /// Files open at once; beyond it the one unused for longest is finished. The usual limit of a process is 1024.
    pub open_files_max: usize,
    /// A file that has grown beyond this is finished and another one begun, which keeps footers small.
    pub file_bytes_max: usize,
    /// zstd level, 1 to 22.
    pub zstd_level: i32,
    /// Whether the last file of an hour names the sources of all of them, and the others none: where files become visible one
    /// after the other, none may say that a payload is there before all of it is.
    pub sources_last: bool,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions {
            row_group_rows: 128 << 10,
            memory_bytes_max: 192 << 20,
            open_files_max: 128,
            file_bytes_max: 256 << 20,
            zstd_level: 3,
            sources_last: false,
        }
    }
}

/// What [`LakeWriter::publish`] made visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Parquet files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their size.
    pub bytes: u64,
}

/// Writes rows into the hours of a lake. One thread uses it; several writers may write the same lake at once.
pub struct LakeWriter {
    lake: Lake,
    options: WriterOptions,
    properties: WriterProperties,
    schema: SchemaRef,
    hours: BTreeMap<Partition, Hour>,
    finished: Vec<FinishedFile>,
    memory_bytes: usize,
    open_files: usize,
    appended: u64,
    /// By root. Last, so that they are held until no temporary file is left.
    living: BTreeMap<PathBuf, Option<Living>>,
}

/// What is under way for one hour of one region.
struct Hour {
    rows: Rows,
    file: Option<OpenFile>,
    /// Noted, but in no finished file yet.
    sources: BTreeMap<SourceId, u64>,
    /// Memory of the open file; that of the rows comes on top.
    file_bytes: usize,
    /// Number of the last append, to find the hour unused for longest.
    used: u64,
}

impl Hour {
    fn memory_bytes(&self) -> usize {
        self.rows.bytes() + self.file_bytes
    }
}

struct OpenFile {
    // Before `path`, so that the file is closed before it is removed.
    writer: ArrowWriter<File>,
    path: TempPath,
    rows: u64,
}

impl OpenFile {
    fn footer_bytes(&self) -> usize {
        let flushed_rows = self.rows as usize - self.writer.in_progress_rows();
        flushed_rows * FOOTER_BYTES_PER_ROW + self.writer.flushed_row_groups().len() * FOOTER_BYTES_PER_ROW_GROUP
    }
}

/// A file that is whole, still under its temporary name.
pub(crate) struct FinishedFile {
    pub(crate) partition: Partition,
    directory: PathBuf,
    pub(crate) path: TempPath,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sources: String,
}

impl LakeWriter {
    /// A writer into `lake`. What dead ones have left there goes, whether this one will have something to write or not.
    /// Directories are created when a row needs them.
    pub fn new(lake: &Lake, options: WriterOptions) -> Result<LakeWriter> {
        let directories = lake.locations().iter().filter_map(|location| location.place().directory());
        directories.for_each(|root| Living::sweep(root, LANDING));
        let properties = writer_properties(options.row_group_rows.max(1), options.zstd_level).map_err(|error| {
            LakeError::Spec { spec: format!("zstd level {}", options.zstd_level), reason: error.to_string() }
        })?;
        let pairs = vec![
            KeyValue::new(SCHEMA_VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string()),
            KeyValue::new(WRITER_KEY.to_owned(), concat!("transect ", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        Ok(LakeWriter {
            lake: lake.clone(),
            properties: properties.into_builder().set_key_value_metadata(Some(pairs)).build(),
            options,
            schema: write_schema(),
            hours: BTreeMap::new(),
            finished: Vec::new(),
            memory_bytes: 0,
            open_files: 0,
            appended: 0,
            living: BTreeMap::new(),
        })
    }

    /// Adds a row to an hour. After an error the writer is good for nothing but being dropped.
    pub fn append(&mut self, partition: &Partition, record: &Record<'_>) -> Result<()> {
        self.appended += 1;
        let used = self.appended;
        let hour = self.hour(partition);
        let before = hour.rows.bytes();
        hour.rows.append(record);
        hour.used = used;
        let added = hour.rows.bytes() - before;
        let full = hour.rows.len() >= BATCH_ROWS || hour.rows.bytes() >= BATCH_BYTES;
        self.memory_bytes += added;
        if full {
            self.encode(partition)?;
            self.finish_grown(partition)?;
        }
        while self.memory_bytes > self.options.memory_bytes_max {
            if !self.relieve()? {
                break;
            }
        }
        Ok(())
    }

    /// Remembers in the footer of this hour's files that `events` of a payload went there. A payload noted twice counts
    /// twice.
    pub fn note_source(&mut self, partition: &Partition, source: SourceId, events: u64) {
        let total = self.hour(partition).sources.entry(source).or_default();
        *total = total.saturating_add(events);
    }

    /// Finishes every file, then makes all of them visible. On an error nothing of this writer stays.
    pub fn publish(self) -> Result<Published> {
        LakeWriter::publish_all(vec![self])
    }

    /// Finishes every file of every writer, and only when there was room for all of them makes the first one visible. On an
    /// error nothing of any of them stays.
    pub fn publish_all(mut writers: Vec<LakeWriter>) -> Result<Published> {
        for writer in &mut writers {
            writer.finish_all()?;
        }
        let mut published = Published::default();
        let mut visible: Vec<PathBuf> = Vec::new();
        let outcome = writers.iter_mut().try_for_each(|writer| writer.reveal(&mut published, &mut visible));
        if outcome.is_err() {
            withdraw(&visible);
        }
        outcome.map(|()| published)
    }

    /// Writes what is left of every hour and completes its file, still under its temporary name. Nothing may be added after it.
    pub fn finish_all(&mut self) -> Result<()> {
        let partitions: Vec<Partition> = self.hours.keys().cloned().collect();
        partitions.iter().try_for_each(|partition| self.finish(partition, true))
    }

    /// The finished files in the order in which they were begun in each hour, and what keeps them from being swept away.
    pub(crate) fn into_files(mut self) -> Result<(Vec<FinishedFile>, impl Sized)> {
        self.finish_all()?;
        Ok((std::mem::take(&mut self.finished), self))
    }

    fn reveal(&mut self, published: &mut Published, visible: &mut Vec<PathBuf>) -> Result<()> {
        let mut directories = BTreeSet::new();
        for file in std::mem::take(&mut self.finished) {
            published.files += 1;
            published.rows += file.rows;
            published.bytes += file.bytes;
            let root = self.lake.location_of(file.partition.region())?.writable_directory()?.to_owned();
            directories
                .extend(file.directory.ancestors().take_while(|path| path.starts_with(&root)).map(PathBuf::from));
            visible.push(persist(file)?);
        }
        // The names, too, are to survive a loss of power: innermost first, so that a name never leads nowhere.
        for directory in directories.iter().rev() {
            File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(|error| LakeError::from_io("write", directory, error))?;
        }
        Ok(())
    }

    fn hour(&mut self, partition: &Partition) -> &mut Hour {
        // Two look-ups for a new hour, one and no copy of the name for the millions of rows after it.
        if !self.hours.contains_key(partition) {
            let hour = Hour {
                rows: Rows::new(self.schema.clone()),
                file: None,
                sources: BTreeMap::new(),
                file_bytes: 0,
                used: self.appended,
            };
            self.hours.insert(partition.clone(), hour);
        }
        match self.hours.get_mut(partition) {
            Some(hour) => hour,
            None => unreachable!("inserted above"),
        }
    }

    /// Moves an hour's rows into its file, which is opened if need be.
    fn encode(&mut self, partition: &Partition) -> Result<()> {
        if self.hour(partition).file.is_none() {
            self.open(partition)?;
        }
        let hour = self.hour(partition);
        let before = hour.memory_bytes();
        if let Some(file) = &mut hour.file
            && hour.rows.len() > 0
        {
            file.rows += hour.rows.len() as u64;
            let batch = hour.rows.take().map_err(|error| unwritten(&file.path, error))?;
            file.writer.write(&batch).map_err(|error| unwritten(&file.path, error))?;
            hour.file_bytes = file.writer.memory_size() + file.footer_bytes();
        }
        let after = hour.memory_bytes();
        self.memory_bytes = (self.memory_bytes + after).saturating_sub(before);
        Ok(())
    }

    /// Completes the file of an hour if it has grown large enough.
    fn finish_grown(&mut self, partition: &Partition) -> Result<()> {
        let file_bytes_max = self.options.file_bytes_max;
        let file = self.hour(partition).file.as_ref();
        match file.is_some_and(|file| file.writer.bytes_written() >= file_bytes_max) {
            true => self.finish(partition, false),
            false => Ok(()),
        }
    }

    /// Frees the memory of the hour that holds most; false if there is nothing to free.
    fn relieve(&mut self) -> Result<bool> {
        let Some((partition, _)) = self.hours.iter().max_by_key(|(_, hour)| hour.memory_bytes()) else {
            return Ok(false);
        };
        let partition = partition.clone();
        self.encode(&partition)?;
        self.finish_grown(&partition)?;
        let hour = self.hour(&partition);
        let before = hour.memory_bytes();
        let Some(file) = &mut hour.file else { return Ok(true) };
        // Where the footer is what takes the memory, only the end of the file frees it.
        if file.footer_bytes() > before / 2 {
            self.finish(&partition, false)?;
            return Ok(true);
        }
        file.writer.flush().map_err(|error| unwritten(&file.path, error))?;
        hour.file_bytes = file.footer_bytes();
        let after = hour.memory_bytes();
        self.memory_bytes = (self.memory_bytes + after).saturating_sub(before);
        Ok(before > 0)
    }

    fn open(&mut self, partition: &Partition) -> Result<()> {
        if self.open_files >= self.options.open_files_max.max(1) {
            let unused = self.hours.iter().filter(|(_, hour)| hour.file.is_some()).min_by_key(|(_, hour)| hour.used);
            if let Some(unused) = unused.map(|(partition, _)| partition.clone()) {
                self.finish(&unused, false)?;
            }
        }
        let directory = self.directory(partition)?;
        create_private_directory(&directory)?;
        let prefix = self.temporary_prefix(partition)?;
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(TEMPORARY_SUFFIX)
            .tempfile_in(&directory)
            .map_err(|error| LakeError::from_io("write to", &directory, error))?;
        let (file, path) = temporary.into_parts();
        // Without Arrow's own schema in the footer a reader sees what it sees in Firehose's files.
        let options = ArrowWriterOptions::new().with_properties(self.properties.clone()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, self.schema.clone(), options)
            .map_err(|error| unwritten(&path, error))?;
        self.hour(partition).file = Some(OpenFile { writer, path, rows: 0 });
        self.open_files += 1;
        Ok(())
    }

    /// How this writer's temporary files in a place begin.
    fn temporary_prefix(&mut self, partition: &Partition) -> Result<String> {
        let root = self.lake.location_of(partition.region())?.writable_directory()?.to_owned();
        if !self.living.contains_key(&root) {
            let living = Living::in_place(&root).map_err(|error| LakeError::from_io("write to", &root, error))?;
            self.living.insert(root.clone(), living);
        }
        Ok(Living::prefix(self.living.get(&root).and_then(Option::as_ref)))
    }

    /// Writes what is left of an hour, or for now, and completes its file, still under its temporary name.
    fn finish(&mut self, partition: &Partition, is_last: bool) -> Result<()> {
        let names_sources = is_last || !self.options.sources_last;
        let hour = self.hour(partition);
        let has_news = hour.rows.len() > 0 || (names_sources && !hour.sources.is_empty());
        if hour.file.is_none() && !has_news {
            return Ok(());
        }
        if hour.file.is_none() || hour.rows.len() > 0 {
            self.encode(partition)?;
        }
        let hour = self.hour(partition);
        let before = hour.memory_bytes();
        let Some(mut file) = hour.file.take() else { return Ok(()) };
        let sources = if names_sources { render_sources(&std::mem::take(&mut hour.sources)) } else { String::new() };
        hour.file_bytes = 0;
        let after = hour.memory_bytes();
        self.memory_bytes = (self.memory_bytes + after).saturating_sub(before);
        self.open_files -= 1;
        if !sources.is_empty() {
            file.writer.append_key_value_metadata(KeyValue::new(SOURCES_KEY.to_owned(), sources.clone()));
        }
        file.writer.finish().map_err(|error| unwritten(&file.path, error))?;
        file.writer.inner().sync_all().map_err(|error| unwritten(&file.path, error))?;
        self.finished.push(FinishedFile {
            partition: partition.clone(),
            directory: self.directory(partition)?,
            bytes: file.writer.bytes_written() as u64,
            path: file.path,
            rows: file.rows,
            sources,
        });
        Ok(())
    }

    fn directory(&self, partition: &Partition) -> Result<PathBuf> {
        Ok(self.lake.location_of(partition.region())?.writable_directory()?.join(partition.path()))
    }
}

/// A fault of a file under way, by the folder that it is for: nobody knows its temporary name.
fn unwritten(temporary: &Path, error: impl std::error::Error + Send + Sync + 'static) -> LakeError {
    LakeError::from_error("write to", temporary.parent().unwrap_or(temporary), error)
}

/// Gives a finished file its name; one that is taken is never touched.
fn persist(file: FinishedFile) -> Result<PathBuf> {
    let FinishedFile { partition, directory, mut path, rows, bytes, sources } = file;
    for attempt in 0..NAMES_TRIED_MAX {
        let mut hasher = XxHash3_64::with_seed(0);
        (&partition, rows, bytes, &sources, attempt).hash(&mut hasher);
        let name = directory.join(format!("{INGEST_PREFIX}{:016x}.parquet", hasher.finish()));
        match path.persist_noclobber(&name) {
            Ok(()) => return Ok(name),
            Err(taken) if taken.error.kind() == std::io::ErrorKind::AlreadyExists => path = taken.path,
            Err(other) => return Err(LakeError::from_io("write", &name, other.error)),
        }
    }
    let source = "every name tried is taken".into();
    Err(LakeError::Io { action: "name a file in", path: directory, source })
}

/// Removes what an attempt to publish that failed has made visible.
fn withdraw(paths: &[PathBuf]) {
    for path in paths {
        // The error that led here is the one to report.
        let _ = std::fs::remove_file(path);
    }
}

pub(crate) fn create_private_directory(path: &Path) -> Result<()> {
    create_private(path).map_err(|error| match error.kind() {
        // Something on the way is a file.
        std::io::ErrorKind::AlreadyExists => LakeError::NotADirectory(path.to_owned()),
        _ => LakeError::from_io("create", path, error),
    })
}

#[cfg(test)]
mod tests;
