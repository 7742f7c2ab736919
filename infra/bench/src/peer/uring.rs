//! A minimal relay on io_uring: what the kernel's other interface would give.
//!
//! It uses what is said to make io_uring fast: one ring a thread that only its thread enters, multishot accept and
//! receive, a ring of provided buffers, and descriptors registered with the ring. Like the floor it looks up, counts and
//! times nothing, and the end of either side ends both.

#![expect(
    unsafe_code,
    reason = "the kernel reads and writes memory that requests point to"
)]

use std::alloc::{self, Layout};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::{ptr, thread};

use io_uring::types::{BufRingEntry, DestinationSlot, Fd, Fixed};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::io::{Errno, Result};
use rustix::net::sockopt::{set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketFlags, SocketType, bind, listen, socket_with,
};

use crate::failure::{Failure, Outcome};

/// The hidden subcommand of this program that is this relay.
pub const SUBCOMMAND: &str = "uring-relay";

const ENTRIES: u32 = 1024;
/// Completions: each receive may have several.
const COMPLETIONS: u32 = 8192;
/// Buffers of a thread, a power of two.
const BUFFERS: u16 = 512;
const BUFFER_BYTES: u32 = 64 << 10;
const BUFFER: usize = BUFFER_BYTES as usize;
const GROUP: u16 = 0;
/// What the ring of buffers is aligned to.
const PAGE: usize = 4096;
const DESCRIPTORS: u32 = 16_384;
const BACKLOG: i32 = 4096;

/// What a completion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Accept,
    Socket,
    Connect,
    Receive,
    Send,
    Other,
}

const WORKS: [Work; 6] = [
    Work::Accept,
    Work::Socket,
    Work::Connect,
    Work::Receive,
    Work::Send,
    Work::Other,
];

/// A side of a flow: where bytes come from.
const CLIENT: usize = 0;
const BACKEND: usize = 1;

fn tag(work: Work, flow: usize, from: usize) -> u64 {
    ((work as u64) << 56) | ((flow as u64) << 1) | from as u64
}

fn untag(tag: u64) -> (Work, usize, usize) {
    let work = WORKS.get((tag >> 56) as usize).copied();
    let flow = (tag << 8 >> 8) >> 1;
    (
        work.unwrap_or(Work::Other),
        usize::try_from(flow).unwrap_or(usize::MAX),
        (tag & 1) as usize,
    )
}

/// Relays until the process ends.
///
/// # Errors
/// Where it cannot start, or one of its threads cannot go on.
pub fn run(address: SocketAddr, backend: SocketAddr, threads: usize) -> Outcome {
    let (ended, end) = mpsc::channel();
    for _ in 0..threads {
        let ended = ended.clone();
        thread::spawn(move || {
            let error = Worker::new(address, backend).and_then(|mut worker| worker.run());
            // The first to end is the end of the process.
            let _ = ended.send(error);
        });
    }
    match end.recv() {
        Ok(Err(error)) => Err(Failure::new(format!("the io_uring relay: {error}"))),
        Ok(Ok(())) | Err(_) => Err(Failure::new("the io_uring relay has no thread left")),
    }
}

/// The buffers that the kernel picks from, and the ring through which it gets them back.
struct Buffers {
    ring: *mut BufRingEntry,
    memory: Vec<u8>,
    tail: u16,
}

impl Buffers {
    fn new(uring: &IoUring) -> Result<Self> {
        let bytes = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        let layout = Layout::from_size_align(bytes, PAGE).map_err(|_| Errno::INVAL)?;
        // SAFETY: the layout is not empty.
        let ring = unsafe { alloc::alloc_zeroed(layout) };
        if ring.is_null() {
            return Err(Errno::NOMEM);
        }
        // SAFETY: it is as long as the ring, aligned to a page, and never given back.
        let registered = unsafe {
            uring
                .submitter()
                .register_buf_ring_with_flags(ring as u64, BUFFERS, GROUP, 0)
        };
        registered.map_err(errno)?;
        let mut buffers = Self {
            ring: ring.cast(),
            memory: vec![0; usize::from(BUFFERS) * BUFFER],
            tail: 0,
        };
        for id in 0..BUFFERS {
            buffers.give_back(id);
        }
        Ok(buffers)
    }

    fn at(&mut self, id: u16) -> *mut u8 {
        // An id from the kernel is one of ours.
        self.memory
            .get_mut(usize::from(id) * BUFFER..)
            .map_or(ptr::null_mut(), <[u8]>::as_mut_ptr)
    }

