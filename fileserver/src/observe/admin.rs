//! Admin HTTP: liveness, readiness and metrics.
//!
//! | path | what |
//! | --- | --- |
//! | `/healthz` | 200 while the process answers |
//! | `/readyz` | 200 while the server is ready, else 503 with the reason: stopping, or the root was replaced |
//! | `/metrics` | Prometheus text |
//!
//! It only reads. A server without an index is ready, because it walks the tree.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::prometheus;
use crate::service::file_service::Service;

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the handlers share.
#[derive(Debug)]
struct Admin {
    service: Arc<Service>,
    began: Instant,
}

/// Serves until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>) {
    let admin = Admin {
        service,
        began: Instant::now(),
    };
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "admin HTTP server stopped");
    }
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let service = &admin.service;
    let reason = if service.stop.is_cancelled() {
        "stopping\n"
    } else if service.index.gauges().root_replaced.load(Ordering::Relaxed) {
        "the path of the root is gone or leads to another directory\n"
    } else {
        return "ready\n".into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let text = prometheus::render(&admin.service, admin.began.elapsed().as_secs_f64());
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response()
}
