//! CloudWatch's side of the sample: log streams fill up and are handed over as payloads, some of them twice, some
//! lines late. It refuses to know what happens in the shop.
//!
//! Memory is bounded by what is open at one time: at most one payload of events a live stream, the late lines of
//! [`LATE_LINES_MAX`] and the payloads that wait a few minutes for their second delivery.

use std::collections::{BTreeMap, VecDeque};

use crate::Payload;
use crate::payload::{Event, EventIds, control_document, data_document};
use crate::random::Random;
use crate::story::{LATE_LINES_MAX, REDELIVERED_SHARE, Region};
use crate::time::{US_PER_MINUTE, US_PER_MS};

/// A payload waits for more events of its stream for a simulated minute for every so many that it may hold.
const EVENTS_PER_WAITING_MINUTE: i64 = 40;
/// CloudWatch tries again minutes later; no more than so many payloads wait for that at a time.
const REDELIVERY_FROM_US: i64 = US_PER_MINUTE;
const REDELIVERY_UNTIL_US: i64 = 5 * US_PER_MINUTE;
const REDELIVERIES_WAITING_MAX: usize = 64;

/// A log stream that is open for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey(usize);

/// What was delivered so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) payloads: u64,
    pub(crate) control_messages: u64,
    pub(crate) redelivered_payloads: u64,
    pub(crate) redelivered_events: u64,
    pub(crate) late_events: u64,
    /// Distinct events, in the order of [`Region::ALL`].
    pub(crate) events: [u64; 3],
}

struct Line {
    at_ms: i64,
    start: usize,
    end: usize,
}

struct Stream {
    region: Region,
    label: &'static str,
    log_group: &'static str,
    log_stream: String,
    lines: Vec<Line>,
    text: String,
    /// Time of the earliest line that waits.
    oldest_us: i64,
}

impl Stream {
    fn append(&mut self, at_us: i64, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        if self.lines.is_empty() || at_us < self.oldest_us {
            self.oldest_us = at_us;
        }
        self.lines.push(Line { at_ms: at_us / US_PER_MS, start, end: self.text.len() });
    }

    /// Forgets the first `count` lines.
    fn forget(&mut self, count: usize) {
        if count == self.lines.len() {
            self.lines.clear();
            self.text.clear();
            return;
        }
        let mut kept = String::with_capacity(self.text.len());
        self.lines.drain(..count);
        for line in &mut self.lines {
            let start = kept.len();
            kept.push_str(&self.text[line.start..line.end]);
            (line.start, line.end) = (start, kept.len());
        }
        self.text = kept;
        self.oldest_us = self.lines.first().map_or(0, |line| line.at_ms * US_PER_MS);
    }
}

/// Where the lines of one invocation, task or trace go. It counts those by which the order is found: that carry an id, or
/// stand in the stream of an invocation while it runs.
pub(crate) struct Log<'l> {
    stream: &'l mut Stream,
    linked: &'l mut u64,
}

impl Log<'_> {
    /// A line that carries an id of its order: trace, correlation or request id.
    pub(crate) fn line(&mut self, at_us: i64, write: impl FnOnce(&mut String)) {
        *self.linked += 1;
        self.stream.append(at_us, write);
    }

    /// A line without an id that an invocation writes while it runs: its stream tells whose it is.
    pub(crate) fn line_of_stream(&mut self, at_us: i64, write: impl FnOnce(&mut String)) {
        self.line(at_us, write);
    }

    /// A line that nothing says the order of.
    pub(crate) fn line_without_id(&mut self, at_us: i64, write: impl FnOnce(&mut String)) {
        self.stream.append(at_us, write);
    }
}

/// A payload that waits for its second delivery.
struct Redelivery {
    due_us: i64,
    region: Region,
    label: &'static str,
    document: Vec<u8>,
    events: u64,
}

pub(crate) struct Delivery<'e> {
    each: &'e mut dyn FnMut(Payload),
    events_per_payload: usize,
    wait_us: i64,
    random: Random,
    ids: EventIds,
    streams: Vec<Option<Stream>>,
    free: Vec<usize>,
    names: [u64; 3],
    /// Lines that a log agent holds back, by the time at which it brings them.
    late: BTreeMap<(i64, u64), (StreamKey, String)>,
    redeliveries: VecDeque<Redelivery>,
    pub(crate) delivered: Delivered,
}

impl<'e> Delivery<'e> {
    pub(crate) fn new(events_per_payload: usize, mut random: Random, each: &'e mut dyn FnMut(Payload)) -> Self {
        Delivery {
            each,
            events_per_payload,
            wait_us: US_PER_MINUTE * (events_per_payload as i64 / EVENTS_PER_WAITING_MINUTE).max(1),
            ids: EventIds::new(random.bits()),
            random,
            streams: Vec::new(),
            free: Vec::new(),
            names: [0; 3],
            late: BTreeMap::new(),
            redeliveries: VecDeque::new(),
            delivered: Delivered::default(),
        }
    }

