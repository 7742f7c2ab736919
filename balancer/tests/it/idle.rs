//! Silence ends a session; any byte puts that off.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, interval};

use crate::peers::Puppet;
use crate::running::{NEVER, read_to_end, soon};

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
    assert_eq!(read_to_end(&mut client).await, (vec![], false));
    let record = balancer.record().await;
    assert_eq!(
        (record.termination.code(), record.traffic.down),
        ("cD", BYTES.into())
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
