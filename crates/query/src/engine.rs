//! A lake that is open for questions: one a process, for as many questions at once as there are. It keeps what they share:
//! the regions and how they answer, the footers and release records that were read lately, and one budget of memory. It
//! lists nothing and reads nothing: what a question costs is decided by the question.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use datafusion::common::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::DefaultObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::sync::Semaphore;
use transect_lake::{Access, CACHE_BYTES_MAX, DiskCache, LANDING, Lake, RegionStore};

use crate::amplify::bound_functions;
use crate::distinct::CountDistinctTexts;
use crate::error::{Names, from_datafusion};
use crate::footers::FooterCache;
use crate::landing::Extent;
use crate::memory::Budget;
use crate::question::{Limits, Question};
use crate::release_map::ReleaseMap;
use crate::views::UTC;
use crate::{QueryError, Result};

/// How a lake is read, and how much all questions together may take.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Threads that a question may keep busy.
    pub target_partitions: usize,
    /// Memory that sorting and grouping of all questions may take before they go on in temporary files.
    pub memory_bytes_max: usize,
    /// How buckets are reached, and how long a region may be silent.
    pub access: Access,
    /// Where footers of files in buckets are kept for the next process.
    pub cache_directory: Option<PathBuf>,
}

/// Memory that a question has when all go on at once: of more questions than share it so, some wait for others.
const QUESTION_BYTES_MIN: usize = 64 << 20;

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            target_partitions: std::thread::available_parallelism().map_or(1, usize::from),
            // Half of the smallest machine that people are likely to ask from.
            memory_bytes_max: 4 << 30,
            access: Access::default(),
            cache_directory: None,
        }
    }
}

/// A lake that is open for questions. A clone is the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What the questions of an engine share.
pub(crate) struct Shared {
    pub(crate) stores: Vec<RegionStore>,
    pub(crate) footers: Arc<FooterCache>,
    pub(crate) records: KeptRecords,
    runtime: Arc<RuntimeEnv>,
    memory: Arc<GreedyMemoryPool>,
    /// Questions that may go on side by side.
    pub(crate) admission: Arc<Semaphore>,
    target_partitions: usize,
    memory_bytes_max: usize,
}

impl Engine {
    /// Opens a lake. [`QueryError::Lake`] if none of its directories is there, [`QueryError::NoTelemetry`] if none holds
    /// a `landing/`. Of buckets nothing is asked before a question is.
    pub fn open(lake: Lake, options: EngineOptions) -> Result<Engine> {
        let stores = lake.locations().iter().map(|location| RegionStore::new(location.clone(), options.access.clone()));
        let stores: Vec<_> = stores.collect();
        let directories: Vec<_> = stores.iter().filter_map(|store| store.location().place().directory()).collect();
        if directories.len() == stores.len() {
            let mut failed: Vec<_> = stores.iter().filter_map(|store| store.check().err()).collect();
            if failed.len() == stores.len() {
                return Err(failed.swap_remove(0).into());
            }
            if !directories.iter().any(|directory| directory.join(LANDING).symlink_metadata().is_ok()) {
                let places: Vec<String> = directories.iter().map(|place| place.display().to_string()).collect();
                return Err(QueryError::NoTelemetry { place: places.join(", ") });
            }
        }
        Engine::over(stores, options)
    }

    /// An engine over stores that are there already.
    pub(crate) fn over(stores: Vec<RegionStore>, options: EngineOptions) -> Result<Engine> {
        let disk = options.cache_directory.map(|folder| Arc::new(DiskCache::new(&folder, CACHE_BYTES_MAX)));
        let runtime = RuntimeEnvBuilder::new()
            // Hours are listed by ourselves, and the cache would list the whole table.
            .with_object_list_cache_limit(0)
            .build_arc()
            .map_err(|error| from_datafusion(error, "", &Names::default()))?;
        Ok(Engine(Arc::new(Shared {
            stores,
            footers: Arc::new(FooterCache::new(disk)),
            records: KeptRecords::default(),
            runtime,
            memory: Arc::new(GreedyMemoryPool::new(options.memory_bytes_max)),
            admission: Arc::new(Semaphore::new((options.memory_bytes_max / QUESTION_BYTES_MIN).max(1))),
            target_partitions: options.target_partitions.max(1),
            memory_bytes_max: options.memory_bytes_max,
        })))
    }

