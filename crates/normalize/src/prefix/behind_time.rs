//! What stands behind the time of a line: level, thread, logger and ids in the order of each layout.
//!
//! It refuses to look for the time, and to find a level in prose.

use super::parts::{
    Group, PART_BYTES_MAX, blanks, fields, group, is_capital, is_name, is_number, read_group, read_pairs, rest, until,
    word,
};
use super::{Form, HEAD_BYTES_MAX, Head, PARTS_MAX};
use crate::ids;
use crate::severity::{self, Weight};

/// What was seen around the level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    in_brackets: bool,
    lower_colon: bool,
    channel: bool,
    pipes: bool,
    tabs: bool,
    dashes: bool,
    groups: usize,
    number: bool,
    file: bool,
    pub postgres: bool,
    query: bool,
}

/// Reads the parts between a time and a level, and takes the level. `false` if the message begins before a level.
pub(super) fn find_level<'t>(head: &mut Head<'t>, text: &'t str, from: usize) -> Option<(Seen, usize)> {
    let bytes = text.as_bytes();
    let mut seen = Seen::default();
    let mut at = from;
    let mut names = 0;
    // Only loggers write the fraction of a second behind a comma: a bare word behind it is a logger's name.
    let is_logger = bytes.get(from.saturating_sub(7)..from).is_some_and(|end| end.contains(&b','));
    // Whether a pipe, a dash or a tab stands before the next part: it is a column then, not the message.
    let mut is_column = false;
    for _ in 0..PARTS_MAX {
        let start = blanks(bytes, at);
        let tab = bytes.get(at..start).is_some_and(|gap| gap.contains(&b'\t'));
        seen.tabs |= tab;
        is_column |= tab;
        at = start;
        if at - from > HEAD_BYTES_MAX {
            return None;
        }
        match bytes.get(at)? {
            b'|' => {
                seen.pipes = true;
                is_column = true;
                // Logback's own status lines begin with `|-`.
                at += 1 + usize::from(bytes.get(at + 1) == Some(&b'-'));
            }
            b'-' | b':' if matches!(bytes.get(at + 1), Some(b' ' | b'\t')) => {
                seen.dashes = true;
                is_column = true;
                at += 1;
            }
            open @ (b'[' | b'(' | b'<' | b'{') => {
                let (inside, end) = group(text, at)?;
                if *open == b'{' {
                    // Airflow's `{file.py:12}`, ClickHouse's id of a query; all else is the message.
                    seen.query = seen.groups == 1 && (inside.is_empty() || ids::uuid(inside).is_some());
                    seen.file = inside.rsplit_once(':').is_some_and(|(file, line)| is_name(file) && is_number(line));
                    if !seen.query && !seen.file {
                        return None;
                    }
                } else if let Group::Level(level, number) = read_group(head, inside) {
                    head.level = Some(level);
                    head.severity_number = Some(number);
                    seen.in_brackets = true;
                    return Some((seen, end));
                }
                if *open == b'['
                    && (head.time_unix_nano.is_some() || head.partial_time.is_some())
                    && let Some(number) = severity::from_letter(inside)
                {
                    // Gitea and others.
                    head.level = Some(inside);
                    head.severity_number = Some(number);
                    seen.in_brackets = true;
                    return Some((seen, end));
                }
                if inside == "System" && seen.number {
                    // MySQL 8 tells of its start and end so.
                    head.level = Some(inside);
                    head.severity_number = Some(severity::INFO);
                    seen.in_brackets = true;
                    return Some((seen, end));
                }
                seen.groups += 1;
                at = end + usize::from(bytes.get(end) == Some(&b':'));
                is_column = false;
            }
            _ => {
                let (part, end) = word(text, at)?;
                let next = blanks(bytes, end);
                let is_closed = match bytes.get(next) {
                    Some(b'|') => true,
                    Some(b'-' | b':') => matches!(bytes.get(next + 1), Some(b' ' | b'\t')),
                    _ => bytes.get(end) == Some(&b'\t'),
                };
                if let Some((level, number, used)) = level_part(part, is_column, is_closed, &mut seen) {
                    head.level = level;
                    head.severity_number = number;
                    return Some((seen, at + used));
                }
                let bare = part.trim_end_matches(':');
                if ids::uuid(bare).is_some() {
                    head.invocation_id = Some(bare);
                } else if bare.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'#' | b'.')) {
                    seen.number = true;
                } else {
                    // A logger's name: a column of its own, or with the signs that names have and words have not.
                    let is_path = bare.bytes().any(|byte| matches!(byte, b'.' | b'_' | b'@' | b'/' | b'='));
                    // Elixir writes its metadata as pairs before the level.
                    names += usize::from(!bare.contains('='));
                    let is_first = names <= 1;
                    // A word of a message before a dash is no column: only what a sign or a tab stands before is one.
                    let is_column = is_column || is_logger || is_numbered(bare) || bytes.get(end) == Some(&b'\t');
                    let is_sure = is_closed && (is_column || is_path)
                        || is_program(part)
                        || is_first && (is_path || is_name(bare) && (is_logger || is_host(bare, text, end)));
                    if names > 2 || !is_sure {
                        return None;
                    }
                }
                at = end;
                is_column = false;
            }
        }
    }
    None
}

