//! Values as the formats share them: names, times and nested values as text. It refuses to know layouts.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use arrow::temporal_conversions::{as_datetime, as_datetime_with_timezone};

use super::json::JsonText;

/// RFC 3339 with nanoseconds, without the offset.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.9f";
const ZONED_TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.9f%:z";

/// The times of a column as all formats write them: an instant with the offset of the zone that its type names, `Z` where that
/// is none; a time whose type names no zone without an offset, because it may be of any.
pub(super) struct Times<'a> {
    unit: TimeUnit,
    zone: Option<Tz>,
    values: &'a [i64],
}

impl<'a> Times<'a> {
    /// `None` if the column holds no times.
    pub(super) fn of(array: &'a dyn Array) -> Option<Times<'a>> {
        let DataType::Timestamp(unit, zone) = array.data_type() else { return None };
        let values = match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
        };
        // A zone that nobody knows has not come through the query that names it.
        let zone = zone.as_deref().and_then(|zone| zone.parse().ok());
        Some(Times { unit: *unit, zone, values })
    }

    /// The text of a row that is not null. Beyond the calendar the number says more than nothing.
    pub(super) fn text(&self, row: usize) -> String {
        let value = self.values[row];
        let text = match self.zone {
            None => match self.unit {
                TimeUnit::Second => as_datetime::<TimestampSecondType>(value),
                TimeUnit::Millisecond => as_datetime::<TimestampMillisecondType>(value),
                TimeUnit::Microsecond => as_datetime::<TimestampMicrosecondType>(value),
                TimeUnit::Nanosecond => as_datetime::<TimestampNanosecondType>(value),
            }
            .map(|time| time.format(TIME_FORMAT).to_string()),
            Some(zone) => match self.unit {
                TimeUnit::Second => as_datetime_with_timezone::<TimestampSecondType>(value, zone),
                TimeUnit::Millisecond => as_datetime_with_timezone::<TimestampMillisecondType>(value, zone),
                TimeUnit::Microsecond => as_datetime_with_timezone::<TimestampMicrosecondType>(value, zone),
                TimeUnit::Nanosecond => as_datetime_with_timezone::<TimestampNanosecondType>(value, zone),
            }
            .map(|time| time.format(ZONED_TIME_FORMAT).to_string()),
        };
        match text {
            Some(mut text) => {
                if text.ends_with("+00:00") {
                    text.truncate(text.len() - "+00:00".len());
                    text.push('Z');
                }
                text
            }
            None => value.to_string(),
        }
    }
}

/// The column with its times as text, where it holds times.
pub(super) fn times_as_text(array: &ArrayRef) -> ArrayRef {
    let Some(times) = Times::of(array.as_ref()) else { return Arc::clone(array) };
    let mut builder = StringBuilder::new();
    for row in 0..array.len() {
        builder.append_option(array.is_valid(row).then(|| times.text(row)));
    }
    Arc::new(builder.finish())
}

/// The batch with every cell as what a line of text can hold: nested values as JSON text, times as all formats write them.
pub(super) fn as_lines(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let batch = flatten(batch, schema)?;
    let columns: Vec<ArrayRef> = batch.columns().iter().map(times_as_text).collect();
    if columns.is_empty() {
        return Ok(batch);
    }
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields = fields.map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
}

/// The schema with a number behind every name that comes again: objects and tables cannot have two of a name, and a
/// join easily does.
pub(super) fn with_distinct_names(schema: &SchemaRef) -> SchemaRef {
    let mut taken: HashSet<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    if taken.len() == schema.fields().len() {
        return Arc::clone(schema);
    }
    let mut seen = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        if seen.insert(field.name().clone()) {
            return Arc::clone(field);
        }
        let free = (2_u64..).map(|number| format!("{}_{number}", field.name())).find(|name| !taken.contains(name));
        let name = free.unwrap_or_default();
        taken.insert(name.clone());
        seen.insert(name.clone());
        Arc::new(field.as_ref().clone().with_name(name))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch under the names of [`with_distinct_names`].
pub(super) fn renamed(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.num_columns() == 0 {
        return Ok(batch);
    }
    // Types are the batch's own: what a plan promises and what it gives may differ in whether null is possible.
    let fields = schema.fields().iter().zip(batch.columns());
    let fields = fields.map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, batch.columns().to_vec())
}

/// Whether a value of the type has parts, which only JSON can show.
pub(super) fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_nested(values),
        DataType::RunEndEncoded(_, values) => is_nested(values.data_type()),
        other => other.is_nested(),
    }
}

/// The schema of [`flatten`]'s batches.
pub(super) fn flat_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match is_nested(field.data_type()) {
        true => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        false => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch with every nested column as JSON text.
pub(super) fn flatten(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let fields = batch.schema_ref().fields();
    let columns = fields.iter().zip(batch.columns()).map(|(field, array)| match is_nested(field.data_type()) {
        true => json_text(field, array),
        false => Ok(Arc::clone(array)),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<Vec<_>, _>>()?)
}

fn json_text(field: &Arc<Field>, array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let mut text = JsonText::new(field, array.as_ref())?;
    let mut builder = StringBuilder::new();
    for row in 0..array.len() {
        builder.append_option(text.value(row));
    }
    Ok(Arc::new(builder.finish()))
}
