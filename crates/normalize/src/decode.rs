//! From the bytes that a Lambda, a file or a failed-events folder holds to the CloudWatch documents inside: Lambda
//! event, bare document or gzip of either, one or several behind each other.
//!
//! It refuses to look into messages, and to hand out half a payload: either every document was read or the error says
//! what is wrong and where.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use crate::gunzip::{GunzipError, gunzip};
use crate::json::{NotJson, Tape, UNESCAPE_ROOM, skip_space, string_end, unescape_in_place, unescaped};
use crate::limits::{DECODED_BYTES_MAX, NAME_BYTES_MAX};

/// Why a payload cannot be read. `item` counts the values that stand behind each other in it, from 1; bytes count
/// from 0 within the text named.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// There is nothing in it but white space.
    #[error("the payload is empty")]
    Empty,
    /// It decodes to more than the limit.
    #[error("the payload decodes to more than {limit_bytes} bytes; a CloudWatch batch never does")]
    TooLarge {
        /// The limit that was passed in.
        limit_bytes: usize,
    },
    /// The gzip stream ends early or is damaged.
    #[error("{place}: gzip stream is {fault}")]
    Gzip {
        /// Which text holds it.
        place: String,
        /// `truncated`, or what the decoder says.
        fault: String,
    },
    /// `awslogs.data` is not base64.
    #[error("item {item}: awslogs.data is not base64")]
    Base64 {
        /// Which item.
        item: usize,
    },
    /// The text is not JSON.
    #[error("{place}: not JSON at byte {at}")]
    NotJson {
        /// Which text.
        place: String,
        /// The byte.
        at: usize,
    },
    /// JSON, but not what CloudWatch Logs sends.
    #[error("{place}: neither a Lambda event (`awslogs.data`) nor a subscription document (`logEvents`) at byte {at}")]
    NotCloudWatch {
        /// Which text.
        place: String,
        /// Where the value begins.
        at: usize,
    },
    /// A field is missing, of the wrong type or longer than the service allows.
    #[error("{place}: {field} is {fault}")]
    Field {
        /// Which text.
        place: String,
        /// The field's path, for example `logEvents[3].id`.
        field: String,
        /// What is wrong with it.
        fault: &'static str,
    },
}

/// A decoded payload: the texts and where the documents stand in them.
#[derive(Debug)]
pub struct Payload {
    texts: Vec<String>,
    documents: Vec<Spans>,
}

#[derive(Debug)]
struct Spans {
    text: usize,
    is_control: bool,
    owner: String,
    log_group: String,
    log_stream: String,
    events: Vec<EventSpan>,
}

/// Where an event's parts stand. Kept small, because a payload within the limit may hold over a million events.
#[derive(Clone, Copy, Debug, Default)]
struct EventSpan {
    timestamp_ms: Option<i64>,
    id: (u32, u32),
    message: (u32, u32),
    extracted_fields: (u32, u32),
}

/// One subscription document: consecutive events of one log stream.
#[derive(Clone, Copy, Debug)]
pub struct Document<'p> {
    text: &'p str,
    spans: &'p Spans,
}

/// One log event as it stands in its document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'p> {
    pub id: &'p str,
    pub timestamp_ms: Option<i64>,
    pub message: &'p str,
    /// JSON text of the `extractedFields` object, if there is one.
    pub extracted_fields: Option<&'p str>,
}

impl Payload {
    /// The documents in the order in which they stand, control messages among them.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = Document<'_>> {
        self.documents.iter().map(|spans| Document { text: &self.texts[spans.text], spans })
    }

    /// Bytes of decoded text.
    pub fn decoded_bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }
}

impl<'p> Document<'p> {
    /// Whether this is a reachability check: nothing to store, not an error.
    pub fn is_control(&self) -> bool {
        self.spans.is_control
    }

