//! A session as the API shows it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::{Session, Stage};
use crate::relay::Traffic;
use crate::session_id::SessionId;

/// One open session at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SessionView {
    pub(crate) id: SessionId,
    pub(crate) client: SocketAddr,
    /// The backend that it has, or tries.
    pub(crate) backend: Option<String>,
    pub(crate) stage: &'static str,
    pub(crate) age: Duration,
    pub(crate) traffic: Traffic,
}

impl Session {
    pub(crate) fn view(&self, now: Instant) -> SessionView {
        let backend = self.backend.as_ref();
        SessionView {
            id: self.id,
            client: self.record.client,
            backend: backend.map(|(assigned, _)| assigned.backend().name().to_owned()),
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
