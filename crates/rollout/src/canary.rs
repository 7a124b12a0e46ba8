//! What a run of `transect canary --format json` says, by its exit code and its report together. It refuses to take
//! anything for a pass but exit code 0 with a report that says PASS and lacks nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::moment::Moment;
use crate::verdict::{JudgeError, Said, Verdict};

/// What the program exits with when it was asked wrongly.
const USAGE: i32 = 2;
/// What is counted at once.
const MINUTE_SECONDS: u64 = 60;

/// The parts of a report that count here.
#[derive(Deserialize)]
struct Report {
    verdict: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    complete: bool,
    /// Whether something was not seen, so that nothing may pass by policy either.
    #[serde(default)]
    hindered: bool,
    #[serde(default)]
    missing_regions: Vec<String>,
    #[serde(default)]
    regions: Vec<Region>,
    #[serde(default)]
    comparisons: Vec<Comparison>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    times: Times,
}

/// Which minutes were counted.
#[derive(Default, Deserialize)]
struct Times {
    #[serde(default)]
    windows: Vec<Window>,
    #[serde(default)]
    open_blocks: Vec<OpenBlock>,
}

#[derive(Deserialize)]
struct Window {
    window: String,
}

/// Minutes that were counted, and are not yet judged because they are to be pooled with what follows.
#[derive(Deserialize)]
struct OpenBlock {
    first: String,
}

impl Times {
    /// The end of the last minute in which anything was counted, of the region that lags most, or where the first open block
    /// begins.
    fn judged_until(&self, regions: &[Region]) -> Option<Moment> {
        let last = self.windows.iter().filter_map(|of| Moment::parse(&of.window)).max()?;
        let of_regions =
            regions.iter().filter_map(|of| Moment::parse(of.last.as_ref()?)).map(|last| last.after(MINUTE_SECONDS));
        let open = self.open_blocks.iter().filter_map(|block| Moment::parse(&block.first));
        open.chain(of_regions).chain([last.after(MINUTE_SECONDS)]).min()
    }
}

/// What was counted, and the evidence that the canary is worse.
#[derive(Default, Deserialize)]
struct Counts {
    #[serde(default)]
    n_a: u64,
    #[serde(default)]
    x_a: u64,
    #[serde(default)]
    n_b: u64,
    #[serde(default)]
    x_b: u64,
    #[serde(default)]
    ln_e_fail: f64,
}

impl Counts {
    /// Whether nothing of it speaks against the canary: there is no evidence, and it fails no more often than twice the
    /// baseline's rate.
    fn are_fine(&self) -> bool {
        let (a, b) = (self.x_a as f64 * self.n_b as f64, self.x_b as f64 * self.n_a as f64);
        self.ln_e_fail <= 0.0 && (self.x_b == 0 || self.n_a > 0 && b <= 2.0 * a)
    }
}

#[derive(Deserialize)]
struct Comparison {
    #[serde(default)]
    metric: String,
    #[serde(default)]
    regions: Vec<Region>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    times: Times,
}

#[derive(Deserialize)]
struct Region {
    region: String,
    #[serde(default)]
    n_b: u64,
    #[serde(default)]
    roll_back: bool,
    /// The last minute in which anything was counted here; an older program does not say it.
    #[serde(default)]
    last: Option<String>,
}

