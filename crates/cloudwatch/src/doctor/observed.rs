//! What a region showed: plain data, without the SDK's types, so that rules can be tried on whatever a region might show. It
//! refuses to judge.

use std::collections::BTreeMap;

use jiff::Timestamp;
use transect_lake::{Mapping, Place, Serving};

pub use crate::clock::Skew;
use crate::subscribe::Survey;
use crate::{Account, Fault};

/// Everything that one region showed. What could not be looked at hides nothing else.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Its name.
    pub region: String,
    /// When it was looked at, by this machine's clock.
    pub time: Timestamp,
    /// Whose credentials these are.
    pub account: Result<Account, Fault>,
    /// This machine's clock against that of AWS, if an answer said what time it is there.
    pub skew: Option<Skew>,
    /// Its part of the lake; `None` if the lake has no location for it.
    pub lake: Option<LakeView>,
    /// The Firehose stream.
    pub stream: Result<Stream, Fault>,
    /// The forwarder.
    pub forwarder: Forwarder,
    /// Further functions whose releases are of interest.
    pub functions: Vec<Deployed>,
    /// Log groups, subscriptions and policies.
    pub survey: Result<Survey, Fault>,
    /// What CloudWatch Logs could not hand over to subscriptions lately.
    pub undelivered: Result<Vec<Undelivered>, Fault>,
}

/// Events of one log group that a subscription's destination did not take.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// The log group.
    pub group: String,
    /// The filter; `None` where CloudWatch does not say, as of the account's policy.
    pub filter: Option<String>,
    /// Whether the destination asked to wait, rather than refused.
    pub is_throttled: bool,
    /// The minutes, by their beginning, and how many events of each.
    pub minutes: Vec<(Timestamp, f64)>,
}

/// What the region's part of the lake showed. An error is the reason, without the name of a bucket.
#[derive(Clone, Debug)]
pub struct LakeView {
    /// Where it lies.
    pub place: Place,
    /// From where it was read in the end.
    pub serving: Serving,
    /// Whether it may be listed.
    pub bucket: Result<(), String>,
    /// The newest object that was delivered.
    pub newest: Result<Option<Newest>, String>,
    /// Which release versions are.
    pub mappings: Result<Vec<Mapping>, String>,
    /// Events that the forwarder could not deliver.
    pub failed: Result<Pile, String>,
    /// Records that Firehose could not convert.
    pub unconverted: Result<Pile, String>,
}

/// The newest object among those delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its hour of arrival: `date=2026-11-21/hour=08`.
    pub hour: String,
    /// When it was written, by the store's clock.
    pub modified: Timestamp,
}

/// Objects of one kind that should not be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pile {
    /// How many were seen.
    pub objects: usize,
    /// What they hold.
    pub bytes: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Whether there are others that were not listed.
    pub has_more: bool,
}

/// A Firehose stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// `ACTIVE`, `CREATING`, …
    pub status: String,
    /// The kind of failure of a stream that could not be made or deleted.
    pub failure: Option<String>,
    /// `DirectPut`, `KinesisStreamAsSource`, …
    pub source: String,
    /// What an update has to name.
    pub destination_id: Option<String>,
    /// Its destination, where that is S3.
    pub s3: Option<S3Destination>,
}

/// An extended S3 destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Destination {
    /// Of the bucket. It stands in no finding.
    pub bucket_arn: String,
    /// The role that Firehose writes with.
    pub role_arn: String,
    /// Of the keys of what was converted.
    pub prefix: Option<String>,
    /// Of the keys of what was not.
    pub error_prefix: Option<String>,
    /// An object is written when so much has come.
    pub buffer_mib: Option<i32>,
    /// Or after so much time.
    pub buffer_seconds: Option<i32>,
    /// Of whole objects.
    pub compression: String,
    /// Whether errors are logged to CloudWatch.
    pub is_logging: bool,
    /// Whether records are changed on their way.
    pub is_processing: bool,
    /// Whether keys are made of what records hold.
    pub is_partitioning: bool,
    /// Whether records are kept a second time as they came.
    pub is_backing_up: bool,
    /// Of the times in prefixes; `None` is UTC.
    pub time_zone: Option<String>,
    /// Of the names of objects; `None` is Firehose's choice.
    pub file_extension: Option<String>,
    /// From JSON, if anything is converted.
    pub conversion: Option<Conversion>,
}

/// How records are converted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Whether they are at all.
    pub is_enabled: bool,
    /// What reads JSON.
    pub deserializer: Option<Deserializer>,
    /// Whether Parquet is written.
    pub is_parquet: bool,
    /// The Glue database.
    pub database: Option<String>,
    /// The Glue table.
    pub table: Option<String>,
    /// The Glue table's region.
    pub region: Option<String>,
    /// The version of the Glue table.
    pub version: Option<String>,
    /// The role that reads it.
    pub role_arn: Option<String>,
}

/// What reads JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deserializer {
    /// OpenX's.
    OpenX,
    /// Hive's.
    Hive,
}

/// A function and the version of it that is live.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The function's name.
    pub function: String,
    /// Its alias `live`.
    pub alias: Result<Alias, Fault>,
    /// What the alias points to.
    pub configuration: Result<Configuration, Fault>,
}

/// An alias.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alias {
    /// The version that it points to.
    pub version: String,
    /// Further versions, and the share of invocations that each gets.
    pub weights: BTreeMap<String, f64>,
}

/// A version of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// `Active`, `Pending`, `Inactive`, `Failed`.
    pub state: Option<String>,
    /// `Successful`, `Failed`, `InProgress`.
    pub last_update: Option<String>,
    /// Such as `provided.al2023`.
    pub runtime: Option<String>,
    /// What an invocation may take, in seconds.
    pub timeout_seconds: Option<i32>,
    /// Digest of the zip.
    pub code_sha256: Option<String>,
    /// Variables that begin like ours; the error is the code of why they cannot be read.
    pub variables: Result<BTreeMap<String, String>, String>,
}

/// The forwarder, beyond what any function has.
#[derive(Clone, Debug)]
pub struct Forwarder {
    /// The function.
    pub deployed: Deployed,
    /// What is reserved for it: `None` where nothing is, 0 where it is stopped.
    pub reserved: Result<Option<i32>, Fault>,
    /// How it is invoked, by its alias.
    pub asynchronous: Result<Asynchronous, Fault>,
    /// The statements that let CloudWatch Logs invoke it, by its alias.
    pub invokers: Result<Vec<Invoker>, Fault>,
}

/// How events are handled that wait for a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asynchronous {
    /// Where events go that failed for good. It stands in no finding.
    pub on_failure: Option<String>,
    /// How often an event is tried again; `None` is Lambda's choice, which is 2.
    pub retries: Option<i32>,
}

/// A statement that lets CloudWatch Logs invoke a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoker {
    /// For events of this account; `None` where the statement does not say.
    pub account: Option<String>,
}
