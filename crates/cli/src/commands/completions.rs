//! `transect completions`: a script for a shell, from the table of arguments. It refuses to install it.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions};
use crate::failure::Failure;

pub fn run(own: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(own.shell, &mut Arguments::command(), "transect", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}
