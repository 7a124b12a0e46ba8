//! What was put into a sample, counted while it was made: the answers that whoever reads the payloads must find. It
//! refuses to read them back itself; a test of this crate does.

use serde_json::{Value, json};

use crate::Options;
use crate::delivery::Delivered;
use crate::story::{
    BAD_CANARY_REGION, BASELINE, CANARY, FAILING_REGION, FAILURE_FROM, FAILURE_UNTIL, Region, SECRETS, Service,
    Timeline, WAVES,
};

/// Lambda invocations and how many of them failed.
///
/// An invocation is a request id; an asynchronous retry has the same one and is not counted again. It failed when any
/// of its runs did: when Lambda's report says so (`platform.report` with status `error` or `timeout`, `REPORT` with
/// `Status: error` or `Status: timeout`) or when an application line of level `ERROR` carries its request id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invocations {
    /// Distinct request ids.
    pub invocations: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// The counts of one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionTruth {
    /// `us-east-2`
    pub region: &'static str,
    /// Distinct log events of all its groups.
    pub events: u64,
    /// Its Lambda invocations.
    pub invocations: Invocations,
}

/// The counts of one release of one function in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseTruth {
    /// `payments`
    pub service: &'static str,
    /// `us-east-2`
    pub region: &'static str,
    /// `1.4.2`
    pub release: &'static str,
    /// `42`: counts per function and region, so that one release bears several.
    pub function_version: String,
    /// Its invocations.
    pub invocations: Invocations,
}

/// An order worth looking at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceTruth {
    /// A short name.
    pub name: &'static str,
    /// What happened, in a sentence.
    pub why: &'static str,
    /// The shop's own id of the order.
    pub correlation_id: String,
    /// All trace ids of the order, 32 hex digits each, sorted: one of the synchronous chain, one a hop over the bus.
    pub trace_ids: Vec<String>,
    /// All Lambda request ids of the order, sorted. The request id of API Gateway is not among them.
    pub faas_invocation_ids: Vec<String>,
    /// The regions in which the order left events, sorted.
    pub regions: Vec<&'static str>,
    /// The releases that its lines state, sorted. Cart's lines state none.
    pub releases: Vec<&'static str>,
    /// Distinct log events that carry one of the order's ids (correlation, trace or request id, in any spelling), or stand in
    /// the stream of one of its invocations while it runs.
    pub events: u64,
}

/// What a sample holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// What the sample was made from.
    pub options: Options,
    /// Payloads handed over, control messages and second deliveries included.
    pub payloads: u64,
    /// Distinct log events to store.
    pub events: u64,
    /// Log events to store as delivered: twice in the payloads that were.
    pub events_delivered: u64,
    /// Payloads that repeat an earlier one, byte for byte.
    pub redelivered_payloads: u64,
    /// Log events in them.
    pub redelivered_events: u64,
    /// Events whose own timestamp lies 20 to 50 minutes before CloudWatch's.
    pub late_events: u64,
    /// Payloads that only check whether the destination answers.
    pub control_messages: u64,
    /// All Lambda invocations: exactly as many as the options ask for.
    pub invocations: Invocations,
    /// Counts by region.
    pub by_region: Vec<RegionTruth>,
    /// Counts by function, region and release; combinations without an invocation are left out.
    pub by_release: Vec<ReleaseTruth>,
    /// Requests of which a call timed out in the failing region and was made again in another one, in the same trace.
    pub shifted_requests: u64,
    /// Trace ids that left events in more than one region.
    pub traces_across_regions: u64,
    /// Trace ids that met more than one release of the same service.
    pub traces_across_releases: u64,
    /// Secrets that stand in the lines and must not be found in any lake.
    pub secrets: Vec<&'static str>,
    /// Three orders worth looking at; none in samples of fewer than 50 invocations.
    pub traces: Vec<TraceTruth>,
}

/// Counts that grow while the story is played.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By service, region and release.
    releases: [[[Invocations; 2]; 3]; 5],
    pub(crate) shifted_requests: u64,
    pub(crate) traces_across_regions: u64,
    pub(crate) traces_across_releases: u64,
    pub(crate) traces: Vec<TraceTruth>,
}

impl Tally {
    pub(crate) fn release(&mut self, service: Service, region: Region, release: usize) -> &mut Invocations {
        &mut self.releases[service as usize][region as usize][release]
    }
}

fn sum<'i>(counts: impl Iterator<Item = &'i Invocations>) -> Invocations {
    counts.fold(Invocations::default(), |sum, each| Invocations {
        invocations: sum.invocations + each.invocations,
        failed: sum.failed + each.failed,
    })
}

