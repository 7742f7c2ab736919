//! Connections to file servers: server addresses, dialing with failover, TLS, and requests and frames on one connection.
//!
//! Belongs here: everything between a `HOST:PORT` and the next frame of an answer. Does not belong here: what is
//! requested (`session`), what the frames of a transfer mean (`transfer`), and where settings come from (`config`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::connection::address::ServerAddress;
//!
//! let server: ServerAddress = "[::1]:8081".parse()?;
//! assert_eq!((server.host.as_str(), server.port), ("::1", 8081));
//! # Ok::<(), netsocket_client::connection::address::AddressError>(())
//! ```

pub mod address;
pub mod dial;
pub(crate) mod features;
pub mod framed;
pub mod tls;
