//! The TLS handshake with a backend, where its pool asks for one: after the connect, before any byte of the client. A backend
//! that fails it is one that could not be connected to, so that another is tried.

use std::sync::Arc;

use netsocket_proxy_protocol::Encoded;
use rustix::io::Errno;
use tokio::time::Instant;
use tracing::warn;

use super::pending_handshake::Securing;
use super::{Session, Stage, Step, StepContext};
use crate::core::connect_failure::ConnectFailure;
use crate::core::termination::Termination;
use crate::core::tls::{BackendTls, HandshakeFailure};
use crate::data_path::relay::{HandshakeStep, TlsChannel};

impl Session {
    /// The backend has accepted. Goes on with the handshake, or with the relay where there is none.
    pub(super) fn secure(&mut self, since: Instant, context: &mut StepContext<'_>) -> Step {
        let Some(tls) = self.target.upstream.pool.tls() else {
            return self.connected(since, &[], context);
        };
        match self.begin_tls(&tls) {
            Ok(()) => {
                let begun = context.now;
                self.stage = Stage::Securing(Securing { since, begun });
                self.advance_securing(Securing { since, begun }, context)
            }
            Err(failure) => self.not_secured(&failure, context),
        }
    }

    fn begin_tls(&mut self, tls: &Arc<BackendTls>) -> Result<(), HandshakeFailure> {
        let header = self.header_for_backend();
        let offered = tls.offered(self.client.tls().and_then(TlsChannel::protocol));
        let Some((assigned, socket)) = &mut self.backend else {
            return Err(HandshakeFailure::CutShort);
        };
        let backend = assigned.backend();
        let name = tls.name_of(backend.name(), backend.address());
        let channel = TlsChannel::client(Arc::clone(&tls.config), name, offered);
        let channel = channel.map_err(HandshakeFailure::Refused)?;
        // Whoever reads it reads it before TLS. Nothing was written before, so that there is room.
        let header = header.as_ref().map_or(&[][..], Encoded::as_bytes);
        let written: Result<usize, Errno> = socket.write_before_tls(header);
        if written != Ok(header.len()) {
            return Err(HandshakeFailure::CutShort);
        }
        socket.begin_tls(channel);
        Ok(())
    }

    pub(super) fn advance_securing(
        &mut self,
        securing: Securing,
        context: &mut StepContext<'_>,
    ) -> Step {
        let Some((_, socket)) = &mut self.backend else {
            return Step::Wait;
        };
        match socket.handshake(context.buffer) {
            Ok(HandshakeStep::Wait) if self.client.is_broken() => {
                self.end(Termination::ClientConnect)
            }
            Ok(HandshakeStep::Wait) => Step::Wait,
            Ok(HandshakeStep::Left) => self.not_secured(&HandshakeFailure::CutShort, context),
            Ok(HandshakeStep::Done(count)) => {
                let said = context.buffer.get(..count).unwrap_or_default().to_vec();
                self.connected(securing.since, &said, context)
            }
            Err(failure) => self.not_secured(&failure, context),
        }
    }

    #[cold]
    fn not_secured(&mut self, failure: &HandshakeFailure, context: &StepContext<'_>) -> Step {
        let limiter = &self.service.handshakes.backend_limiter;
        if let Some(suppressed) = limiter.pass(self.shared.uptime()) {
            let backend = self.backend.as_ref();
            let backend = backend.map(|(assigned, _)| assigned.backend().full_name());
            let reason = failure.label();
            warn!(
                backend, reason, %failure, suppressed,
                "TLS handshake with a backend failed"
            );
        }
        self.attempt_failed(ConnectFailure::Tls, context)
    }
}
