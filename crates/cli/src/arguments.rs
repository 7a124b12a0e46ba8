//! Every argument of every command: the one table from which parser, help and completions come.
//!
//! It refuses to act on them.

mod cloud;
#[cfg(test)]
mod mentions;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, PathCompleter};
use transect_normalize::Pattern;

pub use cloud::*;

use crate::names;

/// Follow requests across regions and releases, in the logs, spans and metrics that they left in every AWS region.
#[derive(Debug, Parser)]
#[command(name = "transect", version, max_term_width = 100, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 fine · 2 usage or configuration · 3 incomplete: a region or a file did not answer · \
    5 nothing found · 70 our bug · 130 Ctrl-C; of canary: 0 PASS · 1 FAIL · 4 INCONCLUSIVE · 5 NO_DATA · 6 INVALID; of rollout: 1 rolled back · 4 held; of doctor: 1 findings. A closed pipe is 0. stdout carries data, stderr carries talk."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// What the command line says. What has a blank in it before any `=` is no option, whatever it begins with, but a text such as
    /// an SQL comment: it is read as if it stood behind `--`.
    ///
    /// # Errors
    /// What the parser says.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Arguments, clap::Error> {
        let words: Vec<OsString> = words.collect();
        Arguments::try_parse_from(&words).or_else(|error| {
            let text = error.get(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
            let at = match text {
                Some(ContextValue::String(text)) if text.contains(char::is_whitespace) => {
                    // The parser takes what stands behind an `=` for its value.
                    let is_it = |word: &str| {
                        word.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
                    };
                    words.iter().position(|word| word.to_str().is_some_and(is_it))
                }
                _ => None,
            };
            let Some(at) = at else { return Err(error) };
            let mut words = words;
            let text = words.remove(at);
            if !words.iter().any(|word| word == "--") {
                words.push("--".into());
            }
            words.push(text);
            Arguments::try_parse_from(words).map_err(|_| error)
        })
    }
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// A region's place (s3://bucket[/folder], file:///dir or a path), or one place that holds all regions; repeatable.
    /// Comes before TRANSECT_LAKE (places with a comma between them) and transect.toml
    #[arg(long, value_name = "NAME=URL|DIR", global = true, help_heading = "Lake", add = ArgValueCompleter::new(PathCompleter::dir()))]
    pub lake: Vec<String>,
    /// Configuration file, instead of the transect.toml looked for upwards from here and in $XDG_CONFIG_HOME/transect/
    #[arg(long, value_name = "FILE", global = true, help_heading = "Lake")]
    pub config: Option<PathBuf>,
    /// Only this region; repeatable. For `ingest`: the region that the payloads come from
    #[arg(long, value_name = "REGION", global = true, help_heading = "Lake", add = ArgValueCandidates::new(names::regions))]
    pub region: Vec<String>,
    /// From when on: 90s, 15min, 1h30m or 7d ago; today, yesterday, 20:00, a date or '2026-11-21 08:42', of the local zone; an
    /// RFC 3339 time; seconds or milliseconds since 1970
    #[arg(
        long,
        alias = "start",
        value_name = "TIME",
        allow_hyphen_values = true,
        global = true,
        help_heading = "Time"
    )]
    pub since: Option<String>,
    /// Until when: as --since, or `now`. A day that --since names too is meant as a whole
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, global = true, help_heading = "Time")]
    pub until: Option<String>,
    /// How long after its time a record may have arrived and still be found when a time range is given. What came later
    /// is shown by `transect query late-deliveries`
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "24h",
        allow_hyphen_values = true,
        global = true,
        help_heading = "Time"
    )]
    pub lateness: String,
    /// How the answer is written; from the ending of --output, else `table`
    #[arg(long, value_enum, value_name = "FORMAT", ignore_case = true, global = true, help_heading = "Output")]
    pub format: Option<FormatName>,
    /// Write the answer to this file, whole or not at all, readable by its owner alone. A link's target is replaced, a pipe or
    /// device is written to, and `-` is stdout
    #[arg(long, short, value_name = "FILE", global = true, help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// In CSV, put an apostrophe before texts that a spreadsheet would take for formulas: those that begin with =, +, -, @, a
    /// tab or a line end
    #[arg(long, global = true, help_heading = "Output")]
    pub csv_safe: bool,
    /// Print nothing unless every region answered and every file could be read
    #[arg(long, global = true, help_heading = "Output")]
    pub strict: bool,
    /// Print what would be read, region by region, and read nothing
    #[arg(long, global = true, help_heading = "Cost")]
    pub dry_run: bool,
    /// Refuse a question about more bytes of files than this, such as 500MB or 20GB
    #[arg(long, value_name = "BYTES", global = true, help_heading = "Cost")]
    pub max_bytes: Option<String>,
    /// No talk on stderr but errors
    #[arg(long, short, global = true, conflicts_with_all = ["verbose", "short_v"], help_heading = "Output")]
    pub quiet: bool,
    /// Say what was read and what it cost; -v does, too
    #[arg(long, global = true, help_heading = "Cost")]
    pub verbose: bool,
    /// As --verbose; beside `logs --grep`, records that do not match
    #[arg(short = 'v', global = true, hide = true)]
    pub short_v: bool,
    /// Whether answers are one part of several that are printed together
    #[arg(skip)]
    pub is_part: bool,
}

