//! A comparison while windows pass: blocks close, evidence grows, lines are crossed. It refuses to count a block that is
//! open, and to pass a region that it knows nothing of.

use std::collections::BTreeSet;

use crate::bets::Bets;
use crate::blocks::{Block, Blocks};
use crate::counts::{Cell, Counts, Place};
use crate::described::{Estimate, Strata, newcombe, wilson};
use crate::evidence::{Grid, LnLikelihoods, e_bh, odds_ratio};
use crate::gates::{SAMPLE_RATIO_MAX, drift_explained, rate_lower, rate_upper, sample_ratio};
use crate::hypergeometric::Likelihood;
use crate::special::ln_mean_exp;
use crate::verdict::{
    Crossing, History, Hypothesis, Looks, Metric, Needs, Policy, Region, RegionVerdict, Report, Totals, Verdict,
    WindowEvidence,
};
use crate::words;

/// Failed units of both releases, and of the canary, in closed blocks that a failure takes at least.
pub(crate) const FAILED_MIN: u64 = 5;
pub(crate) const FAILED_CANARY_MIN: u64 = 3;
/// A baseline that has less than one unit in so many has left: what it still does is too little to tell a canary's failures
/// from those of both. A rollout leaves it twice as much.
const LEFT_BASELINE_UNITS: u128 = 20;
/// Units of a baseline without which its rate is as good as unknown.
const BASELINE_UNITS_MIN: u64 = 20;
/// What is not heard for longer, while others are, is silent: as long as a state counts again. What has so little traffic that
/// it was silent before is so from twice its longest silence on.
const SILENT_MINUTES: i64 = 15;
const SILENT_TIMES: i64 = 2;
/// How many times as much as was counted is looked ahead to.
const AHEAD_MAX: f64 = 1e6;

/// What is known of a region, or of all, while windows pass.
#[derive(Clone, Default)]
struct Running {
    /// All that was counted.
    counts: Cell,
    /// Of it, what stands in closed blocks, and in those of them that have both releases.
    closed: Cell,
    compared: Cell,
    ln: LnLikelihoods,
    /// In place of the likelihoods, where failures come in bursts.
    bets: Option<Bets>,
    strata: Strata,
}

impl Running {
    fn new(policy: &Policy) -> Running {
        Running { bets: policy.robust.then(Bets::default), ..Running::default() }
    }

    fn add(&mut self, block: &Cell, told: Option<&(LnLikelihoods, Option<Bets>)>) {
        self.closed += *block;
        if block.has_both() {
            self.compared += *block;
        }
        self.strata.add(block);
        if let Some((ln, bets)) = told {
            self.ln.add(ln);
            if let (Some(sum), Some(bets)) = (&mut self.bets, bets) {
                sum.add(bets);
            }
        }
    }

    fn ln_fail(&self) -> f64 {
        self.bets.as_ref().map_or_else(|| self.ln.ln_fail(), Bets::ln_fail)
    }

    fn ln_pass(&self) -> f64 {
        self.bets.as_ref().map_or_else(|| self.ln.ln_pass(), Bets::ln_pass)
    }

    fn ln_region_pass(&self) -> f64 {
        self.bets.as_ref().map_or_else(|| self.ln.ln_region_pass(), Bets::ln_region_pass)
    }

    /// As if everything had been counted so many times.
    fn times(&self, factor: f64) -> Running {
        let bets = self.bets.as_ref().map(|bets| bets.times(factor));
        Running { ln: self.ln.times(factor), bets, ..Running::default() }
    }

    fn totals(&self, counts: &Cell, ln_e_fail: f64, ln_e_pass: f64) -> Totals {
        Totals {
            counts: *counts,
            ln_e_fail,
            ln_e_pass,
            rate_a: wilson(counts.x_a, counts.n_a),
            rate_b: wilson(counts.x_b, counts.n_b),
            risk_ratio: self.strata.risk_ratio(),
        }
    }
}

/// When something was heard.
#[derive(Clone, Copy, Default)]
struct Pulse {
    /// The last minute in which it was.
    last: Option<i64>,
    /// The longest time between two such minutes.
    silence: i64,
}

impl Pulse {
    fn hear(&mut self, minute: i64) {
        self.silence = self.last.map_or(0, |last| minute.saturating_sub(last)).max(self.silence);
        self.last = Some(minute);
    }

    /// Whether it was heard, and is no more, while another one was heard in this minute.
    fn is_silent(&self, latest: Option<i64>) -> bool {
        let least = SILENT_MINUTES.max(self.silence.saturating_mul(SILENT_TIMES));
        latest.zip(self.last).is_some_and(|(latest, last)| latest.saturating_sub(last) > least)
    }
}

/// A region while windows pass.
struct OfRegion {
    running: Running,
    ln_fail: f64,
    /// Of each part.
    blocks: Vec<Blocks>,
    /// What is known of each part that ran, where there are several, and its evidence.
    parts: Vec<Option<Box<(Running, f64)>>>,
    /// The minutes of its cells in the order in which they were counted, and how many have been.
    minutes: Vec<i64>,
    taken: usize,
    /// All that was counted, before the canary came as well: of the region, and then of each part.
    own: Vec<Cell>,
    /// The canary's first minute.
    begins: Option<i64>,
    /// The last minute in which either release ran, and its window.
    last: Option<(i64, i64)>,
    /// When either release ran, and when each of them did.
    heard: Pulse,
    baseline_heard: Pulse,
    canary_heard: Pulse,
}

