//! Used by the file server, the client and the benchmarks; it is in `fileserver/` because the file server defines the
//! protocol.
//!
//! The two protocols ("wires") of the NetSocket file service. Owns: the bytes. [`old`] is the wire of the C system,
//! byte for byte; [`frame`], [`message`], [`transfer`] and [`block`] are the new one. [`command`] and [`find`] are the
//! commands that people type, [`query`] selects files. Does not own: sockets, files, time zones, or the contents of an
//! answer. `docs/protocol.md` shows an example of every message, and a test compares it with this code.
//!
//! # Examples
//!
//! What a client sends first, and how a server reads it:
//!
//! ```
//! use bytes::BytesMut;
//! use netsocket_protocol::frame::FrameCodec;
//! use netsocket_protocol::message::{Hello, Message as _};
//! use netsocket_protocol::{MAGIC, MAX_REQUEST, Opening, VERSION};
//! use tokio_util::codec::{Decoder as _, Encoder as _};
//!
//! let hello = Hello {
//!     version: VERSION,
//!     software: "example 1.0".to_owned(),
//!     name: String::new(),
//!     features: Vec::new(),
//!     token: None,
//! };
//! let mut wire = BytesMut::from(&MAGIC[..]);
//! let mut codec = FrameCodec::new(MAX_REQUEST);
//! codec.encode(hello.to_frame()?, &mut wire)?;
//!
//! // On the receiving side.
//! assert_eq!(Opening::of(wire[0]), Opening::New);
//! assert_eq!(wire.split_to(MAGIC.len()), MAGIC[..]);
//! let frame = codec.decode(&mut wire)?.expect("a whole frame");
//! assert_eq!(Hello::from_frame(&frame)?, hello);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod block;
pub mod command;
pub mod find;
pub mod frame;
pub mod message;
pub mod name;
pub mod old;
pub mod query;
pub mod security;
pub mod stream_end;
pub mod stream_state;
pub mod text;
pub mod time_point;
pub mod transfer;
pub mod warning;

/// The version of the new wire that this code speaks.
pub const VERSION: u16 = 1;

/// The first bytes from either side on the new wire. The old wire begins with an ASCII digit, so no old client sends
/// them.
pub const MAGIC: [u8; 8] = *b"NETSOCK\n";

/// The largest payload of a request in bytes; a server refuses more.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The largest payload of any frame in bytes; a client refuses more.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

/// The protocol of a connection, detected from its first byte.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::Opening;
///
/// assert_eq!(Opening::of(b'N'), Opening::New);
/// assert_eq!(Opening::of(b'1'), Opening::OldSession);
/// // A browser: `GET / HTTP/1.1`.
/// assert_eq!(Opening::of(b'G'), Opening::Http);
/// assert_eq!(Opening::of(b'\n'), Opening::Unknown);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// `0`: the old port question if nothing follows, otherwise the first digit of an old frame.
    OldQuestionOrFrame,
    /// `1`: an old session; frames follow.
    OldSession,
    /// The first byte of [`MAGIC`].
    New,
    /// Any other capital letter: the first of an HTTP method. No registered method begins with that of [`MAGIC`].
    Http,
    /// No protocol begins with this byte.
    Unknown,
}

impl Opening {
    /// Classifies the first byte that a client sent.
    #[must_use]
    pub fn of(first: u8) -> Self {
        match first {
            b'0' => Self::OldQuestionOrFrame,
            b'1' => Self::OldSession,
            byte if byte == MAGIC[0] => Self::New,
            b'A'..=b'Z' => Self::Http,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod doc_examples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_begins_two_protocols() {
        for first in u8::MIN..=u8::MAX {
            let expected = match first {
                b'0' => Opening::OldQuestionOrFrame,
                b'1' => Opening::OldSession,
                b'N' => Opening::New,
                b'A'..=b'Z' => Opening::Http,
                _ => Opening::Unknown,
            };
            assert_eq!(Opening::of(first), expected, "{first}");
        }
        // The methods that IANA lists, as of 2025, and the preface of HTTP/2.
        let methods = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE \
            MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND \
            PROPPATCH PUT REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF \
            VERSION-CONTROL";
        for method in methods.split_whitespace() {
            assert_eq!(Opening::of(method.as_bytes()[0]), Opening::Http, "{method}");
        }
    }
}
