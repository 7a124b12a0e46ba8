//! Nanoseconds a byte of decoding and normalising events that somebody made to be slow, each shape in three sizes: where
//! the time is linear, the figures of a line are alike and the last one, their ratio, is near 1.
//!
//! It refuses to judge: a quadratic shape shows a ratio of about 4. Run it with
//! `cargo bench -p transect-normalize --bench adversarial`; words behind `--` choose the shapes whose names hold them.

#![allow(clippy::expect_used, reason = "a failure here is the message")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use transect_normalize::{Normalizer, Options, Origin, decode};

/// Bytes of a message. CloudWatch takes one megabyte; the last size is as near to it as a text may be without being cut
/// into parts, whose extra pass would look like growth.
const SIZES: [usize; 3] = [225_000, 450_000, 900_000];

/// A shape is measured at least this often, and the fastest counts.
const ROUNDS: usize = 3;

/// A shape that takes longer than this is measured once: its figure is bad enough to be read from one round.
const PATIENCE: Duration = Duration::from_secs(1);

/// Makes a message of about so many bytes.
type Shape = fn(usize) -> String;

/// As often as it fits.
fn fill(bytes: usize, item: impl Fn(usize) -> String) -> String {
    let mut out = String::with_capacity(bytes + 1024);
    for index in 0.. {
        out.push_str(&item(index));
        if out.len() >= bytes {
            break;
        }
    }
    out
}

fn list(bytes: usize, item: impl Fn(usize) -> String) -> String {
    let mut out = fill(bytes, |index| item(index) + ",");
    out.pop();
    out
}

fn emf(directives: &str, members: &str) -> String {
    format!("{{\"_aws\":{{\"CloudWatchMetrics\":[{directives}]}},{members}}}")
}

fn directive(dimensions: &str, metrics: &str) -> String {
    format!("{{\"Namespace\":\"N\",\"Dimensions\":[[{dimensions}]],\"Metrics\":[{metrics}]}}")
}

fn in_message(text: &str) -> String {
    serde_json::json!({ "level": "info", "message": text }).to_string()
}

/// Text within a JSON string without escapes of its own.
fn quoted(bytes: usize, item: &str) -> String {
    format!("{{\"message\":\"{}\"}}", fill(bytes, |_| item.to_owned()))
}

