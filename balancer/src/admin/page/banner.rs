//! The first thing that is seen: how the balancer is, what is wrong, and what changed last.

use std::time::Duration;

use super::cells::span;
use super::html::{escaped, with_code};
use crate::admin::alerts::{Alert, Severity, is_weightless};
use crate::admin::api::BackendView;
use crate::admin::status::Status;
use crate::admin::time::clock;
use crate::admin::transitions::TransitionView;
use crate::observe::units;

/// The state in a word for people.
pub(super) fn word(state: &str) -> &'static str {
    match state {
        "ready" => "Ready",
        "warning" => "Warning",
        "draining" => "Stopping",
        _ => "Emergency",
    }
}

/// The title: what tells the state in a tab.
pub(super) fn title(status: &Status) -> String {
    let mark = match status.condition.state {
        "ready" => "",
        "warning" => "⚠ ",
        "draining" => "stopping, ",
        _ => "✖ EMERGENCY ",
    };
    let (up, all) = up(status);
    // Those of weight 0 serve nobody new.
    let backends = status.pools.iter().flat_map(|pool| &pool.backends);
    let (count, does) = match backends.filter(|it| is_weightless(it)).count() {
        0 => (up, "up"),
        weightless => (up - weightless, "serve"),
    };
    let active = status.sessions.active;
    format!(
        "{mark}{count}/{all} {does}, {active} open – {}",
        status.identity.name()
    )
}

/// Figures of the whole in a line.
pub(super) fn summary(status: &Status) -> String {
    let sessions = &status.sessions;
    let queued: usize = status.pools.iter().map(|pool| pool.queued).sum();
    let places: usize = status.pools.iter().map(|pool| pool.queue_limit).sum();
    // While all is well, the headline says how many are up.
    let mut parts = match status.condition.state {
        "ready" => Vec::new(),
        _ => vec![status.condition.backends_up.clone()],
    };
    parts.extend([
        format!(
            "{} of at most {} sessions open",
            sessions.active, sessions.limit
        ),
        format!("{} since the start", sessions.total),
        format!("{queued} of {places} places in the queue taken"),
    ]);
    if status.log_lines_dropped > 0 {
        parts.push(format!("{} log lines lost", status.log_lines_dropped));
    }
    let shortages = sessions.shortages.iter();
    parts.extend(shortages.map(|(resource, count)| {
        let times = units::counted(*count, "time");
        format!("out of {} {times}", resource.replace('_', " "))
    }));
    parts.join(" · ")
}

/// Where it listens, and for how long it has run.
pub(super) fn place(status: &Status) -> String {
    let identity = &status.identity;
    let host = identity.host_name.as_ref();
    let mut parts = vec![identity.to_string()];
    parts.extend(host.map(|host| format!("on {host}")));
    parts.push(format!("version {}", status.version));
    let uptime = units::span(Duration::from_secs(status.uptime_seconds));
    parts.push(format!("up {uptime}"));
    parts.join(" · ")
}

/// How many backends are up, of how many.
fn up(status: &Status) -> (usize, usize) {
    up_of(status.pools.iter().flat_map(|pool| &pool.backends))
}

/// The same of some of them; those that are leaving do not count.
pub(super) fn up_of<'a>(backends: impl Iterator<Item = &'a BackendView>) -> (usize, usize) {
    let states = backends.map(|backend| backend.state);
    let members: Vec<_> = states.filter(|state| *state != "leaving").collect();
    let up = members.iter().filter(|state| **state == "up").count();
    (up, members.len())
}

/// What is wrong. The first is in the headline already.
pub(super) fn alerts(status: &Status) -> String {
    let alerts = status.condition.alerts.iter();
    let shown = alerts.map(|alert| one(alert, status));
    shown.collect()
}

fn one(alert: &Alert, status: &Status) -> String {
    let class = match alert.severity {
        Severity::Warning => "warning",
        Severity::Emergency => "emergency",
    };
    let heading = match alert.what == status.condition.headline {
        true => String::new(),
        false => format!("<h3>{}</h3>", escaped(&alert.what)),
    };
    let since = alert.since.as_ref().map_or(String::new(), |since| {
        format!(
            "<dt>Since</dt><dd>{}, for {}</dd>",
            clock(since),
            span(since, &status.time)
        )
    });
    let todo = alert.todo.iter().map(|line| with_code(line));
    let todo = todo.map(|line| format!("<dd>{line}</dd>"));
    let todo: String = todo.collect();
    let todo = match todo.is_empty() {
        true => String::new(),
        false => format!("<dt>What to do</dt>{todo}"),
    };
    format!(
        "<div class=\"alert {class}\">{heading}<dl><dt>Clients</dt><dd>{}</dd>{since}{todo}</dl></div>",
        with_code(&alert.clients)
    )
}

/// The latest changes.
pub(super) fn changes(transitions: &[TransitionView]) -> String {
    let lines = transitions.iter().map(|past| {
        let pool = past.shown_pool();
        format!(
            "<li><time>{}</time> {}{} <b class=\"{}\">{}</b> <small>was {}: {}</small></li>",
            clock(&past.at),
            escaped(&pool),
            escaped(&past.backend),
            past.to,
            past.to,
            past.from,
            escaped(&past.reason),
        )
    });
    lines.collect()
}
