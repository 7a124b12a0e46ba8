//! What ends a command early, and the exit code that stands for it: one table, printed in one place.
//!
//! It refuses to hide a cause: errors are one line, cause after cause, and a hint where one helps.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::{ContextKind, ContextValue};
use transect_lake::LakeError;
use transect_query::{QueryError, RenderError, visible_lines};

use crate::signals;

/// Exit codes, as the README states them. Those of a verdict are the verdict's own.
pub const USAGE: u8 = 2;
/// A region, or a file, did not answer.
pub const INCOMPLETE: u8 = 3;
/// There is nothing to answer from.
const NOTHING_FOUND: u8 = 5;
/// Our bug.
pub const INTERNAL: u8 = 70;

/// The end of a command that did not get to its own.
#[derive(Debug)]
pub enum Failure {
    /// The reader of stdout went away. Not an error.
    ClosedPipe,
    /// The answer is out, and something is missing from it, which was said.
    Incomplete,
    /// A verdict other than PASS is out.
    Verdict(u8),
    /// A signal has ended it.
    Interrupted,
    /// Everything else.
    Because {
        /// What the process exits with.
        code: u8,
        /// What went wrong, with its causes.
        error: anyhow::Error,
        /// What would help.
        hint: Option<String>,
    },
}

impl Failure {
    /// A mistake in arguments or configuration.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Because { code: USAGE, error: anyhow::Error::msg(message.into()), hint: Some(hint.into()) }
    }

    /// A failure of the world outside.
    pub fn incomplete(error: impl Into<anyhow::Error>) -> Failure {
        Failure::Because { code: INCOMPLETE, error: error.into(), hint: None }
    }

    /// An answer without anything in it, and what may be the reason.
    pub fn nothing_found(message: impl Into<String>, hint: Option<String>) -> Failure {
        Failure::Because { code: NOTHING_FOUND, error: anyhow::Error::msg(message.into()), hint }
    }

    /// The same failure, with what helps here before what helps in general.
    pub fn with_hint(self, text: &str) -> Failure {
        match self {
            Failure::Because { code, error, hint } => {
                let hint = hint.map_or(text.to_owned(), |general| format!("{text}\n{general}"));
                Failure::Because { code, error, hint: Some(hint) }
            }
            other => other,
        }
    }

    /// Prints the error and returns its code.
    pub fn report(self) -> ExitCode {
        let (code, error, hint) = match self {
            Failure::ClosedPipe => return ExitCode::SUCCESS,
            Failure::Incomplete => return ExitCode::from(INCOMPLETE),
            Failure::Verdict(code) => return ExitCode::from(code),
            Failure::Interrupted => return ExitCode::from(signals::exit_code()),
            Failure::Because { code, error, hint } => (code, error, hint),
        };
        // Nobody may be listening to stderr either.
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{}", told(&format!("transect: {error:#}")));
        if let Some(hint) = hint {
            let _ = writeln!(stderr, "  {}", told(&hint.replace('\n', "\n  ")));
        }
        ExitCode::from(code)
    }
}

/// Letters of a word, and of a line, that stderr repeats: names come from arguments, files and logs. A path has up to 4,096 bytes.
const WORD_LETTERS_MAX: usize = 4_096;
const LINE_LETTERS_MAX: usize = 4 * WORD_LETTERS_MAX;
/// What is shown of both ends of what is longer.
const END_LETTERS: usize = 100;

/// What is told on stderr: no terminal acts upon what stands in it, and no name fills one.
pub fn told(text: &str) -> String {
    let shown = visible_lines(text);
    if shown.len() <= WORD_LETTERS_MAX {
        return shown;
    }
    let line = |line: &str| {
        let words: Vec<String> = line.split(' ').map(|word| shortened(word, WORD_LETTERS_MAX)).collect();
        shortened(&words.join(" "), LINE_LETTERS_MAX)
    };
    shown.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Both ends of what is longer than so many letters.
fn shortened(text: &str, letters_max: usize) -> String {
    let count = text.chars().count();
    if count <= letters_max {
        return text.to_owned();
    }
    let at = |letters: usize| text.char_indices().nth(letters).map_or(text.len(), |(at, _)| at);
    let (begin, end) = (&text[..at(END_LETTERS)], &text[at(count - END_LETTERS)..]);
    format!("{begin}… ({} letters) …{end}", count - 2 * END_LETTERS)
}

static PANICKED: AtomicBool = AtomicBool::new(false);
static OVERFLOWN: AtomicBool = AtomicBool::new(false);

/// Has the first panic of any thread told in one sentence; with `RUST_BACKTRACE`, with the way to it.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if PANICKED.swap(true, Ordering::Relaxed) {
            return;
        }
        let text = panic.payload_as_str().unwrap_or("no reason given");
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        let mut stderr = io::stderr().lock();
        if is_overflow(text, &place) {
            OVERFLOWN.store(true, Ordering::Relaxed);
            let _ = writeln!(
                stderr,
                "transect: the question makes texts or lists of more than 2 GiB; ask for less of them"
            );
            return;
        }
        let sentence = format!("transect: a bug of ours, please report it: {text}{place}").replace('\n', " ");
        let _ = writeln!(stderr, "{}", visible_lines(&sentence));
        let backtrace = std::backtrace::Backtrace::capture();
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            let _ = writeln!(stderr, "{backtrace}");
        }
    }));
}

/// Arrow counts the bytes of a column of texts, and the elements of one of lists, in 31 bits, and panics where there are more.
fn is_overflow(text: &str, place: &str) -> bool {
    let is_of_arrow = place.contains("/arrow-") || place.contains("/datafusion-");
    is_of_arrow && text.to_ascii_lowercase().contains("offset overflow")
}

