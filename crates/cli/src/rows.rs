//! Answers of the commands against AWS: rows that come from no query, in the same formats as those that do. It refuses to
//! know what they mean.

use std::sync::Arc;

use anyhow::Context;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use transect_query::{Completeness, NamesSeen, render_batch};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::{self, Destination};

/// Columns in their order.
#[derive(Default)]
pub struct Rows {
    columns: Vec<(&'static str, ArrayRef)>,
}

impl Rows {
    /// No columns yet.
    pub fn new() -> Rows {
        Rows::default()
    }

    /// Texts.
    pub fn text<T: AsRef<str>>(mut self, name: &'static str, values: impl Iterator<Item = T>) -> Rows {
        self.columns.push((name, Arc::new(StringArray::from_iter_values(values)) as ArrayRef));
        self
    }

    /// Whole numbers, or none.
    pub fn int(mut self, name: &'static str, values: impl Iterator<Item = Option<i64>>) -> Rows {
        self.columns.push((name, Arc::new(Int64Array::from_iter(values)) as ArrayRef));
        self
    }

    /// Counts.
    pub fn count(self, name: &'static str, values: impl Iterator<Item = u64>) -> Rows {
        self.int(name, values.map(|value| i64::try_from(value).ok()))
    }

    /// Numbers, or none.
    pub fn number(mut self, name: &'static str, values: impl Iterator<Item = Option<f64>>) -> Rows {
        self.columns.push((name, Arc::new(Float64Array::from_iter(values)) as ArrayRef));
        self
    }

    /// Times, in nanoseconds since 1970, or none.
    pub fn time(mut self, name: &'static str, values: impl Iterator<Item = Option<i64>>) -> Rows {
        let times = TimestampNanosecondArray::from_iter(values).with_timezone("+00:00");
        self.columns.push((name, Arc::new(times) as ArrayRef));
        self
    }

    /// Writes them where the arguments say, and says what they are without.
    pub fn print(self, global: &Global, completeness: &Completeness) -> Result<(), Failure> {
        let format = output::row_format(global)?;
        if !global.strict || completeness.is_complete() {
            let batch =
                RecordBatch::try_from_iter(self.columns).context("lay out the answer").map_err(Failure::incomplete)?;
            let mut destination = Destination::open(global)?;
            output::refuse_parquet_on_terminal(format, &destination)?;
            let style = destination.table_style(global);
            render_batch(&batch, format, &style, completeness, destination.writer())?;
            destination.writer().flush()?;
            destination.publish()?;
        }
        output::finish(global, completeness, &NamesSeen::default())
    }
}
