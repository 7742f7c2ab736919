//! A client that was accepted, on its way to the worker that serves it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::data_path::service::Service;

/// An accepted connection.
pub(crate) struct Client {
    pub(crate) socket: OwnedFd,
    pub(crate) address: SocketAddr,
    /// The service that it connected to.
    pub(crate) service: Arc<Service>,
}
