//! `transect backfill`: what CloudWatch Logs still holds, into the lake. It refuses to fetch; that is `transect-cloudwatch`'s.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use transect_cloudwatch::backfill::{Backfill as How, BackfillError, Brought, Wanted, backfill};
use transect_cloudwatch::{Pace, Progress, Region};
use transect_lake::{RegionLocation, RegionStore, create_private};
use transect_normalize::Normalizer;

use transect_query::{Completeness, FileNote};

use crate::arguments::{Backfill, Global};
use crate::failure::{Failure, USAGE};
use crate::{aws, clock, cloud, config, output};

/// The first line of a state file.
const STATE_HEAD: &str = "transect backfill 1";
/// A line a window of a day and group; a year of a thousand groups in ten regions is a third of this.
const STATE_BYTES_MAX: u64 = 1 << 30;
/// FilterLogEvents allows 5 calls a second in most regions, and more only where it was asked for.
const RATE_MAX: u32 = 100;

pub fn run(own: &Backfill, global: &Global) -> Result<(), Failure> {
    let json = output::wants_json(global, "backfill")?;
    if !(1..=RATE_MAX).contains(&own.rate) {
        return Err(Failure::usage(
            format!("--rate {}: not a number of calls a second", own.rate),
            format!("write 1 to {RATE_MAX}"),
        ));
    }
    let extent = output::extent(global)?;
    let (Some(since), Some(until)) = (extent.since_unix_nano, extent.until_unix_nano) else {
        return Err(Failure::usage(
            "backfill takes --since and --until",
            "for example --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z, or --since 6h --until now",
        ));
    };
    // What is still to come is another run's.
    let until = until.min(extent.now_unix_nano);
    if since >= until {
        return Err(Failure::usage("--since is still to come", "name a time that has been"));
    }
    let configured = config::configured(global)?;
    let regions =
        cloud::known(if global.region.is_empty() { cloud::of_lake(&configured)? } else { cloud::named(global) })?;
    // Whoever looks only begins no file.
    let state = own.state.as_deref().filter(|_| !global.dry_run).map(State::open).transpose()?;
    let names = cloud::names(&own.deployment)?;
    let normalizer = Normalizer::new(&cloud::reading(&own.reading));
    let wanted = Wanted {
        groups: own.group.clone(),
        exclude: own.exclude.clone(),
        since_ms: since / 1_000_000,
        until_ms: until.saturating_add(999_999) / 1_000_000,
    };
    let scratch = std::env::temp_dir();
    let total = Mutex::new(Brought::default());
    let progress = Progress::default();
    let watch = cloud::watch(global, "windows", &progress);
    let ended = output::block_on(Some(&watch), async {
        let access = aws::access(&configured.lake, configured.region_timeout).await;
        let clients = cloud::connect(&regions).await;
        let account = cloud::account(&clients).await?;
        // A place that is missing is said before anything is fetched.
        for region in &clients {
            configured.lake.location_of(&region.name)?;
        }
        let bring = |region: &Region| {
            let (access, account, names, normalizer) = (access.clone(), account.clone(), names.clone(), &normalizer);
            let (wanted, scratch, state, lake, total) = (&wanted, &scratch, state.as_ref(), &configured.lake, &total);
            let progress = &progress;
            let region = region.clone();
            async move {
                let location = lake.location_of(&region.name)?;
                let place = RegionLocation::new(Some(region.name.clone()), location.place().clone(), None)?;
                let pace = Pace::per_second(own.rate);
                let how = How {
                    account: &account,
                    names: &names,
                    normalizer,
                    scratch,
                    now_unix_nano: clock::now_unix_nano(),
                    pace: &pace,
                    progress,
                };
                let none = HashSet::new();
                let done = state.map_or(&none, |state| &state.done);
                let on_done = |key: &str| state.map_or(Ok(()), |state| state.note(key));
                let store = RegionStore::new(place, access);
                if let Some(directory) = store.location().place().directory() {
                    // As `ingest`: a directory that is not there is begun.
                    create_private(directory).map_err(BackfillError::State)?;
                }
                let mut brought = Brought::default();
                let ended = backfill(&region, &store, wanted, &how, done, &on_done, &mut brought).await;
                // What came before it broke off is there.
                *total.lock().unwrap_or_else(PoisonError::into_inner) += brought;
                ended
            }
        };
        Ok::<_, Failure>(if global.dry_run {
            Completeness::default()
        } else {
            let asked = cloud::in_each(&clients, |region| {
                let brought = bring(region);
                async move { brought.await.map_err(|error| format!("{:#}", anyhow::Error::new(error))) }
            });
            asked.await.1
        })
    });
    watch.say();
    let mut completeness = ended??;
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let refused = total.refused.iter();
    completeness
        .unreadable_files
        .extend(refused.map(|(group, fault)| FileNote { path: group.clone(), reason: fault.to_string() }));
    if global.dry_run {
        let hours = (wanted.until_ms - wanted.since_ms) as f64 / 3.6e6;
        let text = match json {
            true => format!("{}\n", serde_json::json!({"hours": hours, "groups": own.group, "regions": regions})),
            false => format!("would read {hours:.1} hours of {} in {}\n", own.group.join(", "), regions.join(", ")),
        };
        return output::print(global, &text);
    }
    output::print(global, &render(&total, &completeness, json))?;
    output::finish(global, &completeness, &transect_query::NamesSeen::default())?;
    if total.groups == 0 {
        return Err(cloud::no_log_group(&own.group));
    }
    Ok(())
}

