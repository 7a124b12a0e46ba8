//! One question to a lake: what it looks at, what was listed, left out and read for it alone. It may take several steps, all
//! of which see the same files, whatever lands meanwhile. When it is dropped, nothing of it goes on.
//!
//! Plans are made of DataFusion's own nodes over its own Parquet source, so that an engine that runs plans elsewhere can
//! take them over. Five things in them are ours and do not travel by themselves: the reader that keeps footers, the source
//! around DataFusion's that names the file of an error, the
//! functions that look up release records and that pass the first copy of each event, and the count of distinct texts.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;
use futures::lock::Mutex;
use futures::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use transect_lake::{OddKey, RELEASES, RequestCounts, Serving, list_regions, read_mappings};

use transect_schema::{Completeness, FileNote, RegionNote};

use crate::amplify::{bound_operators, bound_recursion};
use crate::answer::{NamesSeen, ProgressCounts, Reading};
use crate::engine::Shared;
use crate::error::{Names, from_datafusion};
use crate::footers::{Footers, Progress};
use crate::landing::{Extent, Landing, LandingPlace};
use crate::names::hint_of;
use crate::release_map::{RELEASE_OF, ReleaseMap};
use crate::render::{Format, RenderError, TableStyle, render};
use crate::sampled::{LeastRate, sample_weight};
use crate::spool::Spool;
use crate::views::{Events, Invocations, RELEASE, Records, SQL_VIEWS, Spans, all_rows, landed, telemetry};
use crate::{QueryError, Result};

/// A question to a lake, under way.
pub struct Question {
    engine: Arc<Shared>,
    context: SessionContext,
    landing: Arc<Landing>,
    extent: Extent,
    limits: Limits,
    tables: Mutex<Tables>,
    releases: Records,
    /// What could not be read of the release records, by location.
    unread_records: std::sync::Mutex<BTreeSet<(usize, OddKey)>>,
    progress: Arc<Progress>,
    least_rate: Arc<LeastRate>,
}

/// How much one question may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// A question about more bytes of files than this is refused.
    pub bytes_max: Option<u64>,
}

/// What stands in the catalog.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tables {
    /// Nothing yet.
    None,
    /// Tables whose `release` asks the records of the lake.
    WithRecords,
    /// Tables for a lake without records.
    WithoutRecords,
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

/// Where a question has looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Regions asked for, else those of the lake as far as they are known.
    pub regions: Vec<String>,
    /// The beginning of the range; none if it is open.
    pub since_unix_nano: Option<i64>,
    /// The end of the range; none if it is open.
    pub until_unix_nano: Option<i64>,
    /// Files in the hours that could hold an answer.
    pub files: u64,
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// How it is written.
    pub format: Format,
    /// How a table looks.
    pub style: TableStyle,
    /// Nothing is written unless the answer is complete.
    pub strict: bool,
}

/// An answer that was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// How many rows it has.
    pub rows: u64,
    /// Whether it rests on everything that it should.
    pub completeness: Completeness,
    /// Names that stand in it.
    pub names: NamesSeen,
}

/// The tables that a query may name.
const TABLES: [&str; 8] = ["telemetry", "logs", "spans", "invocations", "metrics", "traces", "releases", "landing"];

impl Question {
    pub(crate) fn of(engine: &Arc<Shared>, extent: Extent, limits: Limits) -> Result<Question> {
        let extent = Extent { lateness_nano: extent.lateness_nano.max(0), ..extent };
        let progress = Arc::<Progress>::default();
        let places = engine.stores.iter().enumerate().map(|(index, store)| {
            let store = Arc::new(store.for_question());
            let footers = Footers::new(index, Arc::clone(&store), Arc::clone(&engine.footers), Arc::clone(&progress));
            LandingPlace { footers: Arc::new(footers), store }
        });
        let landing = Arc::new(Landing::new(places.collect(), extent.clone()));
        let context = engine.context().map_err(|error| from_datafusion(error, "", &Names::default()))?;
        let least_rate = Arc::default();
        context.register_udf(sample_weight(&least_rate));
        Ok(Question {
            engine: Arc::clone(engine),
            context,
            landing,
            extent,
            limits,
            tables: Mutex::new(Tables::None),
            releases: Arc::default(),
            unread_records: std::sync::Mutex::default(),
            progress,
            least_rate,
        })
    }

