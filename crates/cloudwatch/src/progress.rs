//! How far work has come, for whoever shows it meanwhile. It refuses to print, and to guess how long the rest takes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that only grow, of all regions together.
#[derive(Debug, Default)]
pub struct Progress {
    found: AtomicU64,
    done: AtomicU64,
    events: AtomicU64,
}

impl Progress {
    /// Pieces of work that are known so far.
    pub fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// Those that are over, whatever came of them.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Log events that are in the lake now.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    pub(crate) fn find(&self, pieces: usize) {
        self.found.fetch_add(pieces as u64, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, pieces: usize, events: u64) {
        self.done.fetch_add(pieces as u64, Ordering::Relaxed);
        self.events.fetch_add(events, Ordering::Relaxed);
    }
}
