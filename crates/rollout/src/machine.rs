//! The rollout itself: what is to be done next, and what is made of what came of it. Pure: it is told the time, and every
//! effect is an [`Action`] that somebody else carries out and reports as an [`Observation`].
//!
//! It refuses to change an alias that is not as it left it; to begin a later wave before the earlier ones have passed; to
//! begin a wave in some of its regions only; and to compare releases.

mod looking;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alias::{Alias, Routing};
use crate::moment::Moment;
use crate::plan::{Plan, names};
use crate::state::{
    Change, Decider, Ended, Ending, Event, Job, Left, Outcome, Overridden, Phase, Place, Progress, Purpose, State,
    WaveRecord, WaveState, What, bounded,
};
use crate::verdict::{JudgeError, Question, Verdict};
use crate::waves::Wave;

/// How often it is looked, unless it is said otherwise: minutes are what is counted.
pub const EVERY_SECONDS: u64 = 60;
/// Rounds in which regions that did not answer are asked again, beyond what the client itself retries.
pub const RETRIES_MAX: u32 = 4;
/// Before the first of them; each further one waits twice as long: 75 s in all.
const RETRY_SECONDS: u64 = 5;
/// How often an alias may change between being read and being set before its region is let be for a round.
const RACES_MAX: u32 = 3;
/// Into how many parts a bake is divided. In each at most one series of looks begins anew, so that a wave has that many
/// beginnings at most, each with the judge's risk of an error.
pub const SERIES_MAX: u32 = 4;
/// More decisions by people than this are no rollout.
const OVERRIDES_MAX: usize = 100;

/// What is done with a wave that is undecided at its deadline. [`course`](crate::course) says what that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInconclusive {
    /// Its regions are set back.
    Rollback,
    /// It counts as passed.
    Promote,
    /// Weights stay, and it stops.
    #[default]
    Hold,
}

impl OnInconclusive {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            OnInconclusive::Rollback => "rollback",
            OnInconclusive::Promote => "promote",
            OnInconclusive::Hold => "hold",
        }
    }
}

/// What may differ from run to run of one rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is done with a wave that is undecided at its deadline.
    pub on_inconclusive: OnInconclusive,
    /// How long after its bake a wave may be undecided; as long as the bake, if nothing is said.
    pub deadline_seconds: Option<u64>,
    /// How often it is looked.
    pub every_seconds: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { on_inconclusive: OnInconclusive::default(), deadline_seconds: None, every_seconds: EVERY_SECONDS }
    }
}

/// What somebody decides instead of the judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The wave that it is at passes, whatever is said of it.
    #[default]
    Promote,
    /// The canary is set back everywhere.
    RollBack,
}

/// A decision that is made instead of the judge's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// Which.
    pub decision: Decision,
    /// Why; it stays in the log.
    pub reason: String,
    /// Who; may be empty.
    pub by: String,
}

/// Why a rollout does not begin or is not gone on with. All are mistakes of whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    /// The state is another rollout's.
    #[error("the state was begun with {key} {was}, and this asks with {is}")]
    OtherPlan {
        /// In what they differ first.
        key: String,
        /// What it is in the state.
        was: String,
        /// What it is now.
        is: String,
    },
    /// An override takes a reason.
    #[error("an override without a reason")]
    NoReason,
    /// There is no decision left to be made.
    #[error("nothing to override: {0}")]
    NothingToOverride(String),
    /// Looks take time.
    #[error("looks every 0 s would not wait")]
    NoTimeBetweenLooks,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The state is to be written. Nothing may be done before it has been.
    Save,
    /// An alias is to be read.
    ReadAlias {
        /// Where.
        region: String,
    },
    /// An alias is to be set, unless it has changed since.
    SetAlias {
        /// Where.
        region: String,
        /// To what.
        routing: Routing,
        /// As it was read.
        revision_id: String,
    },
    /// The judge is to be asked.
    Look(Question),
    /// Nothing is to be done before.
    Wait {
        /// Until when.
        until: Moment,
    },
    /// It has ended, or stops here.
    Finished(Outcome),
}