impl OfRegion {
    fn hear(&mut self, minute: i64, cell: &Cell) {
        let of_each = [&mut self.heard, &mut self.baseline_heard, &mut self.canary_heard];
        for (pulse, units) in of_each.into_iter().zip([cell.units(), cell.n_a, cell.n_b]) {
            if units > 0 {
                pulse.hear(minute);
            }
        }
    }

    /// A region begins with its canary: before, a wave has not reached it, and there is neither share nor comparison.
    fn is_counted(&self, minute: i64, exclude_first: i64) -> bool {
        self.begins.is_some_and(|begins| minute >= begins.saturating_add(exclude_first))
    }

    /// The evidence now.
    fn ln_fail_now(&self) -> f64 {
        mixed_evidence(self.running.ln_fail(), self.parts.iter().flatten().map(|part| part.1).collect())
    }

    /// The evidence, if everything had been counted so many times.
    fn ln_fail_times(&self, factor: f64) -> f64 {
        let parts = self.parts.iter().flatten().map(|part| part.0.times(factor).ln_fail());
        mixed_evidence(self.running.times(factor).ln_fail(), parts.collect())
    }

    fn open_blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter_map(Blocks::open)
    }
}

/// Failed units, and units: of the baseline of a region, or of a part of it, until it left, and of the canary since.
#[derive(Clone, Copy, Default)]
struct Left {
    before: (u64, u64),
    after: (u64, u64),
}

/// What forbids a pass, whatever the evidence says, because nobody has seen it or because it speaks against the canary where
/// there is nothing to compare it with.
pub(crate) struct Unseen<'c> {
    names: &'c [String],
    /// A region that was asked for and in which nothing ran.
    pub unheard: Option<&'c str>,
    /// Regions in which something ran, and of which nothing more is heard while others are.
    silent: Vec<bool>,
    /// Regions in which the canary ran, and is heard no more while its baseline there is.
    vanished: Vec<bool>,
    /// By how much the rate would have had to rise by itself, in each region in which the canary has failed more often since
    /// its baseline is gone than the baseline did before.
    drifts: Vec<Option<f64>>,
    /// Regions with next to no baseline in which the canary fails more often than a baseline does elsewhere.
    alone: Vec<bool>,
    /// In each region, the part of several whose canary fails more often than its own baseline for sure, by all that was
    /// counted of both: where blocks of it have one of them alone, or others speak for the canary, evidence does not say so.
    worse_parts: Vec<Option<(&'c str, Cell)>>,
    /// The releases never ran side by side, or next to nothing of the baseline did, and no limit is left by which the canary
    /// could be judged.
    pub is_without_baseline: bool,
}

impl<'c> Unseen<'c> {
    fn first(&self, are_so: &[bool]) -> Option<&'c str> {
        are_so.iter().zip(self.names).find(|(is_so, _)| **is_so).map(|(_, name)| name.as_str())
    }

    /// A region of which nothing more is heard while others are.
    pub(crate) fn silent(&self) -> Option<&'c str> {
        self.first(&self.silent)
    }

    /// A region in which the canary is heard no more while its baseline is.
    pub(crate) fn vanished(&self) -> Option<&'c str> {
        self.first(&self.vanished)
    }

    /// A region in which the canary has failed since its baseline is gone, and by how much the rate would have had to rise by
    /// itself.
    pub(crate) fn drifted(&self) -> Option<(&'c str, f64)> {
        self.drifts.iter().zip(self.names).find_map(|(drift, name)| Some((name.as_str(), (*drift)?)))
    }

    /// A region with next to no baseline in which it fails.
    pub(crate) fn alone(&self) -> Option<&'c str> {
        self.first(&self.alone)
    }

    /// A region, and the part of it whose canary fails more often than its own baseline for sure.
    pub(crate) fn worse_part(&self) -> Option<(&'c str, &'c str, Cell)> {
        self.worse_parts
            .iter()
            .zip(self.names)
            .find_map(|(worse, name)| worse.map(|(part, cell)| (name.as_str(), part, cell)))
    }

    fn is_some(&self) -> bool {
        self.unheard.is_some() || self.is_without_baseline || (0..self.drifts.len()).any(|place| self.is_against(place))
    }

    /// Whether it forbids a pass because of this region.
    fn is_against(&self, place: usize) -> bool {
        self.silent[place]
            || self.vanished[place]
            || self.drifts[place].is_some()
            || self.alone[place]
            || self.worse_parts[place].is_some()
    }
}

/// What a failure lacks, where the evidence for it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Short {
    /// So few units have failed in closed blocks, and so few of them are the canary's.
    Few { failed: u64, of_canary: u64 },
    /// The difference is smaller than one that the policy minds.
    Small,
}

/// A comparison while windows pass.
pub(crate) struct Process<'c> {
    counts: &'c Counts,
    /// As it is for this metric.
    policy: Policy,
    metric: Metric,
    /// Whether slow units may be among those of which nobody knows how long they took.
    is_untimed: bool,
    grid: Grid,
    looks: Looks,
    /// What is held against nobody speaks against a pass.
    is_worse_at_worst: bool,
    at: usize,
    regions: Vec<OfRegion>,
    all: Running,
    likelihoods: Vec<Likelihood>,
    blocks: Vec<Block>,
    /// When open blocks close by the clock, and the place of each.
    due: BTreeSet<(i64, Place)>,
    windows: Vec<WindowEvidence>,
    fail: Option<Crossing>,
    /// The regions to be rolled back by what was known then.
    fail_roll_back: RollBack,
    pass: Option<Crossing>,
    evidence: Evidence,
}

/// Regions that are to be rolled back.
#[derive(Clone, Debug, Default)]
struct RollBack {
    regions: Vec<bool>,
    /// None of several is worse for sure by itself.
    is_of_all: bool,
}

