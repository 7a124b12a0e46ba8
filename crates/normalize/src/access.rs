//! Lines of web servers' and load balancers' access logs: method, path, status and time.
//!
//! It refuses to find a request within a sentence: the line is all of a format that a server writes. A query is no part
//! of a path, and a route is never known.

use crate::prefix::{self, Form, is_name, is_number};
use crate::{ids, time};

/// One line of a web server's access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access<'t> {
    pub time_unix_nano: Option<i64>,
    pub method: &'t str,
    /// The path without query, host and scheme.
    pub path: &'t str,
    pub status: i64,
    /// X-Ray's header, where a load balancer writes it.
    pub trace: Option<&'t str>,
}

/// Reads a line of an access log: the common and combined formats (Apache, nginx, gunicorn, Werkzeug, Django, Traefik,
/// API Gateway's CLF), uvicorn's, those of Amazon's load balancers and of CloudFront, morgan's, Gin's, Fiber's, chi's,
/// HAProxy's, Squid's, IIS's and S3's. The line is all of it: a request that a sentence tells of is none.
pub(crate) fn parse(text: &str) -> Option<Access<'_>> {
    let text = text.trim_start_matches('\u{feff}').trim_ascii();
    // A name that holds a request: which of the two is the server's, nobody can tell.
    if memchr::memmem::find_iter(text.as_bytes(), b"] \"").nth(1).is_some() {
        return None;
    }
    match text.as_bytes().first()? {
        b'{' => None,
        b'[' if text.starts_with("[GIN] ") => gin(text),
        _ => {
            // Most other forms quote the request.
            let line = text.get(..text.floor_char_boundary(ACCESS_BYTES_MAX))?;
            match memchr::memchr(b'"', line.as_bytes()) {
                Some(quote) => quoted(line, quote),
                None => unquoted(line),
            }
        }
    }
}

/// The formats that quote nothing, told apart by one byte: most lines are none of them.
fn unquoted(line: &str) -> Option<Access<'_>> {
    let bytes = line.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return morgan(line);
    }
    match (bytes.get(2)?, bytes.get(10)?) {
        (b':', _) => fiber(line),
        (_, b'\t') => cloudfront(line),
        (_, b'.') => squid(line),
        // The server's address stands behind the time.
        (_, b' ') if bytes.get(20).is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':') => iis(line),
        _ => None,
    }
}

/// Bytes of an access line that are read. Servers refuse requests whose line is longer than 8 KiB by default.
const ACCESS_BYTES_MAX: usize = 16 << 10;

/// Splits `GET /pets/7?x=1 HTTP/1.1` into method and path.
pub(crate) fn request(line: &str) -> Option<(&str, &str)> {
    let mut parts = line.split(' ');
    let (method, target) = (parts.next()?, parts.next()?);
    let fits = match (parts.next(), parts.next()) {
        (None, _) => true,
        // Hypercorn writes the number alone.
        (Some(protocol), None) => protocol.starts_with("HTTP/") || matches!(protocol, "-" | "1.0" | "1.1" | "2" | "3"),
        _ => false,
    };
    Some((is_method(method).then_some(method)?, path_of(target)?)).filter(|_| fits)
}

/// The methods of HTTP and WebDAV that access logs hold; any other word is a word.
fn is_method(word: &str) -> bool {
    const METHODS: [&str; 14] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "REPORT", "MKCOL",
        "COPY", "MOVE",
    ];
    METHODS.contains(&word)
}

/// The path of a request's target, which may be a whole URL.
fn path_of(target: &str) -> Option<&str> {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if is_name(scheme) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        _ => target,
    };
    let path = path.split(['?', '#']).next()?;
    (path.starts_with('/') || path == "*").then_some(path)
}

fn status(word: &str) -> Option<i64> {
    let number = Some(word).filter(|word| word.len() == 3 && is_number(word))?.parse().ok()?;
    (100..600).contains(&number).then_some(number)
}

