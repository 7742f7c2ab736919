//! How a machine that has vanished is noticed: one that crashed, or behind a network that drops everything.
//!
//! On a silent connection the system sends keepalive probes. While bytes are in flight it sends none, and retransmits
//! for a quarter of an hour before it gives up; so a session that has been silent for as long as keepalive takes asks how long
//! ago the peer acknowledged anything. `TCP_USER_TIMEOUT`, which can be set as well, also ends the connection to a peer that
//! is alive and merely does not read, for which the idle timeouts are the limit.
//!
//! Does not own what follows from a loss: the session decides that.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::socket_options::{InFlight, in_flight};
use crate::config::Keepalive;

/// Window probes in a row without an answer after which a peer that had no room is lost.
const WINDOW_PROBES: u8 = 3;

/// The age at which a session turns keepalive on for its backend. Most sessions are over by then, and never pay for it.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// The longest time between two looks at a session that lives on.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// How often a session is looked at, at least, in the time after which a peer is lost.
const LOOKS_UNTIL_LOST: u32 = 4;

/// Sets what is asked for on a connection, or on a listening socket, whose connections inherit it.
///
/// # Errors
/// The system refuses.
pub(crate) fn keep_alive(socket: impl AsFd, rules: &Keepalive) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    if rules.time.is_zero() {
        socket.set_keepalive(false)?;
    } else {
        let keepalive = TcpKeepalive::new()
            .with_time(rules.time)
            .with_interval(rules.interval)
            .with_retries(rules.probes);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    // Zero is the default of the system.
    socket.set_tcp_user_timeout(Some(rules.user_timeout))
}

/// Whether the peer of a connection is gone on which nothing has moved for `lost_after`.
pub(crate) fn is_lost(socket: impl AsFd, lost_after: Duration) -> bool {
    in_flight(socket).is_ok_and(|flight| judge(flight, lost_after))
}

fn judge(flight: InFlight, lost_after: Duration) -> bool {
    let waits = flight.unacknowledged > 0 || flight.window_probes >= WINDOW_PROBES;
    waits && flight.since_acknowledged >= lost_after
}

/// When a session looks after its connections; from its age and what it has looked at. Plain code.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looks {
    taken: u32,
    /// Between two, in milliseconds; known from the first one on.
    interval: u32,
}

impl Looks {
    /// The age of the session at the next look.
    pub(crate) fn due(self) -> Duration {
        match self.taken {
            0 => FIRST_LOOK,
            number => Duration::from_millis(u64::from(self.interval) * u64::from(number)),
        }
    }

    /// Whether none has been taken.
    pub(crate) fn is_first(self) -> bool {
        self.taken == 0
    }

    /// A look was taken at this age.
    pub(crate) fn taken(&mut self, age: Duration, rules: &Keepalive) {
        let often = rules
            .lost_after()
            .map_or(LOOK_INTERVAL, |time| time / LOOKS_UNTIL_LOST);
        let interval = often.clamp(FIRST_LOOK, LOOK_INTERVAL).as_millis();
        let number = age.as_millis() / interval + 1;
        self.taken = u32::try_from(number).unwrap_or(u32::MAX);
        self.interval = u32::try_from(interval).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn only_a_peer_that_owes_an_acknowledgement_for_long_is_lost() {
        let flight = |unacknowledged, window_probes, seconds| InFlight {
            unacknowledged,
            window_probes,
            since_acknowledged: SECOND * seconds,
        };
        assert!(judge(flight(1, 0, 60), MINUTE));
        assert!(judge(flight(0, 3, 60), MINUTE));
        // A silent connection: keepalive is there for it.
        assert!(!judge(flight(0, 0, 9999), MINUTE));
        // A peer that is alive and does not read answers each window probe.
        assert!(!judge(flight(0, 1, 119), MINUTE));
        assert!(!judge(flight(9, 9, 59), MINUTE));
    }

    #[test]
    fn looks_are_taken_at_a_second_and_seldom_afterwards() {
        let mut looks = Looks::default();
        assert!(looks.is_first());
        assert_eq!(looks.due(), SECOND);
        let rules = Keepalive::default();
        looks.taken(SECOND, &rules);
        assert!(!looks.is_first());
        assert_eq!(looks.due(), LOOK_INTERVAL);
        looks.taken(LOOK_INTERVAL, &rules);
        assert_eq!(looks.due(), 2 * LOOK_INTERVAL);
        // One that comes late does not bring the missed ones after it.
        looks.taken(100 * LOOK_INTERVAL + SECOND, &rules);
        assert_eq!(looks.due(), 101 * LOOK_INTERVAL);
        // Who is to be missed within seconds is looked for every second.
        let soon = Keepalive {
            time: SECOND,
            interval: SECOND,
            probes: 2,
            ..rules
        };
        looks.taken(9 * SECOND, &soon);
        assert_eq!(looks.due(), 10 * SECOND);
    }

    #[test]
    fn a_connection_that_is_in_order_is_not_lost_and_can_be_kept_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _far = listener.accept().unwrap();
        assert!(!is_lost(&near, MINUTE));
        let rules = Keepalive {
            user_timeout: 7 * SECOND,
            ..Keepalive::default()
        };
        keep_alive(&near, &rules).unwrap();
        let socket = SockRef::from(&near);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), rules.time);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), rules.interval);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), rules.probes);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(7 * SECOND));
        let none = Keepalive {
            time: Duration::ZERO,
            user_timeout: Duration::ZERO,
            ..rules
        };
        keep_alive(&near, &none).unwrap();
        assert!(!socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }
}
