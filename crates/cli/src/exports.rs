//! What people have saved of CloudWatch Logs by other means than a subscription: answers of the AWS CLI, results of Logs
//! Insights, and files of an export to S3. Each becomes the document that a subscription would have sent.
//!
//! It refuses to make up what a saved file does not say: a log group that it does not name has to be named. Ids of events, which
//! most of these files leave out, are made of the event, so that the same file again is the same events.

mod chunks;
mod events;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use transect_normalize::gunzip;

use self::events::{exported_stream, exported_time};

/// What the files do not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'n> {
    pub group: Option<&'n str>,
    pub stream: Option<&'n str>,
    pub account: Option<&'n str>,
}

/// A saved file's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    FilterLogEvents,
    GetLogEvents,
    InsightsAnswer,
    InsightsJson,
    InsightsCsv,
    S3Export,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::FilterLogEvents => "an answer of `aws logs filter-log-events`",
            Kind::GetLogEvents => "an answer of `aws logs get-log-events`",
            Kind::InsightsAnswer => "an answer of `aws logs get-query-results`",
            Kind::InsightsJson => "results of Logs Insights as JSON",
            Kind::InsightsCsv => "results of Logs Insights as CSV",
            Kind::S3Export => "a file of an export task to S3",
        })
    }
}

/// Why a saved file cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file does not say of which group its events are.
    NoGroup(Kind),
    /// A question that did not ask for what an event is.
    Lacks(Kind, &'static str),
    /// An event's time that is none; events count from 1.
    NoTime(Kind, usize),
    /// A query that is still running, or holds nothing.
    NotComplete(String),
    Damaged(String),
    /// What it says of an event is more than CloudWatch allows; events count from 1.
    Decode(Kind, u64, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoGroup(kind) => write!(
                f,
                "it is {kind}, which does not name the log group: name it with --group, or let `transect backfill` fetch the events"
            ),
            Fault::Lacks(kind, column) => write!(
                f,
                "it is {kind} without {column}: ask for `fields @timestamp, @message, @logStream, @log`, or let `transect backfill` \
                 fetch the events"
            ),
            Fault::NoTime(kind, number) => write!(f, "it is {kind}, and event {number} has no time that can be read"),
            Fault::NotComplete(status) => {
                write!(f, "it is {}, whose query is {status}: save it when it is Complete", Kind::InsightsAnswer)
            }
            Fault::Damaged(fault) => write!(f, "{fault}"),
            Fault::Decode(kind, number, fault) => write!(f, "it is {kind}, and of event {number} {fault}"),
        }
    }
}

/// One event as it was saved.
struct Saved<'s> {
    account: Cow<'s, str>,
    group: Cow<'s, str>,
    stream: Cow<'s, str>,
    timestamp_ms: i64,
    message: Cow<'s, str>,
    /// Of CloudWatch's own, where the file has it.
    id: Option<Cow<'s, str>>,
}

/// A saved file, and what it does not say. Its events are read one after the other, each time that they are asked for: there may
/// be millions.
pub struct Export<'e> {
    text: Cow<'e, str>,
    kind: Kind,
    named: Named<'e>,
    /// Of a file that holds one stream.
    stream: Option<Cow<'e, str>>,
    bytes_max: usize,
}

impl<'e> Export<'e> {
    /// None if it is no such file, or inflates to more than so many bytes.
    pub fn of(bytes: &'e [u8], path: &Path, named: Named<'e>, bytes_max: usize) -> Option<Export<'e>> {
        let mut text = match gunzip(bytes, bytes_max).ok()? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(inflated) => Cow::Owned(
                String::from_utf8(inflated)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
        };
        const MARK: char = '\u{feff}';
        if text.starts_with(MARK) {
            match &mut text {
                Cow::Borrowed(text) => *text = text.trim_start_matches(MARK),
                Cow::Owned(text) => drop(text.drain(..MARK.len_utf8())),
            }
        }
        let kind = kind_of(&text)?;
        let stream = named.stream.map(Cow::Borrowed);
        let stream = stream.or_else(|| (kind == Kind::S3Export).then(|| exported_stream(path).into()));
        Some(Export { text, kind, named, stream, bytes_max })
    }
}

