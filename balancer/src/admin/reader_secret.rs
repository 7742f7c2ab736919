//! The secret of a reader, as a bearer token or as a password.

use std::sync::{MutexGuard, PoisonError};

use axum::http::HeaderMap;
use tokio::task::spawn_blocking;

use super::credentials::{Credentials, header};
use crate::core::secret::{Secret, same};

/// The latest header that was right: a hash is slow on purpose, and is not computed for each request of one reader.
#[derive(Debug, Default)]
pub(super) struct Known {
    latest: std::sync::Mutex<Option<(Secret, String)>>,
    /// Held while a hash is computed: wrong secrets wait for each other, and for nothing else.
    hashing: tokio::sync::Mutex<()>,
}

impl Known {
    /// Whether a request has the secret.
    pub(super) async fn admits(&self, secret: &Secret, headers: &HeaderMap) -> bool {
        match header(headers) {
            Some(header) => self.accepts(secret, header).await,
            None => false,
        }
    }

    async fn accepts(&self, secret: &Secret, header: &str) -> bool {
        if self.is_latest(secret, header) {
            return true;
        }
        let Some(given) = Credentials::parse(header) else {
            return false;
        };
        let _one_at_a_time = self.hashing.lock().await;
        if self.is_latest(secret, header) {
            return true;
        }
        let known = (secret.clone(), header.to_owned());
        // Not on the runtime of checks and discovery.
        let judged = spawn_blocking(move || known.0.matches(given.secret()).then_some(known));
        let Ok(Some(known)) = judged.await else {
            return false;
        };
        *self.latest() = Some(known);
        true
    }

    fn is_latest(&self, secret: &Secret, header: &str) -> bool {
        let latest = self.latest();
        let is_same = |(known, text): &(Secret, String)| {
            known == secret && same(text.as_bytes(), header.as_bytes())
        };
        latest.as_ref().is_some_and(is_same)
    }

    fn latest(&self) -> MutexGuard<'_, Option<(Secret, String)>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn secrets_as_a_token_or_as_a_password() {
        let known = Known::default();
        let secret = Secret::plain("pass:word");
        for _ in 0..2 {
            assert!(known.accepts(&secret, "Basic dXNlcjpwYXNzOndvcmQ=").await);
            assert!(!known.accepts(&secret, "Bearer pass").await);
        }
        assert!(
            !known
                .accepts(&Secret::plain("other"), "Basic dXNlcjpwYXNzOndvcmQ=")
                .await
        );
    }
}
