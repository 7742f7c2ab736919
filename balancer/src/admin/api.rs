//! The JSON of `/api/v1`: its fields are a contract, so they are types of their own.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use netsocket_settings::dropped_lines;
use netsocket_telemetry::{Event, ProducerStats, Record};
use serde::Serialize;

use super::drain_view::DrainView;
use super::rates::Activity;
use super::time::rfc3339;
use crate::core::backend::{Backend, CheckReport};
use crate::core::pool::{DEFAULT_POOL, GroupReport, Outcome, PastTransition, Pool};
use crate::data_path::shared::Shared;
use crate::observe::process_view as observe;
use crate::observe::units::in_millis;

/// `/api/v1/pools`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Status {
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

/// A service.
#[derive(Debug, Serialize)]
pub(super) struct ServiceView {
    pub(super) name: String,
    /// The addresses that clients connect to.
    pub(super) listen: Vec<String>,
    pub(super) pool: String,
    pub(super) active: u64,
    pub(super) total: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    /// Codes that have occurred.
    pub(super) by_termination: BTreeMap<&'static str, u64>,
}

/// The machine.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Host {
    pub(super) cpu_percent: f64,
    pub(super) memory_percent: f64,
}

/// What happens in a second, on the average of the last few.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Rates {
    pub(super) sessions: f64,
    pub(super) errors: f64,
    pub(super) bytes_up: f64,
    pub(super) bytes_down: f64,
}

