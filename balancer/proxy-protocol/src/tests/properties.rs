//! Round trips, and bytes that nobody would write.

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn any_address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        any::<[u8; 4]>().prop_map(|v4| IpAddr::from(Ipv4Addr::from(v4).to_ipv6_mapped())),
    ];
    (ip, any::<u16>()).prop_map(SocketAddr::from)
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Bytes that get past the first checks more often than chance would have it.
fn nearly_a_header() -> impl Strategy<Value = Vec<u8>> {
    let v2 = (
        prop_oneof![Just(0x20_u8), Just(0x21), any::<u8>()],
        prop_oneof![Just(0x11_u8), Just(0x21), Just(0x31), Just(0), any::<u8>()],
        0..300_u16,
        vec(
            prop_oneof![Just(0_u8), Just(3), Just(4), any::<u8>()],
            0..320,
        ),
    )
        .prop_map(|(command, family, len, body)| {
            let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
            bytes.extend([command, family]);
            bytes.extend(len.to_be_bytes());
            bytes.extend(body);
            bytes
        });
    let v1 = "PROXY (TCP4|TCP6|UNKNOWN)?[ 0-9a-f:.\r\n]{0,110}(\r\n)?".prop_map(String::into_bytes);
    prop_oneof![v1, v2, vec(any::<u8>(), 0..300)]
}

proptest! {
    #[test]
    fn what_is_written_is_read(source in any_address(), destination in any_address()) {
        for encoded in [encode_v1(source, destination), encode_v2(source, destination)] {
            let bytes = encoded.as_bytes();
            let header = complete(bytes);
            prop_assert_eq!(header.len, bytes.len());
            prop_assert_eq!(header.source(), Some(canonical(source)));
            prop_assert_eq!(header.destination(), Some(canonical(destination)));
            incrementally(bytes);
        }
    }

    #[test]
    fn fields_come_back(
        ends in (any_address(), any_address()),
        fields in vec((4..=255_u8, vec(any::<u8>(), 0..40)), 0..8),
        with_checksum in any::<bool>(),
    ) {
        let tlvs: Vec<Tlv<'_>> = fields.iter().map(|(kind, value)| Tlv { kind: *kind, value }).collect();
        let checksum = if with_checksum { Checksum::Crc32c } else { Checksum::None };
        let bytes = encode_v2_with_tlvs(ends.0, ends.1, &tlvs, checksum).unwrap();
        let header = complete(&bytes);
        let back: Vec<Tlv<'_>> = header.tlvs.filter(|tlv| tlv.kind != kind::CRC32C).collect();
        prop_assert_eq!(back, tlvs);
        prop_assert_eq!(header.tlvs.find(kind::CRC32C).is_some(), with_checksum);
    }

    /// However the network splits a header, each part asks for more within it, and the last one completes it.
    #[test]
    fn a_header_may_come_in_any_pieces(
        ends in (any_address(), any_address()),
        len in 0..=16_384_usize - 39,
        splits in vec(any::<prop::sample::Index>(), 0..12),
        behind in vec(any::<u8>(), 0..20),
    ) {
        let value = vec![0xa5; len];
        let tlv = Tlv { kind: kind::SSL, value: &value };
        let bytes = encode_v2_with_tlvs(ends.0, ends.1, &[tlv], Checksum::None).unwrap();
        prop_assert!(bytes.len() <= DEFAULT_MAX_LEN);
        let mut splits: Vec<usize> = splits.iter().map(|at| at.index(bytes.len())).collect();
        splits.sort_unstable();
        for at in splits {
            match parse(&bytes[..at]) {
                Ok(Parsed::Incomplete { need }) => prop_assert!(need > at && need <= bytes.len()),
                other => prop_assert!(false, "{other:?} at {at}"),
            }
        }
        let received = [&bytes[..], &behind[..]].concat();
        let header = complete(&received);
        prop_assert_eq!(header.len, bytes.len());
        prop_assert_eq!(header.source(), Some(canonical(ends.0)));
        prop_assert_eq!(header.tlvs.find(kind::SSL), Some(&value[..]));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in nearly_a_header(), max_len in 0..4096_usize) {
        match parse_within(&bytes, max_len) {
            Ok(Parsed::Header(header)) => {
                prop_assert!(header.len <= bytes.len());
                prop_assert!(header.version == Version::V1 || header.len <= max_len);
                prop_assert!(header.tlvs.count() <= header.len);
                incrementally_within(&bytes[..header.len], max_len)?;
            }
            Ok(Parsed::Incomplete { need }) => prop_assert!(need > bytes.len()),
            // What is refused stays refused, whatever follows.
            Err(error) => {
                let mut longer = bytes.clone();
                longer.extend([b'\r', b'\n', 0, 0]);
                prop_assert!(parse_within(&longer, max_len).is_err(), "{error:?}");
            }
        }
    }
}

/// No prefix of a header is refused or taken for a header.
fn incrementally_within(bytes: &[u8], max_len: usize) -> Result<(), TestCaseError> {
    for at in 0..bytes.len() {
        let parsed = parse_within(&bytes[..at], max_len);
        let incomplete =
            matches!(parsed, Ok(Parsed::Incomplete { need }) if need > at && need <= bytes.len());
        prop_assert!(incomplete, "{parsed:?} at {at}");
    }
    Ok(())
}
