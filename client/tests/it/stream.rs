//! Archives of one stream: servers of this release and of earlier ones, and servers that lie about what only such an
//! archive has.

use std::path::Path;

use bytes::Bytes;
use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::block::Block;
use netsocket_protocol::message::{
    ErrorKind, Hello, Layout, Plan, Request, Resume, StreamState, Trailer,
};
use netsocket_protocol::transfer::STREAM_LAYOUT;
use netsocket_protocol::{MAGIC, VERSION};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::{Client, files_in};
use crate::peer::{BLOCKS, Fake, Peer, archive_bytes, hello, plan, trailer_of};

/// The blocks of the archive; the last one ends as a gzip member with the last CRC and the 100 bytes of the plan does.
const STREAM: [&[u8]; 3] = [
    b"the first part, ",
    b"the second part, ",
    b"the third part\x03\x00\x33\x00\x00\x00\x64\x00\x00\x00",
];

/// The CRC-32 behind each of them.
const CRCS: [u32; 3] = [0x11, 0x22, 0x33];

fn stream_plan(first_block: u64) -> Plan {
    Plan {
        plan: "one-stream".to_owned(),
        layout: Layout::Stream,
        first_block,
        ..plan()
    }
}

fn state(index: usize) -> StreamState {
    StreamState::new("one-stream", index as u64 + 1, CRCS[index])
}

/// Magic, and a hello of this release.
async fn greet(peer: &mut Peer) {
    peer.opening().await;
    peer.raw(&MAGIC).await;
    let features = vec!["unheard-of".to_owned(), STREAM_LAYOUT.to_owned()];
    peer.send(&Hello {
        features,
        ..hello(VERSION)
    })
    .await;
}

async fn block(peer: &mut Peer, index: usize, bytes: &'static [u8], state: StreamState) {
    let block = Block {
        index: index as u64,
        bytes: Bytes::from_static(bytes),
    };
    let before = block.before_with_state(crc32fast::hash(bytes), state);
    peer.raw(&before.unwrap()).await;
    peer.raw(bytes).await;
}

/// The blocks from `first` up to, but excluding, `end`.
async fn blocks(peer: &mut Peer, first: usize, end: usize) {
    peer.send(&stream_plan(first as u64)).await;
    for (index, bytes) in STREAM.into_iter().enumerate().take(end).skip(first) {
        block(peer, index, bytes, state(index)).await;
    }
}

async fn trailer(peer: &mut Peer, first: usize) {
    peer.send(&Trailer {
        blocks: (STREAM.len() - first) as u64,
        ..trailer_of(&STREAM[first..].concat())
    })
    .await;
}

/// A server of this release, which answers as it should, and what it is asked.
async fn new_server() -> (Fake, UnboundedReceiver<Request>) {
    let (asked, requests) = unbounded_channel();
    let server = Fake::start(move |_, mut peer| {
        let asked = asked.clone();
        async move {
            greet(&mut peer).await;
            while let Some(request) = peer.request().await {
                let _ = asked.send(request.clone());
                answer(&mut peer, &request).await;
            }
        }
    })
    .await;
    (server, requests)
}

async fn answer(peer: &mut Peer, request: &Request) {
    let Request::Archive { layout, resume, .. } = request else {
        panic!("{request:?}");
    };
    if *layout == Layout::Blocks {
        return peer.answer(request).await;
    }
    let first = match resume {
        None => 0,
        Some(resume) => {
            let first = usize::try_from(resume.block).unwrap();
            let before = first.checked_sub(1).map(state);
            if resume.plan != "one-stream" || (first > 0 && resume.state != before) {
                return peer.error(ErrorKind::Changed, "begin anew").await;
            }
            first
        }
    };
    blocks(peer, first, STREAM.len()).await;
    trailer(peer, first).await;
}

fn resume_of(request: Request) -> (Layout, Option<Resume>) {
    match request {
        Request::Archive { layout, resume, .. } => (layout, resume),
        other => panic!("{other:?}"),
    }
}

fn to_x(directory: &Path) -> String {
    format!("archive --ext pdf -o {}", directory.join("x").display())
}

fn saved(directory: &Path) -> Vec<u8> {
    assert_eq!(files_in(directory), ["x"]);
    std::fs::read(directory.join("x")).unwrap()
}

