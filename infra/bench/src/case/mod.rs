//! The pieces of work that every peer gets.

pub mod archive;
mod bulk;
pub mod download;
pub mod http;
mod idle;
pub mod integrity;
pub mod query;
mod requests;
mod round;
pub mod services;
pub mod tls;
mod trickle;
pub mod unpack;

use clap::ValueEnum;

use crate::failure::Outcome;
use crate::host::Host;
use crate::peer::Peer;
use crate::tool::{Tool, need};
pub use round::{Effort, ONLY_PART, Parts};

/// A case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Case {
    /// 1 flow of bytes, up and down (iperf3)
    Bulk1,
    /// 8 flows of bytes at a time, up and down (iperf3)
    Bulk8,
    /// A new connection for every request, 64 at a time (wrk)
    Connect,
    /// Requests over 1 kept connection (wrk)
    Request1,
    /// Requests over 64 kept connections (wrk)
    Request64,
    /// 4,000 open connections without traffic
    Idle,
    /// 1,000 flows that send a few bytes now and then
    Trickle,
    /// Random flows both ways with stalls and half-closes; every byte is checked
    Integrity,
}

impl Case {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::Bulk1,
        Self::Bulk8,
        Self::Connect,
        Self::Request1,
        Self::Request64,
        Self::Idle,
        Self::Trickle,
        Self::Integrity,
    ];

    /// Its name on the command line and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bulk1 => "bulk1",
            Self::Bulk8 => "bulk8",
            Self::Connect => "connect",
            Self::Request1 => "request1",
            Self::Request64 => "request64",
            Self::Idle => "idle",
            Self::Trickle => "trickle",
            Self::Integrity => "integrity",
        }
    }

    /// What it does, in a line.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Bulk1 => "1 flow (iperf3)",
            Self::Bulk8 => "8 flows (iperf3)",
            Self::Connect => "a new connection for every request, 64 at a time (wrk)",
            Self::Request1 => "requests over 1 kept connection (wrk)",
            Self::Request64 => "requests over 64 kept connections (wrk)",
            Self::Idle => "4,000 open connections without traffic",
            Self::Trickle => "1,000 flows of up to 64 bytes ten times a second, echoed",
            Self::Integrity => {
                "random flows both ways with stalls and half-closes, every byte checked"
            }
        }
    }

    /// What it counts.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Bulk1 | Self::Bulk8 => "byte",
            Self::Connect | Self::Idle => "connection",
            Self::Request1 | Self::Request64 => "request",
            Self::Trickle => "message",
            Self::Integrity => "flow",
        }
    }

    /// Its parts, each with a load and a table of its own.
    #[must_use]
    pub fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Bulk1 | Self::Bulk8 => &bulk::PARTS,
            _ => &[ONLY_PART],
        }
    }

    /// Why no peer can do it here; `None` where they can.
    #[must_use]
    pub fn missing(self, host: &Host) -> Option<String> {
        let tools = &host.tools;
        let absent = |tool: Option<&Tool>, name| need(tool, name).err().map(|f| f.to_string());
        match self {
            Self::Bulk1 | Self::Bulk8 => absent(tools.iperf3.as_ref(), "iperf3"),
            Self::Connect | Self::Request1 | Self::Request64 => absent(tools.wrk.as_ref(), "wrk"),
            Self::Idle | Self::Trickle | Self::Integrity => None,
        }
    }

    /// Whether it is about right bytes rather than speed: then it needs one round, and only of our balancer, where
    /// nobody says otherwise.
    #[must_use]
    pub fn is_a_check(self) -> bool {
        self == Self::Integrity
    }

    /// Why `peer` is not asked to do it; `None` where it is.
    #[must_use]
    pub fn unsuited(self, peer: Peer) -> Option<&'static str> {
        match (self, peer) {
            (Self::Integrity, Peer::Floor | Peer::Uring) => {
                Some("it ends both directions with either, so it hands on no half-close")
            }
            (Self::Bulk1 | Self::Bulk8, Peer::Uring) => {
                Some("its flows share their buffers, and one that is slow takes them all")
            }
            _ => None,
        }
    }

    /// Does one round with one peer.
    ///
    /// # Errors
    /// Where the peer or the load fails: then there is no figure at all.
    pub async fn run(self, host: &Host, peer: Peer, effort: Effort) -> Outcome<Parts> {
        match self {
            Self::Bulk1 => bulk::run(host, peer, effort, 1).await,
            Self::Bulk8 => bulk::run(host, peer, effort, 8).await,
            Self::Connect => requests::run(host, peer, effort, requests::CONNECT).await,
            Self::Request1 => requests::run(host, peer, effort, requests::KEPT_1).await,
            Self::Request64 => requests::run(host, peer, effort, requests::KEPT_64).await,
            Self::Idle => idle::run(host, peer, effort).await,
            Self::Trickle => trickle::run(host, peer, effort).await,
            Self::Integrity => integrity::run(host, peer, effort).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Case::value_variants(), Case::ALL);
        for case in Case::ALL {
            assert_eq!(case.to_possible_value().unwrap().get_name(), case.name());
        }
    }
}
