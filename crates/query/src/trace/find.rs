//! Looks rows up by their ids in the files of the lake: footers and bloom filters first, then the columns of ids of what
//! is left, then the rows that carry one. It refuses to plan a query: an id is one of three columns, which no Parquet
//! scan prunes by, and three scans would read everything three times.
//!
//! All files are asked at once, so that a store that is far away is waited for as often as one thing needs another, not
//! as often as there are files.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use futures::stream;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use transect_schema::{COLUMNS, ColumnType, Record, Value};

use super::closure::{Event, Hit, Id, IdKind, Look, Sought, Source, Tally, Window, places, trace_number};
use super::streams::{StreamWindows, merged, one_holds};
use crate::file_set::{FILES_AT_ONCE, File, FileSet, TIME, cast, column_of, may_hold, open};
use crate::footers::Reader;
use crate::release_map::ReleaseMap;
use crate::{Engine, QueryError, Result};

/// Columns of ids that are kept for the next look, in bytes of memory.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Columns of ids of a row group that a store sends about as quickly as nothing: they are read without being asked for, and
/// the ids that are found next may be among them.
const CHEAP_BYTES_MAX: i64 = 256 << 10;
/// Rows decoded at once.
const BATCH_ROWS: usize = 16 << 10;

/// Looks into one lake, for one request.
pub(super) struct Finder<'e> {
    files: FileSet<'e>,
    releases: Option<ReleaseMap>,
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
    pub(super) fn new(engine: &'e Engine) -> Finder<'e> {
        Finder { files: FileSet::new(engine), releases: None, kept: Arc::default() }
    }
}

impl Source for Finder<'_> {
    type Row = RowPlace;

    async fn look(&mut self, sought: &Sought<'_>) -> Result<Look<RowPlace>> {
        if self.releases.is_some() {
            return self.look_now(sought).await;
        }
        // Side by side: nothing of a row is said before its release is known, but it can be found.
        let engine = self.files.engine();
        let (releases, look) = futures::future::join(engine.read_releases(), self.look_now(sought)).await;
        self.releases = Some(releases);
        look
    }

    async fn lines(&mut self, streams: &StreamWindows) -> Result<Vec<RowPlace>> {
        let all = || streams.values().flatten();
        let since_unix_nano = all().map(|window| window.since_unix_nano).min().unwrap_or(0);
        let until_unix_nano = all().map(|window| window.until_unix_nano).max().unwrap_or(0);
        self.files.list(since_unix_nano, until_unix_nano).await?;
        let streams = Arc::new(streams.clone());
        let looks = self.files.there().into_iter().map(|file| {
            let streams = Arc::clone(&streams);
            SpawnedTask::spawn(async move {
                let found = lines_of(&file, &streams).await;
                (file, found)
            })
        });
        let mut looks = stream::iter(looks).buffer_unordered(FILES_AT_ONCE);
        let mut lines = Vec::new();
        while let Some(done) = looks.next().await {
            let (file, found) = done.map_err(|error| QueryError::Internal(error.to_string()))?;
            lines.extend(self.files.forgive(&file, found)?.into_iter().flatten());
        }
        lines.sort_unstable();
        Ok(lines.into_iter().map(|(_, row)| row).collect())
    }

    async fn fetch(&mut self, rows: &[RowPlace]) -> Result<Vec<(RowPlace, Event)>> {
        let mut by_file: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for (file, group, row) in rows {
            by_file.entry(*file).or_default().push((*group, *row));
        }
        let files = by_file.into_iter().filter_map(|(number, rows)| Some((self.files.of_number(number)?, rows)));
        let tasks = files.collect::<Vec<_>>().into_iter().map(|(file, mut rows)| {
            rows.sort_unstable();
            SpawnedTask::spawn(async move {
                let read = read_rows(&file, &rows).await;
                (file, rows, read)
            })
        });
        let mut tasks = stream::iter(tasks).buffer_unordered(FILES_AT_ONCE);
        let mut events = Vec::with_capacity(rows.len());
        while let Some(done) = tasks.next().await {
            let (file, rows, read) = done.map_err(|error| QueryError::Internal(error.to_string()))?;
            let Some(records) = self.files.forgive(&file, read)? else { continue };
            for ((group, row), record) in rows.into_iter().zip(records) {
                let release = self.release(&record);
                events.push(((file.number, group, row), Event { record, release }));
            }
        }
        Ok(events)
    }
}

impl Finder<'_> {
    async fn look_now(&mut self, sought: &Sought<'_>) -> Result<Look<RowPlace>> {
        self.files.list(sought.window.since_unix_nano, sought.window.until_unix_nano).await?;
        let wanted = Arc::new(Wanted::of(sought));
        let looks = self.files.there().into_iter().map(|file| {
            let (wanted, kept) = (Arc::clone(&wanted), Arc::clone(&self.kept));
            let tally = Tally::new(sought);
            // A task each, so that files of this machine are decoded on all processors.
            SpawnedTask::spawn(async move {
                let found = look_into(&file, &wanted, tally, &kept).await;
                (file, found)
            })
        });
        let mut looks = stream::iter(looks).buffer_unordered(FILES_AT_ONCE);
        let mut all = Tally::new(sought);
        while let Some(done) = looks.next().await {
            let (file, found) = done.map_err(|error| QueryError::Internal(error.to_string()))?;
            if let Some(tally) = self.files.forgive(&file, found)? {
                all.merge(tally);
            }
        }
        Ok(all.finish())
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
    window: Window,
    ids: Vec<Id>,
    /// By kind: the lower half of the views of the texts, which is their length and beginning.
    beginnings: [Vec<u64>; IdKind::ALL.len()],
}

