//! The only healthy backend dies, and the others are held down, ejected or out of service.

use std::time::Duration;

use netsocket_balancer::ConnectFailure;
use netsocket_balancer::backend::{Backend, CheckReport};
use netsocket_balancer::health::{AdminState, Growth, Intervals, SessionSignal, State};
use netsocket_balancer::metrics::names;
use netsocket_balancer::pool::Pool;
use tokio::time::Instant;

use crate::peers::{Echo, Refuses, converse};
use crate::process::{Program, program};
use crate::redispatch::{failures, turned_away};
use crate::running::{Balancer, NEVER, eventually};

const OFTEN: Duration = Duration::from_millis(20);
/// Once out, always out.
const FOREVER: Growth = Growth {
    base: NEVER,
    cap: NEVER,
    forgive: NEVER,
};

/// Two backends that serve and are checked once only; whoever is taken out stays out.
async fn two() -> (Balancer, Echo, Echo) {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start_with(&[("a", a.address), ("b", b.address)], |config| {
        config.health.hold_down = FOREVER;
        config.health.ejection.time = FOREVER;
    })
    .await;
    balancer.up(2).await;
    (balancer, a, b)
}

fn check(pool: &Pool, backend: &Backend, passed: bool, times: usize) {
    for _ in 0..times {
        let outcome = match passed {
            true => Ok(()),
            false => Err(ConnectFailure::TimedOut.into()),
        };
        let report = CheckReport::new(outcome, Duration::ZERO);
        pool.observe_check(backend, report, Instant::now());
    }
}

/// What was counted: sessions that a last resort served, and those that were refused after all.
async fn counted(balancer: &Balancer) -> (u64, u64) {
    let (_, page) = balancer.get("/metrics").await;
    let value = |result: &str| {
        let sample = format!("{}{{result=\"{result}\"}} ", names::LAST_RESORTS.name);
        let line = page.lines().find_map(|line| line.strip_prefix(&sample));
        line.unwrap().parse().unwrap()
    };
    (value("served"), value("refused"))
}

/// The only healthy one dies unnoticed: whoever comes is served by `b` all the same.
async fn all_are_served(balancer: &Balancer, a: Echo) {
    const CLIENTS: usize = 100;
    balancer.up(1).await;
    let _dead = a.die().await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let client = balancer.connect().await;
        clients.spawn(converse(client));
    }
    let served = clients.join_all().await;
    assert_eq!(served, ["b"; CLIENTS]);
    // Nobody has noticed meanwhile, which would be another case.
    assert_eq!(balancer.pool.up_count(), 1);
    assert!(!balancer.pool.is_failing_open());
    for record in balancer.records_of(CLIENTS).await {
        assert_eq!(record.termination.code(), "--");
        assert_eq!(failures(&record), [("a", ConnectFailure::Refused)]);
        assert!(record.last_resort);
    }
    assert_eq!(counted(balancer).await, (CLIENTS as u64, 0));
}

#[tokio::test]
async fn a_backend_that_is_held_down_serves_when_the_only_healthy_one_dies() {
    let (balancer, a, _b) = two().await;
    let flaps = &balancer.pool.backends()[1];
    for (passed, times) in [(false, 3), (true, 2), (false, 3), (true, 2)] {
        check(&balancer.pool, flaps, passed, times);
    }
    let report = flaps.report();
    assert_eq!(report.state, State::Down);
    assert!(report.reason.to_string().contains("held down"));
    assert_eq!(converse(balancer.connect().await).await, "a");
    assert!(!balancer.record().await.last_resort);
    balancer.forget_records();
    all_are_served(&balancer, a).await;
}

#[tokio::test]
async fn a_backend_that_is_ejected_serves_when_the_only_healthy_one_dies() {
    let (balancer, a, _b) = two().await;
    let bad = &balancer.pool.backends()[1];
    for _ in 0..3 {
        bad.observe_session(SessionSignal::ConnectFailed(ConnectFailure::TimedOut));
    }
    eventually("ejected", || bad.report().state == State::Ejected).await;
    all_are_served(&balancer, a).await;
}

