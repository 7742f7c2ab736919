//! One fake server for each way not to answer, to a client that tries nothing again: what it says, and what it leaves on
//! the disk.

use std::time::Duration;

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::MAGIC;
use netsocket_protocol::frame::{FrameType, HEADER};
use netsocket_protocol::message::{ErrorKind, Plan, Reply};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::peer::{BLOCKS, Fake, Peer, block_frame, hello, plan, trailer};

/// How long a client waits for a server that has gone silent on purpose.
const SHORT: Duration = Duration::from_millis(150);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ClosesAtOnce,
    NeverSpeaks,
    Garbage,
    Http,
    GarbageBehindMagic,
    ClosesWithinMagic,
    OldVersion,
    RefusesSession,
    ClosesBeforeAnswer,
    ClosesWithinBlock,
    ClosesBetweenBlocks,
    DamagedBlock,
    BlockCutShort,
    WrongDigest,
    WrongByteCount,
    SwappedBlocks,
    TooFewBlocks,
    TooManyBlocks,
    LiesAboutLength,
    UnknownType,
    PlanFromTheMiddle,
    ListInsteadOfPlan,
    NotJson,
    StallsInTheMiddle,
    FailsInTheMiddle,
    FilesInsteadOfNames,
    EndlessNothing,
}

impl Fault {
    /// Whether a block has come before.
    fn leaves_a_part(self) -> bool {
        matches!(
            self,
            Self::ClosesWithinBlock
                | Self::ClosesBetweenBlocks
                | Self::DamagedBlock
                | Self::BlockCutShort
                | Self::TooFewBlocks
                | Self::TooManyBlocks
                | Self::StallsInTheMiddle
                | Self::FailsInTheMiddle
        )
    }

    async fn play(self, peer: &mut Peer) {
        match self {
            Self::ClosesAtOnce => {}
            Self::NeverSpeaks => peer.until_gone().await,
            Self::Garbage => peer.raw(b"HTTQ/1.1 what is this?\r\n\r\n").await,
            Self::Http => peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
            Self::GarbageBehindMagic => {
                peer.raw(&MAGIC).await;
                peer.raw(b"what is this?").await;
            }
            Self::ClosesWithinMagic => peer.raw(&MAGIC[..3]).await,
            Self::OldVersion => {
                peer.opening().await;
                peer.raw(&MAGIC).await;
                peer.send(&hello(0)).await;
                peer.error(ErrorKind::BadRequest, "only version 0 here")
                    .await;
            }
            Self::RefusesSession => {
                peer.opening().await;
                peer.raw(&MAGIC).await;
                peer.send(&hello(1)).await;
                peer.error(ErrorKind::Busy, "too many sessions").await;
            }
            other => {
                peer.greet().await;
                peer.request().await;
                other.answer(peer).await;
            }
        }
    }

    /// A wrong answer to a right request.
    async fn answer(self, peer: &mut Peer) {
        match self {
            Self::ClosesBeforeAnswer => return,
            Self::ListInsteadOfPlan | Self::FilesInsteadOfNames => {
                let (files, more) = (vec![], false);
                return peer.send(&Reply::files(files, more)).await;
            }
            Self::EndlessNothing => {
                let (names, more) = (vec![], true);
                return peer.send(&Reply::Directories { names, more }).await;
            }
            Self::NotJson => {
                return peer
                    .raw(&[0, 0, 0, 3, FrameType::Plan as u8, b'{', b'}', b'}'])
                    .await;
            }
            Self::LiesAboutLength => {
                return peer.raw(&[255, 255, 255, 255, FrameType::Data as u8]).await;
            }
            Self::UnknownType => return peer.raw(&[0, 0, 0, 0, 99]).await,
            Self::PlanFromTheMiddle => {
                let first_block = 1;
                peer.send(&Plan {
                    first_block,
                    ..plan()
                })
                .await;
            }
            _ => peer.send(&plan()).await,
        }
        self.blocks(peer).await;
    }

