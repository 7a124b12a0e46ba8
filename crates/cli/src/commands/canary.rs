//! `transect canary`: a verdict by counts, of a lake or of one's own, and its exit code. It refuses to know how it is
//! reached; that is `transect-canary`'s, and counting is `transect-query`'s.

mod counting;
mod plan;
mod policy;
mod state;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use transect_canary::{
    Comparison, Counts, History, Hypothesis, Looks, Metric, Mixed, Policy, RecordSource, RegionVerdict, Report, Told,
    Verdict, decisive, judge, judge_all, parse_csv, render_csv, render_html, render_json, render_junit,
    render_markdown, render_text,
};

use transect_query::{TableStyle, write_csv_text};

use self::counting::Counting;
use self::policy::Asked;
pub use self::policy::settle_of;
pub use self::state::fingerprint;
use self::state::{Look, Series, Worst};
use crate::arguments::{Canary, CanaryCommand, FormatName, Global, OnInconclusive};
use crate::failure::{Failure, USAGE};
use crate::signals::Attention;
use crate::{inputs, output};

/// A year of minutes in ten regions is a fifth of it.
const COUNTS_BYTES_MAX: u64 = 1 << 30;

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Html,
    Junit,
    Markdown,
    Csv,
}

pub fn run(own: &Canary, global: &Global) -> Result<(), Failure> {
    if let Some(CanaryCommand::Plan(plan)) = &own.command {
        return plan::run(plan, global);
    }
    let form = form(global)?;
    let asked = Asked::of(own)?;
    match &own.counts {
        Some(path) => of_counts(path, own, &asked, form, global),
        None => of_lake(own, &asked, form, global),
    }
}

fn form(global: &Global) -> Result<Form, Failure> {
    let ending = output::ending(global);
    Ok(match (global.format, ending.as_deref()) {
        (Some(FormatName::Table), _) => Form::Text,
        (Some(FormatName::Json), _) | (None, Some("json")) => Form::Json,
        (Some(FormatName::Html), _) | (None, Some("html")) => Form::Html,
        (Some(FormatName::Junit), _) | (None, Some("xml")) => Form::Junit,
        (Some(FormatName::Markdown), _) | (None, Some("md")) => Form::Markdown,
        (Some(FormatName::Csv), _) | (None, Some("csv")) => Form::Csv,
        (None, _) => Form::Text,
        (Some(other), _) => {
            return Err(Failure::usage(
                format!("`transect canary` does not write {}", other.name()),
                "it writes table, json, html, junit or markdown, and its counts as csv",
            ));
        }
    })
}

/// What is said, before it is written.
struct Answer<'a> {
    verdict: Verdict,
    policy: &'a Policy,
    comparisons: &'a [Comparison<'a>],
    missing_regions: &'a [String],
    is_complete: bool,
    windows: &'a [String],
    counting: Option<&'a Counting>,
    mixed: Option<&'a Mixed>,
    warnings: &'a [String],
    /// Of the first comparison.
    counts: &'a Counts,
}

/// Writes a report and ends with the code of its verdict.
fn say(answer: &Answer<'_>, asked: &Asked, form: Form, global: &Global) -> Result<(), Failure> {
    let mut told = Told {
        verdict: answer.verdict,
        exit_code: answer.verdict.exit_code(),
        policy: answer.policy,
        comparisons: answer.comparisons,
        is_complete: answer.is_complete,
        missing_regions: answer.missing_regions,
        windows: answer.windows,
        in_minutes: answer.counting.is_some(),
        counted: answer.counting.map(|counting| &counting.counted),
        mixed: answer.mixed,
        gate_mixed: asked.gate_mixed,
        warnings: answer.warnings,
    };
    told.exit_code = match (answer.verdict, asked.on_inconclusive) {
        (Verdict::Inconclusive, Some(OnInconclusive::Fail)) => Verdict::Fail.exit_code(),
        // What could not be seen is not undecided.
        (Verdict::Inconclusive, Some(OnInconclusive::Pass)) if !told.is_hindered() => Verdict::Pass.exit_code(),
        _ => told.exit_code,
    };
    if form == Form::Html && global.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::usage("a page is not for a terminal", "name a file with --output canary.html"));
    }
    let text = match form {
        Form::Text => render_text(&told),
        Form::Json => render_json(&told),
        Form::Html => render_html(&told),
        Form::Junit => render_junit(&told),
        Form::Markdown => render_markdown(&told),
        Form::Csv => without_formulas(render_csv(answer.counts, answer.windows), global)?,
    };
    let printed = match form {
        Form::Json => output::print_json(global, &text),
        Form::Html | Form::Junit | Form::Csv => output::print_data(global, &text),
        Form::Text | Form::Markdown => output::print(global, &text),
    };
    match printed {
        // Whoever closed the pipe still acts on the code.
        Ok(()) | Err(Failure::ClosedPipe) => {}
        // Whoever acts on a failure need not have read it.
        Err(failure) if told.exit_code == Verdict::Fail.exit_code() => drop(failure.report()),
        Err(failure) => return Err(failure),
    }
    match told.exit_code {
        0 => Ok(()),
        code => Err(Failure::Verdict(code)),
    }
}

