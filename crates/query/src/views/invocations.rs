//! The view `invocations`: one row a Lambda invocation, put together from its records: those that carry its id, and the
//! failures that stand in its stream while it ran. It refuses to guess what no record says: without a report there is no
//! duration and no status.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, JoinType, Result};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::functions::core::expr_fn::{coalesce, least, nullif};
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions::unicode::expr_fn::{strpos, substr};
use datafusion::functions_aggregate::expr_fn::{bool_or, count, max, min};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, cast, lit, not, when,
};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion_functions_json::udfs::{json_get_float_udf, json_get_int_udf};
use transect_lake::NANOS_PER_HOUR;

use transect_schema::{SEVERITY_ERROR, STATUS_ERROR};

use super::once::each_event_once;
use super::own::{IS_MARKED, IS_STARTED, OwnCalls};
use super::tied::Tied;
use super::worked::Worked;
use super::{EVENT_KEY, RELEASE, Records, is_needle, named, only_about, plan, pushdown, release, timestamp_of, within};
use crate::failure::has_failed;
use crate::hours::{Bounds, bounds};
use crate::landing::{Extent, Landing};
use transect_trace::calls::LineKind;

/// Records of an invocation lie at most so far from its start: three attempts of Lambda's longest duration, with its waits
/// of one and two minutes between them, make 48 minutes. An attempt that Lambda put off for longer, because the function
/// was throttled, is not seen from a range that begins or ends between.
const RECORDS_NANO_MAX: i64 = NANOS_PER_HOUR;

/// Streams that are looked up for a question about few invocations; for more of them all are read.
const STREAMS_MAX: usize = 256;

/// Working names: the trace that Lambda's own lines name, and the greatest that any line does.
const MARKED_TRACE: &str = "marked_trace_id";
const PRINTED_TRACE: &str = "printed_trace_id";
/// Failures of a call whose own lines name no trace.
const UNTRACED_FAILURES: &str = "untraced_failures";

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

/// What is said of each invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The view.
    All,
    /// Of those whose lines failed without naming the trace: how many did, for the view `traces`.
    UntracedFailures,
}

/// One row a Lambda invocation.
#[derive(Debug)]
pub(crate) struct Invocations {
    form: Form,
    all_rows: LogicalPlan,
    landing: Arc<Landing>,
    extent: Extent,
    records: Option<Records>,
    schema: SchemaRef,
}

impl Invocations {
    pub(crate) fn new(
        all_rows: &LogicalPlan,
        landing: &Arc<Landing>,
        extent: &Extent,
        records: Option<&Records>,
    ) -> Result<Invocations> {
        Invocations::in_form(Form::All, all_rows, landing, extent, records)
    }

    /// The failures that name no trace, by the trace of their call.
    pub(crate) fn untraced_failures(
        all_rows: &LogicalPlan,
        landing: &Arc<Landing>,
        extent: &Extent,
    ) -> Result<Invocations> {
        Invocations::in_form(Form::UntracedFailures, all_rows, landing, extent, None)
    }

    fn in_form(
        form: Form,
        all_rows: &LogicalPlan,
        landing: &Arc<Landing>,
        extent: &Extent,
        records: Option<&Records>,
    ) -> Result<Invocations> {
        let rows = LogicalPlanBuilder::from(all_rows.clone());
        let parts = Parts { named: named_rows(rows.clone())?, tied: tied_rows(rows)? };
        let rows = invocations(form, parts.unite(true)?, records)?.build()?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let (landing, extent, records) = (Arc::clone(landing), extent.clone(), records.cloned());
        Ok(Invocations { form, all_rows: all_rows.clone(), landing, extent, records, schema })
    }

