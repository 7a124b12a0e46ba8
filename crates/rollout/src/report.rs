//! What became of a rollout, for people and for pipelines. It refuses to decide anything: it reads a state.

use serde::Serialize;

use crate::alias::Routing;
use crate::moment::{Moment, render_seconds};
use crate::state::{Ended, Outcome, Phase, State, WaveRecord};

/// How a region stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionRow {
    /// The region.
    pub cloud_region: String,
    /// `baseline`, `canary`, `promoted` or `rolled_back`; `conflict` or `unreachable` where something was not done.
    pub state: &'static str,
    /// The canary's share as it was last seen or set, in percent.
    pub weight: u8,
    /// The share that was about to be set, if it is not known whether it was.
    pub intended_weight: Option<u8>,
    /// The alias at that share: `6 and 10 % to 7`.
    pub routing: String,
    /// Version of the baseline.
    pub baseline_version: String,
    /// Version of the canary.
    pub canary_version: String,
    /// Why something was not done.
    pub detail: Option<String>,
}

/// What became of a wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaveRow {
    /// Its name.
    pub wave: String,
    /// `pending`, `shifting`, `baking`, `passed`, `failed` or `held`.
    pub state: &'static str,
    /// `judge`, `policy` or `override`.
    pub decided_by: Option<&'static str>,
    /// Its regions.
    pub regions: Vec<String>,
    /// The canary's share, in percent.
    pub weight: u8,
    /// How long it is watched at least, as text.
    pub bake: String,
    /// Requests of the canary that each region takes.
    pub min_requests: u64,
    /// When its weights had been set, as RFC 3339.
    pub began_at: Option<String>,
    /// When it was decided, as RFC 3339.
    pub decided_at: Option<String>,
    /// How often it was looked at.
    pub looks: u64,
    /// What the last look said.
    pub verdict: Option<&'static str>,
    /// Why.
    pub reason: Option<String>,
}

/// A decision that somebody made instead of the judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct OverrideRow {
    at: String,
    wave: String,
    decision: crate::machine::Decision,
    reason: String,
    by: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct EventRow {
    at: String,
    wave: Option<String>,
    cloud_region: Option<String>,
    what: &'static str,
    why: String,
}

/// What became of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `promoted`, `failed`, `held`, `conflict` or `unreachable`; `running` where it was interrupted.
    pub outcome: &'static str,
    /// What the program exits with; nothing where it was interrupted.
    pub exit_code: Option<u8>,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether all was done that was to be.
    pub complete: bool,
    /// Regions that did not answer, or would not.
    pub missing_regions: Vec<String>,
    /// What the lake calls the service.
    pub service: String,
    /// The function.
    pub function: String,
    /// Its alias.
    pub alias: String,
    /// The release that ran.
    pub baseline: String,
    /// The release that is to run.
    pub canary: String,
    /// Names the plan.
    pub plan: String,
    /// When it began, as RFC 3339.
    pub begun_at: String,
    /// When it ended, as RFC 3339.
    pub ended_at: Option<String>,
    /// The regions.
    pub rows: Vec<RegionRow>,
    /// The waves, in their order.
    pub waves: Vec<WaveRow>,
    overrides: Vec<OverrideRow>,
    events: Vec<EventRow>,
    events_dropped: u64,
    /// What should be known besides.
    pub warnings: Vec<String>,
}

/// What a state tells. Warnings are those of the plan.
pub fn report(state: &State, warnings: &[String]) -> Report {
    let ended = match &state.now {
        Phase::Ended(ended) => Some(ended),
        _ => None,
    };
    let plan = &state.plan;
    let wave_name = |index: usize| plan.waves.get(index).map_or(String::new(), |wave| wave.name.clone());
    let left = ended.map_or(&[][..], |ended| &ended.left);
    Report {
        outcome: ended.map_or("running", |ended| ended.outcome.name()),
        exit_code: ended.map(|ended| ended.outcome.exit_code()),
        reason: ended.map_or_else(
            || format!("it was interrupted in wave \"{}\"", wave_name(state.wave)),
            |ended| ended.reason.clone(),
        ),
        complete: ended.is_some_and(|ended| ended.left.is_empty()),
        missing_regions: left.iter().filter(|left| !left.is_conflict).map(|left| left.region.clone()).collect(),
        service: plan.service.clone(),
        function: plan.function.clone(),
        alias: plan.alias.clone(),
        baseline: plan.baseline.clone(),
        canary: plan.canary.clone(),
        plan: state.plan_hash.clone(),
        begun_at: state.begun_at.to_string(),
        ended_at: ended.map(|ended| ended.at.to_string()),
        rows: rows(state, ended),
        waves: plan.waves.iter().zip(&state.waves).map(|(wave, record)| wave_row(wave, record)).collect(),
        overrides: state
            .overrides
            .iter()
            .map(|one| OverrideRow {
                at: one.at.to_string(),
                wave: wave_name(one.wave),
                decision: one.decision,
                reason: one.reason.clone(),
                by: one.by.clone(),
            })
            .collect(),
        events: state
            .events
            .iter()
            .map(|event| EventRow {
                at: event.at.to_string(),
                wave: event.wave.clone(),
                cloud_region: event.region.clone(),
                what: event.what.name(),
                why: event.why.clone(),
            })
            .collect(),
        events_dropped: state.events_dropped,
        warnings: warnings.to_vec(),
    }
}

