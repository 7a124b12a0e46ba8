//! Timestamps as loggers write them, to nanoseconds since 1970 UTC: ISO 8601 in its usual spellings, the dates with
//! months by name of mail, web servers and Java, and numbers of seconds, milliseconds, microseconds or nanoseconds.
//!
//! It refuses to go through floating point, to guess a time zone (none means UTC) and to judge whether a clock is right.

const NANO: i128 = 1_000_000_000;

/// Days from 1970-01-01 to the given day of the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `count` digits at `at`.
fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i64> {
    bytes
        .get(at..at + count)?
        .iter()
        .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Months and days of the week by name, of which loggers write at least three letters.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The hours of the zones that mail may name (RFC 2822, section 4.3), and of those whose names mean no other and are no words.
const ZONES: [(&[u8], i64); 23] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"Z", 0),
    (b"UT", 0),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CST", -6),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
    (b"CET", 1),
    (b"CEST", 2),
    (b"EET", 2),
    (b"EEST", 3),
    (b"MSK", 3),
    (b"JST", 9),
    (b"KST", 9),
    (b"AEST", 10),
    (b"AEDT", 11),
    (b"NZST", 12),
    (b"NZDT", 13),
];

/// Bytes of a zone's name in brackets: `America/Argentina/ComodRivadavia` has 32, JavaScript's long names some more.
const ZONE_BYTES_MAX: usize = 64;

/// A day, of which loggers sometimes leave out the year.
#[derive(Clone, Copy)]
struct Day {
    year: Option<i64>,
    month: i64,
    day: i64,
}

/// A time of day.
#[derive(Clone, Copy)]
struct Clock {
    seconds: i64,
    nano: i64,
}

