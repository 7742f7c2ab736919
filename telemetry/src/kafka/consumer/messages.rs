//! The requests of a reader and the answers to them, in one version each.

use std::time::Duration;

use bytes::{BufMut as _, Bytes};

use super::wire::{Input, Malformed, put_bytes, put_string};

/// No error.
pub(super) const NONE: i16 = 0;
/// The offset is not in the log.
pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
/// The topic or partition is not there.
pub(super) const UNKNOWN_TOPIC: i16 = 3;

/// A consumer, not a replica.
const CONSUMER: i32 = -1;
/// Only what is committed, and which transactions were aborted.
const READ_COMMITTED: i8 = 1;

/// A question to a broker, and how its answer is read.
#[derive(Debug, Clone)]
pub(super) struct Request<T> {
    pub(super) api: i16,
    pub(super) version: i16,
    pub(super) body: Vec<u8>,
    pub(super) parse: fn(&Bytes) -> Result<T, Malformed>,
}

/// What the cluster knows of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Every broker: its number and `HOST:PORT`.
    pub(crate) brokers: Vec<(i32, String)>,
    /// The topic.
    pub(crate) topic: TopicMetadata,
}

/// A topic, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    /// An error code, 0 for none.
    pub(crate) error: i16,
    /// Each partition with the number of its leader.
    pub(crate) partitions: Vec<(i32, i32)>,
}

impl TopicMetadata {
    /// There is no such topic.
    pub(crate) fn is_absent(&self) -> bool {
        self.error == UNKNOWN_TOPIC
    }
}

impl Metadata {
    /// About one topic, which must not come into being by being asked for.
    pub(super) fn request(topic: &str) -> Request<Self> {
        let mut body = Vec::new();
        body.put_i32(1);
        put_string(&mut body, topic);
        body.put_u8(u8::from(false));
        Request {
            api: 3,
            version: 4,
            body,
            parse: Self::parse,
        }
    }

    pub(super) fn parse(answer: &Bytes) -> Result<Self, Malformed> {
        let input = &mut Input(answer);
        let _throttle = input.int32()?;
        let brokers = input.list(|input| {
            let (id, host, port) = (input.int32()?, input.string()?, input.int32()?);
            let _rack = input.string()?;
            // IPv6 in brackets, as everywhere.
            let address = match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            };
            Ok((id, address))
        })?;
        let _cluster = input.string()?;
        let _controller = input.int32()?;
        let mut topics = input.list(|input| {
            let error = input.int16()?;
            let _name = input.string()?;
            let _internal = input.boolean()?;
            let partitions = input.list(|input| {
                // A partition without a leader for now says so in its leader as well.
                let _error = input.int16()?;
                let (index, leader) = (input.int32()?, input.int32()?);
                let _replicas = input.list(Input::int32)?;
                let _in_sync = input.list(Input::int32)?;
                Ok((index, leader))
            })?;
            Ok(TopicMetadata { error, partitions })
        })?;
        let topic = topics
            .pop()
            .ok_or(Malformed("nothing about the topic asked for"))?;
        Ok(Self { brokers, topic })
    }
}

/// Which end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The oldest record that there is.
    Earliest,
    /// Behind the newest record.
    Latest,
}

/// Where a partition begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) error: i16,
    pub(super) offset: i64,
}

impl Offset {
    pub(super) fn request(topic: &str, partition: i32, end: End) -> Request<Self> {
        let mut body = Vec::new();
        body.put_i32(CONSUMER);
        body.put_i8(READ_COMMITTED);
        one_partition(&mut body, topic, partition);
        body.put_i64(match end {
            End::Latest => -1,
            End::Earliest => -2,
        });
        Request {
            api: 2,
            version: 2,
            body,
            parse: Self::parse,
        }
    }

    pub(super) fn parse(answer: &Bytes) -> Result<Self, Malformed> {
        let input = &mut Input(answer);
        let _throttle = input.int32()?;
        only_partition(input, |input| {
            let _partition = input.int32()?;
            let error = input.int16()?;
            let _time = input.int64()?;
            let offset = input.int64()?;
            Ok(Self { error, offset })
        })
    }
}

/// Where the records of a leader end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch {
    pub(super) error: i16,
    pub(super) end: i64,
}

impl Epoch {
    pub(super) fn request(topic: &str, partition: i32, epoch: i32) -> Request<Self> {
        let mut body = Vec::new();
        body.put_i32(CONSUMER);
        one_partition(&mut body, topic, partition);
        // Whoever leads now.
        body.put_i32(-1);
        body.put_i32(epoch);
        Request {
            api: 23,
            version: 3,
            body,
            parse: Self::parse,
        }
    }

    pub(super) fn parse(answer: &Bytes) -> Result<Self, Malformed> {
        let input = &mut Input(answer);
        let _throttle = input.int32()?;
        only_partition(input, |input| {
            let error = input.int16()?;
            let _partition = input.int32()?;
            let _epoch = input.int32()?;
            let end = input.int64()?;
            Ok(Self { error, end })
        })
    }
}

/// The answer to a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fetch {
    /// How long the broker wants to hear nothing from us.
    pub(super) throttle_ms: i32,
    /// None from a broker that only says that: our quota is used up.
    pub(super) records: Option<Records>,
}

/// Records from an offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) error: i16,
    /// The offset that the next record gets.
    pub(super) end: i64,
    /// Before this offset every transaction has ended.
    pub(super) stable: i64,
    /// Aborted transactions: producer and first offset.
    pub(super) aborted: Vec<(i64, i64)>,
    /// Batches; the last one may be cut off.
    pub(super) batches: Bytes,
}

