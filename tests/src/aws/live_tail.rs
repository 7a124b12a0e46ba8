//! `StartLiveTail`: a session is a stream of frames that a test fills, `application/vnd.amazon.eventstream` on the wire. As the
//! service does, it tells every second that nothing came. It refuses to send by itself what a group receives: a test says what
//! comes, when, and whether it was sampled.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use flate2::Crc;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use super::account::Region;
use super::answer::{AnswerBody, Refusal};
use super::logs::{group_name, invalid, matches_pattern};
use super::{ACCOUNT, PATIENCE};

/// "Every second, a sessionUpdate" (StartLiveTail): a session in which nothing comes is not silent.
const UPDATE_EVERY: Duration = Duration::from_secs(1);

const GROUPS_MAX: usize = 10;
/// Events of an update.
const EVENTS_MAX: usize = 500;

/// A session, as a test has it in its hand. The stream ends when it is dropped.
#[derive(Debug)]
pub struct LiveTail {
    /// Where it was started.
    pub region: String,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Which events; empty for all.
    pub pattern: String,
    pieces: UnboundedSender<Result<Bytes, std::io::Error>>,
    left: Receiver<()>,
}

/// An event that comes by a session.
#[derive(Clone, Copy, Debug)]
pub struct Tailed<'a> {
    /// Its group's name.
    pub group: &'a str,
    /// Its stream's name.
    pub stream: &'a str,
    /// When it was said.
    pub timestamp_unix_milli: i64,
    /// What was said.
    pub message: &'a str,
}

impl LiveTail {
    /// An update, which the service sends every second, with those of the events that the session asked for.
    ///
    /// # Panics
    /// If there are more than the service puts into one.
    pub fn update(&self, is_sampled: bool, events: &[Tailed]) {
        assert!(events.len() <= EVENTS_MAX, "an update holds at most {EVENTS_MAX} events");
        let results: Vec<Value> = events
            .iter()
            .filter(|event| self.groups.iter().any(|group| group == event.group))
            .filter(|event| matches_pattern(&self.pattern, event.message))
            .enumerate()
            .map(|(place, event)| {
                json!({
                    "logGroupIdentifier": self.identifier(place, event.group),
                    "logStreamName": event.stream,
                    "message": event.message,
                    "timestamp": event.timestamp_unix_milli,
                    "ingestionTime": event.timestamp_unix_milli + 1_000,
                })
            })
            .collect();
        let update = json!({ "sessionMetadata": { "sampled": is_sampled }, "sessionResults": results });
        self.send(frame("event", "sessionUpdate", &update));
    }

    /// "The name or ARN", says the reference, and not which: all come in turn.
    fn identifier(&self, place: usize, group: &str) -> String {
        match place % 3 {
            0 => format!("{ACCOUNT}:{group}"),
            1 => format!("arn:aws:logs:{}:{ACCOUNT}:log-group:{group}", self.region),
            _ => group.to_owned(),
        }
    }

    /// Ends the session as the service does after three hours.
    pub fn time_out(self) {
        let message = json!({ "message": "Your session has timed out." });
        self.send(frame("exception", "SessionTimeoutException", &message));
    }

    /// Ends the session with an error of the service.
    pub fn fail(self) {
        let message = json!({ "message": "An unknown error occurred." });
        self.send(frame("exception", "SessionStreamingException", &message));
    }

    /// Ends the session cleanly.
    pub fn end(self) {}

    /// Breaks the connection off.
    pub fn cut(self) {
        let _ = self.pieces.send(Err(std::io::Error::other("cut")));
    }

    /// Waits until the client has gone away.
    ///
    /// # Panics
    /// If a minute goes by.
    pub fn wait_for_end(&self) {
        let ended = self.left.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "the client does not end the session");
    }

    fn send(&self, frame: Bytes) {
        // A client that goes away is no fault of a test.
        let _ = self.pieces.send(Ok(frame));
    }
}