/// Formats of all commands; each says itself which it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Aligned columns
    Table,
    /// One object: {"rows":[…],"complete":true,"missing_regions":[]}
    Json,
    /// One object a row and line
    Ndjson,
    /// Comma-separated, with a header
    Csv,
    /// A Parquet file
    Parquet,
    /// `trace` and `canary`: a page for a browser, in one file
    Html,
    /// `canary` only: JUnit XML, for build servers
    Junit,
    /// `canary` only: for a comment on a pull request
    Markdown,
    /// `trace` only: OTLP/JSON, a line of spans and a line of log records
    Otlp,
    /// `schema` only: the column list of a Glue table
    Glue,
    /// `schema` only: Athena's CREATE EXTERNAL TABLE
    Ddl,
}

impl FormatName {
    /// As written on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What to do. Each says in a line what it is, beside what it says of itself at length: a comment here would take the place of
/// that.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(about = "Make a three-region sample lake and walk through it")]
    Demo(Demo),
    #[command(about = "Load CloudWatch Logs subscription payloads into the lake")]
    Ingest(Ingest),
    #[command(about = "Ask the lake in SQL")]
    Sql(Sql),
    #[command(about = "Ask a saved question; without a name, list them")]
    Query(Query),
    #[command(about = "Read log records, newest last")]
    Logs(Logs),
    #[command(about = "Follow one request across regions and releases")]
    Trace(Trace),
    #[command(about = "Judge a canary release by what was counted: is it worse, where, how sure")]
    Canary(Box<Canary>),
    #[command(
        about = "Which release runs where, and how it does; `record` and `import` add what a function's versions are"
    )]
    Releases(Releases),
    #[command(about = "Forward the log groups of every region: what is covered, what is not, and put it right")]
    Subscribe(Subscribe),
    #[command(about = "Read what CloudWatch Logs still holds into the lake")]
    Backfill(Backfill),
    #[command(about = "Show log events as they are written, from all regions")]
    Tail(Tail),
    #[command(about = "Deliver into the lake what was left undelivered")]
    Redrive(Redrive),
    #[command(about = "List what was left undelivered, by cause")]
    Failed(Failed),
    #[command(about = "Look at what is installed in each region, and say what to mend")]
    Doctor(Doctor),
    #[command(about = "Move a release's share wave by wave, judged by the canary, rolled back where it fails")]
    Rollout(Box<Rollout>),
    /// Print the columns of a telemetry row
    Schema,
    #[command(about = "Print a completion script for a shell")]
    Completions(Completions),
    #[command(about = "Write the manual pages into a directory")]
    Man(Man),
}

/// Makes a deterministic sample of an active-active shop in three regions.
///
/// Real CloudWatch payloads and the truth about them are written and loaded by the same path as `ingest`. Then it walks
/// through what that is for: one request over regions and releases, the verdict on a canary, the releases of each region,
/// and a saved question.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where the sample lake goes
    #[arg(long, value_name = "DIR", default_value = "transect-demo")]
    pub dir: PathBuf,
    /// Lambda invocations; about nine log events each
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub invocations: u64,
    /// Another seed gives another sample of the same story
    #[arg(long, value_name = "S", default_value_t = 7)]
    pub seed: u64,
    /// When the story begins; the same options always give the same bytes
    #[arg(long, value_name = "TIME", default_value = "2026-11-21T08:00:00Z")]
    pub start: String,
    /// From when on the questions of the walk look, as everywhere
    // The global option, without its other name `--start`, which means something else here. clap takes what has the id of a
    // global option in its place and hands its value on as the global's, so this is read as `Global::since`.
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    since: Option<String>,
    /// Write the payloads and the truth, and load nothing
    #[arg(long)]
    pub payloads_only: bool,
    /// Log events that one payload may hold
    #[arg(long, value_name = "N", default_value_t = 40, hide_short_help = true)]
    pub events_per_payload: usize,
}