/// The evidence at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Evidence {
    ln_product: f64,
    ln_mean: f64,
    ln_fail: f64,
    ln_pass: f64,
}

impl<'c> Process<'c> {
    pub(crate) fn new(of: &Hypothesis<'c>, looks: Looks, is_worse_at_worst: bool) -> Process<'c> {
        let Hypothesis { counts, metric, .. } = *of;
        let policy = of.policy.of(metric);
        let mut minutes: Vec<Vec<i64>> = vec![Vec::new(); counts.regions.len()];
        for (window, place, _) in &counts.cells {
            minutes[place.region as usize].push(counts.clock.minute(*window));
        }
        let regions = minutes.into_iter().zip(counts.begins()).map(|(minutes, begins)| OfRegion {
            running: Running::new(&policy),
            ln_fail: 0.0,
            blocks: vec![Blocks::of(counts.parts.len()); counts.parts.len()],
            parts: vec![None; counts.parts.len()],
            minutes,
            taken: 0,
            own: vec![Cell::default(); tracks_of(counts.parts.len())],
            begins,
            last: None,
            heard: Pulse::default(),
            baseline_heard: Pulse::default(),
            canary_heard: Pulse::default(),
        });
        Process {
            counts,
            policy,
            metric,
            is_untimed: of.is_untimed && metric == Metric::Latency,
            grid: Grid::new(policy.tolerance, policy.margin, policy.margin_of_region()),
            looks,
            is_worse_at_worst,
            at: 0,
            regions: regions.collect(),
            all: Running::new(&policy),
            // As many as there are busy minutes. What is not needed of it is never touched.
            likelihoods: Vec::with_capacity(counts.cells.len()),
            blocks: Vec::with_capacity(counts.cells.len()),
            due: BTreeSet::new(),
            windows: Vec::new(),
            fail: None,
            fail_roll_back: RollBack::default(),
            pass: None,
            evidence: Evidence::default(),
        }
    }

    pub(crate) fn next_window(&self) -> Option<i64> {
        self.counts.cells.get(self.at).map(|(window, ..)| *window)
    }

    /// Takes in what was counted in a window, if anything was, and lets the clocks come to its end.
    pub(crate) fn advance(&mut self, window: i64) {
        let counts = self.counts;
        let minute = counts.clock.minute(window);
        let is_due = self.next_window() == Some(window);
        let until = match is_due {
            true => self.at + counts.cells[self.at..].iter().take_while(|(other, ..)| *other == window).count(),
            false => self.at,
        };
        let mut closed: Vec<Block> = Vec::new();
        let mut of_window = Cell::default();
        for (_, place, cell) in &counts.cells[self.at..until] {
            let of_region = &mut self.regions[place.region as usize];
            of_region.taken += 1;
            tracks(*place, counts.parts.len()).for_each(|track| of_region.own[track] += *cell);
            of_region.hear(minute, cell);
            if cell.units() > 0 {
                of_region.last = of_region.last.max(Some((minute, window)));
            }
            if !of_region.is_counted(minute, counts.exclude_first) {
                continue;
            }
            let blocks = &mut of_region.blocks[place.part as usize];
            if let Some(due) = blocks.due() {
                self.due.remove(&(due, *place));
            }
            blocks.add(*place, window, minute, cell, &mut |block| closed.push(block));
            if let Some(due) = blocks.due() {
                self.due.insert((due, *place));
            }
            of_region.running.counts += *cell;
            if counts.parts.len() > 1 {
                let part = &mut of_region.parts[place.part as usize];
                part.get_or_insert_with(|| Box::new((Running::new(&self.policy), 0.0))).0.counts += *cell;
            }
            self.all.counts += *cell;
            of_window += *cell;
        }
        self.at = until;
        self.pass_time(minute, &mut closed);
        for block in &closed {
            self.take(block);
        }
        self.blocks.extend(&closed);
        // Several blocks of a region stand side by side.
        closed.dedup_by_key(|block| block.region);
        for block in &closed {
            let of_region = &mut self.regions[block.region as usize];
            // A part that has begun to run meanwhile changes it as well, with the region's next block.
            of_region.ln_fail = of_region.ln_fail_now();
        }
        self.evidence = self.evidence();
        let Evidence { ln_product, ln_mean, ln_fail, ln_pass } = self.evidence;
        if self.all.counts.units() == 0 {
            return;
        }
        self.windows.push(WindowEvidence {
            window,
            counts: of_window,
            ln_e_fail: ln_fail,
            ln_e_fail_product: ln_product,
            ln_e_fail_mean: ln_mean,
            ln_e_pass: ln_pass,
        });
    }

    /// Closes blocks whose time is over after this minute, but of regions whose clocks have not come there.
    fn pass_time(&mut self, minute: i64, closed: &mut Vec<Block>) {
        let mut later: Vec<(i64, Place)> = Vec::new();
        while let Some((due, place)) = self.due.first().copied().filter(|(due, _)| *due <= minute) {
            self.due.pop_first();
            let of_region = &mut self.regions[place.region as usize];
            let waits = of_region.minutes.get(of_region.taken).is_some_and(|next| *next <= minute);
            let is_behind = self
                .counts
                .regions
                .get(place.region as usize)
                .and_then(|name| self.counts.clock.last_minute(name))
                .is_some_and(|last| last < due);
            if waits || is_behind {
                later.push((due, place));
            } else {
                closed.extend(of_region.blocks[place.part as usize].pass(due));
            }
        }
        self.due.extend(later);
    }

    /// Takes in a block that closed.
    fn take(&mut self, block: &Block) {
        let cell = &block.counts;
        let policy = self.policy;
        let told = cell.compares().then(|| {
            let likelihood = Likelihood::of(cell);
            let ln = LnLikelihoods::of(&likelihood, &self.grid);
            let bets = policy
                .robust
                .then(|| Bets::of(&likelihood, policy.tolerance, policy.margin, policy.margin_of_region()));
            self.likelihoods.push(likelihood);
            (ln, bets)
        });
        let region = &mut self.regions[block.region as usize];
        for sum in [&mut region.running, &mut self.all] {
            sum.add(cell, told.as_ref());
        }
        if let Some((part, ln_fail)) = region.parts[block.part as usize].as_deref_mut() {
            part.add(cell, told.as_ref());
            *ln_fail = part.ln_fail();
        }
    }

    /// How many regions one bad one may be among.
    fn regions_count(&self) -> usize {
        self.regions.iter().filter(|region| self.is_one(region)).count()
    }

    /// Whether it is one of those among which one may be bad: it was asked for, or either release ran there.
    fn is_one(&self, region: &OfRegion) -> bool {
        self.counts.are_named || region.own[0].units() > 0
    }

    fn evidence(&self) -> Evidence {
        self.evidence_of(&self.all, |region| region.ln_fail)
    }

    /// The evidence, where this is known of all and the evidence of each region is so much.
    fn evidence_of(&self, all: &Running, ln_fail: impl Fn(&OfRegion) -> f64) -> Evidence {
        let ln_product = all.ln_fail();
        let of_regions: Vec<f64> = self.regions.iter().filter(|region| self.is_one(region)).map(ln_fail).collect();
        let ln_mean = match of_regions.len() {
            0 => 0.0,
            _ => ln_mean_exp(&of_regions),
        };
        let ln_fail = ln_mean_exp(&[ln_product, ln_mean]);
        Evidence { ln_product, ln_mean, ln_fail, ln_pass: all.ln_pass() }
    }

    /// ln of the evidence that the canary is worse, if enough failed for it to decide.
    pub(crate) fn ln_worse(&self) -> Option<f64> {
        (self.is_enough() && self.is_large(|region| region.ln_fail)).then_some(self.evidence.ln_fail)
    }

    fn is_enough(&self) -> bool {
        let closed = &self.all.closed;
        closed.failed() >= FAILED_MIN && closed.x_b >= FAILED_CANARY_MIN
    }

    /// Whether the difference is as large as a failure takes: of all regions together, or of one that is worse for sure, where
    /// the evidence of each is so much. Regions that are fine hide none that is not.
    fn is_large(&self, ln_fail: impl Fn(&OfRegion) -> f64) -> bool {
        let Some(least) = self.policy.min_effect else { return true };
        let is_as_large = |of: &Running| of.strata.risk_difference().estimate.is_some_and(|found| found >= least);
        let worse = || self.worse_alone(&ln_fail).into_iter().zip(&self.regions);
        is_as_large(&self.all) || worse().any(|(is_worse, region)| is_worse && is_as_large(&region.running))
    }

    /// What a failure lacks beside the evidence, as one of so many comparisons.
    fn short(&self, comparisons: usize) -> Option<Short> {
        let is_sure = self.evidence.ln_fail >= self.policy.ln_fail_line(comparisons);
        let closed = &self.all.closed;
        match is_sure && self.ln_worse().is_none() {
            true if self.is_enough() => Some(Short::Small),
            true => Some(Short::Few { failed: closed.failed(), of_canary: closed.x_b }),
            false => None,
        }
    }

    /// A crossing after this window.
    fn crossing(&self, verdict: Verdict, window: i64, ln_evidence: f64, is_by_limit: bool) -> Crossing {
        let Running { counts, compared, .. } = self.all;
        Crossing { verdict, window, counts, compared, ln_evidence, is_by_limit }
    }

    /// Notes the first crossings of both lines.
    pub(crate) fn cross(&mut self, window: i64, fails: bool) {
        if fails && self.fail.is_none() {
            self.fail = Some(self.crossing(Verdict::Fail, window, self.evidence.ln_fail, false));
            self.fail_roll_back = self.worse_regions();
        }
        if self.pass.is_none() && !self.counts.clock.is_incomplete(window) {
            let passes = self.passes();
            self.pass =
                passes.map(|(ln_evidence, is_by_limit)| self.crossing(Verdict::Pass, window, ln_evidence, is_by_limit));
        }
    }

    fn named_regions(&self) -> impl Iterator<Item = (&'c str, &OfRegion)> {
        self.counts.regions.iter().map(String::as_str).zip(&self.regions)
    }

    /// When the baseline of each region left, and then that of each part of it: its longest last part in which the baseline is
    /// next to nothing.
    fn left(&self) -> Vec<Vec<Left>> {
        let of_region = vec![(Cell::default(), Cell::default()); tracks_of(self.counts.parts.len())];
        let mut since = vec![of_region; self.regions.len()];
        let cells = &self.counts.cells[..self.at];
        for (index, (window, place, cell)) in cells.iter().enumerate().rev() {
            let minute = self.counts.clock.minute(*window);
            if !self.regions[place.region as usize].is_counted(minute, self.counts.exclude_first) {
                continue;
            }
            // Parts of one minute stand side by side: of the region it is known with the last of them.
            let before = index.checked_sub(1).map(|index| &cells[index]);
            let has_more = before.is_some_and(|(other, of, _)| (*other, of.region) == (*window, place.region));
            for track in tracks(*place, self.counts.parts.len()) {
                let (sum, left) = &mut since[place.region as usize][track];
                *sum += *cell;
                let is_whole = track > 0 || !has_more;
                if is_whole && u128::from(sum.n_a) * LEFT_BASELINE_UNITS < u128::from(sum.units()) {
                    *left = *sum;
                }
            }
        }
        let of = |(own, (_, left)): (&Cell, (Cell, Cell))| Left {
            before: (own.x_a - left.x_a, own.n_a - left.n_a),
            after: (left.x_b, left.n_b),
        };
        self.regions.iter().zip(since).map(|(region, since)| region.own.iter().zip(since).map(of).collect()).collect()
    }

    fn unseen(&self, left: &[Vec<Left>]) -> Unseen<'c> {
        let alpha = self.policy.alpha;
        let baseline = |cell: &Cell| (cell.x_a, cell.n_a);
        let everywhere: Vec<(u64, u64)> = (0..tracks_of(self.counts.parts.len()))
            .map(|track| self.regions.iter().fold(Cell::default(), |sum, region| sum + region.own[track]))
            .map(|cell| baseline(&cell))
            .collect();
        let is_alone = |(region, left): (&OfRegion, &Vec<Left>)| {
            left.iter().enumerate().any(|(track, left)| {
                // Its own baseline, else that of the same part elsewhere, else that of all.
                let mut known = [baseline(&region.own[track]), everywhere[track]].into_iter();
                let known = known.find(|known| known.1 >= BASELINE_UNITS_MIN).unwrap_or(everywhere[0]);
                left.before.1 < BASELINE_UNITS_MIN && drift_explained(known, left.after, alpha).is_some()
            })
        };
        let drift = |left: &Vec<Left>| {
            let of_tracks = left.iter().filter_map(|left| drift_explained(left.before, left.after, alpha));
            of_tracks.max_by(f64::total_cmp)
        };
        // Before the canary has come anywhere nothing can pass, and nothing is missed.
        let has_canary = self.all.counts.n_b > 0;
        let mut named = self.named_regions().filter(|_| self.counts.are_named && has_canary);
        let latest = self.regions.iter().filter_map(|region| region.heard.last).max();
        // Its rows may be late.
        let is_silent =
            |region: &OfRegion| (self.counts.are_named || region.begins.is_some()) && region.heard.is_silent(latest);
        // It may crash before its first line, or get no traffic any more.
        let is_vanished = |region: &OfRegion| region.canary_heard.is_silent(region.baseline_heard.last);
        Unseen {
            names: &self.counts.regions,
            unheard: named.find(|(_, region)| region.heard.last.is_none()).map(|(name, _)| name),
            silent: self.regions.iter().map(is_silent).collect(),
            vanished: self.regions.iter().map(is_vanished).collect(),
            drifts: left.iter().map(drift).collect(),
            alone: self.regions.iter().zip(left).map(is_alone).collect(),
            worse_parts: self.regions.iter().map(|region| self.worse_part(region)).collect(),
            is_without_baseline: has_canary
                && (!self.is_overlap() || self.is_baseline_stray())
                && (self.policy.slo.is_none() || self.is_above_slo()),
        }
    }

