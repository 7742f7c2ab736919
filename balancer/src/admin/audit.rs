//! Requested changes: each is logged with its peer, and counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{Method, StatusCode};
use tracing::{info, warn};

use super::peer::Peer;
use crate::observe::metrics::ChangeKey;

/// What became of the changes so far.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<BTreeMap<ChangeKey, u64>>);

impl Changes {
    /// Notes one that was let through, by the status of its answer. `route` is the path with its names left open.
    pub(super) fn answered(
        &self,
        peer: Peer,
        method: &Method,
        (route, path): (&str, &str),
        status: StatusCode,
    ) {
        let result = if status.is_success() { "done" } else { "wrong" };
        info!(%peer, %method, path, result, status = status.as_u16(), "change");
        self.count(method, route, result);
    }

    /// Notes one that was not let through.
    pub(super) fn denied(
        &self,
        peer: Peer,
        method: &Method,
        (route, path): (&str, &str),
        why: impl std::fmt::Display,
    ) {
        warn!(%peer, %method, path, denied = %why, "change refused");
        self.count(method, route, "denied");
    }

    fn count(&self, method: &Method, route: &str, result: &'static str) {
        let key = ChangeKey {
            method: method.to_string(),
            path: route.to_owned(),
            result,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(key).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<ChangeKey, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
