//! The connect of a check: one connection to a backend within a time limit.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use netsocket_settings::AdminAddress;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::either::Either;

use crate::core::connect_failure::ConnectFailure;

/// A connection to a backend.
pub(super) type Stream = Either<TcpStream, UnixStream>;

/// Has the close be a reset, where there is such a thing.
pub(super) fn close_by_reset(stream: &Stream) {
    if let Either::Left(stream) = stream {
        // Where it cannot be set the close is a plain one, and the check has its result all the same.
        let _ = stream.set_zero_linger();
    }
}

/// Opens a connection, or gives up after `limit`.
///
/// # Errors
/// [`ConnectFailure`], [`ConnectFailure::TimedOut`] after `limit`.
pub(super) async fn connect(
    address: &AdminAddress,
    source: Option<IpAddr>,
    limit: Duration,
) -> Result<Stream, ConnectFailure> {
    match address {
        AdminAddress::Tcp(address) => tcp(*address, source, limit).await.map(Either::Left),
        AdminAddress::Unix(path) => {
            let connected = timeout(limit, UnixStream::connect(path)).await;
            let connected = connected.map_err(|_| ConnectFailure::TimedOut)?;
            let failed = |error| ConnectFailure::from(&error);
            connected.map(Either::Right).map_err(failed)
        }
    }
}

async fn tcp(
    address: SocketAddr,
    source: Option<IpAddr>,
    limit: Duration,
) -> Result<TcpStream, ConnectFailure> {
    let connect = async {
        let Some(source) = source else {
            return TcpStream::connect(address).await;
        };
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(SocketAddr::new(source, 0))?;
        socket.connect(address).await
    };
    let stream = match timeout(limit, connect).await {
        Ok(connected) => connected.map_err(|error| ConnectFailure::from(&error))?,
        Err(_elapsed) => return Err(ConnectFailure::TimedOut),
    };
    if address.ip().is_loopback() && stream.local_addr().is_ok_and(|local| local == address) {
        // A dead port of this machine within the range of local ports may be chosen as the local port of the very
        // connection to it, which then succeeds: TCP's simultaneous open with itself.
        return Err(ConnectFailure::Refused);
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn refused_where_nothing_listens() {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let failure = connect(&address.into(), None, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(failure, ConnectFailure::Refused);
    }

    #[tokio::test]
    async fn gives_up_in_time_on_a_listener_whose_queue_is_full() {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket
            .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut filling = Vec::new();
        let failure = loop {
            match connect(&address.into(), None, Duration::from_millis(100)).await {
                Ok(stream) => filling.push(stream),
                Err(failure) => break failure,
            }
            assert!(filling.len() < 16, "the queue never filled");
        };
        assert_eq!(failure, ConnectFailure::TimedOut);
    }
}
