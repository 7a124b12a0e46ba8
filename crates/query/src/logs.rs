//! What `transect logs` asks: the newest records that pass some filters, each once, and on request their neighbours of
//! the same stream. It refuses to put a value into the text of a query: values are bound.
//!
//! The view `logs` drops copies before it answers, and so reads everything. Here the newest records are taken first, with
//! some to spare, and the few copies among them dropped then: what is older than those is not read at all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{DataType, Int64Type, Schema};
use datafusion::common::ScalarValue;

use transect_schema::{Completeness, SEVERITY_ERROR};

use crate::names::hint_of;
use crate::question::Question;
use crate::views::EVENT_KEY;
use crate::{QueryError, Result};

/// Longest run of a Lambda invocation: neighbours in a stream are looked for within it of what was found.
const NEIGHBOUR_NANO_MAX: i64 = 900_000_000_000;
/// Rows of the streams looked at for neighbours; more of them are not looked at.
const NEIGHBOURS_MAX: usize = 1_000_000;
/// Copies are rare: this share of the limit is fetched on top, and twice as much again if it was not enough.
const SPARE_SHARE: usize = 8;
/// Records that may be asked for at once: they are sorted in memory.
pub const LOGS_MAX: usize = 1_000_000;

/// Which records are wanted.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Services, or functions where no service is stated; any if empty.
    pub services: Vec<String>,
    /// Releases; any if empty.
    pub releases: Vec<String>,
    /// OpenTelemetry's number of the least severity; records that failed count as errors.
    pub severity_min: Option<i32>,
    /// Log groups, with `*` for any text; any if empty.
    pub groups: Vec<String>,
    /// A trace id, 32 lower-case hex digits.
    pub trace_id: Option<String>,
    /// A Lambda request id.
    pub invocation_id: Option<String>,
    /// A correlation id.
    pub correlation_id: Option<String>,
    /// A text that stands in the message, the exception with its stack trace or the attributes, or is an id of the record.
    pub text: Option<String>,
    /// A regular expression that the message, or the exception with its stack trace, matches.
    pub pattern: Option<String>,
    /// Whether case plays no part for `text` and `pattern`.
    pub ignore_case: bool,
    /// Whether records are wanted that `pattern` does not match.
    pub invert: bool,
}

/// How many records are wanted, and how many of their neighbours.
#[derive(Clone, Copy, Debug)]
pub struct LogWindow {
    /// The newest so many.
    pub limit: usize,
    /// Records of the same stream before each.
    pub before: usize,
    /// Records of the same stream after each.
    pub after: usize,
}

/// The records found, oldest first.
#[derive(Debug)]
pub struct Logs {
    /// All columns of `telemetry`.
    pub rows: RecordBatch,
    /// Whether a row was asked for, rather than being a neighbour of one that was.
    pub is_match: Vec<bool>,
    /// Whether there are more than the limit.
    pub is_cut: bool,
    /// Whether their streams have more records than were looked through for neighbours.
    pub is_neighbour_cut: bool,
    /// Whether they rest on everything that they should.
    pub completeness: Completeness,
}

impl LogFilter {
    /// The query for the newest records, and the values of its placeholders.
    pub fn newest(&self, count: usize) -> (String, Vec<(String, ScalarValue)>) {
        let (predicate, params) = self.predicate();
        let order = "time_unix_nano DESC, event_id DESC";
        (format!("SELECT * FROM telemetry WHERE {predicate} ORDER BY {order} LIMIT {count}"), params)
    }

