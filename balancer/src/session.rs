//! The story of one session: pick, connect, relay, close, one record.
//!
//! A session owns its sockets and its record, and tells the record when it is dropped. So there is exactly one record
//! for every client that was accepted, also for one that is killed at the drain deadline or meets a fault of ours.
//! Nothing in here waits: the worker calls when there is news or when a deadline has passed.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use crate::backend::Assigned;
use crate::balance::BackendId;
use crate::connect::ConnectFailure;
use crate::dial::{DialOptions, dial, failure, is_its_own_peer};
use crate::eager::Eager;
use crate::health::SessionSignal;
use crate::poller::{Poller, Readiness, Subject};
use crate::record::SessionRecord;
use crate::relay::{Delivery, End, Progress, Relay, Traffic, Wire};
use crate::shared::Shared;
use crate::side::Side;
use crate::termination::Termination;
use crate::wheel::Index;

/// A reset by a backend that has said nothing is an early one up to this age of the session.
const EARLY: Duration = Duration::from_secs(1);
/// Of a client's first bytes, so many are looked for before its backend is dialled.
const EARLY_BYTES: usize = 16 << 10;

/// What a session works with during one turn.
pub(crate) struct Turn<'a> {
    pub(crate) poller: &'a Poller,
    /// The thread's buffer; nothing stays in it between two turns.
    pub(crate) buffer: &'a mut [u8],
    pub(crate) eager: &'a mut Eager,
    pub(crate) now: Instant,
}

/// What is to be done with a session next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Call again at the next event or deadline.
    Waits,
    /// Call again soon: others come first.
    Goes,
    /// Drop it.
    Over,
}

/// One client, from the accept to the record.
pub(crate) struct Session {
    shared: Arc<Shared>,
    index: Index,
    client: Wire,
    /// What the client sent before a backend was connected.
    early: Option<Box<[u8]>>,
    backend: Option<(Assigned, Wire)>,
    stage: Stage,
    record: SessionRecord,
    accepted: Instant,
    /// How the sockets are closed. By reset unless the session comes to an end that both sides can take for one.
    reset: bool,
}

/// Where it stands.
enum Stage {
    /// An attempt on a backend, begun at that time.
    Connecting(Instant),
    Relaying(Relay),
    /// One side is lost, and the other is left to take what was sent to it.
    Delivering(Side, Delivery),
}

impl Session {
    /// Admits a client, as number `index` of its worker. Its socket has the listener's options, see [`crate::listen`].
    pub(crate) fn new(
        shared: Arc<Shared>,
        index: Index,
        socket: OwnedFd,
        address: SocketAddr,
        now: Instant,
    ) -> Self {
        shared.counters.open();
        Self {
            shared,
            index,
            client: Wire::accepted(socket),
            early: None,
            backend: None,
            stage: Stage::Connecting(now),
            record: SessionRecord::new(address),
            accepted: now,
            reset: true,
        }
    }

    /// The first call.
    pub(crate) fn begin(&mut self, turn: &mut Turn<'_>) -> Step {
        if turn.eager.looks() {
            let buffer = turn.buffer.get_mut(..EARLY_BYTES).unwrap_or_default();
            self.early = self.client.read_early(buffer);
            turn.eager.found(self.early.is_some());
        }
        // The client after the backend: what it has sent by then is told together with the room at the backend.
        if let Err(termination) = self.connect(None, turn) {
            return self.end(termination);
        }
        let subject = Subject::Client(self.index);
        match turn.poller.watch_socket(&self.client, subject) {
            Ok(()) => Step::Waits,
            Err(error) => self.end(Termination::of_connect(Some(failure(error)))),
        }
    }

    /// Takes in an event of the client's socket; [`Self::advance`] follows.
    pub(crate) fn note_client(&mut self, readiness: Readiness) {
        self.client.note(readiness);
    }

    /// The same for the backend's.
    pub(crate) fn note_backend(&mut self, readiness: Readiness) {
        if let Some((_, wire)) = &mut self.backend {
            wire.note(readiness);
        }
    }