    /// Account that owns the group; empty where the document does not say.
    pub fn owner(&self) -> &'p str {
        &self.spans.owner
    }

    /// Log group.
    pub fn log_group(&self) -> &'p str {
        &self.spans.log_group
    }

    /// Log stream.
    pub fn log_stream(&self) -> &'p str {
        &self.spans.log_stream
    }

    /// How many log events are to be stored: none of a control message.
    pub fn event_count(&self) -> usize {
        if self.spans.is_control { 0 } else { self.spans.events.len() }
    }

    /// Id and CloudWatch timestamp (milliseconds since 1970, where stated) of every event to be stored: enough to
    /// recognise a batch that came before.
    pub fn event_keys(&self) -> impl Iterator<Item = (&'p str, Option<i64>)> {
        self.events().map(|event| (event.id, event.timestamp_ms))
    }

    /// The region that `extractedFields` of the first event name, if they do.
    pub fn extracted_region(&self) -> Option<String> {
        let fields = self.events().next()?.extracted_fields?;
        let mut tape = Tape::default();
        tape.parse(fields).ok()?;
        let region = tape.get(fields, 0, crate::normalize::EXTRACTED_REGION)?;
        tape.string(fields, region).filter(|region| !region.is_empty()).map(Cow::into_owned)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'p>> {
        let (text, spans) = (self.text, self.spans);
        let slice = move |(start, end): (u32, u32)| &text[start as usize..end as usize];
        spans.events.iter().filter(|_| !spans.is_control).map(move |event| Event {
            id: slice(event.id),
            timestamp_ms: event.timestamp_ms,
            message: slice(event.message),
            extracted_fields: (event.extracted_fields.1 > 0).then(|| slice(event.extracted_fields)),
        })
    }
}

/// Reads a payload of at most [`DECODED_BYTES_MAX`] decoded bytes.
///
/// # Errors
/// A [`DecodeError`] that names the item and the byte; then nothing of the payload is handed out.
pub fn decode(payload: &[u8]) -> Result<Payload, DecodeError> {
    decode_within(payload, DECODED_BYTES_MAX)
}

/// As [`decode`], with another limit on the decoded bytes.
///
/// # Errors
/// As [`decode`].
pub fn decode_within(payload: &[u8], decoded_bytes_max: usize) -> Result<Payload, DecodeError> {
    let mut room = decoded_bytes_max;
    let place = "the payload";
    let bytes = inflate(payload, decoded_bytes_max, &mut room, || place.to_owned())?;
    // What was inflated has been counted; of the rest only documents count, which stand in this very text.
    let uncounted_bytes = if matches!(bytes, Cow::Borrowed(_)) { bytes.len() } else { 0 };
    let mut decoded = Payload { texts: Vec::new(), documents: Vec::new() };
    // Documents that are not wrapped stand in the payload's own text, which is kept only then.
    let outer = 0;
    decoded.texts.push(String::new());
    let mut reader = Reader { text: utf8(bytes), place: place.to_owned(), tape: Tape::default() };
    let mut at = reader.start();
    let mut item = 0;
    let mut wrapped = Vec::new();
    let mut bare = false;
    while at < reader.text.len() {
        item += 1;
        let (found, end) = reader.item(at, outer)?;
        match found {
            Item::Document(spans) => {
                bare = true;
                decoded.documents.push(spans);
            }
            Item::Event(data) => wrapped.push((decoded.documents.len(), item, data)),
        }
        at = skip_space(&reader.text, end);
    }
    if item == 0 {
        return Err(DecodeError::Empty);
    }
    let mut inserted = 0;
    for (position, item, (start, end)) in wrapped {
        let index = decoded.texts.len();
        let data = &reader.text[start as usize..end as usize];
        let (inner, spans) = unwrap_event(data, item, index, decoded_bytes_max, &mut room)?;
        decoded.texts.push(inner);
        let position = position + inserted;
        inserted += spans.len();
        decoded.documents.splice(position..position, spans);
    }
    if bare {
        room.checked_sub(uncounted_bytes).ok_or(DecodeError::TooLarge { limit_bytes: decoded_bytes_max })?;
        decoded.texts[outer] = reader.into_text()?;
    }
    Ok(decoded)
}

