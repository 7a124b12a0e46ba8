//! A scan whose errors name their file. Reading a column and casting it fails without a word about where; here whatever fails in
//! the scan of a file is looked into once more, in that file alone: if it cannot be read by itself, it is noted like one whose
//! footer is damaged, so that the question goes on without it.
//!
//! It refuses to blame a file for a mistake of the question: a division by zero in a filter fails in the scan, too.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileScanConfig, FileSource, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::file_stream::FileOpener;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;

use crate::file_set;
use crate::footers::{Footers, Reader};

/// DataFusion's own source, whose errors name their file.
#[derive(Clone)]
pub(crate) struct NamedErrors {
    source: Arc<dyn FileSource>,
    footers: Arc<Footers>,
}

impl NamedErrors {
    pub(crate) fn of(source: ParquetSource, footers: Arc<Footers>) -> NamedErrors {
        NamedErrors { source: Arc::new(source), footers }
    }

    fn with(&self, source: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(NamedErrors { source, footers: Arc::clone(&self.footers) })
    }
}

impl FileSource for NamedErrors {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.source.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let inner = self.source.create_morselizer(store, config, partition)?;
        let schema = Arc::clone(self.source.table_schema().file_schema());
        Ok(Box::new(NamedMorselizer { inner, footers: Arc::clone(&self.footers), schema }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.source.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.with(self.source.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.source.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.source.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.source.metrics()
    }

    fn file_type(&self) -> &str {
        self.source.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt_extra(kind, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.source.supports_repartitioning()
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let FilterPushdownPropagation { filters, updated_node } = self.source.try_pushdown_filters(filters, config)?;
        Ok(FilterPushdownPropagation { filters, updated_node: updated_node.map(|source| self.with(source)) })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(self.source.try_pushdown_sort(order, properties)?.map(|source| self.with(source)))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.source.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.source.try_pushdown_projection(projection)?.map(|source| self.with(source)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.source.apply_expressions(f)
    }
}

/// A file that is being read.
#[derive(Clone, Debug)]
struct Suspect {
    footers: Arc<Footers>,
    meta: Arc<ObjectMeta>,
    schema: SchemaRef,
}

impl Suspect {
    /// The error as it is, or the file's own where it is the file's.
    async fn explain(&self, error: DataFusionError) -> DataFusionError {
        let path = &self.meta.location;
        if matches!(error, DataFusionError::ResourcesExhausted(_)) || self.footers.is_unreadable(path) {
            return error;
        }
        match self.read_alone().await {
            Ok(()) => error,
            Err(fault) => DataFusionError::External(Box::new(self.footers.note(path, fault))),
        }
    }

    /// Reads the whole file as the table has it, without any question.
    async fn read_alone(&self) -> Result<(), ParquetError> {
        let mut reader = Reader::new(&self.footers, &self.meta);
        let footer = reader.get_metadata(None).await?;
        let builder = file_set::open(reader, &footer, |_| DataType::Utf8)?;
        let columns = builder.schema().fields().iter().enumerate();
        let ours = columns.filter(|(_, field)| self.schema.field_with_name(field.name()).is_ok());
        let mask = ProjectionMask::roots(builder.parquet_schema(), ours.map(|(index, _)| index));
        let mut rows = builder.with_projection(mask).build()?;
        while let Some(batch) = rows.try_next().await? {
            for (column, field) in batch.columns().iter().zip(batch.schema_ref().fields()) {
                let Ok(wanted) = self.schema.field_with_name(field.name()) else { continue };
                file_set::cast(column, wanted.data_type()).map_err(|_| {
                    let (name, is, wanted) = (field.name(), field.data_type(), wanted.data_type());
                    ParquetError::General(format!("its column {name} is {is} and does not fit {wanted}"))
                })?;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct NamedMorselizer {
    inner: Box<dyn Morselizer>,
    footers: Arc<Footers>,
    schema: SchemaRef,
}

impl Morselizer for NamedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let (footers, schema) = (Arc::clone(&self.footers), Arc::clone(&self.schema));
        let suspect = Suspect { footers, meta: Arc::new(file.object_meta.clone()), schema };
        Ok(Box::new(NamedPlanner { inner: self.inner.plan_file(file)?, suspect }))
    }
}

#[derive(Debug)]
struct NamedPlanner {
    inner: Box<dyn MorselPlanner>,
    suspect: Suspect,
}

impl MorselPlanner for NamedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let NamedPlanner { inner, suspect } = *self;
        let mut plan = match inner.plan() {
            Ok(Some(plan)) => plan,
            Ok(None) => return Ok(None),
            // Whose it is, is known when the file has been read.
            Err(error) => {
                return Ok(Some(
                    MorselPlan::new().with_pending_planner(async move { Err(suspect.explain(error).await) }),
                ));
            }
        };
        let morsels = plan.take_morsels().into_iter();
        let morsels = morsels.map(|inner| Box::new(NamedMorsel { inner, suspect: suspect.clone() }) as Box<dyn Morsel>);
        let planner = |inner, suspect: &Suspect| {
            Box::new(NamedPlanner { inner, suspect: suspect.clone() }) as Box<dyn MorselPlanner>
        };
        let planners = plan.take_ready_planners().into_iter().map(|inner| planner(inner, &suspect));
        let mut named = MorselPlan::new().with_morsels(morsels.collect()).with_planners(planners.collect());
        if let Some(pending) = plan.take_pending_planner() {
            named.set_pending_planner(async move {
                match pending.await {
                    Ok(inner) => Ok(planner(inner, &suspect)),
                    Err(error) => Err(suspect.explain(error).await),
                }
            });
        }
        Ok(Some(named))
    }
}

#[derive(Debug)]
struct NamedMorsel {
    inner: Box<dyn Morsel>,
    suspect: Suspect,
}

impl Morsel for NamedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let NamedMorsel { inner, suspect } = *self;
        let explain = move |error| {
            let suspect = suspect.clone();
            async move { Err(suspect.explain(error).await) }
        };
        inner.into_stream().or_else(explain).boxed()
    }
}