    /// What is true of the rows of the streams, and the time, in which something passes the filters.
    async fn around(&self, state: &dyn Session, rows: LogicalPlanBuilder, filters: &[Expr]) -> Result<Option<Expr>> {
        if self.landing.is_dry() {
            return Ok(None);
        }
        let mut found = rows;
        for filter in filters {
            found = found.filter(filter.clone())?;
        }
        let times = [min(named("time_unix_nano")).alias("first"), max(named("time_unix_nano")).alias("last")];
        let found = found.aggregate([named("aws_log_stream")], times)?.limit(0, Some(STREAMS_MAX + 1))?.build()?;
        let found = state.create_physical_plan(&found).await?;
        let batches = collect(found, state.task_ctx()).await?;
        let mut streams = Vec::new();
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for batch in &batches {
            let names = cast_array(batch.column(0), &DataType::Utf8View)?;
            streams.extend(names.as_string_view().iter().map(|name| name.map(str::to_owned)));
            let [least, most] = [1, 2].map(|column| batch.column(column).as_primitive::<Int64Type>());
            first = first.min(arrow::compute::min(least).unwrap_or(first));
            last = last.max(arrow::compute::max(most).unwrap_or(last));
        }
        if streams.len() > STREAMS_MAX {
            return Ok(None);
        }
        let (since, until) = (first.saturating_sub(RECORDS_NANO_MAX), last.saturating_add(RECORDS_NANO_MAX));
        let time = || named("time_unix_nano");
        let names: Vec<Expr> = streams.iter().flatten().map(|name| lit(name.as_str())).collect();
        let is_one = named("aws_log_stream").in_list(names, false);
        let is_one = if streams.contains(&None) { is_one.or(named("aws_log_stream").is_null()) } else { is_one };
        Ok(Some(time().gt_eq(lit(since)).and(time().lt_eq(lit(until))).and(is_one)))
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
        let mut rows = within(LogicalPlanBuilder::from(self.all_rows.clone()), wanted.min, wanted.max)?;
        for filter in only_about(filters, &INVOCATION_KEY[..3]) {
            rows = rows.filter(filter)?;
        }
        let of_key = only_about(filters, &INVOCATION_KEY);
        let ids = ["trace_id", "correlation_id"].map(|id| only_about(filters, &[id]));
        let ids: Vec<Vec<Expr>> = ids.into_iter().filter(|of_id| is_needle(of_id)).collect();
        let few = is_needle(&of_key) || !ids.is_empty();
        let mut candidates = rows.clone();
        if few {
            // One of its records may name the trace, another one the correlation, and another one the invocation.
            let needles = if is_needle(&of_key) { &of_key } else { ids.first().unwrap_or(&of_key) };
            if let Some(around) = self.around(state, rows.clone(), needles).await? {
                candidates = candidates.filter(around)?;
            }
        }
        let mut parts = Parts { named: named_rows(rows)?, tied: tied_rows(candidates)? };
        for filter in of_key {
            parts = parts.filter(&filter)?;
        }
        for of_id in ids {
            parts = parts.of_invocations_with(&of_id)?;
        }
        let rows = invocations(self.form, parts.unite(few)?, self.records.as_ref())?;
        let mut rows = within(rows, asked.min, asked.max)?;
        for filter in filters {
            rows = rows.filter(filter.clone())?;
        }
        plan(state, rows, &self.schema, projection, limit).await
    }
}

/// The records of invocations, copies among them, under the names of their columns.
struct Parts {
    /// Those that name their invocation, and neither mark it nor say that it failed.
    named: LogicalPlanBuilder,
    /// Marks and failures, with the invocation that they belong to.
    tied: LogicalPlanBuilder,
}

/// What is kept of the parts is not the whole answer: the marks of other calls stay, because they tell whether a stream has
/// any, and whoever asks for few filters what comes out.
impl Parts {
    fn filter(self, filter: &Expr) -> Result<Parts> {
        Ok(Parts { named: self.named.filter(filter.clone())?, ..self })
    }

    /// All records of the invocations of which one record passes the filters. An id stands in some records of an invocation
    /// only, and finding those few by it spares putting every invocation together.
    fn of_invocations_with(self, filters: &[Expr]) -> Result<Parts> {
        const FOUND: &str = "found_invocation_id";
        let found = |rows: &LogicalPlanBuilder| {
            let mut found = rows.clone();
            for filter in filters {
                found = found.filter(filter.clone())?;
            }
            found.project([named("faas_invocation_id").alias(FOUND)])
        };
        let found = found(&self.named)?.union(found(&self.tied)?.build()?)?.distinct()?;
        let on = (vec![Column::new_unqualified(FOUND)], vec![Column::new_unqualified("faas_invocation_id")]);
        Ok(Parts { named: found.join(self.named.build()?, JoinType::RightSemi, on, None)?, ..self })
    }

    /// All of them, each once.
    fn unite(self, few: bool) -> Result<LogicalPlanBuilder> {
        let mut wanted = EVENT_KEY.to_vec();
        wanted.extend(["cloud_account_id", "faas_invocation_id"]);
        wanted.extend(RECORD_COLUMNS);
        let tied = self.tied.project(wanted.iter().map(|name| named(name).alias(*name)))?;
        each_event_once(self.named, &wanted, &wanted, few)?.union(tied.build()?)
    }
}

fn is_mark() -> Expr {
    let is_one = named("event_name").in_list(LineKind::MARKS.map(lit).to_vec(), false);
    coalesce(vec![is_one, lit(false)])
}

/// The columns of the records, from the rows.
fn record_columns() -> Result<Vec<Expr>> {
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
    Ok(columns)
}

fn named_rows(rows: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
    let rows = rows.filter(named("signal").eq(lit("log")))?.filter(named("faas_invocation_id").is_not_null())?;
    rows.filter(not(is_mark().or(has_failed())))?.project(record_columns()?)
}

