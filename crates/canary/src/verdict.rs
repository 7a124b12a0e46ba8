//! What is said of a canary, by what policy, and how several comparisons make one verdict. It refuses to let anything hide
//! a failure: that a share is off, or that a region is missing, forbids a pass and nothing else.

use crate::blocks::Block;
use crate::counts::{Cell, Counts};
use crate::described::Estimate;
use crate::evidence::e_bh;
use crate::process::Process;

/// No margin is as large; its square must be a number.
const MARGIN_MAX: f64 = 1e100;

/// What a unit is counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// That it failed.
    #[default]
    Errors,
    /// That it took too long.
    Latency,
    /// That it failed; units are traces, and those that met both releases are compared with those that met one. They are of
    /// no region, and can fail a canary but not pass it.
    Mixed,
}

impl Metric {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Errors => "errors",
            Metric::Latency => "latency",
            Metric::Mixed => "mixed traces",
        }
    }
}

/// What a verdict is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Risk of calling an equal release worse.
    pub alpha: f64,
    /// Risk of passing a release that is worse by the margin.
    pub beta: f64,
    /// Odds ratio up to which a canary is no worse.
    pub tolerance: f64,
    /// Odds ratio that a pass rules out, on the average of regions.
    pub margin: f64,
    /// Odds ratio that a pass rules out in every region; the square of the margin where none is given.
    pub region_margin: Option<f64>,
    /// Units of the canary without which a region is not covered.
    pub min_requests: u64,
    /// Risk difference that a failure takes at least, of all regions together or of one that is worse for sure.
    pub min_effect: Option<f64>,
    /// Failure rate below which a canary passes whatever the baseline does.
    pub slo: Option<f64>,
    /// Share of slow units below which its latency does.
    pub slow_slo: Option<f64>,
    /// Share of traffic that the canary is meant to get.
    pub weight: Option<f64>,
    /// Failures come in bursts: what a block of minutes may be worth is bounded, however many units failed in it.
    pub robust: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            alpha: 0.05,
            beta: 0.05,
            tolerance: 1.0,
            margin: 2.0,
            region_margin: None,
            min_requests: 100,
            min_effect: None,
            slo: None,
            slow_slo: None,
            weight: None,
            robust: false,
        }
    }
}

/// A part of a policy that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}: it must be {must}")]
pub struct PolicyError {
    /// The part.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// What it should be.
    pub must: &'static str,
}

impl Policy {
    /// The odds ratio that a pass rules out in every region.
    pub fn margin_of_region(&self) -> f64 {
        self.region_margin.unwrap_or(self.margin * self.margin)
    }

    /// The same as one metric is judged by it: a limit is of one alone, and what met both releases has no share that it should
    /// get.
    pub(crate) fn of(&self, metric: Metric) -> Policy {
        match metric {
            Metric::Errors => *self,
            Metric::Latency => Policy { slo: self.slow_slo, ..*self },
            Metric::Mixed => Policy { slo: None, weight: None, ..*self },
        }
    }

    /// ln of the evidence from which on one of so many comparisons fails by itself.
    pub(crate) fn ln_fail_line(&self, comparisons: usize) -> f64 {
        (comparisons.max(1) as f64 / self.alpha).ln()
    }

    /// Whether a verdict can be by this policy.
    pub fn check(&self) -> Result<(), PolicyError> {
        let within = |value: f64| value > 0.0 && value < 1.0;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let checks = [
            ("alpha", self.alpha, within(self.alpha), "above 0 and below 1"),
            ("beta", self.beta, within(self.beta), "above 0 and below 1"),
            ("tolerance", self.tolerance, positive(self.tolerance) && self.tolerance >= 1.0, "1 or more"),
            (
                "margin",
                self.margin,
                self.margin > self.tolerance && self.margin < MARGIN_MAX,
                "above the tolerance, and below 1e100",
            ),
        ];
        if let Some(value) = self.region_margin.filter(|value| !(value.is_finite() && *value >= self.margin)) {
            return Err(PolicyError { name: "region_margin", value, must: "the margin or more" });
        }
        let optional = [
            ("min_effect", self.min_effect, "above 0 and below 1"),
            ("slo", self.slo, "above 0 and below 1"),
            ("slow_slo", self.slow_slo, "above 0 and below 1"),
            ("weight", self.weight, "above 0 and below 1"),
        ];
        let optional =
            optional.into_iter().filter_map(|(name, value, must)| Some((name, value?, within(value?), must)));
        match checks.into_iter().chain(optional).find(|(_, _, good, _)| !good) {
            Some((name, value, _, must)) => Err(PolicyError { name, value, must }),
            None => Ok(()),
        }
    }
}