    /// The part of a region whose canary fails more often than its own baseline for sure.
    fn worse_part(&self, region: &OfRegion) -> Option<(&'c str, Cell)> {
        let alpha = self.policy.alpha / self.counts.parts.len() as f64;
        let parts = region.parts.iter().zip(&self.counts.parts);
        let worse = parts.filter_map(|(part, name)| {
            let cell = part.as_deref()?.0.counts;
            let drift = drift_explained((cell.x_a, cell.n_a), (cell.x_b, cell.n_b), alpha)?;
            Some((drift, name.as_str(), cell))
        });
        let (_, name, cell) = worse.min_by(|one, other| other.0.total_cmp(&one.0))?;
        Some((name, cell))
    }

    /// Whether what ran of the baseline is too little to know its rate, and next to nothing beside the canary.
    fn is_baseline_stray(&self) -> bool {
        let Cell { n_a, n_b, .. } = self.all.counts;
        n_a < BASELINE_UNITS_MIN && u128::from(n_a) * LEFT_BASELINE_UNITS < u128::from(n_b)
    }

    /// Whether the canary fails less often than the limit for sure, in all regions together.
    fn is_within_slo(&self) -> bool {
        self.is_below_slo(&self.all.counts)
    }

    fn is_below_slo(&self, counts: &Cell) -> bool {
        let Cell { n_b, x_b, .. } = *counts;
        n_b >= self.policy.min_requests.max(1)
            && self.policy.slo.is_some_and(|slo| rate_upper(x_b, n_b, self.policy.alpha) <= slo)
    }

