//! How people ask, and where answers go: times and zones as they write them, names that are not there, pipes and links, and what
//! names out of logs can do.

use serde_json::{Value, json};

use crate::demo::lake;
use crate::*;

fn asked(arguments: &[&str], zone: Option<&str>) -> Answer {
    let lake = lake();
    let mut command = transect(&[arguments, &["--lake", text(&lake)]].concat());
    match zone {
        Some(zone) => command.env("TZ", zone),
        None => command.env_remove("TZ"),
    };
    command.output().unwrap().into()
}

#[test]
fn times_are_of_the_local_zone_and_a_wrong_one_is_told() {
    for (zone, offset) in
        [("America/New_York", "-05:00"), ("Asia/Kolkata", "+05:30"), ("EST5EDT", "-05:00"), ("UTC", "Z")]
    {
        let answer = asked(&["logs", "-n", "1"], Some(zone));
        let time = answer.stdout.split(' ').next().unwrap();
        assert!(time.ends_with(offset), "{zone}: {time}");
        assert!(!answer.stderr.contains("TZ="), "{}", answer.stderr);
        let utc = asked(&["logs", "-n", "1", "--utc"], Some(zone));
        let instant = |text: &str| text.split(' ').next().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!(instant(&utc.stdout), instant(&answer.stdout), "{zone}");
    }
    let answer = asked(&["logs", "-n", "1"], Some("Amercia/New_York"));
    assert!(answer.stdout.split(' ').next().unwrap().ends_with('Z'), "{}", answer.stdout);
    assert!(
        answer.stderr.contains("TZ=Amercia/New_York names no zone, and UTC is used; did you mean `America/New_York`?"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_time_without_a_zone_is_local_and_told() {
    let count = |since: &str, until: &str, zone: &str| {
        let sql = "SELECT count(*) AS n, min(timestamp) >= '2026-11-21T08:30:00Z' AS late FROM logs";
        let answer = asked(&["sql", "--format", "csv", "--since", since, "--until", until, sql], Some(zone));
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        (answer.stdout, answer.stderr)
    };
    let (stated, silent) = count("2026-11-21T08:30:00Z", "2026-11-21T09:00:00Z", "America/New_York");
    assert!(stated.ends_with(",true\n") && silent.is_empty(), "{stated}{silent}");
    let (local, told) = count("2026-11-21 03:30", "2026-11-21 04:00", "America/New_York");
    assert_eq!(local, stated);
    let taken = "--since 2026-11-21 03:30 is taken as 2026-11-21T03:30:00-05:00 (America/New_York)";
    assert!(told.contains(taken), "{told}");
    for (since, until) in [("1795249800", "1795251600000"), ("2026-11-21T08:30Z", "2026-11-21 09:00 UTC")] {
        assert_eq!(count(since, until, "Asia/Tokyo").0, stated, "{since}");
    }
    // The same day twice is that day.
    let sql = "SELECT count(*) > 1000 AS many FROM logs";
    let day = asked(&["sql", "--format", "csv", "--since", "2026-11-21", "--until", "2026-11-21", sql], Some("UTC"));
    assert_eq!((day.code, day.stdout.as_str()), (0, "many\ntrue\n"), "{}", day.stderr);
    let none = asked(&["sql", "--since", "2h", "--until", "2h", "SELECT 1"], None);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("the same moment"), "{}", none.stderr);
}

#[test]
fn names_that_are_not_there_are_told_with_the_nearest() {
    let check = |arguments: &[&str], code: i32, sentences: &[&str]| {
        let answer = asked(arguments, None);
        assert_eq!(answer.code, code, "{arguments:?}: {}", answer.stderr);
        for sentence in sentences {
            assert!(answer.stderr.contains(sentence), "{arguments:?}: {}", answer.stderr);
        }
    };
    let region =
        ["the lake has no region us-esat-2", "did you mean `us-east-2`? there are eu-west-2, us-east-2, us-west-2"];
    check(&["sql", "--region", "us-esat-2", "SELECT count(*) FROM logs"], 2, &region);
    check(&["logs", "--region", "us-esat-2"], 2, &region);
    check(&["trace", "ord-1", "--region", "us-esat-2"], 2, &region);
    check(&["releases", "--region", "us-esat-2"], 2, &region);
    let looked = "it was looked for in eu-west-2, us-east-2, us-west-2, at all times, in 12 files";
    check(&["logs", "--service", "paymnets"], 5, &["no service paymnets: did you mean `payments`? there are ", looked]);
    check(
        &["logs", "--release", "1.4.3"],
        5,
        &["no release 1.4.3: did you mean `1.4.1` or `1.4.2`? there are ", looked],
    );
    check(&["logs", "--group", "/aws/lamda/*"], 5, &["no log group /aws/lamda/*: "]);
    check(&["logs", "--level", "fatal"], 5, &["no level fatal or above: there are "]);
    check(
        &["logs", "no such words", "--until", "2026-11-22T00:00:00Z"],
        5,
        &["up to 2026-11-22T00:00:00Z", "widen --since"],
    );
    check(&["releases", "--service", "paymnets"], 5, &["no service paymnets: did you mean `payments`?"]);
    check(&["sql", "SELECT body FROM logs WHERE body = 'nobody says this'"], 0, &["no rows; ", looked]);
    let asked = |name: &'static str, param: &'static str| ["query", name, "--param", param];
    let nearest = ["no service paymnets: did you mean `payments`? there are ", "no rows; "];
    check(&asked("cold-starts", "service=paymnets"), 5, &nearest);
    check(&asked("memory-headroom", "function=nope"), 5, &["no function nope: there are "]);
    check(&asked("not-understood", "group=/aws/lamda/x"), 5, &["no log group /aws/lamda/x: "]);
    check(&asked("log-volume-by-group", "region=us-esat-2"), 2, &region);
    // A name that is there, of which there is nothing to tell, is an answer.
    check(&asked("duplicate-deliveries", "limit=1"), 0, &[]);
}

#[test]
fn a_parameter_has_bounds_and_they_are_told() {
    for (name, param, bounds) in [
        ("region-traffic", "minutes=0", "`minutes` is 1 to 525600, not `0`"),
        ("region-traffic", "minutes=99999999999", "`minutes` is 1 to 525600, not `99999999999`"),
        ("error-budget", "objective=101", "`objective` is 0 to 100, not `101`"),
        ("error-budget", "objective=-0.1", "`objective` is 0 to 100, not `-0.1`"),
        ("cold-starts", "limit=-1", "`limit` is 1 to 1000000, not `-1`"),
        ("cold-starts", "limit=many", "`limit` is of kind integer, not `many`"),
    ] {
        let answer = asked(&["query", name, "--param", param], None);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{param}: {}", answer.stderr);
        assert!(answer.stderr.contains(&format!("parameter {bounds}")), "{}", answer.stderr);
    }
    let answer = asked(&["query", "error-budget", "--param", "objective=100"], None);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
}

#[test]
fn what_an_output_is_called_is_its_format_or_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let written = |arguments: &[&str], name: &str| {
        let path = folder.path().join(name);
        let answer = asked(&[arguments, &["--output", text(&path)]].concat(), None);
        assert_eq!((answer.code, answer.stdout.as_str()), (0, ""), "{name}: {}", answer.stderr);
        (std::fs::read_to_string(path).unwrap(), answer.stderr)
    };
    let rows = ["sql", "SELECT 1 AS a"];
    for (name, expected) in [("a.CSV", "a\n1\n"), ("a.jsonl", "{\"a\":1}\n"), ("a.Json", "{\"rows\":[")] {
        let (found, said) = written(&rows, name);
        assert!(found.starts_with(expected) && said.is_empty(), "{name}: {found}{said}");
    }
    for (name, told) in [
        (
            "a.tsv",
            "transect: .tsv is no format of rows, and a table is written; --format knows json, ndjson, csv and parquet\n",
        ),
        ("a.txt", ""),
        ("a", ""),
    ] {
        assert_eq!(written(&rows, name), ("a\n1\n".to_owned(), told.to_owned()), "{name}");
    }
    // Answers that are no rows too, and the list of questions is rows to programs.
    for arguments in [&["schema"][..], &["query"]] {
        let (found, _) = written(arguments, "b.json");
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert!(found["columns"].is_array() || found["rows"][0]["name"] == "cold-starts", "{found}");
    }
    let list = asked(&["query", "--format", "csv"], None).stdout;
    assert!(list.starts_with("name,summary,help,parameters\ncold-starts,"), "{list}");
    assert!(list.contains("limit (integer 1 to 1000000, default 50): rows at most"), "{list}");
    assert!(
        asked(&["query"], None)
            .stdout
            .contains("--param minutes=…  length of a span (integer 1 to 525600, default 60)")
    );
}

/// `ulimit -f` is a disk that is full.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_is_told_by_the_name_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let program = transect(&[]).get_program().to_str().unwrap().to_owned();
    let lake = lake();
    let limited = |arguments: &str| -> Answer {
        let line = format!("ulimit -f 8; exec {program} {arguments}");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(folder.path()).env("XDG_CACHE_HOME", "/dev/null").stdin(Stdio::null());
        command.output().unwrap().into()
    };
    let asked = limited(&format!("sql 'SELECT * FROM logs' --output a.csv --lake {}", text(&lake)));
    assert_eq!(asked.code, 3, "{}", asked.stderr);
    assert_eq!(asked.stderr, "transect: write the answer: a.csv: File too large (os error 27)\n");
    let payloads = lake.join("payloads/us-east-2");
    let loaded = limited(&format!("ingest --lake l --region us-east-2 {}", text(&payloads)));
    assert_eq!(loaded.code, 3, "{}", loaded.stderr);
    let told = loaded.stderr.trim_end();
    assert!(
        told.starts_with("transect: cannot write to ")
            && told.contains("/hour=0")
            && told.ends_with(": File too large (os error 27)"),
        "{told}"
    );
    assert!(!told.contains(".ingest-") && told.matches("File too large").count() == 1, "{told}");
    assert!(files_below(folder.path()).is_empty(), "{:?}", files_below(folder.path()));
}

