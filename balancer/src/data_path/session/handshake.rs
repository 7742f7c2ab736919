//! The TLS handshake with a client, where its service ends TLS. It comes before a backend is picked: whoever does not
//! complete it costs no backend anything.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::pending_handshake::PendingHandshake;
use super::{Session, Stage, Step, StepContext};
use crate::core::termination::Termination;
use crate::core::tls::{HandshakeFailure, ServerTls};
use crate::data_path::handshakes::HandshakePermit;
use crate::data_path::relay::{HandshakeStep, TlsChannel};

/// How long a client that was refused is still read, so that it gets to know why.
const LINGER: Duration = Duration::from_secs(1);

impl Session {
    /// Goes on with a client whose pool is known: TLS first, where it ends here, then a backend.
    pub(super) fn proceed(&mut self, context: &mut StepContext<'_>) -> Step {
        match self.begin_handshake(context.now) {
            Ok(true) => self.handshake(context),
            Ok(false) => self.begin_connect(context),
            Err(termination) => self.end(termination),
        }
    }

    /// Whether there is one; if so, it is the stage now.
    pub(super) fn begin_handshake(&mut self, now: Instant) -> Result<bool, Termination> {
        let rules = self.service.rules.load();
        let Some(tls) = &rules.tls else {
            return Ok(false);
        };
        let tls: Arc<ServerTls> = Arc::clone(tls);
        drop(rules);
        let Some(permit) = HandshakePermit::take(&self.service.handshakes, tls.max_handshakes)
        else {
            self.note_handshake(&HandshakeFailure::TooMany);
            return Err(Termination::ListenerFull);
        };
        let early = std::mem::take(&mut self.early);
        let channel = TlsChannel::server(Arc::clone(&tls.config), early).map_err(|error| {
            self.note_handshake(&HandshakeFailure::Refused(error));
            Termination::InternalConnect
        })?;
        self.client.begin_tls(channel);
        self.stage = Stage::Handshaking(Box::new(PendingHandshake {
            since: now,
            timeout: tls.handshake_timeout,
            _permit: permit,
        }));
        Ok(true)
    }

    pub(super) fn handshake(&mut self, context: &mut StepContext<'_>) -> Step {
        match self.client.handshake(context.buffer) {
            Ok(HandshakeStep::Wait) => Step::Wait,
            Ok(HandshakeStep::Left) => self.end(Termination::ClientOpening),
            Ok(HandshakeStep::Done(count)) => {
                self.early = context.buffer.get(..count).unwrap_or_default().to_vec();
                let resumed = self.client.tls().is_some_and(TlsChannel::is_resumed);
                self.service.handshakes.count_done(resumed);
                self.stage = Stage::Connecting(context.now);
                self.begin_connect(context)
            }
            Err(failure) => self.handshake_failed(&failure, context.now),
        }
    }

    pub(super) fn handshake_expired(&mut self) -> Step {
        self.note_handshake(&HandshakeFailure::Late);
        self.end(Termination::ClientTimeoutOpening)
    }

    fn handshake_failed(&mut self, failure: &HandshakeFailure, now: Instant) -> Step {
        self.note_handshake(failure);
        match failure {
            HandshakeFailure::Refused(_) => {
                self.client.shut();
                self.reset = false;
                self.record.termination = Termination::BadOpening;
                self.stage = Stage::Refused(now + LINGER);
                Step::Wait
            }
            HandshakeFailure::CutShort => self.end(Termination::ClientOpening),
            _ => self.end(Termination::BadOpening),
        }
    }

    /// Waits for a client that was refused to close.
    pub(super) fn linger(&mut self, context: &mut StepContext<'_>) -> Step {
        if self.client.discard(context.buffer) {
            Step::Wait
        } else {
            Step::Close
        }
    }

    #[cold]
    fn note_handshake(&self, failure: &HandshakeFailure) {
        let (handshakes, client) = (&self.service.handshakes, self.record.client);
        handshakes.count_failed(failure);
        debug!(%client, %failure, "TLS handshake failed");
        if let Some(suppressed) = handshakes.limiter.pass(self.shared.uptime()) {
            let (service, reason) = (&*self.service.name, failure.label());
            warn!(service, %client, reason, %failure, suppressed, "TLS handshake failed");
        }
    }
}
