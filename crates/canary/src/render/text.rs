//! A report for people: the verdict first, then why, then the regions, then the fine print.

use std::fmt::Write;

use super::{Told, digits, interval, mixed_sentence, not_worse, percent, power};
use crate::counts::Cell;
use crate::described::Estimate;
use crate::verdict::{Policy, Region, Report};
use crate::words::times;

/// Blocks of a sparkline, from nothing to the decision line and beyond.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Windows of a sparkline.
const SPARKS_MAX: usize = 60;
/// Log groups that are named.
const GROUPS_MAX: usize = 8;

/// Text of several lines.
pub fn render_text(told: &Told<'_>) -> String {
    let mut out = String::new();
    let one = told.decisive();
    let who = [one.service, one.canary].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let against = one.baseline.map_or(String::new(), |baseline| format!(" against {baseline}"));
    let _ = writeln!(out, "{}{}{who}{against}", told.verdict.name(), if who.is_empty() { "" } else { "  " });
    let _ = writeln!(out, "{}.", told.reason());
    for region in told.missing_regions {
        let _ = writeln!(out, "{region} did not answer: it is not covered, and nothing passes without it.");
    }
    let _ = writeln!(out, "{}.", told.action());
    for sentence in told.faded().iter().chain(&told.drifts()) {
        let _ = writeln!(out, "{sentence}.");
    }
    for one in told.comparisons {
        out.push('\n');
        if told.comparisons.len() > 1 {
            let names = [one.service, Some(one.metric.name())].into_iter().flatten().collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "{names}: {}", one.report.verdict.name());
        }
        out.push_str(&table(one.report, told.policy));
        if one.report.windows.len() > 1 {
            let line = told.ln_fail_line();
            let _ = writeln!(
                out,
                "evidence over time  {}  (full: the line of {} at which it fails)",
                sparkline(one.report, line),
                power(line)
            );
        }
    }
    let roll_back = told.roll_back();
    if !roll_back.is_empty() {
        let _ = writeln!(out, "\nroll back: {}", roll_back.join(", "));
    }
    let mixed = told.mixed.and_then(mixed_sentence);
    for sentence in mixed.iter().chain(told.warnings) {
        let _ = writeln!(out, "\n{}.", sentence.trim_end_matches('.'));
    }
    if let Some(source) = one.source.filter(|source| !source.groups.is_empty()) {
        let (shown, left) = source.groups.split_at(source.groups.len().min(GROUPS_MAX));
        let further = if left.is_empty() { String::new() } else { format!(" and {} more", left.len()) };
        let _ = writeln!(out, "\nlog groups: {}{further}", shown.join(", "));
    }
    let (report, policy) = (one.report, told.policy);
    let _ = writeln!(
        out,
        "\nodds ratio {} at every look (risk {}); risk ratio {}, risk difference {} (Mantel-Haenszel, 95 %); \
         p {} at any look.\nFails at evidence {}, passes at {} in every region with {} requests of the canary or more; \
         tolerance {}, margin {}, in each region {}{}.",
        interval(&report.odds_ratio),
        policy.alpha,
        interval(&report.totals.risk_ratio),
        interval(&report.risk_difference),
        digits(report.p_always_valid),
        power(told.ln_fail_line()),
        power(-policy.beta.ln()),
        policy.min_requests,
        times(policy.tolerance),
        times(policy.margin),
        times(policy.margin_of_region()),
        if policy.robust { "; bets, so that no burst decides" } else { "" }
    );
    out
}

