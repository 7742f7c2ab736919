//! How a session ended, as a two-letter code like HAProxy's.
//!
//! The letters are those of the section "Session state at disconnection" of HAProxy's configuration manual, so that
//! people and tools that read its logs can read these. This table is the only place that defines them:
//!
//! | code | meaning |
//! | --- | --- |
//! | `--` | both sides closed, everything was delivered |
//! | `PR` | refused: the client's address is on the deny list, or not on the allow list |
//! | `RR` | refused: the listener had reached its connection limit, or that of TLS handshakes at a time |
//! | `PC` | refused: the client's address had reached its connection limit |
//! | `PT` | refused: the client's address exceeded its rate of new connections |
//! | `RT` | refused: all clients together exceeded the rate of new connections |
//! | `PH` | refused: the connection did not begin with a valid PROXY protocol header |
//! | `PQ` | refused: by a rule, or because no rule is about this client and its service has no pool for the others |
//! | `PD` | refused: a rule asks what its TLS hello says, but its first bytes are no valid one, or too long; or TLS ends here, and client and balancer did not agree on it |
//! | `CH` | the client disconnected before its first bytes told which pool it is for, or before the TLS handshake was complete |
//! | `cH` | the TLS hello by which its pool is chosen, or the TLS handshake, was not complete in time |
//! | `CR` | the client disconnected before its PROXY protocol header was complete |
//! | `cR` | the PROXY protocol header was not complete in time |
//! | `CQ` | the client disconnected while it waited in the queue |
//! | `SQ` | every backend was full, and so was the queue |
//! | `sQ` | every backend was full, and the client reached the queue timeout |
//! | `KQ` | closed by the balancer at the drain deadline while waiting in the queue |
//! | `CC` | the client reset the connection before a backend was connected |
//! | `CD` | the client reset the connection while bytes were relayed |
//! | `CL` | the same, after the backend had closed: only the last bytes or the client's own close were missing |
//! | `SC` | no backend was up, or none of those tried accepted the connection |
//! | `SD` | the backend reset the connection while bytes were relayed |
//! | `cD` | idle timeout, waiting for the client to send or to receive data; or the client vanished: nothing answers there |
//! | `cL` | the same, after the backend had closed: the client did not close in time |
//! | `sC` | no backend accepted the connection, and the last one tried did not answer in time |
//! | `sD` | idle timeout, waiting for the backend; or the backend vanished: nothing answers there |
//! | `RC` | the balancer had no file descriptor, local port or memory left for a connection to a backend |
//! | `KC` | closed by the balancer at the drain deadline before a backend was connected |
//! | `KD` | closed by the balancer at the drain deadline while bytes were relayed |
//! | `KT` | closed by the balancer because the session reached its longest life |
//! | `IC` | internal error of the balancer before a backend was connected |
//! | `ID` | internal error of the balancer while bytes were relayed |
//!
//! First letter: `C`/`S` the client or server ended it, `c`/`s` their timeout did, `P` the balancer refused it, `R` a
//! resource ran out, `I` an internal fault, `D` the server was found dead, `U` a better server came up, `K` killed on
//! purpose. Second: before the client was let in (`R`), its first bytes (`H`), in the queue (`Q`), connecting (`C`), relaying data (`D`), the
//! last data (`L`), done (`-`); `T` in `KT` is the time that is over. HAProxy refuses most connections without a line, so that it has no codes for all of
//! ours: among the refusals `P` is about the client itself and `R` about all clients, with `C` for too many connections
//! (as in its `PC`), `T` for too many in time (its `PT` is a tarpit) and `H` for the header; `RR` is the listener's.

use std::io;

use crate::core::connect_failure::ConnectFailure;
use crate::core::relay_end::End;
use crate::core::side::Side;

macro_rules! table {
    ($(#[doc = $meaning:literal] $name:ident = $code:literal,)*) => {
        /// How a session ended; see the table of the module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Termination {
            $(#[doc = $meaning] $name,)*
        }

        impl Termination {
            /// Every code, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The two-letter code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What it means, in a few words that begin with a capital letter.
            pub(crate) fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning.trim().trim_end_matches('.'),)*
                }
            }
        }
    };
}

table! {
    /// Both sides closed.
    Normal = "--",
    /// Refused by the lists.
    Denied = "PR",
    /// Refused: listener full.
    ListenerFull = "RR",
    /// Refused: too many connections of the address.
    AddressFull = "PC",
    /// Refused: too many new connections of the address.
    AddressRate = "PT",
    /// Refused: too many new connections of all.
    Rate = "RT",
    /// Refused: no valid PROXY header.
    BadHeader = "PH",
    /// Refused by the rules.
    NoRoute = "PQ",
    /// Refused: no TLS hello, or no agreement on TLS.
    BadOpening = "PD",
    /// Client gone within its first bytes.
    ClientOpening = "CH",
    /// First bytes late.
    ClientTimeoutOpening = "cH",
    /// Client gone within its PROXY header.
    ClientHeader = "CR",
    /// PROXY header late.
    ClientTimeoutHeader = "cR",
    /// Client gone in the queue.
    ClientQueue = "CQ",
    /// Queue full.
    QueueFull = "SQ",
    /// Too long in the queue.
    QueueTimeout = "sQ",
    /// Drain deadline in the queue.
    KilledQueue = "KQ",
    /// Client gone before a backend was connected.
    ClientConnect = "CC",
    /// Client reset during the relay.
    ClientData = "CD",
    /// Client reset after the backend had ended.
    ClientLast = "CL",
    /// No backend took it.
    ServerConnect = "SC",
    /// Backend reset during the relay.
    ServerData = "SD",
    /// Client idle.
    ClientTimeoutData = "cD",
    /// Client idle after the backend had ended.
    ClientTimeoutLast = "cL",
    /// The last backend tried did not answer.
    ServerTimeoutConnect = "sC",
    /// Backend idle.
    ServerTimeoutData = "sD",
    /// Out of descriptors, ports or memory.
    ResourceConnect = "RC",
    /// Drain deadline while connecting.
    KilledConnect = "KC",
    /// Drain deadline during the relay.
    KilledData = "KD",
    /// Too old.
    TooOld = "KT",
    /// Internal fault while connecting.
    InternalConnect = "IC",
    /// Internal fault during the relay.
    InternalData = "ID",
}

