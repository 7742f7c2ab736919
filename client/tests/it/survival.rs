//! Transfers that meet one fault and go on: with the next block, to the same bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use netsocket_client::outcome::answer::{Answer, Saved};
use netsocket_client::outcome::exit::Exit;
use netsocket_client::output::listener::Listener;
use netsocket_client::output::progress::Progress;
use netsocket_client::transfer::destination::{Destination, OutputOptions};
use netsocket_protocol::frame::HEADER;
use netsocket_protocol::message::{ErrorKind, Plan, Request, Verify};
use netsocket_protocol::query::Query;
use tokio::net::TcpListener;

use crate::client::{Client, files_in};
use crate::peer::{BLOCKS, Fake, Peer, archive_bytes, block_frame, file_start, plan, trailer};

/// How long a client waits for a server that has gone silent on purpose: not so long that it says so before it goes on.
const SHORT: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// What the first server does behind its first block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    DiesBetweenBlocks,
    DiesWithinABlock,
    Damages,
    SendsABlockTwice,
    LeavesABlockOut,
    CutsABlockShort,
    LiesAboutTheCount,
    SpeaksNonsense,
    Stalls,
    Fails,
    IsBusy,
}

impl Fault {
    const ALL: [Self; 11] = [
        Self::DiesBetweenBlocks,
        Self::DiesWithinABlock,
        Self::Damages,
        Self::SendsABlockTwice,
        Self::LeavesABlockOut,
        Self::CutsABlockShort,
        Self::LiesAboutTheCount,
        Self::SpeaksNonsense,
        Self::Stalls,
        Self::Fails,
        Self::IsBusy,
    ];

    async fn play(self, peer: &mut Peer) {
        let mut second = block_frame(1, BLOCKS[1]);
        match self {
            Self::DiesBetweenBlocks => {}
            Self::DiesWithinABlock => peer.raw(&second[..HEADER + 14]).await,
            Self::Damages => {
                let last = second.len() - 1;
                second[last] ^= 1;
                peer.raw(&second).await;
            }
            Self::SendsABlockTwice => peer.block(0, BLOCKS[0]).await,
            Self::LeavesABlockOut => peer.block(2, BLOCKS[2]).await,
            Self::CutsABlockShort => peer.raw(&[0, 0, 0, 2, 5, 0, 0]).await,
            Self::LiesAboutTheCount => peer.send(&trailer()).await,
            Self::SpeaksNonsense => peer.raw(&[0, 0, 0, 0, 99]).await,
            Self::Stalls => peer.raw(&second[..HEADER + 14]).await,
            Self::Fails => peer.error(ErrorKind::Internal, "the disk is gone").await,
            Self::IsBusy => peer.error(ErrorKind::Busy, "not now").await,
        }
        if self == Self::Stalls {
            peer.until_gone().await;
        }
    }
}

/// What a session has told.
#[derive(Default)]
struct Told(Vec<String>);

impl Listener for Told {
    fn transfer(&mut self, _: &str) -> Progress {
        Progress::hidden()
    }

