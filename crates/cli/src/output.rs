//! Where answers go: stdout, a pager or a file, as the terminal or the pipe wants them, and the talk beside them. It
//! refuses to know what is in them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use transect_lake::{Access, RequestCounts, without_path};
use transect_query::{
    Completeness, Engine, EngineOptions, Extent, Format, Limits, NamesSeen, QueryError, Question, Reading, ScalarValue,
    TableStyle, Unknown, VisibleJson, Wanted, readings_batch, render_batch, visible_lines,
};

use crate::arguments::{FormatName, Global};
use crate::clock::{self, utc_text};
use crate::config::{Configured, cache_directory};
use crate::failure::{self, Failure};
use crate::range::{Clock, parse_bytes, parse_duration};
use crate::signals::{Attention, Paging};
use crate::{aws, names, signals, zone};

/// The ending of `--output`, which says the format where nothing else does: in small letters, and one of each format.
pub fn ending(global: &Global) -> Option<String> {
    let ending = global.output.as_deref()?.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "jsonl" => "ndjson".to_owned(),
        "htm" => "html".to_owned(),
        _ => ending,
    })
}

/// The format of an answer made of rows.
pub fn row_format(global: &Global) -> Result<Format, Failure> {
    match global.format {
        None => Ok(format_of_ending(global)),
        Some(name) => {
            let name = name.name();
            name.parse().map_err(|_| {
                let command = match name.as_str() {
                    "otlp" => "trace ID",
                    "html" => "trace ID` or `transect canary",
                    "junit" | "markdown" => "canary",
                    _ => "schema",
                };
                Failure::usage(
                    format!("--format {name} is for `transect {command}`"),
                    "rows come as table, json, ndjson, csv or parquet",
                )
            })
        }
    }
}

/// Endings of a text, in which a table is no surprise.
const TEXT_ENDINGS: [&str; 4] = ["txt", "text", "log", "out"];

/// The format of rows that the name of `--output` ends with; a table where it says nothing of one, which is told.
fn format_of_ending(global: &Global) -> Format {
    let Some(ending) = ending(global) else { return Format::Table };
    if let Some((_, format)) = Format::NAMES.iter().find(|(name, _)| *name == ending) {
        return *format;
    }
    if !TEXT_ENDINGS.contains(&ending.as_str()) {
        let names = "json, ndjson, csv and parquet";
        say_once(
            global,
            &format!("transect: .{ending} is no format of rows, and a table is written; --format knows {names}"),
        );
    }
    Format::Table
}

/// Whether the answer is wanted as JSON; for commands whose answer is no rows.
pub fn wants_json(global: &Global, command: &str) -> Result<bool, Failure> {
    match global.format {
        None | Some(FormatName::Table | FormatName::Json) => Ok(is_json(global)),
        Some(other) => Err(Failure::usage(
            format!("`transect {command}` does not write {}", other.name()),
            "it writes table or json",
        )),
    }
}

/// Whether the format is JSON, by its name or the ending.
pub fn is_json(global: &Global) -> bool {
    match global.format {
        None => ending(global).as_deref() == Some("json"),
        Some(format) => format == FormatName::Json,
    }
}

/// A place for an answer.
pub enum Destination {
    Stdout(io::Stdout),
    Pager(Pager),
    /// Appears at its path when the answer is complete.
    File(Unpublished),
    /// A pipe, a device or what else is there and no file: written as the answer comes.
    Through(File),
}

/// A file that is not to be seen yet. Its faults are told by the name that was asked for.
pub struct Unpublished {
    file: NamedTempFile,
    path: PathBuf,
    asked: PathBuf,
}

impl Unpublished {
    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.asked.display()))
    }
}

impl Write for Unpublished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes).map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush().map_err(|error| self.named(&error))
    }
}

/// A pager that shows an answer. Whoever lets go of it waits until it has ended, so that nobody else has the terminal meanwhile.
pub struct Pager {
    child: Child,
    /// None once everything is said.
    input: Option<ChildStdin>,
    _paging: Paging,
}

