//! The view `invocations`: one row a Lambda invocation, put together from its records. It refuses to guess what no
//! record says: without a report there is no duration and no status.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, JoinType, Result};
use datafusion::datasource::TableType;
use datafusion::functions::core::expr_fn::{coalesce, least, nullif};
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions::unicode::expr_fn::{strpos, substr};
use datafusion::functions_aggregate::expr_fn::{bool_or, count, max, min};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, cast, lit, when,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_functions_json::udfs::{json_get_float_udf, json_get_int_udf};
use transect_lake::NANOS_PER_HOUR;

use super::once::each_event_once;
use super::{
    EVENT_KEY, RELEASE, Records, SEVERITY_ERROR, is_needle, named, only_about, plan, pushdown, release, timestamp_of,
    within,
};
use crate::hours::{Bounds, bounds};
use crate::landing::Extent;

/// Records of an invocation lie at most so far from its start: three attempts of Lambda's longest duration, with its waits
/// of one and two minutes between them, make 48 minutes. An attempt that Lambda put off for longer, because the function
/// was throttled, is not seen from a range that begins or ends between.
const RECORDS_NANO_MAX: i64 = NANOS_PER_HOUR;

/// Stands between what a text is ordered by and the text itself; no event id holds it.
const MARK: &str = "\u{1}";

/// What makes records one invocation. An asynchronous retry keeps the request id, and so stays one.
const INVOCATION_KEY: [&str; 4] = ["cloud_account_id", "cloud_region", "aws_log_group", "faas_invocation_id"];

/// Columns of the records that the view is made of, besides the keys.
const RECORD_COLUMNS: [&str; 19] = [
    "time_unix_nano",
    "event_name",
    "service_name",
    "service_version",
    "faas_name",
    "faas_version",
    "faas_coldstart",
    "trace_id",
    "correlation_id",
    "severity_number",
    "duration_nano",
    "status_code",
    "status_message",
    "exception_type",
    "exception_message",
    "billed_duration_ms",
    "memory_size_mb",
    "max_memory_used_mb",
    "init_duration_ms",
];

/// The columns that come from the attributes of a report, and what they are called there.
const REPORT_METRICS: [(&str, &str); 4] = [
    ("billed_duration_ms", "billedDurationMs"),
    ("memory_size_mb", "memorySizeMB"),
    ("max_memory_used_mb", "maxMemoryUsedMB"),
    ("init_duration_ms", "initDurationMs"),
];

/// One row a Lambda invocation.
#[derive(Debug)]
pub(crate) struct Invocations {
    all_rows: LogicalPlan,
    extent: Extent,
    records: Option<Records>,
    schema: SchemaRef,
}

impl Invocations {
    pub(crate) fn new(all_rows: &LogicalPlan, extent: &Extent, records: Option<&Records>) -> Result<Invocations> {
        let rows = invocations(LogicalPlanBuilder::from(all_rows.clone()), records, true)?.build()?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        Ok(Invocations { all_rows: all_rows.clone(), extent: extent.clone(), records: records.cloned(), schema })
    }
}

#[async_trait]
impl TableProvider for Invocations {
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
        // An invocation belongs to the range that its start lies in; its records may lie a little outside.
        let asked = Bounds { min: self.extent.since_unix_nano, max: self.extent.until_unix_nano };
        let wanted = asked.and(bounds(&["timestamp", "time_unix_nano"], filters)).widen(RECORDS_NANO_MAX);
        let mut records = within(LogicalPlanBuilder::from(self.all_rows.clone()), wanted.min, wanted.max)?;
        let of_key = only_about(filters, &INVOCATION_KEY);
        for filter in &of_key {
            records = records.filter(filter.clone())?;
        }
        let mut few = is_needle(&of_key);
        for id in ["trace_id", "correlation_id"] {
            let of_id = only_about(filters, &[id]);
            if is_needle(&of_id) {
                records = of_invocations_with(records, of_id)?;
                few = true;
            }
        }
        let mut rows = within(invocations(records, self.records.as_ref(), few)?, asked.min, asked.max)?;
        for filter in filters {
            rows = rows.filter(filter.clone())?;
        }
        plan(state, rows, &self.schema, projection, limit).await
    }
}

/// All records of the invocations of which one record passes the filters. An id stands in some records of an invocation
/// only, and finding those few by it spares putting every invocation together.
fn of_invocations_with(records: LogicalPlanBuilder, filters: Vec<Expr>) -> Result<LogicalPlanBuilder> {
    const FOUND: &str = "found_invocation_id";
    let mut found = records.clone();
    for filter in filters {
        found = found.filter(filter)?;
    }
    let found = found.project([named("faas_invocation_id").alias(FOUND)])?.distinct()?;
    let on = (vec![Column::new_unqualified(FOUND)], vec![Column::new_unqualified("faas_invocation_id")]);
    found.join(records.build()?, JoinType::RightSemi, on, None)
}

