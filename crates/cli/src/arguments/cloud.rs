//! The arguments of the commands against AWS. It refuses to act on them.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, PathCompleter};
use transect_normalize::Pattern;

use super::Level;
use crate::names;

/// Which installation a command is about.
#[derive(Debug, Args)]
pub struct Deployment {
    /// Name of the installation, as given to the template
    #[arg(long, value_name = "NAME", default_value = "transect")]
    pub name: String,
}

/// How messages are read: as the forwarder's environment says.
#[derive(Debug, Args)]
pub struct Reading {
    /// Keep secrets as they are
    #[arg(long, help_heading = "Reading")]
    pub no_redact: bool,
    /// A further key whose value is a secret; repeatable
    #[arg(long, value_name = "KEY", help_heading = "Reading")]
    pub redact_key: Vec<String>,
    /// A further shape of text that is a secret, such as `acme_live_[A-Za-z0-9]{20,}`; repeatable
    #[arg(long, value_name = "PATTERN", help_heading = "Reading")]
    pub redact_pattern: Vec<Pattern>,
    /// A key that holds the application's own id of a request, before the built-in ones; repeatable
    #[arg(long, value_name = "KEY", help_heading = "Reading")]
    pub correlation_key: Vec<String>,
    /// A key that holds the release, before the built-in ones; repeatable
    #[arg(long, value_name = "KEY", help_heading = "Reading")]
    pub release_key: Vec<String>,
}

/// Compares the log groups of each region with what is wished, and with --apply puts right what differs: a subscription
/// filter in each group, or one policy for all groups of the account. Applied twice, the second time changes nothing.
///
/// Filters of others are never touched, and the log groups that the pipeline itself writes are never subscribed: that would be
/// a loop. Regions are those of --region, else those of the lake's configuration.
///
/// `state` is covered, missing, differs, blocked (something stands in the way: `detail` says what), own or excluded; `action`
/// is what --apply does. `monthly_usd` is what a group that never expires costs to keep, at most.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 fine · 3 a region did not answer, or with --apply: a group is not as wished\n\n\
    Examples:\n  transect subscribe --region us-east-2 --region eu-west-2\n  \
    transect subscribe --match '/aws/lambda/*' --exclude '*-test' --retention 30 --apply\n  \
    transect subscribe --policy account --apply")]
pub struct Subscribe {
    /// Show what would be done, and do nothing: what happens without --apply
    #[arg(long, conflicts_with = "apply")]
    pub plan: bool,
    /// Do it
    #[arg(long)]
    pub apply: bool,
    #[command(flatten)]
    pub deployment: Deployment,
    /// Filters group by group, or one policy of the account for all groups, those to come among them
    #[arg(long, value_enum, value_name = "HOW", default_value = "groups")]
    pub policy: PolicyName,
    /// Only these log groups, with * for any text; repeatable. All, where none is named
    #[arg(long = "match", value_name = "GLOB")]
    pub include: Vec<String>,
    /// Not these log groups; repeatable
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Retention for groups that never expire, in days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …
    #[arg(long, value_name = "DAYS")]
    pub retention: Option<i32>,
    /// CloudWatch's filter pattern; empty for everything
    #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// Deliver to this function instead of the installation's forwarder
    #[arg(long, value_name = "ARN")]
    pub destination: Option<String>,
}

/// How log groups are subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// A filter in each group
    Groups,
    /// The account's policy
    Account,
}

/// Reads what CloudWatch Logs still holds into the lake: the time before the subscription, or an hour in which it was switched
/// off. Events keep their ids, so that what the forwarder has sent as well counts once; brought again, they replace themselves.
///
/// --since and --until are needed. What a window of time and group brought is written down in --state, and a run that was
/// killed goes on from there. A region's lake is a bucket or a directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    transect backfill --group '/aws/lambda/*' --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z\n  \
    transect backfill --group /aws/lambda/pay --since 7d --until now --region us-east-2 --state pay.backfill")]
pub struct Backfill {
    /// Log groups, with * for any text; repeatable
    #[arg(long, value_name = "GLOB", required = true)]
    pub group: Vec<String>,
    /// None of these, with * for any text; repeatable
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Write down here what is done, and leave out what is
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Calls a second in each region; FilterLogEvents allows 5 in most
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rate: u32,
    #[command(flatten)]
    pub deployment: Deployment,
    #[command(flatten)]
    pub reading: Reading,
}

/// Shows log events as they are written, from all regions, merged by time and printed as `transect logs` does. FILTER is
/// CloudWatch's own filter pattern.
///
/// CloudWatch's live tail is used, which is paid for by the minute; where it is refused, and with --poll, the groups are asked
/// again and again. CloudWatch samples beyond 500 events a second, and then it is said. Log groups that are made meanwhile are
/// asked, too. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  transect tail --group '/aws/lambda/pay*'\n  \
    transect tail --service payments --level error --for 10m\n  transect tail ERROR --group /ecs/shop --poll")]
pub struct Tail {
    /// CloudWatch's filter pattern
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,
    /// Only these log groups, with * for any text; repeatable. All, where none is named
    #[arg(long, value_name = "GLOB")]
    pub group: Vec<String>,
    /// Only this service, or function where no service is stated; repeatable
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::services))]
    pub service: Vec<String>,
    /// Only this level and above: trace, debug, info, warn, error or fatal
    #[arg(long, value_enum, value_name = "LEVEL", ignore_case = true)]
    pub level: Option<Level>,
    /// Ask again and again instead of a live tail
    #[arg(long)]
    pub poll: bool,
    /// Where it asks: show what arrives up to so long after its time, when it arrives
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub late: String,
    /// End after this time
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
    /// Times in UTC rather than in the local zone
    #[arg(long)]
    pub utc: bool,
    #[command(flatten)]
    pub deployment: Deployment,
    #[command(flatten)]
    pub reading: Reading,
}

