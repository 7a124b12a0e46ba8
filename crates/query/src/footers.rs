//! Reads Parquet files: their footers once for all questions of a process, within bounds, and those of buckets once for all
//! processes, because they are kept on disk. DataFusion's own reader takes the length that a footer states on trust and panics if it is longer than the
//! file; here a damaged file is an error that names it, and is remembered, so that the question can go on without it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{DataType, TimeUnit};
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::ColumnDescPtr;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use transect_lake::{DiskCache, RegionStore, Serving};
use transect_schema::{COLUMNS, ColumnType};

/// Footers kept, in bytes of memory: a view that reads a file twice, and the next question, reads its footer once.
const KEPT_BYTES_MAX: u64 = 256 << 20;
/// Files that are likely to be kept, footers being of the usual size.
const FILES_KEPT: usize = 4096;
/// The end of a file in a bucket that is fetched first: it holds footer, page index and bloom filters of files of the
/// usual size, and costs hardly more than a byte would.
const TAIL_BYTES: u64 = 512 << 10;
/// The same of a file on this machine: a footer of the usual size.
const LOCAL_TAIL_BYTES: u64 = 64 << 10;
/// Magic numbers at both ends, and the length of the footer.
const FILE_BYTES_MIN: u64 = 12;
/// The length of the footer and the magic number.
const TRAILER_BYTES: u64 = 8;

/// What a question has read so far, for those who watch it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Files whose footer is known.
    pub(crate) files: AtomicU64,
    /// Bytes of files, from disk or from a bucket.
    pub(crate) bytes: AtomicU64,
}

/// The files of one location, as one question reads them.
#[derive(Debug)]
pub(crate) struct Footers {
    /// The number of the location.
    place: usize,
    store: Arc<RegionStore>,
    cache: Arc<FooterCache>,
    progress: Arc<Progress>,
    /// Files whose footer the question knows.
    opened: Mutex<HashSet<Path>>,
    unreadable: Mutex<BTreeMap<Path, String>>,
}

/// The footers that were read lately, of all places and for all questions: in memory, and of buckets on disk.
pub(crate) struct FooterCache {
    files: Cache<FileKey, File, ByBytes>,
    disk: Option<Arc<DiskCache>>,
}

impl FooterCache {
    pub(crate) fn new(disk: Option<Arc<DiskCache>>) -> FooterCache {
        FooterCache { files: Cache::with_weighter(FILES_KEPT, KEPT_BYTES_MAX, ByBytes), disk }
    }

    /// What outlives the process.
    pub(crate) fn disk(&self) -> Option<Arc<DiskCache>> {
        self.disk.clone()
    }
}

impl fmt::Debug for FooterCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FooterCache({} files)", self.files.len())
    }
}

/// A file as it was listed: another one under its name is another file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FileKey {
    place: usize,
    path: Path,
    size: u64,
    modified_unix_nano: Option<i64>,
    e_tag: Option<String>,
}

/// Files count by the memory that they take.
#[derive(Clone)]
struct ByBytes;

impl Weighter<FileKey, File> for ByBytes {
    fn weight(&self, _: &FileKey, file: &File) -> u64 {
        file.bytes
    }
}

#[derive(Clone, Debug)]
struct File {
    footer: Arc<ParquetMetaData>,
    tail: Option<Tail>,
    /// Memory that both take.
    bytes: u64,
}

impl File {
    fn new(footer: ParquetMetaData, tail: Tail) -> File {
        let bytes = (footer.memory_size() + tail.bytes.len()) as u64;
        File { footer: Arc::new(footer), tail: Some(tail), bytes }
    }
}

/// The end of a file, in memory.
#[derive(Clone, Debug)]
struct Tail {
    start: u64,
    bytes: Bytes,
}

