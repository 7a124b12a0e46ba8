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

/// Whether a name in capitals at a place where a message may begin is a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It says a level and hardly ever anything else: `ERROR charge refused`.
    Strong,
    /// It is an English word as well (`FINE, thanks`, `HTTP 200`): only brackets, a colon or a column make it a level.
    Weak,
}

use Weight::{Strong, Weak};

const NAMES: &[(&str, i32, Weight)] = &[
    ("INFO", INFO, Strong),
    ("ERROR", ERROR, Strong),
    ("WARN", WARN, Strong),
    ("WARNING", WARN, Strong),
    ("DEBUG", DEBUG, Strong),
    ("TRACE", TRACE, Strong),
    ("FATAL", FATAL, Strong),
    ("CRITICAL", FATAL, Strong),
    ("VERBOSE", TRACE, Strong),
    ("FINEST", TRACE, Weak),
    ("SILLY", TRACE, Weak),
    // Abbreviations of Serilog, zerolog, .NET and logrus.
    ("TRC", TRACE, Strong),
    ("TRCE", TRACE, Strong),
    ("TRAC", TRACE, Strong),
    ("VRB", TRACE, Strong),
    ("VERB", TRACE, Weak),
    ("FINER", 3, Weak),
    ("DBG", DEBUG, Strong),
    ("DBUG", DEBUG, Strong),
    ("DEBU", DEBUG, Strong),
    // supervisord's.
    ("DEBG", DEBUG, Strong),
    ("BLAT", TRACE, Weak),
    ("FINE", DEBUG, Weak),
    ("CONFIG", 8, Weak),
    ("INF", INFO, Strong),
    ("INFORMATION", INFO, Weak),
    ("INFORMATIONAL", INFO, Weak),
    ("HTTP", INFO, Weak),
    ("LOG", INFO, Weak),
    ("AUDIT", INFO, Weak),
    // loguru's 25, between INFO and WARNING.
    ("SUCCESS", INFO, Weak),
    ("NOTE", INFO, Weak),
    ("NOTICE", 10, Strong),
    ("WRN", WARN, Strong),
    ("ERR", ERROR, Strong),
    ("ERRO", ERROR, Strong),
    // log15's and go-ethereum's.
    ("EROR", ERROR, Strong),
    ("FAIL", ERROR, Weak),
    ("SEVERE", ERROR, Strong),
    ("CRIT", 18, Strong),
    ("DPANIC", 18, Strong),
    ("ALERT", 19, Weak),
    ("PANIC", 19, Weak),
    ("PNC", 19, Strong),
    ("PANI", 19, Strong),
    ("FATA", FATAL, Strong),
    ("FTL", FATAL, Strong),
    ("EMERG", FATAL, Strong),
    ("EMERGENCY", FATAL, Weak),
];

/// Bytes of a level as people write it: `INFORMATIONAL` has 13, in full-width letters three times as many.
const NAME_BYTES_MAX: usize = 48;

/// Letters of the longest name with a step, `INFORMATIONAL+2`, and a blank.
const NAME_LETTERS_MAX: usize = 16;

fn find(name: &str) -> Option<(i32, Weight)> {
    let found = NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    found.map(|(_, number, weight)| (*number, *weight))
}

/// The severity of a level's name, in any case, with a colon or brackets around it and in full-width letters; slog's
/// `INFO+2` counts up from the name, OpenTelemetry's `WARN3` too.
pub(crate) fn from_name(text: &str) -> Option<i32> {
    weighted(text).map(|(number, _)| number)
}

/// The severity of a level's name as [`from_name`], and how sure the name is to be a level.
pub(crate) fn weighted(text: &str) -> Option<(i32, Weight)> {
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let text = text
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '\u{ff1a}' | '[' | ']' | '<' | '>' | '(' | ')'));
    let mut narrow = [0; NAME_LETTERS_MAX];
    let text = if text.is_ascii() { text } else { narrowed(text, &mut narrow)? };
    if text.len() > NAME_LETTERS_MAX {
        return None;
    }
    if let Some(found) = find(text) {
        return Some(found);
    }
    if let Some(sign) = text.find(['+', '-']) {
        let step: i32 = text.get(sign..)?.parse().ok()?;
        let (number, weight) = find(text.get(..sign)?)?;
        return Some((number.saturating_add(step).clamp(1, 24), weight));
    }
    let (name, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let step = last.parse::<i32>().ok().filter(|step| (2..=4).contains(step))?;
    find(name).filter(|(number, _)| number % 4 == 1).map(|(number, weight)| (number + step - 1, weight))
}

