//! Services and pools in the settings: `[[services]]` and `[[pools]]`, which inherit what they do not say from the top.
//!
//! Each entry is read as if its keys stood at the top of a file of their own, over the keys of the real top: so every key
//! has one meaning, one default and one check. Does not own what the keys mean.

use std::collections::BTreeMap;
use std::mem::take;

use netsocket_settings::{Check, Scalar};

use super::backends::RawBackends;
use super::entry_keys::{
    BACKEND_CHECK_KEYS, BACKEND_KEYS, DEFAULT_NAME, OWN_KEYS, POOL_KEYS, SERVICE_KEYS,
};
use super::keys::{Entries, KEYS, RawTable, TABLES, unknown_key};
use super::listen::RawListen;
use super::name::{NAME_FORM, is_name};
use super::raw_value::{RawMap, RawTables, RawValue};
use super::scalars::misfit;
use super::settings::{Config, NamedPool, Service};
use super::{backend_tls, routes, service_names, tls};
use crate::core::routing::RouteRule;
use crate::observe::access_log::Wanted;

const LIST_FORM: &str = "a list of tables";
/// The key of a pool that is not inherited.
const BACKEND_TLS: &str = "backend_tls";

/// A service as it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServicePlan<'a> {
    pub(crate) name: &'a str,
    pub(crate) pool: Option<&'a str>,
    pub(crate) routes: &'a [RouteRule],
    pub(crate) settings: &'a Config,
}

/// A pool as it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolPlan<'a> {
    pub(crate) name: &'a str,
    pub(crate) settings: &'a Config,
}

impl Config {
    /// Every service, the default one first if there is one.
    pub(crate) fn service_plans(&self) -> Vec<ServicePlan<'_>> {
        let default = ServicePlan {
            name: DEFAULT_NAME,
            pool: Some(DEFAULT_NAME).filter(|_| self.has_default_pool()),
            routes: &self.routes,
            settings: self,
        };
        let default = Some(default).filter(|_| self.has_default_service());
        let others = self.services.iter().map(|service| ServicePlan {
            name: &service.name,
            pool: service.pool.as_deref(),
            routes: &service.routes,
            settings: &service.settings,
        });
        default.into_iter().chain(others).collect()
    }

    /// Every pool, the default one first if there is one.
    pub(crate) fn pool_plans(&self) -> Vec<PoolPlan<'_>> {
        let default = PoolPlan {
            name: DEFAULT_NAME,
            settings: self,
        };
        let others = self.pools.iter().map(|pool| PoolPlan {
            name: &pool.name,
            settings: &pool.settings,
        });
        let default = Some(default).filter(|_| self.has_default_pool());
        default.into_iter().chain(others).collect()
    }

    /// The logs of all services, each once.
    pub(crate) fn access_logs(&self) -> Vec<Wanted> {
        let mut all = Vec::new();
        for plan in self.service_plans() {
            let wanted = plan.settings.access_log.wanted();
            all.extend(wanted.filter(|wanted| !all.contains(wanted)));
        }
        all
    }

    pub(super) fn has_default_pool(&self) -> bool {
        let has_backends = !(self.backends.is_empty() && self.groups.is_empty());
        has_backends || (self.services.is_empty() && self.routes.is_empty())
    }

    /// Whether the top of the file is a service of its own, and not only what the others inherit.
    pub(crate) fn has_default_service(&self) -> bool {
        self.services.is_empty() || self.listens_at_top
    }
}

/// What the file says of services and pools.
pub(super) struct RawLists<'a> {
    pub(super) routes: Option<RawTables<'a>>,
    pub(super) services: Option<RawTables<'a>>,
    pub(super) pools: Option<RawTables<'a>>,
}

/// Judges both lists. `top` is what they inherit; `config` is the same, judged.
pub(super) fn read(check: &mut Check, raw: RawLists<'_>, top: &Entries, config: &mut Config) {
    let routes = tables(check, "routes", raw.routes);
    config.routes = routes::read(check, routes);
    let mut reader = Reader {
        top,
        pools: Vec::new(),
        services: Vec::new(),
    };
    for (index, table) in tables(check, "pools", raw.pools).into_iter().enumerate() {
        check.within(&format!("pools[{index}]"), |check| {
            reader.pool(check, table)
        });
    }
    let listed = reader.pools.len();
    for (index, table) in tables(check, "services", raw.services)
        .into_iter()
        .enumerate()
    {
        check.within(&format!("services[{index}]"), |check| {
            reader.service(check, table, config);
        });
    }
    (config.services, config.pools) = (reader.services, reader.pools);
    service_names::check_all(check, config, listed);
}

