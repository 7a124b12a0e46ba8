//! One request of a customer and what is remembered of it while it is under way. It refuses to act.

use std::collections::BTreeSet;

use crate::ids::{RequestId, TraceId};
use crate::lines::Request;
use crate::story::{Region, Script, ScriptedPayment, Service};
use crate::truth::TraceTruth;

pub(super) struct Order {
    pub(super) request: Request,
    pub(super) script: Option<&'static Script>,
    /// Whether a call timed out in the failing region and was made again elsewhere.
    pub(super) shifted: bool,
    /// Lines that carry one of its ids.
    pub(super) linked: u64,
    /// Bit sets over regions, and over releases by service, of the trace that the customer began. The traces behind
    /// the bus have one service each, in one region.
    regions: u8,
    releases: [u8; 5],
    payments_made: usize,
    /// Kept of written orders alone.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    trace_ids: BTreeSet<String>,
    request_ids: BTreeSet<String>,
    regions: BTreeSet<&'static str>,
    releases: BTreeSet<&'static str>,
}

impl Order {
    pub(super) fn new(request: Request, script: Option<&'static Script>) -> Self {
        Order {
            request,
            script,
            shifted: false,
            linked: 0,
            regions: 0,
            releases: [0; 5],
            payments_made: 0,
            seen: Seen::default(),
        }
    }

    /// What is written about the next payments invocation, if the order is.
    pub(super) fn next_payment(&mut self) -> Option<ScriptedPayment> {
        let payment = self.script?.payments.get(self.payments_made).copied();
        self.payments_made += 1;
        payment
    }

    /// A release of a service in a region left lines under this trace id.
    pub(super) fn saw_trace(&mut self, trace_id: TraceId, service: Service, region: Region, release: usize) {
        if matches!(service, Service::Edge | Service::Cart | Service::Payments) {
            self.regions |= 1 << region as u8;
            self.releases[service as usize] |= 1 << release;
        }
        if self.script.is_some() {
            self.seen.trace_ids.insert(trace_id.hex().to_string());
            self.seen.regions.insert(region.name());
            if service.states_release() {
                self.seen.releases.insert(service.releases()[release].name);
            }
        }
    }

    pub(super) fn saw_invocation(&mut self, request_id: RequestId) {
        if self.script.is_some() {
            self.seen.request_ids.insert(request_id.to_string());
        }
    }

    pub(super) fn crosses_regions(&self) -> bool {
        self.regions.count_ones() > 1
    }

    pub(super) fn crosses_releases(&self) -> bool {
        self.releases.iter().any(|releases| releases.count_ones() > 1)
    }

    /// What the truth says of a written order, now that it is over.
    pub(super) fn into_truth(self) -> Option<TraceTruth> {
        let script = self.script?;
        Some(TraceTruth {
            name: script.name,
            why: script.why,
            correlation_id: self.request.correlation_id.to_string(),
            trace_ids: self.seen.trace_ids.into_iter().collect(),
            faas_invocation_ids: self.seen.request_ids.into_iter().collect(),
            regions: self.seen.regions.into_iter().collect(),
            releases: self.seen.releases.into_iter().collect(),
            events: self.linked,
        })
    }
}
