//! What runtimes print of a program that ends: Go's and Rust's panics, C++'s `terminate`, fatal errors of Python, PHP,
//! Swift and the JVM, Elixir's exceptions, and Rust's errors with their causes.
//!
//! It refuses to read words of this kind in the middle of a line, where somebody tells of them.

use super::header::{self, Likeness};
use super::lines::{Line, line_before, lines, offset};
use super::{Found, Origin};
use crate::prefix::is_number;

/// Lines of a message whose end is marked by what follows it.
const MESSAGE_LINES_MAX: usize = 200;

/// What a look at the whole text tells once, for all of its lines.
pub(super) struct Outlook {
    /// Where Go's last `goroutine` begins a line.
    goroutine: Option<usize>,
    /// Where the first line begins that is not blank.
    first: usize,
}

impl Outlook {
    pub fn of(text: &str) -> Outlook {
        Outlook {
            goroutine: ["\ngoroutine ", "\rgoroutine "]
                .into_iter()
                .filter_map(|words| memchr::memmem::rfind(text.as_bytes(), words.as_bytes()))
                .max(),
            first: text.len() - text.trim_start().len(),
        }
    }

    fn has_goroutine_behind(&self, at: usize) -> bool {
        self.goroutine.is_some_and(|goroutine| goroutine >= at)
    }
}

fn unhandled<'t>(text: &'t str, line: &Line<'t>, kind: &'t str, message: &'t str) -> Found<'t> {
    let start = offset(text, line.trimmed());
    Found { kind: Some(kind), message: Some(message), stack: None, origin: Origin::Unhandled, start }
}

/// Reads a line with which a runtime begins to tell. `from` is where the search for what stands before may begin.
pub(super) fn begun_by<'t>(text: &'t str, line: Line<'t>, from: usize, outlook: &Outlook) -> Option<Found<'t>> {
    if line.is_indented() {
        return None;
    }
    match line.text.as_bytes().first()? {
        b'p' => go_panic(text, line, outlook),
        b'f' => go_fatal(text, line, outlook),
        b'g' => goroutine(text, line, from),
        b'S' => go_signal(text, line),
        b'*' => elixir(text, line),
        b't' | b'l' => terminate(text, line).or_else(|| zig(text, line)),
        b'F' => fatal(text, line),
        b'U' => crystal(text, line),
        b'P' => php_fatal(text, line),
        b'E' => java_start(text, line),
        b'#' => java_crash(text, line),
        b'T' => eyre_panic(text, line),
        b'C' | b'L' => rust_error(text, line, from),
        _ => None,
    }
}

fn is_first(text: &str, at: usize) -> bool {
    text[..at].trim().is_empty()
}

/// The byte where the first of the lines behind `line` begins of which `ends` is true, or where they end.
fn until(text: &str, line: &Line<'_>, ends: impl Fn(&Line<'_>) -> bool) -> Option<usize> {
    lines(text, line.next).take(MESSAGE_LINES_MAX).find(ends).map(|line| line.start)
}

fn go_panic<'t>(text: &'t str, line: Line<'t>, outlook: &Outlook) -> Option<Found<'t>> {
    let rest = line.text.strip_prefix("panic: ")?;
    let has_goroutine = outlook.has_goroutine_behind(line.start);
    if !has_goroutine && line.start > outlook.first {
        return None;
    }
    let end = until(text, &line, |line| {
        ["goroutine ", "[signal ", "panic: "].into_iter().any(|word| line.trimmed().starts_with(word))
    });
    let message = match end {
        Some(end) => &text[offset(text, rest)..end],
        None => rest,
    };
    let message = message.trim_end();
    let message = [" [recovered]", " [recovered, repanicked]"]
        .into_iter()
        .find_map(|word| message.strip_suffix(word))
        .unwrap_or(message);
    let stack = has_goroutine.then(|| &text[line.start..]);
    Some(Found { stack, ..unhandled(text, &line, go_kind(message), message) })
}

