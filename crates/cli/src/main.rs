//! `transect`: arguments in, answers on stdout, talk on stderr, an exit code that a pipeline can act on.
//!
//! This crate refuses to hold logic that is worth testing without a terminal: rows come from `transect-query`, records
//! from `transect-normalize`, files from `transect-lake`.

mod arguments;
mod aws;
mod clock;
mod cloud;
mod commands;
mod config;
mod exports;
mod failure;
mod ids;
mod inputs;
mod loader;
mod names;
mod output;
mod range;
mod rows;
mod signals;
mod zone;

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::CompleteEnv;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// A query takes and gives back large buffers all the time, and glibc returns each of them to the system: a fifth to a
/// third of a scan was page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    failure::tell_panics();
    // Where a shell asks for completions, this answers and ends.
    CompleteEnv::with_factory(Arguments::command).var(commands::completions::VARIABLE).bin("transect").complete();
    let mut arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return failure::report_usage(&error),
    };
    arguments.global.output = arguments.global.output.filter(|path| !output::is_stdout(path));
    let is_inversion = matches!(&arguments.command, Command::Logs(own) if own.grep.is_some());
    arguments.global.verbose |= arguments.global.short_v && !is_inversion;
    let run = std::panic::AssertUnwindSafe(|| commands::run(&arguments));
    let outcome = std::panic::catch_unwind(run);
    // Wherever it was, and whatever was made of it: nothing that follows is to be trusted.
    let outcome = match (failure::panic_code(), outcome) {
        (None, Ok(outcome)) => outcome,
        (code, _) => return ExitCode::from(code.unwrap_or(failure::INTERNAL)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has what they wanted.
        Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
