use std::collections::VecDeque;

use netsocket_credentials::authority::Authority;
use netsocket_credentials::{authorities, certificates, client_config, key, server_config};

use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::*;

/// Both ends, and the bytes between them.
struct Pair {
    server: TlsChannel,
    client: TlsChannel,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
}

/// At most `step` bytes at a time.
fn take(wire: &mut VecDeque<u8>, step: usize, space: &mut [u8]) -> Result<Reading, Errno> {
    let count = wire.len().min(step).min(space.len());
    if count == 0 {
        return Ok(Reading::Nothing);
    }
    for (place, byte) in space.iter_mut().zip(wire.drain(..count)) {
        *place = byte;
    }
    Ok(Reading::Bytes(count))
}

fn put(wire: &mut VecDeque<u8>) -> impl FnMut(&[u8]) -> Result<usize, Errno> + '_ {
    |records| {
        wire.extend(records);
        Ok(records.len())
    }
}

impl Pair {
    fn new(versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("test");
        let trusted = authority.write(dir.path(), "ca");
        let files = authority.issue(&["a.test"]).write(dir.path(), "a");
        let chain = certificates(&files.certificate).unwrap();
        let config = server_config().unwrap().with_no_client_auth();
        let config = config.with_single_cert(chain, key(&files.key).unwrap());
        let server = TlsChannel::server(Arc::new(config.unwrap()), Vec::new()).unwrap();
        let builder = ClientConfig::builder_with_provider(netsocket_credentials::provider());
        let config = builder.with_protocol_versions(versions).unwrap();
        let config = config.with_root_certificates(authorities(&trusted).unwrap());
        let config = Arc::new(config.with_no_client_auth());
        let name = "a.test".try_into().unwrap();
        Self {
            server,
            client: TlsChannel::client(config, name, Vec::new()).unwrap(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
        }
    }

    /// Both ends shake hands, with `step` bytes in each read.
    fn shaken(mut self, step: usize) -> Self {
        let mut plain = vec![0; RECORDS];
        let mut done = (false, false);
        for _ in 0..100_000 {
            if !done.0 {
                let wire = &mut self.to_server;
                let one = |space: &mut [u8]| take(wire, step, space);
                let ended = self.server.handshake(&mut plain, one).unwrap();
                done.0 = ended == HandshakeStep::Done(0);
            }
            self.server.flush(put(&mut self.to_client)).unwrap();
            if !done.1 {
                let wire = &mut self.to_client;
                let one = |space: &mut [u8]| take(wire, step, space);
                let ended = self.client.handshake(&mut plain, one).unwrap();
                done.1 = ended == HandshakeStep::Done(0);
            }
            self.client.flush(put(&mut self.to_server)).unwrap();
            if done == (true, true) {
                return self;
            }
        }
        panic!("no end of the handshake");
    }

    /// What the client writes, as the server reads it.
    fn carry(&mut self, bytes: &[u8], step: usize) -> Vec<u8> {
        let mut left = bytes;
        while !left.is_empty() {
            let wire = &mut self.to_server;
            let count = self
                .client
                .write(left, |records, _| {
                    wire.extend(records);
                    Ok(records.len())
                })
                .unwrap();
            left = &left[count..];
        }
        let (mut plain, mut found) = (vec![0; RECORDS], Vec::new());
        loop {
            let wire = &mut self.to_server;
            let read = self
                .server
                .read(&mut plain, |space| take(wire, step, space));
            match read.unwrap() {
                Reading::Bytes(count) => found.extend_from_slice(&plain[..count]),
                _ => return found,
            }
        }
    }
}

/// Writes, with room for everything.
fn say(from: &mut TlsChannel, wire: &mut VecDeque<u8>, bytes: &[u8]) -> Result<usize, Errno> {
    let mut put = put(wire);
    from.write(bytes, |records, _| put(records))
}

#[test]
fn bytes_arrive_as_they_were_however_they_are_cut() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for step in [1, 7, 5000, usize::MAX] {
            let mut pair = Pair::new(&[version]).shaken(step);
            let some = if step == 1 {
                &bytes[..20_000]
            } else {
                &bytes[..]
            };
            assert!(pair.carry(some, step) == some, "{version:?} {step}");
            // At rest nothing is held.
            assert_eq!(pair.server.held.capacity(), 0);
            assert_eq!(pair.client.unsent.capacity(), 0);
        }
    }
}