/// Go prints of a value its type (`main.CardExpired{…}`, `(main.T) {…}`), of an error its message alone.
fn go_kind(message: &str) -> &str {
    if message.starts_with("runtime error: ") {
        return "runtime.Error";
    }
    let value = message.trim_start_matches(['(', '&', '*']);
    let kind =
        header::type_name(value).filter(|kind| kind.split_once('.').is_some_and(|(_, name)| !name.contains('.')));
    match kind {
        Some(kind) if value[kind.len()..].starts_with(['{', ')']) => kind,
        _ => PANIC,
    }
}

/// The type of a panic: neither Go nor Rust names another.
const PANIC: &str = "panic";

fn go_fatal<'t>(text: &'t str, line: Line<'t>, outlook: &Outlook) -> Option<Found<'t>> {
    if let Some(message) = line.text.strip_prefix("fatal runtime error: ") {
        return Some(unhandled(text, &line, "fatal runtime error", message));
    }
    let message = line.text.strip_prefix("fatal error: ")?;
    let has_goroutine = outlook.has_goroutine_behind(line.start);
    // A compiler says the same words.
    let is_known = ["all goroutines are asleep", "concurrent map ", "stack overflow", "runtime: "];
    let is_go = line.start <= outlook.first && is_known.iter().any(|words| message.starts_with(words));
    if !has_goroutine && !is_go {
        return None;
    }
    let stack = has_goroutine.then(|| &text[line.start..]);
    Some(Found { stack, ..unhandled(text, &line, "fatal error", message) })
}

/// `SIGSEGV: segmentation violation`, then the processor's state.
fn go_signal<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    let (signal, message) = line.text.split_once(": ")?;
    let is_signal = signal.starts_with("SIG") && signal.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_state = lines(text, line.next).next().is_some_and(|line| line.text.starts_with("PC=0x"));
    (is_signal && is_state)
        .then(|| Found { stack: Some(&text[line.start..]), ..unhandled(text, &line, signal, message) })
}

/// A stack of Go without `panic:` before it: `http: panic serving …` of its server, or what a function that recovered
/// prints.
fn goroutine<'t>(text: &'t str, line: Line<'t>, from: usize) -> Option<Found<'t>> {
    let number = line.text.strip_prefix("goroutine ")?;
    if !number.starts_with(|digit: char| digit.is_ascii_digit()) || !number.ends_with("]:") {
        return None;
    }
    let mut next = line.start;
    for _ in 0..MESSAGE_LINES_MAX {
        let Some(before) = (next > from).then(|| line_before(text, next)).flatten() else { break };
        next = before.start;
        if let Some(found) = recovered(text, before, Some(line.start)) {
            return Some(found);
        }
    }
    Some(Found {
        kind: None,
        message: None,
        stack: Some(&text[line.start..]),
        origin: Origin::Logged,
        start: line.start,
    })
}

/// Reads `2026/11/21 08:42:53 http: panic serving 10.0.0.1:4321: boom` and `recovered from panic: boom`.
pub(super) fn recovered<'t>(text: &'t str, line: Line<'t>, stack: Option<usize>) -> Option<Found<'t>> {
    const SERVING: &str = "http: panic serving ";
    const LINE_BYTES_MAX: usize = 1 << 10;
    let window = line.text.get(..LINE_BYTES_MAX).unwrap_or(line.text);
    let (start, message, origin) = if let Some(at) = window.find(SERVING) {
        // Go's server caught it, nobody of the program did.
        (at, window[at + SERVING.len()..].split_once(": ")?.1, Origin::Unhandled)
    } else {
        stack?;
        let at = window.find("panic").or_else(|| window.find("Panic")).or_else(|| window.find("ecovered"))?;
        (at, window[at..].split_once(": ").map_or("", |(_, message)| message), Origin::Logged)
    };
    let message = offset(text, message);
    let end = stack.unwrap_or(line.start + line.text.len());
    Some(Found {
        kind: Some(PANIC),
        message: (message < end && message > 0).then(|| &text[message..end]),
        stack: stack.map(|stack| &text[stack..]),
        origin,
        start: line.start + start,
    })
}

