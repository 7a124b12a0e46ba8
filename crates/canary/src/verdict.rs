//! From counts to a verdict, window by window, as if somebody had looked after each: the first crossing is the decision.
//! It refuses to pass a region that it knows nothing of.

use crate::counts::{Cell, Counts};
use crate::described::{Estimate, Strata, newcombe, wilson};
use crate::evidence::{Grid, LnLikelihoods, PRODUCT_FACTOR, e_bh, ln_average, odds_ratio};
use crate::gates::{SAMPLE_RATIO_MAX, rate_upper, sample_ratio};
use crate::hypergeometric::Likelihood;
use crate::votes::Votes;

/// Failed units of both releases, and of the canary, that a failure takes at least.
const FAILED_MIN: u64 = 5;
const FAILED_CANARY_MIN: u64 = 3;
/// How many times as much as was counted is looked ahead to.
const AHEAD_MAX: f64 = 1e6;

/// What a verdict is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Risk of calling an equal release worse.
    pub alpha: f64,
    /// Risk of passing a release that is worse by the margin.
    pub beta: f64,
    /// Odds ratio up to which a canary is no worse.
    pub tolerance: f64,
    /// Odds ratio that a pass rules out.
    pub margin: f64,
    /// Units of the canary without which nothing is said.
    pub min_requests: u64,
    /// Risk difference that a failure takes at least.
    pub min_effect: Option<f64>,
    /// Failure rate below which a canary passes whatever the baseline does.
    pub slo: Option<f64>,
    /// Share of traffic that the canary is meant to get.
    pub weight: Option<f64>,
    /// Each region and window has one vote, however many units failed in it.
    pub robust: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            alpha: 0.05,
            beta: 0.05,
            tolerance: 1.0,
            margin: 2.0,
            min_requests: 100,
            min_effect: None,
            slo: None,
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
    /// Whether a verdict can be by this policy.
    pub fn check(&self) -> Result<(), PolicyError> {
        let within = |value: f64| value > 0.0 && value < 1.0;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let checks = [
            ("alpha", self.alpha, within(self.alpha), "above 0 and below 1"),
            ("beta", self.beta, within(self.beta), "above 0 and below 1"),
            ("tolerance", self.tolerance, positive(self.tolerance) && self.tolerance >= 1.0, "1 or more"),
            ("margin", self.margin, positive(self.margin) && self.margin > self.tolerance, "above the tolerance"),
        ];
        let optional = [
            ("min_effect", self.min_effect, "above 0 and below 1"),
            ("slo", self.slo, "above 0 and below 1"),
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
    /// Nothing was counted of one of the two.
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
    /// ln of the evidence that it is not worse by the margin.
    pub ln_e_pass: f64,
    /// The baseline's rate, with Wilson's interval.
    pub rate_a: Estimate,
    /// The canary's.
    pub rate_b: Estimate,
    /// Mantel–Haenszel over cells.
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
    /// Whether e-BH names it among those to be rolled back.
    pub roll_back: bool,
}

/// The evidence after a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowEvidence {
    /// The window.
    pub window: i64,
    /// What was counted in it.
    pub counts: Cell,
    /// ln of the evidence that the canary is worse: the product over regions.
    pub ln_e_fail: f64,
    /// ln of the mean of the evidence of the regions.
    pub ln_e_fail_average: f64,
    /// ln of the evidence that it is not worse by the margin.
    pub ln_e_pass: f64,
}

/// The first crossing of a line, which is the decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// What it decided.
    pub verdict: Verdict,
    /// After which window.
    pub window: i64,
    /// What had been counted by then.
    pub counts: Cell,
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
    /// All regions together.
    pub totals: Totals,
    /// Risk that an equal release shows as much at any look.
    pub p_always_valid: f64,
    /// The likeliest odds ratio, and the confidence sequence.
    pub odds_ratio: Estimate,
    /// Mantel–Haenszel over cells, with Sato's variance.
    pub risk_difference: Estimate,
    /// Cochran, Mantel and Haenszel.
    pub cmh_chi2: Option<f64>,
    /// The highest failure rate of the canary that is not ruled out.
    pub rate_upper: f64,
    /// ln of the evidence that traffic is not shared as it was meant to be.
    pub ln_sample_ratio: Option<f64>,
    /// The regions, by name.
    pub regions: Vec<Region>,
    /// The evidence over time.
    pub windows: Vec<WindowEvidence>,
    /// The first crossing.
    pub first_crossing: Option<Crossing>,
    /// What would decide, if things go on as they have.
    pub needs: Option<Needs>,
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

