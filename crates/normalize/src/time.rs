//! Timestamps as loggers write them, to nanoseconds since 1970 UTC: ISO 8601 in its usual spellings, and numbers of
//! seconds, milliseconds, microseconds or nanoseconds.
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

/// Reads an ISO 8601 date and time at the start of `text`: `T`, `t` or a space between, `.` or `,` before the
/// fraction, `Z`, `+hh:mm`, `+hhmm`, `+hh` (a space before them allowed) or nothing behind. Returns the time and the
/// bytes that it took.
pub(crate) fn parse_iso_prefix(text: &str) -> Option<(i64, usize)> {
    let bytes = text.as_bytes();
    let (year, month, day) = (digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?);
    if bytes[4] != b'-' || bytes[7] != b'-' || !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (hour, minute) = (digits(bytes, 11, 2)?, digits(bytes, 14, 2)?);
    if bytes[13] != b':' {
        return None;
    }
    let mut at = 16;
    let mut second = 0;
    let mut nano = 0;
    if bytes.get(at) == Some(&b':') {
        second = digits(bytes, at + 1, 2)?;
        at += 3;
        if let Some(b'.' | b',') = bytes.get(at)
            && let Some(first) = digits(bytes, at + 1, 1)
        {
            let mut scale = NANO as i64 / 10;
            nano = first * scale;
            at += 2;
            while let Some(digit) = digits(bytes, at, 1) {
                scale /= 10;
                nano += digit * scale;
                at += 1;
            }
        }
    }
    let mut offset_seconds = 0;
    let zone = at + usize::from(bytes.get(at) == Some(&b' ') && matches!(bytes.get(at + 1), Some(b'+' | b'-')));
    match bytes.get(zone) {
        Some(b'Z' | b'z') => at = zone + 1,
        Some(sign @ (b'+' | b'-')) => {
            if let Some(hours) = digits(bytes, zone + 1, 2) {
                let colon = usize::from(bytes.get(zone + 3) == Some(&b':'));
                let minutes = digits(bytes, zone + 3 + colon, 2);
                at = zone + 3 + minutes.map_or(0, |_| 2 + colon);
                let seconds = hours * 3600 + minutes.unwrap_or(0) * 60;
                if hours > 18 || minutes > Some(59) {
                    return None;
                }
                offset_seconds = if *sign == b'-' { -seconds } else { seconds };
            }
        }
        _ => {}
    }
    let valid = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    // A leap second is told as the last second of its minute.
    let seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset_seconds;
    let time = i128::from(seconds) * NANO + i128::from(nano);
    Some((i64::try_from(time).ok()?, at))
}

/// Reads a whole text as an ISO 8601 time, a number, or the form of Apache's access log (`21/Nov/2026:08:42:53 +0000`).
pub(crate) fn parse_text(text: &str) -> Option<i64> {
    let text = text.trim();
    match parse_iso_prefix(text) {
        Some((time, end)) if end == text.len() => Some(time),
        // Java prints a zone's name behind the offset.
        Some((time, end)) if text[end..].starts_with('[') && text.ends_with(']') => Some(time),
        _ => parse_number(text).or_else(|| parse_access_log(text)),
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

fn parse_access_log(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let month = match bytes.get(3..6)? {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    };
    if bytes.get(2) != Some(&b'/') || bytes.get(6) != Some(&b'/') || bytes.get(11) != Some(&b':') {
        return None;
    }
    let iso = format!("{}-{month:02}-{}T{}", text.get(7..11)?, text.get(0..2)?, text.get(12..)?);
    match parse_iso_prefix(&iso) {
        Some((time, end)) if end == iso.len() => Some(time),
        _ => None,
    }
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
            "1795250573.429",
            "1795250573429",
            "1795250573429000",
            "1795250573429000000",
            "1.795250573429e9",
            " 1795250573429 ",
        ] {
            assert_eq!(parse_text(text), Some(expected), "{text}");
        }
        assert_eq!(parse_text("21/Nov/2026:08:42:53 +0000"), Some(1_795_250_573_000_000_000));
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
        ] {
            assert_eq!(parse_text(text), None, "{text}");
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
