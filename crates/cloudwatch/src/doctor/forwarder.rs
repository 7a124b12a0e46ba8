//! What the forwarder must be so that nothing is lost: an alias on a version that does not change, a function that runs,
//! somewhere for what fails, permission for CloudWatch Logs, and the same code in every region. It refuses to show values of
//! variables, which may hold names that are nobody's business.

use std::collections::BTreeSet;

use transect_lake::{Mapping, Place};

use super::observed::{Alias, Configuration, Deployed, Forwarder, Invoker, Observed};
use super::{Check, Expected, Finding, Rows, bucket_name, release_of, words};
use crate::{Fault, Names};

/// What the zip is built for.
const RUNTIME: &str = "provided.al2023";
/// With less time a stream that is busy for some seconds makes an event fail.
const TIMEOUT_SECONDS_MIN: i32 = 30;
/// What the forwarder's documentation advises.
const TIMEOUT_SECONDS_USUAL: i32 = 60;
/// Lambda's own number, and its most.
const RETRIES: i32 = 2;
/// As the template has it.
const CONCURRENCY_USUAL: i32 = 50;
const NOT_FOUND: &str = "ResourceNotFoundException";
const STREAM_VARIABLE: &str = "TRANSECT_DELIVERY_STREAM";
/// The variables that the forwarder reads (the table in crates/forwarder/src/config.rs, which this crate does not link).
pub(super) const VARIABLES: [&str; 9] = [
    STREAM_VARIABLE,
    "TRANSECT_REDACT",
    "TRANSECT_REDACT_KEYS",
    "TRANSECT_REDACT_PATTERNS",
    "TRANSECT_CORRELATION_KEYS",
    "TRANSECT_RELEASE_KEYS",
    "TRANSECT_MIN_SEVERITY",
    "TRANSECT_SAMPLE_RATE",
    "TRANSECT_MAX_DECODED_MIB",
];

pub(super) fn forwarder(observed: &Observed, expected: &Expected) -> Vec<Finding> {
    let mut rows = Rows::of(observed, Check::Forwarder);
    let Forwarder { deployed, reserved, .. } = &observed.forwarder;
    let function = expected.names.function();
    if reserved.as_ref().is_err_and(|fault| fault.is(NOT_FOUND)) || is_absent(deployed) && reserved.is_err() {
        rows.fail(
            format!("no function `{function}` in this region"),
            format!(
                "`--name` if the deployment has another, else `{}`",
                words::deploy(&expected.names, &observed.region)
            ),
        );
        return rows.found;
    }
    let rule = Rule { observed, names: &expected.names, function: &function };
    rule.alias(&mut rows);
    match &deployed.configuration {
        Ok(configuration) => {
            rule.runs(&mut rows, configuration);
            rule.variables(&mut rows, configuration);
        }
        // The row of the alias says it.
        Err(fault) if fault.is(NOT_FOUND) => {}
        Err(fault) => rows.fault(fault),
    }
    rule.concurrency(&mut rows);
    rule.on_failure(&mut rows);
    rule.permission(&mut rows);
    release(&mut rows, observed, deployed);
    rows.or_ok(summary(observed, deployed))
}

fn is_absent(deployed: &Deployed) -> bool {
    deployed.alias.as_ref().is_err_and(|fault| fault.is(NOT_FOUND))
        && deployed.configuration.as_ref().is_err_and(|fault| fault.is(NOT_FOUND))
}

/// Further functions: which version is live, and which release that is.
pub(super) fn releases(observed: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    for deployed in &observed.functions {
        let mut rows = Rows::of(observed, Check::Release);
        let function = &deployed.function;
        match (&deployed.alias, &deployed.configuration) {
            _ if is_absent(deployed) => rows.fail(
                format!("{function}: no such function, or none with an alias `live`"),
                format!("`aws lambda list-aliases --region {} --function-name {function}`", observed.region),
            ),
            (Err(fault), _) => rows.fault(fault),
            // Readers do not see a function's configuration: version and release are known without it.
            (Ok(_), Err(fault)) if !fault.is_denied() => rows.fault(fault),
            (Ok(alias), _) => {
                rollout(&mut rows, function, alias);
                if release(&mut rows, observed, deployed).is_none() && known(observed).is_some() {
                    rows.warn(
                        format!("{function}: version {} is no recorded release", alias.version),
                        format!(
                            "`transect releases record --service SERVICE --function {function} --release RELEASE --function-version {} \
                             --region {}`",
                            words::quote(&alias.version),
                            observed.region
                        ),
                    );
                }
            }
        }
        let summary = format!("{function}: {}", summary(observed, deployed));
        found.extend(rows.or_ok(summary));
    }
    found
}