    /// Opens a log stream. `label` begins the names of its payloads.
    pub(crate) fn open(
        &mut self,
        region: Region,
        label: &'static str,
        log_group: &'static str,
        log_stream: String,
    ) -> StreamKey {
        let stream =
            Stream { region, label, log_group, log_stream, lines: Vec::new(), text: String::new(), oldest_us: 0 };
        let index = self.free.pop().unwrap_or(self.streams.len());
        if index == self.streams.len() {
            self.streams.push(None);
        }
        self.streams[index] = Some(stream);
        StreamKey(index)
    }

    /// Delivers what is left in a stream and closes it.
    pub(crate) fn close(&mut self, key: StreamKey) {
        self.deliver_while(key.0, 1);
        self.streams[key.0] = None;
        self.free.push(key.0);
    }

    /// Writes lines to an open stream and delivers what became full. `linked` grows by the lines that carry an id.
    pub(crate) fn write(&mut self, key: StreamKey, linked: &mut u64, lines: impl FnOnce(&mut Log<'_>)) {
        if let Some(stream) = &mut self.streams[key.0] {
            lines(&mut Log { stream, linked });
        }
        self.deliver_while(key.0, self.events_per_payload);
    }

    /// Holds a line back until `due_us`, unless the agent's disk is full. Returns whether it was held.
    pub(crate) fn hold_back(&mut self, key: StreamKey, due_us: i64, line: &str) -> bool {
        if self.late.len() >= LATE_LINES_MAX {
            return false;
        }
        self.delivered.late_events += 1;
        self.late.insert((due_us, self.delivered.late_events), (key, line.to_owned()));
        true
    }

    /// Checks that the destination of a region answers.
    pub(crate) fn control_message(&mut self, region: Region, now_us: i64) {
        let document = control_document(now_us / US_PER_MS, &mut self.ids);
        self.delivered.control_messages += 1;
        self.hand_over(region, "control", document);
    }

    /// Delivers what has waited long enough at `now_us`.
    pub(crate) fn tick(&mut self, now_us: i64) {
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= now_us
        {
            let ((due_us, _), (key, line)) = entry.remove_entry();
            // Counted with the order that wrote it.
            self.write(key, &mut 0, |log| log.line_without_id(due_us, |out| out.push_str(&line)));
        }
        for index in 0..self.streams.len() {
            let waited = self.streams[index]
                .as_ref()
                .is_some_and(|stream| !stream.lines.is_empty() && stream.oldest_us + self.wait_us <= now_us);
            if waited {
                self.deliver_while(index, 1);
            }
        }
        while let Some(again) = self.redeliveries.pop_front_if(|again| again.due_us <= now_us) {
            self.delivered.redelivered_payloads += 1;
            self.delivered.redelivered_events += again.events;
            self.hand_over(again.region, again.label, again.document);
        }
    }

    /// Delivers everything.
    pub(crate) fn finish(mut self) -> Delivered {
        self.tick(i64::MAX);
        self.delivered
    }

    /// Delivers payloads of a stream while at least so many of its lines wait.
    fn deliver_while(&mut self, index: usize, lines_min: usize) {
        while let Some(stream) = &mut self.streams[index]
            && stream.lines.len() >= lines_min.max(1)
        {
            // Lines of one request are written together, so those of a stream that many share are a little out of
            // order; CloudWatch's are not.
            stream.lines.sort_by_key(|line| line.at_ms);
            let count = stream.lines.len().min(self.events_per_payload);
            let events = stream.lines[..count]
                .iter()
                .map(|line| Event { at_ms: line.at_ms, message: &stream.text[line.start..line.end] });
            let bytes_guess = 256 + 160 * count + stream.text.len() * 5 / 4;
            let document = data_document(stream.log_group, &stream.log_stream, events, &mut self.ids, bytes_guess);
            let last_us = stream.lines[count - 1].at_ms * US_PER_MS;
            stream.forget(count);
            let (region, label) = (stream.region, stream.label);
            self.delivered.events[region as usize] += count as u64;
            self.redeliver_some(region, label, &document, count as u64, last_us);
            self.hand_over(region, label, document);
        }
    }

    /// Some payloads are delivered a second time, minutes after the last of their events.
    fn redeliver_some(&mut self, region: Region, label: &'static str, document: &[u8], events: u64, last_us: i64) {
        if !self.random.chance(REDELIVERED_SHARE) || self.redeliveries.len() >= REDELIVERIES_WAITING_MAX {
            return;
        }
        let due_us = last_us + self.random.between(REDELIVERY_FROM_US, REDELIVERY_UNTIL_US);
        // The queue is in the order of time.
        let due_us = self.redeliveries.back().map_or(due_us, |waiting| waiting.due_us.max(due_us));
        self.redeliveries.push_back(Redelivery { due_us, region, label, document: document.to_vec(), events });
    }

    fn hand_over(&mut self, region: Region, label: &str, document: Vec<u8>) {
        let number = &mut self.names[region as usize];
        *number += 1;
        self.delivered.payloads += 1;
        (self.each)(Payload { region: region.name(), name: format!("{label}-{number:06}.json"), document });
    }
}
