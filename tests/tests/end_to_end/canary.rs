//! `transect canary`: verdicts with their exit codes, as pipelines act on them; from counts of one's own, and from the
//! sample's lake, whose truth is known.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::*;

const HEADER: &str = "region,window,n_a,x_a,n_b,x_b\n";

fn judge(counts: &str, further: &[&str]) -> Answer {
    let mut command = transect(&[&["canary", "--counts", "-"], further].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Arguments that are wrong are refused before the counts are read.
    let _ = child.stdin.take().unwrap().write_all(format!("{HEADER}{counts}").as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn each_verdict_has_its_exit_code() {
    for (counts, further, code, verdict) in [
        ("us,0,10000,100,10000,100\n", &[][..], 0, "PASS"),
        ("us,0,9000,0,1000,6\n", &[], 1, "FAIL"),
        ("us,0,10000,10,1000,5\n", &[], 4, "INCONCLUSIVE"),
        ("us,0,10000,10,1000,5\n", &["--on-inconclusive", "fail"], 1, "INCONCLUSIVE"),
        ("us,0,10000,10,1000,5\n", &["--on-inconclusive", "pass"], 0, "INCONCLUSIVE"),
        ("us,0,10000,10,0,0\n", &[], 5, "NO_DATA"),
        ("us,0,9000,1,1000,1\n", &["--weight", "50%"], 6, "INVALID"),
        ("us,0,10000,0,1000,0\n", &["--slo", "1%"], 0, "PASS"),
        // One after the other is no comparison, nor is one alone: that is passed by no policy.
        ("us,0,10000,10,0,0\nus,1,0,0,10000,900\n", &[], 4, "INCONCLUSIVE"),
        ("us,0,10000,10,0,0\nus,1,0,0,10000,9\n", &["--on-inconclusive", "pass"], 4, "INCONCLUSIVE"),
        ("us,0,0,0,100,100\n", &["--on-inconclusive", "pass"], 4, "INCONCLUSIVE"),
        ("us,0,0,0,1000,0\n", &["--on-inconclusive", "pass", "--slo", ".5%"], 0, "INCONCLUSIVE"),
        // A burst of one minute is worth little.
        ("us,0,9000,0,1000,60\n", &["--robust"], 4, "INCONCLUSIVE"),
        // What nobody has seen passes by no policy.
        (
            "us,0,10000,100,10000,100\n",
            &["--region", "us", "--region", "eu", "--on-inconclusive", "pass"],
            4,
            "INCONCLUSIVE",
        ),
        // A share that is off hides no failure.
        ("us,0,9000,36,3000,1200\n", &["--weight", "10%"], 1, "FAIL"),
    ] {
        let answer = judge(counts, &[further, &["--format", "json"]].concat());
        assert_eq!((answer.code, answer.stderr.as_str()), (code, ""), "{counts} {further:?}");
        let report: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!((&report["verdict"], &report["exit_code"]), (&json!(verdict), &json!(code)));
        let text = judge(counts, further);
        assert_eq!(text.code, code);
        assert!(text.stdout.starts_with(verdict), "{}", text.stdout);
    }
}

#[test]
fn an_evidence_too_large_for_a_double_is_null_and_its_logarithm_is_there() {
    let report: Value =
        serde_json::from_str(&judge("us,0,100000000,10000,100000000,100000\n", &["--format", "json"]).stdout).unwrap();
    assert_eq!(report["e_fail"], Value::Null);
    assert!(report["ln_e_fail"].as_f64().unwrap() > 10_000.0);
    assert_eq!(report["regions"][0]["roll_back"], true);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let check = |counts: &str, further: &[&str], sentence: &str| {
        let answer = judge(counts, further);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{}", answer.stderr);
        assert!(answer.stderr.contains(sentence), "{}", answer.stderr);
    };
    check("us,0,1,2,1,0\n", &[], "counts -: 2 failed of 1 units in region us, window 0");
    check("us,0,one,2,1,0\n", &[], "line 2: n_a is `one`, not a whole number");
    check("", &["--alpha", "2"], "--alpha 2: not a rate");
    check("", &["--margin", "0.5"], "--margin is 0.5: it must be above the tolerance");
    check("", &["--format", "parquet"], "`transect canary` does not write parquet");
    check("", &["--slow", "2s"], "--slow is about what a lake holds");
    let missing = run(&["canary", "--counts", "/nonexistent.csv"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("counts /nonexistent.csv: read"), "{}", missing.stderr);
    let folder = TempDir::new().unwrap();
    // A lake in which nothing lies.
    std::fs::create_dir(folder.path().join("landing")).unwrap();
    let refused = |arguments: &[&str], sentence: &str| {
        let answer = run(&[&["canary", "--lake", text(folder.path())], arguments].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{}", answer.stderr);
        assert!(answer.stderr.contains(sentence), "{}", answer.stderr);
    };
    refused(&[], "no --service");
    refused(&["--service", "a"], "no --canary");
    refused(&["--service", "a", "--canary", "2"], "no --baseline");
    refused(&["--service", "a", "--canary", "2", "--baseline", "2"], "--baseline and --canary are both 2");
    refused(&["--every", "1m"], "--watch");
    refused(&["--slow-slo", "1%"], "--slow-slo is a limit of how many are slow");
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "alpha = 0.01\nmin_request = 5\n").unwrap();
    refused(&["--policy", text(&policy)], "min_request");
    let known = ["--service", "a", "--canary", "2", "--baseline", "1"];
    refused(&[&known[..], &["--error", "nonsense > 3"]].concat(), "nonsense");
    refused(&[&known[..], &["--error", "random() > 0.5"]].concat(), "leave out what is random");
    let empty = run(&[&["canary", "--lake", text(folder.path())], &known[..]].concat());
    assert_eq!(empty.code, 5, "{}", empty.stderr);
}

#[test]
fn a_policy_file_says_what_flags_do_not() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "alpha = \"1%\"\nmargin = 3\nmin_requests = 7\non_inconclusive = \"fail\"\n").unwrap();
    let answer =
        judge("us,0,10000,10,1000,5\n", &["--policy", text(&policy), "--min-requests", "9", "--format", "json"]);
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    let policy = &report["policy"];
    assert_eq!(
        (&policy["alpha"], &policy["margin"], &policy["min_requests"], answer.code),
        (&json!(0.01), &json!(3.0), &json!(9), 1)
    );
}

#[test]
fn a_report_comes_in_the_forms_of_pipelines() {
    let counts = "a<b>&\"c\",0,9000,0,1000,6\n\"us\",0,9000,0,1000,0\n";
    let of = |format: &str| judge(counts, &["--service", "pay", "--canary", "2|`x`", "--format", format]);
    let junit = of("junit").stdout;
    assert!(junit.contains("<testsuite name=\"canary pay 2|`x` errors\" tests=\"3\" failures=\"2\""), "{junit}");
    assert!(junit.contains("name=\"a&lt;b&gt;&amp;&quot;c&quot;\"") && !junit.contains("<b>"), "{junit}");
    let markdown = of("markdown").stdout;
    assert!(markdown.starts_with("### ❌ FAIL `pay` `` 2|`x` ``\n"), "{markdown}");
    assert!(markdown.contains("**Roll back:** `a<b>&\"c\"`") && markdown.contains("| a&lt;b&gt;"), "{markdown}");
    let page = of("html").stdout;
    assert!(page.starts_with("<!") && page.contains("<title>FAIL pay 2|`x`</title>"), "{}", &page[..200]);
    assert!(!page.contains("a<b>"));
    // What is written as counts is read as counts.
    let again = judge(of("csv").stdout.strip_prefix(HEADER).unwrap(), &["--format", "json"]);
    assert_eq!(again.stdout, judge(counts, &["--format", "json"]).stdout);
}

#[test]
fn a_plan_says_how_many_requests_it_takes() {
    let plan = |further: &[&str]| {
        let fixed = ["canary", "plan", "--rate", ".1%", "--detect", ".5%", "--share", "10%", "--trials", "60"];
        run(&[&fixed, further].concat())
    };
    let answer = plan(&["--format", "json"]);
    let planned: Value = serde_json::from_str(&answer.stdout).unwrap();
    let half = planned["fails"]["half"]["canary_requests"].as_u64().unwrap();
    assert!((700..2000).contains(&half), "{planned}");
    assert_eq!(planned["fixed"]["canary_requests"], 2074);
    assert_eq!(answer.stdout, plan(&["--format", "json"]).stdout);
    assert!(plan(&[]).stdout.contains("2074 requests of the canary"));
    // With the traffic of a lake it is minutes, too.
    let lake = text(&sample().lake);
    let further = ["--service", "payments", "--lake", lake, "--since", SINCE, "--until", UNTIL, "--format", "json"];
    let planned: Value = serde_json::from_str(&plan(&further).stdout).unwrap();
    assert!(planned["fails"]["half"]["minutes"].as_u64().unwrap() > 0, "{planned}");
    assert_eq!(plan(&["--rate", "1%"]).code, 2);
}

/// The sample, large enough for its bad canary to be found out.
struct Sample {
    lake: PathBuf,
    truth: Value,
}

const SINCE: &str = "2026-11-21T08:00:00Z";
const UNTIL: &str = "2026-11-21T10:00:00Z";

fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let lake = once_a_run("canary", |folder| {
            let made = run(&["demo", "--quiet", "--invocations", "30000", "--dir", text(folder)]);
            assert_eq!(made.code, 0, "{}", made.stderr);
        });
        let truth = std::fs::read_to_string(lake.join("truth.json")).unwrap();
        Sample { lake, truth: serde_json::from_str(&truth).unwrap() }
    })
}

