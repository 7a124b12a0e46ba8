//! Times, ranges and durations: what people type, as nanoseconds. It refuses to read the clock and the zone: both are passed in.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

use crate::clock::unix_nano as nanos;
use crate::failure::Failure;

/// Where somebody is who says when: the time that it is, and the zone that a time is of which names none.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now: Timestamp,
    pub zone: TimeZone,
}

/// A time as somebody wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub unix_nano: i64,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// The same everywhere.
    Instant,
    /// A time of a zone: the beginning of a day, the latest of a time of day, or both named.
    OfZone(Zoned, Local, Zone, Shift),
}

/// Whether clocks were set at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shift {
    None,
    /// They were set forward over it, and it is as much later.
    Skipped(DateTime),
    /// They were set back to it, and it is the first of two.
    Twice,
}

/// No zone was ever further from UTC than 15 h 14 min (tz database, America/Metlakatla until 1867).
const OFFSET_SECONDS_MAX: i32 = 16 * 3_600;

/// Which zone a time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// It names one.
    Stated,
    /// The clock's.
    Ours,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Local {
    Day,
    TimeOfDay,
    DayAndTime,
}

/// From when to when. An end that is absent is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub since_unix_nano: Option<i64>,
    pub until_unix_nano: Option<i64>,
    /// How ends that name no zone were understood.
    pub notes: Vec<String>,
}

/// Units of durations, in nanoseconds. What two of them share in letters is told apart by its whole word.
const UNITS: [(i64, &[&str]); 6] = [
    (1_000_000, &["ms", "msec", "msecs", "millisecond", "milliseconds"]),
    (1_000_000_000, &["s", "sec", "secs", "second", "seconds"]),
    (60 * 1_000_000_000, &["m", "min", "mins", "minute", "minutes"]),
    (3_600 * 1_000_000_000, &["h", "hr", "hrs", "hour", "hours"]),
    (86_400 * 1_000_000_000, &["d", "day", "days"]),
    (7 * 86_400 * 1_000_000_000, &["w", "wk", "wks", "week", "weeks"]),
];

/// A duration: whole numbers, each with its unit, such as `90s`, `15min`, `1h30m` or `2 hours`.
pub fn duration_nano(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let mut rest = text.as_str();
    let mut sum: i64 = 0;
    loop {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let (nano, _) = UNITS.iter().find(|(_, names)| names.contains(&unit))?;
        sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(*nano)?)?;
        rest = behind.trim_start();
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by how many digits a time from 2001 to 2286 has: what
/// has others is a day and a time without their marks rather than one of these.
fn epoch_nano(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) || text.ends_with('.') {
        return None;
    }
    let unit = match whole.len() {
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return None,
    };
    // Beyond a nanosecond nothing is told.
    let fraction = format!("{:0<9.9}", fraction).parse::<i64>().ok()? / (1_000_000_000 / unit);
    whole.parse::<i64>().ok()?.checked_mul(unit)?.checked_add(fraction)
}

/// Whether ten digits are a day and an hour: `2026112108`.
fn is_day_and_hour(digits: &str) -> bool {
    let number = |at: std::ops::Range<usize>| digits.get(at).and_then(|part| part.parse::<i16>().ok());
    let small = |at| number(at).and_then(|number| i8::try_from(number).ok());
    let day = || Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok();
    day().is_some() && small(8..10).is_some_and(|hour| (0..24).contains(&hour))
}

/// The instant at which clocks of a zone show this time; where they skip it the one that they show so much later, and of two the
/// first, as RFC 5545 has it.
fn in_zone(time: DateTime, zone: &TimeZone) -> Option<(Zoned, Shift)> {
    let found = zone.to_ambiguous_zoned(time);
    let shift = match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => Shift::None,
        AmbiguousOffset::Gap { .. } => Shift::Skipped(time),
        AmbiguousOffset::Fold { .. } => Shift::Twice,
    };
    Some((found.compatible().ok()?, shift))
}

fn moment(time: Zoned, kind: Local, zone: Zone, shift: Shift) -> Option<Moment> {
    Some(Moment { unix_nano: nanos(time.timestamp())?, kind: Kind::OfZone(time, kind, zone, shift) })
}