    fn notice(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

fn get() -> Request {
    Request::Get {
        path: "a/b".into(),
        offset: 0,
        length: None,
        identity: None,
        verify: Verify::None,
    }
}

fn archive() -> Request {
    Request::archive(Query::default())
}

/// The first frame of an answer to `request`, and its first block.
async fn begin(peer: &mut Peer, request: &Request) {
    match request {
        Request::Get { .. } => peer.send(&file_start(0)).await,
        _ => peer.send(&plan()).await,
    }
    peer.block(0, BLOCKS[0]).await;
}

type Requests = Arc<Mutex<Vec<Request>>>;

/// A server whose first connection meets the fault, and whose others are well; and what it was asked.
async fn faulty(fault: Fault) -> (Fake, Requests) {
    let requests = Requests::default();
    let asked = Arc::clone(&requests);
    let server = Fake::start(move |number, mut peer| {
        let asked = Arc::clone(&asked);
        async move {
            peer.greet().await;
            let Some(request) = peer.request().await else {
                return;
            };
            asked.lock().unwrap().push(request.clone());
            if number > 0 {
                peer.answer(&request).await;
                return peer.serve().await;
            }
            begin(&mut peer, &request).await;
            fault.play(&mut peer).await;
        }
    })
    .await;
    (server, requests)
}

fn saved(answer: Answer) -> Saved {
    match answer {
        Answer::Archive(Some(saved)) | Answer::Saved(Some(saved)) => saved,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_fault_is_met_by_another_server_with_the_next_block() {
    for request in [archive(), get()] {
        for fault in Fault::ALL {
            let (server, requests) = faulty(fault).await;
            let address = server.address.to_string();
            let stall = match fault {
                Fault::Stalls => SHORT,
                _ => PATIENCE,
            };
            let mut client = Client::surviving(&address, stall, PATIENCE);
            let options = OutputOptions::to(Destination::File(client.home().join("x")));
            let mut told = Told::default();
            let session = &mut client.program.context.session;
            let performed = session.perform(&request, &options, &mut told).await;
            let saved = saved(performed.unwrap());

            let context = format!("{fault:?} {request:?} {told:?}", told = told.0);
            assert_eq!(
                std::fs::read(&saved.path).unwrap(),
                archive_bytes(),
                "{context}"
            );
            let digest = blake3::hash(&archive_bytes()).to_hex();
            assert_eq!(saved.digest, digest.as_str(), "{context}");
            assert_eq!(files_in(client.home()), ["x"], "{context}");
            assert_eq!(
                (saved.stats.resumed, saved.stats.restarted),
                (1, 0),
                "{context}"
            );
            assert!(saved.stats.bytes_twice <= 26, "{:?} {context}", saved.stats);
            if fault == Fault::Stalls {
                assert!(saved.stats.stalled >= SHORT, "{context}");
            }
            assert_eq!(told.0.len(), 1, "{context}");
            assert!(told.0[0].contains("; resumed at "), "{context}");
            let requests = requests.lock().unwrap();
            match &requests[..] {
                [
                    _,
                    Request::Archive {
                        resume: Some(resume),
                        ..
                    },
                ] => assert_eq!((resume.plan.as_str(), resume.block), ("0123", 1)),
                [
                    Request::Get {
                        verify: Verify::Blocks,
                        ..
                    },
                    Request::Get {
                        offset, identity, ..
                    },
                ] => {
                    assert_eq!(*offset, 13, "{context}");
                    assert_eq!(identity.as_ref(), Some(&file_start(0).identity));
                }
                other => panic!("{context}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_digest_costs_the_answer_and_not_the_bytes_before_it() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        let request = peer.request().await.unwrap();
        match number {
            0 => begin(&mut peer, &request).await,
            // One block is another one than the digest was made of.
            1 => {
                peer.send(&Plan {
                    first_block: 1,
                    ..plan()
                })
                .await;
                peer.block(1, b"wrong block..,").await;
                peer.block(2, BLOCKS[2]).await;
                let mut last = trailer();
                (last.blocks, last.bytes) = (2, 25);
                peer.send(&last).await;
            }
            _ => peer.answer(&request).await,
        }
    })
    .await;
    let mut client = Client::surviving(&server.address.to_string(), PATIENCE, PATIENCE);
    let options = OutputOptions::to(Destination::File(client.home().join("x")));
    let mut told = Told::default();
    let session = &mut client.program.context.session;
    let saved = saved(
        session
            .perform(&archive(), &options, &mut told)
            .await
            .unwrap(),
    );
    assert_eq!(std::fs::read(&saved.path).unwrap(), archive_bytes());
    assert_eq!(saved.stats.bytes_twice, 25);
    assert!(
        told.0[1].contains("its digest does not match the server's"),
        "{:?}",
        told.0
    );
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn a_server_that_always_lies_about_the_digest_leaves_nothing_to_go_on_with() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        peer.request().await;
        peer.send(&plan()).await;
        for (index, block) in (0..).zip(BLOCKS) {
            peer.block(index, block).await;
        }
        let mut last = trailer();
        last.digest = "0".repeat(64);
        peer.send(&last).await;
    })
    .await;
    let mut client = Client::surviving(&server.address.to_string(), PATIENCE, PATIENCE);
    assert_eq!(client.run("w24ft pdf").await, Exit::TransferFailed);
    let said = client.err.text();
    assert!(
        said.lines()
            .last()
            .unwrap()
            .contains("its digest does not match the server's"),
        "{said}"
    );
    assert!(client.files().is_empty(), "{:?}", client.files());
    assert_eq!(server.accepted(), 4);
}

#[tokio::test]
async fn a_tree_that_has_changed_is_begun_anew_with_one_line() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        let request = peer.request().await.unwrap();
        if number > 0 {
            peer.answer(&request).await;
            return peer.serve().await;
        }
        peer.send(&Plan {
            plan: "another".to_owned(),
            blocks: 7,
            ..plan()
        })
        .await;
        peer.block(0, b"old").await;
    })
    .await;
    let mut client = Client::surviving(&server.address.to_string(), PATIENCE, PATIENCE);
    let options = OutputOptions::to(Destination::File(client.home().join("x")));
    let mut told = Told::default();
    let session = &mut client.program.context.session;
    let saved = saved(
        session
            .perform(&archive(), &options, &mut told)
            .await
            .unwrap(),
    );
    assert_eq!(std::fs::read(&saved.path).unwrap(), archive_bytes());
    assert_eq!((saved.stats.restarted, saved.stats.bytes_twice), (1, 3));
    assert_eq!(
        told.0.first().map(String::as_str),
        Some("the server says: begin anew; starting over")
    );
    assert_eq!(
        server.accepted(),
        2,
        "the refusing connection is good for the next request"
    );
}

/// A server that is gone for good after the first block.
async fn leave_a_part(client: &mut Client) {
    assert_eq!(client.run("w24ft pdf").await, Exit::TransferFailed);
    assert_eq!(client.files().len(), 2, "{:?}", client.files());
}

async fn dies_for_good() -> Fake {
    Fake::start(|number, mut peer| async move {
        if number > 0 {
            return;
        }
        peer.greet().await;
        let request = peer.request().await.unwrap();
        begin(&mut peer, &request).await;
    })
    .await
}

#[tokio::test]
async fn past_the_deadline_the_part_stays_and_the_same_command_goes_on() {
    let dead = dies_for_good().await;
    let mut client = Client::surviving(
        &dead.address.to_string(),
        PATIENCE,
        Duration::from_millis(1500),
    );
    leave_a_part(&mut client).await;
    let said = client.err.text();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("; retrying for up to 1.5s"), "{said}");
    assert!(lines[1].starts_with("gave up after "), "{said}");
    assert!(
        lines[1].contains(" without progress: cannot connect to "),
        "{said}"
    );
    assert!(lines[2].starts_with("kept 13 B of "), "{said}");
    assert_eq!(lines.len(), 3, "{said}");
    assert!(dead.accepted() > 2, "tried {} times", dead.accepted());