/// `transect canary` of payments over the whole sample, in the past.
fn of_sample(lake: &Path, further: &[&str]) -> Answer {
    let fixed = ["canary", "--lake", text(lake), "--service", "payments", "--since", SINCE, "--until", UNTIL];
    run(&[&fixed, further].concat())
}

fn report(lake: &Path, further: &[&str]) -> (i32, Value) {
    let answer = of_sample(lake, &[further, &["--format", "json"]].concat());
    (answer.code, serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr)))
}

fn regions(report: &Value) -> BTreeMap<&str, &Value> {
    report["regions"].as_array().unwrap().iter().map(|region| (region["region"].as_str().unwrap(), region)).collect()
}

const RELEASE: [&str; 4] = ["--baseline", "1.4.1", "--canary", "1.4.2"];
const BACK: [&str; 4] = ["--baseline", "1.4.2", "--canary", "1.4.1"];

#[test]
fn counts_are_the_truth() {
    let Sample { lake, truth, .. } = sample();
    // A canary's side is whole: from its own first unit on.
    for (releases, side) in [(RELEASE, "canary"), (BACK, "baseline")] {
        let (_, report) = report(lake, &[&releases[..], &["--unit", "invocation"]].concat());
        let found = regions(&report);
        for expected in truth["canary"]["regions"].as_array().unwrap() {
            let region = found[expected["region"].as_str().unwrap()];
            let expected = &expected[side];
            assert_eq!((&region["n_b"], &region["x_b"]), (&expected["invocations"], &expected["failed"]), "{region}");
        }
    }
}

