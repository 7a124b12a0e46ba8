//! The files of the lake that can hold records of some time, for those who read columns of them without planning a query.
//! It refuses to let one file, or one region, that cannot be read end a question: what is left out is named.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream::FuturesUnordered;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use transect_lake::{HourRange, Serving};

use crate::footers::{Footers, Reader};
use crate::hours::Bounds;
use crate::question::Question;
use crate::{QueryError, Result};

/// Files asked at once: as many requests as a store answers side by side.
const FILES_AT_ONCE: usize = 64;

/// The column of the time that a record tells.
pub(crate) const TIME: &str = "time_unix_nano";

/// A file of the lake.
pub(crate) struct File {
    /// Its number among the files of the set.
    pub(crate) number: u32,
    /// The location that it lies in, by its number.
    pub(crate) place: usize,
    pub(crate) footers: Arc<Footers>,
    pub(crate) meta: ObjectMeta,
}

/// The files that were listed so far.
pub(crate) struct FileSet<'e> {
    question: &'e Question,
    listed: Vec<HourRange>,
    files: Vec<Arc<File>>,
    numbers: HashMap<(usize, Path), u32>,
}

impl<'e> FileSet<'e> {
    pub(crate) fn new(question: &'e Question) -> FileSet<'e> {
        FileSet { question, listed: Vec::new(), files: Vec::new(), numbers: HashMap::new() }
    }

    pub(crate) fn question(&self) -> &'e Question {
        self.question
    }

    pub(crate) fn of_number(&self, number: u32) -> Option<Arc<File>> {
        self.files.get(number as usize).cloned()
    }

    /// The files that can be read, as far as is known.
    pub(crate) fn there(&self) -> Vec<Arc<File>> {
        self.files.iter().filter(|file| self.is_there(file)).cloned().collect()
    }

