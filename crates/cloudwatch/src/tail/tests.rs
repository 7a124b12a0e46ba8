//! Order, memory, cursors, notes and records of tailing, each without a clock or a service.

use std::borrow::Cow;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use tokio::time::Instant;
use transect_normalize::{Normalizer, Options};
use transect_schema::Record;

use super::live::{End, Failures, Next, parse_group, plain_address};
use super::order::{HOLD, Order};
use super::poll::{Cursor, OVERLAP_MS, Once};
use super::read::{Event, Reader, Source, Wanted, fitting, text_bytes};
use super::seen::{Seen, content, digest};
use super::standing::Standing;
use super::*;

const SOURCE: Source<'_> =
    Source { region: "us-east-2", owner: "123456789012", group: "/aws/lambda/payments", stream: STREAM };
const STREAM: &str = "2026/11/21/[7]0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_795_250_573_000_000_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reader(wanted: Wanted) -> Reader {
    Reader::new(Normalizer::new(&Options::default()), wanted)
}

fn read(wanted: Wanted, messages: &[&str]) -> Vec<Record<'static>> {
    let events: Vec<Event<'_>> =
        messages.iter().map(|message| Event::without_id(&SOURCE, Some(NOW / 1_000_000), message)).collect();
    let mut records = Vec::new();
    reader(wanted).read(&SOURCE, &events, NOW, &mut records).unwrap();
    records
}

