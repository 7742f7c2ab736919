//! The secret of a reader in its two forms, a bearer token and the password of HTTP basic authentication.

use std::sync::{MutexGuard, PoisonError};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::task::spawn_blocking;

use crate::core::secret::{Secret, same};

/// Base64 of RFC 4648; some clients leave the padding out.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The latest header that was right: a hash is slow on purpose, and is not computed for each request of one reader.
#[derive(Debug, Default)]
pub(super) struct Known {
    latest: std::sync::Mutex<Option<(Secret, String)>>,
    /// Held while a hash is computed: wrong secrets wait for each other, and for nothing else.
    hashing: tokio::sync::Mutex<()>,
}

impl Known {
    pub(super) async fn accepts(&self, secret: &Secret, header: &str) -> bool {
        if self.is_latest(secret, header) {
            return true;
        }
        let Some(given) = given(header) else {
            return false;
        };
        let _one_at_a_time = self.hashing.lock().await;
        if self.is_latest(secret, header) {
            return true;
        }
        let known = (secret.clone(), header.to_owned());
        // Not on the runtime of checks and discovery.
        let judged = spawn_blocking(move || known.0.matches(given.as_bytes()).then_some(known));
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

/// The secret in the header.
fn given(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(ANY_PADDING.decode(value.trim()).ok()?).ok()?;
    // The name of the user does not matter.
    Some(pair.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn secrets_as_a_token_or_as_a_password() {
        assert_eq!(given("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(
            given("basic dXNlcjpwYXNzOndvcmQ=").as_deref(),
            Some("pass:word")
        );
        assert_eq!(given("Basic dXNlcjpwYXM").as_deref(), Some("pas"));
        for wrong in ["", "Basic", "Basic !", "Basic dXNlcg==", "Digest x"] {
            assert_eq!(given(wrong), None, "{wrong}");
        }
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
