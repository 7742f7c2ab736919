//! A file that is there already and stays: what arrives is compared with it, and not written.
//!
//! Owns: whether the content is the same. Does not own: which files stay (`cmd`), nor files in the way of an archive that is
//! unpacked ([`crate::transfer::extract`]).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::outcome::error::Error;
use crate::transfer::blocking::blocking;
use crate::transfer::verify::VerifiedBlock;

/// How many bytes are read at once.
const READ: usize = 64 << 10;

/// Whether a file has these bytes at `at`.
///
/// # Errors
/// I/O errors.
pub(crate) fn has_at(file: &File, mut at: u64, bytes: &[u8]) -> io::Result<bool> {
    let mut there = [0; READ];
    for piece in bytes.chunks(READ) {
        let there = &mut there[..piece.len()];
        match file.read_exact_at(there, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if there != piece {
            return Ok(false);
        }
        at += piece.len() as u64;
    }
    Ok(true)
}

/// A file, and how much of it is known to be the same.
#[derive(Debug)]
pub(crate) struct Comparison {
    // Shared with a read that may still run when the command is dropped.
    file: Arc<File>,
    given: PathBuf,
    same: u64,
    /// Where the current answer began.
    answer: u64,
}

impl Comparison {
    /// Opens the file.
    ///
    /// # Errors
    /// [`Error::AlreadyThere`] if it may not be read.
    pub(crate) async fn open(given: &Path) -> Result<Self, Error> {
        let path = given.to_owned();
        let file = blocking(move || File::open(path)).await;
        Ok(Self {
            file: Arc::new(file.map_err(|_| Error::AlreadyThere(given.to_owned()))?),
            given: given.to_owned(),
            same: 0,
            answer: 0,
        })
    }

    /// An answer begins that goes on where the last one ended.
    pub(crate) fn answer_begins(&mut self) {
        self.answer = self.same;
    }

    /// Goes back to where the current answer began.
    pub(crate) fn rewind(&mut self) {
        self.same = self.answer;
    }

    /// Begins anew, for other content.
    pub(crate) fn restart(&mut self) {
        (self.same, self.answer) = (0, 0);
    }

    /// Compares the next block.
    ///
    /// # Errors
    /// [`Error::AlreadyThere`] if it is not the same, or cannot be read.
    pub(crate) async fn compare(&mut self, block: VerifiedBlock) -> Result<(), Error> {
        let (file, at, length) = (Arc::clone(&self.file), self.same, block.bytes.len());
        match blocking(move || has_at(&file, at, &block.bytes)).await {
            Ok(true) => {
                self.same += length as u64;
                Ok(())
            }
            Ok(false) | Err(_) => Err(self.differs()),
        }
    }

    /// All has arrived.
    ///
    /// # Errors
    /// [`Error::AlreadyThere`] if there is more in the file.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.file.metadata() {
            Ok(there) if there.len() == self.same => Ok(()),
            _ => Err(self.differs()),
        }
    }

    fn differs(&self) -> Error {
        Error::AlreadyThere(self.given.clone())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn block(bytes: &'static [u8]) -> VerifiedBlock {
        VerifiedBlock {
            bytes: Bytes::from_static(bytes),
            checksum: crc32fast::hash(bytes),
            state: None,
        }
    }

    #[tokio::test]
    async fn what_is_longer_shorter_or_other_differs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for (there, is_same) in [
            ("one two", true),
            ("one", false),
            ("one twö", false),
            ("one two.", false),
        ] {
            std::fs::write(&path, there).unwrap();
            let mut comparison = Comparison::open(&path).await.unwrap();
            let mut result = comparison.compare(block(b"one ")).await;
            if result.is_ok() {
                result = comparison.compare(block(b"two")).await;
            }
            let result = result.and_then(|()| comparison.finish());
            assert_eq!(result.is_ok(), is_same, "{there}");
        }
        assert!(Comparison::open(&dir.path().join("none")).await.is_err());
    }

    #[tokio::test]
    async fn a_part_that_is_sent_again_is_compared_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "one two").unwrap();
        let mut comparison = Comparison::open(&path).await.unwrap();
        comparison.compare(block(b"one ")).await.unwrap();
        comparison.answer_begins();
        comparison.compare(block(b"two")).await.unwrap();
        comparison.rewind();
        comparison.compare(block(b"two")).await.unwrap();
        comparison.restart();
        comparison.compare(block(b"one two")).await.unwrap();
        comparison.finish().unwrap();
    }
}