/// The formats that quote the request; `quote` is the first quote of the line.
fn quoted(line: &str, quote: usize) -> Option<Access<'_>> {
    let before = line.get(..quote)?;
    let inside = line.get(quote + 1..)?;
    let close = memchr::memchr(b'"', inside.as_bytes())?;
    let behind = inside.get(close + 1..)?;
    let (method, path) = request(inside.get(..close)?)?;
    let mut answer = Access { time_unix_nano: None, method, path, status: 0, trace: None };
    if let Some(number) = status(behind.trim_start().split([' ', ',']).next()?) {
        answer.status = number;
        answer.time_unix_nano = client_and_time(before).or_else(|| s3(before).map(Some))?;
        return Some(answer);
    }
    chi(before, behind, &answer).or_else(|| load_balancer(before, behind, answer))
}

/// What the common format has before the request: `host identity user [time]`; some write a level, a time or a virtual
/// host before it, uvicorn nothing but the client and a dash. `None` if it is something else.
fn client_and_time(before: &str) -> Option<Option<i64>> {
    /// A head of its own, virtual host, client, identity, user and dash.
    const WORDS_MAX: usize = 8;
    let before = before.trim_end();
    let before = match prefix::head(before) {
        Some(head) if head.level.is_some() => {
            // Behind a level a client and a dash look like a logger's name.
            let message_at = client_at(before).unwrap_or(head.message_at).min(head.message_at);
            before.get(message_at..).unwrap_or_default()
        }
        _ => before,
    };
    let (words, time) = match before.strip_suffix(']').and_then(|open| open.rsplit_once('[')) {
        Some((words, inside)) => (words, Some(time::parse_text(inside)?)),
        None => (before, None),
    };
    let mut words = words.split_whitespace();
    let mut count = 0;
    let mut has_client = time.is_some();
    for word in words.by_ref().take(WORDS_MAX) {
        count += 1;
        let is_client = is_client(word);
        has_client |= is_client;
        // The client, or the host before it, begins the line: behind words of prose it is what somebody sent.
        let is_host = is_client || matches!(word, "-" | "localhost") || word.contains(['.', ':']);
        if count == 1 && !is_host {
            return None;
        }
        // A client, a name, a dash; a user's name may hold anything but blanks.
        let fits = is_client || word == "-" || count <= 4 && word.len() <= 256 && !word.ends_with(':');
        if !fits {
            return None;
        }
    }
    (words.next().is_none() && has_client).then_some(time)
}

/// Where the first word stands that is a client's address and has nothing but a head with a level before it.
fn client_at(before: &str) -> Option<usize> {
    const WORDS_MAX: usize = 8;
    let words = before.split(' ').take(WORDS_MAX).map(|word| (word, word.as_ptr() as usize - before.as_ptr() as usize));
    words.filter(|(word, at)| *at > 0 && is_client(word)).map(|(_, at)| at).find(|at| {
        let head = before.get(..*at).and_then(prefix::head);
        head.is_some_and(|head| head.level.is_some() && head.message_at == *at)
    })
}

/// The time of a request that S3's server access log tells of: before the request it writes the owner, the bucket, the time
/// in brackets, the client, the requester, an id, the operation and the key, none of which holds a blank.
fn s3(before: &str) -> Option<i64> {
    const OWNER_BYTES: usize = 64;
    let (owner, rest) = before.split_once(' ')?;
    let (_, rest) = rest.split_once(' ')?;
    let (moment, rest) = rest.strip_prefix('[')?.split_once("] ")?;
    let mut words = rest.trim_ascii_end().split(' ');
    let (client, _, id) = (words.next()?, words.next()?, words.next()?);
    let (operation, _) = (words.next()?, words.next()?);
    let fits = owner.len() == OWNER_BYTES
        && owner.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (client == "-" || is_client(client))
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && operation.contains('.')
        && operation.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'.' | b'_'))
        && words.next().is_none();
    time::parse_text(moment).filter(|_| fits)
}

/// An address with or without its port.
fn is_client(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']'))
        && word.contains(['.', ':'])
}

/// A number with a point or a sign, as load balancers write durations.
fn is_duration(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'))
}

/// The answer of one of Amazon's load balancers: behind its name, the client, the target and three durations.
fn balanced<'t>(mut words: impl Iterator<Item = &'t str>) -> Option<i64> {
    let (_, client, _) = (words.next()?, words.next()?, words.next()?);
    let durations = [words.next()?, words.next()?, words.next()?];
    let answer = status(words.next()?);
    answer.filter(|_| is_client(client) && durations.into_iter().all(is_duration))
}

