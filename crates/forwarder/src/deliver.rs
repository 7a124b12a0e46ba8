//! Calls to Firehose until every record is taken or the time is over: what was refused for the moment is sent again, and
//! only that; what is refused for good is found and told apart from the rest.
//!
//! It refuses to give up on a record in silence, to outlive its deadline, and to repeat what the service says beyond an
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
    let mut outcome = Outcome::default();
    let mut records = Vec::with_capacity(call.len());
    for bytes in call {
        match Record::builder().data(Blob::new(bytes)).build() {
            Ok(record) => records.push(record),
            Err(_) => outcome.refused += 1,
        }
    }
    let mut waiting = vec![records];
    let mut failures_in_a_row = 0;
    while let Some(batch) = waiting.pop() {
        let time_left = deadline.saturating_duration_since(Instant::now());
        if time_left < ATTEMPT_TIME_MIN {
            outcome.fault.get_or_insert_with(|| "out of time".to_owned());
            outcome.undelivered += (batch.len() + waiting.iter().map(Vec::len).sum::<usize>()) as u64;
            break;
        }
        outcome.calls += 1;
        let sent = client.put_record_batch().delivery_stream_name(&stream).set_records(Some(batch.clone())).send();
        let answer = match tokio::time::timeout(time_left.min(ATTEMPT_TIME_MAX), sent).await {
            Ok(Ok(output)) => answer(&output, batch.len()),
            Ok(Err(error)) => fault(&error),
            Err(_) => Answer::Later("no answer in time".to_owned()),
        };
        match answer {
            Answer::Records(codes) => {
                let mut again = Vec::new();
                let count = batch.len();
                for (record, code) in batch.into_iter().zip(codes) {
                    match code {
                        None => outcome.bytes_out += record.data.as_ref().len() as u64,
                        Some(code) => {
                            if refuses_content(&code) {
                                outcome.refused += 1;
                            } else {
                                again.push(record);
                            }
                            outcome.fault = Some(code);
                        }
                    }
                }
                // What makes headway need not slow down further.
                failures_in_a_row = if again.len() < count { 0 } else { failures_in_a_row + 1 };
                if again.is_empty() {
                    continue;
                }
                outcome.retried += again.len() as u64;
                waiting.push(again);
            }
            Answer::Later(code) => {
                outcome.fault = Some(code);
                outcome.retried += batch.len() as u64;
                failures_in_a_row += 1;
                waiting.push(batch);
            }
            Answer::Refused(code) => {
                outcome.fault = Some(code);
                if batch.len() > 1 {
                    // The halves at once: it is not haste that was refused.
                    outcome.retried += batch.len() as u64;
                    let mut batch = batch;
                    let half = batch.split_off(batch.len() / 2);
                    waiting.extend([half, batch]);
                } else {
                    outcome.refused += 1;
                }
                continue;
            }
            Answer::Impossible(code) => {
                outcome.fault = Some(code);
                outcome.undelivered += (batch.len() + waiting.iter().map(Vec::len).sum::<usize>()) as u64;
                break;
            }
        }
        let latest = deadline.checked_sub(ATTEMPT_TIME_MIN).unwrap_or(deadline);
        let wait = backoff(failures_in_a_row, fastrand::f64());
        tokio::time::sleep_until((Instant::now() + wait).min(latest)).await;
    }
    outcome
}

/// How long to wait after so many failures in a row: full jitter, a share from 0 to 1 of a bound that doubles.
fn backoff(failures_in_a_row: u32, share: f64) -> Duration {
    let doublings = failures_in_a_row.saturating_sub(1).min(16);
    BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX).mul_f64(share.clamp(0.0, 1.0))
}