/// Where regions differ from what most of them have: in the forwarder's code, and in releases.
pub(super) fn differences(observed: &[&Observed], expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    let of_forwarder = || observed.iter().map(|region| (*region, &region.forwarder.deployed));
    let code = |_: &Observed, deployed: &Deployed| deployed.configuration.as_ref().ok()?.code_sha256.clone();
    differ(&mut found, Check::Forwarder, "code", of_forwarder(), code, |region, digest| {
        let deploy = words::deploy_with(&expected.names, region, &format!("CodeKey=KEY CodeSha256={digest}"));
        format!("`{deploy}` (KEY as `deploy/release/publish.sh upload` prints it), or the same in the other regions")
    });
    let release = |region: &Observed, deployed: &Deployed| Some(live_release(region, deployed)?.release.clone());
    // Its bytes say more than what was recorded of it.
    if found.is_empty() {
        differ(&mut found, Check::Forwarder, "release", of_forwarder(), release, |region, _| {
            format!("`transect releases import release-map.json --region {region}`: the code is the same")
        });
    }
    let functions: BTreeSet<&str> =
        observed.iter().flat_map(|region| &region.functions).map(|deployed| deployed.function.as_str()).collect();
    for function in functions {
        let live = observed
            .iter()
            .flat_map(|region| region.functions.iter().map(|deployed| (*region, deployed)))
            .filter(|(_, deployed)| deployed.function == function);
        differ(&mut found, Check::Release, &format!("{function}: release"), live, release, |_, _| {
            "`transect releases` says what runs where; `transect rollout` brings a release to the regions that lack it"
                .to_owned()
        });
    }
    found
}

/// A row for each region that has another value than most of those that have one; `fix` gets the region and what most have.
fn differ<'o>(
    found: &mut Vec<Finding>,
    check: Check,
    what: &str,
    deployed: impl Iterator<Item = (&'o Observed, &'o Deployed)>,
    value: impl Fn(&Observed, &Deployed) -> Option<String>,
    fix: impl Fn(&str, &str) -> String,
) {
    let values: Vec<(&Observed, String)> =
        deployed.filter_map(|(region, deployed)| Some((region, value(region, deployed)?))).collect();
    let with = |wanted: &str| -> Vec<&str> {
        values.iter().filter(|(_, value)| value == wanted).map(|(region, _)| region.region.as_str()).collect()
    };
    // Of two that are as frequent the one that comes first.
    let Some((_, usual)) = values.iter().rev().max_by_key(|(_, value)| with(value).len()) else { return };
    let elsewhere = words::names(with(usual).into_iter());
    for (region, value) in values.iter().filter(|(_, value)| value != usual) {
        let mut rows = Rows::of(region, check);
        rows.warn(format!("{what} {} here, {} in {elsewhere}", short(value), short(usual)), fix(&region.region, usual));
        found.extend(rows.found);
    }
}

/// Digests are long, and their beginning tells them apart.
fn short(value: &str) -> &str {
    const DIGEST_CHARS: usize = 44;
    const SHORT_CHARS: usize = 12;
    if value.len() == DIGEST_CHARS { value.get(..SHORT_CHARS).unwrap_or(value) } else { value }
}

fn known(observed: &Observed) -> Option<&[Mapping]> {
    observed.lake.as_ref()?.mappings.as_deref().ok()
}

/// The record of the version that is live.
fn live_release<'o>(observed: &'o Observed, deployed: &Deployed) -> Option<&'o Mapping> {
    let alias = deployed.alias.as_ref().ok()?;
    release_of(known(observed)?, &deployed.function, &alias.version)
}

/// Says what is wrong with the record of the live version, and returns it.
fn release<'o>(rows: &mut Rows<'_>, observed: &'o Observed, deployed: &Deployed) -> Option<&'o Mapping> {
    let (function, region) = (&deployed.function, &observed.region);
    if let Some(Err(reason)) = observed.lake.as_ref().map(|lake| &lake.mappings) {
        rows.unknown(format!("{function}: release records not read: {reason}"), "what the row `bucket` says");
    }
    let mapping = live_release(observed, deployed)?;
    let recorded = mapping.code_sha256.as_deref();
    let running = deployed.configuration.as_ref().ok().and_then(|version| version.code_sha256.as_deref());
    if let (Some(recorded), Some(running)) = (recorded, running)
        && recorded != running
    {
        rows.warn(
            format!(
                "{function}: version {} runs code {}, and the record of release {} says {}",
                mapping.function_version,
                short(running),
                mapping.release,
                short(recorded)
            ),
            format!(
                "`transect releases import release-map.json --region {region}`, with the map of what was published"
            ),
        );
    }
    Some(mapping)
}