/// Counts as CSV in which no name is a formula, where that is asked for.
fn without_formulas(csv: String, global: &Global) -> Result<String, Failure> {
    if !global.csv_safe {
        return Ok(csv);
    }
    let mut safe = String::new();
    for row in csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes()).records() {
        let row = row.map_err(internal)?;
        for (place, cell) in row.iter().enumerate() {
            if place > 0 {
                safe.push(',');
            }
            write_csv_text(&mut safe, cell, TableStyle { csv_safe: true, ..TableStyle::default() });
        }
        safe.push('\n');
    }
    Ok(safe)
}

fn of_counts(path: &std::path::Path, own: &Canary, asked: &Asked, form: Form, global: &Global) -> Result<(), Failure> {
    for (is_there, name) in [
        (asked.error.is_some(), "--error"),
        (asked.slow.is_some(), "--slow"),
        (asked.unit.is_some(), "--unit"),
        (asked.release_map.is_some(), "--release-map"),
        (asked.exclude_first.is_some(), "--exclude-first"),
        (asked.settle.is_some(), "--settle"),
        (asked.gate_mixed, "--gate-mixed"),
        (own.waiting.state.is_some(), "--state"),
        (own.waiting.watch, "--watch"),
        (own.waiting.recount, "--recount"),
        (asked.services.len() > 1, "more than one --service"),
    ] {
        if is_there {
            return Err(Failure::usage(
                format!("{name} is about what a lake holds, and --counts brings counts"),
                "leave one of them out",
            ));
        }
    }
    let refuse = |error: anyhow::Error| Failure::Because {
        code: USAGE,
        error: error.context(format!("counts {}", path.display())),
        hint: Some("the first line is region,window,n_a,x_a,n_b,x_b, and each further one a region and window".into()),
    };
    let text = inputs::read_written(path, COUNTS_BYTES_MAX).context("read").map_err(refuse)?;
    let (counts, windows) = parse_csv(text.as_slice()).map_err(|error| refuse(error.into()))?;
    let counts = counts.only(&global.region);
    let report = judge(&counts, &asked.policy, false);
    let comparison = Comparison {
        service: asked.services.first().map(String::as_str),
        baseline: asked.baseline.as_deref(),
        canary: asked.canary.as_deref(),
        metric: Metric::Errors,
        source: None,
        report: &report,
    };
    let answer = Answer {
        verdict: report.verdict,
        policy: &asked.policy,
        comparisons: &[comparison],
        missing_regions: &[],
        is_complete: true,
        windows: &windows,
        counting: None,
        mixed: None,
        warnings: &[],
        counts: &counts,
    };
    say(&answer, asked, form, global)
}

fn of_lake(own: &Canary, asked: &Asked, form: Form, global: &Global) -> Result<(), Failure> {
    let counting = Counting::of(asked, global)?;
    let mut series = Series::open(own.waiting.state.as_deref(), own.waiting.recount, &counting)?;
    if global.dry_run {
        return counting.dry_run(&series, global);
    }
    let watch = own.waiting.watch.then(|| asked.waiting()).transpose()?;
    // A signal between two looks, or while what was counted is saved, ends the watch at the next step.
    let _attention = Attention::new();
    let began = std::time::Instant::now();
    loop {
        let outcome = look(&counting, &mut series, asked, global);
        let wait = match (&watch, &outcome) {
            (None, _) => None,
            (Some(_), Ok(judged)) if judged.is_decided(&global.region) => None,
            // A lake that does not answer may do so at the next look; what is wrong with the question stays wrong.
            (Some(_), Err(Failure::Because { code, .. })) if *code == USAGE => None,
            (Some(_), Err(Failure::Interrupted)) => None,
            (Some((every, deadline)), _) => deadline.checked_sub(began.elapsed()).map(|left| left.min(*every)),
        };
        match (wait.filter(|wait| !wait.is_zero()), outcome) {
            (Some(wait), outcome) => {
                match outcome {
                    Ok(judged) => judged.say_progress(global),
                    Err(failure) => drop(failure.report()),
                }
                sleep(wait)?;
            }
            (None, outcome) => return outcome?.say(asked, &counting, form, global),
        }
    }
}

