//! The two wires of the NetSocket file service, shared by server and client.
//!
//! Owns: the bytes. [`old`] is the wire of the C system, byte for byte; [`frame`], [`message`], [`transfer`] and [`block`]
//! are ours.
//! [`command`] is the set of commands that both wires carry and [`query`] the question behind them. Does not own:
//! sockets, files, time zones or what an answer contains. `docs/protocol.md` shows an example of every message, and a
//! test compares it with this code.

pub mod block;
pub mod command;
pub mod find;
pub mod frame;
pub mod message;
pub mod moment;
pub mod name;
pub mod old;
pub mod query;
pub mod security;
pub mod text;
pub mod transfer;

/// The version of the new wire that this code speaks.
pub const VERSION: u16 = 1;

/// What either side sends first on the new wire. The old wire begins with an ASCII digit, so no old client sends it.
pub const MAGIC: [u8; 8] = *b"NETSOCK\n";

/// The most bytes that the payload of a request may have; a server refuses more.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The most bytes that the payload of any frame may have; a client refuses more.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

/// How a connection begins, told from its first byte alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// `0`: the old port question if nothing follows, else the first digit of an old frame.
    OldQuestionOrFrame,
    /// `1`: an old session; frames follow.
    OldSession,
    /// The first byte of [`MAGIC`].
    New,
    /// Neither wire begins like this.
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
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod doc_examples;