/// A client that has the first two blocks from a server of this release that is gone.
async fn interrupted(line: &str) -> Client {
    let server = Fake::start(|_, mut peer| async move {
        greet(&mut peer).await;
        peer.request().await;
        blocks(&mut peer, 0, 2).await;
    })
    .await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run(line).await, Exit::TransferFailed);
    let said = client.err.text();
    assert!(said.contains("kept 33 B of "), "{said}");
    client
}

#[tokio::test]
async fn a_server_of_this_release_is_asked_for_one_stream_and_an_earlier_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (server, mut requests) = new_server().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run(&to_x(directory.path())).await, Exit::Done);
    assert_eq!(saved(directory.path()), STREAM.concat());
    let asked = requests.recv().await.unwrap();
    assert_eq!(resume_of(asked), (Layout::Stream, None));

    let (server, mut requests) = Fake::recording().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run(&to_x(directory.path())).await, Exit::Done);
    assert_eq!(saved(directory.path()), archive_bytes());
    let asked = requests.recv().await.unwrap();
    assert_eq!(resume_of(asked), (Layout::Blocks, None));
}

#[tokio::test]
async fn a_later_run_sends_the_state_of_the_block_before_the_one_it_compares() {
    let directory = tempfile::tempdir().unwrap();
    let line = to_x(directory.path());
    let client = interrupted(&line).await;
    let (server, mut requests) = new_server().await;
    let mut client = client.moved_to(server.address);
    assert_eq!(client.run(&line).await, Exit::Done);
    assert_eq!(saved(directory.path()), STREAM.concat());
    let (layout, resume) = resume_of(requests.recv().await.unwrap());
    let resume = resume.unwrap();
    assert_eq!((layout, resume.block), (Layout::Stream, 1));
    assert_eq!(resume.state, Some(state(0)));
    assert!(requests.try_recv().is_err(), "one request was enough");
}

/// One digit of a CRC in the state file is another one: the server notices, and nothing wrong is saved.
#[tokio::test]
async fn a_kept_state_with_a_wrong_digit_costs_what_was_kept_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let line = to_x(directory.path());
    let client = interrupted(&line).await;
    let journal = directory.path().join(".x.netsocket-state");
    let text = std::fs::read_to_string(&journal).unwrap();
    let right = state(0).to_string();
    assert!(text.contains(&right), "{text}");
    let wrong = text.replace(&right, &right.replacen('1', "7", 1));
    assert_ne!(text, wrong);
    std::fs::write(&journal, wrong).unwrap();
    let (server, _) = new_server().await;
    let mut client = client.moved_to(server.address);
    assert_eq!(client.run(&line).await, Exit::Done);
    let said = client.err.text();
    assert!(said.contains("begin anew; starting over"), "{said}");
    assert_eq!(saved(directory.path()), STREAM.concat());
}

/// In the middle of an upgrade, another replica is of the release before: the two forms are never mixed.
#[tokio::test]
async fn what_one_release_began_the_other_begins_anew_in_its_own_form() {
    let (asked, mut requests) = unbounded_channel();
    let server = Fake::start(move |number, mut peer| {
        let asked = asked.clone();
        async move {
            if number == 0 {
                greet(&mut peer).await;
                peer.request().await;
                return blocks(&mut peer, 0, 2).await;
            }
            peer.greet().await;
            while let Some(request) = peer.request().await {
                let _ = asked.send(request.clone());
                peer.answer(&request).await;
            }
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let address = server.address.to_string();
    let patience = std::time::Duration::from_secs(30);
    let mut client = Client::surviving(&address, patience, patience);
    assert_eq!(client.run(&to_x(directory.path())).await, Exit::Done);
    let said = client.err.text();
    let sentence = "this server is of an earlier release and cannot resume this archive, start over; starting over";
    assert!(said.contains(sentence), "{said}");
    assert_eq!(saved(directory.path()), archive_bytes());
    let asked = requests.recv().await.unwrap();
    assert_eq!(
        resume_of(asked),
        (Layout::Blocks, None),
        "never asked what it does not know"
    );
}

/// What an earlier release began, or an earlier program kept, is resumed as it was begun.
#[tokio::test]
async fn what_an_earlier_release_began_a_server_of_this_one_resumes() {
    let directory = tempfile::tempdir().unwrap();
    let line = to_x(directory.path());
    let old = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        peer.request().await;
        peer.send(&plan()).await;
        peer.block(0, BLOCKS[0]).await;
        peer.block(1, BLOCKS[1]).await;
    })
    .await;
    let mut client = Client::new(old.address);
    assert_eq!(client.run(&line).await, Exit::TransferFailed);
    // Byte for byte what the program of the release before wrote.
    let journal = directory.path().join(".x.netsocket-state");
    let text = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("{\"version\":1,"), "{text}");
    assert!(!text.contains("layout"), "{text}");
    assert_eq!(lines[1], format!("[13,{}]", crc32fast::hash(BLOCKS[0])));
    let (server, mut requests) = new_server().await;
    let mut client = client.moved_to(server.address);
    assert_eq!(client.run(&line).await, Exit::Done);
    assert_eq!(saved(directory.path()), archive_bytes());
    let (layout, resume) = resume_of(requests.recv().await.unwrap());
    assert_eq!((layout, resume.unwrap().block), (Layout::Blocks, 1));
}

