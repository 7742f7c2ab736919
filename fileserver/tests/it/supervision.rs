//! Each long-lived task is made to panic in turn, and comes back to its work.

use netsocket_protocol::query::Query;
use netsocket_telemetry::ProducerConfig;
use tokio::net::TcpListener;

use crate::admin::{get, indexed, metrics};
use crate::new_client::NewClient;
use crate::server::{TestServer, eventually, patiently};
use crate::tree::Tree;

fn panics(server: &TestServer, task: &str) -> u64 {
    let panics = server.tasks.panics();
    let found = panics.iter().find(|(name, _)| *name == task);
    found.map_or(0, |(_, panics)| *panics)
}

/// Makes a task panic once more; it may be between two starts when it is asked.
async fn end(server: &TestServer, task: &str) {
    let before = panics(server, task);
    eventually(async || {
        server.tasks.make_panic(task);
        (panics(server, task) > before).then_some(())
    })
    .await;
}

/// What `/metrics` and the probes say after the first panic of a task.
async fn is_counted_and_well(server: &TestServer, task: &str) {
    let name = format!("netsocket_fileserver_task_panics_total{{task=\"{task}\"}}");
    assert_eq!(metrics(server).await[&name], 1.0);
    let admin = server.admin.unwrap();
    assert_eq!(get(admin, "/healthz").await.1, "ok\n");
    assert_eq!(get(admin, "/readyz").await.1, "ready\n");
}

#[tokio::test]
async fn clients_are_accepted_again() {
    let tree = Tree::empty();
    tree.write(b"file", b"x");
    let server = indexed(&tree).await;
    let mut before = NewClient::connect(server.address).await;
    end(&server, "acceptor").await;
    let mut after = patiently(NewClient::connect(server.address)).await;
    for client in [&mut before, &mut after] {
        assert_eq!(client.find(Query::default(), 9).await.0.len(), 1);
    }
    is_counted_and_well(&server, "acceptor").await;
    drop((before, after));
    server.stop().await;
}

#[tokio::test]
async fn the_admin_http_answers_again() {
    let tree = Tree::empty();
    let server = indexed(&tree).await;
    let uptime = metrics(&server).await["netsocket_uptime_seconds"];
    end(&server, "admin").await;
    is_counted_and_well(&server, "admin").await;
    assert!(metrics(&server).await["netsocket_uptime_seconds"] > uptime);
    server.stop().await;
}

#[tokio::test]
async fn the_index_follows_the_tree_again() {
    let tree = Tree::empty();
    tree.write(b"first", b"x");
    let server = indexed(&tree).await;
    end(&server, "index").await;
    tree.write(b"second", b"x");
    let expected = [
        ("netsocket_fileserver_index_mode{mode=\"index\"}", 1.0),
        ("netsocket_fileserver_index_files", 2.0),
    ];
    eventually(async || {
        let metrics = metrics(&server).await;
        let all = expected
            .iter()
            .all(|(name, value)| metrics[*name] == *value);
        all.then_some(())
    })
    .await;
    tree.write(b"third", b"x");
    let mut client = NewClient::connect(server.address).await;
    assert_eq!(client.find(Query::default(), 9).await.0.len(), 3);
    is_counted_and_well(&server, "index").await;
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn telemetry_goes_on_and_clients_do_not_depend_on_it() {
    let tree = Tree::empty();
    let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let brokers = vec![broker.local_addr().unwrap().to_string()];
    let server = TestServer::with(&tree.root, |config| {
        config.admin = Some(([127, 0, 0, 1], 0).into());
        config.kafka = Some(ProducerConfig::new(brokers));
    });
    let first = patiently(broker.accept()).await.unwrap();
    end(&server, "producer").await;
    let second = patiently(broker.accept()).await.unwrap();
    is_counted_and_well(&server, "producer").await;

    for _ in 0..3 {
        end(&server, "heartbeat").await;
    }
    let admin = server.admin.unwrap();
    let (status, said) = get(admin, "/readyz").await;
    assert!(status.contains(" 503 "), "{status}");
    assert_eq!(said, "task heartbeat keeps failing\n");
    assert_eq!(get(admin, "/healthz").await.1, "ok\n");
    drop((first, second));
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_keep_a_task_up_is_neither_well_nor_ready() {
    let tree = Tree::empty();
    let server = indexed(&tree).await;
    for _ in 0..3 {
        end(&server, "index").await;
    }
    for path in ["/healthz", "/readyz"] {
        let (status, said) = get(server.admin.unwrap(), path).await;
        assert!(status.contains(" 503 "), "{status}");
        assert_eq!(said, "task index keeps failing\n");
    }
    server.stop().await;
}
