//! The end of one direction is handed on as just that.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peers::Puppet;
use crate::running::{read_to_end, soon};

/// `first` ends its direction; `second` sees that and can still answer at length.
async fn one_ends_first(first: &mut TcpStream, second: &mut TcpStream) {
    first.write_all(b"over").await.unwrap();
    first.shutdown().await.unwrap();
    assert_eq!(read_to_end(second).await, (b"over".to_vec(), false));
    for _ in 0..3 {
        second.write_all(b"more").await.unwrap();
        let mut more = [0; 4];
        soon(first.read_exact(&mut more)).await.unwrap();
        assert_eq!(&more, b"more");
    }
    second.write_all(&[7; 300_000]).await.unwrap();
    second.shutdown().await.unwrap();
    let (received, was_reset) = read_to_end(first).await;
    assert!(
        received == [7; 300_000] && !was_reset,
        "{} bytes",
        received.len()
    );
}

#[tokio::test]
async fn the_client_ends_first() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    one_ends_first(&mut client, &mut backend).await;
    let record = balancer.record().await;
    assert_eq!((record.traffic.up, record.traffic.down), (4, 300_012));
    assert_eq!(record.termination.code(), "--");
}

#[tokio::test]
async fn the_backend_ends_first() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    one_ends_first(&mut backend, &mut client).await;
    let record = balancer.record().await;
    assert_eq!((record.traffic.up, record.traffic.down), (300_012, 4));
    assert_eq!(record.termination.code(), "--");
}

#[tokio::test]
async fn no_byte_at_all() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut backend).await, (vec![], false));
    drop(backend);
    assert_eq!(read_to_end(&mut client).await, (vec![], false));
    let record = balancer.record().await;
    assert_eq!((record.traffic.up, record.traffic.down), (0, 0));
    assert_eq!(record.termination.code(), "--");
}
