//! The life of the process around the sessions: bind, accept, drain.
//!
//! Belongs here: the listener, the order of start and stop, signals, which connections become sessions. Does not belong here:
//! what is said on a connection (`session`), the command line (`main.rs`).

mod acceptor;
mod run;
mod signals;

pub use run::{Bound, StartError, run};
pub use signals::Signals;
