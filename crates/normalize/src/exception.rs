//! The exception that a text tells of: its type, its message, its stack, and whether a runtime printed it because
//! nobody caught it.
//!
//! It refuses to see an exception in words about one: a stack trace or a runtime's own phrase must stand there, or a
//! line that is nothing but a type and its message.

mod frames;
mod header;
mod java;
mod lines;
mod panic;
mod python;

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use transect_schema::Record;

use self::frames::Frame;
use self::header::Likeness;
use self::lines::{Line, lines, offset};
use crate::prefix::{is_number, is_zone};
use crate::{severity, time};

/// Bytes of an exception's message; what is longer is a document that somebody put there, and stands in the body.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// How Monolog begins an object. The search is made once, not for every line.
static MONOLOG: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"[object] ("));

/// What stands behind the file of a fatal error of Swift's.
static SWIFT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b".swift:"));

/// Who tells of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A runtime or language, of an error that nobody caught.
    Unhandled,
    /// Somebody within a message of their own.
    Logged,
}

/// An exception that a text tells of, every part borrowed from the text where it stands there like that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception<'t> {
    /// The type as its language writes it.
    pub kind: Option<Cow<'t, str>>,
    /// The message without its type, of one or more lines.
    pub message: Option<Cow<'t, str>>,
    /// The stack from the line that names the type, or from Python's `Traceback`; its lines end with line feeds.
    pub stacktrace: Option<Cow<'t, str>>,
    /// Who tells of it. Whoever cuts a logger's prefix or a level off before [`find`] knows that it was logged.
    pub origin: Origin,
    /// The byte of the text where it begins; what stands before it is somebody's message.
    pub start: usize,
}

/// What a search finds in a text without colours.
#[derive(Clone, Copy, Debug)]
struct Found<'t> {
    kind: Option<&'t str>,
    message: Option<&'t str>,
    stack: Option<&'t str>,
    origin: Origin,
    start: usize,
}

/// Finds the exception that a text tells of: a line's body, the message of a JSON record, a stack.
///
/// The time is linear in the text's bytes, and next to nothing for a line alone.
pub(crate) fn find(text: &str) -> Option<Exception<'_>> {
    if !lines::has_colours(text) {
        return search(text).map(Found::into_exception);
    }
    let mut plain = String::with_capacity(text.len());
    for (_, piece) in lines::plain_pieces(text) {
        plain.push_str(piece);
    }
    let found = search(&plain)?;
    let mut start = 0;
    let mut length = 0;
    for (at, piece) in lines::plain_pieces(text) {
        if length > found.start || (length == found.start && length > 0 && piece.is_empty()) {
            break;
        }
        start = at + (found.start - length).min(piece.len());
        length += piece.len();
    }
    let exception = found.into_exception();
    let own = |part: Option<Cow<'_, str>>| part.map(|part| Cow::Owned(part.into_owned()));
    Some(Exception {
        kind: own(exception.kind),
        message: own(exception.message),
        stacktrace: own(exception.stacktrace),
        origin: exception.origin,
        start,
    })
}

impl<'t> Found<'t> {
    fn into_exception(self) -> Exception<'t> {
        let text = |part: Option<&'t str>| part.map(str::trim).filter(|part| !part.is_empty());
        Exception {
            // Monolog writes PHP's names as JSON would.
            kind: text(self.kind).map(|kind| match kind.contains("\\\\") {
                true => Cow::Owned(kind.replace("\\\\", "\\")),
                false => Cow::Borrowed(kind),
            }),
            message: text(self.message).map(|message| Cow::Borrowed(shortened(message))),
            stacktrace: self.stack.map(str::trim_end).filter(|stack| !stack.is_empty()).map(with_line_feeds),
            origin: self.origin,
            start: self.start,
        }
    }
}

fn shortened(message: &str) -> &str {
    let mut end = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].trim_end()
}

