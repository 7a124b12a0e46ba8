//! Where telemetry lies: the regions of a lake, the paths inside it, the Parquet writer and the listing of what is
//! there.
//!
//! This crate never prints and never reads the environment: paths, credentials, limits and clocks are passed in. It knows Arrow
//! and Parquet, and no query engine.

mod batch;
mod cache;
mod columns;
mod directory;
mod error;
mod health;
mod listing;
mod living;
mod location;
mod odd;
mod pages;
mod partition;
mod private;
mod properties;
mod releases;
mod requests;
mod sources;
mod store;
mod writer;

pub use batch::Batch;
pub use cache::{CACHE_BYTES_MAX, DiskCache};
pub use columns::{read_schema, record_batch, write_schema};
pub use error::{LakeError, without_path};
pub use listing::{HourFiles, HourRange, ListedHours, list_hours, list_regions};
pub use location::{Bucket, Lake, Place, RegionLocation};
pub use odd::OddKey;
pub use partition::{HourUtc, LANDING, NANOS_PER_HOUR, Partition};
pub use private::create_private;
pub use properties::BLOOM_FILTER_COLUMNS;
pub use releases::{LATEST, Mapping, RELEASES, read_mappings, record_mapping, record_mappings};
pub use requests::{RequestCounts, Requests};
pub use sources::{INGEST_PREFIX, SourceId, source_events, source_events_in_bucket};
pub use store::{Access, CredentialsError, Listed, REGION_TIMEOUT, RegionStore, Serving};
pub use writer::{LakeWriter, Published, WriterOptions};

/// What every function of this crate returns.
pub type Result<T, E = LakeError> = std::result::Result<T, E>;