impl Day {
    /// The seconds since 1970 at which the day begins in UTC.
    fn begin(self, year: i64) -> Option<i64> {
        let valid = (1..=12).contains(&self.month) && (1..=days_in_month(year, self.month)).contains(&self.day);
        valid.then(|| days_from_civil(year, self.month, self.day) * SECONDS_PER_DAY)
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

fn to_nano(begin: i64, clock: Clock, offset_seconds: i64) -> Option<i64> {
    let seconds = begin + clock.seconds - offset_seconds;
    i64::try_from(i128::from(seconds) * NANO + i128::from(clock.nano)).ok()
}

/// What is left of the bytes from `at` on.
fn rest(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// The number of leading bytes that fit, at most `most`.
fn run(bytes: &[u8], most: usize, fits: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take(most).take_while(|byte| fits(byte)).count()
}

/// Reads one or two digits and says how many.
fn short_number(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    digits(bytes, at, 2).map(|number| (number, 2)).or_else(|| digits(bytes, at, 1).map(|number| (number, 1)))
}

/// Reads a time of day: `8:42`, `08:42:53`, with a fraction behind `.`, `,` or `:`, with `AM` or `PM`.
fn clock(bytes: &[u8], at: usize) -> Option<(Clock, usize)> {
    let (mut hour, width) = short_number(bytes, at)?;
    let mut at = at + width;
    if bytes.get(at) != Some(&b':') {
        return None;
    }
    let minute = digits(bytes, at + 1, 2)?;
    at += 3;
    let (mut second, mut nano) = (0, 0);
    if bytes.get(at) == Some(&b':') {
        second = digits(bytes, at + 1, 2)?;
        at += 3;
        (nano, at) = fraction(bytes, at);
    }
    // Java and JavaScript write a narrow no-break blank since CLDR 42.
    let blank = match rest(bytes, at) {
        [b' ', ..] => 1,
        [0xE2, 0x80, 0xAF, ..] => 3,
        [0xC2, 0xA0, ..] => 2,
        _ => 0,
    };
    if let [half @ (b'A' | b'a' | b'P' | b'p'), b'M' | b'm', behind @ ..] = rest(bytes, at + blank)
        && (1..=12).contains(&hour)
        && !behind.first().is_some_and(u8::is_ascii_alphanumeric)
    {
        hour = hour % 12 + if half.eq_ignore_ascii_case(&b'P') { 12 } else { 0 };
        at += blank + 2;
    }
    if hour >= 24 || minute >= 60 || second > 60 {
        return None;
    }
    // A leap second is told as the last second of its minute.
    Some((Clock { seconds: hour * 3600 + minute * 60 + second.min(59), nano }, at))
}

/// Reads a fraction of a second in nanoseconds: `.429`, `,429`; `:429` is a pattern of Log4j's that people write.
fn fraction(bytes: &[u8], at: usize) -> (i64, usize) {
    let count = match bytes.get(at) {
        Some(b'.' | b',') => run(rest(bytes, at + 1), usize::MAX, u8::is_ascii_digit),
        Some(b':') => Some(run(rest(bytes, at + 1), 4, u8::is_ascii_digit)).filter(|count| *count == 3).unwrap_or(0),
        _ => 0,
    };
    if count == 0 {
        return (0, at);
    }
    let mut scale = NANO as i64;
    let nano = rest(bytes, at + 1).iter().take(count.min(9)).fold(0, |nano, digit| {
        scale /= 10;
        nano + i64::from(digit - b'0') * scale
    });
    (nano, at + 1 + count)
}

/// Reads what tells the zone behind a time of day: the offset in seconds and where it ends. Nothing means UTC; `None`
/// is an offset that no place on earth has.
fn zone(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let start = at + usize::from(bytes.get(at) == Some(&b' '));
    let (mut offset, mut end) = (0, at);
    match bytes.get(start) {
        Some(b'Z' | b'z') if start == at => end = at + 1,
        Some(b'+' | b'-') => (offset, end) = numeric_zone(bytes, start)?.unwrap_or((0, at)),
        Some(b'A'..=b'Z') => {
            if let Some((hours, behind)) = zone_name(bytes, start) {
                (offset, end) = (hours * 3600, behind);
                if hours == 0 && matches!(bytes.get(behind), Some(b'+' | b'-')) {
                    (offset, end) = numeric_zone(bytes, behind)?.unwrap_or((0, behind));
                }
            }
        }
        _ => {}
    }
    if end == at {
        return Some((offset, end));
    }
    // Go prints the zone's name behind its offset, and the reading of its monotonic clock.
    if let [b' ', b'A'..=b'Z', ..] = rest(bytes, end)
        && let Some((_, behind)) = zone_name(bytes, end + 1)
    {
        end = behind;
    }
    if let [b' ', b'm', b'=', b'+' | b'-', ..] = rest(bytes, end) {
        let digits = run(rest(bytes, end + 4), ZONE_BYTES_MAX, |byte| byte.is_ascii_digit() || *byte == b'.');
        end += 4 + digits;
    }
    // Java prints a zone's name behind the offset, JavaScript a longer one.
    let close = match rest(bytes, end) {
        [b'[', ..] => Some((1, b']')),
        [b' ', b'(', ..] => Some((2, b')')),
        _ => None,
    };
    if let Some((open, close)) = close {
        let inside = rest(bytes, end + open);
        let length = run(inside, ZONE_BYTES_MAX, |byte| *byte != close && (byte.is_ascii_graphic() || *byte == b' '));
        let name = inside.get(..length).unwrap_or_default();
        let is_name = match close {
            b']' => name.contains(&b'/') || ZONES.iter().any(|(zone, _)| *zone == name),
            _ => name.ends_with(b" Time") || ZONES.iter().any(|(zone, _)| *zone == name),
        };
        if is_name && inside.get(length) == Some(&close) {
            end += open + length + 1;
        }
    }
    Some((offset, end))
}

/// Reads `+hh:mm`, `+hhmm` or `+hh`. `Some(None)` is no offset at all, `None` one that cannot be.
fn numeric_zone(bytes: &[u8], at: usize) -> Option<Option<(i64, usize)>> {
    let Some(hours) = digits(bytes, at + 1, 2) else { return Some(None) };
    let colon = usize::from(bytes.get(at + 3) == Some(&b':'));
    let minutes = digits(bytes, at + 3 + colon, 2);
    if hours > 18 || minutes > Some(59) {
        return None;
    }
    let seconds = hours * 3600 + minutes.unwrap_or(0) * 60;
    let offset = if bytes.get(at) == Some(&b'-') { -seconds } else { seconds };
    Some(Some((offset, at + 3 + minutes.map_or(0, |_| 2 + colon))))
}

/// Reads a zone's name as a whole word: its hours and where it ends.
fn zone_name(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let length = run(rest(bytes, at), 5, u8::is_ascii_alphanumeric);
    let name = bytes.get(at..at + length).filter(|name| name.len() <= 4)?;
    ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, hours)| (*hours, at + length))
}

/// Reads an ISO 8601 date and time at the start of `text`: `T`, `t`, a blank or a comma and a blank between, `.` or `,`
/// before the fraction, `Z`, `+hh:mm`, `+hhmm`, `+hh`, `UTC` (a blank before them allowed) or nothing behind. Returns
/// the time and the bytes that it took.
pub(crate) fn parse_iso_prefix(text: &str) -> Option<(i64, usize)> {
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    if let Some(found) = whole_seconds(bytes) {
        return Some(found);
    }
    let (year, month, day) = (digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?);
    let at = match rest(bytes, 10) {
        // MariaDB pads the hour with a blank.
        [b' ' | b',', b' ', ..] => 12,
        [b'T' | b't' | b' ', ..] => 11,
        _ => return None,
    };
    at_clock(bytes, Day { year: Some(year), month, day }, at)
}

/// The spelling that nearly all times have, `2026-11-21T08:42:53.429Z` with or without fraction and `Z`, at once: this
/// stands in every line. What else may stand behind the seconds is [`parse_iso_prefix`]'s to read.
fn whole_seconds(bytes: &[u8]) -> Option<(i64, usize)> {
    let chunk = bytes.first_chunk::<19>()?;
    let mut is_number = true;
    let mut two = |at: usize| {
        let (tens, ones) = (chunk[at].wrapping_sub(b'0'), chunk[at + 1].wrapping_sub(b'0'));
        is_number &= tens <= 9 && ones <= 9;
        i64::from(tens) * 10 + i64::from(ones)
    };
    let year = two(0) * 100 + two(2);
    let (month, day, hour, minute, second) = (two(5), two(8), two(11), two(14), two(17));
    let is_layout = matches!(chunk[10], b'T' | b' ') && chunk[13] == b':' && chunk[16] == b':';
    if !is_number || !is_layout || hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let mut offset_seconds = 0;
    let (nano, mut at) = match bytes.get(19) {
        Some(b'.' | b',') => fraction(bytes, 19),
        _ => (0, 19),
    };
    match rest(bytes, at) {
        [] | [b'\t', ..] => {}
        [b'Z'] | [b'Z', b'\t' | b'"', ..] => at += 1,
        // Python's and Powertools' `+0000`, at the end.
        [b'+' | b'-', _, _, _, _] => {
            let (offset, end) = numeric_zone(bytes, at)?.filter(|(_, end)| *end == bytes.len())?;
            (offset_seconds, at) = (offset, end);
        }
        _ => return None,
    }
    let clock = Clock { seconds: hour * 3600 + minute * 60 + second, nano };
    Some((to_nano(Day { year: None, month, day }.begin(year)?, clock, offset_seconds)?, at))
}

/// Reads time of day and zone behind a day.
fn at_clock(bytes: &[u8], day: Day, at: usize) -> Option<(i64, usize)> {
    let (clock, at) = clock(bytes, at)?;
    let (offset, end) = zone(bytes, at)?;
    Some((to_nano(day.begin(day.year?)?, clock, offset)?, end))
}

/// Reads a date and time at the start of `text` in any spelling that says the year. Returns the time and the bytes that
/// it took.
pub(crate) fn parse_prefix(text: &str) -> Option<(i64, usize)> {
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'0'..=b'9' => match bytes.get(4) {
            Some(b'-') => parse_iso_prefix(text),
            _ => digits_first(bytes),
        },
        b'A'..=b'Z' => month_by_name(bytes, 0),
        b'/' => milliseconds_of_dotnet(text),
        _ => None,
    }
}

