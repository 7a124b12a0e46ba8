//! What a question does not read, by the metrics of its plan: never by the clock.

use super::*;
use crate::{Id, IdKind, TraceBounds, TraceStart, Window};

/// Six hours of one region, each with three row groups of ten rows in time order, and ids that no order helps with.
fn six_hours() -> Fixture {
    let fixture = Fixture::new();
    let options = WriterOptions { row_group_rows: 10, ..WriterOptions::default() };
    for hour in 0..6 {
        let records: Vec<_> = (0..30)
            .map(|row| Record {
                trace_id: Some(trace_id(hour, row).into()),
                body: Some(format!("line {row} of hour {hour}").into()),
                ..log("us-east-2", format!("{hour}-{row}"), HOUR_8 + hour * HOUR + row * 2 * MINUTE)
            })
            .collect();
        fixture.write_with(&records, options.clone());
    }
    fixture
}

/// Distinct, and in no order: 9973 is a prime.
fn trace_id(hour: i64, row: i64) -> String {
    format!("{:032x}", (hour * 30 + row + 1) * 7919 % 9973)
}

struct Read {
    answer: String,
    hours: u64,
    groups_pruned: usize,
    bloom_pruned: usize,
    rows: usize,
}

async fn read(question: &Question, sql: &str) -> Read {
    let mut answer = question.sql(sql, &[]).await.unwrap();
    let text = text(&mut answer, Format::Csv).await;
    Read {
        answer: text,
        hours: question.scanned().hours,
        groups_pruned: answer.metric("row_groups_pruned_statistics"),
        bloom_pruned: answer.metric("row_groups_pruned_bloom_filter"),
        rows: scanned_rows(answer.plan()),
    }
}

/// Rows that left the Parquet scans.
fn scanned_rows(plan: &std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>) -> usize {
    match plan.children() {
        children if children.is_empty() => plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0),
        children => children.into_iter().map(scanned_rows).sum(),
    }
}

#[tokio::test]
async fn every_way_to_say_a_time_prunes_hours_and_row_groups() {
    let fixture = six_hours();
    // Nothing arrives late here, so hours after the last one asked for cannot matter.
    let mut extent = fixture.extent();
    extent.lateness_nano = 0;
    extent.now_unix_nano = HOUR_8 + 6 * HOUR;
    let question = || ask_of(fixture.lake(), extent.clone()).unwrap();
    // From 13:30 on: three hours of arrival before that, and half an hour of rows.
    for predicate in [
        "timestamp >= '2026-11-21T13:30:00Z'",
        "timestamp >= timestamp '2026-11-21T13:30:00Z'",
        "timestamp >= to_timestamp('2026-11-21T13:30:00Z')",
        "'2026-11-21T13:30:00Z' <= timestamp",
        "timestamp > now() - interval '31 minutes'",
        "timestamp between '2026-11-21T13:30:00Z' and '2026-11-21T14:00:00Z'",
        "time_unix_nano >= 1795267800000000000",
        "time_unix_nano between 1795267800000000000 and 1795269600000000000",
        "time_unix_nano >= 1795267800000000000 and body like 'line%'",
        "timestamp >= '2026-11-21T13:30:00Z' and (body = 'line 20 of hour 5' or body like 'line%')",
    ] {
        // A view lists once and reads up to three times: to find the events that were delivered more than once, for all
        // others, and for these.
        for (table, scans) in [("telemetry", 1), ("logs", 3)] {
            let read = read(&question(), &format!("select count(*) as n from {table} where {predicate}")).await;
            assert_eq!(read.answer, "n\n15\n", "{table}: {predicate}");
            assert_eq!(read.hours, 4, "{table}: {predicate}");
            // Nine row groups of the three hours before, and one of the last.
            assert!(read.groups_pruned >= 10, "{table}: {predicate}");
            assert!(read.rows <= 20 * scans, "{} rows: {table}: {predicate}", read.rows);
        }
    }
    let read = read(&question(), "select count(*) as n from telemetry where timestamp < '2026-11-21T08:30:00Z'").await;
    assert_eq!((read.answer.as_str(), read.hours, read.groups_pruned), ("n\n15\n", 2, 4));
}