/// What is said of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The comparison cannot be trusted: traffic is not shared as it was meant to be.
    Invalid,
    /// Nothing was counted of the canary, or of one of the services or metrics that must pass.
    NoData,
    /// It is worse.
    Fail,
    /// It is not worse by the margin.
    Pass,
    /// Neither can be said yet.
    Inconclusive,
}

impl Verdict {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Invalid => "INVALID",
            Verdict::NoData => "NO_DATA",
            Verdict::Fail => "FAIL",
            Verdict::Pass => "PASS",
            Verdict::Inconclusive => "INCONCLUSIVE",
        }
    }

    /// The exit code of the program.
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::Fail => 1,
            Verdict::Inconclusive => 4,
            Verdict::NoData => 5,
            Verdict::Invalid => 6,
        }
    }
}

/// What is said of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionVerdict {
    /// The canary is worse here.
    Fail,
    /// It is not worse by the margin here.
    Pass,
    /// Neither can be said.
    Inconclusive,
    /// Too little traffic to say anything.
    Uncovered,
}

impl RegionVerdict {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            RegionVerdict::Fail => "FAIL",
            RegionVerdict::Pass => "PASS",
            RegionVerdict::Inconclusive => "INCONCLUSIVE",
            RegionVerdict::Uncovered => "UNCOVERED",
        }
    }
}

/// One region, or all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// What was counted.
    pub counts: Cell,
    /// ln of the evidence that the canary is worse.
    pub ln_e_fail: f64,
    /// ln of the evidence that it is not worse by the margin; of a region, by the margin of a region.
    pub ln_e_pass: f64,
    /// The baseline's rate, with Wilson's interval.
    pub rate_a: Estimate,
    /// The canary's.
    pub rate_b: Estimate,
    /// Mantel–Haenszel over closed blocks.
    pub risk_ratio: Estimate,
}

/// A region.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name.
    pub region: String,
    /// What is known of it.
    pub totals: Totals,
    /// Difference of its rates, with Newcombe's interval.
    pub risk_difference: Estimate,
    /// What is said of it.
    pub verdict: RegionVerdict,
    /// Whether it is to be rolled back: with a failure only.
    pub roll_back: bool,
    /// By how much the rate would have had to rise by itself for what the canary did once its baseline was gone.
    pub drift_explained: Option<f64>,
    /// The highest failure rate of the canary here that is not ruled out.
    pub rate_upper: f64,
    /// The last window in which anything was counted here.
    pub last_window: Option<i64>,
}

/// The evidence after a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowEvidence {
    /// The window.
    pub window: i64,
    /// What was counted in it.
    pub counts: Cell,
    /// ln of the evidence that the canary is worse: the mean of the two below.
    pub ln_e_fail: f64,
    /// ln of the evidence for the same effect everywhere: the product over regions.
    pub ln_e_fail_product: f64,
    /// ln of the mean of the evidence of the regions: for one bad region.
    pub ln_e_fail_mean: f64,
    /// ln of the evidence that it is not worse by the margin.
    pub ln_e_pass: f64,
}

/// A crossing of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// What it decided.
    pub verdict: Verdict,
    /// After which window.
    pub window: i64,
    /// What had been counted by then.
    pub counts: Cell,
    /// Of it, what had been compared: closed blocks that have both releases.
    pub compared: Cell,
    /// ln of the evidence for it then.
    pub ln_evidence: f64,
    /// Whether it passed because its own failure rate is low, whatever the baseline's.
    pub is_by_limit: bool,
}

