//! The drain of one backend: new sessions elsewhere at once, the rest closed by the deadline.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peers::{Echo, Puppet, converse};
use crate::running::{Balancer, eventually, read_to_end, soon};

/// A balancer before a puppet with so many sessions, and an echo.
pub async fn busy(count: usize) -> (Balancer, Echo, Puppet, Vec<(TcpStream, TcpStream)>) {
    let (echo, puppet) = (Echo::start("echo").await, Puppet::start().await);
    let backends = [("puppet", puppet.address), ("echo", echo.address)];
    let balancer = Balancer::start(&backends).await;
    balancer.up(2).await;
    drop(puppet.accept().await); // the first check
    let out = "/api/v1/backends/echo/maintenance";
    assert_eq!(balancer.post(out, "").await.0, 200);
    let mut sessions = Vec::new();
    for _ in 0..count {
        let client = balancer.connect().await;
        sessions.push((client, puppet.accept().await));
    }
    assert_eq!(
        balancer.post("/api/v1/backends/echo/ready", "").await.0,
        200
    );
    balancer.up(2).await;
    (balancer, echo, puppet, sessions)
}

async fn state(balancer: &Balancer) -> Value {
    let (_, text) = balancer.get("/api/v1/backends/puppet").await;
    serde_json::from_str(&text).unwrap()
}

async fn works((client, backend): &mut (TcpStream, TcpStream)) {
    client.write_all(b"x").await.unwrap();
    soon(backend.read_u8()).await.unwrap();
}

#[tokio::test]
async fn sessions_that_are_left_are_closed_by_the_deadline() {
    let (balancer, _echo, _puppet, mut sessions) = busy(4).await;
    let body = "{\"deadline\":\"1s\",\"spread\":\"800ms\"}";
    let (status, said) = balancer.post("/api/v1/backends/puppet/drain", body).await;
    assert_eq!(status, 200, "{said}");
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["state"], "draining");
    assert_eq!(answer["drain"]["sessions_left"], 4);
    assert!(answer["drain"]["deadline_ms"].as_u64().unwrap() <= 1_000);
    // New ones go elsewhere at once; those that are there go on.
    assert_eq!(converse(balancer.connect().await).await, "echo");
    works(sessions.last_mut().unwrap()).await;
    let records = || {
        let mut all = balancer.records();
        all.retain(|record| {
            record
                .backend
                .as_ref()
                .is_some_and(|b| b.name() == "puppet")
        });
        all
    };
    eventually("all closed", || records().len() == 4).await;
    for record in records() {
        assert_eq!(record.termination.code(), "KD");
    }
    for (mut client, mut backend) in sessions {
        assert!(read_to_end(&mut client).await.1, "by reset");
        read_to_end(&mut backend).await;
    }
    let wait = async {
        loop {
            let drain = state(&balancer).await["drain"].take();
            if drain["done"] == true {
                return drain;
            }
        }
    };
    let drain = soon(wait).await;
    assert_eq!(
        (&drain["closed"], &drain["sessions_left"]),
        (&4.into(), &0.into())
    );
}

#[tokio::test]
async fn a_drain_can_be_undone() {
    let (balancer, _echo, puppet, mut sessions) = busy(2).await;
    // By another deadline, too.
    for deadline in ["1s", "1500ms"] {
        let body = format!("{{\"deadline\":\"{deadline}\",\"spread\":\"0\"}}");
        assert_eq!(
            balancer
                .post("/api/v1/backends/puppet/drain", &body)
                .await
                .0,
            200
        );
    }
    assert_eq!(
        balancer.post("/api/v1/backends/puppet/ready", "").await.0,
        200
    );
    // A drain that was begun later and is over shows that the time of the first has come.
    let probe = Balancer::start(&[("puppet", puppet.address)]).await;
    drop(puppet.accept().await);
    let client = probe.connect().await;
    let held = puppet.accept().await;
    let body = "{\"deadline\":\"1600ms\",\"spread\":\"0\"}";
    assert_eq!(
        probe.post("/api/v1/backends/puppet/drain", body).await.0,
        200
    );
    probe.record().await;
    drop((client, held));
    assert!(balancer.records().is_empty());
    for session in &mut sessions {
        works(session).await;
    }
    assert_eq!(state(&balancer).await["drain"], Value::Null);
    let client = balancer.connect().await;
    let other = balancer.connect().await;
    // It is picked again.
    soon(puppet.accept()).await;
    drop((client, other));
}

#[tokio::test]
async fn without_a_deadline_sessions_end_when_they_end() {
    let (balancer, _echo, _puppet, mut sessions) = busy(1).await;
    assert_eq!(
        balancer.post("/api/v1/backends/puppet/drain", "").await.0,
        200
    );
    let drain = state(&balancer).await["drain"].take();
    assert_eq!(
        (
            &drain["sessions_left"],
            &drain["deadline"],
            &drain["closing"],
            &drain["done"]
        ),
        (&1.into(), &Value::Null, &false.into(), &false.into())
    );
    works(&mut sessions[0]).await;
    drop(sessions);
    let wait = async { while state(&balancer).await["drain"]["done"] != true {} };
    soon(wait).await;
    assert_ne!(balancer.record().await.termination.code(), "KD");
}

#[tokio::test]
async fn at_a_deadline_of_zero_all_go_at_once() {
    let (balancer, _echo, _puppet, sessions) = busy(3).await;
    let body = "{\"deadline\":\"0\"}";
    assert_eq!(
        balancer.post("/api/v1/backends/puppet/drain", body).await.0,
        200
    );
    for record in balancer.records_of(3).await {
        assert_eq!(record.termination.code(), "KD");
    }
    drop(sessions);
}
