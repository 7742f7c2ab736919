//! The bounded queue between the code that logs and the thread that writes. Whoever logs only copies its line into memory:
//! if the writer cannot keep up, further lines are dropped and counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that may wait, together. Some seconds of a busy log; more would only delay the news that lines are lost.
const MOST_BYTES: usize = 1 << 20;
/// The same as a number, for the overhead of very short lines.
const MOST_LINES: usize = 8_192;

/// Lines that wait to be written. One thread takes them, any number of threads add them.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Lines were added, or the last one was settled.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// The writer has taken a line that is not settled yet.
    writing: bool,
    /// Nobody takes lines any more.
    closed: bool,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                lines: VecDeque::new(),
                bytes: 0,
                writing: false,
                closed: false,
            }),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Adds a line, or counts it as dropped if there is no room.
    pub(super) fn push(&self, line: &[u8]) {
        let line = Box::from(line);
        let mut state = self.state();
        if state.closed || !state.has_room_for(&line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the next line; `None` once the queue is closed and empty. Each line has to be settled, by
    /// [`Queue::written`] or [`Queue::lost`].
    pub(super) fn next(&self) -> Option<Box<[u8]>> {
        let nothing = |state: &mut State| state.lines.is_empty() && !state.closed;
        let waited = self.changed.wait_while(self.state(), nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let line = state.lines.pop_front()?;
        state.bytes -= line.len();
        state.writing = true;
        Some(line)
    }

    /// The line that was taken last is written.
    pub(super) fn written(&self) {
        self.state().writing = false;
        self.changed.notify_all();
    }

    /// The line that was taken last could not be written.
    pub(super) fn lost(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.written();
    }

    /// No line waits.
    pub(super) fn is_empty(&self) -> bool {
        self.state().lines.is_empty()
    }

    /// Waits until every line is settled, but no longer than `limit`. False if some are left.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let unsettled = |state: &mut State| state.writing || !state.lines.is_empty();
        let waited = self
            .changed
            .wait_timeout_while(self.state(), limit, unsettled);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Takes no more lines.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room_for(&self, line: &[u8]) -> bool {
        self.lines.len() < MOST_LINES && self.bytes + line.len() <= MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_new_lines_and_counts_them() {
        let queue = Queue::new();
        let line = [b'x'; 1 << 10];
        for _ in 0..1_024 + 3 {
            queue.push(&line);
        }
        assert_eq!(queue.dropped(), 3);
        queue.push(&vec![b'x'; MOST_BYTES + 1]);
        assert_eq!(queue.dropped(), 4);
        // Room for one more as soon as one is taken.
        assert!(queue.next().is_some());
        queue.push(&line);
        assert_eq!(queue.dropped(), 4);

        let short = Queue::new();
        for _ in 0..MOST_LINES + 2 {
            short.push(b"x");
        }
        assert_eq!(short.dropped(), 2);
    }

    #[test]
    fn a_flush_ends_when_every_line_is_settled_or_in_time() {
        let queue = Queue::new();
        assert!(queue.flush(Duration::ZERO));
        queue.push(b"1\n");
        assert!(!queue.flush(Duration::from_millis(1)));
        queue.next();
        assert!(
            !queue.flush(Duration::from_millis(1)),
            "it is being written"
        );
        queue.lost();
        assert!(queue.flush(Duration::ZERO));
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_closed_queue_is_emptied_and_takes_nothing_more() {
        let queue = Queue::new();
        queue.push(b"1\n");
        queue.close();
        queue.push(b"2\n");
        assert_eq!(queue.next().as_deref(), Some(&b"1\n"[..]));
        assert_eq!(queue.next(), None);
        assert_eq!(queue.dropped(), 1);
    }
}