    let (well, mut requests) = Fake::recording().await;
    let mut client = client.moved_to(well.address);
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    let said = client.err.text();
    assert!(said.contains("13 B already downloaded"), "{said}");
    assert_eq!(std::fs::read(client.target()).unwrap(), archive_bytes());
    assert_eq!(client.files(), ["temp.tar.gz"]);
    let request = requests.recv().await;
    let Some(Request::Archive {
        resume: Some(resume),
        ..
    }) = request
    else {
        panic!("{request:?}");
    };
    assert_eq!(resume.block, 1);
    assert!(requests.try_recv().is_err(), "one request was enough");
}

#[tokio::test]
async fn what_is_not_to_be_gone_on_with_is_thrown_away_with_a_line() {
    for (case, said) in [
        ("refused", ""),
        ("other", "discarding 13 B of a different download to "),
        ("damaged", ": they fail verification"),
    ] {
        let dead = dies_for_good().await;
        let mut client = Client::new(dead.address);
        leave_a_part(&mut client).await;
        client.err.take();
        let (well, mut requests) = Fake::recording().await;
        let mut client = client.moved_to(well.address);
        let part = client
            .target()
            .with_file_name(".temp.tar.gz.netsocket-part");
        if case == "damaged" {
            std::fs::write(part, "FIRST block, ").unwrap();
        }
        let request = Request::archive(Query {
            extensions: vec![if case == "other" { "txt" } else { "pdf" }.into()],
            ..Query::default()
        });
        let options = OutputOptions {
            resume: case != "refused",
            ..OutputOptions::to(Destination::File(client.target()))
        };
        let mut told = Told::default();
        let session = &mut client.program.context.session;
        let performed = session.perform(&request, &options, &mut told).await;
        assert_eq!(saved(performed.unwrap()).stats.kept, 0, "{case}");
        assert_eq!(client.files(), ["temp.tar.gz"], "{case}");
        assert_eq!(requests.recv().await.unwrap(), request, "{case}: all of it");
        match told.0.first() {
            Some(line) => assert!(line.contains(said) && !said.is_empty(), "{line}"),
            None => assert!(said.is_empty(), "{case}"),
        }
    }
}

