//! Points in time as logs write them, all UTC. It refuses to ask a clock: every time is computed by the story.

use std::fmt::{self, Display};

pub(crate) const US_PER_MS: i64 = 1_000;
pub(crate) const US_PER_SECOND: i64 = 1_000_000;
pub(crate) const US_PER_MINUTE: i64 = 60 * US_PER_SECOND;

/// A point in time, taken apart in the Gregorian calendar.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    us: i64,
}

impl Civil {
    /// Value and number of digits of every part, down to a fraction of a second.
    fn parts(&self, fraction: i64, fraction_digits: u32) -> [(i64, u32); 7] {
        [
            (self.year, 4),
            (self.month, 2),
            (self.day, 2),
            (self.hour, 2),
            (self.minute, 2),
            (self.second, 2),
            (fraction, fraction_digits),
        ]
    }
}

/// The calendar date by Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last of
/// its year and months have a linear formula.
fn civil(at_us: i64) -> Civil {
    let seconds = at_us.div_euclid(US_PER_SECOND);
    let days = seconds.div_euclid(86_400) + 719_468;
    let second_of_day = seconds.rem_euclid(86_400);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        hour: second_of_day / 3_600,
        minute: second_of_day / 60 % 60,
        second: second_of_day % 60,
        us: at_us.rem_euclid(US_PER_SECOND),
    }
}

/// Fills the `#` of a template with the digits of the parts, one after another.
fn digits<const LENGTH: usize>(template: &[u8; LENGTH], parts: &[(i64, u32)]) -> impl Display + use<LENGTH> {
    let mut text = *template;
    let mut slots = text.iter_mut().filter(|byte| **byte == b'#');
    for &(value, count) in parts {
        for place in (0..count).rev() {
            if let Some(slot) = slots.next() {
                *slot = b'0' + (value / 10_i64.pow(place) % 10) as u8;
            }
        }
    }
    fmt::from_fn(move |formatter| formatter.write_str(str::from_utf8(&text).unwrap_or_default()))
}

/// `2026-11-21T08:42:53.001Z`, as Lambda and Node write it.
pub(crate) fn iso_ms(at_us: i64) -> impl Display {
    let at = civil(at_us);
    digits(b"####-##-##T##:##:##.###Z", &at.parts(at.us / US_PER_MS, 3))
}

/// `2026-11-21T08:42:53.001234Z`, as structlog writes it.
pub(crate) fn iso_us(at_us: i64) -> impl Display {
    let at = civil(at_us);
    digits(b"####-##-##T##:##:##.######Z", &at.parts(at.us, 6))
}

/// `2026-11-21 08:42:53,001+0000`, as Powertools for Python writes it.
pub(crate) fn powertools(at_us: i64) -> impl Display {
    let at = civil(at_us);
    digits(b"####-##-## ##:##:##,###+0000", &at.parts(at.us / US_PER_MS, 3))
}

/// `2026/11/21`, the head of a Lambda log stream's name.
pub(crate) fn stream_date(at_us: i64) -> impl Display {
    let at = civil(at_us);
    digits(b"####/##/##", &at.parts(0, 0))
}

/// `21/Nov/2026:08:42:53 +0000`, the common log format that API Gateway writes.
pub(crate) fn common_log(at_us: i64) -> impl Display {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = civil(at_us);
    let month = MONTHS[(at.month - 1) as usize];
    fmt::from_fn(move |formatter| {
        let Civil { year, day, hour, minute, second, .. } = at;
        write!(formatter, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let at_us = 1_795_250_573_001_234;
        assert_eq!(iso_ms(at_us).to_string(), "2026-11-21T08:42:53.001Z");
        assert_eq!(iso_us(at_us).to_string(), "2026-11-21T08:42:53.001234Z");
        assert_eq!(powertools(at_us).to_string(), "2026-11-21 08:42:53,001+0000");
        assert_eq!(stream_date(at_us).to_string(), "2026/11/21");
        assert_eq!(common_log(at_us).to_string(), "21/Nov/2026:08:42:53 +0000");
    }

    #[test]
    fn the_calendar_knows_leap_days_and_the_turn_of_a_year() {
        for (seconds, date) in [
            (0, "1970/01/01"),
            (951_782_399, "2000/02/28"),
            (951_782_400, "2000/02/29"),
            (951_868_800, "2000/03/01"),
            (1_798_761_599, "2026/12/31"),
            (1_798_761_600, "2027/01/01"),
        ] {
            assert_eq!(stream_date(seconds * US_PER_SECOND).to_string(), date);
        }
    }
}