    /// Whether the canary fails more often than the limit for sure, in one region or more.
    fn is_above_slo(&self) -> bool {
        self.regions.iter().any(|region| self.is_over_slo(&region.running.counts))
    }

    fn is_over_slo(&self, counts: &Cell) -> bool {
        self.policy.slo.is_some_and(|slo| rate_lower(counts.x_b, counts.n_b, self.policy.alpha) > slo)
    }

    fn ln_pass_line(&self) -> f64 {
        -self.policy.beta.ln()
    }

    fn is_covered(&self, region: &OfRegion) -> bool {
        region.running.counts.n_b >= self.policy.min_requests.max(1)
    }

    fn covered(&self) -> impl Iterator<Item = &OfRegion> {
        self.regions.iter().filter(|region| self.is_covered(region))
    }

    /// The evidence for a pass, if there is enough, and whether it is of the failure rate alone.
    fn passes(&self) -> Option<(f64, bool)> {
        // A region in which the canary ran without a baseline shows nothing, and so nothing passes by comparison.
        let least = self.covered().map(|region| region.running.ln_region_pass()).reduce(f64::min);
        let line = self.ln_pass_line();
        let passes = least.filter(|least| *least >= line && self.evidence.ln_pass >= line);
        let is_below_slo = || self.is_within_slo() && !self.is_above_slo();
        passes
            .map(|_| (self.evidence.ln_pass, false))
            .or_else(|| is_below_slo().then(|| (-self.policy.alpha.ln(), true)))
    }

