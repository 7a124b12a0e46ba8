//! Files of many makers and ages side by side, and files that are none.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::world::{BUCKET, Json, PATIENT, World};
use transect_tests::store::Fault;

const HOUR: &str = "landing/region=us-east-2/date=2026-11-21/hour=08";

/// A file with the columns named, of rows whose event ids are given.
fn write(path: &Path, columns: &[&str], compression: Compression, ids: &[&str]) {
    let time = 1_795_250_573_000_000_000_i64;
    let column = |name: &str| -> ArrayRef {
        match name {
            "time_unix_nano" | "observed_time_unix_nano" => Arc::new(Int64Array::from(vec![time; ids.len()])),
            "schema_version" => Arc::new(Int32Array::from(vec![1; ids.len()])),
            "event_id" => Arc::new(StringArray::from(ids.to_vec())),
            other => Arc::new(StringArray::from(vec![other; ids.len()])),
        }
    };
    let arrays: Vec<ArrayRef> = columns.iter().map(|name| column(name)).collect();
    let fields: Vec<Field> =
        columns.iter().zip(&arrays).map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    assert!(fields.iter().all(|field| *field.data_type() != DataType::Null));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Writes the good files of the hour; returns its folder.
fn fill(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let old = ["time_unix_nano", "event_id", "signal", "body"];
    write(&folder.join("old.parquet"), &old, Compression::SNAPPY, &["1", "2"]);
    let new = ["body", "column_of_tomorrow", "event_id", "schema_version", "signal", "time_unix_nano"];
    write(&folder.join("new.parquet"), &new, Compression::ZSTD(Default::default()), &["3"]);
    write(&folder.join("plain.parquet"), &old[..2], Compression::UNCOMPRESSED, &["4"]);
    write(&folder.join("no-rows.parquet"), &old, Compression::SNAPPY, &[]);
}

const QUESTION: &str = "select event_id, body, schema_version, cloud_region from telemetry order by event_id";

fn expected() -> Vec<serde_json::Value> {
    let row = |id: &str, body: Option<&str>, version: Option<i32>| json!({"event_id": id, "body": body, "schema_version": version, "cloud_region": null});
    vec![
        row("1", Some("body"), None),
        row("2", Some("body"), None),
        row("3", Some("body"), Some(1)),
        row("4", None, None),
    ]
}

#[test]
fn old_and_new_files_of_any_compression_are_one_table() {
    let world = World::empty(1);
    fill(&world.stores[0].bucket(BUCKET).join(HOUR));
    world.configure("", PATIENT);
    let answer = world.sql(QUESTION);
    assert_eq!((answer.code, answer.rows()), (0, expected()), "{}", answer.stderr);
}

#[test]
fn files_that_cannot_be_read_are_named_and_left_out() {
    let world = World::empty(1);
    let folder = world.stores[0].bucket(BUCKET).join(HOUR);
    fill(&folder);
    let good = std::fs::read(folder.join("old.parquet")).unwrap();
    std::fs::write(folder.join("empty.parquet"), "").unwrap();
    std::fs::write(folder.join("truncated.parquet"), &good[..good.len() / 2]).unwrap();
    // A footer that says that it is longer than the file.
    let mut lying = good.clone();
    let end = lying.len();
    lying[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(folder.join("lying.parquet"), lying).unwrap();
    std::fs::write(folder.join("text.parquet"), "not a Parquet file at all").unwrap();
    world.configure("", PATIENT);
    let bad = ["empty", "lying", "text", "truncated"].map(|name| format!("{HOUR}/{name}.parquet"));

    let answer = world.sql(QUESTION);
    assert_eq!((answer.code, answer.rows()), (3, expected()), "{}", answer.stderr);
    let json = answer.json();
    assert_eq!((&json["complete"], &json["missing_regions"]), (&json!(false), &json!([])));
    assert_eq!(json["unreadable_files"], json!(bad));
    for file in &bad {
        assert!(answer.stderr.contains(&format!("incomplete without {file}: ")), "{}", answer.stderr);
    }
    assert!(!answer.stderr.contains(BUCKET), "{}", answer.stderr);
    let strict = world.run(&["sql", "--strict", QUESTION]);
    assert_eq!((strict.code, strict.stdout.as_str()), (3, ""));

    // The same files in a directory.
    let lake = world.stores[0].bucket(BUCKET);
    let answer = world.run(&["sql", "--lake", lake.to_str().unwrap(), "--format", "json", QUESTION]);
    assert_eq!((answer.code, answer.rows()), (3, expected()), "{}", answer.stderr);
    assert!(answer.stderr.contains(&format!("{}/{HOUR}/empty.parquet", lake.display())), "{}", answer.stderr);
}

#[test]
fn a_key_or_a_file_that_cannot_be_read_is_that_file_and_not_the_region() {
    let world = World::empty(1);
    fill(&world.stores[0].bucket(BUCKET).join(HOUR));
    world.configure("", PATIENT);
    let odd = [format!("{HOUR}//odd.parquet"), format!("{HOUR}/\\u{{1b}}odd.parquet")];
    world.stores[0].fail(Fault::OddKeys);
    let answer = world.sql(QUESTION);
    assert_eq!((answer.code, answer.rows()), (3, expected()), "{}", answer.stderr);
    let json = answer.json();
    assert_eq!((&json["complete"], &json["missing_regions"]), (&json!(false), &json!([])));
    assert_eq!(json["unreadable_files"], json!([odd[1], odd[0]]));
    assert!(!answer.stderr.contains('\u{1b}') && !answer.stderr.contains(BUCKET), "{}", answer.stderr);
    // A question about another day is complete.
    let answer =
        world.run(&["sql", "--format", "json", "--since", "2026-11-25", "--lateness", "1h", "select 1 as n from logs"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    // What was left undelivered is listed, however it is called.
    let answer = world.run(&["failed", "--format", "json"]);
    let row = answer.rows().remove(0);
    assert_eq!((answer.code, &row["cause"]), (0, &json!("not readable under its key")), "{}", answer.stderr);

    world.stores[0].fail(Fault::DeniedObject("/new.parquet"));
    let _ = std::fs::remove_dir_all(world.cache());
    let answer = world.sql(QUESTION);
    let rows: Vec<_> = expected().into_iter().filter(|row| row["event_id"] != "3").collect();
    assert_eq!((answer.code, answer.rows()), (3, rows), "{}", answer.stderr);
    assert_eq!(answer.json()["unreadable_files"], json!([format!("{HOUR}/new.parquet")]));
    assert!(answer.stderr.contains("new.parquet: access denied (AccessDenied)"), "{}", answer.stderr);
}
