//! Silence ends a session; any byte puts that off.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

use crate::peers::Puppet;
use crate::running::{Balancer, NEVER, eventually, read_to_end, soon};

const LIMIT: Duration = Duration::from_secs(2);
/// Of a peer that sends a byte now and then, so many of them: for longer than the limit.
const PACE: Duration = Duration::from_millis(400);
const BYTES: u32 = 8;

#[tokio::test]
async fn a_silent_session_is_closed_on_both_sides() {
    let (balancer, mut client, mut backend) = Puppet::session(|config| {
        config.timeouts.idle = LIMIT;
        config.timeouts.half_close = NEVER;
    })
    .await;
    let began = Instant::now();
    // Nobody waits for anything, so it is a plain close.
    assert_eq!(read_to_end(&mut client).await, (vec![], false));
    assert_eq!(read_to_end(&mut backend).await, (vec![], false));
    assert!(began.elapsed() > LIMIT / 2);
    assert_eq!(balancer.record().await.termination.code(), "cD");
}

#[tokio::test]
async fn bytes_in_one_direction_keep_it_alive() {
    let (balancer, mut client, mut backend) = Puppet::session(|config| {
        config.timeouts.idle = LIMIT;
        config.timeouts.half_close = NEVER;
    })
    .await;
    let mut pace = interval(PACE);
    for _ in 0..BYTES {
        pace.tick().await;
        backend.write_all(b"x").await.unwrap();
        assert_eq!(soon(client.read_u8()).await.unwrap(), b'x');
    }
    // Whether that was the whole answer nobody here can tell: a plain close would say so.
    assert_eq!(read_to_end(&mut client).await, (vec![], true));
    let record = balancer.record().await;
    assert_eq!(
        (record.termination.code(), record.traffic.down),
        ("sD", BYTES.into())
    );
    assert!(record.total >= (BYTES - 1) * PACE + LIMIT);
}

#[tokio::test]
async fn after_one_end_the_shorter_limit_holds_and_bytes_put_it_off() {
    let (balancer, mut client, mut backend) = Puppet::session(|config| {
        config.timeouts.idle = NEVER;
        config.timeouts.half_close = LIMIT;
    })
    .await;
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut backend).await, (vec![], false));
    let mut pace = interval(PACE);
    for _ in 0..BYTES {
        pace.tick().await;
        backend.write_all(b"x").await.unwrap();
    }
    // The client waits for the rest of an answer: a plain close would look like its end.
    assert_eq!(
        read_to_end(&mut client).await,
        (b"x".repeat(BYTES as usize), true)
    );
    assert_eq!(balancer.record().await.termination.code(), "sD");
}

#[tokio::test]
async fn an_answer_that_stops_in_its_middle_ends_in_a_reset() {
    let (balancer, mut client, mut backend) = Puppet::session(|config| {
        config.timeouts.idle = LIMIT;
        config.timeouts.half_close = NEVER;
    })
    .await;
    client.write_all(b"get").await.unwrap();
    let mut asked = [0; 3];
    soon(backend.read_exact(&mut asked)).await.unwrap();
    let part = vec![7; 3 << 20];
    let sent = part.clone();
    // A backend that is still there, and says nothing more.
    let sending = tokio::spawn(async move {
        backend.write_all(&sent).await.unwrap();
        backend
    });
    let (received, was_reset) = read_to_end(&mut client).await;
    assert!(received == part, "{} bytes", received.len());
    assert!(was_reset, "half an answer must not look like a whole one");
    let record = balancer.record().await;
    assert_eq!(record.termination.code(), "sD");
    assert_eq!(balancer.pool.backends()[0].figures().errors, 1);
    drop(sending.await.unwrap());
}

