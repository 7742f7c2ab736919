//! What a socket can do beside write where nothing is encrypted. Nothing here waits.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_cork;
use rustix::net::{SendFlags, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// The most bytes of a file to send with one system call.
pub(crate) const MOST: usize = 512 * 1024;

/// Pieces of fewer bytes are copied together.
const SHORT: usize = 2048;

/// Sends pieces with one system call. Where they are short, copying them costs less than what `writev(2)` does more than
/// `send(2)`.
pub(crate) fn try_send_pieces(tcp: &TcpStream, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut together = [0; SHORT];
    let mut length = 0;
    for piece in pieces {
        let Some(place) = together.get_mut(length..length + piece.len()) else {
            return tcp.try_write_vectored(pieces);
        };
        place.copy_from_slice(piece);
        length += piece.len();
    }
    tcp.try_io(Interest::WRITABLE, || {
        Ok(send(tcp, &together[..length], SendFlags::NOSIGNAL)?)
    })
}

/// Sends bytes that more follow at once, so that they share a packet.
pub(crate) fn try_send_before(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    tcp.try_io(Interest::WRITABLE, || Ok(send(tcp, bytes, flags)?))
}

/// Sends bytes of a file without copying them, and moves the offset behind them; 0 where they are missing or cannot be
/// read.
pub(crate) fn try_send_file(
    tcp: &TcpStream,
    file: impl AsFd,
    offset: &mut u64,
    count: usize,
) -> io::Result<usize> {
    tcp.try_io(Interest::WRITABLE, || {
        match sendfile(tcp, file.as_fd(), Some(&mut *offset), count) {
            // EIO comes from the file, never from the connection.
            Err(Errno::IO) => Ok(0),
            sent => Ok(sent?),
        }
    })
}

/// While corked, the system sends only full packets, or data that has waited for 200 ms. `sendfile` passes pages one by
/// one, and without the cork every acknowledgement would trigger a partial packet.
pub(crate) fn set_cork(tcp: &TcpStream, only_full: bool) {
    // If it fails, there are only more packets.
    let _ = set_tcp_cork(tcp, only_full);
}
