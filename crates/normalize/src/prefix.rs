//! What loggers, runtimes and servers write before the message of a text line: time, level, thread, logger and ids in
//! the order of each one's layout.
//!
//! It refuses to find a level in prose: a level counts where a layout puts it, in capitals or in a place of its own. It
//! copies nothing and looks at no more than the first [`HEAD_BYTES_MAX`] bytes.

mod forms;

pub(crate) use forms::Form;
pub use forms::text_forms_markdown;

use crate::severity::{self, Weight};
use crate::{ids, time};

/// Bytes of a line in which a head ends. A logger's name with its package has up to 200, thread and ids some more.
const HEAD_BYTES_MAX: usize = 1024;

/// Bytes of one part of a head: a group in brackets, a logger's name. X-Ray's header within one has up to 256.
const PART_BYTES_MAX: usize = 512;

/// Parts of a head before and behind the level. Spring Boot with Sleuth has eight with its separators, Apache seven.
const PARTS_MAX: usize = 16;

/// What stands before the message of a text line, as loggers and runtimes write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head<'t> {
    /// The layout of the table.
    pub form: Form,
    /// When the line was written, if its head says the day.
    pub time_unix_nano: Option<i64>,
    /// A time that lacks its year or its day, for [`time::parse_near`].
    pub partial_time: Option<&'t str>,
    /// The level as it is written. Syslog writes its priority instead: there is a severity then without a level.
    pub level: Option<&'t str>,
    /// The level as OpenTelemetry counts.
    pub severity_number: Option<i32>,
    /// A request id of Lambda's in a place of its own.
    pub invocation_id: Option<&'t str>,
    /// A trace id as it is written; [`ids::trace_id`] reads it.
    pub trace: Option<&'t str>,
    /// A span id as it is written; [`ids::span_id`] reads it.
    pub span: Option<&'t str>,
    /// The service, where the layout states it: Sleuth's, Spring Boot's and OpenTelemetry's brackets. They stand behind
    /// the level, where a logger of time and level alone would write a stranger's text: it may fill a service that
    /// nothing else states, and decides no verdict.
    pub service: Option<&'t str>,
    /// The byte where the message begins, or JSON in its place.
    pub message_at: usize,
    /// Whether all that the head says is in the fields, so that the body may be the message alone.
    pub is_whole: bool,
    /// Whether JSON directly behind this head is the logger's own record.
    pub opens_json: bool,
}

impl<'t> Head<'t> {
    fn new(form: Form, message_at: usize) -> Head<'t> {
        Head {
            form,
            time_unix_nano: None,
            partial_time: None,
            level: None,
            severity_number: None,
            invocation_id: None,
            trace: None,
            span: None,
            service: None,
            message_at,
            is_whole: false,
            opens_json: false,
        }
    }

    fn leveled(mut self, level: &'t str, severity_number: i32) -> Head<'t> {
        self.level = Some(level);
        self.severity_number = Some(severity_number);
        self
    }

    fn at(mut self, form: Form, message_at: usize) -> Head<'t> {
        self.form = form;
        self.message_at = message_at;
        self
    }
}

/// The head of a text line without colours. `None` where the line begins with its message.
pub(crate) fn head(text: &str) -> Option<Head<'_>> {
    let start = blanks(text.as_bytes(), if text.starts_with('\u{feff}') { 3 } else { 0 });
    let mut head = match text.as_bytes().get(start)? {
        b'0'..=b'9' => digit_first(text, start),
        b'[' => bracket_first(text, start),
        b'<' => syslog(text, start),
        b'A'..=b'Z' => capital_first(text, start).or_else(|| name_first(text, start)),
        b'a'..=b'z' => lower_first(text, start).or_else(|| name_first(text, start)),
        b'_' => name_first(text, start),
        b'=' => erlang(text, start),
        _ => None,
    }?;
    head.opens_json = head.form.row().is_some_and(|row| row.opens_json);
    if !head.opens_json {
        // A line that anybody may print says nothing of calls and services.
        head.invocation_id = None;
        head.service = None;
    }
    // A line may end where its message would begin.
    head.message_at = text.floor_char_boundary(head.message_at);
    Some(head)
}

/// The byte behind blanks and tabs.
fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The bytes from `at` on.
fn rest(text: &str, at: usize) -> &[u8] {
    text.as_bytes().get(at..).unwrap_or_default()
}

/// The text up to the first byte that ends it, and where that is. `None` if it is longer than a part of a head.
fn until(text: &str, at: usize, mut ends: impl FnMut(u8) -> bool) -> Option<(&str, usize)> {
    let rest = rest(text, at);
    let length = rest.iter().take(PART_BYTES_MAX).position(|byte| ends(*byte));
    let length = length.or_else(|| (rest.len() <= PART_BYTES_MAX).then_some(rest.len()))?;
    Some((text.get(at..at + length)?, at + length))
}

/// The inside of a group that opens at `at`, and the byte behind it. It ends in the same line.
fn group(text: &str, at: usize) -> Option<(&str, usize)> {
    let close = match text.as_bytes().get(at)? {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        b'<' => b'>',
        _ => return None,
    };
    let (inside, end) = until(text, at + 1, |byte| byte == close || byte == b'\n')?;
    (text.as_bytes().get(end) == Some(&close)).then_some((inside, end + 1))
}

