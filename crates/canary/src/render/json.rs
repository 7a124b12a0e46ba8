//! A report as one JSON object. An evidence too large for a double is null, and its logarithm is always there.

use serde::Serialize;

use super::{Comparison, Counted, Told};
use crate::blocks::Block;
use crate::counts::Cell;
use crate::described::{Estimate, wilson};
use crate::verdict::{Metric, Needs, Totals};

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
    reason: String,
    action: String,
    roll_back: Vec<&'a str>,
    roll_back_of_all: bool,
    complete: bool,
    hindered: bool,
    missing_regions: &'a [String],
    #[serde(flatten)]
    decisive: ComparisonOf<'a>,
    policy: PolicyOf<'a>,
    mixed: Option<MixedOf>,
    comparisons: Vec<Judged<'a>>,
    warnings: &'a [String],
}

/// One of several.
#[derive(Serialize)]
struct Judged<'a> {
    verdict: &'static str,
    reason: &'a str,
    #[serde(flatten)]
    comparison: ComparisonOf<'a>,
}

#[derive(Serialize)]
struct ComparisonOf<'a> {
    service: Option<&'a str>,
    baseline: Option<&'a str>,
    canary: Option<&'a str>,
    metric: &'a str,
    unit: Option<&'a str>,
    unit_why: Option<&'a str>,
    groups: Option<&'a [String]>,
    records_from_elsewhere: Option<u64>,
    late: Option<CellOf>,
    excused_a: Option<u64>,
    excused_b: Option<u64>,
    untied_a: Option<u64>,
    untied_b: Option<u64>,
    observational: bool,
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
    rate_a: Interval,
    rate_b: Interval,
    e_fail: f64,
    e_pass: f64,
    ln_e_fail: f64,
    ln_e_fail_product: f64,
    ln_e_fail_mean: f64,
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
    blocks: Vec<BlockOf<'a>>,
    open_blocks: Vec<BlockOf<'a>>,
    first_crossing: Option<CrossingOf<'a>>,
    needs: NeedsOf,
}

#[derive(Serialize)]
struct CellOf {
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
}

impl From<Cell> for CellOf {
    fn from(cell: Cell) -> CellOf {
        CellOf { n_a: cell.n_a, x_a: cell.x_a, n_b: cell.n_b, x_b: cell.x_b }
    }
}

#[derive(Serialize)]
struct PolicyOf<'a> {
    alpha: f64,
    beta: f64,
    tolerance: f64,
    margin: f64,
    region_margin: f64,
    min_requests: u64,
    min_effect: Option<f64>,
    slo: Option<f64>,
    slow_slo: Option<f64>,
    weight: Option<f64>,
    robust: bool,
    gate_mixed: bool,
    unit: Option<&'a str>,
    settle: Option<&'a str>,
    exclude_first: Option<&'a str>,
    error: Option<&'a str>,
    slow: Option<&'a str>,
}

#[derive(Serialize)]
struct MixedOf {
    baseline: Group,
    canary: Group,
    mixed: Group,
    risk_ratio: Interval,
    e: f64,
    ln_e: f64,
}

#[derive(Serialize)]
struct Group {
    n: u64,
    x: u64,
    rate: Interval,
}

impl Group {
    fn of([n, x]: [u64; 2]) -> Group {
        Group { n, x, rate: wilson(x, n).into() }
    }
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
    drift_explained: Option<f64>,
    last: Option<&'a str>,
    slo: Slo,
    rate_a: Interval,
    rate_b: Interval,
    risk_ratio: Interval,
    risk_difference: Interval,
}

#[derive(Serialize)]
struct WindowOf<'a> {
    window: &'a str,
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
    e_fail: f64,
    e_pass: f64,
    ln_e_fail: f64,
    ln_e_pass: f64,
    ln_e_fail_product: f64,
    ln_e_fail_mean: f64,
}

/// Minutes of a region, or of a function in it, that were pooled.
#[derive(Serialize)]
struct BlockOf<'a> {
    region: &'a str,
    /// The function, where functions are compared each by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    first: &'a str,
    last: &'a str,
    n_a: u64,
    x_a: u64,
    n_b: u64,
    x_b: u64,
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
struct NeedsOf {
    canary_requests: Option<u64>,
    minutes: Option<u64>,
    verdict: Option<&'static str>,
}

