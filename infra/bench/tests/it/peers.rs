//! The relays of the bench itself, and whole cases over them.

use std::net::SocketAddr;

use bench::backend::{Backend, Service};
use bench::case::{Case, Effort};
use bench::failure::Explain as _;
use bench::figure::Figure;
use bench::measure::measure;
use bench::options::Options;
use bench::peer::{Peer, Traffic};
use bench::report::Absent;
use bench::{cpu, run, table};
use clap::Parser as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{host, runs};

const EFFORT: Effort = Effort {
    seconds: 1,
    seed: 7,
};

/// More than every buffer on the way holds, so that a relay has to wait for both sides.
const MUCH: usize = 24 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn own_relays_bring_back_what_was_sent() {
    let host = host();
    for peer in [Peer::Direct, Peer::Floor, Peer::Uring, Peer::Copy] {
        let address = host.ports.free().unwrap();
        let relay = peer.start(&host, address, Traffic::Small).await.unwrap();
        let _backend = Backend::start(address, Service::Echo).unwrap();
        let mut sent = vec![0; MUCH];
        fastrand::Rng::with_seed(3).fill(&mut sent);
        let stream = TcpStream::connect(relay.address).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let mut received = vec![0; MUCH];
        let (wrote, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut received));
        wrote.unwrap();
        read.unwrap();
        assert!(received == sent, "{} changed bytes", peer.name());
        assert_eq!(relay.cpu().unwrap().is_some(), peer != Peer::Direct);
        assert_eq!(relay.memory().unwrap().is_some(), peer != Peer::Direct);
        let process = process_of(address);
        assert_eq!(process.is_some(), peer != Peer::Direct);
        drop(relay);
        assert!(
            process.is_none_or(|id| !runs(id)),
            "{} is left",
            peer.name()
        );
    }
}

#[test]
fn a_balancer_that_is_built_takes_the_settings_of_each_variant() {
    let host = host();
    for peer in [
        Peer::Netsocket,
        Peer::NetsocketCopy,
        Peer::NetsocketSplice,
        Peer::NetsocketFastOpen,
    ] {
        let why = peer.missing(&host).unwrap_or_default();
        assert!(!why.contains("refuses"), "{}: {why}", peer.name());
    }
}

#[tokio::test]
async fn the_backend_ends_a_connection_when_it_is_asked_to() {
    let host = host();
    let address = host.ports.free().unwrap();
    let backend = Backend::start(address, Service::Http).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Two requests in one piece, then the last one in two.
    let kept = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut replies = Vec::new();
    stream.write_all(kept.repeat(2).as_bytes()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nConn").await.unwrap();
    stream.write_all(b"ection: close\r\n\r\n").await.unwrap();
    stream.read_to_end(&mut replies).await.unwrap();
    let replies = String::from_utf8(replies).unwrap();
    assert_eq!(replies.matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(replies.matches("Connection: close").count(), 1);
    drop(backend);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_has_every_figure_of_a_relay() {
    let host = host();
    let parts = Case::Trickle.run(&host, Peer::Floor, EFFORT).await.unwrap();
    let (_, figures) = &parts[0];
    for figure in [
        Figure::Rate,
        Figure::ProxyPerOp,
        Figure::TotalPerOp,
        Figure::P50,
        Figure::P99,
        Figure::Memory,
    ] {
        let value = figures.get(figure);
        assert!(
            value.is_some_and(|value| value > 0.0),
            "{figure:?} {value:?}"
        );
    }
    assert!(figures.get(Figure::P50) <= figures.get(Figure::P99));
}

/// The process of the relay in front of that backend.
fn process_of(backend: SocketAddr) -> Option<u32> {
    let backend = backend.to_string();
    cpu::tree_of(std::process::id()).into_iter().find(|id| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline"));
        line.is_ok_and(|line| line.contains(&backend))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_peer_is_the_reason_that_is_given() {
    let host = host();
    let address = host.ports.free().unwrap();
    let mut relay = Peer::Copy
        .start(&host, address, Traffic::Small)
        .await
        .unwrap();
    let _backend = Backend::start(address, Service::Echo).unwrap();
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    let work = async {
        stream.write_all(b"?").await.explain("the work")?;
        stream.read_exact(&mut [0]).await.explain("the work")?;
        let process = i32::try_from(process_of(address).unwrap()).unwrap();
        kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).explain("the kill")?;
        stream.read_exact(&mut [0]).await.explain("the work")
    };
    let why = measure(&mut relay, 1, work).await.unwrap_err().to_string();
    assert!(
        why.contains("copy-relay ended") && why.contains("signal: 9"),
        "{why}"
    );
    assert!(relay.cpu().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_the_rest_goes_on() {
    let mut host = host();
    host.tools.balancer = None;
    host.tools.iperf3 = None;
    let words = "bench bulk1 trickle --peers copy,netsocket --rounds 1 --seconds 1";
    let options = Options::parse_from(words.split(' '));
    let report = run::run(&host, &options).await.unwrap();
    assert!(!report.is_whole());
    assert_eq!(report.sections.len(), 3);
    assert!(report.sections[0].missing.is_some());
    let trickle = &report.sections[2];
    assert!(trickle.row(Peer::Copy).is_some());
    assert!(matches!(trickle.rows[1].absent, Some(Absent::Needed(_))));
    let text = table::render(&report);
    assert!(
        text.contains("NOT MEASURED: iperf3 is not installed"),
        "{text}"
    );
    assert!(text.contains("netsocket is missing: not built"), "{text}");
}
