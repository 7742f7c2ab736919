//! `/api/v1/sessions`: lists open sessions, and closes some on request.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::backends;
use super::state::{Admin, fresh};
use crate::core::session_id::SessionId;
use crate::data_path::session_directory;
use crate::data_path::session_view::SessionView;
use crate::observe::units::in_millis;

/// The answer.
#[derive(Debug, Serialize)]
struct List {
    sessions: Vec<Entry>,
}

/// One session.
#[derive(Debug, Default, Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) client: String,
    /// The service, where that is not the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<String>,
    pub(super) backend: Option<String>,
    pub(super) stage: &'static str,
    pub(super) age_ms: f64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    /// Bytes a second, both ways; only where it was looked at before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<f64>,
}

impl Entry {
    pub(super) fn new(view: SessionView, rate: Option<f64>) -> Self {
        Self {
            id: view.id.to_string(),
            client: view.client.to_string(),
            service: view.service.map(|name| name.to_string()),
            backend: view.backend.map(|backend| backend.full_name()),
            stage: view.stage,
            age_ms: in_millis(view.age),
            bytes_up: view.traffic.up,
            bytes_down: view.traffic.down,
            rate,
        }
    }
}

/// Which.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    backend: Option<String>,
}

/// All open sessions, or those of a backend, the oldest first.
pub(super) async fn list(State(admin): State<Arc<Admin>>, Query(which): Query<Which>) -> Response {
    let of = match &which.backend {
        None => None,
        Some(name) => match backends::find(&admin, name) {
            Ok(backend) => Some(backend.id()),
            Err(wrong) => return wrong.into_response(),
        },
    };
    let mut all = session_directory::list(&admin.shared, of).await;
    all.sort_by_key(|view| std::cmp::Reverse(view.age));
    let entries = all.into_iter().map(|view| Entry::new(view, None));
    let sessions = entries.collect();
    fresh(List { sessions })
}

/// Ends one.
pub(super) async fn kill(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Response {
    let said = match name.parse::<SessionId>() {
        Err(error) => format!("{name:?}: {error}"),
        Ok(id) if session_directory::end(&admin.shared, &[id], None).await == 1 => {
            return StatusCode::NO_CONTENT.into_response();
        }
        Ok(id) => format!("no session {id} is open; `ctl sessions` lists those that are"),
    };
    (StatusCode::NOT_FOUND, format!("{said}\n")).into_response()
}

/// How many were ended.
#[derive(Debug, Serialize)]
struct Ended {
    ended: usize,
}

/// Ends those of a backend.
pub(super) async fn kill_all(
    State(admin): State<Arc<Admin>>,
    Query(which): Query<Which>,
) -> Response {
    let Some(name) = &which.backend else {
        let said = "say which: DELETE /api/v1/sessions?backend=NAME or /api/v1/sessions/ID\n";
        return (StatusCode::UNPROCESSABLE_ENTITY, said).into_response();
    };
    let backend = match backends::find(&admin, name) {
        Ok(backend) => backend,
        Err(wrong) => return wrong.into_response(),
    };
    let ended = session_directory::end_all(&admin.shared, backend.id()).await;
    Json(Ended { ended }).into_response()
}
