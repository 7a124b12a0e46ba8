//! `transect logs`: records as people read logs. It refuses to know how they are found and laid out; that is
//! `transect-query`'s.

use std::io::BufWriter;

use transect_query::{
    Extent, Format, LOGS_MAX, LineStyle, LogFilter, LogWindow, Logs as Found, NamesSeen, Question, render_batch,
    render_logs,
};

use crate::arguments::{Global, Logs};
use crate::clock::utc_text;
use crate::failure::Failure;
use crate::ids::{pasted_correlation_id, pasted_invocation_id, pasted_trace_id};
use crate::output::{self, Destination, OpenLake};
use crate::{config, zone};

/// An X-Ray id is made when its request comes in; its records lie within a day of that, late ones included, or the whole
/// range is looked at.
const TRACE_NANO_MAX: i64 = 24 * 3_600_000_000_000;
/// A clock that made an id may be ahead of ours.
const CLOCK_NANO_MAX: i64 = 900_000_000_000;

pub fn run(own: &Logs, global: &Global) -> Result<(), Failure> {
    let format = output::row_format(global)?;
    if own.limit == 0 || own.limit > LOGS_MAX {
        return Err(Failure::usage(
            format!("--limit {}: not a number of records to show", own.limit),
            format!("write 1 to {LOGS_MAX}; larger answers come from `transect sql`"),
        ));
    }
    let filter = filter(own, global)?;
    let window = LogWindow {
        limit: own.limit,
        before: own.context.unwrap_or(own.before_context),
        after: own.context.unwrap_or(own.after_context),
    };
    let ranges = ranges(&filter, output::extent(global)?);
    let lake = OpenLake::open(config::configured(global)?, global)?;
    let mut outcome = None;
    for (index, extent) in ranges.iter().enumerate() {
        let question = lake.question(extent.clone())?;
        if global.dry_run {
            let (sql, params) = filter.newest(own.limit);
            return output::dry_run(&question, &sql, &params, global);
        }
        let found = output::block_on(Some(&output::Watch::new(&question, global)), question.logs(&filter, &window))??;
        if global.verbose {
            output::say_cost(global, &question, Some(found.rows.num_rows() as u64));
        }
        let is_found = found.rows.num_rows() > 0;
        if is_found && index + 1 < ranges.len() {
            output::say(global, &looked_at(extent));
        }
        let is_last = index + 1 == ranges.len();
        let nothing = if is_found || !is_last { None } else { Some(nothing_found(&question, &filter, global)?) };
        outcome = Some((found, nothing));
        if is_found || is_last {
            break;
        }
    }
    let Some((found, nothing)) = outcome else { return Ok(()) };
    print(&found, &window, format, own, global)?;
    let seen = NamesSeen::of(&found.rows);
    output::finish(global, &found.completeness, &seen)?;
    match nothing {
        Some(hint) => Err(Failure::nothing_found("no records found", Some(hint))),
        None => Ok(()),
    }
}

/// Why nothing was found, as far as that can be known: names that no record has, and where it was looked.
fn nothing_found(question: &Question, filter: &LogFilter, global: &Global) -> Result<String, Failure> {
    let looked = output::looked_at(question)?;
    let is_open = global.since.is_none() && global.until.is_none();
    let mut lines = output::unknown_hints(question, global, question.unknown_names(filter))?;
    lines.push(looked);
    if !is_open {
        lines.push("widen --since, or --lateness for what arrived late".to_owned());
    }
    Ok(lines.join("\n"))
}

fn print(found: &Found, window: &LogWindow, format: Format, own: &Logs, global: &Global) -> Result<(), Failure> {
    if global.strict && !found.completeness.is_complete() {
        return Ok(());
    }
    let mut destination =
        if format == Format::Table { Destination::open_paged(global)? } else { Destination::open(global)? };
    output::refuse_parquet_on_terminal(format, &destination)?;
    let is_terminal = destination.is_terminal();
    let style = destination.table_style(global);
    if format == Format::Table {
        let time_zone = zone::shown(own.utc, global);
        let lines = LineStyle { color: style.color, short_time: is_terminal, time_zone };
        let with_neighbours = window.before > 0 || window.after > 0;
        let mut out = BufWriter::new(destination.writer());
        let written = render_logs(found, with_neighbours, &lines, &mut out);
        written.and_then(|()| std::io::Write::flush(&mut out))?;
    } else {
        render_batch(&found.rows, format, &style, &found.completeness, destination.writer())?;
    }
    destination.publish()?;
    if found.is_cut {
        output::say(
            global,
            &format!("transect: the newest {} records; there are more (--limit N, or a narrower question)", own.limit),
        );
    }
    if found.is_neighbour_cut {
        output::warn(
            "transect: incomplete: the streams have too many records at that time to look through, and neighbours may be others",
        );
    }
    Ok(())
}

fn filter(own: &Logs, global: &Global) -> Result<LogFilter, Failure> {
    let trace_id = own.trace.as_deref().map(|text| {
        pasted_trace_id(text).ok_or_else(|| {
            Failure::usage(
                format!("--trace {text}: not a trace id"),
                "a trace id is 32 hex digits, 1-8-24 of X-Ray, Root=…, a traceparent or a UUID; another id goes without --trace",
            )
        })
    });
    Ok(LogFilter {
        services: own.service.clone(),
        releases: own.release.clone(),
        severity_min: own.level.map(|level| level as i32),
        groups: own.group.clone(),
        trace_id: trace_id.transpose()?,
        invocation_id: own.invocation.as_deref().map(pasted_invocation_id),
        correlation_id: own.correlation.as_deref().map(pasted_correlation_id),
        text: own.text.clone(),
        pattern: own.grep.clone(),
        ignore_case: own.ignore_case,
        invert: own.invert_match || global.short_v && own.grep.is_some(),
    })
}

/// What was looked at because an id told its time.
fn looked_at(extent: &Extent) -> String {
    let time = |nanos: Option<i64>| utc_text(nanos.unwrap_or_default());
    format!(
        "transect: the id tells its time; these are records from {} to {} (`transect logs ID`, without --trace, looks at all)",
        time(extent.since_unix_nano),
        time(extent.until_unix_nano)
    )
}

/// The ranges to look at, one after the other until something is found: if the trace id tells a time within the range,
/// the hours around that come first.
fn ranges(filter: &LogFilter, extent: Extent) -> Vec<Extent> {
    let epoch = filter.trace_id.as_deref().and_then(|id| i64::from_str_radix(id.get(..8)?, 16).ok());
    let made = epoch.and_then(|seconds| seconds.checked_mul(1_000_000_000));
    let since = extent.since_unix_nano.unwrap_or(i64::MIN);
    let until = extent.until_unix_nano.unwrap_or(extent.now_unix_nano).min(extent.now_unix_nano);
    let Some(made) = made
        .filter(|made| since.saturating_sub(TRACE_NANO_MAX) <= *made && *made <= until.saturating_add(CLOCK_NANO_MAX))
    else {
        return vec![extent];
    };
    let narrow = Extent {
        since_unix_nano: Some(since.max(made.saturating_sub(CLOCK_NANO_MAX))),
        until_unix_nano: Some(until.min(made.saturating_add(TRACE_NANO_MAX))),
        // What the trace left behind within the hour is enough to show that it is there; the lateness asked for stays.
        ..extent.clone()
    };
    vec![narrow, extent]
}
