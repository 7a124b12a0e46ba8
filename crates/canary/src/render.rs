//! What is said of a canary, in the forms that people and pipelines read. Nothing here decides.

mod csv;
mod html;
mod json;
mod junit;
mod markdown;
mod text;

pub use self::csv::render_csv;
pub use html::render_html;
pub use json::render_json;
pub use junit::render_junit;
pub use markdown::render_markdown;
pub use text::render_text;

use crate::counts::Cell;
use crate::verdict::{Metric, Needs, Policy, Region, RegionVerdict, Report, Verdict, decisive};
use crate::words;

/// What was compared.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The service.
    pub service: Option<&'a str>,
    /// The release before.
    pub baseline: Option<&'a str>,
    /// The release that is judged.
    pub canary: Option<&'a str>,
    /// What units were counted for.
    pub metric: Metric,
    /// Where the records came from; none for counts that were brought.
    pub source: Option<&'a RecordSource>,
    /// What is said of it.
    pub report: &'a Report,
}

/// Where the records of a service came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordSource {
    /// The log groups that were counted, in the order of their names.
    pub groups: Vec<String>,
    /// Records of other groups that named the service, about; they were not counted.
    pub records_from_elsewhere: u64,
    /// Units, and failed ones, that came after their minutes had been counted; they count for nothing.
    pub late: Cell,
    /// Units of the baseline and of the canary that failed because something that they called had: they count as good.
    pub excused: [u64; 2],
    /// Failures of the baseline and of the canary that name no unit: they count for nothing.
    pub untied: [u64; 2],
    /// What a unit is, `trace` or `call`, and why; empty where nothing was counted.
    pub unit: String,
    /// Why.
    pub unit_why: String,
}

/// Traces that met the baseline alone, the canary alone, and both: how many, and how many of them failed.
#[derive(Clone, Debug)]
pub struct Mixed {
    /// Of the baseline alone.
    pub baseline: [u64; 2],
    /// Of the canary alone.
    pub canary: [u64; 2],
    /// Of both.
    pub mixed: [u64; 2],
    /// Those of both, compared with all others.
    pub report: Report,
}

/// What was counted, as it was asked for; absent where counts were given.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// `auto`, `trace` or `invocation`.
    pub unit: String,
    /// How long was waited for outcomes.
    pub settle: String,
    /// How much was left out at the canary's beginning.
    pub exclude_first: Option<String>,
    /// What a failed record is, where that was said.
    pub error: Option<String>,
    /// From when on a unit is slow.
    pub slow: Option<String>,
}

/// All that a report tells.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Of all comparisons together.
    pub verdict: Verdict,
    /// What the program exits with: of the verdict, unless the caller maps it.
    pub exit_code: u8,
    /// By what it was judged.
    pub policy: &'a Policy,
    /// What was compared; at least one.
    pub comparisons: &'a [Comparison<'a>],
    /// Whether all regions answered and all files could be read.
    pub is_complete: bool,
    /// Regions that did not answer.
    pub missing_regions: &'a [String],
    /// What windows are called, by their numbers.
    pub windows: &'a [String],
    /// Whether a window is a minute.
    pub in_minutes: bool,
    /// What was counted.
    pub counted: Option<&'a Counted>,
    /// Traces that met both releases.
    pub mixed: Option<&'a Mixed>,
    /// Whether mixed traces can fail a canary.
    pub gate_mixed: bool,
    /// What to know besides, in sentences.
    pub warnings: &'a [String],
}

#[cfg(test)]
impl<'a> Comparison<'a> {
    /// A comparison of nobody in particular.
    pub(crate) fn of(metric: Metric, report: &'a Report) -> Comparison<'a> {
        Comparison { service: None, baseline: None, canary: None, metric, source: None, report }
    }
}

impl<'a> Told<'a> {
    /// ln of the evidence at which one of the comparisons fails by itself.
    fn ln_fail_line(&self) -> f64 {
        self.policy.ln_fail_line(self.comparisons.len())
    }

