//! Who may read the page, the API and the metrics, where `admin_read_token_file` is set: whoever may change things anyway, and
//! whoever knows the secret, as a bearer token or as the password of HTTP basic authentication. Probes are for all.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::authorization::authorize;
use super::peer::Peer;
use super::state::Admin;

const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"netsocket-balancer\"");

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
    let challenge = [(WWW_AUTHENTICATE, CHALLENGE)];
    (StatusCode::UNAUTHORIZED, challenge, said).into_response()
}

async fn may_read(admin: &Admin, peer: Peer, headers: &HeaderMap) -> bool {
    let rules = admin.shared.rules.load();
    let Some(secret) = &rules.read_secret else {
        return true;
    };
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    // A hash is slow on purpose: first what is not.
    if authorize(peer, headers, rules.admin_token.as_deref()).is_ok() {
        return true;
    }
    let Some(header) = header else { return false };
    admin.readers.accepts(secret, header).await
}
