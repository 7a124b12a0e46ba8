//! What people have saved of CloudWatch Logs by other means than a subscription: answers of the AWS CLI, results of Logs
//! Insights, and files of an export to S3. Each becomes the document that a subscription would have sent.
//!
//! It refuses to make up what a saved file does not say: a log group that it does not name has to be named. Ids of events, which
//! most of these files leave out, are made of the event, so that the same file again is the same events.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use transect_schema::write_json_string;
use twox_hash::XxHash3_128;

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
    /// It inflates to more than the limit.
    TooLarge,
    Damaged(String),
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
            Fault::TooLarge => write!(f, "it inflates to more than a file may have; split it"),
            Fault::Damaged(fault) => write!(f, "{fault}"),
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

/// The documents that a saved file holds; none if it is no such file.
///
/// # Errors
/// It is one, and cannot be taken.
pub fn documents(bytes: &[u8], path: &Path, named: Named<'_>, bytes_max: usize) -> Option<Result<Vec<u8>, Fault>> {
    let text = match text_of(bytes, bytes_max) {
        Ok(text) => text,
        Err(fault) => return Some(Err(fault)),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let kind = kind_of(text)?;
    let saved = match kind {
        Kind::FilterLogEvents | Kind::GetLogEvents => of_events(text, kind, named),
        Kind::InsightsAnswer => of_answer(text, named),
        Kind::InsightsJson => of_objects(text, named),
        Kind::InsightsCsv => of_csv(text, named),
        Kind::S3Export => of_export(text, path, named),
    };
    Some(saved.map(|saved| render(&saved)))
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

fn text_of(bytes: &[u8], bytes_max: usize) -> Result<Cow<'_, str>, Fault> {
    if !bytes.starts_with(&GZIP_MAGIC) {
        return Ok(String::from_utf8_lossy(bytes));
    }
    let mut text = Vec::new();
    let mut inflated = flate2::bufread::MultiGzDecoder::new(bytes).take(bytes_max as u64 + 1);
    inflated.read_to_end(&mut text).map_err(|error| Fault::Damaged(format!("gzip stream is damaged ({error})")))?;
    if text.len() > bytes_max {
        return Err(Fault::TooLarge);
    }
    Ok(match String::from_utf8(text) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    })
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

#[derive(Deserialize)]
struct Events<'e> {
    #[serde(borrow)]
    events: Vec<EventOf<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventOf<'e> {
    #[serde(borrow, default)]
    log_stream_name: Option<Cow<'e, str>>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(borrow, default)]
    message: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    event_id: Option<Cow<'e, str>>,
}

fn of_events<'t>(text: &'t str, kind: Kind, named: Named<'t>) -> Result<Vec<Saved<'t>>, Fault> {
    let mut saved = Vec::new();
    // Pages may stand behind each other.
    for page in serde_json::Deserializer::from_str(text).into_iter::<Events<'_>>() {
        let page = page.map_err(|error| Fault::Damaged(error.to_string()))?;
        for event in page.events {
            let timestamp_ms = event.timestamp.ok_or(Fault::NoTime(kind, saved.len() + 1))?;
            let stream = event.log_stream_name.or(named.stream.map(Cow::Borrowed)).unwrap_or_default();
            saved.push(Saved {
                account: named.account.unwrap_or_default().into(),
                group: named.group.ok_or(Fault::NoGroup(kind))?.into(),
                stream,
                timestamp_ms,
                message: event.message.unwrap_or_default(),
                id: event.event_id,
            });
        }
    }
    Ok(saved)
}

#[derive(Deserialize)]
struct Results<'r> {
    #[serde(borrow)]
    results: Vec<Vec<Field<'r>>>,
    #[serde(borrow, default)]
    status: Option<Cow<'r, str>>,
}

#[derive(Deserialize)]
struct Field<'f> {
    #[serde(borrow, default)]
    field: Cow<'f, str>,
    #[serde(borrow, default)]
    value: Cow<'f, str>,
}

fn of_answer<'t>(text: &'t str, named: Named<'t>) -> Result<Vec<Saved<'t>>, Fault> {
    let mut saved = Vec::new();
    for answer in serde_json::Deserializer::from_str(text).into_iter::<Results<'_>>() {
        let answer = answer.map_err(|error| Fault::Damaged(error.to_string()))?;
        if let Some(status) = answer.status.filter(|status| status != "Complete") {
            return Err(Fault::NotComplete(status.into_owned()));
        }
        for row in answer.results {
            let fields: HashMap<Cow<'_, str>, Cow<'_, str>> =
                row.into_iter().map(|field| (field.field, field.value)).collect();
            saved.push(of_fields(fields, Kind::InsightsAnswer, saved.len() + 1, named)?);
        }
    }
    Ok(saved)
}