    /// What is said of counts that were brought, with nothing to know besides.
    #[cfg(test)]
    pub(crate) fn of(verdict: Verdict, policy: &'a Policy, comparisons: &'a [Comparison<'a>]) -> Told<'a> {
        Told {
            verdict,
            exit_code: verdict.exit_code(),
            policy,
            comparisons,
            is_complete: true,
            missing_regions: &[],
            windows: &[],
            in_minutes: false,
            counted: None,
            mixed: None,
            gate_mixed: false,
            warnings: &[],
        }
    }

    /// The comparison that the verdict rests on.
    pub fn decisive(&self) -> &'a Comparison<'a> {
        &self.comparisons[decisive(self.verdict, self.comparisons.iter().map(|one| (one.metric, one.report.verdict)))]
    }

    /// What would decide over all comparisons: the first that fails, else the last that passes.
    fn needs(&self) -> Option<Needs> {
        let sooner = |one: &Needs, other: &Needs| {
            (one.windows, one.canary_requests).cmp(&(other.windows, other.canary_requests))
        };
        let needs = || self.comparisons.iter().filter_map(|one| one.report.needs);
        if self.verdict != Verdict::Inconclusive {
            return None;
        }
        if let Some(fails) = needs().filter(|needs| needs.verdict == Verdict::Fail).min_by(sooner) {
            return Some(fails);
        }
        let is_open = |one: &Comparison<'_>| one.report.verdict != Verdict::Pass && one.report.needs.is_none();
        if self.must_pass().any(is_open) {
            return None;
        }
        self.must_pass().filter_map(|one| one.report.needs).max_by(sooner)
    }

    fn window(&self, number: i64) -> &'a str {
        let place = usize::try_from(number).ok();
        place.and_then(|place| self.windows.get(place)).map_or("-", String::as_str)
    }

    /// The regions to roll back, over all comparisons.
    pub fn roll_back(&self) -> Vec<&'a str> {
        self.regions_where(|region| region.roll_back)
    }

