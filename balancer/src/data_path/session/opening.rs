//! The opening of a session: who the client is, and whether it is admitted.

use tracing::debug;

use super::proxy_header::{HeaderProgress, ProxyHeader};
use super::{Session, Stage, Step, StepContext};
use crate::core::admission::Refusal;
use crate::core::shortage::Resource;
use crate::core::termination::Termination;
use crate::data_path::connect::classify;
use crate::data_path::poller::Subject;

/// Maximum size of an early read of a client's first bytes, before connecting to a backend.
const EARLY_BYTES: usize = 16 << 10;

impl Session {
    /// The first call.
    pub(crate) fn begin(&mut self, context: &mut StepContext<'_>) -> Step {
        let rules = self.service.rules.load();
        let trusted = rules.proxy.from.contains(self.record.client.ip());
        drop(rules);
        if trusted {
            self.stage = Stage::ReadingHeader(ProxyHeader::new(context.now));
        } else {
            let admitted = self.admit().and_then(|()| self.route(context.now));
            match admitted {
                Ok(true) => {}
                // The client's bytes are needed first.
                Ok(false) => return self.watch_client(context),
                Err(termination) => return self.end(termination),
            }
            match self.begin_handshake(context.now) {
                Ok(false) => {}
                Ok(true) => return self.watch_client(context),
                Err(termination) => return self.end(termination),
            }
            if context.early_read.should_try() {
                let buffer = context.buffer.get_mut(..EARLY_BYTES).unwrap_or_default();
                self.early = self.client.read_early(buffer).unwrap_or_default();
                context.early_read.record(!self.early.is_empty());
            }
            // The client after the backend: what it has sent by then is told together with the room at the backend.
            if let Err(termination) = self.connect(None, None, context) {
                return self.end(termination);
            }
        }
        self.watch_client(context)
    }

    fn watch_client(&mut self, context: &StepContext<'_>) -> Step {
        let subject = Subject::Client(self.id.index);
        match context.poller.watch_socket(&self.client, subject) {
            Ok(()) => Step::Wait,
            Err(error) => {
                let failure = classify(error);
                if let Some(resource) = Resource::of_connect(failure) {
                    self.note_shortage(None, resource, failure);
                }
                self.end(Termination::of_connect(Some(failure)))
            }
        }
    }

    /// Reads the PROXY header until it is complete, then proceeds as for any client.
    pub(super) fn read_proxy_header(&mut self, context: &mut StepContext<'_>) -> Step {
        let Stage::ReadingHeader(header) = &mut self.stage else {
            return Step::Wait;
        };
        match header.read(&mut self.client, context.buffer) {
            HeaderProgress::Incomplete => Step::Wait,
            HeaderProgress::Closed => self.end(Termination::ClientHeader),
            HeaderProgress::Invalid(error) => {
                debug!(peer = %self.record.client, %error, "no PROXY protocol header");
                self.end(Termination::BadHeader)
            }
            HeaderProgress::Complete {
                address,
                destination,
                early,
            } => {
                self.early = early;
                self.record.client = address.unwrap_or(self.record.client);
                self.record.destination = destination;
                match self.admit().and_then(|()| self.route(context.now)) {
                    Ok(true) => self.proceed(context),
                    Ok(false) => self.read_opening(context),
                    Err(termination) => self.end(termination),
                }
            }
        }
    }

    /// The first attempt, now that it is known where to.
    pub(super) fn begin_connect(&mut self, context: &StepContext<'_>) -> Step {
        match self.connect(None, None, context) {
            Ok(()) => Step::Wait,
            Err(termination) => self.end(termination),
        }
    }

    /// Asks admission control whether to admit the client.
    fn admit(&mut self) -> Result<(), Termination> {
        let rules = self.service.rules.load();
        let uptime = self.shared.uptime();
        match rules.admission.admit(self.record.client.ip(), uptime) {
            Ok(permit) => {
                self.permit = Some(permit);
                Ok(())
            }
            Err(refusal) => {
                if let Some(suppressed) = rules.admission.log_due(refusal, uptime) {
                    let client = self.record.client;
                    tracing::warn!(%client, reason = refusal.label(), suppressed, "client refused");
                }
                Err(Refusal::termination(refusal))
            }
        }
    }
}
