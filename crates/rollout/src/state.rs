//! Where a rollout stands, as one JSON document: what is known of each region, what is being done, what was decided, and a
//! log. It is written before and after every effect, so that whoever reads it later can go on. It refuses documents of
//! another kind or version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::plan::Plan;
use crate::verdict::{Question, Verdict};

/// Version of the document.
pub(crate) const VERSION: u32 = 1;
/// A log of more is no log that is read. What is about aliases and overrides is kept longest.
pub const EVENTS_MAX: usize = 1000;
/// Characters of a text in it, most of which come from elsewhere.
const TEXT_MAX: usize = 1000;

/// How a rollout ended, or where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The canary has everything in every region of the plan.
    Promoted,
    /// It was set back where it failed; the others stay where they are.
    Failed,
    /// Nothing was decided, and weights stay. Run again, it goes on.
    Held,
    /// Somebody else has changed an alias, which is left as it is. Run again, it looks again.
    Conflict,
    /// A region did not answer, or would not take a change. Run again, it goes on there.
    Unreachable,
}

impl Outcome {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Promoted => "promoted",
            Outcome::Failed => "failed",
            Outcome::Held => "held",
            Outcome::Conflict => "conflict",
            Outcome::Unreachable => "unreachable",
        }
    }

    /// The exit code of the program.
    pub const fn exit_code(self) -> u8 {
        match self {
            Outcome::Promoted => 0,
            Outcome::Failed => 1,
            Outcome::Conflict | Outcome::Unreachable => 3,
            Outcome::Held => 4,
        }
    }
}

/// What is known of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The canary's share as it was last seen or set, in percent.
    pub weight: u8,
    /// The share that was about to be set. It may have been, if nobody came to write that down.
    pub intended: Option<u8>,
    /// Whether it was set back because of a verdict, a policy or an override.
    pub is_rolled_back: bool,
}

/// What changes of aliases are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// A wave begins.
    Shift,
    /// A wave could not begin everywhere, and so begins nowhere.
    TakeBack,
    /// The canary is not good.
    RollBack,
    /// The last wave has passed.
    Promote,
}

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    Open,
    Done,
    /// Somebody else has changed the alias.
    Conflict,
    /// The region would not do it.
    Refused,
    /// The region did not answer.
    Unreachable,
}

/// A change of an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub region: String,
    /// The canary's share before all of this, in percent.
    pub before: u8,
    /// And after.
    pub to: u8,
    pub progress: Progress,
    /// Why it is not done.
    pub why: Option<String>,
}

/// A region in which something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Left {
    pub region: String,
    /// Else it did not answer, or would not.
    pub is_conflict: bool,
    pub why: String,
}

/// How it is to end once the changes are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ending {
    pub outcome: Outcome,
    pub reason: String,
    pub left: Vec<Left>,
}

/// Changes of aliases that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    pub purpose: Purpose,
    pub changes: Vec<Change>,
    /// None: it goes on.
    pub ending: Option<Ending>,
}

/// A wave that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baking {
    /// When the last weight was set.
    pub began_at: Moment,
    /// From when on a pass counts.
    pub bakes_until: Moment,
    /// When it is decided without a verdict.
    pub deadline_at: Moment,
    pub series: u32,
    pub series_since: Moment,
    /// In which part of the bake the series began.
    pub series_part: u32,
    /// When it first passed, with enough requests in every region.
    pub passed_at: Option<Moment>,
}

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Aliases are read before anything is changed.
    Checking { purpose: Purpose },
    /// Aliases are changed.
    Changing(Job),
    /// It is watched.
    Baking(Baking),
    /// Nothing, until it is run again.
    Ended(Ended),
}

/// Where it stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ended {
    pub outcome: Outcome,
    pub reason: String,
    pub left: Vec<Left>,
    pub at: Moment,
    /// What is to be gone on with. None: it is over.
    pub then: Option<Box<Phase>>,
}

