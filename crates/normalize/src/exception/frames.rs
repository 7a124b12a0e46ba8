//! Exceptions whose type stands before their frames: Node, Deno, Bun, Java, Kotlin, .NET, PHP, Ruby, and Go's errors
//! that carry a stack.
//!
//! It refuses to take an indented `at …` for a frame on its word: the line must have a frame's shape, or the line
//! before it an exception's name.

use super::header::{self, Header, Likeness};
use super::lines::{Line, line_before, lines, offset};
use super::{Found, Origin};

/// Lines between a type and its first frame, the message's own. Validators list a line for each field.
const HEADER_LINES_MAX: usize = 200;

/// Bytes of a line that are looked at to tell a frame.
const FRAME_BYTES_MAX: usize = 2 << 10;

/// How sure it is that a line is a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// It names a place in code.
    Certain,
    /// `at x`: a word that may be anything.
    Possible,
}

/// Reads a line `at …`, whose blanks before it are cut.
pub(super) fn at_frame(line: &Line<'_>) -> Option<Frame> {
    let place = line.trimmed().strip_prefix("at ")?.trim_start();
    let frame = place_of(place)?;
    // Some shippers cut the blanks before a line; prose may begin with `at`.
    (frame == Frame::Certain || line.is_indented()).then_some(frame)
}

fn place_of(place: &str) -> Option<Frame> {
    let mut end = place.len().min(FRAME_BYTES_MAX);
    while !place.is_char_boundary(end) {
        end -= 1;
    }
    // Node prints an error's properties behind its last frame.
    let place = place[..end].trim_end().trim_end_matches(" {");
    if let Some(open) = place.find('(') {
        let before = &place[..open];
        if !before.is_empty() && !before.contains(char::is_whitespace) {
            // Java and .NET: the call's own parenthesis.
            return Some(if before.contains(['.', '/']) { Frame::Certain } else { Frame::Possible });
        }
        // Node: the place in parentheses behind the function.
        let inside = place[place.rfind('(')? + 1..].trim_end_matches(')');
        let is_place = matches!(inside, "native" | "<anonymous>" | "anonymous" | "Native Method" | "Unknown Source")
            || inside.strip_prefix("index ").is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
            || is_file_and_line(inside);
        return is_place.then_some(Frame::Certain);
    }
    let place = place.strip_prefix("async ").unwrap_or(place);
    if is_file_and_line(place) {
        return Some(Frame::Certain);
    }
    let is_word = !place.is_empty() && !place.contains(char::is_whitespace);
    is_word.then_some(Frame::Possible)
}

/// `/var/task/index.js:12:9`, `node:internal/process:95:5`, `<anonymous>:1:1`, `node:1`.
fn is_file_and_line(place: &str) -> bool {
    let Some((file, line)) = place.rsplit_once(':') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(line)
        && !file.is_empty()
        && file.contains(|character: char| character.is_alphabetic())
        && (file.contains(['/', '\\', '.']) || file.starts_with("node") || file.starts_with('<'))
}

/// Finds the exception of which the first frame begins at the byte `frame`; its type stands on a line from the byte
/// `from` on.
pub(super) fn headed(text: &str, from: usize, frame: usize, certainty: Frame) -> Option<Found<'_>> {
    let mut before = Vec::new();
    let mut next = frame;
    while next > from && before.len() < HEADER_LINES_MAX {
        let Some(line) = line_before(text, next) else { break };
        next = line.start;
        before.push(line);
    }
    before.reverse();
    let headers: Vec<_> = before.iter().map(|line| header::leading(line.text)).collect();
    if let Some(found) = announced(text, &before, &headers, frame) {
        return Some(found);
    }
    let header = best(&before, &headers, certainty)?;
    let mut start = offset(text, header.text);
    let mut is_unhandled = header.is_uncaught || text[..start].trim().is_empty();
    let stack = start;
    if let Some(place) = pointed_at(text, start) {
        start = place;
        is_unhandled = true;
    } else if is_said_to_be_unhandled(text, start) {
        start = text.len() - text.trim_start().len();
        is_unhandled = true;
    }
    let message = header.message.map(|message| own_message(&text[offset(text, message)..frame]));
    Some(Found {
        kind: Some(header.kind),
        message,
        stack: Some(&text[stack..]),
        origin: if is_unhandled { Origin::Unhandled } else { Origin::Logged },
        start,
    })
}