/// From the death of the healthy one, unnoticed, over its checks that fail, to fail-open: nobody is refused at any time.
#[tokio::test]
async fn no_client_is_refused_before_or_after_the_pool_fails_open() {
    let (a, mut b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start_with(&[("a", a.address), ("b", b.address)], |config| {
        config.health.hold_down = FOREVER;
        config.checks.intervals = Intervals::every(OFTEN);
    })
    .await;
    balancer.up(2).await;
    let flaps = &balancer.pool.backends()[1];
    for _ in 0..2 {
        let dead = b.die().await;
        eventually("down", || flaps.report().state == State::Down).await;
        b = Echo::listen("b", dead.leave()).await;
        eventually("back", || {
            let report = flaps.report();
            report.state == State::Up || report.reason.label() == "held-down"
        })
        .await;
    }
    assert_eq!(flaps.report().reason.label(), "held-down");
    balancer.up(1).await;
    let _dead = a.die().await;
    let mut after = 0;
    while after < 20 {
        assert_eq!(converse(balancer.connect().await).await, "b");
        after += usize::from(balancer.pool.is_failing_open());
    }
    let records = balancer.records();
    assert!(
        records
            .iter()
            .all(|record| record.termination.code() == "--")
    );
    assert_eq!(counted(&balancer).await.1, 0);
    // In fail-open it has its turns like any other.
    assert!(records.last().is_some_and(|record| !record.last_resort));
}

#[tokio::test]
async fn each_is_tried_once_and_then_the_client_is_refused() {
    let a = Echo::start("a").await;
    let (b, c) = (Refuses::start(), Refuses::start());
    let backends = [("a", a.address), ("b", b.address), ("c", c.address)];
    let balancer = Balancer::start(&backends).await;
    balancer.up(1).await;
    let _a = a.die().await;
    let record = turned_away(&balancer).await;
    assert_eq!(record.termination.code(), "SC");
    let mut failed = failures(&record);
    assert_eq!(failed[0].0, "a", "the usable one comes first: {failed:?}");
    failed.sort_by_key(|&(name, _)| name);
    assert_eq!(
        failed,
        ["a", "b", "c"].map(|name| (name, ConnectFailure::Refused))
    );
    assert!(record.last_resort);
    // The hook sees a record after it was counted.
    assert_eq!(counted(&balancer).await, (0, 1));
}

#[tokio::test]
async fn what_an_operator_has_taken_out_is_no_last_resort() {
    let mut echoes = Vec::new();
    for name in ["dies", "drain", "maintenance", "weightless"] {
        echoes.push((name, Echo::start(name).await));
    }
    let backends: Vec<_> = echoes
        .iter()
        .map(|(name, echo)| (*name, echo.address))
        .collect();
    let balancer = Balancer::start_with(&backends, |config| {
        config.backends[3].attributes.weight = 0;
    })
    .await;
    let all = balancer.pool.backends();
    eventually("checked", || {
        all.iter().all(|b| b.report().state == State::Up)
    })
    .await;
    for (backend, state) in [(1, AdminState::Drain), (2, AdminState::Maintenance)] {
        let id = all[backend].id();
        balancer.pool.set_admin_state(id, state, "by test").unwrap();
    }
    check(&balancer.pool, &all[3], false, 3);
    let _dead = echoes.remove(0).1.die().await;
    let record = turned_away(&balancer).await;
    assert_eq!(failures(&record), [("dies", ConnectFailure::Refused)]);
    assert!(!record.last_resort);
    assert_eq!(counted(&balancer).await, (0, 0));
}

#[tokio::test]
async fn without_fail_open_there_is_no_last_resort() {
    let (balancer, a, _b) = two().await;
    balancer.settings.lock().unwrap().health.fail_open = false;
    balancer.lifecycle.reload().await.unwrap();
    let unfit = &balancer.pool.backends()[1];
    check(&balancer.pool, unfit, false, 3);
    let _dead = a.die().await;
    let record = turned_away(&balancer).await;
    assert_eq!(failures(&record), [("a", ConnectFailure::Refused)]);
    assert_eq!(record.termination.code(), "SC");
}

#[tokio::test]
async fn an_operator_sees_it() {
    let (a, down) = (Echo::start("a").await, Refuses::start());
    let mut command = program();
    command.args(["--backend", &format!("b={}", down.address)]);
    command.env("NETSOCKET_CHECK_INTERVAL", "1h");
    command.env("NETSOCKET_CHECK_FAST_INTERVAL", "1h");
    let program = Program::start_as(command, a.address);
    program.ready().await;
    program.said(&["backend down", "backend=\"b\""]).await;
    let _b = Echo::listen("b", down.leave()).await;
    let _dead = a.die().await;
    let client = tokio::net::TcpStream::connect(program.address)
        .await
        .unwrap();
    assert_eq!(converse(client).await, "b");
    program
        .said(&[
            "WARN",
            "no usable backend, trying an unhealthy one",
            "backend=\"b\" state=\"down\" suppressed=0",
        ])
        .await;
}
