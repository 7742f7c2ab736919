//! The verdict on a client, and what has to be given back when it is gone.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::addresses::{AddressKey, AddressLimits, Addresses};
use super::cidr::Networks;
use super::rate::{Meter, Rate, Ticks};
use super::refusal::Refusal;
use crate::core::log_limiter::LogLimiter;

/// What a listener allows. By default, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// If not empty, only clients in these networks are admitted.
    pub allow: Networks,
    /// Clients in these networks are refused, even if `allow` contains them.
    pub deny: Networks,
    /// Maximum number of open connections.
    pub connections: Option<NonZeroU32>,
    /// Maximum rate of new connections.
    pub rate: Option<Rate>,
    /// The limits of each client address.
    pub address: AddressLimits,
}

/// Admission control of one listener, shared by all workers.
///
/// Without per-address limits a decision takes no lock: it costs one atomic operation for the count of connections, one
/// for the permit's hold on it, and one more if there is a rate.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    state: Arc<State>,
}

/// What outlives a change of limits.
#[derive(Debug, Default)]
struct State {
    open: AtomicU32,
    meter: Meter,
    addresses: Addresses,
    refused: [RefusalCount; Refusal::ALL.len()],
}

#[derive(Debug, Default)]
struct RefusalCount {
    count: AtomicU64,
    limiter: LogLimiter,
}

impl Admission {
    /// Admission control with no client admitted yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Arc::default(),
        }
    }

    /// The same with other limits: open connections stay counted, and none is closed. Connections that were opened while
    /// there was no per-address limit do not count against a new one.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            limits,
            state: Arc::clone(&self.state),
        }
    }

    /// Admits `client`, or says why not. `uptime` is the time since the start.
    ///
    /// # Errors
    /// The first check that failed, in the order of [the checks](super).
    pub fn admit(&self, client: IpAddr, uptime: Duration) -> Result<Permit, Refusal> {
        let verdict = self.judge(client, Ticks::of(uptime));
        if let Err(refusal) = verdict
            && let Some(of_this) = self.state.refused.get(refusal.index())
        {
            of_this.count.fetch_add(1, Relaxed);
        }
        verdict
    }

    fn judge(&self, client: IpAddr, now: Ticks) -> Result<Permit, Refusal> {
        let Limits { allow, deny, .. } = &self.limits;
        if (!allow.is_empty() && !allow.contains(client)) || deny.contains(client) {
            return Err(Refusal::Denied);
        }
        // From here on a refusal gives back what has been taken, but for the address's share of its rate.
        let mut permit = self.enter()?;
        let address = &self.limits.address;
        if address.are_set() {
            let key = address.key(client);
            self.state.addresses.open(key, address, now)?;
            permit.address = Some(AddressHold {
                key,
                remembered: u32::try_from(address.remembered).unwrap_or(u32::MAX),
            });
        }
        match self.limits.rate {
            Some(rate) if !self.state.meter.take(rate, now) => Err(Refusal::Rate),
            _ => Ok(permit),
        }
    }

    fn enter(&self) -> Result<Permit, Refusal> {
        let open = &self.state.open;
        match self.limits.connections {
            None => {
                open.fetch_add(1, Relaxed);
            }
            Some(most) => {
                let one_more = |open: u32| (open < most.get()).then(|| open + 1);
                let entered = open.fetch_update(Relaxed, Relaxed, one_more);
                entered.map_err(|_| Refusal::ListenerFull)?;
            }
        }
        Ok(Permit {
            state: Arc::clone(&self.state),
            address: None,
        })
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Number of open connections.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.state.open.load(Relaxed)
    }

    /// Number of clients refused for this reason since the start.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> u64 {
        let of_this = self.state.refused.get(refusal.index());
        of_this.map_or(0, |of_this| of_this.count.load(Relaxed))
    }

    /// Whether a refusal may be logged now, at most once a second for each reason. If so, returns how many were suppressed
    /// since the last one.
    #[must_use]
    pub fn log_due(&self, refusal: Refusal, uptime: Duration) -> Option<u64> {
        self.state
            .refused
            .get(refusal.index())?
            .limiter
            .pass(uptime)
    }

    /// Addresses in the per-address table, and how many were evicted because it was full.
    #[must_use]
    pub fn addresses(&self) -> (usize, u64) {
        (self.state.addresses.len(), self.state.addresses.forgotten())
    }
}

/// What a connected client occupies. Dropping it releases everything.
#[derive(Debug)]
#[must_use = "a client is counted as gone when this is dropped"]
pub struct Permit {
    state: Arc<State>,
    address: Option<AddressHold>,
}

#[derive(Debug)]
struct AddressHold {
    key: AddressKey,
    /// The limit at the time of the verdict.
    remembered: u32,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Relaxed);
        if let Some(hold) = &self.address {
            let remembered = usize::try_from(hold.remembered).unwrap_or(usize::MAX);
            self.state.addresses.close(hold.key, remembered);
        }
    }
}

#[cfg(test)]
mod tests;
