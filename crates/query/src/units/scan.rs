//! Reads the records of the lake for counting: first who wrote them, then the marks of calls and the failures in their
//! streams, then the records of the services that are asked for and all failures, and last, where several services
//! failed in a trace, what called what. Columns of few values are read
//! as their dictionaries, and columns of ids for the rows alone that are wanted. It refuses to plan a query: no plan
//! groups twenty million ids as quickly as a table of numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use futures::StreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, RowFilter};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use transect_lake::{LATEST, read_schema};
use transect_schema::{Completeness, PLATFORM, SPAN_IN_PROGRESS, STATUS_ERROR, sample_rate};

use super::streams::{
    EventOrder, StreamFailure, StreamRow, StreamRows, TiedFailures, Untied, stream_number, stream_part,
};
use super::survey::{Emitter, Name, RowKind, Seen, Survey, deployment_of};
use super::tally::{Draft, FailureKey, Links, PlainSet, Row, Tally, ToLookUp, gather, id_number, span_number};
use super::{ServiceUnits, UNIT_NANO_MAX, UnitQuestion, Units, WINDOW_NANO};
use crate::amplify::bound_operators;
use crate::error::{Names, from_datafusion};
use crate::failure::FailureSigns;
use crate::file_set::{File, FileSet, TIME, cast, column_of, may_hold, open, texts};
use crate::footers::Reader;
use crate::question::Question;
use crate::release_map::ReleaseMap;
use crate::views::{RELEASE, UTC, named, timestamp_of};
use crate::{QueryError, Result};
use transect_trace::calls::{LineKind, SHARED_VERSION};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8 << 10;

/// The columns that say who wrote a record.
const EMITTER: [&str; 6] =
    ["cloud_region", "faas_name", "faas_version", "service_name", "service_version", "aws_log_group"];
/// The stream, where the version is `$LATEST`.
const STREAM: &str = "aws_log_stream";
/// CloudWatch's time.
const OBSERVED: &str = "observed_time_unix_nano";
/// Columns of few values besides, and those that say whether something failed.
const KIND: [&str; 3] = ["signal", "event_name", "status_code"];
const NUMBERS: [&str; 2] = ["severity_number", "http_response_status_code"];
/// Columns of the records that are counted.
const COUNTED: [&str; 4] = ["trace_id", "faas_invocation_id", "span_id", "duration_nano"];
/// Columns of the marks of calls and of the failures that name none.
const STREAMED: [&str; 6] = ["trace_id", "faas_invocation_id", "span_id", "aws_log_stream", "event_id", OBSERVED];
/// Columns whose values hardly repeat.
const UNIQUE: [&str; 3] = ["span_id", "parent_span_id", "event_id"];
const LINKED: [&str; 4] = ["trace_id", "faas_invocation_id", "span_id", "parent_span_id"];

/// What a failed record is.
pub(super) enum ErrorRule {
    /// Severity ERROR or above, a failed span or invocation, HTTP 500 or above.
    Usual,
    /// An expression over these columns.
    Sql {
        expression: Arc<dyn PhysicalExpr>,
        schema: SchemaRef,
        /// Why it could not be computed of some record: that is no fault of a file.
        failure: Mutex<Option<String>>,
    },
}

impl Question {
    /// Plans what a failed record is.
    pub(super) fn error_rule(&self, sql: Option<&str>) -> Result<ErrorRule> {
        let Some(sql) = sql else { return Ok(ErrorRule::Usual) };
        let explain = |error| from_datafusion(error, sql, &Names::default());
        let mut fields: Vec<Field> = read_schema().fields().iter().map(|field| Field::clone(field)).collect();
        let timestamp = DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some(UTC.into()));
        fields.push(Field::new("timestamp", timestamp, true));
        let whole = DFSchema::try_from(Schema::new(fields)).map_err(explain)?;
        let state = self.state();
        bound_operators(sql).map_err(explain)?;
        let expression = state.create_logical_expr(sql, &whole).map_err(explain)?;
        let expression = expression
            .transform_up(|expr| {
                Ok(match &expr {
                    Expr::Column(column) if column.name == "timestamp" => Transformed::yes(timestamp_of(named(TIME))),
                    _ => Transformed::no(expr),
                })
            })
            .map_err(explain)?
            .data;
        let usage = |message: &str| QueryError::Usage { message: format!("`{sql}`: {message}"), hint: None };
        if expression.is_volatile() {
            return Err(usage("it says something else of the same record each time; leave out what is random"));
        }
        let columns = expression.column_refs();
        if columns.iter().any(|column| column.name == RELEASE) {
            return Err(usage("a release is no failure; compare other columns"));
        }
        let read = read_schema();
        let used: Vec<Field> = read
            .fields()
            .iter()
            .filter(|field| columns.iter().any(|column| column.name == *field.name()))
            .map(|field| Field::clone(field))
            .collect();
        let schema = Arc::new(Schema::new(used));
        let planned = DFSchema::try_from(Arc::clone(&schema)).map_err(explain)?;
        // Some functions, such as `coalesce` and `now`, are nothing but what they are simplified to.
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(planned.clone()))
            .with_config_options(Arc::clone(state.config().options()))
            .with_current_time()
            .build();
        let simplifier = ExprSimplifier::new(context);
        let expression = simplifier
            .coerce(expression, &planned)
            .and_then(|expression| simplifier.simplify(expression))
            .and_then(|expression| state.create_physical_expr(expression, &planned))
            .map_err(explain)?;
        match expression.data_type(&schema).map_err(explain)? {
            DataType::Boolean => Ok(ErrorRule::Sql { expression, schema, failure: Mutex::default() }),
            _ => Err(usage("it gives no yes or no; compare something, such as http_response_status_code >= 429")),
        }
    }
}