    /// ln of the evidence that traffic is not shared as it was meant to be.
    fn ln_sample_ratio(&self) -> Option<f64> {
        self.policy.weight.map(|weight| sample_ratio(self.all.counts.n_a, self.all.counts.n_b, weight))
    }

    fn verdict(&self, fails: bool, history: History, is_hindered: bool) -> (Verdict, Option<Crossing>) {
        let now = |verdict, is_by_limit| {
            let window = self.windows.last().map_or(0, |last| last.window);
            let ln_evidence = if verdict == Verdict::Fail { self.evidence.ln_fail } else { self.evidence.ln_pass };
            Some(self.crossing(verdict, window, ln_evidence, is_by_limit))
        };
        let stays = history == History::Decides;
        if fails {
            return (Verdict::Fail, now(Verdict::Fail, false));
        }
        if let Some(crossing) = self.fail.filter(|_| stays) {
            return (Verdict::Fail, Some(crossing));
        }
        if self.ln_sample_ratio().is_some_and(|ln| ln >= SAMPLE_RATIO_MAX.ln()) {
            return (Verdict::Invalid, None);
        }
        if self.all.counts.n_b == 0 {
            return (Verdict::NoData, None);
        }
        match self.passes().filter(|_| !is_hindered) {
            Some((_, is_by_limit)) => (Verdict::Pass, now(Verdict::Pass, is_by_limit)),
            None => match self.pass.filter(|_| stays && !is_hindered) {
                Some(crossing) => (Verdict::Pass, Some(crossing)),
                None => (Verdict::Inconclusive, None),
            },
        }
    }

    /// What is said of it, as one of so many comparisons.
    pub(crate) fn report(&self, fails: bool, history: History, comparisons: usize) -> Report {
        let (all, policy) = (&self.all, &self.policy);
        let left = self.left();
        let unseen = self.unseen(&left);
        let is_hindered = self.is_hindered(&unseen);
        let described = self.described();
        let (verdict, decided) = self.verdict(fails, history, is_hindered);
        let roll_back = self.roll_back(verdict, fails);
        let regions = self.told_regions(verdict, decided, &roll_back, &unseen);
        let short = self.short(comparisons);
        let rate_upper = rate_upper(all.counts.x_b, all.counts.n_b, policy.alpha);
        let said = words::say(
            verdict,
            &words::Facts {
                metric: self.metric,
                counts: described,
                worse: self.worse_by_region(&roll_back),
                above_limit: self.above_limit(&regions),
                over_limit: self.over_limit(),
                unseen: &unseen,
                policy,
                decided,
                parts_count: self.counts.parts.len(),
                is_overlap: self.is_overlap(),
                is_region_missing: self.looks.is_region_missing,
                is_sampled: self.looks.is_sampled,
                is_untimed: self.is_untimed,
                is_worse_at_worst: self.is_worse_at_worst,
                short,
                regions_count: self.regions_count(),
                has_closed: !self.blocks.is_empty(),
                last_window: self.windows.last().map(|last| last.window),
                rate_upper,
                covered_count: self.covered().count(),
            },
        );
        let most = self.windows.iter().map(|window| window.ln_e_fail).fold(0.0, f64::max);
        let [estimate, lower, upper] = odds_ratio(&self.likelihoods, &all.ln, policy.alpha);
        Report {
            verdict,
            reason: said.reason,
            remedy: said.remedy,
            told_drift: said.told_drift,
            totals: all.totals(&described, self.evidence.ln_fail, self.evidence.ln_pass),
            ln_e_fail_product: self.evidence.ln_product,
            ln_e_fail_mean: self.evidence.ln_mean,
            p_always_valid: (-most).exp(),
            odds_ratio: Estimate { estimate, lower, upper },
            risk_difference: all.strata.risk_difference(),
            cmh_chi2: all.strata.cmh_chi2(),
            rate_upper,
            ln_sample_ratio: self.ln_sample_ratio(),
            regions,
            is_roll_back_of_all: roll_back.is_of_all,
            windows: self.windows.clone(),
            first_crossing: [self.fail, self.pass].into_iter().flatten().min_by_key(|crossing| crossing.window),
            blocks: self.sorted_blocks(),
            open_blocks: self.regions.iter().flat_map(OfRegion::open_blocks).copied().collect(),
            parts: self.counts.parts.clone(),
            needs: if is_hindered { None } else { self.needs(verdict, comparisons, &left) },
            is_hindered,
            is_worse_by_little: short == Some(Short::Small),
            is_observational: !self.is_overlap() && described.has_both(),
        }
    }

    /// Whether nothing passes, whatever the evidence says.
    fn is_hindered(&self, unseen: &Unseen<'_>) -> bool {
        self.looks.is_region_missing
            || self.looks.is_sampled
            || self.is_untimed
            || self.is_worse_at_worst
            || unseen.is_some()
    }

    /// What is told of a region. What was set aside is described where there is nothing else: of regions without a canary, and
    /// of releases that never ran side by side.
    fn told(&self, region: &OfRegion) -> Cell {
        match self.is_overlap() && region.begins.is_some() {
            true => region.running.counts,
            false => region.own[0],
        }
    }

