//! What goes wrong: each fault with its exit code and its sentence, and that nothing else is printed.

use std::io::{BufRead, BufReader, Read, Write};

use crate::*;

/// Runs and expects a code and a part of what is said on stderr; stdout stays empty.
fn check(arguments: &[&str], code: i32, sentence: &str) {
    let answer = run(arguments);
    assert_eq!(answer.code, code, "{arguments:?}: {}{}", answer.stdout, answer.stderr);
    assert!(answer.stderr.contains(sentence), "{arguments:?}: {}", answer.stderr);
    assert_eq!(answer.stdout, "", "{arguments:?}");
}

fn small_lake() -> tempfile::TempDir {
    let lake = tempfile::tempdir().unwrap();
    let payload = fixture("payloads/us-east-2/odd.json");
    assert_eq!(run(&["ingest", "-q", "--lake", text(lake.path()), text(&payload)]).code, 0);
    lake
}

#[test]
fn arguments() {
    check(&["sql", "--no-such-flag", "SELECT 1"], 2, "unexpected argument '--no-such-flag'");
    check(&["sqll"], 2, "a similar subcommand exists: 'sql'");
    check(&[], 2, "Usage: transect");
    check(&["sql"], 2, "required arguments were not provided");
    check(&["sql", "--lake", ".", "--format", "glue", "SELECT 1"], 2, "--format glue is for `transect schema`");
    check(&["schema", "--format", "csv"], 2, "`transect schema` does not write csv");
    check(&["sql", "--lake", ".", "--since", "yesteryear", "SELECT 1"], 2, "--since yesteryear: not a time");
    check(&["sql", "--lake", ".", "--since", "1h", "--until", "2h", "SELECT 1"], 2, "--since is later than --until");
    check(&["sql", "--lake", ".", "--lateness", "soon", "SELECT 1"], 2, "--lateness soon: not a duration");
    check(&["query", "--param", "minutes=10"], 2, "required arguments were not provided");
    check(&["query", "--show-sql"], 2, "required arguments were not provided");
    // What a name was meant for is told, and not the whole of it.
    let long = "x".repeat(120_000);
    for arguments in [
        &["sql", "--lake", ".", "--since", &long, "SELECT 1"][..],
        &["logs", "--lake", ".", "--level", &long],
        &["query", &long],
        &["sql", "--lake", &long, "SELECT 1"],
        &["schema", &format!("--{long}")],
        &[&long],
    ] {
        let answer = run(arguments);
        assert!([2, 3].contains(&answer.code), "{}", answer.code);
        assert!(answer.stderr.contains("letters) …x") && answer.stderr.len() < 4_000, "{}", answer.stderr);
    }
    let future = ["--since", "2199-01-01T00:00:00Z", "--until", "2199-01-02T00:00:00Z"];
    check(&[&["backfill", "--group", "*", "--lake", "a=."], &future[..]].concat(), 2, "--since is still to come");
    // journalctl's way to say how long ago is told, and no other option is missed.
    check(&["logs", "--lake", ".", "--since", "-5m"], 2, "--since -5m: not a time\n  write 90s, 15min");
    check(&["logs", "--lake", ".", "--since", "--utc"], 2, "--since --utc: not a time");
    check(&["logs", "--lake", ".", "--lateness", "-1h"], 2, "--lateness -1h: not a duration");
    // As `tail`, `kubectl logs` and others have it.
    for follow in ["-f", "--follow", "--tail"] {
        check(&["logs", "--lake", ".", follow], 2, "`transect tail` shows records as they are written");
    }
    check(&["sql", "--lake", ".", "--format", "GLUE", "SELECT 1"], 2, "--format glue is for `transect schema`");
    // Help that nobody gets is told, and a device that is full is no reader that went away.
    #[cfg(target_os = "linux")]
    for arguments in [&["--help"][..], &["--version"], &["help", "trace"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let answer: Answer = transect(arguments).stdout(full).output().unwrap().into();
        assert_eq!(answer.code, 3, "{arguments:?}");
        assert!(answer.stderr.contains("write the answer: No space left on device"), "{}", answer.stderr);
    }
    assert_eq!(run(&["--help"]).code, 0);
    assert!(run(&["--version"]).stdout.starts_with("transect "));
}

#[test]
fn lakes() {
    let folder = tempfile::tempdir().unwrap();
    check(&["sql", "SELECT 1"], 2, "no lake: neither --lake nor TRANSECT_LAKE nor a transect.toml names one");
    check(&["sql", "--lake", text(&folder.path().join("missing")), "SELECT 1"], 2, "the directory does not exist");
    check(&["sql", "--lake", text(folder.path()), "SELECT 1"], 5, "no telemetry in ");
    check(&["ingest", "--lake", "s3://bucket", text(&fixture("payloads/us-east-2/odd.json"))], 3, "no AWS credentials");
    check(&["sql", "--config", text(&folder.path().join("no.toml")), "SELECT 1"], 2, "no.toml");
    let config = folder.path().join("transect.toml");
    std::fs::write(&config, "[[region]]\nnam = \"x\"\n").unwrap();
    check(&["sql", "--config", text(&config), "SELECT 1"], 2, "unknown field `nam`");
    // Nobody writes to it, and to read it would take for ever.
    let pipe = folder.path().join("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    check(&["sql", "--config", text(&pipe), "SELECT 1"], 2, "it is a pipe or a device, and no file");
    check(&["sql", "--config", "/dev/zero", "SELECT 1"], 2, "it is a pipe or a device, and no file");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    check(&["sql", "--lake", text(&file), "SELECT 1"], 2, "is not a directory");
}

/// Found out before anybody is asked: nothing here has a network, credentials or an endpoint.
#[test]
fn a_region_that_aws_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lake")).unwrap();
    let wave = r#"[{"name": "all", "regions": ["us-esat-2"], "weight": 100, "bake": "30m", "min_requests": 1}]"#;
    std::fs::write(folder.path().join("waves.json"), wave).unwrap();
    let map =
        |release: &str, version| format!(r#""{release}": {{"us-esat-2": {{"pay-fn": {{"version": "{version}"}}}}}}"#);
    std::fs::write(folder.path().join("map.json"), format!("{{{}, {}}}", map("1", 1), map("2", 2))).unwrap();
    let run = |line: &str, variables: &[(&str, &str)]| -> Answer {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        isolated(folder.path(), &arguments).envs(variables.iter().copied()).output().unwrap().into()
    };
    let rollout =
        "rollout --function pay-fn --service pay --baseline 1 --canary 2 --release-map map.json --waves waves.json";
    for line in [
        "tail --region us-esat-2",
        "tail --dry-run --region us-esat-2 --region us-east-2",
        "tail --lake us-esat-2=lake",
        "subscribe --region us-esat-2",
        "subscribe --apply --region us-west-2 --region us-esat-2",
        "doctor --region us-esat-2",
        "doctor --lake us-esat-2=lake",
        "backfill --group * --since 2h --until 1h --lake us-east-2=lake --region us-esat-2",
        "backfill --group * --since 2h --until 1h --lake us-esat-2=lake",
        &format!("{rollout} --dry-run"),
        &format!("{rollout} --state state.json"),
    ] {
        let answer = run(line, &[]);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{line}: {}", answer.stderr);
        for part in [
            "region `us-esat-2`: AWS has none of this name",
            "did you mean `us-east-2`?",
            "one that is newer than this program passes with TRANSECT_AWS_REGIONS=us-esat-2",
        ] {
            assert!(answer.stderr.contains(part), "{line}: {}", answer.stderr);
        }
    }
    assert!(!folder.path().join("state.json").exists());
    let line = "tail --dry-run --region us-esat-2";
    for (variables, code) in [
        ([("TRANSECT_AWS_REGIONS", "mars-1, us-esat-2")], 0),
        ([("TRANSECT_AWS_REGIONS", "mars-1")], 2),
        ([("AWS_ENDPOINT_URL", "http://127.0.0.1:9")], 0),
        ([("AWS_ENDPOINT_URL", "")], 2),
        ([("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")], 2),
    ] {
        let answer = run(line, &variables);
        assert_eq!(answer.code, code, "{variables:?}: {}{}", answer.stdout, answer.stderr);
    }
    // Buckets and directories are called as one likes.
    let answer = run("failed --lake us-esat-2=lake --region us-esat-2", &[]);
    assert_eq!(answer.code, 5, "{}", answer.stderr);
}

#[cfg(unix)]
#[test]
fn a_lake_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let lake = small_lake();
    let landing = lake.path().join("landing");
    std::fs::set_permissions(&landing, std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything, so for them there is nothing to see.
    let is_superuser = std::fs::read_dir(&landing).is_ok();
    let answer = run(&["sql", "--lake", text(lake.path()), "SELECT count(*) FROM telemetry"]);
    std::fs::set_permissions(&landing, std::fs::Permissions::from_mode(0o700)).unwrap();
    if !is_superuser {
        assert_eq!((answer.code, answer.stdout.as_str()), (3, ""));
        assert!(answer.stderr.contains("no permission to list"), "{}", answer.stderr);
    }
}

#[test]
fn mistakes_in_sql_show_the_place_and_the_nearest_name() {
    let lake = small_lake();
    let ask = |query: &str, sentence: &str| check(&["sql", "--lake", text(lake.path()), query], 2, sentence);
    ask("SELECT trase_id FROM telemetry", "SQL, line 1, column 8");
    ask("SELECT trase_id FROM telemetry", "did you mean `trace_id`?");
    ask("SELECT 1 FROM telemetri", "did you mean `telemetry`?");
    ask("SELEC 1", "SQL, line 1, column 1");
    ask("SELECT *\nFROM telemetry\nWHER 1", "line 3");
    ask("DROP TABLE telemetry", "is not a query");
    ask("SELECT 1/0", "ivide by zero");
    check(&["query", "--lake", text(lake.path()), "error-rate-by-relase"], 2, "error-rate-by-release");
    check(&["query", "--lake", text(lake.path()), "cold-starts", "--param", "servise=x"], 2, "did you mean `service`?");
    check(&["query", "--lake", text(lake.path()), "cold-starts", "--param", "limit=many"], 2, "is of kind integer");
}

#[test]
fn unreadable_files_are_named_and_the_others_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let good = std::fs::read(fixture("payloads/us-east-2/payments.json")).unwrap();
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zipped.write_all(&good).unwrap();
    let zipped = zipped.finish().unwrap();
    std::fs::write(path("good.json.gz"), &zipped).unwrap();
    std::fs::write(path("cut.json.gz"), &zipped[..zipped.len() / 2]).unwrap();
    std::fs::write(path("half.json"), [&good[..], b"{\"awslogs\":"].concat()).unwrap();
    std::fs::write(path("empty.json"), "").unwrap();
    let lake = path("lake");
    let nothing = path("empty");
    std::fs::create_dir(&nothing).unwrap();
    let files = ["cut.json.gz", "good.json.gz", "half.json", "empty.json", "missing.json"].map(path);
    let mut arguments =
        vec!["ingest", "--lake", text(&lake), "--region", "us-east-2", "--format", "json", text(&nothing)];
    arguments.extend(files.iter().map(|file| text(file)));
    let answer = run(&arguments);
    assert_eq!(answer.code, 3);
    for (name, sentence) in [
        ("cut.json.gz", "gzip stream is truncated"),
        ("half.json", "not JSON at byte"),
        ("empty.json", "the payload is empty"),
        ("missing.json", "No such file"),
        ("empty", "holds no file"),
    ] {
        let line = answer
            .stderr
            .lines()
            .find(|line| line.contains(sentence))
            .unwrap_or_else(|| panic!("{sentence}: {}", answer.stderr));
        assert!(line.contains(name), "{line}");
    }
    assert!(answer.stderr.contains("5 of 6 files were left out"), "{}", answer.stderr);
    let summary: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((&summary["files"], &summary["events"], &summary["rejected_files"]), (&1.into(), &6.into(), &5.into()));
    // Of the file whose second half is broken nothing is there.
    assert_eq!(
        rows(&["sql", "--lake", text(&lake), "SELECT count(*) AS n FROM telemetry WHERE event_id NOT LIKE '%/%'"])[0]["n"],
        6
    );
}

#[test]
fn the_region_must_be_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload.json");
    std::fs::copy(fixture("payloads/us-east-2/payments.json"), &file).unwrap();
    let lake = folder.path().join("lake");
    let answer = run(&["ingest", "--lake", text(&lake), text(&file)]);
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("name it with --region"), "{}", answer.stderr);
    assert_eq!(run(&["ingest", "--lake", text(&lake), "--region", "no/region", text(&file)]).code, 3);
    assert_eq!(
        run(&["ingest", "--lake", text(&lake), "--region", "us-east-2", "--region", "eu-west-2", text(&file)]).code,
        2
    );
    assert_eq!(run(&["ingest", "--lake", text(&lake), "--region", "us-east-2", text(&file)]).code, 0);
}

