//! WorkerBuffers and writer, with a sink that the test holds up.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use netsocket_settings::Supervisor;
use tokio::time::Instant;

use super::*;
use crate::observe::access_log::date::Zone;
use crate::observe::access_log::sink::{Sink, WriteFailure};
use crate::observe::access_log::writer::LINGER;

const PATIENCE: Duration = Duration::from_secs(60);
/// A failure with so many lost lines is a panic instead.
const PANICS: u64 = u64::MAX;

fn failure(lost: u64) -> Result<(), WriteFailure> {
    let error = io::ErrorKind::StorageFull.into();
    Err(WriteFailure { lost, error })
}

/// Passes on what it is given, and goes on when it may.
struct Held {
    given: Sender<String>,
    go_on: Receiver<Result<(), WriteFailure>>,
}

impl Sink for Held {
    fn write(&mut self, lines: &[u8]) -> Result<(), WriteFailure> {
        // The test may be over.
        let _ = self.given.send(String::from_utf8(lines.to_vec()).unwrap());
        let outcome = self.go_on.recv().unwrap_or(Ok(()));
        let panics = matches!(&outcome, Err(failure) if failure.lost == PANICS);
        assert!(!panics, "on purpose");
        outcome
    }

    fn reopen(&mut self) -> io::Result<()> {
        let _ = self.given.send("reopened".to_owned());
        Ok(())
    }

    fn follow(&mut self) -> io::Result<()> {
        let _ = self.given.send("followed".to_owned());
        Ok(())
    }
}

struct Test {
    log: AccessLog,
    supervisor: Supervisor,
    given: Receiver<String>,
    go_on: Sender<Result<(), WriteFailure>>,
}

impl Test {
    fn start(workers: usize, buffer_capacity: usize) -> Self {
        let (give, given) = mpsc::channel();
        let (go_on, held) = mpsc::channel();
        let options = Options {
            buffer_capacity,
            zone: Zone::Utc,
            ..Options::default()
        };
        let sink = Held {
            given: give,
            go_on: held,
        };
        let supervisor = Supervisor::default();
        let log = AccessLog::start(options, workers, Box::new(sink), supervisor.clone()).unwrap();
        Self {
            log,
            supervisor,
            given,
            go_on,
        }
    }

    fn given(&self) -> String {
        self.given.recv_timeout(PATIENCE).unwrap()
    }
}

/// A line that can be told from others.
fn numbered(number: u64) -> Line<'static> {
    Line {
        bytes_down: number,
        ..normal()
    }
}

fn numbers(lines: &str) -> Vec<u64> {
    let number = |line: &str| line.split(' ').nth(5).unwrap().parse().unwrap();
    lines.lines().map(number).collect()
}

#[test]
fn a_stuck_output_holds_up_nobody_and_loses_only_what_has_no_room() {
    const CAPACITY: usize = 2_000;
    let test = Test::start(1, CAPACITY);
    let mut buffer = test.log.buffer(0);
    buffer.record(&numbered(0));
    assert_eq!(numbers(&test.given()), [0]);
    // The output is stuck from here on. A worker that waited for it would never get to the end of this.
    for number in 1..=1_000 {
        buffer.record(&numbered(number));
    }
    let dropped = test.log.figures().dropped;
    let kept = 1_000 - dropped;
    // Told while the output is still stuck, and once.
    assert_eq!((test.log.tell(), test.log.tell()), (dropped, 0));
    assert!(kept > 10 && dropped > 900, "{dropped}");
    test.go_on.send(Ok(())).unwrap();
    // In order, whole, and the oldest, as the newest found no room.
    let lines = test.given();
    assert!(lines.len() < CAPACITY + 200);
    assert_eq!(numbers(&lines), (1..=kept).collect::<Vec<_>>());
    test.go_on.send(Ok(())).unwrap();
    // There is room again.
    buffer.record(&numbered(2_000));
    assert_eq!(numbers(&test.given()), [2_000]);
    test.go_on.send(Ok(())).unwrap();
    let Test { log, .. } = test;
    let (figures, written) = (log.figures(), kept + 1);
    assert_eq!((figures.dropped, figures.failed), (dropped, 0));
    assert!(log.close(PATIENCE));
    assert!(figures.written >= written, "{figures:?}");
}

#[test]
fn lines_of_all_workers_come_through_in_the_order_of_each() {
    const WORKERS: usize = 3;
    const LINES: u64 = 20_000;
    let test = Test::start(WORKERS, usize::MAX);
    // Nothing is held up here.
    drop(test.go_on);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let mut buffer = test.log.buffer(worker);
            scope.spawn(move || {
                for n in 0..LINES {
                    buffer.record(&numbered(n * 10 + worker as u64));
                }
            });
        }
    });
    assert!(test.log.close(PATIENCE));
    let all: Vec<u64> = test
        .given
        .try_iter()
        .flat_map(|lines| numbers(&lines))
        .collect();
    for worker in 0..WORKERS as u64 {
        let of_one: Vec<u64> = all
            .iter()
            .filter(|n| **n % 10 == worker)
            .map(|n| n / 10)
            .collect();
        assert_eq!(of_one, (0..LINES).collect::<Vec<_>>());
    }
    assert_eq!(all.len() as u64, LINES * WORKERS as u64);
}

