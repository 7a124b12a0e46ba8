//! Megabytes of decoded payload a second, on one core, of the whole way of a payload (decode, normalise, NDJSON) beside
//! a floor that no forwarder can be under: base64, inflate, parse of the envelope, tokenising of every JSON message, each
//! with the fastest well-kept crate. Both in turn over the same payloads, so that a noisy machine is noisy for both, and of
//! each payload the fastest round counts. First over the shop's lines, then over many forms of lines in equal shares.
//!
//! It refuses to judge: it prints the figures and their ratio. Run it with `cargo bench -p transect-normalize`; the names of
//! files with a Lambda event each, behind `--`, take the place of both.

#![allow(dropping_copy_types, dropping_references, reason = "whatever is measured ends in a drop")]
#![allow(clippy::expect_used, reason = "a failure here is the message")]

#[path = "throughput/forms.rs"]
mod forms;

use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

use transect_normalize::{Normalizer, Options, Origin, decode};

const EVENTS_PER_PAYLOAD: usize = 500;
const PAYLOADS: usize = 60;
const ROUNDS: usize = 25;

/// What is measured, in this order.
const NAMES: [&str; 7] = [
    "base64 + inflate",
    "decode",
    "floor (sonic-rs)",
    "floor (simd-json)",
    "decode + normalise",
    "whole, redaction off",
    "whole",
];

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'e> {
    #[serde(borrow)]
    log_events: Vec<Event<'e>>,
}

#[derive(serde::Deserialize)]
struct Event<'e> {
    #[serde(borrow)]
    id: std::borrow::Cow<'e, str>,
    timestamp: i64,
    #[serde(borrow)]
    message: std::borrow::Cow<'e, str>,
}

#[derive(serde::Deserialize)]
struct LambdaEvent<'e> {
    #[serde(borrow)]
    awslogs: Data<'e>,
}

#[derive(serde::Deserialize)]
struct Data<'e> {
    data: &'e str,
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let event: LambdaEvent<'_> = sonic_rs::from_slice(payload).expect("a sample payload");
    let zipped = base64_simd::STANDARD.decode_to_vec(event.awslogs.data).expect("a sample payload");
    let mut inflated = Vec::with_capacity(zipped.len() * 12);
    flate2::bufread::MultiGzDecoder::new(&zipped[..]).read_to_end(&mut inflated).expect("a sample payload");
    inflated
}

fn envelope(inflated: &[u8]) -> Envelope<'_> {
    sonic_rs::from_slice(inflated).expect("a sample payload")
}

/// Tokenises every JSON message; the faster of two crates, which the first lines of the output compare.
fn floor_sonic(payload: &[u8]) -> usize {
    let inflated = inflate(payload);
    let mut tokens = 0;
    for event in &envelope(&inflated).log_events {
        black_box((&event.id, event.timestamp));
        if event.message.starts_with('{') {
            black_box(sonic_rs::from_str::<sonic_rs::Value>(&event.message).expect("a sample message"));
            tokens += 1;
        }
    }
    tokens
}

fn floor_simd_json(payload: &[u8], buffers: &mut simd_json::Buffers, message: &mut Vec<u8>) -> usize {
    let inflated = inflate(payload);
    let mut tokens = 0;
    for event in &envelope(&inflated).log_events {
        black_box((&event.id, event.timestamp));
        if event.message.starts_with('{') {
            message.clear();
            message.extend_from_slice(event.message.as_bytes());
            let tape = simd_json::to_tape_with_buffers(message, buffers).expect("a sample message");
            tokens += tape.0.len();
        }
    }
    tokens
}

fn whole(normalizer: &Normalizer, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let origin = Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
    let payload = decode(payload).expect("a sample payload");
    for document in payload.documents() {
        normalizer.normalize(document, &origin, &mut |record| {
            record.write_json(out);
            out.push(b'\n');
        });
    }
}

/// The fastest of the rounds: the one that the machine disturbed least. Each payload has its own: a machine that does
/// something else as well lets few rounds of all of them through undisturbed.
fn best(best: &mut Duration, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    *best = (*best).min(start.elapsed());
}

/// Full payloads of dense traffic.
fn sample() -> Vec<Vec<u8>> {
    let options =
        transect_sample::Options { invocations: 120_000, events_per_payload: EVENTS_PER_PAYLOAD, ..Default::default() };
    let mut payloads = Vec::new();
    transect_sample::generate(&options, &mut |payload| {
        let lambda_event = payload.lambda_event();
        if payloads.len() < PAYLOADS && event_count(&lambda_event) == EVENTS_PER_PAYLOAD {
            payloads.push(lambda_event);
        }
    });
    payloads
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).expect("a file with a Lambda event")
}

fn event_count(payload: &[u8]) -> usize {
    decode(payload).expect("a Lambda event").documents().map(|document| document.event_count()).sum()
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if files.is_empty() {
        measure("the shop", &sample());
        println!();
        measure(&format!("{} forms", forms::count()), &forms::payloads(PAYLOADS, EVENTS_PER_PAYLOAD));
    } else {
        measure("files", &files.iter().map(|path| read(path)).collect::<Vec<_>>());
    }
}

fn measure(name: &str, payloads: &[Vec<u8>]) {
    let events: usize = payloads.iter().map(|payload| event_count(payload)).sum();
    let decoded_bytes: usize = payloads.iter().map(|payload| inflate(payload).len()).sum();
    let wire_bytes: usize = payloads.iter().map(Vec::len).sum();

    let normalizer = Normalizer::new(&Options::default());
    let bare = Normalizer::new(&Options { redact: false, ..Options::default() });
    let mut buffers = simd_json::Buffers::default();
    let (mut message, mut out) = (Vec::new(), Vec::new());
    let mut times = vec![[Duration::MAX; NAMES.len()]; payloads.len()];
    let mut ndjson_bytes = 0;
    for _ in 0..ROUNDS {
        for step in 0..NAMES.len() {
            ndjson_bytes = 0;
            for (payload, times) in payloads.iter().zip(&mut times) {
                best(&mut times[step], || match step {
                    0 => drop(black_box(inflate(payload))),
                    1 => drop(black_box(decode(payload))),
                    2 => drop(black_box(floor_sonic(payload))),
                    3 => drop(black_box(floor_simd_json(payload, &mut buffers, &mut message))),
                    4 => {
                        let origin = Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
                        let payload = decode(payload).expect("a sample payload");
                        payload.documents().for_each(|document| {
                            normalizer.normalize(document, &origin, &mut |record| drop(black_box(record)));
                        });
                    }
                    5 => whole(&bare, payload, &mut out),
                    _ => whole(&normalizer, payload, &mut out),
                });
                ndjson_bytes += out.len();
            }
        }
    }
    let times: [Duration; NAMES.len()] = std::array::from_fn(|step| times.iter().map(|times| times[step]).sum());
    println!(
        "{name}: {} payloads, {events} events, {decoded_bytes} bytes decoded, {wire_bytes} on the wire, {ndjson_bytes} of NDJSON",
        payloads.len()
    );
    for (name, time) in NAMES.iter().zip(times) {
        let seconds = time.as_secs_f64();
        println!(
            "{name:<22} {:>8.1} MB/s {:>8.0} ns/event",
            decoded_bytes as f64 / 1e6 / seconds,
            seconds * 1e9 / events as f64
        );
    }
    println!("whole / floor          {:>8.2}", times[6].as_secs_f64() / times[2].min(times[3]).as_secs_f64());
}
