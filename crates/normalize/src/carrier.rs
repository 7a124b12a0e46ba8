//! What only carries a line and is no layer of it: fluent-bit, FireLens, Docker's json-file, Kubernetes' CRI format, and a
//! line that was encoded twice. The line inside is the record; what the carrier knows fills what the record leaves open.
//!
//! It refuses to look for a carrier in a function's stream: nothing stands between a function and CloudWatch Logs, so what
//! looks like one there is somebody's text.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::json::{Kind, Tape};
use crate::time;

/// The keys without one of which no object is a carrier. A search is made once, not for every line.
static MEMBERS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new(b"\"log\""), Finder::new(b"\"kubernetes\"")]);

/// A line that was carried.
pub(crate) struct Carried {
    /// The line itself.
    pub line: String,
    /// When the carrier took it.
    pub time_unix_nano: Option<i64>,
    /// The token of the carrying object that holds the line, where an object carries it.
    pub token: Option<usize>,
}

/// Opens a message that carries a line. `tape` holds the carrying object then, where there is one.
pub(crate) fn open(message: &str, tape: &mut Tape) -> Option<Carried> {
    match message.as_bytes().first()? {
        b'{' => object(message, tape),
        b'0'..=b'9' => container_runtime(message),
        _ => None,
    }
}

/// Opens a message that is a JSON object as a JSON string: a line that was encoded twice.
pub(crate) fn decoded(message: &str, tape: &mut Tape) -> Option<String> {
    let trimmed = message.trim();
    let looks_so = trimmed.starts_with("\"{") && trimmed.ends_with("}\"");
    if !looks_so || tape.parse(trimmed).is_err() {
        return None;
    }
    tape.string(trimmed, 0).map(std::borrow::Cow::into_owned)
}

/// `2026-11-21T08:42:53.429000000Z stdout F line`, as Kubernetes' container runtimes write it.
fn container_runtime(message: &str) -> Option<Carried> {
    let (stamp, rest) = message.split_once(' ')?;
    let rest = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr "))?;
    let line = rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P "))?;
    let time_unix_nano = Some(time::parse_text(stamp)?);
    Some(Carried { line: line.to_owned(), time_unix_nano, token: None })
}

fn object(message: &str, tape: &mut Tape) -> Option<Carried> {
    // Most objects are no carriers, and none is without this.
    MEMBERS.iter().find_map(|member| member.find(message.as_bytes()))?;
    tape.parse(message).ok()?;
    let (mut log, mut inner, mut stamp, mut is_carrier, mut states_level) = (None, None, None, false, false);
    for (key, value) in tape.entries(0) {
        let kind = tape.tokens[value].kind;
        match tape.raw(message, key) {
            "log" if matches!(kind, Kind::String | Kind::Object) => log = Some(value),
            "message" if kind == Kind::String => inner = Some(value),
            "stream" | "source" => is_carrier |= matches!(tape.raw(message, value), "stdout" | "stderr"),
            "kubernetes" | "docker" => is_carrier |= kind == Kind::Object,
            "container_id" | "container_name" | "ecs_task_arn" | "ecs_cluster" => is_carrier |= kind == Kind::String,
            "time" | "@timestamp" | "timestamp" | "date" => stamp = stamp.or(Some(value)),
            "level" | "severity" => states_level = true,
            _ => {}
        }
    }
    // Vector and Fluentd call the line `message`, and so does a logger whose record they have taken apart already.
    let value = log.or(inner.filter(|_| !states_level)).filter(|_| is_carrier)?;
    let line = match tape.tokens[value].kind {
        Kind::Object => tape.source(message, value).to_owned(),
        _ => tape.text(message, value).into_owned(),
    };
    let time_unix_nano = stamp.and_then(|stamp| match tape.tokens[stamp].kind {
        Kind::Number => time::parse_number(tape.raw(message, stamp)),
        Kind::String => time::parse_text(tape.raw(message, stamp)),
        _ => None,
    });
    Some(Carried { line, time_unix_nano, token: Some(value) })
}
