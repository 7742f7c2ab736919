//! A backend whose sessions the test plays itself.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use crate::running::{Balancer, soon};

pub struct Puppet {
    pub address: SocketAddr,
    listener: TcpListener,
}

impl Puppet {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, listener }
    }

    /// The next connection.
    pub async fn accept(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// A balancer before this backend alone, a client of it, and the backend's side of that session.
    pub async fn session(
        change: impl FnOnce(&mut netsocket_balancer::Config),
    ) -> (Balancer, TcpStream, TcpStream) {
        let puppet = Self::start().await;
        let balancer = Balancer::start_with(&[("puppet", puppet.address)], change).await;
        drop(puppet.accept().await); // the first check
        let client = balancer.connect().await;
        let backend = puppet.accept().await;
        (balancer, client, backend)
    }
}
