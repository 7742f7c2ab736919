//! A certificate authority in memory, for tests.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "only tests have it, and a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

/// When certificates expire unless a test says otherwise.
const LATER: i32 = 2100;

/// Signs certificates.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authorities;
/// use netsocket_credentials::authority::Authority;
///
/// let dir = tempfile::tempdir()?;
/// let authority = Authority::new("Example");
/// let files = authority.issue(&["files.example"]).write(dir.path(), "server");
/// assert_eq!(files.key, dir.path().join("server.key"));
/// // For those who shall trust it.
/// let trusted = authority.write(dir.path(), "authority");
/// assert_eq!(authorities(&trusted)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

/// The files of a certificate and of its key.
#[derive(Debug, Clone)]
pub struct IssuedFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority, which nobody trusts yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(LATER, 1, 1);
        let issuer = CertifiedIssuer::self_signed(params, new_key());
        Self(issuer.expect("an authority"))
    }

    /// A certificate for these names and addresses.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_until(names, LATER)
    }

    /// The same, good until the beginning of that year.
    #[must_use]
    pub fn issue_until(&self, names: &[&str], year: i32) -> Issued {
        self.sign(names, |params| params.not_after = date_time_ymd(year, 1, 1))
    }

    /// The same, good until that long after the beginning of 1970.
    #[must_use]
    pub fn issue_ending(&self, names: &[&str], end: Duration) -> Issued {
        self.sign(names, |params| {
            params.not_after = date_time_ymd(1970, 1, 1) + end;
        })
    }

    pub(crate) fn sign(&self, names: &[&str], end: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2000, 1, 1);
        end(&mut params);
        let key = new_key();
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Its own certificate and key, for a server that takes them for its own.
    #[must_use]
    pub fn as_server(&self) -> Issued {
        Issued {
            certificate: self.certificate(),
            pem: self.0.pem(),
            key: self.0.key().serialize_pem(),
        }
    }

    /// Writes its own certificate, for those who shall trust it, to `NAME.pem`.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(format!("{name}.pem"));
        fs::write(&path, self.0.pem()).expect("a file");
        path
    }
}

impl Issued {
    /// The key and the certificate in one text, as servers in Java read them.
    #[must_use]
    pub fn key_and_certificate(&self) -> String {
        format!("{}{}", self.key, self.pem)
    }

    /// Writes the certificate to `NAME.pem` and the key to `NAME.key`.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> IssuedFiles {
        let files = IssuedFiles {
            certificate: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
        };
        fs::write(&files.certificate, &self.pem).expect("a file");
        fs::write(&files.key, &self.key).expect("a file");
        files
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
