//! The table `landing`: every row that was delivered, duplicates and all, and where and when it landed. A scan lists
//! the hours that its filters leave, and plans DataFusion's own Parquet scan of the files there, one for each location.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{DataType, Field, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{Result, ScalarValue, TableReference, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use futures::future::try_join_all;
use object_store::ObjectStore;
use object_store::path::Path;
use transect_lake::{
    HourFiles, HourRange, HourUtc, LANDING, ListedHours, NANOS_PER_HOUR, OddKey, Partition, RegionStore, Serving,
    list_hours, read_schema,
};
use url::Url;

use crate::answer::Reading;
use crate::blame::NamedErrors;
use crate::footers::{Files, Footers};
use crate::hours::{Bounds, allowed_values, bounds};

/// The region that a row was delivered in: the folder's.
pub(crate) const LANDING_REGION: &str = "landing_region";
/// The beginning of the hour that a row was delivered in: the folder's.
pub(crate) const LANDING_HOUR: &str = "landing_hour_unix_nano";

/// What of the lake a question may look at.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Rows earlier than this are left out; nanoseconds since 1970.
    pub since_unix_nano: Option<i64>,
    /// Rows later than this are left out; nanoseconds since 1970.
    pub until_unix_nano: Option<i64>,
    /// How much later than its time a row may have arrived and still be found, in nanoseconds.
    pub lateness_nano: i64,
    /// The time that `now()` gives, in nanoseconds since 1970.
    pub now_unix_nano: i64,
    /// Regions looked at; all if empty.
    pub regions: Vec<String>,
}

impl Extent {
    /// Every row of every region, with the clock at `now_unix_nano`.
    pub fn at(now_unix_nano: i64) -> Extent {
        Extent {
            since_unix_nano: None,
            until_unix_nano: None,
            lateness_nano: 24 * NANOS_PER_HOUR,
            now_unix_nano,
            regions: Vec::new(),
        }
    }

    /// The same without bounds of time, for those who say themselves where to look.
    pub fn at_all_times(&self) -> Extent {
        Extent { since_unix_nano: None, until_unix_nano: None, ..self.clone() }
    }
}

#[derive(Debug)]
pub(crate) struct Landing {
    places: Vec<LandingPlace>,
    extent: Extent,
    schema: TableSchema,
    found: Mutex<Found>,
    is_dry: AtomicBool,
}

/// One location of the lake.
#[derive(Debug)]
pub(crate) struct LandingPlace {
    pub(crate) store: Arc<RegionStore>,
    pub(crate) footers: Arc<Footers>,
}

/// What the scans of one question have found. A view scans the table more than once, and must see the same files every
/// time, whatever lands meanwhile.
#[derive(Debug, Default)]
struct Found {
    /// By location, regions and hours.
    listings: HashMap<(usize, Vec<String>, HourRange), Listing>,
    /// Locations with files in the plan of the attempt under way.
    planned: BTreeSet<usize>,
    /// Files that were left out because they cannot be read, with their location.
    unreadable: BTreeSet<(usize, Path)>,
    /// What cannot be read under its name, by location.
    odd: BTreeSet<(usize, OddKey)>,
    readings: BTreeMap<String, Reading>,
    /// Hours of locations that the readings have.
    counted: HashSet<(usize, Partition)>,
}

impl Found {
    /// Counts what was listed of a location; hours of two ranges once.
    fn count(&mut self, place: usize, hours: &[HourFiles]) {
        for hour in hours {
            if self.counted.insert((place, hour.partition.clone())) {
                let region = hour.partition.region();
                self.readings.entry(region.to_owned()).or_insert_with(|| Reading::of(region)).add(hour);
            }
        }
    }
}

/// Scans are planned side by side: the first one lists, and the others wait for what it finds.
type Listing = Arc<futures::lock::Mutex<Option<Arc<Vec<HourFiles>>>>>;

impl Landing {
    pub(crate) fn new(places: Vec<LandingPlace>, extent: Extent) -> Landing {
        let partitions = vec![
            Arc::new(Field::new(LANDING_REGION, DataType::Utf8View, false)),
            Arc::new(Field::new(LANDING_HOUR, DataType::Int64, false)),
        ];
        let schema = TableSchema::builder(read_schema()).with_table_partition_cols(partitions).build();
        Landing { places, extent, schema, found: Mutex::default(), is_dry: AtomicBool::new(false) }
    }