/// Why something was not done in a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The alias has another revision than the one that was read.
    #[error("the alias has changed meanwhile")]
    Changed,
    /// No answer, a timeout, throttled: it may have been done, and may be done again.
    #[error("{0}")]
    Unreachable(String),
    /// The region answers, and will not: no such alias or version, no permission.
    #[error("{0}")]
    Refused(String),
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// Nothing to be told: at the beginning, after a save, after a wait.
    Nothing,
    /// An alias was read.
    Alias {
        /// Where.
        region: String,
        /// What it is.
        alias: Result<Alias, CloudError>,
    },
    /// An alias was set.
    Set {
        /// Where.
        region: String,
        /// Whether it was.
        result: Result<(), CloudError>,
    },
    /// The judge was asked.
    Looked(Result<Verdict, JudgeError>),
}

/// What is known in this run only; another one finds it out again.
#[derive(Debug, Default)]
struct Turn {
    /// The alias that was read last.
    alias: Option<(String, Alias)>,
    /// Regions whose alias was checked, and what is wrong with it.
    checked: BTreeMap<String, Option<String>>,
    /// Regions that are let be for this round, and why.
    failed: BTreeMap<String, String>,
    /// Regions that refuse to be read.
    refused: BTreeMap<String, String>,
    races: BTreeMap<String, u32>,
    round: u32,
    retry_at: Option<Moment>,
    next_look: Option<Moment>,
    /// Whether the last look at the wave has read all of its minutes.
    has_read_all: bool,
    /// What was said of the wave, while it is asked about the minutes before it.
    heard: Option<Result<Verdict, JudgeError>>,
}

/// A rollout.
#[derive(Debug)]
pub struct Rollout {
    options: Options,
    state: State,
    turn: Turn,
    is_dirty: bool,
    fresh: Vec<Event>,
}

