//! One file of an archive: its path, its name inside, and what the header says of it.

use super::tar::{Header, padding};
use crate::tree::metadata::Timestamp;

/// The name of a file inside of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// Its base name.
    Base,
    /// Its path below the root.
    Path,
    /// Another one, as an entry before it has its base name.
    Renamed(Vec<u8>),
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path below the root.
    pub path: Vec<u8>,
    /// The name inside of the archive.
    pub inside: Inside,
    /// Bytes of content, whatever becomes of the file.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// The time of the last modification.
    pub modified: Timestamp,
}

impl Entry {
    /// The name inside of the archive.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match &self.inside {
            Inside::Base => base_name(&self.path),
            Inside::Path => &self.path,
            Inside::Renamed(name) => name,
        }
    }

    pub(super) fn header(&self) -> Header<'_> {
        Header {
            name: self.name(),
            mode: self.mode,
            size: self.size,
            modified: self.modified.seconds,
        }
    }

    /// Bytes in the tar stream; nothing where 64 bits do not hold the number.
    pub(super) fn tar_bytes(&self) -> Option<u64> {
        self.header()
            .length()
            .checked_add(self.size)?
            .checked_add(padding(self.size))
    }
}

/// The last component of a path.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => &path[slash + 1..],
        None => path,
    }
}
