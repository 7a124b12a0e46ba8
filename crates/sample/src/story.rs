//! What happens in the sample, as data: who runs where, which release goes out when, what is worse than what. Numbers
//! live here and nowhere else. It refuses to act: `shop` plays the story.

use crate::time::{US_PER_MINUTE, US_PER_SECOND};

/// The account that owns every log group: the one of AWS's own examples.
pub(crate) const ACCOUNT: &str = "123456789012";

/// Secrets that careless lines carry. All are published examples that open nothing: the second is the key id of AWS's
/// documentation, the third the test number of card processors.
pub(crate) const SECRETS: [&str; 3] = ["not-a-real-token-5f2c9a71", "AKIAIOSFODNN7EXAMPLE", "4111111111111111"];
/// Of so many orders, one leaves the secrets in its lines; the first does, so that small samples hold them too.
pub(crate) const ORDERS_PER_SECRET: u64 = 40;

/// A region of the active-active shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    UsEast2,
    UsWest2,
    EuWest2,
}

impl Region {
    pub(crate) const ALL: [Region; 3] = [Region::UsEast2, Region::UsWest2, Region::EuWest2];
    /// Where customers arrive. The shares differ, so that adding the regions up misleads.
    pub(crate) const TRAFFIC: [f64; 3] = [0.45, 0.30, 0.25];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Region::UsEast2 => "us-east-2",
            Region::UsWest2 => "us-west-2",
            Region::EuWest2 => "eu-west-2",
        }
    }

    /// One way over the network, in microseconds: half of what public latency tables show for a round trip.
    pub(crate) const fn network_us(self, to: Region) -> i64 {
        match (self, to) {
            (Region::UsEast2, Region::UsWest2) | (Region::UsWest2, Region::UsEast2) => 25_000,
            (Region::UsEast2, Region::EuWest2) | (Region::EuWest2, Region::UsEast2) => 44_000,
            (Region::UsWest2, Region::EuWest2) | (Region::EuWest2, Region::UsWest2) => 66_000,
            _ => 700,
        }
    }
}

/// A service of the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Takes requests from API Gateway. Python, text format, Powertools.
    Edge,
    /// Prices the cart and has it paid. Node, text format; states no release in its lines.
    Cart,
    /// Authorises and captures. Python, JSON format, Powertools.
    Payments,
    /// Reserves stock. A container, structlog.
    Inventory,
    /// Prints labels. Node, JSON format, pino.
    Shipping,
}

/// A release of a service and the function version it became in each region, in the order of [`Region::ALL`]. Versions
/// count per function and region, so one release bears three numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Release {
    pub(crate) name: &'static str,
    pub(crate) function_versions: [u32; 3],
}

/// The index of the release that was live when the story began, and of the one that goes out during it.
pub(crate) const BASELINE: usize = 0;
pub(crate) const CANARY: usize = 1;

