//! What is known of each client address: how many connections it has open, and how fast it opens new ones.
//!
//! Bounded without ever losing count of a connection: an address with an open connection is always in the table, and
//! there are no more of those than connections, each of which costs more elsewhere. Addresses that have none are kept
//! only as long as their rate has something to remember, and only so many of them; of more than that the one that
//! closed first is forgotten. So a client with endless addresses can make the table forget how fast others were, but
//! can neither fill it up nor lock anybody out.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cidr::v6_mask;
use super::rate::{Rate, Ticks};
use super::refusal::Refusal;

/// IPv6 clients are identified by this many leading bits: the smallest network that a subscriber gets.
pub const DEFAULT_IPV6_PREFIX: u8 = 64;
/// Number of addresses without a connection whose rate is remembered.
pub const DEFAULT_REMEMBERED: usize = 100_000;

/// So many locks, so that workers seldom meet at one. A power of two.
const SHARDS: usize = 64;
/// Addresses that may be forgotten looked at with each new connection: more than one, or the table would not shrink.
const SWEEP: usize = 2;

/// Limits for each client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressLimits {
    /// Maximum number of open connections.
    pub connections: Option<NonZeroU32>,
    /// Maximum rate of new connections.
    pub rate: Option<Rate>,
    /// Leading bits of an IPv6 address that identify a client; with 128 every address is its own client. Every IPv4
    /// address is.
    pub ipv6_prefix: u8,
    /// Approximate maximum number of addresses without a connection whose rate is remembered.
    pub remembered: usize,
}

impl Default for AddressLimits {
    /// No limit.
    fn default() -> Self {
        Self {
            connections: None,
            rate: None,
            ipv6_prefix: DEFAULT_IPV6_PREFIX,
            remembered: DEFAULT_REMEMBERED,
        }
    }
}

impl AddressLimits {
    /// Whether the table is needed at all.
    pub(super) fn are_set(&self) -> bool {
        self.connections.is_some() || self.rate.is_some()
    }

    pub(super) fn key(&self, client: IpAddr) -> AddressKey {
        let bits = match client.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits() & v6_mask(self.ipv6_prefix),
        };
        AddressKey(bits.to_be_bytes())
    }
}

/// What counts as one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AddressKey([u8; 16]);

#[derive(Debug)]
struct Client {
    open: u32,
    full: Ticks,
    /// In the shard's line of those that may be forgotten. Stays there when it connects again, until it is its turn.
    in_line: bool,
}

#[derive(Debug, Default)]
struct Shard {
    clients: HashMap<AddressKey, Client, RandomState>,
    /// Those that closed their last connection, in that order.
    line: VecDeque<AddressKey>,
}

/// The table.
#[derive(Debug)]
pub(super) struct Addresses {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    forgotten: AtomicU64,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            forgotten: AtomicU64::new(0),
        }
    }
}

impl Addresses {
    /// One more connection. Each one granted has to be [closed](Self::close).
    pub(super) fn open(
        &self,
        key: AddressKey,
        limits: &AddressLimits,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let Some(mut shard) = self.shard(key) else {
            return Ok(());
        };
        shard.sweep(now);
        let most = limits.connections.map_or(u32::MAX, NonZeroU32::get);
        // A client that is not known has a full bucket and no connection: it is never refused, so that nobody is
        // entered in vain.
        let client = match shard.clients.entry(key) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(place) => place.insert(Client {
                open: 0,
                full: Ticks::ZERO,
                in_line: false,
            }),
        };
        if client.open >= most {
            return Err(Refusal::AddressFull);
        }
        if let Some(rate) = limits.rate {
            client.full = rate.take(client.full, now).ok_or(Refusal::AddressRate)?;
        }
        client.open += 1;
        Ok(())
    }

    /// One connection less.
    pub(super) fn close(&self, key: AddressKey, remembered: usize) {
        let Some(mut shard) = self.shard(key) else {
            return;
        };
        let Some(client) = shard.clients.get_mut(&key) else {
            return;
        };
        client.open = client.open.saturating_sub(1);
        if client.open > 0 || client.in_line {
            return;
        }
        if client.full == Ticks::ZERO {
            // No rate: nothing to remember.
            shard.clients.remove(&key);
            return;
        }
        client.in_line = true;
        shard.line.push_back(key);
        if shard.line.len() > remembered.div_ceil(SHARDS) && shard.drop_first() {
            self.forgotten.fetch_add(1, Relaxed);
        }
    }

    /// Addresses that were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.load(Relaxed)
    }

    /// Addresses in the table.
    pub(super) fn len(&self) -> usize {
        let len = |shard| lock(shard).clients.len();
        self.shards.iter().map(len).sum()
    }

    fn shard(&self, key: AddressKey) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = self.hasher.hash_one(key).to_le_bytes();
        self.shards.get(usize::from(first) % SHARDS).map(lock)
    }
}

/// A fault elsewhere does not make the counts wrong.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Drops a few of those that have nothing to be remembered for.
    fn sweep(&mut self, now: Ticks) {
        for _ in 0..SWEEP {
            let first = self.line.front().and_then(|key| self.clients.get(key));
            if first.is_none_or(|client| client.open == 0 && client.full > now) {
                return;
            }
            self.drop_first();
        }
    }

    /// Takes the first out of the line, and out of the table if it has no connection. Whether it left the table.
    fn drop_first(&mut self) -> bool {
        let Some(key) = self.line.pop_front() else {
            return false;
        };
        let Some(client) = self.clients.get_mut(&key) else {
            return false;
        };
        client.in_line = false;
        let leaves = client.open == 0;
        if leaves {
            self.clients.remove(&key);
        }
        leaves
    }
}

#[cfg(test)]
mod tests;
