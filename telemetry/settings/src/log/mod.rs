//! Logging: structured lines on standard error, one event per line, written by a thread of its own.

mod filter;
mod queue;
mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::panic::{self, PanicHookInfo};
use std::str::FromStr;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::layers::Key;
pub use filter::{LogFilter, LogFilterError};
use queue::Queue;

/// The keys that every program has: which lines are logged, and in which format.
pub const LOG_KEYS: [Key; 2] = [
    Key {
        name: "log",
        env: Some("NETSOCKET_LOG"),
        flag: None,
    },
    Key {
        name: "log_format",
        env: Some("NETSOCKET_LOG_FORMAT"),
        flag: None,
    },
];

/// The format of a log line.
///
/// # Examples
///
/// ```
/// use netsocket_settings::LogFormat;
///
/// assert_eq!("json".parse(), Ok(LogFormat::Json));
/// assert_eq!(LogFormat::default().as_str(), "text");
/// assert!("yaml".parse::<LogFormat>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `time LEVEL target: message key=value …`, for people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

impl LogFormat {
    /// The word for it in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// For the lines that are left when a process ends. A reader that stalls longer does not get them.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Standard error's queue: there is one of both in a process.
static QUEUE: Queue = Queue::new();
/// Whether the thread that writes has been started.
static WRITER: Once = Once::new();

/// Starts logging to standard error for the whole process, panics included. A second call in one process keeps the first
/// filter. The thread that writes begins with [`LogGuard::start`]; until then lines wait, so a program may log before it
/// gives up its rights and have the thread share what is left of them.
///
/// Code that logs never waits and never fails: lines that cannot be written are dropped and counted ([`dropped_lines`]).
///
/// # Examples
///
/// ```
/// use netsocket_settings::{LogFormat, dropped_lines, init_log};
/// use tracing::{Level, enabled};
///
/// let log = init_log(&"warn,netsocket_balancer=debug".parse()?, LogFormat::Text);
/// log.start();
/// assert!(enabled!(target: "netsocket_balancer", Level::DEBUG));
/// assert!(enabled!(target: "hyper", Level::WARN) && !enabled!(target: "hyper", Level::INFO));
/// assert_eq!(dropped_lines(), 0);
/// # Ok::<(), netsocket_settings::LogFilterError>(())
/// ```
pub fn init_log(filter: &LogFilter, format: LogFormat) -> LogGuard {
    let builder = tracing_subscriber::fmt()
        .with_writer(|| QueueWriter)
        .with_ansi(io::stderr().is_terminal())
        .with_span_events(FmtSpan::NONE)
        // Its own errors would go to standard error by `eprintln!`, which panics where that cannot be written to.
        .log_internal_errors(false)
        .with_env_filter(EnvFilter::new(filter.as_str()));
    // An error only says that logging has been started before, as tests in one process do.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    panic::set_hook(Box::new(log_panic));
    LogGuard(())
}

/// Keeps the log going; when it is dropped, at the end of a program, the lines that wait are written, for a second at most.
#[derive(Debug)]
#[must_use = "dropping it writes the lines that wait"]
pub struct LogGuard(());

impl LogGuard {
    /// Starts the thread that writes. It has the rights of the calling thread.
    pub fn start(&self) {
        start_writer();
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        flush_log();
    }
}

/// Writes the lines that wait, for a second at most: before an end that drops no [`LogGuard`], as by `process::exit`.
pub fn flush_log() {
    start_writer();
    QUEUE.flush(FLUSH_LIMIT);
}

/// Log lines of this process that could not be written so far, since the reader stalled or writing failed.
#[must_use]
pub fn dropped_lines() -> u64 {
    QUEUE.dropped()
}

/// Writes `problem` to standard error, each of its lines behind the program's name, whether or not logging has started.
/// Takes a second at most: a standard error that cannot be written to holds up nothing and ends nothing.
pub fn complain(program: &str, problem: &(impl Display + ?Sized)) {
    for line in problem.to_string().lines() {
        QUEUE.push(format!("{program}: {line}\n").as_bytes());
    }
    flush_log();
}

fn start_writer() {
    WRITER.call_once(|| {
        let write = || writer::keep_running(&QUEUE, io::stderr().as_fd(), report_dropped);
        let thread = thread::Builder::new().name("log".to_owned()).spawn(write);
        if thread.is_err() {
            // Without a thread there is no log, but there is still a service.
            QUEUE.close();
        }
    });
}

fn report_dropped(lines: u64) {
    tracing::warn!(
        lines,
        "log lines were dropped because they could not be written"
    );
}

/// The standard hook would write to standard error itself, and wait there for a reader that stalls.
fn log_panic(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let mut text = format!("thread '{name}' {info}\n");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        text.push_str(&backtrace.to_string());
    }
    QUEUE.push(text.as_bytes());
}

/// What the subscriber writes each line to, whole.
struct QueueWriter;

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        QUEUE.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