/// The fields of a span in braces that open at `at`, and the byte behind them. What stands in quotes ends nothing.
fn fields(text: &str, at: usize) -> Option<(&str, usize)> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let (inside, end) = until(text, at + 1, |byte| {
        let is_end = byte == b'\n' || byte == b'}' && !is_quoted;
        is_quoted ^= byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    (text.as_bytes().get(end) == Some(&b'}')).then_some((inside, end + 1))
}

/// A word: up to a blank, a tab, a pipe or the end of the line.
fn word(text: &str, at: usize) -> Option<(&str, usize)> {
    until(text, at, |byte| matches!(byte, b' ' | b'\t' | b'|' | b'\n' | b'\r')).filter(|(word, _)| !word.is_empty())
}

fn is_capital(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A time at `at`, whole or in part, and where it ends.
fn stamp<'t>(head: &mut Head<'t>, text: &'t str, at: usize) -> Option<usize> {
    let from = text.get(at..)?;
    if let Some((time, length)) = time::parse_prefix(from) {
        head.time_unix_nano = Some(time);
        return Some(at + length);
    }
    let length = time::near_length(from)?;
    head.partial_time = from.get(..length);
    Some(at + length)
}

/// What a group of a head is.
enum Group<'t> {
    Level(&'t str, i32),
    Application,
    Other,
}

/// Words that name a part of a program in brackets as often as a level.
const COMPONENTS: [&str; 4] = ["http", "config", "log", "audit"];

/// Reads the inside of a group in brackets: a level, a request id, ids of a trace, or something else.
fn read_group<'t>(head: &mut Head<'t>, inside: &'t str) -> Group<'t> {
    let inside = inside.trim();
    let level = |word: &'t str| severity::from_name(word).filter(|_| !COMPONENTS.contains(&word)).map(|n| (word, n));
    if let Some((word, number)) = level(inside) {
        return Group::Level(word, number);
    }
    if ids::uuid(inside).is_some() {
        head.invocation_id = Some(inside);
        return Group::Other;
    }
    if inside.contains('=') {
        read_pairs(head, inside);
        return Group::Other;
    }
    let commas = inside.bytes().filter(|byte| *byte == b',').count();
    if matches!(commas, 2 | 3) {
        let mut parts = inside.split(',').map(str::trim);
        let (name, trace, span) = (parts.next(), parts.next(), parts.next());
        if let (Some(name), Some(trace), Some(span)) = (name, trace, span)
            && (trace.is_empty() || ids::trace_id(trace).is_some())
            && (span.is_empty() || ids::span_id(span).is_some())
        {
            head.service = Some(name).filter(|name| !name.is_empty() && *name != "-");
            head.trace = Some(trace).filter(|trace| !trace.is_empty());
            head.span = Some(span).filter(|span| !span.is_empty());
            return Group::Application;
        }
        return Group::Other;
    }
    // Micrometer since Spring Boot 3: `[trace-span]`.
    if let Some((trace, span)) = inside.split_once('-')
        && trace.len() >= 16
        && ids::span_id(span).is_some()
        && ids::trace_id(trace).is_some()
    {
        head.trace = Some(trace);
        head.span = Some(span);
        return Group::Application;
    }
    // Apache's `[core:error]`, Python's `[ERROR/MainProcess]`, Minecraft's `[Server thread/ERROR]`.
    if let Some((first, second)) = inside.split_once([':', '/'])
        && is_name(second)
        && (is_name(first) || is_capital(second) && first.split(' ').all(is_name))
        && let Some((word, number)) = level(second).or_else(|| level(first).filter(|_| is_capital(first)))
    {
        return Group::Level(word, number);
    }
    Group::Other
}

/// Whether the text is one word that a part of a program may be called.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

/// Reads the ids that a logger's own fields state: `traceId=…, spanId=…`, `requestId="…"`. A value without quotes may be
/// anybody's text, in which further fields stand: none behind it says whose call it is.
fn read_pairs<'t>(head: &mut Head<'t>, inside: &'t str) {
    let mut is_sure = true;
    for pair in (Pairs { rest: inside }) {
        let Some((key, written)) = pair.split_once('=') else {
            is_sure = false;
            continue;
        };
        let value = written.trim_matches(['"', '\'']);
        let fold = |name: &str| {
            let letters = key.bytes().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| byte.to_ascii_lowercase());
            letters.eq(name.bytes())
        };
        if fold("traceid") || fold("xraytraceid") {
            head.trace = ids::trace_id(value).is_some().then_some(value).or(head.trace);
        } else if fold("spanid") {
            head.span = ids::span_id(value).is_some().then_some(value).or(head.span);
        } else if fold("requestid") || fold("awsrequestid") {
            head.invocation_id = head.invocation_id.or((is_sure && ids::uuid(value).is_some()).then_some(value));
        } else if fold("resourceservicename") || fold("servicename") {
            head.service = Some(value).filter(|value| !value.is_empty()).or(head.service);
        }
        is_sure &= written.starts_with('"') || ids::uuid(value).is_some() || ids::trace_id(value).is_some();
    }
}

/// The pairs of a group, parted by blanks and commas outside of quotes.
struct Pairs<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Pairs<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        self.rest = self.rest.trim_start_matches([' ', ',']);
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = self.rest.bytes().position(|byte| {
            let is_end = !is_quoted && matches!(byte, b' ' | b',');
            is_quoted ^= byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        });
        let (pair, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!pair.is_empty()).then_some(pair)
    }
}

