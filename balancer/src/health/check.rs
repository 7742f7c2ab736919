//! One active check: can a connection be opened?

use std::net::SocketAddr;
use std::time::Duration;

use crate::connect::{ConnectFailure, connect};

/// Opens a connection and resets it. The reset leaves no TIME_WAIT behind on the backend, which would otherwise hold
/// dozens of them for every balancer that checks it.
///
/// # Errors
/// Why no connection came about.
pub(super) async fn check(address: SocketAddr, timeout: Duration) -> Result<(), ConnectFailure> {
    let stream = connect(address, timeout).await?;
    // Where it cannot be set the close is a plain one, and the check has still passed.
    let _ = stream.set_zero_linger();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_check_ends_by_reset() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let limit = Duration::from_secs(20);
        assert_eq!(check(listener.local_addr().unwrap(), limit).await, Ok(()));
        let (mut stream, _) = listener.accept().await.unwrap();
        let said = tokio::time::timeout(limit, stream.read_u8()).await.unwrap();
        assert_eq!(
            said.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionReset
        );
    }
}
