//! What the balancer reports to telemetry, once a second.

use std::sync::Arc;

use netsocket_telemetry::{BackendRecord, BalancerFigures, Figures, ServiceRecord};

use crate::core::backend::Backend;
use crate::observe::process_view::{ProcessView, ServiceView};
use crate::observe::units::in_millis;

/// Backends in one record: ten minutes of records are held in memory, and Kafka takes messages up to a megabyte.
const MOST_BACKENDS: usize = 256;
/// Services in one record.
const MOST_SERVICES: usize = 256;

/// Copies the counters.
pub(crate) fn figures(process: &ProcessView<'_>) -> Figures {
    Figures {
        client_count: process.counters.total(),
        active_clients: process.counters.active(),
        session_limit: process.session_limit,
        backends: shown(process).iter().map(|it| backend_record(it)).collect(),
        services: services(process),
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

/// The backends; with services, the busiest of so many as one record has room for.
fn shown(process: &ProcessView<'_>) -> Vec<Arc<Backend>> {
    let shown = process.pools.iter().flat_map(|pool| pool.shown());
    let mut shown: Vec<_> = shown.collect();
    if process.has_services() && shown.len() > MOST_BACKENDS {
        // Stable: those that are alike stay in the order of the settings, and the same from record to record.
        shown.sort_by_key(|backend| std::cmp::Reverse(backend.active()));
        shown.truncate(MOST_BACKENDS);
    }
    shown
}

/// The services, the default one included; the busiest of so many as one record has room for.
fn services(process: &ProcessView<'_>) -> Vec<ServiceRecord> {
    let record = |service: &ServiceView| ServiceRecord {
        name: service.name.to_string(),
        active: service.active,
        session_limit: service.limit.unwrap_or(process.session_limit),
        total: service.total(),
        bytes_up: service.bytes_up,
        bytes_down: service.bytes_down,
        refused: service.refused.iter().sum(),
        backends_up: service.backends_up as u64,
    };
    let mut records: Vec<_> = process.services.iter().map(record).collect();
    if records.len() > MOST_SERVICES {
        records.sort_by_key(|service| std::cmp::Reverse(service.active));
        records.truncate(MOST_SERVICES);
    }
    records
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