fn rows(state: &State, ended: Option<&Ended>) -> Vec<RegionRow> {
    let row = |(region, place): (&String, &crate::state::Place)| {
        let versions = &state.plan.regions[region];
        let left = ended.and_then(|ended| ended.left.iter().find(|left| left.region == *region));
        let standing = match (left, place.weight) {
            (Some(left), _) if left.is_conflict => "conflict",
            (Some(_), _) => "unreachable",
            (None, 0) if place.is_rolled_back => "rolled_back",
            (None, 0) => "baseline",
            (None, 100) => "promoted",
            (None, _) => "canary",
        };
        RegionRow {
            cloud_region: region.clone(),
            state: standing,
            weight: place.weight,
            intended_weight: place.intended,
            routing: Routing::of(&versions.baseline, &versions.canary, place.weight).to_string(),
            baseline_version: versions.baseline.clone(),
            canary_version: versions.canary.clone(),
            detail: left.map(|left| left.why.clone()),
        }
    };
    state.regions.iter().map(row).collect()
}

fn wave_row(wave: &crate::waves::Wave, record: &WaveRecord) -> WaveRow {
    let time = |moment: Option<Moment>| moment.map(|moment| moment.to_string());
    let said = record.verdict.as_ref();
    WaveRow {
        wave: wave.name.clone(),
        state: record.state.name(),
        decided_by: record.by.map(crate::state::Decider::name),
        regions: wave.regions.clone(),
        weight: wave.weight,
        bake: render_seconds(wave.bake_seconds),
        min_requests: wave.min_requests,
        began_at: time(record.began_at),
        decided_at: time(record.decided_at),
        looks: record.looks,
        verdict: said.map(|verdict| verdict.said.name()),
        reason: record.unanswered.clone().or_else(|| said.map(|verdict| verdict.reason.clone())),
    }
}

/// The report as one JSON object, with a line feed behind it.
pub fn render_report_json(report: &Report) -> String {
    // Texts and numbers alone: nothing in it can fail to be written.
    serde_json::to_string(report).map(|text| text + "\n").unwrap_or_default()
}

/// The report for people: the outcome first, then why, then the regions, then the waves, then what to do.
pub fn render_report(report: &Report) -> String {
    let mut out = format!(
        "{}  {} {} instead of {}, alias {}\n{}.\n\n",
        report.outcome.to_uppercase(),
        report.function,
        report.canary,
        report.baseline,
        report.alias,
        report.reason.trim_end_matches('.')
    );
    let mut regions = vec![["region", "state", "alias", "detail"].map(str::to_owned).to_vec()];
    regions.extend(report.rows.iter().map(|row| {
        let unsure = row.intended_weight.map(|weight| format!("perhaps {weight} %"));
        let detail = [unsure, row.detail.clone()].into_iter().flatten().collect::<Vec<String>>().join("; ");
        vec![row.cloud_region.clone(), row.state.to_owned(), row.routing.clone(), detail]
    }));
    let mut waves = vec![["wave", "state", "by", "weight", "bake", "looks", "last look"].map(str::to_owned).to_vec()];
    waves.extend(report.waves.iter().map(|row| {
        let said = [row.verdict.map(str::to_owned), row.reason.clone()].into_iter().flatten();
        vec![
            row.wave.clone(),
            row.state.to_owned(),
            row.decided_by.unwrap_or("").to_owned(),
            format!("{} %", row.weight),
            row.bake.clone(),
            row.looks.to_string(),
            said.collect::<Vec<String>>().join(": "),
        ]
    }));
    out.push_str(&table(&regions));
    out.push('\n');
    out.push_str(&table(&waves));
    for one in &report.overrides {
        let who = if one.by.is_empty() { String::new() } else { format!(" by {}", one.by) };
        out.push_str(&format!("\noverridden at {} in wave \"{}\"{who}: {}\n", one.at, one.wave, one.reason));
    }
    for sentence in report.warnings.iter().map(String::as_str).chain(next(report)) {
        out.push_str(&format!("\n{}.\n", sentence.trim_end_matches('.')));
    }
    out
}

/// What to do, where it is not over.
fn next(report: &Report) -> Option<&'static str> {
    let outcomes = [Outcome::Failed, Outcome::Held, Outcome::Conflict, Outcome::Unreachable];
    let outcome = outcomes.into_iter().find(|outcome| outcome.name() == report.outcome);
    match outcome {
        Some(Outcome::Failed) => {
            let has_canary = report.rows.iter().any(|row| row.weight > 0);
            has_canary.then_some("Where it was not set back the canary keeps its share, and gets no more")
        }
        Some(Outcome::Held) => {
            Some("Run it again to go on watching, or with an override and its reason to go on without a verdict")
        }
        Some(Outcome::Conflict) => Some("Set the alias to what was expected, or leave it, and run it again"),
        Some(Outcome::Unreachable) => Some("Run it again: it goes on where it stopped"),
        Some(Outcome::Promoted) => None,
        None => (report.exit_code.is_none()).then_some("Run it again: it goes on where it stopped"),
    }
}

/// Columns side by side, without spaces at the end of a line.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |text| text.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}
