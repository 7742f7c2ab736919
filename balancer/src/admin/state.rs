//! What the handlers share: the balancer as the admin HTTP sees it, and how often it changed something.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use netsocket_settings::AdminAddress;
use netsocket_telemetry::{History, Producer};
use serde::Serialize;
use tokio::time::Instant;

use super::alerts::{NotRestarted, Refused};
use super::api;
use super::audit::Changes;
use super::commands::{Commands, Reach};
use super::drain_view::DrainView;
use super::identity::Identity;
use super::rates::{CounterSample, RecentCounters};
use super::reader_secret::Known;
use super::service_view::services;
use super::status::{Host, Parts, Status};
use super::subscribers::Subscribers;
use crate::control::background::AdminAccess;
use crate::control::drain::Drains;
use crate::control::lifecycle::LifecycleHandle;
use crate::control::reload::Settings;
use crate::core::backend::Backend;
use crate::data_path::shared::Shared;

/// What the admin HTTP can see.
pub(super) struct Admin {
    pub(super) shared: Arc<Shared>,
    /// The settings in force.
    pub(super) settings: Arc<ArcSwap<Settings>>,
    pub(super) history: Arc<History>,
    pub(super) producer: Option<Producer>,
    pub(super) recent: Mutex<RecentCounters>,
    pub(super) drains: Drains,
    pub(super) subscribers: Subscribers,
    pub(super) changes: Changes,
    pub(super) readers: Known,
    pub(super) lifecycle: LifecycleHandle,
    address: AdminAddress,
    pub(super) settings_file: Option<PathBuf>,
}

impl Admin {
    pub(super) fn new(access: AdminAccess) -> Self {
        let AdminAccess {
            shared,
            settings,
            history,
            producer,
            lifecycle,
            address,
            settings_file,
        } = access;
        Self {
            shared,
            settings,
            history,
            producer,
            recent: Mutex::default(),
            drains: Drains::default(),
            subscribers: Subscribers::default(),
            changes: Changes::default(),
            readers: Known::default(),
            lifecycle,
            address,
            settings_file,
        }
    }

    pub(super) fn status(&self) -> Status {
        let (now, sample) = (Instant::now(), CounterSample::of(&self.shared));
        // Not within an expression that asks again: its lock would be held until the end of that.
        let all = self.recent().all(now, &sample.all);
        let settings = self.settings.load();
        let plans = settings.config.pool_plans();
        let upstreams = self.shared.upstreams.load();
        let pools = upstreams.iter().map(|upstream| {
            let leaving = upstream.pool.leaving().into_iter();
            let backends = upstream.pool.backends().into_iter();
            let backends = backends.chain(leaving.map(|leaving| leaving.backend));
            let backends = backends.map(|backend| self.view(&backend, now, &sample));
            let mut view = api::PoolView::new(upstream, backends.collect());
            let plan = plans.iter().find(|plan| plan.name == view.name);
            let server = plan.and_then(|plan| plan.settings.dns_servers.first());
            for group in &mut view.groups {
                group.dns_server = server.map(ToString::to_string);
            }
            view
        });
        let rates = |service: &str| {
            let counts = sample.services.get(service).copied().unwrap_or_default();
            self.recent().service(now, service, &counts).into()
        };
        let instance = settings.config.instance.clone();
        let host_name = self.history.latest().map(|record| record.host.clone());
        let parts = Parts {
            identity: Identity::of(&self.shared, instance, host_name),
            host: self.host(),
            rates: all.into(),
            telemetry: self.producer.as_ref().map(Producer::stats),
            pools: pools.collect(),
            services: services(&self.shared, rates),
            refused: settings.latest.as_deref().and_then(Refused::of),
            failed_restart: settings.failed_restart.as_deref().map(NotRestarted::of),
        };
        // A reload may change what it takes.
        let commands = Commands::of(&Reach {
            address: &self.address,
            tls: settings.config.admin_tls.is_some(),
            settings_file: self.settings_file.as_deref(),
            token_file: settings.config.admin_token_file.as_deref(),
        });
        Status::new(&self.shared, parts, &commands)
    }

    pub(super) fn backend(&self, backend: &Backend) -> api::BackendView {
        self.view(backend, Instant::now(), &CounterSample::of(&self.shared))
    }

    fn view(&self, backend: &Backend, now: Instant, sample: &CounterSample) -> api::BackendView {
        let counts = sample.backends.get(&backend.id()).copied();
        let counts = counts.unwrap_or_default();
        let activity = self.recent().backend(now, backend.id(), &counts);
        let drain = DrainView::new(backend, &self.drains, now);
        api::BackendView::new(backend, activity, drain)
    }

    fn host(&self) -> Option<Host> {
        let last = self.history.latest()?;
        Some(Host {
            cpu_percent: last.sample.cpu_percent,
            memory_percent: last.sample.memory_percent,
        })
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, RecentCounters> {
        // Samples are added and removed as a whole.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is right only now.
pub(super) fn fresh(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
