//! Puts what comes from many places into the order of time, as far as that is possible without waiting long. It refuses to
//! read a clock, to hold anything longer than [`HOLD`], and to grow beyond its bounds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// How long a record waits for older ones. Sessions tell every second what came (StartLiveTail); twice that lets all of them
/// speak once. What comes later stands where it came.
pub(super) const HOLD: Duration = Duration::from_secs(2);
/// Records that wait at most, and bytes of their texts: beyond, the oldest go. 5 sessions of 500 events a second in each of
/// four regions fit.
const HELD_MAX: usize = 20_000;
const HELD_BYTES_MAX: usize = 64 << 20;

/// When it happened, and as the how-manieth it came: what happened at the same time stays as it came.
type Key = (i64, u64);

struct Held<T> {
    item: T,
    bytes: usize,
}

/// Records that wait.
pub(super) struct Order<T> {
    held: BTreeMap<Key, Held<T>>,
    /// In the order of coming. What is not held any more stays here until its time is over, or until it stands first.
    arrivals: VecDeque<(Instant, Key)>,
    bytes: usize,
    count: u64,
}

impl<T> Default for Order<T> {
    fn default() -> Order<T> {
        Order { held: BTreeMap::new(), arrivals: VecDeque::new(), bytes: 0, count: 0 }
    }
}

impl<T> Order<T> {
    /// Takes an item of that time and so many bytes, which came now.
    pub(super) fn push(&mut self, time_unix_nano: i64, bytes: usize, item: T, now: Instant) {
        let key = (time_unix_nano, self.count);
        self.count += 1;
        self.bytes += bytes;
        self.held.insert(key, Held { item, bytes });
        self.arrivals.push_back((now + HOLD, key));
    }

    /// When something is to be released next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.arrivals.front().map(|(due, _)| *due)
    }

    /// What need not wait any longer, oldest first: what has waited its time, everything that is older, and the oldest of
    /// what is too much.
    pub(super) fn release(&mut self, now: Instant) -> Vec<T> {
        let mut newest: Option<Key> = None;
        while let Some((due, key)) = self.arrivals.front().copied() {
            match (self.held.contains_key(&key), due <= now) {
                (true, true) => newest = newest.max(Some(key)),
                (true, false) => break,
                (false, _) => {}
            }
            self.arrivals.pop_front();
        }
        let mut released = Vec::new();
        while let Some(first) = self.held.keys().next().copied()
            && (Some(first) <= newest || self.held.len() > HELD_MAX || self.bytes > HELD_BYTES_MAX)
        {
            released.extend(self.pop_first());
        }
        released
    }

    /// Everything, oldest first.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.arrivals.clear();
        std::iter::from_fn(|| self.pop_first()).collect()
    }

    fn pop_first(&mut self) -> Option<T> {
        let (_, held) = self.held.pop_first()?;
        self.bytes -= held.bytes;
        Some(held.item)
    }
}
