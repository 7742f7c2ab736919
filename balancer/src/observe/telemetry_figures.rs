//! What the balancer reports to telemetry, once a second.

use netsocket_telemetry::{BackendRecord, BalancerFigures, Figures};

use crate::core::backend::Backend;
use crate::observe::process_view::ProcessView;
use crate::observe::units::in_millis;

/// Copies the counters.
pub(crate) fn figures(process: &ProcessView<'_>) -> Figures {
    Figures {
        client_count: process.counters.total(),
        active_clients: process.counters.active(),
        session_limit: process.session_limit,
        backends: process
            .pools
            .iter()
            .flat_map(|pool| pool.shown())
            .map(|backend| backend_record(&backend))
            .collect(),
        balancer: Some(BalancerFigures {
            bytes_up: process.counters.bytes_up(),
            bytes_down: process.counters.bytes_down(),
            retries: process.counters.retries(),
            accept_errors: process.counters.accept_errors(),
            refused: process.refused.iter().sum(),
            queued: process.queued as u64,
            queue_limit: process.queue_limit as u64,
            backends_up: process
                .pools
                .iter()
                .map(|pool| pool.up_count() as u64)
                .sum(),
        }),
        fileserver: None,
    }
}

fn backend_record(backend: &Backend) -> BackendRecord {
    let figures = backend.figures();
    BackendRecord {
        name: backend.full_name(),
        address: backend.address().to_string(),
        state: backend.report().state.label().to_owned(),
        active: figures.active,
        total: figures.total,
        errors: figures.errors,
        bytes_up: figures.bytes_up,
        bytes_down: figures.bytes_down,
        connect_ms: in_millis(figures.connect),
    }
}
