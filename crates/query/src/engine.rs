//! Opens a lake for questions and asks them. Opening lists nothing and reads nothing but whether the directories are
//! there: what a question costs is decided by the question.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::config::Dialect;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use transect_lake::{LANDING, Lake, NANOS_PER_HOUR};

use crate::error::{Names, from_datafusion};
use crate::landing::{Extent, Landing};
use crate::views::{Events, Invocations, Spans, UTC, all_rows, landed, telemetry};
use crate::{QueryError, Result};

/// What an engine looks at and how much it may take.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Rows earlier than this are left out; nanoseconds since 1970.
    pub since_unix_nano: Option<i64>,
    /// Rows later than this are left out; nanoseconds since 1970.
    pub until_unix_nano: Option<i64>,
    /// How much later than its time a row may have arrived and still be found.
    pub lateness_nano: i64,
    /// Regions looked at; all if empty.
    pub regions: Vec<String>,
    /// The time that `now()` gives.
    pub now_unix_nano: i64,
    /// Threads that a query may keep busy.
    pub target_partitions: usize,
    /// Memory that sorting and grouping may take before they go on in temporary files.
    pub memory_bytes_max: usize,
}

impl EngineOptions {
    /// Every row of every region, with the clock at `now_unix_nano`.
    pub fn at(now_unix_nano: i64) -> EngineOptions {
        EngineOptions {
            since_unix_nano: None,
            until_unix_nano: None,
            lateness_nano: 24 * NANOS_PER_HOUR,
            regions: Vec::new(),
            now_unix_nano,
            target_partitions: std::thread::available_parallelism().map_or(1, usize::from),
            // Half of the smallest machine that people are likely to ask from.
            memory_bytes_max: 4 << 30,
        }
    }
}

/// A lake that is open for questions.
pub struct Engine {
    context: SessionContext,
    landing: Arc<Landing>,
    now_unix_nano: i64,
}

/// What a question has found in a lake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Hours of regions with at least one file.
    pub hours: u64,
    /// Files in them.
    pub files: u64,
    /// The size of these files; most of it need not have been read.
    pub bytes: u64,
}

/// The tables that a query may name.
const TABLES: [&str; 6] = ["telemetry", "logs", "spans", "invocations", "metrics", "landing"];

impl Engine {
    /// Opens a lake. [`QueryError::Lake`] if a directory is missing or closed, [`QueryError::NoTelemetry`] if none of
    /// them holds a `landing/`.
    pub fn open(lake: Lake, options: EngineOptions) -> Result<Engine> {
        lake.check()?;
        if !lake.locations().iter().any(|location| location.directory().join(LANDING).exists()) {
            let places: Vec<String> =
                lake.locations().iter().map(|location| location.directory().display().to_string()).collect();
            return Err(QueryError::NoTelemetry { place: places.join(", ") });
        }
        let extent = Extent {
            since_unix_nano: options.since_unix_nano,
            until_unix_nano: options.until_unix_nano,
            lateness_nano: options.lateness_nano.max(0),
            now_unix_nano: options.now_unix_nano,
            regions: options.regions.clone(),
        };
        let landing = Arc::new(Landing::new(lake, extent.clone()));
        let context =
            context(&options, &landing, &extent).map_err(|error| from_datafusion(error, "", &Names::default()))?;
        Ok(Engine { context, landing, now_unix_nano: options.now_unix_nano })
    }

    /// Answers one query. `params` are the values of its placeholders, `$name` without the dollar sign.
    pub async fn sql(&self, text: &str, params: &[(String, ScalarValue)]) -> Result<Answer> {
        self.landing.begin_question();
        let state = self.state();
        self.answer(&state, text, params).await.map_err(|error| {
            let functions = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
            let functions: Vec<&str> = functions.chain(state.window_functions().keys()).map(String::as_str).collect();
            from_datafusion(error, text, &Names { tables: &TABLES, functions: &functions })
        })
    }

    /// What the scans of the latest question have found.
    pub fn scanned(&self) -> Scanned {
        self.landing.scanned()
    }

