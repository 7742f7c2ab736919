//! The settings for certificate and token files. The files are read when the settings are checked, so that
//! `--check-config` finds problems in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use netsocket_settings::{Check, Scalar};
use serde::Deserialize;

use crate::security::credentials::{CERTIFICATE, CredentialFault, CredentialFiles, Credentials};

/// The entries of these keys, unchecked.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawCredentials {
    tls_certificate: Option<Scalar>,
    tls_key: Option<Scalar>,
    tls_client_ca: Option<Scalar>,
    token_file: Option<Scalar>,
}

/// The credential files, and what is in them unless something is wrong; every problem with them goes to `check`.
pub(super) fn credentials(
    check: &mut Check,
    raw: &RawCredentials,
) -> (CredentialFiles, Option<Arc<Credentials>>) {
    let file = |entry: &Option<Scalar>| entry.as_ref().map(|entry| PathBuf::from(entry.as_str()));
    let files = CredentialFiles {
        certificate: file(&raw.tls_certificate),
        key: file(&raw.tls_key),
        client_ca: file(&raw.tls_client_ca),
        tokens: file(&raw.token_file),
    };
    let faults = match Credentials::read(&files) {
        Ok(read) => {
            let path = files.certificate.as_deref().unwrap_or(Path::new(""));
            for said in read.doubts(SystemTime::now()) {
                check.doubt(CERTIFICATE, path.display(), said);
            }
            let read = (files != CredentialFiles::default()).then(|| Arc::new(read));
            return (files, read);
        }
        Err(error) => error.0,
    };
    for fault in faults {
        match fault {
            CredentialFault::Missing { key, beside } => {
                let said = format!("must be set together with {beside}");
                check.missing_beside(beside, key, said);
            }
            CredentialFault::File { key, source } => {
                check.problem(key, source.path.display(), source.problem);
            }
        }
    }
    (files, None)
}