/// Whether a word is a program and its process, as syslog writes them: `payments[8]:`.
pub(super) fn is_program(word: &str) -> bool {
    let parts = word.strip_suffix("]:").and_then(|word| word.split_once('['));
    parts.is_some_and(|(program, process)| is_number(process) && program.split('/').all(is_name))
}

/// Whether a word is a host before a program, as syslog writes them behind a time of ISO 8601. Words of a message have
/// neither digits nor dashes.
pub(super) fn is_host(host: &str, text: &str, at: usize) -> bool {
    is_numbered(host) && word(text, blanks(text.as_bytes(), at)).is_some_and(|(next, _)| is_program(next))
}

/// Whether a word has digits or dashes, which names of hosts and threads have and words of a message have not.
pub(super) fn is_numbered(word: &str) -> bool {
    word.bytes().any(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// What PostgreSQL writes in a level's place: its severity, or `Some(None)` for what goes on about the line before.
pub(super) fn postgres_word(word: &str) -> Option<Option<i32>> {
    match word {
        "STATEMENT" | "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION" => Some(None),
        "DEBUG1" | "DEBUG2" | "DEBUG3" | "DEBUG4" | "DEBUG5" => Some(Some(severity::DEBUG)),
        "LOG" => Some(Some(severity::INFO)),
        _ => None,
    }
}

/// A level as one word of a head, its severity and the bytes that it took.
pub(super) fn level_part<'t>(
    part: &'t str,
    is_column: bool,
    is_closed: bool,
    seen: &mut Seen,
) -> Option<(Option<&'t str>, Option<i32>, usize)> {
    let colon = part.find(':');
    let bare = colon.and_then(|at| part.get(..at)).unwrap_or(part);
    // Asterisk's `ERROR[8]:`, Log4perl's `ERROR>`.
    let bare = match bare.strip_suffix(']').and_then(|bare| bare.split_once('[')) {
        Some((level, process)) if process.starts_with(|first: char| first.is_ascii_digit()) => level,
        _ => bare.strip_suffix('>').unwrap_or(bare),
    };
    if colon.is_some_and(|at| at + 1 == part.len())
        && let Some(number) = postgres_word(bare)
    {
        seen.postgres = true;
        return Some((number.map(|_| bare), number, part.len()));
    }
    if let Some((number, weight)) = severity::weighted(bare) {
        let is_sure = match weight {
            Weight::Strong => is_capital(bare) || bare.contains('+'),
            Weight::Weak => is_capital(bare) && (colon.is_some() || is_closed),
        };
        let is_lower = colon.is_some() && bare.bytes().all(|byte| byte.is_ascii_lowercase());
        // .NET's four letters are words of nobody else.
        let is_lower_level = weight == Weight::Strong || matches!(bare, "fail" | "crit" | "dbug" | "trce");
        if is_sure || (is_column && is_closed) || (is_lower && is_lower_level) {
            seen.lower_colon = is_lower;
            return Some((Some(bare), Some(number), colon.map_or(part.len(), |at| at + 1)));
        }
    }
    if is_column
        && is_closed
        && let Some(number) = severity::from_letter(part)
    {
        return Some((Some(part), Some(number), part.len()));
    }
    // Monolog's `channel.LEVEL:`.
    let (channel, level) = part.strip_suffix(':')?.rsplit_once('.')?;
    if is_name(channel) && is_capital(level) {
        let number = severity::from_name(level)?;
        seen.channel = true;
        return Some((Some(level), Some(number), part.len()));
    }
    None
}

/// Skips what a layout puts between level and message, and reads the ids in it.
pub(super) fn behind_level<'t>(
    head: &mut Head<'t>,
    text: &'t str,
    from: usize,
    seen: &mut Seen,
) -> (usize, bool, bool) {
    let bytes = text.as_bytes();
    let (mut is_spring, mut has_spans) = (false, false);
    let mut at = blanks(bytes, from);
    // Brackets behind `---` that hold a name: thread alone, or application and thread.
    let (mut application, mut plain) = (None, 0);
    let mut invocation_id = head.invocation_id;
    let mut brackets = 0;
    let mut names = 0;
    for _ in 0..PARTS_MAX {
        if at - from > HEAD_BYTES_MAX {
            break;
        }
        let next = match bytes.get(at) {
            Some(b'|') => {
                seen.pipes = true;
                at + 1
            }
            Some(b'-' | b':') => {
                let dashes = rest(text, at).iter().take(4).take_while(|byte| matches!(byte, b'-' | b':')).count();
                if !matches!(bytes.get(at + dashes), Some(b' ' | b'\t')) {
                    break;
                }
                is_spring |= dashes == 3;
                at + dashes
            }
            Some(b'[' | b'(') => {
                let Some((inside, end)) = group(text, at) else { break };
                if inside.contains(['"', '{']) || (bytes.get(at) == Some(&b'(') && brackets == 0 && !is_number(inside))
                {
                    break;
                }
                brackets += 1;
                // Behind the level a message may begin, and no message says whose call it is.
                let group = read_group(head, inside);
                head.invocation_id = invocation_id;
                match group {
                    Group::Application => is_spring = true,
                    _ if is_spring && !inside.trim().is_empty() => {
                        application = application.or(Some(inside.trim()));
                        plain += 1;
                    }
                    _ => {}
                }
                end + usize::from(bytes.get(end) == Some(&b':'))
            }
            Some(_) => match span_context(head, text, at) {
                Some(end) => {
                    // Lambda's own span is the outermost, and stands directly behind the level. Any other may stand in
                    // a message, or in a field of a span.
                    let is_lambdas = text.get(at..).is_some_and(|spans| spans.starts_with(LAMBDAS_SPAN));
                    if has_spans || !is_lambdas || at != blanks(bytes, from) || !is_utc(text) {
                        head.invocation_id = invocation_id;
                    } else {
                        invocation_id = head.invocation_id;
                    }
                    has_spans = true;
                    end
                }
                None => {
                    let Some((part, end)) = word(text, at) else { break };
                    let next = blanks(bytes, end);
                    let is_closed = match bytes.get(next) {
                        Some(b'|') => true,
                        Some(b'-' | b':') => {
                            let dashes =
                                rest(text, next).iter().take(4).take_while(|byte| matches!(byte, b'-' | b':')).count();
                            matches!(bytes.get(next + dashes), Some(b' ' | b'\t'))
                        }
                        _ => bytes.get(end) == Some(&b'\t') && part.contains(['.', '/', ':']),
                    };
                    let is_target = part.strip_suffix(':').is_some_and(|name| {
                        has_spans || name.contains("::") || name.contains(['.', '_', '/', '#', '@'])
                    });
                    if names == 2 || !(is_closed || is_target) {
                        break;
                    }
                    names += 1;
                    end
                }
            },
            None => break,
        };
        at = blanks(bytes, next);
    }
    // Spring Boot 3 names the application in a bracket of its own, before that of the thread.
    if plain >= 2 && head.service.is_none() {
        head.service = application.filter(|name| is_name(name));
    }
    (at, is_spring, has_spans)
}