    /// A predicate over `telemetry`, and the values of its placeholders.
    fn predicate(&self) -> (String, Vec<(String, ScalarValue)>) {
        let mut terms = vec!["signal = 'log'".to_owned()];
        let mut params: Vec<(String, ScalarValue)> = Vec::new();
        let mut bind = |value: ScalarValue| {
            let name = format!("p{}", params.len() + 1);
            params.push((name.clone(), value));
            format!("${name}")
        };
        let text = |value: &str| ScalarValue::Utf8(Some(value.to_owned()));
        for (column, values) in [("coalesce(service_name, faas_name)", &self.services), ("release", &self.releases)] {
            let places: Vec<String> = values.iter().map(|value| bind(text(value))).collect();
            if !places.is_empty() {
                terms.push(format!("{column} IN ({})", places.join(", ")));
            }
        }
        let groups: Vec<String> = self
            .groups
            .iter()
            .map(|group| format!("aws_log_group LIKE {}", bind(text(&glob_as_like(group)))))
            .collect();
        if !groups.is_empty() {
            terms.push(format!("({})", groups.join(" OR ")));
        }
        if let Some(severity) = self.severity_min {
            let place = bind(ScalarValue::Int32(Some(severity)));
            let failed = if severity <= SEVERITY_ERROR { " OR status_code = 'ERROR'" } else { "" };
            terms.push(format!("(severity_number >= {place}{failed})"));
        }
        for (column, id) in [
            ("trace_id", &self.trace_id),
            ("faas_invocation_id", &self.invocation_id),
            ("correlation_id", &self.correlation_id),
        ] {
            if let Some(id) = id {
                terms.push(format!("{column} = {}", bind(text(id))));
            }
        }
        if let Some(sought) = &self.text {
            let (like, equal) = (bind(text(&format!("%{}%", escape_like(sought)))), bind(text(sought)));
            let operator = if self.ignore_case { "ILIKE" } else { "LIKE" };
            let texts = ["body", "exception_type", "exception_message", "exception_stacktrace", "attributes"];
            let ids = ["correlation_id", "trace_id", "faas_invocation_id"];
            let texts = texts.iter().map(|column| format!("{column} {operator} {like}"));
            let ids = ids.iter().map(|column| format!("{column} = {equal}"));
            terms.push(format!("({})", texts.chain(ids).collect::<Vec<_>>().join(" OR ")));
        }
        if let Some(pattern) = &self.pattern {
            let place = bind(text(pattern));
            let flags = if self.ignore_case { ", 'i'" } else { "" };
            let of = |column: &str| format!("coalesce(regexp_like({column}, {place}{flags}), false)");
            let matches = ["body", "exception_type", "exception_message", "exception_stacktrace"].map(of).join(" OR ");
            terms.push(if self.invert { format!("NOT ({matches})") } else { format!("({matches})") });
        }
        (terms.join(" AND "), params)
    }
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The least number of each level of OpenTelemetry.
const LEVEL_NAMES: [(i32, &str); 6] =
    [(1, "trace"), (5, "debug"), (9, "info"), (13, "warn"), (17, "error"), (21, "fatal")];

/// Whether a text fits a glob, in which `*` is any text.
fn fits(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

fn glob_as_like(text: &str) -> String {
    escape_like(text).replace('*', "%")
}

/// A name that was asked for, and that no record has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What it would be the name of: a service, release, log group or level.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The nearest of the names that there are, and those.
    pub hint: String,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no {} {}: {}", self.kind, self.name, self.hint)
    }
}

/// What `logs` looks at.
const OF_LOGS: &str = "signal = 'log'";
/// Names of one kind that are looked up: beyond these none is offered.
const NAMES_MAX: usize = 10_000;

impl Question {
    /// Which of the names that a filter asks for no log record in the range has.
    pub async fn unknown_names(&self, filter: &LogFilter) -> Result<Vec<Unknown>> {
        let mut unknown = Vec::new();
        let kinds = [
            ("service", "coalesce(service_name, faas_name)", &filter.services),
            ("release", "release", &filter.releases),
            ("log group", "aws_log_group", &filter.groups),
        ];
        for (kind, column, asked) in kinds {
            if asked.is_empty() {
                continue;
            }
            let there = self.names_of(column, OF_LOGS).await?;
            let is_there = |name: &str| match kind {
                "log group" => there.iter().any(|group| fits(name, group)),
                _ => there.iter().any(|other| other == name),
            };
            for name in asked.iter().filter(|name| !is_there(name)) {
                let hint = hint_of(name, || there.iter().map(String::as_str));
                unknown.push(Unknown { kind, name: name.clone(), hint });
            }
        }
        if let Some(least) = filter.severity_min {
            let failed = "CASE WHEN status_code = 'ERROR' THEN 17 END";
            let of_rows = format!("greatest(severity_number, {failed})");
            let there = self.names_of(&format!("cast({of_rows} AS varchar)"), OF_LOGS).await?;
            let numbers: Vec<i32> = there.iter().filter_map(|number| number.parse().ok()).collect();
            if numbers.iter().all(|number| *number < least) {
                let mut levels: Vec<&str> = Vec::new();
                for (number, name) in LEVEL_NAMES {
                    if numbers.iter().any(|there| (number..number + 4).contains(there)) {
                        levels.push(name);
                    }
                }
                let name =
                    LEVEL_NAMES.iter().rev().find(|(number, _)| *number <= least).map_or("trace", |(_, name)| name);
                unknown.push(Unknown {
                    kind: "level",
                    name: format!("{name} or above"),
                    hint: hint_of("", || levels.iter().copied()),
                });
            }
        }
        Ok(unknown)
    }

