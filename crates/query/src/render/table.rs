//! Rows for people: aligned columns, or one line a value where the columns do not fit the terminal. What a log line
//! holds cannot drive the terminal: control characters are shown, never sent.

use std::fmt::Write as _;
use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::UnicodeWidthStr;

use transect_schema::{Completeness, visible};
use transect_trace::cut;

use super::cells::{as_lines, flat_schema};
use super::{RenderError, Sink, TableStyle};

/// Rows looked at before the widths are settled; what comes later and is wider moves its own line only.
const ROWS_MEASURED_MAX: usize = 1000;
/// Between two columns.
const GAP: &str = "  ";
/// Narrower than this a column says nothing; if the terminal is too narrow for that, rows are written one below another.
const COLUMN_WIDTH_MIN: usize = 10;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

pub(super) struct TableSink<W: Write> {
    out: W,
    style: TableStyle,
    schema: SchemaRef,
    names: Vec<String>,
    right: Vec<bool>,
    layout: Option<Layout>,
    held: Vec<Vec<String>>,
    rows: u64,
}

enum Layout {
    Columns(Vec<usize>),
    /// One line a value; the width of the longest name.
    Records(usize),
}

impl<W: Write> TableSink<W> {
    pub(super) fn new(out: W, schema: &SchemaRef, style: TableStyle) -> TableSink<W> {
        TableSink {
            out,
            style,
            schema: flat_schema(schema),
            names: schema.fields().iter().map(|field| visible(field.name())).collect(),
            right: schema.fields().iter().map(|field| is_number(field.data_type())).collect(),
            layout: None,
            held: Vec::new(),
            rows: 0,
        }
    }

    /// Settles the layout by the rows held and writes them.
    fn begin(&mut self) -> Result<(), RenderError> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
        for row in &self.held {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let layout = match self.style.width {
            None => Layout::Columns(widths),
            Some(width) => match fit(&widths, width) {
                Some(widths) => Layout::Columns(widths),
                None => Layout::Records(self.names.iter().map(|name| name.width()).max().unwrap_or(0)),
            },
        };
        if let Layout::Columns(widths) = &layout {
            let line = self.line(&self.names, widths);
            match self.style.color {
                true => writeln!(self.out, "{BOLD}{line}{PLAIN}")?,
                false => writeln!(self.out, "{line}")?,
            }
        }
        self.layout = Some(layout);
        for row in std::mem::take(&mut self.held) {
            self.write_row(&row)?;
        }
        Ok(())
    }

    fn write_row(&mut self, row: &[String]) -> Result<(), RenderError> {
        self.rows += 1;
        match &self.layout {
            Some(Layout::Columns(widths)) => {
                let line = self.line(row, widths);
                writeln!(self.out, "{line}")?;
            }
            Some(Layout::Records(width)) => {
                let (dim, plain) = if self.style.color { (DIM, PLAIN) } else { ("", "") };
                writeln!(self.out, "{dim}-- row {}{plain}", self.rows)?;
                for (name, cell) in self.names.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
                    let pad = " ".repeat(width - name.width());
                    let room = self.style.width.unwrap_or(usize::MAX).saturating_sub(width + GAP.len());
                    let cell = cut(cell, room.max(COLUMN_WIDTH_MIN));
                    writeln!(self.out, "{dim}{name}{plain}{pad}{GAP}{cell}")?;
                }
            }
            None => {}
        }
        Ok(())
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            let cell = if self.style.width.is_some() { cut(cell, *width) } else { cell.clone() };
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let (color, plain) = match color_of(&self.names[index], &cell) {
                Some(color) if self.style.color => (color, PLAIN),
                _ => ("", ""),
            };
            match self.right[index] {
                true => line.extend([pad.as_str(), color, cell.as_str(), plain]),
                false => line.extend([color, cell.as_str(), plain, pad.as_str()]),
            }
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }
}

impl<W: Write + Send> Sink for TableSink<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), RenderError> {
        let batch = as_lines(batch, &self.schema)?;
        let options = FormatOptions::new();
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut text = String::new();
        for index in 0..batch.num_rows() {
            let mut row = Vec::with_capacity(columns.len());
            for column in &columns {
                text.clear();
                if write!(text, "{}", column.value(index)).is_err() {
                    text.push('?');
                }
                row.push(visible(&text));
            }
            match self.layout {
                Some(_) => self.write_row(&row)?,
                None => {
                    self.held.push(row);
                    if self.held.len() >= ROWS_MEASURED_MAX {
                        self.begin()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &Completeness) -> Result<(), RenderError> {
        match self.layout {
            Some(_) => Ok(()),
            None => self.begin(),
        }
    }
}

/// The colour of what `releases` says of a release.
fn color_of(column: &str, cell: &str) -> Option<&'static str> {
    match (column, cell) {
        ("status", "live") => Some("\x1b[32m"),
        ("status", "rolling out") => Some("\x1b[33m"),
        ("status", "gone") => Some(DIM),
        _ => None,
    }
}

/// Widths that fit the terminal: the widest give way first. `None` if there are too many columns.
fn fit(widths: &[usize], terminal: usize) -> Option<Vec<usize>> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let room = terminal.checked_sub(gaps)?;
    let least: usize = widths.iter().map(|width| (*width).min(COLUMN_WIDTH_MIN)).sum();
    if least > room {
        return None;
    }
    // The largest limit that all columns together can keep to.
    let total = |limit: usize| widths.iter().map(|width| (*width).min(limit)).sum::<usize>();
    let widest = widths.iter().copied().max().unwrap_or(0);
    let limit = (COLUMN_WIDTH_MIN..=widest).rev().find(|limit| total(*limit) <= room).unwrap_or(COLUMN_WIDTH_MIN);
    let mut fitted: Vec<usize> = widths.iter().map(|width| (*width).min(limit)).collect();
    // What is left over by rounding goes to the first columns that were cut.
    let mut left = room - fitted.iter().sum::<usize>();
    for (width, natural) in fitted.iter_mut().zip(widths) {
        if left > 0 && *width < *natural {
            *width += 1;
            left -= 1;
        }
    }
    Some(fitted)
}

fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        other => other.is_numeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_give_way_first() {
        assert_eq!(fit(&[5, 8], 80), Some(vec![5, 8]));
        assert_eq!(fit(&[5, 100], 40), Some(vec![5, 33]));
        assert_eq!(fit(&[50, 100], 42), Some(vec![20, 20]));
        assert_eq!(fit(&[50, 100], 43), Some(vec![21, 20]));
        assert_eq!(fit(&[50, 100], 21), None);
        assert_eq!(fit(&[3; 20], 20), None);
        assert_eq!(fit(&[], 20), Some(vec![]));
    }
}
