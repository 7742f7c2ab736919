//! How a machine that has vanished is noticed: one that crashed, or behind a network that drops everything.
//!
//! On a silent connection the system sends keepalive probes. While bytes are in flight it sends none, and retransmits
//! for a quarter of an hour before it gives up; so a session that has been silent for long asks how long ago the peer
//! acknowledged anything. `TCP_USER_TIMEOUT` would be shorter to write, but it also ends the connection to a peer that
//! is alive and merely does not read, for which `idle_timeout` is the limit.
//!
//! Does not own what follows from a loss: the session decides that.

use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::socket_options::{InFlight, in_flight};

/// Silence after which the system asks a peer's machine whether it is still there.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Between two such probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Probes without an answer after which the peer is lost.
const KEEPALIVE_PROBES: u32 = 3;

/// A peer that has acknowledged nothing for this long, although something is in flight, is lost: as long as keepalive
/// takes.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(60);
/// Window probes in a row without an answer after which a peer that had no room is lost.
const WINDOW_PROBES: u8 = 3;

/// The age at which a session turns keepalive on for its backend. Most sessions are over by then, and never pay for it.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// Between two looks at a session that lives on.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);

/// The keepalive settings of every connection.
pub(crate) fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES)
}

/// Turns keepalive on. If the system refuses, the connection merely has none.
pub(crate) fn keep_alive(socket: impl AsFd) {
    let _ = SockRef::from(&socket.as_fd()).set_tcp_keepalive(&keepalive());
}

/// Whether the peer of a connection on which nothing has moved for [`LOST_AFTER`] is gone.
pub(crate) fn is_lost(socket: impl AsFd) -> bool {
    in_flight(socket).is_ok_and(judge)
}

fn judge(flight: InFlight) -> bool {
    let waits = flight.unacknowledged > 0 || flight.window_probes >= WINDOW_PROBES;
    waits && flight.since_acknowledged >= LOST_AFTER
}

/// When a session looks after its connections; from its age and what it has looked at. Plain code.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looks(u32);

impl Looks {
    /// The age of the session at the next look.
    pub(crate) fn due(self) -> Duration {
        match self.0 {
            0 => FIRST_LOOK,
            number => LOOK_INTERVAL * number,
        }
    }

    /// Whether none has been taken.
    pub(crate) fn is_first(self) -> bool {
        self.0 == 0
    }

    /// A look was taken at this age.
    pub(crate) fn taken(&mut self, age: Duration) {
        let number = age.as_secs() / LOOK_INTERVAL.as_secs() + 1;
        self.0 = u32::try_from(number).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_a_peer_that_owes_an_acknowledgement_for_long_is_lost() {
        let flight = |unacknowledged, window_probes, seconds| InFlight {
            unacknowledged,
            window_probes,
            since_acknowledged: SECOND * seconds,
        };
        assert!(judge(flight(1, 0, 60)));
        assert!(judge(flight(0, 3, 60)));
        // A silent connection: keepalive is there for it.
        assert!(!judge(flight(0, 0, 9999)));
        // A peer that is alive and does not read answers each window probe.
        assert!(!judge(flight(0, 1, 119)));
        assert!(!judge(flight(9, 9, 59)));
    }

    #[test]
    fn looks_are_taken_at_a_second_and_seldom_afterwards() {
        let mut looks = Looks::default();
        assert!(looks.is_first());
        assert_eq!(looks.due(), SECOND);
        looks.taken(SECOND);
        assert!(!looks.is_first());
        assert_eq!(looks.due(), LOOK_INTERVAL);
        looks.taken(LOOK_INTERVAL);
        assert_eq!(looks.due(), 2 * LOOK_INTERVAL);
        // One that comes late does not bring the missed ones after it.
        looks.taken(100 * LOOK_INTERVAL + SECOND);
        assert_eq!(looks.due(), 101 * LOOK_INTERVAL);
    }

    #[test]
    fn a_connection_that_is_in_order_is_not_lost_and_can_be_kept_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _far = listener.accept().unwrap();
        assert!(!is_lost(&near));
        keep_alive(&near);
        let socket = SockRef::from(&near);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
    }
}
