//! Whether a request may be answered: the token, as bearer or as the password that a browser asks for.

use headers::authorization::{Basic, Bearer};
use headers::{Authorization, HeaderMapExt as _};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use netsocket_protocol::message::Token;
use netsocket_protocol::security::{TOKEN_MISSING, TOKEN_UNKNOWN};

use super::problem::Problem;
use crate::security::credentials::TOKEN_REFUSALS;
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;

/// What a client may send. Browsers ask for a name and a password with the first one; the name is not looked at.
const CHALLENGES: [&str; 2] = [
    "Basic realm=\"NetSocket\", charset=\"UTF-8\"",
    "Bearer realm=\"NetSocket\"",
];

/// Refuses a request without an accepted token, if the server requires one.
pub(super) fn check(service: &Service, headers: &HeaderMap) -> Result<(), Problem> {
    let credentials = service.credential_store.current();
    let Some(tokens) = &credentials.tokens else {
        return Ok(());
    };
    if !headers.contains_key(AUTHORIZATION) {
        return Err(refused(service, TOKEN_REFUSALS[0], TOKEN_MISSING));
    }
    match token(headers) {
        Some(token) if tokens.accept(&token) => Ok(()),
        _ => Err(refused(service, TOKEN_REFUSALS[1], TOKEN_UNKNOWN)),
    }
}

/// The token of a request; nothing if its credentials are of another kind.
fn token(headers: &HeaderMap) -> Option<Token> {
    let basic = headers.typed_get::<Authorization<Basic>>();
    let basic = basic.map(|basic| basic.password().to_owned());
    let bearer = || {
        let bearer = headers.typed_get::<Authorization<Bearer>>()?;
        Some(bearer.token().to_owned())
    };
    basic.or_else(bearer).map(Token)
}

fn refused(service: &Service, reason: &str, sentence: &str) -> Problem {
    service.token_refusals.count(reason);
    let error = RequestError::Denied(sentence.to_owned());
    CHALLENGES.into_iter().fold(
        Problem::new(StatusCode::UNAUTHORIZED, error),
        |problem, challenge| problem.with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
    )
}
