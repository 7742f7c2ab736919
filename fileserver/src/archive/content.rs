//! The tar stream of a plan, read from the files as they are now.
//!
//! Whatever has become of a file, its entry is as long as planned: what is missing is zeros, what is too much is left
//! out, and the file is named as a fault. So the stream always has the planned length and no error of its own.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

use netsocket_protocol::message::{Problem, Warning};
use netsocket_protocol::name::Name;

use super::plan::{Entry, Plan};
use super::tar::{END, padding};
use crate::root::Root;

/// A reader of the stream. Reading blocks the thread.
pub(super) struct Content {
    root: Arc<Root>,
    plan: Arc<Plan>,
    /// The entry to begin when `part` is done.
    next: usize,
    part: Part,
    faults: Vec<Warning>,
}

/// What the stream is in the middle of.
enum Part {
    /// The header of the entry before `next`.
    Header { bytes: Vec<u8>, at: usize },
    /// The content of that entry.
    Body { file: File, left: u64 },
    /// Zeros in place of what cannot be read, and then the padding.
    Zeros { left: u64 },
    /// The padding of that entry, or nothing yet.
    Padding { left: u64 },
    /// The zeros that end an archive.
    End { left: u64 },
}

impl Content {
    /// The whole stream.
    pub(super) fn new(root: Arc<Root>, plan: Arc<Plan>) -> Self {
        Self {
            root,
            plan,
            next: 0,
            part: Part::Padding { left: 0 },
            faults: Vec::new(),
        }
    }

    /// Fills the buffer, but at the end of the stream. Returns how many bytes were put.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            let room = &mut buffer[filled..];
            filled += match &mut self.part {
                Part::Header { bytes, at } if *at < bytes.len() => {
                    let count = room.len().min(bytes.len() - *at);
                    room[..count].copy_from_slice(&bytes[*at..*at + count]);
                    *at += count;
                    count
                }
                Part::Zeros { left } | Part::Padding { left } | Part::End { left } if *left > 0 => {
                    put_zeros(room, left)
                }
                Part::Body { .. } => self.read_body(room),
                Part::End { .. } => break,
                _ => {
                    self.part = self.following();
                    0
                }
            };
        }
        filled
    }

    /// The files that were not as planned, in the order of the archive.
    pub(super) fn into_faults(self) -> Vec<Warning> {
        self.faults
    }

    /// What comes when the present part is done.
    fn following(&mut self) -> Part {
        match &self.part {
            Part::Header { .. } => self.open_body(),
            Part::Body { .. } | Part::Zeros { .. } => Part::Padding {
                left: self.entry().map_or(0, |entry| padding(entry.size)),
            },
            Part::Padding { .. } | Part::End { .. } => match self.plan.entries().get(self.next) {
                Some(entry) => {
                    self.next += 1;
                    Part::Header {
                        bytes: entry.header().bytes(),
                        at: 0,
                    }
                }
                None => Part::End { left: END },
            },
        }
    }

    /// The entry that the stream is in.
    fn entry(&self) -> Option<&Entry> {
        self.plan.entries().get(self.next.checked_sub(1)?)
    }

    fn open_body(&mut self) -> Part {
        let Some(entry) = self.entry() else {
            return Part::End { left: END };
        };
        let left = entry.size;
        match self.root.file(&entry.path) {
            Ok((file, _)) => Part::Body { file, left },
            Err(error) => {
                self.fault(Problem::Vanished, Some(&error));
                Part::Zeros { left }
            }
        }
    }

    /// Reads from the open file; at its end or the planned one, sees what became of it.
    fn read_body(&mut self, room: &mut [u8]) -> usize {
        let Part::Body { file, left } = &mut self.part else {
            return 0;
        };
        if *left == 0 {
            let now = file.metadata().map_or(0, |metadata| metadata.len());
            if self.entry().is_some_and(|entry| now > entry.size) {
                self.fault(Problem::Grew, None);
            }
            self.part = self.following();
            return 0;
        }
        let most = usize::try_from(*left).map_or(room.len(), |left| left.min(room.len()));
        let problem = match file.read(&mut room[..most]) {
            Ok(0) => None,
            Ok(count) => {
                *left -= count as u64;
                return count;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return 0,
            Err(error) => Some(error),
        };
        let left = *left;
        self.fault(Problem::Shrank, problem.as_ref());
        self.part = Part::Zeros { left };
        0
    }

    fn fault(&mut self, problem: Problem, error: Option<&io::Error>) {
        let Some(entry) = self.entry() else { return };
        let path = Name::from(entry.path.as_slice());
        tracing::debug!(%path, ?problem, error = error.map(tracing::field::display), "not as planned");
        self.faults.push(Warning { path, problem });
    }
}

/// Zeros for all that is left, or all that there is room for.
fn put_zeros(room: &mut [u8], left: &mut u64) -> usize {
    let count = usize::try_from(*left).map_or(room.len(), |left| left.min(room.len()));
    room[..count].fill(0);
    *left -= count as u64;
    count
}
