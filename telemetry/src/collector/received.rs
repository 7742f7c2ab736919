//! A message of the topic, understood: strict about what a figure is, lenient about who sent it and what else it says.
//!
//! The original producer sends the first six figures only: no time, no host. Its records get the time at which Kafka
//! received them, and the host `unknown`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::names::UNKNOWN_HOST;
use crate::record::BackendRecord;

/// Records from before this moment (2020-01-01) come from a clock that was never set.
const OLDEST: DateTime<Utc> = DateTime::from_timestamp(1_577_836_800, 0).unwrap();
/// Records from further ahead than this come from a clock that is wrong.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);

/// Why a message is no record.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// A message without a value, as a deletion is on a compacted topic.
    #[error("empty message")]
    Empty,
    /// Not JSON, or a figure is missing or of a wrong type.
    #[error("not a record: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Before 2020 or in the future.
    #[error("absurd time {0}")]
    AbsurdTime(DateTime<Utc>),
}

impl BadRecord {
    /// A stable name for counters and logs.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Malformed(_) => "malformed",
            Self::AbsurdTime(_) => "absurd_time",
        }
    }
}

/// A record as it came, of our own processes or of the original producer. Unknown fields are passed over.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Received {
    /// When it was measured; [`Received::parse`] always fills it in.
    pub ts: Option<DateTime<Utc>>,
    /// The machine.
    #[serde(default = "unknown_host")]
    pub host: String,
    /// What the process is. Any text: a collector must not be older than its producers.
    #[serde(default)]
    pub role: String,
    /// The process among those of its role.
    #[serde(default)]
    pub instance: String,
    /// Busy share of all cores, in percent.
    pub cpu_percent: f64,
    /// Used share of the memory, in percent.
    pub memory_percent: f64,
    /// Sessions since the start.
    pub client_count: u64,
    /// Open sessions on backend `server`.
    pub server_active_clients: Option<u64>,
    /// Open sessions on backend `mirror1`.
    pub mirror1_active_clients: Option<u64>,
    /// Open sessions on backend `mirror2`.
    pub mirror2_active_clients: Option<u64>,
    /// Open sessions; the original producer does not tell.
    pub active_clients: Option<u64>,
    /// Every backend.
    #[serde(default)]
    pub backends: Vec<BackendRecord>,
}

fn unknown_host() -> String {
    UNKNOWN_HOST.to_owned()
}