/// What was seen around the level.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    in_brackets: bool,
    lower_colon: bool,
    channel: bool,
    pipes: bool,
    tabs: bool,
    dashes: bool,
    groups: usize,
    number: bool,
    file: bool,
    postgres: bool,
    query: bool,
}

/// Reads the parts between a time and a level, and takes the level. `false` if the message begins before a level.
fn find_level<'t>(head: &mut Head<'t>, text: &'t str, from: usize) -> Option<(Seen, usize)> {
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
fn is_program(word: &str) -> bool {
    let parts = word.strip_suffix("]:").and_then(|word| word.split_once('['));
    parts.is_some_and(|(program, process)| is_number(process) && program.split('/').all(is_name))
}

/// Whether a word is a host before a program, as syslog writes them behind a time of ISO 8601. Words of a message have
/// neither digits nor dashes.
fn is_host(host: &str, text: &str, at: usize) -> bool {
    is_numbered(host) && word(text, blanks(text.as_bytes(), at)).is_some_and(|(next, _)| is_program(next))
}

/// Whether a word has digits or dashes, which names of hosts and threads have and words of a message have not.
fn is_numbered(word: &str) -> bool {
    word.bytes().any(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// What PostgreSQL writes in a level's place: its severity, or `Some(None)` for what goes on about the line before.
fn postgres_word(word: &str) -> Option<Option<i32>> {
    match word {
        "STATEMENT" | "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION" => Some(None),
        "DEBUG1" | "DEBUG2" | "DEBUG3" | "DEBUG4" | "DEBUG5" => Some(Some(severity::DEBUG)),
        "LOG" => Some(Some(severity::INFO)),
        _ => None,
    }
}

/// A level as one word of a head, its severity and the bytes that it took.
fn level_part<'t>(
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
fn behind_level<'t>(head: &mut Head<'t>, text: &'t str, from: usize, seen: &mut Seen) -> (usize, bool, bool) {
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

/// Whether the text is digits and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How the span begins that Lambda's runtime for Rust opens for each call.
const LAMBDAS_SPAN: &str = "Lambda runtime invoke{";

/// Whether a line begins with a time of ISO 8601 in UTC, as Rust's tracing writes it.
fn is_utc(text: &str) -> bool {
    let time = text.trim_start().split(' ').next().unwrap_or_default();
    time.as_bytes().get(10) == Some(&b'T') && time.ends_with('Z')
}

/// A span of Rust's tracing with its fields, `name{key=value …}:`, and the byte behind it.
fn span_context<'t>(head: &mut Head<'t>, text: &'t str, at: usize) -> Option<usize> {
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
fn behind_time<'t>(mut head: Head<'t>, text: &'t str, at: usize, is_bracketed: bool) -> Head<'t> {
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
fn letter_first<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
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
fn tight_colons<'t>(head: &Head<'t>, text: &'t str, mut at: usize) -> Option<Head<'t>> {
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
fn lower_word<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
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
fn swift<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let (level, end) = word(text, at)?;
    let (_, end) = word(text, blanks(bytes, end))?;
    let [b' ', b':', b' ', ..] = rest(text, end) else { return None };
    let behind = blanks(bytes, end + 2);
    let at = group(text, behind).filter(|(source, _)| is_name(source)).map_or(behind, |(_, end)| blanks(bytes, end));
    Some(head.clone().leveled(level, severity::from_name(level)?).at(Form::SwiftLog, at))
}

/// `host ERROR [app.pay:12] - message` behind a time, as Clojure's timbre writes it.
fn timbre<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
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
fn rds_postgres(text: &str, at: usize) -> Option<(Option<&str>, Option<i32>, usize)> {
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

/// Lines that begin with a digit: nearly always a time.
fn digit_first(text: &str, start: usize) -> Option<Head<'_>> {
    let mut head = Head::new(Form::Time, start);
    let bytes = text.as_bytes();
    let Some(end) = stamp(&mut head, text, start) else { return epoch(text, start).or_else(|| redis(text, start)) };
    if bytes.get(end) == Some(&b'\t')
        && let Some(head) = lambda_tabs(&head, text, end + 1)
    {
        return Some(head);
    }
    if head.partial_time.is_some() {
        if let Some(head) = android_threadtime(&head, text, end) {
            return Some(head);
        }
        let head = behind_time(head, text, end, false);
        // A clock alone may begin any sentence.
        return (head.form != Form::Time).then_some(head);
    }
    if !matches!(bytes.get(end), None | Some(b' ' | b'\t' | b'|' | b':' | b'[' | b',' | b'\n' | b'\r')) {
        return None;
    }
    let is_go = bytes.get(start + 4) == Some(&b'/');
    let mut head = behind_time(head, text, end, false);
    if head.form == Form::Time {
        if let Some(java) = java_util(&head, text, end) {
            return Some(java);
        }
        if is_go {
            let at = head.message_at;
            head.form = Form::GoLog;
            // `log.Lshortfile`: `main.go:23: `.
            if let Some((part, end)) = word(text, at)
                && let Some((file, line)) = part.strip_suffix(':').and_then(|part| part.rsplit_once(':'))
                && file.ends_with(".go")
                && is_number(line)
            {
                head.message_at = blanks(bytes, end);
            }
        }
    }
    Some(head)
}

/// `<request id>\tLEVEL\tmessage` behind a time and a tab. Outside of an invocation the id is `undefined`.
fn lambda_tabs<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let is_end = |byte| matches!(byte, b'\t' | b'\n');
    let (id, end) = until(text, at, is_end).filter(|(_, end)| text.as_bytes().get(*end) == Some(&b'\t'))?;
    let is_id = ids::uuid(id).is_some();
    if !is_id && !matches!(id, "undefined" | "" | "null" | "N/A") {
        return None;
    }
    let mut head = head.clone().at(Form::LambdaTabs, end + 1);
    head.invocation_id = is_id.then_some(id);
    if let Some((level, end)) = until(text, end + 1, is_end)
        && text.as_bytes().get(end) == Some(&b'\t')
        && let Some(number) = dotnet_level(level)
    {
        head = head.leveled(level, number);
        head.message_at = end + 1;
        head.is_whole = is_id;
    }
    Some(head)
}

/// .NET's `crit` is its highest level, other than syslog's.
fn dotnet_level(level: &str) -> Option<i32> {
    if level == "crit" { Some(severity::FATAL) } else { severity::from_name(level) }
}

/// Seconds since 1970 and a tab, as zap's console encoder writes them in production: `1.795250573429e+09\tERROR\t…`.
fn epoch(text: &str, start: usize) -> Option<Head<'_>> {
    let fits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+');
    let (number, end) = until(text, start, |byte| !fits(byte))?;
    if number.len() < 10 || text.as_bytes().get(end) != Some(&b'\t') {
        return None;
    }
    let mut head = Head::new(Form::Time, start);
    head.time_unix_nano = Some(time::parse_number(number)?);
    Some(behind_time(head, text, end, false)).filter(|head| head.form == Form::TimeTabs)
}

/// `1:M 21 Nov 2026 08:42:53.429 # message`.
fn redis(text: &str, start: usize) -> Option<Head<'_>> {
    let (process, at) = until(text, start, |byte| !byte.is_ascii_digit())?;
    let [b':', role, b' ', ..] = rest(text, at) else { return None };
    if process.len() > 10 || !matches!(role, b'M' | b'S' | b'C' | b'X') {
        return None;
    }
    let mut head = Head::new(Form::Redis, start);
    let end = stamp(&mut head, text, at + 3)?;
    let sign = text.get(end + 1..end + 2)?;
    let number = match sign {
        "." | "-" => severity::DEBUG,
        "*" => severity::from_name("notice")?,
        "#" => severity::WARN,
        _ => return None,
    };
    (rest(text, end).first() == Some(&b' ') && rest(text, end + 2).first() == Some(&b' ')).then(|| {
        let at = end + 3;
        head.leveled(sign, number).at(Form::Redis, at)
    })
}

