//! Admin HTTP: what it says is what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use netsocket_balancer::health::Intervals;
use netsocket_balancer::metrics::names;
use netsocket_telemetry::ProducerConfig;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peers::{Echo, Puppet, Refuses, converse};
use crate::running::{Balancer, eventually, reset, soon};

/// The samples of `/metrics`, by name and labels.
async fn metrics(balancer: &Balancer) -> BTreeMap<String, f64> {
    let (status, text) = balancer.get("/metrics").await;
    assert_eq!(status, 200);
    let sample = |line: &str| {
        let (key, value) = line.rsplit_once(' ').unwrap();
        (key.to_owned(), value.parse().unwrap())
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(sample)
        .collect()
}

async fn json(balancer: &Balancer, path: &str) -> Value {
    let (status, text) = balancer.get(path).await;
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn readiness_follows_the_backends() {
    let refuses = Refuses::start();
    let balancer = Balancer::start_with(&[("a", refuses.address)], |config| {
        config.checks.intervals = Intervals::every(Duration::from_millis(50));
        config.checks.timeout = crate::running::PATIENCE;
    })
    .await;
    assert_eq!(balancer.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(
        balancer.get("/readyz").await,
        (503, "no backend is up\n".to_owned())
    );
    let pools = json(&balancer, "/api/v1/pools").await;
    let backend = &pools["pools"][0]["backends"][0];
    assert_eq!(
        (&backend["state"], &backend["reason"]),
        (&"down".into(), &"not up yet: connection refused".into())
    );

    let echo = Echo::listen("a", refuses.leave()).await;
    balancer.up(1).await;
    assert_eq!(balancer.get("/readyz").await, (200, "ready\n".to_owned()));
    let pools = json(&balancer, "/api/v1/pools").await;
    let backend = &pools["pools"][0]["backends"][0];
    assert_eq!(
        (&backend["state"], &backend["reason"]),
        (&"up".into(), &"first check passed".into())
    );
    assert_eq!(backend["checks"]["last"]["result"], "passed");

    let _dead = echo.die().await;
    balancer.up(0).await;
    assert_eq!(balancer.get("/readyz").await.0, 503);
}

#[tokio::test]
async fn the_counters_are_the_sum_of_the_records() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let puppet = Puppet::start().await;
    let backends = [
        ("a", a.address),
        ("b", b.address),
        ("puppet", puppet.address),
    ];
    let balancer = Balancer::start(&backends).await;
    balancer.up(3).await;
    drop(puppet.accept().await);
    let _dead = b.die().await;
    // Two rounds: normal ends at `a`, retries after `b`, and sessions at the puppet of which one is reset by each side.
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(balancer.connect().await);
    }
    let at_puppet = [puppet.accept().await, puppet.accept().await];
    let mut sessions = tokio::task::JoinSet::new();
    for client in open {
        sessions.spawn(async move {
            // Those of the puppet do not get their bytes back.
            let _ = tokio::task::spawn(converse(client)).await;
        });
    }
    for mut session in at_puppet {
        // Only what is relayed can be lost; before that a reset is a failed connect.
        soon(session.read_u8()).await.unwrap();
        reset(session);
    }
    drop(puppet);
    sessions.join_all().await;
    eventually("all over", || balancer.records().len() == 6).await;

    let records = balancer.records();
    let samples = metrics(&balancer).await;
    let of = |name: &str, labels: &str| samples[&format!("{name}{labels}")];
    for code in ["--", "SD", "SC", "CD"] {
        let count = records
            .iter()
            .filter(|record| record.termination.code() == code)
            .count();
        let label = format!("{{termination=\"{code}\"}}");
        assert_eq!(of(names::SESSIONS.name, &label), count as f64, "{code}");
    }
    assert!(
        records
            .iter()
            .any(|record| record.termination.code() == "SD")
    );
    let up: u64 = records.iter().map(|record| record.traffic.up).sum();
    let down: u64 = records.iter().map(|record| record.traffic.down).sum();
    assert_eq!(of(names::BYTES.name, "{direction=\"up\"}"), up as f64);
    assert_eq!(of(names::BYTES.name, "{direction=\"down\"}"), down as f64);
    let retries: usize = records.iter().map(|record| record.retries()).sum();
    assert!(retries > 0);
    assert_eq!(of(names::RETRIES.name, ""), retries as f64);
    for name in ["a", "b", "puppet"] {
        let label = format!("{{pool=\"default\",backend=\"{name}\"}}");
        let is = |backend: &netsocket_balancer::backend::Backend| backend.name() == name;
        let mine: Vec<_> = records
            .iter()
            .filter(|record| record.backend.as_deref().is_some_and(is))
            .collect();
        let failed = records
            .iter()
            .flat_map(|r| &r.failures)
            .filter(|(backend, _)| is(backend))
            .count();
        let broken = mine
            .iter()
            .filter(|record| record.termination.code() == "SD")
            .count();
        assert_eq!(of(names::BACKEND_SESSIONS.name, &label), mine.len() as f64);
        assert_eq!(
            of(names::BACKEND_ERRORS.name, &label),
            (failed + broken) as f64,
            "{name}"
        );
    }
    eventually("none open", || {
        balancer
            .pool
            .backends()
            .iter()
            .all(|b| b.figures().active == 0)
    })
    .await;
    let sessions = json(&balancer, "/api/v1/pools").await["sessions"].take();
    assert_eq!(
        (&sessions["total"], &sessions["active"]),
        (&6.into(), &0.into())
    );
    assert_eq!(sessions["bytes_up"], up);
}

#[tokio::test]
async fn every_metric_is_there_once_with_its_type() {
    let echo = Echo::start("a").await;
    // A broker that refuses: telemetry goes on trying, and its figures show.
    let broker = Refuses::start();
    let balancer = Balancer::start_with(&[("a", echo.address)], |config| {
        config.producer = Some(ProducerConfig::new(vec![broker.address.to_string()]));
    })
    .await;
    let (_, text) = balancer.get("/metrics").await;
    for family in names::ALL {
        let head = format!("# TYPE {} ", family.name);
        assert_eq!(text.matches(&head).count(), 1, "{}", family.name);
    }
    assert_eq!(text.matches("# TYPE ").count(), names::ALL.len());
    let telemetry = json(&balancer, "/api/v1/pools").await["telemetry"].take();
    assert_eq!(
        (&telemetry["enabled"], &telemetry["connected"]),
        (&true.into(), &false.into())
    );
}

#[tokio::test]
async fn the_history_has_a_record_a_second() {
    let echo = Echo::start("server").await;
    let balancer = Balancer::start(&[("server", echo.address)]).await;
    balancer.up(1).await;
    assert_eq!(converse(balancer.connect().await).await, "server");
    balancer.record().await;
    let wait = async {
        loop {
            let history = json(&balancer, "/api/v1/history").await;
            if let Some(last) = history["records"]
                .as_array()
                .and_then(|records| records.last())
            {
                return last.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let record = soon(wait).await;
    assert_eq!(
        (&record["role"], &record["client_count"]),
        (&"balancer".into(), &1.into())
    );
    assert_eq!(record["server_active_clients"], 0);
    assert_eq!(record["backends"][0]["state"], "up");
    assert_eq!(record["instance"], balancer.address.to_string());
}

#[tokio::test]
async fn the_page_can_be_read_without_scripts() {
    let echo = Echo::start("server").await;
    let balancer = Balancer::start(&[("server", echo.address)]).await;
    balancer.up(1).await;
    let (status, page) = balancer.get("/").await;
    assert_eq!(status, 200);
    for text in [
        "server",
        &echo.address.to_string(),
        "first check passed",
        "The backend is up",
        "<p id=\"summary\">0 of at most ",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let said = "no such path: GET /nowhere; the status page is at /, metrics at /metrics, and docs/admin.md has the rest\n";
    assert_eq!(balancer.get("/nowhere").await, (404, said.to_owned()));
    let said = "/api/v1/pools takes no POST; docs/admin.md says what it takes\n";
    let answer = balancer.post("/api/v1/pools", "").await;
    assert_eq!(answer, (405, said.to_owned()));
}

#[tokio::test]
async fn the_relay_can_be_switched_while_a_session_runs() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    let path = "/api/v1/relay";
    assert_eq!(json(&balancer, path).await["mode"], "auto");
    let chunk = vec![7; 1 << 20];
    let mut back = vec![0; 1 << 20];
    for mode in ["splice", "copy", "auto", "copy"] {
        let body = format!("{{\"mode\":\"{mode}\"}}");
        assert_eq!(balancer.put(path, "", &body).await, (200, body.clone()));
        assert_eq!(json(&balancer, path).await["mode"], mode);
        let (sent, read) =
            soon(async { tokio::join!(client.write_all(&chunk), backend.read_exact(&mut back)) })
                .await;
        sent.unwrap();
        read.unwrap();
        assert_eq!(back, chunk, "{mode}");
    }

    // What is wrong changes nothing, and says why.
    let (status, said) = balancer.put(path, "", "{\"mode\":\"fast\"}").await;
    assert_eq!(
        (status, &said[..]),
        (422, "mode must be auto, copy or splice, got \"fast\"\n")
    );
    assert_eq!(balancer.put(path, "", "{").await.0, 400);
    assert_eq!(balancer.put(path, "", "").await.0, 422);
    let cross = "Origin: http://evil.example\r\n";
    let (status, said) = balancer.put(path, cross, "{\"mode\":\"auto\"}").await;
    assert_eq!(status, 403, "{said}");
    assert_eq!(json(&balancer, path).await["mode"], "copy");
}