    /// Answers one query. `params` are the values of its placeholders, `$name` without the dollar sign. A region that
    /// does not answer while files are listed is left out; if one fails later, or a file cannot be read, the answer ends
    /// with an error: [`Question::give`] begins again without it.
    pub fn sql<'q>(&'q self, text: &'q str, params: &'q [(String, ScalarValue)]) -> BoxFuture<'q, Result<Answer>> {
        async move { self.attempt(text, params).await }.boxed()
    }

    /// Answers one query and writes the answer. Should a region fail or a file be unreadable, the answer is what the
    /// others hold, and says so: nothing is written before that is known, but for answers from local directories of which
    /// more comes than fits into memory.
    pub fn give<'q>(
        &'q self,
        text: &'q str,
        params: &'q [(String, ScalarValue)],
        wanted: &'q Wanted,
        out: &'q mut (dyn Write + Send),
    ) -> BoxFuture<'q, Result<Given, RenderError>> {
        async move {
            let all_local = self.landing.places().iter().all(|place| place.store.is_local());
            let mut spool = Spool::new(out, all_local && !wanted.strict);
            loop {
                let attempt = self.write_attempt(text, params, wanted, &mut spool).await;
                if self.landing.has_learned() && spool.discard() {
                    self.least_rate.forget();
                    continue;
                }
                let (rows, names) = attempt?;
                let completeness = self.completeness();
                if let Some(error) = self.nothing_answers(&completeness) {
                    spool.discard();
                    if wanted.format == Format::Json && !wanted.strict {
                        writeln!(spool, "{{\"rows\":[\n],{}}}", completeness.json_members())?;
                        spool.release()?;
                    }
                    return Err(error.into());
                }
                if completeness.is_complete() || !wanted.strict {
                    if rows == 0 {
                        self.check_for_telemetry().await?;
                    }
                    spool.release()?;
                }
                return Ok(Given { rows, completeness, names });
            }
        }
        .boxed()
    }

    async fn write_attempt(
        &self,
        text: &str,
        params: &[(String, ScalarValue)],
        wanted: &Wanted,
        out: &mut Spool<'_>,
    ) -> Result<(u64, NamesSeen), RenderError> {
        let mut answer = self.attempt(text, params).await?;
        render(&mut answer, wanted.format, &wanted.style, || self.completeness(), out).await
    }

    /// What would be read for a query, region by region. Nothing but listings, and release records, is read for that.
    pub async fn plan(&self, text: &str, params: &[(String, ScalarValue)]) -> Result<(Vec<Reading>, Completeness)> {
        self.landing.set_dry(true);
        let planned = self.planned(&self.state(), text, params).await;
        self.landing.set_dry(false);
        planned?;
        Ok((self.landing.readings(), self.completeness()))
    }

    /// The rows of an answer that is small, all of them. Where there are none, a batch still says which columns they would have.
    pub fn collect<'q>(
        &'q self,
        text: &'q str,
        params: &'q [(String, ScalarValue)],
    ) -> BoxFuture<'q, Result<(Vec<RecordBatch>, Completeness)>> {
        async move {
            loop {
                let attempt = async {
                    let mut answer = self.attempt(text, params).await?;
                    let mut batches = Vec::new();
                    while let Some(batch) = answer.next().await {
                        batches.push(batch?);
                    }
                    if batches.is_empty() {
                        batches.push(RecordBatch::new_empty(answer.schema()));
                    }
                    Ok::<_, QueryError>(batches)
                }
                .await;
                if self.landing.has_learned() {
                    self.least_rate.forget();
                    continue;
                }
                let batches = attempt?;
                let completeness = self.completeness();
                return match self.nothing_answers(&completeness) {
                    Some(error) => Err(error),
                    None => Ok((batches, completeness)),
                };
            }
        }
        .boxed()
    }

    /// Refuses regions that the lake does not have.
    pub async fn check_regions(&self, asked: &[String]) -> Result<()> {
        let is_known = |there: &BTreeSet<String>| asked.iter().all(|region| there.contains(region));
        let named = self.landing.places().iter().filter_map(|place| place.store.location().name());
        let mut there: BTreeSet<String> = named.map(str::to_owned).collect();
        if is_known(&there) {
            return Ok(());
        }
        for place in self.landing.places().iter().filter(|place| place.store.location().name().is_none()) {
            match list_regions(&place.store).await {
                Ok(regions) => there.extend(regions),
                // What does not answer may hold any region, and is told when it is asked.
                Err(_) => return Ok(()),
            }
        }
        let Some(unknown) = asked.iter().find(|region| !there.contains(*region)) else { return Ok(()) };
        let names = || there.iter().map(String::as_str);
        Err(QueryError::Usage {
            message: format!("the lake has no region {unknown}"),
            hint: Some(hint_of(unknown, names)),
        })
    }

    /// Where the question has looked: regions, and from when to when.
    pub async fn looked_at(&self) -> LookedAt {
        let readings = self.landing.readings();
        let asked = &self.extent.regions;
        let mut regions: BTreeSet<String> = asked.iter().cloned().collect();
        if asked.is_empty() {
            for place in self.landing.places() {
                // A place that does not answer is told as such.
                regions.extend(list_regions(&place.store).await.unwrap_or_default());
            }
        }
        LookedAt {
            regions: regions.into_iter().collect(),
            since_unix_nano: self.extent.since_unix_nano,
            until_unix_nano: self.extent.until_unix_nano,
            files: readings.iter().map(|reading| reading.files).sum(),
        }
    }

    /// What the scans of the question have found.
    pub fn scanned(&self) -> Scanned {
        let mut scanned = Scanned::default();
        for reading in self.landing.readings() {
            scanned.hours += reading.hours;
            scanned.files += reading.files;
            scanned.bytes += reading.bytes;
        }
        scanned
    }

    /// How far the question has come.
    pub fn progress(&self) -> ProgressCounts {
        let found = self.scanned();
        ProgressCounts {
            files_found: found.files,
            bytes_found: found.bytes,
            files_opened: self.progress.files.load(Relaxed),
            bytes_read: self.progress.bytes.load(Relaxed),
        }
    }

    /// What was asked of buckets for the question so far.
    pub fn requests(&self) -> RequestCounts {
        let mut counts = RequestCounts::default();
        for place in self.landing.places() {
            counts += place.store.requests().counts();
        }
        counts
    }

    pub(crate) fn landing(&self) -> &Arc<Landing> {
        &self.landing
    }

    pub(crate) fn extent(&self) -> &Extent {
        &self.extent
    }

    pub(crate) fn bytes_max(&self) -> Option<u64> {
        self.limits.bytes_max
    }

    /// Where every region is missing there is no answer: a count of nothing would be taken for one.
    pub(crate) fn nothing_answers(&self, completeness: &Completeness) -> Option<QueryError> {
        let missing = &completeness.missing_regions;
        (missing.len() == self.landing.places().len()).then(|| QueryError::NothingAnswers(missing.clone()))
    }

    /// What the question had to do without.
    pub(crate) fn completeness(&self) -> Completeness {
        let mut completeness = Completeness { sample_rate_min: self.least_rate.get(), ..Completeness::default() };
        for (index, place) in self.landing.places().iter().enumerate() {
            let location = place.store.location();
            let note = |reason: String| RegionNote { region: location.label().to_owned(), reason };
            match place.store.serving() {
                Serving::Primary => {}
                Serving::Replica(reason) => completeness.replicas.push(note(reason)),
                Serving::Nothing(reason) => completeness.missing_regions.push(note(reason)),
            }
            let path = |path: &str| match location.place().directory() {
                Some(directory) => directory.join(path).display().to_string(),
                None => path.to_owned(),
            };
            let files = place.footers.unreadable();
            let notes = files.into_iter().map(|(name, reason)| FileNote { path: path(name.as_ref()), reason });
            let unread = self.unread_records.lock().unwrap_or_else(PoisonError::into_inner);
            let unread = unread.iter().filter(|(place, _)| *place == index).map(|(_, odd)| odd.clone());
            let odd = self.landing.odd(index).into_iter().chain(unread);
            let odd = odd.map(|odd| FileNote { path: path(&visible_key(&odd.key)), reason: odd.reason });
            completeness.unreadable_files.extend(notes.chain(odd));
        }
        completeness
    }

    /// An answer without rows from a lake without files is told apart from one that was not found.
    pub(crate) async fn check_for_telemetry(&self) -> Result<()> {
        if self.landing.has_listed() && self.scanned().files == 0 && !self.landing.has_any_file().await {
            return Err(QueryError::NoTelemetry { place: "the lake".to_owned() });
        }
        Ok(())
    }

    /// A state for one query, in which `now()` is the time given.
    pub(crate) fn state(&self) -> SessionState {
        let mut state = self.context.state();
        let now = arrow::temporal_conversions::timestamp_ns_to_datetime(self.extent.now_unix_nano);
        if let Some(now) = now {
            state.execution_props_mut().query_execution_start_time = Some(now.and_utc());
        }
        state
    }

    /// Waits until the question may go on beside those that do, for as long as what is returned lives.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.engine.admission).acquire_owned().await;
        turn.map_err(|error| QueryError::Internal(error.to_string()))
    }

    async fn attempt(&self, text: &str, params: &[(String, ScalarValue)]) -> Result<Answer> {
        let turn = self.turn().await?;
        let state = self.state();
        let plan = self.planned(&state, text, params).await?;
        let context = Arc::new(TaskContext::from(&state));
        let stream = execute_stream(Arc::clone(&plan), context)
            .map_err(|error| from_datafusion(error, text, &Names::default()))?;
        Ok(Answer { plan, stream, sql: text.to_owned(), _turn: turn })
    }

    /// Plans a query. What it would read is known then, and nothing of it has been read.
    async fn planned(
        &self,
        state: &SessionState,
        text: &str,
        params: &[(String, ScalarValue)],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.physical_plan(state, text, params).await.map_err(|error| {
            let functions = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
            let functions: Vec<&str> = functions.chain(state.window_functions().keys()).map(String::as_str).collect();
            from_datafusion(error, text, &Names { tables: &TABLES, functions: &functions })
        })?;
        let bytes = self.scanned().bytes;
        match self.limits.bytes_max {
            Some(bytes_max) if bytes > bytes_max => Err(QueryError::TooLarge { bytes, bytes_max }),
            _ => Ok(plan),
        }
    }

    async fn physical_plan(
        &self,
        state: &SessionState,
        text: &str,
        params: &[(String, ScalarValue)],
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        bound_operators(text)?;
        self.landing.begin_attempt();
        let values = || ParamValues::from(params.iter().cloned().collect::<std::collections::HashMap<_, _>>());
        let mut tables = self.tables.lock().await;
        if *tables == Tables::None {
            self.register(state, true).await?;
            *tables = Tables::WithRecords;
        }
        let logical = |state: &SessionState| {
            let state = state.clone();
            async move {
                let plan = state.create_logical_plan(text).await?;
                let queries_only =
                    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
                queries_only.verify_plan(&plan)?;
                state.optimize(&plan.with_param_values(values())?)
            }
        };
        let mut plan = logical(state).await?;
        // Most lakes have no release records, and most questions do not ask for releases: those that do are planned once
        // more, without reading columns that only the records need.
        if *tables == Tables::WithRecords && asks_for_release(&plan)? {
            if self.releases.get().is_none() {
                let map = self.release_records().await;
                let _ = self.releases.set(map);
            }
            if self.releases.get().is_none_or(|records| records.is_empty()) {
                self.register(state, false).await?;
                *tables = Tables::WithoutRecords;
                plan = logical(state).await?;
            }
        }
        drop(tables);
        bound_recursion(state.query_planner().create_physical_plan(&plan, state).await?)
    }

    /// The release records of all regions, as the engine has them where it has read them lately.
    pub(crate) async fn release_records(&self) -> Arc<ReleaseMap> {
        match self.engine.records.lately() {
            Some(records) => records,
            None => self.read_release_records().await,
        }
    }

    /// The release records of all regions as they are now. A region that does not answer is missing from the answer altogether,
    /// and from now on answers say which records could not be read.
    pub(crate) async fn read_release_records(&self) -> Arc<ReleaseMap> {
        let read = |place: &'_ LandingPlace| {
            let (store, cache) = (Arc::clone(&place.store), self.engine.footers.disk());
            async move { read_mappings(&store, cache.as_deref()).await.map_err(|error| store.reason(&error)) }
        };
        let began = Instant::now();
        let read = futures::future::join_all(self.landing.places().iter().map(read)).await;
        let mut mappings = Vec::new();
        let mut unread = BTreeSet::new();
        let mut is_whole = true;
        for (index, read) in read.into_iter().enumerate() {
            let is_missing = || matches!(self.landing.places()[index].store.serving(), Serving::Nothing(_));
            match read {
                Ok((of_place, odd)) => {
                    mappings.extend(of_place);
                    unread.extend(odd.into_iter().map(|odd| (index, odd)));
                }
                Err(_) if is_missing() => is_whole = false,
                Err(reason) => {
                    unread.insert((index, OddKey { key: RELEASES.to_owned(), reason, is_folder: true }));
                }
            }
        }
        let records = Arc::new(ReleaseMap::new(mappings));
        // What another question could read is for it to find out.
        is_whole &= self.landing.places().iter().all(|place| place.store.serving() == Serving::Primary);
        if is_whole && unread.is_empty() {
            self.engine.records.keep(&records, began);
        }
        *self.unread_records.lock().unwrap_or_else(PoisonError::into_inner) = unread;
        records
    }

    /// Puts the tables into the catalog, in place of those that are there.
    async fn register(&self, state: &SessionState, with_records: bool) -> Result<(), DataFusionError> {
        let records = with_records.then_some(&self.releases);
        let all_rows = all_rows(&self.landing, records)?;
        let telemetry = telemetry(&all_rows, &self.extent)?;
        let tables: [(&str, Arc<dyn TableProvider>); 6] = [
            ("telemetry", Arc::new(ViewTable::new(telemetry.clone(), None))),
            ("logs", Arc::new(Events::new(&telemetry, "log"))),
            ("spans", Arc::new(Spans::new(&telemetry))),
            ("invocations", Arc::new(Invocations::new(&all_rows, &self.landing, &self.extent, records)?)),
            ("metrics", Arc::new(Events::new(&telemetry, "metric"))),
            ("landing", Arc::new(ViewTable::new(landed(&all_rows, &self.extent)?, None))),
        ];
        let put = |name: &str, table: Arc<dyn TableProvider>| {
            self.context.deregister_table(name)?;
            self.context.register_table(name, table).map(drop)
        };
        for (name, table) in tables {
            put(name, table)?;
        }
        // Nobody else asks for it: the view keeps it, the catalog does not.
        const UNTRACED: &str = "untraced_failures";
        put(UNTRACED, Arc::new(Invocations::untraced_failures(&all_rows, &self.landing, &self.extent)?))?;
        for (name, sql) in SQL_VIEWS {
            let plan = state.create_logical_plan(sql).await?;
            put(name, Arc::new(ViewTable::new(plan, Some(sql.to_owned()))))?;
        }
        self.context.deregister_table(UNTRACED)?;
        Ok(())
    }
}

/// A key that is odd, as people may read it.
fn visible_key(key: &str) -> String {
    key.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}

/// Whether the release of a row plays a part in a plan.
fn asks_for_release(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut asks = false;
    plan.apply_with_subqueries(|node| {
        // Views that plan themselves when they are scanned have it as a column.
        if let LogicalPlan::TableScan(scan) = node {
            let filters = scan.filters.iter().flat_map(|filter| filter.column_refs());
            asks |= scan.projected_schema.fields().iter().any(|field| field.name() == RELEASE)
                || filters.into_iter().any(|column| column.name == RELEASE);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                asks |= matches!(expr, Expr::ScalarFunction(function) if function.func.name() == RELEASE_OF);
                Ok(if asks { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })?;
        Ok(if asks { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(asks)
}

/// An answer on its way. Batches come as they are ready; nothing is held back.
pub struct Answer {
    plan: Arc<dyn ExecutionPlan>,
    stream: SendableRecordBatchStream,
    sql: String,
    /// Given back when the answer is dropped.
    _turn: OwnedSemaphorePermit,
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