/// The severity of a level by one letter, as Android, klog and Ruby count.
fn letter_level(letter: &str) -> Option<i32> {
    match letter {
        "V" | "T" => Some(severity::TRACE),
        "A" | "C" => Some(severity::FATAL),
        _ => severity::from_letter(letter),
    }
}

/// `11-21 08:42:53.429  1234  5678 E Tag: message`.
fn android_threadtime<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let (process, end) = word(text, blanks(bytes, at))?;
    let (thread, end) = word(text, blanks(bytes, end))?;
    let (letter, end) = word(text, blanks(bytes, end))?;
    if !is_number(process) || !is_number(thread) {
        return None;
    }
    let number = letter_level(letter)?;
    let at = blanks(bytes, end);
    let message_at = match until(text, at, |byte| matches!(byte, b':' | b'\n')) {
        Some((_, end)) if bytes.get(end) == Some(&b':') => blanks(bytes, end + 1),
        _ => at,
    };
    Some(head.clone().leveled(letter, number).at(Form::Android, message_at))
}

/// Lines that begin with a bracket.
fn bracket_first(text: &str, start: usize) -> Option<Head<'_>> {
    let bytes = text.as_bytes();
    let (inside, end) = group(text, start)?;
    let mut head = Head::new(Form::BracketLevel, start);
    let first = *inside.trim_start().as_bytes().first()?;
    if is_name(inside)
        && let Some(head) = nest(text, end)
    {
        return Some(head);
    }
    // A time, perhaps with level and target in the same bracket.
    let inside_at = blanks(bytes, start + 1);
    let may_be_time = first.is_ascii_digit() || time::may_be_named(rest(text, inside_at));
    if may_be_time
        && let Some(time_end) = stamp(&mut head, text, inside_at)
        && time_end < end
    {
        let tail = text.get(time_end..end - 1)?;
        if tail.is_empty() {
            return php(&head, text, blanks(bytes, end)).or_else(|| Some(behind_time(head, text, end, true)));
        }
        let level = tail.trim_start_matches([' ', ':', ',', '|']).split([' ', '/', '|']).next()?;
        if let Some(number) = severity::from_name(level) {
            return Some(head.leveled(level, number).at(Form::BracketTimeLevel, blanks(bytes, end)));
        }
        let behind = behind_time(head, text, end, true);
        return (behind.level.is_some() || behind.time_unix_nano.is_some()).then_some(behind);
    }
    head.time_unix_nano = None;
    head.partial_time = None;
    if let [letter, b' ', b'0'..=b'9', ..] = inside.as_bytes()
        && letter.is_ascii_uppercase()
        && let Some((letter, number)) = inside.get(..1).and_then(|letter| Some((letter, letter_level(letter)?)))
    {
        let mut head = Head::new(Form::Tornado, blanks(bytes, end)).leveled(letter, number);
        let is_time = stamp(&mut head, text, start + 3).is_some_and(|time_end| time_end < end);
        return is_time.then_some(head);
    }
    if let Group::Level(level, number) = read_group(&mut head, inside) {
        let mut head = head.leveled(level, number);
        if bytes.get(end) == Some(&b'\t')
            && let Some(head) = lambda_python(&head, text, end + 1)
        {
            return Some(head);
        }
        let mut at = blanks(bytes, end + usize::from(bytes.get(end) == Some(&b':')));
        // Some write the time behind the level.
        let open = usize::from(bytes.get(at) == Some(&b'['));
        if let Some(behind) = stamp(&mut head, text, at + open) {
            if open == 0 || bytes.get(behind) == Some(&b']') {
                at = blanks(bytes, behind + open);
                // Python's runtime with its tabs made blanks on the way.
                if let Some((id, end)) = word(text, at)
                    && ids::uuid(id).is_some()
                {
                    head.invocation_id = Some(id);
                    at = blanks(bytes, end);
                }
                return Some(head.at(Form::LevelTime, at));
            }
            head.time_unix_nano = None;
            head.partial_time = None;
        }
        return Some(head.at(Form::BracketLevel, at));
    }
    // env_logger without a time: `[ERROR target] message`.
    if let Some((level, target)) = inside.split_once(' ')
        && is_capital(level)
        && let Some((number, Weight::Strong)) = severity::weighted(level)
        && target.trim_start().bytes().all(|byte| is_name_byte(byte) || byte == b':')
    {
        return Some(head.leveled(level, number).at(Form::BracketLevel, blanks(bytes, end)));
    }
    // `[name] 2026/11/21 08:42:53 ERROR message`.
    let at = blanks(bytes, end);
    if bytes.get(at).is_some_and(u8::is_ascii_digit) {
        let mut head = Head::new(Form::NamedTime, start);
        if let Some(time_end) = stamp(&mut head, text, at) {
            let head = behind_time(head, text, time_end, false);
            let at = head.message_at;
            return head.level.is_some().then(|| head.at(Form::NamedTime, at));
        }
    }
    // `[main] ERROR com.acme.Pay - message`, `[label] error: message`.
    let mut head = Head::new(Form::ThreadLevel, start);
    read_group(&mut head, inside);
    let (mut seen, level_end) = find_level(&mut head, text, end).filter(|(seen, _)| !seen.postgres)?;
    let (message_at, ..) = behind_level(&mut head, text, level_end, &mut seen);
    Some(head.at(Form::ThreadLevel, message_at))
}

