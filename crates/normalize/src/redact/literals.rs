//! A first look for many literals at once. A packed search takes the first bytes of each and compares wherever bytes like
//! them stand, which in a log's words they do all the time. So it searches what is rarest in each literal instead, one
//! search for as many as share it, and the literal is compared only there.
//!
//! It refuses to know what a literal means: whoever asks says which finds count.

use super::{LITERALS_OF_SEARCH, Packed};

/// Bytes of what is searched in place of a literal: as many as the packed search itself tells apart at once.
const PROBE_BYTES: usize = 3;

/// How many sets a packed search sorts what it looks for into, in turn. It stops at whatever resembles one of a set.
const SETS: usize = 8;

type Probe = [u8; PROBE_BYTES];

/// Where a literal stands around its probe.
#[derive(Clone, Copy, Debug)]
struct Holder {
    literal: usize,
    probe_at: usize,
}

#[derive(Debug)]
struct Group {
    search: Packed,
    /// For each probe the literals that have it.
    holders: Vec<Vec<Holder>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Literals {
    literals: Vec<Box<[u8]>>,
    groups: Vec<Group>,
}

impl Literals {
    /// Each of the literals has at least three bytes.
    pub fn new<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Literals {
        let literals: Vec<Box<[u8]>> = literals.map(Box::from).collect();
        debug_assert!(literals.iter().all(|literal| literal.len() >= PROBE_BYTES));
        let mut probes = probes(&literals);
        // Like beside like: a search that stops at capitals or at signs alone seldom stops.
        probes.sort_by_cached_key(|(probe, _)| resemblance(probe));
        let groups = probes.len().div_ceil(LITERALS_OF_SEARCH).max(1);
        let groups = probes.chunks(probes.len().div_ceil(groups).max(1)).map(|probes| {
            let probes = in_sets(probes);
            let search = Packed::new(probes.iter().map(|(probe, _)| &probe[..]));
            Group { search, holders: probes.into_iter().map(|(_, holders)| holders).collect() }
        });
        Literals { groups: groups.collect(), literals }
    }

    /// Whether any of the literals stands in the text at a place that `counts`, which is told the literal's number.
    pub fn any(&self, bytes: &[u8], mut counts: impl FnMut(usize, usize) -> bool) -> bool {
        self.groups.iter().any(|group| {
            let mut from = 0;
            while let Some((at, probe)) = group.search.next(bytes, from) {
                let holds = group.holders[probe].iter().any(|holder| {
                    at.checked_sub(holder.probe_at).is_some_and(|start| {
                        bytes[start..].starts_with(&self.literals[holder.literal]) && counts(start, holder.literal)
                    })
                });
                if holds {
                    return true;
                }
                from = at + 1;
            }
            false
        })
    }
}

/// The rarest three bytes of each literal, or three that another has already; the shortest choose first.
fn probes(literals: &[Box<[u8]>]) -> Vec<(Probe, Vec<Holder>)> {
    let mut probes: Vec<(Probe, Vec<Holder>)> = Vec::new();
    let mut numbers: Vec<usize> = (0..literals.len()).collect();
    numbers.sort_by_key(|number| literals[*number].len());
    for literal in numbers {
        let windows = literals[literal].array_windows::<PROBE_BYTES>();
        let known = windows.clone().enumerate().find_map(|(at, window)| {
            let probe = probes.iter().position(|(probe, _)| probe == window)?;
            Some((at, probe))
        });
        if let Some((probe_at, probe)) = known {
            probes[probe].1.push(Holder { literal, probe_at });
        } else if let Some((probe_at, window)) =
            windows.enumerate().min_by_key(|(_, window)| window.iter().map(|byte| commonness(*byte)).sum::<u32>())
        {
            probes.push((*window, vec![Holder { literal, probe_at }]));
        }
    }
    probes
}

/// How often a byte stands in a log's lines, roughly.
fn commonness(byte: u8) -> u32 {
    match byte {
        b'A'..=b'Z' => 0,
        b'j' | b'k' | b'q' | b'v'..=b'z' => 1,
        b'a' | b'c' | b'd' | b'e' | b'i' | b'l' | b'n' | b'o' | b'r' | b's' | b't' | b'u' => 4,
        _ => 2,
    }
}

/// What a packed search tells bytes apart by is first their high half and then their low one.
fn resemblance(probe: &Probe) -> [Probe; 3] {
    let high = probe.map(|byte| byte >> 4);
    let mut sorted = high;
    sorted.sort_unstable();
    [sorted, high, probe.map(|byte| byte & 15)]
}

/// The probes in an order in which neighbours come into the same set.
fn in_sets<T: Clone>(probes: &[T]) -> Vec<T> {
    let mut rest = probes;
    let sets: Vec<&[T]> = (0..SETS)
        .map(|set| {
            let (of_set, behind) = rest.split_at(probes.len() / SETS + usize::from(set < probes.len() % SETS));
            rest = behind;
            of_set
        })
        .collect();
    (0..probes.len()).map(|place| sets[place % SETS][place / SETS].clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every place at which a literal stands, with its number.
    fn found(literals: &Literals, text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        literals.any(text.as_bytes(), |at, literal| {
            found.push((at, literal));
            false
        });
        found.sort_unstable();
        found
    }

    proptest! {
        /// Literals of few letters share probes, begin and end within each other, and are more than one search takes.
        #[test]
        fn all_that_is_there_is_found_and_nothing_else(
            literals in prop::collection::vec("[abC_]{3,6}", 0..90),
            text in "[abC_]{0,90}",
        ) {
            let expected: Vec<(usize, usize)> = (0..text.len())
                .flat_map(|at| literals.iter().enumerate().map(move |literal| (at, literal)))
                .filter(|(at, (_, literal))| text[*at..].starts_with(literal.as_str()))
                .map(|(at, (number, _))| (at, number))
                .collect();
            let mut search = Literals::new(literals.iter().map(String::as_bytes));
            prop_assert_eq!(&found(&search, &text), &expected);
            // As on a processor without a packed search.
            search.groups.iter_mut().for_each(|group| group.search.searcher = None);
            prop_assert_eq!(&found(&search, &text), &expected);
        }
    }
}
