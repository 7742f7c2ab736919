//! What checks, sessions and operators do to the state of a backend, over real sockets.

use std::num::NonZeroU16;
use std::time::Duration;

use netsocket_balancer::backend::{Attributes, Backend, BackendSpec};
use netsocket_balancer::health::{AdminState, Expect, Intervals, Probe, State};
use netsocket_balancer::metrics::names;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::peers::{Echo, Puppet, Refuses, converse};
use crate::running::{Balancer, NEVER, eventually, reset, soon};

const OFTEN: Duration = Duration::from_millis(30);

fn state(backend: &Backend) -> (State, String) {
    let report = backend.report();
    (report.state, report.reason.to_string())
}

#[tokio::test]
async fn with_no_healthy_backend_all_are_used_and_it_is_shown() {
    let (echo, check) = (Echo::start("a").await, Refuses::start());
    let balancer = Balancer::start_with(&[("a", echo.address)], |config| {
        config.backends[0].attributes.check_port = NonZeroU16::new(check.address.port());
        config.checks.intervals = Intervals::every(OFTEN);
    })
    .await;
    assert!(balancer.pool.is_failing_open());
    assert_eq!(converse(balancer.connect().await).await, "a");
    let gauge = |value| {
        format!(
            "{}{{pool=\"default\"}} {value}\n",
            names::POOL_FAIL_OPEN.name
        )
    };
    assert!(balancer.get("/metrics").await.1.contains(&gauge(1)));
    let (_, page) = balancer.get("/").await;
    assert!(page.contains("works despite failing its checks"), "{page}");

    let _healthy = Echo::listen("check", check.leave()).await;
    balancer.up(1).await;
    assert!(!balancer.pool.is_failing_open());
    assert!(balancer.get("/metrics").await.1.contains(&gauge(0)));
}

#[tokio::test]
async fn a_session_in_trouble_brings_the_next_check_forward() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start_with(&[("a", a.address), ("b", b.address)], |config| {
        config.checks.intervals.fast = OFTEN;
        config.health.ejection.connects = None;
    })
    .await;
    balancer.up(2).await;
    let _dead = b.die().await;
    for _ in 0..2 {
        assert_eq!(converse(balancer.connect().await).await, "a");
    }
    // The next check was an hour away; one failure made it soon, and its failure the two after it.
    balancer.up(1).await;
    let told = state(&balancer.pool.backends()[1]);
    assert_eq!(
        told,
        (State::Down, "3 checks failed: connection refused".into())
    );
}

#[tokio::test]
async fn sessions_reset_before_an_answer_eject_a_backend() {
    let (echo, bad) = (Echo::start("good").await, Puppet::start().await);
    let backends = [("good", echo.address), ("bad", bad.address)];
    let balancer = Balancer::start_with(&backends, |config| {
        config.health.ejection.early_resets = 2.try_into().ok();
    })
    .await;
    balancer.up(2).await;
    drop(bad.accept().await); // the first check
    for _ in 0..2 {
        let clients = [balancer.connect().await, balancer.connect().await];
        for mut client in clients {
            client.shutdown().await.unwrap();
        }
        // The end arrives: it is relayed by now, and a reset no longer meets the connect.
        let mut session = bad.accept().await;
        assert_eq!(soon(session.read(&mut [0])).await.unwrap(), 0);
        reset(session);
    }
    let backend = &balancer.pool.backends()[1];
    eventually("ejected", || backend.report().state == State::Ejected).await;
    let told = state(backend);
    assert_eq!(told.1, "2 sessions reset before an answer; ejected for 5s");
    for _ in 0..2 {
        assert_eq!(converse(balancer.connect().await).await, "good");
    }
}

