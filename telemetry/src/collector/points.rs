//! A record as lines for InfluxDB: one point of the process, one of each backend and command; or one of an event.
//!
//! Escaping, types and number forms are the line protocol's of InfluxDB 2, written by the crate `influxdb2`. What that
//! crate lets through and InfluxDB refuses is removed here: control characters and backslashes in tags, empty tags, bare
//! backslashes in text, numbers that are not finite. A field has one type for ever ([`crate::schema`]).

use influxdb2::models::data_point::DataPointBuilder;
use influxdb2::models::{DataPoint, WriteDataPoint};

use super::received::{Figure, Measured, Received};
use crate::names::tag;

/// Longer tags are cut: a tag is an index entry, and no name of ours is near this.
pub(super) const MAX_TAG_CHARS: usize = 200;
/// Longer texts are cut.
pub(super) const MAX_TEXT_CHARS: usize = 500;

/// The lines of a record, each with its newline. The time is in milliseconds.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::collector::{Received, points};
///
/// let time = "2026-08-04T12:00:02Z".parse()?;
/// let json = br#"{"host": "box", "cpu_percent": 12.5, "memory_percent": 41.0, "client_count": 7}"#;
/// let record = Received::parse(Some(json), time, time)?;
/// assert_eq!(
///     String::from_utf8(points(&record).concat())?,
///     "system_stats,host=box client_count=7i,cpu_percent=12.5,memory_percent=41 1785844802000\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn points(record: &Received) -> Vec<Vec<u8>> {
    let lines = record.measured.iter().filter_map(|measured| {
        // Fails only without a field that can be said.
        let point = point(record, measured).build().ok()?;
        let mut line = Vec::with_capacity(512);
        DataPoint::write_data_point_to(&point, &mut line).ok()?;
        Some(line)
    });
    lines.collect()
}

fn point(record: &Received, measured: &Measured) -> DataPointBuilder {
    let mut point = DataPoint::builder(measured.measurement);
    let common = [
        (tag::HOST, &record.host),
        (tag::ROLE, &record.role),
        (tag::INSTANCE, &record.instance),
    ];
    let own = measured.tags.iter().map(|(name, value)| (*name, value));
    for (name, value) in common.into_iter().chain(own) {
        if let Some(value) = tag_value(value) {
            point = point.tag(name, value);
        }
    }
    for (name, figure) in &measured.figures {
        point = match figure {
            Figure::Float(value) if value.is_finite() => point.field(*name, *value),
            Figure::Float(_) => point,
            // Counts above what InfluxDB's integers hold stay at the largest.
            Figure::Integer(value) => point.field(*name, i64::try_from(*value).unwrap_or(i64::MAX)),
            Figure::Text(text) => point.field(*name, text_value(text)),
        };
    }
    point.timestamp(record.ts.timestamp_millis())
}

/// A tag that the line protocol can say: control characters become `_`, and backslashes `/`, because one at the end of
/// a tag would swallow the comma behind it. None if nothing is left.
pub(super) fn tag_value(text: &str) -> Option<String> {
    let sound = |c: char| match c {
        '\\' => '/',
        c if c.is_control() => '_',
        c => c,
    };
    let value: String = text.trim().chars().take(MAX_TAG_CHARS).map(sound).collect();
    (!value.is_empty()).then_some(value)
}

/// Text that the line protocol can say: one line, with its backslashes doubled, as `influxdb2` escapes quotes only. Never
/// empty, which breaks queries of InfluxDB 2.
fn text_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for c in text.trim().chars().take(MAX_TEXT_CHARS) {
        match c {
            '\\' => value.push_str(r"\\"),
            c if c.is_control() => value.push(' '),
            c => value.push(c),
        }
    }
    if value.is_empty() {
        value.push('-');
    }
    value
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
                 backend_stats,backend=a\\ b,{tags} active=2i,bytes_down=20i,bytes_up=10i,connect_ms=1,down=0i,errors=1i,\
                 total=3i,up=1i 1785844802000\n\
                 backend_stats,backend=c,{tags} down=1i,up=0i 1785844802000\n"
            )
        );
    }

    #[test]
    fn a_command_and_an_event_are_points_of_their_own() {
        let commands = ORIGINAL.replace('}', r#", "commands":[{"name":"dirlist","requests":3}]}"#);
        assert!(
            text(&record(&commands)).ends_with(
                "command_stats,command=dirlist,host=unknown requests=3i 1785844802000\n"
            )
        );
        let event = r#"{"host":"box","role":"balancer","instance":"lb","event":"backend_down","backend":"mirror1",
            "text":"said \"no\" at C:\\ \n twice"}"#;
        assert_eq!(
            text(&record(event)),
            "events,backend=mirror1,event=backend_down,host=box,instance=lb,role=balancer \
             text=\"said \\\"no\\\" at C:\\\\   twice\" 1785844802000\n"
        );
        assert!(text(&record(r#"{"event":"start"}"#)).contains("text=\"-\" "));
    }

    #[test]
    fn what_influxdb_cannot_hold_never_leaves() {
        let mut record = record(ORIGINAL);
        record.measured[0].figures = vec![
            ("a", Figure::Float(f64::NAN)),
            ("b", Figure::Float(f64::INFINITY)),
            ("c", Figure::Integer(u64::MAX)),
        ];
        record.host = "C:\\".into();
        record.role = "two\nlines\r\0".into();
        record.instance = " \t ".into();
        assert_eq!(
            text(&record),
            "system_stats,host=C:/,role=two_lines__ c=9223372036854775807i 1785844802000\n"
        );
        record.measured[0].figures.truncate(2);
        assert_eq!(text(&record), "", "no field is no point");
    }

    proptest! {
        /// Whatever the names hold, each point stays one line of three parts, as the line protocol counts them.
        #[test]
        fn names_cannot_break_a_line(host in ".*", role in ".*", instance in ".*", backend in "\\PC*\\\\?") {
            let mut record = record(ORIGINAL);
            (record.host, record.role, record.instance) = (host, role, instance);
            record.measured.push(Measured {
                measurement: "backend_stats",
                tags: vec![("backend", backend)],
                figures: vec![("up", Figure::Integer(1))],
            });
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

        /// Text stays between its quotes: without escapes, there are exactly two of them.
        #[test]
        fn words_cannot_break_a_line(words in ".*") {
            let mut record = record(r#"{"event":"start"}"#);
            record.measured[0].figures = vec![("text", Figure::Text(words))];
            let line = text(&record);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let bare = line.replace("\\\\", "").replace("\\\"", "");
            prop_assert!(!bare.contains('\\'));
            prop_assert_eq!(bare.matches('"').count(), 2);
        }
    }
}
