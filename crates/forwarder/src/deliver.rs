//! Calls to Firehose until every record is taken or the time is over: what was refused for the moment is sent again, and
//! only that; what is refused for good is found and told apart from the rest.
//!
//! It refuses to count a record as taken that has no result of its own which says so, to repeat a call at once, to give up on a record in silence, to outlive its deadline, and to repeat what the service says beyond an
//! error's code: messages name streams and accounts.

use std::time::Duration;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_firehose::operation::put_record_batch::{PutRecordBatchError, PutRecordBatchOutput};
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use tokio::time::Instant;

use crate::pack::Call;

/// Calls of one invocation that are under way at the same time. Each holds its records two and a half times: raw, for
/// the next try, and as base64 in the request.
pub const CALLS_IN_FLIGHT_MAX: usize = 3;

/// How long one call may take. An answer that is later is no answer: the records are sent again.
pub const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(10);

/// With less time than this left no further call is made.
pub const ATTEMPT_TIME_MIN: Duration = Duration::from_millis(100);

/// The first wait is up to this long, each further one up to twice as long as the one before.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// No wait is longer than this. Firehose's limits are per second, so a few seconds spread a crowd enough.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What became of the records of one or more calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// PutRecordBatch calls made.
    pub calls: u64,
    /// Records sent again, each time counted.
    pub retried: u64,
    /// Bytes that Firehose took.
    pub bytes_out: u64,
    /// Records that time ran out for, or that the service cannot take at all now.
    pub undelivered: u64,
    /// Records that the service refuses for what they are.
    pub refused: u64,
    /// The last fault: an error code of the service or a word of ours.
    pub fault: Option<String>,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Outcome) {
        self.calls += other.calls;
        self.retried += other.retried;
        self.bytes_out += other.bytes_out;
        self.undelivered += other.undelivered;
        self.refused += other.refused;
        self.fault = other.fault.or(self.fault.take());
    }
}

/// What the answer to a call means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Each record's own result: the code of those that failed.
    Records(Vec<Option<String>>),
    /// The call failed as a whole and may succeed later.
    Later(String),
    /// Something in it can never be taken.
    Refused(String),
    /// The stream or the permission to write to it is missing: no call can succeed.
    Impossible(String),
}

/// Sends the records of a call until all are taken or `deadline` has come.
pub async fn deliver(client: Client, stream: String, call: Call, deadline: Instant) -> Outcome {
    let mut delivery = Delivery::new(call);
    while let Some(batch) = delivery.waiting.pop() {
        let time_left = deadline.saturating_duration_since(Instant::now());
        if time_left < ATTEMPT_TIME_MIN {
            delivery.give_up(batch, "out of time");
            break;
        }
        delivery.outcome.calls += 1;
        let sent = client.put_record_batch().delivery_stream_name(&stream).set_records(Some(batch.clone())).send();
        let answer = match tokio::time::timeout(time_left.min(ATTEMPT_TIME_MAX), sent).await {
            Ok(Ok(output)) => answer(&output, batch.len()),
            Ok(Err(error)) => fault(&error),
            Err(_) => Answer::Later("no answer in time".to_owned()),
        };
        delivery.take(answer, batch);
        // A wait comes before every further call, unless all that the last one carried is done with.
        if delivery.failures_in_a_row > 0 && !delivery.waiting.is_empty() {
            let latest = deadline.checked_sub(ATTEMPT_TIME_MIN).unwrap_or(deadline);
            if Instant::now() >= latest {
                delivery.give_up(Vec::new(), "out of time");
                break;
            }
            let wait = backoff(delivery.failures_in_a_row, fastrand::f64());
            tokio::time::sleep_until((Instant::now() + wait).min(latest)).await;
        }
    }
    delivery.outcome
}

/// A call on its way: what is to be sent, the last first, and what became of the rest.
struct Delivery {
    waiting: Vec<Vec<Record>>,
    outcome: Outcome,
    /// Calls since one was taken whole.
    failures_in_a_row: u32,
}