fn table(report: &Report, policy: &Policy) -> String {
    let not_worse = not_worse(policy, report.regions.len() > 1);
    let header = ["region", "baseline", "canary", "rate, 95 %", "risk ratio", "worse", &not_worse, "verdict"];
    let mut rows: Vec<[String; 8]> = vec![header.map(str::to_owned)];
    let failed = |x: u64, n: u64| format!("{x} of {n}");
    let row = |name: &str, counts: &Cell, rate: &Estimate, ratio: &Estimate, fail: f64, pass: f64, verdict: &str| {
        [
            name.to_owned(),
            failed(counts.x_a, counts.n_a),
            failed(counts.x_b, counts.n_b),
            percent(rate),
            interval(ratio),
            power(fail),
            power(pass),
            verdict.to_owned(),
        ]
    };
    for Region { region, totals, verdict, .. } in &report.regions {
        rows.push(row(
            region,
            &totals.counts,
            &totals.rate_b,
            &totals.risk_ratio,
            totals.ln_e_fail,
            totals.ln_e_pass,
            verdict.name(),
        ));
    }
    if report.regions.len() > 1 {
        let totals = &report.totals;
        let verdict = report.verdict.name();
        rows.push(row(
            "all",
            &totals.counts,
            &totals.rate_b,
            &totals.risk_ratio,
            totals.ln_e_fail,
            totals.ln_e_pass,
            verdict,
        ));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// The evidence for a failure over time: a block a window, or the highest of several.
fn sparkline(report: &Report, line: f64) -> String {
    let most = report.windows.iter().map(|window| window.ln_e_fail).collect::<Vec<_>>();
    let part = most.len().div_ceil(SPARKS_MAX);
    let spark = |windows: &[f64]| {
        let share = windows.iter().copied().fold(f64::NEG_INFINITY, f64::max) / line;
        SPARKS[((share * (SPARKS.len() - 1) as f64).floor().clamp(0.0, (SPARKS.len() - 1) as f64)) as usize]
    };
    most.chunks(part.max(1)).map(spark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Comparison, RecordSource};
    use crate::{Counts, Policy, judge};

    #[test]
    fn the_verdict_comes_first_and_no_digit_too_many() {
        let cell = |x_a, n_a, x_b, n_b| Cell { n_a, x_a, n_b, x_b };
        let counts = Counts::new([
            ("eu", 0, cell(2, 900, 1, 100)),
            ("us", 0, cell(1, 900, 9, 100)),
            ("us", 1, cell(0, 900, 7, 100)),
        ]);
        let policy = Policy::default();
        let windows = ["9:00".to_owned(), "9:01".to_owned()];
        let report = judge(&counts.unwrap(), &policy, false);
        let groups = (0..9).map(|number| format!("/aws/lambda/pay-{number}")).collect();
        let source = RecordSource { groups, ..RecordSource::default() };
        let comparison = Comparison {
            service: Some("pay"),
            canary: Some("2"),
            baseline: Some("1"),
            metric: crate::Metric::Errors,
            source: Some(&source),
            report: &report,
        };
        let text = render_text(&Told {
            verdict: report.verdict,
            exit_code: 1,
            policy: &policy,
            comparisons: &[comparison],
            is_complete: true,
            missing_regions: &[],
            windows: &windows,
            in_minutes: true,
            counted: None,
            mixed: None,
            gate_mixed: false,
            warnings: &[],
        });
        assert!(
            text.starts_with(
                "FAIL  pay 2 against 1\nthe canary fails more often than the baseline in us: side by side, 16 of 200 (8 %) of the canary's \
                 requests failed there, and 1 of 1,800 (0.056 %) of the baseline's.\nRoll the canary back in us.\n"
            ),
            "{text}"
        );
        assert!(text.contains("us      1 of 1800  16 of 200  8.00 % (4.98 to 12.6)"), "{text}");
        // What is worse, and not four times so, is no contradiction.
        assert!(text.contains("  worse    not 4x worse; all: 2x  verdict\n"), "{text}");
        assert!(text.contains("it fails)\n") && text.contains("the line of 10^1.3 at which"), "{text}");
        assert!(
            text.contains("\nFails at evidence 10^1.3, passes at 10^1.3 in every region with 100 requests"),
            "{text}"
        );
        let odd = Policy { margin: 1.3, ..policy };
        assert_eq!(not_worse(&odd, true), "not 1.69x worse; all: 1.3x");
        assert!(text.contains("roll back: us\n"), "{text}");
        assert!(text.contains("\nlog groups: /aws/lambda/pay-0, ") && text.contains("pay-7 and 1 more\n"), "{text}");
        assert_eq!(
            (digits(0.000_012_34), digits(123.4), digits(0.0123), digits(1e9)),
            ("1.23e-5".into(), "123".into(), "0.0123".into(), "1.00e9".into())
        );
    }
}