#[test]
fn a_payload_from_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let payload = std::fs::File::open(fixture("payloads/us-east-2/payments.json")).unwrap();
    let output = transect(&["ingest", "--lake", text(folder.path()), "--region", "us-east-2", "-"])
        .stdin(payload)
        .output()
        .unwrap();
    assert_eq!(Answer::from(output).stdout.split(" → ").next(), Some("1 files, 6 events"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let lake = small_lake();
    let many = "SELECT a.value, t.* FROM generate_series(1, 200000) AS a(value) CROSS JOIN telemetry AS t";
    for format in ["table", "json", "ndjson", "csv"] {
        let mut child = transect(&["sql", "--lake", text(lake.path()), "--format", format, many])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).ok();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn answers_in_every_format_and_into_a_file() {
    let lake = small_lake();
    let folder = tempfile::tempdir().unwrap();
    let query = "SELECT event_id, observed_time_unix_nano, body FROM telemetry ORDER BY event_id LIMIT 1";
    let ask = |format: &str| run(&["sql", "--lake", text(lake.path()), "--format", format, query]).stdout;
    let id = "01795250573001000000000007000000000000000000000000000037";
    assert_eq!(ask("csv"), format!("event_id,observed_time_unix_nano,body\n{id},1795250573001000000,\"\"\n"));
    assert_eq!(
        ask("ndjson"),
        format!("{{\"event_id\":\"{id}\",\"observed_time_unix_nano\":\"1795250573001000000\",\"body\":\"\"}}\n")
    );
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&ask("json")).unwrap(),
        serde_json::json!({"rows": [{"event_id": id, "observed_time_unix_nano": "1795250573001000000", "body": ""}], "complete": true, "missing_regions": []})
    );
    for name in ["a.json", "a.csv", "a.ndjson", "a.parquet"] {
        let path = folder.path().join(name);
        let answer = run(&["sql", "--lake", text(lake.path()), "--output", text(&path), query]);
        assert_eq!((answer.code, answer.stdout.as_str()), (0, ""), "{}", answer.stderr);
        let bytes = std::fs::read(&path).unwrap();
        match name {
            "a.parquet" => assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")),
            _ => assert_eq!(String::from_utf8(bytes).unwrap(), ask(&name[2..])),
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    // A question that fails leaves no file.
    let path = folder.path().join("failed.csv");
    assert_eq!(
        run(&["sql", "--lake", text(lake.path()), "--output", text(&path), "SELECT nothing FROM telemetry"]).code,
        2
    );
    assert_eq!(files_below(folder.path()).len(), 4);
}

#[test]
fn schema_and_completions_need_no_lake() {
    let columns: serde_json::Value = serde_json::from_str(&run(&["schema", "--format", "json"]).stdout).unwrap();
    let glue: serde_json::Value = serde_json::from_str(&run(&["schema", "--format", "glue"]).stdout).unwrap();
    assert_eq!(columns["columns"].as_array().unwrap().len(), glue.as_array().unwrap().len());
    let committed =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/generated/glue-columns.json"))
            .unwrap();
    assert_eq!(run(&["schema", "--format", "glue"]).stdout, committed);
    assert!(
        run(&["schema", "--format", "ddl", "--region", "eu-west-2"])
            .stdout
            .contains("'projection.region.values' = 'eu-west-2'")
    );
    assert_eq!(run(&["schema"]).stdout.lines().count(), columns["columns"].as_array().unwrap().len());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(&["completions", shell]).stdout.contains("TRANSECT_COMPLETE"), "{shell}");
    }
}

