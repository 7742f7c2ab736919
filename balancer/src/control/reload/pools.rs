//! Pools in a reload: those that stay get other rules and backends, others come and go.

use std::sync::Arc;

use super::Reloader;
use crate::config::{Config, PoolPlan};
use crate::control::discovery::{Dns, Group};
use crate::control::startup::random_position;
use crate::core::backend::{Backend, BackendSpec};
use crate::core::pool::{Pool, PoolIdentity};
use crate::data_path::shared::Shared;
use crate::data_path::upstream::Upstream;

impl Reloader {
    /// `backends` are those with an address, for each pool of `config`; `who` is the operator who wants that, where it is not the
    /// settings file.
    pub(super) fn set_pools(
        &self,
        shared: &Arc<Shared>,
        before: &Config,
        config: &Config,
        backends: Vec<Vec<BackendSpec>>,
        who: Option<&Arc<str>>,
    ) {
        let old = before.pool_plans();
        let known = shared.upstreams.load_full();
        let mut upstreams = Vec::new();
        for (plan, fixed) in config.pool_plans().into_iter().zip(backends) {
            let upstream = known.iter().find(|known| known.pool.name() == plan.name);
            upstreams.push(match upstream {
                Some(upstream) => {
                    let old = old.iter().find(|old| old.name == plan.name);
                    self.change(upstream, old.copied(), plan, fixed, who);
                    Arc::clone(upstream)
                }
                None => self.begin(shared, plan, fixed),
            });
        }
        for gone in known.iter() {
            if upstreams.iter().any(|stays| Arc::ptr_eq(stays, gone)) {
                continue;
            }
            // Its backends leave, each with its last session; until then it is shown.
            self.pools
                .set_backends(gone.pool.name(), Vec::new(), &Config::default(), None);
            gone.pool.empty(who);
            if gone.pool.leaving().is_empty() {
                self.pools.remove(gone.pool.name());
            } else {
                upstreams.push(Arc::clone(gone));
            }
        }
        shared.upstreams.store(Arc::new(upstreams));
    }

    fn begin(
        &self,
        shared: &Arc<Shared>,
        plan: PoolPlan<'_>,
        fixed: Vec<BackendSpec>,
    ) -> Arc<Upstream> {
        let identity = PoolIdentity {
            name: plan.name.into(),
            number: self.pools.next_number(),
            shortages: Arc::clone(&shared.shortages),
        };
        let (balance, health) = (plan.settings.balance, plan.settings.health);
        let pool = Pool::identified(identity, fixed, balance, health, random_position());
        pool.tell_events(self.events.clone());
        let upstream = Arc::new(Upstream::new(Arc::new(pool), plan.settings));
        self.pools.begin(shared, &upstream, plan.settings);
        upstream
    }

    /// Backends with an address are the pool's at once. Of those that were looked for, the ones whose group was there before
    /// are as well; the rest is discovery's, which follows.
    fn change(
        &self,
        upstream: &Upstream,
        old: Option<PoolPlan<'_>>,
        plan: PoolPlan<'_>,
        fixed: Vec<BackendSpec>,
        who: Option<&Arc<str>>,
    ) {
        let config = plan.settings;
        let pool = &upstream.pool;
        let old_groups = old.map_or(&[][..], |old| &old.settings.groups);
        let mut backends = fixed.clone();
        backends.extend(found_before(&pool.backends(), old_groups, &config.groups));
        pool.reconfigure(backends, config.balance, config.health, who);
        upstream.set_rules(config);
        let servers = old.map(|old| &old.settings.dns_servers);
        let resolver =
            (servers != Some(&config.dns_servers)).then(|| Dns::new(config.dns_servers.clone()));
        self.pools
            .set_backends(pool.name(), fixed, config, resolver);
        if old.is_none_or(|old| old.settings.checks_differ(config)) {
            self.pools.set_checks(pool.name(), &config.checks);
        }
    }
}

/// The backends of the groups `new` that were found by the groups `old`.
fn found_before(backends: &[Arc<Backend>], old: &[Group], new: &[Group]) -> Vec<BackendSpec> {
    let known: Vec<&Group> = old.iter().collect();
    let mut found = Vec::new();
    for group in new {
        let before = group.before(&known, new).and_then(|at| old.get(at));
        let Some(before) = before else { continue };
        let members = backends.iter().map(|backend| backend.spec());
        let members = members.filter(|spec| before.could_have(&spec.name));
        found.extend(members.map(|spec| BackendSpec {
            name: spec.name.replacen(&before.name, &group.name, 1),
            ..spec
        }));
    }
    found
}