fn render(total: &Brought, completeness: &Completeness, json: bool) -> String {
    if json {
        let members = completeness.json_members();
        return format!(
            "{{\"groups\":{},\"windows\":{},\"windows_done_before\":{},\"events\":{},\"own_events\":{},\"records\":{},\"files\":{},\"bytes_written\":{},{members}}}\n",
            total.groups,
            total.windows,
            total.windows_done_before,
            total.events,
            total.own,
            total.records,
            total.files,
            total.bytes
        );
    }
    let mut text = format!(
        "{} log groups, {} events → {} records in {} Parquet files, {}",
        total.groups,
        total.events,
        total.records,
        total.files,
        output::human_bytes(total.bytes)
    );
    if total.windows_done_before > 0 {
        text.push_str(&format!(
            "; {} of {} windows were done before",
            total.windows_done_before,
            total.windows_done_before + total.windows
        ));
    }
    if total.redacted > 0 {
        text.push_str(&format!("; {} secrets redacted", total.redacted));
    }
    text.push_str(&output::own_events(total.own));
    text.push('\n');
    text
}

/// What is done: a line a window, each written down whole before the next one begins.
struct State {
    done: HashSet<String>,
    file: Mutex<File>,
}

impl State {
    fn open(path: &Path) -> Result<State, Failure> {
        let failure = |error: anyhow::Error| Failure::Because {
            code: USAGE,
            error: error.context(format!("state {}", path.display())),
            hint: Some("it is a file that `transect backfill --state` has begun, or none yet".into()),
        };
        let mut options = File::options();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).context("open").map_err(failure)?;
        // A device or a pipe keeps nothing, and reading it may never end.
        if !file.metadata().context("open").map_err(failure)?.is_file() {
            return Err(failure(anyhow::anyhow!("it is no file")));
        }
        let mut text = String::new();
        (&mut file).take(STATE_BYTES_MAX).read_to_string(&mut text).context("read").map_err(failure)?;
        let mut lines = text.split_inclusive('\n');
        match lines.next() {
            None => writeln!(file, "{STATE_HEAD}").context("write").map_err(failure)?,
            Some(head) if head.trim_end() == STATE_HEAD => {}
            Some(_) => return Err(failure(anyhow::anyhow!("it is another program's file"))),
        }
        // A last line that was cut off says nothing.
        let is_cut = !text.is_empty() && !text.ends_with('\n');
        if is_cut {
            writeln!(file).context("write").map_err(failure)?;
        }
        let done =
            lines.filter(|line| line.ends_with('\n')).map(|line| line.trim_end_matches('\n').to_owned()).collect();
        Ok(State { done, file: Mutex::new(file) })
    }

    fn note(&self, key: &str) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{key}\n").as_bytes())?;
        file.sync_data()
    }
}