impl Drop for Pager {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has shown what it got, however it ends.
        let _ = self.child.wait();
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.as_mut().map_or(Ok(0), |input| input.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Links that lead to links; the kernel follows as many.
const LINKS_MAX: usize = 40;

/// Whether `--output` means stdout. What is open there has a name, but may be a file that the shell has put there, which must
/// not be replaced under it.
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

/// The file that an answer to `path` replaces; `None` where something is there that is no file and is written to instead.
pub fn replaced(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(path)),
            Err(error) => return Err(error),
        };
        if kind.is_file() {
            return Ok(Some(path));
        }
        if !kind.is_symlink() {
            return Ok(None);
        }
        let folder = folder_of(&path);
        // Links there lead to what a process has open, whether it has a path or not.
        if folder.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        path = folder.join(fs::read_link(&path)?);
    }
    Err(io::Error::other("too many links"))
}

pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Destination {
    pub fn open(global: &Global) -> Result<Destination, Failure> {
        let Some(asked) = &global.output else { return Ok(Destination::Stdout(io::stdout())) };
        let open = || {
            Ok(match replaced(asked)? {
                Some(path) => {
                    // A temporary file is its owner's alone, and stays so.
                    let file = NamedTempFile::new_in(folder_of(&path))?;
                    signals::unfinished(file.path());
                    Destination::File(Unpublished { file, path, asked: asked.clone() })
                }
                None => Destination::Through(File::options().append(true).open(asked)?),
            })
        };
        open().map_err(|error: io::Error| {
            Failure::incomplete(anyhow::Error::new(without_path(error)).context(format!("write {}", asked.display())))
        })
    }

    /// As [`Destination::open`], but long answers on a terminal can be paged through: by `$PAGER`, else `less`.
    pub fn open_paged(global: &Global) -> Result<Destination, Failure> {
        let destination = Destination::open(global)?;
        if !destination.is_terminal() || global.is_part {
            return Ok(destination);
        }
        let pager = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
        // A terminal that can do nothing but print cannot page either.
        if is_dumb() || pager.trim().is_empty() || pager.trim() == "cat" {
            return Ok(destination);
        }
        let mut command = Command::new("sh");
        // The shell becomes the pager, and a pager that is not there is no reason to show nothing.
        command.arg("-c").arg(format!("exec {pager}")).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            // Ends at once if all fits, shows colours, leaves the screen as it is.
            command.env("LESS", "FRX");
        }
        let is_there = |name: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            name.contains('/') || std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        };
        let name = pager.split_whitespace().next().unwrap_or_default();
        if !is_there(name) {
            return Ok(destination);
        }
        let paging = Paging::new();
        match command.spawn() {
            Ok(mut child) => {
                let input = child.stdin.take();
                Ok(Destination::Pager(Pager { child, input, _paging: paging }))
            }
            Err(_) => Ok(destination),
        }
    }

    pub fn writer(&mut self) -> &mut (dyn Write + Send) {
        match self {
            Destination::Stdout(stdout) => stdout,
            Destination::Pager(pager) => pager,
            Destination::File(file) => file,
            Destination::Through(file) => file,
        }
    }

    /// Makes the answer visible.
    pub fn publish(self) -> Result<(), Failure> {
        match self {
            Destination::Stdout(mut stdout) => stdout.flush().map_err(Failure::from),
            Destination::Pager(pager) => {
                drop(pager);
                Ok(())
            }
            Destination::File(Unpublished { file, path, asked }) => {
                let temporary = file.path().to_owned();
                let synced = file.as_file().sync_all().and_then(|()| file.persist(&path).map_err(|error| error.error));
                signals::finished(&temporary);
                synced.map(drop).with_context(|| format!("write {}", asked.display())).map_err(Failure::incomplete)
            }
            Destination::Through(mut file) => file.flush().map_err(Failure::from),
        }
    }

    pub fn is_terminal(&self) -> bool {
        match self {
            Destination::Stdout(stdout) => stdout.is_terminal(),
            Destination::Pager(_) => true,
            Destination::File(_) => false,
            Destination::Through(file) => file.is_terminal(),
        }
    }

    /// How rows are to look there.
    pub fn table_style(&self, global: &Global) -> TableStyle {
        if !self.is_terminal() {
            return TableStyle { csv_safe: global.csv_safe, ..TableStyle::default() };
        }
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        TableStyle { width, color: !no_color && !is_dumb(), is_terminal: true, csv_safe: global.csv_safe }
    }

    /// Where JSON goes: on a terminal with what that would act upon as escapes.
    pub fn json_writer(&mut self) -> Box<dyn Write + Send + '_> {
        match self.is_terminal() {
            true => Box::new(VisibleJson::new(self.writer())),
            false => Box::new(self.writer()),
        }
    }
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}