    /// Does what can be done now.
    pub(crate) fn advance(&mut self, turn: &mut Turn<'_>) -> Step {
        match self.stage {
            Stage::Connecting(since) => self.advance_connect(since, turn),
            Stage::Relaying(_) => self.relay(turn),
            Stage::Delivering(..) => Step::Waits,
        }
    }

    /// The time to look at it again if no event comes before.
    pub(crate) fn deadline(&self) -> Instant {
        match &self.stage {
            Stage::Connecting(since) => *since + self.shared.timeouts.connect,
            Stage::Relaying(relay) => relay.deadline(),
            Stage::Delivering(_, delivery) => delivery.deadline(),
        }
    }

    /// Looks whether the deadline has passed. To be called after all events: a new attempt must not get those of the
    /// one before.
    pub(crate) fn expire(&mut self, turn: &Turn<'_>) -> Step {
        let now = turn.now;
        if now < self.deadline() {
            return Step::Waits;
        }
        match &mut self.stage {
            Stage::Connecting(_) => self.attempt_failed(ConnectFailure::TimedOut, turn),
            Stage::Relaying(relay) => match relay.expired(now) {
                Some(end) => self.relayed(end, now),
                None => Step::Waits,
            },
            Stage::Delivering(lost, delivery) => {
                let left = match (lost, &self.backend) {
                    (Side::Client, Some((_, backend))) => backend,
                    _ => &self.client,
                };
                if delivery.is_over(left, now) {
                    Step::Over
                } else {
                    Step::Waits
                }
            }
        }
    }

    /// Ends it for a fault of ours.
    pub(crate) fn fault(&mut self) {
        self.record.termination = match self.record.backend {
            Some(_) => Termination::InternalData,
            None => Termination::InternalConnect,
        };
    }

    /// Tries backends, each at most once, until one can be dialled. `last` is the failure before.
    fn connect(
        &mut self,
        mut last: Option<ConnectFailure>,
        turn: &Turn<'_>,
    ) -> Result<(), Termination> {
        loop {
            if let Some(failure) = last
                && !failure.is_retryable()
            {
                return Err(Termination::of_connect(last));
            }
            let client = self.record.client.ip();
            let Ok(assigned) = self.shared.pool.pick(client, &self.tried()) else {
                return Err(Termination::of_connect(last));
            };
            let address = assigned.backend().address();
            let options = DialOptions {
                fast_open: self.shared.fast_open,
                speaks_at_once: self.early.is_some(),
            };
            let dialled = dial(address, options).and_then(|socket| {
                let subject = Subject::Backend(self.index);
                let watched = turn.poller.watch_socket(&socket, subject);
                watched.map_err(failure).map(|()| socket)
            });
            match dialled {
                Ok(socket) => {
                    self.backend = Some((assigned, Wire::opened(socket)));
                    self.stage = Stage::Connecting(turn.now);
                    return Ok(());
                }
                Err(failure) => {
                    self.note_failure(&assigned, failure);
                    last = Some(failure);
                }
            }
        }
    }

    fn tried(&self) -> Vec<BackendId> {
        let failures = self.record.failures.iter();
        failures.map(|(backend, _)| backend.id()).collect()
    }

    fn note_failure(&mut self, assigned: &Assigned, failure: ConnectFailure) {
        let backend = assigned.backend();
        debug!(client = %self.record.client, backend = backend.name(), %failure, "connect failed");
        backend.observe_session(SessionSignal::ConnectFailed(failure));
        self.record.failures.push((Arc::clone(backend), failure));
    }

