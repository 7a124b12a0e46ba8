//! Calls that are a stream's own: a plan node over one row a call. Where a stream has STARTs, a call none of whose lines
//! marks it is another's: of API Gateway, of the service that called, or a stranger's. It refuses to judge a stream without
//! STARTs: a function may let Lambda write failures alone.
//!
//! Rows of marked calls pass as they come. The others, which are few, wait until all streams are known.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err, project_schema};
use datafusion::datasource::TableType;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    Partitioning, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{named, without_rules};

/// Whether one of a call's lines marks it, and whether that is its START; never null.
pub(super) const IS_MARKED: &str = "is_marked";
pub(super) const IS_STARTED: &str = "is_started";
/// What makes calls those of one stream.
const STREAM: [&str; 3] = ["cloud_region", "aws_log_group", "aws_log_stream"];
/// Two hashes of 64 bits tell streams apart.
const SEEDS: [u64; 2] = [0x5f1d_36f1, 0x2545_f491];

/// One row a call, of those that are their stream's own.
#[derive(Debug)]
pub(super) struct OwnCalls {
    calls: LogicalPlan,
    schema: SchemaRef,
}

impl OwnCalls {
    /// `calls` has the columns of a stream, [`IS_MARKED`] and [`IS_STARTED`].
    pub(super) fn new(calls: LogicalPlan) -> OwnCalls {
        let schema = Arc::new(calls.schema().as_arrow().clone());
        OwnCalls { calls, schema }
    }
}

#[async_trait]
impl TableProvider for OwnCalls {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = project_schema(&self.schema, projection)?;
        let needed: Vec<&str> = STREAM.into_iter().chain([IS_MARKED, IS_STARTED]).collect();
        let others = wanted.fields().iter().map(|field| field.name().as_str()).filter(|name| !needed.contains(name));
        let calls = LogicalPlanBuilder::from(self.calls.clone());
        let calls = calls.project(needed.iter().copied().chain(others).map(named))?.build()?;
        let own: Arc<dyn ExecutionPlan> = Arc::new(OwnCallsExec::new(without_rules(state, &calls).await?));
        let columns = wanted.fields().iter().map(|field| Ok((col(field.name(), &own.schema())?, field.name().clone())));
        let columns = columns.collect::<Result<Vec<(Arc<dyn PhysicalExpr>, String)>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, own)?))
    }
}

/// The node.
#[derive(Debug, Clone)]
struct OwnCallsExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl OwnCallsExec {
    fn new(input: Arc<dyn ExecutionPlan>) -> OwnCallsExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        OwnCallsExec { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for OwnCallsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnCallsExec")
    }
}

impl ExecutionPlan for OwnCallsExec {
    fn name(&self) -> &'static str {
        "OwnCallsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.input_distribution_requirements().into_per_child()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(OwnCallsExec::new(input))),
            _ => internal_err!("it has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 || self.input.output_partitioning().partition_count() != 1 {
            return internal_err!("calls of one stream may lie in several partitions");
        }
        let reservation = MemoryConsumer::new("OwnCallsExec").register(context.memory_pool());
        let sieve = Sieve { started: HashSet::new(), waiting: Vec::new(), reservation };
        let input = self.input.execute(partition, context)?.map(|batch| batch.map(Some));
        let input = input.chain(stream::once(async { Ok(None) }));
        let output = input.scan(sieve, |sieve, batch| {
            let taken = batch.and_then(|batch| match batch {
                Some(batch) => sieve.take(&batch).map(|batch| vec![batch]),
                None => sieve.rest(),
            });
            std::future::ready(Some(taken))
        });
        let output = output.map_ok(|batches| stream::iter(batches.into_iter().map(Ok))).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), output)))
    }
}

/// What was seen so far.
struct Sieve {
    /// The streams that have STARTs.
    started: HashSet<[u64; 2]>,
    /// Calls that nothing marks, with their streams.
    waiting: Vec<(RecordBatch, Vec<[u64; 2]>)>,
    reservation: MemoryReservation,
}

impl Sieve {
    /// The rows that pass at once; the others wait.
    fn take(&mut self, calls: &RecordBatch) -> Result<RecordBatch> {
        let streams = streams(calls)?;
        let (marked, started) = (truths(calls, IS_MARKED)?, truths(calls, IS_STARTED)?);
        self.started.extend(streams.iter().zip(&started).filter(|(_, is_started)| **is_started).map(|(of, _)| *of));
        let unmarked: Vec<bool> = marked.iter().map(|is_marked| !is_marked).collect();
        if unmarked.contains(&true) {
            let of_unmarked = streams.iter().zip(&unmarked).filter(|(_, is_one)| **is_one).map(|(of, _)| *of).collect();
            let rows = filter_record_batch(calls, &BooleanArray::from(unmarked))?;
            self.reservation.try_grow(rows.get_array_memory_size())?;
            self.waiting.push((rows, of_unmarked));
        }
        Ok(filter_record_batch(calls, &BooleanArray::from(marked))?)
    }

    /// Those that waited, and whose streams have no STARTs.
    fn rest(&mut self) -> Result<Vec<RecordBatch>> {
        let waiting = std::mem::take(&mut self.waiting);
        self.reservation.free();
        let own = |(rows, streams): (RecordBatch, Vec<[u64; 2]>)| {
            let is_own: Vec<bool> = streams.iter().map(|stream| !self.started.contains(stream)).collect();
            Ok(filter_record_batch(&rows, &BooleanArray::from(is_own))?)
        };
        waiting.into_iter().map(own).collect()
    }
}

/// The stream of each row.
fn streams(calls: &RecordBatch) -> Result<Vec<[u64; 2]>> {
    let columns = STREAM.map(|name| match calls.column_by_name(name) {
        Some(array) => Ok(Arc::clone(array)),
        None => internal_err!("there is no {name}"),
    });
    let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
    let mut hashes = SEEDS.map(|_| vec![0; calls.num_rows()]);
    for (hashes, seed) in hashes.iter_mut().zip(SEEDS) {
        create_hashes(&columns, &RandomState::with_seed(seed), hashes)?;
    }
    let [one, other] = hashes;
    Ok(one.into_iter().zip(other).map(|(one, other)| [one, other]).collect())
}

fn truths(calls: &RecordBatch, name: &str) -> Result<Vec<bool>> {
    let Some(array) = calls.column_by_name(name) else { return internal_err!("there is no {name}") };
    let array = array.as_boolean();
    Ok((0..array.len()).map(|row| array.is_valid(row) && array.value(row)).collect())
}