    async fn blocks(self, peer: &mut Peer) {
        if self == Self::SwappedBlocks {
            peer.block(1, BLOCKS[1]).await;
        }
        peer.block(0, BLOCKS[0]).await;
        let mut second = block_frame(1, BLOCKS[1]);
        match self {
            Self::ClosesWithinBlock => return peer.raw(&second[..HEADER + 14]).await,
            Self::ClosesBetweenBlocks => return,
            Self::DamagedBlock => {
                let last = second.len() - 1;
                second[last] ^= 1;
            }
            Self::BlockCutShort => {
                return peer.raw(&[0, 0, 0, 2, FrameType::Data as u8, 0, 0]).await;
            }
            Self::StallsInTheMiddle => {
                peer.raw(&second[..20]).await;
                return peer.until_gone().await;
            }
            Self::FailsInTheMiddle => {
                return peer.error(ErrorKind::Internal, "the disk is gone").await;
            }
            _ => {}
        }
        peer.raw(&second).await;
        if self != Self::TooFewBlocks {
            peer.block(2, BLOCKS[2]).await;
        }
        if self == Self::TooManyBlocks {
            peer.block(3, b"one more").await;
        }
        let mut last = trailer();
        match self {
            Self::WrongDigest => last.digest = "0".repeat(64),
            Self::WrongByteCount => last.bytes += 1,
            _ => {}
        }
        peer.send(&last).await;
    }
}

async fn check(fault: Fault, line: &str, exit: Exit, kind: &str, said: &str) {
    let server = Fake::start(move |_, mut peer| async move { fault.play(&mut peer).await }).await;
    let stall = match fault {
        Fault::NeverSpeaks | Fault::StallsInTheMiddle => SHORT,
        _ => Duration::from_secs(30),
    };
    let mut client = Client::with_stall(server.address, stall).json();
    client.keep_old_archive();
    assert_eq!(client.run(line).await, exit, "{fault:?}");
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(object["error"]["kind"], kind, "{fault:?}");
    let sentence = client.err.text();
    assert!(sentence.contains(said), "{fault:?}: {sentence}");
    let part = [
        ".temp.tar.gz.netsocket-part",
        ".temp.tar.gz.netsocket-state",
    ];
    let mut lines = sentence.lines().skip(1);
    let mut files = client.files();
    if fault.leaves_a_part() {
        let kept = lines.next().unwrap();
        assert!(kept.ends_with("; repeat the command to resume"), "{kept}");
        assert_eq!(files[..2], part, "{fault:?}");
        files.drain(..2);
    }
    assert_eq!(lines.next(), None, "{fault:?}: {sentence}");
    assert_eq!(files, ["temp.tar.gz"], "{fault:?}");
    assert_eq!(std::fs::read(client.target()).unwrap(), b"old", "{fault:?}");
    assert_eq!(server.accepted(), 1, "{fault:?}: asked once");
}

#[tokio::test]
async fn a_server_that_does_not_greet() {
    use Exit::{CannotConnect, TransferFailed};
    for (fault, exit, kind, said) in [
        (
            Fault::ClosesAtOnce,
            CannotConnect,
            "connect",
            "a balancer does this when it has no healthy server",
        ),
        (
            Fault::NeverSpeaks,
            CannotConnect,
            "connect",
            "sent nothing for 150ms",
        ),
        (
            Fault::Garbage,
            CannotConnect,
            "not_netsocket",
            "is not a NetSocket file server",
        ),
        (
            Fault::Http,
            CannotConnect,
            "not_netsocket",
            "is an HTTP server, not a NetSocket file server",
        ),
        (
            Fault::GarbageBehindMagic,
            TransferFailed,
            "protocol",
            "violates the protocol",
        ),
        (
            Fault::ClosesWithinMagic,
            TransferFailed,
            "lost",
            "connection was lost",
        ),
        (
            Fault::OldVersion,
            CannotConnect,
            "version",
            "speaks version 0 of the protocol and refuses version 1 (only version 0 here)",
        ),
        (
            Fault::RefusesSession,
            TransferFailed,
            "busy",
            "the server says: too many sessions",
        ),
    ] {
        check(fault, "w24ft pdf", exit, kind, said).await;
    }
}