/// A writer that wakes up for each line costs more than the lines.
#[test]
fn lines_gather() {
    let test = Test::start(1, 1 << 20);
    drop(test.go_on);
    let mut buffer = test.log.buffer(0);
    // As many writes as there were times to gather, whatever the pace of this machine; two more at the ends.
    let begun = Instant::now();
    for number in 0..100_000 {
        buffer.record(&numbered(number));
        if number % 16 == 0 {
            thread::yield_now();
        }
    }
    assert!(test.log.close(PATIENCE));
    let most = begun.elapsed().as_millis() / LINGER.as_millis() + 2 + 100_000 * 100 / (1 << 19);
    let writes = test.given.try_iter().count();
    assert!(writes as u128 <= most, "{writes} writes");
}

#[test]
fn a_line_after_a_rest_wakes_the_writer() {
    let test = Test::start(2, 1 << 20);
    let mut buffers = [test.log.buffer(0), test.log.buffer(1)];
    // Each time the writer may be about to sleep, or asleep.
    for number in 0..10_u64 {
        let buffer = &mut buffers[usize::from(number % 2 == 0)];
        buffer.record(&numbered(number));
        assert_eq!(numbers(&test.given()), [number]);
        test.go_on.send(Ok(())).unwrap();
    }
    assert!(test.log.close(PATIENCE));
}

#[test]
fn failed_lines_are_counted_and_the_next_are_tried() {
    let test = Test::start(1, 1 << 20);
    let mut buffer = test.log.buffer(0);
    buffer.record(&numbered(0));
    test.given();
    for number in 1..=5 {
        buffer.record(&numbered(number));
    }
    test.go_on.send(failure(1)).unwrap();
    assert_eq!(numbers(&test.given()), [1, 2, 3, 4, 5]);
    test.go_on.send(failure(2)).unwrap();
    // The writer has counted those before it hands over the next.
    buffer.record(&numbered(6));
    assert_eq!(numbers(&test.given()), [6]);
    let figures = test.log.figures();
    assert_eq!(
        (figures.written, figures.failed, figures.dropped),
        (3, 3, 0)
    );
    test.go_on.send(Ok(())).unwrap();
    assert!(test.log.close(PATIENCE));
}

/// Also those of another worker that were already there when it panicked.
#[test]
fn a_writer_that_panics_loses_the_lines_in_its_hand_and_writes_the_next() {
    let test = Test::start(2, 1 << 20);
    let mut buffers = [test.log.buffer(0), test.log.buffer(1)];
    buffers[0].record(&numbered(1));
    assert_eq!(numbers(&test.given()), [1]);
    buffers[0].record(&numbered(2));
    buffers[1].record(&numbered(3));
    test.go_on.send(failure(PANICS)).unwrap();
    // Nothing else wakes it.
    assert_eq!(numbers(&test.given()), [2]);
    test.go_on.send(failure(PANICS)).unwrap();
    assert_eq!(numbers(&test.given()), [3]);
    test.go_on.send(Ok(())).unwrap();
    assert_eq!(test.supervisor.panics(), [("access_log", 2)]);
    assert!(test.log.close(PATIENCE));
    let figures = test.log.figures();
    assert_eq!((figures.written, figures.failed), (1, 2));
}

#[test]
fn reopening_comes_after_the_lines_that_were_left_before() {
    let test = Test::start(1, 1 << 20);
    let mut buffer = test.log.buffer(0);
    drop(test.go_on);
    buffer.record(&numbered(1));
    test.log.reopen();
    assert_eq!(numbers(&test.given.recv_timeout(PATIENCE).unwrap()), [1]);
    assert_eq!(test.given.recv_timeout(PATIENCE).unwrap(), "reopened");
    assert!(test.log.close(PATIENCE));
}

#[test]
fn a_file_is_followed_before_lines_are_written_once_that_was_asked_for() {
    let test = Test::start(1, 1 << 20);
    let mut buffer = test.log.buffer(0);
    test.log.follow();
    buffer.record(&numbered(1));
    drop(test.go_on);
    assert_eq!(test.given.recv_timeout(PATIENCE).unwrap(), "followed");
    assert_eq!(numbers(&test.given.recv_timeout(PATIENCE).unwrap()), [1]);
    assert!(test.log.close(PATIENCE));
}

#[test]
fn closing_waits_no_longer_than_it_may() {
    let test = Test::start(1, 1 << 20);
    test.log.buffer(0).record(&numbered(1));
    test.given();
    assert!(
        !test.log.close(Duration::from_millis(1)),
        "the output is stuck"
    );
}

#[test]
fn a_lane_that_does_not_exist_takes_nothing() {
    let test = Test::start(1, 1 << 20);
    drop(test.go_on);
    test.log.buffer(1).record(&numbered(1));
    assert!(test.log.close(PATIENCE));
    assert_eq!(test.given.try_iter().count(), 0);
}
