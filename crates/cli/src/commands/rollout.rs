//! `transect rollout`: the shell around `transect-rollout`: aliases are Lambda's, verdicts are `transect canary`'s, the clock is
//! this machine's and the state is a file. It refuses to decide anything.

mod judge;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use transect_cloudwatch::{Fault, Region, read_alias, set_alias};
use transect_rollout::{
    Alias, Asked, Clock, Cloud, CloudError, Decision, Document, DriveError, Event, Moment, OnInconclusive, Options,
    Override, Plan, Rollout as Machine, RolloutError, Routing, State, Stop, Store, Wave, World, describe, drive,
    parse_seconds, render_description, render_description_json, render_report, render_report_json, render_seconds,
    report,
};

use self::judge::Canary;

use crate::arguments::{Global, Rollout};
use crate::commands::canary::settle_of;
use crate::failure::{Failure, INCOMPLETE, USAGE};
use crate::range::parse_duration;
use crate::signals::Attention;
use crate::{clock, cloud, inputs, output};

/// How often the clock is looked at while nothing is to be done, so that Ctrl-C is noticed.
const TICK: Duration = Duration::from_millis(200);
/// Plans and release maps are written by people and pipelines.
const FILE_BYTES_MAX: u64 = 64 << 20;

pub fn run(own: &Rollout, global: &Global) -> Result<(), Failure> {
    let json = output::wants_json(global, "rollout")?;
    let waves = read(&own.waves, "waves")?;
    let map = read(&own.release_map, "release map")?;
    let asked = Asked {
        service: own.service.clone(),
        function: own.function.clone(),
        alias: own.alias.clone(),
        baseline: own.baseline.clone(),
        canary: own.canary.clone(),
    };
    let (waves_name, map_name) = (own.waves.display().to_string(), own.release_map.display().to_string());
    let documents = (Document { name: &waves_name, text: &waves }, Document { name: &map_name, text: &map });
    let plan = Plan::parse(&asked, documents.0, documents.1)
        .map_err(|error| Failure::usage(format!("{}: {}", error.place, error.what), error.hint))?;
    for warning in &plan.warnings {
        output::say(global, &format!("transect: {warning}"));
    }
    for (is_there, name) in [
        (!global.region.is_empty(), "--region"),
        (global.since.is_some(), "--since"),
        (global.until.is_some(), "--until"),
        (global.strict, "--strict"),
        (global.max_bytes.is_some(), "--max-bytes"),
    ] {
        if is_there {
            return Err(Failure::usage(
                format!("{name} is not for a rollout"),
                "its regions and times are those of its waves",
            ));
        }
    }
    let names = cloud::known(plan.regions.keys().cloned().collect())?;
    let options = options(own)?;
    long_enough(&plan, &options, own)?;
    let path = own.state.as_deref().map(state_file).transpose()?;
    let held = path.as_deref().filter(|_| !global.dry_run).map(lock).transpose()?;
    let state = path.as_deref().map(read_state).transpose()?.flatten();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start threads")
        .map_err(Failure::incomplete)?;
    let regions = runtime.block_on(cloud::connect(&names));
    let mut aliases = Aliases { runtime: &runtime, regions: &regions, plan: &plan };
    if global.dry_run {
        let read = names.iter().map(|name| (name.clone(), aliases.read_alias(name))).collect::<BTreeMap<_, _>>();
        let described = describe(&plan, state.as_ref(), &read);
        let text = if json { render_description_json(&described) } else { render_description(&described) };
        output::print(global, &text)?;
        return exit(described.exit_code());
    }
    let Some(path) = path.as_deref() else {
        return Err(Failure::usage("a rollout takes --state", "name a file; the same one takes a killed run up"));
    };
    let forced = own.override_reason.as_ref().map(|reason| Override {
        decision: if own.roll_back { Decision::RollBack } else { Decision::Promote },
        reason: reason.clone(),
        by: whoami(),
    });
    let now = wall_clock();
    let mut machine = Machine::new(&plan, options, state, forced.as_ref(), now).map_err(usage)?;
    let attention = Attention::new();
    let interrupted = attention.flag();
    let outcome = drive(
        &mut machine,
        &mut World {
            cloud: &mut aliases,
            judge: &mut Canary { interrupted, own, global, plan: &plan, state: path },
            clock: &mut Wall { interrupted },
            store: &mut Kept { path },
            told: &mut |event| tell(event, global),
        },
    );
    drop(held);
    let told = report(machine.state(), &plan.warnings);
    output::print(global, &if json { render_report_json(&told) } else { render_report(&told) })?;
    match outcome {
        Ok(outcome) => exit(outcome.exit_code()),
        Err(DriveError::Stopped) => Err(Failure::Interrupted),
        Err(unsaved) => Err(Failure::Because {
            code: INCOMPLETE,
            error: unsaved.into(),
            hint: Some("nothing was done that is not written down; run it again when the file can be written".into()),
        }),
    }
}

