//! One partition at its leader: its ends, and its records.

use std::time::Duration;

use super::connection::{Connection, malformed};
use super::decode::{Decoded, decode};
use super::messages::{End, Epoch, Fetch, Limits, NONE, OFFSET_OUT_OF_RANGE, Offset};
use crate::kafka::error::KafkaError;

/// A partition, and a connection to its leader that nobody else uses.
#[derive(Debug)]
pub(crate) struct PartitionReader {
    connection: Connection,
    topic: String,
    partition: i32,
    limit: Duration,
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Records, or nothing new in time.
    Records {
        /// The records, and what was left out.
        decoded: Decoded,
        /// The offset that the next record gets.
        end: i64,
        /// Before this offset every transaction has ended; from there on nothing is given out yet.
        stable: i64,
    },
    /// The offset is not in the log, no longer or not yet.
    OutOfRange,
}

impl PartitionReader {
    /// `limit` is for each answer, beyond what it is told to wait.
    pub(crate) fn new(
        connection: Connection,
        topic: &str,
        partition: i32,
        limit: Duration,
    ) -> Self {
        Self {
            connection,
            topic: topic.to_owned(),
            partition,
            limit,
        }
    }

    /// The offset of the oldest record.
    ///
    /// # Errors
    /// [`KafkaError`]; the partition must be opened anew.
    pub(crate) async fn earliest(&mut self) -> Result<i64, KafkaError> {
        self.offset("earliest offset", End::Earliest).await
    }

    /// The offset behind the newest record that a committed reader may see.
    ///
    /// # Errors
    /// [`KafkaError`]; the partition must be opened anew.
    pub(crate) async fn latest(&mut self) -> Result<i64, KafkaError> {
        self.offset("latest offset", End::Latest).await
    }

    async fn offset(&mut self, step: &'static str, end: End) -> Result<i64, KafkaError> {
        let request = Offset::request(&self.topic, self.partition, end);
        let found = self.connection.ask(step, request, self.limit).await?;
        match found.error {
            NONE => Ok(found.offset),
            code => Err(KafkaError::Refused { step, code }),
        }
    }

    /// Where the records of a leader end, and those of leaders before it; None if the broker cannot tell.
    ///
    /// # Errors
    /// [`KafkaError`]; the partition must be opened anew.
    pub(crate) async fn end_of_epoch(&mut self, epoch: i32) -> Result<Option<i64>, KafkaError> {
        let step = "end of an epoch";
        let request = Epoch::request(&self.topic, self.partition, epoch);
        let found = self.connection.ask(step, request, self.limit).await?;
        match found.error {
            NONE => Ok(Some(found.end).filter(|end| *end >= 0)),
            code => Err(KafkaError::Refused { step, code }),
        }
    }

    /// Waits a while for records from an offset on.
    ///
    /// # Errors
    /// [`KafkaError`]; the partition must be opened anew.
    pub(crate) async fn fetch(
        &mut self,
        offset: i64,
        limits: Limits,
    ) -> Result<Fetched, KafkaError> {
        let step = "fetch";
        let limit = limits.wait + self.limit;
        let found = loop {
            let request = Fetch::request(&self.topic, self.partition, offset, limits);
            let answer = self.connection.ask(step, request, limit).await?;
            // The next question waits.
            self.connection.be_silent(answer.throttle_ms);
            if let Some(records) = answer.records {
                break records;
            }
        };
        match found.error {
            NONE => {
                let decoded = decode(found.batches, offset, found.aborted);
                Ok(Fetched::Records {
                    decoded: decoded.map_err(|error| malformed(step, error))?,
                    end: found.end,
                    stable: found.stable,
                })
            }
            OFFSET_OUT_OF_RANGE => Ok(Fetched::OutOfRange),
            code => Err(KafkaError::Refused { step, code }),
        }
    }
}