    /// Looks what has become of the attempt. A client that only ended its own direction is not gone: it may wait for an
    /// answer.
    fn advance_connect(&mut self, since: Instant, turn: &mut Turn<'_>) -> Step {
        let Some((assigned, wire)) = &mut self.backend else {
            return Step::Waits;
        };
        if wire.is_broken() {
            let failure = wire.take_error().map_or(ConnectFailure::Reset, failure);
            return self.attempt_failed(failure, turn);
        }
        if wire.has_room() {
            let backend = assigned.backend();
            if self.shared.local_ports.may_be_own(backend.address())
                && is_its_own_peer(&*wire, backend.address())
            {
                return self.attempt_failed(ConnectFailure::Refused, turn);
            }
            backend.observe_session(SessionSignal::Connected);
            self.record.handshake = turn.now.saturating_duration_since(since);
            self.record.connect = Some(turn.now.saturating_duration_since(self.accepted));
            self.record.backend = Some(Arc::clone(backend));
            self.record.termination = Termination::KilledData;
            let limits = self.shared.timeouts.idle_limits();
            let mut relay = Relay::new(turn.now, limits);
            if let Some(early) = self.early.take() {
                relay.begin_with(&early);
            }
            self.stage = Stage::Relaying(relay);
            return self.relay(turn);
        }
        if self.client.is_broken() {
            return self.end(Termination::ClientConnect);
        }
        Step::Waits
    }

    /// Another backend at once, as no byte was relayed.
    fn attempt_failed(&mut self, failure: ConnectFailure, turn: &Turn<'_>) -> Step {
        if let Some((assigned, wire)) = self.backend.take() {
            drop(wire);
            self.note_failure(&assigned, failure);
        }
        match self.connect(Some(failure), turn) {
            Ok(()) => Step::Waits,
            Err(termination) => self.end(termination),
        }
    }

    fn relay(&mut self, turn: &mut Turn<'_>) -> Step {
        let (Stage::Relaying(relay), Some((_, backend))) = (&mut self.stage, &mut self.backend)
        else {
            return Step::Waits;
        };
        let mode = self.shared.relay.get();
        let progress = relay.turn(&mut self.client, backend, mode, turn.buffer, turn.now);
        self.record.traffic = relay.traffic();
        match progress {
            Progress::Waits => Step::Waits,
            Progress::Goes => Step::Goes,
            Progress::Over(end) => self.relayed(end, turn.now),
        }
    }

    fn relayed(&mut self, end: End, now: Instant) -> Step {
        self.tell_health(end, now);
        self.record.termination = Termination::of_relay(end);
        match end {
            End::Closed => self.reset = false,
            End::Idle { owing, .. } => self.reset = owing,
            End::Lost { side, error, .. } => {
                debug!(client = %self.record.client, ?side, ?error, "side lost");
                // The side that is left is reset too, but not before it has what was sent to it.
                let delivery = match (side, &self.backend) {
                    (Side::Client, Some((_, backend))) => Delivery::begin(backend, now),
                    _ => Delivery::begin(&self.client, now),
                };
                if let Some(delivery) = delivery {
                    self.stage = Stage::Delivering(side, delivery);
                    return Step::Waits;
                }
            }
        }
        Step::Over
    }

    /// What this session says about its backend.
    fn tell_health(&self, end: End, now: Instant) {
        let Some(backend) = &self.record.backend else {
            return;
        };
        let Traffic { up, down } = self.record.traffic;
        let lived = now.saturating_duration_since(self.accepted);
        if down > 0 || end == End::Closed {
            backend.observe_session(SessionSignal::Answered);
        } else if let End::Lost { side, .. } = end
            && side == Side::Backend
            && lived < EARLY
        {
            let client_sent = up > 0;
            backend.observe_session(SessionSignal::EarlyReset { client_sent });
        }
    }

    /// Closed by reset: whom nobody serves must not take that for an empty answer.
    fn end(&mut self, termination: Termination) -> Step {
        self.record.termination = termination;
        Step::Over
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let backend = self.backend.take();
        if self.reset {
            self.client.close_by_reset();
            if let Some((_, wire)) = &backend {
                wire.close_by_reset();
            }
        }
        self.record.total = self.accepted.elapsed();
        // The hold on the backend is gone before anybody hears of it.
        drop(backend);
        self.shared.record(&self.record);
        self.shared.counters.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle session may cost beside its two sockets.
    const MOST: usize = 640;

    #[test]
    fn an_idle_session_is_small() {
        assert!(
            size_of::<Session>() <= MOST,
            "{} bytes",
            size_of::<Session>()
        );
    }
}
