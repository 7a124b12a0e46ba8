//! Every argument of every command: the one table from which parser, help and completions come.
//!
//! It refuses to act on them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Follow requests across regions and releases, in the logs, spans and metrics that they left in every AWS region.
#[derive(Debug, Parser)]
#[command(name = "transect", version, max_term_width = 100, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 fine · 2 usage or configuration · 3 incomplete: a region or a file did not answer · \
    5 nothing found · 70 our bug. A closed pipe is 0. stdout carries data, stderr carries talk."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// A region's place, or one directory that holds all regions; repeatable. Comes before TRANSECT_LAKE (places with a
    /// comma between them) and transect.toml
    #[arg(long, value_name = "NAME=DIR|DIR", global = true, help_heading = "Lake")]
    pub lake: Vec<String>,
    /// Configuration file, instead of the transect.toml looked for upwards from here and in $XDG_CONFIG_HOME/transect/
    #[arg(long, value_name = "FILE", global = true, help_heading = "Lake")]
    pub config: Option<PathBuf>,
    /// Only this region; repeatable. For `ingest`: the region that the payloads come from
    #[arg(long, value_name = "REGION", global = true, help_heading = "Lake")]
    pub region: Vec<String>,
    /// From when on: 90s, 15m, 2h, 7d ago, an RFC 3339 time, or a date
    #[arg(long, value_name = "TIME", global = true, help_heading = "Time")]
    pub since: Option<String>,
    /// Until when: as --since, or `now`
    #[arg(long, value_name = "TIME", global = true, help_heading = "Time")]
    pub until: Option<String>,
    /// How long after its time a record may have arrived and still be found when a time range is given. What came later
    /// is shown by `transect query late-deliveries`
    #[arg(long, value_name = "DURATION", default_value = "24h", global = true, help_heading = "Time")]
    pub lateness: String,
    /// How the answer is written; from the ending of --output, else `table`
    #[arg(long, value_enum, value_name = "FORMAT", global = true, help_heading = "Output")]
    pub format: Option<FormatName>,
    /// Write the answer to this file, whole or not at all, readable by its owner alone
    #[arg(long, short, value_name = "FILE", global = true, help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Print nothing unless every region answered
    #[arg(long, global = true, help_heading = "Output")]
    pub strict: bool,
    /// No talk on stderr but errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Say what was read
    #[arg(long, short, global = true, help_heading = "Output")]
    pub verbose: bool,
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a three-region sample lake and walk through it
    Demo(Demo),
    /// Load CloudWatch Logs subscription payloads into the lake
    Ingest(Ingest),
    /// Ask the lake in SQL
    Sql(Sql),
    /// Ask a saved question; without a name, list them
    Query(Query),
    /// Print the columns of a telemetry row
    Schema,
    /// Print a completion script for a shell
    Completions(Completions),
}

/// Makes a deterministic sample of an active-active shop in three regions: real CloudWatch payloads and the truth about
/// them, loads it by the same path as `ingest`, and asks it three saved questions.
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
/// A file that cannot be read is named and left out as a whole (exit code 3 at the end). What was loaded from the same
/// payload before is not loaded again. The region comes from --region, else from the path (`…/us-east-2/…`), else from
/// the payload's own `@aws.region`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect ingest --lake ./lake --region us-east-2 payload.json\n  \
    transect ingest --lake ./lake payloads/*/*.json\n  cat event.json | transect ingest --lake ./lake --region eu-west-2 -")]
pub struct Ingest {
    /// Files, or `-` for stdin
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Load again what is already there
    #[arg(long)]
    pub force: bool,
    /// Keep secrets as they are
    #[arg(long)]
    pub no_redact: bool,
    /// A further key whose value is a secret; repeatable
    #[arg(long, value_name = "KEY")]
    pub redact_key: Vec<String>,
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

/// Answers one SQL query over all regions. Tables: `telemetry` (every row, with `timestamp` and `release`; a record that
/// was delivered twice stands in it twice) and the views `logs`, `spans`, `invocations` and `metrics` (each once).
/// `transect schema` prints the columns; JSON text is opened by `json_get(attributes, 'key', …)` or `attributes->>'key'`.
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
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// A parameter's value; repeatable
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Print the question's SQL instead of its answer
    #[arg(long)]
    pub show_sql: bool,
}

/// Prints a completion script, for example: transect completions bash > ~/.local/share/bash-completion/completions/transect
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_table_of_arguments_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