#[tokio::test]
async fn a_drained_backend_keeps_its_sessions_and_gets_no_more() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start(&[("a", a.address), ("b", b.address)]).await;
    balancer.up(2).await;
    let open = [balancer.connect().await, balancer.connect().await];
    let backend = &balancer.pool.backends()[0];
    eventually("one session each", || backend.figures().active == 1).await;
    balancer
        .pool
        .set_admin_state(backend.id(), AdminState::Drain, "by test")
        .unwrap();
    for _ in 0..4 {
        assert_eq!(converse(balancer.connect().await).await, "b");
    }
    let mut names = Vec::new();
    for session in open {
        names.push(converse(session).await);
    }
    names.sort();
    assert_eq!(names, ["a", "b"]);

    balancer
        .pool
        .set_admin_state(backend.id(), AdminState::Ready, "by test")
        .unwrap();
    balancer.up(2).await;
    let (_, json) = balancer.get("/api/v1/transitions").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    let told: Vec<_> = json["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .take(2)
        .rev()
        .collect();
    for (told, (from, to, reason)) in told.iter().zip([
        ("up", "draining", "set to drain by test"),
        ("draining", "up", "set to ready by test"),
    ]) {
        assert_eq!(
            (&told["backend"], &told["from"], &told["to"]),
            (&"a".into(), &from.into(), &to.into())
        );
        assert_eq!(told["reason"], reason);
    }
}

#[tokio::test]
async fn nothing_touches_a_backend_in_maintenance_and_after_it_a_check_comes_first() {
    let puppet = Puppet::start().await;
    let echo = Echo::start("echo").await;
    let backends = [("puppet", puppet.address), ("echo", echo.address)];
    let balancer = Balancer::start_with(&backends, |config| {
        config.checks.intervals = Intervals::every(OFTEN);
    })
    .await;
    balancer.up(2).await;
    let backend = &balancer.pool.backends()[0];
    balancer
        .pool
        .set_admin_state(backend.id(), AdminState::Maintenance, "by test")
        .unwrap();
    let checks = || {
        let figures = backend.figures();
        figures.checks_passed + figures.checks_failed
    };
    // One check may have been on its way. The other backend's checks tell that time for more has passed.
    let other = &balancer.pool.backends()[1];
    let seen = other.figures().checks_passed;
    eventually("time passed", || other.figures().checks_passed >= seen + 3).await;
    let before = checks();
    eventually("time passed", || other.figures().checks_passed >= seen + 9).await;
    assert_eq!(checks(), before);
    assert_eq!(converse(balancer.connect().await).await, "echo");
    assert_eq!(state(backend).0, State::Maintenance);

    balancer
        .pool
        .set_admin_state(backend.id(), AdminState::Ready, "by test")
        .unwrap();
    balancer.up(2).await;
    assert_eq!(state(backend), (State::Up, "first check passed".into()));
}

#[tokio::test]
async fn backends_that_come_are_checked_and_those_that_go_are_not() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start(&[("a", a.address)]).await;
    balancer.up(1).await;
    let gone = balancer.pool.backends().remove(0);
    let spec = BackendSpec {
        name: "b".into(),
        address: b.address.into(),
        attributes: Attributes::default(),
    };
    balancer.pool.replace(vec![spec]);
    balancer.up(1).await;
    assert_eq!(converse(balancer.connect().await).await, "b");
    assert_eq!(gone.figures().finished, 0);
    let (_, metrics) = balancer.get("/metrics").await;
    assert!(metrics.contains("backend=\"b\"") && !metrics.contains("backend=\"a\""));
}

#[tokio::test]
async fn an_answer_that_is_not_the_expected_one() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 6];
        soon(stream.read_exact(&mut request)).await.unwrap();
        stream.write_all(b"-LOADING\r\n").await.unwrap();
        request
    });
    let balancer = Balancer::start_with(&[("redis", address)], |config| {
        config.checks.intervals = Intervals::every(NEVER);
        config.checks.timeout = crate::running::PATIENCE;
        config.checks.probe = Probe::Exchange {
            send: b"PING\r\n".to_vec(),
            expect: Expect::pattern(r"^\+PONG").unwrap(),
        };
    })
    .await;
    assert_eq!(&soon(serve).await.unwrap(), b"PING\r\n");
    let told = state(&balancer.pool.backends()[0]);
    assert_eq!(
        told,
        (
            State::Down,
            r#"not up yet: wrong answer "-LOADING\r\n""#.into()
        )
    );
    let (_, json) = balancer.get("/api/v1/pools").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["pools"][0]["backends"][0]["checks"]["last"]["result"],
        "wrong-answer"
    );
}
