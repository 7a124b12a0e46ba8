//! The line that names an exception: `java.lang.IllegalStateException: closed`, `TypeError [ERR_X]: no sku`,
//! `Exception in thread "main" …`.
//!
//! It refuses to decide whether there is an exception at all: that takes a stack trace or a runtime's own words.

use super::lines::offset;

/// Bytes of a type's name. Generic names of .NET and Scala reach about a hundred.
pub(super) const TYPE_BYTES_MAX: usize = 200;

/// Bytes of a line in which a type is looked for behind other words; a logger's prefix is shorter.
const HEADER_BYTES_MAX: usize = 1 << 10;

/// Words that a runtime puts before a type on the same line.
const INTRODUCTIONS_MAX: usize = 4;

/// How the last part of a type's name ends where languages and libraries keep to their own conventions.
const ENDINGS: [&str; 6] = ["Error", "Exception", "Fault", "Failure", "Throwable", "Interrupt"];

/// Python's exceptions that end otherwise and that leave a program.
const NAMES: [&str; 4] = ["SystemExit", "StopIteration", "GeneratorExit", "StopAsyncIteration"];

/// How much a word looks like an exception's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// `socket.timeout`, `sku`: a name in lower case.
    Lower,
    /// `Detail`, `Refused`: one word with a capital.
    Word,
    /// `CardExpired`, `acme.Refused`: several words or a path.
    Name,
    /// `Error`, `Exception`: a type, but also what people write before a message.
    Bare,
    /// `TypeError`, `java.lang.Exception`.
    Exception,
}

/// A type's name at the start of a line, and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type<'t> {
    pub name: &'t str,
    pub likeness: Likeness,
    /// What stands behind the colon; `None` where the line ends with the name.
    pub message: Option<&'t str>,
}

/// Reads `Type`, `Type: message`, `Type [CODE]: message` or `Type (0x80004005): message` at the start of a line.
pub(super) fn parse_type(line: &str) -> Option<Type<'_>> {
    let name = type_name(line)?;
    let mut rest = &line[name.len()..];
    const CODES_MAX: usize = 3;
    for _ in 0..CODES_MAX {
        rest = behind_code(rest).unwrap_or(rest);
    }
    let message = match rest.strip_prefix(':') {
        Some(message) if message.is_empty() || message.starts_with(char::is_whitespace) => Some(message.trim_start()),
        None if rest.trim_start().is_empty() => None,
        _ => return None,
    };
    Some(Type { name, likeness: likeness(name), message })
}

/// Returns the name of a type at the start of `text`.
pub(super) fn type_name(text: &str) -> Option<&str> {
    if !text.starts_with(|first: char| first.is_alphabetic() || first == '_') {
        return None;
    }
    let mut arguments = 0_u32;
    let mut end = 0;
    let bytes = text.as_bytes();
    let mut skipped = 0;
    for (at, character) in text.char_indices() {
        if at > TYPE_BYTES_MAX {
            return None;
        }
        if at < skipped {
            continue;
        }
        let follows = |ahead: usize| bytes.get(at + ahead).copied().unwrap_or_default();
        let is_part = match character {
            // .NET's type arguments: `Fault`1[System.String]`.
            '[' if arguments > 0
                || text[..at].trim_end_matches(|digit: char| digit.is_ascii_digit()).ends_with('`') =>
            {
                arguments += 1;
                true
            }
            ']' if arguments > 0 => {
                arguments -= 1;
                true
            }
            ',' | ' ' | '=' if arguments > 0 => true,
            // Ruby's and C++'s paths.
            ':' if follows(1) == b':' && (follows(2).is_ascii_alphabetic() || follows(2) == b'_') => {
                skipped = at + 2;
                true
            }
            '_' | '.' | '$' | '\\' | '+' | '`' | '<' | '>' => true,
            _ => character.is_alphanumeric(),
        };
        if !is_part {
            break;
        }
        end = skipped.max(at + character.len_utf8());
    }
    let name = &text[..end];
    (end <= TYPE_BYTES_MAX && arguments == 0 && !name.ends_with(['.', '\\', '+'])).then_some(name)
}

/// Returns what follows ` [ERR_X]`, ` (111)` or ` (0x80004005)`.
fn behind_code(rest: &str) -> Option<&str> {
    const CODE_BYTES_MAX: usize = 64;
    let inside = rest.strip_prefix(" [").or_else(|| rest.strip_prefix(" ("))?;
    let length =
        inside.bytes().take(CODE_BYTES_MAX).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let code = &inside[..length];
    let is_number = || code.trim_start_matches("0x").bytes().all(|byte| byte.is_ascii_hexdigit());
    match inside.as_bytes().get(length)? {
        b']' if length > 0 && rest.starts_with(" [") => Some(&inside[length + 1..]),
        b')' if length > 0 && rest.starts_with(" (") && is_number() => Some(&inside[length + 1..]),
        _ => None,
    }
}

fn likeness(name: &str) -> Likeness {
    let path = name.split('[').next().unwrap_or(name);
    let last = path.rsplit(['.', '$', '\\', '+', ':']).next().unwrap_or(path);
    let last = last.split('`').next().unwrap_or(last);
    let is_path = last.len() < path.len() && path.contains(['.', '$', '\\', '+', ':']);
    // A level is a word in capitals; a class of one letter has a path before it.
    if !last.starts_with(char::is_uppercase) || !(is_path || last.contains(char::is_lowercase)) {
        return Likeness::Lower;
    }
    if let Some(ending) = ENDINGS.into_iter().find(|ending| last.ends_with(ending)) {
        return if is_path || last.len() > ending.len() { Likeness::Exception } else { Likeness::Bare };
    }
    if NAMES.contains(&last) {
        return Likeness::Exception;
    }
    let capitals = last.chars().filter(|character| character.is_uppercase()).take(2).count();
    if is_path || capitals == 2 { Likeness::Name } else { Likeness::Word }
}

