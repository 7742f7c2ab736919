//! Who may change something through the admin HTTP; who may read is `readers`. See docs/admin.md.
//!
//! A unix socket counts as this machine: its file mode decides who can connect. A browser that reaches it through a tunnel
//! is in the same danger as over the network.
//!
//! It protects against three attacks: another machine that can reach the address, a web page in the operator's browser that
//! sends requests to it, and the same page after its name was changed to point here (DNS rebinding).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::audit;
use super::credentials::{Credentials, TOKEN_WANTED};
use super::peer::Peer;
use super::state::{Admin, fresh};
use crate::core::secret::same;

/// The longest body of a change.
const MAX_BODY: usize = 2 << 20;
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a change is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    CrossSite,
    ForeignHost,
    /// None is configured.
    NoToken,
    MissingToken,
    WrongToken,
    /// It is the secret for reading.
    ReadingToken,
}

impl Denied {
    fn status(self) -> StatusCode {
        match self {
            Self::MissingToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// Whether the right token is all that it takes.
    fn ends_with_a_token(self) -> bool {
        !matches!(self, Self::CrossSite | Self::NoToken)
    }

    fn response(self) -> Response {
        let said = format!("{self}\n");
        match self.status() {
            StatusCode::UNAUTHORIZED => {
                let challenge = [(WWW_AUTHENTICATE, TOKEN_WANTED)];
                (StatusCode::UNAUTHORIZED, challenge, said).into_response()
            }
            status => (status, said).into_response(),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CrossSite => "changes cannot be requested by a page of another site",
            Self::ForeignHost => "changes without a token must address this host as localhost or by IP address",
            Self::NoToken => {
                "changes from another machine need a token (127.0.0.1, [::1] and a unix socket are this one): set admin_token_file and send Authorization: Bearer"
            }
            Self::MissingToken => {
                "changes from another machine need a token, the secret of admin_token_file"
            }
            Self::WrongToken => "the token is wrong",
            Self::ReadingToken => {
                "this is the secret for reading (admin_read_token_file): changes need that of admin_token_file, or none from this machine"
            }
        })
    }
}

/// The middleware in front of everything that changes something.
pub(super) async fn guard(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let path = request.uri().path_and_query();
    let path = path.map_or_else(String::new, ToString::to_string);
    let place = (route.as_str(), path.as_str());
    match judged(&admin, peer, request.headers()).await {
        Ok(()) => {
            let (head, body) = request.into_parts();
            // The handlers take no more either.
            let Ok(body) = to_bytes(body, MAX_BODY).await else {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                admin.changes.answered(peer, &method, place, None, status);
                return status.into_response();
            };
            let value = audit::value(&body);
            let response = next.run(Request::from_parts(head, body.into())).await;
            let status = response.status();
            let value = value.as_deref();
            admin.changes.answered(peer, &method, place, value, status);
            response
        }
        Err(denied) => {
            admin.changes.denied(peer, &method, place, denied);
            denied.response()
        }
    }
}

/// `/api/v1/whoami`: whether the client may change something, by the same rules.
#[derive(Debug, Serialize)]
struct WhoAmI {
    /// Its address, or its user on the unix socket.
    peer: String,
    changes: bool,
    /// Why not.
    why: Option<String>,
    /// Whether a token would help.
    token: bool,
}

pub(super) async fn whoami(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Response {
    let denied = judged(&admin, peer, &headers).await.err();
    let answer = WhoAmI {
        peer: peer.to_string(),
        changes: denied.is_none(),
        why: denied.map(|denied| denied.to_string()),
        token: admin.shared.rules.load().admin_token.is_some()
            && denied.is_some_and(Denied::ends_with_a_token),
    };
    fresh(answer)
}

/// As [`authorize`]; the secret for reading is told from a wrong one.
async fn judged(admin: &Admin, peer: Peer, headers: &HeaderMap) -> Result<(), Denied> {
    let rules = admin.shared.rules.load_full();
    let verdict = authorize(peer, headers, rules.admin_token.as_deref());
    match (&rules.read_secret, verdict) {
        (Some(secret), Err(Denied::WrongToken)) if admin.readers.admits(secret, headers).await => {
            Err(Denied::ReadingToken)
        }
        _ => verdict,
    }
}

/// Whether a request from `peer` with such headers may change something.
pub(super) fn authorize(
    peer: Peer,
    headers: &HeaderMap,
    token: Option<&str>,
) -> Result<(), Denied> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(&HOST).unwrap_or_default();
    if text(&FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Denied::CrossSite);
    }
    // The status page is within TLS where the admin address is.
    let own = ["http", "https"].map(|scheme| format!("{scheme}://{host}"));
    if headers.contains_key(ORIGIN) && !own.iter().any(|own| text(&ORIGIN) == Some(own)) {
        return Err(Denied::CrossSite);
    }
    // No password: a browser sends that without being asked to.
    match (token, Credentials::of(headers)) {
        (Some(token), Some(Credentials::Token(given)))
            if same(token.as_bytes(), given.as_bytes()) =>
        {
            Ok(())
        }
        (_, Some(Credentials::Token(_))) => Err(Denied::WrongToken),
        _ if peer.is_local() => {
            if is_plain_host(host) {
                Ok(())
            } else {
                Err(Denied::ForeignHost)
            }
        }
        (Some(_), _) => Err(Denied::MissingToken),
        (None, _) => Err(Denied::NoToken),
    }
}

