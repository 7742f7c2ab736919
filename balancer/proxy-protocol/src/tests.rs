mod properties;

use std::net::SocketAddr;

use super::*;

fn complete(bytes: &[u8]) -> Header<'_> {
    match parse(bytes) {
        Ok(Parsed::Header(header)) => header,
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A header of version 2 with everything given.
fn v2(version_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A".to_vec();
    bytes.extend([version_command, family]);
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Every proper prefix asks for more, never for more than there is, and what follows changes nothing.
fn incrementally(bytes: &[u8]) {
    let header = complete(bytes);
    assert_eq!(header.len, bytes.len());
    for at in 0..bytes.len() {
        match parse(&bytes[..at]) {
            Ok(Parsed::Incomplete { need }) => {
                assert!(need > at && need <= bytes.len(), "{need} at {at}");
            }
            other => panic!("{} at {at}: {other:?}", bytes.escape_ascii()),
        }
    }
    let mut longer = bytes.to_vec();
    longer.extend(b"\r\nPROXY and whatever else");
    assert_eq!(complete(&longer), header);
}

#[test]
fn v1_as_specified() {
    let header = complete(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n");
    assert_eq!(header.len, 47);
    assert_eq!(header.version, Version::V1);
    assert_eq!(header.command, Command::Proxy);
    assert_eq!(header.source(), Some(address("192.168.0.1:56324")));
    assert_eq!(header.destination(), Some(address("192.168.0.11:443")));
    let header = complete(b"PROXY TCP6 2001:db8::7 ::1 1 65535\r\n");
    assert_eq!(header.source(), Some(address("[2001:db8::7]:1")));
    assert_eq!(header.destination(), Some(address("[::1]:65535")));
    assert_eq!(header.tlvs.count(), 0);
}

#[test]
fn v1_may_not_tell() {
    let worst = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(worst.len(), V1_MAX_LEN);
    for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN what\tever\r\n", worst] {
        let header = complete(line.as_bytes());
        assert_eq!(header.addresses, Addresses::Unknown);
        assert_eq!((header.source(), header.len), (None, line.len()));
        incrementally(line.as_bytes());
    }
}

#[test]
fn v1_refuses_what_is_not_exact() {
    let cases: &[(&str, Error)] = &[
        ("GET / HTTP/1.1\r\n", Error::NotProxy),
        ("PROXX", Error::NotProxy),
        ("PROXY\tTCP4", Error::NotProxy),
        ("proxy TCP4", Error::NotProxy),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", Error::BadFamily(0)),
        ("PROXY \r\n", Error::BadFamily(0)),
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", Error::BadFamily(0)),
        ("PROXY UNKNOWNS\r\n", Error::BadFamily(0)),
        ("PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.04 1 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3 1 1\r\n", Error::BadAddress),
        ("PROXY TCP4 ::1 ::1 1 1\r\n", Error::BadAddress),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", Error::BadAddress),
        ("PROXY TCP6 fe80::1%lo ::1 1 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", Error::BadAddress),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 é 1\r\n", Error::BadAddress),
    ];
    for &(line, error) in cases {
        assert_eq!(parse(line.as_bytes()), Err(error), "{line:?}");
    }
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93], b"\r\n"].concat();
    let too_long = Err(Error::TooLong { max: 107 });
    assert_eq!(parse(&endless), too_long);
    assert_eq!(parse(&endless[..107]), too_long);
    // One more byte and it is sure.
    assert_eq!(parse(&endless[..106]), Ok(Parsed::Incomplete { need: 107 }));
}

#[test]
fn v2_as_specified() {
    let bytes = v2(
        0x21,
        0x11,
        &[10, 0, 0, 1, 10, 0, 0, 2, 0x1F, 0x91, 0x23, 0x28],
    );
    let header = complete(&bytes);
    assert_eq!(header.len, 28);
    assert_eq!(
        (header.version, header.command),
        (Version::V2, Command::Proxy)
    );
    let (source, destination) = (address("10.0.0.1:8081"), address("10.0.0.2:9000"));
    let tcp = Addresses::Tcp {
        source,
        destination,
    };
    assert_eq!(header.addresses, tcp);
    incrementally(&bytes);
    let udp = v2(0x21, 0x12, &bytes[16..]);
    let header = complete(&udp);
    assert!(matches!(header.addresses, Addresses::Udp { .. }));
    assert_eq!(header.source(), Some(source));
    assert_eq!(header.destination(), Some(destination));
}