    /// Lets the kernel fill it again.
    fn give_back(&mut self, id: u16) {
        let address = self.at(id) as u64;
        let place = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: `place` is within the ring, and the kernel reads an entry only once the tail has passed it.
        let entry = unsafe { &mut *self.ring.add(place) };
        entry.set_addr(address);
        entry.set_len(BUFFER_BYTES);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is in the first entry of the ring that was registered, aligned for 16 bits.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.ring).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Bytes that wait for the other side.
#[derive(Debug, Clone, Copy)]
struct Piece {
    buffer: u16,
    begin: u32,
    end: u32,
}

/// One direction, named by its source.
#[derive(Debug, Default)]
struct Direction {
    pieces: VecDeque<Piece>,
    is_sending: bool,
    has_ended: bool,
}

#[derive(Debug, Default)]
struct Flow {
    /// Registered descriptors of the client and of the backend.
    ends: [Option<u32>; 2],
    directions: [Direction; 2],
    is_connected: bool,
    is_ending: bool,
    /// Requests that have not completed.
    pending: u32,
}

struct Worker {
    ring: IoUring,
    listener: OwnedFd,
    backend: SocketAddr,
    /// The same as the kernel reads it, in a place of its own.
    backend_for_kernel: Box<SocketAddrAny>,
    buffers: Buffers,
    flows: Vec<Flow>,
    free: Vec<usize>,
    backlog: VecDeque<squeue::Entry>,
}

impl Worker {
    fn new(address: SocketAddr, backend: SocketAddr) -> Result<Self> {
        let ring = IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(ENTRIES)
            .map_err(errno)?;
        ring.submitter()
            .register_files_sparse(DESCRIPTORS)
            .map_err(errno)?;
        Ok(Self {
            buffers: Buffers::new(&ring)?,
            ring,
            listener: listen_on(address)?,
            backend,
            backend_for_kernel: Box::new(backend.into()),
            flows: Vec::new(),
            free: Vec::new(),
            backlog: VecDeque::new(),
        })
    }

    fn run(&mut self) -> Result<()> {
        self.accept();
        let mut done = Vec::with_capacity(COMPLETIONS as usize);
        loop {
            self.flush();
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(errno(error)),
            }
            done.extend(
                self.ring
                    .completion()
                    .map(|it| (it.user_data(), it.result(), it.flags())),
            );
            for (data, result, flags) in done.drain(..) {
                self.complete(data, result, flags);
            }
        }
    }