fn invocations(rows: LogicalPlanBuilder, recorded: Option<&Records>, few: bool) -> Result<LogicalPlanBuilder> {
    let is_report = || named("event_name").eq(lit("platform.report"));
    let rows = rows.filter(named("signal").eq(lit("log")))?.filter(named("faas_invocation_id").is_not_null())?;
    let mut columns: Vec<Expr> = EVENT_KEY.iter().chain(&INVOCATION_KEY[..1]).map(|name| named(name)).collect();
    columns.push(named("faas_invocation_id"));
    for name in RECORD_COLUMNS {
        columns.push(match REPORT_METRICS.iter().find(|(column, _)| *column == name) {
            // Guarded, so that no other record's attributes are parsed.
            Some((_, metric)) => {
                when(is_report(), report_metric(metric, name == "init_duration_ms")).end()?.alias(name)
            }
            None => named(name),
        });
    }
    let rows = rows.project(columns)?;

    let mut wanted = EVENT_KEY.to_vec();
    wanted.extend(["cloud_account_id", "faas_invocation_id"]);
    wanted.extend(RECORD_COLUMNS);
    let records = each_event_once(rows, &wanted, &wanted, few)?;

    let summary = summarise(records, is_report)?;
    let started = named("first_unix_nano").alias("time_unix_nano");
    let columns: Vec<Expr> = summary.schema().columns().into_iter().map(Expr::Column).collect();
    summary.project(columns.into_iter().chain([started]))?.project(output(recorded))
}

/// A number out of a report's attributes.
fn report_metric(name: &str, is_float: bool) -> Expr {
    let path = || vec![named("attributes"), lit("record"), lit("metrics"), lit(name)];
    let whole = json_get_int_udf().call(path());
    if !is_float {
        return whole;
    }
    // Lambda writes whole and broken milliseconds, and the JSON functions tell integers and floats apart.
    coalesce(vec![json_get_float_udf().call(path()), cast(whole, DataType::Float64)])
}

/// The records of each invocation as one row, still under working names where a result needs two of them.
fn summarise(records: LogicalPlanBuilder, is_report: impl Fn() -> Expr) -> Result<LogicalPlanBuilder> {
    let is_error = || named("severity_number").gt_eq(lit(SEVERITY_ERROR));
    let has_exception = || named("exception_type").is_not_null();
    // Type and message of one record, the first that has a type: texts that begin with its time and id. `first_value`
    // takes another record now and then where it is filtered and its input comes from several partitions, and the least
    // of structs costs more than everything else together.
    let first = |name: &str| {
        let text = vec![cast(named("time_unix_nano"), DataType::Utf8), named("event_id"), lit(MARK), named(name)];
        min(concat(text)).filter(has_exception()).build()
    };
    let platform_error = named("event_name")
        .in_list(["platform.report", "platform.runtimeDone", "platform.end"].map(lit).to_vec(), false)
        .and(named("status_code").eq(lit("ERROR")));
    let aggregates = vec![
        min(named("time_unix_nano")).alias("first_unix_nano"),
        min(named("time_unix_nano") - named("duration_nano")).filter(is_report()).build()?.alias("begun_unix_nano"),
        max(named("service_name")).alias("service_name"),
        max(named("service_version")).alias("service_version"),
        max(named("faas_name")).alias("faas_name"),
        max(named("faas_version")).alias("faas_version"),
        bool_or(named("faas_coldstart")).alias("faas_coldstart"),
        max(named("trace_id")).alias("trace_id"),
        max(named("correlation_id")).alias("correlation_id"),
        max(named("duration_nano")).filter(is_report()).build()?.alias("duration_nano"),
        max(named("billed_duration_ms")).alias("billed_duration_ms"),
        max(named("memory_size_mb")).alias("memory_size_mb"),
        max(named("max_memory_used_mb")).alias("max_memory_used_mb"),
        max(named("init_duration_ms")).alias("init_duration_ms"),
        bool_or(is_report()).alias("reported"),
        bool_or(coalesce(vec![platform_error, lit(false)]).or(coalesce(vec![is_error(), lit(false)]))).alias("failed"),
        max(named("status_message")).filter(is_report()).build()?.alias("status_message"),
        first("exception_type")?.alias("exception_type"),
        first("exception_message")?.alias("exception_message"),
        count(lit(1_i64)).filter(is_error()).build()?.alias("error_count"),
        count(lit(1_i64)).alias("log_count"),
        count(lit(1_i64)).filter(named("event_name").eq(lit("platform.start"))).build()?.alias("attempts"),
        max(named("aws_log_stream")).alias("aws_log_stream"),
    ];
    records.aggregate(INVOCATION_KEY.map(named), aggregates)
}

fn output(recorded: Option<&Records>) -> Vec<Expr> {
    // The start: of the first record, unless that is only the report, whose duration leads back to it.
    let start = || least(vec![named("first_unix_nano"), named("begun_unix_nano")]);
    let status = when(named("failed"), lit("ERROR")).when(named("reported"), lit("OK")).otherwise(lit("UNSET"));
    let mut columns = vec![timestamp_of(start()).alias("timestamp"), start().alias("time_unix_nano")];
    columns.extend(["cloud_account_id", "cloud_region", "service_name"].map(named));
    columns.push(release(recorded).alias(RELEASE));
    columns.extend(
        [
            "service_version",
            "faas_name",
            "faas_version",
            "faas_invocation_id",
            "trace_id",
            "correlation_id",
            "duration_nano",
            "billed_duration_ms",
            "memory_size_mb",
            "max_memory_used_mb",
            "init_duration_ms",
            "faas_coldstart",
        ]
        .map(named),
    );
    columns.extend(status.map(|status| status.alias("status_code")));
    columns.push(named("status_message"));
    let after_mark = |name: &str| substr(named(name), strpos(named(name), lit(MARK)) + lit(1_i64));
    columns.extend(["exception_type", "exception_message"].map(|name| nullif(after_mark(name), lit("")).alias(name)));
    columns.extend(["error_count", "log_count", "attempts", "aws_log_group", "aws_log_stream"].map(named));
    columns
}
