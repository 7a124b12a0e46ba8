//! What loggers, runtimes and servers write before the message of a text line: time, level, thread, logger and ids in
//! the order of each one's layout.
//!
//! It refuses to find a level in prose: a level counts where a layout puts it, in capitals or in a place of its own. It
//! copies nothing and looks at no more than the first [`HEAD_BYTES_MAX`] bytes.

mod behind_time;
mod forms;
mod parts;

pub(crate) use forms::Form;
pub use forms::text_forms_markdown;
pub(crate) use parts::{is_name, is_number};

use self::behind_time::{Seen, behind_level, behind_time, find_level};
use self::parts::{
    COMPONENTS, Group, Quotes, blanks, group, is_capital, is_name_byte, read_group, rest, stamp, until, word,
};
use crate::severity::{self, Weight};
use crate::{ids, time};

/// Bytes of a line in which a head ends. A logger's name with its package has up to 200, thread and ids some more.
const HEAD_BYTES_MAX: usize = 1024;

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
    if head.level == Some("NOTICE") && matches!(head.form, Form::LevelColon | Form::BracketTime) {
        head = behind_notice(&head, text).unwrap_or(head);
    }
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

/// Seconds or milliseconds since 1970, as zap's console encoder writes them in production (`1.795250573429e+09\tERROR\t…`)
/// and Log4j's `UNIX_MILLIS`. A number alone is no time: a level follows.
fn epoch(text: &str, start: usize) -> Option<Head<'_>> {
    let fits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+');
    let (number, end) = until(text, start, |byte| !fits(byte))?;
    if number.len() < 10 || !matches!(text.as_bytes().get(end), Some(b'\t' | b' ')) {
        return None;
    }
    let mut head = Head::new(Form::Time, start);
    head.time_unix_nano = Some(time::parse_number(number)?);
    Some(behind_time(head, text, end, false)).filter(|head| head.level.is_some())
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
        let mut tail = text.get(time_end..end - 1)?;
        // PHP writes the zone by its name: what time it is there is not known here.
        if tail.strip_prefix(' ').is_some_and(is_zone) {
            (head.time_unix_nano, head.partial_time, tail) = (None, None, "");
        }
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

/// Whether a word is the name of a zone of the tz database, such as `America/Argentina/Ushuaia`.
pub(crate) fn is_zone(word: &str) -> bool {
    word.contains('/')
        && word.split('/').all(|part| is_name(part) && part.starts_with(|first: char| first.is_ascii_uppercase()))
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
    if time::may_be_named(inside.as_bytes()) {
        return weblogic(text, start, end);
    }
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

/// `<Nov 21, 2026 8:42:53,429 AM UTC> <Error> <HTTP> <BEA-101020> <message>`, as WebLogic writes it.
fn weblogic(text: &str, start: usize, end: usize) -> Option<Head<'_>> {
    let mut head = Head::new(Form::WebLogic, start);
    stamp(&mut head, text, start + 1).filter(|time_end| time_end + 1 == end)?;
    let (level, mut at) = group(text, blanks(text.as_bytes(), end))?;
    let head = head.leveled(level, severity::from_name(level)?);
    // Subsystem, code and what else it knows; the message is in a group of its own, which may go on over lines.
    for _ in 0..PARTS_MAX {
        let next = blanks(text.as_bytes(), at);
        let Some((_, end)) = group(text, next).filter(|(_, end)| rest(text, *end).starts_with(b" <")) else { break };
        at = end;
    }
    let open = blanks(text.as_bytes(), at);
    Some(head.at(Form::WebLogic, open + usize::from(rest(text, open).first() == Some(&b'<'))))
}

/// Skips `-` or `[id key="value"]…`.
fn structured_data(text: &str, mut at: usize) -> usize {
    if rest(text, at).first() == Some(&b'-') {
        return at + 1;
    }
    while rest(text, at).first() == Some(&b'[') {
        let mut quotes = Quotes::default();
        let inside = rest(text, at).iter().take(HEAD_BYTES_MAX);
        let end =
            inside.map(|byte| (*byte, quotes.is_outside(*byte))).position(|(byte, is_out)| byte == b']' && is_out);
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

/// What PHP's process manager says of a message: `NOTICE: PHP message: ` and the line as PHP or Monolog write it.
fn behind_notice<'t>(head: &Head<'t>, text: &'t str) -> Option<Head<'t>> {
    const WORDS: &str = "PHP message: ";
    let at = head.message_at + WORDS.len();
    text.get(head.message_at..)?.strip_prefix(WORDS)?;
    match text.as_bytes().get(at)? {
        b'[' => bracket_first(text, at).filter(|inner| matches!(inner.form, Form::Php | Form::Monolog)),
        _ => php(head, text, at),
    }
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