/// The verdict of a run: its exit code (none if it was killed), stdout, and stderr for the reason where there is no report.
pub fn read_canary(exit_code: Option<i32>, stdout: &str, stderr: &str) -> Result<Verdict, JudgeError> {
    // What went wrong stands in a line of its own, and what to do in those below.
    let told = stderr.lines().rfind(|line| line.starts_with("transect: ")).map(|line| &line["transect: ".len()..]);
    let last = || stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    let talk = told.or_else(last).unwrap_or("it said nothing");
    let Some(exit_code) = exit_code else {
        return Err(JudgeError::Unanswered(format!("transect canary was killed: {talk}")));
    };
    if exit_code == USAGE {
        return Err(JudgeError::Refused(talk.to_owned()));
    }
    let without =
        |what: &str| JudgeError::Unanswered(format!("transect canary ended with exit code {exit_code} {what}: {talk}"));
    let report: Report = serde_json::from_str(stdout).map_err(|_| without("and no report"))?;
    let said = Said::parse(&report.verdict).ok_or_else(|| without("and a verdict that nobody knows"))?;
    // A policy may map INCONCLUSIVE to another code for pipelines; what is done about it is decided here.
    let is_told = match said {
        Said::Pass => exit_code == 0,
        Said::Fail => exit_code == 1,
        Said::Inconclusive => matches!(exit_code, 0 | 1 | 4),
        Said::NoData => exit_code == 5,
        Said::Invalid => exit_code == 6,
    };
    if !is_told {
        return Err(without(&format!("and a report that says {}", said.name())));
    }
    // Each comparison of several lists its regions; a single one stands at the top.
    // Traces that met both releases are of no region.
    let of_regions = || report.comparisons.iter().filter(|one| one.metric != "mixed traces");
    let lists: Vec<&Vec<Region>> = match report.comparisons.is_empty() {
        true => vec![&report.regions],
        false => of_regions().map(|one| &one.regions).collect(),
    };
    let is_fine = match report.comparisons.is_empty() {
        true => report.counts.are_fine(),
        false => report.comparisons.iter().all(|one| one.counts.are_fine()),
    };
    let mut requests: BTreeMap<String, u64> = BTreeMap::new();
    let mut roll_back: Vec<String> = Vec::new();
    for row in lists.into_iter().flatten() {
        requests.entry(row.region.clone()).and_modify(|least| *least = row.n_b.min(*least)).or_insert(row.n_b);
        if said == Said::Fail && row.roll_back && !roll_back.contains(&row.region) {
            roll_back.push(row.region.clone());
        }
    }
    let is_partial = said == Said::Pass && (!report.complete || !report.missing_regions.is_empty());
    let (said, reason) = match is_partial {
        true => (
            Said::Inconclusive,
            format!("it passes by what could be read, and not everything could: {}", report.reason),
        ),
        false => (said, report.reason),
    };
    // Where several are judged, what one of them has not judged is not judged.
    let judged_until = match report.comparisons.is_empty() {
        true => report.times.judged_until(&report.regions),
        false => report.comparisons.iter().filter_map(|one| one.times.judged_until(&one.regions)).min(),
    };
    // A file that could not be read is as good as a region that did not answer.
    let mut missing_regions = report.missing_regions;
    if !report.complete && missing_regions.is_empty() && said != Said::Fail {
        missing_regions.push("a file".to_owned());
    }
    let is_hindered = report.complete && report.hindered;
    Ok(Verdict { said, reason, roll_back, missing_regions, requests, is_fine, is_hindered, judged_until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exit_code: Option<i32>, stdout: &str) -> Result<Said, JudgeError> {
        read_canary(exit_code, stdout, "reading\ntransect: no such lake\n").map(|verdict| verdict.said)
    }

    #[test]
    fn exit_code_and_report_must_say_the_same() {
        let report = |verdict: &str| format!("{{\"verdict\":\"{verdict}\",\"complete\":true}}");
        assert_eq!(check(Some(0), &report("PASS")), Ok(Said::Pass));
        assert_eq!(check(Some(1), &report("FAIL")), Ok(Said::Fail));
        assert_eq!(check(Some(5), &report("NO_DATA")), Ok(Said::NoData));
        assert_eq!(check(Some(6), &report("INVALID")), Ok(Said::Invalid));
        for mapped in [0, 1, 4] {
            assert_eq!(check(Some(mapped), &report("INCONCLUSIVE")), Ok(Said::Inconclusive));
        }
        for (code, verdict) in [(1, "PASS"), (0, "FAIL"), (3, "PASS"), (3, "INCONCLUSIVE"), (0, "SPLENDID")] {
            assert!(matches!(check(Some(code), &report(verdict)), Err(JudgeError::Unanswered(_))), "{code} {verdict}");
        }
    }

    #[test]
    fn nothing_is_no_pass() {
        for stdout in ["", "PASS", "{}", "[]", "null"] {
            assert!(matches!(check(Some(0), stdout), Err(JudgeError::Unanswered(_))), "{stdout}");
        }
        assert!(matches!(check(None, "{\"verdict\":\"PASS\",\"complete\":true}"), Err(JudgeError::Unanswered(_))));
        assert_eq!(check(Some(2), ""), Err(JudgeError::Refused("no such lake".to_owned())));
    }

    #[test]
    fn a_pass_that_lacks_something_is_none() {
        for partial in
            ["\"complete\":false", "\"complete\":true,\"missing_regions\":[\"eu-west-2\"]", "\"reason\":\"fine\""]
        {
            assert_eq!(
                check(Some(0), &format!("{{\"verdict\":\"PASS\",{partial}}}")),
                Ok(Said::Inconclusive),
                "{partial}"
            );
        }
    }

    #[test]
    fn what_speaks_against_a_canary_is_heard() {
        let fine = |counts: &str| {
            let report = format!("{{\"verdict\":\"INCONCLUSIVE\",\"complete\":true,{counts}}}");
            read_canary(Some(4), &report, "").unwrap().is_fine
        };
        assert!(fine("\"n_a\":900,\"x_a\":9,\"n_b\":100,\"x_b\":2,\"ln_e_fail\":-0.1"));
        assert!(fine("\"n_a\":0,\"x_a\":0,\"n_b\":7,\"x_b\":0"));
        // Two of two, evidence short of a failure, and nothing beside it.
        assert!(!fine("\"n_a\":18,\"x_a\":0,\"n_b\":2,\"x_b\":2,\"ln_e_fail\":0"));
        assert!(!fine("\"n_a\":900,\"x_a\":9,\"n_b\":100,\"x_b\":1,\"ln_e_fail\":0.5"));
        assert!(!fine("\"n_a\":0,\"x_a\":0,\"n_b\":7,\"x_b\":1"));
        // What could not be read is missing, and what else was not seen hinders.
        for (seen, expected) in [
            ("\"complete\":false,\"hindered\":true", (1, false)),
            ("\"complete\":true,\"hindered\":true", (0, true)),
            ("\"complete\":true", (0, false)),
        ] {
            let report = format!("{{\"verdict\":\"INCONCLUSIVE\",{seen}}}");
            let verdict = read_canary(Some(4), &report, "").unwrap();
            assert_eq!((verdict.missing_regions.len(), verdict.is_hindered), expected, "{seen}");
        }
    }

    #[test]
    fn what_was_judged_ends_with_the_last_minute_or_where_a_block_is_open() {
        let until = |times: &str| {
            let report = format!("{{\"verdict\":\"PASS\",\"complete\":true,{times}}}");
            read_canary(Some(0), &report, "").unwrap().judged_until.map(|until| until.to_string())
        };
        let windows =
            |last: &str| format!("\"windows\":[{{\"window\":\"2026-11-24T06:03:00Z\"}},{{\"window\":\"{last}\"}}]");
        let open = |first: &str| format!("\"open_blocks\":[{{\"first\":\"{first}\"}}]");
        let at = |time: &str| Some(format!("2026-11-24T{time}:00Z"));
        let last = windows("2026-11-24T06:34:00Z");
        assert_eq!(until("\"windows\":[]"), None);
        assert_eq!(until(&last), at("06:35"));
        // A region that was caught up with is not the last one.
        assert_eq!(until(&windows("2026-11-24T05:59:00Z")), at("06:04"));
        assert_eq!(until(&format!("{last},{}", open("2026-11-24T06:31:00Z"))), at("06:31"));
        // The first that has not judged it counts.
        let several =
            [&last, &windows("2026-11-24T06:20:00Z")].map(|times| format!("{{\"metric\":\"errors\",{times}}}"));
        assert_eq!(until(&format!("{last},\"comparisons\":[{}]", several.join(","))), at("06:21"));
        // Of several regions the one that lags most; one of which nothing was counted, or that does not say it, is none.
        let regions = |last: &str| {
            format!(
                "{last},\"regions\":[{{\"region\":\"a\",\"last\":\"2026-11-24T06:34:00Z\"}},{{\"region\":\"b\",\"last\":\"2026-11-24T06:28:00Z\"}},{{\"region\":\"c\",\"last\":null}},{{\"region\":\"d\"}}]"
            )
        };
        assert_eq!(until(&regions(&last)), at("06:29"));
        // What is no time of a minute is none.
        assert_eq!(until("\"windows\":[{\"window\":\"-\"}]"), None);
    }

    #[test]
    fn regions_are_those_of_all_comparisons() {
        let stdout = r#"{"verdict":"FAIL","reason":"worse","complete":true,
            "regions":[{"region":"us-east-2","n_b":900,"roll_back":false}],
            "comparisons":[
                {"regions":[{"region":"us-east-2","n_b":900,"roll_back":false},{"region":"eu-west-2","n_b":70,"roll_back":true}]},
                {"regions":[{"region":"us-east-2","n_b":300,"roll_back":false},{"region":"eu-west-2","n_b":80,"roll_back":true}]}]}"#;
        let verdict = read_canary(Some(1), stdout, "").unwrap();
        assert_eq!(verdict.roll_back, ["eu-west-2"]);
        assert_eq!(verdict.requests, BTreeMap::from([("us-east-2".to_owned(), 300), ("eu-west-2".to_owned(), 70)]));
    }
}