/// Delivers what was left undelivered into the lake: events that Lambda kept because the forwarder failed, and records that
/// Firehose could not convert. They lie under the hour in which they were observed, and their objects move to `redriven/` after
/// that. Run twice, by two at once, or killed and run again, nothing is there twice.
///
/// What cannot be read stays where it is, with its reason. Sampling and the least severity of the forwarder play no part here:
/// everything is delivered.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 fine · 3 a region did not answer, or something is still left · 5 nothing was left\n\n\
    Examples:\n  transect redrive --dry-run\n  transect redrive --from failed --region us-east-2"
)]
pub struct Redrive {
    /// Only what Lambda kept, or only what Firehose could not convert
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub from: Option<SourceName>,
    #[command(flatten)]
    pub deployment: Deployment,
    #[command(flatten)]
    pub reading: Reading,
}

/// What was left, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceName {
    /// The forwarder failed and Lambda kept the event
    Failed,
    /// Firehose could not convert the record
    Errors,
}

/// Lists what was left undelivered in each region, by cause. `transect redrive` delivers it.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 there is something · 3 a region did not answer · 5 nothing was left")]
pub struct Failed {
    /// Only what Lambda kept, or only what Firehose could not convert
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub from: Option<SourceName>,
    #[command(flatten)]
    pub deployment: Deployment,
}

/// Looks at what is installed in each region: credentials, bucket, deliveries, the Firehose stream and its settings, the
/// forwarder and its release, coverage of log groups, what was left undelivered, and this machine's clock. Each finding comes
/// with its fix.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 fine · 1 findings · 3 a region did not answer, or a check could not be made\n\n\
    Examples:\n  transect doctor\n  transect doctor --region us-east-2 --format json")]
pub struct Doctor {
    #[command(flatten)]
    pub deployment: Deployment,
    /// A function whose live release is to be the same in all regions; repeatable
    #[arg(long, value_name = "NAME")]
    pub function: Vec<String>,
    /// Log groups that are to be forwarded, with * for any text; repeatable. All, where none is named
    #[arg(long = "match", value_name = "GLOB")]
    pub include: Vec<String>,
    /// Log groups that are left out on purpose; repeatable
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
}

/// Moves a release's share of a function's alias wave by wave, and asks `transect canary` while each wave bakes. Where the
/// canary fails, the weight is set back in the regions that it names, and later waves do not begin.
///
/// --waves is a JSON file: [{"name", "regions", "weight", "bake", "min_requests"}]. --release-map says which version of the
/// function each release is in each region. Everything is written down in --state before and after it is done: a run that was
/// killed is taken up by the same command, and ends the same.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 promoted · 1 failed, and rolled back where it failed · 2 usage · \
    3 a region did not answer, or somebody else has moved the alias · 4 held, undecided\n\n\
    Examples:\n  transect rollout --function pay-fn --service payments --baseline 1.4.1 --canary 1.4.2 \\\n    \
    --waves deploy/waves.json --release-map release-map.json --state rollout.json --dry-run")]
pub struct Rollout {
    /// The function whose alias is moved
    #[arg(long, value_name = "NAME")]
    pub function: String,
    /// The alias
    #[arg(long, value_name = "NAME", default_value = "live")]
    pub alias: String,
    /// The service that is judged, as its records name it
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::services))]
    pub service: String,
    /// The release that runs now
    #[arg(long, value_name = "RELEASE", add = ArgValueCandidates::new(names::releases))]
    pub baseline: String,
    /// The release that is rolled out
    #[arg(long, value_name = "RELEASE", add = ArgValueCandidates::new(names::releases))]
    pub canary: String,
    /// Which version each release is: {release: {region: {function: {"version"}}}}
    #[arg(long, value_name = "FILE", add = ArgValueCompleter::new(PathCompleter::file()))]
    pub release_map: PathBuf,
    /// The waves
    #[arg(long, value_name = "FILE", add = ArgValueCompleter::new(PathCompleter::file()))]
    pub waves: PathBuf,
    /// What is done, written down here; the same file takes a killed run up
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    pub state: Option<PathBuf>,
    /// Policy of the canary, as for `transect canary --policy`
    #[arg(long, value_name = "FILE", add = ArgValueCompleter::new(PathCompleter::file()))]
    pub policy: Option<PathBuf>,
    /// What becomes of a wave that is not decided when its time is over
    #[arg(long, value_name = "WHAT", default_value = "rollback", value_parser = PossibleValuesParser::new(["rollback", "promote", "hold"]))]
    pub on_inconclusive: String,
    /// How long after the bake a verdict is waited for; without it, as long as the bake
    #[arg(long, value_name = "DURATION")]
    pub deadline: Option<String>,
    /// How often the canary is asked
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub every: String,
    /// How long after its minute a failure is waited for, as for `transect canary --settle`
    #[arg(long, value_name = "DURATION")]
    pub settle: Option<String>,
    /// Go on with the wave under way whatever its verdict is, for this reason, which is written down
    #[arg(long = "override", value_name = "REASON")]
    pub override_reason: Option<String>,
    /// With --override: set the release back in all regions instead
    #[arg(long, requires = "override_reason")]
    pub roll_back: bool,
}