/// Ends lines with line feeds where carriage returns alone end them.
fn with_line_feeds(stack: &str) -> Cow<'_, str> {
    let bytes = stack.as_bytes();
    if memchr::memchr_iter(b'\r', bytes).all(|at| bytes.get(at + 1) == Some(&b'\n')) {
        return Cow::Borrowed(stack);
    }
    Cow::Owned(stack.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Finds an exception. A runtime prints nothing before its own words: behind anybody else's they are part of a message,
/// which a stranger may have sent.
fn search(text: &str) -> Option<Found<'_>> {
    let mut found = search_anywhere(text)?;
    let before = text.get(..found.start).unwrap_or_default().trim();
    if found.origin == Origin::Unhandled && !before.is_empty() && !is_preamble(before) {
        found.origin = Origin::Logged;
    }
    Some(found)
}

/// Whether a text is what a runtime itself writes before an exception. Words of a program often begin like that
/// (`/search?q=…`, `# order …`, `Unhandled path …`), so that no beginning alone decides.
fn is_preamble(before: &str) -> bool {
    match before.as_bytes() {
        [b'n' | b'f' | b'/', ..] => frames::pointed_at(before, before.len()) == Some(0),
        // The frame around what the Java machine tells of its own crash.
        [b'#', ..] => before.bytes().all(|byte| byte == b'#' || byte.is_ascii_whitespace()),
        [b'U', ..] => frames::is_runtimes_word(before),
        [b'L', ..] => before.starts_with(python::WARNING),
        // Lambda for Python states a level, and so does whoever begins like that.
        [b'[', ..] => before.starts_with("[ERROR]") || phps_words(before).is_some_and(str::is_empty),
        [b'N', ..] => phps_words(before).is_some_and(str::is_empty),
        [first, ..] => *first == 0x1b,
        [] => false,
    }
}

/// What stands behind the words that PHP writes before an error: its time in brackets, `NOTICE: PHP message:` of its process
/// manager, or both. `None` if there are none.
fn phps_words(text: &str) -> Option<&str> {
    const NOTICE: &str = "NOTICE: PHP message:";
    // `[21-Nov-2026 08:42:53 UTC]`
    let stamped = text.strip_prefix('[').and_then(|inside| inside.split_once(']')).filter(|(stamp, _)| {
        let is_time = time::parse_prefix(stamp).is_some_and(|(_, end)| {
            end == stamp.len() || stamp.get(end..).and_then(|rest| rest.strip_prefix(' ')).is_some_and(is_zone)
        });
        stamp.as_bytes().get(2) == Some(&b'-') && is_time
    });
    let rest = stamped.map_or(text, |(_, rest)| rest.trim_start());
    match rest.strip_prefix(NOTICE) {
        Some(rest) => Some(rest.trim_start()),
        None => stamped.map(|_| rest),
    }
}

fn search_anywhere(text: &str) -> Option<Found<'_>> {
    let has_lines = memchr::memchr2(b'\n', b'\r', text.trim_end().as_bytes()).is_some();
    if text.starts_with(['[', 'L', ' ', '\n'])
        && let Some(found) = python::reported(text)
    {
        return Some(found);
    }
    if has_lines && let Some(found) = java::reported(text).or_else(|| by_lines(text)) {
        return Some(found);
    }
    alone(text)
}