/// Loads files that hold CloudWatch Logs subscription payloads: the event that a Lambda function is given, the document
/// inside, or gzip of either; one or many a file. Every log event becomes at least one record.
///
/// Besides payloads these are taken: answers of `aws logs filter-log-events`, `get-log-events` and `get-query-results` as JSON,
/// results of Logs Insights as the console saves them (CSV or JSON), and files of an export task to S3. What of them does not
/// name the log group takes --group. Only the first has CloudWatch's ids of events: of the others an event that came in by a
/// subscription as well is there twice, so that `transect backfill` is the better way where CloudWatch still has the events.
///
/// Regions may lie in directories and in buckets. A folder stands for every file below it, but for hidden ones.
///
/// A file that cannot be read is named and left out as a whole (exit code 3 at the end). What was loaded from the same
/// payload before is not loaded again. The region comes from --region, else from the path (`…/us-east-2/…`), else from
/// the payload's own `@aws.region`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect ingest --lake ./lake --region us-east-2 payload.json\n  \
    transect ingest --lake ./lake payloads/\n  find payloads -newer last -name '*.json' | transect ingest --lake ./lake --files-from -\n  \
    transect ingest --lake ./lake --region us-east-2 --group /aws/lambda/pay exported/\n  \
    cat event.json | transect ingest --lake ./lake --region eu-west-2 -")]
pub struct Ingest {
    /// Files and folders, or `-` for stdin
    #[arg(value_name = "FILE", required_unless_present = "files_from")]
    pub files: Vec<PathBuf>,
    /// Also the files and folders that this file names, one a line, or with NUL between them; `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
    /// The log group of saved events that do not name theirs
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// The log stream of saved events that do not name theirs
    #[arg(long, value_name = "STREAM")]
    pub stream: Option<String>,
    /// The account of saved events that do not name theirs
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Load again what is already there
    #[arg(long)]
    pub force: bool,
    /// Keep secrets as they are
    #[arg(long)]
    pub no_redact: bool,
    /// A further key whose value is a secret; repeatable
    #[arg(long, value_name = "KEY")]
    pub redact_key: Vec<String>,
    /// A further shape of text that is a secret, such as `acme_live_[A-Za-z0-9]{20,}`; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub redact_pattern: Vec<Pattern>,
    /// A key that holds the application's own id of a request, before the built-in ones; repeatable
    #[arg(long, value_name = "KEY")]
    pub correlation_key: Vec<String>,
    /// A key that holds the release, before the built-in ones; repeatable
    #[arg(long, value_name = "KEY")]
    pub release_key: Vec<String>,
    /// Rows of a Parquet row group
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub row_group_rows: Option<usize>,
}

/// Answers one SQL query over all regions.
///
/// Tables: `telemetry` (every row, with `timestamp` and `release`; a record that
/// was delivered twice stands in it twice) and the views `logs`, `spans`, `invocations` and `metrics` (each once), `traces`
/// (one row a trace) and `releases` (one row a service, release and region).
/// `transect schema` prints the columns; JSON text is opened by `json_get(attributes, 'key', …)` or `attributes->>'key'`.
/// Where a forwarder keeps a share of the records, `sum(sample_weight(attributes))` counts those that they stand for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect sql \"SELECT release, count(*) FROM invocations GROUP BY release\"\n  \
    transect sql --since 2h \"SELECT timestamp, body FROM logs WHERE severity_number >= 17 ORDER BY timestamp\"\n  \
    transect sql -f question.sql --format csv > answer.csv")]
pub struct Sql {
    /// The query
    #[arg(value_name = "SQL", required_unless_present = "file")]
    pub query: Option<String>,
    /// Read the query from a file, or from stdin with `-`
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    pub file: Option<PathBuf>,
}

/// Asks one of the questions that come with the program; without a name, lists them with their parameters.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect query\n  transect query error-rate-by-release --since 2h\n  \
    transect query slowest-invocations --param limit=5 --format json")]
