//! One socket of a session: its readiness, and reads and writes that keep it up to date.
//!
//! The poller reports changes only (edge-triggered). So a socket remembers that it may be readable or writable until the
//! system says otherwise, and makes no call that would block.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_linger, set_tcp_nodelay, socket_error};
use rustix::net::{RecvFlags, SendFlags, getsockname, recv, send};

use super::pipe::Lease;
use super::reading::Reading;
use super::receive_window;
use super::tls_channel::TlsChannel;
use crate::data_path::poller::Readiness;

/// A first write up to this size leaves at once whatever the segment size, as nothing is under way that could be
/// waited for: TCP's smallest segment holds it.
const FITS_A_SEGMENT: usize = 512;

/// What came before a relay began.
#[derive(Debug)]
pub(crate) enum Early<'a> {
    /// Nothing for now.
    Nothing,
    /// Nothing more will come.
    Gone,
    /// These; the end, if it came with them, is told by the next read.
    Bytes(&'a [u8]),
}

/// A connected socket.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a socket, each on its own"
)]
pub(crate) struct SessionSocket {
    socket: OwnedFd,
    readable: bool,
    writable: bool,
    /// The peer's end has arrived, and all that came before it.
    ended: bool,
    /// Whether reads may stop at an urgent mark, so that a short one does not tell that there is no more.
    urgent: bool,
    /// An error that no read or write has told yet.
    broken: bool,
    /// Small writes leave at once.
    prompt: bool,
    /// Something was written.
    used: bool,
    /// It was busy once, so that its window is what it should be.
    busy: bool,
    /// TLS, where it ends here.
    pub(super) tls: Option<Box<TlsChannel>>,
}

impl SessionSocket {
    /// A socket accepted from our listener, whose options it has.
    pub(crate) fn accepted(socket: OwnedFd) -> Self {
        Self {
            prompt: true,
            ..Self::opened(socket)
        }
    }

    /// A socket that we have opened.
    pub(crate) fn opened(socket: OwnedFd) -> Self {
        Self {
            socket,
            readable: false,
            writable: false,
            ended: false,
            urgent: false,
            broken: false,
            prompt: false,
            used: false,
            busy: false,
            tls: None,
        }
    }

    /// Takes in an event.
    pub(crate) fn note(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.ended |= readiness.ended;
        self.broken |= readiness.broken;
        self.urgent |= readiness.urgent;
    }

    /// Whether there was room to write at the latest look; for a socket that was not: whether it is connected.
    pub(crate) fn has_room(&self) -> bool {
        self.writable
    }

    /// Whether an event told of an error that nothing else has told since.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The error that the system keeps for this socket, once.
    pub(crate) fn take_error(&mut self) -> Option<Errno> {
        self.broken = false;
        match socket_error(&self.socket) {
            Ok(Ok(())) => None,
            Ok(Err(error)) | Err(error) => Some(error),
        }
    }

    /// Looks for a client's first bytes before anything is known of the socket.
    pub(crate) fn read_early(&mut self, buffer: &mut [u8]) -> Option<Vec<u8>> {
        match retry(|| recv(&self.socket, &mut *buffer, RecvFlags::empty())) {
            Ok((count, _)) if count > 0 => buffer.get(..count).map(Vec::from),
            // An end or an error will be told again.
            _ => None,
        }
    }