/// `time\trequest id\tmessage` behind `[LEVEL]\t`. The id is empty outside of an invocation.
fn lambda_python<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let is_end = |byte| matches!(byte, b'\t' | b'\n');
    let bytes = text.as_bytes();
    let (stamp, end) = until(text, at, is_end).filter(|(_, end)| bytes.get(*end) == Some(&b'\t'))?;
    let time = time::parse_text(stamp)?;
    let (id, end) = until(text, end + 1, is_end).filter(|(_, end)| bytes.get(*end) == Some(&b'\t'))?;
    let mut head = head.clone().at(Form::LambdaPython, end + 1);
    head.time_unix_nano = Some(time);
    head.invocation_id = ids::uuid(id).is_some().then_some(id);
    head.is_whole = head.invocation_id.is_some();
    Some(head)
}

/// `[Nest] 8  - 11/21/2026, 8:42:53 AM   ERROR [Context] message`; an application may have another word there.
fn nest(text: &str, at: usize) -> Option<Head<'_>> {
    let bytes = text.as_bytes();
    let mut head = Head::new(Form::Nest, at);
    let (process, end) = word(text, blanks(bytes, at))?;
    let end = blanks(bytes, end);
    if !is_number(process) || bytes.get(end) != Some(&b'-') {
        return None;
    }
    let end = stamp(&mut head, text, blanks(bytes, end + 1))?;
    let at = blanks(bytes, end);
    let (level, end) = word(text, at)?;
    let number = severity::from_name(level).filter(|_| is_capital(level))?;
    let mut head = head.leveled(level, number);
    let at = blanks(bytes, end);
    head.message_at = group(text, at).filter(|(inside, _)| is_name(inside)).map_or(at, |(_, end)| blanks(bytes, end));
    Some(head)
}

/// A priority of syslog: 23 facilities of 8 severities.
const PRIORITY_MAX: u32 = 191;

/// `<11>1 time host program process id data message` (RFC 5424) and `<11>Nov 21 08:42:53 host program[8]: message`.
fn syslog(text: &str, start: usize) -> Option<Head<'_>> {
    let bytes = text.as_bytes();
    let (inside, end) = group(text, start)?;
    let priority = Some(inside).filter(|inside| inside.len() <= 3 && is_number(inside))?.parse::<u32>().ok()?;
    if priority > PRIORITY_MAX {
        return None;
    }
    let number = severity::from_number(severity::Scale::Syslog, i64::from(priority & 7))?;
    let mut head = Head::new(Form::Syslog5424, end);
    head.severity_number = Some(number);
    if let [b'1', b' ', ..] = rest(text, end) {
        let mut at = end + 2;
        at = match rest(text, at) {
            [b'-', b' ', ..] => at + 1,
            _ => stamp(&mut head, text, at)?,
        };
        // Host, program, process and message id.
        for _ in 0..4 {
            let (_, end) = word(text, at + 1).filter(|_| bytes.get(at) == Some(&b' '))?;
            at = end;
        }
        head.message_at = blanks(bytes, structured_data(text, at + 1));
        return Some(head);
    }
    let at = blanks(bytes, end);
    if let Some(end) = stamp(&mut head, text, at) {
        return Some(program(head, text, end));
    }
    // Without a time: systemd's `<3>message` has no facility, all others name the program.
    let program = word(text, at).filter(|(word, _)| word.len() > 1 && word.ends_with(':'));
    let message_at = program.map(|(_, end)| blanks(bytes, end)).or_else(|| (priority < 8).then_some(at))?;
    Some(head.at(Form::Syslog3164, message_at))
}

