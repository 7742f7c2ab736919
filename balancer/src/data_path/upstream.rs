//! A pool as sessions use it: its backends, its queue, and the rules of connections to it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::core::admission::{SharedQueue, Ticket};
use crate::core::backend::Assigned;
use crate::core::balance::{BackendId, Cursor};
use crate::core::pool::{NoBackend, Pool};
use crate::core::proxy_protocol::ProxySend;

/// A pool of the running balancer.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) pool: Arc<Pool>,
    /// Sessions for which every backend is full, whichever service they belong to.
    pub(crate) queue: SharedQueue,
    pub(crate) rules: ArcSwap<UpstreamRules>,
}

/// The settings of a pool that sessions use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpstreamRules {
    pub(crate) connect_timeout: Duration,
    /// How long a client may wait in the queue.
    pub(crate) queue_timeout: Duration,
    pub(crate) proxy_send: ProxySend,
}

impl UpstreamRules {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            connect_timeout: config.timeouts.connect,
            queue_timeout: config.queue.timeout,
            proxy_send: config.proxy.send,
        }
    }
}

impl Upstream {
    pub(crate) fn new(pool: Arc<Pool>, config: &Config) -> Self {
        pool.set_tls(config.backend_tls.clone());
        Self {
            pool,
            queue: SharedQueue::new(config.queue.length),
            rules: ArcSwap::from_pointee(UpstreamRules::new(config)),
        }
    }

    /// Takes on other rules.
    pub(crate) fn set_rules(&self, config: &Config) {
        if self.pool.tls() != config.backend_tls {
            self.pool.set_tls(config.backend_tls.clone());
        }
        self.rules.store(Arc::new(UpstreamRules::new(config)));
        self.queue.limit(config.queue.length);
    }

    /// A free slot for the session at the head of the queue, if there are both.
    pub(crate) fn next_queued(&self) -> Option<(Ticket, Assigned)> {
        // The client that will get the slot is not known yet, so the slot does not depend on its address.
        let reserve = || self.pool.pick(IpAddr::V4(Ipv4Addr::UNSPECIFIED), &[]).ok();
        self.queue.serve(reserve)
    }
}

/// A pool as one service uses it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) upstream: Arc<Upstream>,
    /// The turn of this service, where the pool has other users: round robin is exact for each of them.
    turn: Option<Cursor>,
}

impl Target {
    /// `turn`: where round robin begins, for a pool that other services use as well.
    pub(crate) fn new(upstream: Arc<Upstream>, turn: Option<u64>) -> Self {
        Self {
            upstream,
            turn: turn.map(Cursor::starting_at),
        }
    }

    pub(crate) fn pick(&self, client: IpAddr, tried: &[BackendId]) -> Result<Assigned, NoBackend> {
        match &self.turn {
            None => self.upstream.pool.pick(client, tried),
            Some(turn) => self.upstream.pool.pick_for(turn, client, tried),
        }
    }

    /// Whether it has a turn of its own.
    pub(crate) fn has_own_turn(&self) -> bool {
        self.turn.is_some()
    }
}