const SHAPES: &[(&str, Shape)] = &[
    ("plain text", |bytes| fill(bytes, |index| format!("word{index} "))),
    ("plain JSON", |bytes| format!("{{{}}}", list(bytes, |index| format!("\"key{index}\":\"value {index}\"")))),
    ("text: eyJ", |bytes| fill(bytes, |_| "eyJ".to_owned())),
    ("JSON: eyJ", |bytes| quoted(bytes, "eyJ")),
    ("text: eyJ.", |bytes| fill(bytes, |_| "eyJhbGciOiJ.".to_owned())),
    ("text: Bearer", |bytes| fill(bytes, |_| "Bearer ".to_owned())),
    ("text: password", |bytes| fill(bytes, |_| "password".to_owned())),
    ("text: password=", |bytes| fill(bytes, |_| "password=".to_owned())),
    ("text: password=\\\"", |bytes| fill(bytes, |_| "password=\\\"".to_owned())),
    ("text: password=\"…\\", |bytes| format!("password=\"{}", "\\".repeat(bytes))),
    ("text: password='\\'", |bytes| format!("password='{}", fill(bytes, |_| "\\'".to_owned()))),
    ("text: equals signs", |bytes| "=".repeat(bytes)),
    ("text: key: with blanks", |bytes| fill(bytes, |_| "        :".to_owned())),
    ("text: BEGIN PRIVATE KEY", |bytes| fill(bytes, |_| "-----BEGIN PRIVATE KEY-----".to_owned())),
    ("text: BEGIN", |bytes| fill(bytes, |_| "-----BEGIN ".to_owned())),
    ("text: digits", |bytes| "4".repeat(bytes)),
    ("text: digits in groups", |bytes| fill(bytes, |_| "4111-1111 ".to_owned())),
    ("text: cards", |bytes| fill(bytes, |_| "4111111111111111 ".to_owned())),
    ("text: per cent signs", |bytes| fill(bytes, |_| "%25".to_owned())),
    ("text: %3D", |bytes| fill(bytes, |_| "password%253D".to_owned())),
    ("JSON: \\u0022", |bytes| quoted(bytes, "\\u0022")),
    ("JSON: \\u0022password\\u0022:", |bytes| quoted(bytes, "\\u0022password\\u0022:")),
    ("JSON: backslashes", |bytes| quoted(bytes, "\\\\")),
    ("secret keys", |bytes| format!("{{{}}}", list(bytes, |index| format!("\"password\":{index}")))),
    ("name and value pairs", |bytes| {
        format!("{{\"headers\":[{}]}}", list(bytes, |_| "{\"name\":\"Cookie\",\"value\":\"a\"}".to_owned()))
    }),
    ("many keys", |bytes| format!("{{{}}}", list(bytes, |index| format!("\"k{index}\":{index}")))),
    ("one key again and again", |bytes| format!("{{{}}}", list(bytes, |_| "\"message\":\"m\"".to_owned()))),
    ("exceptions in exceptions", |bytes| {
        let deep = format!("{}1{}", "{\"error\":".repeat(60), "}".repeat(60));
        format!("{{{}}}", list(bytes, |_| format!("\"error\":{deep}")))
    }),
    ("deep nesting", |bytes| {
        let deep = format!("{}1{}", "[{\"a\":".repeat(31), "}]".repeat(31));
        format!("{{\"a\":[{}]}}", list(bytes, |_| deep.clone()))
    }),
    ("too deep nesting", |bytes| format!("{{\"a\":{}", "[".repeat(bytes))),
    ("open objects", |bytes| fill(bytes, |_| "{\"a\":".to_owned())),
    ("JSON in JSON", |bytes| {
        let inner = serde_json::json!({ "message": "x\"".repeat(bytes / 12), "password": "p" }).to_string();
        in_message(&in_message(&inner))
    }),
    ("object as message", |bytes| {
        format!("{{\"message\":{{{}}}}}", list(bytes, |index| format!("\"k{index}\":\"v\"")))
    }),
    ("text: tabs before braces", |bytes| fill(bytes, |_| "a\t{".to_owned())),
    ("text: blanks before braces", |bytes| fill(bytes, |_| "a {".to_owned())),
    ("text: tabs and broken JSON", |bytes| fill(bytes, |_| "\t{\"a\":1} ".to_owned())),
    ("text: blank lines", |bytes| "\n".repeat(bytes)),
    ("text: blanks", |bytes| " ".repeat(bytes)),
    ("text: returns", |bytes| "a\r".repeat(bytes / 2)),
    ("text: frames", |bytes| format!("Error: x\n{}", fill(bytes, |_| "    at f (f.js:1)\n".to_owned()))),
    ("text: names of frames", |bytes| format!("{}\n    at f", fill(bytes, |_| "a.B ".to_owned()))),
    ("text: tracebacks", |bytes| fill(bytes, |_| "Traceback (most recent call last):\n".to_owned())),
    ("text: causes", |bytes| fill(bytes, |_| "Caused by: a.B: c\n".to_owned())),
    ("text: logfmt", |bytes| fill(bytes, |index| format!("key{index}=\"v {index}\" "))),
    ("text: open brackets", |bytes| "[".repeat(bytes)),
    ("report of many fields", |bytes| {
        let id = "37a788d1-0676-4832-ae70-4245a4ff91e3";
        format!("REPORT RequestId: {id}\t{}", fill(bytes, |index| format!("Field {index}: {index} ms\t")))
    }),
    ("span with many events", |bytes| {
        let events = list(bytes, |_| "{\"name\":\"exception\",\"attributes\":{\"exception.type\":\"E\"}}".to_owned());
        format!(
            "{{\"traceId\":\"6b01598d3e7fb97bfcc1c0c8b0cdf20a\",\"spanId\":\"77ca4499e07cb579\",\
             \"startTimeUnixNano\":1795250573001234567,\"events\":[{events}]}}"
        )
    }),
    ("OTLP attributes", |bytes| {
        let values = list(bytes, |_| "{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}".to_owned());
        format!("{{\"attributes\":[{values}]}}")
    }),
    ("metrics: names and keys", |bytes| {
        let metrics = list(bytes / 2, |index| format!("{{\"Name\":\"m{index}\"}}"));
        emf(&directive("", &metrics), &list(bytes / 2, |index| format!("\"m{index}\":1")))
    }),
    ("metrics: names that are not there", |bytes| {
        let metrics = list(bytes / 2, |index| format!("{{\"Name\":\"n{index}\"}}"));
        emf(&directive("", &metrics), &list(bytes / 2, |index| format!("\"m{index}\":1")))
    }),
    ("metrics: directives", |bytes| {
        let directives = list(bytes / 2, |index| directive("\"a\",\"b\"", &format!("{{\"Name\":\"m{index}\"}}")));
        emf(&directives, &list(bytes / 2, |index| format!("\"m{index}\":1")))
    }),
    ("metrics: dimensions", |bytes| {
        let dimensions = list(bytes / 2, |index| format!("\"m{index}\""));
        let metrics = "{\"Name\":\"m1\"},{\"Name\":\"m2\"}";
        emf(&directive(&dimensions, metrics), &list(bytes / 2, |index| format!("\"m{index}\":1")))
    }),
    ("metrics: sets of dimensions", |bytes| {
        let set = |index: usize| list(150, |place| format!("\"d{}\"", (index * 7 + place) % 900));
        let directives = list(bytes / 2, |index| directive(&set(index), "{\"Name\":\"m\"}"));
        let wide = "w".repeat(bytes / 2 / 900);
        emf(&directives, &format!("\"m\":1,{}", list(bytes / 2, |index| format!("\"d{index}\":\"{wide}\""))))
    }),
    ("metrics: one array in many namespaces", |bytes| {
        let metrics = "\"Metrics\":[{\"Name\":\"m\"}]";
        let directives = list(bytes / 2, |index| format!("{{\"Namespace\":\"N{index}\",{metrics}}}"));
        emf(&directives, &format!("\"m\":[{}]", list(bytes / 2, |_| "1".to_owned())))
    }),
    ("metrics: one histogram in many namespaces", |bytes| {
        let metrics = "\"Metrics\":[{\"Name\":\"m\"}]";
        let directives = list(bytes / 2, |index| format!("{{\"Namespace\":\"N{index}\",{metrics}}}"));
        emf(&directives, &format!("\"m\":{{\"Values\":[{}]}}", list(bytes / 2, |_| "1".to_owned())))
    }),
    ("metrics: long names alike", |bytes| {
        let stem = "n".repeat(500);
        let metrics = list(bytes / 2, |index| format!("{{\"Name\":\"{stem}{index}\"}}"));
        emf(&directive("", &metrics), &list(bytes / 2, |index| format!("\"{stem}{index}\":1")))
    }),
    ("metrics: long service", |bytes| {
        let metrics = list(bytes / 4, |index| format!("{{\"Name\":\"m{index}\"}}"));
        let values = list(bytes / 4, |index| format!("\"m{index}\":1"));
        emf(&directive("", &metrics), &format!("\"service\":\"{}\",{values}", "s".repeat(bytes / 2)))
    }),
    ("metrics: array of numbers", |bytes| {
        emf(&directive("", "{\"Name\":\"m\"}"), &format!("\"m\":[{}]", list(bytes, |_| "1".to_owned())))
    }),
];

