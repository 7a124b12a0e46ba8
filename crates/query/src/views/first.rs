//! The first copy of each event, in one pass: a filter that remembers a digest of every key that it has let through. It
//! refuses to choose between copies: they are equal, and whichever comes first will do.
//!
//! The digest has 128 bits: among a billion events, two different ones share it with a probability of 10^-21.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{Result, resources_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const NAME: &str = "transect_first_copy";
/// Threads seldom meet at one of so many locks.
const SHARDS: usize = 64;
/// Events that one question may tell apart: some 4 GB of digests.
const EVENTS_MAX: usize = 128 << 20;

/// Whether no row with this key came before. Each call makes a memory of its own, and is for one scan of one question.
pub(super) fn is_first(key: Vec<Expr>) -> Expr {
    let seen = Arc::new(Seen { shards: std::array::from_fn(|_| Mutex::default()) });
    ScalarUDF::new_from_impl(FirstCopy { seen, signature: Signature::variadic_any(Volatility::Volatile) }).call(key)
}

/// Digests are as good as random already.
#[derive(Clone, Copy, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        #[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
        {
            self.0 = digest as u64;
        }
    }
}

type Shard = HashSet<u128, BuildHasherDefault<AsIs>>;

struct Seen {
    shards: [Mutex<Shard>; SHARDS],
}

struct FirstCopy {
    seen: Arc<Seen>,
    signature: Signature,
}

impl fmt::Debug for FirstCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

/// Two memories are never one, whatever their keys: two scans would hide each other's rows.
impl PartialEq for FirstCopy {
    fn eq(&self, other: &FirstCopy) -> bool {
        Arc::ptr_eq(&self.seen, &other.seen)
    }
}

impl Eq for FirstCopy {}

impl Hash for FirstCopy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.seen).hash(state);
    }
}

impl ScalarUDFImpl for FirstCopy {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let digest = |seed: u64, from: usize| {
            let mut hashes = vec![0; args.number_rows];
            create_hashes(&arrays[from.min(arrays.len())..], &RandomState::with_seed(seed), &mut hashes)?;
            Ok::<_, datafusion::error::DataFusionError>(hashes)
        };
        // The last part of a key, an event's id, tells nearly all of them apart by itself.
        let (whole, last) = (digest(0, 0)?, digest(1, arrays.len().saturating_sub(1))?);
        let mut first = Vec::with_capacity(args.number_rows);
        for (whole, last) in whole.into_iter().zip(last) {
            let shard = &self.seen.shards[(last % SHARDS as u64) as usize];
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if shard.len() >= EVENTS_MAX / SHARDS {
                return resources_err!("the question is about more than {EVENTS_MAX} events");
            }
            first.push(shard.insert(u128::from(last) << 64 | u128::from(whole)));
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(first))))
    }
}