    /// The values of an expression over those records in the range for which a condition holds.
    pub(crate) async fn names_of(&self, expression: &str, condition: &str) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT DISTINCT {expression} AS name FROM telemetry WHERE {condition} AND {expression} IS NOT NULL \
             ORDER BY 1 LIMIT {NAMES_MAX}"
        );
        let (batches, _) = self.collect(&sql, &[]).await?;
        let rows = concat(&batches)?;
        if rows.num_rows() == 0 {
            return Ok(Vec::new());
        }
        Ok(texts(&rows, "name")?.into_iter().flatten().collect())
    }

    /// The newest log records that pass the filter, oldest first, each once.
    pub async fn logs(&self, filter: &LogFilter, window: &LogWindow) -> Result<Logs> {
        check_pattern(filter.pattern.as_deref())?;
        let limit = window.limit.clamp(1, LOGS_MAX);
        let mut fetched = limit + 1 + (limit / SPARE_SHARE).max(8);
        loop {
            let (sql, params) = filter.newest(fetched);
            let (batches, completeness) = self.collect(&sql, &params).await?;
            let rows = concat(&batches)?;
            let found = once_in_order(&rows)?;
            // Copies have taken the places of others.
            if rows.num_rows() == fetched && found.len() <= limit {
                fetched *= 2;
                continue;
            }
            let is_cut = found.len() > limit;
            let newest = &found[found.len().saturating_sub(limit)..];
            let rows = rows_at(&rows, newest)?;
            if window.before == 0 && window.after == 0 || rows.num_rows() == 0 {
                let is_match = vec![true; rows.num_rows()];
                return Ok(Logs { rows, is_match, is_cut, is_neighbour_cut: false, completeness });
            }
            return self.with_neighbours(rows, window, is_cut, completeness).await;
        }
    }

    async fn with_neighbours(
        &self,
        matches: RecordBatch,
        window: &LogWindow,
        is_cut: bool,
        completeness: Completeness,
    ) -> Result<Logs> {
        let times = column(&matches, "time_unix_nano")?;
        let times = times.as_primitive::<Int64Type>();
        let (first, last) = (times.values().iter().min(), times.values().iter().max());
        let (first, last) = (first.copied().unwrap_or_default(), last.copied().unwrap_or_default());
        let mut params: Vec<(String, ScalarValue)> = vec![
            ("first".to_owned(), ScalarValue::Int64(Some(first.saturating_sub(NEIGHBOUR_NANO_MAX)))),
            ("last".to_owned(), ScalarValue::Int64(Some(last.saturating_add(NEIGHBOUR_NANO_MAX)))),
        ];
        let mut terms = vec!["signal = 'log' AND time_unix_nano BETWEEN $first AND $last".to_owned()];
        for name in ["aws_log_group", "aws_log_stream"] {
            terms.push(one_of(name, texts(&matches, name)?, &mut params));
        }
        let sql = format!("SELECT * FROM telemetry WHERE {} LIMIT {}", terms.join(" AND "), NEIGHBOURS_MAX + 1);
        let (batches, now) = self.collect(&sql, &params).await?;
        let all = concat(&batches)?;
        let is_neighbour_cut = all.num_rows() > NEIGHBOURS_MAX;
        // Should a region have failed meanwhile, what was found in it stays.
        let all = concat(&[matches.clone(), all])?;
        let all = rows_at(&all, &once_in_order(&all)?)?;

        let wanted: HashSet<Vec<Option<String>>> = keys(&matches)?.into_iter().collect();
        let all_keys = keys(&all)?;
        let mut streams: HashMap<&[Option<String>], Vec<usize>> = HashMap::new();
        for (row, key) in all_keys.iter().enumerate() {
            streams.entry(&key[..3]).or_default().push(row);
        }
        let mut is_shown = vec![false; all.num_rows()];
        for rows in streams.values() {
            for (place, row) in rows.iter().enumerate() {
                if wanted.contains(&all_keys[*row]) {
                    let from = place.saturating_sub(window.before);
                    let to = (place + window.after + 1).min(rows.len());
                    rows[from..to].iter().for_each(|row| is_shown[*row] = true);
                }
            }
        }
        let shown: Vec<u32> = (0_u32..).zip(&is_shown).filter(|(_, shown)| **shown).map(|(row, _)| row).collect();
        let is_match = shown.iter().map(|row| wanted.contains(&all_keys[*row as usize])).collect();
        let completeness = completeness.and(now);
        Ok(Logs { rows: rows_at(&all, &shown)?, is_match, is_cut, is_neighbour_cut, completeness })
    }
}

/// A predicate for the values that a column has in some rows, where it may have none.
fn one_of(column: &str, values: Vec<Option<String>>, params: &mut Vec<(String, ScalarValue)>) -> String {
    let mut alternatives = Vec::new();
    let values: HashSet<Option<String>> = values.into_iter().collect();
    if values.contains(&None) {
        alternatives.push(format!("{column} IS NULL"));
    }
    let mut places = Vec::new();
    for value in values.into_iter().flatten() {
        places.push(format!("$n{}", params.len()));
        params.push((format!("n{}", params.len()), ScalarValue::Utf8(Some(value))));
    }
    if !places.is_empty() {
        alternatives.push(format!("{column} IN ({})", places.join(", ")));
    }
    format!("({})", alternatives.join(" OR "))
}

