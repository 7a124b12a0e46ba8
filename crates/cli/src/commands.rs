//! One file a command: each takes its arguments, calls the rooms and prints. None holds logic of its own.

pub mod backfill;
pub mod canary;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod ingest;
pub mod logs;
pub mod man;
pub mod query;
pub mod redrive;
pub mod releases;
pub mod rollout;
pub mod schema;
pub mod sql;
pub mod subscribe;
pub mod tail;
pub mod trace;

use crate::arguments::{Arguments, Command, ReleasesCommand};
use crate::failure::Failure;

/// What writes and cannot say beforehand what it would write takes no `--dry-run`, rather than pass over it.
fn refuse_dry_run(arguments: &Arguments) -> Result<(), Failure> {
    let name = match &arguments.command {
        Command::Demo(_) => "demo",
        Command::Ingest(_) => "ingest",
        Command::Releases(own) => match own.command {
            Some(ReleasesCommand::Record(_)) => "releases record",
            Some(ReleasesCommand::Import(_)) => "releases import",
            None => return Ok(()),
        },
        Command::Man(_) => "man",
        _ => return Ok(()),
    };
    match arguments.global.dry_run {
        false => Ok(()),
        true => Err(Failure::usage(
            format!("`transect {name}` has no --dry-run: it would write"),
            "nothing was read or written; leave --dry-run out to have it done",
        )),
    }
}

/// Carries out a command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let global = &arguments.global;
    refuse_dry_run(arguments)?;
    match &arguments.command {
        Command::Demo(own) => demo::run(own, global),
        Command::Ingest(own) => ingest::run(own, global),
        Command::Sql(own) => sql::run(own, global),
        Command::Query(own) => query::run(own, global),
        Command::Logs(own) => logs::run(own, global),
        Command::Trace(own) => trace::run(own, global),
        Command::Canary(own) => canary::run(own, global),
        Command::Releases(own) => releases::run(own, global),
        Command::Subscribe(own) => subscribe::run(own, global),
        Command::Backfill(own) => backfill::run(own, global),
        Command::Tail(own) => tail::run(own, global),
        Command::Redrive(own) => redrive::run(own, global),
        Command::Failed(own) => redrive::list(own, global),
        Command::Doctor(own) => doctor::run(own, global),
        Command::Rollout(own) => rollout::run(own, global),
        Command::Schema => schema::run(global),
        Command::Completions(own) => completions::run(own),
        Command::Man(own) => man::run(own),
    }
}
