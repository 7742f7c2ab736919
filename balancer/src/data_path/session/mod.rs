//! One session from start to end: admit, pick, connect, relay, close, one record.
//!
//! A session owns its sockets and its record, which [`Session::close`] returns. Nothing here blocks: the worker calls it
//! when there is an event or when a deadline has passed.

mod backend_tls;
mod connecting;
mod handshake;
mod opening;
mod pending_handshake;
mod pending_route;
mod proxy_header;
mod routing;
mod view;

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use crate::core::admission::Permit;
use crate::core::backend::Assigned;
use crate::core::connect_failure::ConnectFailure;
use crate::core::pool::DEFAULT_POOL;
use crate::core::relay_end::End;
use crate::core::session_id::SessionId;
use crate::core::session_record::SessionRecord;
use crate::core::side::Side;
use crate::core::termination::Termination;
use crate::core::traffic::Traffic;
use crate::data_path::client::Client;
use crate::data_path::dead_peer::{Looks, is_lost, keep_alive};
use crate::data_path::early_read::EarlyRead;
use crate::data_path::poller::{Poller, Readiness};
use crate::data_path::relay::{Delivery, Progress, Relay, SessionSocket};
use crate::data_path::service::Service;
use crate::data_path::shared::Shared;
use crate::data_path::upstream::Target;
use pending_handshake::{PendingHandshake, Securing};
use pending_route::PendingRoute;
use proxy_header::ProxyHeader;

/// An open session updates the counters each time it has moved this many bytes.
const TELL_BYTES: u64 = 1 << 20;

/// What a session works with during one step.
pub(crate) struct StepContext<'a> {
    pub(crate) poller: &'a Poller,
    /// The thread's buffer; nothing stays in it between two steps.
    pub(crate) buffer: &'a mut [u8],
    pub(crate) early_read: &'a mut EarlyRead,
    pub(crate) now: Instant,
}

/// What to do with a session next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Call it again at the next event or deadline.
    Wait,
    /// Call it again soon, after other sessions.
    Yield,
    /// Close it.
    Close,
}

/// One client, from the accept to the record.
pub(crate) struct Session {
    shared: Arc<Shared>,
    service: Arc<Service>,
    /// The pool that serves it.
    target: Arc<Target>,
    id: SessionId,
    client: SessionSocket,
    /// What the client sent before a backend was connected, and what goes before that.
    early: Vec<u8>,
    permit: Option<Permit>,
    backend: Option<(Assigned, SessionSocket)>,
    stage: Stage,
    record: SessionRecord,
    accepted: Instant,
    /// When it is too old, if ever; known once it is relayed.
    until: Option<Instant>,
    looks: Looks,
    /// Bytes that the counters include already.
    told: Traffic,
    /// Whether to close the sockets by reset: yes, unless the session ends in an orderly way.
    reset: bool,
}

/// The stage of a session.
enum Stage {
    /// Waiting for the PROXY header of a trusted peer.
    ReadingHeader(ProxyHeader),
    /// Waiting for the first bytes, by which the pool is chosen.
    Routing(Box<PendingRoute>),
    /// TLS is being agreed on with the client.
    Handshaking(Box<PendingHandshake>),
    /// TLS could not be agreed on; the client may read why until then.
    Refused(Instant),
    /// Queued since this time because every backend is full.
    Queued(Instant),
    /// Connecting to a backend since this time.
    Connecting(Instant),
    /// Agreeing on TLS with a backend that has accepted.
    Securing(Securing),
    Relaying(Relay),
    /// One side is lost; the other may still receive what was sent to it.
    Delivering(Side, Delivery),
}

