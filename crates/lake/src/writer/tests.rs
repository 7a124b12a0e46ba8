//! What the writer promises: whole files or none, private ones, bounded memory, bloom filters where they pay.

use std::os::unix::fs::PermissionsExt;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use transect_schema::{COLUMNS, ColumnType, Value};

use super::*;
use crate::{BLOOM_FILTER_COLUMNS, HourUtc, RegionLocation, read_schema, source_events};

const HOUR_8: i64 = 1_795_248_000_000_000_000;

fn lake(directory: &Path) -> Lake {
    Lake::new(vec![RegionLocation::directory_of(None, directory).unwrap()]).unwrap()
}

fn partition(region: &str) -> Partition {
    Partition::new(region, HourUtc::from_unix_nano(HOUR_8)).unwrap()
}

/// A row with a value in every column, made from its number.
fn full_record(number: i64) -> Record<'static> {
    let text = |name: &str| Some(format!("{name} {number}").into());
    Record {
        time_unix_nano: HOUR_8 + number,
        observed_time_unix_nano: HOUR_8 + number + 1,
        event_id: format!("{number:056}").into(),
        signal: "log".into(),
        event_name: text("event"),
        trace_id: Some(format!("{number:032x}").into()),
        span_id: text("span"),
        parent_span_id: text("parent"),
        correlation_id: text("correlation"),
        faas_invocation_id: text("invocation"),
        severity_number: Some(number as i32 % 24),
        severity_text: text("severity"),
        body: text("é\u{0}\n"),
        service_name: text("service"),
        service_version: text("version"),
        cloud_account_id: text("account"),
        cloud_region: text("region"),
        faas_name: text("faas"),
        faas_version: text("faas_version"),
        faas_coldstart: Some(number % 2 == 0),
        aws_log_group: text("group"),
        aws_log_stream: text("stream"),
        span_name: text("span_name"),
        span_kind: text("kind"),
        status_code: text("status"),
        status_message: text("message"),
        duration_nano: Some(i64::MAX - number),
        exception_type: text("type"),
        exception_message: text("exception"),
        exception_stacktrace: text("stack"),
        http_request_method: text("GET"),
        http_route: text("route"),
        url_path: text("path"),
        http_response_status_code: Some(200),
        metric_namespace: text("namespace"),
        metric_name: text("metric"),
        metric_unit: text("unit"),
        metric_value: Some(number as f64 / 3.0),
        attributes: text("{}"),
        schema_version: SCHEMA_VERSION,
    }
}

fn sparse_record(number: i64) -> Record<'static> {
    Record {
        time_unix_nano: HOUR_8 + number,
        observed_time_unix_nano: HOUR_8 + number,
        event_id: format!("{number:056}").into(),
        signal: "log".into(),
        schema_version: SCHEMA_VERSION,
        ..Record::default()
    }
}

/// Every path below a directory, hidden ones too.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let options = ArrowReaderOptions::new().with_schema(read_schema());
    let file = File::open(path).unwrap();
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .unwrap()
        .build()
        .unwrap()
        .map(|batch| batch.unwrap())
        .collect()
}

fn metadata(path: &Path) -> ParquetMetaData {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    ArrowReaderMetadata::load(&File::open(path).unwrap(), options).unwrap().metadata().as_ref().clone()
}

fn footer_value(metadata: &ParquetMetaData, key: &str) -> Option<String> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.clone()
}

#[test]
fn the_writer_can_move_to_another_thread() {
    fn check<T: Send>() {}
    check::<LakeWriter>();
}

