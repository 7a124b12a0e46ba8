//! Looks rows up by their ids in the files of the lake: footers and bloom filters first, then the columns of ids of what
//! is left, then the rows that carry one. It refuses to plan a query: an id is one of three columns, which no Parquet
//! scan prunes by, and three scans would read everything three times.
//!
//! All files are asked at once, so that a store that is far away is waited for as often as one thing needs another, not
//! as often as there are files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use futures::StreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use transect_schema::{COLUMNS, ColumnType, Record, Value};
use transect_trace::{
    Event, Hit, Id, IdKind, Linkers, LinkersSought, Look, Sought, Source, StreamWindows, TRACE_DIGITS, Tally, Window,
    is_short, links_in, low_digits, merged, one_holds, places, trace_number,
};

use crate::file_set::{File, FileSet, TIME, cast, column_of, may_hold, open, texts};
use crate::footers::Reader;
use crate::question::Question;
use crate::release_map::ReleaseMap;
use crate::{QueryError, Result};

/// Columns of ids that are kept for the next look, in bytes of memory.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Columns of ids of a row group that a store sends about as quickly as nothing: they are read without being asked for, and
/// the ids that are found next may be among them.
const CHEAP_BYTES_MAX: i64 = 256 << 10;
/// What is read of the attributes of spans for links to a trace, in bytes as they lie in the file: no index leads to them.
const LINKS_BYTES_MAX: i64 = 16 << 20;
/// Rows decoded at once.
const BATCH_ROWS: usize = 16 << 10;

/// Looks into one lake, for one request.
pub(super) struct Finder<'e> {
    files: FileSet<'e>,
    releases: Option<Arc<ReleaseMap>>,
    kept: Arc<Mutex<Kept>>,
}

/// Columns of ids that were read: by file and row group.
#[derive(Default)]
struct Kept {
    groups: HashMap<(u32, usize), Arc<Vec<IdColumns>>>,
    bytes: usize,
}

/// A row: file, row group and place in it.
pub(super) type RowPlace = (u32, u32, u32);

/// The ids of some rows.
struct IdColumns {
    times: Int64Array,
    /// In the order of [`IdKind::ALL`]; those that were not read are absent.
    ids: [Option<StringViewArray>; IdKind::ALL.len()],
}

impl<'e> Finder<'e> {
    pub(super) fn new(question: &'e Question) -> Finder<'e> {
        Finder { files: FileSet::new(question), releases: None, kept: Arc::default() }
    }
}

impl Source for Finder<'_> {
    type Row = RowPlace;
    type Error = QueryError;

    async fn look(&mut self, sought: &Sought<'_>) -> Result<Look<RowPlace>> {
        if self.releases.is_some() {
            return self.look_now(sought).await;
        }
        // Side by side: nothing of a row is said before its release is known, but it can be found.
        let question = self.files.question();
        let (releases, look) = futures::future::join(question.release_records(), self.look_now(sought)).await;
        self.releases = Some(releases);
        look
    }

    async fn lines(&mut self, streams: &StreamWindows) -> Result<Vec<RowPlace>> {
        let all = || streams.values().flatten();
        self.files.list(&times(&merged(all().copied().collect()))).await?;
        let streams = Arc::new(streams.clone());
        let of_file = |file: Arc<File>| {
            let streams = Arc::clone(&streams);
            async move { lines_of(&file, &streams).await }
        };
        let mut lines = Vec::new();
        self.files.each(of_file, |_, found| lines.extend(found)).await?;
        lines.sort_unstable();
        Ok(lines.into_iter().map(|(_, row)| row).collect())
    }

    async fn fetch(&self, rows: &[RowPlace]) -> Result<Vec<(RowPlace, Event)>> {
        let mut by_file: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for (file, group, row) in rows {
            by_file.entry(*file).or_default().push((*group, *row));
        }
        let files = by_file.into_iter().filter_map(|(number, rows)| Some((self.files.of_number(number)?, rows)));
        let reads = files.map(|(file, mut rows)| {
            rows.sort_unstable();
            let of = Arc::clone(&file);
            (file, async move { Ok((read_rows(&of, &rows).await?, rows)) })
        });
        let mut events = Vec::with_capacity(rows.len());
        let take = |file: &File, (records, rows): (Vec<Record<'static>>, Vec<(u32, u32)>)| {
            events.extend(rows.into_iter().zip(records).map(|((group, row), record)| {
                let release = self.release(&record);
                ((file.number, group, row), Event { record, release })
            }));
        };
        self.files.each_of(reads, take).await?;
        Ok(events)
    }

