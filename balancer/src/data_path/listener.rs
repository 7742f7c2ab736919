//! The sockets that clients connect to: which service each belongs to, and the list that all workers accept from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::ListenAddress;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::service::Service;
use crate::data_path::unix_listener::SocketFile;

/// A listening socket of a service.
pub(crate) struct Listener {
    /// Unique among those that the process has or had.
    pub(crate) id: u64,
    pub(crate) service: Arc<Service>,
    pub(crate) bound: BoundSocket,
}

/// A socket that was bound for an address of the settings.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    pub(crate) socket: ListenSocket,
    /// The address as it is set.
    pub(crate) address: ListenAddress,
    /// The name that the service manager gave the socket, if it comes from there.
    pub(crate) managed: Option<String>,
    /// Goes behind the socket.
    _file: Option<SocketFile>,
}

impl BoundSocket {
    /// The file of a unix socket goes with it, unless it is the service manager's.
    pub(crate) fn new(
        socket: ListenSocket,
        address: ListenAddress,
        managed: Option<String>,
    ) -> Self {
        let place = socket.address().filter(|_| managed.is_none());
        let file = place.and_then(|place| SocketFile::of(place.path()?));
        Self {
            socket,
            address,
            managed,
            _file: file,
        }
    }
}

/// All of them. Workers hold them as long as they accept, so that a socket closes with the last of them.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<State>);

#[derive(Default)]
struct State {
    open: Vec<Arc<Listener>>,
    begun: u64,
    closed: bool,
}

impl Listeners {
    /// One more, which the workers do not know yet; nothing once they are closed.
    pub(crate) fn add(&self, service: Arc<Service>, bound: BoundSocket) -> Option<Arc<Listener>> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.begun += 1;
        let listener = Arc::new(Listener {
            id: state.begun,
            service,
            bound,
        });
        state.open.push(Arc::clone(&listener));
        Some(listener)
    }

    /// Those that are open.
    pub(crate) fn all(&self) -> Vec<Arc<Listener>> {
        self.state().open.clone()
    }

    /// Drops some; the workers let go of them on their own.
    pub(crate) fn remove(&self, ids: &[u64]) {
        self.state()
            .open
            .retain(|listener| !ids.contains(&listener.id));
    }

    /// Drops all, and takes no more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.open.clear();
        state.closed = true;
    }

    /// Whether [`Self::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The list is whole whatever its last user did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