impl Service {
    pub(crate) const ALL: [Service; 5] =
        [Service::Edge, Service::Cart, Service::Payments, Service::Inventory, Service::Shipping];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Service::Edge => "edge",
            Service::Cart => "cart",
            Service::Payments => "payments",
            Service::Inventory => "inventory",
            Service::Shipping => "shipping",
        }
    }

    pub(crate) const fn function_name(self) -> &'static str {
        match self {
            Service::Edge => "edge-api",
            _ => self.name(),
        }
    }

    pub(crate) const fn log_group(self) -> &'static str {
        match self {
            Service::Edge => "/aws/lambda/edge-api",
            Service::Cart => "/aws/lambda/cart",
            Service::Payments => "/aws/lambda/payments",
            Service::Inventory => "/ecs/inventory",
            Service::Shipping => "/aws/lambda/shipping",
        }
    }

    pub(crate) const fn releases(self) -> &'static [Release] {
        match self {
            Service::Edge => &[Release { name: "3.2.0", function_versions: [17, 14, 22] }],
            Service::Cart => &[
                Release { name: "2.7.0", function_versions: [11, 8, 30] },
                Release { name: "2.8.0", function_versions: [12, 9, 31] },
            ],
            Service::Payments => &[
                Release { name: "1.4.1", function_versions: [41, 39, 27] },
                Release { name: "1.4.2", function_versions: [42, 40, 28] },
            ],
            // A container has no function version.
            Service::Inventory => &[Release { name: "5.0.3", function_versions: [0, 0, 0] }],
            Service::Shipping => &[Release { name: "0.9.4", function_versions: [6, 6, 4] }],
        }
    }

    /// Whether the service's own lines state its release.
    pub(crate) const fn states_release(self) -> bool {
        !matches!(self, Service::Cart)
    }

    /// Median time of the service's own work, in microseconds.
    pub(crate) const fn median_us(self) -> f64 {
        match self {
            Service::Edge => 38_000.0,
            Service::Cart => 64_000.0,
            Service::Payments => 180_000.0,
            Service::Inventory => 45_000.0,
            Service::Shipping => 240_000.0,
        }
    }

    /// Median time of initialising a sandbox, in microseconds.
    pub(crate) const fn init_median_us(self) -> f64 {
        match self {
            Service::Edge => 310_000.0,
            Service::Cart => 220_000.0,
            Service::Payments => 480_000.0,
            Service::Inventory => 0.0,
            Service::Shipping => 260_000.0,
        }
    }

    /// When Lambda gives up on an invocation, in microseconds.
    pub(crate) const fn timeout_us(self) -> i64 {
        match self {
            Service::Payments => 3 * US_PER_SECOND,
            _ => 10 * US_PER_SECOND,
        }
    }

    /// Share of invocations that fail in ordinary times, in the order of [`Region::ALL`]. It differs by region, so
    /// that a release which is mostly in one of them looks better or worse than it is when regions are pooled.
    const fn failure_rates(self) -> [f64; 3] {
        match self {
            Service::Edge => [0.003, 0.002, 0.008],
            Service::Cart => [0.006, 0.004, 0.012],
            Service::Payments => [0.010, 0.007, 0.015],
            Service::Inventory => [0.008, 0.008, 0.008],
            Service::Shipping => [0.020, 0.015, 0.040],
        }
    }
}

/// Spread of durations: sigma of the logarithm.
pub(crate) const DURATION_SIGMA: f64 = 0.45;
/// Share of invocations that are slow for no reason that a log would tell, and by what factor.
pub(crate) const SLOW_SHARE: f64 = 0.004;
pub(crate) const SLOW_FACTOR: f64 = 8.0;

/// The failure rate of the bad canary where it is bad.
const BAD_CANARY_FAILURE_RATE: f64 = 0.08;
/// The only region where the new release of payments is worse.
pub(crate) const BAD_CANARY_REGION: Region = Region::UsEast2;

/// Whether this is the release that is worse, in the region where it is.
pub(crate) fn is_bad_canary(service: Service, region: Region, release: usize) -> bool {
    service == Service::Payments && region == BAD_CANARY_REGION && release == CANARY
}

/// Share of invocations that fail, the failing region's minutes aside.
pub(crate) fn failure_rate(service: Service, region: Region, release: usize) -> f64 {
    if is_bad_canary(service, region, release) {
        BAD_CANARY_FAILURE_RATE
    } else {
        service.failure_rates()[region as usize]
    }
}

/// From this part of the span on, the alias of a service sends this share of a region's invocations to the new release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wave {
    pub(crate) service: Service,
    pub(crate) region: Region,
    pub(crate) from: f64,
    pub(crate) weight: f64,
}

const fn wave(service: Service, region: Region, from: f64, weight: f64) -> Wave {
    Wave { service, region, from, weight }
}

/// The rollouts, in the order of time. Each region keeps a baseline beside the canary until there is a verdict: cart's new
/// release is promoted everywhere at once when its last wave has passed, and that of payments is set back in the one region
/// where it is worse.
pub(crate) const WAVES: [Wave; 14] = [
    wave(Service::Cart, Region::UsEast2, 0.05, 0.10),
    wave(Service::Payments, Region::UsEast2, 0.10, 0.10),
    wave(Service::Cart, Region::UsEast2, 0.20, 0.50),
    wave(Service::Cart, Region::UsWest2, 0.25, 0.10),
    wave(Service::Payments, Region::UsEast2, 0.35, 0.50),
    wave(Service::Cart, Region::UsWest2, 0.38, 0.50),
    wave(Service::Cart, Region::EuWest2, 0.52, 0.10),
    wave(Service::Payments, Region::UsWest2, 0.55, 0.10),
    wave(Service::Cart, Region::UsEast2, 0.62, 1.00),
    wave(Service::Cart, Region::UsWest2, 0.62, 1.00),
    wave(Service::Cart, Region::EuWest2, 0.62, 1.00),
    wave(Service::Payments, Region::UsWest2, 0.70, 0.30),
    wave(Service::Payments, Region::EuWest2, 0.76, 0.30),
    wave(Service::Payments, Region::UsEast2, 0.93, 0.00),
];

