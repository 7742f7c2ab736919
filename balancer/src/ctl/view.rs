//! What `ctl` prints.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};

use super::answer::{Backend, Differences, Reloaded, Session, Status, Transition};
use super::table::{Align, Table, printable};
use crate::observe::units;

/// What a reload did: a line for each kind of change.
pub(super) fn reloaded(reloaded: &Reloaded) -> String {
    let backends = &reloaded.backends;
    let kinds = [
        ("changed", &reloaded.changed),
        ("added", &backends.added),
        ("removed", &backends.removed),
        ("altered", &backends.altered),
        ("needs restart", &reloaded.needs_restart),
    ];
    let mut text = format!("reloaded, generation {}\n", reloaded.generation);
    for service in &reloaded.services {
        let _ = writeln!(text, "{}", printable(service));
    }
    for (what, names) in kinds.iter().filter(|(_, names)| !names.is_empty()) {
        let _ = writeln!(text, "{what:<14}{}", printable(&names.join(", ")));
    }
    if reloaded.cut > 0 {
        let _ = writeln!(text, "{:<14}{}", "sessions cut", reloaded.cut);
    }
    text
}

/// How the running settings differ from the file: a line each.
pub(super) fn differences(it: &Differences) -> String {
    if it.differences.is_empty() {
        return "the running settings are those of the file\n".to_owned();
    }
    let lines = it.differences.iter();
    lines.map(|line| printable(line) + "\n").collect()
}

/// The balancer in a few lines.
pub(super) fn status(status: &Status) -> String {
    let backends: Vec<&Backend> = status
        .pools
        .iter()
        .flat_map(|pool| &pool.backends)
        .collect();
    let members = backends.iter().filter(|backend| backend.state != "leaving");
    let up = members.clone().filter(|backend| backend.state == "up");
    let state = match (status.draining, status.ready) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    let (sessions, rates) = (&status.sessions, &status.rates);
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<13}{}", printable(&value));
    };
    let uptime = units::age(Duration::from_secs(status.uptime_seconds));
    line(
        "balancer",
        format!("{state}, {}, up {uptime}", status.version),
    );
    for service in &status.services {
        let pool = Some(service.pool.as_str()).filter(|pool| !pool.is_empty());
        let said = format!(
            "{} at {}, pool {}, {} open, {} since the start",
            service.name,
            service.listen.join(" "),
            pool.unwrap_or("by rule"),
            service.active,
            service.total
        );
        line("service", said);
    }
    for pool in &status.pools {
        let open = if pool.failing_open {
            ", failing open"
        } else {
            ""
        };
        line("pool", format!("{}, {}{open}", pool.name, pool.balance));
    }
    line(
        "backends",
        format!("{} of {} up", up.count(), members.count()),
    );
    line(
        "sessions",
        format!(
            "{} open, {} new, {} since the start, {} retries",
            sessions.active,
            units::rate(rates.sessions),
            sessions.total,
            sessions.retries
        ),
    );
    for (key, rate, total) in [
        ("from clients", rates.bytes_up, sessions.bytes_up),
        ("to clients", rates.bytes_down, sessions.bytes_down),
    ] {
        line(
            key,
            format!(
                "{}/s, {} since the start",
                units::bytes(rate),
                units::bytes(total as f64)
            ),
        );
    }
    if !sessions.by_termination.is_empty() {
        let ends = sessions.by_termination.iter();
        let ends: Vec<_> = ends
            .map(|(code, count)| format!("{code} {count}"))
            .collect();
        line("ends", ends.join(", "));
    }
    if let Some(host) = &status.host {
        line(
            "host",
            format!(
                "CPU {:.0} %, memory {:.0} %",
                host.cpu_percent, host.memory_percent
            ),
        );
    }
    let telemetry = &status.telemetry;
    line(
        "telemetry",
        match (telemetry.enabled, telemetry.connected) {
            (false, _) => "history only".to_owned(),
            (true, connected) => format!(
                "Kafka {}, {} queued, {} dropped",
                if connected {
                    "connected"
                } else {
                    "not connected"
                },
                telemetry.queued,
                telemetry.dropped
            ),
        },
    );
    text
}