    /// Regions of which this is so in any comparison, by name.
    fn regions_where(&self, is_so: impl Fn(&Region) -> bool) -> Vec<&'a str> {
        // Traces that met both releases are of no region.
        let regions = self.must_pass().flat_map(|one| &one.report.regions).filter(|region| is_so(region));
        let mut names: Vec<&str> = regions.map(|region| region.region.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether all regions that have the canary are among them because none is worse for sure by itself.
    pub fn is_roll_back_of_all(&self) -> bool {
        self.must_pass().any(|one| one.report.is_roll_back_of_all)
    }

    /// In one sentence, why.
    fn reason(&self) -> String {
        let one = self.decisive();
        let reason = &one.report.reason;
        match (one.metric, self.comparisons.len()) {
            (Metric::Errors, 1) => reason.clone(),
            (metric, _) => {
                format!("{}{}: {reason}", one.service.map_or(String::new(), |name| format!("{name}, ")), metric.name())
            }
        }
    }

    /// What must pass for a pass: mixed traces can fail a canary, and it passes without them.
    fn must_pass(&self) -> impl Iterator<Item = &'a Comparison<'a>> {
        self.comparisons.iter().filter(|one| one.metric != Metric::Mixed)
    }

    /// Whether something was not seen, so that nothing may pass, by no policy either.
    pub fn is_hindered(&self) -> bool {
        !self.is_complete || self.must_pass().any(|one| one.report.is_hindered)
    }

    /// What to do now, in a sentence.
    pub fn action(&self) -> String {
        let more = self.outlook();
        let uncovered = self.regions_where(|region| region.verdict == RegionVerdict::Uncovered);
        let is_of_all = self.is_roll_back_of_all();
        let report = self.decisive().report;
        let remedy = report.remedy.as_deref();
        words::action(self.verdict, &self.roll_back(), is_of_all, remedy, &uncovered, more.as_deref())
    }

    /// What would decide, with the time that it takes at today's traffic.
    fn outlook(&self) -> Option<String> {
        let needs = self.needs()?;
        let more = needs.canary_requests;
        if more == 0 {
            return None;
        }
        let when = match self.in_minutes {
            true => format!(", {} at today's traffic,", minutes(needs.windows)),
            false => String::new(),
        };
        let what = if needs.verdict == Verdict::Fail { "a failure" } else { "a pass" };
        let requests = match more {
            1 => "one more request".to_owned(),
            more => format!("about {} more requests", words::grouped(more)),
        };
        Some(format!("{requests} of the canary{when} would make it {what} if it goes on like this"))
    }

    /// How many requests a failure rested on that came out at an earlier window and does not decide: history.
    fn faded(&self) -> Option<String> {
        let Comparison { report, metric, .. } = *self.decisive();
        let told = matches!(report.verdict, Verdict::Pass | Verdict::Inconclusive);
        let crossing = report.first_crossing.filter(|crossing| told && crossing.verdict == Verdict::Fail)?;
        let since = match report.is_worse_by_little {
            true => "the difference has become smaller than one that a failure takes (--min-effect)",
            false => "what came since does not bear that out",
        };
        Some(format!(
            "After window {} it looked like a failure ({}), and {since}",
            self.window(crossing.window),
            words::rates(metric, &crossing.counts)
        ))
    }

    /// What a canary did once its baseline was gone, where that would take a rise of the rate by itself to explain, and the
    /// reason does not tell it.
    fn drifts(&self) -> Vec<String> {
        let decisive = self.decisive();
        let is_told = |one: &Comparison<'_>, region: &Region| {
            std::ptr::eq(one, decisive) && one.report.told_drift.as_ref() == Some(&region.region)
        };
        let regions = self.must_pass().flat_map(|one| one.report.regions.iter().map(move |region| (one, region)));
        let told = regions.filter(|(one, region)| !is_told(one, region)).filter_map(|(one, region)| {
            let drifted = words::drifted("In", &region.region, one.metric, region.drift_explained?);
            Some(format!("{drifted}. It is no failure, because too little of one is left to see"))
        });
        told.collect()
    }
}

fn minutes(count: u64) -> String {
    match count {
        0..=1 => "a minute".to_owned(),
        2..=119 => format!("some {count} minutes"),
        120..=2879 => format!("some {} hours", (count + 30) / 60),
        _ => format!("some {} days", (count + 720) / 1440),
    }
}

/// Evidence as a power of ten.
fn power(ln: f64) -> String {
    format!("10^{:.1}", ln / std::f64::consts::LN_10)
}

/// What the evidence of a row is against: being so many times worse, in a region, and in all where there are several.
fn not_worse(policy: &Policy, of_all: bool) -> String {
    let region = words::times(policy.margin_of_region());
    match of_all {
        true => format!("not {region}x worse; all: {}x", words::times(policy.margin)),
        false => format!("not {region}x worse"),
    }
}

/// Three digits.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e6).contains(&size) {
        format!("{value:.2e}")
    } else {
        let after = (2.0 - size.log10().floor()).clamp(0.0, 7.0) as usize;
        format!("{value:.after$}")
    }
}

fn interval(estimate: &crate::Estimate) -> String {
    let one = |value: Option<f64>| value.map_or("?".to_owned(), digits);
    match (estimate.lower, estimate.upper) {
        (None, None) => one(estimate.estimate),
        _ => format!("{} ({} to {})", one(estimate.estimate), one(estimate.lower), one(estimate.upper)),
    }
}

fn percent(rate: &crate::Estimate) -> String {
    let one = |value: Option<f64>| value.map_or("-".to_owned(), |value| digits(100.0 * value));
    match rate.estimate {
        Some(_) => format!("{} % ({} to {})", one(rate.estimate), one(rate.lower), one(rate.upper)),
        None => "-".to_owned(),
    }
}

