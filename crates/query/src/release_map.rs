//! The release of a row whose application states none: what was recorded for the version of its function, in its region.
//! It refuses to take one region's version for another's.
//!
//! The function below holds the records of the lake, and so does not travel with a plan: an engine that runs plans
//! elsewhere has to be given it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, AsArray, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use transect_lake::{LATEST, Mapping};

/// The name of the function in plans.
pub(crate) const RELEASE_OF: &str = "transect_release_of";

/// Region, function and version.
type Key = (String, String, String);

/// Releases, with the time from which on each holds, in the order of these.
type Recorded = Vec<(i64, String)>;

/// The records of a lake.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReleaseMap {
    releases: HashMap<Key, Recorded>,
}

impl ReleaseMap {
    pub(crate) fn new(mappings: Vec<Mapping>) -> ReleaseMap {
        let mut releases: HashMap<Key, Recorded> = HashMap::new();
        for mapping in mappings {
            let key = (mapping.region, mapping.function, mapping.function_version);
            releases.entry(key).or_default().push((mapping.recorded_unix_nano, mapping.release));
        }
        for recorded in releases.values_mut() {
            recorded.sort();
        }
        ReleaseMap { releases }
    }

    /// The same, where whoever asks knows what these versions are, at all times: that comes before what was recorded.
    pub(crate) fn with(mut self: Arc<ReleaseMap>, known: &[Mapping]) -> Arc<ReleaseMap> {
        for mapping in known {
            let Mapping { region, function, function_version, release, .. } = mapping.clone();
            let recorded = vec![(i64::MIN, release)];
            Arc::make_mut(&mut self).releases.insert((region, function, function_version), recorded);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    /// All releases, as often as they were recorded.
    pub(crate) fn releases(&self) -> impl Iterator<Item = &str> {
        self.releases.values().flatten().map(|(_, release)| release.as_str())
    }

    /// The release of a version of a function in a region at a time.
    pub(crate) fn of(&self, region: &str, function: &str, version: &str, time_unix_nano: i64) -> Option<&str> {
        let recorded = self.releases.get(&(region.to_owned(), function.to_owned(), version.to_owned()))?;
        let index = ReleaseMap::release(recorded, version, time_unix_nano)?;
        Some(recorded.get(index)?.1.as_str())
    }

    /// A numbered version never changes, so what was recorded last corrects what was before, at all times. `$LATEST` is
    /// what was recorded last before the time.
    fn release(recorded: &[(i64, String)], version: &str, time_unix_nano: i64) -> Option<usize> {
        match version == LATEST {
            true => recorded.partition_point(|(from, _)| *from <= time_unix_nano).checked_sub(1),
            false => recorded.len().checked_sub(1),
        }
    }
}

/// The function over a map that is filled before a plan with it is executed.
pub(crate) fn release_of(map: &Arc<OnceLock<Arc<ReleaseMap>>>, args: Vec<Expr>) -> Expr {
    let exact = vec![DataType::Utf8View, DataType::Utf8View, DataType::Utf8View, DataType::Int64];
    let signature = Signature::exact(exact, Volatility::Immutable);
    ScalarUDF::new_from_impl(ReleaseOf { map: Arc::clone(map), signature }).call(args)
}

struct ReleaseOf {
    map: Arc<OnceLock<Arc<ReleaseMap>>>,
    signature: Signature,
}

impl fmt::Debug for ReleaseOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RELEASE_OF)
    }
}

/// A question has one map.
impl PartialEq for ReleaseOf {
    fn eq(&self, other: &ReleaseOf) -> bool {
        Arc::ptr_eq(&self.map, &other.map)
    }
}

impl Eq for ReleaseOf {}

impl Hash for ReleaseOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.map).hash(state);
    }
}

impl ScalarUDFImpl for ReleaseOf {
    fn name(&self) -> &str {
        RELEASE_OF
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let nothing = || ColumnarValue::Scalar(ScalarValue::Utf8View(None));
        let Some(map) = self.map.get().filter(|map| !map.is_empty()) else { return Ok(nothing()) };
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let text = |index: usize| -> Result<StringViewArray> {
            Ok(cast(&arrays[index], &DataType::Utf8View)?.as_string_view().clone())
        };
        let (regions, functions, versions) = (text(0)?, text(1)?, text(2)?);
        let times = arrays[3].as_primitive::<Int64Type>();
        let mut builder = StringViewBuilder::with_capacity(regions.len());
        // Neighbouring rows are mostly of one stream, and so of one version.
        let mut last: Option<(usize, Option<&Recorded>)> = None;
        for row in 0..regions.len() {
            if regions.is_null(row) || functions.is_null(row) || versions.is_null(row) {
                builder.append_null();
                continue;
            }
            let key = |row: usize| (regions.value(row), functions.value(row), versions.value(row));
            let recorded = match last {
                Some((same, recorded)) if key(same) == key(row) => recorded,
                _ => {
                    let (region, function, version) = key(row);
                    map.releases.get(&(region.to_owned(), function.to_owned(), version.to_owned()))
                }
            };
            last = Some((row, recorded));
            let release = recorded.and_then(|recorded| {
                let index = ReleaseMap::release(recorded, versions.value(row), times.value(row))?;
                Some(recorded.get(index)?.1.as_str())
            });
            builder.append_option(release);
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    }
}