#[test]
fn every_column_comes_back_as_it_went_in() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
    let records: Vec<_> = (0..10).flat_map(|number| [full_record(number), sparse_record(number)]).collect();
    for record in &records {
        writer.append(&partition("us-east-2"), record).unwrap();
    }
    let published = writer.publish().unwrap();
    let paths = files(directory.path());
    assert_eq!((published.files, published.rows, paths.len()), (1, 20, 1));
    assert_eq!(published.bytes, std::fs::metadata(&paths[0]).unwrap().len());

    let batches = read(&paths[0]);
    assert_eq!(batches.len(), 1);
    for (row, record) in records.iter().enumerate() {
        for (index, value) in record.values().iter().enumerate() {
            let array = batches[0].column(index);
            assert_eq!(array.is_null(row), value.is_none(), "{}", COLUMNS[index].name);
            match value {
                None => {}
                Some(Value::BigInt(number)) => assert_eq!(array.as_primitive::<Int64Type>().value(row), *number),
                Some(Value::Int(number)) => assert_eq!(array.as_primitive::<Int32Type>().value(row), *number),
                Some(Value::Double(number)) => assert_eq!(array.as_primitive::<Float64Type>().value(row), *number),
                Some(Value::Boolean(truth)) => assert_eq!(array.as_boolean().value(row), *truth),
                Some(Value::String(text)) => assert_eq!(array.as_string_view().value(row), *text),
            }
        }
    }
}

#[test]
fn the_schemas_follow_the_column_table() {
    for schema in [read_schema(), write_schema()] {
        for (field, column) in schema.fields().iter().zip(COLUMNS) {
            assert_eq!(field.name(), column.name);
            assert!(field.is_nullable());
            assert_eq!(field.data_type() == &DataType::Int64, column.column_type == ColumnType::BigInt);
        }
    }
}

#[test]
fn a_writer_dropped_midway_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
    for number in 0..2 * BATCH_ROWS as i64 {
        writer.append(&partition("us-east-2"), &sparse_record(number)).unwrap();
    }
    // The lock, and the file of the hour.
    let under_way = files(directory.path());
    assert_eq!(under_way.len(), 2);
    let is_hidden = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('.');
    assert!(under_way.iter().all(is_hidden), "{under_way:?}");
    drop(writer);
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn publishing_makes_all_hours_visible_or_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
    for region in ["us-east-2", "us-west-2"] {
        writer.append(&partition(region), &sparse_record(1)).unwrap();
    }
    // The folder of the second hour cannot be made.
    std::fs::create_dir_all(directory.path().join("landing")).unwrap();
    std::fs::write(directory.path().join("landing/region=us-west-2"), "in the way").unwrap();
    let error = writer.publish().unwrap_err();
    assert!(matches!(error, LakeError::NotADirectory(_)), "{error}");
    assert_eq!(files(directory.path()), [directory.path().join("landing/region=us-west-2")]);
}

#[test]
fn publishing_many_writers_shows_all_of_them_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let writer = |region: &str| {
        let mut writer = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
        writer.append(&partition(region), &sparse_record(1)).unwrap();
        writer
    };
    let writers = || ["us-east-2", "us-west-2"].map(writer).into_iter().collect::<Vec<_>>();
    // The second one finds no room, and the first one has its files ready.
    let in_the_way = directory.path().join("landing/region=us-west-2");
    std::fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    std::fs::write(&in_the_way, "in the way").unwrap();
    LakeWriter::publish_all(writers()).unwrap_err();
    assert_eq!(files(directory.path()), std::slice::from_ref(&in_the_way));
    std::fs::remove_file(in_the_way).unwrap();
    assert_eq!(LakeWriter::publish_all(writers()).unwrap().files, 2);
    assert_eq!(files(directory.path()).len(), 2);
}

