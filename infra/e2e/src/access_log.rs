//! Log lines in their JSON form.

use serde_json::Value;

/// The environment variable and value that make every program log JSON.
pub const JSON_FORMAT: (&str, &str) = ("NETSOCKET_LOG_FORMAT", "json");

/// The same for the balancer's access log.
pub const JSON_SESSIONS: (&str, &str) = ("NETSOCKET_ACCESS_LOG_FORMAT", "json");

/// The events whose message is `message`, in order. Lines that are no JSON (a panic, a line cut by a kill) are left out.
#[must_use]
pub fn events(log: &str, message: &str) -> Vec<Value> {
    let mut events = all(log);
    events.retain(|event| event["message"] == message);
    events
}

/// The events of a log target, such as `netsocket_balancer::access`, in order.
#[must_use]
pub fn of_target(log: &str, target: &str) -> Vec<Value> {
    let mut events = all(log);
    events.retain(|event| event["target"] == target);
    events
}

/// The lines of the balancer's access log, in order: its fields are no event's.
#[must_use]
pub fn sessions(log: &str) -> Vec<Value> {
    let mut lines = all(log);
    lines.retain(|line| line["termination"].is_string());
    lines
}

fn all(log: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
