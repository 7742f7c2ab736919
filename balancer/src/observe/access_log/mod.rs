//! The access log: one line for each session, as text in the field order of HAProxy's `tcplog` or as JSON, written by a
//! thread of its own so that no worker ever waits for a disk or a reader.
//!
//! ```text
//! worker 0 -> buffer 0 \
//! worker 1 -> buffer 1  > writer thread -> file, stdout, stderr or syslog
//! worker n -> buffer n /
//! ```
//!
//! A [`WorkerBuffer`] collects the lines of one worker until the writer takes them all at once, so that the lock between the
//! two is held only for one line or one swap. The first line after a pause wakes the writer, which waits a little so that
//! one write covers the lines of all workers. A full buffer drops lines; they are counted and reported by
//! [`AccessLog::tell`].
//!
//! Owns the format of lines and how they are written. Does not own the facts about a session: they come from its record.
//! `docs/access-log.md` has every field; a test compares it with this code.

mod date;
mod json;
mod line;
mod logs;
mod options;
mod selection;
mod session_line;
mod sink;
mod syslog;
mod target;
mod text;
mod worker_buffer;
mod writer;

pub(crate) use logs::{AccessLogs, Wanted};
pub(crate) use options::Format;
pub(crate) use options::Options;
pub(crate) use selection::{Scope, Selection};
pub(crate) use session_line::{Frontend, write_session};
pub(crate) use target::{Target, TargetError};
pub(crate) use worker_buffer::WorkerBuffer;
pub(crate) use writer::{AccessLog, Figures};

#[cfg(test)]
mod tests;
