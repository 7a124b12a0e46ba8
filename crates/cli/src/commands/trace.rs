//! `transect trace`: one request, everywhere. It refuses to know how it is found, put together and drawn; that is
//! `transect-query`'s.

use std::io::{BufRead, IsTerminal, Write};

use transect_normalize::AnyId;
use transect_query::{
    Extent, Format, Id, IdKind, LogsShown, MADE_AFTER_NANO, MADE_BEFORE_NANO, NamesSeen, PickFilter, Trace as Found,
    TraceBounds, TraceStart, WaterfallStyle, Window, pick_sql, render_batch, render_trace_html, render_trace_json,
    render_trace_otlp, render_waterfall,
};

use crate::arguments::{CrossingName, FormatName, Global, LogsName, Trace};
use crate::clock::utc_text;
use crate::failure::Failure;
use crate::ids::pasted_id;
use crate::output::{self, Destination, OpenLake};
use crate::{config, zone};

const MINUTE_NANO: i64 = 60_000_000_000;
/// Where ids are looked for if nobody says where.
const SINCE_NANO: i64 = 24 * 60 * MINUTE_NANO;
/// An event may say that it happened up to an hour before CloudWatch received it.
const EVENT_BEFORE_NANO: i64 = 80 * MINUTE_NANO;
/// Records of a page: a browser draws each of them.
const PAGE_RECORDS_MAX: usize = 20_000;
/// Traces to choose from.
const PICK_MAX: usize = 1000;

/// How a request is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Waterfall,
    Json,
    Otlp,
    Html,
}

pub fn run(own: &Trace, global: &Global) -> Result<(), Failure> {
    match &own.id {
        Some(_) if own.errors || own.slow || !own.crossing.is_empty() => Err(Failure::usage(
            "--errors, --slow and --crossing choose among traces, and one is named",
            "list traces with `transect trace --pick`, without an ID",
        )),
        Some(id) => follow(id, form(global)?, own, global, None),
        None if own.pick => pick(own, global),
        None => Err(Failure::usage(
            "no ID of a request",
            "name any id of it, or list traces to choose from with `transect trace --pick`",
        )),
    }
}

fn form(global: &Global) -> Result<Form, Failure> {
    let ending = output::ending(global);
    let refused = |name: &str| {
        Err(Failure::usage(
            format!("`transect trace ID` does not write {name}"),
            "it writes table, json, otlp or html; rows of a trace come from `transect logs --trace ID --format csv`",
        ))
    };
    Ok(match (global.format, ending.as_deref()) {
        (Some(FormatName::Table), _) => Form::Waterfall,
        (Some(FormatName::Json), _) | (None, Some("json")) => Form::Json,
        (Some(FormatName::Html), _) | (None, Some("html")) => Form::Html,
        (Some(FormatName::Otlp), _) | (None, Some("otlp")) => Form::Otlp,
        (None, Some(rows @ ("ndjson" | "csv" | "parquet"))) => return refused(rows),
        (None, _) => Form::Waterfall,
        (Some(other), _) => return refused(&other.name()),
    })
}

