//! The results of commands.

use std::path::PathBuf;
use std::time::Duration;

use netsocket_protocol::message::{FileEntry, Warning};
use netsocket_protocol::name::Name;

use crate::outcome::exit::Exit;

/// The result of a successful command.
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
    /// Names of directories, in the requested order.
    Names(Vec<Name>),
    /// The requested file, if it exists.
    File(Option<FileEntry>),
    /// The saved archive, if any file matched.
    Archive(Option<Saved>),
    /// The saved file, if it exists.
    Saved(Option<Saved>),
}

/// A saved archive or file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// The path as given; `-` for standard output; the directory if an archive was unpacked.
    pub path: PathBuf,
    /// Files in the archive; 1 for a plain file.
    pub files: u64,
    /// Its size in bytes; for an unpacked archive, the size of the archive as received.
    pub bytes: u64,
    /// For an unpacked archive, what was done with the files in it.
    pub unpacked: Option<Unpacked>,
    /// Whether it is a file that was there already, with this content.
    pub was_there: bool,
    /// BLAKE3 of these bytes, 64 hexadecimal digits.
    pub digest: String,
    /// Problems that the server reported with single files.
    pub warnings: Vec<Warning>,
    /// The number of further warnings that the server did not list.
    pub unlisted: u64,
    /// What happened on the way.
    pub stats: TransferStats,
}

/// What unpacking an archive did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// The bytes of all files in it.
    pub bytes: u64,
    /// How many files were there already, of the same size and time or the same content, and were not written again.
    pub kept: u64,
}

/// Statistics of a transfer across all its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferStats {
    /// Bytes kept from an earlier run and not requested again.
    pub kept: u64,
    /// How often it resumed on another connection.
    pub resumed: u32,
    /// How often it started over because the source had changed.
    pub restarted: u32,
    /// Time without data: from the last byte on a lost connection to the first complete block on the
    /// next.
    pub stalled: Duration,
    /// Bytes that had to be sent again: of incomplete blocks, or received before starting over.
    pub bytes_twice: u64,
}

impl Answer {
    /// The exit code. An empty list counts as found; a missing file does not.
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
