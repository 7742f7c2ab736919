//! Writes to and queries of InfluxDB 2, with a deadline on every call, and the meaning of each error status.
//!
//! The write API is one POST, spoken here with the HTTP client that the crate `influxdb2` brings along: that crate shows
//! neither `Retry-After` nor a body that broke off. The points of positions and of the collector itself, and the setting up of a
//! database ([`super::setup`]), are that crate's.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response};

use super::config::{InfluxUrl, Token};

/// For one call, answer included.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Of InfluxDB's text in an error, this much is kept: it repeats the lines that it did not like.
const MAX_REASON_CHARS: usize = 300;
/// A database that asks for more patience is asked again after this long.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Why a call to InfluxDB failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InfluxError {
    /// The client cannot be created from the settings.
    #[error("cannot create the InfluxDB client: {0}")]
    Client(String),
    /// It did not answer in time.
    #[error("InfluxDB did not answer within {0:?}")]
    Timeout(Duration),
    /// The connection failed.
    #[error("cannot reach InfluxDB: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("InfluxDB answered {status}: {reason}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of its explanation.
        reason: String,
        /// How many points of a batch it left out, where it says so.
        dropped: Option<Dropped>,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
}

/// Points that were left out of a batch; the others are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// They are older than the bucket keeps anything. All such points of the batch are counted.
    TooOld(usize),
    /// A field has another type. Those of one shard are counted, and not those that are too old as well.
    Other(usize),
}

/// What to do after a failed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Retry after at least this long. Also if a token or bucket is missing: an operator can fix that.
    Retry(Duration),
    /// Something in the batch is at fault and nothing is stored: write smaller parts.
    Split,
    /// So many points, the oldest, were refused and the others are stored: go on.
    TooOld(usize),
    /// At least so many points were refused and the others are stored.
    Partial(usize),
}

impl InfluxError {
    /// After InfluxDB's page "Troubleshoot issues writing data": 400 refuses a whole batch, 413 is too large, 422
    /// refuses some points and stores the rest.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Status {
                status: 400 | 413, ..
            } => Verdict::Split,
            Self::Status {
                status: 422,
                dropped,
                ..
            } => match dropped {
                Some(Dropped::TooOld(points)) => Verdict::TooOld(*points),
                Some(Dropped::Other(points)) => Verdict::Partial(*points),
                None => Verdict::Partial(1),
            },
            Self::Status { retry_after, .. } => Verdict::Retry(retry_after.unwrap_or_default()),
            _ => Verdict::Retry(Duration::ZERO),
        }
    }

    /// The database denies access: wrong token, no permission, no such bucket.
    pub(super) fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 401 | 403 | 404,
                ..
            }
        )
    }
}

/// What the whole explanation says about points left out: `partial write: REASON dropped=3`, where the reason may repeat
/// points, and so any text.
fn dropped(explanation: &str) -> Option<Dropped> {
    let (reason, number) = explanation.rsplit_once("dropped=")?;
    let end = number.find(|c: char| !c.is_ascii_digit());
    let points = number.get(..end.unwrap_or(number.len()))?.parse().ok()?;
    let (_, reason) = reason.split_once("partial write: ")?;
    match reason.starts_with("dropped ") && reason.contains(" points outside retention policy ") {
        true => Some(Dropped::TooOld(points)),
        false => Some(Dropped::Other(points)),
    }
}

/// A database of InfluxDB 2, as one organisation and one token see it.
#[derive(Debug, Clone)]
pub struct Influx {
    client: Client,
    url: InfluxUrl,
    org: String,
    timeout: Duration,
}

