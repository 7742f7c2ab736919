//! What a process inherits at its start: from an old process that it takes over from, or from the service manager.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use netsocket_settings::AdminAddress;
use socket2::{Domain, SockRef, Type};

use super::manifest::{InheritedSocket, Manifest, READY, VARIABLE};
use crate::control::admin_listener::AdminListener;
use crate::control::inherited_fds::take;
use crate::control::systemd::{ActivationError, Role, activated};
use crate::core::health::AdminState;

/// What this process inherited. By default, nothing.
#[derive(Debug, Default)]
pub struct Inherited {
    pub(crate) listen: Option<InheritedListener>,
    pub(crate) admin: Option<InheritedListener>,
    pub(crate) predecessor: Option<Predecessor>,
}

/// Why an inherited descriptor cannot be used. Retrying does not help.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// The manifest cannot be parsed.
    #[error("{VARIABLE}: {0}")]
    Manifest(#[from] serde_json::Error),
    /// The variables of the service manager cannot be parsed.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// The number is not an open descriptor.
    #[error("inherited descriptor {fd} ({name}): {error}")]
    Descriptor {
        /// What it should be.
        name: &'static str,
        /// The number.
        fd: RawFd,
        /// What the system said.
        error: io::Error,
    },
    /// The descriptor is something else.
    #[error(
        "inherited descriptor {fd} ({name}): not a listening TCP socket (or, for admin, a listening unix socket)"
    )]
    NotListening {
        /// What it should be.
        name: &'static str,
        /// The number.
        fd: RawFd,
    },
}

