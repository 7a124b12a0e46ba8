//! Log records as people read them: one line each, and more where the message has more. What a record holds cannot drive
//! the terminal: control characters are shown, never sent.

use std::fmt::Write as _;
use std::io::{self, Write};

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use jiff::tz::TimeZone;

use transect_schema::{SEVERITY_ERROR, visible};

use crate::logs::Logs;

/// How lines look.
#[derive(Clone, Debug)]
pub struct LineStyle {
    /// Whether the terminal understands colour.
    pub color: bool,
    /// Whether whoever reads is a person, who needs no year in every line.
    pub short_time: bool,
    /// In which times are given.
    pub time_zone: TimeZone,
}

const PLAIN: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
/// Of services: each has always the same one. Red is for errors and yellow for warnings.
const SERVICE_COLORS: [&str; 10] = [
    "\x1b[32m",
    "\x1b[34m",
    "\x1b[35m",
    "\x1b[36m",
    "\x1b[92m",
    "\x1b[94m",
    "\x1b[95m",
    "\x1b[96m",
    "\x1b[38;5;208m",
    "\x1b[38;5;141m",
];
/// `-05:00`.
const OFFSET_FORMAT: &str = "%:z";
/// Characters of attributes shown where a record has nothing else to show.
const ATTRIBUTES_MAX: usize = 160;

/// Name and colour of the severities of OpenTelemetry, from the least number on.
const LEVELS: [(i32, &str, &str); 6] = [
    (1, "TRACE", DIM),
    (5, "DEBUG", DIM),
    (9, "INFO", ""),
    (13, "WARN", "\x1b[33m"),
    (17, "ERROR", "\x1b[31m"),
    (21, "FATAL", "\x1b[1;31m"),
];

struct Columns {
    texts: Vec<StringViewArray>,
}

const TEXTS: [&str; 13] = [
    "cloud_region",
    "service_name",
    "faas_name",
    "release",
    "severity_text",
    "body",
    "event_name",
    "status_code",
    "exception_type",
    "exception_message",
    "attributes",
    "aws_log_stream",
    "aws_log_group",
];

impl Columns {
    fn of(rows: &RecordBatch) -> Columns {
        let empty = || StringViewArray::new_null(rows.num_rows());
        let text = |name: &str| {
            let array = rows.column_by_name(name).and_then(|array| cast(array, &DataType::Utf8View).ok());
            array.map_or_else(empty, |array| array.as_string_view().clone())
        };
        Columns { texts: TEXTS.iter().map(|name| text(name)).collect() }
    }

    fn get(&self, name: &str, row: usize) -> Option<&str> {
        let index = TEXTS.iter().position(|text| *text == name)?;
        let array = self.texts.get(index)?;
        (!array.is_null(row)).then(|| array.value(row)).filter(|text| !text.is_empty())
    }
}

