//! Which call a line of a function's log stream belongs to, and which of the lines that mark calls are none. Pure: it knows
//! marks, ids and CloudWatch's times, and nothing of files and tables.
//!
//! A stream is one sandbox, which runs one call at a time. So what stands between START and REPORT of a call is the call's,
//! whether it carries no id or one that the stream has never seen start: API Gateway's, another service's, or one that a
//! stranger got printed. And a second START between them was printed by the call, not by Lambda. Managed Instances run
//! several calls at once: a line without an id is nobody's there, and one with an id is that one's.
//!
//! It refuses to look at a line's own time, which may have whole seconds or come before START: the order is CloudWatch's.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

/// The version of functions on Managed Instances, which run several calls in a stream.
pub const SHARED_VERSION: &str = "$LATEST.PUBLISHED";

/// The longest call, 15 minutes, with a minute for what Lambda writes after it.
pub const CALL_NANO_MAX: i64 = 16 * 60 * 1_000_000_000;

/// What a line is for the calls of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Begins a call.
    Start,
    /// Says, in JSON, that the function is done.
    RuntimeDone,
    /// Says, as text, that the function is done.
    End,
    /// Ends a call.
    Report,
    /// Any other line.
    Other,
}

impl LineKind {
    /// The events that mark calls.
    pub const MARKS: [&str; 4] = ["platform.start", "platform.runtimeDone", "platform.end", "platform.report"];

    /// Returns the kind of a line by its `event_name`.
    pub fn of(event_name: &str) -> LineKind {
        match event_name {
            "platform.start" => LineKind::Start,
            "platform.runtimeDone" => LineKind::RuntimeDone,
            "platform.end" => LineKind::End,
            "platform.report" => LineKind::Report,
            _ => LineKind::Other,
        }
    }
}

/// A line of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLine<I> {
    /// What it is for the calls.
    pub kind: LineKind,
    /// The invocation that it names.
    pub invocation: Option<I>,
    /// CloudWatch's time of it.
    pub observed_unix_nano: i64,
    /// Whether it is of [`SHARED_VERSION`].
    pub is_shared: bool,
}

/// One run of a call in a sandbox, as its marks tell it.
struct Attempt<I> {
    invocation: I,
    start: usize,
    /// The last mark before the report that says that the function is done.
    done: Option<usize>,
    report: Option<usize>,
    /// How many calls had begun by then.
    starts_at_done: usize,
    is_forged: bool,
}

impl<I> Attempt<I> {
    /// Where it is over, if anything says so.
    fn last(&self) -> Option<usize> {
        self.report.or(self.done)
    }
}

/// Returns for each line of one stream the invocation that it belongs to; for a mark none if it is to be ignored.
///
/// The lines are in the order of CloudWatch's time and event id, each once. A line that is no mark, and names an invocation
/// that the stream has seen start, keeps it; any other is of the call that runs, and keeps what it names where none does.
/// What is chosen where marks are missing:
/// - A call goes on until its REPORT, the last one that comes before another START, because it may print one itself; without
///   one until END; without either until the next START, 16 minutes at most.
/// - Of what stands before the first START every mark counts: the range may begin within a call.
/// - After that a mark whose id no START has is a stranger's, and so is a call within another: only streams that are shared
///   run several at once.
pub fn calls_of<I: Copy + Eq + Hash>(lines: &[StreamLine<I>]) -> Vec<Option<I>> {
    if lines.iter().any(|line| line.is_shared) {
        return lines.iter().map(|line| line.invocation).collect();
    }
    let mut attempts: Vec<Attempt<I>> = Vec::new();
    let attempt_of = attempts_of(lines, &mut attempts);
    let first_start = attempts.first().map_or(usize::MAX, |attempt| attempt.start);

    let mut calls: Vec<Option<I>> = Vec::with_capacity(lines.len());
    // Lines that name an invocation and stand within the call of another one.
    let mut foreign: Vec<(usize, I)> = Vec::new();
    // Calls that run and whose end is known, and the one that began last, if nothing says when it was over.
    let mut open: BTreeSet<usize> = BTreeSet::new();
    let mut unclosed: Option<usize> = None;
    for (index, line) in lines.iter().enumerate() {
        let call = match (attempt_of[index], line.kind) {
            (Some(number), LineKind::Start) => {
                let is_nested = !open.is_empty();
                attempts[number].is_forged = is_nested;
                if !is_nested {
                    unclosed = None;
                    if attempts[number].last().is_some() {
                        open.insert(number);
                    } else {
                        unclosed = Some(number);
                    }
                }
                line.invocation.filter(|_| !is_nested)
            }
            (Some(number), _) => {
                if attempts[number].last() == Some(index) {
                    open.remove(&number);
                }
                line.invocation.filter(|_| !attempts[number].is_forged)
            }
            (None, LineKind::Other) => {
                let mut running = open.iter().copied().chain(unclosed);
                let running = running.next().filter(|_| running.next().is_none()).map(|number| &attempts[number]);
                let running = running.filter(|attempt| {
                    let began = lines[attempt.start].observed_unix_nano;
                    line.observed_unix_nano.saturating_sub(began) <= CALL_NANO_MAX
                });
                match (line.invocation, running) {
                    (Some(named), Some(attempt)) if named != attempt.invocation => {
                        foreign.push((index, attempt.invocation));
                        Some(named)
                    }
                    (named, running) => named.or(running.map(|attempt| attempt.invocation)),
                }
            }
            (None, _) if index < first_start => line.invocation,
            (None, _) => None,
        };
        calls.push(call);
    }
    if !foreign.is_empty() {
        // A call may write on while the next one runs, also one that had begun before what was read.
        let begun = attempts.iter().filter(|attempt| !attempt.is_forged).map(|attempt| attempt.invocation);
        let before = lines.iter().take(first_start).filter(|line| line.kind != LineKind::Other);
        let begun: HashSet<I> = begun.chain(before.filter_map(|line| line.invocation)).collect();
        for (index, running) in foreign {
            if calls[index].is_some_and(|named| !begun.contains(&named)) {
                calls[index] = Some(running);
            }
        }
    }
    calls
}

