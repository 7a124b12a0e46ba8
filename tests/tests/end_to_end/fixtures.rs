//! The fixtures: forty-eight events of three regions, and the one order that crosses them.

use serde_json::Value;

use crate::*;

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap()
}

/// The payload files that `expected.json` names, without their decoded twins.
fn payloads() -> Vec<PathBuf> {
    expected()["payloads"].as_object().unwrap().keys().map(|name| fixture("payloads").join(name)).collect()
}

fn ingest(lake: &Path, further: &[&str]) -> Value {
    let payloads = payloads();
    let mut arguments = vec!["ingest", "--lake", text(lake), "--format", "json"];
    arguments.extend(further);
    arguments.extend(payloads.iter().map(|path| text(path)));
    let answer = run(&arguments);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn nothing_is_lost_and_loading_again_says_so() {
    let lake = tempfile::tempdir().unwrap();
    let lake = lake.path();
    let first = ingest(lake, &[]);
    assert_eq!(first["files"], 9);
    assert_eq!(first["events"], 48);
    assert_eq!(first["rejected_files"], 0);
    assert_eq!(first["already_present"], 0);
    // Four samples of embedded metrics beside the events.
    assert_eq!(first["records"], 52);
    assert!(first["bytes_written"].as_u64().unwrap() > 0);
    let events = rows(&[
        "sql",
        "--lake",
        text(lake),
        "SELECT count(DISTINCT event_id) AS events, count(*) AS records FROM telemetry WHERE event_id NOT LIKE '%/%'",
    ]);
    assert_eq!(events, [serde_json::json!({"events": 48, "records": 48})]);

    let again = ingest(lake, &[]);
    assert_eq!((&again["already_present"], &again["records"]), (&48.into(), &0.into()));
    assert_eq!(rows(&["sql", "--lake", text(lake), "SELECT count(*) AS n FROM telemetry"])[0]["n"], 52);

    let forced = ingest(lake, &["--force"]);
    assert_eq!((&forced["already_present"], &forced["records"]), (&0.into(), &52.into()));
    assert_eq!(rows(&["sql", "--lake", text(lake), "SELECT count(*) AS n FROM telemetry"])[0]["n"], 104);
    // Views answer the same with and without duplicates.
    assert_eq!(rows(&["sql", "--lake", text(lake), "SELECT count(*) AS n FROM logs"])[0]["n"], 45);
    assert_eq!(rows(&["sql", "--lake", text(lake), "SELECT count(*) AS n FROM metrics"])[0]["n"], 4);
}

#[test]
fn every_id_of_the_order_finds_its_regions_and_releases() {
    let lake = tempfile::tempdir().unwrap();
    let lake = lake.path();
    ingest(lake, &[]);
    let trace = expected()["trace"].clone();
    let distinct = |column: &str| {
        let query = format!(
            "SELECT DISTINCT {column} AS value FROM telemetry WHERE correlation_id = 'ord-7f3a91' AND {column} IS NOT NULL ORDER BY value"
        );
        rows(&["sql", "--lake", text(lake), &query]).iter().map(|row| row["value"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(Value::from(distinct("trace_id")), trace["trace_id"]);
    assert_eq!(Value::from(distinct("faas_invocation_id")), trace["faas_invocation_id"]);
    assert_eq!(Value::from(distinct("cloud_region")), trace["regions"]);
    assert_eq!(Value::from(distinct("release")), trace["releases"]);
    for id in trace["trace_id"].as_array().unwrap() {
        let query = format!("SELECT count(*) AS n FROM logs WHERE trace_id = '{}'", id.as_str().unwrap());
        assert!(rows(&["sql", "--lake", text(lake), &query])[0]["n"].as_u64().unwrap() > 0);
    }
}

#[test]
fn no_secret_is_in_the_lake_and_no_other_user_can_read_it() {
    let lake = tempfile::tempdir().unwrap();
    let lake = lake.path();
    ingest(lake, &[]);
    let all = run(&["sql", "--lake", text(lake), "--format", "ndjson", "SELECT * FROM telemetry"]);
    assert!(all.stdout.contains("[redacted:authorization]") && !all.stdout.contains("not-a-real-token"));
    for file in files_below(lake) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(16).any(|window| window == b"not-a-real-token"), "{}", file.display());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
        }
    }
    let open = tempfile::tempdir().unwrap();
    ingest(open.path(), &["--no-redact"]);
    assert!(
        run(&["sql", "--lake", text(open.path()), "--format", "ndjson", "SELECT * FROM telemetry"])
            .stdout
            .contains("not-a-real-token")
    );
}

#[test]
fn a_lake_may_have_a_place_for_each_region() {
    let folder = tempfile::tempdir().unwrap();
    let places = ["us-east-2", "us-west-2", "eu-west-2"]
        .map(|region| format!("{region}={}", folder.path().join(region).display()));
    let lake: Vec<&str> = places.iter().flat_map(|place| ["--lake", place.as_str()]).collect();
    let payloads = payloads();
    let mut arguments = vec!["ingest", "--quiet"];
    arguments.extend(&lake);
    arguments.extend(payloads.iter().map(|path| text(path)));
    assert_eq!(run(&arguments).code, 0);
    let count = |further: &[&str]| {
        rows(&[&["sql", "SELECT count(*) AS n FROM telemetry"], &lake[..], further].concat())[0]["n"].clone()
    };
    assert_eq!(count(&[]), 52);
    assert_eq!(count(&["--region", "eu-west-2"]), 10);
    // The same lake by the environment and by a configuration file.
    let by_environment = transect(&["sql", "--format", "csv", "SELECT count(*) AS n FROM telemetry"])
        .env("TRANSECT_LAKE", places.join(","))
        .output()
        .unwrap();
    assert_eq!(Answer::from(by_environment).stdout, "n\n52\n");
    let config: String = ["us-east-2", "us-west-2", "eu-west-2"]
        .map(|region| format!("[[region]]\nname = \"{region}\"\nurl = \"{region}\"\n"))
        .concat();
    std::fs::write(folder.path().join("transect.toml"), config).unwrap();
    let below = folder.path().join("us-east-2/landing");
    let by_file = transect(&["sql", "--format", "csv", "SELECT count(*) AS n FROM telemetry"])
        .current_dir(below)
        .output()
        .unwrap();
    assert_eq!(Answer::from(by_file).stdout, "n\n52\n");
}