/// Sends to a client that reads nothing, until the session has ended because of that.
async fn flooded(balancer: &Balancer, mut backend: TcpStream) {
    let flood = tokio::spawn(async move {
        let chunk = vec![7; 1 << 20];
        while backend.write_all(&chunk).await.is_ok() {}
    });
    assert_eq!(balancer.record().await.termination.code(), "cD");
    soon(flood).await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_the_one_that_timed_out() {
    let (balancer, client, backend) = Puppet::session(|config| {
        config.timeouts.idle = LIMIT;
        config.timeouts.half_close = NEVER;
    })
    .await;
    flooded(&balancer, backend).await;
    drop(client);
}

#[tokio::test]
async fn the_connection_to_a_backend_is_kept_alive_once_the_session_lives_on() {
    let (_balancer, _client, backend) = Puppet::session(|_| {}).await;
    let (ours, theirs) = (backend.peer_addr().unwrap(), backend.local_addr().unwrap());
    eventually("a keepalive timer", || {
        keepalive_timer(ours.port(), theirs.port()).is_some()
    })
    .await;
}

#[tokio::test]
async fn each_side_has_a_limit_of_its_own_while_it_is_waited_for() {
    for (waits_for, code) in [("client", "cD"), ("backend", "sD")] {
        let (balancer, mut client, mut backend) = Puppet::session(|config| {
            let of = |side| if side == waits_for { LIMIT } else { NEVER };
            config.timeouts.idle = NEVER;
            config.timeouts.client_idle = Some(of("client"));
            config.timeouts.backend_idle = Some(of("backend"));
        })
        .await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(soon(backend.read_u8()).await.unwrap(), b'x');
        if waits_for == "client" {
            backend.write_all(b"y").await.unwrap();
        }
        let record = balancer.record().await;
        assert_eq!(record.termination.code(), code, "{waits_for}");
        assert!(record.total >= LIMIT, "{:?}", record.total);
    }
}

#[tokio::test]
async fn a_session_that_never_rests_ends_at_its_longest_life() {
    let (balancer, mut client, mut backend) = Puppet::session(|config| {
        config.timeouts.max_age = LIMIT;
        config.timeouts.age_jitter = 50;
    })
    .await;
    let talk = tokio::spawn(async move {
        let mut pace = interval(PACE / 8);
        while backend.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    });
    assert!(read_to_end(&mut client).await.1, "it is reset");
    let record = balancer.record().await;
    assert_eq!(record.termination.code(), "KT");
    assert!(record.total >= LIMIT / 2, "{:?}", record.total);
    soon(talk).await.unwrap();
}

/// One that is alive, answers every probe of its closed window, and does not read.
#[tokio::test]
async fn a_client_that_takes_nothing_is_lost_after_the_user_timeout() {
    let (balancer, client, backend) = Puppet::session(|config| {
        config.timeouts.idle = NEVER;
        config.timeouts.half_close = NEVER;
        config.listen_options.keepalive.user_timeout = LIMIT / 2;
    })
    .await;
    flooded(&balancer, backend).await;
    drop(client);
}

#[tokio::test]
async fn keepalive_is_set_on_both_sides_and_by_a_reload() {
    let long = Duration::from_secs(1000);
    let puppet = Puppet::start().await;
    let balancer = Balancer::start_with(&[("puppet", puppet.address)], |config| {
        config.listen_options.keepalive.time = long;
    })
    .await;
    drop(puppet.accept().await); // the first check
    let client = balancer.connect().await;
    let backend = puppet.accept().await;
    let of_client = (client.peer_addr().unwrap(), client.local_addr().unwrap());
    let of_backend = (backend.peer_addr().unwrap(), backend.local_addr().unwrap());
    for (ours, theirs) in [of_client, of_backend] {
        eventually("a keepalive timer", || {
            keepalive_timer(ours.port(), theirs.port()).is_some_and(|time| time > long / 2)
        })
        .await;
    }
    balancer
        .settings
        .lock()
        .unwrap()
        .listen_options
        .keepalive
        .time = Duration::ZERO;
    let (status, answer) = balancer.post("/api/v1/reload", "").await;
    assert!(
        status == 200 && answer.contains("keepalive_time"),
        "{answer}"
    );
    let later = balancer.connect().await;
    let _backend = puppet.accept().await;
    let (ours, theirs) = (later.peer_addr().unwrap(), later.local_addr().unwrap());
    assert_eq!(keepalive_timer(ours.port(), theirs.port()), None);
}

/// The time until the keepalive timer of this connection goes off (`tr` is 2), in the kernel's table of sockets.
fn keepalive_timer(local: u16, peer: u16) -> Option<Duration> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is = |address: &str, port: u16| address.ends_with(&format!(":{port:04X}"));
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let mine = is(fields[1], local) && is(fields[2], peer);
        let ticks = fields[5].strip_prefix("02:").filter(|_| mine)?;
        // A hundred of the clock that the kernel shows to programs are a second.
        Some(Duration::from_millis(
            10 * u64::from_str_radix(ticks, 16).unwrap(),
        ))
    })
}
