//! `transect completions`: a script for a shell, which asks the program itself for completions. It refuses to install it.

use std::io::{self, Write};

use anyhow::Context;
use clap_complete::env::Shells;

use crate::arguments::Completions;
use crate::failure::Failure;

/// The environment variable by which a shell's script asks for completions.
pub const VARIABLE: &str = "TRANSECT_COMPLETE";

pub fn run(own: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let shell = shells.completer(&own.shell.to_string()).context("no such shell").map_err(Failure::incomplete)?;
    let written = shell.write_registration(VARIABLE, "transect", "transect", "transect", &mut script);
    written.context("write the script").map_err(Failure::incomplete)?;
    io::stdout().write_all(&script)?;
    Ok(())
}