/// Counts the units of a question in the files that are there.
pub(super) async fn count(
    files: &FileSet<'_>,
    question: &UnitQuestion,
    error: &Arc<ErrorRule>,
    releases: &ReleaseMap,
) -> Result<Units> {
    let until_unix_nano = question.until_unix_nano.saturating_add(question.settle_nano);
    let since_unix_nano = question.since_unix_nano.saturating_sub(UNIT_NANO_MAX);
    let range = Range { since_unix_nano, until_unix_nano };
    let mut seen = Seen::default();
    files.each(move |file| async move { survey_file(&file, range).await }, |_, found: Seen| seen.merge(&found)).await?;
    let survey = Arc::new(Survey::new(seen, releases, since_unix_nano));
    let services = question.services.iter().filter_map(|asked| survey.names.find(&asked.service));
    let asked: Arc<Vec<Name>> = Arc::new(services.collect());

    let seeing = Seeing { range, error: Arc::clone(error), survey: Arc::clone(&survey), asked };
    let explain = |error: &ErrorRule| match error {
        ErrorRule::Sql { failure, .. } => failure.lock().unwrap_or_else(PoisonError::into_inner).take(),
        ErrorRule::Usual => None,
    };
    let usage = |message: String| {
        let message = format!("`{}`: {message}", question.error.as_deref().unwrap_or_default());
        QueryError::Usage { message, hint: None }
    };
    let tied = tie(files, &seeing).await;
    if let Some(message) = explain(error) {
        return Err(usage(message));
    }
    let tied = Arc::new(tied?);
    let places: BTreeMap<usize, Arc<Tally>> = files.there().iter().map(|file| (file.place, Arc::default())).collect();
    let context = Arc::new(Context { seeing, slow_nano: question.slow_nano, tied: Arc::clone(&tied) });
    let tally_file = |file: Arc<File>| {
        let (context, tally) = (Arc::clone(&context), places.get(&file.place).cloned().unwrap_or_default());
        async move { count_file(&file, &context, &tally).await }
    };
    let done = files.each(tally_file, |_, ()| ()).await;
    if let Some(message) = explain(error) {
        return Err(usage(message));
    }
    done?;

    add_tied(&tied, &survey, &places);
    let tallies = places.iter().filter(|(place, _)| files.is_place_there(**place)).map(|(_, tally)| tally.as_ref());
    let gathered = gather(tallies, &survey, releases);
    drop(places);
    let drafts: Vec<_> = question.services.iter().map(|asked| gathered.draft(asked, question)).collect();
    let ToLookUp { traces, invocations, began } = gathered.to_look_up(&drafts);
    let mut links = Links::default();
    if !traces.is_empty() || !invocations.is_empty() {
        let mut wanted = Wanted {
            traces: Arc::new(traces),
            invocations: Arc::new(invocations),
            began: Arc::new(began),
            functions: None,
            tied: Arc::clone(&tied),
        };
        files.each(linking(range, &wanted), |_, found| links.merge(found)).await?;
        let mut rest = PlainSet::clone(&wanted.invocations);
        rest.retain(|invocation| !links.trace_of.contains_key(invocation));
        if !rest.is_empty() {
            let functions = gathered.functions_of(&rest).into_iter();
            let functions = functions.map(|function| survey.names.text(function).to_owned()).collect();
            wanted = Wanted { invocations: Arc::new(rest), functions: Some(Arc::new(functions)), ..wanted };
            files.each(linking(range, &wanted), |_, found| links.merge(found)).await?;
        }
    }
    let failures = gathered.failures_by_trace(&links);
    let doubtful: Vec<Name> = drafts.iter().filter_map(Draft::may_be_sampled).collect();
    let rates = match doubtful.is_empty() {
        true => BTreeMap::new(),
        false => sample_rates(files, Seeing { asked: Arc::new(doubtful), ..context.seeing.clone() }).await?,
    };
    let count = |draft: Draft<'_>| {
        let sample_rate_min = rates.get(&draft.service()).copied();
        ServiceUnits { sample_rate_min, ..draft.count(question, &failures, &links, &survey) }
    };
    Ok(Units {
        services: drafts.into_iter().map(count).collect(),
        services_seen: survey.services_seen(),
        completeness: Completeness::default(),
    })
}

/// The least rate by which records of each service were kept that tell of nothing wrong. Where a share is kept, each such
/// record says so, and some of each file will do.
async fn sample_rates(files: &FileSet<'_>, seeing: Seeing) -> Result<BTreeMap<Name, f64>> {
    let mut least: BTreeMap<Name, f64> = BTreeMap::new();
    let of_file = move |file: Arc<File>| {
        let seeing = seeing.clone();
        async move { sample_rates_of_file(&file, &seeing).await }
    };
    files
        .each(of_file, |_, found: Vec<(Name, f64)>| {
            for (service, rate) in found {
                least.entry(service).and_modify(|least| *least = least.min(rate)).or_insert(rate);
            }
        })
        .await?;
    Ok(least)
}

/// Records of a file that are asked for their rate.
const RATED_ROWS: usize = 64;
/// OpenTelemetry's WARN: what is as bad is kept whatever the rate is.
const SEVERITY_NUMBER_WARN: i64 = 13;

