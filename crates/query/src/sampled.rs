//! How many records a row stands for where a forwarder kept a share of them: `sample_weight(attributes)`, for whoever
//! counts records. What the marks of a call, its report and failures are counted by is always kept, and stands for itself.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arrow::array::{Array, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use transect_schema::sample_rate;

/// The least rate that a question has met.
#[derive(Debug)]
pub(crate) struct LeastRate(AtomicU64);

impl Default for LeastRate {
    fn default() -> LeastRate {
        LeastRate(AtomicU64::new(1.0_f64.to_bits()))
    }
}

impl LeastRate {
    pub(crate) fn forget(&self) {
        self.0.store(1.0_f64.to_bits(), Relaxed);
    }

    /// The rate, where any row was kept by one below 1.
    pub(crate) fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Relaxed))).filter(|rate| *rate < 1.0)
    }

    /// The bits of numbers above 0 are in the numbers' order.
    fn note(&self, rate: f64) {
        self.0.fetch_min(rate.to_bits(), Relaxed);
    }
}

/// The function, which notes what it meets.
pub(crate) fn sample_weight(least: &Arc<LeastRate>) -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Utf8View], Volatility::Immutable);
    ScalarUDF::new_from_impl(SampleWeight { least: Arc::clone(least), signature })
}

struct SampleWeight {
    least: Arc<LeastRate>,
    signature: Signature,
}

impl fmt::Debug for SampleWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A question has one.
impl PartialEq for SampleWeight {
    fn eq(&self, other: &SampleWeight) -> bool {
        Arc::ptr_eq(&self.least, &other.least)
    }
}

impl Eq for SampleWeight {}

impl Hash for SampleWeight {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.least).hash(state);
    }
}

impl ScalarUDFImpl for SampleWeight {
    fn name(&self) -> &str {
        "sample_weight"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let attributes = cast(&arrays[0], &DataType::Utf8View)?;
        let attributes = attributes.as_string_view();
        let weights = (0..attributes.len()).map(|row| {
            let rate = attributes.is_valid(row).then(|| sample_rate(attributes.value(row))).flatten().unwrap_or(1.0);
            self.least.note(rate);
            1.0 / rate
        });
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from_iter_values(weights))))
    }
}