/// What is compared beside others, and whether all must pass for a pass.
#[derive(Clone, Copy, Debug)]
pub struct Hypothesis<'c> {
    /// What was counted.
    pub counts: &'c Counts,
    /// By what it is judged; α is that of the first.
    pub policy: &'c Policy,
    /// Nothing passes without it; else it can only fail.
    pub must_pass: bool,
}

/// What is known of a region while windows pass.
#[derive(Clone, Default)]
struct Running {
    counts: Cell,
    ln: LnLikelihoods,
    /// In place of the likelihoods, where each window has one vote.
    votes: Option<Votes>,
    strata: Strata,
}

impl Running {
    fn new(policy: &Policy) -> Running {
        Running { votes: policy.robust.then(Votes::default), ..Running::default() }
    }

    fn ln_fail(&self) -> f64 {
        self.votes.as_ref().map_or_else(|| self.ln.ln_fail(), Votes::ln_fail)
    }

    fn ln_pass(&self) -> f64 {
        self.votes.as_ref().map_or_else(|| self.ln.ln_pass(), Votes::ln_pass)
    }

    /// As if everything had been counted so many times.
    fn times(&self, factor: f64) -> Running {
        let votes = self.votes.as_ref().map(|votes| votes.times(factor));
        Running { ln: self.ln.times(factor), votes, ..Running::default() }
    }

    fn totals(&self) -> Totals {
        Totals {
            counts: self.counts,
            ln_e_fail: self.ln_fail(),
            ln_e_pass: self.ln_pass(),
            rate_a: wilson(self.counts.x_a, self.counts.n_a),
            rate_b: wilson(self.counts.x_b, self.counts.n_b),
            risk_ratio: self.strata.risk_ratio(),
        }
    }
}

/// Judges a canary by what was counted. `is_region_missing` says that a region did not answer: nothing passes then.
pub fn judge(counts: &Counts, policy: &Policy, is_region_missing: bool) -> Report {
    judge_all(&[Hypothesis { counts, policy, must_pass: true }], is_region_missing).1.swap_remove(0)
}

/// Judges several comparisons as one: each fails by e-BH over all of them, at every look, and they pass when all do that
/// must. Windows are those of one clock.
pub fn judge_all(hypotheses: &[Hypothesis<'_>], is_region_missing: bool) -> (Verdict, Vec<Report>) {
    let alpha = hypotheses.first().map_or(Policy::default().alpha, |first| first.policy.alpha);
    let mut processes: Vec<Process<'_>> = hypotheses
        .iter()
        .map(|hypothesis| Process::new(hypothesis.counts, hypothesis.policy, is_region_missing))
        .collect();
    while let Some(window) = processes.iter().filter_map(Process::next_window).min() {
        processes.iter_mut().for_each(|process| process.advance(window));
        // The product over regions and the mean of them are both looked at: half of the larger one is evidence.
        let ln_values: Vec<f64> = processes
            .iter()
            .map(|process| process.ln_worse().map_or(f64::NEG_INFINITY, |ln| ln - PRODUCT_FACTOR.ln()))
            .collect();
        let fails = e_bh(&ln_values, alpha);
        for (process, fails) in processes.iter_mut().zip(fails) {
            process.cross(window, fails);
        }
    }
    let ln_fails: Vec<f64> =
        processes.iter().flat_map(|process| process.regions.iter().map(Running::ln_fail)).collect();
    let mut roll_back = e_bh(&ln_fails, alpha).into_iter();
    let reports: Vec<Report> = processes
        .iter()
        .map(|process| process.report(&roll_back.by_ref().take(process.regions.len()).collect::<Vec<bool>>()))
        .collect();
    let has = |verdict: Verdict| reports.iter().any(|report| report.verdict == verdict);
    let must = |verdict: Verdict| {
        let told = || reports.iter().zip(hypotheses).filter(|(_, hypothesis)| hypothesis.must_pass);
        told().next().is_some() && told().all(|(report, _)| report.verdict == verdict)
    };
    let verdict = if has(Verdict::Invalid) {
        Verdict::Invalid
    } else if must(Verdict::NoData) {
        Verdict::NoData
    } else if has(Verdict::Fail) {
        Verdict::Fail
    } else if must(Verdict::Pass) {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    };
    (verdict, reports)
}

/// A comparison while windows pass.
struct Process<'c> {
    counts: &'c Counts,
    policy: &'c Policy,
    grid: Grid,
    is_region_missing: bool,
    at: usize,
    regions: Vec<Running>,
    all: Running,
    /// Units in regions in which the canary is meant to get a share.
    shared: Cell,
    likelihoods: Vec<Likelihood>,
    windows: Vec<WindowEvidence>,
    first_crossing: Option<Crossing>,
    ln_sample_ratio: Option<f64>,
    is_overlap: bool,
}

