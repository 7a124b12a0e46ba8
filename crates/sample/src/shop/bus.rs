//! What happens behind the event bus: every hop under a trace id of its own, found again by the correlation id alone. It
//! refuses to touch the chain that the customer waits for.

use super::Shop;
use super::lambda::Ask;
use super::order::Order;
use super::queue::{Job, ShippingRun};
use crate::delivery::StreamKey;
use crate::ids::{SpanId, TraceId};
use crate::lines::{self, inventory};
use crate::story::{
    ASYNCHRONOUS_RETRIES_MAX, ASYNCHRONOUS_RETRY_US, BASELINE, DURATION_SIGMA, LATE_FROM_US, LATE_SHARE, LATE_UNTIL_US,
    Region, Service, failure_rate,
};
use crate::time::US_PER_SECOND;

/// Median time on the bus.
const BUS_MEDIAN_US: f64 = 900_000.0;

impl Shop<'_> {
    /// A container takes the order from the bus, under a new trace id.
    pub(super) fn inventory(&mut self, mut order: Box<Order>, region: Region, now_us: i64) {
        let context = inventory::Context {
            request: order.request,
            trace_id: TraceId::new(now_us, &mut self.random),
            span_id: SpanId::new(&mut self.random),
        };
        order.saw_trace(context.trace_id, Service::Inventory, region, BASELINE);
        let stream = self.random.pick(&self.streams[region as usize].inventory);
        let mut at_us = now_us;
        let failed = order.script.is_none() && self.random.chance(failure_rate(Service::Inventory, region, BASELINE));
        // The task takes the message up again after an error, as the queue in front of it allows.
        let events: &[inventory::Event] = if failed {
            &[
                inventory::Event::Read,
                inventory::Event::LookupFailed,
                inventory::Event::Read,
                inventory::Event::Reserved,
            ]
        } else {
            &[inventory::Event::Read, inventory::Event::Reserved]
        };
        for event in events {
            at_us += self.work_us(&order, Service::Inventory);
            self.inventory_line(&mut order, stream, &context, *event, at_us);
        }
        let shipping_region = match order.script {
            Some(script) => script.shipping,
            None => region,
        };
        let due_us = at_us + self.bus_us();
        let run = ShippingRun {
            region: shipping_region,
            trace_id: TraceId::new(due_us, &mut self.random),
            request_id: None,
            attempt: 1,
            failed_before: false,
        };
        self.queue.push(due_us, Job::Shipping(order, run));
    }

    fn inventory_line(
        &mut self,
        order: &mut Order,
        stream: StreamKey,
        context: &inventory::Context,
        event: inventory::Event,
        at_us: i64,
    ) {
        if order.script.is_none() && self.random.chance(LATE_SHARE) {
            let due_us = at_us + self.random.between(LATE_FROM_US, LATE_UNTIL_US);
            let mut line = String::new();
            inventory::write(&mut line, context, event, at_us);
            if due_us < self.timeline.end_us() && self.delivery.hold_back(stream, due_us, &line) {
                order.linked += 1;
                return;
            }
        }
        self.delivery.write(stream, &mut order.linked, |log| {
            log.line(at_us, |out| inventory::write(out, context, event, at_us));
        });
    }

    /// Lambda takes the order from the bus and tries again, with the same request id, when it fails.
    pub(super) fn shipping(&mut self, mut order: Box<Order>, run: ShippingRun, now_us: i64) {
        if run.request_id.is_none() {
            self.promised -= 1;
        }
        let (mut invocation, lease) = self.begin(
            &mut order,
            Ask {
                service: Service::Shipping,
                region: run.region,
                at_us: now_us,
                trace_id: run.trace_id,
                parent_span_id: None,
                attempt: run.attempt,
                request_id: run.request_id,
                scripted: None,
            },
        );
        invocation.end_us = invocation.start_us + self.work_us(&order, Service::Shipping);
        self.finish(&order, &mut invocation, lease, run.failed_before);
        let request = order.request;
        self.delivery.write(lease.stream, &mut order.linked, |log| {
            lines::shipping::write(log, &invocation, &request);
        });
        if invocation.failed() && run.attempt <= ASYNCHRONOUS_RETRIES_MAX {
            let wait_us = ASYNCHRONOUS_RETRY_US * i64::from(run.attempt);
            let due_us = invocation.end_us + wait_us + self.random.between(0, 20 * US_PER_SECOND);
            let again = ShippingRun {
                request_id: Some(invocation.request_id),
                attempt: run.attempt + 1,
                failed_before: true,
                ..run
            };
            self.queue.push(due_us, Job::Shipping(order, again));
        } else if let Some(trace) = order.into_truth() {
            self.tally.traces.push(trace);
        }
    }

    pub(super) fn bus_us(&mut self) -> i64 {
        self.random.log_normal(BUS_MEDIAN_US, 2.0 * DURATION_SIGMA) as i64
    }
}