    /// A question about a part of the lake.
    pub fn question(&self, extent: Extent, limits: Limits) -> Result<Question> {
        Question::of(&self.0, extent, limits)
    }
}

impl Shared {
    /// A catalog for one question, on the memory and the temporary files of all.
    pub(crate) fn context(&self) -> Result<SessionContext, DataFusionError> {
        let mut config = SessionConfig::new()
            .with_target_partitions(self.target_partitions)
            .with_information_schema(true)
            // Statistics would read every footer before the first row.
            .with_collect_statistics(false);
        let settings = config.options_mut();
        settings.execution.time_zone = Some(UTC.to_owned());
        settings.sql_parser.collect_spans = true;
        // Where `attributes->>'k' = 'v'` compares the value, not the key.
        settings.sql_parser.dialect = Dialect::PostgreSQL;
        // What is absent is not the largest: neither people nor the search for the newest or slowest rows want it first.
        settings.sql_parser.default_null_ordering = "nulls_last".to_owned();
        // Files are dealt out newest first, and split where there are few, by ourselves.
        settings.optimizer.repartition_file_scans = false;
        settings.execution.parquet.pushdown_filters = true;
        settings.execution.parquet.reorder_filters = true;

        // The same names are other stores for other questions.
        let runtime = RuntimeEnvBuilder::from_runtime_env(&self.runtime)
            .with_memory_pool(Arc::new(Budget::of(&self.memory, self.memory_bytes_max)))
            .with_object_store_registry(Arc::new(DefaultObjectStoreRegistry::new()))
            .build_arc()?;
        let mut context = SessionContext::new_with_config_rt(config, runtime);
        context.add_analyzer_rule(Arc::new(CountDistinctTexts));
        datafusion_functions_json::register_all(&mut context)?;
        bound_functions(&context, self.memory_bytes_max);
        Ok(context)
    }
}

/// Release records are read again when they are older: what another process records is seen by then.
const RECORDS_AGE_MAX: Duration = Duration::from_secs(60);

/// The release records of the lake as they were read last.
#[derive(Default)]
pub(crate) struct KeptRecords(Mutex<Option<(Instant, Arc<ReleaseMap>)>>);

impl KeptRecords {
    /// The records, if they were read lately.
    pub(crate) fn lately(&self) -> Option<Arc<ReleaseMap>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, records) = kept.as_ref()?;
        (read.elapsed() < RECORDS_AGE_MAX).then(|| Arc::clone(records))
    }

    /// Keeps records that were read from `began` on, and all of them.
    pub(crate) fn keep(&self, records: &Arc<ReleaseMap>, began: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(read, _)| *read < began) {
            *kept = Some((began, Arc::clone(records)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_records_of_another_process_are_seen_within_a_minute() {
        let (kept, records) = (KeptRecords::default(), Arc::new(ReleaseMap::default()));
        assert!(kept.lately().is_none());
        let now = Instant::now();
        let old = now.checked_sub(RECORDS_AGE_MAX).unwrap();
        kept.keep(&records, old);
        assert!(kept.lately().is_none(), "a minute old");
        kept.keep(&records, now);
        // A question that began earlier and took longer knows less.
        kept.keep(&Arc::new(ReleaseMap::default()), old);
        assert!(Arc::ptr_eq(&kept.lately().unwrap(), &records));
        assert!(RECORDS_AGE_MAX <= Duration::from_secs(60));
    }
}
