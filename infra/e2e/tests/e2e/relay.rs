//! What the balancer must keep of a connection: each end, each reset, each byte.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use e2e::fleet::Balancer;
use e2e::raw_backend::RawBackend;
use e2e::{PATIENCE, eventually, loopback};
use serde_json::Value;

use crate::world::World;

crate::tests![
    half_close_of_the_client,
    half_close_of_the_backend,
    reset_of_the_client,
    reset_of_the_backend,
    reset_behind_a_half_close,
    bytes_both_ways_at_once,
];

/// A balancer in front of one backend that is up.
fn start() -> (RawBackend, Balancer) {
    let backend = RawBackend::listen();
    let balancer = Balancer::start("", &[("raw", backend.address())], None);
    eventually(PATIENCE, "the backend up", || {
        (balancer.admin.up() == 1).then_some(())
    });
    (backend, balancer)
}

/// A client and the backend's end of its session, one byte gone.
fn session(backend: &RawBackend, balancer: &Balancer) -> (TcpStream, TcpStream) {
    let mut client = loopback::connect(balancer.address).unwrap();
    client.write_all(b">").unwrap();
    let (server, first) = backend.session();
    assert_eq!(first, b'>');
    (client, server)
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

fn assert_reset(mut stream: TcpStream) {
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

fn assert_record(balancer: &Balancer, termination: &str, up: u64, down: u64) {
    let record: Value = balancer.ended_sessions(1).remove(0);
    assert_eq!(record["termination"], termination, "{record}");
    assert_eq!(
        (&record["bytes_up"], &record["bytes_down"]),
        (&up.into(), &down.into()),
        "{record}"
    );
    assert_eq!(record["backend"], "raw");
}

fn half_close_of_the_client(_: &World) {
    let (backend, balancer) = start();
    let (mut client, mut server) = session(&backend, &balancer);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut server), b"question");
    server.write_all(b"late answer").unwrap();
    drop(server);
    assert_eq!(rest(&mut client), b"late answer");
    assert_record(&balancer, "--", 9, 11);
}

fn half_close_of_the_backend(_: &World) {
    let (backend, balancer) = start();
    let (mut client, mut server) = session(&backend, &balancer);
    server.write_all(b"all I have").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), b"all I have");
    client.write_all(b"still talking").unwrap();
    drop(client);
    assert_eq!(rest(&mut server), b"still talking");
    assert_record(&balancer, "--", 14, 10);
}

fn reset_of_the_client(_: &World) {
    let (backend, balancer) = start();
    let (client, server) = session(&backend, &balancer);
    loopback::reset(client);
    assert_reset(server);
    assert_record(&balancer, "CD", 1, 0);
}

fn reset_of_the_backend(_: &World) {
    let (backend, balancer) = start();
    let (mut client, mut server) = session(&backend, &balancer);
    server.write_all(b"last").unwrap();
    let mut last = [0; 4];
    client.read_exact(&mut last).unwrap();
    loopback::reset(server);
    assert_reset(client);
    assert_record(&balancer, "SD", 1, 4);
}

/// A backend that has ended its direction and then dies: nothing waits for the half-close timeout.
fn reset_behind_a_half_close(_: &World) {
    let (backend, balancer) = start();
    let (mut client, server) = session(&backend, &balancer);
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), b"");
    loopback::reset(server);
    assert_record(&balancer, "SD", 1, 0);
}

/// More than every buffer on the way holds, in both directions at the same time.
fn bytes_both_ways_at_once(_: &World) {
    const LENGTH: usize = 24 << 20;
    let (backend, balancer) = start();
    let (client, server) = session(&backend, &balancer);
    let [up, down] = ["up", "down"].map(|way| e2e::tree::noise(way.as_bytes(), LENGTH));
    std::thread::scope(|scope| {
        for (stream, sent, expected) in [(&client, &up, &down), (&server, &down, &up)] {
            scope.spawn(move || {
                let mut stream = stream;
                stream.write_all(sent).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || {
                let mut got = Vec::new();
                let mut stream = stream;
                stream.read_to_end(&mut got).unwrap();
                assert!(
                    got == *expected,
                    "{} bytes, and not those that were sent",
                    got.len()
                );
            });
        }
    });
    drop((client, server));
    assert_record(&balancer, "--", LENGTH as u64 + 1, LENGTH as u64);
}
