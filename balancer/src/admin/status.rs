//! `/api/v1/pools`: the whole of the balancer at one moment.

use std::collections::BTreeMap;
use std::time::SystemTime;

use netsocket_credentials::Moment;
use netsocket_settings::dropped_lines;
use netsocket_telemetry::ProducerStats;
use serde::Serialize;

use super::alerts::{Certificate, Condition, Facts, NotRestarted, Refused};
use super::api::PoolView;
use super::commands::Commands;
use super::identity::Identity;
use super::rates::Rates;
use super::service_view::{ServiceView, occurred};
use super::time::rfc3339;
use crate::core::health::State;
use crate::core::tls::{CertificateExpiry, HANDSHAKE_REASONS};
use crate::data_path::shared::Shared;

/// `/api/v1/pools`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Status {
    /// Which balancer this is.
    #[serde(flatten)]
    pub(super) identity: Identity,
    /// How it is.
    #[serde(flatten)]
    pub(super) condition: Condition,
    pub(super) version: &'static str,
    /// Of this answer.
    pub(super) time: String,
    pub(super) uptime_seconds: u64,
    pub(super) ready: bool,
    pub(super) draining: bool,
    /// `null` until the first second is over.
    pub(super) host: Option<Host>,
    pub(super) sessions: Sessions,
    pub(super) rates: Rates,
    pub(super) telemetry: Telemetry,
    /// Log lines that could not be written.
    pub(super) log_lines_dropped: u64,
    pub(super) pools: Vec<PoolView>,
    /// Where there is anything but the default one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) services: Vec<ServiceView>,
}

/// The machine.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Host {
    pub(super) cpu_percent: f64,
    pub(super) memory_percent: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Sessions {
    pub(super) active: u64,
    /// How many may be open.
    pub(super) limit: u64,
    pub(super) total: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) retries: u64,
    pub(super) accept_errors: u64,
    /// How often the system had none left of which resource; those of which it ever had none.
    pub(super) shortages: BTreeMap<&'static str, u64>,
    /// Codes that have occurred.
    pub(super) by_termination: BTreeMap<&'static str, u64>,
    /// Why TLS handshakes with clients failed; reasons that have occurred.
    pub(super) tls_handshake_failures: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Telemetry {
    pub(super) enabled: bool,
    pub(super) connected: bool,
    pub(super) queued: u64,
    pub(super) sent: u64,
    pub(super) dropped: u64,
    pub(super) last_error: Option<String>,
}

/// Why the balancer is not ready for clients, if it is not. (Whether its workers answer is not known here.)
pub(super) fn unready(shared: &Shared) -> Option<String> {
    if shared.is_draining() {
        Some("draining".to_owned())
    } else if shared.up_count() == 0 {
        let pools = shared.pools();
        let mut backends = pools.iter().flat_map(|pool| pool.backends());
        let some_up = backends.any(|backend| backend.report().state == State::Up);
        let said = match some_up {
            true => "no backend takes sessions: those that are up have weight 0",
            false => "no backend is up",
        };
        Some(said.to_owned())
    } else {
        shared.tasks.trouble(&[])
    }
}

/// What a probe is told of a balancer that is ready: which pools it can do nothing for, as one that works is enough.
pub(super) fn readiness(shared: &Shared) -> String {
    let pools = shared.pools();
    let without: Vec<&str> = pools
        .iter()
        .filter(|pool| pool.up_count() == 0)
        .map(|pool| pool.name())
        .collect();
    match without.as_slice() {
        [] => "ready".to_owned(),
        [pool] => format!("ready, but no backend of pool {pool} takes sessions"),
        pools => format!(
            "ready, but no backend of pools {} takes sessions",
            pools.join(", ")
        ),
    }
}

/// What a status is made of, beside what all parts of the balancer share.
pub(super) struct Parts {
    pub(super) identity: Identity,
    pub(super) host: Option<Host>,
    pub(super) rates: Rates,
    pub(super) telemetry: Option<ProducerStats>,
    pub(super) pools: Vec<PoolView>,
    pub(super) services: Vec<ServiceView>,
    pub(super) refused: Option<Refused>,
    pub(super) failed_restart: Option<NotRestarted>,
}

impl Status {
    pub(super) fn new(shared: &Shared, parts: Parts, commands: &Commands) -> Self {
        let sessions = Sessions::new(shared);
        let condition = Condition::of(&Facts {
            draining: shared.is_draining(),
            trouble: shared.tasks.trouble(&[]),
            active: sessions.active,
            limit: sessions.limit,
            descriptors: shared.limiting_descriptors(),
            now: Moment::at(SystemTime::now()),
            certificates: &certificates(shared),
            refused: parts.refused.as_ref(),
            failed_restart: parts.failed_restart.as_ref(),
            commands,
            pools: &parts.pools,
            services: &parts.services,
        });
        Self {
            identity: parts.identity,
            condition,
            version: env!("CARGO_PKG_VERSION"),
            time: rfc3339(SystemTime::now()),
            uptime_seconds: shared.uptime().as_secs(),
            ready: unready(shared).is_none(),
            draining: shared.is_draining(),
            host: parts.host,
            sessions,
            rates: parts.rates,
            telemetry: Telemetry::new(parts.telemetry),
            log_lines_dropped: dropped_lines(),
            pools: parts.pools,
            services: parts.services,
        }
    }
}

impl Sessions {
    fn new(shared: &Shared) -> Self {
        let counters = &shared.counters;
        let shortages = shared.shortages.counts().into_iter();
        let shortages = shortages.map(|(resource, count)| (resource.label(), count));
        let ends = counters.by_termination().into_iter();
        Self {
            active: counters.active(),
            limit: shared.session_limit(),
            total: counters.total(),
            bytes_up: counters.bytes_up(),
            bytes_down: counters.bytes_down(),
            retries: counters.retries(),
            accept_errors: counters.accept_errors(),
            shortages: occurred(shortages),
            by_termination: occurred(ends),
            tls_handshake_failures: handshake_failures(shared),
        }
    }
}

/// All that are shown to clients, of which the end is known.
fn certificates(shared: &Shared) -> Vec<Certificate> {
    let of = |service: Option<&str>, all: &[CertificateExpiry]| -> Vec<Certificate> {
        let known = all.iter().filter_map(|it| {
            Some(Certificate {
                service: service.map(str::to_owned),
                file: it.file.display().to_string(),
                expires: it.expires?,
            })
        });
        known.collect()
    };
    let view = shared.view();
    let services = view.services.into_iter();
    let of_services = services.filter_map(|it| Some(of(Some(&it.name), &it.tls?.certificates)));
    let mut all: Vec<Certificate> = of_services.flatten().collect();
    all.extend(of(None, &view.admin_certificates));
    all
}

/// Those of all services together.
fn handshake_failures(shared: &Shared) -> BTreeMap<&'static str, u64> {
    let mut failures = BTreeMap::new();
    for tls in shared.view().services.into_iter().filter_map(|it| it.tls) {
        for (reason, count) in HANDSHAKE_REASONS.into_iter().zip(tls.failed) {
            *failures.entry(reason).or_default() += count;
        }
    }
    occurred(failures.into_iter())
}

impl Telemetry {
    fn new(stats: Option<ProducerStats>) -> Self {
        let enabled = stats.is_some();
        let ProducerStats {
            connected,
            queued,
            sent,
            dropped,
            last_error,
            ..
        } = stats.unwrap_or_default();
        Self {
            enabled,
            connected,
            queued,
            sent,
            dropped,
            last_error,
        }
    }
}