/// `2026/11/21 08:42:53`, `20261121T084253Z`, `21/Nov/2026:08:42:53`, `21 Nov 2026 08:42:53`, `11/21/2026, 8:42:53 AM`,
/// `21.11.2026 08:42:53`.
fn digits_first(bytes: &[u8]) -> Option<(i64, usize)> {
    let count = run(bytes, 9, u8::is_ascii_digit);
    let separator = *bytes.get(count)?;
    match (count, separator) {
        (4, b'/' | b'.') if bytes.get(7) == Some(&separator) => {
            let day = Day { year: digits(bytes, 0, 4), month: digits(bytes, 5, 2)?, day: digits(bytes, 8, 2)? };
            at_clock(bytes, day, behind_day(bytes, 10)?)
        }
        (8, b'T' | b't' | b' ' | b'-') => {
            let day = Day { year: digits(bytes, 0, 4), month: digits(bytes, 4, 2)?, day: digits(bytes, 6, 2)? };
            let Some(compact) = digits(bytes, 9, 6) else { return at_clock(bytes, day, 9) };
            let (hour, minute, second) = (compact / 10_000, compact / 100 % 100, compact % 100);
            let (nano, at) = fraction(bytes, 15);
            let (offset, end) = zone(bytes, at)?;
            let valid = hour < 24 && minute < 60 && second <= 60;
            let clock = Clock { seconds: hour * 3600 + minute * 60 + second.min(59), nano };
            valid.then(|| Some((to_nano(day.begin(day.year?)?, clock, offset)?, end)))?
        }
        (1 | 2, b'/' | b'.') if bytes.get(count + 1)?.is_ascii_digit() => {
            let (first, (second, width)) = (digits(bytes, 0, count)?, short_number(bytes, count + 1)?);
            let at = count + 1 + width;
            if bytes.get(at) != Some(&separator) {
                return None;
            }
            let Some(year) = digits(bytes, at + 1, 4) else {
                let last = digits(bytes, at + 1, 2)?;
                let day = short_day(first, second, last)?;
                return at_clock(bytes, day, behind_day(bytes, at + 3)?);
            };
            // Americans write the month first, everybody else the day; the point is never American.
            let (month, day) = if separator == b'/' && first <= 12 { (first, second) } else { (second, first) };
            let day = Day { year: Some(year), month, day };
            at_clock(bytes, day, behind_day(bytes, at + 5)?)
        }
        // MySQL before 5.7.
        (6, b' ') => {
            let day =
                Day { year: Some(2000 + digits(bytes, 0, 2)?), month: digits(bytes, 2, 2)?, day: digits(bytes, 4, 2)? };
            at_clock(bytes, day, behind_day(bytes, 6)?)
        }
        (1 | 2, b'/' | b'-' | b' ') => month_by_name(bytes, 0),
        _ => None,
    }
}

