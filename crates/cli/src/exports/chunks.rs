//! A saved file as the documents that a subscription would have sent, some megabytes at a time. It refuses to hand out any of a
//! file before all of it was looked through: a fault at its end leaves none of it in the lake.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use transect_normalize::{DecodeError, Payload, decode_within};
use transect_schema::write_json_string;
use twox_hash::XxHash3_128;

use super::{Export, Fault, Kind, Saved};

/// Text of documents that is made at once, before it is decoded and let go.
const CHUNK_BYTES: usize = 4 << 20;
/// How much longer than its file a chunk may be: a message that is longer than one makes it so, and each of its bytes may be six as
/// JSON.
const CHUNK_TIMES_MAX: usize = 7;

/// What was found of a file that is whole.
pub struct Checked {
    /// How many events it has.
    pub events: u64,
    /// Sorted; the digests of events that may stand there more than once, half of each.
    twice: Vec<u64>,
    /// Where the file may be one of several.
    page: Option<Page>,
}

/// A page of an answer, or a part of an export. What it begins and ends with may go on in another one, where equal events are
/// others: they are told apart by the page that they stand in.
struct Page {
    digest: u64,
    first_ms: i64,
    last_ms: i64,
}

impl Export<'_> {
    /// Looks through all of it.
    ///
    /// # Errors
    /// What is wrong with it, before any of it is handed out.
    pub fn check(&self) -> Result<Checked, Fault> {
        let mut digests = Vec::new();
        let (mut first_ms, mut last_ms) = (i64::MAX, i64::MIN);
        let mut page = XxHash3_128::with_seed(0);
        let mut id = |event: &Saved<'_>| {
            let digest = digest_of(event);
            digests.push(half(digest));
            page.write(&digest.to_le_bytes());
            (first_ms, last_ms) = (first_ms.min(event.timestamp_ms), last_ms.max(event.timestamp_ms));
            // As long as those that it will have.
            named(digest, Some(0), 0)
        };
        let events = self.chunks(&mut id, &mut |_| Ok::<_, Fault>(()))?;
        digests.sort_unstable();
        let mut twice: Vec<u64> = digests.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        twice.dedup();
        let is_page = matches!(self.kind, Kind::GetLogEvents | Kind::S3Export);
        let page = is_page.then(|| Page { digest: half(page.finish_128()), first_ms, last_ms });
        Ok(Checked { events, twice, page })
    }

    /// Hands out the documents of a file that was looked through, in the order in which their events stand there.
    ///
    /// # Errors
    /// Those of `take`, and no other.
    pub fn each<E: From<Fault>>(
        &self,
        checked: &Checked,
        take: &mut dyn FnMut(&Payload) -> Result<(), E>,
    ) -> Result<(), E> {
        // Equal events are told apart by how many of them came before.
        let mut seen: HashMap<u128, u32> = HashMap::new();
        let mut id = |event: &Saved<'_>| {
            let digest = digest_of(event);
            let mut before = 0;
            if checked.twice.binary_search(&half(digest)).is_ok() {
                let count = seen.entry(digest).or_default();
                before = *count;
                *count += 1;
            }
            let at_end = |page: &&Page| [page.first_ms, page.last_ms].contains(&event.timestamp_ms);
            named(digest, checked.page.as_ref().filter(at_end).map(|page| page.digest), before)
        };
        self.chunks(&mut id, take).map(drop)
    }

    /// Hands out chunk by chunk, and how many events there are; `id` makes one for an event that has none.
    fn chunks<E: From<Fault>>(
        &self,
        id: &mut dyn FnMut(&Saved<'_>) -> String,
        take: &mut dyn FnMut(&Payload) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (mut chunk, mut first, mut number) = (Chunk::default(), 1, 0);
        let mut hand_out =
            |chunk: &mut Chunk, first: u64| take(&self.decoded(chunk).map_err(|error| self.fault_from(first, &error))?);
        for event in self.events() {
            let event = event?;
            number += 1;
            let id = event.id.clone().map_or_else(|| id(&event), Cow::into_owned);
            chunk.add(&event, &id);
            if chunk.bytes >= CHUNK_BYTES {
                hand_out(&mut chunk, first)?;
                first = number + 1;
            }
        }
        if chunk.bytes > 0 {
            hand_out(&mut chunk, first)?;
        }
        Ok(number)
    }

    fn decoded(&self, chunk: &mut Chunk) -> Result<Payload, DecodeError> {
        decode_within(&chunk.render(), self.bytes_max.saturating_mul(CHUNK_TIMES_MAX))
    }

    /// What is wrong in the chunk that begins with this event, by the event: a place in the text that was made of them is none in
    /// the file.
    fn fault_from(&self, first: u64, error: &DecodeError) -> Fault {
        let events = (1..).zip(self.events()).skip_while(|(number, _)| *number < first);
        let found = events.filter_map(|(number, event)| {
            let mut alone = Chunk::default();
            let event = event.ok()?;
            alone.add(&event, event.id.as_deref().unwrap_or_default());
            Some((number, self.decoded(&mut alone).err()?))
        });
        let (number, error) = found.into_iter().next().unwrap_or((first, error.clone()));
        Fault::Decode(self.kind, number, fault_of(&error))
    }
}

