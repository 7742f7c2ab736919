//! New settings while sessions run: all of them or nothing, and what stays is not touched.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use netsocket_balancer::backend::Attributes;
use netsocket_balancer::balance::Policy;
use netsocket_balancer::config::Removed;
use netsocket_balancer::health::{AdminState, Expect, Probe, State};
use netsocket_balancer::metrics::names;
use netsocket_balancer::{BackendAddress, BackendChanges, Config, ReloadError};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peers::{Echo, converse};
use crate::process::{Program, program};
use crate::running::{Balancer, eventually, read_to_end, soon};

/// Changes what a reload reads.
fn set(balancer: &Balancer, change: impl FnOnce(&mut Config)) {
    change(&mut balancer.settings.lock().unwrap());
}

fn backend(name: &str, echo: &Echo) -> BackendAddress {
    BackendAddress {
        name: name.into(),
        host: echo.address.ip().to_string(),
        port: echo.address.port(),
        attributes: Attributes::default(),
    }
}

async fn metric(balancer: &Balancer, name: &str) -> String {
    let (_, page) = balancer.get("/metrics").await;
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(' ')?.to_owned());
    page.lines().find_map(value).unwrap()
}

/// A session that has said its backend's name.
async fn open(balancer: &Balancer) -> (String, TcpStream) {
    let mut client = balancer.connect().await;
    let mut name = [0; 2];
    soon(client.read_exact(&mut name)).await.unwrap();
    (char::from(name[0]).to_string(), client)
}

/// Ends such a session, in which everything still goes through.
async fn finish(mut client: TcpStream) {
    soon(client.write_all(b"still")).await.unwrap();
    soon(client.shutdown()).await.unwrap();
    assert_eq!(read_to_end(&mut client).await, (b"still".to_vec(), false));
}

#[tokio::test]
async fn what_stays_keeps_health_counters_and_sessions() {
    let (a, b, c) = (
        Echo::start("a").await,
        Echo::start("b").await,
        Echo::start("c").await,
    );
    let balancer = Balancer::start(&[("a", a.address), ("b", b.address)]).await;
    balancer.up(2).await;
    let mut sessions = vec![open(&balancer).await, open(&balancer).await];
    sessions.sort_by(|one, other| one.0.cmp(&other.0));
    let before = balancer.pool.backends();
    balancer
        .pool
        .set_admin_state(before[0].id(), AdminState::Drain, "by test")
        .unwrap();

    set(&balancer, |config| {
        config.backends = vec![backend("a", &a), backend("c", &c)];
        config.backends[0].attributes.weight = 3;
        config.balance = Policy::LeastConnections;
        config.timeouts.idle = Duration::from_secs(77);
    });
    let changes = balancer.lifecycle.reload().await.unwrap();
    assert_eq!(changes.changed, ["balance", "idle_timeout"]);
    let names = |list: &[&str]| -> Vec<String> { list.iter().map(|&name| name.into()).collect() };
    let expected = BackendChanges {
        added: names(&["c"]),
        removed: names(&["b"]),
        altered: names(&["a"]),
    };
    assert_eq!((&changes.backends, changes.cut), (&expected, 0));
    assert!(changes.needs_restart.is_empty());

    // The new one had to be checked first; nobody else takes sessions, as the old one is drained.
    eventually("c is up", || {
        balancer.pool.backends()[1].report().state == State::Up
    })
    .await;
    let after = balancer.pool.backends();
    assert_eq!(after[0].id(), before[0].id());
    let report = after[0].report();
    assert_eq!(
        (report.state, report.admin),
        (State::Draining, AdminState::Drain)
    );
    assert_eq!(
        (after[0].figures().active, after[0].attributes().weight),
        (1, 3)
    );
    assert_eq!(converse(balancer.connect().await).await, "c");
    assert_eq!(before[1].figures().active, 1, "b has its session still");
    for (_, client) in sessions {
        finish(client).await;
    }
    assert_eq!(balancer.pool.policy(), Policy::LeastConnections);
    assert_eq!(metric(&balancer, names::CONFIG_GENERATION.name).await, "2");
}