#[test]
fn the_bad_canary_fails_where_it_is_bad() {
    let Sample { lake, truth, .. } = sample();
    let bad = truth["canary"]["worse_in_region"].as_str().unwrap();
    for further in [&[][..], &["--unit", "invocation"], &["--alpha", "0.01"]] {
        let (code, report) = report(lake, &[&RELEASE[..], further].concat());
        assert_eq!((code, &report["verdict"]), (1, &json!("FAIL")), "{}", report["reason"]);
        for (name, region) in regions(&report) {
            assert_eq!(region["roll_back"], name == bad, "{name}");
            assert_eq!(region["verdict"] == "FAIL", name == bad, "{name}");
        }
        assert_eq!(report["roll_back"], json!([bad]));
        let crossing = &report["first_crossing"];
        assert!(crossing["n_b"].as_u64().unwrap() < report["n_b"].as_u64().unwrap());
        assert!(crossing["window"].as_str().unwrap().starts_with("2026-11-21T0"));
    }
    // Where it is not bad, nothing fails, and what is open says what it takes.
    let elsewhere = ["--region", "us-west-2", "--region", "eu-west-2"];
    let (code, report) = report(lake, &[&RELEASE[..], &elsewhere].concat());
    assert!(code == 0 || code == 4 && report["needs"]["canary_requests"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(regions(&report).len(), 2);
}

#[test]
fn a_fix_of_a_broken_baseline_is_not_blocked_by_it() {
    let Sample { lake, truth, .. } = sample();
    let bad = truth["canary"]["worse_in_region"].as_str().unwrap();
    let (code, report) = report(lake, &[&BACK[..], &["--region", bad]].concat());
    assert_eq!((code, &report["verdict"]), (0, &json!("PASS")), "{}", report["reason"]);
}

#[test]
fn the_baseline_is_found() {
    let lake = &sample().lake;
    let (_, report) = report(lake, &["--baseline", "auto", "--canary", "1.4.2"]);
    assert_eq!(report["baseline"], "1.4.1");
    let unknown = of_sample(lake, &["--baseline", "auto", "--canary", "9.9.9"]);
    assert_eq!(unknown.code, 5);
    assert!(unknown.stderr.contains("there are 1.4.1, 1.4.2"), "{}", unknown.stderr);
    let nobody = run(&["canary", "--lake", text(lake), "--service", "pay", "--baseline", "1", "--canary", "2"]);
    assert_eq!(nobody.code, 5);
    assert!(nobody.stderr.contains("nothing was found of service pay"), "{}", nobody.stderr);
}

#[test]
fn duplicates_and_another_order_change_no_digit() {
    let folder = TempDir::new().unwrap();
    let (once, twice) = (folder.path().join("once"), folder.path().join("twice"));
    let made = run(&["demo", "--quiet", "--dir", text(&once)]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let mut payloads = files_below(&once.join("payloads"));
    payloads.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    for _ in 0..2 {
        payloads.reverse();
        let files: Vec<&str> = payloads.iter().map(|path| text(path)).collect();
        let options = ["ingest", "--quiet", "--force", "--row-group-rows", "700", "--lake", text(&twice)];
        let loaded = run(&[&options[..], &files].concat());
        assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    }
    for further in [&[][..], &["--unit", "invocation", "--slow", "300ms", "--robust"]] {
        let arguments = [&RELEASE[..], further].concat();
        assert_eq!(report(&once, &arguments), report(&twice, &arguments));
    }
}

/// A region of the sample in a folder of its own, as an argument of --lake.
fn region_of(lake: &Path, folder: &Path, name: &str) -> String {
    let part = format!("region={name}");
    let (from, to) = (lake.join("landing").join(&part), folder.join(name).join("landing").join(&part));
    for file in files_below(&from) {
        let to = to.join(file.strip_prefix(&from).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file, to).unwrap();
    }
    format!("{name}={}", text(&folder.join(name)))
}

#[test]
fn a_missing_region_never_passes() {
    let folder = TempDir::new().unwrap();
    let lake = &sample().lake;
    let here = ["us-west-2", "us-east-2"].map(|name| region_of(lake, folder.path(), name));
    let gone = format!("eu-west-2={}", text(&folder.path().join("nowhere")));
    let fixed = ["canary", "--service", "payments", "--since", SINCE, "--until", UNTIL, "--format", "json"];
    let lakes = ["--lake", &here[0], "--lake", &here[1], "--lake", &gone];
    // What would pass where it is known.
    let passing = [&fixed[..], &BACK, &["--lake", &here[1]]].concat();
    assert_eq!(run(&passing).code, 0);
    let answer = run(&[&fixed[..], &BACK, &lakes].concat());
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((answer.code, &report["complete"]), (4, &json!(false)), "{}", answer.stderr);
    assert_eq!(report["missing_regions"], json!(["eu-west-2"]));
    assert!(answer.stderr.contains("incomplete without eu-west-2"), "{}", answer.stderr);
    // What fails, fails.
    assert_eq!(run(&[&fixed[..], &RELEASE, &lakes].concat()).code, 1);
    let strict = run(&[&fixed[..], &BACK, &lakes, &["--strict"]].concat());
    assert_eq!((strict.code, strict.stdout.as_str()), (3, ""));
}

#[test]
fn a_region_that_was_missing_is_caught_up_with() {
    let folder = TempDir::new().unwrap();
    let lake = &sample().lake;
    let here = ["us-west-2", "eu-west-2"].map(|name| region_of(lake, folder.path(), name));
    let state = folder.path().join("state.json");
    let ask = |until: &str, further: &[&str]| {
        let fixed = ["canary", "--service", "payments", "--since", SINCE, "--until", until, "--format", "json"];
        // Nothing is decided by so little, and so all is counted.
        let policy = ["--min-requests", "1000000", "--lake", &here[0], "--lake", &here[1]];
        let answer = run(&[&fixed[..], &RELEASE, &policy, further].concat());
        serde_json::from_str::<Value>(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr))
    };
    let kept = ["--state", text(&state)];
    // One region is away at the second look, and back at the third.
    ask("2026-11-21T08:50:00Z", &kept);
    std::fs::rename(folder.path().join("us-west-2"), folder.path().join("away")).unwrap();
    let without = ask("2026-11-21T09:05:00Z", &kept);
    assert_eq!((&without["complete"], &without["missing_regions"]), (&json!(false), &json!(["us-west-2"])));
    std::fs::rename(folder.path().join("away"), folder.path().join("us-west-2")).unwrap();
    let back = ask("2026-11-21T09:20:00Z", &kept);
    let at_once = ask("2026-11-21T09:20:00Z", &[]);
    assert_eq!(back["complete"], true);
    let counts = |report: &Value| -> Vec<Value> {
        let of =
            |region: &&Value| json!([region["region"], region["n_a"], region["x_a"], region["n_b"], region["x_b"]]);
        regions(report).values().map(of).collect()
    };
    assert_eq!(counts(&back), counts(&at_once));
    assert_ne!(counts(&back), counts(&without));
}

#[test]
fn a_pipeline_asks_again_and_a_decision_stays() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let lake = &sample().lake;
    let ask = |until: &str, further: &[&str]| {
        let fixed = ["canary", "--lake", text(lake), "--service", "payments", "--since", SINCE, "--until", until];
        let state = ["--baseline", "auto", "--canary", "1.4.2", "--state", text(&state), "--format", "json"];
        let answer = run(&[&fixed[..], &state, further].concat());
        (answer.code, serde_json::from_str::<Value>(&answer.stdout).unwrap_or(json!(answer.stderr)))
    };
    let mut looks = Vec::new();
    for minute in (5..120).step_by(5) {
        let until = format!("2026-11-21T{:02}:{:02}:00Z", 8 + minute / 60, minute % 60);
        looks.push(ask(&until, &[]));
    }
    let decided = looks.iter().position(|(code, _)| *code == 1).unwrap();
    assert!(decided > 0 && looks[..decided].iter().all(|(code, _)| [4, 5].contains(code)));
    // What comes later changes nothing, and is not even read.
    assert!(looks[decided..].iter().all(|look| *look == looks[decided]));
    // The same as at once: what was counted by then, and where it was crossed.
    let last = looks[decided].1["windows"].as_array().unwrap().last().unwrap()["window"].as_str().unwrap().to_owned();
    let (_, at_once) = report(lake, &RELEASE);
    for key in ["window", "n_b", "x_b", "ln_evidence"] {
        assert_eq!(looks[decided].1["first_crossing"][key], at_once["first_crossing"][key], "{key}");
    }
    assert!(last.as_str() >= at_once["first_crossing"]["window"].as_str().unwrap());
    // Another question has another state.
    let (code, message) = ask(UNTIL, &["--alpha", "0.01"]);
    assert_eq!(code, 2);
    assert!(message.as_str().unwrap().contains("begun with alpha 0.05, and this asks with 0.01"), "{message}");
    std::fs::write(&state, "{}").unwrap();
    assert_eq!(ask(UNTIL, &[]).0, 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::remove_file(&state).unwrap();
        // A link stays one, and what it leads to is written.
        std::os::unix::fs::symlink("elsewhere.json", &state).unwrap();
        for _ in 0..2 {
            assert_eq!(ask(UNTIL, &[]).0, 1);
            assert!(std::fs::symlink_metadata(&state).unwrap().is_symlink());
        }
        let written = std::fs::metadata(folder.path().join("elsewhere.json")).unwrap();
        assert_eq!(written.permissions().mode() & 0o077, 0);
    }
}

#[test]
fn a_state_of_another_version_is_refused_and_counted_anew_where_that_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let old = json!({
        "transect_canary_state": 1, "asked": {}, "since_unix_nano": 1_795_248_000_000_000_000_i64, "looks": [30], "behind": {},
        "unreadable": [], "services": [], "decided": {"verdict": "PASS", "is_complete": true, "missing_regions": [], "warnings": []}
    });
    std::fs::write(&state, old.to_string()).unwrap();
    let lake = &sample().lake;
    let kept = ["--state", text(&state)];
    let refused = of_sample(lake, &[&RELEASE[..], &kept].concat());
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("it is of version 1") && refused.stderr.contains("--recount"),
        "{}",
        refused.stderr
    );
    // From where it began, whatever is asked now: 09:00, when half of the story is told.
    let fixed = [
        "canary",
        "--lake",
        text(lake),
        "--service",
        "payments",
        "--since",
        SINCE,
        "--until",
        UNTIL,
        "--format",
        "json",
    ];
    let recounted = run(&[&fixed[..], &RELEASE, &kept, &["--recount"]].concat());
    assert_eq!(recounted.code, 1, "{}", recounted.stderr);
    let report: Value = serde_json::from_str(&recounted.stdout).unwrap();
    assert!(report["windows"][0]["window"].as_str().unwrap() >= "2026-11-21T08:00:00Z", "{}", report["windows"][0]);
    // It is one of this version from now on.
    assert_eq!(of_sample(lake, &[&RELEASE[..], &kept].concat()).code, 1);
}