impl Delivery {
    fn new(call: Call) -> Delivery {
        let mut outcome = Outcome::default();
        let mut records = Vec::with_capacity(call.len());
        for bytes in call {
            match Record::builder().data(Blob::new(bytes)).build() {
                Ok(record) => records.push(record),
                Err(_) => outcome.refused += 1,
            }
        }
        Delivery { waiting: vec![records], outcome, failures_in_a_row: 0 }
    }

    /// What an answer means for the records that it is about.
    fn take(&mut self, answer: Answer, batch: Vec<Record>) {
        match answer {
            Answer::Records(codes) => self.take_each(codes, batch),
            Answer::Later(code) => {
                self.outcome.fault = Some(code);
                self.failures_in_a_row += 1;
                self.again(batch);
            }
            Answer::Refused(code) => {
                self.outcome.fault = Some(code);
                self.failures_in_a_row += 1;
                if batch.len() == 1 {
                    self.outcome.refused += 1;
                    return;
                }
                let mut batch = batch;
                let half = batch.split_off(batch.len() / 2);
                self.again(half);
                self.again(batch);
            }
            Answer::Impossible(code) => {
                self.outcome.fault = None;
                self.give_up(batch, &code);
            }
        }
    }

    fn take_each(&mut self, codes: Vec<Option<String>>, batch: Vec<Record>) {
        let mut again = Vec::new();
        let count = batch.len();
        for (record, code) in batch.into_iter().zip(codes) {
            let Some(code) = code else {
                self.outcome.bytes_out += record.data.as_ref().len() as u64;
                continue;
            };
            if refuses_content(&code) {
                self.outcome.refused += 1;
            } else {
                again.push(record);
            }
            self.outcome.fault = Some(code);
        }
        if again.is_empty() {
            self.failures_in_a_row = 0;
            return;
        }
        // What makes headway need not slow down further.
        self.failures_in_a_row = if again.len() < count { 1 } else { self.failures_in_a_row + 1 };
        self.again(again);
    }

    fn again(&mut self, records: Vec<Record>) {
        self.outcome.retried += records.len() as u64;
        self.waiting.push(records);
    }

    /// Counts these records and all that wait as undelivered, for this reason unless there was a fault before.
    fn give_up(&mut self, batch: Vec<Record>, reason: &str) {
        self.outcome.fault.get_or_insert_with(|| reason.to_owned());
        let waiting: usize = self.waiting.drain(..).map(|batch| batch.len()).sum();
        self.outcome.undelivered += (batch.len() + waiting) as u64;
    }
}

/// How long to wait after so many failures in a row: full jitter, a share from 0 to 1 of a bound that doubles.
fn backoff(failures_in_a_row: u32, share: f64) -> Duration {
    let doublings = failures_in_a_row.saturating_sub(1).min(16);
    BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX).mul_f64(share.clamp(0.0, 1.0))
}

/// A record is taken only if its own result says so. A count of failures that is higher than that of the results which
/// tell of one leaves open which records it means, so none of them is believed; a lower one, which the SDK also makes of
/// none at all, contradicts what is said of a record and is passed over.
fn answer(output: &PutRecordBatchOutput, count: usize) -> Answer {
    let results = output.request_responses();
    let codes: Vec<Option<String>> = results
        .iter()
        .map(|result| match (result.error_code(), result.record_id().unwrap_or_default()) {
            (Some(code), _) if !code.is_empty() => Some(plain(code)),
            (Some(_), _) | (None, "") => Some("neither taken nor refused".to_owned()),
            (None, _) => None,
        })
        .collect();
    let failed = codes.iter().flatten().count();
    if codes.len() != count || usize::try_from(output.failed_put_count()).is_ok_and(|told| told > failed) {
        return Answer::Later("results do not match records".to_owned());
    }
    Answer::Records(codes)
}

fn fault(error: &SdkError<PutRecordBatchError>) -> Answer {
    match error {
        SdkError::ServiceError(service) => judge(service.raw().status().as_u16(), service.err().code()),
        // An answer in which the SDK finds no code, or which is no JSON at all.
        SdkError::ResponseError(response) => judge(response.raw().status().as_u16(), None),
        SdkError::ConstructionFailure(_) => Answer::Impossible("request cannot be built".to_owned()),
        SdkError::TimeoutError(_) => Answer::Later("no answer in time".to_owned()),
        _ => Answer::Later("connection failed".to_owned()),
    }
}

