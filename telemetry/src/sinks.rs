//! The destinations of records and events. All parts of a process share one set of sinks by cloning it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::history::History;
use crate::messages::{Event, EventKind, Identity, Record};
use crate::producer::Producer;

/// The sinks of a process: all, some or none.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// The embedded history.
    pub history: Option<Arc<History>>,
    /// Kafka.
    pub producer: Option<Producer>,
}

impl Sinks {
    /// Passes a record to every sink; never blocks.
    pub fn record(&self, record: Arc<Record>) {
        if let Some(producer) = &self.producer {
            producer.record(&record);
        }
        if let Some(history) = &self.history {
            history.push(record);
        }
    }

    /// Passes an event to every sink; never blocks.
    pub fn event(&self, event: Event) {
        let event = Arc::new(event);
        if let Some(producer) = &self.producer {
            producer.event(&event);
        }
        if let Some(history) = &self.history {
            history.push_event(event);
        }
    }
}

/// A handle with which any part of a process reports events.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use netsocket_telemetry::{EventKind, Events, History, Identity, Role, Sinks};
///
/// let history = Arc::new(History::new(Duration::from_secs(300)));
/// let sinks = Sinks { history: Some(Arc::clone(&history)), producer: None };
/// let events = Events::new(Identity::new(Role::Balancer, "lb"), sinks);
/// events.emit_about(chrono::Utc::now(), EventKind::BackendUp, "mirror1", "2 checks passed");
///
/// let told = &history.events()[0];
/// assert_eq!(told.backend.as_deref(), Some("mirror1"));
/// assert_eq!(told.text, "2 checks passed");
/// ```
#[derive(Debug, Clone)]
pub struct Events {
    identity: Arc<Identity>,
    sinks: Sinks,
}

impl Events {
    /// Events of this process, to these sinks.
    #[must_use]
    pub fn new(identity: Identity, sinks: Sinks) -> Self {
        Self {
            identity: Arc::new(identity),
            sinks,
        }
    }

    /// Reports an event about the process as a whole.
    pub fn emit(&self, ts: DateTime<Utc>, kind: EventKind, text: impl Into<String>) {
        self.sinks.event(Event::new(&self.identity, ts, kind, text));
    }

    /// Reports an event about one backend.
    pub fn emit_about(
        &self,
        ts: DateTime<Utc>,
        kind: EventKind,
        backend: impl Into<String>,
        text: impl Into<String>,
    ) {
        let event = Event::new(&self.identity, ts, kind, text);
        self.sinks.event(event.about(backend));
    }
}