    async fn linkers(&self, sought: &LinkersSought<'_>) -> Result<Linkers<RowPlace>> {
        let mut found = Linkers::default();
        if sought.traces.is_empty() {
            return Ok(found);
        }
        let mut groups = self.groups_with_spans(sought).await?;
        // What is nearest to the request first.
        groups.sort_by_key(|group| (group.distance, group.file.number, group.group));
        let mut left = LINKS_BYTES_MAX;
        let mut by_file: BTreeMap<u32, (Arc<File>, Vec<usize>)> = BTreeMap::new();
        for group in groups {
            left = left.saturating_sub(group.bytes);
            if left < 0 {
                found.is_whole = false;
                found.is_near_whole &= group.distance > 0;
                continue;
            }
            by_file.entry(group.file.number).or_insert_with(|| (group.file, Vec::new())).1.push(group.group);
        }
        let traces: Arc<HashMap<String, usize>> = Arc::new(sought.traces.iter().cloned().zip(0..).collect());
        let windows: Arc<Vec<Window>> = Arc::new(sought.windows.to_vec());
        let looks = by_file.into_values().map(|(file, mut groups)| {
            groups.sort_unstable();
            let (traces, windows) = (Arc::clone(&traces), Arc::clone(&windows));
            let of = Arc::clone(&file);
            (file, async move { linkers_of(&of, &groups, &traces, &windows).await })
        });
        self.files.each_of(looks, |_, hits| found.hits.extend(hits)).await?;
        found.hits.sort_unstable_by_key(|(place, hit)| (hit.time, hit.row, *place));
        Ok(found)
    }
}

/// A row group that may hold spans.
struct SpanGroup {
    file: Arc<File>,
    group: usize,
    /// From the request, in nanoseconds.
    distance: i64,
    /// Of its attributes.
    bytes: i64,
}

pub(super) fn times(windows: &[Window]) -> Vec<(i64, i64)> {
    windows.iter().map(|window| (window.since_unix_nano, window.until_unix_nano)).collect()
}

impl Finder<'_> {
    async fn look_now(&mut self, sought: &Sought<'_>) -> Result<Look<RowPlace>> {
        self.files.list(&times(sought.windows)).await?;
        let wanted = Arc::new(Wanted::of(sought));
        let of_file = |file: Arc<File>| {
            let (wanted, kept) = (Arc::clone(&wanted), Arc::clone(&self.kept));
            let tally = Tally::new(sought);
            async move { look_into(&file, &wanted, tally, &kept).await }
        };
        let mut all = Tally::new(sought);
        self.files.each(of_file, |_, tally| all.merge(tally)).await?;
        Ok(all.finish())
    }

    /// The row groups of these times that may hold spans, and are there.
    async fn groups_with_spans(&self, sought: &LinkersSought<'_>) -> Result<Vec<SpanGroup>> {
        let read = |file: Arc<File>| async move {
            let footer = Reader::new(&file.footers, &file.meta).get_metadata(None).await?;
            Ok((file, footer))
        };
        let mut groups = Vec::new();
        let take = |_: &File, (file, footer): (Arc<File>, Arc<ParquetMetaData>)| {
            let (Some(signal), Some(attributes)) = (column_of(&footer, SIGNAL), column_of(&footer, ATTRIBUTES)) else {
                return;
            };
            let time = column_of(&footer, TIME);
            for number in 0..footer.num_row_groups() {
                let group = footer.row_group(number);
                let is_in = |windows: &[Window]| in_time(group, time, windows);
                if !is_in(sought.windows) || !may_hold_spans(group.column(signal).statistics()) {
                    continue;
                }
                let distance = if is_in(sought.near) { 0 } else { distance(group, time, sought.near) };
                let bytes = group.column(attributes).compressed_size();
                groups.push(SpanGroup { file: Arc::clone(&file), group: number, distance, bytes });
            }
        };
        self.files.each(read, take).await?;
        Ok(groups)
    }

    /// What the application states, else what was recorded for its version of the function, else that version: as the
    /// column `release`.
    fn release(&self, record: &Record<'_>) -> Option<String> {
        let recorded = || {
            let (region, function) = (record.cloud_region.as_deref()?, record.faas_name.as_deref()?);
            let version = record.faas_version.as_deref()?;
            self.releases.as_ref()?.of(region, function, version, record.time_unix_nano)
        };
        let release = record.service_version.as_deref().or_else(recorded).or(record.faas_version.as_deref());
        release.map(str::to_owned)
    }
}

