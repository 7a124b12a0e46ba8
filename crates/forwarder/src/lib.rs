//! The Lambda of every region: a CloudWatch Logs subscription comes in, records go to Firehose, and an invocation that
//! could not deliver everything fails, so that Lambda tries it again and finally keeps the event.
//!
//! This crate refuses to link Arrow, Parquet or DataFusion, to write a log line a record, and to put a payload, a
//! credential or the name of a stream or bucket into what it logs.

pub mod config;
pub mod deliver;
pub mod handler;
pub mod pack;
pub mod report;
pub mod sampling;
