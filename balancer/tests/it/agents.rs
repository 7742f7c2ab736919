//! Agents beside backends: what they say becomes weight, limit and state of the backend, and nothing else does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use netsocket_balancer::backend::Backend;
use netsocket_balancer::health::State;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::peers::Echo;
use crate::running::{Balancer, eventually};
use crate::services::start_checking;

/// Answers every question with the same line, which the test can change, once it was asked in the right words.
async fn agent(line: &Arc<Mutex<String>>, asked: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, line) = (listener.local_addr().unwrap(), Arc::clone(line));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut said = vec![0; asked.len()];
            if stream.read_exact(&mut said).await.is_ok() && said == asked.as_bytes() {
                let answer = line.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    address
}

struct World {
    line: Arc<Mutex<String>>,
    balancer: Balancer,
    _echo: Echo,
}

impl World {
    async fn new() -> Self {
        let (echo, line) = (Echo::start("echo").await, Arc::default());
        let agent = agent(&line, "how are you?\n").await;
        let text = format!(
            "listen = '127.0.0.1:0'\n[check]\ninterval = '20ms'\n\
             [agent]\ninterval = '100ms'\nsend = 'how are you?\\n'\n\
             [[backends]]\nname = 'a'\naddress = '{0}'\nweight = 4\nmax_connections = 9\nagent_port = {1}\n\
             [[backends]]\nname = 'b'\naddress = '{0}'\nweight = 4\n",
            echo.address,
            agent.port()
        );
        let balancer = start_checking(&text).await;
        balancer.up(2).await;
        Self {
            line,
            balancer,
            _echo: echo,
        }
    }

    fn backend(&self) -> Arc<Backend> {
        Arc::clone(&self.balancer.pool.backends()[0])
    }

    /// Has the agent say this, and waits until the backend is as it should be.
    async fn says(&self, line: &str, what: &str, mut holds: impl FnMut(&Backend) -> bool) {
        line.clone_into(&mut self.line.lock().unwrap());
        let backend = self.backend();
        eventually(what, || holds(&backend)).await;
    }
}

#[tokio::test]
async fn what_it_says_becomes_of_the_backend() {
    let world = World::new().await;
    world
        .says("50% #busy\n", "half the weight", |it| {
            it.weight_tenths() == 5
        })
        .await;
    world
        .says("drain", "draining", |it| {
            it.report().state == State::Draining
        })
        .await;
    let reason = world.backend().report().reason.to_string();
    assert_eq!(reason, "its agent says drain 50%");
    world
        .says("ready 100% down #disk full", "down", |it| {
            it.report().state == State::Down
        })
        .await;
    let reason = world.backend().report().reason.to_string();
    assert_eq!(reason, "its agent says ready down 100% (disk full)");
    world
        .says("maint", "in maintenance", |it| {
            it.report().state == State::Maintenance
        })
        .await;
    world
        .says("ready up maxconn:3", "up again", |it| {
            it.weight_tenths() == 10
        })
        .await;
    assert_eq!(world.backend().report().state, State::Up);
    assert_eq!(world.backend().agent().most, Some(3));
    let (_, status) = world.balancer.get("/api/v1/backends/a").await;
    assert!(
        status.contains("\"wants\":\"ready 100% maxconn:3\""),
        "{status}"
    );
    let (_, metrics) = world.balancer.get("/metrics").await;
    let line =
        "netsocket_backend_agent_checks_total{pool=\"default\",backend=\"a\",result=\"answered\"} ";
    let shortened = line.replace("pool=\"default\",", "");
    assert!(
        metrics.contains(line) || metrics.contains(&shortened),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_agent_cannot_bring_up_what_its_checks_have_found_down() {
    let World {
        line,
        balancer,
        _echo: echo,
    } = World::new().await;
    "ready up 100%\n".clone_into(&mut line.lock().unwrap());
    let _refuses = echo.die().await;
    eventually("down", || {
        balancer.pool.backends()[0].report().state == State::Down
    })
    .await;
    let answered = || balancer.pool.backends()[0].agent_answers();
    let before = answered();
    eventually("more answers", || answered() > before + 2).await;
    let report = balancer.pool.backends()[0].report();
    assert_eq!(report.state, State::Down);
    assert!(report.reason.to_string().contains("checks failed"));
}

#[tokio::test]
async fn one_that_says_nonsense_or_nothing_changes_nothing() {
    let world = World::new().await;
    world
        .says("drain\n", "draining", |it| {
            it.report().state == State::Draining
        })
        .await;
    let endless = "x".repeat(1 << 20);
    for nonsense in ["", "\n", "what is this", endless.as_str()] {
        nonsense.clone_into(&mut world.line.lock().unwrap());
        let backend = world.backend();
        let before = backend.agent_answers();
        eventually("more answers", || backend.agent_answers() > before + 2).await;
        assert_eq!(backend.report().state, State::Draining);
    }
}
