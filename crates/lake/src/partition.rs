//! The hour folders of `landing/`: their names, both ways. It refuses region names that are not one plain path
//! segment, because they come from payloads.

use std::fmt;
use std::ops::RangeInclusive;

use crate::{LakeError, Result};

/// The folder of a lake that holds what was delivered.
pub const LANDING: &str = "landing";

/// An hour, in the unit of `time_unix_nano`.
pub const NANOS_PER_HOUR: i64 = 3_600_000_000_000;

const HOURS_PER_DAY: i64 = 24;

/// Region names are at most 14 bytes today; the limit keeps a payload from making path names of its own length.
const REGION_BYTES_MAX: usize = 64;

/// An hour of the UTC calendar, as hours since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourUtc(i64);

impl HourUtc {
    /// The hour that holds this time.
    pub fn from_unix_nano(unix_nano: i64) -> HourUtc {
        HourUtc(unix_nano.div_euclid(NANOS_PER_HOUR))
    }

    /// The first nanosecond of the hour, at most `i64::MAX` (in 2262).
    pub fn start_unix_nano(self) -> i64 {
        self.0.saturating_mul(NANOS_PER_HOUR)
    }

    /// Hours since 1970.
    pub fn hours_since_epoch(self) -> i64 {
        self.0
    }

    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(HOURS_PER_DAY)
    }

    /// The hours of a day, given as days since 1970.
    pub(crate) fn hours_of_day(day: i64) -> RangeInclusive<HourUtc> {
        let first = day.saturating_mul(HOURS_PER_DAY);
        HourUtc(first)..=HourUtc(first.saturating_add(HOURS_PER_DAY - 1))
    }

    /// 0 to 23.
    pub(crate) fn of_day(self) -> i64 {
        self.0.rem_euclid(HOURS_PER_DAY)
    }

    /// From `2026-11-21` and `08`.
    fn parse(date: &str, hour: &str) -> Option<HourUtc> {
        let hour: i64 = two_digits(hour).filter(|hour| *hour < HOURS_PER_DAY)?;
        Some(HourUtc(parse_day(date)? * HOURS_PER_DAY + hour))
    }
}

const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

fn two_digits(text: &str) -> Option<i64> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970 of a `yyyy-mm-dd`.
pub(crate) fn parse_day(date: &str) -> Option<i64> {
    // jiff's own parser takes other spellings too, and one day must have one folder.
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = jiff::civil::Date::new(
        year.parse().ok()?,
        i8::try_from(two_digits(month)?).ok()?,
        i8::try_from(two_digits(day)?).ok()?,
    )
    .ok()?;
    Some(i64::from(date.since(EPOCH).ok()?.get_days()))
}

/// The `yyyy-mm-dd` of a day, given as days since 1970.
pub(crate) fn render_day(day: i64) -> String {
    // The day of an i64 of nanoseconds lies between 1677 and 2262, and a parsed one came from a date.
    let days = jiff::Span::new().try_days(day).unwrap_or_default();
    EPOCH.saturating_add(days).to_string()
}

/// One hour of one region: a folder of `landing/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    region: String,
    hour: HourUtc,
}

impl Partition {
    /// The folder for a region and an hour of arrival; [`LakeError::RegionName`] if the region cannot be part of a
    /// path.
    pub fn new(region: impl Into<String>, hour: HourUtc) -> Result<Partition> {
        let region = region.into();
        if is_region_name(&region) { Ok(Partition { region, hour }) } else { Err(LakeError::RegionName(region)) }
    }

    /// The region's name, such as `us-east-2`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The hour of arrival.
    pub fn hour(&self) -> HourUtc {
        self.hour
    }

    /// `landing/region=us-east-2/date=2026-11-21/hour=08`: relative to the lake, `/` between segments, none at the end.
    pub fn path(&self) -> String {
        format!("{LANDING}/{self}")
    }

    /// The partition whose [`Partition::path`] this is.
    pub fn parse(path: &str) -> Option<Partition> {
        let mut segments = path.split('/');
        if segments.next()? != LANDING {
            return None;
        }
        let region = segments.next()?.strip_prefix("region=")?;
        let date = segments.next()?.strip_prefix("date=")?;
        let hour = HourUtc::parse(date, segments.next()?.strip_prefix("hour=")?)?;
        if segments.next().is_some() {
            return None;
        }
        Partition::new(region, hour).ok()
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, hour) = (render_day(self.hour.day()), self.hour.of_day());
        write!(f, "region={}/date={day}/hour={hour:02}", self.region)
    }
}

/// Whether the text can stand for a region in a path.
pub(crate) fn is_region_name(text: &str) -> bool {
    text.len() <= REGION_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_both_ways() {
        for (unix_nano, path) in [
            (1_795_250_573_001_234_567, "landing/region=us-east-2/date=2026-11-21/hour=08"),
            (0, "landing/region=us-east-2/date=1970-01-01/hour=00"),
            (-1, "landing/region=us-east-2/date=1969-12-31/hour=23"),
            (i64::MAX, "landing/region=us-east-2/date=2262-04-11/hour=23"),
            (i64::MIN, "landing/region=us-east-2/date=1677-09-21/hour=00"),
        ] {
            let partition = Partition::new("us-east-2", HourUtc::from_unix_nano(unix_nano)).unwrap();
            assert_eq!(partition.path(), path);
            assert_eq!(Partition::parse(path), Some(partition));
        }
    }

    #[test]
    fn what_is_not_an_hour_folder_is_not_parsed() {
        for path in [
            "",
            "landing",
            "landing/region=us-east-2/date=2026-11-21",
            "landing/region=us-east-2/date=2026-11-21/hour=24",
            "landing/region=us-east-2/date=2026-11-21/hour=8",
            "landing/region=us-east-2/date=2026-11-21/hour=+8",
            "landing/region=us-east-2/date=2026-13-01/hour=08",
            "landing/region=us-east-2/date=2026-2-3/hour=08",
            "landing/region=us-east-2/date=20261121/hour=08",
            "landing/region=/date=2026-11-21/hour=08",
            "landing/region=us-east-2/date=2026-11-21/hour=08/more",
            "errors/region=us-east-2/date=2026-11-21/hour=08",
        ] {
            assert_eq!(Partition::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_region_that_would_leave_its_folder_is_refused() {
        for region in ["", ".", "..", "../x", "a/b", "a\\b", "-rf", "_x", "a b", "é", "a\0", &"a".repeat(65)] {
            assert!(
                matches!(Partition::new(region, HourUtc::from_unix_nano(0)), Err(LakeError::RegionName(_))),
                "{region}"
            );
        }
    }
}
