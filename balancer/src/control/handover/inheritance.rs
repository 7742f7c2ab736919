//! What a process inherits at its start: from an old process that it takes over from, or from the service manager.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use netsocket_settings::AdminAddress;
use socket2::{Domain, SockRef, Type};

use super::manifest::{InheritedSocket, Manifest, READY, VARIABLE};
use crate::config::{DEFAULT_NAME, ListenAddress};
use crate::control::inherited_fds::take;
use crate::control::systemd::{Activated, ActivationError, Role, activated};
use crate::core::health::AdminState;
use crate::data_path::listen_socket::ListenSocket;

/// What this process inherited. By default, nothing.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Sockets for clients.
    pub(crate) listen: Vec<InheritedListener>,
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
    #[error("inherited descriptor {fd} ({name}): not a listening TCP or unix socket")]
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
        let listen = std::iter::once(manifest.listen).chain(manifest.more_listen);
        let role = |socket: &InheritedSocket| match &socket.service {
            Some(service) if socket.managed && service != DEFAULT_NAME => Role::Named,
            _ => Role::Listen,
        };
        let listen: Result<Vec<_>, _> = listen
            .map(|socket| listener(role(&socket), socket))
            .collect();
        let sockets =
            listen.and_then(|listen| Ok((listen, listener(Role::Admin, manifest.admin)?)));
        match sockets {
            Ok((listen, admin)) => {
                inherited.listen = listen;
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
        for Activated { role, name, fd } in activated(variable, std::process::id())? {
            let socket = InheritedSocket {
                fd,
                managed: true,
                name: Some(name),
                service: None,
            };
            let listener = listener(role, socket)?;
            match role {
                Role::Listen | Role::Named => inherited.listen.push(listener),
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

    /// Whether the socket of the admin HTTP came from the service manager.
    pub(crate) fn admin_is_managed(&self) -> bool {
        self.admin.as_ref().is_some_and(|admin| admin.managed)
    }

    /// Takes the sockets that stand in place of what the top of the settings says: those that the service manager means for
    /// clients, without any other name.
    pub(crate) fn take_unnamed(&mut self) -> Vec<InheritedListener> {
        let is_it = |socket: &mut InheritedListener| socket.managed && socket.role == Role::Listen;
        self.listen.extract_if(.., is_it).collect()
    }

    /// Takes the sockets for an address of a service: those of that name, or the one that is bound there.
    pub(crate) fn take_for(
        &mut self,
        service: &str,
        address: &ListenAddress,
    ) -> Vec<InheritedListener> {
        let place = match address {
            ListenAddress::Named(name) => {
                let is_it = |socket: &mut InheritedListener| {
                    socket.managed && socket.name.as_ref() == Some(name)
                };
                return self.listen.extract_if(.., is_it).collect();
            }
            ListenAddress::Tcp(address) => AdminAddress::Tcp(*address),
            ListenAddress::Unix(path) => AdminAddress::Unix(path.clone()),
        };
        // Where the system chooses ports, only the service tells one from the other.
        let is_it = |socket: &InheritedListener| {
            let of_service = socket.service.as_deref().is_none_or(|of| of == service);
            !socket.managed && of_service && socket.is_at(&place)
        };
        let found = self.listen.iter().position(is_it);
        let found = found.map(|found| self.listen.remove(found));
        found.into_iter().collect()
    }

    /// The names of the service manager's sockets that nothing has taken.
    pub(crate) fn names_left(&self) -> Vec<&str> {
        let managed = self.listen.iter().filter(|socket| socket.managed);
        managed
            .map(|socket| socket.name.as_deref().unwrap_or("listen"))
            .collect()
    }

    /// Whether clients may be waiting already.
    pub(crate) fn has_clients(&self) -> bool {
        !self.listen.is_empty()
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
        Role::Listen | Role::Named => "listen",
        Role::Admin => "admin",
    };
    let fd = socket.fd;
    let descriptor = take(fd).map_err(|error| InheritError::Descriptor { name, fd, error })?;
    let listener = InheritedListener::new(descriptor, role, socket.managed);
    let listener = listener.ok_or(InheritError::NotListening { name, fd })?;
    Ok(InheritedListener {
        name: socket.name,
        service: socket.service,
        ..listener
    })
}

/// A listening socket bound by another process.
#[derive(Debug)]
pub(crate) struct InheritedListener {
    socket: ListenSocket,
    role: Role,
    /// Whether it came from the service manager, whose word on addresses stands above the settings.
    managed: bool,
    /// The name that the service manager gave it.
    name: Option<String>,
    /// The service that had it in the old process.
    service: Option<String>,
}

impl InheritedListener {
    fn new(descriptor: OwnedFd, role: Role, managed: bool) -> Option<Self> {
        let socket = SockRef::from(&descriptor);
        let listens =
            socket.is_listener().unwrap_or(false) && socket.r#type().ok() == Some(Type::STREAM);
        let domain = socket.domain().ok().filter(|_| listens)?;
        let socket = match domain {
            Domain::IPV4 | Domain::IPV6 => ListenSocket::Tcp(TcpListener::from(descriptor)),
            Domain::UNIX => ListenSocket::Unix(UnixListener::from(descriptor)),
            _ => return None,
        };
        Some(Self {
            socket,
            role,
            managed,
            name: None,
            service: None,
        })
    }

    /// The socket, and the name that the service manager gave it.
    pub(crate) fn into_parts(self) -> (ListenSocket, Option<String>) {
        let name = self
            .managed
            .then(|| self.name.unwrap_or("listen".to_owned()));
        (self.socket, name)
    }

    /// The socket, if it is the one for `address`; with port 0 in the settings, any port is. The service manager's always is.
    /// A unix socket whose file has been removed is not used.
    pub(crate) fn for_admin(self, address: &AdminAddress) -> Option<ListenSocket> {
        (self.managed || self.is_at(address)).then_some(self.socket)
    }

    fn is_at(&self, address: &AdminAddress) -> bool {
        match (self.socket.address(), address) {
            (Some(AdminAddress::Tcp(bound)), AdminAddress::Tcp(address)) => {
                let port = address.port() == 0 || address.port() == bound.port();
                bound.ip() == address.ip() && port
            }
            (Some(AdminAddress::Unix(bound)), AdminAddress::Unix(path)) => {
                bound == *path && path.exists()
            }
            _ => false,
        }
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
    use std::net::{SocketAddr, UdpSocket};

    use super::*;

    #[test]
    fn a_socket_is_for_its_address_only_unless_the_manager_gave_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let fits = |managed, address: SocketAddr| {
            let copy = listener.try_clone().unwrap();
            let listener = InheritedListener::new(copy.into(), Role::Listen, managed).unwrap();
            listener.for_admin(&address.into()).is_some()
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
    fn nothing_but_a_listening_socket_will_do() {
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
        assert!(inherited(copy.into(), Role::Listen).is_some());
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