/// The ids sought, in the form that a file is asked for them.
struct Wanted {
    windows: Vec<Window>,
    near: Vec<Window>,
    ids: Vec<Id>,
    /// By kind: the lower half of the views of the texts, which is their length and beginning.
    beginnings: [Vec<u64>; IdKind::ALL.len()],
    /// Of traces of 128 bits, the ids that their last 64 bits alone make.
    shortened: BTreeSet<String>,
    /// Of traces of 64 bits, their digits, which others may end with.
    endings: HashSet<String>,
}

impl Wanted {
    fn of(sought: &Sought<'_>) -> Wanted {
        let traces = || sought.ids.iter().filter(|id| id.kind == IdKind::Trace).map(|id| id.value.as_str());
        let whole = |id: &&str| id.len() == TRACE_DIGITS;
        let low = |id: &str| low_digits(id).map(str::to_owned);
        let (short, long): (Vec<&str>, Vec<&str>) = traces().filter(whole).partition(|id| is_short(id));
        let shortened = long.into_iter().filter_map(low).map(|low| format!("{low:0>TRACE_DIGITS$}"));
        let shortened: BTreeSet<String> = shortened.filter(|id| !traces().any(|known| known == id)).collect();
        let beginnings = IdKind::ALL.map(|kind| {
            let of_kind = sought.ids.iter().filter(|id| id.kind == kind).map(|id| id.value.as_str());
            let more = shortened.iter().filter(|_| kind == IdKind::Trace).map(String::as_str);
            let texts: StringViewArray = of_kind.chain(more).map(Some).collect();
            let mut beginnings: Vec<u64> = texts.views().iter().map(|view| beginning(*view)).collect();
            beginnings.sort_unstable();
            beginnings.dedup();
            beginnings
        });
        Wanted {
            windows: sought.windows.to_vec(),
            near: sought.near.to_vec(),
            ids: sought.ids.to_vec(),
            beginnings,
            shortened,
            endings: short.into_iter().filter_map(low).collect(),
        }
    }

    /// What a file that lacks it has no row of a kind for.
    fn of_kind(&self, kind: IdKind) -> impl Iterator<Item = &str> {
        let ids = self.ids.iter().filter(move |id| id.kind == kind).map(|id| id.value.as_str());
        ids.chain(self.shortened.iter().filter(move |_| kind == IdKind::Trace).map(String::as_str))
    }

