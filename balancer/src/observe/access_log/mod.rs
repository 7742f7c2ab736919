//! The access log: one line for each session, as text in the field order of HAProxy's `tcplog` or as JSON, written by a
//! thread of its own so that no worker ever waits for a disk or a reader.
//!
//! ```text
//! worker 0 -> buffer 0 \
//! worker 1 -> buffer 1  > writer thread -> file, stdout, stderr or syslog
//! worker n -> buffer n /
//! ```
//!
//! A [`WorkerBuffer`] is a buffer that one worker appends whole lines to and the writer takes as a whole, so that the lock between
//! the two is held for the length of one line, or of one swap. The first line after a rest wakes the writer; it then waits
//! a little, so that one write carries what all workers had to say meanwhile. A buffer that is full drops lines, which
//! are counted, and told by [`AccessLog::tell`].
//!
//! Owns the form of lines and their way out. Does not own what is true of a session: that is the caller's [`Line`].
//! `docs/access-log.md` has every field; a test compares it with this code.

mod date;
mod json;
mod line;
mod options;
mod selection;
mod session_line;
mod sink;
mod syslog;
mod target;
mod text;
mod worker_buffer;
mod writer;

pub(crate) use options::Format;
pub(crate) use options::Options;
pub(crate) use selection::{Scope, Selection};
pub(crate) use session_line::write_session;
pub(crate) use target::Target;
pub(crate) use worker_buffer::WorkerBuffer;
pub(crate) use writer::{AccessLog, Figures};

#[cfg(test)]
mod tests;