fn of_objects<'t>(text: &'t str, named: Named<'t>) -> Result<Vec<Saved<'t>>, Fault> {
    let rows: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(text).map_err(|error| Fault::Damaged(error.to_string()))?;
    let mut saved = Vec::with_capacity(rows.len());
    for row in rows {
        let text = |value| match value {
            serde_json::Value::String(text) => text,
            // The console opens messages that are JSON.
            value => value.to_string(),
        };
        let fields = row.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(text(value)))).collect();
        saved.push(of_fields(fields, Kind::InsightsJson, saved.len() + 1, named)?);
    }
    Ok(saved)
}

fn of_csv<'t>(text: &'t str, named: Named<'t>) -> Result<Vec<Saved<'t>>, Fault> {
    let damaged = |error: csv::Error| Fault::Damaged(error.to_string());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let names = reader.headers().map_err(damaged)?.clone();
    let mut saved = Vec::new();
    for row in reader.records() {
        let row = row.map_err(damaged)?;
        let cells = names.iter().zip(&row).map(|(name, cell)| (name.trim().to_owned().into(), cell.to_owned().into()));
        saved.push(of_fields(cells.collect(), Kind::InsightsCsv, saved.len() + 1, named)?);
    }
    Ok(saved)
}

fn of_fields<'t>(
    mut fields: HashMap<Cow<'t, str>, Cow<'t, str>>,
    kind: Kind,
    number: usize,
    named: Named<'t>,
) -> Result<Saved<'t>, Fault> {
    let time = fields.remove("@timestamp").ok_or(Fault::Lacks(kind, "@timestamp"))?;
    let message = fields.remove("@message").ok_or(Fault::Lacks(kind, "@message"))?;
    // `account:group`
    let log = fields.remove("@log").filter(|log| !log.is_empty());
    let (account, group) = match log.as_deref().map(|log| log.split_once(':').unwrap_or(("", log))) {
        Some((account, group)) => (account.to_owned().into(), group.to_owned().into()),
        None => (named.account.unwrap_or_default().into(), named.group.ok_or(Fault::NoGroup(kind))?.into()),
    };
    let timestamp_ms = insights_time(&time).ok_or(Fault::NoTime(kind, number))?;
    let stream = fields.remove("@logStream").or(named.stream.map(Cow::Borrowed)).unwrap_or_default();
    Ok(Saved { account, group, stream, timestamp_ms, message, id: None })
}

/// `2026-11-21 08:00:00.000`, in UTC; or milliseconds since 1970.
fn insights_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// The time that a line of an export begins with, in milliseconds since 1970, and the message behind it.
fn exported_time(line: &str) -> Option<(i64, &str)> {
    /// `2026-11-21T08:00:00.000Z`
    const TIME_BYTES: usize = 24;
    let time = line.get(..TIME_BYTES).filter(|time| time.as_bytes().get(10) == Some(&b'T') && time.ends_with('Z'))?;
    let rest = line.get(TIME_BYTES..)?;
    let message = if rest.is_empty() { rest } else { rest.strip_prefix(' ')? };
    Some((time.parse::<jiff::Timestamp>().ok()?.as_millisecond(), message))
}

fn of_export<'t>(text: &'t str, path: &'t Path, named: Named<'t>) -> Result<Vec<Saved<'t>>, Fault> {
    let group = named.group.ok_or(Fault::NoGroup(Kind::S3Export))?;
    let stream = match named.stream {
        Some(stream) => stream.to_owned(),
        None => exported_stream(path),
    };
    let mut saved: Vec<Saved<'t>> = Vec::new();
    // Where the message of each began, to take in the lines that follow it: they have no time of their own.
    let mut begins: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        match exported_time(content) {
            Some((timestamp_ms, message)) => {
                begins.push(at + content.len() - message.len());
                saved.push(Saved {
                    account: named.account.unwrap_or_default().into(),
                    group: group.into(),
                    stream: stream.clone().into(),
                    timestamp_ms,
                    message: message.into(),
                    id: None,
                });
            }
            None => {
                if let (Some(event), Some(begin)) = (saved.last_mut(), begins.last()) {
                    event.message = text.get(*begin..at + content.len()).unwrap_or_default().trim_end().into();
                }
            }
        }
        at += line.len();
    }
    Ok(saved)
}