async fn sample_rates_of_file(file: &File, seeing: &Seeing) -> Result<Vec<(Name, f64)>, ParquetError> {
    let Some(Opened { builder, footer, groups }) = open_file(file, seeing.range).await? else { return Ok(Vec::new()) };
    let services: Arc<Mutex<VecDeque<Name>>> = Arc::default();
    let columns = seeing.columns();
    let columns = columns.iter().map(String::as_str).chain([NUMBERS[0]]).chain(stream_column(&footer, &groups));
    let predicate = {
        let (seeing, services) = (seeing.clone(), Arc::clone(&services));
        ArrowPredicateFn::new(mask(&footer, columns), move |batch| {
            let explain = |error: ParquetError| arrow::error::ArrowError::ComputeError(error.to_string());
            let rows = RowsSeen::of(&batch, &seeing).map_err(explain)?;
            let severities = integers(&batch, NUMBERS[0]).map_err(explain)?;
            let mut services = services.lock().unwrap_or_else(PoisonError::into_inner);
            let is_wanted = |row: usize| {
                let is_wanted = rows.are_asked[row]
                    && !rows.are_errors[row]
                    && matches!(rows.events[row], EventKind::Other | EventKind::SpanInProgress)
                    && !(severities.is_valid(row) && severities.value(row) >= SEVERITY_NUMBER_WARN)
                    && rows.is_read(row, seeing.range);
                if is_wanted {
                    services.push_back(seeing.survey.service(rows.emitters[row]));
                }
                Some(is_wanted)
            };
            Ok((0..batch.num_rows()).map(is_wanted).collect())
        })
    };
    let mut stream = builder
        .with_projection(mask(&footer, ["attributes"]))
        .with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
        .with_row_groups(groups)
        .with_limit(RATED_ROWS)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let mut found = Vec::new();
    while let Some(batch) = stream.next().await {
        let attributes = texts(&batch?, "attributes")?;
        let mut services = services.lock().unwrap_or_else(PoisonError::into_inner);
        for text in &attributes {
            let service = services.pop_front();
            found.extend(service.zip(text.and_then(sample_rate).filter(|rate| *rate < 1.0)));
        }
    }
    Ok(found)
}

type Linking = std::pin::Pin<Box<dyn Future<Output = Result<Links, ParquetError>> + Send>>;

fn linking(range: Range, wanted: &Wanted) -> impl Fn(Arc<File>) -> Linking {
    let wanted = wanted.clone();
    move |file| {
        let wanted = wanted.clone();
        Box::pin(async move { link_file(&file, range, &wanted).await })
    }
}

/// From when to when records are read; the end is not within.
#[derive(Clone, Copy)]
struct Range {
    since_unix_nano: i64,
    until_unix_nano: i64,
}

impl Range {
    fn holds(&self, time: i64) -> bool {
        time >= self.since_unix_nano && time < self.until_unix_nano
    }
}

struct Context {
    seeing: Seeing,
    slow_nano: Option<i64>,
    tied: Arc<TiedFailures>,
}

/// A file that is being read.
struct Opened {
    builder: ParquetRecordBatchStreamBuilder<Reader>,
    footer: Arc<ParquetMetaData>,
    groups: Vec<usize>,
}

/// Opens a file and chooses the row groups that can hold records of the range.
async fn open_file(file: &File, range: Range) -> Result<Option<Opened>, ParquetError> {
    let mut reader = Reader::new(&file.footers, &file.meta);
    let footer = reader.get_metadata(None).await?;
    let Some(time) = column_of(&footer, TIME) else { return Ok(None) };
    let clocks = [Some(time), column_of(&footer, OBSERVED)];
    let in_time = |group: &usize| {
        let group = footer.row_group(*group);
        clocks.into_iter().flatten().any(|time| may_hold(group, time, range.since_unix_nano, range.until_unix_nano))
    };
    let groups: Vec<usize> = (0..footer.num_row_groups()).filter(in_time).collect();
    if groups.is_empty() {
        return Ok(None);
    }
    let builder = open(reader, &footer, |name| match UNIQUE.contains(&name) {
        true => DataType::Utf8View,
        // Ids of traces and invocations repeat within a row group, too: each is looked at once.
        false => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    })?;
    Ok(Some(Opened { builder, footer, groups }))
}

fn mask<'n>(footer: &ParquetMetaData, names: impl IntoIterator<Item = &'n str>) -> ProjectionMask {
    let leaves = names.into_iter().filter_map(|name| column_of(footer, name));
    ProjectionMask::leaves(footer.file_metadata().schema_descr(), leaves)
}

/// The value of each row by the number that `number` gives each distinct one; nought where there is none.
fn numbered<N: Copy + Default>(
    batch: &RecordBatch,
    name: &str,
    mut number: impl FnMut(&str) -> N,
) -> Result<Vec<N>, ParquetError> {
    let Some(array) = batch.column_by_name(name) else { return Ok(vec![N::default(); batch.num_rows()]) };
    if let Some(texts) = array.as_string_view_opt() {
        let of_text = |text: Option<&str>| match text {
            Some(text) if !text.is_empty() => number(text),
            _ => N::default(),
        };
        return Ok(texts.iter().map(of_text).collect());
    }
    let wanted = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let cast_array: ArrayRef;
    let array = match array.data_type() == &wanted {
        true => array,
        false => {
            cast_array = cast(array, &wanted)?;
            &cast_array
        }
    };
    let dictionary = array.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    // Not every value of a dictionary need stand in a row, and what does not is nobody's.
    let mut numbers: Vec<Option<N>> = vec![None; values.len()];
    let keys = dictionary.keys();
    let mut of = |key: i32| {
        let Ok(key) = usize::try_from(key) else { return N::default() };
        match numbers.get_mut(key) {
            Some(known) => *known.get_or_insert_with(|| match values.is_null(key) || values.value(key).is_empty() {
                true => N::default(),
                false => number(values.value(key)),
            }),
            None => N::default(),
        }
    };
    Ok(match keys.null_count() {
        0 => keys.values().iter().map(|key| of(*key)).collect(),
        _ => keys.iter().map(|key| key.map_or(N::default(), &mut of)).collect(),
    })
}