#[test]
fn a_failure_is_told_whether_it_can_be_kept_or_not() {
    let lake = &sample().lake;
    let nowhere = ["--state", "/no/such/folder/state.json"];
    let answer = of_sample(lake, &[&RELEASE[..], &nowhere].concat());
    assert_eq!(answer.code, 1);
    assert!(
        answer.stdout.starts_with("FAIL") && answer.stderr.contains("/no/such/folder/state.json"),
        "{}",
        answer.stderr
    );
    // What is undecided is not kept, and so not decided.
    assert_eq!(of_sample(lake, &[&RELEASE[..], &nowhere, &["--region", "us-west-2"]].concat()).code, 3);
}

#[test]
fn a_place_that_is_not_called_by_its_region_is_caught_up_with() {
    let folder = TempDir::new().unwrap();
    let lake = &sample().lake;
    let places: Vec<String> = ["us-west-2", "us-east-2"]
        .iter()
        .map(|name| region_of(lake, folder.path(), name).split_once('=').unwrap().1.to_owned())
        .collect();
    let state = folder.path().join("state.json");
    let ask = || {
        let fixed = ["canary", "--service", "payments", "--since", SINCE, "--until", UNTIL, "--format", "json"];
        let kept = ["--state", text(&state), "--lake", &places[0], "--lake", &places[1]];
        run(&[&fixed[..], &RELEASE, &kept].concat())
    };
    std::fs::rename(&places[1], folder.path().join("away")).unwrap();
    assert_eq!(ask().code, 4);
    std::fs::rename(folder.path().join("away"), &places[1]).unwrap();
    let back = ask();
    assert_eq!(back.code, 1, "{}{}", back.stdout, back.stderr);
    let report: Value = serde_json::from_str(&back.stdout).unwrap();
    assert_eq!(report["roll_back"], json!(["us-east-2"]));
}

