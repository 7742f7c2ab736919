//! One record per second to every sink, and an event when the process starts and when it stops.

mod wall_clock;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use netsocket_settings::{Supervisor, dropped_lines};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::messages::{Event, EventKind, Figures, Identity, Record, Tick};
use crate::producer::{Producer, ProducerStats};
use crate::sampler::{MIN_SAMPLE_INTERVAL, Sampler};
use crate::sinks::Sinks;
use wall_clock::{WallClock, next_second, second_of_tick};

/// The name of the task, for [`Supervisor::panics`].
pub(crate) const TASK: &str = "heartbeat";

/// Samples on every whole second of the wall clock until `shutdown`, and passes each record to every sink. Seconds that
/// pass while the process is stalled are skipped; the next record says how many, and how late it is itself.
/// Works with tokio's paused clock: the records' times follow it.
///
/// `figures` is called once a second; it should only copy counters. If it panics, `supervisor` starts the ticks again.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use netsocket_telemetry::{Figures, History, Identity, Role, Sinks, Supervisor, heartbeat};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let history = Arc::new(History::new(Duration::from_secs(300)));
/// let sinks = Sinks { history: Some(Arc::clone(&history)), producer: None };
/// let shutdown = CancellationToken::new();
/// // However short-lived, a process reports its start and its stop.
/// shutdown.cancel();
/// let (identity, supervisor) = (Identity::new(Role::Balancer, "lb"), Supervisor::default());
/// heartbeat(identity, Figures::default, sinks, supervisor, shutdown).await;
/// assert_eq!(history.events().len(), 2);
/// # }
/// ```
pub async fn heartbeat(
    identity: Identity,
    figures: impl FnMut() -> Figures + Send,
    sinks: Sinks,
    supervisor: Supervisor,
    shutdown: CancellationToken,
) {
    let _final_event = sinks.producer.as_ref().map(Producer::expect_final_event);
    let heartbeat = Heartbeat {
        identity,
        figures: Mutex::new(figures),
        sinks,
        clock: WallClock::new(),
        last: Mutex::default(),
    };
    heartbeat.event(EventKind::Start, "the process has started");
    let ticks = supervisor.run(TASK, || heartbeat.ticks());
    // The ticks never end on their own.
    let _: Option<()> = shutdown.run_until_cancelled(ticks).await;
    heartbeat.event(EventKind::Stop, "the process is stopping as requested");
}

/// What stays when the ticks start again.
struct Heartbeat<F> {
    identity: Identity,
    figures: Mutex<F>,
    sinks: Sinks,
    clock: WallClock,
    /// The second of the last record.
    last: Mutex<Option<DateTime<Utc>>>,
}

impl<F: FnMut() -> Figures + Send> Heartbeat<F> {
    fn event(&self, kind: EventKind, text: &str) {
        let event = Event::new(&self.identity, self.clock.now(), kind, text);
        self.sinks.event(event);
    }

    async fn ticks(&self) {
        let mut sampler = Sampler::new();
        // A CPU percentage over less time than this is meaningless.
        sleep(MIN_SAMPLE_INTERVAL).await;
        loop {
            let now = self.clock.now();
            let last = *locked(&self.last);
            let due = next_second(now, last);
            sleep((due - now).to_std().unwrap_or_default()).await;
            let now = self.clock.now();
            let ts = second_of_tick(due, now);
            let tick = punctuality(last, ts, now);
            let figures = (locked(&self.figures))();
            let record = Record::new(&self.identity, ts, sampler.sample(), figures);
            let stats = self.sinks.producer.as_ref().map(Producer::stats);
            let delivered = stats.as_ref().map(ProducerStats::delivered);
            let record = record
                .with_telemetry(tick, delivered)
                .with_log_lines_dropped(dropped_lines());
            self.sinks.record(Arc::new(record));
            *locked(&self.last) = Some(ts);
        }
    }
}

