//! The embedded sink: the records and events of the last minutes, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use crate::messages::{Event, Record};

/// The events kept, whatever the span: a backend that flaps must not push memory up.
const EVENTS: usize = 200;

/// The records of a span of time up to the newest one. Shared by reference; a push and a read hold its lock for moments
/// only.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use netsocket_telemetry::{Figures, History, HostSample, Identity, Record, Role};
///
/// let identity = Identity::new(Role::Balancer, "lb");
/// let history = History::new(Duration::from_secs(10));
/// for second in 0..60 {
///     let ts = chrono::DateTime::from_timestamp(1_785_844_800 + second, 0).expect("a time");
///     let record = Record::new(&identity, ts, HostSample::default(), Figures::default());
///     history.push(Arc::new(record));
/// }
/// let records = history.records();
/// assert_eq!(records.len(), 10);
/// assert_eq!(records[0].ts.timestamp(), 1_785_844_850);
/// ```
#[derive(Debug)]
pub struct History {
    span: TimeDelta,
    capacity: usize,
    records: Mutex<VecDeque<Arc<Record>>>,
    events: Mutex<VecDeque<Arc<Event>>>,
}

impl History {
    /// Keeps what is younger than `span` before the newest record, and never more than one record a second of it, so
    /// that a clock which is set back cannot make it grow.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        let capacity = usize::try_from(span.as_secs().max(1)).unwrap_or(usize::MAX);
        let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
        Self {
            span,
            capacity,
            records: Mutex::default(),
            events: Mutex::default(),
        }
    }

    /// Adds the newest record and forgets those that it makes too old.
    pub fn push(&self, record: Arc<Record>) {
        let newest = record.ts;
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push_back(record);
        while records.len() > self.capacity
            || records
                .front()
                .is_some_and(|oldest| newest.signed_duration_since(oldest.ts) >= self.span)
        {
            records.pop_front();
        }
    }

    /// The newest record.
    pub fn latest(&self) -> Option<Arc<Record>> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .back()
            .cloned()
    }

    /// Adds the newest event; the last 200 are kept.
    pub fn push_event(&self, event: Arc<Event>) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == EVENTS {
            events.pop_front();
        }
        events.push_back(event);
    }

    /// The events kept, oldest first.
    pub fn events(&self) -> Vec<Arc<Event>> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().cloned().collect()
    }

    /// The records kept, oldest first.
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::messages::{EventKind, Figures, Identity, Role};
    use crate::sampler::HostSample;

    fn at(second: i64) -> Arc<Record> {
        let identity = Identity {
            host: "box".into(),
            role: Role::Balancer,
            instance: "lb".into(),
        };
        let ts = DateTime::from_timestamp(second, 0).unwrap();
        Arc::new(Record::new(
            &identity,
            ts,
            HostSample::default(),
            Figures::default(),
        ))
    }

    fn seconds(history: &History) -> Vec<i64> {
        history
            .records()
            .iter()
            .map(|record| record.ts.timestamp())
            .collect()
    }

    #[test]
    fn it_keeps_the_span_up_to_the_newest() {
        let history = History::new(Duration::from_secs(3));
        for second in [10, 11, 12, 13] {
            history.push(at(second));
        }
        assert_eq!(seconds(&history), [11, 12, 13]);
        history.push(at(15));
        assert_eq!(
            seconds(&history),
            [13, 15],
            "a gap makes what is before it old, too"
        );
        history.push(at(100));
        assert_eq!(history.latest(), Some(at(100)));
        assert_eq!(seconds(&history), [100]);
    }

    #[test]
    fn a_clock_that_is_set_back_cannot_make_it_grow() {
        let history = History::new(Duration::from_secs(3));
        for second in (0..50).rev() {
            history.push(at(second));
        }
        assert_eq!(seconds(&history), [2, 1, 0]);
    }

    #[test]
    fn of_many_events_the_last_are_kept() {
        let history = History::new(Duration::from_secs(3));
        let identity = Identity::new(Role::Balancer, "lb");
        for number in 0..=EVENTS {
            let ts = DateTime::UNIX_EPOCH;
            let event = Event::new(&identity, ts, EventKind::Reload, number.to_string());
            history.push_event(Arc::new(event));
        }
        let events = history.events();
        assert_eq!((events.len(), events[0].text.as_str()), (EVENTS, "1"));
    }

    #[test]
    fn a_span_of_nothing_and_one_of_ages_work() {
        let (nothing, ages) = (History::new(Duration::ZERO), History::new(Duration::MAX));
        for second in [1, 2] {
            nothing.push(at(second));
            ages.push(at(second));
        }
        assert_eq!(seconds(&nothing), [0_i64; 0]);
        assert_eq!(seconds(&ages), [1, 2]);
    }
}
