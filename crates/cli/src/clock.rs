//! The clock, and instants as text in UTC. It refuses to know zones: those are `zone`'s.

use jiff::Timestamp;

/// The time that it is.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The same in nanoseconds since 1970.
pub fn now_unix_nano() -> i64 {
    unix_nano(now()).unwrap_or(i64::MAX)
}

/// An instant in nanoseconds since 1970; none beyond the years that have so many.
pub fn unix_nano(time: Timestamp) -> Option<i64> {
    i64::try_from(time.as_nanosecond()).ok()
}

/// An instant as hints and notes name it, to the second: `2026-11-21T08:42:53Z`.
pub fn utc_text(unix_nano: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(unix_nano)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_in_utc() {
        assert_eq!(utc_text(1_795_250_573_999_000_000), "2026-11-21T08:42:53Z");
        assert_eq!(unix_nano("2026-11-21T08:42:53.5Z".parse().unwrap()), Some(1_795_250_573_500_000_000));
        assert_eq!(unix_nano(Timestamp::MAX), None);
    }
}