impl<'c> Process<'c> {
    fn new(counts: &'c Counts, policy: &'c Policy, is_region_missing: bool) -> Process<'c> {
        Process {
            counts,
            policy,
            grid: Grid::new(policy.tolerance, policy.margin),
            is_region_missing,
            at: 0,
            regions: vec![Running::new(policy); counts.regions.len()],
            all: Running::new(policy),
            shared: Cell::default(),
            likelihoods: Vec::new(),
            windows: Vec::new(),
            first_crossing: None,
            ln_sample_ratio: policy.weight.map(|_| 0.0),
            is_overlap: false,
        }
    }

    fn next_window(&self) -> Option<i64> {
        self.counts.cells.get(self.at).map(|(window, ..)| *window)
    }

    fn look(&self) -> Look<'_> {
        Look {
            policy: self.policy,
            all: &self.all,
            regions: &self.regions,
            is_region_missing: self.is_region_missing,
            is_overlap: self.is_overlap,
        }
    }

    /// Takes in what was counted in a window, if anything was.
    fn advance(&mut self, window: i64) {
        if self.next_window() != Some(window) {
            return;
        }
        let (counts, policy) = (self.counts, self.policy);
        let until = self.at + counts.cells[self.at..].partition_point(|(other, ..)| *other == window);
        let mut of_window = Cell::default();
        for (_, region, cell) in &counts.cells[self.at..until] {
            let of_region = &mut self.regions[*region as usize];
            self.is_overlap |= cell.n_a > 0 && cell.n_b > 0;
            if cell.compares() {
                let likelihood = Likelihood::of(cell);
                if policy.robust {
                    let votes = Votes::of(&likelihood, policy.tolerance, policy.margin);
                    [&mut *of_region, &mut self.all]
                        .into_iter()
                        .filter_map(|sum| sum.votes.as_mut())
                        .for_each(|sum| sum.add(&votes));
                }
                let ln = LnLikelihoods::of(&likelihood, &self.grid);
                self.likelihoods.push(likelihood);
                of_region.ln.add(&ln);
                self.all.ln.add(&ln);
            }
            for sum in [of_region, &mut self.all] {
                sum.counts += *cell;
                sum.strata.add(cell);
            }
            of_window += *cell;
            if !counts.unshared.contains(region) {
                self.shared += *cell;
            }
        }
        self.at = until;
        if let (Some(most), Some(weight)) = (&mut self.ln_sample_ratio, policy.weight) {
            *most = most.max(sample_ratio(self.shared.n_a, self.shared.n_b, weight));
        }
        let ln_e_fail_average = self.look().ln_average();
        self.windows.push(WindowEvidence {
            window,
            counts: of_window,
            ln_e_fail: self.all.ln_fail(),
            ln_e_fail_average,
            ln_e_pass: self.all.ln_pass(),
        });
    }

    /// ln of the evidence that the canary is worse, if enough was counted for it to decide.
    fn ln_worse(&self) -> Option<f64> {
        self.look().ln_worse()
    }

    /// Notes the first crossing of a line.
    fn cross(&mut self, window: i64, fails: bool) {
        if self.first_crossing.is_some() {
            return;
        }
        let look = self.look();
        let crossing = match fails {
            true => look.ln_worse().map(|ln_evidence| (Verdict::Fail, ln_evidence, false)),
            false => look.passes().map(|(ln_evidence, is_by_limit)| (Verdict::Pass, ln_evidence, is_by_limit)),
        };
        let counts = self.all.counts;
        self.first_crossing = crossing.map(|(verdict, ln_evidence, is_by_limit)| Crossing {
            verdict,
            window,
            counts,
            ln_evidence,
            is_by_limit,
        });
    }

    fn report(&self, roll_back: &[bool]) -> Report {
        let (all, policy, look) = (&self.all, self.policy, self.look());
        let most = self.windows.iter().map(|window| window.ln_e_fail).fold(0.0, f64::max);
        let [estimate, lower, upper] = odds_ratio(&self.likelihoods, all.ln.ln_excluded_below(policy.alpha));
        let verdict = look.verdict(self.ln_sample_ratio, self.first_crossing);
        let named = self.counts.regions.iter().zip(&self.regions).zip(roll_back);
        Report {
            verdict,
            reason: look.reason(verdict, self.ln_sample_ratio, self.first_crossing),
            totals: all.totals(),
            p_always_valid: (-most).exp(),
            odds_ratio: Estimate { estimate, lower, upper },
            risk_difference: all.strata.risk_difference(),
            cmh_chi2: all.strata.cmh_chi2(),
            rate_upper: rate_upper(all.counts.x_b, all.counts.n_b, policy.alpha),
            ln_sample_ratio: self.ln_sample_ratio,
            regions: named
                .map(|((name, region), roll_back)| Region {
                    region: name.clone(),
                    totals: region.totals(),
                    risk_difference: newcombe(&region.counts),
                    verdict: look.of_region(region, *roll_back),
                    roll_back: *roll_back,
                })
                .collect(),
            windows: self.windows.clone(),
            first_crossing: self.first_crossing,
            needs: look.needs(verdict, self.windows_with_canary()),
            is_observational: !self.is_overlap && all.counts.n_a > 0 && all.counts.n_b > 0,
        }
    }

    /// How many windows there were from the canary's first unit on.
    fn windows_with_canary(&self) -> u64 {
        let first = self.windows.iter().find(|window| window.counts.n_b > 0).map(|window| window.window);
        let last = self.windows.last().map(|window| window.window);
        first.zip(last).map_or(0, |(first, last)| last.abs_diff(first) + 1)
    }
}