/// What a status and an error code mean. Codes that nobody listed are judged by their status. What has no code was not
/// said by the service but by something on the way to it, which may let the next call through.
fn judge(status: u16, code: Option<&str>) -> Answer {
    let name = code.map_or_else(|| format!("HTTP {status}"), plain);
    match code {
        _ if status == 413 => Answer::Refused(name),
        Some(code) if refuses_content(code) => Answer::Refused(name),
        Some(code) if status < 500 && status != 429 && status != 408 && !passes(code) => Answer::Impossible(name),
        _ => Answer::Later(name),
    }
}

/// Whether the service says that what was sent can never be taken.
fn refuses_content(code: &str) -> bool {
    matches!(
        code,
        "InvalidArgumentException"
            | "InvalidParameterValue"
            | "RequestEntityTooLargeException"
            | "SerializationException"
            | "ValidationError"
            | "ValidationException"
    )
}

/// Whether the next call may succeed, whatever the status: limits, and what befell this one request. A request that came
/// too late is signed anew.
fn passes(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "InternalFailure"
                | "LimitExceededException"
                | "MalformedHttpRequestException"
                | "RequestAbortedException"
                | "RequestExpired"
                | "RequestLimitExceeded"
                | "RequestTimeoutException"
                | "ServiceUnavailable"
                | "ServiceUnavailableException"
                | "SlowDown"
                | "TooManyRequestsException"
        )
}

