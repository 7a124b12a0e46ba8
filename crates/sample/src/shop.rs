//! The shop at work: customers come, services call each other, events travel over the bus. It refuses to know how a
//! line looks or when a payload is delivered; numbers come from `story`.
//!
//! A synchronous chain is played as a whole when its customer arrives; asynchronous hops wait in a queue for their
//! time, so that everything happens in the order of time, give or take the seconds of one chain.

mod bus;
mod lambda;
mod order;
mod queue;

use crate::delivery::{Delivered, Delivery, StreamKey};
use crate::ids::{CorrelationId, RequestId, SpanId, TraceId, stream_suffix};
use crate::lines::{self, Call, Invocation, Request, access_log, payments::Step, spans};
use crate::random::Random;
use crate::sandboxes::Sandboxes;
use crate::story::{
    Fate, ORDERS_PER_SECRET, REMOTE_PAYMENT_SHARE, REMOTE_WAREHOUSE_SHARE, Region, SCRIPTED_INVOCATIONS_MIN, SCRIPTS,
    Script, Service, Timeline, Visit,
};
use crate::time::{US_PER_MS, US_PER_SECOND};
use crate::truth::Tally;
use crate::{Options, Payload};
use lambda::Ask;
use order::Order;
use queue::{Job, Queue};

/// How often streams and sandboxes are looked after.
const TICK_US: i64 = US_PER_SECOND;
/// A customer's application asks another region this long after the first one gave up.
const CLIENT_RETRY_US: i64 = 150 * US_PER_MS;
/// Containers of inventory a region.
const INVENTORY_TASKS: usize = 2;

/// The log streams that all requests of a region share.
struct RegionStreams {
    access_log: StreamKey,
    spans: StreamKey,
    inventory: [StreamKey; INVENTORY_TASKS],
}

/// How a call of edge ended.
struct Answer {
    end_us: i64,
    timed_out: bool,
    /// When and where the order was paid.
    paid: Option<(i64, Region)>,
}

struct Shop<'e> {
    timeline: Timeline,
    random: Random,
    correlation_salt: u64,
    sandboxes: Sandboxes,
    delivery: Delivery<'e>,
    streams: [RegionStreams; 3],
    queue: Queue,
    tally: Tally,
    orders: u64,
    /// Request ids given out, and those that queued jobs will need.
    issued: u64,
    promised: u64,
}

/// Plays the whole story.
pub(crate) fn play(options: &Options, each: &mut dyn FnMut(Payload)) -> (Tally, Delivered) {
    let mut random = Random::new(options.seed);
    let mut delivery = Delivery::new(options.events_per_payload, random.fork(), each);
    let streams = Region::ALL.map(|region| RegionStreams {
        access_log: delivery.open(region, "gateway", access_log::LOG_GROUP, stream_suffix(&mut random).to_string()),
        spans: delivery.open(region, "spans", spans::LOG_GROUP, spans::LOG_STREAM.to_owned()),
        inventory: [(); INVENTORY_TASKS].map(|()| {
            let task = format!("inventory/app/{}", stream_suffix(&mut random));
            delivery.open(region, Service::Inventory.name(), Service::Inventory.log_group(), task)
        }),
    });
    let mut shop = Shop {
        timeline: options.timeline(),
        correlation_salt: random.bits(),
        random,
        sandboxes: Sandboxes::new(),
        delivery,
        streams,
        queue: Queue::default(),
        tally: Tally::default(),
        orders: 0,
        issued: 0,
        promised: 0,
    };
    shop.run(options.invocations);
    (shop.tally, shop.delivery.finish())
}

