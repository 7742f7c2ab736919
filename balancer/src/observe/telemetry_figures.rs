//! What the balancer reports to telemetry, once a second.

use netsocket_telemetry::{BackendRecord, BalancerFigures, Figures};

use crate::core::admission::Refusal;
use crate::core::backend::Backend;
use crate::core::session_record::millis;
use crate::data_path::shared::Shared;

/// Copies the counters.
pub(crate) fn figures(shared: &Shared) -> Figures {
    let live = shared.live.load();
    Figures {
        client_count: shared.counters.total(),
        active_clients: shared.counters.active(),
        session_limit: session_limit(shared),
        backends: shared
            .pool
            .shown()
            .iter()
            .map(|backend| backend_record(backend))
            .collect(),
        balancer: Some(BalancerFigures {
            bytes_up: shared.counters.bytes_up(),
            bytes_down: shared.counters.bytes_down(),
            retries: shared.counters.retries(),
            accept_errors: shared.counters.accept_errors(),
            refused: Refusal::ALL
                .iter()
                .map(|&refusal| live.admission.refused(refusal))
                .sum(),
            queued: shared.queue.len() as u64,
            queue_limit: shared.settings.load().config.queue.length as u64,
            backends_up: shared.pool.up_count() as u64,
        }),
        fileserver: None,
    }
}

/// Sessions that settings and descriptors allow.
pub(crate) fn session_limit(shared: &Shared) -> u64 {
    let set = shared.live.load().admission.limits().connections;
    set.map_or(shared.budget.sessions, |most| {
        shared.budget.sessions.min(most.get().into())
    })
}

fn backend_record(backend: &Backend) -> BackendRecord {
    let figures = backend.figures();
    BackendRecord {
        name: backend.name().to_owned(),
        address: backend.address().to_string(),
        state: backend.report().state.label().to_owned(),
        active: figures.active,
        total: figures.total,
        errors: figures.errors,
        bytes_up: figures.bytes_up,
        bytes_down: figures.bytes_down,
        connect_ms: millis(figures.connect),
    }
}
