//! The small messages of the new wire: JSON payloads with fixed names.
//!
//! A side ignores fields of [`Hello`], [`Reply`], [`Plan`], [`FileStart`], [`Trailer`] and [`ErrorReply`] that it does not know; a server refuses unknown
//! fields of a [`Request`].

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::frame::{Frame, FrameType};
use crate::name::Name;
use crate::query::{Query, Sort};
pub use crate::security::Token;
pub use crate::transfer::{Change, ChangeKind, Compression, EntryNames, FileStart, Resume, Verify};

/// Who speaks, and what it understands. Each side sends it first, behind [`crate::MAGIC`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The newest version of the wire that the sender speaks. A server that speaks less answers with its own hello
    /// and an error, and closes.
    pub version: u16,
    /// Program and version, for people.
    pub software: String,
    /// The name of the server; empty from a client.
    pub name: String,
    /// What the sender can do beyond the version, by name.
    #[serde(default)]
    pub features: Vec<String>,
    /// From a client, where it has one for this server.
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

/// What a client asks for. One request at a time; the next may be sent ahead, answers come in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The directories directly below the root. Answered with [`Reply::Directories`].
    Directories {
        /// The order of the names.
        order: Order,
    },
    /// The files that a query means. Answered with [`Reply::Files`], also when there are none.
    Find {
        /// Which files.
        query: Query,
        /// The most files to name.
        limit: u64,
        /// By what they are sorted.
        #[serde(default, skip_serializing_if = "is_default")]
        sort: Sort,
        /// The whole list the other way round; of that, the first `limit` files.
        #[serde(default, skip_serializing_if = "is_default")]
        reverse: bool,
    },
    /// A tar archive of the files that a query means. Answered with [`Plan`], blocks and [`Trailer`], or with an error of
    /// kind [`ErrorKind::NotFound`] where there are none, [`ErrorKind::Changed`] where it cannot go on.
    Archive {
        /// Which files.
        query: Query,
        /// How to compress.
        compression: Compression,
        /// How hard to compress; see [`Compression::levels`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<u8>,
        /// The names inside.
        #[serde(default, skip_serializing_if = "EntryNames::is_default")]
        names: EntryNames,
        /// Where to begin, if not at the first block. All other fields must be those of the request that broke off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<Resume>,
    },
    /// One directory: its subdirectories and regular files, by name. Answered with [`Reply::Files`], in which a directory
    /// is known by its mode and has no size, or with an error of kind [`ErrorKind::NotFound`].
    List {
        /// The path below the root, without a slash at either end; empty for the root. That of a regular file lists this
        /// file alone.
        path: Name,
        /// Only names that this whole glob matches, as in [`Query::glob`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        glob: Option<String>,
        /// The entry at `path` and not what is in it.
        #[serde(default, skip_serializing_if = "is_default")]
        itself: bool,
        /// Also names that begin with a dot, if the server allows that.
        #[serde(default, skip_serializing_if = "is_default")]
        hidden: bool,
        /// The most entries; absent for all that there are.
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
        /// The most bytes; absent for all that there are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
        /// The `identity` of the answer that is to go on; a file with another one is answered with
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
            resume: None,
        }
    }
}

/// A list that was asked for, in parts: the last one says `more: false`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Names of directories.
    Directories {
        /// The names, in the order asked for.
        names: Vec<Name>,
        /// Whether another part follows.
        more: bool,
    },
    /// Files.
    Files {
        /// The files, in the order asked for.
        files: Vec<FileEntry>,
        /// Whether another part follows.
        more: bool,
    },
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path below the root, without a leading slash.
    pub path: Name,
    /// Bytes.
    pub size: u64,
    /// Birth time with the server's offset, as RFC 3339 with nanoseconds.
    pub born: String,
    /// Whether `born` is the birth time; where the file system keeps none it is the time of the last modification.
    pub birth_known: bool,
    /// The time of the last modification, like `born`; empty from a server that does not tell it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    /// Type and permission bits, as in `st_mode`.
    pub mode: u32,
}

/// What an archive will be, fixed before its first byte.
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
    /// A summary of the files, for [`Resume::sketch`]; no client looks into it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sketch: String,
}

/// What was sent, behind the last block or byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Blocks sent in this answer; raw frames are none.
    pub blocks: u64,
    /// Bytes sent in this answer, without headers.
    pub bytes: u64,
    /// BLAKE3 of these bytes, 64 hexadecimal digits; empty where they were raw.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// What the archive does not hold as a reader might expect.
    pub warnings: Vec<Warning>,
    /// Warnings left out, because the list would not fit into a frame.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One file about which the archive needs a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The path below the root.
    pub path: Name,
    /// What happened.
    pub problem: Problem,
}

/// What can happen to a file in an archive, or to a plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It may not be read, so it is not in the archive; or reading failed, and zeros stand for what could not be read.
    Unreadable,
    /// It was there when the archive was planned and is gone: its entry holds zeros.
    Vanished,
    /// It became shorter while it was read: its entry is filled with zeros.
    Shrank,
    /// It became longer while it was read: its entry is cut at the planned size.
    Grew,
    /// It was written to meanwhile, its size being the same: its entry may mix old and new content.
    Changed,
    /// Its base name was taken by another file: its entry has a number before the extension.
    Renamed,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No file is meant.
    NotFound,
    /// The request cannot be understood.
    BadRequest,
    /// The tree is not the one that a plan was made of, or the file not the one of an identity: begin anew.
    Changed,
    /// A limit of the server is reached for now; the same request may work later.
    Busy,
    /// The request may not be made, or not by this client.
    Denied,
    /// More was asked for than the server gives at once.
    TooLarge,
    /// The server failed.
    Internal,
}

/// An error in place of an answer, or of the rest of one.
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
    /// With [`ErrorKind::Changed`], where it is known: some of the files that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl ErrorReply {
    /// An error with its sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            changes: Vec::new(),
        }
    }
}

/// Why a payload is not the message that its frame type announces.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The frame has another type than the one expected here.
    #[error("expected a frame of type {expected:?}, got {got:?}")]
    Unexpected {
        /// What may stand here.
        expected: FrameType,
        /// What came.
        got: FrameType,
    },
    /// The payload is no such message.
    #[error("not a message of type {kind:?}: {source}")]
    Malformed {
        /// The type of the frame.
        kind: FrameType,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
}

/// A message that travels as the JSON payload of one type of frame.
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
    /// [`MessageError::Malformed`] where the message cannot be written as JSON.
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
    /// [`MessageError`] where the frame has another type or its payload is malformed.
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
