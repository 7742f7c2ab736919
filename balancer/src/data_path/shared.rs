//! What the workers and the control side of one running balancer share.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::admission::{Refusal, SharedQueue};
use crate::core::log_limiter::LogGate;
use crate::core::pool::Pool;
use crate::core::session_id::SessionId;
use crate::core::session_record::SessionRecord;
use crate::data_path::connect::LocalPorts;
use crate::data_path::descriptors::Budget;
use crate::data_path::mailbox::Mail;
use crate::data_path::relay::RelaySwitch;
use crate::data_path::runtime_rules::Live;
use crate::data_path::worker_registry::Crew;
use crate::observe::access_log::{AccessLog, Lane, write_session};
use crate::observe::metrics::Counters;
use crate::observe::process_view::ProcessView;

/// A function that sees the record of every session at its end. It runs on the worker's thread: it must not wait.
pub(crate) type RecordHook = Arc<dyn Fn(&SessionRecord) + Send + Sync>;

/// One running balancer.
pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) crew: Crew,
    /// The settings that sessions go by.
    pub(crate) live: ArcSwap<Live>,
    /// Clients for whom every backend is full.
    pub(crate) queue: SharedQueue,
    /// `None` where none is kept.
    pub(crate) access_log: Option<AccessLog>,
    /// The listener as the access log calls it.
    pub(crate) frontend: String,
    pub(crate) relay: RelaySwitch,
    pub(crate) local_ports: LocalPorts,
    /// For the line about sessions that no usable backend takes.
    pub(crate) last_resort_gate: LogGate,
    /// What there are descriptors for.
    pub(crate) budget: Budget,
    pub(crate) on_record: Option<RecordHook>,
    /// Cancelled when nothing new is to be accepted any more.
    pub(crate) stop: CancellationToken,
    pub(crate) started: Instant,
}

impl Shared {
    /// The one way of a record: counters, access log, hook.
    pub(crate) fn record(&self, record: &SessionRecord, lane: Option<&mut Lane>) {
        self.counters.count(record);
        if let Some(lane) = lane {
            write_session(lane, record, &self.frontend, self.counters.active());
        }
        if let Some(hook) = &self.on_record {
            hook(record);
        }
    }

    /// Gives free places to those that wait. To be called whenever a place may have become free, and after somebody
    /// has begun to wait.
    pub(crate) fn hand_over(&self) {
        // Whose turn it is is not known yet, so that the place is anybody's.
        let reserve = || self.pool.pick(IpAddr::V4(Ipv4Addr::UNSPECIFIED), &[]).ok();
        while let Some((ticket, place)) = self.queue.hand_over(reserve) {
            let mail = Mail::Place(SessionId::from_bits(ticket.slot), place);
            let member = self.crew.member(ticket.worker.into());
            // A worker that is over gives the place back by dropping it.
            drop(member.map(|member| member.mailbox.send(mail)));
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
        let set = self.live.load().admission.limits().connections;
        set.map_or(self.budget.sessions, |most| {
            self.budget.sessions.min(most.get().into())
        })
    }

    /// What metrics and telemetry are made of.
    pub(crate) fn view(&self) -> ProcessView<'_> {
        let live = self.live.load();
        ProcessView {
            uptime: self.uptime(),
            draining: self.is_draining(),
            counters: &self.counters,
            pool: &self.pool,
            session_limit: self.session_limit(),
            worker_sessions: self.crew.loads().collect(),
            refused: Refusal::ALL.map(|refusal| live.admission.refused(refusal)),
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
    /// A balancer that has nobody to serve its clients.
    pub(crate) fn without_backends(on_record: Option<RecordHook>) -> Self {
        let config = crate::config::Config::default();
        Self {
            pool: Arc::new(Pool::new(Vec::new(), config.balance, config.health, 0)),
            counters: Arc::new(Counters::default()),
            crew: Crew::new(1).expect("descriptors for one worker"),
            live: ArcSwap::from_pointee(Live::new(&config, None)),
            queue: SharedQueue::new(config.queue.length),
            access_log: None,
            frontend: config.listen.to_string(),
            relay: RelaySwitch::default(),
            local_ports: LocalPorts::of_system(),
            last_resort_gate: LogGate::default(),
            budget: Budget::of_process(std::num::NonZeroUsize::MIN),
            on_record,
            stop: CancellationToken::new(),
            started: Instant::now(),
        }
    }
}
