//! Counts as comma-separated values: `region,window,n_a,x_a,n_b,x_b`, for pipelines that count themselves. It refuses to
//! guess: what is no count is named by its line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use crate::counts::{Cell, Counts, CountsError};

const COLUMNS: [&str; 6] = ["region", "window", "n_a", "x_a", "n_b", "x_b"];

/// Why a text is refused.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// A column is missing.
    #[error(
        "there is no column {0}: the first line names region, window, n_a, x_a, n_b and x_b, with a comma, a semicolon or a tab between them"
    )]
    NoColumn(&'static str),
    /// A value is no count.
    #[error("line {line}: {column} is `{value}`, not a whole number")]
    NotACount {
        /// The line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A window has no place in time.
    #[error("line {line}: window is `{value}`: windows are all whole numbers, or all times of RFC 3339")]
    NotAWindow {
        /// The line, from 1.
        line: u64,
        /// What stands there.
        value: String,
    },
    /// A line is no row.
    #[error("line {line}: {reason}")]
    Row {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The counts cannot be.
    #[error(transparent)]
    Counts(#[from] CountsError),
}

/// The minute of a time in nanoseconds.
fn minute_of(nano: i128) -> i64 {
    i64::try_from(nano.div_euclid(60_000_000_000)).unwrap_or(i64::MAX)
}

/// What parts the columns, by the first line: a spreadsheet writes `;` where the comma is for decimals.
fn separator(header: &str) -> u8 {
    let names = |separator: char| {
        let columns = header.split(separator).map(|column| column.trim_matches(['\u{feff}', '"', ' ', '\r', '\n']));
        columns.filter(|column| COLUMNS.iter().any(|name| column.eq_ignore_ascii_case(name))).count()
    };
    // The comma, unless another finds more.
    let best = [';', '\t'].into_iter().find(|separator| names(*separator) > names(','));
    best.map_or(b',', |separator| if separator == ';' { b';' } else { b'\t' })
}

/// A count without the zeros behind the point that programs write whose numbers are all fractions.
fn whole(value: &str) -> &str {
    match value.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => value,
    }
}

/// Counts, and what their windows are called, in the order of time.
pub fn parse_csv(text: impl Read) -> Result<(Counts, Vec<String>), CsvError> {
    let mut text = BufReader::new(text);
    let mut head = Vec::new();
    // What cannot be read here cannot be read below either, and is told there.
    let _ = text.read_until(b'\n', &mut head);
    let separator = separator(&String::from_utf8_lossy(&head));
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(head.as_slice().chain(text));
    let row_error = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let reason = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("it has {len} values, not {expected_len}")
            }
            csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
            _ => error.to_string(),
        };
        CsvError::Row { line, reason }
    };
    let header = reader.headers().map_err(row_error)?.clone();
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|column| column.eq_ignore_ascii_case(name)).ok_or(CsvError::NoColumn(name))?;
    }
    let mut rows: Vec<(String, String, i128, Cell)> = Vec::new();
    let mut are_times = None;
    for row in reader.records() {
        let row = row.map_err(row_error)?;
        let line = row.position().map_or(0, csv::Position::line);
        let text = |column: usize| row.get(places[column]).unwrap_or_default();
        let count = |column: usize| {
            let value = text(column);
            whole(value).parse::<u64>().map_err(|_| CsvError::NotACount {
                line,
                column: COLUMNS[column],
                value: value.to_owned(),
            })
        };
        let cell = Cell { n_a: count(2)?, x_a: count(3)?, n_b: count(4)?, x_b: count(5)? };
        if text(0).is_empty() {
            return Err(CsvError::Row { line, reason: "it names no region".to_owned() });
        }
        let window = text(1);
        let (at, is_time) = match (window.parse::<i64>(), window.parse::<jiff::Timestamp>()) {
            (Ok(number), _) => (i128::from(number), false),
            (_, Ok(time)) => (time.as_nanosecond(), true),
            _ => return Err(CsvError::NotAWindow { line, value: window.to_owned() }),
        };
        // Numbers and times have no order among each other.
        if *are_times.get_or_insert(is_time) != is_time {
            return Err(CsvError::NotAWindow { line, value: window.to_owned() });
        }
        rows.push((text(0).to_owned(), window.to_owned(), at, cell));
    }
    let mut windows: BTreeMap<i128, (String, i64)> = BTreeMap::new();
    for (_, name, at, _) in &rows {
        windows.entry(*at).or_insert_with(|| (name.clone(), 0));
    }
    for (number, (_, place)) in (0..).zip(windows.values_mut()) {
        *place = number;
    }
    let cells = rows.into_iter().map(|(region, _, at, cell)| {
        let number = windows.get(&at).map_or(0, |(_, number)| *number);
        (region, number, cell)
    });
    let cells: Vec<_> = cells.collect();
    let minutes: Vec<i128> = windows.keys().copied().collect();
    let named: Vec<String> = windows.into_values().map(|(name, _)| name).collect();
    let counts = Counts::new(cells).map_err(|error| error.with_windows(&named))?;
    let minutes = (are_times == Some(true)).then(|| minutes.iter().map(|at| minute_of(*at)).collect());
    let counts = match minutes {
        Some(minutes) => counts.with_clock(minutes, BTreeMap::new()),
        // Windows that are no times are as far apart as they stand in order.
        None => counts,
    };
    Ok((counts, named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_headers_and_counts_of_other_programs_are_read() {
        let (expected, windows) = parse_csv("region,window,n_a,x_a,n_b,x_b\neu,0,1000,2,100,1\n".as_bytes()).unwrap();
        for text in [
            "region;window;n_a;x_a;n_b;x_b\neu;0;1000;2;100;1\n",
            "region\twindow\tn_a\tx_a\tn_b\tx_b\neu\t0\t1000\t2\t100\t1\n",
            "REGION,Window,N_A,X_A,N_B,X_B\neu,0,1000.0,2.00,100.0,1.0\n",
            "\u{feff}\"region\";\"window\";\"n_a\";\"x_a\";\"n_b\";\"x_b\"\r\neu;0;1000;2;100;1\r\n",
        ] {
            let (counts, names) = parse_csv(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(counts.cells().eq(expected.cells()), "{text}");
            assert_eq!(names, windows, "{text}");
        }
        let wrong = |row: &str| {
            parse_csv(format!("region,window,n_a,x_a,n_b,x_b\n{row}\n").as_bytes()).unwrap_err().to_string()
        };
        assert_eq!(wrong("eu,0,1000.5,2,100,1"), "line 2: n_a is `1000.5`, not a whole number");
        assert!(wrong("eu,0,1000.,2,100,1").contains("`1000.`"));
        assert_eq!(wrong(" ,0,1000,2,100,1"), "line 2: it names no region");
        let error = parse_csv("region:window:n_a\n".as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("there is no column region: the first line names"), "{error}");
    }
}