impl From<Activity> for Rates {
    fn from(activity: Activity) -> Self {
        Self {
            sessions: activity.sessions,
            errors: activity.errors,
            bytes_up: activity.bytes_up,
            bytes_down: activity.bytes_down,
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Sessions {
    pub(super) active: u64,
    pub(super) total: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) retries: u64,
    pub(super) accept_errors: u64,
    /// How often the system had none left of which resource; those of which it ever had none.
    pub(super) shortages: BTreeMap<&'static str, u64>,
    /// Codes that have occurred.
    pub(super) by_termination: BTreeMap<&'static str, u64>,
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

#[derive(Debug, Serialize)]
pub(super) struct PoolView {
    pub(super) name: String,
    pub(super) balance: &'static str,
    /// Whether no backend is healthy, so that all in service are used.
    pub(super) failing_open: bool,
    /// The backends of the pool, then those that are leaving and still have sessions.
    pub(super) backends: Vec<BackendView>,
    pub(super) groups: Vec<GroupView>,
}

/// A group of backends behind a DNS name.
#[derive(Debug, Serialize)]
pub(super) struct GroupView {
    pub(super) name: String,
    /// `dns` or `srv`.
    pub(super) resolve: &'static str,
    pub(super) question: String,
    pub(super) members: usize,
    /// The outcome of the latest query; `null` before the first one.
    pub(super) outcome: Option<&'static str>,
    pub(super) problem: Option<String>,
    /// Number of consecutive failed queries.
    pub(super) failures: u32,
    /// Since DNS last returned servers.
    pub(super) age_seconds: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct BackendView {
    pub(super) name: String,
    /// Its pool, where that is not the default one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) pool: String,
    pub(super) address: String,
    pub(super) state: &'static str,
    pub(super) reason: String,
    pub(super) since: String,
    /// The admin state: `ready`, `drain` or `maintenance`.
    pub(super) admin: &'static str,
    pub(super) weight: u32,
    /// The part of the weight that counts now: 0 to 1.
    pub(super) weight_share: f64,
    pub(super) backup: bool,
    /// `null`: any number.
    pub(super) max_connections: Option<u32>,
    pub(super) active: u64,
    pub(super) total: u64,
    pub(super) errors: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    /// The latest connect.
    pub(super) connect_ms: f64,
    /// Half of the connects of the last minute took no longer; `null` where there was none.
    pub(super) connect_p50_ms: Option<f64>,
    /// 99 of a hundred took no longer.
    pub(super) connect_p99_ms: Option<f64>,
    pub(super) rates: Rates,
    /// `null` where no operator has taken it out.
    pub(super) drain: Option<DrainView>,
    pub(super) checks: Checks,
    /// `null` where none was asked.
    pub(super) agent: Option<AgentView>,
}

/// The agent of a backend.
#[derive(Debug, Serialize)]
pub(super) struct AgentView {
    /// What it wants: the words that hold.
    pub(super) wants: String,
    pub(super) answered: u64,
    /// Answers with a word that means nothing.
    pub(super) unknown: u64,
    pub(super) failed: u64,
    /// Why the latest question failed; empty if it did not.
    pub(super) problem: String,
}

impl AgentView {
    fn of(backend: &Backend) -> Option<Self> {
        let counts = &backend.agent_counts;
        let [answered, unknown, failed] =
            [&counts.answered, &counts.unknown, &counts.failed].map(|count| count.load(Relaxed));
        (answered + unknown + failed > 0).then(|| Self {
            wants: backend.agent().to_string(),
            answered,
            unknown,
            failed,
            problem: counts.problem.load().to_string(),
        })
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Checks {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Checks in a row that contradict the state, and how many of them change it.
    pub(super) against: u32,
    pub(super) needed: u32,
    pub(super) last: Option<CheckView>,
}

#[derive(Debug, Serialize)]
pub(super) struct CheckView {
    /// `passed`, or the label of the failure.
    pub(super) result: &'static str,
    /// The failure in words.
    pub(super) said: Option<String>,
    pub(super) took_ms: f64,
    pub(super) at: String,
}

/// `/api/v1/history`, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct HistoryView<'a> {
    pub(super) records: Vec<&'a Record>,
    pub(super) events: Vec<&'a Event>,
}

/// Why the balancer is not ready for clients, if it is not. (Whether its workers answer is not known here.)
pub(super) fn unready(shared: &Shared) -> Option<String> {
    if shared.is_draining() {
        Some("draining".to_owned())
    } else if shared.up_count() == 0 {
        Some("no backend is up".to_owned())
    } else {
        shared.tasks.trouble(&[])
    }
}

impl Status {
    pub(super) fn new(
        shared: &Shared,
        host: Option<Host>,
        all: Activity,
        stats: Option<ProducerStats>,
        pools: Vec<PoolView>,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            time: rfc3339(SystemTime::now()),
            uptime_seconds: shared.uptime().as_secs(),
            ready: unready(shared).is_none(),
            draining: shared.is_draining(),
            host,
            sessions: Sessions::new(shared),
            rates: all.into(),
            telemetry: Telemetry::new(stats),
            log_lines_dropped: dropped_lines(),
            pools,
            services: services(shared),
        }
    }
}

/// The services, where there is anything but the default one.
fn services(shared: &Shared) -> Vec<ServiceView> {
    let process = shared.view();
    if !process.has_services() {
        return Vec::new();
    }
    let listeners = shared.listeners.all();
    let addresses = |name: &str| {
        let own = listeners
            .iter()
            .filter(|listener| *listener.service.name == *name);
        let own = own.filter_map(|listener| listener.bound.socket.address());
        own.map(|address| address.to_string()).collect()
    };
    let view = |service: observe::ServiceView| {
        let finished = service.finished.iter().map(|(_, count)| count);
        ServiceView {
            name: service.name.to_string(),
            listen: addresses(&service.name),
            active: service.active,
            total: service.active + finished.sum::<u64>(),
            pool: service.pool,
            bytes_up: service.bytes_up,
            bytes_down: service.bytes_down,
            by_termination: {
                let ends = service.finished.into_iter();
                ends.filter(|&(_, count)| count > 0).collect()
            },
        }
    };
    process.services.into_iter().map(view).collect()
}

impl PoolView {
    pub(super) fn new(pool: &Pool, backends: Vec<BackendView>) -> Self {
        Self {
            name: pool.name().to_owned(),
            balance: pool.policy().label(),
            failing_open: pool.is_failing_open(),
            backends,
            groups: pool.groups().iter().map(GroupView::from).collect(),
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
            total: counters.total(),
            bytes_up: counters.bytes_up(),
            bytes_down: counters.bytes_down(),
            retries: counters.retries(),
            accept_errors: counters.accept_errors(),
            shortages: shortages.filter(|&(_, count)| count > 0).collect(),
            by_termination: ends.filter(|&(_, count)| count > 0).collect(),
        }
    }
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

impl BackendView {
    pub(super) fn new(backend: &Backend, activity: Activity, drain: Option<DrainView>) -> Self {
        let (report, figures) = (backend.report(), backend.figures());
        let attributes = backend.attributes();
        Self {
            name: backend.name().to_owned(),
            pool: Some(backend.pool())
                .filter(|pool| *pool != DEFAULT_POOL)
                .unwrap_or_default()
                .to_owned(),
            address: backend.address().to_string(),
            state: report.state.label(),
            reason: report.reason.to_string(),
            since: rfc3339(report.since),
            admin: report.admin.label(),
            weight: attributes.weight,
            weight_share: f64::from(backend.weight_tenths()) / 10.0,
            backup: attributes.backup,
            max_connections: attributes.max_connections.map(NonZeroU32::get),
            active: figures.active,
            total: figures.total,
            errors: figures.errors,
            bytes_up: figures.bytes_up,
            bytes_down: figures.bytes_down,
            connect_ms: in_millis(figures.connect),
            connect_p50_ms: activity.connect_p50.map(in_millis),
            connect_p99_ms: activity.connect_p99.map(in_millis),
            rates: activity.into(),
            drain,
            agent: AgentView::of(backend),
            checks: Checks {
                passed: figures.checks_passed,
                failed: figures.checks_failed,
                against: report.progress.0,
                needed: report.progress.1.get(),
                last: report.last_check.as_ref().map(CheckView::from),
            },
        }
    }
}

impl From<&GroupReport> for GroupView {
    fn from(group: &GroupReport) -> Self {
        Self {
            name: group.name.clone(),
            resolve: group.resolve,
            question: group.question.clone(),
            members: group.members,
            outcome: group.last.map(Outcome::label),
            problem: group.problem.clone(),
            failures: group.failures,
            age_seconds: group.named.elapsed().as_secs_f64(),
        }
    }
}

/// `/api/v1/transitions`, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct TransitionsView {
    pub(super) transitions: Vec<TransitionView>,
}

#[derive(Debug, Serialize)]
pub(super) struct TransitionView {
    pub(super) pool: String,
    pub(super) backend: String,
    pub(super) address: String,
    pub(super) at: String,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) reason: String,
}

impl From<PastTransition> for TransitionView {
    fn from(past: PastTransition) -> Self {
        Self {
            pool: past.pool,
            backend: past.backend,
            address: past.address.to_string(),
            at: rfc3339(past.at),
            from: past.transition.from.label(),
            to: past.transition.to.label(),
            reason: past.transition.reason.to_string(),
        }
    }
}

impl From<&CheckReport> for CheckView {
    fn from(check: &CheckReport) -> Self {
        Self {
            result: match &check.outcome {
                Ok(()) => "passed",
                Err(failure) => failure.label(),
            },
            said: check.outcome.as_ref().err().map(ToString::to_string),
            took_ms: in_millis(check.took),
            at: rfc3339(check.at),
        }
    }
}
