//! SQL over the telemetry of all regions: the tables and views, the saved queries and the rendering of answers.
//!
//! This crate never prints and never reads the environment: the lake, the time range and the clock are passed in, and
//! answers go to a writer of the caller's. It answers queries alone; nothing here changes a lake.

mod engine;
mod error;
mod footers;
mod hours;
mod landing;
mod names;
mod queries;
mod render;
mod views;

pub use datafusion::common::ScalarValue;
pub use engine::{Answer, Engine, EngineOptions, Scanned};
pub use error::{QueryError, SqlError};
pub use queries::{Param, ParamKind, SavedQuery, saved_queries, saved_query};
pub use render::{Format, RenderError, TableStyle, render};

/// What every function of this crate returns.
pub type Result<T, E = QueryError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests;
