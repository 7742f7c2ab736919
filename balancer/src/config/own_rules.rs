//! What a backend says for itself: how it is checked, where connections to it come from, and what becomes of its sessions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use netsocket_settings::{Check, Scalar};

use super::entry_keys::BACKEND_CHECK_KEYS;
use super::keys::Entries;
use super::scalars::Scalars;
use super::{health, limits};
use crate::core::backend::{OnDown, OwnRules};

/// Keys that are for nobody but one backend.
const OWN_KEYS: [&str; 5] = [
    "check_address",
    "agent_address",
    "proxy_send",
    "source",
    "on_down",
];

fn is_own(key: &str) -> bool {
    OWN_KEYS.contains(&key) || BACKEND_CHECK_KEYS.contains(&key)
}

/// Whether a backend says anything for itself.
pub(super) fn are_given(table: &Scalars<'_>) -> bool {
    table.iter().any(|(key, _)| is_own(key))
}

/// Judges them. `common` are the settings of its pool, from which checks inherit what is not said.
pub(super) fn read(
    check: &mut Check,
    table: &Scalars<'_>,
    common: &Entries,
) -> Option<Arc<OwnRules>> {
    let given = table.iter().filter(|(key, _)| is_own(key));
    let given: BTreeMap<String, Scalar> = given
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    if given.is_empty() {
        return None;
    }
    let value = |key: &str| given.get(key);
    let on_down = check.read_with(
        "on_down",
        value("on_down"),
        OnDown::Keep,
        "keep or close",
        |text| match text {
            "keep" => Some(OnDown::Keep),
            "close" => Some(OnDown::Close),
            _ => None,
        },
    );
    let check_address = check.read_with(
        "check_address",
        value("check_address"),
        None,
        "an IP address",
        |text| text.parse().ok().map(Some),
    );
    let agent_address = check.read_with(
        "agent_address",
        value("agent_address"),
        None,
        "an IP address",
        |text| text.parse().ok().map(Some),
    );
    let sources = check.read_list(
        "source",
        value("source"),
        Vec::new(),
        "addresses of this machine, separated by commas",
        |text| {
            let each = text.split(',').map(|one| one.trim().parse::<IpAddr>().ok());
            each.collect()
        },
    );
    let is_default = given.keys().all(|key| key == "on_down") && on_down == OnDown::Keep;
    if is_default {
        return None;
    }
    let keys = |key: &String| {
        let sent = ["proxy_send", "agent_address"].contains(&key.as_str());
        sent || BACKEND_CHECK_KEYS.contains(&key.as_str())
    };
    let has_checks = given.keys().any(keys);
    let single = given
        .iter()
        .filter(|(key, _)| keys(key) && *key != "agent_address");
    let single = single
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let entries = Entries::of(single).over(common);
    let send = limits::proxy(check, &entries).send;
    let mut checks = has_checks.then(|| health::checks(check, &entries, send));
    if let Some(checks) = &mut checks {
        match &mut checks.agent {
            Some(agent) => agent.address = agent_address,
            None if agent_address.is_some() => {
                check.problem_at("agent_port", "is missing: an agent has an address");
            }
            None => {}
        }
    }
    let own_thresholds = ["check_rise", "check_fall"].map(|key| given.contains_key(key));
    let thresholds = own_thresholds
        .contains(&true)
        .then(|| health::thresholds(check, &entries));
    Some(Arc::new(OwnRules {
        checks: checks.map(Arc::new),
        thresholds,
        check_address,
        proxy_send: value("proxy_send").map(|_| send),
        sources,
        on_down,
        given: given
            .into_iter()
            .map(|(key, value)| (key, value.0))
            .collect(),
    }))
}