/// What a server lies about.
#[derive(Debug, Clone, Copy)]
enum Lie {
    /// The state behind the second block is that of another archive.
    State,
    /// The state behind the second block is that of the first.
    Place,
    /// The last block ends with another CRC.
    Crc,
    /// The last block ends with another length.
    Length,
    /// The last block has no end.
    NoEnd,
    /// The plan has more blocks than its bytes fill.
    Plan,
    /// A block has no room for a state.
    CutShort,
}

async fn lie(peer: &mut Peer, lie: Lie) {
    greet(peer).await;
    peer.request().await;
    let last: &'static [u8] = match lie {
        Lie::Crc => b"the third part\x03\x00\x34\x00\x00\x00\x64\x00\x00\x00",
        Lie::Length => b"the third part\x03\x00\x33\x00\x00\x00\x64\x00\x00\x01",
        Lie::NoEnd => b"the third part",
        _ => STREAM[2],
    };
    let second = match lie {
        Lie::State => StreamState::new("another", 2, CRCS[1]),
        Lie::Place => state(0),
        _ => state(1),
    };
    let plan = stream_plan(0);
    match lie {
        Lie::Plan => peer.send(&Plan { blocks: 4, ..plan }).await,
        _ => peer.send(&plan).await,
    }
    if let Lie::CutShort = lie {
        return peer.block(0, b"").await;
    }
    block(peer, 0, STREAM[0], state(0)).await;
    block(peer, 1, STREAM[1], second).await;
    block(peer, 2, last, state(2)).await;
    // Everything else is right: only what is checked here tells.
    let bytes = [STREAM[0], STREAM[1], last].concat();
    peer.send(&Trailer {
        blocks: 3,
        ..trailer_of(&bytes)
    })
    .await;
    peer.until_gone().await;
}

#[tokio::test]
async fn a_lie_about_what_the_end_is_made_of_is_told_and_nothing_is_saved() {
    for (told, said) in [
        (
            Lie::State,
            "the state behind block 1 is not one of this archive",
        ),
        (
            Lie::Place,
            "the state behind block 1 is not one of this archive",
        ),
        (
            Lie::Crc,
            "its end has another checksum or length than its blocks",
        ),
        (
            Lie::Length,
            "its end has another checksum or length than its blocks",
        ),
        (
            Lie::NoEnd,
            "its end has another checksum or length than its blocks",
        ),
        (Lie::Plan, "100 bytes do not make 4 blocks of 40 bytes"),
        (Lie::CutShort, "a block is cut short"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let server =
            Fake::start(move |_, mut peer| async move { lie(&mut peer, told).await }).await;
        let mut client = Client::new(server.address).json();
        let line = to_x(directory.path());
        assert_eq!(client.run(&line).await, Exit::TransferFailed, "{told:?}");
        let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
        assert_eq!(object["error"]["kind"], "damaged", "{told:?}");
        let text = client.err.text();
        assert!(text.contains(said), "{told:?}: {text}");
        assert!(!directory.path().join("x").exists(), "{told:?}");
    }
}