/// A panic while it was held has left nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How punctual the record of `ts`, made at `now`, is. A clock that was set back misses no ticks.
fn punctuality(last: Option<DateTime<Utc>>, ts: DateTime<Utc>, now: DateTime<Utc>) -> Tick {
    let missed = last.map_or(0, |last| (ts - last).num_seconds() - 1);
    Tick {
        late_ms: u64::try_from((now - ts).num_milliseconds()).unwrap_or_default(),
        missed_ticks: u64::try_from(missed).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::History;
    use crate::messages::Role;

    fn sinks() -> (Arc<History>, Sinks) {
        let history = Arc::new(History::new(Duration::from_secs(60)));
        let sinks = Sinks {
            history: Some(Arc::clone(&history)),
            producer: None,
        };
        (history, sinks)
    }

    #[tokio::test(start_paused = true)]
    async fn ten_seconds_are_ten_records_on_whole_seconds() {
        let (history, sinks) = sinks();
        let shutdown = CancellationToken::new();
        let mut calls = 0;
        let figures = move || {
            calls += 1;
            Figures {
                client_count: calls,
                ..Figures::default()
            }
        };
        let beat = tokio::spawn(heartbeat(
            Identity::new(Role::Balancer, "lb"),
            figures,
            sinks,
            Supervisor::default(),
            shutdown.clone(),
        ));
        while history.records().len() < 10 {
            sleep(Duration::from_millis(50)).await;
        }
        shutdown.cancel();
        beat.await.unwrap();

        let records = history.records();
        assert_eq!(records[0].client_count, 1);
        for pair in records.windows(2) {
            assert_eq!((pair[1].ts - pair[0].ts).num_milliseconds(), 1_000);
            assert_eq!(pair[1].client_count, pair[0].client_count + 1);
        }
        assert!(
            records
                .iter()
                .all(|record| record.ts.timestamp_subsec_nanos() == 0
                    && record.tick.missed_ticks == 0)
        );
        let events: Vec<_> = history.events().iter().map(|event| event.event).collect();
        assert_eq!(events, [EventKind::Start, EventKind::Stop]);
    }

    #[tokio::test(start_paused = true)]
    async fn ticks_that_panic_start_again_and_nothing_else_does() {
        let (history, sinks) = sinks();
        let (supervisor, shutdown) = (Supervisor::default(), CancellationToken::new());
        let mut calls = 0;
        let figures = move || {
            calls += 1;
            assert!(calls != 3, "on purpose");
            Figures {
                client_count: calls,
                ..Figures::default()
            }
        };
        let identity = Identity::new(Role::Balancer, "lb");
        let beat = heartbeat(
            identity,
            figures,
            sinks,
            supervisor.clone(),
            shutdown.clone(),
        );
        let beat = tokio::spawn(beat);
        while history.records().len() < 5 {
            sleep(Duration::from_millis(50)).await;
        }
        shutdown.cancel();
        beat.await.unwrap();
        assert_eq!(supervisor.panics(), [(TASK, 1)]);
        let counts: Vec<_> = history.records().iter().map(|r| r.client_count).collect();
        assert_eq!(counts, [1, 2, 4, 5, 6]);
        let missed: u64 = history.records().iter().map(|r| r.tick.missed_ticks).sum();
        assert!((1..=2).contains(&missed), "{missed}");
        let events: Vec<_> = history.events().iter().map(|event| event.event).collect();
        assert_eq!(events, [EventKind::Start, EventKind::Stop]);
    }

    #[test]
    fn a_late_record_says_so() {
        let ms = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        for (last, ts, now, late_ms, missed_ticks) in [
            (None, 5_000, 5_003, 3, 0),
            (Some(4_000), 5_000, 5_900, 900, 0),
            (Some(1_000), 5_000, 5_100, 100, 3),
            (Some(9_000), 5_000, 4_999, 0, 0),
        ] {
            assert_eq!(
                punctuality(last.map(ms), ms(ts), ms(now)),
                Tick {
                    late_ms,
                    missed_ticks
                }
            );
        }
    }
}