impl Clock {
    fn moment(&self, text: &str) -> Option<Moment> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let instant = |unix_nano| Some(Moment { unix_nano, kind: Kind::Instant });
        if lower == "now" {
            return instant(nanos(self.now)?);
        }
        if let Some(ago) = duration_nano(lower.strip_suffix("ago").unwrap_or(&lower)) {
            return instant(nanos(self.now)?.checked_sub(ago)?);
        }
        if let Some(time) = epoch_nano(text) {
            // `2026112108` is in 2034, and nobody has logs from there.
            let is_day_and_hour = text.len() == "2026112108".len() && is_day_and_hour(text);
            return if is_day_and_hour && time > nanos(self.now)? { None } else { instant(time) };
        }
        let offset = Pieces::parse(text).ok().and_then(|pieces| pieces.to_numeric_offset());
        if offset.is_some_and(|offset| offset.seconds().abs() > OFFSET_SECONDS_MAX) {
            return None;
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return instant(nanos(time)?);
        }
        if let Ok(time) = text.parse::<Zoned>() {
            // An offset beside the zone says which of two it is.
            let written = text.parse::<DateTime>().ok().filter(|_| offset.is_none());
            let shift =
                written.and_then(|written| in_zone(written, time.time_zone())).map_or(Shift::None, |found| found.1);
            return moment(time, Local::DayAndTime, Zone::Stated, shift);
        }
        if let Some(bare) = lower.strip_suffix("utc").or(lower.strip_suffix("gmt")) {
            let (time, kind, shift) = Clock { now: self.now, zone: TimeZone::UTC }.local(bare.trim_end())?;
            return moment(time, kind, Zone::Stated, shift);
        }
        let (time, kind, shift) = self.local(&lower)?;
        moment(time, kind, Zone::Ours, shift)
    }

    /// What names no zone is of the clock's: a day, a time of day, or both.
    fn local(&self, text: &str) -> Option<(Zoned, Local, Shift)> {
        let today = self.now.to_zoned(self.zone.clone()).date();
        let day = |text: &str| match text {
            "today" => Some(today),
            "yesterday" => today.yesterday().ok(),
            _ => text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-21".len()),
        };
        // jiff would take a number for an hour, and the time out of a whole date.
        let is_clock =
            |text: &str| text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
        let time = |text: &str| text.parse::<Time>().ok().filter(|_| is_clock(text));
        let at = |date: Date, time: Time| in_zone(date.to_datetime(time), &self.zone);
        if let Some(date) = day(text) {
            return Some((date.to_zoned(self.zone.clone()).ok()?, Local::Day, Shift::None));
        }
        if let Some(time) = time(text) {
            // The latest that there was: logs are of what has been.
            let latest = at(today, time)?;
            let is_to_come = latest.0.timestamp() > self.now;
            let (latest, shift) = if is_to_come { at(today.yesterday().ok()?, time)? } else { latest };
            return Some((latest, Local::TimeOfDay, shift));
        }
        let (date, rest) = text.split_once([' ', 't']).filter(|(date, _)| day(date).is_some()).or_else(|| {
            // The `t` of a word is none between a day and a time.
            let (date, rest) = text.split_once(' ')?;
            Some((date, rest))
        })?;
        let rest = rest.trim_start();
        let rest = rest.strip_prefix("at ").unwrap_or(rest).trim_start();
        let (time, shift) = at(day(date)?, time(rest)?)?;
        Some((time, Local::DayAndTime, shift))
    }

    /// The time that `text` of the option `name` means.
    pub fn parse(&self, name: &str, text: &str) -> Result<Moment, Failure> {
        self.moment(text).ok_or_else(|| {
            Failure::usage(
                format!("{name} {text}: not a time"),
                "write 90s, 15min, 1h30m or 7d for so long ago; today, yesterday, 20:00, 2026-11-21 or '2026-11-21 08:42' of the local \
                 zone; a time with its zone such as 2026-11-21T08:42:53Z; seconds or milliseconds since 1970; or now",
            )
        })
    }

    /// The range that `--since` and `--until` mean.
    pub fn range(&self, since: Option<&str>, until: Option<&str>) -> Result<Range, Failure> {
        let moment = |name: &str, text: Option<&str>| text.map(|text| self.parse(name, text)).transpose();
        let (from, mut to) = (moment("--since", since)?, moment("--until", until)?);
        if let (Some(from), Some(to)) = (&from, &mut to) {
            to.come_after(from);
        }
        let note = |name: &str, text: Option<&str>, moment: &Option<Moment>| {
            let taken = moment.as_ref()?.taken()?;
            Some(format!("{name} {} is taken as {taken}", text?.trim()))
        };
        let taken: Vec<String> =
            [note("--since", since, &from), note("--until", until, &to)].into_iter().flatten().collect();
        let is_skipped = [&from, &to].into_iter().flatten().any(Moment::is_skipped);
        let notes = taken.iter().map(|taken| format!("transect: {taken}")).collect();
        let (from, to) = (from.map(|from| from.unix_nano), to.map(|to| to.unix_nano));
        match (from, to) {
            (Some(from), Some(to)) if from > to && is_skipped => Err(Failure::usage(
                format!("--since is later than --until: {}", taken.join("; ")),
                "name a time that clocks showed, or one with its offset",
            )),
            (Some(from), Some(to)) if from > to => {
                Err(Failure::usage("--since is later than --until", "exchange them"))
            }
            (Some(from), Some(to)) if from == to => Err(Failure::usage(
                "--since and --until are the same moment, and nothing lies between",
                "name two times, or twice the same day for the whole of it",
            )),
            (since_unix_nano, until_unix_nano) => Ok(Range { since_unix_nano, until_unix_nano, notes }),
        }
    }
}

