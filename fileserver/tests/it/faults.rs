//! Files that change between the plan and the stream: never a broken archive, never in silence.

use std::fs;
use std::sync::Arc;

use netsocket_fileserver::archive::{ArchiveOptions, Blocks, Plan, Start};
use netsocket_fileserver::compress::Pool;
use netsocket_fileserver::query::{FoundFile, Search};
use netsocket_fileserver::{Root, Timestamp};
use netsocket_protocol::message::{self, Problem, Warning};
use netsocket_protocol::query::Query;
use netsocket_settings::Supervisor;
use tokio_util::sync::CancellationToken;

use crate::new_client::NewClient;
use crate::server::{TestServer, patiently};
use crate::tools::untar;
use crate::tree::{MORE_THAN_BUFFERS, Tree, random};

fn plan(tree: &Tree) -> (Arc<Root>, Arc<Plan>) {
    let root = Root::open(&tree.root).unwrap();
    let search = Search {
        query: Query::default(),
        limit: usize::MAX,
        check_readable: true,
    };
    let found = search.run(&root, &CancellationToken::new()).unwrap();
    (
        Arc::new(root),
        Arc::new(Plan::new(found.files, ArchiveOptions::default()).unwrap()),
    )
}

async fn stream(root: &Arc<Root>, plan: &Arc<Plan>) -> (Vec<u8>, Vec<Warning>) {
    let pool = Pool::start(2, 4, &Supervisor::default()).unwrap();
    let mut blocks = Blocks::start(&pool, Arc::clone(root), Arc::clone(plan), Start::default());
    let mut bytes = Vec::new();
    while let Some(block) = patiently(blocks.next()).await.unwrap() {
        bytes.extend_from_slice(&block.bytes);
    }
    (bytes, blocks.finish())
}

fn resize(tree: &Tree, path: &str, length: u64) {
    let file = fs::File::options()
        .write(true)
        .open(tree.path(path.as_bytes()))
        .unwrap();
    file.set_len(length).unwrap();
}

fn told(warnings: &[Warning]) -> Vec<(String, Problem)> {
    warnings
        .iter()
        .map(|warning| (warning.path.to_string(), warning.problem))
        .collect()
}

#[tokio::test]
async fn entries_keep_their_planned_length_whatever_becomes_of_the_files() {
    let tree = Tree::empty();
    let big = random(1_500_000, 7);
    for name in [
        "b-grows",
        "c-shrinks",
        "d-vanishes",
        "e-fifo",
        "f-link",
        "g-stays",
        "h-empties",
        "i-starts",
        "j-rewritten",
    ] {
        tree.write(name.as_bytes(), if name == "i-starts" { b"" } else { &big });
    }
    tree.write(b"a-first", b"first");
    let (root, plan) = plan(&tree);
    resize(&tree, "b-grows", 1_500_001);
    resize(&tree, "c-shrinks", 1_000_001);
    fs::remove_file(tree.path(b"d-vanishes")).unwrap();
    fs::remove_file(tree.path(b"e-fifo")).unwrap();
    let fifo = tree.path(b"e-fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    fs::rename(
        tree.path(b"f-link"),
        tree.root.parent().unwrap().join("outside"),
    )
    .unwrap();
    std::os::unix::fs::symlink("../outside", tree.path(b"f-link")).unwrap();
    resize(&tree, "h-empties", 0);
    resize(&tree, "i-starts", 5);
    let rewritten: Vec<u8> = big.iter().map(|byte| !byte).collect();
    fs::write(tree.path(b"j-rewritten"), &rewritten).unwrap();

    let (bytes, faults) = stream(&root, &plan).await;
    let expected = [
        ("b-grows", Problem::Grew),
        ("c-shrinks", Problem::Shrank),
        ("d-vanishes", Problem::Vanished),
        ("e-fifo", Problem::Vanished),
        ("f-link", Problem::Vanished),
        ("h-empties", Problem::Shrank),
        ("i-starts", Problem::Grew),
        ("j-rewritten", Problem::Changed),
    ];
    assert_eq!(
        told(&faults),
        expected.map(|(path, problem)| (path.to_owned(), problem))
    );
    let files = untar(&bytes);
    let zeros = vec![0; big.len()];
    let shrunk = [&big[..1_000_001], &zeros[1_000_001..]].concat();
    for (name, content) in [
        ("a-first", &b"first"[..]),
        ("b-grows", &big),
        ("c-shrinks", &shrunk),
        ("d-vanishes", &zeros),
        ("e-fifo", &zeros),
        ("f-link", &zeros),
        ("g-stays", &big),
        ("h-empties", &zeros),
        ("i-starts", b""),
        ("j-rewritten", &rewritten),
    ] {
        assert!(files[name.as_bytes()] == content, "{name}");
    }
}

#[tokio::test]
async fn what_fails_to_be_read_is_zeros_and_named() {
    // A file that can be opened, whose first page is not there to be read.
    let root = Arc::new(Root::open("/proc/self".as_ref()).unwrap());
    let file = FoundFile {
        path: b"mem".to_vec(),
        size: 5,
        mode: 0o100_600,
        modified: Timestamp::default(),
        born: Timestamp::default(),
        birth_known: false,
        readable: true,
    };
    let plan = Arc::new(Plan::new(vec![file], ArchiveOptions::default()).unwrap());
    let (bytes, faults) = stream(&root, &plan).await;
    assert_eq!(told(&faults), [("mem".to_owned(), Problem::Unreadable)]);
    assert_eq!(untar(&bytes)[&b"mem"[..]], [0; 5]);
}

#[tokio::test]
async fn a_directory_swapped_for_a_link_leads_nowhere() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"inside");
    let (root, plan) = plan(&tree);
    let outside = tree.root.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "secret").unwrap();
    fs::remove_dir_all(tree.path(b"directory")).unwrap();
    std::os::unix::fs::symlink(&outside, tree.path(b"directory")).unwrap();
    let (bytes, faults) = stream(&root, &plan).await;
    assert_eq!(
        told(&faults),
        [("directory/file".to_owned(), Problem::Vanished)]
    );
    assert_eq!(untar(&bytes)[&b"file"[..]], [0; 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_a_client_reads_is_named_in_the_trailer() {
    let tree = Tree::empty();
    tree.write(b"a-large", &random(MORE_THAN_BUFFERS, 3));
    for name in ["b-shrinks", "c-vanishes", "d-grows"] {
        tree.write(name.as_bytes(), b"0123456789");
    }
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    client.ask_archive(Query::default()).await;
    let plan: message::Plan = client.message().await;
    // The server cannot have come to these files yet: nobody takes what it sends.
    resize(&tree, "b-shrinks", 4);
    fs::remove_file(tree.path(b"c-vanishes")).unwrap();
    resize(&tree, "d-grows", 11);
    let archive = client.rest_of_archive(plan).await;
    let expected = [
        ("b-shrinks", Problem::Shrank),
        ("c-vanishes", Problem::Vanished),
        ("d-grows", Problem::Grew),
    ];
    assert_eq!(
        told(&archive.trailer.warnings),
        expected.map(|(path, problem)| (path.to_owned(), problem))
    );
    let files = untar(&archive.bytes);
    assert_eq!(files[&b"b-shrinks"[..]], b"0123\0\0\0\0\0\0");
    assert_eq!(files[&b"c-vanishes"[..]], [0; 10]);
    assert_eq!(files[&b"d-grows"[..]], b"0123456789");
    assert_eq!(files[&b"a-large"[..]].len(), MORE_THAN_BUFFERS);
}