/// Everything that is said of a canary.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do, where waiting changes nothing.
    pub remedy: Option<String>,
    /// The region of which it tells what the canary did once its baseline was gone.
    pub told_drift: Option<String>,
    /// All regions together.
    pub totals: Totals,
    /// ln of the evidence for the same effect everywhere, and of the mean of the regions.
    pub ln_e_fail_product: f64,
    /// ln of the mean of the evidence of the regions.
    pub ln_e_fail_mean: f64,
    /// Risk that an equal release shows as much at any look.
    pub p_always_valid: f64,
    /// The likeliest odds ratio, and the confidence sequence.
    pub odds_ratio: Estimate,
    /// Mantel–Haenszel over closed blocks, with Sato's variance.
    pub risk_difference: Estimate,
    /// Cochran, Mantel and Haenszel.
    pub cmh_chi2: Option<f64>,
    /// The highest failure rate of the canary that is not ruled out.
    pub rate_upper: f64,
    /// ln of the evidence that traffic is not shared as it was meant to be.
    pub ln_sample_ratio: Option<f64>,
    /// The regions, by name.
    pub regions: Vec<Region>,
    /// All that have the canary are to be rolled back, because none of them is worse for sure by itself.
    pub is_roll_back_of_all: bool,
    /// The evidence over time.
    pub windows: Vec<WindowEvidence>,
    /// The first crossing, whatever became of it since.
    pub first_crossing: Option<Crossing>,
    /// What was compared: minutes of a region, or of a part of it, that were pooled.
    pub blocks: Vec<Block>,
    /// Those to which more may come; they count for nothing yet.
    pub open_blocks: Vec<Block>,
    /// What was compared by itself within regions, by name: one without a name, functions, or how many calls traces have.
    pub parts: Vec<String>,
    /// What would decide, if things go on as they have.
    pub needs: Option<Needs>,
    /// Whether something was not seen, so that nothing may pass, by no policy either.
    pub is_hindered: bool,
    /// Whether it is worse for sure, by less than a failure takes.
    pub is_worse_by_little: bool,
    /// Whether the two never ran side by side: what is said describes, and decides nothing.
    pub is_observational: bool,
}

/// What would decide, if things go on as they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Units of the canary.
    pub canary_requests: u64,
    /// Windows, in which so many come.
    pub windows: u64,
    /// What the verdict would be then.
    pub verdict: Verdict,
}

/// Which comparison the verdict of all rests on: the first with the same, else the first that hinders a pass. Mixed traces
/// can only fail.
pub fn decisive(verdict: Verdict, of_each: impl Iterator<Item = (Metric, Verdict)> + Clone) -> usize {
    let first = |of: &dyn Fn(Verdict) -> bool| {
        let is_told = |(metric, one)| (metric != Metric::Mixed || one == Verdict::Fail) && of(one);
        of_each.clone().position(is_told)
    };
    first(&|one| one == verdict).or_else(|| first(&|one| one != Verdict::Pass)).unwrap_or(0)
}

/// What is compared beside others, and whether all must pass for a pass.
#[derive(Clone, Copy, Debug)]
pub struct Hypothesis<'c> {
    /// What was counted.
    pub counts: &'c Counts,
    /// The same if what is held against nobody counted, kind by kind, where there is any of it.
    pub at_worst: &'c [Option<Counts>],
    /// By what all is judged; α is that of the first.
    pub policy: &'c Policy,
    /// What was counted in it. Nothing passes without what is no [`Metric::Mixed`].
    pub metric: Metric,
    /// Of many units nobody knows how long they took: latency does not pass then.
    pub is_untimed: bool,
}

impl<'c> Hypothesis<'c> {
    /// A comparison of which nothing is held against nobody, and of whose units everybody knows how long they took.
    pub fn of(counts: &'c Counts, policy: &'c Policy, metric: Metric) -> Hypothesis<'c> {
        Hypothesis { counts, at_worst: &[], policy, metric, is_untimed: false }
    }
}

/// What a crossing of the past is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Nothing: the evidence at the last window decides.
    #[default]
    Told,
    /// A failure stays, and a pass stays until there is a failure: every window was looked at, as by a pipeline that keeps
    /// a state.
    Decides,
}

/// What is known of the looks besides what was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// A region did not answer: nothing passes then.
    pub is_region_missing: bool,
    /// A share of the requests was kept, and all that failed or warned: nothing passes then, because a release that warns
    /// more often shows more of its good ones.
    pub is_sampled: bool,
    /// What the past decides.
    pub history: History,
}

/// Judges a canary by what was counted. `is_region_missing` says that a region did not answer: nothing passes then.
pub fn judge(counts: &Counts, policy: &Policy, is_region_missing: bool) -> Report {
    let looks = Looks { is_region_missing, ..Looks::default() };
    judge_all(&[Hypothesis::of(counts, policy, Metric::Errors)], looks).1.swap_remove(0)
}

