//! The answers of the API as far as `ctl` shows them. What a balancer of another version leaves out has its default.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::DEFAULT_NAME;
use crate::core::full_name::full_name;

/// `/api/v1/pools`, and an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) instance: Option<String>,
    pub(super) host_name: Option<String>,
    pub(super) listen: Vec<String>,
    /// One word; empty where the balancer is an older one.
    pub(super) state: String,
    pub(super) headline: String,
    /// How many backends are up, as a sentence.
    pub(super) backends_up: String,
    pub(super) alerts: Vec<Alert>,
    /// Of this answer.
    pub(super) time: String,
    pub(super) version: String,
    pub(super) uptime_seconds: u64,
    pub(super) ready: bool,
    pub(super) draining: bool,
    pub(super) host: Option<Host>,
    pub(super) sessions: Totals,
    pub(super) rates: Rates,
    pub(super) telemetry: Telemetry,
    pub(super) pools: Vec<Pool>,
    pub(super) services: Vec<Service>,
    /// Only in events.
    pub(super) top_sessions: Option<Vec<Session>>,
}

/// Something that is wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Alert {
    pub(super) what: String,
    pub(super) clients: String,
    pub(super) since: Option<String>,
    pub(super) todo: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Host {
    pub(super) cpu_percent: f64,
    pub(super) memory_percent: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Totals {
    pub(super) active: u64,
    /// 0 where the balancer is an older one.
    pub(super) limit: u64,
    pub(super) total: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) retries: u64,
    pub(super) by_termination: BTreeMap<String, u64>,
    pub(super) tls_handshake_failures: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rates {
    pub(super) sessions: f64,
    pub(super) bytes_up: f64,
    pub(super) bytes_down: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Telemetry {
    pub(super) enabled: bool,
    pub(super) connected: bool,
    pub(super) queued: u64,
    pub(super) dropped: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) balance: String,
    pub(super) failing_open: bool,
    pub(super) queued: u64,
    pub(super) queue_limit: u64,
    pub(super) backends: Vec<Backend>,
    pub(super) groups: Vec<Group>,
}

/// Backends behind a DNS name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Group {
    pub(super) name: String,
}

/// `/api/v1/backends/NAME`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Backend {
    pub(super) name: String,
    /// Empty for the default one.
    pub(super) pool: String,
    pub(super) address: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) since: String,
    pub(super) max_connections: Option<u64>,
    pub(super) checks: Checks,
    pub(super) weight: u32,
    pub(super) active: u64,
    pub(super) total: u64,
    pub(super) errors: u64,
    pub(super) connect_p50_ms: Option<f64>,
    pub(super) connect_p99_ms: Option<f64>,
    pub(super) rates: Rates,
    pub(super) drain: Option<Drain>,
    /// Only after a change: how many healthy backends of its pool take sessions.
    pub(super) serving: Option<u64>,
    /// Only after a change: how long its first check may take, where that is still to come.
    pub(super) first_check_within_ms: Option<u64>,
}

impl Status {
    /// The shortest that tells this balancer from others.
    pub(super) fn name(&self) -> &str {
        let name = self.instance.as_ref().or(self.host_name.as_ref());
        name.or(self.listen.first())
            .map_or("balancer", String::as_str)
    }

    pub(super) fn backends(&self) -> impl Iterator<Item = &Backend> {
        self.pools.iter().flat_map(|pool| &pool.backends)
    }

    /// How many backends are up, of how many; those that are leaving do not count.
    pub(super) fn up(&self) -> (usize, usize) {
        let members = self.backends().filter(|it| !it.is_leaving());
        let states: Vec<_> = members.map(|it| it.state == "up").collect();
        (states.iter().filter(|up| **up).count(), states.len())
    }

    /// The services that a backend's pool serves.
    pub(super) fn services_of(&self, backend: &Backend) -> String {
        let pool = match backend.pool.as_str() {
            "" => DEFAULT_NAME,
            pool => pool,
        };
        let services = self.services.iter().filter(|it| it.pool == pool);
        let names: Vec<_> = services.map(|service| service.name.as_str()).collect();
        names.join(",")
    }
}

impl Pool {
    /// What can be removed from it: its backends, and the names that DNS is asked for.
    pub(super) fn entries(&self) -> Vec<String> {
        let backends = self.backends.iter().filter(|it| !it.is_leaving());
        let backends = backends.map(|it| &it.name);
        let all = backends.chain(self.groups.iter().map(|it| &it.name));
        all.cloned().collect()
    }
}

impl Backend {
    /// Whether it is no longer in its pool.
    pub(super) fn is_leaving(&self) -> bool {
        self.state == "leaving"
    }

    /// Whether it looks as if it served, and does not.
    pub(super) fn is_weightless(&self) -> bool {
        self.state == "up" && self.weight == 0
    }

    /// Whether somebody may have to look at it.
    pub(super) fn is_troubled(&self) -> bool {
        self.state != "up" || self.is_weightless()
    }

    /// What tells it from the backends of other pools.
    pub(super) fn full_name(&self) -> String {
        full_name(&self.pool, &self.name)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Checks {
    pub(super) last: Option<Check>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    pub(super) result: String,
    pub(super) took_ms: f64,
    pub(super) at: String,
}

/// A service, where there is anything but the default one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) listen: Vec<String>,
    pub(super) pool: String,
    pub(super) active: u64,
    pub(super) limit: Option<u64>,
    pub(super) total: u64,
    pub(super) rates: Rates,
    pub(super) refused: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Drain {
    pub(super) sessions_left: u64,
    pub(super) deadline_ms: Option<u64>,
    pub(super) closed: u64,
    pub(super) done: bool,
}

/// `/api/v1/sessions`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sessions {
    pub(super) sessions: Vec<Session>,
}

/// The answer to an end of sessions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ended {
    pub(super) ended: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) client: String,
    pub(super) service: Option<String>,
    pub(super) backend: Option<String>,
    pub(super) stage: String,
    pub(super) age_ms: f64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) rate: Option<f64>,
}

/// `/api/v1/transitions`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transitions {
    pub(super) transitions: Vec<Transition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transition {
    /// Empty where the balancer is an older one.
    pub(super) pool: String,
    pub(super) backend: String,
    pub(super) at: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
}

impl Transition {
    /// What tells its backend from those of other pools.
    pub(super) fn full_name(&self) -> String {
        full_name(&self.pool, &self.backend)
    }
}

/// `/api/v1/config/differences`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Differences {
    pub(super) differences: Vec<String>,
    /// What they are compared with; none: flags and environment.
    pub(super) settings_file: Option<String>,
    /// Whether weights or drains were set that are no settings.
    pub(super) states_set: bool,
}

/// `/api/v1/reload`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reloaded {
    pub(super) generation: u64,
    pub(super) changed: Vec<String>,
    pub(super) backends: ReloadedBackends,
    pub(super) services: Vec<String>,
    pub(super) needs_restart: Vec<String>,
    pub(super) cut: u64,
    pub(super) warnings: Vec<String>,
}

impl Reloaded {
    /// This, and what one after it did.
    pub(super) fn and(mut self, next: Self) -> Self {
        self.generation = next.generation;
        self.changed.extend(next.changed);
        self.backends.added.extend(next.backends.added);
        self.backends.removed.extend(next.backends.removed);
        self.backends.altered.extend(next.backends.altered);
        self.services.extend(next.services);
        self.needs_restart.extend(next.needs_restart);
        self.cut += next.cut;
        self.warnings.extend(next.warnings);
        self
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReloadedBackends {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) altered: Vec<String>,
}
