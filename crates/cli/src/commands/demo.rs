//! `transect demo`: a sample lake and a walk through it. It refuses to take a way of its own: payloads are loaded and
//! asked exactly as a user's would be.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use transect_cloudwatch::doctor::quote;
use transect_lake::{Lake, RegionLocation, create_private};
use transect_normalize::Options;

use crate::arguments::{Arguments, Demo, Global, Ingest};
use crate::commands::{self, ingest};
use crate::failure::{Failure, INTERNAL};
use crate::output::{self, wants_json};

/// How long the story of the sample takes, with the time that failures are waited for: the last minute can be judged then.
const STORY_NANO: i64 = 100 * 60 * 1_000_000_000;

/// A part of the walk: what to look for in the answer, and what is asked.
struct Part {
    comment: &'static str,
    command: Vec<String>,
}

/// What the product is for, in four parts.
fn walk(own: &Demo, start_nano: i64) -> Vec<Part> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let time = |nano: i64| jiff::Timestamp::from_nanosecond(i128::from(nano)).unwrap_or_default().to_string();
    let (since, until) = (time(start_nano), time(start_nano.saturating_add(STORY_NANO)));
    let mut parts = Vec::new();
    if let Some(id) = story(&own.dir) {
        parts.push(Part {
            comment: "One request: ordered in one region, charged in another where the new release fails, and again in a third",
            command: vec!["trace".to_owned(), id],
        });
    }
    let canary = "canary --service payments --baseline 1.4.1 --canary 1.4.2 --since";
    parts.push(Part {
        comment: "Is the new release of payments worse than the one before it? In one region it is, and that one is named",
        command: words(&format!("{canary} {since} --until {until}")),
    });
    parts.push(Part { comment: "Which release runs where, and how it does there", command: words("releases") });
    parts.push(Part {
        comment: "A saved question: eu-west-2 fails for some minutes, and its traffic goes elsewhere",
        command: words("query region-traffic --param minutes=10 --param limit=24"),
    });
    parts
}

/// Asks as a user would, and says what the exit code tells a pipeline.
fn ask(part: &Part, dir: &str, global: &Global) -> Result<(), Failure> {
    let mut command = part.command.clone();
    command.extend(["--lake".to_owned(), dir.to_owned()]);
    let told = command.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    output::print(global, &format!("\n{}:\n$ transect {told}\n\n", part.comment))?;
    let words = std::iter::once("transect".to_owned()).chain(command);
    let mut arguments = Arguments::try_parse_from(words).map_err(|error| Failure::Because {
        code: INTERNAL,
        error: error.into(),
        hint: None,
    })?;
    arguments.global = Global {
        lake: arguments.global.lake,
        since: arguments.global.since,
        until: arguments.global.until,
        is_part: true,
        ..global.clone()
    };
    match commands::run(&arguments) {
        Err(Failure::Verdict(code)) => output::print(global, &format!("\n(exit code {code}: a pipeline acts on it)\n")),
        outcome => outcome,
    }
}

pub fn run(own: &Demo, global: &Global) -> Result<(), Failure> {
    wants_json(global, "demo").and_then(|json| match json {
        true => {
            Err(Failure::usage("`transect demo` is for people", "the payloads' truth is truth.json in its directory"))
        }
        false => Ok(()),
    })?;
    let lake_name = lake_name(&own.dir)?;
    let started = Instant::now();
    let files = write_payloads(own, global)?;
    output::say(global, &format!("{}: {} payloads and truth.json written", own.dir.display(), files.len()));
    if own.payloads_only {
        return Ok(());
    }
    let regions = ["us-east-2", "us-west-2", "eu-west-2"];
    let config: String = regions.map(|region| format!("[[region]]\nname = \"{region}\"\nurl = \".\"\n")).join("\n");
    write(&own.dir.join("transect.toml"), config.as_bytes())?;

    let lake = Lake::new(vec![RegionLocation::directory_of(None, &own.dir)?])?;
    let load = Ingest {
        files,
        files_from: None,
        group: None,
        stream: None,
        account: None,
        force: false,
        no_redact: false,
        redact_key: Vec::new(),
        redact_pattern: Vec::new(),
        correlation_key: Vec::new(),
        release_key: Vec::new(),
        row_group_rows: None,
    };
    let loaded = ingest::load_files(&lake, None, &load, None, &Options::default(), global)?;
    ingest::finish(&loaded)?;
    let text = format!(
        "{} log events of three regions → {} records in {} Parquet files ({} already there), {} secrets redacted, {:.1} s\n",
        loaded.events,
        loaded.records,
        loaded.files_written,
        loaded.already_present,
        loaded.redacted,
        started.elapsed().as_secs_f64()
    );
    output::print(global, &text)?;
    let start_nano = output::clock(global).parse("--start", &own.start)?.unix_nano;
    for part in walk(own, start_nano) {
        ask(&part, &lake_name, global)?;
    }
    let dir = quote(&lake_name);
    output::print(
        global,
        &format!(
            "\nNext:\n  \
             transect query --lake {dir}                          every saved question\n  \
             transect sql --lake {dir} \"SELECT cloud_region, release, count(*) FROM invocations GROUP BY 1, 2 ORDER BY 1, 2\"\n  \
             transect sql --lake {dir} \"SELECT timestamp, cloud_region, service_name, release, body FROM logs\n                                WHERE correlation_id = (SELECT max(correlation_id) FROM logs WHERE severity_number >= 17) ORDER BY timestamp\"\n  \
             transect logs --lake {dir} --level error -n 20\n  \
             transect releases --lake {dir}\n  \
             less {dir}/truth.json                                what was injected\n"
        ),
    )
}

