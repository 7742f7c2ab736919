//! Encryption (TLS) and authentication (SASL) of connections to Kafka, as far as rskafka supports them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use netsocket_credentials::{FileError, authorities, certificates, client_config, key};
use rskafka::client::{ClientBuilder, Credentials, SaslConfig};
use rustls::ClientConfig;

/// Why TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The certificates or the key do not match.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// The plain password: use it only over TLS.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// Reads `plain`, `scram-sha-256` or `scram-sha-512`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "plain" => Some(Self::Plain),
            "scram-sha-256" => Some(Self::ScramSha256),
            "scram-sha-512" => Some(Self::ScramSha512),
            _ => None,
        }
    }
}

impl SaslMechanism {
    /// Its registered name.
    #[cfg(feature = "collector")]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A user and password for SASL.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// The mechanism.
    pub mechanism: SaslMechanism,
    /// The user.
    pub user: String,
    /// The password, which is never logged or shown.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sasl({:?}, {:?})", self.mechanism, self.user)
    }
}

/// TLS and SASL of connections to Kafka. The default is neither, which suits a broker on the same machine.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_telemetry::{Sasl, SaslMechanism, Security};
///
/// let dir = tempfile::tempdir()?;
/// let trusted = Authority::new("Example").write(dir.path(), "authority");
/// let sasl = Sasl {
///     mechanism: SaslMechanism::parse("SCRAM-SHA-512").expect("a mechanism"),
///     user: "balancer".to_owned(),
///     password: "swordfish".to_owned(),
/// };
/// let security = Security::default().with_tls(&trusted, None)?.with_sasl(sasl);
/// assert!(security.has_tls() && security.has_sasl());
/// assert!(!format!("{security:?}").contains("swordfish"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Security {
    tls: Option<Arc<ClientConfig>>,
    sasl: Option<Sasl>,
}

impl Security {
    /// TLS that trusts the authorities in the PEM file `trusted` and presents the certificate of `own` (a file with the
    /// chain and one with its key) if the brokers ask for one.
    ///
    /// # Errors
    /// [`SecurityError`] for a file that cannot be used.
    pub fn with_tls(
        self,
        trusted: &Path,
        own: Option<(&Path, &Path)>,
    ) -> Result<Self, SecurityError> {
        let builder = client_config()?.with_root_certificates(authorities(trusted)?);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, own_key)) => {
                builder.with_client_auth_cert(certificates(chain)?, key(own_key)?)?
            }
        };
        Ok(Self {
            tls: Some(Arc::new(config)),
            ..self
        })
    }

    /// Adds a user and password.
    #[must_use]
    pub fn with_sasl(self, sasl: Sasl) -> Self {
        Self {
            sasl: Some(sasl),
            ..self
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether connections authenticate.
    #[must_use]
    pub fn has_sasl(&self) -> bool {
        self.sasl.is_some()
    }

    /// What encrypts, if connections are encrypted.
    #[cfg(feature = "collector")]
    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    /// Who authenticates, if connections do.
    #[cfg(feature = "collector")]
    pub(super) fn sasl(&self) -> Option<&Sasl> {
        self.sasl.as_ref()
    }

    pub(super) fn apply(&self, mut builder: ClientBuilder) -> ClientBuilder {
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        if let Some(sasl) = &self.sasl {
            let credentials = Credentials::new(sasl.user.clone(), sasl.password.clone());
            builder = builder.sasl_config(match sasl.mechanism {
                SaslMechanism::Plain => SaslConfig::Plain(credentials),
                SaslMechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
                SaslMechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
            });
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let missing = Security::default().with_tls(&file, None).unwrap_err();
        assert!(missing.to_string().contains("ca.pem"), "{missing}");
        std::fs::write(&file, "hello\n").unwrap();
        let empty = Security::default().with_tls(&file, None).unwrap_err();
        assert!(
            empty.to_string().ends_with("no certificate in it"),
            "{empty}"
        );
    }

    #[test]
    fn no_password_is_shown() {
        let sasl = Sasl {
            mechanism: SaslMechanism::parse("SCRAM-SHA-512").unwrap(),
            user: "alice".into(),
            password: "secret".into(),
        };
        let security = Security::default().with_sasl(sasl);
        assert!(security.has_sasl() && !security.has_tls());
        let shown = format!("{security:?}");
        assert!(
            shown.contains("alice") && !shown.contains("secret"),
            "{shown}"
        );
        assert_eq!(SaslMechanism::parse("gssapi"), None);
    }
}
