//! Whether what is installed is sound: what a region shows is gathered first, and judged afterwards by pure rules. Every
//! finding comes with what to do about it.
//!
//! It refuses to change anything, to open what could not be delivered, and to put the name of a bucket, a payload or a secret
//! into a finding.

use std::collections::BTreeMap;

use transect_lake::Mapping;

use crate::{Fault, Missing, Names};

mod access;
mod coverage;
mod firehose;
mod forwarder;
mod gather;
mod lake;
mod observed;
mod skipped;
mod words;

pub use gather::{Scope, gather};
pub use observed::{
    Alias, Asynchronous, Configuration, Conversion, Deployed, Deserializer, Forwarder, Invoker, LakeView, Newest,
    Observed, Pile, S3Destination, Skew, Stream, Undelivered,
};
pub use words::quote;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and something should be done.
    Warn,
    /// It does not work, or loses something, or will.
    Fail,
    /// It could not be looked at.
    Unknown,
}

impl State {
    /// As it is written in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
            State::Unknown => "unknown",
        }
    }
}

/// What is looked at, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Whether there are credentials, and whose.
    Credentials,
    /// Whether the region's bucket answers.
    Bucket,
    /// How old the newest delivered object is.
    Delivery,
    /// The stream, and its settings against the rules of the lake.
    Firehose,
    /// The forwarder's function, alias and on-failure destination.
    Forwarder,
    /// Which release the live version of a further function is.
    Release,
    /// Which log groups are forwarded.
    Coverage,
    /// What CloudWatch Logs could not hand over, and skips.
    Skipped,
    /// What the forwarder could not deliver.
    Failed,
    /// What Firehose could not convert.
    Unconverted,
    /// This machine's clock against that of AWS.
    Clock,
}

impl Check {
    /// As it is written in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Check::Credentials => "credentials",
            Check::Bucket => "bucket",
            Check::Delivery => "delivery",
            Check::Firehose => "firehose",
            Check::Forwarder => "forwarder",
            Check::Release => "release",
            Check::Coverage => "coverage",
            Check::Skipped => "skipped",
            Check::Failed => "failed",
            Check::Unconverted => "unconverted",
            Check::Clock => "clock",
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The region.
    pub region: String,
    /// What was looked at.
    pub check: Check,
    /// How it came out.
    pub state: State,
    /// What is there.
    pub detail: String,
    /// A command or a parameter; `None` where nothing is to be done.
    pub fix: Option<String>,
}

/// What regions are compared with.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The names of the deployment.
    pub names: Names,
    /// Patterns of log groups that are to be forwarded, with `*` and `?`; all, where there is none.
    pub include: Vec<String>,
    /// Patterns of log groups that are left out on purpose.
    pub exclude: Vec<String>,
}

/// What is known of all regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// By region, in the order in which they were given, and check.
    pub findings: Vec<Finding>,
    /// Regions of which nothing could be learnt.
    pub missing: Vec<Missing>,
}

impl Diagnosis {
    /// Whether something is to be done: a warning or a failure. What could not be looked at is neither.
    pub fn has_findings(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.state, State::Warn | State::Fail))
    }
}

/// What is to be said of one region by itself. Pure. A region of which nothing could be learnt has one row.
pub fn examine(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    if silence(observed).is_some() {
        return access::credentials(observed);
    }
    let checks = [
        access::credentials(observed),
        lake::bucket(observed, expected),
        lake::delivery(observed, expected),
        firehose::firehose(observed, expected),
        forwarder::forwarder(observed, expected),
        forwarder::releases(observed),
        coverage::coverage(observed, expected),
        skipped::skipped(observed, expected),
        lake::failed(observed, expected),
        lake::unconverted(observed, expected),
        access::clock(observed),
    ];
    checks.into_iter().flatten().collect()
}

/// What is to be said of all regions: each by itself, and where they differ from one another. Pure.
pub fn examine_all(observed: &[Observed], expected: &Expected) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    let answering: Vec<&Observed> = observed.iter().filter(|region| silence(region).is_none()).collect();
    let mut differences: BTreeMap<(&str, Check), Vec<Finding>> = BTreeMap::new();
    for finding in forwarder::differences(&answering, expected) {
        let Some(region) = answering.iter().find(|region| region.region == finding.region) else { continue };
        differences.entry((&region.region, finding.check)).or_default().push(finding);
    }
    for region in observed {
        if let Some(fault) = silence(region) {
            diagnosis.missing.push(Missing { region: region.region.clone(), reason: fault.reason.clone() });
        }
        let mut findings = examine(region, expected);
        for ((name, check), more) in &differences {
            if *name == region.region {
                // What differs is not sound, however sound it is by itself.
                findings.retain(|finding| finding.check != *check || finding.state != State::Ok);
                findings.extend(more.iter().cloned());
            }
        }
        findings.sort_by_key(|finding| finding.check);
        diagnosis.findings.extend(findings);
    }
    diagnosis
}

