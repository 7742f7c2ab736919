//! Settings of TCP keepalive, and of how long a peer may leave bytes unacknowledged.

use std::time::Duration;

use netsocket_settings::Check;

use super::bounds::{HOUR, SHORTEST};
use super::keys::{Entries, Entry};

const SECOND: Duration = Duration::from_secs(1);
/// The system's bound, in whole hours.
const LONGEST: Duration = HOUR.saturating_mul(9);

/// How a machine that has vanished is noticed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_balancer::Config;
///
/// let keepalive = Config::default().listen_options.keepalive;
/// assert_eq!(keepalive.lost_after(), Some(Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence after which the system sends the first probe; zero: none is sent.
    pub time: Duration,
    /// Between two probes.
    pub interval: Duration,
    /// Probes without an answer after which the peer is lost.
    pub probes: u32,
    /// `TCP_USER_TIMEOUT`; zero: it is not set.
    pub user_timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            interval: Duration::from_secs(10),
            probes: 3,
            user_timeout: Duration::ZERO,
        }
    }
}

impl Keepalive {
    /// How long a peer is silent until it is lost; `None` if nothing asks for it.
    #[must_use]
    pub fn lost_after(&self) -> Option<Duration> {
        let all = self.time + self.interval * self.probes;
        Some(all).filter(|_| !self.time.is_zero())
    }
}

pub(super) fn keepalive(check: &mut Check, entries: &Entries) -> Keepalive {
    let defaults = Keepalive::default();
    let Entry { key, value } = entries.get("keepalive_time");
    let time = check.duration(&key, value, defaults.time, Duration::ZERO..=LONGEST);
    if let Some(given) = value.filter(|_| !time.is_zero() && time < SECOND) {
        check.problem(&key, given.as_str(), "0, or a second at least");
    }
    let Entry { key, value } = entries.get("keepalive_interval");
    let interval = check.duration(&key, value, defaults.interval, SECOND..=LONGEST);
    let Entry { key, value } = entries.get("keepalive_probes");
    let probes = check.count(&key, value, defaults.probes.into(), 1..=127);
    let Entry { key, value } = entries.get("tcp_user_timeout");
    let bounds = Duration::ZERO..=24 * HOUR;
    let user_timeout = check.duration(&key, value, defaults.user_timeout, bounds);
    if let Some(given) = value.filter(|_| !user_timeout.is_zero() && user_timeout < 10 * SHORTEST) {
        check.problem(&key, given.as_str(), "0, or 10ms at least");
    }
    Keepalive {
        time,
        interval,
        probes: u32::try_from(probes).unwrap_or(defaults.probes),
        user_timeout,
    }
}
