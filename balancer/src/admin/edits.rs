//! Adds, changes and removes backends, pools and services of a running balancer; shows how the running settings differ from
//! those in the file, and gives them as a file. All of it is lost at a reload or restart unless it is saved.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::config::reloaded;
use super::peer::Peer;
use super::state::{Admin, fresh};
use crate::config::Edit;
use crate::control::reload::EditTerms;

/// A body that is no table.
type Wrong = (StatusCode, String);

/// Key of a backend's table that says that it takes no sessions from the beginning.
const DRAINED: &str = "drained";
/// The head of a file where there was none.
const WITHOUT_FILE: &str = "# From a balancer that was started without a settings file.\n\
    # To start with these settings: netsocket-balancer --config FILE\n\n";

pub(super) async fn set_backend(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path((pool, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut table = match table(&body) {
        Ok(table) => table,
        Err(wrong) => return wrong.into_response(),
    };
    let drained = table.remove(DRAINED) == Some(Value::Bool(true));
    let terms = EditTerms {
        drained,
        ..terms(peer, &headers)
    };
    done(&admin, Edit::SetBackend(pool, name, table), terms).await
}

pub(super) async fn remove_backend(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path((pool, name)): Path<(String, String)>,
) -> Response {
    done(&admin, Edit::RemoveBackend(pool, name), any_terms(peer)).await
}

pub(super) async fn set_pool(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match table(&body) {
        Ok(table) => done(&admin, Edit::SetPool(name, table), terms(peer, &headers)).await,
        Err(wrong) => wrong.into_response(),
    }
}

pub(super) async fn remove_pool(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
) -> Response {
    done(&admin, Edit::RemovePool(name), any_terms(peer)).await
}

pub(super) async fn set_service(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match table(&body) {
        Ok(table) => done(&admin, Edit::SetService(name, table), terms(peer, &headers)).await,
        Err(wrong) => wrong.into_response(),
    }
}

pub(super) async fn remove_service(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
) -> Response {
    done(&admin, Edit::RemoveService(name), any_terms(peer)).await
}

/// How the running settings differ from the file.
#[derive(Debug, Serialize)]
struct Differences {
    /// None: a reload would change nothing.
    differences: Vec<String>,
    /// `null`: it was started without one, so that a reload reads flags and environment.
    settings_file: Option<PathBuf>,
    /// Whether the weight of a backend, or whether it takes sessions, was set since: neither is compared.
    states_set: bool,
}

pub(super) async fn diff(State(admin): State<Arc<Admin>>) -> Response {
    match admin.lifecycle.differences().await {
        Ok(differences) => fresh(Differences {
            differences,
            settings_file: admin.settings_file.clone(),
            states_set: admin
                .shared
                .pools()
                .iter()
                .any(|pool| pool.is_set_otherwise()),
        }),
        Err(error) => super::config::refused(&error),
    }
}

/// The running settings as a file. They may hold passwords, so that only those who may change things get them.
pub(super) async fn save(State(admin): State<Arc<Admin>>) -> Response {
    let text = admin.settings.load().config.document.to_toml();
    if text.is_empty() {
        let said = "this balancer was started without settings that can be saved\n";
        return (StatusCode::NOT_IMPLEMENTED, said).into_response();
    }
    let text = match &admin.settings_file {
        Some(_) => text,
        None => format!("{WITHOUT_FILE}{text}"),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/toml"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// `If-None-Match: *`: only if nothing of that name is there.
fn terms(peer: Peer, headers: &HeaderMap) -> EditTerms {
    EditTerms {
        only_new: headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|it| it == "*"),
        ..any_terms(peer)
    }
}

/// Whatever is there.
fn any_terms(peer: Peer) -> EditTerms {
    EditTerms {
        drained: false,
        only_new: false,
        who: peer.doer().into(),
    }
}

async fn done(admin: &Admin, edit: Edit, terms: EditTerms) -> Response {
    let set = match &edit {
        Edit::SetBackend(pool, name, _) => Some((pool.clone(), name.clone())),
        _ => None,
    };
    let left = match &edit {
        Edit::RemoveBackend(pool, _) => Some(pool.clone()),
        _ => None,
    };
    match admin.lifecycle.edit(edit, terms).await {
        Ok(changes) => {
            let config = &admin.settings.load().config;
            let warnings = set.map(|(pool, name)| config.doubts_about(&pool, &name));
            let mut warnings = warnings.unwrap_or_default();
            warnings.extend(
                left.filter(|pool| serves_nobody(admin, pool))
                    .map(|_| "no other healthy backend takes sessions now".to_owned()),
            );
            let reloaded = reloaded(admin, changes).with_warnings(warnings);
            Json(reloaded).into_response()
        }
        Err(error) => super::config::refused(&error),
    }
}

/// Whether no healthy backend of this pool takes sessions.
fn serves_nobody(admin: &Admin, pool: &str) -> bool {
    let pools = admin.shared.pools();
    let of_name = pools.iter().find(|it| it.name() == pool);
    of_name.is_some_and(|pool| pool.up_count() == 0)
}

/// The body: an object, whose keys are those of the settings file.
fn table(body: &[u8]) -> Result<Map<String, Value>, Wrong> {
    serde_json::from_slice(body).map_err(|error| {
        let said = format!("{error}; the body must be an object with keys of the settings file\n");
        (StatusCode::BAD_REQUEST, said)
    })
}
