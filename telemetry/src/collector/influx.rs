//! Lines to InfluxDB 2 through the crate `influxdb2`, with a deadline on every call, and what each refusal means.

use std::time::Duration;

use influxdb2::api::write::TimestampPrecision;
use influxdb2::{Client, ClientBuilder, RequestError};
use tokio::time::timeout;

use super::config::{InfluxUrl, Token};

/// For one write, answer included. The crate has no limit of its own.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Of InfluxDB's text in an error, this much is kept: it repeats the lines that it did not like.
const MAX_REASON_CHARS: usize = 300;

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub enum InfluxError {
    /// The settings make no client.
    #[error("no client for InfluxDB: {0}")]
    Client(String),
    /// It did not answer in time.
    #[error("InfluxDB did not answer within {0:?}")]
    Timeout(Duration),
    /// The connection failed.
    #[error("InfluxDB cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("InfluxDB answered {status}: {reason}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of its explanation.
        reason: String,
    },
}

/// What to do after a failed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same again, later. Also where a token or bucket is missing: an operator can mend that.
    Retry,
    /// Something in the batch is at fault, the rest is not stored: write smaller parts.
    Split,
    /// Some points were refused and the others are stored: go on.
    Partial,
}

impl InfluxError {
    /// After InfluxDB's page "Troubleshoot issues writing data": 400 refuses a whole batch, 413 is too large, 422
    /// refuses some points and stores the rest.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Status {
                status: 400 | 413, ..
            } => Verdict::Split,
            Self::Status { status: 422, .. } => Verdict::Partial,
            _ => Verdict::Retry,
        }
    }
}

/// A bucket to write to.
#[derive(Debug)]
pub struct Influx {
    client: Client,
    bucket: String,
    timeout: Duration,
}

impl Influx {
    /// Makes the client; connects to nothing yet.
    ///
    /// # Errors
    /// [`InfluxError::Client`] when TLS cannot be set up.
    pub fn new(
        url: &InfluxUrl,
        org: &str,
        bucket: &str,
        token: Token,
    ) -> Result<Self, InfluxError> {
        let client = ClientBuilder::new(url.as_str(), org, token.into_secret())
            .build()
            .map_err(|error| InfluxError::Client(error.to_string()))?;
        let timeout = WRITE_TIMEOUT;
        Ok(Self {
            client,
            bucket: bucket.to_owned(),
            timeout,
        })
    }

    /// The same with another limit for one write than the default of ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Writes lines with times in milliseconds.
    ///
    /// # Errors
    /// Any [`InfluxError`]; whether the lines are stored then is known only for those of kind [`InfluxError::Status`].
    pub async fn write(&self, lines: Vec<u8>) -> Result<(), InfluxError> {
        let Self {
            client,
            bucket,
            timeout: limit,
        } = self;
        let call = client.write_line_protocol_with_precision(
            &client.org,
            bucket,
            lines,
            TimestampPrecision::Milliseconds,
        );
        match timeout(*limit, call).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(RequestError::Http { status, text })) => {
                let reason = text.chars().take(MAX_REASON_CHARS).collect();
                Err(InfluxError::Status {
                    status: status.as_u16(),
                    reason,
                })
            }
            Ok(Err(error)) => Err(InfluxError::Unreachable(innermost(&error))),
            Err(_) => Err(InfluxError::Timeout(*limit)),
        }
    }
}

/// The reason at the bottom: the layers above repeat the URL and say that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        for (status, verdict) in [
            (400, Verdict::Split),
            (413, Verdict::Split),
            (422, Verdict::Partial),
            (401, Verdict::Retry),
            (404, Verdict::Retry),
            (429, Verdict::Retry),
            (500, Verdict::Retry),
            (503, Verdict::Retry),
        ] {
            assert_eq!(
                InfluxError::Status {
                    status,
                    reason: String::new()
                }
                .verdict(),
                verdict,
                "{status}"
            );
        }
        assert_eq!(
            InfluxError::Timeout(WRITE_TIMEOUT).verdict(),
            Verdict::Retry
        );
    }
}