#[tokio::test]
async fn sessions_of_a_backend_that_goes_are_cut_where_that_is_set() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start(&[("a", a.address), ("b", b.address)]).await;
    balancer.up(2).await;
    let sessions = [open(&balancer).await, open(&balancer).await];
    set(&balancer, |config| {
        config.backends.truncate(1);
        config.lifecycle.removed = Removed::Cut;
    });
    let changes = balancer.lifecycle.reload().await.unwrap();
    assert_eq!(
        (changes.cut, &changes.changed[..]),
        (1, &["reload_removed"][..])
    );
    for (name, mut client) in sessions {
        match name.as_str() {
            "a" => finish(client).await,
            _ => assert_eq!(read_to_end(&mut client).await, (vec![], true)),
        }
    }
    let records = balancer.records_of(2).await;
    let mut codes: Vec<_> = records
        .iter()
        .map(|record| record.termination.code())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["--", "KD"]);
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_named_and_left_alone() {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    balancer.up(1).await;
    set(&balancer, |config| {
        config.listen = ([127, 0, 0, 1], 1).into();
        config.workers = 3.try_into().unwrap();
    });
    let (status, answer) = balancer.post("/api/v1/reload", "").await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["generation"]), (200, &2.into()));
    assert_eq!(
        answer["needs_restart"],
        serde_json::json!(["listen", "workers"])
    );
    assert_eq!(answer["changed"], serde_json::json!([]));
    let (_, history) = balancer.get("/api/v1/history").await;
    let history: Value = serde_json::from_str(&history).unwrap();
    let told = |event: &&Value| event["event"] == "reload";
    let event = history["events"].as_array().unwrap().iter().find(told);
    assert_eq!(
        event.unwrap()["text"],
        "generation 2: needs restart listen, workers"
    );
    let (_, config) = balancer.get("/api/v1/config").await;
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["settings"]["workers"], "2");
    assert_eq!(
        config["latest_reload"]["changes"]["needs_restart"][0],
        "listen"
    );
    assert_eq!(converse(balancer.connect().await).await, "echo");
}

#[tokio::test]
async fn a_bad_one_changes_nothing_and_says_why() {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    balancer.up(1).await;
    // Refused by the resolver itself, without a question to the network.
    let long = "x".repeat(64);
    let good = balancer.settings.lock().unwrap().clone();
    set(&balancer, |config| {
        config.timeouts.idle = Duration::from_secs(7);
        for name in ["p", "q"] {
            let mut bad = backend(name, &echo);
            bad.host.clone_from(&long);
            config.backends.push(bad);
        }
    });
    let (status, said) = balancer.post("/api/v1/reload", "").await;
    let starts: Vec<_> = said.lines().map(|line| &line[..10]).collect();
    assert_eq!(
        (status, &starts[..]),
        (422, &["backend p=", "backend q="][..])
    );
    assert_eq!(balancer.pool.backends().len(), 1);
    let (_, config) = balancer.get("/api/v1/config").await;
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        (&config["generation"], &config["settings"]["idle_timeout"]),
        (&1.into(), &"10m".into())
    );
    let latest = &config["latest_reload"];
    assert_eq!(
        (
            &latest["result"],
            latest["problems"].as_array().unwrap().len()
        ),
        (&"refused".into(), 2)
    );
    assert_eq!(metric(&balancer, names::RELOAD_SUCCESS.name).await, "0");

    set(&balancer, |config| *config = good);
    assert!(balancer.lifecycle.reload().await.is_ok());
    assert_eq!(metric(&balancer, names::RELOAD_SUCCESS.name).await, "1");
    assert_eq!(metric(&balancer, names::CONFIG_GENERATION.name).await, "2");

    let lifecycle = balancer.lifecycle.clone();
    balancer.stop().await;
    assert_eq!(lifecycle.reload().await, Err(ReloadError::Draining));
}