/// Reads Rust's `thread 'main' panicked at src/main.rs:12:5:` with the message on the next lines, and the form before
/// Rust 1.73 with the message in quotes before the place.
pub(super) fn rust(text: &str) -> Option<Found<'_>> {
    const MARK: &str = "panicked at ";
    let finder = memchr::memmem::Finder::new(MARK);
    let mut at = 0;
    while let Some(hit) = finder.find(&text.as_bytes()[at..]).map(|hit| at + hit) {
        let line_start = memchr::memrchr2(b'\n', b'\r', &text.as_bytes()[at..hit]).map_or(at, |end| at + end + 1);
        let line = lines(text, line_start).next()?;
        at = line.next;
        let Some(thread) = text[line_start..hit].rfind("thread '") else { continue };
        let start = line_start + thread;
        let end = until(text, &line, |line| {
            ["note: run with", "note: Some details", "stack backtrace:"]
                .into_iter()
                .any(|word| line.text.starts_with(word))
        })
        .unwrap_or(text.len());
        let place = line.text.get(hit + MARK.len() - line_start..).unwrap_or_default();
        let message = match place.strip_prefix('\'') {
            Some(quoted) => quoted_before_place(&text[offset(text, quoted)..end]),
            None => text.get(line.next..end),
        };
        return Some(Found {
            kind: Some(PANIC),
            message,
            stack: Some(&text[start..]),
            origin: if text[line_start..start].trim().is_empty() { Origin::Unhandled } else { Origin::Logged },
            start,
        });
    }
    None
}

fn quoted_before_place(text: &str) -> Option<&str> {
    let end = memchr::memmem::rfind(text.as_bytes(), b"', ").or_else(|| memchr::memmem::rfind(text.as_bytes(), b"': "));
    Some(&text[..end?])
}

/// color-eyre's `The application panicked (crashed).`
fn eyre_panic<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    (line.text == "The application panicked (crashed).").then_some(())?;
    let told = lines(text, line.next).next()?;
    let message = told.text.strip_prefix("Message:")?;
    Some(Found { stack: Some(&text[line.start..]), ..unhandled(text, &line, PANIC, message) })
}

/// What Rust's `main` prints of an error with causes (`Caused by:`), a place or a backtrace.
fn rust_error<'t>(text: &'t str, line: Line<'t>, from: usize) -> Option<Found<'t>> {
    let is_caused = line.text == "Caused by:";
    let is_placed =
        line.text == "Location:" && lines(text, line.next).next().is_some_and(|place| place.text.contains(".rs:"));
    if !is_caused && !is_placed {
        return None;
    }
    // Every such line looks back: a few lines bound it.
    const LINES_MAX: usize = 16;
    let mut next = line.start;
    for _ in 0..LINES_MAX {
        let before = (next > from).then(|| line_before(text, next)).flatten()?;
        next = before.start;
        if let Some(message) = before.text.strip_prefix("Error:") {
            let is_bare = is_first(text, before.start);
            return Some(Found {
                kind: Some("Error"),
                message: Some(&text[offset(text, message)..line.start]),
                stack: Some(&text[before.start..]),
                origin: if is_bare { Origin::Unhandled } else { Origin::Logged },
                start: before.start,
            });
        }
    }
    None
}

/// C++: `terminate called after throwing an instance of 'std::runtime_error'`, then `what():  boom`.
pub(super) fn terminate<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    if line.text.starts_with("libc++abi") {
        let (_, told) = line.text.split_once("exception of type ")?;
        let (kind, message) = told.split_once(": ").unwrap_or((told, ""));
        return Some(unhandled(text, &line, kind, message));
    }
    let told = line.text.strip_prefix("terminate called ")?;
    let kind = told.strip_prefix("after throwing an instance of '").and_then(|kind| kind.strip_suffix('\''));
    let what = lines(text, line.next).next().and_then(|line| line.trimmed().strip_prefix("what():"));
    let found = unhandled(text, &line, kind.unwrap_or_default(), what.unwrap_or_default());
    match kind {
        Some(kind) => Some(Found { kind: Some(kind), ..found }),
        None => told.starts_with("without an active exception").then_some(Found {
            kind: None,
            message: Some(line.text),
            ..found
        }),
    }
}

