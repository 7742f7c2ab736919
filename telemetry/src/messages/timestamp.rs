//! How a time is written in every message.

use chrono::{DateTime, Utc};
use serde::Serializer;

/// RFC 3339 in UTC with milliseconds, the precision that every reader keeps.
pub(super) fn rfc3339_millis<S: Serializer>(
    ts: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&ts.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
}