impl Rollout {
    /// Begins a rollout, or goes on with one where its state is given. What is wrong is said before anything is done.
    pub fn new(
        plan: &Plan,
        options: Options,
        state: Option<State>,
        forced: Option<&Override>,
        now: Moment,
    ) -> Result<Rollout, RolloutError> {
        if options.every_seconds == 0 {
            return Err(RolloutError::NoTimeBetweenLooks);
        }
        if let Some(state) = &state
            && state.plan_hash != plan.hash()
        {
            let differs = state.plan.differs_from(plan);
            let (key, was, is) = differs.unwrap_or_else(|| ("plan".into(), state.plan_hash.clone(), plan.hash()));
            return Err(RolloutError::OtherPlan { key, was, is });
        }
        let is_new = state.is_none();
        let state = state.unwrap_or_else(|| State::begin(plan, now));
        let mut rollout = Rollout { options, state, turn: Turn::default(), is_dirty: false, fresh: Vec::new() };
        if is_new {
            let why = format!(
                "{} {} instead of {}, alias {}, {} waves",
                plan.function,
                plan.canary,
                plan.baseline,
                plan.alias,
                plan.waves.len()
            );
            rollout.log(now, What::Begun, None, why);
        } else {
            rollout.reopen(now);
        }
        if let Some(forced) = forced {
            rollout.force(forced, now)?;
        }
        Ok(rollout)
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What has happened since this was asked last.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.fresh)
    }

    /// Takes in what came of the last action, and says what is to be done next.
    pub fn step(&mut self, observation: Observation, now: Moment) -> Action {
        match observation {
            Observation::Nothing => {}
            Observation::Alias { region, alias } => self.take_alias(&region, alias, now),
            Observation::Set { region, result } => self.take_set(&region, result, now),
            Observation::Looked(result) => self.take_look(result, now),
        }
        loop {
            if std::mem::take(&mut self.is_dirty) {
                return Action::Save;
            }
            let next = match &self.state.now {
                Phase::Checking { purpose } => self.check(*purpose, now),
                Phase::Changing(_) => self.change(now),
                Phase::Baking(_) => self.bake(now),
                Phase::Ended(ended) => Some(Action::Finished(ended.outcome)),
            };
            // None: something was settled, and is to be written first.
            if let Some(action) = next {
                return action;
            }
        }
    }

    // --- going on ---

    /// Goes on where it stopped.
    fn reopen(&mut self, now: Moment) {
        let (mut then, why) = match self.state.now.clone() {
            Phase::Ended(Ended { then: None, .. }) => return,
            Phase::Ended(Ended { then: Some(then), outcome, reason, .. }) => {
                (*then, format!("after it was {}: {reason}", outcome.name()))
            }
            phase => return self.go_on(phase, now),
        };
        match &mut then {
            Phase::Baking(baking) => {
                baking.deadline_at = now.after(self.grace_seconds());
                self.record().state = WaveState::Baking;
            }
            Phase::Changing(job) => {
                for change in job.changes.iter_mut().filter(|change| change.progress != Progress::Done) {
                    change.progress = Progress::Open;
                    change.why = None;
                }
                // What could not begin is begun again, once what was left of it is gone.
                if job.purpose == Purpose::TakeBack {
                    job.ending = None;
                }
            }
            Phase::Checking { .. } | Phase::Ended(_) => {}
        }
        self.log(now, What::Resumed, None, why);
        let then = self.watch_again(&then, now).unwrap_or(then);
        self.enter(then);
    }

    /// Goes on with what was interrupted.
    fn go_on(&mut self, mut phase: Phase, now: Moment) {
        self.log(now, What::Resumed, None, "after it was interrupted");
        if let Phase::Baking(baking) = &mut phase {
            // Whoever comes after the deadline looks more than once before it is decided: one look may go unanswered.
            baking.deadline_at = baking.deadline_at.max(now.after(self.options.every_seconds));
        }
        let phase = self.watch_again(&phase, now).unwrap_or(phase);
        self.enter(phase);
    }

    fn force(&mut self, forced: &Override, now: Moment) -> Result<(), RolloutError> {
        let (reason, by) = (bounded(forced.reason.trim()), bounded(forced.by.trim()));
        if reason.is_empty() {
            return Err(RolloutError::NoReason);
        }
        let is_same = |one: &Overridden| one.reason == reason && one.by == by && one.decision == forced.decision;
        // The same command once more is the same decision, and none about the wave that it has come to meanwhile: a
        // pipeline that tries again decides nothing.
        if let Some(before) = self.state.overrides.iter().find(|one| is_same(one)) {
            let wave = self.state.plan.waves.get(before.wave).map_or("", |wave| wave.name.as_str());
            let why =
                format!("the override \"{reason}\" was taken for wave \"{wave}\"; another one takes another reason");
            if self.state.outcome().is_none() {
                self.log(now, What::Resumed, None, why);
            }
            return Ok(());
        }
        if self.state.overrides.len() >= OVERRIDES_MAX {
            return Err(RolloutError::NothingToOverride(format!("it has been overridden {OVERRIDES_MAX} times")));
        }
        let next = match forced.decision {
            Decision::Promote => self.force_promotion()?,
            Decision::RollBack => Some(self.force_roll_back(&reason)?),
        };
        let wave = self.state.wave;
        let who = if by.is_empty() { String::new() } else { format!("{by}: ") };
        let what = match forced.decision {
            Decision::Promote => "passes without the judge",
            Decision::RollBack => "everything is set back",
        };
        self.log(now, What::Override, None, format!("{who}{reason} ({what})"));
        self.state.overrides.push(Overridden { at: now, wave, decision: forced.decision, reason, by });
        match forced.decision {
            Decision::Promote => self.state.forced = Some(wave),
            Decision::RollBack => self.decided(WaveState::Failed, Decider::Override, now),
        }
        if let Some(next) = next {
            self.enter(next);
        }
        Ok(())
    }

    /// Where a wave that passes without the judge goes on.
    fn force_promotion(&mut self) -> Result<Option<Phase>, RolloutError> {
        let nothing = |what: &str| Err(RolloutError::NothingToOverride(what.to_owned()));
        let begins_again = match &self.state.now {
            Phase::Ended(Ended { outcome: Outcome::Promoted, .. }) => return nothing("the canary is promoted"),
            Phase::Checking { purpose: Purpose::Promote } => return nothing("all waves have passed"),
            Phase::Changing(job) if job.purpose == Purpose::Promote => return nothing("all waves have passed"),
            // It was set back, or is being: its weights are set once more.
            Phase::Ended(_) => true,
            Phase::Changing(job) => job.purpose == Purpose::RollBack,
            Phase::Checking { .. } | Phase::Baking(_) => false,
        };
        if begins_again {
            *self.record() = WaveRecord::PENDING;
        }
        Ok(begins_again.then_some(Phase::Checking { purpose: Purpose::Shift }))
    }

    fn force_roll_back(&mut self, reason: &str) -> Result<Phase, RolloutError> {
        let regions: Vec<String> = self.state.regions.keys().cloned().collect();
        let reason = format!("an override: {reason}");
        let job = self.roll_back(&regions, reason);
        match job.changes.is_empty() {
            true => Err(RolloutError::NothingToOverride("the canary runs nowhere".to_owned())),
            false => Ok(Phase::Changing(job)),
        }
    }

    // --- aliases ---

    /// Reads the aliases of all regions that the canary has come to, and of those that it is to come to, before the first
    /// is changed: a wave that cannot begin everywhere begins nowhere.
    fn check(&mut self, purpose: Purpose, now: Moment) -> Option<Action> {
        let has_come = |region: &&String| self.state.plan.weight_after(self.state.wave, region).is_some();
        let turn = &self.turn;
        let is_open = |region: &str| {
            !turn.checked.contains_key(region)
                && !turn.failed.contains_key(region)
                && !turn.refused.contains_key(region)
        };
        if let Some(region) = self.state.regions.keys().filter(has_come).find(|region| is_open(region)) {
            return Some(Action::ReadAlias { region: region.clone() });
        }
        let conflicts = turn.checked.iter().filter_map(|(region, conflict)| Some((region, true, conflict.as_ref()?)));
        let others = turn.refused.iter().chain(&turn.failed).map(|(region, why)| (region, false, why));
        let left = conflicts.chain(others);
        let left: Vec<Left> = left
            .map(|(region, is_conflict, why)| Left { region: region.clone(), is_conflict, why: why.clone() })
            .collect();
        // Only what did not answer may do so later.
        let is_hopeless = !turn.refused.is_empty() || left.iter().any(|left| left.is_conflict);
        if !left.is_empty() {
            if !is_hopeless && turn.round < RETRIES_MAX {
                return self.retry(now);
            }
            let reason = format!("before anything was changed: {}", list(&left));
            self.end(Ending { outcome: not_done(&left), reason, left }, Some(Phase::Checking { purpose }), now);
        } else {
            let changes = self.changes(|rollout, region| match purpose {
                Purpose::Promote => Some(100),
                _ => rollout.state.plan.weight_after(rollout.state.wave, region),
            });
            if purpose == Purpose::Shift {
                self.record().state = WaveState::Shifting;
            }
            self.enter(Phase::Changing(Job { purpose, changes, ending: None }));
        }
        None
    }

    /// The changes that bring regions to shares.
    fn changes(&self, to: impl Fn(&Rollout, &str) -> Option<u8>) -> Vec<Change> {
        let change = |(region, place): (&String, &Place)| {
            let to = to(self, region)?;
            let is_there = place.weight == to && place.intended.is_none();
            let change =
                Change { region: region.clone(), before: place.weight, to, progress: Progress::Open, why: None };
            (!is_there).then_some(change)
        };
        self.state.regions.iter().filter_map(change).collect()
    }

    fn roll_back(&self, regions: &[String], reason: String) -> Job {
        let changes = self.changes(|_, region| regions.iter().any(|other| other == region).then_some(0));
        let ending = Ending { outcome: Outcome::Failed, reason, left: Vec::new() };
        Job { purpose: Purpose::RollBack, changes, ending: Some(ending) }
    }

    fn change(&mut self, now: Moment) -> Option<Action> {
        let Phase::Changing(job) = &self.state.now else { return None };
        // A wave that cannot begin somewhere is not begun anywhere else. Whatever sets back goes on in the other regions.
        let is_broken = |change: &Change| matches!(change.progress, Progress::Conflict | Progress::Refused);
        let is_over = job.purpose == Purpose::Shift && job.changes.iter().any(is_broken);
        let open = job.changes.iter().filter(|change| change.progress == Progress::Open);
        let next = open.filter(|_| !is_over).find(|change| !self.turn.failed.contains_key(&change.region));
        if let Some(Change { region, to, .. }) = next {
            let is_intended = self.state.regions[region].intended == Some(*to);
            return Some(match &self.turn.alias {
                Some((of, alias)) if of == region && is_intended => Action::SetAlias {
                    region: region.clone(),
                    routing: self.routing(region, *to),
                    revision_id: alias.revision_id.clone(),
                },
                _ => Action::ReadAlias { region: region.clone() },
            });
        }
        if !is_over && !self.turn.failed.is_empty() && self.turn.round < RETRIES_MAX {
            return self.retry(now);
        }
        self.finish(now);
        None
    }

    /// Waits before regions are asked again.
    fn retry(&mut self, now: Moment) -> Option<Action> {
        let turn = &mut self.turn;
        let pause_seconds = RETRY_SECONDS << turn.round;
        let until = *turn.retry_at.get_or_insert_with(|| now.after(pause_seconds));
        // A clock that was set back is not waited for.
        if now < until && until.since(now) <= pause_seconds {
            return Some(Action::Wait { until });
        }
        turn.round += 1;
        turn.retry_at = None;
        turn.failed.clear();
        turn.races.clear();
        None
    }

    fn take_alias(&mut self, region: &str, alias: Result<Alias, CloudError>, now: Moment) {
        let place = match self.state.regions.get(region) {
            Some(place) => place.clone(),
            None => return,
        };
        let alias = match alias {
            Ok(alias) => alias,
            Err(CloudError::Refused(why)) => match self.state.now {
                Phase::Checking { .. } => return drop(self.turn.refused.insert(region.to_owned(), bounded(&why))),
                _ => return self.break_off(region, Progress::Refused, &why, now),
            },
            Err(error) => return drop(self.turn.failed.insert(region.to_owned(), bounded(&error.to_string()))),
        };
        let is = |percent: u8| alias.routing == self.routing(region, percent);
        let is_ours = is(place.weight) || place.intended.is_some_and(is);
        let foreign = || {
            format!(
                "alias {} sends to {}, and {} was expected: somebody else has changed it",
                self.state.plan.alias,
                alias.routing,
                self.routing(region, place.weight)
            )
        };
        match &self.state.now {
            Phase::Checking { purpose } => {
                let wanted = match purpose {
                    Purpose::Promote => Some(100),
                    _ => self.state.plan.weight_after(self.state.wave, region),
                };
                let conflict = (!is_ours && !wanted.is_some_and(is)).then(foreign);
                self.turn.checked.insert(region.to_owned(), conflict);
            }
            Phase::Changing(job) => {
                let Some(change) = job.changes.iter().find(|change| change.region == region) else { return };
                let to = change.to;
                if is(to) {
                    self.done(region, What::Found, now);
                } else if is_ours {
                    // Written before it is done, so that whoever comes after knows that it may have been.
                    if place.intended != Some(to) {
                        let was = if is(place.weight) { place.weight } else { place.intended.unwrap_or(place.weight) };
                        let is_rolled_back = place.is_rolled_back;
                        self.place(region, Place { weight: was, intended: Some(to), is_rolled_back });
                        let why = format!("{} to {}", alias.routing, self.routing(region, to));
                        self.log(now, What::Intended, Some(region), why);
                    }
                    self.turn.alias = Some((region.to_owned(), alias));
                } else {
                    let why = foreign();
                    self.break_off(region, Progress::Conflict, &why, now);
                }
            }
            Phase::Baking(_) | Phase::Ended(_) => {}
        }
    }

    fn take_set(&mut self, region: &str, result: Result<(), CloudError>, now: Moment) {
        self.turn.alias = None;
        match result {
            Ok(()) => self.done(region, What::Changed, now),
            // By whom is found out by reading it again.
            Err(CloudError::Changed) => {
                let races = self.turn.races.entry(region.to_owned()).or_default();
                *races += 1;
                if *races >= RACES_MAX {
                    self.turn.failed.insert(region.to_owned(), "its alias changes all the time".to_owned());
                }
            }
            Err(CloudError::Unreachable(why)) => drop(self.turn.failed.insert(region.to_owned(), bounded(&why))),
            Err(CloudError::Refused(why)) => self.break_off(region, Progress::Refused, &why, now),
        }
    }

    /// A change is made, or was found made.
    fn done(&mut self, region: &str, what: What, now: Moment) {
        let Phase::Changing(job) = &mut self.state.now else { return };
        let purpose = job.purpose;
        let Some(change) = job.changes.iter_mut().find(|change| change.region == region) else { return };
        change.progress = Progress::Done;
        let to = change.to;
        let is_rolled_back = match purpose {
            Purpose::RollBack => true,
            Purpose::TakeBack => self.state.regions[region].is_rolled_back,
            Purpose::Shift | Purpose::Promote => false,
        };
        self.turn.alias = None;
        self.place(region, Place { weight: to, intended: None, is_rolled_back });
        let why = self.routing(region, to).to_string();
        self.log(now, what, Some(region), why);
    }

    /// A change is not to be made, in this run.
    fn break_off(&mut self, region: &str, progress: Progress, why: &str, now: Moment) {
        let why = bounded(why);
        let Phase::Changing(job) = &mut self.state.now else { return };
        let Some(change) = job.changes.iter_mut().find(|change| change.region == region) else { return };
        change.progress = progress;
        change.why = Some(why.clone());
        self.turn.alias = None;
        let what = if progress == Progress::Conflict { What::Conflict } else { What::Unreachable };
        self.log(now, what, Some(region), why);
    }

    /// All changes are made that can be.
    fn finish(&mut self, now: Moment) {
        for (region, why) in std::mem::take(&mut self.turn.failed) {
            self.break_off(&region, Progress::Unreachable, &why, now);
        }
        let Phase::Changing(job) = self.state.now.clone() else { return };
        let is_done = job.changes.iter().all(|change| change.progress == Progress::Done);
        let left = left_of(&job);
        match (job.purpose, is_done) {
            (Purpose::Shift, true) => self.begin_baking(now),
            (Purpose::Shift, false) => self.take_back(&job, left),
            (Purpose::TakeBack, true) => {
                self.record().state = WaveState::Pending;
                let again = Phase::Checking { purpose: Purpose::Shift };
                match job.ending {
                    Some(ending) => self.end(ending, Some(again), now),
                    None => self.enter(again),
                }
            }
            (Purpose::RollBack, true) => {
                let why = job.ending.map_or_else(String::new, |ending| format!("{}; ", ending.reason));
                let where_ = names(job.changes.iter().map(|change| change.region.as_str()));
                let reason = format!("{why}set back in {where_}");
                self.end(Ending { outcome: Outcome::Failed, reason, left: Vec::new() }, None, now);
            }
            (Purpose::Promote, true) => self.end_promoted(now),
            (Purpose::TakeBack | Purpose::RollBack | Purpose::Promote, false) => {
                let before = job.ending.as_ref().map_or(String::new(), |ending| format!("{}; ", ending.reason));
                let earlier = job.ending.iter().flat_map(|ending| &ending.left);
                let what = if job.purpose == Purpose::Promote { "promoted" } else { "set back" };
                let reason = format!("{before}not {what} in {}", list(&left));
                let also = earlier.filter(|one| left.iter().all(|other| other.region != one.region));
                let left: Vec<Left> = left.iter().chain(also).cloned().collect();
                let ending = Ending { outcome: not_done(&left), reason, left };
                self.end(ending, Some(Phase::Changing(job)), now);
            }
        }
    }

    /// A wave could not begin everywhere: where it did, its regions go back to where they were, since nobody would judge
    /// them. What somebody else has changed is left alone.
    fn take_back(&mut self, job: &Job, left: Vec<Left>) {
        let reason = format!("wave \"{}\" could not begin in {}", self.wave().name, list(&left));
        let ending = Ending { outcome: not_done(&left), reason, left };
        let own = job.changes.iter().filter(|change| change.progress != Progress::Conflict);
        let own: BTreeMap<&str, u8> = own.map(|change| (change.region.as_str(), change.before)).collect();
        let changes = self.changes(|_, region| own.get(region).copied());
        self.enter(Phase::Changing(Job { purpose: Purpose::TakeBack, changes, ending: Some(ending) }));
    }

    // --- the state ---

    fn end_promoted(&mut self, now: Moment) {
        let plan = &self.state.plan;
        let reason = format!("{} has everything in {}", plan.canary, names(plan.regions.keys().map(String::as_str)));
        self.end(Ending { outcome: Outcome::Promoted, reason, left: Vec::new() }, None, now);
    }

    fn end(&mut self, ending: Ending, then: Option<Phase>, now: Moment) {
        let Ending { outcome, reason, left } = ending;
        self.log(now, What::Ended, None, format!("{}: {reason}", outcome.name()));
        self.enter(Phase::Ended(Ended { outcome, reason, left, at: now, then: then.map(Box::new) }));
    }

    fn enter(&mut self, phase: Phase) {
        self.state.now = phase;
        self.turn = Turn::default();
        self.is_dirty = true;
    }

    fn decided(&mut self, state: WaveState, by: Decider, now: Moment) {
        let record = self.record();
        record.state = state;
        record.by = Some(by);
        record.decided_at = Some(now);
    }

    fn place(&mut self, region: &str, place: Place) {
        self.state.regions.insert(region.to_owned(), place);
        self.is_dirty = true;
    }

    fn log(&mut self, at: Moment, what: What, region: Option<&str>, why: impl Into<String>) {
        let event = Event {
            at,
            wave: Some(self.wave().name.clone()),
            region: region.map(str::to_owned),
            what,
            why: bounded(&why.into()),
        };
        self.fresh.push(event.clone());
        self.state.log(event);
        self.is_dirty = true;
    }

    fn wave(&self) -> &Wave {
        &self.state.plan.waves[self.state.wave]
    }

    fn record(&mut self) -> &mut WaveRecord {
        &mut self.state.waves[self.state.wave]
    }

    fn routing(&self, region: &str, percent: u8) -> Routing {
        let versions = &self.state.plan.regions[region];
        Routing::of(&versions.baseline, &versions.canary, percent)
    }

    fn shares(&self) -> String {
        format!("{} %", self.wave().baked_weight())
    }

    fn grace_seconds(&self) -> u64 {
        self.options.deadline_seconds.unwrap_or(self.wave().bake_seconds)
    }
}

/// Where changes were not made, and why; not where they were not tried.
fn left_of(job: &Job) -> Vec<Left> {
    let left = job.changes.iter().filter_map(|change| {
        let why = change.why.clone()?;
        Some(Left { region: change.region.clone(), is_conflict: change.progress == Progress::Conflict, why })
    });
    left.collect()
}

/// How it ends where changes were not made.
fn not_done(left: &[Left]) -> Outcome {
    match left.iter().any(|left| left.is_conflict) {
        true => Outcome::Conflict,
        false => Outcome::Unreachable,
    }
}

fn list(left: &[Left]) -> String {
    left.iter().map(|left| format!("{} ({})", left.region, left.why)).collect::<Vec<String>>().join(", ")
}