/// How a wave stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaveState {
    /// Not begun.
    Pending,
    /// Its weights are being set.
    Shifting,
    /// It is watched.
    Baking,
    /// It is done.
    Passed,
    /// It was set back.
    Failed,
    /// Nothing was decided.
    Held,
}

impl WaveState {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            WaveState::Pending => "pending",
            WaveState::Shifting => "shifting",
            WaveState::Baking => "baking",
            WaveState::Passed => "passed",
            WaveState::Failed => "failed",
            WaveState::Held => "held",
        }
    }
}

/// By what a wave was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    /// A verdict.
    Judge,
    /// The policy for what is undecided at the deadline.
    Policy,
    /// Somebody, with a reason.
    Override,
}

impl Decider {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Decider::Judge => "judge",
            Decider::Policy => "policy",
            Decider::Override => "override",
        }
    }
}

/// What became of a wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveRecord {
    /// How it stands.
    pub state: WaveState,
    /// By what it was decided.
    pub by: Option<Decider>,
    /// When its weights had been set.
    pub began_at: Option<Moment>,
    /// When it was decided.
    pub decided_at: Option<Moment>,
    /// How often it was looked at.
    pub looks: u64,
    /// What the last look said.
    pub verdict: Option<Verdict>,
    /// Why the last look said nothing.
    pub unanswered: Option<String>,
}

impl WaveRecord {
    pub(crate) const PENDING: WaveRecord = WaveRecord {
        state: WaveState::Pending,
        by: None,
        began_at: None,
        decided_at: None,
        looks: 0,
        verdict: None,
        unanswered: None,
    };
}

/// A decision that somebody made instead of the judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overridden {
    /// When.
    pub at: Moment,
    /// Which wave, from 0.
    pub wave: usize,
    /// `promote` or `roll_back`.
    pub decision: crate::machine::Decision,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The rollout begins.
    Begun,
    /// It is gone on with.
    Resumed,
    /// An alias is about to be changed.
    Intended,
    /// It has been.
    Changed,
    /// It was found as it was to be.
    Found,
    /// Somebody else has changed it.
    Conflict,
    /// A region did not answer, or would not.
    Unreachable,
    /// A wave is watched from now on.
    Baking,
    /// A look said something else than the one before.
    Looked,
    /// A pass did not count.
    HeldBack,
    /// What comes from now on is counted by itself.
    Series,
    /// A wave is done.
    Passed,
    /// A wave is set back.
    Failed,
    /// Somebody decided instead of the judge.
    Override,
    /// It has ended, or stops here.
    Ended,
}

impl What {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            What::Begun => "begun",
            What::Resumed => "resumed",
            What::Intended => "intended",
            What::Changed => "changed",
            What::Found => "found",
            What::Conflict => "conflict",
            What::Unreachable => "unreachable",
            What::Baking => "baking",
            What::Looked => "looked",
            What::HeldBack => "held_back",
            What::Series => "series",
            What::Passed => "passed",
            What::Failed => "failed",
            What::Override => "override",
            What::Ended => "ended",
        }
    }

    /// Whether it is dropped before others when there are too many.
    const fn is_of_looks(self) -> bool {
        matches!(self, What::Looked | What::HeldBack | What::Series | What::Resumed)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// In which wave.
    pub wave: Option<String>,
    /// In which region.
    pub region: Option<String>,
    /// What.
    pub what: What,
    /// Why, or what exactly.
    pub why: String,
}

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(crate) transect_rollout_state: u32,
    pub(crate) plan_hash: String,
    /// What is to be done.
    pub plan: Plan,
    /// When it began.
    pub begun_at: Moment,
    /// Which wave it is at, from 0.
    pub wave: usize,
    /// What is known of each region of the plan.
    pub regions: BTreeMap<String, Place>,
    /// What became of each wave.
    pub waves: Vec<WaveRecord>,
    /// Decisions that somebody made instead of the judge.
    pub overrides: Vec<Overridden>,
    /// The wave that is to pass without the judge.
    pub(crate) forced: Option<usize>,
    /// What is still to be asked of the regions that had the canary before this wave: the minutes between the last that the
    /// wave before has judged and the first that this one does.
    #[serde(default)]
    pub(crate) between: Option<Question>,
    pub(crate) now: Phase,
    /// What happened, the oldest first.
    pub events: Vec<Event>,
    /// How many events are no longer kept.
    pub events_dropped: u64,
}

