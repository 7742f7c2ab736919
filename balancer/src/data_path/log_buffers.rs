//! The buffers of one worker for the access logs of the services that it has had sessions of.

use std::sync::{Arc, Weak};

use crate::data_path::service::Service;
use crate::observe::access_log::{AccessLog, WorkerBuffer};

/// A buffer for each log. A log ends with its services, not with this.
pub(crate) struct LogBuffers {
    /// The number of the worker.
    worker: usize,
    buffers: Vec<(Weak<AccessLog>, WorkerBuffer)>,
}

impl LogBuffers {
    pub(crate) fn new(worker: usize) -> Self {
        Self {
            worker,
            buffers: Vec::new(),
        }
    }

    /// The one for sessions of a service; `None` if they leave no line.
    pub(crate) fn of(&mut self, service: &Service) -> Option<&mut WorkerBuffer> {
        let rules = service.rules.load();
        let log = rules.access_log.as_ref()?;
        let place = self
            .buffers
            .iter()
            .position(|(known, _)| known.as_ptr() == Arc::as_ptr(log));
        let place = place.unwrap_or_else(|| {
            self.buffers.retain(|(known, _)| known.strong_count() > 0);
            self.buffers
                .push((Arc::downgrade(log), log.buffer(self.worker)));
            self.buffers.len() - 1
        });
        self.buffers.get_mut(place).map(|(_, buffer)| buffer)
    }
}
