//! Each event once, however often it was delivered. Copies are rare and rows are wide, so the rows are not grouped. Where
//! copies are equal, the first one passes and the others do not. Where they are not, as those of spans, one pass over a
//! hash of the key finds the few hashes that come more than once, the rows of all others pass as they are, and only the
//! rest is grouped by the whole key.

use std::sync::{Arc, LazyLock};

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{Column, JoinType, Result};
use datafusion::functions_aggregate::expr_fn::{count, max};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::first::is_first;
use super::{event_key, named};

const HASH: &str = "transect_hash";
const REPEATED: &str = "transect_repeated_hash";

/// How the copies of what has the same key become one row: for each column wanted, an aggregate under its name.
pub(super) type Merge<'m> = &'m dyn Fn(&str) -> Result<Expr>;

/// Any of the copies: they are equal, and should they differ it is the same one every time.
pub(super) fn any_copy(name: &str) -> Result<Expr> {
    Ok(max(named(name)))
}

/// The columns `wanted` of the rows, each event once.
pub(super) fn each_event_once(
    rows: LogicalPlanBuilder,
    needed: &[&str],
    wanted: &[&str],
    few: bool,
) -> Result<LogicalPlanBuilder> {
    // A needle is found by statistics and bloom filters in any case; its few copies are grouped, which is the same
    // answer every time, even should copies differ.
    if few {
        return once(rows, &event_key(), needed, wanted, &any_copy, few);
    }
    let key = event_key().into_iter().map(|(expr, _)| expr).collect();
    rows.filter(is_first(key))?.project(wanted.iter().map(|name| named(name)))
}

/// The columns `wanted` of the rows, with one row for each value of `key`: pairs of an expression over the rows and a
/// name that no column has. Where `few` rows are expected they are grouped at once, rather than read three times.
pub(super) fn once(
    rows: LogicalPlanBuilder,
    key: &[(Expr, &str)],
    needed: &[&str],
    wanted: &[&str],
    merge: Merge<'_>,
    few: bool,
) -> Result<LogicalPlanBuilder> {
    let merge = |rows: LogicalPlanBuilder| {
        let merged = wanted.iter().map(|name| Ok(merge(name)?.alias(*name))).collect::<Result<Vec<_>>>()?;
        let key = key.iter().map(|(expr, name)| expr.clone().alias(*name));
        rows.aggregate(key, merged)?.project(wanted.iter().map(|name| named(name)))
    };
    if few {
        return merge(rows.project(needed.iter().map(|name| named(name).alias(*name)))?);
    }
    let hash = ScalarUDF::clone(&HASH_FUNCTION).call(key.iter().map(|(expr, _)| expr.clone()).collect()).alias(HASH);
    // By an alias a column loses its table's name, which the results of aggregates do not have.
    let columns = needed.iter().map(|name| named(name).alias(*name));
    let keyed = rows.project(columns.chain([hash]))?;

    let repeated = keyed.clone().project([named(HASH)])?;
    let repeated = repeated.aggregate([named(HASH)], [count(lit(1_i64)).alias("copies")])?;
    let repeated = repeated.filter(named("copies").gt(lit(1_i64)))?.project([named(HASH).alias(REPEATED)])?;
    let keyed = keyed.build()?;
    let side = |join: JoinType| {
        let on = (vec![Column::new_unqualified(REPEATED)], vec![Column::new_unqualified(HASH)]);
        repeated.clone().join(keyed.clone(), join, on, None)
    };

    // A row whose hash is like no other's is merged with itself, which leaves it as it is.
    let single = side(JoinType::RightAnti)?.project(wanted.iter().map(|name| named(name)))?;
    single.union(merge(side(JoinType::RightSemi)?)?.build()?)
}

static HASH_FUNCTION: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::new_from_impl(KeyHash { signature: Signature::variadic_any(Volatility::Immutable) }));

/// A hash of several columns. It has no place in SQL and is not registered.
#[derive(Debug, PartialEq, Eq, Hash)]
struct KeyHash {
    signature: Signature,
}

impl ScalarUDFImpl for KeyHash {
    fn name(&self) -> &str {
        HASH
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let mut hashes = vec![0; args.number_rows];
        create_hashes(&arrays, &RandomState::with_seed(0), &mut hashes)?;
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(hashes.into_iter().map(u64::cast_signed)))))
    }
}
