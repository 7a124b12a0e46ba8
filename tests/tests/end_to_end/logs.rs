//! `transect logs`: what people look for and how they see it; and the helps around it: manual pages and completions.

use serde_json::Value;

use crate::demo::lake;
use crate::*;

fn logs(arguments: &[&str]) -> Answer {
    let lake = lake();
    run(&[&["logs", "--utc", "--lake", text(&lake)], arguments].concat())
}

fn records(arguments: &[&str]) -> Vec<Value> {
    let lake = lake();
    rows(&[&["logs", "--lake", text(&lake)], arguments].concat())
}

#[test]
fn lines_are_newest_last_and_say_who_and_what() {
    let answer = logs(&["--limit", "5"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert!(lines.len() >= 5);
    let times: Vec<&str> = lines
        .iter()
        .filter(|line| line.starts_with("2026-"))
        .map(|line| &line[.."2026-11-21T09:29:40.924Z".len()])
        .collect();
    assert_eq!(times.len(), 5);
    assert!(times.is_sorted() && times.iter().all(|time| time.ends_with('Z')), "{times:?}");
    assert!(answer.stderr.contains("the newest 5 records; there are more"), "{}", answer.stderr);
    assert!(!answer.stdout.contains('\u{1b}'));
    // Nothing is cut, and nothing is said about it.
    let all = logs(&["--limit", "100000"]);
    assert!(all.stderr.is_empty(), "{}", all.stderr);
    assert_eq!(all.code, 0);
}

#[test]
fn filters_leave_what_they_say() {
    let all = |records: &[Value], key: &str, expected: &str| {
        assert!(!records.is_empty() && records.iter().all(|record| record[key] == expected), "{key} {expected}");
    };
    // A function is its service where no service is stated: in the lines of the platform.
    let of_service = records(&["--service", "payments"]);
    assert!(!of_service.is_empty());
    for record in &of_service {
        let service = if record["service_name"].is_null() { &record["faas_name"] } else { &record["service_name"] };
        assert_eq!(service, "payments");
    }
    all(&records(&["--release", "1.4.2"]), "release", "1.4.2");
    all(&records(&["--region", "eu-west-2"]), "cloud_region", "eu-west-2");
    let errors = records(&["--level", "error", "-n", "1000"]);
    let is_error = |record: &Value| {
        record["severity_number"].as_i64().is_some_and(|number| number >= 17) || record["status_code"] == "ERROR"
    };
    assert!(errors.len() > 20 && errors.iter().all(is_error));
    assert!(errors.iter().any(|record| record["severity_number"].is_null()), "reports of failures have no severity");
    let of_group = records(&["--group", "/aws/lambda/*"]);
    assert!(of_group.iter().all(|record| record["aws_log_group"].as_str().unwrap().starts_with("/aws/lambda/")));

    let with_trace = errors.iter().find(|record| record["trace_id"].is_string()).unwrap();
    let id = with_trace["trace_id"].as_str().unwrap();
    let x_ray = format!("Root=1-{}-{};Sampled=1", &id[..8], &id[8..]);
    for spelled in [id, &id.to_uppercase(), &x_ray] {
        all(&records(&["--trace", spelled]), "trace_id", id);
    }
    // As a text, an id is found wherever it is the whole of a column.
    assert!(!records(&[id]).is_empty());
    let invocation = with_trace["faas_invocation_id"].as_str().unwrap();
    all(&records(&["--invocation", &invocation.to_uppercase()]), "faas_invocation_id", invocation);
}

#[test]
fn patterns_match_messages_and_exceptions_with_and_without_case_and_turned_round() {
    let matching = records(&["--grep", "PAYMENT (failed|x)", "-i", "-n", "100000"]);
    let says =
        |record: &Value| record["body"].as_str().is_some_and(|body| body.to_lowercase().contains("payment failed"));
    assert!(!matching.is_empty() && matching.iter().all(says));
    assert_eq!(logs(&["--grep", "PAYMENT (failed|x)"]).code, 5);
    for invert in ["-v", "--invert-match"] {
        let others = records(&["--grep", "PAYMENT (failed|x)", "-i", invert, "-n", "100000"]);
        assert_eq!(others.len() + matching.len(), records(&["-n", "100000"]).len());
        assert!(!others.iter().any(says));
    }
    let by_exception = records(&["--grep", "^KeyError$"]);
    assert!(!by_exception.is_empty() && by_exception.iter().all(|record| record["exception_type"] == "KeyError"));
}

#[test]
fn neighbours_are_of_the_same_stream_and_what_was_asked_for_is_marked() {
    let alone = records(&["--grep", "payment failed", "-n", "3"]);
    let with = records(&["--grep", "payment failed", "-n", "3", "-C", "2"]);
    assert!(with.len() > alone.len() && with.len() <= 5 * alone.len());
    let streams: Vec<&Value> = alone.iter().map(|record| &record["aws_log_stream"]).collect();
    assert!(with.iter().all(|record| streams.contains(&&record["aws_log_stream"])));
    let shown = logs(&["--grep", "payment failed", "-n", "3", "-B", "1"]);
    assert_eq!(shown.stdout.lines().filter(|line| line.starts_with("> ")).count(), alone.len());
    assert!(shown.stdout.lines().any(|line| line.starts_with("  2026-")), "{}", shown.stdout);
}

#[test]
fn what_was_delivered_twice_is_shown_once() {
    let lake = tempfile::tempdir().unwrap();
    let payload = fixture("payloads/us-east-2/payments.json");
    let load = |more: &[&str]| {
        assert_eq!(run(&[&["ingest", "-q", "--lake", text(lake.path()), text(&payload)], more].concat()).code, 0);
        rows(&["logs", "--lake", text(lake.path())]).len()
    };
    let once = load(&[]);
    assert!(once > 0);
    assert_eq!(load(&["--force"]), once);
    // Copies take no place of others either.
    assert_eq!(rows(&["logs", "--lake", text(lake.path()), "-n", "2"]).len(), 2.min(once));
}

#[test]
fn nothing_found_is_told_apart_from_a_mistake() {
    let answer = logs(&["no such words anywhere"]);
    assert_eq!((answer.code, answer.stdout.as_str()), (5, ""));
    assert!(answer.stderr.contains("no records found"), "{}", answer.stderr);
    for (arguments, sentence) in [
        (&["--grep", "a(b"][..], "--grep is no regular expression: unclosed group"),
        (&["--trace", "xyz"], "--trace xyz: not a trace id"),
        (&["--limit", "0"], "--limit 0"),
        (&["--level", "loud"], "invalid value 'loud'"),
    ] {
        let answer = logs(arguments);
        assert_eq!(answer.code, 2, "{arguments:?}");
        assert!(answer.stderr.contains(sentence), "{arguments:?}: {}", answer.stderr);
    }
}

#[test]
fn a_question_says_what_it_would_read_and_can_be_refused() {
    let lake = lake();
    let planned = rows(&["sql", "--lake", text(&lake), "--dry-run", "select body from logs"]);
    assert_eq!(planned.len(), 3);
    let bytes: u64 = planned.iter().map(|row| row["bytes"].as_u64().unwrap()).sum();
    let limit = (bytes - 1).to_string();
    let refused = run(&["sql", "--lake", text(&lake), "--max-bytes", &limit, "select body from logs"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains(&format!("about {bytes} bytes of files")), "{}", refused.stderr);
    let limit = bytes.to_string();
    assert_eq!(run(&["sql", "--lake", text(&lake), "--max-bytes", &limit, "select body from logs"]).code, 0);
    let told = run(&["sql", "--lake", text(&lake), "-v", "select count(*) from logs"]);
    assert!(told.stderr.contains("1 rows; ") && told.stderr.contains("bytes read"), "{}", told.stderr);
}

#[test]
fn every_command_has_a_manual_page_from_the_same_table_as_its_help() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", text(folder.path())]).code, 0);
    for page in ["transect", "transect-logs", "transect-releases-record", "transect-ingest"] {
        let written = std::fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
        assert!(written.contains(".SH SYNOPSIS"), "{page}");
    }
    let logs = std::fs::read_to_string(folder.path().join("transect-logs.1")).unwrap();
    assert!(
        logs.contains("newest so many records") && run(&["logs", "--help"]).stdout.contains("newest so many records")
    );
    assert_eq!(run(&["man", "/nonexistent/folder"]).code, 3);
}

#[test]
fn completions_know_the_names_of_the_last_answer() {
    let (lake, cache) = (lake(), tempfile::tempdir().unwrap());
    let releases = transect(&["releases", "--lake", text(&lake)]).env("XDG_CACHE_HOME", cache.path()).output().unwrap();
    assert!(releases.status.success());
    let complete = |words: &[&str]| {
        let mut command = transect(&[&["--", "transect"], words].concat());
        command.env("XDG_CACHE_HOME", cache.path()).env("TRANSECT_COMPLETE", "bash").env("_CLAP_IFS", "\n");
        let output: Answer = command.env("_CLAP_COMPLETE_INDEX", words.len().to_string()).output().unwrap().into();
        output.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["logs", "--service", "pay"]), ["payments"]);
    assert_eq!(complete(&["logs", "--release", "1.4"]), ["1.4.1", "1.4.2"]);
    assert_eq!(complete(&["sql", "--region", ""]), ["eu-west-2", "us-east-2", "us-west-2"]);
    assert_eq!(complete(&["query", "region-"]), ["region-traffic"]);
}
