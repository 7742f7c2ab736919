//! The background task of a producer: connect, send, and reconnect after any error.

use std::collections::BTreeMap;
use std::time::Duration;

use rskafka::client::partition::{Compression as KafkaCompression, PartitionClient};
use rskafka::record::Record as KafkaRecord;
use tokio::time::sleep;

use super::config::{Compression, ProducerConfig};
use super::entry::Entry;
use super::queue::{Outcome, Queued};
use super::shared::Shared;
use crate::backoff::{Backoff, chance};
use crate::kafka::{self, KafkaError};

/// Where batches go: a partition in Kafka, or a test.
trait Destination {
    /// Sends a batch; done when it is stored.
    fn send(&self, batch: &[Queued<Entry>]) -> impl Future<Output = Result<(), KafkaError>> + Send;
}

/// The leader of this process's partition.
#[derive(Debug)]
struct Leader<'a> {
    partition: PartitionClient,
    key: &'a str,
    compression: KafkaCompression,
    limit: Duration,
}

impl Destination for Leader<'_> {
    async fn send(&self, batch: &[Queued<Entry>]) -> Result<(), KafkaError> {
        let record = |queued: &Queued<Entry>| match queued.record.json() {
            Ok(json) => Some(KafkaRecord {
                key: Some(self.key.as_bytes().to_vec()),
                value: Some(json),
                headers: BTreeMap::new(),
                timestamp: queued.record.ts(),
            }),
            Err(error) => {
                // Cannot happen with these types; were they to change, one line tells.
                tracing::error!(%error, "cannot serialise a record as JSON");
                None
            }
        };
        let records = batch.iter().filter_map(record).collect();
        let call = self.partition.produce(records, self.compression);
        kafka::within("produce", self.limit, call).await.map(drop)
    }
}

/// Runs until the queue is empty after `closing`.
pub(super) async fn run(config: &ProducerConfig, key: &str, shared: &Shared) {
    // After a panic: nothing is connected, and a batch that was being sent is gone.
    shared.link().connected = false;
    shared.queue().lose_batch();
    let mut backoff = Backoff::new(config.backoff_first, config.backoff_max);
    while !(shared.closing.is_cancelled() && shared.queue().is_empty()) {
        let error = match connect(config, key).await {
            Ok(leader) => {
                note_connected(shared, &leader.partition);
                match send_all(shared, &leader, config.linger, &mut backoff).await {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        note_failure(shared, &error);
        sleep(backoff.after_failure(chance())).await;
    }
}

/// A new client for the partition of `key`, on a topic that is created where it is absent and may be.
async fn connect<'a>(config: &ProducerConfig, key: &'a str) -> Result<Leader<'a>, KafkaError> {
    let ProducerConfig {
        brokers,
        topic,
        new_topic,
        security,
        connect_timeout,
        request_timeout: limit,
        ..
    } = config;
    let client = kafka::connect(brokers, security, *connect_timeout).await?;
    let mut partitions = kafka::partitions(&client, topic, *limit).await?;
    if partitions.is_empty() && new_topic.create {
        kafka::create_topic(&client, topic, *new_topic, *limit).await?;
        tracing::info!(topic, "topic created");
        partitions = kafka::partitions(&client, topic, *limit).await?;
    }
    // A new topic may take a moment to be known to the broker that we asked.
    let index = *choose(&partitions, key).ok_or_else(|| KafkaError::NoTopic {
        topic: topic.clone(),
    })?;
    let partition = kafka::partition(&client, topic, index, *limit).await?;
    Ok(Leader {
        partition,
        key,
        compression: match config.compression {
            Compression::None => KafkaCompression::NoCompression,
            Compression::Lz4 => KafkaCompression::Lz4,
            Compression::Zstd => KafkaCompression::Zstd,
        },
        limit: *limit,
    })
}

/// Sends batch after batch. Ends well only after `closing`, with nothing left.
async fn send_all(
    shared: &Shared,
    to: &impl Destination,
    linger: Duration,
    backoff: &mut Backoff,
) -> Result<(), KafkaError> {
    let mut most = usize::MAX;
    loop {
        let batch = shared.queue().take(most);
        if batch.is_empty() {
            if shared.closing.is_cancelled() {
                return Ok(());
            }
            tokio::select! {
                () = shared.wake.notified() => {}
                () = shared.closing.cancelled() => {}
            }
            if !shared.queue().fills_a_batch() {
                // Shutdown does not wait for more records.
                let _: Option<()> = shared.closing.run_until_cancelled(sleep(linger)).await;
            }
            continue;
        }
        match to.send(&batch).await {
            Ok(()) => {
                shared.queue().sent();
                backoff.reset();
                most = usize::MAX;
            }
            Err(error) if error.refuses_batch() && batch.len() > 1 => {
                // One of its records is at fault: smaller batches isolate it.
                most = batch.len() / 2;
                shared.queue().put_back(batch, Outcome::NotStored);
            }
            Err(error) if error.refuses_batch() => {
                tracing::warn!(%error, "Kafka refused a record; it is dropped");
                shared.link().last_error = Some(error.to_string());
                shared.queue().refused();
            }
            Err(error) => {
                let outcome = if error.is_an_answer() {
                    Outcome::NotStored
                } else {
                    Outcome::Unknown
                };
                shared.queue().put_back(batch, outcome);
                return Err(error);
            }
        }
    }
}

/// The partition of a key: always the same one while their number does not change.
fn choose<'a>(partitions: &'a [i32], key: &str) -> Option<&'a i32> {
    let number = u64::try_from(partitions.len())
        .ok()
        .filter(|&number| number > 0)?;
    partitions.get(usize::try_from(fnv1a(key.as_bytes()) % number).ok()?)
}

