//! One session from start to end: admit, pick, connect, relay, close, one record.
//!
//! A session owns its sockets and its record, which [`Session::close`] returns. Nothing here blocks: the worker calls it
//! when there is an event or when a deadline has passed.

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
use crate::data_path::connect::{ConnectOptions, classify, is_self_connect, start_connect};
use crate::data_path::dead_peer::{LOST_AFTER, Looks, is_lost, keep_alive};
use crate::data_path::early_read::EarlyRead;
use crate::data_path::poller::{Poller, Readiness, Subject};
use crate::data_path::relay::{Delivery, Progress, Relay, SessionSocket};
use crate::data_path::shared::Shared;
use proxy_header::{HeaderProgress, ProxyHeader};

/// Maximum size of an early read of a client's first bytes, before connecting to a backend.
const EARLY_BYTES: usize = 16 << 10;
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
    id: SessionId,
    client: SessionSocket,
    /// What the client sent before a backend was connected, and what goes before that.
    early: Vec<u8>,
    permit: Option<Permit>,
    backend: Option<(Assigned, SessionSocket)>,
    stage: Stage,
    record: SessionRecord,
    accepted: Instant,
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
    /// Queued since this time because every backend is full.
    Queued(Instant),
    /// Connecting to a backend since this time.
    Connecting(Instant),
    Relaying(Relay),
    /// One side is lost; the other may still receive what was sent to it.
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
            client: SessionSocket::accepted(socket),
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
    pub(crate) fn begin(&mut self, context: &mut StepContext<'_>) -> Step {
        let rules = self.shared.rules.load();
        let trusted = rules.proxy.from.contains(self.record.client.ip());
        drop(rules);
        if trusted {
            self.stage = Stage::ReadingHeader(ProxyHeader::new(context.now));
        } else {
            if let Err(termination) = self.admit() {
                return self.end(termination);
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
            Stage::Queued(_) if self.client.is_broken() => self.end(Termination::ClientQueue),
            Stage::Connecting(since) => self.advance_connect(since, context),
            Stage::Relaying(_) => self.relay(context),
            Stage::Queued(_) | Stage::Delivering(..) => Step::Wait,
        }
    }

    /// The time to look at it again if no event comes before.
    pub(crate) fn deadline(&self) -> Instant {
        let rules = self.shared.rules.load();
        match &self.stage {
            Stage::ReadingHeader(header) => header.since() + rules.proxy.timeout,
            Stage::Queued(since) => *since + rules.queue_timeout,
            Stage::Connecting(since) => *since + rules.timeouts.connect,
            Stage::Relaying(relay) => relay.deadline().min(self.accepted + self.looks.due()),
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
            Stage::Queued(_) => self.end(Termination::QueueTimeout),
            Stage::Connecting(_) => self.attempt_failed(ConnectFailure::TimedOut, context),
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
        self.record.termination = match (&self.stage, &self.record.backend) {
            (Stage::Queued(_), _) => Termination::KilledQueue,
            (_, Some(_)) => Termination::KilledData,
            (_, None) => Termination::KilledConnect,
        };
        Step::Close
    }

    /// Reads the PROXY header until it is complete, then proceeds as for any client.
    fn read_proxy_header(&mut self, context: &mut StepContext<'_>) -> Step {
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
                let begun = self
                    .admit()
                    .and_then(|()| self.connect(None, None, context));
                match begun {
                    Ok(()) => Step::Wait,
                    Err(termination) => self.end(termination),
                }
            }
        }
    }

    /// Asks admission control whether to admit the client.
    fn admit(&mut self) -> Result<(), Termination> {
        let rules = self.shared.rules.load();
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

    /// Tries backends, each at most once, until a connect can be started. `last` is the previous failure, `slot` a slot that
    /// was taken for it already.
    fn connect(
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
            let waits = last.is_none() && slot.is_none() && !self.shared.queue.is_empty();
            let picked = match slot.take() {
                Some(slot) => Ok(slot),
                None if waits => Err(NoBackend::AllFull),
                None => self
                    .shared
                    .pool
                    .pick(self.record.client.ip(), &self.tried()),
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
            fast_open: self.shared.rules.load().fast_open,
            has_early_data: !self.early.is_empty(),
        };
        let socket = start_connect(assigned.backend().address(), options)?;
        let subject = Subject::Backend(self.id.index);
        match poller.watch_socket(&socket, subject) {
            Ok(()) => Ok(socket),
            Err(error) => Err(classify(error)),
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
            self.note_shortage(Some(backend), resource, failure);
        }
        self.record.failures.push((Arc::clone(backend), failure));
    }

    #[cold]
    fn note_shortage(
        &self,
        backend: Option<&Backend>,
        resource: Resource,
        failure: ConnectFailure,
    ) {
        let noted = self.shared.pool.shortages.note(resource, Instant::now());
        if let Some(suppressed) = noted {
            tracing::warn!(
                backend = backend.map(Backend::name), resource = resource.label(), %failure, suppressed,
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
                %client, backend = backend.name(), state, suppressed,
                "no usable backend, trying an unhealthy one"
            );
        }
    }

    /// Joins the end of the queue.
    fn enqueue(&mut self, now: Instant) -> Result<(), Termination> {
        let limit = self.shared.rules.load().queue_timeout;
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
                self.shared.serve_queue();
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
    fn advance_connect(&mut self, since: Instant, context: &mut StepContext<'_>) -> Step {
        let Some((assigned, socket)) = &mut self.backend else {
            return Step::Wait;
        };
        if socket.is_broken() {
            let failure = socket.take_error().map_or(ConnectFailure::Reset, classify);
            return self.attempt_failed(failure, context);
        }
        if socket.has_room() {
            let backend = assigned.backend();
            if self.shared.local_ports.may_self_connect(backend.address())
                && is_self_connect(&*socket, backend.address())
            {
                return self.attempt_failed(ConnectFailure::Refused, context);
            }
            backend.observe_session(SessionSignal::Connected);
            backend.count_connect(context.now.saturating_duration_since(since));
            let queued = self.record.queue.unwrap_or_default();
            let begun = context.now.saturating_duration_since(self.accepted);
            self.record.handshake = context.now.saturating_duration_since(since);
            self.record.connect = Some(begun.saturating_sub(queued));
            self.record.backend = Some(Arc::clone(backend));
            self.record.termination = Termination::KilledData;
            self.stage = Stage::Relaying(self.begin_relay(context.now));
            return self.relay(context);
        }
        if self.client.is_broken() {
            return self.end(Termination::ClientConnect);
        }
        Step::Wait
    }

    fn begin_relay(&mut self, now: Instant) -> Relay {
        let rules = self.shared.rules.load();
        let mut relay = Relay::new(now, rules.timeouts.idle_limits());
        let destination = self
            .record
            .destination
            .or_else(|| self.client.local_address());
        if let Some(destination) = destination
            && let Some(header) = rules.proxy.send.header(self.record.client, destination)
        {
            relay.begin_with(header.as_bytes(), &self.early);
        } else if !self.early.is_empty() {
            relay.begin_with(&[], &self.early);
        }
        self.early = Vec::new();
        relay
    }

    /// Another backend at once, as no byte was relayed.
    fn attempt_failed(&mut self, failure: ConnectFailure, context: &StepContext<'_>) -> Step {
        if let Some((assigned, socket)) = self.backend.take() {
            drop(socket);
            self.note_failure(&assigned, failure);
        }
        match self.connect(Some(failure), None, context) {
            Ok(()) => Step::Wait,
            Err(termination) => self.end(termination),
        }
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
            End::Closed | End::Idle { owing: false, .. } => self.reset = false,
            End::Idle { side, .. } | End::Lost { side, .. } => {
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
        if let Some((assigned, socket)) = backend {
            drop(socket);
            drop(assigned);
            shared.serve_queue();
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
