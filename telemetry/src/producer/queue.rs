//! The records between the callers and Kafka: bounded in number and in bytes, the oldest given up first.
//!
//! Plain state without clock or I/O. Every record ends exactly once, as sent or as dropped:
//! `pushed = sent + dropped + waiting + in flight` at all times.

use std::collections::VecDeque;

/// The bounds of a queue and of what is taken from it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Records that may wait.
    pub records: usize,
    /// Bytes that waiting records may have together.
    pub bytes: usize,
    /// Records that are sent at once.
    pub batch_records: usize,
    /// Bytes that are sent at once; a single record may have more.
    pub batch_bytes: usize,
}

/// What became of the records so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Wait, or are in flight.
    pub(crate) queued: u64,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
}

/// Waiting records, and the number of those taken but not yet settled. At most one batch is in flight.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    limits: QueueLimits,
    waiting: VecDeque<T>,
    bytes: usize,
    in_flight: usize,
    sent: u64,
    dropped: u64,
    closed: bool,
}

impl<T: AsRef<[u8]>> Queue<T> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            bytes: 0,
            in_flight: 0,
            sent: 0,
            dropped: 0,
            closed: false,
        }
    }

    /// Adds the newest record and drops the oldest waiting ones until the bounds hold. A record that is larger than the
    /// whole queue may be drops itself only.
    pub(crate) fn push(&mut self, record: T) {
        if self.closed || record.as_ref().len() > self.limits.bytes {
            self.dropped += 1;
            return;
        }
        self.bytes += record.as_ref().len();
        self.waiting.push_back(record);
        self.shrink();
    }

    /// Takes the oldest records, as many as go at once but no more than `most`. They stay counted until the batch is
    /// settled by one of [`Queue::sent`], [`Queue::put_back`] and [`Queue::refused`].
    pub(crate) fn take(&mut self, most: usize) -> Vec<T> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < self.limits.batch_records.min(most) {
            let Some(record) = self.waiting.pop_front_if(|record| {
                bytes += record.as_ref().len();
                batch.is_empty() || bytes <= self.limits.batch_bytes
            }) else {
                break;
            };
            self.bytes -= record.as_ref().len();
            batch.push(record);
        }
        self.in_flight = batch.len();
        batch
    }

    /// The batch in flight has arrived.
    pub(crate) fn sent(&mut self) {
        self.sent += std::mem::take(&mut self.in_flight) as u64;
    }

    /// The batch in flight will never be accepted.
    pub(crate) fn refused(&mut self) {
        self.dropped += std::mem::take(&mut self.in_flight) as u64;
    }

    /// The batch in flight has not arrived: it goes back to the front, without those of it that are too old by now.
    pub(crate) fn put_back(&mut self, batch: Vec<T>) {
        self.in_flight = 0;
        for record in batch.into_iter().rev() {
            self.bytes += record.as_ref().len();
            self.waiting.push_front(record);
        }
        self.shrink();
    }

    /// Gives up all that is left, a batch in flight included, and whatever comes later.
    pub(crate) fn abandon(&mut self) {
        self.closed = true;
        self.refused();
        self.dropped += self.waiting.len() as u64;
        self.waiting.clear();
        self.bytes = 0;
    }

    /// Nothing waits. A batch may be in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn counts(&self) -> Counts {
        let queued = (self.waiting.len() + self.in_flight) as u64;
        Counts {
            queued,
            sent: self.sent,
            dropped: self.dropped,
        }
    }

    fn shrink(&mut self) {
        while self.waiting.len() > self.limits.records || self.bytes > self.limits.bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.bytes -= oldest.as_ref().len();
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        records: 5,
        bytes: 60,
        batch_records: 3,
        batch_bytes: 30,
    };

    /// A record whose first byte is its number, so that order can be checked.
    fn record(number: u8, len: usize) -> Vec<u8> {
        vec![number; len.max(1)]
    }

    fn numbers(records: &[Vec<u8>]) -> Vec<u8> {
        records.iter().map(|record| record[0]).collect()
    }

    #[test]
    fn the_oldest_is_dropped_first() {
        let mut queue = Queue::new(LIMITS);
        (1..=7).for_each(|number| queue.push(record(number, 1)));
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 5,
                sent: 0,
                dropped: 2
            }
        );
        assert_eq!(numbers(&queue.take(9)), [3, 4, 5]);
    }

    #[test]
    fn bytes_are_bounded_as_well() {
        let mut queue = Queue::new(LIMITS);
        queue.push(record(1, 40));
        queue.push(record(2, 40));
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 1,
                sent: 0,
                dropped: 1
            }
        );
        queue.push(record(3, 61));
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 1,
                sent: 0,
                dropped: 2
            },
            "it displaces nothing"
        );
        assert_eq!(
            numbers(&queue.take(9)),
            [2],
            "a record above the batch's bytes goes alone"
        );
    }

    #[test]
    fn a_batch_that_comes_back_gives_way_to_newer_records() {
        let mut queue = Queue::new(LIMITS);
        (1..=3).for_each(|number| queue.push(record(number, 1)));
        let batch = queue.take(9);
        (4..=7).for_each(|number| queue.push(record(number, 1)));
        queue.put_back(batch);
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 5,
                sent: 0,
                dropped: 2
            }
        );
        assert_eq!(numbers(&queue.take(9)), [3, 4, 5]);
        queue.abandon();
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 0,
                sent: 0,
                dropped: 7
            }
        );
        queue.push(record(8, 1));
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 0,
                sent: 0,
                dropped: 8
            },
            "what comes too late is counted"
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Take(usize),
        Sent,
        Refused,
        PutBack,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (1_usize..70).prop_map(Step::Push),
            2 => (0_usize..5).prop_map(Step::Take),
            1 => Just(Step::Sent),
            1 => Just(Step::Refused),
            1 => Just(Step::PutBack),
        ];
        prop::collection::vec(step, 0..120)
    }

    proptest! {
        /// Against a model that keeps every record's fate in a list: nothing is lost, doubled or reordered, the bounds
        /// hold after each step, and a record is only dropped where a bound demands it.
        #[test]
        fn every_record_ends_once(steps in steps()) {
            let mut queue = Queue::new(LIMITS);
            let (mut model, mut flight): (Vec<(u8, usize)>, Vec<Vec<u8>>) = Default::default();
            let (mut pushed, mut sent, mut dropped) = (0_u8, 0_u64, 0_u64);
            for step in steps {
                match step {
                    Step::Push(len) => {
                        pushed += 1;
                        queue.push(record(pushed, len));
                        if len > LIMITS.bytes { dropped += 1 } else { model.push((pushed, len)) }
                    }
                    Step::Take(most) if flight.is_empty() => {
                        flight = queue.take(most);
                        let taken: Vec<_> = model.drain(..flight.len()).collect();
                        prop_assert_eq!(numbers(&flight), taken.iter().map(|&(number, _)| number).collect::<Vec<_>>());
                        let bytes: usize = taken.iter().map(|&(_, len)| len).sum();
                        prop_assert!(flight.len() <= most.min(LIMITS.batch_records));
                        prop_assert!(flight.len() <= 1 || bytes <= LIMITS.batch_bytes);
                        prop_assert!(most == 0 || model.is_empty() || !flight.is_empty());
                    }
                    Step::Take(_) => {}
                    Step::Sent => { queue.sent(); sent += flight.drain(..).count() as u64; }
                    Step::Refused => { queue.refused(); dropped += flight.drain(..).count() as u64; }
                    Step::PutBack => {
                        model.splice(0..0, flight.iter().map(|record| (record[0], record.len())));
                        queue.put_back(std::mem::take(&mut flight));
                    }
                }
                while model.len() > LIMITS.records || model.iter().map(|&(_, len)| len).sum::<usize>() > LIMITS.bytes {
                    model.remove(0);
                    dropped += 1;
                }
                let queued = (model.len() + flight.len()) as u64;
                prop_assert_eq!(queue.counts(), Counts { queued, sent, dropped });
                prop_assert_eq!(queue.is_empty(), model.is_empty());
            }
        }
    }
}
