//! From counts to a verdict, window by window, as if somebody had looked after each: the first crossing is the decision.
//! It refuses to pass a region that it knows nothing of.

use crate::counts::{Cell, Counts};
use crate::described::{Estimate, Strata, newcombe, wilson};
use crate::evidence::{Grid, LnLikelihoods, PRODUCT_FACTOR, e_bh, ln_average, odds_ratio};
use crate::gates::{SAMPLE_RATIO_MAX, rate_upper, sample_ratio};
use crate::hypergeometric::Likelihood;

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
    /// Units of the canary that would decide, if things go on as they have.
    pub needs_canary_requests: Option<u64>,
}

/// What is known of a region while windows pass.
#[derive(Clone, Default)]
struct Running {
    counts: Cell,
    ln: LnLikelihoods,
    strata: Strata,
}

impl Running {
    fn totals(&self) -> Totals {
        Totals {
            counts: self.counts,
            ln_e_fail: self.ln.ln_fail(),
            ln_e_pass: self.ln.ln_pass(),
            rate_a: wilson(self.counts.x_a, self.counts.n_a),
            rate_b: wilson(self.counts.x_b, self.counts.n_b),
            risk_ratio: self.strata.risk_ratio(),
        }
    }
}

/// Judges a canary by what was counted. `is_region_missing` says that a region did not answer: nothing passes then.
pub fn judge(counts: &Counts, policy: &Policy, is_region_missing: bool) -> Report {
    let grid = Grid::new(policy.tolerance, policy.margin);
    let mut regions = vec![Running::default(); counts.regions.len()];
    let mut all = Running::default();
    let mut likelihoods = Vec::new();
    let mut windows: Vec<WindowEvidence> = Vec::new();
    let mut first_crossing: Option<Crossing> = None;
    let mut ln_sample_ratio = policy.weight.map(|_| 0.0_f64);
    let mut at = 0;
    while let Some((window, ..)) = counts.cells.get(at) {
        let until = at + counts.cells[at..].partition_point(|(other, ..)| other == window);
        for (_, region, cell) in &counts.cells[at..until] {
            let mut one = Running { counts: *cell, ..Running::default() };
            one.strata.add(cell);
            let of_region = &mut regions[*region as usize];
            if cell.compares() {
                let likelihood = Likelihood::of(cell);
                let ln = LnLikelihoods::of(&likelihood, &grid);
                likelihoods.push(likelihood);
                of_region.ln.add(&ln);
                all.ln.add(&ln);
            }
            for sum in [of_region, &mut all] {
                sum.counts += *cell;
                sum.strata.add(cell);
            }
        }
        at = until;
        let look = Look { policy, all: &all, regions: &regions, is_region_missing };
        if let (Some(most), Some(weight)) = (&mut ln_sample_ratio, policy.weight) {
            *most = most.max(sample_ratio(all.counts.n_a, all.counts.n_b, weight));
        }
        windows.push(WindowEvidence {
            window: *window,
            ln_e_fail: all.ln.ln_fail(),
            ln_e_fail_average: look.ln_average(),
            ln_e_pass: all.ln.ln_pass(),
        });
        if first_crossing.is_none() {
            first_crossing = look.crossing().map(|(verdict, ln_evidence)| Crossing {
                verdict,
                window: *window,
                counts: all.counts,
                ln_evidence,
            });
        }
    }
    let look = Look { policy, all: &all, regions: &regions, is_region_missing };
    let most = windows.iter().map(|window| window.ln_e_fail).fold(0.0, f64::max);
    let [estimate, lower, upper] = odds_ratio(&likelihoods, all.ln.ln_excluded_below(policy.alpha));
    let verdict = look.verdict(ln_sample_ratio, first_crossing);
    let ln_fails: Vec<f64> = regions.iter().map(|region| region.ln.ln_fail()).collect();
    let roll_back = e_bh(&ln_fails, policy.alpha);
    let named = counts.regions.iter().zip(&regions).zip(roll_back);
    Report {
        verdict,
        reason: look.reason(verdict, ln_sample_ratio, first_crossing),
        totals: all.totals(),
        p_always_valid: (-most).exp(),
        odds_ratio: Estimate { estimate, lower, upper },
        risk_difference: all.strata.risk_difference(),
        cmh_chi2: all.strata.cmh_chi2(),
        rate_upper: rate_upper(all.counts.x_b, all.counts.n_b, policy.alpha),
        ln_sample_ratio,
        regions: named
            .map(|((name, region), roll_back)| Region {
                region: name.clone(),
                totals: region.totals(),
                risk_difference: newcombe(&region.counts),
                verdict: look.of_region(region, roll_back),
                roll_back,
            })
            .collect(),
        windows,
        first_crossing,
        needs_canary_requests: look.needs(verdict),
    }
}

