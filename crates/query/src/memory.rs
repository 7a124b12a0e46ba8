//! How much memory sorting and grouping may take. It refuses to count what takes none: batches on their way between
//! partitions share their text with others, each counts all of it, and a pool that believes them makes a grouping of two
//! gigabytes go through temporary files.

use std::fmt;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// Consumers of this name hold batches for a moment: at most a few for each partition.
const PASSING: &str = "RepartitionExec";

/// A fair share for each operator that keeps what it takes.
#[derive(Debug)]
pub(crate) struct Budget {
    kept: FairSpillPool,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Budget {
        Budget { kept: FairSpillPool::new(bytes_max) }
    }
}

fn keeps(consumer: &MemoryConsumer) -> bool {
    !consumer.name().starts_with(PASSING)
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kept.fmt(f)
    }
}

impl MemoryPool for Budget {
    fn name(&self) -> &str {
        "transect"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if keeps(consumer) {
            self.kept.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if keeps(consumer) {
            self.kept.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if keeps(reservation.consumer()) {
            self.kept.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if keeps(reservation.consumer()) {
            self.kept.shrink(reservation, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        match keeps(reservation.consumer()) {
            true => self.kept.try_grow(reservation, additional),
            false => Ok(()),
        }
    }

    fn reserved(&self) -> usize {
        self.kept.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.kept.memory_limit()
    }
}