impl Truth {
    pub(crate) fn new(options: Options, tally: Tally, delivered: &Delivered) -> Self {
        let mut by_release = Vec::new();
        for service in Service::ALL {
            for region in Region::ALL {
                for (index, release) in service.releases().iter().enumerate() {
                    let invocations = tally.releases[service as usize][region as usize][index];
                    if invocations.invocations > 0 {
                        by_release.push(ReleaseTruth {
                            service: service.name(),
                            region: region.name(),
                            release: release.name,
                            function_version: release.function_versions[region as usize].to_string(),
                            invocations,
                        });
                    }
                }
            }
        }
        let by_region = Region::ALL.map(|region| RegionTruth {
            region: region.name(),
            events: delivered.events[region as usize],
            invocations: sum(tally.releases.iter().flat_map(|regions| &regions[region as usize])),
        });
        let mut traces = tally.traces;
        traces.sort_by_key(|trace| trace.name);
        let events = delivered.events.iter().sum();
        Truth {
            options,
            payloads: delivered.payloads,
            events,
            events_delivered: events + delivered.redelivered_events,
            redelivered_payloads: delivered.redelivered_payloads,
            redelivered_events: delivered.redelivered_events,
            late_events: delivered.late_events,
            control_messages: delivered.control_messages,
            invocations: sum(by_region.iter().map(|region| &region.invocations)),
            by_region: by_region.to_vec(),
            by_release,
            shifted_requests: tally.shifted_requests,
            traces_across_regions: tally.traces_across_regions,
            traces_across_releases: tally.traces_across_releases,
            secrets: SECRETS.to_vec(),
            traces,
        }
    }

    /// The counts of a release in a region; zero if it had no invocation there.
    pub fn release(&self, service: &str, region: &str, release: &str) -> Invocations {
        self.by_release
            .iter()
            .find(|row| row.service == service && row.region == region && row.release == release)
            .map_or_else(Invocations::default, |row| row.invocations)
    }

    /// The truth as the JSON object that is written beside the payloads. Nanoseconds since 1970 are strings, because
    /// they exceed what a double holds.
    pub fn to_json(&self) -> Value {
        let timeline = self.options.timeline();
        let nano = |part: f64| unix_nano(timeline, part);
        let by_region: Vec<_> = self
            .by_region
            .iter()
            .map(|row| {
                json!({
                    "region": row.region,
                    "events": row.events,
                    "invocations": row.invocations.invocations,
                    "failed": row.invocations.failed,
                })
            })
            .collect();
        let by_release: Vec<_> = self
            .by_release
            .iter()
            .map(|row| {
                json!({
                    "service": row.service,
                    "region": row.region,
                    "release": row.release,
                    "function_version": row.function_version,
                    "invocations": row.invocations.invocations,
                    "failed": row.invocations.failed,
                })
            })
            .collect();
        let waves: Vec<_> = WAVES
            .iter()
            .map(|wave| {
                json!({
                    "service": wave.service.name(),
                    "region": wave.region.name(),
                    "release": wave.service.releases()[CANARY].name,
                    "weight": wave.weight,
                    "from_unix_nano": nano(wave.from),
                })
            })
            .collect();
        let traces: Vec<_> = self
            .traces
            .iter()
            .map(|trace| {
                json!({
                    "name": trace.name,
                    "why": trace.why,
                    "correlation_id": trace.correlation_id,
                    "trace_ids": trace.trace_ids,
                    "faas_invocation_ids": trace.faas_invocation_ids,
                    "regions": trace.regions,
                    "releases": trace.releases,
                    "events": trace.events,
                })
            })
            .collect();
        json!({
            "seed": self.options.seed,
            "start_unix_nano": nano(0.0),
            "span_ms": self.options.span_ms,
            "invocations": self.invocations.invocations,
            "failed": self.invocations.failed,
            "regions": Region::ALL.map(Region::name),
            "payloads": self.payloads,
            "events": self.events,
            "events_delivered": self.events_delivered,
            "redelivered_payloads": self.redelivered_payloads,
            "redelivered_events": self.redelivered_events,
            "late_events": self.late_events,
            "control_messages": self.control_messages,
            "by_region": by_region,
            "by_release": by_release,
            "rollouts": waves,
            "canary": self.canary_json(),
            "region_failure": {
                "region": FAILING_REGION.name(),
                "from_unix_nano": nano(FAILURE_FROM),
                "until_unix_nano": nano(FAILURE_UNTIL),
                "shifted_requests": self.shifted_requests,
            },
            "crossing": {
                "traces_across_regions": self.traces_across_regions,
                "traces_across_releases": self.traces_across_releases,
            },
            "secrets": self.secrets,
            "traces": traces,
        })
    }

    fn canary_json(&self) -> Value {
        let service = Service::Payments;
        let (baseline, canary) = (service.releases()[BASELINE].name, service.releases()[CANARY].name);
        let counts = |region: Region, release: &str| {
            let counts = self.release(service.name(), region.name(), release);
            json!({ "invocations": counts.invocations, "failed": counts.failed })
        };
        let regions = Region::ALL.map(|region| {
            json!({
                "region": region.name(),
                "baseline": counts(region, baseline),
                "canary": counts(region, canary),
            })
        });
        json!({
            "service": service.name(),
            "baseline": baseline,
            "canary": canary,
            "worse_in_region": BAD_CANARY_REGION.name(),
            "regions": regions,
        })
    }
}

fn unix_nano(timeline: Timeline, part: f64) -> String {
    (i128::from(timeline.at_us(part)) * 1_000).to_string()
}