#[test]
fn a_state_that_nobody_wrote_is_refused() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let lake = &sample().lake;
    let west = ["--region", "us-west-2", "--state", text(&state)];
    assert_eq!(of_sample(lake, &[&RELEASE[..], &west].concat()).code, 4);
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    for (pointer, value) in [
        ("/services", json!([])),
        ("/looks/0", json!(-5)),
        ("/looks/0", json!(i64::MAX)),
        ("/since_unix_nano", json!(i64::MAX)),
        ("/services/0/counted/0/minute", json!(-1)),
        ("/services/0/counted/0/canary", json!([1, 2, 0])),
        ("/services/0/counted/0/baseline", json!([u64::MAX, 0, 0])),
    ] {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(pointer).unwrap() = value;
        std::fs::write(&state, damaged.to_string()).unwrap();
        let answer = of_sample(lake, &[&RELEASE[..], &west].concat());
        assert_eq!(answer.code, 2, "{pointer}: {}{}", answer.stdout, answer.stderr);
        assert!(answer.stderr.contains("state.json"), "{pointer}: {}", answer.stderr);
    }
    // Empty or cut off, it can be counted anew.
    std::fs::write(&state, "").unwrap();
    assert_eq!(of_sample(lake, &[&RELEASE[..], &west].concat()).code, 2);
    assert_eq!(of_sample(lake, &[&RELEASE[..], &west, &["--recount"]].concat()).code, 4);
}

#[test]
fn what_comes_late_is_counted_again_and_told() {
    let folder = TempDir::new().unwrap();
    let here = region_of(&sample().lake, folder.path(), "us-east-2");
    let state = folder.path().join("state.json");
    let ask = |until: &str, further: &[&str]| {
        let fixed = [
            "canary",
            "--service",
            "payments",
            "--since",
            SINCE,
            "--until",
            until,
            "--lake",
            &here,
            "--format",
            "json",
        ];
        // Nothing is decided by so little, and so all is counted.
        let answer =
            run(&[&fixed[..], &RELEASE, &["--min-requests", "1000000", "--alpha", "1e-200"], further].concat());
        serde_json::from_str::<Value>(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr))
    };
    let kept = ["--state", text(&state)];
    // One delivery of the last hour comes after the first look.
    let of_hour = |path: &PathBuf| text(path).contains("hour=09");
    let late = files_below(&folder.path().join("us-east-2")).into_iter().find(of_hour).unwrap();
    std::fs::rename(&late, folder.path().join("late.parquet")).unwrap();
    let first = ask("2026-11-21T09:20:00Z", &kept);
    assert_eq!(first["late"], json!({"n_a": 0, "x_a": 0, "n_b": 0, "x_b": 0}));
    std::fs::rename(folder.path().join("late.parquet"), &late).unwrap();
    let second = ask("2026-11-21T09:21:00Z", &kept);
    let whole = ask("2026-11-21T09:20:00Z", &[]);
    // What was counted stays, and what came late is told to the unit, for a quarter of an hour.
    let windows = |report: &Value| -> Vec<Value> { report["windows"].as_array().unwrap().clone() };
    let name = |window: &Value| window["window"].as_str().unwrap().to_owned();
    let (first, second_windows) = (windows(&first), windows(&second));
    assert_eq!(first[..], second_windows[..first.len()]);
    let first: BTreeMap<String, &Value> = first.iter().map(|window| (name(window), window)).collect();
    for key in ["n_a", "x_a", "n_b", "x_b"] {
        let count = |window: Option<&&Value>| window.map_or(0, |window| window[key].as_u64().unwrap());
        // A minute may have lost some as well: what came late tells that a trace met both releases.
        let missing: u64 = windows(&whole)
            .iter()
            .filter(|window| name(window).as_str() >= "2026-11-21T09:05")
            .map(|window| count(Some(&window)).saturating_sub(count(first.get(&name(window)))))
            .sum();
        assert!(missing > 0 || key.starts_with('x'), "{key}");
        assert_eq!(second["late"][key], missing, "{key}");
    }
    let warnings = second["warnings"].to_string();
    assert!(warnings.contains("came after their minutes had been counted"), "{warnings}");
    // It is told at each look from then on.
    let third = ask("2026-11-21T09:25:00Z", &kept);
    assert_eq!(third["late"], second["late"]);
}