impl Tail {
    fn slice(&self, range: &Range<u64>) -> Option<Bytes> {
        let start = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (start <= end && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

impl Footers {
    pub(crate) fn new(
        place: usize,
        store: Arc<RegionStore>,
        cache: Arc<FooterCache>,
        progress: Arc<Progress>,
    ) -> Footers {
        Footers { place, store, cache, progress, opened: Mutex::default(), unreadable: Mutex::default() }
    }

    fn key(&self, file: &ObjectMeta) -> FileKey {
        FileKey {
            place: self.place,
            path: file.location.clone(),
            size: file.size,
            modified_unix_nano: file.last_modified.timestamp_nanos_opt(),
            e_tag: file.e_tag.clone(),
        }
    }

    /// Counts a file whose footer is known now, once.
    fn opened(&self, path: &Path) {
        if lock(&self.opened).insert(path.clone()) {
            self.progress.files.fetch_add(1, Relaxed);
        }
    }

    /// The files that could not be read, and why.
    pub(crate) fn unreadable(&self) -> BTreeMap<Path, String> {
        lock(&self.unreadable).clone()
    }

    /// Whether the files lie on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.store.is_local()
    }

    /// Whether the file is one of those.
    pub(crate) fn is_unreadable(&self, path: &Path) -> bool {
        lock(&self.unreadable).contains_key(path)
    }

    /// Notes a file that cannot be read, unless it is the region that does not answer.
    pub(crate) fn note(&self, path: &Path, error: ParquetError) -> ParquetError {
        let given_up = matches!(self.store.serving(), Serving::Nothing(_));
        if given_up || lock(&self.unreadable).contains_key(path) {
            return error;
        }
        let reason = match &error {
            ParquetError::External(source) => match source.downcast_ref::<object_store::Error>() {
                Some(object_store::Error::NotFound { .. }) => "it was removed meanwhile".to_owned(),
                // What the library says may name its bucket.
                Some(error) => self.store.reason(error),
                None => "it cannot be fetched".to_owned(),
            },
            ParquetError::General(reason) => reason.clone(),
            other => other.to_string(),
        };
        let text = format!("{path} cannot be read: {reason}");
        lock(&self.unreadable).insert(path.clone(), reason);
        ParquetError::General(text)
    }
}

/// A thread that panicked has left whole entries.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The factory that DataFusion asks for readers.
#[derive(Debug)]
pub(crate) struct Files(pub(crate) Arc<Footers>);

impl ParquetFileReaderFactory for Files {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::common::Result<Box<dyn AsyncFileReader + Send>> {
        let bytes_scanned = MetricBuilder::new(metrics).counter("bytes_scanned", partition_index);
        Ok(Box::new(Reader { bytes_scanned, ..Reader::new(&self.0, &file.object_meta) }))
    }
}

/// Reads one file.
pub(crate) struct Reader {
    footers: Arc<Footers>,
    file: ObjectMeta,
    /// A file of this machine, once something of it was read.
    local: Option<std::fs::File>,
    tail: Option<Tail>,
    bytes_scanned: Count,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        if let Some(bytes) = self.tail.as_ref().and_then(|tail| tail.slice(&range)) {
            return std::future::ready(Ok(bytes)).boxed();
        }
        if let Some(read) = self.read_local(std::slice::from_ref(&range)) {
            return std::future::ready(self.count(read).map(|mut bytes| bytes.remove(0))).boxed();
        }
        async move {
            let read = self.footers.store.get_range(&self.file.location, range).await;
            self.count(read.map(|bytes| vec![bytes])).map(|mut bytes| bytes.remove(0))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        let kept = |tail: &Tail| ranges.iter().map(|range| tail.slice(range)).collect::<Option<Vec<_>>>();
        if let Some(bytes) = self.tail.as_ref().and_then(kept) {
            return std::future::ready(Ok(bytes)).boxed();
        }
        if let Some(read) = self.read_local(&ranges) {
            return std::future::ready(self.count(read)).boxed();
        }
        async move {
            let read = self.footers.store.get_ranges(&self.file.location, &ranges).await;
            self.count(read)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let policy = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::column_index_policy);
        async move {
            let key = self.footers.key(&self.file);
            let kept = self.footers.cache.files.get(&key);
            // Of a file of this machine it is read only where it is asked for.
            let lacks_index = |file: &File| {
                self.footers.store.is_local() && policy != PageIndexPolicy::Skip && file.footer.column_index().is_none()
            };
            let file = match kept {
                Some(file) if !lacks_index(&file) => file,
                _ => {
                    let opened = self.open(policy).await.and_then(|file| check(&file.footer).map(|()| file));
                    let file = opened.map_err(|error| self.footers.note(&self.file.location, error))?;
                    self.footers.cache.files.insert(key, file.clone());
                    file
                }
            };
            self.footers.opened(&self.file.location);
            self.tail = file.tail;
            Ok(file.footer)
        }
        .boxed()
    }
}

impl Reader {
    pub(crate) fn new(footers: &Arc<Footers>, file: &ObjectMeta) -> Reader {
        let (footers, file) = (Arc::clone(footers), file.clone());
        Reader { footers, file, local: None, tail: None, bytes_scanned: Count::new() }
    }

    /// Parts of a file of this machine, read in place: handing that to another thread takes longer than reading. `None`
    /// where it lies elsewhere, or where the store is to say what is wrong.
    fn read_local(&mut self, ranges: &[Range<u64>]) -> Option<object_store::Result<Vec<Bytes>>> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileExt;

            if self.local.is_none() {
                let directory = self.footers.store.location().place().directory()?;
                self.local = Some(std::fs::File::open(directory.join(self.file.location.as_ref())).ok()?);
            }
            let file = self.local.as_ref()?;
            let mut read = Vec::with_capacity(ranges.len());
            for range in ranges.iter() {
                // A damaged file may ask for anything; the store then says what is wrong.
                if range.end > self.file.size {
                    return None;
                }
                let mut bytes = vec![0; usize::try_from(range.end.checked_sub(range.start)?).ok()?];
                file.read_exact_at(&mut bytes, range.start).ok()?;
                read.push(Bytes::from(bytes));
            }
            Some(Ok(read))
        }
        #[cfg(not(unix))]
        None
    }