impl Moment {
    /// An end that is the day which the range begins with is that day's end; a time of day is the next one behind the beginning.
    fn come_after(&mut self, from: &Moment) {
        let Kind::OfZone(time, kind, zone, _) = &self.kind else { return };
        let later = match kind {
            Local::Day if matches!(from.kind, Kind::OfZone(_, Local::Day, ..)) && from.unix_nano == self.unix_nano => {
                // The last nanosecond, since an end belongs to its range.
                // Where a day begins at 01:00, the next one may begin at midnight.
                let next = time.date().tomorrow().and_then(|next| next.to_zoned(time.time_zone().clone()));
                let last = next.and_then(|next| next.checked_sub(Span::new().nanoseconds(1)));
                last.ok().map(|last| (last, Shift::None))
            }
            Local::TimeOfDay if self.unix_nano < from.unix_nano => {
                let tomorrow = time.datetime().tomorrow().ok();
                tomorrow.and_then(|tomorrow| in_zone(tomorrow, time.time_zone()))
            }
            _ => return,
        };
        if let Some(later) = later.and_then(|(later, shift)| moment(later, *kind, *zone, shift)) {
            *self = later;
        }
    }

    fn is_skipped(&self) -> bool {
        matches!(self.kind, Kind::OfZone(_, _, _, Shift::Skipped(_)))
    }

    /// The instant for which a time was taken that names no zone, or is none or two of the zone's.
    pub fn taken(&self) -> Option<String> {
        let Kind::OfZone(time, _, zone, shift) = &self.kind else { return None };
        if *zone == Zone::Stated && *shift == Shift::None {
            return None;
        }
        let text = |time: &Zoned| time.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
        let zone = time.time_zone().iana_name().unwrap_or("the local zone");
        let taken = format!("{} ({zone})", text(time));
        Some(match shift {
            Shift::None => taken,
            Shift::Skipped(written) => {
                format!("{taken}: clocks were set forward over {}", written.strftime("%H:%M:%S%.f"))
            }
            Shift::Twice => {
                let second = time.time_zone().to_ambiguous_zoned(time.datetime()).later().ok();
                let second = second.map(|second| format!(", and the second is {}", text(&second))).unwrap_or_default();
                format!("{taken}, the first of two, for clocks were set back{second}")
            }
        })
    }
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
            "write numbers with s, min, h, d or w behind them, such as 24h, 15min or 1h30m",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon in New York, which is five hours behind.
    fn clock(zone: &str) -> Clock {
        Clock { now: "2026-11-21T17:00:00Z".parse().unwrap(), zone: TimeZone::get(zone).unwrap() }
    }

    fn instant(text: &str) -> i64 {
        nanos(text.parse().unwrap()).unwrap()
    }

