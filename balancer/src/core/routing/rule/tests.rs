use std::sync::Arc;

use proptest::prelude::*;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use super::*;

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519, SignatureScheme::RSA_PSS_SHA256]
    }
}

/// The hello of a client that asks for `name`, which may be an address, and offers these protocols.
fn hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// The same hello in records of so many bytes each.
fn in_records(hello: &[u8], size: usize) -> Vec<u8> {
    let pieces = hello[5..].chunks(size).map(|piece| {
        let mut record = vec![0x16, 3, 1];
        record.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
        record.extend(piece);
        record
    });
    pieces.flatten().collect()
}

fn rule(name: &str) -> RouteRule {
    RouteRule {
        name: name.to_owned(),
        server_names: Vec::new(),
        alpn: Vec::new(),
        from: Networks::default(),
        first_bytes: None,
        action: RouteAction::Refuse,
    }
}

fn named(pattern: &str) -> RouteRule {
    RouteRule {
        server_names: vec![pattern.parse().unwrap()],
        ..rule(pattern)
    }
}

fn spoken(protocol: Protocol) -> RouteRule {
    RouteRule {
        first_bytes: Some(protocol),
        ..rule(protocol.label())
    }
}

/// The decision after these bytes, in pieces of that size; it must not change once it is made.
fn decided(rules: &[RouteRule], bytes: &[u8], piece: usize, ends: bool) -> Decision {
    let client = [192, 0, 2, 7].into();
    let mut opening = Opening::new(rules.iter().any(RouteRule::needs_hello));
    let mut decision = decide(rules, client, &opening);
    for piece in bytes.chunks(piece) {
        if decision != Decision::More {
            return decision;
        }
        opening.feed(piece);
        decision = decide(rules, client, &opening);
    }
    if ends {
        opening.end();
        decision = decide(rules, client, &opening);
    }
    decision
}

#[test]
fn names_match_exactly_or_below() {
    for (pattern, name, matches) in [
        ("a.example", "a.example", true),
        ("A.Example", "a.eXample.", true),
        ("a.example", "b.a.example", false),
        ("*.example", "a.example", true),
        ("*.example", "a.b.example", true),
        ("*.example", "example", false),
        ("*.example", ".example", false),
        ("*.example", "aexample", false),
    ] {
        let pattern: NamePattern = pattern.parse().unwrap();
        assert_eq!(pattern.matches(name), matches, "{pattern} {name}");
    }
    for text in ["", "*", "*.", "a..b", "a*.b", "10.0.0.1", "a b", "*.*.b"] {
        assert_eq!(text.parse::<NamePattern>(), Err(NamePatternError), "{text}");
    }
}

#[test]
fn the_first_rule_that_holds_wins() {
    let rules = [
        named("a.example"),
        named("*.example"),
        spoken(Protocol::Tls),
        spoken(Protocol::Ssh),
    ];
    for (bytes, expected) in [
        (hello("a.example", &[]), Decision::Rule(0)),
        (hello("b.example", &[]), Decision::Rule(1)),
        (hello("other.test", &[]), Decision::Rule(2)),
        (hello("192.0.2.1", &[]), Decision::Rule(2)),
        (b"SSH-2.0-x\r\n".to_vec(), Decision::Rule(3)),
        (b"GET / HTTP/1.1\r\n".to_vec(), Decision::NoRule),
        (b"\0".to_vec(), Decision::NoRule),
        (b"SS".to_vec(), Decision::More),
    ] {
        assert_eq!(decided(&rules, &bytes, 7, false), expected);
    }
    assert_eq!(decided(&rules, b"SS", 1, true), Decision::NoRule);
    assert_eq!(decided(&rules, b"", 1, false), Decision::More);
}

#[test]
fn what_needs_no_bytes_is_decided_without() {
    let near = RouteRule {
        from: ["192.0.2.0/24".parse().unwrap()].into_iter().collect(),
        ..rule("near")
    };
    let far = RouteRule {
        from: ["198.51.100.0/24".parse().unwrap()].into_iter().collect(),
        ..named("a.example")
    };
    assert_eq!(
        decided(&[far.clone(), near], b"", 1, false),
        Decision::Rule(1)
    );
    assert_eq!(decided(&[far], b"", 1, false), Decision::NoRule);
    assert_eq!(
        decided(&[spoken(Protocol::Any)], b"", 1, false),
        Decision::More
    );
    assert_eq!(
        decided(&[spoken(Protocol::Any)], b"x", 1, false),
        Decision::Rule(0)
    );
}