/// Says whether the text before an exception begins with a runtime's words: `Unhandled exception:` on a line of its own,
/// `Unhandled Rejection at: Promise …`.
fn is_said_to_be_unhandled(text: &str, start: usize) -> bool {
    const BYTES_MAX: usize = 1 << 10;
    let before = text[..start].trim_start();
    before.len() <= BYTES_MAX && is_runtimes_word(before)
}

/// Says whether a text begins as runtimes begin to tell of what nobody caught. `Unhandled path: …` is a program's.
pub(super) fn is_runtimes_word(text: &str) -> bool {
    const THINGS: [&str; 5] = ["exception", "error", "rejection", "promise", "(in"];
    let Some(thing) = text.strip_prefix("Unhandled ").or_else(|| text.strip_prefix("Uncaught ")) else { return false };
    let thing = thing.split([' ', ':', '.', '\n', '\r']).next().unwrap_or_default();
    THINGS.iter().any(|known| known.eq_ignore_ascii_case(thing))
}

/// Says whether a line is the first frame of Dart, or of PHP without `Stack trace:` before it.
pub(super) fn is_numbered_frame(line: &Line<'_>) -> bool {
    line.text.starts_with("#0 ")
        && [".dart:", ".php(", "(dart:", "(package:"].iter().any(|mark| line.text.contains(mark))
}

/// Cuts what .NET writes of inner exceptions between a message and its frames.
fn own_message(text: &str) -> &str {
    let end = memchr::memmem::find(text.as_bytes(), b" ---> ").unwrap_or(text.len());
    &text[..end]
}

/// Lambda's Java runtime writes `message: Type` before `Type: message` and the frames.
fn announced<'t>(
    text: &'t str,
    before: &[Line<'t>],
    headers: &[Option<Header<'t>>],
    frame: usize,
) -> Option<Found<'t>> {
    let (at, header) = headers.iter().enumerate().skip(1).find_map(|(at, header)| {
        let header = header.as_ref()?;
        let announced = before[at - 1].text.strip_suffix(header.kind)?;
        announced.ends_with(": ").then_some((at, header))
    })?;
    // The announcement has as many lines as the message.
    let first = &before[at.saturating_sub(before.len() - at)];
    Some(Found {
        kind: Some(header.kind),
        message: header.message.map(|message| &text[offset(text, message)..frame]),
        stack: Some(&text[offset(text, header.text)..]),
        origin: Origin::Unhandled,
        start: first.start,
    })
}

/// Picks the header of the frames that follow `before`.
fn best<'t>(before: &[Line<'t>], headers: &[Option<Header<'t>>], certainty: Frame) -> Option<Header<'t>> {
    let leading = || headers.iter().flatten();
    let uncaught = leading().find(|header| header.is_uncaught);
    let certain = |header: &&Header<'t>| certainty == Frame::Certain || header.kind != "Error";
    let found = uncaught
        .or_else(|| leading().find(|header| header.likeness == Likeness::Exception))
        .or_else(|| leading().filter(certain).find(|header| header.likeness == Likeness::Bare));
    if let Some(header) = found {
        return Some(*header);
    }
    let mut inner = None;
    for (line, leading) in before.iter().zip(headers) {
        let Some(header) = header::within(line.text) else { continue };
        // `CardExpired: refused (see TypeError: x)` tells of the first, `Payments: TypeError: x` of the second.
        if leading.is_some() && !header::is_behind_colon(line.text, &header) {
            continue;
        }
        if certainty == Frame::Certain || header.likeness == Likeness::Exception {
            inner = Some(header);
            break;
        }
    }
    if inner.is_some() || certainty == Frame::Possible {
        return inner;
    }
    let flush = |likeness: Likeness| {
        before
            .iter()
            .zip(headers)
            .rev()
            .filter_map(|(line, header)| Some((line, header.as_ref()?)))
            // A message goes on in indented lines; they seldom begin with a path.
            .filter(|(line, header)| !line.is_indented() || header.kind.contains(['.', ':', '+', '\\']))
            .map(|(_, header)| header)
            .find(|header| header.likeness == likeness)
    };
    flush(Likeness::Name).or_else(|| flush(Likeness::Word)).copied()
}

/// Returns where the text begins by which Node and Bun show the line of code that threw: a place, the code, a line of
/// `^`. It stands directly before the byte `start`.
pub(super) fn pointed_at(text: &str, start: usize) -> Option<usize> {
    let before = text.get(..start)?.trim_end();
    let caret = line_before(before, before.len())?.trimmed();
    if caret.is_empty() || !caret.bytes().all(|byte| matches!(byte, b'^' | b'~')) {
        return None;
    }
    // The code has a line or a few.
    const CODE_LINES_MAX: usize = 8;
    let mut next = before.len();
    for _ in 0..CODE_LINES_MAX {
        let line = line_before(before, next)?;
        next = line.start;
        let is_numbered = line
            .trimmed()
            .split_once(" | ")
            .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if is_numbered && line_before(before, next).is_none_or(|line| !line.text.contains(" | ")) {
            return Some(line.start);
        }
        // A path of a request is no file: `/search?q=x.js:1`.
        if !line.is_indented() && is_file_and_line(line.text) && !line.text.contains(['?', '=', ' ']) {
            return Some(line.start);
        }
    }
    None
}

/// Finds PHP's exception of which `Stack trace:` begins at the byte `trace`.
pub(super) fn php<'t>(text: &'t str, from: usize, trace: Line<'t>) -> Option<Found<'t>> {
    let mut found = headed(text, from, trace.start, Frame::Certain)?;
    found.message = found.message.map(without_place);
    // What was thrown last stands last, behind what it wraps.
    let mut outer: Option<(&str, usize)> = None;
    for line in lines(text, trace.next) {
        if let Some(header) = line.text.strip_prefix("Next ").and_then(header::parse_type) {
            outer = header.message.map(|message| (header.name, offset(text, message)));
        } else if line.text == trace.text
            && let Some((kind, start)) = outer.take()
        {
            found.kind = Some(kind);
            found.message = Some(without_place(&text[start..line.start]));
        }
    }
    Some(found)
}

/// Cuts ` in /var/task/index.php:12`.
pub(super) fn without_place(message: &str) -> &str {
    let message = message.trim_end();
    let Some((before, place)) = message.rsplit_once(" in ") else { return message };
    let is_place = place.rsplit_once(':').is_some_and(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit()))
        || place.contains(" on line ");
    if is_place { before } else { message }
}

