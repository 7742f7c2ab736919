//! Admission limits, the queue and the PROXY protocol.

use std::num::NonZeroU32;
use std::time::Duration;

use netsocket_settings::Check;

use super::bounds::{HOUR, SHORTEST};
use super::keys::{Entries, Entry};
use crate::core::admission::{
    AddressLimits, DEFAULT_IPV6_PREFIX, DEFAULT_REMEMBERED, Limits, Network, Networks, Rate,
};
use crate::core::proxy_protocol::{ProxyRules, ProxySend};

/// Number of clients that may wait for a backend.
pub const DEFAULT_QUEUE_LENGTH: usize = 1024;
/// How long a client may wait.
pub const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for a complete PROXY protocol header.
pub const DEFAULT_PROXY_TIMEOUT: Duration = Duration::from_secs(3);

/// More than descriptors can be had for.
const MAX_CONNECTIONS: u64 = 100_000_000;
const MAX_WAITING: u64 = 1_000_000;

/// The queue of clients for which every backend is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRules {
    /// Maximum number of waiting clients.
    pub length: usize,
    /// How long a client may wait.
    pub timeout: Duration,
}

pub(super) fn default_queue() -> QueueRules {
    QueueRules {
        length: DEFAULT_QUEUE_LENGTH,
        timeout: DEFAULT_QUEUE_TIMEOUT,
    }
}

pub(super) fn default_proxy() -> ProxyRules {
    ProxyRules {
        from: Networks::default(),
        timeout: DEFAULT_PROXY_TIMEOUT,
        send: ProxySend::default(),
    }
}

pub(super) fn limits(check: &mut Check, entries: &Entries) -> Limits {
    let prefix = entries.get("address_ipv6_prefix");
    let prefix = check.count(
        &prefix.key,
        prefix.value,
        DEFAULT_IPV6_PREFIX.into(),
        1..=128,
    );
    Limits {
        allow: networks(check, entries, "allow"),
        deny: networks(check, entries, "deny"),
        connections: connections(check, entries, "max_connections"),
        rate: rate(check, entries, "rate"),
        address: AddressLimits {
            connections: connections(check, entries, "address_connections"),
            rate: rate(check, entries, "address_rate"),
            ipv6_prefix: u8::try_from(prefix).unwrap_or(DEFAULT_IPV6_PREFIX),
            remembered: DEFAULT_REMEMBERED,
        },
    }
}

pub(super) fn queue(check: &mut Check, entries: &Entries) -> QueueRules {
    let length = entries.get("queue_length");
    let default = DEFAULT_QUEUE_LENGTH as u64;
    let length = check.count(&length.key, length.value, default, 0..=MAX_WAITING);
    let Entry { key, value } = entries.get("queue_timeout");
    QueueRules {
        length: usize::try_from(length).unwrap_or(DEFAULT_QUEUE_LENGTH),
        timeout: check.duration(&key, value, DEFAULT_QUEUE_TIMEOUT, SHORTEST..=HOUR),
    }
}

pub(super) fn proxy(check: &mut Check, entries: &Entries) -> ProxyRules {
    let from = networks(check, entries, "proxy_from");
    let Entry { key, value } = entries.get("proxy_timeout");
    let timeout = check.duration(&key, value, DEFAULT_PROXY_TIMEOUT, SHORTEST..=HOUR);
    let Entry { key, value } = entries.get("proxy_send");
    let send = check.read_with(
        &key,
        value,
        ProxySend::Off,
        "off, v1 or v2",
        |text| match text {
            "off" => Some(ProxySend::Off),
            "v1" => Some(ProxySend::V1),
            "v2" => Some(ProxySend::V2),
            _ => None,
        },
    );
    ProxyRules {
        from,
        timeout,
        send,
    }
}

/// Networks with commas between.
fn networks(check: &mut Check, entries: &Entries, key: &'static str) -> Networks {
    let Entry { key, value } = entries.get(key);
    check.read_list(
        &key,
        value,
        Networks::default(),
        "addresses or networks separated by commas, such as 10.0.0.0/8,::1",
        |text| {
            let each = text.split(',').map(|one| one.trim().parse::<Network>());
            each.collect::<Result<Networks, _>>().ok()
        },
    )
}

fn connections(check: &mut Check, entries: &Entries, key: &'static str) -> Option<NonZeroU32> {
    let Entry { key, value } = entries.get(key);
    value?;
    let count = check.count(&key, value, 0, 1..=MAX_CONNECTIONS);
    u32::try_from(count).ok().and_then(NonZeroU32::new)
}

fn rate(check: &mut Check, entries: &Entries, key: &'static str) -> Option<Rate> {
    let Entry { key, value } = entries.get(key);
    let allowed = "a number and a period of 1ms to 1d, such as 100/s, 20/10s or 600/1m";
    check.read_with(&key, value, None, allowed, |text| {
        text.parse().ok().map(Some)
    })
}