/// When each row happened: a span when it says, and everything else by CloudWatch's clock. A logger's own time may be an
/// hour off, and moves no unit to another minute.
fn times(batch: &RecordBatch, signals: &[u32]) -> Result<Int64Array, ParquetError> {
    let (own, observed) = (integers(batch, TIME)?, integers(batch, OBSERVED)?);
    let value = |times: &Int64Array, row: usize| times.is_valid(row).then(|| times.value(row));
    let of = |row: usize| match signals[row] {
        SPAN => value(&own, row),
        _ => value(&observed, row).or_else(|| value(&own, row)),
    };
    Ok((0..batch.num_rows()).map(of).collect())
}

fn integers(batch: &RecordBatch, name: &str) -> Result<Int64Array, ParquetError> {
    Ok(match batch.column_by_name(name) {
        Some(array) => cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
        None => Int64Array::new_null(batch.num_rows()),
    })
}

/// Logs and spans are counted; metrics are numbers.
const METRIC: u32 = 1;
const SPAN: u32 = 2;
const LOG: u32 = 3;

fn signal(text: &str) -> u32 {
    match text {
        "metric" => METRIC,
        "span" => SPAN,
        _ => LOG,
    }
}

/// What the name of an event says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EventKind {
    #[default]
    Other,
    /// Of Lambda, and no mark of a call.
    Platform,
    SpanInProgress,
    Mark(LineKind),
}

fn event(text: &str) -> EventKind {
    match LineKind::of(text) {
        LineKind::Other if text == SPAN_IN_PROGRESS => EventKind::SpanInProgress,
        LineKind::Other if text.starts_with(PLATFORM) => EventKind::Platform,
        LineKind::Other => EventKind::Other,
        mark => EventKind::Mark(mark),
    }
}

/// The column of streams, where a file may hold rows of `$LATEST`.
fn stream_column(footer: &ParquetMetaData, groups: &[usize]) -> Option<&'static str> {
    let version = column_of(footer, EMITTER[2])?;
    let may_hold = |group: &usize| match footer.row_group(*group).column(version).statistics() {
        Some(Statistics::ByteArray(of)) => {
            of.min_opt().is_none_or(|min| min.data() <= LATEST.as_bytes())
                && of.max_opt().is_none_or(|max| max.data() >= LATEST.as_bytes())
        }
        _ => true,
    };
    groups.iter().any(may_hold).then_some(STREAM)
}

/// Gives rows of `$LATEST` the deployment that their stream is of in place of their version.
fn name_deployments(
    batch: &RecordBatch,
    versions: &mut [Name],
    mut name: impl FnMut(&str) -> Name,
) -> Result<(), ParquetError> {
    let latest = name(LATEST);
    if latest == 0 || !versions.contains(&latest) {
        return Ok(());
    }
    let streams = texts(batch, STREAM)?;
    let mut last: Option<(&str, Name)> = None;
    for (row, version) in versions.iter_mut().enumerate().filter(|(_, version)| **version == latest) {
        let stream = if streams.is_valid(row) { streams.value(row) } else { "" };
        *version = match last {
            Some((same, number)) if same == stream => number,
            _ => deployment_of(stream).map_or(latest, |text| name(&text)),
        };
        last = Some((stream, *version));
    }
    Ok(())
}

/// The emitter of each row.
fn emitters(
    batch: &RecordBatch,
    signals: &[u32],
    events: &[EventKind],
    mut name: impl FnMut(&str) -> Name,
    mut number: impl FnMut(Emitter) -> u32,
) -> Result<Vec<u32>, ParquetError> {
    let [region, function, mut version, service, release, group] = {
        let mut columns = Vec::with_capacity(EMITTER.len());
        for column in EMITTER {
            columns.push(numbered(batch, column, &mut name)?);
        }
        <[Vec<u32>; EMITTER.len()]>::try_from(columns).unwrap_or_default()
    };
    name_deployments(batch, &mut version, name)?;
    // Neighbours are mostly of one stream.
    let mut last: Option<(Emitter, u32)> = None;
    let mut known: HashMap<Emitter, u32> = HashMap::new();
    Ok((0..batch.num_rows())
        .map(|row| {
            let emitter = Emitter {
                region: region[row],
                function: function[row],
                version: version[row],
                service: service[row],
                release: release[row],
                group: group[row],
                kind: match (signals[row], events[row]) {
                    (SPAN, _) => RowKind::Span,
                    (_, EventKind::Mark(LineKind::Report)) => RowKind::Report,
                    (_, EventKind::Mark(_) | EventKind::Platform) => RowKind::Platform,
                    _ => RowKind::Application,
                },
            };
            match last {
                Some((same, number)) if same == emitter => number,
                _ => {
                    let found = *known.entry(emitter).or_insert_with(|| number(emitter));
                    last = Some((emitter, found));
                    found
                }
            }
        })
        .collect())
}

async fn survey_file(file: &File, range: Range) -> Result<Seen, ParquetError> {
    let mut seen = Seen::default();
    let Some(Opened { builder, footer, groups }) = open_file(file, range).await? else { return Ok(seen) };
    let streams = stream_column(&footer, &groups);
    let mask = mask(&footer, EMITTER.into_iter().chain([TIME, OBSERVED, KIND[0], KIND[1]]).chain(streams));
    let mut stream = builder.with_projection(mask).with_row_groups(groups).with_batch_size(BATCH_ROWS).build()?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let signals = numbered(&batch, KIND[0], signal)?;
        let events = numbered(&batch, KIND[1], event)?;
        let times = times(&batch, &signals)?;
        let shared = std::cell::RefCell::new(&mut seen);
        let numbers = emitters(
            &batch,
            &signals,
            &events,
            |text| shared.borrow_mut().names.number(text),
            |emitter| shared.borrow_mut().number(emitter),
        )?;
        for (row, number) in numbers.into_iter().enumerate() {
            if !times.is_null(row) && signals[row] != METRIC && range.holds(times.value(row)) {
                let minute = (times.value(row) - range.since_unix_nano) / WINDOW_NANO;
                seen.times(number).add(times.value(row), usize::try_from(minute).unwrap_or(0));
            }
        }
    }
    Ok(seen)
}

