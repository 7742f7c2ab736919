//! What the workers and the control side of one running balancer share.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Timeouts;
use crate::crew::Crew;
use crate::descriptors::Budget;
use crate::dial::LocalPorts;
use crate::metrics::Counters;
use crate::pool::Pool;
use crate::record::SessionRecord;
use crate::relay::RelaySwitch;

/// A function that sees the record of every session at its end. It runs on the worker's thread: it must not wait.
pub(crate) type RecordHook = Arc<dyn Fn(&SessionRecord) + Send + Sync>;

/// One running balancer.
pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) crew: Crew,
    pub(crate) timeouts: Timeouts,
    pub(crate) relay: RelaySwitch,
    /// First bytes go to backends with the first packet.
    pub(crate) fast_open: bool,
    pub(crate) local_ports: LocalPorts,
    /// What there are descriptors for.
    pub(crate) budget: Budget,
    pub(crate) on_record: Option<RecordHook>,
    /// Cancelled when nothing new is to be accepted any more.
    pub(crate) stop: CancellationToken,
    pub(crate) started: Instant,
}

impl Shared {
    /// The one way of a record: counters, access log, hook.
    pub(crate) fn record(&self, record: &SessionRecord) {
        self.counters.count(record);
        record.log();
        if let Some(hook) = &self.on_record {
            hook(record);
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether one more session could leave no descriptor for anything else.
    pub(crate) fn is_full(&self) -> bool {
        self.counters.active() >= self.budget.sessions
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
            timeouts: config.timeouts,
            relay: RelaySwitch::default(),
            fast_open: false,
            local_ports: LocalPorts::of_system(),
            budget: Budget::of_process(std::num::NonZeroUsize::MIN),
            on_record,
            stop: CancellationToken::new(),
            started: Instant::now(),
        }
    }
}