/// How the span begins that Lambda's runtime for Rust opens for each call.
pub(super) const LAMBDAS_SPAN: &str = "Lambda runtime invoke{";

/// Whether a line begins with a time of ISO 8601 in UTC, as Rust's tracing writes it.
pub(super) fn is_utc(text: &str) -> bool {
    let time = text.trim_start().split(' ').next().unwrap_or_default();
    time.as_bytes().get(10) == Some(&b'T') && time.ends_with('Z')
}

/// A span of Rust's tracing with its fields, `name{key=value …}:`, and the byte behind it.
pub(super) fn span_context<'t>(head: &mut Head<'t>, text: &'t str, at: usize) -> Option<usize> {
    const NAME_BYTES_MAX: usize = 64;
    let name = rest(text, at).iter().take(NAME_BYTES_MAX);
    let length = name.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b'-')).count();
    if length == 0 || text.as_bytes().get(at + length) != Some(&b'{') {
        return None;
    }
    let (inside, end) = fields(text, at + length)?;
    if text.as_bytes().get(end) != Some(&b':') || inside.starts_with('"') {
        return None;
    }
    read_pairs(head, inside);
    Some(end + 1)
}

/// The head of a line whose time ends at `at`.
pub(super) fn behind_time<'t>(mut head: Head<'t>, text: &'t str, at: usize, is_bracketed: bool) -> Head<'t> {
    let bytes = text.as_bytes();
    let alone = head.clone().at(if is_bracketed { Form::BracketTime } else { Form::Time }, blanks(bytes, at));
    if bytes.get(at) == Some(&b':')
        && let Some((level, number, end)) = rds_postgres(text, at)
    {
        head.level = level;
        head.severity_number = number;
        return head.at(Form::Postgres, blanks(bytes, end));
    }
    let own = match rest(text, at) {
        [b':', b'A'..=b'Z' | b'a'..=b'z', ..] => tight_colons(&head, text, at + 1),
        [b':', b' ', ..] => letter_first(&head, text, at + 2),
        [b' ', b'A'..=b'Z', b' ' | b'!', ..] => letter_first(&head, text, at + 1),
        [b' ', b'a'..=b'z', ..] => lower_word(&head, text, at + 1),
        _ => None,
    };
    if let Some(head) = own {
        return head;
    }
    let Some((mut seen, end)) = find_level(&mut head, text, at) else { return alone };
    let (message_at, is_spring, has_spans) = behind_level(&mut head, text, end, &mut seen);
    // nginx: `8#8: *1 message`; the connection may lack.
    let nginx_message = || {
        let (process, end) = word(text, blanks(bytes, end))?;
        let (process, thread) = process.strip_suffix(':')?.split_once('#')?;
        let at = blanks(bytes, end);
        let behind = word(text, at).filter(|(word, _)| word.strip_prefix('*').is_some_and(is_number));
        (is_number(process) && is_number(thread)).then(|| behind.map_or(at, |(_, end)| blanks(bytes, end)))
    };
    // PostgreSQL alone writes two blanks behind its level's colon.
    let is_postgres = seen.groups == 1 && text.get(end - 1..end + 2) == Some(":  ");
    let form = if seen.postgres || is_postgres {
        Form::Postgres
    } else if is_spring {
        Form::SpringBoot
    } else if has_spans {
        Form::Tracing
    } else if is_bracketed {
        if seen.channel {
            Form::Monolog
        } else if seen.file {
            Form::Airflow
        } else if seen.in_brackets && bytes.get(1).is_some_and(u8::is_ascii_alphabetic) {
            Form::ApacheError
        } else {
            Form::BracketTime
        }
    } else if seen.channel {
        Form::Monolog
    } else if seen.file {
        Form::Airflow
    } else if seen.pipes {
        Form::TimePipes
    } else if seen.tabs {
        Form::TimeTabs
    } else if head.invocation_id.is_some() {
        Form::LambdaLog4j
    } else if seen.lower_colon {
        Form::TimeLevelColon
    } else if seen.query {
        Form::ClickHouse
    } else if seen.in_brackets {
        match nginx_message() {
            Some(at) => return head.at(Form::NginxError, at),
            None if seen.number => Form::MySql,
            None => Form::TimeBracketLevel,
        }
    } else if seen.dashes {
        Form::TimeNameLevel
    } else if seen.groups > 0 {
        Form::TimeThreadLevel
    } else {
        Form::TimeLevel
    };
    head.at(form, message_at)
}