    /// Whether only a look at every row can tell.
    fn is_by_ending(&self, kind: IdKind) -> bool {
        kind == IdKind::Trace && !self.endings.is_empty()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half")]
fn beginning(view: u128) -> u64 {
    view as u64
}

/// The rows of a file that carry one of the ids.
async fn look_into(
    file: &File,
    wanted: &Wanted,
    mut tally: Tally<RowPlace>,
    kept: &Mutex<Kept>,
) -> Result<Tally<RowPlace>, ParquetError> {
    let mut reader = Reader::new(&file.footers, &file.meta);
    let footer = reader.get_metadata(None).await?;
    let time = column_of(&footer, TIME);
    let is_in = |group: usize, windows: &[Window]| in_time(footer.row_group(group), time, windows);
    let in_time: Vec<usize> = (0..footer.num_row_groups()).filter(|group| is_in(*group, &wanted.windows)).collect();
    if in_time.is_empty() {
        return Ok(tally);
    }
    let columns = IdKind::ALL.map(|kind| column_of(&footer, kind.column()));
    // Those that lead on are always read, because the next look will ask for them.
    let read: Vec<usize> = (0..IdKind::ALL.len())
        .filter(|kind| columns[*kind].is_some() && (*kind < IdKind::LEADING || !wanted.beginnings[*kind].is_empty()))
        .collect();
    let mut groups = Vec::new();
    let mut builder = open(reader, &footer, |_| DataType::Utf8View)?;
    let is_far = !file.footers.is_local();
    for group in in_time {
        // What the next look would have to ask a store for, and hardly takes longer now.
        let size: i64 = read
            .iter()
            .filter_map(|kind| columns[*kind])
            .map(|column| footer.row_group(group).column(column).compressed_size())
            .sum();
        let is_cheap = is_far && size <= CHEAP_BYTES_MAX && is_in(group, &wanted.near);
        if is_cheap || may_carry(&mut builder, group, &columns, wanted).await? {
            groups.push(group);
        }
    }
    let missing: Vec<usize> = {
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |columns: &Arc<Vec<IdColumns>>| {
            columns.first().is_none_or(|first| read.iter().all(|kind| first.ids[*kind].is_some()))
        };
        groups.iter().copied().filter(|group| !kept.groups.get(&(file.number, *group)).is_some_and(has)).collect()
    };
    let mut fresh = HashMap::new();
    if !missing.is_empty() {
        let leaves = read.iter().filter_map(|kind| columns[*kind]).chain(time);
        let mask = ProjectionMask::leaves(footer.file_metadata().schema_descr(), leaves);
        let mut stream =
            builder.with_projection(mask).with_row_groups(missing.clone()).with_batch_size(BATCH_ROWS).build()?;
        let mut at = GroupCursor::new(&footer, &missing);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let mut from = 0;
            while from < batch.num_rows() {
                let Some((group, _, left)) = at.place() else { break };
                let count = left.min(batch.num_rows() - from);
                let part = id_columns(&batch.slice(from, count), &read)?;
                fresh.entry(group).or_insert_with(Vec::new).push(part);
                at.advance(count);
                from += count;
            }
        }
    }
    for group in groups {
        let columns = match fresh.remove(&group) {
            Some(columns) => keep(kept, (file.number, group), columns),
            None => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.groups.get(&(file.number, group)).cloned().unwrap_or_default()
            }
        };
        let places = places(&wanted.ids);
        let mut first = 0;
        for part in columns.iter() {
            matching(part, wanted, &places, (file.number, group, first), &mut tally);
            first += part.times.len();
        }
    }
    Ok(tally)
}

fn keep(kept: &Mutex<Kept>, key: (u32, usize), columns: Vec<IdColumns>) -> Arc<Vec<IdColumns>> {
    let columns = Arc::new(columns);
    let size = |part: &IdColumns| {
        let texts: usize = part.ids.iter().flatten().map(|array| array.get_array_memory_size()).sum();
        texts + part.times.get_array_memory_size()
    };
    let bytes: usize = columns.iter().map(size).sum();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.bytes + bytes <= KEPT_BYTES_MAX {
        kept.bytes += bytes;
        kept.groups.insert(key, Arc::clone(&columns));
    }
    columns
}

/// Whether a row group can hold one of the ids, by its bloom filters.
async fn may_carry(
    builder: &mut ParquetRecordBatchStreamBuilder<Reader>,
    group: usize,
    columns: &[Option<usize>; IdKind::ALL.len()],
    wanted: &Wanted,
) -> Result<bool, ParquetError> {
    for (kind, column) in IdKind::ALL.iter().zip(columns) {
        let Some(column) = column else { continue };
        if wanted.of_kind(*kind).next().is_none() {
            continue;
        }
        if wanted.is_by_ending(*kind) {
            return Ok(true);
        }
        match builder.get_row_group_column_bloom_filter(group, *column).await? {
            Some(filter) if !wanted.of_kind(*kind).any(|id| filter.check(&id)) => {}
            _ => return Ok(true),
        }
    }
    Ok(false)
}