#[tokio::test]
async fn rules_and_checks_hold_from_then_on() {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    balancer.up(1).await;
    set(&balancer, |config| {
        config.limits.deny = ["127.0.0.1"]
            .map(|one| one.parse().unwrap())
            .into_iter()
            .collect();
        config.checks.probe = Probe::Exchange {
            send: b"secret".to_vec(),
            expect: Expect::pattern("^nothing like it$").unwrap(),
        };
        config.checks.timeout = Duration::from_millis(200);
        config.health.thresholds.fall = 1.try_into().unwrap();
        config.health.fail_open = false;
    });
    let changes = balancer.lifecycle.reload().await.unwrap();
    assert!(changes.changed.contains(&"check_kind"));
    // The reset may meet the connect.
    if let Ok(mut client) = soon(TcpStream::connect(balancer.address)).await {
        assert_eq!(read_to_end(&mut client).await, (vec![], true));
    }
    assert_eq!(balancer.record().await.termination.code(), "PR");
    // By the old checks the next one was an hour away.
    balancer.up(0).await;
    let (_, config) = balancer.get("/api/v1/config").await;
    assert!(config.contains("\"check_send\":\"(hidden)\"") && !config.contains("secret"));
}

#[tokio::test]
async fn the_token_is_read_anew_and_no_foreign_page_can_reload() {
    let echo = Echo::start("echo").await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"first\n").unwrap();
    let path = file.path().to_owned();
    let balancer = Balancer::start_with(&[("echo", echo.address)], |config| {
        config.admin_token_file = Some(path.clone());
    })
    .await;
    let first = "Authorization: Bearer first\r\n";
    let reload = |head: &'static str| balancer.post_with("/api/v1/reload", head, "");
    fs::write(&path, "second\n").unwrap();
    assert_eq!(reload(first).await.0, 200);
    assert_eq!(reload(first).await.0, 401);
    assert_eq!(reload("Authorization: Bearer second\r\n").await.0, 200);
    assert_eq!(reload("Origin: http://evil.example\r\n").await.0, 403);
    fs::write(&path, "\n").unwrap();
    let (status, said) = reload("").await;
    assert_eq!(status, 422);
    assert!(said.contains("contains no token"), "{said}");
    assert_eq!(reload("Authorization: Bearer second\r\n").await.0, 422);
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn the_program_reloads_at_a_hangup() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let dir = tempfile::tempdir().unwrap();
    let (file, log) = (
        dir.path().join("balancer.toml"),
        dir.path().join("access.log"),
    );
    write(&file, "idle_timeout = '5m'\n");
    let mut command = program();
    command
        .arg("--config")
        .arg(&file)
        .env("NETSOCKET_ACCESS_LOG_TARGET", &log);
    let program = Program::start_as(command, a.address);
    program.ready().await;
    let session = async || converse(TcpStream::connect(program.address).await.unwrap()).await;
    assert_eq!(session().await, "a");
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    eventually("a line", || lines(&log) == 1).await;

    // A bad file: both problems, and nothing happens. The backend on the command line stands above the file.
    write(
        &file,
        "idle_timeout = 'long'\nbalance = 'fair'\nworkers = 3\n",
    );
    program.send(Signal::HUP);
    program.said(&["reload refused", "idle_timeout"]).await;
    program.said(&["reload refused", "balance"]).await;
    assert_eq!(session().await, "a");

    let moved = dir.path().join("access.log.1");
    eventually("two lines", || lines(&log) == 2).await;
    fs::rename(&log, &moved).unwrap();
    let text = format!(
        "idle_timeout = '7m'\nworkers = 3\nbackends = ['b={}']\n",
        b.address
    );
    write(&file, &text);
    program.send(Signal::HUP);
    program
        .said(&["settings reloaded", "generation=2", "idle_timeout"])
        .await;
    assert_eq!(
        program.lines_with(&["settings reloaded", "needs_restart=\"workers\""]),
        1
    );
    assert_eq!(session().await, "a");
    eventually("a new file", || lines(&log) == 1).await;
    assert_eq!(lines(&moved), 2);
}
