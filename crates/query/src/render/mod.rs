//! Writes an answer as a table, JSON, CSV or Parquet, as its rows come. It refuses to know where the bytes go, and says
//! whether it was the question or the writing that failed.

mod cells;
mod csv;
mod json;
mod lines;
mod parquet;
mod table;

use std::io::{self, BufWriter, Write};
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use csv::write_csv_text;
pub use lines::{LineStyle, render_logs};

use transect_schema::{Completeness, VisibleJson};

use crate::answer::NamesSeen;
use crate::{Answer, QueryError};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// One object: `{"rows":[…],"complete":true,"missing_regions":[]}`.
    Json,
    /// One object a row and line.
    Ndjson,
    /// RFC 4180, with a header.
    Csv,
    /// One Parquet file.
    Parquet,
}

impl Format {
    /// Every format by its name.
    pub const NAMES: [(&'static str, Format); 5] = [
        ("table", Format::Table),
        ("json", Format::Json),
        ("ndjson", Format::Ndjson),
        ("csv", Format::Csv),
        ("parquet", Format::Parquet),
    ];
}

impl FromStr for Format {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Format, QueryError> {
        Format::NAMES.iter().find(|(name, _)| *name == text).map(|(_, format)| *format).ok_or_else(|| {
            let names = Format::NAMES.map(|(name, _)| name);
            QueryError::Usage {
                message: format!("`{text}` is not a format; there are {}", names.join(", ")),
                hint: crate::names::did_you_mean(text, names),
            }
        })
    }
}

/// How rows look to whoever reads them. Without a width nothing of a table is cut, and without colour there is not one escape
/// sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStyle {
    /// Columns of the terminal.
    pub width: Option<usize>,
    /// Whether the terminal understands colour.
    pub color: bool,
    /// Whether a terminal shows them, which then must not act upon what they say.
    pub is_terminal: bool,
    /// Whether a spreadsheet may open them: texts that it would take for formulas get an apostrophe before them.
    pub csv_safe: bool,
}

/// Why an answer could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The writer failed; a reader that went away is [`io::ErrorKind::BrokenPipe`].
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The rest of the answer never came.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl From<arrow::error::ArrowError> for RenderError {
    fn from(error: arrow::error::ArrowError) -> RenderError {
        match error {
            arrow::error::ArrowError::IoError(_, error) => RenderError::Write(error),
            other => RenderError::Query(QueryError::Execution(other.to_string())),
        }
    }
}

/// Bytes collected before they are written: a system call for each row would cost more than the row.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes the whole answer; returns how many rows it had, and names that stand in it. `completeness` is asked
/// behind the last row, for [`Format::Json`].
pub async fn render(
    answer: &mut Answer,
    format: Format,
    style: &TableStyle,
    completeness: impl Fn() -> Completeness,
    out: &mut (dyn Write + Send),
) -> Result<(u64, NamesSeen), RenderError> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let schema = cells::with_distinct_names(&answer.schema());
    let mut sink = sink(format, style, &schema, &mut out)?;
    let (mut rows, mut names) = (0, NamesSeen::default());
    while let Some(batch) = answer.next().await {
        let batch = cells::renamed(batch?, &schema)?;
        rows += batch.num_rows() as u64;
        names.add(&batch);
        sink.write(&batch)?;
    }
    sink.finish(&completeness())?;
    drop(sink);
    out.flush()?;
    Ok((rows, names))
}

/// Writes rows that are there already, as [`render`] writes an answer.
pub fn render_batch(
    batch: &RecordBatch,
    format: Format,
    style: &TableStyle,
    completeness: &Completeness,
    out: &mut (dyn Write + Send),
) -> Result<(), RenderError> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let schema = cells::with_distinct_names(&batch.schema());
    let mut sink = sink(format, style, &schema, &mut out)?;
    sink.write(&cells::renamed(batch.clone(), &schema)?)?;
    sink.finish(completeness)?;
    drop(sink);
    out.flush()?;
    Ok(())
}

fn sink<'s>(
    format: Format,
    style: &TableStyle,
    schema: &SchemaRef,
    out: &'s mut (dyn Write + Send),
) -> Result<Box<dyn Sink + 's>, RenderError> {
    Ok(match format {
        Format::Table => Box::new(table::TableSink::new(out, schema, *style)),
        Format::Json if style.is_terminal => Box::new(json::JsonSink::object(VisibleJson::new(out))),
        Format::Json => Box::new(json::JsonSink::object(out)),
        Format::Ndjson if style.is_terminal => Box::new(json::JsonSink::lines(VisibleJson::new(out))),
        Format::Ndjson => Box::new(json::JsonSink::lines(out)),
        Format::Csv => Box::new(csv::CsvSink::new(out, schema, *style)),
        Format::Parquet => Box::new(parquet::ParquetSink::new(out, schema)?),
    })
}

/// Takes the batches of an answer one after another.
trait Sink: Send {
    /// Writes some rows.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), RenderError>;
    /// Writes what comes after the last row, and whatever was held back.
    fn finish(&mut self, completeness: &Completeness) -> Result<(), RenderError>;
}
