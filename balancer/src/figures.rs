//! What the balancer reports to telemetry, once a second.

use netsocket_telemetry::{BackendRecord, BalancerFigures, Figures};

use crate::backend::Backend;
use crate::record::millis;
use crate::shared::Shared;

/// Copies the counters.
pub(crate) fn figures(shared: &Shared) -> Figures {
    Figures {
        client_count: shared.counters.total(),
        active_clients: shared.counters.active(),
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
        }),
        fileserver: None,
    }
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