/// Puts the marks together to attempts, in the order of their starts; returns the attempt of each mark, if it has one.
fn attempts_of<I: Copy + Eq + Hash>(lines: &[StreamLine<I>], attempts: &mut Vec<Attempt<I>>) -> Vec<Option<usize>> {
    let mut latest: HashMap<I, usize> = HashMap::new();
    let mut of = vec![None; lines.len()];
    for (index, line) in lines.iter().enumerate() {
        let Some(invocation) = line.invocation else { continue };
        match line.kind {
            LineKind::Other => {}
            LineKind::Start => {
                // An asynchronous retry has the id of the attempt before.
                latest.insert(invocation, attempts.len());
                of[index] = Some(attempts.len());
                attempts.push(Attempt {
                    invocation,
                    start: index,
                    done: None,
                    report: None,
                    starts_at_done: 0,
                    is_forged: false,
                });
            }
            kind => {
                let Some(number) = latest.get(&invocation).copied() else { continue };
                let (starts, is_latest) = (attempts.len(), number + 1 == attempts.len());
                let attempt = &mut attempts[number];
                let began = lines[attempt.start].observed_unix_nano;
                let is_late = line.observed_unix_nano.saturating_sub(began) > CALL_NANO_MAX;
                // After END nothing but its REPORT comes before another call begins.
                let is_over = attempt.done.is_some() && starts != attempt.starts_at_done;
                let is_corrected = kind == LineKind::Report && is_latest;
                if is_late || is_over || attempt.report.is_some() && !is_corrected {
                    continue;
                }
                if let Some(printed) = attempt.report {
                    of[printed] = None;
                }
                of[index] = Some(number);
                if kind == LineKind::Report {
                    attempt.report = Some(index);
                } else {
                    (attempt.done, attempt.starts_at_done) = (Some(index), starts);
                }
            }
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One word a line: `S`, `D`, `E` or `R` and the id, or an id alone for another line that names it, or `.` for one that
    /// names none; `+N` lets N minutes pass.
    fn lines(text: &str) -> Vec<StreamLine<&str>> {
        let mut at = 0;
        let mut lines = Vec::new();
        for word in text.split_whitespace() {
            if let Some(minutes) = word.strip_prefix('+') {
                at += minutes.parse::<i64>().unwrap() * 60_000_000_000;
                continue;
            }
            at += 1_000_000;
            let (kind, id) = match word.split_at(1) {
                ("S", id) => (LineKind::Start, id),
                ("D", id) => (LineKind::RuntimeDone, id),
                ("E", id) => (LineKind::End, id),
                ("R", id) => (LineKind::Report, id),
                (".", _) => (LineKind::Other, ""),
                _ => (LineKind::Other, word),
            };
            lines.push(StreamLine {
                kind,
                invocation: (!id.is_empty()).then_some(id),
                observed_unix_nano: at,
                is_shared: false,
            });
        }
        lines
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let calls: Vec<&str> = calls_of(&lines(text)).into_iter().map(|call| call.unwrap_or("-")).collect();
        assert_eq!(calls.join(" "), expected, "{text}");
    }

    #[test]
    fn a_line_belongs_to_the_call_around_it() {
        check("Sa . Ea Ra Sb . . Eb Rb", "a a a a b b b b b");
        check("Sa . Da Ra", "a a a a");
        // What names a call of the stream keeps it, and what names another's is printed by the one that runs.
        check("Sa Ea Ra Sb a b . Eb Rb", "a a a b a b b b b");
        check("Sa b Ea Ra Sb Eb Rb", "a b a a b b b");
        check("x Sa x . a Ea x Ra x", "x a a a a a a a x");
        check("Sa x Sb x Eb Rb +1 x", "a a b b b b x");
        check("Ea Ra Sb a x Eb Rb", "a a b a b b b");
        check("Sa +17 x", "a x");
        // The time of initialising, and what comes after REPORT, is no call.
        check(". . Sa Ea Ra . Sb", "- - a a a - b");
        // Between END and REPORT extensions may still write.
        check("Sa Ea . Ra .", "a a a a -");
        check("", "");
        check(". .", "- -");
    }

    #[test]
    fn a_mark_may_be_missing() {
        // END and REPORT.
        check("Sa . Sb . Eb Rb", "a a b b b b");
        check("Sa .", "a a");
        check("Sa . +15 . +2 .", "a a a -");
        // END alone, REPORT alone.
        check("Sa . Ra . Sb", "a a a - b");
        check("Sa . Ea . Sb", "a a a - b");
        // START, at the beginning of the range: its call is not known, but its report is genuine.
        check(". Ea Ra . Sb", "- a a - b");
        check("Ra Rb", "a b");
        // START, later on: the report may be a stranger's.
        check("Sa Ea Ra . Eb Rb Sc", "a a a - - - c");
    }

    #[test]
    fn a_retry_is_another_attempt() {
        check("Sa . Ea Ra +1 . Sa . Ea Ra", "a a a a - a a a a");
        // The first one crashed without a word.
        check("Sa . Sb Eb Rb . Sa . Ea Ra", "a a b b b - a a a a");
    }

    #[test]
    fn what_a_call_prints_marks_nothing() {
        // A stranger's report, and a whole call of his.
        check("Sa Rx . Ea Ra", "a - a a a");
        check("Sa Sx . x Ex Rx . Ea Ra", "a - a a - - a a a");
        check("Sa Ex . Ra", "a - a a");
        // Another call's, be it over or not.
        check("Sa Ea Ra Sb Ra . Eb Rb", "a a a b - b b b");
        check("Sa Ea Ra Sb Sa . Eb Rb", "a a a b - b b b");
        // What begins in one call and ends in another is none, and hides none.
        check("Sa Sx Ea Ra . Sb . Rx Eb Rb", "a - a a - b b - b b");
        check("Sa Ea Sb . Ra Eb Rb", "a a b b - b b");
        // Of JSON in a text log.
        check("Sa Sx Dx Rx . Ea Ra", "a - - - a a a");
        // Its own end: what it says last counts.
        check("Sa Ea Ra . Ea Ra", "a a - a - a");
        check("Sa Ra . Ra . Sb", "a - a a - b");
        // A report that comes too late ends nothing.
        check("Sa . +17 Ra", "a a -");
    }

    #[test]
    fn calls_overlap_only_in_a_shared_stream() {
        check("Sa . Sb . Da . Ra Db . Rb .", "a a - a a a a - - - -");
        check("Sa Sb Da Db Ra Rb Rc", "a - a - a - -");
        check("Sa Sb . Da Ra", "a - a a a");
        // There a line is nobody's.
        let shared = lines("Sa . Ea Ra Rx").into_iter().map(|line| StreamLine { is_shared: true, ..line });
        let shared: Vec<_> = calls_of(&shared.collect::<Vec<_>>()).into_iter().map(Option::unwrap_or_default).collect();
        assert_eq!(shared, ["a", "", "a", "a", "x"]);
    }

    #[test]
    fn many_marks_take_a_moment() {
        // Each of them open until the end: no step looks at all of them.
        let count = 100_000;
        let mut many = Vec::new();
        let line = |kind, id| StreamLine { kind, invocation: Some(id), observed_unix_nano: 0, is_shared: false };
        (0..count).for_each(|id| many.push(line(LineKind::Start, id)));
        (0..count).for_each(|id| many.push(line(LineKind::RuntimeDone, id)));
        (0..count).for_each(|id| many.push(line(LineKind::Report, id)));
        assert_eq!(calls_of(&many).into_iter().flatten().count(), 3);
    }
}
