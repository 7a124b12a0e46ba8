//! Lines with the invocation that they belong to: a plan node over the marks of calls and the failures alone, some three
//! rows a call, stream by stream in the order of CloudWatch. Copies and marks that are none are left out of what comes
//! out. It refuses to decide whose a line is: [`calls_of`] does.
//!
//! It holds the rows of a stream at a time, and those of several if they are few.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringViewArray, StringViewBuilder,
};
use arrow::compute::{SortOptions, cast, concat_batches, filter_record_batch, partition};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, OrderingRequirements, PhysicalSortExpr};
use datafusion::physical_plan::Distribution;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::worked::{ViewWork, columns};
use crate::node::Work;
use transect_trace::calls::{LineKind, SHARED_VERSION, StreamLine, calls_of};

/// What makes rows one stream.
const STREAM: [&str; 3] = ["cloud_region", "aws_log_group", "aws_log_stream"];
/// Their order in it.
const ORDER: [&str; 2] = ["observed_time_unix_nano", "event_id"];
/// What is replaced.
const INVOCATION: &str = "faas_invocation_id";
/// What says what a row is.
const KIND: [&str; 2] = ["event_name", "faas_version"];
/// Rows that are handed on together, at least.
const ROWS_MIN: usize = 8 << 10;
/// What a row's column takes besides the text that it shares with others.
const VALUE_BYTES: usize = size_of::<u128>();

/// The node: `rows` are all marks of the streams in question, and the lines that are to be tied. It gives each with the
/// invocation that it belongs to in `faas_invocation_id`.
#[derive(Debug)]
pub(super) struct Tied {
    ordering: LexOrdering,
}

impl ViewWork for Tied {
    const NEEDED: &'static [&'static str] =
        &[STREAM[0], STREAM[1], STREAM[2], ORDER[0], ORDER[1], INVOCATION, KIND[0], KIND[1]];

    fn on(schema: &SchemaRef) -> Result<Tied> {
        let sort = |name: &str| Ok(PhysicalSortExpr::new(col(name, schema)?, SortOptions::new(false, true)));
        let ordering = STREAM.into_iter().chain(ORDER).map(sort).collect::<Result<Vec<_>>>()?;
        match LexOrdering::new(ordering) {
            Some(ordering) => Ok(Tied { ordering }),
            None => internal_err!("there is no order"),
        }
    }
}

impl Work for Tied {
    const NAME: &'static str = "TiedExec";

    fn distribution(&self) -> Distribution {
        Distribution::KeyPartitioned(
            self.ordering.iter().take(STREAM.len()).map(|sort| Arc::clone(&sort.expr)).collect(),
        )
    }

    fn ordering(&self) -> Option<OrderingRequirements> {
        Some(OrderingRequirements::from(self.ordering.clone()))
    }

    fn run(
        &self,
        rows: SendableRecordBatchStream,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let reservation = MemoryConsumer::new(Self::NAME).register(context.memory_pool());
        let held = Held { batches: Vec::new(), rows: 0, schema: rows.schema(), reservation };
        let rows = rows.map(|batch| batch.map(Some)).chain(stream::once(async { Ok(None) }));
        let tied = rows.scan(held, |held, batch| std::future::ready(Some(batch.and_then(|batch| held.take(batch)))));
        Ok(tied.try_filter_map(|batch| std::future::ready(Ok(batch))).boxed())
    }
}

/// Rows of streams that are not handed on yet.
struct Held {
    batches: Vec<RecordBatch>,
    rows: usize,
    schema: SchemaRef,
    reservation: MemoryReservation,
}

