//! The offset up to which each partition is stored: in memory, and in the database itself, so that a collector needs no
//! disk and any replica can take over.
//!
//! A position is saved after the points before it were accepted, never earlier; one that is lost or too old only means
//! that points are written again, over themselves. It goes with the data: a database that is restored from a backup has
//! the positions of that moment.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use influxdb2::models::{DataPoint, WriteDataPoint};

use super::influx::{Influx, InfluxError};
use crate::names::{MEASUREMENT_POSITION, field, tag};

/// Positions within the same minute overwrite each other, so that a day is 1,440 points a partition.
const ONE_POINT_IN: TimeDelta = TimeDelta::minutes(1);

/// The next offset of each partition of one topic: what is before it has been stored.
#[derive(Debug)]
pub struct Positions {
    topic: String,
    bucket: String,
    places: Mutex<BTreeMap<i32, Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    next: i64,
    saved: Option<i64>,
    /// The leader that wrote what is before `next`, counted from the first one; known only to who has read it.
    epoch: Option<i32>,
}

impl Positions {
    /// Those of a topic, kept in this bucket.
    #[must_use]
    pub fn new(topic: &str, bucket: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            bucket: bucket.to_owned(),
            places: Mutex::default(),
        }
    }

    /// The next offset of a partition that was read before, by this collector or by another one.
    pub fn next(&self, partition: i32) -> Option<i64> {
        self.places().get(&partition).map(|place| place.next)
    }

    /// The leader that wrote what is before the next offset, where it is known.
    pub(super) fn epoch(&self, partition: i32) -> Option<i32> {
        self.places().get(&partition)?.epoch
    }

    pub(super) fn advance(&self, partition: i32, next: i64, epoch: Option<i32>) {
        let mut places = self.places();
        let saved = places.get(&partition).and_then(|place| place.saved);
        places.insert(partition, Place { next, saved, epoch });
    }

    /// The topic has no such partition any more.
    pub(super) fn forget(&self, partition: i32) {
        self.places().remove(&partition);
    }

    /// Takes what the database knows. Offsets of this run are newer and stay.
    ///
    /// # Errors
    /// Any [`InfluxError`]; nothing has changed then.
    pub async fn load(&self, influx: &Influx) -> Result<usize, InfluxError> {
        let answer = influx.query(self.flux()).await?;
        let mut places = self.places();
        let found = parse(&answer);
        let number = found.len();
        for (partition, next) in found {
            let saved = Some(next);
            let epoch = None;
            places
                .entry(partition)
                .or_insert(Place { next, saved, epoch });
        }
        Ok(number)
    }

    /// Puts the position of a partition into the database, unless it is there.
    ///
    /// # Errors
    /// Any [`InfluxError`]; it counts as not saved.
    pub async fn save(
        &self,
        influx: &Influx,
        partition: i32,
        now: DateTime<Utc>,
    ) -> Result<(), InfluxError> {
        let place = self.places().get(&partition).copied();
        let Some(place) = place.filter(|place| place.saved != Some(place.next)) else {
            return Ok(());
        };
        influx
            .write(&self.bucket, self.line(partition, place.next, now))
            .await?;
        if let Some(entry) = self.places().get_mut(&partition) {
            entry.saved = Some(place.next);
        }
        Ok(())
    }

    fn line(&self, partition: i32, next: i64, now: DateTime<Utc>) -> Vec<u8> {
        let minute = now.duration_trunc(ONE_POINT_IN).unwrap_or(now);
        let point = DataPoint::builder(MEASUREMENT_POSITION)
            .tag(tag::TOPIC, self.topic.as_str())
            .tag(tag::PARTITION, partition.to_string())
            .field(field::NEXT_OFFSET, next)
            .timestamp(minute.timestamp_millis())
            .build();
        let mut line = Vec::new();
        // Neither fails: there is a field, and memory takes every byte.
        if let Ok(point) = point {
            let _ = point.write_data_point_to(&mut line);
        }
        line
    }

    fn flux(&self) -> String {
        format!(
            "from(bucket: {}) |> range(start: 0) \
             |> filter(fn: (r) => r._measurement == \"{MEASUREMENT_POSITION}\" and r.{} == {} and r._field == \"{}\") \
             |> last() |> keep(columns: [\"{}\", \"_value\"])",
            quoted(&self.bucket),
            tag::TOPIC,
            quoted(&self.topic),
            field::NEXT_OFFSET,
            tag::PARTITION,
        )
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<i32, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A string of Flux: `${` would begin an expression.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace("${", r"\${"))
}

/// The rows of every table of an answer. What is no number is no position.
fn parse(csv: &str) -> Vec<(i32, i64)> {
    let mut columns: Option<(usize, usize)> = None;
    let mut found = Vec::new();
    for line in csv.lines().map(str::trim) {
        let cells: Vec<&str> = line.split(',').collect();
        if line.is_empty() {
            columns = None;
        } else if let Some((partition, value)) = columns {
            let number = |column: usize| cells.get(column).copied().unwrap_or_default();
            if let (Ok(partition), Ok(next)) = (number(partition).parse(), number(value).parse()) {
                found.push((partition, next));
            }
        } else {
            let column = |name| cells.iter().position(|cell| *cell == name);
            columns = column(tag::PARTITION).zip(column("_value"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_by_its_columns() {
        let csv = ",result,table,_value,partition\r\n,_result,0,1234,0\r\n,_result,1,77,12\r\n\r\n\
                   ,result,table,partition,_value\r\n,_result,0,3,9\r\n,_result,0,x,9\r\n";
        assert_eq!(parse(csv), [(0, 1_234), (12, 77), (3, 9)]);
        assert_eq!(parse(""), []);
        assert_eq!(parse("\r\n"), []);
        assert_eq!(parse(",error,reference\r\n,no,1\r\n"), []);
    }

    #[test]
    fn a_position_is_one_point_a_minute() {
        let positions = Positions::new("system_stats", "root");
        let line = |millis| {
            let now = DateTime::from_timestamp_millis(millis).unwrap();
            String::from_utf8(positions.line(3, 42, now)).unwrap()
        };
        let first = line(1_785_844_802_250);
        assert_eq!(
            first,
            "collector_position,partition=3,topic=system_stats next_offset=42i 1785844800000\n"
        );
        assert_eq!(first, line(1_785_844_859_999));
        assert_ne!(first, line(1_785_844_860_000));
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(quoted(r#"a"b\c${d}"#), r#""a\"b\\c\${d}""#);
        let flux = Positions::new("t", r#"b") |> drop("#).flux();
        assert!(flux.starts_with(r#"from(bucket: "b\") |> drop(") |> range"#));
    }

    #[test]
    fn what_is_known_is_not_taken_back() {
        let positions = Positions::new("t", "b");
        assert_eq!(positions.next(0), None);
        positions.advance(0, 5, None);
        positions.advance(0, 9, Some(2));
        assert_eq!((positions.next(0), positions.epoch(0)), (Some(9), Some(2)));
    }
}
