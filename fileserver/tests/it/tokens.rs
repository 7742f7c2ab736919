//! A server that answers only who has a token.

use std::fs;
use std::net::SocketAddr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use netsocket_fileserver::CredentialFiles;
use netsocket_protocol::VERSION;
use netsocket_protocol::message::{ErrorKind, Hello, Order, Request};
use netsocket_protocol::query::Query;
use netsocket_protocol::security::{TOKEN_MISSING, TOKEN_UNKNOWN};
use tempfile::NamedTempFile;

use crate::admin::metrics;
use crate::http_client::{ask, get};
use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::TestServer;
use crate::tree::Tree;

const ALICE: &str = "alice-0123456789";
const BOB: &str = "bob-0123456789abcdef";

fn tokens() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("# two\n{ALICE} # Alice\n{BOB}\n")).unwrap();
    file
}

fn with_tokens(tree: &Tree, file: &NamedTempFile) -> TestServer {
    TestServer::with(&tree.root, |config| {
        config.admin = Some(([127, 0, 0, 1], 0).into());
        config.credentials = CredentialFiles {
            tokens: Some(file.path().to_owned()),
            ..CredentialFiles::default()
        };
    })
}

/// The server's hello, and the client behind it.
async fn greeted(address: SocketAddr, token: Option<&str>) -> (Hello, NewClient) {
    let opening = NewClient::opening_with(VERSION, token);
    let mut client = NewClient::open_with(address, &opening).await;
    (client.message().await, client)
}

async fn refusals(server: &TestServer, reason: &str) -> f64 {
    let name = format!("netsocket_fileserver_token_refusals_total{{reason=\"{reason}\"}}");
    metrics(server).await[&name]
}

#[tokio::test]
async fn each_token_of_the_file_is_as_good_as_another() {
    let (tree, file) = (Tree::empty(), tokens());
    let server = with_tokens(&tree, &file);
    for token in [ALICE, BOB] {
        let (hello, mut client) = greeted(server.address, Some(token)).await;
        assert_eq!(hello.features, ["stream"]);
        assert_eq!(client.find(Query::default(), 1).await.0, []);
        assert_eq!(client.find(Query::default(), 1).await.0, []);
    }
    assert_eq!(refusals(&server, "missing").await, 0.0);
    assert_eq!(refusals(&server, "unknown").await, 0.0);
}

#[tokio::test]
async fn without_a_token_there_is_a_greeting_and_no_answer() {
    let (tree, file) = (Tree::empty(), tokens());
    let server = with_tokens(&tree, &file);
    // As a balancer's check.
    let (hello, client) = greeted(server.address, None).await;
    assert_eq!(
        (hello.version, hello.features),
        (1, vec!["token".to_owned()])
    );
    drop(client);
    assert_eq!(refusals(&server, "missing").await, 0.0);

    // As a client of a release that knows no tokens, which may ask before it is greeted.
    let (_, mut client) = greeted(server.address, None).await;
    let order = Order::Name;
    client.send(&Request::Directories { order }).await;
    client.send(&Request::Directories { order }).await;
    let error = client.error().await;
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Denied, TOKEN_MISSING)
    );
    assert!(client.frame().await.is_none());
    assert_eq!(refusals(&server, "missing").await, 1.0);
}

#[tokio::test]
async fn a_wrong_token_ends_the_session_at_once() {
    let (tree, file) = (Tree::empty(), tokens());
    let server = with_tokens(&tree, &file);
    for wrong in ["", "alice", "alice-01234567890", "# Alice", "# two"] {
        let (hello, mut client) = greeted(server.address, Some(wrong)).await;
        assert_eq!(hello.features, ["token"]);
        let error = client.error().await;
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::Denied, TOKEN_UNKNOWN)
        );
        assert!(client.frame().await.is_none());
    }
    assert_eq!(refusals(&server, "unknown").await, 5.0);
}

#[tokio::test]
async fn the_old_wire_has_no_tokens_so_it_is_closed() {
    let (tree, file) = (Tree::empty(), tokens());
    let server = with_tokens(&tree, &file);
    let mut client = OldClient::connect_silently(server.address).await;
    client.send(b"dirlist -a").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_token_that_nobody_wants_is_no_fault() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    let (hello, mut client) = greeted(server.address, Some(ALICE)).await;
    assert_eq!(hello.features, ["stream"]);
    assert_eq!(client.find(Query::default(), 1).await.0, []);
}

#[tokio::test]
async fn a_reload_takes_tokens_away_from_new_sessions_only() {
    let (tree, file) = (Tree::empty(), tokens());
    let server = with_tokens(&tree, &file);
    let (_, mut open) = greeted(server.address, Some(ALICE)).await;
    fs::write(file.path(), format!("{BOB}\n")).unwrap();
    server.credential_store.reload();
    let (hello, _) = greeted(server.address, Some(ALICE)).await;
    assert_eq!(hello.features, ["token"]);
    let (hello, _) = greeted(server.address, Some(BOB)).await;
    assert_eq!(hello.features, ["stream"]);
    assert_eq!(open.find(Query::default(), 1).await.0, []);
}

/// File managers ask without a token first, and send one only to who asks for it.
#[tokio::test]
async fn over_http_a_challenge_comes_first() {
    let (tree, file) = (Tree::empty(), tokens());
    let server = with_tokens(&tree, &file);
    let basic = |token: &str| {
        let pair = BASE64_STANDARD.encode(format!("anybody:{token}"));
        format!("Basic {pair}")
    };
    let known = [basic(ALICE), basic(BOB), format!("Bearer {ALICE}")];
    let unknown = [
        basic("carol-0123456789"),
        "Bearer x".into(),
        "Digest x".into(),
    ];
    for (method, status) in [("GET", 200), ("HEAD", 200), ("PROPFIND", 207)] {
        let depth = ("Depth", "0");
        let first = ask(server.address, method, "/", &[depth]).await;
        let challenges = "Basic realm=\"NetSocket\", charset=\"UTF-8\", Bearer realm=\"NetSocket\"";
        assert_eq!(
            (first.status, first.header("www-authenticate").as_deref()),
            (401, Some(challenges)),
            "{method}"
        );
        let expected = known.iter().map(|sent| (sent, status));
        for (sent, status) in expected.chain(unknown.iter().map(|sent| (sent, 401))) {
            let headers = [depth, ("Authorization", sent.as_str())];
            let reply = ask(server.address, method, "/", &headers).await;
            assert_eq!(reply.status, status, "{method} {sent}");
        }
    }
    // What they ask before that tells nothing of the tree.
    assert_eq!(ask(server.address, "OPTIONS", "/", &[]).await.status, 204);
    let health = get(server.address, "/.netsocket/healthz").await;
    assert_eq!(health.text(), "ok\n");
    assert_eq!(refusals(&server, "missing").await, 3.0);
    server.stop().await;
}
