//! A network between a client and a server that stands still when a test says so: what is in the middle of a transfer
//! stays there, however fast the machine is.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::loopback;

/// A link for one connection.
#[derive(Debug)]
pub struct SlowLink {
    address: SocketAddr,
    release: Sender<()>,
}

impl SlowLink {
    /// A link to `server` that carries `first` bytes towards the client, and more only when it is released. It breaks
    /// when the value goes.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn to(server: SocketAddr, first: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (release, released) = channel();
        thread::spawn(move || {
            let (client, _) = listener.accept()?;
            carry(&client, &loopback::connect(server)?, first, &released)
        });
        Self { address, release }
    }

    /// Where the client connects.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everything through from now on.
    pub fn release(&self) {
        // An error says that the connection has ended.
        let _ = self.release.send(());
    }
}

fn carry(
    mut client: &TcpStream,
    mut server: &TcpStream,
    first: u64,
    released: &Receiver<()>,
) -> io::Result<()> {
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut from, mut to) = (client, server);
            // However it ends, the server hears of it.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut server.take(first), &mut client);
        if released.recv().is_ok() {
            let _ = io::copy(&mut server, &mut client);
        }
        client.shutdown(Shutdown::Both)
    })
}
