//! `/api/v1/sessions`: who is connected to whom, and the end of a session on purpose.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::info;

use super::Admin;
use crate::mailbox::Mail;
use crate::record::millis;
use crate::session::SessionView;
use crate::session_id::SessionId;
use crate::shared::Shared;

/// The answer.
#[derive(Debug, Serialize)]
struct List {
    sessions: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    client: String,
    backend: Option<String>,
    stage: &'static str,
    age_ms: f64,
    bytes_up: u64,
    bytes_down: u64,
}

impl From<SessionView> for Entry {
    fn from(view: SessionView) -> Self {
        Self {
            id: view.id.to_string(),
            client: view.client.to_string(),
            backend: view.backend,
            stage: view.stage,
            age_ms: millis(view.age),
            bytes_up: view.traffic.up,
            bytes_down: view.traffic.down,
        }
    }
}

/// All open sessions, the oldest first.
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Response {
    let mut all = open_sessions(&admin.shared).await;
    all.sort_by_key(|view| std::cmp::Reverse(view.age));
    let sessions = all.into_iter().map(Entry::from).collect();
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (headers, Json(List { sessions })).into_response()
}

/// Asks every worker. One that is over has none.
pub(super) async fn open_sessions(shared: &Shared) -> Vec<SessionView> {
    let mut answers = Vec::new();
    for member in shared.crew.members() {
        let (ask, answer) = oneshot::channel();
        if member.mailbox.send(Mail::List(ask)).is_ok() {
            answers.push(answer);
        }
    }
    let mut all = Vec::new();
    for answer in answers {
        all.extend(answer.await.unwrap_or_default());
    }
    all
}

/// Ends one.
pub(super) async fn kill(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Response {
    let Ok(id) = name.parse::<SessionId>() else {
        return (StatusCode::NOT_FOUND, "no name of a session\n").into_response();
    };
    if kill_session(&admin.shared, id).await {
        info!(session = %id, "session ended on purpose");
        StatusCode::NO_CONTENT.into_response()
    } else {
        (StatusCode::NOT_FOUND, "no such session\n").into_response()
    }
}

/// Whether there was such a session to end.
pub(super) async fn kill_session(shared: &Shared, id: SessionId) -> bool {
    let (ask, answer) = oneshot::channel();
    let sent = shared
        .crew
        .member(id.worker.into())
        .is_some_and(|member| member.mailbox.send(Mail::Kill(id, ask)).is_ok());
    sent && answer.await.unwrap_or(false)
}
