//! The small messages of the new wire: JSON payloads with fixed names.
//!
//! Unknown fields of [`Hello`], [`Reply`], [`Plan`], [`FileStart`], [`Trailer`] and [`ErrorReply`] are ignored; a
//! server refuses unknown fields of a [`Request`].

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::frame::{Frame, FrameType};
use crate::name::Name;
use crate::query::{Query, Sort};
pub use crate::security::Token;
pub use crate::stream_state::StreamState;
pub use crate::transfer::{
    Change, ChangeKind, Compression, EntryNames, FileStart, Layout, Resume, Verify,
};
pub use crate::warning::{Lacking, Problem, Warning};

/// Introduces the sender and its features. Each side sends it first, after [`crate::MAGIC`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The newest protocol version the sender speaks. A server that does not speak it replies with its own hello and an
    /// error, and closes.
    pub version: u16,
    /// Program and version, for people.
    pub software: String,
    /// The name of the server; empty from a client.
    pub name: String,
    /// Names of optional features of the sender.
    #[serde(default)]
    pub features: Vec<String>,
    /// The client's token for this server, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By the bytes of the name.
    Name,
    /// Oldest birth time first, then by name.
    Born,
}

/// A request. Requests may be pipelined; answers come in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The directories directly below the root. Answered with [`Reply::Directories`].
    Directories {
        /// The order of the names.
        order: Order,
    },
    /// The files that match a query. Answered with [`Reply::Files`], even if there are none.
    Find {
        /// Which files.
        query: Query,
        /// The most files to list.
        limit: u64,
        /// The sort key.
        #[serde(default, skip_serializing_if = "is_default")]
        sort: Sort,
        /// Reverses the order before `limit` applies.
        #[serde(default, skip_serializing_if = "is_default")]
        reverse: bool,
    },
    /// A tar archive of the files that match a query. Answered with [`Plan`], blocks and [`Trailer`], or with an error:
    /// [`ErrorKind::NotFound`] if no file matches, [`ErrorKind::Changed`] if it cannot be resumed.
    Archive {
        /// Which files.
        query: Query,
        /// How to compress.
        compression: Compression,
        /// The compression level; see [`Compression::levels`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<u8>,
        /// The names of the entries.
        #[serde(default, skip_serializing_if = "EntryNames::is_default")]
        names: EntryNames,
        /// Whether each block is a gzip member or zstd frame, or all of them are one. Only a server with the feature
        /// [`STREAM_LAYOUT`](crate::transfer::STREAM_LAYOUT) understands anything but the default.
        #[serde(default, skip_serializing_if = "Layout::is_default")]
        layout: Layout,
        /// The block to start with, if not the first. All other fields must equal those of the interrupted request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<Resume>,
    },
    /// One directory: its subdirectories and regular files, sorted by name. Answered with [`Reply::Files`], in which a
    /// directory has size 0 and is recognised by its mode, or with an error of kind [`ErrorKind::NotFound`].
    List {
        /// The path below the root, without a slash at either end; empty for the root. The path of a regular file lists
        /// only this file.
        path: Name,
        /// Only names that match this glob, as in [`Query::glob`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        glob: Option<String>,
        /// List the entry at `path` itself, not its contents.
        #[serde(default, skip_serializing_if = "is_default")]
        itself: bool,
        /// Include names that begin with a dot, if the server allows it.
        #[serde(default, skip_serializing_if = "is_default")]
        hidden: bool,
        /// The most entries; absent for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// A plain file, or a range of it. Answered with [`FileStart`], its bytes and [`Trailer`].
    Get {
        /// The path below the root, without a leading slash.
        path: Name,
        /// The first byte.
        #[serde(default, skip_serializing_if = "is_zero")]
        offset: u64,
        /// The most bytes; absent for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
        /// The `identity` from the interrupted answer; if the file has another one, the answer is
        /// [`ErrorKind::Changed`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<String>,
        /// How to send the bytes.
        #[serde(default, skip_serializing_if = "Verify::is_default")]
        verify: Verify,
    },
}

impl Request {
    /// A whole plain file, in blocks with checksums.
    #[must_use]
    pub fn get(path: Name) -> Self {
        Self::Get {
            path,
            offset: 0,
            length: None,
            identity: None,
            verify: Verify::Blocks,
        }
    }

    /// The whole archive of a query as the old commands make it: base names, gzip at its default level.
    #[must_use]
    pub fn archive(query: Query) -> Self {
        Self::Archive {
            query,
            compression: Compression::default(),
            level: None,
            names: EntryNames::default(),
            layout: Layout::default(),
            resume: None,
        }
    }

    /// The same request for an archive in that layout; any other request is returned as it is.
    #[must_use]
    pub fn with_layout(mut self, wanted: Layout) -> Self {
        if let Self::Archive { layout, .. } = &mut self {
            *layout = wanted;
        }
        self
    }
}

/// One part of a list; the last part has `more: false`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Names of directories.
    Directories {
        /// The names, in the requested order.
        names: Vec<Name>,
        /// Whether another part follows.
        more: bool,
    },
    /// Files.
    Files {
        /// The files, in the requested order.
        files: Vec<FileEntry>,
        /// Whether another part follows.
        more: bool,
        /// What the whole list lacks; only in the last part.
        #[serde(default, skip_serializing_if = "Lacking::is_empty")]
        lacking: Lacking,
    },
}

impl Reply {
    /// A part of a list that lacks nothing.
    #[must_use]
    pub fn files(files: Vec<FileEntry>, more: bool) -> Self {
        Self::Files {
            files,
            more,
            lacking: Lacking::default(),
        }
    }
}

