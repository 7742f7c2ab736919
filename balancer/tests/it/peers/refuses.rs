//! An address that refuses: bound, so that nobody else gets it, but not listening.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use crate::running::eventually;

pub struct Refuses {
    pub address: SocketAddr,
    socket: Socket,
}

impl Refuses {
    pub fn start() -> Self {
        Self::bind(([127, 0, 0, 1], 0).into()).unwrap()
    }

    /// Follows a listener that has been dropped. Its socket may live on for a moment in a child process that another
    /// test is just starting.
    pub async fn at(address: SocketAddr) -> Self {
        let mut startup = None;
        eventually("address free", || {
            startup = Self::bind(address).ok();
            startup.is_some()
        })
        .await;
        startup.unwrap()
    }

    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap();
        Ok(Self { address, socket })
    }

    /// Gives the address free.
    pub fn leave(self) -> SocketAddr {
        drop(self.socket);
        self.address
    }
}
