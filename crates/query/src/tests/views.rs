//! What the views say, with and without duplicates.

use super::*;

fn line(id: &'static str, request: &'static str, time: i64) -> Record<'static> {
    Record { faas_invocation_id: Some(request.into()), ..log("us-east-2", id, time) }
}

fn report(id: &'static str, request: &'static str, time: i64, nanos: i64, status: &'static str) -> Record<'static> {
    Record {
        event_name: Some("platform.report".into()),
        duration_nano: Some(nanos),
        faas_coldstart: Some(id.contains("cold")),
        status_code: Some(status.into()),
        status_message: (status == "ERROR").then(|| "timeout".into()),
        attributes: Some(
            r#"{"type":"platform.report","record":{"metrics":{"billedDurationMs":214,"memorySizeMB":512,"maxMemoryUsedMB":143,"initDurationMs":311.9}}}"#
                .into(),
        ),
        ..line(id, request, time)
    }
}

fn start(id: &'static str, request: &'static str, time: i64) -> Record<'static> {
    Record { event_name: Some("platform.start".into()), ..line(id, request, time) }
}

/// Two invocations of one function, one of which fails.
fn two_invocations() -> Vec<Record<'static>> {
    vec![
        start("a1", "req-a", HOUR_8),
        Record {
            service_name: Some("cart".into()),
            service_version: Some("1.4.2".into()),
            trace_id: Some("t1".into()),
            correlation_id: Some("c1".into()),
            severity_number: Some(9),
            body: Some("hello".into()),
            ..line("a2", "req-a", HOUR_8 + SECOND)
        },
        report("a3-cold", "req-a", HOUR_8 + 2 * SECOND, 1_900_000_000, "OK"),
        start("b1", "req-b", HOUR_8 + MINUTE),
        Record {
            exception_type: Some("OutOfStock".into()),
            exception_message: Some("none left".into()),
            severity_number: Some(17),
            ..line("b2", "req-b", HOUR_8 + MINUTE + SECOND)
        },
        Record {
            exception_type: Some("Later".into()),
            exception_message: Some("x".into()),
            severity_number: Some(21),
            ..line("b3", "req-b", HOUR_8 + MINUTE + 2 * SECOND)
        },
        report("b4", "req-b", HOUR_8 + MINUTE + 3 * SECOND, 3_000_000_000, "ERROR"),
    ]
}

const QUESTIONS: [&str; 12] = [
    "select count(*) from logs",
    "select count(*), sum(severity_number) from logs where faas_invocation_id = 'req-b'",
    "select event_id, body, release from logs order by event_id",
    "select * from logs order by event_id limit 3",
    "select signal, count(*) from logs group by signal",
    "select * from invocations order by faas_invocation_id",
    "select count(*) from invocations where status_code = 'ERROR'",
    "select sum(log_count), sum(error_count), sum(attempts) from invocations",
    "select * from spans order by span_id",
    "select span_id, in_progress from spans where in_progress order by span_id",
    "select metric_name, sum(metric_value) from metrics group by metric_name",
    "select l.body, i.duration_nano from logs l join invocations i using (faas_invocation_id) order by l.event_id",
];

fn span(event_id: &'static str, span_id: &'static str, ended: bool) -> Record<'static> {
    Record {
        signal: "span".into(),
        trace_id: Some("t1".into()),
        span_id: Some(span_id.into()),
        span_name: Some(format!("GET {span_id}").into()),
        event_name: (!ended).then(|| "span.in_progress".into()),
        duration_nano: ended.then_some(5 * SECOND),
        status_code: ended.then(|| "OK".into()),
        aws_log_group: Some("aws/spans".into()),
        ..log("us-east-2", event_id, HOUR_8)
    }
}

fn everything() -> Vec<Record<'static>> {
    let mut records = two_invocations();
    records.extend([span("s1", "aa", false), span("s2", "aa", true), span("s3", "bb", false), span("s4", "cc", true)]);
    records.extend(["m1", "m2"].map(|id| Record {
        signal: "metric".into(),
        metric_name: Some("orders".into()),
        metric_value: Some(2.5),
        ..log("us-east-2", id, HOUR_8)
    }));
    records
}

#[tokio::test]
async fn duplicates_change_no_answer() {
    let once = Fixture::of(&everything());
    let twice = Fixture::of(&everything());
    twice.write(&everything());
    // A redelivery may land in a later hour.
    let late: Vec<_> = everything();
    let mut writer = LakeWriter::new(&twice.lake(), WriterOptions::default()).unwrap();
    for record in &late {
        writer
            .append(&Partition::new("us-east-2", HourUtc::from_unix_nano(HOUR_8 + 2 * HOUR)).unwrap(), record)
            .unwrap();
    }
    writer.publish().unwrap();
    for question in QUESTIONS {
        assert_eq!(once.ask(question).await, twice.ask(question).await, "{question}");
    }
    assert_eq!(once.ask("select count(*) from telemetry").await, "count(*)\n13\n");
    assert_eq!(twice.ask("select count(*) from telemetry").await, "count(*)\n39\n");
}

