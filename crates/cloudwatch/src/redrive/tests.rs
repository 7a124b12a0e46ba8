//! What was left goes into the lake once: whatever it is, however often a redrive runs, and wherever it is killed. These tests
//! refuse to sleep and to need a network: the bucket is in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use transect_lake::Access;
use transect_normalize::Options;

use super::*;

const REGION: &str = "us-east-2";

/// A bucket that is gone after so many changes, as for a program that was killed.
#[derive(Debug)]
struct Dies {
    bucket: Arc<InMemory>,
    changes_left: AtomicI64,
}

impl fmt::Display for Dies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dies")
    }
}

impl Dies {
    fn change(&self) -> StoreResult<()> {
        match self.changes_left.fetch_sub(1, Ordering::Relaxed) > 0 {
            true => Ok(()),
            false => Err(StoreError::Generic { store: "test", source: "killed".into() }),
        }
    }
}

#[async_trait::async_trait]
impl ObjectStore for Dies {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        tokio::task::yield_now().await;
        self.change()?;
        self.bucket.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        unreachable!("objects are put whole")
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        tokio::task::yield_now().await;
        self.bucket.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        match self.change() {
            Ok(()) => self.bucket.delete_stream(paths),
            Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.bucket.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.bucket.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        tokio::task::yield_now().await;
        self.change()?;
        self.bucket.copy_opts(from, to, options).await
    }
}

fn stores(bucket: &Arc<InMemory>, changes: i64) -> Stores {
    let place = Place::parse("s3://lake").unwrap();
    let location = RegionLocation::new(Some(REGION.into()), place, None).unwrap();
    let store = Arc::new(Dies { bucket: Arc::clone(bucket), changes_left: AtomicI64::new(changes) });
    Stores {
        lake: RegionStore::over(location, Access::default(), store, None),
        root: None,
        region: REGION.into(),
        names: Names::new("transect").unwrap(),
    }
}

const ALL: &[Source] = &[Source::Failed, Source::Errors];

async fn redrive(bucket: &Arc<InMemory>, changes: i64) -> Result<Redriven, LakeError> {
    let scratch = tempfile::tempdir().unwrap();
    let normalizer = Normalizer::new(&Options::default());
    let progress = Progress::default();
    let how = Redrive {
        sources: ALL,
        normalizer: &normalizer,
        scratch: scratch.path(),
        now_unix_nano: 0,
        progress: &progress,
    };
    let done = stores(bucket, changes).redrive(&how).await;
    // What is told meanwhile is what came of it.
    if let Ok(done) = &done {
        let events: u64 = done.rows.iter().map(|row| row.events).sum();
        assert_eq!((progress.done(), progress.events()), (progress.found(), events));
    }
    done
}

fn kept_event(number: u32) -> String {
    let message = format!(r#"{{"level":"ERROR","message":"payment {number}"}}"#);
    serde_json::json!({
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": {
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/pay", "logStream": "s",
            "logEvents": [{"id": format!("{number:056}"), "timestamp": 1_795_250_573_000_i64, "message": message}],
        },
        "responsePayload": {"errorType": "Transect.Undelivered", "errorMessage": "secret"},
    })
    .to_string()
}

/// What the forwarder would have dropped is not delivered by another way.
#[tokio::test]
async fn what_pipelines_write_of_themselves_is_put_away_and_not_delivered() {
    let report = r#"{"_aws":{"CloudWatchMetrics":[{"Namespace":"Transect/Forwarder","Dimensions":[[]],"Metrics":[{"Name":"Events"}]}]},"Events":1}"#;
    let kept = |group: &str| {
        serde_json::json!({"requestPayload": {
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group, "logStream": "s",
            "logEvents": [{"id": "1", "timestamp": 1_795_250_573_000_i64, "message": report}],
        }})
        .to_string()
    };
    let rows_of = [
        ("/aws/lambda/transect-forwarder", 0),
        ("/aws/kinesisfirehose/transect", 0),
        ("/aws/lambda/blue-forwarder", 0),
        ("/aws/lambda/pay", 2),
    ];
    for (group, records) in rows_of {
        let bucket = Arc::new(InMemory::new());
        let key = Path::from("aws/lambda/async/transect-forwarder/2026/11/21/1");
        bucket.put(&key, PutPayload::from(kept(group))).await.unwrap();
        let done = redrive(&bucket, i64::MAX).await.unwrap();
        assert_eq!((done.left(), done.rows[0].events, done.rows[0].records), (0, 1, records), "{group}: {done:?}");
    }
}

fn unconverted(raw: &str) -> String {
    let data = base64_simd::STANDARD.encode_to_string(raw);
    format!("{}\n", serde_json::json!({"lastErrorCode": "DataFormatConversion.ParseError", "rawData": data}))
}

fn row(event_id: &str, more: &str) -> String {
    format!(
        r#"{{"time_unix_nano":1795250573000000000,"observed_time_unix_nano":1795250573000000000,"event_id":"{event_id}","signal":"log","schema_version":1{more}}}"#
    )
}

