//! From the record of a session to its line.

use super::line::{Failure, Line, OpenConnections};
use super::worker_buffer::WorkerBuffer;
use crate::core::pool::DEFAULT_POOL;
use crate::core::session_record::SessionRecord;

/// The service of a session, as lines show it.
pub(crate) struct Frontend<'a> {
    pub(crate) name: &'a str,
    /// Its open sessions, the one that ends included.
    pub(crate) open: u64,
    /// Those of all services.
    pub(crate) open_all: u64,
}

/// Writes the line of a session into `buffer`.
pub(crate) fn write_session(
    buffer: &mut WorkerBuffer,
    record: &SessionRecord,
    frontend: &Frontend<'_>,
) {
    let failures: Vec<Failure<'_>> = record
        .failures
        .iter()
        .map(|(backend, failure)| Failure {
            backend: backend.name(),
            reason: failure.label(),
        })
        .collect();
    let tried = record.failures.last().map(|(backend, _)| backend);
    let backend = record.backend.as_ref().or(tried);
    let open = narrow(frontend.open);
    buffer.record(&Line {
        client: record.client,
        accepted: record.started,
        frontend: frontend.name,
        pool: record.pool.as_deref().unwrap_or(DEFAULT_POOL),
        backend: backend.map(|backend| (backend.name(), backend.address())),
        queue: record.queue,
        connect: record.connect,
        total: record.total,
        bytes_up: record.traffic.up,
        bytes_down: record.traffic.down,
        termination: record.termination,
        retries: u32::try_from(record.retries()).unwrap_or(u32::MAX),
        failures: &failures,
        open: OpenConnections {
            process: narrow(frontend.open_all),
            frontend: open,
            pool: open.saturating_sub(1),
            backend: backend.map_or(0, |backend| narrow(backend.figures().active)),
        },
        queued_behind: record.queued_behind,
        waited: record.waited,
    });
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
