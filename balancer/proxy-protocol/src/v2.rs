//! Version 2, section 2.2: a signature of 12 bytes, version and command, family and transport, a length; then that many
//! bytes of addresses and extra fields.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::crc32c::crc32c;
use crate::error::Error;
use crate::header::{Addresses, Command, Header, Parsed, Version, canonical};
use crate::tlv::{PREFIX_LEN, Tlvs, kind};

pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Up to and with the length.
pub(crate) const FIXED_LEN: usize = 16;
/// Two addresses and two ports.
pub(crate) const V4_LEN: usize = 12;
pub(crate) const V6_LEN: usize = 36;
const UNIX_PATH_LEN: usize = 108;

pub(crate) const VERSION: u8 = 0x20;
pub(crate) const LOCAL: u8 = 0;
pub(crate) const PROXY: u8 = 1;

pub(crate) const UNSPECIFIED: u8 = 0x00;
pub(crate) const TCP4: u8 = 0x11;
pub(crate) const TCP6: u8 = 0x21;
const UDP4: u8 = 0x12;
const UDP6: u8 = 0x22;
const UNIX_STREAM: u8 = 0x31;
const UNIX_DATAGRAM: u8 = 0x32;

pub(crate) fn parse(received: &[u8], max_len: usize) -> Result<Parsed<'_>, Error> {
    let compared = received.len().min(SIGNATURE.len());
    if received.get(..compared) != SIGNATURE.get(..compared) {
        return Err(Error::NotProxy);
    }
    let Some((&[.., version_command, family, high, low], _)) =
        received.split_first_chunk::<FIXED_LEN>()
    else {
        return Ok(Parsed::Incomplete { need: FIXED_LEN });
    };
    let command = command(version_command)?;
    let len = FIXED_LEN + usize::from(u16::from_be_bytes([high, low]));
    if len > max_len {
        return Err(Error::TooLong { max: max_len });
    }
    let Some(header) = received.get(..len) else {
        return Ok(Parsed::Incomplete { need: len });
    };
    let body = header.get(FIXED_LEN..).unwrap_or_default();
    let (addresses, tlvs) = match command {
        // The whole block is to be passed over, the family included.
        Command::Local => (Addresses::Unknown, Tlvs::default()),
        Command::Proxy => addresses(family, body)?,
    };
    verify(header, tlvs)?;
    Ok(Parsed::Header(Header {
        len,
        version: Version::V2,
        command,
        addresses,
        tlvs,
    }))
}

fn command(version_command: u8) -> Result<Command, Error> {
    if version_command & 0xf0 != VERSION {
        return Err(Error::BadVersion(version_command >> 4));
    }
    match version_command & 0x0f {
        LOCAL => Ok(Command::Local),
        PROXY => Ok(Command::Proxy),
        other => Err(Error::BadCommand(other)),
    }
}

/// The addresses at the front of `body`, and the extra fields behind them.
fn addresses(family: u8, body: &[u8]) -> Result<(Addresses<'_>, Tlvs<'_>), Error> {
    let (addresses, rest) = match family {
        TCP4 | TCP6 | UDP4 | UDP6 => {
            let read = if family >> 4 == TCP4 >> 4 { v4 } else { v6 };
            let (source, destination, rest) = read(body).ok_or(Error::BadAddress)?;
            let addresses = match family {
                TCP4 | TCP6 => Addresses::Tcp {
                    source,
                    destination,
                },
                _ => Addresses::Udp {
                    source,
                    destination,
                },
            };
            (addresses, rest)
        }
        UNIX_STREAM | UNIX_DATAGRAM => {
            let source = body.split_at_checked(UNIX_PATH_LEN);
            let (source, rest) = source.ok_or(Error::BadAddress)?;
            let destination = rest.split_at_checked(UNIX_PATH_LEN);
            let (destination, rest) = destination.ok_or(Error::BadAddress)?;
            let addresses = Addresses::Unix {
                source,
                destination,
            };
            (addresses, rest)
        }
        // Half told is not told. How long such addresses are nobody knows, so nor where extra fields would begin.
        _ if family >> 4 <= 3 && family & 0x0f == 0 || family >> 4 == 0 && family & 0x0f <= 2 => {
            return Ok((Addresses::Unknown, Tlvs::default()));
        }
        _ => return Err(Error::BadFamily(family)),
    };
    Ok((addresses, Tlvs::new(rest)?))
}

type Ends<'a> = (SocketAddr, SocketAddr, &'a [u8]);

fn v4(body: &[u8]) -> Option<Ends<'_>> {
    let (source, rest) = body.split_first_chunk::<4>()?;
    let (destination, rest) = rest.split_first_chunk::<4>()?;
    let (source_port, destination_port, rest) = ports(rest)?;
    let source = canonical(Ipv4Addr::from_octets(*source), source_port);
    let destination = canonical(Ipv4Addr::from_octets(*destination), destination_port);
    Some((source, destination, rest))
}

fn v6(body: &[u8]) -> Option<Ends<'_>> {
    let (source, rest) = body.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let (source_port, destination_port, rest) = ports(rest)?;
    let source = canonical(Ipv6Addr::from_octets(*source), source_port);
    let destination = canonical(Ipv6Addr::from_octets(*destination), destination_port);
    Some((source, destination, rest))
}

fn ports(body: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (source, rest) = body.split_first_chunk()?;
    let (destination, rest) = rest.split_first_chunk()?;
    let port = |bytes: &[u8; 2]| u16::from_be_bytes(*bytes);
    Some((port(source), port(destination), rest))
}

/// Compares every checksum that the header carries with that of its bytes, the checksum's own taken as zeros.
fn verify(header: &[u8], tlvs: Tlvs<'_>) -> Result<(), Error> {
    let mut at = header.len() - tlvs.len();
    for tlv in tlvs {
        let value = at + PREFIX_LEN;
        at = value + tlv.value.len();
        if tlv.kind != kind::CRC32C {
            continue;
        }
        let expected = <[u8; 4]>::try_from(tlv.value).map_err(|_| Error::BadTlv)?;
        let (before, after) = (header.get(..value), header.get(at..));
        let parts = [
            before.unwrap_or_default(),
            &[0; 4],
            after.unwrap_or_default(),
        ];
        if crc32c(&parts) != u32::from_be_bytes(expected) {
            return Err(Error::BadChecksum);
        }
    }
    Ok(())
}