/// A level of one letter behind a time, with what tells it from a word: Telegraf's `E! message`, MongoDB's
/// `E  NETWORK  [conn1] message`, semantic_logger's `E [8:main a.rb:9] Pay -- message`, TensorFlow's `E file.cc:9] message`.
pub(super) fn letter_first<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let letter = text.get(at..at + 1)?;
    let head = head.clone().leveled(letter, severity::from_letter(letter)?);
    let behind = match rest(text, at + 1) {
        [b'!', b' ', ..] => return Some(head.at(Form::TimeLetter, blanks(bytes, at + 2))),
        [b' ', ..] => blanks(bytes, at + 1),
        _ => return None,
    };
    if let Some((inside, end)) = group(text, behind) {
        inside.split_once(':').filter(|(process, _)| is_number(process))?;
        let mut at = blanks(bytes, end);
        // Tags in brackets and braces, and how long it took in parentheses.
        for _ in 0..PARTS_MAX {
            let Some((_, end)) = group(text, at) else { break };
            at = blanks(bytes, end);
        }
        let (_, name_end) = word(text, at)?;
        let dashes = blanks(bytes, name_end);
        let is_named = matches!(rest(text, dashes), [b'-', b'-', b' ', ..]);
        return is_named.then(|| head.at(Form::SemanticLogger, blanks(bytes, dashes + 2)));
    }
    let (component, end) = word(text, behind)?;
    if let Some((file, line)) = component.strip_suffix(']').and_then(|origin| origin.rsplit_once(':')) {
        let is_origin = is_number(line) && file.split('/').all(is_name);
        return is_origin.then(|| head.at(Form::TimeOrigin, blanks(bytes, end)));
    }
    let (_, end) = group(text, blanks(bytes, end)).filter(|_| is_capital(component) || component == "-")?;
    Some(head.at(Form::Mongo, blanks(bytes, end)))
}

