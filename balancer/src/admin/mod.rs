//! Admin HTTP: liveness, readiness, metrics, the API and the status page.
//!
//! `docs/admin.md` describes each path; a test compares it with [`routes()`]. Requests that change something pass the
//! [`authorization`].
//!
//! Does not own what is changed: that is done by `core/pool`, `data_path/session_directory` and `control`.

mod alerts;
mod api;
mod audit;
mod authorization;
mod backends;
mod commands;
mod config;
mod credentials;
mod drain_view;
mod edits;
mod hidden;
mod identity;
mod page;
mod peer;
mod rates;
mod reader_secret;
mod readers;
mod relay;
mod routes;
mod service_view;
mod sessions;
mod snapshot_stream;
mod state;
mod status;
mod subscribers;
mod time;
mod transitions;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use netsocket_telemetry::Producer;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::peer::Peer;
use self::routes::{Routes, Verb};
use self::state::{Admin, fresh};
use crate::control::admin_listener::AdminAcceptor;
use crate::control::background::AdminAccess;
use crate::control::process_health::trouble;
use crate::observe::metrics::{self, SettingsState};

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The names of tasks.
const HTTP_TASK: &str = "admin";
const EVENTS_TASK: &str = "events";

/// For a worker to answer a probe: one that takes longer serves nobody well.
const WORKER_ANSWER: Duration = Duration::from_secs(1);

/// For the requests of those who are connected when a successor takes over.
const LAST_REQUESTS: Duration = Duration::from_millis(200);

/// Serves until `retire`, which closes `acceptor` too: then event streams end, and pending requests are answered. A panic
/// costs the connections that are just being accepted, or one snapshot.
pub(crate) async fn serve(acceptor: AdminAcceptor, access: AdminAccess, retire: CancellationToken) {
    let admin = Arc::new(Admin::new(access));
    let tasks = &admin.shared.tasks;
    let events = async {
        let _end = snapshot_stream::End(&admin);
        let tick = tasks.run(EVENTS_TASK, || snapshot_stream::tick(&admin));
        let _: Option<()> = retire.run_until_cancelled(tick).await;
    };
    let http = tasks.run(HTTP_TASK, || {
        http(acceptor.clone(), Arc::clone(&admin), retire.clone())
    });
    tokio::join!(events, http);
}

async fn http(acceptor: AdminAcceptor, admin: Arc<Admin>, retire: CancellationToken) {
    let router = routes().into_router(admin);
    let service = router.into_make_service_with_connect_info::<Peer>();
    let retired = async move {
        retire.cancelled().await;
        // Whoever has just come in has not asked yet, and would be turned away.
        sleep(LAST_REQUESTS).await;
    };
    let result = match acceptor {
        AdminAcceptor::Tcp(listener) => {
            let http = axum::serve(listener, service);
            http.with_graceful_shutdown(retired).await
        }
        AdminAcceptor::Unix(listener) => {
            let http = axum::serve(listener, service);
            http.with_graceful_shutdown(retired).await
        }
    };
    if let Err(error) = result {
        error!(%error, "admin HTTP stopped");
    }
}

