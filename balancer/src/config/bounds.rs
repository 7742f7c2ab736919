//! Bounds that several keys share.

use std::time::Duration;

pub(super) const SHORTEST: Duration = Duration::from_millis(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