/// Zig's `thread 1 panic: boom`, then a place and its address.
pub(super) fn zig<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    let (_, message) =
        line.text.strip_prefix("thread ")?.split_once(" panic: ").filter(|(thread, _)| is_number(thread))?;
    let has_place = lines(text, line.next).next().is_some_and(|place| place.text.contains(": 0x"));
    Some(Found { stack: has_place.then(|| &text[line.start..]), ..unhandled(text, &line, PANIC, message) })
}

/// Crystal's `Unhandled exception: boom (RuntimeError)`, then places behind `from`.
fn crystal<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    let told = line.text.strip_prefix("Unhandled exception: ")?.strip_suffix(')')?;
    let (message, kind) = told.rsplit_once(" (").filter(|(_, kind)| header::type_name(kind) == Some(kind))?;
    lines(text, line.next).next().filter(|place| place.is_indented() && place.trimmed().starts_with("from "))?;
    Some(Found { stack: Some(&text[line.start..]), ..unhandled(text, &line, kind, message) })
}

/// What begins with `Fatal error` in four languages.
pub(super) fn fatal<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    python_fatal(text, line)
        .or_else(|| ocaml(text, line))
        .or_else(|| php_fatal(text, line))
        .or_else(|| swift(text, line))
}

/// OCaml's `Fatal error: exception Failure("boom")`, and with `OCAMLRUNPARAM=b` where it was raised.
fn ocaml<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    let told = line.text.strip_prefix("Fatal error: exception ")?;
    let kind = header::type_name(told).filter(|kind| kind.starts_with(char::is_uppercase))?;
    let message = match &told[kind.len()..] {
        "" => "",
        inside => inside.strip_prefix('(')?.strip_suffix(')')?.trim_matches('"'),
    };
    let has_place = lines(text, line.next).next().is_some_and(|place| place.text.starts_with("Raised "));
    Some(Found { stack: has_place.then(|| &text[line.start..]), ..unhandled(text, &line, kind, message) })
}

/// Python's `Fatal Python error: Segmentation fault`, of `faulthandler` and of the interpreter.
pub(super) fn python_fatal<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    const KIND: &str = "Fatal Python error";
    let message = line.text.strip_prefix(KIND)?.strip_prefix(": ")?;
    let stack = (line.next < text.trim_end().len()).then(|| &text[line.start..]);
    Some(Found { stack, ..unhandled(text, &line, KIND, message) })
}

/// PHP's errors that end a script and are no exception: `PHP Fatal error:  Allowed memory size of … exhausted`. A
/// warning or notice is none.
pub(super) fn php_fatal<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    const KINDS: [&str; 4] = ["Fatal error", "Parse error", "Recoverable fatal error", "Compile error"];
    let told = line.text.strip_prefix("PHP ").unwrap_or(line.text);
    let kind = KINDS.into_iter().find(|kind| told.starts_with(kind))?;
    let message = told[kind.len()..].strip_prefix(':')?.trim_start();
    let whole = super::frames::without_place(message);
    let is_php = told.len() < line.text.len() || message.contains(" on line ") && whole.len() < message.len();
    if !is_php {
        return None;
    }
    if let Some(exception) = message.strip_prefix("Uncaught ").and_then(header::parse_type) {
        let has_trace = lines(text, line.next).take(MESSAGE_LINES_MAX).any(|line| line.text == "Stack trace:");
        // With its frames it is read as a whole.
        return (!has_trace).then(|| {
            let message = super::frames::without_place(exception.message.unwrap_or_default());
            unhandled(text, &line, exception.name, message)
        });
    }
    Some(unhandled(text, &line, kind, whole))
}

/// Swift's `Fatal error: Index out of range: file main.swift, line 5`, or the file before the words.
pub(super) fn swift<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    const WORDS: &str = "Fatal error: ";
    const PLACE_BYTES_MAX: usize = 512;
    let window = line.text.get(..PLACE_BYTES_MAX).unwrap_or(line.text);
    let at = window.find(WORDS)?;
    let message = &line.text[at + WORDS.len()..];
    let (own, is_placed) = match message.rsplit_once(": file ") {
        Some((own, place)) if place.contains(", line ") => (own, true),
        _ => (message, false),
    };
    // The file begins the line: behind other words it is what somebody sent.
    let is_file = |place: &str| {
        let is_path = |path: &str| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
        place.rsplit_once(".swift:").is_some_and(|(path, line)| is_number(line) && is_path(path))
    };
    let is_swift = if at == 0 { is_placed } else { window[..at].strip_suffix(": ").is_some_and(is_file) };
    is_swift.then(|| unhandled(text, &line, "Fatal error", own))
}

