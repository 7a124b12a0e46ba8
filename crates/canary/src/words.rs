//! Why a verdict is what it is, in a sentence for somebody who has never studied statistics, and what to do now. It refuses
//! to say what the counts beside it seem to deny.

use crate::counts::Cell;
use crate::process::{FAILED_CANARY_MIN, FAILED_MIN, Short, Unseen};
use crate::render::digits;
use crate::verdict::{Crossing, Metric, Policy, Verdict};

/// Regions that a sentence names.
const NAMES_MAX: usize = 8;

/// What is compared, how it turns out badly, and with what, by what is counted.
struct Terms {
    /// Who is judged.
    canary: &'static str,
    /// What it does, more or less often.
    fail: &'static str,
    fails: &'static str,
    /// What it did.
    failed: &'static str,
    /// What it has done.
    has_failed: &'static str,
    /// What units did.
    units_failed: &'static str,
    /// What it is that never does it.
    hardly: &'static str,
    /// The flag that sets a limit of its own.
    limit: Option<&'static str>,
    /// Whose its units are.
    of_canary: &'static str,
    /// With what it is compared.
    baseline: &'static str,
    of_baseline: &'static str,
}

impl Metric {
    /// What its bad units are.
    pub(crate) fn bad(self) -> &'static str {
        match self {
            Metric::Latency => "slow",
            Metric::Errors | Metric::Mixed => "failed",
        }
    }

    fn terms(self) -> &'static Terms {
        const REQUESTS: Terms = Terms {
            canary: "the canary",
            fail: "fail",
            fails: "fails",
            failed: "failed",
            has_failed: "has failed",
            units_failed: "failed",
            hardly: "hardly fails",
            limit: Some("--slo"),
            of_canary: "the canary's requests",
            baseline: "the baseline",
            of_baseline: "the baseline's",
        };
        match self {
            Metric::Errors => &REQUESTS,
            Metric::Latency => &Terms {
                fail: "be slow",
                fails: "is slow",
                failed: "was slow",
                has_failed: "has been slow",
                units_failed: "were slow",
                hardly: "is hardly ever slow",
                limit: Some("--slow-slo"),
                ..REQUESTS
            },
            Metric::Mixed => &Terms {
                canary: "what met both releases",
                of_canary: "the traces that met both releases",
                baseline: "what met one alone",
                of_baseline: "the others",
                limit: None,
                ..REQUESTS
            },
        }
    }
}

