//! A session as the API shows it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::core::backend::Backend;
use crate::core::session_id::SessionId;
use crate::core::traffic::Traffic;

/// One open session at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SessionView {
    pub(crate) id: SessionId,
    pub(crate) client: SocketAddr,
    /// The service that it belongs to; `None`: the default one.
    pub(crate) service: Option<Arc<str>>,
    /// The backend that it has, or tries.
    pub(crate) backend: Option<Arc<Backend>>,
    pub(crate) stage: &'static str,
    pub(crate) age: Duration,
    pub(crate) traffic: Traffic,
}