/// Starts a session and gives it to whom waits for one.
pub(super) fn start(
    region: &mut Region,
    body: &Value,
    sessions: &Sender<LiveTail>,
) -> Result<Response<AnswerBody>, Refusal> {
    let identifiers: Vec<&str> =
        body["logGroupIdentifiers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if identifiers.is_empty() || identifiers.len() > GROUPS_MAX {
        return Err(invalid("logGroupIdentifiers must hold 1 to 10 log groups."));
    }
    let prefix = region.arn("logs", "log-group:");
    if identifiers.iter().any(|identifier| !identifier.starts_with(&prefix) || identifier.ends_with('*')) {
        return Err(invalid("Specify each log group by its ARN. The ARN can't end with an asterisk (*)."));
    }
    let filters_streams = ["logStreamNames", "logStreamNamePrefixes"].iter().any(|key| !body[*key].is_null());
    if filters_streams && identifiers.len() > 1 {
        return Err(invalid("Log streams can be named with one log group only."));
    }
    let groups: Vec<String> = identifiers.iter().map(|identifier| group_name(identifier).to_owned()).collect();
    for group in &groups {
        let group = region.groups.get(group);
        let group = group
            .ok_or_else(|| Refusal::new(400, "ResourceNotFoundException", "The specified log group does not exist."))?;
        if group.class != "STANDARD" {
            let message = "StartLiveTail is only supported on the Standard log class.";
            return Err(Refusal::new(400, "InvalidOperationException", message));
        }
    }
    let pattern = body["logEventFilterPattern"].as_str().unwrap_or_default().to_owned();
    let begin = json!({
        "requestId": "00000000-0000-4000-8000-000000000000",
        "sessionId": "00000000-0000-4000-8000-000000000001",
        "logGroupIdentifiers": identifiers,
        "logStreamNames": [],
        "logStreamNamePrefixes": [],
        "logEventFilterPattern": pattern,
    });
    let (pieces, receiver) = tokio::sync::mpsc::unbounded_channel();
    let (stays, left) = std::sync::mpsc::channel();
    let session = LiveTail { region: region.name.clone(), groups, pattern, pieces, left };
    session.send(frame("event", "initial-response", &json!({})));
    session.send(frame("event", "sessionStart", &begin));
    tokio::spawn(tell_that_it_lives(session.pieces.downgrade()));
    // A test that has seen enough may be gone.
    let _ = sessions.send(session);
    Ok(Response::builder()
        .header("content-type", "application/vnd.amazon.eventstream")
        .body(AnswerBody::Pieces { pieces: receiver, _stays: stays })
        .unwrap())
}

/// Until the session has ended, by whomever.
async fn tell_that_it_lives(pieces: WeakUnboundedSender<Result<Bytes, std::io::Error>>) {
    let nothing =
        frame("event", "sessionUpdate", &json!({ "sessionMetadata": { "sampled": false }, "sessionResults": [] }));
    loop {
        tokio::time::sleep(UPDATE_EVERY).await;
        let Some(pieces) = pieces.upgrade() else { return };
        if pieces.send(Ok(nothing.clone())).is_err() {
            return;
        }
    }
}

/// A message of an event stream: lengths, their checksum, headers, payload, and the checksum of all.
fn frame(message_type: &str, name: &str, payload: &Value) -> Bytes {
    const STRING: u8 = 7;
    // Two lengths and a checksum before, a checksum after.
    const FRAME_BYTES: usize = 16;
    let payload = payload.to_string().into_bytes();
    let mut headers = Vec::new();
    for (key, value) in [
        (":message-type", message_type),
        (if message_type == "event" { ":event-type" } else { ":exception-type" }, name),
        (":content-type", "application/json"),
    ] {
        headers.push(key.len() as u8);
        headers.extend_from_slice(key.as_bytes());
        headers.push(STRING);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::new();
    frame.extend_from_slice(&((FRAME_BYTES + headers.len() + payload.len()) as u32).to_be_bytes());
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    frame.extend_from_slice(&checksum(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(&checksum(&frame).to_be_bytes());
    Bytes::from(frame)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
