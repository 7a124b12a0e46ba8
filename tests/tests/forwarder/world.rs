//! A world for the real binary: a region has Lambda's Runtime API, a Firehose and a forwarder process; all regions share
//! a lake, which the real command line reads.
//!
//! It refuses to know the forwarder from inside.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use transect_tests::{files_below, program};

use crate::firehose::Firehose;
use crate::runtime_api::{Ended, RuntimeApi};

pub const STREAM: &str = "acme-secret-stream";
pub const OWN_GROUP: &str = "/aws/lambda/transect-forwarder";

pub struct World {
    folder: tempfile::TempDir,
    regions: Vec<Region>,
    // Last, so that it outlives what runs on it.
    runtime: tokio::runtime::Runtime,
}

pub struct Region {
    pub name: String,
    pub firehose: Firehose,
    api: RuntimeApi,
    failed: PathBuf,
    stdout: PathBuf,
    process: Child,
}

impl World {
    /// Regions of these names; a function timeout; variables beside those that Lambda sets.
    pub fn new(regions: &[&str], timeout: Duration, variables: &[(&str, &str)]) -> World {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let regions = regions
            .iter()
            .map(|name| {
                let firehose = Firehose::start(&runtime, name, STREAM, &folder.path().join("lake"));
                let failed = folder.path().join("lake/failed").join(format!("region={name}"));
                let api = RuntimeApi::start(&runtime, timeout, &failed);
                let stdout = folder.path().join(format!("{name}.stdout"));
                let process = forwarder(name, &api.address(), &firehose.url(), variables)
                    .stdout(std::fs::File::create(&stdout).unwrap())
                    .stderr(std::fs::File::create(folder.path().join(format!("{name}.stderr"))).unwrap())
                    .spawn()
                    .unwrap();
                Region { name: (*name).to_owned(), firehose, api, failed, stdout, process }
            })
            .collect();
        World { folder, regions, runtime }
    }

    pub fn region(&self, name: &str) -> &Region {
        self.regions.iter().find(|region| region.name == name).unwrap()
    }

    pub fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    /// The lake that all regions share.
    pub fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// The rows that the command line gives for a statement over the lake.
    pub fn sql(&self, statement: &str) -> Vec<Value> {
        let lake = self.lake();
        let output = Command::new(program("transect"))
            .args(["sql", "--format", "json", "--lake", lake.to_str().unwrap(), statement])
            .env_remove("TRANSECT_LAKE")
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["rows"].as_array().unwrap().clone()
    }
}

/// The command that starts a forwarder as Lambda does: it sees nothing of the machine's own environment.
pub fn forwarder(region: &str, api: &str, firehose: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program("transect-forwarder"));
    command.env_clear().stdin(Stdio::null()).current_dir(std::env::temp_dir());
    command.envs([
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "transect-forwarder"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", OWN_GROUP),
        ("AWS_REGION", region),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("AWS_SESSION_TOKEN", "session"),
        ("AWS_ENDPOINT_URL_FIREHOSE", firehose),
        ("TRANSECT_DELIVERY_STREAM", STREAM),
    ]);
    command.envs(variables.iter().copied());
    command
}

impl Region {
    /// Invokes the function and waits for the end, retries among it.
    pub fn invoke(&self, payload: Vec<u8>) -> Ended {
        self.enqueue(payload);
        self.ended()
    }

    pub fn enqueue(&self, payload: Vec<u8>) {
        self.api.enqueue(payload);
    }

    pub fn ended(&self) -> Ended {
        self.api.ended()
    }

    /// Invokes the function and expects success at once.
    pub fn forward(&self, payload: Vec<u8>) {
        let ended = self.invoke(payload);
        assert!(ended.tries.len() == 1 && ended.tries[0].error.is_none(), "{ended:?}");
    }

    /// The lines that the forwarder printed, each of them JSON.
    pub fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines that tell of an invocation.
    pub fn reports(&self) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["_aws"].is_object()).collect()
    }

    /// The payloads that Lambda kept because the function failed.
    pub fn failed_payloads(&self) -> Vec<Value> {
        files_below(&self.failed)
            .iter()
            .map(|file| {
                serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap()["requestPayload"].clone()
            })
            .collect()
    }

    /// The most memory that the process ever held, in bytes.
    pub fn peak_resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Lambda event that holds a document.
pub fn lambda_event(document: &Value) -> Vec<u8> {
    lambda_event_of(document.to_string().as_bytes())
}

/// The Lambda event that holds these bytes, zipped.
pub fn lambda_event_of(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    zip.write_all(bytes).unwrap();
    let data = base64_simd::STANDARD.encode_to_string(zip.finish().unwrap());
    json!({ "awslogs": { "data": data } }).to_string().into_bytes()
}

/// A document of log events with these ids and messages, as if written this moment.
pub fn document(group: &str, events: impl IntoIterator<Item = (String, String)>) -> Value {
    let now = jiff::Timestamp::now().as_millisecond();
    let events: Vec<Value> =
        events.into_iter().map(|(id, message)| json!({ "id": id, "timestamp": now, "message": message })).collect();
    json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "2026/11/21/[7]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["transect"],
        "logEvents": events,
    })
}

/// As [`document`], with `count` events whose messages are `bytes` long.
pub fn long_document(count: usize, bytes: usize) -> Value {
    // Text that repeats little, so that it is as large on the wire as logs are.
    let message = |number: usize| {
        let mut text = format!("event {number} ");
        let mut state = number as u64 + 1;
        while text.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("{:x} ", state >> 32));
        }
        text.truncate(bytes);
        text
    };
    document("/aws/lambda/shop", (0..count).map(|number| (format!("{number:056}"), message(number))))
}

/// The ids of all events of a Lambda event's documents that are to be stored.
pub fn event_ids_of(payload: &Value) -> HashSet<String> {
    use std::io::Read;
    let zipped = base64_simd::STANDARD.decode_to_vec(payload["awslogs"]["data"].as_str().unwrap()).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&zipped[..]).read_to_string(&mut text).unwrap();
    serde_json::Deserializer::from_str(&text)
        .into_iter::<Value>()
        .flat_map(|document| {
            let document = document.unwrap();
            let place = [&document["logGroup"], &document["logStream"]].map(|name| name.as_str().unwrap().to_owned());
            document["logEvents"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|_| document["messageType"] != "CONTROL_MESSAGE")
                .map(move |event| format!("{}|{}|{}", place[0], place[1], event["id"].as_str().unwrap()))
                .collect::<Vec<_>>()
        })
        .collect()
}
