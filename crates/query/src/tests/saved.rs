//! Every saved query over a lake whose answer is known.

use super::*;
use crate::saved_queries;

fn fixture() -> Fixture {
    let mut records = Vec::new();
    // Ten invocations of cart in each region: in us-west-2 release 1.4.2 fails in two of five.
    for (region, version) in [("us-east-2", "7"), ("us-west-2", "3")] {
        for number in 0..10_i64 {
            let time = HOUR_8 + number * 7 * MINUTE;
            let release = if number % 2 == 0 { "1.4.1" } else { "1.4.2" };
            let failed = region == "us-west-2" && release == "1.4.2" && number < 5;
            let request = format!("{region}-{number}");
            let base = |id: &str, after: i64| Record {
                faas_invocation_id: Some(request.clone().into()),
                faas_version: Some(version.into()),
                ..log(region, format!("{request}-{id}"), time + after)
            };
            records.push(Record { event_name: Some("platform.start".into()), ..base("start", 0) });
            records.push(Record {
                service_name: Some("cart".into()),
                service_version: Some(release.into()),
                // Pairs of invocations share a trace, and the first ones of both regions do, too.
                trace_id: Some(if number < 2 {
                    "t-shared".into()
                } else {
                    format!("t-{region}-{}", number / 2).into()
                }),
                severity_number: Some(if failed {
                    17
                } else if number == 9 {
                    5
                } else {
                    9
                }),
                exception_type: failed.then(|| "PaymentDeclined".into()),
                exception_message: failed.then(|| format!("card {number}").into()),
                body: Some("0123456789".into()),
                ..base("line", SECOND)
            });
            records.push(Record {
                event_name: Some("platform.report".into()),
                duration_nano: Some(number * 100_000_000 + 50_000_000),
                faas_coldstart: Some(number == 0),
                status_code: Some(if failed { "ERROR" } else { "OK" }.into()),
                attributes: Some(
                    format!(
                        r#"{{"record":{{"metrics":{{"billedDurationMs":100{}}}}}}}"#,
                        if number == 0 { r#","initDurationMs":250.5"# } else { "" }
                    )
                    .into(),
                ),
                ..base("report", 2 * SECOND)
            });
        }
    }
    let fixture = Fixture::of(&records);
    // One batch came again, and one event came ten minutes late to CloudWatch and two days late to the lake.
    fixture.write(&records[..3]);
    let mut writer = LakeWriter::new(&fixture.lake(), WriterOptions::default()).unwrap();
    let partition = Partition::new("us-east-2", HourUtc::from_unix_nano(HOUR_8 + 48 * HOUR)).unwrap();
    let late = Record { time_unix_nano: HOUR_8 - 10 * MINUTE, ..log("us-east-2", "late", HOUR_8) };
    writer.append(&partition, &late).unwrap();
    writer.publish().unwrap();
    fixture
}

async fn check(name: &str, params: &[(&str, &str)], expected: &str) {
    let fixture = fixture();
    let query = crate::saved_query(name).unwrap();
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let answer = ask_with(&fixture.engine(), query.sql, &query.bind(&params).unwrap()).await;
    assert_eq!(answer, expected, "{name}\n{answer}");
}

#[tokio::test]
async fn every_saved_query_runs_over_an_empty_lake_too() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.directory.path().join("landing")).unwrap();
    for query in saved_queries() {
        let answer = ask_with(&fixture.engine(), query.sql, &query.bind(&[]).unwrap()).await;
        assert_eq!(answer.lines().count(), 1, "{}: {answer}", query.name);
    }
}

#[tokio::test]
async fn cold_starts_are_counted_and_timed() {
    check(
        "cold-starts",
        &[],
        "service,release,cloud_region,invocations,cold_starts,cold_percent,init_p50_ms,init_p95_ms,init_max_ms\n\
         cart,1.4.1,us-east-2,5,1,20.0,250.5,250.5,250.5\n\
         cart,1.4.1,us-west-2,5,1,20.0,250.5,250.5,250.5\n\
         cart,1.4.2,us-east-2,5,0,0.0,,,\n\
         cart,1.4.2,us-west-2,5,0,0.0,,,\n",
    )
    .await;
}

#[tokio::test]
async fn repeated_deliveries_are_counted_once_each() {
    check(
        "duplicate-deliveries",
        &[],
        "cloud_region,aws_log_group,events,deliveries,repeated_events,repeated_percent,copies_max,last_repeated\n\
         us-east-2,/aws/lambda/cart,31,34,3,9.68,2,2026-11-21T08:00:02.000000000Z\n",
    )
    .await;
}

