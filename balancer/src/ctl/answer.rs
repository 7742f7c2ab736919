//! The answers of the API as far as `ctl` shows them. What a balancer of another version leaves out has its default.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `/api/v1/pools`, and an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
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
    pub(super) total: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) retries: u64,
    pub(super) by_termination: BTreeMap<String, u64>,
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
    pub(super) backends: Vec<Backend>,
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
    pub(super) weight: u32,
    pub(super) active: u64,
    pub(super) total: u64,
    pub(super) errors: u64,
    pub(super) connect_p50_ms: Option<f64>,
    pub(super) connect_p99_ms: Option<f64>,
    pub(super) rates: Rates,
    pub(super) drain: Option<Drain>,
}

impl Backend {
    /// What tells it from the backends of other pools.
    pub(super) fn full_name(&self) -> String {
        if self.pool.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.pool, self.name)
        }
    }
}

/// A service, where there is anything but the default one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) listen: Vec<String>,
    pub(super) pool: String,
    pub(super) active: u64,
    pub(super) total: u64,
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) client: String,
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
    pub(super) backend: String,
    pub(super) at: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
}

/// `/api/v1/config/differences`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Differences {
    pub(super) differences: Vec<String>,
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
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReloadedBackends {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) altered: Vec<String>,
}