/// What mixed traces tell, in a sentence.
fn mixed_sentence(mixed: &Mixed) -> Option<String> {
    let [n, x] = mixed.mixed;
    let pure = [mixed.baseline[0] + mixed.canary[0], mixed.baseline[1] + mixed.canary[1]];
    if n == 0 || pure[0] == 0 {
        return None;
    }
    let rate = |[n, x]: [u64; 2]| format!("{x} of {n}");
    let totals = &mixed.report.totals;
    // Of traces with as many calls, where blocks tell: those of many are likelier to have failed, and to have met both.
    let crude = (pure[1] > 0).then(|| (x as f64 / n as f64) / (pure[1] as f64 / pure[0] as f64));
    let times = match crude.map(|crude| totals.risk_ratio.estimate.unwrap_or(crude)) {
        Some(times) if times >= 1.5 && x > 0 => {
            format!("fail {} times as often as others: the releases may not get along", digits(times))
        }
        _ if pure[1] == 0 && x > 0 => "fail, and no others do: the releases may not get along".to_owned(),
        _ => "fail no more often than others".to_owned(),
    };
    Some(format!(
        "Traces that met both releases {times} ({} failed; {} with the baseline alone, {} with the canary alone; evidence {})",
        rate(mixed.mixed),
        rate(mixed.baseline),
        rate(mixed.canary),
        power(totals.ln_e_fail)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::judge;
    use crate::{Counts, Policy};

    /// What would decide several comparisons of one look.
    fn needs(of_each: &[(Metric, Cell)]) -> Option<(Verdict, u64)> {
        let policy = Policy::default();
        let reports: Vec<Report> =
            of_each.iter().map(|(_, cell)| judge(&Counts::new([("us", 0, *cell)]).unwrap(), &policy, false)).collect();
        let each = of_each.iter().zip(&reports);
        let comparisons: Vec<Comparison<'_>> =
            each.map(|((metric, _), report)| Comparison::of(*metric, report)).collect();
        let told = Told::of(Verdict::Inconclusive, &policy, &comparisons);
        told.needs().map(|needs| (needs.verdict, needs.canary_requests))
    }

    #[test]
    fn mixed_traces_are_told_where_there_are_others() {
        let report = judge(&Counts::default(), &Policy::default(), false);
        let told = |baseline, canary, mixed| mixed_sentence(&Mixed { baseline, canary, mixed, report: report.clone() });
        let sentence = |words: &str| format!("Traces that met both releases {words}");
        for (baseline, canary, mixed, expected) in [
            ([90, 0], [10, 0], [5, 2], Some("fail, and no others do")),
            ([90, 1], [10, 0], [5, 2], Some("fail 40.0 times as often as others")),
            ([90, 9], [10, 1], [5, 0], Some("fail no more often than others")),
            // Of those that met one alone there are none.
            ([0, 0], [0, 0], [5, 2], None),
            ([90, 1], [10, 0], [0, 0], None),
        ] {
            let found = told(baseline, canary, mixed);
            match expected.map(sentence) {
                Some(expected) => {
                    assert!(found.as_ref().is_some_and(|found| found.starts_with(&expected)), "{found:?}")
                }
                None => assert_eq!(found, None),
            }
        }
    }

    #[test]
    fn all_must_pass_and_one_that_fails_is_enough() {
        let cell = |x_a, n_a, x_b, n_b| Cell { n_a, x_a, n_b, x_b };
        let (soon, late) = (cell(20, 2000, 2, 200), cell(4, 2000, 0, 200));
        let (first, second) = (needs(&[(Metric::Errors, soon)]).unwrap(), needs(&[(Metric::Latency, late)]).unwrap());
        assert!(first.0 == Verdict::Pass && second.0 == Verdict::Pass && first.1 < second.1, "{first:?} {second:?}");
        assert_eq!(needs(&[(Metric::Errors, soon), (Metric::Latency, late)]), Some(second));
        // What passes is not waited for.
        let passed = cell(100, 10_000, 90, 10_000);
        assert_eq!(needs(&[(Metric::Errors, passed), (Metric::Latency, late)]), Some(second));
        // What nothing would decide, decides that nothing passes; and mixed traces can only fail.
        let never = cell(0, 2000, 0, 200);
        assert_eq!(needs(&[(Metric::Errors, soon), (Metric::Latency, never)]), None);
        assert_eq!(needs(&[(Metric::Errors, soon), (Metric::Mixed, never)]), Some(first));
        let bad = cell(10, 10_000, 5, 1000);
        assert_eq!(needs(&[(Metric::Errors, soon), (Metric::Latency, bad)]).unwrap().0, Verdict::Fail);
    }
}