fn bodies(records: &[Record<'_>]) -> Vec<String> {
    records.iter().map(|record| record.body.as_deref().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_record_waits_for_older_ones_and_goes_after_them() {
    let start = Instant::now();
    let mut order = Order::default();
    order.push(30, 0, "c", start);
    order.push(10, 0, "a", start + seconds(1));
    assert_eq!(order.release(start + seconds(1)), Vec::<&str>::new());
    assert_eq!(order.next_due(), Some(start + HOLD));
    // The older one leaves before its time, because what is newer leaves.
    assert_eq!(order.release(start + HOLD), ["a", "c"]);
    assert_eq!(order.next_due(), Some(start + seconds(1) + HOLD));
    order.push(20, 0, "late", start + HOLD);
    order.push(40, 0, "d", start + HOLD);
    // What is gone does not take the late one with it.
    assert_eq!(order.release(start + seconds(1) + HOLD), Vec::<&str>::new());
    order.push(35, 0, "last", start + HOLD);
    assert_eq!(order.release(start + HOLD + HOLD), ["late", "last", "d"]);
    assert_eq!(order.next_due(), None);
}

#[test]
fn what_happened_at_the_same_time_stays_as_it_came() {
    let start = Instant::now();
    let mut order = Order::default();
    for item in ["3", "1", "2"] {
        order.push(10, 0, item, start);
    }
    order.push(11, 0, "newer", start + seconds(1));
    assert_eq!(order.release(start + HOLD), ["3", "1", "2"]);
    assert_eq!(order.drain(), ["newer"]);
    assert_eq!(order.next_due(), None);
}

#[test]
fn a_clock_that_is_ahead_does_not_end_the_order() {
    let start = Instant::now();
    let mut order = Order::default();
    order.push(900, 0, "ahead", start);
    assert_eq!(order.release(start + HOLD), ["ahead"]);
    order.push(20, 0, "b", start + HOLD);
    order.push(10, 0, "a", start + HOLD + seconds(1));
    assert_eq!(order.release(start + HOLD + seconds(1)), Vec::<&str>::new());
    assert_eq!(order.release(start + HOLD + HOLD), ["a", "b"]);
}

#[test]
fn what_is_too_much_goes_oldest_first_without_waiting() {
    let start = Instant::now();
    let mut order = Order::default();
    for time in (0..20_010).rev() {
        order.push(time, 0, time, start);
    }
    assert_eq!(order.release(start), (0..10).collect::<Vec<i64>>());
    let mut order = Order::default();
    for time in 0..3 {
        order.push(time, 30 << 20, time, start);
    }
    assert_eq!(order.release(start), [0]);
    // Bytes of what left are not counted any more.
    order.push(3, 1 << 20, 3, start);
    assert_eq!(order.release(start), Vec::<i64>::new());
    assert_eq!(order.release(start + HOLD), [1, 2, 3]);
}

#[test]
fn the_newest_events_are_remembered() {
    let mut seen = Seen::of_at_most(2);
    assert!(seen.insert(1) && seen.insert(2) && !seen.insert(1) && seen.insert(3));
    assert!(!seen.contains(1) && seen.contains(2) && seen.contains(3));
    let mut other = Seen::of_at_most(3);
    other.insert(9);
    other.extend(seen);
    assert!(other.contains(9) && other.contains(2) && other.contains(3));
    assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    assert_ne!(content("g", "s", None, "m"), content("g", "s", Some(0), "m"));
}

fn event(id: &str, message: &str) -> FilteredLogEvent {
    FilteredLogEvent::builder().event_id(id).log_stream_name("s").timestamp(7).message(message).build()
}

#[test]
fn an_event_is_shown_once_however_often_it_is_read() {
    let mut shown = Seen::default();
    shown.insert(content("g", "s", Some(7), "by live tail"));
    let once = Once { since_ms: 5, shown, ids: std::sync::Mutex::default() };
    assert!(once.is_first("g", &event("1", "tick")));
    assert!(!once.is_first("g", &event("1", "tick")));
    // Equal lines are two events; and ids count within their group.
    assert!(once.is_first("g", &event("2", "tick")));
    assert!(once.is_first("h", &event("1", "tick")));
    assert!(!once.is_first("g", &event("3", "by live tail")));
    assert!(once.is_first("h", &event("3", "by live tail")));
    // What was there before it began is not shown; what is as old and arrived afterwards is.
    let dated = |id: &str, timestamp, ingestion: Option<i64>| {
        let event = FilteredLogEvent::builder().event_id(id).timestamp(timestamp).message("old");
        event.set_ingestion_time(ingestion).build()
    };
    assert!(!once.is_first("g", &dated("4", 3, Some(4))) && !once.is_first("g", &dated("5", 3, None)));
    assert!(!once.is_first("g", &dated("6", 3, Some(4 + OVERLAP_MS))));
    let late = dated("6", 3, Some(5 + OVERLAP_MS));
    assert!(once.is_first("g", &late) && !once.is_first("g", &late));
}

const MINUTE: i64 = 60_000;

/// A cursor that has more than it can read every time, so that it reads what is new alone.
fn narrow(since_ms: i64) -> Cursor {
    let mut cursor = Cursor::new(since_ms, LATENESS);
    cursor.next(since_ms);
    assert!(cursor.is_wide() && !cursor.page(5_000, None, Some("2".into())) && !cursor.is_wide());
    cursor
}

#[test]
fn readings_reach_back_as_far_as_events_may_be_late_while_little_comes() {
    let mut cursor = Cursor::new(10 * MINUTE, LATENESS);
    for now in [10 * MINUTE, 11 * MINUTE, 12 * MINUTE] {
        assert_eq!(cursor.next(now), (now - 5 * MINUTE, None));
        // Pages without an event lead on; what is asked for stays the same.
        assert!(!cursor.page(0, None, Some("2".into())));
        assert_eq!(cursor.next(now + 1), (now - 5 * MINUTE, Some("2".into())));
        assert!(cursor.page(3, Some(now), None) && cursor.is_wide());
    }
    // Too many events, or pages: from the beginning again, and what is new alone.
    cursor.next(31 * MINUTE);
    assert!(!cursor.page(2_001, Some(29 * MINUTE), Some("2".into())));
    assert_eq!(cursor.next(31 * MINUTE), (12 * MINUTE - OVERLAP_MS, None));
    let mut cursor = Cursor::new(10 * MINUTE, LATENESS);
    cursor.next(11 * MINUTE);
    for page in 2..11 {
        assert!(cursor.is_wide() && !cursor.page(0, None, Some(page.to_string())));
    }
    cursor.page(0, None, Some("11".into()));
    assert!(!cursor.is_wide() && cursor.is_at_start());
    // Until it is little again.
    cursor.widen();
    assert_eq!(cursor.next(12 * MINUTE).0, 7 * MINUTE);
    // Who wants nothing late gets what is new.
    assert_eq!(Cursor::new(10 * MINUTE, Duration::ZERO).next(11 * MINUTE).0, 10 * MINUTE);
}

#[test]
fn readings_overlap_and_go_on_with_time() {
    let mut cursor = narrow(0);
    // Three pages; what came while they were read belongs to the next reading.
    assert_eq!(cursor.next(10 * MINUTE), (0, None));
    assert!(!cursor.page(9_000, Some(9 * MINUTE), Some("2".into())));
    assert!(!cursor.is_at_start());
    assert_eq!(cursor.next(11 * MINUTE), (0, Some("2".into())));
    assert!(!cursor.page(0, None, Some("3".into())));
    cursor.next(12 * MINUTE);
    assert!(cursor.page(1, Some(11 * MINUTE), None));
    assert_eq!(cursor.next(12 * MINUTE).0, 10 * MINUTE - OVERLAP_MS);
    // Nothing new: the range does not grow, and does not shrink to nothing.
    assert!(cursor.page(0, None, None));
    assert_eq!(cursor.next(20 * MINUTE).0, 11 * MINUTE - OVERLAP_MS);
    assert!(cursor.page(0, None, None));
    assert_eq!(cursor.next(21 * MINUTE).0, 15 * MINUTE);
    // A clock that is put back: it is read again, rather than not at all.
    assert!(cursor.page(0, None, None));
    assert_eq!(cursor.next(5 * MINUTE).0, 16 * MINUTE);
    assert!(cursor.page(0, None, None));
    assert_eq!(cursor.next(5 * MINUTE).0, 5 * MINUTE - OVERLAP_MS);
}

#[test]
fn an_event_of_the_future_hides_nothing() {
    let mut cursor = narrow(0);
    cursor.next(100_000);
    assert!(cursor.page(1, Some(7_200_000), None));
    assert_eq!(cursor.next(101_000).0, 100_000 - OVERLAP_MS);
}

#[test]
fn a_reading_begins_again_where_it_failed_and_ends_where_pages_lead_in_a_circle() {
    let mut cursor = narrow(5);
    cursor.next(100_000);
    cursor.page(1, Some(90_000), Some("2".into()));
    cursor.restart();
    assert_eq!(cursor.next(101_000), (5, None));
    cursor.page(0, None, Some("2".into()));
    assert!(cursor.page(0, None, Some("2".into())));
    // In a circle of several, too.
    for (token, is_last) in [("2", false), ("3", false), ("2", true)] {
        cursor.next(102_000);
        assert_eq!(cursor.page(0, None, Some(token.into())), is_last);
    }
}

#[test]
fn sessions_are_begun_again_later_and_later() {
    let broken = End::Broken("SessionStreamingException".into());
    let mut failures = Failures::default();
    let waits: Vec<Next> = (0..6).map(|_| failures.next(&broken, Some(seconds(1)))).collect();
    let begin = |wait| Next::Begin(seconds(wait));
    assert_eq!(waits, [begin(1), begin(2), begin(4), begin(8), begin(16), Next::Poll]);

    let mut failures = Failures::default();
    assert_eq!(failures.next(&End::TimedOut, Some(seconds(3 * 3600))), begin(0));
    // One that is over at once is not sound, whatever it says.
    assert_eq!(failures.next(&End::TimedOut, Some(seconds(0))), begin(1));
    assert_eq!(failures.next(&broken, None), begin(2));
    assert_eq!(failures.next(&broken, Some(seconds(61))), begin(1));
    assert_eq!(failures.next(&End::Refused("AccessDeniedException".into()), None), Next::Poll);
    assert_eq!(backoff(u32::MAX), seconds(60));
}

#[test]
fn a_group_is_known_however_it_is_told() {
    let account = Some("123456789012");
    for (told, expected) in [
        ("/aws/lambda/a", (None, "/aws/lambda/a")),
        ("123456789012:/aws/lambda/a", (account, "/aws/lambda/a")),
        ("arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/a", (account, "/aws/lambda/a")),
        ("arn:aws:logs:us-east-2:123456789012:log-group:a:*", (account, "a")),
        ("", (None, "")),
    ] {
        assert_eq!(parse_group(told), expected, "{told}");
    }
}

#[test]
fn an_address_has_no_prefix_and_a_name_keeps_it() {
    for (uri, expected) in [
        ("http://stream-127.0.0.1:4566/", Some("http://127.0.0.1:4566/")),
        ("https://streaming-10.0.0.7/", Some("https://10.0.0.7/")),
        ("http://stream-localhost:4566/", Some("http://localhost:4566/")),
        ("https://stream-logs.us-east-2.amazonaws.com/", None),
        ("https://stream-localhost.localstack.cloud:4566/", None),
        ("http://127.0.0.1:4566/", None),
        ("stream-127.0.0.1", None),
    ] {
        assert_eq!(plain_address(uri).as_deref(), expected, "{uri}");
    }
}

#[test]
fn a_line_is_the_record_that_the_lake_holds() {
    let message = "{\"level\":\"error\",\"message\":\"pay\\u0001ment \\\"failed\\\"\",\"service\":\"payments\",\"password\":\"hunter22\"}";
    let record = read(Wanted::default(), &[message]).pop().unwrap();
    // The same event as a subscription delivers it.
    let line = serde_json::to_string(message).unwrap();
    let delivered = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/payments","logStream":"{STREAM}",
           "subscriptionFilters":["transect"],"logEvents":[{{"id":"37","timestamp":1795250573000,"message":{line}}}]}}"#
    );
    let payload = transect_normalize::decode(delivered.as_bytes()).unwrap();
    let origin = transect_normalize::Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
    let mut lake = Vec::new();
    for document in payload.documents() {
        Normalizer::new(&Options::default())
            .normalize(document, &origin, &mut |record| lake.push(record.clone().into_owned()));
    }
    let mut expected = lake.pop().unwrap();
    assert!(expected.attributes.as_deref().unwrap().contains("[redacted:"), "{expected:?}");
    assert_eq!(
        (expected.body.as_deref(), expected.faas_version.as_deref()),
        (Some("pay\u{1}ment \"failed\""), Some("7"))
    );
    assert!(record.event_id.starts_with("live-"), "{}", record.event_id);
    expected.event_id = record.event_id.clone();
    assert_eq!(record, expected);
}