    /// The locations, in the lake's order.
    pub(crate) fn places(&self) -> &[LandingPlace] {
        &self.places
    }

    /// Says whether questions are planned for what they would read: then nothing is looked up for their plans.
    pub(crate) fn set_dry(&self, is_dry: bool) {
        self.is_dry.store(is_dry, Relaxed);
    }

    pub(crate) fn is_dry(&self) -> bool {
        self.is_dry.load(Relaxed)
    }

    /// Counts what was listed of these hours, and nothing else: hours may have been listed more than once.
    pub(crate) fn count_again(&self, ranges: &[HourRange]) {
        let mut found = self.found();
        found.readings.clear();
        found.counted.clear();
        let listed = found.listings.iter().filter(|((_, _, range), _)| ranges.contains(range));
        let listed: Vec<_> =
            listed.filter_map(|((place, ..), listing)| Some((*place, listing.try_lock()?.clone()?))).collect();
        for (place, hours) in listed {
            found.count(place, &hours);
        }
    }

    /// What the scans have found, by region.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.found().readings.values().cloned().collect()
    }

    /// What could not be read of a location because of its name.
    pub(crate) fn odd(&self, place: usize) -> Vec<OddKey> {
        self.found().odd.iter().filter(|(index, _)| *index == place).map(|(_, odd)| odd.clone()).collect()
    }

    /// Forgets what an attempt before this one had planned.
    pub(crate) fn begin_attempt(&self) {
        self.found().planned.clear();
    }

    /// Whether, since a step was planned, a location has stopped answering or a file has turned out to be
    /// unreadable, so that it can be planned again without them.
    pub(crate) fn has_learned(&self) -> bool {
        let found = self.found();
        self.places.iter().enumerate().any(|(index, place)| {
            let gone = matches!(place.store.serving(), Serving::Nothing(_)) && found.planned.contains(&index);
            let unreadable = place.footers.unreadable();
            gone || unreadable.keys().any(|path| !found.unreadable.contains(&(index, path.clone())))
        })
    }

    /// Whether the question has looked for files.
    pub(crate) fn has_listed(&self) -> bool {
        !self.found().listings.is_empty()
    }

    /// Whether some location holds anything at all.
    pub(crate) async fn has_any_file(&self) -> bool {
        let folder = Path::from(LANDING);
        for place in &self.places {
            match place.store.list_with_delimiter(Some(&folder)).await {
                Ok(listed) if listed.common_prefixes.is_empty() => {}
                // What does not answer may well hold something.
                _ => return true,
            }
        }
        false
    }

    /// A thread that panicked has left whole entries.
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> HourUtc {
        HourUtc::from_unix_nano(self.extent.now_unix_nano)
    }

    /// The hours of arrival that can hold a row for which all filters hold.
    fn hour_range(&self, filters: &[Expr]) -> HourRange {
        let extent = &self.extent;
        let asked = Bounds { min: extent.since_unix_nano, max: extent.until_unix_nano };
        // What is true of the time of an event is true of CloudWatch's time of it, within the same allowance.
        let events = bounds(&["time_unix_nano"], filters).and(bounds(&["observed_time_unix_nano"], filters));
        let landed = bounds(&[LANDING_HOUR], filters);
        let landed =
            HourRange { first: landed.min.map(HourUtc::from_unix_nano), last: landed.max.map(HourUtc::from_unix_nano) };
        [asked, events]
            .map(|bounds| bounds.arrival_hours(extent.lateness_nano, extent.now_unix_nano))
            .iter()
            .fold(landed, |range, other| range.intersect(other))
    }

    fn regions(&self, filters: &[Expr]) -> Option<Vec<String>> {
        let asked = &self.extent.regions;
        match allowed_values(LANDING_REGION, filters) {
            Some(allowed) => {
                Some(allowed.into_iter().filter(|region| asked.is_empty() || asked.contains(region)).collect())
            }
            None => (!asked.is_empty()).then(|| asked.clone()),
        }
    }

    /// The hours of a location; none if it does not answer, which the answer then says.
    pub(crate) async fn list(
        &self,
        index: usize,
        regions: &[String],
        range: &HourRange,
    ) -> Result<Arc<Vec<HourFiles>>> {
        let store = &self.places[index].store;
        if matches!(store.serving(), Serving::Nothing(_)) {
            return Ok(Arc::default());
        }
        let listing = Arc::clone(self.found().listings.entry((index, regions.to_vec(), *range)).or_default());
        let mut listing = listing.lock().await;
        if let Some(hours) = listing.as_ref() {
            return Ok(Arc::clone(hours));
        }
        let hours = match list_hours(store, regions, range, self.now()).await {
            Ok(ListedHours { hours, odd }) => {
                self.found().odd.extend(odd.into_iter().map(|odd| (index, odd)));
                Arc::new(hours)
            }
            Err(_) if matches!(store.serving(), Serving::Nothing(_)) => return Ok(Arc::default()),
            Err(error) => return Err(DataFusionError::External(Box::new(store.explain("list", error)))),
        };
        self.found().count(index, &hours);
        *listing = Some(Arc::clone(&hours));
        Ok(hours)
    }

    fn plan_location(
        &self,
        state: &dyn Session,
        index: usize,
        hours: &[HourFiles],
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // Caches are keyed by table and path, and two regions may well have the same paths.
        let table = TableReference::bare(format!("landing_{index}"));
        let place = &self.places[index];
        let unreadable = place.footers.unreadable();
        self.found().planned.insert(index);
        self.found().unreadable.extend(unreadable.keys().map(|path| (index, path.clone())));
        let mut files = Vec::new();
        // Newest first: a question for the newest rows has them soon, and passes over what is older.
        for hour in hours.iter().rev() {
            let values = vec![
                ScalarValue::Utf8View(Some(hour.partition.region().to_owned())),
                ScalarValue::Int64(Some(hour.partition.hour().start_unix_nano())),
            ];
            let readable = hour.files.iter().filter(|file| !unreadable.contains_key(&file.location));
            files.extend(readable.map(|file| {
                PartitionedFile::new_from_meta(file.clone())
                    .with_partition_values(values.clone())
                    .with_table_reference(Some(table.clone()))
            }));
        }
        let url = format!("lake-{index}://landing/");
        let parsed = Url::parse(&url).map_err(|error| DataFusionError::External(Box::new(error)))?;
        state.runtime_env().register_object_store(&parsed, Arc::clone(&place.store) as _);
        let mut options =
            TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
        // To filter while decoding pays where few rows pass; most rows have what is asked to be there.
        options.global.pushdown_filters &=
            filters.is_empty() || !filters.iter().all(|filter| matches!(filter, Expr::IsNotNull(_)));
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(Files(Arc::clone(&place.footers))));
        let source = NamedErrors::of(source, Arc::clone(&place.footers));
        let groups = deal_out(files, state.config().target_partitions());
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::parse(&url)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// With fewer files than this for each partition some of them would wait for the largest.
const FILES_PER_PARTITION_MIN: usize = 4;

