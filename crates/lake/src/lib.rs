//! Where telemetry lies: the regions of a lake, the paths inside it, the Parquet writer and the listing of what is
//! there.
//!
//! This crate never prints and never reads the environment: paths, limits and clocks are passed in. It knows Arrow
//! and Parquet, and no query engine.

mod columns;
mod error;
mod listing;
mod location;
mod partition;
mod properties;
mod sources;
mod writer;

pub use columns::{read_schema, write_schema};
pub use error::LakeError;
pub use listing::{HourFiles, HourRange, list_hours};
pub use location::{Lake, RegionLocation};
pub use partition::{HourUtc, LANDING, NANOS_PER_HOUR, Partition};
pub use properties::BLOOM_FILTER_COLUMNS;
pub use sources::{SourceId, source_events};
pub use writer::{LakeWriter, Published, WriterOptions};

/// What every function of this crate returns.
pub type Result<T, E = LakeError> = std::result::Result<T, E>;
