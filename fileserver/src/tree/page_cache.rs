//! Whether the kernel has bytes of a file in memory, and reading them ahead: no thread of the runtime waits for a disk.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rustix::io::{Errno, IoSliceMut, ReadWriteFlags, preadv2};

/// Bytes that are read at once.
const READ: usize = 128 * 1024;

/// Whether the byte before `end` is in the page cache. Where that cannot be known, it is taken to be.
pub(crate) fn is_cached(file: &File, end: u64) -> bool {
    let mut byte = [0];
    let last = preadv2(
        file,
        &mut [IoSliceMut::new(&mut byte)],
        end.saturating_sub(1),
        ReadWriteFlags::NOWAIT,
    );
    !matches!(last, Err(Errno::AGAIN))
}

/// Brings a range into the page cache. Blocks the thread.
pub(crate) fn read_ahead(file: &File, range: Range<u64>) {
    let mut nowhere = vec![0; READ];
    let mut at = range.start;
    while at < range.end {
        match file.read_at(&mut nowhere, at) {
            Ok(count @ 1..) => at += count as u64,
            // Sending sees the same error or end.
            _ => return,
        }
    }
}
