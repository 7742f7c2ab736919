//! Parses a message of the topic: strict about the type of each figure, lenient about the sender and unknown fields.
//!
//! [`crate::schema::FIELDS`] decides which figures there are and of which type. The original producer sends six figures
//! only: no time, no host. Its records get the time at which Kafka received them, and the host `unknown`.

mod bad;
mod object;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::error::Category;

use crate::names::{
    MEASUREMENT_BACKEND, MEASUREMENT_COMMAND, MEASUREMENT_EVENT, MEASUREMENT_SERVICE,
    MEASUREMENT_SYSTEM, UNKNOWN_HOST, field, tag,
};
use bad::bad;
pub use bad::{BadKind, BadRecord};
pub use object::Figure;
use object::Object;

/// Records from before this moment (2020-01-01) come from a clock that was never set.
const OLDEST: DateTime<Utc> = DateTime::from_timestamp(1_577_836_800, 0).unwrap();
/// Records from further ahead than this come from a clock that is wrong.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);
/// What Kafka accepts by default; a longer message is not looked at.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Figures without which nothing is a record; the original producer sends them.
const NEEDED: [&str; 3] = [
    field::CPU_PERCENT,
    field::MEMORY_PERCENT,
    field::CLIENT_COUNT,
];
/// The state of a backend that takes new sessions.
const STATE_UP: &str = "up";
/// States of backends that take none, without an operator or the configuration wanting that.
const STATES_DOWN: [&str; 2] = ["down", "ejected"];
/// What a record has besides figures.
const ENVELOPE: [&str; 8] = [
    "v", "ts", "host", "role", "instance", "backends", "services", "commands",
];
/// What an event has besides its text.
const EVENT_ENVELOPE: [&str; 7] = ["v", "ts", "host", "role", "instance", "event", "backend"];

/// Figures of one measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The measurement.
    pub measurement: &'static str,
    /// Tags besides those of the whole record.
    pub tags: Vec<(&'static str, String)>,
    /// At least one field.
    pub figures: Vec<(&'static str, Figure)>,
}

/// A record or event as it came, of our own processes or of the original producer.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::collector::{BadKind, Received};
///
/// let time = "2026-08-04T12:00:02Z".parse()?;
/// let parse = |json: &str| Received::parse(Some(json.as_bytes()), time, time);
///
/// // What the original producer sends has neither time nor host.
/// let record = parse(
///     r#"{"cpu_percent": 12.5, "memory_percent": 41.0, "client_count": 7, "server_active_clients": 2,
///         "mirror1_active_clients": 1, "mirror2_active_clients": 0}"#,
/// )?;
/// assert_eq!((record.ts, record.host.as_str()), (time, "unknown"));
///
/// assert_eq!(parse("{}").unwrap_err().kind, BadKind::MissingField);
/// assert_eq!(parse("cpu 12.5").unwrap_err().kind, BadKind::NotJson);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// When it was measured.
    pub ts: DateTime<Utc>,
    /// The machine.
    pub host: String,
    /// What the process is. Any text: a collector must not be older than its producers.
    pub role: String,
    /// The process among those of its role.
    pub instance: String,
    /// What it says.
    pub measured: Vec<Measured>,
    /// Fields that this version does not know; they are passed over.
    pub unknown_fields: usize,
}

impl Received {
    /// Understands one message. `kafka_time` is the time that Kafka keeps with it, `now` the collector's own.
    ///
    /// # Errors
    /// [`BadRecord`] says what is wrong with it.
    pub fn parse(
        value: Option<&[u8]>,
        kafka_time: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Self, BadRecord> {
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| bad(BadKind::Empty, "no value"))?;
        if value.len() > MAX_MESSAGE_BYTES {
            return Err(bad(BadKind::TooLarge, format!("{} bytes", value.len())));
        }
        let mut object = Object::parse(value).map_err(|error| not_json(&error))?;
        let ts = time(object.text("ts")?, kafka_time, now)?;
        let mut received = Self {
            ts,
            host: object.text("host")?.unwrap_or_else(|| UNKNOWN_HOST.into()),
            role: object.text("role")?.unwrap_or_default(),
            instance: object.text("instance")?.unwrap_or_default(),
            measured: Vec::new(),
            unknown_fields: 0,
        };
        match object.text("event")? {
            Some(event) => received.event(event, &mut object)?,
            None => received.sample(&mut object)?,
        }
        Ok(received)
    }