#[test]
fn an_end_is_said_and_a_cut_is_none() {
    let mut pair = Pair::new(rustls::ALL_VERSIONS).shaken(usize::MAX);
    let cut = |_: &mut [u8]| Ok(Reading::End);
    let mut plain = vec![0; RECORDS];
    assert_eq!(pair.server.read(&mut plain, cut), Err(Errno::CONNRESET));
    pair.client.say_end().unwrap();
    pair.client.say_end().unwrap();
    pair.client.flush(put(&mut pair.to_server)).unwrap();
    assert!(pair.to_server.len() < 50, "said once");
    let wire = &mut pair.to_server;
    let read = pair.server.read(&mut plain, |space| take(wire, 1, space));
    assert_eq!(read, Ok(Reading::End));
    // The other direction goes on.
    let written = say(&mut pair.server, &mut pair.to_client, b"more");
    assert_eq!(written, Ok(4));
    let wire = &mut pair.to_client;
    let read = pair
        .client
        .read(&mut plain, |space| take(wire, 9000, space));
    assert_eq!(read, Ok(Reading::Bytes(4)));
}

#[test]
fn new_keys_asked_for_by_the_peer_are_taken_and_answered() {
    let mut pair = Pair::new(&[&rustls::version::TLS13]).shaken(usize::MAX);
    for round in 0..3 {
        let Connection::Client(client) = &mut pair.client.connection else {
            panic!("the client");
        };
        let UnbufferedStatus { state, .. } = client.process_tls_records(&mut []);
        let Ok(ConnectionState::WriteTraffic(traffic)) = state else {
            panic!("cannot send");
        };
        traffic.refresh_traffic_keys().unwrap();
        let said = format!("round {round}");
        assert_eq!(pair.carry(said.as_bytes(), 3), said.as_bytes());
        say(&mut pair.server, &mut pair.to_client, said.as_bytes()).unwrap();
        let mut plain = vec![0; RECORDS];
        let wire = &mut pair.to_client;
        let read = pair.client.read(&mut plain, |space| take(wire, 4, space));
        assert_eq!(read, Ok(Reading::Bytes(said.len())));
    }
}

#[test]
fn what_is_written_within_a_message_of_the_peer_does_not_disturb_it() {
    let mut pair = Pair::new(&[&rustls::version::TLS13]).shaken(usize::MAX);
    let Connection::Client(client) = &mut pair.client.connection else {
        panic!("the client");
    };
    let UnbufferedStatus { state, .. } = client.process_tls_records(&mut []);
    let Ok(ConnectionState::WriteTraffic(traffic)) = state else {
        panic!("cannot send");
    };
    traffic.refresh_traffic_keys().unwrap();
    let written = say(&mut pair.client, &mut pair.to_server, b"said");
    assert_eq!(written, Ok(4));
    let (mut plain, mut found) = (vec![0; RECORDS], Vec::new());
    while !pair.to_server.is_empty() {
        let wire = &mut pair.to_server;
        let mut has_read = false;
        let read = pair.server.read(&mut plain, |space| {
            match std::mem::replace(&mut has_read, true) {
                true => Ok(Reading::Nothing),
                false => take(wire, 1, space),
            }
        });
        if let Ok(Reading::Bytes(count)) = read {
            found.extend_from_slice(&plain[..count]);
        }
        let written = pair.server.write(b"answer", |records, _| Ok(records.len()));
        assert_eq!(written, Ok(6));
    }
    assert_eq!(found, b"said");
}