#[test]
fn every_mark_tells_its_protocol_from_single_bytes() {
    for (bytes, protocol) in [
        (&b"SSH-2"[..], Protocol::Ssh),
        (b"PROXY TCP4", Protocol::Proxy),
        (b"\r\n\r\n\0\r\nQUIT\n\x21", Protocol::Proxy),
        (b"PRI * HTTP/2.0\r\n\r\n", Protocol::Http),
        (b"PUT /", Protocol::Http),
        (b"\x16\x03\x01", Protocol::Tls),
    ] {
        assert_eq!(
            decided(&[spoken(protocol)], bytes, 1, false),
            Decision::Rule(0)
        );
    }
}

#[test]
fn protocols_that_are_offered() {
    let h2 = [RouteRule {
        alpn: vec!["h2".to_owned()],
        ..rule("h2")
    }];
    assert_eq!(
        decided(&h2, &hello("a.test", &["http/1.1", "h2"]), 99, false),
        Decision::Rule(0)
    );
    assert_eq!(
        decided(&h2, &hello("a.test", &["http/1.1"]), 99, false),
        Decision::NoRule
    );
    assert_eq!(
        decided(&h2, &hello("a.test", &[]), 99, false),
        Decision::NoRule
    );
}

/// Larger than a segment, and than what some parsers take; cut in the name itself.
#[test]
fn large_hellos_in_many_records_and_pieces() {
    let many: Vec<String> = (0..20).map(|it| format!("{it:0>200}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let whole = hello("a.example", &many);
    assert!(whole.len() > 4000, "{}", whole.len());
    for size in [1, 3, 100, 1000] {
        let bytes = in_records(&whole, size);
        for piece in [1, 1460, 16 << 10] {
            let rules = [named("a.example")];
            assert_eq!(
                decided(&rules, &bytes, piece, false),
                Decision::Rule(0),
                "{size} {piece}"
            );
        }
    }
}

#[test]
fn what_is_no_hello_is_bad_and_what_never_ends_too() {
    let rules = [named("a.example")];
    // A record of the right type with nonsense in it, an alert, a length that is too large.
    for bytes in [
        &b"\x16\x03\x01\x00\x04\x02\0\0\0"[..],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x00",
    ] {
        let decision = decided(&rules, bytes, 1, false);
        assert!(
            matches!(decision, Decision::Bad | Decision::More),
            "{decision:?}"
        );
    }
    // A hello of 16 MiB, as it says.
    let mut endless = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    endless.resize(64 << 10, 0);
    assert_eq!(decided(&rules, &endless, 1460, false), Decision::Bad);
    // Records of one byte for ever.
    let drops = [0x16, 3, 1, 0, 1, 0].repeat(10_000);
    assert_eq!(decided(&rules, &drops, 1460, false), Decision::Bad);
    // A rule that does not look into it does not mind.
    assert_eq!(
        decided(&[spoken(Protocol::Tls)], &endless, 1460, false),
        Decision::Rule(0)
    );
}

proptest! {
    #[test]
    fn bytes_never_panic_and_pieces_make_no_difference(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300), tls: bool, piece in 1..40_usize,
    ) {
        if tls && bytes.len() > 5 {
            bytes[..3].copy_from_slice(&[0x16, 3, 1]);
        }
        let rules = [named("a.example"), spoken(Protocol::Http)];
        let whole = decided(&rules, &bytes, bytes.len().max(1), true);
        prop_assert_eq!(decided(&rules, &bytes, piece, true), whole);
    }

    #[test]
    fn a_hello_with_changed_bytes_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), piece in 1..2000_usize,
    ) {
        let mut bytes = hello("a.example", &["h2"]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let rules = [named("a.example"), spoken(Protocol::Tls)];
        let whole = decided(&rules, &bytes, bytes.len(), true);
        prop_assert_eq!(decided(&rules, &bytes, piece, true), whole);
    }
}