fn tables<'a>(check: &mut Check, key: &str, raw: Option<RawTables<'a>>) -> Vec<RawMap<'a>> {
    match raw {
        None => Vec::new(),
        Some(RawTables::List(list)) => list,
        Some(RawTables::Other) => {
            check.problem_at(key, format!("{LIST_FORM}: [[{key}]]"));
            Vec::new()
        }
    }
}

/// An entry of either list, taken apart.
struct Parts<'a> {
    single: BTreeMap<String, Scalar>,
    tables: BTreeMap<String, RawTable>,
    backends: Option<RawBackends<'a>>,
    listen: Option<RawListen>,
    routes: Vec<RawMap<'a>>,
    tls: Option<RawValue<'a>>,
    backend_tls: Option<RawValue<'a>>,
}

impl<'a> Parts<'a> {
    /// `known` are the keys that it may have.
    fn of(check: &mut Check, table: RawMap<'a>, known: &[&str]) -> Self {
        let mut parts = Self {
            single: BTreeMap::new(),
            tables: BTreeMap::new(),
            backends: None,
            listen: None,
            routes: Vec::new(),
            tls: None,
            backend_tls: None,
        };
        for (key, value) in table {
            let is_table = TABLES.iter().any(|table| table.name == key);
            if is_table
                && known
                    .iter()
                    .any(|known| known.starts_with(&format!("{key}_")))
            {
                parts.tables.insert(key, value.into_table());
            } else if !known.contains(&key.as_str()) {
                check.problem_at(&key, unknown(&key, known));
            } else if key == "backends" {
                parts.backends = Some(value.into_backends());
            } else if key == "listen" {
                parts.listen = Some(value.into_listen());
            } else if key == "routes" {
                parts.routes = value.into_tables().unwrap_or_else(|| {
                    check.problem_at(&key, LIST_FORM);
                    Vec::new()
                });
            } else if key == "tls" {
                parts.tls = Some(value);
            } else if key == BACKEND_TLS {
                parts.backend_tls = Some(value);
            } else {
                let kind = value.kind();
                match value.single_of(&key) {
                    Some(value) => drop(parts.single.insert(key, value)),
                    None => check.problem_at(&key, misfit(&key, kind)),
                }
            }
        }
        parts
    }

    fn name(&mut self, check: &mut Check) -> String {
        match self.single.remove("name") {
            None => check.problem_at("name", "is missing"),
            Some(name) if is_name(name.as_str()) => return name.0,
            Some(name) => check.problem("name", name.as_str(), NAME_FORM),
        }
        String::new()
    }

    /// Its keys over those of the top.
    fn entries(&mut self, check: &mut Check, top: &Entries) -> Entries {
        let single = take(&mut self.single);
        let tables = TABLES.map(|table| self.tables.remove(table.name));
        Entries::new(check, single, tables, |_| false).over(top)
    }
}

fn unknown(key: &str, known: &[&str]) -> String {
    if KEYS.iter().any(|other| other.name == key) {
        if POOL_KEYS.contains(&key) {
            return "belongs to the pool: set it in [[pools]]".to_owned();
        }
        return places(key);
    }
    unknown_key(key, known)
}

/// Where a key of the top may stand that may not stand here.
fn places(key: &str) -> String {
    let mut places = vec!["at the top of the file"];
    if SERVICE_KEYS.contains(&key) {
        places.push("in [[services]]");
    }
    if POOL_KEYS.contains(&key) {
        places.push("in [[pools]]");
    }
    if BACKEND_KEYS.contains(&key) || BACKEND_CHECK_KEYS.contains(&key) {
        places.push("for a single backend in [[backends]]");
    }
    let last = places.pop().unwrap_or_default();
    match places.join(", ").as_str() {
        "" => format!("only {last}"),
        others => format!("not here, but {others} and {last}"),
    }
}

