//! A listener whose queue can be filled, after which connection attempts get no answer at all.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub struct Unanswering {
    pub address: SocketAddr,
    _socket: Socket,
    filling: Vec<TcpStream>,
}

impl Unanswering {
    /// Answers until [`Self::fall_silent`], so that a first check passes.
    pub fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        socket.listen(1).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self {
            address,
            _socket: socket,
            filling: Vec::new(),
        }
    }

    pub async fn fall_silent(&mut self) {
        let attempt = Duration::from_millis(200);
        while let Ok(connected) = timeout(attempt, TcpStream::connect(self.address)).await {
            self.filling.push(connected.unwrap());
            assert!(self.filling.len() < 16, "the queue never filled");
        }
    }
}