/// A pattern's mistake is said before anything is read.
fn check_pattern(pattern: Option<&str>) -> Result<()> {
    let Some(pattern) = pattern else { return Ok(()) };
    let haystack = arrow::array::StringArray::from(vec![""]);
    let pattern = arrow::array::StringArray::from(vec![pattern]);
    arrow::compute::regexp_is_match(&haystack, &pattern, None::<&arrow::array::StringArray>).map(drop).map_err(
        |error| {
            let text = error.to_string();
            // The library draws the place over several lines.
            let reason =
                text.lines().rev().find_map(|line| Some(line.split_once("error: ")?.1)).unwrap_or("it does not parse");
            QueryError::Usage {
                message: format!("--grep is no regular expression: {reason}"),
                hint: Some("to look for a text as it is, give it without --grep".to_owned()),
            }
        },
    )
}

fn internal(error: impl std::fmt::Display) -> QueryError {
    QueryError::Internal(error.to_string())
}

pub(crate) fn concat(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    concat_batches(&schema, batches).map_err(internal)
}

fn column(rows: &RecordBatch, name: &str) -> Result<arrow::array::ArrayRef> {
    rows.column_by_name(name).cloned().ok_or_else(|| internal(format!("no column {name}")))
}

/// The texts of a column; none where it has none.
pub(crate) fn texts(rows: &RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    let array = cast(&column(rows, name)?, &DataType::Utf8View).map_err(internal)?;
    Ok(array.as_string_view().iter().map(|text| text.map(str::to_owned)).collect())
}

/// The event that each row is.
fn keys(rows: &RecordBatch) -> Result<Vec<Vec<Option<String>>>> {
    let columns = EVENT_KEY.iter().map(|name| texts(rows, name)).collect::<Result<Vec<_>>>()?;
    Ok((0..rows.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect())
}

/// The rows in the order of time, the first of each event.
fn once_in_order(rows: &RecordBatch) -> Result<Vec<u32>> {
    if rows.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let times = column(rows, "time_unix_nano")?;
    let times = times.as_primitive::<Int64Type>();
    let keys = keys(rows)?;
    let mut order: Vec<usize> = (0..rows.num_rows()).collect();
    order.sort_by(|one, two| {
        (times.value(*one), &keys[*one][3], &keys[*one]).cmp(&(times.value(*two), &keys[*two][3], &keys[*two]))
    });
    order.dedup_by(|one, two| keys[*one] == keys[*two]);
    order.into_iter().map(|row| u32::try_from(row).map_err(internal)).collect()
}

fn rows_at(rows: &RecordBatch, indices: &[u32]) -> Result<RecordBatch> {
    let indices = UInt32Array::from(indices.to_vec());
    let columns = rows.columns().iter().map(|column| take(column, &indices, None));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(internal)?;
    if columns.is_empty() {
        return Ok(rows.clone());
    }
    RecordBatch::try_new(rows.schema(), columns).map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_wildcards_are_the_callers() {
        let filter = LogFilter {
            services: vec!["it's".into()],
            groups: vec!["/aws/lambda/pay*".into(), "a_b%".into()],
            severity_min: Some(17),
            text: Some("50%".into()),
            ..LogFilter::default()
        };
        let (predicate, params) = filter.predicate();
        assert!(!predicate.contains("it's") && !predicate.contains("50"), "{predicate}");
        let values: Vec<String> = params.iter().map(|(_, value)| value.to_string()).collect();
        assert_eq!(values, ["it's", "/aws/lambda/pay%", "a\\_b\\%", "17", "%50\\%%", "50%"]);
        assert!(predicate.contains("severity_number >= $p4 OR status_code = 'ERROR'"), "{predicate}");
    }

    #[test]
    fn globs_fit_as_they_do_in_the_query() {
        for (glob, text, is_fit) in [
            ("/aws/lambda/pay", "/aws/lambda/pay", true),
            ("/aws/lambda/pay", "/aws/lambda/pay2", false),
            ("/aws/*", "/aws/lambda/pay", true),
            ("*pay*", "/aws/lambda/pay2", true),
            ("*pay", "/aws/lambda/pay2", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(glob, text), is_fit, "{glob} {text}");
        }
    }

    #[test]
    fn a_broken_pattern_is_a_mistake_of_the_caller() {
        let error = check_pattern(Some("a(b")).unwrap_err();
        assert!(matches!(error, QueryError::Usage { .. }));
        assert!(error.to_string().contains("unclosed group"), "{error}");
        check_pattern(Some("a(b)")).unwrap();
    }
}
