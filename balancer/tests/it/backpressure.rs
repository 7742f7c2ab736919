//! A reader that stalls stops the sender.

use std::time::Duration;

use netsocket_balancer::config::RelayMode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::peers::Puppet;
use crate::running::soon;

/// What a sender wants to get rid of.
const PUSHED: usize = 1 << 30;
/// What four socket buffers and the relay may hold together.
const HELD_AT_MOST: usize = 48 << 20;
/// A write that takes longer is stopped.
const STOPPED: Duration = Duration::from_millis(500);

/// Pushes until nothing moves any more; the bytes that were taken.
async fn push(sender: &mut (impl AsyncWrite + Unpin)) -> usize {
    let chunk = vec![9; 1 << 20];
    let mut taken = 0;
    while taken < PUSHED {
        match timeout(STOPPED, sender.write(&chunk)).await {
            Ok(count) => taken += count.unwrap(),
            Err(_) => break,
        }
    }
    taken
}

async fn drain(reader: &mut (impl AsyncRead + Unpin), count: usize) {
    let mut chunk = vec![0; 1 << 20];
    let mut seen = 0;
    while seen < count {
        let count = soon(reader.read(&mut chunk)).await.unwrap();
        assert!(count > 0 && chunk[..count].iter().all(|&byte| byte == 9));
        seen += count;
    }
    assert_eq!(seen, count);
}

#[tokio::test]
async fn in_either_direction_and_nothing_is_lost() {
    for mode in [RelayMode::Auto, RelayMode::Copy, RelayMode::Splice] {
        stall_and_go_on(mode).await;
    }
}

async fn stall_and_go_on(mode: RelayMode) {
    let (balancer, mut client, mut backend) = Puppet::session(|config| config.relay = mode).await;
    let up = push(&mut client).await;
    let down = push(&mut backend).await;
    assert!(
        up < HELD_AT_MOST && down < HELD_AT_MOST,
        "{up} and {down} bytes were taken"
    );
    drain(&mut backend, up).await;
    drain(&mut client, down).await;
    // The way is free again.
    client.write_all(&[9]).await.unwrap();
    drain(&mut backend, 1).await;
    drop((client, backend));
    let record = balancer.record().await;
    assert_eq!(
        (record.traffic.up, record.traffic.down),
        (up as u64 + 1, down as u64)
    );
}
