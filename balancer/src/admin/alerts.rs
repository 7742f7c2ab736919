//! What an operator should know at once: what is wrong, what clients get meanwhile, since when, and what to do.
//!
//! Decides from what the API shows, without I/O or a clock. The status page, `ctl status` and `ctl top` show it.

mod alert;
mod certificates;
mod names;
mod room;
mod settings;

use std::collections::BTreeMap;

use netsocket_credentials::Moment;
use serde::Serialize;

pub(super) use self::alert::{Alert, Severity};
use self::alert::{NAMED, listed};
pub(super) use self::certificates::Certificate;
use self::room::Room;
pub(super) use self::settings::{NotRestarted, Refused};
use super::api::{BackendView, PoolView};
use super::commands::Commands;
use super::service_view::ServiceView;
use crate::core::pool::DEFAULT_POOL;
use crate::observe::units::counted;

/// What the alerts are decided by.
pub(super) struct Facts<'a> {
    pub(super) draining: bool,
    /// What part of the balancer does not work.
    pub(super) trouble: Option<String>,
    pub(super) active: u64,
    pub(super) limit: u64,
    /// How many there are, if the limit comes from them.
    pub(super) descriptors: Option<u64>,
    pub(super) now: Moment,
    pub(super) certificates: &'a [Certificate],
    /// Where the latest reload was refused.
    pub(super) refused: Option<&'a Refused>,
    /// Where the latest restart failed.
    pub(super) failed_restart: Option<&'a NotRestarted>,
    /// How commands are typed for this balancer.
    pub(super) commands: &'a Commands,
    pub(super) pools: &'a [PoolView],
    pub(super) services: &'a [ServiceView],
}

/// The state of the balancer in one word, in one sentence, and everything that is wrong, the worst first.
#[derive(Debug, Default, Serialize)]
pub(super) struct Condition {
    /// `ready`, `warning`, `emergency` or `draining`.
    pub(super) state: &'static str,
    pub(super) headline: String,
    /// How many backends are up, whatever else is wrong.
    pub(super) backends_up: String,
    pub(super) alerts: Vec<Alert>,
}

impl Condition {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let mut alerts = of_process(facts);
        alerts.extend(facts.pools.iter().flat_map(|pool| of_pool(pool, facts)));
        // Stable: what is as bad as another stays in the order of the settings.
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
        let worst = alerts.first();
        let state = match worst.map(|alert| alert.severity) {
            _ if facts.draining => "draining",
            Some(Severity::Emergency) => "emergency",
            Some(Severity::Warning) => "warning",
            None => "ready",
        };
        let headline = match worst {
            _ if facts.draining => "This balancer is stopping".to_owned(),
            Some(alert) => alert.what.clone(),
            None => backends_up(facts.pools),
        };
        Self {
            state,
            headline,
            backends_up: backends_up(facts.pools),
            alerts,
        }
    }
}

