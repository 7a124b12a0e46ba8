//! An account with Transect installed in three regions, and the program before it. Nothing of this machine's configuration
//! is seen.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use transect_tests::aws::{ACCESS_KEY, ACCOUNT, Aws, Call, Filter, SECRET_KEY};
use transect_tests::{Answer, isolated};

pub const REGIONS: [&str; 3] = ["us-east-2", "us-west-2", "eu-west-2"];
pub const NAME: &str = "transect";
pub const FORWARDER: &str = "transect-forwarder";
/// The groups that the pipeline itself writes.
pub const OWN_GROUPS: [&str; 2] = ["/aws/kinesisfirehose/transect", "/aws/lambda/transect-forwarder"];
/// Longer than this nobody waits for a line.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub aws: Aws,
    pub folder: TempDir,
    // Last, so that it outlives what runs on it.
    _runtime: tokio::runtime::Runtime,
}

/// The rows that a command gives as JSON, and how it ended.
pub struct Rows {
    pub code: i32,
    pub rows: Vec<Value>,
    pub complete: bool,
    pub missing: Vec<String>,
    pub stderr: String,
}

impl Rows {
    /// The only row of a region and log group.
    pub fn of(&self, region: &str, group: &str) -> &Value {
        let mut found = self.rows.iter().filter(|row| row["cloud_region"] == region && row["log_group"] == group);
        let row = found.next().unwrap_or_else(|| panic!("no row of {region} {group}: {:#?}{}", self.rows, self.stderr));
        assert!(found.next().is_none(), "two rows of {region} {group}");
        row
    }

    /// How many rows say this there.
    pub fn count(&self, key: &str, value: &str) -> usize {
        self.rows.iter().filter(|row| row[key] == value).count()
    }

    /// Every region answered, and all is done.
    pub fn well(self) -> Rows {
        assert_eq!(
            (self.code, self.complete, &self.missing),
            (0, true, &Vec::new()),
            "{:#?}{}",
            self.rows,
            self.stderr
        );
        self
    }
}

/// Where subscriptions of a region deliver to.
pub fn destination(region: &str) -> String {
    format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{FORWARDER}:live")
}

pub fn bucket(region: &str) -> String {
    format!("{NAME}-telemetry-{ACCOUNT}-{region}")
}

/// The filter that Transect puts.
pub fn own_filter(region: &str) -> Filter {
    Filter { name: NAME.to_owned(), pattern: String::new(), destination: destination(region) }
}

/// A filter of somebody else.
pub fn foreign_filter(name: &str) -> Filter {
    let destination = format!("arn:aws:firehose:us-east-2:{ACCOUNT}:deliverystream/siem");
    Filter { name: name.to_owned(), pattern: String::new(), destination }
}

/// What changed something, whether it was allowed to or not.
pub fn changes(calls: &[Call]) -> Vec<&Call> {
    calls
        .iter()
        .filter(|call| ["Put", "Delete", "Update", "Copy"].iter().any(|verb| call.operation.starts_with(verb)))
        .collect()
}

pub fn of_operation<'a>(calls: &'a [Call], operation: &str) -> Vec<&'a Call> {
    calls.iter().filter(|call| call.operation == operation).collect()
}

impl World {
    /// Three regions, installed as `deploy/` does it, with no group but the pipeline's own.
    pub fn new() -> World {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let world =
            World { aws: Aws::start(&runtime, &REGIONS), folder: tempfile::tempdir().unwrap(), _runtime: runtime };
        let mut configuration = String::from("[query]\nregion_timeout = \"2s\"\n");
        for region in REGIONS {
            let bucket = bucket(region);
            world.aws.bucket(region, &bucket);
            world.aws.region(region, |region| {
                let function = region.function(FORWARDER);
                function.on_failure = Some(format!("arn:aws:s3:::{bucket}"));
                function.reserved_concurrency = Some(20);
                function.variables = [
                    ("TRANSECT_DELIVERY_STREAM", NAME),
                    ("TRANSECT_REDACT", "on"),
                    ("TRANSECT_REDACT_KEYS", ""),
                    ("TRANSECT_CORRELATION_KEYS", ""),
                    ("TRANSECT_RELEASE_KEYS", ""),
                    ("TRANSECT_MIN_SEVERITY", "none"),
                    ("TRANSECT_SAMPLE_RATE", "1"),
                    ("TRANSECT_MAX_DECODED_MIB", "64"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
                region.stream(NAME, &bucket);
                for group in OWN_GROUPS {
                    region.group(group).retention_days = Some(14);
                }
            });
            configuration.push_str(&format!("[[region]]\nname = \"{region}\"\nurl = \"s3://{bucket}\"\n"));
        }
        std::fs::write(world.folder.path().join("transect.toml"), configuration).unwrap();
        world
    }

    /// The program in the world's folder, which holds its configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = isolated(self.folder.path(), arguments);
        command
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_ENDPOINT_URL", self.aws.endpoint());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that answers in rows.
    pub fn rows(&self, arguments: &[&str]) -> Rows {
        let answer = self.run(&[arguments, &["--format", "json"]].concat());
        let json: Value = serde_json::from_str(&answer.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {}{}", answer.stdout, answer.stderr));
        let missing = json["missing_regions"].as_array().unwrap();
        Rows {
            code: answer.code,
            rows: json["rows"].as_array().unwrap().clone(),
            complete: json["complete"].as_bool().unwrap(),
            missing: missing.iter().map(|region| region.as_str().unwrap().to_owned()).collect(),
            stderr: answer.stderr,
        }
    }

    /// Starts a command that goes on until it is told to end, or killed.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Running { child, stdout, stderr }
    }

    /// The filters of a group.
    pub fn filters(&self, region: &str, group: &str) -> Vec<Filter> {
        self.aws.region(region, |region| region.groups[group].filters.clone())
    }
}

/// A command that is under way. It ends when this is dropped.
pub struct Running {
    pub child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    /// The lines of stdout up to and with the first that contains this.
    pub fn out_until(&self, part: &str) -> Vec<String> {
        until(&self.stdout, part)
    }

    /// The lines of stderr up to and with the first that contains this.
    pub fn said_until(&self, part: &str) -> Vec<String> {
        until(&self.stderr, part)
    }

    /// Waits for its end: exit code, and what else it printed.
    pub fn end(mut self) -> Answer {
        let (stdout, stderr) = (rest(&self.stdout).join("\n"), rest(&self.stderr).join("\n"));
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Answer { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // A test that has seen enough may be gone.
            let _ = sender.send(line);
        }
    });
    receiver
}

fn until(lines: &Receiver<String>, part: &str) -> Vec<String> {
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|line: &String| line.contains(part)) {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => seen.push(line),
            Err(error) => panic!("no line with {part:?} ({error}): {seen:#?}"),
        }
    }
    seen
}

/// What is printed until the end.
fn rest(lines: &Receiver<String>) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => seen.push(line),
            Err(RecvTimeoutError::Disconnected) => return seen,
            Err(RecvTimeoutError::Timeout) => panic!("it does not end: {seen:#?}"),
        }
    }
}
