//! The columns as Arrow knows them, and the builders that turn rows into batches. It refuses to name a column: names
//! and types come from `transect-schema` alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use transect_schema::{COLUMNS, Column, ColumnType, Record, Value};

/// How the columns are read: text as views, so that a filter on a short prefix touches no text, and every column
/// nullable, because Firehose writes every column as optional and older files lack some.
pub fn read_schema() -> SchemaRef {
    schema(|column| match column.column_type {
        ColumnType::BigInt => DataType::Int64,
        ColumnType::Int => DataType::Int32,
        ColumnType::Double => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::String => DataType::Utf8View,
    })
}

/// How the columns are written: as [`read_schema`], but text in one buffer, which costs the Parquet encoder least.
/// Nullable too, so that these files and Firehose's are alike.
pub fn write_schema() -> SchemaRef {
    schema(|column| match column.column_type {
        ColumnType::BigInt => DataType::Int64,
        ColumnType::Int => DataType::Int32,
        ColumnType::Double => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::String => DataType::Utf8,
    })
}

fn schema(data_type: impl Fn(&Column) -> DataType) -> SchemaRef {
    let fields: Vec<Field> = COLUMNS.iter().map(|column| Field::new(column.name, data_type(column), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Records as they would lie in a file.
///
/// # Errors
/// They are more than Arrow can hold at once: 2 GiB of text in a column.
pub fn record_batch<'r>(
    records: impl IntoIterator<Item = &'r Record<'r>>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut rows = Rows::new(write_schema());
    for record in records {
        rows.append(record);
    }
    rows.take()
}

enum ColumnBuilder {
    BigInt(Int64Builder),
    Int(Int32Builder),
    Double(Float64Builder),
    Boolean(BooleanBuilder),
    String(StringBuilder),
}

impl ColumnBuilder {
    fn new(column_type: ColumnType) -> ColumnBuilder {
        // Capacity 0: a writer may hold hundreds of hours with a handful of rows each.
        match column_type {
            ColumnType::BigInt => ColumnBuilder::BigInt(Int64Builder::with_capacity(0)),
            ColumnType::Int => ColumnBuilder::Int(Int32Builder::with_capacity(0)),
            ColumnType::Double => ColumnBuilder::Double(Float64Builder::with_capacity(0)),
            ColumnType::Boolean => ColumnBuilder::Boolean(BooleanBuilder::with_capacity(0)),
            ColumnType::String => ColumnBuilder::String(StringBuilder::with_capacity(0, 0)),
        }
    }

    /// Appends a value, which is of the column's own type because both come from the same table; returns the bytes of
    /// text that it holds.
    fn append(&mut self, value: Option<Value<'_>>) -> usize {
        match (self, value) {
            (ColumnBuilder::BigInt(builder), Some(Value::BigInt(number))) => builder.append_value(number),
            (ColumnBuilder::BigInt(builder), _) => builder.append_null(),
            (ColumnBuilder::Int(builder), Some(Value::Int(number))) => builder.append_value(number),
            (ColumnBuilder::Int(builder), _) => builder.append_null(),
            (ColumnBuilder::Double(builder), Some(Value::Double(number))) => builder.append_value(number),
            (ColumnBuilder::Double(builder), _) => builder.append_null(),
            (ColumnBuilder::Boolean(builder), Some(Value::Boolean(truth))) => builder.append_value(truth),
            (ColumnBuilder::Boolean(builder), _) => builder.append_null(),
            (ColumnBuilder::String(builder), Some(Value::String(text))) => {
                builder.append_value(text);
                return text.len();
            }
            (ColumnBuilder::String(builder), _) => builder.append_null(),
        }
        0
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::BigInt(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Int(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Double(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Boolean(builder) => Arc::new(builder.finish()),
            ColumnBuilder::String(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Memory of a row besides its text: a value or an offset, and a bit of validity, for each column.
const ROW_BYTES: usize = COLUMNS.len() * 6;

/// Rows on their way to becoming a batch.
pub(crate) struct Rows {
    schema: SchemaRef,
    builders: Vec<ColumnBuilder>,
    len: usize,
    bytes: usize,
}

impl Rows {
    pub(crate) fn new(schema: SchemaRef) -> Rows {
        let builders = COLUMNS.iter().map(|column| ColumnBuilder::new(column.column_type)).collect();
        Rows { schema, builders, len: 0, bytes: 0 }
    }

    pub(crate) fn append(&mut self, record: &Record<'_>) {
        for (builder, value) in self.builders.iter_mut().zip(record.values()) {
            self.bytes += builder.append(value);
        }
        self.len += 1;
        self.bytes += ROW_BYTES;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Memory that the rows take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows as a batch; none are left.
    pub(crate) fn take(&mut self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        self.len = 0;
        self.bytes = 0;
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}