/// `LEVEL:logger:message` or `logger:LEVEL:message` behind a time and a colon.
pub(super) fn tight_colons<'t>(head: &Head<'t>, text: &'t str, mut at: usize) -> Option<Head<'t>> {
    const NAMES_MAX: usize = 2;
    let part = |at: usize| {
        let (part, end) = until(text, at, |byte| matches!(byte, b':' | b' ' | b'\t' | b'\n'))?;
        (text.as_bytes().get(end) == Some(&b':') && is_name(part)).then_some((part, end + 1))
    };
    let (mut level, end) = part(at)?;
    at = end;
    if !is_capital(level) || severity::from_name(level).is_none() {
        (level, at) = part(at)?;
    }
    let number = severity::from_name(level).filter(|_| is_capital(level))?;
    for _ in 0..NAMES_MAX {
        let Some((_, end)) = part(at) else { break };
        at = end;
    }
    Some(head.clone().leveled(level, number).at(Form::TimeColons, blanks(text.as_bytes(), at)))
}

/// A word in lower case behind a time: most begin a message, few are swift-log's level or timbre's host.
pub(super) fn lower_word<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    const HOST_BYTES_MAX: usize = 64;
    let bytes = rest(text, at);
    let end = bytes.iter().take(HOST_BYTES_MAX).position(|byte| *byte == b' ')?;
    if bytes.get(end + 1).is_some_and(u8::is_ascii_uppercase) {
        return timbre(head, text, at);
    }
    match bytes.get(..end)? {
        b"trace" | b"debug" | b"info" | b"notice" | b"warning" | b"error" | b"critical" => swift(head, text, at),
        _ => None,
    }
}

/// `error pay : [Pay] message` behind a time.
pub(super) fn swift<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let (level, end) = word(text, at)?;
    let (_, end) = word(text, blanks(bytes, end))?;
    let [b' ', b':', b' ', ..] = rest(text, end) else { return None };
    let behind = blanks(bytes, end + 2);
    let at = group(text, behind).filter(|(source, _)| is_name(source)).map_or(behind, |(_, end)| blanks(bytes, end));
    Some(head.clone().leveled(level, severity::from_name(level)?).at(Form::SwiftLog, at))
}

/// `host ERROR [app.pay:12] - message` behind a time, as Clojure's timbre writes it.
pub(super) fn timbre<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let (_, end) = word(text, at).filter(|(host, _)| is_name(host))?;
    let (level, end) = word(text, blanks(bytes, end)).filter(|(level, _)| is_capital(level))?;
    let (place, end) = group(text, blanks(bytes, end)).filter(|(place, _)| place.split(':').all(is_name))?;
    let [b' ', b'-', b' ', ..] = rest(text, end) else { return None };
    let (number, _) =
        severity::weighted(level).filter(|(_, weight)| *weight == Weight::Strong && place.contains('.'))?;
    Some(head.clone().leveled(level, number).at(Form::Timbre, blanks(bytes, end + 2)))
}

/// PostgreSQL on RDS: `:host(port):user@database:[process]:LEVEL:` behind the time.
pub(super) fn rds_postgres(text: &str, at: usize) -> Option<(Option<&str>, Option<i32>, usize)> {
    let (line, _) = until(text, at, |byte| byte == b'\n').or_else(|| {
        let end = text.floor_char_boundary(at + PART_BYTES_MAX);
        Some((text.get(at..end)?, end))
    })?;
    let close = line.match_indices("]:").map(|(close, _)| close).find(|close| {
        let before = line.get(..*close).unwrap_or_default();
        let open = before.trim_end_matches(|character: char| character.is_ascii_digit());
        open.len() < before.len() && open.ends_with(":[")
    })? + 2;
    let (level, _) = line.get(close..)?.split_once(':')?;
    let end = at + close + level.len() + 1;
    match postgres_word(level) {
        Some(number) => Some((number.map(|_| level), number, end)),
        None => Some((Some(level), Some(severity::from_name(level)?), end)),
    }
}
