//! `/api/v1/backends`: shows a backend, and changes it: drain, ready, maintenance, weight.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use netsocket_settings::{no_such, parse_duration};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::api::BackendView;
use super::peer::Peer;
use super::state::{Admin, fresh};
use crate::control::drain::Window;
use crate::core::backend::{Backend, MAX_WEIGHT};
use crate::core::group_member::could_be_member;
use crate::core::health::{AdminState, Reason, State as HealthState};
use crate::core::pool::{DEFAULT_POOL, Pool};

/// The longest deadline of a drain.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Of a deadline without a spread, the last so many parts are for closing.
const SPREAD_PARTS: u32 = 3;

/// What may be said about the sessions of a backend that is taken out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    deadline: Option<String>,
    spread: Option<String>,
}

/// The body of a change of weight.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weight {
    weight: Value,
}

/// The answer to a change.
#[derive(Debug, Serialize)]
struct Changed {
    #[serde(flatten)]
    backend: BackendView,
    /// How many healthy backends of its pool take sessions now.
    serving: usize,
    /// How long its first check may take, which begins at once: until that has passed, it is down.
    first_check_within_ms: Option<u64>,
}

/// A request that cannot be met, and what would be right.
type Wrong = (StatusCode, String);

pub(super) async fn one(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Response {
    match find(&admin, &name) {
        Ok(backend) => shown(&admin, &backend),
        Err(wrong) => wrong.into_response(),
    }
}

pub(super) async fn drain(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    answer(set(&admin, &name, AdminState::Drain, peer, &body))
}

pub(super) async fn maintenance(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    answer(set(&admin, &name, AdminState::Maintenance, peer, &body))
}

pub(super) async fn ready(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    answer(set(&admin, &name, AdminState::Ready, peer, &body))
}

pub(super) async fn weight(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    answer(set_weight(&admin, &name, peer, &body))
}

fn set(
    admin: &Admin,
    name: &str,
    state: AdminState,
    peer: Peer,
    body: &[u8],
) -> Result<Response, Wrong> {
    let (pool, backend) = find_in_pool(admin, name)?;
    let allowed = r#"nothing, or {"deadline":"30s","spread":"10s"}"#;
    let ask: Ask = read(body, allowed)?.unwrap_or_default();
    let times = times(&ask)?;
    if state == AdminState::Ready && times.is_some() {
        let given = ask.deadline.as_deref().unwrap_or_default();
        return Err(unprocessable(&format!(
            "ready takes no deadline, got {given:?}"
        )));
    }
    let who = peer.doer();
    pool.set_admin_state(backend.id(), state, &who)
        .map_err(|_| gone(name))?;
    match times {
        Some((deadline, spread)) => {
            let window = Window::new(Instant::now(), deadline, spread);
            admin.drains.begin(&admin.shared, &backend, window);
        }
        None => admin.drains.undo(backend.id()),
    }
    Ok(changed(admin, &pool, &backend))
}

/// The deadline and the spread, if there is a deadline.
fn times(ask: &Ask) -> Result<Option<(Duration, Duration)>, Wrong> {
    let read = |field: &str, text: &Option<String>| -> Result<Option<Duration>, Wrong> {
        let Some(text) = text else { return Ok(None) };
        match parse_duration(text) {
            Ok(duration) if duration <= LONGEST => Ok(Some(duration)),
            Ok(_) => Err(unprocessable(&format!(
                "{field} must be at most 24h, got {text:?}"
            ))),
            Err(error) => Err(unprocessable(&format!("{field} = {text:?}: {error}"))),
        }
    };
    let (deadline, spread) = (
        read("deadline", &ask.deadline)?,
        read("spread", &ask.spread)?,
    );
    match (deadline, spread) {
        (None, Some(spread)) => Err(unprocessable(&format!(
            "spread needs a deadline, got only spread {spread:?}"
        ))),
        (None, None) => Ok(None),
        (Some(deadline), None) => Ok(Some((deadline, deadline / SPREAD_PARTS))),
        (Some(deadline), Some(spread)) if spread <= deadline => Ok(Some((deadline, spread))),
        (Some(deadline), Some(spread)) => Err(unprocessable(&format!(
            "spread must not exceed the deadline, got spread {spread:?} and deadline {deadline:?}"
        ))),
    }
}

fn set_weight(admin: &Admin, name: &str, peer: Peer, body: &[u8]) -> Result<Response, Wrong> {
    let (pool, backend) = find_in_pool(admin, name)?;
    let allowed = format!("{{\"weight\":N}}, N from 0 to {MAX_WEIGHT}");
    let asked: Option<Weight> = read(body, &allowed)?;
    let asked = asked.ok_or_else(|| unprocessable(&format!("the body must be {allowed}")))?;
    let weight = asked.weight.as_u64().and_then(|it| u32::try_from(it).ok());
    let weight = weight.filter(|weight| *weight <= MAX_WEIGHT);
    let weight = weight.ok_or_else(|| {
        unprocessable(&format!(
            "weight must be 0 to {MAX_WEIGHT}, got {}",
            asked.weight
        ))
    })?;
    pool.set_weight(backend.id(), weight, &peer.doer())
        .map_err(|_| gone(name))?;
    Ok(changed(admin, &pool, &backend))
}

/// The body as JSON, whatever its content type is called; `None` where there is none.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], allowed: &str) -> Result<Option<T>, Wrong> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(body).map(Some).map_err(|error| {
        let said = format!("{error}; the body must be {allowed}\n");
        (StatusCode::BAD_REQUEST, said)
    })
}

