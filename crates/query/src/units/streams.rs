//! The calls of streams, for counting: which failures belong to which invocation, and which of Lambda's
//! lines were printed by somebody else. Pure; whose a line is decides [`calls_of`]. It refuses to keep what is not needed
//! for that: of services that are not asked for, the marks of those streams alone in which something failed.

use std::collections::BTreeSet;

use twox_hash::XxHash3_128;

use super::tally::{PlainMap, PlainSet};
use transect_trace::calls::{LineKind, StreamLine, calls_of};

/// Digits of the event ids of CloudWatch.
const EVENT_DIGITS: usize = 56;

/// An event id, in the order of the texts, small where it is CloudWatch's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EventOrder {
    /// Two digits a byte, and the number of what was derived of the event.
    Digits([u8; EVENT_DIGITS / 2], u32),
    Text(Box<str>),
}

impl EventOrder {
    pub(super) fn of(text: &str) -> EventOrder {
        let (id, derived) = text.split_once('/').unwrap_or((text, "0"));
        let digits = id.as_bytes();
        let derived = derived.parse().ok().filter(|_| digits.len() == EVENT_DIGITS);
        match derived.filter(|_| digits.iter().all(u8::is_ascii_digit)) {
            Some(derived) => {
                let mut packed = [0; EVENT_DIGITS / 2];
                for (byte, pair) in packed.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = (pair[0] - b'0') << 4 | (pair[1] - b'0');
                }
                EventOrder::Digits(packed, derived)
            }
            None => EventOrder::Text(text.into()),
        }
    }
}

/// A stream by the digest of its region, group and name.
pub(super) type StreamNumber = u128;

/// Returns the number of a name that makes up a stream.
pub(super) fn stream_part(text: &str) -> u128 {
    XxHash3_128::oneshot(text.as_bytes()).max(1)
}

/// Returns the number of the stream of a region, a group and a name.
pub(super) fn stream_number([region, group, name]: [u128; 3]) -> StreamNumber {
    const ODD: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
    let mixed = region.wrapping_mul(ODD) ^ group.rotate_left(41);
    mixed.wrapping_mul(ODD) ^ name
}

/// A failed line, other than a mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamFailure {
    /// The location that it lies in: its call is counted with that.
    pub(super) place: usize,
    pub(super) emitter: u32,
    pub(super) is_asked: bool,
    /// Lambda says it, and no program.
    pub(super) is_platform: bool,
    pub(super) trace: u128,
    pub(super) span: u64,
}

/// A mark, or another line that says that something failed.
#[derive(Clone, Debug)]
pub(super) struct StreamRow {
    pub(super) observed_unix_nano: i64,
    pub(super) event: EventOrder,
    pub(super) time_unix_nano: i64,
    pub(super) kind: LineKind,
    /// 0 if it names none.
    pub(super) invocation: u128,
    pub(super) is_shared: bool,
    pub(super) failure: Option<Box<StreamFailure>>,
}

/// A mark as it is known by what is read for counting.
pub(super) type MarkKey = (u128, i64, u8);

/// Rows by stream.
#[derive(Debug, Default)]
pub(super) struct StreamRows {
    pub(super) rows: PlainMap<StreamNumber, Vec<StreamRow>>,
    /// Streams of services that are not asked for, in which something failed.
    pub(super) to_complete: PlainSet<StreamNumber>,
    /// Failures of containers that name neither trace nor invocation, by their events: a container's stream has no calls.
    pub(super) untied: BTreeSet<Untied>,
}

/// A failure of nobody's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Untied {
    /// The location that it lies in.
    pub(super) place: usize,
    pub(super) emitter: u32,
    pub(super) time_unix_nano: i64,
    /// Of region, group, stream and event.
    pub(super) event: u128,
}

/// What follows from the rows of all streams.
#[derive(Debug, Default)]
pub(super) struct TiedFailures {
    /// Failures other than marks, each once, with the time of each and the invocation that it belongs to; 0 if it is
    /// nobody's.
    pub(super) failures: Vec<(StreamFailure, i64, u128)>,
    /// Marks that are none.
    pub(super) ignored: PlainSet<MarkKey>,
    /// Failures of containers that name neither trace nor invocation.
    pub(super) untied: BTreeSet<Untied>,
}

impl StreamRows {
    pub(super) fn merge(&mut self, other: StreamRows) {
        for (stream, mut rows) in other.rows {
            self.rows.entry(stream).or_default().append(&mut rows);
        }
        self.to_complete.extend(other.to_complete);
        self.untied.extend(other.untied);
    }

    pub(super) fn tie(self) -> TiedFailures {
        let mut tied = TiedFailures { untied: self.untied, ..TiedFailures::default() };
        for (_, mut rows) in self.rows {
            rows.sort_unstable_by(|one, other| {
                (one.observed_unix_nano, &one.event).cmp(&(other.observed_unix_nano, &other.event))
            });
            rows.dedup_by(|one, other| one.observed_unix_nano == other.observed_unix_nano && one.event == other.event);
            let lines: Vec<StreamLine<u128>> = rows
                .iter()
                .map(|row| StreamLine {
                    kind: row.kind,
                    invocation: (row.invocation != 0).then_some(row.invocation),
                    observed_unix_nano: row.observed_unix_nano,
                    is_shared: row.is_shared,
                })
                .collect();
            for (row, call) in rows.iter().zip(calls_of(&lines)) {
                match (&row.failure, call) {
                    (Some(failure), call) => {
                        tied.failures.push((**failure, row.time_unix_nano, call.unwrap_or(0)));
                    }
                    (None, None) => {
                        tied.ignored.insert((row.invocation, row.time_unix_nano, row.kind as u8));
                    }
                    (None, Some(_)) => {}
                }
            }
        }
        tied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_keep_the_order_of_their_texts() {
        let id = |number: u32| format!("{number:056}");
        let mut texts = vec![id(7), id(8), format!("{}/1", id(7)), id(70), format!("{}/2", id(7))];
        texts.sort_unstable_by_key(|text| EventOrder::of(text));
        assert_eq!(texts, [id(7), format!("{}/1", id(7)), format!("{}/2", id(7)), id(8), id(70)]);
        let mut others = ["b1", "a2", "a10", ""];
        others.sort_unstable_by_key(|text| EventOrder::of(text));
        assert_eq!(others, ["", "a10", "a2", "b1"]);
        assert_eq!(EventOrder::of(&"x".repeat(56)), EventOrder::Text("x".repeat(56).into()));
    }
}
