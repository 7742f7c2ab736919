//! What a server that does not answer everybody wants of its clients: TLS, a token.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Among the features of a server's hello: it answers requests only after a right token, and the client's hello had none.
pub const TOKEN_WANTED: &str = "token";

/// Among the features of a server's hello that is sent in the clear: it wants TLS, and an error follows.
pub const TLS_WANTED: &str = "tls";

/// What a client is told that speaks without TLS to a server that wants it.
pub const TLS_MISSING: &str = "this server speaks TLS, and the client does not";

/// What a client is told that asks for something and has shown no token.
pub const TOKEN_MISSING: &str = "this server answers only who has a token for it";

/// What a client is told whose token is not one of those that the server accepts.
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
/// // Only the wire has it.
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
