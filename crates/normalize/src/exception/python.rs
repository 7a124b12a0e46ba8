//! Python's tracebacks, which name the type behind the frames, and what Lambda's runtime makes of them, which names it
//! before.
//!
//! It refuses to take Python's `Stack (most recent call last):` for an exception: a logger prints it on request.

use super::header::{self, Likeness};
use super::lines::{Line, line_before, lines, offset};
use super::{Found, Origin};

pub(super) const TRACEBACK: &str = "Traceback (most recent call last):";

/// What stands between the exceptions of a chain.
const CHAINS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

/// What Lambda prints before an error that may come from a change of its runtime.
pub(super) const WARNING: &str = "LAMBDA_WARNING: Unhandled exception.";

/// What Lambda's runtime puts before the error that it reports; a logger of the function has a tab there.
const RUNTIME: &str = "[ERROR] ";

/// Reads what Lambda's runtime prints: `[ERROR] KeyError: 'sku'`, then the traceback without a last line of its own.
pub(super) fn reported(text: &str) -> Option<Found<'_>> {
    let start = text.len() - text.trim_start().len();
    let is_warned = text[start..].starts_with(WARNING);
    let error = if is_warned {
        memchr::memmem::find(text.as_bytes(), RUNTIME.as_bytes())
    } else {
        text[start..].starts_with(RUNTIME).then_some(start)
    };
    let named = error.and_then(|error| {
        let line = lines(text, error + RUNTIME.len()).next()?;
        Some((line, header::parse_type(line.text)?))
    });
    let Some((line, kind)) = named else {
        return is_warned.then(|| Found {
            kind: None,
            message: Some(&text[start..]),
            stack: None,
            origin: Origin::Unhandled,
            start,
        });
    };
    let trace = lines(text, line.next).find(|line| line.text == TRACEBACK);
    let is_runtime = kind.name.starts_with("Runtime.");
    match &trace {
        // A logger's format may begin with the level in brackets too; then Python's own last line follows.
        Some(trace) if !is_warned && named_last(text, trace.start).is_some() => return None,
        // A line alone may be a logger's.
        None if !is_runtime && !is_warned => return None,
        _ => {}
    }
    let end = trace.as_ref().map_or(text.len(), |trace| trace.start);
    Some(Found {
        kind: Some(kind.name),
        message: kind.message.map(|message| &text[offset(text, message)..end]),
        stack: trace.map(|trace| &text[trace.start..]),
        origin: Origin::Unhandled,
        start,
    })
}

/// The line of a traceback that is being read.
enum Place {
    Frames,
    /// Behind the type's line; its message goes on until the next traceback.
    Message,
}

/// Reads the traceback, or the chain of them, that begins at the byte `start`.
pub(super) fn traceback(text: &str, start: usize) -> Option<Found<'_>> {
    let is_unhandled = text[..start].trim().is_empty() || is_runtimes_word(text, start);
    // Where it was cut, or its printer names the type before it, the line before may tell.
    let told = named_last(text, start).or_else(|| header_before(text, start));
    Some(Found {
        kind: told.map(|(kind, _)| kind),
        message: told.and_then(|(_, message)| message),
        stack: Some(&text[start..]),
        origin: if is_unhandled { Origin::Unhandled } else { Origin::Logged },
        start: if is_unhandled { 0 } else { start },
    })
}

/// Returns type and message of the exception of a chain of tracebacks that was raised last, as the lines behind the
/// frames name it.
fn named_last(text: &str, start: usize) -> Option<(&str, Option<&str>)> {
    let mut kind = None;
    let mut message: Option<(usize, usize)> = None;
    let mut place = Place::Frames;
    let mut margin = None;
    let mut is_frame = true;
    for line in lines(text, start) {
        if let Some(plus) = group_margin(&line) {
            margin.get_or_insert(plus);
            place = Place::Frames;
            continue;
        }
        let Some(content) = within_margin(&line, margin) else {
            // A rule between the members of a group: what follows is theirs.
            place = Place::Frames;
            continue;
        };
        let is_next = CHAINS.contains(&content) || content.ends_with(TRACEBACK);
        if is_next {
            place = Place::Frames;
            is_frame = true;
            continue;
        }
        match place {
            Place::Frames if content.is_empty() => {}
            Place::Frames if content.starts_with(char::is_whitespace) => is_frame = true,
            Place::Frames => {
                if let Some(found) = last_line(content, is_frame) {
                    kind = Some(found.name);
                    let end = offset(text, content) + content.len();
                    message = found.message.map(|message| (offset(text, message), end));
                    place = Place::Message;
                }
            }
            Place::Message if super::is_foreign(&line) => place = Place::Frames,
            Place::Message => {
                if let (Some((_, end)), false) = (&mut message, content.is_empty()) {
                    *end = offset(text, content) + content.len();
                }
            }
        }
    }
    Some((kind?, message.map(|(start, end)| &text[start..end])))
}

/// Reads the line that names the type, behind frames.
fn last_line(content: &str, is_directly_behind: bool) -> Option<header::Type<'_>> {
    let found = header::parse_type(content)?;
    let is_type = match found.likeness {
        Likeness::Lower => {
            is_directly_behind && (found.name.contains('.') || found.message.is_some_and(|message| !message.is_empty()))
        }
        _ => true,
    };
    is_type.then_some(found)
}

/// The type that the line before a traceback names, if it does.
fn header_before(text: &str, start: usize) -> Option<(&str, Option<&str>)> {
    let line = line_before(text, start)?;
    let header = header::leading(super::behind_prefix(line.text)).or_else(|| header::within(line.text))?;
    Some((header.kind, header.message))
}

/// Says whether the lines before a traceback are Python's own: of a thread, a process or a task that ended.
fn is_runtimes_word(text: &str, start: usize) -> bool {
    const WORDS: [&str; 9] = [
        "Exception in thread ",
        "Exception in callback ",
        "Task exception was never retrieved",
        "Future exception was never retrieved",
        "Unhandled exception in ",
        "Unhandled exception",
        "Error in atexit._run_exitfuncs:",
        "Error in sys.excepthook:",
        "Process ",
    ];
    let before = text[..start].trim_start();
    WORDS.into_iter().any(|word| before.starts_with(word))
        // Of those that may be anybody's, the whole line counts.
        && (!before.starts_with("Process ") || before.trim_end().ends_with(':') && before.trim_end().lines().count() == 1)
}

/// The column of the `+` before `Exception Group Traceback …`.
fn group_margin(line: &Line<'_>) -> Option<usize> {
    let rest = line.trimmed().strip_prefix("+ Exception Group ")?;
    (rest == TRACEBACK).then(|| line.text.chars().take_while(|character| character.is_whitespace()).count())
}

/// Cuts the margin of a group, `  | `. `None` is a rule of it: `  +-+---------------- 1 ----------------`.
fn within_margin<'t>(line: &Line<'t>, margin: Option<usize>) -> Option<&'t str> {
    let Some(margin) = margin else { return Some(line.text) };
    let mut characters = line.text.chars();
    if !characters.by_ref().take(margin).all(char::is_whitespace) {
        return Some(line.text);
    }
    match characters.next() {
        Some('|') => {
            let rest = characters.as_str();
            Some(rest.strip_prefix([' ', '\u{a0}']).unwrap_or(rest))
        }
        Some('+') => None,
        _ => Some(line.text),
    }
}
