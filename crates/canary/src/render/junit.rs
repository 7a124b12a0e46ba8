//! A report as JUnit XML, which build servers show beside their tests: a case for the verdict of each comparison, and one
//! for each region of it. A failure is a failure, what is not decided is skipped, and what cannot be judged is an error.

use std::fmt::Write;

use super::{Comparison, Told, not_worse, power};
use crate::verdict::{Metric, Policy, Region, RegionVerdict, Verdict};
use crate::words;

/// The document.
pub fn render_junit(told: &Told<'_>) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"transect canary\">\n".to_owned();
    for one in told.comparisons {
        suite(&mut out, one, told);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, one: &Comparison<'_>, told: &Told<'_>) {
    let report = one.report;
    let names = [Some("canary"), one.service, one.canary, Some(one.metric.name())];
    let name = escape(&names.into_iter().flatten().collect::<Vec<_>>().join(" "));
    let kinds: Vec<&str> = std::iter::once(kind(one.metric, report.verdict))
        .chain(report.regions.iter().map(|region| of_region(region.verdict)))
        .collect();
    let count = |kind: &str| kinds.iter().filter(|of| **of == kind).count();
    let missing = told.missing_regions.len();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        kinds.len() + missing,
        count("failure"),
        count("error") + missing,
        count("skipped")
    );
    case(
        out,
        &name,
        "verdict",
        kind(one.metric, report.verdict),
        &format!("{}: {}", report.verdict.name(), report.reason),
    );
    for region in &report.regions {
        case(out, &name, &region.region, of_region(region.verdict), &of_a_region(one.metric, region, told.policy));
    }
    for region in told.missing_regions {
        case(out, &name, region, "error", "the region did not answer");
    }
    out.push_str("  </testsuite>\n");
}

fn case(out: &mut String, class: &str, name: &str, kind: &str, message: &str) {
    let (name, message) = (escape(name), escape(message));
    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\">");
    let _ = match kind {
        "" => write!(out, "<system-out>{message}</system-out>"),
        "skipped" => write!(out, "<skipped message=\"{message}\"/>"),
        kind => write!(out, "<{kind} message=\"{message}\">{message}</{kind}>"),
    };
    out.push_str("</testcase>\n");
}

fn of_a_region(metric: Metric, region: &Region, policy: &Policy) -> String {
    format!(
        "{}: {}; evidence that it is worse {}, that it is {} {}{}",
        region.verdict.name(),
        words::rates(metric, &region.totals.counts),
        power(region.totals.ln_e_fail),
        not_worse(policy, false),
        power(region.totals.ln_e_pass),
        if region.roll_back { "; roll back" } else { "" }
    )
}

fn kind(metric: Metric, verdict: Verdict) -> &'static str {
    match verdict {
        // Traces that met both releases need not be there.
        Verdict::NoData if metric == Metric::Mixed => "skipped",
        Verdict::Pass => "",
        Verdict::Fail => "failure",
        Verdict::Inconclusive => "skipped",
        Verdict::Invalid | Verdict::NoData => "error",
    }
}

fn of_region(verdict: RegionVerdict) -> &'static str {
    match verdict {
        RegionVerdict::Pass => "",
        RegionVerdict::Fail => "failure",
        RegionVerdict::Inconclusive | RegionVerdict::Uncovered => "skipped",
    }
}

/// Text as XML holds it; what XML cannot hold is left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            letter if letter < ' ' || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => out.push(letter),
        }
    }
    out
}
