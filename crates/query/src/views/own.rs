//! Calls that are a stream's own: a plan node over one row a call. Where a stream has STARTs, a call none of whose lines
//! marks it is another's: of API Gateway, of the service that called, or a stranger's. It refuses to judge a stream without
//! STARTs: a function may let Lambda write failures alone.
//!
//! Rows of marked calls pass as they come. The others, which are few, wait until all streams are known.

use std::collections::HashSet;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::Distribution;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::worked::{ViewWork, columns};
use crate::node::Work;

/// Whether one of a call's lines marks it, and whether that is its START; never null.
pub(super) const IS_MARKED: &str = "is_marked";
pub(super) const IS_STARTED: &str = "is_started";
/// What makes calls those of one stream.
const STREAM: [&str; 3] = ["cloud_region", "aws_log_group", "aws_log_stream"];
/// Two hashes of 64 bits tell streams apart.
const SEEDS: [u64; 2] = [0x5f1d_36f1, 0x2545_f491];

/// The node: `rows` have one row a call.
#[derive(Debug)]
pub(super) struct OwnCalls;

impl ViewWork for OwnCalls {
    const NEEDED: &'static [&'static str] = &[STREAM[0], STREAM[1], STREAM[2], IS_MARKED, IS_STARTED];

    fn on(_: &SchemaRef) -> Result<OwnCalls> {
        Ok(OwnCalls)
    }
}

impl Work for OwnCalls {
    const NAME: &'static str = "OwnCallsExec";

    fn distribution(&self) -> Distribution {
        Distribution::SinglePartition
    }

    fn run(
        &self,
        calls: SendableRecordBatchStream,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let reservation = MemoryConsumer::new(Self::NAME).register(context.memory_pool());
        let sieve = Sieve { started: HashSet::new(), waiting: Vec::new(), reservation };
        let calls = calls.map(|batch| batch.map(Some)).chain(stream::once(async { Ok(None) }));
        let own = calls.scan(sieve, |sieve, batch| {
            let taken = batch.and_then(|batch| match batch {
                Some(batch) => sieve.take(&batch).map(|batch| vec![batch]),
                None => sieve.rest(),
            });
            std::future::ready(Some(taken))
        });
        Ok(own.map_ok(|batches| stream::iter(batches.into_iter().map(Ok))).try_flatten().boxed())
    }
}

/// What was seen so far.
struct Sieve {
    /// The streams that have STARTs.
    started: HashSet<[u64; 2]>,
    /// Calls that nothing marks, with their streams.
    waiting: Vec<(RecordBatch, Vec<[u64; 2]>)>,
    reservation: MemoryReservation,
}

impl Sieve {
    /// The rows that pass at once; the others wait.
    fn take(&mut self, calls: &RecordBatch) -> Result<RecordBatch> {
        let streams = streams(calls)?;
        let (marked, started) = (truths(calls, IS_MARKED)?, truths(calls, IS_STARTED)?);
        self.started.extend(streams.iter().zip(&started).filter(|(_, is_started)| **is_started).map(|(of, _)| *of));
        let unmarked: Vec<bool> = marked.iter().map(|is_marked| !is_marked).collect();
        if unmarked.contains(&true) {
            let of_unmarked = streams.iter().zip(&unmarked).filter(|(_, is_one)| **is_one).map(|(of, _)| *of).collect();
            let rows = filter_record_batch(calls, &BooleanArray::from(unmarked))?;
            self.reservation.try_grow(rows.get_array_memory_size())?;
            self.waiting.push((rows, of_unmarked));
        }
        Ok(filter_record_batch(calls, &BooleanArray::from(marked))?)
    }

    /// Those that waited, and whose streams have no STARTs.
    fn rest(&mut self) -> Result<Vec<RecordBatch>> {
        let waiting = std::mem::take(&mut self.waiting);
        self.reservation.free();
        let own = |(rows, streams): (RecordBatch, Vec<[u64; 2]>)| {
            let is_own: Vec<bool> = streams.iter().map(|stream| !self.started.contains(stream)).collect();
            Ok(filter_record_batch(&rows, &BooleanArray::from(is_own))?)
        };
        waiting.into_iter().map(own).collect()
    }
}

/// The stream of each row.
fn streams(calls: &RecordBatch) -> Result<Vec<[u64; 2]>> {
    let columns = columns(calls, &STREAM)?;
    let mut hashes = SEEDS.map(|_| vec![0; calls.num_rows()]);
    for (hashes, seed) in hashes.iter_mut().zip(SEEDS) {
        create_hashes(&columns, &RandomState::with_seed(seed), hashes)?;
    }
    let [one, other] = hashes;
    Ok(one.into_iter().zip(other).map(|(one, other)| [one, other]).collect())
}

fn truths(calls: &RecordBatch, name: &str) -> Result<Vec<bool>> {
    let columns = columns(calls, &[name])?;
    let array = columns[0].as_boolean();
    Ok((0..array.len()).map(|row| array.is_valid(row) && array.value(row)).collect())
}
