//! A report as one JSON object. An evidence too large for a double is null, and its logarithm is always there.

use serde::Serialize;

use crate::described::Estimate;
use crate::verdict::{Policy, Report, Totals};

/// What the report is about, besides its counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The service.
    pub service: Option<&'a str>,
    /// The release before.
    pub baseline: Option<&'a str>,
    /// The release that is judged.
    pub canary: Option<&'a str>,
    /// Regions that did not answer.
    pub missing_regions: &'a [String],
    /// What windows are called, by their numbers.
    pub windows: &'a [String],
    /// What the program exits with: of the verdict, unless the caller maps it.
    pub exit_code: u8,
}

#[derive(Serialize)]
struct Interval {
    estimate: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

impl From<Estimate> for Interval {
    fn from(estimate: Estimate) -> Interval {
        Interval { estimate: estimate.estimate, lower: estimate.lower, upper: estimate.upper }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    verdict: &'static str,
    exit_code: u8,
    reason: &'a str,
    complete: bool,
    missing_regions: &'a [String],
    service: Option<&'a str>,
    baseline: Option<&'a str>,
    canary: Option<&'a str>,
    policy: PolicyOf,
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
    e_fail: f64,
    e_pass: f64,
    ln_e_fail: f64,
    ln_e_pass: f64,
    p_always_valid: f64,
    odds_ratio: Interval,
    risk_ratio: Interval,
    risk_difference: Interval,
    cmh_chi2: Option<f64>,
    slo: Slo,
    sample_ratio: Option<SampleRatio>,
    regions: Vec<RegionOf<'a>>,
    windows: Vec<WindowOf<'a>>,
    first_crossing: Option<CrossingOf<'a>>,
    needs: Needs,
}

#[derive(Serialize)]
struct PolicyOf {
    alpha: f64,
    beta: f64,
    tolerance: f64,
    margin: f64,
    min_requests: u64,
    min_effect: Option<f64>,
    slo: Option<f64>,
    weight: Option<f64>,
}

#[derive(Serialize)]
struct Slo {
    upper: f64,
}

#[derive(Serialize)]
struct SampleRatio {
    e: f64,
    ln_e: f64,
}

#[derive(Serialize)]
struct RegionOf<'a> {
    region: &'a str,
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
    e_fail: f64,
    ln_e_fail: f64,
    e_pass: f64,
    ln_e_pass: f64,
    verdict: &'static str,
    roll_back: bool,
    rate_a: Interval,
    rate_b: Interval,
    risk_ratio: Interval,
    risk_difference: Interval,
}

#[derive(Serialize)]
struct WindowOf<'a> {
    window: &'a str,
    e_fail: f64,
    e_pass: f64,
    ln_e_fail: f64,
    ln_e_pass: f64,
    ln_e_fail_average: f64,
}

#[derive(Serialize)]
struct CrossingOf<'a> {
    verdict: &'static str,
    window: &'a str,
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
    ln_evidence: f64,
}

#[derive(Serialize)]
struct Needs {
    canary_requests: Option<u64>,
}

/// The object, with a line feed behind it.
pub fn render_json(report: &Report, policy: &Policy, asked: &Asked<'_>) -> String {
    let window = |number: i64| usize::try_from(number).ok().and_then(|number| asked.windows.get(number));
    let window = |number: i64| window(number).map_or("", String::as_str);
    let Totals { counts, ln_e_fail, ln_e_pass, risk_ratio, .. } = report.totals;
    let document = Document {
        verdict: report.verdict.name(),
        exit_code: asked.exit_code,
        reason: &report.reason,
        complete: asked.missing_regions.is_empty(),
        missing_regions: asked.missing_regions,
        service: asked.service,
        baseline: asked.baseline,
        canary: asked.canary,
        policy: PolicyOf {
            alpha: policy.alpha,
            beta: policy.beta,
            tolerance: policy.tolerance,
            margin: policy.margin,
            min_requests: policy.min_requests,
            min_effect: policy.min_effect,
            slo: policy.slo,
            weight: policy.weight,
        },
        n_a: counts.n_a,
        x_a: counts.x_a,
        n_b: counts.n_b,
        x_b: counts.x_b,
        e_fail: ln_e_fail.exp(),
        e_pass: ln_e_pass.exp(),
        ln_e_fail,
        ln_e_pass,
        p_always_valid: report.p_always_valid,
        odds_ratio: report.odds_ratio.into(),
        risk_ratio: risk_ratio.into(),
        risk_difference: report.risk_difference.into(),
        cmh_chi2: report.cmh_chi2,
        slo: Slo { upper: report.rate_upper },
        sample_ratio: report.ln_sample_ratio.map(|ln_e| SampleRatio { e: ln_e.exp(), ln_e }),
        regions: report
            .regions
            .iter()
            .map(|region| {
                let totals = &region.totals;
                RegionOf {
                    region: &region.region,
                    n_a: totals.counts.n_a,
                    x_a: totals.counts.x_a,
                    n_b: totals.counts.n_b,
                    x_b: totals.counts.x_b,
                    e_fail: totals.ln_e_fail.exp(),
                    ln_e_fail: totals.ln_e_fail,
                    e_pass: totals.ln_e_pass.exp(),
                    ln_e_pass: totals.ln_e_pass,
                    verdict: region.verdict.name(),
                    roll_back: region.roll_back,
                    rate_a: totals.rate_a.into(),
                    rate_b: totals.rate_b.into(),
                    risk_ratio: totals.risk_ratio.into(),
                    risk_difference: region.risk_difference.into(),
                }
            })
            .collect(),
        windows: report
            .windows
            .iter()
            .map(|evidence| WindowOf {
                window: window(evidence.window),
                e_fail: evidence.ln_e_fail.exp(),
                e_pass: evidence.ln_e_pass.exp(),
                ln_e_fail: evidence.ln_e_fail,
                ln_e_pass: evidence.ln_e_pass,
                ln_e_fail_average: evidence.ln_e_fail_average,
            })
            .collect(),
        first_crossing: report.first_crossing.map(|crossing| CrossingOf {
            verdict: crossing.verdict.name(),
            window: window(crossing.window),
            n_a: crossing.counts.n_a,
            x_a: crossing.counts.x_a,
            n_b: crossing.counts.n_b,
            x_b: crossing.counts.x_b,
            ln_evidence: crossing.ln_evidence,
        }),
        needs: Needs { canary_requests: report.needs_canary_requests },
    };
    // Numbers and texts alone: nothing in it can fail to be written.
    serde_json::to_string(&document).map(|text| text + "\n").unwrap_or_default()
}