/// Reads Monolog's `[object] (RuntimeException(code: 0): card is expired at /var/task/index.php:12)`.
pub(super) fn monolog(text: &str) -> Option<Found<'_>> {
    const MARK: &str = "[object] (";
    let start = memchr::memmem::find(text.as_bytes(), MARK.as_bytes())?;
    let inside = &text[start + MARK.len()..];
    let kind = header::type_name(inside)?;
    let rest = inside[kind.len()..].strip_prefix("(code: ")?;
    let message = &rest[rest.bytes().take(32).position(|byte| byte == b')')? + 1..];
    let message = message.strip_prefix(": ").or_else(|| message.strip_prefix(':'))?;
    let trace = memchr::memmem::find(message.as_bytes(), b"[stacktrace]");
    let own = &message[..trace.unwrap_or(message.len())];
    // What it wraps follows in parentheses of its own.
    let own = &own[..memchr::memmem::find(own.as_bytes(), b"[previous exception]").unwrap_or(own.len())];
    let own = own.rfind(" at ").map_or(own, |end| &own[..end]);
    Some(Found {
        kind: Some(kind),
        message: Some(own),
        stack: trace.is_some().then(|| text[start..].trim_end().trim_end_matches(['}', '"', ' ', '[', ']'])),
        origin: Origin::Logged,
        start,
    })
}