/// Amazon's load balancers write the status before the request, HAProxy too.
fn load_balancer<'t>(before: &'t str, behind: &'t str, mut answer: Access<'t>) -> Option<Access<'t>> {
    let mut words = before.split_ascii_whitespace();
    let first = words.next()?;
    if matches!(first, "http" | "https" | "h2" | "grpcs" | "ws" | "wss") {
        answer.time_unix_nano = Some(time::parse_text(words.next()?)?);
        answer.status = balanced(words)?;
        let root = memchr::memmem::find(behind.as_bytes(), b"\"Root=")?;
        answer.trace = behind.get(root + 1..)?.split('"').next();
        return Some(answer);
    }
    if let Some(time) = time::parse_text(first) {
        // The classic load balancer has no type before its time.
        answer.time_unix_nano = Some(time);
        answer.status = balanced(words)?;
        return Some(answer);
    }
    // HAProxy: `client [time] frontend backend/server timers status bytes …`, as it writes to syslog behind a head.
    let mut first = first;
    if let Some(head) = prefix::head(before).filter(|head| head.form == Form::Syslog3164) {
        words = before.get(head.message_at..)?.split_ascii_whitespace();
        first = words.next()?;
    }
    let inside = words.next()?.strip_prefix('[')?.strip_suffix(']')?;
    let timers = words.nth(2)?;
    if !is_client(first) || !timers.contains('/') || !timers.split('/').all(is_duration) {
        return None;
    }
    answer.time_unix_nano = time::parse_text(inside);
    answer.status = status(words.next()?)?;
    Some(answer)
}

/// chi's `time [request id] "GET http://acme.com/pets/7 HTTP/1.1" from client - status bytes in duration`.
fn chi<'t>(before: &'t str, behind: &str, answer: &Access<'t>) -> Option<Access<'t>> {
    let mut words = behind.strip_prefix(" from ")?.split(' ');
    let (client, dash, number) = (words.next()?, words.next()?, words.next()?);
    let time_unix_nano = match prefix::head(before) {
        Some(head) if head.level.is_none() => head.time_unix_nano,
        None if before.is_empty() => None,
        _ => return None,
    };
    let fits = is_client(client) && dash == "-" && words.next()?.ends_with('B') && words.next() == Some("in");
    Some(Access { time_unix_nano, status: status(number)?, ..answer.clone() }).filter(|_| fits)
}

/// Fiber's `08:42:53 | 502 |  12.3ms |  10.0.1.5 | GET | /pets/7 | -`.
fn fiber(line: &str) -> Option<Access<'_>> {
    let mut columns = line.split('|').map(str::trim);
    let (moment, number, _, client) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let (method, target) = (columns.next()?, columns.next()?);
    let is_time = time::near_length(moment) == Some(moment.len()) || time::parse_text(moment).is_some();
    let fits = is_time && is_client(client) && is_method(method);
    let status = status(number)?;
    Some(Access { time_unix_nano: None, method, path: path_of(target)?, status, trace: None }).filter(|_| fits)
}

/// Squid's `time elapsed client RESULT/status bytes method URL user hierarchy/host type`.
fn squid(line: &str) -> Option<Access<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (moment, elapsed, client) = (words.next()?, words.next()?, words.next()?);
    let (result, number) = words.next()?.split_once('/')?;
    let (bytes, method, target) = (words.next()?, words.next()?, words.next()?);
    let is_result = result.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let fits = is_client(client) && is_number(elapsed) && is_number(bytes) && is_result && is_method(method);
    let (time_unix_nano, status) = (Some(time::parse_number(moment)?), status(number)?);
    let is_whole = words.count() == 3;
    Some(Access { time_unix_nano, method, path: path_of(target)?, status, trace: None }).filter(|_| fits && is_whole)
}

