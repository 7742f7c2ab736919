//! What a process reports about itself once a second: one JSON object, the same in Kafka, in the embedded history and in
//! the balancer's API.
//!
//! Owns the written form; [`crate::schema`] says what each field means. What the collector accepts is wider (the original
//! producer knew six fields) and is owned by [`crate::collector`].

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::figures::{
    BackendRecord, BalancerFigures, CommandRecord, Figures, FileserverFigures, ServiceRecord,
};
use super::identity::{Identity, Role};
use super::timestamp::rfc3339_millis;
use crate::names::backend;
use crate::sampler::HostSample;
use crate::schema::SCHEMA_VERSION;

/// How punctual a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tick {
    /// Milliseconds from the record's second to the moment in which it was made.
    pub late_ms: u64,
    /// Whole seconds without a record between the one before and this one.
    pub missed_ticks: u64,
}

/// Records that a producer has delivered or dropped since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Records that Kafka has acknowledged.
    pub sent: u64,
    /// Records that were dropped.
    pub dropped: u64,
}

/// One second of one process. The first six measurements have the names that the original system gave them; a file
/// server, which has no backends, leaves the three `*_active_clients` of named backends out.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::{BackendRecord, Figures, HostSample, Identity, Record, Role};
///
/// let mirror = BackendRecord { name: "mirror1".to_owned(), active: 2, ..BackendRecord::default() };
/// let figures = Figures { client_count: 7, backends: vec![mirror], ..Figures::default() };
/// let identity = Identity::new(Role::Balancer, "lb");
/// let ts = "2026-08-04T12:00:02Z".parse()?;
/// let record = Record::new(&identity, ts, HostSample::default(), figures);
///
/// let json = serde_json::to_value(&record)?;
/// assert_eq!(json["ts"], "2026-08-04T12:00:02.000Z");
/// assert_eq!(json["client_count"], 7);
/// assert_eq!(json["mirror1_active_clients"], 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    v: u32,
    /// When it was measured: RFC 3339, UTC, milliseconds, on a whole second.
    #[serde(serialize_with = "rfc3339_millis")]
    pub ts: DateTime<Utc>,
    /// The host name of the machine.
    pub host: String,
    /// What the process is.
    pub role: Role,
    /// The process among those of its role.
    pub instance: String,
    /// Machine and process.
    #[serde(flatten)]
    pub sample: HostSample,
    /// Sessions since the start.
    pub client_count: u64,
    /// Open sessions on the backend named `server`, 0 where there is none of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_active_clients: Option<u64>,
    /// Open sessions on the backend named `mirror1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror1_active_clients: Option<u64>,
    /// Open sessions on the backend named `mirror2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror2_active_clients: Option<u64>,
    /// Open sessions of the process.
    pub active_clients: u64,
    /// Sessions that may be open.
    pub session_limit: u64,
    /// How punctual this record is.
    #[serde(flatten)]
    pub tick: Tick,
    /// Records that Kafka has acknowledged; None without Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry_sent: Option<u64>,
    /// Records that were dropped; None without Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry_dropped: Option<u64>,
    /// Log lines that could not be written; None in records of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines_dropped: Option<u64>,
    /// A balancer's totals.
    #[serde(flatten)]
    pub balancer: Option<BalancerFigures>,
    /// A file server's totals.
    #[serde(flatten)]
    pub fileserver: Option<FileserverFigures>,
    /// Every backend; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<BackendRecord>,
    /// Every service; left out where there is none, as in records of older versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceRecord>,
}

impl Record {
    /// Builds the record of one second. Connect times that are NaN or infinite become 0, because JSON cannot express them
    /// and InfluxDB refuses them.
    #[must_use]
    pub fn new(
        identity: &Identity,
        ts: DateTime<Utc>,
        sample: HostSample,
        figures: Figures,
    ) -> Self {
        let Figures {
            client_count,
            active_clients,
            session_limit,
            mut backends,
            services,
            balancer,
            fileserver,
        } = figures;
        for backend in &mut backends {
            if !backend.connect_ms.is_finite() {
                backend.connect_ms = 0.0;
            }
        }
        let active_on = |name: &str| {
            let active = backends
                .iter()
                .find(|backend| backend.name == name)
                .map_or(0, |backend| backend.active);
            (identity.role == Role::Balancer).then_some(active)
        };
        Self {
            v: SCHEMA_VERSION,
            ts,
            host: identity.host.clone(),
            role: identity.role,
            instance: identity.instance.clone(),
            sample,
            client_count,
            server_active_clients: active_on(backend::SERVER),
            mirror1_active_clients: active_on(backend::MIRROR1),
            mirror2_active_clients: active_on(backend::MIRROR2),
            active_clients,
            session_limit,
            tick: Tick::default(),
            telemetry_sent: None,
            telemetry_dropped: None,
            log_lines_dropped: None,
            balancer,
            fileserver,
            backends,
            services,
        }
    }

    /// The same record with what the heartbeat knows: how punctual it is, and what the producer delivered, if there is one.
    #[must_use]
    pub fn with_telemetry(self, tick: Tick, delivered: Option<Delivered>) -> Self {
        Self {
            tick,
            telemetry_sent: delivered.map(|delivered| delivered.sent),
            telemetry_dropped: delivered.map(|delivered| delivered.dropped),
            ..self
        }
    }

    /// The same record with the number of log lines that the process could not write.
    #[must_use]
    pub fn with_log_lines_dropped(self, lines: u64) -> Self {
        Self {
            log_lines_dropped: Some(lines),
            ..self
        }
    }

    /// The memory that it takes, in bytes, about. The written form is not much longer.
    pub(crate) fn weight(&self) -> usize {
        let backend = |backend: &BackendRecord| {
            size_of::<BackendRecord>()
                + backend.name.len()
                + backend.address.len()
                + backend.state.len()
        };
        let service = |service: &ServiceRecord| size_of::<ServiceRecord>() + service.name.len();
        let commands = self.fileserver.as_ref().map_or(0, |figures| {
            figures.commands.len() * size_of::<CommandRecord>()
        });
        size_of::<Self>()
            + self.host.len()
            + self.instance.len()
            + commands
            + self.backends.iter().map(backend).sum::<usize>()
            + self.services.iter().map(service).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