fn answer(output: &PutRecordBatchOutput, count: usize) -> Answer {
    let results = output.request_responses();
    if output.failed_put_count() == 0 {
        return Answer::Records(vec![None; count]);
    }
    if results.len() != count {
        return Answer::Later("results do not match records".to_owned());
    }
    Answer::Records(
        results
            .iter()
            .map(|result| match (result.error_code(), result.record_id()) {
                (Some(code), _) => Some(plain(code)),
                (None, Some(_)) => None,
                (None, None) => Some("neither taken nor refused".to_owned()),
            })
            .collect(),
    )
}

fn fault(error: &SdkError<PutRecordBatchError>) -> Answer {
    let SdkError::ServiceError(service) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Answer::Impossible("request cannot be built".to_owned()),
            SdkError::TimeoutError(_) => Answer::Later("no answer in time".to_owned()),
            _ => Answer::Later("connection failed".to_owned()),
        };
    };
    judge(service.raw().status().as_u16(), service.err().code())
}

/// What a status and an error code mean. Codes that nobody listed are judged by their status.
fn judge(status: u16, code: Option<&str>) -> Answer {
    let name = code.map_or_else(|| format!("HTTP {status}"), plain);
    match code.unwrap_or_default() {
        code if refuses_content(code) || status == 413 => Answer::Refused(name),
        code if status >= 500 || status == 429 || status == 408 || is_throttle(code) => Answer::Later(name),
        _ => Answer::Impossible(name),
    }
}

/// Whether the service says that what was sent can never be taken.
fn refuses_content(code: &str) -> bool {
    matches!(code, "InvalidArgumentException" | "ValidationException" | "SerializationException")
}

fn is_throttle(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "ServiceUnavailableException"
                | "InternalFailure"
                | "LimitExceededException"
                | "RequestLimitExceeded"
                | "TooManyRequestsException"
                | "SlowDown"
        )
}

/// A code as it may be logged: a word of the service and nothing else.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

#[cfg(test)]
mod tests {
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
    fn faults_are_told_apart() {
        let later = |status, code: &str| assert_eq!(judge(status, Some(code)), Answer::Later(code.to_owned()));
        later(400, "ThrottlingException");
        later(400, "LimitExceededException");
        later(503, "ServiceUnavailableException");
        later(500, "InternalFailure");
        later(400, "KMSThrottlingException");
        assert_eq!(judge(502, None), Answer::Later("HTTP 502".to_owned()));
        assert_eq!(judge(413, None), Answer::Refused("HTTP 413".to_owned()));
        for code in ["InvalidArgumentException", "ValidationException", "SerializationException"] {
            assert_eq!(judge(400, Some(code)), Answer::Refused(code.to_owned()));
        }
        for code in ["ResourceNotFoundException", "AccessDeniedException", "UnrecognizedClientException"] {
            assert_eq!(judge(400, Some(code)), Answer::Impossible(code.to_owned()));
        }
    }

    #[test]
    fn a_code_is_a_word() {
        assert_eq!(plain("Access Denied: arn:aws:firehose/secret\n"), "AccessDeniedarnawsfirehosesecret");
        assert_eq!(plain(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn each_record_has_its_own_result() {
        use aws_sdk_firehose::types::PutRecordBatchResponseEntry as Entry;
        let taken = Entry::builder().record_id("1").build();
        let failed = Entry::builder().error_code("ServiceUnavailableException").error_message("Slow down.").build();
        let output = |failed_count, entries| {
            PutRecordBatchOutput::builder()
                .failed_put_count(failed_count)
                .set_request_responses(Some(entries))
                .build()
                .map_err(|error| error.to_string())
        };
        let partly = output(1, vec![taken.clone(), failed]).map(|output| answer(&output, 2));
        assert_eq!(partly, Ok(Answer::Records(vec![None, Some("ServiceUnavailableException".to_owned())])));
        // A count that says nothing failed is believed; one that says otherwise needs results that match.
        assert_eq!(output(0, vec![]).map(|output| answer(&output, 2)), Ok(Answer::Records(vec![None, None])));
        let odd = output(1, vec![taken]).map(|output| answer(&output, 2));
        assert_eq!(odd, Ok(Answer::Later("results do not match records".to_owned())));
    }
}
