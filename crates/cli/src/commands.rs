//! One file a command: each takes its arguments, calls the rooms and prints. None holds logic of its own.

pub mod canary;
pub mod completions;
pub mod demo;
pub mod ingest;
pub mod logs;
pub mod man;
pub mod query;
pub mod releases;
pub mod schema;
pub mod sql;
pub mod trace;
