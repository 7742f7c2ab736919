//! The TLS implementation, chosen explicitly: it must not depend on what else is linked into the process.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, WantsVerifier};

/// The cryptography of every TLS connection.
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

/// The client side of TLS 1.2 and 1.3; the caller configures the rest.
///
/// # Errors
/// If the cryptography does not support these versions, which does not happen.
pub fn client_config() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// The server side of TLS 1.2 and 1.3; the caller configures the rest.
///
/// # Errors
/// As [`client_config`].
pub fn server_config() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, rustls::Error> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}
