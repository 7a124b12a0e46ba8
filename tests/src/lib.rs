//! What the project's tests share: the programs that cargo built, and where files lie.
//!
//! It refuses to link any crate of the project: tests see what users see.

#![allow(clippy::expect_used, reason = "a test that cannot find its program has nothing to look at")]

pub mod aws;
pub mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A program of the workspace, built by the same cargo, profile and target folder as the running test.
///
/// # Panics
/// If it cannot be built: the test has nothing to look at then.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let this = std::env::current_exe().expect("a running test has a path");
        let folder = this.ancestors().nth(2).expect("tests lie in <target>/<profile>/deps");
        let target = folder.parent().expect("tests lie in <target>/<profile>/deps");
        let mut build = Command::new(env!("CARGO"));
        // With the tests, whose dependencies ask for features of their own: nothing is built twice then.
        build.args(["build", "--quiet", "--workspace", "--bins", "--tests", "--target-dir"]).arg(target);
        // What cargo tells a test of its package would count as a change for build scripts that look at it, and everything
        // above them would be built again.
        for (name, _) in std::env::vars_os() {
            let is_of_package = |name: &str| {
                ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
            };
            if name.to_str().is_some_and(is_of_package) {
                build.env_remove(name);
            }
        }
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(status.success(), "the programs cannot be built");
        folder.to_owned()
    });
    folder.join(name)
}

/// The program in a folder that holds its configuration and cache, with nothing of this machine's own.
pub fn isolated(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("transect"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("TRANSECT_")) {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("none"))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Every file below a folder, in the order of their paths; none where there is no such folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// What a program said and how it ended.
pub struct Answer {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Answer {
        let text = |bytes| String::from_utf8(bytes).expect("the programs write UTF-8");
        Answer { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