/// The folder as `--lake` takes it, which is a place, a region's place with `=` before it, or an option.
fn lake_name(dir: &Path) -> Result<String, Failure> {
    let refused = || {
        Failure::usage(
            format!("--dir {}: it is not UTF-8, and --lake is", dir.display()),
            "name another folder with --dir",
        )
    };
    // With one slash where there are two, which would begin a URL.
    let tidy: PathBuf = dir.components().collect();
    let name = tidy.to_str().ok_or_else(refused)?;
    let is_plain = dir.is_absolute() || !(name.contains(['=', ':']) || name.starts_with('-'));
    Ok(if is_plain { name.to_owned() } else { format!("./{name}") })
}

/// A trace of the story that has the most regions in it. Small samples have none.
fn story(dir: &Path) -> Option<String> {
    let truth: serde_json::Value = serde_json::from_slice(&fs::read(dir.join("truth.json")).ok()?).ok()?;
    let regions = |told: &&serde_json::Value| told["regions"].as_array().map_or(0, Vec::len);
    let told = truth["traces"].as_array()?.iter().max_by_key(regions)?;
    Some(told["trace_ids"][0].as_str()?.to_owned())
}

/// Writes every payload and the truth; returns the payloads' paths.
fn write_payloads(own: &Demo, global: &Global) -> Result<Vec<PathBuf>, Failure> {
    let start = output::clock(global).parse("--start", &own.start)?;
    if let Some(taken) = start.taken() {
        output::say(global, &format!("transect: --start {} is taken as {taken}", own.start));
    }
    let start_nano = start.unix_nano;
    let options = transect_sample::Options {
        seed: own.seed,
        invocations: own.invocations,
        start_unix_ms: start_nano / 1_000_000,
        events_per_payload: own.events_per_payload,
        ..transect_sample::Options::default()
    };
    let recipe = format!("{options:?}\n");
    let recipe_path = own.dir.join("payloads").join("recipe.txt");
    match fs::read_to_string(&recipe_path) {
        Ok(earlier) if earlier != recipe => {
            return Err(Failure::usage(
                format!("{} holds a demo made with other options", own.dir.display()),
                "name another directory with --dir, or remove this one",
            ));
        }
        _ => {}
    }
    let mut files = Vec::new();
    let mut fault = Ok(());
    let truth = transect_sample::generate(&options, &mut |payload| {
        let path = own.dir.join("payloads").join(payload.region).join(&payload.name);
        if fault.is_ok() {
            fault = write(&path, &payload.lambda_event());
        }
        files.push(path);
    });
    fault?;
    let mut json =
        serde_json::to_vec_pretty(&truth.to_json()).context("render the truth").map_err(Failure::incomplete)?;
    json.push(b'\n');
    write(&own.dir.join("truth.json"), &json)?;
    write(&recipe_path, recipe.as_bytes())?;
    Ok(files)
}

/// Writes a file that its owner alone may read, and the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let parent = path.parent().unwrap_or(Path::new("."));
        create_private(parent)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(bytes)
    };
    write().with_context(|| format!("write {}", path.display())).map_err(Failure::incomplete)
}
