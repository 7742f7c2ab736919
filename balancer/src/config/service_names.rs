//! What services and pools have in common must fit: names, addresses, and the pools that are referred to.

use std::collections::BTreeSet;

use netsocket_settings::{AdminAddress, Check};

use super::entry_keys::DEFAULT_NAME;
use super::listen::{Listen, ListenAddress, overlap};
use super::settings::Config;
use crate::core::routing::{RouteAction, RouteRule};

/// Judges all of it. The first `listed` pools are those of `[[pools]]`, the others those of services.
pub(super) fn check_all(check: &mut Check, config: &Config, listed: usize) {
    check_names(check, config, listed);
    check_addresses(check, config);
    check_pools(check, config);
}

/// Every name once. The first `listed` pools are those of `[[pools]]`, the others those of services.
fn check_names(check: &mut Check, config: &Config, listed: usize) {
    let mut services = BTreeSet::new();
    if config.has_default_service() {
        services.insert(DEFAULT_NAME);
    }
    let mut pools: Vec<&str> = Vec::new();
    if config.pool_plans().len() > config.pools.len() {
        pools.push(DEFAULT_NAME);
    }
    for (index, pool) in config.pools.iter().enumerate().take(listed) {
        if pools.contains(&pool.name.as_str()) {
            let key = format!("pools[{index}].name");
            check.problem(&key, &pool.name, "a name may be used only once");
        }
        pools.push(&pool.name);
    }
    for (index, service) in config.services.iter().enumerate() {
        let (key, name) = (format!("services[{index}].name"), service.name.as_str());
        if name.is_empty() {
            continue;
        }
        if !services.insert(name) {
            check.problem(&key, name, "a name may be used only once");
        } else if service.own_pool && pools.contains(&name) {
            let allowed = "another name: a pool has it, and this service has backends of its own";
            check.problem(&key, name, allowed);
        }
    }
}

/// Every pool that a service or a rule refers to must be there, and every service must have one.
fn check_pools(check: &mut Check, config: &Config) {
    let plans = config.pool_plans();
    let known: Vec<&str> = plans.iter().map(|plan| plan.name).collect();
    let names = known.join(", ");
    let allowed = format!(
        "a pool; known are {}",
        if names.is_empty() { "none" } else { &names }
    );
    let judge = |check: &mut Check, key: String, pool: &str| {
        if !known.contains(&pool) {
            check.problem(&key, pool, &allowed);
        }
    };
    let top = (
        "routes".to_owned(),
        &config.routes,
        config.has_default_pool(),
    );
    let each = config.services.iter().enumerate().map(|(index, service)| {
        let key = format!("services[{index}].routes");
        (key, &service.routes, service.pool.is_some())
    });
    for (key, routes, has_pool) in std::iter::once(top).chain(each) {
        for (index, rule) in routes.iter().enumerate() {
            if let RouteAction::Pool(pool) = &rule.action {
                judge(check, format!("{key}[{index}].pool"), pool);
            }
        }
        let serves = |rule: &RouteRule| rule.action != RouteAction::Refuse;
        if !has_pool && !routes.is_empty() && !routes.iter().any(serves) {
            check.problem_at(&key, "no rule has a pool, and neither has the service");
        }
    }
    for (index, service) in config.services.iter().enumerate() {
        if let Some(pool) = service.pool.as_ref().filter(|_| !service.own_pool) {
            judge(check, format!("services[{index}].pool"), pool);
        }
    }
}

/// Every address once, over all services.
fn check_addresses(check: &mut Check, config: &Config) {
    let mut taken: Vec<(&ListenAddress, &str)> = Vec::new();
    let admin = match &config.admin {
        AdminAddress::Tcp(address) => ListenAddress::Tcp(*address),
        AdminAddress::Unix(path) => ListenAddress::Unix(path.clone()),
    };
    let judge_admin = |check: &mut Check, service: &str, listen: &Listen| {
        let shared = listen.addresses().iter().find(|it| overlap(it, &admin));
        if let Some(address) = shared {
            let allowed =
                format!("another address: service {service} listens for clients on {address}");
            check.problem("admin", &admin, allowed);
        }
    };
    if config.has_default_service() {
        judge_admin(check, DEFAULT_NAME, &config.listen);
        let top = config.listen.addresses().iter();
        taken.extend(top.map(|address| (address, DEFAULT_NAME)));
    }
    for (index, service) in config.services.iter().enumerate() {
        judge_admin(check, &service.name, &service.settings.listen);
        for address in service.settings.listen.addresses() {
            let mut latest = taken.iter().rev();
            if let Some((_, other)) = latest.find(|(known, _)| overlap(known, address)) {
                let key = format!("services[{index}].listen");
                let allowed = format!("another address: service {other} listens there");
                check.problem(&key, address, allowed);
            }
            taken.push((address, &service.name));
        }
    }
}
