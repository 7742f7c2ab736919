//! Copies one partition into the database: fetch, parse, write until accepted, only then continue.

use std::time::Duration;

use chrono::Utc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::influx::Influx;
use super::lines::Lines;
use super::partition_log::{Decoded, Fetched, LogEntry, PartitionLog};
use super::position::Positions;
use super::received::{BadRecord, Received};
use super::status::{Progress, Status};
use super::writer::Writer;
use crate::kafka::KafkaError;

/// A fetch that finds nothing has waited at the broker. One that comes back at once must not make us spin.
const EMPTY_PAUSE: Duration = Duration::from_millis(200);
/// Points written at once, as InfluxData advises; the last record may go beyond.
const BATCH_POINTS: usize = 5_000;
/// A transaction that is open for longer is worth a line in the log.
const LONG_TRANSACTION: Duration = Duration::from_secs(10);
/// Between two saved positions of a partition: what is written again after a crash.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// For the last position, at the end.
const SAVE_AT_END: Duration = Duration::from_secs(2);

/// What all partitions share.
#[derive(Debug)]
pub struct Collector {
    influx: Influx,
    bucket: String,
    positions: Positions,
    status: Status,
}

impl Collector {
    /// Writes points to `bucket` and keeps its offsets in `positions`.
    #[must_use]
    pub fn new(influx: Influx, bucket: &str, positions: Positions) -> Self {
        Self {
            influx,
            bucket: bucket.to_owned(),
            positions,
            status: Status::default(),
        }
    }

    /// Its counters and health.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Where it is.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The database.
    pub fn influx(&self) -> &Influx {
        &self.influx
    }

    /// Reads one partition until `shutdown`, from the known position or the earliest offset on. What is being written
    /// then is finished, but not tried again.
    ///
    /// # Errors
    /// The first failure of the log; it must be opened anew, and reading goes on from the position reached.
    pub async fn read<L: PartitionLog>(
        &self,
        partition: i32,
        log: &L,
        shutdown: &CancellationToken,
    ) -> Result<(), KafkaError> {
        let mut reader = Reader {
            collector: self,
            partition,
            log,
            shutdown,
            held_back: None,
            saved: Instant::now(),
        };
        let read = reader.run().await;
        if shutdown.is_cancelled() {
            // If the save fails, the next collector reads these records again; a database that is down must not delay the end.
            let _ = timeout(SAVE_AT_END, reader.save()).await;
        }
        read
    }
}

/// One partition on its way.
struct Reader<'a, L> {
    collector: &'a Collector,
    partition: i32,
    log: &'a L,
    shutdown: &'a CancellationToken,
    /// Since when an open transaction is in the way, and whether the log has a line about it.
    held_back: Option<(Instant, bool)>,
    /// When the position was last saved, or was to be.
    saved: Instant,
}