/// The files in groups for so many partitions, each in the order given; few files are cut into parts.
fn deal_out(files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let parts = if files.len() < partitions * FILES_PER_PARTITION_MIN { partitions as u64 } else { 1 };
    let mut groups = vec![Vec::new(); partitions.min(files.len() * parts as usize).max(1)];
    let count = groups.len();
    for (index, file) in files.into_iter().enumerate() {
        let size = file.object_meta.size;
        for part in 0..parts {
            let file = match parts {
                1 => file.clone(),
                // A row group belongs to the part that its middle lies in.
                _ => file
                    .clone()
                    .with_range((size * part / parts).cast_signed(), (size * (part + 1) / parts).cast_signed()),
            };
            groups[(index + part as usize) % count].push(file);
        }
    }
    groups.into_iter().map(FileGroup::new).collect()
}

#[async_trait]
impl TableProvider for Landing {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // They choose the hours here; the physical optimizer moves them into the Parquet scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let range = self.hour_range(filters);
        let regions = self.regions(filters);
        let nothing = regions.as_ref().is_some_and(Vec::is_empty);
        let regions = regions.unwrap_or_default();
        let locations = if nothing { 0 } else { self.places.len() };
        let listed = try_join_all((0..locations).map(|index| self.list(index, &regions, &range))).await?;

        let mut plans = Vec::new();
        for (index, hours) in listed.iter().enumerate() {
            if !hours.is_empty() {
                plans.push(self.plan_location(state, index, hours, projection, filters, limit)?);
            }
        }
        match plans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?))),
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }
}