#[test]
fn the_reference_shows_the_columns_as_they_are() {
    let page = "docs/reference/columns.md";
    let reference = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
    let columns: serde_json::Value = serde_json::from_str(&run(&["schema", "--format", "json"]).stdout).unwrap();
    for column in columns["columns"].as_array().unwrap() {
        let required = if column["required"] == true { ", required" } else { "" };
        let row = format!(
            "| `{}` | {}{required} | {} |\n",
            column["name"].as_str().unwrap(),
            column["type"].as_str().unwrap(),
            column["doc"].as_str().unwrap()
        );
        assert!(reference.contains(&row), "{page} lacks the row\n{row}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, pages) = (folder.path().join("lake"), folder.path().join("pages"));
    std::fs::create_dir(&lake).unwrap();
    let payload = fixture("payloads/us-east-2/payments.json");
    let map = folder.path().join("map.json");
    std::fs::write(&map, "{}").unwrap();
    let record =
        ["releases", "record", "--service", "s", "--function", "f", "--function-version", "7", "--release", "1"];
    for (name, arguments) in [
        ("ingest", vec!["ingest", "--region", "us-east-2", text(&payload)]),
        ("releases record", [&record[..], &["--region", "us-east-2"]].concat()),
        ("releases import", vec!["releases", "import", text(&map)]),
        ("man", vec!["man", text(&pages)]),
    ] {
        let answer = run(&[&arguments[..], &["--lake", text(&lake), "--dry-run"]].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{arguments:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(&format!("`transect {name}` has no --dry-run")), "{}", answer.stderr);
    }
    assert_eq!((std::fs::read_dir(&lake).unwrap().count(), pages.exists()), (0, false));
}

#[test]
fn a_release_map_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, map) = (folder.path().join("lake"), folder.path().join("map.json"));
    std::fs::create_dir(&lake).unwrap();
    for (written, sentence) in [
        (r#"{"A":{"us-east-2":{"pay":{"version":"7"},"q q":{"version":"8"}}}}"#, "`q q` is not the name"),
        (r#"{"A":{"us-east-2":{"pay":{"version":"07"}}}}"#, "`07` is not a version"),
        (r#"{"A":{"us-east-2":{"pay":{"version":"7"}}},"A":{"us-east-2":{}}}"#, "`A` stands there twice"),
        (r#"{"A":{"us-east-2":{"pay":{"version":7}}},"B":{"us-east-2":{"pay":{"version":"7"}}}}"#, "is A and B"),
    ] {
        std::fs::write(&map, written).unwrap();
        let answer = run(&["releases", "import", text(&map), "--lake", text(&lake)]);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{written}: {}", answer.stderr);
        assert!(answer.stderr.contains(sentence), "{}", answer.stderr);
        assert_eq!(std::fs::read_dir(&lake).unwrap().count(), 0, "{written}");
    }
    std::fs::write(&map, "\u{feff}{\"A\":{\"us-east-2\":{\"pay\":{\"version\":7}}}}").unwrap();
    let answer = run(&["releases", "import", text(&map), "--lake", text(&lake)]);
    assert_eq!((answer.code, answer.stdout.as_str()), (0, "1 records written, 0 already there\n"), "{}", answer.stderr);
}

#[test]
fn what_a_payload_says_does_not_act_upon_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, file) = (folder.path().join("lake"), folder.path().join("a\u{202e}\nb.json"));
    std::fs::write(&file, r#"{"results":[],"status":"Run\u001b[2J"}"#).unwrap();
    let answer = run(&["ingest", "--lake", text(&lake), "--region", "us-east-2", text(&file)]);
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("a\\u{202e}\\nb.json: ") && answer.stderr.contains("Run\\u{1b}[2J"),
        "{}",
        answer.stderr
    );
    assert!(!answer.stderr.contains(['\u{1b}', '\u{202e}']), "{}", answer.stderr);
}

#[cfg(unix)]
#[test]
fn an_input_that_never_comes_does_not_keep_a_signal_waiting() {
    let folder = tempfile::tempdir().unwrap();
    for (signal, code) in [("-TERM", 143), ("-HUP", 129)] {
        let mut command = transect(&["ingest", "-", "--lake", text(folder.path()), "--region", "us-east-2"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // More than a pipe holds: when it is written, somebody reads.
        let mut input = child.stdin.take().unwrap();
        input.write_all(&vec![b' '; 1 << 20]).unwrap();
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let answer = child.wait_with_output().unwrap();
        drop(input);
        assert_eq!((answer.status.code(), answer.stdout.len()), (Some(code), 0), "{signal}");
    }
}
