//! PEM files: a certificate chain, a private key, the trusted authorities.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{FileError, Problem};

const CERTIFICATE: &str = "certificate";

/// Every certificate of a file, in its order; at least one.
///
/// # Errors
/// [`FileError`] if the file cannot be read, is damaged or contains none.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::certificates;
///
/// let dir = tempfile::tempdir()?;
/// let issued = Authority::new("Example").issue(&["files.example"]);
/// let files = issued.write(dir.path(), "server");
/// assert_eq!(certificates(&files.certificate)?, [issued.certificate]);
///
/// let error = certificates(&files.key).unwrap_err();
/// assert!(error.to_string().ends_with("server.key: no certificate in it"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let found = read().map_err(|error| FileError::pem(path, error, CERTIFICATE))?;
    if found.is_empty() {
        return Err(FileError::new(path, Problem::Missing(CERTIFICATE)));
    }
    Ok(found)
}

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1, without a password.
///
/// # Errors
/// [`FileError`] if the file cannot be read, is damaged or contains none.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::key;
///
/// let dir = tempfile::tempdir()?;
/// let files = Authority::new("Example").issue(&["files.example"]).write(dir.path(), "server");
/// assert!(!key(&files.key)?.secret_der().is_empty());
///
/// let error = key(&files.certificate).unwrap_err();
/// let said = "server.pem: no private key without a password in it";
/// assert!(error.to_string().ends_with(said), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| FileError::pem(path, error, "private key without a password"))
}

/// The certificates of a file, as trusted authorities.
///
/// # Errors
/// As [`certificates`], and if one of them cannot be an authority.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authorities;
/// use netsocket_credentials::authority::Authority;
///
/// let dir = tempfile::tempdir()?;
/// let file = Authority::new("Example").write(dir.path(), "authority");
/// assert_eq!(authorities(&file)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn authorities(path: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| FileError::unusable(path, error))?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::authority::Authority;

    #[test]
    fn a_file_is_told_for_what_it_lacks_and_never_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pem");
        let said = |result: Result<(), FileError>| result.unwrap_err().to_string();
        assert_eq!(
            said(certificates(&file).map(drop)),
            format!("{}: no such file or directory", file.display())
        );
        fs::write(&file, "a-secret\n").unwrap();
        for (said, wanted) in [
            (said(certificates(&file).map(drop)), "no certificate in it"),
            (said(authorities(&file).map(drop)), "no certificate in it"),
            (said(key(&file).map(drop)), "no private key"),
        ] {
            assert!(
                said.contains(wanted) && !said.contains("a-secret"),
                "{said}"
            );
        }
        fs::write(
            &file,
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let damaged = said(certificates(&file).map(drop));
        assert!(damaged.contains("invalid PEM"), "{damaged}");
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        fs::write(&file, nonsense).unwrap();
        assert_eq!(certificates(&file).unwrap().len(), 1);
        assert!(authorities(&file).is_err());
    }

    #[test]
    fn a_chain_and_its_key_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("test");
        let issued = authority.issue(&["localhost"]).write(dir.path(), "server");
        assert_eq!(certificates(&issued.certificate).unwrap().len(), 1);
        key(&issued.key).unwrap();
        let roots = authorities(&authority.write(dir.path(), "ca")).unwrap();
        assert_eq!(roots.len(), 1);
    }
}