/// What is told of the rows of a batch before their ids are read.
struct RowsSeen {
    /// [`UNKNOWN`] where the survey met none like it.
    emitters: Vec<u32>,
    signals: Vec<u32>,
    events: Vec<EventKind>,
    times: Int64Array,
    are_asked: Vec<bool>,
    are_errors: Vec<bool>,
}

/// No emitter that was seen.
const UNKNOWN: u32 = u32::MAX;

impl RowsSeen {
    fn of(batch: &RecordBatch, context: &Seeing) -> Result<RowsSeen, ParquetError> {
        let survey = &context.survey;
        let signals = numbered(batch, KIND[0], signal)?;
        let events = numbered(batch, KIND[1], event)?;
        let emitters = emitters(
            batch,
            &signals,
            &events,
            |text| survey.names.find(text).unwrap_or(0),
            |emitter| survey.find(&emitter).unwrap_or(UNKNOWN),
        )?;
        let are_errors = errors(batch, &context.error, &signals, &events)?;
        // By emitter, because that is few. What stands elsewhere than the service may speak is nobody's.
        let mut known: HashMap<u32, (bool, bool)> = HashMap::new();
        let mut told = |number: u32| {
            *known.entry(number).or_insert_with(|| match number == UNKNOWN || !survey.speaks(number) {
                true => (false, false),
                false => (context.asked.contains(&survey.service(number)), survey.service(number) != 0),
            })
        };
        let told: Vec<(bool, bool)> = emitters.iter().map(|number| told(*number)).collect();
        let are_asked = told.iter().map(|(is_asked, _)| *is_asked).collect();
        let are_errors = are_errors.into_iter().zip(&told).map(|(is_error, (_, is_its))| is_error && *is_its).collect();
        let times = times(batch, &signals)?;
        Ok(RowsSeen { emitters, signals, events, times, are_asked, are_errors })
    }

    /// Whether a row lies in the time that is read, and is no sample of a metric.
    fn is_read(&self, row: usize, range: Range) -> bool {
        !self.times.is_null(row) && self.signals[row] != METRIC && range.holds(self.times.value(row))
    }
}

/// Whether each row is a failure.
fn errors(
    batch: &RecordBatch,
    rule: &ErrorRule,
    signals: &[u32],
    events: &[EventKind],
) -> Result<Vec<bool>, ParquetError> {
    let ErrorRule::Sql { expression, schema, failure } = rule else {
        let statuses = numbered(batch, KIND[2], |text| text == STATUS_ERROR)?;
        let [severities, codes] = [integers(batch, NUMBERS[0])?, integers(batch, NUMBERS[1])?];
        let value = |array: &Int64Array, row: usize| array.is_valid(row).then(|| array.value(row));
        let signs = |row: usize| FailureSigns {
            is_log: signals[row] == LOG,
            is_platform: matches!(events[row], EventKind::Platform | EventKind::Mark(_)),
            is_in_progress: events[row] == EventKind::SpanInProgress,
            severity_number: value(&severities, row),
            has_error_status: statuses[row],
            http_status: value(&codes, row),
        };
        let is_error = |row: usize| signs(row).has_failed() || signs(row).is_answer_of_failure();
        return Ok((0..batch.num_rows()).map(is_error).collect());
    };
    evaluate(expression, schema, batch).inspect_err(|error| {
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    })
}

/// What is known when rows are looked at.
#[derive(Clone)]
struct Seeing {
    range: Range,
    error: Arc<ErrorRule>,
    survey: Arc<Survey>,
    /// The services that are asked for.
    asked: Arc<Vec<Name>>,
}

impl Seeing {
    /// The columns that tell whether a row is wanted.
    fn columns(&self) -> Vec<String> {
        let of_error = match self.error.as_ref() {
            ErrorRule::Usual => NUMBERS.map(str::to_owned).to_vec(),
            ErrorRule::Sql { schema, .. } => schema.fields().iter().map(|field| field.name().clone()).collect(),
        };
        EMITTER.into_iter().chain(KIND).chain([TIME, OBSERVED]).map(str::to_owned).chain(of_error).collect()
    }
}

/// Ties the failures to the invocations of their streams.
async fn tie(files: &FileSet<'_>, seeing: &Seeing) -> Result<TiedFailures> {
    let mut all = StreamRows::default();
    let of_streams = |wanted: Option<Arc<PlainSet<u128>>>| {
        let seeing = seeing.clone();
        move |file: Arc<File>| {
            let (seeing, wanted) = (seeing.clone(), wanted.clone());
            async move { streams_of_file(&file, &seeing, wanted).await }
        }
    };
    files.each(of_streams(None), |_, found| all.merge(found)).await?;
    if !all.to_complete.is_empty() {
        let wanted = Arc::new(std::mem::take(&mut all.to_complete));
        files.each(of_streams(Some(wanted)), |_, found| all.merge(found)).await?;
    }
    Ok(all.tie())
}

/// A row of a stream, before its ids are known.
struct Streamed {
    emitter: u32,
    time_unix_nano: i64,
    kind: LineKind,
    is_asked: bool,
    is_error: bool,
    is_platform: bool,
    is_of_function: bool,
}

