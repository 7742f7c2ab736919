//! A stateless file server over one directory tree.
//!
//! The way of a request: a session tells the wire from the first byte and reads a command; a [`search`] walks the
//! tree for the files that it means; an [`archive`] is planned and streamed. Any number of these servers over the same
//! tree give the same answers, byte for byte.
//!
//! Owns: the tree below the root, who may read it and through what, and the limits on that. Does not own: the bytes of the
//! wires (`netsocket-protocol`), or which server a client is sent to (the balancer).
//!
//! `Config` → [`Bound::bind`] → [`run`]: a test does the same as `main`, on port 0.

mod acceptor;
mod access;
mod addresses;
mod admin;
pub mod archive;
pub mod compress;
pub mod config;
mod confine;
pub mod credentials;
mod directory;
pub mod error;
mod figures;
mod handshake;
mod index;
mod introduction;
mod keyring;
mod listing;
mod matcher;
mod metadata;
pub mod metrics;
mod moment;
mod path_order;
mod root;
pub mod search;
mod server;
mod service;
mod session;
mod spool;
mod walk;

pub use config::Config;
pub use confine::{ConfineError, Confinement};
pub use credentials::{CredentialFiles, CredentialsError};
pub use keyring::Keyring;
pub use metadata::Timestamp;
pub use root::{Root, RootError};
pub use server::{Bound, StartError, run};
pub use walk::WalkError;
