//! What Lambda's runtime for Java writes of an error that nobody caught: `message: Class`, and in the next line the stack,
//! which begins with `Class: message`. Where there is no message, the class stands for it.
//!
//! It refuses to look into the message: a stranger may have chosen it, and it stands at the start of the line.

use super::header::{self, TYPE_BYTES_MAX};
use super::{Found, Origin};

/// Places at which a message is compared with itself, so that the time stays linear whatever a stranger repeats.
const COMPARED_MAX: usize = 256;

/// How the line behind the header of a stack begins.
const FRAMES: [&str; 4] = ["\n\tat ", "\nCaused by: ", "\n\tSuppressed: ", "\n\t... "];

/// Finds a report that is the whole text. What tells it from anybody else's text is that class and message stand twice.
pub(super) fn reported(text: &str) -> Option<Found<'_>> {
    let bytes = text.as_bytes();
    let mut compared = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        // Frames are indented.
        if !bytes.get(end + 1).is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_' || !first.is_ascii()) {
            continue;
        }
        let Some((message, kind)) = parted(&text[..end]) else { continue };
        let stack = &text[end + 1..];
        let Some(behind) = stack.strip_prefix(kind) else { continue };
        let message =
            match behind.strip_prefix(": ").and_then(|told| told.get(message.len()..).map(|rest| (told, rest))) {
                Some((told, rest)) if is_followed(rest) => {
                    compared += 1;
                    if compared > COMPARED_MAX {
                        return None;
                    }
                    told.starts_with(message).then_some(Some(message))
                }
                _ => (message == kind && is_followed(behind)).then_some(None),
            };
        if let Some(message) = message {
            return Some(Found { kind: Some(kind), message, stack: Some(stack), origin: Origin::Unhandled, start: 0 });
        }
    }
    None
}

/// `message: Class` as its two parts.
fn parted(text: &str) -> Option<(&str, &str)> {
    let from = text.ceil_char_boundary(text.len().saturating_sub(TYPE_BYTES_MAX + 2));
    let at = from + text[from..].rfind(": ")?;
    let kind = &text[at + 2..];
    let is_type = header::type_name(kind) == Some(kind) && (kind.contains('.') || kind.starts_with(char::is_uppercase));
    is_type.then_some((&text[..at], kind))
}

fn is_followed(rest: &str) -> bool {
    FRAMES.iter().any(|frame| rest.starts_with(frame)) || rest.trim_end().is_empty()
}