async fn put(bucket: &InMemory, path: &str, text: &str) {
    bucket.put(&path.into(), text.to_owned().into()).await.unwrap();
}

/// Every object of the bucket; of Parquet files the number of rows.
async fn content(bucket: &InMemory) -> BTreeMap<String, String> {
    let objects: Vec<ObjectMeta> = bucket.list(None).try_collect().await.unwrap();
    let mut content = BTreeMap::new();
    for object in objects {
        let bytes = bucket.get(&object.location).await.unwrap().bytes().await.unwrap();
        let path = object.location.to_string();
        let text = match path.ends_with(".parquet") {
            true => format!("{} bytes", bytes.len()),
            false => String::from_utf8(bytes.to_vec()).unwrap(),
        };
        content.insert(path, text);
    }
    content
}

async fn bucket_with_failures() -> Arc<InMemory> {
    let bucket = Arc::new(InMemory::new());
    for number in 0..3 {
        put(&bucket, &format!("failed/region={REGION}/{number}"), &kept_event(number)).await;
    }
    put(&bucket, "aws/lambda/async/transect-forwarder/2026/11/21/a", &kept_event(3)).await;
    // As the console of S3 marks folders: their names lose the slash at the end when they are listed.
    put(&bucket, &format!("failed/region={REGION}"), "").await;
    put(&bucket, &format!("errors/region={REGION}/format-conversion-failed"), "").await;
    let odd = Path::parse(format!("failed/region={REGION}/copy of 100 % [1]~.json")).unwrap();
    bucket.put(&odd, kept_event(8).into()).await.unwrap();
    put(&bucket, "aws/lambda/async/other/2026/11/21/a", &kept_event(4)).await;
    let lines = [
        unconverted(&format!("{}\n{}\n", row("5", ""), row("6", ""))),
        unconverted("{broken"),
        unconverted(&row("7", "")),
    ];
    put(&bucket, &format!("errors/region={REGION}/format-conversion-failed/x"), &lines.concat()).await;
    put(&bucket, &format!("errors/region={REGION}/format-conversion-failed/y"), "no line of Firehose\n").await;
    bucket
}

#[tokio::test]
async fn everything_readable_is_delivered_once_and_moved_and_the_rest_stays_with_its_reason() {
    let bucket = bucket_with_failures().await;
    let done = redrive(&bucket, i64::MAX).await.unwrap();
    let rows: Vec<_> = done
        .rows
        .iter()
        .map(|row| (row.source.name(), row.reason.as_str(), row.objects, row.events, row.records))
        .collect();
    assert_eq!(
        rows,
        [
            ("failed", "", 5, 5, 5),
            ("errors", "", 1, 2, 3),
            ("errors", "not a line of Firehose's error output", 1, 0, 0),
            ("errors", "rawData holds what is not a JSON object (DataFormatConversion.ParseError)", 1, 0, 0),
        ]
    );
    assert_eq!(done.left(), 2);
    let paths: Vec<String> = content(&bucket).await.into_keys().collect();
    let landed: Vec<&String> = paths.iter().filter(|path| path.starts_with("landing/")).collect();
    // A file for each object that was delivered, and under no other name.
    assert_eq!(landed.len(), 6);
    let hour = "landing/region=us-east-2/date=2026-11-21/hour=08/redrive-";
    assert!(landed.iter().all(|path| path.starts_with(hour)), "{landed:?}");
    let others: Vec<&str> = paths.iter().map(String::as_str).filter(|path| !path.starts_with("landing/")).collect();
    assert_eq!(
        others,
        [
            // Another function's is none of ours.
            "aws/lambda/async/other/2026/11/21/a",
            "errors/region=us-east-2/format-conversion-failed",
            "errors/region=us-east-2/format-conversion-failed/x.left",
            "errors/region=us-east-2/format-conversion-failed/y",
            "failed/region=us-east-2",
            "redriven/aws/lambda/async/transect-forwarder/2026/11/21/a",
            "redriven/errors/region=us-east-2/format-conversion-failed/x",
            "redriven/failed/region=us-east-2/0",
            "redriven/failed/region=us-east-2/1",
            "redriven/failed/region=us-east-2/2",
            "redriven/failed/region=us-east-2/copy of 100 % [1]~.json",
        ]
    );
    // Again: nothing moves, nothing is delivered, the reasons are the same.
    let before = content(&bucket).await;
    let again = redrive(&bucket, i64::MAX).await.unwrap();
    assert_eq!(content(&bucket).await, before);
    assert_eq!((again.left(), again.rows.len()), (2, 2));
}