/// Waits between two looks. The timer is made within the runtime: outside of one it panics.
fn sleep(wait: Duration) -> Result<(), Failure> {
    output::block_on(None, async move { tokio::time::sleep(wait).await })
}

/// Service, baseline, canary, metric, where its records came from, and what is said of it.
type JudgedComparison = (String, Option<String>, String, Metric, RecordSource, Report);

/// One look, judged.
struct Judged {
    verdict: Verdict,
    comparisons: Vec<JudgedComparison>,
    counts: Counts,
    windows: Vec<String>,
    mixed: Option<Mixed>,
    look: Look,
    policy: Policy,
}

/// What is judged beside others, and of which service.
struct Asking {
    index: usize,
    metric: Metric,
    counts: Counts,
    /// The same if what is held against nobody counted, by [`Worst::EACH`].
    at_worst: [Option<Counts>; Worst::EACH.len()],
}

/// Counts what is new, judges all, and keeps it.
fn look(counting: &Counting, series: &mut Series, asked: &Asked, global: &Global) -> Result<Judged, Failure> {
    // A failure stays, and nothing that comes later changes it.
    let found = match series.decided() {
        Some(found) => found,
        None => counting.look(series, false, global)?,
    };
    let mut judged = judge_series(counting, series, found, asked, global)?;
    // What came later than each look reads again may speak against a pass, by a policy as well.
    let is_passed_undecided = asked.on_inconclusive == Some(OnInconclusive::Pass);
    let would_pass = judged.verdict == Verdict::Pass || judged.verdict == Verdict::Inconclusive && is_passed_undecided;
    if would_pass && !series.is_all_read() {
        let found = counting.look(series, true, global)?;
        judged = judge_series(counting, series, found, asked, global)?;
    }
    let kept = match judged.verdict {
        Verdict::Fail => series.decide(judged.verdict, &judged.look),
        _ => series.save(),
    };
    match kept {
        // A failure is told, whether it can be kept or not.
        Err(failure) if judged.verdict == Verdict::Fail => drop(failure.report()),
        kept => kept?,
    }
    Ok(judged)
}

fn judge_series(
    counting: &Counting,
    series: &Series,
    look: Look,
    asked: &Asked,
    global: &Global,
) -> Result<Judged, Failure> {
    let policy = &asked.policy;
    let steps = series.steps();
    let mut all: Vec<Asking> = Vec::new();
    let mut mixed = Vec::new();
    for (index, service) in series.services().iter().enumerate() {
        for metric in [Metric::Errors, Metric::Latency] {
            let is_slow = metric == Metric::Latency;
            if is_slow && counting.slow_nano.is_none() {
                continue;
            }
            let of =
                |cells| Ok::<_, Failure>(counts(cells, counting.exclude_first, &steps)?.of_regions(&global.region));
            let mut at_worst: [Option<Counts>; Worst::EACH.len()] = Default::default();
            for (place, worst) in at_worst.iter_mut().zip(Worst::EACH) {
                *place = service.cells_at_worst(is_slow, worst).map(of).transpose()?;
            }
            all.push(Asking { index, metric, counts: of(service.cells(is_slow))?, at_worst });
        }
        let (sums, cells) = service.mixed(counting.exclude_first);
        // A trace of many calls is likelier to have failed, and to have met both: only traces of as many are compared.
        let cells = steps.clocked(Counts::of_parts(steps.place(cells)).map_err(internal)?);
        let one = Hypothesis::of(&cells, policy, Metric::Mixed);
        mixed.push((sums, judge_all(&[one], Looks::default()).1.swap_remove(0)));
        if asked.gate_mixed {
            all.push(Asking { index, metric: Metric::Mixed, counts: cells, at_worst: Default::default() });
        }
    }
    let history = if series.is_kept() { History::Decides } else { History::Told };
    let looks = Looks { is_region_missing: !look.is_complete, is_sampled: series.is_sampled(), history };
    let hypotheses: Vec<Hypothesis<'_>> = all
        .iter()
        .map(|one| Hypothesis {
            counts: &one.counts,
            at_worst: &one.at_worst,
            policy,
            metric: one.metric,
            is_untimed: series.is_untimed(one.index),
        })
        .collect();
    let (verdict, reports) = judge_all(&hypotheses, looks);
    drop(hypotheses);
    series.check_decision(verdict)?;
    let decisive = decisive(verdict, all.iter().zip(&reports).map(|(one, report)| (one.metric, report.verdict)));
    let service = all.get(decisive).map_or(0, |one| one.index);
    let mixed = (!mixed.is_empty()).then(|| mixed.swap_remove(service));
    let mixed = mixed.map(|([baseline, canary, mixed], report)| Mixed { baseline, canary, mixed, report });
    let first = all.first().map(|first| first.counts.clone().side_by_side()).unwrap_or_default();
    let comparisons = all
        .iter()
        .zip(reports)
        .map(|(one, report)| {
            let service = &series.services()[one.index];
            let (name, canary) = (service.service.clone(), service.canary.clone());
            (
                name,
                service.baseline.clone(),
                canary,
                one.metric,
                service.source(one.metric == Metric::Latency, counting.exclude_first),
                report,
            )
        })
        .collect();
    Ok(Judged { verdict, comparisons, counts: first, windows: steps.names(), mixed, look, policy: asked.policy })
}