/// What a line says of an exception.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'t> {
    /// From the first word that belongs to it (`Exception in thread …`, else the type) to the line's end.
    pub text: &'t str,
    pub kind: &'t str,
    pub likeness: Likeness,
    /// What stands behind the colon on this line.
    pub message: Option<&'t str>,
    /// Whether the line says that nobody caught it.
    pub is_uncaught: bool,
}

/// Reads a header that begins a line.
pub(super) fn leading(line: &str) -> Option<Header<'_>> {
    let text = line.trim_start();
    let mut rest = text;
    let mut is_uncaught = false;
    for _ in 0..INTRODUCTIONS_MAX {
        let Some((behind, says_so)) = introduction(rest) else { break };
        rest = behind;
        is_uncaught |= says_so;
    }
    // `console.trace` prints a stack of no exception.
    let found = parse_type(rest).filter(|found| found.name != "Trace")?;
    if found.likeness == Likeness::Lower {
        // Bun writes the name of the class `Error` like that.
        return (found.name == "error" && found.message.is_some()).then_some(Header {
            text,
            kind: "Error",
            likeness: Likeness::Bare,
            message: found.message,
            is_uncaught,
        });
    }
    Some(labelled(Header { text, kind: found.name, likeness: found.likeness, message: found.message, is_uncaught }))
}

/// `console.error("Error:", error)` prints a word before the type: then the second one is the type.
fn labelled(header: Header<'_>) -> Header<'_> {
    if header.likeness != Likeness::Bare {
        return header;
    }
    match header.message.and_then(|message| Some((message, parse_type(message)?))) {
        Some((message, inner)) if inner.likeness >= Likeness::Bare && inner.message.is_some() => Header {
            text: if header.is_uncaught { header.text } else { message },
            kind: inner.name,
            likeness: inner.likeness,
            message: inner.message,
            is_uncaught: header.is_uncaught,
        },
        _ => header,
    }
}

/// What runtimes write before a type, and whether it says that nobody caught the exception.
const INTRODUCTIONS: &[(&str, bool)] = &[
    ("Unhandled exception. ", true),
    ("Unhandled exception: ", true),
    ("Unhandled Exception: ", true),
    ("Unhandled rejection ", true),
    ("Unhandled Rejection: ", true),
    ("Unhandled promise rejection: ", true),
    ("Unhandled promise rejection ", true),
    ("UnhandledPromiseRejectionWarning: ", true),
    ("Uncaught exception: ", true),
    ("Uncaught Exception: ", true),
    ("Uncaught (in promise) ", true),
    ("Uncaught PHP Exception ", true),
    ("Uncaught ", true),
    ("error: Uncaught (in promise) ", true),
    ("error: Uncaught ", true),
    ("Terminating due to ", true),
    ("PHP message: ", false),
    ("NOTICE: ", false),
    ("PHP Fatal error: ", true),
    ("Fatal error: Uncaught ", true),
    ("Fatal error:  Uncaught ", true),
];

fn introduction(text: &str) -> Option<(&str, bool)> {
    // Most lines begin otherwise.
    if !text.starts_with(['U', 'u', 'e', 'E', 'T', 'P', 'N', 'F', '(']) {
        return None;
    }
    if let Some(rest) = text.strip_prefix("Exception in thread \"") {
        const THREAD_BYTES_MAX: usize = 256;
        let end = rest.bytes().take(THREAD_BYTES_MAX).position(|byte| byte == b'"')?;
        return Some((rest[end + 1..].trim_start(), true));
    }
    if let Some(rest) = text.strip_prefix("(node:") {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).take(10).count();
        return rest[digits..].strip_prefix(") ").map(|rest| (rest, false));
    }
    let (words, says_so) = INTRODUCTIONS.iter().find(|(words, _)| text.starts_with(words))?;
    Some((text[words.len()..].trim_start(), *says_so))
}

/// Finds a header behind other words of a line: `charge failed: TypeError: no sku`. Only what ends as exceptions do
/// counts here, or what PHP says that nobody caught.
pub(super) fn within(line: &str) -> Option<Header<'_>> {
    let mut before = b' ';
    for (at, byte) in line.bytes().enumerate().take(HEADER_BYTES_MAX) {
        let is_start = matches!(before, b' ' | b'\t' | b'[' | b'(' | b'"' | b'=' | b'|') && byte.is_ascii_alphabetic();
        before = byte;
        if !is_start {
            continue;
        }
        let Some(found) = line.get(at..).and_then(parse_type) else { continue };
        let is_uncaught = line[..at].ends_with("Uncaught ");
        let counts = match found.likeness {
            Likeness::Exception => true,
            Likeness::Bare => found.message.is_some(),
            Likeness::Name | Likeness::Word => is_uncaught && found.message.is_some(),
            Likeness::Lower => false,
        };
        if counts {
            return Some(labelled(Header {
                text: &line[at..],
                kind: found.name,
                likeness: found.likeness,
                message: found.message,
                is_uncaught: is_uncaught && line[..at].contains("PHP Fatal error: "),
            }));
        }
    }
    None
}

/// Says whether a header within `line` stands behind a colon, as after a label.
pub(super) fn is_behind_colon(line: &str, header: &Header<'_>) -> bool {
    line.get(..offset(line, header.text)).is_some_and(|before| before.trim_end().ends_with(':'))
}