/// Prints an answer that is no rows: text for people, or JSON where that is asked for. Whatever names stand in a text, no terminal
/// acts upon them, now or when it is shown later.
pub fn print(global: &Global, text: &str) -> Result<(), Failure> {
    if is_json(global) {
        return print_json(global, text);
    }
    let mut destination = Destination::open(global)?;
    destination.writer().write_all(visible_lines(text).as_bytes())?;
    destination.publish()
}

/// Prints an answer for programs, to which every letter counts.
pub fn print_json(global: &Global, text: &str) -> Result<(), Failure> {
    let mut destination = Destination::open(global)?;
    destination.json_writer().write_all(text.as_bytes())?;
    destination.publish()
}

/// Prints what is neither: a terminal alone gets it with what it would act upon made visible.
pub fn print_data(global: &Global, text: &str) -> Result<(), Failure> {
    let mut destination = Destination::open(global)?;
    let shown = if destination.is_terminal() { visible_lines(text) } else { text.to_owned() };
    destination.writer().write_all(shown.as_bytes())?;
    destination.publish()
}

/// Talk: to stderr, unless quiet.
pub fn say(global: &Global, text: &str) {
    if !global.quiet {
        warn(text);
    }
}

/// What is said even to those who want no talk.
pub fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", failure::told(text));
}

/// Says something that would be said again at every look.
fn say_once(global: &Global, text: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned()) {
        say(global, text);
    }
}

/// When and where it is.
pub fn clock(global: &Global) -> Clock {
    Clock { now: clock::now(), zone: zone::local(global) }
}

/// What a question looks at, as the arguments name it.
pub fn extent(global: &Global) -> Result<Extent, Failure> {
    // Who names no time needs no zone, and is not told of a wrong one.
    let here = match (&global.since, &global.until) {
        (None, None) => Clock { now: clock::now(), zone: jiff::tz::TimeZone::UTC },
        _ => clock(global),
    };
    let range = here.range(global.since.as_deref(), global.until.as_deref())?;
    range.notes.iter().for_each(|note| say_once(global, note));
    Ok(Extent {
        since_unix_nano: range.since_unix_nano,
        until_unix_nano: range.until_unix_nano,
        lateness_nano: parse_duration("--lateness", &global.lateness)?,
        regions: global.region.clone(),
        ..Extent::at(clock::unix_nano(here.now).unwrap_or(i64::MAX))
    })
}

/// The lake that a command asks, however many questions it has.
pub struct OpenLake {
    engine: Engine,
    limits: Limits,
}

impl OpenLake {
    /// Opens the lake that is configured. Regions that are named and that it does not have are refused.
    pub fn open(configured: Configured, global: &Global) -> Result<OpenLake, Failure> {
        let bytes_max = global.max_bytes.as_deref().map(|text| parse_bytes("--max-bytes", text)).transpose()?;
        let access = match configured.lake.has_buckets() {
            true => block_on(None, aws::access(&configured.lake, configured.region_timeout))?,
            false => Access::within(configured.region_timeout),
        };
        let cache_directory = cache_directory().map(|directory| directory.join("objects"));
        let engine =
            Engine::open(configured.lake, EngineOptions { access, cache_directory, ..EngineOptions::default() })?;
        let lake = OpenLake { engine, limits: Limits { bytes_max } };
        if !global.region.is_empty() {
            block_on(None, lake.question(extent(global)?)?.check_regions(&global.region))??;
        }
        Ok(lake)
    }

