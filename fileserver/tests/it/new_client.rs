//! A client of the new wire, on the protocol crate.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use netsocket_protocol::block::Block;
use netsocket_protocol::frame::{Frame, FrameCodec, FrameType};
use netsocket_protocol::message::{
    ErrorReply, FileEntry, FileStart, Hello, Layout, Message, Plan, Reply, Request, StreamState,
    Trailer,
};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};
use netsocket_protocol::security::Token;
use netsocket_protocol::{MAGIC, MAX_FRAME, VERSION};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::server::patiently;

pub(crate) struct NewClient<S = TcpStream> {
    pub(crate) stream: S,
    buffer: BytesMut,
}

/// An archive as it came.
#[derive(Debug, PartialEq)]
pub(crate) struct Archive {
    pub(crate) plan: Plan,
    pub(crate) bytes: Vec<u8>,
    /// The states behind the blocks of an archive of one stream.
    pub(crate) states: Vec<StreamState>,
    pub(crate) trailer: Trailer,
}

impl NewClient {
    /// Both hellos done.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::greet(address, VERSION).await;
        let hello: Hello = client.message().await;
        assert_eq!(
            (hello.version, hello.name.as_str()),
            (VERSION, "under-test")
        );
        assert!(hello.software.starts_with("netsocket-fileserver/"));
        client
    }

    /// Magic and hello sent, the server's magic received.
    pub(crate) async fn greet(address: SocketAddr, version: u16) -> Self {
        Self::open_with(address, &Self::opening(version)).await
    }

    /// Magic and hello.
    pub(crate) fn opening(version: u16) -> Vec<u8> {
        Self::opening_with(version, None)
    }

    /// Magic, and a hello with a token.
    pub(crate) fn opening_with(version: u16, token: Option<&str>) -> Vec<u8> {
        let hello = Hello {
            version,
            software: "test/0".to_owned(),
            name: String::new(),
            features: vec!["unheard-of".to_owned()],
            token: token.map(|token| Token(token.to_owned())),
        };
        [&MAGIC[..], &encoded(&hello)].concat()
    }

    /// Anything sent, the server's magic received.
    pub(crate) async fn open_with(address: SocketAddr, bytes: &[u8]) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), bytes).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> NewClient<S> {
    /// Anything sent over any stream, the server's magic received.
    pub(crate) async fn over(mut stream: S, bytes: &[u8]) -> Self {
        write(&mut stream, bytes).await;
        let mut magic = [0; 8];
        patiently(stream.read_exact(&mut magic)).await.unwrap();
        assert_eq!(&magic, b"NETSOCK\n");
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    pub(crate) async fn send(&mut self, request: &Request) {
        write(&mut self.stream, &encoded(request)).await;
    }

    pub(crate) async fn send_raw(&mut self, kind: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let frame = [&length[..], &[kind], payload].concat();
        write(&mut self.stream, &frame).await;
    }

    /// The next frame, or nothing where the server has ended the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        patiently(async {
            let mut codec = FrameCodec::new(MAX_FRAME);
            loop {
                if let Some(frame) = codec.decode(&mut self.buffer).unwrap() {
                    return Some(frame);
                }
                match self.stream.read_buf(&mut self.buffer).await {
                    Ok(1..) => {}
                    _ => return None,
                }
            }
        })
        .await
    }

    pub(crate) async fn message<M: Message>(&mut self) -> M {
        let frame = self.frame().await.expect("an answer");
        M::from_frame(&frame).unwrap_or_else(|error| panic!("{error}: {frame:?}"))
    }

    pub(crate) async fn error(&mut self) -> ErrorReply {
        self.message().await
    }

    pub(crate) async fn directories(&mut self, request: &Request) -> Vec<Name> {
        self.send(request).await;
        let mut all = Vec::new();
        loop {
            match self.message().await {
                Reply::Directories { names, more } => {
                    all.extend(names);
                    if !more {
                        return all;
                    }
                }
                Reply::Files { .. } => panic!("files"),
            }
        }
    }

    /// All files, and in how many parts they came.
    pub(crate) async fn find(&mut self, query: Query, limit: u64) -> (Vec<FileEntry>, usize) {
        self.list(query, limit, Sort::Path, false).await
    }

    /// All entries that answer a request for a directory.
    pub(crate) async fn entries(&mut self, request: &Request) -> Vec<FileEntry> {
        self.send(request).await;
        let mut all = Vec::new();
        loop {
            match self.message().await {
                Reply::Files { files, more, .. } => {
                    all.extend(files);
                    if !more {
                        return all;
                    }
                }
                Reply::Directories { .. } => panic!("directories"),
            }
        }
    }

    /// All files in that order, and in how many parts they came.
    pub(crate) async fn list(
        &mut self,
        query: Query,
        limit: u64,
        sort: Sort,
        reverse: bool,
    ) -> (Vec<FileEntry>, usize) {
        self.send(&Request::Find {
            query,
            limit,
            sort,
            reverse,
        })
        .await;
        let (mut all, mut parts) = (Vec::new(), 0);
        loop {
            match self.message().await {
                Reply::Files { files, more, .. } => {
                    all.extend(files);
                    parts += 1;
                    if !more {
                        return (all, parts);
                    }
                }
                Reply::Directories { .. } => panic!("directories"),
            }
        }
    }

    /// A whole archive, all its numbers checked.
    pub(crate) async fn archive(&mut self, query: Query) -> Archive {
        self.ask_archive(query).await;
        let plan: Plan = self.message().await;
        self.rest_of_archive(plan).await
    }

    /// A plain file or a range of it, all numbers checked: what is said before, the bytes, and the trailer.
    pub(crate) async fn get(&mut self, request: &Request) -> (FileStart, Vec<u8>, Trailer) {
        self.send(request).await;
        let start: FileStart = self.message().await;
        let (mut bytes, mut blocks) = (Vec::new(), 0);
        let trailer = loop {
            let frame = self.frame().await.expect("an answer");
            match frame.kind {
                FrameType::Raw => bytes.extend_from_slice(&frame.payload),
                FrameType::Data => {
                    let block = Block::from_payload(frame.payload).unwrap();
                    assert_eq!(block.index, blocks);
                    blocks += 1;
                    bytes.extend_from_slice(&block.bytes);
                }
                _ => break Trailer::from_frame(&frame).unwrap(),
            }
        };
        assert_eq!(
            (start.length, trailer.bytes, trailer.blocks),
            (bytes.len() as u64, bytes.len() as u64, blocks)
        );
        if !trailer.digest.is_empty() {
            assert_eq!(trailer.digest, blake3::hash(&bytes).to_hex().to_string());
        }
        (start, bytes, trailer)
    }

    pub(crate) async fn ask_archive(&mut self, query: Query) {
        self.send(&Request::archive(query)).await;
    }

    pub(crate) async fn rest_of_archive(&mut self, plan: Plan) -> Archive {
        let (mut bytes, mut states) = (Vec::new(), Vec::new());
        for index in plan.first_block..plan.blocks {
            let block = match plan.layout {
                Layout::Blocks => self.block().await,
                Layout::Stream => {
                    let (block, state) = self.stream_block().await;
                    assert!(state.crc(&plan.plan, index + 1).is_some());
                    states.push(state);
                    block
                }
            };
            assert_eq!(block.index, index);
            bytes.extend_from_slice(&block.bytes);
        }
        let trailer: Trailer = self.message().await;
        assert_eq!(
            (trailer.blocks, trailer.bytes),
            (plan.blocks - plan.first_block, bytes.len() as u64)
        );
        assert_eq!(trailer.digest, blake3::hash(&bytes).to_hex().to_string());
        assert_eq!(plan.tar_bytes.div_ceil(plan.block_bytes), plan.blocks);
        Archive {
            plan,
            bytes,
            states,
            trailer,
        }
    }

    /// A whole archive of one stream, all its numbers checked.
    pub(crate) async fn stream_archive(&mut self, query: Query) -> Archive {
        self.send(&Request::archive(query).with_layout(Layout::Stream))
            .await;
        let plan: Plan = self.message().await;
        assert_eq!(plan.layout, Layout::Stream);
        self.rest_of_archive(plan).await
    }

    pub(crate) async fn stream_block(&mut self) -> (Block, StreamState) {
        let frame = self.frame().await.expect("a block");
        assert_eq!(frame.kind, FrameType::Data);
        Block::from_stream_payload(frame.payload).unwrap()
    }

    pub(crate) async fn block(&mut self) -> Block {
        let frame = self.frame().await.expect("a block");
        assert_eq!(frame.kind, FrameType::Data);
        Block::from_payload(frame.payload).unwrap()
    }
}

/// What the runtime does not let a task write at once stays within TLS, and reading the answer does not send it.
async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

fn encoded(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    FrameCodec::new(MAX_FRAME)
        .encode(message.to_frame().unwrap(), &mut bytes)
        .unwrap();
    bytes.freeze()
}
