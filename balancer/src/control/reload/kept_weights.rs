//! Weights that an operator has set: an edit of something else leaves them, a reload takes those of the file.

use std::collections::HashMap;

use crate::config::{Config, PoolPlan};
use crate::core::backend::BackendSpec;
use crate::data_path::shared::Shared;

/// Gives the backends of `plans` the weights that they have now, unless the edit changes them. `edited`: the pool and name of a
/// backend whose settings the edit says as a whole.
pub(super) fn keep_weights(
    shared: &Shared,
    before: &Config,
    plans: &[PoolPlan<'_>],
    backends: &mut [Vec<BackendSpec>],
    edited: Option<&(String, String)>,
) {
    let pools = shared.pools();
    let old_plans = before.pool_plans();
    for (plan, specs) in plans.iter().zip(backends) {
        let old = old_plans.iter().find(|old| old.name == plan.name);
        let pool = pools.iter().find(|pool| pool.name() == plan.name);
        let (Some(old), Some(pool)) = (old, pool) else {
            continue;
        };
        let old = old.settings.backends.iter();
        let said: HashMap<&str, u32> = old
            .map(|backend| (backend.name.as_str(), backend.attributes.weight))
            .collect();
        let running = pool.backends();
        let running: HashMap<&str, _> = running
            .iter()
            .map(|backend| (backend.name(), backend))
            .collect();
        for spec in specs {
            let name = spec.name.as_str();
            let is_edited = edited.is_some_and(|(pool, it)| pool == plan.name && it == name);
            let stays = said.get(name) == Some(&spec.attributes.weight);
            if let Some(running) = running.get(name)
                && stays
                && !is_edited
                && *running.address() == spec.address
            {
                spec.attributes.weight = running.attributes().weight;
            }
        }
    }
}

/// Weights that operators have set are those of the settings again: all of them after a reload, and after an edit only that of
/// the backend, by its pool and name, whose settings it says as a whole.
pub(super) fn forget(shared: &Shared, edited: Option<Option<&(String, String)>>) {
    for pool in shared.pools() {
        match edited {
            None => pool.forget_weights(None),
            Some(Some((of, name))) if pool.name() == of => pool.forget_weights(Some(name)),
            Some(_) => {}
        }
    }
}
