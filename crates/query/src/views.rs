//! What the tables of the design are: `telemetry` is every row with two more columns, the others have each event once.
//! Deliveries repeat, so a view that counts must drop what came twice; filters are applied before that, because the
//! copies of an event are equal, and reach the Parquet scan.

mod first;
mod invocations;
mod once;
mod own;
mod tied;
mod worked;

/// The views that are plain SQL over the others.
pub(crate) const SQL_VIEWS: [(&str, &str); 2] =
    [("traces", include_str!("views/traces.sql")), ("releases", include_str!("views/releases.sql"))];

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{bool_or, max};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, cast, col, lit, not, when,
};
use datafusion::physical_plan::ExecutionPlan;
use transect_schema::{COLUMNS, SPAN_IN_PROGRESS};

pub(crate) use invocations::Invocations;

use crate::hours::allowed_values;
use crate::landing::{Extent, LANDING_HOUR, LANDING_REGION, Landing};
use crate::release_map::{ReleaseMap, release_of};
use once::{each_event_once, once};

/// The columns that say which event a row is.
pub(crate) const EVENT_KEY: [&str; 4] = ["cloud_region", "aws_log_group", "aws_log_stream", "event_id"];

fn event_key() -> [(Expr, &'static str); 4] {
    let names = ["key_region", "key_group", "key_stream", "key_id"];
    std::array::from_fn(|index| (named(EVENT_KEY[index]), names[index]))
}

/// The offset that `now()` and time literals have here as well, so that comparing them needs no cast.
pub(crate) const UTC: &str = "+00:00";

/// A bigint of nanoseconds as a point in time.
pub(crate) fn timestamp_of(nanos: Expr) -> Expr {
    cast(nanos, DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())))
}

/// The column that says which release a row is of.
pub(crate) const RELEASE: &str = "release";

/// The release records of the lake, where it has any, once they are read.
pub(crate) type Records = Arc<OnceLock<Arc<ReleaseMap>>>;

/// What the application states, else what was recorded for its version of the function, else that version.
fn release(records: Option<&Records>) -> Expr {
    let recorded = records.map(|records| {
        let args = ["cloud_region", "faas_name", "faas_version", "time_unix_nano"];
        release_of(records, args.map(named).to_vec())
    });
    let stated = [Some(named("service_version")), recorded, Some(named("faas_version"))];
    coalesce(stated.into_iter().flatten().collect())
}

/// Every row of the hours that `landing` looks at: `timestamp`, the columns of the contract, `release`, and where and
/// when the row landed.
pub(crate) fn all_rows(landing: &Arc<Landing>, records: Option<&Records>) -> Result<LogicalPlan> {
    let scan = LogicalPlanBuilder::scan("landing", provider_as_source(Arc::clone(landing) as _), None)?;
    let mut columns = vec![timestamp_of(col("time_unix_nano")).alias("timestamp")];
    columns.extend(COLUMNS.iter().map(|column| col(column.name)));
    columns.push(release(records).alias(RELEASE));
    columns.extend([LANDING_REGION, LANDING_HOUR].map(col));
    scan.project(columns)?.build()
}

/// The rows between since and until, where given, with where and when they landed.
pub(crate) fn landed(all_rows: &LogicalPlan, extent: &Extent) -> Result<LogicalPlan> {
    within(LogicalPlanBuilder::from(all_rows.clone()), extent.since_unix_nano, extent.until_unix_nano)?.build()
}

/// The rows between since and until, where given.
pub(crate) fn telemetry(all_rows: &LogicalPlan, extent: &Extent) -> Result<LogicalPlan> {
    let landed = landed(all_rows, extent)?;
    let mut columns: Vec<Expr> = landed.schema().columns().into_iter().map(Expr::Column).collect();
    columns.truncate(columns.len() - 2);
    LogicalPlanBuilder::from(landed).project(columns)?.build()
}