#[tokio::test]
async fn the_worst_release_comes_first() {
    check(
        "error-rate-by-release",
        &[("service", "cart")],
        "service,release,cloud_region,invocations,failed,failed_percent,last_seen\n\
         cart,1.4.2,us-west-2,5,2,40.0,2026-11-21T09:03:00.000000000Z\n\
         cart,1.4.1,us-east-2,5,0,0.0,2026-11-21T08:56:00.000000000Z\n\
         cart,1.4.1,us-west-2,5,0,0.0,2026-11-21T08:56:00.000000000Z\n\
         cart,1.4.2,us-east-2,5,0,0.0,2026-11-21T09:03:00.000000000Z\n",
    )
    .await;
}

#[tokio::test]
async fn a_service_that_is_not_there_has_no_releases() {
    check(
        "error-rate-by-release",
        &[("service", "none")],
        "service,release,cloud_region,invocations,failed,failed_percent,last_seen\n",
    )
    .await;
}

#[tokio::test]
async fn exceptions_come_with_a_trace_to_look_at() {
    check(
        "errors-by-exception",
        &[],
        "service,exception_type,events,invocations,releases,regions,first_seen,last_seen,latest_message,latest_trace_id\n\
         cart,PaymentDeclined,2,2,1.4.2,us-west-2,2026-11-21T08:07:01.000000000Z,2026-11-21T08:21:01.000000000Z,card 3,t-us-west-2-1\n",
    )
    .await;
}

#[tokio::test]
async fn what_came_late_is_told_from_what_was_delivered_late() {
    check(
        "late-deliveries",
        &[],
        "cloud_region,aws_log_group,events,late_at_source,source_delay_max_minutes,late_in_delivery,delivery_delay_max_hours\n\
         us-east-2,/aws/lambda/cart,31,1,10.0,1,48.0\n",
    )
    .await;
}

#[tokio::test]
async fn volume_is_bytes_a_day() {
    check(
        "log-volume-by-group",
        &[],
        "aws_log_group,cloud_region,days,events,bytes,bytes_per_day,percent,debug_percent\n\
         /aws/lambda/cart,us-east-2,1,31,1399,1399,50.25,2.57\n\
         /aws/lambda/cart,us-west-2,1,30,1385,1385,49.75,2.6\n",
    )
    .await;
}

#[tokio::test]
async fn traffic_of_regions_is_side_by_side() {
    check(
        "region-traffic",
        &[],
        "begin,cloud_region,invocations,share_percent,failed,failed_percent,duration_p50_ms,duration_p95_ms\n\
         2026-11-21T08:00:00.000000000Z,us-east-2,9,50.0,0,0.0,450.0,810.0\n\
         2026-11-21T08:00:00.000000000Z,us-west-2,9,50.0,2,22.22,450.0,810.0\n\
         2026-11-21T09:00:00.000000000Z,us-east-2,1,50.0,0,0.0,950.0,950.0\n\
         2026-11-21T09:00:00.000000000Z,us-west-2,1,50.0,0,0.0,950.0,950.0\n",
    )
    .await;
}

#[tokio::test]
async fn the_slowest_come_first() {
    check(
        "slowest-invocations",
        &[("limit", "3")],
        "timestamp,cloud_region,service,release,duration_ms,init_duration_ms,max_memory_used_mb,memory_size_mb,status_code,status_message,faas_invocation_id,trace_id\n\
         2026-11-21T09:03:00.000000000Z,us-east-2,cart,1.4.2,950.0,,,,OK,,us-east-2-9,t-us-east-2-4\n\
         2026-11-21T09:03:00.000000000Z,us-west-2,cart,1.4.2,950.0,,,,OK,,us-west-2-9,t-us-west-2-4\n\
         2026-11-21T08:56:00.000000000Z,us-east-2,cart,1.4.1,850.0,,,,OK,,us-east-2-8,t-us-east-2-4\n",
    )
    .await;
}

#[tokio::test]
async fn a_trace_in_two_regions_is_found() {
    check(
        "traces-across-regions",
        &[],
        "first_seen,trace_id,regions,services,seen_for_ms,records,errors\n\
         2026-11-21T08:00:01.000000000Z,t-shared,\"us-east-2, us-west-2\",cart,420000.0,4,1\n",
    )
    .await;
}

#[tokio::test]
async fn a_trace_that_met_two_releases_is_found() {
    check(
        "traces-across-releases",
        &[("limit", "2")],
        "first_seen,trace_id,service,releases,regions,invocations,failed\n\
         2026-11-21T08:56:00.000000000Z,t-us-east-2-4,cart,\"1.4.1, 1.4.2\",us-east-2,2,0\n\
         2026-11-21T08:56:00.000000000Z,t-us-west-2-4,cart,\"1.4.1, 1.4.2\",us-west-2,2,0\n",
    )
    .await;
}
