//! What only carries a line and is no layer of it: fluent-bit, FireLens, Fluentd, Vector, Filebeat, Docker's json-file,
//! Kubernetes' CRI format, PHP's process manager, and a line that was encoded twice. The line inside is the record; what the
//! carrier knows fills what the record leaves open.
//!
//! It refuses to look for a collector in a function's stream: nothing stands between a function and CloudWatch Logs, so what
//! looks like one there is somebody's text. PHP's process manager runs in functions too.

use std::sync::LazyLock;

use aho_corasick::packed::Searcher;

use crate::json::{Kind, Tape, is_number};
use crate::prefix::is_name;
use crate::time;

/// The keys without one of which no object is a carrier, in one pass over a line. Where the machine has no such pass, every
/// object is looked into.
static MEMBERS: LazyLock<Option<Searcher>> =
    LazyLock::new(|| Searcher::new(["\"log\"", "\"kubernetes\"", "\"docker\"", "\"stream\""]));

/// A line that was carried.
pub(crate) struct Carried {
    /// The line itself.
    pub line: String,
    /// When the carrier took it.
    pub time_unix_nano: Option<i64>,
    /// The token of the carrying object that holds the line, where an object carries it.
    pub token: Option<usize>,
    /// The level that the carrier says of whatever it carries.
    pub level: Option<&'static str>,
    /// What else it says, as an object, where none carries the line.
    pub object: String,
}

/// Opens a line that PHP's process manager carries: `[21-Nov-2026 08:42:53] WARNING: [pool www] child 7 said into stderr:
/// "line"`. It writes one for each line that a worker prints, the last perhaps with `, pipe is closed` behind.
pub(crate) fn process_manager(message: &str) -> Option<Carried> {
    const LEVELS: [&str; 2] = ["WARNING", "NOTICE"];
    // `[21-Nov-2026`, as no other line begins.
    message.as_bytes().get(3).filter(|byte| **byte == b'-' && message.starts_with('['))?;
    let (stamp, rest) = message.strip_prefix('[')?.split_once("] ")?;
    let (level, rest) = rest.split_once(": [pool ")?;
    let level = LEVELS.into_iter().find(|known| *known == level)?;
    let (pool, rest) = rest.split_once("] child ")?;
    let (child, rest) = rest.split_once(" said into ")?;
    let (stream, rest) = rest.split_once(": \"")?;
    let rest = rest.trim_end();
    let line = rest.strip_suffix(", pipe is closed").unwrap_or(rest).strip_suffix('"')?;
    let time_unix_nano = Some(time::parse_text(stamp)?);
    if !is_name(pool) || !is_number(child) || !matches!(stream, "stdout" | "stderr") {
        return None;
    }
    let object = format!(r#"{{"pool":"{pool}","child":{child},"stream":"{stream}"}}"#);
    Some(Carried { line: line.to_owned(), time_unix_nano, token: None, level: Some(level), object })
}

/// Opens a message that carries a line. `tape` holds the carrying object then, where there is one.
pub(crate) fn open(message: &str, tape: &mut Tape) -> Option<Carried> {
    match message.as_bytes().first()? {
        b'{' => object(message, tape),
        b'0'..=b'9' => container_runtime(message),
        b'[' => process_manager(message),
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
    Some(Carried { line: line.to_owned(), time_unix_nano, token: None, level: None, object: String::new() })
}

fn object(message: &str, tape: &mut Tape) -> Option<Carried> {
    // Most objects are no carriers, and none is without this.
    if MEMBERS.as_ref().is_some_and(|members| members.find(message).is_none()) {
        return None;
    }
    tape.parse(message).ok()?;
    let (mut log, mut inner, mut stamp) = (None, None, None);
    let (mut is_carrier, mut names_container, mut is_record) = (false, false, false);
    for (key, value) in tape.entries(0) {
        let kind = tape.tokens[value].kind;
        match tape.raw(message, key) {
            "log" if matches!(kind, Kind::String | Kind::Object) => log = Some(value),
            "message" if kind == Kind::String => inner = Some(value),
            "stream" | "source" => is_carrier |= matches!(tape.raw(message, value), "stdout" | "stderr"),
            "kubernetes" | "docker" => is_carrier |= kind == Kind::Object,
            "container_id" | "container_name" | "ecs_task_arn" | "ecs_cluster" => {
                names_container |= kind == Kind::String
            }
            "time" | "@timestamp" | "timestamp" | "date" => stamp = stamp.or(Some(value)),
            // A logger's own record, or one that the carrier has taken apart already.
            "level" | "severity" | "lvl" | "@level" | "loglevel" | "levelname" | "msg" | "logger" => is_record = true,
            _ => {}
        }
    }
    let is_loggers = |log: usize| tape.tokens[log].kind == Kind::String || tape.get(message, log, "level").is_some();
    let value = match (log, inner) {
        // Whoever writes a message beside a text `log`, or the level there, is a logger.
        (Some(log), Some(_)) if is_loggers(log) => None,
        // Filebeat tells of the file under `log`, and calls the line `message`, as Vector and Fluentd do.
        (_, Some(inner)) => Some(inner).filter(|_| is_carrier),
        (log, None) => log.filter(|_| is_carrier || names_container),
    };
    let value = value.filter(|_| !is_record)?;
    let line = match tape.tokens[value].kind {
        Kind::Object => tape.source(message, value).to_owned(),
        _ => tape.text(message, value).into_owned(),
    };
    let time_unix_nano = stamp.and_then(|stamp| match tape.tokens[stamp].kind {
        Kind::Number => time::parse_number(tape.raw(message, stamp)),
        Kind::String => time::parse_text(tape.raw(message, stamp)),
        _ => None,
    });
    Some(Carried { line, time_unix_nano, token: Some(value), level: None, object: String::new() })
}
