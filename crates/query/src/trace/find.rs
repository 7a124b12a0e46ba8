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
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, Schema};
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use transect_lake::{HourRange, Serving};
use transect_schema::{COLUMNS, ColumnType, Record, Value};

use super::closure::{Event, Hit, Id, IdKind, Look, Sought, Source, Tally, Window, places, trace_number};
use crate::footers::{Footers, Reader};
use crate::hours::Bounds;
use crate::release_map::ReleaseMap;
use crate::{Engine, QueryError, Result};

/// Files asked at once: as many requests as a store answers side by side.
const FILES_AT_ONCE: usize = 64;
/// Columns of ids that are kept for the next look, in bytes of memory.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Columns of ids of a row group that a store sends about as quickly as nothing: they are read without being asked for, and
/// the ids that are found next may be among them.
const CHEAP_BYTES_MAX: i64 = 256 << 10;
/// Rows decoded at once.
const BATCH_ROWS: usize = 16 << 10;

const TIME: &str = "time_unix_nano";

/// Looks into one lake, for one request.
pub(super) struct Finder<'e> {
    engine: &'e Engine,
    listed: Option<HourRange>,
    files: Vec<Arc<File>>,
    numbers: HashMap<(usize, Path), u32>,
    releases: Option<ReleaseMap>,
    kept: Arc<Mutex<Kept>>,
}

/// A file of the lake.
struct File {
    number: u32,
    place: usize,
    footers: Arc<Footers>,
    meta: ObjectMeta,
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
        Finder {
            engine,
            listed: None,
            files: Vec::new(),
            numbers: HashMap::new(),
            releases: None,
            kept: Arc::default(),
        }
    }

    /// Lists the hours in which records of this time can have arrived, unless that is done.
    async fn list(&mut self, window: &Window) -> Result<()> {
        let (landing, extent) = (self.engine.landing(), self.engine.extent());
        let bounds = Bounds { min: Some(window.since_unix_nano), max: Some(window.until_unix_nano) };
        let needed = bounds.arrival_hours(extent.lateness_nano, extent.now_unix_nano);
        let covers = |listed: &HourRange| listed.intersect(&needed) == needed;
        if self.listed.as_ref().is_some_and(covers) {
            return Ok(());
        }
        let range = match self.listed {
            Some(listed) => HourRange { first: listed.first.min(needed.first), last: listed.last.max(needed.last) },
            None => needed,
        };
        let regions = extent.regions.as_slice();
        landing.begin_counting();
        let places = 0..landing.places().len();
        let listed = try_join_all(places.map(|place| landing.list(place, regions, &range)))
            .await
            .map_err(|error| crate::error::from_datafusion(error, "", &Default::default()))?;
        for (place, hours) in listed.iter().enumerate() {
            let footers = &landing.places()[place].footers;
            for meta in hours.iter().flat_map(|hour| &hour.files) {
                let number =
                    u32::try_from(self.files.len()).map_err(|error| QueryError::Internal(error.to_string()))?;
                if let std::collections::hash_map::Entry::Vacant(entry) =
                    self.numbers.entry((place, meta.location.clone()))
                {
                    entry.insert(number);
                    let (footers, meta) = (Arc::clone(footers), meta.clone());
                    self.files.push(Arc::new(File { number, place, footers, meta }));
                }
            }
        }
        self.listed = Some(range);
        let bytes = self.files.iter().map(|file| file.meta.size).sum();
        match self.engine.bytes_max() {
            Some(bytes_max) if bytes > bytes_max => Err(QueryError::TooLarge { bytes, bytes_max }),
            _ => Ok(()),
        }
    }

    /// Whether a file can be read, as far as is known.
    fn is_there(&self, file: &File) -> bool {
        let place = &self.engine.landing().places()[file.place];
        !matches!(place.store.serving(), Serving::Nothing(_)) && !file.footers.is_unreadable(&file.meta.location)
    }

    /// What went wrong with a file: nothing to stop for if it, or its region, is left out and named for it.
    fn forgive<T>(&self, file: &File, outcome: Result<T, ParquetError>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let error = file.footers.note(&file.meta.location, error);
                match self.is_there(file) {
                    false => Ok(None),
                    true => Err(QueryError::UnreadableFile { message: error.to_string() }),
                }
            }
        }
    }
}

impl Source for Finder<'_> {
    type Row = RowPlace;

    async fn look(&mut self, sought: &Sought<'_>) -> Result<Look<RowPlace>> {
        if self.releases.is_some() {
            return self.look_now(sought).await;
        }
        // Side by side: nothing of a row is said before its release is known, but it can be found.
        let engine = self.engine;
        let (releases, look) = futures::future::join(engine.read_releases(), self.look_now(sought)).await;
        self.releases = Some(releases);
        look
    }

    async fn fetch(&mut self, rows: &[RowPlace]) -> Result<Vec<(RowPlace, Event)>> {
        let mut by_file: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for (file, group, row) in rows {
            by_file.entry(*file).or_default().push((*group, *row));
        }
        let files =
            by_file.into_iter().filter_map(|(number, rows)| Some((Arc::clone(self.files.get(number as usize)?), rows)));
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
            let Some(records) = self.forgive(&file, read)? else { continue };
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
        self.list(&sought.window).await?;
        let wanted = Arc::new(Wanted::of(sought));
        let files: Vec<Arc<File>> = self.files.iter().filter(|file| self.is_there(file)).cloned().collect();
        let looks = files.into_iter().map(|file| {
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
            if let Some(tally) = self.forgive(&file, found)? {
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

/// The column of a name in a file, if it has one.
fn column_of(footer: &ParquetMetaData, name: &str) -> Option<usize> {
    footer.file_metadata().schema_descr().columns().iter().position(|column| column.path().string() == name)
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
        .filter(|group| time.is_none_or(|time| may_hold(footer.row_group(*group), time, &wanted.window)))
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
    let mut builder = open(reader, &footer)?;
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

/// Whether a row group can hold a row of this time, by its statistics.
fn may_hold(group: &RowGroupMetaData, time: usize, window: &Window) -> bool {
    let Some(Statistics::Int64(statistics)) = group.column(time).statistics() else { return true };
    let begins = statistics.min_opt().is_none_or(|min| *min <= window.until_unix_nano);
    begins && statistics.max_opt().is_none_or(|max| *max >= window.since_unix_nano)
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

/// A reader of a file whose footer is known, which gives text as views.
fn open(
    reader: Reader,
    footer: &Arc<ParquetMetaData>,
) -> Result<ParquetRecordBatchStreamBuilder<Reader>, ParquetError> {
    let as_written = ArrowReaderMetadata::try_new(Arc::clone(footer), ArrowReaderOptions::new())?;
    let fields = as_written.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    });
    let schema =
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), as_written.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
    Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata))
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
    let builder = open(reader, &footer)?;
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