/// How many are up, how many of those get no sessions, and how many of the others an operator wants out: for the page, `ctl
/// status` and `ctl top`.
fn backends_up(pools: &[PoolView]) -> String {
    let all: Vec<&BackendView> = pools.iter().flat_map(members).collect();
    let up = all.iter().filter(|backend| backend.state == "up").count();
    let weightless = all.iter().filter(|it| is_weightless(it)).count();
    // Others may be out by their agents, or not checked yet.
    let out = all.iter().filter(|it| it.admin != "ready").count();
    let how_many = match (up, all.len()) {
        (_, 0) => "There is no backend".to_owned(),
        (1, 1) if weightless == 1 => return "The backend is up, with weight 0".to_owned(),
        (1, 1) => "The backend is up".to_owned(),
        (_, 1) => "The backend is not up".to_owned(),
        (up, count) if up == count => format!("All {count} backends are up"),
        (up, count) => format!("{up} of {count} backends are up"),
    };
    let part = |count: usize, what: &str| match count {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    how_many + &part(weightless, "with weight 0") + &part(out, "taken out by an operator")
}

fn of_process(facts: &Facts<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    if let Some(trouble) = &facts.trouble {
        alerts.push(Alert {
            severity: Severity::Emergency,
            what: format!("Part of the balancer does not work: {trouble}"),
            clients: "may not be served".to_owned(),
            since: None,
            todo: vec!["The log has the reason. Restart the balancer.".to_owned()],
        });
    }
    let commands = facts.commands;
    let sessions = Room {
        active: facts.active,
        limit: facts.limit,
        descriptors: facts.descriptors,
    };
    alerts.extend(sessions.alert(commands));
    alerts.extend(certificates::alerts(
        facts.certificates,
        facts.now,
        commands,
    ));
    alerts.extend(facts.refused.map(|it| it.alert(commands)));
    alerts.extend(facts.failed_restart.map(|it| it.alert(commands)));
    alerts
}

fn members(pool: &PoolView) -> impl Iterator<Item = &BackendView> {
    pool.backends
        .iter()
        .filter(|backend| backend.state != "leaving")
}

fn of_pool(pool: &PoolView, facts: &Facts<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    if members(pool).any(takes_sessions) {
        alerts.extend(some_down(pool, facts.commands));
    } else {
        alerts.push(all_down(pool, facts));
    }
    if pool.queued > 0 {
        alerts.push(Alert {
            severity: Severity::Warning,
            what: format!(
                "{} wait for a free place{}",
                counted(pool.queued, "client"),
                of_name(&pool.name)
            ),
            clients: format!(
                "wait in the queue, which has {} places; they are refused when it is full (SQ) or `queue_timeout` is over (sQ)",
                pool.queue_limit
            ),
            since: None,
            todo: vec![format!(
                "Add servers ({}), or raise `max_connections` of the backends.",
                add(pool, facts.commands)
            )],
        });
    }
    let is_served = members(pool).any(takes_sessions);
    let failing = pool.groups.iter().filter(|group| group.problem.is_some());
    alerts.extend(failing.map(|group| names::alert(group, is_served)));
    alerts
}

/// Some are up, others are not although no operator wants that.
fn some_down(pool: &PoolView, commands: &Commands) -> Option<Alert> {
    let down: Vec<&BackendView> = members(pool).filter(|it| is_unwell(it)).collect();
    let up: Vec<_> = members(pool).filter(|it| takes_sessions(it)).collect();
    let all = members(pool).count();
    let what = match down.as_slice() {
        [] => return None,
        [one] => format!("{} is {}: {}", one.full_name(), one.state, one.reason),
        several => format!("{} of {all} backends are down", several.len()) + &of_name(&pool.name),
    };
    let backups = up.iter().all(|backend| backend.backup);
    let served = counted(up.len(), if backups { "backup" } else { "backend" });
    Some(Alert {
        severity: Severity::Warning,
        what,
        clients: format!("are served by {served}"),
        since: down.iter().map(|backend| backend.since.clone()).min(),
        todo: advice(&down, commands),
    })
}

/// Healthy, and with a weight: one of weight 0 keeps its sessions and gets no new ones.
fn takes_sessions(backend: &BackendView) -> bool {
    backend.state == "up" && backend.weight > 0
}

/// What looks as if it served, and does not.
pub(super) fn is_weightless(backend: &BackendView) -> bool {
    backend.state == "up" && backend.weight == 0
}

/// Nobody takes sessions.
fn all_down(pool: &PoolView, facts: &Facts<'_>) -> Alert {
    let all: Vec<&BackendView> = members(pool).collect();
    let in_service = all.iter().filter(|it| it.admin == "ready").count();
    let unchecked = all.iter().filter(|it| is_unchecked(it)).count();
    let begins = in_service > 0 && unchecked == in_service;
    let weightless = all.iter().any(|it| is_weightless(it));
    // Of those, one may work although its checks fail.
    let hopeful = all.iter().any(|it| it.admin == "ready" && it.weight > 0);
    let name = of_name(&pool.name) + &users(&pool.name, facts.services);
    let what = if all.is_empty() {
        format!("There is no backend{name}")
    } else if in_service == 0 {
        format!("Operators have taken out every backend{name}")
    } else if begins {
        format!("No backend{name} has been checked yet")
    } else if weightless {
        format!("No backend{name} takes sessions: those that are up have weight 0")
    } else {
        format!("No backend{name} is up")
    };
    let clients = if !hopeful {
        "are refused (SC)".to_owned()
    } else if pool.failing_open {
        "are refused unless a backend works despite failing its checks".to_owned()
    } else if pool.last_resort > 0 {
        "are offered to each backend in service once, and refused if none takes them (SC)"
            .to_owned()
    } else {
        "are refused (SC)".to_owned()
    };
    let mut todo = advice(&all, facts.commands);
    let unnamed = pool.groups.iter().filter(|it| it.members == 0);
    todo.extend(unnamed.flat_map(names::advice));
    if all.is_empty() && pool.groups.is_empty() {
        todo.push(format!("Add one: {}.", add(pool, facts.commands)));
    }
    if hopeful {
        let next = match todo.is_empty() {
            true => "Wait: sessions begin as soon as a check passes.",
            false => {
                "Nothing else is needed after that: sessions begin again as soon as a check passes."
            }
        };
        todo.push(next.to_owned());
    }
    Alert {
        severity: match begins {
            true => Severity::Warning,
            false => Severity::Emergency,
        },
        what,
        clients,
        since: pool.outage_since.clone(),
        todo,
    }
}

/// The command for one more backend.
fn add(pool: &PoolView, commands: &Commands) -> String {
    match pool.name.as_str() {
        DEFAULT_POOL => commands.ctl(&["add", "NAME=HOST:PORT"]),
        name => commands.ctl(&["add", name, "NAME=HOST:PORT"]),
    }
}

/// One command for several backends, of which some are named: `before` and `after` stand around their names.
fn for_each(
    backends: &[&BackendView],
    commands: &Commands,
    before: &str,
    after: Option<&str>,
) -> String {
    let names: Vec<_> = backends.iter().map(|it| it.full_name()).collect();
    let named = names.iter().take(NAMED).map(String::as_str);
    let words: Vec<&str> = [before].into_iter().chain(named).chain(after).collect();
    let command = commands.ctl(&words);
    match names.len().saturating_sub(NAMED) {
        0 => command,
        more => format!("{command} and {more} more"),
    }
}

/// Out although no operator wants that.
fn is_unwell(backend: &BackendView) -> bool {
    matches!(backend.state, "down" | "ejected")
        && backend.admin == "ready"
        && !is_unchecked(backend)
}

fn is_unchecked(backend: &BackendView) -> bool {
    backend.admin == "ready" && backend.state == "down" && backend.checks.last.is_none()
}

/// What to do about them: one sentence for all of which the same is wrong.
fn advice(backends: &[&BackendView], commands: &Commands) -> Vec<String> {
    let mut alike: BTreeMap<&str, Vec<&BackendView>> = BTreeMap::new();
    for backend in backends {
        let last = backend.checks.last.as_ref();
        let kind = match (backend.admin, last) {
            _ if is_weightless(backend) => "weightless",
            ("ready", None) => continue,
            ("ready", Some(check)) => check.result,
            _ => "out",
        };
        alike.entry(kind).or_default().push(backend);
    }
    let said = |backends: &[&BackendView]| {
        let checks = backends.iter().filter_map(|it| it.checks.last.as_ref());
        let mut said = checks.filter_map(|check| check.said.as_deref());
        said.next().unwrap_or("failed").to_owned()
    };
    let sentence = |(kind, backends): (&str, Vec<&BackendView>)| {
        // Several pools may have one server.
        let mut named: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for backend in &backends {
            let names = named.entry(&backend.address).or_default();
            names.push(backend.full_name());
        }
        let count = named.len();
        let places = named
            .into_iter()
            .map(|(address, names)| format!("{} ({address})", names.join(", ")));
        let places = listed(places);
        let one_or =
            |one: &'static str, several: &'static str| if count == 1 { one } else { several };
        let names = listed(backends.iter().map(|it| it.full_name()));
        match kind {
            "out" => format!(
                "Put back what is meant to serve: {}.",
                for_each(&backends, commands, "ready", None)
            ),
            "weightless" => format!(
                "Give a weight to what is meant to serve: {}.",
                for_each(&backends, commands, "weight", Some("1"))
            ),
            "passed" => format!("{names}: checks pass, so wait."),
            "refused" => format!(
                "Nothing listens at {places}: start the {} there.",
                one_or("server", "servers")
            ),
            "timeout" => format!(
                "{places} cannot be reached: {} on, and does every firewall on the way let the balancer through?",
                one_or("is the machine", "are the machines")
            ),
            "lost" | "no-answer" | "wrong-answer" | "wrong-status" => format!(
                "{places}: {} as `check_kind` expects ({}): see the {} log.",
                one_or(
                    "connects, but does not answer",
                    "connect, but do not answer"
                ),
                said(&backends),
                one_or("server's", "servers'")
            ),
            _ => format!("Checks of {places} fail: {}.", said(&backends)),
        }
    };
    alike.into_iter().map(sentence).collect()
}

/// ` of pool NAME`, where that is not the default one.
fn of_name(pool: &str) -> String {
    match pool {
        DEFAULT_POOL => String::new(),
        other => format!(" of pool {other}"),
    }
}

/// Which services it serves, where they have other names.
fn users(pool: &str, services: &[ServiceView]) -> String {
    let users = services.iter().filter(|it| it.pool == pool);
    let names: Vec<_> = users.map(|service| service.name.clone()).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] if only == pool => String::new(),
        several => format!(" (for {})", listed(several.iter().cloned())),
    }
}

#[cfg(test)]
mod tests;
