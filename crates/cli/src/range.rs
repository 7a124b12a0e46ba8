//! `--since`, `--until` and `--lateness`: what people type, as nanoseconds. It refuses to read the clock: now is passed in.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::failure::Failure;

/// A duration: a whole number and `ms`, `s`, `m`, `h`, `d` or `w`.
pub fn duration_nano(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_suffix("ms") {
        return digits.parse::<i64>().ok().filter(|number| *number >= 0)?.checked_mul(1_000_000);
    }
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let number = digits.parse::<i64>().ok().filter(|number| *number >= 0)?;
    number.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

fn time_nano(text: &str, now: Timestamp) -> Option<i64> {
    if text == "now" {
        return nanos(now);
    }
    if let Some(ago) = duration_nano(text) {
        return nanos(now)?.checked_sub(ago);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return nanos(time);
    }
    let day = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-21".len())?;
    nanos(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn nanos(time: Timestamp) -> Option<i64> {
    i64::try_from(time.as_nanosecond()).ok()
}

/// The time that `text` of the option `name` means, in nanoseconds since 1970.
pub fn parse_time(name: &str, text: &str, now: Timestamp) -> Result<i64, Failure> {
    time_nano(text, now).ok_or_else(|| {
        Failure::usage(
            format!("{name} {text}: not a time"),
            "write 90s, 15m, 2h or 7d for so long ago, an RFC 3339 time such as 2026-11-21T08:42:53Z, a date such as 2026-11-21, or now",
        )
    })
}

/// A number of bytes: a whole number, and perhaps `B`, `kB`, `MB`, `GB` or `TB`, or with an `i` for powers of two.
pub fn parse_bytes(name: &str, text: &str) -> Result<u64, Failure> {
    const UNITS: [(&str, u64); 10] = [
        ("", 1),
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
    ];
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = UNITS.iter().find(|(name, _)| unit.trim().eq_ignore_ascii_case(name));
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(number, (_, unit))| number.checked_mul(*unit));
    bytes.ok_or_else(|| {
        Failure::usage(format!("{name} {text}: not a number of bytes"), "write for example 500MB, 20GB or 2GiB")
    })
}

/// A rate between 0 and 1, as a number or in percent: `0.001`, `.1%`.
pub fn parse_rate(name: &str, text: &str) -> Result<f64, Failure> {
    let (digits, unit) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |digits| (digits.trim(), 100.0));
    let rate = digits.parse::<f64>().ok().map(|number| number / unit).filter(|rate| *rate > 0.0 && *rate < 1.0);
    rate.ok_or_else(|| {
        Failure::usage(
            format!("{name} {text}: not a rate"),
            "write a number above 0 and below 1 such as 0.001, or a percentage such as .1%",
        )
    })
}

/// The duration that `text` of the option `name` means, in nanoseconds.
pub fn parse_duration(name: &str, text: &str) -> Result<i64, Failure> {
    duration_nano(text).ok_or_else(|| {
        Failure::usage(
            format!("{name} {text}: not a duration"),
            "write a whole number and s, m, h, d or w, such as 24h",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let expected = expected.map(|time| nanos(time.parse().unwrap()).unwrap());
        assert_eq!(time_nano(text, now), expected, "{text}");
    }

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in
            [("7", 7), ("5kB", 5_000), ("2 GiB", 2 << 30), ("20GB", 20_000_000_000), ("3tb", 3_000_000_000_000)]
        {
            assert_eq!(parse_bytes("--max-bytes", text).ok(), Some(bytes), "{text}");
        }
        for wrong in ["", "GB", "1.5GB", "-1", "9PB", "99999999999TB"] {
            assert!(parse_bytes("--max-bytes", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_are_numbers_or_percentages() {
        for (text, rate) in [("0.001", 0.001), (".1%", 0.001), (" 50 % ", 0.5)] {
            assert_eq!(parse_rate("--slo", text).ok(), Some(rate), "{text}");
        }
        for wrong in ["", "%", "0", "1", "100%", "-1%", "nan", "1,5%"] {
            assert!(parse_rate("--slo", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_relative_absolute_or_now() {
        check("now", Some("2026-11-21T12:00:00Z"));
        check("90s", Some("2026-11-21T11:58:30Z"));
        check("2h", Some("2026-11-21T10:00:00Z"));
        check("7d", Some("2026-11-14T12:00:00Z"));
        check("2026-11-21T08:42:53Z", Some("2026-11-21T08:42:53Z"));
        check("2026-11-21T09:42:53.5+01:00", Some("2026-11-21T08:42:53.5Z"));
        check("2026-11-21", Some("2026-11-21T00:00:00Z"));
        check("1500ms", Some("2026-11-21T11:59:58.5Z"));
        for wrong in ["", "ms", "-1ms", "yesterday", "-2h", "2", "2y", "é", "h", "9223372036854775807d", "2026-13-01"]
        {
            check(wrong, None);
        }
    }
}
