//! The events of a saved file, one after the other, in the order in which they stand there. It refuses to hold more of them than one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Export, Fault, Kind, Saved};

/// Events, or what is wrong with the file.
type Events<'e> = Box<dyn Iterator<Item = Result<Saved<'e>, Fault>> + 'e>;
/// What a row of Insights holds, by the names of its columns.
type Fields<'e> = HashMap<Cow<'e, str>, Cow<'e, str>>;

impl Export<'_> {
    pub(super) fn events(&self) -> Events<'_> {
        match self.kind {
            Kind::FilterLogEvents | Kind::GetLogEvents => self.of_pages(),
            Kind::InsightsAnswer => self.of_answers(),
            Kind::InsightsJson => self.of_objects(),
            Kind::InsightsCsv => self.of_csv(),
            Kind::S3Export => self.of_lines(),
        }
    }

    fn group(&self) -> Result<Cow<'_, str>, Fault> {
        self.named.group.map(Cow::Borrowed).ok_or(Fault::NoGroup(self.kind))
    }

    fn account(&self) -> Cow<'_, str> {
        self.named.account.unwrap_or_default().into()
    }

    fn stream(&self) -> Option<Cow<'_, str>> {
        self.stream.as_deref().map(Cow::Borrowed)
    }

    /// Pages may stand behind each other.
    fn of_pages(&self) -> Events<'_> {
        let pages = serde_json::Deserializer::from_str(&self.text).into_iter::<Page<'_>>();
        let lists = pages.map(|page| page.map(|page| page.events.get()).map_err(damaged));
        let events = lists.flat_map(Elements::<EventOf<'_>>::of);
        Box::new(events.enumerate().map(|(index, event)| {
            let event = event?;
            Ok(Saved {
                account: self.account(),
                group: self.group()?,
                stream: event.log_stream_name.or_else(|| self.stream()).unwrap_or_default(),
                timestamp_ms: event.timestamp.ok_or(Fault::NoTime(self.kind, index + 1))?,
                message: event.message.unwrap_or_default(),
                id: event.event_id,
            })
        }))
    }

    fn of_answers(&self) -> Events<'_> {
        let answers = serde_json::Deserializer::from_str(&self.text).into_iter::<Answer<'_>>();
        let lists = answers.map(|answer| {
            let answer = answer.map_err(damaged)?;
            match answer.status.filter(|status| status != "Complete") {
                Some(status) => Err(Fault::NotComplete(status.into_owned())),
                None => Ok(answer.results.get()),
            }
        });
        let rows = lists.flat_map(Elements::<Vec<Field<'_>>>::of);
        Box::new(rows.enumerate().map(|(index, row)| {
            let fields = row?.into_iter().filter_map(|field| Some((field.field?, field.value?)));
            self.of_fields(fields.collect(), index + 1)
        }))
    }

    fn of_objects(&self) -> Events<'_> {
        let rows = Elements::<HashMap<String, &RawValue>>::of(Ok(&self.text));
        Box::new(rows.enumerate().map(|(index, row)| {
            let texts = row?.into_iter().map(|(name, value)| Ok((Cow::Owned(name), text_of(value)?)));
            let texts = texts.collect::<Result<Vec<_>, Fault>>()?;
            self.of_fields(texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect(), index + 1)
        }))
    }

    fn of_csv(&self) -> Events<'_> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(self.text.as_bytes());
        let names = match reader.headers() {
            Ok(names) => names.clone(),
            Err(error) => return Box::new(std::iter::once(Err(damaged(error)))),
        };
        let mut last = 0;
        let rows = reader.into_records().map(Some).chain([None]).enumerate();
        Box::new(rows.filter_map(move |(index, row)| {
            let Some(row) = row else {
                let is_cut = self.text.get(last..).is_some_and(ends_within_quotes);
                return is_cut.then(|| Err(Fault::Damaged(format!("it ends within the quotes of event {index}"))));
            };
            Some(row.map_err(damaged).and_then(|row| {
                last = row.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(last);
                let cells = names.iter().zip(&row);
                let cells = cells.map(|(name, cell)| (name.trim().to_owned().into(), cell.to_owned().into()));
                self.of_fields(cells.collect(), index + 1)
            }))
        }))
    }

    fn of_fields<'f>(&'f self, mut fields: Fields<'f>, number: usize) -> Result<Saved<'f>, Fault> {
        let time = fields.remove("@timestamp").ok_or(Fault::Lacks(self.kind, "@timestamp"))?;
        let message = fields.remove("@message").ok_or(Fault::Lacks(self.kind, "@message"))?;
        // `account:group`
        let log = fields.remove("@log").filter(|log| !log.is_empty());
        let (account, group) = match log.as_deref().map(|log| log.split_once(':').unwrap_or(("", log))) {
            Some((account, group)) => (account.to_owned().into(), group.to_owned().into()),
            None => (self.account(), self.group()?),
        };
        let timestamp_ms = insights_time(&time).ok_or(Fault::NoTime(self.kind, number))?;
        let stream = fields.remove("@logStream").or_else(|| self.stream()).unwrap_or_default();
        Ok(Saved { account, group, stream, timestamp_ms, message, id: None })
    }

    /// Lines without a time of their own belong to the event above them.
    fn of_lines(&self) -> Events<'_> {
        let text: &str = &self.text;
        let mut at = text.len() - text.trim_start().len();
        let events = std::iter::from_fn(move || {
            let (line, with_end) = line_at(text, at)?;
            let (timestamp_ms, message) = exported_time(line)?;
            let (begin, mut end) = (at + line.len() - message.len(), at + line.len());
            at += with_end;
            while let Some((line, with_end)) = line_at(text, at).filter(|(line, _)| exported_time(line).is_none()) {
                end = at + line.len();
                at += with_end;
            }
            Some((timestamp_ms, text.get(begin..end)?, end > begin + message.len()))
        });
        Box::new(events.map(|(timestamp_ms, message, is_of_lines)| {
            Ok(Saved {
                account: self.account(),
                group: self.group()?,
                stream: self.stream().unwrap_or_default(),
                timestamp_ms,
                message: if is_of_lines { message.trim_end() } else { message }.into(),
                id: None,
            })
        }))
    }
}