/// The severity of a level by the one letter that loggers of all languages write. Others are of a few alone.
pub(crate) fn from_letter(letter: &str) -> Option<i32> {
    match letter {
        "D" => Some(DEBUG),
        "I" => Some(INFO),
        "W" => Some(WARN),
        "E" => Some(ERROR),
        "F" => Some(FATAL),
        _ => None,
    }
}

/// Full-width letters, digits and signs (U+FF01 to U+FF5E, as Japanese keyboards write them) as ASCII.
fn narrowed<'b>(text: &str, buffer: &'b mut [u8; NAME_LETTERS_MAX]) -> Option<&'b str> {
    let mut length = 0;
    for character in text.chars() {
        let narrow = match u32::from(character) {
            code @ 0xFF01..=0xFF5E => code - 0xFF01 + 0x21,
            code => code,
        };
        *buffer.get_mut(length)? = u8::try_from(narrow).ok().filter(u8::is_ascii)?;
        length += 1;
    }
    std::str::from_utf8(buffer.get(..length)?).ok()
}

/// How a logger counts its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// pino and bunyan: 10 trace … 60 fatal.
    Pino,
    /// Python's `levelno`: 10 debug … 50 critical.
    Python,
    /// Monolog: 100 debug … 600 emergency.
    Monolog,
    /// Syslog (RFC 5424) and GELF: 7 debug … 0 emergency.
    Syslog,
    /// Logback's `level_value`: 5,000 trace … 40,000 error.
    Logback,
    /// Java's `java.util.logging`: 300 finest … 1,000 severe.
    JavaUtil,
}

impl Scale {
    /// The scale of a `level` by number, told by the keys that stand beside it in the same object, by their names in
    /// lower case without `_`, `-`, `.` and blanks, and where they do not tell by the number itself. A number of 0 to 7
    /// alone may count up or down, so it has no scale.
    pub(crate) fn beside(level: i64, has: impl Fn(&str) -> bool) -> Option<Scale> {
        if has("shortmessage") || has("fullmessage") || has("syslogseverity") || has("realtimetimestamp") {
            return Some(Scale::Syslog);
        }
        if has("levelname") && (has("channel") || has("datetime") || level >= 100) {
            return Some(Scale::Monolog);
        }
        if has("levelno") || has("levelname") || has("lineno") || has("asctime") {
            return Some(Scale::Python);
        }
        match level {
            // `hostname` and `pid` are in every line of pino and bunyan.
            10..=60 => Some(Scale::Pino),
            61..=99 if has("hostname") || has("pid") => Some(Scale::Pino),
            100 | 200 | 250 | 300 | 400 | 500 | 550 | 600 => Some(Scale::Monolog),
            5_000 | 10_000 | 20_000 | 30_000 | 40_000 => Some(Scale::Logback),
            700 | 800 | 900 | 1_000 => Some(Scale::JavaUtil),
            0..=7 if has("facility") || (has("host") && has("version")) => Some(Scale::Syslog),
            _ => None,
        }
    }
}