/// A code as it may be logged: a word of the service and nothing else.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use std::sync::{Arc, Mutex};

    use aws_sdk_firehose::config::retry::RetryConfig;
    use aws_sdk_firehose::config::{Config, Credentials, HttpClient, Region, RuntimeComponents};
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_jitter_is_full() {
        let bounds: Vec<u128> = (1..9).map(|failures| backoff(failures, 1.0).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(backoff(u32::MAX, 0.5), BACKOFF_MAX / 2);
        assert_eq!(backoff(7, 0.0), Duration::ZERO);
        assert_eq!(backoff(0, 1.0), BACKOFF_FIRST);
    }

    #[test]
    fn a_code_is_a_word() {
        assert_eq!(plain("Access Denied: arn:aws:firehose/secret\n"), "AccessDeniedarnawsfirehosesecret");
        assert_eq!(plain(&"x".repeat(100)).len(), 64);
    }

    /// What the stand-in answers: a status, a body and, as JSON services may, the code in a header.
    #[derive(Clone, Debug)]
    enum Reply {
        Says(u16, String),
        CodeInHeader(u16, &'static str),
        CannotBeReached,
        Never,
    }

    #[derive(Debug, Default)]
    struct Seen {
        /// How many records each call carried, and when it came.
        calls: Vec<(usize, Instant)>,
        /// Records that an answer like the service's own acknowledged.
        taken: usize,
    }

    /// An HTTP client without a network, which answers the calls one after the other.
    #[derive(Clone)]
    struct StandIn {
        /// Of the number of a call and of its records.
        script: Arc<dyn Fn(usize, usize) -> Reply + Send + Sync>,
        seen: Arc<Mutex<Seen>>,
    }

    impl std::fmt::Debug for StandIn {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("StandIn")
        }
    }

    impl HttpConnector for StandIn {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            let records = body["Records"].as_array().unwrap().len();
            let mut seen = self.seen.lock().unwrap();
            let reply = (self.script)(seen.calls.len(), records);
            seen.calls.push((records, Instant::now()));
            let response = |status: u16, body: String| {
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body.into())))
            };
            match reply {
                Reply::Says(status, body) => {
                    if body == good(records) {
                        seen.taken += records;
                    }
                    response(status, body)
                }
                Reply::CodeInHeader(status, code) => {
                    let mut response = HttpResponse::new(status.try_into().unwrap(), String::new().into());
                    response.headers_mut().insert("x-amzn-errortype", code);
                    HttpConnectorFuture::ready(Ok(response))
                }
                Reply::CannotBeReached => HttpConnectorFuture::ready(Err(ConnectorError::io("no route".into()))),
                Reply::Never => HttpConnectorFuture::new(std::future::pending()),
            }
        }
    }

    impl HttpClient for StandIn {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    /// The answer of Firehose that took all of so many records.
    fn good(records: usize) -> String {
        let results: Vec<Value> = (0..records).map(|number| json!({ "RecordId": number.to_string() })).collect();
        json!({ "FailedPutCount": 0, "Encrypted": false, "RequestResponses": results }).to_string()
    }

    /// What becomes of so many records in a minute of the runtime's own clock.
    fn delivered(records: usize, script: impl Fn(usize, usize) -> Reply + Send + Sync + 'static) -> (Outcome, Seen) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let stand_in = StandIn { script: Arc::new(script), seen: Arc::default() };
        let outcome = runtime.block_on(async {
            let client = Client::from_conf(
                Config::builder()
                    .behavior_version_latest()
                    .region(Region::new("us-east-2"))
                    .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
                    .retry_config(RetryConfig::disabled())
                    .http_client(stand_in.clone())
                    .build(),
            );
            let call = (0..records).map(|_| b"{}".to_vec()).collect();
            deliver(client, "stream".to_owned(), call, Instant::now() + Duration::from_secs(58)).await
        });
        let seen = std::mem::take(&mut *stand_in.seen.lock().unwrap());
        (outcome, seen)
    }

    /// What a test expects of three records that are answered so for ever; `Once` where only the first call is.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Ends {
        Taken,
        /// Tried again until the time is over, and taken as soon as the service says so.
        TriedAgain,
        /// As before; but only so many records are sent again.
        SomeTriedAgain(usize),
        GivenUpAtOnce,
        /// Halved until each was refused by itself.
        Refused,
    }

    /// Answers that look like success, or like nothing. Of the 31 of an audit ten once were taken for success.
    #[test]
    fn a_record_is_taken_only_if_its_own_result_says_so() {
        use Ends::{SomeTriedAgain, Taken, TriedAgain};
        let ids = |count: usize| (0..count).map(|number| json!({ "RecordId": number.to_string() })).collect::<Vec<_>>();
        let with = |count: Value, results: Vec<Value>| {
            Reply::Says(200, json!({ "FailedPutCount": count, "RequestResponses": results }).to_string())
        };
        let throttled = json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." });
        let one_failed = vec![json!({ "RecordId": "0" }), throttled.clone(), json!({ "RecordId": "2" })];
        let says = |status, body: &str| Reply::Says(status, body.to_owned());
        let cases = [
            ("all taken", with(json!(0), ids(3)), Taken),
            ("no count, but results", says(200, &json!({ "RequestResponses": ids(3) }).to_string()), Taken),
            ("results under another success", says(201, &good(3)), Taken),
            ("a count below none", with(json!(-1), ids(3)), Taken),
            ("an empty object", says(200, "{}"), TriedAgain),
            ("no body", says(200, ""), TriedAgain),
            ("201", says(201, ""), TriedAgain),
            ("201 and an object", says(201, "{}"), TriedAgain),
            ("202", says(202, "accepted"), TriedAgain),
            ("204", says(204, ""), TriedAgain),
            ("null", says(200, "null"), TriedAgain),
            ("a list", says(200, "[]"), TriedAgain),
            ("a page of a proxy", says(200, "<html><body>welcome</body></html>"), TriedAgain),
            ("cut off", says(200, &good(3)[..40]), TriedAgain),
            ("none failed, without results", says(200, "{\"FailedPutCount\":0}"), TriedAgain),
            ("none failed, no results", with(json!(0), vec![]), TriedAgain),
            ("results of nothing", says(200, "{\"FailedPutCount\":0,\"RequestResponses\":null}"), TriedAgain),
            ("one result too few", with(json!(0), ids(2)), TriedAgain),
            ("one result too many", with(json!(0), ids(4)), TriedAgain),
            ("empty results", with(json!(0), vec![json!({}); 3]), TriedAgain),
            ("empty ids", with(json!(0), vec![json!({ "RecordId": "" }); 3]), TriedAgain),
            ("ids of null", with(json!(0), vec![json!({ "RecordId": null }); 3]), TriedAgain),
            ("one failed, without results", says(200, "{\"FailedPutCount\":1}"), TriedAgain),
            ("one failed, nobody says which", with(json!(1), ids(3)), TriedAgain),
            ("two failed, one is named", with(json!(2), one_failed.clone()), TriedAgain),
            ("all failed", with(json!(3), vec![throttled.clone(); 3]), TriedAgain),
            ("one failed", with(json!(1), one_failed.clone()), SomeTriedAgain(1)),
            ("one failed, and the count is none", with(json!(0), one_failed.clone()), SomeTriedAgain(1)),
            ("one failed, and the count is null", with(Value::Null, one_failed.clone()), SomeTriedAgain(1)),
            (
                "one failed, without a count",
                says(200, &json!({ "RequestResponses": one_failed }).to_string()),
                SomeTriedAgain(1),
            ),
            (
                "an id and an error",
                with(json!(1), [ids(2), vec![json!({ "RecordId": "2", "ErrorCode": "InternalFailure" })]].concat()),
                SomeTriedAgain(1),
            ),
            (
                "an id and an error without a name",
                with(json!(0), [ids(2), vec![json!({ "RecordId": "2", "ErrorCode": "" })]].concat()),
                SomeTriedAgain(1),
            ),
        ];
        for (name, reply, ends) in cases {
            check(name, reply, ends);
        }
    }

    /// Every code of the API reference, PutRecordBatch's own and the common ones of its former and present edition, and
    /// what stands between us and the service.
    #[test]
    fn faults_are_told_apart() {
        use Ends::{GivenUpAtOnce, Refused, TriedAgain};
        let codes = [
            // PutRecordBatch.
            (400, "InvalidArgumentException", Refused),
            (400, "InvalidKMSResourceException", GivenUpAtOnce),
            (400, "InvalidSourceException", GivenUpAtOnce),
            (400, "ResourceNotFoundException", GivenUpAtOnce),
            (500, "ServiceUnavailableException", TriedAgain),
            // Common to all services.
            (400, "AccessDeniedException", GivenUpAtOnce),
            (403, "AccessDeniedException", GivenUpAtOnce),
            (403, "ExpiredTokenException", GivenUpAtOnce),
            (400, "IncompleteSignature", GivenUpAtOnce),
            (403, "IncompleteSignature", GivenUpAtOnce),
            (500, "InternalFailure", TriedAgain),
            (400, "InvalidAction", GivenUpAtOnce),
            (403, "InvalidClientTokenId", GivenUpAtOnce),
            (400, "InvalidParameterCombination", GivenUpAtOnce),
            (400, "InvalidParameterValue", Refused),
            (400, "InvalidQueryParameter", GivenUpAtOnce),
            (400, "MalformedHttpRequestException", TriedAgain),
            (404, "MalformedQueryString", GivenUpAtOnce),
            (400, "MissingAction", GivenUpAtOnce),
            (403, "MissingAuthenticationToken", GivenUpAtOnce),
            (400, "MissingParameter", GivenUpAtOnce),
            (400, "NotAuthorized", GivenUpAtOnce),
            (401, "NotAuthorized", GivenUpAtOnce),
            (403, "OptInRequired", GivenUpAtOnce),
            (400, "RequestAbortedException", TriedAgain),
            (413, "RequestEntityTooLargeException", Refused),
            (400, "RequestExpired", TriedAgain),
            (408, "RequestTimeoutException", TriedAgain),
            (503, "ServiceUnavailable", TriedAgain),
            (400, "ThrottlingException", TriedAgain),
            (404, "UnknownOperationException", GivenUpAtOnce),
            (403, "UnrecognizedClientException", GivenUpAtOnce),
            (400, "ValidationError", Refused),
            // Seen of services like it.
            (403, "InvalidSignatureException", GivenUpAtOnce),
            (400, "KMSThrottlingException", TriedAgain),
            (400, "LimitExceededException", TriedAgain),
            (400, "SerializationException", Refused),
            (429, "TooManyRequestsException", TriedAgain),
            (400, "ValidationException", Refused),
            (400, "NobodyListedThisException", GivenUpAtOnce),
            (502, "NobodyListedThisException", TriedAgain),
        ];
        for (status, code, ends) in codes {
            check(code, Reply::Says(status, json!({ "__type": code, "message": "m" }).to_string()), ends);
            let full = format!("com.amazonaws.firehose.v20150804#{code}");
            check(&full, Reply::Says(status, json!({ "__type": full }).to_string()), ends);
            check(code, Reply::CodeInHeader(status, code), ends);
        }
        let bodies = ["", "{}", "{\"message\":\"m\"}", "<html>", "null", "[", "\u{0}"];
        let statuses = [
            (302, TriedAgain),
            (400, TriedAgain),
            (401, TriedAgain),
            (403, TriedAgain),
            (404, TriedAgain),
            (407, TriedAgain),
            (413, Refused),
            (429, TriedAgain),
            (500, TriedAgain),
            (502, TriedAgain),
            (503, TriedAgain),
            (504, TriedAgain),
        ];
        for (status, ends) in statuses {
            for body in bodies {
                check(&format!("{status} and {body:?}"), Reply::Says(status, body.to_owned()), ends);
            }
        }
        check("no network", Reply::CannotBeReached, TriedAgain);
        check("no answer", Reply::Never, TriedAgain);
    }

    /// Three records that get this answer always, and three that get it once.
    fn check(name: &str, reply: Reply, ends: Ends) {
        let always = reply.clone();
        let (outcome, seen) = delivered(3, move |_, _| always.clone());
        let lost = outcome.undelivered + outcome.refused;
        let told = format!("{name}: {outcome:?} after {:?}", seen.calls);
        match ends {
            Ends::Taken => {
                assert_eq!((lost, outcome.calls, outcome.bytes_out), (0, 1, 6), "{told}");
                return;
            }
            Ends::TriedAgain => assert!(outcome.undelivered == 3 && outcome.calls > 5, "{told}"),
            // Whoever answers one record with three results is not understood.
            Ends::SomeTriedAgain(some) => {
                assert_eq!((lost, outcome.bytes_out), (some as u64, 6 - 2 * some as u64), "{told}")
            }
            Ends::GivenUpAtOnce => assert_eq!((outcome.undelivered, outcome.calls), (3, 1), "{told}"),
            Ends::Refused => assert_eq!((outcome.refused, outcome.calls), (3, 5), "{told}"),
        }
        assert!(outcome.fault.as_ref().is_some_and(|fault| !fault.is_empty()), "{told}");
        let waited = seen.calls.windows(2).filter(|calls| calls[0].1 < calls[1].1).count();
        assert_eq!(waited + 1, seen.calls.len(), "a call is repeated without a wait: {told}");
        let (outcome, seen) = delivered(3, move |number, records| match number {
            0 => reply.clone(),
            _ => Reply::Says(200, good(records)),
        });
        let told = format!("{name}, once: {outcome:?} after {:?}", seen.calls);
        let sent: Vec<usize> = seen.calls.iter().map(|(records, _)| *records).collect();
        let expected = match ends {
            Ends::GivenUpAtOnce => vec![3],
            Ends::Refused => vec![3, 1, 2],
            Ends::SomeTriedAgain(some) => vec![3, some],
            _ => vec![3, 3],
        };
        assert_eq!(sent, expected, "{told}");
        let is_whole = ends != Ends::GivenUpAtOnce;
        assert_eq!(
            (outcome.undelivered + outcome.refused == 0, outcome.bytes_out == 6),
            (is_whole, is_whole),
            "{told}"
        );
        assert_eq!(seen.taken, expected.iter().skip(1).sum::<usize>(), "{told}");
    }

    /// Whoever is in the way takes 2 MiB, and says nothing that a program could read.
    #[test]
    fn what_is_too_large_for_the_way_goes_in_halves() {
        for body in ["", "{\"__type\":\"RequestEntityTooLargeException\"}", "<html>"] {
            let (outcome, seen) = delivered(6, move |_, records| match records {
                0..=2 => Reply::Says(200, good(records)),
                _ => Reply::Says(413, body.to_owned()),
            });
            let sent: Vec<usize> = seen.calls.iter().map(|(records, _)| *records).collect();
            assert_eq!(sent, [6, 3, 1, 2, 3, 1, 2]);
            assert_eq!((outcome.undelivered, outcome.refused, seen.taken, outcome.bytes_out), (0, 0, 6, 12));
        }
    }
}
