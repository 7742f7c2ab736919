//! A session on its way to a backend: picking, queueing, connecting, and the next backend where one fails.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use netsocket_proxy_protocol::Encoded;
use tokio::time::Instant;
use tracing::debug;

use super::{Session, Stage, Step, StepContext};
use crate::config::Timeouts;
use crate::core::admission::{EnqueueError, Ticket};
use crate::core::backend::{Assigned, Backend};
use crate::core::balance::{BackendId, mix};
use crate::core::connect_failure::ConnectFailure;
use crate::core::health::SessionSignal;
use crate::core::pool::NoBackend;
use crate::core::proxy_protocol::ProxySend;
use crate::core::shortage::Resource;
use crate::core::termination::Termination;
use crate::data_path::connect::{ConnectOptions, classify, is_self_connect, start_connect};
use crate::data_path::poller::{Poller, Subject};
use crate::data_path::relay::{Relay, SessionSocket};

impl Session {
    /// Tries backends, each at most once, until a connect can be started. `last` is the previous failure, `slot` a slot that
    /// was taken for it already.
    pub(super) fn connect(
        &mut self,
        mut last: Option<ConnectFailure>,
        mut slot: Option<Assigned>,
        context: &StepContext<'_>,
    ) -> Result<(), Termination> {
        loop {
            if let Some(failure) = last
                && !failure.is_retryable()
            {
                return Err(Termination::of_connect(last));
            }
            // A client that arrives while others wait joins the end of the queue.
            let waits = last.is_none() && slot.is_none() && !self.target.upstream.queue.is_empty();
            let picked = match slot.take() {
                Some(slot) => Ok(slot),
                None if waits => Err(NoBackend::AllFull),
                None => self.target.pick(self.record.client.ip(), &self.tried()),
            };
            let assigned = match picked {
                Ok(assigned) => assigned,
                Err(NoBackend::AllFull) if last.is_none() => return self.enqueue(context.now),
                Err(NoBackend::AllFull) => return Err(Termination::QueueFull),
                Err(_) => return Err(Termination::of_connect(last)),
            };
            if self.record.queue.is_none() {
                self.record.queue = Some(context.now.saturating_duration_since(self.accepted));
            }
            if assigned.is_last_resort() {
                self.note_last_resort(&assigned);
            }
            match self.start_connect(&assigned, context.poller) {
                Ok(socket) => {
                    self.backend = Some((assigned, SessionSocket::opened(socket)));
                    self.stage = Stage::Connecting(context.now);
                    return Ok(());
                }
                Err(failure) => {
                    self.note_failure(&assigned, failure);
                    last = Some(failure);
                }
            }
        }
    }

    fn start_connect(
        &self,
        assigned: &Assigned,
        poller: &Poller,
    ) -> Result<OwnedFd, ConnectFailure> {
        let options = ConnectOptions {
            fast_open: self.service.rules.load().fast_open,
            has_early_data: !self.early.is_empty(),
        };
        let backend = assigned.backend();
        let mut connected = start_connect(backend.address(), options, backend.source(0));
        // Another address of this machine may have ports left.
        for again in 1..backend.source_count() {
            if !matches!(connected, Err(ConnectFailure::NoLocalPort)) {
                break;
            }
            connected = start_connect(backend.address(), options, backend.source(again));
        }
        let socket = connected?;
        let subject = Subject::Backend(self.id.index);
        match poller.watch_socket(&socket, subject) {
            Ok(()) => Ok(socket),
            Err(error) => Err(classify(error)),
        }
    }

    pub(super) fn tried(&self) -> Vec<BackendId> {
        let failures = self.record.failures.iter();
        failures.map(|(backend, _)| backend.id()).collect()
    }

    pub(super) fn note_failure(&mut self, assigned: &Assigned, failure: ConnectFailure) {
        let backend = assigned.backend();
        debug!(client = %self.record.client, backend = backend.full_name(), %failure, "connect failed");
        backend.observe_session(SessionSignal::ConnectFailed(failure));
        if let Some(resource) = Resource::of_connect(failure) {
            if resource == Resource::LocalPorts {
                backend.count_no_port();
            }
            self.note_shortage(Some(backend), resource, failure);
        }
        self.record.failures.push((Arc::clone(backend), failure));
    }

    #[cold]
    pub(super) fn note_shortage(
        &self,
        backend: Option<&Backend>,
        resource: Resource,
        failure: ConnectFailure,
    ) {
        let noted = self.shared.shortages.note(resource, Instant::now());
        if let Some(suppressed) = noted {
            tracing::warn!(
                backend = backend.map(Backend::full_name), resource = resource.label(), %failure, suppressed,
                "connection to a backend not possible"
            );
        }
    }

    #[cold]
    fn note_last_resort(&mut self, assigned: &Assigned) {
        self.record.last_resort = true;
        if let Some(suppressed) = self.shared.last_resort_limiter.pass(self.shared.uptime()) {
            let (client, backend) = (self.record.client, assigned.backend());
            let state = backend.report().state.label();
            tracing::warn!(
                %client, backend = backend.full_name(), state, suppressed,
                "no usable backend, trying an unhealthy one"
            );
        }
    }

