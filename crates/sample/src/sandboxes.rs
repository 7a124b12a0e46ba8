//! Lambda's sandboxes: which one takes an invocation, and when a new one starts cold. It refuses to know what a
//! function does.
//!
//! A sandbox runs one invocation at a time and writes one log stream. Memory is bounded by the invocations that run
//! at the same time, as in Lambda itself.

use std::fmt::Display;

use crate::delivery::{Delivery, StreamKey};
use crate::ids::stream_suffix;
use crate::random::Random;
use crate::story::{Region, Service};
use crate::time::{US_PER_MINUTE, stream_date};

/// Lambda keeps an idle sandbox for some minutes and replaces it after some hours; the sample's time is short, so its
/// sandboxes live for less, and cold starts have a realistic share even where traffic is thin.
const IDLE_MAX_US: i64 = 7 * US_PER_MINUTE;
const AGE_FROM_US: i64 = 20 * US_PER_MINUTE;
const AGE_UNTIL_US: i64 = 60 * US_PER_MINUTE;

const RELEASES_MAX: usize = 2;

/// A release of a function in a region: what a sandbox is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deployment {
    pub(crate) service: Service,
    pub(crate) region: Region,
    pub(crate) release: usize,
}

struct Sandbox {
    stream: StreamKey,
    /// When it can take the next invocation; never, while it runs one.
    free_from_us: i64,
    /// When it is too old to take another one.
    retires_us: i64,
}

/// A sandbox that runs an invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pool: usize,
    index: usize,
    pub(crate) stream: StreamKey,
    pub(crate) cold: bool,
}

pub(crate) struct Sandboxes {
    pools: Vec<Vec<Sandbox>>,
}

impl Sandboxes {
    pub(crate) fn new() -> Self {
        let count = Service::ALL.len() * Region::ALL.len() * RELEASES_MAX;
        Sandboxes { pools: (0..count).map(|_| Vec::new()).collect() }
    }

    /// Finds a sandbox that is free at `now_us` or starts one; `cold` starts one in any case.
    pub(crate) fn lease(
        &mut self,
        deployment: Deployment,
        now_us: i64,
        cold: bool,
        delivery: &mut Delivery<'_>,
        random: &mut Random,
    ) -> Lease {
        let Deployment { service, region, release } = deployment;
        let pool = (service as usize * Region::ALL.len() + region as usize) * RELEASES_MAX + release;
        let warm = self.pools[pool].iter_mut().enumerate().find(|(_, sandbox)| {
            !cold
                && (sandbox.free_from_us..sandbox.free_from_us.saturating_add(IDLE_MAX_US)).contains(&now_us)
                && now_us < sandbox.retires_us
        });
        if let Some((index, sandbox)) = warm {
            sandbox.free_from_us = i64::MAX;
            return Lease { pool, index, stream: sandbox.stream, cold: false };
        }
        let version = service.releases()[release].function_versions[region as usize];
        let name = stream_name(now_us, version, random);
        let stream = delivery.open(region, service.name(), service.log_group(), name);
        let retires_us = now_us + random.between(AGE_FROM_US, AGE_UNTIL_US);
        self.pools[pool].push(Sandbox { stream, free_from_us: i64::MAX, retires_us });
        Lease { pool, index: self.pools[pool].len() - 1, stream, cold: true }
    }

    /// Gives a sandbox back; one whose process ended takes no other invocation.
    pub(crate) fn release(&mut self, lease: Lease, now_us: i64, ended: bool) {
        if let Some(sandbox) = self.pools[lease.pool].get_mut(lease.index) {
            sandbox.free_from_us = now_us;
            if ended {
                sandbox.retires_us = now_us;
            }
        }
    }

    /// Removes the sandboxes that will take no other invocation. To be called while none is leased.
    pub(crate) fn tick(&mut self, now_us: i64, delivery: &mut Delivery<'_>) {
        for pool in &mut self.pools {
            pool.retain(|sandbox| {
                let idle = sandbox.free_from_us.saturating_add(IDLE_MAX_US) <= now_us;
                let retired = sandbox.free_from_us <= now_us && sandbox.retires_us <= now_us;
                if idle || retired {
                    delivery.close(sandbox.stream);
                }
                !idle && !retired
            });
        }
    }
}

/// `2026/11/21/[42]13e783e7eb04b39b68b4aef73eaabe17`
fn stream_name(now_us: i64, version: impl Display, random: &mut Random) -> String {
    format!("{}/[{version}]{}", stream_date(now_us), stream_suffix(random))
}