impl Session {
    /// Takes a client. Its socket has the listener's options, see [`crate::data_path::listen_socket`].
    pub(crate) fn new(shared: Arc<Shared>, id: SessionId, client: Client, now: Instant) -> Self {
        let Client {
            socket,
            address,
            service,
        } = client;
        shared.counters.open();
        service.counters.open();
        let target = Arc::clone(&service.rules.load().routes.target);
        Self {
            shared,
            service,
            target,
            id,
            client: SessionSocket::accepted(socket),
            early: Vec::new(),
            permit: None,
            backend: None,
            stage: Stage::Connecting(now),
            record: SessionRecord::new(address),
            accepted: now,
            until: None,
            looks: Looks::default(),
            told: Traffic::default(),
            reset: true,
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Takes in an event of the client's socket; [`Self::advance`] follows.
    pub(crate) fn note_client(&mut self, readiness: Readiness) {
        self.client.note(readiness);
    }

    /// The same for the backend's.
    pub(crate) fn note_backend(&mut self, readiness: Readiness) {
        if let Some((_, socket)) = &mut self.backend {
            socket.note(readiness);
        }
    }

    /// Does what can be done now.
    pub(crate) fn advance(&mut self, context: &mut StepContext<'_>) -> Step {
        match self.stage {
            Stage::ReadingHeader(_) => self.read_proxy_header(context),
            Stage::Routing(_) => self.read_opening(context),
            Stage::Handshaking(_) => self.handshake(context),
            Stage::Refused(_) => self.linger(context),
            Stage::Queued(_) if self.client.is_broken() => self.end(Termination::ClientQueue),
            Stage::Connecting(since) => self.advance_connect(since, context),
            Stage::Securing(securing) => self.advance_securing(securing, context),
            Stage::Relaying(_) => self.relay(context),
            Stage::Queued(_) | Stage::Delivering(..) => Step::Wait,
        }
    }

    /// The time to look at it again if no event comes before.
    pub(crate) fn deadline(&self) -> Instant {
        let upstream = || self.target.upstream.rules.load();
        match &self.stage {
            Stage::ReadingHeader(header) => {
                header.since() + self.service.rules.load().proxy.timeout
            }
            Stage::Routing(routing) => routing.deadline(),
            Stage::Handshaking(handshake) => handshake.deadline(),
            Stage::Refused(until) => *until,
            Stage::Queued(since) => *since + upstream().queue_timeout,
            Stage::Connecting(since) => *since + upstream().connect_timeout,
            Stage::Securing(securing) => securing.begun + upstream().connect_timeout,
            Stage::Relaying(relay) => {
                let due = relay.deadline().min(self.accepted + self.looks.due());
                self.until.map_or(due, |until| until.min(due))
            }
            Stage::Delivering(_, delivery) => delivery.deadline(),
        }
    }

    /// Looks whether the deadline has passed. To be called after all events: a new attempt must not get those of the
    /// one before.
    pub(crate) fn expire(&mut self, context: &mut StepContext<'_>) -> Step {
        let now = context.now;
        self.tell_traffic();
        if now < self.deadline() {
            return Step::Wait;
        }
        match &mut self.stage {
            Stage::ReadingHeader(_) => self.end(Termination::ClientTimeoutHeader),
            Stage::Routing(_) => self.opening_expired(context),
            Stage::Handshaking(_) => self.handshake_expired(),
            Stage::Refused(_) => Step::Close,
            Stage::Queued(_) => self.end(Termination::QueueTimeout),
            Stage::Connecting(_) | Stage::Securing(_) => {
                self.attempt_failed(ConnectFailure::TimedOut, context)
            }
            Stage::Relaying(_) if self.until.is_some_and(|until| until <= now) => {
                self.end(Termination::TooOld)
            }
            Stage::Relaying(relay) => match relay.expired(now) {
                Some(end) => self.relayed(end, now),
                None => match self.look(now) {
                    Some(end) => self.relayed(end, now),
                    None => Step::Wait,
                },
            },
            Stage::Delivering(lost, delivery) => {
                let left = match (lost, &self.backend) {
                    (Side::Client, Some((_, backend))) => backend,
                    _ => &self.client,
                };
                if delivery.is_over(left, now) {
                    Step::Close
                } else {
                    Step::Wait
                }
            }
        }
    }

    /// Ends it because of an internal error.
    pub(crate) fn fault(&mut self) {
        self.record.termination = match self.record.backend {
            Some(_) => Termination::InternalData,
            None => Termination::InternalConnect,
        };
    }

    /// Ends it on purpose: by an operator, or at the drain deadline.
    pub(crate) fn kill(&mut self) -> Step {
        // It is over already.
        if matches!(self.stage, Stage::Refused(_)) {
            return Step::Close;
        }
        self.record.termination = match (&self.stage, &self.record.backend) {
            (Stage::Queued(_), _) => Termination::KilledQueue,
            (_, Some(_)) => Termination::KilledData,
            (_, None) => Termination::KilledConnect,
        };
        Step::Close
    }

    fn relay(&mut self, context: &mut StepContext<'_>) -> Step {
        let (Stage::Relaying(relay), Some((_, backend))) = (&mut self.stage, &mut self.backend)
        else {
            return Step::Wait;
        };
        let mode = self.shared.relay.get();
        let progress = relay.step(&mut self.client, backend, mode, context.buffer, context.now);
        self.record.traffic = relay.traffic();
        if self.record.traffic.since(self.told).sum() >= TELL_BYTES {
            self.tell_traffic();
        }
        match progress {
            Progress::Wait => Step::Wait,
            Progress::Yield => Step::Yield,
            Progress::Done(end) => self.relayed(end, context.now),
        }
    }

    /// Looks after the connections of a session that lives on, if it is time to; the end, if one side has vanished.
    fn look(&mut self, now: Instant) -> Option<End> {
        let age = now.saturating_duration_since(self.accepted);
        let (Stage::Relaying(relay), Some((_, backend))) = (&self.stage, &self.backend) else {
            return None;
        };
        if age < self.looks.due() {
            return None;
        }
        let keepalive = self.service.rules.load().keepalive;
        if self.looks.is_first() {
            // The client's connection has it from the listener.
            // If the system refuses, the connection merely has none.
            let _ = keep_alive(backend, &keepalive);
        }
        self.looks.taken(age, &keepalive);
        let lost_after = keepalive.lost_after()?;
        if relay.silence(now) < lost_after {
            return None;
        }
        let sides = [(Side::Backend, backend), (Side::Client, &self.client)];
        let (side, _) = sides
            .into_iter()
            .find(|(_, wire)| is_lost(wire, lost_after))?;
        Some(relay.vanished(side))
    }

    /// Lets the counters know what has moved since the last time.
    fn tell_traffic(&mut self) {
        let traffic = self.record.traffic.since(self.told);
        if traffic.sum() > 0 {
            self.told = self.record.traffic;
            self.shared.counters.count_traffic(traffic);
            self.service.counters.count_traffic(traffic);
            if let Some(backend) = &self.record.backend {
                backend.count_traffic(traffic);
            }
        }
    }

    fn relayed(&mut self, end: End, now: Instant) -> Step {
        self.record.termination = Termination::of_relay(end);
        match end {
            End::Closed | End::Idle { owing: false, .. } => self.reset = false,
            End::Idle { side, .. } | End::Lost { side, .. } | End::Left { side } => {
                debug!(client = %self.record.client, ?end, "connection lost");
                // The side that is left is reset too, but not before it has what was sent to it.
                let delivery = match (side, &self.backend) {
                    (Side::Client, Some((_, backend))) => Delivery::begin(backend, now),
                    _ => Delivery::begin(&self.client, now),
                };
                if let Some(delivery) = delivery {
                    self.stage = Stage::Delivering(side, delivery);
                    return Step::Wait;
                }
            }
        }
        Step::Close
    }

    /// Closed by reset, so that a client that was not served does not mistake it for an empty answer.
    fn end(&mut self, termination: Termination) -> Step {
        self.record.termination = termination;
        Step::Close
    }

    /// Closes the sockets, gives back what it held, and tells what there is to tell.
    pub(crate) fn close(mut self) -> SessionRecord {
        self.tell_traffic();
        if self.reset {
            self.client.close_by_reset();
            if let Some((_, socket)) = &self.backend {
                socket.close_by_reset();
            }
        }
        // A place that is on its way to it comes back, as nobody has its name any more.
        if matches!(self.stage, Stage::Queued(_)) {
            self.target.upstream.queue.cancel(self.ticket());
            self.record.queue = Some(self.accepted.elapsed());
        }
        self.record.total = self.accepted.elapsed();
        let named = |name: &Arc<str>| (**name != *DEFAULT_POOL).then(|| Arc::clone(name));
        self.record.service = named(&self.service.name);
        self.record.pool = named(self.target.upstream.pool.shared_name());
        let Self {
            shared,
            target,
            client,
            backend,
            permit,
            record,
            ..
        } = self;
        drop((client, permit));
        if let Some((assigned, socket)) = backend {
            drop(socket);
            drop(assigned);
            shared.serve_queue(&target.upstream);
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle session may cost beside its two sockets.
    const MAX: usize = 704;

    #[test]
    fn an_idle_session_is_small() {
        assert!(
            size_of::<Session>() <= MAX,
            "{} bytes",
            size_of::<Session>()
        );
    }
}