/// The marks of the services that are asked for, and the failures of all; or, of the others, the marks of some streams.
async fn streams_of_file(
    file: &File,
    seeing: &Seeing,
    wanted: Option<Arc<PlainSet<u128>>>,
) -> Result<StreamRows, ParquetError> {
    let mut found = StreamRows::default();
    let Some(Opened { builder, footer, groups }) = open_file(file, seeing.range).await? else { return Ok(found) };
    let chosen: Arc<Mutex<VecDeque<Streamed>>> = Arc::default();
    let first = seeing.columns();
    let predicate = {
        let (seeing, chosen, is_second) = (seeing.clone(), Arc::clone(&chosen), wanted.is_some());
        let first = first.iter().map(String::as_str).chain(stream_column(&footer, &groups));
        ArrowPredicateFn::new(mask(&footer, first), move |batch| {
            let explain = |error: ParquetError| arrow::error::ArrowError::ComputeError(error.to_string());
            let rows = RowsSeen::of(&batch, &seeing).map_err(explain)?;
            let mut chosen = chosen.lock().unwrap_or_else(PoisonError::into_inner);
            let is_wanted = |row: usize| {
                let (is_asked, is_error) = (rows.are_asked[row], rows.are_errors[row]);
                let kind = match rows.events[row] {
                    EventKind::Mark(kind) => kind,
                    _ => LineKind::Other,
                };
                let number = rows.emitters[row];
                // A container's stream has no calls.
                let is_of_function = number != UNKNOWN && seeing.survey.emitter(number).function != 0;
                let is_wanted = match (is_second, kind) {
                    (false, LineKind::Other) => is_error,
                    (false, _) => is_asked || is_error,
                    (true, kind) => kind != LineKind::Other && !is_asked && !is_error,
                };
                let is_known = is_of_function || is_asked && is_error && !is_second;
                let is_wanted = is_wanted && is_known && rows.signals[row] == LOG && rows.is_read(row, seeing.range);
                if is_wanted {
                    let time_unix_nano = rows.times.value(row);
                    let is_platform = rows.events[row] == EventKind::Platform;
                    chosen.push_back(Streamed {
                        emitter: number,
                        time_unix_nano,
                        kind,
                        is_asked,
                        is_error,
                        is_platform,
                        is_of_function,
                    });
                }
                is_wanted
            };
            Ok((0..batch.num_rows()).map(is_wanted).map(Some).collect())
        })
    };
    let mut stream = builder
        .with_projection(mask(&footer, STREAMED.into_iter().chain([EMITTER[0], EMITTER[5]])))
        .with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
        .with_row_groups(groups)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let survey = &seeing.survey;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let traces = numbered(&batch, STREAMED[0], id_number)?;
        let invocations = numbered(&batch, STREAMED[1], id_number)?;
        let spans = numbered(&batch, STREAMED[2], span_number)?;
        let names = numbered(&batch, STREAMED[3], stream_part)?;
        let [regions, groups] =
            [numbered(&batch, EMITTER[0], stream_part)?, numbered(&batch, EMITTER[5], stream_part)?];
        let events = texts(&batch, STREAMED[4])?;
        let observed = integers(&batch, STREAMED[5])?;
        let mut chosen = chosen.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..batch.num_rows() {
            let Some(of) = chosen.pop_front() else {
                return Err(ParquetError::General("a filter passed more rows than it chose".to_owned()));
            };
            let number = stream_number([regions[row], groups[row], names[row]]);
            let invocation = invocations[row];
            if !of.is_of_function {
                if traces[row] == 0 && invocation == 0 {
                    let event = if events.is_valid(row) { events.value(row) } else { "" };
                    found.untied.insert(Untied {
                        place: file.place,
                        emitter: of.emitter,
                        time_unix_nano: of.time_unix_nano,
                        event: stream_number([number, stream_part(event), 0]),
                    });
                }
                continue;
            }
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&number)) {
                continue;
            }
            if of.kind != LineKind::Other && invocation == 0 {
                continue;
            }
            if of.is_error && !of.is_asked {
                found.to_complete.insert(number);
            }
            let failure = StreamFailure {
                place: file.place,
                emitter: of.emitter,
                is_asked: of.is_asked,
                is_platform: of.is_platform,
                trace: traces[row],
                span: spans[row],
            };
            found.rows.entry(number).or_default().push(StreamRow {
                observed_unix_nano: if observed.is_valid(row) { observed.value(row) } else { of.time_unix_nano },
                event: EventOrder::of(if events.is_valid(row) { events.value(row) } else { "" }),
                time_unix_nano: of.time_unix_nano,
                kind: of.kind,
                invocation,
                is_shared: survey.names.text(survey.emitter(of.emitter).version) == SHARED_VERSION,
                failure: (of.kind == LineKind::Other).then(|| Box::new(failure)),
            });
        }
    }
    Ok(found)
}

/// Rows of units, and failures with when they were over.
type RowsAndFailures = (Vec<Row>, Vec<(FailureKey, i64)>);

/// Adds the failures of streams, where they belong.
fn add_tied(tied: &TiedFailures, survey: &Survey, places: &BTreeMap<usize, Arc<Tally>>) {
    let mut by_place: BTreeMap<usize, RowsAndFailures> = BTreeMap::new();
    for (failure, time_unix_nano, invocation) in &tied.failures {
        let (trace, invocation, span) = (failure.trace, *invocation, failure.span);
        let (rows, failures) = by_place.entry(failure.place).or_default();
        if trace != 0 || invocation != 0 {
            let service = survey.service(failure.emitter);
            let function = survey.emitter(failure.emitter).function;
            failures.push((FailureKey { service, function, trace, invocation, span }, *time_unix_nano));
        }
        if failure.is_asked && trace == 0 && invocation == 0 {
            // An initialisation outside any call fails none: Lambda does it again in the next call, which tells.
            let tally = places.get(&failure.place).filter(|_| !failure.is_platform);
            tally.into_iter().for_each(|tally| tally.add_untied(failure.emitter, *time_unix_nano));
        } else if failure.is_asked {
            rows.push(Row {
                emitter: failure.emitter,
                time_unix_nano: *time_unix_nano,
                trace,
                invocation,
                span,
                failed_unix_nano: Some(*time_unix_nano),
                slow_unix_nano: None,
                is_timed: false,
                mark: None,
            });
        }
    }
    for untied in &tied.untied {
        if let Some(tally) = places.get(&untied.place) {
            tally.add_untied(untied.emitter, untied.time_unix_nano);
        }
    }
    for (place, (rows, failures)) in by_place {
        if let Some(tally) = places.get(&place) {
            tally.add(&rows, survey);
            tally.add_failures(&failures);
        }
    }
}

