//! The TLS of one connection: records in, bytes out, and the other way. No socket: who owns one hands over functions that read
//! from it and write to it.
//!
//! What cannot be decrypted yet is the beginning of one record, or of one message of a handshake; what could not be sent yet
//! are the records of one write. Nothing is held by a connection at rest.
//!
//! rustls answers a request for new keys with its next record, as RFC 8446 (4.6.3) has it, and renews its own before a cipher
//! would become weak.

use std::cell::RefCell;
use std::sync::Arc;

use rustix::io::Errno;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, CommonState, Error, HandshakeKind, ServerConfig};

use super::reading::Reading;
use super::tls_drive::{Driven, Plain, Traffic, drive};
use crate::core::tls::HandshakeFailure;

/// Records of one read or write. Beyond about this size the processor's cache is lost.
const RECORDS: usize = 128 << 10;
/// Bytes that are encrypted at a time; with what records add they fit into [`RECORDS`].
const PIECE: usize = 64 << 10;
/// A message of a handshake has at most as many bytes; a record has fewer.
const MOST_HELD: usize = 70 << 10;
/// The type of the record that a client sends first.
const HANDSHAKE_RECORD: u8 = 22;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; RECORDS]);
}

/// What has become of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeStep {
    /// The peer has to send more.
    Wait,
    /// It is complete; so many bytes came behind it.
    Done(usize),
    /// The peer has left without a byte.
    Left,
}

/// TLS on a connection.
pub(crate) struct TlsChannel {
    connection: Connection,
    /// What has arrived and cannot be decrypted yet.
    held: Vec<u8>,
    /// Records that there was no room for, and how many bytes of them are sent.
    unsent: Vec<u8>,
    sent: usize,
    /// Whether what is held has not been looked at.
    is_fresh: bool,
    /// Whether anything has arrived.
    has_begun: bool,
    /// The peer has said that nothing more comes.
    peer_ended: bool,
    /// We have said so.
    has_ended: bool,
}

