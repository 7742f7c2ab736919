//! Times as the API writes them.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

pub(super) fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
