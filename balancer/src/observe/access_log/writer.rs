//! The writer thread, and the handle to it.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use netsocket_settings::{Supervisor, reason};
use tokio::time::Instant;
use tracing::warn;

use super::options::Options;
use super::sink::{Sink, WriteFailure, count_lines};
use super::worker_buffer::{WorkerBuffer, WorkerBuffers};

/// The name of the writer's work.
const TASK: &str = "access_log";
/// How long the writer lets lines gather: the delay that a reader sees, and the rest that the disk has.
pub(crate) const LINGER: Duration = Duration::from_millis(100);
/// Counts of lines since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Figures {
    /// Written.
    pub(crate) written: u64,
    /// Dropped because the writer could not keep up.
    pub(crate) dropped: u64,
    /// Failed to be written to the file or socket.
    pub(crate) failed: u64,
}

impl Figures {
    /// Of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            written: self.written + other.written,
            dropped: self.dropped + other.dropped,
            failed: self.failed + other.failed,
        }
    }
}

/// The access log while it runs. Dropping it ends it, without waiting for the lines that are left.
#[derive(Debug)]
pub(crate) struct AccessLog {
    shared: Arc<Shared>,
    options: Options,
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug)]
struct Shared {
    buffers: Arc<WorkerBuffers>,
    written: AtomicU64,
    failed: AtomicU64,
    /// Lines lost, one way or the other, that the log has been told of.
    told: AtomicU64,
    last_error: Mutex<Option<io::Error>>,
    reopen: AtomicBool,
    follow: AtomicBool,
    stop: AtomicBool,
}

impl AccessLog {
    /// Starts the writer for the buffers of so many workers. `supervisor` has it go on after a panic, which costs the lines
    /// that were just being written.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        options: Options,
        workers: usize,
        sink: Box<dyn Sink>,
        supervisor: Supervisor,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            buffers: Arc::new(WorkerBuffers::new(workers, options.buffer_capacity)),
            written: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            told: AtomicU64::new(0),
            last_error: Mutex::new(None),
            reopen: AtomicBool::new(false),
            follow: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let (end, ended) = mpsc::channel();
        let mut writer = Writer {
            shared: Arc::clone(&shared),
            sink,
            spare: Vec::new(),
        };
        let thread = thread::Builder::new().name("access-log".to_owned());
        let is_over = {
            let shared = Arc::clone(&shared);
            move || shared.stop.load(SeqCst)
        };
        let handle = thread.spawn(move || {
            let run = || {
                writer.run();
                Ok::<_, Infallible>(())
            };
            if supervisor.run_blocking(TASK, is_over, run).is_some() {
                // Whoever waited may have given up.
                let _ = end.send(());
            }
        })?;
        // Set before any buffer exists that could wake it.
        let _ = shared.buffers.writer.set(handle.thread().clone());
        Ok(Self {
            shared,
            options,
            ended: Mutex::new(ended),
        })
    }

    /// The buffer of a worker, by its number from 0. To be asked for once for each worker: two of one number share it.
    #[must_use]
    pub(crate) fn buffer(&self, worker: usize) -> WorkerBuffer {
        WorkerBuffer::new(Arc::clone(&self.shared.buffers), worker, &self.options)
    }

    /// Reopens the file after it was moved away: lines buffered before go to the old one. If that fails, the old file stays
    /// in use and the log says why.
    pub(crate) fn reopen(&self) {
        self.shared.reopen.store(true, SeqCst);
        self.shared.buffers.wake();
    }

    /// From now on, reopens the file by itself when another file takes its place: a process that has handed over gets no
    /// signal for a rotation.
    pub(crate) fn follow(&self) {
        self.shared.follow.store(true, SeqCst);
    }

    /// Counts of lines since the start.
    #[must_use]
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            written: self.shared.written.load(Relaxed),
            dropped: self.shared.buffers.dropped.load(Relaxed),
            failed: self.shared.failed.load(Relaxed),
        }
    }

    /// Says in the program's log how many lines are missing since the last call, if any are, and returns how many. To be
    /// called once a second, from a thread that may wait for that log: the writer itself may be stuck just then.
    pub(crate) fn tell(&self) -> u64 {
        let Figures {
            dropped, failed, ..
        } = self.figures();
        let lost = dropped + failed;
        let lines = lost.saturating_sub(self.shared.told.swap(lost, Relaxed));
        if lines > 0 {
            match self.shared.last_error().take() {
                Some(error) => warn!(lines, error = reason(&error), "access log lines lost"),
                None => warn!(lines, "access log lines lost: the writer cannot keep up"),
            }
        }
        lines
    }

    /// Writes what the buffers hold and ends the writer. Waits for that no longer than `limit`; returns whether it was
    /// done by then. Lines that are recorded later are lost.
    #[must_use]
    pub(crate) fn close(&self, limit: Duration) -> bool {
        self.end();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let done = ended.recv_timeout(limit).is_ok();
        drop(ended);
        self.tell();
        done
    }

    /// Has the writer write what there is, and end.
    pub(crate) fn end(&self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.buffers.wake();
    }
}