enum Connection {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Connection {
    /// See [`drive`].
    fn drive<T>(
        &mut self,
        records: &mut [u8],
        plain: &mut Plain<'_>,
        unsent: &mut Vec<u8>,
        then: impl FnOnce(&mut dyn Traffic, &mut Vec<u8>) -> T,
    ) -> Result<Driven<T>, Error> {
        match self {
            Self::Server(server) => drive(
                &mut **server,
                records,
                plain,
                unsent,
                |mut traffic, unsent| then(&mut traffic, unsent),
            ),
            Self::Client(client) => drive(
                &mut **client,
                records,
                plain,
                unsent,
                |mut traffic, unsent| then(&mut traffic, unsent),
            ),
        }
    }
}

impl TlsChannel {
    /// The server's end; `early` has been received already.
    ///
    /// # Errors
    /// The settings are none for a connection.
    pub(crate) fn server(config: Arc<ServerConfig>, early: Vec<u8>) -> Result<Self, Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self::new(Connection::Server(Box::new(connection)), early))
    }

    /// The client's end, which begins.
    ///
    /// # Errors
    /// The settings are none for a connection.
    pub(crate) fn client(
        config: Arc<ClientConfig>,
        name: rustls::pki_types::ServerName<'static>,
        alpn: Vec<Vec<u8>>,
    ) -> Result<Self, Error> {
        let connection = UnbufferedClientConnection::new_with_alpn(config, name, alpn)?;
        Ok(Self::new(
            Connection::Client(Box::new(connection)),
            Vec::new(),
        ))
    }

    fn new(connection: Connection, held: Vec<u8>) -> Self {
        Self {
            connection,
            held,
            unsent: Vec::new(),
            sent: 0,
            is_fresh: true,
            has_begun: false,
            peer_ended: false,
            has_ended: false,
        }
    }

    fn state(&self) -> &CommonState {
        match &self.connection {
            Connection::Server(server) => server,
            Connection::Client(client) => client,
        }
    }

    /// Whether the handshake went on from an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.state().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The protocol that both ends have agreed on.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.state().alpn_protocol()
    }

    /// Whether records wait for room.
    pub(super) fn has_unsent(&self) -> bool {
        self.sent < self.unsent.len()
    }

    /// Goes on with the handshake as far as what `source` brings allows. What has to be sent is unsent afterwards.
    ///
    /// # Errors
    /// Why it failed. There may be an alert to send.
    pub(super) fn handshake(
        &mut self,
        plain: &mut [u8],
        mut source: impl FnMut(&mut [u8]) -> Result<Reading, Errno>,
    ) -> Result<HandshakeStep, HandshakeFailure> {
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                let is_fresh = std::mem::take(&mut self.is_fresh);
                let count = match self.gather(scratch, plain.len(), |space| match is_fresh {
                    true => Ok(Reading::Bytes(0)),
                    false => source(space),
                }) {
                    Ok(Reading::Nothing) => return Ok(HandshakeStep::Wait),
                    Ok(Reading::Bytes(count) | Reading::Last(count)) => count,
                    Ok(Reading::End) | Err(_) if self.has_begun => {
                        return Err(HandshakeFailure::CutShort);
                    }
                    Ok(Reading::End) | Err(_) => return Ok(HandshakeStep::Left),
                };
                let records = scratch.get_mut(..count).unwrap_or_default();
                self.look_at_first(records)?;
                let (filled, open) = self
                    .take_in(records, plain)
                    .map_err(HandshakeFailure::Refused)?;
                if open {
                    return Ok(HandshakeStep::Done(filled));
                }
            }
        })
    }

    /// Whether a client speaks TLS at all.
    fn look_at_first(&mut self, records: &[u8]) -> Result<(), HandshakeFailure> {
        let Some(first) = records.first() else {
            return Ok(());
        };
        let began = std::mem::replace(&mut self.has_begun, true);
        let is_server = matches!(self.connection, Connection::Server(_));
        if !began && is_server && *first != HANDSHAKE_RECORD {
            return Err(HandshakeFailure::NoTls);
        }
        Ok(())
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    /// The connection is broken, or cut: only an end that the peer has said is one.
    pub(super) fn read(
        &mut self,
        plain: &mut [u8],
        mut source: impl FnMut(&mut [u8]) -> Result<Reading, Errno>,
    ) -> Result<Reading, Errno> {
        SCRATCH.with_borrow_mut(|scratch| {
            while !self.peer_ended {
                let count = match self.gather(scratch, plain.len(), &mut source)? {
                    Reading::Nothing => return Ok(Reading::Nothing),
                    Reading::End => return Err(Errno::CONNRESET),
                    Reading::Bytes(count) | Reading::Last(count) => count,
                };
                let records = scratch.get_mut(..count).unwrap_or_default();
                let (filled, _) = self.take_in(records, plain).map_err(broken)?;
                if filled > 0 {
                    return Ok(Reading::Bytes(filled));
                }
            }
            Ok(Reading::End)
        })
    }

    /// Puts what is held and what `source` brings behind it into `scratch`; how many bytes that is together. No more than
    /// `most`, as all of it may be decrypted.
    fn gather(
        &mut self,
        scratch: &mut [u8],
        most: usize,
        source: impl FnOnce(&mut [u8]) -> Result<Reading, Errno>,
    ) -> Result<Reading, Errno> {
        let held = self.held.len();
        let (front, space) = scratch.split_at_mut_checked(held).ok_or(Errno::MSGSIZE)?;
        front.copy_from_slice(&self.held);
        let room = most.saturating_sub(held).min(space.len());
        let space = space.get_mut(..room).filter(|space| !space.is_empty());
        Ok(match source(space.ok_or(Errno::MSGSIZE)?)? {
            Reading::Bytes(count) => Reading::Bytes(held + count),
            Reading::Last(count) => Reading::Last(held + count),
            reading => reading,
        })
    }

    /// Decrypts `records`, and holds what is left. How many bytes there are, and whether the connection can send.
    fn take_in(&mut self, records: &mut [u8], plain: &mut [u8]) -> Result<(usize, bool), Error> {
        let mut plain = Plain {
            space: plain,
            filled: 0,
        };
        let driven = self
            .connection
            .drive(records, &mut plain, &mut self.unsent, |_, _| ())?;
        self.peer_ended |= driven.peer_ended;
        let left = records.get(driven.taken..).unwrap_or_default();
        if left.is_empty() {
            self.held = Vec::new();
        } else if left.len() > MOST_HELD {
            return Err(Error::General("a message is too long".to_owned()));
        } else {
            self.held.clear();
            self.held.extend_from_slice(left);
        }
        Ok((plain.filled, driven.open.is_some()))
    }

    /// Encrypts as much of `bytes` as is written at a time, and writes it by `sink`. How much that was; what there was no
    /// room for is unsent. Nothing may be unsent before.
    ///
    /// # Errors
    /// Those of `sink`, and the end of the connection.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8], bool) -> Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        SCRATCH.with_borrow_mut(|scratch| {
            let count = self.encrypt(piece, scratch)?;
            let records = scratch.get(..count).unwrap_or_default();
            let sent = sink(records, piece.len() == bytes.len())?;
            self.unsent
                .extend_from_slice(records.get(sent..).unwrap_or_default());
            Ok(piece.len())
        })
    }

    fn encrypt(&mut self, bytes: &[u8], out: &mut [u8]) -> Result<usize, Errno> {
        self.open(|traffic, unsent| {
            // What the connection has to say itself was encrypted before.
            let start = unsent.len();
            let (front, space) = out.split_at_mut_checked(start)?;
            front.copy_from_slice(unsent);
            unsent.clear();
            Some(start + traffic.encrypt(bytes, space)?)
        })
    }

    /// Says that nothing more comes, once; it is unsent afterwards.
    pub(super) fn say_end(&mut self) -> Result<(), Errno> {
        if std::mem::replace(&mut self.has_ended, true) {
            return Ok(());
        }
        self.open(|traffic, unsent| {
            let mut space = [0; 256];
            let count = traffic.end(&mut space)?;
            unsent.extend_from_slice(space.get(..count)?);
            Some(())
        })
    }

    /// Does something with a connection that can send.
    fn open<T>(
        &mut self,
        then: impl FnOnce(&mut dyn Traffic, &mut Vec<u8>) -> Option<T>,
    ) -> Result<T, Errno> {
        let mut nothing = Plain {
            space: &mut [],
            filled: 0,
        };
        let driven = self
            .connection
            .drive(&mut self.held, &mut nothing, &mut self.unsent, then);
        let driven = driven.map_err(broken)?;
        self.peer_ended |= driven.peer_ended;
        self.held.drain(..driven.taken.min(self.held.len()));
        driven.open.flatten().ok_or(Errno::PIPE)
    }

    /// Writes what is unsent by `sink`. Whether that was all.
    pub(super) fn flush(
        &mut self,
        mut sink: impl FnMut(&[u8]) -> Result<usize, Errno>,
    ) -> Result<bool, Errno> {
        while let Some(records) = self.unsent.get(self.sent..).filter(|it| !it.is_empty()) {
            let count = sink(records)?;
            if count == 0 {
                return Ok(false);
            }
            self.sent += count;
        }
        if !self.unsent.is_empty() {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        Ok(true)
    }
}

/// A connection whose records make no sense.
fn broken(error: Error) -> Errno {
    tracing::debug!(%error, "TLS connection broken");
    Errno::PROTO
}

impl std::fmt::Debug for TlsChannel {
    /// Without keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsChannel")
            .field("held", &self.held.len())
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