fn follow(text: &str, form: Form, own: &Trace, global: &Global, lake: Option<&OpenLake>) -> Result<(), Failure> {
    if own.max_records == 0 {
        return Err(Failure::usage("--max-records 0 finds nothing", "leave it out, or write a number from 1 on"));
    }
    let id = pasted_id(text).ok_or_else(|| Failure::usage("the ID is empty", "see `transect trace --help`"))?;
    let extent = output::extent(global)?;
    let start = start(text, &id, &extent);
    let bounds = TraceBounds {
        hops_max: own.max_hops,
        records_max: match form {
            Form::Html => own.max_records.min(PAGE_RECORDS_MAX),
            _ => own.max_records,
        },
        follow_hubs: own.follow_hub,
        ..TraceBounds::default()
    };
    // Where to look follows from the id, and then from what is found.
    let question = match lake {
        Some(lake) => lake.question(extent.at_all_times())?,
        None => OpenLake::open(config::configured(global)?, global)?.question(extent.at_all_times())?,
    };
    if global.dry_run {
        return output::dry_run_of(&question, question.plan_trace(&start), global);
    }
    let watch = output::Watch::new(&question, global);
    let trace = output::block_on(Some(&watch), question.trace(&start, &bounds, own.correct_skew))??;
    let is_empty = trace.events.is_empty();
    // An answer without anything in it is an answer to programs alone.
    let is_shown = !is_empty || form == Form::Json;
    if is_shown && (trace.completeness.is_complete() || !global.strict) {
        let mut destination =
            if form == Form::Waterfall { Destination::open_paged(global)? } else { Destination::open(global)? };
        if form == Form::Html && destination.is_terminal() {
            return Err(Failure::usage("a page is not for a terminal", "name a file with --output trace.html"));
        }
        let table = destination.table_style(global);
        match form {
            Form::Waterfall => {
                let style = WaterfallStyle {
                    width: table.width,
                    color: table.color,
                    time_zone: zone::shown(own.utc, global),
                    logs: match own.logs {
                        LogsName::Errors => LogsShown::Errors,
                        LogsName::All => LogsShown::All,
                        LogsName::None => LogsShown::None,
                    },
                    depth: own.depth,
                    collapse: own.collapse,
                };
                render_waterfall(&trace, &style, destination.writer())?;
            }
            Form::Json => render_trace_json(&trace, &mut destination.json_writer())?,
            Form::Otlp => render_trace_otlp(&trace, &mut destination.json_writer())?,
            Form::Html => render_trace_html(&trace, destination.writer())?,
        }
        destination.publish()?;
    }
    if global.verbose {
        output::say_cost(global, &question, Some(trace.events.len() as u64));
    }
    if form == Form::Html && own.max_records > PAGE_RECORDS_MAX && !trace.truncated.is_empty() {
        output::say(
            global,
            &format!(
                "transect: a page holds {PAGE_RECORDS_MAX} records at most; --format json has as many as --max-records"
            ),
        );
    }
    for cut in &trace.truncated {
        output::warn(&format!("transect: incomplete: {cut}"));
    }
    let seen = NamesSeen {
        services: trace.summary.services.clone(),
        releases: trace.summary.releases.iter().map(|seen| seen.release.clone()).collect(),
        regions: trace.summary.regions.clone(),
    };
    output::finish(global, &trace.completeness, &seen)?;
    if is_empty {
        let hint = nothing_found(text, &start, &trace, global);
        return Err(Failure::nothing_found(format!("nothing found of {text}"), Some(hint)));
    }
    Ok(())
}

