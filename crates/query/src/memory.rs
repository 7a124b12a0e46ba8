//! How much memory sorting and grouping may take. It refuses to count what takes none: batches on their way between
//! partitions share their text with others, each counts all of it, and a pool that believes them makes a grouping of two
//! gigabytes go through temporary files.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// Consumers of this name hold batches for a moment: at most a few for each partition.
const PASSING: &str = "RepartitionExec";

/// What one question may take: a fair share for each operator that keeps what it takes, and of the memory of all questions
/// what the others leave. A share of the others' operators as well would leave nobody enough to begin with.
#[derive(Debug)]
pub(crate) struct Budget {
    fair: FairSpillPool,
    all: Arc<GreedyMemoryPool>,
}

impl Budget {
    /// The budget of one of the questions that share `all`, which has so many bytes.
    pub(crate) fn of(all: &Arc<GreedyMemoryPool>, bytes_max: usize) -> Budget {
        Budget { fair: FairSpillPool::new(bytes_max), all: Arc::clone(all) }
    }
}

fn keeps(consumer: &MemoryConsumer) -> bool {
    !consumer.name().starts_with(PASSING)
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fair.fmt(f)
    }
}

impl MemoryPool for Budget {
    fn name(&self) -> &str {
        "transect"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if keeps(consumer) {
            self.fair.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if keeps(consumer) {
            self.fair.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if keeps(reservation.consumer()) {
            self.fair.grow(reservation, additional);
            self.all.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if keeps(reservation.consumer()) {
            self.fair.shrink(reservation, shrink);
            self.all.shrink(reservation, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if !keeps(reservation.consumer()) {
            return Ok(());
        }
        self.fair.try_grow(reservation, additional)?;
        self.all.try_grow(reservation, additional).inspect_err(|_| self.fair.shrink(reservation, additional))
    }

    fn reserved(&self) -> usize {
        self.fair.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.fair.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(all: &Arc<GreedyMemoryPool>) -> Arc<dyn MemoryPool> {
        Arc::new(Budget::of(all, 100))
    }

    #[test]
    fn a_question_takes_what_the_others_leave_and_gives_it_back() {
        let all = Arc::new(GreedyMemoryPool::new(100));
        let (one, two) = (pool(&all), pool(&all));
        let of = |pool: &Arc<dyn MemoryPool>, name: &str| MemoryConsumer::new(name).with_can_spill(true).register(pool);
        let (sorts, other) = (of(&one, "sort"), of(&two, "sort"));
        sorts.try_grow(70).unwrap();
        other.try_grow(20).unwrap();
        assert!(other.try_grow(20).is_err(), "110 of 100");
        assert_eq!((one.reserved(), two.reserved(), all.reserved()), (70, 20, 90), "what failed holds nothing");
        // Operators of one question have equal shares; another question's are not asked.
        let joins = of(&one, "join");
        assert!(sorts.try_grow(1).is_err());
        joins.try_grow(10).unwrap();
        drop((sorts, joins));
        other.try_grow(80).unwrap();
        // Batches on their way count for nothing.
        of(&one, "RepartitionExec[0]").try_grow(1000).unwrap();
        drop(other);
        assert_eq!(all.reserved(), 0);
    }
}