impl Influx {
    /// Makes the client; connects to nothing yet.
    ///
    /// # Errors
    /// [`InfluxError::Client`] when TLS cannot be set up.
    pub fn new(url: &InfluxUrl, org: &str, token: Token) -> Result<Self, InfluxError> {
        let failed = |error: &dyn std::error::Error| InfluxError::Client(innermost(error));
        let secret = format!("Token {}", token.into_secret());
        let mut secret = HeaderValue::try_from(secret).map_err(|error| failed(&error))?;
        secret.set_sensitive(true);
        let client = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, secret)]))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            client,
            url: url.clone(),
            org: org.to_owned(),
            timeout: CALL_TIMEOUT,
        })
    }

    /// The same with another limit for one call than the default of ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Writes lines with times in milliseconds.
    ///
    /// # Errors
    /// Any [`InfluxError`]; whether the lines are stored then is known only for those of kind [`InfluxError::Status`].
    pub async fn write(&self, bucket: &str, lines: impl Into<Bytes>) -> Result<(), InfluxError> {
        let query = [("bucket", bucket), ("org", &self.org), ("precision", "ms")];
        self.post("write", &query, "text/plain; charset=utf-8", lines.into())
            .await
            .map(drop)
    }

    /// What a Flux query answers: CSV with a line of column names before each table.
    ///
    /// # Errors
    /// Any [`InfluxError`].
    pub async fn query(&self, flux: String) -> Result<String, InfluxError> {
        let query = [("org", self.org.as_str())];
        self.post("query", &query, "application/vnd.flux", flux.into())
            .await
    }

    async fn post(
        &self,
        call: &str,
        query: &[(&str, &str)],
        content: &str,
        body: Bytes,
    ) -> Result<String, InfluxError> {
        let answer = async {
            let request = self
                .client
                .post(format!("{}/api/v2/{call}", self.url.as_str()))
                .query(query)
                .header(CONTENT_TYPE, content)
                .body(body);
            let response = request.send().await?;
            let (status, wait) = (response.status(), retry_after(&response, Utc::now()));
            Ok::<_, reqwest::Error>((status, wait, response.text().await?))
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok((status, _, text))) if status.is_success() => Ok(text),
            Ok(Ok((status, retry_after, text))) => Err(InfluxError::Status {
                status: status.as_u16(),
                reason: text.trim().chars().take(MAX_REASON_CHARS).collect(),
                dropped: dropped(&text),
                retry_after,
            }),
            Ok(Err(error)) => Err(InfluxError::Unreachable(innermost(&error))),
            Err(_) => Err(InfluxError::Timeout(self.timeout)),
        }
    }
}

/// Seconds, or a date (RFC 9110), but never more than [`MAX_RETRY_AFTER`].
fn retry_after(response: &Response, now: DateTime<Utc>) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    patience(text, now)
}

fn patience(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
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

    fn status(status: u16, reason: &str, retry_after: Option<Duration>) -> InfluxError {
        InfluxError::Status {
            status,
            reason: reason.into(),
            dropped: dropped(reason),
            retry_after,
        }
    }

    #[test]
    fn each_status_has_its_verdict() {
        let later = Verdict::Retry(Duration::ZERO);
        for (code, verdict) in [
            (400, Verdict::Split),
            (413, Verdict::Split),
            (422, Verdict::Partial(1)),
            (401, later),
            (404, later),
            (429, later),
            (500, later),
            (503, later),
        ] {
            assert_eq!(status(code, "", None).verdict(), verdict, "{code}");
        }
        assert_eq!(InfluxError::Timeout(CALL_TIMEOUT).verdict(), later);
        let patient = status(429, "", Some(Duration::from_secs(7)));
        assert_eq!(patient.verdict(), Verdict::Retry(Duration::from_secs(7)));
        // As InfluxDB 2.7 words it.
        let partial = |reason: &str| {
            let text = format!(
                r#"{{"code":"unprocessable entity","message":"failure writing points to database: partial write: {reason}"}}"#
            );
            status(422, &text, None).verdict()
        };
        let conflict = r#"field type conflict: input field \"x\" on measurement \"m\" is type float, already exists as type integer dropped=12"#;
        assert_eq!(partial(conflict), Verdict::Partial(12));
        let point = format!("system_stats,host={} dropped=7", "h".repeat(400));
        let old = format!(
            "dropped 5 points outside retention policy of duration 24h0m0s - oldest point {point} at … dropped because it \
             violates a Retention Policy Lower Bound at …, newest point {point} at … dropped=5"
        );
        assert_eq!(partial(&old), Verdict::TooOld(5));
        assert_eq!(partial("something new"), Verdict::Partial(1));
    }

    #[test]
    fn patience_is_seconds_or_a_date_and_bounded() {
        let now = DateTime::parse_from_rfc3339("2026-08-04T12:00:00Z")
            .unwrap()
            .to_utc();
        for (text, seconds) in [
            ("3", Some(3)),
            ("0", Some(0)),
            ("99999999", Some(300)),
            ("Tue, 04 Aug 2026 12:00:09 GMT", Some(9)),
            ("Tue, 04 Aug 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                patience(text, now),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