pub struct Query {
    /// Which question
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(names::queries))]
    pub name: Option<String>,
    /// A parameter's value; repeatable
    #[arg(long, short, value_name = "NAME=VALUE", requires = "name")]
    pub param: Vec<String>,
    /// Print the question's SQL instead of its answer
    #[arg(long, requires = "name")]
    pub show_sql: bool,
}

/// Reads log records as people read logs, newest last, from all regions: time, region, service, release, level, message.
/// A record that was delivered twice is shown once. TEXT stands in the message, the exception with its stack trace or the
/// attributes, or is the whole of a trace, invocation or correlation id.
///
/// An X-Ray trace id holds the time that it was made at: its hours are looked at first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect logs --since 15m --level error\n  \
    transect logs ord-4711 --since 2h\n  transect logs --service payments --release 1.4.2 --grep 'time(d )?out' -i -C 3\n  \
    transect logs --trace 1-67e8d3a5-0123456789abcdef01234567 --format json")]
pub struct Logs {
    /// What stands in the records
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Only this service, or function where no service is stated; repeatable
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::services))]
    pub service: Vec<String>,
    /// Only this release; repeatable
    #[arg(long, value_name = "RELEASE", add = ArgValueCandidates::new(names::releases))]
    pub release: Vec<String>,
    /// Only this level and above: trace, debug, info, warn, error or fatal
    #[arg(long, value_enum, value_name = "LEVEL", ignore_case = true)]
    pub level: Option<Level>,
    /// Only this log group, with * for any text; repeatable
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// Only this trace, in any spelling
    #[arg(long, value_name = "ID")]
    pub trace: Option<String>,
    /// Only this Lambda request id
    #[arg(long, value_name = "ID")]
    pub invocation: Option<String>,
    /// Only this correlation id
    #[arg(long, value_name = "ID")]
    pub correlation: Option<String>,
    /// Only records whose message, or exception with its stack trace, matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub grep: Option<String>,
    /// Case plays no part in TEXT and REGEX
    #[arg(long, short)]
    pub ignore_case: bool,
    /// Only records that REGEX does not match; `-v` beside --grep says the same
    #[arg(long, requires = "grep")]
    pub invert_match: bool,
    /// As many records of the same stream before each
    #[arg(long, short = 'B', value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub before_context: usize,
    /// As many records of the same stream after each
    #[arg(long, short = 'A', value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub after_context: usize,
    /// As many on both sides
    #[arg(long, short = 'C', value_name = "N", conflicts_with_all = ["before_context", "after_context"])]
    pub context: Option<usize>,
    /// The newest so many records
    #[arg(long, short = 'n', value_name = "N", default_value_t = 200)]
    pub limit: usize,
    /// Times in UTC rather than in the local zone
    #[arg(long)]
    pub utc: bool,
}

/// Follows one request: from any id of it to every record that it left in all regions and releases, as a waterfall.
///
/// ID is an X-Ray or W3C trace id in any spelling, a whole traceparent or X-Amzn-Trace-Id header, a Lambda request id, the
/// application's correlation id, or an event id. What carries it is found, then what carries the ids of that, and so on, and
/// the spans that these link to, or that link to them.
///
/// All of these ids are looked for from --since, or 24 h ago, to --until, or now, and 15 min around what was found, further
/// out as long as something is found there. A trace id of X-Ray holds the time that it was made at, which is looked at whatever
/// --since and --until say; without them, 6 h before and 24 h after it are. The answer says from when to when was looked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect trace 1-67e8d3a5-0123456789abcdef01234567\n  \
    transect trace ord-4711 --since 7d --logs all\n  transect trace ord-4711 --output trace.html\n  \
    transect trace --pick --errors --crossing releases")]