/// The region that fails, from and until which part of the span.
pub(crate) const FAILING_REGION: Region = Region::EuWest2;
pub(crate) const FAILURE_FROM: f64 = 0.40;
pub(crate) const FAILURE_UNTIL: f64 = 0.48;
/// Health checks notice after this part of the span and send most new customers elsewhere.
const FAILURE_NOTICED: f64 = 0.44;
const DIVERTED_SHARE: f64 = 0.7;

/// Share of invocations that hang until Lambda gives up on them while their region fails.
pub(crate) fn hang_share(service: Service) -> f64 {
    match service {
        Service::Edge => 0.25,
        Service::Payments => 0.50,
        _ => 0.0,
    }
}

/// The story laid over a span of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    pub(crate) start_us: i64,
    pub(crate) span_us: i64,
}

impl Timeline {
    pub(crate) fn end_us(self) -> i64 {
        self.start_us + self.span_us
    }

    /// The point that lies this part of the span after the start.
    pub(crate) fn at_us(self, part: f64) -> i64 {
        self.start_us + (self.span_us as f64 * part).round() as i64
    }

    /// The share of this service's invocations in this region that the alias sends to the new release.
    pub(crate) fn canary_weight(self, service: Service, region: Region, now_us: i64) -> f64 {
        WAVES
            .iter()
            .rfind(|wave| wave.service == service && wave.region == region && self.at_us(wave.from) <= now_us)
            .map_or(0.0, |wave| wave.weight)
    }

    pub(crate) fn fails(self, region: Region, now_us: i64) -> bool {
        region == FAILING_REGION && (self.at_us(FAILURE_FROM)..self.at_us(FAILURE_UNTIL)).contains(&now_us)
    }

    /// The share of a region's new customers that are sent to another region.
    pub(crate) fn diverted_share(self, region: Region, now_us: i64) -> f64 {
        let noticed = self.fails(region, now_us) && now_us >= self.at_us(FAILURE_NOTICED);
        if noticed { DIVERTED_SHARE } else { 0.0 }
    }
}

/// How an invocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It answers.
    Success,
    /// It logs an error and answers with one: Lambda sees no failure.
    Handled,
    /// Its process ends: Lambda reports an error.
    Exit,
    /// Lambda ends it at the function's timeout.
    Timeout,
}

/// One payments invocation of a written order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScriptedPayment {
    pub(crate) region: Region,
    pub(crate) release: usize,
    pub(crate) fate: Fate,
}

/// An order whose course is written beforehand, because it is worth looking at and chance may not bring it about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    /// When the order arrives, as a part of the span.
    pub(crate) at: f64,
    pub(crate) edge: Region,
    /// Authorisation and capture, each followed by its retry if it fails.
    pub(crate) payments: &'static [ScriptedPayment],
    pub(crate) inventory: Region,
    pub(crate) shipping: Region,
    /// Whether every function starts cold and works slowly.
    pub(crate) cold: bool,
}

impl Script {
    /// How many Lambda invocations the order makes: edge, cart, its payments and shipping.
    pub(crate) fn invocations(&self) -> u64 {
        3 + self.payments.len() as u64
    }
}

const fn payment(region: Region, release: usize, fate: Fate) -> ScriptedPayment {
    ScriptedPayment { region, release, fate }
}

/// The three orders that the truth names.
pub(crate) const SCRIPTS: [Script; 3] = [
    Script {
        name: "three-regions-two-releases",
        why: "Ordered in eu-west-2 and charged in us-east-2, where the canary of payments fails; the retry in us-west-2 \
              meets the baseline and is captured; inventory and shipping follow under trace ids of their own.",
        at: 0.30,
        edge: Region::EuWest2,
        payments: &[
            payment(Region::UsEast2, CANARY, Fate::Exit),
            payment(Region::UsWest2, BASELINE, Fate::Success),
            payment(Region::UsWest2, BASELINE, Fate::Success),
        ],
        inventory: Region::UsWest2,
        shipping: Region::UsEast2,
        cold: false,
    },
    Script {
        name: "shifted-in-mid-trace",
        why: "Arrived in eu-west-2 while payments timed out there; cart asked us-east-2 instead, in the same trace.",
        at: 0.44,
        edge: Region::EuWest2,
        payments: &[
            payment(Region::EuWest2, BASELINE, Fate::Timeout),
            payment(Region::UsEast2, BASELINE, Fate::Success),
            payment(Region::UsEast2, BASELINE, Fate::Success),
        ],
        inventory: Region::UsEast2,
        shipping: Region::UsEast2,
        cold: false,
    },
    Script {
        name: "cold-and-slow",
        why: "Every function on the way of this order started cold, and none was quick afterwards.",
        at: 0.75,
        edge: Region::UsWest2,
        payments: &[payment(Region::UsWest2, BASELINE, Fate::Success), payment(Region::UsWest2, CANARY, Fate::Success)],
        inventory: Region::UsWest2,
        shipping: Region::UsWest2,
        cold: true,
    },
];