#[test]
fn saved_pages_are_loaded_once_each_and_lose_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let page = |name: &str, messages: &[&str]| {
        let event =
            |message: &&str| json!({"timestamp": 1_795_248_000_000_u64, "message": message, "ingestionTime": 1});
        let events: Vec<_> = messages.iter().map(event).collect();
        let path = folder.path().join(name);
        std::fs::write(
            &path,
            json!({"events": events, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}).to_string(),
        )
        .unwrap();
        path
    };
    let pages = [page("1.json", &["tick", "tick"]), page("2.json", &["tick"])];
    let lake = folder.path().join("lake");
    for already in ["3 events →", "3 events, 3 of them already there"] {
        let answer = run(&[
            "ingest",
            "--lake",
            text(&lake),
            "--region",
            "us-east-2",
            "--group",
            "g",
            text(&pages[0]),
            text(&pages[1]),
        ]);
        assert!(answer.stdout.contains(already), "{}{}", answer.stdout, answer.stderr);
        assert_eq!(rows(&["sql", "--lake", text(&lake), "SELECT count(*) AS n FROM logs"])[0]["n"], 3);
    }
}

#[cfg(unix)]
#[test]
fn an_answer_goes_through_pipes_and_links_and_replaces_files_alone() {
    use std::os::unix::fs::FileTypeExt;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let ask = |output: &Path| {
        let answer = asked(&["sql", "--format", "csv", "SELECT 1 AS a", "--output", text(output)], None);
        assert_eq!(answer.code, 0, "{}: {}", output.display(), answer.stderr);
        answer.stdout
    };
    // Standard output, by its names.
    for name in ["-", "/dev/stdout"] {
        assert_eq!(ask(Path::new(name)), "a\n1\n", "{name}");
    }
    std::fs::write(at("real"), "old\n").unwrap();
    std::os::unix::fs::symlink("real", at("link")).unwrap();
    std::os::unix::fs::symlink("new", at("dangling")).unwrap();
    for (name, target) in [("link", "real"), ("dangling", "new")] {
        assert_eq!(ask(&at(name)), "");
        assert!(at(name).is_symlink(), "{name}");
        assert_eq!(std::fs::read_to_string(at(target)).unwrap(), "a\n1\n", "{name}");
    }
    assert_eq!(ask(Path::new("/dev/null")), "");
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    if Command::new("mkfifo").arg(at("pipe")).status().is_ok_and(|status| status.success()) {
        let pipe = at("pipe");
        let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
        ask(&at("pipe"));
        assert_eq!(reader.join().unwrap(), "a\n1\n");
        assert!(std::fs::metadata(at("pipe")).unwrap().file_type().is_fifo());
    }
    let left: Vec<PathBuf> = files_below(folder.path());
    assert!(left.iter().all(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')), "{left:?}");
    assert_eq!(asked(&["sql", "SELECT 1", "--output", text(folder.path())], None).code, 3);
}

#[test]
fn a_file_of_an_editor_is_read_and_a_spreadsheet_gets_no_formulas() {
    let folder = tempfile::tempdir().unwrap();
    let sql = folder.path().join("q.sql");
    std::fs::write(&sql, "\u{feff}SELECT '=1+1' AS a, '' AS b, NULL AS c").unwrap();
    let ask = |further: &[&str]| asked(&[&["sql", "-f", text(&sql), "--format", "csv"], further].concat(), None).stdout;
    assert_eq!(ask(&[]), "a,b,c\n=1+1,\"\",\n");
    assert_eq!(ask(&["--csv-safe"]), "a,b,c\n\"'=1+1\",\"\",\n");
}

#[test]
fn names_out_of_logs_drive_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "pay\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{200b}";
    let line = json!({"level": "INFO", "service": evil, "service_version": "1", "message": "m", "function_request_id": "00000000-1111-2222-3333-444455556666"});
    let event = json!({"id": "1".repeat(56), "timestamp": 1_795_248_000_000_u64, "message": line.to_string()});
    let document = json!({
        "messageType": "DATA_MESSAGE", "owner": "210987654321", "logGroup": "/aws/lambda/pay", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": [event],
    });
    let (payload, lake) = (folder.path().join("p.json"), folder.path().join("lake"));
    std::fs::write(&payload, document.to_string()).unwrap();
    assert_eq!(run(&["ingest", "--lake", text(&lake), "--region", "us-east-2", text(&payload)]).code, 0);
    let range = ["--since", "2026-11-21T07:00:00Z", "--until", "2026-11-21T09:00:00Z", "--lake", text(&lake)];
    for arguments in [
        &["canary", "--service", "nope", "--baseline", "1", "--canary", "2"][..],
        &["canary", "--service", "nope", "--baseline", "1", "--canary", "2", "--format", "markdown"],
        &["canary", "--service", evil, "--baseline", "1", "--canary", "2"],
        &["logs", "--service", "nope"],
        &["logs", "--service", evil, "--release", "\u{1b}[2J"],
        &["logs"],
        &["releases"],
        &["trace", "\u{1b}]0;x\u{7}"],
        &["sql", "SELECT \u{1b}[2J"],
        &["\u{1b}]0;x\u{7}"],
    ] {
        let answer = run(&[arguments, &range[..]].concat());
        let said = format!("{}{}", answer.stdout, answer.stderr);
        assert!(!said.is_empty(), "{arguments:?}");
        let active = |letter: char| letter.is_control() && letter != '\n' || "\u{202e}\u{200b}".contains(letter);
        assert!(!said.contains(active), "{arguments:?}: {said:?}");
    }
}

/// As the forwarder, `backfill` and `redrive` do it: a lake holds no lines about its own making.
#[test]
fn what_a_forwarder_wrote_of_its_own_work_is_left_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let report = r#"{"_aws":{"Timestamp":1795248000000,"CloudWatchMetrics":[{"Namespace":"Transect/Forwarder","Dimensions":[[]],"Metrics":[{"Name":"Events"}]}]},"Events":1}"#;
    let platform = "END RequestId: 25919ce2-e3a9-44dd-9a72-9740a4bce392";
    let document = |name: &str, group: &str, messages: &[&str]| {
        let event = |(number, message): (usize, &&str)| json!({"id": format!("{name}{number:054}"), "timestamp": 1_795_248_000_000_u64, "message": message});
        let document = json!({
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group,
            "logStream": "2026/11/21/[7]0123456789abcdef0123456789abcdef", "subscriptionFilters": ["f"],
            "logEvents": messages.iter().enumerate().map(event).collect::<Vec<_>>(),
        });
        std::fs::write(at(name), document.to_string()).unwrap();
    };
    document("a", "/aws/lambda/blue-forwarder", &[report, platform, "somebody's line"]);
    // By the text of a line alone nothing vanishes.
    document("b", "/aws/lambda/pay", &[report, platform]);
    let (lake, a, b) = (at("lake"), at("a"), at("b"));
    let ingest = |more: &[&str]| {
        run(&[&["ingest", "--region", "us-east-2", "--lake", text(&lake), text(&a), text(&b)], more].concat())
    };
    let first = ingest(&["--format", "json"]);
    let told: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((first.code, &told["events"], &told["own_events"]), (0, &json!(5), &json!(2)), "{told}");
    let bodies = run(&[
        "sql",
        "--lake",
        text(&lake),
        "--format",
        "csv",
        "SELECT DISTINCT body FROM logs WHERE aws_log_group LIKE '%forwarder'",
    ]);
    assert_eq!(bodies.stdout, "body\nsomebody's line\n");
    let kept = run(&[
        "sql",
        "--lake",
        text(&lake),
        "--format",
        "csv",
        "SELECT count(DISTINCT event_id) > 1 AS n FROM telemetry WHERE faas_name = 'pay'",
    ]);
    assert_eq!(kept.stdout, "n\ntrue\n");
    let again = ingest(&["--force"]);
    assert!(
        again.stdout.ends_with("; 2 events are left out that a forwarder wrote of its own work\n"),
        "{}",
        again.stdout
    );
}