#[tokio::test]
async fn an_invocation_is_put_together_from_its_records() {
    let lake = Fixture::of(&everything());
    let mut answer = lake.question().sql("select * from invocations order by faas_invocation_id", &[]).await.unwrap();
    let rows: serde_json::Value = serde_json::from_str(&text(&mut answer, Format::Json).await).unwrap();
    let expected = serde_json::json!([
        {
            "timestamp": "2026-11-21T08:00:00.000000000Z",
            "time_unix_nano": "1795248000000000000",
            "cloud_account_id": "111122223333",
            "cloud_region": "us-east-2",
            "service_name": "cart",
            "release": "1.4.2",
            "service_version": "1.4.2",
            "faas_name": "cart",
            "faas_version": "7",
            "faas_invocation_id": "req-a",
            "trace_id": "t1",
            "correlation_id": "c1",
            "duration_nano": 1_900_000_000,
            "billed_duration_ms": 214,
            "memory_size_mb": 512,
            "max_memory_used_mb": 143,
            "init_duration_ms": 311.9,
            "faas_coldstart": true,
            "status_code": "OK",
            "status_message": null,
            "exception_type": null,
            "exception_message": null,
            "error_count": 0,
            "log_count": 3,
            "attempts": 1,
            "aws_log_group": "/aws/lambda/cart",
            "aws_log_stream": "2026/11/21/[7]aa",
        },
        {
            "timestamp": "2026-11-21T08:01:00.000000000Z",
            "time_unix_nano": "1795248060000000000",
            "cloud_account_id": "111122223333",
            "cloud_region": "us-east-2",
            "service_name": null,
            "release": "7",
            "service_version": null,
            "faas_name": "cart",
            "faas_version": "7",
            "faas_invocation_id": "req-b",
            "trace_id": null,
            "correlation_id": null,
            "duration_nano": 3_000_000_000_u64,
            "billed_duration_ms": 214,
            "memory_size_mb": 512,
            "max_memory_used_mb": 143,
            "init_duration_ms": 311.9,
            "faas_coldstart": false,
            "status_code": "ERROR",
            "status_message": "timeout",
            "exception_type": "OutOfStock",
            "exception_message": "none left",
            "error_count": 2,
            "log_count": 4,
            "attempts": 1,
            "aws_log_group": "/aws/lambda/cart",
            "aws_log_stream": "2026/11/21/[7]aa",
        },
    ]);
    assert_eq!(rows["rows"], expected);
    assert_eq!((&rows["complete"], &rows["missing_regions"]), (&true.into(), &serde_json::json!([])));
}

