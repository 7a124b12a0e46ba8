//! SQL over the telemetry of all regions: the tables and views, the saved queries and the rendering of answers.
//!
//! This crate never prints and never reads the environment: the lake, the time range and the clock are passed in, and
//! answers go to a writer of the caller's. It answers queries alone; nothing here changes a lake.

mod amplify;
mod answer;
mod blame;
mod distinct;
mod engine;
mod error;
mod failure;
mod file_set;
mod footers;
mod hours;
mod landing;
mod logs;
mod memory;
mod names;
mod node;
mod queries;
mod question;
mod release_map;
mod render;
mod sampled;
mod spool;
mod trace;
mod units;
mod views;

pub use answer::{NamesSeen, ProgressCounts, Reading, readings_batch};
pub use datafusion::common::ScalarValue;
pub use engine::{Engine, EngineOptions};
pub use error::{QueryError, SqlError};
pub use landing::Extent;
pub use logs::{LOGS_MAX, LogFilter, LogWindow, Logs, Unknown};
pub use names::{did_you_mean, hint_of};
pub use queries::{Param, ParamKind, SavedQuery, saved_queries, saved_query};
pub use question::{Answer, Given, Limits, LookedAt, Question, Scanned, Wanted};
pub use render::{Format, LineStyle, RenderError, TableStyle, render, render_batch, render_logs, write_csv_text};
pub use trace::{PickFilter, pick_sql};
pub use transect_schema::{Completeness, FileNote, RegionNote, VisibleJson, visible, visible_lines};
pub use transect_trace::{
    ClockSkew, Crossing, Event, FirstError, Hub, Id, IdKind, Link, LogsShown, MADE_AFTER_NANO, MADE_BEFORE_NANO, Mark,
    RegionTime, ReleaseSeen, Span, SpanSource, Status, Summary, TimeLooked, Trace, TraceBounds, TraceStart, Tree,
    WaterfallStyle, Window, render_trace_html, render_trace_json, render_trace_otlp, render_waterfall,
};

pub use units::{
    DoubtCell, MixedCell, Sending, ServiceQuestion, ServiceUnits, Shift, TRACE_CALLS_MAX, UNIT_NANO_MAX, UnitCell,
    UnitKind, UnitQuestion, Units, WINDOW_NANO,
};

/// What every function of this crate returns.
pub type Result<T, E = QueryError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests;