pub(super) fn find(admin: &Admin, name: &str) -> Result<Arc<Backend>, Wrong> {
    find_in_pool(admin, name).map(|(_, backend)| backend)
}

/// A backend by its name or, where several pools have one of that name, by `POOL/NAME`.
fn find_in_pool(admin: &Admin, name: &str) -> Result<(Arc<Pool>, Arc<Backend>), Wrong> {
    let named = |(pool, backend): &(Arc<Pool>, Arc<Backend>)| match name.split_once('/') {
        Some((of, name)) => pool.name() == of && backend.name() == name,
        None => backend.name() == name,
    };
    let shown = admin.shared.pools().into_iter().flat_map(|pool| {
        let shown = pool.shown().into_iter();
        shown.map(move |backend| (Arc::clone(&pool), backend))
    });
    let mut found: Vec<_> = shown.filter(named).collect();
    match found.len() {
        0 => Err(unknown(admin, name)),
        1 => Ok(found.remove(0)),
        _ => {
            let names = found
                .iter()
                .map(|(pool, _)| format!("{}/{name}", pool.name()));
            let names = names.collect::<Vec<_>>().join(", ");
            let said = format!("several pools have a backend {name:?}: say which of {names}\n");
            Err((StatusCode::CONFLICT, said))
        }
    }
}

fn unknown(admin: &Admin, name: &str) -> Wrong {
    let pools = admin.shared.pools();
    let names = |pool: &Arc<Pool>| pool.shown().into_iter().map(|it| it.full_name());
    if let Some(pool) = pools.iter().find(|pool| pool.name() == name) {
        let of_pool: Vec<String> = names(pool).collect();
        let said = match of_pool.is_empty() {
            true => format!("{name} is a pool without backends\n"),
            false => format!(
                "{name} is a pool; its backends are {}\n",
                of_pool.join(", ")
            ),
        };
        return (StatusCode::NOT_FOUND, said);
    }
    if let Some(said) = unknown_group(&pools, name) {
        return (StatusCode::NOT_FOUND, said);
    }
    let known: Vec<String> = pools.iter().flat_map(names).collect();
    let said = no_such("backend", name, &known);
    (StatusCode::NOT_FOUND, said + "\n")
}

/// Where it is a name that is looked for in DNS: those that were found there.
fn unknown_group(pools: &[Arc<Pool>], name: &str) -> Option<String> {
    let (of, group) = name.split_once('/').unwrap_or((DEFAULT_POOL, name));
    let pool = pools.iter().find(|pool| pool.name() == of)?;
    let groups = pool.groups();
    groups.iter().find(|it| it.name == group)?;
    let members = pool.shown().into_iter();
    let members = members.filter(|it| could_be_member(group, it.name()));
    let members: Vec<String> = members.map(|it| it.full_name()).collect();
    Some(match members.is_empty() {
        true => format!("{name} is looked for in DNS, and no backend was found\n"),
        false => format!(
            "{name} is looked for in DNS; its backends are {}\n",
            members.join(", ")
        ),
    })
}

/// What is leaving has sessions, but nothing of it can be changed any more.
fn gone(name: &str) -> Wrong {
    (
        StatusCode::CONFLICT,
        format!("{name} is leaving the pool\n"),
    )
}

fn unprocessable(said: &str) -> Wrong {
    (StatusCode::UNPROCESSABLE_ENTITY, format!("{said}\n"))
}

fn shown(admin: &Admin, backend: &Backend) -> Response {
    fresh(admin.backend(backend))
}

/// The backend after a change, and who else serves.
fn changed(admin: &Admin, pool: &Pool, backend: &Backend) -> Response {
    fresh(Changed {
        backend: admin.backend(backend),
        serving: pool.up_count(),
        first_check_within_ms: first_check_within(admin, pool, backend),
    })
}

/// The time that the first check has, where it is still to come.
fn first_check_within(admin: &Admin, pool: &Pool, backend: &Backend) -> Option<u64> {
    let report = backend.report();
    if report.state != HealthState::Down || report.reason != Reason::NotChecked {
        return None;
    }
    let own = backend.own().and_then(|own| own.checks.clone());
    let timeout = own.map(|checks| checks.timeout).or_else(|| {
        let settings = admin.settings.load();
        let plans = settings.config.pool_plans();
        let plan = plans.iter().find(|plan| plan.name == pool.name());
        plan.map(|plan| plan.settings.checks.timeout)
    });
    timeout.and_then(|timeout| timeout.as_millis().try_into().ok())
}

fn answer(result: Result<Response, Wrong>) -> Response {
    result.unwrap_or_else(IntoResponse::into_response)
}