impl Received {
    /// Understands one message. `kafka_time` is the time that Kafka keeps with it, `now` the collector's own.
    ///
    /// # Errors
    /// [`BadRecord`] says what is wrong with it. None of that is worth another attempt.
    pub fn parse(
        value: Option<&[u8]>,
        kafka_time: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Self, BadRecord> {
        let value = value
            .filter(|value| !value.is_empty())
            .ok_or(BadRecord::Empty)?;
        let mut received: Self = serde_json::from_slice(value)?;
        let ts = received.ts.unwrap_or(kafka_time);
        if ts < OLDEST || ts > now + MAX_AHEAD {
            return Err(BadRecord::AbsurdTime(ts));
        }
        received.ts = Some(ts);
        Ok(received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Figures, Identity, Record, Role};
    use crate::sampler::HostSample;

    /// As original.md gives it.
    const ORIGINAL: &str = r#"{"cpu_percent": 12.5, "memory_percent": 41.0, "client_count": 7, "server_active_clients": 2, "mirror1_active_clients": 1, "mirror2_active_clients": 0}"#;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_785_844_900, 0).unwrap()
    }

    fn parse(text: &str) -> Result<Received, BadRecord> {
        Received::parse(Some(text.as_bytes()), now() - TimeDelta::seconds(5), now())
    }

    #[test]
    fn the_original_producer_is_understood() {
        let received = parse(ORIGINAL).unwrap();
        assert_eq!(
            received.ts,
            Some(now() - TimeDelta::seconds(5)),
            "Kafka's time"
        );
        assert_eq!(
            (
                received.host.as_str(),
                received.role.as_str(),
                received.instance.as_str()
            ),
            ("unknown", "", "")
        );
        assert_eq!(
            (
                received.cpu_percent,
                received.memory_percent,
                received.client_count
            ),
            (12.5, 41.0, 7)
        );
        assert_eq!(received.server_active_clients, Some(2));
        assert_eq!(
            (
                received.mirror1_active_clients,
                received.mirror2_active_clients
            ),
            (Some(1), Some(0))
        );
        assert_eq!(
            (received.active_clients, received.backends.len()),
            (None, 0)
        );
    }

    #[test]
    fn our_own_record_is_understood() {
        let identity = Identity {
            host: "box".into(),
            role: Role::Balancer,
            instance: "lb".into(),
        };
        let backends = vec![BackendRecord {
            name: "server".into(),
            active: 3,
            ..BackendRecord::default()
        }];
        let figures = Figures {
            client_count: 9,
            active_clients: 3,
            backends: backends.clone(),
        };
        let ts = now() - TimeDelta::seconds(60);
        let record = Record::new(
            &identity,
            ts,
            HostSample {
                cpu_percent: 1.0,
                memory_percent: 2.0,
            },
            figures,
        );
        let received = parse(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(received.ts, Some(ts));
        assert_eq!(
            (
                received.host.as_str(),
                received.role.as_str(),
                received.instance.as_str()
            ),
            ("box", "balancer", "lb")
        );
        assert_eq!(
            (received.active_clients, received.server_active_clients),
            (Some(3), Some(3))
        );
        assert_eq!(received.backends, backends);
    }

    #[test]
    fn whole_percentages_and_unknown_fields_are_fine() {
        let text = ORIGINAL
            .replace("12.5", "12")
            .replace('{', r#"{"load": [1, 2], "role": "cache", "#);
        let received = parse(&text).unwrap();
        assert_eq!(
            (received.cpu_percent, received.role.as_str()),
            (12.0, "cache")
        );
    }

    #[test]
    fn what_is_wrong_has_a_name() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        for (text, label) in [
            (String::new(), "empty"),
            ("hello".into(), "malformed"),
            ("null".into(), "malformed"),
            ("[]".into(), "malformed"),
            ("{}".into(), "malformed"),
            (ORIGINAL[..40].into(), "malformed"),
            (ORIGINAL.replace("12.5", "NaN"), "malformed"),
            (ORIGINAL.replace("12.5", "1e999"), "malformed"),
            (ORIGINAL.replace("12.5", r#""12.5""#), "malformed"),
            (ORIGINAL.replace("12.5", "null"), "malformed"),
            (ORIGINAL.replace(": 7", ": 7.5"), "malformed"),
            (ORIGINAL.replace(": 7", ": -7"), "malformed"),
            (ORIGINAL.replace(": 7", &format!(": {deep}")), "malformed"),
            (
                ORIGINAL.replace('{', r#"{"ts": "yesterday", "#),
                "malformed",
            ),
            (
                ORIGINAL.replace('{', r#"{"ts": "1970-01-01T00:00:01Z", "#),
                "absurd_time",
            ),
            (
                ORIGINAL.replace('{', r#"{"ts": "2100-01-01T00:00:00Z", "#),
                "absurd_time",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.label(), label, "{text:.80}: {error}");
        }
        assert_eq!(
            Received::parse(None, now(), now()).unwrap_err().label(),
            "empty"
        );
        assert_eq!(
            Received::parse(Some(b"\xff\xfe{}"), now(), now())
                .unwrap_err()
                .label(),
            "malformed"
        );
        let never_set = Received::parse(Some(ORIGINAL.as_bytes()), DateTime::UNIX_EPOCH, now());
        assert_eq!(
            never_set.unwrap_err().label(),
            "absurd_time",
            "Kafka's time is judged as well"
        );
    }
}
