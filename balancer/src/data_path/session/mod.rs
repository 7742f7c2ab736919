//! The story of one session: admit, pick, connect, relay, close, one record.
//!
//! A session owns its sockets and its record, which [`Session::close`] gives out. Nothing in here waits: the worker
//! calls when there is news or when a deadline has passed.

mod proxy_header;
mod view;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use crate::core::admission::{EnqueueError, Permit, Refusal, Ticket};
use crate::core::backend::{Assigned, Backend};
use crate::core::balance::BackendId;
use crate::core::connect_failure::ConnectFailure;
use crate::core::health::SessionSignal;
use crate::core::pool::NoBackend;
use crate::core::relay_end::End;
use crate::core::session_id::SessionId;
use crate::core::session_record::SessionRecord;
use crate::core::shortage::Resource;
use crate::core::side::Side;
use crate::core::termination::Termination;
use crate::core::traffic::Traffic;
use crate::data_path::connect::{DialOptions, dial, failure, is_its_own_peer};
use crate::data_path::early_read::Eager;
use crate::data_path::liveness::{LOST_AFTER, Looks, is_lost, keep_alive};
use crate::data_path::poller::{Poller, Readiness, Subject};
use crate::data_path::relay::{Delivery, Progress, Relay, Wire};
use crate::data_path::shared::Shared;
use proxy_header::{Heard, Introduction};

/// Of a client's first bytes, so many are looked for before its backend is dialled.
const EARLY_BYTES: usize = 16 << 10;
/// Bytes that a session moves before they show in the counters while it lives.
const TELL_BYTES: u64 = 1 << 20;

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
    /// Close it.
    Over,
}

/// One client, from the accept to the record.
pub(crate) struct Session {
    shared: Arc<Shared>,
    id: SessionId,
    client: Wire,
    /// What the client sent before a backend was connected, and what goes before that.
    early: Vec<u8>,
    permit: Option<Permit>,
    backend: Option<(Assigned, Wire)>,
    stage: Stage,
    record: SessionRecord,
    accepted: Instant,
    looks: Looks,
    /// Bytes that the counters know of.
    told: Traffic,
    /// How the sockets are closed. By reset unless the session comes to an end that both sides can take for one.
    reset: bool,
}

/// Where it stands.
enum Stage {
    /// A trusted peer is to say who the client is.
    Introducing(Introduction),
    /// Every backend is full; since when it waits.
    Queued(Instant),
    /// An attempt on a backend, begun at that time.
    Connecting(Instant),
    Relaying(Relay),
    /// One side is lost, and the other is left to take what was sent to it.
    Delivering(Side, Delivery),
}