    fn event(&mut self, event: String, object: &mut Object<'_>) -> Result<(), BadRecord> {
        let mut tags = vec![(tag::EVENT, event)];
        if let Some(backend) = object.text("backend")? {
            tags.push((tag::BACKEND, backend));
        }
        let mut figures = object.figures(MEASUREMENT_EVENT)?;
        if figures.is_empty() {
            // A point needs a field; an event without words still happened.
            figures.push((field::TEXT, Figure::Text(String::new())));
        }
        self.unknown_fields += object.unknown(&EVENT_ENVELOPE, figures.len());
        self.measured.push(Measured {
            measurement: MEASUREMENT_EVENT,
            tags,
            figures,
        });
        Ok(())
    }

    fn sample(&mut self, object: &mut Object<'_>) -> Result<(), BadRecord> {
        let figures = object.figures(MEASUREMENT_SYSTEM)?;
        for name in NEEDED {
            if !figures.iter().any(|(found, _)| *found == name) {
                return Err(bad(BadKind::MissingField, name));
            }
        }
        self.unknown_fields += object.unknown(&ENVELOPE, figures.len());
        self.measured.push(Measured {
            measurement: MEASUREMENT_SYSTEM,
            tags: Vec::new(),
            figures,
        });
        for mut backend in object.list("backends")? {
            let state = backend.text("state")?.unwrap_or_default();
            let mut figures = backend.figures(MEASUREMENT_BACKEND)?;
            let is = |states: &[&str]| Figure::Integer(states.contains(&&*state).into());
            figures.push((field::UP, is(&[STATE_UP])));
            figures.push((field::DOWN, is(&STATES_DOWN)));
            self.entry(MEASUREMENT_BACKEND, tag::BACKEND, &mut backend, figures)?;
        }
        for mut service in object.list("services")? {
            let figures = service.figures(MEASUREMENT_SERVICE)?;
            self.entry(MEASUREMENT_SERVICE, tag::SERVICE, &mut service, figures)?;
        }
        for mut command in object.list("commands")? {
            let figures = command.figures(MEASUREMENT_COMMAND)?;
            self.entry(MEASUREMENT_COMMAND, tag::COMMAND, &mut command, figures)?;
        }
        Ok(())
    }

    /// One of a list. Without a name its point would be that of the whole process, without figures it is none.
    fn entry(
        &mut self,
        measurement: &'static str,
        tag: &'static str,
        object: &mut Object<'_>,
        figures: Vec<(&'static str, Figure)>,
    ) -> Result<(), BadRecord> {
        let name = object.text("name")?.unwrap_or_default();
        if !name.trim().is_empty() && !figures.is_empty() {
            self.measured.push(Measured {
                measurement,
                tags: vec![(tag, name)],
                figures,
            });
        }
        Ok(())
    }
}

fn not_json(error: &serde_json::Error) -> BadRecord {
    let detail = error.to_string();
    let kind = match error.classify() {
        Category::Data => BadKind::WrongType,
        _ if detail.starts_with("recursion limit exceeded") => BadKind::TooDeep,
        _ => BadKind::NotJson,
    };
    bad(kind, detail)
}

fn time(
    text: Option<String>,
    kafka_time: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, BadRecord> {
    let ts = match text {
        None => kafka_time,
        Some(text) => DateTime::parse_from_rfc3339(&text)
            .map_err(|error| bad(BadKind::WrongType, format!("ts: {error}")))?
            .to_utc(),
    };
    if ts < OLDEST || ts > now + MAX_AHEAD {
        return Err(bad(BadKind::AbsurdTime, ts.to_string()));
    }
    Ok(ts)
}

#[cfg(test)]
mod tests;
