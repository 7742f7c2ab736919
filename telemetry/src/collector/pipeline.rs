//! From the partitions to the database: fetch, understand, write until accepted, only then go on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use futures_util::future::try_join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::influx::{Influx, Verdict};
use super::log::{Fetched, LogEntry, PartitionLog};
use super::points::points;
use super::received::Received;
use crate::backoff::{Backoff, chance};
use crate::kafka::KafkaError;

/// Points written at once, as InfluxData advises.
const BATCH_POINTS: usize = 5_000;
/// The wait after InfluxDB has failed for the first time.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// The longest wait between two writes.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// A fetch that finds nothing should have waited at the broker. One that comes back at once (there are entries, but
/// none for us, as after an aborted transaction) must not make us spin.
const EMPTY_PAUSE: Duration = Duration::from_millis(200);

/// The next offset of each partition: what is before it has been stored.
#[derive(Debug, Default)]
pub struct Positions(Mutex<BTreeMap<i32, i64>>);

impl Positions {
    /// The next offset of a partition that was read before.
    pub fn next(&self, partition: i32) -> Option<i64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&partition)
            .copied()
    }

    fn advance(&self, partition: i32, next: i64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(partition, next);
    }
}

/// What a collector has done so far.
#[derive(Debug, Default)]
pub struct Totals {
    /// Records whose points InfluxDB has accepted.
    pub records: AtomicU64,
    /// Points that InfluxDB has accepted.
    pub points: AtomicU64,
    /// Messages that were no records, and offsets that could not be decoded.
    pub bad: AtomicU64,
    /// Points that InfluxDB will never accept. Where it stores part of a batch (422) it does not say how many it
    /// refused, and the batch counts as one.
    pub refused: AtomicU64,
    /// Offsets that were gone before they were read.
    pub missed: AtomicU64,
}

fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}

/// Reads all partitions at the same time until `shutdown`. What is being written then is finished, but not tried again.
///
/// # Errors
/// The first failure of any partition ends all; they must be opened anew and go on from `positions`.
pub async fn collect<L: PartitionLog>(
    logs: Vec<(i32, L)>,
    influx: &Influx,
    positions: &Positions,
    totals: &Totals,
    shutdown: &CancellationToken,
) -> Result<(), KafkaError> {
    let readers = logs.iter().map(|(index, log)| {
        let reader = Reader {
            index: *index,
            log,
            influx,
            positions,
            totals,
            shutdown,
        };
        async move { reader.run().await }
    });
    try_join_all(readers).await.map(drop)
}

/// One partition on its way.
struct Reader<'a, L> {
    index: i32,
    log: &'a L,
    influx: &'a Influx,
    positions: &'a Positions,
    totals: &'a Totals,
    shutdown: &'a CancellationToken,
}

impl<L: PartitionLog> Reader<'_, L> {
    async fn run(&self) -> Result<(), KafkaError> {
        let mut next = match self.positions.next(self.index) {
            Some(next) => next,
            None => self.log.earliest().await?,
        };
        let mut skipping = false;
        loop {
            let Some(fetched) = self
                .shutdown
                .run_until_cancelled(self.log.fetch(next))
                .await
            else {
                return Ok(());
            };
            let fetched = fetched?;
            let was_skipping =
                std::mem::replace(&mut skipping, matches!(fetched, Fetched::Undecodable(_)));
            next = match fetched {
                Fetched::Entries(entries) => match entries.last().map(|entry| entry.offset + 1) {
                    Some(after) if self.store(&entries).await => after,
                    Some(_) => return Ok(()),
                    None => {
                        self.shutdown.run_until_cancelled(sleep(EMPTY_PAUSE)).await;
                        continue;
                    }
                },
                Fetched::OutOfRange => self.skip_to_earliest(next).await?,
                Fetched::Undecodable(reason) => {
                    add(&self.totals.bad, 1);
                    if !was_skipping {
                        tracing::warn!(
                            partition = self.index,
                            offset = next,
                            reason,
                            "skipping what cannot be decoded"
                        );
                    }
                    next + 1
                }
            };
            self.positions.advance(self.index, next);
        }
    }

    async fn skip_to_earliest(&self, wanted: i64) -> Result<i64, KafkaError> {
        let earliest = self.log.earliest().await?;
        let missed = usize::try_from(earliest - wanted).unwrap_or(0);
        add(&self.totals.missed, missed);
        tracing::warn!(
            partition = self.index,
            wanted,
            earliest,
            missed,
            "offset is not in the log; going on from its beginning"
        );
        Ok(earliest)
    }

    /// True once everything of the entries that can be stored is stored; false if shutdown came first.
    async fn store(&self, entries: &[LogEntry]) -> bool {
        let mut lines = Vec::new();
        let mut bad = Vec::new();
        for entry in entries {
            match Received::parse(entry.value.as_deref(), entry.time, Utc::now()) {
                Ok(record) => lines.extend(points(&record)),
                Err(error) => bad.push((entry.offset, error)),
            }
        }
        if let Some((offset, error)) = bad.first() {
            // One line for all of a fetch: a topic full of something else must not fill the log as well.
            add(&self.totals.bad, bad.len());
            let (number, kind) = (bad.len(), error.label());
            tracing::warn!(partition = self.index, offset, number, kind, %error, "messages are no records and left out");
        }
        for batch in lines.chunks(BATCH_POINTS) {
            if !self.write(batch).await {
                return false;
            }
        }
        add(&self.totals.records, entries.len() - bad.len());
        true
    }

    /// Writes a batch, in halves where InfluxDB finds fault with part of it. False if shutdown came first.
    async fn write(&self, batch: &[Vec<u8>]) -> bool {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MAX);
        let mut failing = false;
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let Err(error) = self.influx.write(part.concat()).await else {
                add(&self.totals.points, part.len());
                if failing {
                    tracing::info!(partition = self.index, "InfluxDB accepts points again");
                }
                failing = false;
                backoff.reset();
                continue;
            };
            match error.verdict() {
                Verdict::Split if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Verdict::Split | Verdict::Partial => {
                    add(&self.totals.refused, 1);
                    tracing::warn!(partition = self.index, points = part.len(), %error, "points are refused and left out");
                }
                Verdict::Retry => {
                    parts.push(part);
                    if !failing {
                        tracing::warn!(partition = self.index, %error, "not stored; reading stops until InfluxDB accepts it");
                    }
                    failing = true;
                    if self
                        .shutdown
                        .run_until_cancelled(sleep(backoff.after_failure(chance())))
                        .await
                        .is_none()
                    {
                        return false;
                    }
                }
            }
        }
        true
    }
}
