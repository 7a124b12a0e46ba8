//! The question behind `transect trace --pick`: the newest traces that failed, or the slowest, to choose one from. It
//! refuses to put a value into the text of a query.

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;

use transect_schema::Completeness;

use crate::Result;
use crate::logs::{concat, texts};
use crate::question::Question;

/// Which traces are wanted, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PickFilter {
    /// Only those with an error.
    pub errors: bool,
    /// The slowest first, rather than the newest.
    pub slow: bool,
    /// Only those in several regions.
    pub across_regions: bool,
    /// Only those in which two releases of one service met.
    pub across_releases: bool,
}

/// The query for the ids of so many traces, in order. Rows may be there twice: what is asked of a trace is the same then,
/// and to tell copies apart would take longer than all the rest.
pub fn pick_sql(filter: &PickFilter, limit: usize) -> String {
    let mut only = "trace_id IS NOT NULL AND signal IN ('log', 'span')".to_owned();
    if filter.across_releases {
        // As the saved query `traces-across-releases` has it.
        only.push_str(
            " AND trace_id IN (SELECT trace_id FROM invocations WHERE trace_id IS NOT NULL \
             GROUP BY trace_id, coalesce(service_name, faas_name) HAVING count(DISTINCT service_version) > 1 \
             OR (count(service_version) = 0 \
             AND count(DISTINCT concat(cloud_region, '/', faas_version)) > count(DISTINCT cloud_region)))",
        );
    }
    let mut having = vec!["true"];
    if filter.errors {
        having.push(
            "bool_or(CASE WHEN signal = 'span' THEN status_code = 'ERROR' ELSE severity_number >= 17 \
             OR (event_name = 'platform.report' AND status_code = 'ERROR') END) \
             OR trace_id IN (SELECT trace_id FROM invocations WHERE status_code = 'ERROR' AND trace_id IS NOT NULL)",
        );
    }
    if filter.across_regions {
        having.push("min(cloud_region) <> max(cloud_region)");
    }
    // As the view `traces` has it.
    let start = "min(CASE WHEN event_name = 'platform.report' THEN time_unix_nano - coalesce(duration_nano, 0) \
                 ELSE time_unix_nano END)";
    let end = "max(CASE WHEN signal = 'span' THEN time_unix_nano + coalesce(duration_nano, 0) ELSE time_unix_nano END)";
    let order = if filter.slow { "took DESC, start DESC" } else { "start DESC" };
    format!(
        "SELECT trace_id, {start} AS start, {end} - {start} AS took FROM telemetry WHERE {only} GROUP BY trace_id \
         HAVING {} ORDER BY {order}, trace_id LIMIT {limit}",
        having.join(" AND ")
    )
}

impl Question {
    /// The traces to choose from, in order, as rows for people, and the id of each.
    pub async fn pick(&self, filter: &PickFilter, limit: usize) -> Result<(RecordBatch, Vec<String>, Completeness)> {
        let (batches, completeness) = self.collect(&pick_sql(filter, limit), &[]).await?;
        let chosen = concat(&batches)?;
        let ids: Vec<String> = match chosen.num_rows() {
            0 => Vec::new(),
            _ => texts(&chosen, "trace_id")?.into_iter().flatten().collect(),
        };
        // Of those alone everything is told. A view that is asked for all traces would put all of them together first.
        let places: Vec<String> = (1..=ids.len()).map(|number| format!("$p{number}")).collect();
        let only = if places.is_empty() { "NULL".to_owned() } else { places.join(", ") };
        let params = ids.iter().enumerate();
        let params: Vec<(String, ScalarValue)> =
            params.map(|(index, id)| (format!("p{}", index + 1), ScalarValue::Utf8(Some(id.clone())))).collect();
        let order = if filter.slow { "duration_nano DESC, time_unix_nano DESC" } else { "time_unix_nano DESC" };
        let sql = format!(
            "SELECT row_number() OVER (ORDER BY {order}, trace_id) AS number, timestamp, \
             round(duration_nano / 1e6, 2) AS duration_ms, error_count AS errors, \
             array_to_string(services, ' ') AS services, array_to_string(regions, ' ') AS regions, \
             array_to_string(releases, ' ') AS releases, correlation_id, trace_id FROM traces \
             WHERE trace_id IN ({only}) ORDER BY number"
        );
        let (batches, now) = self.collect(&sql, &params).await?;
        let rows = concat(&batches)?;
        let ids =
            if rows.num_rows() == 0 { Vec::new() } else { texts(&rows, "trace_id")?.into_iter().flatten().collect() };
        Ok((rows, ids, if now.is_complete() { completeness } else { now }))
    }
}
