//! The floor: a relay with as few system calls per connection as a relay can have.
//!
//! Setting up a connection is `accept4`, `socket`, `connect` and two epoll additions; ending it is two `close`. Nothing
//! is looked up, counted, timed or logged, and the end of either side ends both, so it is no relay to use: it shows
//! what the kernel takes for itself.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, mpsc};
use std::{mem, thread};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::{Errno, Result};
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, connect,
    listen, recv, send, socket_with,
};

use crate::failure::{Explain as _, Failure, Outcome};

/// The hidden subcommand of this program that is this relay.
pub const SUBCOMMAND: &str = "floor-relay";

/// One buffer for each thread: what is read is written before anything else is read.
const BUFFER: usize = 256 * 1024;
/// Reads of one flow before the others get their turn.
const ROUNDS: usize = 8;
/// Events taken at a time.
const EVENTS: usize = 256;
/// Waiting connections.
const BACKLOG: i32 = 4096;
/// The event of the listening socket. A flow has twice its index, plus one for the side of the backend.
const LISTENER: u64 = u64::MAX;
const NONBLOCKING: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
/// Told once for each change, so that nothing has to be registered again in the life of a flow.
const EDGES: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);
/// The sender has ended, in whatever way: read until that shows.
const ENDED: EventFlags = EventFlags::RDHUP
    .union(EventFlags::HUP)
    .union(EventFlags::ERR);
/// Look for events, and do not wait for them.
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Relays until the process ends.
///
/// # Errors
/// Where it cannot start, or one of its threads cannot go on.
pub fn run(address: SocketAddr, backend: SocketAddr, threads: usize) -> Outcome {
    let listener = Arc::new(listen_on(address).explain(&address.to_string())?);
    let (ended, end) = mpsc::channel();
    for _ in 0..threads {
        let (listener, ended) = (Arc::clone(&listener), ended.clone());
        thread::spawn(move || {
            let error = Worker::new(listener, backend).and_then(|mut worker| worker.run());
            // The first to end is the end of the process.
            let _ = ended.send(error);
        });
    }
    match end.recv() {
        Ok(Err(error)) => Err(Failure::new(format!("the floor relay: {error}"))),
        Ok(Ok(())) | Err(_) => Err(Failure::new("the floor relay has no thread left")),
    }
}

fn listen_on(address: SocketAddr) -> Result<OwnedFd> {
    let socket = socket_with(family(address), SocketType::STREAM, NONBLOCKING, None)?;
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn family(address: SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}

/// The end of a flow that bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Backend,
}

/// Two connections, and for each sender what it sent and the other side does not take yet.
struct Flow {
    client: OwnedFd,
    backend: OwnedFd,
    from_client: Vec<u8>,
    from_backend: Vec<u8>,
}

/// Where a direction stands after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Until the next event.
    Waits,
    /// There may be more; the others come first.
    Goes,
    Ended,
}

struct Worker {
    listener: Arc<OwnedFd>,
    backend: SocketAddr,
    epoll: OwnedFd,
    flows: Vec<Option<Flow>>,
    free: Vec<usize>,
    /// Ended in this round: events already taken may still name them, so their place is free only after it.
    closed: Vec<usize>,
    again: VecDeque<(usize, From)>,
    buffer: Box<[u8]>,
}

