//! `transect demo`: what it prints, what the saved queries answer over it, and whether that is the truth.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::Value;

use crate::*;

/// One demo for all tests here: the folder that it was made in, with what it said.
fn sample() -> PathBuf {
    once_a_run("demo", |folder| {
        let printed = transect(&["demo"]).current_dir(folder).output().unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        std::fs::write(folder.join("stdout"), printed.stdout).unwrap();
    })
}

pub fn lake() -> PathBuf {
    sample().join("transect-demo")
}

fn truth() -> Value {
    serde_json::from_slice(&std::fs::read(lake().join("truth.json")).unwrap()).unwrap()
}

fn ask(arguments: &[&str]) -> String {
    let lake = lake();
    let answer = run(&[&["query", "--lake", text(&lake)], arguments].concat());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    // A table pads the last column.
    answer.stdout.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_demo_loads_asks_and_says_what_to_try() {
    let printed = std::fs::read_to_string(sample().join("stdout")).unwrap();
    let truth = truth();
    assert!(printed.starts_with(&format!("{} log events of three regions", truth["events_delivered"])), "{printed}");
    // What it is for: a request over regions and releases, a verdict, the releases, a saved question.
    let asked: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("$ transect ")).collect();
    let commands: Vec<&str> = asked.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(commands, ["trace", "canary", "releases", "query"], "{asked:?}");
    assert!(asked.iter().all(|line| line.ends_with("--lake transect-demo")), "{asked:?}");
    assert!(printed.contains("\ncrosses payments 1.4.1 (us-west-2) and 1.4.2 (us-east-2)\n"), "{printed}");
    assert!(printed.contains("\nFAIL  payments 1.4.2 against 1.4.1\n"), "{printed}");
    assert!(printed.contains("\nroll back: us-east-2\n") && printed.contains("(exit code 1: "), "{printed}");
    assert!(printed.contains("\nNext:\n"));
}

#[test]
fn the_same_demo_again_loads_nothing_and_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let again = |seed: &str| -> Answer {
        transect(&["demo", "--invocations", "60", "--dir", "d", "--seed", seed])
            .current_dir(folder.path())
            .output()
            .unwrap()
            .into()
    };
    assert_eq!(again("1").code, 0);
    let files = files_below(folder.path());
    assert!(again("1").stdout.contains("→ 0 records in 0 Parquet files"));
    assert_eq!(files_below(folder.path()), files);
    let other = again("2");
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("d holds a demo made with other options"), "{}", other.stderr);
}

/// What it prints can be typed, whatever the folder is called, and what `--lake` cannot name is refused before anything is written.
#[test]
fn a_demo_lies_in_a_folder_of_any_name_that_a_lake_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |dir: &std::ffi::OsStr| -> Answer {
        let mut command = isolated(folder.path(), &["demo", "-q", "--invocations", "60", "--dir"]);
        command.arg(dir).output().unwrap().into()
    };
    for (dir, told) in [("it's here", r"--lake 'it'\''s here'"), ("a=b", "--lake ./a=b"), ("s3://x", "--lake ./s3:/x")]
    {
        let answer = demo(dir.as_ref());
        assert_eq!(answer.code, 0, "{dir}: {}", answer.stderr);
        assert!(answer.stdout.contains(told), "{dir}: {}", answer.stdout);
    }
    #[cfg(unix)]
    {
        let name = std::os::unix::ffi::OsStrExt::from_bytes(b"bad\xff");
        let answer = demo(name);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{}", answer.stderr);
        assert!(answer.stderr.contains("it is not UTF-8, and --lake is"), "{}", answer.stderr);
        assert!(!folder.path().join(name).exists());
    }
}

#[test]
fn counts_by_release_and_region_are_the_truth() {
    let lake = lake();
    let found: BTreeMap<(String, String, String), (u64, u64)> =
        rows(&["query", "error-rate-by-release", "--lake", text(&lake), "--param", "limit=1000"])
            .iter()
            .map(|row| {
                let text = |column: &str| row[column].as_str().unwrap().to_owned();
                let count = |column: &str| row[column].as_u64().unwrap();
                ((text("service"), text("cloud_region"), text("release")), (count("invocations"), count("failed")))
            })
            .collect();
    let truth = truth();
    let injected = truth["by_release"].as_array().unwrap();
    assert_eq!(found.len(), injected.len());
    for row in injected {
        let text = |column: &str| row[column].as_str().unwrap().to_owned();
        let counts = (row["invocations"].as_u64().unwrap(), row["failed"].as_u64().unwrap());
        // A service that does not state its release is known by the version of its function.
        let by = |release: String| found.get(&(text("service"), text("region"), release)).copied();
        let version =
            row["function_version"].as_str().map_or_else(|| row["function_version"].to_string(), str::to_owned);
        assert_eq!(by(text("release")).or_else(|| by(version)), Some(counts), "{row}");
    }
}

