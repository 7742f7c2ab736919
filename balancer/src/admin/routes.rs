//! The paths of the admin HTTP: routed and listed by the same words, so that the documentation can be compared with them.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, get, on};

use super::authorization;
use super::readers;
use super::state::Admin;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Whether it is behind the guard.
    pub(super) changes: bool,
}

/// All of them, as they are added.
pub(super) struct Routes {
    probes: Router<Arc<Admin>>,
    reads: Router<Arc<Admin>>,
    changes: Router<Arc<Admin>>,
    table: Vec<Route>,
}

/// How a change is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Post,
    Put,
    Delete,
}

impl Verb {
    fn parts(self) -> (MethodFilter, &'static str) {
        match self {
            Self::Post => (MethodFilter::POST, "POST"),
            Self::Put => (MethodFilter::PUT, "PUT"),
            Self::Delete => (MethodFilter::DELETE, "DELETE"),
        }
    }
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            probes: Router::new(),
            reads: Router::new(),
            changes: Router::new(),
            table: Vec::new(),
        }
    }

    /// A probe, or what a client learns about itself: for everybody, also where reading takes a secret.
    pub(super) fn probe<H, T>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Admin>>,
        T: 'static,
    {
        self.probes = self.probes.route(path, get(handler));
        self.table.push(Route {
            method: "GET",
            path,
            changes: false,
        });
        self
    }

    /// Something to read, for everybody who may read.
    pub(super) fn read<H, T>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Admin>>,
        T: 'static,
    {
        self.reads = self.reads.route(path, get(handler));
        self.table.push(Route {
            method: "GET",
            path,
            changes: false,
        });
        self
    }

    /// Something that changes something, behind the guard.
    pub(super) fn change<H, T>(mut self, verb: Verb, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Admin>>,
        T: 'static,
    {
        let (filter, method) = verb.parts();
        self.changes = self.changes.route(path, on(filter, handler));
        self.table.push(Route {
            method,
            path,
            changes: true,
        });
        self
    }

    /// What was added.
    #[cfg(test)]
    pub(super) fn table(&self) -> &[Route] {
        &self.table
    }

    /// What serves them. Requests must know their peer's address.
    pub(super) fn into_router(self, admin: Arc<Admin>) -> Router {
        let guarded = from_fn_with_state(Arc::clone(&admin), authorization::guard);
        let changes = self.changes.route_layer(guarded);
        let readers = from_fn_with_state(Arc::clone(&admin), readers::guard);
        let reads = self.reads.route_layer(readers);
        let all = self.probes.merge(reads).merge(changes);
        all.fallback(no_path)
            .method_not_allowed_fallback(no_method)
            .with_state(admin)
    }
}

async fn no_path(method: Method, uri: Uri) -> (StatusCode, String) {
    let said = format!(
        "no such path: {method} {}; the status page is at /, metrics at /metrics, and docs/admin.md has the rest\n",
        uri.path()
    );
    (StatusCode::NOT_FOUND, said)
}

async fn no_method(method: Method, uri: Uri) -> (StatusCode, String) {
    let said = format!(
        "{} takes no {method}; docs/admin.md says what it takes\n",
        uri.path()
    );
    (StatusCode::METHOD_NOT_ALLOWED, said)
}
