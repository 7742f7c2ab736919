//! What one end of a connection proves who it is with, and what it asks of the other.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

use crate::error::FileError;
use crate::pem::{authorities, certificates, key};
use crate::provider::provider;

/// A certificate chain and its key, which may be in one file.
///
/// # Errors
/// [`FileError`] if one of them cannot be used, or the key is that of another certificate.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::identity;
///
/// let dir = tempfile::tempdir()?;
/// let authority = Authority::new("Example");
/// let files = authority.issue(&["files.example"]).write(dir.path(), "server");
/// assert_eq!(identity(&files.certificate, &files.key)?.cert.len(), 1);
///
/// let other = authority.issue(&["files.example"]).write(dir.path(), "other");
/// let error = identity(&files.certificate, &other.key).unwrap_err();
/// assert!(error.to_string().contains("other.key: is not the key of "), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn identity(certificate: &Path, own_key: &Path) -> Result<CertifiedKey, FileError> {
    let chain = certificates(certificate)?;
    let own = key(own_key)?;
    let named = certificate.display().to_string();
    certified(chain, own, &named).map_err(|said| FileError::unusable(own_key, said))
}

/// A certificate chain with its key. `named` is what the chain is called.
///
/// # Errors
/// What is wrong with the key.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::{certificates, certified, key};
///
/// let dir = tempfile::tempdir()?;
/// let authority = Authority::new("Example");
/// let files = authority.issue(&["files.example"]).write(dir.path(), "server");
/// let mut chain = certificates(&files.certificate)?;
/// chain.insert(0, authority.certificate());
/// let error = certified(chain, key(&files.key)?, "server.pem").unwrap_err();
/// assert_eq!(error, "is the key of certificate 2 in server.pem: that one must come first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn certified(
    chain: Vec<CertificateDer<'static>>,
    own: PrivateKeyDer<'static>,
    named: &str,
) -> Result<CertifiedKey, String> {
    let provider = provider();
    let fits = |chain: Vec<CertificateDer<'static>>| {
        CertifiedKey::from_der(chain, own.clone_key(), &provider)
    };
    fits(chain.clone()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let mut others = chain.into_iter().zip(1..).skip(1);
            match others.find(|(other, _)| fits(vec![other.clone()]).is_ok()) {
                Some((_, place)) => {
                    format!(
                        "is the key of certificate {place} in {named}: that one must come first"
                    )
                }
                None => format!("is not the key of {named}"),
            }
        }
        error => error.to_string(),
    })
}

/// Judges certificates of clients by the authorities in a file. With `optional`, clients need none; one that is shown must
/// be good all the same.
///
/// # Errors
/// As [`authorities`].
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::client_verifier;
///
/// let dir = tempfile::tempdir()?;
/// let file = Authority::new("Example").write(dir.path(), "authority");
/// assert!(client_verifier(&file, false)?.client_auth_mandatory());
/// assert!(!client_verifier(&file, true)?.client_auth_mandatory());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn client_verifier(
    path: &Path,
    optional: bool,
) -> Result<Arc<dyn ClientCertVerifier>, FileError> {
    let roots = Arc::new(authorities(path)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let builder = if optional {
        builder.allow_unauthenticated()
    } else {
        builder
    };
    builder
        .build()
        .map_err(|error| FileError::unusable(path, error))
}
