//! From log events to the records that are wished: the events become the document that a subscription would have delivered,
//! and go the way that those go. It refuses to read a message in any other way.

use std::borrow::Cow;

use serde::Serialize;
use transect_normalize::{Normalizer, Origin, decode};
use transect_schema::Record;

use super::seen;

/// Bytes of messages in one document. JSON may take six times as many, and the decoder refuses 64 MiB; one event is at most
/// 1 MB (CloudWatch Logs quotas).
const DOCUMENT_BYTES_MAX: usize = 4 << 20;
/// What a record takes beside its longest texts, roughly.
const RECORD_BYTES: usize = 1 << 10;
/// OpenTelemetry's lowest number of an error.
const ERROR: i32 = 17;

/// Which records are shown: those that `transect logs` would show.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Services, or functions where no service is stated; any if empty.
    pub services: Vec<String>,
    /// OpenTelemetry's number of the least severity; records that failed count as errors, and those without a severity
    /// are not shown.
    pub severity_min: Option<i32>,
}

impl Wanted {
    pub(super) fn includes(&self, record: &Record<'_>) -> bool {
        let service = record.service_name.as_deref().or(record.faas_name.as_deref());
        let is_service =
            self.services.is_empty() || service.is_some_and(|name| self.services.iter().any(|wanted| wanted == name));
        let is_severe = self.severity_min.is_none_or(|least| {
            let failed = least <= ERROR && record.status_code.as_deref() == Some("ERROR");
            failed || record.severity_number.is_some_and(|severity| severity >= least)
        });
        record.signal == "log" && is_service && is_severe
    }
}

/// Where events come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'s> {
    /// Region that was asked.
    pub region: &'s str,
    /// Account that owns the log group; empty where it is unknown.
    pub owner: &'s str,
    /// Log group.
    pub group: &'s str,
    /// Log stream.
    pub stream: &'s str,
}

/// An event as CloudWatch Logs tells it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event<'e> {
    /// Its id, which polling tells and live tail does not.
    pub id: Cow<'e, str>,
    /// In milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// What was logged.
    pub message: &'e str,
}

impl<'e> Event<'e> {
    /// An event whose id nobody tells: it is made of what it says, so that it is the same wherever it is seen, and says
    /// itself that it is not CloudWatch's.
    pub(super) fn without_id(source: &Source<'_>, timestamp: Option<i64>, message: &'e str) -> Event<'e> {
        let content = seen::content(source.group, source.stream, timestamp, message);
        Event { id: Cow::Owned(format!("live-{content:032x}")), timestamp, message }
    }
}

/// The document of a subscription.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    message_type: &'static str,
    owner: &'d str,
    log_group: &'d str,
    log_stream: &'d str,
    log_events: &'d [Event<'d>],
}

/// Reads events and keeps what is wished.
pub(super) struct Reader {
    normalizer: Normalizer,
    wanted: Wanted,
}

impl Reader {
    pub(super) fn new(normalizer: Normalizer, wanted: Wanted) -> Reader {
        Reader { normalizer, wanted }
    }

    /// Appends the records of the events. `now_unix_nano` stands for the time of an event without one.
    ///
    /// # Errors
    /// Some events cannot be read, in words without their text; the others are there all the same.
    pub(super) fn read(
        &self,
        source: &Source<'_>,
        events: &[Event<'_>],
        now_unix_nano: i64,
        records: &mut Vec<Record<'static>>,
    ) -> Result<(), String> {
        let mut outcome = Ok(());
        let mut rest = events;
        while !rest.is_empty() {
            let (part, others) = rest.split_at(fitting(rest));
            rest = others;
            if let Err(reason) = self.read_part(source, part, now_unix_nano, records) {
                outcome = Err(format!("{} events of {} cannot be read: {reason}", part.len(), source.group));
            }
        }
        outcome
    }

    fn read_part(
        &self,
        source: &Source<'_>,
        events: &[Event<'_>],
        now_unix_nano: i64,
        records: &mut Vec<Record<'static>>,
    ) -> Result<(), String> {
        let document = Document {
            message_type: "DATA_MESSAGE",
            owner: source.owner,
            log_group: source.group,
            log_stream: source.stream,
            log_events: events,
        };
        let document = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
        let payload = decode(&document).map_err(|error| error.to_string())?;
        let origin = Origin { region: source.region, account: None, now_unix_nano };
        for document in payload.documents() {
            self.normalizer.normalize(document, &origin, &mut |record| {
                if self.wanted.includes(record) {
                    records.push(record.clone().into_owned());
                }
            });
        }
        Ok(())
    }
}

/// How many of the events one document takes, at least one.
pub(super) fn fitting(events: &[Event<'_>]) -> usize {
    let mut bytes = 0;
    let fits = events.iter().take_while(|event| {
        bytes += event.message.len();
        bytes <= DOCUMENT_BYTES_MAX
    });
    fits.count().max(1)
}

/// Bytes that a record takes, by its longest texts.
pub(super) fn text_bytes(record: &Record<'_>) -> usize {
    let texts = [&record.body, &record.attributes, &record.exception_stacktrace, &record.exception_message];
    texts.into_iter().flatten().map(|text| text.len()).sum::<usize>() + RECORD_BYTES
}