/// The severity of a level by number on a scale; levels between two belong to the lower one.
pub(crate) fn from_number(scale: Scale, level: i64) -> Option<i32> {
    match scale {
        Scale::Pino => from_pino(level),
        Scale::Python => from_python(level),
        Scale::Monolog => match level {
            100..200 => Some(DEBUG),
            200..250 => Some(INFO),
            250..300 => Some(10),
            300..400 => Some(WARN),
            400..500 => Some(ERROR),
            500..550 => Some(18),
            550..600 => Some(19),
            600 => Some(FATAL),
            _ => None,
        },
        Scale::Syslog => match level {
            0 => Some(FATAL),
            1 => Some(19),
            2 => Some(18),
            3 => Some(ERROR),
            4 => Some(WARN),
            5 => Some(10),
            6 => Some(INFO),
            7 => Some(DEBUG),
            _ => None,
        },
        Scale::Logback => match level {
            1..10_000 => Some(TRACE),
            10_000..20_000 => Some(DEBUG),
            20_000..30_000 => Some(INFO),
            30_000..40_000 => Some(WARN),
            40_000..=50_000 => Some(ERROR),
            _ => None,
        },
        Scale::JavaUtil => match level {
            1..400 => Some(TRACE),
            400..500 => Some(3),
            500..700 => Some(DEBUG),
            700..800 => Some(8),
            800..900 => Some(INFO),
            900..1_000 => Some(WARN),
            1_000..=1_100 => Some(ERROR),
            _ => None,
        },
    }
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
            ("trce", 1),
            ("dbug", 5),
            ("fail", 17),
            ("crit", 18),
            ("VRB", 1),
            ("INF", 9),
            ("FTL", 21),
            ("wrn", 13),
            ("success", 9),
            ("audit", 9),
            ("notice", 10),
            ("SEVERE", 17),
            ("FINER", 3),
            ("ERROR:", 17),
            ("error ", 17),
            ("[WARN]", 13),
            ("\u{ff25}\u{ff32}\u{ff32}\u{ff2f}\u{ff32}", 17),
            ("\u{ff25}\u{ff32}\u{ff32}\u{ff2f}\u{ff32}\u{ff1a}", 17),
        ] {
            assert_eq!(from_name(text), Some(expected), "{text}");
        }
        for text in
            ["", "loud", "é", "+", "WARNING3é", "NOTICE2", "é+1", "E", "W", "information desk opened", "[]", "\u{ff25}"]
        {
            assert_eq!(from_name(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_both_scales() {
        assert_eq!([10, 20, 30, 35, 40, 50, 60].map(from_pino), [1, 5, 9, 9, 13, 17, 21].map(Some));
        assert_eq!([10, 20, 30, 40, 50].map(from_python), [5, 9, 13, 17, 21].map(Some));
        assert_eq!(from_pino(3), None);
    }

    #[test]
    fn a_number_alone_tells_no_more_than_it_can() {
        let beside = |level, keys: &[&str]| Scale::beside(level, |key| keys.contains(&key));
        for (level, keys, expected) in [
            (50, &["pid", "hostname", "v"][..], Some(Scale::Pino)),
            (50, &[], Some(Scale::Pino)),
            (50, &["levelno"], Some(Scale::Python)),
            (40, &["levelname", "asctime"], Some(Scale::Python)),
            (400, &["levelname", "channel", "datetime"], Some(Scale::Monolog)),
            (250, &[], Some(Scale::Monolog)),
            (3, &["version", "host", "shortmessage"], Some(Scale::Syslog)),
            (3, &["facility"], Some(Scale::Syslog)),
            (3, &[], None),
            (0, &[], None),
            (40_000, &[], Some(Scale::Logback)),
            (1_000, &[], Some(Scale::JavaUtil)),
            (-4, &[], None),
            (i64::MAX, &[], None),
            (i64::MIN, &["levelname"], Some(Scale::Python)),
        ] {
            assert_eq!(beside(level, keys), expected, "{level} beside {keys:?}");
        }
    }

    #[test]
    fn every_scale_from_its_lowest_to_its_highest() {
        for (scale, levels, expected) in [
            (Scale::Pino, &[10, 20, 30, 40, 50, 60][..], &[1, 5, 9, 13, 17, 21][..]),
            (Scale::Python, &[5, 10, 20, 25, 30, 40, 50], &[1, 5, 9, 9, 13, 17, 21]),
            (Scale::Monolog, &[100, 200, 250, 300, 400, 500, 550, 600], &[5, 9, 10, 13, 17, 18, 19, 21]),
            (Scale::Syslog, &[7, 6, 5, 4, 3, 2, 1, 0], &[5, 9, 10, 13, 17, 18, 19, 21]),
            (Scale::Logback, &[5_000, 10_000, 20_000, 30_000, 40_000], &[1, 5, 9, 13, 17]),
            (Scale::JavaUtil, &[300, 400, 500, 700, 800, 900, 1_000], &[1, 3, 5, 8, 9, 13, 17]),
        ] {
            let found: Vec<i32> = levels.iter().filter_map(|level| from_number(scale, *level)).collect();
            assert_eq!(found, expected, "{scale:?}");
            for level in [i64::MIN, -100, 1_000_000, i64::MAX] {
                assert_eq!(from_number(scale, level), None, "{scale:?} {level}");
            }
        }
    }
}