/// The keys that tell one answer from another. What stands under them is not looked at yet.
#[derive(Deserialize)]
struct Head<'h> {
    #[serde(borrow, default)]
    events: Option<&'h serde_json::value::RawValue>,
    #[serde(borrow, default)]
    results: Option<&'h serde_json::value::RawValue>,
    #[serde(borrow, default, rename = "searchedLogStreams")]
    searched: Option<&'h serde_json::value::RawValue>,
    #[serde(borrow, default, rename = "nextForwardToken")]
    forward: Option<&'h serde_json::value::RawValue>,
}

fn kind_of(text: &str) -> Option<Kind> {
    let start = text.trim_start();
    match start.bytes().next()? {
        b'{' => {
            let head = serde_json::Deserializer::from_str(start).into_iter::<Head<'_>>().next()?.ok()?;
            match head {
                Head { results: Some(_), .. } => Some(Kind::InsightsAnswer),
                Head { events: Some(_), searched: None, forward: Some(_), .. } => Some(Kind::GetLogEvents),
                Head { events: Some(events), searched, .. } => {
                    let has_ids = searched.is_some() || events.get().contains("\"eventId\"");
                    let is_empty = events.get().trim_matches(['[', ']', ' ', '\n', '\r', '\t']).is_empty();
                    let is_ours = has_ids || is_empty || events.get().contains("\"ingestionTime\"");
                    is_ours.then_some(if has_ids { Kind::FilterLogEvents } else { Kind::GetLogEvents })
                }
                _ => None,
            }
        }
        b'[' => {
            let first = start.get(..start.len().min(HEAD_BYTES)).unwrap_or(start);
            (first.contains("\"@timestamp\"") || first.contains("\"@message\"")).then_some(Kind::InsightsJson)
        }
        _ => {
            let head = start.lines().next()?;
            let has = |name: &str| head.split(',').any(|column| column.trim().trim_matches('"') == name);
            if has("@timestamp") || has("@message") {
                return Some(Kind::InsightsCsv);
            }
            exported_time(head).map(|_| Kind::S3Export)
        }
    }
}

