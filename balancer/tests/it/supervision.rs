//! Each long-lived task is made to panic in turn, and comes back to its work. (The workers and the writer of the access log
//! are threads, which only their own tests reach.)

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use netsocket_balancer::health::Intervals;
use netsocket_balancer::metrics::names;
use netsocket_balancer::{Manager as ManagerHandle, Startup};
use netsocket_telemetry::ProducerConfig;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::admission::queued;
use crate::discovery::{by_dns, files, fleet, members};
use crate::drain_backend::busy;
use crate::events::Listener;
use crate::peers::{Dnsmasq, Echo, converse};
use crate::running::{Balancer, NEVER, eventually, read_to_end, soon};
use crate::systemd::Manager;

const OFTEN: Duration = Duration::from_millis(30);

fn panics(balancer: &Balancer, task: &str) -> u64 {
    let panics = balancer.tasks.panics();
    let found = panics.iter().find(|(name, _)| *name == task);
    found.map_or(0, |(_, panics)| *panics)
}

/// Makes a task panic once more; it may be between two starts when it is asked.
async fn end(balancer: &Balancer, task: &str) {
    let before = panics(balancer, task);
    eventually(task, || {
        balancer.tasks.make_panic(task);
        panics(balancer, task) > before
    })
    .await;
}

/// What `/metrics` and the probes say after the first panic of a task.
async fn is_counted_and_well(balancer: &Balancer, task: &str) {
    let (_, page) = balancer.get("/metrics").await;
    let line = format!("{}{{task=\"{task}\"}} 1", names::TASK_PANICS.name);
    assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    assert_eq!(balancer.get("/healthz").await, (200, "ok\n".into()));
    assert_eq!(balancer.get("/readyz").await, (200, "ready\n".into()));
}

#[tokio::test]
async fn a_backend_is_brought_down_and_up_again() {
    let mut echo = Echo::start("a").await;
    let balancer = Balancer::start_with(&[("a", echo.address)], |config| {
        config.checks.intervals = Intervals::every(OFTEN);
    })
    .await;
    balancer.up(1).await;
    for task in ["check", "health"] {
        end(&balancer, task).await;
        let refuses = echo.die().await;
        balancer.up(0).await;
        echo = Echo::listen("a", refuses.leave()).await;
        balancer.up(1).await;
        is_counted_and_well(&balancer, task).await;
    }
    // A backend that comes is checked, too.
    let other = Echo::start("b").await;
    let mut added = balancer.settings.lock().unwrap().backends[0].clone();
    (added.name, added.port) = ("b".to_owned(), other.address.port());
    balancer.settings.lock().unwrap().backends.push(added);
    soon(balancer.lifecycle.reload()).await.unwrap();
    balancer.up(2).await;
}

#[tokio::test]
async fn the_queue_is_served_and_settings_are_reloaded_again() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = Balancer::start_with(&[("a", a.address)], |config| {
        config.backends[0].attributes.max_connections = NonZeroU32::new(1);
        config.queue.timeout = NEVER;
    })
    .await;
    balancer.up(1).await;
    let first = balancer.connect().await;
    let backend = balancer.pool.backends().remove(0);
    eventually("a session", || backend.figures().active == 1).await;
    let waits = balancer.connect().await;
    queued(&balancer, 1).await;

    for task in ["queue", "lifecycle"] {
        end(&balancer, task).await;
        is_counted_and_well(&balancer, task).await;
    }
    let mut added = balancer.settings.lock().unwrap().backends[0].clone();
    (added.name, added.port) = ("b".to_owned(), b.address.port());
    balancer.settings.lock().unwrap().backends.push(added);
    let changes = soon(balancer.lifecycle.reload()).await.unwrap();
    assert_eq!(changes.backends.added, ["b"]);
    assert_eq!(converse(waits).await, "b");
    assert_eq!(converse(first).await, "a");
}

#[tokio::test]
async fn dns_is_followed_again() {
    let Some(dns) = Dnsmasq::start("dns_is_followed_again", &[]).await else {
        return;
    };
    let (_servers, ips, port) = fleet().await;
    dns.name("files.test", &ips[..2]);
    let balancer =
        Balancer::start_with(&[], |config| by_dns(config, dns.address, files(port))).await;
    balancer.up(2).await;
    let kept = balancer.pool.backends()[1].id();
    end(&balancer, "discovery").await;
    assert_eq!(balancer.pool.up_count(), 2);
    dns.name("files.test", &ips[1..3]);
    let expected = ["files-127-0-0-12", "files-127-0-0-13"];
    eventually("the new members", || members(&balancer) == expected).await;
    assert_eq!(balancer.pool.backends()[0].id(), kept);
    balancer.up(2).await;
    is_counted_and_well(&balancer, "discovery").await;
}

#[tokio::test]
async fn the_admin_http_answers_and_events_go_on() {
    let echo = Echo::start("a").await;
    let balancer = Balancer::start(&[("a", echo.address)]).await;
    balancer.up(1).await;
    let mut listener = Listener::start(&balancer).await;
    assert!(listener.next().await.is_some());
    for task in ["events", "admin"] {
        end(&balancer, task).await;
        is_counted_and_well(&balancer, task).await;
        assert!(listener.next().await.is_some(), "the same stream");
    }
    let client = balancer.connect().await;
    while listener.next().await.unwrap()["sessions"]["active"] != 1 {}
    drop(client);
    balancer.stop().await;
    // What is left of the old start ends with the balancer.
    while listener.next().await.is_some() {}
}