#[test]
fn what_a_dead_writer_has_left_goes_and_what_a_living_one_writes_stays() {
    let directory = tempfile::tempdir().unwrap();
    let hour = directory.path().join(partition("us-east-2").path());
    std::fs::create_dir_all(&hour).unwrap();
    let begin = || {
        let mut writer = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
        for number in 0..2 * BATCH_ROWS as i64 {
            writer.append(&partition("us-east-2"), &sparse_record(number)).unwrap();
        }
        writer
    };
    let mut living = begin();
    // Its file is closed, and not yet published.
    living.finish_all().unwrap();
    let of_living = files(directory.path());
    assert_eq!(of_living.len(), 2);
    // A process that was killed: its lock is there, and nobody holds it.
    let dead = [directory.path().join(".transect-Dead1.lock"), hour.join(".ingest-Dead1-x.tmp")];
    // Others' files, and those of which nobody can tell.
    let others = [
        directory.path().join(".transect-notes.txt"),
        directory.path().join(".ingest-Dead1-x.tmp"),
        hour.join(".ingest-Dead12-x.tmp"),
        hour.join(".ingest-x.tmp"),
        hour.join("ingest-Dead1-x.parquet"),
    ];
    dead.iter().chain(&others).for_each(|path| std::fs::write(path, "x").unwrap());
    // Also where nothing is to be written.
    let next = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
    assert!(dead.iter().all(|path| !path.exists()));
    assert!(others.iter().chain(&of_living).all(|path| path.exists()));
    drop(next);
    assert_eq!(living.publish().unwrap().rows, 2 * BATCH_ROWS as u64);
}

#[test]
fn files_and_folders_are_their_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("lake");
    let mut writer = LakeWriter::new(&lake(&root), WriterOptions::default()).unwrap();
    writer.append(&partition("us-east-2"), &sparse_record(1)).unwrap();
    writer.publish().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = files(&root).remove(0);
    assert_eq!(mode(&path), 0o600);
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&root)) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[test]
fn a_name_that_is_taken_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut writer = LakeWriter::new(&lake(directory.path()), WriterOptions::default()).unwrap();
        writer.append(&partition("us-east-2"), &sparse_record(1)).unwrap();
        writer.note_source(&partition("us-east-2"), [7; 16], 1);
        writer.publish().unwrap();
    }
    let paths = files(directory.path());
    assert_eq!(paths.len(), 3);
    let sources = source_events(&lake(directory.path()), &partition("us-east-2")).unwrap();
    assert_eq!(sources[&[7; 16]], 3);
}

#[test]
fn bloom_filters_stand_on_three_columns_at_the_end_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let options = WriterOptions { row_group_rows: 5000, ..WriterOptions::default() };
    let mut writer = LakeWriter::new(&lake(directory.path()), options).unwrap();
    for number in 0..12_000 {
        let mut record = full_record(number);
        // A mostly empty column's filter shrinks to what it holds.
        if number % 1000 != 0 {
            record.correlation_id = None;
        }
        writer.append(&partition("us-east-2"), &record).unwrap();
    }
    writer.publish().unwrap();
    let metadata = metadata(&files(directory.path())[0]);
    assert_eq!(metadata.row_groups().iter().map(|group| group.num_rows()).collect::<Vec<_>>(), [5000, 5000, 2000]);
    let last_page = metadata.row_groups().iter().flat_map(|group| group.columns()).map(|column| column.byte_range());
    let last_page = last_page.map(|(start, length)| start + length).max().unwrap();
    for group in metadata.row_groups() {
        for column in group.columns() {
            let name = column.column_path().string();
            let expected = BLOOM_FILTER_COLUMNS.contains(&name.as_str());
            assert_eq!(column.bloom_filter_offset().is_some(), expected, "{name}");
            assert!(column.statistics().is_some() || name == "body", "{name}");
            if expected {
                assert!(column.bloom_filter_offset().unwrap() as u64 >= last_page, "{name}");
                let few = name == "correlation_id";
                assert_eq!(column.bloom_filter_length().unwrap() < 200, few, "{name}");
            }
        }
    }
    assert!(metadata.column_index().is_some() && metadata.offset_index().is_some());
}

