//! How much a busy source near by may send ahead.
//!
//! The system lets the receive buffer of a fast connection grow to `net.ipv4.tcp_rmem`, 6 MiB and more. Where the peer is
//! microseconds away that is of no use: bytes that wait so long have left the processor's caches when they are relayed, and a
//! reader that stalls makes all of it full. A peer far away needs it and keeps it. Decision 352 has the figures.

use std::os::fd::AsFd;
use std::time::Duration;

use crate::data_path::socket_options::{hold_receive_window, shortest_round_trip};

/// What a source near by may have sent that is not relayed yet: a pipe full.
const WINDOW: usize = 1 << 20;
/// Within this time a window of that size is 30 Gbit/s.
const NEAR: Duration = Duration::from_micros(250);

/// Bounds the window of a source that has become busy, if it is near. Where the system cannot do that, the window grows as ever.
pub(super) fn bound(source: impl AsFd) {
    let near = shortest_round_trip(&source).is_ok_and(is_near);
    if near {
        let _ = hold_receive_window(&source, WINDOW);
    }
}

/// A time of 0 was not measured yet.
fn is_near(shortest: Duration) -> bool {
    !shortest.is_zero() && shortest <= NEAR
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use rustix::net::sockopt::socket_recv_buffer_size;

    use super::*;

    #[test]
    fn a_peer_far_away_keeps_its_window() {
        assert!(is_near(Duration::from_micros(40)));
        assert!(!is_near(Duration::from_millis(20)));
        assert!(!is_near(Duration::ZERO));
    }

    #[test]
    fn a_source_near_by_gets_no_more_than_the_bound_and_loses_nothing() {
        const SENT: usize = 64 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut source = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        // A round trip has to have been measured, as in a session that has become busy.
        source.write_all(b"?").unwrap();
        peer.read_exact(&mut [0]).unwrap();
        assert!(shortest_round_trip(&source).unwrap() > Duration::ZERO);
        hold_receive_window(&source, WINDOW).unwrap();
        let sender = std::thread::spawn(move || peer.write_all(&vec![7; SENT]).unwrap());
        let mut received = Vec::new();
        source.read_to_end(&mut received).unwrap();
        sender.join().unwrap();
        assert!(received.len() == SENT && received.iter().all(|&byte| byte == 7));
        let held = socket_recv_buffer_size(&source).unwrap();
        assert!((WINDOW..=4 * WINDOW).contains(&held), "{held}");
    }
}