fn damaged(error: impl std::fmt::Display) -> Fault {
    Fault::Damaged(error.to_string())
}

#[derive(Deserialize)]
struct Page<'e> {
    #[serde(borrow)]
    events: &'e RawValue,
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

#[derive(Deserialize)]
struct Answer<'e> {
    #[serde(borrow)]
    results: &'e RawValue,
    #[serde(borrow, default)]
    status: Option<Cow<'e, str>>,
}

#[derive(Deserialize)]
struct Field<'e> {
    #[serde(borrow, default)]
    field: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    value: Option<Cow<'e, str>>,
}

/// The elements of a list, each an object or a list itself.
struct Elements<'e, T> {
    /// What is still to be read, behind the `[` or an element; or what was wrong before.
    rest: Result<&'e str, Option<Fault>>,
    count: usize,
    of: std::marker::PhantomData<T>,
}

impl<'e, T> Elements<'e, T> {
    fn of(list: Result<&'e str, Fault>) -> Elements<'e, T> {
        let rest = list.and_then(|list| {
            list.trim_start().strip_prefix('[').ok_or_else(|| Fault::Damaged("it holds no list of events".to_owned()))
        });
        Elements { rest: rest.map_err(Some), count: 0, of: std::marker::PhantomData }
    }
}

impl<'e, T: Deserialize<'e>> Iterator for Elements<'e, T> {
    type Item = Result<T, Fault>;

    fn next(&mut self) -> Option<Result<T, Fault>> {
        let rest = match &mut self.rest {
            Ok(rest) => rest.trim_start(),
            Err(fault) => return fault.take().map(Err),
        };
        self.count += 1;
        let number = self.count;
        let behind = |rest: &'e str| if number == 1 { Some(rest) } else { rest.strip_prefix(',') };
        let outcome = match (rest.strip_prefix(']'), behind(rest)) {
            (Some(end), _) if end.trim_start().is_empty() => return None,
            (None, Some(rest)) => {
                let mut elements = serde_json::Deserializer::from_str(rest).into_iter::<T>();
                let element = elements.next();
                let end = elements.byte_offset();
                match element {
                    Some(Ok(element)) => Ok((element, rest.get(end..).unwrap_or_default())),
                    Some(Err(error)) => Err(format!("event {number}: {error}")),
                    None => Err(format!("it ends before event {number}")),
                }
            }
            _ => Err(format!("event {number} is none")),
        };
        match outcome {
            Ok((element, rest)) => {
                self.rest = Ok(rest);
                Some(Ok(element))
            }
            Err(fault) => {
                self.rest = Err(None);
                Some(Err(Fault::Damaged(fault)))
            }
        }
    }
}

