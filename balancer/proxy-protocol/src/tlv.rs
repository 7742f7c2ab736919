//! The extra fields of version 2: type, length, value.

use crate::error::Error;

/// The types that the specification registers.
pub mod kind {
    /// The protocol above TLS or TCP, as ALPN names it.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header. Verified by [`crate::parse`], written by [`crate::encode_v2_with_tlvs`].
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// An identifier of the connection, up to 128 bytes.
    pub const UNIQUE_ID: u8 = 0x05;
    /// What TLS found out.
    pub const SSL: u8 = 0x20;
    /// The network namespace's name.
    pub const NETNS: u8 = 0x30;
}

/// Type and length in front of a value.
pub(crate) const PREFIX_LEN: usize = 3;

/// One extra field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// See [`kind`]; others may come.
    pub kind: u8,
    /// Its bytes.
    pub value: &'a [u8],
}

/// The extra fields of a header, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// Fields that fill `bytes` exactly.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = split_first(rest).ok_or(Error::BadTlv)?;
        }
        Ok(Self { rest: bytes })
    }

    /// The value of the first field of this type.
    #[must_use]
    pub fn find(mut self, kind: u8) -> Option<&'a [u8]> {
        self.find_map(|tlv| (tlv.kind == kind).then_some(tlv.value))
    }

    /// How many bytes the fields that are left take.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = split_first(self.rest)?;
        self.rest = rest;
        Some(tlv)
    }
}

fn split_first(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk::<PREFIX_LEN>()?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
    Some((Tlv { kind, value }, rest))
}