/// Cells of minutes as counts of steps.
fn counts(rows: Vec<state::Row>, exclude_first: i64, steps: &state::Steps) -> Result<Counts, Failure> {
    let counts = Counts::by_function(steps.place(rows)).map_err(internal)?;
    Ok(steps.clocked(counts).excluding(exclude_first))
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Because { code: crate::failure::INTERNAL, error: error.into(), hint: None }
}

impl Judged {
    /// A share that is off may be put right, and hides no failure that comes: it is looked on. So it is while a region that
    /// was asked for has too few requests: a pass says nothing of it.
    fn is_decided(&self, named: &[String]) -> bool {
        let of_regions = self.comparisons.iter().filter(|(.., metric, _, _)| *metric != Metric::Mixed);
        let mut regions = of_regions.flat_map(|(.., report)| &report.regions);
        match self.verdict {
            Verdict::Fail => true,
            Verdict::Pass => named.is_empty() || regions.all(|region| region.verdict != RegionVerdict::Uncovered),
            _ => false,
        }
    }

    /// A line while it is waited for.
    fn say_progress(&self, global: &Global) {
        let counts = self.comparisons.first().map(|(.., report)| report.totals.counts).unwrap_or_default();
        let window = self.windows.last().map_or("no minute is over yet", String::as_str);
        output::say(
            global,
            &format!(
                "{window}  {}  {} of {} requests of the canary failed, {} of {} of the baseline",
                self.verdict.name(),
                counts.x_b,
                counts.n_b,
                counts.x_a,
                counts.n_a
            ),
        );
    }

    fn say(&self, asked: &Asked, counting: &Counting, form: Form, global: &Global) -> Result<(), Failure> {
        for (region, reason) in &self.look.missing {
            output::warn(&format!("transect: incomplete without {region}: {reason}"));
        }
        if global.strict && !self.look.is_complete && self.verdict != Verdict::Fail {
            output::warn("  nothing is printed, as --strict asks");
            return Err(Failure::Incomplete);
        }
        for hint in &self.look.hints {
            output::say(global, &format!("transect: {hint}"));
        }
        let comparisons: Vec<Comparison<'_>> = self
            .comparisons
            .iter()
            .map(|(service, baseline, canary, metric, source, report)| Comparison {
                service: Some(service),
                baseline: baseline.as_deref(),
                canary: Some(canary),
                metric: *metric,
                source: Some(source),
                report,
            })
            .collect();
        let missing: Vec<String> = self.look.missing_regions.clone();
        let answer = Answer {
            verdict: self.verdict,
            policy: &self.policy,
            comparisons: &comparisons,
            missing_regions: &missing,
            is_complete: self.look.is_complete,
            windows: &self.windows,
            counting: Some(counting),
            mixed: self.mixed.as_ref(),
            warnings: &self.look.warnings,
            counts: &self.counts,
        };
        say(&answer, asked, form, global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_for_a_spreadsheet_name_no_formula() {
        use clap::Parser;

        let counts = "region,window,n_a,x_a,n_b,x_b\n=1+1,0,1,0,1,0\n\"a,\"\"b\"\"\",-1,1,0,1,0\n";
        for (flag, expected) in [
            ("--csv-safe", "region,window,n_a,x_a,n_b,x_b\n\"'=1+1\",0,1,0,1,0\n\"a,\"\"b\"\"\",\"'-1\",1,0,1,0\n"),
            ("--strict", counts),
        ] {
            let global = crate::arguments::Arguments::parse_from(["transect", "schema", flag]).global;
            assert_eq!(without_formulas(counts.to_owned(), &global).unwrap(), expected);
        }
    }

    #[test]
    fn a_wait_between_two_looks_ends() {
        assert!(sleep(Duration::from_millis(1)).is_ok());
    }
}
