//! Events a second on one core of the same mapping three times, on the same payloads in the same run: ours, Vector's
//! remap language (`mapping.vrl`) and Python (`mapping.py`).
//!
//! It refuses to judge: it prints the figures and their ratios. `cargo run --release` in this folder.

use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use transect_normalize::{Normalizer, Options, Origin, decode};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

const EVENTS_PER_PAYLOAD: usize = 500;
const PAYLOADS: usize = 20;
const ROUNDS: usize = 7;
const REGION: &str = "us-east-2";

fn ours(normalizer: &Normalizer, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let origin = Origin { region: REGION, account: None, now_unix_nano: 0 };
    for document in decode(payload).expect("a sample payload").documents() {
        normalizer.normalize(document, &origin, &mut |record| {
            record.write_json(out);
            out.push(b'\n');
        });
    }
}

/// As Vector's sources do: the envelope is parsed, and each event goes through the program as a value of its own.
fn vrl(program: &vrl::compiler::Program, runtime: &mut Runtime, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let event: serde_json::Value = serde_json::from_slice(payload).expect("a sample payload");
    let data = event["awslogs"]["data"].as_str().expect("a sample payload");
    let zipped = base64_simd::STANDARD.decode_to_vec(data).expect("a sample payload");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&zipped[..]).read_to_end(&mut text).expect("a sample payload");
    let document: Document = serde_json::from_slice(&text).expect("a sample payload");
    for event in document.log_events {
        let mut target = TargetValue {
            value: Value::Object(
                [
                    ("id".into(), Value::from(event.id)),
                    ("timestamp".into(), Value::from(event.timestamp)),
                    ("message".into(), Value::from(event.message)),
                    ("owner".into(), Value::from(document.owner.clone())),
                    ("log_group".into(), Value::from(document.log_group.clone())),
                    ("log_stream".into(), Value::from(document.log_stream.clone())),
                    ("region".into(), Value::from(REGION)),
                ]
                .into(),
            ),
            metadata: Value::Object([].into()),
            secrets: Secrets::default(),
        };
        runtime.resolve(&mut target, program, &TimeZone::default()).expect("the program understands every sample event");
        runtime.clear();
        serde_json::to_writer(&mut *out, &target.value).expect("JSON");
        out.push(b'\n');
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    owner: String,
    log_group: String,
    log_stream: String,
    log_events: Vec<Event>,
}

#[derive(serde::Deserialize)]
struct Event {
    id: String,
    timestamp: i64,
    message: String,
}

fn main() {
    let options =
        transect_sample::Options { invocations: 60_000, events_per_payload: EVENTS_PER_PAYLOAD, ..Default::default() };
    let mut payloads = Vec::new();
    transect_sample::generate(&options, &mut |payload| {
        let event = payload.lambda_event();
        let count = decode(&event).expect("a sample payload").documents().map(|document| document.event_count()).sum::<usize>();
        if payloads.len() < PAYLOADS && count == EVENTS_PER_PAYLOAD {
            payloads.push(event);
        }
    });
    let events = (payloads.len() * EVENTS_PER_PAYLOAD) as f64;
    let source = include_str!("../mapping.vrl");
    let program = vrl::compiler::compile(source, &vrl::stdlib::all()).unwrap_or_else(|diagnostics| {
        panic!("{}", vrl::diagnostic::Formatter::new(source, diagnostics));
    });
    let (mut runtime, normalizer) = (Runtime::default(), Normalizer::new(&Options::default()));
    let mut out = Vec::new();
    let (mut best_ours, mut best_vrl) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        payloads.iter().for_each(|payload| ours(&normalizer, payload, &mut out));
        best_ours = best_ours.min(start.elapsed());
        let start = Instant::now();
        payloads.iter().for_each(|payload| vrl(&program.program, &mut runtime, payload, &mut out));
        best_vrl = best_vrl.min(start.elapsed());
    }
    let folder = std::env::temp_dir().join(format!("transect-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for payloads");
    let files: Vec<_> = payloads
        .iter()
        .enumerate()
        .map(|(index, payload)| {
            let path = folder.join(format!("{index}.json"));
            std::fs::File::create(&path).and_then(|mut file| file.write_all(payload)).expect("a payload is written");
            path
        })
        .collect();
    let python = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/mapping.py"))
        .args(files)
        .output()
        .expect("python3 runs");
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let python: f64 = String::from_utf8_lossy(&python.stdout).trim().parse().expect("a number");
    let (ours, vrl) = (events / best_ours.as_secs_f64(), events / best_vrl.as_secs_f64());
    println!("{} payloads of {EVENTS_PER_PAYLOAD} events, one core", payloads.len());
    println!("transect  {ours:>10.0} events/s");
    println!("VRL       {vrl:>10.0} events/s    {:>6.1} times slower", ours / vrl);
    println!("Python    {python:>10.0} events/s    {:>6.1} times slower", ours / python);
}
