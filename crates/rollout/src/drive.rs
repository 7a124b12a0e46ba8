//! The loop between a rollout and the world, over traits that block. It refuses to go on when the state could not be
//! written.

use crate::alias::{Alias, Routing};
use crate::machine::{Action, CloudError, Observation, Rollout};
use crate::moment::Moment;
use crate::state::{Event, Outcome};
use crate::verdict::{JudgeError, Question, Verdict};

/// The function's alias, region by region.
pub trait Cloud {
    /// What the alias is.
    fn read_alias(&mut self, region: &str) -> Result<Alias, CloudError>;
    /// Sets the alias if it still has that revision. To set it to what it is does no harm.
    fn set_alias(&mut self, region: &str, routing: &Routing, revision_id: &str) -> Result<(), CloudError>;
}

/// Whoever says whether the canary is worse.
pub trait Judge {
    /// One look.
    fn look(&mut self, question: &Question) -> Result<Verdict, JudgeError>;
}

/// The time.
pub trait Clock {
    /// Now.
    fn now(&mut self) -> Moment;
    /// Comes back when it is that late; earlier does no harm.
    fn sleep_until(&mut self, until: Moment) -> Result<(), Stop>;
}

/// Where the state is kept.
pub trait Store {
    /// Writes the state, whole or not at all, so that it is there after a loss of power. The error says why not.
    fn save(&mut self, state: &str) -> Result<(), String>;
}

/// Somebody wants it to stop, for example with Ctrl-C. What is done is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Why a rollout is not driven any further. It can be gone on with from its state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// Somebody wanted it to stop.
    #[error("stopped; run it again to go on")]
    Stopped,
    /// The state could not be written, and nothing is done that nobody could read of.
    #[error("write the state: {0}")]
    Unsaved(String),
}

/// Everything outside.
pub struct World<'w> {
    /// Aliases.
    pub cloud: &'w mut dyn Cloud,
    /// Verdicts.
    pub judge: &'w mut dyn Judge,
    /// The time.
    pub clock: &'w mut dyn Clock,
    /// The state.
    pub store: &'w mut dyn Store,
    /// Is told what happens, once it is written down.
    pub told: &'w mut dyn FnMut(&Event),
}

/// Drives a rollout until it ends or stops.
pub fn drive(rollout: &mut Rollout, world: &mut World<'_>) -> Result<Outcome, DriveError> {
    let mut observation = Observation::Nothing;
    loop {
        let now = world.clock.now();
        let action = rollout.step(observation, now);
        if let Action::Finished(outcome) = action {
            return Ok(outcome);
        }
        observation = perform(&action, rollout, world)?;
    }
}

/// Carries out one action.
pub fn perform(action: &Action, rollout: &mut Rollout, world: &mut World<'_>) -> Result<Observation, DriveError> {
    Ok(match action {
        Action::Save => {
            world.store.save(&rollout.state().render()).map_err(DriveError::Unsaved)?;
            rollout.take_events().iter().for_each(|event| (world.told)(event));
            Observation::Nothing
        }
        Action::ReadAlias { region } => {
            Observation::Alias { region: region.clone(), alias: world.cloud.read_alias(region) }
        }
        Action::SetAlias { region, routing, revision_id } => {
            Observation::Set { region: region.clone(), result: world.cloud.set_alias(region, routing, revision_id) }
        }
        Action::Look(question) => Observation::Looked(world.judge.look(question)),
        Action::Wait { until } => {
            world.clock.sleep_until(*until).map_err(|Stop| DriveError::Stopped)?;
            Observation::Nothing
        }
        Action::Finished(_) => Observation::Nothing,
    })
}
