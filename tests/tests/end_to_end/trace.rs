//! `transect trace`: from any id to the whole request, whatever the lake looks like, and in every form.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde_json::{Value, json};

use crate::demo::lake;
use crate::*;

/// When the demo's story begins; ids that tell no time are looked for from then on.
const SINCE: &str = "2026-11-21T08:00:00Z";

fn ask(lake: &[&str], id: &str, further: &[&str]) -> Answer {
    run(&[&["trace", id, "--since", SINCE, "--utc"], lake, further].concat())
}

fn trace_of(lake: &[&str], id: &str) -> Value {
    let answer = ask(lake, id, &["--format", "json"]);
    assert_eq!(answer.code, 0, "{id}: {}", answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

fn stories() -> Vec<Value> {
    let truth: Value = serde_json::from_slice(&std::fs::read(lake().join("truth.json")).unwrap()).unwrap();
    truth["traces"].as_array().unwrap().clone()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn spans(trace: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    let mut stack: Vec<&Value> = trace["spans"].as_array().unwrap().iter().rev().collect();
    while let Some(span) = stack.pop() {
        all.push(span);
        stack.extend(span["children"].as_array().unwrap().iter().rev());
    }
    all
}

/// The answer without the id that was asked for.
fn without_query(mut trace: Value) -> Value {
    trace["query"] = Value::Null;
    trace
}

fn events(trace: &Value) -> BTreeSet<String> {
    let ids = trace["records"].as_array().unwrap().iter().map(|record| record["event_id"].as_str().unwrap().to_owned());
    ids.collect()
}

fn story(trace: &Value, story: &Value) {
    assert_eq!(trace["ids"]["trace_id"], story["trace_ids"]);
    assert_eq!(trace["ids"]["faas_invocation_id"], story["faas_invocation_ids"]);
    assert_eq!(trace["ids"]["correlation_id"], json!([story["correlation_id"]]));
    assert_eq!(trace["regions"], story["regions"]);
    // Samples of embedded metrics are records of their own beside their event.
    let whole = events(trace).iter().filter(|id| !id.contains('/')).count();
    assert_eq!(json!(whole), story["events"]);
    let releases: BTreeSet<String> =
        trace["releases"].as_array().unwrap().iter().map(|seen| seen["release"].as_str().unwrap().to_owned()).collect();
    assert!(texts(&story["releases"]).iter().all(|release| releases.contains(release)), "{releases:?}");
    let mut records: Vec<u64> = spans(trace)
        .iter()
        .flat_map(|span| span["records"].as_array().unwrap().iter().map(|record| record.as_u64().unwrap()))
        .collect();
    records.sort_unstable();
    assert_eq!(records, (0..trace["records"].as_array().unwrap().len() as u64).collect::<Vec<_>>());
}

#[test]
fn every_id_of_the_fixtures_finds_the_same_whole() {
    let lake = tempfile::tempdir().unwrap();
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap();
    let payloads: Vec<PathBuf> =
        expected["payloads"].as_object().unwrap().keys().map(|name| fixture("payloads").join(name)).collect();
    let mut arguments = vec!["ingest", "-q", "--lake", text(lake.path())];
    arguments.extend(payloads.iter().map(|path| text(path)));
    assert_eq!(run(&arguments).code, 0);

    let expected = &expected["trace"];
    let place = ["--lake", text(lake.path())];
    let mut ids = vec![expected["correlation_id"].as_str().unwrap().to_owned()];
    ids.extend(texts(&expected["faas_invocation_id"]));
    for id in texts(&expected["trace_id"]) {
        ids.push(format!("1-{}-{}", &id[..8], &id[8..]));
        ids.push(format!("X-Amzn-Trace-Id: Root=1-{}-{};Parent=53995c3f42cd8ad8;Sampled=1", &id[..8], &id[8..]));
        ids.push(format!("00-{id}-53995c3f42cd8ad8-01"));
        ids.push(id.to_ascii_uppercase());
    }
    let first = trace_of(&place, &ids[0]);
    ids.push(first["records"][0]["event_id"].as_str().unwrap().to_owned());
    for id in &ids {
        assert_eq!(without_query(trace_of(&place, id)), without_query(first.clone()), "{id}");
    }
    assert_eq!(first["ids"]["trace_id"], expected["trace_id"]);
    assert_eq!(first["ids"]["faas_invocation_id"], expected["faas_invocation_id"]);
    assert_eq!(first["regions"], expected["regions"]);
    let releases: BTreeSet<&str> =
        first["releases"].as_array().unwrap().iter().map(|seen| seen["release"].as_str().unwrap()).collect();
    assert_eq!(json!(releases), expected["releases"]);
    assert_eq!(first["crossings"][0]["service_name"], "payments");
    // The caller of both payments left no record.
    assert_eq!(first["spans"][1]["marks"], json!(["parent_not_seen"]));
    assert_eq!(first["spans"][1]["children"].as_array().unwrap().len(), 2);
}

#[test]
fn every_id_of_every_story_finds_the_truth() {
    let lake = lake();
    let place = ["--lake", text(&lake)];
    for told in stories() {
        let first = trace_of(&place, told["correlation_id"].as_str().unwrap());
        assert_eq!((&first["complete"], &first["truncated"]), (&json!(true), &Value::Null));
        story(&first, &told);
        for id in texts(&told["trace_ids"]).iter().chain(&texts(&told["faas_invocation_ids"])) {
            assert_eq!(without_query(trace_of(&place, id)), without_query(first.clone()), "{id}");
        }
    }
}

#[test]
fn an_x_ray_id_needs_no_time_range() {
    let lake = lake();
    let told = &stories()[0];
    let id = told["trace_ids"][0].as_str().unwrap();
    // However old it is: the range asked for is another day.
    let answer = run(&[
        "trace",
        id,
        "--lake",
        text(&lake),
        "--until",
        "2026-11-22",
        "--since",
        "2026-11-21T23:00:00Z",
        "--format",
        "json",
    ]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    story(&serde_json::from_str(&answer.stdout).unwrap(), told);
}

#[test]
fn copies_and_the_order_of_files_change_nothing() {
    let lake = lake();
    let folder = tempfile::tempdir().unwrap();
    let shuffled = folder.path().join("lake");
    let mut payloads = files_below(&lake.join("payloads"));
    payloads.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    payloads.reverse();
    let (one, two) = payloads.split_at(payloads.len() / 3);
    for files in [two, one, &payloads] {
        let mut arguments = vec!["ingest", "-q", "--force", "--row-group-rows", "700", "--lake", text(&shuffled)];
        arguments.extend(files.iter().map(|path| text(path)));
        let answer = run(&arguments);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
    }
    for told in stories() {
        let id = told["correlation_id"].as_str().unwrap();
        let (one, two) = (trace_of(&["--lake", text(&lake)], id), trace_of(&["--lake", text(&shuffled)], id));
        assert_eq!(one, two);
    }
}

#[test]
fn a_missing_region_is_named_and_the_rest_is_the_same() {
    let lake = lake();
    let told = &stories().into_iter().find(|told| told["regions"].as_array().unwrap().len() == 3).unwrap();
    let id = told["correlation_id"].as_str().unwrap();
    let whole = trace_of(&["--lake", text(&lake)], id);
    // The directory of a region is gone; the others are beside it.
    let places: Vec<String> = ["us-east-2", "us-west-2", "eu-west-2"]
        .iter()
        .map(|region| {
            let place = tempfile::tempdir().unwrap().keep();
            if *region != "us-east-2" {
                let target = place.join("landing").join(format!("region={region}"));
                for file in files_below(&lake.join(format!("landing/region={region}"))) {
                    let to = target.join(file.strip_prefix(lake.join(format!("landing/region={region}"))).unwrap());
                    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                    std::fs::hard_link(&file, to).unwrap();
                }
            } else {
                std::fs::remove_dir(&place).unwrap();
            }
            format!("{region}={}", place.display())
        })
        .collect();
    let place: Vec<&str> = places.iter().flat_map(|place| ["--lake", place.as_str()]).collect();
    let answer = ask(&place, id, &["--format", "json"]);
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stderr.contains("incomplete without us-east-2"), "{}", answer.stderr);
    let part: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((&part["complete"], &part["missing_regions"]), (&json!(false), &json!(["us-east-2"])));
    let in_region = |record: &&Value| record["cloud_region"] != "us-east-2";
    let left: Vec<&Value> = whole["records"].as_array().unwrap().iter().filter(in_region).collect();
    assert_eq!(json!(left), part["records"]);
    let text_form = ask(&place, id, &[]);
    assert!(text_form.stdout.contains("INCOMPLETE without us-east-2: the picture may have a hole there"));
    assert_eq!(ask(&place, id, &["--strict"]).stdout, "");
    for place in places {
        let (_, folder) = place.split_once('=').unwrap();
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// The picture of the story of three regions and two releases.
#[test]
fn the_waterfall_tells_the_story() {
    let lake = lake();
    let told = &stories().into_iter().find(|told| told["regions"].as_array().unwrap().len() == 3).unwrap();
    let picture = ask(&["--lake", text(&lake)], told["correlation_id"].as_str().unwrap(), &[]);
    assert_eq!((picture.code, picture.stderr.as_str()), (0, ""));
    assert_snapshot!(picture.stdout);
    let narrow =
        ask(&["--lake", text(&lake)], told["correlation_id"].as_str().unwrap(), &["--depth", "2", "--logs", "none"]);
    assert_snapshot!(narrow.stdout);
}

#[test]
fn otlp_is_what_its_own_types_read() {
    let lake = lake();
    for told in stories() {
        let id = told["correlation_id"].as_str().unwrap();
        let answer = ask(&["--lake", text(&lake)], id, &["--format", "otlp"]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let (spans_line, logs_line) = answer.stdout.trim_end().split_once('\n').unwrap();
        let traces: ExportTraceServiceRequest = serde_json::from_str(spans_line).unwrap();
        let logs: ExportLogsServiceRequest = serde_json::from_str(logs_line).unwrap();
        let trace = trace_of(&["--lake", text(&lake)], id);
        let of_json = spans(&trace);
        let seen: Vec<_> = traces
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .collect();
        assert_eq!(seen.len(), of_json.len());
        let known: BTreeSet<&Vec<u8>> = seen.iter().map(|span| &span.span_id).collect();
        assert_eq!(known.len(), seen.len());
        for span in &seen {
            assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            assert!(span.parent_span_id.is_empty() || known.contains(&span.parent_span_id));
            assert!(
                span.start_time_unix_nano > 1_795_248_000_000_000_000
                    && span.end_time_unix_nano >= span.start_time_unix_nano
            );
        }
        let failed = seen.iter().filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2)).count();
        assert_eq!(failed, of_json.iter().filter(|span| span["status_code"] == "ERROR").count());
        let records: Vec<_> = logs
            .resource_logs
            .iter()
            .flat_map(|resource| &resource.scope_logs)
            .flat_map(|scope| &scope.log_records)
            .collect();
        let of_logs = trace["records"].as_array().unwrap().iter().filter(|record| record["signal"] == "log").count();
        assert_eq!(records.len(), of_logs);
        assert!(
            records.iter().filter(|record| !record.span_id.is_empty()).all(|record| known.contains(&record.span_id))
        );
    }
}

#[test]
fn a_page_is_one_file_that_holds_the_answer() {
    let lake = lake();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("trace.html");
    let id = stories()[0]["correlation_id"].as_str().unwrap().to_owned();
    let answer = ask(&["--lake", text(&lake)], &id, &["--output", text(&page)]);
    assert_eq!((answer.code, answer.stdout.as_str()), (0, ""), "{}", answer.stderr);
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"trace\">").unwrap();
    let (held, _) = rest.split_once("</script>").unwrap();
    let held: Value = serde_json::from_str(held).unwrap();
    let asked = trace_of(&["--lake", text(&lake)], &id);
    assert_eq!(held["spans"], asked["spans"]);
    assert_eq!(held["records"].as_array().unwrap().len(), asked["records"].as_array().unwrap().len());
    for outside in ["http://", "https://", "//cdn", "@import", "url("] {
        assert!(!page.split("<script type=\"application/json\"").next().unwrap().contains(outside), "{outside}");
    }
}

#[test]
fn the_ending_of_the_output_says_the_format_in_letters_of_any_case() {
    let lake = lake();
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts.csv");
    std::fs::write(&counts, "region,window,n_a,x_a,n_b,x_b\nus,0,10000,100,10000,100\n").unwrap();
    let id = stories()[0]["correlation_id"].as_str().unwrap().to_owned();
    let trace = ["trace", &id, "--since", SINCE];
    let canary = ["canary", "--counts", text(&counts)];
    for (command, name, begins) in [
        (&trace[..], "trace.JSON", "{\"query\":"),
        (&trace, "trace.Htm", "<!doctype html>"),
        (&trace, "trace.otlp", "{\"resourceSpans\":"),
        (&trace, "trace.txt", &id),
        (&["sql", "SELECT 1 AS one"], "rows.JsonL", "{\"one\":1}"),
        (&["schema"], "columns.Json", "{"),
        (&canary, "canary.XML", "<?xml"),
        (&canary, "canary.Md", "#"),
    ] {
        let path = folder.path().join(name);
        let answer = run(&[command, &["--lake", text(&lake), "--output", text(&path)]].concat());
        assert_eq!(answer.stdout, "", "{name}");
        let written =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}: {}", answer.stderr));
        assert!(written.starts_with(begins), "{name}: {written}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let lake = lake();
    let check = |arguments: &[&str], code: i32, sentence: &str| {
        let answer = run(&[&["trace", "--lake", text(&lake)], arguments].concat());
        assert_eq!(answer.code, code, "{arguments:?}: {}{}", answer.stdout, answer.stderr);
        assert!(answer.stderr.contains(sentence), "{arguments:?}: {}", answer.stderr);
        answer.stdout
    };
    check(&[], 2, "no ID of a request");
    check(&["  "], 2, "the ID is empty");
    check(&["x", "--format", "csv"], 2, "`transect trace ID` does not write csv");
    check(&["x", "--output", "x.CSV"], 2, "`transect trace ID` does not write csv");
    check(&["x", "--max-records", "0"], 2, "--max-records 0");
    check(&["x", "--errors"], 2, "`transect trace --pick`");
    check(&["x", "--pick"], 2, "cannot be used with");
    check(&["--pick", "--limit", "0"], 2, "--limit 0");
    assert_eq!(check(&["ord-nowhere"], 5, "nothing found of ord-nowhere"), "");
    check(&["6b015f52193b", "--region", "eu-west-2"], 5, "a part of a trace id, which has 32 digits; this has 12");
    check(&["ord-nowhere", "--region", "eu-west-2"], 5, " in eu-west-2; widen --since");
    assert_eq!(check(&["1-6b015f52-000000000000000000000001"], 5, "looked for from 2026-11-21T"), "");
    let empty: Value = serde_json::from_str(&check(&["ord-nowhere", "--format", "json"], 5, "widen")).unwrap();
    assert_eq!((&empty["spans"], &empty["start_unix_nano"]), (&json!([]), &Value::Null));
    let told = &stories()[0];
    let id = told["correlation_id"].as_str().unwrap();
    let few = ask(&["--lake", text(&lake)], id, &["--max-records", "10"]);
    assert_eq!(few.code, 0, "{}", few.stderr);
    assert!(few.stdout.contains("INCOMPLETE: there are more than 10 records"), "{}", few.stdout);
    let planned = ask(&["--lake", text(&lake)], id, &["--dry-run", "--format", "csv"]);
    assert_eq!(planned.code, 2, "{}", planned.stdout);
    let planned = ask(&["--lake", text(&lake)], id, &["--dry-run", "--format", "json"]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert!(planned.stdout.contains("\"files\""), "{}", planned.stdout);
}

#[test]
fn traces_to_choose_from_are_what_they_should_be() {
    let lake = lake();
    let pick = |further: &[&str]| {
        rows(&[&["trace", "--pick", "--since", SINCE, "--lake", text(&lake), "-n", "1000"], further].concat())
    };
    let all = pick(&[]);
    let times: Vec<&str> = all.iter().map(|row| row["timestamp"].as_str().unwrap()).collect();
    assert!(all.len() > 500 && times.is_sorted_by(|one, two| one >= two));
    let numbers: Vec<u64> = all.iter().map(|row| row["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    let failed = pick(&["--errors"]);
    assert!(
        !failed.is_empty() && failed.len() < all.len() && failed.iter().all(|row| row["errors"].as_u64() > Some(0))
    );
    let slow: Vec<f64> = pick(&["--slow"]).iter().map(|row| row["duration_ms"].as_f64().unwrap()).collect();
    assert!(slow.is_sorted_by(|one, two| one >= two));
    let truth: Value = serde_json::from_slice(&std::fs::read(lake.join("truth.json")).unwrap()).unwrap();
    let regions = pick(&["--crossing", "regions"]);
    assert_eq!(json!(regions.len()), truth["crossing"]["traces_across_regions"]);
    let releases = pick(&["--crossing", "releases"]);
    assert_eq!(json!(releases.len()), truth["crossing"]["traces_across_releases"]);
    let both = pick(&["--crossing", "releases", "--crossing", "regions", "--errors"]);
    assert!(!both.is_empty() && both.len() < releases.len());
    // Each of them says, in its own picture, that releases met in it.
    for row in releases.iter().take(5) {
        let trace = trace_of(&["--lake", text(&lake)], row["trace_id"].as_str().unwrap());
        assert!(!trace["crossings"].as_array().unwrap().is_empty(), "{row}");
    }
}