/// Decodes the inside of one Lambda event; its documents are to stand in text number `index`.
fn unwrap_event(
    data: &[u8],
    item: usize,
    index: usize,
    limit_bytes: usize,
    room: &mut usize,
) -> Result<(String, Vec<Spans>), DecodeError> {
    // JSON may escape the slash, which base64 uses.
    let data = match memchr::memchr(b'\\', data) {
        Some(_) => Cow::Owned(unescaped(&String::from_utf8_lossy(data)).into_bytes()),
        None => Cow::Borrowed(data),
    };
    let place = || format!("item {item}: awslogs.data");
    let bytes = base64_simd::forgiving_decode_to_vec(&data).map_err(|_| DecodeError::Base64 { item })?;
    let bytes = match inflate(&bytes, limit_bytes, room, place)? {
        Cow::Owned(inflated) => inflated,
        Cow::Borrowed(_) => {
            *room = room.checked_sub(bytes.len()).ok_or(DecodeError::TooLarge { limit_bytes })?;
            bytes
        }
    };
    let mut reader = Reader { text: utf8(Cow::Owned(bytes)), place: place(), tape: Tape::default() };
    let mut spans = Vec::new();
    let mut at = reader.start();
    while at < reader.text.len() {
        match reader.item(at, index)? {
            (Item::Document(document), end) => {
                spans.push(document);
                at = skip_space(&reader.text, end);
            }
            (Item::Event(_), _) => return Err(DecodeError::NotCloudWatch { place: place(), at }),
        }
    }
    if spans.is_empty() {
        return Err(DecodeError::Field { place: format!("item {item}"), field: "awslogs.data".into(), fault: "empty" });
    }
    Ok((reader.into_text()?, spans))
}

/// The bytes, inflated where they are gzip into at most `room` bytes, which what came of it lessens.
fn inflate<'b>(
    bytes: &'b [u8],
    limit_bytes: usize,
    room: &mut usize,
    place: impl Fn() -> String,
) -> Result<Cow<'b, [u8]>, DecodeError> {
    let inflated = gunzip(bytes, *room).map_err(|error| match error {
        GunzipError::TooLarge => DecodeError::TooLarge { limit_bytes },
        fault => DecodeError::Gzip { place: place(), fault: fault.to_string() },
    })?;
    if let Cow::Owned(inflated) = &inflated {
        *room = room.saturating_sub(inflated.len());
    }
    Ok(inflated)
}

/// Bytes that are text. A byte that is no UTF-8 becomes the text `\xNN` (with its backslash escaped, since it stands in
/// a JSON string), so that one bad byte costs neither the batch nor itself.
fn utf8(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if simdutf8::basic::from_utf8(&bytes).is_ok() {
        return bytes;
    }
    let mut text = Vec::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        for byte in chunk.invalid() {
            text.extend_from_slice(format!("\\\\x{byte:02x}").as_bytes());
        }
    }
    Cow::Owned(text)
}

enum Item {
    Document(Spans),
    Event((u32, u32)),
}

/// The keys of the envelope that mean something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Awslogs,
    Data,
    MessageType,
    Owner,
    LogGroup,
    LogStream,
    LogEvents,
    Id,
    Timestamp,
    Message,
    ExtractedFields,
    Other,
}

impl Key {
    fn of(name: &[u8]) -> Key {
        match name {
            b"awslogs" => Key::Awslogs,
            b"data" => Key::Data,
            b"messageType" => Key::MessageType,
            b"owner" => Key::Owner,
            b"logGroup" => Key::LogGroup,
            b"logStream" => Key::LogStream,
            b"logEvents" => Key::LogEvents,
            b"id" => Key::Id,
            b"timestamp" => Key::Timestamp,
            b"message" => Key::Message,
            b"extractedFields" => Key::ExtractedFields,
            _ => Key::Other,
        }
    }
}

/// Reads the envelope key by key, without a token for every message. Escapes of messages are resolved where they stand,
/// so that every byte is looked at once.
struct Reader<'t> {
    /// Always UTF-8; copied when a message with escapes is found in a text that is not ours.
    text: Cow<'t, [u8]>,
    place: String,
    tape: Tape,
}

