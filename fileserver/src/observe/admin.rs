//! Admin HTTP: liveness, readiness and metrics.
//!
//! | path | what |
//! | --- | --- |
//! | `/healthz` | 200 while every task that serves clients can be kept up, else 503 with their names |
//! | `/readyz` | 200 while the server is ready, else 503 with the reason: stopping, the root was replaced, or a task keeps failing |
//! | `/metrics` | Prometheus text |
//!
//! It only reads. A server without an index is ready, because it walks the tree.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use netsocket_settings::reason;
use netsocket_telemetry::TASKS as TELEMETRY_TASKS;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::prometheus;
use crate::service::file_service::Service;

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The pause after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The listening socket; serving may begin anew on it.
#[derive(Debug, Clone)]
pub(crate) struct SharedListener(Arc<TcpListener>);

impl SharedListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self(Arc::new(listener))
    }
}

impl Listener for SharedListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(error = reason(&error), "cannot accept at the admin address");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Admin {
    service: Arc<Service>,
    began: Instant,
}

/// Serves until the task is dropped. The process has run since `began`.
pub(crate) async fn serve(listener: SharedListener, service: Arc<Service>, began: Instant) {
    let admin = Admin { service, began };
    let router = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "admin HTTP server stopped");
    }
}

async fn alive(State(admin): State<Arc<Admin>>) -> Response {
    // A restart would cost clients their sessions, for a record that nobody has missed.
    probed("ok", admin.service.tasks.trouble(&TELEMETRY_TASKS))
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let service = &admin.service;
    let reason = if service.stop.is_cancelled() {
        Some("stopping".to_owned())
    } else if service.index.gauges().root_replaced.load(Ordering::Relaxed) {
        Some("the path of the root is gone or leads to another directory".to_owned())
    } else {
        service.tasks.trouble(&[])
    };
    probed("ready", reason)
}

/// The answer to a probe: all is well, or why not.
fn probed(well: &str, reason: Option<String>) -> Response {
    let status = match reason {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{}\n", reason.as_deref().unwrap_or(well))).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let text = prometheus::render(&admin.service, admin.began.elapsed().as_secs_f64());
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response()
}