/// Says whether a line is the place of a frame of Go: a tab, a path, `.go:` and a number.
pub(super) fn is_go_place(line: &Line<'_>) -> bool {
    if !line.is_indented() || !line.text.ends_with(|last: char| last.is_ascii_hexdigit()) {
        return false;
    }
    let place = line.trimmed();
    let place = place.split(" +0x").next().unwrap_or(place);
    place.rsplit_once(".go:").is_some_and(|(file, line)| {
        !file.is_empty() && !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Finds a Go error that carries a stack: the message, then pairs of a function and its place. `function` is the
/// line before the first place.
pub(super) fn go_error<'t>(text: &'t str, from: usize, function: &Line<'t>) -> Option<Found<'t>> {
    let name = function.trimmed();
    if !name.contains('.') || name.contains(' ') && !name.ends_with(')') {
        return None;
    }
    let line = (function.start > from).then(|| line_before(text, function.start)).flatten();
    let message = line.map(|line| super::behind_prefix(line.text).trim_end_matches(':'));
    Some(Found {
        kind: None,
        message,
        stack: Some(&text[function.start..]),
        origin: Origin::Logged,
        start: message.filter(|message| !message.is_empty()).map_or(function.start, |message| offset(text, message)),
    })
}

/// Finds a Ruby exception: `app.rb:9:in 'charge': card is expired (CardExpired)`, or its type before its frames as
/// Ruby's logger and Rails write it.
pub(super) fn ruby(text: &str) -> Option<Found<'_>> {
    const MARK: &str = ":in ";
    let finder = memchr::memmem::Finder::new(MARK);
    let mut at = 0;
    let mut from = 0;
    while let Some(hit) = finder.find(&text.as_bytes()[at..]).map(|hit| at + hit) {
        let Some(line) = lines(text, from.max(line_start(text, at, hit))).next() else { break };
        if let Some(found) = ruby_line(text, line, hit) {
            return Some(found);
        }
        if is_ruby_frame(line.text, hit - line.start)
            && let Some(found) = ruby_header(text, from, line.start)
        {
            return Some(found);
        }
        from = line.next;
        at = line.next;
    }
    None
}

fn line_start(text: &str, from: usize, hit: usize) -> usize {
    memchr::memrchr2(b'\n', b'\r', &text.as_bytes()[from..hit]).map_or(from, |end| from + end + 1)
}

/// The method's name between a backtick or quote and a quote, behind `file:line:in `.
fn ruby_method(line: &str, mark: usize) -> Option<usize> {
    const METHOD_BYTES_MAX: usize = 256;
    if !line.get(..mark)?.ends_with(|digit: char| digit.is_ascii_digit()) {
        return None;
    }
    let quoted = line.get(mark + ":in ".len()..)?.strip_prefix(['`', '\''])?;
    let end = quoted.bytes().take(METHOD_BYTES_MAX).position(|byte| byte == b'\'')?;
    Some(offset(line, quoted) + end + 1)
}

fn is_ruby_frame(line: &str, mark: usize) -> bool {
    let is_path =
        || super::behind_prefix(line.trim_start()).split(":in ").next().is_some_and(|path| !path.contains(' '));
    ruby_method(line, mark) == Some(line.len()) && is_path()
}

fn ruby_line<'t>(text: &'t str, line: Line<'t>, hit: usize) -> Option<Found<'t>> {
    let mark = hit - line.start;
    let rest = line.text.get(ruby_method(line.text, mark)?..)?.strip_prefix(": ")?;
    let (message, kind) = ruby_kind(rest)?;
    let file = line.text[..mark].rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
    let file = if line.text.is_char_boundary(file) { file } else { 0 };
    let start = line.start + file;
    let before = text[..start].trim();
    // Ruby before 3.0 prints the frames first on a terminal.
    let is_reversed = before.starts_with(super::python::TRACEBACK);
    let is_bare = before.is_empty() || is_reversed;
    let start = if is_reversed { offset(text, before) } else { start };
    Some(Found {
        kind: Some(kind),
        message: Some(message).filter(|message| *message != "unhandled exception" && *message != kind),
        stack: Some(&text[start..]),
        origin: if is_bare { Origin::Unhandled } else { Origin::Logged },
        start,
    })
}

/// Splits `card is expired (CardExpired)`.
fn ruby_kind(text: &str) -> Option<(&str, &str)> {
    if text == "unhandled exception" {
        return Some((text, "RuntimeError"));
    }
    let inside = text.strip_suffix(')')?;
    let open = inside.rfind('(')?;
    let kind = &inside[open + 1..];
    let is_type = header::type_name(kind) == Some(kind) && kind.starts_with(char::is_uppercase);
    is_type.then_some((inside[..open].trim_end(), kind))
}

/// Reads the line before frames: `card is expired (CardExpired)` of the logger, `CardExpired (card is expired):` of
/// Rails, or a type and a message.
fn ruby_header(text: &str, from: usize, frame: usize) -> Option<Found<'_>> {
    let mut next = frame;
    let line = loop {
        let line = (next > from).then(|| line_before(text, next)).flatten()?;
        if !line.is_blank() {
            break line;
        }
        next = line.start;
    };
    let body = super::behind_prefix(line.text);
    let rails = body.strip_suffix("):").and_then(|body| body.split_once(" ("));
    let (kind, message, start) = if let Some((kind, message)) =
        rails.filter(|(kind, _)| header::type_name(kind) == Some(kind))
    {
        (kind, message, kind)
    } else if let Some((message, kind)) = ruby_kind(body) {
        // Ruby's logger has a program's name and ` : ` before the message.
        let message =
            message.split_once(" -- ").and_then(|(_, rest)| rest.split_once(": ")).map_or(message, |(_, rest)| rest);
        (kind, message, message)
    } else {
        let header = header::leading(body).or_else(|| header::within(body))?;
        (header.kind, header.message?, header.text)
    };
    let start = offset(text, start);
    Some(Found { kind: Some(kind), message: Some(message), stack: Some(&text[start..]), origin: Origin::Logged, start })
}