impl Held {
    /// Takes the next rows, or the end of them; gives back what is whole.
    fn take(&mut self, batch: Option<RecordBatch>) -> Result<Option<RecordBatch>> {
        let Some(batch) = batch else { return self.hand_on() };
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        let Some(first) = self.batches.last() else {
            self.keep(batch)?;
            return Ok(None);
        };
        // The last stream may go on in the next batch.
        let before = first.slice(first.num_rows() - 1, 1);
        let joined = concat_batches(&self.schema, [&before, &batch])?;
        let begins = partition(&columns(&joined, &STREAM)?)?.ranges().last().map_or(0, |range| range.start);
        if begins == 0 || self.rows + begins - 1 < ROWS_MIN {
            self.keep(batch)?;
            return Ok(None);
        }
        let whole = begins - 1;
        self.keep(batch.slice(0, whole))?;
        let handed_on = self.hand_on()?;
        self.keep(batch.slice(whole, batch.num_rows() - whole))?;
        Ok(handed_on)
    }

    fn keep(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.rows += batch.num_rows();
            self.reservation.try_resize(self.rows * batch.num_columns() * VALUE_BYTES)?;
            self.batches.push(batch);
        }
        Ok(())
    }

    fn hand_on(&mut self) -> Result<Option<RecordBatch>> {
        let batches = std::mem::take(&mut self.batches);
        self.rows = 0;
        self.reservation.free();
        if batches.is_empty() {
            return Ok(None);
        }
        tie(&concat_batches(&self.schema, &batches)?).map(Some)
    }
}

fn texts(batch: &RecordBatch, name: &str) -> Result<StringViewArray> {
    let [array] = columns(batch, &[name])?.try_into().map_err(|_| DataFusionError::Internal(name.to_owned()))?;
    Ok(cast(&array, &DataType::Utf8View)?.as_string_view().clone())
}

/// The rows of whole streams, in their order, each once and with its invocation; without marks that are none.
fn tie(batch: &RecordBatch) -> Result<RecordBatch> {
    let [ids, events, names, versions] = [INVOCATION, ORDER[1], KIND[0], KIND[1]].map(|name| texts(batch, name));
    let (ids, events, names, versions) = (ids?, events?, names?, versions?);
    let [observed] = columns(batch, &ORDER[..1])?.try_into().map_err(|_| DataFusionError::Internal(String::new()))?;
    let observed: Int64Array = cast(&observed, &DataType::Int64)?.as_primitive::<Int64Type>().clone();
    let event = |row: usize| if events.is_valid(row) { events.value(row) } else { "" };
    let time = |row: usize| if observed.is_valid(row) { observed.value(row) } else { 0 };

    let mut tied = StringViewBuilder::with_capacity(batch.num_rows());
    let mut is_kept = Vec::with_capacity(batch.num_rows());
    for range in partition(&columns(batch, &STREAM)?)?.ranges() {
        let mut lines: Vec<StreamLine<&str>> = Vec::with_capacity(range.len());
        let is_copy = |row: usize| row > range.start && time(row) == time(row - 1) && event(row) == event(row - 1);
        let are_copies: Vec<bool> = range.clone().map(is_copy).collect();
        for row in range.clone().zip(&are_copies).filter(|(_, is_copy)| !**is_copy).map(|(row, _)| row) {
            let invocation = (ids.is_valid(row) && !ids.value(row).is_empty()).then(|| ids.value(row));
            lines.push(StreamLine {
                kind: if names.is_valid(row) { LineKind::of(names.value(row)) } else { LineKind::Other },
                invocation,
                observed_unix_nano: time(row),
                is_shared: versions.is_valid(row) && versions.value(row) == SHARED_VERSION,
            });
        }
        let mut calls = calls_of(&lines).into_iter();
        for is_copy in are_copies {
            let call = if is_copy { None } else { calls.next().flatten() };
            is_kept.push(call.is_some());
            tied.append_option(call);
        }
    }
    let tied: ArrayRef = cast(&tied.finish(), batch.schema().field_with_name(INVOCATION)?.data_type())?;
    let schema = batch.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| if field.name() == INVOCATION { Arc::clone(&tied) } else { Arc::clone(array) });
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns.collect())?;
    Ok(filter_record_batch(&rows, &BooleanArray::from(is_kept))?)
}
