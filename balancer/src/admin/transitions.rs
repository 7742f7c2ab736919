//! `/api/v1/transitions`: the latest changes of backends: states, weights, who has come.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::state::{Admin, fresh};
use super::time::rfc3339;
use crate::core::pool::{Change, DEFAULT_POOL, PastChange};
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
    /// A state, or `weight 1`, or `absent`.
    pub(super) from: Cow<'static, str>,
    /// A state, or `weight 0`, or `added`, or `ready` where the first check decides about the state.
    pub(super) to: Cow<'static, str>,
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

impl From<PastChange> for TransitionView {
    fn from(past: PastChange) -> Self {
        let (from, to, reason) = told(&past.change);
        Self {
            pool: past.pool,
            backend: past.backend,
            address: past.address.to_string(),
            at: rfc3339(past.at),
            from,
            to,
            reason,
        }
    }
}

/// From what, to what, and why.
fn told(change: &Change) -> (Cow<'static, str>, Cow<'static, str>, String) {
    match change {
        Change::State(it) => (
            it.from.label().into(),
            it.to.label().into(),
            it.reason.to_string(),
        ),
        Change::Weight { from, to, who } => {
            let weight = |weight: &u32| Cow::from(format!("weight {weight}"));
            (weight(from), weight(to), format!("set {who}"))
        }
        Change::Ready { from, who } => (from.label().into(), "ready".into(), format!("set {who}")),
        Change::Added { is_resolved, who } => {
            let why = match who {
                Some(who) => format!("added {who}"),
                None if *is_resolved => "new in DNS".to_owned(),
                None => "new in the settings".to_owned(),
            };
            ("absent".into(), "added".into(), why)
        }
    }
}

/// The latest of all pools, oldest first, at most so many of each.
fn latest(shared: &Shared, of_each: usize) -> Vec<PastChange> {
    let pools = shared.pools().into_iter();
    let mut latest: Vec<_> = pools
        .flat_map(|pool| pool.latest_changes(of_each))
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