#[tokio::test]
async fn of_several_servers_the_next_is_tried_and_taken_when_one_breaks() {
    // Bound and let go, so that the port is most likely nobody's.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let dying = dies_for_good().await;
    let well = Fake::good().await;
    let servers = format!("{nobody},{},{}", dying.address, well.address);
    let mut client = Client::surviving(&servers, PATIENCE, PATIENCE);
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    assert_eq!(std::fs::read(client.target()).unwrap(), archive_bytes());
    assert_eq!((dying.accepted(), well.accepted()), (1, 1));
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(well.accepted(), 1, "the connection is kept");

    let mut client = Client::surviving(&format!("{nobody},localhost:1"), PATIENCE, PATIENCE);
    assert_eq!(client.run("dirlist -a").await, Exit::CannotConnect);
    let said = client.err.text();
    assert!(
        said.contains(&format!("cannot connect to {nobody}: ")),
        "{said}"
    );
    assert!(said.contains("; cannot connect to localhost:1: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn a_request_that_ends_servers_ends_only_some() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        peer.request().await;
    })
    .await;
    let mut client = Client::surviving(&server.address.to_string(), PATIENCE, PATIENCE);
    assert_eq!(client.run("w24ft pdf").await, Exit::TransferFailed);
    assert_eq!(server.accepted(), 3);
    assert!(client.files().is_empty());
}

#[tokio::test]
async fn a_server_slower_than_the_stall_timeout_is_given_more_time() {
    // Each block is made anew for whoever asks, and takes longer than anybody waits at first.
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        let Some(Request::Archive { resume, .. }) = peer.request().await else {
            return;
        };
        let first_block = resume.map_or(0, |resume| resume.block);
        peer.send(&Plan {
            first_block,
            ..plan()
        })
        .await;
        if first_block == 0 {
            peer.block(0, BLOCKS[0]).await;
        }
        let made = tokio::time::timeout(3 * SHORT, peer.until_gone()).await;
        if made.is_err() {
            for (index, block) in (0..).zip(BLOCKS).skip(1) {
                peer.block(index, block).await;
            }
            let rest = BLOCKS[1..].concat();
            let mut last = trailer();
            (last.blocks, last.bytes) = (2, rest.len() as u64);
            last.digest = blake3::hash(&rest).to_hex().to_string();
            peer.send(&last).await;
        }
    })
    .await;
    let mut client = Client::surviving(&server.address.to_string(), SHORT, PATIENCE);
    client.set_answer_timeout(PATIENCE);
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    assert_eq!(std::fs::read(client.target()).unwrap(), archive_bytes());
    assert_eq!(server.accepted(), 3, "500 ms, 1 s, 2 s");
}
