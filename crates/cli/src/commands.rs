//! One file a command: each takes its arguments, calls the rooms and prints. None holds logic of its own.

pub mod completions;
pub mod demo;
pub mod ingest;
pub mod query;
pub mod schema;
pub mod sql;
