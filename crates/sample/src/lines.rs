//! The log lines of the shop, one module a format. It refuses to decide anything: what happened is passed in, and the
//! line is what the real library or service would have written about it.

pub(crate) mod access_log;
pub(crate) mod cart;
pub(crate) mod edge;
pub(crate) mod inventory;
pub(crate) mod payments;
pub(crate) mod platform_json;
pub(crate) mod platform_text;
pub(crate) mod powertools;
pub(crate) mod shipping;
pub(crate) mod spans;

use std::fmt::{self, Display};

use crate::ids::{CorrelationId, RequestId, SpanId, TraceId};
use crate::story::{Fate, Region, Release, Service, Visit};

/// Memory of every function, in MB.
pub(crate) const MEMORY_SIZE_MB: u32 = 512;

/// What a customer wants, as far as lines say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) visit: Visit,
    pub(crate) items: i64,
    pub(crate) amount_cents: i64,
    pub(crate) customer: i64,
    /// Whether the lines of this request carry secrets that they should not.
    pub(crate) careless: bool,
}

/// One run of a Lambda function; a retry of the same request id is another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocation {
    pub(crate) service: Service,
    pub(crate) region: Region,
    pub(crate) release: usize,
    pub(crate) request_id: RequestId,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// The span of the caller; a trace's first invocation has none.
    pub(crate) parent_span_id: Option<SpanId>,
    /// How often this was asked for, from 1.
    pub(crate) attempt: u32,
    /// How long the sandbox took to initialise before, if it did.
    pub(crate) init_us: Option<i64>,
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    pub(crate) fate: Fate,
    pub(crate) memory_used_mb: i64,
}

impl Invocation {
    pub(crate) fn release(&self) -> &'static Release {
        &self.service.releases()[self.release]
    }

    pub(crate) fn function_version(&self) -> u32 {
        self.release().function_versions[self.region as usize]
    }

    pub(crate) fn duration_us(&self) -> i64 {
        self.end_us - self.start_us
    }

    /// The point that lies this part of the invocation after its start.
    pub(crate) fn at_us(&self, part: f64) -> i64 {
        self.start_us + (self.duration_us() as f64 * part) as i64
    }

    /// The point that lies this part of the way between the start and the first call, or the end if it made none.
    pub(crate) fn before_us(&self, calls: &[Call], part: f64) -> i64 {
        let until_us = calls.first().map_or(self.end_us, |call| call.start_us);
        self.start_us + ((until_us - self.start_us) as f64 * part) as i64
    }

    /// The point that lies this part of the way between the last answer, or the start if it made no call, and the end.
    pub(crate) fn after_us(&self, calls: &[Call], part: f64) -> i64 {
        let from_us = calls.last().map_or(self.start_us, |call| call.end_us);
        from_us + ((self.end_us - from_us) as f64 * part) as i64
    }

    /// Whether Lambda reports an error or a timeout, or a line of level ERROR stands in the log: what the truth counts.
    pub(crate) fn failed(&self) -> bool {
        self.fate != Fate::Success
    }
}

/// A call of another function and its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) callee: Service,
    pub(crate) region: Region,
    pub(crate) span_id: SpanId,
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    pub(crate) status: u16,
    /// Where the caller asked again after this call had failed.
    pub(crate) asked_again_in: Option<Region>,
}

/// An exception of Python code, raised at one place.
pub(crate) struct PythonException {
    pub(crate) kind: &'static str,
    pub(crate) message: &'static str,
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) function: &'static str,
    pub(crate) statement: &'static str,
}

impl PythonException {
    pub(crate) fn traceback(&self) -> impl Display {
        fmt::from_fn(move |formatter| {
            let PythonException { kind, message, file, line, function, statement, .. } = self;
            write!(
                formatter,
                "Traceback (most recent call last):\n  File \"{file}\", line {line}, in {function}\n    {statement}\n{kind}: {message}"
            )
        })
    }
}

/// Milliseconds with two or three decimals, as reports have them.
pub(crate) fn ms(us: i64, decimals: u32) -> impl Display {
    let (whole, fraction) = (us / 1_000, us % 1_000);
    fmt::from_fn(move |formatter| match decimals {
        2 => write!(formatter, "{whole}.{:02}", fraction / 10),
        _ => write!(formatter, "{whole}.{fraction:03}"),
    })
}

/// Lambda bills whole milliseconds, begun ones included.
pub(crate) const fn billed_ms(us: i64) -> i64 {
    (us + 999) / 1_000
}