/// A day of three numbers of two digits. Spark writes the year first, Americans last behind month and day, everybody
/// else behind day and month; where two fit, the first of these counts. No log is from before 2024.
fn short_day(first: i64, second: i64, last: i64) -> Option<Day> {
    const YEAR_MIN: i64 = 24;
    let (year, month, day) = match () {
        () if first >= YEAR_MIN && second <= 12 => (first, second, last),
        () if last >= YEAR_MIN && first <= 12 => (last, first, second),
        () if last >= YEAR_MIN && second <= 12 => (last, second, first),
        () => return None,
    };
    Some(Day { year: Some(2000 + year), month, day })
}

/// Skips what stands between a day and its time: `T`, `:`, blanks, a comma, Kibana's `@`.
fn behind_day(bytes: &[u8], at: usize) -> Option<usize> {
    let count = run(rest(bytes, at), 4, |byte| matches!(byte, b' ' | b',' | b':' | b'T' | b'@' | b'-'));
    (count > 0).then_some(at + count)
}

/// Reads a name, short or long: which of `names` it is and where it ends.
fn calendar_name(bytes: &[u8], at: usize, names: &[&str]) -> Option<(i64, usize)> {
    let length = run(rest(bytes, at), 10, u8::is_ascii_alphabetic);
    let name = bytes.get(at..at + length).filter(|name| name.len() >= 3)?;
    let is = |known: &&str| known.as_bytes().get(..length).is_some_and(|start| start.eq_ignore_ascii_case(name));
    Some((names.iter().position(is)? as i64, at + length))
}

/// Whether a text begins as a day or month by name does: a cheap look before the dear one.
pub(crate) fn may_be_named(bytes: &[u8]) -> bool {
    const NAMES: [&[u8; 3]; 19] = [
        b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul",
        b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
    ];
    bytes.first_chunk::<3>().is_some_and(|name| NAMES.contains(&name))
}

fn month_name(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    calendar_name(bytes, at, &MONTHS).map(|(place, end)| (place + 1, end))
}

