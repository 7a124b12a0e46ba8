//! Levels by name or number, to OpenTelemetry's severity numbers. It refuses to guess a level from a message.
//!
//! Names follow appendix B of OpenTelemetry's logs data model (syslog, Log4j, Zap) and, where ecosystems differ, what
//! the loggers of Lambda functions mean: `CRITICAL` is Python's and Powertools' highest level.

pub(crate) const TRACE: i32 = 1;
pub(crate) const DEBUG: i32 = 5;
pub(crate) const INFO: i32 = 9;
pub(crate) const WARN: i32 = 13;
pub(crate) const ERROR: i32 = 17;
pub(crate) const FATAL: i32 = 21;

const NAMES: &[(&str, i32)] = &[
    ("TRACE", TRACE),
    ("VERBOSE", TRACE),
    ("FINEST", TRACE),
    ("SILLY", TRACE),
    ("FINER", 3),
    ("DEBUG", DEBUG),
    ("DBG", DEBUG),
    ("FINE", DEBUG),
    ("CONFIG", 8),
    ("INFO", INFO),
    ("INF", INFO),
    ("INFORMATION", INFO),
    ("INFORMATIONAL", INFO),
    ("HTTP", INFO),
    ("NOTICE", 10),
    ("WARN", WARN),
    ("WRN", WARN),
    ("WARNING", WARN),
    ("ERROR", ERROR),
    ("ERR", ERROR),
    ("SEVERE", ERROR),
    ("CRIT", 18),
    ("DPANIC", 18),
    ("ALERT", 19),
    ("PANIC", 19),
    ("CRITICAL", FATAL),
    ("FATAL", FATAL),
    ("EMERG", FATAL),
    ("EMERGENCY", FATAL),
];

/// The severity of a level's name, in any case; slog's `INFO+2` counts up from the name, OpenTelemetry's `WARN3` too.
pub(crate) fn from_name(text: &str) -> Option<i32> {
    let text = text.trim();
    if text.len() > 16 {
        return None;
    }
    let find = |name: &str| NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number);
    if let Some(number) = find(text) {
        return Some(number);
    }
    if let Some(sign) = text.find(['+', '-']) {
        let step: i32 = text[sign..].parse().ok()?;
        return Some(find(&text[..sign])?.saturating_add(step).clamp(1, 24));
    }
    let (name, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let step = last.parse::<i32>().ok().filter(|step| (2..=4).contains(step))?;
    find(name).filter(|number| number % 4 == 1).map(|number| number + step - 1)
}

/// The severity of a level by number, as pino and bunyan count: 10 trace … 60 fatal; levels between belong to the
/// one below.
pub(crate) fn from_pino(level: i64) -> Option<i32> {
    match level {
        10..20 => Some(TRACE),
        20..30 => Some(DEBUG),
        30..40 => Some(INFO),
        40..50 => Some(WARN),
        50..60 => Some(ERROR),
        60..=100 => Some(FATAL),
        _ => None,
    }
}

/// The severity of a level by number, as Python's `levelno` counts: 10 debug … 50 critical.
pub(crate) fn from_python(level: i64) -> Option<i32> {
    match level {
        1..10 => Some(TRACE),
        10..20 => Some(DEBUG),
        20..30 => Some(INFO),
        30..40 => Some(WARN),
        40..50 => Some(ERROR),
        50..=100 => Some(FATAL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_with_steps() {
        for (text, expected) in [
            ("info", 9),
            ("WARNING", 13),
            ("Critical", 21),
            ("INFO+2", 11),
            ("DEBUG-4", 1),
            ("WARN3", 15),
            ("error", 17),
            ("Information", 9),
        ] {
            assert_eq!(from_name(text), Some(expected), "{text}");
        }
        for text in ["", "loud", "success", "é", "+", "WARNING3é", "NOTICE2", "é+1"] {
            assert_eq!(from_name(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_both_scales() {
        assert_eq!([10, 20, 30, 35, 40, 50, 60].map(from_pino), [1, 5, 9, 9, 13, 17, 21].map(Some));
        assert_eq!([10, 20, 30, 40, 50].map(from_python), [5, 9, 13, 17, 21].map(Some));
        assert_eq!(from_pino(3), None);
    }
}
