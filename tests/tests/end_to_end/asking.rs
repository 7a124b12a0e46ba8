//! How people ask, and where answers go: times and zones as they write them, names that are not there, pipes and links, and what
//! names out of logs can do.

use serde_json::json;

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
