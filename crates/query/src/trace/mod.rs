//! One request, everywhere: the closure over its ids, the tree of its spans, what is said of it, and the forms that it is
//! written in. Nothing here prints; reading is [`find`]'s alone, and all the rest is pure.

mod assemble;
mod closure;
mod find;
mod html;
mod json;
mod otlp;
mod pick;
mod span;
mod streams;
mod summary;
mod waterfall;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use closure::{Event, Hub, Id, IdKind, TraceBounds, TraceStart, Window};
pub use html::render_trace_html;
pub use json::render_trace_json;
pub use otlp::render_trace_otlp;
pub use pick::{PickFilter, pick_sql};
pub use span::{Mark, Span, SpanSource, Status, Tree};
pub use summary::{ClockSkew, Crossing, FirstError, RegionTime, ReleaseSeen, Summary};
pub use waterfall::{LogsShown, WaterfallStyle, render_waterfall};

use crate::answer::Completeness;
use crate::{Engine, Result};
use assemble::{Circumstances, assemble};
use closure::Found;
use find::Finder;
use summary::summarise;

/// Everything that happened for one request.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The id that was asked for, as it was given.
    pub query: String,
    /// Whether it rests on all regions and files.
    pub completeness: Completeness,
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
    fn of(
        query: &str,
        found: Found,
        completeness: Completeness,
        circumstances: &Circumstances,
        correct_skew: bool,
    ) -> Trace {
        let mut tree = assemble(&found.events, circumstances);
        let summary = summarise(&found.events, &mut tree, correct_skew);
        Trace {
            query: query.to_owned(),
            completeness,
            truncated: found.truncated,
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

impl Engine {
    /// Follows a request from an id that somebody holds. The time range of the engine plays no part: where to look is
    /// said by `start`.
    pub async fn trace(&self, start: &TraceStart, bounds: &TraceBounds, correct_skew: bool) -> Result<Trace> {
        self.begin_question();
        let mut finder = Finder::new(self);
        let mut found = closure::follow(&mut finder, start, bounds).await?;
        streams::tie(&mut finder, &mut found, bounds).await?;
        let completeness = self.completeness();
        if let Some(error) = self.nothing_answers(&completeness) {
            return Err(error);
        }
        if found.events.is_empty() {
            self.check_for_telemetry().await?;
        }
        let circumstances = Circumstances {
            now_unix_nano: self.extent().now_unix_nano,
            is_region_missing: !completeness.missing_regions.is_empty(),
            is_truncated: !found.truncated.is_empty(),
        };
        Ok(Trace::of(&start.text, found, completeness, &circumstances, correct_skew))
    }
}
