//! What `ctl` prints.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};

use super::answer::{Alert, Backend, Session, Status, Transition};
use super::table::{Align, Table, printable};
use crate::config::DEFAULT_NAME;
use crate::core::limits::WEIGHTLESS;
use crate::observe::endings::ended;
use crate::observe::units;

/// The balancer in a few lines.
pub(super) fn status(status: &Status) -> String {
    // The word of the page and the API.
    let state = match (status.draining, status.ready, status.state.as_str()) {
        (true, ..) => "draining",
        (false, true, "") => "ready",
        (false, false, "") => "not ready",
        (false, false, "warning") => "warning, not ready",
        (false, _, state) => state,
    };
    let (sessions, rates) = (&status.sessions, &status.rates);
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<13}{}", printable(&value));
    };
    let uptime = units::span(Duration::from_secs(status.uptime_seconds));
    line(
        "balancer",
        format!("{state}, {}, up {uptime}", status.version),
    );
    if !status.listen.is_empty() {
        let host = status.host_name.as_ref();
        let host = host.map(|host| format!(" on {host}"));
        let instance = status.instance.as_ref().map(|name| format!("{name}, "));
        line(
            "this is",
            format!(
                "{}{}{}",
                instance.unwrap_or_default(),
                status.listen.join(" "),
                host.unwrap_or_default()
            ),
        );
    }
    for alert in &status.alerts {
        line("alert", self::alert(alert, &status.time));
        for todo in &alert.todo {
            line("", todo.clone());
        }
    }
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
        let queue = match (pool.queued, pool.queue_limit) {
            (0, _) => String::new(),
            (queued, places) => format!(", {queued} of {places} places in the queue taken"),
        };
        line(
            "pool",
            format!("{}, {}{queue}{open}", pool.name, pool.balance),
        );
    }
    let (up, all) = status.up();
    let up = match status.backends_up.as_str() {
        "" => format!("{up} of {all} up"),
        said => said.to_owned(),
    };
    line("backends", up);
    line(
        "sessions",
        format!(
            "{} open, {} new, {} since the start, {} {}",
            sessions.active,
            units::rate(rates.sessions),
            sessions.total,
            sessions.retries,
            if sessions.retries == 1 {
                "retry"
            } else {
                "retries"
            }
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
        let ends: Vec<_> = ends.map(|(code, count)| ended(code, *count)).collect();
        line("ended", ends.join(", "));
    }
    if !sessions.tls_handshake_failures.is_empty() {
        let failures = sessions.tls_handshake_failures.iter();
        let failures =
            failures.map(|(reason, count)| format!("{count} {}", reason.replace('_', " ")));
        line("TLS failed", failures.collect::<Vec<_>>().join(", "));
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

/// What is wrong, what clients get and since when.
pub(super) fn alert(alert: &Alert, now: &str) -> String {
    let since = alert.since.as_ref().map(|since| {
        let span = units::span(units::between(since, now));
        format!(", for {span}")
    });
    format!(
        "{}{}; clients {}",
        alert.what,
        since.unwrap_or_default(),
        alert.clients
    )
}

/// A line for each backend; with services, those that it serves.
pub(super) fn backends(status: &Status) -> String {
    let with_services = !status.services.is_empty();
    let service = with_services.then_some(("SERVICE", Align::Left));
    let mut columns = vec![("NAME", Align::Left)];
    columns.extend(service);
    columns.extend([
        ("ADDRESS", Align::Left),
        ("STATE", Align::Left),
        ("FOR", Align::Right),
        ("WEIGHT", Align::Right),
        ("OPEN", Align::Right),
        ("NEW", Align::Right),
        ("TOTAL", Align::Right),
        ("RX", Align::Right),
        ("TX", Align::Right),
        ("P50", Align::Right),
        ("P99", Align::Right),
        ("ERRORS", Align::Right),
        ("REASON", Align::Left),
    ]);
    let mut table = Table::new(columns);
    for backend in status.backends() {
        let mut cells = vec![backend.full_name()];
        cells.extend(with_services.then(|| status.services_of(backend)));
        cells.extend([
            backend.address.clone(),
            backend.state.clone(),
            units::span(units::between(&backend.since, &status.time)),
            backend.weight.to_string(),
            backend.active.to_string(),
            units::rate(backend.rates.sessions),
            backend.total.to_string(),
            units::byte_rate(backend.rates.bytes_up),
            units::byte_rate(backend.rates.bytes_down),
            units::millis(backend.connect_p50_ms),
            units::millis(backend.connect_p99_ms),
            backend.errors.to_string(),
            reason(backend),
        ]);
        table.row(cells);
    }
    table.text()
}

/// One backend after a change of its state.
pub(super) fn backend(it: &Backend) -> String {
    let next = it.first_check_within_ms.map(|within| {
        let within = units::age(Duration::from_millis(within));
        format!(": it is checked now, and ready if that passes, within {within}")
    });
    changed(it, &format!("; {}{}", reason(it), next.unwrap_or_default()))
}

/// One backend after a change of its weight, which is not the reason for its state.
pub(super) fn weighed(it: &Backend) -> String {
    changed(it, "")
}

fn changed(backend: &Backend, why: &str) -> String {
    let line = format!(
        "{}: {}, weight {}{why}",
        backend.full_name(),
        backend.state,
        backend.weight
    );
    let alone = match backend.serving {
        Some(0) => "; no other healthy backend takes sessions now",
        _ => "",
    };
    printable(&line) + alone + "\n"
}

pub(super) fn reason(backend: &Backend) -> String {
    let Some(drain) = &backend.drain else {
        return match backend.is_weightless() {
            true => format!("{WEIGHTLESS}; {}", backend.reason),
            false => backend.reason.clone(),
        };
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
    format!("{} left", units::counted(count, "session"))
}

/// A line for each session; with services, the one that it belongs to.
pub(super) fn sessions<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> String {
    let sessions: Vec<_> = sessions.into_iter().collect();
    let with_services = sessions.iter().any(|session| session.service.is_some());
    let service = with_services.then_some(("SERVICE", Align::Left));
    let mut columns = vec![("ID", Align::Left), ("CLIENT", Align::Left)];
    columns.extend(service);
    columns.extend([
        ("BACKEND", Align::Left),
        ("STAGE", Align::Left),
        ("AGE", Align::Right),
        ("RX", Align::Right),
        ("TX", Align::Right),
    ]);
    // A rate takes two looks: only the snapshots have it.
    let with_rates = sessions.iter().any(|session| session.rate.is_some());
    columns.extend(with_rates.then_some(("RATE", Align::Right)));
    let mut table = Table::new(columns);
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "–".to_owned());
    for session in sessions {
        let rate = session.rate.map(units::byte_rate);
        let mut cells = vec![session.id.clone(), session.client.clone()];
        cells.extend(with_services.then(|| service_of(session)));
        cells.extend([
            named(&session.backend),
            session.stage.clone(),
            session_age(session),
            units::bytes(session.bytes_up as f64),
            units::bytes(session.bytes_down as f64),
        ]);
        cells.extend(with_rates.then(|| named(&rate)));
        table.row(cells);
    }
    table.text()
}

/// The service of a session, which is not named where it is the default one.
pub(super) fn service_of(session: &Session) -> String {
    let own = session.service.as_deref();
    own.unwrap_or(DEFAULT_NAME).to_owned()
}

pub(super) fn session_age(session: &Session) -> String {
    units::age(Duration::try_from_secs_f64(session.age_ms / 1000.0).unwrap_or_default())
}

/// How many sessions were ended.
pub(super) fn ended_sessions(count: u64) -> String {
    format!("ended {}", units::counted(count, "session"))
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
        let name = past.full_name();
        table.row([&past.at, &name, &past.from, &past.to, &past.reason].map(Clone::clone));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_back_unchecked_is_said_to_be_ready_soon() {
        let it = serde_json::json!({
            "name": "a", "state": "down", "weight": 1, "reason": "not checked yet", "serving": 1,
            "first_check_within_ms": 2000,
        });
        assert_eq!(
            backend(&serde_json::from_value(it).unwrap()),
            "a: down, weight 1; not checked yet: it is checked now, and ready if that passes, within 2.0 s\n"
        );
    }

    #[test]
    fn what_gets_no_sessions_and_the_default_service_are_told() {
        let it = |state: &str, weight| -> Backend {
            let it = serde_json::json!({ "state": state, "weight": weight, "reason": "because" });
            serde_json::from_value(it).unwrap()
        };
        assert_eq!(reason(&it("up", 1)), "because");
        assert_eq!(reason(&it("down", 0)), "because");
        assert_eq!(
            reason(&it("up", 0)),
            "weight 0: takes no new sessions; because"
        );
        let all: Vec<Session> =
            serde_json::from_str(r#"[{"id":"1","service":"web"},{"id":"2"}]"#).unwrap();
        assert!(
            sessions(&all)
                .lines()
                .nth(2)
                .unwrap()
                .contains("  default  ")
        );
    }

    #[test]
    fn the_first_line_has_the_word_of_the_page() {
        let first = |state: &str, ready, draining, retries: u64| {
            let it = serde_json::json!({
                "state": state, "ready": ready, "draining": draining, "version": "1",
                "sessions": { "retries": retries },
            });
            let text = status(&serde_json::from_value(it).unwrap());
            assert_eq!(text.contains(" 1 retry\n"), retries == 1, "{text}");
            let word = text.split(", 1, up").next().unwrap();
            word.strip_prefix("balancer     ").unwrap().to_owned()
        };
        assert_eq!(first("emergency", false, false, 0), "emergency");
        assert_eq!(first("emergency", true, false, 1), "emergency");
        assert_eq!(first("warning", false, false, 0), "warning, not ready");
        assert_eq!(first("warning", true, false, 0), "warning");
        assert_eq!(first("ready", true, false, 0), "ready");
        assert_eq!(first("draining", false, true, 0), "draining");
        // An older balancer.
        assert_eq!(first("", false, false, 0), "not ready");
        assert_eq!(first("", true, false, 0), "ready");
    }
}
