//! Rows as comma-separated values with a header, quoted where RFC 4180 asks for it. Nested values are JSON text.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;

use super::cells::{as_lines, flat_schema};
use super::{RenderError, Sink};

pub(super) struct CsvSink<W: Write> {
    out: W,
    schema: SchemaRef,
    begun: bool,
    text: Vec<u8>,
}

impl<W: Write> CsvSink<W> {
    pub(super) fn new(out: W, schema: &SchemaRef) -> CsvSink<W> {
        CsvSink { out, schema: flat_schema(schema), begun: false, text: Vec::new() }
    }
}

impl<W: Write> Sink for CsvSink<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), RenderError> {
        self.text.clear();
        let mut writer =
            WriterBuilder::new().with_header(!std::mem::replace(&mut self.begun, true)).build(&mut self.text);
        writer.write(&as_lines(batch, &self.schema)?)?;
        drop(writer);
        // By ourselves, because Arrow's writer makes text of the errors of the one below it.
        Ok(self.out.write_all(&self.text)?)
    }

    fn finish(&mut self) -> Result<(), RenderError> {
        // The header comes with the first batch, and an answer without rows has columns too.
        match self.begun {
            true => Ok(()),
            false => self.write(&RecordBatch::new_empty(self.schema.clone())),
        }
    }
}