/// What begins like an option and has a blank in it is none.
#[test]
fn a_question_may_begin_with_a_comment() {
    let lake = lake();
    let ask = |arguments: &[&str]| run(&[arguments, &["--lake", text(&lake), "--format", "csv"]].concat());
    for question in ["-- how many\nSELECT 1 AS n", "--\tone\nSELECT 1 AS n", "--x = 1\nSELECT 1 AS n"] {
        let answer = ask(&["sql", question]);
        assert_eq!((answer.code, answer.stdout.as_str()), (0, "n\n1\n"), "{question}: {}", answer.stderr);
    }
    assert_eq!(ask(&["logs", "--no such text"]).code, 5);
    assert!(ask(&["sql", "--formt=a b", "SELECT 1"]).stderr.contains("unexpected argument '--formt'"));
    assert!(
        ask(&["sql", "-- c"]).stderr.contains("transect: "),
        "a comment alone is no question, and that is said by its reader"
    );
    assert!(ask(&["sql", "-- c", "SELECT 1"]).stderr.contains("unexpected argument '-- c'"));
}

/// From a log, a header or the address of a console.
#[test]
fn an_id_is_taken_as_people_paste_it() {
    let lake = lake();
    let rows = |sql: &str| {
        run(&["sql", "--lake", text(&lake), "--format", "csv", sql]).stdout.lines().nth(1).unwrap().to_owned()
    };
    let trace = rows("SELECT max(trace_id) FROM logs WHERE severity_number >= 17");
    let invocation = rows("SELECT max(faas_invocation_id) FROM logs");
    let plain = run(&["logs", "--lake", text(&lake), "--trace", &trace]).stdout;
    let (head, tail) = trace.split_at(8);
    for pasted in [
        format!("https://us-east-2.console.aws.amazon.com/xray/home?region=us-east-2#/traces/1-{head}-{tail}"),
        format!("uber-trace-id: {trace}:53995c3f42cd8ad8:0:1"),
        format!("\"trace_id\":\"{}\",", trace.to_uppercase()),
    ] {
        assert_eq!(run(&["logs", "--lake", text(&lake), "--trace", &pasted]).stdout, plain, "{pasted}");
        let followed = run(&["trace", "--lake", text(&lake), "--format", "json", &pasted]);
        let followed: Value = serde_json::from_str(&followed.stdout).unwrap();
        assert_eq!(followed["ids"]["trace_id"][0], json!(trace), "{pasted}");
    }
    let plain = run(&["logs", "--lake", text(&lake), "--invocation", &invocation]);
    assert_eq!(plain.code, 0);
    for pasted in
        [format!("@requestId = \"{invocation}\""), format!("{{{invocation}}}"), format!("urn:uuid:{invocation},")]
    {
        assert_eq!(run(&["logs", "--lake", text(&lake), "--invocation", &pasted]).stdout, plain.stdout, "{pasted}");
    }
}