impl<L: PartitionLog> Reader<'_, L> {
    async fn run(&mut self) -> Result<(), KafkaError> {
        let positions = &self.collector.positions;
        let mut next = match positions.next(self.partition) {
            Some(next) => self.still_there(next).await?,
            None => self.log.earliest().await?,
        };
        loop {
            let began = Instant::now();
            let fetch = self.shutdown.run_until_cancelled(self.log.fetch(next));
            let Some(fetched) = fetch.await else {
                return Ok(());
            };
            match fetched? {
                Fetched::OutOfRange => next = self.skip_to_earliest(next).await?,
                Fetched::Records {
                    decoded,
                    end,
                    stable,
                } => {
                    let progress = |next| Progress { next, end, stable };
                    self.note(progress(next));
                    let after = decoded.next;
                    if !self.take(decoded).await {
                        return Ok(());
                    }
                    self.note(progress(after));
                    if after == next && began.elapsed() < EMPTY_PAUSE {
                        let pause = sleep(EMPTY_PAUSE);
                        self.shutdown.run_until_cancelled(pause).await;
                    }
                    next = after;
                }
            }
            if self.saved.elapsed() >= SAVE_EVERY {
                self.save().await;
                self.saved = Instant::now();
            }
        }
    }

    /// Stores what a fetch found and counts what it left out. False if shutdown came first.
    async fn take(&self, decoded: Decoded) -> bool {
        let Decoded {
            entries,
            next,
            epoch,
            undecodable,
            first_undecodable,
            aborted,
        } = decoded;
        let moved = !entries.is_empty() || undecodable + aborted > 0 || epoch.is_some();
        if !self.store(entries).await {
            return false;
        }
        let Collector {
            positions, status, ..
        } = self.collector;
        status.undecodable(self.partition, undecodable, first_undecodable);
        status.aborted(aborted);
        if moved {
            positions.advance(self.partition, next, epoch);
        }
        true
    }

    /// Tells where the reader is, and what is in its way.
    fn note(&mut self, progress: Progress) {
        let partition = self.partition;
        self.collector.status.at(partition, progress);
        let Progress { next, end, stable } = progress;
        if next < stable || end <= stable {
            if let Some((_, true)) = self.held_back.take() {
                tracing::info!(partition, "the transaction has ended");
            }
            return;
        }
        let (since, told) = self
            .held_back
            .get_or_insert_with(|| (Instant::now(), false));
        if !*told && since.elapsed() >= LONG_TRANSACTION {
            *told = true;
            let waiting = end - stable;
            tracing::warn!(
                partition,
                offset = stable,
                waiting,
                "another program's transaction is open: what follows waits for its end"
            );
        }
    }

    /// Whether the log still is what was read of it. A leader that had not seen all of it may have cut it back.
    async fn still_there(&self, next: i64) -> Result<i64, KafkaError> {
        let positions = &self.collector.positions;
        let Some(epoch) = positions.epoch(self.partition) else {
            return Ok(next);
        };
        match self.log.end_of_epoch(epoch).await? {
            Some(end) if end < next => {
                self.collector.status.rewound();
                let partition = self.partition;
                tracing::warn!(
                    partition,
                    wanted = next,
                    end,
                    "the log was cut back; continuing from there"
                );
                positions.advance(partition, end, None);
                Ok(end)
            }
            _ => Ok(next),
        }
    }

    async fn skip_to_earliest(&self, wanted: i64) -> Result<i64, KafkaError> {
        let Collector {
            positions, status, ..
        } = self.collector;
        let earliest = self.log.earliest().await?;
        let missed = u64::try_from(earliest - wanted).unwrap_or(0);
        status.missed(missed);
        if earliest <= wanted {
            status.rewound();
        }
        tracing::warn!(
            partition = self.partition,
            wanted,
            earliest,
            missed,
            "offset is not in the log; continuing from its beginning"
        );
        positions.advance(self.partition, earliest, None);
        Ok(earliest)
    }

    /// True once everything of the entries that can be stored is stored; false if shutdown came first.
    async fn store(&self, entries: Vec<LogEntry>) -> bool {
        let status = &self.collector.status;
        let now = Utc::now();
        let mut lines = Lines::default();
        let mut bad: Vec<(i64, BadRecord)> = Vec::new();
        for LogEntry {
            offset,
            value,
            time,
        } in entries
        {
            match Received::parse(value.as_deref(), time, now) {
                Ok(record) => {
                    status.unknown_fields(record.unknown_fields);
                    lines.push(offset, &record);
                }
                Err(error) => bad.push((offset, error)),
            }
            if lines.len() >= BATCH_POINTS && !self.write(std::mem::take(&mut lines)).await {
                return false;
            }
        }
        if !self.write(lines).await {
            return false;
        }
        for (_, error) in &bad {
            status.bad(error.kind, 1);
        }
        if let Some((offset, error)) = bad.first() {
            // One line for all of a fetch: a topic full of something else must not fill the log as well.
            let (number, kind) = (bad.len(), error.kind.label());
            tracing::warn!(partition = self.partition, offset, number, kind, %error, "messages are not valid records; skipped");
        }
        true
    }

    async fn write(&self, lines: Lines) -> bool {
        let writer = Writer {
            influx: &self.collector.influx,
            bucket: &self.collector.bucket,
            partition: self.partition,
            status: &self.collector.status,
            shutdown: self.shutdown,
        };
        writer.write(lines.finish()).await
    }

    /// Failure is no reason to stop: the same points would be written again, no more.
    async fn save(&self) {
        let Collector {
            influx, positions, ..
        } = self.collector;
        if let Err(error) = positions.save(influx, self.partition, Utc::now()).await {
            tracing::debug!(partition = self.partition, %error, "cannot save the offset");
        }
    }
}