#[test]
fn an_id_is_made_of_what_an_event_says() {
    let id = |source: &Source<'_>, time, message| Event::without_id(source, time, message).id.into_owned();
    let one = id(&SOURCE, Some(1), "a");
    assert_eq!(one.len(), "live-".len() + 32);
    assert_eq!(one, id(&SOURCE, Some(1), "a"));
    let stream = Source { stream: "other", ..SOURCE };
    for other in
        [id(&SOURCE, Some(2), "a"), id(&SOURCE, Some(1), "b"), id(&SOURCE, None, "a"), id(&stream, Some(1), "a")]
    {
        assert_ne!(one, other);
    }
}

#[test]
fn an_event_without_a_time_is_of_now() {
    let mut records = Vec::new();
    let event = Event { id: Cow::Borrowed("1"), timestamp: None, message: "a" };
    reader(Wanted::default()).read(&SOURCE, &[event], NOW, &mut records).unwrap();
    assert_eq!((records[0].time_unix_nano, &*records[0].event_id), (NOW, "1"));
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let lines = [
        r#"{"level":"info","message":"one","service":"payments"}"#,
        r#"{"level":"error","message":"two","service":"payments"}"#,
        "three, which has no level",
        r#"{"level":"fatal","message":"four","service":"cart"}"#,
        // A report of a failed invocation has no level of its own, and counts as an error.
        r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.report","record":{"requestId":"r","status":"failure","metrics":{"durationMs":3.5}}}"#,
    ];
    let all = Wanted::default();
    assert_eq!(bodies(&read(all.clone(), &lines)), ["one", "two", "three, which has no level", "four", ""]);
    let errors = Wanted { severity_min: Some(17), ..all.clone() };
    assert_eq!(bodies(&read(errors, &lines)), ["two", "four", ""]);
    let fatal = Wanted { severity_min: Some(21), ..all.clone() };
    assert_eq!(bodies(&read(fatal, &lines)), ["four"]);
    // Where no service is stated it is the function.
    let services = Wanted { services: vec!["payments".into()], ..all };
    assert_eq!(bodies(&read(services, &lines)), ["one", "two", "three, which has no level", ""]);
}

