//! Requested changes: each is logged with its peer, and counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{Method, StatusCode};
use serde_json::Value;
use tracing::{info, warn};

use super::hidden::HIDDEN;
use super::peer::Peer;
use crate::config::SECRET_KEYS;
use crate::observe::metrics::ChangeKey;

/// The longest value in the log, in bytes.
const LONGEST: usize = 1000;

/// What a request asks to be set, for the log: its body on one line, without secrets. `None`: nothing, or not JSON.
pub(super) fn value(body: &[u8]) -> Option<String> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    hide_secrets(&mut value);
    let mut text = value.to_string();
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    Some(text)
}

fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                match SECRET_KEYS.contains(&key.as_str()) {
                    true => *value = HIDDEN.into(),
                    false => hide_secrets(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

/// What became of the changes so far.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<BTreeMap<ChangeKey, u64>>);

impl Changes {
    /// Notes one that was let through, by the status of its answer. `route` is the path with its names left open.
    pub(super) fn answered(
        &self,
        peer: Peer,
        method: &Method,
        (route, path): (&str, &str),
        value: Option<&str>,
        status: StatusCode,
    ) {
        let result = if status.is_success() { "done" } else { "wrong" };
        info!(%peer, %method, path, value, result, status = status.as_u16(), "change");
        self.count(method, route, result);
    }

    /// Notes one that was not let through.
    pub(super) fn denied(
        &self,
        peer: Peer,
        method: &Method,
        (route, path): (&str, &str),
        why: impl std::fmt::Display,
    ) {
        warn!(%peer, %method, path, denied = %why, "change refused");
        self.count(method, route, "denied");
    }

    fn count(&self, method: &Method, route: &str, result: &'static str) {
        let key = ChangeKey {
            method: method.to_string(),
            path: route.to_owned(),
            result,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(key).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<ChangeKey, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_without_secrets() {
        assert_eq!(value(b""), None);
        assert_eq!(value(b"x"), None);
        let said = value(b"{ \"weight\": 2,\n\"own\": [{\"kafka_password\": \"x\"}] }");
        let expected = r#"{"own":[{"kafka_password":"(hidden)"}],"weight":2}"#;
        assert_eq!(said.as_deref(), Some(expected));
        let long = value(format!("\"{}\"", "é".repeat(LONGEST)).as_bytes()).unwrap();
        assert!(long.len() < LONGEST + 4 && long.ends_with('…'));
    }
}
