//! One direction of a session: bytes from a source to a sink, then the source's end.
//!
//! What little moves is read into the thread's buffer and written at once. A busy direction is spliced instead: its
//! bytes go through a pipe, without a copy. Either way nothing is read while bytes wait for the sink, and neither
//! buffer nor pipe is held while none do.

use std::io;

use rustix::io::Errno;

use super::pipe::Lease;
use super::reading::Reading;
use super::socket::{SessionSocket, kind};
use super::splice_policy::Busyness;
use crate::config::RelayMode;

/// Maximum number of reads in one step, so that a busy session does not starve the others of its thread.
const READS_PER_STEP: usize = 4;
/// Maximum number of bytes in one step: about what is moved in a tenth of a millisecond.
const BYTES_PER_STEP: usize = 256 << 10;

/// Why a direction cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Reading failed; everything read before was written.
    SourceLost(io::ErrorKind),
    /// Writing failed.
    SinkLost(io::ErrorKind),
}

/// The result of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectionStep {
    /// Wait for one of the two sides, or nothing is left to do.
    Wait,
    /// There may be more to do, but other sessions come first.
    Yield,
}

/// The state of one direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    pending: Pending,
    busyness: Busyness,
    read: u64,
    written: u64,
    /// The source has sent its end; pending bytes and the end itself may still have to be handed on.
    source_ended: bool,
    /// Nothing is left to do: all of it was handed on, or a side is gone.
    done: bool,
    /// The end of the source is not told to the sink.
    withhold_end: bool,
    /// What counts as written waits for room at the sink: the end, or records of TLS.
    unsent: bool,
}

impl Direction {
    /// Moves bytes until one of the two sides has to be waited for, or until the step is over. `closes` says that the
    /// sink will be closed as soon as this direction is done, which tells it the end as well: a system call saved.
    pub(super) fn step(
        &mut self,
        source: &mut SessionSocket,
        sink: &mut SessionSocket,
        mode: RelayMode,
        buffer: &mut [u8],
        closes: bool,
    ) -> Result<DirectionStep, Halt> {
        let mode = match (source.tls(), sink.tls()) {
            (None, None) => mode,
            _ => RelayMode::Copy,
        };
        let mut moved = 0;
        for _ in 0..READS_PER_STEP {
            if self.done {
                return Ok(DirectionStep::Wait);
            }
            self.flush(sink)?;
            if self.is_pending() {
                return Ok(DirectionStep::Wait);
            }
            if self.source_ended {
                self.forward_end(sink, closes)?;
                return Ok(DirectionStep::Wait);
            }
            if moved >= BYTES_PER_STEP {
                break;
            }
            let reading = self
                .read(source, mode, buffer)
                .map_err(|error| Halt::SourceLost(kind(error)))?;
            let count = match reading {
                Reading::Nothing => return Ok(DirectionStep::Wait),
                Reading::End => 0,
                Reading::Bytes(count) | Reading::Last(count) => count,
            };
            self.source_ended = matches!(reading, Reading::End | Reading::Last(_));
            self.read += count as u64;
            moved += count;
            self.busyness.read(count);
            if !self.is_pending() {
                // Not spliced, so the bytes are in the buffer.
                let last = self.source_ended && !self.withhold_end && !closes;
                self.forward(sink, buffer.get(..count).unwrap_or_default(), last)?;
            }
        }
        Ok(DirectionStep::Yield)
    }

    /// Reads into a pipe, which is then pending, or into the buffer.
    fn read(
        &mut self,
        source: &mut SessionSocket,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> Result<Reading, Errno> {
        let spliced = match mode {
            RelayMode::Auto => self.busyness.is_busy(),
            RelayMode::Copy => false,
            RelayMode::Splice => true,
        };
        if spliced && let Some(mut pipe) = Lease::take() {
            source.become_busy();
            let reading = source.fill(&mut pipe)?;
            if pipe.held() > 0 {
                self.pending = Pending::Pipe(pipe);
            }
            // At an urgent mark splice(2) returns the same as at the end. A read goes past it.
            if reading != Reading::End {
                return Ok(reading);
            }
        }
        source.read(buffer)
    }

    /// Writes `bytes`, and keeps what the sink does not take now.
    fn forward(
        &mut self,
        sink: &mut SessionSocket,
        mut bytes: &[u8],
        last: bool,
    ) -> Result<(), Halt> {
        while !bytes.is_empty() {
            let count = sink.write(bytes, last).map_err(sink_lost)?;
            self.written += count as u64;
            bytes = bytes.get(count..).unwrap_or_default();
            if count == 0 {
                self.hold(bytes);
                break;
            }
        }
        self.unsent = sink.has_unsent();
        Ok(())
    }

    /// Takes over what was read from the source before this began.
    pub(super) fn begin_with(&mut self, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        self.hold(bytes);
    }

    /// Keeps `bytes` for the sink, to be written before anything else.
    fn hold(&mut self, bytes: &[u8]) {
        self.pending = Pending::Bytes(Box::new(Unwritten {
            bytes: bytes.to_vec(),
            start: 0,
        }));
    }

    /// Writes what waits, and holds nothing when that is done.
    fn flush(&mut self, sink: &mut SessionSocket) -> Result<(), Halt> {
        while self.holds() {
            let count = match &mut self.pending {
                Pending::Nothing => 0,
                Pending::Bytes(left) => {
                    let count = sink.write(left.bytes(), false).map_err(sink_lost)?;
                    left.start += count;
                    count
                }
                Pending::Pipe(pipe) => sink.drain(pipe).map_err(sink_lost)?,
            };
            if count == 0 {
                return Ok(());
            }
            self.written += count as u64;
        }
        self.pending = Pending::Nothing;
        self.unsent = !sink.flush().map_err(sink_lost)?;
        Ok(())
    }

    fn forward_end(&mut self, sink: &mut SessionSocket, closes: bool) -> Result<(), Halt> {
        if !self.withhold_end {
            // A socket that was reset cannot be shut down.
            self.unsent = !sink.end(closes).map_err(sink_lost)?;
        }
        self.done = !self.unsent;
        Ok(())
    }

    /// Gives up on everything that is still to come.
    pub(super) fn abandon(&mut self) {
        self.done = true;
        self.unsent = false;
        self.pending = Pending::Nothing;
    }

    /// Goes on to the last byte but does not tell the sink that it was the last.
    pub(super) fn withhold_end(&mut self) {
        self.withhold_end = true;
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn source_ended(&self) -> bool {
        self.source_ended
    }

    /// Whether anything waits for the sink.
    pub(super) fn is_pending(&self) -> bool {
        self.unsent || self.holds()
    }

    /// Whether bytes wait for it.
    fn holds(&self) -> bool {
        match &self.pending {
            Pending::Nothing => false,
            Pending::Bytes(left) => !left.bytes().is_empty(),
            Pending::Pipe(pipe) => pipe.held() > 0,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn bytes_written(&self) -> u64 {
        self.written
    }

    /// A number that changes whenever a byte moved.
    pub(super) fn moved(&self) -> u64 {
        self.read + self.written
    }
}

/// Bytes that were read and could not be written yet; memory or a pipe is held only while there are any.
#[derive(Debug, Default)]
enum Pending {
    #[default]
    Nothing,
    Bytes(Box<Unwritten>),
    Pipe(Lease),
}

#[derive(Debug)]
struct Unwritten {
    bytes: Vec<u8>,
    start: usize,
}

impl Unwritten {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

fn sink_lost(error: Errno) -> Halt {
    Halt::SinkLost(kind(error))
}
