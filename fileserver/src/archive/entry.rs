//! One file of an archive: its path, its name in the archive, its metadata.

use super::tar::{Header, padding};
use super::zip::Member;
use crate::tree::metadata::Timestamp;

/// The name of a file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchivedName {
    /// Its base name.
    Base,
    /// Its path below the root.
    Path,
    /// A new name, because an earlier entry has its base name.
    Renamed(Vec<u8>),
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path below the root.
    pub path: Vec<u8>,
    /// The name in the archive.
    pub inside: ArchivedName,
    /// Bytes of content, whatever happens to the file later.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// The time of the last modification.
    pub modified: Timestamp,
}

impl Entry {
    /// The name in the archive.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match &self.inside {
            ArchivedName::Base => base_name(&self.path),
            ArchivedName::Path => &self.path,
            ArchivedName::Renamed(name) => name,
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

    pub(super) fn member(&self) -> Member<'_> {
        Member {
            name: self.name(),
            mode: self.mode,
            size: self.size,
            modified: self.modified.seconds,
        }
    }

    /// Bytes in the tar stream; `None` if the number exceeds 64 bits.
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