/// The object, with a line feed behind it.
pub fn render_json(told: &Told<'_>) -> String {
    let decisive = told.decisive();
    let policy = told.policy;
    let several = if told.comparisons.len() > 1 { told.comparisons } else { &[] };
    let text = |of: fn(&Counted) -> &str| told.counted.map(of);
    let document = Document {
        verdict: told.verdict.name(),
        exit_code: told.exit_code,
        reason: told.reason(),
        action: told.action(),
        roll_back: told.roll_back(),
        roll_back_of_all: told.is_roll_back_of_all(),
        complete: told.is_complete,
        hindered: told.is_hindered(),
        missing_regions: told.missing_regions,
        // What would decide is of all of them.
        decisive: ComparisonOf { needs: needs_of(told.needs(), told), ..comparison(decisive, told) },
        policy: PolicyOf {
            alpha: policy.alpha,
            beta: policy.beta,
            tolerance: policy.tolerance,
            margin: policy.margin,
            region_margin: policy.margin_of_region(),
            min_requests: policy.min_requests,
            min_effect: policy.min_effect,
            slo: policy.slo,
            slow_slo: policy.slow_slo,
            weight: policy.weight,
            robust: policy.robust,
            gate_mixed: told.gate_mixed,
            unit: text(|counted| &counted.unit),
            settle: text(|counted| &counted.settle),
            exclude_first: told.counted.and_then(|counted| counted.exclude_first.as_deref()),
            error: told.counted.and_then(|counted| counted.error.as_deref()),
            slow: told.counted.and_then(|counted| counted.slow.as_deref()),
        },
        mixed: told.mixed.map(|mixed| MixedOf {
            baseline: Group::of(mixed.baseline),
            canary: Group::of(mixed.canary),
            mixed: Group::of(mixed.mixed),
            risk_ratio: mixed.report.totals.risk_ratio.into(),
            e: mixed.report.totals.ln_e_fail.exp(),
            ln_e: mixed.report.totals.ln_e_fail,
        }),
        comparisons: several
            .iter()
            .map(|one| Judged {
                verdict: one.report.verdict.name(),
                reason: &one.report.reason,
                comparison: comparison(one, told),
            })
            .collect(),
        warnings: told.warnings,
    };
    // Numbers and texts alone: nothing in it can fail to be written.
    serde_json::to_string(&document).map(|text| text + "\n").unwrap_or_default()
}

fn comparison<'a>(one: &Comparison<'a>, told: &Told<'a>) -> ComparisonOf<'a> {
    let report = one.report;
    let Totals { counts, ln_e_fail, ln_e_pass, risk_ratio, rate_a, rate_b } = report.totals;
    ComparisonOf {
        service: one.service,
        baseline: one.baseline,
        canary: one.canary,
        metric: one.metric.name(),
        unit: one.source.map(|source| source.unit.as_str()).filter(|unit| !unit.is_empty()),
        unit_why: one.source.map(|source| source.unit_why.as_str()).filter(|why| !why.is_empty()),
        groups: one.source.map(|source| source.groups.as_slice()),
        records_from_elsewhere: one.source.map(|source| source.records_from_elsewhere),
        late: one.source.map(|source| source.late.into()),
        excused_a: one.source.map(|source| source.excused[0]),
        excused_b: one.source.map(|source| source.excused[1]),
        untied_a: one.source.map(|source| source.untied[0]),
        untied_b: one.source.map(|source| source.untied[1]),
        observational: report.is_observational,
        n_a: counts.n_a,
        x_a: counts.x_a,
        n_b: counts.n_b,
        x_b: counts.x_b,
        rate_a: rate_a.into(),
        rate_b: rate_b.into(),
        e_fail: ln_e_fail.exp(),
        e_pass: ln_e_pass.exp(),
        ln_e_fail,
        ln_e_fail_product: report.ln_e_fail_product,
        ln_e_fail_mean: report.ln_e_fail_mean,
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
                    drift_explained: region.drift_explained,
                    last: region.last_window.map(|window| told.window(window)),
                    slo: Slo { upper: region.rate_upper },
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
                window: told.window(evidence.window),
                n_a: evidence.counts.n_a,
                x_a: evidence.counts.x_a,
                n_b: evidence.counts.n_b,
                x_b: evidence.counts.x_b,
                e_fail: evidence.ln_e_fail.exp(),
                e_pass: evidence.ln_e_pass.exp(),
                ln_e_fail: evidence.ln_e_fail,
                ln_e_pass: evidence.ln_e_pass,
                ln_e_fail_product: evidence.ln_e_fail_product,
                ln_e_fail_mean: evidence.ln_e_fail_mean,
            })
            .collect(),
        blocks: report.blocks.iter().map(|block| block_of(block, one, told)).collect(),
        open_blocks: report.open_blocks.iter().map(|block| block_of(block, one, told)).collect(),
        first_crossing: report.first_crossing.map(|crossing| CrossingOf {
            verdict: crossing.verdict.name(),
            window: told.window(crossing.window),
            n_a: crossing.counts.n_a,
            x_a: crossing.counts.x_a,
            n_b: crossing.counts.n_b,
            x_b: crossing.counts.x_b,
            ln_evidence: crossing.ln_evidence,
        }),
        needs: needs_of(report.needs, told),
    }
}

fn needs_of(needs: Option<Needs>, told: &Told<'_>) -> NeedsOf {
    NeedsOf {
        canary_requests: needs.map(|needs| needs.canary_requests),
        minutes: needs.filter(|_| told.in_minutes).map(|needs| needs.windows),
        verdict: needs.map(|needs| needs.verdict.name()),
    }
}

fn block_of<'a>(block: &Block, one: &Comparison<'a>, told: &Told<'a>) -> BlockOf<'a> {
    let report = one.report;
    let region = usize::try_from(block.region).ok().and_then(|place| report.regions.get(place));
    let part = report.parts.get(block.part as usize).map(String::as_str);
    // Parts of mixed traces are how many calls they had.
    let part = part.filter(|name| !name.is_empty() && report.parts.len() > 1 && one.metric != Metric::Mixed);
    BlockOf {
        region: region.map_or("-", |region| region.region.as_str()),
        function: part,
        first: told.window(block.first),
        last: told.window(block.last),
        n_a: block.counts.n_a,
        x_a: block.counts.x_a,
        n_b: block.counts.n_b,
        x_b: block.counts.x_b,
    }
}