/// A value of a list of results. The console opens messages that are JSON: they are closed again as they stood, every digit of
/// them, without the space between. What is null is absent.
fn text_of(value: &RawValue) -> Result<Option<Cow<'_, str>>, Fault> {
    let text = value.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') => Some(serde_json::from_str::<Text<'_>>(text).map_err(damaged)?.0),
        Some(b'{' | b'[') => Some(without_space(text).into()),
        _ => Some(text.into()),
    })
}

#[derive(Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

/// JSON without the space that is in no string.
fn without_space(json: &str) -> String {
    let (mut is_in_string, mut is_escaped) = (false, false);
    let is_kept = |letter: &char| {
        let is_kept = is_in_string || !letter.is_ascii_whitespace();
        match letter {
            '"' if !is_escaped => is_in_string = !is_in_string,
            _ => {}
        }
        is_escaped = *letter == '\\' && !is_escaped;
        is_kept
    };
    json.chars().filter(is_kept).collect()
}

/// Whether CSV ends before the quotes of its last cell do. A quote is one where a cell begins with it, and two within are a letter.
fn ends_within_quotes(record: &str) -> bool {
    let mut is_quoted = false;
    let mut is_begin = true;
    let mut letters = record.bytes().peekable();
    while let Some(letter) = letters.next() {
        match (is_quoted, letter) {
            (true, b'"') => is_quoted = letters.next_if_eq(&b'"').is_some(),
            (false, b'"') => is_quoted = is_begin,
            _ => {}
        }
        is_begin = !is_quoted && matches!(letter, b',' | b'\n' | b'\r');
    }
    is_quoted
}

/// The line that begins at a byte, without its end, and how long it is with that.
fn line_at(text: &str, at: usize) -> Option<(&str, usize)> {
    let line = text.get(at..)?.split_inclusive('\n').next()?;
    Some((line.trim_end_matches(['\n', '\r']), line.len()))
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
pub(super) fn exported_time(line: &str) -> Option<(i64, &str)> {
    /// `2026-11-21T08:00:00.000Z`
    const TIME_BYTES: usize = 24;
    let time = line.get(..TIME_BYTES).filter(|time| time.as_bytes().get(10) == Some(&b'T') && time.ends_with('Z'))?;
    let rest = line.get(TIME_BYTES..)?;
    let message = if rest.is_empty() { rest } else { rest.strip_prefix(' ')? };
    Some((time.parse::<jiff::Timestamp>().ok()?.as_millisecond(), message))
}

/// The folder that an export lays a stream into: its name with `-` in the place of `/`, which Lambda's names tell.
pub(super) fn exported_stream(path: &Path) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_closed_as_it_stood() {
        for (opened, closed) in [
            (
                r#"{ "b" : [ 1.10 , 12345678901234567890123 ] , "a" : 1e400 }"#,
                r#"{"b":[1.10,12345678901234567890123],"a":1e400}"#,
            ),
            ("{\n  \"a b\": \"x \\\" y\\\\\" }", "{\"a b\":\"x \\\" y\\\\\"}"),
            ("[ ]", "[]"),
        ] {
            assert_eq!(without_space(opened), closed, "{opened}");
        }
    }

    #[test]
    fn csv_that_is_cut_off_within_quotes_is_told() {
        for (record, is_cut) in [
            ("a,b\n", false),
            ("a,\"b\nc\"\n", false),
            ("a,\"b", true),
            ("a,\"b\"\"", true),
            ("a,\"\"\"b\"\"\"", false),
            ("a,b\"c", false),
            ("\"", true),
            ("\"\"", false),
        ] {
            assert_eq!(ends_within_quotes(record), is_cut, "{record:?}");
        }
    }
}
