//! The signals that ask the program to end: Ctrl-C, SIGTERM (a supervisor, `timeout`, a container) and SIGHUP (the
//! terminal has gone). One of them is never lost, whenever it comes: who works attends to it and ends in order; where
//! nobody attends, the program ends at once and takes its half-written file with it. A second one ends it at once.
//!
//! It refuses to know what work is.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, Once, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: u8 = 128;
/// The numbers of the signals, as POSIX has them.
const HANGUP: u8 = 1;
const INTERRUPT: u8 = 2;
const TERMINATE: u8 = 15;
/// As Linux and the BSDs have it.
const FILE_SIZE: u8 = 25;

/// Set by the first signal, for work that looks at it now and then.
static IS_STOPPED: AtomicBool = AtomicBool::new(false);
/// Which one it was.
static BY: AtomicU8 = AtomicU8::new(INTERRUPT);
/// How many attend.
static ATTENDING: AtomicUsize = AtomicUsize::new(0);
/// How many pagers show an answer.
static PAGING: AtomicUsize = AtomicUsize::new(0);
/// The same as the flag, for work that waits.
static STOPPED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));
/// Files that are not to be seen unless they are finished.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// While it lives, a signal is somebody's: it is told by [`Attention::flag`] and [`Attention::stopped`], and nothing else
/// happens.
#[derive(Debug)]
pub struct Attention(());

impl Attention {
    /// Attends from now on. A signal that came before counts too.
    pub fn new() -> Attention {
        listen();
        ATTENDING.fetch_add(1, Ordering::SeqCst);
        Attention(())
    }

    /// Whether the program is to end.
    #[expect(clippy::unused_self, reason = "who asks attends")]
    pub fn flag(&self) -> &'static AtomicBool {
        &IS_STOPPED
    }

    /// Waits until the program is to end.
    #[expect(clippy::unused_self, reason = "who asks attends")]
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stopped = STOPPED.subscribe();
        async move {
            // The sender is never dropped.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        }
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        ATTENDING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// While it lives, Ctrl-C is for the pager that shows an answer: work that goes on for it ends, and the program waits until the
/// pager has ended.
#[derive(Debug)]
pub struct Paging(());

impl Paging {
    pub fn new() -> Paging {
        listen();
        PAGING.fetch_add(1, Ordering::SeqCst);
        Paging(())
    }
}

impl Drop for Paging {
    fn drop(&mut self) {
        PAGING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The exit code of a program that a signal has ended.
pub fn exit_code() -> u8 {
    SIGNALLED + BY.load(Ordering::SeqCst)
}

/// Whether it was Ctrl-C.
pub fn is_interrupt() -> bool {
    BY.load(Ordering::SeqCst) == INTERRUPT
}

/// Notes a file that goes if the program is ended while nobody attends.
pub fn unfinished(path: &Path) {
    listen();
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
}

/// The file is what it was to be, or gone.
pub fn finished(path: &Path) {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other != path);
}

/// Starts the thread that takes the signals, once. Without one they end the program as they end any other.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let taken = {
            // Taken before anything else goes on: none comes too early.
            let _within = runtime.enter();
            let take = |number: u8| signal(SignalKind::from_raw(i32::from(number))).ok();
            // A file that grows beyond `ulimit -f` is then an error of writing it, which leaves nothing half-written.
            let _ = take(FILE_SIZE);
            [INTERRUPT, TERMINATE, HANGUP].map(|number| is_wanted(number).then(|| take(number)).flatten())
        };
        let [mut interrupt, mut terminate, mut hangup] = taken;
        let serve = move || {
            runtime.block_on(async {
                loop {
                    let number = tokio::select! {
                        () = received(&mut interrupt) => INTERRUPT,
                        () = received(&mut terminate) => TERMINATE,
                        () = received(&mut hangup) => HANGUP,
                    };
                    take_note(number);
                }
            });
        };
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(serve);
    });
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

fn take_note(number: u8) {
    let is_second = IS_STOPPED.load(Ordering::SeqCst);
    if !is_second {
        BY.store(number, Ordering::SeqCst);
        IS_STOPPED.store(true, Ordering::SeqCst);
        STOPPED.send_replace(true);
    }
    if number == INTERRUPT && PAGING.load(Ordering::SeqCst) > 0 {
        return;
    }
    if is_second || ATTENDING.load(Ordering::SeqCst) == 0 {
        for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = std::fs::remove_file(path);
        }
        std::process::exit(i32::from(exit_code()));
    }
}

/// Whoever started the program so that it outlives its terminal (`nohup`), or a Ctrl-C that is for others (`trap '' INT`), has had
/// the signal ignored, and that stays. Only Linux tells; elsewhere SIGHUP does what it does to any program.
fn is_wanted(number: u8) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).map_or(number != HANGUP, |ignored| ignored & (1 << (number - 1)) == 0)
}

/// The signals that are ignored, a bit each from the lowest, of what proc(5) says of a process.
fn ignored(status: &str) -> Option<u64> {
    let digits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(digits.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_bit_by_bit() {
        for (status, expected) in [
            ("Name:\ttransect\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n", Some(0x1001)),
            ("SigIgn:\t0000000000000000\n", Some(0)),
            ("SigIgn:\tno number\n", None),
            ("", None),
        ] {
            assert_eq!(ignored(status), expected, "{status:?}");
        }
    }
}
