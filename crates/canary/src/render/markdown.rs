//! A report as Markdown, short enough for a comment on a pull request. It refuses to let a name become markup.

use std::fmt::Write;

use super::{Told, digits, interval, mixed_sentence, not_worse, percent, power};
use crate::words::times;

/// The text.
pub fn render_markdown(told: &Told<'_>) -> String {
    let one = told.decisive();
    let mut out = String::new();
    let mark = match told.exit_code {
        0 => "✅",
        1 => "❌",
        _ => "⚠️",
    };
    let who: Vec<String> = [one.service, one.canary].into_iter().flatten().map(code).collect();
    let against = one.baseline.map_or(String::new(), |baseline| format!(" against {}", code(baseline)));
    let _ = writeln!(out, "### {mark} {} {}{against}\n", told.verdict.name(), who.join(" "));
    let _ = writeln!(out, "{}.\n", escape(&told.reason()));
    for region in told.missing_regions {
        let _ =
            writeln!(out, "**{} did not answer**: it is not covered, and nothing passes without it.\n", escape(region));
    }
    let _ = writeln!(out, "{}.\n", escape(&told.action()));
    for sentence in told.faded().iter().chain(&told.drifts()) {
        let _ = writeln!(out, "{}.\n", escape(sentence));
    }
    let roll_back = told.roll_back();
    if !roll_back.is_empty() {
        let names: Vec<String> = roll_back.into_iter().map(code).collect();
        let _ = writeln!(out, "**Roll back:** {}\n", names.join(", "));
    }
    for one in told.comparisons {
        if told.comparisons.len() > 1 {
            let name =
                [one.service, Some(one.metric.name())].into_iter().flatten().map(escape).collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "**{name}: {}**\n", one.report.verdict.name());
        }
        let bad = one.metric.bad();
        let _ = writeln!(
            out,
            "| region | baseline {bad} | canary {bad} | canary rate, 95 % | risk ratio | worse | {} | verdict |",
            not_worse(told.policy, false)
        );
        out.push_str("|---|--:|--:|--:|--:|--:|--:|---|\n");
        for region in &one.report.regions {
            let totals = &region.totals;
            let _ = writeln!(
                out,
                "| {} | {} of {} | {} of {} | {} | {} | {} | {} | {} |",
                escape(&region.region),
                totals.counts.x_a,
                totals.counts.n_a,
                totals.counts.x_b,
                totals.counts.n_b,
                percent(&totals.rate_b),
                interval(&totals.risk_ratio),
                power(totals.ln_e_fail),
                power(totals.ln_e_pass),
                region.verdict.name()
            );
        }
        out.push('\n');
    }
    if let Some(sentence) = told.mixed.and_then(mixed_sentence) {
        let _ = writeln!(out, "{}.\n", escape(&sentence));
    }
    for warning in told.warnings {
        let _ = writeln!(out, "> {}\n", escape(warning));
    }
    let policy = told.policy;
    let _ = writeln!(
        out,
        "<sub>Odds ratio {} at every look; p {} at any look; α {}, β {}, tolerance {}, margin {}, in each region {}, which takes {} requests of the canary.</sub>",
        interval(&one.report.odds_ratio),
        digits(one.report.p_always_valid),
        policy.alpha,
        policy.beta,
        times(policy.tolerance),
        times(policy.margin),
        times(policy.margin_of_region()),
        policy.min_requests
    );
    out
}

/// A name as it is, in a fence that is longer than any within it. It stands in sentences alone: in a table `|` would part cells.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // Without blanks a fence and a backtick of the name would be one.
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '@' | '~' => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_exactly() {
        for (name, expected) in [
            ("us-east-2", "`us-east-2`"),
            ("us|east", "`us|east`"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            ("a\nb", "`a b`"),
            ("", "``"),
        ] {
            assert_eq!(code(name), expected, "{name}");
        }
    }
}
