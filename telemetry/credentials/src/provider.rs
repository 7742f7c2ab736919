//! The implementation of TLS, named explicitly: which one a process has must not depend on what else is linked.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, WantsVerifier};

/// The cryptography of all our connections.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::{client_config, provider};
///
/// let config = client_config()?;
/// assert_eq!(
///     config.crypto_provider().cipher_suites,
///     provider().cipher_suites,
/// );
/// # Ok::<(), rustls::Error>(())
/// ```
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A client's side of TLS 1.2 and 1.3, with everything else still to be said.
///
/// # Errors
/// Where the cryptography cannot do these versions, which does not happen.
pub fn client_config() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// A server's side of TLS 1.2 and 1.3, with everything else still to be said.
///
/// # Errors
/// As [`client_config`].
pub fn server_config() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, rustls::Error> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}
