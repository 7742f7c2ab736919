//! Judging a server by its very certificate, or not at all.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::provider::provider;

/// Believes a server that has one of these certificates, whoever signed it and whatever names are in it.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::{client_config, only_these_servers};
///
/// let issued = Authority::new("Example").issue(&["files.example"]);
/// let verifier = only_these_servers(vec![issued.certificate]);
/// let builder = client_config()?.dangerous();
/// let config = builder.with_custom_certificate_verifier(verifier).with_no_client_auth();
/// assert!(config.alpn_protocols.is_empty());
/// # Ok::<(), rustls::Error>(())
/// ```
#[must_use]
pub fn only_these_servers(
    certificates: Vec<CertificateDer<'static>>,
) -> Arc<dyn ServerCertVerifier> {
    Arc::new(KnownServer {
        known: Some(certificates),
        provider: provider(),
    })
}

/// Believes every server: what is sent is encrypted, and whoever is in between may read it.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::{any_server, client_config};
///
/// let builder = client_config()?.dangerous();
/// let config = builder.with_custom_certificate_verifier(any_server()).with_no_client_auth();
/// assert!(config.alpn_protocols.is_empty());
/// # Ok::<(), rustls::Error>(())
/// ```
#[must_use]
pub fn any_server() -> Arc<dyn ServerCertVerifier> {
    Arc::new(KnownServer {
        known: None,
        provider: provider(),
    })
}

/// What is signed is checked in any case, so that the server has the key of the certificate that it shows.
#[derive(Debug)]
struct KnownServer {
    /// `None`: every one.
    known: Option<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for KnownServer {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.known {
            Some(known) if !known.contains(shown) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;

    #[test]
    fn another_certificate_is_refused() {
        let authority = Authority::new("test");
        let (one, other) = (authority.issue(&["a.test"]), authority.issue(&["a.test"]));
        let judge = |verifier: Arc<dyn ServerCertVerifier>, shown: &CertificateDer<'_>| {
            let name = ServerName::try_from("b.test").unwrap();
            let now = UnixTime::now();
            verifier
                .verify_server_cert(shown, &[], &name, &[], now)
                .is_ok()
        };
        let only = only_these_servers(vec![one.certificate.clone()]);
        assert!(judge(Arc::clone(&only), &one.certificate));
        assert!(!judge(only, &other.certificate));
        assert!(judge(any_server(), &other.certificate));
    }
}
