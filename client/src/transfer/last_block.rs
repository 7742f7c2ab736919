//! Checks that the server still has what a partial download was made of.
//!
//! Size and time of modification identify a file, so a file that was replaced by another one of the same size and time
//! would be resumed with the wrong half. The last block that was kept is therefore requested once more and compared.

use std::io;

use crate::outcome::error::Error;
use crate::transfer::partial_file::ResumePoint;
use crate::transfer::state::Source;

/// The last block that an earlier run has kept. The next answer begins with it, so that a source with other content but
/// the same size and time is noticed.
#[derive(Debug)]
pub(crate) struct LastBlock {
    /// Where it begins.
    start: u64,
    bytes: Vec<u8>,
}

impl LastBlock {
    /// Withdraws the last block of what can be resumed. `None` if there is none, or if it is all there is of an archive: a
    /// plan is a surer sign than a size and a time.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn withdraw(found: &mut ResumePoint) -> io::Result<Option<Self>> {
        let fewest = match found.source {
            Source::Archive { .. } => 2,
            Source::File { .. } => 1,
        };
        if found.position.blocks < fewest {
            return Ok(None);
        }
        let bytes = found.withdraw_last_block()?;
        let start = found.position.bytes;
        Ok(Some(Self { start, bytes }))
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Compares it with bytes that were received from `start` on.
    ///
    /// # Errors
    /// [`Error::SourceChanged`] if they differ.
    pub(crate) fn compare(&self, start: u64, received: &[u8]) -> Result<(), Error> {
        let rest = start
            .checked_sub(self.start)
            .and_then(|offset| self.bytes.get(usize::try_from(offset).ok()?..))
            .unwrap_or_default();
        let is_same = rest.iter().zip(received).all(|(kept, came)| kept == came);
        if is_same {
            Ok(())
        } else {
            Err(Error::SourceChanged)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kept_bytes_are_compared() {
        let last = LastBlock {
            start: 10,
            bytes: b"abc".to_vec(),
        };
        for (start, received, is_same) in [
            (10, &b"abc"[..], true),
            (10, b"abcdef", true),
            (10, b"ab", true),
            (12, b"cd", true),
            (13, b"xyz", true),
            (10, b"abd", false),
            (11, b"x", false),
        ] {
            let compared = last.compare(start, received);
            assert_eq!(compared.is_ok(), is_same, "{start} {received:?}");
        }
    }
}
