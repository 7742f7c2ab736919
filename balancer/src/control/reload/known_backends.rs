//! The backends of all pools at one moment, and what has become of them since.

use std::collections::HashSet;
use std::sync::Arc;

use super::changes::BackendChanges;
use crate::core::backend::{Attributes, Backend};
use crate::core::health::AdminState;
use crate::core::pool::Pool;
use crate::data_path::shared::Shared;

/// A backend at one moment.
pub(super) struct KnownBackend {
    pub(super) backend: Arc<Backend>,
    attributes: Attributes,
}

/// The backends of all pools.
pub(super) fn known(shared: &Shared) -> Vec<KnownBackend> {
    let of = |pool: Arc<Pool>| {
        let backends = pool.backends().into_iter();
        let known = backends.map(|backend| KnownBackend {
            attributes: backend.attributes(),
            backend,
        });
        known.collect::<Vec<_>>()
    };
    shared.pools().into_iter().flat_map(of).collect()
}

/// Keeps new sessions away from a backend that has just come, before it can get any.
pub(super) fn drain(shared: &Shared, pool: &str, name: &str, who: &str) {
    let pools = shared.pools().into_iter();
    for pool in pools.filter(|it| it.name() == pool) {
        let backends = pool.backends().into_iter();
        for backend in backends.filter(|backend| backend.name() == name) {
            // It is one of the pool's.
            let _ = pool.set_admin_state(backend.id(), AdminState::Drain, who);
        }
    }
}

/// What has become of them.
pub(super) fn changes(before: &[KnownBackend], after: &[KnownBackend]) -> BackendChanges {
    let ids = |list: &[KnownBackend]| list.iter().map(|known| known.backend.id()).collect();
    let (old, new): (HashSet<_>, HashSet<_>) = (ids(before), ids(after));
    let names = |list: &[KnownBackend], others: &HashSet<_>| {
        let only = list
            .iter()
            .filter(|known| !others.contains(&known.backend.id()));
        only.map(|known| known.backend.full_name()).collect()
    };
    let altered = before.iter().filter(|known| {
        let stays = new.contains(&known.backend.id());
        stays && known.backend.attributes() != known.attributes
    });
    BackendChanges {
        added: names(after, &old),
        removed: names(before, &new),
        altered: altered.map(|known| known.backend.full_name()).collect(),
    }
}