/// FNV-1a with 64 bits (RFC 9923): the same on every machine and version, which the hashes of `std` do not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn note_connected(shared: &Shared, partition: &PartitionClient) {
    {
        let mut link = shared.link();
        link.connected = true;
        link.connects += 1;
        link.told.forget();
    }
    let counts = shared.queue().counts();
    tracing::info!(
        topic = partition.topic(),
        partition = partition.partition(),
        queued = counts.queued,
        dropped = counts.drops.total(),
        "connected to Kafka, sending telemetry"
    );
}

/// Only the first failure of its kind in a row is a warning.
fn note_failure(shared: &Shared, error: &KafkaError) {
    let mut link = shared.link();
    let text = error.to_string();
    if link.told.is_news(&text) {
        tracing::warn!(error = text, "cannot send telemetry to Kafka; retrying");
    } else {
        tracing::debug!(error = text, "cannot send telemetry to Kafka");
    }
    link.connected = false;
    link.failures += 1;
    link.last_error = Some(text);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use std::sync::Arc;

    use chrono::DateTime;
    use rskafka::client::error::{Error as ClientError, ProtocolError, RequestContext};

    use super::*;
    use crate::messages::{Event, EventKind, Identity, Role};
    use crate::producer::queue::Queue;
    use crate::producer::shared::ProducerStats;

    fn server_error(protocol_error: ProtocolError) -> KafkaError {
        let request = RequestContext::Topic("t".into());
        let source = Box::new(ClientError::ServerError {
            protocol_error,
            error_message: None,
            request,
            response: None,
            is_virtual: false,
        });
        KafkaError::Client {
            step: "produce",
            source,
        }
    }

    /// Refuses every batch with an `x` in it, fails once where a batch has an `f`, and keeps the rest.
    #[derive(Default)]
    struct Picky {
        kept: Mutex<Vec<u8>>,
        failed: Mutex<bool>,
    }

    impl Destination for Picky {
        async fn send(&self, batch: &[Queued<Entry>]) -> Result<(), KafkaError> {
            let letter = |queued: &Queued<Entry>| match &queued.record {
                Entry::Event(event) => event.text.as_bytes()[0],
                Entry::Record(_) => b'?',
            };
            let bytes: Vec<u8> = batch.iter().map(letter).collect();
            if bytes.contains(&b'x') {
                return Err(server_error(ProtocolError::MessageTooLarge));
            }
            if bytes.contains(&b'f') && !std::mem::replace(&mut *self.failed.lock().unwrap(), true)
            {
                return Err(server_error(ProtocolError::NotLeaderOrFollower));
            }
            self.kept.lock().unwrap().extend(bytes);
            Ok(())
        }
    }

    /// What is kept of these one-letter records, with every failure followed by another try, and the counts.
    async fn deliver(letters: &str) -> (String, usize, ProducerStats) {
        let limits = ProducerConfig::new(vec![]).limits;
        let shared = Shared::new(Queue::new(limits));
        for letter in letters.bytes() {
            let identity = Identity::new(Role::Balancer, "lb");
            let text = char::from(letter).to_string();
            let event = Event::new(&identity, DateTime::UNIX_EPOCH, EventKind::Reload, text);
            shared.queue().push(Entry::Event(Arc::new(event)));
        }
        shared.closing.cancel();
        let picky = Picky::default();
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        let mut failures = 0;
        while send_all(&shared, &picky, Duration::ZERO, &mut backoff)
            .await
            .is_err()
        {
            failures += 1;
        }
        let kept = String::from_utf8(picky.kept.lock().unwrap().clone()).unwrap();
        (kept, failures, shared.stats())
    }

    #[tokio::test]
    async fn a_failed_batch_is_sent_again_in_order() {
        let (kept, failures, stats) = deliver("abfcd").await;
        assert_eq!(
            (kept.as_str(), failures, stats.sent, stats.dropped),
            ("abfcd", 1, 5, 0)
        );
    }

    #[tokio::test]
    async fn only_the_record_at_fault_is_dropped() {
        let (kept, failures, stats) = deliver("abcdexfghxijk").await;
        assert_eq!(kept, "abcdefghijk");
        assert_eq!(
            (failures, stats.sent, stats.dropped, stats.queued),
            (1, 11, 2, 0)
        );
        assert_eq!(stats.drops.refused, 2);
        assert!(stats.last_error.unwrap().contains("MessageTooLarge"));
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_key_stays_on_its_partition_and_keys_spread() {
        let partitions = [0, 1, 2];
        assert_eq!(
            choose(&partitions, "box/balancer/lb"),
            choose(&partitions, "box/balancer/lb")
        );
        let used: std::collections::BTreeSet<_> = (0..50)
            .filter_map(|number| choose(&partitions, &format!("box/fileserver/{number}")))
            .collect();
        assert_eq!(used.len(), 3);
        assert_eq!(choose(&[], "box"), None);
    }
}
