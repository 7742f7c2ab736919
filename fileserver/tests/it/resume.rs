//! Archives that break off and go on, on the same server or on a replica.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use netsocket_fileserver::Root;
use netsocket_fileserver::archive::{ArchiveOptions, Blocks, Codec, Plan, Start};
use netsocket_fileserver::compress::Pool;
use netsocket_fileserver::query::Search;
use netsocket_protocol::message::{
    self, ChangeKind, Compression, EntryNames, ErrorKind, Layout, Problem, Request, Resume,
    StreamState, Trailer,
};
use netsocket_protocol::query::Query;
use netsocket_settings::Supervisor;
use tokio_util::sync::CancellationToken;

use crate::new_client::{Archive, NewClient};
use crate::server::{TestServer, patiently};
use crate::tree::{Tree, random};

/// A tree of some blocks that compress and some that do not, with several files in one block and a file in several.
fn tree() -> Tree {
    let tree = Tree::hostile();
    tree.write(
        b"alpha/text.txt",
        &b"some words, again and again. ".repeat(90_000),
    );
    tree.write(b"large.bin", &random(5 << 20, 23));
    let sparse = fs::File::create(tree.path(b"sparse.img")).unwrap();
    sparse.set_len(20 << 20).unwrap();
    tree
}

fn forms() -> [ArchiveOptions; 7] {
    [
        (Compression::Gzip, None, EntryNames::Base, Layout::Blocks),
        (Compression::Gzip, Some(1), EntryNames::Path, Layout::Blocks),
        (Compression::Zstd, None, EntryNames::Base, Layout::Blocks),
        (Compression::None, None, EntryNames::Path, Layout::Blocks),
        (Compression::Gzip, Some(6), EntryNames::Base, Layout::Stream),
        (Compression::Gzip, Some(1), EntryNames::Path, Layout::Stream),
        (Compression::Zstd, None, EntryNames::Base, Layout::Stream),
    ]
    .map(|(compression, level, names, layout)| ArchiveOptions {
        codec: Codec::new(compression, level, layout).unwrap(),
        names,
    })
}

/// A block, and the state behind it.
type Made = (Vec<u8>, Option<StreamState>);

/// The id of a plan and its blocks from one on, made by so many threads; `before` is the state before that block.
async fn made(
    root: &Path,
    form: ArchiveOptions,
    threads: usize,
    first: u64,
    before: Option<StreamState>,
) -> (String, Vec<Made>) {
    let root = Arc::new(Root::open(root).unwrap());
    let search = Search {
        query: Query::default(),
        limit: usize::MAX,
        check_readable: true,
    };
    let found = search.run(&root, &CancellationToken::new()).unwrap();
    let plan = Arc::new(Plan::new(found.files, form).unwrap());
    let pool = Pool::start(threads, 3, &Supervisor::default()).unwrap();
    let crc = before.map_or(0, |before| before.crc(plan.id(), first).unwrap());
    let start = Start::at(first, crc);
    let mut blocks = Blocks::start(&pool, root, Arc::clone(&plan), start);
    let mut all = Vec::new();
    while let Some(block) = patiently(blocks.next()).await.unwrap() {
        assert_eq!(block.checksum, crc32fast::hash(&block.bytes));
        all.push((block.bytes.to_vec(), block.state));
    }
    assert_eq!(blocks.finish(), []);
    assert_eq!(all.len() as u64, plan.blocks() - first);
    (plan.id().to_owned(), all)
}

#[tokio::test]
async fn plan_and_bytes_are_the_same_on_a_copy_with_any_number_of_threads_from_any_block() {
    let tree = tree();
    let copy = tree.copy();
    let mut ids = Vec::new();
    for form in forms() {
        let (id, whole) = made(&tree.root, form, 1, 0, None).await;
        for (threads, first) in [(2, 0), (5, 0), (1, 1), (2, 7), (5, whole.len() as u64)] {
            let skipped = usize::try_from(first).unwrap();
            let before = skipped.checked_sub(1).and_then(|last| whole[last].1);
            let (same, rest) = made(&copy, form, threads, first, before).await;
            assert_eq!(same, id);
            assert!(rest == whole[skipped..], "{form:?} {threads} {first}");
        }
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), forms().len(), "each form is another plan");
}

fn request(compression: Compression, names: EntryNames, resume: Option<Resume>) -> Request {
    Request::Archive {
        query: Query::default(),
        compression,
        level: None,
        names,
        layout: Layout::Blocks,
        resume,
    }
}

