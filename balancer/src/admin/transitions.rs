//! `/api/v1/transitions`: the latest state changes of backends.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::state::{Admin, fresh};
use super::time::rfc3339;
use crate::core::pool::{DEFAULT_POOL, PastTransition};
use crate::data_path::shared::Shared;

/// `/api/v1/transitions`, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct TransitionsView {
    pub(super) transitions: Vec<TransitionView>,
}

#[derive(Debug, Serialize)]
pub(super) struct TransitionView {
    pub(super) pool: String,
    pub(super) backend: String,
    pub(super) address: String,
    pub(super) at: String,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) reason: String,
}

impl TransitionView {
    /// The pool before the name of the backend, where that is not the default one.
    pub(super) fn shown_pool(&self) -> String {
        match self.pool.as_str() {
            DEFAULT_POOL => String::new(),
            pool => format!("{pool}/"),
        }
    }
}

impl From<PastTransition> for TransitionView {
    fn from(past: PastTransition) -> Self {
        Self {
            pool: past.pool,
            backend: past.backend,
            address: past.address.to_string(),
            at: rfc3339(past.at),
            from: past.transition.from.label(),
            to: past.transition.to.label(),
            reason: past.transition.reason.to_string(),
        }
    }
}

/// The latest of all pools, oldest first, at most so many of each.
fn latest(shared: &Shared, of_each: usize) -> Vec<PastTransition> {
    let pools = shared.pools().into_iter();
    let mut latest: Vec<_> = pools
        .flat_map(|pool| pool.latest_transitions(of_each))
        .collect();
    latest.sort_by_key(|past| past.at);
    latest
}

/// All that are known.
pub(super) async fn all(State(admin): State<Arc<Admin>>) -> Response {
    let all = latest(&admin.shared, usize::MAX).into_iter();
    fresh(TransitionsView {
        transitions: all.map(TransitionView::from).collect(),
    })
}

/// So many of the latest, the latest first.
pub(super) fn recent(shared: &Shared, count: usize) -> Vec<TransitionView> {
    let all = latest(shared, count).into_iter().rev().take(count);
    all.map(TransitionView::from).collect()
}
