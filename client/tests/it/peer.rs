//! The server's end of a connection, for servers that behave and for those that do not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf as _, Bytes, BytesMut};
use netsocket_protocol::block::Block;
use netsocket_protocol::frame::{Frame, FrameCodec, FrameError};
use netsocket_protocol::message::{
    Compression, ErrorKind, ErrorReply, FileEntry, FileStart, Hello, Layout, Message, Order, Plan,
    Problem, Reply, Request, Trailer, Warning,
};
use netsocket_protocol::name::Name;
use netsocket_protocol::{MAGIC, MAX_REQUEST, VERSION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::tree::is_in_tree;

/// One accepted connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    received: BytesMut,
}

impl Peer {
    /// The client's opening, or `None` where it left first.
    pub(crate) async fn opening(&mut self) -> Option<Hello> {
        while self.received.len() < MAGIC.len() {
            self.fill().await?;
        }
        assert_eq!(self.received[..MAGIC.len()], MAGIC);
        self.received.advance(MAGIC.len());
        Some(Hello::from_frame(&self.frame().await?).unwrap())
    }

    pub(crate) async fn greet(&mut self) {
        self.opening().await;
        self.raw(&MAGIC).await;
        self.send(&hello(VERSION)).await;
    }

    pub(crate) async fn request(&mut self) -> Option<Request> {
        Some(Request::from_frame(&self.frame().await?).unwrap())
    }

    async fn frame(&mut self) -> Option<Frame> {
        loop {
            let decoded: Result<_, FrameError> =
                FrameCodec::new(MAX_REQUEST).decode(&mut self.received);
            if let Some(frame) = decoded.unwrap() {
                return Some(frame);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.received).await {
            Ok(count) if count > 0 => Some(()),
            _ => None,
        }
    }

    /// Waits until the client has gone.
    pub(crate) async fn until_gone(&mut self) {
        while self.fill().await.is_some() {}
    }

    /// Whether it arrives is not the server's affair.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub(crate) async fn send(&mut self, message: &impl Message) {
        let mut bytes = BytesMut::new();
        FrameCodec::new(MAX_REQUEST)
            .encode(message.to_frame().unwrap(), &mut bytes)
            .unwrap();
        self.raw(&bytes).await;
    }

    pub(crate) async fn error(&mut self, kind: ErrorKind, message: &str) {
        self.send(&ErrorReply::new(kind, message)).await;
    }

    pub(crate) async fn block(&mut self, index: u64, bytes: &'static [u8]) {
        self.raw(&block_frame(index, bytes)).await;
    }

    /// A whole, right archive.
    pub(crate) async fn archive(&mut self) {
        self.archive_from(0).await;
    }

    /// The right archive from a block on.
    pub(crate) async fn archive_from(&mut self, first: u64) {
        let first_block = first;
        self.send(&Plan {
            first_block,
            ..plan()
        })
        .await;
        let rest = BLOCKS.into_iter().enumerate().skip(at(first));
        for (index, block) in rest {
            self.block(index as u64, block).await;
        }
        self.send(&trailer_from(first)).await;
    }

    /// The right plain file from an offset on, which is where one of its blocks begins.
    pub(crate) async fn file_from(&mut self, offset: u64) {
        self.send(&file_start(offset)).await;
        let mut before = 0;
        let mut index = 0;
        for block in BLOCKS {
            if before >= offset {
                self.block(index, block).await;
                index += 1;
            }
            before += block.len() as u64;
        }
        let rest = &archive_bytes()[at(offset)..];
        self.send(&Trailer {
            blocks: index,
            ..trailer_of(rest)
        })
        .await;
    }

    /// The right answer to every request, until the client leaves.
    pub(crate) async fn serve(&mut self) {
        while let Some(request) = self.request().await {
            self.answer(&request).await;
        }
    }