#[tokio::test]
async fn since_and_until_leave_hours_unlisted() {
    let fixture = six_hours();
    let hours = async |since: Option<i64>, until: Option<i64>, lateness: i64| {
        let mut extent = fixture.extent();
        extent.since_unix_nano = since.map(|hours| HOUR_8 + hours * HOUR);
        extent.until_unix_nano = until.map(|hours| HOUR_8 + hours * HOUR);
        extent.lateness_nano = lateness * HOUR;
        let question = ask_of(fixture.lake(), extent).unwrap();
        read(&question, "select count(*) from telemetry").await.hours
    };
    assert_eq!(hours(None, None, 0).await, 6);
    assert_eq!(hours(Some(5), None, 0).await, 4);
    assert_eq!(hours(None, Some(0), 0).await, 2);
    assert_eq!(hours(None, Some(0), 1).await, 3);
    assert_eq!(hours(Some(4), Some(4), 24).await, 5);
    assert_eq!(hours(Some(9), None, 24).await, 0);
}

#[tokio::test]
async fn a_row_that_came_late_is_found_within_its_lateness() {
    let fixture = Fixture::of(&[log("us-east-2", "on time", HOUR_8)]);
    let mut writer = LakeWriter::new(&fixture.lake(), WriterOptions::default()).unwrap();
    let partition = Partition::new("us-east-2", HourUtc::from_unix_nano(HOUR_8 + 9 * HOUR)).unwrap();
    writer.append(&partition, &log("us-east-2", "late", HOUR_8)).unwrap();
    writer.publish().unwrap();
    let sql = "select event_id from telemetry where timestamp <= '2026-11-21T08:00:00Z' order by event_id";
    for (lateness, expected) in [(7, "event_id\non time\n"), (8, "event_id\nlate\non time\n")] {
        let mut extent = fixture.extent();
        extent.lateness_nano = lateness * HOUR;
        assert_eq!(ask(&ask_of(fixture.lake(), extent).unwrap(), sql).await, expected, "{lateness}");
    }
}

#[tokio::test]
async fn a_needle_is_found_by_bloom_filters_through_every_view() {
    let fixture = six_hours();
    let question = fixture.question();
    let needle = trace_id(3, 12);
    for table in ["telemetry", "logs"] {
        let sql = format!("select body from {table} where trace_id = '{needle}'");
        let read = read(&question, &sql).await;
        assert_eq!(read.answer, "body\nline 12 of hour 3\n", "{table}");
        assert!(read.groups_pruned + read.bloom_pruned >= 16, "{table}: {} {}", read.groups_pruned, read.bloom_pruned);
        assert!(read.bloom_pruned > 0 && read.rows == 1, "{table}: {} rows", read.rows);
    }
}