/// The metadata of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path below the root, without a leading slash.
    pub path: Name,
    /// Bytes.
    pub size: u64,
    /// Birth time with the server's offset, as RFC 3339 with nanoseconds.
    pub born: String,
    /// Whether `born` is the birth time; if the file system does not record it, it is the time of the last
    /// modification.
    pub birth_known: bool,
    /// The time of the last modification, like `born`; empty from a server that does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    /// Type and permission bits, as in `st_mode`.
    pub mode: u32,
}

/// The plan of an archive, fixed before its first byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Hash of everything that determines the bytes of the archive: the same on every replica with the same tree.
    pub plan: String,
    /// Files in the archive.
    pub files: u64,
    /// Bytes of these files.
    pub file_bytes: u64,
    /// Bytes of the tar stream before compression.
    pub tar_bytes: u64,
    /// Bytes of the tar stream in each block but the last.
    pub block_bytes: u64,
    /// Blocks of the whole stream.
    pub blocks: u64,
    /// The first block that is sent.
    pub first_block: u64,
    /// How each block is compressed.
    pub compression: Compression,
    /// What the blocks are to that format.
    #[serde(default, skip_serializing_if = "Layout::is_default")]
    pub layout: Layout,
    /// A summary of the files, for [`Resume::sketch`]; opaque to clients.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sketch: String,
}

/// A summary of what was sent, after the last block or byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Blocks sent in this answer; raw frames do not count.
    pub blocks: u64,
    /// Bytes sent in this answer, without headers.
    pub bytes: u64,
    /// BLAKE3 of these bytes, 64 hexadecimal digits; empty for raw frames.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Files that differ from what a reader expects.
    pub warnings: Vec<Warning>,
    /// Number of warnings that did not fit into a frame.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No file matches.
    NotFound,
    /// The request is malformed.
    BadRequest,
    /// The files differ from the plan, or the file from the identity: start over.
    Changed,
    /// A limit of the server is reached; a retry may succeed later.
    Busy,
    /// The request is not allowed, or not for this client.
    Denied,
    /// The answer would exceed a limit.
    TooLarge,
    /// The server failed.
    Internal,
}

/// An error in place of an answer, or of the rest of it.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::message::{ErrorKind, ErrorReply};
///
/// let busy = ErrorReply::new(ErrorKind::Busy, "8 archives are being made already");
/// // People read the sentence, programs act on the kind.
/// assert_eq!(busy.to_string(), "8 archives are being made already");
/// assert_eq!(serde_json::to_value(busy.kind)?, "busy");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ErrorReply {
    /// What a program can act on.
    pub kind: ErrorKind,
    /// One sentence for people.
    pub message: String,
    /// With [`ErrorKind::Changed`]: some of the files that differ, if known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// With [`ErrorKind::NotFound`] in place of an archive: what would perhaps be in it.
    #[serde(default, skip_serializing_if = "Lacking::is_empty")]
    pub lacking: Lacking,
}

impl ErrorReply {
    /// An error with its sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            changes: Vec::new(),
            lacking: Lacking::default(),
        }
    }
}

/// Why a frame is not the expected message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The frame has an unexpected type.
    #[error("expected a frame of type {expected:?}, got {got:?}")]
    Unexpected {
        /// The expected type.
        expected: FrameType,
        /// The received type.
        got: FrameType,
    },
    /// The payload is malformed.
    #[error("not a message of type {kind:?}: {source}")]
    Malformed {
        /// The type of the frame.
        kind: FrameType,
        /// The error of the JSON parser.
        source: serde_json::Error,
    },
}

/// A message that is the JSON payload of one type of frame.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::message::{Hello, Message as _, MessageError, Request};
///
/// let request = Request::get("docs/report.pdf".into());
/// let frame = request.to_frame()?;
/// let json = br#"{"command":"get","path":"docs/report.pdf","verify":"blocks"}"#;
/// assert_eq!(&frame.payload[..], json);
/// assert_eq!(Request::from_frame(&frame)?, request);
///
/// let wrong = Hello::from_frame(&frame);
/// assert!(matches!(wrong, Err(MessageError::Unexpected { .. })));
/// # Ok::<(), MessageError>(())
/// ```
pub trait Message: Serialize + DeserializeOwned {
    /// The type of its frame.
    const KIND: FrameType;

    /// The message in its frame.
    ///
    /// # Errors
    /// [`MessageError::Malformed`] if the message cannot be serialised as JSON.
    fn to_frame(&self) -> Result<Frame, MessageError> {
        let payload = serde_json::to_vec(self).map_err(|source| MessageError::Malformed {
            kind: Self::KIND,
            source,
        })?;
        Ok(Frame {
            kind: Self::KIND,
            payload: Bytes::from(payload),
        })
    }

    /// The message in that frame.
    ///
    /// # Errors
    /// [`MessageError`] if the frame has another type or its payload is malformed.
    fn from_frame(frame: &Frame) -> Result<Self, MessageError> {
        if frame.kind != Self::KIND {
            return Err(MessageError::Unexpected {
                expected: Self::KIND,
                got: frame.kind,
            });
        }
        serde_json::from_slice(&frame.payload).map_err(|source| MessageError::Malformed {
            kind: Self::KIND,
            source,
        })
    }
}

impl Message for Hello {
    const KIND: FrameType = FrameType::Hello;
}
impl Message for Request {
    const KIND: FrameType = FrameType::Request;
}
impl Message for Reply {
    const KIND: FrameType = FrameType::Reply;
}
impl Message for Plan {
    const KIND: FrameType = FrameType::Plan;
}
impl Message for FileStart {
    const KIND: FrameType = FrameType::File;
}
impl Message for Trailer {
    const KIND: FrameType = FrameType::Trailer;
}
impl Message for ErrorReply {
    const KIND: FrameType = FrameType::Error;
}