    pub(crate) async fn answer(&mut self, request: &Request) {
        match request {
            Request::Directories { order } => {
                let mut names = directories();
                if *order == Order::Born {
                    names.reverse();
                }
                let rest = names.split_off(1);
                self.send(&Reply::Directories { names, more: true }).await;
                let last = Reply::Directories {
                    names: rest,
                    more: false,
                };
                self.send(&last).await;
            }
            Request::Find {
                query, limit: 1, ..
            } => {
                let found = query.name == Some(file().path.as_bytes()[2..].into());
                let files = if found { vec![file()] } else { vec![] };
                self.send(&Reply::files(files, false)).await;
            }
            Request::Archive { query, resume, .. } => match resume {
                // Neither is a file of the tree.
                _ if query.extensions == ["none".into()]
                    || [Some("none".into()), Some("music".into())].contains(&query.name) =>
                {
                    self.error(ErrorKind::NotFound, "No file found").await;
                }
                Some(resume) if resume.plan != plan().plan => {
                    self.error(ErrorKind::Changed, "begin anew").await;
                }
                Some(resume) => self.archive_from(resume.block).await,
                None => self.archive().await,
            },
            Request::Get { path, .. } if is_in_tree(path) => self.answer_from_tree(request).await,
            Request::Get {
                path,
                offset,
                identity,
                ..
            } => match identity {
                _ if path.as_bytes() == b"none" => {
                    self.error(ErrorKind::NotFound, "there is no file none")
                        .await;
                }
                Some(identity) if *identity != file_start(0).identity => {
                    self.error(ErrorKind::Changed, "begin anew").await;
                }
                _ => self.file_from(*offset).await,
            },
            other => self.answer_from_tree(other).await,
        }
    }
}

/// The blocks of every archive here.
pub(crate) const BLOCKS: [&[u8]; 3] = [b"first block, ", b"second block, ", b"third block"];

pub(crate) fn archive_bytes() -> Vec<u8> {
    BLOCKS.concat()
}

pub(crate) fn hello(version: u16) -> Hello {
    Hello {
        version,
        software: "fake/1".to_owned(),
        name: "fake".to_owned(),
        features: vec![],
        token: None,
    }
}

pub(crate) fn directories() -> Vec<Name> {
    vec!["a b".into(), "esc\x1b[2J".into(), Name(vec![b'z', 0xff])]
}

pub(crate) fn file() -> FileEntry {
    FileEntry {
        path: "d/it's \n here".into(),
        size: 17,
        born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
        birth_known: true,
        modified: String::new(),
        mode: 0o100_644,
    }
}

pub(crate) fn plan() -> Plan {
    Plan {
        plan: "0123".to_owned(),
        files: 12,
        file_bytes: 100,
        tar_bytes: 100,
        block_bytes: 40,
        blocks: 3,
        first_block: 0,
        compression: Compression::Gzip,
        layout: Layout::Blocks,
        sketch: String::new(),
    }
}

pub(crate) fn trailer() -> Trailer {
    trailer_from(0)
}

fn trailer_from(first: u64) -> Trailer {
    Trailer {
        blocks: 3 - first,
        warnings: vec![Warning {
            path: "a/b.txt".into(),
            problem: Problem::Vanished,
        }],
        ..trailer_of(&BLOCKS[at(first)..].concat())
    }
}

pub(crate) fn trailer_of(bytes: &[u8]) -> Trailer {
    Trailer {
        blocks: 0,
        bytes: bytes.len() as u64,
        digest: blake3::hash(bytes).to_hex().to_string(),
        warnings: vec![],
        unlisted: 0,
    }
}

pub(crate) fn file_start(offset: u64) -> FileStart {
    let size = archive_bytes().len() as u64;
    FileStart {
        identity: format!("{size}-1.000000000"),
        size,
        offset,
        length: size - offset,
        modified: String::new(),
        mode: 0o100_644,
    }
}

fn at(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

pub(crate) fn block_frame(index: u64, bytes: &'static [u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    let bytes = Bytes::from_static(bytes);
    Block { index, bytes }.put_frame(&mut frame).unwrap();
    frame
}

/// A server that plays one part for each connection.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Fake {
    /// `part` gets the number of the connection, from 0 on. The connection closes when it is over.
    pub(crate) async fn start<F>(part: impl Fn(usize, Peer) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let peer = Peer {
                    stream,
                    received: BytesMut::new(),
                };
                tokio::spawn(part(number, peer));
            }
        });
        Self { address, accepted }
    }

    /// One that answers everything as it should.
    pub(crate) async fn good() -> Self {
        Self::start(|_, mut peer| async move {
            peer.greet().await;
            peer.serve().await;
        })
        .await
    }

    /// One that answers everything as it should, and what it is asked.
    pub(crate) async fn recording() -> (Self, UnboundedReceiver<Request>) {
        let (asked, requests) = unbounded_channel();
        let server = Self::start(move |_, mut peer| {
            let asked = asked.clone();
            async move {
                peer.greet().await;
                while let Some(request) = peer.request().await {
                    let _ = asked.send(request.clone());
                    peer.answer(&request).await;
                }
            }
        })
        .await;
        (server, requests)
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}