/// CloudFront's standard log: `date time location bytes client method host path status …` between tabs.
fn cloudfront(line: &str) -> Option<Access<'_>> {
    const COLUMNS_MIN: usize = 20;
    let mut columns = line.split('\t');
    let (day, clock) = (columns.next()?, columns.next()?);
    let (client, method) = (columns.nth(2)?, columns.next()?);
    let (path, number) = (columns.nth(1)?, columns.next()?);
    let fits = is_client(client) && is_method(method) && columns.count() + 9 >= COLUMNS_MIN;
    let time_unix_nano = Some(time::parse_text(&format!("{day} {clock}"))?);
    let status = status(number)?;
    Some(Access { time_unix_nano, method, path: path_of(path)?, status, trace: None }).filter(|_| fits)
}

/// IIS in the W3C's format: `date time server method path query port user client agent referrer status substatus code
/// duration`.
fn iis(line: &str) -> Option<Access<'_>> {
    let (time_unix_nano, length) = time::parse_iso_prefix(line)?;
    let mut words = line.get(length..)?.split_ascii_whitespace();
    let (server, method, target, _) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (port, _, client) = (words.next()?, words.next()?, words.next()?);
    let (number, codes) = (words.nth(2)?, [words.next()?, words.next()?, words.next()?]);
    let fits = is_client(server) && is_client(client) && is_number(port) && codes.into_iter().all(is_number);
    let (method, status) = (is_method(method).then_some(method)?, status(number)?);
    let time_unix_nano = Some(time_unix_nano);
    let is_whole = fits && words.next().is_none();
    Some(Access { time_unix_nano, method, path: path_of(target)?, status, trace: None }).filter(|_| is_whole)
}

/// morgan's `dev` and `tiny`: `GET /pets/7 500 12.3 ms - 36` and `GET /pets/7 500 36 - 12.3 ms`, and nothing else.
fn morgan(line: &str) -> Option<Access<'_>> {
    let mut words = line.split(' ');
    let (method, target, number) = (words.next()?, words.next()?, words.next()?);
    let tail: [Option<&str>; 5] = std::array::from_fn(|_| words.next());
    let is_size = |word: &str| word == "-" || is_number(word);
    let is_duration = |word: &str| !word.is_empty() && is_duration(word);
    let fits = match tail {
        [Some(duration), Some("ms"), Some("-"), Some(size), None] => is_duration(duration) && is_size(size),
        [Some(size), Some("-"), Some(duration), Some("ms"), None] => is_duration(duration) && is_size(size),
        _ => false,
    };
    let (method, status) = (is_method(method).then_some(method)?, status(number)?);
    Some(Access { time_unix_nano: None, method, path: path_of(target)?, status, trace: None }).filter(|_| fits)
}

/// Gin's `[GIN] 2026/11/21 - 08:42:53 | 500 |  12.3ms |  10.0.1.5 | GET      "/pets/7"`.
fn gin(text: &str) -> Option<Access<'_>> {
    let mut columns = text.strip_prefix("[GIN] ")?.splitn(5, '|').map(str::trim);
    let (moment, number) = (columns.next()?, columns.next()?);
    let (method, target) = columns.nth(2)?.split_once(' ')?;
    let target = target.trim_start().strip_prefix('"')?.split('"').next()?;
    let method = is_method(method).then_some(method)?;
    Some(Access {
        time_unix_nano: time::parse_text(moment),
        method,
        path: path_of(target)?,
        status: status(number)?,
        trace: None,
    })
}

/// What a line says of a request of which others tell the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part<'t> {
    pub method: Option<&'t str>,
    pub path: Option<&'t str>,
    pub status: Option<i64>,
    pub trace: Option<&'t str>,
}