    fn count(&self, read: object_store::Result<Vec<Bytes>>) -> Result<Vec<Bytes>> {
        let read = read.map_err(|error| self.footers.note(&self.file.location, ParquetError::from(error)))?;
        let bytes: usize = read.iter().map(Bytes::len).sum();
        self.bytes_scanned.add(bytes);
        self.footers.progress.bytes.fetch_add(bytes as u64, Relaxed);
        Ok(read)
    }

    async fn open(&mut self, policy: PageIndexPolicy) -> Result<File> {
        if self.file.size < FILE_BYTES_MIN {
            return Err(ParquetError::General(format!("it has {} bytes, and is no Parquet file", self.file.size)));
        }
        let key = DiskCache::key("footer", self.footers.store.location().place(), &self.file);
        let cache = self.footers.cache.disk.clone();
        let cache = cache.as_deref().zip(key.as_deref());
        if let Some((tail, footer)) = cache.and_then(|(cache, key)| self.decode(cache.get(key)?)) {
            return Ok(File::new(footer, tail));
        }
        let (tail_bytes, policy) = match self.footers.store.is_local() {
            true => (LOCAL_TAIL_BYTES, policy),
            // Beside the footer, and asking for it alone would be another request.
            false => (TAIL_BYTES, PageIndexPolicy::Optional),
        };
        let mut wanted = tail_bytes.min(self.file.size);
        let (tail, footer) = loop {
            let start = self.file.size - wanted;
            let tail = Tail { start, bytes: self.get_bytes(start..self.file.size).await? };
            match parse(&tail, self.file.size, policy) {
                Ok(footer) => break (tail, footer),
                // The reader has seen to it that this is no more than the file has.
                Err(ParquetError::NeedMoreData(needed)) if needed as u64 > wanted => wanted = needed as u64,
                Err(error) => return Err(error),
            }
        };
        if self.footers.store.is_local() {
            return Ok(File::new(footer, tail));
        }
        let start = metadata_start(&footer, &tail);
        let tail = Tail { start, bytes: tail.slice(&(start..self.file.size)).unwrap_or_default() };
        // A part of a fetch keeps all of it.
        let tail = Tail { start, bytes: Bytes::copy_from_slice(&tail.bytes) };
        if let Some((cache, key)) = cache {
            cache.put(key, &[&start.to_le_bytes(), tail.bytes.as_ref()].concat());
        }
        Ok(File::new(footer, tail))
    }

