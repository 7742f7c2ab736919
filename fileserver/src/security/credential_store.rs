//! The current credentials, and their reload while sessions run.
//!
//! A session keeps the credentials that were current when it opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::security::credentials::{CERTIFICATE, CredentialFiles, Credentials, CredentialsError};

/// The current credentials; clones share them.
#[derive(Debug, Clone)]
pub struct CredentialStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: CredentialFiles,
    current: ArcSwap<Credentials>,
    reloads: AtomicU64,
    refusals: AtomicU64,
    /// Whether the latest reload was refused.
    is_stale: AtomicBool,
}

impl CredentialStore {
    /// With what was `read` in the files as the settings were judged; else reads them. Blocks the thread.
    pub(crate) fn open(
        files: CredentialFiles,
        read: Option<Arc<Credentials>>,
    ) -> Result<Self, CredentialsError> {
        let current = match read {
            Some(read) => read,
            None => Arc::new(Credentials::read(&files)?),
        };
        Ok(Self(Arc::new(Inner {
            files,
            current: ArcSwap::new(current),
            reloads: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            is_stale: AtomicBool::new(false),
        })))
    }

    pub(crate) fn files(&self) -> &CredentialFiles {
        &self.0.files
    }

    pub(crate) fn current(&self) -> Arc<Credentials> {
        self.0.current.load_full()
    }

    /// Reads all files again. If any of them is invalid, the current credentials stay in use. Blocks the thread.
    pub fn reload(&self) {
        let Inner {
            files,
            current,
            reloads,
            refusals,
            is_stale,
        } = &*self.0;
        if *files == CredentialFiles::default() {
            tracing::info!(
                "nothing to reload: neither a certificate nor a token file is configured"
            );
            return;
        }
        match Credentials::read(files) {
            Ok(read) => {
                current.store(Arc::new(read));
                reloads.fetch_add(1, Ordering::Relaxed);
                is_stale.store(false, Ordering::Relaxed);
                self.log_state("credentials reloaded");
            }
            Err(error) => {
                refusals.fetch_add(1, Ordering::Relaxed);
                is_stale.store(true, Ordering::Relaxed);
                for problem in error.0 {
                    tracing::error!(%problem, "credentials not reloaded: the previous ones stay in use");
                }
            }
        }
    }

    /// Logs the current credentials, and a warning for each reason why clients refuse the certificate.
    pub(crate) fn log_state(&self, occasion: &'static str) {
        let current = self.current();
        let expires = current.tls.as_ref().and_then(|tls| tls.expires);
        tracing::info!(
            tls = current.tls.is_some(),
            expires = expires.map(tracing::field::display),
            client_certificates = self.0.files.client_ca.is_some(),
            tokens = current.tokens.as_ref().map_or(0, |tokens| tokens.count()),
            "{occasion}"
        );
        for doubt in current.doubts(SystemTime::now()) {
            tracing::warn!("{CERTIFICATE} {doubt}");
        }
    }

    /// Number of successful and of refused reloads.
    pub(crate) fn reloads(&self) -> [(&'static str, u64); 2] {
        [
            ("ok", self.0.reloads.load(Ordering::Relaxed)),
            ("refused", self.0.refusals.load(Ordering::Relaxed)),
        ]
    }

    /// Whether the latest reload was refused.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.is_stale.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use netsocket_protocol::message::Token;

    use super::*;

    #[test]
    fn a_bad_file_changes_nothing_and_a_good_one_all() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        fs::write(&file, "first-0123456789\n").unwrap();
        let files = CredentialFiles {
            tokens: Some(file.clone()),
            ..CredentialFiles::default()
        };
        let credential_store = CredentialStore::open(files, None).unwrap();
        let accepts = |token: &str| {
            let tokens = &credential_store.current();
            let tokens = tokens.tokens.as_ref().unwrap();
            tokens.accept(&Token(token.to_owned()))
        };
        assert!(accepts("first-0123456789"));

        fs::write(&file, "second-0123456789\nshort\n").unwrap();
        credential_store.reload();
        assert!(accepts("first-0123456789") && !accepts("second-0123456789"));
        assert!(credential_store.is_stale());

        fs::write(&file, "second-0123456789\n").unwrap();
        credential_store.reload();
        assert!(!accepts("first-0123456789") && accepts("second-0123456789"));
        assert!(!credential_store.is_stale());
        assert_eq!(credential_store.reloads(), [("ok", 1), ("refused", 1)]);
    }
}