/// What is known at one look.
struct Look<'l> {
    policy: &'l Policy,
    all: &'l Running,
    regions: &'l [Running],
    is_region_missing: bool,
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
        let values: Vec<f64> = self.regions.iter().map(|region| region.ln.ln_fail()).collect();
        ln_average(&values)
    }

    fn is_worse(&self, ln_evidence: f64) -> bool {
        let counts = &self.all.counts;
        let enough =
            counts.n_b >= self.policy.min_requests && counts.failed() >= FAILED_MIN && counts.x_b >= FAILED_CANARY_MIN;
        let difference = self.all.strata.risk_difference().estimate;
        let is_large = self.policy.min_effect.is_none_or(|least| difference.is_some_and(|found| found >= least));
        ln_evidence >= self.ln_fail_line() && enough && is_large
    }

    /// Which line is crossed, if one is, and the evidence for it.
    fn crossing(&self) -> Option<(Verdict, f64)> {
        let ln_evidence = self.all.ln.ln_fail().max(self.ln_average());
        if self.is_worse(ln_evidence) {
            return Some((Verdict::Fail, ln_evidence));
        }
        let counts = &self.all.counts;
        if self.is_region_missing || counts.n_b < self.policy.min_requests.max(1) {
            return None;
        }
        // A region in which the canary ran without a baseline shows nothing, and so nothing passes by comparison.
        let least = self.covered().map(|region| region.ln.ln_pass()).reduce(f64::min);
        let passes = least.filter(|least| *least >= self.ln_pass_line());
        let upper = || rate_upper(counts.x_b, counts.n_b, self.policy.alpha);
        let is_below_slo = self.policy.slo.is_some_and(|slo| upper() <= slo);
        match (passes, is_below_slo) {
            (Some(least), _) => Some((Verdict::Pass, least)),
            (None, true) => Some((Verdict::Pass, -self.policy.alpha.ln())),
            (None, false) => None,
        }
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
        match region.ln.ln_pass() >= self.ln_pass_line() {
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
            Verdict::Pass => match first_crossing.is_some_and(|crossing| crossing.ln_evidence >= self.ln_pass_line()) {
                true => format!("the canary is not worse by a factor of {}: {rates}", self.policy.margin),
                false => format!("the canary's failure rate is below the limit: {rates}"),
            },
            Verdict::Inconclusive if counts.n_a == 0 => format!("there is no baseline to compare with: {rates}"),
            Verdict::Inconclusive if self.is_region_missing => {
                format!("a region is missing, and nothing passes then: {rates}")
            }
            Verdict::Inconclusive if counts.n_b < self.policy.min_requests => {
                format!("the canary has had fewer than {} units: {rates}", self.policy.min_requests)
            }
            Verdict::Inconclusive => format!("neither can be said yet: {rates}"),
        }
    }

    /// How many units of the canary would decide: the evidence of what was counted, several times over.
    fn needs(&self, verdict: Verdict) -> Option<u64> {
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
        let fails = |factor: f64| self.all.ln.times(factor).ln_fail() >= self.ln_fail_line();
        let of_pass = |region: &Running, factor: f64| region.ln.times(factor).ln_pass() >= self.ln_pass_line();
        let passes = |factor: f64| {
            let mut told =
                self.regions.iter().filter(|region| region.counts.n_b > 0 && region.counts.n_a > 0).peekable();
            told.peek().is_some() && told.all(|region| of_pass(region, factor))
        };
        let least = self.policy.min_requests as f64 / counts.n_b as f64;
        let decides = [times(&fails), times(&passes)].into_iter().flatten().reduce(f64::min)?;
        let more = (decides.max(least) - 1.0).max(0.0) * counts.n_b as f64;
        Some(more.ceil() as u64)
    }
}
