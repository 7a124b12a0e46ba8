//! Rows as comma-separated values with a header, quoted where RFC 4180 asks for it. Nested values are JSON text. NULL is
//! nothing between two commas and the empty text is `""`, as PostgreSQL's COPY has it.

use std::fmt::Write as _;
use std::io::Write;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use transect_schema::{Completeness, visible};

use super::cells::{as_lines, flat_schema};
use super::{RenderError, Sink, TableStyle};

/// What makes a formula of a cell, by OWASP's page on CSV injection, and the same letters in full width.
const FORMULA_SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

pub(super) struct CsvSink<W: Write> {
    out: W,
    schema: SchemaRef,
    style: TableStyle,
    begun: bool,
    line: String,
}

impl<W: Write> CsvSink<W> {
    pub(super) fn new(out: W, schema: &SchemaRef, style: TableStyle) -> CsvSink<W> {
        CsvSink { out, schema: flat_schema(schema), style, begun: false, line: String::new() }
    }

    /// The header comes before the first row, and an answer without rows has columns too.
    fn begin(&mut self) -> Result<(), RenderError> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.line.clear();
        for (index, field) in self.schema.fields().iter().enumerate() {
            if index > 0 {
                self.line.push(',');
            }
            write_csv_text(&mut self.line, field.name(), self.style);
        }
        self.line.push('\n');
        Ok(self.out.write_all(self.line.as_bytes())?)
    }
}

impl<W: Write + Send> Sink for CsvSink<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), RenderError> {
        self.begin()?;
        let batch = as_lines(batch, &self.schema)?;
        let options = FormatOptions::new();
        let columns = batch.columns().iter().map(|column| {
            ArrayFormatter::try_new(column.as_ref(), &options)
                .map(|cells| (column.logical_nulls(), is_text(column.data_type()), cells))
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut cell = String::new();
        for row in 0..batch.num_rows() {
            self.line.clear();
            for (index, (nulls, is_text, cells)) in columns.iter().enumerate() {
                if index > 0 {
                    self.line.push(',');
                }
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    continue;
                }
                cell.clear();
                if write!(cell, "{}", cells.value(row)).is_err() {
                    cell.push('?');
                }
                match is_text {
                    true => write_csv_text(&mut self.line, &cell, self.style),
                    false => self.line.push_str(&cell),
                }
            }
            self.line.push('\n');
            self.out.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Completeness) -> Result<(), RenderError> {
        self.begin()
    }
}

/// Numbers and truth values are written as they are, and everything else as text.
fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => !other.is_numeric() && *other != DataType::Boolean,
    }
}

/// Writes a text as a cell.
pub fn write_csv_text(line: &mut String, text: &str, style: TableStyle) {
    let shown;
    let text = match style.is_terminal {
        true => {
            shown = visible(text);
            shown.as_str()
        }
        false => text,
    };
    let is_formula = style.csv_safe && text.starts_with(FORMULA_SIGNS);
    let needs_quotes = text.is_empty() || is_formula || text.contains([',', '"', '\n', '\r']);
    if !needs_quotes {
        line.push_str(text);
        return;
    }
    line.push('"');
    if is_formula {
        line.push('\'');
    }
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            line.push_str("\"\"");
        }
        line.push_str(part);
    }
    line.push('"');
}