/// What is wrong, without the place.
fn fault_of(error: &DecodeError) -> String {
    match error {
        DecodeError::Field { field, fault, .. } => {
            let field = field.rsplit('.').next().unwrap_or_default();
            format!("{field} is {fault}")
        }
        other => other.to_string(),
    }
}

fn digest_of(event: &Saved<'_>) -> u128 {
    let mut digest = XxHash3_128::with_seed(0);
    for part in [&event.group, &event.stream, &event.message] {
        digest.write(part.as_bytes());
        digest.write(&[0]);
    }
    digest.write(&event.timestamp_ms.to_le_bytes());
    digest.finish_128()
}

fn half(digest: u128) -> u64 {
    u64::try_from(digest >> 64).unwrap_or_default()
}

fn named(digest: u128, page: Option<u64>, before: u32) -> String {
    match page {
        Some(page) => format!("saved-{digest:032x}-{page:016x}-{before}"),
        None => format!("saved-{digest:032x}-{before}"),
    }
}

/// The events of each stream, as text at once.
#[derive(Default)]
struct Chunk {
    /// By account, group and stream.
    streams: BTreeMap<[String; 3], Vec<u8>>,
    bytes: usize,
}

impl Chunk {
    fn add(&mut self, event: &Saved<'_>, id: &str) {
        let stream = [&event.account, &event.group, &event.stream].map(|part| part.clone().into_owned());
        let events = self.streams.entry(stream).or_default();
        let before = events.len();
        if !events.is_empty() {
            events.push(b',');
        }
        events.extend_from_slice(b"{\"id\":");
        write_json_string(id, events);
        events.extend_from_slice(format!(",\"timestamp\":{},\"message\":", event.timestamp_ms).as_bytes());
        write_json_string(&event.message, events);
        events.push(b'}');
        self.bytes += events.len() - before;
    }

    /// Its documents; it is empty then.
    fn render(&mut self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.bytes + self.bytes / 8);
        for ([account, group, stream], events) in std::mem::take(&mut self.streams) {
            text.extend_from_slice(b"{\"messageType\":\"DATA_MESSAGE\"");
            for (name, value) in [("owner", account), ("logGroup", group), ("logStream", stream)] {
                text.extend_from_slice(format!(",\"{name}\":").as_bytes());
                write_json_string(&value, &mut text);
            }
            text.extend_from_slice(b",\"subscriptionFilters\":[],\"logEvents\":[");
            text.extend_from_slice(&events);
            text.extend_from_slice(b"]}\n");
        }
        self.bytes = 0;
        text
    }
}
