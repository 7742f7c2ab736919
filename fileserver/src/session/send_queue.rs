//! The kernel's send queue of a connection: how much of it the client has not acknowledged yet.
//!
//! `sendfile(2)` queues references to the page cache, not copies. Until the client's system has acknowledged them, a
//! change of the file changes what the client receives, so a session waits for that before it reports on the file.

#![expect(
    unsafe_code,
    reason = "no safe interface returns the length of a socket's send queue"
)]

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::ioctl::{Getter, Opcode, ioctl};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::service::request_error::RequestError;

/// The first pause between two checks of the queue; on a local network it is empty by then.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// `SIOCOUTQ` of tcp(7), which has the same number as `TIOCOUTQ` on Linux.
const SIOCOUTQ: Opcode = 0x5411;

/// Waits until at most `rest` bytes in the send queue are unacknowledged.
///
/// # Errors
/// [`RequestError::Stalled`] if the client acknowledges nothing for `progress_timeout`, [`RequestError::Gone`] if the
/// connection fails.
pub(super) async fn acknowledged(
    tcp: &TcpStream,
    rest: u64,
    progress_timeout: Duration,
) -> Result<(), RequestError> {
    let (mut least, mut pause) = (u64::MAX, FIRST_PAUSE);
    let mut deadline = Instant::now() + progress_timeout;
    loop {
        let queued = unacknowledged(tcp).map_err(RequestError::Gone)?;
        if queued <= rest {
            return Ok(());
        }
        let now = Instant::now();
        if queued < least {
            least = queued;
            deadline = now + progress_timeout;
        } else if now >= deadline {
            return Err(RequestError::Stalled(progress_timeout));
        }
        tokio::select! {
            ready = tcp.ready(Interest::ERROR) => {
                let error = ready.err().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
                return Err(RequestError::Gone(error));
            }
            () = sleep_until(deadline.min(now + pause)) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Bytes that were sent but not acknowledged.
fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    // SAFETY: SIOCOUTQ writes one C int through its argument and has no other effect; the getter's output is that int.
    let bytes = unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new()) }?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// A client with a small receive buffer, and the server's side.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        let client = socket.connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn waits_for_what_the_client_has_not_acknowledged() {
        let (mut client, mut server) = pair().await;
        server.write_all(&[7; 256 * 1024]).await.unwrap();
        let wait = Duration::from_millis(20);
        let stalled = acknowledged(&server, 1024, wait).await;
        assert!(matches!(stalled, Err(RequestError::Stalled(_))));
        assert!(acknowledged(&server, 256 * 1024, wait).await.is_ok());
        let minute = Duration::from_secs(60);
        let mut read = vec![0; 256 * 1024];
        let (done, all) = tokio::join!(
            acknowledged(&server, 0, minute),
            client.read_exact(&mut read)
        );
        done.unwrap();
        all.unwrap();
    }

    #[tokio::test]
    async fn a_reset_ends_the_wait() {
        let (client, mut server) = pair().await;
        server.write_all(&[7; 256 * 1024]).await.unwrap();
        // Closing with unread bytes resets the connection.
        client.readable().await.unwrap();
        drop(client);
        let minute = Duration::from_secs(60);
        let ended = acknowledged(&server, 0, minute).await;
        assert!(matches!(ended, Err(RequestError::Gone(_))), "{ended:?}");
    }
}
