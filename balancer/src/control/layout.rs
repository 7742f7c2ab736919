//! Makes services and pools of settings: which service uses which pool, and what stays when settings change.

use std::sync::Arc;

use crate::config::{Config, DEFAULT_NAME, ServicePlan};
use crate::control::startup::random_position;
use crate::core::pool::Pool;
use crate::core::routing::RouteAction;
use crate::data_path::service::{Route, Routes, Service};
use crate::data_path::upstream::{Target, Upstream};
use crate::observe::access_log::AccessLogs;

/// The pools of a balancer that starts.
pub(crate) fn upstreams(config: &Config, pools: &[Arc<Pool>]) -> Vec<Arc<Upstream>> {
    let plans = config.pool_plans().into_iter().zip(pools);
    plans
        .map(|(plan, pool)| Arc::new(Upstream::new(Arc::clone(pool), plan.settings)))
        .collect()
}

/// The services of `config`. One of `before` with the same name stays, with other rules. `first_address` is what the access
/// log calls the default one.
pub(crate) fn services(
    config: &Config,
    upstreams: &[Arc<Upstream>],
    before: &[Arc<Service>],
    first_address: &str,
    logs: &AccessLogs,
) -> Vec<Arc<Service>> {
    let plans = config.service_plans();
    let users = |pool: &str| plans.iter().filter(|plan| uses(plan, pool)).count();
    let mut services = Vec::new();
    for plan in &plans {
        let known = before.iter().find(|known| *known.name == *plan.name);
        let old = known.map(|known| known.rules.load_full());
        let old = old.as_ref().map(|old| &old.routes);
        let to = |pool: &str| {
            let upstream = upstreams.iter().find(|it| it.pool.name() == pool)?;
            Some(target(upstream, users(pool) > 1, old))
        };
        let Some(routes) = routes(plan, old, to) else {
            continue;
        };
        services.push(match known {
            Some(known) => {
                known.set_rules(plan.settings, routes, logs);
                Arc::clone(known)
            }
            None => Arc::new(new(plan, routes, first_address, logs)),
        });
    }
    services
}

/// Whether any client of a service may get this pool.
fn uses(plan: &ServicePlan<'_>, pool: &str) -> bool {
    let by_rule = plan.routes.iter().any(|rule| match &rule.action {
        RouteAction::Pool(name) => name == pool,
        RouteAction::Refuse => false,
    });
    by_rule || plan.pool == Some(pool)
}

/// Where clients of a service go. `old` are the rules so far: one of the same name goes on counting.
fn routes(
    plan: &ServicePlan<'_>,
    old: Option<&Routes>,
    to: impl Fn(&str) -> Option<Arc<Target>>,
) -> Option<Routes> {
    let counted = |name: &str| {
        let same = old?.rules.iter().find(|route| route.rule.name == name)?;
        Some(Arc::clone(&same.count))
    };
    // Two rules to one pool take turns there together.
    let mut targets: Vec<(String, Arc<Target>)> = Vec::new();
    let mut once = |pool: &str| {
        if let Some((_, target)) = targets.iter().find(|(name, _)| name == pool) {
            return Some(Arc::clone(target));
        }
        let target = to(pool)?;
        targets.push((pool.to_owned(), Arc::clone(&target)));
        Some(target)
    };
    let fallback = plan.pool.and_then(&mut once);
    let rules: Vec<Route> = plan
        .routes
        .iter()
        .map(|rule| Route {
            target: match &rule.action {
                RouteAction::Pool(pool) => once(pool),
                RouteAction::Refuse => None,
            },
            count: counted(&rule.name).unwrap_or_default(),
            rule: rule.clone(),
        })
        .collect();
    let any = rules.iter().find_map(|route| route.target.clone());
    Some(Routes {
        serves_others: fallback.is_some(),
        target: fallback.or(any)?,
        rules,
        others: old.map(|old| Arc::clone(&old.others)).unwrap_or_default(),
    })
}

fn new(plan: &ServicePlan<'_>, routes: Routes, first_address: &str, logs: &AccessLogs) -> Service {
    let frontend = if plan.name == DEFAULT_NAME {
        first_address
    } else {
        plan.name
    };
    let frontend = frontend.to_owned();
    Service::new(plan.name, frontend, plan.settings, routes, logs)
}

/// The old one where it is the same, so that its turn goes on.
fn target(upstream: &Arc<Upstream>, is_shared: bool, old: Option<&Routes>) -> Arc<Target> {
    let old = old.into_iter().flat_map(|old| {
        let rules = old.rules.iter().filter_map(|route| route.target.as_ref());
        std::iter::once(&old.target).chain(rules)
    });
    let is_same = |old: &&Arc<Target>| {
        Arc::ptr_eq(&old.upstream, upstream) && old.has_own_turn() == is_shared
    };
    let same = old.into_iter().find(is_same).map(Arc::clone);
    same.unwrap_or_else(|| {
        let turn = is_shared.then(random_position);
        Arc::new(Target::new(Arc::clone(upstream), turn))
    })
}
