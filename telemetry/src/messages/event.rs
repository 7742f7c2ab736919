//! Events, on the same topic as the records, so that graphs can be annotated with them.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::identity::{Identity, Role};
use super::timestamp::rfc3339_millis;
use crate::schema::SCHEMA_VERSION;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The process has started, for the first time or again.
    Start,
    /// The process is about to end as requested.
    Stop,
    /// It has taken new settings.
    Reload,
    /// A backend receives sessions again.
    BackendUp,
    /// A backend receives no more sessions.
    BackendDown,
    /// No backend is healthy, and sessions go to all of them.
    FailOpen,
    /// A backend is healthy again.
    FailOpenEnd,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::Stop,
        Self::Reload,
        Self::BackendUp,
        Self::BackendDown,
        Self::FailOpen,
        Self::FailOpenEnd,
    ];

    /// The name in records and tags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reload => "reload",
            Self::BackendUp => "backend_up",
            Self::BackendDown => "backend_down",
            Self::FailOpen => "fail_open",
            Self::FailOpenEnd => "fail_open_end",
        }
    }
}

/// One event of one process. Two of the same kind about the same backend in the same millisecond are one in the database.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::{Event, EventKind, Identity, Role};
///
/// let identity = Identity::new(Role::Balancer, "lb");
/// let ts = "2026-08-04T12:00:02Z".parse()?;
/// let event = Event::new(&identity, ts, EventKind::BackendDown, "3 checks failed").about("mirror1");
///
/// let json = serde_json::to_value(&event)?;
/// assert_eq!(json["event"], EventKind::BackendDown.as_str());
/// assert_eq!(json["backend"], "mirror1");
/// assert_eq!(json["ts"], "2026-08-04T12:00:02.000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    v: u32,
    /// When it happened: RFC 3339, UTC, milliseconds.
    #[serde(serialize_with = "rfc3339_millis")]
    pub ts: DateTime<Utc>,
    /// The host name of the machine.
    pub host: String,
    /// What the process is.
    pub role: Role,
    /// The process among those of its role.
    pub instance: String,
    /// What happened.
    pub event: EventKind,
    /// The backend that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Why, for people.
    pub text: String,
}

impl Event {
    /// Something about the process as a whole.
    pub fn new(
        identity: &Identity,
        ts: DateTime<Utc>,
        event: EventKind,
        text: impl Into<String>,
    ) -> Self {
        Self {
            v: SCHEMA_VERSION,
            ts,
            host: identity.host.clone(),
            role: identity.role,
            instance: identity.instance.clone(),
            event,
            backend: None,
            text: text.into(),
        }
    }

    /// The same about one backend.
    #[must_use]
    pub fn about(self, backend: impl Into<String>) -> Self {
        Self {
            backend: Some(backend.into()),
            ..self
        }
    }

    /// The memory that it takes, in bytes, about.
    pub(crate) fn weight(&self) -> usize {
        let backend = self.backend.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.host.len() + self.instance.len() + backend + self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_this_json() {
        let identity = Identity {
            host: "box".into(),
            role: Role::Balancer,
            instance: "lb".into(),
        };
        let ts = DateTime::from_timestamp_millis(1_785_844_802_250).unwrap();
        let event =
            Event::new(&identity, ts, EventKind::BackendDown, "connect refused").about("mirror1");
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"v":1,"ts":"2026-08-04T12:00:02.250Z","host":"box","role":"balancer","instance":"lb","event":"backend_down","backend":"mirror1","text":"connect refused"}"#
        );
    }

    #[test]
    fn each_kind_has_its_name_once() {
        for kind in EventKind::ALL {
            assert_eq!(
                serde_json::to_value(kind).unwrap(),
                kind.as_str(),
                "one name for code and JSON"
            );
        }
    }
}