    /// The same of all regions.
    fn described(&self) -> Cell {
        match self.is_overlap() {
            true => self.all.counts,
            false => self.regions.iter().map(|region| self.told(region)).fold(Cell::default(), |sum, one| sum + one),
        }
    }

    fn roll_back(&self, verdict: Verdict, fails: bool) -> RollBack {
        match (verdict, fails) {
            (Verdict::Fail, true) => self.worse_regions(),
            // By what was known when it crossed.
            (Verdict::Fail, false) => self.fail_roll_back.clone(),
            _ => RollBack { regions: vec![false; self.regions.len()], is_of_all: false },
        }
    }

    fn told_regions(
        &self,
        verdict: Verdict,
        decided: Option<Crossing>,
        roll_back: &RollBack,
        unseen: &Unseen<'_>,
    ) -> Vec<Region> {
        let is_undecided = self.is_undecided_everywhere(verdict);
        let is_by_limit = decided.is_some_and(|decided| decided.is_by_limit);
        let named = self.named_regions().zip(&roll_back.regions).enumerate();
        named
            .map(|(place, ((name, region), roll_back))| {
                let (running, counts) = (&region.running, self.told(region));
                Region {
                    region: name.to_owned(),
                    totals: running.totals(&counts, region.ln_fail, running.ln_region_pass()),
                    risk_difference: match self.counts.parts.len() {
                        0 | 1 => newcombe(&counts),
                        _ => running.strata.risk_difference(),
                    },
                    verdict: match roll_back {
                        true => RegionVerdict::Fail,
                        false => self.of_region(region, is_undecided || unseen.is_against(place), is_by_limit),
                    },
                    roll_back: *roll_back,
                    drift_explained: unseen.drifts[place],
                    rate_upper: rate_upper(running.counts.x_b, running.counts.n_b, self.policy.alpha),
                    last_window: region.last.map(|(_, window)| window),
                }
            })
            .collect()
    }

    /// The regions to be rolled back, where those are not all that have the canary, and what was compared in each.
    fn worse_by_region(&self, roll_back: &RollBack) -> Vec<(&'c str, Cell)> {
        let chosen = self.named_regions().zip(&roll_back.regions).filter(|(_, roll_back)| **roll_back);
        let worse: Vec<(&str, Cell)> = chosen.map(|((name, region), _)| (name, region.running.compared)).collect();
        let with_canary = self.regions.iter().filter(|region| region.running.counts.n_b > 0).count();
        if worse.len() < with_canary { worse } else { Vec::new() }
    }