/// Reads the first and the last line that Rails writes of a request, perhaps behind tags in brackets: `Started GET "/pets/7"
/// for 10.0.1.5 at 2026-11-21 08:42:53 +0000`, `Completed 502 Bad Gateway in 12ms (Views: 0.1ms | ActiveRecord: 0.0ms)`. The
/// line is all of it, because a tag may be what a client sent.
pub(crate) fn rails(text: &str) -> Option<Part<'_>> {
    const TAGS_MAX: usize = 4;
    // Most lines begin otherwise.
    let mut text = text.trim_ascii();
    text.as_bytes().first().filter(|byte| matches!(byte, b'[' | b'C' | b'S'))?;
    for _ in 0..TAGS_MAX {
        let Some((_, rest)) = text.strip_prefix('[').and_then(|tag| tag.split_once("] ")) else { break };
        text = rest;
    }
    if let Some(rest) = text.strip_prefix("Completed ") {
        let (number, rest) = rest.split_once(' ')?;
        let (reason, took) = rest.split_once(" in ")?;
        let is_reason = reason.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'\''));
        let (took, parts) = took.split_once(' ').unwrap_or((took, "()"));
        let is_of_parts = |byte: u8| byte.is_ascii_alphanumeric() || b" .:|,()".contains(&byte);
        let is_whole = is_reason
            && took.strip_suffix("ms").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            && parts.starts_with('(')
            && parts.ends_with(')')
            && parts.bytes().all(is_of_parts);
        return Some(Part { status: Some(status(number)?), ..Part::default() }).filter(|_| is_whole);
    }
    let (method, rest) = text.strip_prefix("Started ")?.split_once(" \"")?;
    let (target, rest) = rest.rsplit_once("\" for ")?;
    let (client, moment) = rest.split_once(" at ")?;
    let fits = is_method(method) && is_client(client) && time::parse_text(moment).is_some();
    Some(Part { method: Some(method), path: Some(path_of(target)?), ..Part::default() }).filter(|_| fits)
}

