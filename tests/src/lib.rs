//! What the project's tests share: the programs that cargo built, and where files lie.
//!
//! It refuses to link any crate of the project: tests see what users see.

#![allow(clippy::expect_used, reason = "a test that cannot find its program has nothing to look at")]

pub mod aws;
pub mod server;
pub mod store;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A program of the workspace, built by the same cargo, profile and target folder as the running test.
///
/// # Panics
/// If it cannot be built: the test has nothing to look at then.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    // Where each test is a process of its own, cargo need not be asked by each of them.
    BUILT.get_or_init(|| drop(once_a_run("programs", |_| build_programs())));
    profile_folder().join(name)
}

/// Where cargo puts the programs: `<target>/<profile>`.
fn profile_folder() -> PathBuf {
    let this = std::env::current_exe().expect("a running test has a path");
    this.ancestors().nth(2).expect("tests lie in <target>/<profile>/deps").to_owned()
}

fn build_programs() {
    let folder = profile_folder();
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
}

/// How long what a run of the tests has made may still be in use, far more than any run takes.
const RUN_SECONDS_MAX: u64 = 3 * 3600;

/// The folder of this name that all tests of one run share: what comes first fills it, the others wait for that. A run is a
/// process for `cargo test`, and for nextest all the processes that it starts. Folders of runs that are long over go.
///
/// # Panics
/// If it cannot be made: the tests have nothing to look at then.
pub fn once_a_run(name: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let id = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| format!("process-{}", std::process::id()));
        let runs = profile_folder().join("test-runs");
        let run = runs.join(id);
        // A process may have the number of an earlier one.
        if std::env::var_os("NEXTEST_RUN_ID").is_none() {
            let _ = std::fs::remove_dir_all(&run);
        }
        std::fs::create_dir_all(&run).expect("the target folder can be written to");
        for other in std::fs::read_dir(&runs).into_iter().flatten().flatten() {
            let age = other.metadata().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
            if age.is_some_and(|age| age.as_secs() > RUN_SECONDS_MAX) {
                let _ = std::fs::remove_dir_all(other.path());
            }
        }
        run
    });
    let (folder, done) = (run.join(name), run.join(format!("{name}.done")));
    let lock = std::fs::File::create(run.join(format!("{name}.lock"))).expect("the target folder can be written to");
    lock.lock().expect("file systems lock files");
    if !done.exists() {
        // Somebody began and failed: what is half done is nobody's.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        fill(&folder);
        std::fs::write(done, "").expect("the target folder can be written to");
    }
    folder
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