/// A line for each backend.
pub(super) fn backends(status: &Status) -> String {
    let mut table = Table::new([
        ("NAME", Align::Left),
        ("ADDRESS", Align::Left),
        ("STATE", Align::Left),
        ("WEIGHT", Align::Right),
        ("OPEN", Align::Right),
        ("NEW", Align::Right),
        ("TOTAL", Align::Right),
        ("UP", Align::Right),
        ("DOWN", Align::Right),
        ("P50", Align::Right),
        ("P99", Align::Right),
        ("ERRORS", Align::Right),
        ("REASON", Align::Left),
    ]);
    for backend in status.pools.iter().flat_map(|pool| &pool.backends) {
        table.row([
            backend.full_name(),
            backend.address.clone(),
            backend.state.clone(),
            backend.weight.to_string(),
            backend.active.to_string(),
            units::rate(backend.rates.sessions),
            backend.total.to_string(),
            format!("{}/s", units::bytes(backend.rates.bytes_up)),
            format!("{}/s", units::bytes(backend.rates.bytes_down)),
            units::millis(backend.connect_p50_ms),
            units::millis(backend.connect_p99_ms),
            backend.errors.to_string(),
            reason(backend),
        ]);
    }
    table.text()
}

/// One backend after a change.
pub(super) fn backend(backend: &Backend) -> String {
    let line = format!(
        "{}: {}, weight {}; {}",
        backend.full_name(),
        backend.state,
        backend.weight,
        reason(backend)
    );
    printable(&line) + "\n"
}

fn reason(backend: &Backend) -> String {
    let Some(drain) = &backend.drain else {
        return backend.reason.clone();
    };
    let mut text = format!("{}; {}", backend.reason, left(drain.sessions_left));
    if let (Some(rest), false) = (drain.deadline_ms, drain.done) {
        let rest = units::age(Duration::from_millis(rest));
        text.push_str(&format!(", all closed in {rest}"));
    }
    if drain.closed > 0 {
        text.push_str(&format!(", {} closed", drain.closed));
    }
    text
}

/// `1 session left`.
pub(super) fn left(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} session{plural} left")
}

/// A line for each session.
pub(super) fn sessions<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("CLIENT", Align::Left),
        ("BACKEND", Align::Left),
        ("STAGE", Align::Left),
        ("AGE", Align::Right),
        ("UP", Align::Right),
        ("DOWN", Align::Right),
        ("RATE", Align::Right),
    ]);
    for session in sessions {
        let rate = session.rate.map(|rate| format!("{}/s", units::bytes(rate)));
        table.row([
            session.id.clone(),
            session.client.clone(),
            session.backend.clone().unwrap_or_else(|| "–".to_owned()),
            session.stage.clone(),
            units::age(Duration::try_from_secs_f64(session.age_ms / 1000.0).unwrap_or_default()),
            units::bytes(session.bytes_up as f64),
            units::bytes(session.bytes_down as f64),
            rate.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    table.text()
}

/// A line for each transition.
pub(super) fn transitions(transitions: &[Transition]) -> String {
    let mut table = Table::new([
        ("AT", Align::Left),
        ("BACKEND", Align::Left),
        ("FROM", Align::Left),
        ("TO", Align::Left),
        ("REASON", Align::Left),
    ]);
    for past in transitions {
        table.row([&past.at, &past.backend, &past.from, &past.to, &past.reason].map(Clone::clone));
    }
    table.text()
}

/// `key: value` lines.
pub(super) fn object(object: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (key, value) in object {
        let value = match value {
            Value::String(value) => value.clone(),
            other => other.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}", printable(key), printable(&value));
    }
    text
}