/// Goes through the lines of a text until one of them tells of an exception.
fn by_lines(text: &str) -> Option<Found<'_>> {
    if MONOLOG.find(text.as_bytes()).is_some()
        && let Some(found) = frames::monolog(text)
    {
        return Some(found);
    }
    let outlook = panic::Outlook::of(text);
    // Where the lines begin that may name the type of frames to come, and of those that are being read.
    let mut from = 0;
    let mut run = None;
    let mut before: Option<Line<'_>> = None;
    for line in lines(text, 0) {
        if line.text.ends_with(python::TRACEBACK) {
            let group = line.text.len() - "+ Exception Group ".len().min(line.text.len());
            let is_ruby = lines(text, line.next).next().is_some_and(|frame| frame.text.contains(": from "));
            if is_ruby && let Some(found) = frames::ruby(text) {
                return Some(found);
            }
            let at = line.start + line.text.len() - python::TRACEBACK.len();
            let at = if line.trimmed().starts_with("+ ") && group > 0 { line.start } else { at };
            return python::traceback(text, at);
        }
        if line.trimmed().starts_with("at ")
            && let Some(frame) = frames::at_frame(&line)
        {
            // A run of frames is looked at again only if a word that may be anything began it.
            let (begin, seen) = *run.get_or_insert((line.start, None));
            if seen.is_none_or(|seen| seen == Frame::Possible && frame == Frame::Certain) {
                if let Some(found) = frames::headed(text, from, begin, frame) {
                    return Some(found);
                }
                run = Some((begin, Some(frame)));
            }
            before = Some(line);
            continue;
        }
        if let Some((_, _)) = run.take() {
            from = line.start;
        }
        let found = match line.text {
            "Stack trace:" | "[stacktrace]" => frames::php(text, from, line),
            _ if frames::is_numbered_frame(&line) => {
                let found = frames::headed(text, from, line.start, Frame::Certain);
                from = line.next;
                found
            }
            _ if frames::is_go_place(&line) => before.and_then(|function| frames::go_error(text, from, &function)),
            _ if line.trimmed().starts_with("File \"")
                && is_python_place(&line)
                && text[..line.start].trim().is_empty() =>
            {
                python::traceback(text, line.start).filter(|found| found.kind.is_some())
            }
            _ if line.text.starts_with('[') => inspected(text, &line),
            _ => panic::begun_by(text, line, from, &outlook),
        };
        if found.is_some() {
            return found;
        }
        if line.text == "Stack trace:" || line.text == "[stacktrace]" {
            // What stands before was looked at.
            from = line.next;
        }
        before = Some(line);
    }
    panic::rust(text).or_else(|| frames::ruby(text))
}

fn is_python_place(line: &Line<'_>) -> bool {
    line.text.contains("\", line ")
}

/// Says whether a line belongs to another language than Python: what wraps a traceback goes on with its own frames.
fn is_foreign(line: &Line<'_>) -> bool {
    line.trimmed().starts_with("at ") && frames::at_frame(line) == Some(Frame::Certain)
}

/// Reads an error as Node's inspector prints it where it has no stack: `[Error: no such file] { code: 'ENOENT' }`.
fn inspected<'t>(text: &'t str, line: &Line<'t>) -> Option<Found<'t>> {
    let end = line.text.strip_suffix(" {").unwrap_or(line.text);
    let inside = end.strip_prefix('[')?.strip_suffix(']')?;
    let found = header::parse_type(inside)?;
    let is_rejection = found.name == "UnhandledPromiseRejection";
    if found.likeness < Likeness::Bare && !is_rejection {
        return None;
    }
    let pointed = frames::pointed_at(text, line.start);
    let is_unhandled = is_rejection || pointed.is_some();
    Some(Found {
        kind: Some(found.name),
        message: Some(found.message?),
        stack: None,
        origin: if is_unhandled { Origin::Unhandled } else { Origin::Logged },
        start: pointed.unwrap_or(line.start),
    })
}

