//! How the log groups of one region stand: awaited, followed, failing, lost or gone. It decides what is said about it while
//! it goes on and what is missing in the end, and refuses to ask AWS for anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::POLLS_IN_FLIGHT_MAX;

/// What a region is that nobody heard of.
const AWAITED: &str = "had not answered when it ended";
/// A sampled session tells every second that it is.
const SAMPLED_AGAIN_AFTER: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was heard of it yet.
    Awaited,
    Followed,
    /// The last try came to nothing; there will be another.
    Failing(String),
    /// There will be none.
    Lost(String),
    /// It was deleted.
    Gone,
}

#[derive(Debug)]
struct Group {
    state: State,
    /// Whether it was ever followed.
    ever: bool,
}

#[derive(Debug)]
struct Inner {
    /// Why the groups are not known.
    unknown: Option<String>,
    groups: BTreeMap<String, Group>,
    /// Whether it was said that something fails.
    is_said: bool,
    notes: BTreeSet<String>,
    sampled: Option<Instant>,
}

/// One region.
#[derive(Debug)]
pub(super) struct Standing(Mutex<Inner>);

impl Default for Standing {
    fn default() -> Standing {
        Standing(Mutex::new(Inner {
            unknown: Some(AWAITED.to_owned()),
            groups: BTreeMap::new(),
            is_said: false,
            notes: BTreeSet::new(),
            sampled: None,
        }))
    }
}

impl Standing {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock can leave it half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The region did not tell its log groups.
    pub(super) fn fail(&self, reason: String) {
        self.inner().unknown = Some(reason);
    }

    /// These are to be followed.
    pub(super) fn list(&self, groups: impl Iterator<Item = String>) {
        let mut inner = self.inner();
        inner.unknown = None;
        inner.groups = groups.map(|group| (group, Group { state: State::Awaited, ever: false })).collect();
    }

    /// These came later, and are to be followed, too.
    pub(super) fn add(&self, groups: &[String]) {
        let mut inner = self.inner();
        for group in groups {
            inner.groups.insert(group.clone(), Group { state: State::Awaited, ever: false });
        }
    }

    /// Whether this one was deleted.
    pub(super) fn is_gone(&self, group: &str) -> bool {
        self.inner().groups.get(group).is_some_and(|group| group.state == State::Gone)
    }

    /// These are followed. Returns what is to be said.
    pub(super) fn follow(&self, groups: &[String]) -> Option<String> {
        let mut inner = self.inner();
        for group in groups {
            inner.groups.insert(group.clone(), Group { state: State::Followed, ever: true });
        }
        let is_whole = !inner.groups.values().any(|group| matches!(group.state, State::Failing(_)));
        (is_whole && std::mem::take(&mut inner.is_said)).then(|| "answers again".to_owned())
    }

    /// These failed and are tried again. Returns what is to be said: nothing, while what failed before still fails.
    pub(super) fn failing(&self, groups: &[String], reason: &str) -> Option<String> {
        let mut inner = self.inner();
        inner.set(groups, &State::Failing(reason.to_owned()));
        (!std::mem::replace(&mut inner.is_said, true)).then(|| format!("{reason}; it is tried again"))
    }

    /// These are between two sessions, which is not worth a word unless it lasts.
    pub(super) fn interrupted(&self, groups: &[String], reason: &str) {
        self.inner().set(groups, &State::Failing(reason.to_owned()));
    }

    /// This one is given up.
    pub(super) fn lose(&self, group: &str, reason: &str) {
        self.inner().set(&[group.to_owned()], &State::Lost(reason.to_owned()));
    }

    /// This one was deleted.
    pub(super) fn forget(&self, group: &str) {
        self.inner().set(&[group.to_owned()], &State::Gone);
    }

    /// Whether it makes no sense to go on: nothing was ever followed, and as many have failed as are tried at once.
    pub(super) fn is_hopeless(&self) -> bool {
        let inner = self.inner();
        let failed = inner.groups.values().filter(|group| matches!(group.state, State::Failing(_) | State::Lost(_)));
        !inner.groups.values().any(|group| group.ever) && failed.count() >= POLLS_IN_FLIGHT_MAX.min(inner.groups.len())
    }

    /// Whether the region was given up although it might have been followed later.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_hopeless() && self.inner().groups.values().any(|group| matches!(group.state, State::Failing(_)))
    }

    /// Log groups that were ever followed.
    pub(super) fn followed(&self) -> usize {
        self.inner().groups.values().filter(|group| group.ever).count()
    }

    /// Why the region, or part of it, is not followed now; `None` if all of it is.
    pub(super) fn missing(&self) -> Option<String> {
        let inner = self.inner();
        if let Some(reason) = &inner.unknown {
            return Some(reason.clone());
        }
        let reasons: Vec<&str> = inner
            .groups
            .values()
            .filter_map(|group| match &group.state {
                State::Awaited => Some(AWAITED),
                State::Failing(reason) | State::Lost(reason) => Some(reason),
                State::Followed | State::Gone => None,
            })
            .collect();
        // A refusal tells more than that others were not reached.
        let reason = reasons.iter().find(|reason| **reason != AWAITED).or(reasons.first())?;
        Some(match reasons.len() == inner.groups.len() {
            true => (*reason).to_owned(),
            false => format!("{} of {} log groups: {reason}", reasons.len(), inner.groups.len()),
        })
    }

    /// Whether this was not said about the region before.
    pub(super) fn is_new(&self, note: &str) -> bool {
        self.inner().notes.insert(note.to_owned())
    }

    /// Whether it is to be said that CloudWatch samples: it is now, and was not within the last minute.
    pub(super) fn is_sampling_news(&self, now: Instant) -> bool {
        let mut inner = self.inner();
        let is_news = inner.sampled.is_none_or(|said| now.saturating_duration_since(said) >= SAMPLED_AGAIN_AFTER);
        if is_news {
            inner.sampled = Some(now);
        }
        is_news
    }
}

impl Inner {
    fn set(&mut self, groups: &[String], state: &State) {
        for name in groups {
            if let Some(group) = self.groups.get_mut(name) {
                group.state = state.clone();
            }
        }
    }
}