/// What a sentence may name.
pub(crate) struct Facts<'f> {
    pub metric: Metric,
    pub counts: Cell,
    /// The regions that are worse, where those are not all, and what was compared in each.
    pub worse: Vec<(&'f str, Cell)>,
    /// Regions in which the canary's rate may be above the limit for all that is known of them alone: what was counted there,
    /// and how high it may be.
    pub above_limit: Vec<(&'f str, Cell, f64)>,
    /// Regions in which it is above the limit for sure, where all together are below it, and what was counted there.
    pub over_limit: Vec<(&'f str, Cell)>,
    pub unseen: &'f Unseen<'f>,
    pub policy: &'f Policy,
    /// What decided, and what had been counted by then.
    pub decided: Option<Crossing>,
    /// How many parts of regions are compared each by itself.
    pub parts_count: usize,
    /// Whether both ran in one region at the same time.
    pub is_overlap: bool,
    pub is_region_missing: bool,
    pub is_sampled: bool,
    pub is_untimed: bool,
    pub is_worse_at_worst: bool,
    /// What a failure lacks beside the evidence.
    pub short: Option<Short>,
    pub regions_count: usize,
    /// Whether anything was compared yet.
    pub has_closed: bool,
    pub last_window: Option<i64>,
    /// The highest rate of the canary that is not ruled out.
    pub rate_upper: f64,
    /// How many regions have enough requests of the canary.
    pub covered_count: usize,
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many times as much, in three digits at most.
pub(crate) fn times(value: f64) -> String {
    let text = digits(value);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A share of one in percent, with as many digits as say something.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 100.0 {
        return format!("{percent:.0} %");
    }
    // Near to all, the digits of what is left tell something.
    let nearest = percent.min(100.0 - percent).max(1e-5);
    let after = (1.0 - nearest.log10().floor()).clamp(0.0, 6.0) as usize;
    let after = if percent > 90.0 && nearest >= 1.0 { 0 } else { after };
    let text = format!("{percent:.after$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

fn of(failed: u64, units: u64) -> String {
    let share = if units == 0 { String::new() } else { format!(" ({})", percent(failed as f64 / units as f64)) };
    format!("{} of {}{share}", grouped(failed), grouped(units))
}

/// `9 of 1,000 (0.9 %) of the canary's requests failed, and 3 of 9,000 (0.033 %) of the baseline's`.
pub(crate) fn rates(metric: Metric, counts: &Cell) -> String {
    rates_in(metric, counts, "")
}

/// The same in some place.
fn rates_in(metric: Metric, counts: &Cell, place: &str) -> String {
    let Terms { units_failed, of_canary, of_baseline, .. } = metric.terms();
    let of_canary = format!("{} of {of_canary} {units_failed}{place}", of(counts.x_b, counts.n_b));
    if counts.n_a == 0 {
        return of_canary;
    }
    format!("{of_canary}, and {} of {of_baseline}", of(counts.x_a, counts.n_a))
}

/// Whether the canary's rate over everything is the higher one.
fn is_higher(counts: &Cell) -> bool {
    counts.n_a == 0 || counts.x_b as f64 * counts.n_a as f64 > counts.x_a as f64 * counts.n_b as f64
}

/// A limit is one for all regions together: where one of them alone does not show that it keeps it, that is said.
fn above_limit(units_failed: &str, regions: &[(&str, Cell, f64)]) -> String {
    if regions.is_empty() {
        return String::new();
    }
    let of = |(name, cell, upper): &(&str, Cell, f64)| {
        format!(
            "{name} ({} {units_failed}, and up to {} is not ruled out)",
            self::of(cell.x_b, cell.n_b),
            percent(*upper)
        )
    };
    let named: Vec<String> = regions.iter().map(of).collect();
    format!("; that is of all regions together, and alone it is not shown in {}", some_of(&named))
}

/// What is said of a comparison.
pub(crate) struct Said {
    /// Why, in one sentence.
    pub reason: String,
    /// What to do, where waiting changes nothing.
    pub remedy: Option<String>,
    /// The region whose drift the sentence tells of.
    pub told_drift: Option<String>,
}

impl Said {
    fn of(reason: String) -> Said {
        Said { reason, remedy: None, told_drift: None }
    }

    fn new(reason: String, remedy: impl Into<String>) -> Said {
        Said { remedy: Some(remedy.into()), ..Said::of(reason) }
    }
}

/// Why it is so, and what to do.
pub(crate) fn say(verdict: Verdict, facts: &Facts<'_>) -> Said {
    match verdict {
        Verdict::Inconclusive => undecided(facts),
        _ => Said::of(reason(verdict, facts)),
    }
}

fn reason(verdict: Verdict, facts: &Facts<'_>) -> String {
    let counts = &facts.counts;
    match verdict {
        Verdict::Fail => fails(facts),
        Verdict::Invalid => {
            let (shared, weight) = (counts, facts.policy.weight.unwrap_or_default());
            let share = shared.n_b as f64 / shared.units().max(1) as f64;
            let vanished =
                |region| format!("; in {region} nothing more is heard of the canary, while the baseline goes on there");
            let vanished = facts.unseen.vanished().map_or_else(String::new, vanished);
            format!(
                "the canary got {} of the requests where {} was meant ({} of {}), and chance does not explain that: who \
                 gets the canary is decided by something else, so a comparison may deceive and nothing passes{vanished}",
                percent(share),
                percent(weight),
                grouped(shared.n_b),
                grouped(shared.units())
            )
        }
        Verdict::NoData if facts.metric == Metric::Mixed => "no trace met both releases".to_owned(),
        Verdict::NoData if counts.n_a == 0 => {
            "no request was counted, neither of the canary nor of the baseline".to_owned()
        }
        Verdict::NoData => {
            format!("no request of the canary was counted, beside {} of the baseline", grouped(counts.n_a))
        }
        Verdict::Inconclusive if facts.metric == Metric::Mixed => {
            format!(
                "whether traces that met both releases fail more often cannot be said: {}",
                rates(facts.metric, counts)
            )
        }
        Verdict::Pass => passes(facts),
        Verdict::Inconclusive => undecided(facts).reason,
    }
}

fn fails(facts: &Facts<'_>) -> String {
    let Terms { canary, fails, failed, baseline, .. } = facts.metric.terms();
    let earlier = facts.decided.filter(|decided| Some(decided.window) != facts.last_window);
    let compared = facts.decided.map_or(facts.counts, |decided| decided.compared);
    // Odds are rates where failures are rare.
    let by = match facts.policy.tolerance > 1.0 {
        true if is_rare(&compared) => {
            format!("more than {} times as often as {baseline}", times(facts.policy.tolerance))
        }
        true => format!("more often than {baseline}, at more than {} times the odds", times(facts.policy.tolerance)),
        false => format!("more often than {baseline}"),
    };
    if let Some(earlier) = earlier {
        return format!(
            "{canary} {failed} {by} up to an earlier minute, and that decision stays: {} by then; all in all {}",
            rates(facts.metric, &earlier.counts),
            rates(facts.metric, &facts.counts)
        );
    }
    if !facts.worse.is_empty() {
        let names: Vec<&str> = facts.worse.iter().map(|(name, _)| *name).collect();
        let there = facts.worse.iter().fold(Cell::default(), |sum, (_, cell)| sum + *cell);
        return format!(
            "{canary} {fails} {by} in {}: side by side, {}",
            list(&names),
            rates_in(facts.metric, &there, " there")
        );
    }
    let part = facts.unseen.worse_part().map_or_else(String::new, |(region, part, cell)| {
        let of_part = words_of_part(facts.metric, part);
        format!("; {of_part} in {region} alone, {}", rates(facts.metric, &cell))
    });
    match is_higher(&compared) {
        true => format!("{canary} {fails} {by}: side by side, {}{part}", rates(facts.metric, &compared)),
        false => format!(
            "{canary} {fails} {by} wherever both ran side by side, although not all in all, because its share and the rate \
             differ from {} to {0}: {}{part}",
            match facts.parts_count {
                0 | 1 if facts.regions_count > 1 => "region",
                0 | 1 => "minute",
                _ if facts.metric == Metric::Mixed => "number of calls",
                _ => "function",
            },
            rates(facts.metric, &compared)
        ),
    }
}

/// Whether failures are so rare that odds and rates are nearly the same.
fn is_rare(counts: &Cell) -> bool {
    let rate = |failed: u64, units: u64| failed as f64 / units.max(1) as f64;
    rate(counts.x_a, counts.n_a).max(rate(counts.x_b, counts.n_b)) < 0.1
}

fn passes(facts: &Facts<'_>) -> String {
    let Terms { canary, fails, units_failed, baseline, .. } = facts.metric.terms();
    let earlier = match facts.decided.filter(|decided| Some(decided.window) != facts.last_window) {
        Some(_) => ", as had come out up to an earlier minute, which stays",
        None => "",
    };
    let compared = facts.decided.map_or(facts.counts, |decided| decided.compared);
    if facts.decided.is_some_and(|decided| decided.is_by_limit) {
        let limit = facts.policy.slo.map_or_else(|| "the limit".to_owned(), percent);
        return format!(
            "{canary} {fails} less often than {limit}, whatever {baseline} does{earlier}: {}{}",
            rates(facts.metric, &facts.counts),
            above_limit(units_failed, &facts.above_limit)
        );
    }
    let little = match by_little(facts) {
        Some(by) => format!("; it {fails} more often for sure, {by}"),
        None => String::new(),
    };
    let margin = times(facts.policy.margin);
    let worse = match is_rare(&compared) {
        true => format!("{margin} times as often as {baseline}"),
        false => format!("at {margin} times the odds of {baseline}"),
    };
    format!(
        "a canary that {fails} {worse} would have shown, and this one has not{earlier}: side by side, {}{little}",
        rates(facts.metric, &compared)
    )
}

/// How a limit of its own passes a canary where there is nothing to compare.
fn by_limit(facts: &Facts<'_>) -> String {
    let Terms { hardly, limit, .. } = facts.metric.terms();
    match (limit, facts.policy.slo) {
        (Some(flag), None) => format!("; a limit of its own ({flag}) passes a canary that {hardly}"),
        (Some(flag), Some(limit)) => format!(
            "; below its limit of {} ({flag}) it passes all the same, and up to {} is not ruled out yet",
            percent(limit),
            percent(facts.rate_upper)
        ),
        (None, _) => String::new(),
    }
}

/// By how little it is worse for sure, where that is less than a failure takes.
fn by_little(facts: &Facts<'_>) -> Option<String> {
    let least = facts.policy.min_effect.filter(|_| facts.short == Some(Short::Small))?;
    let of_each =
        if facts.regions_count > 1 { ", in all regions together and in each that is worse for sure" } else { "" };
    Some(format!("by less than the {} of requests that a failure takes (--min-effect){of_each}", percent(least)))
}

/// Why nothing passes that nobody has seen, or that there is nothing to compare with.
fn hindered(facts: &Facts<'_>, rates: &str) -> Option<Said> {
    if facts.counts.n_a == 0 {
        let remedy = match facts.policy.slo.is_some() && !facts.unseen.is_without_baseline {
            true => "Bring the baseline back beside the canary, or ask again: its own limit may yet decide",
            false => "Bring the baseline back beside the canary, or decide by hand: alone it cannot be judged",
        };
        return Some(Said::new(format!("there is no baseline to compare the canary with: {rates}"), remedy));
    }
    not_counted(facts, rates).or_else(|| not_heard(facts, rates)).or_else(|| without_baseline(facts, rates))
}

/// What is missing from the counts of all regions.
fn not_counted(facts: &Facts<'_>, rates: &str) -> Option<Said> {
    if facts.is_region_missing {
        return Some(Said::new(
            format!("a region did not answer or a file could not be read, and nothing passes then: {rates}"),
            "See what does not answer or cannot be read (`transect doctor`), and ask again when it does",
        ));
    }
    if facts.is_sampled {
        return Some(Said::new(
            format!(
                "a sample rate kept a share of the requests, and all that failed or warned, so that what went well counts for \
                 less, and nothing passes then: {rates}"
            ),
            "Set TRANSECT_SAMPLE_RATE of the forwarder to 1, and compare anew from then on",
        ));
    }
    if facts.is_untimed {
        return Some(Said::new(
            format!(
                "of more than one in ten requests of the canary, or of the baseline, nobody knows how long they took, and slow \
                 ones may be among them, so nothing passes: {rates}"
            ),
            "See that both releases write reports or spans (a system log level of WARN leaves reports out), or judge without --slow",
        ));
    }
    if facts.is_worse_at_worst {
        return Some(Said::new(
            format!(
                "some {} requests are not counted, because they came too late, what they called had failed, or they name no \
                 request or release; with them the canary would not pass, and so it does not: {rates}",
                facts.metric.bad()
            ),
            "Look at what is not counted: at the service that was called, which the canary may have broken, and at what came late \
             (a longer --settle waits for it)",
        ));
    }
    None
}

/// Where nothing is heard, of any release or of the canary.
fn not_heard(facts: &Facts<'_>, rates: &str) -> Option<Said> {
    let Terms { canary, baseline, .. } = facts.metric.terms();
    if let Some(region) = facts.unseen.unheard {
        return Some(Said::new(
            format!("nothing was heard of {region}, which was asked for, and nothing passes then: {rates}"),
            format!(
                "See whether {region} is called so in the lake and its logs arrive (`transect doctor`), or leave it out of \
                 --region"
            ),
        ));
    }
    if let Some(region) = facts.unseen.silent() {
        return Some(Said::new(
            format!(
                "nothing more is heard of {region}, while others are heard: its rows may be late, and nothing passes then: \
                 {rates}"
            ),
            format!("See whether the logs of {region} still arrive (`transect doctor`), and ask again when they do"),
        ));
    }
    if let Some(region) = facts.unseen.vanished() {
        return Some(Said::new(
            format!(
                "in {region} nothing more is heard of {canary}, while {baseline} goes on there: it may crash before it can say \
                 so, get no traffic, or have been set back, and nothing passes then: {rates}"
            ),
            format!(
                "See whether the canary still gets traffic in {region} (the weight of its alias), and whether its logs arrive \
                 (`transect doctor`); where it was set back on purpose, there is nothing to wait for"
            ),
        ));
    }
    None
}

/// Where next to no baseline runs beside it.
fn without_baseline(facts: &Facts<'_>, rates: &str) -> Option<Said> {
    let Terms { canary, fails, .. } = facts.metric.terms();
    let bring_back = |region: &str| {
        format!(
            "Bring the baseline back beside the canary in {region}, or decide by hand: alone it cannot be judged there"
        )
    };
    if let Some((region, drift)) = facts.unseen.drifted() {
        let told = drifted("in", region, facts.metric, drift);
        let said = Said::new(
            format!("{told}, and too little of it is left to see, so that nothing passes: {rates}"),
            bring_back(region),
        );
        return Some(Said { told_drift: Some(region.to_owned()), ..said });
    }
    if let Some((region, part, cell)) = facts.unseen.worse_part() {
        let of_part = words_of_part(facts.metric, part);
        return Some(Said::new(
            format!(
                "in {region}, {of_part} alone, {canary} {fails} {} and its baseline {}, which is more often for sure, and nothing \
                 passes then: {rates}",
                of(cell.x_b, cell.n_b),
                of(cell.x_a, cell.n_a)
            ),
            format!(
                "Look at what fails {of_part} in {region}; where its traffic is too little to compare, decide by hand"
            ),
        ));
    }
    if let Some(region) = facts.unseen.alone() {
        return Some(Said::new(
            format!(
                "in {region} {canary} {fails} more often than a baseline does, and next to no baseline runs \
                 beside it to tell why, and nothing passes then: {rates}"
            ),
            bring_back(region),
        ));
    }
    if facts.is_overlap && facts.unseen.is_without_baseline {
        return Some(Said::new(
            format!("next to no baseline runs beside the canary to compare it with: {rates}"),
            "Bring the baseline back beside the canary, or decide by hand: alone it cannot be judged",
        ));
    }
    (facts.has_closed && !facts.is_overlap).then(|| {
        Said::new(
            format!(
                "canary and baseline never ran in the same region at the same time, so one cannot be compared with the other: \
                 {rates}"
            ),
            "Run both side by side, or decide by hand: one after the other they cannot be compared",
        )
    })
}

/// One of several parts that are compared each with itself.
fn words_of_part(metric: Metric, part: &str) -> String {
    match metric {
        Metric::Mixed => format!("of traces of {part} calls"),
        Metric::Errors | Metric::Latency if part.is_empty() => "of no function".to_owned(),
        Metric::Errors | Metric::Latency => format!("of {part}"),
    }
}

/// What a canary did once its baseline was gone: `In us`, or `in us`.
pub(crate) fn drifted(at: &str, region: &str, metric: Metric, drift: f64) -> String {
    let Terms { canary, fail, has_failed, .. } = metric.terms();
    format!(
        "{at} {region} {canary} {has_failed} more often since its baseline is gone, or all but gone, than the baseline did before: \
         to do the same, a baseline would have to {fail} at least {} times as often as it did",
        times(drift)
    )
}

fn undecided(facts: &Facts<'_>) -> Said {
    let Terms { canary, fails, has_failed, units_failed, baseline, limit, .. } = facts.metric.terms();
    let counts = &facts.counts;
    let rates = rates(facts.metric, counts);
    if let Some(limit) = facts.policy.slo.filter(|_| !facts.over_limit.is_empty()) {
        let named =
            facts.over_limit.iter().map(|(name, cell)| format!("{name} ({} {units_failed})", of(cell.x_b, cell.n_b)));
        let names: Vec<&str> = facts.over_limit.iter().map(|(name, _)| *name).collect();
        return Said::new(
            format!(
                "{canary} {fails} less often than {} in all regions together, and more often for sure in {}, so it does not pass \
                 by that limit: {rates}",
                percent(limit),
                some_of(&named.collect::<Vec<_>>())
            ),
            format!("See why {canary} {fails} in {}, or set it back there", some_of(&names)),
        );
    }
    if let Some(said) = hindered(facts, &rates) {
        return said;
    }
    if let Some(by) = by_little(facts) {
        return Said::new(
            format!("{canary} {fails} more often than {baseline} for sure, {by}: {rates}"),
            "Decide whether so little matters: without --min-effect it is a failure",
        );
    }
    if let Some(Short::Few { failed, of_canary }) = facts.short {
        return Said::of(format!(
            "so few requests {units_failed} that it is no failure yet, although the evidence for one is there: that takes \
             {FAILED_MIN}, {FAILED_CANARY_MIN} of them the canary's, and side by side there are {failed}, {of_canary} of them the canary's: \
             {rates}"
        ));
    }
    if counts.failed() == 0 {
        let reason = format!(
            "nothing {has_failed}, neither of {} requests of the canary nor of {} of the baseline, so the two cannot be told \
             apart{}",
            grouped(counts.n_b),
            grouped(counts.n_a),
            by_limit(facts)
        );
        return match limit.filter(|_| facts.policy.slo.is_none()) {
            Some(flag) => Said::new(
                reason,
                format!(
                    "Say with {flag} below what rate it passes by itself: as long as nothing {fails}, waiting changes nothing"
                ),
            ),
            None => Said::of(reason),
        };
    }
    if facts.covered_count == 0 {
        return Said::of(format!(
            "too little has come to the canary to say whether it is worse: {rates}, and no region has had {} requests of the \
             canary",
            grouped(facts.policy.min_requests)
        ));
    }
    Said::of(format!("whether the canary is worse cannot be said yet: {rates}"))
}

/// What to do now: by a remedy where waiting changes nothing, and by how many more requests would decide.
pub(crate) fn action(
    verdict: Verdict,
    roll_back: &[&str],
    is_of_all: bool,
    remedy: Option<&str>,
    uncovered: &[&str],
    more: Option<&str>,
) -> String {
    match verdict {
        Verdict::Fail if roll_back.is_empty() => "Roll the canary back".to_owned(),
        Verdict::Fail if is_of_all => format!(
            "Roll the canary back in {}: none of these is worse for sure by itself, only all together, and so all that have the \
             canary are named",
            list(roll_back)
        ),
        Verdict::Fail => format!("Roll the canary back in {}", list(roll_back)),
        Verdict::Invalid => {
            "Do not promote. Find out why the share is off (weights of the alias, who calls a version by its number, \
             retries), put it right, and compare anew from then on"
                .to_owned()
        }
        Verdict::NoData => {
            "Do not promote. See whether the canary gets traffic at all, and whether its logs arrive (`transect doctor`)"
                .to_owned()
        }
        Verdict::Pass if uncovered.is_empty() => "Go on: promote it, or begin the next wave".to_owned(),
        Verdict::Pass => format!(
            "Go on: promote it, or begin the next wave; too few requests came to the canary in {} to say anything of it there",
            some_of(uncovered)
        ),
        Verdict::Inconclusive => match (remedy, more) {
            (Some(remedy), Some(more)) => format!("{remedy}; {more}"),
            (Some(remedy), None) => remedy.to_owned(),
            (None, Some(more)) => format!("Keep canary and baseline as they are, and ask again: {more}"),
            (None, None) => {
                "Keep canary and baseline as they are, both with traffic in each region, and ask again".to_owned()
            }
        },
    }
}

/// The first of them, and how many more there are.
fn some_of(names: &[impl AsRef<str>]) -> String {
    let (shown, left) = names.split_at(names.len().min(NAMES_MAX));
    let more = (!left.is_empty()).then(|| format!("{} more", left.len()));
    list(&shown.iter().map(AsRef::as_ref).chain(more.as_deref()).collect::<Vec<_>>())
}

/// `a, b and c`.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let shares = [0.0, 0.1, 0.25, 0.000_333_3, 0.056_66, 1.0, 0.5].map(percent);
        assert_eq!(shares, ["0 %", "10 %", "25 %", "0.033 %", "5.7 %", "100 %", "50 %"]);
        assert_eq!([0.996, 0.999_5, 0.95, 0.999_999].map(percent), ["99.6 %", "99.95 %", "95 %", "99.9999 %"]);
        assert_eq!(
            [4.0, 1.3 * 1.3, 10.0, 1.0, 1.5, 123.4, 3.884, 1e9].map(times),
            ["4", "1.69", "10", "1", "1.5", "123", "3.88", "1.00e9"]
        );
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        let all = action(Verdict::Fail, &["a", "b"], true, None, &[], None);
        assert!(all.starts_with("Roll the canary back in a and b: none of these is worse for sure by itself"), "{all}");
    }
}
