//! One file a command: each takes its arguments, calls the rooms and prints. None holds logic of its own.

pub mod backfill;
pub mod canary;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod ingest;
pub mod logs;
pub mod man;
pub mod query;
pub mod redrive;
pub mod releases;
pub mod rollout;
pub mod schema;
pub mod sql;
pub mod subscribe;
pub mod tail;
pub mod trace;