    /// Lists the hours in which records of these times can have arrived, unless that is done. Times are from and until, both
    /// ends included.
    pub(crate) async fn list(&mut self, times: &[(i64, i64)]) -> Result<()> {
        let (landing, extent) = (self.question.landing(), self.question.extent());
        let needed = times.iter().map(|(since_unix_nano, until_unix_nano)| {
            let bounds = Bounds { min: Some(*since_unix_nano), max: Some(*until_unix_nano) };
            bounds.arrival_hours(extent.lateness_nano, extent.now_unix_nano)
        });
        let needed = joined(needed.collect());
        let covers = |wanted: &HourRange| self.listed.iter().any(|listed| listed.intersect(wanted) == *wanted);
        if needed.iter().all(covers) {
            return Ok(());
        }
        let ranges = joined(self.listed.iter().copied().chain(needed).collect());
        let regions = extent.regions.as_slice();
        let places = (0..landing.places().len()).flat_map(|place| ranges.iter().map(move |range| (place, range)));
        let listed =
            places.map(|(place, range)| async move { Ok((place, landing.list(place, regions, range).await?)) });
        let listed = try_join_all(listed)
            .await
            .map_err(|error| crate::error::from_datafusion(error, "", &Default::default()))?;
        landing.count_again(&ranges);
        for (place, hours) in listed {
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
        self.listed = ranges;
        let bytes = self.files.iter().map(|file| file.meta.size).sum();
        match self.question.bytes_max() {
            Some(bytes_max) if bytes > bytes_max => Err(QueryError::TooLarge { bytes, bytes_max }),
            _ => Ok(()),
        }
    }

    /// Whether a file can be read, as far as is known.
    pub(crate) fn is_there(&self, file: &File) -> bool {
        self.is_place_there(file.place) && !file.footers.is_unreadable(&file.meta.location)
    }

    /// Whether a location answers, as far as is known.
    pub(crate) fn is_place_there(&self, place: usize) -> bool {
        !matches!(self.question.landing().places()[place].store.serving(), Serving::Nothing(_))
    }

    /// Does something with each file that is there, on all processors, and something with what comes of it.
    pub(crate) async fn each<T, F>(&self, work: impl Fn(Arc<File>) -> F, take: impl FnMut(&File, T)) -> Result<()>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ParquetError>> + Send + 'static,
    {
        let with_work = |file: Arc<File>| {
            let work = work(Arc::clone(&file));
            (file, work)
        };
        self.each_of(self.there().into_iter().map(with_work), take).await
    }

    /// The same of some files, each with its work.
    pub(crate) async fn each_of<T, F>(
        &self,
        files: impl Iterator<Item = (Arc<File>, F)>,
        mut take: impl FnMut(&File, T),
    ) -> Result<()>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ParquetError>> + Send + 'static,
    {
        // A closure held over an await would keep the question from moving between threads.
        let mut waiting = files.collect::<Vec<_>>().into_iter();
        let mut tasks = FuturesUnordered::new();
        loop {
            for (file, work) in waiting.by_ref().take(FILES_AT_ONCE - tasks.len()) {
                tasks.push(SpawnedTask::spawn(async move { (file, work.await) }));
            }
            let Some(done) = tasks.next().await else { return Ok(()) };
            let (file, outcome) = done.map_err(|error| QueryError::Internal(error.to_string()))?;
            if let Some(value) = self.forgive(&file, outcome)? {
                take(&file, value);
            }
        }
    }

    /// What went wrong with a file: nothing to stop for if it, or its region, is left out and named for it.
    pub(crate) fn forgive<T>(&self, file: &File, outcome: Result<T, ParquetError>) -> Result<Option<T>> {
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

/// Ranges that hold the same hours, apart from each other: no hour is listed, or counted, twice.
fn joined(mut ranges: Vec<HourRange>) -> Vec<HourRange> {
    ranges.sort_unstable_by_key(|range| range.first);
    let mut apart: Vec<HourRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if !last.intersect(&range).is_empty() => {
                last.last = last.last.zip(range.last).map(|(one, two)| one.max(two));
            }
            _ => apart.push(range),
        }
    }
    apart
}

/// The column of a name in a file, if it has one.
pub(crate) fn column_of(footer: &ParquetMetaData, name: &str) -> Option<usize> {
    footer.file_metadata().schema_descr().columns().iter().position(|column| column.path().string() == name)
}

/// Whether a row group can hold a row of this time, by its statistics.
pub(crate) fn may_hold(group: &RowGroupMetaData, time: usize, since_unix_nano: i64, until_unix_nano: i64) -> bool {
    let Some(Statistics::Int64(statistics)) = group.column(time).statistics() else { return true };
    let begins = statistics.min_opt().is_none_or(|min| *min <= until_unix_nano);
    begins && statistics.max_opt().is_none_or(|max| *max >= since_unix_nano)
}

/// A column as the type that it is read as. A value that does not fit is the file's fault, and not an absent one.
pub(crate) fn cast(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    // What does not fit is somebody's value: only the types are told.
    cast_with_options(column, wanted, &strict)
        .map_err(|_| ArrowError::CastError(format!("a column is {} and does not fit {wanted}", column.data_type())))
}

/// A column of texts; of a batch without it, nothing in each row.
pub(crate) fn texts(batch: &RecordBatch, name: &str) -> Result<StringViewArray, ParquetError> {
    Ok(match batch.column_by_name(name) {
        Some(array) => cast(array, &DataType::Utf8View)?.as_string_view().clone(),
        None => StringViewArray::new_null(batch.num_rows()),
    })
}

/// A reader of a file whose footer is known, which gives texts as the type that is wanted of each.
pub(crate) fn open(
    reader: Reader,
    footer: &Arc<ParquetMetaData>,
    text_type: impl Fn(&str) -> DataType,
) -> Result<ParquetRecordBatchStreamBuilder<Reader>, ParquetError> {
    let as_written = ArrowReaderMetadata::try_new(Arc::clone(footer), ArrowReaderOptions::new())?;
    let fields = as_written.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(text_type(field.name()))),
        _ => Arc::clone(field),
    });
    let schema =
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), as_written.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), options)?;
    Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_value_that_does_not_fit_is_no_absent_one_and_is_not_told() {
        let texts = |text: &str| Arc::new(StringArray::from(vec![Some("7"), None, Some(text)])) as ArrayRef;
        let numbers = cast(&texts("8"), &DataType::Int64).unwrap();
        assert_eq!(numbers.as_ref(), &Int64Array::from(vec![Some(7), None, Some(8)]));
        let error = cast(&texts("secret"), &DataType::Int64).unwrap_err();
        assert_eq!(error.to_string(), "Cast error: a column is Utf8 and does not fit Int64");
        let wide = Arc::new(Int64Array::from(vec![i64::MAX])) as ArrayRef;
        assert!(cast(&wide, &DataType::Int32).is_err());
    }
}
