//! `/api/v1/config`: the settings in force; `/api/v1/reload`: reloads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::hidden::HIDDEN;
use super::state::Admin;
use super::time::rfc3339;
use crate::config::{BackendAddress, Config, SECRET_KEYS};
use crate::control::discovery;
use crate::control::reload::{Changes, LatestReload, ReloadError};

#[derive(Debug, Serialize)]
struct View<'a> {
    /// Counts the settings that came into force, from 1.
    generation: u64,
    /// `null`: none since the start.
    latest_reload: Option<Latest<'a>>,
    /// In a form in which each can be set; `null`: nothing.
    settings: BTreeMap<&'static str, Option<String>>,
    backends: Vec<Backend>,
    /// Backends that are looked for in DNS.
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    resolve: &'static str,
    ip_family: &'static str,
    address: String,
}

#[derive(Debug, Serialize)]
struct Latest<'a> {
    at: String,
    /// `applied` or `refused`.
    result: &'static str,
    changes: Option<&'a Changes>,
    /// Why nothing was changed, one for each problem.
    problems: Vec<String>,
}

/// As it is set: its host may be a name.
#[derive(Debug, Serialize)]
struct Backend {
    name: String,
    address: String,
    weight: u32,
    backup: bool,
    max_connections: u32,
    check_port: Option<u16>,
    /// What it has for itself and not from its pool.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    own: BTreeMap<String, String>,
}

pub(super) async fn read(State(admin): State<Arc<Admin>>) -> Response {
    let in_force = admin.settings.load();
    let view = View {
        generation: in_force.generation,
        latest_reload: in_force.latest.as_deref().map(Latest::from),
        settings: settings(&in_force.config),
        backends: in_force.config.backends.iter().map(Backend::from).collect(),
        groups: in_force.config.groups.iter().map(Group::from).collect(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(view)).into_response()
}

fn settings(config: &Config) -> BTreeMap<&'static str, Option<String>> {
    let hide = |(key, value): (&'static str, Option<String>)| {
        let hidden = SECRET_KEYS.contains(&key);
        (
            key,
            value.map(|value| if hidden { HIDDEN.to_owned() } else { value }),
        )
    };
    config.shown().into_iter().map(hide).collect()
}

/// Without secrets.
fn without_secrets(given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let hide = |(key, value): (&String, &String)| {
        let hidden = SECRET_KEYS.contains(&key.as_str());
        let value = if hidden { HIDDEN } else { value };
        (key.clone(), value.to_owned())
    };
    given.iter().map(hide).collect()
}

impl<'a> From<&'a LatestReload> for Latest<'a> {
    fn from(latest: &'a LatestReload) -> Self {
        let refused = latest.outcome.as_ref().err().map(ReloadError::problems);
        Self {
            at: rfc3339(latest.at),
            result: if refused.is_none() {
                "applied"
            } else {
                "refused"
            },
            changes: latest.outcome.as_ref().ok(),
            problems: refused.unwrap_or_default(),
        }
    }
}

impl From<&discovery::Group> for Group {
    fn from(group: &discovery::Group) -> Self {
        Self {
            name: group.name.clone(),
            resolve: group.question.label(),
            ip_family: group.question.family().label(),
            address: group.question.to_string(),
        }
    }
}

impl From<&BackendAddress> for Backend {
    fn from(backend: &BackendAddress) -> Self {
        let shown = backend.to_string();
        let address = shown.split_once('=').map_or("", |(_, address)| address);
        let attributes = &backend.attributes;
        Self {
            name: backend.name.clone(),
            address: address.to_owned(),
            weight: attributes.weight,
            backup: attributes.backup,
            max_connections: attributes.max_connections.map_or(0, |most| most.get()),
            check_port: attributes.check_port.map(|port| port.get()),
            own: attributes
                .own
                .as_ref()
                .map(|own| without_secrets(&own.given))
                .unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Reloaded {
    generation: u64,
    #[serde(flatten)]
    changes: Changes,
    /// What has been done, and most likely is not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Reloaded {
    pub(super) fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

/// What has changed, with the settings that are in force now.
pub(super) fn reloaded(admin: &Admin, changes: Changes) -> Reloaded {
    Reloaded {
        generation: admin.settings.load().generation,
        changes,
        warnings: Vec::new(),
    }
}

/// Why nothing has.
pub(super) fn refused(error: &ReloadError) -> Response {
    let status = match error {
        ReloadError::Invalid { .. } | ReloadError::Unresolved(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ReloadError::Occupied(_) => StatusCode::PRECONDITION_FAILED,
        ReloadError::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        ReloadError::Draining => StatusCode::SERVICE_UNAVAILABLE,
        ReloadError::NoSource => StatusCode::NOT_IMPLEMENTED,
    };
    (status, format!("{error}\n")).into_response()
}

/// Has the settings read anew: what changed, or every problem.
pub(super) async fn reload(State(admin): State<Arc<Admin>>) -> Response {
    match admin.lifecycle.reload().await {
        Ok(changes) => Json(reloaded(&admin, changes)).into_response(),
        Err(error) => refused(&error),
    }
}
