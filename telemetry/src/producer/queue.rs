//! The queue between callers and Kafka: bounded in records and in bytes, dropping the oldest first.
//!
//! Plain state without clock or I/O. Every record ends exactly once, as sent or as dropped for one reason:
//! `pushed = sent + dropped + waiting + in flight` at all times.

use std::collections::VecDeque;

/// The bounds of a queue and of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Records that may be queued.
    pub records: usize,
    /// Approximate bytes of memory that queued records may use together.
    pub bytes: usize,
    /// Records per batch.
    pub batch_records: usize,
    /// Approximate bytes per batch; a single record may be larger.
    pub batch_bytes: usize,
}

/// Why records were dropped. Only those of `unconfirmed` may be in Kafka nevertheless.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::Drops;
///
/// let drops = Drops { overflow: 3, shutdown: 1, ..Drops::default() };
/// assert_eq!(drops.total(), 4);
/// assert_eq!(drops.by_reason()[0], ("overflow", 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// The queue was full and they were the oldest.
    pub overflow: u64,
    /// A single record was larger than the whole queue may be.
    pub too_large: u64,
    /// Kafka will never accept them.
    pub refused: u64,
    /// They were sent at least once, but not acknowledged before they had to be dropped.
    pub unconfirmed: u64,
    /// Still queued at shutdown, or recorded after it.
    pub shutdown: u64,
}

impl Drops {
    /// Each reason under its stable name in metrics.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            ("overflow", self.overflow),
            ("too_large", self.too_large),
            ("refused", self.refused),
            ("unconfirmed", self.unconfirmed),
            ("shutdown", self.shutdown),
        ]
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, number)| number).sum()
    }
}

/// The counts of all records so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Wait, or are in flight.
    pub(crate) queued: u64,
    /// Bytes of those that wait.
    pub(crate) bytes: u64,
    pub(crate) sent: u64,
    pub(crate) drops: Drops,
}

/// Something with a size.
pub(crate) trait Weighed {
    /// Bytes of memory, about; the same at every call.
    fn weight(&self) -> usize;
}

/// A record in the queue or in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queued<T> {
    pub(crate) record: T,
    /// It has been sent before, with an unknown outcome.
    attempted: bool,
}

/// Whether a batch that failed may have been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Kafka refused it.
    NotStored,
    /// There was no answer.
    Unknown,
}

/// Waiting records, and the number of those taken but not yet settled. At most one batch is in flight.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    limits: QueueLimits,
    waiting: VecDeque<Queued<T>>,
    bytes: usize,
    in_flight: usize,
    sent: u64,
    drops: Drops,
    closed: bool,
}

impl<T: Weighed> Queue<T> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            bytes: 0,
            in_flight: 0,
            sent: 0,
            drops: Drops::default(),
            closed: false,
        }
    }

    /// Adds the newest record and drops the oldest waiting ones until the bounds hold. A record that is larger than the
    /// whole queue may be drops itself only.
    pub(crate) fn push(&mut self, record: T) {
        let weight = record.weight();
        if self.closed {
            self.drops.shutdown += 1;
        } else if weight > self.limits.bytes {
            self.drops.too_large += 1;
        } else {
            self.bytes += weight;
            self.waiting.push_back(Queued {
                record,
                attempted: false,
            });
            self.shrink();
        }
    }

    /// Takes the oldest records, as many as go at once but no more than `most`. They stay counted until the batch is
    /// settled by one of [`Queue::sent`], [`Queue::put_back`] and [`Queue::refused`].
    pub(crate) fn take(&mut self, most: usize) -> Vec<Queued<T>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < self.limits.batch_records.min(most) {
            let Some(queued) = self.waiting.pop_front_if(|queued| {
                bytes += queued.record.weight();
                batch.is_empty() || bytes <= self.limits.batch_bytes
            }) else {
                break;
            };
            self.bytes -= queued.record.weight();
            batch.push(queued);
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
        self.drops.refused += std::mem::take(&mut self.in_flight) as u64;
    }

    /// The batch in flight is gone, and nobody knows whether it arrived.
    pub(crate) fn lose_batch(&mut self) {
        self.drops.unconfirmed += std::mem::take(&mut self.in_flight) as u64;
    }

    /// The batch in flight has not arrived: it goes back to the front, without those of it that are too old by now.
    pub(crate) fn put_back(&mut self, batch: Vec<Queued<T>>, outcome: Outcome) {
        self.in_flight = 0;
        for mut queued in batch.into_iter().rev() {
            queued.attempted |= outcome == Outcome::Unknown;
            self.bytes += queued.record.weight();
            self.waiting.push_front(queued);
        }
        self.shrink();
    }

    /// Gives up all that is left, a batch in flight included, and whatever comes later.
    pub(crate) fn abandon(&mut self) {
        self.closed = true;
        self.lose_batch();
        for queued in std::mem::take(&mut self.waiting) {
            if queued.attempted {
                self.drops.unconfirmed += 1;
            } else {
                self.drops.shutdown += 1;
            }
        }
        self.bytes = 0;
    }

    /// Nothing waits. A batch may be in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Enough waits for a batch that cannot grow any more.
    pub(crate) fn fills_a_batch(&self) -> bool {
        self.waiting.len() >= self.limits.batch_records || self.bytes >= self.limits.batch_bytes
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            queued: (self.waiting.len() + self.in_flight) as u64,
            bytes: self.bytes as u64,
            sent: self.sent,
            drops: self.drops,
        }
    }

    fn shrink(&mut self) {
        while self.waiting.len() > self.limits.records || self.bytes > self.limits.bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.bytes -= oldest.record.weight();
            if oldest.attempted {
                self.drops.unconfirmed += 1;
            } else {
                self.drops.overflow += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
