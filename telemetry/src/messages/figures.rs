//! What only a process itself can count, as it hands it to the heartbeat once a second.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One backend as the balancer sees it. Counters run since the balancer's start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendRecord {
    /// The backend's name in the balancer's settings.
    pub name: String,
    /// `HOST:PORT` that the balancer connects to.
    pub address: String,
    /// `up` or `down`, or another word for a state in which it takes no new sessions.
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
    /// Milliseconds that the last connect took; never NaN or infinite in a [`crate::Record`].
    pub connect_ms: f64,
}

/// One service of a balancer. Counters run since the balancer's start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceRecord {
    /// The service's name in the balancer's settings.
    pub name: String,
    /// Open sessions.
    pub active: u64,
    /// Sessions that may be open.
    pub session_limit: u64,
    /// Sessions so far.
    pub total: u64,
    /// Bytes from its clients.
    pub bytes_up: u64,
    /// Bytes to its clients.
    pub bytes_down: u64,
    /// Clients that were not let in.
    pub refused: u64,
    /// Backends of its pools that take new sessions now.
    pub backends_up: u64,
}

/// The totals of a balancer since its start, and what it has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct BalancerFigures {
    /// Bytes from clients to backends.
    pub bytes_up: u64,
    /// Bytes from backends to clients.
    pub bytes_down: u64,
    /// Connects to another backend after one had failed.
    pub retries: u64,
    /// Failed accepts.
    pub accept_errors: u64,
    /// Clients that were not let in.
    pub refused: u64,
    /// Clients that wait for a place at a backend, now.
    pub queued: u64,
    /// Clients that may wait.
    pub queue_limit: u64,
    /// Backends that take new sessions now.
    pub backends_up: u64,
}

/// The totals of a file server since its start.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::{CommandRecord, Figures, FileserverFigures};
///
/// let dirlist = CommandRecord { name: "dirlist".into(), requests: 3 };
/// let fileserver = FileserverFigures {
///     bytes_sent: 4096,
///     commands: vec![dirlist],
///     ..FileserverFigures::default()
/// };
/// let json = serde_json::to_value(&fileserver)?;
/// assert_eq!(json["commands"][0]["name"], "dirlist");
/// // It has no index, which is another thing than an empty one.
/// assert_eq!(json.get("index_entries"), None);
///
/// let figures = Figures { client_count: 2, fileserver: Some(fileserver), ..Figures::default() };
/// assert!(figures.backends.is_empty() && figures.balancer.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FileserverFigures {
    /// Bytes sent to clients.
    pub bytes_sent: u64,
    /// Archives begun.
    pub archives: u64,
    /// Requests refused or failed.
    pub request_errors: u64,
    /// Milliseconds that all requests together took.
    pub request_ms: u64,
    /// Files and directories in the index; None without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_entries: Option<u64>,
    /// Requests of each command; a command without requests may be left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandRecord>,
}

/// One command of a file server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandRecord {
    /// The command's name, for example `dirlist`: from a small fixed set, as each is a series in the database.
    pub name: Cow<'static, str>,
    /// Requests since the start.
    pub requests: u64,
}

/// Everything that a process counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Sessions since the start.
    pub client_count: u64,
    /// Open sessions.
    pub active_clients: u64,
    /// Sessions that may be open.
    pub session_limit: u64,
    /// Every backend; empty for a file server.
    pub backends: Vec<BackendRecord>,
    /// Every service of a balancer; empty for a file server.
    pub services: Vec<ServiceRecord>,
    /// What a balancer counts besides.
    pub balancer: Option<BalancerFigures>,
    /// What a file server counts besides.
    pub fileserver: Option<FileserverFigures>,
}
