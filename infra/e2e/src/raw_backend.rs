//! A backend that does what a test says, byte by byte.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::loopback;

/// A listening socket in this process.
#[derive(Debug)]
pub struct RawBackend(TcpListener);

impl RawBackend {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where it cannot.
    #[must_use]
    pub fn listen() -> Self {
        Self(TcpListener::bind((loopback::own_address(), 0)).expect("a free port"))
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Where the system does not say.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("the address of a listener")
    }

    /// The next connection that carries a byte, and that byte. Health checks connect and go without one.
    ///
    /// # Panics
    /// Where accepting fails.
    #[must_use]
    pub fn session(&self) -> (TcpStream, u8) {
        loop {
            let (stream, _) = self.0.accept().expect("a connection");
            let mut stream = loopback::with_patience(stream).expect("its limits");
            let mut first = [0];
            match stream.read(&mut first) {
                Ok(1) => return (stream, first[0]),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => panic!("a session without a byte: {error}"),
            }
        }
    }
}
