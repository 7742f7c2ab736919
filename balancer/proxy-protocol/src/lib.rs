//! PROXY protocol, versions 1 and 2, for the balancer (both ends) and the file server (receiving); it lives beside the
//! balancer because that is the program that needs all of it.
//!
//! A proxy sends this header before the first byte of a connection, so that the server behind it learns the address of the
//! client. The format is that of "The PROXY protocol", sections 2.1 (version 1, a line of text) and 2.2 (version 2,
//! binary), as published with HAProxy (`doc/proxy-protocol.txt`). This crate parses bytes into a [`Header`] and encodes
//! addresses. It has no sockets and no clock: the caller decides whose headers to trust and how long to wait for one.
//!
//! **Whom to trust.** A header is a claim. Accept it only from listed networks, and require it from them: a peer that may
//! choose whether to send one can pretend to be anyone.
//!
//! # Reading
//!
//! Call [`parse`] with all bytes received so far. The bytes after [`Header::len`] belong to the session. A reader that must
//! not consume any of those either peeks, or never reads more than [`Parsed::Incomplete`] asks for.
//!
//! ```
//! use netsocket_proxy_protocol::{Parsed, parse};
//!
//! let received = b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 8081\r\nhello";
//! assert!(matches!(parse(&received[..20]), Ok(Parsed::Incomplete { .. })));
//! let Ok(Parsed::Header(header)) = parse(received) else {
//!     panic!("a complete header")
//! };
//! assert_eq!(header.source(), Some("192.0.2.7:51234".parse().unwrap()));
//! assert_eq!(&received[header.len..], b"hello");
//!
//! // A client that sends no header is recognised by its first byte that does not fit.
//! assert_eq!(parse(b"GET /").unwrap_err().label(), "not_proxy");
//! ```
//!
//! # Writing
//!
//! ```
//! use netsocket_proxy_protocol::{Parsed, encode_v1, encode_v2, encode_v2_local, parse};
//!
//! let client = "192.0.2.7:51234".parse().unwrap();
//! let listener = "198.51.100.1:8081".parse().unwrap();
//! assert_eq!(
//!     encode_v1(client, listener).as_bytes(),
//!     b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 8081\r\n",
//! );
//! // Version 2 takes 28 bytes. A health check sends the header of a connection without a client.
//! assert_eq!(encode_v2(client, listener).as_bytes().len(), 28);
//! let check = encode_v2_local();
//! let Ok(Parsed::Header(header)) = parse(check.as_bytes()) else {
//!     panic!("a complete header")
//! };
//! assert_eq!(header.source(), None);
//! ```

mod crc32c;
mod encode;
mod error;
mod header;
mod tlv;
mod v1;
mod v2;

pub use encode::{
    Checksum, Encoded, encode_v1, encode_v1_unknown, encode_v2, encode_v2_local,
    encode_v2_with_tlvs,
};
pub use error::Error;
pub use header::{Addresses, Command, Header, Parsed, Version};
pub use tlv::{Tlv, Tlvs, kind};
pub use v1::MAX_LEN as V1_MAX_LEN;

/// The longest header of version 2 that [`parse`] takes, in bytes: the fixed part of 16, and 16 KiB for addresses and
/// TLVs. A client's certificate with its chain gets there; HAProxy takes as much.
pub const DEFAULT_MAX_LEN: usize = 16 + (16 << 10);

/// Reads a header from the first bytes of a connection, of at most [`DEFAULT_MAX_LEN`] bytes.
///
/// # Errors
/// [`Error`]: these bytes are not a valid header, whatever follows.
pub fn parse(received: &[u8]) -> Result<Parsed<'_>, Error> {
    parse_within(received, DEFAULT_MAX_LEN)
}

/// Like [`parse`], with a limit in bytes for version 2, including the fixed part of 16. Version 1 has its own limit,
/// [`V1_MAX_LEN`].
///
/// # Errors
/// Like [`parse`].
pub fn parse_within(received: &[u8], max_len: usize) -> Result<Parsed<'_>, Error> {
    match received.first() {
        // The shortest possible header.
        None => Ok(Parsed::Incomplete { need: v1::MIN_LEN }),
        Some(b'P') => v1::parse(received),
        Some(b'\r') => v2::parse(received, max_len),
        Some(_) => Err(Error::NotProxy),
    }
}

#[cfg(test)]
mod tests;