    /// A state for one query, in which `now()` is the time given.
    fn state(&self) -> SessionState {
        let mut state = self.context.state();
        let now = arrow::temporal_conversions::timestamp_ns_to_datetime(self.now_unix_nano).map(|now| now.and_utc());
        if now.is_some() {
            state.execution_props_mut().query_execution_start_time = now;
        }
        state
    }

    async fn answer(
        &self,
        state: &SessionState,
        text: &str,
        params: &[(String, ScalarValue)],
    ) -> Result<Answer, DataFusionError> {
        let plan = state.create_logical_plan(text).await?;
        let queries_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        queries_only.verify_plan(&plan)?;
        let values = ParamValues::from(params.iter().cloned().collect::<std::collections::HashMap<_, _>>());
        let plan = plan.with_param_values(values)?;
        let plan = state.create_physical_plan(&plan).await?;
        let stream = execute_stream(Arc::clone(&plan), Arc::new(TaskContext::from(state)))?;
        Ok(Answer { plan, stream, sql: text.to_owned() })
    }
}

fn context(
    options: &EngineOptions,
    landing: &Arc<Landing>,
    extent: &Extent,
) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.target_partitions.max(1))
        .with_information_schema(true)
        // Statistics would read every footer before the first row.
        .with_collect_statistics(false);
    let settings = config.options_mut();
    settings.execution.time_zone = Some(UTC.to_owned());
    settings.sql_parser.collect_spans = true;
    // Where `attributes->>'k' = 'v'` compares the value, not the key.
    settings.sql_parser.dialect = Dialect::PostgreSQL;
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;

    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes_max)))
        // Hours are listed by ourselves, and the cache would list the whole table.
        .with_object_list_cache_limit(0)
        .build_arc()?;
    let mut context = SessionContext::new_with_config_rt(config, runtime);
    datafusion_functions_json::register_all(&mut context)?;

    let all_rows = all_rows(landing)?;
    let telemetry = telemetry(&all_rows, extent)?;
    let tables: [(&str, Arc<dyn TableProvider>); TABLES.len()] = [
        ("telemetry", Arc::new(ViewTable::new(telemetry.clone(), None))),
        ("logs", Arc::new(Events::new(&telemetry, "log"))),
        ("spans", Arc::new(Spans::new(&telemetry))),
        ("invocations", Arc::new(Invocations::new(&all_rows, extent)?)),
        ("metrics", Arc::new(Events::new(&telemetry, "metric"))),
        ("landing", Arc::new(ViewTable::new(landed(&all_rows, extent)?, None))),
    ];
    for (name, table) in tables {
        context.register_table(name, table)?;
    }
    Ok(context)
}

/// An answer on its way. Batches come as they are ready; nothing is held back.
pub struct Answer {
    plan: Arc<dyn ExecutionPlan>,
    stream: SendableRecordBatchStream,
    sql: String,
}

impl Answer {
    /// The columns of the answer.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        let batch = self.stream.next().await?;
        Some(batch.map_err(|error| from_datafusion(error, &self.sql, &Names::default())))
    }

    /// The plan that is being executed. Its metrics are complete when the answer is.
    pub fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// The sum of a metric over the whole plan: a count such as `bytes_scanned`, or for pruning such as
    /// `row_groups_pruned_statistics` the number of what was left out.
    pub fn metric(&self, name: &str) -> usize {
        sum_metric(&self.plan, name)
    }
}

fn sum_metric(plan: &Arc<dyn ExecutionPlan>, name: &str) -> usize {
    let own = plan.metrics().map_or(0, |metrics| {
        metrics
            .iter()
            .map(|metric| match metric.value() {
                MetricValue::PruningMetrics { name: found, pruning_metrics } if found == name => {
                    pruning_metrics.pruned()
                }
                value if value.name() == name => value.as_usize(),
                _ => 0,
            })
            .sum()
    });
    own + plan.children().into_iter().map(|child| sum_metric(child, name)).sum::<usize>()
}