/// Skips `-` or `[id key="value"]…`.
fn structured_data(text: &str, mut at: usize) -> usize {
    if rest(text, at).first() == Some(&b'-') {
        return at + 1;
    }
    while rest(text, at).first() == Some(&b'[') {
        let mut quoted = false;
        let mut escaped = false;
        let end = rest(text, at).iter().take(HEAD_BYTES_MAX).position(|byte| {
            let is_end = *byte == b']' && !quoted;
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            is_end
        });
        match end {
            Some(end) => at += end + 1,
            None => break,
        }
    }
    at
}

/// Host and program of RFC 3164: ` host program[8]: message`. Where no priority states the level, the program may.
fn program<'t>(head: Head<'t>, text: &'t str, at: usize) -> Head<'t> {
    let bytes = text.as_bytes();
    let behind = || {
        let (_, end) = word(text, blanks(bytes, at))?;
        let (program, end) = word(text, blanks(bytes, end))?;
        program.ends_with(':').then_some(blanks(bytes, end))
    };
    let message_at = behind().unwrap_or(blanks(bytes, at));
    match own_level(text, message_at).filter(|_| head.severity_number.is_none()) {
        Some((level, number, end)) => head.leveled(level, number).at(Form::Syslog3164, blanks(bytes, end)),
        None => head.at(Form::Syslog3164, message_at),
    }
}

/// The level that a message begins with, and the byte behind it: `ERROR message`, `error: message`, `[ERROR] message`.
fn own_level(text: &str, at: usize) -> Option<(&str, i32, usize)> {
    if let Some((inside, end)) = group(text, at).filter(|_| text.as_bytes().get(at) == Some(&b'[')) {
        return Some((inside, severity::from_name(inside).filter(|_| !COMPONENTS.contains(&inside))?, end));
    }
    let (part, end) = word(text, at)?;
    let bare = part.strip_suffix(':').unwrap_or(part);
    let (number, weight) = severity::weighted(bare)?;
    let is_level = weight == Weight::Strong && (is_capital(bare) || bare.len() < part.len() && is_name(bare));
    is_level.then_some((bare, number, end))
}

/// `name - LEVEL - message`, `name | LEVEL | message` and `name: LEVEL: message` at the start of a line.
fn name_first(text: &str, start: usize) -> Option<Head<'_>> {
    const NAME_BYTES_MAX: usize = 128;
    let bytes = text.as_bytes();
    let length = rest(text, start).iter().take(NAME_BYTES_MAX).take_while(|byte| is_name_byte(**byte)).count();
    let end = start + length;
    match rest(text, end) {
        [b' ', sign @ (b'-' | b'|'), b' ', b' ' | b'A'..=b'Z', ..] => {
            let at = blanks(bytes, end + 2);
            let (level, level_end) = until(text, at, |byte| !byte.is_ascii_uppercase())?;
            let close = blanks(bytes, level_end);
            let is_column = close > level_end && matches!(rest(text, close), [close, b' ', ..] if close == sign);
            let number = severity::from_name(level).filter(|_| is_column && is_capital(level))?;
            Some(Head::new(Form::NameLevel, blanks(bytes, close + 1)).leveled(level, number))
        }
        [b':', b' ', b'A'..=b'Z' | b'[', ..] => {
            let (level, number, level_end) = own_level(text, end + 2)?;
            let is_closed = bytes.get(end + 2) == Some(&b'[') || bytes.get(level_end - 1) == Some(&b':');
            let head = Head::new(Form::OwnNameLevel, blanks(bytes, level_end)).leveled(level, number);
            (is_closed && is_capital(level)).then_some(head)
        }
        _ => None,
    }
}

/// `=ERROR REPORT==== 21-Nov-2026::08:42:53.429000 ===` and the message in the next line.
fn erlang(text: &str, start: usize) -> Option<Head<'_>> {
    const WORDS: &str = " REPORT==== ";
    let (level, end) = until(text, start + 1, |byte| !byte.is_ascii_uppercase())?;
    let number = match level {
        "CRASH" | "SUPERVISOR" => severity::ERROR,
        "PROGRESS" => severity::INFO,
        _ => severity::from_name(level)?,
    };
    text.get(end..)?.strip_prefix(WORDS)?;
    let mut head = Head::new(Form::Erlang, start).leveled(level, number);
    let end = stamp(&mut head, text, end + WORDS.len())?;
    let behind = text.get(end..)?.strip_prefix(" ===")?;
    Some(head.at(Form::Erlang, text.len() - behind.trim_start().len()))
}

