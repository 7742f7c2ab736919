//! Restart without losing a connection: a new process inherits the listening sockets, and the old one drains.
//!
//! ```text
//! old                                              new
//!   starts the program at its path  ------------->   takes the sockets named in NETSOCKET_INHERITED
//!   goes on serving                                  reads its settings, checks every backend once
//!                                                    accepts, serves the admin HTTP
//!   stops accepting, drains  <-------------------    writes "ready" into a pipe
//! ```
//!
//! Both processes have the same sockets open, so that one of them accepts at any moment, and a queued connection goes to
//! whichever accepts first. No socket is closed before the other process holds it.
//!
//! Owns the manifest passed from one process to the other ([`manifest`]), the start of the new process ([`successor`]) and
//! what it inherits and answers ([`inheritance`]). Does not own when to stop: that is [`crate::run()`].

mod detach;
mod inheritance;
mod manifest;
mod successor;

pub use inheritance::{InheritError, Inherited};
pub(crate) use inheritance::{InheritedListener, Predecessor};
pub(crate) use manifest::Manifest;
pub use manifest::VARIABLE;
pub(crate) use successor::RestartCause;
pub(crate) use successor::{InheritedSockets, PassedSockets, Successor};
pub use successor::{Program, RestartError};
