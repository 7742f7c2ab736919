//! A socket of a session with TLS on it: how the relay reads and writes there, and the handshake before that.

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use super::reading::Reading;
use super::socket::SessionSocket;
use super::tls_channel::{HandshakeStep, TlsChannel};
use crate::core::tls::HandshakeFailure;

impl SessionSocket {
    /// Has all that follows be TLS.
    pub(crate) fn begin_tls(&mut self, channel: TlsChannel) {
        self.tls = Some(Box::new(channel));
    }

    /// Writes what comes before TLS.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn write_before_tls(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.write_plain(bytes, false)
    }

    /// Its TLS, if it has any.
    pub(crate) fn tls(&self) -> Option<&TlsChannel> {
        self.tls.as_deref()
    }

    /// Goes on with the handshake. Bytes that came behind it are in `buffer`.
    ///
    /// # Errors
    /// Why it failed; what the peer is told of that is sent as far as there is room.
    pub(crate) fn handshake(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<HandshakeStep, HandshakeFailure> {
        let Some(mut tls) = self.tls.take() else {
            return Ok(HandshakeStep::Wait);
        };
        let step = tls.handshake(buffer, |space| self.read_plain(space));
        let flushed = tls.flush(|records| self.write_plain(records, false));
        self.tls = Some(tls);
        match flushed {
            // An end that has been read is the better reason.
            Err(_) if matches!(step, Ok(HandshakeStep::Wait)) => Err(HandshakeFailure::CutShort),
            _ => step,
        }
    }

    pub(super) fn read_tls(&mut self, buffer: &mut [u8]) -> Result<Reading, Errno> {
        let Some(mut tls) = self.tls.take() else {
            return Ok(Reading::Nothing);
        };
        let reading = tls.read(buffer, |space| self.read_plain(space));
        if reading.is_err() {
            // The peer is told why, if it can be.
            let _ = tls.flush(|records| self.write_plain(records, false));
        }
        self.tls = Some(tls);
        reading
    }

    pub(super) fn write_tls(&mut self, bytes: &[u8], last: bool) -> Result<usize, Errno> {
        if !self.has_room() || !self.flush()? {
            return Ok(0);
        }
        let Some(mut tls) = self.tls.take() else {
            return Ok(0);
        };
        let written = tls.write(bytes, |records, all| self.write_plain(records, last && all));
        self.tls = Some(tls);
        written
    }

    /// Writes what could not be written before. Whether that was all.
    pub(super) fn flush(&mut self) -> Result<bool, Errno> {
        let Some(mut tls) = self.tls.take_if(|tls| tls.has_unsent()) else {
            return Ok(true);
        };
        let flushed = tls.flush(|records| self.write_plain(records, false));
        self.tls = Some(tls);
        flushed
    }

    /// Whether something waits for room that counts as written.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Tells the peer that nothing more comes; with `closes`, the close that follows tells its system. Whether it is told:
    /// if not, there was no room.
    pub(super) fn end(&mut self, closes: bool) -> Result<bool, Errno> {
        let said = self.say_end();
        match said {
            Ok(false) => return Ok(false),
            // It has said its own end, and may be gone.
            Err(_) if closes => return Ok(true),
            Err(error) => return Err(error),
            Ok(true) => {}
        }
        if !closes {
            shutdown(&*self, Shutdown::Write).map_err(|error| self.failed(error))?;
        }
        Ok(true)
    }

    fn say_end(&mut self) -> Result<bool, Errno> {
        if let Some(tls) = &mut self.tls {
            tls.say_end()?;
        }
        self.flush()
    }

    /// Ends it after a handshake that failed: a close would throw away what the peer is told of that.
    pub(crate) fn shut(&mut self) {
        // Where it is closed already there is nobody to tell.
        let _ = shutdown(&*self, Shutdown::Write);
    }

    /// Reads and throws away. Whether more may come.
    pub(crate) fn discard(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.read_plain(buffer) {
                Ok(Reading::Nothing) => return true,
                Ok(Reading::Bytes(_)) => {}
                _ => return false,
            }
        }
    }
}
