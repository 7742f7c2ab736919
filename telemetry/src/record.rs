//! What a process tells about itself once a second: one JSON object, the same in Kafka, in the embedded history and in
//! the balancer's API.
//!
//! Owns the written form. What the collector accepts is wider (the original producer knew six fields) and is owned by
//! [`crate::collector`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use sysinfo::System;

use crate::names::{UNKNOWN_HOST, backend};
use crate::sampler::HostSample;

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It relays clients to backends.
    Balancer,
    /// It serves files.
    Fileserver,
}

impl Role {
    /// The name in records and tags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balancer => "balancer",
            Self::Fileserver => "fileserver",
        }
    }
}

/// Who speaks: two processes that run at the same time must differ in it, or their points overwrite each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The host name of the machine.
    pub host: String,
    /// What the process is.
    pub role: Role,
    /// The process among those of its role on this host, for example a server's name or a listen address.
    pub instance: String,
}

impl Identity {
    /// An identity on this machine.
    pub fn new(role: Role, instance: impl Into<String>) -> Self {
        let host = System::host_name()
            .ok()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| UNKNOWN_HOST.to_owned());
        Self {
            host,
            role,
            instance: instance.into(),
        }
    }

    /// The Kafka key of this process: records of one key keep their order.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.host, self.role.as_str(), self.instance)
    }
}

/// One backend as the balancer sees it. Counters run since the balancer's start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendRecord {
    /// The backend's name in the balancer's settings.
    pub name: String,
    /// `HOST:PORT` that the balancer connects to.
    pub address: String,
    /// `up` or `down`.
    pub state: String,
    /// Open sessions.
    pub active: u64,
    /// Sessions so far.
    pub total: u64,
    /// Failed connects and broken sessions so far.
    pub errors: u64,
    /// Bytes from clients to the backend.
    pub bytes_up: u64,
    /// Bytes from the backend to clients.
    pub bytes_down: u64,
    /// Milliseconds that the last connect took; never NaN or infinite in a [`Record`].
    pub connect_ms: f64,
}

/// What only the process itself can count.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Sessions since the start.
    pub client_count: u64,
    /// Open sessions.
    pub active_clients: u64,
    /// Every backend; empty for a file server.
    pub backends: Vec<BackendRecord>,
}

/// One second of one process. The first six measurements have the names that the original system gave them; a file
/// server, which has no backends, leaves the three `*_active_clients` of named backends out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it was measured: RFC 3339, UTC, milliseconds, on a whole second.
    #[serde(serialize_with = "rfc3339_millis")]
    pub ts: DateTime<Utc>,
    /// The host name of the machine.
    pub host: String,
    /// What the process is.
    pub role: Role,
    /// The process among those of its role.
    pub instance: String,
    /// Busy share of all cores together, 0 to 100.
    pub cpu_percent: f64,
    /// Used share of the machine's memory, 0 to 100.
    pub memory_percent: f64,
    /// Sessions since the start.
    pub client_count: u64,
    /// Open sessions on the backend named `server`, 0 where there is none of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_active_clients: Option<u64>,
    /// Open sessions on the backend named `mirror1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror1_active_clients: Option<u64>,
    /// Open sessions on the backend named `mirror2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror2_active_clients: Option<u64>,
    /// Open sessions of the process.
    pub active_clients: u64,
    /// Every backend; left out where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<BackendRecord>,
}

impl Record {
    /// Puts together what one second is made of. Connect times that are no numbers become 0, because JSON has no way
    /// to say them and InfluxDB refuses them.
    #[must_use]
    pub fn new(
        identity: &Identity,
        ts: DateTime<Utc>,
        sample: HostSample,
        figures: Figures,
    ) -> Self {
        let Figures {
            client_count,
            active_clients,
            mut backends,
        } = figures;
        for backend in &mut backends {
            if !backend.connect_ms.is_finite() {
                backend.connect_ms = 0.0;
            }
        }
        let active_on = |name: &str| {
            let active = backends
                .iter()
                .find(|backend| backend.name == name)
                .map_or(0, |backend| backend.active);
            (identity.role == Role::Balancer).then_some(active)
        };
        Self {
            ts,
            host: identity.host.clone(),
            role: identity.role,
            instance: identity.instance.clone(),
            cpu_percent: sample.cpu_percent,
            memory_percent: sample.memory_percent,
            client_count,
            server_active_clients: active_on(backend::SERVER),
            mirror1_active_clients: active_on(backend::MIRROR1),
            mirror2_active_clients: active_on(backend::MIRROR2),
            active_clients,
            backends,
        }
    }
}