#[test]
fn nothing_passes_that_would_not_with_what_came_later_than_is_read_at_each_look() {
    let folder = TempDir::new().unwrap();
    let lakes = ["us-west-2", "us-east-2"].map(|name| region_of(&sample().lake, folder.path(), name));
    let state = folder.path().join("state.json");
    // What is good passes by a limit, and what is bad is found out.
    let ask = || {
        let fixed = ["canary", "--service", "payments", "--since", SINCE, "--until", UNTIL, "--format", "json"];
        let kept = ["--lake", &lakes[0], "--lake", &lakes[1], "--slo", "50%", "--state", text(&state)];
        let answer = run(&[&fixed[..], &RELEASE, &kept].concat());
        (answer.code, serde_json::from_str::<Value>(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr)))
    };
    // A file that cannot be read forbids a pass until it can.
    let broken = files_below(&folder.path().join("us-west-2")).pop().unwrap();
    let whole = std::fs::read(&broken).unwrap();
    let (there, away) = (folder.path().join("us-east-2/landing"), folder.path().join("us-east-2/away"));
    std::fs::rename(&there, &away).unwrap();
    for (bytes, expected) in [(&whole[..100], 4), (&whole[..100], 4), (&whole[..], 0), (&whole[..], 0)] {
        std::fs::write(&broken, bytes).unwrap();
        let (code, report) = ask();
        assert_eq!((code, &report["complete"], &report["hindered"]), (expected, &json!(code == 0), &json!(code != 0)));
        assert_eq!(report["warnings"].to_string().contains("nothing passes until it can be"), code != 0);
    }
    // Two hours of a region come after they were counted.
    std::fs::rename(&away, &there).unwrap();
    let (code, report) = ask();
    assert_eq!((code, &report["hindered"]), (4, &json!(true)), "{}", report["reason"]);
    assert!(report["late"]["x_b"].as_u64().unwrap() > 20, "{}", report["late"]);
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.starts_with("some failed requests are not counted, because they came too late"), "{reason}");
    assert_eq!(ask().0, 4);
}

#[test]
fn a_state_is_of_one_question() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let lakes = ["us-west-2", "eu-west-2"].map(|name| region_of(&sample().lake, folder.path(), name));
    let ask = |further: &[&str]| {
        let fixed = ["canary", "--service", "payments", "--until", UNTIL, "--state", text(&state), "--format", "json"];
        run(&[&fixed[..], &RELEASE, further].concat())
    };
    let usual = ["--lake", &lakes[0], "--since", SINCE];
    assert_eq!(ask(&usual).code, 4);
    // However it is written.
    let otherwise = ["--since", "2026-11-21T09:00:00+01:00", "--settle", "300s", "--lateness", "1d"];
    assert_eq!(ask(&[&["--lake", &format!("{}/", lakes[0])], &otherwise[..]].concat()).code, 4);
    let elsewhere = format!("us-west-2={}", text(&folder.path().join("eu-west-2")));
    for (further, sentence) in [
        (&["--lake", &elsewhere, "--since", SINCE][..], "another lake, which differs in us-west-2"),
        (&["--lake", &lakes[0], "--lake", &lakes[1], "--since", SINCE], "another lake, which differs in eu-west-2"),
        (
            &["--lake", lakes[0].split_once('=').unwrap().1, "--since", SINCE],
            "differs in a place without a region, us-west-2",
        ),
        (
            &["--lake", &lakes[0], "--since", "2026-11-21T08:30:00Z"],
            "since \"2026-11-21T08:00:00Z\", and this asks with \"2026-11-21T08:30:00Z\"",
        ),
        (&["--lake", &lakes[0]], "since \"2026-11-21T08:00:00Z\", and this asks with null"),
        (&[&usual[..], &["--service", "edge"]].concat(), "begun with service [\"payments\"]"),
        (&[&usual[..], &["--region", "us-west-2"]].concat(), "begun with region []"),
        (&[&usual[..], &["--settle", "6m"]].concat(), "begun with settle \"5m\", and this asks with \"6m\""),
        (&[&usual[..], &["--lateness", "25h"]].concat(), "begun with lateness \"24h\""),
        (&[&usual[..], &["--margin", "3"]].concat(), "begun with margin 2.0, and this asks with 3.0"),
        (&[&usual[..], &["--slow", "2s"]].concat(), "begun with slow null, and this asks with \"2s\""),
    ] {
        let answer = ask(further);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{further:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(sentence), "{sentence}: {}", answer.stderr);
        assert!(answer.stderr.contains("--recount") && answer.stderr.contains("another file"), "{}", answer.stderr);
        assert!(!answer.stderr.contains(&format!("{}=", text(folder.path()))), "{}", answer.stderr);
    }
    // What it is counted anew of is the new question, from where that begins.
    let further = ["--lake", &elsewhere, "--since", "2026-11-21T08:30:00Z", "--recount"];
    assert_eq!(ask(&further).code, 5);
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!(kept["since_unix_nano"], 1_795_249_800_000_000_000_i64);
    // No place is named in it.
    assert!(!kept.to_string().contains(text(folder.path())), "{}", kept["asked"]);
    // A question that is not written down is another one.
    let mut without = kept.clone();
    without["asked"].as_object_mut().unwrap().remove("lake");
    std::fs::write(&state, without.to_string()).unwrap();
    let answer = ask(&further[..4]);
    assert!(answer.code == 2 && answer.stderr.contains("begun with another lake"), "{}", answer.stderr);
    // Who asks for no other beginning counts anew from the state's.
    assert_eq!(ask(&["--lake", &lakes[0], "--recount"]).code, 4);
    let again: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!(again["since_unix_nano"], kept["since_unix_nano"]);
    assert_eq!(ask(&["--lake", &lakes[0], "--since", "2026-11-21T08:30:00Z"]).code, 4);
}

