//! The collector's counters and health, for logs, metrics and `/healthz`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::received::BadKind;
use crate::kafka::Reasons;

/// A failure shorter than this needs no action: a broker or database is restarting.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Shared by all partitions. Counters are for people and tests; nothing is decided by them.
#[derive(Debug, Default)]
pub struct Status {
    records: AtomicU64,
    points: AtomicU64,
    refused: AtomicU64,
    missed: AtomicU64,
    rewound: AtomicU64,
    aborted: AtomicU64,
    unknown_fields: AtomicU64,
    writes_ok: AtomicU64,
    writes_failed: AtomicU64,
    bad: [AtomicU64; BadKind::ALL.len()],
    now: Mutex<Now>,
}

/// What changes with every outage.
#[derive(Debug, Default)]
struct Now {
    partitions: BTreeMap<i32, Partition>,
    topology: Side,
    influx: Side,
}

#[derive(Debug, Default)]
struct Partition {
    progress: Progress,
    kafka: Side,
    /// The fetch before found something that cannot be decoded.
    skipping: bool,
}

/// Where a reader is in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// The next offset to be read.
    pub(super) next: i64,
    /// The offset that the next message gets.
    pub(super) end: i64,
    /// From this offset on nothing is given out yet: a transaction is open.
    pub(super) stable: i64,
}

/// One dependency: Kafka or InfluxDB.
#[derive(Debug, Clone, Default)]
struct Side {
    worked: bool,
    failing: Option<(Instant, String)>,
    told: Reasons,
}

impl Side {
    /// True if it was failing.
    fn works(&mut self) -> bool {
        self.worked = true;
        self.told.forget();
        self.failing.take().is_some()
    }

    /// True for the first failure of its kind in a row.
    fn fails(&mut self, now: Instant, error: String) -> bool {
        let news = self.told.is_news(&error);
        let since = self.failing.take().map_or(now, |(since, _)| since);
        self.failing = Some((since, error));
        news
    }

    fn is_up(&self) -> bool {
        self.worked && self.failing.is_none()
    }
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records whose points InfluxDB has accepted.
    pub records: u64,
    /// Points that InfluxDB has accepted.
    pub points: u64,
    /// Messages that were not valid records, by kind.
    pub bad: Vec<(&'static str, u64)>,
    /// Points that InfluxDB rejected for good.
    pub refused: u64,
    /// Offsets that Kafka had deleted before they were read.
    pub missed: u64,
    /// How often a partition had become shorter than what was read of it.
    pub rewound: u64,
    /// Messages of transactions that were aborted.
    pub aborted: u64,
    /// Fields that this version does not know.
    pub unknown_fields: u64,
    /// Writes that InfluxDB has accepted.
    pub writes_ok: u64,
    /// Writes that it has not.
    pub writes_failed: u64,
}

impl Totals {
    /// Messages that were not valid records, of all kinds.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.bad.iter().map(|(_, number)| number).sum()
    }
}

/// The progress of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its index.
    pub partition: i32,
    /// The next offset to be read.
    pub next: i64,
    /// Messages that are not stored yet.
    pub lag: u64,
    /// Those of them that wait for the end of another program's transaction.
    pub uncommitted: u64,
}

/// The current health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Every partition that was ever read.
    pub partitions: Vec<Standing>,
    /// Kafka can be read.
    pub kafka_up: bool,
    /// InfluxDB took what it was last given.
    pub influx_up: bool,
    /// The error that has lasted longer than [`PATIENCE`], if any.
    pub trouble: Option<String>,
}

impl Health {
    /// Messages that are not stored yet, of all partitions.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.partitions.iter().map(|standing| standing.lag).sum()
    }
}

