//! Writing headers.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::crc32c::crc32c;
use crate::tlv::{PREFIX_LEN, Tlv, kind};
use crate::v1::MAX_LEN;
use crate::v2::{
    FIXED_LEN, LOCAL, PROXY, SIGNATURE, TCP4, TCP6, UNSPECIFIED, V4_LEN, V6_LEN, VERSION,
};

/// A header ready to be sent, without a heap. It goes out before anything else, in one piece.
#[derive(Clone, Copy)]
pub struct Encoded {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Encoded {
    const EMPTY: Self = Self {
        bytes: [0; MAX_LEN],
        len: 0,
    };

    /// The bytes to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Appends. What does not fit is left out, which the longest header of each kind, part of the tests, rules out.
    fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..self.len + bytes.len());
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn push_text(&mut self, text: std::fmt::Arguments<'_>) {
        let mut room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let before = room.len();
        // Fails only where there is no room.
        let _ = room.write_fmt(text);
        self.len += before - room.len();
    }
}

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encoded({})", self.as_bytes().escape_ascii())
    }
}

/// Both ends in one family: IPv4 where both are, or else both as IPv6.
enum Pair {
    V4([[u8; 4]; 2]),
    V6([[u8; 16]; 2]),
}

impl Pair {
    fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        let v6 = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        match (source.ip().to_canonical(), destination.ip().to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Self::V4([source.octets(), destination.octets()])
            }
            (source, destination) => Self::V6([v6(source).octets(), v6(destination).octets()]),
        }
    }

    fn family(&self) -> u8 {
        match self {
            Self::V4(_) => TCP4,
            Self::V6(_) => TCP6,
        }
    }

    /// Addresses and ports of version 2, in bytes.
    fn len(&self) -> u16 {
        let len = match self {
            Self::V4(_) => V4_LEN,
            Self::V6(_) => V6_LEN,
        };
        u16::try_from(len).unwrap_or(u16::MAX)
    }

    fn octets(&self) -> [&[u8]; 2] {
        match self {
            Self::V4([source, destination]) => [source, destination],
            Self::V6([source, destination]) => [source, destination],
        }
    }
}

/// Version 1 for a TCP connection from `source` to `destination`. IPv4 inside IPv6 is written as IPv4, unless the other
/// end is IPv6 only.
#[must_use]
pub fn encode_v1(source: SocketAddr, destination: SocketAddr) -> Encoded {
    let mut line = Encoded::EMPTY;
    let ports = format_args!("{} {}", source.port(), destination.port());
    match Pair::new(source, destination) {
        Pair::V4([from, to]) => {
            let (from, to) = (IpAddr::from(from), IpAddr::from(to));
            line.push_text(format_args!("PROXY TCP4 {from} {to} {ports}\r\n"));
        }
        Pair::V6([from, to]) => {
            let (from, to) = (IpAddr::from(from), IpAddr::from(to));
            line.push_text(format_args!("PROXY TCP6 {from} {to} {ports}\r\n"));
        }
    }
    line
}

/// Version 1 for a connection whose ends are not told; the nearest it has to [`encode_v2_local`]. Some servers refuse it.
#[must_use]
pub fn encode_v1_unknown() -> Encoded {
    let mut line = Encoded::EMPTY;
    line.push(b"PROXY UNKNOWN\r\n");
    line
}

/// Version 2 for a TCP connection from `source` to `destination`, 28 or 52 bytes.
#[must_use]
pub fn encode_v2(source: SocketAddr, destination: SocketAddr) -> Encoded {
    let pair = Pair::new(source, destination);
    let mut header = fixed(PROXY, pair.family(), pair.len());
    for octets in pair.octets() {
        header.push(octets);
    }
    header.push(&source.port().to_be_bytes());
    header.push(&destination.port().to_be_bytes());
    header
}

/// Version 2 for a connection that stands for nobody else, such as a health check: 16 bytes.
#[must_use]
pub fn encode_v2_local() -> Encoded {
    fixed(LOCAL, UNSPECIFIED, 0)
}

fn fixed(command: u8, family: u8, len: u16) -> Encoded {
    let mut header = Encoded::EMPTY;
    header.push(&SIGNATURE);
    header.push(&[VERSION | command, family]);
    header.push(&len.to_be_bytes());
    header
}

/// Whether a header carries its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// It ends in one.
    Crc32c,
    /// It has none.
    None,
}

/// As [`encode_v2`] with extra fields, of which none may be a [`kind::CRC32C`]. `None` where they do not fit into the
/// 65,535 bytes that a header can announce. Mind that receivers often take far less, see [`crate::DEFAULT_MAX_LEN`].
#[must_use]
pub fn encode_v2_with_tlvs(
    source: SocketAddr,
    destination: SocketAddr,
    tlvs: &[Tlv<'_>],
    checksum: Checksum,
) -> Option<Vec<u8>> {
    let mut header = encode_v2(source, destination).as_bytes().to_vec();
    for tlv in tlvs {
        push_tlv(&mut header, tlv)?;
    }
    let with_checksum = checksum == Checksum::Crc32c;
    if with_checksum {
        let value = &[0; 4];
        let kind = kind::CRC32C;
        push_tlv(&mut header, &Tlv { kind, value })?;
    }
    let len = u16::try_from(header.len() - FIXED_LEN).ok()?;
    header
        .get_mut(FIXED_LEN - 2..FIXED_LEN)?
        .copy_from_slice(&len.to_be_bytes());
    if with_checksum {
        let value = crc32c(&[&header]).to_be_bytes();
        header.last_chunk_mut()?.clone_from(&value);
    }
    Some(header)
}

fn push_tlv(header: &mut Vec<u8>, tlv: &Tlv<'_>) -> Option<()> {
    let len = u16::try_from(tlv.value.len()).ok()?;
    header.reserve(PREFIX_LEN + tlv.value.len());
    header.push(tlv.kind);
    header.extend_from_slice(&len.to_be_bytes());
    header.extend_from_slice(tlv.value);
    Some(())
}
