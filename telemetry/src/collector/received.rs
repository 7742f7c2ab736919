//! Parses a message of the topic: strict about the type of each figure, lenient about the sender and unknown fields.
//!
//! [`crate::schema::FIELDS`] decides which figures there are and of which type. The original producer sends six figures
//! only: no time, no host. Its records get the time at which Kafka received them, and the host `unknown`.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::names::{
    MEASUREMENT_BACKEND, MEASUREMENT_COMMAND, MEASUREMENT_EVENT, MEASUREMENT_SYSTEM, UNKNOWN_HOST,
    field, tag,
};
use crate::schema::{FIELDS, FieldType};

/// Records from before this moment (2020-01-01) come from a clock that was never set.
const OLDEST: DateTime<Utc> = DateTime::from_timestamp(1_577_836_800, 0).unwrap();
/// Records from further ahead than this come from a clock that is wrong.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);
/// What Kafka accepts by default; a longer message is not looked at.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Backends or commands of one record: each is a series in the database.
const MAX_LIST: usize = 1_000;
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
const ENVELOPE: [&str; 7] = [
    "v", "ts", "host", "role", "instance", "backends", "commands",
];
/// What an event has besides its text.
const EVENT_ENVELOPE: [&str; 7] = ["v", "ts", "host", "role", "instance", "event", "backend"];

/// Why a message is not a valid record; also the label of its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKind {
    /// A message without a value, as a deletion is on a compacted topic.
    Empty,
    /// Longer than any record that NetSocket sends.
    TooLarge,
    /// Not JSON, or not UTF-8.
    NotJson,
    /// Nested too deeply.
    TooDeep,
    /// A value has the wrong type or is out of range.
    WrongType,
    /// A required figure is missing.
    MissingField,
    /// Before 2020 or in the future.
    AbsurdTime,
    /// Kafka holds something that its own client cannot decode.
    Undecodable,
}

impl BadKind {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::TooLarge,
        Self::NotJson,
        Self::TooDeep,
        Self::WrongType,
        Self::MissingField,
        Self::AbsurdTime,
        Self::Undecodable,
    ];

    /// A stable name for counters and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::AbsurdTime => "absurd_time",
            Self::Undecodable => "undecodable",
        }
    }
}

/// A message that is not a valid record. Retrying is useless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.label())]
pub struct BadRecord {
    /// Its kind.
    pub kind: BadKind,
    /// What exactly.
    pub detail: String,
}

fn bad(kind: BadKind, detail: impl Into<String>) -> BadRecord {
    BadRecord {
        kind,
        detail: detail.into(),
    }
}

/// The value of a field, in the type that it keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A finite number.
    Float(f64),
    /// A count.
    Integer(u64),
    /// Words.
    Text(String),
}

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
        let mut object = Object(serde_json::from_slice(value).map_err(|error| not_json(&error))?);
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

    fn event(&mut self, event: String, object: &mut Object) -> Result<(), BadRecord> {
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

    fn sample(&mut self, object: &mut Object) -> Result<(), BadRecord> {
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
        object: &mut Object,
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

/// A JSON object that is being taken apart.
struct Object(Map<String, Value>);

impl Object {
    /// Text, or None where there is none or null.
    fn text(&mut self, name: &str) -> Result<Option<String>, BadRecord> {
        match self.0.get_mut(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(std::mem::take(text))),
            Some(_) => Err(bad(BadKind::WrongType, format!("{name} is no text"))),
        }
    }

    /// Every field of a measurement that is there, in its type.
    fn figures(&mut self, measurement: &str) -> Result<Vec<(&'static str, Figure)>, BadRecord> {
        let mut figures = Vec::with_capacity(self.0.len());
        for spec in FIELDS.iter().filter(|spec| spec.measurement == measurement) {
            let Some(value) = self.0.get_mut(spec.name).filter(|value| !value.is_null()) else {
                continue;
            };
            let figure = match (spec.kind, value) {
                (FieldType::Float, Value::Number(number)) => number.as_f64().map(Figure::Float),
                (FieldType::Integer, Value::Number(number)) => number.as_u64().map(Figure::Integer),
                (FieldType::Text, Value::String(text)) => Some(Figure::Text(std::mem::take(text))),
                _ => None,
            };
            let wrong = || {
                let kind = spec.kind.as_str();
                bad(BadKind::WrongType, format!("{} is no {kind}", spec.name))
            };
            figures.push((spec.name, figure.ok_or_else(wrong)?));
        }
        Ok(figures)
    }

    /// The objects of a list; none where there is no list.
    fn list(&mut self, name: &str) -> Result<Vec<Self>, BadRecord> {
        let entries = match self.0.get_mut(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(entries)) => std::mem::take(entries),
            Some(_) => return Err(bad(BadKind::WrongType, format!("{name} is no list"))),
        };
        if entries.len() > MAX_LIST {
            let detail = format!("{} {name}", entries.len());
            return Err(bad(BadKind::TooLarge, detail));
        }
        let object = |entry| match entry {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(bad(BadKind::WrongType, format!("{name} holds no object"))),
        };
        entries.into_iter().map(object).collect()
    }

    /// Fields that are neither in `envelope` nor among the `known` figures.
    fn unknown(&self, envelope: &[&str], known: usize) -> usize {
        let mut expected = known;
        for (name, value) in &self.0 {
            expected += usize::from(envelope.contains(&name.as_str()) || value.is_null());
        }
        self.0.len().saturating_sub(expected)
    }
}

#[cfg(test)]
mod tests;