/// Elixir's `** (RuntimeError) boom`, then frames in parentheses.
pub(super) fn elixir<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    let inside = line.text.strip_prefix("** (")?;
    let end = inside.bytes().take(header::TYPE_BYTES_MAX).position(|byte| byte == b')')?;
    let kind = &inside[..end];
    let kind = if kind.starts_with("EXIT from ") { "EXIT" } else { kind };
    let is_frame = |line: &Line<'_>| {
        let frame = line.trimmed();
        line.is_indented() && (frame.starts_with('(') || frame.contains(".ex:") || frame.contains(".exs:"))
    };
    let is_exit = matches!(kind, "exit" | "EXIT" | "throw" | "stop");
    // Such a line is a list's in some notations: a word that may be anything must have a frame soon.
    const FRAME_LINES_MAX: usize = 4;
    let is_type = header::parse_type(kind).is_some_and(|found| match found.likeness {
        Likeness::Exception | Likeness::Bare => true,
        Likeness::Name | Likeness::Word => {
            kind.contains('.') || lines(text, line.next).take(FRAME_LINES_MAX).any(|line| is_frame(&line))
        }
        Likeness::Lower => false,
    });
    if !is_exit && !is_type {
        return None;
    }
    let frames = until(text, &line, is_frame);
    let message = inside[end + 1..].trim_start();
    let message_start = offset(text, message);
    let is_bare = is_first(text, line.start);
    Some(Found {
        message: Some(frames.map_or(message, |frames| &text[message_start..frames.max(message_start)])),
        stack: frames.map(|_| &text[line.start..]),
        origin: if is_bare { Origin::Unhandled } else { Origin::Logged },
        ..unhandled(text, &line, kind, message)
    })
}

/// What the JVM prints where it cannot start.
pub(super) fn java_start<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    const WORDS: [&str; 4] = [
        "Error occurred during initialization of ",
        "Error: Could not find or load main class ",
        "Error: Unable to initialize main class ",
        "Error: A JNI error has occurred",
    ];
    if let Some(rest) = line.text.strip_prefix("Exception: ") {
        let (kind, _) = rest.split_once(" thrown from the UncaughtExceptionHandler in thread ")?;
        return Some(unhandled(text, &line, kind, ""));
    }
    WORDS.into_iter().find(|words| line.text.starts_with(words))?;
    let next = lines(text, line.next).find(|line| !line.is_blank());
    let named = next.and_then(|next| {
        header::parse_type(next.text.strip_prefix("Caused by: ").unwrap_or(next.text))
            .filter(|found| found.likeness == Likeness::Exception)
    });
    let found = unhandled(text, &line, "", line.text);
    Some(match (named, next) {
        (Some(named), _) => {
            Found { kind: Some(named.name), message: named.message, stack: Some(&text[line.start..]), ..found }
        }
        (None, Some(next)) => Found { kind: None, message: Some(next.text), ..found },
        (None, None) => Found { kind: None, ..found },
    })
}

/// The JVM's own crash, every line of it behind a `#`.
fn java_crash<'t>(text: &'t str, line: Line<'t>) -> Option<Found<'t>> {
    (line.text == "# A fatal error has been detected by the Java Runtime Environment:").then_some(())?;
    const LINES_MAX: usize = 4;
    let signal = lines(text, line.next)
        .take(LINES_MAX)
        .map(|line| line.text.trim_start_matches('#').trim_start())
        .find(|line| !line.is_empty())?;
    let kind = signal.split_whitespace().next()?;
    Some(Found { stack: Some(&text[line.start..]), ..unhandled(text, &line, kind, signal) })
}
