//! Rows that a plan node of ours has worked on, as a table. It refuses to know which node.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_err, project_schema};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use super::{named, without_rules};
use crate::node::{Node, Work};

/// Work on the rows of a view.
pub(super) trait ViewWork: Work + Sized {
    /// The columns that it needs, wanted or not.
    const NEEDED: &'static [&'static str];

    /// The work on rows of these columns.
    fn on(schema: &SchemaRef) -> Result<Self>;
}

/// The rows, worked on.
#[derive(Debug)]
pub(super) struct Worked<W> {
    rows: LogicalPlan,
    schema: SchemaRef,
    work: std::marker::PhantomData<W>,
}

impl<W> Worked<W> {
    pub(super) fn new(rows: LogicalPlan) -> Worked<W> {
        let schema = Arc::new(rows.schema().as_arrow().clone());
        Worked { rows, schema, work: std::marker::PhantomData }
    }
}

#[async_trait]
impl<W: ViewWork> TableProvider for Worked<W> {
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
        let others = wanted.fields().iter().map(|field| field.name().as_str()).filter(|name| !W::NEEDED.contains(name));
        let rows = LogicalPlanBuilder::from(self.rows.clone());
        let rows = rows.project(W::NEEDED.iter().copied().chain(others).map(named))?.build()?;
        let rows = without_rules(state, &rows).await?;
        let work = Arc::new(W::on(&rows.schema())?);
        let worked: Arc<dyn ExecutionPlan> = Arc::new(Node::new(work, rows));
        let columns =
            wanted.fields().iter().map(|field| Ok((col(field.name(), &worked.schema())?, field.name().clone())));
        let columns = columns.collect::<Result<Vec<(Arc<dyn PhysicalExpr>, String)>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, worked)?))
    }
}

/// The columns of these names.
pub(super) fn columns(batch: &RecordBatch, names: &[&str]) -> Result<Vec<ArrayRef>> {
    let column = |name: &&str| match batch.column_by_name(name) {
        Some(array) => Ok(Arc::clone(array)),
        None => internal_err!("there is no {name}"),
    };
    names.iter().map(column).collect()
}