impl Termination {
    /// The position in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Whether the backend failed after it had accepted the session.
    #[must_use]
    pub fn is_backend_error(self) -> bool {
        matches!(self, Self::ServerData | Self::ServerTimeoutData)
    }

    /// Whether the client was refused by a limit, a list or a bad header, before a backend was picked.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::ListenerFull
                | Self::AddressFull
                | Self::AddressRate
                | Self::Rate
                | Self::BadHeader
        )
    }

    /// The end of a session for which no backend is left to try; `last` is the failure of the last one tried.
    pub(crate) fn of_connect(last: Option<ConnectFailure>) -> Self {
        match last {
            Some(failure) if failure.side() == Side::Internal => Self::ResourceConnect,
            Some(ConnectFailure::TimedOut) => Self::ServerTimeoutConnect,
            _ => Self::ServerConnect,
        }
    }

    /// The end of a session that was relayed.
    pub(crate) fn of_relay(end: End) -> Self {
        match end {
            End::Closed | End::Left { .. } => Self::Normal,
            End::Lost { side, last, error } if is_silence(error) => Self::of_timeout(side, last),
            End::Idle { side, last, .. } => Self::of_timeout(side, last),
            End::Lost {
                side: Side::Client,
                last: true,
                ..
            } => Self::ClientLast,
            End::Lost {
                side: Side::Client, ..
            } => Self::ClientData,
            End::Lost {
                side: Side::Backend,
                ..
            } => Self::ServerData,
            End::Lost {
                side: Side::Internal,
                ..
            } => Self::InternalData,
        }
    }

    /// The end of a session of which one side was silent for too long.
    fn of_timeout(side: Side, last: bool) -> Self {
        match side {
            Side::Client if last => Self::ClientTimeoutLast,
            Side::Client => Self::ClientTimeoutData,
            Side::Backend => Self::ServerTimeoutData,
            Side::Internal => Self::InternalData,
        }
    }
}

/// Whether the system gave a connection up because nobody answered. On a network of its own a machine that is gone is
/// unreachable, beyond a router it is silent.
fn is_silence(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_documented_table_is_the_code() {
        let documented: Vec<&str> = include_str!("termination.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
            .collect();
        let mut codes: Vec<&str> = Termination::ALL.iter().map(|end| end.code()).collect();
        let distinct: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(distinct.len(), codes.len());
        codes.sort_unstable();
        let mut sorted = documented;
        sorted.sort_unstable();
        assert_eq!(sorted, codes);
    }

    #[test]
    fn only_haproxys_letters_are_used() {
        for (position, end) in Termination::ALL.iter().enumerate() {
            let [first, second] = end.code().as_bytes() else {
                panic!("{end:?}")
            };
            assert!(
                b"CSPRLIDUKcs-".contains(first) && b"RQCHTDL-".contains(second),
                "{end:?}"
            );
            assert_eq!(end.index(), position);
        }
    }

    #[test]
    fn connect_failures() {
        let cases = [
            (None, "SC"),
            (Some(ConnectFailure::Refused), "SC"),
            (Some(ConnectFailure::Unreachable), "SC"),
            (Some(ConnectFailure::TimedOut), "sC"),
            (Some(ConnectFailure::NoDescriptor), "RC"),
            (Some(ConnectFailure::NoLocalPort), "RC"),
            (Some(ConnectFailure::NoMemory), "RC"),
        ];
        for (last, code) in cases {
            assert_eq!(Termination::of_connect(last).code(), code, "{last:?}");
        }
    }

    #[test]
    fn relay_ends() {
        let lost = |side, last| End::Lost {
            side,
            last,
            error: io::ErrorKind::ConnectionReset,
        };
        let vanished = |side, last| End::Lost {
            side,
            last,
            error: io::ErrorKind::TimedOut,
        };
        let idle = |side, last| End::Idle {
            side,
            last,
            owing: false,
        };
        let cases = [
            (End::Closed, "--"),
            (lost(Side::Client, false), "CD"),
            (lost(Side::Client, true), "CL"),
            (lost(Side::Backend, false), "SD"),
            (idle(Side::Client, false), "cD"),
            (idle(Side::Client, true), "cL"),
            (idle(Side::Backend, false), "sD"),
            (vanished(Side::Client, false), "cD"),
            (vanished(Side::Client, true), "cL"),
            (vanished(Side::Backend, false), "sD"),
        ];
        for (end, code) in cases {
            assert_eq!(Termination::of_relay(end).code(), code, "{end:?}");
        }
    }
}