    /// A question about a part of the lake.
    pub fn question(&self, extent: Extent) -> Result<Question, Failure> {
        Ok(self.engine.question(extent, self.limits)?)
    }
}

/// A question about the range and regions that the arguments name.
pub fn question(configured: Configured, global: &Global) -> Result<Question, Failure> {
    // A wrong format is said before anything is read.
    row_format(global)?;
    let extent = extent(global)?;
    OpenLake::open(configured, global)?.question(extent)
}

/// Where a question has looked that found nothing.
pub fn looked_at(question: &Question) -> Result<String, Failure> {
    let looked = block_on(None, question.looked_at())?;
    let when = match (looked.since_unix_nano.map(utc_text), looked.until_unix_nano.map(utc_text)) {
        (Some(since), Some(until)) => format!("from {since} to {until}"),
        (Some(since), None) => format!("from {since} on"),
        (None, Some(until)) => format!("up to {until}"),
        (None, None) => "at all times".to_owned(),
    };
    let regions = match looked.regions.is_empty() {
        true => "any region".to_owned(),
        false => looked.regions.join(", "),
    };
    let files = match looked.files {
        0 => ", where no file can hold an answer".to_owned(),
        1 => ", in 1 file".to_owned(),
        files => format!(", in {files} files"),
    };
    Ok(format!("it was looked for in {regions}, {when}{files}"))
}

/// Names in a question that no record has, each with what is there. That is a help, and no answer fails for it.
pub fn unknown_hints(
    question: &Question,
    global: &Global,
    unknown: impl Future<Output = Result<Vec<Unknown>, QueryError>>,
) -> Result<Vec<String>, Failure> {
    let unknown = block_on(Some(&Watch::new(question, global)), unknown)?;
    Ok(unknown.unwrap_or_default().iter().map(ToString::to_string).collect())
}

/// Before this there is nothing to watch.
const PROGRESS_AFTER: Duration = Duration::from_millis(500);
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// How far work has come.
pub struct HowFar {
    pub done: u64,
    pub found: u64,
    /// What there is to say beside it.
    pub said: Option<String>,
}

/// Shows how far work has come, until its answer comes.
pub struct Watch<'w> {
    how_far: Box<dyn Fn() -> HowFar + Send + Sync + 'w>,
    pieces: &'static str,
    begun: Instant,
    is_quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
    is_over: AtomicBool,
}

impl<'w> Watch<'w> {
    /// Of a question, in files.
    pub fn new(question: &'w Question, global: &Global) -> Watch<'w> {
        Watch::of(global, "files", || {
            let progress = question.progress();
            HowFar {
                done: progress.files_opened,
                found: progress.files_found,
                said: Some(format!(
                    "{} of {} read",
                    human_bytes(progress.bytes_read),
                    human_bytes(progress.bytes_found)
                )),
            }
        })
    }

    /// Of any work, in pieces.
    pub fn of(global: &Global, pieces: &'static str, how_far: impl Fn() -> HowFar + Send + Sync + 'w) -> Watch<'w> {
        Watch {
            how_far: Box::new(how_far),
            pieces,
            begun: Instant::now(),
            is_quiet: global.quiet,
            bar: Mutex::new(None),
            is_over: AtomicBool::new(false),
        }
    }

