//! A record as lines for InfluxDB: one point of the process, one of each backend.
//!
//! Escaping, types and number forms are the line protocol's of InfluxDB 2, written by the crate `influxdb2`. What that
//! crate lets through and InfluxDB refuses is removed here: control characters and backslashes in tags, empty tags,
//! numbers that are not finite. A field has one type for ever: counts are integers, percentages and times floats.

use influxdb2::models::data_point::DataPointBuilder;
use influxdb2::models::{DataPoint, WriteDataPoint};

use super::received::Received;
use crate::names::{MEASUREMENT_BACKEND, MEASUREMENT_SYSTEM, field, tag};
use crate::record::BackendRecord;

/// Longer tags are cut: a tag is an index entry, and no name of ours is near this.
pub const MAX_TAG_CHARS: usize = 200;

/// The lines of a record, each with its newline. The time is in milliseconds.
#[must_use]
pub fn points(record: &Received) -> Vec<Vec<u8>> {
    let mut lines = Vec::with_capacity(1 + record.backends.len());
    let system = system_point(record);
    let backends = record
        .backends
        .iter()
        .filter_map(|backend| backend_point(record, backend));
    for point in std::iter::once(system).chain(backends) {
        // Neither fails: every point has a field, and memory takes every byte.
        if let Ok(point) = point.build() {
            let mut line = Vec::new();
            if DataPoint::write_data_point_to(&point, &mut line).is_ok() {
                lines.push(line);
            }
        }
    }
    lines
}

fn system_point(record: &Received) -> DataPointBuilder {
    let mut point = tagged(MEASUREMENT_SYSTEM, record);
    point = float(point, field::CPU_PERCENT, record.cpu_percent);
    point = float(point, field::MEMORY_PERCENT, record.memory_percent);
    point = count(point, field::CLIENT_COUNT, record.client_count);
    for (name, value) in [
        (field::SERVER_ACTIVE_CLIENTS, record.server_active_clients),
        (field::MIRROR1_ACTIVE_CLIENTS, record.mirror1_active_clients),
        (field::MIRROR2_ACTIVE_CLIENTS, record.mirror2_active_clients),
        (field::ACTIVE_CLIENTS, record.active_clients),
    ] {
        if let Some(value) = value {
            point = count(point, name, value);
        }
    }
    point
}

/// None for a backend without a name: its points would be those of the whole process.
fn backend_point(record: &Received, backend: &BackendRecord) -> Option<DataPointBuilder> {
    let name = tag_value(&backend.name)?;
    let mut point = tagged(MEASUREMENT_BACKEND, record).tag(tag::BACKEND, name);
    point = count(point, field::UP, u64::from(backend.state == "up"));
    point = count(point, field::ACTIVE, backend.active);
    point = count(point, field::TOTAL, backend.total);
    point = count(point, field::ERRORS, backend.errors);
    point = count(point, field::BYTES_UP, backend.bytes_up);
    point = count(point, field::BYTES_DOWN, backend.bytes_down);
    Some(float(point, field::CONNECT_MS, backend.connect_ms))
}

fn tagged(measurement: &str, record: &Received) -> DataPointBuilder {
    let mut point = DataPoint::builder(measurement);
    for (name, value) in [
        (tag::HOST, &record.host),
        (tag::ROLE, &record.role),
        (tag::INSTANCE, &record.instance),
    ] {
        if let Some(value) = tag_value(value) {
            point = point.tag(name, value);
        }
    }
    match record.ts {
        Some(ts) => point.timestamp(ts.timestamp_millis()),
        None => point,
    }
}

/// Counts above what InfluxDB's integers hold stay at the largest.
fn count(point: DataPointBuilder, name: &str, value: u64) -> DataPointBuilder {
    point.field(name, i64::try_from(value).unwrap_or(i64::MAX))
}

/// A number that is none is left out.
fn float(point: DataPointBuilder, name: &str, value: f64) -> DataPointBuilder {
    if value.is_finite() {
        point.field(name, value)
    } else {
        point
    }
}

