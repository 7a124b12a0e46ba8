//! `transect ingest`: payload files into the lake. It refuses to stop at a broken file: it names it and goes on.

use transect_lake::Lake;
use transect_normalize::{Normalizer, Options};
use transect_query::visible;

use crate::arguments::{Global, Ingest};
use crate::exports::Named;
use crate::failure::{Failure, INCOMPLETE, USAGE};
use crate::inputs;
use crate::loader::{Buckets, Load, Loaded, Reject, load};
use crate::output::{self, print, wants_json};
use crate::signals::Attention;
use crate::{clock, config};

pub fn run(own: &Ingest, global: &Global) -> Result<(), Failure> {
    let json = wants_json(global, "ingest")?;
    let region = match &global.region[..] {
        [] => None,
        [region] => Some(region.as_str()),
        _ => {
            return Err(Failure::usage(
                "several --region",
                "payloads of several regions lie in folders of their names, or are loaded one region after another",
            ));
        }
    };
    let configured = config::configured(global)?;
    let lake = &configured.lake;
    let buckets = Buckets::of(&configured)?;
    let options = Options {
        redact: !own.no_redact,
        redact_keys: own.redact_key.clone(),
        redact_patterns: own.redact_pattern.clone(),
        correlation_keys: own.correlation_key.clone(),
        release_keys: own.release_key.clone(),
    };
    let loaded = load_files(lake, buckets.as_ref(), own, region, &options, global)?;
    print(global, &summary(&loaded, json))?;
    finish(&loaded)
}

/// Loads with a progress bar where there is a terminal to show it.
pub fn load_files(
    lake: &Lake,
    buckets: Option<&Buckets>,
    own: &Ingest,
    region: Option<&str>,
    options: &Options,
    global: &Global,
) -> Result<Loaded, Failure> {
    let (files, rejected) = inputs::expand(&own.files, own.files_from.as_deref())?;
    let bar = output::progress_bar(files.len() as u64, global.quiet, "files");
    let bytes_done = std::sync::atomic::AtomicU64::new(0);
    let progress = |bytes: u64| {
        let done = bytes_done.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed) + bytes;
        bar.set_message(format!(", {}", output::human_bytes(done)));
        bar.inc(1);
    };
    let attention = Attention::new();
    let load_options = Load {
        lake,
        buckets,
        files: &files,
        named: Named { group: own.group.as_deref(), stream: own.stream.as_deref(), account: own.account.as_deref() },
        region,
        force: own.force,
        normalizer: &Normalizer::new(options),
        row_group_rows: own.row_group_rows,
        now_unix_nano: clock::now_unix_nano(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        interrupted: attention.flag(),
    };
    let loaded = load(&load_options, &progress);
    bar.finish_and_clear();
    let mut loaded = loaded?.ok_or(Failure::Interrupted)?;
    loaded.rejected.splice(0..0, rejected);
    Ok(loaded)
}

/// Names what was left out; an error if anything was.
pub fn finish(loaded: &Loaded) -> Result<(), Failure> {
    for (path, reject) in &loaded.rejected {
        // An error, so it is said even to those who want no talk.
        output::warn(&visible(&format!("transect: {}: {reject}", path.display())));
    }
    if loaded.rejected.is_empty() {
        return Ok(());
    }
    let code =
        if loaded.rejected.iter().any(|(_, reject)| matches!(reject, Reject::NoRegion)) { USAGE } else { INCOMPLETE };
    let error = anyhow::anyhow!(
        "{} of {} files were left out",
        loaded.rejected.len(),
        loaded.files + loaded.rejected.len() as u64
    );
    Err(Failure::Because { code, error, hint: None })
}

fn summary(loaded: &Loaded, json: bool) -> String {
    if json {
        let object = serde_json::json!({
            "files": loaded.files,
            "events": loaded.events,
            "records": loaded.records,
            "rejected_files": loaded.rejected.len(),
            "already_present": loaded.already_present,
            "own_events": loaded.own,
            "bytes_written": loaded.bytes_written,
        });
        return format!("{object}\n");
    }
    let mut text = format!("{} files, {} events", loaded.files, loaded.events);
    if loaded.already_present > 0 {
        text.push_str(&format!(", {} of them already there (--force loads them again)", loaded.already_present));
    }
    text.push_str(&format!(
        " → {} records in {} Parquet files, {} bytes",
        loaded.records, loaded.files_written, loaded.bytes_written
    ));
    if loaded.redacted > 0 {
        text.push_str(&format!("; {} secrets redacted", loaded.redacted));
    }
    text.push_str(&output::own_events(loaded.own));
    text.push('\n');
    text
}