impl Session {
    /// Takes a client. Its socket has the listener's options, see [`crate::data_path::listener`].
    pub(crate) fn new(
        shared: Arc<Shared>,
        id: SessionId,
        socket: OwnedFd,
        address: SocketAddr,
        now: Instant,
    ) -> Self {
        shared.counters.open();
        Self {
            shared,
            id,
            client: Wire::accepted(socket),
            early: Vec::new(),
            permit: None,
            backend: None,
            stage: Stage::Connecting(now),
            record: SessionRecord::new(address),
            accepted: now,
            looks: Looks::default(),
            told: Traffic::default(),
            reset: true,
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// The first call.
    pub(crate) fn begin(&mut self, turn: &mut Turn<'_>) -> Step {
        let live = self.shared.live.load();
        let trusted = live.proxy.from.contains(self.record.client.ip());
        drop(live);
        if trusted {
            self.stage = Stage::Introducing(Introduction::new(turn.now));
        } else {
            if let Err(termination) = self.admit() {
                return self.end(termination);
            }
            if turn.eager.looks() {
                let buffer = turn.buffer.get_mut(..EARLY_BYTES).unwrap_or_default();
                self.early = self.client.read_early(buffer).unwrap_or_default();
                turn.eager.found(!self.early.is_empty());
            }
            // The client after the backend: what it has sent by then is told together with the room at the backend.
            if let Err(termination) = self.connect(None, None, turn) {
                return self.end(termination);
            }
        }
        let subject = Subject::Client(self.id.index);
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
            Stage::Introducing(_) => self.introduce(turn),
            Stage::Queued(_) if self.client.is_broken() => self.end(Termination::ClientQueue),
            Stage::Connecting(since) => self.advance_connect(since, turn),
            Stage::Relaying(_) => self.relay(turn),
            Stage::Queued(_) | Stage::Delivering(..) => Step::Waits,
        }
    }

    /// The time to look at it again if no event comes before.
    pub(crate) fn deadline(&self) -> Instant {
        let live = self.shared.live.load();
        match &self.stage {
            Stage::Introducing(introduction) => introduction.since() + live.proxy.timeout,
            Stage::Queued(since) => *since + live.queue_timeout,
            Stage::Connecting(since) => *since + live.timeouts.connect,
            Stage::Relaying(relay) => relay.deadline().min(self.accepted + self.looks.due()),
            Stage::Delivering(_, delivery) => delivery.deadline(),
        }
    }

    /// Looks whether the deadline has passed. To be called after all events: a new attempt must not get those of the
    /// one before.
    pub(crate) fn expire(&mut self, turn: &mut Turn<'_>) -> Step {
        let now = turn.now;
        self.tell_traffic();
        if now < self.deadline() {
            return Step::Waits;
        }
        match &mut self.stage {
            Stage::Introducing(_) => self.end(Termination::ClientTimeoutHeader),
            Stage::Queued(_) => self.end(Termination::QueueTimeout),
            Stage::Connecting(_) => self.attempt_failed(ConnectFailure::TimedOut, turn),
            Stage::Relaying(relay) => match relay.expired(now) {
                Some(end) => self.relayed(end, now),
                None => match self.look(now) {
                    Some(end) => self.relayed(end, now),
                    None => Step::Waits,
                },
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

    /// Ends it on purpose: by an operator, or at the drain deadline.
    pub(crate) fn kill(&mut self) -> Step {
        self.record.termination = match (&self.stage, &self.record.backend) {
            (Stage::Queued(_), _) => Termination::KilledQueue,
            (_, Some(_)) => Termination::KilledData,
            (_, None) => Termination::KilledConnect,
        };
        Step::Over
    }

    /// Reads on until it is clear who the client is, then goes the way of every client.
    fn introduce(&mut self, turn: &mut Turn<'_>) -> Step {
        let Stage::Introducing(introduction) = &mut self.stage else {
            return Step::Waits;
        };
        match introduction.listen(&mut self.client, turn.buffer) {
            Heard::Nothing => Step::Waits,
            Heard::Gone => self.end(Termination::ClientHeader),
            Heard::Wrong(error) => {
                debug!(peer = %self.record.client, %error, "no PROXY protocol header");
                self.end(Termination::BadHeader)
            }
            Heard::Client {
                address,
                destination,
                early,
            } => {
                self.early = early;
                self.record.client = address.unwrap_or(self.record.client);
                self.record.destination = destination;
                let begun = self.admit().and_then(|()| self.connect(None, None, turn));
                match begun {
                    Ok(()) => Step::Waits,
                    Err(termination) => self.end(termination),
                }
            }
        }
    }

    /// Asks whether the client may come in.
    fn admit(&mut self) -> Result<(), Termination> {
        let live = self.shared.live.load();
        let uptime = self.shared.uptime();
        match live.admission.admit(self.record.client.ip(), uptime) {
            Ok(permit) => {
                self.permit = Some(permit);
                Ok(())
            }
            Err(refusal) => {
                if let Some(suppressed) = live.admission.log_due(refusal, uptime) {
                    let client = self.record.client;
                    tracing::warn!(%client, reason = refusal.label(), suppressed, "client refused");
                }
                Err(Refusal::termination(refusal))
            }
        }
    }

    /// Tries backends, each at most once, until one can be dialled. `last` is the failure before, `place` a place that
    /// was taken for it already.
    fn connect(
        &mut self,
        mut last: Option<ConnectFailure>,
        mut place: Option<Assigned>,
        turn: &Turn<'_>,
    ) -> Result<(), Termination> {
        loop {
            if let Some(failure) = last
                && !failure.is_retryable()
            {
                return Err(Termination::of_connect(last));
            }
            // Who comes while others wait goes to the end of the line.
            let waits = last.is_none() && place.is_none() && !self.shared.queue.is_empty();
            let picked = match place.take() {
                Some(place) => Ok(place),
                None if waits => Err(NoBackend::AllFull),
                None => self
                    .shared
                    .pool
                    .pick(self.record.client.ip(), &self.tried()),
            };
            let assigned = match picked {
                Ok(assigned) => assigned,
                Err(NoBackend::AllFull) if last.is_none() => return self.enqueue(turn.now),
                Err(NoBackend::AllFull) => return Err(Termination::QueueFull),
                Err(_) => return Err(Termination::of_connect(last)),
            };
            if self.record.queue.is_none() {
                self.record.queue = Some(turn.now.saturating_duration_since(self.accepted));
            }
            if assigned.is_last_resort() {
                self.note_last_resort(&assigned);
            }
            match self.dial(&assigned, turn.poller) {
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

    fn dial(&self, assigned: &Assigned, poller: &Poller) -> Result<OwnedFd, ConnectFailure> {
        let options = DialOptions {
            fast_open: self.shared.live.load().fast_open,
            speaks_at_once: !self.early.is_empty(),
        };
        let socket = dial(assigned.backend().address(), options)?;
        let subject = Subject::Backend(self.id.index);
        match poller.watch_socket(&socket, subject) {
            Ok(()) => Ok(socket),
            Err(error) => Err(failure(error)),
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
        if let Some(resource) = Resource::of_connect(failure) {
            self.note_shortage(backend, resource, failure);
        }
        self.record.failures.push((Arc::clone(backend), failure));
    }

    #[cold]
    fn note_shortage(&self, backend: &Backend, resource: Resource, failure: ConnectFailure) {
        let noted = self.shared.pool.shortages.note(resource, Instant::now());
        if let Some(suppressed) = noted {
            tracing::warn!(
                backend = backend.name(), resource = resource.label(), %failure, suppressed,
                "connection to a backend not possible"
            );
        }
    }

    #[cold]
    fn note_last_resort(&mut self, assigned: &Assigned) {
        self.record.last_resort = true;
        if let Some(suppressed) = self.shared.last_resort_gate.pass(self.shared.uptime()) {
            let (client, backend) = (self.record.client, assigned.backend());
            let state = backend.report().state.label();
            tracing::warn!(
                %client, backend = backend.name(), state, suppressed,
                "no usable backend to be had, trying an unhealthy one"
            );
        }
    }

    /// Goes to the end of the line.
    fn enqueue(&mut self, now: Instant) -> Result<(), Termination> {
        let limit = self.shared.live.load().queue_timeout;
        let ticket = self.ticket();
        match self
            .shared
            .queue
            .enqueue(ticket, self.shared.uptime() + limit)
        {
            Ok(before) => {
                self.record.queued_behind = u32::try_from(before).unwrap_or(u32::MAX);
                self.record.waited = true;
                self.stage = Stage::Queued(now);
                // A place may have become free in between.
                self.shared.hand_over();
                Ok(())
            }
            Err(EnqueueError::Full | EnqueueError::Waiting) => Err(Termination::QueueFull),
        }
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            worker: self.id.worker,
            slot: self.id.to_bits(),
        }
    }

    /// Takes the place that it has waited for. Gives it back where it does not wait any more.
    pub(crate) fn take_place(&mut self, place: Assigned, turn: &Turn<'_>) -> Step {
        if !matches!(self.stage, Stage::Queued(_)) {
            return Step::Waits;
        }
        match self.connect(None, Some(place), turn) {
            Ok(()) => Step::Waits,
            Err(termination) => self.end(termination),
        }
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
            backend.count_connect(turn.now.saturating_duration_since(since));
            let queued = self.record.queue.unwrap_or_default();
            let begun = turn.now.saturating_duration_since(self.accepted);
            self.record.handshake = turn.now.saturating_duration_since(since);
            self.record.connect = Some(begun.saturating_sub(queued));
            self.record.backend = Some(Arc::clone(backend));
            self.record.termination = Termination::KilledData;
            self.stage = Stage::Relaying(self.begin_relay(turn.now));
            return self.relay(turn);
        }
        if self.client.is_broken() {
            return self.end(Termination::ClientConnect);
        }
        Step::Waits
    }

    fn begin_relay(&mut self, now: Instant) -> Relay {
        let live = self.shared.live.load();
        let mut relay = Relay::new(now, live.timeouts.idle_limits());
        let destination = self
            .record
            .destination
            .or_else(|| self.client.local_address());
        if let Some(destination) = destination
            && let Some(header) = live.proxy.send.header(self.record.client, destination)
        {
            relay.begin_with(header.as_bytes(), &self.early);
        } else if !self.early.is_empty() {
            relay.begin_with(&[], &self.early);
        }
        self.early = Vec::new();
        relay
    }

    /// Another backend at once, as no byte was relayed.
    fn attempt_failed(&mut self, failure: ConnectFailure, turn: &Turn<'_>) -> Step {
        if let Some((assigned, wire)) = self.backend.take() {
            drop(wire);
            self.note_failure(&assigned, failure);
        }
        match self.connect(Some(failure), None, turn) {
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
        if self.record.traffic.since(self.told).sum() >= TELL_BYTES {
            self.tell_traffic();
        }
        match progress {
            Progress::Waits => Step::Waits,
            Progress::Goes => Step::Goes,
            Progress::Over(end) => self.relayed(end, turn.now),
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
        if self.looks.is_first() {
            // The client's connection has it from the listener.
            keep_alive(backend);
        }
        self.looks.taken(age);
        if relay.silence(now) < LOST_AFTER {
            return None;
        }
        let sides = [(Side::Backend, backend), (Side::Client, &self.client)];
        let (side, _) = sides.into_iter().find(|(_, wire)| is_lost(wire))?;
        Some(relay.vanished(side))
    }

    /// Lets the counters know what has moved since the last time.
    fn tell_traffic(&mut self) {
        let traffic = self.record.traffic.since(self.told);
        if traffic.sum() > 0 {
            self.told = self.record.traffic;
            self.shared.counters.count_traffic(traffic);
            if let Some(backend) = &self.record.backend {
                backend.count_traffic(traffic);
            }
        }
    }

    fn relayed(&mut self, end: End, now: Instant) -> Step {
        self.record.termination = Termination::of_relay(end);
        match end {
            End::Closed => self.reset = false,
            End::Idle { owing: false, .. } => self.reset = false,
            End::Idle { side, .. } | End::Lost { side, .. } => {
                debug!(client = %self.record.client, ?end, "side lost");
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

    /// Closed by reset: whom nobody serves must not take that for an empty answer.
    fn end(&mut self, termination: Termination) -> Step {
        self.record.termination = termination;
        Step::Over
    }

    /// Closes the sockets, gives back what it held, and tells what there is to tell.
    pub(crate) fn close(mut self) -> SessionRecord {
        self.tell_traffic();
        if self.reset {
            self.client.close_by_reset();
            if let Some((_, wire)) = &self.backend {
                wire.close_by_reset();
            }
        }
        // A place that is on its way to it comes back, as nobody has its name any more.
        if matches!(self.stage, Stage::Queued(_)) {
            self.shared.queue.cancel(self.ticket());
            self.record.queue = Some(self.accepted.elapsed());
        }
        self.record.total = self.accepted.elapsed();
        let Self {
            shared,
            client,
            backend,
            permit,
            record,
            ..
        } = self;
        drop((client, permit));
        if let Some((assigned, wire)) = backend {
            drop(wire);
            drop(assigned);
            shared.hand_over();
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle session may cost beside its two sockets.
    const MOST: usize = 704;

    #[test]
    fn an_idle_session_is_small() {
        assert!(
            size_of::<Session>() <= MOST,
            "{} bytes",
            size_of::<Session>()
        );
    }
}