fn resume(plan: &message::Plan, block: u64) -> Option<Resume> {
    Some(Resume {
        plan: plan.plan.clone(),
        block,
        sketch: Some(plan.sketch.clone()),
        state: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_on_one_server_goes_on_on_another() {
    let tree = tree();
    let copy = tree.copy();
    let (first, second) = (TestServer::start(&tree.root), TestServer::start(&copy));
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let names = EntryNames::Path;
        let mut client = NewClient::connect(first.address).await;
        client.send(&request(compression, names, None)).await;
        let plan: message::Plan = client.message().await;
        let whole = client.rest_of_archive(plan).await;
        let plan = whole.plan;
        for block in [0, 1, plan.blocks / 2, plan.blocks - 1, plan.blocks] {
            let mut broken = NewClient::connect(first.address).await;
            broken.send(&request(compression, names, None)).await;
            let begun: message::Plan = broken.message().await;
            let mut bytes = Vec::new();
            for _ in 0..block {
                bytes.extend_from_slice(&broken.block().await.bytes);
            }
            drop(broken);
            let mut client = NewClient::connect(second.address).await;
            client
                .send(&request(compression, names, resume(&begun, block)))
                .await;
            let rest: message::Plan = client.message().await;
            assert_eq!((rest.first_block, &rest.plan), (block, &plan.plan));
            let rest = client.rest_of_archive(rest).await;
            bytes.extend_from_slice(&rest.bytes);
            assert!(bytes == whole.bytes, "{compression:?} {block}");
        }
    }
}

#[tokio::test]
async fn another_tree_says_what_is_different_and_begins_anew_on_request() {
    let tree = tree();
    let copy = tree.copy();
    let (first, second) = (TestServer::start(&tree.root), TestServer::start(&copy));
    let plan = NewClient::connect(first.address)
        .await
        .archive(Query::default())
        .await
        .plan;
    fs::remove_file(copy.join("alpha/-rf")).unwrap();
    fs::write(copy.join("alpha/empty.txt"), "no more").unwrap();
    fs::write(copy.join("new.txt"), "new").unwrap();
    let touched = fs::File::options()
        .write(true)
        .open(copy.join("Zulu/report.pdf"))
        .unwrap();
    touched.set_modified(std::time::UNIX_EPOCH).unwrap();

    let mut client = NewClient::connect(second.address).await;
    let again = |resume| request(Compression::Gzip, EntryNames::Base, resume);
    client.send(&again(resume(&plan, 2))).await;
    let error = client.error().await;
    assert_eq!(error.kind, ErrorKind::Changed);
    let changes: Vec<(String, ChangeKind)> = error
        .changes
        .iter()
        .map(|change| (change.path.to_string(), change.change))
        .collect();
    assert_eq!(
        changes,
        [
            ("Zulu/report.pdf".to_owned(), ChangeKind::Altered),
            ("alpha/empty.txt".to_owned(), ChangeKind::Altered),
            ("new.txt".to_owned(), ChangeKind::Appeared),
        ]
    );
    assert_eq!(
        error.message,
        "the archive cannot be resumed here, start over: Zulu/report.pdf has another size, time or mode, \
         alpha/empty.txt has another size, time or mode, new.txt appeared, 1 file vanished"
    );
    // Whatever is sent as plan, block or sketch, the answer is the same kind of error, and the session goes on.
    let with = |plan: &str, block, sketch: Option<&str>| {
        Some(Resume {
            plan: plan.to_owned(),
            block,
            sketch: sketch.map(str::to_owned),
            state: None,
        })
    };
    for resume in [
        with("", 0, None),
        with(&plan.plan, 1, Some("not a sketch")),
        with(&plan.plan, 1, Some(&"ff".repeat(64 * 28))),
    ] {
        client.send(&again(resume)).await;
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::Changed);
        assert!(
            error
                .message
                .contains("the files have changed since it was started")
        );
    }
    let anew = client.archive(Query::default()).await;
    let mut same = NewClient::connect(second.address).await;
    same.send(&again(with(&anew.plan.plan, anew.plan.blocks + 1, None)))
        .await;
    assert_eq!(same.error().await.kind, ErrorKind::Changed);
    same.send(&request(
        Compression::Zstd,
        EntryNames::Base,
        resume_of(&anew.plan),
    ))
    .await;
    let error = same.error().await;
    assert!(error.message.contains("other options"), "{}", error.message);
    assert_eq!(error.changes, []);
}

fn resume_of(plan: &message::Plan) -> Option<Resume> {
    resume(plan, 1)
}

#[tokio::test]
async fn the_trailer_of_a_rest_is_about_the_rest_and_names_what_the_plan_left_out() {
    let tree = tree();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let whole = client.archive(Query::default()).await;
    let block = whole.plan.blocks;
    client
        .send(&request(
            Compression::Gzip,
            EntryNames::Base,
            resume(&whole.plan, block),
        ))
        .await;
    let plan: message::Plan = client.message().await;
    assert_eq!(plan.first_block, plan.blocks);
    let trailer: Trailer = client.message().await;
    assert_eq!((trailer.blocks, trailer.bytes), (0, 0));
    assert_eq!(trailer.digest, blake3::hash(b"").to_hex().to_string());
    assert_eq!(trailer.warnings, whole.trailer.warnings);
    assert!(
        trailer
            .warnings
            .iter()
            .all(|w| w.problem == Problem::Renamed)
    );
}

#[tokio::test]
async fn a_level_that_there_is_not_is_a_bad_request() {
    let tree = Tree::empty();
    tree.write(b"file", b"x");
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    for (compression, level, said) in [
        (Compression::Gzip, 13, "levels 1 to 12"),
        (Compression::Zstd, 0, "levels 1 to 19"),
        (Compression::None, 1, "no levels"),
    ] {
        client
            .send(&Request::Archive {
                query: Query::default(),
                compression,
                level: Some(level),
                names: EntryNames::Base,
                layout: Layout::Blocks,
                resume: None,
            })
            .await;
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.message.contains(said), "{}", error.message);
    }
}

