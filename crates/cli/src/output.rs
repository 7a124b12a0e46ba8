//! Where answers go: stdout or a file, as the terminal or the pipe wants them. It refuses to know what is in them.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;
use transect_lake::Lake;
use transect_query::{Engine, EngineOptions, Format, ScalarValue, TableStyle, render};

use crate::arguments::{FormatName, Global};
use crate::failure::Failure;
use crate::range::{parse_duration, parse_time};

/// The format of an answer made of rows.
pub fn row_format(global: &Global) -> Result<Format, Failure> {
    let by_ending = || {
        let ending = global.output.as_deref()?.extension()?.to_str()?;
        Format::NAMES.iter().find(|(name, _)| *name == ending).map(|(_, format)| *format)
    };
    match global.format {
        None => Ok(by_ending().unwrap_or(Format::Table)),
        Some(name) => {
            let name = name.name();
            name.parse().map_err(|_| {
                Failure::usage(
                    format!("--format {name} is for `transect schema`"),
                    "rows come as table, json, ndjson, csv or parquet",
                )
            })
        }
    }
}

/// Whether the answer is wanted as JSON; for commands whose answer is no rows.
pub fn wants_json(global: &Global, command: &str) -> Result<bool, Failure> {
    match global.format {
        None | Some(FormatName::Table) => Ok(false),
        Some(FormatName::Json) => Ok(true),
        Some(other) => Err(Failure::usage(
            format!("`transect {command}` does not write {}", other.name()),
            "it writes table or json",
        )),
    }
}

/// A place for an answer. A file appears when the answer is complete.
pub enum Destination {
    Stdout(io::Stdout),
    File(NamedTempFile),
}

impl Destination {
    pub fn open(global: &Global) -> Result<Destination, Failure> {
        let Some(path) = &global.output else { return Ok(Destination::Stdout(io::stdout())) };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A temporary file is its owner's alone, and stays so.
        let file = NamedTempFile::new_in(directory)
            .with_context(|| format!("write {}", path.display()))
            .map_err(Failure::incomplete)?;
        Ok(Destination::File(file))
    }

    pub fn writer(&mut self) -> &mut (dyn Write + Send) {
        match self {
            Destination::Stdout(stdout) => stdout,
            Destination::File(file) => file,
        }
    }

    /// Makes the answer visible.
    pub fn publish(self, global: &Global) -> Result<(), Failure> {
        match self {
            Destination::Stdout(mut stdout) => stdout.flush().map_err(Failure::from),
            Destination::File(file) => {
                let path = global.output.as_deref().unwrap_or(Path::new("."));
                let synced = file.as_file().sync_all().and_then(|()| file.persist(path).map_err(|error| error.error));
                synced.map(drop).with_context(|| format!("write {}", path.display())).map_err(Failure::incomplete)
            }
        }
    }

    pub fn is_terminal(&self) -> bool {
        matches!(self, Destination::Stdout(stdout) if stdout.is_terminal())
    }

    pub fn table_style(&self) -> TableStyle {
        if !self.is_terminal() {
            return TableStyle::default();
        }
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        TableStyle { width, color: !no_color && !is_dumb }
    }
}

/// Prints text that is an answer.
pub fn print(global: &Global, text: &str) -> Result<(), Failure> {
    let mut destination = Destination::open(global)?;
    destination.writer().write_all(text.as_bytes())?;
    destination.publish(global)
}

/// Talk: to stderr, unless quiet.
pub fn say(global: &Global, text: &str) {
    if !global.quiet {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Opens a lake for the range and regions that the arguments name.
pub fn engine(lake: Lake, global: &Global) -> Result<Engine, Failure> {
    // A wrong format is said before anything is read.
    row_format(global)?;
    let now = jiff::Timestamp::now();
    let mut options = EngineOptions::at(i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX));
    let time = |name, text: &Option<String>| text.as_deref().map(|text| parse_time(name, text, now)).transpose();
    options.since_unix_nano = time("--since", &global.since)?;
    options.until_unix_nano = time("--until", &global.until)?;
    if let (Some(since), Some(until)) = (options.since_unix_nano, options.until_unix_nano)
        && since > until
    {
        return Err(Failure::usage("--since is later than --until", "exchange them"));
    }
    options.lateness_nano = parse_duration("--lateness", &global.lateness)?;
    options.regions = global.region.clone();
    Ok(Engine::open(lake, options)?)
}

/// A runtime for one command.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().build().context("start threads").map_err(Failure::incomplete)
}

/// Asks one query and writes its answer where the arguments say.
pub fn answer(engine: &Engine, text: &str, params: &[(String, ScalarValue)], global: &Global) -> Result<u64, Failure> {
    let format = row_format(global)?;
    let mut destination = Destination::open(global)?;
    if format == Format::Parquet && destination.is_terminal() {
        return Err(Failure::usage(
            "Parquet is not for a terminal",
            "name a file with --output, or send stdout to one",
        ));
    }
    let rows = runtime()?.block_on(async {
        let mut answer = engine.sql(text, params).await?;
        let rows = render(&mut answer, format, &destination.table_style(), destination.writer()).await?;
        if global.verbose {
            let scanned = engine.scanned();
            say(
                global,
                &format!(
                    "{rows} rows; {} files of {} hours, {} bytes in all, {} bytes read",
                    scanned.files,
                    scanned.hours,
                    scanned.bytes,
                    answer.metric("bytes_scanned")
                ),
            );
        }
        Ok::<u64, Failure>(rows)
    })?;
    destination.publish(global)?;
    Ok(rows)
}
