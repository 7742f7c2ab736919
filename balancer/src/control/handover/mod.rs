//! A restart without a lost connection: a new process inherits the listening sockets, and the old one drains.
//!
//! ```text
//! old                                              new
//!   starts the program at its path  ------------->   takes the sockets named in NETSOCKET_INHERITED
//!   goes on serving                                  reads its settings, checks every backend once
//!                                                    accepts, serves the admin HTTP
//!   stops accepting, drains  <-------------------    writes "ready" into a pipe
//! ```
//!
//! Both have the same open sockets, so that at every moment somebody accepts, and a connection that waits in the queue
//! waits for whichever comes first. Nothing is closed before somebody else holds it.
//!
//! Owns the text that goes from one to the other ([`manifest`]), the start of a successor ([`successor`]) and the answer
//! of one ([`inheritance`]). Does not own when to stop: that is [`crate::run()`].

mod inheritance;
mod manifest;
mod successor;

pub(crate) use inheritance::Predecessor;
pub use inheritance::{InheritError, Inherited};
pub(crate) use manifest::Manifest;
pub use manifest::VARIABLE;
pub(crate) use successor::{InheritedSockets, Successor};
pub use successor::{Program, RestartError};