/// The folder that an export lays a stream into: its name with `-` in the place of `/`, which Lambda's names tell.
fn exported_stream(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let date = folder.get(..11).filter(|date| {
        let shape = date.bytes().enumerate();
        { shape }.all(|(at, byte)| if matches!(at, 4 | 7 | 10) { byte == b'-' } else { byte.is_ascii_digit() })
    });
    match (date, folder.get(11..)) {
        (Some(date), Some(rest)) if rest.contains('[') => format!("{}{rest}", date.replace('-', "/")),
        _ => folder.to_owned(),
    }
}

/// The documents: the events of each stream, in the order in which they stood.
fn render(saved: &[Saved<'_>]) -> Vec<u8> {
    let mut streams: BTreeMap<(&str, &str, &str), Vec<u8>> = BTreeMap::new();
    // Equal events are told apart by how many of them came before.
    let mut seen: HashMap<u128, u32> = HashMap::new();
    for event in saved {
        let id = match &event.id {
            Some(id) => id.clone().into_owned(),
            None => {
                let mut digest = XxHash3_128::with_seed(0);
                for part in [&event.group, &event.stream, &event.message] {
                    digest.write(part.as_bytes());
                    digest.write(&[0]);
                }
                digest.write(&event.timestamp_ms.to_le_bytes());
                let digest = digest.finish_128();
                let before = seen.entry(digest).or_default();
                let id = format!("saved-{digest:032x}-{before}");
                *before += 1;
                id
            }
        };
        // As text at once: there may be millions.
        let events = streams.entry((&event.account, &event.group, &event.stream)).or_default();
        if !events.is_empty() {
            events.push(b',');
        }
        events.extend_from_slice(b"{\"id\":");
        write_json_string(&id, events);
        events.extend_from_slice(format!(",\"timestamp\":{},\"message\":", event.timestamp_ms).as_bytes());
        write_json_string(&event.message, events);
        events.push(b'}');
    }
    let mut text = Vec::new();
    for ((account, group, stream), events) in streams {
        text.extend_from_slice(b"{\"messageType\":\"DATA_MESSAGE\"");
        for (name, value) in [("owner", account), ("logGroup", group), ("logStream", stream)] {
            text.extend_from_slice(format!(",\"{name}\":").as_bytes());
            write_json_string(value, &mut text);
        }
        text.extend_from_slice(b",\"subscriptionFilters\":[],\"logEvents\":[");
        text.extend_from_slice(&events);
        text.extend_from_slice(b"]}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Named<'static> = Named { group: Some("/aws/lambda/pay"), stream: None, account: None };

    /// Group, stream, time and message.
    type Event = (String, String, i64, String);

    fn events(text: &str, path: &str, named: Named<'_>) -> Option<Result<Vec<Event>, Fault>> {
        let documents = match documents(text.as_bytes(), Path::new(path), named, 1 << 20)? {
            Ok(documents) => documents,
            Err(fault) => return Some(Err(fault)),
        };
        let mut found = Vec::new();
        for document in serde_json::Deserializer::from_slice(&documents).into_iter::<serde_json::Value>() {
            let document = document.unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            for event in document["logEvents"].as_array().unwrap() {
                let time = event["timestamp"].as_i64().unwrap();
                found.push((text(&document["logGroup"]), text(&document["logStream"]), time, text(&event["message"])));
            }
        }
        Some(Ok(found))
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
                r#" [{"@timestamp":"2026-11-21 08:00:00.123","@message":{"a":1}}]"#.to_owned(),
                "x.json",
                vec![event("", r#"{"a":1}"#)],
            ),
            (
                "\u{feff}@timestamp,@message,@logStream\r\n2026-11-21 08:00:00.123,\"a, \"\"b\"\"\nc\",2026/11/21/[7]aa\r\n".to_owned(),
                "x.csv",
                vec![event(stream, "a, \"b\"\nc")],
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
        let said = |text: &str| match events(text, "x", none) {
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
        let text = "2026-11-21T08:00:00.123Z a\n2026-11-21T08:00:00.123Z a\n";
        let ids = || {
            let documents = documents(text.as_bytes(), Path::new("t/s/0"), GROUP, 1 << 20).unwrap().unwrap();
            let document: serde_json::Value = serde_json::from_slice(&documents).unwrap();
            let events = document["logEvents"].as_array().unwrap().clone();
            events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids(), ids());
        assert_ne!(ids()[0], ids()[1]);
    }
}