fn routes() -> Routes {
    Routes::new()
        .read("/", status_page)
        .probe("/healthz", alive)
        .probe("/readyz", ready)
        .read("/metrics", prometheus)
        // A browser forgets its password where it gets a 401 to a token.
        .probe("/api/v1/whoami", authorization::whoami)
        .read("/api/v1/pools", pools)
        .read("/api/v1/backends/{name}", backends::one)
        .change(Verb::Post, "/api/v1/backends/{name}/drain", backends::drain)
        .change(Verb::Post, "/api/v1/backends/{name}/ready", backends::ready)
        .change(
            Verb::Post,
            "/api/v1/backends/{name}/maintenance",
            backends::maintenance,
        )
        .change(
            Verb::Put,
            "/api/v1/backends/{name}/weight",
            backends::weight,
        )
        .read("/api/v1/sessions", sessions::list)
        .change(Verb::Delete, "/api/v1/sessions", sessions::kill_all)
        .change(Verb::Delete, "/api/v1/sessions/{id}", sessions::kill)
        .read("/api/v1/transitions", transitions::all)
        .read("/api/v1/history", history)
        .read("/api/v1/events", snapshot_stream::stream)
        .read("/api/v1/config", config::read)
        .change(Verb::Post, "/api/v1/reload", config::reload)
        .change(
            Verb::Put,
            "/api/v1/pools/{pool}/backends/{name}",
            edits::set_backend,
        )
        .change(
            Verb::Delete,
            "/api/v1/pools/{pool}/backends/{name}",
            edits::remove_backend,
        )
        .change(Verb::Put, "/api/v1/pools/{pool}", edits::set_pool)
        .change(Verb::Delete, "/api/v1/pools/{pool}", edits::remove_pool)
        .change(Verb::Put, "/api/v1/services/{name}", edits::set_service)
        .change(
            Verb::Delete,
            "/api/v1/services/{name}",
            edits::remove_service,
        )
        .read("/api/v1/config/differences", edits::diff)
        .change(Verb::Post, "/api/v1/config/file", edits::save)
        .read("/api/v1/relay", relay::read)
        .change(Verb::Put, "/api/v1/relay", relay::change)
}

async fn alive(State(admin): State<Arc<Admin>>) -> Response {
    probed("ok", trouble(&admin.shared, WORKER_ANSWER).await)
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let mut reason = status::unready(&admin.shared);
    if reason.is_none() {
        reason = trouble(&admin.shared, WORKER_ANSWER).await;
    }
    probed(&status::readiness(&admin.shared), reason)
}

/// The answer to a probe: all is well, or why not.
fn probed(well: &str, reason: Option<String>) -> Response {
    let status = match reason {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{}\n", reason.as_deref().unwrap_or(well))).into_response()
}

async fn prometheus(State(admin): State<Arc<Admin>>) -> Response {
    let stats = admin.producer.as_ref().map(Producer::stats);
    let settings = admin.settings.load();
    let settings = SettingsState {
        generation: settings.generation,
        reload_succeeded: settings.is_success(),
    };
    let process = admin.shared.view();
    let changes = admin.changes.counts();
    let pieces = metrics::Pieces::of(&process, settings, &changes, stats.as_ref());
    let body = if pieces.are_few() {
        // With a length, for clients that know little of HTTP.
        Body::from(pieces.collect::<String>())
    } else {
        Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
    };
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], body).into_response()
}

async fn pools(State(admin): State<Arc<Admin>>) -> Response {
    fresh(admin.status())
}

async fn history(State(admin): State<Arc<Admin>>) -> Response {
    let (records, events) = (admin.history.records(), admin.history.events());
    let body = api::HistoryView {
        records: records.iter().map(AsRef::as_ref).collect(),
        events: events.iter().map(AsRef::as_ref).collect(),
    };
    fresh(body)
}

async fn status_page(State(admin): State<Arc<Admin>>) -> Response {
    let sessions = snapshot_stream::first_view(&admin).await;
    let records = admin.history.records();
    page::response(&page::View {
        status: &admin.status(),
        sessions: sessions.as_deref(),
        transitions: &transitions::recent(&admin.shared, snapshot_stream::RECENT),
        records: &records,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    const PAGE: &str = include_str!("../../../docs/admin.md");

    /// The rows of the page's table: method, path, who may.
    fn documented() -> BTreeSet<(String, String, bool)> {
        let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
        rows.filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let (method, path) = cells.get(1)?.trim_matches('`').split_once(' ')?;
            path.starts_with('/').then(|| {
                (
                    method.to_owned(),
                    path.to_owned(),
                    cells.get(2) == Some(&"guarded"),
                )
            })
        })
        .collect()
    }

    #[test]
    fn every_path_is_documented_as_it_is() {
        let routes = super::routes();
        let known = routes.table().iter().map(|route| {
            let path = route.path.replace("{name}", "NAME").replace("{id}", "ID");
            let path = path.replace("{pool}", "POOL");
            (route.method.to_owned(), path, route.changes)
        });
        assert_eq!(known.collect::<BTreeSet<_>>(), documented());
    }
}
