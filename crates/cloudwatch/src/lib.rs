//! The AWS side of the command line: what log groups there are and who forwards them, what CloudWatch still holds, what the
//! pipeline could not deliver, and whether what is installed is sound.
//!
//! This crate never prints and never reads the environment: the SDK's configuration, clocks and names are passed in. It knows
//! the lake, and no query engine.

mod account;
mod alias;
pub mod backfill;
mod clock;
pub mod doctor;
mod fault;
mod names;
mod own;
mod pace;
mod pages;
mod progress;
pub mod redrive;
mod regions;
pub mod subscribe;
pub mod tail;

pub use account::{Account, Region, account_of};
pub use alias::{AliasRouting, read_alias, set_alias};
pub use fault::{Fault, Missing};
pub use names::Names;
pub use pace::Pace;
pub use progress::Progress;
pub use regions::REGION_NAMES;

pub(crate) use own::{OwnGroups, Owner};
