//! How a place has answered the questions of this process. A place that fails is given up by the question that it failed; the
//! questions after it do not take that at its word, and do not wait for it as long either: one of them sends a probe, all of
//! them give it a moment, and whoever finds no answer by then goes on without the place. Once it answers it is trusted again.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::path::Path;
use tokio::sync::watch;

/// How long a question waits for a place that did not answer the one before.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// The health of one place.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Whether there is a [`Silence`], to be seen without a lock.
    is_silent: AtomicBool,
    silence: Mutex<Option<Silence>>,
}

/// What a probe finds; none while it is under way.
type Outcome = Option<Result<(), String>>;

/// A place that did not answer.
#[derive(Debug)]
struct Silence {
    reason: String,
    /// What was asked for; none where it was a listing or a change.
    object: Option<Path>,
    /// Comes with what the probe under way finds; closed without a word where the probe was ended.
    probe: Option<watch::Receiver<Outcome>>,
}

impl Health {
    /// Notes that the place did not answer.
    pub(crate) fn failed(&self, reason: &str, object: Option<&Path>) {
        let mut silence = self.silence();
        let probe = silence.take().and_then(|before| before.probe);
        *silence = Some(Silence { reason: reason.to_owned(), object: object.cloned(), probe });
        self.is_silent.store(true, Ordering::Release);
    }

    /// Notes that the place answered. That it lists says nothing of a place that keeps its objects back.
    pub(crate) fn answered(&self, with_object: bool) {
        if !self.is_silent.load(Ordering::Acquire) {
            return;
        }
        let mut silence = self.silence();
        if silence.as_ref().is_some_and(|silence| with_object || silence.object.is_none()) {
            *silence = None;
            self.is_silent.store(false, Ordering::Release);
        }
    }

    /// Waits until it is known whether the place may be asked: not at all where it has answered, else for a probe, and a
    /// moment at most. The error says why it may not. `probe` is told the object that was not answered; only one is sent at a
    /// time, and it goes on when nobody waits for it any more.
    pub(crate) async fn admits<F>(self: &Arc<Health>, probe: impl FnOnce(Option<Path>) -> F) -> Result<(), String>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        if !self.is_silent.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some((reason, mut outcome)) = self.join_probe(probe) else { return Ok(()) };
        let found = tokio::time::timeout(PROBE_WAIT, outcome.wait_for(Option::is_some)).await;
        match found {
            Ok(Ok(found)) => found.clone().unwrap_or(Ok(())),
            // Still silent, or nobody asks any more.
            Err(_) | Ok(Err(_)) => Err(reason),
        }
    }

    /// The reason of the silence, and the probe under way; none where the place has answered meanwhile.
    fn join_probe<F>(
        self: &Arc<Health>,
        probe: impl FnOnce(Option<Path>) -> F,
    ) -> Option<(String, watch::Receiver<Outcome>)>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut silence = self.silence();
        let silence = silence.as_mut()?;
        let is_under_way = |probe: &watch::Receiver<_>| probe.has_changed().is_ok();
        let outcome = match silence.probe.take().filter(is_under_way) {
            Some(outcome) => outcome,
            None => {
                let (told, outcome) = watch::channel(None);
                let (health, probe) = (Arc::clone(self), probe(silence.object.clone()));
                tokio::spawn(async move {
                    let found = probe.await;
                    health.settle(&found);
                    told.send_replace(Some(found));
                });
                outcome
            }
        };
        silence.probe = Some(outcome.clone());
        Some((silence.reason.clone(), outcome))
    }

    fn settle(&self, found: &Result<(), String>) {
        let mut silence = self.silence();
        match found {
            Ok(()) => {
                *silence = None;
                self.is_silent.store(false, Ordering::Release);
            }
            Err(reason) => {
                if let Some(silence) = silence.as_mut() {
                    silence.reason.clone_from(reason);
                    silence.probe = None;
                }
            }
        }
    }

    /// A thread that panicked has left it whole.
    fn silence(&self) -> MutexGuard<'_, Option<Silence>> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::future::BoxFuture;

    use super::*;

    const SILENT: &str = "no answer within 10s";

    /// A probe that counts itself, and answers so after so long.
    fn probe(
        sent: &Arc<AtomicUsize>,
        after: Duration,
        found: Result<(), String>,
    ) -> impl FnOnce(Option<Path>) -> BoxFuture<'static, Result<(), String>> + use<> {
        let sent = Arc::clone(sent);
        move |_| {
            sent.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                tokio::time::sleep(after).await;
                found
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_failed_is_given_a_moment_by_one_probe_and_trusted_once_it_answers() {
        let (health, sent) = (Arc::new(Health::default()), Arc::<AtomicUsize>::default());
        let hole = Duration::from_secs(10);
        let silent = || probe(&sent, hole, Err(SILENT.to_owned()));
        assert_eq!(health.admits(silent()).await, Ok(()));
        assert_eq!(sent.load(Ordering::Relaxed), 0, "a place that never failed is not probed");

        health.failed(SILENT, None);
        let started = tokio::time::Instant::now();
        let many = futures::future::join_all((0..64).map(|_| health.admits(silent()))).await;
        assert!(many.iter().all(|admitted| *admitted == Err(SILENT.to_owned())));
        assert_eq!(started.elapsed(), PROBE_WAIT);
        assert_eq!(health.admits(silent()).await, Err(SILENT.to_owned()));
        assert_eq!(sent.load(Ordering::Relaxed), 1, "the probe under way is everybody's");

        // It has found nothing, and the next one is sent.
        tokio::time::sleep(hole).await;
        let answers = || probe(&sent, Duration::from_millis(20), Ok(()));
        assert_eq!(health.admits(answers()).await, Ok(()));
        assert_eq!(health.admits(answers()).await, Ok(()));
        assert_eq!(sent.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_too_slow_for_a_moment_is_trusted_when_its_probe_comes_back() {
        let (health, sent) = (Arc::new(Health::default()), Arc::<AtomicUsize>::default());
        health.failed(SILENT, None);
        let slow = || probe(&sent, PROBE_WAIT * 2, Ok(()));
        assert!(health.admits(slow()).await.is_err());
        tokio::time::sleep(PROBE_WAIT * 2).await;
        assert_eq!(health.admits(slow()).await, Ok(()));
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_lists_and_keeps_its_objects_back_is_asked_for_the_object() {
        let health = Arc::new(Health::default());
        health.failed(SILENT, Some(&Path::from("landing/a.parquet")));
        health.answered(false);
        let asked = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&asked);
        let probe = move |object: Option<Path>| {
            *noted.lock().unwrap() = object;
            async { Err("no answer".to_owned()) }
        };
        assert_eq!(health.admits(probe).await, Err("no answer".to_owned()));
        assert_eq!(*asked.lock().unwrap(), Some(Path::from("landing/a.parquet")));
        health.answered(true);
        assert_eq!(health.admits(|_| async { Err("not asked".to_owned()) }).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_ended_is_not_waited_for_again() {
        let (health, sent) = (Arc::new(Health::default()), Arc::<AtomicUsize>::default());
        health.failed(SILENT, None);
        let other = std::thread::spawn({
            let (health, silent) = (Arc::clone(&health), probe(&sent, Duration::from_secs(600), Ok(())));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
                runtime.unwrap().block_on(health.admits(silent))
            }
        });
        assert!(other.join().unwrap().is_err());
        assert_eq!(health.admits(probe(&sent, Duration::ZERO, Ok(()))).await, Ok(()));
        assert_eq!(sent.load(Ordering::Relaxed), 2);
    }
}
