//! The backends of the balancer and who of them is up.
//!
//! Workers read an immutable snapshot without a lock; the health monitors swap in a new one at each transition.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::backend::{Assigned, Backend};
use crate::balance::{BackendId, RoundRobin};
use crate::health::State;

/// The name of the only pool there is.
pub const DEFAULT_POOL: &str = "default";

/// A set of interchangeable backends.
#[derive(Debug)]
pub struct Pool {
    backends: Vec<Arc<Backend>>,
    up: ArcSwap<Vec<BackendId>>,
    order: RoundRobin,
}

impl Pool {
    /// All down, with the first turn at `start`.
    pub(crate) fn new(backends: Vec<(String, SocketAddr)>, start: usize) -> Self {
        let backends = backends
            .into_iter()
            .enumerate()
            .map(|(index, (name, address))| Arc::new(Backend::new(BackendId(index), name, address)))
            .collect();
        Self {
            backends,
            up: ArcSwap::default(),
            order: RoundRobin::starting_at(start),
        }
    }

    /// Every backend, in the order of the configuration.
    #[must_use]
    pub fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    /// How many backends take sessions.
    #[must_use]
    pub fn up_count(&self) -> usize {
        self.up.load().len()
    }

    /// The backend whose turn it is among those that are up and not yet `tried`.
    pub(crate) fn pick(&self, tried: &[BackendId]) -> Option<Assigned> {
        let id = self.order.pick(&self.up.load(), tried)?;
        self.backends.get(id.0).cloned().map(Assigned::new)
    }

    /// Lets workers know of a transition.
    pub(crate) fn publish(&self, backend: &Backend, state: State) {
        self.up.rcu(|up| {
            let mut up: Vec<BackendId> = up
                .iter()
                .copied()
                .filter(|&id| id != backend.id())
                .collect();
            if state == State::Up {
                let place = up.partition_point(|&id| id < backend.id());
                up.insert(place, backend.id());
            }
            up
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(count: u16) -> Pool {
        let named = |n| (format!("b{n}"), SocketAddr::from(([127, 0, 0, 1], n)));
        Pool::new((1..=count).map(named).collect(), 0)
    }

    #[test]
    fn only_what_was_published_as_up_is_picked() {
        let pool = pool(3);
        assert!(pool.pick(&[]).is_none());
        for index in [2, 0, 1, 0] {
            pool.publish(&pool.backends[index], State::Up);
        }
        pool.publish(&pool.backends[1], State::Down);
        assert_eq!(pool.up_count(), 2);
        let picked: Vec<usize> = (0..4)
            .filter_map(|_| Some(pool.pick(&[])?.backend().id().0))
            .collect();
        assert_eq!(picked, [0, 2, 0, 2]);
    }

    #[test]
    fn a_hold_counts_as_active_until_it_is_dropped() {
        let pool = pool(1);
        pool.publish(&pool.backends[0], State::Up);
        let hold = pool.pick(&[]).unwrap();
        assert_eq!(pool.backends[0].figures().active, 1);
        drop(hold);
        assert_eq!(pool.backends[0].figures().active, 0);
    }
}
