//! A reset of one side is a reset for the other, and never overtakes data.

use std::time::Duration;

use netsocket_balancer::config::RelayMode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peers::Puppet;
use crate::running::{eventually, read_to_end, reset, soon};

#[tokio::test]
async fn of_the_client() {
    let (balancer, client, mut backend) = Puppet::session(|_| {}).await;
    reset(client);
    assert_eq!(read_to_end(&mut backend).await, (vec![], true));
    assert_eq!(balancer.record().await.termination.code(), "CD");
}

#[tokio::test]
async fn of_the_backend() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    // Before it is relayed a reset counts as a failed connect.
    client.write_all(b"x").await.unwrap();
    assert_eq!(soon(backend.read_u8()).await.unwrap(), b'x');
    reset(backend);
    assert_eq!(read_to_end(&mut client).await, (vec![], true));
    assert_eq!(balancer.record().await.termination.code(), "SD");
    assert_eq!(balancer.pool.backends()[0].figures().errors, 1);
}

#[tokio::test]
async fn of_the_client_after_the_backend_has_ended() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    backend.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, (vec![], false));
    reset(client);
    assert_eq!(read_to_end(&mut backend).await, (vec![], true));
    assert_eq!(balancer.record().await.termination.code(), "CL");
}

#[tokio::test]
async fn data_before_a_reset_of_the_backend_arrives_first() {
    let modes = [RelayMode::Auto, RelayMode::Copy, RelayMode::Splice];
    for (size, mode) in [1, 100_000, 3_000_000]
        .into_iter()
        .flat_map(|size| modes.map(|mode| (size, mode)))
    {
        let (balancer, mut client, mut backend) =
            Puppet::session(|config| config.relay = mode).await;
        let data: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
        let expected = data.clone();
        let sending = tokio::spawn(async move {
            backend.write_all(&data).await.unwrap();
            // A reset throws away what the sender's own system still holds.
            eventually("all sent", || unsent(&backend) == 0).await;
            reset(backend);
        });
        let (received, was_reset) = read_to_end(&mut client).await;
        assert!(received == expected, "{} of {size}", received.len());
        assert!(was_reset);
        sending.await.unwrap();
        let record = balancer.record().await;
        assert_eq!(
            (record.termination.code(), record.traffic.down),
            ("SD", u64::from(size))
        );
    }
}

#[tokio::test]
async fn data_before_a_reset_arrives_at_a_reader_that_is_late() {
    // As much as the reader's own system takes without it.
    let data = vec![5; 30_000];
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    client.write_all(&data).await.unwrap();
    eventually("all sent", || unsent(&client) == 0).await;
    reset(client);
    let record = balancer.record().await;
    assert_eq!(
        (record.termination.code(), record.traffic.up),
        ("CD", 30_000)
    );
    let (received, was_reset) = read_to_end(&mut backend).await;
    assert!(received == data && was_reset, "{} bytes", received.len());
}

#[tokio::test]
async fn found_by_writing_to_it() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    // The backend has said its last word and left; the client goes on sending.
    backend.write_all(b"bye").await.unwrap();
    drop(backend);
    let mut bye = [0; 3];
    soon(client.read_exact(&mut bye)).await.unwrap();
    let refused = soon(async {
        loop {
            if let Err(error) = client.write_all(b"are you there?").await {
                return error.kind();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(
        matches!(
            refused,
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        ),
        "{refused:?}"
    );
    assert_eq!(balancer.record().await.termination.code(), "SD");
}

#[tokio::test]
async fn behind_an_end_is_noticed_on_either_side() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    backend.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, (vec![], false));
    reset(backend);
    // Nothing is read from the backend any more, and nothing is there for it.
    let record = balancer.record().await;
    assert_eq!(record.termination.code(), "SD");
    let refused = soon(client.write_all(b"still there?")).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);

    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut backend).await, (vec![], false));
    reset(client);
    assert_eq!(balancer.record().await.termination.code(), "CD");
    let refused = soon(backend.write_all(b"still there?")).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
}

/// Bytes that the sender's own system still holds, from the kernel's table of sockets (`tx_queue`).
fn unsent(stream: &tokio::net::TcpStream) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let hex = |port: u16| format!(":{port:04X}");
    let local = hex(stream.local_addr().unwrap().port());
    let peer = hex(stream.peer_addr().unwrap().port());
    let line = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|fields| fields[1].ends_with(&local) && fields[2].ends_with(&peer))
        .unwrap();
    u64::from_str_radix(line[4].split(':').next().unwrap(), 16).unwrap()
}
