//! Rollouts in a cloud that can fail at every step, with a judge that says what is written and a clock that is turned.

mod fake;
mod killed;
mod minutes;
mod plans;
mod properties;
mod rendered;
mod stories;
