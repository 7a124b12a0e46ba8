//! The program as its users run it: payloads go in at `transect ingest`, questions are asked at the command line, and
//! stdout, stderr and exit code are what is looked at.
//!
//! These tests refuse to reach inside: no crate of the project is linked.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is the message")]

mod asking;
mod canary;
mod demo;
mod documents;
mod faults;
mod fixtures;
mod follow;
mod logs;
mod strangers;
mod trace;
mod unhandled;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use transect_tests::{Answer, files_below, isolated, once_a_run, program};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A command that sees nothing of the machine's own configuration.
fn transect(arguments: &[&str]) -> Command {
    let mut command = Command::new(program("transect"));
    command.args(arguments).env_remove("TRANSECT_LAKE").env("XDG_CONFIG_HOME", "/nonexistent").stdin(Stdio::null());
    // Nothing can be kept there.
    command.env("XDG_CACHE_HOME", "/dev/null");
    command.current_dir(std::env::temp_dir());
    command
}

fn run(arguments: &[&str]) -> Answer {
    transect(arguments).output().unwrap().into()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The rows of an answer as JSON.
fn rows(arguments: &[&str]) -> Vec<serde_json::Value> {
    let answer = run(&[arguments, &["--format", "json"]].concat());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let answer: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(answer["complete"], true);
    assert_eq!(answer["missing_regions"], serde_json::json!([]));
    answer["rows"].as_array().unwrap().clone()
}
