//! Where certificates and tokens are. The files are read when the settings are judged, so that a check of the settings
//! finds what is wrong with them.

use std::path::PathBuf;

use netsocket_settings::{Check, Scalar};
use serde::Deserialize;

use crate::security::credentials::{CredentialFault, CredentialFiles, Credentials};

/// The entries of these keys, unjudged.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawCredentials {
    tls_certificate: Option<Scalar>,
    tls_key: Option<Scalar>,
    tls_client_ca: Option<Scalar>,
    token_file: Option<Scalar>,
}

/// The files, each of which holds what it should; every problem goes to `check`.
pub(super) fn credentials(check: &mut Check, raw: &RawCredentials) -> CredentialFiles {
    let file = |entry: &Option<Scalar>| entry.as_ref().map(|entry| PathBuf::from(entry.as_str()));
    let files = CredentialFiles {
        certificate: file(&raw.tls_certificate),
        key: file(&raw.tls_key),
        client_ca: file(&raw.tls_client_ca),
        tokens: file(&raw.token_file),
    };
    let faults = Credentials::read(&files).map_or_else(|error| error.0, |_| Vec::new());
    for fault in faults {
        match fault {
            CredentialFault::Missing { key, beside } => {
                check.problem(key, "", format!("is missing beside {beside}"));
            }
            CredentialFault::File { key, source } => {
                check.problem(key, source.path.display(), source.problem);
            }
        }
    }
    files
}