struct Reader<'a> {
    top: &'a Entries,
    pools: Vec<NamedPool>,
    services: Vec<Service>,
}

impl Reader<'_> {
    fn pool(&mut self, check: &mut Check, table: RawMap<'_>) {
        let own = ["name", BACKEND_TLS].into_iter();
        let known: Vec<&str> = own.chain(POOL_KEYS).collect();
        let mut parts = Parts::of(check, table, &known);
        let name = parts.name(check);
        let entries = parts.entries(check, self.top);
        let mut settings = Config::judged(check, &entries, None, Some(parts.backends.as_ref()));
        let own = (&settings.backends[..], &settings.groups[..]);
        settings.backend_tls = backend_tls::read(check, parts.backend_tls, own.0, own.1);
        self.pools.push(NamedPool { name, settings });
    }

    fn service(&mut self, check: &mut Check, table: RawMap<'_>, top: &Config) {
        let own_pool = table.contains_key("backends");
        let mut known: Vec<&str> = OWN_KEYS.iter().chain(&SERVICE_KEYS).copied().collect();
        if own_pool || !table.contains_key("pool") {
            known.extend(POOL_KEYS);
            known.push(BACKEND_TLS);
        }
        let has_pool_keys = table.keys().any(|key| is_pool_key(key));
        let mut parts = Parts::of(check, table, &known);
        let name = parts.name(check);
        let pool = parts.single.remove("pool");
        if parts.listen.is_none() {
            check.problem_at("listen", "is missing");
        }
        let entries = parts.entries(check, self.top);
        let backends = own_pool.then_some(parts.backends.as_ref());
        let mut settings = Config::judged(check, &entries, parts.listen.as_ref(), backends);
        settings.tls = tls::read(check, parts.tls.take());
        let backend_tls = parts.backend_tls.take();
        let pooled = if own_pool { &settings } else { top };
        let (backends_of, groups) = (&pooled.backends[..], &pooled.groups[..]);
        settings.backend_tls = backend_tls::read(check, backend_tls, backends_of, groups);
        let top_has_backends = !(top.backends.is_empty() && top.groups.is_empty());
        let routes = routes::read(check, parts.routes);
        let pool = match pool {
            Some(pool) if own_pool => {
                check.problem("pool", pool.as_str(), "set either this or backends");
                return;
            }
            Some(pool) => Some(pool.0),
            None if own_pool => Some(name.clone()),
            None if !top_has_backends && !routes.is_empty() => None,
            None if !top_has_backends => {
                check.problem_at(
                    "backends",
                    "is missing: backends here or at the top, or pool",
                );
                return;
            }
            // The backends of the top with other checks, or another algorithm.
            None if has_pool_keys => Some(name.clone()),
            None => Some(DEFAULT_NAME.to_owned()),
        };
        let own_pool = pool.as_ref() == Some(&name) && (own_pool || has_pool_keys);
        if own_pool {
            // They are the pool's, and may be many.
            let (own, groups) = (take(&mut settings.backends), take(&mut settings.groups));
            let mut settings = settings.clone();
            (settings.backends, settings.groups) = (own, groups);
            if backends.is_none() {
                settings.backends.clone_from(&top.backends);
                settings.groups.clone_from(&top.groups);
                // They want it whoever asks them.
                if settings.backend_tls.is_none() {
                    settings.backend_tls.clone_from(&top.backend_tls);
                }
            }
            let name = name.clone();
            self.pools.push(NamedPool { name, settings });
        }
        self.services.push(Service {
            name,
            pool,
            own_pool,
            routes,
            settings,
        });
    }
}

/// Whether a service that has this key needs a pool of its own.
fn is_pool_key(key: &str) -> bool {
    let is_table = |known: &str| known.starts_with(&format!("{key}_"));
    let table = TABLES.iter().any(|table| table.name == key);
    // `[proxy]` is the clients' side; only its key `send` is not, which stands alone where it matters.
    POOL_KEYS.contains(&key)
        || key == BACKEND_TLS
        || table && key != "proxy" && POOL_KEYS.into_iter().any(is_table)
}

#[cfg(test)]
mod tests;
