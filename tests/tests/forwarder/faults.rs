//! What the forwarder does when Firehose, the network or the payload fail.

use std::time::Duration;

use serde_json::json;

use crate::firehose::{Fault, event_ids};
use crate::world::{STREAM, World, document, lambda_event, lambda_event_of, long_document};

const MINUTE: Duration = Duration::from_secs(60);

/// Events enough for three records of a call.
fn three_records() -> Vec<u8> {
    lambda_event(&long_document(2_600, 1_000))
}

#[test]
fn only_the_records_that_failed_are_sent_again() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    region.firehose.plan(|call| {
        if call.number < 2 { Fault::Some(vec![call.records.len() - 1], "InternalFailure") } else { Fault::None }
    });
    region.forward(three_records());
    let ids = event_ids(&region.firehose.taken());
    assert_eq!(ids.len(), 2_600);
    assert!(ids.values().all(|count| *count == 1), "something was delivered twice");
    assert_eq!(region.firehose.calls(), 3);
    let report = &region.reports()[0];
    assert_eq!((&report["RetriedRecords"], &report["FailedRecords"]), (&json!(2), &json!(0)));
}

#[test]
fn throttles_and_server_errors_pass() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let faults = [
        Fault::Error(400, "ThrottlingException"),
        Fault::Error(500, "ServiceUnavailableException"),
        Fault::Error(500, "InternalFailure"),
        Fault::CutBefore,
        Fault::CutAfter,
    ];
    let count = faults.len();
    region.firehose.plan(move |call| faults.get(call.number).cloned().unwrap_or(Fault::None));
    region.forward(lambda_event(&document("/aws/lambda/shop", [("1".to_owned(), "text".to_owned())])));
    assert_eq!(region.firehose.calls(), count + 1);
    // The connection was cut after the record had been taken: nobody can know, and twice is better than never.
    assert_eq!(event_ids(&region.firehose.taken())["1"], 2);
}

#[test]
fn what_cannot_be_delivered_in_time_fails_before_the_deadline_and_is_kept() {
    let world = World::new(&["us-east-2"], Duration::from_millis(2_600), &[]);
    let region = world.region("us-east-2");
    let payload = lambda_event(&document("/aws/lambda/shop", [("1".to_owned(), "text".to_owned())]));
    for fault in [Fault::Hang, Fault::Error(500, "ServiceUnavailableException"), Fault::CutBefore] {
        region.firehose.plan(move |_| fault.clone());
        let ended = region.invoke(payload.clone());
        assert_eq!(ended.tries.len(), 3, "two retries");
        for attempt in &ended.tries {
            let (kind, message) = attempt.error.as_ref().unwrap();
            assert_eq!(kind, "Transect.Undelivered");
            assert!(!message.contains(STREAM), "{message}");
            // Two seconds before the deadline and up to the least time of a call before that, less what a busy machine takes.
            assert!((1_000..=2_150).contains(&attempt.milliseconds_left), "{ended:?}");
        }
    }
    assert_eq!(region.failed_payloads().len(), 3);
    let report = &region.reports()[0];
    assert_eq!((&report["errorType"], &report["FailedRecords"]), (&json!("Transect.Undelivered"), &json!(1)));
    // And the next one finds a forwarder that works.
    region.firehose.plan(|_| Fault::None);
    region.forward(payload);
}

#[test]
fn without_time_nothing_is_tried_and_nothing_is_lost() {
    let world = World::new(&["us-east-2"], Duration::from_millis(1_500), &[]);
    let region = world.region("us-east-2");
    let ended = region.invoke(lambda_event(&document("/aws/lambda/shop", [("1".to_owned(), "text".to_owned())])));
    assert_eq!(ended.error().0, "Transect.Undelivered");
    assert!(ended.tries.iter().all(|attempt| attempt.milliseconds_left > 0));
    assert_eq!((region.firehose.calls(), region.failed_payloads().len()), (0, 1));
}