/// A tag that the line protocol can say: control characters become `_`, and backslashes `/`, because one at the end of
/// a tag would swallow the comma behind it. None if nothing is left.
fn tag_value(text: &str) -> Option<String> {
    let sound = |c: char| match c {
        '\\' => '/',
        c if c.is_control() => '_',
        c => c,
    };
    let value: String = text.trim().chars().take(MAX_TAG_CHARS).map(sound).collect();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn record(text: &str) -> Received {
        let time = DateTime::from_timestamp_millis(1_785_844_802_000).unwrap();
        Received::parse(Some(text.as_bytes()), time, time).unwrap()
    }

    fn text(record: &Received) -> String {
        String::from_utf8(points(record).concat()).unwrap()
    }

    const ORIGINAL: &str = r#"{"cpu_percent": 12, "memory_percent": 41.5, "client_count": 7,
        "server_active_clients": 2, "mirror1_active_clients": 1, "mirror2_active_clients": 0}"#;

    #[test]
    fn the_original_record_is_one_point_with_its_six_fields() {
        assert_eq!(
            text(&record(ORIGINAL)),
            "system_stats,host=unknown client_count=7i,cpu_percent=12,memory_percent=41.5,\
             mirror1_active_clients=1i,mirror2_active_clients=0i,server_active_clients=2i 1785844802000\n"
        );
    }

    #[test]
    fn a_balancer_record_is_a_point_and_one_of_each_backend() {
        let record = record(
            r#"{"ts":"2026-08-04T12:00:02.000Z","host":"box","role":"balancer","instance":"lb","cpu_percent":0.5,
            "memory_percent":1,"client_count":3,"active_clients":2,"backends":[{"name":"a b","address":"h:1","state":"up",
            "active":2,"total":3,"errors":1,"bytes_up":10,"bytes_down":20,"connect_ms":1},{"name":"","state":"up"},
            {"name":"c","state":"down"}]}"#,
        );
        let tags = "host=box,instance=lb,role=balancer";
        assert_eq!(
            text(&record),
            format!(
                "system_stats,{tags} active_clients=2i,client_count=3i,cpu_percent=0.5,memory_percent=1 1785844802000\n\
                 backend_stats,backend=a\\ b,{tags} active=2i,bytes_down=20i,bytes_up=10i,connect_ms=1,errors=1i,\
                 total=3i,up=1i 1785844802000\n\
                 backend_stats,backend=c,{tags} active=0i,bytes_down=0i,bytes_up=0i,connect_ms=0,errors=0i,\
                 total=0i,up=0i 1785844802000\n"
            )
        );
    }

    #[test]
    fn what_influxdb_cannot_hold_never_leaves() {
        let mut record = record(ORIGINAL);
        record.cpu_percent = f64::NAN;
        record.memory_percent = f64::INFINITY;
        record.client_count = u64::MAX;
        record.host = "C:\\".into();
        record.role = "two\nlines\r\0".into();
        record.instance = " \t ".into();
        assert_eq!(
            text(&record),
            "system_stats,host=C:/,role=two_lines__ client_count=9223372036854775807i,mirror1_active_clients=1i,\
             mirror2_active_clients=0i,server_active_clients=2i 1785844802000\n"
        );
    }

    proptest! {
        /// Whatever the names hold, each point stays one line of three parts, as the line protocol counts them.
        #[test]
        fn names_cannot_break_a_line(host in ".*", role in ".*", instance in ".*", backend in "\\PC*\\\\?") {
            let mut record = record(ORIGINAL);
            (record.host, record.role, record.instance) = (host, role, instance);
            record.backends = vec![BackendRecord { name: backend, ..BackendRecord::default() }];
            for line in points(&record) {
                let line = String::from_utf8(line).unwrap();
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert!(line.ends_with('\n') && !line.contains('\r'));
                let bare = line.replace("\\ ", "").replace("\\,", "").replace("\\=", "");
                prop_assert!(!bare.contains('\\'));
                prop_assert_eq!(bare.matches(' ').count(), 2);
                prop_assert!(line.chars().count() < 4 * 2 * MAX_TAG_CHARS + 400);
            }
        }
    }
}