#[test]
fn a_clock_that_was_ahead_does_not_freeze_a_state() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let lake = &sample().lake;
    let west = ["--region", "us-west-2", "--state", text(&state)];
    // An end that is asked for in the future is no end.
    let fixed =
        ["canary", "--lake", text(lake), "--service", "payments", "--since", SINCE, "--until", "2099-01-01T00:00:00Z"];
    assert_eq!(run(&[&fixed[..], &RELEASE, &west].concat()).code, 4);
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let end = kept["since_unix_nano"].as_u64().unwrap() / 1_000_000_000 + 60 * kept["looks"][0].as_u64().unwrap();
    assert!(end <= now, "{end} {now}");
    assert_eq!(run(&[&fixed[..], &RELEASE, &west, &["--recount"]].concat()).code, 4);
}

#[test]
fn a_state_that_was_changed_is_refused() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let lake = &sample().lake;
    let ask = |further: &[&str]| of_sample(lake, &[&RELEASE[..], &["--state", text(&state)], further].concat());
    assert_eq!(ask(&[]).code, 1);
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    let cells = whole["services"][0]["counted"].as_array().unwrap();
    let none_failed: Vec<Value> = cells
        .iter()
        .cloned()
        .map(|mut cell| {
            cell["canary"][1] = json!(0);
            cell
        })
        .collect();
    let twice = [&cells[..], &cells[..1]].concat();
    let changed = "what it holds is not what was written";
    for (pointer, value, sentence) in [
        ("/services/0/counted", json!([]), changed),
        ("/services/0/counted", json!(none_failed), changed),
        ("/services/0/counted", json!(twice), "a minute was counted twice"),
        ("/services/0/counted/0/look", json!(7), "a minute lies outside of it"),
        ("/services/0/counted/0/minute", json!(5000), "a minute lies outside of it"),
        ("/services/0/traces/0/mixed", json!([1, 2]), "more traces failed than there were"),
        ("/services/0/canary", json!("1.4.3"), "it counts other releases than it was begun with"),
        ("/decided/verdict", json!("PASS"), "it keeps a decision that is never kept"),
        ("/behind", json!({"us-west-2": 100_000}), "a region waits for a minute outside of it"),
        ("/incomplete", json!([3]), "a look that was none lacked a region"),
        ("/asked", json!([]), "it was begun with"),
    ] {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(pointer).unwrap() = value;
        // With its digest it is not what was written, whatever it says.
        std::fs::write(&state, damaged.to_string()).unwrap();
        assert_eq!(ask(&[]).code, 2, "{pointer}");
        damaged.as_object_mut().unwrap().remove("digest");
        std::fs::write(&state, damaged.to_string()).unwrap();
        let answer = ask(&[]);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{pointer}: {}", answer.stderr);
        assert!(
            answer.stderr.contains(sentence) && answer.stderr.contains("--recount"),
            "{pointer}: {}",
            answer.stderr
        );
    }
    // A count that could be, and is not what was written.
    let mut changed = whole.clone();
    changed["services"][0]["counted"][0]["baseline"][0] = json!(99_999);
    std::fs::write(&state, changed.to_string()).unwrap();
    let answer = ask(&[]);
    assert!(answer.code == 2 && answer.stderr.contains("what it holds is not what was written"), "{}", answer.stderr);
    assert_eq!(ask(&["--recount"]).code, 1);
    // As it was written, and without its digest.
    for (digest, code) in [(Some(whole["digest"].clone()), 1), (Some(json!(null)), 2), (None, 2)] {
        let mut again = whole.clone();
        again.as_object_mut().unwrap().remove("digest");
        again.as_object_mut().unwrap().extend(digest.map(|digest| ("digest".to_owned(), digest)));
        std::fs::write(&state, again.to_string()).unwrap();
        assert_eq!(ask(&[]).code, code);
    }
}

/// The lake of two regions, of which the one with the bad canary is away; and where it is and belongs.
fn with_a_region_away(folder: &Path) -> (Vec<String>, PathBuf, PathBuf) {
    let lake = &sample().lake;
    let here = ["us-west-2", "us-east-2"].map(|name| region_of(lake, folder, name));
    let (there, away) = (folder.join("us-east-2"), folder.join("away"));
    std::fs::rename(&there, &away).unwrap();
    let fixed =
        ["canary", "--service", "payments", "--since", SINCE, "--until", UNTIL, "--lake", &here[0], "--lake", &here[1]];
    (fixed.map(str::to_owned).to_vec(), away, there)
}

/// A `transect canary --watch`, and what it has said after each look.
struct Watching {
    child: std::process::Child,
    said: std::io::Lines<std::io::BufReader<std::process::ChildStderr>>,
}

impl Watching {
    fn start(arguments: &[&str]) -> Watching {
        use std::io::BufRead;
        let mut command = transect(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
        Watching { child, said }
    }

    /// The line of progress that ends a look.
    fn next_look(&mut self) -> String {
        self.said.by_ref().map(Result::unwrap).find(|line| line.contains(" requests of the canary failed")).unwrap()
    }

    fn end(mut self) -> (Option<i32>, String) {
        self.said.by_ref().for_each(drop);
        let mut answer = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        (self.child.wait().unwrap().code(), answer)
    }
}

impl Drop for Watching {
    /// A test that fails leaves nobody watching.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn who_watches_sees_a_region_that_comes_back() {
    for is_kept in [false, true] {
        let folder = TempDir::new().unwrap();
        let (fixed, away, there) = with_a_region_away(folder.path());
        let state = folder.path().join("state.json");
        let kept: &[&str] = if is_kept { &["--state", text(&state)] } else { &[] };
        let fixed: Vec<&str> = fixed.iter().map(String::as_str).collect();
        let watch = ["--watch", "--every", "200ms", "--deadline", "10m"];
        let mut watching = Watching::start(&[&fixed[..], &RELEASE, &watch, kept].concat());
        // Two looks without it decide nothing; at one of those that follow it is there, and is worse.
        for _ in 0..2 {
            let line = watching.next_look();
            assert!(line.contains("INCONCLUSIVE"), "{line}");
        }
        std::fs::rename(&away, &there).unwrap();
        let (code, told) = watching.end();
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.starts_with("FAIL  payments 1.4.2 against 1.4.1") && told.contains("roll back: us-east-2\n"),
            "{told}"
        );
    }
}

