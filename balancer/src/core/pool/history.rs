//! The latest state changes of a pool, and how they are logged.

use std::collections::VecDeque;
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

#[derive(Debug, Default)]
pub(super) struct History(VecDeque<PastTransition>);

impl History {
    pub(super) fn add(&mut self, backend: &Backend, transition: Transition) {
        announce(backend, &transition);
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(PastTransition {
            at: SystemTime::now(),
            pool: backend.pool().to_owned(),
            id: backend.id(),
            backend: backend.name().to_owned(),
            address: backend.address().clone(),
            transition,
        });
    }

    pub(super) fn transitions(&self) -> Vec<PastTransition> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn latest(&self, count: usize) -> Vec<PastTransition> {
        let older = self.0.len().saturating_sub(count);
        self.0.iter().skip(older).cloned().collect()
    }

    /// When a backend last changed state, as far as it is still recorded.
    pub(super) fn last_change(&self, id: BackendId) -> Option<SystemTime> {
        let mut latest = self.0.iter().rev();
        latest.find(|past| past.id == id).map(|past| past.at)
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
