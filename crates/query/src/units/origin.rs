//! Where the failure of a trace began. Pure. A failure goes up from what is called to what calls, so one below another in
//! the tree of spans comes first; where the tree says nothing, the one that came first does, if its call began and failed
//! while the other was running: who called has begun before. It refuses to excuse a service because of what its caller said, or of what had failed before it was called.

use std::collections::HashMap;

/// Spans that are gone up at most: a tree is not deeper, and a circle ends here.
const LEVELS_MAX: usize = 256;

/// When a call began of which nobody knows it.
pub(super) const UNKNOWN: i64 = i64::MIN;

/// Something that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    /// Its span; 0 if it is not known.
    pub(super) span: u64,
    /// When it had failed; nanoseconds since 1970.
    pub(super) at_unix_nano: i64,
    /// When its call began, or [`UNKNOWN`]: what it failed by came later, and was called later.
    pub(super) since_unix_nano: i64,
}

/// The span above each, by trace.
pub(super) type Parents = HashMap<(u128, u64), u64>;

/// Whether a failure came from elsewhere: from another service, unless that only failed because this one had before; or
/// from a call of another unit of its own service below it.
pub(super) fn came_from_elsewhere(
    trace: u128,
    own: &Failing,
    of_others: &[Failing],
    of_own: &[Failing],
    of_other_units: &[Failing],
    parents: &Parents,
) -> bool {
    let is_below = |lower: u64, upper: u64| is_below(trace, lower, upper, parents);
    let comes_first = |one: &Failing, other: &Failing| {
        let began = one.since_unix_nano == UNKNOWN || one.since_unix_nano >= other.since_unix_nano;
        let is_within = began && other.since_unix_nano <= one.at_unix_nano && one.at_unix_nano < other.at_unix_nano;
        is_below(one.span, other.span) || !is_below(other.span, one.span) && is_within
    };
    let excuses =
        |other: &Failing| comes_first(other, own) && !of_own.iter().any(|earlier| comes_first(earlier, other));
    of_others.iter().any(excuses) || of_other_units.iter().any(|other| is_below(other.span, own.span))
}

fn is_below(trace: u128, lower: u64, upper: u64, parents: &Parents) -> bool {
    if lower == 0 || upper == 0 || lower == upper {
        return false;
    }
    let mut at = lower;
    for _ in 0..LEVELS_MAX {
        match parents.get(&(trace, at)) {
            Some(parent) if *parent == upper => return true,
            Some(parent) if *parent != lower => at = *parent,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_fails_before_what_calls() {
        let parents: Parents = [((9, 2), 1), ((9, 3), 2), ((9, 4), 1), ((9, 7), 8), ((9, 8), 7)].into_iter().collect();
        let at = |span, at_unix_nano| Failing { span, at_unix_nano, since_unix_nano: i64::MIN };
        let from_other = |own, other| came_from_elsewhere(9, &own, &[other], &[own], &[], &parents);
        // A call below, whatever the clocks say; and never one above.
        assert!(from_other(at(1, 10), at(3, 20)));
        assert!(!from_other(at(3, 20), at(1, 10)));
        // Neither: the earlier one, and at the same time both.
        assert!(from_other(at(3, 20), at(4, 10)));
        assert!(!from_other(at(3, 10), at(4, 20)));
        assert!(!from_other(at(3, 10), at(4, 10)));
        assert!(from_other(at(0, 20), at(3, 10)));
        // What had failed before the call began has nothing to do with it.
        let called = |since_unix_nano| Failing { since_unix_nano, ..at(0, 20) };
        assert!(from_other(called(10), at(3, 10)) && !from_other(called(11), at(3, 10)));
        // Who called had begun before, and gave up while this one ran on: that is no cause.
        let began = |since_unix_nano, other: Failing| Failing { since_unix_nano, ..other };
        assert!(from_other(called(5), began(6, at(3, 10))) && !from_other(called(5), began(4, at(3, 10))));
        // Of its own only what was called.
        assert!(came_from_elsewhere(9, &at(1, 10), &[], &[], &[at(3, 20)], &parents));
        assert!(!came_from_elsewhere(9, &at(4, 10), &[], &[], &[at(3, 5)], &parents));
        // What failed because of an earlier failure of its own service excuses nothing that it does again.
        assert!(!came_from_elsewhere(9, &at(4, 30), &[at(1, 20)], &[at(3, 10), at(4, 30)], &[], &parents));
        // A circle ends.
        assert!(!from_other(at(1, 10), at(7, 20)));
        // Another trace's spans are other spans.
        assert!(!came_from_elsewhere(8, &at(1, 10), &[at(3, 20)], &[], &[], &parents));
    }
}
