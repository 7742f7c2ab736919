//! The thread that writes log lines. It alone waits for whatever standard error is (a pipe that nobody reads, a full disk, a
//! closed terminal); a line that cannot be written is dropped, and the next one is tried.

use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, write};

use super::queue::Queue;

/// The wait after a panic.
const RESTART: Duration = Duration::from_millis(100);

/// Writes the lines of `queue` to `output` until it is closed, also after a panic, which costs one line. `report` is told
/// the number of lines dropped since it was last told, once writing works again.
pub(super) fn keep_running(queue: &Queue, output: BorrowedFd<'_>, report: impl Fn(u64)) {
    let mut reported = 0;
    while catch_unwind(AssertUnwindSafe(|| {
        run(queue, output, &mut reported, &report)
    }))
    .is_err()
    {
        // The panic itself is a line, and whoever flushes the log waits for the one that was under way.
        queue.lost();
        // The panic has told of this one.
        reported += 1;
        thread::park_timeout(RESTART);
    }
}

/// `reported` is the number of dropped lines that `report` was told of, by earlier runs as well: lines may be dropped before
/// this thread runs at all.
fn run(queue: &Queue, output: BorrowedFd<'_>, reported: &mut u64, report: impl Fn(u64)) {
    let mut output = Output {
        fd: output,
        torn: false,
    };
    while let Some(line) = queue.next() {
        if output.line(&line).is_err() {
            queue.lost();
            continue;
        }
        queue.written();
        let dropped = queue.dropped();
        // Only while nothing else waits: a report in the middle of a burst would cost another line.
        if dropped != *reported && queue.is_empty() {
            let news = dropped - *reported;
            // Before a panic of the report, which would come again with every line.
            *reported = dropped;
            report(news);
        }
    }
}

struct Output<'a> {
    fd: BorrowedFd<'a>,
    /// The line before broke off in its middle.
    torn: bool,
}

impl Output<'_> {
    fn line(&mut self, line: &[u8]) -> Result<(), Errno> {
        if self.torn {
            self.all(b"\n")?;
            self.torn = false;
        }
        self.all(line)
    }

    fn all(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = match write(self.fd, rest) {
                Err(Errno::INTR) => continue,
                // Somebody else has made the pipe non-blocking; this thread may wait all the same.
                Err(Errno::AGAIN) => {
                    let mut ready = [PollFd::new(&self.fd, PollFlags::OUT)];
                    match poll(&mut ready, None) {
                        Ok(_) | Err(Errno::INTR) => continue,
                        Err(error) => Err(error),
                    }
                }
                Ok(0) => Err(Errno::IO),
                other => other,
            };
            match written {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) => {
                    self.torn |= rest.len() < bytes.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::Read as _;
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::pipe::{PipeFlags, pipe, pipe_with};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    struct Writer {
        queue: Arc<Queue>,
        reported: Arc<AtomicU64>,
        thread: thread::JoinHandle<()>,
    }

    impl Writer {
        fn to(output: impl Into<OwnedFd>) -> Self {
            let (queue, output) = (Arc::new(Queue::new()), output.into());
            let reported = Arc::new(AtomicU64::new(0));
            let thread = thread::spawn({
                let (queue, reported) = (Arc::clone(&queue), Arc::clone(&reported));
                move || {
                    let report = |lines| {
                        reported.fetch_add(lines, Ordering::Relaxed);
                    };
                    run(&queue, output.as_fd(), &mut 0, report);
                }
            });
            Self {
                queue,
                reported,
                thread,
            }
        }

        /// Ends the thread; every line is settled then.
        fn end(self) -> (u64, u64) {
            self.queue.close();
            self.thread.join().unwrap();
            (self.queue.dropped(), self.reported.load(Ordering::Relaxed))
        }
    }

    fn push_numbered(queue: &Queue, numbers: std::ops::Range<usize>) {
        for number in numbers {
            queue.push(format!("{number:>1000}\n").as_bytes());
        }
    }

    /// Everything of a pipe: each line whole, their numbers ascending.
    fn numbers(reader: OwnedFd) -> Vec<usize> {
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        let numbers: Vec<usize> = text
            .lines()
            .map(|line| {
                assert_eq!(line.len(), 1_000);
                line.trim().parse().unwrap()
            })
            .collect();
        assert!(numbers.is_sorted());
        numbers
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_nothing_else() {
        for flags in [PipeFlags::empty(), PipeFlags::NONBLOCK] {
            let (reader, output) = pipe_with(flags).unwrap();
            rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::empty()).unwrap();
            let writer = Writer::to(output);
            // More than pipe and queue hold. That this returns is the point.
            push_numbered(&writer.queue, 0..5_000);
            let dropped = writer.queue.dropped();
            assert!(dropped > 3_000, "{dropped}");
            assert!(!writer.queue.flush(Duration::from_millis(10)));
            let read = thread::spawn(move || numbers(reader));
            assert!(writer.queue.flush(LONG), "it reads again");
            push_numbered(&writer.queue, 5_000..5_001);
            assert!(writer.queue.flush(LONG));
            let (dropped, reported) = writer.end();
            let numbers = read.join().unwrap();
            assert_eq!(numbers.len() as u64 + dropped, 5_001);
            assert_eq!(numbers.last(), Some(&5_000), "writing has resumed");
            assert_eq!(reported, dropped);
        }
    }

    #[test]
    fn lines_dropped_before_the_thread_runs_are_reported() {
        let (queue, reported) = (Queue::new(), AtomicU64::new(0));
        queue.push(&vec![b'x'; 2 << 20]);
        push_numbered(&queue, 0..1);
        queue.close();
        let (_reader, output) = pipe().unwrap();
        keep_running(&queue, output.as_fd(), |lines| {
            reported.fetch_add(lines, Ordering::Relaxed);
        });
        assert_eq!(reported.into_inner(), 1);
    }

    #[test]
    fn a_reader_that_has_gone_costs_every_line() {
        let (reader, output) = pipe().unwrap();
        drop(reader);
        let writer = Writer::to(output);
        push_numbered(&writer.queue, 0..10);
        assert_eq!(writer.end(), (10, 0));
    }

    #[test]
    fn a_full_device_costs_every_line() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let writer = Writer::to(full);
        push_numbered(&writer.queue, 0..10);
        assert_eq!(writer.end(), (10, 0));
    }

    #[test]
    fn a_panic_ends_neither_the_thread_nor_the_log() {
        let (reader, fd) = pipe().unwrap();
        let queue = Arc::new(Queue::new());
        let thread = thread::spawn({
            let queue = Arc::clone(&queue);
            move || keep_running(&queue, fd.as_fd(), |_| panic!("on purpose"))
        });
        push_numbered(&queue, 0..3);
        assert!(queue.flush(LONG));
        // A line that has no room is dropped, which is to be reported behind the next one.
        queue.push(&vec![b'x'; 2 << 20]);
        push_numbered(&queue, 3..4);
        assert!(queue.flush(LONG));
        push_numbered(&queue, 4..6);
        queue.close();
        thread.join().unwrap();
        assert_eq!(numbers(reader), [0, 1, 2, 3, 4, 5]);
        assert_eq!(queue.dropped(), 2, "the line without room, and the report");
    }

    #[test]
    fn a_torn_line_ends_before_the_next_one() {
        let (reader, fd) = pipe().unwrap();
        let mut output = Output {
            fd: fd.as_fd(),
            torn: true,
        };
        output.line(b"next\n").unwrap();
        output.line(b"last\n").unwrap();
        drop(fd);
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "\nnext\nlast\n");
    }
}