/// Reads a text that is one exception without a stack.
fn alone(text: &str) -> Option<Found<'_>> {
    let line = lines(text, text.len() - text.trim_start().len()).next()?;
    // PHP's logger writes lines of a stack as blanks unless it is told otherwise.
    if line.text.ends_with(['}', ']'])
        && MONOLOG.find(line.text.as_bytes()).is_some()
        && let Some(found) = frames::monolog(text)
    {
        return Some(found);
    }
    let body = behind_prefix(line.text);
    let body = fastcgis(body).unwrap_or(body);
    let own = Line { text: body, start: offset(text, body), next: line.next };
    if let Some(found) = last_words(text, own) {
        return Some(found);
    }
    if line.text.ends_with([')', 'n'])
        && let Some(found) = frames::ruby(line.text)
    {
        return Some(found);
    }
    let header = header::leading(line.text).or_else(|| header::leading(body))?;
    let counts = match header.likeness {
        _ if header.is_uncaught => true,
        Likeness::Exception => match header.message {
            Some(message) => is_told(message),
            None => header.kind.contains(['.', '\\']) || header.kind == "KeyboardInterrupt",
        },
        Likeness::Bare => header.message.is_some_and(is_systems),
        _ => false,
    };
    if !counts {
        return None;
    }
    // A message of several lines ends with its paragraph.
    let message = header.message.map(|message| {
        let start = offset(text, message);
        let end = lines(text, line.next).take_while(|line| !line.is_blank()).last().map_or(line.next, |last| last.next);
        let message = &text[start..end.max(start)];
        // Symfony puts the message in quotes before the place.
        let quoted = message.strip_prefix('"').and_then(|message| message.split_once("\" at "));
        quoted.filter(|_| line.text.contains("Uncaught PHP Exception ")).map_or(message, |(message, _)| message)
    });
    Some(Found {
        kind: Some(header.kind),
        message,
        stack: None,
        origin: if header.is_uncaught { Origin::Unhandled } else { Origin::Logged },
        start: offset(text, header.text),
    })
}

/// What nginx quotes of what PHP said: `FastCGI sent in stderr: "PHP message: …" while reading response header …`.
fn fastcgis(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("FastCGI sent in stderr: \"")?;
    let end = memchr::memmem::find(inside.as_bytes(), b"\" while ").unwrap_or(inside.len());
    let quoted = inside.get(..end)?;
    Some(quoted.strip_prefix("PHP message: ").unwrap_or(quoted))
}

/// What a runtime says in one line, before a stack that may have come as an event of its own.
fn last_words<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    let told = match line.text.as_bytes().first()? {
        b'p' | b'f' => panic::begun_by(text, line, line.start, &panic::Outlook::of("")),
        b'h' => line.text.starts_with("http: panic").then(|| panic::recovered(text, line, None)).flatten(),
        b't' if line.text.starts_with("thread '") => panic::rust(text),
        b't' | b'l' => panic::terminate(text, line).or_else(|| panic::zig(text, line)),
        b'*' => panic::elixir(text, line),
        b'F' => panic::fatal(text, line),
        b'P' => panic::php_fatal(text, line),
        b'E' => panic::java_start(text, line),
        b'[' => inspected(text, &line),
        _ => None,
    };
    // Swift begins with the file, which may begin with anything.
    told.or_else(|| SWIFT.find(line.text.as_bytes()).and_then(|_| panic::swift(text, line)))
}

