//! A deterministic active-active shop in three AWS regions that writes what CloudWatch Logs would deliver to a
//! subscription, and the truth beside it: for the demo, the tests and the benchmarks.
//!
//! ```text
//! customer ─► API Gateway ─► edge ─► cart ─► payments ×2        one X-Ray trace, regions may differ
//!                                               └─ bus ─► inventory ─ bus ─► shipping
//!                                                  a new trace id each, the same correlation id
//! ```
//!
//! Every service runs in `us-east-2`, `us-west-2` and `eu-west-2` and writes another real log format. While the sample
//! lasts, two services are rolled out in waves, one canary is worse in one region, one region fails for some minutes,
//! asynchronous invocations are retried, payloads are delivered twice and lines come late. [`Truth`] says what
//! happened, exactly.
//!
//! This crate refuses to read logs, to ask a clock, the environment or the network, and to draw from any source of
//! chance but the seed: the same options give the same bytes on every machine.

mod delivery;
mod ids;
mod json;
mod lines;
mod payload;
mod random;
mod sandboxes;
mod shop;
mod story;
mod time;
mod truth;

pub use payload::Payload;
pub use truth::{Invocations, RegionTruth, ReleaseTruth, TraceTruth, Truth};

use story::Timeline;
use time::US_PER_MS;

/// 2026-11-21T08:00:00Z, in milliseconds since 1970.
pub const DEFAULT_START_UNIX_MS: i64 = 1_795_248_000_000;

/// The latest start: 2100-01-01. X-Ray ids hold seconds in 32 bits, CloudWatch's ids milliseconds in 13 digits.
const START_UNIX_MS_MAX: i64 = 4_102_444_800_000;
/// A shorter span leaves no room for the story, a longer one no meaning to its minutes.
const SPAN_MS_MIN: i64 = 60_000;
const SPAN_MS_MAX: i64 = 7 * 24 * 3_600_000;

/// PutLogEvents takes no more events in one batch, so no payload holds more.
const EVENTS_PER_PAYLOAD_MAX: usize = 10_000;

/// What a sample is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Another seed gives another sample of the same story.
    pub seed: u64,
    /// The number of Lambda invocations (distinct request ids), exactly; about nine log events each. More of them make
    /// the traffic denser, not longer. Fewer than 50 leave out the three written orders, and small samples hold too
    /// few invocations for rates to tell anything.
    pub invocations: u64,
    /// When the story begins, in milliseconds since 1970 UTC; taken into the years 1970 to 2100.
    pub start_unix_ms: i64,
    /// For how long customers come, in milliseconds, from one minute to seven days. What they caused ends some minutes
    /// later. Rollouts and failures lie at fixed parts of the span. Late lines need more than 20 minutes.
    pub span_ms: i64,
    /// The most log events of one payload, from 1 to 10,000. CloudWatch delivers when a payload is full or has waited; it
    /// waits a simulated minute for every 40 events that it may hold, so thin traffic makes smaller payloads.
    pub events_per_payload: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 7,
            invocations: 3_000,
            start_unix_ms: DEFAULT_START_UNIX_MS,
            span_ms: 90 * 60_000,
            events_per_payload: 40,
        }
    }
}

impl Options {
    /// The options with every value taken into its range.
    fn in_range(self) -> Self {
        Options {
            start_unix_ms: self.start_unix_ms.clamp(0, START_UNIX_MS_MAX),
            span_ms: self.span_ms.clamp(SPAN_MS_MIN, SPAN_MS_MAX),
            events_per_payload: self.events_per_payload.clamp(1, EVENTS_PER_PAYLOAD_MAX),
            ..self
        }
    }

    fn timeline(&self) -> Timeline {
        Timeline { start_us: self.start_unix_ms * US_PER_MS, span_us: self.span_ms * US_PER_MS }
    }
}

/// Plays the story and hands over every payload as soon as it is full, roughly in the order of time.
///
/// Memory holds what is going on at one simulated moment (running invocations and the payload that each log stream
/// fills), so it grows with the density of the traffic and never with the length of the sample.
///
/// ```
/// let options = transect_sample::Options { invocations: 100, ..Default::default() };
/// let mut payloads = Vec::new();
/// let truth = transect_sample::generate(&options, &mut |payload| payloads.push(payload));
/// assert_eq!(truth.payloads, payloads.len() as u64);
/// assert_eq!(truth.invocations.invocations, 100);
/// ```
pub fn generate(options: &Options, each: &mut dyn FnMut(Payload)) -> Truth {
    let options = options.in_range();
    let (tally, delivered) = shop::play(&options, each);
    Truth::new(options, tally, &delivered)
}