impl Reader<'_> {
    fn start(&self) -> usize {
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        let mark = if self.text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        skip_space(&self.text, mark)
    }

    /// The text with the escapes of its messages resolved.
    fn into_text(self) -> Result<String, DecodeError> {
        let place = self.place;
        String::from_utf8(self.text.into_owned())
            .map_err(|error| DecodeError::NotJson { place, at: error.utf8_error().valid_up_to() })
    }

    fn not_json(&self, fault: NotJson) -> DecodeError {
        DecodeError::NotJson { place: self.place.clone(), at: fault.at }
    }

    fn field(&self, field: impl Into<String>, fault: &'static str) -> DecodeError {
        DecodeError::Field { place: self.place.clone(), field: field.into(), fault }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn item(&mut self, at: usize, text: usize) -> Result<(Item, usize), DecodeError> {
        if self.byte(at) != Some(b'{') {
            // Say "not JSON" where it is not, and "not CloudWatch's" only where it is.
            self.skip(at)?;
            return Err(DecodeError::NotCloudWatch { place: self.place.clone(), at });
        }
        let mut data = None;
        let mut has_events = false;
        let mut spans = Spans {
            text,
            is_control: false,
            owner: String::new(),
            log_group: String::new(),
            log_stream: String::new(),
            events: Vec::new(),
        };
        let end = self.entries(at, &mut |reader, key, at| match key {
            Key::Awslogs if reader.byte(at) == Some(b'{') => reader.entries(at, &mut |reader, key, at| {
                let end = reader.skip(at)?;
                if key == Key::Data && reader.byte(at) == Some(b'"') {
                    data = Some((at as u32 + 1, end as u32 - 1));
                }
                Ok(end)
            }),
            Key::MessageType => {
                let (value, end) = reader.name(at, "messageType")?;
                spans.is_control = value == "CONTROL_MESSAGE";
                Ok(end)
            }
            Key::Owner => {
                let end;
                (spans.owner, end) = reader.name(at, "owner")?;
                Ok(end)
            }
            Key::LogGroup => {
                let end;
                (spans.log_group, end) = reader.name(at, "logGroup")?;
                Ok(end)
            }
            Key::LogStream => {
                let end;
                (spans.log_stream, end) = reader.name(at, "logStream")?;
                Ok(end)
            }
            Key::LogEvents => {
                has_events = true;
                reader.events(at, &mut spans.events)
            }
            _ => reader.skip(at),
        })?;
        match data {
            Some(data) => Ok((Item::Event(data), end)),
            None if has_events || spans.is_control => Ok((Item::Document(spans), end)),
            None => Err(DecodeError::NotCloudWatch { place: self.place.clone(), at }),
        }
    }

    /// Calls `each` with every key of the object at `at` and where its value begins; `each` says where it ends.
    fn entries(
        &mut self,
        at: usize,
        each: &mut dyn FnMut(&mut Self, Key, usize) -> Result<usize, DecodeError>,
    ) -> Result<usize, DecodeError> {
        let mut at = skip_space(&self.text, at + 1);
        if self.byte(at) == Some(b'}') {
            return Ok(at + 1);
        }
        loop {
            let bytes = &*self.text;
            if bytes.get(at) != Some(&b'"') {
                return Err(self.not_json(NotJson { at }));
            }
            let (end, escaped) = string_end(bytes, at + 1).map_err(|fault| self.not_json(fault))?;
            let name = &bytes[at + 1..end];
            let key =
                if escaped { Key::of(unescaped(&String::from_utf8_lossy(name)).as_bytes()) } else { Key::of(name) };
            let colon = skip_space(bytes, end + 1);
            if bytes.get(colon) != Some(&b':') {
                return Err(self.not_json(NotJson { at: colon }));
            }
            let value = skip_space(bytes, colon + 1);
            let end = each(self, key, value)?;
            at = skip_space(&self.text, end);
            match self.byte(at) {
                Some(b',') => at = skip_space(&self.text, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(self.not_json(NotJson { at })),
            }
        }
    }

    /// Checks the value at `at` and returns where it ends.
    fn skip(&mut self, at: usize) -> Result<usize, DecodeError> {
        let end = match self.byte(at) {
            Some(b'"') => string_end(&self.text, at + 1).map(|(end, _)| end + 1),
            _ => self.tape.skip_prefix(&self.text, at),
        };
        end.map_err(|fault| self.not_json(fault))
    }

    /// The value at `at` as it is written, and where it ends.
    fn source(&mut self, at: usize) -> Result<(Cow<'_, str>, usize), DecodeError> {
        let end = self.skip(at)?;
        Ok((String::from_utf8_lossy(&self.text[at..end]), end))
    }

    /// A short text that stands in every record; null counts as empty.
    fn name(&mut self, at: usize, field: &'static str) -> Result<(String, usize), DecodeError> {
        let (source, end) = self.source(at)?;
        let inside = source.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let value = match inside {
            Some(raw) => unescaped(raw),
            None if source == "null" => String::new(),
            None => return Err(self.field(field, "not a string")),
        };
        if value.len() > NAME_BYTES_MAX {
            return Err(self.field(field, "longer than CloudWatch allows"));
        }
        Ok((value, end))
    }

    fn events(&mut self, at: usize, events: &mut Vec<EventSpan>) -> Result<usize, DecodeError> {
        if self.byte(at) != Some(b'[') {
            return Err(self.field("logEvents", "not an array"));
        }
        let mut at = skip_space(&self.text, at + 1);
        if self.byte(at) == Some(b']') {
            return Ok(at + 1);
        }
        loop {
            let index = events.len();
            if self.byte(at) != Some(b'{') {
                self.skip(at)?;
                return Err(self.field(format!("logEvents[{index}]"), "not an object"));
            }
            let mut event = EventSpan::default();
            let mut has_id = false;
            let end = self.entries(at, &mut |reader, key, at| {
                let end = reader.event_entry(key, at, index, &mut event)?;
                has_id |= key == Key::Id;
                Ok(end)
            })?;
            if !has_id {
                return Err(self.field(format!("logEvents[{index}].id"), "missing"));
            }
            events.push(event);
            at = skip_space(&self.text, end);
            match self.byte(at) {
                Some(b',') => at = skip_space(&self.text, at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(self.not_json(NotJson { at })),
            }
        }
    }

    fn event_entry(&mut self, key: Key, at: usize, index: usize, event: &mut EventSpan) -> Result<usize, DecodeError> {
        let is_string = self.byte(at) == Some(b'"');
        if key == Key::Message && is_string {
            let (content, close) = self.message(at + 1)?;
            event.message = (content.start as u32, content.end as u32);
            return Ok(close + 1);
        }
        let end = self.skip(at)?;
        match key {
            // Not what CloudWatch sends; the JSON text stands for the message, so that it is not lost.
            Key::Message => event.message = (at as u32, end as u32),
            Key::Id => {
                let (start, close) = if is_string { (at + 1, end - 1) } else { (at, end) };
                let id = &self.text[start..close];
                if id.len() > NAME_BYTES_MAX || (is_string && memchr::memchr(b'\\', id).is_some()) {
                    return Err(self.field(format!("logEvents[{index}].id"), "not an event id"));
                }
                event.id = (start as u32, close as u32);
            }
            Key::Timestamp => {
                event.timestamp_ms = milliseconds(&self.text[at..end]);
            }
            Key::ExtractedFields if self.byte(at) == Some(b'{') => event.extracted_fields = (at as u32, end as u32),
            _ => {}
        }
        Ok(end)
    }

    /// The string whose content begins at `start`, escapes resolved: where the content and the closing quote are now.
    fn message(&mut self, start: usize) -> Result<(Range<usize>, usize), DecodeError> {
        // Its key is longer, and was read.
        const ROOM: usize = UNESCAPE_ROOM;
        const { assert!(ROOM < b"\"message\":\"".len()) };
        let read = match &mut self.text {
            Cow::Owned(text) => unescape_in_place(text, start, ROOM),
            Cow::Borrowed(text) => match string_end(text, start) {
                Ok((end, false)) => Ok((start..end, end)),
                Ok((_, true)) => unescape_in_place(self.text.to_mut(), start, ROOM),
                Err(fault) => Err(fault),
            },
        };
        read.map_err(|fault| self.not_json(fault))
    }
}

/// The number that a timestamp is written as: as good as always digits and nothing else.
fn milliseconds(source: &[u8]) -> Option<i64> {
    // As many digits as never exceed the type.
    const DIGITS_MAX: usize = 18;
    if (1..=DIGITS_MAX).contains(&source.len()) && source.iter().all(u8::is_ascii_digit) {
        return Some(source.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')));
    }
    let source = String::from_utf8_lossy(source);
    let source = source.trim_matches('"');
    source.parse::<i64>().ok().or_else(|| source.parse::<f64>().ok().map(|ms| ms as i64))
}