fn within(rows: LogicalPlanBuilder, since: Option<i64>, until: Option<i64>) -> Result<LogicalPlanBuilder> {
    let time = || col("time_unix_nano");
    let rows = match since {
        Some(since) => rows.filter(time().gt_eq(lit(since)))?,
        None => rows,
    };
    match until {
        Some(until) => rows.filter(time().lt_eq(lit(until))),
        None => Ok(rows),
    }
}

/// Whether a view may apply the filter itself: what gives the same answer for every copy of an event.
fn is_plain(filter: &Expr) -> bool {
    let mut plain = !filter.is_volatile();
    let _ = filter.apply(|expr| {
        Ok(match expr {
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..) => {
                plain = false;
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        })
    });
    plain
}

/// Columns with so many values that the rows of one of them are few.
const NEEDLES: [&str; 5] = ["trace_id", "span_id", "correlation_id", "faas_invocation_id", "event_id"];

/// Whether the filters ask for single values of such a column.
fn is_needle(filters: &[Expr]) -> bool {
    NEEDLES.iter().any(|name| allowed_values(name, filters).is_some())
}

/// The filters that are about these columns alone.
fn only_about(filters: &[Expr], columns: &[&str]) -> Vec<Expr> {
    let about = |filter: &&Expr| filter.column_refs().iter().all(|column| columns.contains(&column.name.as_str()));
    filters.iter().filter(about).cloned().collect()
}

fn pushdown(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let of = |filter: &&Expr| match is_plain(filter) {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    };
    filters.iter().map(of).collect()
}

/// Applies what the query wants of a view to the view's rows and plans it.
async fn plan(
    state: &dyn Session,
    rows: LogicalPlanBuilder,
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let rows = match projection {
        Some(indices) => rows.project(indices.iter().map(|index| named(schema.field(*index).name())))?,
        None => rows,
    };
    without_rules(state, &rows.limit(0, limit)?.build()?).await
}

/// Plans rows for a plan that is optimised as a whole.
async fn without_rules(state: &dyn Session, rows: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    // Only the plan of the whole query may be optimised: an aggregate that an optimiser has found sorted relies on an
    // input that the second one is free to shuffle.
    match state.as_any().downcast_ref::<SessionState>() {
        Some(state) => {
            // The joins of a view have a small side, which is best handed to all partitions of the other.
            let config = state.config().clone().with_repartition_joins(false);
            // A builder would put a new, empty catalog in place of the one that all states of the question share.
            let config = config.with_create_default_catalog_and_schema(false);
            let builder = SessionStateBuilder::new_from_existing(state.clone()).with_config(config);
            builder.with_physical_optimizer_rules(Vec::new()).build().create_physical_plan(rows).await
        }
        None => state.create_physical_plan(rows).await,
    }
}

/// A column by its name as it is: `col` would take a dot in it for a table's name.
pub(crate) fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The rows of one signal, each event once: `logs` and `metrics`.
#[derive(Debug)]
pub(crate) struct Events {
    telemetry: LogicalPlan,
    signal: &'static str,
    schema: SchemaRef,
}

impl Events {
    pub(crate) fn new(telemetry: &LogicalPlan, signal: &'static str) -> Events {
        Events { telemetry: telemetry.clone(), signal, schema: Arc::clone(telemetry.schema().inner()) }
    }
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rows = LogicalPlanBuilder::from(self.telemetry.clone()).filter(named("signal").eq(lit(self.signal)))?;
        for filter in filters {
            rows = rows.filter(filter.clone())?;
        }
        let wanted = wanted(&self.schema, projection, &[]);
        let mut needed = wanted.clone();
        needed.extend(EVENT_KEY.iter().filter(|name| !wanted.contains(name)));
        let rows = each_event_once(rows, &needed, &wanted, is_needle(filters))?;
        plan(state, rows, &self.schema, projection, limit).await
    }
}

