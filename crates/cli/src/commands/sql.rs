//! `transect sql`: one query, its rows. It refuses to change anything: a lake is only read.

use std::path::Path;

use anyhow::Context;

use crate::arguments::{Global, Sql};
use crate::failure::Failure;
use crate::{config, inputs, output};

/// A query that a program has written has some megabytes.
const QUERY_BYTES_MAX: u64 = 64 << 20;

pub fn run(own: &Sql, global: &Global) -> Result<(), Failure> {
    let text = match (&own.query, &own.file) {
        (Some(query), _) => query.clone(),
        (None, Some(file)) => read(file)?,
        (None, None) => return Err(Failure::usage("no query", "transect sql \"SELECT count(*) FROM logs\"")),
    };
    let question = output::question(config::configured(global)?, global)?;
    output::answer(&question, &text, &[], global)?;
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    inputs::read_text(path, QUERY_BYTES_MAX)
        .with_context(|| format!("read query from {}", path.display()))
        .map_err(|error| Failure::Because { code: crate::failure::USAGE, error, hint: None })
}