    /// What the disk holds, if it is what it should be.
    fn decode(&self, entry: Vec<u8>) -> Option<(Tail, ParquetMetaData)> {
        let mut bytes = Bytes::from(entry);
        let start = u64::from_le_bytes(bytes.split_to_checked(8)?.as_ref().try_into().ok()?);
        if start.checked_add(bytes.len() as u64)? != self.file.size {
            return None;
        }
        let tail = Tail { start, bytes };
        let footer = parse(&tail, self.file.size, PageIndexPolicy::Optional).ok()?;
        Some((tail, footer))
    }
}

trait SplitChecked: Sized {
    fn split_to_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitChecked for Bytes {
    fn split_to_checked(&mut self, at: usize) -> Option<Bytes> {
        (at <= self.len()).then(|| self.split_to(at))
    }
}

/// Older files lack columns, but none lacks the id of its events: a file without it is another program's.
const ALWAYS_THERE: &str = "event_id";

/// Whether the columns hold what the table has them for. What is refused here would not fail when it is read: DataFusion takes
/// bytes for text without looking at them, and every time for nanoseconds.
fn check(footer: &Arc<ParquetMetaData>) -> Result<()> {
    let refuse = |reason: String| Err(ParquetError::General(reason));
    let descriptor = footer.file_metadata().schema_descr();
    if !descriptor.columns().iter().any(|column| column.path().string() == ALWAYS_THERE) {
        return refuse(format!("it has no column {ALWAYS_THERE}, and is none of this lake's"));
    }
    let as_read = ArrowReaderMetadata::try_new(Arc::clone(footer), ArrowReaderOptions::new())?;
    for ours in COLUMNS {
        let name = ours.name;
        match ours.column_type {
            ColumnType::String => {
                let column = descriptor.columns().iter().find(|column| column.path().string() == name);
                // Only what is marked so is looked at when it is read.
                let is_marked = |column: &ColumnDescPtr| column.converted_type() == ConvertedType::UTF8;
                let is_bytes = |column: &ColumnDescPtr| column.physical_type() == PhysicalType::BYTE_ARRAY;
                if column.is_some_and(|column| is_bytes(column) && !is_marked(column)) {
                    return refuse(format!("its column {name} is bytes and not marked as UTF-8 text"));
                }
            }
            ColumnType::BigInt | ColumnType::Int | ColumnType::Double | ColumnType::Boolean => {
                let Ok(field) = as_read.schema().field_with_name(name) else { continue };
                let is = field.data_type();
                let is_nanoseconds = matches!(
                    is,
                    DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Duration(TimeUnit::Nanosecond)
                );
                if is.is_temporal() && !is_nanoseconds {
                    return refuse(format!("its column {name} is {is}, and no number of nanoseconds"));
                }
            }
        }
    }
    Ok(())
}

fn parse(tail: &Tail, size: u64, policy: PageIndexPolicy) -> Result<ParquetMetaData> {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(policy);
    reader.try_parse_sized(&tail.bytes, size)?;
    reader.finish()
}

/// Where in the file the footer, the page index and those bloom filters begin that lie in the tail.
fn metadata_start(footer: &ParquetMetaData, tail: &Tail) -> u64 {
    let end = tail.start + tail.bytes.len() as u64;
    let trailer = tail.slice(&(end.saturating_sub(TRAILER_BYTES)..end));
    let length = trailer.and_then(|trailer| Some(u32::from_le_bytes(trailer.get(..4)?.try_into().ok()?)));
    let footer_start = end.saturating_sub(TRAILER_BYTES).saturating_sub(length.map_or(0, u64::from));
    let columns = footer.row_groups().iter().flat_map(|group| group.columns());
    let offsets = columns
        .flat_map(|column| [column.bloom_filter_offset(), column.column_index_offset(), column.offset_index_offset()]);
    let offsets = offsets.flatten().filter_map(|offset| u64::try_from(offset).ok());
    offsets.filter(|offset| *offset >= tail.start).fold(footer_start, u64::min).max(tail.start)
}
