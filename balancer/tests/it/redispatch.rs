//! Backends that do not take a session: others do, and no session is lost.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use netsocket_balancer::ConnectFailure;
use netsocket_balancer::SessionRecord;
use netsocket_balancer::health::{Intervals, State};

use tokio::net::TcpStream;

use crate::peers::{Echo, Refuses, Unanswering, converse};
use crate::running::{Balancer, eventually, read_to_end};

pub fn failures(record: &SessionRecord) -> Vec<(&str, ConnectFailure)> {
    record
        .failures
        .iter()
        .map(|(backend, failure)| (backend.name(), *failure))
        .collect()
}

#[tokio::test]
async fn a_backend_that_dies_loses_no_session_and_may_come_back() {
    let (a, b, c) = (
        Echo::start("a").await,
        Echo::start("b").await,
        Echo::start("c").await,
    );
    let backends = [("a", a.address), ("b", b.address), ("c", c.address)];
    let balancer = Balancer::start_with(&backends, |config| {
        config.checks.intervals = Intervals::every(Duration::from_millis(100));
        config.checks.timeout = crate::running::PATIENCE;
    })
    .await;
    balancer.up(3).await;

    // Dead, but not yet known to be: its turns go to others.
    let dead = b.die().await;
    for _ in 0..9 {
        assert_ne!(converse(balancer.connect().await).await, "b");
    }
    // Known to be dead: it has no turns.
    balancer.up(2).await;
    let backend = &balancer.pool.backends()[1];
    // Sessions may have found out first; the checks have the last word.
    let down = || backend.report().state == State::Down;
    eventually("known to be dead", down).await;
    assert_eq!(
        backend.report().reason.to_string(),
        "3 checks failed: connection refused"
    );
    let errors = backend.figures().errors;
    let served = converse(balancer.connect().await).await;
    assert_ne!(converse(balancer.connect().await).await, served);
    assert_eq!(backend.figures().errors, errors);
    // Back again.
    let _b = Echo::listen("b", dead.leave()).await;
    balancer.up(3).await;
    assert_eq!(backend.report().reason.to_string(), "2 checks passed");
    let mut again = Vec::new();
    for _ in 0..3 {
        again.push(converse(balancer.connect().await).await);
    }
    again.sort();
    assert_eq!(again, ["a", "b", "c"]);

    let records = balancer.records_of(14).await;
    assert!(
        records
            .iter()
            .all(|record| record.termination.code() == "--")
    );
    let retries: usize = records.iter().map(SessionRecord::retries).sum();
    assert_eq!(retries as u64, errors);
}

#[tokio::test]
async fn a_refused_connect_goes_elsewhere_at_once() {
    let (a, b, c) = (
        Echo::start("a").await,
        Echo::start("b").await,
        Echo::start("c").await,
    );
    let backends = [("a", a.address), ("b", b.address), ("c", c.address)];
    let balancer = Balancer::start(&backends).await;
    balancer.up(3).await;
    let (_a, _b) = (a.die().await, b.die().await);
    for _ in 0..6 {
        assert_eq!(converse(balancer.connect().await).await, "c");
    }
    let records = balancer.records_of(6).await;
    let mut most = 0;
    for record in &records {
        let failed = failures(record);
        assert!(
            failed
                .iter()
                .all(|&(_, failure)| failure == ConnectFailure::Refused)
        );
        assert!(
            failed.len() < 2 || failed[0].0 != failed[1].0,
            "tried twice: {failed:?}"
        );
        assert_eq!(record.retries(), failed.len());
        assert!(
            record
                .connect
                .is_some_and(|time| time < Duration::from_millis(500))
        );
        most = most.max(failed.len());
    }
    assert!(most > 0);
}

#[tokio::test]
async fn a_connect_without_answer_goes_elsewhere_after_its_limit() {
    let mut silent = Unanswering::start();
    let echo = Echo::start("echo").await;
    let backends = [("silent", silent.address), ("echo", echo.address)];
    let limit = Duration::from_millis(300);
    let balancer = Balancer::start_with(&backends, |config| config.timeouts.connect = limit).await;
    balancer.up(2).await;
    silent.fall_silent().await;
    for _ in 0..2 {
        assert_eq!(converse(balancer.connect().await).await, "echo");
    }
    let records = balancer.records_of(2).await;
    let retried: Vec<_> = records
        .iter()
        .filter(|record| record.retries() > 0)
        .collect();
    assert!(!retried.is_empty(), "{records:?}");
    for record in retried {
        assert_eq!(failures(record), [("silent", ConnectFailure::TimedOut)]);
        assert!(record.connect.is_some_and(|time| time >= limit));
        assert!(record.handshake < limit);
    }
}

/// A client that the balancer has nobody for. It is told by a reset, which may already meet its connect.
pub async fn turned_away(balancer: &Balancer) -> SessionRecord {
    match TcpStream::connect(balancer.address).await {
        Ok(mut client) => assert_eq!(read_to_end(&mut client).await, (vec![], true)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    balancer.record().await
}

#[tokio::test]
async fn nobody_up() {
    let refuses = Refuses::start();
    let balancer = Balancer::start_with(&[("gone", refuses.address)], |config| {
        config.health.fail_open = false;
    })
    .await;
    let record = turned_away(&balancer).await;
    assert_eq!(record.termination.code(), "SC");
    assert_eq!((failures(&record), record.retries()), (vec![], 0));
    assert!(record.backend.is_none() && record.connect.is_none());
}

#[tokio::test]
async fn no_backend_accepts_and_each_was_tried_once() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start(&[("a", a.address), ("b", b.address)]).await;
    balancer.up(2).await;
    let (_a, _b) = (a.die().await, b.die().await);
    let record = turned_away(&balancer).await;
    assert_eq!(record.termination.code(), "SC");
    let mut failed = failures(&record);
    failed.sort_by_key(|&(name, _)| name);
    assert_eq!(
        failed,
        [
            ("a", ConnectFailure::Refused),
            ("b", ConnectFailure::Refused)
        ]
    );
    assert_eq!(record.retries(), 1);
    let errors = || {
        balancer
            .pool
            .backends()
            .iter()
            .map(|b| b.figures().errors)
            .collect::<Vec<_>>()
    };
    eventually("errors counted", || errors() == [1, 1]).await;
}

#[tokio::test]
async fn the_last_one_tried_did_not_answer() {
    let mut silent = Unanswering::start();
    let address: SocketAddr = silent.address;
    let balancer = Balancer::start_with(&[("silent", address)], |config| {
        config.timeouts.connect = Duration::from_millis(100);
    })
    .await;
    balancer.up(1).await;
    silent.fall_silent().await;
    assert_eq!(turned_away(&balancer).await.termination.code(), "sC");
}

#[tokio::test]
async fn a_client_that_is_gone_while_connecting() {
    let mut silent = Unanswering::start();
    let balancer = Balancer::start_with(&[("silent", silent.address)], |config| {
        config.timeouts.connect = crate::running::NEVER;
    })
    .await;
    balancer.up(1).await;
    silent.fall_silent().await;
    let client = balancer.connect().await;
    let active = || balancer.pool.backends()[0].figures().active;
    eventually("connecting", || active() == 1).await;
    crate::running::reset(client);
    let record = balancer.record().await;
    assert_eq!(record.termination.code(), "CC");
    eventually("hold given back", || active() == 0).await;
}
