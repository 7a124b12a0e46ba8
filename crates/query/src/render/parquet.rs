//! Rows as one Parquet file. Nested values that Parquet does not know are JSON text.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use transect_schema::Completeness;

use super::cells::{flat_schema, flatten};
use super::{RenderError, Sink};
use crate::QueryError;

pub(super) struct ParquetSink<W: Write + Send> {
    writer: ArrowWriter<W>,
    /// Present if a column has to be made text.
    flat: Option<SchemaRef>,
}

impl<W: Write + Send> ParquetSink<W> {
    pub(super) fn new(out: W, schema: &SchemaRef) -> Result<ParquetSink<W>, RenderError> {
        let has_union = schema.fields().iter().any(|field| matches!(field.data_type(), DataType::Union(..)));
        let flat = has_union.then(|| flat_schema(schema));
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
        let written = flat.as_ref().unwrap_or(schema).clone();
        let writer = ArrowWriter::try_new(out, written, Some(properties)).map_err(sort_error)?;
        Ok(ParquetSink { writer, flat })
    }
}

impl<W: Write + Send> Sink for ParquetSink<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), RenderError> {
        match &self.flat {
            Some(schema) => self.writer.write(&flatten(batch, schema)?),
            None => self.writer.write(batch),
        }
        .map_err(sort_error)
    }

    fn finish(&mut self, _: &Completeness) -> Result<(), RenderError> {
        self.writer.finish().map(|_| ()).map_err(sort_error)
    }
}

/// Finds the writer's own error, so that a reader that went away is recognised.
fn sort_error(error: ParquetError) -> RenderError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => RenderError::Write(*error),
            Err(other) => RenderError::Query(QueryError::Execution(other.to_string())),
        },
        other => RenderError::Query(QueryError::Execution(other.to_string())),
    }
}