/// Why a document is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is something else, or damaged.
    #[error("it is no state of `transect rollout`: {0}")]
    NoState(String),
    /// It is a later one's.
    #[error("it is of version {0}, and this reads {VERSION}")]
    OtherVersion(u32),
}

impl State {
    pub(crate) fn begin(plan: &Plan, now: Moment) -> State {
        State {
            transect_rollout_state: VERSION,
            plan_hash: plan.hash(),
            plan: Plan { warnings: Vec::new(), ..plan.clone() },
            begun_at: now,
            wave: 0,
            regions: plan.regions.keys().map(|region| (region.clone(), Place::default())).collect(),
            waves: vec![WaveRecord::PENDING; plan.waves.len()],
            overrides: Vec::new(),
            forced: None,
            between: None,
            now: Phase::Checking { purpose: Purpose::Shift },
            events: Vec::new(),
            events_dropped: 0,
        }
    }

    /// Reads a document.
    pub fn parse(text: &str) -> Result<State, StateError> {
        #[derive(Deserialize)]
        struct Version {
            transect_rollout_state: u32,
        }
        let no_state = |error: serde_json::Error| StateError::NoState(error.to_string());
        let version: Version = serde_json::from_str(text).map_err(no_state)?;
        if version.transect_rollout_state != VERSION {
            return Err(StateError::OtherVersion(version.transect_rollout_state));
        }
        let state: State = serde_json::from_str(text).map_err(no_state)?;
        state.check().map_err(|what| StateError::NoState(what.to_owned()))?;
        Ok(state)
    }

    /// What the rest relies on.
    fn check(&self) -> Result<(), &'static str> {
        if self.plan_hash != self.plan.hash() {
            return Err("its plan was changed by hand");
        }
        if self.wave >= self.plan.waves.len() || self.waves.len() != self.plan.waves.len() {
            return Err("its waves are not those of its plan");
        }
        if !self.regions.keys().eq(self.plan.regions.keys()) {
            return Err("its regions are not those of its plan");
        }
        let changes = match &self.now {
            Phase::Changing(job) => &job.changes[..],
            Phase::Ended(Ended { then: Some(then), .. }) => match then.as_ref() {
                Phase::Changing(job) => &job.changes[..],
                _ => &[],
            },
            _ => &[],
        };
        if changes.iter().any(|change| !self.regions.contains_key(&change.region)) {
            return Err("it changes a region that is not of its plan");
        }
        Ok(())
    }

    /// The document.
    pub fn render(&self) -> String {
        // Texts and numbers alone: nothing in it can fail to be written.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Names the plan, for files that belong to it.
    pub fn plan_hash(&self) -> &str {
        &self.plan_hash
    }

    /// How it ended or where it stopped, if it did.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.now {
            Phase::Ended(ended) => Some(ended.outcome),
            _ => None,
        }
    }

    /// Adds an event, and drops others where there are too many: those of looks first, then the oldest.
    pub(crate) fn log(&mut self, event: Event) {
        if self.events.len() >= EVENTS_MAX {
            let place = self.events.iter().position(|event| event.what.is_of_looks());
            let place =
                place.or_else(|| self.events.iter().position(|event| event.what != What::Override)).unwrap_or(0);
            self.events.remove(place);
            self.events_dropped += 1;
        }
        self.events.push(event);
    }
}

/// A text from elsewhere, as long as a log takes it.
pub(crate) fn bounded(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