#[test]
fn a_stream_that_is_not_there_fails_at_once() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    region.firehose.plan(|_| Fault::Error(400, "ResourceNotFoundException"));
    let ended = region.invoke(lambda_event(&document("/aws/lambda/shop", [("1".to_owned(), "text".to_owned())])));
    assert_eq!(ended.error(), ("Transect.Undelivered", "1 Firehose records, last fault: ResourceNotFoundException"));
    assert!(ended.tries[0].milliseconds_left > 50_000);
    assert_eq!(region.firehose.calls(), 3, "one call a try");
}

#[test]
fn a_record_that_is_refused_for_its_content_does_not_block_the_rest() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    region.firehose.plan(|call| match call.records.iter().any(|record| record.contains("event 1300 ")) {
        true => Fault::Error(400, "InvalidArgumentException"),
        false => Fault::None,
    });
    let ended = region.invoke(three_records());
    assert_eq!(ended.error(), ("Transect.Refused", "1 Firehose records, last fault: InvalidArgumentException"));
    let ids = event_ids(&region.firehose.taken());
    assert!(ids.len() > 1_000, "{} of the other events arrived", ids.len());
    assert_eq!(region.failed_payloads().len(), 1, "the refused one is kept by Lambda");
}

#[test]
fn a_record_with_a_refusal_of_its_own_is_not_sent_again() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    region.firehose.plan(|_| Fault::Some(vec![1], "ValidationException"));
    let ended = region.invoke(three_records());
    assert_eq!(ended.error(), ("Transect.Refused", "1 Firehose records, last fault: ValidationException"));
    assert!(ended.tries[0].milliseconds_left > 50_000);
    assert_eq!(region.firehose.calls(), 3, "one call a try");
    assert!(event_ids(&region.firehose.taken()).len() > 1_000, "the other records arrived");
}

#[test]
fn payloads_that_cannot_be_read_fail_at_once_with_their_reason_and_are_kept() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let whole = lambda_event(&document("/aws/lambda/shop", [("1".to_owned(), "secret text".to_owned())]));
    let cut = {
        let event: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        let data = event["awslogs"]["data"].as_str().unwrap();
        json!({ "awslogs": { "data": data[..data.len() / 8 * 4] } }).to_string().into_bytes()
    };
    let poison = [
        (cut, "truncated"),
        (b"{\"awslogs\":{\"data\":\"%%%\"}}".to_vec(), "not base64"),
        (b"{\"Records\":[{\"secret text\":1}]}".to_vec(), "neither a Lambda event"),
        (b"{}".to_vec(), "neither a Lambda event"),
        (b"[1]".to_vec(), "neither a Lambda event"),
        (b"null".to_vec(), "neither a Lambda event"),
        (lambda_event_of(b"{\"logEvents\":[{\"message\":\"secret text\"}]}"), "logEvents[0].id is missing"),
        (lambda_event_of(b"{\"logEvents\":[{]"), "not JSON at byte"),
    ];
    let count = poison.len();
    for (payload, reason) in poison {
        let ended = region.invoke(payload);
        let (kind, message) = ended.error();
        assert_eq!((kind, ended.tries.len()), ("Transect.Undecodable", 3));
        assert!(message.contains(reason) && !message.contains("secret"), "{message}");
        assert!(ended.tries[0].milliseconds_left > 50_000);
    }
    assert_eq!((region.firehose.calls(), region.failed_payloads().len()), (0, count));
    region.forward(whole);
}

#[test]
fn a_bomb_is_refused_in_little_memory() {
    let world = World::new(&["us-east-2"], MINUTE, &[]);
    let region = world.region("us-east-2");
    let bomb = lambda_event_of(&vec![b' '; 900 << 20]);
    assert!(bomb.len() < 1_500_000);
    let ended = region.invoke(bomb);
    assert_eq!(ended.error().0, "Transect.Undecodable");
    assert!(ended.error().1.contains("more than 67108864 bytes"), "{}", ended.error().1);
    let peak = region.peak_resident_bytes();
    println!("a bomb of 900 MiB: peak of {:.1} MB resident", peak as f64 / 1e6);
    assert!(peak < 160_000_000, "{peak} bytes resident");
}