/// Where in a list of row groups, read one after the other, the next row is.
struct GroupCursor<'g> {
    groups: &'g [usize],
    rows: Vec<usize>,
    index: usize,
    row: usize,
}

impl<'g> GroupCursor<'g> {
    fn new(footer: &ParquetMetaData, groups: &'g [usize]) -> GroupCursor<'g> {
        let rows = |group: &usize| usize::try_from(footer.row_group(*group).num_rows()).unwrap_or(0);
        GroupCursor { groups, rows: groups.iter().map(rows).collect(), index: 0, row: 0 }
    }

    /// The row group, the row in it, and how many rows of it are left.
    fn place(&mut self) -> Option<(usize, usize, usize)> {
        while self.rows.get(self.index).is_some_and(|rows| self.row >= *rows) {
            self.index += 1;
            self.row = 0;
        }
        let rows = self.rows.get(self.index)?;
        Some((self.groups[self.index], self.row, rows - self.row))
    }

    fn advance(&mut self, count: usize) {
        self.row += count;
    }
}

fn id_columns(batch: &RecordBatch, read: &[usize]) -> Result<IdColumns, ParquetError> {
    let mut ids: [Option<StringViewArray>; IdKind::ALL.len()] = Default::default();
    for kind in read {
        ids[*kind] = Some(texts(batch, IdKind::ALL[*kind].column())?);
    }
    let times = match batch.column_by_name(TIME) {
        Some(array) => cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
        None => Int64Array::new_null(batch.num_rows()),
    };
    Ok(IdColumns { times, ids })
}

/// Adds the rows that carry an id.
fn matching(
    part: &IdColumns,
    wanted: &Wanted,
    places: &HashMap<IdKind, HashMap<&str, u32>>,
    (file, group, first): (u32, usize, usize),
    tally: &mut Tally<RowPlace>,
) {
    let mut hits: BTreeMap<usize, [Option<u32>; IdKind::ALL.len()]> = BTreeMap::new();
    let in_time = |row: usize| one_holds(&wanted.windows, time_of(&part.times, row));
    if let Some(array) = part.ids[0].as_ref().filter(|_| wanted.is_by_ending(IdKind::Trace)) {
        for (row, trace) in array.iter().enumerate() {
            let Some(trace) = trace.filter(|trace| trace.len() == TRACE_DIGITS && !is_short(trace)) else { continue };
            if low_digits(trace).is_some_and(|low| wanted.endings.contains(low)) && in_time(row) {
                tally.alike.insert(trace.to_owned());
            }
        }
    }
    for (index, kind) in IdKind::ALL.iter().enumerate() {
        let (Some(array), Some(places)) = (&part.ids[index], places.get(kind)) else { continue };
        let shortened = Some(&wanted.shortened).filter(|_| *kind == IdKind::Trace);
        let beginnings = &wanted.beginnings[index];
        for (row, view) in array.views().iter().enumerate() {
            let is_near = match beginnings.as_slice() {
                [one] => beginning(*view) == *one,
                many => many.binary_search(&beginning(*view)).is_ok(),
            };
            if !is_near || array.is_null(row) {
                continue;
            }
            let id = array.value(row);
            if let Some(place) = places.get(id) {
                hits.entry(row).or_default()[index] = Some(*place);
            } else if shortened.is_some_and(|shortened| shortened.contains(id)) && in_time(row) {
                tally.alike.insert(id.to_owned());
            }
        }
    }
    for (row, places) in hits {
        let time = time_of(&part.times, row);
        if !in_time(row) {
            continue;
        }
        let ids = leading_ids(part, row);
        let trace = ids[0].as_deref().map(trace_number);
        let (Ok(group), Ok(row)) = (u32::try_from(group), u32::try_from(first + row)) else { continue };
        tally.add(Hit { row: (file, group, row), time, places, ids }, trace);
    }
}

fn time_of(times: &Int64Array, row: usize) -> i64 {
    if times.is_null(row) { 0 } else { times.value(row) }
}

fn leading_ids(part: &IdColumns, row: usize) -> [Option<Arc<str>>; IdKind::LEADING] {
    std::array::from_fn(|kind| {
        let array = part.ids[kind].as_ref().filter(|array| !array.is_null(row))?;
        Some(Arc::<str>::from(array.value(row)))
    })
}

/// Whether a row group can hold a row of these times.
fn in_time(group: &RowGroupMetaData, time: Option<usize>, windows: &[Window]) -> bool {
    let may = |time| windows.iter().any(|window| may_hold(group, time, window.since_unix_nano, window.until_unix_nano));
    time.is_none_or(may)
}

/// How far the times of a row group are from those of the request.
fn distance(group: &RowGroupMetaData, time: Option<usize>, near: &[Window]) -> i64 {
    let statistics = time.and_then(|time| group.column(time).statistics());
    let Some(Statistics::Int64(statistics)) = statistics else { return i64::MAX };
    let (first, last) = (statistics.min_opt().copied(), statistics.max_opt().copied());
    let (Some(first), Some(last)) = (first, last) else { return i64::MAX };
    let from = |window: &Window| {
        first.saturating_sub(window.until_unix_nano).max(window.since_unix_nano.saturating_sub(last)).max(1)
    };
    near.iter().map(from).min().unwrap_or(i64::MAX)
}

/// Whether a row group can hold a span, by its statistics.
fn may_hold_spans(signal: Option<&Statistics>) -> bool {
    let Some(Statistics::ByteArray(signal)) = signal else { return true };
    let (span, min, max) = (SPAN.as_bytes(), signal.min_opt(), signal.max_opt());
    min.is_none_or(|min| min.data() <= span) && max.is_none_or(|max| max.data() >= span)
}

const SIGNAL: &str = "signal";
const ATTRIBUTES: &str = "attributes";
const SPAN: &str = "span";

/// The rows of some row groups that are spans of these times: by group and row.
async fn spans_of(file: &File, groups: &[usize], windows: &[Window]) -> Result<Vec<(u32, u32)>, ParquetError> {
    let mut reader = Reader::new(&file.footers, &file.meta);
    let footer = reader.get_metadata(None).await?;
    let leaves: Vec<usize> = [TIME, SIGNAL].iter().filter_map(|name| column_of(&footer, name)).collect();
    let mask = ProjectionMask::leaves(footer.file_metadata().schema_descr(), leaves);
    // As a dictionary: three words.
    let builder = open(reader, &footer, |_| DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))?;
    let builder = builder.with_projection(mask).with_row_groups(groups.to_vec()).with_batch_size(BATCH_ROWS);
    let (mut stream, mut at) = (builder.build()?, GroupCursor::new(&footer, groups));
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let signals = texts(&batch, SIGNAL)?;
        let times = id_columns(&batch, &[])?.times;
        for row in 0..batch.num_rows() {
            let Some((group, place, _)) = at.place() else { break };
            let is_span = signals.is_valid(row) && signals.value(row) == SPAN;
            if let (true, Ok(group), Ok(place)) =
                (is_span && one_holds(windows, time_of(&times, row)), u32::try_from(group), u32::try_from(place))
            {
                rows.push((group, place));
            }
            at.advance(1);
        }
    }
    Ok(rows)
}

