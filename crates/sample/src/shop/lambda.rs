//! Lambda between the services: which release and which sandbox take an invocation, how it ends, and that it is
//! counted. It refuses to know what a function is for.

use super::Shop;
use super::order::Order;
use crate::ids::{RequestId, SpanId, TraceId};
use crate::lines::Invocation;
use crate::sandboxes::{Deployment, Lease};
use crate::story::{
    BASELINE, CANARY, DURATION_SIGMA, Fate, Region, SLOW_FACTOR, SLOW_SHARE, ScriptedPayment, Service, failure_rate,
    hang_share,
};

/// A service works this much longer in the written order that is slow.
const COLD_SCRIPT_FACTOR: f64 = 6.0;

/// What is asked of Lambda.
pub(super) struct Ask {
    pub(super) service: Service,
    pub(super) region: Region,
    pub(super) at_us: i64,
    pub(super) trace_id: TraceId,
    pub(super) parent_span_id: Option<SpanId>,
    pub(super) attempt: u32,
    /// Given when Lambda itself asks again.
    pub(super) request_id: Option<RequestId>,
    pub(super) scripted: Option<ScriptedPayment>,
}

impl Shop<'_> {
    /// Lambda takes an invocation: the alias picks a release, a sandbox is found or started, and it is decided how the
    /// invocation will end. The caller sets when, and then calls `finish`.
    pub(super) fn begin(&mut self, order: &mut Order, ask: Ask) -> (Invocation, Lease) {
        let Ask { service, region, at_us, trace_id, .. } = ask;
        let release = match ask.scripted {
            Some(scripted) => scripted.release,
            None if self.random.chance(self.timeline.canary_weight(service, region, at_us)) => CANARY,
            None => BASELINE,
        };
        let fate = match (ask.scripted, order.script) {
            (Some(scripted), _) => scripted.fate,
            (None, Some(_)) => Fate::Success,
            (None, None) => self.fate(service, region, release, at_us),
        };
        let cold = order.script.is_some_and(|script| script.cold);
        let lease = self.sandboxes.lease(
            Deployment { service, region, release },
            at_us,
            cold,
            &mut self.delivery,
            &mut self.random,
        );
        let init_us = lease.cold.then(|| self.random.log_normal(service.init_median_us(), DURATION_SIGMA) as i64);
        let start_us = at_us + init_us.unwrap_or(0);
        if ask.request_id.is_none() {
            self.issued += 1;
        }
        let invocation = Invocation {
            service,
            region,
            release,
            request_id: ask.request_id.unwrap_or_else(|| RequestId::new(&mut self.random)),
            trace_id,
            span_id: SpanId::new(&mut self.random),
            parent_span_id: ask.parent_span_id,
            attempt: ask.attempt,
            init_us,
            start_us,
            end_us: start_us,
            fate,
            memory_used_mb: self.random.between(96, 180),
        };
        order.saw_trace(trace_id, service, region, release);
        order.saw_invocation(invocation.request_id);
        (invocation, lease)
    }

    /// The invocation is over: its sandbox is free again, and it is counted. A second run of a request id is not
    /// another invocation; only shipping has such, and shipping has one release, so both runs belong to the same count.
    pub(super) fn finish(&mut self, order: &Order, invocation: &mut Invocation, lease: Lease, failed_before: bool) {
        debug_assert!(order.script.is_none_or(|script| !script.cold || lease.cold));
        if invocation.fate == Fate::Timeout {
            invocation.end_us = invocation.start_us + invocation.service.timeout_us();
        }
        let process_ended = matches!(invocation.fate, Fate::Exit | Fate::Timeout);
        self.sandboxes.release(lease, invocation.end_us, process_ended);
        let again = invocation.service == Service::Shipping && invocation.attempt > 1;
        let counts = self.tally.release(invocation.service, invocation.region, invocation.release);
        counts.invocations += u64::from(!again);
        counts.failed += u64::from(invocation.failed() && !failed_before);
    }

    fn fate(&mut self, service: Service, region: Region, release: usize, at_us: i64) -> Fate {
        if self.timeline.fails(region, at_us) && self.random.chance(hang_share(service)) {
            return Fate::Timeout;
        }
        if !self.random.chance(failure_rate(service, region, release)) {
            return Fate::Success;
        }
        // Lambda retries an asynchronous invocation only when the function itself failed.
        if service == Service::Shipping || self.random.chance(0.35) { Fate::Exit } else { Fate::Handled }
    }

    /// Time of a service's own work: never so long that Lambda would have ended it.
    pub(super) fn work_us(&mut self, order: &Order, service: Service) -> i64 {
        let mut work_us = self.random.log_normal(service.median_us(), DURATION_SIGMA);
        if order.script.is_some_and(|script| script.cold) {
            work_us *= COLD_SCRIPT_FACTOR;
        } else if self.random.chance(SLOW_SHARE) {
            work_us *= SLOW_FACTOR;
        }
        work_us.min(service.timeout_us() as f64 * 0.95) as i64
    }
}
