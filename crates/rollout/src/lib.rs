//! Moves the weight of a Lambda alias to a release, wave of regions by wave of regions, and back where a verdict says so.
//! Pure: a state machine that says what is to be done next and is told what came of it, and a small driver over traits.
//!
//! This crate refuses to know the AWS SDK, clocks, files and runtimes; to compare releases by itself, since a verdict is a
//! [`Judge`]'s; to overwrite an alias that somebody else has changed; and to take what did not answer for a pass.

mod alias;
mod canary;
mod decision;
mod describe;
mod drive;
mod machine;
mod moment;
mod plan;
mod report;
mod state;
mod verdict;
mod waves;

#[cfg(test)]
mod tests;

pub use alias::{Alias, Routing};
pub use canary::read_canary;
pub use decision::{Course, Heard, Stage, course};
pub use describe::{Described, Description, describe, render_description, render_description_json};
pub use drive::{Clock, Cloud, DriveError, Judge, Stop, Store, World, drive, perform};
pub use machine::{
    Action, CloudError, Decision, EVERY_SECONDS, Observation, OnInconclusive, Options, Override, RETRIES_MAX, Rollout,
    RolloutError, SERIES_MAX,
};
pub use moment::{Moment, parse_seconds, render_seconds};
pub use plan::{Asked, Document, Plan, PlanError, Versions};
pub use report::{RegionRow, Report, WaveRow, render_report, render_report_json, report};
pub use state::{
    Decider, EVENTS_MAX, Event, Outcome, Overridden, Place, State, StateError, WaveRecord, WaveState, What,
};
pub use verdict::{JudgeError, Question, RegionAsked, Said, Verdict};
pub use waves::{BAKE_SECONDS_MAX, BAKED_WEIGHT_MAX, MIN_REQUESTS, WAVES_MAX, Wave};