fn tied_rows(rows: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
    let rows = rows.filter(named("signal").eq(lit("log")))?.filter(is_mark().or(has_failed()))?;
    let columns = record_columns()?.into_iter().chain([named("observed_time_unix_nano")]);
    let rows = rows.project(columns)?.build()?;
    LogicalPlanBuilder::scan("tied", provider_as_source(Arc::new(Worked::<Tied>::new(rows))), None)
}

/// Invocations from their records.
fn invocations(form: Form, records: LogicalPlanBuilder, recorded: Option<&Records>) -> Result<LogicalPlanBuilder> {
    let summary = summarise(records)?.build()?;
    let own = provider_as_source(Arc::new(Worked::<OwnCalls>::new(summary)));
    let summary = LogicalPlanBuilder::scan("own_calls", own, None)?;
    let started = named("first_unix_nano").alias("time_unix_nano");
    let columns: Vec<Expr> = summary.schema().columns().into_iter().map(Expr::Column).collect();
    let traced = coalesce(vec![named(MARKED_TRACE), named(PRINTED_TRACE)]).alias("trace_id");
    let summary = summary.project(columns.into_iter().chain([started, traced]))?;
    match form {
        Form::All => summary.project(output(recorded)),
        Form::UntracedFailures => {
            summary.filter(named(UNTRACED_FAILURES).gt(lit(0_i64)).and(named("trace_id").is_not_null()))?.project([
                start().alias("time_unix_nano"),
                named("cloud_region"),
                named("trace_id"),
                named(UNTRACED_FAILURES),
            ])
        }
    }
}

/// The start: of the first record, unless that is only the report, whose duration leads back to it.
fn start() -> Expr {
    least(vec![named("first_unix_nano"), named("begun_unix_nano")])
}

fn is_report() -> Expr {
    named("event_name").eq(lit("platform.report"))
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
fn summarise(records: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
    let is_error = || named("severity_number").gt_eq(lit(SEVERITY_ERROR));
    let has_exception = || named("exception_type").is_not_null();
    // Type and message of one record, the first that has a type: texts that begin with its time and id. `first_value`
    // takes another record now and then where it is filtered and its input comes from several partitions, and the least
    // of structs costs more than everything else together.
    let first = |name: &str| {
        let text = vec![cast(named("time_unix_nano"), DataType::Utf8), named("event_id"), lit(MARK), named(name)];
        min(concat(text)).filter(has_exception()).build()
    };
    let aggregates = vec![
        min(named("time_unix_nano")).alias("first_unix_nano"),
        min(named("time_unix_nano") - named("duration_nano")).filter(is_report()).build()?.alias("begun_unix_nano"),
        max(named("service_name")).alias("service_name"),
        max(named("service_version")).alias("service_version"),
        max(named("faas_name")).alias("faas_name"),
        max(named("faas_version")).alias("faas_version"),
        bool_or(named("faas_coldstart")).alias("faas_coldstart"),
        // What Lambda says outranks what the function printed.
        max(named("trace_id")).filter(is_mark()).build()?.alias(MARKED_TRACE),
        max(named("trace_id")).alias(PRINTED_TRACE),
        max(named("correlation_id")).alias("correlation_id"),
        max(named("duration_nano")).filter(is_report()).build()?.alias("duration_nano"),
        max(named("billed_duration_ms")).alias("billed_duration_ms"),
        max(named("memory_size_mb")).alias("memory_size_mb"),
        max(named("max_memory_used_mb")).alias("max_memory_used_mb"),
        max(named("init_duration_ms")).alias("init_duration_ms"),
        bool_or(is_report()).alias("reported"),
        bool_or(has_failed()).alias("failed"),
        max(named("status_message")).filter(is_report()).build()?.alias("status_message"),
        first("exception_type")?.alias("exception_type"),
        first("exception_message")?.alias("exception_message"),
        count(lit(1_i64)).filter(is_error()).build()?.alias("error_count"),
        count(lit(1_i64)).filter(has_failed().and(named("trace_id").is_null())).build()?.alias(UNTRACED_FAILURES),
        count(lit(1_i64)).alias("log_count"),
        count(lit(1_i64)).filter(named("event_name").eq(lit("platform.start"))).build()?.alias("attempts"),
        max(named("aws_log_stream")).alias("aws_log_stream"),
        bool_or(is_mark()).alias(IS_MARKED),
        bool_or(is_mark().and(named("event_name").eq(lit("platform.start")))).alias(IS_STARTED),
    ];
    records.aggregate(INVOCATION_KEY.map(named), aggregates)
}

fn output(recorded: Option<&Records>) -> Vec<Expr> {
    let status = when(named("failed"), lit(STATUS_ERROR)).when(named("reported"), lit("OK")).otherwise(lit("UNSET"));
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