    /// Reads what a relay has not begun to read.
    pub(crate) fn read_some<'b>(&mut self, buffer: &'b mut [u8]) -> Early<'b> {
        match self.read(buffer) {
            Ok(Reading::Nothing) => Early::Nothing,
            Ok(Reading::End) | Err(_) => Early::Gone,
            Ok(Reading::Bytes(count) | Reading::Last(count)) => {
                Early::Bytes(buffer.get(..count).unwrap_or_default())
            }
        }
    }

    /// The address that the peer connected to, or that we connected from.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        let address = getsockname(&self.socket).ok()?;
        SocketAddr::try_from(address).ok()
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Reading, Errno> {
        match self.tls {
            None => self.read_plain(buffer),
            Some(_) => self.read_tls(buffer),
        }
    }

    /// The same without TLS. A read that leaves the buffer unfilled has emptied the socket (epoll(7)).
    pub(super) fn read_plain(&mut self, buffer: &mut [u8]) -> Result<Reading, Errno> {
        if !self.readable {
            return Ok(Reading::Nothing);
        }
        let count = match retry(|| recv(&self.socket, &mut *buffer, RecvFlags::empty())) {
            Ok((0, _)) => return Ok(Reading::End),
            Ok((count, _)) => count,
            Err(Errno::AGAIN) => {
                self.readable = false;
                return Ok(Reading::Nothing);
            }
            Err(error) => return Err(self.failed(error)),
        };
        if count == buffer.len() || self.urgent || self.broken {
            return Ok(Reading::Bytes(count));
        }
        if self.ended {
            return Ok(Reading::Last(count));
        }
        self.readable = false;
        Ok(Reading::Bytes(count))
    }

    /// It is to be read by splicing from now on.
    pub(super) fn become_busy(&mut self) {
        if !self.busy {
            self.busy = true;
            receive_window::bound(&self.socket);
        }
    }

    /// Reads into an empty pipe. How much fits into one is not known, so only "would block" says that there is no more.
    pub(super) fn fill(&mut self, pipe: &mut Lease) -> Result<Reading, Errno> {
        if !self.readable {
            return Ok(Reading::Nothing);
        }
        match retry(|| pipe.fill(&self.socket)) {
            Ok(0) => Ok(Reading::End),
            Ok(count) => Ok(Reading::Bytes(count)),
            Err(Errno::AGAIN) => {
                self.readable = false;
                Ok(Reading::Nothing)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Writes as much as there is room for; 0 only where there is none. Bytes that are `last` leave together with the
    /// end, which must follow at once where all of them were taken: a packet saved.
    pub(super) fn write(&mut self, bytes: &[u8], last: bool) -> Result<usize, Errno> {
        match self.tls {
            None => self.write_plain(bytes, last),
            Some(_) => self.write_tls(bytes, last),
        }
    }

    /// The same without TLS.
    pub(super) fn write_plain(&mut self, bytes: &[u8], last: bool) -> Result<usize, Errno> {
        if !self.writable {
            return Ok(0);
        }
        self.be_prompt(bytes.len());
        let flags = if last {
            SendFlags::NOSIGNAL | SendFlags::MORE
        } else {
            SendFlags::NOSIGNAL
        };
        let written = retry(|| send(&self.socket, bytes, flags));
        self.written(written)
    }

    /// Writes what a pipe holds, which must be something: so "would block" can only mean that there is no room here.
    pub(super) fn drain(&mut self, pipe: &mut Lease) -> Result<usize, Errno> {
        if !self.writable {
            return Ok(0);
        }
        self.be_prompt(pipe.held());
        let written = retry(|| pipe.drain(&self.socket));
        self.written(written)
    }

    fn written(&mut self, written: Result<usize, Errno>) -> Result<usize, Errno> {
        match written {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN) => {
                self.writable = false;
                Ok(0)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Small answers must not wait for acknowledgements. A session of one question and one answer never comes to that,
    /// so its option is not set before it matters. Where it cannot be set the bytes only wait.
    fn be_prompt(&mut self, count: usize) {
        if !self.prompt && (self.used || count > FITS_A_SEGMENT) {
            let _ = set_tcp_nodelay(&self.socket, true);
            self.prompt = true;
        }
        self.used = true;
    }

    /// Has the close tell the peer that the connection broke. Where that cannot be set the close is a plain one.
    pub(crate) fn close_by_reset(&self) {
        let _ = set_socket_linger(&self.socket, Some(Duration::ZERO));
    }

    pub(super) fn failed(&mut self, error: Errno) -> Errno {
        // Told hereby.
        self.broken = false;
        error
    }
}

impl AsFd for SessionSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The kind of a system error.
pub(super) fn kind(error: Errno) -> io::ErrorKind {
    io::Error::from(error).kind()
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
