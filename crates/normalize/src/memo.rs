//! What was found out about keys, kept from line to line: a logger writes the same few dozen keys in all of its lines.
//!
//! It refuses to guess: what it answers was worked out for this very key. Keys that collide cost their own working out.

/// Sets of two places each. A stream has some dozens of keys, so few of them share a set.
const SETS: usize = 128;

/// Bytes of the longest key that is kept: it is compared as four words, without a loop.
const KEY_BYTES_MAX: usize = 32;

/// A key as its first and its last bytes, which are all of it.
type Words = [u64; 4];

#[derive(Clone, Copy, Debug, Default)]
struct Place<V> {
    words: Words,
    /// Bytes of the key; zero where nothing is kept.
    length: usize,
    value: V,
}

/// See the module. Its memory is taken with the first key.
#[derive(Debug, Default)]
pub(crate) struct Memo<V> {
    sets: Vec<[Place<V>; 2]>,
}

impl<V: Copy + Default> Memo<V> {
    /// What `work_out` says of the key, or said of it before.
    #[inline]
    pub fn get(&mut self, key: &[u8], work_out: impl FnOnce() -> V) -> V {
        let Some(words) = words(key) else { return work_out() };
        let set = set_of(words, key.len());
        if let Some(places) = self.sets.get(set) {
            for place in places {
                // Word by word: arrays would be compared in memory, and wait for it.
                let [first, second, third, fourth] = place.words;
                if first == words[0]
                    && second == words[1]
                    && place.length == key.len()
                    && third == words[2]
                    && fourth == words[3]
                {
                    return place.value;
                }
            }
        }
        self.keep(set, Place { words, length: key.len(), value: work_out() })
    }

    #[cold]
    fn keep(&mut self, set: usize, place: Place<V>) -> V {
        self.sets.resize(SETS, Default::default());
        // The older of the two gives way.
        self.sets[set] = [place, self.sets[set][0]];
        place.value
    }
}

/// `None` of a key that is not kept.
#[inline]
fn words(key: &[u8]) -> Option<Words> {
    let word = |half: &[u8; 8]| u64::from_le_bytes(*half);
    let half = |quarter: &[u8; 4]| u64::from(u32::from_le_bytes(*quarter));
    if key.len() > KEY_BYTES_MAX {
        return None;
    }
    if let (Some(first), Some(last)) = (key.first_chunk::<16>(), key.last_chunk::<16>()) {
        let (first, last) = (u128::from_le_bytes(*first), u128::from_le_bytes(*last));
        return Some([first as u64, (first >> 64) as u64, last as u64, (last >> 64) as u64]);
    }
    if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        return Some([word(first), word(last), 0, 0]);
    }
    if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        return Some([half(first) | half(last) << 32, 0, 0, 0]);
    }
    match *key {
        [] => None,
        [only] => Some([u64::from(only), 0, 0, 0]),
        [first, .., last] => Some([u64::from(first) | u64::from(key[1]) << 8 | u64::from(last) << 16, 0, 0, 0]),
    }
}

#[inline]
fn set_of([first, second, third, fourth]: Words, length: usize) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (one, other) = (first ^ third.rotate_left(29), second ^ fourth.rotate_left(43) ^ length as u64);
    let mixed = u128::from(one ^ ODD) * u128::from(other.rotate_left(32) ^ ODD);
    (mixed as usize ^ (mixed >> 64) as usize) % SETS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_worked_out_once() {
        let mut memo = Memo::default();
        for length in 1..=KEY_BYTES_MAX {
            let key = "k".repeat(length);
            assert_eq!(memo.get(key.as_bytes(), || length), length);
            assert_eq!(memo.get(key.as_bytes(), || 0), length, "{key}");
        }
    }

    #[test]
    fn what_is_empty_or_long_is_worked_out_each_time() {
        let mut memo = Memo::default();
        for key in ["".to_owned(), "k".repeat(KEY_BYTES_MAX + 1)] {
            assert_eq!(memo.get(key.as_bytes(), || 1), 1);
            assert_eq!(memo.get(key.as_bytes(), || 2), 2);
        }
    }

    proptest! {
        /// Keys of few letters, so that many share beginnings, ends and sets.
        #[test]
        fn no_key_is_taken_for_another(keys in proptest::collection::vec("[ab]{0,34}", 0..400)) {
            let mut memo = Memo::default();
            let hash = |key: &str| key.bytes().fold(key.len() as u64, |hash, byte| hash.wrapping_mul(31) + u64::from(byte));
            for key in &keys {
                prop_assert_eq!(memo.get(key.as_bytes(), || hash(key)), hash(key));
            }
        }
    }
}
