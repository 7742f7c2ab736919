//! What the workers and the control side of one running balancer share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use netsocket_settings::Supervisor;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::admission::{Refusal, SharedQueue};
use crate::core::backend::Backend;
use crate::core::log_limiter::LogLimiter;
use crate::core::pool::Pool;
use crate::core::session_id::SessionId;
use crate::core::session_record::SessionRecord;
use crate::core::shortage::Shortages;
use crate::core::tls::CertificateExpiry;
use crate::data_path::connect::LocalPorts;
use crate::data_path::descriptors::Budget;
use crate::data_path::listener::Listeners;
use crate::data_path::log_buffers::LogBuffers;
use crate::data_path::mailbox::Mail;
use crate::data_path::process_rules::ProcessRules;
use crate::data_path::relay::RelaySwitch;
use crate::data_path::service::{Routes, Service};
use crate::data_path::upstream::Upstream;
use crate::data_path::worker_registry::WorkerRegistry;
use crate::observe::access_log::{AccessLogs, Frontend, write_session};
use crate::observe::metrics::Counters;
use crate::observe::process_view::{ProcessView, ServiceView, TlsView};

/// A function that sees the record of every session at its end. It runs on the worker's thread: it must not wait.
pub(crate) type RecordHook = Arc<dyn Fn(&SessionRecord) + Send + Sync>;

/// One running balancer.
pub(crate) struct Shared {
    pub(crate) services: ArcSwap<Vec<Arc<Service>>>,
    /// The pools of all services, each once.
    pub(crate) upstreams: ArcSwap<Vec<Arc<Upstream>>>,
    /// Of all services together.
    pub(crate) counters: Arc<Counters>,
    pub(crate) workers: WorkerRegistry,
    pub(crate) listeners: Listeners,
    /// The settings of the whole process.
    pub(crate) rules: ArcSwap<ProcessRules>,
    pub(crate) access_logs: AccessLogs,
    /// What the system had none left of.
    pub(crate) shortages: Arc<Shortages>,
    pub(crate) relay: RelaySwitch,
    pub(crate) local_ports: LocalPorts,
    /// Limits the log line about sessions without a usable backend.
    pub(crate) last_resort_limiter: LogLimiter,
    /// What the descriptor limit allows.
    pub(crate) budget: Budget,
    pub(crate) on_record: Option<RecordHook>,
    /// Cancelled when the balancer stops accepting.
    pub(crate) stop: CancellationToken,
    /// Keeps the long-lived tasks running, the workers included.
    pub(crate) tasks: Supervisor,
    pub(crate) started: Instant,
}

impl Shared {
    /// Passes a record to the counters, the access log and the hook.
    pub(crate) fn record(
        &self,
        record: &SessionRecord,
        service: &Service,
        buffers: &mut LogBuffers,
    ) {
        self.counters.count(record);
        service.counters.count_of_service(record);
        if let Some(buffer) = buffers.of(service) {
            let frontend = Frontend {
                name: &service.frontend,
                open: service.counters.active(),
                open_all: self.counters.active(),
            };
            write_session(buffer, record, &frontend);
        }
        if let Some(hook) = &self.on_record {
            hook(record);
        }
    }

    /// Gives free slots of a pool to queued sessions. Call it whenever a slot may have become free, and after queueing a
    /// session.
    pub(crate) fn serve_queue(&self, upstream: &Arc<Upstream>) {
        while let Some((ticket, slot)) = upstream.next_queued() {
            let id = SessionId::from_bits(ticket.slot);
            let mail = Mail::Slot(id, slot, Arc::clone(upstream));
            let handle = self.workers.worker(ticket.worker.into());
            // A worker that is over gives the place back by dropping it.
            drop(handle.map(|handle| handle.mailbox.send(mail)));
        }
    }

    /// The same for all pools.
    pub(crate) fn serve_queues(&self) {
        for upstream in self.upstreams.load().iter() {
            self.serve_queue(upstream);
        }
    }

    /// All pools.
    pub(crate) fn pools(&self) -> Vec<Arc<Pool>> {
        let upstreams = self.upstreams.load();
        let pools = upstreams.iter().map(|upstream| Arc::clone(&upstream.pool));
        pools.collect()
    }

    /// Backends of all pools, those that are leaving included.
    pub(crate) fn backends(&self) -> Vec<Arc<Backend>> {
        let of = |pool: Arc<Pool>| {
            let leaving = pool.leaving().into_iter().map(|leaving| leaving.backend);
            pool.backends().into_iter().chain(leaving)
        };
        self.pools().into_iter().flat_map(of).collect()
    }