#[test]
fn metrics_and_spans_are_not_logs() {
    let metric = r#"{"_aws":{"Timestamp":1795250573000,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[[]],"Metrics":[{"Name":"m"}]}]},"m":1}"#;
    let signals: Vec<String> =
        read(Wanted::default(), &[metric]).iter().map(|record| record.signal.to_string()).collect();
    assert_eq!(signals, ["log"]);
}

#[test]
fn many_large_events_are_read_in_parts_and_in_order() {
    let message = "x".repeat(1 << 20);
    let large = "x".repeat((4 << 20) + 1);
    let event = |message| Event { id: Cow::Borrowed("1"), timestamp: None, message };
    assert_eq!(fitting(&[0; 5].map(|_| event(&message))), 4);
    // One that is larger than a document may be stands alone.
    assert_eq!(fitting(&[event(&large), event("x")]), 1);
    assert_eq!(fitting(&[event("x"), event(&large)]), 1);
    let events: Vec<Event<'_>> = (0..5)
        .map(|time| Event { id: Cow::Owned(time.to_string()), timestamp: Some(time), message: &message })
        .collect();
    let mut records = Vec::new();
    reader(Wanted::default()).read(&SOURCE, &events, NOW, &mut records).unwrap();
    // Each is cut because no Firehose record could hold it.
    let mut ids: Vec<&str> = records.iter().map(|record| record.event_id.split('/').next().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids, (0..5).map(|time| time.to_string()).collect::<Vec<_>>());
    assert!(text_bytes(&records[0]) > 1 << 17);
}