/// A row that is wanted, before its ids are known.
#[derive(Clone, Copy)]
struct Chosen {
    emitter: u32,
    time_unix_nano: i64,
    is_asked: bool,
    is_error: bool,
    signal: u32,
    event: EventKind,
}

impl Chosen {
    fn has_duration(&self) -> bool {
        match self.event {
            EventKind::Mark(LineKind::Report) => true,
            event => self.signal == SPAN && event != EventKind::SpanInProgress,
        }
    }
}

/// What is told of each row before its ids are read.
fn choose(batch: &RecordBatch, seeing: &Seeing, chosen: &mut VecDeque<Chosen>) -> Result<BooleanArray, ParquetError> {
    let rows = RowsSeen::of(batch, seeing)?;
    let mut selected = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let is_counted = rows.is_read(row, seeing.range) && (rows.are_asked[row] || rows.are_errors[row]);
        selected.push(is_counted);
        if is_counted {
            chosen.push_back(Chosen {
                emitter: rows.emitters[row],
                time_unix_nano: rows.times.value(row),
                is_asked: rows.are_asked[row],
                is_error: rows.are_errors[row],
                signal: rows.signals[row],
                event: rows.events[row],
            });
        }
    }
    Ok(BooleanArray::from(selected))
}

fn evaluate(
    expression: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    batch: &RecordBatch,
) -> Result<Vec<bool>, ParquetError> {
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(array) => cast(array, field.data_type()),
        None => ScalarValue::try_from(field.data_type())
            .and_then(|nothing| nothing.to_array_of_size(batch.num_rows()))
            .map_err(|error| arrow::error::ArrowError::ComputeError(error.to_string())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let nullable: Vec<Field> = schema.fields().iter().map(|field| Field::clone(field).with_nullable(true)).collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let rows = RecordBatch::try_new_with_options(Arc::new(Schema::new(nullable)), columns, &options)?;
    let failed = |error: datafusion::error::DataFusionError| ParquetError::General(error.to_string());
    let value = expression.evaluate(&rows).map_err(failed)?.into_array(batch.num_rows()).map_err(failed)?;
    let value = value.as_boolean();
    Ok((0..batch.num_rows()).map(|row| value.is_valid(row) && value.value(row)).collect())
}

async fn count_file(file: &File, context: &Arc<Context>, tally: &Tally) -> Result<(), ParquetError> {
    let Context { seeing, slow_nano, tied } = context.as_ref();
    let Some(Opened { builder, footer, groups }) = open_file(file, seeing.range).await? else { return Ok(()) };
    let chosen: Arc<Mutex<VecDeque<Chosen>>> = Arc::default();
    let first = seeing.columns();
    let predicate = {
        let (context, chosen) = (Arc::clone(context), Arc::clone(&chosen));
        let first = first.iter().map(String::as_str).chain(stream_column(&footer, &groups));
        ArrowPredicateFn::new(mask(&footer, first), move |batch| {
            let mut chosen = chosen.lock().unwrap_or_else(PoisonError::into_inner);
            choose(&batch, &context.seeing, &mut chosen)
                .map_err(|error| arrow::error::ArrowError::ComputeError(error.to_string()))
        })
    };
    let mut stream = builder
        .with_projection(mask(&footer, COUNTED))
        .with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
        .with_row_groups(groups)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let traces = numbered(&batch, COUNTED[0], id_number)?;
        let invocations = numbered(&batch, COUNTED[1], id_number)?;
        let spans = numbered(&batch, COUNTED[2], span_number)?;
        let durations = integers(&batch, COUNTED[3])?;
        rows.clear();
        failures.clear();
        let mut chosen = chosen.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..batch.num_rows() {
            let Some(of) = chosen.pop_front() else {
                return Err(ParquetError::General("a filter passed more rows than it chose".to_owned()));
            };
            let is_of_function = || seeing.survey.emitter(of.emitter).function != 0;
            let is_left_out = match of.event {
                EventKind::Mark(kind) => tied.ignored.contains(&(invocations[row], of.time_unix_nano, kind as u8)),
                // Those come by their streams.
                _ => of.is_error && of.signal == LOG && is_of_function(),
            };
            if is_left_out {
                continue;
            }
            let duration = durations.is_valid(row).then(|| durations.value(row).max(0));
            // A span tells when it began, and everything else when it was over.
            let over = of.time_unix_nano.saturating_add(match of.signal {
                SPAN => duration.unwrap_or(0),
                _ => 0,
            });
            let slow = slow_nano.zip(duration).is_some_and(|(slow, duration)| duration > slow);
            let counted = Row {
                emitter: of.emitter,
                time_unix_nano: of.time_unix_nano,
                trace: traces[row],
                invocation: invocations[row],
                span: if of.is_error { spans[row] } else { 0 },
                failed_unix_nano: of.is_error.then_some(over),
                slow_unix_nano: (of.has_duration() && slow).then_some(over),
                is_timed: of.has_duration() && duration.is_some(),
                mark: match of.event {
                    EventKind::Mark(kind) if of.signal == LOG => Some(kind),
                    _ => None,
                },
            };
            if of.is_error && (counted.trace != 0 || counted.invocation != 0) {
                let service = seeing.survey.service(of.emitter);
                let Row { trace, invocation, span, .. } = counted;
                let function = seeing.survey.emitter(of.emitter).function;
                let key = FailureKey { service, function, trace, invocation, span };
                failures.push((key, over));
            }
            if of.is_asked {
                rows.push(counted);
            }
        }
        drop(chosen);
        tally.add(&rows, &seeing.survey);
        tally.add_failures(&failures);
    }
    Ok(())
}

