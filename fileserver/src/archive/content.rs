//! Reads any block of a plan's tar stream from the files as they are now.
//!
//! Whatever happened to a file since the plan was made, its entry has the planned length: missing bytes become zeros,
//! extra bytes are dropped, and the file is reported as a fault. So the stream always has the planned length, and no
//! file makes it fail.
//!
//! The plan records where each entry starts, so any thread can read any block without those before it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::{Arc, Mutex, PoisonError};

use netsocket_protocol::message::{Problem, Warning};
use netsocket_protocol::name::Name;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::entry::Entry;
use super::plan::Plan;
use crate::compress::{BLOCK_BYTES, Fill, Source};
use crate::tree::root::Root;

/// Reads blocks, and collects the faults of the files.
pub(super) struct Content {
    root: Arc<Root>,
    plan: Arc<Plan>,
    /// The most severe fault of each entry.
    faults: Mutex<BTreeMap<usize, Problem>>,
}

/// A piece of a block: written to the buffer, or a hole that spans the whole block and was not written.
#[derive(PartialEq, Eq)]
enum Piece {
    Written,
    Hole,
}

impl Content {
    pub(super) fn new(root: Arc<Root>, plan: Arc<Plan>) -> Self {
        Self {
            root,
            plan,
            faults: Mutex::default(),
        }
    }

    /// The files that differed from the plan in the blocks read so far, in archive order.
    pub(super) fn faults(&self) -> Vec<Warning> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |(index, problem): (&usize, &Problem)| {
            let path = Name::from(self.plan.entries().get(*index)?.path.as_slice());
            Some(Warning {
                path,
                problem: *problem,
            })
        };
        faults.iter().filter_map(warning).collect()
    }

    /// Reads content of an entry, from `offset` of the file.
    fn put_body(&self, index: usize, offset: u64, room: &mut [u8]) -> Result<Piece, Errno> {
        let Some(entry) = self.plan.entries().get(index) else {
            return Ok(Piece::Written);
        };
        let file = match self.root.file(&entry.path) {
            Ok((file, _)) => file,
            Err(error) => {
                self.fault(index, of_open(&error)?, Some(&error));
                room.fill(0);
                return Ok(Piece::Written);
            }
        };
        let piece = if room.len() == BLOCK_BYTES && is_hole(&file, offset, BLOCK_BYTES as u64) {
            Piece::Hole
        } else {
            match read_at(&file, offset, room) {
                Ok(count) => {
                    room[count..].fill(0);
                    if count < room.len() {
                        self.fault(index, Problem::Shrank, None);
                    }
                }
                Err((count, error)) => {
                    room[count..].fill(0);
                    self.fault(index, Problem::Unreadable, Some(&error));
                }
            }
            Piece::Written
        };
        // Checked after reading, so that it sees changes made before or meanwhile.
        if let Some(problem) = difference(&file, entry) {
            self.fault(index, problem, None);
        }
        Ok(piece)
    }

    fn fault(&self, index: usize, problem: Problem, error: Option<&io::Error>) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let known = faults.entry(index).or_insert(problem);
        if severity(*known) < severity(problem) {
            *known = problem;
        }
        drop(faults);
        if let Some(error) = error
            && let Some(entry) = self.plan.entries().get(index)
        {
            let path = Name::from(entry.path.as_slice());
            tracing::debug!(%path, ?problem, %error, "file differs from the plan");
        }
    }
}

impl Source for Content {
    fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Fill, Errno> {
        let start = block.saturating_mul(BLOCK_BYTES as u64);
        let left = self.plan.tar_bytes().saturating_sub(start);
        let length = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let mut filled = 0;
        let mut index = self.plan.entry_at(start);
        while filled < length {
            let room = &mut buffer[filled..length];
            let at = start + filled as u64;
            let (Some(entry), Some(begins)) =
                (self.plan.entries().get(index), self.plan.start_of(index))
            else {
                // The zeros at the end of an archive.
                room.fill(0);
                break;
            };
            let (head, within) = (entry.header().length(), at - begins);
            let body = head + entry.size;
            if within < head {
                let bytes = entry.header().bytes();
                let bytes = usize::try_from(within).map_or(&[][..], |within| &bytes[within..]);
                let count = bytes.len().min(room.len());
                room[..count].copy_from_slice(&bytes[..count]);
                filled += count;
                if entry.size == 0 && count == bytes.len() {
                    self.put_body(index, 0, &mut [])?;
                }
            } else if within < body {
                let count = shorter(body - within, room.len());
                let piece = self.put_body(index, within - head, &mut room[..count])?;
                if piece == Piece::Hole {
                    return Ok(Fill::Zeros);
                }
                filled += count;
            } else {
                let count = shorter(entry.tar_bytes().unwrap_or(body) - within, room.len());
                room[..count].fill(0);
                filled += count;
            }
            if start + filled as u64 == begins + entry.tar_bytes().unwrap_or(body) {
                index += 1;
            }
        }
        Ok(Fill::Bytes(length))
    }
}

fn shorter(left: u64, room: usize) -> usize {
    usize::try_from(left).map_or(room, |left| left.min(room))
}

/// The fault that a failed open stands for. If the process has run out of resources, the archive fails: a lack of
/// descriptors must not produce a series of empty files.
fn of_open(error: &io::Error) -> Result<Problem, Errno> {
    match Errno::from_io_error(error) {
        Some(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Err(errno),
        // Vanished, or replaced by something else.
        None | Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NXIO) => {
            Ok(Problem::Vanished)
        }
        Some(_) => Ok(Problem::Unreadable),
    }
}

/// Fills the buffer from an offset, up to the end of the file. Returns how much was read, even if reading failed.
fn read_at(file: &File, offset: u64, room: &mut [u8]) -> Result<usize, (usize, io::Error)> {
    let mut count = 0;
    while count < room.len() {
        match file.read_at(&mut room[count..], offset + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((count, error)),
        }
    }
    Ok(count)
}

/// Whether that range of a file is a hole, found without reading it.
fn is_hole(file: &File, offset: u64, length: u64) -> bool {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(data) => data >= offset + length,
        // No data up to the end of the file. If the file was truncated, its size shows it.
        Err(Errno::NXIO) => true,
        Err(_) => false,
    }
}

/// How an open file differs from its entry.
fn difference(file: &File, entry: &Entry) -> Option<Problem> {
    let now = file.metadata().ok()?;
    if now.len() < entry.size {
        Some(Problem::Shrank)
    } else if now.len() > entry.size {
        Some(Problem::Grew)
    } else if (now.mtime(), now.mtime_nsec())
        != (entry.modified.seconds, i64::from(entry.modified.nanos))
    {
        Some(Problem::Changed)
    } else {
        None
    }
}

/// Of several problems of a file the most severe is reported.
fn severity(problem: Problem) -> u8 {
    match problem {
        Problem::Renamed => 0,
        Problem::Changed => 1,
        Problem::Grew => 2,
        Problem::Shrank => 3,
        Problem::Unreadable => 4,
        Problem::Vanished => 5,
    }
}