#[test]
fn a_client_without_a_certificate_gets_an_alert_whatever_came_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let trusted = authority.write(dir.path(), "ca");
    let files = authority.issue(&["a.test"]).write(dir.path(), "a");
    let chain = certificates(&files.certificate).unwrap();
    let verifier = netsocket_credentials::client_verifier(&trusted, false).unwrap();
    let config = server_config().unwrap().with_client_cert_verifier(verifier);
    let config = config.with_single_cert(chain, key(&files.key).unwrap());
    let mut pair = Pair::new(rustls::ALL_VERSIONS);
    pair.server = TlsChannel::server(Arc::new(config.unwrap()), Vec::new()).unwrap();
    let config = client_config().unwrap();
    let config = config.with_root_certificates(authorities(&trusted).unwrap());
    let config = Arc::new(config.with_no_client_auth());
    let name = "a.test".try_into().unwrap();
    pair.client = TlsChannel::client(config, name, Vec::new()).unwrap();
    let mut plain = vec![0; RECORDS];
    let mut error = None;
    for _ in 0..4 {
        let wire = &mut pair.to_client;
        let step = pair
            .client
            .handshake(&mut plain, |space| take(wire, usize::MAX, space));
        pair.client.flush(put(&mut pair.to_server)).unwrap();
        if step == Ok(HandshakeStep::Done(0)) {
            let written = say(&mut pair.client, &mut pair.to_server, b"early");
            assert_eq!(written, Ok(5));
        }
        let wire = &mut pair.to_server;
        let step = pair
            .server
            .handshake(&mut plain, |space| take(wire, usize::MAX, space));
        pair.server.flush(put(&mut pair.to_client)).unwrap();
        if let Err(failure) = step {
            error = Some(failure);
            break;
        }
    }
    let refused = HandshakeFailure::Refused(Error::NoCertificatesPresented);
    assert_eq!(error, Some(refused));
    let wire = &mut pair.to_client;
    let read = pair
        .client
        .read(&mut plain, |space| take(wire, usize::MAX, space));
    assert_eq!(read, Err(Errno::PROTO), "the alert");
}

#[test]
fn records_without_room_are_kept_in_order() {
    let mut pair = Pair::new(rustls::ALL_VERSIONS).shaken(usize::MAX);
    let wire = &mut pair.to_server;
    let written = pair.client.write(&[7; 100_000], |records, _| {
        wire.extend(&records[..10]);
        Ok(10)
    });
    assert_eq!(written, Ok(PIECE));
    assert!(pair.client.has_unsent());
    let mut room = 3;
    let full = pair.client.flush(|records| {
        let count = records.len().min(room);
        room = 0;
        wire.extend(&records[..count]);
        Ok(count)
    });
    assert_eq!(full, Ok(false));
    assert_eq!(pair.client.flush(put(wire)), Ok(true));
    assert_eq!(pair.carry(b"behind", usize::MAX).len(), PIECE + 6);
}

#[test]
fn what_is_no_tls_is_told_from_a_broken_handshake() {
    let mut plain = vec![0; RECORDS];
    let once = |bytes: &'static [u8]| {
        let mut left = Some(bytes);
        move |space: &mut [u8]| match left.take() {
            None | Some([]) => Ok(Reading::End),
            Some(bytes) => {
                space[..bytes.len()].copy_from_slice(bytes);
                Ok(Reading::Bytes(bytes.len()))
            }
        }
    };
    let mut server = Pair::new(rustls::ALL_VERSIONS).server;
    let step = server.handshake(&mut plain, once(b"GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(step, Err(HandshakeFailure::NoTls));
    let mut server = Pair::new(rustls::ALL_VERSIONS).server;
    let step = server.handshake(&mut plain, once(b"\x16\x03\x01\x00\x05\x01\x00"));
    assert_eq!(step, Err(HandshakeFailure::CutShort));
    let mut server = Pair::new(rustls::ALL_VERSIONS).server;
    assert_eq!(
        server.handshake(&mut plain, once(b"")),
        Ok(HandshakeStep::Left)
    );
    let mut server = Pair::new(rustls::ALL_VERSIONS).server;
    let step = server.handshake(&mut plain, once(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00"));
    assert!(
        matches!(step, Err(HandshakeFailure::Refused(_))),
        "{step:?}"
    );
    assert!(server.has_unsent(), "an alert");
}