pub struct Trace {
    /// Any id of the request
    #[arg(value_name = "ID", conflicts_with = "pick")]
    pub id: Option<String>,
    /// Steps from the first id to others
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Search")]
    pub max_hops: usize,
    /// Records at most, and 20,000 in a page; the earliest are shown
    #[arg(long, value_name = "N", default_value_t = 50_000, help_heading = "Search")]
    pub max_records: usize,
    /// Follow ids that more than 200 traces share, too
    #[arg(long, help_heading = "Search")]
    pub follow_hub: bool,
    /// Move the spans of regions whose clocks differ
    #[arg(long, help_heading = "Picture")]
    pub correct_skew: bool,
    /// Log records below their span
    #[arg(long, value_enum, value_name = "WHICH", default_value = "errors", help_heading = "Picture")]
    pub logs: LogsName,
    /// Levels of spans shown
    #[arg(long, value_name = "N", help_heading = "Picture")]
    pub depth: Option<usize>,
    /// From so many on, spans below one parent that are alike are one line; 0 never. Without a number: from 2 on
    #[arg(long, value_name = "N", default_value_t = 10, default_missing_value = "2", num_args = 0..=1, require_equals = true, help_heading = "Picture")]
    pub collapse: usize,
    /// Times in UTC rather than in the local zone
    #[arg(long, help_heading = "Picture")]
    pub utc: bool,
    /// List the newest traces to choose from; on a terminal, follow the one chosen
    #[arg(long, help_heading = "Choice")]
    pub pick: bool,
    /// Only traces with an error
    #[arg(long, help_heading = "Choice")]
    pub errors: bool,
    /// The slowest first, rather than the newest
    #[arg(long, help_heading = "Choice")]
    pub slow: bool,
    /// Only traces in which two releases of a service met, or that were in several regions; repeatable
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Choice")]
    pub crossing: Vec<CrossingName>,
    /// Traces to choose from
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, help_heading = "Choice")]
    pub limit: usize,
}

/// Says whether a release, the canary, fails more often than the one before, the baseline, by units of both in each region,
/// function and few minutes. It may be asked as often as one likes: its risk of an error holds for all looks together, and for
/// any mix of regions and functions. For an automatic rollback --alpha 0.01 is recommended.
///
/// A unit is a trace, for each release and region by itself, else an invocation; and an invocation where those of a trace go
/// to releases each by itself. It has failed if something of the service
/// in it did: a record of severity ERROR or above, a failed or timed-out invocation, an error span, or HTTP 500 or above;
/// but not if that began in another service. A minute is counted once it is over for --settle,
/// and the evidence at the last counted minute decides; with --state a failure stays, and a pass until there is one. Nothing
/// passes while a region does not answer, and a region that holds too little is not covered by a pass.
///
/// A pipeline waits with --watch, or asks again and again with --state. Counts of one's own come with --counts: a
/// comma-separated file with the columns region, window, n_a, x_a, n_b and x_b, units and failed units of baseline and canary;
/// --format csv writes the same.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 PASS · 1 FAIL · 4 INCONCLUSIVE · 5 NO_DATA · 6 INVALID: traffic is not shared as --weight says\n\n\
    Examples:\n  transect canary --service payments --baseline 1.4.1 --canary 1.4.2 --since 1h\n  \
    transect canary --service payments --baseline auto --canary 1.4.2 --alpha 0.01 --weight 10% --watch --deadline 30m\n  \
    transect canary --service payments --baseline auto --canary 1.4.2 --state wave1.json --format markdown\n  \
    transect canary --counts - --slo .5% --format json < counts.csv\n  \
    transect canary plan --rate .1% --detect .5% --share 10%"
)]
pub struct Canary {
    #[command(subcommand)]
    pub command: Option<CanaryCommand>,
    /// The service; repeatable, and then all of them must pass
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::services))]
    pub service: Vec<String>,
    /// The release before; `auto`: the one with most traffic beside the canary and as long before it
    #[arg(long, value_name = "RELEASE|auto", add = ArgValueCandidates::new(names::releases))]
    pub baseline: Option<String>,
    /// The release that is judged
    #[arg(long, value_name = "RELEASE", add = ArgValueCandidates::new(names::releases))]
    pub canary: Option<String>,
    /// Judge these counts instead of a lake's; `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub counts: Option<PathBuf>,
    #[command(flatten)]
    pub counting: CanaryCounting,
    #[command(flatten)]
    pub policy: CanaryPolicy,
    #[command(flatten)]
    pub waiting: CanaryWaiting,
}