/// `Sat, 21 Nov 2026 08:42:53 GMT` (RFC 1123), `Saturday, 21-Nov-26 08:42:53 GMT` (RFC 850), `Sat Nov 21 08:42:53 2026`
/// (C's asctime), `Sat Nov 21 2026 08:42:53 GMT+0000 (Coordinated Universal Time)` (JavaScript), `Nov 21, 2026 8:42:53
/// AM` (Java), `21/Nov/2026:08:42:53 +0000` (web servers).
fn month_by_name(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (day, clock, mut at) = named_day(bytes, at)?;
    let mut offset = 0;
    let year = match day.year {
        Some(year) => {
            (offset, at) = zone(bytes, at)?;
            year
        }
        // The year stands last, perhaps behind a zone's name.
        None => {
            let start = at + usize::from(bytes.get(at) == Some(&b' '));
            if let Some((hours, behind)) = zone_name(bytes, start) {
                (offset, at) = (hours * 3600, behind);
            }
            if bytes.get(at) != Some(&b' ') || bytes.get(at + 5).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            at += 5;
            digits(bytes, at - 4, 4)?
        }
    };
    Some((to_nano(day.begin(year)?, clock, offset)?, at))
}

/// Reads a day with its month by name and its time, up to the zone or the year behind them.
fn named_day(bytes: &[u8], mut at: usize) -> Option<(Day, Clock, usize)> {
    let skip = |at: usize| at + run(rest(bytes, at), 4, |byte| matches!(byte, b' ' | b',' | b'-' | b'/' | b'.'));
    if let Some((_, end)) = calendar_name(bytes, at, &WEEKDAYS) {
        at = skip(end);
    }
    let (month, day);
    if let Some((number, width)) = short_number(bytes, at) {
        day = number;
        (month, at) = month_name(bytes, skip(at + width))?;
    } else {
        (month, at) = month_name(bytes, at)?;
        at = skip(at);
        let (number, width) = short_number(bytes, at)?;
        day = number;
        at += width;
    }
    let start = skip(at);
    let year = match run(rest(bytes, start), 5, u8::is_ascii_digit) {
        // `8:42` has one or two digits as well.
        2 if bytes.get(start + 2) != Some(&b':') => digits(bytes, start, 2).map(|year| 2000 + year),
        4 => digits(bytes, start, 4),
        _ => None,
    };
    at = match year {
        Some(_) => behind_day(bytes, start + if digits(bytes, start, 4).is_some() { 4 } else { 2 })?,
        None => start,
    };
    let (clock, at) = clock(bytes, at)?;
    Some((Day { year, month, day }, clock, at))
}

/// `/Date(1795250573429)/` and `/Date(1795250573429+0000)/`, as .NET's older serialisers write milliseconds; the offset
/// says only where the clock was.
fn milliseconds_of_dotnet(text: &str) -> Option<(i64, usize)> {
    let inside = text.strip_prefix("/Date(")?;
    let end = inside.bytes().take(32).position(|byte| byte == b')')?;
    let number = inside.get(..end)?;
    let number = number.find(['+', '-']).filter(|at| *at > 0).and_then(|at| number.get(..at)).unwrap_or(number);
    let time = number.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    inside.get(end..)?.starts_with(")/").then_some((time, "/Date()/".len() + end))
}

/// A time that lacks its year or its day.
enum Partial {
    Year(Day, Clock),
    Day(Clock),
}

/// Reads a time that lacks its year or its day at the start, and where it ends.
fn partial(bytes: &[u8]) -> Option<(Partial, usize)> {
    match bytes.first()? {
        b'0'..=b'9' => {
            if let Some((clock, end)) = clock(bytes, 0) {
                // `12:30` may be anything, `8:42AM` and `08:42:53` are times.
                const CLOCK_BYTES_MIN: usize = 6;
                if end < CLOCK_BYTES_MIN {
                    return None;
                }
                return Some((Partial::Day(clock), end + usize::from(bytes.get(end) == Some(&b'Z'))));
            }
            let dash = usize::from(bytes.get(2) == Some(&b'-'));
            let day = Day { year: None, month: digits(bytes, 0, 2)?, day: digits(bytes, 2 + dash, 2)? };
            if bytes.get(4 + dash) != Some(&b' ') {
                return None;
            }
            let (clock, end) = clock(bytes, 5 + dash)?;
            Some((Partial::Year(day, clock), end))
        }
        b'A'..=b'Z' => {
            let (day, clock, end) = named_day(bytes, 0).filter(|(day, ..)| day.year.is_none())?;
            Some((Partial::Year(day, clock), end))
        }
        _ => None,
    }
}

/// The bytes of a time that lacks its year or its day, at the start of `text`: what [`parse_near`] reads.
pub(crate) fn near_length(text: &str) -> Option<usize> {
    partial(text.as_bytes()).map(|(_, end)| end)
}

