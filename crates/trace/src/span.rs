//! What a picture of a request is made of: spans in a tree, and what is said of them. It refuses to know where they come
//! from and how they are shown.

use crate::closure::Event;
use crate::links::Link;

/// What tells of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanSource {
    /// A span that was recorded.
    Span,
    /// The records of a Lambda invocation that no recorded span covers.
    Invocation,
    /// Records that carry its id, or that have nothing but a trace or a correlation in common.
    Records,
    /// Its children alone: they name a parent that nothing else tells of.
    #[default]
    Missing,
}

impl SpanSource {
    /// As JSON says it.
    pub const fn name(self) -> &'static str {
        match self {
            SpanSource::Span => "span",
            SpanSource::Invocation => "invocation",
            SpanSource::Records => "records",
            SpanSource::Missing => "missing",
        }
    }
}

/// How a span ended, in OpenTelemetry's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It does not say.
    #[default]
    Unset,
    /// It succeeded.
    Ok,
    /// It failed.
    Error,
}

impl Status {
    /// As the column `status_code` holds it.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Unset => "UNSET",
            Status::Ok => "OK",
            Status::Error => "ERROR",
        }
    }
}

/// What is to be known of a span beyond its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nothing tells of it but that others name it as their parent.
    ParentNotSeen,
    /// A region is missing, and what is not seen may well be there.
    RegionMayBeMissing,
    /// It has no end, and may be running still.
    StillRunning,
    /// It has no end, and nothing tells of it any more: it cannot be running, or says nothing.
    CutOff,
    /// It ended before it began, and is shown without a duration.
    DurationClamped,
    /// It was among its own ancestors, and was taken out from below the one above it.
    CycleBroken,
}

impl Mark {
    /// As JSON says it.
    pub const fn name(self) -> &'static str {
        match self {
            Mark::ParentNotSeen => "parent_not_seen",
            Mark::RegionMayBeMissing => "region_may_be_missing",
            Mark::StillRunning => "still_running",
            Mark::CutOff => "cut_off",
            Mark::DurationClamped => "duration_clamped",
            Mark::CycleBroken => "cycle_broken",
        }
    }

    /// As people are told.
    pub const fn text(self) -> &'static str {
        match self {
            Mark::ParentNotSeen => "parent not seen",
            Mark::RegionMayBeMissing => "may be in a missing region",
            Mark::StillRunning => "still running",
            Mark::CutOff => "cut off",
            Mark::DurationClamped => "ended before it began",
            Mark::CycleBroken => "cycle broken here",
        }
    }
}

/// One span of the tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// What tells of it.
    pub source: SpanSource,
    /// The trace, 32 lower-case hex digits.
    pub trace_id: Option<String>,
    /// Its id, 16 lower-case hex digits.
    pub span_id: Option<String>,
    /// Its parent's id, whether that was seen or not.
    pub parent_span_id: Option<String>,
    /// What it is called.
    pub span_name: Option<String>,
    /// `SERVER`, `CLIENT`, ….
    pub span_kind: Option<String>,
    /// The service: as stated, else its invocation's, else that of the nearest span above that has one.
    pub service_name: Option<String>,
    /// The release: as stated, else its invocation's, else that of the span above in the same service and region.
    pub release: Option<String>,
    /// The region.
    pub cloud_region: Option<String>,
    /// The Lambda function.
    pub faas_name: Option<String>,
    /// The version of the function.
    pub faas_version: Option<String>,
    /// The Lambda request id.
    pub faas_invocation_id: Option<String>,
    /// Whether a sandbox was made for it.
    pub faas_coldstart: Option<bool>,
    /// When it began; nanoseconds since 1970.
    pub start_unix_nano: i64,
    /// When it ended; none if nothing tells.
    pub end_unix_nano: Option<i64>,
    /// How it ended: `ERROR` where the span, Lambda or a record of it says so, unless the span says `OK`.
    pub status: Status,
    /// Why.
    pub status_message: Option<String>,
    /// The exception that it ended with.
    pub exception_type: Option<String>,
    /// What the exception said.
    pub exception_message: Option<String>,
    /// HTTP method.
    pub http_request_method: Option<String>,
    /// HTTP route.
    pub http_route: Option<String>,
    /// HTTP status.
    pub http_response_status_code: Option<i32>,
    /// Which attempt of its invocation, and of how many; none if there was one.
    pub attempt: Option<(u32, u32)>,
    /// Time of its own on the critical path, in nanoseconds.
    pub critical_nano: i64,
    /// The stretches of that: from and until.
    pub critical: Vec<(i64, i64)>,
    /// What is to be known of it.
    pub marks: Vec<Mark>,
    /// Spans that caused it, of other traces mostly.
    pub links: Vec<Link>,
    /// Its records: places among those of the request, in the order of time.
    pub records: Vec<usize>,
    /// The span above.
    pub parent: Option<usize>,
    /// The spans below, in the order of their start.
    pub children: Vec<usize>,
}

impl Span {
    /// The last moment that is known of it.
    pub(crate) fn last_unix_nano(&self, events: &[Event]) -> i64 {
        let last = self.records.last().and_then(|index| events.get(*index)).map(|event| event.record.time_unix_nano);
        self.end_unix_nano.unwrap_or_else(|| last.unwrap_or(self.start_unix_nano).max(self.start_unix_nano))
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
            self.marks.sort_unstable();
        }
    }
}

/// Spans, each below its parent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// In no particular order.
    pub spans: Vec<Span>,
    /// Those without a parent, in the order of their start.
    pub roots: Vec<usize>,
    /// Sentences on what had to be done to make a tree of them.
    pub notes: Vec<String>,
}

impl Tree {
    /// All spans with their depth, each before those below it.
    pub fn in_order(&self) -> Vec<(usize, usize)> {
        let mut order = Vec::with_capacity(self.spans.len());
        let mut stack: Vec<(usize, usize)> = self.roots.iter().rev().map(|root| (*root, 0)).collect();
        while let Some((index, depth)) = stack.pop() {
            order.push((index, depth));
            stack.extend(self.spans[index].children.iter().rev().map(|child| (*child, depth + 1)));
        }
        order
    }
}