/// What is counted.
#[derive(Debug, Args)]
pub struct CanaryCounting {
    /// What a failed record is, in SQL over the columns of `telemetry`
    #[arg(long, value_name = "SQL", help_heading = "Counting")]
    pub error: Option<String>,
    /// Compare latency too: a unit that takes longer than this is a slow one
    #[arg(long, value_name = "DURATION", help_heading = "Counting")]
    pub slow: Option<String>,
    /// What is counted; `auto`: traces, or invocations where those of a trace go to releases each by itself
    #[arg(long, value_enum, value_name = "UNIT", help_heading = "Counting")]
    pub unit: Option<UnitName>,
    /// Which version of a function each release is, for what does not state it itself, such as a canary that crashes before its
    /// first line: {release: {region: {function: {"version"}}}}, as for `transect rollout`; `-` for stdin
    #[arg(long, value_name = "FILE", help_heading = "Counting")]
    pub release_map: Option<PathBuf>,
    /// Leave out so much of the canary's beginning in each region: cold starts
    #[arg(long, value_name = "DURATION", help_heading = "Counting")]
    pub exclude_first: Option<String>,
    /// How long after its minute a unit's failure is waited for: the longest invocation, and delivery [default: 5m]
    #[arg(long, value_name = "DURATION", help_heading = "Counting")]
    pub settle: Option<String>,
}

/// What the verdict is to be.
#[derive(Debug, Args)]
pub struct CanaryPolicy {
    /// A TOML file with any of these by their names, such as min_requests = 500; flags come before it
    #[arg(long = "policy", value_name = "FILE", help_heading = "Policy")]
    pub file: Option<PathBuf>,
    /// Risk of calling an equal release worse [default: 0.05]
    #[arg(long, value_name = "RISK", help_heading = "Policy")]
    pub alpha: Option<String>,
    /// Risk of passing a release that is worse by the margin [default: 0.05]
    #[arg(long, value_name = "RISK", help_heading = "Policy")]
    pub beta: Option<String>,
    /// Odds ratio up to which a canary is no worse [default: 1]
    #[arg(long, value_name = "RATIO", help_heading = "Policy")]
    pub tolerance: Option<f64>,
    /// Odds ratio that a pass rules out, over all regions [default: 2]
    #[arg(long, value_name = "RATIO", help_heading = "Policy")]
    pub margin: Option<f64>,
    /// Odds ratio that a pass rules out in every region [default: the square of the margin]
    #[arg(long, value_name = "RATIO", help_heading = "Policy")]
    pub region_margin: Option<f64>,
    /// Requests of the canary without which a region is not covered: a pass says nothing of it, and takes one that is [default: 100]
    #[arg(long, value_name = "N", help_heading = "Policy")]
    pub min_requests: Option<u64>,
    /// Difference of failure rates that a failure takes at least, in all regions together or in one that is worse for sure
    #[arg(long, value_name = "RATE", help_heading = "Policy")]
    pub min_effect: Option<String>,
    /// Failure rate below which a canary passes whatever its baseline does
    #[arg(long, value_name = "RATE", help_heading = "Policy")]
    pub slo: Option<String>,
    /// With --slow: share of slow requests below which its latency passes whatever its baseline does
    #[arg(long, value_name = "RATE", help_heading = "Policy")]
    pub slow_slo: Option<String>,
    /// Share of requests that the canary is meant to get in the regions that it has come to
    #[arg(long, value_name = "SHARE", help_heading = "Policy")]
    pub weight: Option<String>,
    /// Failures come in bursts: what a few minutes of a region may be worth is bounded, however many requests failed in them
    #[arg(long, help_heading = "Policy")]
    pub robust: bool,
    /// Fail, too, when traces that met both releases fail more often than others with as many calls
    #[arg(long, help_heading = "Policy")]
    pub gate_mixed: bool,
    /// What INCONCLUSIVE exits with instead of 4: 1 or 0
    #[arg(long, value_enum, value_name = "AS", help_heading = "Policy")]
    pub on_inconclusive: Option<OnInconclusive>,
}

/// How it is asked again.
#[derive(Debug, Args)]
pub struct CanaryWaiting {
    /// Keep what was counted here between calls: minutes are counted once, a failure stays, and a pass until there is one. The last
    /// 15 minutes of it are looked through again each time, and all of it before a pass: what came late is told, and the
    /// canary passes only if it would with it, too
    #[arg(long, value_name = "FILE", help_heading = "Waiting")]
    pub state: Option<PathBuf>,
    /// Forget what the state has counted and decided, and count anew from its beginning, or from another --since than it was begun
    /// with: also one of an older version, of another question, or a damaged one
    #[arg(long, requires = "state", help_heading = "Waiting")]
    pub recount: bool,
    /// Look again until it fails, or passes with --min-requests in every --region that is named
    #[arg(long, help_heading = "Waiting")]
    pub watch: bool,
    /// How often [default: 1m]
    #[arg(long, value_name = "DURATION", requires = "watch", help_heading = "Waiting")]
    pub every: Option<String>,
    /// How long at most [default: 30m]
    #[arg(long, value_name = "DURATION", requires = "watch", help_heading = "Waiting")]
    pub deadline: Option<String>,
}