fn all_rows(footer: &ParquetMetaData, groups: &[usize]) -> Vec<(u32, u32)> {
    let mut rows = Vec::new();
    for group in groups {
        let count = u32::try_from(footer.row_group(*group).num_rows()).unwrap_or(0);
        let number = u32::try_from(*group).unwrap_or(u32::MAX);
        rows.extend((0..count).map(|row| (number, row)));
    }
    rows
}

/// The spans of some row groups that link to one of the traces, with the place of that.
async fn linkers_of(
    file: &File,
    groups: &[usize],
    traces: &HashMap<String, usize>,
    windows: &[Window],
) -> Result<Vec<(usize, Hit<RowPlace>)>, ParquetError> {
    let mut reader = Reader::new(&file.footers, &file.meta);
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let footer = reader.get_metadata(Some(&options)).await?;
    // Here it is quicker to read which rows are spans before what they say; from a store, to ask once.
    let rows: Vec<(u32, u32)> = match file.footers.is_local() {
        true => spans_of(file, groups, windows).await?,
        false => all_rows(&footer, groups),
    };
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let leading: Vec<usize> =
        (0..IdKind::LEADING).filter(|kind| column_of(&footer, IdKind::ALL[*kind].column()).is_some()).collect();
    let names = leading.iter().map(|kind| IdKind::ALL[*kind].column()).chain([TIME, SIGNAL, ATTRIBUTES]);
    let leaves: Vec<usize> = names.filter_map(|name| column_of(&footer, name)).collect();
    let mask = ProjectionMask::leaves(footer.file_metadata().schema_descr(), leaves);
    let selection = selection_of(&footer, groups, &rows);
    let mut stream = open(reader, &footer, |_| DataType::Utf8View)?
        .with_projection(mask)
        .with_row_groups(groups.to_vec())
        .with_row_selection(selection)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let (mut found, mut rows) = (Vec::new(), rows.into_iter());
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let (signals, attributes) = (texts(&batch, SIGNAL)?, texts(&batch, ATTRIBUTES)?);
        let ids = id_columns(&batch, &leading)?;
        for (row, (group, place)) in (0..batch.num_rows()).zip(rows.by_ref()) {
            let time = time_of(&ids.times, row);
            let is_span = signals.is_valid(row) && signals.value(row) == SPAN && attributes.is_valid(row);
            if !is_span || !one_holds(windows, time) {
                continue;
            }
            let links = links_in(attributes.value(row));
            let linked: BTreeSet<usize> = links.iter().filter_map(|link| traces.get(&link.trace_id).copied()).collect();
            found.extend(linked.into_iter().map(|linked| {
                let (row, ids) = ((file.number, group, place), leading_ids(&ids, row));
                (linked, Hit { row, time, places: [None; IdKind::ALL.len()], ids })
            }));
        }
    }
    Ok(found)
}