fn exit(code: u8) -> Result<(), Failure> {
    if code == 0 { Ok(()) } else { Err(Failure::Verdict(code)) }
}

fn read(path: &Path, what: &'static str) -> Result<String, Failure> {
    let text = inputs::read_text(path, FILE_BYTES_MAX);
    text.with_context(|| format!("read {what} {}", path.display())).map_err(|error| Failure::Because {
        code: USAGE,
        error,
        hint: None,
    })
}

/// The file that a state is kept in. A link stays one; whoever names it and whoever names what it leads to mean the same, and
/// what is no file is not replaced by one.
fn state_file(path: &Path) -> Result<PathBuf, Failure> {
    let found = output::replaced(path).with_context(|| format!("read state {}", path.display()));
    found.map_err(Failure::incomplete)?.ok_or_else(|| {
        Failure::usage(
            format!("state {} is no file", path.display()),
            "name a file; the same one takes a killed run up",
        )
    })
}

fn read_state(path: &Path) -> Result<Option<State>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read(path, "state")?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    State::parse(&text).map(Some).map_err(|error| {
        Failure::usage(
            format!("state {}: {error}", path.display()),
            "it is a file that `transect rollout --state` has begun, or none yet",
        )
    })
}

/// Two runs of one rollout would tread on each other's feet.
fn lock(path: &Path) -> Result<File, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .with_context(|| format!("write {}", name.display()))
        .map_err(Failure::incomplete)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Failure::usage(
            format!("{} is in use", path.display()),
            "another `transect rollout` is under way with this state; wait for it, or end it",
        )),
    }
}

fn options(own: &Rollout) -> Result<Options, Failure> {
    let seconds = |name: &str, text: &str| {
        parse_seconds(text).ok_or_else(|| {
            Failure::usage(
                format!("{name} {text}: not a duration"),
                "write a whole number and s, m, h or d, such as 30m",
            )
        })
    };
    Ok(Options {
        on_inconclusive: match own.on_inconclusive.as_str() {
            "promote" => OnInconclusive::Promote,
            "hold" => OnInconclusive::Hold,
            _ => OnInconclusive::Rollback,
        },
        deadline_seconds: own.deadline.as_deref().map(|text| seconds("--deadline", text)).transpose()?,
        every_seconds: seconds("--every", &own.every)?,
    })
}

/// A wave in whose time no minute can be counted would be held without ever having been seen.
fn long_enough(plan: &Plan, options: &Options, own: &Rollout) -> Result<(), Failure> {
    /// The rest of the minute of the change, the next one because an alias is followed with delay, and one to count.
    const MINUTES: u64 = 3 * 60;
    // Read in any case: a policy that cannot be is to be known before a weight moves.
    let of_policy = settle_of(own.policy.as_deref())?;
    let settle = own.settle.clone().unwrap_or(of_policy);
    let settle = u64::try_from(parse_duration("--settle", &settle)? / 1_000_000_000).unwrap_or(0);
    let least = MINUTES.saturating_add(settle);
    let of = |wave: &Wave| wave.bake_seconds.saturating_add(options.deadline_seconds.unwrap_or(wave.bake_seconds));
    match plan.waves.iter().find(|wave| of(wave) < least) {
        None => Ok(()),
        Some(wave) => Err(Failure::usage(
            format!(
                "wave \"{}\" is over after {} at most (bake and --deadline), before a minute of it can be counted: that takes {}",
                wave.name,
                render_seconds(of(wave)),
                render_seconds(least)
            ),
            "let it bake longer, or name a longer --deadline or a shorter --settle",
        )),
    }
}