    fn check(text: &str, expected: Option<&str>) {
        let found = clock("America/New_York").moment(text).map(|moment| moment.unix_nano);
        assert_eq!(found, expected.map(instant), "{text}");
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
        for (text, expected) in [
            ("now", "2026-11-21T17:00:00Z"),
            ("90s", "2026-11-21T16:58:30Z"),
            ("2h", "2026-11-21T15:00:00Z"),
            ("7d", "2026-11-14T17:00:00Z"),
            ("1500ms", "2026-11-21T16:59:58.5Z"),
            ("1h30m", "2026-11-21T15:30:00Z"),
            ("1h 30min", "2026-11-21T15:30:00Z"),
            ("15min", "2026-11-21T16:45:00Z"),
            ("2h ago", "2026-11-21T15:00:00Z"),
            (" 2 Hours ago ", "2026-11-21T15:00:00Z"),
            ("2hours", "2026-11-21T15:00:00Z"),
            ("1w2d", "2026-11-12T17:00:00Z"),
            ("2026-11-21T08:42:53Z", "2026-11-21T08:42:53Z"),
            ("2026-11-21T09:42:53.5+01:00", "2026-11-21T08:42:53.5Z"),
            ("2026-11-21 09:42+01:00", "2026-11-21T08:42:00Z"),
            ("2026-11-21T09:42[Europe/Paris]", "2026-11-21T08:42:00Z"),
            ("2026-11-21 08:42 UTC", "2026-11-21T08:42:00Z"),
            ("1795250573", "2026-11-21T08:42:53Z"),
            ("4102444800", "2100-01-01T00:00:00Z"),
            ("1795250573.429", "2026-11-21T08:42:53.429Z"),
            ("1795250573429", "2026-11-21T08:42:53.429Z"),
            ("1795250573429000000", "2026-11-21T08:42:53.429Z"),
            // Of the local zone, because they name none.
            ("2026-11-21", "2026-11-21T05:00:00Z"),
            ("today", "2026-11-21T05:00:00Z"),
            ("Yesterday", "2026-11-20T05:00:00Z"),
            ("yesterday 20:00", "2026-11-21T01:00:00Z"),
            ("yesterday at 20:00", "2026-11-21T01:00:00Z"),
            ("2026-11-20 20:00", "2026-11-21T01:00:00Z"),
            ("2026-11-20T20:00:30.25", "2026-11-21T01:00:30.25Z"),
            // The latest that there was.
            ("11:30", "2026-11-21T16:30:00Z"),
            ("20:00", "2026-11-21T01:00:00Z"),
            // Clocks that go forward leave out an hour, and clocks that go back have one twice.
            ("2026-03-08 02:30", "2026-03-08T07:30:00Z"),
            ("2026-11-01 01:30", "2026-11-01T05:30:00Z"),
        ] {
            check(text, Some(expected));
        }
        for wrong in [
            "",
            " ",
            "ms",
            "-1ms",
            "-2h",
            "2",
            "2y",
            "é",
            "h",
            "9223372036854775807d",
            "2026-13-01",
            "99999999",
            // A day without its marks, with and without a time: no time since 1970.
            "20261121",
            "2026112108",
            "202611210842",
            "20261121084253",
            "946684800",
            "ago",
            "h1",
            "1795250573.",
            "1.5.2",
            "tomorrowish",
            "2026-11-21T",
            "2026-11-21 8",
            "25:00",
            "2026-11-21T20:00 Narnia",
            "yesterday20:00x",
            "2026-11-21T20:00[No/Where]",
            "20261121T2000",
            // Further than any zone ever was.
            "2026-11-21T20:00+25:00",
            "2026-11-21T20:00:00-16:01",
            "1e9",
            "٢h",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn ranges_are_what_people_mean() {
        let range = |since: &str, until: &str| clock("America/New_York").range(Some(since), Some(until));
        let check = |since: &str, until: &str, from: &str, to: &str| {
            let found = range(since, until).ok().map(|range| (range.since_unix_nano, range.until_unix_nano));
            assert_eq!(found, Some((Some(instant(from)), Some(instant(to)))), "{since} {until}");
        };
        // The day, both of its ends named.
        check("2026-11-20", "2026-11-20", "2026-11-20T05:00:00Z", "2026-11-21T04:59:59.999999999Z");
        check("yesterday", "2026-11-20", "2026-11-20T05:00:00Z", "2026-11-21T04:59:59.999999999Z");
        // The one that has 25 hours.
        check("2026-11-01", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59.999999999Z");
        // One that begins at 01:00, because there is no midnight.
        let day = Some("2018-11-04");
        let range_there = clock("America/Sao_Paulo").range(day, day).unwrap();
        let ends = (range_there.since_unix_nano, range_there.until_unix_nano);
        assert_eq!(ends, (Some(instant("2018-11-04T03:00:00Z")), Some(instant("2018-11-05T01:59:59.999999999Z"))));
        // Of a zone that both name.
        check("2026-11-20 UTC", "2026-11-20 GMT", "2026-11-20T00:00:00Z", "2026-11-20T23:59:59.999999999Z");
        check("22:00 UTC", "02:00 UTC", "2026-11-20T22:00:00Z", "2026-11-21T02:00:00Z");
        check("yesterday", "today", "2026-11-20T05:00:00Z", "2026-11-21T05:00:00Z");
        check("22:00", "02:00", "2026-11-21T03:00:00Z", "2026-11-21T07:00:00Z");
        check("22:00", "23:00", "2026-11-21T03:00:00Z", "2026-11-21T04:00:00Z");
        check("11:00", "13:00", "2026-11-21T16:00:00Z", "2026-11-21T18:00:00Z");
        for (since, until) in
            [("now", "1h"), ("today", "yesterday"), ("2h", "2h"), ("2026-11-20T05:00:00Z", "2026-11-20"), ("x", "now")]
        {
            assert!(range(since, until).is_err(), "{since} {until}");
        }
    }

    #[test]
    fn what_names_no_zone_is_told() {
        let notes = |since: &str| clock("Asia/Tokyo").range(Some(since), Some("now")).unwrap().notes;
        assert_eq!(
            notes("2026-11-20 20:00"),
            ["transect: --since 2026-11-20 20:00 is taken as 2026-11-20T20:00:00+09:00 (Asia/Tokyo)"]
        );
        assert_eq!(notes("2026-11-20").len(), 1);
        for stated in
            ["2h", "2026-11-20T20:00:00Z", "1795250573", "2026-11-20 20:00 UTC", "2026-11-20T20:00[Asia/Tokyo]"]
        {
            assert_eq!(notes(stated), Vec::<String>::new(), "{stated}");
        }
    }

    /// An hour that clocks skip or show twice.
    #[test]
    fn a_time_that_is_none_or_two_is_told() {
        let taken = |text: &str| clock("Europe/Berlin").moment(text).unwrap().taken();
        let skipped = "2026-03-29T03:30:00+02:00 (Europe/Berlin): clocks were set forward over 02:30:00";
        let twice = "2026-10-25T02:30:00+02:00 (Europe/Berlin), the first of two, for clocks were set back, and the second is \
                     2026-10-25T02:30:00+01:00";
        for (text, expected) in [
            ("2026-03-29 02:30", Some(skipped)),
            ("2026-03-29T02:30[Europe/Berlin]", Some(skipped)),
            ("2026-10-25 02:30", Some(twice)),
            ("2026-10-25T02:30[Europe/Berlin]", Some(twice)),
            ("2026-10-25T02:30+01:00[Europe/Berlin]", None),
            ("2026-03-29 03:00", Some("2026-03-29T03:00:00+02:00 (Europe/Berlin)")),
            ("2026-03-29", Some("2026-03-29T00:00:00+01:00 (Europe/Berlin)")),
        ] {
            assert_eq!(taken(text).as_deref(), expected, "{text}");
        }
        // The hour of today, and the one that the next day does not have.
        let spring =
            Clock { now: "2026-03-29T01:45:00Z".parse().unwrap(), zone: TimeZone::get("Europe/Berlin").unwrap() };
        assert_eq!(spring.moment("02:30").unwrap().taken().as_deref(), Some(skipped));
        let Range { until_unix_nano, notes, .. } = spring.range(Some("2026-03-28 23:00"), Some("02:30")).unwrap();
        assert_eq!(until_unix_nano, Some(instant("2026-03-29T01:30:00Z")));
        assert!(notes[1].ends_with(&format!("--until 02:30 is taken as {skipped}")), "{notes:?}");
        let told = |since: &str, until: &str| match spring.range(Some(since), Some(until)) {
            Err(Failure::Because { error, hint, .. }) => (error.to_string(), hint.unwrap()),
            other => panic!("{other:?}"),
        };
        let (error, hint) = told("2026-03-29 02:30", "2026-03-29 03:15");
        assert!(
            error.starts_with(&format!(
                "--since is later than --until: --since 2026-03-29 02:30 is taken as {skipped}; "
            ))
        );
        assert_eq!(hint, "name a time that clocks showed, or one with its offset");
        assert_eq!(told("2026-03-29 03:30", "2026-03-29 03:15").1, "exchange them");
    }
}
