//! What a command has brought.

use std::path::PathBuf;
use std::time::Duration;

use netsocket_protocol::message::{FileEntry, Warning};
use netsocket_protocol::name::Name;

use crate::outcome::exit::Exit;

/// The result of a command that worked.
///
/// # Examples
///
/// ```
/// use netsocket_client::outcome::answer::Answer;
/// use netsocket_client::outcome::exit::Exit;
///
/// assert_eq!(Answer::Names(Vec::new()).exit(), Exit::Done);
/// assert_eq!(Answer::File(None).exit(), Exit::NothingFound);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Names of directories, in the order asked for.
    Names(Vec<Name>),
    /// The file that was looked for, if there is one.
    File(Option<FileEntry>),
    /// The archive that was saved, if there was anything to put into it.
    Archive(Option<Saved>),
    /// The plain file that was saved, if there is one.
    Saved(Option<Saved>),
}

/// An archive or a plain file in its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// The file as it was given; `-` for standard output; the directory where an archive was unpacked.
    pub path: PathBuf,
    /// Files in the archive; 1 for a plain file.
    pub files: u64,
    /// Its size in bytes: of an archive that was unpacked, of the archive as it came.
    pub bytes: u64,
    /// BLAKE3 of these bytes, 64 hexadecimal digits.
    pub digest: String,
    /// What it does not hold as its reader might expect.
    pub warnings: Vec<Warning>,
    /// Warnings that the server left out.
    pub unlisted: u64,
    /// What happened on the way.
    pub stats: TransferStats,
}

/// How a transfer got to its end, whatever happened to connections and servers meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferStats {
    /// Bytes that an earlier run had left, and that were not asked for again.
    pub kept: u64,
    /// How often it went on over another connection.
    pub resumed: u32,
    /// How often it was begun anew, because the source was another one.
    pub restarted: u32,
    /// Time without a byte of it, from the last one over a connection that was lost to the first whole block over the
    /// next.
    pub stalled: Duration,
    /// Bytes that came and had to be sent again: of blocks that were not whole, or of what was begun anew.
    pub bytes_twice: u64,
}

impl Answer {
    /// The exit code for it. A list without names is an answer; a file that was asked for and is not there is none.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::File(None) | Self::Archive(None) | Self::Saved(None) => Exit::NothingFound,
            Self::Names(_)
            | Self::File(Some(_))
            | Self::Archive(Some(_))
            | Self::Saved(Some(_)) => Exit::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sought_can_be_missing() {
        assert_eq!(Answer::Names(vec![]).exit(), Exit::Done);
        assert_eq!(Answer::File(None).exit(), Exit::NothingFound);
        assert_eq!(Answer::Archive(None).exit(), Exit::NothingFound);
        assert_eq!(Answer::Saved(None).exit(), Exit::NothingFound);
    }
}
