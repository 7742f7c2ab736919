//! The Kafka cluster that is read from: who leads which partition, and connections to those.

use std::time::Duration;

use tokio::sync::Mutex;

use super::config::Config;
use super::partition_log::KafkaPartition;
use crate::kafka::consumer::{Connection, Metadata, PartitionReader};
use crate::kafka::{KafkaError, Security};

/// For a TCP connect, TLS and SASL.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For every other question to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster and a topic of it.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Those of the settings.
    bootstrap: Vec<String>,
    security: Security,
    topic: String,
    asked: Mutex<Asked>,
}

/// The broker that is asked about the cluster.
#[derive(Debug, Default)]
struct Asked {
    connection: Option<Connection>,
    /// Every broker that the cluster has told of.
    known: Vec<String>,
    /// Brokers tried so far: the next attempt begins behind the last one.
    tried: usize,
}

impl Cluster {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            bootstrap: config.kafka.clone(),
            security: config.security.clone(),
            topic: config.topic.clone(),
            asked: Mutex::default(),
        }
    }

    /// The partitions of the topic now; at least one.
    pub(super) async fn partitions(&self) -> Result<Vec<i32>, KafkaError> {
        let found = self.metadata().await?.topic.partitions;
        let mut partitions: Vec<i32> = found.iter().map(|(index, _)| *index).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// A partition, connected to its leader of now.
    pub(super) async fn partition(&self, index: i32) -> Result<KafkaPartition, KafkaError> {
        let metadata = self.metadata().await?;
        let step = "find leader";
        let mut partitions = metadata.topic.partitions.into_iter();
        let leader = partitions.find(|(found, _)| *found == index);
        let mut brokers = metadata.brokers.into_iter();
        let leader = leader.and_then(|(_, leader)| brokers.find(|(id, _)| *id == leader));
        let (_, address) = leader.ok_or_else(|| KafkaError::Connection {
            step,
            reason: format!("partition {index} has no leader now"),
        })?;
        let connection = Connection::open(&address, &self.security, CONNECT_TIMEOUT).await?;
        let reader = PartitionReader::new(connection, &self.topic, index, REQUEST_TIMEOUT);
        Ok(KafkaPartition::new(reader))
    }

    /// Something failed that the cluster has told us: the next question goes to another broker.
    pub(super) async fn doubt(&self) {
        let mut asked = self.asked.lock().await;
        asked.connection = None;
        asked.tried += 1;
    }

    /// What the cluster knows of the topic, which is there.
    async fn metadata(&self) -> Result<Metadata, KafkaError> {
        let mut asked = self.asked.lock().await;
        // Whoever gives up this call leaves no connection with half an answer behind.
        let mut connection = match asked.connection.take() {
            Some(connection) => connection,
            None => self.connect(&mut asked).await?,
        };
        let metadata = connection.metadata(&self.topic, REQUEST_TIMEOUT).await?;
        asked.connection = Some(connection);
        asked.known = metadata
            .brokers
            .iter()
            .map(|(_, address)| address.clone())
            .collect();
        match metadata.topic.error {
            0 => Ok(metadata),
            _ if metadata.topic.is_absent() => Err(KafkaError::NoTopic {
                topic: self.topic.clone(),
            }),
            code => {
                let step = "list the partitions";
                Err(KafkaError::Refused { step, code })
            }
        }
    }

    /// A broker that answers: one of the settings, else one that the cluster has told of.
    async fn connect(&self, asked: &mut Asked) -> Result<Connection, KafkaError> {
        let all: Vec<String> = self.bootstrap.iter().chain(&asked.known).cloned().collect();
        let mut failed = KafkaError::Connection {
            step: "connect",
            reason: "there is no broker to connect to".to_owned(),
        };
        for attempt in 0..all.len() {
            let Some(address) = all.get((asked.tried + attempt) % all.len()) else {
                break;
            };
            match Connection::open(address, &self.security, CONNECT_TIMEOUT).await {
                Ok(connection) => {
                    asked.tried += attempt;
                    return Ok(connection);
                }
                Err(error) => failed = error,
            }
        }
        asked.tried += 1;
        Err(failed)
    }
}
