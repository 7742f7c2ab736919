//! Pools in a reload: those that stay get other rules and backends, others come and go.

use std::sync::Arc;

use super::Reloader;
use crate::config::{Config, PoolPlan};
use crate::control::discovery::{Dns, Group};
use crate::control::startup::random_position;
use crate::core::backend::BackendSpec;
use crate::core::pool::{Pool, PoolIdentity};
use crate::data_path::shared::Shared;
use crate::data_path::upstream::Upstream;

impl Reloader {
    /// `backends` are those with an address, for each pool of `config`.
    pub(super) fn set_pools(
        &self,
        shared: &Arc<Shared>,
        before: &Config,
        config: &Config,
        backends: Vec<Vec<BackendSpec>>,
    ) {
        let old = before.pool_plans();
        let known = shared.upstreams.load_full();
        let mut upstreams = Vec::new();
        for (plan, fixed) in config.pool_plans().into_iter().zip(backends) {
            let upstream = known.iter().find(|known| known.pool.name() == plan.name);
            upstreams.push(match upstream {
                Some(upstream) => {
                    let old = old.iter().find(|old| old.name == plan.name);
                    self.change(upstream, old.copied(), plan, fixed);
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
            gone.pool.replace(Vec::new());
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

    /// Backends with an address are the pool's at once. Of those that were looked for, the ones whose group stays do; the
    /// rest is discovery's, which follows.
    fn change(
        &self,
        upstream: &Upstream,
        old: Option<PoolPlan<'_>>,
        plan: PoolPlan<'_>,
        fixed: Vec<BackendSpec>,
    ) {
        let config = plan.settings;
        let pool = &upstream.pool;
        let same =
            |old: &&Group, group: &Group| group.name == old.name && group.question == old.question;
        let stay = |old: &&Group| config.groups.iter().any(|group| same(old, group));
        let old_groups = old.map_or(&[][..], |old| &old.settings.groups);
        let groups: Vec<&Group> = old_groups.iter().filter(stay).collect();
        let found = pool.backends();
        let found = found
            .iter()
            .filter(|backend| groups.iter().any(|group| group.could_have(backend.name())));
        let mut backends = fixed.clone();
        backends.extend(found.map(|backend| backend.spec()));
        pool.reconfigure(backends, config.balance, config.health);
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
