//! Points into the database, as often as it takes, without those that it will never accept.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::influx::{Influx, InfluxError, Verdict};
use super::lines::Finished;
use super::status::Status;
use crate::backoff::{Backoff, chance};

/// The wait after InfluxDB has failed for the first time.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// The longest wait between two writes, unless InfluxDB asks for more.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// A batch that is stored in part is asked again in halves so often, to learn how much of it.
const MAX_QUESTIONS: u32 = 64;

/// The way of one partition into one bucket.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) influx: &'a Influx,
    pub(super) bucket: &'a str,
    pub(super) partition: i32,
    pub(super) status: &'a Status,
    pub(super) shutdown: &'a CancellationToken,
}

/// Points that are written at once.
struct Part {
    lines: Arc<Finished>,
    range: Range<usize>,
    /// In the order of [`Finished::by_kind`].
    by_kind: bool,
}

/// What became of a batch so far.
#[derive(Debug, Default)]
struct Tally {
    /// Records of which a point is stored.
    records: BTreeSet<i64>,
    /// Records that may be among those, and are not.
    doubtful: usize,
    refused: Option<Refused>,
    questions: u32,
}

/// Points that InfluxDB will never accept.
#[derive(Debug)]
struct Refused {
    /// Where the first of them stands, or may stand.
    offset: Option<i64>,
    points: usize,
    /// There may be more: InfluxDB does not tell all of them.
    at_least: bool,
    error: InfluxError,
}

impl Writer<'_> {
    /// True once every point is stored or refused; false if shutdown came first.
    pub(super) async fn write(&self, lines: Finished) -> bool {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MAX);
        let mut tally = Tally::default();
        let range = 0..lines.len();
        let mut parts = vec![Part {
            lines: Arc::new(lines),
            range,
            by_kind: false,
        }];
        while let Some(part) = parts.pop().filter(|part| part.len() > 0) {
            let Err(error) = self.influx.write(self.bucket, part.text()).await else {
                self.accepted(part.len(), 0);
                part.note_records(0, &mut tally.records);
                backoff.reset();
                continue;
            };
            let Verdict::Retry(patience) = error.verdict() else {
                self.judge(part, error, &mut parts, &mut tally);
                continue;
            };
            parts.push(part);
            if self.status.write_failed(error.to_string()) {
                tracing::warn!(partition = self.partition, %error, "not stored; reading stops until InfluxDB accepts it");
            }
            let wait = backoff.after_failure(chance()).max(patience);
            let waited = self.shutdown.run_until_cancelled(sleep(wait)).await;
            if waited.is_none() {
                return false;
            }
        }
        self.status
            .stored(tally.records.len().saturating_sub(tally.doubtful));
        if let Some(Refused {
            offset,
            points,
            at_least,
            error,
        }) = tally.refused
        {
            tracing::warn!(partition = self.partition, offset, points, at_least, %error, "points are refused and left out");
        }
        true
    }

    /// InfluxDB found fault with a part: goes on with its halves, or without what is refused.
    fn judge(&self, part: Part, error: InfluxError, parts: &mut Vec<Part>, tally: &mut Tally) {
        match error.verdict() {
            Verdict::Split if part.len() > 1 => parts.extend(part.halves()),
            Verdict::Split | Verdict::Retry(_) => {
                self.status.refused(1);
                tally.refuse(part.offset(), 1, false, error);
            }
            Verdict::TooOld(refused) => {
                let refused = refused.min(part.len());
                self.accepted(part.len() - refused, refused);
                part.note_records(refused, &mut tally.records);
                tally.refuse(part.offset(), refused, false, error);
            }
            // All of it: nothing can be hidden.
            Verdict::Partial(refused) if refused >= part.len() => {
                self.accepted(0, part.len());
                tally.refuse(part.offset(), part.len(), false, error);
            }
            // Writing a point again changes nothing, so it costs only time to ask.
            Verdict::Partial(_) if tally.questions < MAX_QUESTIONS => {
                tally.questions += 1;
                parts.extend(part.by_kind().halves());
            }
            Verdict::Partial(refused) => {
                let refused = refused.max(1);
                self.accepted(part.len() - refused, refused);
                part.note_records(0, &mut tally.records);
                tally.doubtful += refused;
                tally.refuse(part.offset(), refused, true, error);
            }
        }
    }

    fn accepted(&self, points: usize, refused: usize) {
        if self.status.influx_fails() {
            tracing::info!(partition = self.partition, "InfluxDB accepts points again");
        }
        self.status.wrote(points, refused);
    }
}

impl Part {
    fn len(&self) -> usize {
        self.range.len()
    }

    fn text(&self) -> Bytes {
        self.lines.text(&self.range)
    }

    fn offset(&self) -> Option<i64> {
        self.lines.offset(&self.range)
    }

    fn note_records(&self, oldest: usize, into: &mut BTreeSet<i64>) {
        self.lines.note_records(&self.range, oldest, into);
    }

    /// The same in an order in which its halves differ: by measurement, which decides the type of a field, and by age.
    fn by_kind(self) -> Self {
        if self.by_kind {
            return self;
        }
        let lines = self.lines.by_kind(&self.range);
        Self {
            range: 0..lines.len(),
            lines: Arc::new(lines),
            by_kind: true,
        }
    }

    /// The second half and the first one: the last of a list is taken first.
    fn halves(self) -> [Self; 2] {
        let Range { start, end } = self.range;
        let middle = start + (end - start) / 2;
        let part = |range| Self {
            lines: Arc::clone(&self.lines),
            range,
            by_kind: self.by_kind,
        };
        [part(middle..end), part(start..middle)]
    }
}

impl Tally {
    fn refuse(&mut self, offset: Option<i64>, points: usize, at_least: bool, error: InfluxError) {
        let refused = self.refused.get_or_insert(Refused {
            offset,
            points: 0,
            at_least,
            error,
        });
        refused.points += points;
        refused.at_least |= at_least;
    }
}
