//! What the server tells Kafka, as far as it can be seen without one; the records themselves are the end-to-end tests'.

use std::net::TcpListener;

use netsocket_credentials::authority::Authority;
use netsocket_telemetry::ProducerConfig;
use tokio::io::AsyncReadExt as _;

use crate::old_client::OldClient;
use crate::process::{PROGRAM, Running, program};
use crate::server::{TestServer, patiently};
use crate::tree::Tree;

/// The first byte of a TLS record that shakes hands.
const TLS_HANDSHAKE: u8 = 22;

#[tokio::test]
async fn a_kafka_that_is_not_there_changes_nothing() {
    let tree = Tree::empty();
    tree.write(b"directory/small.txt", b"small");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let server = TestServer::with(&tree.root, |config| {
        config.kafka = Some(ProducerConfig::new(vec![address]));
    });
    let mut client = OldClient::connect(server.address).await;
    assert_eq!(client.ask("dirlist -a").await, "directory\n");
    assert!(client.archive("w24ft txt").await.is_some());
    server.stop().await;
    assert!(client.is_closed().await);
}

/// The file lies outside of all that a confined process may read.
#[tokio::test]
async fn the_certificates_for_kafka_are_read_before_the_process_is_confined() {
    let tree = Tree::empty();
    let (outside, spool) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new("a test").write(outside.path(), "ca");
    let broker = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = program(PROGRAM);
    command
        .env("NETSOCKET_KAFKA", broker.local_addr().unwrap().to_string())
        .env("NETSOCKET_SPOOL_DIR", spool.path())
        .env("NETSOCKET_KAFKA_TLS_CA", &authority);
    let _running = Running::start(&mut command, &tree.root);
    let (mut connection, _) = patiently(broker.accept()).await.unwrap();
    let first = patiently(connection.read_u8()).await.unwrap();
    assert_eq!(first, TLS_HANDSHAKE);
}