/// The names of the columns that a scan asks for and that its filters need.
fn wanted<'s>(schema: &'s SchemaRef, projection: Option<&Vec<usize>>, filters: &'s [Expr]) -> Vec<&'s str> {
    let mut wanted: Vec<&str> = match projection {
        Some(indices) => indices.iter().map(|index| schema.field(*index).name().as_str()).collect(),
        None => schema.fields().iter().map(|field| field.name().as_str()).collect(),
    };
    for column in filters.iter().flat_map(|filter| filter.column_refs()) {
        if !wanted.contains(&column.name.as_str()) {
            wanted.push(column.name.as_str());
        }
    }
    wanted
}

/// Spans, each once: what was written while it was in progress gives way to what was written when it had ended.
#[derive(Debug)]
pub(crate) struct Spans {
    telemetry: LogicalPlan,
    /// Of `telemetry`, and the column `in_progress` at its end.
    schema: SchemaRef,
}

const IN_PROGRESS: &str = "in_progress";

/// Columns in which the copies of a span are equal, so that a filter on them may be applied to the copies.
const EQUAL_IN_SPAN_COPIES: [&str; 7] =
    ["trace_id", "span_id", "cloud_region", "aws_log_group", "cloud_account_id", "time_unix_nano", "timestamp"];

impl Spans {
    pub(crate) fn new(telemetry: &LogicalPlan) -> Spans {
        let mut fields = telemetry.schema().fields().iter().cloned().collect::<Vec<_>>();
        fields.push(Arc::new(arrow::datatypes::Field::new(IN_PROGRESS, DataType::Boolean, true)));
        Spans { telemetry: telemetry.clone(), schema: Arc::new(arrow::datatypes::Schema::new(fields)) }
    }
}

#[async_trait]
impl TableProvider for Spans {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut copies = LogicalPlanBuilder::from(self.telemetry.clone()).filter(named("signal").eq(lit("span")))?;
        let of_all_copies = only_about(filters, &EQUAL_IN_SPAN_COPIES);
        for filter in &of_all_copies {
            copies = copies.filter(filter.clone())?;
        }
        let wanted = wanted(&self.schema, projection, filters);
        let mut needed: Vec<&str> = wanted.iter().copied().filter(|name| *name != IN_PROGRESS).collect();
        needed.extend(SPAN_NEEDS.iter().filter(|name| !wanted.contains(name)));
        let copies =
            copies.project(needed.iter().map(|name| named(name)).chain([is_in_progress().alias(IN_PROGRESS)]))?;
        needed.push(IN_PROGRESS);
        let mut rows = once(copies, &span_key(), &needed, &wanted, &ended_copy, is_needle(&of_all_copies))?;
        for filter in filters {
            rows = rows.filter(filter.clone())?;
        }
        plan(state, rows, &self.schema, projection, limit).await
    }
}

/// Columns that tell the copies of a span apart, wanted or not.
const SPAN_NEEDS: [&str; 4] = ["trace_id", "span_id", "event_id", "event_name"];

/// A span without an id, which the contract does not know, is a span by itself.
fn span_key() -> [(Expr, &'static str); 2] {
    [(named("trace_id"), "key_trace"), (coalesce(vec![named("span_id"), named("event_id")]), "key_span")]
}

fn is_in_progress() -> Expr {
    coalesce(vec![named("event_name").eq(lit(SPAN_IN_PROGRESS)), lit(false)])
}

/// The value in the copy that has ended, else in the one in progress.
fn ended_copy(name: &str) -> Result<Expr> {
    let has_ended = || bool_or(not(named(IN_PROGRESS)));
    if name == IN_PROGRESS {
        return Ok(not(has_ended()));
    }
    let of_ended = max(named(name)).filter(not(named(IN_PROGRESS))).build()?;
    when(has_ended(), of_ended).otherwise(max(named(name)))
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::ident;

    use super::*;

    #[test]
    fn a_filter_with_a_subquery_or_a_die_is_left_to_the_engine() {
        assert!(is_plain(&ident("trace_id").eq(lit("a"))));
        assert!(!is_plain(&datafusion::functions::math::expr_fn::random().gt(lit(0.5))));
    }
}