    /// Joins the end of the queue.
    fn enqueue(&mut self, now: Instant) -> Result<(), Termination> {
        let upstream = &self.target.upstream;
        let deadline = self.shared.uptime() + upstream.rules.load().queue_timeout;
        match upstream.queue.enqueue(self.ticket(), deadline) {
            Ok(before) => {
                self.record.queued_behind = u32::try_from(before).unwrap_or(u32::MAX);
                self.record.waited = true;
                self.stage = Stage::Queued(now);
                // A place may have become free in between.
                self.shared.serve_queue(&self.target.upstream);
                Ok(())
            }
            Err(EnqueueError::Full | EnqueueError::Waiting) => Err(Termination::QueueFull),
        }
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            worker: self.id.worker,
            slot: self.id.to_bits(),
        }
    }

    /// Takes the slot that it was queued for. Gives it back if it no longer waits.
    pub(crate) fn take_slot(&mut self, slot: Assigned, context: &StepContext<'_>) -> Step {
        if !matches!(self.stage, Stage::Queued(_)) {
            return Step::Wait;
        }
        match self.connect(None, Some(slot), context) {
            Ok(()) => Step::Wait,
            Err(termination) => self.end(termination),
        }
    }

    /// Looks what has become of the attempt. A client that only ended its own direction is not gone: it may wait for an
    /// answer.
    pub(super) fn advance_connect(
        &mut self,
        since: Instant,
        context: &mut StepContext<'_>,
    ) -> Step {
        let Some((assigned, socket)) = &mut self.backend else {
            return Step::Wait;
        };
        if socket.is_broken() {
            let failure = socket.take_error().map_or(ConnectFailure::Reset, classify);
            return self.attempt_failed(failure, context);
        }
        if socket.has_room() {
            let backend = assigned.backend();
            if let Some(address) = backend.address().tcp()
                && self.shared.local_ports.may_self_connect(address)
                && is_self_connect(&*socket, address)
            {
                return self.attempt_failed(ConnectFailure::Refused, context);
            }
            return self.secure(since, context);
        }
        if self.client.is_broken() {
            return self.end(Termination::ClientConnect);
        }
        Step::Wait
    }

    /// The backend serves the session. `said`: what it has said already.
    pub(super) fn connected(
        &mut self,
        since: Instant,
        said: &[u8],
        context: &mut StepContext<'_>,
    ) -> Step {
        let Some((assigned, _)) = &self.backend else {
            return Step::Wait;
        };
        let backend = assigned.backend();
        let took = context.now.saturating_duration_since(since);
        backend.observe_session(SessionSignal::Connected);
        backend.count_connect(took);
        let queued = self.record.queue.unwrap_or_default();
        let begun = context.now.saturating_duration_since(self.accepted);
        self.record.handshake = took;
        self.record.connect = Some(begun.saturating_sub(queued));
        self.record.backend = Some(Arc::clone(backend));
        self.record.termination = Termination::KilledData;
        let mut relay = self.begin_relay(context.now);
        relay.begin_down_with(said);
        self.stage = Stage::Relaying(relay);
        self.relay(context)
    }

    fn begin_relay(&mut self, now: Instant) -> Relay {
        let timeouts = self.service.rules.load().timeouts;
        let limits = timeouts.idle_limits();
        let life = longest_life(&timeouts, self.id.to_bits());
        self.until = life.map(|life| self.accepted + life);
        let mut relay = Relay::new(now, limits);
        let has_tls = self.backend.as_ref().is_some_and(|it| it.1.tls().is_some());
        // Within TLS it has gone before.
        let header = (!has_tls).then(|| self.header_for_backend()).flatten();
        let header = header.as_ref().map_or(&[][..], Encoded::as_bytes);
        if !(header.is_empty() && self.early.is_empty()) {
            relay.begin_with(header, &self.early);
        }
        self.early = Vec::new();
        relay
    }

    /// The PROXY header that the backend gets. A client of a unix socket has no address to tell of.
    pub(super) fn header_for_backend(&self) -> Option<Encoded> {
        let backend = self.backend.as_ref();
        let own = backend.and_then(|(assigned, _)| assigned.backend().proxy_send());
        let send = own.unwrap_or_else(|| self.target.upstream.rules.load().proxy_send);
        if send == ProxySend::Off {
            return None;
        }
        let destination = self
            .record
            .destination
            .or_else(|| self.client.local_address());
        match destination {
            Some(destination) => send.header(self.record.client, destination),
            None => send.header_without_client(),
        }
    }

    /// Another backend at once, as no byte was relayed.
    pub(super) fn attempt_failed(
        &mut self,
        failure: ConnectFailure,
        context: &StepContext<'_>,
    ) -> Step {
        if let Some((assigned, socket)) = self.backend.take() {
            drop(socket);
            self.note_failure(&assigned, failure);
        }
        match self.connect(Some(failure), None, context) {
            Ok(()) => Step::Wait,
            Err(termination) => self.end(termination),
        }
    }
}

/// How long a session may last: a share shorter than the longest life, by its number, so that many that have begun together do
/// not end together. `None`: for ever.
fn longest_life(timeouts: &Timeouts, number: u64) -> Option<Duration> {
    let longest = Some(timeouts.max_age).filter(|age| !age.is_zero())?;
    let widest = longest * timeouts.age_jitter / 100;
    let share = u32::try_from(mix(number) >> 32).unwrap_or(u32::MAX);
    Some(longest - widest.mul_f64(f64::from(share) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn lives_differ_and_none_is_too_long() {
        let mut timeouts = Config::default().timeouts;
        assert_eq!(longest_life(&timeouts, 1), None);
        timeouts.max_age = Duration::from_secs(100);
        timeouts.age_jitter = 20;
        let lives: Vec<Duration> = (1..1000)
            .filter_map(|number| longest_life(&timeouts, number))
            .collect();
        let seconds = |time: &Duration| time.as_secs();
        assert_eq!(lives.iter().map(seconds).max(), Some(99));
        assert_eq!(lives.iter().map(seconds).min(), Some(80));
        timeouts.age_jitter = 0;
        assert_eq!(longest_life(&timeouts, 7), Some(timeouts.max_age));
    }
}
