//! Calls at the pace that a service allows: a permit comes every so often, and whoever wants one waits. What is refused all
//! the same is tried again by the SDK. It refuses to read a clock of its own: time is tokio's.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A pace that all calls of one kind in one region share.
#[derive(Debug)]
pub struct Pace {
    ticks: Mutex<Interval>,
}

impl Pace {
    /// So many calls a second, at least one.
    pub fn per_second(calls: u32) -> Pace {
        let mut ticks = interval(Duration::from_secs(1) / calls.max(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Pace { ticks: Mutex::new(ticks) }
    }

    /// Waits for the next permit.
    pub async fn permit(&self) {
        self.ticks.lock().await.tick().await;
    }
}