impl Shared {
    fn last_error(&self) -> MutexGuard<'_, Option<io::Error>> {
        let last_error = self.last_error.lock();
        last_error.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.end();
    }
}

struct Writer {
    shared: Arc<Shared>,
    sink: Box<dyn Sink>,
    spare: Vec<u8>,
}

impl Writer {
    /// Writes until the stop.
    fn run(&mut self) {
        // There are lines where a start before this one has ended without having written them.
        self.shared.buffers.awake.store(true, SeqCst);
        loop {
            let stop = self.rest();
            // From here on a line that comes wakes the writer again.
            self.shared.buffers.awake.store(false, SeqCst);
            if self.shared.follow.load(SeqCst)
                && let Err(error) = self.sink.follow()
            {
                warn_not_reopened(&error);
            }
            self.write();
            if self.shared.reopen.swap(false, SeqCst) {
                self.reopen();
            }
            if stop {
                return;
            }
        }
    }

    /// Waits until there are lines, and a little longer. Returns whether it is time to end.
    fn rest(&self) -> bool {
        let shared = &*self.shared;
        let called = || shared.stop.load(SeqCst) || shared.reopen.load(SeqCst);
        while !shared.buffers.awake.load(SeqCst) && !called() {
            thread::park();
        }
        // A wake-up may be left over from a line that has been written meanwhile, so only the clock ends this; or a buffer
        // that fills up, or a call.
        let until = Instant::now() + LINGER;
        while !called() && !shared.buffers.urgent.swap(false, Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        shared.stop.load(SeqCst)
    }

    fn write(&mut self) {
        let Self {
            shared,
            sink,
            spare,
        } = self;
        shared.buffers.take_each(spare, |lines| {
            let count = count_lines(lines);
            // All of them, should this panic.
            let mut failed = Failed {
                counter: &shared.failed,
                lines: count,
            };
            failed.lines = match sink.write(lines) {
                Ok(()) => 0,
                Err(WriteFailure { lost, error }) => {
                    *shared.last_error() = Some(error);
                    lost
                }
            };
            let written = count.saturating_sub(failed.lines);
            shared.written.fetch_add(written, Relaxed);
        });
    }

    fn reopen(&mut self) {
        if let Err(error) = self.sink.reopen() {
            warn_not_reopened(&error);
        }
    }
}

/// Counts lines that could not be written, when it is dropped.
struct Failed<'a> {
    counter: &'a AtomicU64,
    lines: u64,
}

impl Drop for Failed<'_> {
    fn drop(&mut self) {
        self.counter.fetch_add(self.lines, Relaxed);
    }
}

fn warn_not_reopened(error: &io::Error) {
    let error = reason(error);
    warn!(
        error,
        "cannot reopen the access log, still writing to the old file"
    );
}
