//! What is answered at all: states of a lake, mistakes in a query, files that others wrote.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use transect_lake::LakeError;

use super::*;

#[tokio::test]
async fn a_constant_needs_no_rows() {
    assert_eq!(Fixture::of(&[log("us-east-2", "1", HOUR_8)]).ask("select 1 as one").await, "one\n1\n");
}

#[tokio::test]
async fn an_engine_answers_more_than_one_question() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let question = fixture.question();
    for _ in 0..2 {
        for view in ["telemetry", "logs", "spans", "invocations", "metrics", "landing"] {
            let mut answer = question.sql(&format!("select * from {view}"), &[]).await.unwrap();
            while let Some(batch) = answer.next().await {
                batch.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn now_is_the_time_given() {
    let lake = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    assert_eq!(lake.ask("select now() as t").await, "t\n2026-11-22T08:00:00.000000000Z\n");
    assert_eq!(
        lake.ask("select count(*) as n from telemetry where timestamp > now() - interval '25 hours'").await,
        "n\n1\n"
    );
    assert_eq!(
        lake.ask("select count(*) as n from telemetry where timestamp > now() - interval '23 hours'").await,
        "n\n0\n"
    );
}

#[test]
fn a_lake_that_is_missing_empty_or_a_file_is_said_in_a_sentence() {
    let fixture = Fixture::new();
    let open = |lake: Lake| ask_of(lake, fixture.extent()).err().unwrap();
    let error = open(fixture.lake());
    assert!(matches!(error, QueryError::NoTelemetry { .. }));
    assert!(error.to_string().starts_with("no telemetry in /"), "{error}");
    let missing = fixture.directory.path().join("missing");
    let error = open(Lake::parse(&[missing.to_str().unwrap()]).unwrap());
    assert!(matches!(error, QueryError::Lake(LakeError::NoSuchDirectory(_))), "{error}");
    std::fs::write(&missing, "").unwrap();
    let error = open(Lake::parse(&[missing.to_str().unwrap()]).unwrap());
    assert!(matches!(error, QueryError::Lake(LakeError::NotADirectory(_))), "{error}");
}

#[tokio::test]
async fn a_lake_without_files_has_tables_without_rows() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.directory.path().join("landing")).unwrap();
    for table in ["telemetry", "logs", "spans", "invocations", "metrics", "landing"] {
        assert_eq!(fixture.ask(&format!("select count(*) as n from {table}")).await, "n\n0\n", "{table}");
        assert_eq!(fixture.ask(&format!("select * from {table}")).await.lines().count(), 1, "{table}");
    }
}

#[tokio::test]
async fn mistakes_are_shown_where_they_stand_with_the_nearest_name() {
    let lake = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let check = async |sql: &str, message: &str, excerpt: Option<&str>, hint: Option<&str>| {
        let error = lake.fail(sql).await;
        let QueryError::Sql(sql_error) = &error else { panic!("{sql}: {error:?}") };
        assert_eq!(error.to_string(), message);
        assert_eq!(sql_error.excerpt.as_deref(), excerpt, "{sql}");
        assert_eq!(error.hint(), hint, "{sql}");
    };
    check(
        "select trace_ids from telemetry",
        "SQL, line 1, column 8: no column `trace_ids`",
        Some("select trace_ids from telemetry\n       ^"),
        Some("did you mean `trace_id`?"),
    )
    .await;
    check(
        "select\n  trace_id\nfrom logs\nwhere regoin = 'x'",
        "SQL, line 4, column 7: no column `regoin`",
        Some("where regoin = 'x'\n      ^"),
        None,
    )
    .await;
    check(
        "select l.bdy from logs l",
        "SQL, line 1, column 8: no column `bdy` in `l`",
        Some("select l.bdy from logs l\n       ^"),
        Some("did you mean `body`?"),
    )
    .await;
    check(
        "select 1 from telemetri",
        "SQL, line 1, column 15: no table `telemetri`",
        Some("select 1 from telemetri\n              ^"),
        Some("did you mean `telemetry`?"),
    )
    .await;
    check(
        "select 1 from x",
        "SQL, line 1, column 15: no table `x`",
        Some("select 1 from x\n              ^"),
        Some("there are telemetry, logs, spans, invocations, metrics, traces, releases, landing"),
    )
    .await;
    check("selec 1", "SQL, line 1, column 1: Expected: an SQL statement, found: selec", Some("selec 1\n^"), None).await;
    check(
        "select (1 from telemetry",
        "SQL, line 1, column 11: Expected: ), found: from",
        Some("select (1 from telemetry\n          ^"),
        None,
    )
    .await;
    check(
        "select cuont(*) from telemetry",
        "SQL, line 1, column 8: no function `cuont`",
        Some("select cuont(*) from telemetry\n       ^"),
        Some("did you mean `count`?"),
    )
    .await;
    check(
        "select event_id from logs a join logs b on a.event_id = b.event_id",
        "SQL, line 1, column 8: column `event_id` stands in more than one table",
        Some("select event_id from logs a join logs b on a.event_id = b.event_id\n       ^"),
        Some("write the table before it: `t.event_id`"),
    )
    .await;
}

#[tokio::test]
async fn only_queries_are_answered() {
    let lake = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    for sql in [
        "create table t as select 1",
        "create view v as select 1",
        "drop table telemetry",
        "insert into landing select * from landing",
        "copy (select 1) to '/tmp/x.parquet'",
        "set datafusion.execution.batch_size = 1",
        "create external table t stored as parquet location '/'",
        "delete from landing",
        "update landing set body = ''",
        "explain analyze create table t as select 1",
        "prepare p as select 1",
    ] {
        let error = lake.fail(sql).await;
        assert!(matches!(error, QueryError::NotAQuery(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains("is not a query"), "{sql}: {error}");
    }
    assert!(matches!(lake.fail("select 1; select 2").await, QueryError::Sql(_)));
    assert!(matches!(lake.fail("").await, QueryError::Sql(_)));
    assert!(matches!(lake.fail("select * from '/etc/passwd.csv'").await, QueryError::Sql(_)));
    for sql in ["explain select 1", "describe telemetry", "show tables", "show columns from logs", "values (1)"] {
        lake.ask(sql).await;
    }
}

#[tokio::test]
async fn failures_on_values_are_not_bugs() {
    let lake = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    for sql in [
        "select 1/0",
        "select cast(body as int) from (values ('x')) t(body)",
        "select 1 / (schema_version - 1) from telemetry",
    ] {
        let error = lake.fail(sql).await;
        assert!(matches!(error, QueryError::Execution(_) | QueryError::Sql(_)), "{sql}: {error:?}");
    }
    let error = lake.fail("select * from telemetry where event_id = $id").await;
    assert_eq!(error.to_string(), "no value for parameter `$id`");
}

#[tokio::test]
async fn json_in_attributes_is_within_reach() {
    let attributes = r#"{"order":{"id":"o-1","lines":[1,2],"total":9.5,"big":9007199254740993},"ok":true}"#;
    let lake = Fixture::of(&[Record { attributes: Some(attributes.into()), ..log("us-east-2", "1", HOUR_8) }]);
    assert_eq!(
        lake.ask(
            "select attributes->'order'->>'id' as id, attributes->'order'->'total' as total, attributes->'none' as none, \
             json_get_int(attributes, 'order', 'big') as big, json_get(attributes, 'order', 'lines') as lines from logs"
        )
        .await,
        "id,total,none,big,lines\no-1,9.5,,9007199254740993,\"[1,2]\"\n"
    );
    assert_eq!(lake.ask("select 1 as n from telemetry where attributes->>'ok' = 'true'").await, "n\n1\n");
}

/// Writes a file as others do, into the hour of 8 o'clock.
fn write_foreign(fixture: &Fixture, name: &str, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    let folder = fixture.directory.path().join("landing/region=us-east-2/date=2026-11-21/hour=08");
    std::fs::create_dir_all(&folder).unwrap();
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    let version = ("schema_version", Arc::new(Int32Array::from(vec![1; rows])) as ArrayRef);
    let columns = [columns, vec![version]].concat();
    write_strange(&folder.join(name), columns, properties);
}

fn write_strange(path: &std::path::Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn text_column(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test]
async fn files_of_a_delivery_stream_are_read_beside_our_own() {
    let fixture = Fixture::of(&[Record { trace_id: Some("t1".into()), ..log("us-east-2", "own", HOUR_8) }]);
    let snappy = || WriterProperties::builder().set_compression(Compression::SNAPPY);
    // Columns in another order, most missing, one unknown, integers narrower and wider than ours.
    write_foreign(
        &fixture,
        "stream-1-2026-11-21-08-00-00-a.parquet",
        vec![
            ("not_ours", text_column(&[Some("x"), None])),
            ("event_id", text_column(&[Some("f1"), Some("f2")])),
            ("signal", text_column(&[Some("log"), Some("log")])),
            ("trace_id", text_column(&[Some("t1"), None])),
            ("time_unix_nano", Arc::new(Int64Array::from(vec![HOUR_8, HOUR_8 + 1]))),
            ("severity_number", Arc::new(Int64Array::from(vec![Some(17), None]))),
            ("http_response_status_code", Arc::new(Int32Array::from(vec![Some(200), None]))),
            ("metric_value", Arc::new(Float32Array::from(vec![Some(0.5), None]))),
            ("faas_coldstart", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ],
        snappy().build(),
    );
    let gzip = WriterProperties::builder()
        .set_compression(Compression::GZIP(GzipLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    write_foreign(
        &fixture,
        "stream-1-2026-11-21-08-05-00-b.parquet",
        vec![
            ("event_id", text_column(&[Some("g1")])),
            ("signal", text_column(&[Some("log")])),
            ("trace_id", text_column(&[Some("t2")])),
            ("time_unix_nano", Arc::new(Int64Array::from(vec![HOUR_8 + 2]))),
        ],
        gzip.build(),
    );
    assert_eq!(
        fixture
            .ask("select event_id from logs where trace_id = 't1' and timestamp >= '2026-11-21T08:00:00Z' order by 1")
            .await,
        "event_id\nf1\nown\n"
    );
    assert_eq!(
        fixture
            .ask(
                "select event_id, severity_number, http_response_status_code, metric_value, faas_coldstart, body, \
                 observed_time_unix_nano, release from telemetry order by time_unix_nano, event_id"
            )
            .await,
        "event_id,severity_number,http_response_status_code,metric_value,faas_coldstart,body,observed_time_unix_nano,release\n\
         f1,17,200,0.5,true,,,\n\
         own,,,,,,1795248000000000000,7\n\
         f2,,,,,,,\n\
         g1,,,,,,,\n"
    );
    assert_eq!(fixture.ask("select count(*) as n from logs where severity_number >= 17").await, "n\n1\n");
    assert_eq!(fixture.ask("select count(*) as n from logs where body is null").await, "n\n4\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let folder = fixture.directory.path().join("landing/region=us-east-2/date=2026-11-21/hour=08");
    for content in [&b""[..], b"PAR1", b"not parquet at all, by no means", b"PAR1 and then something else PAR1"] {
        std::fs::write(folder.join("broken.parquet"), content).unwrap();
        let error = fixture.fail("select count(*) from telemetry where trace_id = 'x'").await;
        assert!(matches!(error, QueryError::UnreadableFile { .. }), "{error:?}");
        assert!(error.to_string().contains("broken.parquet"), "{error}");
    }
    let whole = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let whole = { whole }.find(|path| path.to_str().unwrap().contains("ingest-")).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(folder.join("broken.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    let error = fixture.fail("select body from telemetry").await;
    assert!(error.to_string().contains("broken.parquet"), "{error}");
}

#[tokio::test]
async fn a_region_that_the_lake_does_not_have_is_told_with_the_nearest() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8), log("eu-west-2", "2", HOUR_8)]);
    let check = async |regions: &[&str]| {
        let regions: Vec<String> = regions.iter().map(|name| (*name).to_owned()).collect();
        fixture.question().check_regions(&regions).await
    };
    check(&[]).await.unwrap();
    check(&["us-east-2", "eu-west-2"]).await.unwrap();
    let error = check(&["us-east-2", "us-esat-2"]).await.unwrap_err();
    assert_eq!(error.to_string(), "the lake has no region us-esat-2");
    assert_eq!(error.hint(), Some("did you mean `us-east-2`? there are eu-west-2, us-east-2"));
}

#[tokio::test]
async fn names_that_no_record_has_are_told_with_the_nearest() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let unknown = async |filter: crate::LogFilter| {
        let unknown = fixture.question().unknown_names(&filter).await.unwrap();
        unknown.into_iter().map(|one| format!("{} {}: {}", one.kind, one.name, one.hint)).collect::<Vec<_>>()
    };
    assert_eq!(unknown(crate::LogFilter::default()).await, [""; 0]);
    let filter = crate::LogFilter {
        services: vec!["nope".into()],
        releases: vec!["0.0".into()],
        groups: vec!["/no/such/*".into()],
        severity_min: Some(21),
        ..crate::LogFilter::default()
    };
    let told = unknown(filter).await;
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].starts_with("service nope: there are"), "{told:?}");
    assert_eq!(told[3], "level fatal or above: there are none");
}

#[tokio::test]
async fn habits_of_insights_are_understood_or_hinted() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let check = async |sql: &str, message: &str, hint: &str| {
        let error = fixture.fail(sql).await;
        assert!(error.to_string().contains(message), "{sql}: {error}");
        assert!(error.hint().is_some_and(|told| told.contains(hint)), "{sql}: {:?}", error.hint());
    };
    let field = "is a field of CloudWatch Logs Insights";
    check("SELECT @timestamp, @message FROM logs", field, "it is `timestamp` here").await;
    check("SELECT body FROM logs\nWHERE @logstream = 'x'", "line 2, column 7", "it is `aws_log_stream` here").await;
    check("SELECT @nothing FROM logs", field, "transect schema").await;
    check("SELECT \"@message\" FROM logs", "no column", "it is `body` here").await;
    check("SELECT body FROM logs WHERE timestamp > '2026-11-29 20:00'", "timestamp", "write a time whole").await;
}

/// Asks as people do; returns the answer, the files that were left out and why.
async fn give(fixture: &Fixture, sql: &str) -> Result<(String, Vec<(String, String)>), QueryError> {
    let mut out = Vec::new();
    let wanted = crate::Wanted { format: Format::Csv, style: TableStyle::default(), strict: false };
    let given = match fixture.question().give(sql, &[], &wanted, &mut out).await {
        Ok(given) => given,
        Err(crate::RenderError::Query(error)) => return Err(error),
        Err(other) => panic!("{other}"),
    };
    let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let files = given.completeness.unreadable_files.iter();
    let files = files.map(|file| (name(&file.path), file.reason.clone())).collect();
    Ok((String::from_utf8(out).unwrap(), files))
}

#[tokio::test]
async fn a_column_that_does_not_cast_is_its_file_and_not_the_question() {
    let status = |name, column: ArrayRef| (name, column);
    let list = || {
        let mut lists = arrow::array::ListBuilder::new(arrow::array::Int32Builder::new());
        lists.append_value([Some(1)]);
        Arc::new(lists.finish()) as ArrayRef
    };
    for (column, reason) in [
        (
            status("http_response_status_code", text_column(&[Some("\u{1b}abc")])),
            "its column http_response_status_code is Utf8 and does not fit Int32",
        ),
        (
            status("http_response_status_code", Arc::new(Int64Array::from(vec![99_999_999_999]))),
            "its column http_response_status_code is Int64 and does not fit Int32",
        ),
        (
            status("http_response_status_code", list()),
            "its column http_response_status_code is List(Int32) and does not fit Int32",
        ),
    ] {
        let good = Record { http_response_status_code: Some(200), ..log("us-east-2", "1", HOUR_8) };
        let fixture = Fixture::of(&[good]);
        let columns = vec![
            ("event_id", text_column(&[Some("bad")])),
            ("signal", text_column(&[Some("log")])),
            ("time_unix_nano", Arc::new(Int64Array::from(vec![HOUR_8])) as ArrayRef),
            column,
        ];
        write_foreign(&fixture, "bad.parquet", columns, WriterProperties::builder().build());
        for (sql, answer) in [
            ("select event_id, http_response_status_code as s from telemetry", "event_id,s\n1,200\n"),
            ("select count(*) as n from logs where http_response_status_code >= 200", "n\n1\n"),
            ("select max(http_response_status_code) as s from landing", "s\n200\n"),
        ] {
            let (rows, files) = give(&fixture, sql).await.unwrap();
            assert_eq!(rows, answer, "{sql}");
            assert_eq!(files, [("bad.parquet".to_owned(), reason.to_owned())], "{sql}");
        }
        // Whoever does not ask for the column has every row.
        assert_eq!(give(&fixture, "select count(*) as n from telemetry").await.unwrap(), ("n\n2\n".into(), vec![]));
        // A mistake of the question stays one, and no file is blamed for it.
        for sql in [
            "select event_id from logs where cast(event_id as int) = 1 and cast(signal as int) = 1",
            "select event_id from logs where 1 / (schema_version - schema_version) = 1",
        ] {
            let error = give(&fixture, sql).await.unwrap_err();
            assert!(matches!(error, QueryError::Execution(_)), "{sql}: {error:?}");
            assert!(
                ["Cannot cast string", "Divide"].iter().any(|start| error.to_string().starts_with(start)),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_page_that_is_damaged_in_mid_scan_is_its_file() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let body: Vec<String> = (0..50_000).map(|n| format!("{:x}", n * 7_919_777_u64)).collect();
    let columns = |count: usize| {
        let text = |of: &dyn Fn(usize) -> String| {
            Arc::new((0..count).map(|n| Some(of(n))).collect::<StringArray>()) as ArrayRef
        };
        vec![
            ("event_id", text(&|n| n.to_string())),
            ("signal", text(&|_| "log".to_owned())),
            ("time_unix_nano", Arc::new(Int64Array::from(vec![HOUR_8; count])) as ArrayRef),
            ("body", text(&|n| body[n].clone())),
        ]
    };
    let properties = || WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
    write_foreign(&fixture, "damaged.parquet", columns(body.len()), properties());
    let path = fixture.directory.path().join("landing/region=us-east-2/date=2026-11-21/hour=08/damaged.parquet");
    let whole = std::fs::read(&path).unwrap();
    let mut left_out = 0;
    // Far from the footer; some damage may go unnoticed, for pages have no sums.
    for at in (1..40).map(|part| whole.len() / 2 * part / 40) {
        let mut bytes = whole.clone();
        bytes[at..at + 64].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        let (rows, files) =
            give(&fixture, "select count(distinct event_id) as n, max(length(body)) as l from telemetry")
                .await
                .unwrap();
        if !files.is_empty() {
            left_out += 1;
            assert_eq!((rows.as_str(), files[0].0.as_str()), ("n,l\n1,\n", "damaged.parquet"), "{files:?}");
        }
    }
    assert!(left_out > 10, "{left_out}");
}

#[cfg(unix)]
#[tokio::test]
async fn links_and_odd_names_are_files_that_are_left_out() {
    use std::os::unix::fs::symlink;

    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let folder = fixture.directory.path().join("landing/region=us-east-2/date=2026-11-21/hour=08");
    symlink("itself.parquet", folder.join("itself.parquet")).unwrap();
    symlink("nowhere", folder.join("dangling.parquet")).unwrap();
    symlink(".", folder.join("self")).unwrap();
    std::fs::create_dir(folder.join("folder.parquet")).unwrap();
    std::fs::write(folder.join("\u{1b}[2J.parquet"), "x").unwrap();
    let expected = [
        ("\\u{1b}[2J.parquet", "its key has a control character, or `.` or `..` as a part"),
        ("dangling.parquet", "it is a link that leads nowhere"),
        ("itself.parquet", "Too many levels of symbolic links (os error 40)"),
    ];
    let (rows, files) = give(&fixture, "select count(*) as n from telemetry").await.unwrap();
    assert_eq!(rows, "n\n1\n");
    let files: Vec<(&str, &str)> = files.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).collect();
    assert_eq!(files, expected);
    // Another hour's question has nothing to do with them.
    let later = "select count(*) as n from telemetry where timestamp > '2026-11-29T00:00:00Z'";
    assert_eq!(give(&fixture, later).await.unwrap(), ("n\n0\n".into(), vec![]));
}

#[tokio::test]
async fn what_would_be_read_as_something_else_is_left_out() {
    use arrow::array::{BinaryArray, DurationMillisecondArray, TimestampMicrosecondArray, TimestampNanosecondArray};

    let texts = |text: &str| text_column(&[Some(text)]);
    let numbers = |number: i64| Arc::new(Int64Array::from(vec![number])) as ArrayRef;
    let bytes = |bytes: &[u8]| Arc::new(BinaryArray::from(vec![bytes])) as ArrayRef;
    let ours = || {
        vec![
            ("event_id", texts("z")),
            ("signal", texts("log")),
            ("schema_version", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
            ("time_unix_nano", numbers(HOUR_8)),
            ("body", texts("b")),
        ]
    };
    let with = |name: &'static str, column: ArrayRef| {
        let rest = ours().into_iter().filter(|(other, _)| *other != name);
        rest.chain([(name, column)]).collect::<Vec<_>>()
    };
    let bytes_reason = "its column body is bytes and not marked as UTF-8 text";
    let none_of_ours = || "it has no column event_id, and is none of this lake's".to_owned();
    for (columns, reason) in [
        (with("body", bytes(b"caf\xe9 \xff\xfe\x1b[2J error")), bytes_reason.to_owned()),
        (with("body", bytes(b"plain")), bytes_reason.to_owned()),
        (
            with("time_unix_nano", Arc::new(TimestampMicrosecondArray::from(vec![HOUR_8 / 1000]))),
            "its column time_unix_nano is Timestamp(\u{b5}s), and no number of nanoseconds".to_owned(),
        ),
        (
            with("duration_nano", Arc::new(DurationMillisecondArray::from(vec![7]))),
            "its column duration_nano is Duration(ms), and no number of nanoseconds".to_owned(),
        ),
        (vec![("x", texts("1"))], none_of_ours()),
        (vec![("EVENT_ID", texts("1")), ("SIGNAL", texts("log"))], none_of_ours()),
    ] {
        let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
        let folder = fixture.directory.path().join("landing/region=us-east-2/date=2026-11-21/hour=08");
        write_strange(&folder.join("strange.parquet"), columns, WriterProperties::builder().build());
        for sql in ["select count(*) as n from telemetry", "select count(event_id) as n from logs where body is null"] {
            let (rows, files) = give(&fixture, sql).await.unwrap();
            assert_eq!(
                (rows.as_str(), files),
                ("n\n1\n", vec![("strange.parquet".to_owned(), reason.clone())]),
                "{sql}"
            );
        }
    }
    // A type that says that it is nanoseconds is what the name says.
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let folder = fixture.directory.path().join("landing/region=us-east-2/date=2026-11-21/hour=08");
    let columns = with("time_unix_nano", Arc::new(TimestampNanosecondArray::from(vec![HOUR_8 + 5])));
    write_strange(&folder.join("other.parquet"), columns, WriterProperties::builder().build());
    let (rows, files) = give(&fixture, "select max(time_unix_nano) as t from telemetry").await.unwrap();
    assert_eq!((rows, files), (format!("t\n{}\n", HOUR_8 + 5), vec![]));
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_nobody_can_look_into_is_missed() {
    use std::os::unix::fs::symlink;

    for (gone, question) in [
        ("region=us-west-2", "select count(*) as n from telemetry"),
        ("region=us-west-2", "select count(*) as n from telemetry where timestamp > '2026-11-21T00:00:00Z'"),
        ("region=us-east-2/date=2026-11-22", "select count(*) as n from telemetry"),
        ("region=us-east-2/date=2026-11-21/hour=09", "select count(*) as n from telemetry"),
    ] {
        for target in ["/nonexistent/place", "itself"] {
            let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
            let link = fixture.directory.path().join("landing").join(gone);
            let target = if target == "itself" { link.clone() } else { target.into() };
            symlink(target, link).unwrap();
            let (rows, files) = give(&fixture, question).await.unwrap();
            assert_eq!((rows.as_str(), files.len()), ("n\n1\n", 1), "{gone}: {files:?}");
            assert_eq!(files[0].0, gone.rsplit('/').next().unwrap());
        }
    }
}

#[tokio::test]
async fn release_records_that_cannot_be_read_are_missed() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let folder = fixture.directory.path().join("releases/region=us-east-2");
    std::fs::create_dir_all(&folder).unwrap();
    for text in ["", "{\"schema_version\":1,", "{}"] {
        std::fs::write(folder.join("cart.json"), text).unwrap();
        let missed = vec![("cart.json".to_owned(), "it is no release record".to_owned())];
        let answer = give(&fixture, "select release from logs").await.unwrap();
        assert_eq!(answer, ("release\n7\n".to_owned(), missed), "{text}");
        // Who asks for no release does not need them.
        assert_eq!(give(&fixture, "select count(*) as n from logs").await.unwrap(), ("n\n1\n".to_owned(), vec![]));
    }
}

#[tokio::test]
async fn logs_that_find_nothing_still_have_their_columns() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let filter = crate::LogFilter { text: Some("nowhere".into()), ..crate::LogFilter::default() };
    let window = crate::LogWindow { limit: 10, before: 1, after: 1 };
    let found = fixture.question().logs(&filter, &window).await.unwrap();
    assert_eq!((found.rows.num_rows(), found.is_match.len()), (0, 0));
    assert!(found.rows.column_by_name("event_id").is_some());
}

#[tokio::test]
async fn neighbours_are_of_the_same_stream_also_where_it_has_no_name() {
    let at = |id: u8, seconds: i64, group: &'static str, stream: Option<&'static str>| transect_schema::Record {
        body: Some(format!("m{id}").into()),
        aws_log_group: Some(group.into()),
        aws_log_stream: stream.map(Into::into),
        ..log("us-east-2", id, HOUR_8 + seconds * SECOND)
    };
    let rows = [
        at(1, 1, "web", None),
        at(2, 2, "web", None),
        at(3, 3, "other", None),
        at(4, 4, "web", Some("s")),
        at(5, 5, "web", None),
        at(6, 6, "other", Some("s")),
    ];
    let fixture = Fixture::of(&rows);
    let shown = async |text: &str| {
        let filter = crate::LogFilter { text: Some(text.into()), ..crate::LogFilter::default() };
        let window = crate::LogWindow { limit: 10, before: 1, after: 1 };
        let found = fixture.question().logs(&filter, &window).await.unwrap();
        assert!(!found.is_cut && !found.is_neighbour_cut);
        let bodies = crate::logs::texts(&found.rows, "body").unwrap();
        bodies.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown("m2").await, "m1 m2 m5");
    assert_eq!(shown("m4").await, "m4");
    assert_eq!(shown("m3").await, "m3");
}