/// Lines that begin with a capital: a level, a letter for one, or a date with its month by name.
fn capital_first(text: &str, start: usize) -> Option<Head<'_>> {
    let bytes = text.as_bytes();
    let letter = text.get(start..start + 1)?;
    match rest(text, start + 1) {
        [b'0' | b'1' | b'2', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => return klog(text, start, letter),
        [b',', b' ', b'[', ..] => return ruby(text, start, letter),
        [b'/', ..] => return android_brief(text, start, letter),
        _ => {}
    }
    let (part, end) = until(text, start, |byte| !byte.is_ascii_uppercase())?;
    if part.len() > 2
        && let Some((number, weight)) = severity::weighted(part)
    {
        let head = Head::new(Form::Level, start).leveled(part, number);
        let is_prose = matches!(part, "NOTE" | "HTTP");
        return match rest(text, end) {
            [b':', b' ' | b'\t', ..] | [b':'] if !is_prose => Some(head.at(Form::LevelColon, blanks(bytes, end + 1))),
            [b':', ..] if !is_prose => {
                // Python's `LEVEL:logger:message`; the logger has no blanks.
                let (logger, close) = until(text, end + 1, |byte| matches!(byte, b':' | b' ' | b'\n'))?;
                let is_logger = bytes.get(close) == Some(&b':') && !logger.is_empty();
                is_logger.then(|| head.at(Form::PythonDefault, close + 1))
            }
            [b'\t', ..] if !is_prose => Some(level_tabs(head, text, end + 1)),
            [b' ', ..] => {
                let next = blanks(bytes, end);
                let is_column = match bytes.get(next) {
                    Some(b'|' | b'[') => true,
                    Some(b'-' | b':') => matches!(bytes.get(next + 1), Some(b' ' | b'-')),
                    _ => false,
                };
                if weight == Weight::Weak && (is_prose || !is_column) {
                    return None;
                }
                let (mut head, mut seen) = (head, Seen::default());
                let (at, ..) = behind_level(&mut head, text, end, &mut seen);
                if let Some((time, length)) = text.get(at..).and_then(time::parse_prefix) {
                    head.time_unix_nano = Some(time);
                    let at = blanks(bytes, at + length);
                    return Some(head.at(Form::LevelTime, at));
                }
                Some(head.at(Form::Level, at))
            }
            [b'[', b'0'..=b'9', ..] => {
                let (inside, end) = group(text, end)?;
                let mut head = head;
                // go-ethereum's `ERROR[11-21|08:42:53.429]`.
                if let Some((day, clock)) = inside.split_once('|') {
                    day.split_once('-').filter(|(month, day)| is_number(month) && is_number(day))?;
                    time::near_length(clock)?;
                } else if !is_number(inside) {
                    head.time_unix_nano = Some(time::parse_text(inside)?);
                } else if part.len() != 4 {
                    return None;
                }
                Some(head.at(Form::Logrus, blanks(bytes, end)))
            }
            [b'\n' | b'\r', ..] | [] if weight == Weight::Strong => Some(head.at(Form::Level, end)),
            _ => None,
        };
    }
    let mut head = Head::new(Form::Time, start);
    if part == "PHP" {
        return php(&head, text, start);
    }
    if !time::may_be_named(rest(text, start)) {
        return None;
    }
    let end = stamp(&mut head, text, start)?;
    if head.partial_time.is_some() {
        if let Some((level, number, level_end)) = own_level(text, blanks(bytes, end)) {
            return Some(head.leveled(level, number).at(Form::TimeLevel, blanks(bytes, level_end)));
        }
        return Some(program(head, text, end)).filter(|_| bytes.get(end) == Some(&b' '));
    }
    java_util(&head, text, end).or_else(|| Some(behind_time(head, text, end, false)))
}

/// `PHP Fatal error:  message`. What PHP calls fatal is what other languages call an unhandled error.
fn php<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    const LEVELS: [(&str, i32); 9] = [
        ("Fatal error", severity::ERROR),
        ("Parse error", severity::ERROR),
        ("Recoverable fatal error", severity::ERROR),
        ("Catchable fatal error", severity::ERROR),
        ("Warning", severity::WARN),
        ("Startup", severity::WARN),
        ("Notice", 10),
        ("Deprecated", 10),
        ("Strict Standards", 10),
    ];
    let (level, end) = until(text, at, |byte| matches!(byte, b':' | b'\n'))?;
    let level = level.strip_prefix("PHP ").filter(|_| text.as_bytes().get(end) == Some(&b':'))?;
    let (_, number) = LEVELS.iter().find(|(name, _)| *name == level)?;
    Some(head.clone().leveled(level, *number).at(Form::Php, blanks(text.as_bytes(), end + 1)))
}

/// Logger and caller of zap between the level and the message.
fn level_tabs<'t>(head: Head<'t>, text: &'t str, mut at: usize) -> Head<'t> {
    for _ in 0..2 {
        match until(text, at, |byte| matches!(byte, b'\t' | b'\n' | b' ')) {
            Some((part, end)) if text.as_bytes().get(end) == Some(&b'\t') && part.contains(['.', '/', ':']) => {
                at = end + 1
            }
            _ => break,
        }
    }
    head.at(Form::LevelTabs, at)
}

