//! `transect sql`: one query, its rows. It refuses to change anything: a lake is only read.

use std::io::Read;
use std::path::Path;

use anyhow::Context;

use crate::arguments::{Global, Sql};
use crate::failure::Failure;
use crate::{config, output};

pub fn run(own: &Sql, global: &Global) -> Result<(), Failure> {
    let text = match (&own.query, &own.file) {
        (Some(query), _) => query.clone(),
        (None, Some(file)) => read(file)?,
        (None, None) => return Err(Failure::usage("no query", "transect sql \"SELECT count(*) FROM logs\"")),
    };
    let engine = output::engine(config::configured(global)?, global)?;
    output::answer(&engine, &text, &[], global)?;
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text
        .with_context(|| format!("read query from {}", path.display()))
        .map_err(|error| Failure::Because { code: crate::failure::USAGE, error, hint: None })?;
    // Editors put a byte order mark before what they write.
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}