/// What is known at one look.
struct Look<'l> {
    policy: &'l Policy,
    all: &'l Running,
    regions: &'l [Running],
    is_region_missing: bool,
    is_overlap: bool,
}

impl Look<'_> {
    fn ln_fail_line(&self) -> f64 {
        (PRODUCT_FACTOR / self.policy.alpha).ln()
    }

    fn ln_pass_line(&self) -> f64 {
        -self.policy.beta.ln()
    }

    fn is_covered(&self, region: &Running) -> bool {
        region.counts.n_b >= self.policy.min_requests.max(1)
    }

    fn covered(&self) -> impl Iterator<Item = &Running> {
        self.regions.iter().filter(|region| self.is_covered(region))
    }

    /// ln of the mean of the regions' evidence that the canary is worse.
    fn ln_average(&self) -> f64 {
        let values: Vec<f64> = self.regions.iter().map(Running::ln_fail).collect();
        ln_average(&values)
    }

    /// ln of the evidence that the canary is worse, if enough was counted for it to decide.
    fn ln_worse(&self) -> Option<f64> {
        let counts = &self.all.counts;
        let enough =
            counts.n_b >= self.policy.min_requests && counts.failed() >= FAILED_MIN && counts.x_b >= FAILED_CANARY_MIN;
        let is_large = self
            .policy
            .min_effect
            .is_none_or(|least| self.all.strata.risk_difference().estimate.is_some_and(|found| found >= least));
        (enough && is_large).then(|| self.all.ln_fail().max(self.ln_average()))
    }

    /// The evidence for a pass, if there is enough, and whether it is of the failure rate alone.
    fn passes(&self) -> Option<(f64, bool)> {
        let counts = &self.all.counts;
        if self.is_region_missing || counts.n_b < self.policy.min_requests.max(1) {
            return None;
        }
        // A region in which the canary ran without a baseline shows nothing, and so nothing passes by comparison.
        let least = self.covered().map(Running::ln_pass).reduce(f64::min);
        let passes = least.filter(|least| *least >= self.ln_pass_line());
        let upper = || rate_upper(counts.x_b, counts.n_b, self.policy.alpha);
        let is_below_slo = self.policy.slo.is_some_and(|slo| upper() <= slo);
        passes.map(|least| (least, false)).or_else(|| is_below_slo.then(|| (-self.policy.alpha.ln(), true)))
    }

    fn verdict(&self, ln_sample_ratio: Option<f64>, first_crossing: Option<Crossing>) -> Verdict {
        if ln_sample_ratio.is_some_and(|ln| ln >= SAMPLE_RATIO_MAX.ln()) {
            return Verdict::Invalid;
        }
        if self.all.counts.n_b == 0 {
            return Verdict::NoData;
        }
        first_crossing.map_or(Verdict::Inconclusive, |crossing| crossing.verdict)
    }

    fn of_region(&self, region: &Running, roll_back: bool) -> RegionVerdict {
        if roll_back {
            return RegionVerdict::Fail;
        }
        if !self.is_covered(region) {
            return RegionVerdict::Uncovered;
        }
        match region.ln_pass() >= self.ln_pass_line() {
            true => RegionVerdict::Pass,
            false => RegionVerdict::Inconclusive,
        }
    }

    fn reason(&self, verdict: Verdict, ln_sample_ratio: Option<f64>, first_crossing: Option<Crossing>) -> String {
        let counts = &self.all.counts;
        let rates = format!(
            "{} of {} canary units failed, {} of {} of the baseline",
            counts.x_b, counts.n_b, counts.x_a, counts.n_a
        );
        match verdict {
            Verdict::Invalid => format!(
                "the canary got {} of {} units, which its weight of {} cannot explain (evidence 10^{:.1})",
                counts.n_b,
                counts.n_a + counts.n_b,
                self.policy.weight.unwrap_or_default(),
                ln_sample_ratio.unwrap_or_default() / std::f64::consts::LN_10
            ),
            Verdict::NoData => "nothing was counted of the canary".to_owned(),
            Verdict::Fail => format!("the canary fails more often than the baseline: {rates}"),
            Verdict::Pass => match first_crossing.is_none_or(|crossing| !crossing.is_by_limit) {
                true => format!("the canary is not worse by a factor of {}: {rates}", self.policy.margin),
                false => format!("the canary's failure rate is below the limit: {rates}"),
            },
            Verdict::Inconclusive if counts.n_a == 0 => format!("there is no baseline to compare with: {rates}"),
            Verdict::Inconclusive if !self.is_overlap => format!(
                "the two never ran at the same time in one region, so this is observational and decides nothing: {rates}"
            ),
            Verdict::Inconclusive if self.is_region_missing => {
                format!("a region is missing, and nothing passes then: {rates}")
            }
            Verdict::Inconclusive if counts.n_b < self.policy.min_requests => {
                format!("the canary has had fewer than {} units: {rates}", self.policy.min_requests)
            }
            Verdict::Inconclusive => format!("neither can be said yet: {rates}"),
        }
    }

    /// What would decide: the evidence of what was counted, several times over.
    fn needs(&self, verdict: Verdict, windows: u64) -> Option<Needs> {
        let counts = &self.all.counts;
        if verdict != Verdict::Inconclusive || counts.n_b == 0 || counts.n_a == 0 {
            return None;
        }
        let times = |reaches: &dyn Fn(f64) -> bool| {
            if !reaches(AHEAD_MAX) {
                return None;
            }
            let (mut from, mut to) = (1.0_f64, AHEAD_MAX);
            while to / from > 1.001 {
                let middle = (from * to).sqrt();
                if reaches(middle) { to = middle } else { from = middle }
            }
            Some(to)
        };
        let fails = |factor: f64| self.all.times(factor).ln_fail() >= self.ln_fail_line();
        let of_pass = |region: &Running, factor: f64| region.times(factor).ln_pass() >= self.ln_pass_line();
        let passes = |factor: f64| {
            let mut told =
                self.regions.iter().filter(|region| region.counts.n_b > 0 && region.counts.n_a > 0).peekable();
            told.peek().is_some() && !self.is_region_missing && told.all(|region| of_pass(region, factor))
        };
        let fail = times(&fails).map(|factor| (factor, Verdict::Fail));
        let pass = times(&passes).map(|factor| (factor, Verdict::Pass));
        let (factor, verdict) = [fail, pass].into_iter().flatten().min_by(|one, other| one.0.total_cmp(&other.0))?;
        let least = self.policy.min_requests as f64 / counts.n_b as f64;
        let more = (factor.max(least) - 1.0).max(0.0);
        let ahead = |so_far: u64| (more * so_far as f64).ceil() as u64;
        Some(Needs { canary_requests: ahead(counts.n_b), windows: ahead(windows), verdict })
    }
}
