//! The JSON of pools and their backends: its fields are a contract, so they are types of their own.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering::Relaxed;

use netsocket_telemetry::{Event, Record};
use serde::Serialize;

use super::drain_view::DrainView;
use super::rates::{Activity, Rates};
use super::time::rfc3339;
use crate::core::backend::{Backend, CheckReport};
use crate::core::full_name::full_name;
use crate::core::pool::{DEFAULT_POOL, GroupReport, Outcome};
use crate::data_path::upstream::Upstream;
use crate::observe::units::in_millis;

#[derive(Debug, Serialize)]
pub(super) struct PoolView {
    pub(super) name: String,
    pub(super) balance: &'static str,
    /// Whether no backend is healthy, so that all in service are used.
    pub(super) failing_open: bool,
    /// Backends that would be tried if nobody else took a session.
    pub(super) last_resort: usize,
    /// Since when no backend has been up; `null` while one is.
    pub(super) outage_since: Option<String>,
    /// Clients that wait for a free place at a backend.
    pub(super) queued: usize,
    /// How many may wait.
    pub(super) queue_limit: usize,
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
    /// Which of the two queries for addresses failed, if only one did: `A` or `AAAA`.
    pub(super) failed_query: Option<&'static str>,
    /// The first of those that are asked; `null`: those of the system.
    pub(super) dns_server: Option<String>,
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

impl PoolView {
    pub(super) fn new(upstream: &Upstream, backends: Vec<BackendView>) -> Self {
        let (pool, queue) = (&upstream.pool, &upstream.queue);
        Self {
            name: pool.name().to_owned(),
            balance: pool.policy().label(),
            failing_open: pool.is_failing_open(),
            last_resort: pool.last_resort_count(),
            outage_since: pool.outage_since().map(rfc3339),
            queued: queue.len(),
            queue_limit: queue.most(),
            backends,
            groups: pool.groups().iter().map(GroupView::from).collect(),
        }
    }
}

impl BackendView {
    /// What tells it from the backends of other pools.
    pub(super) fn full_name(&self) -> String {
        full_name(&self.pool, &self.name)
    }

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
            failed_query: group.failed_query,
            dns_server: None,
            failures: group.failures,
            age_seconds: group.named.elapsed().as_secs_f64(),
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
