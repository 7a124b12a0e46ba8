//! Which events were shown, for as long as they may come again: the newest so many, by their digests. It refuses to grow.

use std::collections::{HashSet, VecDeque};

use twox_hash::XxHash3_128;

/// Events that are remembered. Polling reads some minutes again, in which five calls a second seldom bring more; an event
/// beyond would be shown twice, which is better than memory without end. It takes about 50 MB, where so many come.
const SEEN_MAX: usize = 1_000_000;

/// The events seen last.
#[derive(Debug)]
pub(super) struct Seen {
    keys: HashSet<u128>,
    order: VecDeque<u128>,
    max: usize,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen::of_at_most(SEEN_MAX)
    }
}

impl Seen {
    /// Remembers so many, at least one.
    pub(super) fn of_at_most(max: usize) -> Seen {
        Seen { keys: HashSet::new(), order: VecDeque::new(), max: max.max(1) }
    }

    /// Remembers an event; tells whether it is new.
    pub(super) fn insert(&mut self, key: u128) -> bool {
        let is_new = self.keys.insert(key);
        if is_new {
            self.order.push_back(key);
            if self.order.len() > self.max
                && let Some(oldest) = self.order.pop_front()
            {
                self.keys.remove(&oldest);
            }
        }
        is_new
    }

    pub(super) fn contains(&self, key: u128) -> bool {
        self.keys.contains(&key)
    }

    /// Remembers what the other does, too.
    pub(super) fn extend(&mut self, other: Seen) {
        for key in other.order {
            self.insert(key);
        }
    }
}

/// The digest of parts that belong together, in which no two lists of parts are alike: each is preceded by its length.
pub(super) fn digest(parts: &[&[u8]]) -> u128 {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + size_of::<u64>()).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    XxHash3_128::oneshot(&bytes)
}

/// What an event is by all that it says of itself: two equal lines of one stream in one millisecond are the same.
pub(super) fn content(group: &str, stream: &str, timestamp_ms: Option<i64>, message: &str) -> u128 {
    let time = timestamp_ms.map(i64::to_le_bytes);
    let time = time.as_ref().map_or(&[][..], |bytes| &bytes[..]);
    digest(&[group.as_bytes(), stream.as_bytes(), time, message.as_bytes()])
}