/// Columns that say which stream a row is of.
const STREAM: [&str; 4] = ["cloud_region", "aws_log_group", "aws_log_stream", "signal"];

/// The log records of a file that are of some streams and times, with their times.
async fn lines_of(file: &File, streams: &StreamWindows) -> Result<Vec<(i64, RowPlace)>, ParquetError> {
    let mut lines = Vec::new();
    let mut reader = Reader::new(&file.footers, &file.meta);
    let footer = reader.get_metadata(None).await?;
    let Some(time) = column_of(&footer, TIME) else { return Ok(lines) };
    let windows: Vec<Window> = merged(streams.values().flatten().copied().collect());
    let may_hold_one = |group: &usize| in_time(footer.row_group(*group), Some(time), &windows);
    let groups: Vec<usize> = (0..footer.num_row_groups()).filter(may_hold_one).collect();
    if groups.is_empty() {
        return Ok(lines);
    }
    let leaves = STREAM.iter().filter_map(|name| column_of(&footer, name)).chain([time]);
    let mask = ProjectionMask::leaves(footer.file_metadata().schema_descr(), leaves);
    // As dictionaries: the names of streams repeat from row to row.
    let builder = open(reader, &footer, |_| DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))?;
    let mut stream =
        builder.with_projection(mask).with_row_groups(groups.clone()).with_batch_size(BATCH_ROWS).build()?;
    let mut at = GroupCursor::new(&footer, &groups);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let [regions, log_groups, names, signals] = STREAM.map(|name| texts(&batch, name));
        let (regions, log_groups, names, signals) = (regions?, log_groups?, names?, signals?);
        let times = id_columns(&batch, &[])?.times;
        let mut from = 0;
        while from < batch.num_rows() {
            let Some((group, first, left)) = at.place() else { break };
            let count = left.min(batch.num_rows() - from);
            for row in from..from + count {
                let value = |texts: &StringViewArray| if texts.is_null(row) { "" } else { texts.value(row) }.to_owned();
                let is_log = signals.is_valid(row) && signals.value(row) == "log";
                let may_be = is_log && times.is_valid(row) && one_holds(&windows, times.value(row));
                let is_one = may_be
                    && streams
                        .get(&[value(&regions), value(&log_groups), value(&names)])
                        .is_some_and(|windows| one_holds(windows, times.value(row)));
                if let (true, Ok(group), Ok(place)) = (is_one, u32::try_from(group), u32::try_from(first + row - from))
                {
                    lines.push((times.value(row), (file.number, group, place)));
                }
            }
            at.advance(count);
            from += count;
        }
    }
    Ok(lines)
}