/// What else there is to canaries.
#[derive(Debug, Subcommand)]
pub enum CanaryCommand {
    #[command(about = "How many requests of a canary it takes to see a failure rate, by simulation")]
    Plan(CanaryPlan),
}

/// Says how many requests of the canary it takes until a failure rate is seen, and until an equal release passes: by
/// simulation, the same for the same seed.
///
/// With --service, and a lake, also how long that takes with the traffic that the
/// service has had.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect canary plan --rate .1% --detect .5% --share 10%\n  \
    transect canary plan --rate .1% --detect .5% --share 10% --service payments --since 24h")]
pub struct CanaryPlan {
    /// Failure rate of the baseline
    #[arg(long, value_name = "RATE")]
    pub rate: String,
    /// Failure rate of a canary that should be found out
    #[arg(long, value_name = "RATE")]
    pub detect: String,
    /// Share of requests that the canary gets
    #[arg(long, value_name = "SHARE")]
    pub share: String,
    /// The service whose traffic is looked up in the lake
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::services))]
    pub service: Option<String>,
    /// Risk of calling an equal release worse
    #[arg(long, value_name = "RISK", default_value = "0.05")]
    pub alpha: String,
    /// Risk of passing a release that is worse by the margin; and of a fixed plan to miss what it should detect
    #[arg(long, value_name = "RISK", default_value = "0.05")]
    pub beta: String,
    /// Odds ratio that a pass rules out
    #[arg(long, value_name = "RATIO", default_value_t = 2.0)]
    pub margin: f64,
    /// Rollouts that are simulated
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub trials: u32,
    /// Another seed gives other rollouts
    #[arg(long, value_name = "S", default_value_t = 7)]
    pub seed: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UnitName {
    /// Traces, and invocations without one
    Auto,
    /// Traces alone
    Trace,
    /// Invocations
    Invocation,
}

/// What a pipeline takes INCONCLUSIVE for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnInconclusive {
    /// A failure
    Fail,
    /// A pass
    Pass,
}

/// Which log records stand in a waterfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogsName {
    /// Those that tell of a failure
    Errors,
    /// All
    All,
    /// None
    None,
}

/// What a trace may cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CrossingName {
    /// Releases of one service
    Releases,
    /// Regions
    Regions,
}

/// Levels, as the least number of OpenTelemetry's severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    Trace = 1,
    Debug = 5,
    Info = 9,
    #[value(alias = "warning")]
    Warn = 13,
    Error = 17,
    #[value(alias = "critical")]
    Fatal = 21,
}

/// Shows which release of each service ran in which region: when it was seen, its share of the region's traffic, how many
/// invocations failed (with Wilson's interval at 95 %), durations, and in how many traces it met another release of the
/// same service. `live` has all traffic, `rolling out` shares it, `gone` had none in the last ten minutes of its service.
///
/// A release is what the application states, else what was recorded for the version of its function in that region, else
/// that version itself, which counts for each region alone.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  transect releases --since 2h\n  transect releases --service payments --format json\n  \
    transect releases record --service payments --function pay-fn --release 1.4.2 --function-version 7 --region us-east-2\n  \
    transect releases import release-map.json"
)]
pub struct Releases {
    #[command(subcommand)]
    pub command: Option<ReleasesCommand>,
    /// Only this service; repeatable
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::services))]
    pub service: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum ReleasesCommand {
    #[command(about = "Record which release a version of a function is, in the regions of --region")]
    Record(ReleasesRecord),
    #[command(about = "Record a whole map: {release: {region: {function: {\"version\", \"codeSha256\"}}}}")]
    Import(ReleasesImport),
}

/// Writes a small file into `releases/` of each region named.
///
/// The same statement twice is one file, and nothing is ever
/// overwritten: what was recorded last for a version counts.
#[derive(Debug, Args)]
pub struct ReleasesRecord {
    /// The service that the function is
    #[arg(long, value_name = "NAME")]
    pub service: String,
    /// The function's name
    #[arg(long, value_name = "NAME")]
    pub function: String,
    /// The release that it is
    #[arg(long, value_name = "RELEASE")]
    pub release: String,
    /// The function's version in these regions. Without one, `$LATEST` is this release from now on
    #[arg(long, value_name = "VERSION")]
    pub function_version: Option<String>,
}

