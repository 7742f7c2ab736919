//! What the workers and the control side of one running balancer share.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use netsocket_settings::Supervisor;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::admission::{Refusal, SharedQueue};
use crate::core::log_limiter::LogLimiter;
use crate::core::pool::Pool;
use crate::core::session_id::SessionId;
use crate::core::session_record::SessionRecord;
use crate::data_path::connect::LocalPorts;
use crate::data_path::descriptors::Budget;
use crate::data_path::mailbox::Mail;
use crate::data_path::relay::RelaySwitch;
use crate::data_path::runtime_rules::RuntimeRules;
use crate::data_path::worker_registry::WorkerRegistry;
use crate::observe::access_log::{AccessLog, WorkerBuffer, write_session};
use crate::observe::metrics::Counters;
use crate::observe::process_view::ProcessView;

/// A function that sees the record of every session at its end. It runs on the worker's thread: it must not wait.
pub(crate) type RecordHook = Arc<dyn Fn(&SessionRecord) + Send + Sync>;

/// One running balancer.
pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) workers: WorkerRegistry,
    /// The settings that sessions use.
    pub(crate) rules: ArcSwap<RuntimeRules>,
    /// Sessions for which every backend is full.
    pub(crate) queue: SharedQueue,
    /// `None` if it is off.
    pub(crate) access_log: Option<AccessLog>,
    /// The listener's name in the access log.
    pub(crate) frontend: String,
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
    pub(crate) fn record(&self, record: &SessionRecord, buffer: Option<&mut WorkerBuffer>) {
        self.counters.count(record);
        if let Some(buffer) = buffer {
            write_session(buffer, record, &self.frontend, self.counters.active());
        }
        if let Some(hook) = &self.on_record {
            hook(record);
        }
    }

    /// Gives free slots to queued sessions. Call it whenever a slot may have become free, and after queueing a session.
    pub(crate) fn serve_queue(&self) {
        // The client that will get the slot is not known yet, so the slot does not depend on its address.
        let reserve = || self.pool.pick(IpAddr::V4(Ipv4Addr::UNSPECIFIED), &[]).ok();
        while let Some((ticket, slot)) = self.queue.serve(reserve) {
            let mail = Mail::Slot(SessionId::from_bits(ticket.slot), slot);
            let handle = self.workers.worker(ticket.worker.into());
            // A worker that is over gives the place back by dropping it.
            drop(handle.map(|handle| handle.mailbox.send(mail)));
        }
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
        let set = self.rules.load().admission.limits().connections;
        set.map_or(self.budget.sessions, |most| {
            self.budget.sessions.min(most.get().into())
        })
    }

    /// What metrics and telemetry are made of.
    pub(crate) fn view(&self) -> ProcessView<'_> {
        let rules = self.rules.load();
        ProcessView {
            uptime: self.uptime(),
            draining: self.is_draining(),
            task_panics: self.tasks.panics(),
            counters: &self.counters,
            pool: &self.pool,
            session_limit: self.session_limit(),
            worker_sessions: self.workers.loads().collect(),
            refused: Refusal::ALL.map(|refusal| rules.admission.refused(refusal)),
            queued: self.queue.len(),
            queue_limit: self.queue.most(),
            access_log: self
                .access_log
                .as_ref()
                .map(AccessLog::figures)
                .unwrap_or_default(),
        }
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
impl Shared {
    /// A balancer without backends.
    pub(crate) fn without_backends(on_record: Option<RecordHook>) -> Self {
        let config = crate::config::Config::default();
        Self {
            pool: Arc::new(Pool::new(Vec::new(), config.balance, config.health, 0)),
            counters: Arc::new(Counters::default()),
            workers: WorkerRegistry::new(1).expect("descriptors for one worker"),
            rules: ArcSwap::from_pointee(RuntimeRules::new(&config, None)),
            queue: SharedQueue::new(config.queue.length),
            access_log: None,
            frontend: config.listen.to_string(),
            relay: RelaySwitch::default(),
            local_ports: LocalPorts::of_system(),
            last_resort_limiter: LogLimiter::default(),
            budget: Budget::of_process(std::num::NonZeroUsize::MIN),
            on_record,
            stop: CancellationToken::new(),
            tasks: Supervisor::default(),
            started: Instant::now(),
        }
    }
}
