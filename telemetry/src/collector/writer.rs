//! Lines into the database, as often as it takes, without those that it will never accept.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::influx::{Influx, Verdict};
use super::status::Status;
use crate::backoff::{Backoff, chance};

/// Points written at once, as InfluxData advises.
const BATCH_POINTS: usize = 5_000;
/// The wait after InfluxDB has failed for the first time.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// The longest wait between two writes, unless InfluxDB asks for more.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// One point, and where its record stands.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) offset: i64,
    /// With its newline.
    pub(super) text: Vec<u8>,
}

/// The way of one partition into one bucket.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) influx: &'a Influx,
    pub(super) bucket: &'a str,
    pub(super) partition: i32,
    pub(super) status: &'a Status,
    pub(super) shutdown: &'a CancellationToken,
}

impl Writer<'_> {
    /// True once every line is stored or refused; false if shutdown came first.
    pub(super) async fn write_all(&self, lines: &[Line]) -> bool {
        for batch in lines.chunks(BATCH_POINTS) {
            if !self.write(batch).await {
                return false;
            }
        }
        true
    }

    /// Writes a batch, in halves where InfluxDB finds fault with part of it. False if shutdown came first.
    async fn write(&self, batch: &[Line]) -> bool {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MAX);
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let texts: Vec<&[u8]> = part.iter().map(|line| line.text.as_slice()).collect();
            let Err(error) = self.influx.write(self.bucket, texts.concat()).await else {
                self.accepted(part.len(), 0);
                backoff.reset();
                continue;
            };
            match error.verdict() {
                Verdict::Split if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Verdict::Split => {
                    self.status.refused(1);
                    let offset = part.first().map(|line| line.offset);
                    tracing::warn!(partition = self.partition, offset, %error, "a point is refused and left out");
                }
                Verdict::Partial(refused) => {
                    let refused = refused.clamp(1, part.len());
                    self.accepted(part.len() - refused, refused);
                    let offset = part.first().map(|line| line.offset);
                    tracing::warn!(partition = self.partition, offset, refused, %error, "points are refused and left out");
                }
                Verdict::Retry(patience) => {
                    parts.push(part);
                    if self.status.write_failed(error.to_string()) {
                        tracing::warn!(partition = self.partition, %error, "not stored; reading stops until InfluxDB accepts it");
                    }
                    let wait = backoff.after_failure(chance()).max(patience);
                    if self
                        .shutdown
                        .run_until_cancelled(sleep(wait))
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

    fn accepted(&self, points: usize, refused: usize) {
        if self.status.influx_fails() {
            tracing::info!(partition = self.partition, "InfluxDB accepts points again");
        }
        self.status.wrote(points, refused);
    }
}