impl Worker {
    fn new(listener: Arc<OwnedFd>, backend: SocketAddr) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // Exclusive: a new connection wakes one thread, not all.
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), flags)?;
        Ok(Self {
            listener,
            backend,
            epoll,
            flows: Vec::new(),
            free: Vec::new(),
            closed: Vec::new(),
            again: VecDeque::new(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let patience = (!self.again.is_empty()).then_some(&AT_ONCE);
            match epoll::wait(&self.epoll, spare_capacity(&mut events), patience) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            for event in events.drain(..) {
                let (data, flags) = (event.data, event.flags);
                match data.u64() {
                    LISTENER => self.accept()?,
                    place => self.on_event(place, flags),
                }
            }
            for _ in 0..self.again.len() {
                if let Some((index, from)) = self.again.pop_front() {
                    self.turn(index, from, true);
                }
            }
            self.free.append(&mut self.closed);
        }
    }

    fn accept(&mut self) -> Result<()> {
        let client = match accept_with(&*self.listener, NONBLOCKING) {
            Ok(client) => client,
            // Another thread was faster, or the client is gone.
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error),
        };
        let backend = socket_with(family(self.backend), SocketType::STREAM, NONBLOCKING, None)?;
        match connect(&backend, &self.backend) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            // Dropping both closes both.
            Err(_) => return Ok(()),
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            self.flows.len() - 1
        });
        let place = (index as u64) << 1;
        epoll::add(&self.epoll, &client, EventData::new_u64(place), EDGES)?;
        epoll::add(&self.epoll, &backend, EventData::new_u64(place | 1), EDGES)?;
        self.flows[index] = Some(Flow {
            client,
            backend,
            from_client: Vec::new(),
            from_backend: Vec::new(),
        });
        Ok(())
    }

    fn on_event(&mut self, place: u64, flags: EventFlags) {
        let Ok(index) = usize::try_from(place >> 1) else {
            return;
        };
        let (from, to) = match place & 1 {
            0 => (From::Client, From::Backend),
            _ => (From::Backend, From::Client),
        };
        if flags.intersects(EventFlags::IN | ENDED) {
            self.turn(index, from, flags.intersects(ENDED));
        }
        let waits = |flow: &Flow| match to {
            From::Client => !flow.from_client.is_empty(),
            From::Backend => !flow.from_backend.is_empty(),
        };
        let flow = self.flows.get(index).and_then(Option::as_ref);
        if flags.contains(EventFlags::OUT) && flow.is_some_and(waits) {
            // The event that said how much there is to read is long gone.
            self.turn(index, to, true);
        }
    }

    fn turn(&mut self, index: usize, from: From, until_empty: bool) {
        let Some(Some(flow)) = self.flows.get_mut(index) else {
            return;
        };
        let (sender, receiver) = (flow.client.as_fd(), flow.backend.as_fd());
        let turn = match from {
            From::Client => pump(
                sender,
                receiver,
                &mut flow.from_client,
                &mut self.buffer,
                until_empty,
            ),
            From::Backend => pump(
                receiver,
                sender,
                &mut flow.from_backend,
                &mut self.buffer,
                until_empty,
            ),
        };
        match turn {
            Turn::Waits => {}
            Turn::Goes => self.again.push_back((index, from)),
            Turn::Ended => {
                self.flows[index] = None;
                self.closed.push(index);
            }
        }
    }
}

/// One turn of one direction. A read that does not fill the buffer has emptied the socket (epoll(7)), which saves the
/// read that says so, unless the sender has ended and `until_empty` is set.
fn pump(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    pending: &mut Vec<u8>,
    buffer: &mut [u8],
    until_empty: bool,
) -> Turn {
    if !pending.is_empty() {
        match send(to, pending, SendFlags::NOSIGNAL) {
            Ok(count) if count == pending.len() => drop(mem::take(pending)),
            Ok(count) => drop(pending.drain(..count)),
            Err(Errno::AGAIN) => {}
            Err(_) => return Turn::Ended,
        }
        if !pending.is_empty() {
            return Turn::Waits;
        }
    }
    for _ in 0..ROUNDS {
        let read = match recv(from, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => return Turn::Ended,
            Ok((read, _)) => read,
            Err(Errno::AGAIN) => return Turn::Waits,
            Err(_) => return Turn::Ended,
        };
        let sent = match send(to, &buffer[..read], SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            // Not connected yet, or full.
            Err(Errno::AGAIN) => 0,
            Err(_) => return Turn::Ended,
        };
        if sent < read {
            pending.extend_from_slice(&buffer[sent..read]);
            return Turn::Waits;
        }
        if read < buffer.len() && !until_empty {
            return Turn::Waits;
        }
    }
    Turn::Goes
}