/// Whether no other name can stand for this host.
fn is_plain_host(host: &str) -> bool {
    let Ok(uri) = format!("http://{host}/").parse::<Uri>() else {
        return false;
    };
    let name = uri.host().unwrap_or_default();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&str, &str)]) -> HeaderMap {
        given
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn who_may() {
        let (here, there, unix) = ("127.0.0.1", "192.0.2.7", "unix");
        let own = ("host", "127.0.0.1:8404");
        let bearer = |token| ("authorization", token);
        let secret = Some("s3cret");
        let cases = [
            (here, vec![own], None, Ok(())),
            (here, vec![("host", "localhost:8404")], None, Ok(())),
            (here, vec![("host", "[::1]:8404")], None, Ok(())),
            ("::ffff:127.0.0.1", vec![own], None, Ok(())),
            (
                here,
                vec![own, ("origin", "http://127.0.0.1:8404")],
                None,
                Ok(()),
            ),
            (
                here,
                vec![own, ("origin", "https://127.0.0.1:8404")],
                None,
                Ok(()),
            ),
            (
                here,
                vec![own, ("origin", "https://127.0.0.1:8443")],
                None,
                Err(Denied::CrossSite),
            ),
            (
                here,
                vec![own, ("sec-fetch-site", "same-origin")],
                None,
                Ok(()),
            ),
            // Who may open the socket may change things; a browser behind a tunnel to it is a browser.
            (unix, vec![("host", "localhost")], None, Ok(())),
            (unix, vec![("host", "localhost")], secret, Ok(())),
            (unix, vec![own], None, Ok(())),
            (
                unix,
                vec![own, ("origin", "http://evil.example")],
                None,
                Err(Denied::CrossSite),
            ),
            (
                unix,
                vec![("host", "evil.example:8404")],
                None,
                Err(Denied::ForeignHost),
            ),
            // With a token configured this machine still needs none.
            (here, vec![own], secret, Ok(())),
            (
                here,
                vec![own, bearer("Bearer wrong")],
                secret,
                Err(Denied::WrongToken),
            ),
            // Pages of others, also after their name was made to point here.
            (
                here,
                vec![own, ("origin", "http://evil.example")],
                None,
                Err(Denied::CrossSite),
            ),
            (
                here,
                vec![own, ("origin", "null")],
                None,
                Err(Denied::CrossSite),
            ),
            (
                here,
                vec![own, ("sec-fetch-site", "cross-site")],
                None,
                Err(Denied::CrossSite),
            ),
            (
                here,
                vec![own, ("sec-fetch-site", "same-site")],
                None,
                Err(Denied::CrossSite),
            ),
            (
                here,
                vec![("host", "evil.example:8404")],
                None,
                Err(Denied::ForeignHost),
            ),
            (here, vec![], None, Err(Denied::ForeignHost)),
            // Other machines.
            (there, vec![own], None, Err(Denied::NoToken)),
            (
                there,
                vec![own, bearer("Bearer s3cret")],
                None,
                Err(Denied::WrongToken),
            ),
            (there, vec![own], secret, Err(Denied::MissingToken)),
            // "x:s3cret": as a password it is good for reading only.
            (
                there,
                vec![own, bearer("Basic eDpzM2NyZXQ=")],
                secret,
                Err(Denied::MissingToken),
            ),
            (
                there,
                vec![own, bearer("Bearer s3cres")],
                secret,
                Err(Denied::WrongToken),
            ),
            (
                there,
                vec![own, bearer("s3cret")],
                secret,
                Err(Denied::MissingToken),
            ),
            (
                there,
                vec![("host", "lb.example"), bearer("Bearer s3cret")],
                secret,
                Ok(()),
            ),
            (
                there,
                vec![
                    own,
                    bearer("Bearer s3cret"),
                    ("origin", "http://evil.example"),
                ],
                secret,
                Err(Denied::CrossSite),
            ),
        ];
        for (peer, given, token, verdict) in cases {
            let peer = match peer.parse::<IpAddr>() {
                Ok(ip) => Peer::Tcp((ip, 40_000).into()),
                Err(_) => Peer::Unix(Some(1000)),
            };
            let judged = authorize(peer, &headers(&given), token);
            assert_eq!(judged, verdict, "{peer} {given:?} {token:?}");
        }
    }
}