    /// Moves requests that found the queue full.
    fn flush(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.try_push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    fn push(&mut self, entry: squeue::Entry) {
        if !self.backlog.is_empty() || !self.try_push(&entry) {
            self.backlog.push_back(entry);
        }
    }

    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: what an entry points to (buffers, the backend's address) lives as long as this worker, and a buffer is
        // not given back before its send has completed.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    fn accept(&mut self) {
        let accept = opcode::AcceptMulti::new(Fd(self.listener.as_raw_fd()))
            .allocate_file_index(true)
            .build();
        self.push(accept.user_data(tag(Work::Accept, 0, 0)));
    }

    fn complete(&mut self, data: u64, result: i32, flags: u32) {
        let (work, index, from) = untag(data);
        match work {
            Work::Accept => {
                if !cqueue::more(flags) {
                    self.accept();
                }
                if let Ok(client) = u32::try_from(result) {
                    self.begin(client);
                }
                return;
            }
            Work::Other => {}
            Work::Socket => self.connect(index, result),
            Work::Connect => self.connected(index, result),
            Work::Receive => self.received(index, from, result, flags),
            Work::Send => self.sent(index, from, result),
        }
        if work != Work::Receive || !cqueue::more(flags) {
            self.flows[index].pending -= 1;
        }
        self.end_if_done(index);
    }

    /// Gives a request to the ring for a flow.
    fn ask(&mut self, index: usize, work: Work, from: usize, entry: squeue::Entry) {
        self.flows[index].pending += 1;
        self.push(entry.user_data(tag(work, index, from)));
    }

    fn begin(&mut self, client: u32) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.flows.push(Flow::default());
            self.flows.len() - 1
        });
        self.flows[index].ends[CLIENT] = Some(client);
        let family = match self.backend {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let kind = SocketType::STREAM.as_raw() as i32;
        let socket = opcode::Socket::new(i32::from(family.as_raw()), kind, 0)
            .file_index(Some(DestinationSlot::auto_target()))
            .build();
        self.ask(index, Work::Socket, BACKEND, socket);
        self.receive(index, CLIENT);
    }

    fn connect(&mut self, index: usize, result: i32) {
        let Ok(backend) = u32::try_from(result) else {
            self.end(index);
            return;
        };
        self.flows[index].ends[BACKEND] = Some(backend);
        let address = &self.backend_for_kernel;
        let connect =
            opcode::Connect::new(Fixed(backend), address.as_ptr().cast(), address.addr_len())
                .build();
        self.ask(index, Work::Connect, BACKEND, connect);
    }

    fn connected(&mut self, index: usize, result: i32) {
        if result < 0 {
            self.end(index);
            return;
        }
        self.flows[index].is_connected = true;
        self.receive(index, BACKEND);
        self.send(index, CLIENT);
    }

    fn receive(&mut self, index: usize, from: usize) {
        if let Some(source) = self.flows[index].ends[from] {
            let receive = opcode::RecvMulti::new(Fixed(source), GROUP).build();
            self.ask(index, Work::Receive, from, receive);
        }
    }

    fn received(&mut self, index: usize, from: usize, result: i32, flags: u32) {
        if let Some(buffer) = cqueue::buffer_select(flags) {
            match u32::try_from(result) {
                Ok(end @ 1..) => {
                    let piece = Piece {
                        buffer,
                        begin: 0,
                        end,
                    };
                    self.flows[index].directions[from].pieces.push_back(piece);
                    self.send(index, from);
                }
                _ => self.buffers.give_back(buffer),
            }
        }
        if cqueue::more(flags) {
            return;
        }
        let is_short_of_buffers = result == -Errno::NOBUFS.raw_os_error();
        if (result > 0 || is_short_of_buffers) && !self.flows[index].is_ending {
            self.receive(index, from);
        } else {
            self.flows[index].directions[from].has_ended = true;
        }
    }

    /// Sends the next piece, unless one is on its way.
    fn send(&mut self, index: usize, from: usize) {
        let flow = &mut self.flows[index];
        let direction = &mut flow.directions[from];
        let (Some(sink), Some(piece)) = (flow.ends[1 - from], direction.pieces.front().copied())
        else {
            return;
        };
        if direction.is_sending || !flow.is_connected {
            return;
        }
        direction.is_sending = true;
        // SAFETY: `begin` is within the buffer, whose bytes up to `end` the kernel has written.
        let bytes = unsafe { self.buffers.at(piece.buffer).add(piece.begin as usize) };
        let send = opcode::Send::new(Fixed(sink), bytes, piece.end - piece.begin).build();
        self.ask(index, Work::Send, from, send);
    }

    fn sent(&mut self, index: usize, from: usize, result: i32) {
        let direction = &mut self.flows[index].directions[from];
        direction.is_sending = false;
        let Ok(count) = u32::try_from(result) else {
            direction.has_ended = true;
            self.end(index);
            return;
        };
        if let Some(piece) = direction.pieces.front_mut() {
            piece.begin += count;
            if piece.begin == piece.end {
                let buffer = piece.buffer;
                direction.pieces.pop_front();
                self.buffers.give_back(buffer);
            }
        }
        self.send(index, from);
    }

    /// Ends the receives that still wait, once.
    fn end(&mut self, index: usize) {
        if std::mem::replace(&mut self.flows[index].is_ending, true) {
            return;
        }
        for end in self.flows[index].ends.into_iter().flatten() {
            let shutdown = opcode::Shutdown::new(Fixed(end), 2).build();
            self.ask(index, Work::Other, 0, shutdown);
        }
    }

    /// The end of one direction, once its bytes are gone, is the end of both.
    fn end_if_done(&mut self, index: usize) {
        let flow = &self.flows[index];
        let is_over = |direction: &Direction| direction.has_ended && direction.pieces.is_empty();
        if !flow.is_ending && flow.directions.iter().any(is_over) {
            self.end(index);
            return;
        }
        if !flow.is_ending || flow.pending > 0 {
            return;
        }
        let flow = std::mem::take(&mut self.flows[index]);
        for piece in flow.directions.iter().flat_map(|it| &it.pieces) {
            self.buffers.give_back(piece.buffer);
        }
        // Those that were closed for this flow must not be told of as those of the next one.
        for end in flow.ends.into_iter().flatten() {
            let close = opcode::Close::new(Fixed(end)).build();
            self.push(close.flags(squeue::Flags::SKIP_SUCCESS));
        }
        self.free.push(index);
    }
}

fn listen_on(address: SocketAddr) -> Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_was_written() {
        for work in WORKS {
            assert_eq!(untag(tag(work, 12_345, BACKEND)), (work, 12_345, BACKEND));
        }
    }
}
