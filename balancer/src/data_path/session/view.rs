//! A session as the API shows it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Session, Stage};
use crate::core::backend::Backend;
use crate::core::balance::BackendId;
use crate::core::session_id::SessionId;
use crate::data_path::relay::Traffic;

/// One open session at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SessionView {
    pub(crate) id: SessionId,
    pub(crate) client: SocketAddr,
    /// The backend that it has, or tries.
    pub(crate) backend: Option<Arc<Backend>>,
    pub(crate) stage: &'static str,
    pub(crate) age: Duration,
    pub(crate) traffic: Traffic,
}

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
            backend: backend.map(|(assigned, _)| Arc::clone(assigned.backend())),
            stage: match self.stage {
                Stage::Introducing(_) => "introducing",
                Stage::Queued(_) => "queued",
                Stage::Connecting(_) => "connecting",
                Stage::Relaying(_) => "relaying",
                Stage::Delivering(..) => "delivering",
            },
            age: now.saturating_duration_since(self.accepted),
            traffic: self.record.traffic,
        }
    }
}