/// A count under a type's name is no message: `TimeoutError: 3`.
fn is_told(message: &str) -> bool {
    let value = message.trim().trim_end_matches('%');
    !value.is_empty()
        && value.parse::<f64>().is_err()
        && !["none", "null", "nil", "true", "false", "-"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Says whether the message behind `Error: ` alone is an error's and no prose: it has the system's code
/// (`ECONNREFUSED`) or is a value as Rust prints it.
fn is_systems(message: &str) -> bool {
    const WORDS_MAX: usize = 16;
    let is_code = |word: &str| {
        let word = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
        word.len() >= 4
            && word.starts_with('E')
            && word != "ERROR"
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let is_value = header::type_name(message).is_some_and(|name| {
        name.starts_with(char::is_uppercase)
            && (message[name.len()..].starts_with(" { ") && message.ends_with('}')
                || message[name.len()..].starts_with('(') && message.ends_with(')'))
    });
    is_value || message.split_whitespace().take(WORDS_MAX).any(is_code)
}

/// Cuts what loggers put before a message as far as it can be nothing else: words that begin with a digit, levels,
/// words in brackets.
fn behind_prefix(line: &str) -> &str {
    const WORDS_MAX: usize = 8;
    const WORD_BYTES_MAX: usize = 64;
    let mut rest = phps_words(line).unwrap_or(line);
    for _ in 0..WORDS_MAX {
        let Some(end) = rest.bytes().take(WORD_BYTES_MAX).position(|byte| matches!(byte, b' ' | b'\t')) else { break };
        let word = &rest[..end];
        let bare = word.trim_end_matches(':').trim_matches(['[', ']', '|', '<', '>']);
        let is_prefix = word.starts_with(|first: char| first.is_ascii_digit())
            || matches!(word, "-" | "|" | "--" | "---")
            || word.starts_with('[') && word.ends_with([']', ':'])
            || word.starts_with("[20")
            // nginx's connection.
            || word.strip_prefix('*').is_some_and(is_number)
            || severity::from_name(bare).is_some()
                && bare != "Error"
                && bare != "Fatal"
                && bare != "panic"
                && bare != "fatal";
        if !is_prefix {
            break;
        }
        rest = rest[end..].trim_start();
    }
    rest
}

/// Whether a text is what Lambda's runtime for Java writes of an error that nobody caught. It begins with the message,
/// which a stranger may have chosen, so that nobody may read its start before.
pub(crate) fn is_javas_report(text: &str) -> bool {
    java::reported(text).is_some()
}

/// Fills the open exception columns with what `text` tells, and returns who tells of it.
pub(crate) fn fill<'m>(record: &mut Record<'m>, text: &'m str) -> Option<Origin> {
    if record.exception_type.is_some() || record.exception_stacktrace.is_some() {
        return None;
    }
    let told = find(text)?;
    record.exception_type = told.kind;
    if record.exception_message.is_none() {
        record.exception_message = told.message;
    }
    record.exception_stacktrace = told.stacktrace;
    Some(told.origin)
}

/// Fills the open exception columns of a record with what its body tells, and returns who tells of it.
pub(crate) fn fill_from_body(record: &mut Record<'_>) -> Option<Origin> {
    match record.body.take() {
        Some(Cow::Borrowed(body)) => {
            record.body = Some(Cow::Borrowed(body));
            fill(record, body)
        }
        Some(Cow::Owned(body)) => {
            let mut columns = Record::default();
            let origin = (record.exception_type.is_none() && record.exception_stacktrace.is_none())
                .then(|| fill(&mut columns, &body))
                .flatten();
            if origin.is_some() {
                let own = |part: Option<Cow<'_, str>>| part.map(|part| Cow::Owned(part.into_owned()));
                record.exception_type = own(columns.exception_type);
                record.exception_stacktrace = own(columns.exception_stacktrace);
                let message = own(columns.exception_message);
                record.exception_message = record.exception_message.take().or(message);
            }
            record.body = Some(Cow::Owned(body));
            origin
        }
        None => None,
    }
}

/// Completes the type and the message of an exception of which a record states the stack or the message.
pub(crate) fn complete(record: &mut Record<'_>) {
    if record.exception_type.is_some() && record.exception_message.is_some() {
        return;
    }
    let is_typed = record.exception_type.is_some();
    let told = match &record.exception_stacktrace {
        Some(Cow::Borrowed(stack)) => stated(stack),
        Some(Cow::Owned(stack)) => stated(stack).map(|(kind, message)| {
            let own = |part: Cow<'_, str>| Cow::Owned(part.into_owned());
            (kind.map(own), message.map(own))
        }),
        None => None,
    };
    if let Some((kind, message)) = told {
        let is_same = match (record.exception_type.as_deref(), kind.as_deref()) {
            (Some(wanted), Some(kind)) => {
                kind == wanted || kind.rsplit(['.', '\\', ':', '$', '+']).next() == Some(wanted)
            }
            (Some(_), None) => false,
            (None, _) => true,
        };
        if is_same {
            record.exception_type = record.exception_type.take().or(kind);
            record.exception_message = record.exception_message.take().or(message);
        }
    }
    if !is_typed {
        split_message(record);
    }
}

/// A type and a message.
type Named<'t> = (Option<Cow<'t, str>>, Option<Cow<'t, str>>);

/// What a stack says of its type and message. It is known to be a stack, so its first line may name any type.
fn stated(stack: &str) -> Option<Named<'_>> {
    if let Some(told) = find(stack).filter(|told| told.kind.is_some()) {
        return Some((told.kind, told.message));
    }
    let mut named = lines(stack, 0).filter(|line| !line.is_blank());
    let first = named.next()?;
    let last = named.last().unwrap_or(first);
    // Python names the exception in the last line, everybody else in the first.
    let header =
        [last, first].into_iter().find_map(|line| header::leading(line.text).filter(|_| !line.is_indented()))?;
    let message = header.message.filter(|message| !message.is_empty()).map(shortened);
    Some((Some(Cow::Borrowed(header.kind)), message.map(Cow::Borrowed)))
}

/// Splits a message `Type: message` where a stack came with it and nothing states a type, and drops the type from one
/// that repeats it.
fn split_message(record: &mut Record<'_>) {
    if record.exception_stacktrace.is_none() {
        return;
    }
    let Some(message) = record.exception_message.as_deref() else { return };
    let Some(header) = header::leading(message).filter(|header| header.likeness >= Likeness::Name) else { return };
    let Some(rest) = header.message.filter(|rest| !rest.is_empty()) else { return };
    if record.exception_type.as_deref().is_some_and(|kind| kind != header.kind) {
        return;
    }
    let (kind, rest) = (header.kind.to_owned(), message[offset(message, rest)..].to_owned());
    record.exception_type = Some(Cow::Owned(kind));
    record.exception_message = Some(Cow::Owned(rest));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_begins_where_the_message_about_it_ends() {
        for (text, before, origin) in [
            ("charge failed: TypeError: no sku\n    at a (/x.js:1:2)", "charge failed: ", Origin::Logged),
            (
                "save failed\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'",
                "save failed\n",
                Origin::Logged,
            ),
            (
                "[ERROR] KeyError: 'x'\rTraceback (most recent call last):\r  File \"a.py\", line 1",
                "",
                Origin::Unhandled,
            ),
            ("node:fs:1\n  throw x;\n  ^\n\nError: x\n    at a (/x.js:1:2)", "", Origin::Unhandled),
            ("done\nException in thread \"main\" a.B: x\n\tat a.B.c(B.java:1)", "done\n", Origin::Logged),
            ("done\npanic: x\n\ngoroutine 1 [running]:", "done\n", Origin::Logged),
            (
                "\u{1b}[31mfailed:\u{1b}[0m TypeError: x\n    at a (/x.js:1:2)",
                "\u{1b}[31mfailed:\u{1b}[0m ",
                Origin::Logged,
            ),
            ("\u{1b}[31mTypeError: x\n    at a (/x.js:1:2)", "\u{1b}[31m", Origin::Unhandled),
        ] {
            let told = find(text).unwrap_or_else(|| panic!("none in {text:?}"));
            assert_eq!((&text[..told.start], told.origin), (before, origin), "{text:?}");
        }
    }

    #[test]
    fn parts_are_borrowed_but_for_colours_and_carriage_returns() {
        let told = find("TypeError: no sku\n    at a (/x.js:1:2)\n").unwrap();
        assert!(matches!(
            (told.kind, told.message, told.stacktrace),
            (Some(Cow::Borrowed(_)), Some(Cow::Borrowed(_)), Some(Cow::Borrowed(_)))
        ));
        let told = find("\u{1b}[31mTypeError: no sku\u{1b}[0m\r    at a (/x.js:1:2)").unwrap();
        assert_eq!(told.stacktrace.as_deref(), Some("TypeError: no sku\n    at a (/x.js:1:2)"));
    }

    #[test]
    fn names_and_messages_are_bounded() {
        let name = format!("{}Error", "A".repeat(header::TYPE_BYTES_MAX));
        assert_eq!(find(&format!("{name}: x\n    at a (/x.js:1:2)")), None);
        let message = "é".repeat(MESSAGE_BYTES_MAX);
        let text = format!("TypeError: {message}\n    at a (/x.js:1:2)");
        let told = find(&text).unwrap();
        assert_eq!(told.message.map(|message| message.len()), Some(MESSAGE_BYTES_MAX));
        assert_eq!(told.stacktrace.map(|stack| stack.len()), Some(text.len()));
    }

    #[test]
    fn a_stated_stack_names_what_the_record_leaves_open() {
        let complete_of = |kind: Option<&'static str>, message: Option<&'static str>, stack: &'static str| {
            let mut record = Record {
                exception_type: kind.map(Cow::Borrowed),
                exception_message: message.map(Cow::Borrowed),
                exception_stacktrace: Some(Cow::Borrowed(stack)),
                ..Record::default()
            };
            complete(&mut record);
            [record.exception_type, record.exception_message].map(|part| part.map(Cow::into_owned).unwrap_or_default())
        };
        let js = "TypeError: no sku\n    at a (/x.js:1:2)";
        assert_eq!(complete_of(None, None, js), ["TypeError", "no sku"]);
        assert_eq!(complete_of(Some("TypeError"), None, js), ["TypeError", "no sku"]);
        assert_eq!(complete_of(Some("CardExpired"), None, js), ["CardExpired", ""]);
        assert_eq!(complete_of(None, Some("other"), js), ["TypeError", "other"]);
        assert_eq!(complete_of(None, Some("TypeError: no sku"), js), ["TypeError", "no sku"]);
        assert_eq!(complete_of(None, Some("a.CardExpired: no"), "\tat a.B.c(B.java:1)"), ["a.CardExpired", "no"]);
        assert_eq!(complete_of(None, Some("refused: no"), "\tat a.B.c(B.java:1)"), ["", "refused: no"]);
        assert_eq!(complete_of(Some("Expired"), None, "a.Expired: no\n\tat x"), ["Expired", "no"]);
        assert_eq!(complete_of(None, None, "Refused: no\n  somewhere"), ["Refused", "no"]);
    }

    /// No clock is read: were one of these quadratic, the test would not end.
    #[test]
    fn the_time_is_linear_whatever_is_repeated() {
        const BYTES: usize = 1 << 18;
        let shapes = [
            "\n    at ",
            "\n    at x",
            "x\n    at x (/a:1:1)\n",
            "Caused by: ",
            "Caused by:\n",
            "Location:\n",
            "Traceback (most recent call last):",
            "Traceback (most recent call last):\n",
            "panic: x\n",
            "fatal error: x\n",
            "thread 'x' panicked at ",
            "a:1:in 'a': ",
            "a:1:in 'a'\n",
            "Stack trace:\n",
            "[object] (",
            "\u{1b}[",
            "\r",
            "^\n",
            "  + Exception Group Traceback (most recent call last):\n",
            "  File \"x\", line 1\n",
            "ValueError: x\n",
            "A`1[",
            "Error: Error: ",
            "** (X) \n",
            " ---> ",
            "x.y\n\t/a.go",
            "[ERROR] KeyError: x\n",
            "\n\u{a0}at é(",
            "1 | x\n^\n",
            "Error: x: java.lang.X\n",
            "Error:\n  at x\n",
            "Next E: x\n",
            "panicked at x\n",
            "x goroutine 1 [x]:\n",
            "thread 1 panic: x\n",
            "Fatal error: exception X(\n",
            "Unhandled exception: x (X)\n",
            "FastCGI sent in stderr: \"",
            "[21-Nov-2026 08:42:53] ",
            "NOTICE: PHP message: ",
        ];
        for shape in shapes {
            for (before, behind) in
                [("", ""), ("x\n", "\n    at x (/a:1:1)"), ("[ERROR] KeyError: x\n", "\ngoroutine 1 [x]:")]
            {
                find(&format!("{before}{}{behind}", shape.repeat(BYTES / shape.len())));
            }
        }
    }
}