#[test]
fn v2_of_unix_sockets() {
    let mut body = [0; 216];
    body[..4].copy_from_slice(b"/run");
    body[108..113].copy_from_slice(b"/sock");
    for family in [0x31, 0x32] {
        let bytes = v2(0x21, family, &body);
        let header = complete(&bytes);
        let Addresses::Unix {
            source,
            destination,
        } = header.addresses
        else {
            panic!("{header:?}")
        };
        assert!(source.starts_with(b"/run\0") && destination.starts_with(b"/sock\0"));
        assert_eq!((source.len(), destination.len()), (108, 108));
        assert_eq!(header.source(), None);
    }
    assert_eq!(parse(&v2(0x21, 0x31, &body[1..])), Err(Error::BadAddress));
}

#[test]
fn v2_local_and_unknown_are_passed_over_whole() {
    // A family that does not exist, addresses and fields that make no sense: none of it matters.
    let local = v2(0x20, 0xff, &[7; 33]);
    let header = complete(&local);
    assert_eq!((header.command, header.len), (Command::Local, 49));
    assert_eq!(
        (header.addresses, header.tlvs.count()),
        (Addresses::Unknown, 0)
    );
    for family in [0x00, 0x01, 0x02, 0x10, 0x20, 0x30] {
        let bytes = v2(0x21, family, &[7; 5]);
        let header = complete(&bytes);
        assert_eq!(header.command, Command::Proxy);
        assert_eq!((header.addresses, header.len), (Addresses::Unknown, 21));
    }
}

#[test]
fn v2_refuses_what_it_does_not_know() {
    let v4 = [0; 12];
    let cases = [
        (v2(0x11, 0x11, &v4), Error::BadVersion(1)),
        (v2(0x31, 0x11, &v4), Error::BadVersion(3)),
        (v2(0x22, 0x11, &v4), Error::BadCommand(2)),
        (v2(0x21, 0x41, &v4), Error::BadFamily(0x41)),
        (v2(0x21, 0x13, &v4), Error::BadFamily(0x13)),
        (v2(0x21, 0x40, &v4), Error::BadFamily(0x40)),
        (v2(0x21, 0x11, &v4[1..]), Error::BadAddress),
        (v2(0x21, 0x21, &v4), Error::BadAddress),
        (v2(0x21, 0x11, &[0; 13]), Error::BadTlv),
        (v2(0x21, 0x11, &[0; 14]), Error::BadTlv),
        (b"\r\n\r\n\0\r\nQUIT ".to_vec(), Error::NotProxy),
        (b"\r\n\r\n\r".to_vec(), Error::NotProxy),
    ];
    for (bytes, error) in cases {
        assert_eq!(parse(&bytes), Err(error), "{}", bytes.escape_ascii());
    }
}

#[test]
fn v2_is_refused_by_its_announced_length() {
    let bytes = v2(0x21, 0x11, &[0; 16_385]);
    let too_long = Err(Error::TooLong { max: 16_400 });
    // Before a byte of the body is waited for.
    assert_eq!(parse(&bytes[..16]), too_long);
    assert_eq!(parse(&bytes), too_long);
    let incomplete = Ok(Parsed::Incomplete { need: 16_401 });
    assert_eq!(parse_within(&bytes[..16], 65_551), incomplete);
}

/// What a certificate chain in a TLV needs.
#[test]
fn v2_of_the_greatest_length() {
    let value = vec![7; DEFAULT_MAX_LEN - 16 - 12 - 3];
    let chain = Tlv {
        kind: kind::SSL,
        value: &value,
    };
    let (source, destination) = (address("192.0.2.7:5"), address("192.0.2.8:6"));
    let bytes = encode_v2_with_tlvs(source, destination, &[chain], Checksum::None).unwrap();
    assert_eq!(bytes.len(), DEFAULT_MAX_LEN);
    let header = complete(&bytes);
    assert_eq!(header.source(), Some(source));
    assert_eq!(header.tlvs.find(kind::SSL), Some(&value[..]));
}