#[test]
fn what_was_injected_is_found() {
    let (lake, truth) = (lake(), truth());
    let lake = text(&lake);
    let count = |sql: &str| rows(&["sql", "--lake", lake, sql])[0]["n"].clone();
    assert_eq!(count("SELECT count(*) AS n FROM telemetry WHERE event_id NOT LIKE '%/%'"), truth["events_delivered"]);
    assert_eq!(count("SELECT count(*) AS n FROM invocations"), truth["invocations"]);
    let sum = |query: &str, column: &str| {
        rows(&["query", query, "--lake", lake]).iter().map(|row| row[column].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum("late-deliveries", "late_at_source"), truth["late_events"].as_u64().unwrap());
    let redelivered = rows(&["query", "duplicate-deliveries", "--lake", lake])
        .iter()
        .map(|row| row["deliveries"].as_u64().unwrap() - row["events"].as_u64().unwrap())
        .sum::<u64>();
    assert!(redelivered >= truth["redelivered_events"].as_u64().unwrap());
    for trace in truth["traces"].as_array().unwrap() {
        let query = format!(
            "SELECT array_to_string(array_sort(array_agg(DISTINCT cloud_region)), ',') AS n FROM telemetry WHERE correlation_id = '{}'",
            trace["correlation_id"].as_str().unwrap()
        );
        let mut regions: Vec<_> =
            trace["regions"].as_array().unwrap().iter().map(|region| region.as_str().unwrap()).collect();
        regions.sort_unstable();
        let found = count(&query);
        assert!(found.as_str().unwrap().split(',').all(|region| regions.contains(&region)), "{found} {regions:?}");
    }
    let all = run(&["sql", "--lake", lake, "--format", "ndjson", "SELECT * FROM telemetry"]).stdout;
    for secret in truth["secrets"].as_array().unwrap() {
        assert!(!all.contains(secret.as_str().unwrap()), "{secret} is in the lake");
    }
}

#[test]
fn error_rate_by_release() {
    assert_snapshot!(ask(&["error-rate-by-release"]));
}

#[test]
fn errors_by_exception() {
    assert_snapshot!(ask(&["errors-by-exception"]));
}

#[test]
fn slowest_invocations() {
    assert_snapshot!(ask(&["slowest-invocations", "--param", "limit=10"]));
}

#[test]
fn cold_starts() {
    assert_snapshot!(ask(&["cold-starts"]));
}

#[test]
fn log_volume_by_group() {
    assert_snapshot!(ask(&["log-volume-by-group"]));
}

#[test]
fn region_traffic() {
    assert_snapshot!(ask(&["region-traffic", "--param", "minutes=10"]));
}

#[test]
fn traces_across_regions() {
    assert_snapshot!(ask(&["traces-across-regions", "--param", "limit=10"]));
}

#[test]
fn traces_across_releases() {
    assert_snapshot!(ask(&["traces-across-releases", "--param", "limit=10"]));
}

#[test]
fn late_deliveries() {
    assert_snapshot!(ask(&["late-deliveries"]));
}

#[test]
fn duplicate_deliveries() {
    assert_snapshot!(ask(&["duplicate-deliveries"]));
}

#[test]
fn failures_by_route() {
    assert_snapshot!(ask(&["failures-by-route", "--param", "limit=10"]));
}

#[test]
fn latency_by_route() {
    assert_snapshot!(ask(&["latency-by-route", "--param", "limit=10"]));
}

#[test]
fn function_failures() {
    assert_snapshot!(ask(&["function-failures"]));
}

#[test]
fn memory_headroom() {
    assert_snapshot!(ask(&["memory-headroom", "--param", "limit=10"]));
}

#[test]
fn retries_and_throttles() {
    assert_snapshot!(ask(&["retries-and-throttles"]));
}

#[test]
fn cost_by_function() {
    assert_snapshot!(ask(&["cost-by-function"]));
}

#[test]
fn error_budget() {
    assert_snapshot!(ask(&["error-budget"]));
}

#[test]
fn failing_calls() {
    assert_snapshot!(ask(&["failing-calls"]));
}

#[test]
fn traffic_shifts() {
    assert_snapshot!(ask(&["traffic-shifts", "--param", "minutes=30", "--param", "points=10"]));
}

#[test]
fn not_understood() {
    assert_snapshot!(ask(&["not-understood"]));
}

#[test]
fn the_list_of_saved_queries() {
    assert_snapshot!(run(&["query"]).stdout);
}
