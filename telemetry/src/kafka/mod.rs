//! Kafka with deadlines: rskafka for what is written, and a client of our own for what is read (`consumer`).
//!
//! rskafka 0.6 has no timeout of its own for a connect or a request, and retries forever inside most calls. So every call
//! goes through [`within`], and internal retries are switched off: a caller that gets an error drops the client,
//! waits, and starts again with a new one, which also learns about moved leaders.

mod brokers;
#[cfg(feature = "collector")]
pub(crate) mod consumer;
mod error;
mod reasons;
mod security;

use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::error::ProtocolError;
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};

use brokers::CLIENT_ID;
pub use brokers::{BrokersError, parse_brokers};
pub use error::KafkaError;
pub(crate) use error::within;
pub(crate) use reasons::Reasons;
pub use security::{Sasl, SaslMechanism, Security, SecurityError};

/// The largest answer to a producer: metadata of a large cluster. A peer that is not Kafka can announce any size.
const MAX_ANSWER: usize = 8 << 20;
/// Asks the broker for its default number of partitions or replicas of a new topic (KIP-464).
const BROKER_DEFAULT: i16 = -1;

/// How a topic is created where it is absent. How long it keeps records is the broker's setting (`log.retention.*`):
/// rskafka cannot send a topic its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewTopic {
    /// False: an absent topic is an error until somebody else creates it.
    pub create: bool,
    /// Partitions; None for the broker's default.
    pub partitions: Option<i32>,
    /// Replicas of each partition; None for the broker's default.
    pub replication: Option<i16>,
}

impl Default for NewTopic {
    fn default() -> Self {
        Self {
            create: true,
            partitions: None,
            replication: None,
        }
    }
}

/// A new client that is connected to one of the brokers.
pub(crate) async fn connect(
    brokers: &[String],
    security: &Security,
    limit: Duration,
) -> Result<Client, KafkaError> {
    let builder = ClientBuilder::new(brokers.to_vec())
        .client_id(CLIENT_ID)
        .max_message_size(MAX_ANSWER)
        .backoff_config(BackoffConfig {
            deadline: Some(Duration::ZERO),
            ..BackoffConfig::default()
        });
    within("connect", limit, security.apply(builder).build()).await
}

/// The partitions of a topic in ascending order; none if it does not exist.
pub(crate) async fn partitions(
    client: &Client,
    topic: &str,
    limit: Duration,
) -> Result<Vec<i32>, KafkaError> {
    let topics = within("list topics", limit, client.list_topics()).await?;
    let found = topics.into_iter().find(|found| found.name == topic);
    Ok(found
        .map(|topic| topic.partitions.into_iter().collect())
        .unwrap_or_default())
}

/// Creates a topic. If someone else has just created it, that is success.
pub(crate) async fn create_topic(
    client: &Client,
    topic: &str,
    new: NewTopic,
    limit: Duration,
) -> Result<(), KafkaError> {
    let step = "create topic";
    let controller = client
        .controller_client()
        .map_err(|error| KafkaError::Client {
            step,
            source: Box::new(error),
        })?;
    let limit_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    let created = within(
        step,
        limit,
        controller.create_topic(
            topic,
            new.partitions.unwrap_or(BROKER_DEFAULT.into()),
            new.replication.unwrap_or(BROKER_DEFAULT),
            limit_ms,
        ),
    )
    .await;
    match created {
        Err(error) if error.protocol() == Some(ProtocolError::TopicAlreadyExists) => Ok(()),
        other => other,
    }
}

/// A client of one partition, connected to its leader.
pub(crate) async fn partition(
    client: &Client,
    topic: &str,
    index: i32,
    limit: Duration,
) -> Result<PartitionClient, KafkaError> {
    within(
        "find leader",
        limit,
        client.partition_client(topic, index, UnknownTopicHandling::Error),
    )
    .await
}