/// Some rows of row groups that are read one after the other: both in order.
fn selection_of(footer: &ParquetMetaData, groups: &[usize], rows: &[(u32, u32)]) -> RowSelection {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut before, mut rows) = (0, rows.iter().peekable());
    for group in groups {
        while let Some((_, row)) = rows.next_if(|(of, _)| *of as usize == *group) {
            let row = before + *row as usize;
            match ranges.last_mut() {
                Some(range) if range.end == row => range.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        before += usize::try_from(footer.row_group(*group).num_rows()).unwrap_or(0);
    }
    RowSelection::from_consecutive_ranges(ranges.into_iter(), before)
}

/// All columns of some rows of a file, in the order given: by row group and row.
async fn read_rows(file: &File, rows: &[(u32, u32)]) -> Result<Vec<Record<'static>>, ParquetError> {
    let mut reader = Reader::new(&file.footers, &file.meta);
    // With the page index only the pages are read that hold these rows.
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let footer = reader.get_metadata(Some(&options)).await?;
    let mut groups: Vec<usize> = rows.iter().map(|(group, _)| *group as usize).collect();
    groups.dedup();
    let selection = selection_of(&footer, &groups, rows);
    let builder = open(reader, &footer, |_| DataType::Utf8View)?;
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let descr = footer.file_metadata().schema_descr();
    let known = descr.columns().iter().enumerate();
    let known = known.filter(|(_, column)| names.contains(&column.path().string().as_str())).map(|(index, _)| index);
    let mask = ProjectionMask::leaves(descr, known);
    let mut stream = builder
        .with_projection(mask)
        .with_row_groups(groups)
        .with_row_selection(selection)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let mut records = Vec::with_capacity(rows.len());
    while let Some(batch) = stream.next().await {
        decode(&batch?, &mut records)?;
    }
    Ok(records)
}

/// A column of the contract, of the type that it should have.
enum Values {
    Absent,
    BigInt(arrow::array::Int64Array),
    Int(arrow::array::Int32Array),
    Double(arrow::array::Float64Array),
    Boolean(arrow::array::BooleanArray),
    Text(StringViewArray),
}

fn decode(batch: &RecordBatch, records: &mut Vec<Record<'static>>) -> Result<(), ParquetError> {
    let columns = COLUMNS.iter().map(|column| {
        let Some(array) = batch.column_by_name(column.name) else { return Ok(Values::Absent) };
        Ok::<_, ParquetError>(match column.column_type {
            ColumnType::BigInt => Values::BigInt(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
            ColumnType::Int => Values::Int(cast(array, &DataType::Int32)?.as_primitive::<Int32Type>().clone()),
            ColumnType::Double => {
                Values::Double(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            ColumnType::Boolean => Values::Boolean(cast(array, &DataType::Boolean)?.as_boolean().clone()),
            ColumnType::String => Values::Text(cast(array, &DataType::Utf8View)?.as_string_view().clone()),
        })
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        records.push(Record::from_values(|index| match &columns[index] {
            Values::Absent => None,
            Values::BigInt(array) => (!array.is_null(row)).then(|| Value::BigInt(array.value(row))),
            Values::Int(array) => (!array.is_null(row)).then(|| Value::Int(array.value(row))),
            Values::Double(array) => (!array.is_null(row)).then(|| Value::Double(array.value(row))),
            Values::Boolean(array) => (!array.is_null(row)).then(|| Value::Boolean(array.value(row))),
            Values::Text(array) => (!array.is_null(row)).then(|| Value::String(array.value(row))),
        }));
    }
    Ok(())
}
