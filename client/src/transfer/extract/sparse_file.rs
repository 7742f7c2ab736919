//! Writes a file from its beginning to its end, leaving holes where it has zeros.
//!
//! An archive has the zeros of a hole like any others, so every whole block of zeros becomes a hole: the file takes no
//! more space than the original.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// The unit of holes in most file systems, in bytes.
const BLOCK: usize = 4096;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A new file that is being written.
#[derive(Debug)]
pub(crate) struct SparseFile {
    file: File,
    /// Its length, with a hole at its end.
    length: u64,
    /// Whether the file must be extended to that length.
    ends_in_hole: bool,
}

impl SparseFile {
    /// Starts to write an empty file.
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            length: 0,
            ends_in_hole: false,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let data = self.run(rest, |piece| !is_zero(piece));
            if !data.is_empty() {
                self.file.write_all_at(data, self.length)?;
                self.length += data.len() as u64;
                self.ends_in_hole = false;
                rest = &rest[data.len()..];
            }
            let hole = self.run(rest, is_zero);
            if !hole.is_empty() {
                self.length += hole.len() as u64;
                self.ends_in_hole = true;
                rest = &rest[hole.len()..];
            }
        }
        Ok(())
    }

    /// The pieces at the beginning of `bytes` that are all of one kind. They are cut where blocks of the file begin; a
    /// part of a block at either end counts by itself, because the other part may be in the bytes before or after.
    fn run<'a>(&self, bytes: &'a [u8], is_kind: impl Fn(&[u8]) -> bool) -> &'a [u8] {
        // Below the size of a block.
        let within = usize::try_from(self.length % BLOCK as u64).unwrap_or_default();
        let mut end = 0;
        let mut next = (BLOCK - within).min(bytes.len());
        while end < next && is_kind(&bytes[end..next]) {
            end = next;
            next = (end + BLOCK).min(bytes.len());
        }
        &bytes[..end]
    }

    /// Completes the file.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn finish(&mut self) -> io::Result<&File> {
        if self.ends_in_hole {
            self.file.set_len(self.length)?;
            self.ends_in_hole = false;
        }
        Ok(&self.file)
    }
}

fn is_zero(piece: &[u8]) -> bool {
    *piece == ZEROS[..piece.len()]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use proptest::prelude::*;

    use super::*;

    /// The content of a file written in pieces of this length, and the bytes that it takes.
    fn written(content: &[u8], piece: usize) -> (Vec<u8>, u64) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writing = SparseFile::new(file.reopen().unwrap());
        for piece in content.chunks(piece) {
            writing.append(piece).unwrap();
        }
        let taken = writing.finish().unwrap().metadata().unwrap().blocks() * 512;
        (std::fs::read(file.path()).unwrap(), taken)
    }

    #[test]
    fn zeros_take_no_space_wherever_they_are() {
        let data = vec![1; 3 * BLOCK];
        let zeros = vec![0; 256 * BLOCK];
        for content in [
            [&zeros[..], &data].concat(),
            [&data[..], &zeros].concat(),
            [&data[..], &zeros, &data, &zeros[..BLOCK + 1]].concat(),
            zeros.clone(),
        ] {
            // Pieces as they come: blocks of the archive begin anywhere in a file.
            for piece in [content.len(), 1 << 20, 10_007, 512] {
                let (read, taken) = written(&content, piece);
                assert!(read == content, "{piece}");
                let most = 10 * BLOCK as u64;
                assert!(taken <= most, "{piece}: {taken} bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn any_content_is_written_as_it_is(runs in proptest::collection::vec((0_u8..3, 1_usize..9_000), 0..8), piece in 1_usize..20_000) {
            let content: Vec<u8> = runs.iter().flat_map(|(byte, length)| vec![*byte; *length]).collect();
            prop_assert!(written(&content, piece).0 == content);
        }
    }
}