#[test]
fn the_footer_names_version_writer_and_sources_and_no_arrow_schema() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(directory.path());
    let mut writer = LakeWriter::new(&lake, WriterOptions::default()).unwrap();
    let (east, west) = (partition("us-east-2"), partition("us-west-2"));
    writer.append(&east, &sparse_record(1)).unwrap();
    writer.note_source(&east, [1; 16], 1);
    writer.note_source(&east, [2; 16], 40);
    writer.note_source(&east, [2; 16], 2);
    writer.publish().unwrap();
    let metadata = metadata(&files(directory.path())[0]);
    assert_eq!(footer_value(&metadata, SCHEMA_VERSION_KEY).as_deref(), Some("1"));
    assert!(footer_value(&metadata, WRITER_KEY).unwrap().starts_with("transect "));
    assert_eq!(footer_value(&metadata, "ARROW:schema"), None);
    let sources = source_events(&lake, &east).unwrap();
    assert_eq!((sources.len(), sources[&[1; 16]], sources[&[2; 16]]), (2, 1, 42));
    assert!(source_events(&lake, &west).unwrap().is_empty());
}

#[test]
fn a_corrupt_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join(partition("us-east-2").path());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ingest-0.parquet"), "not Parquet").unwrap();
    let error = source_events(&lake(directory.path()), &partition("us-east-2")).unwrap_err();
    assert!(matches!(error, LakeError::CorruptFile { .. }));
    assert!(error.to_string().contains("ingest-0.parquet"), "{error}");
}

#[test]
fn memory_stays_below_its_limit_over_many_hours() {
    let directory = tempfile::tempdir().unwrap();
    let limit = 4 << 20;
    let options = WriterOptions { memory_bytes_max: limit, ..WriterOptions::default() };
    let mut writer = LakeWriter::new(&lake(directory.path()), options).unwrap();
    let partitions: Vec<_> = (0..12)
        .map(|hour| {
            Partition::new("us-east-2", HourUtc::from_unix_nano(HOUR_8 + hour * crate::NANOS_PER_HOUR)).unwrap()
        })
        .collect();
    for number in 0..40_000 {
        let partition = &partitions[number as usize % partitions.len()];
        writer.append(partition, &full_record(number)).unwrap();
        let held: usize = writer.hours.values().map(Hour::memory_bytes).sum();
        assert_eq!(held, writer.memory_bytes);
        assert!(held <= limit, "{held} bytes at row {number}");
    }
    assert_eq!(writer.publish().unwrap().rows, 40_000);
    let rows: i64 = files(directory.path()).iter().map(|path| metadata(path).file_metadata().num_rows()).sum();
    assert_eq!(rows, 40_000);
}

#[test]
fn few_files_are_open_at_once_and_no_source_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(directory.path());
    let options = WriterOptions { open_files_max: 2, ..WriterOptions::default() };
    let mut writer = LakeWriter::new(&lake, options).unwrap();
    let partitions = ["a", "b", "c", "d", "a", "b"].map(partition);
    for (round, partition) in partitions.iter().enumerate() {
        writer.note_source(partition, [round as u8; 16], BATCH_ROWS as u64);
        for number in 0..BATCH_ROWS as i64 {
            writer.append(partition, &sparse_record(number)).unwrap();
        }
        assert!(writer.hours.values().filter(|hour| hour.file.is_some()).count() <= 2);
    }
    // Noted when the file of that hour is long finished: it still is to be found.
    writer.note_source(&partition("c"), [99; 16], 1);
    let published = writer.publish().unwrap();
    assert_eq!(published.rows, 6 * BATCH_ROWS as u64);
    let total: u64 = ["a", "b", "c", "d"]
        .iter()
        .flat_map(|region| source_events(&lake, &partition(region)).unwrap().into_values())
        .sum();
    assert_eq!(total, published.rows + 1);
}

#[test]
fn a_file_that_has_grown_is_followed_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let options = WriterOptions { row_group_rows: 4096, file_bytes_max: 100 << 10, ..WriterOptions::default() };
    let mut writer = LakeWriter::new(&lake(directory.path()), options).unwrap();
    for number in 0..5 * BATCH_ROWS as i64 {
        writer.append(&partition("us-east-2"), &full_record(number)).unwrap();
    }
    let published = writer.publish().unwrap();
    assert!(published.files > 1);
    assert_eq!(published.rows, 5 * BATCH_ROWS as u64);
}