/// Reads a time that lacks its year (`Nov 21 08:42:53` of syslog, `1121 08:42:53.429000` of klog, `11-21 08:42:53.429`
/// of Android) or its day (`08:42:53.429`), and takes the one nearest to `reference_unix_nano`. It takes the whole text.
pub(crate) fn parse_near(text: &str, reference_unix_nano: i64) -> Option<i64> {
    let bytes = text.as_bytes();
    let reference_seconds = reference_unix_nano.div_euclid(NANO as i64);
    let reference_day = reference_seconds.div_euclid(SECONDS_PER_DAY);
    let nearest = |begins: [Option<i64>; 3], clock| {
        begins
            .into_iter()
            .filter_map(|begin| to_nano(begin?, clock, 0))
            .min_by_key(|time| time.abs_diff(reference_unix_nano))
    };
    match partial(bytes).filter(|(_, end)| *end == bytes.len())?.0 {
        Partial::Day(clock) => nearest([-1, 0, 1].map(|days| Some((reference_day + days) * SECONDS_PER_DAY)), clock),
        Partial::Year(day, clock) => {
            // Days of a year on average, as 400 years have them.
            let year = 1970 + (reference_day * 400).div_euclid(146_097);
            nearest([-1, 0, 1].map(|years| day.begin(year + years)), clock)
        }
    }
}

/// Reads a whole text as a date and time in any spelling, or as a number.
pub(crate) fn parse_text(text: &str) -> Option<i64> {
    let text = text.trim();
    match parse_prefix(text) {
        Some((time, end)) if end == text.len() => Some(time),
        // Java prints a zone's name behind the offset.
        Some((time, end)) if text[end..].starts_with('[') && text.ends_with(']') => Some(time),
        _ => parse_number(text),
    }
}

/// Reads a number of seconds, milliseconds, microseconds or nanoseconds, told apart by size: seconds up to the year
/// 5138, milliseconds from 1973, and so on. Fractions are kept to the nanosecond.
pub(crate) fn parse_number(text: &str) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 19
        || !all_digits(whole)
        || !all_digits(fraction)
        || !(0..=18).contains(&exponent)
    {
        return None;
    }
    // zap's and Python's floats may be printed with an exponent: move the point.
    let move_by = exponent as usize;
    let moved = if move_by == 0 { String::new() } else { format!("{whole}{fraction:0<move_by$}") };
    let (whole, fraction) = if move_by == 0 { (whole, fraction) } else { moved.split_at(whole.len() + move_by) };
    let whole: i128 = match whole.parse::<u64>() {
        Ok(whole) => whole.into(),
        Err(_) => whole.parse().ok()?,
    };
    let unit: i128 = match whole {
        0..100_000_000_000 => NANO,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    let mut nano = whole * unit;
    let mut scale = unit;
    for digit in fraction.bytes().take(9) {
        scale /= 10;
        nano += i128::from(digit - b'0') * scale;
    }
    i64::try_from(nano).ok()
}

