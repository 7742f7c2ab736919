//! The drain of a backend as the API shows it.

use std::time::SystemTime;

use serde::Serialize;
use tokio::time::Instant;

use super::time::rfc3339;
use crate::control::drain::Drains;
use crate::core::backend::Backend;
use crate::core::health::AdminState;

/// How the end of a backend's sessions stands.
#[derive(Debug, Serialize)]
pub(super) struct DrainView {
    sessions_left: u64,
    /// When the last is closed; `null`: they end when they end.
    deadline: Option<String>,
    /// Until then.
    deadline_ms: Option<u64>,
    /// Whether sessions are being closed.
    closing: bool,
    /// Sessions closed so far.
    closed: u64,
    /// Whether no session is left.
    done: bool,
}

impl DrainView {
    /// `None` where no operator has taken the backend out.
    pub(super) fn new(backend: &Backend, drains: &Drains, now: Instant) -> Option<Self> {
        let left = backend.figures().active;
        if backend.report().admin == AdminState::Ready {
            return None;
        }
        let progress = drains.progress(backend.id());
        let until = progress.map(|drain| drain.window.deadline.saturating_duration_since(now));
        Some(Self {
            sessions_left: left,
            deadline: until.map(|rest| rfc3339(SystemTime::now() + rest)),
            deadline_ms: until.map(|rest| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)),
            closing: left > 0 && progress.is_some_and(|drain| drain.window.closes_from <= now),
            closed: progress.map_or(0, |drain| drain.closed),
            done: left == 0,
        })
    }
}
