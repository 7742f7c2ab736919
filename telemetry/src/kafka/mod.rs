//! rskafka with deadlines.
//!
//! rskafka 0.6 has no timeout of its own for a connect or a request, and retries forever inside most calls. So every call
//! goes through [`within`], and internal retries are switched off: a caller that gets an error drops the client,
//! waits, and starts again with a new one, which also learns about moved leaders.

mod brokers;
mod security;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use rskafka::BackoffConfig;
#[cfg(feature = "collector")]
use rskafka::client::error::RequestError;
use rskafka::client::error::{Error as ClientError, ProtocolError};
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use tokio::time::timeout;

pub use brokers::{BrokersError, parse_brokers};
pub use security::{Sasl, SaslMechanism, Security, SecurityError};

/// The client id in the brokers' logs and quotas.
const CLIENT_ID: &str = "netsocket";

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

/// Why a step with Kafka failed. All are worth another attempt with a new client unless a method says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The broker did not answer in time.
    #[error("{step}: no answer within {after:?}")]
    Timeout {
        /// What was tried.
        step: &'static str,
        /// How long.
        after: Duration,
    },
    /// The connection failed, or the broker refused.
    #[error("{step}: {}", root(source))]
    Client {
        /// What was tried.
        step: &'static str,
        /// What rskafka said.
        #[source]
        source: Box<ClientError>,
    },
    /// The topic is not there (yet).
    #[error("topic {topic} does not exist and is not to be created automatically")]
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// The client library panicked.
    #[error("{step}: the client library panicked")]
    Panic {
        /// What was tried.
        step: &'static str,
    },
}

impl KafkaError {
    fn protocol(&self) -> Option<ProtocolError> {
        match self {
            Self::Client { source, .. } => match **source {
                ClientError::ServerError { protocol_error, .. } => Some(protocol_error),
                _ => None,
            },
            _ => None,
        }
    }

    /// The broker refused: what was sent is certainly not stored.
    pub(crate) fn is_an_answer(&self) -> bool {
        // This one comes from a broker whose followers are too slow; the leader has the batch.
        self.protocol().is_some_and(|error| {
            error != ProtocolError::NotEnoughReplicasAfterAppend
                && error != ProtocolError::RequestTimedOut
        })
    }

    /// The broker will never take this batch, so sending it again is useless; parts of it may be fine.
    pub(crate) fn refuses_batch(&self) -> bool {
        matches!(
            self.protocol(),
            Some(
                ProtocolError::MessageTooLarge
                    | ProtocolError::RecordListTooLarge
                    | ProtocolError::InvalidTimestamp
                    | ProtocolError::InvalidRecord
            )
        )
    }
}

/// The cases that a reader of the log must distinguish.
#[cfg(feature = "collector")]
impl KafkaError {
    /// The offset asked for is not in the log: retention has removed it, or the topic was made anew.
    pub(crate) fn is_out_of_range(&self) -> bool {
        self.protocol() == Some(ProtocolError::OffsetOutOfRange)
    }

    /// The answer arrived, but what the log holds at this offset cannot be decoded.
    pub(crate) fn is_undecodable(&self) -> bool {
        matches!(self, Self::Client { source, .. } if matches!(
            **source,
            ClientError::Request(RequestError::ReadVersionedError(_)) | ClientError::InvalidResponse(_)
        ))
    }
}

/// The innermost reason, without the layers that only say that a retry was not allowed.
fn root(error: &ClientError) -> String {
    let mut text = error.to_string();
    if let Some((_, reason)) = text.rsplit_once("Source: ") {
        text = reason.to_owned();
    }
    text
}

/// Awaits a call of rskafka, but no longer than `limit`. A panic inside is an error like any other.
pub(crate) async fn within<T>(
    step: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, KafkaError> {
    match timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(source))) => Err(KafkaError::Client {
            step,
            source: Box::new(source),
        }),
        Ok(Err(_)) => Err(KafkaError::Panic { step }),
        Err(_) => Err(KafkaError::Timeout { step, after: limit }),
    }
}

/// A new client that is connected to one of the brokers. `max_message` bounds the memory of one response.
pub(crate) async fn connect(
    brokers: &[String],
    security: &Security,
    max_message: usize,
    limit: Duration,
) -> Result<Client, KafkaError> {
    let builder = ClientBuilder::new(brokers.to_vec())
        .client_id(CLIENT_ID)
        .max_message_size(max_message)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_ends_is_ended() {
        let limit = Duration::from_secs(3);
        let error = within::<()>("wait", limit, std::future::pending())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "wait: no answer within 3s");
    }

    #[tokio::test]
    async fn a_panic_inside_is_an_error() {
        let error = within::<()>("fall", Duration::from_secs(3), async {
            panic!("on purpose")
        })
        .await
        .unwrap_err();
        assert_eq!(error.to_string(), "fall: the client library panicked");
    }

    #[test]
    fn the_layers_of_a_forbidden_retry_are_not_shown() {
        let error = ClientError::InvalidResponse(
            "All retries failed: X. Source: Connection refused".into(),
        );
        assert_eq!(root(&error), "Connection refused");
        assert_eq!(
            root(&ClientError::InvalidResponse("odd".into())),
            "Invalid response: odd"
        );
    }
}
