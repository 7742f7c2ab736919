//! Options of TCP sockets that no safe interface offers. See tcp(7).

#![expect(unsafe_code, reason = "neither rustix nor socket2 knows these options")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

/// Bytes of a client that may wait with its first packet, over all clients: the queue of TCP fast open.
const FAST_OPEN_QUEUE: libc::c_int = 4096;
/// Seconds for which the system waits for a client's first byte before it hands the connection over all the same.
const DEFER_ACCEPT: libc::c_int = 1;

/// Has the system hand a connection over only when the client has sent something.
pub(crate) fn set_defer_accept(listener: impl AsFd, on: bool) -> io::Result<()> {
    set(
        listener,
        libc::TCP_DEFER_ACCEPT,
        if on { DEFER_ACCEPT } else { 0 },
    )
}

/// Takes a client's first bytes with its first packet, where the client has been here before.
pub(crate) fn set_fast_open_listen(listener: impl AsFd, on: bool) -> io::Result<()> {
    set(
        listener,
        libc::TCP_FASTOPEN,
        if on { FAST_OPEN_QUEUE } else { 0 },
    )
}

/// Sends the first bytes with the first packet, where this peer has been connected to before.
pub(crate) fn set_fast_open_connect(socket: impl AsFd) -> io::Result<()> {
    set(socket, libc::TCP_FASTOPEN_CONNECT, 1)
}

/// Has a bind to an address leave the choice of the port to the connect.
pub(crate) fn set_bind_address_no_port(socket: impl AsFd) -> io::Result<()> {
    set_at(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// What a connection waits for its peer to acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight {
    /// Segments that were sent and not acknowledged.
    pub(crate) unacknowledged: u32,
    /// Probes of a closed window, or of a silent connection, that were not answered.
    pub(crate) window_probes: u8,
    /// Since the peer acknowledged anything.
    pub(crate) since_acknowledged: Duration,
}

/// Asks the system for it.
pub(crate) fn in_flight(socket: impl AsFd) -> io::Result<InFlight> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    // SAFETY: there is room for its size behind the pointer.
    unsafe {
        tcp_info(
            socket,
            info.as_mut_ptr().cast(),
            size_of::<libc::tcp_info>(),
        )
    }?;
    // SAFETY: all its fields are integers, for which the zeros that it was filled with are values.
    let info = unsafe { info.assume_init() };
    Ok(InFlight {
        unacknowledged: info.tcpi_unacked,
        window_probes: info.tcpi_probes,
        since_acknowledged: Duration::from_millis(info.tcpi_last_ack_recv.into()),
    })
}

/// The shortest round trip to the peer that was measured so far; zero where none was. Linux 4.6.
pub(crate) fn shortest_round_trip(socket: impl AsFd) -> io::Result<Duration> {
    /// The place of `tcpi_min_rtt` in `struct tcp_info` of linux/tcp.h, in words. libc knows less of it.
    const PLACE: usize = 37;
    let mut info = [0_u32; PLACE + 1];
    // SAFETY: there is room for its size behind the pointer.
    unsafe { tcp_info(socket, info.as_mut_ptr().cast(), size_of_val(&info)) }?;
    Ok(Duration::from_micros(match info[PLACE] {
        // What the system says before it has measured any.
        u32::MAX => 0,
        micros => micros.into(),
    }))
}

/// The first `size` bytes of `TCP_INFO`, or as many as the system knows.
///
/// # Safety
/// `to` must be valid for writes of `size` bytes.
unsafe fn tcp_info(socket: impl AsFd, to: *mut libc::c_void, size: usize) -> io::Result<()> {
    let mut size = libc::socklen_t::try_from(size).unwrap_or_default();
    // SAFETY: the descriptor is open for the length of the call, which writes at most `size` bytes, for which the caller
    // vouches, and to `size` how many those were.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            to,
            &raw mut size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the peer send no more than about `window` bytes ahead, and no less: the receive buffer gets that size and keeps it.
///
/// Only a low-water mark makes the buffer larger than `net.core.rmem_max` without a privilege; it is taken back at once, and that
/// tells of bytes that have come meanwhile. The lock is that of Linux 5.15.
pub(crate) fn hold_receive_window(socket: impl AsFd, window: usize) -> io::Result<()> {
    /// `SO_BUF_LOCK` and `SOCK_RCVBUF_LOCK` of linux/socket.h.
    const BUFFER_LOCK: libc::c_int = 72;
    const RECEIVE: libc::c_int = 2;
    let window = libc::c_int::try_from(window).unwrap_or(libc::c_int::MAX);
    for (option, value) in [
        (libc::SO_RCVLOWAT, window),
        (libc::SO_RCVLOWAT, 1),
        (BUFFER_LOCK, RECEIVE),
    ] {
        set_at(&socket, libc::SOL_SOCKET, option, value)?;
    }
    Ok(())
}

fn set(socket: impl AsFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    set_at(socket, libc::IPPROTO_TCP, option, value)
}

fn set_at(
    socket: impl AsFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or_default();
    // SAFETY: the descriptor is open for the length of the call, and the option's value is an int that is only read.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
