//! Lakes whose regions lie in buckets, and regions that fail: an S3 server in the process for each region, which stalls,
//! refuses and breaks off on request, and the program as its users run it.
//!
//! These tests refuse to reach inside: what was asked of the servers, and what the program printed, is what is looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is the message")]

mod answers;
mod files;
mod ingest;
mod releases;
mod requests;
mod world;
