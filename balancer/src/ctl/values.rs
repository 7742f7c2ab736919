//! Values on the command line that could never be right: they are wrong usage, and the balancer is not asked.
//!
//! Does not own what is right only for some balancers: names, the settings of pools and services. Those it judges itself.

use std::time::Duration;

use netsocket_settings::{AdminAddress, parse_duration};
use serde_json::{Map, Value};

use super::command::MAX_WEIGHT;
use super::error::CtlError;
use crate::config::{BACKEND_CHECK_KEYS, BACKEND_KEYS, unknown_key};

/// The longest deadline of a drain. The balancer judges by its own, as with the weight: this one is for messages.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// What a backend behind a unix socket begins with.
const UNIX: &str = "unix:";
/// Key of a backend that comes without sessions, beside those of the settings file.
const DRAINED: &str = "drained";

/// A weight, in the words of the balancer.
pub(super) fn weight(text: &str) -> Result<u32, CtlError> {
    let weight = text.parse().ok().filter(|weight| *weight <= MAX_WEIGHT);
    weight.ok_or_else(|| CtlError::Usage(format!("weight must be 0 to {MAX_WEIGHT}, got {text}")))
}

/// The ID of a session: three hexadecimal numbers.
pub(super) fn session(text: &str) -> Result<(), CtlError> {
    let is_part = |part: &str, digits: usize| {
        (1..=digits).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [worker, slot, serial] if is_part(worker, 4) && is_part(slot, 8) && is_part(serial, 4) => {
            Ok(())
        }
        _ => Err(CtlError::Usage(format!(
            "kill: the ID of a session is like 0-1f-a3, got {text}; or --backend NAME"
        ))),
    }
}

/// Deadline and spread of a drain.
pub(super) fn drain_times(deadline: Option<&str>, spread: Option<&str>) -> Result<(), CtlError> {
    let read = |name: &str, text: Option<&str>| text.map(|text| time(name, text)).transpose();
    match (read("deadline", deadline)?, read("spread", spread)?) {
        (Some(until), Some(part)) if part > until => Err(CtlError::Usage(format!(
            "spread must not exceed the deadline, got spread {} and deadline {}",
            spread.unwrap_or_default(),
            deadline.unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

fn time(name: &str, text: &str) -> Result<Duration, CtlError> {
    let time = parse_duration(text).ok().filter(|time| *time <= LONGEST);
    time.ok_or_else(|| {
        let has_no_unit = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let meant = match has_no_unit {
            true => format!("; did you mean {text}s?"),
            false => String::new(),
        };
        CtlError::Usage(format!(
            "{name} must be a time such as 30s or 5m, at most 24h, got {text}{meant}"
        ))
    })
}

/// The settings of a backend that is added. What is found by DNS has an address of another form.
pub(super) fn backend(name: &str, table: &Map<String, Value>) -> Result<(), CtlError> {
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    let address = text("address").unwrap_or_default();
    if name.is_empty() || (text("resolve").is_none() && !is_place(address)) {
        return Err(CtlError::Usage(format!(
            "add: the backend must be NAME=HOST:PORT, got {name}={address}"
        )));
    }
    if let Some(given) = text("weight") {
        weight(given)?;
    }
    let known = [&BACKEND_KEYS[..], &BACKEND_CHECK_KEYS[..], &[DRAINED]].concat();
    let wrong = table.keys().find(|key| !known.contains(&key.as_str()));
    match wrong {
        Some(key) => Err(CtlError::Usage(format!(
            "--set {key}: {}",
            unknown_key(key, &known)
        ))),
        None => Ok(()),
    }
}

fn is_place(address: &str) -> bool {
    if address.starts_with(UNIX) {
        return address.parse::<AdminAddress>().is_ok();
    }
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse().is_ok_and(|port: u16| port != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: std::fmt::Debug>(judged: Result<T, CtlError>) -> String {
        let error = judged.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn weights_and_times_name_what_was_given() {
        assert_eq!(weight("256").unwrap(), 256);
        for wrong in ["257", "500", "-1", "1.5", "", "heavy"] {
            assert_eq!(
                said(weight(wrong)),
                format!("weight must be 0 to 256, got {wrong}")
            );
        }
        for (deadline, spread) in [
            (None, None),
            (Some("30s"), Some("10s")),
            (Some("24h"), Some("24h")),
            (Some("0"), None),
        ] {
            assert!(drain_times(deadline, spread).is_ok());
        }
        for (deadline, spread, expected) in [
            (
                "30",
                None,
                "deadline must be a time such as 30s or 5m, at most 24h, got 30; did you mean 30s?",
            ),
            (
                "soon",
                None,
                "deadline must be a time such as 30s or 5m, at most 24h, got soon",
            ),
            (
                "-5",
                None,
                "deadline must be a time such as 30s or 5m, at most 24h, got -5",
            ),
            (
                "25h",
                None,
                "deadline must be a time such as 30s or 5m, at most 24h, got 25h",
            ),
            (
                "30s",
                Some("5"),
                "spread must be a time such as 30s or 5m, at most 24h, got 5; did you mean 5s?",
            ),
            (
                "30s",
                Some("1m"),
                "spread must not exceed the deadline, got spread 1m and deadline 30s",
            ),
        ] {
            assert_eq!(said(drain_times(Some(deadline), spread)), expected);
        }
    }

    #[test]
    fn sessions_have_ids_of_three_parts() {
        for right in ["0-1f-a3", "ffff-ffffffff-ffff", "0-0-0"] {
            assert!(session(right).is_ok(), "{right}");
        }
        for wrong in [
            "abc",
            "",
            "1-2",
            "1-2-3-4",
            "x-1-1",
            "10000-1-1",
            "1--2",
            "+1-1-1",
        ] {
            let expected = format!(
                "kill: the ID of a session is like 0-1f-a3, got {wrong}; or --backend NAME"
            );
            assert_eq!(said(session(wrong)), expected);
        }
    }

    #[test]
    fn backends_need_a_name_an_address_and_known_keys() {
        let judged = |name: &str, table: Value| {
            let Value::Object(table) = table else {
                unreachable!()
            };
            backend(name, &table)
        };
        for table in [
            serde_json::json!({"address": "10.0.0.9:9000", "weight": 2, "drained": true, "check_port": "9"}),
            serde_json::json!({"address": "[::1]:9000", "check_interval": "1s"}),
            serde_json::json!({"address": "unix:/run/x"}),
            serde_json::json!({"address": "_files._tcp.files", "resolve": "srv"}),
        ] {
            assert!(judged("a", table.clone()).is_ok(), "{table}");
        }
        for (name, table, expected) in [
            (
                "a",
                serde_json::json!({"address": "nowhere"}),
                "add: the backend must be NAME=HOST:PORT, got a=nowhere",
            ),
            (
                "a",
                serde_json::json!({"address": "h:0"}),
                "add: the backend must be NAME=HOST:PORT, got a=h:0",
            ),
            (
                "",
                serde_json::json!({"address": "h:1"}),
                "add: the backend must be NAME=HOST:PORT, got =h:1",
            ),
            (
                "a",
                serde_json::json!({"address": "unix:x"}),
                "add: the backend must be NAME=HOST:PORT, got a=unix:x",
            ),
            (
                "a",
                serde_json::json!({"address": "h:1", "weight": "999"}),
                "weight must be 0 to 256, got 999",
            ),
            (
                "a",
                serde_json::json!({"address": "h:1", "max_connection": "9"}),
                "--set max_connection: unknown key; did you mean max_connections?",
            ),
        ] {
            assert_eq!(said(judged(name, table)), expected);
        }
    }
}
