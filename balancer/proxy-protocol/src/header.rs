//! What a header says.

use std::net::{IpAddr, SocketAddr};

use crate::tlv::Tlvs;

/// What [`crate::parse`] made of the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Right so far, but not all of it.
    Incomplete {
        /// No header that begins like this is shorter, in bytes, those at hand included. Reading up to here takes
        /// nothing from the session behind the header. Always more than the bytes at hand.
        need: usize,
    },
    /// All of it.
    Header(Header<'a>),
}

/// A complete header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its length in bytes: where the session begins.
    pub len: usize,
    /// In which form it came.
    pub version: Version,
    /// For whom the connection was made.
    pub command: Command,
    /// The ends of the connection that it stands for.
    pub addresses: Addresses<'a>,
    /// Extra fields; none in version 1, with [`Command::Local`] and with [`Addresses::Unknown`].
    pub tlvs: Tlvs<'a>,
}

impl Header<'_> {
    /// Where the client connected from. `None` where the header does not say: then the connection's own address is
    /// the one to go by. An IPv4 address inside an IPv6 one comes out as IPv4.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        match self.addresses {
            Addresses::Tcp { source, .. } | Addresses::Udp { source, .. } => Some(source),
            Addresses::Unix { .. } | Addresses::Unknown => None,
        }
    }

    /// Where the client connected to, with the same exceptions.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.addresses {
            Addresses::Tcp { destination, .. } | Addresses::Udp { destination, .. } => {
                Some(destination)
            }
            Addresses::Unix { .. } | Addresses::Unknown => None,
        }
    }
}

/// The form of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// For whom a connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// For the proxy itself, as a health check is. Version 1 cannot say this.
    Local,
    /// For a client.
    Proxy,
}

/// The two ends of a connection, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses<'a> {
    /// TCP over IPv4 or IPv6.
    Tcp {
        /// The client.
        source: SocketAddr,
        /// What it connected to.
        destination: SocketAddr,
    },
    /// UDP over IPv4 or IPv6.
    Udp {
        /// The client.
        source: SocketAddr,
        /// What it sent to.
        destination: SocketAddr,
    },
    /// Unix sockets, by their paths as they came: 108 bytes, padded with zeros. A zero in front is an abstract name.
    Unix {
        /// The client.
        source: &'a [u8],
        /// What it connected to.
        destination: &'a [u8],
    },
    /// Not told.
    Unknown,
}

/// The address without a detour through IPv6.
pub(crate) fn canonical(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into().to_canonical(), port)
}
