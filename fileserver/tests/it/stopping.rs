//! A server that is told to stop.

use std::time::Duration;

use netsocket_protocol::message::Plan;
use netsocket_protocol::query::Query;
use tokio::net::TcpStream;

use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::{TestServer, eventually};
use crate::tools::untar;
use crate::tree::{MORE_THAN_BUFFERS, Tree, random};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_archive_is_finished_while_idle_sessions_end_at_once() {
    let tree = Tree::empty();
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 11));
    let server = TestServer::start(&tree.root);
    let mut idle = [
        OldClient::connect_silently(server.address).await,
        OldClient::connect(server.address).await,
    ];
    let mut idle_new = NewClient::connect(server.address).await;
    let mut busy = NewClient::connect(server.address).await;
    busy.ask_archive(Query::default()).await;
    let plan: Plan = busy.message().await;

    server.shutdown.cancel();
    for client in &mut idle {
        assert!(client.is_closed().await);
    }
    assert!(idle_new.frame().await.is_none());
    // The listener is another task's, which hears of the stop at its own time.
    eventually(async || TcpStream::connect(server.address).await.err()).await;
    let archive = busy.rest_of_archive(plan).await;
    assert_eq!(
        untar(&archive.bytes)[&b"large"[..]].len(),
        MORE_THAN_BUFFERS
    );
    // Nothing more is answered.
    assert!(busy.frame().await.is_none());
    server.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_end_is_cut_at_the_drain_timeout() {
    let tree = Tree::empty();
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 13));
    let server = TestServer::with(&tree.root, |config| {
        config.drain_timeout = Duration::from_millis(200);
    });
    let mut stalled = NewClient::connect(server.address).await;
    stalled.ask_archive(Query::default()).await;
    let plan: Plan = stalled.message().await;
    server.stop().await;
    let mut blocks = 0;
    while stalled.frame().await.is_some() {
        blocks += 1;
    }
    assert!(blocks < plan.blocks, "{blocks}");
}

#[tokio::test]
async fn a_server_without_sessions_stops_at_once() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    server.stop().await;
}