/// Writes a record for each function of a map, as `releases record` does.
#[derive(Debug, Args)]
pub struct ReleasesImport {
    /// The map, or `-` for stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Writes one page a command, for example: transect man ~/.local/share/man/man1
#[derive(Debug, Args)]
pub struct Man {
    /// Where the pages go; it must exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Prints a completion script, for example: transect completions bash > ~/.local/share/bash-completion/completions/transect
///
/// It asks the program itself, and so knows the services, releases and regions of the last answers.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::{Command, CommandFactory, Parser};

    use super::{Arguments, Command as Parsed};

    /// Every command of the tree, as it is when a command line is read: with all that is global.
    fn commands() -> Vec<(String, Command)> {
        let mut root = Arguments::command();
        root.build();
        let mut found = Vec::new();
        let mut open = vec![(root.get_name().to_owned(), root)];
        while let Some((path, command)) = open.pop() {
            open.extend(command.get_subcommands().map(|sub| (format!("{path} {}", sub.get_name()), sub.clone())));
            found.push((path, command));
        }
        found
    }

    /// The names that a command takes for an option, or for a command below it, and that mean two things.
    fn ambiguous_names(command: &Command) -> Vec<String> {
        let mut meanings = BTreeMap::<String, Vec<String>>::new();
        for argument in command.get_arguments() {
            let long = argument.get_long_and_visible_aliases().into_iter().flatten();
            let hidden = argument.get_aliases().into_iter().flatten();
            let mut names: Vec<String> = long.chain(hidden).map(|name| format!("--{name}")).collect();
            let short = argument.get_short_and_visible_aliases().into_iter().flatten();
            names.extend(short.map(|name| format!("-{name}")));
            names.push(format!("id {}", argument.get_id()));
            for name in names {
                meanings.entry(name).or_default().push(argument.get_id().to_string());
            }
        }
        for sub in command.get_subcommands() {
            for name in std::iter::once(sub.get_name()).chain(sub.get_all_aliases()) {
                meanings.entry(name.to_owned()).or_default().push(format!("command {}", sub.get_name()));
            }
        }
        meanings.retain(|_, meant| meant.len() > 1);
        meanings.into_iter().map(|(name, meant)| format!("{name}: {}", meant.join(", "))).collect()
    }

    fn parse(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn the_table_of_arguments_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// clap looks at its table in debug builds alone, and takes the first of two meanings in a release.
    #[test]
    fn no_name_has_two_meanings_in_any_command() {
        let commands = commands();
        assert!(commands.len() > 18, "{} commands", commands.len());
        for (path, command) in &commands {
            assert_eq!(ambiguous_names(command), Vec::<String>::new(), "{path}");
        }
        let twice = Command::new("twice")
            .arg(clap::Arg::new("one").long("one").alias("other").short('o'))
            .arg(clap::Arg::new("other").long("other").short('o'));
        assert_eq!(ambiguous_names(&twice), ["--other: one, other", "-o: one, other"]);
    }

    #[test]
    fn start_begins_the_story_of_the_demo_and_a_time_range_everywhere_else() {
        let story = |arguments: &Arguments| match &arguments.command {
            Parsed::Demo(own) => own.start.clone(),
            other => panic!("{other:?}"),
        };
        for (line, start, since) in [
            ("transect demo", "2026-11-21T08:00:00Z", None),
            ("transect demo --start 2026-11-22", "2026-11-22", None),
            ("transect demo --since 2h", "2026-11-21T08:00:00Z", Some("2h")),
            ("transect demo --start 2026-11-22 --since 2h", "2026-11-22", Some("2h")),
            ("transect --since 2h demo", "2026-11-21T08:00:00Z", Some("2h")),
            ("transect --since 3h demo --since 2h", "2026-11-21T08:00:00Z", Some("2h")),
            ("transect --start 2h demo --start 2026-11-22", "2026-11-22", Some("2h")),
        ] {
            let arguments = parse(line);
            assert_eq!((story(&arguments).as_str(), arguments.global.since.as_deref()), (start, since), "{line}");
        }
        for line in [
            "transect logs --start 2h",
            "transect --start 2h logs",
            "transect logs --since 2h",
            "transect canary --start 2h",
        ] {
            assert_eq!(parse(line).global.since.as_deref(), Some("2h"), "{line}");
        }
    }
}