/// Below this many invocations the three written orders are left out: they would be most of the sample.
pub(crate) const SCRIPTED_INVOCATIONS_MIN: u64 = 50;

/// What customers ask for, and how often: a product page (edge alone), the cart (edge and cart), an order (all).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    Product,
    Cart,
    Checkout,
}

impl Visit {
    pub(crate) const ALL: [Visit; 3] = [Visit::Product, Visit::Cart, Visit::Checkout];
    pub(crate) const SHARES: [f64; 3] = [0.10, 0.15, 0.75];
    /// The Lambda invocations that a visit brings on average; how densely visits follow each other is computed from it.
    pub(crate) const INVOCATIONS_MEAN: f64 = 4.2;
    /// The most that one visit can bring: edge in two regions, cart, authorisation and capture retried, shipping.
    pub(crate) const INVOCATIONS_MAX: u64 = 8;

    pub(crate) const fn method(self) -> &'static str {
        match self {
            Visit::Checkout => "POST",
            _ => "GET",
        }
    }

    pub(crate) const fn route(self) -> &'static str {
        match self {
            Visit::Product => "/products/{sku}",
            Visit::Cart => "/cart",
            Visit::Checkout => "/orders",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Visit::Product => "/products/A-100",
            other => other.route(),
        }
    }
}

/// Share of orders whose payment runs in another region than their cart, in ordinary times.
pub(crate) const REMOTE_PAYMENT_SHARE: f64 = 0.02;
/// Share of orders that a warehouse in another region serves.
pub(crate) const REMOTE_WAREHOUSE_SHARE: f64 = 0.20;

/// Lambda retries a failed asynchronous invocation twice, the first time after about a minute, then after two.
pub(crate) const ASYNCHRONOUS_RETRIES_MAX: u32 = 2;
pub(crate) const ASYNCHRONOUS_RETRY_US: i64 = US_PER_MINUTE;

/// Share of inventory's lines that its log agent brings late, and by how much.
pub(crate) const LATE_SHARE: f64 = 0.06;
pub(crate) const LATE_FROM_US: i64 = 20 * US_PER_MINUTE;
pub(crate) const LATE_UNTIL_US: i64 = 50 * US_PER_MINUTE;
/// An agent holds back no more than this many lines, as its disk is finite; neither is our memory.
pub(crate) const LATE_LINES_MAX: usize = 600;

/// Share of payloads that CloudWatch delivers twice, the second time minutes later.
pub(crate) const REDELIVERED_SHARE: f64 = 0.006;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_in_order_and_go_up() {
        for (index, wave) in WAVES.iter().enumerate() {
            for earlier in &WAVES[..index] {
                assert!(earlier.from <= wave.from);
                let same = earlier.service == wave.service && earlier.region == wave.region;
                // A canary goes up, or back to nothing.
                assert!(!same || earlier.weight < wave.weight || wave.weight == 0.0);
            }
        }
    }

    #[test]
    fn written_orders_meet_releases_that_are_live() {
        let timeline = Timeline { start_us: 0, span_us: 1_000_000 };
        for script in SCRIPTS {
            for payment in script.payments {
                let weight = timeline.canary_weight(Service::Payments, payment.region, timeline.at_us(script.at));
                let live = if payment.release == CANARY { weight > 0.0 } else { weight < 1.0 };
                assert!(live, "{}: {payment:?}", script.name);
                let fails = timeline.fails(payment.region, timeline.at_us(script.at));
                assert_eq!(fails, payment.fate == Fate::Timeout, "{}: {payment:?}", script.name);
            }
        }
    }
}