impl Shop<'_> {
    fn run(&mut self, invocations: u64) {
        // CloudWatch checks the destination when the subscription is made, and now and then later.
        for part in [0.0, 0.5] {
            self.queue.push(self.timeline.at_us(part), Job::Control);
        }
        if invocations >= SCRIPTED_INVOCATIONS_MIN {
            for script in &SCRIPTS {
                self.promised += script.invocations();
                self.queue.push(self.timeline.at_us(script.at), Job::Script(script));
            }
        }
        let mut ticked_us = self.timeline.start_us;
        let mut arrival_us = self.next_arrival_us(self.timeline.start_us, invocations);
        loop {
            let queued_us = self.queue.next_us();
            let now_us = match (arrival_us, queued_us) {
                (Some(arrival_us), Some(queued_us)) => arrival_us.min(queued_us),
                (Some(now_us), None) | (None, Some(now_us)) => now_us,
                (None, None) => return,
            };
            if now_us >= ticked_us + TICK_US {
                ticked_us = now_us;
                self.delivery.tick(now_us);
                self.sandboxes.tick(now_us, &mut self.delivery);
            }
            if queued_us == Some(now_us) {
                if let Some(job) = self.queue.pop() {
                    self.work_off(job, now_us);
                }
            } else {
                let left = self.left_of(invocations);
                self.arrive(now_us, left);
                arrival_us = self.next_arrival_us(now_us, invocations);
            }
        }
    }

    /// Request ids that are neither given out nor promised.
    fn left_of(&self, invocations: u64) -> u64 {
        invocations.saturating_sub(self.issued + self.promised)
    }

    /// Customers come at random, as densely as it takes to use up the invocations within the span.
    fn next_arrival_us(&mut self, now_us: i64, invocations: u64) -> Option<i64> {
        let left = self.left_of(invocations);
        if left == 0 {
            return None;
        }
        let span_left_us = self.timeline.end_us() - now_us;
        let visits_left = left as f64 / Visit::INVOCATIONS_MEAN + 1.0;
        let gap_us = (span_left_us as f64 / visits_left * 2.0 * self.random.unit()) as i64;
        Some(now_us + gap_us.clamp(0, span_left_us.max(0)))
    }

    fn work_off(&mut self, job: Job, now_us: i64) {
        match job {
            Job::Control => {
                for region in Region::ALL {
                    self.delivery.control_message(region, now_us);
                }
            }
            Job::Script(script) => {
                self.promised -= script.invocations();
                let order = self.order(Visit::Checkout, Some(script));
                self.visit(order, script.edge, now_us, 1);
            }
            Job::Inventory(order, region) => self.inventory(order, region, now_us),
            Job::Shipping(order, run) => self.shipping(order, run, now_us),
        }
    }

    /// A customer comes. `left` request ids may still be given out.
    fn arrive(&mut self, now_us: i64, left: u64) {
        let mut region = Region::ALL[self.random.weighted(&Region::TRAFFIC)];
        if self.random.chance(self.timeline.diverted_share(region, now_us)) {
            region = self.other_region(region, now_us);
        }
        let visit = Visit::ALL[self.random.weighted(&Visit::SHARES)];
        let visit = if left < Visit::INVOCATIONS_MAX { Visit::Product } else { visit };
        let order = self.order(visit, None);
        self.visit(order, region, now_us, left.min(2) as u32);
    }

    fn order(&mut self, visit: Visit, script: Option<&'static Script>) -> Box<Order> {
        let number = self.orders;
        self.orders += 1;
        let request = Request {
            correlation_id: CorrelationId::new(self.correlation_salt, number),
            visit,
            items: self.random.between(1, 9),
            amount_cents: self.random.between(450, 24_000),
            customer: self.random.between(1, 4_000),
            careless: number.is_multiple_of(ORDERS_PER_SECRET),
        };
        Box::new(Order::new(request, script))
    }

    /// The region that takes over from `region`: not one that fails.
    fn other_region(&mut self, region: Region, now_us: i64) -> Region {
        let weights = Region::ALL.map(|other| {
            let usable = other != region && !self.timeline.fails(other, now_us);
            if usable { Region::TRAFFIC[other as usize] } else { 0.0 }
        });
        Region::ALL[self.random.weighted(&weights)]
    }

    /// A request of a customer, who asks another region if the first one does not answer.
    fn visit(&mut self, mut order: Box<Order>, region: Region, now_us: i64, edge_attempts_max: u32) {
        let trace_id = TraceId::new(now_us, &mut self.random);
        let mut answer = self.edge(&mut order, trace_id, region, now_us, 1);
        if answer.timed_out && edge_attempts_max > 1 {
            order.shifted = true;
            let region = self.other_region(region, answer.end_us);
            answer = self.edge(&mut order, trace_id, region, answer.end_us + CLIENT_RETRY_US, 2);
        }
        self.tally.shifted_requests += u64::from(order.shifted);
        self.tally.traces_across_regions += u64::from(order.crosses_regions());
        self.tally.traces_across_releases += u64::from(order.crosses_releases());
        if let Some((paid_us, region)) = answer.paid {
            let warehouse = match order.script {
                Some(script) => script.inventory,
                None if self.random.chance(REMOTE_WAREHOUSE_SHARE) => self.other_region(region, paid_us),
                None => region,
            };
            let due_us = paid_us + self.bus_us();
            self.promised += 1;
            self.queue.push(due_us, Job::Inventory(order, warehouse));
        }
    }

    fn edge(&mut self, order: &mut Order, trace_id: TraceId, region: Region, at_us: i64, attempt: u32) -> Answer {
        let (mut invocation, lease) = self.begin(
            order,
            Ask {
                service: Service::Edge,
                region,
                at_us,
                trace_id,
                parent_span_id: None,
                attempt,
                request_id: None,
                scripted: None,
            },
        );
        let work_us = self.work_us(order, Service::Edge);
        let mut status = status_of(invocation.fate, 500);
        let mut calls = Vec::new();
        let mut paid = None;
        invocation.end_us = invocation.start_us + work_us;
        if invocation.fate == Fate::Success && order.request.visit != Visit::Product {
            let (call, paid_in_cart) = self.cart(order, &invocation, invocation.start_us + work_us / 3);
            paid = paid_in_cart;
            invocation.end_us = call.end_us + work_us * 2 / 3;
            status = if call.status < 500 { status } else { 502 };
            calls.push(call);
        }
        if invocation.fate == Fate::Success && status == 200 && order.request.visit == Visit::Checkout {
            status = 201;
        }
        self.finish(order, &mut invocation, lease, false);
        let (request, request_id) = (order.request, RequestId::new(&mut self.random));
        self.delivery.write(lease.stream, &mut order.linked, |log| {
            lines::edge::write(log, &invocation, &request, &calls, status);
        });
        let streams = &self.streams[region as usize];
        self.delivery.write(streams.access_log, &mut order.linked, |log| {
            access_log::write(log, &invocation, &request, request_id, status);
        });
        self.delivery.write(streams.spans, &mut order.linked, |log| {
            spans::write(log, &invocation, Some(&request), &calls, status);
        });
        Answer { end_us: invocation.end_us, timed_out: invocation.fate == Fate::Timeout, paid }
    }

    fn cart(&mut self, order: &mut Order, caller: &Invocation, at_us: i64) -> (Call, Option<(i64, Region)>) {
        let region = caller.region;
        let network_us = caller.region.network_us(region);
        let span_id = SpanId::new(&mut self.random);
        let (mut invocation, lease) = self.begin(
            order,
            Ask {
                service: Service::Cart,
                region,
                at_us: at_us + network_us,
                trace_id: caller.trace_id,
                parent_span_id: Some(span_id),
                attempt: 1,
                request_id: None,
                scripted: None,
            },
        );
        let work_us = self.work_us(order, Service::Cart);
        let mut status = status_of(invocation.fate, 500);
        let mut calls = Vec::new();
        let mut paid = None;
        invocation.end_us = invocation.start_us + work_us;
        if invocation.fate == Fate::Success && order.request.visit == Visit::Checkout {
            let asked_us = invocation.start_us + work_us / 2;
            paid = self.pay(order, &invocation, asked_us, &mut calls);
            status = if paid.is_some() { status } else { 502 };
            invocation.end_us = calls.last().map_or(asked_us, |call| call.end_us) + work_us / 2;
        }
        self.finish(order, &mut invocation, lease, false);
        let request = order.request;
        self.delivery.write(lease.stream, &mut order.linked, |log| {
            lines::cart::write(log, &invocation, &request, &calls, status);
        });
        self.delivery.write(self.streams[region as usize].spans, &mut order.linked, |log| {
            spans::write(log, &invocation, None, &calls, status);
        });
        let call = Call {
            callee: Service::Cart,
            region,
            span_id,
            start_us: at_us,
            end_us: invocation.end_us + network_us,
            status,
            asked_again_in: None,
        };
        (call, paid)
    }

    /// Has an order authorised and captured. A call that fails is made once more, in another region if its own fails
    /// (or by chance, as the client library spreads its retries), and what follows stays there.
    fn pay(
        &mut self,
        order: &mut Order,
        cart: &Invocation,
        at_us: i64,
        calls: &mut Vec<Call>,
    ) -> Option<(i64, Region)> {
        let mut now_us = at_us;
        let mut region = cart.region;
        if self.random.chance(REMOTE_PAYMENT_SHARE) {
            region = self.other_region(region, now_us);
        }
        for step in Step::ALL {
            let mut call = self.payment(order, cart, region, now_us, step, 1);
            if call.status >= 500 {
                let failing = self.timeline.fails(call.region, now_us);
                let elsewhere = failing || self.random.chance(0.5);
                region = if elsewhere { self.other_region(call.region, now_us) } else { call.region };
                let again = self.payment(order, cart, region, call.end_us, step, 2);
                order.shifted |= failing && again.region != call.region;
                call.asked_again_in = Some(again.region);
                calls.push(call);
                call = again;
            }
            (now_us, region) = (call.end_us, call.region);
            calls.push(call);
            if call.status >= 500 {
                return None;
            }
        }
        Some((now_us, region))
    }

    fn payment(
        &mut self,
        order: &mut Order,
        cart: &Invocation,
        region: Region,
        at_us: i64,
        step: Step,
        attempt: u32,
    ) -> Call {
        let scripted = order.next_payment();
        let region = scripted.map_or(region, |scripted| scripted.region);
        let network_us = cart.region.network_us(region);
        let span_id = SpanId::new(&mut self.random);
        let (mut invocation, lease) = self.begin(
            order,
            Ask {
                service: Service::Payments,
                region,
                at_us: at_us + network_us,
                trace_id: cart.trace_id,
                parent_span_id: Some(span_id),
                attempt,
                request_id: None,
                scripted,
            },
        );
        invocation.end_us = invocation.start_us + self.work_us(order, Service::Payments);
        self.finish(order, &mut invocation, lease, false);
        let (request, status) = (order.request, status_of(invocation.fate, 502));
        self.delivery.write(lease.stream, &mut order.linked, |log| {
            lines::payments::write(log, &invocation, &request, step);
        });
        self.delivery.write(self.streams[region as usize].spans, &mut order.linked, |log| {
            spans::write(log, &invocation, None, &[], status);
        });
        Call {
            callee: Service::Payments,
            region,
            span_id,
            start_us: at_us,
            end_us: invocation.end_us + network_us,
            status,
            asked_again_in: None,
        }
    }
}

/// The HTTP status by which a caller learns how an invocation ended.
fn status_of(fate: Fate, failed: u16) -> u16 {
    match fate {
        Fate::Success => 200,
        Fate::Handled | Fate::Exit => failed,
        Fate::Timeout => 504,
    }
}