/// What is live, for a row without complaint.
fn summary(observed: &Observed, deployed: &Deployed) -> String {
    let Ok(alias) = &deployed.alias else { return "live".to_owned() };
    let mut text = format!("version {}", alias.version);
    match live_release(observed, deployed) {
        Some(mapping) => text.push_str(&format!(", release {}", mapping.release)),
        None => text.push_str(", no release recorded"),
    }
    text
}

/// A second version behind the alias is worth a word, and nothing wrong.
fn rollout(rows: &mut Rows<'_>, function: &str, alias: &Alias) {
    for (version, share) in &alias.weights {
        rows.note(format!(
            "{function}: a rollout is under way, {:.0} % of invocations go to version {version}",
            share * 100.
        ));
    }
}

struct Rule<'r> {
    observed: &'r Observed,
    names: &'r Names,
    function: &'r str,
}

impl Rule<'_> {
    fn forwarder(&self) -> &Forwarder {
        &self.observed.forwarder
    }

    /// `--region R --function-name F`
    fn flags(&self) -> String {
        format!("--region {} --function-name {}", self.observed.region, self.function)
    }

    /// A version never changes: what is wrong in one is put right in the next.
    fn republish(&self, change: &str) -> String {
        let flags = self.flags();
        format!(
            "`{change}aws lambda update-alias {flags} --name {} --function-version \"$(aws lambda publish-version {flags} --query \
             Version --output text)\"`",
            self.names.alias()
        )
    }

    /// What the template has a parameter or a fixed value for.
    fn redeploy(&self) -> String {
        let deploy = words::deploy_with(self.names, &self.observed.region, "Revision=NEW");
        format!("`{deploy}` (NEW: any text that was not there before)")
    }

    fn alias(&self, rows: &mut Rows<'_>) {
        let name = self.names.alias();
        match &self.forwarder().deployed.alias {
            Ok(alias) => {
                if alias.version.is_empty() || !alias.version.bytes().all(|byte| byte.is_ascii_digit()) {
                    rows.warn(
                        format!("alias `{name}` points to `{}`, which changes with every upload", alias.version),
                        self.republish(""),
                    );
                }
                rollout(rows, self.function, alias);
            }
            Err(fault) if fault.is(NOT_FOUND) => rows.fail(
                format!("no alias `{name}`: subscriptions have nothing to invoke"),
                format!("`{}`", words::deploy(self.names, &self.observed.region)),
            ),
            Err(fault) => rows.fault(fault),
        }
    }

    fn runs(&self, rows: &mut Rows<'_>, version: &Configuration) {
        let why = format!(
            "`aws lambda get-function-configuration {} --qualifier {} --query '[StateReason,LastUpdateStatusReason]'` says why; {}",
            self.flags(),
            self.names.alias(),
            self.redeploy()
        );
        match version.state.as_deref() {
            Some("Active") | None => {}
            Some(state @ "Failed") => rows.fail(format!("its state is {state}"), why.clone()),
            // An idle function wakes up at its next event, which waits for it.
            Some(state) => rows.warn(format!("its state is {state}"), why.clone()),
        }
        match version.last_update.as_deref() {
            Some("Successful") | None => {}
            Some(status @ "Failed") => rows.fail(format!("its last update: {status}"), why),
            Some(status) => rows.warn(format!("its last update: {status}"), why),
        }
        match version.runtime.as_deref() {
            Some(RUNTIME) => {}
            Some(other) => rows.fail(format!("runtime {other}: it is built for {RUNTIME}"), self.redeploy()),
            None => rows.fail(format!("no runtime, so perhaps an image: it is built for {RUNTIME}"), self.redeploy()),
        }
        if let Some(seconds) = version.timeout_seconds.filter(|seconds| *seconds < TIMEOUT_SECONDS_MIN) {
            let flags = self.flags();
            rows.warn(
                format!("timeout {seconds} s: what Firehose does not take at once fails; {TIMEOUT_SECONDS_USUAL} s are enough"),
                self.republish(&format!(
                    "aws lambda update-function-configuration {flags} --timeout {TIMEOUT_SECONDS_USUAL} && aws lambda wait \
                     function-updated-v2 {flags} && "
                )),
            );
        }
    }

    fn variables(&self, rows: &mut Rows<'_>, version: &Configuration) {
        let variables = match &version.variables {
            Ok(variables) => variables,
            Err(code) => {
                rows.unknown(
                    format!("its variables cannot be read ({code})"),
                    "allow `kms:Decrypt` with the function's key to the caller",
                );
                return;
            }
        };
        match variables.get(STREAM_VARIABLE).map(|name| name.trim()) {
            Some(name) if name == self.names.delivery_stream() => {}
            Some(name) if !name.is_empty() => rows.fail(
                format!("{STREAM_VARIABLE} names another stream than `{}`", self.names.delivery_stream()),
                self.redeploy(),
            ),
            _ => rows.fail(format!("{STREAM_VARIABLE} is not set: the function does not start"), self.redeploy()),
        }
        let unknown: Vec<&str> =
            variables.keys().map(String::as_str).filter(|name| !VARIABLES.contains(name)).collect();
        if !unknown.is_empty() {
            rows.warn(
                format!(
                    "the forwarder has no variable {}: it has no effect, or keeps the function from starting",
                    words::names(unknown.into_iter())
                ),
                format!("{}; it has {}", self.redeploy(), VARIABLES.join(", ")),
            );
        }
    }

    fn concurrency(&self, rows: &mut Rows<'_>) {
        match &self.forwarder().reserved {
            // Lambda, developer guide: with a reserved concurrency of zero events go to the on-failure destination at once.
            Ok(Some(0)) => rows.fail(
                "stopped: reserved concurrency is 0, and every event goes to the on-failure destination at once",
                format!(
                    "`aws lambda put-function-concurrency {} --reserved-concurrent-executions {CONCURRENCY_USUAL}` (parameter \
                     ReservedConcurrency), then `transect redrive --from failed --region {} --name {}`",
                    self.flags(),
                    self.observed.region,
                    self.names.name()
                ),
            ),
            Ok(_) => {}
            Err(fault) => rows.fault(fault),
        }
    }

    fn on_failure(&self, rows: &mut Rows<'_>) {
        let partition = self.observed.account.as_ref().map_or("aws", |account| account.partition.as_str());
        let put = format!(
            "`aws lambda put-function-event-invoke-config {} --qualifier {} --maximum-retry-attempts {RETRIES} --destination-config \
             '{{\"OnFailure\":{{\"Destination\":\"arn:{partition}:s3:::BUCKET\"}}}}'`, with the region's bucket of the lake",
            self.flags(),
            self.names.alias()
        );
        let asynchronous = match &self.forwarder().asynchronous {
            Ok(asynchronous) => asynchronous,
            Err(fault) => {
                rows.fault(fault);
                return;
            }
        };
        let place = self.observed.lake.as_ref().map(|lake| &lake.place);
        match asynchronous.on_failure.as_deref() {
            None => rows.fail("no on-failure destination: what fails three times is lost", put),
            Some(destination) => match (bucket_name(destination), place) {
                (None, _) => rows.fail(
                    "its on-failure destination is not a bucket: `transect redrive` finds nothing there",
                    put,
                ),
                (Some(name), Some(Place::Bucket(bucket))) if bucket.endpoint().is_none() && bucket.name() != name => rows.warn(
                    "its on-failure destination is another bucket than the lake's: `transect redrive` does not look there",
                    put,
                ),
                (Some(_), _) => {
                    if let Some(retries) = asynchronous.retries.filter(|retries| *retries < RETRIES) {
                        rows.warn(format!("events are tried again {retries} times: {RETRIES} are possible"), put);
                    }
                }
            },
        }
    }

    fn permission(&self, rows: &mut Rows<'_>) {
        let invokers = match &self.forwarder().invokers {
            Ok(invokers) => invokers,
            Err(fault) => {
                rows.fault(fault);
                return;
            }
        };
        if self.forwarder().deployed.alias.as_ref().is_err_and(|fault: &Fault| fault.is(NOT_FOUND)) {
            return;
        }
        let account = self.observed.account.as_ref().map_or("ACCOUNT", |account| account.id.as_str());
        let is_china = self.observed.account.as_ref().is_ok_and(|account| account.partition == "aws-cn");
        let add = format!(
            "`aws lambda add-permission {} --qualifier {} --statement-id transect-logs --action lambda:InvokeFunction --principal \
             logs.amazonaws.com{} --source-account {account}`",
            self.flags(),
            self.names.alias(),
            if is_china { ".cn" } else { "" }
        );
        let is_ours = |invoker: &Invoker| invoker.account.as_deref() == Some(account);
        if self.observed.account.is_ok() && !invokers.is_empty() && !invokers.iter().any(is_ours) {
            match invokers.iter().all(|invoker| invoker.account.is_some()) {
                true => rows.fail("CloudWatch Logs may invoke it for other accounts alone", add),
                false => rows.warn("CloudWatch Logs may invoke it for any account", add),
            }
        } else if invokers.is_empty() {
            rows.fail("CloudWatch Logs may not invoke it: nothing arrives", add);
        }
    }
}