#[tokio::test]
async fn a_drain_keeps_its_deadline() {
    let (balancer, _echo, _puppet, sessions) = busy(2).await;
    let body = "{\"deadline\":\"1500ms\",\"spread\":\"0\"}";
    let (status, said) = balancer.post("/api/v1/backends/puppet/drain", body).await;
    assert_eq!(status, 200, "{said}");
    end(&balancer, "drain").await;
    is_counted_and_well(&balancer, "drain").await;
    for (mut client, _backend) in sessions {
        assert!(read_to_end(&mut client).await.1, "by reset");
    }
    for record in balancer.records_of(2).await {
        assert_eq!(record.termination.code(), "KD");
    }
}

#[tokio::test]
async fn telemetry_goes_on_and_a_balancer_does_its_work_without_it() {
    let echo = Echo::start("a").await;
    let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let brokers = vec![broker.local_addr().unwrap().to_string()];
    let balancer = Balancer::start_with(&[("a", echo.address)], |config| {
        config.producer = Some(ProducerConfig::new(brokers));
    })
    .await;
    balancer.up(1).await;
    let first = soon(broker.accept()).await.unwrap();
    end(&balancer, "producer").await;
    let second = soon(broker.accept()).await.unwrap();
    is_counted_and_well(&balancer, "producer").await;

    let records = async || {
        let (_, history) = balancer.get("/api/v1/history").await;
        let history: Value = serde_json::from_str(&history).unwrap();
        history["records"].as_array().unwrap().len()
    };
    end(&balancer, "heartbeat").await;
    is_counted_and_well(&balancer, "heartbeat").await;
    let before = records().await;
    soon(async { while records().await == before {} }).await;

    for _ in 0..3 {
        end(&balancer, "heartbeat").await;
    }
    let failing = "task heartbeat keeps failing\n".to_owned();
    assert_eq!(balancer.get("/readyz").await, (503, failing));
    assert_eq!(balancer.get("/healthz").await.0, 200);
    drop((first, second));
}

/// A balancer that a service manager watches.
fn watched(startup: &mut Startup, path: &std::path::Path) {
    let usec = Duration::from_millis(400).as_micros().to_string();
    let manager = ManagerHandle::of_process(|name| match name {
        "NOTIFY_SOCKET" => path.to_str().map(str::to_owned),
        "WATCHDOG_USEC" => Some(usec.clone()),
        _ => None,
    });
    startup.report_to(manager.unwrap());
}

/// Nothing but the status arrives for some ticks.
fn gets_no_sign_of_life(manager: &mut Manager) {
    // One that was on its way comes before the status of the same tick.
    let mut ticks = 0;
    while ticks < 4 {
        let message = manager.next().expect("a message");
        assert!(ticks == 0 || message != "WATCHDOG=1");
        ticks += usize::from(message.starts_with("STATUS="));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_watchdog_is_fed_again_but_not_while_a_task_keeps_failing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let mut manager = Manager::at(&path);
    let echo = Echo::start("a").await;
    let backends = [("a", echo.address)];
    let balancer = Balancer::start_prepared(&backends, |_| {}, |startup| watched(startup, &path));
    balancer.up(1).await;
    manager.hears("WATCHDOG=1");
    end(&balancer, "systemd").await;
    manager.forget();
    manager.hears("WATCHDOG=1");
    is_counted_and_well(&balancer, "systemd").await;

    for _ in 0..3 {
        end(&balancer, "check").await;
    }
    let failing = "task check keeps failing\n".to_owned();
    assert_eq!(balancer.get("/healthz").await, (503, failing.clone()));
    assert_eq!(balancer.get("/readyz").await, (503, failing));
    manager.forget();
    gets_no_sign_of_life(&mut manager);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_hangs_is_named_and_the_watchdog_is_not_fed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let mut manager = Manager::at(&path);
    let echo = Echo::start("a").await;
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let hangs = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&hangs);
    let balancer = Balancer::start_prepared(
        &[("a", echo.address)],
        |config| config.workers = 1.try_into().unwrap(),
        |startup| {
            watched(startup, &path);
            // It runs on the worker's thread.
            startup.on_record(move |_| {
                hook.store(true, SeqCst);
                let _ = gate.lock().unwrap().recv();
            });
        },
    );
    balancer.up(1).await;
    manager.hears("WATCHDOG=1");
    assert_eq!(converse(balancer.connect().await).await, "a");
    eventually("it hangs", || hangs.load(SeqCst)).await;
    let silent = "worker 0 does not answer\n".to_owned();
    assert_eq!(balancer.get("/healthz").await, (503, silent.clone()));
    assert_eq!(balancer.get("/readyz").await, (503, silent));
    manager.forget();
    gets_no_sign_of_life(&mut manager);
    drop(open);
    manager.hears("WATCHDOG=1");
    assert_eq!(balancer.get("/healthz").await, (200, "ok\n".into()));
}

#[tokio::test]
async fn a_record_that_meets_a_fault_ends_no_other_session() {
    let echo = Echo::start("a").await;
    let is_first = AtomicBool::new(true);
    let balancer = Balancer::start_prepared(
        &[("a", echo.address)],
        |config| config.workers = 1.try_into().unwrap(),
        |startup| {
            startup.on_record(move |_| assert!(!is_first.swap(false, SeqCst), "on purpose"));
        },
    );
    balancer.up(1).await;
    let mut stays = balancer.connect().await;
    soon(stays.read_u8()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(converse(balancer.connect().await).await, "a");
    }
    let one_left = async {
        while !balancer
            .get("/metrics")
            .await
            .1
            .contains("\nnetsocket_sessions_active 1\n")
        {}
    };
    soon(one_left).await;
    assert_eq!(panics(&balancer, "worker"), 0);
    drop(stays);
}