/// What may be the reason that nothing was found.
fn nothing_found(text: &str, start: &TraceStart, found: &Found, global: &Global) -> String {
    if !found.tree.notes.is_empty() {
        return found.tree.notes.join("\n");
    }
    let digits = text.trim().trim_start_matches("1-").replace('-', "");
    let is_part = (8..32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Sixteen of them may be the id of a span.
    if is_part && (digits.len() != 16 || text.contains('-')) {
        return format!("it looks like a part of a trace id, which has 32 digits; this has {}", digits.len());
    }
    let windows: Vec<String> = start
        .windows
        .iter()
        .map(|window| format!("from {} to {}", utc_text(window.since_unix_nano), utc_text(window.until_unix_nano)))
        .collect();
    let regions = match global.region.is_empty() {
        true => String::new(),
        false => format!(" in {}", global.region.join(", ")),
    };
    format!("it was looked for {}{regions}; widen --since, or --lateness for what arrived late", windows.join(", and "))
}

/// What the id may be, and where to look for it: also where it tells itself, if it does.
fn start(text: &str, id: &AnyId, extent: &Extent) -> TraceStart {
    let kinds = [
        (IdKind::Trace, &id.trace_id),
        (IdKind::Correlation, &id.correlation_id),
        (IdKind::Invocation, &id.invocation_id),
        (IdKind::Event, &id.event_id),
        (IdKind::Span, &id.span_id),
    ];
    let ids = kinds.into_iter().filter_map(|(kind, value)| Some(Id { kind, value: value.clone()? })).collect();
    let now = extent.now_unix_nano;
    let made = id.made_unix_nano.filter(|made| *made <= now.saturating_add(MADE_BEFORE_NANO)).map(|made| {
        let before = if id.event_id.is_some() { EVENT_BEFORE_NANO } else { MADE_BEFORE_NANO };
        Window { since_unix_nano: made.saturating_sub(before), until_unix_nano: made.saturating_add(MADE_AFTER_NANO) }
    });
    let is_time_chosen = extent.since_unix_nano.is_some() || extent.until_unix_nano.is_some();
    let since = extent.until_unix_nano.unwrap_or(now).min(now).saturating_sub(SINCE_NANO);
    let asked = Window {
        // From the beginning of its hour, which is read anyway: then the same question has the same answer for a while.
        since_unix_nano: extent.since_unix_nano.unwrap_or(since - since.rem_euclid(60 * MINUTE_NANO)),
        // Clocks may be ahead of ours.
        until_unix_nano: extent.until_unix_nano.unwrap_or_else(|| now.saturating_add(3 * 60 * MINUTE_NANO)),
    };
    // A request may go on for hours after its id was made.
    let around = made.map(|made| if is_time_chosen { made } else { made.with_surroundings() });
    TraceStart {
        text: text.trim().to_owned(),
        ids,
        windows: around.into_iter().chain([asked]).collect(),
        made,
        is_time_chosen,
    }
}

/// Lists traces, and follows the one that is chosen where somebody can choose.
fn pick(own: &Trace, global: &Global) -> Result<(), Failure> {
    if own.limit == 0 || own.limit > PICK_MAX {
        return Err(Failure::usage(
            format!("--limit {}: not a number of traces to choose from", own.limit),
            format!("write 1 to {PICK_MAX}; `transect sql \"SELECT * FROM traces\"` gives all"),
        ));
    }
    let format = output::row_format(global)?;
    let mut extent = output::extent(global)?;
    if extent.since_unix_nano.is_none() {
        let until = extent.until_unix_nano.unwrap_or(extent.now_unix_nano).min(extent.now_unix_nano);
        extent.since_unix_nano = Some(until.saturating_sub(SINCE_NANO));
    }
    let filter = PickFilter {
        errors: own.errors,
        slow: own.slow,
        across_regions: own.crossing.contains(&CrossingName::Regions),
        across_releases: own.crossing.contains(&CrossingName::Releases),
    };
    let lake = OpenLake::open(config::configured(global)?, global)?;
    let question = lake.question(extent)?;
    let nothing = |looked: String| {
        let hint = format!("{looked}\nwiden --since, which is 24 h ago where it is not named, or ask for less");
        Failure::nothing_found("no such traces", Some(hint))
    };
    let can_choose = format == Format::Table
        && global.output.is_none()
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal();
    if global.dry_run {
        return output::dry_run(&question, &pick_sql(&filter, own.limit), &[], global);
    }
    let watch = output::Watch::new(&question, global);
    let (rows, ids, completeness) = output::block_on(Some(&watch), question.pick(&filter, own.limit))??;
    if completeness.is_complete() || !global.strict {
        let mut destination = Destination::open(global)?;
        output::refuse_parquet_on_terminal(format, &destination)?;
        let style = destination.table_style(global);
        if !ids.is_empty() || format == Format::Json {
            render_batch(&rows, format, &style, &completeness, destination.writer())?;
        }
        destination.publish()?;
    }
    if global.verbose {
        output::say_cost(global, &question, Some(ids.len() as u64));
    }
    let outcome = output::finish(global, &completeness, &NamesSeen::of(&rows));
    if ids.is_empty() {
        outcome?;
        return Err(nothing(output::looked_at(&question)?));
    }
    if !can_choose {
        return outcome;
    }
    let mut answer = String::new();
    write!(std::io::stdout(), "Which one? [1 to {}, or nothing to end] ", ids.len())?;
    std::io::stdout().flush()?;
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    if answer.is_empty() {
        return outcome;
    }
    let chosen = answer.parse::<usize>().ok().and_then(|number| ids.get(number.checked_sub(1)?));
    let Some(id) = chosen else {
        return Err(Failure::usage(format!("{answer} is none of them"), format!("choose from 1 to {}", ids.len())));
    };
    follow(id, Form::Waterfall, own, global, Some(&lake))
}
