//! A plan node of our own: one input, whose rows a piece of work turns into others, partition by partition. It refuses to
//! know what the work is.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    Partitioning, PlanProperties,
};
use futures::stream::BoxStream;

/// What a node does.
pub(crate) trait Work: fmt::Debug + Send + Sync + 'static {
    /// What the node is called in plans.
    const NAME: &'static str;

    /// How the input's rows must lie.
    fn distribution(&self) -> Distribution {
        Distribution::UnspecifiedDistribution
    }

    /// The order that they must have.
    fn ordering(&self) -> Option<OrderingRequirements> {
        None
    }

    /// Whether what is known of the input's order and equal columns holds for what comes out.
    fn keeps_rows(&self) -> bool {
        false
    }

    /// The rows of one partition, under the same columns.
    fn run(
        &self,
        rows: SendableRecordBatchStream,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>>;
}

/// The node.
#[derive(Debug)]
pub(crate) struct Node<W> {
    work: Arc<W>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl<W: Work> Node<W> {
    pub(crate) fn new(work: Arc<W>, input: Arc<dyn ExecutionPlan>) -> Node<W> {
        let partitioning = match work.distribution() {
            Distribution::SinglePartition => Partitioning::UnknownPartitioning(1),
            _ => input.output_partitioning().clone(),
        };
        let properties = match work.keeps_rows() {
            true => Arc::clone(input.properties()),
            false => Arc::new(PlanProperties::new(
                EquivalenceProperties::new(input.schema()),
                partitioning,
                input.pipeline_behavior(),
                input.boundedness(),
            )),
        };
        Node { work, input, properties }
    }
}

impl<W: Work> DisplayAs for Node<W> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(W::NAME)
    }
}

impl<W: Work> ExecutionPlan for Node<W> {
    fn name(&self) -> &'static str {
        W::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![self.work.distribution()])
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.input_distribution_requirements().into_per_child()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.work.ordering()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(Node::new(Arc::clone(&self.work), input))),
            _ => internal_err!("it has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let partitions = self.input.output_partitioning().partition_count();
        if matches!(self.work.distribution(), Distribution::SinglePartition) && partitions != 1 {
            return internal_err!("{} has {partitions} inputs for one", W::NAME);
        }
        let rows = self.input.execute(partition, Arc::clone(&context))?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), self.work.run(rows, &context)?)))
    }
}
