//! What a session shows of itself.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Session, Stage};
use crate::core::balance::BackendId;
use crate::core::pool::DEFAULT_POOL;
use crate::data_path::session_view::SessionView;

impl Session {
    /// Whether it has, or tries, that backend; with `None`, always.
    pub(crate) fn is_of(&self, backend: Option<BackendId>) -> bool {
        let own = self.backend.as_ref();
        backend.is_none_or(|id| own.is_some_and(|(own, _)| own.backend().id() == id))
    }

    pub(crate) fn view(&self, now: Instant) -> SessionView {
        let backend = self.backend.as_ref();
        SessionView {
            id: self.id,
            client: self.record.client,
            service: Some(&self.service.name)
                .filter(|name| ***name != *DEFAULT_POOL)
                .cloned(),
            backend: backend.map(|(assigned, _)| Arc::clone(assigned.backend())),
            stage: match self.stage {
                Stage::ReadingHeader(_) => "introducing",
                Stage::Routing(_) => "routing",
                Stage::Handshaking(_) | Stage::Refused(_) => "handshaking",
                Stage::Queued(_) => "queued",
                Stage::Connecting(_) | Stage::Securing(_) => "connecting",
                Stage::Relaying(_) => "relaying",
                Stage::Delivering(..) => "delivering",
            },
            age: now.saturating_duration_since(self.accepted),
            traffic: self.record.traffic,
        }
    }
}