/// `com.acme.Pay charge` behind a time, and `SEVERE: message` in the next line or in the same.
fn java_util<'t>(head: &Head<'t>, text: &'t str, at: usize) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let (line, end) = until(text, at, |byte| matches!(byte, b'\n' | b'\r'))?;
    // Only a class in a package is told from two words of a message; behind Java's own date it need not be.
    let class = line.split_whitespace().next()?;
    if !class.contains('.') && !rest(text, at.saturating_sub(1)).starts_with(b"M ") {
        return None;
    }
    let mut next = end + rest(text, end).iter().take(2).take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    if next == end || line.split_whitespace().count() > 3 {
        // `com.acme.Pay charge SEVERE: message` in one line.
        next = at;
        for _ in 0..2 {
            let (part, end) = word(text, blanks(bytes, next))?;
            if !is_name(part) {
                return None;
            }
            next = blanks(bytes, end);
        }
    }
    let (level, end) = until(text, next, |byte| !byte.is_ascii_uppercase())?;
    let number = severity::from_name(level).filter(|_| is_capital(level) && bytes.get(end) == Some(&b':'))?;
    Some(head.clone().leveled(level, number).at(Form::JavaUtil, blanks(bytes, end + 1)))
}

/// `E1121 08:42:53.429000       1 charge.go:12] message`.
fn klog<'t>(text: &'t str, start: usize, letter: &'t str) -> Option<Head<'t>> {
    let number = severity::from_letter(letter)?;
    let from = text.get(start + 1..)?;
    // glog writes the year since 2020.
    let whole = time::parse_prefix(from);
    let length = match whole {
        Some((_, length)) => length,
        None => time::near_length(from)?,
    };
    let (origin, end) = until(text, start + 1 + length, |byte| matches!(byte, b']' | b'\n'))?;
    let is_origin = text.as_bytes().get(end) == Some(&b']') && origin.contains(':');
    let mut head = Head::new(Form::Klog, blanks(text.as_bytes(), end + 1)).leveled(letter, number);
    head.time_unix_nano = whole.map(|(time, _)| time);
    head.partial_time = from.get(..length).filter(|_| whole.is_none());
    is_origin.then_some(head)
}

/// `E, [2026-11-21T08:42:53.429000 #8] ERROR -- program: message`.
fn ruby<'t>(text: &'t str, start: usize, letter: &'t str) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let (inside, end) = group(text, start + 3)?;
    let mut head = Head::new(Form::Ruby, start);
    let (moment, process) = inside.split_once('#').unwrap_or((inside, ""));
    head.time_unix_nano = Some(time::parse_text(moment)?);
    head.invocation_id = Some(process.trim()).filter(|id| ids::uuid(id).is_some());
    let (level, end) = word(text, blanks(bytes, end))?;
    let number = severity::from_name(level).or_else(|| letter_level(letter).filter(|_| letter != "A"));
    let mut at = blanks(bytes, end);
    if let Some((id, end)) = word(text, at)
        && ids::uuid(id).is_some()
    {
        head.invocation_id = Some(id);
        at = blanks(bytes, end);
    }
    head.level = Some(level);
    head.severity_number = number;
    head.message_at = at;
    if let [b'-', b'-', b' ', ..] = rest(text, at)
        && let Some((_, end)) = until(text, at + 3, |byte| matches!(byte, b':' | b'\n'))
        && bytes.get(end) == Some(&b':')
    {
        head.message_at = blanks(bytes, end + 1);
    }
    Some(head)
}

/// `E/Tag( 1234): message`.
fn android_brief<'t>(text: &'t str, start: usize, letter: &'t str) -> Option<Head<'t>> {
    let bytes = text.as_bytes();
    let number = letter_level(letter).filter(|_| matches!(letter, "V" | "D" | "I" | "W" | "E" | "F" | "A"))?;
    let (tag, end) = until(text, start + 2, |byte| matches!(byte, b'(' | b':' | b' ' | b'\n'))?;
    let (process, end) = group(text, end).filter(|_| bytes.get(end) == Some(&b'('))?;
    let fits = is_name(tag) && is_number(process.trim()) && bytes.get(end) == Some(&b':');
    fits.then(|| Head::new(Form::Android, blanks(bytes, end + 1)).leveled(letter, number))
}

/// Lines that begin with a level in lower case and a colon.
fn lower_first(text: &str, start: usize) -> Option<Head<'_>> {
    let bytes = text.as_bytes();
    let (level, end) = until(text, start, |byte| !byte.is_ascii_lowercase())?;
    // Zig's `error(scope): message`.
    let scope_end = group(text, end).filter(|(scope, _)| is_name(scope) && bytes.get(end) == Some(&b'('));
    let end = scope_end.map_or(end, |(_, end)| end);
    if bytes.get(end) != Some(&b':') || !matches!(bytes.get(end + 1), None | Some(b' ' | b'\t' | b'\n')) {
        return None;
    }
    let (number, weight) = severity::weighted(level)?;
    let is_dotnet = matches!(level, "trce" | "dbug" | "info" | "warn" | "fail" | "crit");
    if !is_dotnet && weight == Weight::Weak && level != "silly" {
        return None;
    }
    let at = blanks(bytes, end + 1);
    let head = Head::new(Form::LowerLevel, at).leveled(level, number);
    if is_dotnet
        && let Some((category, end)) = until(text, at, |byte| matches!(byte, b'\n' | b'\r'))
        && let Some((_, event)) = category.trim_end().strip_suffix(']').and_then(|part| part.rsplit_once('['))
        && is_number(event.trim_start_matches('-'))
    {
        let behind = rest(text, end).iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        return Some(head.leveled(level, dotnet_level(level)?).at(Form::DotNetConsole, end + behind));
    }
    Some(head)
}

#[cfg(test)]
mod tests;