    fn above_limit<'r>(&self, regions: &'r [Region]) -> Vec<(&'r str, Cell, f64)> {
        let is_above =
            |one: &&Region| one.totals.counts.n_b > 0 && self.policy.slo.is_some_and(|slo| one.rate_upper > slo);
        regions.iter().filter(is_above).map(|one| (one.region.as_str(), one.totals.counts, one.rate_upper)).collect()
    }

    fn over_limit(&self) -> Vec<(&'c str, Cell)> {
        let is_over = |(_, region): &(&str, &OfRegion)| self.is_over_slo(&region.running.counts);
        let over = self.named_regions().filter(is_over).map(|(name, region)| (name, region.running.counts));
        if self.is_within_slo() { over.collect() } else { Vec::new() }
    }

    /// Whether both releases ran in one region at about the same time.
    fn is_overlap(&self) -> bool {
        let mut open = self.regions.iter().flat_map(OfRegion::open_blocks);
        self.all.compared.has_both() || open.any(|block| block.counts.has_both())
    }

    /// By region and time, whatever closed first: those of one region close in their order, so each has its place.
    fn sorted_blocks(&self) -> Vec<Block> {
        let mut places = vec![0; self.regions.len()];
        self.blocks.iter().for_each(|block| places[block.region as usize] += 1);
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        let mut sorted = vec![Block::default(); self.blocks.len()];
        for block in &self.blocks {
            let place = &mut places[block.region as usize];
            sorted[*place] = *block;
            *place += 1;
        }
        sorted
    }

    /// The regions that e-BH names: each is worse for sure by itself, where the evidence of each is so much.
    fn worse_alone(&self, ln_fail: impl Fn(&OfRegion) -> f64) -> Vec<bool> {
        let places: Vec<usize> = (0..self.regions.len()).filter(|place| self.is_one(&self.regions[*place])).collect();
        let ln_values: Vec<f64> = places.iter().map(|place| ln_fail(&self.regions[*place])).collect();
        let mut chosen = vec![false; self.regions.len()];
        for (place, is_named) in places.iter().zip(e_bh(&ln_values, self.policy.alpha)) {
            chosen[*place] = is_named;
        }
        chosen
    }

    /// The regions to be rolled back: those that are worse by themselves, or all that have the canary where none is.
    fn worse_regions(&self) -> RollBack {
        let chosen = self.worse_alone(|region| region.ln_fail);
        match chosen.contains(&true) {
            true => RollBack { regions: chosen, is_of_all: false },
            false => {
                let regions: Vec<bool> = self.regions.iter().map(|region| region.running.counts.n_b > 0).collect();
                RollBack { is_of_all: regions.iter().filter(|region| **region).count() > 1, regions }
            }
        }
    }

    /// Whether what keeps it from passing is of no region more than of another: then no region passes alone either.
    fn is_undecided_everywhere(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Invalid => true,
            Verdict::Inconclusive => {
                self.looks.is_sampled
                    || self.is_untimed
                    || self.is_worse_at_worst
                    || self.evidence.ln_pass < self.ln_pass_line()
            }
            Verdict::Fail | Verdict::NoData | Verdict::Pass => false,
        }
    }

    /// What is said of a region that is not to be rolled back, where something speaks against a pass or nothing does, and where
    /// all together pass by a limit or not.
    fn of_region(&self, region: &OfRegion, is_against: bool, is_by_limit: bool) -> RegionVerdict {
        if !self.is_covered(region) {
            return RegionVerdict::Uncovered;
        }
        let passes = region.running.ln_region_pass() >= self.ln_pass_line()
            || is_by_limit && self.is_below_slo(&region.running.counts);
        match passes && !is_against {
            true => RegionVerdict::Pass,
            false => RegionVerdict::Inconclusive,
        }
    }

    /// How many windows there were from the canary's first unit on.
    fn windows_with_canary(&self) -> u64 {
        let first = self.windows.iter().find(|window| window.counts.n_b > 0).map(|window| window.window);
        let last = self.windows.last().map(|window| window.window);
        first.zip(last).map_or(0, |(first, last)| last.abs_diff(first) + 1)
    }

    /// What would decide: the evidence of what was counted, several times over. One of several comparisons fails by itself
    /// where its evidence is so many times as large as that of the only one.
    fn needs(&self, verdict: Verdict, comparisons: usize, left: &[Vec<Left>]) -> Option<Needs> {
        let counts = &self.all.counts;
        if verdict != Verdict::Inconclusive {
            return None;
        }
        // Without a baseline beside it no more requests of the canary tell anything, but of a limit.
        let mut of_regions = left.iter().filter_map(|left| left.first());
        let is_compared = counts.has_both() && !of_regions.any(|left| left.after.1 > left.before.1);
        let fail_line = self.policy.ln_fail_line(comparisons);
        let fails = |factor: f64| {
            let of_region = |region: &OfRegion| region.ln_fail_times(factor);
            let ahead = self.evidence_of(&self.all.times(factor), of_region);
            let closed = &self.all.closed;
            let least = (FAILED_MIN as f64 / closed.failed() as f64).max(FAILED_CANARY_MIN as f64 / closed.x_b as f64);
            ahead.ln_fail >= fail_line && factor >= least && self.is_large(of_region)
        };
        let line = self.ln_pass_line();
        let passes = |factor: f64| {
            let mut told = self.regions.iter().filter(|region| region.running.counts.has_both()).peekable();
            told.peek().is_some()
                && self.all.times(factor).ln_pass() >= line
                && told.all(|region| region.running.times(factor).ln_region_pass() >= line)
        };
        let is_below = |factor: f64| self.is_below_slo(&canary_times(counts, factor));
        // What decides first, where it does.
        let fail = is_compared.then(|| least_factor(&fails)).flatten().map(|factor| (factor, Verdict::Fail));
        // Every region that has the canary is to be covered then.
        let covered = self.policy.min_requests as f64 / counts.n_b as f64;
        let pass =
            is_compared.then(|| least_factor(&passes)).flatten().map(|factor| (factor.max(covered), Verdict::Pass));
        let is_over = |factor: f64| {
            self.regions.iter().any(|region| self.is_over_slo(&canary_times(&region.running.counts, factor)))
        };
        let limit = self.policy.slo.and_then(|_| least_factor(&is_below)).filter(|factor| !is_over(*factor));
        let limit = limit.map(|factor| (factor, Verdict::Pass));
        let first = [fail, pass, limit].into_iter().flatten().min_by(|one, other| one.0.total_cmp(&other.0));
        let (factor, verdict) = first?;
        let more = (factor - 1.0).max(0.0);
        let ahead = |so_far: u64| (more * so_far as f64).ceil() as u64;
        Some(Needs { canary_requests: ahead(counts.n_b), windows: ahead(self.windows_with_canary()), verdict })
    }
}

/// The evidence of a region by that of all its parts together and of each of those that have run so far: a part that is worse
/// for sure is so whatever the others do, and a region of which all parts are a little worse is so as well.
fn mixed_evidence(ln_product: f64, ln_parts: Vec<f64>) -> f64 {
    match ln_parts.len() {
        0 | 1 => ln_product,
        _ => ln_mean_exp(&[ln_product, ln_mean_exp(&ln_parts)]),
    }
}

/// How many sums there are of a region: of the whole, and of each part where there are several.
fn tracks_of(parts: usize) -> usize {
    if parts > 1 { parts + 1 } else { 1 }
}

/// Where a cell is added up beside others: of its region as a whole, and of its part of it where there are several.
fn tracks(place: Place, parts: usize) -> impl Iterator<Item = usize> {
    [0, place.part as usize + 1].into_iter().take(tracks_of(parts).min(2))
}

/// The canary's part of what was counted, so many times.
fn canary_times(counts: &Cell, factor: f64) -> Cell {
    let times = |units: u64| (units as f64 * factor).round() as u64;
    Cell { n_b: times(counts.n_b), x_b: times(counts.x_b), ..Cell::default() }
}

/// The least factor from which on something is reached, within a thousandth.
fn least_factor(reaches: &dyn Fn(f64) -> bool) -> Option<f64> {
    let (mut from, mut to) = (1.0_f64, 1.0_f64);
    while !reaches(to) {
        (from, to) = (to, to * 2.0);
        if to > AHEAD_MAX {
            return None;
        }
    }
    while to / from > 1.001 {
        let middle = (from * to).sqrt();
        if reaches(middle) { to = middle } else { from = middle }
    }
    Some(to)
}