/// A document with the message as its only event.
fn payload(message: &str) -> Vec<u8> {
    serde_json::json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/payments",
        "logStream": "2026/11/21/[42]9ec04ece4350cc1721e52f212cd552a0",
        "logEvents": [{ "id": "1", "timestamp": 1_795_250_573_000_i64, "message": message }],
    })
    .to_string()
    .into_bytes()
}

/// The fastest of the rounds, and the JSON bytes of all rows.
fn measure(normalizer: &Normalizer, payload: &[u8]) -> (Duration, usize) {
    let origin = Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
    let (mut best, mut out) = (Duration::MAX, Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let decoded = decode(payload).expect("a document");
        for document in decoded.documents() {
            normalizer.normalize(document, &origin, &mut |record| {
                black_box(record);
            });
        }
        best = best.min(start.elapsed());
        if best > PATIENCE {
            break;
        }
    }
    for document in decode(payload).expect("a document").documents() {
        normalizer.normalize(document, &origin, &mut |record| record.write_json(&mut out));
    }
    (best, out.len())
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let normalizer = Normalizer::new(&Options::default());
    let sizes = SIZES.map(|bytes| format!("{:>9}", format!("{} kB", bytes / 1_000))).concat();
    println!("{:<44}{sizes}{:>9}{:>10}", "ns a byte", "ratio", "bytes out");
    for (name, shape) in SHAPES {
        if !words.is_empty() && !words.iter().any(|word| name.contains(&**word)) {
            continue;
        }
        let mut figures = [0.0; SIZES.len()];
        let mut growth = 0.0;
        for (figure, bytes) in figures.iter_mut().zip(SIZES) {
            let message = shape(bytes);
            let (time, bytes_out) = measure(&normalizer, &payload(&message));
            *figure = time.as_nanos() as f64 / message.len() as f64;
            growth = bytes_out as f64 / message.len() as f64;
        }
        let shown = figures.map(|figure| format!("{figure:>9.1}")).concat();
        println!("{name:<44}{shown}{:>9.2}{growth:>9.1}x", figures[SIZES.len() - 1] / figures[0]);
    }
}