#[tokio::test]
async fn an_archive_that_does_not_arrive() {
    for (fault, kind, said) in [
        (
            Fault::ClosesBeforeAnswer,
            "lost",
            "lost before the answer was complete",
        ),
        (
            Fault::ClosesWithinBlock,
            "lost",
            "lost before the answer was complete",
        ),
        (
            Fault::ClosesBetweenBlocks,
            "lost",
            "lost before the answer was complete",
        ),
        (
            Fault::StallsInTheMiddle,
            "stalled",
            "stopped sending: no data for 150ms",
        ),
        (
            Fault::FailsInTheMiddle,
            "internal",
            "the server says: the disk is gone",
        ),
    ] {
        check(fault, "w24ft pdf", Exit::TransferFailed, kind, said).await;
    }
}

#[tokio::test]
async fn an_archive_that_is_not_the_one_that_was_sent() {
    for (fault, said) in [
        (Fault::DamagedBlock, "block 1 has a wrong checksum"),
        (Fault::BlockCutShort, "a block is cut short"),
        (Fault::WrongDigest, "its digest does not match the server's"),
        (Fault::WrongByteCount, "received 38 bytes, 39 were sent"),
        (Fault::SwappedBlocks, "received block 1, expected block 0"),
        (Fault::TooFewBlocks, "received 2 blocks, expected 3"),
        (Fault::TooManyBlocks, "received 4 blocks, expected 3"),
        (Fault::PlanFromTheMiddle, "starts at block 1"),
    ] {
        check(fault, "w24ft pdf", Exit::TransferFailed, "damaged", said).await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_protocol() {
    for (fault, line, said) in [
        (
            Fault::LiesAboutLength,
            "w24ft pdf",
            "4294967295 bytes is over the limit",
        ),
        (Fault::UnknownType, "w24ft pdf", "no frame has the type 99"),
        (
            Fault::ListInsteadOfPlan,
            "w24ft pdf",
            "expected a frame of type Plan, got Reply",
        ),
        (Fault::NotJson, "w24ft pdf", "not a message of type Plan"),
        (
            Fault::FilesInsteadOfNames,
            "dirlist -a",
            "the list has the wrong type",
        ),
        (
            Fault::EndlessNothing,
            "dirlist -a",
            "an empty part in the middle of a list",
        ),
    ] {
        check(fault, line, Exit::TransferFailed, "protocol", said).await;
    }
}

#[tokio::test]
async fn each_kind_of_error_is_its_sentence() {
    for (kind, name, exit) in [
        (ErrorKind::BadRequest, "bad_request", Exit::Usage),
        (ErrorKind::Changed, "changed", Exit::TransferFailed),
        (ErrorKind::Busy, "busy", Exit::TransferFailed),
        (ErrorKind::Denied, "denied", Exit::Usage),
        (ErrorKind::TooLarge, "too_large", Exit::TransferFailed),
        (ErrorKind::Internal, "internal", Exit::TransferFailed),
    ] {
        let server = Fake::start(move |_, mut peer| async move {
            peer.greet().await;
            while peer.request().await.is_some() {
                peer.error(kind, "because\x1b[2J").await;
            }
        })
        .await;
        let mut client = Client::new(server.address).json();
        for line in ["w24ft pdf", "dirlist -a", "w24fn x"] {
            assert_eq!(client.run(line).await, exit, "{name} {line}");
            let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
            assert_eq!(object["error"]["kind"], name, "{line}");
            assert_eq!(
                client.err.text(),
                "the server says: because\\u{1b}[2J\n",
                "{line}"
            );
        }
        assert_eq!(server.accepted(), 1, "a refusal does not end the session");
    }
}

#[tokio::test]
async fn nobody_listens() {
    // Bound and let go, so that the port is most likely nobody's.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut client = Client::new(address);
    client.keep_old_archive();
    assert_eq!(client.run("w24ft pdf").await, Exit::CannotConnect);
    assert_eq!(
        client.err.text(),
        format!("cannot connect to {address}: connection refused\n")
    );
    assert_eq!(client.files(), ["temp.tar.gz"]);
}
