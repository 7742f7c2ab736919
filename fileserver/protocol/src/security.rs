//! What a server may require of its clients: TLS, a token.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Feature in a server's hello: it requires a token, and the client's hello had none.
pub const TOKEN_WANTED: &str = "token";

/// Feature in a server's unencrypted hello: it requires TLS, and an error follows.
pub const TLS_WANTED: &str = "tls";

/// The error for a client that does not use TLS.
pub const TLS_MISSING: &str = "this server requires TLS, which the client does not use";

/// The error for a client that sent no token.
pub const TOKEN_MISSING: &str = "this server requires a token, and the client sent none";

/// The error for a client with an unknown token.
pub const TOKEN_UNKNOWN: &str = "this server does not accept the token";

/// A secret that client and server share. No message and no log line shows it.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::security::Token;
///
/// let token = Token("correct horse battery staple".to_owned());
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// // Only the wire form shows it.
/// assert_eq!(serde_json::to_value(&token)?, "correct horse battery staple");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", Some(Token("a-secret".to_owned())));
        assert_eq!(shown, "Some(Token(…))");
    }
}