/// Reads a line of API Gateway's execution log, `(request id) Method completed with status: 502`. The lines that repeat
/// headers and bodies say nothing here: a client writes them.
pub(crate) fn execution(text: &str) -> Option<Part<'_>> {
    let (request_id, message) = text.strip_prefix('(')?.split_once(") ")?;
    ids::uuid(request_id)?;
    let message = message.trim_ascii_end();
    let mut answer = Part::default();
    if let Some(word) = message.strip_prefix("Method completed with status: ") {
        answer.status = status(word);
    } else if let Some(trace) = message.strip_prefix("X-ray Tracing ID : ") {
        answer.trace = Some(trace).filter(|trace| ids::trace_id(trace).is_some());
    } else if let Some((method, path)) =
        message.strip_prefix("HTTP Method: ").and_then(|rest| rest.split_once(", Resource Path: "))
    {
        answer.method = Some(method).filter(|method| is_method(method));
        answer.path = path_of(path);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str, i64, bool)>) {
        let found = parse(text);
        let found = found.as_ref().map(|line| (line.method, line.path, line.status, line.time_unix_nano.is_some()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_server_says_method_path_and_status() {
        for (text, has_time) in [
            (r#"203.0.113.9 - - [21/Nov/2026:08:42:53 +0000] "GET /pets/7?x=1 HTTP/1.1" 502 36 "-" "curl/8.1""#, true),
            ("203.0.113.9 - - [21/Nov/2026:08:42:53 +0000] \"GET /pets/7?x=1 HTTP/1.1\" 502 36\n", true),
            (r#"::1 - frank [21/Nov/2026:08:42:53 +0000] "GET /pets/7 HTTP/2.0" 502 - "-" "a \\"b\\"""#, true),
            (r#"acme.com:443 10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET /pets/7 HTTP/1.1" 502 36"#, true),
            (r#"10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET /pets/7 HTTP/1.1" 502 36 c6af9ac6-7b61"#, true),
            (r#"INFO:     10.0.1.5:49152 - "GET /pets/7 HTTP/1.1" 502 Bad Gateway"#, false),
            (r#"INFO:werkzeug:127.0.0.1 - - [21/Nov/2026 08:42:53] "GET /pets/7 HTTP/1.1" 502 -"#, true),
            (r#"[21/Nov/2026 08:42:53] "GET /pets/7 HTTP/1.1" 502 145"#, true),
            (
                r#"[2026-11-21 08:42:53 +0000] [8] [INFO] 10.0.1.5:49152 - - [21/Nov/2026:08:42:53 +0000] "GET /pets/7 1.1" 502 36 "-" "curl/8""#,
                true,
            ),
            ("GET /pets/7 502 12.345 ms - 36", false),
            ("GET /pets/7?x=1 502 - - 12.345 ms", false),
            (r#"[GIN] 2026/11/21 - 08:42:53 | 502 |      12.3ms |        10.0.1.5 | GET      "/pets/7?x=1""#, true),
            (
                r#"10.0.1.5:49152 [21/Nov/2026:08:42:53.429] fe be/srv1 0/0/0/69/69 502 36 - - ---- 1/1/0/0/0 0/0 "GET /pets/7 HTTP/1.1""#,
                true,
            ),
            (
                r#"Nov 21 08:42:53 ip haproxy[8]: 10.0.1.5:49152 [21/Nov/2026:08:42:53.429] fe be/srv1 0/0/0/69/69 502 36 - - ---- 1/1/0/0/0 0/0 "GET /pets/7 HTTP/1.1""#,
                true,
            ),
            (
                "1795250573.429     12 10.0.1.5 TCP_MISS/502 145 GET http://acme.com/pets/7 - HIER_DIRECT/192.0.2.9 text/html",
                true,
            ),
            (
                r#"2026/11/21 08:42:53 [ip/a1b2-000001] "GET http://acme.com/pets/7?x=1 HTTP/1.1" from 10.0.1.5:49152 - 502 36B in 12.3ms"#,
                true,
            ),
            ("08:42:53 | 502 |      12.3ms |        10.0.1.5 | GET | /pets/7 | -", false),
            (
                "2026-11-21\t08:42:53\tIAD89\t36\t10.0.1.5\tGET\td1.cloudfront.net\t/pets/7\t502\t-\tcurl/8\t-\t-\tError\tr1\tacme.com\thttps\t23\t0.001\t-\tTLSv1.3\t-",
                true,
            ),
            ("2026-11-21 08:42:53 10.0.1.5 GET /pets/7 - 443 - 203.0.113.9 curl/8 - 502 0 0 12", true),
            (
                r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be pets [21/Nov/2026:08:42:53 +0000] 192.0.2.3 arn:aws:iam::1:user/x 3E57427F3EXAMPLE REST.GET.OBJECT 7 "GET /pets/7?x=1 HTTP/1.1" 502 BadGateway 243 - 12 - "-" "S3Console/0.4" - s9lz= SigV4 - AuthHeader pets.s3.amazonaws.com TLSv1.2 - -"#,
                true,
            ),
            (
                r#"https 2026-11-21T08:42:53.429000Z app/lb/50dc6c495c0c9188 192.0.2.9:2817 10.0.0.1:80 0.0 0.048 0.0 502 502 0 57 "GET https://acme.com:443/pets/7 HTTP/1.1" "curl/7" - - arn:aws:x "Root=1-6b01598d-2cb6916d86dc283cf0480ff9" "acme.com""#,
                true,
            ),
            (
                r#"2026-11-21T08:42:53.429000Z lb 192.0.2.9:2817 10.0.0.1:80 0.0 0.048 0.0 502 502 0 57 "GET http://acme.com:80/pets/7 HTTP/1.1" "curl/7" - -"#,
                true,
            ),
        ] {
            check(text, Some(("GET", "/pets/7", 502, has_time)));
        }
        let line = r#"h2 2026-11-21T08:42:53Z app/lb/5 192.0.2.9:2817 - -1 -1 -1 503 - 0 57 "GET https://acme.com:443/ HTTP/2.0" "x" - - - "Root=1-6b01598d-2cb6916d86dc283cf0480ff9" "-""#;
        let line = parse(line).unwrap();
        assert_eq!((line.path, line.status), ("/", 503));
        assert_eq!(line.trace, Some("Root=1-6b01598d-2cb6916d86dc283cf0480ff9"));
    }

    #[test]
    fn a_sentence_is_no_access_line() {
        for text in [
            "",
            "\"",
            "é",
            "GET /health 200 user-agent: Mozilla/5.0\t{\"service\":\"payments\"}",
            r#"user sent "GET /pets HTTP/1.1" 500 times"#,
            r#"agent: 10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET / HTTP/1.1" 500 1"#,
            r#"got this of 10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET / HTTP/1.1" 500 1"#,
            r#"agent is x [21/Nov/2026:08:42:53 +0000] "GET / HTTP/1.1" 500 1"#,
            r#"INFO agent 10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET / HTTP/1.1" 500 1"#,
            r#"http 2026-11-21T08:42:53Z a b c d e f 500 "GET / HTTP/1.1" "Root=1-6b01598d-2cb6916d86dc283cf0480ff9""#,
            r#"2026-11-21T08:42:53Z agent a b c d e 500 "GET / HTTP/1.1""#,
            r#"agent [21/Nov/2026:08:42:53.429] a b 1/2/3 500 "GET / HTTP/1.1""#,
            r#"10.0.1.5:1 [21/Nov/2026:08:42:53.429] a b and/or 500 "GET / HTTP/1.1""#,
            r#"10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET / HTTP/1.1" 999 1"#,
            r#"10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GET /"#,
            r#"10.0.1.5 - - [yesterday] "GET / HTTP/1.1" 500 1"#,
            r#"10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "\x16\x03" 400 1"#,
            r#"10.0.1.5 - - [21/Nov/2026:08:42:53 +0000] "GRAB / HTTP/1.1" 500 1"#,
            r#"{"request": "GET / HTTP/1.1", "status": 500}"#,
            r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be pets [21/Nov/2026:08:42:53 +0000] agent x 3E57 REST.GET.OBJECT 7 "GET / HTTP/1.1" 502"#,
            r#"agent pets [21/Nov/2026:08:42:53 +0000] 192.0.2.3 - 3E57 REST.GET.OBJECT 7 "GET / HTTP/1.1" 502"#,
            r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be pets [21/Nov/2026:08:42:53 +0000] 192.0.2.3 - 3E57 REST.GET.OBJECT a b "GET / HTTP/1.1" 502"#,
            "GET /pets 500",
            "POST it to me 12 ms - now",
            "[GIN] 2026/11/21 - 08:42:53 | 500",
            "08:42:53 | 502 | a | agent | GET | /pets/7 | -",
            "2026-11-21T08:42:53Z agent 08:42:53 | 502 | 1ms | 10.0.1.5 | GET | /pets/7 | -",
            "2026 agent\t08:42:53\tIAD89\t36\t10.0.1.5\tGET\td1\t/pets/7\t502\t-\tcurl\t-\t-\tError\tr1\tx\thttps\t23\t0.001\t-\tTLSv1.3\t-",
            "12 agent said TCP_MISS/502 145 GET http://x/ - a b",
            "1795250573.429 12 10.0.1.5 TCP_MISS/502 145 GET http://x/ - a",
            "2026-11-21 08:42:53 10.0.1.5 GET /pets/7 - 443 - agent curl/8 - 502 0 0 12",
            "2026-11-21\t08:42:53\tIAD\t36\t10.0.1.5\tGET\td\t/pets/7\t502",
            r#"agent "GET /pets/7 HTTP/1.1" from 10.0.1.5:1 - 502 36B in 12ms"#,
            r#"2026/11/21 08:42:53 ERROR "GET /pets/7 HTTP/1.1" from 10.0.1.5:1 - 502 36B in 12ms"#,
            "2 210987654321 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.7 49152 443 6 10 840 1795250573 1795250633 ACCEPT OK",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn an_execution_log_says_status_trace_and_request() {
        const ID: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
        let blank = Part::default();
        for (message, expected) in [
            ("Method completed with status: 502\n", Part { status: Some(502), ..blank.clone() }),
            (
                "X-ray Tracing ID : 1-6b01598d-2cb6916d86dc283cf0480ff9",
                Part { trace: Some("1-6b01598d-2cb6916d86dc283cf0480ff9"), ..blank.clone() },
            ),
            (
                "HTTP Method: GET, Resource Path: /pets/7",
                Part { method: Some("GET"), path: Some("/pets/7"), ..blank.clone() },
            ),
            ("Method request headers: {x=Method completed with status: 500}", blank.clone()),
            ("Method completed with status: é", blank.clone()),
            ("", blank.clone()),
        ] {
            assert_eq!(execution(&format!("({ID}) {message}")), Some(expected), "{message}");
        }
        for text in ["", "(", "(x) Method completed with status: 502", "Method completed with status: 502"] {
            assert_eq!(execution(text), None, "{text}");
        }
    }
}