#[test]
fn v2_fields_and_checksum() {
    let tlvs = [
        Tlv {
            kind: kind::AUTHORITY,
            value: b"files.example",
        },
        Tlv {
            kind: kind::NOOP,
            value: b"",
        },
    ];
    let (source, destination) = (address("[2001:db8::7]:5"), address("[::1]:6"));
    let encode = |checksum| encode_v2_with_tlvs(source, destination, &tlvs, checksum).unwrap();
    let bytes = encode(Checksum::Crc32c);
    let header = complete(&bytes);
    let authority: &[u8] = b"files.example";
    assert_eq!(header.tlvs.find(kind::AUTHORITY), Some(authority));
    assert_eq!(header.tlvs.find(kind::ALPN), None);
    assert_eq!(header.tlvs.count(), 3);
    assert_eq!(header.source(), Some(source));
    incrementally(&bytes);
    // A flip of any bit shows.
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let taken = matches!(parse(&flipped), Ok(Parsed::Header(header)) if header.command == Command::Proxy
            && header.addresses != Addresses::Unknown);
        // The type of the checksum's own field may turn into another; then nothing is left to check.
        assert!(!taken || bit / 8 == bytes.len() - 7, "bit {bit}");
    }
    assert_eq!(complete(&encode(Checksum::None)).tlvs.count(), 2);
    let short = v2(0x21, 0x11, &[&[0; 12], &[3, 0, 1, 0][..]].concat());
    assert_eq!(parse(&short), Err(Error::BadTlv));
}

#[test]
fn a_known_checksum() {
    // Computed by hand-written division, bit by bit, so that table and parser are not their own judges.
    let mut bytes = v2(0x21, 0x11, &[&[1; 12], &[3, 0, 4, 0, 0, 0, 0][..]].concat());
    let mut crc = !0_u32;
    for byte in &bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82F6_3B78
            } else {
                crc >> 1
            };
        }
    }
    assert_eq!(parse(&bytes), Err(Error::BadChecksum));
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&(!crc).to_be_bytes());
    assert_eq!(complete(&bytes).tlvs.count(), 1);
}

#[test]
fn fields_that_cannot_be_announced() {
    let (source, destination) = (address("1.2.3.4:5"), address("1.2.3.4:6"));
    let with = |len: usize, checksum| {
        let value = vec![0; len];
        let tlv = Tlv {
            kind: 0xE0,
            value: &value,
        };
        encode_v2_with_tlvs(source, destination, &[tlv], checksum).map(|bytes| bytes.len())
    };
    let most = 65_535 - 12 - 3;
    assert_eq!(with(most, Checksum::None), Some(16 + 65_535));
    assert_eq!(with(most, Checksum::Crc32c), None);
    assert_eq!(with(most + 1, Checksum::None), None);
    assert_eq!(with(65_536, Checksum::None), None);
}

#[test]
fn the_longest_of_each_fits() {
    let longest = address("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    assert_eq!(encode_v1(longest, longest).as_bytes().len(), 104);
    assert_eq!(encode_v2(longest, longest).as_bytes().len(), 52);
    let v4 = address("255.255.255.255:65535");
    assert_eq!(encode_v1(v4, v4).as_bytes().len(), 56);
    assert_eq!(encode_v1_unknown().as_bytes(), b"PROXY UNKNOWN\r\n");
    assert_eq!(encode_v2_local().as_bytes(), v2(0x20, 0x00, &[]));
}

#[test]
fn ipv4_inside_ipv6_is_ipv4() {
    let mapped = address("[::ffff:10.0.0.1]:1");
    let plain = address("10.0.0.1:1");
    let six = address("[2001:db8::1]:2");
    for encode in [encode_v1, encode_v2] {
        let both = encode(mapped, mapped);
        assert_eq!(both.as_bytes(), encode(plain, plain).as_bytes());
        // One family for both ends, and still the same client at the other side.
        let mixed = encode(plain, six);
        let header = complete(mixed.as_bytes());
        assert_eq!(header.source(), Some(plain));
        assert_eq!(header.destination(), Some(six));
    }
    assert_eq!(
        encode_v1(plain, six).as_bytes(),
        b"PROXY TCP6 ::ffff:10.0.0.1 2001:db8::1 1 2\r\n"
    );
}

#[test]
fn labels_are_distinct() {
    let errors = [
        Error::NotProxy,
        Error::TooLong { max: 1 },
        Error::BadVersion(1),
        Error::BadCommand(2),
        Error::BadFamily(3),
        Error::BadAddress,
        Error::BadTlv,
        Error::BadChecksum,
    ];
    let labels: std::collections::BTreeSet<_> = errors.iter().map(|error| error.label()).collect();
    assert_eq!(labels.len(), errors.len());
}
