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
    let answer = ask_with(&fixture.question(), query.sql, &query.bind(&params).unwrap()).await;
    assert_eq!(answer, expected, "{name}\n{answer}");
}

#[tokio::test]
async fn every_saved_query_runs_over_an_empty_lake_too() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.directory.path().join("landing")).unwrap();
    for query in saved_queries() {
        let answer = ask_with(&fixture.question(), query.sql, &query.bind(&[]).unwrap()).await;
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

/// Three hours of `payments` in two regions: its second release uses more memory, is slower, times out, runs out of memory, and
/// calls a bank that refuses; in the last hour the traffic moves to one region. And a group of another format.
fn on_call() -> Fixture {
    let mut records = Vec::new();
    for number in 0..24_i64 {
        let time = HOUR_8 + number * 7 * MINUTE;
        let region = if number % 2 == 0 || number >= 18 { "us-east-2" } else { "us-west-2" };
        let is_new = number % 4 >= 2;
        let request = format!("r-{number}");
        let trace = format!("{number:032x}");
        let base = |id: &str, after: i64| Record {
            faas_invocation_id: Some(request.clone().into()),
            faas_name: Some("pay".into()),
            faas_version: Some(if is_new { "8" } else { "7" }.into()),
            aws_log_group: Some("/aws/lambda/pay".into()),
            ..log(region, format!("{request}-{id}"), time + after)
        };
        records.push(Record { event_name: Some("platform.start".into()), ..base("start", 0) });
        // An asynchronous one, tried again.
        if number == 5 {
            records.push(Record { event_name: Some("platform.end".into()), ..base("end", SECOND / 2) });
            records.push(Record { event_name: Some("platform.start".into()), ..base("again", SECOND) });
        }
        let (status, message, exception) = match number {
            6 => ("ERROR", Some("timeout"), None),
            10 => ("ERROR", Some("error"), Some("Runtime.OutOfMemory")),
            14 => ("ERROR", Some("error"), Some("Runtime.ExitError")),
            18 => ("ERROR", Some("error"), Some("Runtime.ExitError")),
            _ => ("OK", None, None),
        };
        let is_refused = number == 7;
        records.push(Record {
            service_name: Some("payments".into()),
            service_version: Some(if is_new { "2" } else { "1" }.into()),
            trace_id: Some(trace.clone().into()),
            severity_number: Some(if is_refused { 17 } else { 9 }),
            http_request_method: Some("POST".into()),
            http_route: Some("/pay".into()),
            http_response_status_code: Some(if is_refused { 429 } else { 200 }),
            exception_type: is_refused.then(|| "ThrottlingException".into()),
            time_unix_nano: time + 2 * SECOND + 1,
            ..base("line", 2 * SECOND)
        });
        let used = if number == 18 { 128 } else { 64 + if is_new { 2 * number } else { 0 } };
        records.push(Record {
            event_name: Some("platform.report".into()),
            duration_nano: Some((100 + number * if is_new { 20 } else { 1 }) * 1_000_000),
            status_code: Some(status.into()),
            status_message: message.map(Into::into),
            exception_type: exception.map(Into::into),
            attributes: Some(
                format!(r#"{{"record":{{"metrics":{{"billedDurationMs":1000,"memorySizeMB":128,"maxMemoryUsedMB":{used}}}}}}}"#)
                    .into(),
            ),
            ..base("report", 3 * SECOND)
        });
        let span = |id: &str, parent: Option<String>, kind: &'static str| Record {
            signal: "span".into(),
            trace_id: Some(trace.clone().into()),
            span_id: Some(format!("{id}{number:015x}").into()),
            parent_span_id: parent.map(Into::into),
            span_kind: Some(kind.into()),
            aws_log_group: Some("aws/spans".into()),
            faas_name: None,
            faas_version: None,
            ..log(region, format!("{request}-{id}"), time + SECOND)
        };
        records.push(Record {
            span_name: Some("pay".into()),
            http_route: Some("/pay".into()),
            http_response_status_code: Some(if status == "ERROR" { 502 } else { 200 }),
            faas_invocation_id: Some(request.clone().into()),
            duration_nano: Some((90 + number * if is_new { 20 } else { 1 }) * 1_000_000),
            ..span("a", None, "SERVER")
        });
        records.push(Record {
            span_name: Some("POST".into()),
            status_code: Some(if is_new && number > 12 { "ERROR" } else { "UNSET" }.into()),
            duration_nano: Some(50_000_000),
            attributes: Some(r#"{"attributes":{"server.address":"bank.example"}}"#.into()),
            ..span("b", Some(format!("a{number:015x}")), "CLIENT")
        });
    }
    records.push(Record {
        event_name: Some("platform.initReport".into()),
        status_code: Some("ERROR".into()),
        faas_name: Some("pay".into()),
        faas_version: Some("8".into()),
        ..log("us-east-2", "init", HOUR_8 + 3 * MINUTE)
    });
    for number in 0..4_i64 {
        records.push(Record {
            aws_log_group: Some("/ecs/legacy".into()),
            faas_name: None,
            faas_version: None,
            severity_number: (number == 0).then_some(9),
            body: Some(format!("{number} {}", "x".repeat(300)).into()),
            ..log("us-east-2", format!("legacy-{number}"), HOUR_8 + number * MINUTE)
        });
    }
    Fixture::of(&records)
}

/// A rate of a tenth kept one of ten requests that went well, and each that failed.
#[tokio::test]
async fn what_a_sample_rate_kept_is_counted_as_what_it_stands_for() {
    let request = |id: &str, status: i32, rate: &str| Record {
        service_name: Some("cart".into()),
        http_route: Some("/pay".into()),
        http_response_status_code: Some(status),
        trace_id: Some(format!("t-{id}").into()),
        attributes: Some(format!(r#"{{"a":1{rate}}}"#).into()),
        status_code: (status >= 500).then(|| "ERROR".into()),
        ..log("us-east-2", id.to_owned(), HOUR_8)
    };
    let sampled = r#","transect.sample_rate":0.1"#;
    let mut records: Vec<_> = (0..9).map(|number| request(&format!("good-{number}"), 200, sampled)).collect();
    records.extend((0..10).map(|number| request(&format!("bad-{number}"), 500, "")));
    // A request that failed at its second record was always seen, whether or not its first was kept.
    records.push(Record { event_id: "bad-0-first".into(), ..request("bad-0", 200, sampled) });
    // What is said within, or to be more than everything, is nobody's rate.
    records.push(request("nested", 200, r#","b":{"transect.sample_rate":0.001}"#));
    records.push(request("above", 200, r#","transect.sample_rate":7"#));
    let fixture = Fixture::of(&records);
    for (name, columns, expected) in [
        ("failures-by-route", "requests,failed,failed_percent", "102,10,9.8"),
        ("log-volume-by-group", "events", "112"),
        ("not-understood", "records", "112"),
    ] {
        let query = crate::saved_query(name).unwrap();
        let params = query.bind(&[]).unwrap();
        let (batches, completeness) = fixture.question().collect(query.sql, &params).await.unwrap();
        assert_eq!(completeness.sample_rate_min, Some(0.1), "{name}");
        assert_eq!(completeness.json_members(), "\"complete\":true,\"missing_regions\":[],\"sample_rate_min\":0.1");
        let row: Vec<String> = columns
            .split(',')
            .map(|column| arrow::util::display::array_value_to_string(&batches[0][column], 0).unwrap())
            .collect();
        assert_eq!(row.join(","), expected, "{name}");
    }
    let (_, completeness) = fixture.question().collect("SELECT count(*) FROM logs", &[]).await.unwrap();
    assert_eq!(completeness.sample_rate_min, None, "a question that asks for no weight");
}

#[tokio::test]
async fn who_is_on_call_is_answered() {
    let fixture = on_call();
    let question = fixture.question();
    for (name, params, expected) in [
        (
            "failures-by-route",
            &[][..],
            "service,http_route,methods,release,requests,failed,failed_percent,refused,last_failed,example\n\
             payments,/pay,POST,2,12,5,41.67,1,2026-11-21T10:06:02.000000001Z,00000000000000000000000000000012\n\
             payments,/pay,POST,1,12,0,0.0,0,,\n",
        ),
        (
            "latency-by-route",
            &[],
            "service,route,release,cloud_region,requests,p50_ms,p90_ms,p99_ms,max_ms\n\
             payments,/pay,2,us-east-2,8,410.0,536.0,548.6,550.0\n\
             payments,/pay,2,us-west-2,4,270.0,366.0,387.6,390.0\n\
             payments,/pay,1,us-east-2,7,102.0,110.4,110.9,111.0\n\
             payments,/pay,1,us-west-2,5,99.0,105.4,106.8,107.0\n",
        ),
        (
            "function-failures",
            &[],
            "function,release,cloud_region,invocations,timeouts,out_of_memory,crashes,failed_inits,last_seen\n\
             pay,2,us-east-2,8,1,2,1,0,2026-11-21T10:06:00.000000000Z\n\
             pay,8,us-east-2,0,0,0,0,1,2026-11-21T08:03:00.000000000Z\n",
        ),
        (
            "memory-headroom",
            &[],
            "function,release,cloud_region,invocations,size_mb,used_p50_mb,used_max_mb,headroom_percent,mb_per_hour,hours_left\n\
             pay,2,us-east-2,8,128,97.0,128,0.0,19.34,0.0\n\
             pay,2,us-west-2,4,128,82.0,94,26.6,17.14,2.0\n\
             pay,1,us-east-2,7,128,64.0,64,50.0,0.0,\n\
             pay,1,us-west-2,5,128,64.0,64,50.0,0.0,\n",
        ),
        (
            "retries-and-throttles",
            &[],
            "service,release,cloud_region,invocations,retried,retries,attempts_max,throttled,last_seen\n\
             payments,2,us-west-2,4,0,0,1,1,2026-11-21T08:49:02.000000001Z\n\
             payments,1,us-west-2,5,1,1,2,0,2026-11-21T08:35:00.000000000Z\n",
        ),
        (
            "cost-by-function",
            &[("usd_per_gb_second", "0.0001"), ("usd_per_million", "1")],
            "function,release,invocations,billed_seconds,gb_seconds,usd,usd_per_million_invocations,percent\n\
             pay,1,12,12.0,1.5,0.0002,13.5,50.0\n\
             pay,2,12,12.0,1.5,0.0002,13.5,50.0\n",
        ),
        (
            "error-budget",
            &[("objective", "90")],
            "service,invocations,failed,failed_percent,budget,burn,burn_1h,burn_6h,burn_24h\n\
             payments,24,5,20.833,2.4,2.08,1.11,2.08,2.08\n",
        ),
        (
            "failing-calls",
            &[],
            "service,peer,cloud_region,calls,failed,failed_percent,p50_ms,p95_ms,last_failed,example\n\
             pay,bank.example,us-east-2,15,5,33.33,50.0,50.0,2026-11-21T10:41:01.000000000Z,00000000000000000000000000000017\n\
             pay,bank.example,us-west-2,9,1,11.11,50.0,50.0,2026-11-21T09:45:01.000000000Z,0000000000000000000000000000000f\n",
        ),
        (
            "traffic-shifts",
            &[("minutes", "60")],
            "begin,cloud_region,invocations,failed,share_percent,share_before_percent,shift\n\
             2026-11-21T08:00:00.000000000Z,us-east-2,5,1,55.6,,\n\
             2026-11-21T08:00:00.000000000Z,us-west-2,4,1,44.4,,\n\
             2026-11-21T09:00:00.000000000Z,us-east-2,4,2,44.4,55.6,\n\
             2026-11-21T09:00:00.000000000Z,us-west-2,5,0,55.6,44.4,\n\
             2026-11-21T10:00:00.000000000Z,us-east-2,6,1,100.0,44.4,gained\n\
             2026-11-21T10:00:00.000000000Z,us-west-2,0,0,0.0,55.6,lost\n",
        ),
        (
            "not-understood",
            &[],
            "aws_log_group,records,no_level_percent,no_time_percent,no_ids_percent,no_release_percent,example\n\
             /ecs/legacy,4,75.0,100.0,100.0,100.0,3 [x]\n\
             /aws/lambda/pay,24,0.0,0.0,0.0,0.0,\n",
        ),
    ] {
        let query = crate::saved_query(name).unwrap();
        let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let answer = ask_with(&question, query.sql, &query.bind(&params).unwrap()).await;
        // As it is cut: two hundred letters.
        let expected = expected.replace("[x]", &"x".repeat(198));
        assert_eq!(answer, expected, "{name}\n{answer}");
    }
}

#[tokio::test]
async fn a_request_counts_once_whoever_names_it() {
    let invocation = || Some("11111111-2222-3333-4444-555555555555".into());
    let request = |event_id: &str| Record {
        faas_invocation_id: invocation(),
        http_request_method: Some("GET".into()),
        http_route: Some("/r".into()),
        http_response_status_code: Some(200),
        ..log("us-east-2", event_id, HOUR_8)
    };
    let fixture = Fixture::of(&[
        // Its log names the invocation alone, its span the trace as well.
        request("1"),
        Record {
            signal: "span".into(),
            trace_id: Some("6b0c4aa8000000000000000000000702".into()),
            span_id: Some("ffffffffffffffff".into()),
            span_name: Some("GET /r".into()),
            span_kind: Some("SERVER".into()),
            duration_nano: Some(100_000_000),
            ..request("2")
        },
        // Another function that says the same id.
        Record {
            aws_log_group: Some("/aws/lambda/pay".into()),
            aws_log_stream: Some("2026/11/21/[7]bb".into()),
            faas_name: Some("pay".into()),
            http_route: None,
            ..request("3")
        },
    ]);
    let question = fixture.question();
    for (name, expected) in
        [("failures-by-route", "service,requests\ncart,1\n"), ("latency-by-route", "service,requests\ncart,1\n")]
    {
        let query = crate::saved_query(name).unwrap();
        let sql = query.sql.trim_end().trim_end_matches(';');
        let params = query.bind(&[]).unwrap();
        let answer = ask_with(&question, &format!("SELECT service, requests FROM (\n{sql}\n) AS rows"), &params).await;
        assert_eq!(answer, expected, "{name}");
    }
}
