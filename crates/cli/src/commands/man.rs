//! `transect man`: the manual pages, from the same table as the help. It refuses to install them.

use anyhow::Context;
use clap::CommandFactory;

use crate::arguments::{Arguments, Man};
use crate::failure::Failure;

pub fn run(own: &Man) -> Result<(), Failure> {
    let write = || clap_mangen::generate_to(Arguments::command(), &own.dir);
    write().with_context(|| format!("write manual pages into {}", own.dir.display())).map_err(Failure::incomplete)
}
