//! What will happen later, in the order of time; what is due at the same time, in the order in which it was queued. It
//! refuses to know what a job does.

use std::collections::BTreeMap;

use super::order::Order;
use crate::ids::{RequestId, TraceId};
use crate::story::{Region, Script};

pub(super) enum Job {
    /// CloudWatch checks its destination in every region.
    Control,
    /// A written order arrives.
    Script(&'static Script),
    /// The bus hands an order to inventory.
    Inventory(Box<Order>, Region),
    /// The bus, or Lambda's own retry, hands an order to shipping.
    Shipping(Box<Order>, ShippingRun),
}

/// One run of shipping's asynchronous invocation.
#[derive(Clone, Copy)]
pub(super) struct ShippingRun {
    pub(super) region: Region,
    pub(super) trace_id: TraceId,
    /// Given when Lambda tries again.
    pub(super) request_id: Option<RequestId>,
    pub(super) attempt: u32,
    pub(super) failed_before: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    jobs: BTreeMap<(i64, u64), Job>,
    pushed: u64,
}

impl Queue {
    pub(super) fn push(&mut self, due_us: i64, job: Job) {
        self.jobs.insert((due_us, self.pushed), job);
        self.pushed += 1;
    }

    pub(super) fn next_us(&self) -> Option<i64> {
        self.jobs.first_key_value().map(|((due_us, _), _)| *due_us)
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        self.jobs.pop_first().map(|(_, job)| job)
    }
}