/// Of a list of results, in which the first one stands.
const HEAD_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Named<'static> = Named { group: Some("/aws/lambda/pay"), stream: None, account: None };

    /// Group, stream, time and message.
    type Event = (String, String, i64, String);

    fn events(text: &str, path: &str, named: Named<'_>) -> Option<Result<Vec<Event>, Fault>> {
        let export = Export::of(text.as_bytes(), Path::new(path), named, 1 << 20)?;
        if let Err(fault) = export.check() {
            return Some(Err(fault));
        }
        let text = |text: Cow<'_, str>| text.into_owned();
        let events = export.events().map(|event| {
            let event = event.unwrap();
            (text(event.group), text(event.stream), event.timestamp_ms, text(event.message))
        });
        Some(Ok(events.collect()))
    }

    /// The ids of the events, in their order.
    fn ids(text: &str) -> Vec<String> {
        let export = Export::of(text.as_bytes(), Path::new("t/s/0"), GROUP, 1 << 20).unwrap();
        let mut ids = Vec::new();
        let checked = export.check().unwrap();
        let mut take = |payload: &transect_normalize::Payload| {
            let of_document = |document: transect_normalize::Document<'_>| {
                document.event_keys().map(|(id, _)| id.to_owned()).collect::<Vec<_>>()
            };
            ids.extend(payload.documents().flat_map(of_document));
            Ok::<_, Fault>(())
        };
        export.each(&checked, &mut take).unwrap();
        assert_eq!(checked.events, ids.len() as u64);
        ids
    }

    const TIME_MS: i64 = 1_795_248_000_123;

    #[test]
    fn each_saved_form_is_its_events() {
        let event = |stream: &str, message: &str| {
            ("/aws/lambda/pay".to_owned(), stream.to_owned(), TIME_MS, message.to_owned())
        };
        let stream = "2026/11/21/[7]aa";
        for (text, path, expected) in [
            (
                r#"{"events":[{"logStreamName":"2026/11/21/[7]aa","timestamp":1795248000123,"message":"a\u001b\n","ingestionTime":1,"eventId":"1"}],"searchedLogStreams":[]}"#.to_owned(),
                "x.json",
                vec![event(stream, "a\u{1b}\n")],
            ),
            (
                r#"{"events":[{"timestamp":1795248000123,"message":"a","ingestionTime":1}],"nextForwardToken":"f/1","nextBackwardToken":"b/1"}
                   {"events":[{"timestamp":1795248000123,"message":"b","ingestionTime":1}],"nextForwardToken":"f/1","nextBackwardToken":"b/1"}"#.to_owned(),
                "x.json",
                vec![event("", "a"), event("", "b")],
            ),
            (
                r#"{"results":[[{"field":"@timestamp","value":"2026-11-21 08:00:00.123"},{"field":"@message","value":"{\"a\":1}"},{"field":"@logStream","value":"2026/11/21/[7]aa"},{"field":"@log","value":"123456789012:/aws/lambda/pay"},{"field":"@ptr","value":"x"}]],"status":"Complete"}"#.to_owned(),
                "x.json",
                vec![event(stream, r#"{"a":1}"#)],
            ),
            (
                r#" [{"@timestamp":"2026-11-21 08:00:00.123","@message":{"b" : 0.10, "a": 12345678901234567890123, "c": [1e400]}, "@log": null, "n": 1e400}]"#.to_owned(),
                "x.json",
                vec![event("", r#"{"b":0.10,"a":12345678901234567890123,"c":[1e400]}"#)],
            ),
            (
                "\u{feff}@timestamp,@message,@logStream\r\n2026-11-21 08:00:00.123,\"a, \"\"b\"\"\nc\",2026/11/21/[7]aa\r\n".to_owned(),
                "x.csv",
                vec![event(stream, "a, \"b\"\nc")],
            ),
            (
                "\n2026-11-21T08:00:00.123Z a\n".to_owned(),
                "task/2026-11-21-[7]aa/000000",
                vec![event(stream, "a")],
            ),
            (
                "2026-11-21T08:00:00.123Z a\n2026-11-21T08:00:00.123Z Traceback:\n  File\n\n2026-11-21T08:00:00.123Z \n".to_owned(),
                "task/2026-11-21-[7]aa/000000",
                vec![event(stream, "a"), event(stream, "Traceback:\n  File"), event(stream, "")],
            ),
        ] {
            assert_eq!(events(&text, path, GROUP), Some(Ok(expected)), "{text}");
        }
        assert_eq!(exported_stream(Path::new("a/web-2026-1/0.gz")), "web-2026-1");
        assert_eq!(exported_stream(Path::new("0.gz")), "");
    }

    #[test]
    fn what_a_file_does_not_say_is_asked_for_by_its_name() {
        let none = Named::default();
        // It is the third of the file, however long the first is and whatever is made of it.
        let of = |message: &str, id: &str| {
            format!(r#"{{"events":[{{"timestamp":1,"message":"{message}","eventId":"{id}","logStreamName":"s"}}]}}"#)
        };
        let too_long = [of(&"x".repeat(5 << 20), "1"), of("a", "2"), of("b", &"3".repeat(5_000))].concat();
        let said = |text: &str| match events(text, "x", if text.len() > 5_000 { GROUP } else { none }) {
            Some(Err(fault)) => fault.to_string(),
            other => format!("{other:?}"),
        };
        for (text, sentence) in [
            (
                r#"{"events":[{"timestamp":1,"message":"a","ingestionTime":1}],"nextForwardToken":"f"}"#,
                "it is an answer of `aws logs get-log-events`, which does not name the log group: name it with --group, or let `transect backfill`",
            ),
            (
                r#"{"events":[{"timestamp":1,"message":"a","eventId":"1"}]}"#,
                "it is an answer of `aws logs filter-log-events`, which",
            ),
            ("2026-11-21T08:00:00.123Z a", "it is a file of an export task to S3, which does not name the log group"),
            (
                r#"{"results":[[{"field":"count","value":"1"}]],"status":"Complete"}"#,
                "`aws logs get-query-results` without @timestamp: ask for `fields @timestamp, @message",
            ),
            (r#"{"results":[],"status":"Running"}"#, "whose query is Running"),
            ("@timestamp,n\n2026-11-21 08:00:00.123,1\n", "as CSV without @message"),
            ("@timestamp,@message,@log\nsoon,1,1:g\n", "event 1 has no time"),
            ("@timestamp,@log,@message\n1,1:g,a\n2,1:g,\"b", "it ends within the quotes of event 2"),
            (r#"[{"@timestamp":"1","@message":"a","@log":"1:g"},{"@timestamp":"2""#, "event 2: EOF"),
            (r#"[{"@timestamp":"1","@message":"a","@log":"1:g"}] x"#, "event 2 is none"),
            (r#"[{"@timestamp":"1","@message":"a\ud800b","@log":"1:g"}]"#, "unexpected end of hex escape"),
            (r#"{"results":{},"status":"Complete"}"#, "it holds no list of events"),
            (&too_long, "`aws logs filter-log-events`, and of event 3 id is not an event id"),
        ] {
            assert!(said(text).contains(sentence), "{text}: {}", said(text));
        }
        for text in [
            "",
            "{",
            "{}",
            "[]",
            "[1]",
            "hello",
            r#"{"events":[{"type":"click"}]}"#,
            "2026-11-21 08:00:00 a",
            r#"{"events":1}"#,
        ] {
            assert_eq!(events(text, "x", none), None, "{text}");
        }
    }

    #[test]
    fn the_same_events_have_the_same_ids_and_equal_ones_are_two() {
        let lines =
            |times: &[u32]| -> String { times.iter().map(|ms| format!("2026-11-21T08:00:00.{ms:03}Z a\n")).collect() };
        let page = |times: &[u32]| {
            let event =
                |ms: &u32| format!(r#"{{"timestamp":{},"message":"a","ingestionTime":1}}"#, TIME_MS + i64::from(*ms));
            let events: Vec<String> = times.iter().map(event).collect();
            format!(r#"{{"events":[{}],"nextForwardToken":"f/1","nextBackwardToken":"b/1"}}"#, events.join(","))
        };
        let count =
            |files: &[String]| files.iter().flat_map(|file| ids(file)).collect::<std::collections::BTreeSet<_>>().len();
        let of = |times: &[&[u32]]| {
            [
                times.iter().map(|times| lines(times)).collect::<Vec<_>>(),
                times.iter().map(|times| page(times)).collect(),
            ]
        };
        for (parts, events) in [
            (&[&[1, 1][..]][..], 2),
            // The same file again.
            (&[&[1, 1, 2], &[1, 1, 2]], 3),
            // What one page ends with goes on in the next one.
            (&[&[1, 1], &[1]], 3),
            (&[&[0, 1, 1], &[1, 2]], 5),
            // In the middle of both it is one.
            (&[&[0, 1, 2], &[0, 1, 2, 3]], 6),
        ] {
            for files in of(parts) {
                assert_eq!(count(&files), events, "{files:?}");
            }
        }
        // More than a chunk.
        let many: String = (0..100_000).map(|number| lines(&[number % 1000])).collect();
        assert_eq!(count(std::slice::from_ref(&many)), 100_000);
        assert_eq!(ids(&many), ids(&many));
    }
}