fn usage(error: RolloutError) -> Failure {
    let hint = match &error {
        RolloutError::OtherPlan { .. } => "name another --state file for another rollout",
        RolloutError::NoReason => "write why: --override \"known flaky alarm, checked by hand\"",
        RolloutError::NothingToOverride(_) => "run it without --override",
        RolloutError::NoTimeBetweenLooks => "write --every 1m",
    };
    Failure::usage(error.to_string(), hint)
}

/// Who decides something instead of the judge.
fn whoami() -> String {
    let name = ["USER", "LOGNAME", "USERNAME", "GITHUB_ACTOR"].into_iter().find_map(|name| std::env::var(name).ok());
    name.unwrap_or_default()
}

fn tell(event: &Event, global: &Global) {
    let region = event.region.as_deref().map(|region| format!(" {region}")).unwrap_or_default();
    output::say(global, &format!("{} {}{region} {}", event.at, event.what.name(), event.why));
}

fn wall_clock() -> Moment {
    Moment(clock::now().as_second())
}

/// This machine's clock.
struct Wall {
    interrupted: &'static AtomicBool,
}

impl Clock for Wall {
    fn now(&mut self) -> Moment {
        wall_clock()
    }

    fn sleep_until(&mut self, until: Moment) -> Result<(), Stop> {
        // No longer than it was to be when it began: a clock that is set back is not waited for.
        let (began, longest) = (Instant::now(), Duration::from_secs(until.since(wall_clock())));
        while wall_clock() < until && began.elapsed() <= longest {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Stop);
            }
            std::thread::sleep(TICK);
        }
        if self.interrupted.load(Ordering::Relaxed) { Err(Stop) } else { Ok(()) }
    }
}

/// The state's file.
struct Kept<'k> {
    path: &'k Path,
}

impl Store for Kept<'_> {
    fn save(&mut self, state: &str) -> Result<(), String> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let saved = NamedTempFile::new_in(directory).and_then(|mut file| {
            file.write_all(state.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.path).map_err(|error| error.error)?;
            // The name, too, is to survive a loss of power.
            File::open(directory)?.sync_all()
        });
        saved.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// Lambda's aliases.
struct Aliases<'a> {
    runtime: &'a Runtime,
    regions: &'a [Region],
    plan: &'a Plan,
}

impl Aliases<'_> {
    fn region(&self, name: &str) -> Result<&Region, CloudError> {
        let found = self.regions.iter().find(|region| region.name == name);
        found.ok_or_else(|| CloudError::Refused(format!("{name} is no region of the plan")))
    }
}

fn cloud_error(fault: Fault) -> CloudError {
    const REFUSALS: [&str; 5] = [
        "ResourceNotFoundException",
        "InvalidParameterValueException",
        "ValidationException",
        "InvalidRequestContentException",
        "CodeSigningConfigNotFoundException",
    ];
    match fault.code.as_deref() {
        Some("PreconditionFailedException") => CloudError::Changed,
        Some(code) if fault.is_denied() || REFUSALS.contains(&code) => CloudError::Refused(fault.to_string()),
        _ => CloudError::Unreachable(fault.to_string()),
    }
}

impl Cloud for Aliases<'_> {
    fn read_alias(&mut self, region: &str) -> Result<Alias, CloudError> {
        let client = self.region(region)?;
        let found =
            self.runtime.block_on(read_alias(client, &self.plan.function, &self.plan.alias)).map_err(cloud_error)?;
        let mut additional = found.additional.into_iter();
        let routing = Routing { function_version: found.function_version, additional: additional.next() };
        if additional.next().is_some() {
            return Err(CloudError::Refused("the alias has more than one version beside the one it names".to_owned()));
        }
        Ok(Alias { routing, revision_id: found.revision_id })
    }

    fn set_alias(&mut self, region: &str, routing: &Routing, revision_id: &str) -> Result<(), CloudError> {
        let client = self.region(region)?;
        let additional = routing.additional.as_ref().map(|(version, weight)| (version.as_str(), *weight));
        let (function, alias) = (&self.plan.function, &self.plan.alias);
        let set = set_alias(client, function, alias, &routing.function_version, additional, revision_id);
        self.runtime.block_on(set).map_err(cloud_error)
    }
}
