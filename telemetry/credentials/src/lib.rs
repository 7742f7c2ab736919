//! Certificates, keys, trusted authorities and tokens, read from files, for both servers, the client and the telemetry
//! crate. It lives under `telemetry/` because the top-level folders are fixed and the telemetry crate
//! is the lowest one that needs it (TLS to Kafka).
//!
//! Owns: reading these files, the error for a file with the wrong content, and the choice of the TLS implementation.
//! Does not own: the settings that name the files, when they are read again, or any connection.
//!
//! # Examples
//!
//! Both ends of a TLS connection, with certificates made by `authority`, as in tests:
//!
//! ```
//! use netsocket_credentials::authority::Authority;
//! use netsocket_credentials::{authorities, certificates, client_config, key, server_config};
//! use rustls::{ClientConnection, ServerConnection};
//!
//! let dir = tempfile::tempdir()?;
//! let authority = Authority::new("Example");
//! let trusted = authority.write(dir.path(), "authority");
//! let files = authority.issue(&["files.example"]).write(dir.path(), "server");
//!
//! let config = server_config()?
//!     .with_no_client_auth()
//!     .with_single_cert(certificates(&files.certificate)?, key(&files.key)?)?;
//! let mut server = ServerConnection::new(config.into())?;
//! let config = client_config()?
//!     .with_root_certificates(authorities(&trusted)?)
//!     .with_no_client_auth();
//! let mut client = ClientConnection::new(config.into(), "files.example".try_into()?)?;
//!
//! while client.is_handshaking() || server.is_handshaking() {
//!     let mut bytes = Vec::new();
//!     client.write_tls(&mut bytes)?;
//!     server.read_tls(&mut &bytes[..])?;
//!     server.process_new_packets()?;
//!     bytes.clear();
//!     server.write_tls(&mut bytes)?;
//!     client.read_tls(&mut &bytes[..])?;
//!     client.process_new_packets()?;
//! }
//! assert_eq!(server.server_name(), Some("files.example"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "authority")]
pub mod authority;
mod certificate;
mod chain;
mod error;
mod identity;
mod known_server;
mod pem;
mod provider;
mod refusal;
mod tokens;

pub use certificate::{Moment, expiry, host_names};
pub use chain::chain_doubts;
pub use error::FileError;
pub use identity::{certified, client_verifier, identity};
pub use known_server::{any_server, only_these_servers};
pub use pem::{authorities, certificates, key};
pub use provider::{client_config, provider, server_config};
pub use refusal::{REFUSALS, refusal};
pub use tokens::tokens;
