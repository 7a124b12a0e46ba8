//! `transect`: arguments in, answers on stdout, talk on stderr, an exit code that a pipeline can act on.
//!
//! This crate refuses to hold logic that is worth testing without a terminal: rows come from `transect-query`, records
//! from `transect-normalize`, files from `transect-lake`.

mod arguments;
mod commands;
mod config;
mod failure;
mod loader;
mod output;
mod range;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::report_usage(&error),
    };
    let global = &arguments.global;
    let outcome = match &arguments.command {
        Command::Demo(own) => commands::demo::run(own, global),
        Command::Ingest(own) => commands::ingest::run(own, global),
        Command::Sql(own) => commands::sql::run(own, global),
        Command::Query(own) => commands::query::run(own, global),
        Command::Schema => commands::schema::run(global),
        Command::Completions(own) => commands::completions::run(own),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has what they wanted.
        Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