    fn show(&self) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| progress_bar(0, self.is_quiet, self.pieces));
        let HowFar { done, found, said } = (self.how_far)();
        bar.set_length(found);
        bar.set_position(done.min(found));
        bar.set_message(said.map(|said| format!(", {said}")).unwrap_or_default());
    }

    /// Says how far it came, where there was anything to do: at the end, or where something has ended it.
    pub fn say(&self) {
        let HowFar { done, found, said } = (self.how_far)();
        if found > 0 && !self.is_quiet {
            let seconds = self.begun.elapsed().as_secs_f64();
            let said = said.map(|said| format!(", {said}")).unwrap_or_default();
            warn(&format!("{done} of {found} {}{said}, in {seconds:.1} s", self.pieces));
        }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// An answer that is written where the bar stood.
struct InPlaceOf<'w> {
    watch: &'w Watch<'w>,
    out: &'w mut (dyn Write + Send),
}

impl Write for InPlaceOf<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.watch.end();
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Runs one piece of work to its end, or to the signal that ends the program. If it reads for long, a terminal shows how far it is.
pub fn block_on<T>(watch: Option<&Watch<'_>>, work: impl Future<Output = T>) -> Result<T, Failure> {
    let attention = Attention::new();
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        tokio::pin!(work);
        let started = Instant::now();
        let mut ticks = tokio::time::interval(PROGRESS_EVERY);
        let stopped = attention.stopped();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break Err(Failure::Interrupted),
                done = &mut work => break Ok(done),
                _ = ticks.tick(), if watch.is_some() => {
                    if let Some(watch) = watch && started.elapsed() > PROGRESS_AFTER {
                        watch.show();
                    }
                }
            }
        }
    });
    if let Some(watch) = watch {
        watch.end();
    }
    outcome
}

/// The threads of this process: connections and questions outlive a step of a command.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // They serve listings of directories alone.
        .max_blocking_threads(4)
        .build()
        .context("start threads")
        .map_err(Failure::incomplete)?;
    Ok(RUNTIME.get_or_init(|| made))
}

/// How many of so many pieces are done: on a terminal, to those who want talk.
pub fn progress_bar(count: u64, is_quiet: bool, pieces: &str) -> ProgressBar {
    let bar = ProgressBar::new(count);
    if is_quiet || !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {pieces}{{msg}}, {{elapsed}}"))
    {
        bar.set_style(style);
    }
    bar
}

/// What is said of events that are no telemetry, behind what was loaded.
pub fn own_events(count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!("; {count} events are left out that a forwarder wrote of its own work"),
    }
}

/// A number of bytes as people say it.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / *size as f64),
        None => format!("{bytes} B"),
    }
}

/// Asks one query and writes its answer where the arguments say; returns how many rows it has.
pub fn answer(
    question: &Question,
    text: &str,
    params: &[(String, ScalarValue)],
    global: &Global,
) -> Result<u64, Failure> {
    let format = row_format(global)?;
    if global.dry_run {
        dry_run(question, text, params, global)?;
        return Ok(0);
    }
    let mut destination = Destination::open(global)?;
    refuse_parquet_on_terminal(format, &destination)?;
    let wanted = Wanted { format, style: destination.table_style(global), strict: global.strict };
    let watch = Watch::new(question, global);
    let mut out = InPlaceOf { watch: &watch, out: destination.writer() };
    let given = block_on(Some(&watch), question.give(text, params, &wanted, &mut out))??;
    if given.completeness.is_complete() || !global.strict {
        destination.publish()?;
    }
    if global.verbose {
        say_cost(global, question, Some(given.rows));
    }
    finish(global, &given.completeness, &given.names)?;
    if given.rows == 0 {
        say(global, &format!("transect: no rows; {}", looked_at(question)?));
    }
    Ok(given.rows)
}

pub fn refuse_parquet_on_terminal(format: Format, destination: &Destination) -> Result<(), Failure> {
    match format == Format::Parquet && destination.is_terminal() {
        true => {
            Err(Failure::usage("Parquet is not for a terminal", "name a file with --output, or send stdout to one"))
        }
        false => Ok(()),
    }
}

/// Prints what a query would read.
pub fn dry_run(
    question: &Question,
    text: &str,
    params: &[(String, ScalarValue)],
    global: &Global,
) -> Result<(), Failure> {
    dry_run_of(question, question.plan(text, params), global)
}

