//! Version 1, section 2.1: `PROXY TCP4 192.0.2.7 198.51.100.1 51234 8081` and a line end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Error;
use crate::header::{Addresses, Command, Header, Parsed, Version, canonical};
use crate::tlv::Tlvs;

/// The longest line that the specification allows, its end included, in bytes.
pub const MAX_LEN: usize = 107;
/// The shortest, `PROXY UNKNOWN` and its end.
pub(crate) const MIN_LEN: usize = 15;

const PREFIX: &[u8] = b"PROXY ";
const END: &[u8] = b"\r\n";

pub(crate) fn parse(received: &[u8]) -> Result<Parsed<'_>, Error> {
    let compared = received.len().min(PREFIX.len());
    if received.get(..compared) != PREFIX.get(..compared) {
        return Err(Error::NotProxy);
    }
    let within = received.get(..MAX_LEN).unwrap_or(received);
    let Some(end) = within.windows(END.len()).position(|pair| pair == END) else {
        return incomplete(within);
    };
    let line = within.get(PREFIX.len()..end).ok_or(Error::NotProxy)?;
    let line = str::from_utf8(line).map_err(|_| Error::BadAddress)?;
    Ok(Parsed::Header(Header {
        len: end + END.len(),
        version: Version::V1,
        command: Command::Proxy,
        addresses: addresses(line)?,
        tlvs: Tlvs::default(),
    }))
}

fn incomplete(received: &[u8]) -> Result<Parsed<'_>, Error> {
    if received.len() == MAX_LEN {
        return Err(Error::TooLong { max: MAX_LEN });
    }
    let missing = if received.ends_with(b"\r") { 1 } else { 2 };
    let need = (received.len() + missing).clamp(MIN_LEN, MAX_LEN);
    Ok(Parsed::Incomplete { need })
}

/// What stands between `PROXY ` and the line's end.
fn addresses(line: &str) -> Result<Addresses<'static>, Error> {
    let mut words = line.split(' ');
    let read: fn(&str) -> Option<IpAddr> = match words.next() {
        Some("TCP4") => |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        Some("TCP6") => |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        // Whatever follows is to be passed over.
        Some("UNKNOWN") => return Ok(Addresses::Unknown),
        _ => return Err(Error::BadFamily(0)),
    };
    let mut address = || words.next().and_then(read).ok_or(Error::BadAddress);
    let (source, destination) = (address()?, address()?);
    let mut port = || words.next().and_then(port).ok_or(Error::BadAddress);
    let (source_port, destination_port) = (port()?, port()?);
    match words.next() {
        Some(_) => Err(Error::BadAddress),
        None => Ok(Addresses::Tcp {
            source: canonical(source, source_port),
            destination: canonical(destination, destination_port),
        }),
    }
}

/// A port in its one proper form: digits only, and no zero in front.
fn port(text: &str) -> Option<u16> {
    let proper = text == "0" || text.starts_with(|first| matches!(first, '1'..='9'));
    proper.then(|| text.parse().ok())?
}