#[test]
fn who_watches_is_told_when_it_is_decided_and_at_the_deadline() {
    let lake = &sample().lake;
    let watched = of_sample(lake, &[&RELEASE[..], &["--watch", "--every", "1h", "--deadline", "1h"]].concat());
    assert_eq!(watched.code, 1);
    assert!(watched.stdout.starts_with("FAIL"), "{}", watched.stdout);
    let open = ["--baseline", "1.4.1", "--canary", "9.9.9", "--watch", "--deadline", "0s"];
    assert_eq!(of_sample(lake, &open).code, 5);
    // A share that is off is looked at until the deadline: a failure might come.
    let off = of_sample(
        lake,
        &[&BACK[..], &["--weight", "3%", "--watch", "--every", "50ms", "--deadline", "300ms"]].concat(),
    );
    assert_eq!(off.code, 6, "{}", off.stdout);
    // A pass says nothing of a region with too few requests: where it was asked for, it is looked on.
    let passing = [&BACK[..], &["--region", "us-east-2", "--region", "us-west-2", "--min-requests", "3200"]].concat();
    let watch = ["--watch", "--every", "50ms", "--deadline"];
    let fixed = ["canary", "--lake", text(lake), "--service", "payments", "--since", SINCE, "--until", UNTIL];
    let mut watching = Watching::start(&[&fixed[..], &passing, &watch, &["10m"]].concat());
    assert!(watching.next_look().contains("  PASS  "));
    watching.child.kill().unwrap();
    watching.end();
    let few = of_sample(lake, &[&passing[..], &watch, &["0s"]].concat());
    assert!(few.code == 0 && few.stdout.contains("UNCOVERED"), "{}", few.stdout);
    let covered = of_sample(lake, &[&passing[..6], &watch, &["1h"]].concat());
    assert!(covered.code == 0 && !covered.stderr.contains("  PASS  "), "{}", covered.stderr);
}

#[cfg(unix)]
#[test]
fn who_stops_watching_between_two_looks_waits_no_longer() {
    for is_kept in [false, true] {
        let folder = TempDir::new().unwrap();
        let (fixed, ..) = with_a_region_away(folder.path());
        let state = folder.path().join("state.json");
        let kept: &[&str] = if is_kept { &["--state", text(&state)] } else { &[] };
        let fixed: Vec<&str> = fixed.iter().map(String::as_str).collect();
        let watch = ["--watch", "--every", "1h", "--deadline", "2h"];
        let mut watching = Watching::start(&[&fixed[..], &RELEASE, &watch, kept].concat());
        watching.next_look();
        let interrupted = std::process::Command::new("kill").args(["-INT", &watching.child.id().to_string()]).status();
        assert!(interrupted.unwrap().success());
        let (code, told) = watching.end();
        assert_eq!((code, told.as_str()), (Some(130), ""));
        // What was counted is kept.
        assert_eq!(state.exists(), is_kept);
    }
}

#[test]
fn latency_and_several_services_are_judged_together() {
    let lake = &sample().lake;
    let further = ["--slow", "2s", "--gate-mixed", "--service", "edge"];
    let (_, report) = report(lake, &[&RELEASE[..], &further].concat());
    let named: Vec<(&str, &str)> = report["comparisons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["service"].as_str().unwrap(), one["metric"].as_str().unwrap()))
        .collect();
    let metrics = ["errors", "latency", "mixed traces"];
    let expected: Vec<(&str, &str)> =
        ["payments", "edge"].iter().flat_map(|service| metrics.map(|metric| (*service, metric))).collect();
    assert_eq!(named, expected);
    assert!(report["mixed"]["mixed"]["n"].as_u64().unwrap() > 0, "{}", report["mixed"]);
    assert_eq!(report["policy"]["slow"], "2s");
    // Where nobody is slow, a limit of its own passes latency, and no other.
    let limit = ["--slow", "1h", "--slow-slo", "50%", "--region", "us-west-2"];
    let (_, limited) = self::report(lake, &[&RELEASE[..], &limit].concat());
    let latency = &limited["comparisons"][1];
    assert_eq!(
        (&latency["metric"], &latency["verdict"], &latency["x_b"]),
        (&json!("latency"), &json!("PASS"), &json!(0))
    );
    assert_eq!((&limited["policy"]["slo"], &limited["policy"]["slow_slo"]), (&Value::Null, &json!(0.5)));
    assert!(latency["reason"].as_str().unwrap().starts_with("the canary is slow less often than 50 %"), "{latency}");
    // What a failed record is can be said.
    let (_, none) = self::report(lake, &[&RELEASE[..], &["--error", "severity_number > 24"]].concat());
    assert_eq!((&none["x_a"], &none["x_b"]), (&json!(0), &json!(0)));
    let (_, none) = self::report(
        lake,
        &[&RELEASE[..], &["--error", "coalesce(severity_number, 0) > 24 or timestamp > now()"]].concat(),
    );
    assert_eq!((&none["x_a"], &none["x_b"]), (&json!(0), &json!(0)));
    // Another service that shifts meanwhile is named.
    let warnings = none["warnings"].to_string();
    assert!(warnings.contains("cart ran") && warnings.contains("can be each other's"), "{warnings}");
}
