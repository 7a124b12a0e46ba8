//! Times and lengths of time, in whole seconds: what waves are written with and logs are read by. It refuses to read the
//! clock, which is passed in.

use std::fmt;

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Seconds since 1970, UTC. Written as RFC 3339 for people, as a number in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// So many seconds later.
    pub fn after(self, seconds: u64) -> Moment {
        Moment(self.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }

    /// How many seconds it is since another, 0 where that is later.
    pub fn since(self, other: Moment) -> u64 {
        u64::try_from(self.0.saturating_sub(other.0)).unwrap_or(0)
    }

    /// The minute that it lies in.
    pub(crate) fn minute(self) -> Moment {
        Moment(self.0.div_euclid(MINUTE) * MINUTE)
    }

    /// A time as it is written here and in reports: `2026-11-24T06:35:00Z`, in whole seconds.
    pub(crate) fn parse(text: &str) -> Option<Moment> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let numbers = |text: &str, by: char| -> Option<[i64; 3]> {
            let all: Vec<i64> = text.split(by).map(|part| part.parse().ok()).collect::<Option<_>>()?;
            all.try_into().ok()
        };
        let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
        let is_date = (0..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        if !is_date || [(hour, 24), (minute, 60), (second, 60)].iter().any(|(is, end)| !(0..*end).contains(is)) {
            return None;
        }
        let moment = Moment(days(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second);
        // No 31st of June, and no number that is written in another way.
        (moment.to_string() == text).then_some(moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / HOUR, second % HOUR / MINUTE, second % MINUTE);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of a day since 1970. Years are counted from March, so that a leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    // 0000-03-01 is 719 468 days before 1970-01-01, and 400 years have 146 097 days.
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = day / 1460 - day / 36_524 + day / 146_096;
    let year = (day - leaps) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // Months from March on are 31, 30, 31, 30, 31 days long, twice and a bit: 153 days in five.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// Days since 1970 of a day, as [`civil`] gives them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Seconds of a length of time: a whole number and `s`, `m`, `h` or `d`.
pub fn parse_seconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    // `parse` takes a plus sign.
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(seconds)
}

/// A length of time in its largest whole unit.
pub fn render_seconds(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_251_773, "2026-11-21T09:02:53Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment(seconds).to_string(), text);
            assert_eq!(Moment::parse(text), Some(Moment(seconds)));
        }
        for text in [
            "",
            "-",
            "2026-11-24",
            "2026-11-24T06:35:00",
            "2026-11-24T06:35:00+00:00",
            "2026-11-24T06:35:00.5Z",
            "2026-11-24T06:35Z",
            "2026-02-29T00:00:00Z",
            "2026-1-24T06:35:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T9223372036854775807:00:00Z",
            "9223372036854775807-01-01T00:00:00Z",
            "2026-11-24T+6:35:00Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..200_000 {
            assert_eq!((civil(days), super::days(year, month, day)), ((year, month, day), days));
            let length = match month {
                2 => 28 + i64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn lengths_have_units() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("0s", 0)] {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for wrong in
            ["", "s", "90", "1.5h", "-1m", "+1m", "1 h", "30min", "99999999999999999999s", "9999999999999999d", "1é"]
        {
            assert_eq!(parse_seconds(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn lengths_come_back(seconds in 0_u64..1 << 40) {
            prop_assert_eq!(parse_seconds(&render_seconds(seconds)), Some(seconds));
        }
    }
}
