//! Reads the footers of Parquet files, each once a query. DataFusion's own reader takes the length that a footer states
//! on trust and panics if it is longer than the file; here a damaged file is an error that names it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{DefaultParquetFileReaderFactory, ParquetFileReaderFactory};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

/// Footers kept, in bytes of memory: a view that reads a file twice reads its footer once.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// The footers of the files of one location.
#[derive(Debug)]
pub(crate) struct Footers {
    files: DefaultParquetFileReaderFactory,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    footers: HashMap<Path, Arc<ParquetMetaData>>,
    bytes: usize,
}

impl Footers {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Footers {
        Footers { files: DefaultParquetFileReaderFactory::new(store), kept: Arc::default() }
    }
}

impl ParquetFileReaderFactory for Footers {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::common::Result<Box<dyn AsyncFileReader + Send>> {
        let meta = file.object_meta.clone();
        let inner = self.files.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        let kept = Arc::clone(&self.kept);
        Ok(Box::new(Reader { inner, kept, path: meta.location, size: meta.size, metadata_size_hint }))
    }
}

struct Reader {
    inner: Box<dyn AsyncFileReader + Send>,
    kept: Arc<Mutex<Kept>>,
    path: Path,
    size: u64,
    metadata_size_hint: Option<usize>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let policy = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::column_index_policy);
        async move {
            let path = self.path.clone();
            let named = |error| ParquetError::General(format!("{path} cannot be read: {error}"));
            self.footer(policy).await.map_err(named)
        }
        .boxed()
    }
}

impl Reader {
    async fn footer(&mut self, policy: PageIndexPolicy) -> Result<Arc<ParquetMetaData>> {
        if let Some(footer) = self.kept().footers.get(&self.path) {
            return Ok(Arc::clone(footer));
        }
        let reader = ParquetMetaDataReader::new().with_page_index_policy(policy);
        let (reader, size) = (reader.with_prefetch_hint(self.metadata_size_hint), self.size);
        let footer = Arc::new(reader.load_and_finish(&mut *self, size).await?);
        let mut kept = self.kept();
        let bytes = kept.bytes + footer.memory_size();
        if bytes <= KEPT_BYTES_MAX {
            kept.bytes = bytes;
            kept.footers.insert(self.path.clone(), Arc::clone(&footer));
        }
        Ok(footer)
    }

    /// A thread that panicked has left whole entries.
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