#[tokio::test]
async fn spans_and_invocations_hand_their_keys_to_the_scan() {
    let fixture = Fixture::new();
    let options = WriterOptions { row_group_rows: 10, ..WriterOptions::default() };
    let records: Vec<_> = (0..100)
        .map(|row| Record {
            faas_invocation_id: Some(format!("req-{:05}", row * 7919 % 997).into()),
            ..log("us-east-2", row, HOUR_8 + row * SECOND)
        })
        .collect();
    fixture.write_with(&records, options.clone());
    let spans: Vec<_> = (0..100)
        .map(|row| Record {
            signal: "span".into(),
            trace_id: Some(format!("{:032x}", row * 7919 % 997).into()),
            span_id: Some(format!("{row:016x}").into()),
            ..log("us-west-2", row, HOUR_8 + row * SECOND)
        })
        .collect();
    fixture.write_with(&spans, options);
    let question = fixture.question();
    let trace = format!("{:032x}", 42 * 7919 % 997);
    let of_span = read(&question, &format!("select span_id from spans where trace_id = '{trace}'")).await;
    assert_eq!((of_span.answer.as_str(), of_span.rows), ("span_id\n000000000000002a\n", 1));
    let request = format!("req-{:05}", 42 * 7919 % 997);
    let sql = format!("select log_count from invocations where faas_invocation_id = '{request}'");
    let of_invocation = read(&question, &sql).await;
    assert_eq!((of_invocation.answer.as_str(), of_invocation.rows), ("log_count\n1\n", 1));
    assert!(of_invocation.bloom_pruned + of_invocation.groups_pruned >= 18);
    // An id that only some records of an invocation carry finds the others by the invocation.
    let fixture = Fixture::new();
    let mut records = records;
    records.extend((0..100).map(|row| Record {
        trace_id: (row % 10 == 0).then(|| format!("trace-{row}").into()),
        faas_invocation_id: Some(format!("req-{:05}", row * 7919 % 997).into()),
        ..log("us-east-2", 1000 + row, HOUR_8 + row * SECOND)
    }));
    fixture.write(&records);
    assert_eq!(
        fixture.ask("select trace_id, log_count from invocations where trace_id = 'trace-40'").await,
        "trace_id,log_count\ntrace-40,2\n"
    );
}

#[tokio::test]
async fn the_folder_columns_prune_folders() {
    let fixture = six_hours();
    fixture.write(&[log("us-west-2", "w", HOUR_8)]);
    let by_region =
        read(&fixture.question(), "select count(*) as n from landing where landing_region = 'us-west-2'").await;
    assert_eq!((by_region.answer.as_str(), by_region.hours), ("n\n1\n", 1));
    let sql = format!("select count(*) as n from landing where landing_hour_unix_nano >= {}", HOUR_8 + 5 * HOUR);
    let by_hour = read(&fixture.question(), &sql).await;
    assert_eq!((by_hour.answer.as_str(), by_hour.hours), ("n\n30\n", 1));
}

#[tokio::test]
async fn a_time_that_a_subquery_gives_is_right_if_not_pruned() {
    let fixture = six_hours();
    for table in ["telemetry", "logs"] {
        let sql = format!(
            "select count(*) as n from {table} where timestamp >= (select max(timestamp) - interval '10 minutes' from {table})"
        );
        assert_eq!(fixture.ask(&sql).await, "n\n6\n", "{table}");
    }
}

#[tokio::test]
async fn a_plan_of_a_trace_counts_what_its_first_look_lists() {
    const DAY: i64 = 24 * HOUR;
    let at = |days: i64| log("us-east-2", days, HOUR_8 - days * DAY);
    let lake = Fixture::of(&[at(9), at(5), at(0)]);
    let around =
        |days: i64| Window { since_unix_nano: HOUR_8 - days * DAY - HOUR, until_unix_nano: HOUR_8 - days * DAY + HOUR };
    // When its id was made, and lately; and these the other way round, or with one within the other.
    for (windows, files) in [
        (vec![around(9), around(0)], 2),
        (vec![around(0), around(9)], 2),
        (vec![around(7), around(6)], 1),
        (vec![around(9), Window { since_unix_nano: HOUR_8 - 10 * DAY, ..around(0) }], 3),
        (vec![around(20)], 0),
    ] {
        let start = TraceStart {
            text: "asked".to_owned(),
            ids: vec![Id { kind: IdKind::Trace, value: "0af7651916cd43dd8448eb211c80319c".to_owned() }],
            windows,
            made: None,
            is_time_chosen: true,
        };
        let question = lake.question();
        let (readings, completeness) = question.plan_trace(&start).await.unwrap();
        assert_eq!(readings.iter().map(|reading| reading.files).sum::<u64>(), files, "{start:?}");
        assert!(completeness.is_complete());
        let found = question.trace(&start, &TraceBounds::default(), false).await.unwrap();
        assert_eq!((found.events.len(), question.scanned().files), (0, files), "{start:?}");
    }
}
