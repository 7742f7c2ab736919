//! A record or an event as it waits to be sent: shared with the other sinks, written as JSON only when it goes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize as _;

use super::queue::Weighed;
use crate::messages::{Event, Record};

/// What the topic carries.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Record(Arc<Record>),
    Event(Arc<Event>),
}

impl Entry {
    /// The time that Kafka keeps with it.
    pub(super) fn ts(&self) -> DateTime<Utc> {
        match self {
            Self::Record(record) => record.ts,
            Self::Event(event) => event.ts,
        }
    }

    /// Its JSON. Cannot fail for these types; were they to change, an error here is a record that is refused.
    pub(super) fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = Vec::with_capacity(1024);
        let mut writer = serde_json::Serializer::new(&mut json);
        match self {
            Self::Record(record) => record.serialize(&mut writer)?,
            Self::Event(event) => event.serialize(&mut writer)?,
        }
        Ok(json)
    }
}

impl Weighed for Entry {
    fn weight(&self) -> usize {
        match self {
            Self::Record(record) => record.weight(),
            Self::Event(event) => event.weight(),
        }
    }
}
