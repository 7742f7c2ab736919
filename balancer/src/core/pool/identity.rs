//! What tells a pool from the others of a balancer.

use std::sync::Arc;

use tokio::time::Instant;

use crate::core::full_name::DEFAULT_POOL;
use crate::core::shortage::Shortages;

/// What tells a pool from the others of a balancer.
#[derive(Debug, Clone)]
pub(crate) struct PoolIdentity {
    pub(crate) name: Arc<str>,
    /// Unique among the pools that the balancer has or had.
    pub(crate) number: usize,
    pub(crate) shortages: Arc<Shortages>,
}

impl Default for PoolIdentity {
    /// That of the only pool.
    fn default() -> Self {
        Self {
            name: DEFAULT_POOL.into(),
            number: 0,
            shortages: Arc::new(Shortages::new(Instant::now())),
        }
    }
}