/// Prints what was planned.
pub fn dry_run_of(
    question: &Question,
    plan: impl Future<Output = Result<(Vec<Reading>, Completeness), QueryError>>,
    global: &Global,
) -> Result<(), Failure> {
    let (readings, completeness) = block_on(Some(&Watch::new(question, global)), plan)??;
    let batch = readings_batch(&readings).context("render").map_err(Failure::incomplete)?;
    let mut destination = Destination::open(global)?;
    let style = destination.table_style(global);
    render_batch(&batch, row_format(global)?, &style, &completeness, destination.writer())?;
    destination.publish()?;
    finish(global, &completeness, &NamesSeen::default())
}

/// One line on what an answer has cost.
pub fn say_cost(global: &Global, question: &Question, rows: Option<u64>) {
    let progress = question.progress();
    let scanned = question.scanned();
    let mut text = rows.map(|rows| format!("{rows} rows; ")).unwrap_or_default();
    text.push_str(&format!(
        "{} files of {} hours, {} bytes in all, {} bytes read",
        scanned.files, scanned.hours, scanned.bytes, progress.bytes_read
    ));
    let requests = question.requests();
    if requests != RequestCounts::default() {
        text.push_str(&format!(
            "; {} LISTs, {} GETs, {} received, about ${:.6} for requests and at most ${:.6} for transfer",
            requests.lists,
            requests.gets,
            human_bytes(requests.bytes),
            requests.request_dollars(),
            requests.transfer_dollars_max()
        ));
    }
    say(global, &text);
}

/// Says what an answer had to do without, and keeps the names in it for completions.
pub fn finish(global: &Global, completeness: &Completeness, seen: &NamesSeen) -> Result<(), Failure> {
    names::keep(seen);
    for replica in &completeness.replicas {
        say(
            global,
            &format!(
                "transect: {} was read from its replica, which may lag behind: {}",
                replica.region, replica.reason
            ),
        );
    }
    if let Some(rate) = completeness.sample_rate_min {
        say(
            global,
            &format!(
                "transect: a sample rate (down to {rate}) kept part of the records: a record that it kept is counted as those that it stands for"
            ),
        );
    }
    for missing in &completeness.missing_regions {
        warn(&format!("transect: incomplete without {}: {}", missing.region, missing.reason));
    }
    for file in &completeness.unreadable_files {
        warn(&format!("transect: incomplete without {}: {}", file.path, file.reason));
    }
    if completeness.is_complete() {
        return Ok(());
    }
    if global.strict {
        warn("  nothing is printed, as --strict asks");
    }
    Err(Failure::Incomplete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_files_are_replaced_and_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), "old").unwrap();
        std::os::unix::fs::symlink("real", at("link")).unwrap();
        std::os::unix::fs::symlink("link", at("second")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        std::os::unix::fs::symlink("round", at("round")).unwrap();
        std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
        assert_eq!(replaced(&at("new")).unwrap(), Some(at("new")));
        assert_eq!(replaced(&at("real")).unwrap(), Some(at("real")));
        assert_eq!(replaced(&at("link")).unwrap(), Some(at("real")));
        assert_eq!(replaced(&at("second")).unwrap(), Some(at("real")));
        assert_eq!(replaced(&at("dangling")).unwrap(), Some(at("nowhere")));
        assert_eq!(replaced(&at("null")).unwrap(), None);
        assert_eq!(replaced(Path::new("/dev/null")).unwrap(), None);
        assert_eq!(replaced(folder.path()).unwrap(), None);
        assert!(replaced(&at("round")).is_err());
        assert_eq!(replaced(Path::new("/proc/self/fd/0")).ok().flatten(), None);
        for name in ["-", "/dev/stdout", "/dev/fd/1"] {
            assert!(is_stdout(Path::new(name)), "{name}");
        }
        assert!(!is_stdout(Path::new("./-")));
    }
}