#[tokio::test]
async fn killed_at_any_step_and_run_again_it_ends_the_same() {
    let whole = bucket_with_failures().await;
    redrive(&whole, i64::MAX).await.unwrap();
    let expected = content(&whole).await;
    let mut kills = 0;
    loop {
        let bucket = bucket_with_failures().await;
        let outcome = redrive(&bucket, kills).await;
        if outcome.is_ok() {
            break;
        }
        // Killed a second time, a little later.
        let _ = redrive(&bucket, 2).await;
        let last = redrive(&bucket, i64::MAX).await.unwrap();
        assert_eq!(last.left(), 2, "killed after {kills} changes");
        assert_eq!(content(&bucket).await, expected, "killed after {kills} changes");
        kills += 1;
    }
    // Of six objects a file and a rename of two steps each, and the rest of one of them.
    assert_eq!(kills, 19);
}

#[tokio::test]
async fn two_at_once_leave_every_event_once_in_the_files_too() {
    let expected = {
        let bucket = bucket_with_failures().await;
        put(&bucket, &format!("failed/region={REGION}/later"), &kept_event(9)).await;
        redrive(&bucket, i64::MAX).await.unwrap();
        content(&bucket).await
    };
    // The second begins at each step of the first, and one object more has come by then.
    for steps in 0..48 {
        let bucket = bucket_with_failures().await;
        let second = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            put(&bucket, &format!("failed/region={REGION}/later"), &kept_event(9)).await;
            redrive(&bucket, i64::MAX).await
        };
        let (first, second) = futures::future::join(redrive(&bucket, i64::MAX), second).await;
        first.unwrap();
        second.unwrap();
        // What came after the first had looked, and before the second did, is there.
        assert_eq!(content(&bucket).await, expected, "after {steps} steps");
    }
}

#[tokio::test]
async fn what_is_gone_or_too_large_writes_nothing() {
    let bucket = bucket_with_failures().await;
    redrive(&bucket, i64::MAX).await.unwrap();
    let before = content(&bucket).await;
    let scratch = tempfile::tempdir().unwrap();
    let normalizer = Normalizer::new(&Options::default());
    let how = Redrive {
        sources: ALL,
        normalizer: &normalizer,
        scratch: scratch.path(),
        now_unix_nano: 0,
        progress: &Progress::default(),
    };
    let stores = stores(&bucket, i64::MAX);
    let object = |size| Left {
        source: Source::Failed,
        is_at_root: false,
        meta: ObjectMeta {
            location: format!("failed/region={REGION}/0").into(),
            last_modified: Default::default(),
            size,
            e_tag: None,
            version: None,
        },
    };
    assert!(matches!(stores.redrive_object(&object(1), &how).await.unwrap(), Outcome::Gone));
    let Outcome::Left(reason) = stores.redrive_object(&object(OBJECT_BYTES_MAX + 1), &how).await.unwrap() else {
        panic!("it is taken")
    };
    assert_eq!(reason, "larger than 512 MiB");
    assert_eq!(content(&bucket).await, before);
}

#[tokio::test]
async fn failures_are_listed_by_cause() {
    let bucket = bucket_with_failures().await;
    let rows = stores(&bucket, 0).failed(ALL).await.unwrap();
    let rows: Vec<_> =
        rows.iter().map(|row| (row.source.name(), row.cause.as_str(), row.objects, row.events)).collect();
    assert_eq!(
        rows,
        [
            ("failed", "Transect.Undelivered", 5, 5),
            ("errors", "DataFormatConversion.ParseError", 1, 3),
            ("errors", "unreadable", 1, 1),
        ]
    );
}

#[test]
fn what_a_column_cannot_hold_goes_to_the_attributes() {
    let line = unconverted(&row("5", r#","http_response_status_code":"502","attributes":"{\"a\":1}","unknown":[2]"#));
    let normalizer = Normalizer::new(&Options::default());
    let how = Redrive {
        sources: ALL,
        normalizer: &normalizer,
        scratch: Folder::new("."),
        now_unix_nano: 0,
        progress: &Progress::default(),
    };
    let mut records = Vec::new();
    let mut each = |record: &transect_schema::Record<'_>| {
        records.push(record.clone().into_owned());
        Ok(())
    };
    let parsed =
        parse_errors(line.as_bytes(), &stores(&Arc::new(InMemory::new()), 0), &how, &mut each).unwrap().unwrap();
    assert_eq!((parsed.events, parsed.records), (1, 1));
    assert_eq!(records[0].http_response_status_code, None);
    let attributes: serde_json::Value = serde_json::from_str(records[0].attributes.as_deref().unwrap()).unwrap();
    assert_eq!(
        attributes,
        serde_json::json!({"a": 1, "transect.unconverted.http_response_status_code": "502", "transect.unconverted.unknown": [2]})
    );
}

#[test]
fn what_is_under_way_is_bounded_by_objects_and_bytes() {
    let object = |size| Left {
        source: Source::Failed,
        is_at_root: false,
        meta: ObjectMeta { location: "a".into(), last_modified: Default::default(), size, e_tag: None, version: None },
    };
    let sizes = |left: Vec<Left>| together(left).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(vec![object(1); 33]), [16, 16, 1]);
    assert_eq!(sizes(vec![object(BYTES_AT_ONCE), object(1), object(BYTES_AT_ONCE)]), [1, 1, 1]);
}
