//! Why a step with Kafka failed, and the deadline of every step.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use rskafka::client::error::{Error as ClientError, ProtocolError};
use tokio::time::timeout;

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
    /// The connection failed or broke.
    #[error("{step}: {reason}")]
    Connection {
        /// What was tried.
        step: &'static str,
        /// What the system, TLS or SASL said.
        reason: String,
    },
    /// The broker answered with an error code.
    #[error("{step}: {}", code_name(*code))]
    Refused {
        /// What was asked.
        step: &'static str,
        /// Kafka's number of the error.
        code: i16,
    },
    /// The client library panicked.
    #[error("{step}: the client library panicked")]
    Panic {
        /// What was tried.
        step: &'static str,
    },
}

impl KafkaError {
    pub(super) fn protocol(&self) -> Option<ProtocolError> {
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

/// Kafka's name of an error code.
fn code_name(code: i16) -> String {
    match ProtocolError::new(code) {
        Some(error) => error.to_string(),
        None => format!("error {code}"),
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