/// Reads a decimal number of milliseconds as nanoseconds: `212.40` is 212,400,000.
pub(crate) fn parse_milliseconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        // An exponent or a sign: rare enough for the general way.
        let value = text.parse::<f64>().ok()?;
        return (value.is_finite() && value.abs() < 9e12).then_some((value * 1e6).round() as i64);
    }
    let mut nano = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    let mut scale = 1_000_000;
    for digit in fraction.bytes().take(6) {
        scale /= 10;
        nano = nano.checked_add(i64::from(digit - b'0') * scale)?;
    }
    Some(nano)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_moment() {
        let expected = 1_795_250_573_429_000_000;
        for text in [
            "2026-11-21T08:42:53.429Z",
            "2026-11-21 08:42:53,429+0000",
            "2026-11-21T08:42:53.429000",
            "2026-11-21 08:42:53,429",
            "2026-11-21T09:42:53.429+01:00",
            "2026-11-21T03:12:53.429-0530",
            "2026-11-21T10:42:53.429 +02",
            "2026-11-21t08:42:53.429z",
            "2026-11-21T08:42:53.429Z[UTC]",
            "2026-11-21T09:42:53.429+01:00[Europe/Paris]",
            "2026-11-21 08:42:53.429 UTC",
            "2026-11-21 08:42:53.429UTC",
            "2026-11-21 09:42:53.429 CET",
            "2026-11-21 21:42:53.429 NZDT",
            "2026-11-21, 08:42:53.429 UTC",
            "2026-11-21 03:42:53.429 EST",
            "2026-11-21 08:42:53:429",
            "2026-11-21 08:42:53.429 +0000 UTC",
            "2026-11-21 08:42:53.429 +0000 UTC m=+0.100000001",
            "2026-11-21 8:42:53.429 AM",
            "20261121T084253.429Z",
            "20261121T084253,429+0000",
            "20261121 08:42:53.429",
            "2026/11/21 08:42:53.429",
            "2026/11/21 09:42:53.429 +0100",
            "2026.11.21 08:42:53.429",
            "21.11.2026 08:42:53.429",
            "11/21/2026, 8:42:53.429 AM",
            "21/11/2026 08:42:53.429",
            "21 Nov 2026 08:42:53.429",
            "26/11/21 08:42:53.429",
            "11/21/26, 8:42:53.429 AM",
            "21/11/26 08:42:53.429",
            "261121 08:42:53.429",
            "261121  8:42:53.429",
            "21-Nov-2026 08:42:53.429",
            "Nov 21, 2026 @ 08:42:53.429",
            "Sat Nov 21 08:42:53.429 2026",
            "/Date(1795250573429)/",
            "/Date(1795250573429+0100)/",
            "1795250573.429",
            "1795250573429",
            "1795250573429000",
            "1795250573429000000",
            "1.795250573429e9",
            " 1795250573429 ",
        ] {
            assert_eq!(parse_text(text), Some(expected), "{text}");
        }
        for text in [
            "21/Nov/2026:08:42:53 +0000",
            "21/Nov/2026 08:42:53",
            "Sat, 21 Nov 2026 08:42:53 GMT",
            "Sat, 21 Nov 2026 09:42:53 +0100",
            "21 Nov 2026 08:42:53 GMT",
            "Sat, 21 Nov 2026 03:42:53 EST",
            "Saturday, 21-Nov-26 08:42:53 GMT",
            "Sat Nov 21 08:42:53 2026",
            "Sat Nov 21 08:42:53 UTC 2026",
            "Sat Nov 21 2026 08:42:53 GMT+0000 (Coordinated Universal Time)",
            "Sat Nov 21 2026 09:42:53 GMT+0100 (Central European Standard Time)",
            "Nov 21, 2026 8:42:53 AM",
            "Nov 21, 2026, 8:42:53\u{202f}AM",
            "November 21, 2026 8:42:53 AM UTC",
            "11/21/2026, 8:42:53 AM",
            "11/21/2026, 8:42:53\u{202f}AM",
        ] {
            assert_eq!(parse_text(text), Some(1_795_250_573_000_000_000), "{text}");
        }
        assert_eq!(parse_text("11/21/2026, 12:42:53 PM"), parse_text("2026-11-21T12:42:53Z"));
        assert_eq!(parse_text("11/21/2026, 12:42:53 AM"), parse_text("2026-11-21T00:42:53Z"));
        assert_eq!(parse_text("11/1/2026, 8:42:53 PM"), parse_text("2026-11-01T20:42:53Z"));
        assert_eq!(parse_text("Nov  1 08:42:53 2026"), parse_text("2026-11-01T08:42:53Z"));
        assert_eq!(parse_text("2026-11-21T08:42Z"), Some(1_795_250_520_000_000_000));
        assert_eq!(parse_text("1969-12-31T23:59:59Z"), Some(-1_000_000_000));
        assert_eq!(parse_text("2000-02-29T00:00:00Z"), Some(951_782_400_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-21",
            "2026-11-21T25:00:00Z",
            "1e400",
            "-5",
            "99999999999999999999",
            "9999-01-01T00:00:00Z",
            "2026-11-21T08:42:53 and more",
            "é2/Nov/2026:08:42:53",
            "2026-11-21T08:42:53+9",
            "2026-11-21T08:42:53 UTCX",
            "2026-11-21T08:42:53 IST",
            "2026-W47-6T08:42:53Z",
            "Nov 21 08:42:53",
            "Nov 31, 2026 8:42:53 AM",
            "Nov 21, 2026 13:42:53 AM",
            "Nov 21, 2026 0:42:53 AM",
            "Sat",
            "Sat ",
            "Sunshine, 21 Nov 2026 08:42:53 GMT",
            "Nov",
            "Nov 21, 2026",
            "13/13/2026 08:42:53",
            "13/13/13 08:42:53",
            "1/2/3 08:42:53",
            "991399 08:42:53",
            "123456 apples",
            "/Date(",
            "/Date()/",
            "/Date(1795250573429)",
            "/Date(99999999999999999999)/",
            "20261121T",
            "20261121T2599",
            "21/Nov/2026:08:42:53 +9900",
            "2026\u{2019}11\u{2019}21",
            "21 Nov\u{e9} 2026 08:42:53",
        ] {
            assert_eq!(parse_text(text), None, "{text}");
        }
    }

    #[test]
    fn where_a_time_ends() {
        for (text, behind) in [
            ("2026-11-21T08:42:53.429Z\tERROR", "\tERROR"),
            ("2026-11-21 08:42:53 ERROR boom", " ERROR boom"),
            ("2026-11-21 08:42:53 UTC:10.0.1.5(49152)", ":10.0.1.5(49152)"),
            ("2026-11-21 08:42:53.429[ERROR] boom", "[ERROR] boom"),
            ("2026-11-21T08:42:53Z[main] boom", "[main] boom"),
            ("2026-11-21 08:42:53 - payments", " - payments"),
            ("2026-11-21 08:42:53+00:00 é", " é"),
            ("2026/11/21 08:42:53 [error] 8#8: *1", " [error] 8#8: *1"),
            ("2026/11/21 08:42:53 main.go:23: boom", " main.go:23: boom"),
            ("Nov 21, 2026 8:42:53 AM com.acme.Pay charge", " com.acme.Pay charge"),
            ("Sat Nov 21 08:42:53.429 2026] x", "] x"),
            ("20261121T084253Zé", "é"),
        ] {
            let end = parse_prefix(text).map(|(_, end)| &text[end..]);
            assert_eq!(end, Some(behind), "{text}");
        }
    }

    #[test]
    fn a_time_without_its_year_or_day_is_the_nearest() {
        let at = |text: &str| parse_text(text).unwrap();
        for (text, reference, expected) in [
            ("Nov 21 08:42:53", "2026-11-21T08:42:54Z", Some("2026-11-21T08:42:53Z")),
            ("Nov  1 08:42:53", "2026-11-21T08:42:54Z", Some("2026-11-01T08:42:53Z")),
            ("Dec 31 23:59:59", "2027-01-01T00:00:01Z", Some("2026-12-31T23:59:59Z")),
            ("Jan  1 00:00:01", "2026-12-31T23:59:59Z", Some("2027-01-01T00:00:01Z")),
            ("Feb 29 08:00:00", "2028-03-01T00:00:00Z", Some("2028-02-29T08:00:00Z")),
            ("Feb 29 08:00:00", "2026-03-01T00:00:00Z", None),
            ("1121 08:42:53.429000", "2026-11-21T08:42:54Z", Some("2026-11-21T08:42:53.429Z")),
            ("11-21 08:42:53.429", "2026-11-21T08:42:54Z", Some("2026-11-21T08:42:53.429Z")),
            ("08:42:53.429", "2026-11-21T08:42:54Z", Some("2026-11-21T08:42:53.429Z")),
            ("23:59:59,9", "2026-11-21T00:00:01Z", Some("2026-11-20T23:59:59.9Z")),
            ("8:42AM", "2026-11-21T08:42:54Z", Some("2026-11-21T08:42Z")),
            ("Nov 21, 2026 8:42:53 AM", "2026-11-21T08:42:54Z", None),
            ("08:42:53 and more", "2026-11-21T08:42:54Z", None),
            ("1399 08:42:53", "2026-11-21T08:42:54Z", None),
            ("é", "2026-11-21T08:42:54Z", None),
            ("", "2026-11-21T08:42:54Z", None),
        ] {
            assert_eq!(parse_near(text, at(reference)), expected.map(at), "{text} near {reference}");
        }
        for reference in [i64::MIN, i64::MAX] {
            for text in ["08:42:53", "Nov 21 08:42:53"] {
                let time = parse_near(text, reference).unwrap();
                assert!(time.abs_diff(reference) < 367 * 86_400 * 1_000_000_000, "{text} near {reference}: {time}");
            }
        }
    }

    #[test]
    fn milliseconds_are_exact() {
        assert_eq!(parse_milliseconds("212.40"), Some(212_400_000));
        assert_eq!(parse_milliseconds("3011.7"), Some(3_011_700_000));
        assert_eq!(parse_milliseconds("1502"), Some(1_502_000_000));
        assert_eq!(parse_milliseconds("1e3"), Some(1_000_000_000));
        assert_eq!(parse_milliseconds("x"), None);
    }
}
