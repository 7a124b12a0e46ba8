//! Counts as comma-separated values: `region,window,n_a,x_a,n_b,x_b`, for pipelines that count themselves. It refuses to
//! guess: what is no count is named by its line.

use std::collections::BTreeMap;
use std::io::Read;

use crate::counts::{Cell, Counts, CountsError};

const COLUMNS: [&str; 6] = ["region", "window", "n_a", "x_a", "n_b", "x_b"];

/// Why a text is refused.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// A column is missing.
    #[error("there is no column {0}: the first line names region, window, n_a, x_a, n_b and x_b")]
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

/// Counts, and what their windows are called, in order: as numbers where all are numbers, else as texts, in which order
/// times of RFC 3339 in UTC are.
pub fn parse_csv(text: impl Read) -> Result<(Counts, Vec<String>), CsvError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
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
        *place = header.iter().position(|column| column == name).ok_or(CsvError::NoColumn(name))?;
    }
    let mut rows: Vec<(String, String, Cell)> = Vec::new();
    for row in reader.records() {
        let row = row.map_err(row_error)?;
        let line = row.position().map_or(0, csv::Position::line);
        let text = |column: usize| row.get(places[column]).unwrap_or_default();
        let count = |column: usize| {
            let value = text(column);
            value.parse::<u64>().map_err(|_| CsvError::NotACount {
                line,
                column: COLUMNS[column],
                value: value.to_owned(),
            })
        };
        let cell = Cell { n_a: count(2)?, x_a: count(3)?, n_b: count(4)?, x_b: count(5)? };
        rows.push((text(0).to_owned(), text(1).to_owned(), cell));
    }
    let are_numbers = rows.iter().all(|(_, window, _)| window.parse::<i64>().is_ok());
    let key = |window: &str| if are_numbers { window.parse::<i64>().unwrap_or_default() } else { 0 };
    let mut windows: BTreeMap<(i64, String), i64> =
        rows.iter().map(|(_, window, _)| ((key(window), window.clone()), 0)).collect();
    for (place, number) in (0..).zip(windows.values_mut()) {
        *number = place;
    }
    // The same number may be written in several ways.
    let named: Vec<String> = windows.keys().map(|(_, name)| name.clone()).collect();
    let cells = rows.into_iter().map(|(region, window, cell)| {
        let number = windows.get(&(key(&window), window)).copied().unwrap_or_default();
        (region, number, cell)
    });
    let counts = Counts::new(cells).map_err(|error| error.with_windows(&named))?;
    Ok((counts, named))
}
