//! TLS that ends here: what a service proves who it is with, and the choice of a certificate for a client. No sockets, no
//! files.
//!
//! Does not own where certificates are read (the settings do), nor the bytes of a connection (the relay does).
//!
//! # Examples
//!
//! ```
//! use netsocket_balancer::tls::HANDSHAKE_REASONS;
//!
//! assert!(HANDSHAKE_REASONS.contains(&"not_trusted"));
//! ```

mod backend;
mod chooser;
mod reason;
mod server;

pub use backend::BackendTls;
pub(crate) use backend::Host;
pub(crate) use chooser::{Chooser, Identity};
pub use reason::HANDSHAKE_REASONS;
pub(crate) use reason::HandshakeFailure;
pub use server::{CertificateExpiry, ServerTls};
