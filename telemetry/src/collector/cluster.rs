//! The Kafka cluster that is read from: one client for all partitions, made anew after a failure.

use std::sync::Arc;
use std::time::Duration;

use rskafka::client::Client;
use tokio::sync::Mutex;

use super::config::Config;
use super::partition_log::KafkaPartition;
use crate::kafka::{self, KafkaError, Security};

/// For a TCP connect and Kafka's first exchange of versions and metadata.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For every other question to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer of a broker: a fetch of one large record batch.
const MAX_ANSWER: usize = 64 << 20;

/// A cluster and a topic of it.
#[derive(Debug)]
pub(super) struct Cluster {
    brokers: Vec<String>,
    security: Security,
    topic: String,
    client: Mutex<Option<Arc<Client>>>,
}

impl Cluster {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            brokers: config.kafka.clone(),
            security: config.security.clone(),
            topic: config.topic.clone(),
            client: Mutex::default(),
        }
    }

    /// The partitions of the topic now; at least one.
    pub(super) async fn partitions(&self) -> Result<Vec<i32>, KafkaError> {
        let client = self.client().await?;
        let found = kafka::partitions(&client, &self.topic, REQUEST_TIMEOUT).await;
        match self.judged(&client, found).await? {
            found if found.is_empty() => Err(KafkaError::NoTopic {
                topic: self.topic.clone(),
            }),
            found => Ok(found),
        }
    }

    /// A partition, connected to its leader of now.
    pub(super) async fn partition(&self, index: i32) -> Result<KafkaPartition, KafkaError> {
        let client = self.client().await?;
        let found = kafka::partition(&client, &self.topic, index, REQUEST_TIMEOUT).await;
        let partition = self.judged(&client, found).await?;
        Ok(KafkaPartition::new(partition, REQUEST_TIMEOUT))
    }

    /// The client that there is, or a new one. Whoever comes meanwhile waits for it.
    async fn client(&self) -> Result<Arc<Client>, KafkaError> {
        let mut held = self.client.lock().await;
        if let Some(client) = &*held {
            return Ok(Arc::clone(client));
        }
        let client =
            kafka::connect(&self.brokers, &self.security, MAX_ANSWER, CONNECT_TIMEOUT).await?;
        let client = Arc::new(client);
        *held = Some(Arc::clone(&client));
        Ok(client)
    }

    /// A client that has failed once is not asked again: its idea of who leads may be wrong.
    async fn judged<T>(
        &self,
        client: &Arc<Client>,
        outcome: Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        if outcome.is_err() {
            let mut held = self.client.lock().await;
            if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, client)) {
                *held = None;
            }
        }
        outcome
    }
}
