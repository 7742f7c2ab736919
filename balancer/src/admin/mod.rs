//! Admin HTTP: liveness, readiness, metrics, the API and the status page.
//!
//! | path | what |
//! | --- | --- |
//! | `/healthz` | 200 while the process answers |
//! | `/readyz` | 200 when at least one backend is up and nothing is draining, else 503 with the reason |
//! | `/metrics` | Prometheus text |
//! | `/api/v1/pools` | JSON: the process, its pools and their backends |
//! | `/api/v1/transitions` | JSON: the latest changes of backends' states, with their reasons |
//! | `/api/v1/history` | JSON: the telemetry records of the last ten minutes |
//! | `/api/v1/sessions` | JSON: the open sessions; `DELETE /api/v1/sessions/ID` ends one |
//! | `/api/v1/relay` | JSON: the mode of the relay; `PUT` changes it |
//! | `/` | status page |
//!
//! What changes something is behind the [`guard`].

mod api;
mod guard;
mod page;
mod relay;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use netsocket_telemetry::{History, Producer};
use tokio::net::TcpListener;
use tracing::error;

use crate::metrics;
use crate::shared::Shared;

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The status page loads nothing from anywhere and talks to this server only.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

/// What the admin HTTP can see.
pub(crate) struct Admin {
    shared: Arc<Shared>,
    history: Arc<History>,
    producer: Option<Producer>,
    /// What clients on other machines must know to change something.
    token: Option<String>,
}

impl Admin {
    pub(crate) fn new(
        shared: Arc<Shared>,
        history: Arc<History>,
        producer: Option<Producer>,
        token: Option<String>,
    ) -> Self {
        Self {
            shared,
            history,
            producer,
            token,
        }
    }

    fn status(&self) -> api::Status {
        let stats = self.producer.as_ref().map(Producer::stats);
        api::Status::new(&self.shared, stats)
    }
}

/// Serves for ever.
pub(crate) async fn serve(listener: TcpListener, admin: Admin) {
    let service = router(admin).into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        error!(%error, "admin HTTP ended");
    }
}

fn router(admin: Admin) -> Router {
    let admin = Arc::new(admin);
    let guarded = from_fn_with_state(Arc::clone(&admin), guard::guard);
    let changes = Router::new()
        .route("/api/v1/relay", put(relay::change))
        .route("/api/v1/sessions/{id}", delete(sessions::kill))
        .route_layer(guarded);
    Router::new()
        .route("/", get(status_page))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(prometheus))
        .route("/api/v1/pools", get(pools))
        .route("/api/v1/transitions", get(transitions))
        .route("/api/v1/history", get(history))
        .route("/api/v1/relay", get(relay::read))
        .route("/api/v1/sessions", get(sessions::list))
        .merge(changes)
        .with_state(admin)
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match api::unready(&admin.shared) {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn prometheus(State(admin): State<Arc<Admin>>) -> Response {
    let stats = admin.producer.as_ref().map(Producer::stats);
    let text = metrics::render(&admin.shared, stats.as_ref());
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response()
}

async fn pools(State(admin): State<Arc<Admin>>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(admin.status())).into_response()
}

async fn transitions(State(admin): State<Arc<Admin>>) -> Response {
    let latest = admin.shared.pool.transitions();
    let body = api::TransitionsView {
        transitions: latest.into_iter().map(api::TransitionView::from).collect(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn history(State(admin): State<Arc<Admin>>) -> Response {
    let records = admin.history.records();
    let body = api::HistoryView {
        records: records.iter().map(AsRef::as_ref).collect(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn status_page(State(admin): State<Arc<Admin>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, page::render(&admin.status())).into_response()
}