/// What the rows of a file tell of how these traces hang together, and of which trace these invocations are: spans and
/// Lambda's own records, or, where those tell no trace, all others.
async fn link_file(file: &File, range: Range, wanted: &Wanted) -> Result<Links, ParquetError> {
    const PLATFORM: u32 = 1;
    let mut links = Links::default();
    let Some(Opened { builder, footer, groups }) = open_file(file, range).await? else { return Ok(links) };
    let explain = |error: ParquetError| arrow::error::ArrowError::ComputeError(error.to_string());
    let functions = wanted.functions.clone();
    let of_others = functions.is_some();
    let kinds = [KIND[0], KIND[1], TIME, OBSERVED].into_iter().chain(of_others.then_some(EMITTER[1]));
    let is_of_kind = ArrowPredicateFn::new(mask(&footer, kinds), move |batch| {
        let signals = numbered(&batch, KIND[0], signal).map_err(explain)?;
        let events = numbered(&batch, KIND[1], |text| u32::from(text.starts_with("platform."))).map_err(explain)?;
        let times = times(&batch, &signals).map_err(explain)?;
        let named = |functions: &Arc<BTreeSet<String>>| {
            let is_asked = |text: &str| if functions.contains(text) { ASKED } else { TOLD };
            let unnamed = if functions.contains("") { ASKED } else { TOLD };
            numbered(&batch, EMITTER[1], is_asked).map(|asked| (asked, unnamed))
        };
        let functions = functions.as_ref().map(named).transpose().map_err(explain)?;
        let is_wanted = |row: usize| {
            let links = signals[row] == SPAN || events[row] == PLATFORM;
            let is_of_kind = match &functions {
                None => links,
                Some((asked, unnamed)) => {
                    !links && if asked[row] == 0 { *unnamed == ASKED } else { asked[row] == ASKED }
                }
            };
            times.is_valid(row) && range.holds(times.value(row)) && signals[row] != METRIC && is_of_kind
        };
        Ok((0..batch.num_rows()).map(is_wanted).map(Some).collect())
    });
    let is_asked = {
        let wanted = wanted.clone();
        ArrowPredicateFn::new(mask(&footer, [LINKED[0], LINKED[1]]), move |batch| {
            // By distinct id, not by row.
            let traces = numbered(&batch, LINKED[0], |text| match wanted.traces.contains(&id_number(text)) {
                true => ASKED,
                false => TOLD,
            });
            let invocations = numbered(&batch, LINKED[1], |text| {
                let number = id_number(text);
                match wanted.invocations.contains(&number) || wanted.began.contains(&number) {
                    true => ASKED,
                    false => TOLD,
                }
            });
            let (traces, invocations) = (traces.map_err(explain)?, invocations.map_err(explain)?);
            let is_asked = |(trace, invocation): (&u8, &u8)| *trace == ASKED || *invocation == ASKED;
            Ok(traces.iter().zip(&invocations).map(is_asked).map(Some).collect())
        })
    };
    let mut stream = builder
        .with_projection(mask(&footer, LINKED.into_iter().chain([KIND[0], KIND[1], TIME, OBSERVED])))
        .with_row_filter(RowFilter::new(vec![Box::new(is_of_kind), Box::new(is_asked)]))
        .with_row_groups(groups)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let of_trace = numbered(&batch, LINKED[0], id_number)?;
        let of_invocation = numbered(&batch, LINKED[1], id_number)?;
        let spans = numbered(&batch, LINKED[2], span_number)?;
        let above = numbered(&batch, LINKED[3], span_number)?;
        let events = numbered(&batch, KIND[1], event)?;
        let times = times(&batch, &numbered(&batch, KIND[0], signal)?)?;
        for row in 0..batch.num_rows() {
            let (trace, invocation, span) = (of_trace[row], of_invocation[row], spans[row]);
            let is_platform = matches!(events[row], EventKind::Platform | EventKind::Mark(_));
            if let EventKind::Mark(kind) = events[row]
                && wanted.tied.ignored.contains(&(invocation, times.value(row), kind as u8))
            {
                continue;
            }
            if wanted.began.contains(&invocation) && times.is_valid(row) {
                let earliest = links.began.entry(invocation).or_insert(times.value(row));
                *earliest = (*earliest).min(times.value(row));
            }
            if trace != 0 && wanted.invocations.contains(&invocation) {
                let told = (matches!(events[row], EventKind::Mark(_)), trace);
                let greatest = links.trace_of.entry(invocation).or_insert(told);
                *greatest = (*greatest).max(told);
            }
            if of_others || span == 0 || !wanted.traces.contains(&trace) {
                continue;
            }
            if invocation != 0 {
                let own = (!is_platform, span);
                let least = links.span_of.entry(invocation).or_insert(own);
                *least = (*least).min(own);
            }
            if above[row] != 0 {
                let least = links.parents.entry((trace, span)).or_insert(above[row]);
                *least = (*least).min(above[row]);
            }
        }
    }
    Ok(links)
}

/// What a row tells of an id: nothing, some id, or one that is asked for.
const TOLD: u8 = 1;
const ASKED: u8 = 2;

/// Traces and invocations that are looked up.
#[derive(Clone)]
struct Wanted {
    traces: Arc<PlainSet<u128>>,
    invocations: Arc<PlainSet<u128>>,
    /// Invocations of which the first mark or span is looked for.
    began: Arc<PlainSet<u128>>,
    /// Where spans and Lambda's own records have told nothing: the other records of these functions, "" of none.
    functions: Option<Arc<BTreeSet<String>>>,
    tied: Arc<TiedFailures>,
}
