//! One request, everywhere: the closure over its ids, the tree of its spans, what is said of it, and the forms that it is
//! written in; and which call a line of a stream belongs to.
//!
//! Pure: rows come from a [`Source`], and the clock is passed in. This crate never prints, and knows no files and no tables.

mod assemble;
pub mod calls;
mod closure;
mod html;
mod json;
mod links;
mod otlp;
mod span;
mod streams;
mod summary;
mod waterfall;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use transect_schema::Completeness;

pub use assemble::Circumstances;
use assemble::assemble;
pub use closure::{
    Event, Found, Hit, Hub, Id, IdKind, Linkers, LinkersSought, Look, MADE_AFTER_NANO, MADE_BEFORE_NANO, Sought,
    Source, TRACE_DIGITS, Tally, TraceBounds, TraceStart, Window, is_short, low_digits, places, trace_number,
};
pub use html::render_trace_html;
pub use json::render_trace_json;
pub use links::{Link, links_in};
pub use otlp::render_trace_otlp;
pub use span::{Mark, Span, SpanSource, Status, Tree};
pub use streams::{StreamName, StreamWindows, merged, one_holds};
use summary::summarise;
pub use summary::{ClockSkew, Crossing, FirstError, RegionTime, ReleaseSeen, Summary};
pub use waterfall::{LogsShown, WaterfallStyle, cut, render_waterfall};

/// Follows a request from an id that somebody holds, and adds the lines of its calls that name no id.
pub async fn follow<S: Source>(source: &mut S, start: &TraceStart, bounds: &TraceBounds) -> Result<Found, S::Error> {
    let mut found = closure::follow(source, start, bounds).await?;
    streams::tie(source, &mut found, bounds).await?;
    Ok(found)
}

/// Times that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLooked {
    /// The first; nanoseconds since 1970.
    pub since_unix_nano: i64,
    /// The last; none if that is now.
    pub until_unix_nano: Option<i64>,
}

/// Everything that happened for one request.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The id that was asked for, as it was given.
    pub query: String,
    /// Whether it rests on all regions and files.
    pub completeness: Completeness,
    /// From when to when it was looked for, in order and apart from each other.
    pub looked_at: Vec<TimeLooked>,
    /// What a bound cut off, in sentences.
    pub truncated: Vec<String>,
    /// The ids that were followed.
    pub ids: BTreeSet<Id>,
    /// The ids that were not.
    pub hubs: Vec<Hub>,
    /// Its records, each once, in the order of time.
    pub events: Vec<Event>,
    /// Its spans.
    pub tree: Tree,
    /// What is said of it.
    pub summary: Summary,
}

impl Trace {
    /// What was found, put together.
    pub fn of(
        query: &str,
        found: Found,
        completeness: Completeness,
        circumstances: &Circumstances,
        correct_skew: bool,
    ) -> Trace {
        let circumstances = Circumstances {
            is_truncated: !found.truncated.is_empty(),
            looked: found.looked.clone(),
            ..circumstances.clone()
        };
        let mut tree = assemble(&found.events, &circumstances);
        tree.notes.extend(found.notes);
        let summary = summarise(&found.events, &mut tree, correct_skew);
        let now = circumstances.now_unix_nano;
        let looked_at = found.looked.iter().map(|window| TimeLooked {
            since_unix_nano: window.since_unix_nano,
            until_unix_nano: (window.until_unix_nano < now).then_some(window.until_unix_nano),
        });
        let mut truncated = found.truncated;
        truncated.extend(open_at_the_edge(&tree, &circumstances));
        Trace {
            query: query.to_owned(),
            completeness,
            looked_at: looked_at.collect(),
            truncated,
            ids: found.ids,
            hubs: found.hubs,
            events: found.events,
            tree,
            summary,
        }
    }

    /// Whether nothing is missing and nothing was cut off.
    pub fn is_complete(&self) -> bool {
        self.completeness.is_complete() && self.truncated.is_empty()
    }
}

/// What is said of spans whose end may lie beyond what was looked at.
fn open_at_the_edge(tree: &Tree, circumstances: &Circumstances) -> Option<String> {
    let is_open = |span: &&Span| {
        span.end_unix_nano.is_none() && !span.marks.contains(&Mark::StillRunning) && !span.marks.contains(&Mark::CutOff)
    };
    let open: Vec<&Span> = tree.spans.iter().filter(is_open).filter(|_| !circumstances.is_truncated).collect();
    let until = open.iter().map(|span| circumstances.seen_until(span.start_unix_nano)).min()?;
    let until = jiff::Timestamp::from_nanosecond(i128::from(until)).unwrap_or_default();
    let spans = if open.len() == 1 { "1 span has".to_owned() } else { format!("{} spans have", open.len()) };
    Some(format!(
        "{spans} no end in the time that was looked at, which ended at {}; it may lie beyond (--until)",
        until.strftime("%Y-%m-%dT%H:%M:%SZ")
    ))
}
