//! What a process runs to be seen: once a whole second a record, to every sink.

use std::sync::Arc;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::history::History;
use crate::producer::Producer;
use crate::record::{Figures, Identity, Record};
use crate::sampler::{MIN_SAMPLE_INTERVAL, Sampler};
use crate::wall_clock::{WallClock, next_second, second_of_tick};

/// Where records go.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// The embedded history.
    pub history: Option<Arc<History>>,
    /// Kafka.
    pub producer: Option<Producer>,
}

/// Measures on every whole second of the wall clock until `shutdown`, and hands each record to every sink. Seconds that
/// pass while the process is held up are skipped, not made up for. Works with tokio's paused clock, where the records'
/// times go with it.
///
/// `figures` is called once a second; it should only copy counters.
pub async fn heartbeat(
    identity: Identity,
    mut figures: impl FnMut() -> Figures + Send,
    sinks: Sinks,
    shutdown: CancellationToken,
) {
    let mut sampler = Sampler::new();
    let clock = WallClock::new();
    let ticks = async {
        // The CPU figure needs this much time to mean something.
        sleep(MIN_SAMPLE_INTERVAL).await;
        let mut last = None;
        loop {
            let now = clock.now();
            let due = next_second(now, last);
            sleep((due - now).to_std().unwrap_or_default()).await;
            let ts = second_of_tick(due, clock.now());
            last = Some(ts);
            let record = Arc::new(Record::new(&identity, ts, sampler.sample(), figures()));
            if let Some(producer) = &sinks.producer {
                producer.record(&record);
            }
            if let Some(history) = &sinks.history {
                history.push(record);
            }
        }
    };
    // The ticks never end by themselves.
    let _: Option<()> = shutdown.run_until_cancelled(ticks).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::Role;

    #[tokio::test(start_paused = true)]
    async fn ten_seconds_are_ten_records_on_whole_seconds() {
        let history = Arc::new(History::new(Duration::from_secs(60)));
        let shutdown = CancellationToken::new();
        let sinks = Sinks {
            history: Some(Arc::clone(&history)),
            producer: None,
        };
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
                .all(|record| record.ts.timestamp_subsec_nanos() == 0)
        );
    }
}
