//! Copies one partition into the database: fetch, parse, write until accepted, only then continue.

use std::time::Duration;

use chrono::Utc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::influx::Influx;
use super::partition_log::{Fetched, LogEntry, PartitionLog};
use super::points::points;
use super::position::Positions;
use super::received::{BadKind, BadRecord, Received};
use super::status::Status;
use super::writer::{Line, Writer};
use crate::kafka::KafkaError;

/// A fetch that finds nothing should have waited at the broker. One that comes back at once (there are entries, but
/// none for us, as after an aborted transaction) must not make us spin.
const EMPTY_PAUSE: Duration = Duration::from_millis(200);
/// After so many of them in a row with something to read, what stands there is no record but a mark of Kafka's own.
const EMPTY_BEFORE_SKIP: u32 = 5;
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
            skipping: false,
            empty: 0,
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
    /// The fetch before found something that cannot be decoded.
    skipping: bool,
    /// Fetches in a row that found nothing although there is something.
    empty: u32,
    /// When the position was last saved, or was to be.
    saved: Instant,
}

impl<L: PartitionLog> Reader<'_, L> {
    async fn run(&mut self) -> Result<(), KafkaError> {
        let Collector {
            positions, status, ..
        } = self.collector;
        let mut next = match positions.next(self.partition) {
            Some(next) => next,
            None => self.log.earliest().await?,
        };
        loop {
            let fetch = self.shutdown.run_until_cancelled(self.log.fetch(next));
            let Some(fetched) = fetch.await else {
                return Ok(());
            };
            let fetched = fetched?;
            let end = match &fetched {
                Fetched::Entries { end, .. } => Some(*end),
                Fetched::OutOfRange | Fetched::Undecodable(_) => None,
            };
            status.at(self.partition, next, end);
            let Some(after) = self.take(next, fetched).await? else {
                return Ok(());
            };
            if after != next {
                next = after;
                positions.advance(self.partition, next);
                status.at(self.partition, next, end);
            }
            if self.saved.elapsed() >= SAVE_EVERY {
                self.save().await;
                self.saved = Instant::now();
            }
        }
    }

    /// Deals with what was fetched at `next` and says where to go on; None when shutdown came first.
    async fn take(&mut self, next: i64, fetched: Fetched) -> Result<Option<i64>, KafkaError> {
        let was_skipping = std::mem::replace(
            &mut self.skipping,
            matches!(fetched, Fetched::Undecodable(_)),
        );
        match fetched {
            Fetched::Entries { entries, end } => {
                let Some(last) = entries.last() else {
                    return Ok(Some(self.pause(next, end).await));
                };
                self.empty = 0;
                let after = last.offset + 1;
                Ok(self.store(entries).await.then_some(after))
            }
            Fetched::OutOfRange => self.skip_to_earliest(next).await.map(Some),
            Fetched::Undecodable(reason) => {
                self.collector.status.bad(BadKind::Undecodable);
                if !was_skipping {
                    tracing::warn!(
                        partition = self.partition,
                        offset = next,
                        reason,
                        "skipping messages that cannot be decoded"
                    );
                }
                Ok(Some(next + 1))
            }
        }
    }

    /// Waits a moment where there was nothing, and steps over what will never be a record.
    async fn pause(&mut self, next: i64, end: i64) -> i64 {
        self.shutdown.run_until_cancelled(sleep(EMPTY_PAUSE)).await;
        if end <= next {
            self.empty = 0;
            return next;
        }
        self.empty += 1;
        if self.empty < EMPTY_BEFORE_SKIP {
            return next;
        }
        self.empty = EMPTY_BEFORE_SKIP - 1;
        next + 1
    }

    async fn skip_to_earliest(&self, wanted: i64) -> Result<i64, KafkaError> {
        let earliest = self.log.earliest().await?;
        let missed = usize::try_from(earliest - wanted).unwrap_or(0);
        self.collector.status.missed(missed);
        tracing::warn!(
            partition = self.partition,
            wanted,
            earliest,
            missed,
            "offset is not in the log; continuing from its beginning"
        );
        Ok(earliest)
    }

    /// True once everything of the entries that can be stored is stored; false if shutdown came first.
    async fn store(&self, entries: Vec<LogEntry>) -> bool {
        let status = &self.collector.status;
        let (now, mut records) = (Utc::now(), 0);
        let mut lines = Vec::new();
        let mut bad: Vec<(i64, BadRecord)> = Vec::new();
        for LogEntry {
            offset,
            value,
            time,
        } in entries
        {
            match Received::parse(value.as_deref(), time, now) {
                Ok(record) => {
                    records += 1;
                    status.unknown_fields(record.unknown_fields);
                    let texts = points(&record).into_iter();
                    lines.extend(texts.map(|text| Line { offset, text }));
                }
                Err(error) => {
                    status.bad(error.kind);
                    bad.push((offset, error));
                }
            }
        }
        if let Some((offset, error)) = bad.first() {
            // One line for all of a fetch: a topic full of something else must not fill the log as well.
            let (number, kind) = (bad.len(), error.kind.label());
            tracing::warn!(partition = self.partition, offset, number, kind, %error, "messages are not valid records; skipped");
        }
        let writer = Writer {
            influx: &self.collector.influx,
            bucket: &self.collector.bucket,
            partition: self.partition,
            status,
            shutdown: self.shutdown,
        };
        let stored = writer.write_all(&lines).await;
        if stored {
            status.stored(records);
        }
        stored
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