#[tokio::test]
async fn whole_milliseconds_are_numbers_too_and_a_lone_report_leads_back_to_the_start() {
    let mut lone = report("r", "req", HOUR_8 + 10 * SECOND, 4 * SECOND, "OK");
    lone.attributes = Some(r#"{"record":{"metrics":{"initDurationMs":300,"billedDurationMs":4000}}}"#.into());
    let lake = Fixture::of(&[lone]);
    assert_eq!(
        lake.ask("select timestamp, init_duration_ms, billed_duration_ms, memory_size_mb, attempts from invocations")
            .await,
        "timestamp,init_duration_ms,billed_duration_ms,memory_size_mb,attempts\n\
         2026-11-21T08:00:06.000000000Z,300.0,4000,,0\n"
    );
}

#[tokio::test]
async fn a_retry_is_an_attempt_of_the_same_invocation() {
    let lake = Fixture::of(&[
        start("1", "req", HOUR_8),
        report("2", "req", HOUR_8 + SECOND, SECOND, "ERROR"),
        start("3", "req", HOUR_8 + MINUTE),
        report("4", "req", HOUR_8 + MINUTE + 2 * SECOND, 2 * SECOND, "OK"),
    ]);
    assert_eq!(
        lake.ask("select attempts, duration_nano, status_code from invocations").await,
        "attempts,duration_nano,status_code\n2,2000000000,ERROR\n"
    );
}

#[tokio::test]
async fn an_invocation_belongs_to_the_range_that_it_began_in() {
    let lake = Fixture::of(&[
        start("1", "begins-before", HOUR_8 - MINUTE),
        report("2", "begins-before", HOUR_8 + MINUTE, 2 * MINUTE, "OK"),
        start("3", "ends-after", HOUR_8 + 59 * MINUTE),
        report("4", "ends-after", HOUR_8 + 61 * MINUTE, 2 * MINUTE, "OK"),
    ]);
    let mut extent = lake.extent();
    extent.since_unix_nano = Some(HOUR_8);
    extent.until_unix_nano = Some(HOUR_8 + HOUR);
    let question = ask_of(lake.lake(), extent).unwrap();
    let expected = "faas_invocation_id,status_code,duration_nano\nends-after,OK,120000000000\n";
    assert_eq!(
        ask(&question, "select faas_invocation_id, status_code, duration_nano from invocations").await,
        expected
    );
    let filtered = "select faas_invocation_id, status_code, duration_nano from invocations \
                    where timestamp between '2026-11-21T08:00:00Z' and '2026-11-21T09:00:00Z'";
    assert_eq!(lake.ask(filtered).await, expected);
    // Rows are another matter: telemetry is cut exactly.
    assert_eq!(ask(&question, "select count(*) from telemetry").await, "count(*)\n2\n");
}

#[tokio::test]
async fn a_span_in_progress_gives_way_to_the_one_that_ended() {
    let lake = Fixture::of(&everything());
    assert_eq!(
        lake.ask("select span_id, duration_nano, status_code, in_progress, event_name from spans order by span_id")
            .await,
        "span_id,duration_nano,status_code,in_progress,event_name\n\
         aa,5000000000,OK,false,\nbb,,,true,span.in_progress\ncc,5000000000,OK,false,\n"
    );
    // Not even a filter that only the copy in progress passes brings it back.
    assert_eq!(lake.ask("select span_id from spans where event_name = 'span.in_progress'").await, "span_id\nbb\n");
    assert_eq!(lake.ask("select span_id from spans where duration_nano is null").await, "span_id\nbb\n");
    assert_eq!(lake.ask("select span_id from spans where span_id = 'aa' and trace_id = 't1'").await, "span_id\naa\n");
}

#[tokio::test]
async fn since_and_until_are_inclusive_and_regions_are_chosen() {
    let lake = Fixture::of(&[
        log("us-east-2", "1", HOUR_8 - 1),
        log("us-east-2", "2", HOUR_8),
        log("us-west-2", "3", HOUR_8 + HOUR),
        log("us-west-2", "4", HOUR_8 + HOUR + 1),
    ]);
    let mut extent = lake.extent();
    extent.since_unix_nano = Some(HOUR_8);
    extent.until_unix_nano = Some(HOUR_8 + HOUR);
    let question = ask_of(lake.lake(), extent.clone()).unwrap();
    for table in ["telemetry", "logs", "landing"] {
        assert_eq!(ask(&question, &format!("select event_id from {table} order by 1")).await, "event_id\n2\n3\n");
    }
    extent.regions = vec!["us-west-2".to_owned()];
    let question = ask_of(lake.lake(), extent).unwrap();
    assert_eq!(ask(&question, "select event_id from telemetry").await, "event_id\n3\n");
    assert_eq!(
        ask(&question, "select landing_region, landing_hour_unix_nano from landing").await,
        "landing_region,landing_hour_unix_nano\nus-west-2,1795251600000000000\n"
    );
}

#[tokio::test]
async fn regions_in_directories_of_their_own_are_one_table() {
    let (east, west) = (Fixture::of(&[log("us-east-2", "1", HOUR_8)]), Fixture::of(&[log("us-west-2", "1", HOUR_8)]));
    let of = |name: &str, fixture: &Fixture| format!("{name}={}", fixture.directory.path().display());
    let lake = Lake::parse(&[of("us-east-2", &east), of("us-west-2", &west)]).unwrap();
    let question = ask_of(lake, east.extent()).unwrap();
    let sql = "select cloud_region, event_id from logs where event_id = '1' order by 1";
    assert_eq!(ask(&question, sql).await, "cloud_region,event_id\nus-east-2,1\nus-west-2,1\n");
    assert_eq!(ask(&question, "select count(*) from telemetry").await, "count(*)\n2\n");
}

#[tokio::test]
async fn a_region_that_only_release_records_miss_is_missing_and_not_asked_for_ever() {
    let (east, west) = (Fixture::of(&[log("us-east-2", "1", HOUR_8)]), Fixture::of(&[log("us-west-2", "1", HOUR_8)]));
    let of = |name: &str, fixture: &Fixture| format!("{name}={}", fixture.directory.path().display());
    let lake = Lake::parse(&[of("us-east-2", &east), of("us-west-2", &west)]).unwrap();
    std::fs::remove_dir_all(west.directory.path()).unwrap();
    let question = ask_of(lake, Extent { regions: vec!["us-east-2".to_owned()], ..east.extent() }).unwrap();
    let sql = "select release, count(*) as n from landing where landing_region = 'us-east-2' group by 1";
    let (batches, completeness) = question.collect(sql, &[]).await.unwrap();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 1);
    assert_eq!(completeness.missing_regions.len(), 1);
}

#[tokio::test]
async fn a_limit_reads_whole_events() {
    let lake = Fixture::of(&everything());
    lake.write(&everything());
    assert_eq!(lake.ask("select event_id from logs limit 100").await.lines().count(), 8);
    assert_eq!(lake.ask("select event_id, body from logs limit 5").await.lines().count(), 6);
}