/// Judges several comparisons as one: each fails by e-BH over all of them, and they pass when all do that must; where one of
/// these has no data, all have none. Windows are those of one clock. What is held against nobody decides nothing, and speaks
/// against them where they would not pass with some kind of it, or would fail.
pub fn judge_all(hypotheses: &[Hypothesis<'_>], looks: Looks) -> (Verdict, Vec<Report>) {
    let judged = judge_counted(hypotheses, looks, &[]);
    let kinds = match judged.0 {
        Verdict::Pass | Verdict::Inconclusive => hypotheses.iter().map(|one| one.at_worst.len()).max().unwrap_or(0),
        _ => 0,
    };
    for kind in 0..kinds {
        let worst = |one: &Hypothesis<'_>| one.at_worst.get(kind).is_some_and(Option::is_some);
        if !hypotheses.iter().any(worst) {
            continue;
        }
        let at_worst: Vec<Hypothesis<'_>> = hypotheses
            .iter()
            .map(|one| Hypothesis {
                counts: one.at_worst.get(kind).and_then(Option::as_ref).unwrap_or(one.counts),
                ..*one
            })
            .collect();
        let (verdict, reports) = judge_counted(&at_worst, looks, &[]);
        let speaks_against = |verdict| match judged.0 {
            Verdict::Pass => verdict != Verdict::Pass,
            _ => verdict == Verdict::Fail,
        };
        if speaks_against(verdict) {
            let each = hypotheses.iter().zip(&reports);
            let mut worse: Vec<bool> =
                each.map(|(one, report)| one.metric != Metric::Mixed && speaks_against(report.verdict)).collect();
            // Where none that must pass is worse by itself, all are together.
            if !worse.contains(&true) {
                worse.fill(true);
            }
            return judge_counted(hypotheses, looks, &worse);
        }
    }
    judged
}

/// `worse` says of which nothing may pass for what is held against nobody; empty where that is of none.
fn judge_counted(hypotheses: &[Hypothesis<'_>], looks: Looks, worse: &[bool]) -> (Verdict, Vec<Report>) {
    let alpha = hypotheses.first().map_or(Policy::default().alpha, |first| first.policy.alpha);
    let worse = worse.iter().copied().chain(std::iter::repeat(false));
    let mut processes: Vec<Process<'_>> =
        hypotheses.iter().zip(worse).map(|(hypothesis, is_worse)| Process::new(hypothesis, looks, is_worse)).collect();
    let last = hypotheses.iter().filter_map(|hypothesis| hypothesis.counts.clock.last_window()).max();
    let mut fails = vec![false; processes.len()];
    let mut past = None;
    loop {
        // The last window may hold nothing, and its end closes blocks all the same.
        let next = processes.iter().filter_map(Process::next_window).min();
        let Some(window) = next.or(last.filter(|last| past.is_none_or(|past| past < *last))) else { break };
        past = Some(window);
        processes.iter_mut().for_each(|process| process.advance(window));
        let ln_values: Vec<f64> =
            processes.iter().map(|process| process.ln_worse().unwrap_or(f64::NEG_INFINITY)).collect();
        fails = e_bh(&ln_values, alpha);
        for (process, fails) in processes.iter_mut().zip(&fails) {
            process.cross(window, *fails);
        }
    }
    let reports: Vec<Report> = processes
        .iter()
        .zip(&fails)
        .map(|(process, fails)| process.report(*fails, looks.history, processes.len()))
        .collect();
    let has = |verdict: Verdict| reports.iter().any(|report| report.verdict == verdict);
    let that_must = || {
        let each = reports.iter().zip(hypotheses).filter(|(_, hypothesis)| hypothesis.metric != Metric::Mixed);
        each.map(|(report, _)| report.verdict)
    };
    let verdict = if has(Verdict::Fail) {
        Verdict::Fail
    } else if has(Verdict::Invalid) {
        Verdict::Invalid
    } else if that_must().any(|verdict| verdict == Verdict::NoData) {
        // Of one of them nothing is known, and no policy takes that for undecided.
        Verdict::NoData
    } else if that_must().next().is_some() && that_must().all(|verdict| verdict == Verdict::Pass) {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    };
    (verdict, reports)
}
