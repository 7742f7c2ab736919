//! What a backend has for itself: where connections to it come from, its PROXY header, its checks, and what becomes of its
//! sessions when it goes down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use netsocket_balancer::health::State;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::peers::Echo;
use crate::running::{eventually, read_to_end, soon};
use crate::services::{start, start_checking};

/// Remembers from where each session came and what it began with; checks send nothing of that kind.
async fn recorder() -> (SocketAddr, Arc<Mutex<Vec<(SocketAddr, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::default());
    let sink: Arc<Mutex<Vec<_>>> = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, from) = listener.accept().await.unwrap();
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                let mut all = String::new();
                if stream.read_to_string(&mut all).await.is_ok() && all.contains("session") {
                    sink.lock().unwrap().push((from, all));
                }
            });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn sources_take_turns_and_headers_are_a_backends_own() {
    let (a, seen_a) = recorder().await;
    let (b, seen_b) = recorder().await;
    let text = format!(
        "listen = '127.0.0.1:0'\nproxy_send = 'v1'\n\
         [[backends]]\nname = 'a'\naddress = '{a}'\nsource = '127.0.0.2,127.0.0.3'\n\
         [[backends]]\nname = 'b'\naddress = '{b}'\nproxy_send = 'off'\n"
    );
    let balancer = start(&text).await;
    balancer.up(2).await;
    for _ in 0..8 {
        let mut client = balancer.connect().await;
        client.write_all(b"session").await.unwrap();
        client.shutdown().await.unwrap();
        read_to_end(&mut client).await;
    }
    let count = |seen: &Mutex<Vec<_>>| seen.lock().unwrap().len();
    eventually("all sessions", || {
        (count(&seen_a), count(&seen_b)) == (4, 4)
    })
    .await;
    let seen = seen_a.lock().unwrap();
    let mut from: Vec<String> = seen.iter().map(|(from, _)| from.ip().to_string()).collect();
    from.sort();
    assert_eq!(from, ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"]);
    assert!(
        seen.iter()
            .all(|(_, said)| said.starts_with("PROXY TCP4 127.0.0.1 "))
    );
    let seen = seen_b.lock().unwrap();
    assert!(
        seen.iter()
            .all(|(from, said)| from.ip().to_string() == "127.0.0.1" && said == "session")
    );
}

#[tokio::test]
async fn an_address_without_a_port_is_told_with_its_backend() {
    let echo = Echo::start("echo").await;
    // No machine has this one: the system answers as if there were no port left.
    let text = format!(
        "listen = '127.0.0.1:0'\nfail_open = true\n\
         [[backends]]\nname = 'a'\naddress = '{}'\nsource = '192.0.2.77'\n",
        echo.address
    );
    let balancer = crate::running::Balancer::start_unready(&[], |config| {
        *config = crate::services::settings(&format!(
            "admin = '127.0.0.1:0'\naccess_log_target = 'off'\n{text}"
        ));
    });
    // It may be reset before it knows that it is connected.
    let _ = soon(tokio::net::TcpStream::connect(balancer.address)).await;
    // A backend that could not be checked yet takes no session; the check tells of it.
    eventually("a shortage", || balancer.records().len() == 1).await;
    soon(async {
        loop {
            let (_, page) = balancer.get("/metrics").await;
            if page.contains("netsocket_resource_shortages_total{resource=\"local_ports\"} 1") {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_backend_is_checked_its_own_way_and_its_sessions_close_when_it_goes_down() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let text = format!(
        "listen = '127.0.0.1:0'\n\
         [[backends]]\nname = 'a'\naddress = '{}'\ncheck_kind = 'exchange'\ncheck_expect = 'a\\n'\ncheck_interval = '20ms'\non_down = 'close'\n\
         [[backends]]\nname = 'b'\naddress = '{}'\ncheck_kind = 'exchange'\ncheck_expect = 'x'\n",
        a.address, b.address
    );
    let balancer = start(&text).await;
    eventually("both are judged", || {
        let backends = balancer.pool.backends();
        (backends[0].report().state, backends[1].report().state) == (State::Up, State::Down)
    })
    .await;
    assert!(balancer.pool.backends()[0].figures().checks_passed >= 1);
    let mut client = balancer.connect().await;
    let mut name = [0; 2];
    soon(client.read_exact(&mut name)).await.unwrap();
    assert_eq!(&name, b"a\n");
    // Its sessions would go on: it is the balancer that ends them.
    let _refuses = a.die().await;
    let (_, was_reset) = read_to_end(&mut client).await;
    assert!(was_reset);
    assert_eq!(balancer.record().await.termination.code(), "KD");
}

#[tokio::test]
async fn backends_have_thresholds_of_their_own() {
    let echo = Echo::start("echo").await;
    let text = format!(
        "listen = '127.0.0.1:0'\ncheck_fall = 50\n[check]\ninterval = '20ms'\n\
         [[backends]]\nname = 'a'\naddress = '{0}'\ncheck_fall = 2\n\
         [[backends]]\nname = 'b'\naddress = '{0}'\n",
        echo.address
    );
    let balancer = start_checking(&text).await;
    balancer.up(2).await;
    let _refuses = echo.die().await;
    balancer.up(1).await;
    let [a, b] = &balancer.pool.backends()[..] else {
        panic!("two backends");
    };
    let reason = a.report().reason.to_string();
    assert!(reason.starts_with("2 checks failed"), "{reason}");
    assert_eq!(b.report().state, State::Up);
    assert_eq!(b.report().progress.1.get(), 50);
}