#[test]
fn what_cannot_be_read_is_said_without_its_text() {
    let group = "g".repeat(5000);
    let source = Source { group: &group, ..SOURCE };
    let event = Event { id: Cow::Borrowed("1"), timestamp: Some(1), message: "secret" };
    let reason = reader(Wanted::default()).read(&source, &[event], NOW, &mut Vec::new()).unwrap_err();
    assert!(reason.contains("1 events") && reason.contains("logGroup") && !reason.contains("secret"), "{reason}");
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn standing(groups: &[&str]) -> Standing {
    let standing = Standing::default();
    standing.list(names(groups).into_iter());
    standing
}

#[test]
fn what_fails_is_said_once_and_so_is_that_it_answers_again() {
    let standing = standing(&["a", "b"]);
    assert_eq!(standing.follow(&names(&["a", "b"])), None);
    assert_eq!(
        standing.failing(&names(&["a"]), "no answer in time").as_deref(),
        Some("no answer in time; it is tried again")
    );
    assert_eq!(standing.failing(&names(&["b"]), "no answer in time"), None);
    assert_eq!(standing.missing().as_deref(), Some("no answer in time"));
    assert_eq!(standing.follow(&names(&["a"])), None);
    assert_eq!(standing.missing().as_deref(), Some("1 of 2 log groups: no answer in time"));
    assert_eq!(standing.follow(&names(&["b"])).as_deref(), Some("answers again"));
    assert_eq!(standing.follow(&names(&["b"])), None);
    assert_eq!((standing.missing(), standing.followed()), (None, 2));
    // Between two sessions nothing is said, and it is missing all the same should it end there.
    standing.interrupted(&names(&["a"]), "it broke off");
    assert_eq!(standing.missing().as_deref(), Some("1 of 2 log groups: it broke off"));
    assert_eq!(standing.follow(&names(&["a"])), None);
}

#[test]
fn a_region_is_missing_until_it_answered_and_when_it_was_refused() {
    let awaited = Standing::default();
    assert_eq!(awaited.missing().as_deref(), Some("had not answered when it ended"));
    awaited.fail("logs:DescribeLogGroups: cannot connect".into());
    assert_eq!(awaited.missing().as_deref(), Some("logs:DescribeLogGroups: cannot connect"));

    let empty = standing(&[]);
    assert_eq!((empty.missing(), empty.followed()), (None, 0));

    let standing = standing(&["a", "b", "c"]);
    assert_eq!(standing.missing().as_deref(), Some("had not answered when it ended"));
    standing.lose("c", "not allowed");
    assert_eq!(standing.missing().as_deref(), Some("not allowed"));
    standing.follow(&names(&["a"]));
    assert_eq!(standing.missing().as_deref(), Some("2 of 3 log groups: not allowed"));
    // One that was deleted is not missing.
    standing.forget("b");
    standing.forget("c");
    assert_eq!((standing.missing(), standing.followed()), (None, 1));
}

#[test]
fn a_region_of_which_nothing_ever_came_is_given_up() {
    let region = standing(&["a", "b", "c", "d", "e", "f"]);
    for group in ["a", "b", "c"] {
        region.failing(&names(&[group]), "no answer in time");
        assert!(!region.is_hopeless());
    }
    region.lose("d", "not allowed");
    assert!(region.is_hopeless() && region.is_given_up());
    region.follow(&names(&["e"]));
    assert!(!region.is_hopeless() && !region.is_given_up());

    let refused = standing(&["a"]);
    assert!(!refused.is_hopeless());
    refused.lose("a", "not allowed");
    assert!(refused.is_hopeless() && !refused.is_given_up());
}

#[test]
fn sampling_is_said_once_a_minute() {
    let (standing, start) = (Standing::default(), Instant::now());
    let said: Vec<bool> =
        [0, 1, 59, 60, 61, 121].into_iter().map(|at| standing.is_sampling_news(start + seconds(at))).collect();
    assert_eq!(said, [true, false, false, true, false, true]);
    assert!(standing.is_new("a") && !standing.is_new("a") && standing.is_new("b"));
}

fn group(name: &str) -> Group {
    Group { name: name.to_owned(), takes_filters: true, ..Group::default() }
}

fn request(groups: &[&str]) -> Request {
    Request {
        names: Names::new("acme").unwrap(),
        groups: names(groups),
        pattern: None,
        services: Vec::new(),
        severity_min: None,
        poll: false,
        lateness: LATENESS,
        duration: None,
        normalize: Options::default(),
    }
}

#[test]
fn groups_are_chosen_by_pattern_and_never_the_pipelines_own() {
    let all = ["/aws/lambda/acme-forwarder", "/aws/kinesisfirehose/acme", "/aws/lambda/cart", "aws/spans"];
    let chosen = |patterns: &[&str]| -> Vec<String> {
        let chosen = choose(all.into_iter().map(group).collect(), &request(patterns));
        chosen.into_iter().map(|group| group.name).collect()
    };
    assert_eq!(chosen(&[]), ["/aws/lambda/cart", "aws/spans"]);
    assert_eq!(chosen(&["/aws/lambda/*"]), ["/aws/lambda/cart"]);
    assert_eq!(chosen(&["*car?", "aws/spans", "nothing"]), ["/aws/lambda/cart", "aws/spans"]);
    assert_eq!(chosen(&["/aws/lambda/acme-forwarder"]), Vec::<String>::new());
    let all = ["/aws/lambda/blue-forwarder", "/aws/kinesisfirehose/blue", "/aws/lambda/mail-forwarder"];
    let chosen = choose(all.into_iter().map(group).collect(), &request(&[]));
    assert_eq!(chosen.into_iter().map(|group| group.name).collect::<Vec<_>>(), ["/aws/lambda/mail-forwarder"]);
}

#[test]
fn sessions_hold_ten_groups_and_a_region_five_sessions() {
    let account = Account { id: "123456789012".into(), partition: "aws-us-gov".into() };
    let plan = |count: usize, poll, account: Result<&Account, &str>| {
        Plan::of((0..count).map(|index| group(&format!("g{index}"))).collect(), poll, account)
    };
    let sizes = |plan: &Plan| (plan.sessions.iter().map(Vec::len).collect::<Vec<_>>(), plan.polled.len());
    let few = plan(11, false, Ok(&account));
    assert_eq!((sizes(&few), &few.why), ((vec![10, 1], 0), &None));
    assert_eq!(
        few.arns(&account, "us-gov-west-1")[1],
        ["arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:g10"]
    );
    assert_eq!(sizes(&plan(50, false, Ok(&account))), (vec![10; 5], 0));
    let many = plan(51, false, Ok(&account));
    assert_eq!(sizes(&many), (vec![], 51));
    assert!(many.why.unwrap().starts_with("51 log groups are more than"));
    let nobody = plan(2, false, Err("sts:GetCallerIdentity: cannot connect"));
    assert_eq!((sizes(&nobody), nobody.why.as_deref()), ((vec![], 2), Some("sts:GetCallerIdentity: cannot connect")));
    let wished = plan(51, true, Ok(&account));
    assert_eq!((sizes(&wished), wished.why), ((vec![], 51), None));
    assert_eq!(plan(0, false, Err("cannot connect")), Plan::default());

    let rare = Group { takes_filters: false, ..group("rare") };
    let mixed = Plan::of(vec![group("a"), rare], false, Ok(&account));
    assert_eq!((sizes(&mixed), mixed.left_out, mixed.why), ((vec![1], 0), 1, None));
}

/// What a merge hands out, of which so many are wanted.
fn merged(wanted: usize, arrivals: Vec<Arrival>) -> (Vec<String>, u64, bool) {
    let mut seen = Vec::new();
    let mut each = |tailed: Tailed| {
        seen.push(match tailed {
            Tailed::Record(record) => record.body.clone().unwrap_or_default().into_owned(),
            Tailed::Note { region, text } => format!("{region} {text}"),
        });
        seen.len() < wanted
    };
    let mut merge = Merge { order: Order::default(), each: &mut each, records: 0, sampled: false };
    if arrivals.into_iter().all(|arrival| merge.take(arrival)) {
        merge.finish();
    }
    let (records, sampled) = (merge.records, merge.sampled);
    (seen, records, sampled)
}

fn record(time_unix_nano: i64, body: &'static str) -> Record<'static> {
    Record { time_unix_nano, body: Some(Cow::Borrowed(body)), ..Record::default() }
}

#[test]
fn regions_are_merged_and_notes_come_at_once() {
    let arrivals = || {
        vec![
            Arrival::Records(vec![record(2, "b"), record(4, "d")]),
            Arrival::Note { region: "us-east-2".into(), text: "is slow".into() },
            Arrival::Sampled,
            Arrival::Records(vec![record(1, "a"), record(3, "c")]),
        ]
    };
    let expected = ["us-east-2 is slow", "a", "b", "c", "d"].map(str::to_owned).to_vec();
    assert_eq!(merged(usize::MAX, arrivals()), (expected.clone(), 4, true));
    // Whoever does not want more gets no more.
    assert_eq!(merged(3, arrivals()), (expected[..3].to_vec(), 2, true));
    assert_eq!(merged(1, arrivals()), (expected[..1].to_vec(), 0, false));
}

#[test]
fn the_future_may_go_to_any_thread() {
    fn check<F: Send>(_: F) {}
    check(tail(&[], &request(&[]), &|| 0, |_| true));
}
