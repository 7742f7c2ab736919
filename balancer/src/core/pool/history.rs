//! The latest changes of a pool: states, weights, who has come; and how they are logged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::Utc;
use netsocket_settings::AdminAddress;
use netsocket_telemetry::{EventKind, Events};
use tracing::{info, warn};

use crate::core::backend::Backend;
use crate::core::balance::BackendId;
use crate::core::health::{State, Transition};

/// How many are kept.
const KEPT: usize = 256;

/// A state change of a backend, possibly one that has been removed.
#[derive(Debug, Clone)]
pub struct PastTransition {
    /// When it happened.
    pub at: SystemTime,
    /// The name of its pool.
    pub pool: String,
    /// The backend.
    pub id: BackendId,
    /// Its name.
    pub backend: String,
    /// Its address.
    pub address: AdminAddress,
    /// The old and the new state, and the reason.
    pub transition: Transition,
}

/// What has become of a backend.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    State(Transition),
    /// It gets another share of the sessions.
    Weight {
        from: u32,
        to: u32,
        /// Who has set it, with `by` or the like.
        who: Arc<str>,
    },
    /// An operator has put it back, and its first check decides about its state.
    Ready {
        from: State,
        who: Arc<str>,
    },
    /// It is new in the pool. `is_resolved`: its address was found in DNS; `who`: the operator who has added it.
    Added {
        is_resolved: bool,
        who: Option<Arc<str>>,
    },
}

/// A change of a backend, possibly one that has been removed.
#[derive(Debug, Clone)]
pub(crate) struct PastChange {
    pub(crate) at: SystemTime,
    pub(crate) pool: String,
    pub(crate) id: BackendId,
    pub(crate) backend: String,
    pub(crate) address: AdminAddress,
    pub(crate) change: Change,
}

#[derive(Debug, Default)]
pub(super) struct History(VecDeque<PastChange>);

impl History {
    pub(super) fn add(&mut self, backend: &Backend, transition: Transition) {
        announce(backend, &transition);
        self.note(backend, Change::State(transition));
    }

    /// The same of what is logged elsewhere.
    pub(super) fn note(&mut self, backend: &Backend, change: Change) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(PastChange {
            at: SystemTime::now(),
            pool: backend.pool().to_owned(),
            id: backend.id(),
            backend: backend.name().to_owned(),
            address: backend.address().clone(),
            change,
        });
    }

    pub(super) fn transitions(&self) -> Vec<PastTransition> {
        let transitions = self.0.iter().filter_map(|past| match &past.change {
            Change::State(transition) => Some(PastTransition {
                at: past.at,
                pool: past.pool.clone(),
                id: past.id,
                backend: past.backend.clone(),
                address: past.address.clone(),
                transition: transition.clone(),
            }),
            _ => None,
        });
        transitions.collect()
    }

    pub(super) fn latest(&self, count: usize) -> Vec<PastChange> {
        let older = self.0.len().saturating_sub(count);
        self.0.iter().skip(older).cloned().collect()
    }

    /// When a backend last changed state, as far as it is still recorded.
    pub(super) fn last_transition(&self, id: BackendId) -> Option<SystemTime> {
        let mut latest = self.0.iter().rev();
        let is_it = |past: &&PastChange| past.id == id && matches!(past.change, Change::State(_));
        latest.find(is_it).map(|past| past.at)
    }
}

fn announce(backend: &Backend, transition: &Transition) {
    let (name, address) = (backend.full_name(), backend.address());
    let reason = &transition.reason;
    match transition.to {
        State::Up => info!(backend = name, %address, %reason, "backend up"),
        State::Down => warn!(backend = name, %address, %reason, "backend down"),
        State::Ejected => warn!(backend = name, %address, %reason, "backend ejected"),
        State::Draining => info!(backend = name, %address, %reason, "backend draining"),
        State::Maintenance => info!(backend = name, %address, %reason, "backend in maintenance"),
        State::Leaving => {
            let active = backend.active();
            info!(backend = name, %address, %reason, active, "backend leaving");
        }
    }
}

/// Emits a telemetry event for a state change.
pub(super) fn tell(events: &Events, backend: &Backend, transition: &Transition) {
    let kind = if transition.to == State::Up {
        EventKind::BackendUp
    } else {
        EventKind::BackendDown
    };
    let text = format!("{}: {}", transition.to.label(), transition.reason);
    events.emit_about(Utc::now(), kind, backend.name(), text);
}

pub(super) fn announce_fail_open(
    events: Option<&Events>,
    pool: &str,
    begins: bool,
    candidates: usize,
) {
    if let Some(events) = events {
        let (kind, text) = if begins {
            let text = format!("no backend is healthy, using {candidates} in service");
            (EventKind::FailOpen, text)
        } else {
            (EventKind::FailOpenEnd, "fail-open ended".to_owned())
        };
        events.emit(Utc::now(), kind, text);
    }
    if begins {
        warn!(
            pool,
            backends = candidates,
            "no backend is healthy, using all backends in service"
        );
    } else {
        info!(pool, "fail-open ended");
    }
}
