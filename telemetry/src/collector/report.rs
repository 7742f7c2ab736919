//! The collector's own figures, written straight into the database: its lag cannot be reported through Kafka.
//!
//! One point every ten seconds, best effort: a point that is lost is followed by the next one, and while InfluxDB takes
//! nothing its silence says so.

use std::time::Duration;

use chrono::{DateTime, Utc};
use influxdb2::models::{DataPoint, WriteDataPoint};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::points::tag_value;
use super::reader::Collector;
use super::status::{Health, Totals};
use crate::messages::host_name;
use crate::names::{MEASUREMENT_COLLECTOR, UNKNOWN_HOST, field, tag};

/// Between two points.
const EVERY: Duration = Duration::from_secs(10);

/// Who tells it.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    host: String,
    instance: String,
    topic: String,
    bucket: String,
}

impl Reporter {
    /// For a collector of this topic on this machine. `instance` tells it from others there.
    pub(super) fn new(instance: &str, topic: &str, bucket: &str) -> Self {
        Self {
            host: host_name(),
            instance: instance.to_owned(),
            topic: topic.to_owned(),
            bucket: bucket.to_owned(),
        }
    }

    /// Writes points until `shutdown`.
    pub(super) async fn run(&self, collector: &Collector, shutdown: &CancellationToken) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            let status = collector.status();
            let line = self.line(&status.totals(), &status.health(Instant::now()), Utc::now());
            let write = collector.influx().write(&self.bucket, line);
            if let Some(Err(error)) = shutdown.run_until_cancelled(write).await {
                tracing::debug!(%error, "cannot store the collector's own figures");
            }
        }
    }

    fn line(&self, totals: &Totals, health: &Health, now: DateTime<Utc>) -> Vec<u8> {
        let lag = health.lag();
        let host = tag_value(&self.host).unwrap_or_else(|| UNKNOWN_HOST.to_owned());
        let point = DataPoint::builder(MEASUREMENT_COLLECTOR)
            .tag(tag::HOST, host)
            .tag(tag::INSTANCE, self.instance.as_str())
            .tag(tag::TOPIC, self.topic.as_str())
            .field(field::LAG, signed(lag))
            .field(field::RECORDS, signed(totals.records))
            .field(field::BAD, signed(totals.bad()))
            .field(field::KAFKA_UP, i64::from(health.kafka_up))
            .timestamp(now.timestamp_millis())
            .build();
        let mut line = Vec::new();
        // Neither fails: there are fields, and memory takes every byte.
        if let Ok(point) = point {
            let _ = point.write_data_point_to(&mut line);
        }
        line
    }
}

/// Counts above what InfluxDB's integers hold stay at the largest.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::status::Standing;
    use super::*;

    fn reporter() -> Reporter {
        Reporter {
            host: "box".into(),
            instance: "127.0.0.1:8405".into(),
            topic: "system_stats".into(),
            bucket: "root".into(),
        }
    }

    fn standing(partition: i32, lag: u64) -> Standing {
        Standing {
            partition,
            next: 10,
            lag,
            uncommitted: 0,
        }
    }

    #[test]
    fn a_point_sums_up_the_partitions() {
        let totals = Totals {
            records: 70,
            bad: vec![("empty", 1), ("not_json", 2)],
            ..Totals::default()
        };
        let health = Health {
            partitions: vec![standing(0, 3), standing(1, 4)],
            kafka_up: true,
            influx_up: true,
            trouble: None,
        };
        let now = DateTime::from_timestamp_millis(1_785_844_802_250).unwrap();
        let line = String::from_utf8(reporter().line(&totals, &health, now)).unwrap();
        assert_eq!(
            line,
            "collector_stats,host=box,instance=127.0.0.1:8405,topic=system_stats bad=3i,kafka_up=1i,lag=7i,records=70i 1785844802250\n"
        );
    }

    #[test]
    fn every_field_of_the_table_is_in_a_point() {
        let health = Health {
            partitions: Vec::new(),
            kafka_up: false,
            influx_up: false,
            trouble: None,
        };
        let line = reporter().line(&Totals::default(), &health, Utc::now());
        let line = String::from_utf8(line).unwrap();
        let fields = crate::schema::FIELDS.iter();
        for spec in fields.filter(|spec| spec.measurement == MEASUREMENT_COLLECTOR) {
            assert!(line.contains(&format!("{}=0i", spec.name)), "{line}");
        }
    }
}
