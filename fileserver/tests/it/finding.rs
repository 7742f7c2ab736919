//! Lists of files over the new wire, from the index and from walks.

use netsocket_protocol::message::{ErrorKind, FileEntry, Request};
use netsocket_protocol::query::{Query, Sort};

use crate::admin::{indexed, metrics};
use crate::new_client::NewClient;
use crate::server::TestServer;
use crate::tree::{Tree, visible_files};

fn paths(files: &[FileEntry]) -> Vec<Vec<u8>> {
    files
        .iter()
        .map(|file| file.path.as_bytes().to_vec())
        .collect()
}

fn many() -> Tree {
    let tree = Tree::empty();
    for n in 0..2_500 {
        tree.write(
            format!("d{}/e{}/{n:04}.log", n % 7, n % 3).as_bytes(),
            &vec![b'x'; n % 101],
        );
    }
    tree.write(b".hidden/deep/secret.log", b"secret");
    tree
}

async fn both(tree: &Tree) -> [TestServer; 2] {
    let walking = TestServer::with(&tree.root, |config| {
        config.index = false;
        config.allow_hidden = true;
    });
    [indexed(tree).await, walking]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_comes_in_parts_and_is_whole() {
    let tree = many();
    let expected = visible_files(&tree.root, &[]);
    for server in both(&tree).await {
        let mut client = NewClient::connect(server.address).await;
        let (files, parts) = client.find(Query::default(), u64::MAX).await;
        assert_eq!(paths(&files), expected);
        assert_eq!(parts, 3);
        let (files, parts) = client.find(Query::default(), 1_000).await;
        assert_eq!((paths(&files), parts), (expected[..1_000].to_vec(), 1));
        assert_eq!(client.find(Query::default(), 0).await, (vec![], 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_and_condition_is_answered_alike() {
    let tree = many();
    let [index, walk] = both(&tree).await;
    let mut index = NewClient::connect(index.address).await;
    let mut walk = NewClient::connect(walk.address).await;
    let all = Query::default();
    let queries = [
        all.clone(),
        Query {
            glob: Some("*1?.log".to_owned()),
            size_min: Some(5),
            ..all.clone()
        },
        Query {
            below: Some("d3/e1".into()),
            modified_from: "2020-01-01".parse().ok(),
            ..all.clone()
        },
        Query {
            modified_before: "2020-01-01T00:00:00Z".parse().ok(),
            ..all.clone()
        },
    ];
    for query in queries {
        for sort in Sort::ALL {
            for (reverse, limit) in [(false, 10), (true, 1_500), (true, u64::MAX)] {
                let expected = walk.list(query.clone(), limit, sort, reverse).await;
                let got = index.list(query.clone(), limit, sort, reverse).await;
                assert_eq!(got.0, expected.0, "{query:?} {sort:?} {reverse} {limit}");
            }
        }
    }
    let (largest, _) = index.list(all, 3, Sort::Size, true).await;
    assert!(largest.iter().all(|file| file.size == 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_files_are_shown_only_where_that_is_allowed() {
    let tree = many();
    let hidden = Query {
        glob: Some("secret*".to_owned()),
        hidden: true,
        ..Query::default()
    };
    let [denying, allowing] = both(&tree).await;
    let mut client = NewClient::connect(denying.address).await;
    client
        .send(&Request::Find {
            query: hidden.clone(),
            limit: 9,
            sort: Sort::Path,
            reverse: false,
        })
        .await;
    assert_eq!(client.error().await.kind, ErrorKind::Denied);
    client.ask_archive(hidden.clone()).await;
    assert_eq!(client.error().await.kind, ErrorKind::Denied);
    let mut client = NewClient::connect(allowing.address).await;
    let (files, _) = client.find(hidden, 9).await;
    assert_eq!(paths(&files), [b".hidden/deep/secret.log"]);
    // Not even by naming the place.
    let below = Query {
        below: Some(".hidden/deep".into()),
        ..Query::default()
    };
    assert_eq!(client.find(below, 9).await.0, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_query_and_a_missing_place_are_errors_of_their_own() {
    let tree = many();
    for server in both(&tree).await {
        let mut client = NewClient::connect(server.address).await;
        for (json, kind) in [
            (r#"{"glob":"[a"}"#, ErrorKind::BadRequest),
            (r#"{"glob":"a/b"}"#, ErrorKind::BadRequest),
            (r#"{"below":"../x"}"#, ErrorKind::BadRequest),
            (r#"{"below":"d1/none"}"#, ErrorKind::NotFound),
            (r#"{"below":"d0/e0/0000.log"}"#, ErrorKind::NotFound),
            (r#"{"born_from":"yesterday"}"#, ErrorKind::BadRequest),
            (
                r#"{"born_from":"2024-01-01","colour":1}"#,
                ErrorKind::BadRequest,
            ),
        ] {
            let request = format!(r#"{{"command":"find","query":{json},"limit":3}}"#);
            client.send_raw(2, request.as_bytes()).await;
            let error = client.error().await;
            assert_eq!(error.kind, kind, "{json}: {error}");
        }
        // The session goes on.
        assert_eq!(client.find(Query::default(), 1).await.0.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_from_the_index_has_what_is_there_now() {
    let tree = Tree::empty();
    tree.write(b"a/kept.txt", b"kept");
    tree.write(b"a/gone.txt", b"gone");
    let server = indexed(&tree).await;
    let mut client = NewClient::connect(server.address).await;
    assert_eq!(client.archive(Query::default()).await.plan.files, 2);
    std::fs::remove_file(tree.path(b"a/gone.txt")).unwrap();
    tree.write(b"b/new.txt", b"new");
    let archive = client.archive(Query::default()).await;
    assert_eq!(
        crate::tools::untar(&archive.bytes)
            .into_keys()
            .collect::<Vec<_>>(),
        [&b"kept.txt"[..], b"new.txt"]
    );
    assert_eq!(
        metrics(&server).await["netsocket_fileserver_answers_total{source=\"walk\"}"],
        0.0
    );
}
