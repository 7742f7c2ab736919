//! `/api/v1/events`: a snapshot a second as server-sent events, for the status page and `ctl top`.
//!
//! Without subscribers no snapshot is made. A subscriber that does not read events fast enough is disconnected.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::poll_fn;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use super::rates::CounterSample;
use super::sessions::Entry;
use super::state::Admin;
use super::status::Status;
use super::subscribers::MAX_SUBSCRIBERS;
use super::transitions::{self, TransitionView};
use crate::core::session_id::SessionId;
use crate::data_path::session_directory;

/// Between two events.
const PERIOD: Duration = Duration::from_secs(1);
/// Sessions in an event: so many of the oldest, and so many of the busiest.
pub(super) const TOP: usize = 50;
/// State changes in an event.
pub(super) const RECENT: usize = 10;
/// Where more sessions are open than this, asking every worker for all of them once a second would be felt.
const MAX_LOOKED_AT: u64 = 20_000;

/// One second.
#[derive(Debug, Serialize)]
struct Snapshot {
    #[serde(flatten)]
    status: Status,
    /// The oldest and the busiest sessions, the oldest first; `null` where there are too many to look at.
    top_sessions: Option<Vec<Entry>>,
    /// The latest state changes, the latest first.
    transitions: Vec<TransitionView>,
}

/// Ends all streams and drains when it is dropped: connections that are still open keep the rest alive.
pub(super) struct End<'a>(pub(super) &'a Admin);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.subscribers.lock().take();
        self.0.drains.undo_all();
    }
}

/// Once a second, for ever: remembers the counters and tells those who listen.
pub(super) async fn tick(admin: &Admin) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Traffics::default();
    loop {
        ticks.tick().await;
        admin
            .recent()
            .push(Instant::now(), CounterSample::of(&admin.shared));
        if admin.subscribers.is_empty() {
            before = Traffics::default();
            continue;
        }
        let snapshot = Snapshot {
            top_sessions: top(admin, &mut before).await,
            transitions: transitions::recent(&admin.shared, RECENT),
            status: admin.status(),
        };
        match serde_json::to_string(&snapshot) {
            Ok(json) => admin
                .subscribers
                .tell(&format!("event: snapshot\ndata: {json}\n\n").into()),
            Err(error) => warn!(%error, "cannot serialize a snapshot"),
        }
    }
}

/// The bytes of each session when they were looked at the last time.
#[derive(Debug, Default)]
struct Traffics {
    at: Option<Instant>,
    bytes: HashMap<SessionId, u64>,
}

/// The oldest and the busiest sessions.
async fn top(admin: &Admin, before: &mut Traffics) -> Option<Vec<Entry>> {
    if admin.shared.counters.active() > MAX_LOOKED_AT {
        *before = Traffics::default();
        return None;
    }
    let views = session_directory::list(&admin.shared, None).await;
    let now = Instant::now();
    let seconds = before.at.map(|at| (now - at).as_secs_f64());
    let mut bytes = HashMap::with_capacity(views.len());
    let mut entries = Vec::with_capacity(views.len());
    for view in views {
        let (id, sum) = (view.id, view.traffic.sum());
        let moved = sum.saturating_sub(before.bytes.get(&id).copied().unwrap_or(0));
        bytes.insert(id, sum);
        let rate = seconds.map(|seconds| moved as f64 / seconds.max(0.001));
        entries.push(Entry::new(view, rate));
    }
    *before = Traffics {
        at: Some(now),
        bytes,
    };
    Some(the_top(entries))
}

/// What the page shows before the first event: the oldest and the busiest, as far as that is known at once.
pub(super) async fn first_view(admin: &Admin) -> Option<Vec<Entry>> {
    top(admin, &mut Traffics::default()).await
}

/// [`TOP`] of the oldest and as many of the busiest, each once, the oldest first.
fn the_top(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| b.age_ms.total_cmp(&a.age_ms));
    let mut younger = entries.split_off(entries.len().min(TOP));
    let busy = |entry: &Entry| entry.rate.unwrap_or(0.0);
    // Some of the busiest may be among the oldest already, so that these are enough.
    younger.sort_by(|a, b| busy(b).total_cmp(&busy(a)));
    younger.truncate(TOP);
    younger.sort_by(|a, b| b.age_ms.total_cmp(&a.age_ms));
    entries.append(&mut younger);
    entries
}

pub(super) async fn stream(State(admin): State<Arc<Admin>>) -> Response {
    let Some(mut receiver) = admin.subscribers.join() else {
        let said = format!("all {MAX_SUBSCRIBERS} event streams are in use: close one\n");
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    };
    let events = poll_fn(move |context| {
        let event = receiver.poll_recv(context);
        event.map(|event| event.map(Ok::<Bytes, std::convert::Infallible>))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(events)).into_response()
}