/// A request for the rest of an archive of one stream.
fn rest(
    compression: Compression,
    plan: &message::Plan,
    block: u64,
    state: Option<StreamState>,
) -> Request {
    let resume = resume(plan, block).map(|resume| Resume { state, ..resume });
    request(compression, EntryNames::Path, resume).with_layout(Layout::Stream)
}

async fn whole_stream(server: &TestServer, compression: Compression) -> Archive {
    let mut client = NewClient::connect(server.address).await;
    let whole = request(compression, EntryNames::Path, None).with_layout(Layout::Stream);
    client.send(&whole).await;
    let plan: message::Plan = client.message().await;
    client.rest_of_archive(plan).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stream_goes_on_at_any_block_on_another_server() {
    let tree = tree();
    let copy = tree.copy();
    let (first, second) = (TestServer::start(&tree.root), TestServer::start(&copy));
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let whole = whole_stream(&first, compression).await;
        let mut client = NewClient::connect(second.address).await;
        for block in 0..=whole.plan.blocks {
            let last = usize::try_from(block).unwrap().checked_sub(1);
            let state = last.map(|last| whole.states[last]);
            client
                .send(&rest(compression, &whole.plan, block, state))
                .await;
            let plan: message::Plan = client.message().await;
            assert_eq!((plan.first_block, &plan.plan), (block, &whole.plan.plan));
            let rest = client.rest_of_archive(plan).await;
            assert!(
                whole.bytes.ends_with(&rest.bytes),
                "{compression:?} {block}"
            );
            let skipped = usize::try_from(block).unwrap();
            assert_eq!(
                rest.states,
                whole.states[skipped..],
                "{compression:?} {block}"
            );
        }
    }
}

#[tokio::test]
async fn the_state_of_another_archive_or_block_is_refused_and_so_is_the_other_layout() {
    let tree = tree();
    let server = TestServer::start(&tree.root);
    let gzip = whole_stream(&server, Compression::Gzip).await;
    let zstd = whole_stream(&server, Compression::Zstd).await;
    assert_ne!(gzip.plan.plan, zstd.plan.plan);
    let mut client = NewClient::connect(server.address).await;
    for (block, state) in [
        (3, None),
        (3, Some(gzip.states[1])),
        (3, Some(zstd.states[2])),
        (gzip.plan.blocks, Some(gzip.states[2])),
    ] {
        client
            .send(&rest(Compression::Gzip, &gzip.plan, block, state))
            .await;
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::Changed);
        let said = format!(
            "the archive cannot be resumed here, start over: the state is not that of this archive before block {block}"
        );
        assert_eq!(error.message, said);
    }
    // What was begun as one stream cannot become many members, nor the other way round.
    let members = client.archive(Query::default()).await;
    for (plan, layout) in [
        (&gzip.plan, Layout::Blocks),
        (&members.plan, Layout::Stream),
    ] {
        let request = rest(Compression::Gzip, plan, 1, Some(gzip.states[0]));
        client.send(&request.with_layout(layout)).await;
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::Changed, "{layout:?}");
        assert!(error.message.contains("other options"), "{}", error.message);
    }
}