/// How much to fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes; one batch comes in any case.
    pub(crate) bytes: i32,
    /// The broker answers with nothing after so long.
    pub(crate) wait: Duration,
}

impl Fetch {
    pub(super) fn request(
        topic: &str,
        partition: i32,
        offset: i64,
        limits: Limits,
    ) -> Request<Self> {
        let mut body = Vec::new();
        body.put_i32(CONSUMER);
        body.put_i32(i32::try_from(limits.wait.as_millis()).unwrap_or(i32::MAX));
        body.put_i32(1);
        body.put_i32(limits.bytes);
        body.put_i8(READ_COMMITTED);
        one_partition(&mut body, topic, partition);
        body.put_i64(offset);
        body.put_i32(limits.bytes);
        Request {
            api: 1,
            version: 4,
            body,
            parse: Self::parse,
        }
    }

    pub(super) fn parse(answer: &Bytes) -> Result<Self, Malformed> {
        let input = &mut Input(answer);
        let throttle_ms = input.int32()?;
        let mut topics = input.list(|input| {
            let _name = input.string()?;
            input.list(|input| Records::parse(input, answer))
        })?;
        let records = topics.pop().and_then(|mut partitions| partitions.pop());
        match records {
            None if throttle_ms <= 0 => Err(Malformed("nothing about the partition asked for")),
            records => Ok(Self {
                throttle_ms,
                records,
            }),
        }
    }
}

impl Records {
    fn parse(input: &mut Input<'_>, answer: &Bytes) -> Result<Self, Malformed> {
        let _partition = input.int32()?;
        let error = input.int16()?;
        let (end, stable) = (input.int64()?, input.int64()?);
        let aborted = input.list(|input| Ok((input.int64()?, input.int64()?)))?;
        let batches = input.bytes()?.unwrap_or_default();
        Ok(Self {
            error,
            end,
            stable,
            aborted,
            batches: answer.slice_ref(batches),
        })
    }
}

/// Whether a broker knows a mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handshake {
    pub(super) error: i16,
}

impl Handshake {
    pub(super) fn request(mechanism: &str) -> Request<Self> {
        let mut body = Vec::new();
        put_string(&mut body, mechanism);
        Request {
            api: 17,
            version: 1,
            body,
            parse: Self::parse,
        }
    }

    pub(super) fn parse(answer: &Bytes) -> Result<Self, Malformed> {
        let error = Input(answer).int16()?;
        Ok(Self { error })
    }
}

/// One step of a mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authenticate {
    pub(super) error: i16,
    pub(super) reason: String,
    pub(super) bytes: Vec<u8>,
}

impl Authenticate {
    pub(super) fn request(bytes: &[u8]) -> Request<Self> {
        let mut body = Vec::new();
        put_bytes(&mut body, bytes);
        Request {
            api: 36,
            version: 1,
            body,
            parse: Self::parse,
        }
    }

    pub(super) fn parse(answer: &Bytes) -> Result<Self, Malformed> {
        let input = &mut Input(answer);
        let error = input.int16()?;
        let reason = input.string()?.to_owned();
        let bytes = input.bytes()?.unwrap_or_default().to_vec();
        let _lifetime_ms = input.int64()?;
        Ok(Self {
            error,
            reason,
            bytes,
        })
    }
}

/// One topic with one partition.
fn one_partition(body: &mut Vec<u8>, topic: &str, partition: i32) {
    body.put_i32(1);
    put_string(body, topic);
    body.put_i32(1);
    body.put_i32(partition);
}

/// The answer about the one topic and partition that was asked for.
fn only_partition<T>(
    input: &mut Input<'_>,
    mut partition: impl FnMut(&mut Input<'_>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let mut topics = input.list(|input| {
        let _name = input.string()?;
        input.list(&mut partition)
    })?;
    let found = topics.pop().and_then(|mut partitions| partitions.pop());
    found.ok_or(Malformed("nothing about the partition asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_throttles_says_only_for_how_long() {
        let answer = |throttle_ms: i32| {
            let mut answer = throttle_ms.to_be_bytes().to_vec();
            answer.put_i32(0);
            Fetch::parse(&Bytes::from(answer))
        };
        let throttled = answer(1_500).unwrap();
        assert_eq!((throttled.throttle_ms, throttled.records), (1_500, None));
        assert!(answer(0).is_err(), "then something is wrong");
    }

    #[test]
    fn a_topic_that_is_absent_is_no_error_of_the_answer() {
        let mut answer = 0_i32.to_be_bytes().to_vec();
        answer.put_i32(1);
        answer.put_i32(7);
        put_string(&mut answer, "::1");
        answer.put_i32(9_092);
        answer.put_i16(-1);
        answer.put_i16(-1);
        answer.put_i32(7);
        answer.put_i32(1);
        answer.put_i16(UNKNOWN_TOPIC);
        put_string(&mut answer, "t");
        answer.put_u8(0);
        answer.put_i32(0);
        let answer = Bytes::from(answer);
        let metadata = Metadata::parse(&answer).unwrap();
        assert_eq!(metadata.brokers, [(7, "[::1]:9092".to_owned())]);
        assert!(metadata.topic.is_absent());
        for length in 0..answer.len() {
            assert!(
                Metadata::parse(&answer.slice(..length)).is_err(),
                "{length}"
            );
        }
    }

    /// The last byte is the permission to create the topic.
    #[test]
    fn metadata_is_asked_for_without_the_right_to_create() {
        assert_eq!(Metadata::request("t").body, [0, 0, 0, 1, 0, 1, b't', 0]);
    }
}