impl Status {
    /// The counters.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let bad = BadKind::ALL.iter().zip(&self.bad);
        Totals {
            records: of(&self.records),
            points: of(&self.points),
            bad: bad
                .map(|(kind, number)| (kind.label(), of(number)))
                .collect(),
            refused: of(&self.refused),
            missed: of(&self.missed),
            rewound: of(&self.rewound),
            aborted: of(&self.aborted),
            unknown_fields: of(&self.unknown_fields),
            writes_ok: of(&self.writes_ok),
            writes_failed: of(&self.writes_failed),
        }
    }

    /// The health at `now`.
    #[must_use]
    pub fn health(&self, now: Instant) -> Health {
        let state = self.now();
        let sides = state.partitions.values().map(|partition| &partition.kafka);
        let mut kafka = sides.chain([&state.topology]);
        let long = |side: &Side| {
            let (since, error) = side.failing.as_ref()?;
            (now.duration_since(*since) >= PATIENCE).then(|| error.clone())
        };
        let standing = |(partition, state): (&i32, &Partition)| {
            let Progress { next, end, stable } = state.progress;
            let until_end = |from: i64| u64::try_from(end.saturating_sub(from)).unwrap_or_default();
            Standing {
                partition: *partition,
                next,
                lag: until_end(next),
                uncommitted: until_end(stable.max(next)),
            }
        };
        Health {
            partitions: state.partitions.iter().map(standing).collect(),
            kafka_up: kafka.clone().all(Side::is_up),
            influx_up: state.influx.is_up(),
            trouble: long(&state.influx).or_else(|| kafka.find_map(long)),
        }
    }

    pub(super) fn stored(&self, records: usize) {
        add(&self.records, records);
    }

    pub(super) fn wrote(&self, points: usize, refused: usize) {
        add(&self.points, points);
        add(&self.refused, refused);
        add(&self.writes_ok, 1);
        self.now().influx.works();
    }

    /// True for the first failure of its kind in a row.
    pub(super) fn write_failed(&self, error: String) -> bool {
        add(&self.writes_failed, 1);
        self.now().influx.fails(Instant::now(), error)
    }

    /// An answer that refused points is no trouble.
    pub(super) fn refused(&self, points: usize) {
        add(&self.refused, points);
        add(&self.writes_failed, 1);
        self.now().influx.works();
    }

    /// Whether writes are failing.
    pub(super) fn influx_fails(&self) -> bool {
        self.now().influx.failing.is_some()
    }

    pub(super) fn bad(&self, kind: BadKind, messages: u64) {
        if let Some(counter) = self.bad.get(kind as usize) {
            counter.fetch_add(messages, Ordering::Relaxed);
        }
    }

    pub(super) fn missed(&self, offsets: u64) {
        self.missed.fetch_add(offsets, Ordering::Relaxed);
    }

    pub(super) fn rewound(&self) {
        add(&self.rewound, 1);
    }

    pub(super) fn aborted(&self, messages: u64) {
        self.aborted.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn unknown_fields(&self, fields: usize) {
        add(&self.unknown_fields, fields);
    }

    /// A fetch was answered. One line if the partition could not be read before.
    pub(super) fn at(&self, partition: i32, progress: Progress) {
        let mut state = self.now();
        let found = state.partitions.entry(partition).or_default();
        found.progress = progress;
        if found.kafka.works() {
            tracing::info!(partition, "the partition can be read again");
        }
    }

    /// So many messages of a fetch cannot be decoded. One line for the first of them, and for the first one behind something
    /// that can.
    pub(super) fn undecodable(
        &self,
        partition: i32,
        undecodable: u64,
        first: Option<(i64, String)>,
    ) {
        self.bad(BadKind::Undecodable, undecodable);
        let mut state = self.now();
        let found = state.partitions.entry(partition).or_default();
        let was_skipping = std::mem::replace(&mut found.skipping, undecodable > 0);
        if let Some((offset, reason)) = first
            && !was_skipping
        {
            tracing::warn!(
                partition,
                offset,
                undecodable,
                reason,
                "skipping messages that cannot be decoded"
            );
        }
    }

    /// True for the first failure of its kind in a row.
    pub(super) fn partition_failed(&self, partition: i32, error: String) -> bool {
        let mut state = self.now();
        let partition = state.partitions.entry(partition).or_default();
        partition.kafka.fails(Instant::now(), error)
    }

    /// The topic has no such partition any more.
    pub(super) fn forget(&self, partition: i32) {
        self.now().partitions.remove(&partition);
    }

    /// True if it was failing.
    pub(super) fn topology_works(&self) -> bool {
        self.now().topology.works()
    }

    /// True for the first failure of its kind in a row.
    pub(super) fn topology_failed(&self, error: String) -> bool {
        self.now().topology.fails(Instant::now(), error)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_is_what_goes_on_for_long() {
        let status = Status::default();
        let health = || status.health(Instant::now());
        assert!(!health().kafka_up && !health().influx_up && health().trouble.is_none());
        assert!(!status.topology_works());
        let progress = |next| Progress {
            next,
            end: 9,
            stable: 7,
        };
        status.at(0, progress(5));
        status.wrote(5, 0);
        assert!(health().kafka_up && health().influx_up);
        let standing = health().partitions[0];
        assert_eq!((standing.lag, standing.uncommitted), (4, 2));

        assert!(status.write_failed("one".into()));
        assert!(!status.write_failed("one".into()));
        assert!(status.write_failed("two".into()), "another reason");
        assert!(!health().influx_up && health().trouble.is_none());
        tokio::time::advance(PATIENCE).await;
        assert_eq!(health().trouble.as_deref(), Some("two"));
        status.wrote(1, 0);
        assert_eq!(health().trouble, None);

        assert!(status.partition_failed(0, "gone".into()));
        assert!(!health().kafka_up);
        tokio::time::advance(PATIENCE).await;
        assert_eq!(health().trouble.as_deref(), Some("gone"));
        status.at(0, progress(9));
        assert!(health().kafka_up && health().partitions[0].lag == 0);
    }

    #[test]
    fn each_kind_has_its_counter() {
        let status = Status::default();
        for (number, kind) in (1..).zip(BadKind::ALL) {
            status.bad(kind, number);
        }
        let counts: Vec<u64> = status.totals().bad.iter().map(|(_, n)| *n).collect();
        assert_eq!(counts, (1..=BadKind::ALL.len() as u64).collect::<Vec<_>>());
    }
}