/// Why nothing could be learnt of a region: no call to AWS was answered, or none with these credentials, and its bucket was
/// not either.
fn silence(observed: &Observed) -> Option<&Fault> {
    let fault = observed.account.as_ref().err()?;
    let is_silent =
        |fault: Option<&Fault>| fault.is_some_and(|fault| fault.code.is_none() || access::is_credentials(fault));
    let forwarder = &observed.forwarder;
    let all_silent = is_silent(Some(fault))
        && is_silent(observed.stream.as_ref().err())
        && is_silent(observed.survey.as_ref().err())
        && is_silent(forwarder.deployed.alias.as_ref().err())
        && is_silent(forwarder.deployed.configuration.as_ref().err());
    let bucket_answers =
        observed.lake.as_ref().is_some_and(|lake| lake.place.directory().is_none() && lake.bucket.is_ok());
    (all_silent && !bucket_answers).then_some(fault)
}

/// The record that says which release a version is: the last one counts.
fn release_of<'m>(mappings: &'m [Mapping], function: &str, version: &str) -> Option<&'m Mapping> {
    let of_version =
        mappings.iter().filter(|mapping| mapping.function == function && mapping.function_version == version);
    of_version.max_by_key(|mapping| mapping.recorded_unix_nano)
}

/// The bucket of an ARN such as `arn:aws:s3:::bucket`.
fn bucket_name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    (parts.next() == Some("arn") && parts.nth(1) == Some("s3")).then(|| parts.nth(2))?
}

/// The rows of one check in one region.
struct Rows<'r> {
    region: &'r str,
    check: Check,
    found: Vec<Finding>,
}

impl<'r> Rows<'r> {
    fn of(observed: &'r Observed, check: Check) -> Rows<'r> {
        Rows { region: &observed.region, check, found: Vec::new() }
    }

    fn row(&mut self, state: State, detail: String, fix: Option<String>) {
        self.found.push(Finding { region: self.region.to_owned(), check: self.check, state, detail, fix });
    }

    fn warn(&mut self, detail: impl Into<String>, fix: impl Into<String>) {
        self.row(State::Warn, detail.into(), Some(fix.into()));
    }

    fn fail(&mut self, detail: impl Into<String>, fix: impl Into<String>) {
        self.row(State::Fail, detail.into(), Some(fix.into()));
    }

    fn unknown(&mut self, detail: impl Into<String>, fix: impl Into<String>) {
        self.row(State::Unknown, detail.into(), Some(fix.into()));
    }

    /// Something that is worth a word and nothing to be done about.
    fn note(&mut self, detail: impl Into<String>) {
        self.row(State::Ok, detail.into(), None);
    }

    /// What could not be looked at, because of this.
    fn fault(&mut self, fault: &Fault) {
        self.not_looked_at(format!("not looked at: {fault}"), fault);
    }

    /// The same of some log groups alone.
    fn fault_of(&mut self, fault: &Fault, names: &str, count: usize) {
        self.not_looked_at(format!("{} not looked at ({fault}): {names}", words::count(count, "log group")), fault);
    }

    fn not_looked_at(&mut self, detail: String, fault: &Fault) {
        let fix = if fault.is_denied() {
            format!("allow `{}` to the caller (deploy/cfn/global.yaml, AskAws=yes)", fault.action)
        } else if access::is_credentials(fault) {
            "what the row `credentials` says".to_owned()
        } else {
            format!("again: `transect doctor --region {}`", self.region)
        };
        self.unknown(detail, fix);
    }

    /// The rows, and where none says otherwise one that all is well.
    fn or_ok(mut self, detail: impl Into<String>) -> Vec<Finding> {
        if self.found.iter().all(|finding| finding.state == State::Ok) {
            self.note(detail);
        }
        self.found
    }
}

#[cfg(test)]
mod tests;
