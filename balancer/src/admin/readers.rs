//! Who may read the page, the API and the metrics, where `admin_read_token_file` is set: whoever may change things anyway, and
//! whoever knows the secret or that for changes, as a bearer token or as the password of HTTP basic authentication. Probes are
//! for all.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::authorization::authorize;
use super::credentials::{Credentials, PASSWORD_WANTED, TOKEN_WANTED};
use super::peer::Peer;
use super::state::Admin;
use crate::core::secret::same;

/// The middleware in front of everything that can be read.
pub(super) async fn guard(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if may_read(&admin, peer, request.headers()).await {
        return next.run(request).await;
    }
    let said = "reading needs the secret of admin_read_token_file: `ctl --token-file FILE`, or the password of a browser\n";
    let wanted = match Credentials::of(request.headers()) {
        Some(Credentials::Token(_)) => TOKEN_WANTED,
        _ => PASSWORD_WANTED,
    };
    let challenge = [(WWW_AUTHENTICATE, wanted)];
    (StatusCode::UNAUTHORIZED, challenge, said).into_response()
}

async fn may_read(admin: &Admin, peer: Peer, headers: &HeaderMap) -> bool {
    let rules = admin.shared.rules.load();
    let Some(secret) = &rules.read_secret else {
        return true;
    };
    // A hash is slow on purpose: first what is not.
    let token = rules.admin_token.as_deref();
    if authorize(peer, headers, token).is_ok() || has(headers, token) {
        return true;
    }
    admin.readers.admits(secret, headers).await
}

/// Whether a request has the secret for changes, which a browser sends as a password.
fn has(headers: &HeaderMap, token: Option<&str>) -> bool {
    let given = Credentials::of(headers);
    let both = given.as_ref().zip(token);
    both.is_some_and(|(given, token)| same(token.as_bytes(), given.secret()))
}