fn rfc3339_millis<S: Serializer>(ts: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&ts.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SAMPLE: HostSample = HostSample {
        cpu_percent: 12.5,
        memory_percent: 41.0,
    };

    fn identity(role: Role, instance: &str) -> Identity {
        Identity {
            host: "box".into(),
            role,
            instance: instance.into(),
        }
    }

    fn ts() -> DateTime<Utc> {
        DateTime::from_timestamp(1_785_844_802, 0).unwrap()
    }

    fn backend(name: &str, active: u64) -> BackendRecord {
        BackendRecord {
            name: name.into(),
            address: "127.0.0.1:9001".into(),
            state: "up".into(),
            active,
            total: 5,
            errors: 1,
            bytes_up: 10,
            bytes_down: 2_000,
            connect_ms: 0.25,
        }
    }

    #[test]
    fn a_balancer_record_is_this_json() {
        let figures = Figures {
            client_count: 7,
            active_clients: 4,
            backends: vec![
                backend("mirror1", 1),
                backend("server", 2),
                backend("extra", 1),
            ],
        };
        let record = Record::new(&identity(Role::Balancer, "lb"), ts(), SAMPLE, figures);
        let entry = |name: &str, active: u64| {
            json!({"name": name, "address": "127.0.0.1:9001", "state": "up", "active": active, "total": 5,
                   "errors": 1, "bytes_up": 10, "bytes_down": 2000, "connect_ms": 0.25})
        };
        let golden = json!({
            "ts": "2026-08-04T12:00:02.000Z", "host": "box", "role": "balancer", "instance": "lb",
            "cpu_percent": 12.5, "memory_percent": 41.0, "client_count": 7,
            "server_active_clients": 2, "mirror1_active_clients": 1, "mirror2_active_clients": 0,
            "active_clients": 4, "backends": [entry("mirror1", 1), entry("server", 2), entry("extra", 1)],
        });
        assert_eq!(serde_json::to_value(&record).unwrap(), golden);
        assert_eq!(serde_json::from_value::<Record>(golden).unwrap(), record);
    }

    #[test]
    fn a_file_server_record_is_this_json() {
        let figures = Figures {
            client_count: 3,
            active_clients: 1,
            backends: vec![],
        };
        let record = Record::new(
            &identity(Role::Fileserver, "mirror1"),
            ts(),
            SAMPLE,
            figures,
        );
        let golden = r#"{"ts":"2026-08-04T12:00:02.000Z","host":"box","role":"fileserver","instance":"mirror1","cpu_percent":12.5,"memory_percent":41.0,"client_count":3,"active_clients":1}"#;
        assert_eq!(serde_json::to_string(&record).unwrap(), golden);
        assert_eq!(serde_json::from_str::<Record>(golden).unwrap(), record);
    }

    #[test]
    fn unknown_fields_are_accepted_when_reading() {
        let mut value: Value = serde_json::to_value(Record::new(
            &identity(Role::Fileserver, "a"),
            ts(),
            SAMPLE,
            Figures::default(),
        ))
        .unwrap();
        value["version"] = json!(2);
        assert!(serde_json::from_value::<Record>(value).is_ok());
    }

    #[test]
    fn a_connect_time_that_is_no_number_is_written_as_zero() {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let figures = Figures {
                backends: vec![BackendRecord {
                    connect_ms: wrong,
                    ..backend("a", 0)
                }],
                ..Figures::default()
            };
            let record = Record::new(&identity(Role::Balancer, "lb"), ts(), SAMPLE, figures);
            assert_eq!(
                serde_json::to_value(&record).unwrap()["backends"][0]["connect_ms"],
                json!(0.0)
            );
        }
    }

    #[test]
    fn an_identity_knows_its_machine() {
        let identity = Identity::new(Role::Balancer, "lb");
        assert!(!identity.host.is_empty());
        assert_eq!(identity.key(), format!("{}/balancer/lb", identity.host));
    }
}