    /// Backends that are healthy and take sessions.
    pub(crate) fn up_count(&self) -> usize {
        let upstreams = self.upstreams.load();
        upstreams
            .iter()
            .map(|upstream| upstream.pool.up_count())
            .sum()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether one more session could leave no descriptor for anything else.
    pub(crate) fn is_full(&self) -> bool {
        self.counters.active() >= self.budget.sessions
    }

    /// Sessions that settings and descriptors allow.
    pub(crate) fn session_limit(&self) -> u64 {
        let most = self.budget.sessions;
        self.sessions_set().map_or(most, |set| set.min(most))
    }

    /// How many descriptors there are, if the limit of sessions comes from them.
    pub(crate) fn limiting_descriptors(&self) -> Option<u64> {
        let set = self.sessions_set();
        let limits = set.is_none_or(|set| set > self.budget.sessions);
        limits.then_some(self.budget.limit)
    }

    /// Sessions that the settings allow, where they set a limit.
    pub(crate) fn sessions_set(&self) -> Option<u64> {
        let services = self.services.load();
        let limits = services.iter().map(|service| {
            let rules = service.rules.load();
            rules
                .admission
                .limits()
                .connections
                .map(|most| u64::from(most.get()))
        });
        // One without a limit may take all that there are.
        limits.sum()
    }

    /// What metrics and telemetry are made of.
    pub(crate) fn view(&self) -> ProcessView<'_> {
        let services = self.services.load();
        let refused = |refusal| {
            let each = services.iter();
            each.map(|service| service.rules.load().admission.refused(refusal))
                .sum()
        };
        let upstreams = self.upstreams.load();
        let queues = || upstreams.iter().map(|upstream| &upstream.queue);
        ProcessView {
            uptime: self.uptime(),
            draining: self.is_draining(),
            task_panics: self.tasks.panics(),
            counters: &self.counters,
            pools: self.pools(),
            services: services.iter().map(|service| view(service)).collect(),
            shortages: self.shortages.counts(),
            session_limit: self.session_limit(),
            worker_sessions: self.workers.loads().collect(),
            refused: Refusal::ALL.map(refused),
            queued: queues().map(SharedQueue::len).sum(),
            queue_limit: queues().map(SharedQueue::most).sum(),
            access_log: self.access_logs.figures(),
            admin_certificates: self.admin_certificates(),
        }
    }

    fn admin_certificates(&self) -> Vec<CertificateExpiry> {
        let rules = self.rules.load();
        let tls = rules.admin_tls.as_ref();
        tls.map_or_else(Vec::new, |tls| tls.certificates.clone())
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The pool for clients that no rule is about; empty where they are refused.
fn pool_of(routes: &Routes) -> String {
    let pool = routes
        .serves_others
        .then(|| routes.target.upstream.pool.name());
    pool.unwrap_or_default().to_owned()
}

/// Backends that are up in the pools of a service, each pool once.
fn backends_up(routes: &Routes) -> usize {
    let others = routes.serves_others.then_some(&routes.target);
    let own = routes.rules.iter().filter_map(|rule| rule.target.as_ref());
    let mut pools: Vec<&Arc<Pool>> = others
        .into_iter()
        .chain(own)
        .map(|target| &target.upstream.pool)
        .collect();
    pools.sort_by_key(|pool| Arc::as_ptr(pool));
    pools.dedup_by_key(|pool| Arc::as_ptr(pool));
    pools.iter().map(|pool| pool.up_count()).sum()
}

fn view(service: &Service) -> ServiceView {
    let rules = service.rules.load();
    ServiceView {
        name: Arc::clone(&service.name),
        pool: pool_of(&rules.routes),
        routes: rules.routes.counts(),
        active: service.counters.active(),
        backends_up: backends_up(&rules.routes),
        limit: (rules.admission.limits().connections).map(|most| u64::from(most.get())),
        refused: Refusal::ALL.map(|refusal| rules.admission.refused(refusal)),
        finished: service.counters.by_termination(),
        bytes_up: service.counters.bytes_up(),
        bytes_down: service.counters.bytes_down(),
        tls: rules.tls.as_ref().map(|tls| TlsView {
            done: service.handshakes.done(),
            failed: service.handshakes.failed(),
            certificates: tls.certificates.clone(),
        }),
    }
}

#[cfg(test)]
impl Shared {
    /// A balancer whose only service has no backends.
    pub(crate) fn without_backends(on_record: Option<RecordHook>) -> Self {
        let service = Service::without_backends();
        let upstream = Arc::clone(&service.rules.load().routes.target.upstream);
        Self {
            shortages: Arc::clone(&upstream.pool.shortages),
            services: ArcSwap::from_pointee(vec![Arc::new(service)]),
            upstreams: ArcSwap::from_pointee(vec![upstream]),
            counters: Arc::new(Counters::default()),
            workers: WorkerRegistry::new(1).expect("descriptors for one worker"),
            listeners: Listeners::default(),
            rules: ArcSwap::from_pointee(ProcessRules::new(
                &crate::config::Config::default(),
                crate::config::Secrets::default(),
            )),
            access_logs: AccessLogs::new(0, Supervisor::default()),
            relay: RelaySwitch::default(),
            local_ports: LocalPorts::of_system(),
            last_resort_limiter: LogLimiter::default(),
            budget: Budget::of_process(std::num::NonZeroUsize::MIN, 1),
            on_record,
            stop: CancellationToken::new(),
            tasks: Supervisor::default(),
            started: Instant::now(),
        }
    }

    /// Its service.
    pub(crate) fn only_service(&self) -> Arc<Service> {
        Arc::clone(&self.services.load()[0])
    }

    /// Has its service listen at a port of the system's choice; where that is.
    pub(crate) fn listen(&self) -> std::net::SocketAddr {
        use crate::config::{ListenAddress, ListenOptions};
        use crate::data_path::listen_socket::{ListenSocket, listen};
        use crate::data_path::listener::BoundSocket;

        let any = ([127, 0, 0, 1], 0).into();
        let listener = listen(any, ListenOptions::default()).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let socket = ListenSocket::Tcp(listener);
        let bound = BoundSocket::new(socket, ListenAddress::Tcp(any), None);
        let added = self.listeners.add(self.only_service(), bound);
        assert!(added.is_some(), "it is not closed");
        address
    }
}