impl Inherited {
    /// Takes over the descriptors that the environment names; `variable` reads it. Call it once, before opening anything.
    ///
    /// # Errors
    /// A descriptor is not what it should be.
    pub fn of_process(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InheritError> {
        let Some(text) = variable(VARIABLE).filter(|text| !text.is_empty()) else {
            return Self::activated(variable);
        };
        let manifest = Manifest::read(&text)?;
        let ready = manifest.ready;
        let answer = take(ready).map_err(|error| InheritError::Descriptor {
            name: "ready",
            fd: ready,
            error,
        })?;
        let mut inherited = Self {
            predecessor: Some(Predecessor {
                answer: answer.into(),
                restarts: manifest.restarts,
                backends: admin_states(&manifest.backends),
            }),
            ..Self::default()
        };
        let sockets = listener(Role::Listen, manifest.listen)
            .and_then(|listen| Ok((listen, listener(Role::Admin, manifest.admin)?)));
        match sockets {
            Ok((listen, admin)) => {
                inherited.listen = Some(listen);
                inherited.admin = Some(admin);
                Ok(inherited)
            }
            Err(error) => {
                inherited.refuse(&error);
                Err(error)
            }
        }
    }

    fn activated(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InheritError> {
        let mut inherited = Self::default();
        for (role, fd) in activated(variable, std::process::id())? {
            let socket = InheritedSocket { fd, managed: true };
            let listener = listener(role, socket)?;
            match role {
                Role::Listen => inherited.listen = Some(listener),
                Role::Admin => inherited.admin = Some(listener),
            }
        }
        Ok(inherited)
    }

    /// Tells the old process, if there is one, why this one cannot take over.
    pub fn refuse(&mut self, reason: &impl Display) {
        if let Some(predecessor) = self.predecessor.take() {
            predecessor.answer(&reason.to_string());
        }
    }

    /// Whether the socket for clients, and that of the admin HTTP, came from the service manager.
    pub(crate) fn managed(&self) -> (bool, bool) {
        let managed = |listener: &Option<InheritedListener>| {
            listener.as_ref().is_some_and(|listener| listener.managed)
        };
        (managed(&self.listen), managed(&self.admin))
    }

    /// Whether clients may be waiting already.
    pub(crate) fn has_clients(&self) -> bool {
        self.listen.is_some()
    }
}

/// States by name. What a later version calls otherwise is left alone.
fn admin_states(labels: &BTreeMap<String, String>) -> BTreeMap<String, AdminState> {
    let known = [AdminState::Drain, AdminState::Maintenance];
    let state = |label: &String| known.into_iter().find(|state| state.label() == label);
    labels
        .iter()
        .filter_map(|(name, label)| Some((name.clone(), state(label)?)))
        .collect()
}

fn listener(role: Role, socket: InheritedSocket) -> Result<InheritedListener, InheritError> {
    let name = match role {
        Role::Listen => "listen",
        Role::Admin => "admin",
    };
    let InheritedSocket { fd, managed } = socket;
    let descriptor = take(fd).map_err(|error| InheritError::Descriptor { name, fd, error })?;
    InheritedListener::new(descriptor, role, managed).ok_or(InheritError::NotListening { name, fd })
}

/// A listening socket bound by another process.
#[derive(Debug)]
pub(crate) struct InheritedListener {
    socket: AdminListener,
    /// Whether it came from the service manager, whose word on addresses stands above the settings.
    managed: bool,
}

impl InheritedListener {
    fn new(descriptor: OwnedFd, role: Role, managed: bool) -> Option<Self> {
        let socket = SockRef::from(&descriptor);
        let listens =
            socket.is_listener().unwrap_or(false) && socket.r#type().ok() == Some(Type::STREAM);
        let domain = socket.domain().ok().filter(|_| listens)?;
        let socket = match (role, domain) {
            (_, Domain::IPV4 | Domain::IPV6) => AdminListener::Tcp(TcpListener::from(descriptor)),
            (Role::Admin, Domain::UNIX) => AdminListener::Unix(UnixListener::from(descriptor)),
            _ => return None,
        };
        Some(Self { socket, managed })
    }

    /// The socket, if it is the one for `address`; with port 0 in the settings, any port is.
    pub(crate) fn for_address(self, address: SocketAddr) -> Option<TcpListener> {
        match self.for_admin(&address.into())? {
            AdminListener::Tcp(listener) => Some(listener),
            AdminListener::Unix(_) => None,
        }
    }

    /// The same for the admin HTTP. A unix socket whose file has been removed is not used.
    pub(crate) fn for_admin(self, address: &AdminAddress) -> Option<AdminListener> {
        let fits = match (self.socket.address(), address) {
            (Some(AdminAddress::Tcp(bound)), AdminAddress::Tcp(address)) => {
                let port = address.port() == 0 || address.port() == bound.port();
                bound.ip() == address.ip() && port
            }
            (Some(AdminAddress::Unix(bound)), AdminAddress::Unix(path)) => {
                bound == *path && path.exists()
            }
            _ => false,
        };
        (fits || self.managed).then_some(self.socket)
    }
}

/// The old process, as the new one knows it.
#[derive(Debug)]
pub(crate) struct Predecessor {
    answer: File,
    /// Restarts so far.
    pub(crate) restarts: u32,
    /// What operators want of backends, where that is not `ready`.
    pub(crate) backends: BTreeMap<String, AdminState>,
}

impl Predecessor {
    /// One that hears nothing.
    #[cfg(test)]
    pub(crate) fn without_pipe(backends: BTreeMap<String, AdminState>) -> Self {
        Self {
            answer: File::open("/dev/null").expect("a file"),
            restarts: 1,
            backends,
        }
    }

    /// Tells it that it may stop.
    pub(crate) fn ready(self) {
        self.answer(READY);
    }

    fn answer(mut self, text: &str) {
        // An old process that is gone needs no answer.
        let _ = self.answer.write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_socket_is_for_its_address_only_unless_the_manager_gave_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let fits = |managed, address: SocketAddr| {
            let copy = listener.try_clone().unwrap();
            let listener = InheritedListener::new(copy.into(), Role::Listen, managed).unwrap();
            listener.for_address(address).is_some()
        };
        let other_port = SocketAddr::new(own.ip(), own.port() ^ 1);
        let other_ip: SocketAddr = ([0, 0, 0, 0], own.port()).into();
        assert!(fits(false, own));
        assert!(fits(false, ([127, 0, 0, 1], 0).into()));
        for other in [other_port, other_ip] {
            assert!(!fits(false, other) && fits(true, other), "{other}");
        }
    }

    #[test]
    fn nothing_but_a_listening_tcp_socket_will_do() {
        let inherited = |descriptor: OwnedFd, role| InheritedListener::new(descriptor, role, true);
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(inherited(udp.into(), Role::Admin).is_none());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(inherited(client.into(), Role::Admin).is_none());
        let null = File::open("/dev/null").unwrap();
        assert!(inherited(null.into(), Role::Admin).is_none());
        let dir = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(dir.path().join("s")).unwrap();
        let copy = unix.try_clone().unwrap();
        assert!(inherited(copy.into(), Role::Listen).is_none());
        assert!(inherited(unix.into(), Role::Admin).is_some());
    }

    #[test]
    fn a_unix_socket_is_for_its_path_while_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let fits = |managed, address: AdminAddress| {
            let copy = listener.try_clone().unwrap();
            let listener = InheritedListener::new(copy.into(), Role::Admin, managed).unwrap();
            listener.for_admin(&address).is_some()
        };
        let (own, other) = (
            || AdminAddress::Unix(path.clone()),
            || AdminAddress::Unix(dir.path().join("t")),
        );
        assert!(fits(false, own()));
        for wrong in [other(), ([127, 0, 0, 1], 1).into()] {
            assert!(!fits(false, wrong.clone()) && fits(true, wrong));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(!fits(false, own()));
    }

    #[test]
    fn nothing_is_given_as_a_rule_and_nonsense_is_refused() {
        let inherited = Inherited::of_process(|_| None).unwrap();
        assert!(!inherited.has_clients() && inherited.predecessor.is_none());
        let manifest = |text: &str| {
            let text = text.to_owned();
            Inherited::of_process(move |name| (name == VARIABLE).then(|| text.clone()))
        };
        assert!(matches!(manifest("x"), Err(InheritError::Manifest(_))));
        // Standard output is nobody's to give.
        let taken = r#"{"listen":{"fd":3},"admin":{"fd":4},"ready":1}"#;
        assert!(matches!(
            manifest(taken),
            Err(InheritError::Descriptor { fd: 1, .. })
        ));
    }
}
