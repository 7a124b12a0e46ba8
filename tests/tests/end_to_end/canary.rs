//! `transect canary --counts`: verdicts with their exit codes, as pipelines act on them.

use std::io::Write;

use serde_json::{Value, json};

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
    check("", &["--format", "csv"], "`transect canary` does not write csv");
    let missing = run(&["canary", "--counts", "/nonexistent.csv"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("counts /nonexistent.csv: open"), "{}", missing.stderr);
}