impl Wanted {
    fn of(sought: &Sought<'_>) -> Wanted {
        let beginnings = IdKind::ALL.map(|kind| {
            let of_kind = sought.ids.iter().filter(|id| id.kind == kind);
            let texts: StringViewArray = of_kind.map(|id| Some(id.value.as_str())).collect();
            let mut beginnings: Vec<u64> = texts.views().iter().map(|view| beginning(*view)).collect();
            beginnings.sort_unstable();
            beginnings.dedup();
            beginnings
        });
        Wanted { window: sought.window, ids: sought.ids.to_vec(), beginnings }
    }

    fn of_kind(&self, kind: IdKind) -> impl Iterator<Item = &Id> {
        self.ids.iter().filter(move |id| id.kind == kind)
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
    let in_time: Vec<usize> = (0..footer.num_row_groups())
        .filter(|group| {
            time.is_none_or(|time| {
                may_hold(footer.row_group(*group), time, wanted.window.since_unix_nano, wanted.window.until_unix_nano)
            })
        })
        .collect();
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
        let is_cheap = is_far && size <= CHEAP_BYTES_MAX;
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
        match builder.get_row_group_column_bloom_filter(group, *column).await? {
            Some(filter) if !wanted.of_kind(*kind).any(|id| filter.check(&id.value.as_str())) => {}
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
    let text = |kind: &IdKind| -> Result<Option<StringViewArray>, ParquetError> {
        let Some(array) = batch.column_by_name(kind.column()) else { return Ok(None) };
        Ok(Some(cast(array, &DataType::Utf8View)?.as_string_view().clone()))
    };
    let mut ids: [Option<StringViewArray>; IdKind::ALL.len()] = Default::default();
    for kind in read {
        ids[*kind] = text(&IdKind::ALL[*kind])?;
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
    for (index, kind) in IdKind::ALL.iter().enumerate() {
        let (Some(array), Some(places)) = (&part.ids[index], places.get(kind)) else { continue };
        let beginnings = &wanted.beginnings[index];
        for (row, view) in array.views().iter().enumerate() {
            let is_near = match beginnings.as_slice() {
                [one] => beginning(*view) == *one,
                many => many.binary_search(&beginning(*view)).is_ok(),
            };
            if is_near
                && !array.is_null(row)
                && let Some(place) = places.get(array.value(row))
            {
                hits.entry(row).or_default()[index] = Some(*place);
            }
        }
    }
    for (row, places) in hits {
        let time = if part.times.is_null(row) { 0 } else { part.times.value(row) };
        if !wanted.window.holds(time) {
            continue;
        }
        let text = |kind: usize| {
            let array = part.ids[kind].as_ref().filter(|array| !array.is_null(row))?;
            Some(Arc::<str>::from(array.value(row)))
        };
        let ids = [text(0), text(1), text(2)];
        let trace = ids[0].as_deref().map(trace_number);
        let (Ok(group), Ok(row)) = (u32::try_from(group), u32::try_from(first + row)) else { continue };
        tally.add(Hit { row: (file, group, row), time, places, ids }, trace);
    }
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
    let may_hold_one = |group: &usize| {
        let group = footer.row_group(*group);
        windows.iter().any(|window| may_hold(group, time, window.since_unix_nano, window.until_unix_nano))
    };
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
        let [regions, log_groups, names, signals] = {
            let mut columns = Vec::with_capacity(STREAM.len());
            for name in STREAM {
                columns.push(match batch.column_by_name(name) {
                    Some(array) => cast(array, &DataType::Utf8View)?.as_string_view().clone(),
                    None => StringViewArray::new_null(batch.num_rows()),
                });
            }
            <[StringViewArray; STREAM.len()]>::try_from(columns)
                .map_err(|_| ParquetError::General("columns are missing".to_owned()))?
        };
        let times = match batch.column_by_name(TIME) {
            Some(array) => cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
            None => Int64Array::new_null(batch.num_rows()),
        };
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

/// All columns of some rows of a file, in the order given: by row group and row.
async fn read_rows(file: &File, rows: &[(u32, u32)]) -> Result<Vec<Record<'static>>, ParquetError> {
    let mut reader = Reader::new(&file.footers, &file.meta);
    // With the page index only the pages are read that hold these rows.
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let footer = reader.get_metadata(Some(&options)).await?;
    let mut groups: Vec<usize> = rows.iter().map(|(group, _)| *group as usize).collect();
    groups.dedup();
    let total = |group: &usize| usize::try_from(footer.row_group(*group).num_rows()).unwrap_or(0);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut before = 0;
    for group in &groups {
        for (_, row) in rows.iter().filter(|(of, _)| *of as usize == *group) {
            let row = before + *row as usize;
            match ranges.last_mut() {
                Some(range) if range.end == row => range.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        before += total(group);
    }
    let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), before);
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
