//! The life of the process around the sessions: bind, accept, drain.
//!
//! Belongs here: the listener, the order of start and stop, which connections become sessions. Does not belong here:
//! what is said on a connection (`session`), command line and signals (`main.rs`).

mod acceptor;
mod run;

pub use run::{Bound, StartError, run};