/// What the process exits with because a thread has panicked: a task's panic comes back as an error, or not at all.
pub fn panic_code() -> Option<u8> {
    let code = if OVERFLOWN.load(Ordering::Relaxed) { USAGE } else { INTERNAL };
    PANICKED.load(Ordering::Relaxed).then_some(code)
}

/// What other programs call what `transect tail` does.
const FOLLOWING: [&str; 3] = ["-f", "--follow", "--tail"];

/// Prints what the parser says of the arguments: help and version to stdout, everything else to stderr.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    let plain = error.render().to_string();
    let shown = told(&plain);
    let is_help = !error.use_stderr();
    // It may repeat what somebody else has put on the line.
    let printed = match shown == plain {
        true => error.print(),
        false => write!(io::stderr(), "{shown}"),
    };
    // Help that nobody can read is no help; of a mistake it is known, whoever reads it.
    match printed {
        Err(fault) if is_help => match Failure::from(fault) {
            Failure::ClosedPipe => ExitCode::SUCCESS,
            failure => failure.report(),
        },
        _ if is_help => ExitCode::SUCCESS,
        _ => {
            if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
                && FOLLOWING.contains(&word.as_str())
            {
                let _ = writeln!(io::stderr(), "`transect tail` shows records as they are written");
            }
            ExitCode::from(USAGE)
        }
    }
}

impl From<LakeError> for Failure {
    fn from(error: LakeError) -> Failure {
        let code = match &error {
            LakeError::Spec { .. }
            | LakeError::NotWritable { .. }
            | LakeError::Release { .. }
            | LakeError::NoSuchDirectory(_)
            | LakeError::NotADirectory(_)
            | LakeError::RegionName(_)
            | LakeError::NoLocation { .. } => USAGE,
            _ => INCOMPLETE,
        };
        Failure::Because { code, error: error.into(), hint: None }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Failure {
        let code = match error {
            QueryError::Lake(error) => return error.into(),
            QueryError::NoTelemetry { .. } => NOTHING_FOUND,
            QueryError::NothingAnswers(_) => INCOMPLETE,
            QueryError::Sql(_)
            | QueryError::NotAQuery(_)
            | QueryError::Usage { .. }
            | QueryError::TooLarge { .. }
            | QueryError::Exhausted(_)
            | QueryError::Execution(_) => USAGE,
            QueryError::UnreadableFile { .. } => INCOMPLETE,
            _ => INTERNAL,
        };
        let excerpt = match &error {
            QueryError::Sql(sql) => sql.excerpt.clone(),
            _ => None,
        };
        let hint = match (excerpt, error.hint()) {
            (Some(excerpt), Some(hint)) => Some(format!("{excerpt}\n{hint}")),
            (excerpt, hint) => excerpt.or(hint.map(str::to_owned)),
        };
        Failure::Because { code, error: error.into(), hint }
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Failure {
        match error {
            RenderError::Write(error) => error.into(),
            RenderError::Query(error) => error.into(),
        }
    }
}

/// An error of writing an answer.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::incomplete(anyhow::Error::new(error).context("write the answer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_fills_the_screen() {
        let ends = |letter: &str| letter.repeat(END_LETTERS);
        let (long, wide) = ("x".repeat(120_000), "ü".repeat(5_000));
        let cases = [
            (long.clone(), format!("{}… (119800 letters) …{}", ends("x"), ends("x"))),
            (
                format!("no `{long}`\nhint {wide}"),
                format!(
                    "no `{}… (119802 letters) …{}`\nhint {}… (4800 letters) …{}",
                    "x".repeat(99),
                    "x".repeat(99),
                    ends("ü"),
                    ends("ü")
                ),
            ),
            // A path of any length, and what is short, stay.
            (format!("read {}", "p".repeat(4_096)), format!("read {}", "p".repeat(4_096))),
            ("one\n\u{1b}[2J".to_owned(), "one\n\\u{1b}[2J".to_owned()),
        ];
        for (text, expected) in cases {
            assert_eq!(told(&text), expected);
        }
        let words = "word ".repeat(50_000);
        assert!(told(&words).len() < LINE_LETTERS_MAX);
    }

    #[test]
    fn what_is_too_large_for_arrow_is_no_bug_of_ours() {
        let place = " (registry/src/index/arrow-buffer-1.0.0/src/buffer/offset.rs:167)";
        assert!(is_overflow("offset overflow", place));
        assert!(is_overflow("byte array offset overflow", place));
        assert!(!is_overflow("index out of bounds", place));
        assert!(!is_overflow("offset overflow", " (crates/query/src/spool.rs:1)"));
    }

    /// Set for the child that panics.
    const CHILD: &str = "TRANSECT_TEST_PANICS";

    #[test]
    fn a_panic_of_any_thread_is_one_sentence_and_is_known_afterwards() {
        if std::env::var_os(CHILD).is_some() {
            tell_panics();
            let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
            let task = runtime.block_on(async { tokio::spawn(async { panic!("one\n\u{1b}[2Jtwo") }).await });
            let thread = std::thread::spawn(|| panic!("a second")).join();
            assert!(task.is_err() && thread.is_err());
            std::process::exit(i32::from(panic_code().unwrap_or(0)));
        }
        let name = "failure::tests::a_panic_of_any_thread_is_one_sentence_and_is_known_afterwards";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").env_remove("RUST_BACKTRACE");
        let output = child.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(70), "{said}");
        assert!(said.starts_with("transect: a bug of ours, please report it: one \\u{1b}[2Jtwo ("), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
