//! The commands against AWS as their users run them: the real binary, with the real SDK in it, before an account with three
//! regions on loopback, which keeps to the services' rules and fails where a test asks it to.
//!
//! These tests refuse to reach inside: what the account was asked, what it holds afterwards, and what the program printed is
//! what is looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is the message")]

mod backfill;
mod doctor;
mod policy;
mod rollout;
mod subscribe;
mod tail;
mod world;
