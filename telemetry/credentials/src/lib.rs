//! What a program proves with who it is, and judges others by: certificates, keys, authorities, tokens, each from a file.
//!
//! Owns: reading these files, and what is said of one that does not hold what it should; which implementation of TLS
//! there is. Does not own: the settings that name the files, when they are read again, or any connection.

#[cfg(feature = "authority")]
pub mod authority;
mod certificate;
mod error;
mod pem;
mod provider;
mod tokens;

pub use certificate::{Moment, expiry};
pub use error::FileError;
pub use pem::{authorities, certificates, key};
pub use provider::{client_config, provider, server_config};
pub use tokens::tokens;
