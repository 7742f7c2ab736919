//! What a command has brought.

use std::path::PathBuf;

use netsocket_protocol::message::{FileEntry, Warning};
use netsocket_protocol::name::Name;

use crate::exit::Exit;

/// The result of a command that worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The list of commands.
    Help,
    /// Names of directories, in the order asked for.
    Names(Vec<Name>),
    /// The file that was looked for, if there is one.
    File(Option<FileEntry>),
    /// The archive that was saved, if there was anything to put into it.
    Archive(Option<Saved>),
}

/// An archive in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The file as it was given; `-` for standard output.
    pub path: PathBuf,
    /// Files in it.
    pub files: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// BLAKE3 of its bytes, 64 hexadecimal digits.
    pub digest: String,
    /// What it does not hold as its reader might expect.
    pub warnings: Vec<Warning>,
    /// Warnings that the server left out.
    pub unlisted: u64,
}

impl Answer {
    /// The exit code for it. A list without names is an answer; a file that was asked for and is not there is none.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::File(None) | Self::Archive(None) => Exit::NothingFound,
            Self::Help | Self::Names(_) | Self::File(Some(_)) | Self::Archive(Some(_)) => {
                Exit::Done
            }
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
    }
}
