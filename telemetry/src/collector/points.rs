//! A record as lines for InfluxDB: one point of the process, one of each backend and command; or one of an event.
//!
//! The line protocol of InfluxDB 2, straight into the text of a batch: `influxdb2` would first copy every tag and field of a
//! point into maps. A test holds our lines against that crate's. What it lets
//! through and InfluxDB refuses is removed here: control characters and backslashes in tags, empty tags, bare backslashes in
//! text, numbers that are not finite. A field has one type for ever ([`crate::schema`]).

use std::io::Write as _;

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
///     "system_stats,host=box cpu_percent=12.5,memory_percent=41,client_count=7i 1785844802000\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn points(record: &Received) -> Vec<Vec<u8>> {
    let (mut text, mut ends) = (Vec::new(), vec![0]);
    write_points(record, &mut text, |_, end| ends.push(end));
    let lines = ends.windows(2);
    lines
        .filter_map(|ends| text.get(ends[0]..ends[1]))
        .map(<[u8]>::to_vec)
        .collect()
}

/// Appends the lines of a record to `text` and tells of each its measurement and where it ends.
pub(super) fn write_points(
    record: &Received,
    text: &mut Vec<u8>,
    mut line: impl FnMut(&'static str, usize),
) {
    let millis = record.ts.timestamp_millis();
    for measured in &record.measured {
        let begin = text.len();
        text.extend_from_slice(measured.measurement.as_bytes());
        put_tags(record, measured, text);
        let mut before = b' ';
        for (name, figure) in &measured.figures {
            if put_field(before, name, figure, text) {
                before = b',';
            }
        }
        if before == b' ' {
            // Without a field that can be said there is no point.
            text.truncate(begin);
            continue;
        }
        text.push(b' ');
        text.extend_from_slice(itoa::Buffer::new().format(millis).as_bytes());
        text.push(b'\n');
        line(measured.measurement, text.len());
    }
}

/// In alphabetical order, as InfluxDB advises.
fn put_tags(record: &Received, measured: &Measured, text: &mut Vec<u8>) {
    let common = [
        (tag::HOST, &record.host),
        (tag::INSTANCE, &record.instance),
        (tag::ROLE, &record.role),
    ];
    // At most two, and each of them before those of the whole record.
    let own = measured.tags.iter().map(|(name, value)| (*name, value));
    let mut own: Vec<(&str, &String)> = own.collect();
    own.sort_unstable();
    for (name, value) in own.into_iter().chain(common) {
        let begin = text.len();
        text.push(b',');
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        let value_begin = text.len();
        for c in sound_tag(value) {
            if matches!(c, ',' | '=' | ' ') {
                text.push(b'\\');
            }
            put_char(c, text);
        }
        if text.len() == value_begin {
            text.truncate(begin);
        }
    }
}

/// False for what InfluxDB cannot hold.
fn put_field(before: u8, name: &str, figure: &Figure, text: &mut Vec<u8>) -> bool {
    if matches!(figure, Figure::Float(value) if !value.is_finite()) {
        return false;
    }
    text.push(before);
    text.extend_from_slice(name.as_bytes());
    text.push(b'=');
    match figure {
        Figure::Float(value) => {
            // Memory takes every byte.
            let _ = write!(text, "{value}");
        }
        Figure::Integer(value) => {
            // Counts above what InfluxDB's integers hold stay at the largest.
            let value = i64::try_from(*value).unwrap_or(i64::MAX);
            text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            text.push(b'i');
        }
        Figure::Text(value) => put_text(value, text),
    }
    true
}

/// A tag that the line protocol can say: control characters become `_`, and backslashes `/`, because one at the end of
/// a tag would swallow the comma behind it. None if nothing is left.
pub(super) fn tag_value(text: &str) -> Option<String> {
    let value: String = sound_tag(text).collect();
    (!value.is_empty()).then_some(value)
}

fn sound_tag(text: &str) -> impl Iterator<Item = char> {
    let sound = |c: char| match c {
        '\\' => '/',
        c if c.is_control() => '_',
        c => c,
    };
    text.trim().chars().take(MAX_TAG_CHARS).map(sound)
}

/// Text that the line protocol can say: one line in quotes. Never empty, which breaks queries of InfluxDB 2.
fn put_text(value: &str, text: &mut Vec<u8>) {
    text.push(b'"');
    let begin = text.len();
    for c in value.trim().chars().take(MAX_TEXT_CHARS) {
        match c {
            '\\' => text.extend_from_slice(br"\\"),
            '"' => text.extend_from_slice(br#"\""#),
            c if c.is_control() => text.push(b' '),
            c => put_char(c, text),
        }
    }
    if text.len() == begin {
        text.push(b'-');
    }
    text.push(b'"');
}

fn put_char(c: char, text: &mut Vec<u8>) {
    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use influxdb2::models::{DataPoint, WriteDataPoint as _};
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
            "system_stats,host=unknown cpu_percent=12,memory_percent=41.5,client_count=7i,\
             server_active_clients=2i,mirror1_active_clients=1i,mirror2_active_clients=0i 1785844802000\n"
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
                "system_stats,{tags} cpu_percent=0.5,memory_percent=1,client_count=3i,active_clients=2i 1785844802000\n\
                 backend_stats,backend=a\\ b,{tags} active=2i,total=3i,errors=1i,bytes_up=10i,bytes_down=20i,connect_ms=1,\
                 up=1i,down=0i 1785844802000\n\
                 backend_stats,backend=c,{tags} up=0i,down=1i 1785844802000\n"
            )
        );
    }

    #[test]
    fn a_service_is_a_point_of_its_own() {
        let services = ORIGINAL.replace(
            '}',
            r#", "services":[{"name":"files","active":2,"total":3,"backends_up":1},{"name":""}]}"#,
        );
        assert!(
            text(&record(&services)).ends_with(
                " 1785844802000\nservice_stats,service=files,host=unknown active=2i,total=3i,backends_up=1i 1785844802000\n"
            ),
            "{}",
            text(&record(&services))
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

    /// The same point as `influxdb2` writes it, which sorts fields.
    fn reference(record: &Received, measured: &Measured) -> Option<String> {
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
                Figure::Integer(value) => {
                    point.field(*name, i64::try_from(*value).unwrap_or(i64::MAX))
                }
                Figure::Text(text) => point.field(*name, text.as_str()),
            };
        }
        let point = point.timestamp(record.ts.timestamp_millis()).build().ok()?;
        let mut line = Vec::new();
        point.write_data_point_to(&mut line).unwrap();
        Some(String::from_utf8(line).unwrap())
    }

    proptest! {
        /// Every line is the one that the crate for InfluxDB writes.
        #[test]
        fn lines_are_those_of_influxdb2(
            host in ".*", backend in ".*", float in any::<f64>(), integer in any::<u64>(), words in "[a-z,= \"]{1,20}",
        ) {
            let mut record = record(ORIGINAL);
            (record.host, record.role) = (host, String::new());
            record.measured = vec![Measured {
                measurement: "events",
                tags: vec![("event", "e".into()), ("backend", backend)],
                figures: vec![
                    ("a", Figure::Float(float)),
                    ("b", Figure::Integer(integer)),
                    ("c", Figure::Text(format!("x{words}x"))),
                ],
            }];
            let expected = reference(&record, &record.measured[0]);
            prop_assert_eq!(Some(text(&record)), expected);
        }

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
