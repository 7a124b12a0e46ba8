//! The forwarder as Lambda runs it: the real binary between a Runtime API and a Firehose on loopback, both of which keep
//! to the services' rules and fail where a test asks them to; the real command line asks the lake.
//!
//! These tests refuse to link the forwarder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is the message")]

mod behaviour;
mod conformance;
mod faults;
mod firehose;
mod nothing_is_lost;
mod recovery;
mod runtime_api;
mod start;
mod world;