/// Writes the records. Neighbours of what was asked for are dim, and a line of dashes stands where records were left out
/// between them.
pub fn render_logs(logs: &Logs, with_neighbours: bool, style: &LineStyle, out: &mut dyn Write) -> io::Result<()> {
    let columns = Columns::of(&logs.rows);
    let numbers = |name: &str| logs.rows.column_by_name(name).cloned();
    let (times, severities, durations) =
        (numbers("time_unix_nano"), numbers("severity_number"), numbers("duration_nano"));
    let mut line = String::new();
    for row in 0..logs.rows.num_rows() {
        let time = times.as_ref().map(|array| array.as_primitive::<Int64Type>().value(row)).unwrap_or_default();
        let severity = severities.as_ref().map(|array| array.as_primitive::<Int32Type>());
        let severity = severity.filter(|array| !array.is_null(row)).map(|array| array.value(row));
        let duration = durations.as_ref().map(|array| array.as_primitive::<Int64Type>());
        let duration = duration.filter(|array| !array.is_null(row)).map(|array| array.value(row));
        let is_match = logs.is_match.get(row).copied().unwrap_or(true);
        line.clear();
        write_line(&mut line, &columns, row, time, severity, duration, is_match, style);
        if with_neighbours {
            out.write_all(if is_match { b"> " } else { b"  " })?;
        }
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the parts of one line")]
fn write_line(
    line: &mut String,
    columns: &Columns,
    row: usize,
    time: i64,
    severity: Option<i32>,
    duration: Option<i64>,
    is_match: bool,
    style: &LineStyle,
) {
    let paint = |line: &mut String, color: &str, text: &str| {
        if style.color && !color.is_empty() {
            line.extend([color, text, PLAIN]);
        } else {
            line.push_str(text);
        }
    };
    let get = |name| columns.get(name, row);
    paint(line, DIM, &time_text(time, style));
    let region = visible(get("cloud_region").unwrap_or("-"));
    line.push(' ');
    paint(line, DIM, &format!("{region:<14}"));
    let service = visible(get("service_name").or(get("faas_name")).unwrap_or("-"));
    let color = SERVICE_COLORS[stable_index(&service, SERVICE_COLORS.len())];
    line.push(' ');
    paint(line, color, &format!("{service:<12}"));
    line.push(' ');
    paint(line, DIM, &format!("{:<8}", visible(get("release").unwrap_or("-"))));
    let failed = get("status_code") == Some("ERROR");
    let severity = severity.or(failed.then_some(SEVERITY_ERROR));
    let level = severity.and_then(|number| LEVELS.iter().rev().find(|(least, ..)| *least <= number));
    let (name, color) = match level {
        Some((_, name, color)) => ((*name).to_owned(), *color),
        None => (get("severity_text").map_or("-".to_owned(), visible), ""),
    };
    line.push(' ');
    paint(line, color, &format!("{name:<5}"));
    line.push(' ');
    let message = message(columns, row, duration);
    let color = match (is_match, severity) {
        (false, _) => DIM,
        (true, Some(number)) if number >= SEVERITY_ERROR => color,
        _ => "",
    };
    for (index, part) in message.split('\n').enumerate() {
        if index > 0 {
            line.push_str("\n    ");
        }
        paint(line, color, &visible(part.trim_end()));
    }
}

/// What a record says: its message, or what there is instead, and its exception.
fn message(columns: &Columns, row: usize, duration: Option<i64>) -> String {
    let get = |name| columns.get(name, row);
    let event = get("event_name").filter(|event| *event != "exception");
    let mut text = match (get("body"), event) {
        (Some(body), _) => body.trim_end().to_owned(),
        (None, Some(event)) => {
            let mut text = event.to_owned();
            if let Some(duration) = duration {
                let _ = write!(text, " {:.2} ms", duration as f64 / 1e6);
            }
            if let Some(status) = get("status_code") {
                let _ = write!(text, " {status}");
            }
            text
        }
        (None, None) => String::new(),
    };
    let exception = match (get("exception_type"), get("exception_message")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    };
    let says_it = |part: &str| text.contains(part);
    if !exception.is_empty() && !get("exception_message").or(get("exception_type")).is_some_and(says_it) {
        if !text.is_empty() {
            text.push_str(" | ");
        }
        text.push_str(&exception);
    }
    if get("body").is_none() && exception.is_empty() && duration.is_none() {
        let attributes = get("attributes").unwrap_or_default();
        text.extend([" "]);
        text.extend(attributes.chars().take(ATTRIBUTES_MAX));
        if attributes.chars().nth(ATTRIBUTES_MAX).is_some() {
            text.push('…');
        }
    }
    text.trim().to_owned()
}

fn time_text(unix_nano: i64, style: &LineStyle) -> String {
    let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(unix_nano)) else { return "-".to_owned() };
    let time = time.to_zoned(style.time_zone.clone());
    // A time without its zone would be anybody's.
    let zone = if time.offset().is_zero() { "Z".to_owned() } else { time.strftime(OFFSET_FORMAT).to_string() };
    let format = if style.short_time { "%m-%d %H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S%.3f" };
    format!("{}{zone}", time.strftime(format))
}

/// The same for the same name, on every machine and in every release (FNV-1a).
fn stable_index(name: &str, count: usize) -> usize {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    usize::try_from(hash % count as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_keeps_its_color() {
        assert_eq!(stable_index("payments", 10), stable_index("payments", 10));
        let used: std::collections::HashSet<usize> =
            ["payments", "cart", "edge", "inventory", "shipping"].iter().map(|name| stable_index(name, 10)).collect();
        assert!(used.len() >= 4, "{used:?}");
    }

    #[test]
    fn times_are_of_the_zone_asked_for() {
        let style = |short_time, time_zone| LineStyle { color: false, short_time, time_zone };
        let time = 1_795_250_573_429_000_000;
        let fixed = TimeZone::fixed(jiff::tz::offset(-5));
        assert_eq!(time_text(time, &style(false, TimeZone::UTC)), "2026-11-21T08:42:53.429Z");
        assert_eq!(time_text(time, &style(false, fixed.clone())), "2026-11-21T03:42:53.429-05:00");
        assert_eq!(time_text(time, &style(true, fixed)), "11-21 03:42:53.429-05:00");
        assert_eq!(time_text(time, &style(true, TimeZone::UTC)), "11-21 08:42:53.429Z");
    }
}
