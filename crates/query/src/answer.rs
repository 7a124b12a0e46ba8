//! What comes with the rows of an answer: what was read for it, what is missing from it, and the names that stand in it.
//! It refuses to decide what an incomplete answer is worth.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use transect_lake::HourFiles;

/// What a question reads in one region, at most: a scan leaves out what its filters rule out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The region's name.
    pub region: String,
    /// The beginning of the first hour with a file, in nanoseconds since 1970.
    pub first_hour_unix_nano: i64,
    /// The beginning of the last hour with a file.
    pub last_hour_unix_nano: i64,
    /// Hours with at least one file.
    pub hours: u64,
    /// Files in them.
    pub files: u64,
    /// The size of these files.
    pub bytes: u64,
}

impl Reading {
    pub(crate) fn of(region: &str) -> Reading {
        Reading {
            region: region.to_owned(),
            first_hour_unix_nano: i64::MAX,
            last_hour_unix_nano: i64::MIN,
            hours: 0,
            files: 0,
            bytes: 0,
        }
    }

    pub(crate) fn add(&mut self, hour: &HourFiles) {
        let start = hour.partition.hour().start_unix_nano();
        self.first_hour_unix_nano = self.first_hour_unix_nano.min(start);
        self.last_hour_unix_nano = self.last_hour_unix_nano.max(start);
        self.hours += 1;
        self.files += hour.files.len() as u64;
        self.bytes += hour.files.iter().map(|file| file.size).sum::<u64>();
    }
}

/// What would be read, as rows: `region`, `first_hour`, `last_hour`, `hours`, `files`, `bytes`.
pub fn readings_batch(readings: &[Reading]) -> Result<RecordBatch, ArrowError> {
    let times = |time: fn(&Reading) -> i64| {
        let times = TimestampNanosecondArray::from_iter_values(readings.iter().map(time));
        Arc::new(times.with_timezone("+00:00")) as ArrayRef
    };
    let counts =
        |count: fn(&Reading) -> u64| Arc::new(UInt64Array::from_iter_values(readings.iter().map(count))) as ArrayRef;
    let regions = StringArray::from_iter_values(readings.iter().map(|reading| &reading.region));
    RecordBatch::try_from_iter([
        ("region", Arc::new(regions) as ArrayRef),
        ("first_hour", times(|reading| reading.first_hour_unix_nano)),
        ("last_hour", times(|reading| reading.last_hour_unix_nano)),
        ("hours", counts(|reading| reading.hours)),
        ("files", counts(|reading| reading.files)),
        ("bytes", counts(|reading| reading.bytes)),
    ])
}

/// How far a question has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressCounts {
    /// Files found.
    pub files_found: u64,
    /// The size of these.
    pub bytes_found: u64,
    /// Files of which the footer was read.
    pub files_opened: u64,
    /// Bytes read, from disk or from buckets.
    pub bytes_read: u64,
}

/// Names kept of each kind: they serve as completions, which nobody reads by the thousand.
const NAMES_MAX: usize = 200;

/// The services, releases and regions that stand in an answer, for completions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesSeen {
    /// Values of `service` and `service_name`.
    pub services: BTreeSet<String>,
    /// Values of `release`.
    pub releases: BTreeSet<String>,
    /// Values of `cloud_region` and `region`.
    pub regions: BTreeSet<String>,
}

impl NamesSeen {
    /// The names in some rows.
    pub fn of(rows: &RecordBatch) -> NamesSeen {
        let mut names = NamesSeen::default();
        names.add(rows);
        names
    }

    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let names = match field.name().as_str() {
                "service" | "service_name" => &mut self.services,
                "release" => &mut self.releases,
                "cloud_region" | "region" => &mut self.regions,
                _ => continue,
            };
            add_texts(array, names);
        }
    }
}

fn add_texts(array: &ArrayRef, names: &mut BTreeSet<String>) {
    let is_text = matches!(array.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    if !is_text || names.len() >= NAMES_MAX {
        return;
    }
    let Ok(texts) = cast(array, &DataType::Utf8) else { return };
    let Some(texts) = texts.as_any().downcast_ref::<StringArray>() else { return };
    let mut last = None;
    for text in texts.iter().flatten() {
        if last != Some(text) && names.len() < NAMES_MAX {
            names.insert(text.to_owned());
        }
        last = Some(text);
    }
}
